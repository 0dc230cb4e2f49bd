//! Encryption and decryption in parts (Init Indicator, Correlation Value, Final Indicator; 1.4 §4.29). What can be
//! given out part by part is; what cannot is collected up to a limit: plaintext before its tag is verified, and
//! everything of CCM, XTS and key wrap, which need all of it at once.

use super::aead::{self, Chained};
use super::modes::{self, Direction, Transform};
use super::padding::Padding;
use super::parameters::Mode;
use super::{Output, Parameters, in_place};
use crate::base::{Buffer, Entropy, KeyBytes};
use crate::crypto::{CryptoError, Result};

/// An encryption under way.
pub struct Encryption {
    work: Work,
    iv: Vec<u8>,
    iv_made: bool,
    tag_length: usize,
}

/// A decryption under way.
pub struct Decryption {
    work: Work,
    parameters: Parameters,
}

enum Work {
    /// A mode without authentication.
    Plain(Plain),
    /// GCM and ChaCha20-Poly1305 while encrypting.
    Chained(Box<Chained>),
    /// Collected until the last part.
    Whole(Whole),
}

/// ECB and CBC by whole blocks, the others by bytes.
struct Plain {
    transform: Transform,
    padding: Padding,
    /// 1 where any number of bytes may be worked on.
    block: usize,
    /// Bytes that wait for their block to fill, or for the end to be known.
    held: Buffer,
}

/// Everything that the one operation at the end needs.
struct Whole {
    parameters: Parameters,
    key: KeyBytes,
    iv: Option<Vec<u8>>,
    additional: Vec<u8>,
    data: Buffer,
    limit: usize,
}

impl Encryption {
    /// Begins an encryption; arguments and errors are those of [`super::encrypt`]. `limit` bounds what is collected
    /// where parts cannot be given out, in bytes.
    pub fn new(
        parameters: &Parameters,
        key: &[u8],
        iv: Option<&[u8]>,
        additional: &[u8],
        limit: usize,
        entropy: &dyn Entropy,
    ) -> Result<Self> {
        let mode = parameters.check(key, additional)?;
        let (iv, iv_made) = parameters.encryption_iv(mode, iv, entropy)?;
        let mut tag_length = 0;
        let work = match mode {
            Mode::Gcm | Mode::ChaCha20Poly1305 => {
                tag_length = parameters.tag_length()?;
                let key = aead::Key { mode, algorithm: parameters.algorithm, key, iv: &iv, additional };
                Work::Chained(Box::new(key.chained()?))
            }
            Mode::Ccm | Mode::Xts | Mode::NistKeyWrap | Mode::NistKeyWrapPadding => {
                Work::Whole(Whole::new(parameters, key, (!iv.is_empty()).then(|| iv.clone()), additional, limit))
            }
            _ => Work::Plain(Plain::new(parameters, mode, Direction::Encrypt, key, &iv)?),
        };
        Ok(Self { work, iv, iv_made, tag_length })
    }

    /// Whether the parts are collected until the last one.
    pub fn collects(&self) -> bool {
        matches!(self.work, Work::Whole(_))
    }

    /// The IV, where it was made here: the answer to the first part carries it.
    pub fn iv(&self) -> Option<&[u8]> {
        self.iv_made.then_some(&self.iv)
    }

    /// Takes the next part, gives the ciphertext that is ready.
    pub fn update(&mut self, part: &[u8]) -> Result<Buffer> {
        match &mut self.work {
            Work::Plain(plain) => plain.update(part, 0),
            Work::Chained(chained) => Ok(in_place(part, |data| chained.seal(data))?.0),
            Work::Whole(whole) => whole.collect(part),
        }
    }

    /// Takes the last part, which may be empty, and gives the rest of the ciphertext, the tag, and the IV if it was
    /// made here.
    pub fn finish(self, last: &[u8], entropy: &dyn Entropy) -> Result<Output> {
        let iv = self.iv_made.then_some(self.iv);
        match self.work {
            Work::Plain(mut plain) => {
                let mut data = plain.update(last, 0)?;
                plain.padding.pad(&mut plain.held, plain.block, entropy)?;
                data.extend(&in_place(&plain.held, |tail| (plain.transform)(tail))?.0);
                Ok(Output { data, iv, tag: None })
            }
            Work::Chained(mut chained) => {
                let data = in_place(last, |data| chained.seal(data))?.0;
                let mut tag = chained.tag().to_vec();
                tag.truncate(self.tag_length);
                Ok(Output { data, iv, tag: Some(tag) })
            }
            Work::Whole(mut whole) => {
                whole.collect(last)?;
                let Whole { parameters, key, iv: used, additional, data, .. } = whole;
                if parameters.mode()? == Mode::Xts {
                    let used = used.unwrap_or_default();
                    let data = in_place(&data, |data| {
                        modes::xts(parameters.algorithm, Direction::Encrypt, key.expose(), &used, data)
                    })?;
                    return Ok(Output { data: data.0, iv, tag: None });
                }
                let output = super::encrypt(&parameters, key.expose(), used.as_deref(), &additional, &data, entropy)?;
                Ok(Output { iv, ..output })
            }
        }
    }
}

impl Decryption {
    /// Begins a decryption; arguments and errors are those of [`super::decrypt`]. `limit` bounds what is collected
    /// where parts cannot be given out, in bytes.
    pub fn new(
        parameters: &Parameters,
        key: &[u8],
        iv: Option<&[u8]>,
        additional: &[u8],
        limit: usize,
    ) -> Result<Self> {
        let mode = parameters.check(key, additional)?;
        let iv = parameters.decryption_iv(mode, iv)?;
        let work = match mode {
            Mode::Xts | Mode::NistKeyWrap | Mode::NistKeyWrapPadding => {
                Work::Whole(Whole::new(parameters, key, (!iv.is_empty()).then_some(iv), additional, limit))
            }
            mode if mode.is_authenticated() => Work::Whole(Whole::new(parameters, key, Some(iv), additional, limit)),
            _ => Work::Plain(Plain::new(parameters, mode, Direction::Decrypt, key, &iv)?),
        };
        Ok(Self { work, parameters: parameters.clone() })
    }

    /// Whether the parts are collected until the last one.
    pub fn collects(&self) -> bool {
        matches!(self.work, Work::Whole(_))
    }

    /// Takes the next part, gives the plaintext that is ready: none for authenticated modes.
    pub fn update(&mut self, part: &[u8]) -> Result<Buffer> {
        match &mut self.work {
            Work::Plain(plain) => plain.update(part, if plain.padding == Padding::None { 0 } else { 1 }),
            Work::Chained(_) => Err(CryptoError::Provider("a decryption is not chained")),
            Work::Whole(whole) => whole.collect(part),
        }
    }

    /// Takes the last part, which may be empty, and the tag of an authenticated mode; gives the rest of the plaintext.
    pub fn finish(mut self, last: &[u8], tag: Option<&[u8]>) -> Result<Buffer> {
        let mut data = self.update(last)?;
        match self.work {
            Work::Plain(_) if tag.is_some() => {
                Err(CryptoError::BadParameters("an authentication tag, and a mode without one"))
            }
            Work::Plain(mut plain) => {
                let Plain { padding, block, .. } = plain;
                if padding == Padding::None && plain.held.is_empty() {
                    return Ok(data);
                }
                if plain.held.len() != block {
                    return Err(CryptoError::BadData("not whole blocks"));
                }
                let (tail, length) = in_place(&plain.held, |tail| {
                    (plain.transform)(tail)?;
                    padding.unpad(tail)
                })?;
                data.extend(tail.get(..length).unwrap_or_default());
                Ok(data)
            }
            Work::Chained(_) => Err(CryptoError::Provider("a decryption is not chained")),
            Work::Whole(Whole { key, iv, additional, data, .. }) if self.parameters.mode()? != Mode::Xts => {
                super::decrypt(&self.parameters, key.expose(), iv.as_deref(), &additional, &data, tag)
            }
            Work::Whole(Whole { key, iv, data, .. }) => {
                if tag.is_some() {
                    return Err(CryptoError::BadParameters("an authentication tag, and a mode without one"));
                }
                let iv = iv.unwrap_or_default();
                let (data, ()) = in_place(&data, |data| {
                    modes::xts(self.parameters.algorithm, Direction::Decrypt, key.expose(), &iv, data)
                })?;
                Ok(data)
            }
        }
    }
}

impl Plain {
    fn new(parameters: &Parameters, mode: Mode, direction: Direction, key: &[u8], iv: &[u8]) -> Result<Self> {
        let transform = modes::transform(parameters, mode, direction, key, iv)?;
        let (padding, block) = match mode {
            Mode::Ecb | Mode::Cbc => (Padding::of(parameters.padding)?, super::block_length(parameters.algorithm)?),
            _ => (Padding::None, 1),
        };
        Ok(Self { transform, padding, block, held: Buffer::default() })
    }

    /// Works on the whole blocks that are there, but holds the last `keep` back: they may be padding.
    fn update(&mut self, part: &[u8], keep: usize) -> Result<Buffer> {
        let all = self.held.len() + part.len();
        let mut ready = all / self.block * self.block;
        if ready == all {
            ready = ready.saturating_sub(keep * self.block);
        }
        if ready < self.block {
            self.held.extend(part);
            return Ok(Buffer::default());
        }
        let mut output = Buffer::default();
        let (from_part, rest) = part.split_at(ready.saturating_sub(self.held.len()));
        let place = output.spare(ready);
        let (front, back) = place.split_at_mut(ready - from_part.len());
        front.copy_from_slice(self.held.get(..front.len()).unwrap_or_default());
        back.copy_from_slice(from_part);
        (self.transform)(place)?;
        self.held.consume(ready - from_part.len());
        self.held.extend(rest);
        Ok(output)
    }
}

impl Whole {
    fn new(parameters: &Parameters, key: &[u8], iv: Option<Vec<u8>>, additional: &[u8], limit: usize) -> Self {
        Self {
            parameters: parameters.clone(),
            key: KeyBytes::copy_from(key),
            iv,
            additional: additional.to_vec(),
            data: Buffer::default(),
            limit,
        }
    }

    fn collect(&mut self, part: &[u8]) -> Result<Buffer> {
        if self.data.len().saturating_add(part.len()) > self.limit {
            return Err(CryptoError::LimitExceeded("bytes that are collected until the last part"));
        }
        self.data.extend(part);
        Ok(Buffer::default())
    }
}
