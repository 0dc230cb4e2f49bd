//! Objects that are kept wrapped are wrapped anew after the server replaced their key. One commit an object, with its entry:
//! what is left is found again by its link, so nothing has to be remembered.

use std::sync::atomic::{AtomicU64, Ordering};

use super::Core;
use super::audit::Kind;
use super::identity::Peer;
use crate::base::{Error, Result};
use crate::ops::Cx;
use crate::ops::rewrap::rewrap;
use crate::registry::{Operation, Version};

/// How far the wrapping anew is.
#[derive(Debug, Default)]
pub struct Rewraps {
    done: AtomicU64,
    failed: AtomicU64,
    waiting: AtomicU64,
}

impl Rewraps {
    /// Objects that were wrapped anew since the start.
    pub fn done(&self) -> u64 {
        self.done.load(Ordering::Relaxed)
    }

    /// Tries that failed since the start.
    pub fn failed(&self) -> u64 {
        self.failed.load(Ordering::Relaxed)
    }

    /// Objects that wait in the run that is under way.
    pub fn waiting(&self) -> u64 {
        self.waiting.load(Ordering::Relaxed)
    }

    /// A run begins, or goes on, with so many.
    pub fn wait_for(&self, objects: usize) {
        self.waiting.store(objects as u64, Ordering::Relaxed);
    }
}

impl Core {
    /// Wraps an object anew with the successor of the key that wraps it.
    ///
    /// # Errors
    /// It cannot be: the object stays as it is, and opens as before.
    pub fn rewrap(&self, id: &str, keys: (&str, &str)) -> Result<()> {
        let outcome = self.try_rewrap(id, keys);
        let count = if outcome.is_ok() { &self.rewraps.done } else { &self.rewraps.failed };
        count.fetch_add(1, Ordering::Relaxed);
        outcome
    }

    fn try_rewrap(&self, id: &str, keys: (&str, &str)) -> Result<()> {
        let caller = Peer::server().caller;
        for _ in 0..self.services.limits.conflict_retries_max {
            let now = (self.clock.now(), self.clock.now_micros());
            let mut cx = Cx::new(&self.services, &caller, Version::NEWEST, now, true);
            rewrap(&mut cx, id, keys)?;
            let (transaction, _) = cx.into_transaction();
            if transaction.is_empty() {
                return Ok(());
            }
            let entry = self.own_entry(Kind::Server, Operation::ReKey, id, "wrapped by the successor of its key");
            match self.services.keep.commit(transaction, entry) {
                Err(error) if error.is_conflict() => {}
                outcome => return outcome.map(drop),
            }
        }
        Err(Error::conflict())
    }

    /// How far the wrapping anew is.
    pub fn rewraps(&self) -> &Rewraps {
        &self.rewraps
    }
}
