//! What is committed and waits for the flusher.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::EmbeddedOptions;
use super::chunks::Bytes;
use crate::store::{Journal, Sequence};

/// A commit on its way to the disk.
pub struct Queued {
    pub sequence: Sequence,
    /// Values in stored form, see `chunks::whole`.
    pub writes: Vec<(Bytes, Option<Bytes>)>,
    pub journal: Vec<u8>,
    /// Weight in the backlog, bytes.
    pub bytes: usize,
}

/// What waits, and what the flusher must know about it. One mutex guards it; commits are numbered under it.
#[derive(Default)]
pub struct Queue {
    /// The last number given.
    pub last: Sequence,
    /// In order of their numbers.
    commits: VecDeque<Queued>,
    /// How many of them change keys, and so cannot wait.
    writing: usize,
    /// How many of them have a journal entry.
    entries: usize,
    /// Since when the oldest commit of an entry alone may be waiting.
    since: Option<Instant>,
    /// Somebody waits for this commit.
    pub wanted: Sequence,
    /// Commits that are not durable yet, with those being written, and entries that wait for a journal.
    pub backlog: usize,
    /// The same in bytes.
    pub backlog_bytes: usize,
    /// A journal on its way to the flusher.
    pub journal: Option<Box<dyn Journal>>,
    /// The flusher sleeps.
    pub idle: bool,
    /// The store is being dropped.
    pub closing: bool,
    /// Why nothing can be written any more.
    pub failed: Option<Arc<str>>,
    /// When free space was last looked at, and how many bytes there were.
    pub space: Option<(Instant, u64)>,
}

impl Queue {
    /// An empty queue after the commit `last`.
    pub fn after(last: Sequence) -> Self {
        Self { last, ..Self::default() }
    }

    /// Adds a commit. True if the flusher must know of it now; commits of an entry alone do not wake it one by one.
    pub fn push(&mut self, commit: Queued, entries_max: usize) -> bool {
        let changes = !commit.writes.is_empty();
        self.backlog += 1;
        self.backlog_bytes += commit.bytes;
        self.entries += usize::from(!commit.journal.is_empty());
        self.writing += usize::from(changes);
        let first = self.since.is_none();
        if !changes {
            self.since.get_or_insert_with(Instant::now);
        }
        self.commits.push_back(commit);
        changes || first || self.entries >= entries_max
    }

    /// The next batch: whole commits, at least one, up to the limits.
    pub fn take(&mut self, options: &EmbeddedOptions) -> Vec<Queued> {
        let (mut keys, mut bytes, mut entries) = (0, 0, 0);
        let mut taken = Vec::new();
        while let Some(next) = self.commits.front() {
            keys += next.writes.len();
            bytes += next.bytes;
            entries += usize::from(!next.journal.is_empty());
            let full = keys > options.batch_keys_max
                || bytes > options.batch_bytes_max
                || entries > options.journal_entries_max;
            if full && !taken.is_empty() {
                break;
            }
            let Some(next) = self.commits.pop_front() else { break };
            self.writing -= usize::from(!next.writes.is_empty());
            self.entries -= usize::from(!next.journal.is_empty());
            taken.push(next);
        }
        self.since = (!self.commits.is_empty()).then(Instant::now);
        taken
    }

    /// There is something to write that should not wait.
    pub fn is_due(&self, options: &EmbeddedOptions, now: Instant) -> bool {
        self.writing > 0
            || self.entries >= options.journal_entries_max
            || self.commits.front().is_some_and(|front| {
                self.closing
                    || front.sequence <= self.wanted
                    || self.since.is_some_and(|since| now.duration_since(since) >= options.journal_delay)
            })
    }

    /// How long from `now` until something is due that is not yet; None if nothing waits.
    pub fn next_due(&self, options: &EmbeddedOptions, now: Instant) -> Option<Duration> {
        Some(options.journal_delay.saturating_sub(now.duration_since(self.since?)))
    }

    /// Nothing more will be written: lets go of what waits.
    pub fn fail(&mut self, why: Arc<str>) {
        self.failed = Some(why);
        self.commits = VecDeque::new();
    }
}
