//! The unauthenticated modes over any block cipher, and the stream ciphers: each as one function over bytes in place
//! that keeps its state from call to call.
//!
//! AES too is RustCrypto's here: aws-lc-rs has ECB and CBC without padding only for whole messages, and with the CPU's
//! AES instructions both are within a third of each other.

use cipher::array::Array;
use cipher::{
    Block, BlockCipherDecrypt, BlockCipherEncrypt, BlockModeDecrypt, BlockModeEncrypt, BlockSizeUser, InnerIvInit,
    KeyInit, KeyIvInit, StreamCipher, StreamCipherSeek,
};
use ofb::OfbCore;

use super::block::{BlockCipher, Cipher16};
use super::parameters::{Mode, Parameters};
use crate::crypto::{CryptoError, Result};
use crate::registry::CryptographicAlgorithm;

/// Which way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Direction {
    Encrypt,
    Decrypt,
}

/// Works on the next bytes in place: whole blocks for ECB and CBC, any number for the others.
pub(super) type Transform = Box<dyn FnMut(&mut [u8]) -> Result<()> + Send>;

const BAD_IV: CryptoError = CryptoError::BadParameters("the length of the IV is not one of the mode");
const EXHAUSTED: CryptoError = CryptoError::LimitExceeded("bytes under one counter");

/// The transform of a mode with a key and an IV.
pub(super) fn transform(
    parameters: &Parameters,
    mode: Mode,
    direction: Direction,
    key: &[u8],
    iv: &[u8],
) -> Result<Transform> {
    match mode {
        Mode::Ctr => ctr(parameters, key, iv),
        Mode::ChaCha20 => chacha20(parameters, key, iv),
        Mode::Rc4 => {
            let cipher = rc4::Rc4::new_from_slice(key).map_err(|_| CryptoError::BadKey("RC4"))?;
            Ok(keystream(cipher))
        }
        _ => match BlockCipher::new(parameters.algorithm, key)? {
            BlockCipher::Wide(cipher) if mode == Mode::Ofb => {
                Ok(keystream(ofb::Ofb::from_core(OfbCore::inner_iv_slice_init(cipher, iv).map_err(|_| BAD_IV)?)))
            }
            BlockCipher::Narrow(cipher) if mode == Mode::Ofb => {
                Ok(keystream(ofb::Ofb::from_core(OfbCore::inner_iv_slice_init(cipher, iv).map_err(|_| BAD_IV)?)))
            }
            BlockCipher::Wide(cipher) => chained(cipher, mode, direction, iv),
            BlockCipher::Narrow(cipher) => chained(cipher, mode, direction, iv),
        },
    }
}

/// ECB, CBC, CFB with feedback of a whole block.
fn chained<C>(cipher: C, mode: Mode, direction: Direction, iv: &[u8]) -> Result<Transform>
where
    C: BlockCipherEncrypt + BlockCipherDecrypt + Send + 'static,
{
    Ok(match (mode, direction) {
        (Mode::Ecb, Direction::Encrypt) => Box::new(move |data| {
            cipher.encrypt_blocks(blocks::<C>(data)?);
            Ok(())
        }),
        (Mode::Ecb, Direction::Decrypt) => Box::new(move |data| {
            cipher.decrypt_blocks(blocks::<C>(data)?);
            Ok(())
        }),
        (Mode::Cbc, Direction::Encrypt) => {
            let mut cbc = cbc::Encryptor::inner_iv_slice_init(cipher, iv).map_err(|_| BAD_IV)?;
            Box::new(move |data| {
                cbc.encrypt_blocks(blocks::<C>(data)?);
                Ok(())
            })
        }
        (Mode::Cbc, Direction::Decrypt) => {
            let mut cbc = cbc::Decryptor::inner_iv_slice_init(cipher, iv).map_err(|_| BAD_IV)?;
            Box::new(move |data| {
                cbc.decrypt_blocks(blocks::<C>(data)?);
                Ok(())
            })
        }
        (Mode::Cfb, Direction::Encrypt) => {
            let mut cfb = cfb_mode::BufEncryptor::inner_iv_slice_init(cipher, iv).map_err(|_| BAD_IV)?;
            Box::new(move |data| {
                cfb.encrypt(data);
                Ok(())
            })
        }
        (Mode::Cfb, Direction::Decrypt) => {
            let mut cfb = cfb_mode::BufDecryptor::inner_iv_slice_init(cipher, iv).map_err(|_| BAD_IV)?;
            Box::new(move |data| {
                cfb.decrypt(data);
                Ok(())
            })
        }
        _ => return Err(CryptoError::Unsupported("this block cipher mode")),
    })
}

/// CTR with a counter of the whole block (SP 800-38A); the parameters may bound it to fewer bits.
fn ctr(parameters: &Parameters, key: &[u8], iv: &[u8]) -> Result<Transform> {
    let block = parameters.counter_block(iv)?;
    let mut left = parameters.counter_blocks(iv, &block)?.map(|blocks| blocks.saturating_mul(16));
    let cipher = Cipher16::new(parameters.algorithm, key)?;
    let mut ctr = ctr::Ctr128BE::from_core(ctr::CtrCore::inner_iv_init(cipher, &Array(block)));
    Ok(Box::new(move |data| {
        if let Some(left) = &mut left {
            *left = left.checked_sub(data.len() as u128).ok_or(EXHAUSTED)?;
        }
        ctr.try_apply_keystream(data).map_err(|_| EXHAUSTED)
    }))
}

/// ChaCha20 with the nonce of RFC 8439 (12 bytes) or of Bernstein's original (8 bytes, as in the OASIS test cases).
fn chacha20(parameters: &Parameters, key: &[u8], iv: &[u8]) -> Result<Transform> {
    const BAD_KEY: CryptoError = CryptoError::BadKey("ChaCha20 takes 32 bytes");
    let first = u64::from(parameters.initial_counter()?.unwrap_or(0)) * 64;
    let key = <&Array<u8, _>>::try_from(key).map_err(|_| BAD_KEY)?;
    if let Ok(nonce) = iv.try_into() {
        let mut cipher = chacha20::ChaCha20Legacy::new(key, nonce);
        cipher.try_seek(first).map_err(|_| EXHAUSTED)?;
        return Ok(keystream(cipher));
    }
    let mut cipher = chacha20::ChaCha20::new(key, iv.try_into().map_err(|_| BAD_IV)?);
    cipher.try_seek(first).map_err(|_| EXHAUSTED)?;
    Ok(keystream(cipher))
}

/// XTS of one data unit (SP 800-38E) with ciphertext stealing; the IV is the tweak, 16 bytes as they are.
pub(super) fn xts(
    algorithm: CryptographicAlgorithm,
    direction: Direction,
    key: &[u8],
    iv: &[u8],
    data: &mut [u8],
) -> Result<()> {
    if data.len() < 16 {
        return Err(CryptoError::BadData("XTS takes 16 bytes at least"));
    }
    // IEEE 1619: a data unit has at most 2^20 blocks.
    if data.len() > 16 << 20 {
        return Err(CryptoError::LimitExceeded("bytes of an XTS data unit"));
    }
    let (first, second) = key.split_at(key.len() / 2);
    let xts = xts_mode::Xts128::new(Cipher16::new(algorithm, first)?, Cipher16::new(algorithm, second)?);
    let tweak = Array(<[u8; 16]>::try_from(iv).map_err(|_| BAD_IV)?);
    match direction {
        Direction::Encrypt => xts.encrypt_sector(data, tweak),
        Direction::Decrypt => xts.decrypt_sector(data, tweak),
    }
    Ok(())
}

fn keystream(mut cipher: impl StreamCipher + Send + 'static) -> Transform {
    Box::new(move |data| cipher.try_apply_keystream(data).map_err(|_| EXHAUSTED))
}

/// Bytes as blocks; what is left over is a mistake of the caller.
fn blocks<C: BlockSizeUser>(data: &mut [u8]) -> Result<&mut [Block<C>]> {
    match Array::slice_as_chunks_mut(data) {
        (blocks, []) => Ok(blocks),
        _ => Err(CryptoError::BadData("not whole blocks")),
    }
}
