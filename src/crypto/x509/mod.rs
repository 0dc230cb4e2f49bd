//! X.509 (RFC 5280): certificates and PKCS#10 requests read into what attributes need, certificates made with keys of
//! this room, and chains judged. Reading is x509-parser; writing is here, so that names and keys go into a new
//! certificate byte for byte as they came.

mod algorithm;
mod certificate;
mod chain;
mod issue;
mod name;
mod request;
#[cfg(test)]
mod tests;
mod write;

pub use certificate::{AlternativeName, Certificate, certificate_pem};
pub use chain::{Verdict, validate};
pub use issue::{Authority, CertificateSpec, KeyUsage, issue};
pub use name::{Name, NamePart};
pub use request::Request;

use super::CryptoError;

/// What was read is not what was promised.
const MALFORMED: CryptoError = CryptoError::BadData("not the DER encoding of a certificate or request");

/// DER from bytes that may be PEM with this label; DER is returned as it is.
fn from_pem<'a>(bytes: &'a [u8], labels: &[&str]) -> super::Result<std::borrow::Cow<'a, [u8]>> {
    if bytes.first() == Some(&0x30) {
        return Ok(bytes.into());
    }
    let (label, der) = pkcs8::der::pem::decode_vec(bytes).map_err(|_| MALFORMED)?;
    if labels.contains(&label) { Ok(der.into()) } else { Err(MALFORMED) }
}
