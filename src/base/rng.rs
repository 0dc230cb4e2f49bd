//! What a random number generator is, as RNG Parameters tell it (1.3 §2.1.18, 2.1 §7.33).

use super::{Field, Value};
use crate::registry::{CryptographicAlgorithm, DRBGAlgorithm, HashingAlgorithm, RNGAlgorithm, Tag};

/// RNG Parameters.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RngParameters {
    algorithm: RNGAlgorithm,
    /// Cryptographic Algorithm, and Cryptographic Length in bits.
    cipher: Option<(CryptographicAlgorithm, i32)>,
    hash: Option<HashingAlgorithm>,
    drbg: Option<DRBGAlgorithm>,
}

impl RngParameters {
    /// A generator whose kind is not known here, such as that of an HSM: "if the algorithm implemented is unknown ... then
    /// the Unspecified enumeration SHALL be used" (1.3 §2.1.18).
    pub const UNSPECIFIED: Self = Self { algorithm: RNGAlgorithm::Unspecified, cipher: None, hash: None, drbg: None };
    /// CTR_DRBG over AES-256 (SP 800-90A §10.2).
    pub const CTR_DRBG: Self = Self {
        algorithm: RNGAlgorithm::DRBG,
        cipher: Some((CryptographicAlgorithm::AES, 256)),
        hash: None,
        drbg: Some(DRBGAlgorithm::CTR),
    };
    /// HMAC_DRBG over SHA-256 (SP 800-90A §10.1.2).
    pub const HMAC_DRBG: Self = Self {
        algorithm: RNGAlgorithm::DRBG,
        cipher: None,
        hash: Some(HashingAlgorithm::SHA_256),
        drbg: Some(DRBGAlgorithm::HMAC),
    };

    /// The structure, its fields in the order of the standard.
    pub fn value(self) -> Value {
        let mut fields = vec![Field::new(Tag::RNGAlgorithm, Value::Enumeration(self.algorithm.0))];
        if let Some((cipher, bits)) = self.cipher {
            fields.push(Field::new(Tag::CryptographicAlgorithm, Value::Enumeration(cipher.0)));
            fields.push(Field::new(Tag::CryptographicLength, Value::Integer(bits)));
        }
        fields.extend(self.hash.map(|hash| Field::new(Tag::HashingAlgorithm, Value::Enumeration(hash.0))));
        fields.extend(self.drbg.map(|drbg| Field::new(Tag::DRBGAlgorithm, Value::Enumeration(drbg.0))));
        Value::Structure(fields)
    }
}
