//! How a value is stored. In front of it stand the number of its commit (eight bytes, big endian) and one byte for
//! its kind. A value over 4 KiB is cut: its key then holds the total length, and the parts have keys of their own.
//! sled keeps up to sixteen entries in a page and writes pages over 128 KiB to files that it does not sync; with
//! parts of 4 KiB no page is that large. The same form in every engine lets rows go from one to another.
//!
//! Keys of the store's own:
//!
//! | key | value |
//! | --- | --- |
//! | FF 00 | format 1, last commit, number of keys (all but this one) |
//! | FF 01, key, commit (8 bytes), part (4 bytes) | a part of the value |

use std::sync::Arc;

use crate::store::follow::PIECE_BYTES_MAX;
use crate::store::{RESERVED, Sequence, StoreError};

/// Longest value, and longest part of one, under one key of the engine, bytes.
pub const PART_BYTES_MAX: usize = PIECE_BYTES_MAX;

/// Where the last commit and the number of keys are kept.
pub const META_KEY: [u8; 2] = [RESERVED, 0];

const PART_PREFIX: [u8; 2] = [RESERVED, 1];
const HEADER_BYTES: usize = 9;
const WHOLE: u8 = 0;
const PARTS: u8 = 1;
const META_FORMAT: u8 = 1;
const META_BYTES: usize = 1 + 8 + 8;

/// The bytes of a key, or of a value in stored form, shared by those who have it in memory.
pub type Bytes = Arc<[u8]>;

/// A stored value, read.
pub enum Stored<'a> {
    /// The value itself.
    Whole(Sequence, &'a [u8]),
    /// The value is in parts; its length in bytes.
    Parts(Sequence, usize),
}

impl Stored<'_> {
    /// The commit that wrote it.
    pub fn sequence(&self) -> Sequence {
        match self {
            Self::Whole(sequence, _) | Self::Parts(sequence, _) => *sequence,
        }
    }

    /// How many keys hold its parts.
    pub fn parts(&self) -> usize {
        match self {
            Self::Whole(..) => 0,
            Self::Parts(_, bytes) => bytes.div_ceil(PART_BYTES_MAX),
        }
    }
}

/// Reads what `whole` or `head` made.
pub fn parse(stored: &[u8]) -> Result<Stored<'_>, StoreError> {
    let damaged = || StoreError::plain("a stored value is damaged");
    let (sequence, rest) = stored.split_first_chunk::<8>().ok_or_else(damaged)?;
    let sequence = Sequence(u64::from_be_bytes(*sequence));
    match rest.split_first() {
        Some((&WHOLE, value)) => Ok(Stored::Whole(sequence, value)),
        Some((&PARTS, length)) => {
            let length = u32::from_be_bytes(length.try_into().map_err(|_| damaged())?);
            Ok(Stored::Parts(sequence, length as usize))
        }
        _ => Err(damaged()),
    }
}

/// A value in one piece, to be stamped with its commit.
pub fn whole(value: &[u8]) -> Bytes {
    let mut stored = Vec::with_capacity(HEADER_BYTES + value.len());
    stored.extend_from_slice(&[0; 8]);
    stored.push(WHOLE);
    stored.extend_from_slice(value);
    stored.into()
}

/// Gives a value the number of its commit. Copies nothing while nobody shares the value.
pub fn stamp(stored: &mut Bytes, sequence: Sequence) {
    Arc::make_mut(stored)[..8].copy_from_slice(&sequence.0.to_be_bytes());
}

/// The bytes of a value made by `whole`.
pub fn bytes(stored: &[u8]) -> &[u8] {
    stored.get(HEADER_BYTES..).unwrap_or_default()
}

/// What the key of a value in parts holds; `length` in bytes is at most `VALUE_BYTES_MAX`.
pub fn head(sequence: Sequence, length: usize) -> [u8; HEADER_BYTES + 4] {
    let mut stored = [0; HEADER_BYTES + 4];
    stored[..8].copy_from_slice(&sequence.0.to_be_bytes());
    stored[8] = PARTS;
    stored[9..].copy_from_slice(&(length as u32).to_be_bytes());
    stored
}

/// The key of a part. Two different keys give different part keys, as what follows the key has a fixed length.
pub fn part_key(key: &[u8], sequence: Sequence, part: usize) -> Vec<u8> {
    let mut name = Vec::with_capacity(PART_PREFIX.len() + key.len() + 12);
    name.extend_from_slice(&PART_PREFIX);
    name.extend_from_slice(key);
    name.extend_from_slice(&sequence.0.to_be_bytes());
    name.extend_from_slice(&(part as u32).to_be_bytes());
    name
}

/// The record of the last commit and the number of keys.
pub fn meta(last: Sequence, keys: u64) -> [u8; META_BYTES] {
    let mut stored = [META_FORMAT; META_BYTES];
    stored[1..9].copy_from_slice(&last.0.to_be_bytes());
    stored[9..].copy_from_slice(&keys.to_be_bytes());
    stored
}

/// Reads what `meta` made.
pub fn parse_meta(stored: &[u8]) -> Result<(Sequence, u64), StoreError> {
    match stored.split_first() {
        Some((&META_FORMAT, rest)) => match (rest.first_chunk::<8>(), rest.last_chunk::<8>()) {
            (Some(last), Some(keys)) if rest.len() == 16 => {
                Ok((Sequence(u64::from_be_bytes(*last)), u64::from_be_bytes(*keys)))
            }
            _ => Err(StoreError::plain("the record of the last commit is damaged")),
        },
        _ => Err(StoreError::plain("the data directory was written in another format")),
    }
}
