//! Derive Key: a symmetric key or secret data is made from keys and secrets that are here (1.0 §4.5, 1.4 §4.6, 2.1
//! §6.1.14). `sources` finds the objects to derive from, `method` derives.

mod method;
mod sources;

use super::create::{bits_of, bytes_of, key_bits, object_of};
use super::create_key_pair::link;
use super::fresh::{Origin, requested};
use super::streams::Part;
use super::using::parameters::Requested;
use super::{Cx, Op, resident};
use crate::base::{Error, Result};
use crate::model::{Attributes, attr};
use crate::proto::attributes::AttributeList;
use crate::proto::id::{Id, IdRef};
use crate::proto::wire::structure;
use crate::registry::{DerivationMethod, ObjectType, ResultReason, Tag, UniqueIdentifier};
use sources::Sources;

/// Derive Key.
pub struct DeriveKey;

structure! {
    /// What to make, from which objects, and how.
    pub struct Request<'a> reads {
        req ObjectType => object_type: ObjectType;
        many UniqueIdentifier => bases: IdRef<'a>;
        req DerivationMethod => method: DerivationMethod;
        req DerivationParameters => parameters: DerivationParameters<'a>;
        req TemplateAttribute | Attributes => attributes: AttributeList;
    }
}

structure! {
    /// Derivation Parameters (1.4 tables 182 and 183, 2.1 §7.12).
    pub struct DerivationParameters<'a> reads {
        opt CryptographicParameters => cryptographic: Requested;
        opt InitializationVector => iv: &'a [u8];
        many DerivationData => data: &'a [u8];
        opt Salt => salt: &'a [u8];
        opt IterationCount => iterations: i32;
    }
}

structure! {
    /// What was made.
    pub struct Response writes {
        req UniqueIdentifier => id: Id;
    }
}

impl Op for DeriveKey {
    type Request<'a> = Request<'a>;
    type Response = Response;

    fn run(mut request: Request<'_>, cx: &mut Cx<'_>) -> Result<Response> {
        let object_type = request.object_type;
        if !matches!(object_type, ObjectType::SymmetricKey | ObjectType::SecretData) {
            return Err(Error::new(
                ResultReason::InvalidObjectType,
                format!("Derive Key makes a Symmetric Key or Secret Data, not a {object_type}"),
            ));
        }
        let list = std::mem::take(&mut request.attributes);
        let mut attributes = requested(cx, list, object_type)?;
        let bytes = length(cx, object_type, &mut attributes)?;
        if resident::wanted(cx, &attributes, &[])? {
            let words = "a key that is derived cannot be made in the HSM";
            return Err(Error::new(ResultReason::FeatureNotSupported, words));
        }
        let mut sources = Sources::find(cx, &request)?;
        let secret = method::derive(cx, &request, &sources, bytes)?;
        let (mut object, body) = object_of(cx, object_type, attributes, secret, Origin::Generated)?;
        for base in sources.all_mut() {
            base.count(cx, bytes, Part::Whole)?;
            link(&mut base.object, Tag::DerivedObjectLink, &object.id);
            link(&mut object, Tag::DerivationObjectLink, &base.object.id);
            cx.save(base.object.clone())?;
        }
        let id = cx.save_with(object, Some(body))?;
        cx.answer(UniqueIdentifier::DeriveKey, &id);
        Ok(Response { id })
    }
}

/// The length of the derived object in bytes: "for all derivation methods, the client SHALL specify the desired length
/// … If a key is created, then the client SHALL specify both its Cryptographic Length and Cryptographic Algorithm".
/// Secret Data may hold several keys and IVs, so its algorithm, if one is given, does not bound its length.
///
/// # Errors
/// Invalid Field in every version: the error tables know no other reason for a wrong value.
fn length(cx: &Cx<'_>, object_type: ObjectType, attributes: &mut Attributes) -> Result<usize> {
    let invalid = |error: Error| error.with_reason(ResultReason::InvalidField);
    let algorithm = attributes.get(attr::CRYPTOGRAPHIC_ALGORITHM);
    let Some(length) = attributes.get(attr::CRYPTOGRAPHIC_LENGTH) else {
        return Err(Error::invalid_field("Cryptographic Length is required to derive an object"));
    };
    if object_type == ObjectType::SecretData {
        return Ok(bytes_of(None, bits_of(None, Some(length)).map_err(invalid)? as usize));
    }
    if algorithm.is_none() {
        return Err(Error::invalid_field("Cryptographic Algorithm is required to derive a Symmetric Key"));
    }
    key_bits(attributes, object_type, cx).map(|bits| bytes_of(algorithm, bits)).map_err(invalid)
}
