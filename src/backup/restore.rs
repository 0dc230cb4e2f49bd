//! A backup, and the ledger copy that goes with it, as a store. It is filled, opened and looked through before it is confirmed: a restore that was cut off, or
//! that came to anything but the store that was backed up, leaves a directory that no server opens.

use std::fs;
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::Arc;

use super::frames::Row;
use super::header::{Header, Key, Opened};
use super::inspect::{Contents, each_object, inspect, is_destroyed};
use super::ledger::Copied;
use super::ledger::fill::{destroy_missing, fill as fill_secrets};
use super::left_out::is_passing;
use super::{BackupError, Summary, lineage, read};
use crate::base::Entropy;
use crate::gate::audit::{self, Entry, Kind};
use crate::gate::open::{open_seal, rewrap};
use crate::gate::recorder::Recorder;
use crate::keep::commit_record::CommitRecord;
use crate::keep::keys::{Kind as Rows, key};
use crate::keep::seal::Seal;
use crate::keep::tally::{COUNTED, Tally};
use crate::keep::walk::walk;
use crate::keep::{BodyChange, Keep, Transaction};
use crate::registry::{Operation, Version};
use crate::store::{
    Commit, CommitError, Embedded, EmbeddedOptions, Loader, Sequence, Store, StoreError, Write, confirm_load,
};

/// What a restore is to do beside the file and its key.
pub struct Wanted<'a> {
    /// Where the store is to be.
    pub options: EmbeddedOptions,
    /// Now, in microseconds since 1970: for the audit.
    pub now_micros: i64,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// The ledger copy, for a backup that leaves the ledger out.
    pub ledger: Option<&'a mut dyn Read>,
    /// A newer state of the same store: what is destroyed there stays destroyed.
    pub newer: Option<Arc<dyn Store>>,
    /// The copy of the commit record outside the store. One that is there is of what was there before: it is removed.
    pub witness: Option<PathBuf>,
    /// How far it is.
    pub progress: &'a mut dyn FnMut(Step, u64),
}

/// The parts of a restore, for a progress bar.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// So many pieces are written.
    Write,
    /// So many objects are opened.
    Open,
}

/// A restored store.
pub struct Restored {
    /// The backup.
    pub summary: Summary,
    /// What is in the store.
    pub contents: Contents,
    /// Objects that are destroyed because the newer state said so.
    pub kept_destroyed: u64,
    /// The ledger copy; None for a backup that has the secrets itself.
    pub ledger: Option<Copied>,
    /// Objects that are destroyed because the ledger copy does not have their secret.
    pub not_in_ledger: u64,
    /// Whether what was restored is what the commit record of the store that was backed up says. If not, that store was
    /// damaged.
    pub as_recorded: bool,
}

/// Makes a store of a backup. The directory must be empty, or hold what a restore left that was cut off.
///
/// # Errors
/// The backup or the ledger copy is not whole or not opened by the key, they do not go together, the directory is not empty,
/// or the disk fails. The directory then opens for nobody, and the same restore can be run again.
pub fn restore(from: &mut dyn Read, key: &Key<'_>, mut wanted: Wanted<'_>) -> Result<Restored, BackupError> {
    let dir = wanted.options.dir.clone();
    let (summary, opened) = fill(from, key, &mut wanted)?;
    let options = EmbeddedOptions { loading: true, ..wanted.options.clone() };
    if key.recovery.is_some() {
        // In a commit like any other: the journal of the store sees it.
        let store = Embedded::open(options.clone())?;
        keep_journal(&store, &Arc::new(opened.seal), &wanted.entropy)?;
        rewrap(&store, opened.namespace)?;
    }
    let store: Arc<dyn Store> = Arc::new(Embedded::open(options)?);
    let seal = open_seal(&*store, key.root)?.ok_or_else(|| StoreError::plain("the backup has no namespace key"))?;
    let keep = Keep::new(store.clone(), Arc::new(seal), wanted.entropy.clone());
    let (ledger, as_recorded) = if summary.header.needs_ledger() {
        let from = wanted.ledger.take().ok_or(BackupError::Refused("the backup needs a ledger copy"))?;
        let copied = fill_secrets(&*store, keep.seal(), &summary, (from, key), &*wanted.entropy)?;
        let as_recorded = keep_journal_anew(&*store, keep.seal(), &wanted.entropy)?;
        (Some(copied), as_recorded)
    } else {
        keep_journal(&*store, keep.seal(), &wanted.entropy)?;
        (None, true)
    };
    let not_in_ledger = if ledger.is_some() { destroy_missing(&keep, wanted.now_micros)? } else { 0 };
    let kept_destroyed = match &wanted.newer {
        Some(newer) => {
            let seal = open_seal(&**newer, key.root)?.ok_or_else(|| StoreError::plain("the newer store is empty"))?;
            let newer = Keep::new(newer.clone(), Arc::new(seal), wanted.entropy.clone());
            destroy_again(&keep, &newer, wanted.now_micros)?
        }
        None => 0,
    };
    note(&keep, &summary, ledger.as_ref(), &wanted)?;
    let contents = inspect(&keep, &mut |objects| (wanted.progress)(Step::Open, objects))?;
    drop((keep, store));
    if let Some(witness) = &wanted.witness {
        match fs::remove_file(witness) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(BackupError::Io(error)),
            _ => {}
        }
    }
    confirm_load(&dir)?;
    Ok(Restored { summary, contents, kept_destroyed, ledger, not_in_ledger, as_recorded })
}

/// Writes the rows, and compares what came out with what the last frame says.
fn fill(from: &mut dyn Read, key: &Key<'_>, wanted: &mut Wanted<'_>) -> Result<(Summary, Opened), BackupError> {
    let mut loader = Loader::create(wanted.options.clone())?;
    let mut keys = None;
    let mut begin = |_: &Header, opened: Opened| {
        keys = Some(opened);
        Ok(())
    };
    let mut put = |row: Row| Ok(loader.put(row.sequence, row.write)?);
    let summary = read(from, key, &mut begin, &mut put, &mut |pieces| (wanted.progress)(Step::Write, pieces))?;
    let found = loader.finish(summary.end.at.last)?;
    if found.pieces != summary.end.at.pieces {
        let words = format!("it has {} values and pieces of values, not {}", found.pieces, summary.end.at.pieces);
        return Err(BackupError::Differs(words));
    }
    Ok((summary, keys.ok_or(BackupError::CutOff)?))
}

/// The store goes on with its audit chain and its commit record where they ended.
fn keep_journal(store: &dyn Store, seal: &Arc<Seal>, entropy: &Arc<dyn Entropy>) -> Result<(), BackupError> {
    store.set_journal(Box::new(Recorder::open(store, seal.clone(), entropy.clone(), None)?));
    Ok(())
}

/// The same for a store whose secrets were sealed anew: its commit record is made of what is there now. What a backup leaves
/// out for good is removed. Gives whether all but the secrets is what the record of before says.
fn keep_journal_anew(store: &dyn Store, seal: &Arc<Seal>, entropy: &Arc<dyn Entropy>) -> Result<bool, BackupError> {
    // Chain and record end at the same place, or the backup is not of a whole store.
    let recorded = match CommitRecord::load(store, seal)? {
        Some(_) => {
            drop(Recorder::open(store, seal.clone(), entropy.clone(), None)?);
            CommitRecord::load(store, seal)?.and_then(Result::ok)
        }
        None => None,
    };
    let mut tally = match &recorded {
        Some(record) => record.tally.empty_like(),
        None => Tally::new(&**entropy)?,
    };
    tally.add_all(store)?;
    let Some(record) = recorded else {
        keep_journal(store, seal, entropy)?;
        return Ok(true);
    };
    let counts = |of: &Tally| COUNTED.map(|kind| of.count(kind));
    let as_recorded = tally.has_same_index(&record.tally) && counts(&tally) == counts(&record.tally);
    let mut writes = Vec::new();
    walk(store, &key(Rows::Server, &[]), |place, value| {
        if is_passing(place) {
            tally.change(place, Some(value), None);
            writes.push(Write { key: place.to_vec(), value: None });
        }
        Ok::<_, StoreError>(true)
    })?;
    if !writes.is_empty() {
        let committed = store.commit(Commit { writes, ..Commit::default() }).map_err(|error| match error {
            CommitError::Store(error) => error,
            CommitError::Conflict | CommitError::Busy => StoreError::plain("asynchronous requests cannot be removed"),
        });
        store.wait_durable(committed?)?;
    }
    store.wait_durable(store.latest())?;
    let record = CommitRecord { tally, ..record };
    store.set_journal(Box::new(Recorder::accept(store, seal.clone(), entropy.clone(), record, None)?));
    Ok(as_recorded)
}

/// The audit chain says that the store was restored, and from what; its history is another from here on.
fn note(keep: &Keep, summary: &Summary, ledger: Option<&Copied>, wanted: &Wanted<'_>) -> Result<(), BackupError> {
    let with = ledger.map_or_else(String::new, |copied| format!(" and ledger copy {}", copied.header.id));
    let words = format!("restored from backup {} of commit {}{with}", summary.header.id, summary.end.at.last.0);
    let mut transaction = Transaction::default();
    lineage::branch(keep, summary.end.at.last, &*wanted.entropy, &mut transaction)?;
    let journal = entry(wanted.now_micros, "", &words);
    let sequence = keep.commit(transaction, journal).map_err(BackupError::Commit)?;
    Ok(keep.store().wait_durable(sequence)?)
}

/// An entry for the audit chain.
fn entry(at_micros: i64, objects: &str, correlation: &str) -> Vec<u8> {
    let mut journal = Vec::new();
    Entry {
        kind: Kind::Server,
        at_micros,
        caller: "keyhaven",
        address: "",
        version: Version::NEWEST,
        operation: Operation(0),
        objects,
        reason: None,
        correlation,
    }
    .encode(&mut journal);
    journal
}

/// What a newer state of the same store says is destroyed is destroyed here too, and what it no longer knows vanishes.
fn destroy_again(keep: &Keep, newer: &Keep, now_micros: i64) -> Result<u64, BackupError> {
    if !continues(&**keep.store(), &**newer.store())? {
        return Err(BackupError::Refused("the newer store does not continue the one in the backup"));
    }
    let mut living = Vec::new();
    each_object(keep, &mut |kept| {
        if !is_destroyed(kept) {
            living.push(kept.object.id.clone());
        }
        Ok(())
    })?;
    let mut count = 0;
    for id in living {
        let Some(mut here) = keep.load(&id, &mut Sequence(0))? else { continue };
        let mut transaction = Transaction::default();
        match newer.load(&id, &mut Sequence(0))? {
            None => transaction.obliterate(keep, here)?,
            Some(there) if is_destroyed(&there) => {
                // Its material is named as it is here, so that it is removed here.
                let material = here.object.material.clone();
                here.object = there.object;
                Arc::make_mut(&mut here.object).material = material;
                transaction.save(keep, here, BodyChange::Erase)?;
            }
            Some(_) => continue,
        }
        transaction.keep_item();
        let journal = entry(now_micros, &id, "destroyed after the backup that is being restored");
        keep.commit(transaction, journal).map_err(BackupError::Commit)?;
        count += 1;
    }
    Ok(count)
}

/// Whether the last audit block of one store is in the other one as it is.
fn continues(store: &dyn Store, newer: &dyn Store) -> Result<bool, BackupError> {
    let last = store.scan(audit::BLOCKS, 1, true)?;
    match last.into_iter().next() {
        Some((block, read)) => Ok(newer.get(&block)?.value == read.value),
        None => Ok(false),
    }
}
