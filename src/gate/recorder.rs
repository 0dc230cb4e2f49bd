//! The journal of the store: with each batch it writes the blocks of the audit chain and the commit record, and keeps
//! the copy of that record outside. Before it goes on with a store it compares the three: the record must end where
//! the chain ends, and the copy outside must not have seen more, or another history, than the store has.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::audit::{self, AuditBroken, Chain, Head, Kind};
use super::witness::{Testimony, Witness};
use crate::base::{Entropy, EntropyFailed};
use crate::keep::commit_record::{CommitRecord, CommitRecordBroken};
use crate::keep::seal::Seal;
use crate::keep::tally::Tally;
use crate::store::{Batch, Journal, Store, StoreError, Write};

/// Stands in the entry of a start before the number of the commit record.
pub(super) const MARK: &str = " commit ";

/// Why a store is not what it was.
#[derive(Debug)]
pub enum RecordError {
    /// The store failed.
    Store(StoreError),
    /// The audit chain cannot be continued.
    Audit(AuditBroken),
    /// The commit record cannot be read.
    Broken(CommitRecordBroken),
    /// There is no commit record, and there was one.
    Missing,
    /// The commit record and the audit chain do not end at the same place.
    ChainEnds {
        /// Blocks of the chain by the record.
        recorded: u64,
        /// Blocks of the chain.
        found: u64,
    },
    /// The copy outside has seen more than the store has.
    RolledBack {
        /// The number it has seen.
        seen: u64,
        /// The number of the store.
        found: u64,
        /// The copy.
        witness: PathBuf,
    },
    /// The copy outside is of another history.
    OtherHistory {
        /// The copy.
        witness: PathBuf,
    },
    /// The random number generator failed.
    Entropy(EntropyFailed),
}

impl fmt::Display for RecordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Store(error) => error.fmt(f),
            Self::Audit(error) => error.fmt(f),
            Self::Broken(error) => error.fmt(f),
            Self::Missing => f.write_str("the commit record of the store is missing, and there was one"),
            Self::ChainEnds { recorded, found } => write!(
                f,
                "by the commit record the audit chain has {recorded} blocks, and another end than the {found} that are there"
            ),
            Self::RolledBack { seen, found, witness } => write!(
                f,
                "the store is older than it was: its commit record is number {found}, and {} has seen {seen}. Bring the \
                 newer store back or restore a backup; or delete that file, to go on without what is lost",
                witness.display()
            ),
            Self::OtherHistory { witness } => write!(
                f,
                "{} is not of this store, or of a newer state from which an older copy went another way, or was altered. \
                 Bring the right store back; or delete that file, to go on with this one",
                witness.display()
            ),
            Self::Entropy(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for RecordError {}

impl From<StoreError> for RecordError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<AuditBroken> for RecordError {
    fn from(error: AuditBroken) -> Self {
        Self::Audit(error)
    }
}

impl From<EntropyFailed> for RecordError {
    fn from(error: EntropyFailed) -> Self {
        Self::Entropy(error)
    }
}

/// The journal.
pub struct Recorder {
    chain: Chain,
    record: CommitRecord,
    seal: Arc<Seal>,
    entropy: Arc<dyn Entropy>,
    witness: Option<Witness>,
}

impl Recorder {
    /// Goes on where the store ends, if it is what it was. A store of a release that had no commit record gets its
    /// first one: everything in it is read once.
    pub fn open(
        store: &dyn Store,
        seal: Arc<Seal>,
        entropy: Arc<dyn Entropy>,
        witness: Option<&Path>,
    ) -> Result<Self, RecordError> {
        let chain = Chain::open(store, seal.clone(), entropy.clone())?;
        let record = match CommitRecord::load(store, &seal)? {
            Some(record) => record.map_err(RecordError::Broken)?,
            None => first_record(store, &seal, &*entropy, chain.head())?,
        };
        compare(store, &seal, &record, chain.head(), witness)?;
        Ok(Self { chain, record, seal, entropy, witness: witness.map(|path| Witness::new(path.to_owned())) })
    }

    /// Goes on with what the store holds now, whatever was recorded before. For `repair`.
    pub fn accept(
        store: &dyn Store,
        seal: Arc<Seal>,
        entropy: Arc<dyn Entropy>,
        record: CommitRecord,
        witness: Option<&Path>,
    ) -> Result<Self, RecordError> {
        let chain = Chain::open(store, seal.clone(), entropy.clone())?;
        let record = CommitRecord { head: chain.head(), ..record };
        Ok(Self { chain, record, seal, entropy, witness: witness.map(|path| Witness::new(path.to_owned())) })
    }

    /// What the entry of a start says: where the chain ended and which commit record there was.
    pub fn beginning(&self) -> String {
        format!("{}{MARK}{}", self.chain.head(), self.record.number)
    }
}

impl Journal for Recorder {
    fn write(&mut self, batch: &Batch<'_>) -> Result<Vec<Write>, StoreError> {
        let no_entropy = |error| StoreError::new("cannot record a batch", error);
        let mut writes = self.chain.write(batch.entries).map_err(no_entropy)?;
        for change in batch.changes {
            self.record.tally.change(change.key, change.before.as_deref(), change.after);
        }
        self.record.head = self.chain.head();
        self.record.number += 1;
        let write = self.record.seal(&self.seal, &*self.entropy).map_err(no_entropy)?;
        if let (Some(witness), Some(sealed)) = (&mut self.witness, &write.value) {
            witness.coming(sealed.clone());
        }
        writes.push(write);
        Ok(writes)
    }

    fn settled(&mut self) {
        self.witness.iter_mut().for_each(Witness::settled);
    }
}

/// The record of a store that has none, which is right only for one that never had: a new one, or one of release 0.1.
/// The audit chain knows, as the entry of each start names the record.
fn first_record(
    store: &dyn Store,
    seal: &Seal,
    entropy: &dyn Entropy,
    head: Head,
) -> Result<CommitRecord, RecordError> {
    let mut had_one = false;
    audit::verify(store, seal, |entry| had_one |= entry.kind == Kind::Opened && entry.correlation.contains(MARK))?;
    if had_one {
        return Err(RecordError::Missing);
    }
    if head.blocks > 0 {
        tracing::info!(
            "the store is of an earlier release: everything in it is read once, for its first commit record"
        );
    }
    let mut tally = Tally::new(entropy)?;
    tally.add_all(store)?;
    // Whatever was written has its entry in the chain: objects without one have lost both.
    if head.blocks == 0 && tally.keys() > 0 {
        return Err(RecordError::Missing);
    }
    Ok(CommitRecord { number: 0, head, tally })
}

/// Compares the commit record with the end of the audit chain and with the copy outside.
pub fn compare(
    store: &dyn Store,
    seal: &Seal,
    record: &CommitRecord,
    head: Head,
    witness: Option<&Path>,
) -> Result<(), RecordError> {
    if record.head != head {
        return Err(RecordError::ChainEnds { recorded: record.head.blocks, found: head.blocks });
    }
    let Some(path) = witness else { return Ok(()) };
    let seen = match Witness::read(path, seal) {
        Testimony::None => return Ok(()),
        // What a power cut leaves of a file that was not synced. A store without a past cannot have written it.
        Testimony::Unreadable(why) if record.number > 0 => {
            tracing::warn!(file = %path.display(), why, "the copy of the commit record says nothing; a new one is made");
            return Ok(());
        }
        Testimony::Unreadable(_) | Testimony::Strange => {
            return Err(RecordError::OtherHistory { witness: path.to_owned() });
        }
        Testimony::Seen(seen) => seen,
    };
    if seen.number > record.number {
        let (seen, found) = (seen.number, record.number);
        return Err(RecordError::RolledBack { seen, found, witness: path.to_owned() });
    }
    if !audit::passed(store, seal, seen.head)? {
        return Err(RecordError::OtherHistory { witness: path.to_owned() });
    }
    Ok(())
}
