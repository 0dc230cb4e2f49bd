//! Authenticated modes: GCM (SP 800-38D), CCM (SP 800-38C), ChaCha20-Poly1305 (RFC 8439).
//!
//! Whole messages with the usual IV of 96 bits are aws-lc-rs. It has no parts, no other IV lengths and no shorter
//! tags, so for those the keystream and the hash of RustCrypto are joined here ([`Chained`]), as both standards define
//! it; the tests hold the two against each other.

use aws_lc_rs::aead as lc;
use ccm::aead::AeadInOut;
use cipher::array::Array;
use cipher::consts::{U1, U4, U6, U7, U8, U9, U10, U11, U12, U13, U14, U16};
use cipher::{
    BlockCipherEncBackend, BlockCipherEncClosure, BlockCipherEncrypt, BlockSizeUser, InOut, InnerIvInit, KeyIvInit,
    ParBlocksSizeUser, StreamCipher, StreamCipherSeek,
};
use ctr::CtrCore;
use ghash::GHash;
use ghash::universal_hash::{KeyInit, UniversalHash};
use poly1305::Poly1305;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::block::Cipher16;
use super::modes::Transform;
use super::parameters::Mode;
use crate::crypto::{CryptoError, Result};
use crate::registry::CryptographicAlgorithm;

/// A key with what belongs to one message.
pub(super) struct Key<'a> {
    pub mode: Mode,
    pub algorithm: CryptographicAlgorithm,
    pub key: &'a [u8],
    pub iv: &'a [u8],
    pub additional: &'a [u8],
}

const BAD_KEY: CryptoError = CryptoError::BadKey("its length is not one of the algorithm");
const PROVIDER: CryptoError = CryptoError::Provider("authenticated encryption");

impl Key<'_> {
    /// Encrypts in place, gives the tag cut to its length.
    pub(super) fn seal(&self, data: &mut [u8], tag_length: usize) -> Result<Vec<u8>> {
        let mut tag = if self.mode == Mode::Ccm {
            return ccm_seal(self, data, tag_length);
        } else if let Some((key, nonce)) = self.lc()? {
            key.seal_in_place_separate_tag(nonce, lc::Aad::from(self.additional), data)
                .map_err(|_| PROVIDER)?
                .as_ref()
                .to_vec()
        } else {
            let mut chained = self.chained()?;
            chained.seal(data)?;
            chained.tag().to_vec()
        };
        tag.truncate(tag_length);
        Ok(tag)
    }

    /// Verifies, then decrypts in place. What is in `data` after an error is of no use.
    pub(super) fn open(&self, data: &mut [u8], tag: &[u8]) -> Result<()> {
        match self.lc()? {
            _ if self.mode == Mode::Ccm => ccm_open(self, data, tag),
            Some((key, nonce)) if tag.len() == 16 => key
                .open_in_place_separate_tag(nonce, lc::Aad::from(self.additional), tag, data)
                .map(drop)
                .map_err(|_| CryptoError::Failed),
            _ => self.chained()?.open(data, tag),
        }
    }

    /// The key in aws-lc-rs, where it has algorithm and IV length.
    fn lc(&self) -> Result<Option<(lc::LessSafeKey, lc::Nonce)>> {
        let algorithm = match (self.mode, self.algorithm, self.key.len()) {
            (Mode::Gcm, CryptographicAlgorithm::AES, 16) => &lc::AES_128_GCM,
            (Mode::Gcm, CryptographicAlgorithm::AES, 24) => &lc::AES_192_GCM,
            (Mode::Gcm, CryptographicAlgorithm::AES, 32) => &lc::AES_256_GCM,
            (Mode::ChaCha20Poly1305, _, 32) => &lc::CHACHA20_POLY1305,
            _ => return Ok(None),
        };
        let Ok(nonce) = lc::Nonce::try_assume_unique_for_key(self.iv) else { return Ok(None) };
        let key = lc::UnboundKey::new(algorithm, self.key).map_err(|_| BAD_KEY)?;
        Ok(Some((lc::LessSafeKey::new(key), nonce)))
    }

    /// The same as a chain that takes parts.
    pub(super) fn chained(&self) -> Result<Chained> {
        let (transform, hash, mask) = match self.mode {
            Mode::Gcm => {
                let (transform, hash, mask) = gcm(Cipher16::new(self.algorithm, self.key)?, self.iv)?;
                (transform, Hash::Ghash(Box::new(hash)), mask)
            }
            Mode::ChaCha20Poly1305 => {
                let (transform, hash) = chacha20_poly1305(self.key, self.iv)?;
                (transform, Hash::Poly1305(Box::new(hash)), [0; 16])
            }
            _ => return Err(CryptoError::Unsupported("this mode in parts")),
        };
        let mut chained = Chained {
            transform,
            hash,
            mask: Zeroizing::new(mask),
            partial: Zeroizing::new([0; 16]),
            filled: 0,
            additional_length: self.additional.len() as u64,
            text_length: 0,
        };
        chained.absorb(self.additional);
        chained.align();
        Ok(chained)
    }
}

/// Encrypt-then-hash as GCM and ChaCha20-Poly1305 both are: a keystream, and a hash over additional data, ciphertext
/// (each filled up to whole blocks with zeros) and their lengths.
pub(super) struct Chained {
    transform: Transform,
    hash: Hash,
    /// What the hash is XORed with: the first keystream block for GCM, nothing for Poly1305.
    mask: Zeroizing<[u8; 16]>,
    partial: Zeroizing<[u8; 16]>,
    filled: usize,
    additional_length: u64,
    text_length: u64,
}

enum Hash {
    Ghash(Box<GHash>),
    Poly1305(Box<Poly1305>),
}

impl Chained {
    /// Encrypts the next part in place.
    pub(super) fn seal(&mut self, data: &mut [u8]) -> Result<()> {
        self.text_length += data.len() as u64;
        (self.transform)(data)?;
        self.absorb(data);
        Ok(())
    }

    /// The whole tag.
    pub(super) fn tag(mut self) -> [u8; 16] {
        self.align();
        let mut lengths = [0; 16];
        let (additional, text) = lengths.split_at_mut(8);
        let tag: [u8; 16] = match self.hash {
            Hash::Ghash(mut hash) => {
                additional.copy_from_slice(&(8 * self.additional_length).to_be_bytes());
                text.copy_from_slice(&(8 * self.text_length).to_be_bytes());
                hash.update(&[Array(lengths)]);
                hash.finalize().into()
            }
            Hash::Poly1305(mut hash) => {
                additional.copy_from_slice(&self.additional_length.to_le_bytes());
                text.copy_from_slice(&self.text_length.to_le_bytes());
                hash.update(&[Array(lengths)]);
                hash.finalize().into()
            }
        };
        std::array::from_fn(|at| tag[at] ^ self.mask[at])
    }

    /// Verifies a tag, which may be cut, over the one and only part, then decrypts it in place.
    fn open(mut self, data: &mut [u8], tag: &[u8]) -> Result<()> {
        self.text_length = data.len() as u64;
        self.absorb(data);
        let mut transform = std::mem::replace(&mut self.transform, Box::new(|_| Err(PROVIDER)));
        let whole = self.tag();
        if !bool::from(whole.get(..tag.len()).unwrap_or_default().ct_eq(tag)) {
            return Err(CryptoError::Failed);
        }
        transform(data)
    }

    fn absorb(&mut self, mut data: &[u8]) {
        if self.filled > 0 {
            let (front, rest) = data.split_at(data.len().min(16 - self.filled));
            self.partial[self.filled..][..front.len()].copy_from_slice(front);
            self.filled += front.len();
            data = rest;
            if self.filled < 16 {
                return;
            }
            self.align();
        }
        let (blocks, tail) = Array::<u8, U16>::slice_as_chunks(data);
        self.hash_blocks(blocks);
        self.partial[..tail.len()].copy_from_slice(tail);
        self.filled = tail.len();
    }

    /// Fills the block up with zeros and hashes it.
    fn align(&mut self) {
        if self.filled > 0 {
            self.partial[self.filled..].fill(0);
            let block = Zeroizing::new(Array(*self.partial));
            self.hash_blocks(std::slice::from_ref(&block));
            self.filled = 0;
        }
    }

    fn hash_blocks(&mut self, blocks: &[Array<u8, U16>]) {
        match &mut self.hash {
            Hash::Ghash(hash) => hash.update(blocks),
            Hash::Poly1305(hash) => hash.update(blocks),
        }
    }
}

/// SP 800-38D §7.1: hash key, first counter block, and the mask that is its keystream.
fn gcm(cipher: Cipher16, iv: &[u8]) -> Result<(Transform, GHash, [u8; 16])> {
    let mut hash_key = Zeroizing::new(Array([0; 16]));
    cipher.encrypt_block(&mut hash_key);
    let mut first = [0; 16];
    if iv.len() == 12 {
        first[..12].copy_from_slice(iv);
        first[15] = 1;
    } else {
        let mut hash = GHash::new(&hash_key);
        hash.update_padded(iv);
        let mut lengths = [0; 16];
        lengths[8..].copy_from_slice(&(8 * iv.len() as u64).to_be_bytes());
        hash.update(&[Array(lengths)]);
        first = hash.finalize().into();
    }
    let mut keystream = ctr::Ctr32BE::from_core(CtrCore::inner_iv_init(cipher, &Array(first)));
    let mut mask = [0; 16];
    keystream.try_apply_keystream(&mut mask).map_err(|_| PROVIDER)?;
    let transform: Transform = Box::new(move |data| {
        keystream.try_apply_keystream(data).map_err(|_| CryptoError::LimitExceeded("bytes under one counter"))
    });
    Ok((transform, GHash::new(&hash_key), mask))
}

/// RFC 8439 §2.8: block 0 of the keystream is the key of Poly1305, the text begins with block 1.
fn chacha20_poly1305(key: &[u8], iv: &[u8]) -> Result<(Transform, Poly1305)> {
    let key = <&Array<u8, _>>::try_from(key).map_err(|_| BAD_KEY)?;
    let nonce = iv.try_into().map_err(|_| CryptoError::BadParameters("the length of the IV is not one of the mode"))?;
    let mut keystream = chacha20::ChaCha20::new(key, nonce);
    let mut hash_key = Zeroizing::new(Array([0; 32]));
    keystream.try_apply_keystream(&mut hash_key[..]).map_err(|_| PROVIDER)?;
    keystream.try_seek(64_u64).map_err(|_| PROVIDER)?;
    let hash = Poly1305::new(&hash_key);
    let transform: Transform = Box::new(move |data| {
        keystream.try_apply_keystream(data).map_err(|_| CryptoError::LimitExceeded("bytes under one counter"))
    });
    Ok((transform, hash))
}

/// CCM's lengths are types: one arm for each pair of IV and tag length.
macro_rules! with_ccm {
    ($iv:expr, $tag:expr, $Ccm:ident => $then:expr) => {
        with_ccm!(@iv $iv, $tag, $Ccm => $then; 7 U7, 8 U8, 9 U9, 10 U10, 11 U11, 12 U12, 13 U13)
    };
    (@iv $iv:expr, $tag:expr, $Ccm:ident => $then:expr; $($n:literal $N:ident),*) => {
        match $iv {
            $($n => with_ccm!(@tag $N, $tag, $Ccm => $then; 4 U4, 6 U6, 8 U8, 10 U10, 12 U12, 14 U14, 16 U16),)*
            _ => Err(CryptoError::BadParameters("the length of the IV is not one of the mode")),
        }
    };
    (@tag $N:ident, $tag:expr, $Ccm:ident => $then:expr; $($m:literal $M:ident),*) => {
        match $tag {
            $($m => { type $Ccm = ccm::Ccm<OneBlock, $M, $N>; $then })*
            _ => Err(CryptoError::BadTagLength),
        }
    };
}

fn ccm_seal(key: &Key<'_>, data: &mut [u8], tag_length: usize) -> Result<Vec<u8>> {
    let cipher = OneBlock(Cipher16::new(key.algorithm, key.key)?);
    with_ccm!(key.iv.len(), tag_length, Ccm => {
        let nonce = key.iv.try_into().map_err(|_| PROVIDER)?;
        Ccm::from(cipher)
            .encrypt_inout_detached(nonce, key.additional, data.into())
            .map(|tag| tag.to_vec())
            .map_err(|_| CryptoError::LimitExceeded("bytes that an IV of this length leaves room for"))
    })
}

fn ccm_open(key: &Key<'_>, data: &mut [u8], tag: &[u8]) -> Result<()> {
    let cipher = OneBlock(Cipher16::new(key.algorithm, key.key)?);
    with_ccm!(key.iv.len(), tag.len(), Ccm => {
        let nonce = key.iv.try_into().map_err(|_| PROVIDER)?;
        let tag = tag.try_into().map_err(|_| PROVIDER)?;
        Ccm::from(cipher)
            .decrypt_inout_detached(nonce, key.additional, data.into(), tag)
            .map_err(|_| CryptoError::Failed)
    })
}

/// A cipher that works block by block: CCM is serial anyway, and its 49 types stay small.
struct OneBlock(Cipher16);

impl BlockSizeUser for OneBlock {
    type BlockSize = U16;
}

impl ParBlocksSizeUser for OneBlock {
    type ParBlocksSize = U1;
}

impl BlockCipherEncrypt for OneBlock {
    fn encrypt_with_backend(&self, f: impl BlockCipherEncClosure<BlockSize = U16>) {
        f.call(self);
    }
}

impl BlockCipherEncBackend for OneBlock {
    fn encrypt_block(&self, block: InOut<'_, '_, Array<u8, U16>>) {
        self.0.encrypt_block_inout(block);
    }
}
