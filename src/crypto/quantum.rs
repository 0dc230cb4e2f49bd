//! How a signature of ML-DSA (FIPS 204) or SLH-DSA (FIPS 205) is made: what of the message is signed, and with which
//! randomness. The fields of Cryptographic Parameters that 3.0 has for these two algorithms end here.

use super::{CryptoError, Result};
use crate::base::KeyBytes;

/// What is signed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Form<'a> {
    /// A message under a context string, most often an empty one: the form that both standards call pure.
    Pure(&'a [u8]),
    /// Internal: what the internal functions of the standards sign; the client put domain and context before the
    /// message.
    Internal,
    /// External Mu: the 64 bytes that ML-DSA makes of a message and the public key (FIPS 204 §6.2).
    Mu,
}

/// Which randomness goes into a signature.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Randomness<'a> {
    /// New from the generator: the hedged variant, which both standards recommend.
    Fresh,
    /// None, by Deterministic: the same message has the same signature.
    Absent,
    /// Random: the client's, for tests with known answers.
    Given(&'a [u8]),
}

/// How a signature is made or verified; the second does not ask for the randomness.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct QuantumSafe<'a> {
    /// What is signed.
    pub form: Form<'a>,
    /// With which randomness.
    pub randomness: Randomness<'a>,
}

impl Default for QuantumSafe<'_> {
    fn default() -> Self {
        Self { form: Form::Pure(&[]), randomness: Randomness::Fresh }
    }
}

impl Form<'_> {
    /// What stands before the message: nothing, or a zero for pure signatures, and the context with its length
    /// (FIPS 204 §5.2, FIPS 205 §10.2).
    pub(super) fn prefix(&self) -> Result<Vec<u8>> {
        let Self::Pure(context) = self else { return Ok(Vec::new()) };
        // Its length is one byte: at most 255.
        let length = u8::try_from(context.len()).map_err(|_| CryptoError::BadParameters("Context String length"))?;
        Ok([&[0, length], *context].concat())
    }
}

impl Randomness<'_> {
    /// The randomness in `length` bytes, or none.
    pub(super) fn bytes(&self, length: usize) -> Result<Option<KeyBytes>> {
        match self {
            Self::Absent => Ok(None),
            Self::Fresh => fresh(length).map(Some),
            Self::Given(bytes) if bytes.len() == length => Ok(Some(KeyBytes::copy_from(bytes))),
            Self::Given(_) => Err(CryptoError::BadParameters("Random length")),
        }
    }
}

/// New bytes from the provider's generator.
pub(super) fn fresh(length: usize) -> Result<KeyBytes> {
    KeyBytes::fill(length, aws_lc_rs::rand::fill).map_err(|_| CryptoError::Provider("random number generator"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prefix_has_domain_and_context() {
        assert_eq!(Form::Pure(b"").prefix().unwrap(), [0, 0]);
        assert_eq!(Form::Pure(b"ab").prefix().unwrap(), [0, 2, b'a', b'b']);
        assert_eq!(Form::Pure(&[7; 255]).prefix().unwrap().len(), 257);
        assert!(Form::Pure(&[7; 256]).prefix().is_err());
        assert!(Form::Internal.prefix().unwrap().is_empty());
    }

    #[test]
    fn randomness_has_its_length() {
        assert!(Randomness::Absent.bytes(16).unwrap().is_none());
        assert_ne!(Randomness::Fresh.bytes(16).unwrap().unwrap().expose(), [0; 16]);
        assert_eq!(Randomness::Given(&[7; 16]).bytes(16).unwrap().unwrap().expose(), [7; 16]);
        assert!(Randomness::Given(&[7; 15]).bytes(16).is_err());
    }
}
