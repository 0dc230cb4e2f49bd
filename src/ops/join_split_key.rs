//! Join Split Key: parts become one object again (1.2 §4.39, 2.1 §6.1.27).

use super::create::{StorageMasks, bytes_of, object_of};
use super::create_key_pair::{link, private_encoding};
use super::fresh::{Origin, Parsed, furnish, parse, requested};
use super::get::available;
use super::register::agree;
use super::split_key::{HANDED_ON, PARTS_MAX, copy, fields_of, hand_on_exposure, set_of, split_of};
use super::unwrapping::plain_body;
use super::using::block_for_bytes;
use super::{Cx, Object, Op, symmetric};
use crate::base::{Error, KeyBytes, Result};
use crate::crypto::CryptoError;
use crate::crypto::formats::Hint;
use crate::crypto::split::{self, Part};
use crate::model::object::Fields;
use crate::model::right::Right;
use crate::model::{Attributes, attr};
use crate::proto::attributes::AttributeList;
use crate::proto::id::{Id, IdRef};
use crate::proto::objects::Body;
use crate::proto::wire::{missing, structure};
use crate::registry::{KeyFormatType, ObjectType, ResultReason, SecretDataType, SplitKeyMethod, Tag, UniqueIdentifier};

/// Join Split Key.
pub struct JoinSplitKey;

structure! {
    /// What to make of which parts.
    pub struct Request<'a> reads {
        req ObjectType => object_type: ObjectType;
        many UniqueIdentifier => parts: IdRef<'a>;
        opt SecretDataType => secret_type: SecretDataType;
        opt TemplateAttribute | Attributes => attributes: AttributeList;
        opt ProtectionStorageMasks => storage: StorageMasks;
    }
}

structure! {
    /// The joined object.
    pub struct Response writes {
        req UniqueIdentifier => id: Id;
    }
}

impl Op for JoinSplitKey {
    type Request<'a> = Request<'a>;
    type Response = Response;

    fn run(request: Request<'_>, cx: &mut Cx<'_>) -> Result<Response> {
        let object_type = request.object_type;
        if !matches!(object_type, ObjectType::SymmetricKey | ObjectType::PrivateKey | ObjectType::SecretData) {
            return Err(Error::new(
                ResultReason::InvalidObjectType,
                format!("parts join to a Symmetric Key, Private Key or Secret Data, not to a {object_type}"),
            ));
        }
        if request.secret_type.is_some() && object_type != ObjectType::SecretData {
            return Err(Error::invalid_field(format!("a {object_type} has no Secret Data Type")));
        }
        StorageMasks::check(request.storage.as_ref(), ResultReason::ProtectionStorageUnavailable)?;
        let mut attributes = requested(cx, request.attributes.unwrap_or_default(), object_type)?;
        let parts = found(cx, &request.parts)?;
        take_over(&parts, &mut attributes)?;
        let secret = joined(cx, &parts, object_type, &attributes)?;
        let (mut object, body) = match object_type {
            ObjectType::PrivateKey => private_key(cx, attributes, secret)?,
            _ => secret_object(cx, object_type, attributes, secret)?,
        };
        if let Some(secret_type) = request.secret_type {
            object.material.fields = Fields::SecretData(secret_type);
        }
        for part in &parts {
            link(&mut object, Tag::JoinedSplitKeyPartsLink, &part.id);
        }
        let id = cx.save_with(object, Some(body))?;
        cx.answer(UniqueIdentifier::JoinSplitKey, &id);
        Ok(Response { id })
    }
}

/// The parts. Whoever joins them could have them one by one, so that is the right it takes.
fn found(cx: &mut Cx<'_>, ids: &[IdRef<'_>]) -> Result<Vec<Object>> {
    if ids.is_empty() {
        return Err(missing(Tag::UniqueIdentifier, Tag::RequestPayload));
    }
    if ids.len() > PARTS_MAX {
        let words = format!("this server joins {PARTS_MAX} parts at most");
        return Err(Error::new(ResultReason::ServerLimitExceeded, words));
    }
    let mut parts = Vec::new();
    for id in ids {
        let part = cx.object(Some(*id), Right::Get)?;
        fields_of(&part)?;
        available(&part, cx)?;
        parts.push(part);
    }
    Ok(parts)
}

/// What the joined object has from its parts: what the request leaves out, and what guards the material.
///
/// # Errors
/// Cryptographic Failure for parts that say different things of their key; Invalid Field if the request does.
fn take_over(parts: &[Object], attributes: &mut Attributes) -> Result<()> {
    let Some(first) = parts.first() else { return Ok(()) };
    let of = |part: &Object| {
        (part.attributes.get(attr::CRYPTOGRAPHIC_ALGORITHM), part.attributes.get(attr::CRYPTOGRAPHIC_LENGTH))
    };
    let mut sets = parts.iter().filter_map(set_of);
    let set = sets.next();
    if parts.iter().any(|part| of(part) != of(first)) || sets.any(|other| Some(other) != set) {
        return Err(CryptoError::BadData("split key parts of different secrets").into());
    }
    let (algorithm, length) = of(first);
    agree(attributes, algorithm, length)?;
    // A part that was given no mask says nothing of its key's.
    let no_mask = first.attributes.get(attr::CRYPTOGRAPHIC_USAGE_MASK).is_none_or(|mask| mask.0 == 0);
    for tag in HANDED_ON {
        if attributes.has(tag) || (tag == Tag::CryptographicUsageMask && no_mask) {
            continue;
        }
        copy(tag, &first.attributes, attributes);
    }
    parts.iter().for_each(|part| hand_on_exposure(&part.attributes, attributes));
    Ok(())
}

/// The secret.
fn joined(cx: &mut Cx<'_>, objects: &[Object], object_type: ObjectType, attributes: &Attributes) -> Result<KeyBytes> {
    let mut parts = Vec::new();
    for object in objects {
        let fields = fields_of(object)?;
        let identifier = u32::try_from(fields.part_identifier).unwrap_or(0);
        let split = split_of(object, fields, cx.version);
        let Some(body) = plain_body(cx, object)? else {
            let words = "the server does not hold the key value of a part";
            return Err(Error::new(ResultReason::KeyValueNotPresent, words));
        };
        let bytes =
            symmetric::raw(&body).ok_or(CryptoError::BadKey("a part is not of a format that this server reads"))?;
        parts.push(Part { split, identifier, bytes });
    }
    let Some(first) = parts.first() else { return Err(missing(Tag::UniqueIdentifier, Tag::RequestPayload)) };
    let size = first.bytes.len();
    if first.split.method != SplitKeyMethod::PolynomialSharingPrimeField {
        block_for_bytes(cx, (parts.len() * parts.len() * size) as u64)?;
        return Ok(split::join(&parts, None)?);
    }
    // Whether a number is prime is no quick question.
    cx.block()?;
    if object_type == ObjectType::PrivateKey {
        // The number has lost its length, but DER does not begin with a zero.
        let number = split::join(&parts, Some(size))?;
        let zeros = number.expose().iter().take_while(|byte| **byte == 0).count();
        return Ok(KeyBytes::copy_from(&number.expose()[zeros..]));
    }
    let algorithm = attributes.get(attr::CRYPTOGRAPHIC_ALGORITHM);
    let bits = attributes.get(attr::CRYPTOGRAPHIC_LENGTH).and_then(|bits| usize::try_from(bits).ok());
    Ok(split::join(&parts, bits.map(|bits| bytes_of(algorithm, bits)).filter(|bytes| *bytes <= size))?)
}

/// A symmetric key or secret data, as long as the parts say.
fn secret_object(
    cx: &mut Cx<'_>,
    object_type: ObjectType,
    mut attributes: Attributes,
    secret: KeyBytes,
) -> Result<(Object, Body)> {
    let algorithm = attributes.get(attr::CRYPTOGRAPHIC_ALGORITHM);
    match attributes.get(attr::CRYPTOGRAPHIC_LENGTH) {
        None => attributes.set(attr::CRYPTOGRAPHIC_LENGTH, 8 * secret.len() as i32),
        Some(bits) if bytes_of(algorithm, usize::try_from(bits).unwrap_or(0)) != secret.len() => {
            return Err(CryptoError::BadData("the parts have another length than their Cryptographic Length").into());
        }
        Some(_) => {}
    }
    object_of(cx, object_type, attributes, secret, Origin::Recovered)
}

/// A private key. What comes out of parts that do not belong together is none.
fn private_key(cx: &mut Cx<'_>, mut attributes: Attributes, secret: KeyBytes) -> Result<(Object, Body)> {
    const DER: [KeyFormatType; 3] = [KeyFormatType::PKCS_8, KeyFormatType::PKCS_1, KeyFormatType::ECPrivateKey];
    let hint = Hint {
        algorithm: attributes.get(attr::CRYPTOGRAPHIC_ALGORITHM),
        length: attributes.get(attr::CRYPTOGRAPHIC_LENGTH),
        curve: None,
    };
    let body = Body::bytes(secret);
    let key = DER.into_iter().find_map(|format| match parse(ObjectType::PrivateKey, format, hint, &body) {
        Some(Ok(Parsed::Private(key))) => Some(key),
        _ => None,
    });
    let key = key.ok_or(CryptoError::Failed)?;
    agree(&mut attributes, Some(hint.algorithm.unwrap_or(key.algorithm())), Some(key.length()))?;
    let (format, body) = private_encoding(&key, &mut attributes, cx.version)?;
    let mut object = cx.new_object(ObjectType::PrivateKey)?;
    object.material.format = Some(format);
    furnish(cx, &mut object, attributes, Some(&body), Origin::Recovered)?;
    cx.may_create(&object)?;
    Ok((object, body))
}
