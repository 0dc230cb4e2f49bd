//! Key encapsulation (Encapsulate and Decapsulate of 3.0). The key says which KEM Algorithm it is:
//!
//! | key | KEM Algorithm | shared secret |
//! | --- | --- | --- |
//! | ML-KEM | MLKEM (FIPS 203) | 32 bytes |
//! | P-256, P-384, P-521, X25519 | DHKEM (RFC 9180 §4.1) with HKDF over SHA-256, -384, -512, -256 | as long as the hash |
//! | RSA | RSASVE (SP 800-56B §7.2.1) | as long as the modulus |

use zeroize::Zeroizing;

use super::ec::{EcCurve, EcPrivateKey, EcPublicKey};
use super::ed::{X25519PrivateKey, X25519PublicKey};
use super::keys::{PrivateKey, PublicKey};
use super::mac::{Mac, MacAlgorithm};
use super::rsa::SoftwareRsa;
use super::{CryptoError, Result};
use crate::base::KeyBytes;
use crate::registry::{HashingAlgorithm, KEMAlgorithm};

impl PublicKey {
    /// The one KEM of the key.
    ///
    /// # Errors
    /// `BadKey` for keys that have none.
    pub fn kem(&self) -> Result<KEMAlgorithm> {
        match self {
            Self::MlKem(_) => Ok(KEMAlgorithm::MLKEM),
            Self::Ec(_) | Self::X25519(_) => Ok(KEMAlgorithm::DHKEM),
            Self::Rsa(_) => Ok(KEMAlgorithm::RSASVE),
            _ => Err(CryptoError::BadKey("a key of this algorithm encapsulates nothing")),
        }
    }

    /// A new encapsulation and its shared secret.
    pub fn encapsulate(&self) -> Result<(Vec<u8>, KeyBytes)> {
        self.kem()?;
        match self {
            Self::MlKem(key) => key.encapsulate(),
            Self::Rsa(key) => key.encapsulate(),
            _ => {
                let suite = Suite::of(self)?;
                let own = match self {
                    Self::Ec(key) => PrivateKey::Ec(EcPrivateKey::generate(key.curve())?),
                    _ => PrivateKey::X25519(X25519PrivateKey::generate()?),
                };
                let encapsulation = serialized(&own.public())?.to_vec();
                let secret = suite.shared(own.agree(self)?.expose(), &encapsulation, serialized(self)?)?;
                Ok((encapsulation, secret))
            }
        }
    }
}

impl PrivateKey {
    /// The shared secret of an encapsulation.
    ///
    /// # Errors
    /// `BadData` for one that is none of the key's. One of the right form that was made for another key gives another
    /// secret.
    pub fn decapsulate(&self, encapsulation: &[u8], software: SoftwareRsa) -> Result<KeyBytes> {
        let public = self.public();
        public.kem()?;
        match self {
            Self::MlKem(key) => key.decapsulate(encapsulation),
            Self::Rsa(key) => key.decapsulate(encapsulation, software),
            _ => {
                let peer = deserialized(&public, encapsulation)?;
                let secret = self.agree(&peer).map_err(|_| NO_ENCAPSULATION)?;
                Suite::of(&public)?.shared(secret.expose(), encapsulation, serialized(&public)?)
            }
        }
    }
}

const NO_ENCAPSULATION: CryptoError = CryptoError::BadData("it is no encapsulation for this key");

/// The bytes that RFC 9180 §4.1 calls SerializePublicKey.
fn serialized(key: &PublicKey) -> Result<&[u8]> {
    match key {
        PublicKey::Ec(key) => Ok(key.point()),
        PublicKey::X25519(key) => Ok(key.bytes()),
        _ => Err(CryptoError::BadKey("DHKEM")),
    }
}

/// The key of these bytes, of the kind of another.
fn deserialized(like: &PublicKey, bytes: &[u8]) -> Result<PublicKey> {
    let key = match like {
        // The uncompressed form is the only one (RFC 9180 §7.1.1).
        PublicKey::Ec(_) if bytes.first() != Some(&4) => Err(NO_ENCAPSULATION),
        PublicKey::Ec(key) => EcPublicKey::new(key.curve(), bytes).map(PublicKey::Ec),
        _ => X25519PublicKey::new(bytes).map(PublicKey::X25519),
    };
    key.map_err(|_| NO_ENCAPSULATION)
}

/// A KEM of RFC 9180 §7.1. The secret is as long as the hash, so HKDF-Expand is one HMAC.
struct Suite {
    id: u16,
    hash: HashingAlgorithm,
}

impl Suite {
    fn of(key: &PublicKey) -> Result<Self> {
        let (id, hash) = match key {
            PublicKey::X25519(_) => (0x20, HashingAlgorithm::SHA_256),
            PublicKey::Ec(key) => match key.curve() {
                EcCurve::P256 => (0x10, HashingAlgorithm::SHA_256),
                EcCurve::P384 => (0x11, HashingAlgorithm::SHA_384),
                EcCurve::P521 => (0x12, HashingAlgorithm::SHA_512),
                _ => return Err(CryptoError::Unsupported("DHKEM on this curve")),
            },
            _ => return Err(CryptoError::BadKey("DHKEM")),
        };
        Ok(Self { id, hash })
    }

    /// ExtractAndExpand.
    fn shared(&self, agreed: &[u8], encapsulation: &[u8], recipient: &[u8]) -> Result<KeyBytes> {
        let id = self.id.to_be_bytes();
        let labeled = |label| [b"HPKE-v1KEM".as_slice(), &id, label];
        let extracted = self.hmac(&[], &[&labeled(b"eae_prk"), &[agreed]])?;
        let length = (extracted.len() as u16).to_be_bytes();
        let context = [encapsulation, recipient, &[1]];
        let secret = self.hmac(&extracted, &[&[length.as_slice()], &labeled(b"shared_secret"), &context])?;
        Ok(KeyBytes::copy_from(&secret))
    }

    fn hmac(&self, key: &[u8], pieces: &[&[&[u8]]]) -> Result<Zeroizing<Vec<u8>>> {
        let mut mac = Mac::new(MacAlgorithm::Hmac(self.hash), key)?;
        pieces.iter().flat_map(|pieces| pieces.iter()).for_each(|piece| mac.update(piece));
        Ok(Zeroizing::new(mac.finish()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::keys::KeySpec;
    use crate::crypto::testing::{hex, rsa_2048};
    use crate::registry::CryptographicAlgorithm as Algorithm;

    fn key(algorithm: Algorithm, length: Option<i32>) -> PrivateKey {
        PrivateKey::generate(&KeySpec { algorithm, length, curve: None, software: SoftwareRsa::Refuse }).unwrap()
    }

    fn open(key: &PrivateKey, encapsulation: &[u8]) -> Result<KeyBytes> {
        key.decapsulate(encapsulation, SoftwareRsa::Allow)
    }

    #[test]
    fn both_sides_share_a_secret() {
        let rsa = crate::crypto::formats::der::rsa_private_pkcs1(rsa_2048()).unwrap();
        let rsa = crate::crypto::formats::der::rsa_private(rsa.expose()).unwrap();
        let table = [
            (key(Algorithm::ML_KEM_512, None), KEMAlgorithm::MLKEM, 32),
            (key(Algorithm::EC, Some(256)), KEMAlgorithm::DHKEM, 32),
            (key(Algorithm::ECDH, Some(384)), KEMAlgorithm::DHKEM, 48),
            (key(Algorithm::EC, Some(521)), KEMAlgorithm::DHKEM, 64),
            (key(Algorithm::X25519, None), KEMAlgorithm::DHKEM, 32),
            (PrivateKey::Rsa(Box::new(rsa)), KEMAlgorithm::RSASVE, 256),
        ];
        for (key, kem, length) in table {
            let public = key.public();
            assert_eq!(public.kem(), Ok(kem));
            let (encapsulation, secret) = public.encapsulate().unwrap();
            assert_eq!(secret.len(), length, "{key:?}");
            assert_eq!(open(&key, &encapsulation).unwrap().expose(), secret.expose(), "{key:?}");
            assert_ne!(public.encapsulate().unwrap().1.expose(), secret.expose(), "{key:?}");
            for wrong in [&[][..], &encapsulation[1..], &[encapsulation.as_slice(), &[0]].concat()] {
                assert!(open(&key, wrong).is_err(), "{key:?}");
            }
        }
        for key in [key(Algorithm::Ed25519, None), key(Algorithm::ML_DSA_44, None)] {
            assert!(key.public().encapsulate().is_err() && open(&key, &[0; 32]).is_err());
        }
    }

    /// RFC 9180 A.1.1: DHKEM(X25519, HKDF-SHA256).
    #[test]
    fn dhkem_is_that_of_the_rfc() {
        let own = hex("4612c550263fc8ad58375df3f557aac531d26850903e55a9f23f21d8534e8ac8");
        let own = PrivateKey::X25519(X25519PrivateKey::new(&own).unwrap());
        let encapsulation = hex("37fda3567bdbd628e88668c3c8d7e97d1d1253b6d4ea6d44c150f741f1bf4431");
        let secret = hex("fe0e18c9f024ce43799ae393c7e8fe8fce9d218875e8227b0187c04e7d2ea1fc");
        assert_eq!(open(&own, &encapsulation).unwrap().expose(), secret);
    }

    #[test]
    fn what_is_no_encapsulation_is_refused() {
        let ec = key(Algorithm::EC, Some(256));
        let (mut encapsulation, _) = ec.public().encapsulate().unwrap();
        encapsulation[40] ^= 1;
        assert!(matches!(open(&ec, &encapsulation), Err(CryptoError::BadData(_))));
        let x25519 = key(Algorithm::X25519, None);
        // Of small order (RFC 7748 §6.1).
        assert!(matches!(open(&x25519, &[0; 32]), Err(CryptoError::BadData(_))));
    }
}
