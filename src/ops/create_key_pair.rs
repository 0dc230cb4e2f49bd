//! Create Key Pair: the server makes a private and a public key, linked to each other (1.4 §4.2, 2.1 §6.1.9).

use super::create::StorageMasks;
use super::fresh::{Origin, encoded_body, furnish, requested_of_pair};
use super::{Cx, Object, Op, resident};
use crate::base::{Error, Result};
use crate::crypto::formats::{self, Encoded};
use crate::crypto::keys::{KeySpec, PrivateKey};
use crate::crypto::rsa::SoftwareRsa;
use crate::model::values::{AttributeValue, CryptographicDomainParameters, Target};
use crate::model::{Attributes, attr};
use crate::proto::attributes::AttributeList;
use crate::proto::id::Id;
use crate::proto::wire::structure;
use crate::registry::{
    CryptographicAlgorithm, KeyFormatType, ObjectType, ResultReason, Tag, UniqueIdentifier, Version,
};

/// Create Key Pair.
pub struct CreateKeyPair;

structure! {
    /// What both keys share, and what each has of its own.
    pub struct Request reads {
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

/// Attributes that are the same for both keys (1.4 §4.2, 2.1 table 191).
const SHARED: [Tag; 4] = [
    Tag::CryptographicAlgorithm,
    Tag::CryptographicLength,
    Tag::CryptographicDomainParameters,
    Tag::CryptographicParameters,
];

impl Op for CreateKeyPair {
    type Request<'a> = Request;
    type Response = Response;

    fn run(request: Request, cx: &mut Cx<'_>) -> Result<Response> {
        let (common_storage, private_storage) = (request.common_storage, request.private_storage);
        let public_storage = request.public_storage;
        let common = request.common.unwrap_or_default();
        let mut private = requested_of_pair(cx, &common, request.private.unwrap_or_default(), ObjectType::PrivateKey)?;
        let mut public = requested_of_pair(cx, &common, request.public.unwrap_or_default(), ObjectType::PublicKey)?;
        let spec = key_spec(&mut private, &mut public, cx.version)?;
        StorageMasks::check(public_storage.as_ref(), ResultReason::PublicProtectionStorageUnavailable)?;
        if resident::wanted(cx, &private, &[common_storage.as_ref(), private_storage.as_ref()])? {
            return resident_pair(cx, &spec, private, public);
        }
        let unavailable = ResultReason::PrivateProtectionStorageUnavailable;
        StorageMasks::check(common_storage.as_ref(), unavailable)?;
        StorageMasks::check(private_storage.as_ref(), unavailable)?;
        // A pair takes up to seconds; it must not hold up the connections of others.
        cx.block()?;
        let key = PrivateKey::generate(&spec).map_err(Error::from)?;
        for attributes in [&mut private, &mut public] {
            attributes.set(attr::CRYPTOGRAPHIC_LENGTH, key.length());
        }
        let (private_format, private_body) = private_encoding(&key, &mut private, cx.version)?;
        let (public_format, public_body) = public_encoding(&key, &mut public, cx.version)?;

        let mut private_key = cx.new_object(ObjectType::PrivateKey)?;
        let mut public_key = cx.new_object(ObjectType::PublicKey)?;
        let halves: [(&mut Object, Attributes, KeyFormatType, &crate::proto::objects::Body); 2] = [
            (&mut private_key, private, private_format, &private_body),
            (&mut public_key, public, public_format, &public_body),
        ];
        for (object, attributes, format, body) in halves {
            object.material.format = Some(format);
            furnish(cx, object, attributes, Some(body), Origin::Generated)?;
        }
        link(&mut private_key, Tag::PublicKeyLink, &public_key.id);
        link(&mut public_key, Tag::PrivateKeyLink, &private_key.id);
        cx.may_create(&private_key)?;
        cx.may_create(&public_key)?;
        let public = cx.save_with(public_key, Some(public_body))?;
        let private = cx.save_with(private_key, Some(private_body))?;
        cx.answer(UniqueIdentifier::CreateKeyPairPublicKey, &public);
        // "The ID Placeholder value SHALL be set to the Unique Identifier of the Private Key."
        cx.answer(UniqueIdentifier::CreateKeyPairPrivateKey, &private);
        Ok(Response { private, public })
    }
}

/// The private key is made in the HSM; the public key is a sealed record as any other.
fn resident_pair(cx: &mut Cx<'_>, spec: &KeySpec, private: Attributes, public: Attributes) -> Result<Response> {
    let halves = (cx.new_object(ObjectType::PrivateKey)?, cx.new_object(ObjectType::PublicKey)?);
    let made = resident::pair(cx, spec, (halves.0, private), (halves.1, public))?;
    let public = cx.save_with(made.public, Some(made.body))?;
    let private = cx.save_resident(made.private, &made.key)?;
    cx.answer(UniqueIdentifier::CreateKeyPairPublicKey, &public);
    cx.answer(UniqueIdentifier::CreateKeyPairPrivateKey, &private);
    Ok(Response { private, public })
}

/// Adds a link to the other half.
pub fn link(object: &mut Object, tag: Tag, id: &str) {
    object.attributes.push(tag, Target::Object(id.into()).into_value());
}

/// What to make. Where only one half names a shared attribute, the other has it too; where they differ, the request
/// contradicts itself.
pub fn key_spec(private: &mut Attributes, public: &mut Attributes, version: Version) -> Result<KeySpec> {
    for tag in SHARED {
        match (private.value(tag).cloned(), public.value(tag).cloned()) {
            (Some(value), None) => drop(public.push(tag, value)),
            (None, Some(value)) => drop(private.push(tag, value)),
            (Some(one), Some(other)) if one != other && tag != Tag::CryptographicParameters => {
                return Err(Error::invalid_field(format!("{tag} must be the same for both keys of a pair")));
            }
            _ => {}
        }
    }
    let algorithm = match private.get(attr::CRYPTOGRAPHIC_ALGORITHM) {
        Some(algorithm) => algorithm,
        None if version.is_1x() => {
            return Err(Error::invalid_field("Cryptographic Algorithm is required to create a key pair"));
        }
        None => CryptographicAlgorithm::RSA,
    };
    let domain: Option<CryptographicDomainParameters> = private.get(attr::CRYPTOGRAPHIC_DOMAIN_PARAMETERS);
    let length = private.get(attr::CRYPTOGRAPHIC_LENGTH);
    let length = length.or((algorithm == CryptographicAlgorithm::RSA && !version.is_1x()).then_some(2048));
    for attributes in [private, public] {
        attributes.set(attr::CRYPTOGRAPHIC_ALGORITHM, algorithm);
    }
    Ok(KeySpec {
        algorithm,
        length,
        curve: domain.and_then(|domain| domain.recommended_curve),
        software: SoftwareRsa::default(),
    })
}

/// The format a client asked for, or the default of the algorithm as its version knows it.
fn format(
    attributes: &mut Attributes,
    default: KeyFormatType,
    older: KeyFormatType,
    version: Version,
) -> KeyFormatType {
    let asked = attributes.get(attr::KEY_FORMAT_TYPE);
    attributes.remove_all(attr::KEY_FORMAT_TYPE.tag());
    asked.unwrap_or(if default.known_in(version) { default } else { older })
}

/// The private key in the format its attributes ask for, or the default one.
pub fn private_encoding(
    key: &PrivateKey,
    attributes: &mut Attributes,
    version: Version,
) -> Result<(KeyFormatType, crate::proto::objects::Body)> {
    let format = format(attributes, formats::default_private_format(key), KeyFormatType::ECPrivateKey, version);
    let encoded: Encoded = formats::encode_private(key, format).map_err(Error::from)?;
    Ok((format, encoded_body(encoded)))
}

/// The same of the public key.
pub fn public_encoding(
    key: &PrivateKey,
    attributes: &mut Attributes,
    version: Version,
) -> Result<(KeyFormatType, crate::proto::objects::Body)> {
    let key = key.public();
    let format = format(attributes, formats::default_public_format(&key), KeyFormatType::X_509, version);
    let encoded = formats::encode_public(&key, format, None).map_err(Error::from)?;
    Ok((format, encoded_body(encoded)))
}
