//! Room 3: bytes on disk. A store keeps values under keys, compares before it commits, and says when a commit is
//! durable. It knows nothing of objects and trusts nothing to the disk: sealing is above it, in `keep`.
//!
//! # Sequence numbers
//! Every commit has a sequence number, rising by one; a value remembers the number of the commit that wrote it,
//! and that number is its version. Numbers go on rising over restarts. A commit is visible at once and durable
//! later: whoever answers a client on the strength of a value waits until `durable()` has reached its number.
//!
//! # Keys and values
//! A key has at most [`KEY_BYTES_MAX`] bytes and does not begin with the byte [`RESERVED`], which marks what a
//! driver keeps for itself; a value has at most [`VALUE_BYTES_MAX`] bytes. Anything else is an error.
//!
//! # The journal
//! Keys that the journal writes are the journal's alone: no commit writes or expects them. Their version is the
//! last commit of the batch that recorded them. It sees every change of a batch, with what was there before, so that
//! it can keep account of what the store holds.

mod embedded;
mod faults;
mod follow;
mod memory;
mod stamps;
#[cfg(test)]
mod suite;
mod waiters;

use std::borrow::Cow;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

pub use self::embedded::{Compacted, Embedded, EmbeddedOptions, EngineKind, Loader, beside, compact, confirm_load};
pub use self::faults::{FaultPlan, Faults};
pub use self::follow::{Followed, Follower, Mark, pieces};
pub use self::memory::Memory;

/// Longest key, bytes. Sixteen keys with chunks of values stay below the size at which sled leaves its log.
pub const KEY_BYTES_MAX: usize = 1024;

/// Longest value, bytes: far above any KMIP message, far below what one batch may hold in memory.
pub const VALUE_BYTES_MAX: usize = 64 * 1024 * 1024;

/// First byte of keys that drivers keep for themselves.
pub const RESERVED: u8 = 0xFF;

/// The number of a commit.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Sequence(pub u64);

/// What a read saw.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Read {
    /// The value, if there is one.
    pub value: Option<Vec<u8>>,
    /// The commit that wrote the value, or that removed it if that is not yet durable; zero for a key that was
    /// never written or whose removal is durable.
    pub sequence: Sequence,
}

/// What a commit demands of a key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Expect {
    /// The key.
    pub key: Vec<u8>,
    /// The version the key must have now; None demands that the key has no value.
    pub version: Option<Sequence>,
}

/// One change.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Write {
    /// The key.
    pub key: Vec<u8>,
    /// The new value; None removes the key.
    pub value: Option<Vec<u8>>,
}

/// Changes that happen together or not at all, and the journal entry that goes with them.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Commit {
    /// What must still hold.
    pub expect: Vec<Expect>,
    /// What changes.
    pub writes: Vec<Write>,
    /// Entry for the journal, in order of commits; empty for none. A commit of an entry alone is not hurried to
    /// the disk.
    pub journal: Vec<u8>,
}

/// Why a commit did not happen.
#[derive(Debug)]
pub enum CommitError {
    /// A key no longer has the expected version; nothing was changed.
    Conflict,
    /// Too much is waiting for the disk; nothing was changed, and the same commit may be tried later.
    Busy,
    /// The store cannot write.
    Store(StoreError),
}

/// The store failed. Once a write has failed the store refuses writes until it is opened anew.
#[derive(Debug)]
pub struct StoreError {
    what: &'static str,
    cause: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl StoreError {
    /// What was tried, and what went wrong.
    pub fn new(what: &'static str, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self { what, cause: Some(cause.into()) }
    }

    /// What was tried, where there is no other cause.
    pub fn plain(what: &'static str) -> Self {
        Self { what, cause: None }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.cause {
            Some(cause) => write!(f, "{}: {cause}", self.what),
            None => f.write_str(self.what),
        }
    }
}

impl std::error::Error for StoreError {}

/// Called once, when a commit is durable or will never be; runs on the store's own thread, so it must be short.
pub type Wake = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

/// Keys in rising order from `start` (inclusive) to `end` (exclusive).
#[derive(Clone, Copy, Debug)]
pub struct Range<'a> {
    /// First key.
    pub start: &'a [u8],
    /// First key after the range.
    pub end: &'a [u8],
}

/// What goes to the disk at once.
#[derive(Debug)]
pub struct Batch<'a> {
    /// Journal entries in order of their commits, which are the numbers beside them.
    pub entries: &'a [(Sequence, Vec<u8>)],
    /// What the commits change, each key once, in no order.
    pub changes: &'a [Change<'a>],
}

/// What becomes of one key.
#[derive(Debug)]
pub struct Change<'a> {
    /// The key.
    pub key: &'a [u8],
    /// Its value before the batch.
    pub before: Option<Cow<'a, [u8]>>,
    /// Its value after it.
    pub after: Option<&'a [u8]>,
}

/// Turns what a batch does into writes that record it. The store calls it just before the batch goes to the disk; its
/// writes are part of the batch. Batches before the journal was set are not shown to it, their entries are.
pub trait Journal: Send {
    /// The writes that record a batch. After an error the store writes nothing any more.
    fn write(&mut self, batch: &Batch<'_>) -> Result<Vec<Write>, StoreError>;

    /// The batch that `write` saw last is durable. Not said of each: a driver may say it once a second, and when it
    /// closes.
    fn settled(&mut self) {}
}

/// Ordered keys and values with compare-and-commit. Every driver passes the tests of `suite`.
pub trait Store: Send + Sync {
    /// Reads one key.
    fn get(&self, key: &[u8]) -> Result<Read, StoreError>;

    /// The version of the value that a key has; None if it has no value. Cheaper than reading it, where the driver can.
    fn version(&self, key: &[u8]) -> Result<Option<Sequence>, StoreError> {
        let read = self.get(key)?;
        Ok(read.value.map(|_| read.sequence))
    }

    /// A number that stays as it is while the value of the key does; two keys may have the same one. Whoever took it
    /// before reading a value, and finds it again later, knows without looking that the value is still that one. None
    /// where that cannot be told, now or ever.
    fn stamp(&self, _key: &[u8]) -> Option<u64> {
        None
    }

    /// Reads at most `limit` keys that have values, in rising order or, with `backwards`, in falling order. Not a
    /// snapshot: of a commit made while the scan runs, some keys may be seen and others not.
    fn scan(&self, range: Range<'_>, limit: usize, backwards: bool) -> Result<Vec<(Vec<u8>, Read)>, StoreError>;

    /// The highest number of a commit that changed a key. A scan may have missed removals up to this number, so
    /// it is the number to wait for before an answer that rests on absence. Commits of a journal entry alone do
    /// not move it: nobody reads them, and waiting for them would be waiting for the journal's delay.
    fn latest(&self) -> Sequence;

    /// Commits all or nothing, visible at once, and gives the number to wait for.
    fn commit(&self, commit: Commit) -> Result<Sequence, CommitError>;

    /// Every commit up to this number survives a crash.
    fn durable(&self) -> Sequence;

    /// Calls `wake` when `sequence` is durable: at once if it already is. Waiting for a commit of a journal entry
    /// alone hurries it to the disk.
    fn when_durable(&self, sequence: Sequence, wake: Wake);

    /// Blocks until `sequence` is durable. For tools and tests; the server uses `when_durable`.
    fn wait_durable(&self, sequence: Sequence) -> Result<(), StoreError> {
        let (sender, receiver) = std::sync::mpsc::channel();
        self.when_durable(sequence, Box::new(move |outcome| drop(sender.send(outcome))));
        receiver.recv().unwrap_or_else(|_| Err(StoreError::plain("the store closed before the commit was durable")))
    }

    /// Hands over what writes the journal; entries committed before are kept for it and written first. Their
    /// commits may become durable before that, so set the journal before the first commit whose entry matters.
    fn set_journal(&self, journal: Box<dyn Journal>);

    /// Follows the store: the follower gets every batch that goes to the disk from now on, before a reader can see it
    /// there. At most `bytes_max` wait to be taken from it. Together with a scan that begins after this call, the
    /// batches up to any one that is not older than what the scan saw are the state after that batch.
    ///
    /// # Errors
    /// The store can no longer write.
    fn follow(&self, bytes_max: usize) -> Result<Follower, StoreError>;
}

/// Refuses what no driver stores.
fn check_key(key: &[u8]) -> Result<(), StoreError> {
    if key.first() == Some(&RESERVED) {
        return Err(StoreError::plain("a key begins with the byte that is reserved for the store"));
    }
    if key.len() > KEY_BYTES_MAX {
        return Err(StoreError::plain("a key is too long for the store"));
    }
    Ok(())
}

/// The same for changes.
fn check_writes(writes: &[Write]) -> Result<(), StoreError> {
    for write in writes {
        check_key(&write.key)?;
        if write.value.as_ref().is_some_and(|value| value.len() > VALUE_BYTES_MAX) {
            return Err(StoreError::plain("a value is too long for the store"));
        }
    }
    Ok(())
}

/// The part of a range that clients may see.
fn clamp(range: Range<'_>) -> Option<(&[u8], &[u8])> {
    let end = range.end.min(&[RESERVED]);
    (range.start < end).then_some((range.start, end))
}

/// Locks, also after another thread panicked: what these locks guard is changed in steps that cannot panic halfway.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
