//! Cryptographic Parameters of symmetric operations (1.4 §3.6): which mode they mean, and whether IV, tag, counter
//! and padding fit it.

use super::block;
use crate::base::Entropy;
use crate::crypto::{CryptoError, Result, random};
use crate::registry::{BlockCipherMode, CryptographicAlgorithm, PaddingMethod};

/// What Cryptographic Parameters, and where they leave a field out the key's attributes, say about a cipher. Lengths
/// have the units of the standard.
#[derive(Clone, Debug)]
pub struct Parameters {
    /// Cryptographic Algorithm.
    pub algorithm: CryptographicAlgorithm,
    /// Block Cipher Mode. A block cipher needs one; ChaCha20, ChaCha20Poly1305 and RC4 have their own.
    pub mode: Option<BlockCipherMode>,
    /// Padding Method; absent is None.
    pub padding: Option<PaddingMethod>,
    /// Random IV: make an IV where the request has none.
    pub random_iv: bool,
    /// IV Length in bits. An IV that is given must have it; a random one gets it.
    pub iv_length: Option<i32>,
    /// Tag Length in bytes. The standard demands it for GCM and CCM; absent is 16, the longest.
    pub tag_length: Option<i32>,
    /// Fixed Field Length of the IV, in bits. Only its sum with the next two is checked against the IV: the fields
    /// are the client's.
    pub fixed_field_length: Option<i32>,
    /// Invocation Field Length of the IV, in bits.
    pub invocation_field_length: Option<i32>,
    /// Counter Length, in bits: CTR refuses data that would wrap a counter of this length.
    pub counter_length: Option<i32>,
    /// Initial Counter Value. CTR: the end of the counter block where the IV is shorter than a block. ChaCha20: the
    /// number of the first block, 0 where absent.
    pub initial_counter: Option<i32>,
}

/// A mode of this room.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Mode {
    Ecb,
    Cbc,
    Cfb,
    Ofb,
    Ctr,
    Xts,
    Gcm,
    Ccm,
    NistKeyWrap,
    NistKeyWrapPadding,
    ChaCha20,
    ChaCha20Poly1305,
    Rc4,
}

impl Mode {
    pub(super) fn is_authenticated(self) -> bool {
        matches!(self, Self::Gcm | Self::Ccm | Self::ChaCha20Poly1305)
    }

    fn pads(self) -> bool {
        matches!(self, Self::Ecb | Self::Cbc)
    }

    fn takes_iv(self) -> bool {
        !matches!(self, Self::Ecb | Self::NistKeyWrap | Self::NistKeyWrapPadding | Self::Rc4)
    }
}

impl Parameters {
    /// Parameters that name only the algorithm.
    pub fn new(algorithm: CryptographicAlgorithm) -> Self {
        Self {
            algorithm,
            mode: None,
            padding: None,
            random_iv: false,
            iv_length: None,
            tag_length: None,
            fixed_field_length: None,
            invocation_field_length: None,
            counter_length: None,
            initial_counter: None,
        }
    }

    /// Parameters of a mode.
    pub fn with_mode(algorithm: CryptographicAlgorithm, mode: BlockCipherMode) -> Self {
        Self { mode: Some(mode), ..Self::new(algorithm) }
    }

    /// The mode, if algorithm and Block Cipher Mode fit together.
    pub(super) fn mode(&self) -> Result<Mode> {
        use CryptographicAlgorithm as A;
        let block = block::row(self.algorithm)?.block;
        Ok(match (self.algorithm, self.mode) {
            (A::ChaCha20, None) => Mode::ChaCha20,
            (A::ChaCha20Poly1305, None) | (A::ChaCha20 | A::ChaCha20Poly1305, Some(BlockCipherMode::AEAD)) => {
                Mode::ChaCha20Poly1305
            }
            (A::RC4, None) => Mode::Rc4,
            (A::ChaCha20 | A::ChaCha20Poly1305 | A::RC4, Some(_)) => {
                return Err(CryptoError::BadParameters("a block cipher mode with a stream cipher"));
            }
            (_, None) => return Err(CryptoError::MissingParameter("block cipher mode")),
            (_, Some(BlockCipherMode::ECB)) => Mode::Ecb,
            (_, Some(BlockCipherMode::CBC)) => Mode::Cbc,
            (_, Some(BlockCipherMode::CFB)) => Mode::Cfb,
            (_, Some(BlockCipherMode::OFB)) => Mode::Ofb,
            (_, Some(BlockCipherMode::CTR)) if block == 16 => Mode::Ctr,
            (_, Some(BlockCipherMode::GCM)) if block == 16 => Mode::Gcm,
            (_, Some(BlockCipherMode::CCM)) if block == 16 => Mode::Ccm,
            (A::AES, Some(BlockCipherMode::XTS)) => Mode::Xts,
            (A::AES, Some(BlockCipherMode::NISTKeyWrap)) => Mode::NistKeyWrap,
            (A::AES, Some(BlockCipherMode::AESKeyWrapPadding)) => Mode::NistKeyWrapPadding,
            (_, Some(BlockCipherMode::AEAD)) => {
                return Err(CryptoError::BadParameters("mode AEAD is that of ChaCha20Poly1305; use GCM or CCM"));
            }
            (_, Some(BlockCipherMode::CMAC | BlockCipherMode::CBC_MAC)) => {
                return Err(CryptoError::BadParameters("the block cipher mode is one of MACs"));
            }
            _ => return Err(CryptoError::Unsupported("this block cipher mode with this algorithm")),
        })
    }

    /// Everything that can be told before data and IV are seen.
    pub(super) fn check(&self, key: &[u8], additional: &[u8]) -> Result<Mode> {
        let mode = self.fits(additional)?;
        match mode {
            // An XTS key is two keys (SP 800-38E); equal halves give it away (IG C.I of FIPS 140-3).
            Mode::Xts => {
                let (first, second) = key.split_at(key.len() / 2);
                if !matches!(key.len(), 32 | 64) {
                    return Err(CryptoError::BadKey("XTS takes two AES keys of 16 or 32 bytes"));
                }
                if subtle::ConstantTimeEq::ct_eq(first, second).into() {
                    return Err(CryptoError::BadKey("the halves of an XTS key are equal"));
                }
            }
            _ => block::row(self.algorithm)?.check_key(key.len())?,
        }
        Ok(mode)
    }

    /// The same without the key.
    pub(super) fn fits(&self, additional: &[u8]) -> Result<Mode> {
        let mode = self.mode()?;
        if !additional.is_empty() && !mode.is_authenticated() {
            return Err(CryptoError::BadParameters("additional data, and a mode without authentication"));
        }
        if !mode.pads() && !matches!(self.padding, None | Some(PaddingMethod::None)) {
            return Err(CryptoError::BadParameters("a padding method, and a mode without padding"));
        }
        if mode.is_authenticated() {
            self.tag_length()?;
        }
        Ok(mode)
    }

    /// Length of the tag in bytes: SP 800-38D §5.2.1.2, SP 800-38C Appendix A.1; ChaCha20-Poly1305 down to 12, the
    /// length of the OASIS test case.
    pub(super) fn tag_length(&self) -> Result<usize> {
        let length = usize::try_from(self.tag_length.unwrap_or(16)).map_err(|_| CryptoError::BadTagLength)?;
        let allowed = match self.mode()? {
            Mode::Gcm => matches!(length, 4 | 8 | 12..=16),
            Mode::Ccm => matches!(length, 4 | 6 | 8 | 10 | 12 | 14 | 16),
            _ => matches!(length, 12..=16),
        };
        if allowed { Ok(length) } else { Err(CryptoError::BadTagLength) }
    }

    /// The tag of a Decrypt: it must have the length of the parameters, so that a forger cannot choose a short one.
    pub(super) fn tag<'t>(&self, tag: Option<&'t [u8]>) -> Result<&'t [u8]> {
        let tag = tag.ok_or(CryptoError::MissingParameter("authenticated encryption tag"))?;
        if tag.len() == self.tag_length()? { Ok(tag) } else { Err(CryptoError::BadTagLength) }
    }

    /// Refuses an IV where the mode has none: its sender believes in a protection that is not there.
    pub(super) fn no_iv(&self, iv: Option<&[u8]>) -> Result<()> {
        match iv {
            Some(iv) if !iv.is_empty() => Err(CryptoError::BadParameters("an IV, and a mode without one")),
            _ => Ok(()),
        }
    }

    /// The IV of an encryption, and whether it was made here.
    pub(super) fn encryption_iv(
        &self,
        mode: Mode,
        iv: Option<&[u8]>,
        entropy: &dyn Entropy,
    ) -> Result<(Vec<u8>, bool)> {
        match iv.filter(|iv| !iv.is_empty()) {
            None if mode.takes_iv() && self.random_iv => {
                let length = match self.iv_bytes()? {
                    Some(length) => length,
                    None => match mode {
                        Mode::Gcm | Mode::Ccm | Mode::ChaCha20 | Mode::ChaCha20Poly1305 => 12,
                        // RFC 3686: 12 bytes of nonce, then the counter.
                        Mode::Ctr if self.initial_counter.is_some() => 12,
                        Mode::Xts => 16,
                        _ => block::row(self.algorithm)?.block,
                    },
                };
                if length < 8 && matches!(mode, Mode::Gcm | Mode::Ctr) {
                    return Err(CryptoError::BadParameters("a random IV of less than 64 bits would repeat"));
                }
                self.check_iv(mode, length)?;
                Ok((random::bytes(entropy, length)?, true))
            }
            iv => self.decryption_iv(mode, iv).map(|iv| (iv, false)),
        }
    }

    /// The IV of a decryption, which must be given.
    pub(super) fn decryption_iv(&self, mode: Mode, iv: Option<&[u8]>) -> Result<Vec<u8>> {
        if !mode.takes_iv() {
            self.no_iv(iv)?;
            return Ok(Vec::new());
        }
        let iv = iv.filter(|iv| !iv.is_empty()).ok_or(CryptoError::MissingIv)?;
        self.check_iv(mode, iv.len())?;
        Ok(iv.to_vec())
    }

    /// The counter block of CTR: the IV, and behind a short one the Initial Counter Value.
    pub(super) fn counter_block(&self, iv: &[u8]) -> Result<[u8; 16]> {
        let mut block = [0; 16];
        let initial = self.initial_counter()?;
        match (16_usize.checked_sub(iv.len()), initial) {
            (None, _) => return Err(CryptoError::BadParameters("the IV is longer than a block")),
            (Some(0), _) => block.copy_from_slice(iv),
            (Some(_), None) => {
                return Err(CryptoError::MissingParameter("initial counter value, for an IV this short"));
            }
            (Some(room), Some(initial)) => {
                let counter = u128::from(initial);
                if room < 16 && counter >> (8 * room) != 0 {
                    return Err(CryptoError::BadParameters("the initial counter value does not fit behind the IV"));
                }
                block = counter.to_be_bytes();
                block[..iv.len()].copy_from_slice(iv);
            }
        }
        if let (0, Some(initial)) = (16 - iv.len(), initial) {
            let bits = self.counter_bits(iv.len())?;
            if low_bits(u128::from_be_bytes(block), bits) != u128::from(initial) {
                return Err(CryptoError::BadParameters("the initial counter value differs from the end of the IV"));
            }
        }
        Ok(block)
    }

    /// How many blocks CTR may use before its counter wraps; `None` for a counter of the whole block.
    pub(super) fn counter_blocks(&self, iv: &[u8], block: &[u8; 16]) -> Result<Option<u128>> {
        let bits = self.counter_bits(iv.len())?;
        if bits >= 128 {
            return Ok(None);
        }
        Ok(Some((1 << bits) - low_bits(u128::from_be_bytes(*block), bits)))
    }

    /// Initial Counter Value; 32 bits of which the wire has the sign.
    pub(super) fn initial_counter(&self) -> Result<Option<u32>> {
        match self.initial_counter {
            None => Ok(None),
            Some(value) => u32::try_from(value)
                .map(Some)
                .map_err(|_| CryptoError::BadParameters("the initial counter value is negative")),
        }
    }

    /// Bits of the counter: Counter Length, or what the IV leaves of the block; a full IV is all counter.
    pub(super) fn counter_bits(&self, iv_length: usize) -> Result<u32> {
        match self.counter_length {
            None if iv_length == 16 => Ok(128),
            None => u32::try_from(8 * (16 - iv_length)).map_err(|_| CryptoError::BadParameters("IV")),
            Some(bits) => match u32::try_from(bits) {
                Ok(bits @ 1..=128) => Ok(bits),
                _ => Err(CryptoError::BadParameters("the counter length is not one of the block")),
            },
        }
    }

    fn iv_bytes(&self) -> Result<Option<usize>> {
        match self.iv_length {
            None => Ok(None),
            Some(bits) if bits > 0 && bits % 8 == 0 => {
                usize::try_from(bits / 8).map(Some).map_err(|_| CryptoError::BadParameters("IV length"))
            }
            Some(_) => Err(CryptoError::BadParameters("the IV length is not whole bytes")),
        }
    }

    /// Refuses an IV length that the mode does not have or that contradicts the lengths in the parameters.
    fn check_iv(&self, mode: Mode, length: usize) -> Result<()> {
        let fits = match mode {
            Mode::Cbc | Mode::Cfb | Mode::Ofb => length == block::row(self.algorithm)?.block,
            Mode::Xts => length == 16,
            Mode::Ctr => (1..=16).contains(&length),
            Mode::Gcm => (1..=IV_BYTES_MAX).contains(&length),
            Mode::Ccm => (7..=13).contains(&length),
            Mode::ChaCha20 => matches!(length, 8 | 12),
            Mode::ChaCha20Poly1305 => length == 12,
            Mode::Ecb | Mode::NistKeyWrap | Mode::NistKeyWrapPadding | Mode::Rc4 => length == 0,
        };
        if !fits {
            return Err(CryptoError::BadParameters("the length of the IV is not one of the mode"));
        }
        if self.iv_bytes()?.is_some_and(|wanted| wanted != length) {
            return Err(CryptoError::BadParameters("the IV differs from the IV length"));
        }
        if let (Some(fixed), Some(invocation)) = (self.fixed_field_length, self.invocation_field_length) {
            let bits = [fixed, invocation].iter().map(|bits| i64::from(*bits)).sum::<i64>();
            let all = bits + i64::from(self.counter_length.unwrap_or(0));
            let length = i64::try_from(8 * length).unwrap_or(i64::MAX);
            if fixed < 0 || invocation < 0 || (length != bits && length != all) {
                return Err(CryptoError::BadParameters("the fields of the IV do not add up to its length"));
            }
        }
        Ok(())
    }
}

/// Longest IV of GCM here, in bytes. SP 800-38D has no bound worth the name; nobody uses more.
const IV_BYTES_MAX: usize = 128;

fn low_bits(value: u128, bits: u32) -> u128 {
    if bits >= 128 { value } else { value & ((1 << bits) - 1) }
}
