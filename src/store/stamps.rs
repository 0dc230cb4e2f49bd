//! Stamps of keys: whoever has read a value can tell without looking that it is still the same.
//!
//! A key belongs to one of a few thousand numbers, by its hash. The number is odd while a commit changes keys that belong
//! to it, and has risen when it is even again. Commits change them one at a time, under the lock that numbers them.

use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::sync::atomic::{AtomicU64, Ordering};

use super::Write;

/// So few keys share a number that a busy store seldom makes an idle key look changed; 32 KiB.
const NUMBERS: usize = 4096;

/// The numbers.
pub(super) struct Stamps {
    numbers: Box<[AtomicU64]>,
    /// The same in every process, so that a simulation does the same again. Keys that somebody chose to share a number make
    /// each other be looked up, no more.
    hash: BuildHasherDefault<DefaultHasher>,
}

impl Default for Stamps {
    fn default() -> Self {
        Self { numbers: (0..NUMBERS).map(|_| AtomicU64::new(0)).collect(), hash: BuildHasherDefault::default() }
    }
}

impl Stamps {
    /// The stamp of a key; None while a commit changes it.
    pub(super) fn get(&self, key: &[u8]) -> Option<u64> {
        let stamp = self.number(key).load(Ordering::SeqCst);
        stamp.is_multiple_of(2).then_some(stamp)
    }

    /// Changes keys: until `change` returns, none of them has a stamp. One caller at a time.
    pub(super) fn changing<'a, T>(
        &self,
        keys: impl Iterator<Item = &'a [u8]> + Clone,
        change: impl FnOnce() -> T,
    ) -> T {
        for key in keys.clone() {
            self.number(key).fetch_or(1, Ordering::SeqCst);
        }
        let changed = change();
        for key in keys {
            let number = self.number(key);
            // Two of the keys may share it.
            if !number.load(Ordering::SeqCst).is_multiple_of(2) {
                number.fetch_add(1, Ordering::SeqCst);
            }
        }
        changed
    }

    fn number(&self, key: &[u8]) -> &AtomicU64 {
        &self.numbers[self.hash.hash_one(key) as usize % NUMBERS]
    }
}

/// The keys of writes.
pub(super) fn keys(writes: &[Write]) -> impl Iterator<Item = &[u8]> + Clone {
    writes.iter().map(|write| &*write.key)
}
