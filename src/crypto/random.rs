//! Random bytes, and what RNG Retrieve, RNG Seed and Query tell about them (1.4 §4.35, §4.36, §3.44).

use super::{CryptoError, Result};
use crate::base::{Entropy, EntropyFailed, KeyBytes, RngParameters};

/// The generator of AWS-LC: see `SYSTEM_RNG`.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), EntropyFailed> {
        aws_lc_rs::rand::fill(buffer).map_err(|_| EntropyFailed)
    }

    fn parameters(&self) -> RngParameters {
        SYSTEM_RNG
    }
}

/// What the generator of AWS-LC is, from which key pairs come whatever the server's own is: one CTR_DRBG over AES-256 a
/// thread (SP 800-90A, no derivation function), seeded by the operating system or the CPU.
pub const SYSTEM_RNG: RngParameters = RngParameters::CTR_DRBG;

/// RNG Seed: how many of the client's bytes were used. None: the generator takes no seed from outside, and a client
/// must not read that as an error (2.1 §6.1.50).
pub const fn seed(_material: &[u8]) -> usize {
    0
}

/// Fills a buffer.
pub fn fill(entropy: &dyn Entropy, buffer: &mut [u8]) -> Result<()> {
    entropy.fill(buffer).map_err(|_| CryptoError::Provider("random number generator"))
}

/// Random bytes that are not secret (IVs, salts).
pub fn bytes(entropy: &dyn Entropy, length: usize) -> Result<Vec<u8>> {
    let mut bytes = vec![0; length];
    fill(entropy, &mut bytes)?;
    Ok(bytes)
}

/// Random bytes that are secret: keys, and the answer of RNG Retrieve.
pub fn secret(entropy: &dyn Entropy, length: usize) -> Result<KeyBytes> {
    KeyBytes::fill(length, |buffer| fill(entropy, buffer))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Broken;
    impl Entropy for Broken {
        fn fill(&self, _: &mut [u8]) -> Result<(), EntropyFailed> {
            Err(EntropyFailed)
        }
    }

    #[test]
    fn two_draws_differ_and_a_broken_source_is_an_error() {
        let entropy = SystemEntropy;
        assert_ne!(bytes(&entropy, 32).unwrap(), bytes(&entropy, 32).unwrap());
        assert_eq!(secret(&entropy, 32).unwrap().len(), 32);
        assert!(matches!(bytes(&Broken, 32), Err(CryptoError::Provider(_))));
    }
}
