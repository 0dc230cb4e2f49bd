//! Encrypt and Decrypt with symmetric keys (1.4 §4.29, §4.30), whole or in parts. What a request says is gathered in
//! [`Parameters`]; this file decides which mode it means and refuses what does not fit, `modes` and `aead` do the
//! work.

mod aead;
mod block;
mod elsewhere;
mod modes;
mod padding;
mod parameters;
mod stream;

pub(crate) use block::BlockCipher;
pub use elsewhere::{BareCipher, Elsewhere};
pub use parameters::Parameters;
pub use stream::{Decryption, Encryption};

use super::{CryptoError, Result, Standing, wrap};
use crate::base::{Buffer, Entropy};
use crate::registry::CryptographicAlgorithm;
use parameters::Mode;

/// What Encrypt answers.
#[derive(Debug)]
pub struct Output {
    /// Ciphertext.
    pub data: Buffer,
    /// IV/Counter/Nonce, only where it was made here.
    pub iv: Option<Vec<u8>>,
    /// Authenticated Encryption Tag, for authenticated modes.
    pub tag: Option<Vec<u8>>,
}

/// Encrypts whole data.
///
/// `iv` is the IV/Counter/Nonce of the request; where it is absent and Random IV is set, one is made and returned.
/// `additional` is the Authenticated Encryption Additional Data.
///
/// # Errors
/// `BadParameters`, `MissingParameter`, `MissingIv`, `BadTagLength`, `BadKey` for what does not fit together;
/// `BadData` for data that is not whole blocks without a padding method; `Unsupported` for modes not here.
pub fn encrypt(
    parameters: &Parameters,
    key: &[u8],
    iv: Option<&[u8]>,
    additional: &[u8],
    data: &[u8],
    entropy: &dyn Entropy,
) -> Result<Output> {
    let mode = parameters.check(key, additional)?;
    match mode {
        Mode::NistKeyWrap | Mode::NistKeyWrapPadding => {
            parameters.no_iv(iv)?;
            let wrapped = match mode {
                Mode::NistKeyWrap => wrap::nist_wrap(key, data)?,
                _ => wrap::nist_wrap_padded(key, data)?,
            };
            Ok(Output { data: in_place(&wrapped, |_| Ok(()))?.0, iv: None, tag: None })
        }
        Mode::Gcm | Mode::Ccm | Mode::ChaCha20Poly1305 => {
            let (iv, made) = parameters.encryption_iv(mode, iv, entropy)?;
            let aead = aead::Key { mode, algorithm: parameters.algorithm, key, iv: &iv, additional };
            let (data, tag) = in_place(data, |data| aead.seal(data, parameters.tag_length()?))?;
            Ok(Output { data, iv: made.then_some(iv), tag: Some(tag) })
        }
        _ => Encryption::new(parameters, key, iv, additional, usize::MAX, entropy)?.finish(data, entropy),
    }
}

/// Decrypts whole data.
///
/// # Errors
/// `Failed` for a wrong tag or padding, and otherwise as [`encrypt`]. An IV is always needed where the mode has one,
/// an Authenticated Encryption Tag where the mode is authenticated.
pub fn decrypt(
    parameters: &Parameters,
    key: &[u8],
    iv: Option<&[u8]>,
    additional: &[u8],
    data: &[u8],
    tag: Option<&[u8]>,
) -> Result<Buffer> {
    let mode = parameters.check(key, additional)?;
    if tag.is_some() && !mode.is_authenticated() {
        return Err(CryptoError::BadParameters("an authentication tag, and a mode without one"));
    }
    match mode {
        Mode::NistKeyWrap | Mode::NistKeyWrapPadding => {
            parameters.no_iv(iv)?;
            let key = match mode {
                Mode::NistKeyWrap => wrap::nist_unwrap(key, data)?,
                _ => wrap::nist_unwrap_padded(key, data)?,
            };
            Ok(in_place(key.expose(), |_| Ok(()))?.0)
        }
        Mode::Gcm | Mode::Ccm | Mode::ChaCha20Poly1305 => {
            let iv = parameters.decryption_iv(mode, iv)?;
            let tag = parameters.tag(tag)?;
            let aead = aead::Key { mode, algorithm: parameters.algorithm, key, iv: &iv, additional };
            let (data, ()) = in_place(data, |data| aead.open(data, tag))?;
            Ok(data)
        }
        _ => Decryption::new(parameters, key, iv, additional, usize::MAX)?.finish(data, None),
    }
}

/// Length of the tag these parameters ask for, in bytes; `None` for modes without one.
pub fn tag_length(parameters: &Parameters) -> Result<Option<usize>> {
    if parameters.mode()?.is_authenticated() { parameters.tag_length().map(Some) } else { Ok(None) }
}

/// How a cipher stands, with its name for [`super::Provider::permit`].
pub fn standing(algorithm: CryptographicAlgorithm) -> Result<(Standing, &'static str)> {
    block::row(algorithm).map(|row| (row.standing, row.name))
}

/// How many bytes a key of this Cryptographic Length has, for Create, Register and Derive Key. DES and 3DES count
/// with or without their parity bits: 168 and 192 are both 24 bytes.
pub fn key_bytes(algorithm: CryptographicAlgorithm, bits: i32) -> Result<usize> {
    const BAD: CryptoError = CryptoError::BadKey("its length is not one of the algorithm");
    let bits = match (algorithm, bits) {
        (CryptographicAlgorithm::DES, 56) | (CryptographicAlgorithm::DES3, 112 | 168) => bits / 7 * 8,
        _ => bits,
    };
    let bytes = usize::try_from(bits).ok().filter(|bits| bits.is_multiple_of(8)).ok_or(BAD)? / 8;
    block::row(algorithm)?.check_key(bytes)?;
    Ok(bytes)
}

/// The ciphers of this room.
pub fn supported() -> impl Iterator<Item = CryptographicAlgorithm> {
    block::CIPHERS.iter().map(|row| row.algorithm)
}

/// Block length of a block cipher in bytes.
pub fn block_length(algorithm: CryptographicAlgorithm) -> Result<usize> {
    match block::row(algorithm)?.block {
        0 => Err(CryptoError::Unsupported("a block cipher mode with a stream cipher")),
        length => Ok(length),
    }
}

/// Copies bytes into a buffer that wipes itself and works on them there.
fn in_place<T>(bytes: &[u8], work: impl FnOnce(&mut [u8]) -> Result<T>) -> Result<(Buffer, T)> {
    let mut buffer = Buffer::default();
    let place = buffer.spare(bytes.len());
    place.copy_from_slice(bytes);
    let result = work(place)?;
    Ok((buffer, result))
}

#[cfg(test)]
mod tests;
