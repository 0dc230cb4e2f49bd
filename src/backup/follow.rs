//! A store, while it works, row by row: a scan of its keys, and between two pages what has changed meanwhile.

use super::BackupError;
use crate::store::{Follower, Mark, Range, Sequence, Store};

/// Keys that one scan reads: even if all had the longest values that objects have, they fit into memory.
const PAGE: usize = 64;
/// How much may be written to the store while the copy waits for its own output, bytes.
const BEHIND_BYTES_MAX: usize = 64 << 20;

/// Takes a row: the commit, the key, and its value or none for a key that was removed.
pub type Take<'a> = dyn FnMut(Sequence, &[u8], Option<&[u8]>) -> Result<(), BackupError> + 'a;

/// A copy on its way.
pub struct Following<'a> {
    store: &'a dyn Store,
    follower: Follower,
    /// The state after the last batch that was written.
    at: Mark,
}

impl<'a> Following<'a> {
    /// Begins. What was acknowledged before is on the disk by then, and in the copy.
    ///
    /// # Errors
    /// The store can no longer write.
    pub fn begin(store: &'a dyn Store) -> Result<Self, BackupError> {
        store.wait_durable(store.latest())?;
        let follower = store.follow(BEHIND_BYTES_MAX)?;
        Ok(Self { store, at: follower.begun(), follower })
    }

    /// The state before it.
    pub fn begun(&self) -> Mark {
        self.follower.begun()
    }

    /// Shows the rows of a range; of several for a key the last one counts. Together they are the state after the batch
    /// that this returns.
    ///
    /// # Errors
    /// The store or `take` fails; or more is written to the store than `take` can take.
    pub fn run(mut self, range: Range<'_>, take: &mut Take<'_>) -> Result<Mark, BackupError> {
        self.scan(range, take)?;
        // All that the scan saw is to be durable; the copy ends with the first batch that has it.
        let seen = self.store.latest().max(self.follower.at().last);
        self.store.wait_durable(seen)?;
        self.changes(range, seen, take)?;
        Ok(self.at)
    }

    /// Every key, and between two pages what has changed meanwhile: a page shows at least what was written before it, so of
    /// several rows with one key the last is the newest.
    fn scan(&mut self, range: Range<'_>, take: &mut Take<'_>) -> Result<(), BackupError> {
        let mut start = range.start.to_vec();
        loop {
            let page = self.store.scan(Range { start: &start, end: range.end }, PAGE, false)?;
            for (key, read) in &page {
                take(read.sequence, key, read.value.as_deref())?;
            }
            self.changes(range, Sequence(u64::MAX), take)?;
            match page.into_iter().next_back() {
                Some((last, _)) => start = [&last[..], &[0]].concat(),
                None => return Ok(()),
            }
        }
    }

    /// The batches that wait, up to the first that reaches `up_to`.
    fn changes(&mut self, range: Range<'_>, up_to: Sequence, take: &mut Take<'_>) -> Result<(), BackupError> {
        for batch in self.follower.take()? {
            if self.at.last >= up_to {
                break;
            }
            for (key, read) in batch.changes.iter().filter(|(key, _)| (range.start..range.end).contains(&&key[..])) {
                take(read.sequence, key, read.value.as_deref())?;
            }
            self.at = batch.after;
        }
        Ok(())
    }
}
