//! RSASVE: a random number, encrypted as it is, is the shared secret (SP 800-56B §7.2.1).

use super::{RsaPrivateKey, RsaPublicKey, SoftwareRsa};
use crate::base::KeyBytes;
use crate::crypto::number::bit_length;
use crate::crypto::{CryptoError, Result};

/// Draws until one is below the modulus, which happens with probability over one half.
const DRAWS_MAX: usize = 128;

impl RsaPublicKey {
    /// A new shared secret, as long as the modulus, and its encapsulation.
    pub fn encapsulate(&self) -> Result<(Vec<u8>, KeyBytes)> {
        const RANDOM: CryptoError = CryptoError::Provider("random number generator");
        let spare = 8 * self.size() - self.bits();
        for _ in 0..DRAWS_MAX {
            let secret = KeyBytes::fill(self.size(), |bytes| {
                aws_lc_rs::rand::fill(bytes)?;
                bytes[0] &= 0xFF >> spare;
                Ok(())
            })
            .map_err(|_: aws_lc_rs::error::Unspecified| RANDOM)?;
            match self.raw(secret.expose()) {
                // Zero and one encrypt to themselves.
                Ok(encapsulation) if bit_length(secret.expose()) > 1 => return Ok((encapsulation, secret)),
                Ok(_) | Err(CryptoError::BadData(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Err(RANDOM)
    }
}

impl RsaPrivateKey {
    /// The shared secret of an encapsulation. No provider has the plain private operation, so it is software's.
    pub fn decapsulate(&self, encapsulation: &[u8], software: SoftwareRsa) -> Result<KeyBytes> {
        if encapsulation.len() != self.public().size() || bit_length(encapsulation) < 2 {
            return Err(CryptoError::BadData("it is no encapsulation for this key"));
        }
        self.raw_soft(encapsulation, software, "RSASVE").map(|secret| KeyBytes::copy_from(&secret))
    }
}
