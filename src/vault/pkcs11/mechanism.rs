//! Which mechanism of PKCS#11 does a task, and what it is called in a refusal.

use std::ffi::c_ulong;

use cryptoki::error::Result;
use cryptoki::mechanism::aead::GcmParams;
use cryptoki::mechanism::eddsa::{EddsaParams, EddsaSignatureScheme};
use cryptoki::mechanism::rsa::{PkcsMgfType, PkcsOaepParams, PkcsOaepSource, PkcsPssParams};
use cryptoki::mechanism::vendor_defined::VendorDefinedMechanism;
use cryptoki::mechanism::{Mechanism, MechanismType};

use super::canary::ulong;
use super::token::ClassKey;
use crate::crypto::digest_info::{digest_info_prefix, digest_length};
use crate::crypto::mac::MacAlgorithm;
use crate::crypto::symmetric::BareCipher;
use crate::registry::{CryptographicAlgorithm, HashingAlgorithm};
use crate::vault::{Cipher, KeyWrap, Signature, VaultError};

/// A hash with its mechanisms: digest, mask, HMAC.
type Row = (HashingAlgorithm, MechanismType, PkcsMgfType, fn() -> Mechanism<'static>);

const HASHES: &[Row] = &[
    (HashingAlgorithm::SHA_1, MechanismType::SHA1, PkcsMgfType::MGF1_SHA1, || Mechanism::Sha1Hmac),
    (HashingAlgorithm::SHA_224, MechanismType::SHA224, PkcsMgfType::MGF1_SHA224, || Mechanism::Sha224Hmac),
    (HashingAlgorithm::SHA_256, MechanismType::SHA256, PkcsMgfType::MGF1_SHA256, || Mechanism::Sha256Hmac),
    (HashingAlgorithm::SHA_384, MechanismType::SHA384, PkcsMgfType::MGF1_SHA384, || Mechanism::Sha384Hmac),
    (HashingAlgorithm::SHA_512, MechanismType::SHA512, PkcsMgfType::MGF1_SHA512, || Mechanism::Sha512Hmac),
];

fn row(hash: HashingAlgorithm) -> Option<&'static Row> {
    HASHES.iter().find(|row| row.0 == hash)
}

fn with_hash(hash: HashingAlgorithm) -> Result<&'static Row> {
    row(hash).ok_or(cryptoki::error::Error::NotSupported)
}

/// CK_AES_CTR_PARAMS (PKCS#11 3.0 §2.11.2), which cryptoki has no type for.
#[repr(C)]
struct CtrParams {
    counter_bits: c_ulong,
    block: [u8; 16],
}

/// The key's class to encrypt and to decrypt.
pub(super) fn classes(cipher: &Cipher) -> (ClassKey, ClassKey) {
    match cipher {
        Cipher::Aes(_) => (ClassKey::Secret, ClassKey::Secret),
        Cipher::RsaPkcs1 | Cipher::RsaOaep { .. } => (ClassKey::Public, ClassKey::Private),
    }
}

/// What a refusal calls the cipher.
pub(super) fn cipher_name(cipher: &Cipher) -> &'static str {
    match cipher {
        Cipher::Aes(BareCipher::Ecb) => "AES-ECB",
        Cipher::Aes(BareCipher::Cbc(_)) => "AES-CBC",
        Cipher::Aes(BareCipher::Ctr(..)) => "AES-CTR",
        Cipher::Aes(BareCipher::Gcm { .. }) => "AES-GCM with this IV and tag length",
        Cipher::Aes(BareCipher::KeyWrap) => "AES key wrap",
        Cipher::Aes(BareCipher::KeyWrapPad) => "AES key wrap with padding",
        Cipher::RsaPkcs1 => "RSA encryption with PKCS#1 v1.5",
        Cipher::RsaOaep { .. } => "RSA-OAEP with these hashes and label",
    }
}

/// Key wrapping takes and gives objects of the token, not bytes.
pub(super) fn carries(cipher: &Cipher) -> Option<KeyWrap> {
    match cipher {
        Cipher::Aes(BareCipher::KeyWrap) => Some(KeyWrap::Plain),
        Cipher::Aes(BareCipher::KeyWrapPad) => Some(KeyWrap::Padded),
        _ => None,
    }
}

/// What tokens have and do wrong, if anything has to be padded: SoftHSM 2.6 makes zeros that are added for good a part of
/// the key, and wraps up to 8 bytes otherwise than RFC 5649 §4.1 says.
pub(super) const PADS: &str = "AES key wrap with padding of other than 16, 24, 32, … bytes";

/// Whether key wrap with padding has nothing to add.
pub(super) fn is_whole(bytes: usize) -> bool {
    bytes > 8 && bytes.is_multiple_of(8)
}

/// Refuses what tokens do wrong.
pub(super) fn offered(cipher: &Cipher, whole: bool) -> std::result::Result<(), VaultError> {
    match cipher {
        Cipher::Aes(BareCipher::KeyWrapPad) if !whole => Err(VaultError::NotSupported(PADS)),
        _ => Ok(()),
    }
}

/// Mechanisms hold pointers, so one is built where it is used.
pub(super) fn with_cipher<T>(cipher: &Cipher, run: impl FnOnce(&Mechanism<'_>) -> Result<T>) -> Result<T> {
    match cipher {
        Cipher::Aes(BareCipher::Gcm { iv, additional, tag_bytes }) => {
            let mut iv = iv.clone();
            run(&Mechanism::AesGcm(GcmParams::new(&mut iv, additional, ulong(8 * tag_bytes))?))
        }
        Cipher::Aes(BareCipher::Cbc(iv)) => run(&Mechanism::AesCbc(*iv)),
        Cipher::Aes(BareCipher::Ctr(block, bits)) => {
            let params = CtrParams { counter_bits: c_ulong::from(*bits), block: *block };
            let mechanism = VendorDefinedMechanism::new(MechanismType::AES_CTR, Some(&params));
            run(&Mechanism::VendorDefined(mechanism))
        }
        Cipher::Aes(BareCipher::Ecb) => run(&Mechanism::AesEcb),
        Cipher::Aes(BareCipher::KeyWrap) => run(&Mechanism::AesKeyWrap),
        Cipher::Aes(BareCipher::KeyWrapPad) => run(&Mechanism::AesKeyWrapPad),
        Cipher::RsaPkcs1 => run(&Mechanism::RsaPkcs),
        Cipher::RsaOaep { hash, mask_hash, label } => {
            let (hash, mask) = (with_hash(*hash)?.1, with_hash(*mask_hash)?.2);
            // An empty label is said by no label: some modules refuse an empty one.
            let source = if label.is_empty() { PkcsOaepSource::empty() } else { PkcsOaepSource::data_specified(label) };
            run(&Mechanism::RsaPkcsOaep(PkcsOaepParams::new(hash, mask, source)))
        }
    }
}

/// What a refusal calls the signature.
pub(super) fn signature_name(signature: Signature) -> &'static str {
    match signature {
        Signature::RsaPkcs1(_) => "RSA signatures with PKCS#1 v1.5",
        Signature::RsaPss { .. } => "RSA-PSS with these hashes and salt",
        Signature::Ecdsa => "ECDSA",
        Signature::Ed25519 => "Ed25519",
    }
}

/// What the token signs: digests are made outside, which works with every token. PKCS#1 v1.5 signs a DigestInfo
/// (RFC 8017 §9.2).
pub(super) fn signed(signature: Signature, data: &[u8]) -> std::result::Result<Vec<u8>, VaultError> {
    const HASH: VaultError = VaultError::NotSupported("a signature with this hash");
    const LENGTH: VaultError = VaultError::NotSupported("a signature of a digest of this length");
    let hash = match signature {
        Signature::RsaPkcs1(hash) | Signature::RsaPss { hash, .. } => hash,
        Signature::Ecdsa | Signature::Ed25519 => return Ok(data.to_vec()),
    };
    if digest_length(hash).map_err(|_| HASH)? != data.len() {
        return Err(LENGTH);
    }
    let mut input = match signature {
        Signature::RsaPkcs1(hash) => digest_info_prefix(hash).map_err(|_| HASH)?,
        _ => Vec::new(),
    };
    input.extend_from_slice(data);
    Ok(input)
}

/// The mechanism of a signature.
pub(super) fn signing(signature: Signature) -> Result<Mechanism<'static>> {
    Ok(match signature {
        Signature::RsaPkcs1(_) => Mechanism::RsaPkcs,
        Signature::Ecdsa => Mechanism::Ecdsa,
        Signature::Ed25519 => Mechanism::Eddsa(EddsaParams::new(EddsaSignatureScheme::Pure)),
        Signature::RsaPss { hash, mask_hash, salt_bytes } => Mechanism::RsaPkcsPss(PkcsPssParams {
            hash_alg: with_hash(hash)?.1,
            mgf: with_hash(mask_hash)?.2,
            s_len: ulong(salt_bytes),
        }),
    })
}

/// The mechanism of a MAC.
pub(super) fn mac(algorithm: MacAlgorithm) -> std::result::Result<fn() -> Mechanism<'static>, VaultError> {
    match algorithm {
        MacAlgorithm::Hmac(hash) => {
            row(hash).map(|row| row.3).ok_or(VaultError::NotSupported("an HMAC with this hash"))
        }
        MacAlgorithm::Cmac(CryptographicAlgorithm::AES) => Ok(|| Mechanism::AesCMac),
        MacAlgorithm::Cmac(_) => Err(VaultError::NotSupported("CMAC of this algorithm")),
    }
}

/// The mechanism of a wrap.
pub(super) fn key_wrap(way: KeyWrap) -> Mechanism<'static> {
    match way {
        KeyWrap::Plain => Mechanism::AesKeyWrap,
        KeyWrap::Padded => Mechanism::AesKeyWrapPad,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counter_parameters_are_those_of_pkcs11() {
        assert_eq!(size_of::<CtrParams>(), size_of::<cryptoki::types::Ulong>() + 16);
    }

    #[test]
    fn a_digest_has_the_length_of_its_hash() {
        let sha256 = HashingAlgorithm::SHA_256;
        let info = signed(Signature::RsaPkcs1(sha256), &[7; 32]).unwrap();
        assert_eq!((info.len(), &info[19..]), (51, &[7; 32][..]));
        assert!(signed(Signature::RsaPkcs1(sha256), &[7; 31]).is_err());
        assert!(signed(Signature::RsaPkcs1(HashingAlgorithm::MD5), &[7; 16]).is_err());
        assert_eq!(signed(Signature::Ecdsa, &[7; 20]), Ok(vec![7; 20]));
    }
}
