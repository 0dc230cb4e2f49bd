//! Rows in sealed frames. A frame begins with a clear head: the length of what follows (four bytes), how many pieces of
//! the store are written so far (eight, for a progress bar), and whether it is the last (one).

use std::io::{Read, Write};

use aes_gcm::aead::{AeadInOut, KeyInit};
use aes_gcm::{Aes256Gcm, Nonce, Tag};
use aws_lc_rs::digest::{Context, SHA256};
use zeroize::Zeroizing;

use super::BackupError;
use crate::base::KeyBytes;
use crate::store::{self, Mark, Sequence, VALUE_BYTES_MAX, pieces};

const HEAD_BYTES: usize = 4 + 8 + 1;
const TAG_BYTES: usize = 16;
/// A frame is closed when it has this many bytes: small beside memory, large beside its head.
const FRAME_BYTES: usize = 256 * 1024;
/// No frame is longer: one row more than a frame is closed at.
const FRAME_BYTES_MAX: usize = VALUE_BYTES_MAX + FRAME_BYTES + 4096;
const END_BYTES: usize = 8 + 8 + 8 + 32;

/// A change of one key, as the store had it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Row {
    /// The commit.
    pub sequence: Sequence,
    /// Key and value; no value for a key that was removed.
    pub write: store::Write,
}

/// What the last frame says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct End {
    /// The state that the rows make together.
    pub at: Mark,
    /// How many rows there were.
    pub rows: u64,
    /// SHA-256 of the header and all frames before: names what is in the backup.
    pub hash: [u8; 32],
}

/// What is the same for writing and reading.
struct Frames {
    cipher: Aes256Gcm,
    /// The hash of the header.
    bound: [u8; 32],
    number: u64,
    rows: u64,
    hash: Context,
}

impl Frames {
    fn new(bound: [u8; 32], key: &KeyBytes) -> Result<Self, BackupError> {
        let cipher = Aes256Gcm::new_from_slice(key.expose()).map_err(|_| BackupError::Altered(0))?;
        let mut hash = Context::new(&SHA256);
        hash.update(&bound);
        Ok(Self { cipher, bound, number: 0, rows: 0, hash })
    }

    /// The number of the frame is its nonce: the key is used for this backup alone.
    fn nonce(&self) -> [u8; 12] {
        let mut nonce = [0; 12];
        nonce[4..].copy_from_slice(&self.number.to_be_bytes());
        nonce
    }

    fn associated(&self, head: &[u8; HEAD_BYTES]) -> Vec<u8> {
        [&self.bound[..], &self.number.to_be_bytes(), head].concat()
    }

    /// The frame is done.
    fn pass(&mut self, head: &[u8; HEAD_BYTES], sealed: &[u8]) {
        self.number += 1;
        self.hash.update(head);
        self.hash.update(sealed);
    }

    fn hash(&self) -> [u8; 32] {
        let mut hash = [0; 32];
        hash.copy_from_slice(self.hash.clone().finish().as_ref());
        hash
    }
}

fn head(length: usize, pieces: u64, last: bool) -> [u8; HEAD_BYTES] {
    let mut head = [0; HEAD_BYTES];
    head[..4].copy_from_slice(&(length as u32).to_be_bytes());
    head[4..12].copy_from_slice(&pieces.to_be_bytes());
    head[12] = u8::from(last);
    head
}

/// Writes frames.
pub struct Writer<'a> {
    out: &'a mut dyn Write,
    frames: Frames,
    /// Sealed where it lies; the rows of a ledger copy are secrets until then.
    plain: Zeroizing<Vec<u8>>,
    pieces: u64,
}

impl<'a> Writer<'a> {
    /// After a header with this hash, under the key of this backup.
    pub fn new(out: &'a mut dyn Write, bound: [u8; 32], key: &KeyBytes) -> Result<Self, BackupError> {
        Ok(Self {
            out,
            frames: Frames::new(bound, key)?,
            plain: Zeroizing::new(Vec::with_capacity(2 * FRAME_BYTES)),
            pieces: 0,
        })
    }

    /// Adds a row.
    ///
    /// # Errors
    /// Writing fails.
    pub fn row(&mut self, sequence: Sequence, key: &[u8], value: Option<&[u8]>) -> Result<(), BackupError> {
        self.plain.extend_from_slice(&sequence.0.to_be_bytes());
        self.plain.extend_from_slice(&(key.len() as u16).to_be_bytes());
        self.plain.extend_from_slice(key);
        // Zero for a removed key, else one more than the length.
        self.plain.extend_from_slice(&value.map_or(0, |value| value.len() as u32 + 1).to_be_bytes());
        self.plain.extend_from_slice(value.unwrap_or_default());
        self.frames.rows += 1;
        self.pieces += pieces(value.map_or(0, <[u8]>::len));
        if self.plain.len() >= FRAME_BYTES { self.frame(false) } else { Ok(()) }
    }

    /// Ends the backup with the state that its rows make.
    ///
    /// # Errors
    /// Writing fails.
    pub fn end(mut self, at: Mark) -> Result<End, BackupError> {
        self.frame(false)?;
        let end = End { at, rows: self.frames.rows, hash: self.frames.hash() };
        for number in [end.at.last.0, end.at.pieces, end.rows] {
            self.plain.extend_from_slice(&number.to_be_bytes());
        }
        self.plain.extend_from_slice(&end.hash);
        self.frame(true)?;
        self.out.flush()?;
        Ok(end)
    }

    fn frame(&mut self, last: bool) -> Result<(), BackupError> {
        if self.plain.is_empty() {
            return Ok(());
        }
        let head = head(self.plain.len() + TAG_BYTES, self.pieces, last);
        let aad = self.frames.associated(&head);
        let nonce = Nonce::from(self.frames.nonce());
        let tag = self.frames.cipher.encrypt_inout_detached(&nonce, &aad, (&mut self.plain[..]).into());
        self.plain.extend_from_slice(&tag.map_err(|_| BackupError::Altered(self.frames.number))?);
        self.out.write_all(&head)?;
        self.out.write_all(&self.plain)?;
        self.frames.pass(&head, &self.plain);
        self.plain.clear();
        Ok(())
    }
}

/// A frame as it lies in the file.
pub struct Raw {
    head: [u8; HEAD_BYTES],
    /// Opened where it lies, and wiped.
    sealed: Zeroizing<Vec<u8>>,
}

impl Raw {
    /// Reads one.
    ///
    /// # Errors
    /// `CutOff`, or a length that no frame has.
    pub fn read(from: &mut dyn Read, number: u64) -> Result<Self, BackupError> {
        let mut head = [0; HEAD_BYTES];
        from.read_exact(&mut head)?;
        let length = u32::from_be_bytes([head[0], head[1], head[2], head[3]]) as usize;
        if !(TAG_BYTES..=FRAME_BYTES_MAX).contains(&length) {
            return Err(BackupError::Altered(number));
        }
        // No more memory than there are bytes: the length is not proven yet.
        let mut sealed = Vec::with_capacity(length.min(2 * FRAME_BYTES));
        from.take(length as u64).read_to_end(&mut sealed)?;
        if sealed.len() < length {
            return Err(BackupError::CutOff);
        }
        Ok(Self { head, sealed: Zeroizing::new(sealed) })
    }

    /// Writes it as it is.
    ///
    /// # Errors
    /// Writing fails.
    pub fn write(&self, to: &mut dyn Write) -> Result<(), BackupError> {
        to.write_all(&self.head)?;
        Ok(to.write_all(&self.sealed)?)
    }

    /// How many pieces it says are written so far.
    pub fn pieces(&self) -> u64 {
        self.head[4..12].try_into().map_or(0, u64::from_be_bytes)
    }

    /// Whether it says that it is the last.
    pub fn is_last(&self) -> bool {
        self.head[12] != 0
    }
}

/// Reads frames.
pub struct Reader<'a> {
    from: &'a mut dyn Read,
    frames: Frames,
}

impl<'a> Reader<'a> {
    /// After a header with this hash, under the key of this backup.
    pub fn new(from: &'a mut dyn Read, bound: [u8; 32], key: &KeyBytes) -> Result<Self, BackupError> {
        Ok(Self { from, frames: Frames::new(bound, key)? })
    }

    /// Shows the rows of one frame, and gives what the last frame says when it is reached. `Raw` is for a progress bar.
    ///
    /// # Errors
    /// The file is cut off, was altered, or goes on after its end; or `show` fails.
    pub fn frame(
        &mut self,
        show: &mut dyn FnMut(Row) -> Result<(), BackupError>,
    ) -> Result<(Raw, Option<End>), BackupError> {
        let number = self.frames.number;
        let altered = || BackupError::Altered(number);
        let mut raw = Raw::read(self.from, number)?;
        let before = self.frames.hash();
        let aad = self.frames.associated(&raw.head);
        let nonce = Nonce::from(self.frames.nonce());
        self.frames.pass(&raw.head, &raw.sealed);
        let at = raw.sealed.len() - TAG_BYTES;
        let tag = Tag::try_from(&raw.sealed[at..]).map_err(|_| altered())?;
        raw.sealed.truncate(at);
        let opened = self.frames.cipher.decrypt_inout_detached(&nonce, &aad, (&mut raw.sealed[..]).into(), &tag);
        opened.map_err(|_| altered())?;
        if raw.is_last() {
            let end = read_end(&raw.sealed).ok_or_else(altered)?;
            if end.hash != before || end.rows != self.frames.rows {
                return Err(altered());
            }
            if self.from.read(&mut [0])? > 0 {
                return Err(BackupError::Trailing);
            }
            return Ok((raw, Some(end)));
        }
        let mut rest = &raw.sealed[..];
        while !rest.is_empty() {
            let (row, after) = read_row(rest).ok_or_else(altered)?;
            self.frames.rows += 1;
            show(row)?;
            rest = after;
        }
        Ok((raw, None))
    }
}

fn read_row(input: &[u8]) -> Option<(Row, &[u8])> {
    let (sequence, rest) = input.split_first_chunk::<8>()?;
    let (length, rest) = rest.split_first_chunk::<2>()?;
    let (key, rest) = rest.split_at_checked(u16::from_be_bytes(*length) as usize)?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let length = u32::from_be_bytes(*length) as usize;
    let (value, rest) = rest.split_at_checked(length.saturating_sub(1))?;
    let value = (length > 0).then(|| value.to_vec());
    let write = store::Write { key: key.to_vec(), value };
    Some((Row { sequence: Sequence(u64::from_be_bytes(*sequence)), write }, rest))
}

fn read_end(input: &[u8]) -> Option<End> {
    let input: &[u8; END_BYTES] = input.try_into().ok()?;
    let number = |at: usize| input[at..at + 8].try_into().ok().map(u64::from_be_bytes);
    let at = Mark { last: Sequence(number(0)?), pieces: number(8)? };
    Some(End { at, rows: number(16)?, hash: input[24..].try_into().ok()? })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BOUND: [u8; 32] = [3; 32];
    const AT: Mark = Mark { last: Sequence(9), pieces: 4 };

    fn key() -> KeyBytes {
        KeyBytes::copy_from(&[5; 32])
    }

    fn rows() -> Vec<Row> {
        let long = vec![7; FRAME_BYTES];
        [(1, "a", Some(&b"1"[..])), (2, "b", Some(&[])), (3, "c", None), (4, "d", Some(&long)), (5, "e", Some(b"5"))]
            .map(|(sequence, key, value)| Row {
                sequence: Sequence(sequence),
                write: store::Write { key: key.into(), value: value.map(<[u8]>::to_vec) },
            })
            .into()
    }

    fn written(bound: [u8; 32], key: &KeyBytes) -> Vec<u8> {
        let mut out = Vec::new();
        let mut writer = Writer::new(&mut out, bound, key).unwrap();
        for row in rows() {
            writer.row(row.sequence, &row.write.key, row.write.value.as_deref()).unwrap();
        }
        writer.end(AT).unwrap();
        out
    }

    fn read(mut from: &[u8]) -> Result<(Vec<Row>, End), BackupError> {
        let mut reader = Reader::new(&mut from, BOUND, &key()).unwrap();
        let mut found = Vec::new();
        loop {
            let frame = reader.frame(&mut |row| {
                found.push(row);
                Ok(())
            })?;
            if let (_, Some(end)) = frame {
                return Ok((found, end));
            }
        }
    }

    /// Where each frame begins, and the end.
    fn borders(file: &[u8]) -> Vec<usize> {
        let mut borders = vec![0];
        while let Some(rest) = file.get(borders[borders.len() - 1]..).filter(|rest| !rest.is_empty()) {
            let length = u32::from_be_bytes(rest[..4].try_into().unwrap()) as usize;
            borders.push(borders[borders.len() - 1] + HEAD_BYTES + length);
        }
        borders
    }

    #[test]
    fn what_is_read_is_what_was_written() {
        let file = written(BOUND, &key());
        let (found, end) = read(&file).unwrap();
        assert_eq!(found, rows());
        assert_eq!((end.at, end.rows), (AT, 5));
        assert_eq!(borders(&file).len(), 4, "two frames of rows, and the last");
    }

    #[test]
    fn cut_or_longer_files_are_refused() {
        let file = written(BOUND, &key());
        for length in borders(&file).into_iter().flat_map(|at| [at.saturating_sub(1), at, at + 1, at + HEAD_BYTES]) {
            let cut = read(&file[..length.min(file.len())]);
            assert_eq!(cut.is_ok(), length >= file.len(), "{length} of {}", file.len());
            assert!(cut.is_ok() || matches!(cut, Err(BackupError::CutOff)), "{length}");
        }
        assert!(matches!(read(&[&file[..], &[0]].concat()), Err(BackupError::Trailing)));
        assert!(matches!(read(&[&file[..], &file].concat()), Err(BackupError::Trailing)));
    }

    #[test]
    fn frames_do_not_move_and_do_not_mix() {
        let file = written(BOUND, &key());
        let at = borders(&file);
        let (one, two, last) = (&file[..at[1]], &file[at[1]..at[2]], &file[at[2]..]);
        for order in [[two, one, last].concat(), [one, last].concat(), [one, one, two, last].concat(), last.to_vec()] {
            assert!(matches!(read(&order), Err(BackupError::Altered(_))));
        }
        let other = written(BOUND, &KeyBytes::copy_from(&[6; 32]));
        let elsewhere = written([4; 32], &key());
        for foreign in [other, elsewhere] {
            let mixed = [one, &foreign[at[1]..at[2]], last].concat();
            assert!(matches!(read(&mixed), Err(BackupError::Altered(1))));
        }
    }

    proptest! {
        // A file takes long to seal without optimisation.
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn every_flipped_bit_is_noticed(at: prop::sample::Index, bit in 0..8_u8) {
            let mut file = written(BOUND, &key());
            let at = at.index(file.len());
            file[at] ^= 1_u8 << bit;
            prop_assert!(read(&file).is_err());
        }

        #[test]
        fn noise_is_no_backup(bytes: Vec<u8>) {
            prop_assert!(read(&bytes).is_err());
        }
    }
}
