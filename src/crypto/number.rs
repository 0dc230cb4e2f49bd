//! Unsigned numbers between byte strings and the big-number library, and randomness as that library wants it.

use crypto_bigint::modular::{BoxedMontyForm, BoxedMontyParams};
use crypto_bigint::{BoxedUint, Odd};
use rsa::rand_core::{TryCryptoRng, TryRng};

use super::{CryptoError, Result};

/// Without leading zeros; zero is no bytes.
pub(super) fn trim(bytes: &[u8]) -> &[u8] {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    &bytes[zeros..]
}

/// Length in bits of a big-endian number.
pub(super) fn bit_length(bytes: &[u8]) -> usize {
    let bytes = trim(bytes);
    bytes.first().map_or(0, |first| bytes.len() * 8 - first.leading_zeros() as usize)
}

/// Big-endian bytes in exactly `length` bytes, if the number fits.
pub(super) fn pad_left(bytes: &[u8], length: usize) -> Option<Vec<u8>> {
    let bytes = trim(bytes);
    let mut padded = vec![0; length];
    padded.get_mut(length.checked_sub(bytes.len())?..)?.copy_from_slice(bytes);
    Some(padded)
}

/// The number with room for `bits`; a longer one is refused.
pub(super) fn uint(bytes: &[u8], bits: u32) -> Result<BoxedUint> {
    BoxedUint::from_be_slice(trim(bytes), bits).map_err(|_| CryptoError::BadKey("a number is too long"))
}

/// The number with the room that it needs.
pub(super) fn fitted(bytes: &[u8]) -> BoxedUint {
    BoxedUint::from_be_slice_vartime(trim(bytes))
}

/// Big-endian bytes without leading zeros.
pub(super) fn bytes_of(number: &BoxedUint) -> Vec<u8> {
    number.to_be_bytes_trimmed_vartime().into_vec()
}

/// `base ^ exponent mod modulus`, in time that depends on lengths only. The modulus must be odd.
pub(super) fn pow_mod(base: &[u8], exponent: &BoxedUint, modulus: &[u8]) -> Result<BoxedUint> {
    let modulus = Odd::new(fitted(modulus)).into_option().ok_or(CryptoError::BadKey("modulus is even"))?;
    let base = fitted(base).rem_vartime(modulus.as_nz_ref());
    let params = BoxedMontyParams::new_vartime(modulus);
    Ok(BoxedMontyForm::new(base, &params).pow(exponent).retrieve())
}

/// The provider's random number generator.
pub(super) struct SystemRng;

impl TryRng for SystemRng {
    type Error = RngFailed;

    fn try_next_u32(&mut self) -> Result<u32, RngFailed> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes).map(|()| u32::from_ne_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, RngFailed> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes).map(|()| u64::from_ne_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, buffer: &mut [u8]) -> Result<(), RngFailed> {
        aws_lc_rs::rand::fill(buffer).map_err(|_| RngFailed)
    }
}

impl TryCryptoRng for SystemRng {}

/// The random number generator failed.
#[derive(Debug)]
pub(super) struct RngFailed;

impl std::fmt::Display for RngFailed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the random number generator failed")
    }
}

impl std::error::Error for RngFailed {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_lengths() {
        assert_eq!(bit_length(&[0, 0, 1]), 1);
        assert_eq!(bit_length(&[0x80, 0]), 16);
        assert_eq!(bit_length(&[]), 0);
        assert_eq!(pad_left(&[0, 0, 7], 2).unwrap(), [0, 7]);
        assert!(pad_left(&[1, 2, 3], 2).is_none());
    }

    #[test]
    fn powers() {
        assert_eq!(bytes_of(&pow_mod(&[5], &fitted(&[3]), &[13]).unwrap()), [8]);
        assert!(pow_mod(&[5], &fitted(&[3]), &[12]).is_err());
        assert!(pow_mod(&[5], &fitted(&[3]), &[0]).is_err());
    }
}
