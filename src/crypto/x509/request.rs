//! A certification request (PKCS#10, RFC 2986), read once.

use x509_parser::cri_attributes::ParsedCriAttribute;
use x509_parser::extensions::ParsedExtension;
use x509_parser::prelude::{FromDer, X509CertificationRequest};

use super::alternative::{AlternativeName, general_names};
use super::name::Name;
use super::{MALFORMED, algorithm, from_pem};
use crate::crypto::formats::der::parse_spki;
use crate::crypto::keys::PublicKey;
use crate::crypto::{CryptoError, Result};

/// A request whose signature was verified: who sent it holds the private key.
#[derive(Clone, Debug)]
pub struct Request {
    /// Who wants to be named.
    pub subject: Name,
    /// SubjectPublicKeyInfo, DER.
    pub public_key_info: Box<[u8]>,
    /// The key.
    pub public_key: PublicKey,
    /// Other names that are asked for.
    pub subject_alternative: Vec<AlternativeName>,
    /// Key usage that is asked for; bits as in `KeyUsage`.
    pub key_usage: Option<u16>,
    /// Content of the Extended Key Usage extension that is asked for, DER.
    pub extended_key_usage: Option<Box<[u8]>>,
}

impl Request {
    /// From DER, or PEM with one request. A request to become an authority is not read: that is not the client's to
    /// decide.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let der = from_pem(bytes, &["CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST"])?;
        let (rest, parsed) = X509CertificationRequest::from_der(&der).map_err(|_| MALFORMED)?;
        if !rest.is_empty() {
            return Err(MALFORMED);
        }
        let info = &parsed.certification_request_info;
        let public_key = parse_spki(info.subject_pki.raw)?;
        if !algorithm::verify(&public_key, &parsed.signature_algorithm, info.raw, &parsed.signature_value.data)? {
            return Err(CryptoError::Failed);
        }
        let mut request = Self {
            subject: Name::read(&info.subject),
            public_key_info: info.subject_pki.raw.into(),
            public_key,
            subject_alternative: Vec::new(),
            key_usage: None,
            extended_key_usage: None,
        };
        for attribute in info.iter_attributes() {
            let ParsedCriAttribute::ExtensionRequest(requested) = attribute.parsed_attribute() else { continue };
            for extension in &requested.extensions {
                match extension.parsed_extension() {
                    ParsedExtension::ParseError { .. } => return Err(MALFORMED),
                    ParsedExtension::SubjectAlternativeName(_) => {
                        request.subject_alternative = general_names(extension.value)?;
                    }
                    ParsedExtension::KeyUsage(usage) => request.key_usage = Some(usage.flags),
                    ParsedExtension::ExtendedKeyUsage(_) => request.extended_key_usage = Some(extension.value.into()),
                    _ => {}
                }
            }
        }
        Ok(request)
    }
}
