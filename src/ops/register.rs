//! Register: a client brings an object that was made elsewhere (1.4 §4.3, 2.1 §6.1.43).

use super::create::StorageMasks;
use super::fresh::{Origin, Parsed, furnish, parse, requested};
use super::{Cx, Object, Op, certificate, pkcs12, resident, unwrapping};
use crate::base::{Error, Result};
use crate::crypto::CryptoError;
use crate::crypto::formats::Hint;
use crate::model::object::Fields;
use crate::model::right::Right;
use crate::model::{Attribute, Attributes, attr};
use crate::proto::attributes::{AttributeList, NewAttribute};
use crate::proto::id::Id;
use crate::proto::objects::{Body, BodyKind, NewObject, object_type_of};
use crate::proto::wire::{Read, missing, repeated, structure, unexpected};
use crate::registry::{ObjectType, ResultReason, Tag, UniqueIdentifier, Version};
use crate::ttlv::Item;

/// Register.
pub struct Register;

/// The type, the attributes and the object. The object's tag depends on its type, so this is read by hand.
#[derive(Debug)]
pub struct Request {
    object_type: ObjectType,
    attributes: AttributeList,
    storage: Option<StorageMasks>,
    object: NewObject,
}

impl<'a> Read<'a> for Request {
    fn read(item: &Item<'a>, version: Version) -> Result<Self> {
        let (mut object_type, mut attributes, mut storage, mut object) = (None, None, None, None);
        for child in item.children() {
            let again = match child.tag {
                Tag::ObjectType => object_type.replace(ObjectType::read(&child, version)?).is_some(),
                Tag::TemplateAttribute | Tag::Attributes if child.tag.known_in(version) => {
                    attributes.replace(AttributeList::read(&child, version)?).is_some()
                }
                Tag::ProtectionStorageMasks if child.tag.known_in(version) => {
                    storage.replace(StorageMasks::read(&child, version)?).is_some()
                }
                tag if object_type_of(tag).is_some() && tag.known_in(version) => object.replace(child).is_some(),
                _ => return Err(unexpected(&child, item.tag, version)),
            };
            if again {
                return Err(repeated(&child));
            }
        }
        let object_type = object_type.ok_or_else(|| missing(Tag::ObjectType, item.tag))?;
        // An object type of a later version is not one of this request's.
        let object =
            object.ok_or_else(|| Error::invalid_message("the object to register is missing in the request"))?;
        Ok(Self {
            object_type,
            attributes: attributes.unwrap_or_default(),
            storage,
            object: NewObject::read(&object, object_type, version)?,
        })
    }
}

structure! {
    /// The new object.
    pub struct Response writes {
        req UniqueIdentifier => id: Id;
    }
}

impl Op for Register {
    type Request<'a> = Request;
    type Response = Response;

    fn run(request: Request, cx: &mut Cx<'_>) -> Result<Response> {
        let mut new = request.object;
        fits_limits(cx, new.body.as_ref())?;
        let mut list = request.attributes;
        list.attributes.extend(new.attributes);
        if let Fields::Template(content) = &new.material.fields {
            name_template(&mut list, content);
        }
        let mut attributes = requested(cx, list, request.object_type)?;
        let resident = request.object_type == ObjectType::SymmetricKey
            && new.body.is_some()
            && resident::wanted(cx, &attributes, &[request.storage.as_ref()])?;
        if !resident {
            StorageMasks::check(request.storage.as_ref(), ResultReason::ProtectionStorageUnavailable)?;
        }
        let mut object = cx.new_object(request.object_type)?;
        object.material = new.material;
        agree(&mut attributes, new.algorithm, new.length)?;
        if let Some(body) = &new.body {
            check_key(&mut attributes, &object, body)?;
        }
        if let Some(body) = new.body.take_if(|_| resident) {
            let id = resident::register(cx, object, attributes, body)?;
            cx.answer(UniqueIdentifier::Register, &id);
            return Ok(Response { id });
        }
        if let Some(body) = &new.body {
            certificate::describe(&mut attributes, &object.material.fields, body)?;
            pkcs12::describe(cx, &mut attributes, &object, body)?;
        }
        wrapped(cx, &mut attributes, &mut object)?;
        furnish(cx, &mut object, attributes, new.body.as_ref(), Origin::Registered)?;
        if new.body.is_none() && request.object_type != ObjectType::Template {
            // "Key Value Present SHALL be created by the server if the Key Value is absent" (2.1 §4.28).
            object.attributes.set(attr::KEY_VALUE_PRESENT, false);
        }
        cx.may_create(&object)?;
        let id = cx.save_with(object, new.body)?;
        cx.answer(UniqueIdentifier::Register, &id);
        Ok(Response { id })
    }
}

/// Whether the server takes a body of this size.
pub fn fits_limits(cx: &Cx<'_>, body: Option<&Body>) -> Result<()> {
    if body.is_some_and(|body| body.bytes.len() > cx.services.limits.object_bytes_max) {
        return Err(Error::new(ResultReason::ServerLimitExceeded, "the object is larger than this server takes"));
    }
    Ok(())
}

/// A Name inside a Template names the template itself: names are unique, so it cannot be one to hand on. Clients put
/// it there or beside it (1.4 §2.2.6 and the test cases SASED-M-2).
fn name_template(list: &mut AttributeList, content: &[Attribute]) {
    if list.attributes.iter().any(|one| one.tag == Tag::Name) {
        return;
    }
    let names = content.iter().filter(|one| one.tag == Tag::Name);
    list.attributes.extend(names.map(|one| NewAttribute { tag: one.tag, value: one.value.clone(), index: None }));
}

/// Algorithm and length may stand among the attributes or in the Key Block; where they stand in both they agree.
pub fn agree(
    attributes: &mut Attributes,
    algorithm: Option<crate::registry::CryptographicAlgorithm>,
    length: Option<i32>,
) -> Result<()> {
    let differ =
        |what: &str| Err(Error::invalid_field(format!("{what} differs between the attributes and the Key Block")));
    match (attributes.get(attr::CRYPTOGRAPHIC_ALGORITHM), algorithm) {
        (None, Some(algorithm)) => attributes.set(attr::CRYPTOGRAPHIC_ALGORITHM, algorithm),
        (Some(asked), Some(algorithm)) if asked != algorithm => return differ("Cryptographic Algorithm"),
        _ => {}
    }
    match (attributes.get(attr::CRYPTOGRAPHIC_LENGTH), length) {
        (None, Some(length)) => attributes.set(attr::CRYPTOGRAPHIC_LENGTH, length),
        (Some(asked), Some(length)) if asked != length => return differ("Cryptographic Length"),
        _ => {}
    }
    Ok(())
}

/// Parses a key of a pair once: bytes that are not the format they claim are refused here, and what the client left
/// out is filled in. Formats that are unknown here, and keys that are too weak to use, are kept as they are: a server
/// stores what it is given (BL-M-12 registers a DSA key of 512 bits).
pub fn check_key(attributes: &mut Attributes, object: &Object, body: &Body) -> Result<()> {
    let Some(format) = object.material.format else { return Ok(()) };
    if object.object_type == ObjectType::SymmetricKey {
        return check_symmetric(attributes, body);
    }
    let hint = Hint {
        algorithm: attributes.get(attr::CRYPTOGRAPHIC_ALGORITHM),
        length: attributes.get(attr::CRYPTOGRAPHIC_LENGTH),
        curve: attributes.get(attr::CRYPTOGRAPHIC_DOMAIN_PARAMETERS).and_then(|one| one.recommended_curve),
    };
    let (algorithm, length) = match parse(object.object_type, format, hint, body) {
        Some(Err(error @ (CryptoError::BadData(_) | CryptoError::BadParameters(_)))) => {
            return Err(Error::invalid_field(format!("the key cannot be read as {format}: {error}")));
        }
        None | Some(Err(_)) => return Ok(()),
        Some(Ok(Parsed::Private(key))) => (key.algorithm(), key.length()),
        Some(Ok(Parsed::Public(key))) => (key.algorithm(), key.length()),
    };
    if hint.algorithm.is_none() {
        attributes.set(attr::CRYPTOGRAPHIC_ALGORITHM, algorithm);
    }
    if hint.length.is_none() {
        attributes.set(attr::CRYPTOGRAPHIC_LENGTH, length);
    }
    Ok(())
}

/// A plain symmetric key must be as long as its Cryptographic Length says. DES counts its parity bits or not.
fn check_symmetric(attributes: &Attributes, body: &Body) -> Result<()> {
    if body.kind == BodyKind::Wrapped {
        return Ok(());
    }
    let (Some(key), Some(length)) = (super::symmetric::raw(body), attributes.get(attr::CRYPTOGRAPHIC_LENGTH)) else {
        return Ok(());
    };
    let bits = key.len() as i64 * 8;
    let length = i64::from(length);
    if bits == length || bits * 7 == length * 8 || (bits - length > 0 && bits - length < 8) {
        return Ok(());
    }
    Err(Error::invalid_field(format!("Cryptographic Length says {length} bits, the key has {bits}")))
}

/// A wrapped object is linked to the key that wrapped it (2.1 §6.1.43); that key must be the caller's to use.
pub fn wrapped(cx: &mut Cx<'_>, attributes: &mut Attributes, object: &mut Object) -> Result<()> {
    let Some(mut wrapping) = object.material.wrapping.take() else { return Ok(()) };
    unwrapping::bind(cx, &mut wrapping)?;
    let link = unwrapping::wrapping_key_link(&wrapping);
    object.material.wrapping = Some(wrapping);
    let Some(link) = link.filter(|_| !attributes.has(Tag::WrappingKeyLink)) else { return Ok(()) };
    // A key that is not here is no error: the object is kept wrapped, as it came.
    if link.as_text().is_some_and(|id| cx.object_by_id(id, Right::ReadAttributes).is_ok()) {
        attributes.push(Tag::WrappingKeyLink, link);
    }
    Ok(())
}
