//! The one thread that writes. It takes what is queued, asks the journal for its part, gives the engine one batch, and
//! tells everyone when the disk has it. While the disk works, the next commits gather: the slower the disk, the
//! larger the batches.

use std::borrow::Cow;
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Instant;

use super::Shared;
use super::chunks::{self, Bytes, META_KEY, PART_BYTES_MAX, Stored};
use super::engine::{Edit, Engine};
use super::queue::Queued;
use super::watermark::Watermark;
use crate::store::{Batch, Change, Followed, Journal, Mark, Read, Sequence, StoreError, Write, check_writes, lock};

/// The thread's own state.
pub struct Flusher {
    shared: Arc<Shared>,
    journal: Option<Box<dyn Journal>>,
    /// Entries committed while there is no journal.
    held: Vec<(Sequence, Vec<u8>)>,
    watermark: Watermark,
}

/// What the engine has and the disk may not.
struct Applied {
    last: Sequence,
    keys: Vec<Bytes>,
}

/// A key of a batch; values are in stored form.
pub struct Changed {
    key: Bytes,
    sequence: Sequence,
    before: Option<Vec<u8>>,
    after: Option<Bytes>,
}

impl Changed {
    /// A change of what the database has.
    pub fn new(engine: &dyn Engine, key: Bytes, sequence: Sequence, after: Option<Bytes>) -> Result<Self, StoreError> {
        let before = engine.read(&key, <[u8]>::to_vec)?;
        Ok(Self { key, sequence, before, after })
    }

    /// Adds the change with its parts, removes the parts of the value before it, and tells by how many the number of
    /// keys changes.
    pub fn add<'a>(&'a self, batch: &mut Vec<Edit<'a>>) -> Result<i64, StoreError> {
        let Self { key, sequence, before, after } = self;
        let mut change = 0;
        if let Some(before) = before {
            let before = chunks::parse(before)?;
            for part in 0..before.parts() {
                batch.push((chunks::part_key(key, before.sequence(), part).into(), None));
            }
            change -= 1 + before.parts() as i64;
        }
        match after {
            None if before.is_none() => {}
            None => batch.push((Cow::Borrowed(key), None)),
            Some(value) => {
                let bytes = chunks::bytes(value);
                change += 1;
                if bytes.len() <= PART_BYTES_MAX {
                    batch.push((Cow::Borrowed(key), Some(Cow::Borrowed(value))));
                } else {
                    let stored = Stored::Parts(*sequence, bytes.len());
                    change += stored.parts() as i64;
                    let head = chunks::head(*sequence, bytes.len()).to_vec();
                    batch.push((Cow::Borrowed(key), Some(head.into())));
                    for (part, bytes) in bytes.chunks(PART_BYTES_MAX).enumerate() {
                        batch.push((chunks::part_key(key, *sequence, part).into(), Some(bytes.into())));
                    }
                }
            }
        }
        Ok(change)
    }
}

impl Flusher {
    pub fn new(shared: Arc<Shared>) -> Self {
        let watermark = Watermark::new(&shared.options.dir);
        Self { shared, journal: None, held: Vec::new(), watermark }
    }

    /// Runs until the store is dropped or a write fails.
    pub fn run(mut self) {
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            while let Some(batch) = self.next() {
                self.write(batch)?;
            }
            self.watermark.write(self.shared.waiters.durable());
            self.journal.iter_mut().for_each(|journal| journal.settled());
            Ok::<(), StoreError>(())
        }));
        let why: Arc<str> = match outcome {
            Ok(Ok(())) => "the store is closed".into(),
            Ok(Err(error)) => error.to_string().into(),
            Err(_) => "the storage engine or the journal panicked".into(),
        };
        let mut queue = lock(&self.shared.queue);
        if !queue.closing {
            tracing::error!(%why, "the store can no longer write");
        } else if !self.held.is_empty() {
            tracing::warn!(entries = self.held.len(), "the store closed with journal entries and no journal");
        }
        queue.fail(why.clone());
        drop(queue);
        self.shared.waiters.fail(why);
    }

    /// Waits for the next batch; None at the end.
    fn next(&mut self) -> Option<Vec<Queued>> {
        let shared = self.shared.clone();
        let mut queue = lock(&shared.queue);
        loop {
            if let Some(journal) = queue.journal.take() {
                self.journal = Some(journal);
                if !self.held.is_empty() {
                    return Some(queue.take(&shared.options));
                }
            }
            let now = Instant::now();
            if queue.is_due(&shared.options, now) {
                return Some(queue.take(&shared.options));
            }
            if queue.closing {
                return None;
            }
            queue.idle = true;
            queue = match queue.next_due(&shared.options, now) {
                Some(left) => shared.wake.wait_timeout(queue, left).unwrap_or_else(PoisonError::into_inner).0,
                None => shared.wake.wait(queue).unwrap_or_else(PoisonError::into_inner),
            };
            queue.idle = false;
        }
    }

    /// Writes one batch and tells everyone.
    fn write(&mut self, commits: Vec<Queued>) -> Result<(), StoreError> {
        let bytes: usize = commits.iter().map(|commit| commit.bytes).sum();
        let held_before = self.held.len();
        let count = commits.len();
        let applied = self.apply(commits)?;
        self.shared.engine.sync()?;
        self.shared.batches.fetch_add(1, Ordering::Relaxed);
        self.shared.written.fetch_add(bytes as u64, Ordering::Relaxed);

        self.shared.waiters.advance(applied.last);
        if self.watermark.rise(applied.last) {
            self.journal.iter_mut().for_each(|journal| journal.settled());
        }
        self.shared.staging.retire(&applied.keys, applied.last);
        let mut queue = lock(&self.shared.queue);
        queue.backlog = (queue.backlog + self.held.len()).saturating_sub(count + held_before);
        queue.backlog_bytes = queue.backlog_bytes.saturating_sub(bytes);
        Ok(())
    }

    /// Gives the commits and the journal's writes to the engine in one batch, which a crash leaves whole or undone. sled
    /// locks out readers meanwhile, for about a hundredth of a millisecond a key. (Several smaller batches before
    /// one sync were tried: they cost throughput and the readers gained little.)
    fn apply(&mut self, commits: Vec<Queued>) -> Result<Applied, StoreError> {
        let durable = self.shared.waiters.durable();
        let last = commits.last().map_or(durable, |commit| commit.sequence);
        let mut keys = HashMap::with_capacity(commits.iter().map(|commit| commit.writes.len()).sum());
        for commit in commits {
            if !commit.journal.is_empty() {
                self.held.push((commit.sequence, commit.journal));
            }
            keys.extend(commit.writes.into_iter().map(|(key, value)| (key, (commit.sequence, value))));
        }
        let mut changes = Vec::with_capacity(keys.len() + 2);
        for (key, (sequence, value)) in keys {
            changes.push(Changed::new(&*self.shared.engine, key, sequence, value)?);
        }
        for write in self.record(&changes)? {
            let mut value = write.value.as_deref().map(chunks::whole);
            value.iter_mut().for_each(|value| chunks::stamp(value, last));
            changes.push(Changed::new(&*self.shared.engine, write.key.into(), last, value)?);
        }

        // Held until the engine has the batch, so that a count sees all of it or nothing.
        let mut total = lock(&self.shared.keys);
        let mut batch = Vec::with_capacity(changes.len() + 1);
        let mut now = *total;
        for changed in &changes {
            now = now.wrapping_add_signed(changed.add(&mut batch)?);
        }
        let meta = chunks::meta(last, now);
        batch.push((Cow::Borrowed(&META_KEY), Some(Cow::Borrowed(&meta))));
        self.shared.followers.show(|| followed(Mark { last, pieces: now }, &changes));
        self.shared.engine.apply(&batch)?;
        drop(batch);
        *total = now;
        self.shared.applied.store(last.0, Ordering::SeqCst);
        Ok(Applied { last, keys: changes.into_iter().map(|changed| changed.key).collect() })
    }

    /// What the journal writes about the changes and the entries that are held.
    fn record(&mut self, changes: &[Changed]) -> Result<Vec<Write>, StoreError> {
        let Some(journal) = self.journal.as_mut() else { return Ok(Vec::new()) };
        if self.held.is_empty() && changes.is_empty() {
            return Ok(Vec::new());
        }
        let mut shown = Vec::with_capacity(changes.len());
        for Changed { key, before, after, .. } in changes {
            let before = match before {
                Some(stored) => Some(value_of(&self.shared, key, stored)?),
                None => None,
            };
            shown.push(Change { key, before, after: after.as_deref().map(chunks::bytes) });
        }
        let writes = journal.write(&Batch { entries: &self.held, changes: &shown })?;
        check_writes(&writes)?;
        self.held.clear();
        Ok(writes)
    }
}

/// A value that the engine holds. Only the flusher removes parts, so they are there.
fn value_of<'a>(shared: &Shared, key: &[u8], stored: &'a [u8]) -> Result<Cow<'a, [u8]>, StoreError> {
    if let Stored::Whole(_, value) = chunks::parse(stored)? {
        return Ok(Cow::Borrowed(value));
    }
    let read = shared.resolve(key, super::Found::new(stored)?)?.and_then(|read| read.value);
    read.map(Cow::Owned).ok_or_else(|| StoreError::plain("a part of a value is missing from the database"))
}

/// A batch as those who follow the store get it.
fn followed(after: Mark, changes: &[Changed]) -> Followed {
    let read = |changed: &Changed| Read {
        value: changed.after.as_ref().map(|value| chunks::bytes(value).to_vec()),
        sequence: changed.sequence,
    };
    Followed { after, changes: changes.iter().map(|changed| (changed.key.to_vec(), read(changed))).collect() }
}
