//! Wrapping the bytes of a key with a symmetric key (Key Wrapping Data, 1.4 §2.1.5): NIST key wrap for the modes made
//! for it, and the ciphers of `symmetric` for the others. What the bytes are (raw material or an encoded Key Value)
//! is decided above. RFC 3394 and RFC 5649 through `aes-kw` for AES with all three key lengths.

use cipher::KeyInit;

use super::symmetric::{self, Parameters};
use super::{CryptoError, Result};
use crate::base::{Buffer, Entropy, KeyBytes};
use crate::registry::BlockCipherMode;

/// A wrapped key.
#[derive(Debug)]
pub struct Wrapped {
    /// Ciphertext. For GCM, CCM and AEAD the tag follows it: Key Wrapping Data has no field for a tag.
    pub bytes: Vec<u8>,
    /// IV/Counter/Nonce for Key Wrapping Data; absent for the NIST modes and ECB.
    pub iv: Option<Vec<u8>>,
}

/// Wraps key bytes. Modes that need an IV get a random one, whatever Random IV says: Key Wrapping Specification has
/// no field in which a client could give one.
pub fn wrap(parameters: &Parameters, kek: &[u8], key: &[u8], entropy: &dyn Entropy) -> Result<Wrapped> {
    match parameters.mode {
        Some(BlockCipherMode::NISTKeyWrap) => Ok(Wrapped { bytes: nist_wrap(kek, key)?, iv: None }),
        Some(BlockCipherMode::AESKeyWrapPadding) => Ok(Wrapped { bytes: nist_wrap_padded(kek, key)?, iv: None }),
        _ => {
            let parameters = Parameters { random_iv: true, ..parameters.clone() };
            let output = symmetric::encrypt(&parameters, kek, None, &[], key, entropy)?;
            let mut bytes = output.data.to_vec();
            bytes.extend_from_slice(&output.tag.unwrap_or_default());
            Ok(Wrapped { bytes, iv: output.iv })
        }
    }
}

/// Unwraps key bytes.
///
/// # Errors
/// `Failed` for a wrong key or altered bytes, where the mode can tell; `MissingIv` where it needs one.
pub fn unwrap(parameters: &Parameters, kek: &[u8], iv: Option<&[u8]>, wrapped: &[u8]) -> Result<KeyBytes> {
    match parameters.mode {
        Some(BlockCipherMode::NISTKeyWrap) => nist_unwrap(kek, wrapped),
        Some(BlockCipherMode::AESKeyWrapPadding) => nist_unwrap_padded(kek, wrapped),
        _ => {
            let (data, tag) = without_tag(parameters, wrapped)?;
            let key = symmetric::decrypt(parameters, kek, iv, &[], data, tag)?;
            Ok(KeyBytes::copy_from(&key))
        }
    }
}

/// A wrapped key and the tag after it, in modes that have one.
pub fn without_tag<'w>(parameters: &Parameters, wrapped: &'w [u8]) -> Result<(&'w [u8], Option<&'w [u8]>)> {
    let Some(length) = symmetric::tag_length(parameters)? else { return Ok((wrapped, None)) };
    let at = wrapped.len().checked_sub(length).ok_or(CryptoError::BadData("shorter than its tag"))?;
    let (data, tag) = wrapped.split_at(at);
    Ok((data, Some(tag)))
}

/// Runs `$then` with `$kw` as the keyed algorithm `$Kw` for the length of `$kek`.
macro_rules! with_kek {
    ($kek:expr, $Kw:ident, $kw:ident => $then:expr) => {{
        const BAD: CryptoError = CryptoError::BadKey("AES keys have 16, 24 or 32 bytes");
        match $kek.len() {
            16 => aes_kw::$Kw::<aes::Aes128>::new_from_slice($kek).map_err(|_| BAD).and_then(|$kw| $then),
            24 => aes_kw::$Kw::<aes::Aes192>::new_from_slice($kek).map_err(|_| BAD).and_then(|$kw| $then),
            32 => aes_kw::$Kw::<aes::Aes256>::new_from_slice($kek).map_err(|_| BAD).and_then(|$kw| $then),
            _ => Err(BAD),
        }
    }};
}

/// RFC 3394. SP 800-38F allows it from two half blocks on.
pub fn nist_wrap(kek: &[u8], key: &[u8]) -> Result<Vec<u8>> {
    const BAD: CryptoError = CryptoError::BadData("key wrap takes multiples of 8 bytes, 16 at least");
    if key.len() < 16 || !key.len().is_multiple_of(8) {
        return Err(BAD);
    }
    let mut wrapped = vec![0; key.len() + 8];
    with_kek!(kek, AesKw, kw => kw.wrap_key(key, &mut wrapped).map(drop).map_err(|_| BAD))?;
    Ok(wrapped)
}

/// RFC 3394, back.
pub fn nist_unwrap(kek: &[u8], wrapped: &[u8]) -> Result<KeyBytes> {
    if wrapped.len() < 24 || !wrapped.len().is_multiple_of(8) {
        return Err(CryptoError::BadData("wrapped keys are multiples of 8 bytes, 24 at least"));
    }
    KeyBytes::fill(
        wrapped.len() - 8,
        |key| with_kek!(kek, AesKw, kw => kw.unwrap_key(wrapped, key).map(drop).map_err(|_| CryptoError::Failed)),
    )
}

/// RFC 5649.
pub fn nist_wrap_padded(kek: &[u8], key: &[u8]) -> Result<Vec<u8>> {
    const BAD: CryptoError = CryptoError::BadData("key wrap with padding takes 1 byte at least");
    if key.is_empty() {
        return Err(BAD);
    }
    let mut wrapped = vec![0; key.len().next_multiple_of(8) + 8];
    with_kek!(kek, AesKwp, kw => kw.wrap_key(key, &mut wrapped).map(drop).map_err(|_| BAD))?;
    Ok(wrapped)
}

/// RFC 5649, back.
pub fn nist_unwrap_padded(kek: &[u8], wrapped: &[u8]) -> Result<KeyBytes> {
    if wrapped.len() < 16 || !wrapped.len().is_multiple_of(8) {
        return Err(CryptoError::BadData("wrapped keys are multiples of 8 bytes, 16 at least"));
    }
    let mut buffer = Buffer::default();
    let place = buffer.spare(wrapped.len() - 8);
    with_kek!(kek, AesKwp, kw => {
        kw.unwrap_key(wrapped, place).map(KeyBytes::copy_from).map_err(|_| CryptoError::Failed)
    })
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::key_wrap::{self as lc, KeyWrap, KeyWrapPadded};

    use super::*;
    use crate::crypto::random::SystemEntropy;
    use crate::registry::{CryptographicAlgorithm, PaddingMethod};

    #[test]
    fn each_mode_wraps_and_unwraps() {
        let entropy = SystemEntropy;
        let aes = |mode| Parameters::with_mode(CryptographicAlgorithm::AES, mode);
        let modes = [
            (aes(BlockCipherMode::NISTKeyWrap), true),
            (aes(BlockCipherMode::AESKeyWrapPadding), true),
            (aes(BlockCipherMode::GCM), true),
            (Parameters { tag_length: Some(12), ..aes(BlockCipherMode::GCM) }, true),
            (aes(BlockCipherMode::CCM), true),
            (Parameters { padding: Some(PaddingMethod::PKCS5), ..aes(BlockCipherMode::CBC) }, false),
            (aes(BlockCipherMode::CTR), false),
            (aes(BlockCipherMode::ECB), false),
            (Parameters::new(CryptographicAlgorithm::ChaCha20Poly1305), true),
        ];
        let key = [0x42; 32];
        for (parameters, authenticated) in modes {
            let wrapped = wrap(&parameters, &[1; 32], &key, &entropy).unwrap();
            let iv = wrapped.iv.as_deref();
            let back = unwrap(&parameters, &[1; 32], iv, &wrapped.bytes).unwrap();
            assert_eq!(back.expose(), key, "{parameters:?}");
            if authenticated {
                let mut broken = wrapped.bytes.clone();
                broken[9] ^= 1;
                assert_eq!(unwrap(&parameters, &[1; 32], iv, &broken).unwrap_err(), CryptoError::Failed);
                assert_eq!(unwrap(&parameters, &[2; 32], iv, &wrapped.bytes).unwrap_err(), CryptoError::Failed);
                for length in 0..8 {
                    assert!(unwrap(&parameters, &[1; 32], iv, &wrapped.bytes[..length]).is_err());
                }
            }
        }
    }

    #[test]
    fn lengths_that_the_standard_excludes_are_refused() {
        for length in [0, 8, 15, 17] {
            assert!(matches!(nist_wrap(&[1; 16], &vec![0; length]), Err(CryptoError::BadData(_))), "{length}");
            assert!(matches!(nist_unwrap(&[1; 16], &vec![0; length]), Err(CryptoError::BadData(_))), "{length}");
        }
        assert!(matches!(nist_wrap_padded(&[1; 16], &[]), Err(CryptoError::BadData(_))));
        assert!(matches!(nist_wrap(&[1; 17], &[0; 16]), Err(CryptoError::BadKey(_))));
    }

    #[test]
    fn aws_lc_wraps_the_same() {
        let kek = [5; 32];
        for length in [16, 24, 32, 40, 64] {
            let key: Vec<u8> = (0..length).collect();
            let mut output = vec![0; key.len() + 15];
            let lc_key = lc::AesKek::new(&lc::AES_256, &kek).unwrap();
            assert_eq!(*lc_key.wrap(&key, &mut output).unwrap(), nist_wrap(&kek, &key).unwrap()[..]);
            let key = &key[..key.len() - 3];
            let lc_key = lc::AesKek::new(&lc::AES_256, &kek).unwrap();
            assert_eq!(*lc_key.wrap_with_padding(key, &mut output).unwrap(), nist_wrap_padded(&kek, key).unwrap()[..]);
        }
    }
}
