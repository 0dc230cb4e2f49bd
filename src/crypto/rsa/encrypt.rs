//! RSA encryption: OAEP and PKCS#1 v1.5.

use aws_lc_rs::rsa::{
    OAEP_SHA1_MGF1SHA1, OAEP_SHA256_MGF1SHA256, OAEP_SHA384_MGF1SHA384, OAEP_SHA512_MGF1SHA512, OaepAlgorithm,
    OaepPrivateDecryptingKey, Pkcs1PrivateDecryptingKey,
};
use rsa::Pkcs1v15Encrypt;
use zeroize::Zeroizing;

use super::padding::{oaep_decode, oaep_encode};
use super::{RsaPrivateKey, RsaPublicKey, SoftwareRsa};
use crate::base::KeyBytes;
use crate::crypto::number::SystemRng;
use crate::crypto::{CryptoError, Result};
use crate::registry::HashingAlgorithm;

/// How data is encrypted to an RSA key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RsaEncryption<'a> {
    /// RFC 8017 §7.1.
    Oaep {
        /// Hash of the label: Hashing Algorithm.
        hash: HashingAlgorithm,
        /// Hash of the mask: Mask Generator Hashing Algorithm.
        mask_hash: HashingAlgorithm,
        /// P Source; empty if absent.
        label: &'a [u8],
    },
    /// RFC 8017 §7.2. Whoever may send chosen ciphertexts and sees which fail can decrypt (Bleichenbacher 1998);
    /// offer it only where a protocol demands it.
    Pkcs1v15,
}

impl RsaPublicKey {
    /// Encrypts; the result has the length of the modulus.
    pub fn encrypt(&self, scheme: RsaEncryption<'_>, data: &[u8]) -> Result<Vec<u8>> {
        match scheme {
            RsaEncryption::Oaep { hash, mask_hash, label } => {
                self.raw(&oaep_encode(data, self.size(), hash, mask_hash, label)?)
            }
            RsaEncryption::Pkcs1v15 if data.len() + 11 > self.size() => {
                Err(CryptoError::BadData("longer than the RSA key can encrypt"))
            }
            RsaEncryption::Pkcs1v15 => self
                .key
                .encrypt(&mut SystemRng, Pkcs1v15Encrypt, data)
                .map_err(|_| CryptoError::Provider("RSA encryption")),
        }
    }
}

impl RsaPrivateKey {
    /// Decrypts. aws-lc-rs decrypts PKCS#1 v1.5 and OAEP with SHA-1, SHA-256, SHA-384 or SHA-512 as both hashes;
    /// other pairs of hashes, and keys below 2048 bits, need `SoftwareRsa::Allow`.
    pub fn decrypt(&self, scheme: RsaEncryption<'_>, data: &[u8], software: SoftwareRsa) -> Result<KeyBytes> {
        if data.len() != self.public().size() {
            return Err(CryptoError::BadData("not as long as the RSA modulus"));
        }
        match (self.decrypter()?, scheme) {
            (Some(key), RsaEncryption::Oaep { hash, mask_hash, label })
                if let Some(oaep) = provided(hash, mask_hash) =>
            {
                let key = OaepPrivateDecryptingKey::new(key.clone()).map_err(|_| CryptoError::Provider("RSA key"))?;
                let mut room = Zeroizing::new(vec![0; key.min_output_size()]);
                key.decrypt(oaep, data, &mut room, Some(label))
                    .map(|plain| KeyBytes::copy_from(plain))
                    .map_err(|_| CryptoError::Failed)
            }
            (Some(key), RsaEncryption::Pkcs1v15) => {
                let key = Pkcs1PrivateDecryptingKey::new(key.clone()).map_err(|_| CryptoError::Provider("RSA key"))?;
                let mut room = Zeroizing::new(vec![0; key.min_output_size()]);
                key.decrypt(data, &mut room).map(|plain| KeyBytes::copy_from(plain)).map_err(|_| CryptoError::Failed)
            }
            (_, RsaEncryption::Oaep { hash, mask_hash, label }) => {
                let encoded = self.raw_soft(data, software, "OAEP with these hashes and this key")?;
                oaep_decode(encoded, hash, mask_hash, label).map(|plain| KeyBytes::copy_from(&plain))
            }
            (None, RsaEncryption::Pkcs1v15) => self
                .soft_key(software, "RSA keys below 2048 bits")?
                .decrypt_blinded(&mut SystemRng, Pkcs1v15Encrypt, data)
                .map(KeyBytes::new)
                .map_err(|_| CryptoError::Failed),
        }
    }
}

/// The pairs of hashes that aws-lc-rs has.
fn provided(hash: HashingAlgorithm, mask_hash: HashingAlgorithm) -> Option<&'static OaepAlgorithm> {
    match hash {
        _ if hash != mask_hash => None,
        HashingAlgorithm::SHA_1 => Some(&OAEP_SHA1_MGF1SHA1),
        HashingAlgorithm::SHA_256 => Some(&OAEP_SHA256_MGF1SHA256),
        HashingAlgorithm::SHA_384 => Some(&OAEP_SHA384_MGF1SHA384),
        HashingAlgorithm::SHA_512 => Some(&OAEP_SHA512_MGF1SHA512),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::testing::{rsa_1024, rsa_2048};

    const HASHES: [HashingAlgorithm; 4] =
        [HashingAlgorithm::SHA_1, HashingAlgorithm::SHA_256, HashingAlgorithm::SHA_384, HashingAlgorithm::SHA_512];

    #[test]
    fn what_the_provider_has_needs_no_permission() {
        let key = rsa_2048();
        for hash in HASHES {
            for label in [b"".as_slice(), b"label"] {
                let scheme = RsaEncryption::Oaep { hash, mask_hash: hash, label };
                let encrypted = key.public().encrypt(scheme, b"secret").unwrap();
                let plain = key.decrypt(scheme, &encrypted, SoftwareRsa::Refuse).unwrap();
                assert_eq!(plain.expose(), b"secret");
            }
        }
        let encrypted = key.public().encrypt(RsaEncryption::Pkcs1v15, b"secret").unwrap();
        let plain = key.decrypt(RsaEncryption::Pkcs1v15, &encrypted, SoftwareRsa::Refuse).unwrap();
        assert_eq!(plain.expose(), b"secret");
    }

    #[test]
    fn two_different_hashes_need_permission() {
        let key = rsa_2048();
        for (hash, mask_hash) in [
            (HashingAlgorithm::SHA_256, HashingAlgorithm::SHA_1),
            (HashingAlgorithm::SHA_1, HashingAlgorithm::SHA_512),
            (HashingAlgorithm::SHA_3_256, HashingAlgorithm::SHA_3_256),
        ] {
            let scheme = RsaEncryption::Oaep { hash, mask_hash, label: b"x" };
            let encrypted = key.public().encrypt(scheme, b"secret").unwrap();
            let refused = key.decrypt(scheme, &encrypted, SoftwareRsa::Refuse).unwrap_err();
            assert!(matches!(refused, CryptoError::Unsupported(_)));
            assert_eq!(key.decrypt(scheme, &encrypted, SoftwareRsa::Allow).unwrap().expose(), b"secret");
        }
    }

    /// The library's own OAEP on one side, ours on the other.
    #[test]
    fn padding_agrees_with_the_rsa_crate() {
        use rsa::sha2::{Sha256, Sha384};
        let key = rsa_2048();
        let soft = key.soft_key(SoftwareRsa::Allow, "").unwrap();
        let hashes = (HashingAlgorithm::SHA_256, HashingAlgorithm::SHA_384);
        let scheme = RsaEncryption::Oaep { hash: hashes.0, mask_hash: hashes.1, label: b"label" };
        let theirs = || rsa::Oaep::<Sha256, Sha384>::new_with_mgf_hash_and_label(b"label".as_slice());
        let encrypted = key.public().encrypt(scheme, b"secret").unwrap();
        assert_eq!(soft.decrypt(theirs(), &encrypted).unwrap(), b"secret");
        let encrypted = soft.to_public_key().encrypt(&mut SystemRng, theirs(), b"secret").unwrap();
        assert_eq!(key.decrypt(scheme, &encrypted, SoftwareRsa::Allow).unwrap().expose(), b"secret");
    }

    #[test]
    fn short_keys_are_legacy() {
        let key = rsa_1024();
        let hash = HashingAlgorithm::SHA_1;
        for scheme in [RsaEncryption::Oaep { hash, mask_hash: hash, label: b"" }, RsaEncryption::Pkcs1v15] {
            let encrypted = key.public().encrypt(scheme, b"secret").unwrap();
            assert!(key.decrypt(scheme, &encrypted, SoftwareRsa::Refuse).is_err());
            assert_eq!(key.decrypt(scheme, &encrypted, SoftwareRsa::Allow).unwrap().expose(), b"secret");
        }
    }

    #[test]
    fn wrong_lengths_and_changed_ciphertexts_fail() {
        let key = rsa_2048();
        let hash = HashingAlgorithm::SHA_256;
        let scheme = RsaEncryption::Oaep { hash, mask_hash: hash, label: b"" };
        assert!(key.public().encrypt(scheme, &[0; 191]).is_err());
        assert!(key.public().encrypt(RsaEncryption::Pkcs1v15, &[0; 246]).is_err());
        let mut encrypted = key.public().encrypt(scheme, b"secret").unwrap();
        assert!(key.decrypt(scheme, &encrypted[1..], SoftwareRsa::Allow).is_err());
        encrypted[100] ^= 1;
        assert_eq!(key.decrypt(scheme, &encrypted, SoftwareRsa::Allow).unwrap_err(), CryptoError::Failed);
        assert!(key.decrypt(scheme, &[0xFF; 256], SoftwareRsa::Allow).is_err());
    }
}
