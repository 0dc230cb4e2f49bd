//! The suite over sled, and what only a driver with a disk can show.

use std::collections::BTreeMap;
use std::fs;
use std::ops::{Deref, Range as Between};
use std::path::Path;

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::store::suite::{self, Lines, commit, expecting, pattern, put, remove, value};
use crate::store::{Batch, Memory, Write};

/// A store in a directory that goes with it.
struct Scratch {
    store: Sled,
    dir: TempDir,
}

impl Deref for Scratch {
    type Target = Sled;
    fn deref(&self) -> &Sled {
        &self.store
    }
}

impl Store for Scratch {
    fn get(&self, key: &[u8]) -> Result<Read, StoreError> {
        self.store.get(key)
    }
    fn scan(&self, range: Range<'_>, limit: usize, backwards: bool) -> Result<Vec<(Vec<u8>, Read)>, StoreError> {
        self.store.scan(range, limit, backwards)
    }
    fn latest(&self) -> Sequence {
        self.store.latest()
    }
    fn commit(&self, commit: Commit) -> Result<Sequence, CommitError> {
        self.store.commit(commit)
    }
    fn durable(&self) -> Sequence {
        self.store.durable()
    }
    fn when_durable(&self, sequence: Sequence, wake: Wake) {
        self.store.when_durable(sequence, wake);
    }
    fn set_journal(&self, journal: Box<dyn Journal>) {
        self.store.set_journal(journal);
    }
    fn follow(&self, bytes_max: usize) -> Result<Follower, StoreError> {
        self.store.follow(bytes_max)
    }
}

fn options(dir: &Path) -> SledOptions {
    SledOptions { cache_bytes: 16 << 20, ballast_bytes: 0, free_bytes_min: 0, ..SledOptions::new(dir) }
}

fn scratch() -> Scratch {
    let dir = tempfile::tempdir().unwrap();
    Scratch { store: Sled::open(options(dir.path())).unwrap(), dir }
}

/// Small batches, so that a test goes through many.
fn scratch_in_small_batches() -> Scratch {
    let dir = tempfile::tempdir().unwrap();
    let options = SledOptions { batch_keys_max: 3, batch_bytes_max: 2000, ..options(dir.path()) };
    Scratch { store: Sled::open(options).unwrap(), dir }
}

impl Scratch {
    fn reopen(self) -> Self {
        let Self { store, dir } = self;
        drop(store);
        Self { store: Sled::open(options(dir.path())).unwrap(), dir }
    }
}

mod whole_batches {
    super::suite::store_tests!(super::scratch);
}

mod small_batches {
    super::suite::store_tests!(super::scratch_in_small_batches);
}

fn counted(store: &Sled) -> u64 {
    let (expected, found) = store.count_check().unwrap().unwrap();
    assert_eq!(expected, found);
    found
}

#[test]
fn reopening_keeps_all_and_numbers_rise() {
    let mut store = scratch();
    assert_eq!(store.count_check().unwrap(), None);
    let mut last = store.latest();
    for round in 0..4_u8 {
        for i in 0..40_u8 {
            commit(&store, vec![put(&[b'k', round, i], &pattern(i as usize * 300, 1)), put(b"last", &[round, i])]);
        }
        last = commit(&store, vec![remove(&[b'k', round, 7])]);
        // Nobody waits: closing does.
        store = store.reopen();
        assert_eq!(store.durable(), last);
        assert_eq!(store.latest(), last);
        for round in 0..=round {
            for i in (0..40_u8).filter(|i| *i != 7) {
                assert!(value(&store, &[b'k', round, i]) == Some(pattern(i as usize * 300, 1)));
            }
            assert_eq!(value(&store, &[b'k', round, 7]), None);
        }
        counted(&store);
    }
    assert_eq!(commit(&store, vec![put(b"a", b"")]).0, last.0 + 1);
}

#[test]
fn parts_go_with_their_value() {
    let store = scratch();
    let settle = |writes| store.wait_durable(commit(&store, writes)).unwrap();
    settle(vec![put(b"a", b"1")]);
    assert_eq!(counted(&store), 1);
    settle(vec![put(b"big", &pattern(4096, 1))]);
    assert_eq!(counted(&store), 2);
    for (length, keys) in [(4097, 4), (50_000, 15), (5000, 4), (4000, 2), (9000, 5)] {
        settle(vec![put(b"big", &pattern(length, 1))]);
        assert_eq!(counted(&store), keys, "{length}");
    }
    settle(vec![remove(b"big"), put(b"b", b"")]);
    assert_eq!(counted(&store), 2);
    // Also when both happen within one batch or one commit.
    for i in 0..50 {
        commit(&store, vec![put(b"big", &pattern(9000 + i, 1)), put(b"big", &pattern(6000, 1))]);
        commit(&store, vec![if i % 2 == 0 { remove(b"big") } else { put(b"big", b"") }]);
    }
    settle(vec![put(b"a", b"2")]);
    assert_eq!(counted(&store), 3);
    assert_eq!(fs::read_dir(store.dir.path().join("blobs")).unwrap().count(), 0);
}

#[test]
fn the_journal_is_kept_and_entries_alone_come_in_time() {
    let mut store = scratch();
    let seen = Arc::new(Mutex::new(Vec::new()));
    store.set_journal(Box::new(Lines { seen: seen.clone() }));
    let sequence = store.commit(Commit { journal: b"alone".to_vec(), ..Commit::default() }).unwrap();
    // Nobody waits for it here; the delay passes.
    while store.durable() < sequence {
        thread::yield_now();
    }
    assert_eq!(*lock(&seen), [(sequence, b"alone".to_vec())]);
    let last = store.commit(Commit { journal: b"at the end".to_vec(), ..Commit::default() }).unwrap();
    store = store.reopen();
    assert_eq!(store.durable(), last);
    assert_eq!(value(&store, format!("l/{:08}", last.0).as_bytes()).unwrap(), b"at the end");
    assert_eq!(value(&store, b"m/lines").unwrap(), b"2");
    counted(&store);
}

#[test]
fn a_full_backlog_is_busy() {
    let dir = tempfile::tempdir().unwrap();
    let delay = Duration::from_secs(3600);
    let options =
        SledOptions { backlog_commits_max: 3, backlog_bytes_max: 1000, journal_delay: delay, ..options(dir.path()) };
    let store = Sled::open(options).unwrap();
    let entry = |bytes: usize| store.commit(Commit { journal: vec![1; bytes], ..Commit::default() });
    let settle = |sequence| store.wait_durable(sequence).unwrap();
    let free = || {
        store.set_journal(Box::new(Lines { seen: Arc::default() }));
        // The backlog falls just after the waiters are told.
        while lock(&store.shared.queue).backlog > 0 {
            thread::yield_now();
        }
    };
    settle(entry(5000).unwrap());
    free();
    for _ in 0..2 {
        entry(10).unwrap();
    }
    assert!(matches!(entry(981), Err(CommitError::Busy)));
    settle(entry(980).unwrap());
    free();
    for _ in 0..3 {
        entry(1).unwrap();
    }
    assert!(matches!(entry(1), Err(CommitError::Busy)));
    settle(Sequence(store.durable().0 + 3));
    free();
    settle(entry(1).unwrap());
}

#[test]
fn one_process_at_a_time() {
    let store = scratch();
    let error = Sled::open(options(store.dir.path())).err().unwrap();
    assert!(error.to_string().contains("in use by another process"), "{error}");
}

#[test]
fn a_nearly_full_disk_is_read_only() {
    let mut store = scratch();
    commit(&store, vec![put(b"a", b"1")]);
    let Scratch { store: open, dir } = store;
    drop(open);
    let strict = SledOptions { free_bytes_min: u64::MAX, ..options(dir.path()) };
    store = Scratch { store: Sled::open(strict).unwrap(), dir };
    match store.commit(Commit { writes: vec![put(b"a", b"2")], ..Commit::default() }) {
        Err(CommitError::Store(error)) => assert!(error.to_string().contains("disk is nearly full")),
        other => panic!("{other:?}"),
    }
    assert_eq!(value(&store, b"a").unwrap(), b"1");
    assert!(store.commit(Commit { journal: b"a read".to_vec(), ..Commit::default() }).is_err());
    store = store.reopen();
    commit(&store, vec![put(b"a", b"2")]);

    // Between the limit and half of it, what only reads goes on.
    let Scratch { store: open, dir } = store;
    drop(open);
    let free = open::free_bytes(dir.path()).unwrap();
    let store = Sled::open(SledOptions { free_bytes_min: free / 2 * 3, ..options(dir.path()) }).unwrap();
    assert!(store.commit(Commit { writes: vec![put(b"a", b"3")], ..Commit::default() }).is_err());
    store.commit(Commit { journal: b"a read".to_vec(), ..Commit::default() }).unwrap();
}

#[test]
fn a_wake_may_own_the_store() {
    let dir = tempfile::tempdir().unwrap();
    let slow = SledOptions { journal_delay: Duration::from_secs(3600), ..options(dir.path()) };
    let store = Arc::new(Sled::open(slow).unwrap());
    // An entry alone: it is not durable before somebody waits.
    let sequence = store.commit(Commit { journal: b"e".to_vec(), ..Commit::default() }).unwrap();
    let (sender, receiver) = std::sync::mpsc::channel();
    let (gate, opened) = std::sync::mpsc::channel();
    let own = store.clone();
    let wake = move |outcome: Result<(), StoreError>| {
        opened.recv().unwrap();
        drop(own);
        sender.send(outcome.is_ok()).unwrap();
    };
    store.when_durable(sequence, Box::new(wake));
    drop(store);
    gate.send(()).unwrap();
    assert!(receiver.recv().unwrap());
    // The flusher closes it now.
    let store = loop {
        match Sled::open(options(dir.path())) {
            Ok(store) => break store,
            Err(_) => thread::yield_now(),
        }
    };
    assert_eq!(store.durable(), sequence);
}

#[test]
fn the_ballast_is_there_while_open() {
    let dir = tempfile::tempdir().unwrap();
    let with_ballast = SledOptions { ballast_bytes: 3_000_000, ..options(dir.path()) };
    for _ in 0..2 {
        let store = Sled::open(with_ballast.clone()).unwrap();
        assert_eq!(fs::metadata(dir.path().join("keyhaven.ballast")).unwrap().len(), 3_000_000);
        drop(store);
    }
    drop(Sled::open(options(dir.path())).unwrap());
    assert!(!dir.path().join("keyhaven.ballast").exists());
}

/// Damages the snapshots of a closed database with 500 keys and opens it.
fn after_damage(damage: impl Fn(&Path)) -> Result<Scratch, StoreError> {
    let store = scratch().reopen();
    for i in 0..500_u16 {
        commit(&store, vec![put(&i.to_be_bytes(), &pattern(200, i.into()))]);
    }
    let Scratch { store, dir } = store.reopen();
    drop(store);
    damage(dir.path());
    Ok(Scratch { store: Sled::open(options(dir.path()))?, dir })
}

fn all_there(store: &Scratch) {
    assert_eq!(counted(store), 500);
    assert!((0..500_u16).all(|i| value(store, &i.to_be_bytes()) == Some(pattern(200, i.into()))));
    commit(store, vec![put(b"more", b"")]);
}

fn snapshot(dir: &Path) -> PathBuf {
    let mut paths = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    paths.find(|path| path.file_name().unwrap().to_string_lossy().starts_with("snap.")).unwrap()
}

#[test]
fn an_unfinished_snapshot_is_removed() {
    let store = after_damage(|dir| {
        let bytes = fs::read(snapshot(dir)).unwrap();
        fs::write(dir.join("snap.7FFFFFFFFFFFFFFF.generating"), &bytes[..bytes.len() / 2]).unwrap();
    });
    all_there(&store.unwrap());
}

#[test]
fn a_damaged_snapshot_is_rebuilt() {
    let store = after_damage(|dir| {
        let path = snapshot(dir);
        let mut bytes = fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(&path, bytes).unwrap();
    });
    let store = store.unwrap();
    all_there(&store);
    let aside = fs::read_dir(store.dir.path()).unwrap();
    assert!(aside.into_iter().any(|e| e.unwrap().file_name().to_string_lossy().starts_with("aside.snap.")));
}

/// Commits go to the log in order, so a log without its end is the database of a moment ago: that it is old must be
/// found by who keeps the last number elsewhere.
#[test]
fn a_cut_off_log_is_refused_or_an_older_state() {
    let store = after_damage(|dir| {
        let file = fs::OpenOptions::new().write(true).open(dir.join("db")).unwrap();
        file.set_len(file.metadata().unwrap().len() / 4).unwrap();
    });
    if let Ok(store) = store {
        let there = (0..500_u16).take_while(|i| value(&store, &i.to_be_bytes()).is_some()).count() as u64;
        assert!(there < 500);
        match store.count_check() {
            Ok(Some((expected, found))) => assert!(expected != found || found == there),
            Ok(None) => assert_eq!(there, 0),
            Err(_) => {}
        }
    }
}

#[test]
fn a_lost_key_shows_in_the_count() {
    let store = after_damage(|_| ()).unwrap();
    all_there(&store);
    store.wait_durable(store.latest()).unwrap();
    store.shared.db.remove(77_u16.to_be_bytes()).unwrap();
    assert_eq!(store.count_check().unwrap(), Some((501, 500)));
}

struct Panics;

impl Journal for Panics {
    fn write(&mut self, _: &Batch<'_>) -> Result<Vec<Write>, StoreError> {
        panic!("a planned panic")
    }
}

#[test]
fn after_a_failure_the_store_only_reads() {
    let store = scratch();
    let first = commit(&store, vec![put(b"a", b"1")]);
    store.wait_durable(first).unwrap();
    store.set_journal(Box::new(Panics));
    let writes = vec![put(b"a", b"2")];
    let second = store.commit(Commit { expect: vec![], writes, journal: b"x".to_vec() }).unwrap();
    assert!(store.wait_durable(second).is_err());
    assert!(store.wait_durable(second).is_err());
    store.wait_durable(first).unwrap();
    assert_eq!(store.durable(), first);
    let outcome = store.commit(Commit { writes: vec![put(b"b", b"1")], ..Commit::default() });
    assert!(matches!(outcome, Err(CommitError::Store(_))));
    // It is visible and will never be durable; whoever waits for it is told.
    assert_eq!(store.get(b"a").unwrap().sequence, second);
    let store = store.reopen();
    assert_eq!(store.get(b"a").unwrap(), Read { value: Some(b"1".to_vec()), sequence: first });
    assert_eq!(commit(&store, vec![put(b"b", b"1")]), second);
}

#[derive(Clone, Debug)]
enum Step {
    Put(u8, usize),
    Remove(u8),
    Many(Vec<(u8, Option<usize>)>),
    PutIf(u8, bool),
    Entry,
    Scan(Between<u8>, usize, bool),
    Settle,
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    let length = prop_oneof![6 => 0..200_usize, 1 => 4090..4100_usize, 1 => 8000..30_000_usize];
    let write = (0..24_u8, proptest::option::weighted(0.7, length.clone()));
    prop_oneof![
        8 => (0..24_u8, length).prop_map(|(key, length)| Step::Put(key, length)),
        4 => (0..24_u8).prop_map(Step::Remove),
        3 => proptest::collection::vec(write, 1..8).prop_map(Step::Many),
        3 => (0..24_u8, any::<bool>()).prop_map(|(key, right)| Step::PutIf(key, right)),
        1 => Just(Step::Entry),
        4 => (0..24_u8, 0..26_u8, 0..12_usize, any::<bool>()).prop_map(|(a, b, n, back)| Step::Scan(a..b, n, back)),
        3 => Just(Step::Settle),
        1 => Just(Step::Reopen),
    ]
}

/// A key of the model; one is a prefix of others.
fn key(n: u8) -> Vec<u8> {
    vec![b'k'; 1 + usize::from(n / 8)].into_iter().chain((!n.is_multiple_of(8)).then_some(n)).collect()
}

type Model = BTreeMap<Vec<u8>, (Sequence, Vec<u8>)>;

fn seen(model: &Model, start: &[u8], end: &[u8], limit: usize, backwards: bool) -> Vec<(Vec<u8>, Read)> {
    let mut all: Vec<_> = model
        .iter()
        .filter(|(key, _)| &key[..] >= start && &key[..] < end)
        .map(|(key, (sequence, value))| (key.clone(), Read { value: Some(value.clone()), sequence: *sequence }))
        .collect();
    if backwards {
        all.reverse();
    }
    all.truncate(limit);
    all
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, max_shrink_iters: 200, ..ProptestConfig::default() })]

    /// The driver, the memory driver and a map do the same.
    #[test]
    fn behaves_like_a_map(steps in proptest::collection::vec(step(), 1..80)) {
        let mut store = scratch();
        let memory = Memory::new();
        let mut model = Model::new();
        for (n, step) in steps.into_iter().enumerate() {
            let mut commit = Commit::default();
            match step {
                Step::Put(k, length) => commit.writes.push(put(&key(k), &pattern(length, n))),
                Step::Remove(k) => commit.writes.push(remove(&key(k))),
                Step::Many(writes) => commit.writes.extend(writes.into_iter().map(|(k, length)| match length {
                    Some(length) => put(&key(k), &pattern(length, n)),
                    None => remove(&key(k)),
                })),
                Step::PutIf(k, right) => {
                    let version = model.get(&key(k)).map(|(sequence, _)| *sequence);
                    let claimed = if right { version } else { Some(Sequence(version.map_or(1, |v| v.0 + 1))) };
                    commit = expecting(&key(k), claimed, vec![put(&key(k), b"if")]);
                    if !right {
                        prop_assert!(matches!(store.commit(commit.clone()), Err(CommitError::Conflict)));
                        prop_assert!(matches!(memory.commit(commit), Err(CommitError::Conflict)));
                        continue;
                    }
                }
                Step::Entry => {}
                Step::Scan(range, limit, backwards) => {
                    let (start, end) = (key(range.start), key(range.end));
                    let range = Range { start: &start, end: &end };
                    let expected = seen(&model, &start, &end, limit, backwards);
                    prop_assert!(store.scan(range, limit, backwards).unwrap() == expected);
                    prop_assert!(memory.scan(range, limit, backwards).unwrap() == expected);
                    continue;
                }
                Step::Settle => {
                    store.wait_durable(store.latest()).unwrap();
                    continue;
                }
                Step::Reopen => {
                    store = store.reopen();
                    continue;
                }
            }
            let sequence = store.commit(commit.clone()).unwrap();
            prop_assert_eq!(memory.commit(commit.clone()).unwrap(), sequence);
            for Write { key, value } in commit.writes {
                match value {
                    Some(value) => drop(model.insert(key, (sequence, value))),
                    None => drop(model.remove(&key)),
                }
            }
            let k = key((n % 24) as u8);
            let expected = model.get(&k).map(|(sequence, value)| (*sequence, value.clone()));
            for read in [store.get(&k).unwrap(), memory.get(&k).unwrap()] {
                prop_assert!(read.value.map(|value| (read.sequence, value)) == expected);
            }
        }
        let everything = seen(&model, b"", b"\xff", usize::MAX, false);
        let range = Range { start: b"", end: b"\xff" };
        prop_assert!(store.scan(range, usize::MAX, false).unwrap() == everything);
        let store = store.reopen();
        prop_assert!(store.scan(range, usize::MAX, false).unwrap() == everything);
        if let Some((expected, found)) = store.count_check().unwrap() {
            prop_assert_eq!(expected, found);
        }
    }
}

#[test]
fn a_database_that_lost_commits_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let options = || SledOptions { ballast_bytes: 0, free_bytes_min: 0, ..SledOptions::new(directory.path()) };
    let store = Sled::open(options()).unwrap();
    for number in 0..3_u8 {
        let write = Write { key: vec![b'k', number], value: Some(vec![number]) };
        let sequence = store.commit(Commit { writes: vec![write], ..Commit::default() }).unwrap();
        store.wait_durable(sequence).unwrap();
    }
    drop(store);
    // The database vanishes, as an emptied or replaced file makes it; what was noted beside it stays.
    for name in ["db", "conf"] {
        fs::remove_file(directory.path().join(name)).unwrap();
    }
    for entry in fs::read_dir(directory.path()).unwrap().flatten() {
        if entry.file_name().to_string_lossy().starts_with("snap.") {
            fs::remove_file(entry.path()).unwrap();
        }
    }
    let error = Sled::open(options()).err().unwrap().to_string();
    assert!(error.contains("lost its newest commits"), "{error}");
    fs::remove_file(directory.path().join("keyhaven.durable")).unwrap();
    assert!(Sled::open(options()).is_ok());
}

#[test]
fn a_database_in_which_much_was_written_is_settled_when_it_is_closed() {
    let dir = tempfile::tempdir().unwrap();
    // sled names a snapshot by how much of the log it holds.
    let snapshot = |settle_bytes| {
        let store = Sled::open(SledOptions { settle_bytes, ..options(dir.path()) }).unwrap();
        for part in 0..8_u8 {
            commit(&store, vec![put(&[b'k', part], &pattern(100_000, part as usize))]);
        }
        drop(store);
        let names = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name.starts_with("snap.")).max()
    };
    let before = snapshot(u64::MAX);
    let same = snapshot(u64::MAX);
    let settled = snapshot(500_000);
    let store = Sled::open(options(dir.path())).unwrap();
    assert!(before < same && same < settled, "{before:?} {same:?} {settled:?}");
    assert_eq!(counted(&store), 8 * 25 + 8);
    assert_eq!(value(&store, &[b'k', 7]).as_deref(), Some(&pattern(100_000, 7)[..]));
}
