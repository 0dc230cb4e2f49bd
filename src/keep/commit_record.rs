//! The commit record: one sealed value that goes to the disk with every batch of commits. It says which batch that
//! was, what the store held after it (see `tally`), and where the audit chain ended. A store that lost its newest
//! commits, a key, or the end of its chain no longer fits it; a copy outside of the store reveals a store that was put
//! back whole.

use std::fmt;

use super::keys::{Kind, key};
use super::seal::{Class, Seal, SealBroken};
use super::tally::{TALLY_BYTES, Tally};
use crate::base::{Entropy, EntropyFailed};
use crate::store::{Store, StoreError, Write};

/// Its name among what the server keeps for itself.
pub(super) const NAME: &[u8] = b"commit";
/// Format of this release.
const FORMAT: u8 = 1;

/// The head of the audit chain: how many blocks there are, and the hash of the last.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Head {
    /// Blocks so far.
    pub blocks: u64,
    /// Hash of the last block; zero before the first.
    pub hash: [u8; 32],
}

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.blocks)?;
        self.hash.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// The record.
#[derive(PartialEq, Debug)]
pub struct CommitRecord {
    /// Rises by one with each batch, also over restarts, compaction and restored copies of the store.
    pub number: u64,
    /// Where the audit chain ends.
    pub head: Head,
    /// What the store holds.
    pub tally: Tally,
}

/// A commit record that cannot be read.
#[derive(Debug)]
pub enum CommitRecordBroken {
    /// It does not open.
    Seal(SealBroken),
    /// It opens, and is of no format that this release knows.
    Format,
}

impl fmt::Display for CommitRecordBroken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Seal(error) => write!(f, "the commit record: {error}"),
            Self::Format => f.write_str("the commit record is of a format that this release does not know"),
        }
    }
}

impl std::error::Error for CommitRecordBroken {}

/// Its key in the store.
fn place() -> Vec<u8> {
    key(Kind::Server, &[NAME])
}

impl CommitRecord {
    /// What a store has; None if it has none, and an error in the inner result if it cannot be read.
    pub fn load(store: &dyn Store, seal: &Seal) -> Result<Option<Result<Self, CommitRecordBroken>>, StoreError> {
        Ok(store.get(&place())?.value.map(|sealed| Self::open(seal, &sealed)))
    }

    /// Opens a sealed record, from the store or its copy outside.
    pub fn open(seal: &Seal, sealed: &[u8]) -> Result<Self, CommitRecordBroken> {
        let plain = seal.open(Class::Server, &place(), sealed).map_err(CommitRecordBroken::Seal)?;
        Self::decode(&plain).ok_or(CommitRecordBroken::Format)
    }

    fn decode(plain: &[u8]) -> Option<Self> {
        let (&FORMAT, rest) = plain.split_first()? else { return None };
        let (number, rest) = rest.split_first_chunk::<8>()?;
        let (blocks, rest) = rest.split_first_chunk::<8>()?;
        let (hash, rest) = rest.split_first_chunk::<32>()?;
        Some(Self {
            number: u64::from_be_bytes(*number),
            head: Head { blocks: u64::from_be_bytes(*blocks), hash: *hash },
            tally: Tally::decode(rest)?,
        })
    }

    /// The write that puts it into the store.
    pub fn seal(&self, seal: &Seal, entropy: &dyn Entropy) -> Result<Write, EntropyFailed> {
        let mut plain = crate::base::Buffer::with_capacity(1 + 8 + 8 + 32 + TALLY_BYTES);
        plain.extend(&[FORMAT]);
        plain.extend(&self.number.to_be_bytes());
        plain.extend(&self.head.blocks.to_be_bytes());
        plain.extend(&self.head.hash);
        self.tally.encode(&mut plain);
        let key = place();
        let value = seal.seal(Class::Server, &key, self.number, &plain, entropy)?;
        Ok(Write { key, value: Some(value) })
    }
}
