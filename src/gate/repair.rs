//! Repairing a store that no server has open: the index is made again from the objects, and the commit record is
//! written anew for what is there. Keys are never guessed: an object that cannot be read stays as it is, and what is
//! lost stays lost. If more than the index differs from the commit record, that is only done when the operator accepts
//! it.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use super::audit::{self, Entry, Kind};
use super::recorder::{RecordError, Recorder, compare};
use super::witness::{Testimony, Witness};
use crate::base::{Entropy, Error};
use crate::keep::Keep;
use crate::keep::check::IndexFault;
use crate::keep::commit_record::CommitRecord;
use crate::keep::tally::Tally;
use crate::store::{Commit, CommitError, Store, StoreError, Write};

/// Keys in one commit.
const KEYS_MAX: usize = 1000;

/// What was done.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Repaired {
    /// Index rows that were missing.
    pub added: u64,
    /// Index rows that no object had.
    pub removed: u64,
    /// Pairs of living objects that have one name; nothing was done about them.
    pub claimed: Vec<(String, String)>,
    /// What was not as the commit record has it, and was accepted.
    pub accepted: Option<String>,
}

/// Why a store was not repaired.
#[derive(Debug)]
pub enum RepairError {
    /// More than the index is not what it was; nothing was changed.
    NotAccepted(String),
    /// The store cannot be read or written.
    Record(RecordError),
}

impl fmt::Display for RepairError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAccepted(why) => write!(
                f,
                "{why}. Nothing was changed. Restore a backup; or, to go on with what is here, run it with --accept"
            ),
            Self::Record(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for RepairError {}

impl<E: Into<RecordError>> From<E> for RepairError {
    fn from(error: E) -> Self {
        Self::Record(error.into())
    }
}

/// Makes the index again and writes the commit record anew. A repair that was cut off is finished by the next one.
pub fn repair(
    keep: &Keep,
    entropy: Arc<dyn Entropy>,
    now_micros: i64,
    witness: Option<&Path>,
    accept: bool,
) -> Result<Repaired, RepairError> {
    let (store, seal) = (&**keep.store(), keep.seal());
    let record = match CommitRecord::load(store, seal)? {
        None => Err(RecordError::Missing.to_string()),
        Some(record) => record.map_err(|error| error.to_string()),
    };
    let unsound = match &record {
        Ok(record) => differs(keep, record, witness)?,
        Err(why) => Some(why.clone()),
    };
    if let Some(why) = unsound.as_ref().filter(|_| !accept) {
        return Err(RepairError::NotAccepted(why.clone()));
    }

    let mut repaired = mend_index(keep)?;
    repaired.accepted = unsound;
    let (number, like) = match record {
        Ok(record) => (record.number, record.tally.empty_like()),
        Err(_) => (0, Tally::new(&*entropy)?),
    };
    let seen = match witness.map(|path| Witness::read(path, seal)) {
        Some(Testimony::Seen(seen)) => seen.number,
        _ => 0,
    };
    let mut tally = like;
    tally.add_all(store)?;
    let head = audit::Head { blocks: 0, hash: [0; 32] };
    let record = CommitRecord { number: number.max(seen), head, tally };
    let recorder = Recorder::accept(store, seal.clone(), entropy, record, witness)?;
    store.set_journal(Box::new(recorder));
    let what = match &repaired.accepted {
        Some(why) => format!("repaired, accepting that {why}"),
        None => "repaired".to_owned(),
    };
    let mut journal = Vec::new();
    Entry::of_server(Kind::Server, now_micros, &what).encode(&mut journal);
    let committed = store.commit(Commit { journal, ..Commit::default() }).map_err(failed)?;
    store.wait_durable(committed)?;
    Ok(repaired)
}

/// In what more than the index differs from the record; None if in nothing.
fn differs(keep: &Keep, record: &CommitRecord, witness: Option<&Path>) -> Result<Option<String>, RepairError> {
    let (store, seal) = (&**keep.store(), keep.seal());
    let mut found = record.tally.empty_like();
    found.add_all(store)?;
    if !found.has_same_objects(&record.tally) {
        return Ok(Some("objects, their secrets or what the server keeps are not those of the commit record".into()));
    }
    let head = audit::end(store, seal)?;
    match compare(store, seal, record, head, witness) {
        Ok(()) => Ok(None),
        Err(RecordError::Store(error)) => Err(error.into()),
        Err(error) => Ok(Some(error.to_string())),
    }
}

/// Removes the rows that are too many and writes those that are missing.
fn mend_index(keep: &Keep) -> Result<Repaired, RepairError> {
    let store = &**keep.store();
    let mut repaired = Repaired::default();
    let mut writes = Vec::new();
    keep.index_faults(&mut |fault| {
        match fault {
            IndexFault::Stray(key) => {
                repaired.removed += 1;
                writes.push(Write { key, value: None });
            }
            IndexFault::Missing { row, id } => {
                repaired.added += 1;
                writes.push(Write { key: row, value: Some(id.into_bytes()) });
            }
            IndexFault::Claimed { id, holder } => repaired.claimed.push((id, holder)),
        }
        if writes.len() < KEYS_MAX { Ok(()) } else { write(store, std::mem::take(&mut writes)) }
    })?;
    let mut owners = Commit { writes, ..Commit::default() };
    let before = owners.writes.len();
    keep.walk_objects(&mut |kept| {
        let staged = keep.stage_owner(&kept.object.owner, &mut owners).map_err(Error::from);
        staged.map_err(|error| StoreError::new("cannot list an owner", error.to_string()))
    })?;
    repaired.added += (owners.writes.len() - before) as u64;
    write(store, owners.writes)?;
    Ok(repaired)
}

fn write(store: &dyn Store, writes: Vec<Write>) -> Result<(), StoreError> {
    let committed = store.commit(Commit { writes, ..Commit::default() }).map_err(failed)?;
    store.wait_durable(committed)
}

/// Nothing is expected and nothing else runs.
fn failed(error: CommitError) -> StoreError {
    match error {
        CommitError::Store(error) => error,
        CommitError::Conflict | CommitError::Busy => StoreError::plain("the store is in use"),
    }
}
