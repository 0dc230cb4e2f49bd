//! MACs: HMAC over every hash, CMAC over every block cipher; whole or in parts; verified in constant time. MACs are
//! not truncated: KMIP's MAC operations have no field for it. GMAC needs a nonce, which they lack too; it is Encrypt
//! in GCM with additional data and no data.

use aws_lc_rs::hmac as lc;
use cipher::KeyInit;
use cipher::common::InnerInit;
use subtle::ConstantTimeEq;

use super::hash::{self, with_digest};
use super::symmetric::{self, BlockCipher};
use super::{CryptoError, Result, Standing};
use crate::registry::{BlockCipherMode, CryptographicAlgorithm, HashingAlgorithm};

/// Which MAC.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MacAlgorithm {
    /// HMAC (FIPS 198-1) with a hash.
    Hmac(HashingAlgorithm),
    /// CMAC (SP 800-38B) with a block cipher.
    Cmac(CryptographicAlgorithm),
}

/// Cryptographic Algorithms that name an HMAC.
const HMACS: &[(CryptographicAlgorithm, HashingAlgorithm)] = &[
    (CryptographicAlgorithm::HMAC_MD5, HashingAlgorithm::MD5),
    (CryptographicAlgorithm::HMAC_SHA1, HashingAlgorithm::SHA_1),
    (CryptographicAlgorithm::HMAC_SHA224, HashingAlgorithm::SHA_224),
    (CryptographicAlgorithm::HMAC_SHA256, HashingAlgorithm::SHA_256),
    (CryptographicAlgorithm::HMAC_SHA384, HashingAlgorithm::SHA_384),
    (CryptographicAlgorithm::HMAC_SHA512, HashingAlgorithm::SHA_512),
    (CryptographicAlgorithm::HMAC_SHA3_224, HashingAlgorithm::SHA_3_224),
    (CryptographicAlgorithm::HMAC_SHA3_256, HashingAlgorithm::SHA_3_256),
    (CryptographicAlgorithm::HMAC_SHA3_384, HashingAlgorithm::SHA_3_384),
    (CryptographicAlgorithm::HMAC_SHA3_512, HashingAlgorithm::SHA_3_512),
];

impl MacAlgorithm {
    /// The MAC that Cryptographic Parameters (or, where they leave a field out, the key's attributes) ask for: an
    /// HMAC algorithm; a block cipher with mode CMAC; or any other key with a Hashing Algorithm, which is HMAC.
    ///
    /// # Errors
    /// `MissingParameter` if the fields do not name a MAC; `BadParameters` if they contradict each other;
    /// `Unsupported` for CBC-MAC and other modes.
    pub fn new(
        algorithm: Option<CryptographicAlgorithm>,
        mode: Option<BlockCipherMode>,
        hashing: Option<HashingAlgorithm>,
    ) -> Result<Self> {
        let hmac = algorithm.and_then(|algorithm| HMACS.iter().find(|(name, _)| *name == algorithm));
        match (hmac, mode, hashing) {
            (Some((_, hash)), _, Some(other)) if other != *hash => {
                Err(CryptoError::BadParameters("the hashing algorithm differs from that of the HMAC"))
            }
            (Some((_, hash)), _, _) => Ok(Self::Hmac(*hash)),
            (None, Some(BlockCipherMode::CMAC), _) => match algorithm {
                Some(algorithm) => Ok(Self::Cmac(algorithm)),
                None => Err(CryptoError::MissingParameter("cryptographic algorithm")),
            },
            (None, Some(_), None) => Err(CryptoError::Unsupported("this block cipher mode as a MAC")),
            (None, _, Some(hash)) => Ok(Self::Hmac(hash)),
            (None, None, None) => Err(CryptoError::MissingParameter("an HMAC algorithm, or CMAC as mode")),
        }
    }

    /// How the MAC stands, with a name for [`super::Provider::permit`]. HMAC stands where its hash does, except that
    /// HMAC-MD5 and HMAC-SHA1 are not broken by what broke their hashes: they are aging.
    pub fn standing(self) -> Result<(Standing, &'static str)> {
        match self {
            Self::Hmac(HashingAlgorithm::MD5) => Ok((Standing::Aging, "HMAC-MD5")),
            Self::Hmac(hash) => hash::standing(hash),
            Self::Cmac(algorithm) => symmetric::standing(algorithm),
        }
    }

    /// Length of the MAC in bytes.
    pub fn output_length(self) -> Result<usize> {
        match self {
            Self::Hmac(hash) => hash::output_length(hash),
            Self::Cmac(algorithm) => symmetric::block_length(algorithm),
        }
    }
}

/// A MAC under way. Its state is wiped on drop.
pub struct Mac(Work);

enum Work {
    Lc(Box<lc::Context>),
    Rust(Box<dyn AnyMac>),
}

impl Mac {
    /// Begins a MAC. HMAC takes keys of any length, the empty one too; CMAC those of its cipher.
    pub fn new(algorithm: MacAlgorithm, key: &[u8]) -> Result<Self> {
        let hash = match algorithm {
            MacAlgorithm::Hmac(hash) => hash,
            MacAlgorithm::Cmac(cipher) => {
                return Ok(Self(Work::Rust(match BlockCipher::new(cipher, key)? {
                    BlockCipher::Wide(cipher) => Box::new(cmac::Cmac::inner_init(cipher)),
                    BlockCipher::Narrow(cipher) => Box::new(cmac::Cmac::inner_init(cipher)),
                })));
            }
        };
        let lc = match hash {
            HashingAlgorithm::SHA_1 => lc::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            HashingAlgorithm::SHA_224 => lc::HMAC_SHA224,
            HashingAlgorithm::SHA_256 => lc::HMAC_SHA256,
            HashingAlgorithm::SHA_384 => lc::HMAC_SHA384,
            HashingAlgorithm::SHA_512 => lc::HMAC_SHA512,
            _ => {
                let work: Result<Result<Box<dyn AnyMac>>> = with_digest!(hash, D => {
                    hmac::SimpleHmac::<D>::new_from_slice(key)
                        .map(|mac| Box::new(mac) as Box<dyn AnyMac>)
                        .map_err(|_| CryptoError::BadKey("its length is not one of HMAC"))
                });
                return Ok(Self(Work::Rust(work??)));
            }
        };
        Ok(Self(Work::Lc(Box::new(lc::Context::with_key(&lc::Key::new(lc, key))))))
    }

    /// Takes the next part.
    pub fn update(&mut self, part: &[u8]) {
        match &mut self.0 {
            Work::Lc(context) => context.update(part),
            Work::Rust(mac) => mac.take(part),
        }
    }

    /// The MAC of all parts.
    pub fn finish(self) -> Vec<u8> {
        match self.0 {
            Work::Lc(context) => context.sign().as_ref().to_vec(),
            Work::Rust(mac) => mac.finish(),
        }
    }

    /// Whether `mac` is the whole MAC of all parts; compared in constant time.
    pub fn verify(self, mac: &[u8]) -> bool {
        self.finish().as_slice().ct_eq(mac).into()
    }
}

/// The MAC of whole data.
pub fn mac(algorithm: MacAlgorithm, key: &[u8], data: &[u8]) -> Result<Vec<u8>> {
    let mut work = Mac::new(algorithm, key)?;
    work.update(data);
    Ok(work.finish())
}

/// Whether `mac` is the MAC of whole data; compared in constant time.
pub fn verify(algorithm: MacAlgorithm, key: &[u8], data: &[u8], mac: &[u8]) -> Result<bool> {
    let mut work = Mac::new(algorithm, key)?;
    work.update(data);
    Ok(work.verify(mac))
}

/// A RustCrypto MAC without its type.
trait AnyMac: Send {
    fn take(&mut self, part: &[u8]);
    fn finish(self: Box<Self>) -> Vec<u8>;
}

impl<M: digest::Mac + Send> AnyMac for M {
    fn take(&mut self, part: &[u8]) {
        self.update(part);
    }

    fn finish(self: Box<Self>) -> Vec<u8> {
        (*self).finalize().into_bytes().to_vec()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn parameters_name_one_mac_or_are_refused() {
        use {BlockCipherMode as B, CryptographicAlgorithm as A, HashingAlgorithm as H};
        let cases = [
            ((Some(A::HMAC_SHA256), None, None), Ok(MacAlgorithm::Hmac(H::SHA_256))),
            ((Some(A::HMAC_SHA256), None, Some(H::SHA_256)), Ok(MacAlgorithm::Hmac(H::SHA_256))),
            ((Some(A::AES), Some(B::CMAC), None), Ok(MacAlgorithm::Cmac(A::AES))),
            ((Some(A::AES), None, Some(H::SHA_512)), Ok(MacAlgorithm::Hmac(H::SHA_512))),
            ((None, None, Some(H::SHA_1)), Ok(MacAlgorithm::Hmac(H::SHA_1))),
        ];
        for ((algorithm, mode, hash), wanted) in cases {
            assert_eq!(MacAlgorithm::new(algorithm, mode, hash), wanted);
        }
        assert!(matches!(
            MacAlgorithm::new(Some(A::HMAC_SHA256), None, Some(H::SHA_1)),
            Err(CryptoError::BadParameters(_))
        ));
        assert!(matches!(MacAlgorithm::new(Some(A::AES), Some(B::CBC_MAC), None), Err(CryptoError::Unsupported(_))));
        assert!(matches!(MacAlgorithm::new(Some(A::AES), None, None), Err(CryptoError::MissingParameter(_))));
        assert!(matches!(Mac::new(MacAlgorithm::Cmac(A::ChaCha20), &[0; 32]), Err(CryptoError::Unsupported(_))));
        assert!(matches!(Mac::new(MacAlgorithm::Cmac(A::AES), &[0; 5]), Err(CryptoError::BadKey(_))));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn hmac_is_the_same_in_both_providers(
            key in proptest::collection::vec(any::<u8>(), 0..200), data in proptest::collection::vec(any::<u8>(), 0..300),
        ) {
            let other = |mut mac: Box<dyn AnyMac>| {
                mac.take(&data);
                mac.finish()
            };
            let ours = |hash| mac(MacAlgorithm::Hmac(hash), &key, &data).unwrap();
            let sha256 = Box::new(hmac::SimpleHmac::<sha2::Sha256>::new_from_slice(&key).unwrap());
            prop_assert_eq!(ours(HashingAlgorithm::SHA_256), other(sha256));
            let sha512 = Box::new(hmac::SimpleHmac::<sha2::Sha512>::new_from_slice(&key).unwrap());
            prop_assert_eq!(ours(HashingAlgorithm::SHA_512), other(sha512));
        }
    }

    #[test]
    fn every_hash_makes_an_hmac_of_its_length() {
        for hash in hash::supported() {
            let algorithm = MacAlgorithm::Hmac(hash);
            for key in [&[][..], &[1; 300]] {
                assert_eq!(mac(algorithm, key, b"data").unwrap().len(), algorithm.output_length().unwrap(), "{hash}");
            }
        }
    }
}
