//! Asymmetric keys as parsed, checked values: what an algorithm needs and a key block tells.

use super::dh::{DhPrivateKey, DhPublicKey};
use super::digest_info::{digest, digest_length};
use super::dsa::{DsaPrivateKey, DsaPublicKey};
use super::ec::{EcCurve, EcPrivateKey, EcPublicKey};
use super::ed::{Ed25519PrivateKey, Ed25519PublicKey, X25519PrivateKey, X25519PublicKey};
use super::pqc::{MlDsaPrivateKey, MlDsaPublicKey, MlDsaSet, MlKemPrivateKey, MlKemPublicKey, MlKemSet};
use super::rsa::{DEFAULT_EXPONENT, RsaPrivateKey, RsaPublicKey, SoftwareRsa};
use super::slh::{SlhDsaPrivateKey, SlhDsaPublicKey, SlhDsaSet};
use super::{CryptoError, Result};
use crate::registry::{CryptographicAlgorithm, HashingAlgorithm, RecommendedCurve};

/// A private key. Its numbers were checked when it was made; they are wiped when it is dropped.
#[derive(Debug)]
pub enum PrivateKey {
    /// RSA.
    Rsa(Box<RsaPrivateKey>),
    /// ECDSA, ECDH or EC on a prime curve.
    Ec(EcPrivateKey),
    /// Ed25519.
    Ed25519(Ed25519PrivateKey),
    /// X25519.
    X25519(X25519PrivateKey),
    /// DSA.
    Dsa(DsaPrivateKey),
    /// Diffie-Hellman over a prime field.
    Dh(DhPrivateKey),
    /// ML-KEM.
    MlKem(MlKemPrivateKey),
    /// ML-DSA.
    MlDsa(MlDsaPrivateKey),
    /// SLH-DSA.
    SlhDsa(SlhDsaPrivateKey),
}

/// A public key.
#[derive(Clone, Debug)]
pub enum PublicKey {
    /// RSA.
    Rsa(RsaPublicKey),
    /// ECDSA, ECDH or EC on a prime curve.
    Ec(EcPublicKey),
    /// Ed25519.
    Ed25519(Ed25519PublicKey),
    /// X25519.
    X25519(X25519PublicKey),
    /// DSA.
    Dsa(DsaPublicKey),
    /// Diffie-Hellman over a prime field.
    Dh(DhPublicKey),
    /// ML-KEM.
    MlKem(MlKemPublicKey),
    /// ML-DSA.
    MlDsa(MlDsaPublicKey),
    /// SLH-DSA.
    SlhDsa(SlhDsaPublicKey),
}

/// What is signed.
#[derive(Clone, Copy, Debug)]
pub enum Input<'a> {
    /// Data; it is hashed here.
    Message(&'a [u8]),
    /// A digest made by the client (Digested Data).
    Digest(&'a [u8]),
}

impl Input<'_> {
    /// The digest; one made by the client must have the length of its hash.
    pub fn digest(self, hash: HashingAlgorithm) -> Result<Vec<u8>> {
        match self {
            Self::Message(message) => digest(hash, &[message]),
            Self::Digest(given) if given.len() == digest_length(hash)? => Ok(given.to_vec()),
            Self::Digest(_) => Err(CryptoError::BadData("digest length")),
        }
    }
}

/// What Create Key Pair asks for.
#[derive(Clone, Copy, Debug)]
pub struct KeySpec {
    /// Cryptographic Algorithm.
    pub algorithm: CryptographicAlgorithm,
    /// Cryptographic Length in bits; for curves it may be absent or must fit.
    pub length: Option<i32>,
    /// Recommended Curve of the Cryptographic Domain Parameters.
    pub curve: Option<RecommendedCurve>,
    /// Whether legacy lengths are allowed, and the software RSA path with them.
    pub software: SoftwareRsa,
}

impl PrivateKey {
    /// Makes a key pair. The length of a post-quantum key is not looked at: its algorithm says all.
    pub fn generate(spec: &KeySpec) -> Result<Self> {
        match spec.algorithm {
            CryptographicAlgorithm::RSA => {
                let bits = spec.length.ok_or(CryptoError::MissingParameter("Cryptographic Length"))?;
                let bits = usize::try_from(bits).map_err(|_| CryptoError::BadParameters("Cryptographic Length"))?;
                RsaPrivateKey::generate(bits, DEFAULT_EXPONENT, spec.software).map(|key| Self::Rsa(Box::new(key)))
            }
            CryptographicAlgorithm::Ed25519 => {
                check_length(spec.length, 256)?;
                Ed25519PrivateKey::generate().map(Self::Ed25519)
            }
            CryptographicAlgorithm::X25519 => {
                check_length(spec.length, 256)?;
                X25519PrivateKey::generate().map(Self::X25519)
            }
            // 3.0 names X25519 either way.
            CryptographicAlgorithm::ECDH if spec.curve == Some(RecommendedCurve::CURVE25519) => {
                check_length(spec.length, 256)?;
                X25519PrivateKey::generate().map(Self::X25519)
            }
            algorithm if is_ec(algorithm) => {
                let curve =
                    curve_of(spec.curve, spec.length)?.ok_or(CryptoError::MissingParameter("Recommended Curve"))?;
                EcPrivateKey::generate(curve).map(Self::Ec)
            }
            algorithm => {
                if let Some(set) = MlKemSet::from_algorithm(algorithm) {
                    MlKemPrivateKey::generate(set).map(Self::MlKem)
                } else if let Some(set) = MlDsaSet::from_algorithm(algorithm) {
                    MlDsaPrivateKey::generate(set).map(Self::MlDsa)
                } else if let Some(set) = SlhDsaSet::from_algorithm(algorithm) {
                    SlhDsaPrivateKey::generate(set).map(Self::SlhDsa)
                } else {
                    Err(CryptoError::Unsupported("key pairs of this algorithm"))
                }
            }
        }
    }

    /// The public half.
    pub fn public(&self) -> PublicKey {
        match self {
            Self::Rsa(key) => PublicKey::Rsa(key.public().clone()),
            Self::Ec(key) => PublicKey::Ec(key.public().clone()),
            Self::Ed25519(key) => PublicKey::Ed25519(*key.public()),
            Self::X25519(key) => PublicKey::X25519(*key.public()),
            Self::Dsa(key) => PublicKey::Dsa(key.public().clone()),
            Self::Dh(key) => PublicKey::Dh(key.public().clone()),
            Self::MlKem(key) => PublicKey::MlKem(key.public().clone()),
            Self::MlDsa(key) => PublicKey::MlDsa(key.public().clone()),
            Self::SlhDsa(key) => PublicKey::SlhDsa(key.public().clone()),
        }
    }

    /// Cryptographic Algorithm; EC for any use of a prime curve.
    pub fn algorithm(&self) -> CryptographicAlgorithm {
        self.public().algorithm()
    }

    /// Cryptographic Length in bits.
    pub fn length(&self) -> i32 {
        self.public().length()
    }
}

impl PublicKey {
    /// Cryptographic Algorithm; EC for any use of a prime curve.
    pub fn algorithm(&self) -> CryptographicAlgorithm {
        match self {
            Self::Rsa(_) => CryptographicAlgorithm::RSA,
            Self::Ec(_) => CryptographicAlgorithm::EC,
            Self::Ed25519(_) => CryptographicAlgorithm::Ed25519,
            Self::X25519(_) => CryptographicAlgorithm::X25519,
            Self::Dsa(_) => CryptographicAlgorithm::DSA,
            Self::Dh(_) => CryptographicAlgorithm::DH,
            Self::MlKem(key) => key.set().algorithm(),
            Self::MlDsa(key) => key.set().algorithm(),
            Self::SlhDsa(key) => key.set().algorithm(),
        }
    }

    /// Whether the key may be called by this Cryptographic Algorithm.
    pub fn is_called(&self, algorithm: CryptographicAlgorithm) -> bool {
        match self {
            Self::Ec(_) => is_ec(algorithm),
            Self::X25519(_) => {
                matches!(
                    algorithm,
                    CryptographicAlgorithm::X25519 | CryptographicAlgorithm::ECDH | CryptographicAlgorithm::EC
                )
            }
            _ => self.algorithm() == algorithm,
        }
    }

    /// Whether the algorithm says all, so that a Cryptographic Length tells nothing more.
    pub fn length_is_implied(&self) -> bool {
        matches!(self, Self::MlKem(_) | Self::MlDsa(_) | Self::SlhDsa(_))
    }

    /// Cryptographic Length in bits. The standard gives none for the post-quantum keys; theirs is the length of the
    /// encoded public key.
    pub fn length(&self) -> i32 {
        match self {
            Self::Rsa(key) => key.bits() as i32,
            Self::Ec(key) => key.curve().bits() as i32,
            Self::Ed25519(_) | Self::X25519(_) => 256,
            Self::Dsa(key) => key.bits() as i32,
            Self::Dh(key) => key.domain().bits() as i32,
            Self::MlKem(key) => key.bytes().len() as i32 * 8,
            Self::MlDsa(key) => key.bytes().len() as i32 * 8,
            Self::SlhDsa(key) => key.bytes().len() as i32 * 8,
        }
    }

    /// Recommended Curve of the Cryptographic Domain Parameters.
    pub fn curve(&self) -> Option<RecommendedCurve> {
        match self {
            Self::Ec(key) => Some(key.curve().recommended()),
            Self::X25519(_) => Some(RecommendedCurve::CURVE25519),
            _ => None,
        }
    }
}

/// Whether the algorithm is one of the names for keys on prime curves.
pub(super) fn is_ec(algorithm: CryptographicAlgorithm) -> bool {
    matches!(
        algorithm,
        CryptographicAlgorithm::ECDSA
            | CryptographicAlgorithm::ECDH
            | CryptographicAlgorithm::ECMQV
            | CryptographicAlgorithm::EC
    )
}

/// The curve that domain parameters and length mean together.
pub(super) fn curve_of(curve: Option<RecommendedCurve>, length: Option<i32>) -> Result<Option<EcCurve>> {
    match (curve, length) {
        (Some(curve), length) => {
            let curve = EcCurve::from_recommended(curve)?;
            check_length(length, curve.bits() as i32)?;
            Ok(Some(curve))
        }
        (None, Some(length)) => EcCurve::from_bits(usize::try_from(length).unwrap_or(0)).map(Some),
        (None, None) => Ok(None),
    }
}

fn check_length(given: Option<i32>, right: i32) -> Result<()> {
    match given {
        Some(given) if given != right => Err(CryptoError::BadParameters("Cryptographic Length")),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(algorithm: CryptographicAlgorithm, length: Option<i32>, curve: Option<RecommendedCurve>) -> KeySpec {
        KeySpec { algorithm, length, curve, software: SoftwareRsa::Refuse }
    }

    #[test]
    fn key_pairs_tell_what_they_are() {
        use CryptographicAlgorithm as A;
        let cases = [
            (spec(A::RSA, Some(2048), None), A::RSA, 2048),
            (spec(A::ECDSA, Some(384), None), A::EC, 384),
            (spec(A::EC, None, Some(RecommendedCurve::P_521)), A::EC, 521),
            (spec(A::ECDH, Some(256), Some(RecommendedCurve::SECP256K1)), A::EC, 256),
            (spec(A::Ed25519, None, None), A::Ed25519, 256),
            (spec(A::X25519, Some(256), None), A::X25519, 256),
            (spec(A::ECDH, None, Some(RecommendedCurve::CURVE25519)), A::X25519, 256),
        ];
        for (spec, algorithm, length) in cases {
            let key = PrivateKey::generate(&spec).unwrap();
            assert_eq!((key.algorithm(), key.length()), (algorithm, length));
            assert!(key.public().is_called(spec.algorithm));
            assert!(!key.public().is_called(A::AES));
        }
    }

    #[test]
    fn what_cannot_be_made_is_refused() {
        use CryptographicAlgorithm as A;
        let cases = [
            spec(A::RSA, None, None),
            spec(A::RSA, Some(1024), None),
            spec(A::RSA, Some(2047), None),
            spec(A::RSA, Some(-2048), None),
            spec(A::RSA, Some(i32::MAX), None),
            spec(A::ECDSA, None, None),
            spec(A::ECDSA, Some(-1), None),
            spec(A::ECDSA, Some(384), Some(RecommendedCurve::P_256)),
            spec(A::ECDSA, None, Some(RecommendedCurve::K_163)),
            spec(A::Ed25519, Some(255), None),
            spec(A::AES, Some(256), None),
        ];
        for case in cases {
            assert!(PrivateKey::generate(&case).is_err(), "{case:?}");
        }
    }
}
