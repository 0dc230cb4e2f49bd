//! The objects that something is derived from, and the part that each has: the key or password, the derivation data, the
//! other side's public key.

use super::Request;
use crate::base::{Error, KeyBytes, Result};
use crate::model::refusal::Refusal;
use crate::model::usage::Use;
use crate::ops::Cx;
use crate::ops::streams::Part;
use crate::ops::using::{Key, Using};
use crate::proto::id::IdRef;
use crate::proto::wire::missing;
use crate::registry::{DerivationMethod, ObjectType, ResultReason, Tag, UniqueIdentifier};

/// What a derivation takes from objects.
pub struct Sources {
    /// The derivation key, password or input key material; for Asymmetric Key the private key.
    pub key: Using,
    /// Secret Data with the derivation data; for Asymmetric Key the public key.
    pub other: Option<Using>,
}

impl Sources {
    /// The objects of a request, each permitted to be derived from.
    ///
    /// # Errors
    /// Those of `Using::new`; Invalid Object Type (1.x Invalid Field) for objects that have no part in the method; Invalid
    /// Message for derivation data that is given twice; Invalid Field for too many objects.
    pub fn find(cx: &mut Cx<'_>, request: &Request<'_>) -> Result<Self> {
        let mut bases: Vec<Using> = Vec::new();
        if request.bases.is_empty() {
            return Err(missing(Tag::UniqueIdentifier, Tag::RequestPayload));
        }
        // "At most, two identifiers MAY be specified" (1.0 table 120); no method of a later version takes more.
        if request.bases.len() > 2 {
            return Err(Error::invalid_field("no derivation method takes more than two objects"));
        }
        for id in &request.bases {
            if *id == IdRef::Answered(UniqueIdentifier::IDPlaceholder) {
                let words = "Derive Key takes no ID Placeholder (2.1 table 205); send the Unique Identifier";
                return Err(Error::invalid_field(words));
            }
            let parameters = request.parameters.cryptographic.clone();
            let base = Using::new(cx, Some(*id), parameters, Part::Whole, Use::DeriveKey)?;
            if bases.iter().any(|other| other.object.id == base.object.id) {
                return Err(Error::invalid_field("the same object twice; each has a part of its own"));
            }
            bases.push(base);
        }
        let other = bases.pop();
        let sources = match (bases.pop(), other) {
            (Some(first), Some(second)) if first_is_other(request.method, &first, &second) => {
                Self { key: second, other: Some(first) }
            }
            (Some(key), other) => Self { key, other },
            (None, Some(key)) => Self { key, other: None },
            (None, None) => return Err(missing(Tag::UniqueIdentifier, Tag::RequestPayload)),
        };
        sources.check(cx, request)?;
        Ok(sources)
    }

    fn check(&self, cx: &Cx<'_>, request: &Request<'_>) -> Result<()> {
        const AGREES: (&[ObjectType], &[ObjectType]) = (&[ObjectType::PrivateKey], &[ObjectType::PublicKey]);
        const SECRET: (&[ObjectType], &[ObjectType]) =
            (&[ObjectType::SymmetricKey, ObjectType::SecretData], &[ObjectType::SecretData]);
        let (keys, others) = if request.method == DerivationMethod::AsymmetricKey { AGREES } else { SECRET };
        let has_part = |using: &Using, types: &[ObjectType]| {
            let object_type = using.object.object_type;
            if types.contains(&object_type) {
                return Ok(());
            }
            let words = format!("a {object_type} has no such part in the derivation method {}", request.method);
            let refusal = Refusal::new(ResultReason::InvalidObjectType, ResultReason::InvalidField, words);
            Err(refusal.into_error(cx.version))
        };
        has_part(&self.key, keys)?;
        self.other.as_ref().map_or(Ok(()), |other| has_part(other, others))?;
        let explicit = !request.parameters.data.is_empty();
        match request.method {
            DerivationMethod::AsymmetricKey if self.other.is_none() => {
                Err(Error::invalid_field("Asymmetric Key takes two objects: a private and a public key"))
            }
            DerivationMethod::AsymmetricKey if explicit => {
                Err(Error::invalid_field("Asymmetric Key takes no Derivation Data"))
            }
            DerivationMethod::AsymmetricKey => Ok(()),
            _ if explicit && self.other.is_some() => Err(ambiguous()),
            // These work on one input, which a Secret Data object provides: "if both are provided, then an error SHALL
            // be returned" (1.4 §4.6, 2.1 §7.12).
            DerivationMethod::PBKDF2 | DerivationMethod::HASH if explicit || self.other.is_some() => {
                match self.key.object.object_type {
                    ObjectType::SecretData if explicit => Err(ambiguous()),
                    _ => Err(Error::new(
                        ResultReason::BadCryptographicParameters,
                        format!("{} works on one input: the object, or derivation data", request.method),
                    )),
                }
            }
            _ => Ok(()),
        }
    }

    /// All objects.
    pub fn all_mut(&mut self) -> impl Iterator<Item = &mut Using> {
        std::iter::once(&mut self.key).chain(&mut self.other)
    }

    /// The derivation data that an object provides.
    pub fn data(&self, cx: &mut Cx<'_>) -> Result<Option<KeyBytes>> {
        self.other.as_ref().map(|other| secret(cx, other)).transpose()
    }
}

/// Whether two objects are to change places: the order of their identifiers says only which of two Secret Data is the key.
fn first_is_other(method: DerivationMethod, first: &Using, second: &Using) -> bool {
    let types = (first.object.object_type, second.object.object_type);
    if method == DerivationMethod::AsymmetricKey {
        return types == (ObjectType::PublicKey, ObjectType::PrivateKey);
    }
    types.0 == ObjectType::SecretData && types.1 != ObjectType::SecretData
}

fn ambiguous() -> Error {
    // "Ambiguous derivation data provided both with Derivation Data and Secret Data object: Invalid Message" (1.4 §11.7).
    Error::invalid_message("derivation data is given twice: as Derivation Data and by a Secret Data object")
}

/// The bytes of a symmetric key or secret data.
pub fn secret(cx: &mut Cx<'_>, using: &Using) -> Result<KeyBytes> {
    match using.key(cx)? {
        Key::Secret(secret) => Ok(secret),
        _ => using.wrong_key(),
    }
}
