//! The embedded driver, over an engine in this process. `commit` compares and numbers on the caller's thread and leaves the
//! writes in a table in memory, where readers find them at once; one thread carries them to the disk in batches.

mod chunks;
mod compact;
mod directory;
mod engine;
mod fjall;
mod flusher;
mod load;
mod queue;
mod sled;
mod staging;
#[cfg(test)]
mod tests;
mod watermark;

use std::cmp::Ordering as Order;
use std::fs::File;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use self::chunks::{Bytes, META_KEY, Stored};
pub use self::compact::{Compacted, beside, compact};
use self::engine::Engine;
pub use self::engine::EngineKind;
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

/// How a database is opened. `EmbeddedOptions::new` gives the defaults.
#[derive(Clone, Debug)]
pub struct EmbeddedOptions {
    /// The data directory; made if it is not there. One process at a time.
    pub dir: PathBuf,
    /// The engine. Default sled.
    pub engine: EngineKind,
    /// The engine's cache, bytes; sled takes several times as much under load. Default 256 MiB.
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

impl EmbeddedOptions {
    /// The defaults for a directory.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            engine: EngineKind::default(),
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
pub struct Embedded {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
    /// After `shared`: fields are dropped in this order.
    settle: Settle,
}

/// Settles a database that is closed, if much was written.
struct Settle {
    options: EmbeddedOptions,
    due: bool,
}

impl Drop for Settle {
    fn drop(&mut self) {
        if self.due
            && let Err(error) = self.options.engine.settle(&self.options)
        {
            tracing::warn!(%error, "the closed database was not settled: the next start takes longer");
        }
    }
}

/// What the callers and the flusher share.
struct Shared {
    options: EmbeddedOptions,
    engine: Box<dyn Engine>,
    staging: Staging,
    stamps: Stamps,
    queue: Mutex<Queue>,
    /// Wakes the flusher.
    wake: Condvar,
    waiters: Waiters,
    /// The highest commit that changed a key.
    latest: AtomicU64,
    /// Keys in the engine, without the meta key. The flusher holds it while it changes the engine.
    keys: Mutex<u64>,
    /// Batches written since the start.
    batches: AtomicU64,
    /// Bytes of commits written since the start.
    written: AtomicU64,
    /// The last commit that is in the engine, durable or not yet.
    applied: AtomicU64,
    /// Those who get a copy of each batch.
    followers: Followers,
    /// Freed last, when the engine is closed.
    lock: File,
}

/// A value in parts may be replaced while it is read; so many times it is read anew.
const READ_TRIES_MAX: usize = 100;

impl Embedded {
    /// Opens the database in `options.dir`. Fails if another process has it open, if it is damaged beyond what a
    /// rebuild from its log cures, or if the disk fails.
    pub fn open(options: EmbeddedOptions) -> Result<Self, StoreError> {
        let opened = directory::open(&options)?;
        let settle = Settle { options: options.clone(), due: false };
        let shared = Arc::new(Shared {
            options,
            engine: opened.engine,
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
        let flusher = Flusher::new(shared.clone());
        let thread = thread::Builder::new().name("store-flusher".into()).spawn(move || flusher.run());
        let thread = thread.map_err(|e| StoreError::new("cannot start the thread that writes", e))?;
        Ok(Self { shared, thread: Some(thread), settle })
    }

    /// Counts all keys and compares with the number written in the last batch: a flipped bit can make an engine lose a
    /// page without a word. Gives (expected, found), or None for a database that never had a commit. Reads
    /// everything, and holds back the disk (not the commits, up to the backlog) while it does.
    pub fn count_check(&self) -> Result<Option<(u64, u64)>, StoreError> {
        let _still = lock(&self.shared.keys);
        let Some(meta) = self.shared.engine.read(&META_KEY, chunks::parse_meta)? else { return Ok(None) };
        let (_, expected) = meta?;
        Ok(Some((expected, count_keys(&*self.shared.engine)?)))
    }

    /// Batches written since the store was opened: commits divided by batches is the gain of the common sync.
    pub fn batches(&self) -> u64 {
        self.shared.batches.load(Ordering::Relaxed)
    }
}

impl Store for Embedded {
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
        // Between two batches: what is in the engine now, every scan from here on sees.
        let pieces = lock(&self.shared.keys);
        let at = Mark { last: Sequence(self.shared.applied.load(Ordering::SeqCst)), pieces: *pieces };
        Ok(self.shared.followers.add(at, bytes_max))
    }
}

impl Drop for Embedded {
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
            // Staging first: what leaves it is in the engine by then.
            if let Some(Staged { sequence, value }) = self.staging.get(key) {
                return Ok(Read { value: value.map(|value| chunks::bytes(&value).to_vec()), sequence });
            }
            match self.engine.read(key, Found::new)? {
                None => return Ok(Read { value: None, sequence: Sequence(0) }),
                Some(found) => {
                    if let Some(read) = self.resolve(key, found?)? {
                        return Ok(read);
                    }
                }
            }
        }
        Err(StoreError::plain("a part of a value is missing from the database"))
    }

    /// The value that the engine holds under a key; None if its parts are gone, because the value was replaced.
    fn resolve(&self, key: &[u8], found: Found) -> Result<Option<Read>, StoreError> {
        let (sequence, length) = match found {
            Found::Whole(read) => return Ok(Some(read)),
            Found::Parts(sequence, length) => (sequence, length),
        };
        let mut value = Vec::with_capacity(length.min(super::VALUE_BYTES_MAX));
        for part in 0..Stored::Parts(sequence, length).parts() {
            let name = chunks::part_key(key, sequence, part);
            if self.engine.read(&name, |bytes| value.extend_from_slice(bytes))?.is_none() {
                return Ok(None);
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
        self.engine.read(key, |stored| Ok(chunks::parse(stored)?.sequence()))?.transpose()
    }

    /// Merges the staged keys over those of the engine.
    fn scan(
        &self,
        start: &[u8],
        end: &[u8],
        limit: usize,
        backwards: bool,
    ) -> Result<Vec<(Vec<u8>, Read)>, StoreError> {
        let mut staged = self.staging.range(start, end, limit, backwards).into_iter().peekable();
        let mut found = Vec::with_capacity(limit.min(64));
        let mut failed = None;
        self.engine.scan(start, end, backwards, &mut |key, stored| {
            let order = |other: &[u8]| if backwards { key.cmp(other) } else { other.cmp(key) };
            while found.len() < limit
                && let Some((other, state)) = staged.next_if(|(other, _)| order(other) != Order::Greater)
            {
                let same = &*other == key;
                found.extend(shown(&other, state));
                if same {
                    return found.len() < limit;
                }
            }
            if found.len() < limit {
                match self.shown_on_disk(key, stored) {
                    Ok(read) => found.extend(read.map(|read| (key.to_vec(), read))),
                    Err(error) => failed = Some(error),
                }
            }
            failed.is_none() && found.len() < limit
        })?;
        if let Some(error) = failed {
            return Err(error);
        }
        found.extend(staged.filter_map(|(key, state)| shown(&key, state)).take(limit - found.len()));
        Ok(found)
    }

    /// What a scan shows of a key that is not staged.
    fn shown_on_disk(&self, key: &[u8], stored: &[u8]) -> Result<Option<Read>, StoreError> {
        let read = match self.resolve(key, Found::new(stored)?)? {
            Some(read) => read,
            None => self.read(key)?,
        };
        Ok(read.value.is_some().then_some(read))
    }

    fn commit(&self, commit: Commit) -> Result<Sequence, CommitError> {
        let Commit { expect, writes, journal } = commit;
        check_writes(&writes).map_err(CommitError::Store)?;
        // Before the lock: all that costs time. Looking keys up in the engine can wait for a batch that is being applied.
        let retired = self.staging.retired();
        for Expect { key, version } in &expect {
            check_key(key).map_err(CommitError::Store)?;
            if self.version(key).map_err(CommitError::Store)? != *version {
                return Err(CommitError::Conflict);
            }
        }
        let mut bytes = journal.len();
        let mut writes: Vec<(Bytes, Option<Bytes>)> = writes
            .into_iter()
            .map(|write| {
                bytes += write.key.len() + write.value.as_ref().map_or(0, Vec::len);
                (write.key.into(), write.value.as_deref().map(chunks::whole))
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

    /// Refuses to fill the disk to the brim: a full one poisons the engine.
    fn check_space(&self, queue: &mut Queue, changes: bool) -> Result<(), StoreError> {
        const EVERY: Duration = Duration::from_secs(1);
        let now = Instant::now();
        let free = match queue.space {
            Some((when, free)) if now.duration_since(when) < EVERY => free,
            _ => {
                let free = directory::free_bytes(&self.options.dir);
                let free = free.map_err(|e| StoreError::new("cannot tell the free space of the data directory", e))?;
                queue.space = Some((now, free));
                free
            }
        };
        let needed = if changes { self.options.free_bytes_min } else { self.options.free_bytes_min / 2 };
        if free >= needed { Ok(()) } else { Err(StoreError::plain("the disk is nearly full: the store only reads")) }
    }
}

/// A value as it was found, out of the hands of the engine.
enum Found {
    /// The value itself.
    Whole(Read),
    /// The value is in parts, of this length in bytes.
    Parts(Sequence, usize),
}

impl Found {
    fn new(stored: &[u8]) -> Result<Self, StoreError> {
        Ok(match chunks::parse(stored)? {
            Stored::Whole(sequence, value) => Self::Whole(Read { value: Some(value.to_vec()), sequence }),
            Stored::Parts(sequence, length) => Self::Parts(sequence, length),
        })
    }
}

/// What a scan shows of a staged key; None if it was removed.
fn shown(key: &[u8], staged: Staged) -> Option<(Vec<u8>, Read)> {
    let value = Some(chunks::bytes(&staged.value?).to_vec());
    Some((key.to_vec(), Read { value, sequence: staged.sequence }))
}

/// Every key but the meta key.
fn count_keys(engine: &dyn Engine) -> Result<u64, StoreError> {
    let mut count = 0;
    engine.scan(&[], &directory::EVERYTHING, false, &mut |key, _| {
        count += u64::from(key != META_KEY);
        true
    })?;
    Ok(count)
}
