//! Re-key Key Pair: a new pair takes the place of another (1.4 §4.5, 2.1 §6.1.47). What is taken over is in `replace`.

use super::create::StorageMasks;
use super::create_key_pair::{key_spec, link, private_encoding, public_encoding};
use super::fresh::{Origin, asked, furnish, joined};
use super::replace::{inherited, may_replace, succeed};
use super::{Cx, Object, Op, resident};
use crate::base::{Error, Result};
use crate::crypto::keys::{KeySpec, PrivateKey};
use crate::model::right::Right;
use crate::model::values::Target;
use crate::model::{Attributes, Refusal, attr};
use crate::proto::attributes::AttributeList;
use crate::proto::id::{Id, IdRef};
use crate::proto::objects::Body;
use crate::proto::wire::structure;
use crate::registry::{KeyFormatType, ObjectType, ResultReason, Tag, UniqueIdentifier};

/// Re-key Key Pair.
pub struct ReKeyKeyPair;

structure! {
    /// The pair, by its private key; Offset in seconds between Initial Date and Activation Date of the new one.
    pub struct Request<'a> reads {
        opt PrivateKeyUniqueIdentifier => id: IdRef<'a>;
        opt Offset => offset: u32;
        opt CommonTemplateAttribute | CommonAttributes => common: AttributeList;
        opt PrivateKeyTemplateAttribute | PrivateKeyAttributes => private: AttributeList;
        opt PublicKeyTemplateAttribute | PublicKeyAttributes => public: AttributeList;
        opt CommonProtectionStorageMasks => common_storage: StorageMasks;
        opt PrivateProtectionStorageMasks => private_storage: StorageMasks;
        opt PublicProtectionStorageMasks => public_storage: StorageMasks;
    }
}

structure! {
    /// The new keys.
    pub struct Response writes {
        req PrivateKeyUniqueIdentifier => private: Id;
        req PublicKeyUniqueIdentifier => public: Id;
    }
}

/// One half of the pair on its way.
struct Half {
    old: Object,
    attributes: Attributes,
}

impl Op for ReKeyKeyPair {
    type Request<'a> = Request<'a>;
    type Response = Response;

    fn run(request: Request<'_>, cx: &mut Cx<'_>) -> Result<Response> {
        StorageMasks::check(request.public_storage.as_ref(), ResultReason::PublicProtectionStorageUnavailable)?;
        let private = cx.object(request.id, Right::Rekey)?;
        for masks in [&request.common_storage, &request.private_storage] {
            let unavailable = ResultReason::PrivateProtectionStorageUnavailable;
            StorageMasks::check_beside(cx, &private, masks.as_ref(), unavailable)?;
        }
        may_replace(cx, &private, ObjectType::PrivateKey)?;
        let public = public_half(cx, &private)?;
        may_replace(cx, &public, ObjectType::PublicKey)?;
        let common = request.common.unwrap_or_default();
        let mut half = |old: Object, own: Option<AttributeList>, object_type| {
            let asked = asked(cx, joined(&common, own.unwrap_or_default()), object_type)?;
            let mut attributes = inherited(cx, &old, asked, request.offset)?;
            // Where the request says nothing, the new key has the format of the old one.
            if let Some(format) = old.material.format.filter(|_| !attributes.has(attr::KEY_FORMAT_TYPE.tag())) {
                attributes.set(attr::KEY_FORMAT_TYPE, format);
            }
            Ok::<_, Error>(Half { old, attributes })
        };
        let mut private = half(private, request.private, ObjectType::PrivateKey)?;
        let mut public = half(public, request.public, ObjectType::PublicKey)?;
        let spec = key_spec(&mut private.attributes, &mut public.attributes, cx.version)?;
        cx.block()?;
        if cx.resident_key(&private.old).is_some() {
            return in_the_hsm(cx, &spec, private, public);
        }
        let key = PrivateKey::generate(&spec).map_err(Error::from)?;
        for half in [&mut private, &mut public] {
            half.attributes.set(attr::CRYPTOGRAPHIC_LENGTH, key.length());
        }
        let private_form = private_encoding(&key, &mut private.attributes, cx.version)?;
        let public_form = public_encoding(&key, &mut public.attributes, cx.version)?;
        let (mut old_private, mut new_private, private_body) = make(cx, private, private_form)?;
        let (mut old_public, mut new_public, public_body) = make(cx, public, public_form)?;
        link(&mut new_private, Tag::PublicKeyLink, &new_public.id);
        link(&mut new_public, Tag::PrivateKeyLink, &new_private.id);
        succeed(cx, &mut old_private, &mut new_private);
        succeed(cx, &mut old_public, &mut new_public);
        // The old keys first: they give up their names.
        cx.save(old_private)?;
        cx.save(old_public)?;
        let public = cx.save_with(new_public, Some(public_body))?;
        let private = cx.save_with(new_private, Some(private_body))?;
        cx.answer(UniqueIdentifier::ReKeyKeyPairPublicKey, &public);
        // "The server SHALL copy the Private Key Unique Identifier … into the ID Placeholder variable."
        cx.answer(UniqueIdentifier::ReKeyKeyPairPrivateKey, &private);
        Ok(Response { private, public })
    }
}

/// The replacement of a pair whose private key is in the HSM is made there.
fn in_the_hsm(cx: &mut Cx<'_>, spec: &KeySpec, private: Half, public: Half) -> Result<Response> {
    let (mut old_private, mut old_public) = (private.old, public.old);
    let mut new_private = cx.new_object(ObjectType::PrivateKey)?;
    let mut new_public = cx.new_object(ObjectType::PublicKey)?;
    new_private.owner = old_private.owner.clone();
    new_public.owner = old_public.owner.clone();
    let mut made = resident::pair(cx, spec, (new_private, private.attributes), (new_public, public.attributes))?;
    succeed(cx, &mut old_private, &mut made.private);
    succeed(cx, &mut old_public, &mut made.public);
    // The old keys first: they give up their names.
    cx.save(old_private)?;
    cx.save(old_public)?;
    let public = cx.save_with(made.public, Some(made.body))?;
    let private = cx.save_resident(made.private, &made.key)?;
    cx.answer(UniqueIdentifier::ReKeyKeyPairPublicKey, &public);
    cx.answer(UniqueIdentifier::ReKeyKeyPairPrivateKey, &private);
    Ok(Response { private, public })
}

/// The other half of the pair.
fn public_half(cx: &mut Cx<'_>, private: &Object) -> Result<Object> {
    let link = private.attributes.get(attr::PUBLIC_KEY_LINK);
    let Some(Target::Object(id)) = link else {
        let words = "the private key has no link to its public key, so this is no pair that could be replaced";
        let refusal = Refusal::new(ResultReason::InvalidField, ResultReason::PermissionDenied, words);
        return Err(refusal.into_error(cx.version));
    };
    cx.object_by_id(&id, Right::Rekey)
}

fn make(cx: &Cx<'_>, half: Half, (format, body): (KeyFormatType, Body)) -> Result<(Object, Object, Body)> {
    let mut new = cx.new_object(half.old.object_type)?;
    new.owner = half.old.owner.clone();
    new.material.format = Some(format);
    furnish(cx, &mut new, half.attributes, Some(&body), Origin::Generated)?;
    cx.may_create(&new)?;
    Ok((half.old, new, body))
}
