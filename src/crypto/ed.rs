//! Ed25519 signatures (RFC 8032) and X25519 agreement (RFC 7748), both aws-lc-rs. Ed448 and X448 are not offered:
//! their only library is an early pre-release.

use std::fmt;

use aws_lc_rs::agreement::{self, PrivateKey, UnparsedPublicKey as Peer, X25519};
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};

use super::{CryptoError, Result};
use crate::base::KeyBytes;

/// Length of seeds, private numbers and public keys in bytes.
const LENGTH: usize = 32;

/// A public key of Ed25519.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Ed25519PublicKey([u8; LENGTH]);

impl Ed25519PublicKey {
    /// From its 32 bytes. Whether they are a point is found when a signature is verified.
    pub fn new(bytes: &[u8]) -> Result<Self> {
        bytes.try_into().map(Self).map_err(|_| CryptoError::BadKey("Ed25519 public key length"))
    }

    /// Its 32 bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether the signature of the message is the key's.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, self.0).verify(message, signature).is_ok()
    }
}

/// A private key of Ed25519.
pub struct Ed25519PrivateKey {
    seed: KeyBytes,
    pair: Ed25519KeyPair,
    public: Ed25519PublicKey,
}

impl Ed25519PrivateKey {
    /// Makes a key.
    pub fn generate() -> Result<Self> {
        let seed = KeyBytes::fill(LENGTH, aws_lc_rs::rand::fill);
        Self::new(seed.map_err(|_| CryptoError::Provider("random number generator"))?.expose())
    }

    /// From its seed of 32 bytes.
    pub fn new(seed: &[u8]) -> Result<Self> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| CryptoError::BadKey("Ed25519 seed length"))?;
        let public = Ed25519PublicKey::new(pair.public_key().as_ref())?;
        Ok(Self { seed: KeyBytes::copy_from(seed), pair, public })
    }

    /// The seed.
    pub fn seed(&self) -> &KeyBytes {
        &self.seed
    }

    /// The public half.
    pub fn public(&self) -> &Ed25519PublicKey {
        &self.public
    }

    /// The signature of a message, 64 bytes. There is no form for digests: pure Ed25519 hashes the message itself.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>> {
        let signature = self.pair.try_sign(message).map_err(|_| CryptoError::Provider("Ed25519"))?;
        Ok(signature.as_ref().to_vec())
    }
}

/// A public key of X25519.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct X25519PublicKey([u8; LENGTH]);

impl X25519PublicKey {
    /// From its 32 bytes, little-endian as RFC 7748 has them.
    pub fn new(bytes: &[u8]) -> Result<Self> {
        bytes.try_into().map(Self).map_err(|_| CryptoError::BadKey("X25519 public key length"))
    }

    /// Its 32 bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// A private key of X25519.
pub struct X25519PrivateKey {
    scalar: KeyBytes,
    public: X25519PublicKey,
}

impl X25519PrivateKey {
    /// Makes a key.
    pub fn generate() -> Result<Self> {
        let scalar = KeyBytes::fill(LENGTH, aws_lc_rs::rand::fill);
        Self::new(scalar.map_err(|_| CryptoError::Provider("random number generator"))?.expose())
    }

    /// From its 32 bytes.
    pub fn new(scalar: &[u8]) -> Result<Self> {
        let key =
            PrivateKey::from_private_key(&X25519, scalar).map_err(|_| CryptoError::BadKey("X25519 key length"))?;
        let public = key.compute_public_key().map_err(|_| CryptoError::Provider("X25519"))?;
        Ok(Self { scalar: KeyBytes::copy_from(scalar), public: X25519PublicKey::new(public.as_ref())? })
    }

    /// The private bytes.
    pub fn scalar(&self) -> &KeyBytes {
        &self.scalar
    }

    /// The public half.
    pub fn public(&self) -> &X25519PublicKey {
        &self.public
    }

    /// The shared secret; a peer key of small order is refused (RFC 7748 §6.1).
    pub fn agree(&self, peer: &X25519PublicKey) -> Result<KeyBytes> {
        agree(&X25519, self.scalar.expose(), &peer.0)
    }
}

/// Agreement by the provider, for this file and for `ec`.
pub(super) fn agree(algorithm: &'static agreement::Algorithm, own: &[u8], peer: &[u8]) -> Result<KeyBytes> {
    let own = PrivateKey::from_private_key(algorithm, own).map_err(|_| CryptoError::BadKey("agreement"))?;
    let refused = CryptoError::BadKey("the peer's public key");
    agreement::agree(&own, Peer::new(algorithm, peer), refused, |secret| Ok(KeyBytes::copy_from(secret)))
}

impl fmt::Debug for Ed25519PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ed25519PublicKey")
    }
}

impl fmt::Debug for Ed25519PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ed25519PrivateKey")
    }
}

impl fmt::Debug for X25519PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("X25519PublicKey")
    }
}

impl fmt::Debug for X25519PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("X25519PrivateKey")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::testing::hex;

    /// RFC 8032 §7.1: seed, public key, message, signature.
    const ED25519: [[&str; 4]; 2] = [
        [
            "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
            "",
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
        ],
        [
            "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
            "72",
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
        ],
    ];

    #[test]
    fn vectors_of_rfc_8032() {
        for [seed, public, message, signature] in ED25519 {
            let key = Ed25519PrivateKey::new(&hex(seed)).unwrap();
            assert_eq!(key.public().bytes(), hex(public));
            assert_eq!(key.sign(&hex(message)).unwrap(), hex(signature));
            assert!(key.public().verify(&hex(message), &hex(signature)));
            assert!(!key.public().verify(b"other", &hex(signature)));
            assert!(!key.public().verify(&hex(message), &hex(signature)[1..]));
        }
    }

    #[test]
    fn public_key_of_rfc_7748_and_agreement() {
        let bob = "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb";
        let bob = X25519PrivateKey::new(&hex(bob)).unwrap();
        let public = "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f";
        assert_eq!(bob.public().bytes(), hex(public));
        let alice = X25519PrivateKey::generate().unwrap();
        let one = alice.agree(bob.public()).unwrap();
        assert_eq!(one.expose(), bob.agree(alice.public()).unwrap().expose());
    }

    #[test]
    fn wrong_keys_are_refused() {
        assert!(Ed25519PrivateKey::new(&[0; 31]).is_err());
        assert!(Ed25519PublicKey::new(&[0; 33]).is_err());
        assert!(X25519PrivateKey::new(&[]).is_err());
        let key = X25519PrivateKey::generate().unwrap();
        assert!(key.agree(&X25519PublicKey::new(&[0; 32]).unwrap()).is_err(), "small order");
        assert!(!Ed25519PublicKey::new(&[0xFF; 32]).unwrap().verify(b"", &[0; 64]));
    }
}
