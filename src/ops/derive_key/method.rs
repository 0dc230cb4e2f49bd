//! What the Derivation Method and the Derivation Parameters mean: which derivation of `crypto::kdf`, with which hash,
//! MAC or cipher.

use zeroize::Zeroizing;

use super::sources::Sources;
use super::{DerivationParameters, Request};
use crate::base::{Error, KeyBytes, Result};
use crate::crypto::kdf::{self, Derivation};
use crate::crypto::mac::MacAlgorithm;
use crate::crypto::{CryptoError, Standing, hash, symmetric};
use crate::model::attr;
use crate::model::values::CryptographicParameters;
use crate::ops::using::parameters::of_cipher;
use crate::ops::using::{Key, TokenKey, Using, block_for_bytes, permit};
use crate::ops::{Cx, mac};
use crate::registry::{DerivationMethod, HashingAlgorithm, ResultReason};

/// Longest key, in bytes, that is derived from one in the HSM: each block of it is a call or two.
const TOKEN_BYTES_MAX: usize = 1024;

/// Derives `length` bytes.
///
/// # Errors
/// Invalid Field: a method that this server does not have. Bad or Unsupported Cryptographic Parameters (1.x Invalid
/// Field): parameters that are missing, wrong, or too much work. Cryptographic Failure: "the specified length exceeds the
/// output of the derivation method or other cryptographic error during derivation" (1.4 §11.7).
pub fn derive(cx: &mut Cx<'_>, request: &Request<'_>, sources: &Sources, length: usize) -> Result<KeyBytes> {
    if request.method == DerivationMethod::AsymmetricKey {
        return agreed(cx, sources, length);
    }
    let parameters = &request.parameters;
    let provided = sources.data(cx)?;
    let explicit = match parameters.data.as_slice() {
        [] => &[],
        [only] => *only,
        // "Derivation Data: … May be repeated" (2.1 table 364), which has a meaning for one method.
        [first, ..] if request.method == DerivationMethod::AWSSignatureVersion4 => *first,
        _ => return Err(Error::invalid_message("only AWS Signature Version 4 takes Derivation Data several times")),
    };
    let data = provided.as_ref().map_or(explicit, KeyBytes::expose);
    let key = &sources.key;
    let given = &key.parameters;
    let cipher;
    let (derivation, standing) = match request.method {
        DerivationMethod::PBKDF2 => {
            // The default of RFC 8018 A.2.
            let hash = hmac(given).map_err(refused)?.unwrap_or(HashingAlgorithm::SHA_1);
            let iterations = required(parameters.iterations, "iteration count")?;
            let salt = parameters.salt.unwrap_or_default();
            (Derivation::Pbkdf2 { hash: Some(hash), salt, iterations }, MacAlgorithm::Hmac(hash).standing())
        }
        DerivationMethod::HASH => {
            let hash = required(given.hashing_algorithm, "hashing algorithm")?;
            (Derivation::Hash { hash, data }, hash::standing(hash))
        }
        DerivationMethod::HMAC => {
            let mac = hmac_of_key(key).map_err(refused)?;
            (Derivation::Mac { mac, data }, mac.standing())
        }
        DerivationMethod::ENCRYPT => {
            matches_key(cx, key, given)?;
            cipher = of_cipher(&key.object, given).map_err(refused)?;
            (
                Derivation::Encrypt { parameters: &cipher, iv: parameters.iv, data },
                symmetric::standing(cipher.algorithm),
            )
        }
        DerivationMethod::NIST800_108_C => {
            let prf = mac::algorithm(key).map_err(refused)?;
            (Derivation::Counter { prf, data }, prf.standing())
        }
        DerivationMethod::NIST800_108_F => {
            let prf = mac::algorithm(key).map_err(refused)?;
            (Derivation::Feedback { prf, iv: parameters.iv.unwrap_or_default(), data }, prf.standing())
        }
        DerivationMethod::NIST800_108_DPI => {
            let prf = mac::algorithm(key).map_err(refused)?;
            (Derivation::DoublePipeline { prf, data }, prf.standing())
        }
        DerivationMethod::HKDF => {
            // "The default hash function is SHA-256 and may be overriden by specifying a Hashing Algorithm in the
            // Cryptographic Parameters field" (2.1 §7.12): those of the object do not count.
            let asked = parameters.cryptographic.as_ref().map(|asked| hmac(&asked.0)).transpose().map_err(refused)?;
            let hash = asked.flatten().unwrap_or(HashingAlgorithm::SHA_256);
            let salt = parameters.salt.unwrap_or_default();
            (Derivation::Hkdf { hash: Some(hash), salt, info: data }, MacAlgorithm::Hmac(hash).standing())
        }
        DerivationMethod::AWSSignatureVersion4 => (aws(parameters)?, Ok((Standing::Modern, "HMAC-SHA256"))),
        other => return Err(Error::invalid_field(format!("this server has no derivation method {other}"))),
    };
    permit(cx, standing)?;
    block_for_bytes(cx, derivation.work(length).map_err(refused)?)?;
    let secret = match key.key(cx)? {
        Key::Token(key) => return in_token(cx, &key, &derivation, length),
        Key::Secret(secret) => secret,
        Key::Private(_) | Key::Public(_) => return key.wrong_key(),
    };
    kdf::derive(&derivation, secret.expose(), length, &*cx.services.entropy).map_err(refused)
}

/// The same with a key in the HSM, which makes MACs and ciphertexts there. What works on the bytes of the key is refused.
fn in_token(cx: &Cx<'_>, key: &TokenKey, derivation: &Derivation<'_>, length: usize) -> Result<KeyBytes> {
    match *derivation {
        Derivation::Mac { mac: prf, .. }
        | Derivation::Counter { prf, .. }
        | Derivation::Feedback { prf, .. }
        | Derivation::DoublePipeline { prf, .. } => {
            if length > TOKEN_BYTES_MAX {
                return Err(refused(CryptoError::LimitExceeded("length of a key that is derived in the HSM")));
            }
            kdf::by_prf(derivation, length, |pieces| key.mac(cx, prf, &pieces.concat()).map(Zeroizing::new))
        }
        Derivation::Encrypt { parameters, iv, data } => {
            kdf::repeatable(parameters, iv, data).map_err(refused)?;
            let output = key.encrypt(cx, parameters, iv, &[], data)?;
            kdf::front(&output.data, length).map_err(refused)
        }
        Derivation::Pbkdf2 { .. }
        | Derivation::Hash { .. }
        | Derivation::Hkdf { .. }
        | Derivation::AwsSignature4 { .. } => Err(Error::new(
            ResultReason::FeatureNotSupported,
            "this derivation method works on the bytes of the key, which lies in the server's HSM and never leaves it",
        )),
    }
}

/// The front of the secret that a private and a public key share. KMIP names no function over it.
fn agreed(cx: &mut Cx<'_>, sources: &Sources, length: usize) -> Result<KeyBytes> {
    let peer = sources.other.as_ref().map(|other| other.key(cx)).transpose()?;
    let secret = match (sources.key.key(cx)?, peer) {
        (Key::Private(own), Some(Key::Public(peer))) => own.agree(&peer)?,
        (Key::Token(own), Some(Key::Public(peer))) => own.agree(cx, &peer)?,
        _ => return sources.key.wrong_key(),
    };
    Ok(kdf::front(secret.expose(), length)?)
}

/// "For the AWS Signature Version 4 derivation method, the Derivation Data is (in order) the Date, Region, and Service."
fn aws<'a>(parameters: &DerivationParameters<'a>) -> Result<Derivation<'a>> {
    match *parameters.data.as_slice() {
        [date, region, service] => Ok(Derivation::AwsSignature4 { date, region, service }),
        _ => Err(Error::new(
            ResultReason::BadCryptographicParameters,
            "AWS Signature Version 4 takes three Derivation Data: date, region and service",
        )),
    }
}

/// The hash of the HMAC that parameters name, if they name one.
fn hmac(given: &CryptographicParameters) -> Result<Option<HashingAlgorithm>, CryptoError> {
    match MacAlgorithm::new(given.cryptographic_algorithm, None, given.hashing_algorithm) {
        Ok(MacAlgorithm::Hmac(hash)) => Ok(Some(hash)),
        Ok(MacAlgorithm::Cmac(_)) | Err(CryptoError::MissingParameter(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// "If a key is derived using HMAC, then the attributes of the derivation key provide enough information about the PRF,
/// and the Cryptographic Parameters are ignored": by a key for HMAC. Other keys and secrets provide none.
fn hmac_of_key(key: &Using) -> Result<MacAlgorithm, CryptoError> {
    let of_key = key.object.attributes.get(attr::CRYPTOGRAPHIC_ALGORITHM);
    if let Ok(mac) = MacAlgorithm::new(of_key, None, None) {
        return Ok(mac);
    }
    let hash = hmac(&key.parameters)?.ok_or(CryptoError::MissingParameter("hashing algorithm"))?;
    Ok(MacAlgorithm::Hmac(hash))
}

/// "The server SHALL verify that the specified mode matches one of the instances of Cryptographic Parameters set for the
/// corresponding key" (1.0 to 1.4, §4.6). A key that has none takes what the request says, as it does in Encrypt.
fn matches_key(cx: &Cx<'_>, key: &Using, given: &CryptographicParameters) -> Result<()> {
    let mut held = key.object.attributes.all(attr::CRYPTOGRAPHIC_PARAMETERS).peekable();
    let is_bound = held.peek().is_some() && cx.version.is_1x();
    if !is_bound || held.any(|held| held.block_cipher_mode == given.block_cipher_mode) {
        return Ok(());
    }
    Err(Error::invalid_field("the Block Cipher Mode is in none of the key's Cryptographic Parameters"))
}

fn required<T>(value: Option<T>, what: &'static str) -> Result<T> {
    value.ok_or_else(|| CryptoError::MissingParameter(what).into())
}

/// The errors of algorithms in the words of the error tables of Derive Key, which have no reason of their own for a
/// missing IV or too much work: those are bad parameters.
fn refused(error: CryptoError) -> Error {
    let bad = matches!(error, CryptoError::MissingIv | CryptoError::LimitExceeded(_));
    let error = Error::from(error);
    if bad { error.with_reason(ResultReason::BadCryptographicParameters) } else { error }
}
