//! Verifying a store that no server has open: every value is opened, the index is compared with the objects, the audit
//! chain is walked, and the whole is compared with the commit record and its copy outside.

use std::path::Path;

use super::audit::{self, Head};
use super::recorder::{MARK, RecordError, compare};
use super::witness::{Testimony, Witness};
use crate::base::{Entropy, EntropyFailed};
use crate::keep::Keep;
use crate::keep::check::{Cure, Findings};
use crate::keep::commit_record::CommitRecord;
use crate::keep::keys::Kind;
use crate::keep::tally::{COUNTED, Tally, is_index};

/// What was read, and what is wrong with it.
#[derive(Debug)]
pub struct Verified {
    /// The number of the commit record; None if there is none that can be read.
    pub number: Option<u64>,
    /// Records of objects.
    pub objects: u64,
    /// Secrets and material of objects.
    pub secrets: u64,
    /// Index rows.
    pub rows: u64,
    /// Where the audit chain ends; None if it is not whole.
    pub head: Option<Head>,
    /// Entries of the audit chain.
    pub entries: u64,
    /// What is wrong.
    pub findings: Findings,
}

/// Reads everything. `progress` hears how much was read, and how much there should be.
///
/// # Errors
/// There is no randomness for a tally where there is no commit record to compare with. Everything else is a finding.
pub fn verify(
    keep: &Keep,
    entropy: &dyn Entropy,
    witness: Option<&Path>,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Verified, EntropyFailed> {
    let (store, seal) = (&**keep.store(), &**keep.seal());
    let mut findings = Findings::default();
    let record = match CommitRecord::load(store, seal) {
        Ok(Some(Ok(record))) => Ok(record),
        Ok(Some(Err(error))) => Err(RecordError::Broken(error)),
        Ok(None) => Err(RecordError::Missing),
        Err(error) => Err(RecordError::Store(error)),
    };
    let (like, total) = match &record {
        Ok(record) => (record.tally.empty_like(), record.tally.keys() + record.head.blocks),
        Err(_) => (Tally::new(entropy)?, 0),
    };

    let mut read = 0;
    let mut step = || {
        read += 1;
        progress(read, total.max(read));
    };
    let found = match keep.check(&like, &mut findings, &mut step) {
        Ok(found) => Some(found),
        Err(error) => {
            findings.add(Cure::Backup, error.to_string());
            None
        }
    };
    let (mut entries, mut had_record) = (0, false);
    let head = audit::verify(store, seal, |entry| {
        entries += 1;
        had_record |= entry.kind == audit::Kind::Opened && entry.correlation.contains(MARK);
    });
    let head = head.map_err(|error| findings.add(Cure::Backup, error.to_string())).ok();

    let number = record.as_ref().ok().map(|record| record.number);
    let keys = found.as_ref().map_or(0, Tally::keys);
    let record = match (record, head) {
        // Only a store that was never opened by a release with commit records may lack one. It is compared with the
        // copy outside all the same, which it must not have.
        (Err(RecordError::Missing), Some(head)) if !had_record && (head.blocks > 0 || keys == 0) => {
            if head.blocks > 0 {
                let what = "the store is of an earlier release; the next start writes its first commit record";
                findings.add(Cure::None, what);
            }
            None
        }
        (Err(error), _) => {
            findings.add(Cure::Backup, error.to_string());
            None
        }
        (Ok(record), _) => Some(record),
    };
    if let (Some(record), Some(found)) = (&record, &found) {
        compare_tallies(&record.tally, found, &mut findings);
    }
    if let Some(head) = head {
        let first = CommitRecord { number: 0, head, tally: like.empty_like() };
        if let Err(error) = compare(store, seal, record.as_ref().unwrap_or(&first), head, witness) {
            findings.add(Cure::Backup, error.to_string());
        }
    }
    if let Some(path) = witness
        && let Testimony::Unreadable(why) = Witness::read(path, seal)
    {
        let what = format!("{}, the copy of the commit record, says nothing: {why}", path.display());
        findings.add(Cure::None, what);
    }
    let found = found.unwrap_or(like);
    let rows = COUNTED.into_iter().filter(|kind| is_index(*kind)).map(|kind| found.count(kind)).sum();
    Ok(Verified {
        number,
        objects: found.count(Kind::Record),
        secrets: found.count(Kind::Ledger) + found.count(Kind::Material),
        rows,
        head,
        entries,
        findings,
    })
}

/// What the record says is there, against what is.
fn compare_tallies(recorded: &Tally, found: &Tally, findings: &mut Findings) {
    for (same, whose, cure) in [
        (found.has_same_objects(recorded), "the objects, their secrets and what the server keeps", Cure::Backup),
        (found.has_same_index(recorded), "the index rows", Cure::Repair),
    ] {
        if same {
            continue;
        }
        let of_index = cure == Cure::Repair;
        let kinds = COUNTED.into_iter().filter(|kind| is_index(*kind) == of_index);
        let counts: Vec<_> = kinds
            .filter(|kind| recorded.count(*kind) != found.count(*kind))
            .map(|kind| format!("{} {kind:?} keys of {}", found.count(kind), recorded.count(kind)))
            .collect();
        let how = match counts.is_empty() {
            true => "the number is right, but values are not the last ones that were written".to_owned(),
            false => counts.join(", "),
        };
        findings.add(cure, format!("{whose} are not those of the commit record: {how}"));
    }
}
