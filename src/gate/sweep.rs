//! Keys in the vault and objects in the store are two places, and a crash may come between them. Keys are made before
//! their record is committed, and erased after their tombstone is durable; so what a crash leaves is a key without a
//! record, or a tombstone whose key is still there. A sweep ends both. It runs before the first request is served,
//! when no key is between its making and its record.

use std::collections::HashSet;

use super::Core;
use super::audit::Kind;
use crate::base::{Error, Result};
use crate::keep::Keep;
use crate::registry::Operation;
use crate::store::Sequence;
use crate::vault::KeyId;

/// What a sweep found.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Swept {
    /// Keys of objects in the vault.
    pub living: usize,
    /// Keys of destroyed objects that were erased now.
    pub erased: usize,
    /// Keys of destroyed objects that could not be erased.
    pub pending: usize,
    /// Keys without an object, erased now.
    pub orphans: usize,
    /// Objects whose key is not in the vault.
    pub lost: usize,
}

impl Core {
    /// Compares vault and store both ways, and erases what no object has.
    ///
    /// # Errors
    /// The vault cannot be asked, or the store cannot be read.
    pub fn sweep(&self) -> Result<Swept> {
        if !self.services.vault.offers_keys() {
            return Ok(Swept::default());
        }
        let mut swept = Swept::default();
        (swept.erased, swept.pending) = self.erase_marked()?;
        let listed = self.services.vault.list().map_err(Error::from)?;
        let rows = self.services.keep.resident_rows()?;
        let known: HashSet<&[u8]> = rows.iter().map(|row| &*row.key).collect();
        for key in listed.iter().filter(|key| !known.contains(key.bytes())) {
            tracing::warn!(%key, "a key of the HSM has no object and is erased");
            self.services.vault.erase(key).map_err(Error::from)?;
            swept.orphans += 1;
        }
        let there: HashSet<&[u8]> = listed.iter().map(KeyId::bytes).collect();
        for row in rows.iter().filter(|row| !row.to_erase) {
            swept.living += 1;
            if !there.contains(&*row.key) {
                tracing::error!(object = %row.id, "the key of an object is not in the HSM");
                swept.lost += 1;
            }
        }
        Ok(swept)
    }

    /// Erases keys of destroyed objects that could not be erased when they were destroyed. Asks the vault only if
    /// there are any.
    pub fn retry_erasures(&self) {
        if self.services.vault.offers_keys()
            && let Err(error) = self.erase_marked()
        {
            tracing::warn!(%error, "keys of destroyed objects are still in the HSM");
        }
    }

    /// A request came to nothing, and had made keys: they are erased. Those that cannot be erased now are without an
    /// object for the sweep of the next start.
    pub(super) fn erase_made(&self, keys: &[KeyId]) {
        for key in keys {
            if let Err(error) = self.services.vault.erase(key) {
                tracing::warn!(%key, %error, "a key that was made for nothing is still in the HSM");
            }
        }
    }

    /// After a Destroy: once its tombstone is durable, the key is erased. If that fails the object is destroyed all the
    /// same; the key is erased later.
    pub(super) fn erase_pending(&self, committed: Sequence) {
        if let Err(error) = self.store().wait_durable(committed) {
            tracing::error!(%error, "a Destroy is not durable; its key is not erased");
            return;
        }
        self.retry_erasures();
    }

    /// Gives how many were erased, and how many were not.
    fn erase_marked(&self) -> Result<(usize, usize)> {
        let (mut erased, mut pending) = (0, 0);
        for row in self.services.keep.resident_rows()?.into_iter().filter(|row| row.to_erase) {
            match self.services.vault.erase(&KeyId::from_bytes(&row.key)) {
                Ok(()) => {
                    let commit = Keep::forget_resident(
                        &row.key,
                        self.own_entry(Kind::Server, Operation::Destroy, &row.id, "erased in the HSM"),
                    );
                    // A row that stays is erased once more, which does no harm.
                    let done = self.store().commit(commit).is_ok();
                    erased += usize::from(done);
                    pending += usize::from(!done);
                }
                Err(error) => {
                    tracing::warn!(object = %row.id, %error, "the key of a destroyed object is still in the HSM");
                    pending += 1;
                }
            }
        }
        Ok((erased, pending))
    }
}
