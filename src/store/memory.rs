//! The driver for tests and simulation: everything in memory, durable at once or when the test says so.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Mutex;

use super::follow::{Followers, pieces};
use super::stamps::{self, Stamps};
use super::waiters::Waiters;
use super::{
    Batch, Change, Commit, CommitError, Followed, Follower, Journal, Mark, Range, Read, Sequence, Store, StoreError,
    Wake, Write, check_key, check_writes, clamp, lock,
};

type Table = BTreeMap<Vec<u8>, (Sequence, Option<Vec<u8>>)>;

/// The values of keys before and after a batch.
type Changes = BTreeMap<Vec<u8>, (Option<Vec<u8>>, Option<Vec<u8>>)>;

/// A store in memory.
pub struct Memory {
    state: Mutex<State>,
    stamps: Stamps,
    waiters: Waiters,
}

struct State {
    last: Sequence,
    latest: Sequence,
    /// What readers see; a removed key stays, without value, until its removal is durable.
    visible: Table,
    /// What a crash leaves. None where every commit is durable at once.
    durable: Option<Table>,
    /// Commits that are not durable yet, in order.
    pending: Vec<Pending>,
    /// Entries without a journal.
    held: Vec<(Sequence, Vec<u8>)>,
    journal: Option<Box<dyn Journal>>,
    followers: Followers,
}

struct Pending {
    sequence: Sequence,
    /// Each with the value before it.
    writes: Vec<(Option<Vec<u8>>, Write)>,
    journal: Vec<u8>,
}

impl Default for Memory {
    fn default() -> Self {
        Self::new()
    }
}

impl Memory {
    /// An empty store where a commit is durable when it returns.
    pub fn new() -> Self {
        Self::with(None)
    }

    /// An empty store where commits become durable by `make_durable` alone.
    pub fn manual() -> Self {
        Self::with(Some(Table::new()))
    }

    fn with(durable: Option<Table>) -> Self {
        let state = State {
            last: Sequence(0),
            latest: Sequence(0),
            visible: Table::new(),
            durable,
            pending: Vec::new(),
            held: Vec::new(),
            journal: None,
            followers: Followers::default(),
        };
        Self { state: Mutex::new(state), stamps: Stamps::default(), waiters: Waiters::new(Sequence(0)) }
    }

    /// Makes every commit up to `up_to` durable, as one batch.
    pub fn make_durable(&self, up_to: Sequence) {
        let reached = lock(&self.state).make_durable(up_to);
        // Another thread may have come further in the meantime; the number never falls.
        if reached > self.waiters.durable() {
            self.waiters.advance(reached);
            lock(&self.state).journal.iter_mut().for_each(|journal| journal.settled());
        }
    }

    /// What the loss of power leaves of a `manual` store, opened anew: commits that were not durable are gone, those
    /// who wait for one get an error, their numbers are given again, and there is no journal. A store that is
    /// durable at once loses nothing but the journal.
    pub fn crash(&self) {
        {
            let mut state = lock(&self.state);
            state.journal = None;
            state.held = Vec::new();
            state.pending = Vec::new();
            if let Some(durable) = &state.durable {
                state.visible = durable.clone();
                state.last = self.waiters.durable();
                state.latest = state.last;
            }
        }
        self.waiters.lose();
    }
}

impl State {
    /// The version of the value that a key has.
    fn version(&self, key: &[u8]) -> Option<Sequence> {
        self.visible.get(key).and_then(|(sequence, value)| value.as_ref().map(|_| *sequence))
    }

    fn make_durable(&mut self, up_to: Sequence) -> Sequence {
        let count = self.pending.partition_point(|pending| pending.sequence <= up_to);
        let batch: Vec<Pending> = self.pending.drain(..count).collect();
        let Some(reached) = batch.last().map(|pending| pending.sequence) else { return Sequence(0) };
        let (mut changes, mut followed) = (Changes::new(), BTreeMap::new());
        for Pending { sequence, writes, journal } in batch {
            if !journal.is_empty() {
                self.held.push((sequence, journal));
            }
            for (before, write) in writes {
                changes.entry(write.key.clone()).or_insert((before, None)).1 = write.value.clone();
                followed.insert(write.key.clone(), Read { value: write.value.clone(), sequence });
                self.settle(write, sequence);
            }
        }
        followed.extend(self.record(reached, &changes));
        self.followers.show(|| Followed { after: self.mark(reached), changes: followed.clone().into_iter().collect() });
        reached
    }

    /// Lets the journal write what is held, and gives what it changed.
    fn record(&mut self, last: Sequence, changes: &Changes) -> Vec<(Vec<u8>, Read)> {
        let Some(journal) = self.journal.as_mut() else { return Vec::new() };
        if self.held.is_empty() && changes.is_empty() {
            return Vec::new();
        }
        let entries = std::mem::take(&mut self.held);
        let changes: Vec<_> = changes
            .iter()
            .map(|(key, (before, after))| Change {
                key,
                before: before.as_deref().map(Cow::Borrowed),
                after: after.as_deref(),
            })
            .collect();
        let writes = match journal.write(&Batch { entries: &entries, changes: &changes }) {
            Ok(writes) => writes,
            // A driver with a disk stops writing here; what is in memory is gone with the process anyway.
            Err(error) => {
                tracing::error!(%error, "the journal cannot write");
                Vec::new()
            }
        };
        for write in &writes {
            self.visible.insert(write.key.clone(), (last, write.value.clone()));
            self.settle(write.clone(), last);
        }
        writes.into_iter().map(|Write { key, value }| (key, Read { value, sequence: last })).collect()
    }

    /// The state that is durable.
    fn mark(&self, last: Sequence) -> Mark {
        let values = self.durable.as_ref().unwrap_or(&self.visible).values();
        Mark { last, pieces: values.filter_map(|(_, value)| Some(pieces(value.as_ref()?.len()))).sum() }
    }

    /// A change that readers see already is now durable.
    fn settle(&mut self, Write { key, value }: Write, sequence: Sequence) {
        let removed_here = |(at, visible): &(Sequence, Option<Vec<u8>>)| *at == sequence && visible.is_none();
        if self.visible.get(&key).is_some_and(removed_here) {
            self.visible.remove(&key);
        }
        if let Some(durable) = &mut self.durable {
            match value {
                Some(value) => drop(durable.insert(key, (sequence, Some(value)))),
                None => drop(durable.remove(&key)),
            }
        }
    }
}

impl Store for Memory {
    fn get(&self, key: &[u8]) -> Result<Read, StoreError> {
        check_key(key)?;
        Ok(match lock(&self.state).visible.get(key) {
            Some((sequence, value)) => Read { value: value.clone(), sequence: *sequence },
            None => Read { value: None, sequence: Sequence(0) },
        })
    }

    fn version(&self, key: &[u8]) -> Result<Option<Sequence>, StoreError> {
        check_key(key)?;
        Ok(lock(&self.state).version(key))
    }

    fn stamp(&self, key: &[u8]) -> Option<u64> {
        self.stamps.get(key)
    }

    fn scan(&self, range: Range<'_>, limit: usize, backwards: bool) -> Result<Vec<(Vec<u8>, Read)>, StoreError> {
        let Some((start, end)) = clamp(range) else { return Ok(Vec::new()) };
        let state = lock(&self.state);
        let range = state.visible.range::<[u8], _>((Bound::Included(start), Bound::Excluded(end)));
        let own = |(key, (sequence, value)): (&Vec<u8>, &(Sequence, Option<Vec<u8>>))| {
            value.as_ref().map(|value| (key.clone(), Read { value: Some(value.clone()), sequence: *sequence }))
        };
        Ok(if backwards {
            range.rev().filter_map(own).take(limit).collect()
        } else {
            range.filter_map(own).take(limit).collect()
        })
    }

    fn latest(&self) -> Sequence {
        lock(&self.state).latest
    }

    fn commit(&self, commit: Commit) -> Result<Sequence, CommitError> {
        check_writes(&commit.writes).map_err(CommitError::Store)?;
        let mut state = lock(&self.state);
        for expect in &commit.expect {
            check_key(&expect.key).map_err(CommitError::Store)?;
            if state.version(&expect.key) != expect.version {
                return Err(CommitError::Conflict);
            }
        }
        let sequence = Sequence(state.last.0 + 1);
        state.last = sequence;
        if !commit.writes.is_empty() {
            state.latest = sequence;
        }
        let visible = &mut state.visible;
        let before: Vec<_> = self.stamps.changing(stamps::keys(&commit.writes), || {
            let mut put = |write: &Write| visible.insert(write.key.clone(), (sequence, write.value.clone()));
            commit.writes.iter().map(|write| put(write).and_then(|(_, value)| value)).collect()
        });
        let writes = before.into_iter().zip(commit.writes).collect();
        state.pending.push(Pending { sequence, writes, journal: commit.journal });
        let at_once = state.durable.is_none();
        drop(state);
        if at_once {
            self.make_durable(sequence);
        }
        Ok(sequence)
    }

    fn durable(&self) -> Sequence {
        self.waiters.durable()
    }

    fn when_durable(&self, sequence: Sequence, wake: Wake) {
        self.waiters.wait(sequence, wake);
    }

    fn set_journal(&self, journal: Box<dyn Journal>) {
        let mut state = lock(&self.state);
        state.journal = Some(journal);
        let durable = self.waiters.durable();
        let changes = state.record(durable, &Changes::new());
        if !changes.is_empty() {
            state.followers.show(|| Followed { after: state.mark(durable), changes: changes.clone() });
        }
    }

    fn follow(&self, bytes_max: usize) -> Result<Follower, StoreError> {
        let state = lock(&self.state);
        Ok(state.followers.add(state.mark(self.waiters.durable()), bytes_max))
    }
}

#[cfg(test)]
mod tests {
    use super::super::suite;
    use super::*;

    suite::store_tests!(Memory::new);

    fn put(key: &[u8], value: &[u8]) -> Commit {
        Commit { writes: vec![Write { key: key.to_vec(), value: Some(value.to_vec()) }], ..Commit::default() }
    }

    #[test]
    fn a_crash_takes_what_was_not_durable() {
        let store = Memory::manual();
        let first = store.commit(put(b"a", b"1")).unwrap();
        let second = store.commit(put(b"b", b"2")).unwrap();
        let removal = Commit { writes: vec![Write { key: b"a".to_vec(), value: None }], ..Commit::default() };
        let third = store.commit(removal).unwrap();
        assert_eq!(store.durable(), Sequence(0));
        store.make_durable(first);
        assert_eq!(store.durable(), first);
        assert_eq!(store.get(b"a").unwrap(), Read { value: None, sequence: third });
        let (sender, receiver) = std::sync::mpsc::channel();
        store.when_durable(second, Box::new(move |outcome| sender.send(outcome.is_ok()).unwrap()));
        store.crash();
        assert!(!receiver.recv().unwrap());
        assert_eq!(store.get(b"a").unwrap().value.unwrap(), b"1");
        assert_eq!(store.get(b"b").unwrap().value, None);
        assert_eq!(store.commit(put(b"c", b"3")).unwrap(), second);
        store.make_durable(second);
        assert_eq!(store.durable(), second);
    }
}
