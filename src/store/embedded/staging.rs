//! What is committed and not yet durable. Readers look here first and then in the engine; an entry leaves only after
//! the engine shows it and the disk has it, so no reader goes back in time.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{PoisonError, RwLock};

use super::chunks::Bytes;
use crate::store::Sequence;

/// The value of a key in stored form (see `chunks::whole`); None for a removed key.
#[derive(Clone)]
pub struct Staged {
    pub sequence: Sequence,
    pub value: Option<Bytes>,
}

/// The table. `len` lets readers pass without the lock while nothing is staged.
#[derive(Default)]
pub struct Staging {
    len: AtomicUsize,
    retired: AtomicU64,
    table: RwLock<BTreeMap<Bytes, Staged>>,
}

/// So many entries are removed under one hold of the lock; readers come between.
const RETIRE_STEP: usize = 128;

impl Staging {
    /// The newest staged state of a key.
    pub fn get(&self, key: &[u8]) -> Option<Staged> {
        if self.is_empty() {
            return None;
        }
        self.table.read().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }

    /// Nothing is staged.
    pub fn is_empty(&self) -> bool {
        self.len.load(Ordering::SeqCst) == 0
    }

    /// Rises whenever entries are about to leave. While it stands still, a key that was not staged and was then
    /// looked up in the engine, and is still not staged, has not changed.
    pub fn retired(&self) -> u64 {
        self.retired.load(Ordering::SeqCst)
    }

    /// Stages the writes of one commit; all appear together.
    pub fn put(&self, sequence: Sequence, writes: &[(Bytes, Option<Bytes>)]) {
        let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
        for (key, value) in writes {
            table.insert(key.clone(), Staged { sequence, value: value.clone() });
        }
        self.len.store(table.len(), Ordering::SeqCst);
    }

    /// The staged keys from `start` up to `end` in the order of the scan, until `limit` of them have values: a
    /// scan of `limit` keys needs none after these.
    pub fn range(&self, start: &[u8], end: &[u8], limit: usize, backwards: bool) -> Vec<(Bytes, Staged)> {
        if self.is_empty() {
            return Vec::new();
        }
        let table = self.table.read().unwrap_or_else(PoisonError::into_inner);
        let range = table.range::<[u8], _>((Bound::Included(start), Bound::Excluded(end)));
        let mut values = 0;
        let enough = |(_, staged): &(&Bytes, &Staged)| {
            let more = values < limit;
            values += usize::from(staged.value.is_some());
            more
        };
        let own = |(key, staged): (&Bytes, &Staged)| (key.clone(), staged.clone());
        if backwards {
            range.rev().take_while(enough).map(own).collect()
        } else {
            range.take_while(enough).map(own).collect()
        }
    }

    /// Removes those of `keys` that no commit after `up_to` has changed.
    pub fn retire(&self, keys: &[Bytes], up_to: Sequence) {
        for step in keys.chunks(RETIRE_STEP) {
            let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
            self.retired.fetch_add(1, Ordering::SeqCst);
            for key in step {
                if table.get(key).is_some_and(|staged| staged.sequence <= up_to) {
                    table.remove(key);
                }
            }
            self.len.store(table.len(), Ordering::SeqCst);
        }
    }
}
