//! Signature algorithms of certificates: object identifiers, our parameters, Digital Signature Algorithm.

use pkcs8::ObjectIdentifier;
use pkcs8::der::Decode;
use rsa::pkcs1::RsaPssParamsOwned;
use x509_parser::x509::AlgorithmIdentifier;

use super::write::{SEQUENCE, oid, tlv};
use crate::crypto::digest_info::hash_of_oid;
use crate::crypto::ec::EcCurve;
use crate::crypto::keys::{Input, PublicKey};
use crate::crypto::operations::AsymmetricParameters;
use crate::crypto::{CryptoError, Result};
use crate::registry::{DigitalSignatureAlgorithm as S, HashingAlgorithm as H, PaddingMethod};

struct Row {
    oid: ObjectIdentifier,
    signature: Option<S>,
    hash: Option<H>,
}

const fn row(oid: &str, signature: Option<S>, hash: Option<H>) -> Row {
    Row { oid: ObjectIdentifier::new_unwrap(oid), signature, hash }
}

/// The one mask generator of RSASSA-PSS.
const MGF1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.8");

/// RFC 3279, 4055, 5758, 8410, 9881, 9909. Rows without a Digital Signature Algorithm have none in the standard.
const ROWS: [Row; 35] = [
    row("1.2.840.113549.1.1.2", Some(S::MD2WithRSAEncryption), None),
    row("1.2.840.113549.1.1.4", Some(S::MD5WithRSAEncryption), None),
    row("1.2.840.113549.1.1.5", Some(S::SHA_1WithRSAEncryption), Some(H::SHA_1)),
    row("1.2.840.113549.1.1.14", Some(S::SHA_224WithRSAEncryption), Some(H::SHA_224)),
    row("1.2.840.113549.1.1.11", Some(S::SHA_256WithRSAEncryption), Some(H::SHA_256)),
    row("1.2.840.113549.1.1.12", Some(S::SHA_384WithRSAEncryption), Some(H::SHA_384)),
    row("1.2.840.113549.1.1.13", Some(S::SHA_512WithRSAEncryption), Some(H::SHA_512)),
    row("2.16.840.1.101.3.4.3.14", Some(S::SHA3_256WithRSAEncryption), Some(H::SHA_3_256)),
    row("2.16.840.1.101.3.4.3.15", Some(S::SHA3_384WithRSAEncryption), Some(H::SHA_3_384)),
    row("2.16.840.1.101.3.4.3.16", Some(S::SHA3_512WithRSAEncryption), Some(H::SHA_3_512)),
    row("1.2.840.10040.4.3", Some(S::DSAWithSHA_1), Some(H::SHA_1)),
    row("2.16.840.1.101.3.4.3.1", Some(S::DSAWithSHA224), Some(H::SHA_224)),
    row("2.16.840.1.101.3.4.3.2", Some(S::DSAWithSHA256), Some(H::SHA_256)),
    row("1.2.840.10045.4.1", Some(S::ECDSAWithSHA_1), Some(H::SHA_1)),
    row("1.2.840.10045.4.3.1", Some(S::ECDSAWithSHA224), Some(H::SHA_224)),
    row("1.2.840.10045.4.3.2", Some(S::ECDSAWithSHA256), Some(H::SHA_256)),
    row("1.2.840.10045.4.3.3", Some(S::ECDSAWithSHA384), Some(H::SHA_384)),
    row("1.2.840.10045.4.3.4", Some(S::ECDSAWithSHA512), Some(H::SHA_512)),
    row("1.3.101.112", None, None),
    row("2.16.840.1.101.3.4.3.17", None, None),
    row("2.16.840.1.101.3.4.3.18", None, None),
    row("2.16.840.1.101.3.4.3.19", None, None),
    row("2.16.840.1.101.3.4.3.20", None, None),
    row("2.16.840.1.101.3.4.3.21", None, None),
    row("2.16.840.1.101.3.4.3.22", None, None),
    row("2.16.840.1.101.3.4.3.23", None, None),
    row("2.16.840.1.101.3.4.3.24", None, None),
    row("2.16.840.1.101.3.4.3.25", None, None),
    row("2.16.840.1.101.3.4.3.26", None, None),
    row("2.16.840.1.101.3.4.3.27", None, None),
    row("2.16.840.1.101.3.4.3.28", None, None),
    row("2.16.840.1.101.3.4.3.29", None, None),
    row("2.16.840.1.101.3.4.3.30", None, None),
    row("2.16.840.1.101.3.4.3.31", None, None),
    row("1.2.840.113549.1.1.10", Some(S::RSASSA_PSS), None),
];

fn find(algorithm: &AlgorithmIdentifier<'_>) -> Option<&'static Row> {
    ROWS.iter().find(|row| row.oid.as_bytes() == algorithm.algorithm.as_bytes())
}

/// The Digital Signature Algorithm of a certificate, if the standard has one for it.
pub(super) fn signature_algorithm(algorithm: &AlgorithmIdentifier<'_>) -> Option<S> {
    find(algorithm)?.signature
}

/// Whether the signature over `data` is that of `key`.
pub(super) fn verify(
    key: &PublicKey,
    algorithm: &AlgorithmIdentifier<'_>,
    data: &[u8],
    signature: &[u8],
) -> Result<bool> {
    let row = find(algorithm).ok_or(CryptoError::Unsupported("signature algorithm of a certificate"))?;
    let parameters = match row.signature {
        Some(S::RSASSA_PSS) => pss(algorithm)?,
        Some(signature) => AsymmetricParameters { signature: Some(signature), hash: row.hash, ..Default::default() },
        None if named(key) == Some(row.oid) => AsymmetricParameters::default(),
        None => return Ok(false),
    };
    match key.verify(&parameters, Input::Message(data), signature) {
        // A key of another kind than the algorithm is not the signer.
        Err(CryptoError::BadParameters(_)) => Ok(false),
        verdict => verdict,
    }
}

/// The algorithm of keys that have only one.
fn named(key: &PublicKey) -> Option<ObjectIdentifier> {
    match key {
        PublicKey::Ed25519(_) => Some(ObjectIdentifier::new_unwrap("1.3.101.112")),
        PublicKey::MlDsa(key) => Some(key.set().oid()),
        PublicKey::SlhDsa(key) => Some(key.set().oid()),
        _ => None,
    }
}

fn pss(algorithm: &AlgorithmIdentifier<'_>) -> Result<AsymmetricParameters<'static>> {
    const WRONG: CryptoError = CryptoError::Unsupported("parameters of RSASSA-PSS");
    let parameters = algorithm.parameters.as_ref().ok_or(WRONG)?;
    // The parser keeps the content of the sequence only.
    let der = tlv(SEQUENCE, &[parameters.data]);
    let parameters = RsaPssParamsOwned::from_der(&der).map_err(|_| WRONG)?;
    if parameters.mask_gen.oid != MGF1 {
        return Err(WRONG);
    }
    let mask = parameters.mask_gen.parameters.as_ref().ok_or(WRONG)?;
    Ok(AsymmetricParameters {
        padding: Some(PaddingMethod::PSS),
        hash: Some(hash_of_oid(parameters.hash.oid.as_bytes()).ok_or(WRONG)?),
        mask_hash: Some(hash_of_oid(mask.oid.as_bytes()).ok_or(WRONG)?),
        salt_length: Some(i32::from(parameters.salt_len)),
        ..Default::default()
    })
}

/// The AlgorithmIdentifier with which a key signs certificates, and its parameters: PKCS#1 v1.5 with SHA-256 for RSA,
/// which every reader knows; the hash of the curve's length for ECDSA.
pub(super) fn of_signer(key: &PublicKey) -> Result<(Vec<u8>, AsymmetricParameters<'static>)> {
    let (signature, null) = match key {
        PublicKey::Rsa(_) => (S::SHA_256WithRSAEncryption, true),
        PublicKey::Dsa(_) => (S::DSAWithSHA256, false),
        PublicKey::Ec(key) => match key.curve() {
            EcCurve::P224 | EcCurve::P256 | EcCurve::Secp256k1 | EcCurve::BrainpoolP256r1 => {
                (S::ECDSAWithSHA256, false)
            }
            EcCurve::P384 | EcCurve::BrainpoolP384r1 => (S::ECDSAWithSHA384, false),
            EcCurve::P521 => (S::ECDSAWithSHA512, false),
        },
        key => {
            let name = named(key).ok_or(CryptoError::BadKey("this algorithm cannot sign"))?;
            return Ok((tlv(SEQUENCE, &[&oid(name)]), AsymmetricParameters::default()));
        }
    };
    let row = ROWS.iter().find(|row| row.signature == Some(signature));
    let row = row.ok_or(CryptoError::Provider("signature table"))?;
    let null: &[u8] = if null { &[5, 0] } else { &[] };
    let parameters = AsymmetricParameters { signature: Some(signature), ..Default::default() };
    Ok((tlv(SEQUENCE, &[&oid(row.oid), null]), parameters))
}
