//! The embedded driver: sled 0.34.7, one tree. `commit` compares and numbers on the caller's thread and leaves the
//! writes in a table in memory, where readers find them at once; one thread carries them to the disk in batches.

mod chunks;
mod compact;
mod flusher;
mod load;
mod open;
mod queue;
mod staging;
#[cfg(test)]
mod tests;
mod watermark;

use std::cmp::Ordering as Order;
use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use sled::{Db, IVec};

use self::chunks::{META_KEY, Stored};
pub use self::compact::Compacted;
use self::flusher::Flusher;
pub use self::load::{Loader, confirm_load};
use self::queue::{Queue, Queued};
use self::staging::{Staged, Staging};
use super::follow::Followers;
use super::stamps::Stamps;
use super::waiters::{Waiters, failure};
use super::{
    Commit, CommitError, Expect, Follower, Journal, Mark, Range, Read, Sequence, Store, StoreError, Wake, check_key,
    check_writes, clamp, lock,
};

/// How a database is opened. `SledOptions::new` gives the defaults.
#[derive(Clone, Debug)]
pub struct SledOptions {
    /// The data directory; made if it is not there. One process at a time.
    pub dir: PathBuf,
    /// sled's page cache, bytes; sled takes several times as much under load. Default 256 MiB.
    pub cache_bytes: u64,
    /// A file that only takes up space, so that a full disk can still be opened; zero for none. Default 64 MiB.
    pub ballast_bytes: u64,
    /// With less free space than this, bytes, changes are refused; with less than half of it, journal entries alone
    /// too, without which nobody may read. Looked at once a second at most. Default 256 MiB.
    pub free_bytes_min: u64,
    /// How long a commit of a journal entry alone may wait for the disk. Default 100 ms.
    pub journal_delay: Duration,
    /// How many journal entries may wait, and how many one batch may hold. Default 4096.
    pub journal_entries_max: usize,
    /// Commits that are not durable yet; above this `commit` answers Busy. Default 65536.
    pub backlog_commits_max: usize,
    /// The same in bytes of keys, values and entries; a commit that finds nothing waiting is always taken.
    /// Default 64 MiB.
    pub backlog_bytes_max: usize,
    /// Keys in a batch, if it has more than one commit. Readers wait for a batch to be applied (1000 keys: about
    /// 10 ms), and sled's memory grows with it. Default 1000.
    pub batch_keys_max: usize,
    /// The same in bytes. Default 1 MiB.
    pub batch_bytes_max: usize,
    /// If so much was written, bytes, closing the database makes it ready for a fast start: a second of log or more.
    /// Default 256 MiB.
    pub settle_bytes: u64,
    /// Opens also what `Loader` has filled and nobody has confirmed. Default false.
    pub loading: bool,
}

impl SledOptions {
    /// The defaults for a directory.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            cache_bytes: 256 << 20,
            ballast_bytes: 64 << 20,
            free_bytes_min: 256 << 20,
            journal_delay: Duration::from_millis(100),
            journal_entries_max: 4096,
            backlog_commits_max: 65_536,
            backlog_bytes_max: 64 << 20,
            batch_keys_max: 1000,
            batch_bytes_max: 1 << 20,
            settle_bytes: 256 << 20,
            loading: false,
        }
    }
}

/// An open database. Dropping it writes what is queued and closes it.
pub struct Sled {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
    /// After `shared`: fields are dropped in this order.
    settle: Settle,
}

/// Settles a database that is closed, if much was written.
struct Settle {
    options: SledOptions,
    due: bool,
}

impl Drop for Settle {
    fn drop(&mut self) {
        if self.due
            && let Err(error) = open::settle(&self.options)
        {
            tracing::warn!(%error, "the closed database was not settled: the next start takes longer");
        }
    }
}

/// What the callers and the flusher share.
struct Shared {
    options: SledOptions,
    db: Db,
    staging: Staging,
    stamps: Stamps,
    queue: Mutex<Queue>,
    /// Wakes the flusher.
    wake: Condvar,
    waiters: Waiters,
    /// The highest commit that changed a key.
    latest: AtomicU64,
    /// Keys in sled, without the meta key. The flusher holds it while it changes sled.
    keys: Mutex<u64>,
    /// Batches written since the start.
    batches: AtomicU64,
    /// Bytes of commits written since the start.
    written: AtomicU64,
    /// The last commit that is in sled, durable or not yet.
    applied: AtomicU64,
    /// Those who get a copy of each batch.
    followers: Followers,
    /// Freed last, when sled is closed.
    lock: File,
}

/// A value in parts may be replaced while it is read; so many times it is read anew.
const READ_TRIES_MAX: usize = 100;

impl Sled {
    /// Opens the database in `options.dir`. Fails if another process has it open, if it is damaged beyond what a
    /// rebuild from its log cures, or if the disk fails.
    pub fn open(options: SledOptions) -> Result<Self, StoreError> {
        let opened = open::open(&options)?;
        let settle = Settle { options: options.clone(), due: false };
        let shared = Arc::new(Shared {
            options,
            db: opened.db,
            staging: Staging::default(),
            stamps: Stamps::default(),
            queue: Mutex::new(Queue::after(opened.last)),
            wake: Condvar::new(),
            waiters: Waiters::new(opened.last),
            latest: AtomicU64::new(opened.last.0),
            keys: Mutex::new(opened.keys),
            batches: AtomicU64::new(0),
            written: AtomicU64::new(0),
            applied: AtomicU64::new(opened.last.0),
            followers: Followers::default(),
            lock: opened.lock,
        });
        let flusher = Flusher::new(shared.clone(), opened.data);
        let thread = thread::Builder::new().name("store-flusher".into()).spawn(move || flusher.run());
        let thread = thread.map_err(|e| StoreError::new("cannot start the thread that writes", e))?;
        Ok(Self { shared, thread: Some(thread), settle })
    }

    /// Counts all keys and compares with the number written in the last batch: a flipped bit can make sled lose a
    /// page without a word. Gives (expected, found), or None for a database that never had a commit. Reads
    /// everything, and holds back the disk (not the commits, up to the backlog) while it does.
    pub fn count_check(&self) -> Result<Option<(u64, u64)>, StoreError> {
        let _still = lock(&self.shared.keys);
        let Some(meta) = guarded("cannot read the last commit", || self.shared.db.get(META_KEY))? else {
            return Ok(None);
        };
        let (_, expected) = chunks::parse_meta(&meta)?;
        Ok(Some((expected, count_keys(&self.shared.db)?)))
    }

    /// Batches written since the store was opened: commits divided by batches is the gain of the common sync.
    pub fn batches(&self) -> u64 {
        self.shared.batches.load(Ordering::Relaxed)
    }
}

impl Store for Sled {
    fn get(&self, key: &[u8]) -> Result<Read, StoreError> {
        check_key(key)?;
        self.shared.read(key)
    }

    fn version(&self, key: &[u8]) -> Result<Option<Sequence>, StoreError> {
        check_key(key)?;
        self.shared.version(key)
    }

    fn stamp(&self, key: &[u8]) -> Option<u64> {
        self.shared.stamps.get(key)
    }

    fn scan(&self, range: Range<'_>, limit: usize, backwards: bool) -> Result<Vec<(Vec<u8>, Read)>, StoreError> {
        match clamp(range) {
            Some((start, end)) if limit > 0 => self.shared.scan(start, end, limit, backwards),
            _ => Ok(Vec::new()),
        }
    }

    fn latest(&self) -> Sequence {
        Sequence(self.shared.latest.load(Ordering::SeqCst))
    }

    fn commit(&self, commit: Commit) -> Result<Sequence, CommitError> {
        self.shared.commit(commit)
    }

    fn durable(&self) -> Sequence {
        self.shared.waiters.durable()
    }

    fn when_durable(&self, sequence: Sequence, wake: Wake) {
        self.shared.waiters.wait(sequence, wake);
        // A commit that changed a key is on its way already; one of an entry alone is not.
        if sequence > self.durable() && sequence > self.latest() {
            let mut queue = lock(&self.shared.queue);
            queue.wanted = queue.wanted.max(sequence);
            self.shared.wake.notify_one();
        }
    }

    fn set_journal(&self, journal: Box<dyn Journal>) {
        lock(&self.shared.queue).journal = Some(journal);
        self.shared.wake.notify_one();
    }

    fn follow(&self, bytes_max: usize) -> Result<Follower, StoreError> {
        if let Some(why) = &lock(&self.shared.queue).failed {
            return Err(failure(why));
        }
        // Between two batches: what is in sled now, every scan from here on sees.
        let pieces = lock(&self.shared.keys);
        let at = Mark { last: Sequence(self.shared.applied.load(Ordering::SeqCst)), pieces: *pieces };
        Ok(self.shared.followers.add(at, bytes_max))
    }
}

impl Drop for Sled {
    fn drop(&mut self) {
        let mut queue = lock(&self.shared.queue);
        queue.closing = true;
        let failed = queue.failed.is_some();
        drop(queue);
        self.shared.wake.notify_one();
        // A wake may own the last reference; then the flusher ends by itself, after the wake.
        if let Some(thread) = self.thread.take()
            && thread.thread().id() != thread::current().id()
            && thread.join().is_err()
        {
            tracing::error!("the thread that writes the store panicked");
        }
        self.settle.due = !failed && self.shared.written.load(Ordering::Relaxed) >= self.settle.options.settle_bytes;
    }
}

impl Shared {
    fn read(&self, key: &[u8]) -> Result<Read, StoreError> {
        for _ in 0..READ_TRIES_MAX {
            // Staging first: what leaves it is in sled by then.
            if let Some(Staged { sequence, value }) = self.staging.get(key) {
                return Ok(Read { value: value.map(|value| chunks::bytes(&value).to_vec()), sequence });
            }
            let Some(stored) = guarded("cannot read the database", || self.db.get(key))? else {
                return Ok(Read { value: None, sequence: Sequence(0) });
            };
            if let Some(read) = self.resolve(key, &stored)? {
                return Ok(read);
            }
        }
        Err(StoreError::plain("a part of a value is missing from the database"))
    }

    /// The value in what sled holds under a key; None if its parts are gone, because the value was replaced.
    fn resolve(&self, key: &[u8], stored: &[u8]) -> Result<Option<Read>, StoreError> {
        let stored = chunks::parse(stored)?;
        let (sequence, length) = match stored {
            Stored::Whole(sequence, value) => return Ok(Some(Read { value: Some(value.to_vec()), sequence })),
            Stored::Parts(sequence, length) => (sequence, length),
        };
        let mut value = Vec::with_capacity(length.min(super::VALUE_BYTES_MAX));
        for part in 0..stored.parts() {
            let name = chunks::part_key(key, sequence, part);
            match guarded("cannot read the database", || self.db.get(&name))? {
                Some(bytes) => value.extend_from_slice(&bytes),
                None => return Ok(None),
            }
        }
        if value.len() != length {
            return Err(StoreError::plain("the parts of a value do not have its length"));
        }
        Ok(Some(Read { value: Some(value), sequence }))
    }

    /// The version of the value a key has.
    fn version(&self, key: &[u8]) -> Result<Option<Sequence>, StoreError> {
        if let Some(staged) = self.staging.get(key) {
            return Ok(staged.value.map(|_| staged.sequence));
        }
        match guarded("cannot read the database", || self.db.get(key))? {
            Some(stored) => Ok(Some(chunks::parse(&stored)?.sequence())),
            None => Ok(None),
        }
    }

    /// Merges the staged keys over those of sled.
    fn scan(
        &self,
        start: &[u8],
        end: &[u8],
        limit: usize,
        backwards: bool,
    ) -> Result<Vec<(Vec<u8>, Read)>, StoreError> {
        let mut staged = self.staging.range(start, end, limit, backwards).into_iter().peekable();
        let mut on_disk = self.db.range(start..end);
        let mut next_on_disk = || {
            guarded("cannot read the database", || {
                if backwards { on_disk.next_back().transpose() } else { on_disk.next().transpose() }
            })
        };
        let mut disk = None;
        let mut advance = true;
        let mut found = Vec::with_capacity(limit.min(64));
        while found.len() < limit {
            if advance {
                disk = next_on_disk()?;
            }
            let order = match (staged.peek(), &disk) {
                (None, None) => break,
                (Some(_), None) => Order::Less,
                (None, Some(_)) => Order::Greater,
                (Some((a, _)), Some((b, _))) if backwards => b.cmp(a),
                (Some((a, _)), Some((b, _))) => a.cmp(b),
            };
            advance = order != Order::Less;
            if order != Order::Greater {
                if let Some((key, Staged { sequence, value: Some(value) })) = staged.next() {
                    found.push((key.to_vec(), Read { value: Some(chunks::bytes(&value).to_vec()), sequence }));
                }
            } else if let Some((key, stored)) = disk.take() {
                let read = match self.resolve(&key, &stored)? {
                    Some(read) => read,
                    None => self.read(&key)?,
                };
                if read.value.is_some() {
                    found.push((key.to_vec(), read));
                }
            }
        }
        Ok(found)
    }

    fn commit(&self, commit: Commit) -> Result<Sequence, CommitError> {
        let Commit { expect, writes, journal } = commit;
        check_writes(&writes).map_err(CommitError::Store)?;
        // Before the lock: all that costs time. Looking keys up in sled can wait for a batch that is being applied.
        let retired = self.staging.retired();
        for Expect { key, version } in &expect {
            check_key(key).map_err(CommitError::Store)?;
            if self.version(key).map_err(CommitError::Store)? != *version {
                return Err(CommitError::Conflict);
            }
        }
        let mut bytes = journal.len();
        let mut writes: Vec<(IVec, Option<IVec>)> = writes
            .into_iter()
            .map(|write| {
                bytes += write.key.len() + write.value.as_ref().map_or(0, Vec::len);
                (IVec::from(write.key), write.value.as_deref().map(chunks::whole))
            })
            .collect();

        let mut queue = lock(&self.queue);
        if let Some(why) = &queue.failed {
            return Err(CommitError::Store(failure(why)));
        }
        self.check_space(&mut queue, !writes.is_empty()).map_err(CommitError::Store)?;
        if queue.backlog >= self.options.backlog_commits_max
            || (queue.backlog_bytes > 0 && queue.backlog_bytes + bytes > self.options.backlog_bytes_max)
        {
            return Err(CommitError::Busy);
        }
        for Expect { key, version } in &expect {
            let changed = match self.staging.get(key) {
                Some(staged) => staged.value.map(|_| staged.sequence) != *version,
                None if self.staging.retired() == retired => false,
                None => self.version(key).map_err(CommitError::Store)? != *version,
            };
            if changed {
                return Err(CommitError::Conflict);
            }
        }

        let sequence = Sequence(queue.last.0 + 1);
        queue.last = sequence;
        for value in writes.iter_mut().filter_map(|(_, value)| value.as_mut()) {
            chunks::stamp(value, sequence);
        }
        if !writes.is_empty() {
            // First the number, then the change: whoever misses a removed key then sees a number that covers it.
            self.latest.store(sequence.0, Ordering::SeqCst);
            let keys = writes.iter().map(|(key, _)| &**key);
            self.stamps.changing(keys, || self.staging.put(sequence, &writes));
        }
        let hurry = queue.push(Queued { sequence, writes, journal, bytes }, self.options.journal_entries_max);
        if hurry && queue.idle {
            self.wake.notify_one();
        }
        Ok(sequence)
    }

    /// Refuses to fill the disk to the brim: a full one poisons sled.
    fn check_space(&self, queue: &mut Queue, changes: bool) -> Result<(), StoreError> {
        const EVERY: Duration = Duration::from_secs(1);
        let now = Instant::now();
        let free = match queue.space {
            Some((when, free)) if now.duration_since(when) < EVERY => free,
            _ => {
                let free = open::free_bytes(&self.options.dir);
                let free = free.map_err(|e| StoreError::new("cannot tell the free space of the data directory", e))?;
                queue.space = Some((now, free));
                free
            }
        };
        let needed = if changes { self.options.free_bytes_min } else { self.options.free_bytes_min / 2 };
        if free >= needed { Ok(()) } else { Err(StoreError::plain("the disk is nearly full: the store only reads")) }
    }
}

/// Every key but the meta key.
fn count_keys(db: &Db) -> Result<u64, StoreError> {
    guarded("cannot read the database", || {
        let mut count = 0;
        for entry in db.iter() {
            count += u64::from(entry?.0 != META_KEY);
        }
        Ok(count)
    })
}

/// Calls sled, which panics where it should return an error.
fn guarded<T>(what: &'static str, call: impl FnOnce() -> Result<T, sled::Error>) -> Result<T, StoreError> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(outcome) => outcome.map_err(|e| StoreError::new(what, e)),
        Err(_) => Err(StoreError::new(what, "the storage engine panicked")),
    }
}
