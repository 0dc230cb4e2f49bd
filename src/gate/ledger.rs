//! What the server knows of the ledger's epochs: when it was rolled, and that a roll is noted in the store and in the audit
//! chain. The roll itself is in `backup::ledger`.

use std::sync::{Arc, MutexGuard};

use super::Core;
use super::audit::Kind;
use crate::base::{Error, Result};
use crate::keep::rolls::{Roll, Rolls};
use crate::keep::{Transaction, record_key};
use crate::registry::Operation;
use crate::store::Sequence;
use crate::vault::root::Root;

impl Core {
    /// What opens the store, and holds the keys of the epochs.
    pub fn root(&self) -> &Arc<dyn Root> {
        &self.root
    }

    /// Held while the ledger is rolled: neither the root nor the namespace key changes meanwhile.
    pub fn hold_keys(&self) -> MutexGuard<'_, ()> {
        self.alone()
    }

    /// The rolls so far.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn rolls(&self) -> Result<Rolls> {
        Ok(Rolls::of(self.keep())?)
    }

    /// Notes a roll, in the place of what was noted of it before, with an entry of the audit chain. It is durable when
    /// this returns.
    ///
    /// # Errors
    /// The store does not take it.
    pub fn note_roll(&self, roll: Roll, words: &str) -> Result<()> {
        let mut rolls = self.rolls()?;
        rolls.0.pop_if(|last| (last.epoch, last.begun_at) == (roll.epoch, roll.begun_at));
        rolls.0.push(roll);
        let mut transaction = Transaction::default();
        rolls.stage(self.keep(), &mut transaction)?;
        let entry = self.own_entry(Kind::Server, Operation(0), "", words);
        let sequence = self.keep().commit(transaction, entry)?;
        self.store().wait_durable(sequence).map_err(|error| Error::internal("noting a roll of the ledger", error))
    }

    /// Ends what a crash left of a roll: if the epochs before it are ended and that is not noted, it is noted now.
    ///
    /// # Errors
    /// The root or the store fails.
    pub fn settle_roll(&self) -> Result<()> {
        let Some(last) = self.rolls()?.0.last().copied().filter(|roll| roll.ended.is_none()) else { return Ok(()) };
        let living = self.root.epochs().living().map_err(|error| Error::internal("listing epochs", error))?;
        if living == [last.epoch] {
            let words = format!("ledger epoch {}: the epochs before it are found ended", last.epoch);
            self.note_roll(Roll { ended: Some(self.now()), ..last }, &words)?;
        }
        Ok(())
    }

    /// How many objects come back from no backup by the later one of two lists of rolls, and may by the earlier one.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn count_gone_between(&self, before: &Rolls, after: &Rolls) -> Result<u64> {
        let mut count = 0;
        let walked = self.keep().walk_objects(&mut |kept| {
            let object = &kept.object;
            let version = self.keep().store().version(&record_key(&object.id))?.unwrap_or(Sequence(u64::MAX));
            let gone = after.gone_since(object, version).is_some() && before.gone_since(object, version).is_none();
            count += u64::from(gone);
            Ok(())
        });
        walked.map_err(|error| Error::internal("counting destroyed objects", error))?;
        Ok(count)
    }
}
