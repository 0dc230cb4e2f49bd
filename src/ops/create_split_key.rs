//! Create Split Key: a new or existing key in parts, each an object (1.2 §4.38, 2.1 §6.1.10).

use super::create::{StorageMasks, bytes_of, generated_format, generated_key, key_bits};
use super::create_key_pair::link;
use super::fresh::{Origin, Parsed, furnish, parsed, requested};
use super::get::available;
use super::split_key::{HANDED_ON, PARTS_MAX, copy, default_polynomial, hand_on_exposure, mark};
use super::unwrapping::plain_body;
use super::using::block_for_bytes;
use super::{Cx, Object, Op, pkcs12, symmetric};
use crate::base::{BigInt, Error, KeyBytes, Result, Value};
use crate::crypto::formats::{self, Encoded};
use crate::crypto::split::{self, Split};
use crate::crypto::{CryptoError, keys::PrivateKey};
use crate::model::object::{Fields, SplitKey};
use crate::model::right::Right;
use crate::model::{Attributes, attr};
use crate::proto::attributes::AttributeList;
use crate::proto::id::{Id, IdRef};
use crate::proto::objects::{Body, BodyKind};
use crate::proto::wire::structure;
use crate::registry::{KeyFormatType, ObjectType, ResultReason, SplitKeyMethod, Tag, UniqueIdentifier};

/// Create Split Key.
pub struct CreateSplitKey;

structure! {
    /// Which key, or what new one, and how to split it.
    pub struct Request<'a> reads {
        req ObjectType => object_type: ObjectType;
        opt UniqueIdentifier => id: IdRef<'a>;
        req SplitKeyParts => parts: i32;
        req SplitKeyThreshold => threshold: i32;
        req SplitKeyMethod => method: SplitKeyMethod;
        opt PrimeFieldSize => prime: BigInt;
        req TemplateAttribute | Attributes => attributes: AttributeList;
        opt ProtectionStorageMasks => storage: StorageMasks;
    }
}

structure! {
    /// The parts, in the order of their Key Part Identifiers.
    pub struct Response writes {
        many UniqueIdentifier => ids: Id;
    }
}

impl Op for CreateSplitKey {
    type Request<'a> = Request<'a>;
    type Response = Response;

    fn run(mut request: Request<'_>, cx: &mut Cx<'_>) -> Result<Response> {
        if request.object_type != ObjectType::SplitKey {
            return Err(Error::new(
                ResultReason::InvalidObjectType,
                format!("Create Split Key makes Split Keys, not a {}", request.object_type),
            ));
        }
        StorageMasks::check(request.storage.as_ref(), ResultReason::ProtectionStorageUnavailable)?;
        let list = std::mem::take(&mut request.attributes);
        let mut attributes = requested(cx, list, ObjectType::SplitKey)?;
        let split = how(cx, &request, &mut attributes)?;
        let base = request.id.map(|id| cx.object(Some(id), Right::Get)).transpose()?;
        let secret = match &base {
            Some(base) => existing(cx, base, &mut attributes)?,
            None => {
                let bits = key_bits(&mut attributes, ObjectType::SplitKey, cx)?;
                generated_key(cx, &attributes, bits)?
            }
        };
        if split.prime.is_some() {
            // Whether a number is prime is no quick question.
            cx.block()?;
        }
        block_for_bytes(cx, u64::from(split.parts) * u64::from(split.threshold) * secret.len() as u64)?;
        let mut ids: Vec<Id> = Vec::new();
        for part in split::split(secret.expose(), &split, &*cx.services.entropy)? {
            let mut object = cx.new_object(ObjectType::SplitKey)?;
            object.material.format = Some(KeyFormatType::Raw);
            object.material.fields = Fields::SplitKey(SplitKey {
                parts: request.parts,
                part_identifier: part.identifier as i32,
                threshold: request.threshold,
                method: request.method,
                prime_field_size: split.prime.as_ref().and(request.prime.clone()),
            });
            let body = Body::bytes(part.bytes);
            furnish(cx, &mut object, attributes.clone(), Some(&body), Origin::Generated)?;
            let set = ids.first().map_or(object.id.clone(), |first| first.0.clone());
            mark(&mut object, &set);
            if let Some(base) = &base {
                link(&mut object, Tag::SplitKeyBaseLink, &base.id);
            }
            cx.may_create(&object)?;
            ids.push(cx.save_with(object, Some(body))?);
        }
        // "The ID Placeholder value SHALL be set to the Unique Identifier of the split whose Key Part Identifier is 1."
        // Later items mean that one too by the name of this operation; the others they point at by number.
        for (at, id) in ids.iter().enumerate() {
            let part = if at == 0 { UniqueIdentifier::CreateSplitKey } else { UniqueIdentifier::IDPlaceholder };
            cx.answer(part, id);
        }
        if let Some(first) = ids.first() {
            cx.set_placeholder(first);
        }
        Ok(Response { ids })
    }
}

/// How to split. In 3.0 the fields of the request are attributes of its parts too; they may be repeated there, but not
/// say otherwise.
fn how(cx: &Cx<'_>, request: &Request<'_>, attributes: &mut Attributes) -> Result<Split> {
    let fields = [
        (Tag::SplitKeyParts, Some(Value::Integer(request.parts))),
        (Tag::SplitKeyThreshold, Some(Value::Integer(request.threshold))),
        (Tag::SplitKeyMethod, Some(Value::Enumeration(request.method.0))),
        // Each part has one of its own.
        (Tag::KeyPartIdentifier, None),
    ];
    for (tag, value) in fields {
        if attributes.has(tag) && attributes.value(tag) != value.as_ref() {
            return Err(Error::invalid_field(format!("{tag} among the attributes is not that of the request")));
        }
        attributes.remove_all(tag);
    }
    if generated_format(attributes)? != KeyFormatType::Raw {
        // 2.1 §4.26, table 81.
        let words = "the parts of a split key are Raw";
        return Err(Error::new(ResultReason::KeyFormatTypeNotSupported, words));
    }
    let parts = u32::try_from(request.parts).unwrap_or(0);
    if parts as usize > PARTS_MAX {
        let words = format!("this server splits a key into {PARTS_MAX} parts at most");
        return Err(Error::new(ResultReason::ServerLimitExceeded, words));
    }
    let prime = request.prime.as_ref().filter(|_| request.method == SplitKeyMethod::PolynomialSharingPrimeField);
    Ok(Split {
        method: request.method,
        polynomial: attributes.get(attr::SPLIT_KEY_POLYNOMIAL).unwrap_or(default_polynomial(cx.version)),
        prime: prime.map(|prime| prime.unsigned().unwrap_or_default().to_vec()),
        parts,
        threshold: u32::try_from(request.threshold).unwrap_or(0),
    })
}

/// The bytes of an existing key. "If the attributes supplied in the request do not match those of the key supplied, the
/// attributes of the key take precedence."
fn existing(cx: &mut Cx<'_>, base: &Object, attributes: &mut Attributes) -> Result<KeyBytes> {
    if !matches!(base.object_type, ObjectType::SymmetricKey | ObjectType::PrivateKey | ObjectType::SecretData) {
        return Err(Error::new(
            ResultReason::InvalidObjectType,
            format!("a {} cannot be split; a Symmetric Key, Private Key or Secret Data can", base.object_type),
        ));
    }
    available(base, cx)?;
    if crate::keep::resident_key(base).is_some() {
        let words = "a key in the HSM does not leave it, not in parts either";
        return Err(Error::new(ResultReason::FeatureNotSupported, words));
    }
    let Some(body) = plain_body(cx, base)? else {
        let words = "the server does not hold this object's key value";
        return Err(Error::new(ResultReason::KeyValueNotPresent, words));
    };
    for tag in HANDED_ON.into_iter().filter(|tag| base.attributes.has(*tag)) {
        attributes.remove_all(tag);
        copy(tag, &base.attributes, attributes);
    }
    hand_on_exposure(&base.attributes, attributes);
    if base.object_type == ObjectType::PrivateKey {
        return private_bytes(cx, base, body);
    }
    let secret = symmetric::raw(&body).ok_or(CryptoError::BadKey("it is not of a format that this server reads"))?;
    // The length is needed to join; what says another one is not a length of these bytes.
    let algorithm = attributes.get(attr::CRYPTOGRAPHIC_ALGORITHM);
    let length = attributes.get(attr::CRYPTOGRAPHIC_LENGTH).and_then(|bits| usize::try_from(bits).ok());
    if length.is_none_or(|bits| bytes_of(algorithm, bits) != secret.len()) {
        attributes.set(attr::CRYPTOGRAPHIC_LENGTH, 8 * secret.len() as i32);
    }
    Ok(secret)
}

/// A private key as it is kept, if that is DER; in other formats as PKCS#8, which says by itself what it is.
fn private_bytes(cx: &mut Cx<'_>, base: &Object, body: Body) -> Result<KeyBytes> {
    const DER: [Option<KeyFormatType>; 3] =
        [Some(KeyFormatType::PKCS_1), Some(KeyFormatType::PKCS_8), Some(KeyFormatType::ECPrivateKey)];
    let format = base.material.format;
    if body.kind == BodyKind::Bytes && DER.contains(&format) {
        return Ok(body.bytes);
    }
    let key: Option<PrivateKey> = match parsed(base, &body) {
        _ if format == Some(KeyFormatType::PKCS_12) => Some(pkcs12::opened(cx, &base.attributes, &body)?.key),
        Some(Parsed::Private(key)) => Some(key),
        _ => None,
    };
    match key.map(|key| formats::encode_private(&key, KeyFormatType::PKCS_8)).transpose()? {
        Some(Encoded::Bytes(bytes)) => Ok(bytes),
        _ => Err(CryptoError::BadKey("it is not of an algorithm and format that this server reads").into()),
    }
}
