//! The block paddings of the Padding Method enumeration (1.4 §9.1.3.2.15): fill up to whole blocks, and back. Which
//! byte of a padding was wrong is not told, and PKCS5 and X9.23 are judged in constant time; that a padding is wrong
//! at all, a client of Decrypt learns by the nature of the operation, so unauthenticated modes stay the client's risk.

use subtle::{Choice, ConstantTimeEq, ConstantTimeLess};

use crate::base::{Buffer, Entropy};
use crate::crypto::{CryptoError, Result, random};
use crate::registry::PaddingMethod;

/// A block padding.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Padding {
    /// Data is whole blocks already.
    None,
    /// n bytes of value n; RFC 8018, for any block size.
    Pkcs5,
    /// n-1 bytes of any value, then n-1 (RFC 6101 §5.2.3.2).
    Ssl3,
    /// Zeros, only where a block is not full. Trailing zeros of the data are lost on the way back.
    Zeros,
    /// n-1 zeros, then n.
    X923,
    /// n-1 random bytes, then n.
    Iso10126,
}

impl Padding {
    /// The block padding of a Padding Method; absent means None.
    pub(super) fn of(method: Option<PaddingMethod>) -> Result<Self> {
        Ok(match method {
            None | Some(PaddingMethod::None) => Self::None,
            Some(PaddingMethod::PKCS5) => Self::Pkcs5,
            Some(PaddingMethod::SSL3) => Self::Ssl3,
            Some(PaddingMethod::Zeros) => Self::Zeros,
            Some(PaddingMethod::ANSIX9_23) => Self::X923,
            Some(PaddingMethod::ISO10126) => Self::Iso10126,
            _ => return Err(CryptoError::BadParameters("this padding method is not one of block ciphers")),
        })
    }

    /// Fills the last, partial or empty, block.
    pub(super) fn pad(self, tail: &mut Buffer, block: usize, entropy: &dyn Entropy) -> Result<()> {
        debug_assert!(tail.len() < block);
        let missing = block - tail.len();
        let count = u8::try_from(missing).map_err(|_| CryptoError::Provider("block size"))?;
        match self {
            Self::None if tail.is_empty() => {}
            Self::None => return Err(CryptoError::BadData("not whole blocks, and no padding method")),
            Self::Zeros if tail.is_empty() => {}
            Self::Zeros => _ = tail.spare(missing),
            Self::Pkcs5 => tail.spare(missing).fill(count),
            Self::X923 | Self::Ssl3 | Self::Iso10126 => {
                let filler = tail.spare(missing);
                if self == Self::Iso10126 {
                    random::fill(entropy, filler)?;
                }
                if let Some(last) = filler.last_mut() {
                    *last = if self == Self::Ssl3 { count - 1 } else { count };
                }
            }
        }
        Ok(())
    }

    /// How many bytes of the last block are data.
    pub(super) fn unpad(self, block: &[u8]) -> Result<usize> {
        let (length, Some(&last)) = (block.len(), block.last()) else { return Err(CryptoError::Failed) };
        if self == Self::Zeros {
            return Ok(block.iter().rposition(|&byte| byte != 0).map_or(0, |at| at + 1));
        }
        let count = if self == Self::Ssl3 { last.wrapping_add(1) } else { last };
        let size = u8::try_from(length).map_err(|_| CryptoError::Provider("block size"))?;
        let mut good = !count.ct_eq(&0) & count.ct_lt(&(size + 1));
        for (from_end, &byte) in (1..=size).zip(block.iter().rev()).skip(1) {
            let padding = !count.ct_lt(&from_end);
            let wanted = match self {
                Self::Pkcs5 => byte.ct_eq(&count),
                Self::X923 => byte.ct_eq(&0),
                _ => Choice::from(1),
            };
            good &= !padding | wanted;
        }
        if bool::from(good) { Ok(length - usize::from(count)) } else { Err(CryptoError::Failed) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::random::SystemEntropy;

    #[test]
    fn each_padding_goes_there_and_back_for_each_length() {
        let entropy = SystemEntropy;
        for padding in [Padding::Pkcs5, Padding::Ssl3, Padding::X923, Padding::Iso10126, Padding::Zeros] {
            for size in [8, 16] {
                for length in 0..size {
                    let mut tail = Buffer::default();
                    tail.extend(&vec![0xA5; length]);
                    padding.pad(&mut tail, size, &entropy).unwrap();
                    if padding == Padding::Zeros && length == 0 {
                        assert!(tail.is_empty());
                        continue;
                    }
                    assert_eq!(tail.len(), size, "{padding:?} {length}");
                    assert_eq!(padding.unpad(&tail).unwrap(), length, "{padding:?} {length}");
                }
            }
        }
    }

    #[test]
    fn a_wrong_padding_fails() {
        let cases: [(Padding, [u8; 8]); 8] = [
            (Padding::Pkcs5, [1, 2, 3, 4, 5, 6, 7, 0]),
            (Padding::Pkcs5, [1, 2, 3, 4, 5, 6, 7, 9]),
            (Padding::Pkcs5, [1, 2, 3, 4, 5, 2, 3, 3]),
            (Padding::Pkcs5, [1, 2, 3, 4, 5, 6, 7, 255]),
            (Padding::X923, [1, 2, 3, 4, 5, 0, 1, 3]),
            (Padding::X923, [0, 0, 0, 0, 0, 0, 0, 9]),
            (Padding::Ssl3, [0, 0, 0, 0, 0, 0, 0, 8]),
            (Padding::Iso10126, [0, 0, 0, 0, 0, 0, 0, 0]),
        ];
        for (padding, block) in cases {
            assert_eq!(padding.unpad(&block), Err(CryptoError::Failed), "{padding:?} {block:?}");
        }
    }
}
