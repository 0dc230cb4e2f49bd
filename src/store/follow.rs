//! What is written from a moment on, for a copy made while the store works: a scan sees some of the changes that happen
//! during it and misses others; together with all of them, in order, it is the state after the last.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, Weak};

use super::{Read, Sequence, StoreError, lock};

/// A state that the store had on its disk: the last commit, and how much there was.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Mark {
    /// The last commit.
    pub last: Sequence,
    /// Keys and the further pieces of long values, see [`pieces`].
    pub pieces: u64,
}

/// Longest value that is stored in one piece, bytes.
pub const PIECE_BYTES_MAX: usize = 4096;

/// How many pieces a value counts for: one, and one more for each 4 KiB of a value that is longer than that.
pub fn pieces(bytes: usize) -> u64 {
    1 + if bytes > PIECE_BYTES_MAX { bytes.div_ceil(PIECE_BYTES_MAX) as u64 } else { 0 }
}

/// Commits that reach the disk together, and the state after them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Followed {
    /// The state after it.
    pub after: Mark,
    /// The keys that changed, with what they hold now.
    pub changes: Vec<(Vec<u8>, Read)>,
}

/// Collects batches until it is dropped. What waits to be taken is bounded; nobody who writes ever waits for it.
pub struct Follower {
    begun: Mark,
    feed: Arc<Mutex<Feed>>,
}

#[derive(Default)]
struct Feed {
    batches: VecDeque<Followed>,
    bytes: usize,
    bytes_max: usize,
    at: Mark,
    overrun: bool,
}

impl Follower {
    /// The batches since the last call, in order.
    ///
    /// # Errors
    /// More was written than may wait here: some are lost.
    pub fn take(&self) -> Result<VecDeque<Followed>, StoreError> {
        let mut feed = lock(&self.feed);
        if feed.overrun {
            return Err(StoreError::plain("more is written to the store than the one who follows it can take"));
        }
        feed.bytes = 0;
        Ok(std::mem::take(&mut feed.batches))
    }

    /// The state before the first batch.
    pub fn begun(&self) -> Mark {
        self.begun
    }

    /// The state after the newest batch, taken or not. Whatever a reader of the store has seen from the disk is part of it.
    pub fn at(&self) -> Mark {
        lock(&self.feed).at
    }
}

/// Those who follow a store.
#[derive(Default)]
pub(super) struct Followers(Mutex<Vec<Weak<Mutex<Feed>>>>);

impl Followers {
    /// One more. The store is at `at`, and no batch is on its way while this is called.
    pub fn add(&self, at: Mark, bytes_max: usize) -> Follower {
        let feed = Arc::new(Mutex::new(Feed { at, bytes_max, ..Feed::default() }));
        lock(&self.0).push(Arc::downgrade(&feed));
        Follower { begun: at, feed }
    }

    /// Shows a batch, before any reader can see it on the disk.
    pub fn show(&self, batch: impl Fn() -> Followed) {
        lock(&self.0).retain(|feed| {
            let Some(feed) = feed.upgrade() else { return false };
            let mut feed = lock(&feed);
            let batch = batch();
            feed.at = batch.after;
            feed.bytes += batch.changes.iter().map(|(key, read)| weight(key, read)).sum::<usize>();
            feed.overrun |= feed.bytes > feed.bytes_max && !feed.batches.is_empty();
            if feed.overrun {
                feed.batches.clear()
            } else {
                feed.batches.push_back(batch)
            }
            !feed.overrun
        });
    }
}

fn weight(key: &[u8], read: &Read) -> usize {
    64 + key.len() + read.value.as_ref().map_or(0, Vec::len)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_values_count_their_pieces() {
        for (bytes, expected) in [(0, 1), (4096, 1), (4097, 3), (8192, 3), (8193, 4)] {
            assert_eq!(pieces(bytes), expected, "{bytes}");
        }
    }

    #[test]
    fn who_takes_nothing_is_told_and_holds_nothing() {
        let followers = Followers::default();
        let follower = followers.add(Mark::default(), 1000);
        let batch = |last| Followed {
            after: Mark { last: Sequence(last), pieces: last },
            changes: vec![(b"k".to_vec(), Read { value: Some(vec![0; 700]), sequence: Sequence(last) })],
        };
        followers.show(|| batch(1));
        assert_eq!(follower.take().unwrap(), [batch(1)]);
        followers.show(|| batch(2));
        followers.show(|| batch(3));
        assert!(follower.take().is_err(), "some are lost");
        assert!(lock(&followers.0).is_empty(), "it is followed no longer");
        drop(followers.add(Mark::default(), 1000));
        followers.show(|| batch(4));
        assert!(lock(&followers.0).is_empty(), "whoever is gone is forgotten");
    }
}
