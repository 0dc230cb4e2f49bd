//! Certificates made with a key of this server: Certify and Re-certify.

use pkcs8::ObjectIdentifier;

use super::algorithm;
use super::alternative::AlternativeName;
use super::certificate::Certificate;
use super::name::Name;
use super::write::{BIT_STRING, BOOLEAN, OCTET_STRING, SEQUENCE, bit_string, integer, oid, time, tlv};
use crate::base::Date;
use crate::crypto::digest_info::digest;
use crate::crypto::keys::{Input, PrivateKey, PublicKey};
use crate::crypto::operations::AsymmetricParameters;
use crate::crypto::rsa::SoftwareRsa;
use crate::crypto::{CryptoError, Result};
use crate::registry::HashingAlgorithm;

/// Bits of the Key Usage extension (RFC 5280 §4.2.1.3), the first one lowest.
pub struct KeyUsage;

#[allow(missing_docs, reason = "the names of RFC 5280")]
impl KeyUsage {
    pub const DIGITAL_SIGNATURE: u16 = 1;
    pub const CONTENT_COMMITMENT: u16 = 1 << 1;
    pub const KEY_ENCIPHERMENT: u16 = 1 << 2;
    pub const DATA_ENCIPHERMENT: u16 = 1 << 3;
    pub const KEY_AGREEMENT: u16 = 1 << 4;
    pub const KEY_CERT_SIGN: u16 = 1 << 5;
    pub const CRL_SIGN: u16 = 1 << 6;
    pub const ENCIPHER_ONLY: u16 = 1 << 7;
    pub const DECIPHER_ONLY: u16 = 1 << 8;
}

/// Who signs.
#[derive(Clone, Copy)]
pub struct Authority<'a> {
    /// The private key.
    pub key: &'a PrivateKey,
    /// Its certificate; absent for a certificate that signs itself.
    pub certificate: Option<&'a Certificate>,
    /// Whether an RSA key below 2048 bits may sign.
    pub software: SoftwareRsa,
}

/// What is certified.
#[derive(Clone, Copy)]
pub struct CertificateSpec<'a> {
    /// Who is named.
    pub subject: &'a Name,
    /// SubjectPublicKeyInfo, DER, taken as it is.
    pub public_key_info: &'a [u8],
    /// Serial number, big-endian, at most 20 bytes, not zero; unique for the authority (RFC 5280 §4.1.2.2). Absent: 16
    /// random bytes.
    pub serial: Option<&'a [u8]>,
    /// First second of validity.
    pub not_before: Date,
    /// Last second of validity.
    pub not_after: Date,
    /// Whether it may sign certificates.
    pub is_authority: bool,
    /// How many authorities may stand below it; only for an authority.
    pub path_length: Option<u32>,
    /// Bits of `KeyUsage`; absent or zero leaves the extension out.
    pub key_usage: Option<u16>,
    /// Other names of the subject.
    pub subject_alternative: &'a [AlternativeName],
    /// Content of the Extended Key Usage extension, DER, as in a request.
    pub extended_key_usage: Option<&'a [u8]>,
}

/// Makes a certificate; DER.
pub fn issue(spec: &CertificateSpec<'_>, authority: Authority<'_>) -> Result<Vec<u8>> {
    let unsigned = unsigned(spec, &authority.key.public(), authority.certificate)?;
    let message = Input::Message(&unsigned.message);
    let signature = authority.key.sign(&unsigned.parameters, message, authority.software)?;
    Ok(unsigned.signed(&signature))
}

/// A certificate that is still to be signed, by a key that may be elsewhere.
pub struct Unsigned {
    /// What is signed.
    pub message: Vec<u8>,
    /// How it is signed.
    pub parameters: AsymmetricParameters<'static>,
    algorithm: Vec<u8>,
}

impl Unsigned {
    /// The certificate; DER.
    pub fn signed(&self, signature: &[u8]) -> Vec<u8> {
        tlv(SEQUENCE, &[&self.message, &self.algorithm, &bit_string(signature)])
    }
}

/// A certificate that the private half of `signer` is to sign; `authority` is its certificate, absent for one that signs
/// itself.
pub fn unsigned(spec: &CertificateSpec<'_>, signer: &PublicKey, authority: Option<&Certificate>) -> Result<Unsigned> {
    const VERSION_3: [u8; 5] = [0xA0, 3, 2, 1, 2];
    if spec.not_after < spec.not_before {
        return Err(CryptoError::BadParameters("validity ends before it begins"));
    }
    let (algorithm, parameters) = algorithm::of_signer(signer)?;
    let issuer = authority.map_or(spec.subject, |certificate| &certificate.subject);
    let message = tlv(
        SEQUENCE,
        &[
            &VERSION_3,
            &serial(spec.serial)?,
            &algorithm,
            issuer.der(),
            &tlv(SEQUENCE, &[&time(spec.not_before)?, &time(spec.not_after)?]),
            spec.subject.der(),
            spec.public_key_info,
            &tlv(0xA3, &[&extensions(spec, authority)?]),
        ],
    );
    Ok(Unsigned { message, parameters, algorithm })
}

fn serial(given: Option<&[u8]>) -> Result<Vec<u8>> {
    let mut random = [0; 16];
    let bytes = match given {
        Some(bytes) => crate::crypto::number::trim(bytes),
        None => {
            aws_lc_rs::rand::fill(&mut random).map_err(|_| CryptoError::Provider("random number generator"))?;
            // Positive, and never zero.
            random[0] = random[0] & 0x7F | 0x40;
            &random
        }
    };
    let encoded = integer(bytes);
    let fits = !bytes.is_empty() && encoded.len() <= 2 + 20;
    fits.then_some(encoded).ok_or(CryptoError::BadParameters("serial number"))
}

fn extensions(spec: &CertificateSpec<'_>, authority: Option<&Certificate>) -> Result<Vec<u8>> {
    const CRITICAL: bool = true;
    let subject_id = key_id(spec.public_key_info)?;
    let authority_id = match authority {
        None => subject_id.clone(),
        Some(Certificate { subject_key_id: Some(id), .. }) => id.to_vec(),
        Some(authority) => key_id(&authority.public_key_info)?,
    };
    let mut all = vec![
        extension("2.5.29.14", !CRITICAL, &tlv(OCTET_STRING, &[&subject_id])),
        extension("2.5.29.35", !CRITICAL, &tlv(SEQUENCE, &[&tlv(0x80, &[&authority_id])])),
    ];
    // An authority must say so (§4.2.1.9); others say that they are none.
    let constraints = match (spec.is_authority, spec.path_length) {
        (false, None) => tlv(SEQUENCE, &[]),
        (false, Some(_)) => return Err(CryptoError::BadParameters("path length without authority")),
        (true, None) => tlv(SEQUENCE, &[&tlv(BOOLEAN, &[&[0xFF]])]),
        (true, Some(length)) => tlv(SEQUENCE, &[&tlv(BOOLEAN, &[&[0xFF]]), &integer(&length.to_be_bytes())]),
    };
    all.push(extension("2.5.29.19", CRITICAL, &constraints));
    if let Some(usage) = spec.key_usage.filter(|usage| *usage != 0) {
        all.push(extension("2.5.29.15", CRITICAL, &usage_bits(usage)));
    }
    if let Some(content) = spec.extended_key_usage {
        all.push(extension("2.5.29.37", !CRITICAL, content));
    }
    if !spec.subject_alternative.is_empty() {
        let names: Vec<&[u8]> = spec.subject_alternative.iter().map(|name| &*name.der).collect();
        // Critical if there is no other name (§4.2.1.6).
        all.push(extension("2.5.29.17", spec.subject.is_empty(), &tlv(SEQUENCE, &names)));
    } else if spec.subject.is_empty() {
        return Err(CryptoError::BadParameters("a certificate without any name"));
    }
    Ok(tlv(SEQUENCE, &all.iter().map(Vec::as_slice).collect::<Vec<_>>()))
}

fn extension(name: &str, critical: bool, value: &[u8]) -> Vec<u8> {
    let critical = if critical { tlv(BOOLEAN, &[&[0xFF]]) } else { Vec::new() };
    tlv(SEQUENCE, &[&oid(ObjectIdentifier::new_unwrap(name)), &critical, &tlv(OCTET_STRING, &[value])])
}

/// A named bit list: bit 0 is the highest bit of the first byte, and no trailing zero bits (X.690 §11.2.2).
fn usage_bits(usage: u16) -> Vec<u8> {
    let bits = usage.reverse_bits();
    let [first, second] = bits.to_be_bytes();
    if second == 0 {
        tlv(BIT_STRING, &[&[first.trailing_zeros() as u8, first]])
    } else {
        tlv(BIT_STRING, &[&[second.trailing_zeros() as u8, first, second]])
    }
}

/// The first 20 bytes of SHA-256 over the public key (RFC 7093 §2, method 1).
fn key_id(public_key_info: &[u8]) -> Result<Vec<u8>> {
    use pkcs8::der::Decode;
    let info = pkcs8::spki::SubjectPublicKeyInfoRef::from_der(public_key_info)
        .map_err(|_| CryptoError::BadKey("not a SubjectPublicKeyInfo"))?;
    let mut id = digest(HashingAlgorithm::SHA_256, &[info.subject_public_key.raw_bytes()])?;
    id.truncate(20);
    Ok(id)
}
