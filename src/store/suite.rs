//! The tests every driver passes. A driver calls `store_tests!` with a function that makes an empty store.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::thread;

use super::{
    Batch, Commit, CommitError, Expect, Journal, Mark, Range, Read, Sequence, Store, StoreError, Write, lock, pieces,
};

/// Emits one `#[test]` for each function of the suite.
macro_rules! store_tests {
    ($make:expr) => {
        $crate::store::suite::store_tests!(@each $make;
            reads_what_was_written, versions_rise, expectations, all_or_nothing, scans, scans_with_removals,
            large_values, refused_keys, journal_in_order, journal_waits_for_its_writer, journal_alone,
            journal_sees_all_changes, wakes, followed, threads_on_one_key, threads_on_many_keys, readers_never_go_back, stamps);
    };
    (@each $make:expr; $($name:ident),*) => {
        $(#[test] fn $name() { $crate::store::suite::$name($make()); })*
    };
}
pub(super) use store_tests;

pub fn put(key: &[u8], value: &[u8]) -> Write {
    Write { key: key.to_vec(), value: Some(value.to_vec()) }
}

pub fn remove(key: &[u8]) -> Write {
    Write { key: key.to_vec(), value: None }
}

pub fn commit(store: &impl Store, writes: Vec<Write>) -> Sequence {
    store.commit(Commit { writes, ..Commit::default() }).unwrap()
}

pub fn expecting(key: &[u8], version: Option<Sequence>, writes: Vec<Write>) -> Commit {
    Commit { expect: vec![Expect { key: key.to_vec(), version }], writes, journal: Vec::new() }
}

pub fn value(store: &impl Store, key: &[u8]) -> Option<Vec<u8>> {
    store.get(key).unwrap().value
}

fn keys(store: &impl Store, start: &[u8], end: &[u8], limit: usize, backwards: bool) -> Vec<String> {
    let found = store.scan(Range { start, end }, limit, backwards).unwrap();
    found.into_iter().map(|(key, _)| String::from_utf8(key).unwrap()).collect()
}

/// Bytes that differ from place to place, so that a part in the wrong order shows.
pub fn pattern(length: usize, seed: usize) -> Vec<u8> {
    (0..length).map(|i| (i.wrapping_mul(31) ^ (i >> 8) ^ seed) as u8).collect()
}

pub fn reads_what_was_written(store: impl Store) {
    assert_eq!(store.get(b"a").unwrap(), Read { value: None, sequence: Sequence(0) });
    let first = commit(&store, vec![put(b"a", b"1"), put(b"b", b"")]);
    assert_eq!(store.get(b"a").unwrap(), Read { value: Some(b"1".to_vec()), sequence: first });
    assert_eq!(value(&store, b"b"), Some(Vec::new()));
    assert_eq!(store.version(b"b").unwrap(), Some(first));
    assert_eq!(store.version(b"c").unwrap(), None);
    store.wait_durable(first).unwrap();
    assert_eq!(store.version(b"a").unwrap(), Some(first));
    assert_eq!(store.get(b"a").unwrap(), Read { value: Some(b"1".to_vec()), sequence: first });
    let second = commit(&store, vec![put(b"a", b"2"), put(b"a", b"3")]);
    assert_eq!(store.get(b"a").unwrap(), Read { value: Some(b"3".to_vec()), sequence: second });
    assert_eq!(store.version(b"a").unwrap(), Some(second));
    let third = commit(&store, vec![remove(b"a"), remove(b"never")]);
    assert_eq!(value(&store, b"a"), None);
    assert_eq!(store.version(b"a").unwrap(), None);
    store.wait_durable(third).unwrap();
    // The disk may be ahead of what readers are told, never behind.
    let gone = store.get(b"a").unwrap();
    assert!(gone.value.is_none() && (gone.sequence == Sequence(0) || gone.sequence == third));
    assert_eq!(value(&store, b"b"), Some(Vec::new()));
}

pub fn versions_rise(store: impl Store) {
    let mut before = store.latest();
    for i in 0..50_u8 {
        let now = commit(&store, vec![put(&[b'a', i % 5], &[i])]);
        assert_eq!(now.0, before.0 + 1);
        assert_eq!(store.latest(), now);
        assert_eq!(store.get(&[b'a', i % 5]).unwrap().sequence, now);
        before = now;
    }
    let entry = store.commit(Commit { journal: b"e".to_vec(), ..Commit::default() }).unwrap();
    assert_eq!(entry.0, before.0 + 1);
    assert_eq!(store.latest(), before);
    store.wait_durable(before).unwrap();
    assert!(store.durable() >= before);
}

pub fn expectations(store: impl Store) {
    let first = store.commit(expecting(b"a", None, vec![put(b"a", b"1")])).unwrap();
    for settled in [false, true] {
        if settled {
            store.wait_durable(first).unwrap();
        }
        for wrong in [None, Some(Sequence(0)), Some(Sequence(first.0 + 1))] {
            let outcome = store.commit(expecting(b"a", wrong, vec![put(b"a", b"x")]));
            assert!(matches!(outcome, Err(CommitError::Conflict)));
        }
    }
    let second = store.commit(expecting(b"a", Some(first), vec![put(b"a", b"2")])).unwrap();
    assert_eq!(store.get(b"a").unwrap(), Read { value: Some(b"2".to_vec()), sequence: second });
    assert!(matches!(store.commit(expecting(b"a", Some(first), vec![])), Err(CommitError::Conflict)));
    let third = store.commit(expecting(b"a", Some(second), vec![remove(b"a")])).unwrap();
    for settled in [false, true] {
        if settled {
            store.wait_durable(third).unwrap();
        }
        for wrong in [second, third, Sequence(0)] {
            assert!(matches!(store.commit(expecting(b"a", Some(wrong), vec![])), Err(CommitError::Conflict)));
        }
        store.commit(expecting(b"a", None, vec![put(b"b", b"1")])).unwrap();
    }
    store.commit(expecting(b"a", None, vec![put(b"a", b"3")])).unwrap();
    assert_eq!(value(&store, b"a").unwrap(), b"3");
}

pub fn all_or_nothing(store: impl Store) {
    let first = commit(&store, vec![put(b"a", b"1"), put(b"b", b"1")]);
    let before = store.latest();
    let outcome = store.commit(Commit {
        expect: vec![Expect { key: b"a".to_vec(), version: Some(first) }, Expect { key: b"b".to_vec(), version: None }],
        writes: vec![put(b"a", b"2"), put(b"c", b"2"), remove(b"b")],
        journal: b"never".to_vec(),
    });
    assert!(matches!(outcome, Err(CommitError::Conflict)));
    assert_eq!(store.latest(), before);
    assert_eq!(value(&store, b"a").unwrap(), b"1");
    assert_eq!(value(&store, b"b").unwrap(), b"1");
    assert_eq!(value(&store, b"c"), None);
}

/// Even keys are durable, odd ones may be staged; then all are durable.
pub fn scans(store: impl Store) {
    let name = |i: usize| format!("k{i:03}");
    let mut last = Sequence(0);
    for i in (0..60).step_by(2) {
        last = commit(&store, vec![put(name(i).as_bytes(), b"even")]);
    }
    store.wait_durable(last).unwrap();
    for i in (1..60).step_by(2) {
        last = commit(&store, vec![put(name(i).as_bytes(), b"odd")]);
    }
    commit(&store, vec![put(b"j", b""), put(b"l", b"")]);
    for settled in [false, true] {
        if settled {
            store.wait_durable(store.latest()).unwrap();
        }
        let all: Vec<String> = (0..60).map(name).collect();
        let reversed: Vec<String> = all.iter().rev().cloned().collect();
        assert_eq!(keys(&store, b"k", b"l", usize::MAX, false), all);
        assert_eq!(keys(&store, b"k", b"l", usize::MAX, true), reversed);
        for limit in [0, 1, 2, 7, 59, 60, 61] {
            assert_eq!(keys(&store, b"k", b"l", limit, false), all[..limit.min(60)]);
            assert_eq!(keys(&store, b"k", b"l", limit, true), reversed[..limit.min(60)]);
        }
        assert_eq!(keys(&store, b"k010", b"k013", 9, false), [name(10), name(11), name(12)]);
        assert_eq!(keys(&store, b"k010", b"k013", 2, true), [name(12), name(11)]);
        assert_eq!(keys(&store, b"", b"\xff\xff\xff", 1, false), ["j"]);
        assert_eq!(keys(&store, b"", b"\xff\xff\xff", 1, true), ["l"]);
        assert!(keys(&store, b"k020", b"k020", 9, false).is_empty());
        assert!(keys(&store, b"k020", b"k010", 9, true).is_empty());
        let found = store.scan(Range { start: b"k059", end: b"k06" }, 1, false).unwrap();
        assert_eq!(found, [(b"k059".to_vec(), Read { value: Some(b"odd".to_vec()), sequence: last })]);
    }
}

pub fn scans_with_removals(store: impl Store) {
    let name = |i: usize| format!("k{i:03}");
    let last = commit(&store, (0..40).map(|i| put(name(i).as_bytes(), b"old")).collect());
    store.wait_durable(last).unwrap();
    commit(&store, (0..40).filter(|i| i % 4 != 0).map(|i| remove(name(i).as_bytes())).collect());
    let last = commit(&store, vec![put(name(8).as_bytes(), b"new"), put(name(9).as_bytes(), b"new")]);
    for settled in [false, true] {
        if settled {
            store.wait_durable(last).unwrap();
        }
        let all: Vec<String> = (0..40).filter(|i| i % 4 == 0 || *i == 9).map(name).collect();
        let reversed: Vec<String> = all.iter().rev().cloned().collect();
        for limit in [1, 3, 4, 100] {
            assert_eq!(keys(&store, b"k", b"l", limit, false), all[..limit.min(all.len())]);
            assert_eq!(keys(&store, b"k", b"l", limit, true), reversed[..limit.min(all.len())]);
        }
        let found = store.scan(Range { start: b"k008", end: b"k010" }, 9, false).unwrap();
        assert!(found.iter().all(|(_, read)| read.value.as_deref() == Some(b"new") && read.sequence == last));
    }
}

pub fn large_values(store: impl Store) {
    for length in [4095, 4096, 4097, 8192, 8193, 100_000, 3, 1_500_000, 0, 5000] {
        let written = pattern(length, length);
        let sequence = commit(&store, vec![put(b"big", &written), put(b"bih", b"x")]);
        assert!(value(&store, b"big") == Some(written.clone()));
        store.wait_durable(sequence).unwrap();
        assert!(store.get(b"big").unwrap() == Read { value: Some(written.clone()), sequence });
        let found = store.scan(Range { start: b"", end: b"\xff\xff" }, 9, false).unwrap();
        assert_eq!(found.len(), 2);
        assert!(found[0].1.value.as_ref() == Some(&written));
    }
    let sequence = commit(&store, vec![remove(b"big")]);
    store.wait_durable(sequence).unwrap();
    assert_eq!(value(&store, b"big"), None);
    assert_eq!(keys(&store, b"", b"\xff", 9, false), ["bih"]);
}

pub fn refused_keys(store: impl Store) {
    for key in [&b"\xff"[..], b"\xff\x00", &[b'k'; 1025]] {
        assert!(store.get(key).is_err());
        let outcome = store.commit(Commit { writes: vec![put(key, b"1")], ..Commit::default() });
        assert!(matches!(outcome, Err(CommitError::Store(_))));
    }
    // A wrong key is the caller's mistake and not the end of the store.
    commit(&store, vec![put(&[b'k'; 1024], b"1"), put(b"", b"2")]);
    assert_eq!(value(&store, b"").unwrap(), b"2");
}

/// Writes each entry under its number, and how many there were under one more key.
pub struct Lines {
    pub seen: Seen,
}

/// The entries a journal was given.
pub type Seen = Arc<Mutex<Vec<(Sequence, Vec<u8>)>>>;

impl Journal for Lines {
    fn write(&mut self, batch: &Batch<'_>) -> Result<Vec<Write>, StoreError> {
        let mut seen = lock(&self.seen);
        seen.extend_from_slice(batch.entries);
        let line = |(sequence, entry): &(Sequence, Vec<u8>)| put(format!("l/{:08}", sequence.0).as_bytes(), entry);
        let mut writes: Vec<Write> = batch.entries.iter().map(line).collect();
        writes.push(put(b"m/lines", seen.len().to_string().as_bytes()));
        Ok(writes)
    }
}

/// A journal that keeps its own copy of the store from what it is shown.
struct Mirror(Arc<Mutex<BTreeMap<Vec<u8>, Vec<u8>>>>);

impl Journal for Mirror {
    fn write(&mut self, batch: &Batch<'_>) -> Result<Vec<Write>, StoreError> {
        let mut copy = lock(&self.0);
        for change in batch.changes {
            assert_eq!(copy.get(change.key).map(Vec::as_slice), change.before.as_deref(), "what was there before");
            match change.after {
                Some(value) => copy.insert(change.key.to_vec(), value.to_vec()),
                None => copy.remove(change.key),
            };
        }
        Ok(Vec::new())
    }
}

pub fn journal_sees_all_changes(store: impl Store) {
    let copy = Arc::new(Mutex::new(BTreeMap::new()));
    store.set_journal(Box::new(Mirror(copy.clone())));
    let mut last = Sequence(0);
    for i in 0..200_usize {
        // Short and long values, replaced and removed, several times within a batch.
        let key = format!("k{}", i * 7 % 11).into_bytes();
        let long = vec![i as u8; if i % 3 == 0 { 9_000 } else { i }];
        last = commit(&store, vec![if i % 5 == 4 { remove(&key) } else { put(&key, &long) }]);
        if i % 9 == 0 {
            store.wait_durable(last).unwrap();
        }
    }
    store.wait_durable(last).unwrap();
    let found = store.scan(Range { start: b"", end: &[0xFF] }, 1000, false).unwrap();
    let found: BTreeMap<_, _> = found.into_iter().map(|(key, read)| (key, read.value.unwrap())).collect();
    assert_eq!(*lock(&copy), found);
}

pub fn journal_in_order(store: impl Store) {
    let seen = Arc::new(Mutex::new(Vec::new()));
    store.set_journal(Box::new(Lines { seen: seen.clone() }));
    let mut sent = Vec::new();
    for i in 0..300_usize {
        let writes = if i % 3 == 0 { vec![put(format!("k{i}").as_bytes(), b"v")] } else { vec![] };
        let journal = if i % 7 == 0 { Vec::new() } else { format!("entry {i}").into_bytes() };
        let sequence = store.commit(Commit { expect: vec![], writes, journal: journal.clone() }).unwrap();
        if !journal.is_empty() {
            sent.push((sequence, journal));
        }
    }
    let last = commit(&store, vec![put(b"end", b"")]);
    store.wait_durable(last).unwrap();
    assert_eq!(*lock(&seen), sent);
    for (sequence, entry) in &sent {
        let line = store.get(format!("l/{:08}", sequence.0).as_bytes()).unwrap();
        assert_eq!(line.value.as_ref(), Some(entry));
        assert!(line.sequence >= *sequence && line.sequence <= last);
    }
    assert_eq!(value(&store, b"m/lines").unwrap(), sent.len().to_string().as_bytes());
}

pub fn journal_waits_for_its_writer(store: impl Store) {
    let mut sent = Vec::new();
    for i in 0..10_u8 {
        let writes = vec![put(&[b'k', i], b"v")];
        sent.push((store.commit(Commit { expect: vec![], writes, journal: vec![i] }).unwrap(), vec![i]));
    }
    store.wait_durable(store.latest()).unwrap();
    let seen = Arc::new(Mutex::new(Vec::new()));
    store.set_journal(Box::new(Lines { seen: seen.clone() }));
    let last = store.commit(Commit { journal: b"last".to_vec(), ..Commit::default() }).unwrap();
    sent.push((last, b"last".to_vec()));
    store.wait_durable(last).unwrap();
    assert_eq!(*lock(&seen), sent);
    assert_eq!(value(&store, b"m/lines").unwrap(), b"11");
}

pub fn journal_alone(store: impl Store) {
    let seen = Arc::new(Mutex::new(Vec::new()));
    store.set_journal(Box::new(Lines { seen: seen.clone() }));
    let entry = |i: u8| store.commit(Commit { journal: vec![i], ..Commit::default() }).unwrap();
    let first = entry(1);
    // Nobody hurries it, but whoever waits gets it.
    store.wait_durable(first).unwrap();
    assert_eq!(lock(&seen).len(), 1);
    entry(2);
    // It goes with the next change.
    let change = commit(&store, vec![put(b"a", b"1")]);
    store.wait_durable(change).unwrap();
    assert_eq!(lock(&seen).len(), 2);
    assert_eq!(store.latest(), change);
}

pub fn wakes(store: impl Store) {
    let (sender, receiver) = std::sync::mpsc::channel();
    let wait = |sequence: Sequence| {
        let sender = sender.clone();
        store.when_durable(sequence, Box::new(move |outcome| sender.send((sequence, outcome.is_ok())).unwrap()));
    };
    wait(Sequence(0));
    assert_eq!(receiver.try_recv().unwrap(), (Sequence(0), true));
    let mut last = Sequence(0);
    for i in 0..100_u8 {
        last = commit(&store, vec![put(&[b'k', i], &[i])]);
        wait(last);
    }
    let mut woken: Vec<_> = (0..100).map(|_| receiver.recv().unwrap()).collect();
    woken.sort();
    assert!(woken.iter().all(|(_, ok)| *ok));
    assert_eq!(woken.last().unwrap().0, last);
    assert!(store.durable() >= last);
    wait(last);
    assert_eq!(receiver.try_recv().unwrap(), (last, true));
}

/// Adds one to a counter, as often as the store says that somebody else was first.
fn add_one(store: &impl Store, key: &[u8]) {
    loop {
        let read = store.get(key).unwrap();
        let count = read.value.as_ref().map_or(0, |v| u64::from_be_bytes(v[..].try_into().unwrap()));
        let version = read.value.is_some().then_some(read.sequence);
        match store.commit(expecting(key, version, vec![put(key, &(count + 1).to_be_bytes())])) {
            Ok(_) => return,
            Err(CommitError::Conflict | CommitError::Busy) => thread::yield_now(),
            Err(CommitError::Store(error)) => panic!("{error}"),
        }
    }
}

fn count(store: &impl Store, key: &[u8]) -> u64 {
    u64::from_be_bytes(value(store, key).unwrap()[..].try_into().unwrap())
}

pub fn threads_on_one_key(store: impl Store) {
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| (0..100).for_each(|_| add_one(&store, b"sum")));
        }
    });
    assert_eq!(count(&store, b"sum"), 800);
    store.wait_durable(store.latest()).unwrap();
    assert_eq!(count(&store, b"sum"), 800);
}

pub fn threads_on_many_keys(store: impl Store) {
    thread::scope(|scope| {
        for me in 0..8_u8 {
            let store = &store;
            scope.spawn(move || {
                for i in 0..60_u8 {
                    add_one(store, &[b'o', me]);
                    add_one(store, &[b's', i % 4]);
                    let sequence = commit(store, vec![put(&[b'p', me, i], &pattern(700, i.into()))]);
                    if i % 16 == 0 {
                        store.wait_durable(sequence).unwrap();
                    }
                }
            });
        }
    });
    for me in 0..8_u8 {
        assert_eq!(count(&store, &[b'o', me]), 60);
        assert!((0..60).all(|i| value(&store, &[b'p', me, i]) == Some(pattern(700, i.into()))));
    }
    assert_eq!((0..4).map(|i| count(&store, &[b's', i])).sum::<u64>(), 480);
    assert_eq!(store.scan(Range { start: b"p", end: b"q" }, 1000, true).unwrap().len(), 480);
}

/// What a follower is shown, on top of what was there before, is what the store holds; and the numbers are right.
pub fn followed(store: impl Store) {
    let before = commit(&store, vec![put(b"a", b"1"), put(b"b", &pattern(9000, 1))]);
    store.wait_durable(before).unwrap();
    let follower = store.follow(1 << 20).unwrap();
    assert_eq!(follower.begun(), Mark { last: before, pieces: 1 + pieces(9000) });
    commit(&store, vec![put(b"c", &pattern(5000, 2)), remove(b"a")]);
    commit(&store, vec![put(b"c", b"short"), put(b"d", &pattern(4096, 3))]);
    let last = commit(&store, vec![remove(b"never"), put(b"a", b"2"), remove(b"d")]);
    store.wait_durable(last).unwrap();
    let all = Range { start: b"", end: &[0xFF] };
    let mut shown = BTreeMap::from([(b"b".to_vec(), store.get(b"b").unwrap())]);
    for batch in follower.take().unwrap() {
        shown.extend(batch.changes);
        assert_eq!(follower.at().last, last);
    }
    shown.retain(|_, read| read.value.is_some());
    assert_eq!(shown.into_iter().collect::<Vec<_>>(), store.scan(all, 100, false).unwrap());
    assert_eq!(follower.at(), Mark { last, pieces: 1 + pieces(9000) + 1 });
    assert!(follower.take().unwrap().is_empty());
}

/// Versions and values that a reader sees of one key only rise, while the key moves from memory to the disk; values
/// alternate between whole and in parts.
pub fn readers_never_go_back(store: impl Store) {
    let done = std::sync::atomic::AtomicBool::new(false);
    commit(&store, vec![put(b"x", &0_u64.to_be_bytes())]);
    thread::scope(|scope| {
        for with_scan in [false, false, true] {
            let (store, done) = (&store, &done);
            scope.spawn(move || {
                let mut before = (Sequence(0), 0);
                while !done.load(std::sync::atomic::Ordering::SeqCst) {
                    let read = if with_scan {
                        store.scan(Range { start: b"x", end: b"y" }, 1, false).unwrap().remove(0).1
                    } else {
                        store.get(b"x").unwrap()
                    };
                    let value = read.value.unwrap();
                    let now = (read.sequence, u64::from_be_bytes(value[..8].try_into().unwrap()));
                    assert!(value[8..].iter().all(|b| *b == value[7]), "a torn value");
                    assert!(now >= before, "{now:?} after {before:?}");
                    before = now;
                }
            });
        }
        for i in 1..400_u64 {
            let mut value = i.to_be_bytes().to_vec();
            value.resize(if i % 3 == 0 { 20_000 } else { 40 }, i as u8);
            let sequence = commit(&store, vec![put(b"x", &value)]);
            if i % 2 == 0 {
                store.wait_durable(sequence).unwrap();
            }
        }
        done.store(true, std::sync::atomic::Ordering::SeqCst);
    });
}

/// Reads between two stamps that are the same saw the same value.
pub fn stamps(store: impl Store) {
    let done = std::sync::atomic::AtomicBool::new(false);
    commit(&store, vec![put(b"x", b"0"), put(b"y", b"0")]);
    thread::scope(|scope| {
        for _ in 0..2 {
            let (store, done) = (&store, &done);
            scope.spawn(move || {
                let mut before: Option<(u64, Read)> = None;
                while !done.load(std::sync::atomic::Ordering::SeqCst) {
                    let stamp = store.stamp(b"x");
                    let read = store.get(b"x").unwrap();
                    let again = store.stamp(b"x");
                    if let (Some((then, seen)), Some(now)) = (&before, again)
                        && *then == now
                    {
                        assert_eq!(*seen, read, "another value under the same stamp");
                    }
                    before = stamp.map(|stamp| (stamp, read));
                }
            });
        }
        for i in 1..400_u64 {
            let sequence = commit(&store, vec![put(b"y", b"1"), put(b"x", &i.to_be_bytes())]);
            if i % 4 == 0 {
                store.wait_durable(sequence).unwrap();
            }
        }
        done.store(true, std::sync::atomic::Ordering::SeqCst);
    });
}
