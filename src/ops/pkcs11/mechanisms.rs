//! The mechanisms of PKCS#11 that KMIP operations can do, one row each.

use crate::registry::{BlockCipherMode, DigitalSignatureAlgorithm, HashingAlgorithm, PaddingMethod};

/// What a mechanism does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Work {
    /// Makes an AES key.
    Generate,
    /// A cipher in this mode with this padding; `gcm` has CK_GCM_PARAMS.
    Cipher(BlockCipherMode, PaddingMethod),
    /// A signature.
    Signature(DigitalSignatureAlgorithm),
    /// An HMAC.
    Hmac(HashingAlgorithm),
}

/// A mechanism.
#[derive(Clone, Copy, Debug)]
pub struct Mechanism {
    /// CK_MECHANISM_TYPE.
    pub mechanism: u64,
    /// What it does.
    pub work: Work,
    /// Least and greatest key: bytes for AES and HMAC, bits for the others.
    pub sizes: (u64, u64),
    /// CKF_ENCRYPT and the like.
    pub flags: u64,
}

const CRYPT: u64 = 0x100 | 0x200;
const SIGN: u64 = 0x800 | 0x2000;
const GENERATE: u64 = 0x8000;
const AES: (u64, u64) = (16, 32);
const RSA: (u64, u64) = (2048, 8192);
const EC: (u64, u64) = (256, 521);
const HMAC: (u64, u64) = (16, 512);

const fn row(mechanism: u64, work: Work, sizes: (u64, u64), flags: u64) -> Mechanism {
    Mechanism { mechanism, work, sizes, flags }
}

/// Every mechanism we have: CKM_AES_KEY_GEN, CKM_AES_ECB, _CBC, _CBC_PAD, _GCM; CKM_SHA256_RSA_PKCS and on;
/// CKM_ECDSA_SHA256 and on; CKM_SHA256_HMAC and on.
pub const MECHANISMS: &[Mechanism] = &[
    row(0x40, Work::Signature(DigitalSignatureAlgorithm::SHA_256WithRSAEncryption), RSA, SIGN),
    row(0x41, Work::Signature(DigitalSignatureAlgorithm::SHA_384WithRSAEncryption), RSA, SIGN),
    row(0x42, Work::Signature(DigitalSignatureAlgorithm::SHA_512WithRSAEncryption), RSA, SIGN),
    row(0x251, Work::Hmac(HashingAlgorithm::SHA_256), HMAC, SIGN),
    row(0x261, Work::Hmac(HashingAlgorithm::SHA_384), HMAC, SIGN),
    row(0x271, Work::Hmac(HashingAlgorithm::SHA_512), HMAC, SIGN),
    row(0x1044, Work::Signature(DigitalSignatureAlgorithm::ECDSAWithSHA256), EC, SIGN),
    row(0x1045, Work::Signature(DigitalSignatureAlgorithm::ECDSAWithSHA384), EC, SIGN),
    row(0x1046, Work::Signature(DigitalSignatureAlgorithm::ECDSAWithSHA512), EC, SIGN),
    row(0x1080, Work::Generate, AES, GENERATE),
    row(0x1081, Work::Cipher(BlockCipherMode::ECB, PaddingMethod::None), AES, CRYPT),
    row(0x1082, Work::Cipher(BlockCipherMode::CBC, PaddingMethod::None), AES, CRYPT),
    row(0x1085, Work::Cipher(BlockCipherMode::CBC, PaddingMethod::PKCS5), AES, CRYPT),
    row(0x1087, Work::Cipher(BlockCipherMode::GCM, PaddingMethod::None), AES, CRYPT),
];
