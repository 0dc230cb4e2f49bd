//! Encapsulate: a shared secret for the holder of a private key, as new Secret Data, and what tells it to that holder
//! (3.0 §6.1.22).

use super::create::object_of;
use super::fresh::{Origin, requested};
use super::streams::Part;
use super::using::data::Shown;
use super::using::parameters::Requested;
use super::using::{Key, Using};
use super::{Cx, Op};
use crate::base::{Error, KeyBytes, Result};
use crate::crypto::CryptoError;
use crate::crypto::keys::PublicKey;
use crate::model::attr;
use crate::model::usage::Use;
use crate::proto::attributes::AttributeList;
use crate::proto::id::{Id, IdRef};
use crate::proto::wire::structure;
use crate::registry::ObjectType;

/// Encapsulate.
pub struct Encapsulate;

structure! {
    /// To which public key, how, and what the secret is to be like.
    pub struct Request<'a> reads {
        opt UniqueIdentifier => id: IdRef<'a>;
        opt CryptographicParameters => parameters: Requested;
        opt Attributes => attributes: AttributeList;
    }
}

structure! {
    /// The secret, and its encapsulation.
    pub struct Response writes {
        opt UniqueIdentifier => id: Id;
        opt Data => encapsulation: Vec<u8>;
    }
}

impl Op for Encapsulate {
    type Request<'a> = Request<'a>;
    type Response = Response;

    fn run(request: Request<'_>, cx: &mut Cx<'_>) -> Result<Response> {
        let mut using = Using::new(cx, request.id, request.parameters, Part::Whole, Use::Encapsulate)?;
        let Key::Public(key) = using.key(cx)? else { return using.wrong_key() };
        check(&using, &key)?;
        let (encapsulation, secret) = key.encapsulate()?;
        using.charge(cx, secret.len(), Part::Whole)?;
        let id = keep(cx, request.attributes, secret, Origin::Generated)?;
        let shown = Shown(cx.ephemeral);
        Ok(Response { id: shown.id(id), encapsulation: shown.data(Some(encapsulation)) })
    }
}

/// Whether the parameters are those of the key's KEM, and ask for nothing that is not here.
pub fn check(using: &Using, key: &PublicKey) -> Result<(), CryptoError> {
    let own = key.kem()?;
    if using.parameters.kem_algorithm.is_some_and(|asked| asked != own) {
        return Err(CryptoError::BadParameters("the KEM Algorithm is not that of the key"));
    }
    if using.parameters.deterministic == Some(true) || using.parameters.input_key_material.is_some() {
        return Err(CryptoError::Unsupported("an encapsulation that is not random"));
    }
    Ok(())
}

/// Stages the shared secret as new Secret Data. Its length is the KEM's.
pub fn keep(cx: &mut Cx<'_>, list: Option<AttributeList>, secret: KeyBytes, origin: Origin) -> Result<Id> {
    let mut attributes = requested(cx, list.unwrap_or_default(), ObjectType::SecretData)?;
    let bits = 8 * secret.len() as i32;
    if attributes.get(attr::CRYPTOGRAPHIC_LENGTH).is_some_and(|asked| asked != bits) {
        return Err(Error::invalid_field(format!("the shared secret of this key has {bits} bits")));
    }
    attributes.set(attr::CRYPTOGRAPHIC_LENGTH, bits);
    let (object, body) = object_of(cx, ObjectType::SecretData, attributes, secret, origin)?;
    let id = cx.save_with(object, Some(body))?;
    // The Unique Identifier enumeration has no value for it.
    cx.set_placeholder(&id);
    Ok(id)
}
