//! X.509 (RFC 5280): certificates and PKCS#10 requests read into what attributes need, certificates made with keys of
//! this room, and chains judged. Reading is x509-parser; writing is here, so that names and keys go into a new
//! certificate byte for byte as they came.

mod algorithm;
mod alternative;
mod certificate;
mod chain;
mod issue;
mod name;
mod request;
#[cfg(test)]
mod tests;
mod write;

pub use alternative::AlternativeName;
pub use certificate::{Certificate, certificate_pem};
pub use chain::{CHAIN_MAX, Verdict, validate};
pub use issue::{Authority, CertificateSpec, KeyUsage, Unsigned, issue, unsigned};
pub use name::{Name, NamePart};
pub use request::Request;

use super::CryptoError;
use super::formats::{Encoded, encode_public};
use crate::registry::KeyFormatType;

/// What was read is not what was promised.
const MALFORMED: CryptoError = CryptoError::BadData("not the DER encoding of a certificate or request");

/// SubjectPublicKeyInfo of a key, DER: one form for each key.
pub fn public_key_info(key: &super::keys::PublicKey) -> super::Result<Vec<u8>> {
    match encode_public(key, KeyFormatType::X_509, None)? {
        Encoded::Bytes(bytes) => Ok(bytes.expose().to_vec()),
        Encoded::Structure(_) => Err(CryptoError::Format),
    }
}

/// DER from bytes that may be PEM with this label; DER is returned as it is.
fn from_pem<'a>(bytes: &'a [u8], labels: &[&str]) -> super::Result<std::borrow::Cow<'a, [u8]>> {
    if bytes.first() == Some(&0x30) {
        return Ok(bytes.into());
    }
    let (label, der) = pkcs8::der::pem::decode_vec(bytes).map_err(|_| MALFORMED)?;
    if labels.contains(&label) { Ok(der.into()) } else { Err(MALFORMED) }
}
