//! A certificate, read once.

use x509_parser::extensions::ParsedExtension;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::alternative::{AlternativeName, general_names};
use super::name::Name;
use super::{MALFORMED, algorithm, from_pem};
use crate::base::Date;
use crate::crypto::formats::der::parse_spki;
use crate::crypto::keys::PublicKey;
use crate::crypto::{CryptoError, Result};
use crate::registry::DigitalSignatureAlgorithm;

/// Extensions that chain validation understands: key usage, alternative names, basic constraints, policies (they
/// restrict nobody here), extended key usage, key identifiers.
const UNDERSTOOD: [&str; 8] =
    ["2.5.29.15", "2.5.29.17", "2.5.29.18", "2.5.29.19", "2.5.29.32", "2.5.29.37", "2.5.29.14", "2.5.29.35"];

/// A certificate as attributes and validation need it.
#[derive(Clone, Debug)]
pub struct Certificate {
    der: Box<[u8]>,
    signed_part: std::ops::Range<usize>,
    /// 1 or 3.
    pub version: u32,
    /// Content of the serial number's INTEGER, big-endian; a leading zero keeps it positive.
    pub serial: Box<[u8]>,
    /// Who is named.
    pub subject: Name,
    /// Who signed.
    pub issuer: Name,
    /// Other names of the subject.
    pub subject_alternative: Vec<AlternativeName>,
    /// Other names of the issuer.
    pub issuer_alternative: Vec<AlternativeName>,
    /// First second of validity.
    pub not_before: Date,
    /// Last second of validity.
    pub not_after: Date,
    /// SubjectPublicKeyInfo, DER: a Public Key of format X.509.
    pub public_key_info: Box<[u8]>,
    /// The key, if this server has its algorithm.
    pub public_key: Option<PublicKey>,
    /// Digital Signature Algorithm, if the standard has it.
    pub signature_algorithm: Option<DigitalSignatureAlgorithm>,
    /// Whether Basic Constraints say that it may sign certificates.
    pub is_authority: bool,
    /// How many authorities may stand below it.
    pub path_length: Option<u32>,
    /// Bits of Key Usage as in `KeyUsage`; absent means any use.
    pub key_usage: Option<u16>,
    /// Content of the Extended Key Usage extension, DER.
    pub extended_key_usage: Option<Box<[u8]>>,
    /// Subject Key Identifier.
    pub subject_key_id: Option<Box<[u8]>>,
    /// Authority Key Identifier.
    pub authority_key_id: Option<Box<[u8]>>,
    /// Whether a critical extension is unknown here; such a certificate is never valid.
    pub unknown_critical: bool,
}

impl Certificate {
    /// From DER, or PEM with one certificate.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let der = from_pem(bytes, &["CERTIFICATE", "X509 CERTIFICATE", "TRUSTED CERTIFICATE"])?;
        let (rest, parsed) = X509Certificate::from_der(&der).map_err(|_| MALFORMED)?;
        if !rest.is_empty() {
            return Err(MALFORMED);
        }
        let tbs = &parsed.tbs_certificate;
        let start = tbs.as_ref().as_ptr().addr().checked_sub(der.as_ptr().addr()).ok_or(MALFORMED)?;
        let mut certificate = Self {
            signed_part: start..start + tbs.as_ref().len(),
            version: tbs.version.0 + 1,
            serial: tbs.raw_serial().into(),
            subject: Name::read(&tbs.subject),
            issuer: Name::read(&tbs.issuer),
            subject_alternative: Vec::new(),
            issuer_alternative: Vec::new(),
            not_before: Date(tbs.validity.not_before.timestamp()),
            not_after: Date(tbs.validity.not_after.timestamp()),
            public_key_info: tbs.subject_pki.raw.into(),
            public_key: parse_spki(tbs.subject_pki.raw).ok(),
            signature_algorithm: algorithm::signature_algorithm(&parsed.signature_algorithm),
            is_authority: false,
            path_length: None,
            key_usage: None,
            extended_key_usage: None,
            subject_key_id: None,
            authority_key_id: None,
            unknown_critical: false,
            der: [].into(),
        };
        // The algorithm stands twice, once signed and once not (RFC 5280 §4.1.1.2).
        if tbs.signature != parsed.signature_algorithm
            || !has_unsigned_tail(tbs.as_ref(), &der[certificate.signed_part.end..])
        {
            return Err(MALFORMED);
        }
        for extension in tbs.extensions() {
            certificate.read_extension(extension)?;
        }
        certificate.der = der.as_ref().into();
        Ok(certificate)
    }

    fn read_extension(&mut self, extension: &x509_parser::prelude::X509Extension<'_>) -> Result<()> {
        match extension.parsed_extension() {
            ParsedExtension::ParseError { .. } => return Err(MALFORMED),
            ParsedExtension::SubjectAlternativeName(_) => self.subject_alternative = general_names(extension.value)?,
            ParsedExtension::IssuerAlternativeName(_) => self.issuer_alternative = general_names(extension.value)?,
            ParsedExtension::BasicConstraints(constraints) => {
                self.is_authority = constraints.ca;
                self.path_length = constraints.path_len_constraint;
            }
            ParsedExtension::KeyUsage(usage) => self.key_usage = Some(usage.flags),
            ParsedExtension::ExtendedKeyUsage(_) => self.extended_key_usage = Some(extension.value.into()),
            ParsedExtension::SubjectKeyIdentifier(id) => self.subject_key_id = Some(id.0.into()),
            ParsedExtension::AuthorityKeyIdentifier(id) => {
                self.authority_key_id = id.key_identifier.as_ref().map(|id| id.0.into());
            }
            _ => {}
        }
        self.unknown_critical |= extension.critical && !UNDERSTOOD.contains(&extension.oid.to_id_string().as_str());
        Ok(())
    }

    /// The whole certificate, DER: the Certificate Value. Its length is the Certificate Length.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// Whether it was signed with the key that is in it.
    pub fn is_self_signed(&self) -> bool {
        let own = || self.public_key.as_ref().is_some_and(|key| self.is_signed_by(key) == Ok(true));
        self.subject == self.issuer && own()
    }

    /// Whether this key signed the certificate.
    pub fn is_signed_by(&self, key: &PublicKey) -> Result<bool> {
        let (_, parsed) = X509Certificate::from_der(&self.der).map_err(|_| MALFORMED)?;
        let data = self.der.get(self.signed_part.clone()).ok_or(MALFORMED)?;
        algorithm::verify(key, &parsed.signature_algorithm, data, &parsed.signature_value.data)
    }
}

/// What follows the signed part is the algorithm, byte for byte as it stands inside (RFC 5280 §4.1.1.2), and a BIT
/// STRING of whole bytes, and nothing else. The parser looks neither at the class of tags nor at the number of unused
/// bits, so a certificate could be changed there and still be taken for signed.
fn has_unsigned_tail(signed: &[u8], tail: &[u8]) -> bool {
    use x509_parser::asn1_rs::{Any, FromDer as _};
    let after = |bytes| Any::from_der(bytes).ok().map(|(rest, item)| (rest, item.data));
    let parts = || {
        let (_, fields) = after(signed)?;
        // The version is tagged 0xA0 and may be absent; then comes the serial number.
        let fields = if fields.first() == Some(&0xA0) { after(fields)?.0 } else { fields };
        let (algorithm, _) = after(fields)?;
        let (signature, _) = after(tail)?;
        let (end, bits) = after(signature)?;
        Some((algorithm, signature, end, bits))
    };
    let Some((algorithm, signature, end, bits)) = parts() else { return false };
    let outer = &tail[..tail.len() - signature.len()];
    algorithm.starts_with(outer) && signature.first() == Some(&0x03) && bits.first() == Some(&0) && end.is_empty()
}

/// PEM of a certificate.
pub fn certificate_pem(der: &[u8]) -> Result<String> {
    pkcs8::der::pem::encode_string("CERTIFICATE", pkcs8::LineEnding::LF, der)
        .map_err(|_| CryptoError::BadData("too long for PEM"))
}
