//! Brings the secrets of a ledger copy into a store that was filled from a backup, and destroys what the copy does not have.

use std::io::Read;
use std::sync::Arc;

use super::{Copied, read};
use crate::backup::header::{Header, Key};
use crate::backup::inspect::{each_object, is_destroyed};
use crate::backup::left_out::is_placeholder;
use crate::backup::{BackupError, Summary};
use crate::base::{Date, Entropy};
use crate::gate::audit::{Entry, Kind};
use crate::keep::ledger;
use crate::keep::seal::Seal;
use crate::keep::{BodyChange, Keep, Kept, Transaction, resident_key};
use crate::model::attr;
use crate::registry::State;
use crate::store::{Commit, CommitError, Sequence, Store, StoreError, Write};

/// Rows in one commit.
const BATCH: usize = 256;

/// Whether a copy goes with a backup.
///
/// # Errors
/// `Unfit`, in words.
pub fn fits(copy: &super::header::Header, backup: &Header, end: Sequence) -> Result<(), BackupError> {
    let unfit = |words: String| Err(BackupError::Unfit(words));
    if copy.lineage.store != backup.lineage.store {
        return unfit("the ledger copy is of another store than the backup".into());
    }
    // Everything that the backup has was committed before the copy was begun.
    if copy.begun_at < end.0 {
        return unfit(format!(
            "the ledger copy was begun at commit {} and the backup ends with {}: the copy is older, and the objects between \
             would be lost. Use a copy that was made after the backup",
            copy.begun_at, end.0
        ));
    }
    if !copy.lineage.continues(&backup.lineage, end.0) {
        return unfit("the ledger copy and the backup are of different histories: a restore lies between them".into());
    }
    Ok(())
}

/// Puts the secrets of a copy where the backup has only their places. What the store has no place for was made later than
/// the backup, and is passed over. The journal of the store does not see this: the commit record is made anew after it.
///
/// # Errors
/// The copy is not whole, does not open or does not fit; or the store fails.
pub fn fill(
    store: &dyn Store,
    seal: &Seal,
    backup: &Summary,
    (from, key): (&mut dyn Read, &Key<'_>),
    entropy: &dyn Entropy,
) -> Result<Copied, BackupError> {
    let mut batch: Vec<Write> = Vec::with_capacity(BATCH);
    let copied = read(from, key, &mut |place, secret| {
        if batch.len() == BATCH || batch.iter().any(|write| write.key == place) {
            put(store, std::mem::take(&mut batch))?;
        }
        if store.version(place)?.is_some() {
            batch.push(match &secret {
                Some(secret) => ledger::write(seal, place.to_vec(), secret, entropy)?,
                // Destroyed while the copy was made.
                None => Write { key: place.to_vec(), value: Some(Vec::new()) },
            });
        }
        Ok(())
    })?;
    put(store, batch)?;
    fits(&copied.header, &backup.header, backup.end.at.last)?;
    Ok(copied)
}

/// Commits, and waits for the disk when it has to.
fn put(store: &dyn Store, writes: Vec<Write>) -> Result<(), BackupError> {
    if writes.is_empty() {
        return Ok(());
    }
    loop {
        match store.commit(Commit { writes: writes.clone(), ..Commit::default() }) {
            Ok(_) => return Ok(()),
            Err(CommitError::Busy) => store.wait_durable(store.latest())?,
            Err(CommitError::Conflict) => return Err(StoreError::plain("the store is changed by another").into()),
            Err(CommitError::Store(error)) => return Err(error.into()),
        }
    }
}

/// Objects whose secret the copy does not have, or whose material was replaced after the backup, are destroyed: each with an
/// entry of the audit chain. Gives how many.
///
/// # Errors
/// The store fails, or a record cannot be read.
pub fn destroy_missing(keep: &Keep, now_micros: i64) -> Result<u64, BackupError> {
    let mut gone = Vec::new();
    each_object(keep, &mut |kept| {
        if !is_destroyed(kept) && is_gone(keep, kept)? {
            gone.push(kept.object.id.clone());
        }
        Ok(())
    })?;
    for (at, id) in gone.iter().enumerate() {
        let Some(mut kept) = keep.load(id, &mut Sequence(0))? else { continue };
        let object = Arc::make_mut(&mut kept.object);
        let now = Date(now_micros / 1_000_000);
        let mut lifecycle = object.lifecycle().at(now);
        lifecycle.state = match lifecycle.state {
            State::Compromised => State::DestroyedCompromised,
            _ => State::Destroyed,
        };
        lifecycle.destroy = Some(now);
        object.set_lifecycle(&lifecycle);
        object.attributes.set(attr::LAST_CHANGE_DATE, now);
        let mut transaction = Transaction::default();
        transaction.save(keep, kept, BodyChange::Erase)?;
        transaction.keep_item();
        let mut journal = Vec::new();
        let words = "its secret is not in the ledger copy of the restore";
        Entry { objects: id, ..Entry::of_server(Kind::Server, now_micros, words) }.encode(&mut journal);
        let sequence = keep.commit(transaction, journal).map_err(BackupError::Commit)?;
        if (at + 1) % BATCH == 0 {
            // Not more than the store lets wait.
            keep.store().wait_durable(sequence)?;
        }
    }
    Ok(gone.len() as u64)
}

/// Whether the secret of an object is not there, or is not the one that its record means.
fn is_gone(keep: &Keep, kept: &Kept) -> Result<bool, BackupError> {
    let Some(reference) = kept.object.material.reference.as_ref().filter(|_| resident_key(&kept.object).is_none())
    else {
        return Ok(false);
    };
    let row = keep.store().get(&ledger::place(&kept.object.id))?.value;
    Ok(row.is_none_or(|row| is_placeholder(&row) || Seal::revision(&row) != ledger::number_of(reference)))
}
