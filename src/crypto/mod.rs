//! Room 3: algorithms. Takes key bytes, parameters and data, gives bytes back; knows no objects, no messages and no
//! policy. Private-key work and bulk ciphers are aws-lc-rs where it has them, RustCrypto elsewhere; no cipher is
//! written here.

mod curves;
pub mod dh;
pub mod digest_info;
pub mod drbg;
pub mod dsa;
pub mod ec;
pub mod ed;
mod error;
pub mod formats;
pub mod hash;
pub mod kdf;
pub mod kem;
pub mod keys;
pub mod mac;
mod number;
#[cfg(test)]
mod oasis;
pub mod operations;
pub mod otp;
pub mod password;
pub mod pkcs12;
pub mod pqc;
pub mod quantum;
pub mod random;
pub mod rsa;
pub mod slh;
pub mod split;
pub mod symmetric;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod vectors;
pub mod wrap;
pub mod x509;

use std::sync::Arc;

pub use error::{CryptoError, Result};

use crate::base::Entropy;

/// How an algorithm stands today. Each algorithm of this room has one; whether legacy ones may be used is decided
/// above and kept in [`Provider::legacy`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Standing {
    /// Good for new data.
    Modern,
    /// Withdrawn for new data by its standard body, yet everywhere in use (3DES, SHA-1): allowed by default.
    Aging,
    /// Kept for old data: broken, or too small.
    Legacy,
}

/// What operations need besides the key: a source of randomness and the answer to "may it be legacy?".
#[derive(Clone)]
pub struct Provider {
    /// Where random IVs, pads, shares and keys come from.
    pub entropy: Arc<dyn Entropy>,
    /// Whether algorithms of standing [`Standing::Legacy`] may be used.
    pub legacy: bool,
}

impl Provider {
    /// A provider over the system's generator, with or without legacy algorithms.
    pub fn system(legacy: bool) -> Self {
        Self { entropy: Arc::new(random::SystemEntropy), legacy }
    }

    /// Refuses a legacy algorithm unless they are allowed.
    pub fn permit(&self, standing: Standing, what: &'static str) -> Result<()> {
        match standing {
            Standing::Legacy if !self.legacy => Err(CryptoError::Legacy(what)),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn legacy_is_refused_unless_allowed() {
        let (standing, name) = hash::standing(crate::registry::HashingAlgorithm::MD5).unwrap();
        assert_eq!(Provider::system(false).permit(standing, name), Err(CryptoError::Legacy("MD5")));
        assert_eq!(Provider::system(true).permit(standing, name), Ok(()));
        assert_eq!(Provider::system(false).permit(Standing::Aging, "3DES"), Ok(()));
    }

    /// Work in parts outlives a request, and the next part may come on another thread.
    #[test]
    fn work_in_parts_moves_between_threads() {
        fn moves<T: Send + 'static>() {}
        moves::<symmetric::Encryption>();
        moves::<symmetric::Decryption>();
        moves::<mac::Mac>();
        moves::<hash::Hash>();
    }
}
