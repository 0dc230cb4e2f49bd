//! RSA signatures: PSS and PKCS#1 v1.5.

use aws_lc_rs::digest::{self as aws, Digest};
use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::{
    RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384, RSA_PSS_SHA512,
    RsaPssSaltLength, RsaSignatureEncoding,
};

use super::padding::{pkcs1_encode, pss_encode, pss_fits};
use super::{RsaPrivateKey, RsaPublicKey, SoftwareRsa};
use crate::crypto::digest_info::digest_length;
use crate::crypto::keys::Input;
use crate::crypto::{CryptoError, Result};
use crate::registry::HashingAlgorithm;

/// How an RSA key signs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RsaSignature {
    /// RFC 8017 §8.2.
    Pkcs1v15 {
        /// Hash of the data.
        hash: HashingAlgorithm,
    },
    /// RFC 8017 §8.1.
    Pss {
        /// Hash of the data.
        hash: HashingAlgorithm,
        /// Hash of the mask. The text of the standard says SHA-1 where it is absent; its test case CS-AC-M-2 means
        /// the hash of the data, as every library does.
        mask_hash: HashingAlgorithm,
        /// Salt length in bytes. Absent: the length of the digest when signing, any length when verifying
        /// (CS-AC-M-2 has the longest salt there is).
        salt_length: Option<usize>,
    },
}

impl RsaSignature {
    /// Hash of the data.
    pub fn hash(self) -> HashingAlgorithm {
        match self {
            Self::Pkcs1v15 { hash } | Self::Pss { hash, .. } => hash,
        }
    }
}

impl RsaPublicKey {
    /// Whether the signature is the key's. An error means that the question cannot be answered.
    pub fn verify(&self, scheme: RsaSignature, input: Input<'_>, signature: &[u8]) -> Result<bool> {
        let message_digest = input.digest(scheme.hash())?;
        if signature.len() != self.size() {
            return Ok(false);
        }
        let Ok(encoded) = self.raw(signature) else { return Ok(false) };
        match scheme {
            RsaSignature::Pkcs1v15 { hash } => Ok(encoded == pkcs1_encode(&message_digest, self.size(), hash)?),
            RsaSignature::Pss { hash, mask_hash, salt_length } => {
                pss_fits(&encoded, &message_digest, self, (hash, mask_hash), salt_length)
            }
        }
    }
}

impl RsaPrivateKey {
    /// Signs. aws-lc-rs signs with SHA-256, SHA-384 and SHA-512 and the usual salts; other hashes, other salts and
    /// keys below 2048 bits need `SoftwareRsa::Allow`.
    pub fn sign(&self, scheme: RsaSignature, input: Input<'_>, software: SoftwareRsa) -> Result<Vec<u8>> {
        let message_digest = input.digest(scheme.hash())?;
        if let (Some(pair), Some((encoding, hash))) = (&self.signer, provided(scheme)) {
            return sign_provided(pair, encoding, hash, &message_digest);
        }
        let size = self.public().size();
        let encoded = match scheme {
            RsaSignature::Pkcs1v15 { hash } => pkcs1_encode(&message_digest, size, hash)?,
            RsaSignature::Pss { hash, mask_hash, salt_length } => {
                let salt_length = salt_length.map_or_else(|| digest_length(hash), Ok)?;
                pss_encode(&message_digest, self.public(), hash, mask_hash, salt_length)?
            }
        };
        self.raw_soft(&encoded, software, "RSA signatures with this hash, salt and key")
            .map(|signature| signature.to_vec())
    }
}

fn sign_provided(
    pair: &KeyPair,
    encoding: &'static RsaSignatureEncoding,
    hash: &'static aws::Algorithm,
    message_digest: &[u8],
) -> Result<Vec<u8>> {
    let message_digest =
        Digest::import_less_safe(message_digest, hash).map_err(|_| CryptoError::BadData("digest length"))?;
    let mut signature = vec![0; pair.public_modulus_len()];
    pair.sign_digest(encoding, &message_digest, &mut signature)
        .map_err(|_| CryptoError::BadParameters("RSA signature with this salt"))?;
    Ok(signature)
}

/// What aws-lc-rs signs.
fn provided(scheme: RsaSignature) -> Option<(&'static RsaSignatureEncoding, &'static aws::Algorithm)> {
    match scheme {
        RsaSignature::Pkcs1v15 { hash: HashingAlgorithm::SHA_256 } => Some((&RSA_PKCS1_SHA256, &aws::SHA256)),
        RsaSignature::Pkcs1v15 { hash: HashingAlgorithm::SHA_384 } => Some((&RSA_PKCS1_SHA384, &aws::SHA384)),
        RsaSignature::Pkcs1v15 { hash: HashingAlgorithm::SHA_512 } => Some((&RSA_PKCS1_SHA512, &aws::SHA512)),
        RsaSignature::Pss { hash, mask_hash, salt_length } if hash == mask_hash => {
            let salt_length = salt_length.or_else(|| digest_length(hash).ok())?;
            Some((with_salt(hash, salt_length)?, provided(RsaSignature::Pkcs1v15 { hash })?.1))
        }
        _ => None,
    }
}

/// PSS of the provider with a salt length; it takes constants only, so the usual lengths are listed.
fn with_salt(hash: HashingAlgorithm, salt_length: usize) -> Option<&'static RsaSignatureEncoding> {
    macro_rules! lengths {
        ($base:ident: $($length:literal),*) => {
            match salt_length {
                $($length => Some(&const { $base.with_pss_salt_length(RsaPssSaltLength::Custom($length)) }),)*
                _ => None,
            }
        };
    }
    match hash {
        HashingAlgorithm::SHA_256 => lengths!(RSA_PSS_SHA256: 0, 8, 16, 20, 24, 28, 32, 48, 64, 222, 350, 478),
        HashingAlgorithm::SHA_384 => lengths!(RSA_PSS_SHA384: 0, 8, 16, 20, 24, 28, 32, 48, 64, 206, 334, 462),
        HashingAlgorithm::SHA_512 => lengths!(RSA_PSS_SHA512: 0, 8, 16, 20, 24, 28, 32, 48, 64, 190, 318, 446),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::testing::{rsa_1024, rsa_2048};

    const SHA_1: HashingAlgorithm = HashingAlgorithm::SHA_1;
    const SHA_256: HashingAlgorithm = HashingAlgorithm::SHA_256;
    const MESSAGE: Input<'static> = Input::Message(b"message");

    fn pss(hash: HashingAlgorithm, salt_length: Option<usize>) -> RsaSignature {
        RsaSignature::Pss { hash, mask_hash: hash, salt_length }
    }

    #[test]
    fn the_provider_signs_and_the_other_library_verifies() {
        let key = rsa_2048();
        for hash in [SHA_256, HashingAlgorithm::SHA_384, HashingAlgorithm::SHA_512] {
            let schemes = [
                RsaSignature::Pkcs1v15 { hash },
                pss(hash, None),
                pss(hash, Some(0)),
                pss(hash, Some(20)),
                pss(hash, Some(256 - 2 - digest_length(hash).unwrap())),
            ];
            for scheme in schemes {
                let signature = key.sign(scheme, MESSAGE, SoftwareRsa::Refuse).unwrap();
                assert!(key.public().verify(scheme, MESSAGE, &signature).unwrap());
                assert!(!key.public().verify(scheme, Input::Message(b"other"), &signature).unwrap());
                let digest = MESSAGE.digest(hash).unwrap();
                assert!(key.public().verify(scheme, Input::Digest(&digest), &signature).unwrap());
                let signature = key.sign(scheme, Input::Digest(&digest), SoftwareRsa::Refuse).unwrap();
                assert!(key.public().verify(scheme, MESSAGE, &signature).unwrap());
                assert!(!key.public().verify(scheme, MESSAGE, &signature[1..]).unwrap());
            }
        }
    }

    #[test]
    fn the_other_library_signs_and_the_provider_verifies() {
        use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY, UnparsedPublicKey};
        let key = rsa_2048();
        let scheme = RsaSignature::Pkcs1v15 { hash: SHA_1 };
        assert!(key.sign(scheme, MESSAGE, SoftwareRsa::Refuse).is_err());
        let signature = key.sign(scheme, MESSAGE, SoftwareRsa::Allow).unwrap();
        let public = super::super::der::rsa_public(key.public()).unwrap();
        let provider = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY, public);
        provider.verify(b"message", &signature).unwrap();
        assert!(key.public().verify(scheme, MESSAGE, &signature).unwrap());
        for mask_hash in [SHA_1, SHA_256, HashingAlgorithm::SHA_3_256] {
            let scheme = RsaSignature::Pss { hash: SHA_256, mask_hash, salt_length: Some(33) };
            let signature = key.sign(scheme, MESSAGE, SoftwareRsa::Allow).unwrap();
            assert!(key.public().verify(scheme, MESSAGE, &signature).unwrap());
            let other = RsaSignature::Pss { hash: SHA_256, mask_hash, salt_length: Some(32) };
            assert!(!key.public().verify(other, MESSAGE, &signature).unwrap());
        }
    }

    /// Our PSS against that of the `rsa` crate, both ways.
    #[test]
    fn padding_agrees_with_the_rsa_crate() {
        use rsa::sha2::Sha256;
        let key = rsa_1024();
        let soft = key.soft_key(SoftwareRsa::Allow, "").unwrap();
        let digest = MESSAGE.digest(SHA_256).unwrap();
        let signature = key.sign(pss(SHA_256, Some(20)), MESSAGE, SoftwareRsa::Allow).unwrap();
        soft.to_public_key().verify(rsa::Pss::<Sha256>::new_with_salt(20), &digest, &signature).unwrap();
        let signature = soft.sign(rsa::Pss::<Sha256>::new_with_salt(20), &digest).unwrap();
        assert!(key.public().verify(pss(SHA_256, Some(20)), MESSAGE, &signature).unwrap());
        assert!(key.public().verify(pss(SHA_256, None), MESSAGE, &signature).unwrap());
        assert!(!key.public().verify(pss(SHA_256, Some(21)), MESSAGE, &signature).unwrap());
    }

    #[test]
    fn salts_and_hashes_that_do_not_fit_are_refused() {
        let key = rsa_1024();
        assert!(key.sign(pss(SHA_256, Some(95)), MESSAGE, SoftwareRsa::Allow).is_err());
        assert!(key.sign(pss(HashingAlgorithm::SHA_512, None), MESSAGE, SoftwareRsa::Allow).is_err());
        assert!(key.sign(pss(HashingAlgorithm::MD5, None), MESSAGE, SoftwareRsa::Allow).is_err());
        assert!(key.sign(pss(SHA_256, None), Input::Digest(&[0; 31]), SoftwareRsa::Allow).is_err());
        assert!(!key.public().verify(pss(SHA_256, None), MESSAGE, &[0xFF; 128]).unwrap());
    }
}
