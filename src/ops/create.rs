//! Create: the server makes a symmetric key or secret data (1.4 §4.1, 2.1 §6.1.8).

use super::fresh::{Origin, furnish, requested};
use super::{Cx, Object, Op, resident};
use crate::base::{Error, KeyBytes, Result};
use crate::model::object::Fields;
use crate::model::{Attributes, attr};
use crate::proto::attributes::AttributeList;
use crate::proto::id::Id;
use crate::proto::objects::Body;
use crate::proto::wire::structure;
use crate::registry::{
    CryptographicAlgorithm, KeyFormatType, ObjectType, ProtectionStorageMask, ResultReason, SecretDataType,
    UniqueIdentifier,
};

/// Create.
pub struct Create;

structure! {
    /// What to make.
    pub struct Request reads {
        req ObjectType => object_type: ObjectType;
        req TemplateAttribute | Attributes => attributes: AttributeList;
        opt ProtectionStorageMasks => storage: StorageMasks;
    }
}

structure! {
    /// Protection Storage Masks: any one of them is acceptable (2.1 §7.33).
    pub struct StorageMasks reads {
        many ProtectionStorageMask => masks: ProtectionStorageMask;
    }
}

structure! {
    /// What was made.
    pub struct Response writes {
        req ObjectType => object_type: ObjectType;
        req UniqueIdentifier => id: Id;
    }
}

impl Default for ObjectType {
    fn default() -> Self {
        Self::SymmetricKey
    }
}

impl StorageMasks {
    /// Whether one of the masks is satisfied by such a place, and none by where this server keeps other keys.
    pub fn only_in(&self, place: ProtectionStorageMask) -> bool {
        let fits = |here: u32| self.masks.iter().any(|mask| mask.0 & !here == 0);
        fits(place.0) && !fits(super::query::storage_mask().0)
    }

    /// Whether one of the masks is satisfied "in its entirety (all bits match)" by where this server keeps keys.
    pub fn check(masks: Option<&Self>, unavailable: ResultReason) -> Result<()> {
        Self::check_in(super::query::storage_mask().0, masks, unavailable)
    }

    /// The same for the replacement of an object, which lies where the object does.
    pub fn check_beside(cx: &Cx<'_>, old: &Object, masks: Option<&Self>, unavailable: ResultReason) -> Result<()> {
        match cx.resident_key(old) {
            Some(_) => Self::check_in(resident::HARDWARE.0, masks, unavailable),
            None => Self::check(masks, unavailable),
        }
    }

    fn check_in(here: u32, masks: Option<&Self>, unavailable: ResultReason) -> Result<()> {
        match masks {
            Some(asked) if !asked.masks.is_empty() && !asked.masks.iter().any(|mask| mask.0 & !here == 0) => {
                Err(Error::new(unavailable, "none of the Protection Storage Masks is what this server can give"))
            }
            _ => Ok(()),
        }
    }
}

/// Lengths that an algorithm has, in bits, the default first.
const LENGTHS: &[(CryptographicAlgorithm, &[i32])] = &[
    (CryptographicAlgorithm::AES, &[256, 128, 192]),
    (CryptographicAlgorithm::DES3, &[192, 168, 128, 112]),
    (CryptographicAlgorithm::DES, &[64, 56]),
    (CryptographicAlgorithm::ChaCha20, &[256]),
    (CryptographicAlgorithm::ChaCha20Poly1305, &[256]),
    (CryptographicAlgorithm::Poly1305, &[256]),
    (CryptographicAlgorithm::Camellia, &[256, 128, 192]),
    (CryptographicAlgorithm::SKIPJACK, &[80]),
    (CryptographicAlgorithm::IDEA, &[128]),
    (CryptographicAlgorithm::Twofish, &[256, 128, 192]),
    (CryptographicAlgorithm::SEED, &[128]),
];

/// Algorithms whose keys may have any length of whole bytes, with the default and the longest, in bits.
const ANY_LENGTH: &[(CryptographicAlgorithm, i32, i32)] = &[
    (CryptographicAlgorithm::HMAC_SHA1, 160, 4096),
    (CryptographicAlgorithm::HMAC_SHA224, 224, 4096),
    (CryptographicAlgorithm::HMAC_SHA256, 256, 4096),
    (CryptographicAlgorithm::HMAC_SHA384, 384, 4096),
    (CryptographicAlgorithm::HMAC_SHA512, 512, 4096),
    (CryptographicAlgorithm::HMAC_MD5, 128, 4096),
    (CryptographicAlgorithm::HMAC_SHA3_224, 224, 4096),
    (CryptographicAlgorithm::HMAC_SHA3_256, 256, 4096),
    (CryptographicAlgorithm::HMAC_SHA3_384, 384, 4096),
    (CryptographicAlgorithm::HMAC_SHA3_512, 512, 4096),
    (CryptographicAlgorithm::RC4, 128, 2048),
    (CryptographicAlgorithm::RC2, 128, 1024),
    (CryptographicAlgorithm::RC5, 128, 2040),
    (CryptographicAlgorithm::Blowfish, 128, 448),
    (CryptographicAlgorithm::CAST5, 128, 128),
];

impl Op for Create {
    type Request<'a> = Request;
    type Response = Response;

    fn run(request: Request, cx: &mut Cx<'_>) -> Result<Response> {
        let object_type = request.object_type;
        if !matches!(object_type, ObjectType::SymmetricKey | ObjectType::SecretData) {
            return Err(Error::new(
                ResultReason::InvalidObjectType,
                format!("Create makes a Symmetric Key or Secret Data, not a {object_type}"),
            ));
        }
        let mut attributes = requested(cx, request.attributes, object_type)?;
        let bits = key_bits(&mut attributes, object_type, cx)?;
        if object_type == ObjectType::SymmetricKey && resident::wanted(cx, &attributes, &[request.storage.as_ref()])? {
            let id = resident::create(cx, attributes)?;
            cx.answer(UniqueIdentifier::Create, &id);
            return Ok(Response { object_type, id });
        }
        StorageMasks::check(request.storage.as_ref(), ResultReason::ProtectionStorageUnavailable)?;
        let key = generated_key(cx, &attributes, bits)?;
        let (object, body) = object_of(cx, object_type, attributes, key, Origin::Generated)?;
        let id = cx.save_with(object, Some(body))?;
        cx.answer(UniqueIdentifier::Create, &id);
        Ok(Response { object_type, id })
    }
}

/// A random key for the Cryptographic Algorithm among the attributes.
pub fn generated_key(cx: &Cx<'_>, attributes: &Attributes, bits: usize) -> Result<KeyBytes> {
    let bytes = bytes_of(attributes.get(attr::CRYPTOGRAPHIC_ALGORITHM), bits);
    KeyBytes::fill(bytes, |bytes| cx.services.entropy.fill(bytes))
        .map_err(|error| Error::internal("making a key", error))
}

/// A new symmetric key or secret data of these bytes, which the caller may make; it is to be staged with the body.
pub fn object_of(
    cx: &mut Cx<'_>,
    object_type: ObjectType,
    mut attributes: Attributes,
    key: KeyBytes,
    origin: Origin,
) -> Result<(Object, Body)> {
    let format = generated_format(&mut attributes)?;
    let body = key_body(key, format);
    let mut object = cx.new_object(object_type)?;
    object.material.format = Some(format);
    if object_type == ObjectType::SecretData {
        object.material.fields = Fields::SecretData(SecretDataType::Seed);
    }
    furnish(cx, &mut object, attributes, Some(&body), origin)?;
    cx.may_create(&object)?;
    Ok((object, body))
}

/// Key Format Type that the client asked for; a server-made symmetric key comes as Raw or Transparent Symmetric Key.
pub fn generated_format(attributes: &mut Attributes) -> Result<KeyFormatType> {
    let asked = attributes.get(attr::KEY_FORMAT_TYPE).unwrap_or(KeyFormatType::Raw);
    attributes.remove_all(attr::KEY_FORMAT_TYPE.tag());
    if matches!(asked, KeyFormatType::Raw | KeyFormatType::TransparentSymmetricKey) {
        return Ok(asked);
    }
    Err(Error::new(ResultReason::KeyFormatTypeNotSupported, format!("a new symmetric key cannot be made as {asked}")))
}

/// A new key in its format.
pub fn key_body(key: KeyBytes, format: KeyFormatType) -> Body {
    if format == KeyFormatType::TransparentSymmetricKey {
        super::symmetric::transparent(&key)
    } else {
        Body::bytes(key)
    }
}

/// The length of the key to make; algorithm and length are filled in where the client left them to the server, which
/// 2.0 allows (2.1 §4, table 28).
pub fn key_bits(attributes: &mut Attributes, object_type: ObjectType, cx: &Cx<'_>) -> Result<usize> {
    let missing = |what: &str| Err(Error::invalid_field(format!("{what} is required to create a {object_type}")));
    let algorithm = match attributes.get(attr::CRYPTOGRAPHIC_ALGORITHM) {
        Some(algorithm) => Some(algorithm),
        None if object_type == ObjectType::SecretData => None,
        None if cx.version.is_1x() => return missing("Cryptographic Algorithm"),
        None => Some(CryptographicAlgorithm::AES),
    };
    let length = attributes.get(attr::CRYPTOGRAPHIC_LENGTH);
    if length.is_none() && cx.version.is_1x() && object_type == ObjectType::SymmetricKey {
        return missing("Cryptographic Length");
    }
    let bits = bits_of(algorithm, length)?;
    if let Some(algorithm) = algorithm {
        attributes.set(attr::CRYPTOGRAPHIC_ALGORITHM, algorithm);
        attributes.set(attr::CRYPTOGRAPHIC_LENGTH, bits);
    }
    Ok(bits as usize)
}

/// The bytes of a key. DES keys have a parity bit in each byte, which their length counts or not (1.4 §2.1.3).
pub fn bytes_of(algorithm: Option<CryptographicAlgorithm>, bits: usize) -> usize {
    let des = matches!(algorithm, Some(CryptographicAlgorithm::DES3 | CryptographicAlgorithm::DES));
    if des && bits.is_multiple_of(7) { bits / 7 } else { bits.div_ceil(8) }
}

/// The length in bits, checked against the algorithm, or the default.
pub fn bits_of(algorithm: Option<CryptographicAlgorithm>, length: Option<i32>) -> Result<i32> {
    const SECRET_BITS: (i32, i32) = (256, 65_536);
    let refuse = |length: i32, algorithm: CryptographicAlgorithm| {
        Err(Error::new(ResultReason::InvalidAttributeValue, format!("{algorithm} has no keys of {length} bits")))
    };
    let any = |default, longest| match length {
        None => Ok(default),
        Some(length) if length > 0 && length <= longest && length % 8 == 0 => Ok(length),
        Some(length) => Err(Error::new(
            ResultReason::InvalidAttributeValue,
            format!("a length of {length} bits is not possible: whole bytes, at most {longest} bits"),
        )),
    };
    let Some(algorithm) = algorithm else { return any(SECRET_BITS.0, SECRET_BITS.1) };
    if let Some((_, default, longest)) = ANY_LENGTH.iter().find(|(known, ..)| *known == algorithm) {
        return any(*default, *longest);
    }
    let Some((_, lengths)) = LENGTHS.iter().find(|(known, _)| *known == algorithm) else {
        return Err(Error::new(
            ResultReason::InvalidAttributeValue,
            format!("this server makes no symmetric keys for {algorithm}"),
        ));
    };
    match length {
        None => Ok(lengths[0]),
        Some(length) if lengths.contains(&length) => Ok(length),
        Some(length) => refuse(length, algorithm),
    }
}
