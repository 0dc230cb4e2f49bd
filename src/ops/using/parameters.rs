//! Which Cryptographic Parameters hold: those of the request, and for what it leaves out those of the object (1.4
//! §3.6, §4.29; 2.1 §4.16, §6.1.17).

use crate::base::{Result, Value};
use crate::crypto::operations::AsymmetricParameters;
use crate::crypto::{CryptoError, symmetric};
use crate::model::usage::Use;
use crate::model::values::{AttributeValue, CryptographicParameters};
use crate::model::{ManagedObject, attr};
use crate::proto::attributes::{NewAttribute, check_value};
use crate::proto::wire::Read;
use crate::registry::{CryptographicAlgorithm as Algorithm, PaddingMethod, Tag, Version};
use crate::ttlv::Item;

/// Cryptographic Parameters of a request.
#[derive(Clone, Default, Debug)]
pub struct Requested(pub CryptographicParameters);

impl<'a> Read<'a> for Requested {
    fn read(item: &Item<'a>, version: Version) -> Result<Self> {
        let one = NewAttribute { tag: Tag::CryptographicParameters, value: item.to_value(), index: None };
        check_value(&one, version)?;
        Ok(Self(CryptographicParameters::from_value(&one.value).unwrap_or_default()))
    }
}

/// The parameters that hold. The request's come first; what it leaves out is taken from the object's first instance
/// that serves the purpose and does not contradict the request.
pub fn effective(object: &ManagedObject, requested: Option<Requested>, purpose: Use) -> CryptographicParameters {
    let requested = requested.unwrap_or_default().0;
    let Value::Structure(mut fields) = requested.clone().into_value() else { return requested };
    let held = object.attributes.all(attr::CRYPTOGRAPHIC_PARAMETERS).filter(|held| serves(held, purpose));
    let agrees =
        |held: &Value| fields.iter().all(|field| held.field(field.tag).is_none_or(|value| *value == field.value));
    let Some(Value::Structure(held)) = held.map(AttributeValue::into_value).find(agrees) else { return requested };
    for field in held {
        if !fields.iter().any(|own| own.tag == field.tag) {
            fields.push(field);
        }
    }
    CryptographicParameters::from_value(&Value::Structure(fields)).unwrap_or(requested)
}

/// Whether parameters are of the kind that the purpose takes: an object may have some to encrypt and some to sign.
fn serves(held: &CryptographicParameters, purpose: Use) -> bool {
    let padding = |methods: &[PaddingMethod]| held.padding_method.is_some_and(|method| methods.contains(&method));
    match purpose {
        Use::Encrypt | Use::Decrypt => {
            held.digital_signature_algorithm.is_none()
                && !padding(&[PaddingMethod::PSS])
                && !held.cryptographic_algorithm.is_some_and(|algorithm| algorithm.name().starts_with("HMAC"))
        }
        Use::Sign | Use::SignatureVerify => !padding(&[PaddingMethod::OAEP]),
        _ => true,
    }
}

/// The parameters of a cipher.
///
/// # Errors
/// `MissingParameter` if nothing names the algorithm; `BadParameters` if it is not that of the key.
pub fn of_cipher(
    object: &ManagedObject,
    given: &CryptographicParameters,
) -> Result<symmetric::Parameters, CryptoError> {
    let of_key = object.attributes.get(attr::CRYPTOGRAPHIC_ALGORITHM);
    let algorithm = match (given.cryptographic_algorithm, of_key) {
        (None, None) => return Err(CryptoError::MissingParameter("cryptographic algorithm")),
        (Some(given), Some(key)) if given != key && !(is_chacha(given) && is_chacha(key)) => {
            return Err(CryptoError::BadParameters("the cryptographic algorithm is not that of the key"));
        }
        (Some(algorithm), _) | (None, Some(algorithm)) => algorithm,
    };
    Ok(symmetric::Parameters {
        algorithm,
        mode: given.block_cipher_mode,
        padding: given.padding_method,
        random_iv: given.random_iv.unwrap_or(false),
        iv_length: given.iv_length,
        tag_length: given.tag_length,
        fixed_field_length: given.fixed_field_length,
        invocation_field_length: given.invocation_field_length,
        counter_length: given.counter_length,
        initial_counter: given.initial_counter_value,
    })
}

/// A key of the one serves the other too.
fn is_chacha(algorithm: Algorithm) -> bool {
    matches!(algorithm, Algorithm::ChaCha20 | Algorithm::ChaCha20Poly1305)
}

/// The parameters of a key pair.
pub fn of_pair(given: &CryptographicParameters) -> AsymmetricParameters<'_> {
    AsymmetricParameters {
        padding: given.padding_method,
        hash: given.hashing_algorithm,
        signature: given.digital_signature_algorithm,
        mask_generator: given.mask_generator,
        mask_hash: given.mask_generator_hashing_algorithm,
        label: given.p_source.as_deref(),
        salt_length: given.salt_length,
        trailer: given.trailer_field,
        context: given.context_string.as_deref(),
        deterministic: given.deterministic.unwrap_or(false),
        random: given.random.as_deref(),
        internal: given.internal.unwrap_or(false),
        external_mu: given.external_mu.unwrap_or(false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::{BlockCipherMode as Mode, HashingAlgorithm as Hash, ObjectType};

    fn parameters(mode: Option<Mode>, padding: Option<PaddingMethod>, hash: Option<Hash>) -> CryptographicParameters {
        CryptographicParameters {
            block_cipher_mode: mode,
            padding_method: padding,
            hashing_algorithm: hash,
            ..Default::default()
        }
    }

    #[test]
    fn the_request_comes_first_and_the_object_fills() {
        let cbc = parameters(Some(Mode::CBC), Some(PaddingMethod::PKCS5), None);
        let pss = parameters(None, Some(PaddingMethod::PSS), Some(Hash::SHA_256));
        let oaep = parameters(None, Some(PaddingMethod::OAEP), Some(Hash::SHA_384));
        let gcm = parameters(Some(Mode::GCM), None, None);
        let none = CryptographicParameters::default();
        let sha512 = parameters(None, None, Some(Hash::SHA_512));
        // What the object has, what the request says, for which purpose, what holds.
        let table = [
            (vec![], Some(gcm.clone()), Use::Encrypt, gcm.clone()),
            (vec![cbc.clone()], None, Use::Encrypt, cbc.clone()),
            (vec![cbc.clone()], Some(none.clone()), Use::Encrypt, cbc.clone()),
            (vec![cbc.clone()], Some(parameters(Some(Mode::CBC), None, None)), Use::Decrypt, cbc.clone()),
            // CBC's padding is not one of GCM.
            (vec![cbc.clone()], Some(gcm.clone()), Use::Encrypt, gcm.clone()),
            (vec![cbc.clone(), gcm.clone()], Some(gcm.clone()), Use::Encrypt, gcm),
            (vec![oaep.clone(), pss.clone()], None, Use::Sign, pss.clone()),
            (vec![pss.clone(), oaep.clone()], None, Use::Decrypt, oaep),
            (vec![pss], Some(sha512.clone()), Use::Sign, sha512),
        ];
        for (held, requested, purpose, wanted) in table {
            let mut object = ManagedObject::new("id", ObjectType::SymmetricKey, "owner");
            for one in held {
                object.attributes.push(Tag::CryptographicParameters, one.into_value());
            }
            assert_eq!(effective(&object, requested.clone().map(Requested), purpose), wanted, "{requested:?}");
        }
    }

    #[test]
    fn the_algorithm_is_that_of_the_key() {
        let table = [
            (Some(Algorithm::AES), None, Some(Algorithm::AES)),
            (None, Some(Algorithm::AES), Some(Algorithm::AES)),
            (Some(Algorithm::AES), Some(Algorithm::DES3), None),
            (Some(Algorithm::ChaCha20), Some(Algorithm::ChaCha20Poly1305), Some(Algorithm::ChaCha20Poly1305)),
            (None, None, None),
        ];
        for (of_key, given, wanted) in table {
            let mut object = ManagedObject::new("id", ObjectType::SymmetricKey, "owner");
            if let Some(algorithm) = of_key {
                object.attributes.set(attr::CRYPTOGRAPHIC_ALGORITHM, algorithm);
            }
            let given = CryptographicParameters { cryptographic_algorithm: given, ..Default::default() };
            assert_eq!(of_cipher(&object, &given).ok().map(|parameters| parameters.algorithm), wanted);
        }
    }
}
