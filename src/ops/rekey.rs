//! Re-key: a new symmetric key takes the place of another (1.4 §4.4, 2.1 §6.1.46). What is taken over is in `replace`.

use super::create::{StorageMasks, generated_format, generated_key, key_bits, key_body};
use super::fresh::{Origin, asked, furnish};
use super::replace::{inherited, may_replace, succeed};
use super::{Cx, Op, resident};
use crate::base::Result;
use crate::model::attr;
use crate::model::right::Right;
use crate::proto::attributes::AttributeList;
use crate::proto::id::{Id, IdRef};
use crate::proto::wire::structure;
use crate::registry::{KeyFormatType, ObjectType, ResultReason, UniqueIdentifier};

/// Re-key.
pub struct ReKey;

structure! {
    /// Which key; Offset in seconds between Initial Date and Activation Date of the new one; what else to change.
    pub struct Request<'a> reads {
        opt UniqueIdentifier => id: IdRef<'a>;
        opt Offset => offset: u32;
        opt TemplateAttribute | Attributes => attributes: AttributeList;
        opt ProtectionStorageMasks => storage: StorageMasks;
    }
}

structure! {
    /// The new key.
    pub struct Response writes {
        req UniqueIdentifier => id: Id;
    }
}

impl Op for ReKey {
    type Request<'a> = Request<'a>;
    type Response = Response;

    fn run(request: Request<'_>, cx: &mut Cx<'_>) -> Result<Response> {
        let mut old = cx.object(request.id, Right::Rekey)?;
        may_replace(cx, &old, ObjectType::SymmetricKey)?;
        StorageMasks::check_beside(cx, &old, request.storage.as_ref(), ResultReason::ProtectionStorageUnavailable)?;
        let asked = asked(cx, request.attributes.unwrap_or_default(), ObjectType::SymmetricKey)?;
        let mut attributes = inherited(cx, &old, asked, request.offset)?;
        if !attributes.has(attr::KEY_FORMAT_TYPE.tag())
            && old.material.format == Some(KeyFormatType::TransparentSymmetricKey)
        {
            attributes.set(attr::KEY_FORMAT_TYPE, KeyFormatType::TransparentSymmetricKey);
        }
        let bits = key_bits(&mut attributes, ObjectType::SymmetricKey, cx)?;
        let mut new = cx.new_object(ObjectType::SymmetricKey)?;
        new.owner = old.owner.clone();
        if cx.resident_key(&old).is_some() {
            // The replacement of a key in the HSM is made there.
            let (mut new, key) = resident::symmetric(cx, new, attributes)?;
            succeed(cx, &mut old, &mut new);
            cx.save(old)?;
            let id = cx.save_resident(new, &key)?;
            cx.answer(UniqueIdentifier::ReKey, &id);
            return Ok(Response { id });
        }
        let format = generated_format(&mut attributes)?;
        let body = key_body(generated_key(cx, &attributes, bits)?, format);
        new.material.format = Some(format);
        furnish(cx, &mut new, attributes, Some(&body), Origin::Generated)?;
        cx.may_create(&new)?;
        succeed(cx, &mut old, &mut new);
        // The old key first: it gives up the name.
        cx.save(old)?;
        let id = cx.save_with(new, Some(body))?;
        cx.answer(UniqueIdentifier::ReKey, &id);
        Ok(Response { id })
    }
}
