//! AES operations whose key is elsewhere, in an HSM: everything but the cipher itself. Parameters are checked, IVs made
//! and paddings added and taken away here, as for the other keys; the module with the key does the rest.

use super::padding::Padding;
use super::parameters::Mode;
use super::{Output, Parameters};
use crate::base::{Buffer, Entropy};
use crate::crypto::{CryptoError, Result};
use crate::registry::CryptographicAlgorithm;

const BLOCK: usize = 16;

/// A mode of AES with what it takes besides key and data.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum BareCipher {
    /// ECB of whole blocks.
    Ecb,
    /// CBC of whole blocks, with its IV.
    Cbc([u8; BLOCK]),
    /// CTR: the first counter block, and how many of its last bits count.
    Ctr([u8; BLOCK], u32),
    /// GCM; the tag follows the ciphertext.
    Gcm {
        /// The IV.
        iv: Vec<u8>,
        /// Additional data.
        additional: Vec<u8>,
        /// Length of the tag in bytes.
        tag_bytes: usize,
    },
    /// Key wrap (RFC 3394).
    KeyWrap,
    /// Key wrap with padding (RFC 5649).
    KeyWrapPad,
}

/// One operation, ready for the module that has the key.
#[derive(Debug)]
pub struct Elsewhere {
    cipher: BareCipher,
    padding: Padding,
    iv: Vec<u8>,
    iv_made: bool,
    blocks_max: Option<u128>,
}

impl Elsewhere {
    /// An encryption. Arguments and errors are those of [`super::encrypt`]; modes that are not of `BareCipher` are
    /// `Unsupported`.
    pub fn encryption(
        parameters: &Parameters,
        iv: Option<&[u8]>,
        additional: &[u8],
        entropy: &dyn Entropy,
    ) -> Result<Self> {
        let mode = parameters.fits(additional)?;
        let (iv, made) = parameters.encryption_iv(mode, iv, entropy)?;
        Self::new(parameters, mode, iv, made, additional)
    }

    /// A decryption. Arguments and errors are those of [`super::decrypt`].
    pub fn decryption(parameters: &Parameters, iv: Option<&[u8]>, additional: &[u8]) -> Result<Self> {
        let mode = parameters.fits(additional)?;
        let iv = parameters.decryption_iv(mode, iv)?;
        Self::new(parameters, mode, iv, false, additional)
    }

    fn new(parameters: &Parameters, mode: Mode, iv: Vec<u8>, iv_made: bool, additional: &[u8]) -> Result<Self> {
        const OTHER: CryptoError = CryptoError::Unsupported("this block cipher mode with a key in the HSM");
        if parameters.algorithm != CryptographicAlgorithm::AES {
            return Err(CryptoError::Unsupported("this cryptographic algorithm with a key in the HSM"));
        }
        let (mut padding, mut blocks_max) = (Padding::None, None);
        let cipher = match mode {
            Mode::Ecb | Mode::Cbc => {
                padding = Padding::of(parameters.padding)?;
                match iv.as_slice().try_into() {
                    Ok(iv) if mode == Mode::Cbc => BareCipher::Cbc(iv),
                    _ => BareCipher::Ecb,
                }
            }
            Mode::Ctr => {
                let block = parameters.counter_block(&iv)?;
                blocks_max = parameters.counter_blocks(&iv, &block)?;
                BareCipher::Ctr(block, parameters.counter_bits(iv.len())?)
            }
            Mode::Gcm => {
                let tag_bytes = parameters.tag_length()?;
                BareCipher::Gcm { iv: iv.clone(), additional: additional.to_vec(), tag_bytes }
            }
            Mode::NistKeyWrap => BareCipher::KeyWrap,
            Mode::NistKeyWrapPadding => BareCipher::KeyWrapPad,
            _ => return Err(OTHER),
        };
        Ok(Self { cipher, padding, iv, iv_made, blocks_max })
    }

    /// The mode.
    pub fn cipher(&self) -> &BareCipher {
        &self.cipher
    }

    /// The IV, if it was made here.
    pub fn iv_made(&self) -> Option<&[u8]> {
        self.iv_made.then_some(&self.iv)
    }

    /// The data that the cipher encrypts: padded.
    pub fn plaintext(&self, data: &[u8], entropy: &dyn Entropy) -> Result<Buffer> {
        self.fits(data)?;
        let mut input = Buffer::copy_from(data);
        match &self.cipher {
            BareCipher::Ecb | BareCipher::Cbc(_) => {
                let mut tail = Buffer::copy_from(&data[data.len() / BLOCK * BLOCK..]);
                input.truncate(data.len() - tail.len());
                self.padding.pad(&mut tail, BLOCK, entropy)?;
                input.extend(&tail);
            }
            BareCipher::KeyWrap if data.len() < 16 || !data.len().is_multiple_of(8) => {
                return Err(CryptoError::BadData("key wrap takes multiples of 8 bytes, 16 at least"));
            }
            BareCipher::KeyWrapPad if data.is_empty() => {
                return Err(CryptoError::BadData("key wrap with padding takes 1 byte at least"));
            }
            _ => {}
        }
        Ok(input)
    }

    /// The answer of Encrypt, from what the cipher gave.
    pub fn sealed(self, given: &[u8]) -> Result<Output> {
        let iv = self.iv_made.then_some(self.iv);
        let BareCipher::Gcm { tag_bytes, .. } = self.cipher else {
            return Ok(Output { data: Buffer::copy_from(given), iv, tag: None });
        };
        let text = given.len().checked_sub(tag_bytes).ok_or(CryptoError::Provider("a ciphertext without its tag"))?;
        let (data, tag) = given.split_at(text);
        Ok(Output { data: Buffer::copy_from(data), iv, tag: Some(tag.to_vec()) })
    }

    /// The bytes that the cipher decrypts: with their tag, which must have the length of the parameters, so that a
    /// forger cannot choose a short one.
    pub fn ciphertext(&self, data: &[u8], tag: Option<&[u8]>) -> Result<Vec<u8>> {
        self.fits(data)?;
        let whole = data.len().is_multiple_of(BLOCK) && (self.padding == Padding::None || !data.is_empty());
        match (&self.cipher, tag) {
            (BareCipher::Gcm { .. }, None) => Err(CryptoError::MissingParameter("authenticated encryption tag")),
            (BareCipher::Gcm { tag_bytes, .. }, Some(tag)) if tag.len() != *tag_bytes => Err(CryptoError::BadTagLength),
            (BareCipher::Gcm { .. }, Some(tag)) => Ok([data, tag].concat()),
            (_, Some(_)) => Err(CryptoError::BadParameters("an authentication tag, and a mode without one")),
            (BareCipher::Ecb | BareCipher::Cbc(_), None) if !whole => Err(CryptoError::BadData("not whole blocks")),
            (BareCipher::KeyWrap, None) if data.len() < 24 || !data.len().is_multiple_of(8) => {
                Err(CryptoError::BadData("wrapped keys are multiples of 8 bytes, 24 at least"))
            }
            (BareCipher::KeyWrapPad, None) if data.len() < 16 || !data.len().is_multiple_of(8) => {
                Err(CryptoError::BadData("wrapped keys are multiples of 8 bytes, 16 at least"))
            }
            _ => Ok(data.to_vec()),
        }
    }

    /// The answer of Decrypt, from what the cipher gave: without its padding.
    pub fn opened(&self, given: &[u8]) -> Result<Buffer> {
        if self.padding == Padding::None {
            return Ok(Buffer::copy_from(given));
        }
        let front = given.len().checked_sub(BLOCK).ok_or(CryptoError::Failed)?;
        let length = self.padding.unpad(&given[front..])?;
        Ok(Buffer::copy_from(&given[..front + length]))
    }

    fn fits(&self, data: &[u8]) -> Result<()> {
        let blocks = data.len().div_ceil(BLOCK) as u128;
        match self.blocks_max {
            Some(most) if blocks > most => Err(CryptoError::LimitExceeded("blocks of this counter")),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::random::SystemEntropy;
    use crate::crypto::symmetric::{decrypt, encrypt};
    use crate::registry::{BlockCipherMode as B, PaddingMethod as P};

    const KEY: [u8; 32] = [7; 32];

    /// The module with the key, played by the ciphers of this room.
    fn module(cipher: &BareCipher, encrypts: bool, data: &[u8]) -> Result<Buffer> {
        let entropy = SystemEntropy;
        let of = |mode| Parameters::with_mode(CryptographicAlgorithm::AES, mode);
        let (parameters, iv, additional) = match cipher {
            BareCipher::Ecb => (of(B::ECB), None, &[][..]),
            BareCipher::Cbc(iv) => (of(B::CBC), Some(&iv[..]), &[][..]),
            BareCipher::Ctr(block, _) => (of(B::CTR), Some(&block[..]), &[][..]),
            BareCipher::Gcm { iv, additional, tag_bytes } => {
                let parameters = Parameters { tag_length: Some(*tag_bytes as i32), ..of(B::GCM) };
                (parameters, Some(&iv[..]), &additional[..])
            }
            BareCipher::KeyWrap => (of(B::NISTKeyWrap), None, &[][..]),
            BareCipher::KeyWrapPad => (of(B::AESKeyWrapPadding), None, &[][..]),
        };
        if encrypts {
            let mut output = encrypt(&parameters, &KEY, iv, additional, data, &entropy)?;
            output.data.extend(&output.tag.unwrap_or_default());
            return Ok(output.data);
        }
        let tag = parameters.tag_length.map_or(0, |length| length as usize);
        let (data, tag) = data.split_at(data.len() - tag);
        decrypt(&parameters, &KEY, iv, additional, data, Some(tag).filter(|tag| !tag.is_empty()))
    }

    /// Whatever a key here gives, a key elsewhere gives too, and the errors are the same.
    #[test]
    fn a_key_elsewhere_gives_the_same() {
        let entropy = SystemEntropy;
        let of = |mode| Parameters::with_mode(CryptographicAlgorithm::AES, mode);
        let padded = |mode, padding| Parameters { padding: Some(padding), ..of(mode) };
        let cases = [
            (of(B::ECB), None),
            (padded(B::ECB, P::PKCS5), None),
            (padded(B::ECB, P::SSL3), None),
            (of(B::CBC), Some(16)),
            (padded(B::CBC, P::PKCS5), Some(16)),
            (padded(B::CBC, P::ANSIX9_23), Some(16)),
            (padded(B::CBC, P::Zeros), Some(16)),
            (of(B::CTR), Some(16)),
            (Parameters { initial_counter: Some(1), ..of(B::CTR) }, Some(12)),
            (of(B::GCM), Some(12)),
            (Parameters { tag_length: Some(13), ..of(B::GCM) }, Some(8)),
            (of(B::NISTKeyWrap), None),
            (of(B::AESKeyWrapPadding), None),
        ];
        for (parameters, iv_bytes) in cases {
            let iv = iv_bytes.map(|length| vec![9; length]);
            let iv = iv.as_deref();
            for length in [0, 1, 8, 15, 16, 17, 24, 32, 40] {
                let data = vec![0xA5; length];
                let additional: &[u8] = if parameters.mode == Some(B::GCM) { b"aad" } else { b"" };
                let here = encrypt(&parameters, &KEY, iv, additional, &data, &entropy);
                let plan = Elsewhere::encryption(&parameters, iv, additional, &entropy).unwrap();
                let there = plan
                    .plaintext(&data, &entropy)
                    .and_then(|input| module(plan.cipher(), true, &input))
                    .and_then(|given| plan.sealed(&given));
                let (here, there) = match (here, there) {
                    (Ok(here), Ok(there)) => (here, there),
                    (here, there) => {
                        assert_eq!(here.err(), there.err(), "{parameters:?} {length}");
                        continue;
                    }
                };
                assert_eq!((&*here.data, &here.tag), (&*there.data, &there.tag), "{parameters:?} {length}");
                let plan = Elsewhere::decryption(&parameters, iv, additional).unwrap();
                let tag = there.tag.as_deref();
                let open = |cut: &[u8]| {
                    let given = module(plan.cipher(), false, &plan.ciphertext(cut, tag)?)?;
                    plan.opened(&given)
                };
                let back = open(&there.data).map(|plain| plain.to_vec());
                let wanted = decrypt(&parameters, &KEY, iv, additional, &here.data, tag).map(|plain| plain.to_vec());
                assert_eq!(back, wanted, "{parameters:?} {length}");
            }
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let entropy = SystemEntropy;
        let of = |mode| Parameters::with_mode(CryptographicAlgorithm::AES, mode);
        let refused = |parameters: &Parameters, iv: Option<&[u8]>, additional: &[u8]| {
            Elsewhere::encryption(parameters, iv, additional, &entropy).unwrap_err()
        };
        assert!(matches!(refused(&of(B::XTS), Some(&[0; 16]), b""), CryptoError::Unsupported(_)));
        assert!(matches!(refused(&of(B::CCM), Some(&[0; 12]), b""), CryptoError::Unsupported(_)));
        assert_eq!(refused(&of(B::CBC), None, b""), CryptoError::MissingIv);
        assert!(matches!(refused(&of(B::CBC), Some(&[0; 16]), b"a"), CryptoError::BadParameters(_)));
        let camellia = Parameters::with_mode(CryptographicAlgorithm::Camellia, B::ECB);
        assert!(matches!(refused(&camellia, None, b""), CryptoError::Unsupported(_)));
        let gcm = Elsewhere::decryption(&of(B::GCM), Some(&[0; 12]), b"").unwrap();
        assert_eq!(gcm.ciphertext(b"x", Some(&[0; 12])), Err(CryptoError::BadTagLength));
        assert!(gcm.ciphertext(b"x", None).is_err());
        let counter = Parameters { counter_length: Some(8), ..of(B::CTR) };
        let plan = Elsewhere::encryption(&counter, Some(&[0xFF; 16]), b"", &entropy).unwrap();
        assert!(plan.plaintext(&[0; 16], &entropy).is_ok());
        assert!(plan.plaintext(&[0; 17], &entropy).is_err());
        let random = Parameters { random_iv: true, ..of(B::GCM) };
        assert!(Elsewhere::encryption(&random, None, b"", &entropy).unwrap().iv_made().is_some());
    }
}
