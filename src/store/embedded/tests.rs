//! The suite over each engine, and what only a driver with a disk can show.

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
    store: Embedded,
    dir: TempDir,
}

impl Deref for Scratch {
    type Target = Embedded;
    fn deref(&self) -> &Embedded {
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

fn options(engine: EngineKind, dir: &Path) -> EmbeddedOptions {
    let small = EmbeddedOptions { cache_bytes: 16 << 20, ballast_bytes: 0, ..EmbeddedOptions::new(dir) };
    EmbeddedOptions { engine, free_bytes_min: 0, ..small }
}

fn scratch(engine: EngineKind) -> Scratch {
    let dir = tempfile::tempdir().unwrap();
    Scratch { store: Embedded::open(options(engine, dir.path())).unwrap(), dir }
}

/// Small batches, so that a test goes through many.
fn scratch_in_small_batches(engine: EngineKind) -> Scratch {
    let dir = tempfile::tempdir().unwrap();
    let options = EmbeddedOptions { batch_keys_max: 3, batch_bytes_max: 2000, ..options(engine, dir.path()) };
    Scratch { store: Embedded::open(options).unwrap(), dir }
}

impl Scratch {
    fn reopen(self) -> Self {
        let Self { store, dir } = self;
        let engine = store.shared.options.engine;
        drop(store);
        Self { store: Embedded::open(options(engine, dir.path())).unwrap(), dir }
    }
}

/// The suite and these tests over one engine.
macro_rules! over {
    ($module:ident, $engine:expr; $($name:ident),* $(,)?) => {
        mod $module {
            use super::EngineKind;

            mod whole_batches {
                super::super::suite::store_tests!(|| super::super::scratch($engine));
                use super::EngineKind;
            }

            mod small_batches {
                super::super::suite::store_tests!(|| super::super::scratch_in_small_batches($engine));
                use super::EngineKind;
            }

            $(#[test] fn $name() { super::$name($engine); })*
        }
    };
    ($($module:ident = $engine:expr),*; $names:tt) => {
        $(over!(@one $module, $engine; $names);)*
    };
    (@one $module:ident, $engine:expr; { $($name:ident),* $(,)? }) => {
        over!($module, $engine; $($name),*);
    };
}

over! { sled = EngineKind::Sled, fjall = EngineKind::Fjall; {
    reopening_keeps_all_and_numbers_rise, parts_go_with_their_value, the_journal_is_kept_and_entries_alone_come_in_time,
    a_full_backlog_is_busy, one_process_at_a_time, a_nearly_full_disk_is_read_only, a_wake_may_own_the_store,
    the_ballast_is_there_while_open, a_cut_off_log_is_refused_or_an_older_state, a_lost_key_shows_in_the_count,
    after_a_failure_the_store_only_reads, a_database_that_lost_commits_is_refused, behaves_like_a_map,
    no_flipped_bit_is_silent, moves_to_the_other_engine,
} }

fn counted(store: &Embedded) -> u64 {
    let (expected, found) = store.count_check().unwrap().unwrap();
    assert_eq!(expected, found);
    found
}

fn reopening_keeps_all_and_numbers_rise(engine: EngineKind) {
    let mut store = scratch(engine);
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

fn parts_go_with_their_value(engine: EngineKind) {
    let store = scratch(engine);
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
    if engine == EngineKind::Sled {
        assert_eq!(fs::read_dir(store.dir.path().join("blobs")).unwrap().count(), 0, "sled does not sync those");
    }
}

fn the_journal_is_kept_and_entries_alone_come_in_time(engine: EngineKind) {
    let mut store = scratch(engine);
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

fn a_full_backlog_is_busy(engine: EngineKind) {
    let dir = tempfile::tempdir().unwrap();
    let delay = Duration::from_secs(3600);
    let options = EmbeddedOptions {
        backlog_commits_max: 3,
        backlog_bytes_max: 1000,
        journal_delay: delay,
        ..options(engine, dir.path())
    };
    let store = Embedded::open(options).unwrap();
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

fn one_process_at_a_time(engine: EngineKind) {
    let store = scratch(engine);
    let error = Embedded::open(options(engine, store.dir.path())).err().unwrap();
    assert!(error.to_string().contains("in use by another process"), "{error}");
}

fn a_nearly_full_disk_is_read_only(engine: EngineKind) {
    let mut store = scratch(engine);
    commit(&store, vec![put(b"a", b"1")]);
    let Scratch { store: open, dir } = store;
    drop(open);
    let strict = EmbeddedOptions { free_bytes_min: u64::MAX, ..options(engine, dir.path()) };
    store = Scratch { store: Embedded::open(strict).unwrap(), dir };
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
    let free = directory::free_bytes(dir.path()).unwrap();
    let store =
        Embedded::open(EmbeddedOptions { free_bytes_min: free / 2 * 3, ..options(engine, dir.path()) }).unwrap();
    assert!(store.commit(Commit { writes: vec![put(b"a", b"3")], ..Commit::default() }).is_err());
    store.commit(Commit { journal: b"a read".to_vec(), ..Commit::default() }).unwrap();
}

fn a_wake_may_own_the_store(engine: EngineKind) {
    let dir = tempfile::tempdir().unwrap();
    let slow = EmbeddedOptions { journal_delay: Duration::from_secs(3600), ..options(engine, dir.path()) };
    let store = Arc::new(Embedded::open(slow).unwrap());
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
        match Embedded::open(options(engine, dir.path())) {
            Ok(store) => break store,
            Err(_) => thread::yield_now(),
        }
    };
    assert_eq!(store.durable(), sequence);
}

fn the_ballast_is_there_while_open(engine: EngineKind) {
    let dir = tempfile::tempdir().unwrap();
    let with_ballast = EmbeddedOptions { ballast_bytes: 3_000_000, ..options(engine, dir.path()) };
    for _ in 0..2 {
        let store = Embedded::open(with_ballast.clone()).unwrap();
        assert_eq!(fs::metadata(dir.path().join("keyhaven.ballast")).unwrap().len(), 3_000_000);
        drop(store);
    }
    drop(Embedded::open(options(engine, dir.path())).unwrap());
    assert!(!dir.path().join("keyhaven.ballast").exists());
}

/// Damages the snapshots of a closed database with 500 keys and opens it.
fn after_damage(engine: EngineKind, damage: impl Fn(&Path)) -> Result<Scratch, StoreError> {
    let store = scratch(engine).reopen();
    for i in 0..500_u16 {
        commit(&store, vec![put(&i.to_be_bytes(), &pattern(200, i.into()))]);
    }
    let Scratch { store, dir } = store.reopen();
    drop(store);
    damage(dir.path());
    Ok(Scratch { store: Embedded::open(options(engine, dir.path()))?, dir })
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
    let store = after_damage(EngineKind::Sled, |dir| {
        let bytes = fs::read(snapshot(dir)).unwrap();
        fs::write(dir.join("snap.7FFFFFFFFFFFFFFF.generating"), &bytes[..bytes.len() / 2]).unwrap();
    });
    all_there(&store.unwrap());
}

#[test]
fn a_damaged_snapshot_is_rebuilt() {
    let store = after_damage(EngineKind::Sled, |dir| {
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

/// Where an engine writes first.
fn log(engine: EngineKind, dir: &Path) -> PathBuf {
    match engine {
        EngineKind::Sled => dir.join("db"),
        EngineKind::Fjall => {
            files(&dir.join("fjall")).into_iter().find(|path| path.extension().is_some_and(|x| x == "jnl")).unwrap()
        }
    }
}

/// All files below a directory.
fn files(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// Commits go to the log in order, so a log without its end is the database of a moment ago: that it is old must be
/// found by who keeps the last number elsewhere.
fn a_cut_off_log_is_refused_or_an_older_state(engine: EngineKind) {
    let store = after_damage(engine, |dir| {
        let file = fs::OpenOptions::new().write(true).open(log(engine, dir)).unwrap();
        file.set_len(file.metadata().unwrap().len() / 4).unwrap();
        // Else the number that is noted there tells at once.
        fs::remove_file(dir.join("keyhaven.durable")).unwrap();
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

fn a_lost_key_shows_in_the_count(engine: EngineKind) {
    let store = after_damage(engine, |_| ()).unwrap();
    all_there(&store);
    store.wait_durable(store.latest()).unwrap();
    store.shared.engine.apply(&[(77_u16.to_be_bytes().to_vec().into(), None)]).unwrap();
    assert_eq!(store.count_check().unwrap(), Some((501, 500)));
}

struct Panics;

impl Journal for Panics {
    fn write(&mut self, _: &Batch<'_>) -> Result<Vec<Write>, StoreError> {
        panic!("a planned panic")
    }
}

fn after_a_failure_the_store_only_reads(engine: EngineKind) {
    let store = scratch(engine);
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

/// The driver, the memory driver and a map do the same.
fn behaves_like_a_map(engine: EngineKind) {
    let config = ProptestConfig { cases: 24, max_shrink_iters: 200, ..ProptestConfig::default() };
    proptest!(config, |(steps in proptest::collection::vec(step(), 1..80))| {
        let mut store = scratch(engine);
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
    });
}

fn a_database_that_lost_commits_is_refused(engine: EngineKind) {
    let directory = tempfile::tempdir().unwrap();
    let options = || options(engine, directory.path());
    let store = Embedded::open(options()).unwrap();
    for number in 0..3_u8 {
        let write = Write { key: vec![b'k', number], value: Some(vec![number]) };
        let sequence = store.commit(Commit { writes: vec![write], ..Commit::default() }).unwrap();
        store.wait_durable(sequence).unwrap();
    }
    drop(store);
    // The database vanishes, as an emptied or replaced file makes it; what was noted beside it stays.
    EngineKind::clear(directory.path()).unwrap();
    let error = Embedded::open(options()).err().unwrap().to_string();
    assert!(error.contains("lost its newest commits"), "{error}");
    fs::remove_file(directory.path().join("keyhaven.durable")).unwrap();
    assert!(Embedded::open(options()).is_ok());
}

#[test]
fn a_database_in_which_much_was_written_is_settled_when_it_is_closed() {
    let dir = tempfile::tempdir().unwrap();
    // sled names a snapshot by how much of the log it holds.
    let snapshot = |settle_bytes| {
        let store = Embedded::open(EmbeddedOptions { settle_bytes, ..options(EngineKind::Sled, dir.path()) }).unwrap();
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
    let store = Embedded::open(options(EngineKind::Sled, dir.path())).unwrap();
    assert!(before < same && same < settled, "{before:?} {same:?} {settled:?}");
    assert_eq!(counted(&store), 8 * 25 + 8);
    assert_eq!(value(&store, &[b'k', 7]).as_deref(), Some(&pattern(100_000, 7)[..]));
}

/// Whatever bit is flipped in whatever file: the database does not open, or a key cannot be read, or the count is wrong, or
/// nothing is missing and nothing is changed.
fn no_flipped_bit_is_silent(engine: EngineKind) {
    let whole = tempfile::tempdir().unwrap();
    let write = |keys: std::ops::Range<u16>| {
        let store = Embedded::open(EmbeddedOptions { settle_bytes: 1, ..options(engine, whole.path()) }).unwrap();
        for i in keys {
            commit(&store, vec![put(&i.to_be_bytes(), &pattern(200, i.into()))]);
        }
        store
    };
    // Some are where the engine keeps what is settled, some in what it writes first.
    drop(write(0..300));
    let mut last = write(300..400);
    last.settle.options.settle_bytes = u64::MAX;
    drop(last);
    let mut told = 0;
    for (number, file) in files(whole.path()).iter().enumerate() {
        let name = file.strip_prefix(whole.path()).unwrap();
        let length = fs::metadata(file).unwrap().len() as usize;
        for part in 0..length.min(12) {
            let damaged = tempfile::tempdir().unwrap();
            copy_files(whole.path(), damaged.path());
            let path = damaged.path().join(name);
            let mut bytes = fs::read(&path).unwrap();
            let at = (length / 12 * part + (number * 37 + part * 101) % (length / 12).max(1)).min(length - 1);
            bytes[at] ^= 1 << ((part + number) % 8);
            fs::write(&path, bytes).unwrap();
            match state(&options(engine, damaged.path())) {
                Ok(state) => assert!(state, "{}: a flipped bit of byte {at} is silent", name.display()),
                Err(_) => told += 1,
            }
        }
    }
    assert!(told > 0, "{told}");
}

/// Whether 400 keys are there as they were written; an error tells of damage.
fn state(options: &EmbeddedOptions) -> Result<bool, StoreError> {
    let store = Embedded::open(options.clone())?;
    match store.count_check()? {
        Some((expected, found)) if expected == found => {}
        other => return Err(StoreError::new("the count is wrong", format!("{other:?}"))),
    }
    let found = store.scan(Range { start: b"", end: b"\xff" }, usize::MAX, false)?;
    let expected = (0..400_u16).map(|i| (i.to_be_bytes().to_vec(), Some(pattern(200, i.into()))));
    let got = found.into_iter().map(|(key, read)| (key, read.value));
    Ok(got.eq(expected))
}

fn copy_files(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let copy = to.join(entry.file_name());
        if entry.path().is_dir() {
            fs::create_dir(&copy).unwrap();
            copy_files(&entry.path(), &copy);
        } else {
            fs::copy(entry.path(), copy).unwrap();
        }
    }
}

/// To the other engine: the same keys, values, numbers of commits, and the next commit; and nothing opens it as what it was.
fn moves_to_the_other_engine(engine: EngineKind) {
    let store = scratch(engine);
    for i in 0..200_u16 {
        commit(&store, vec![put(&i.to_be_bytes(), &pattern(usize::from(i) * 70, i.into()))]);
    }
    commit(&store, vec![remove(&7_u16.to_be_bytes())]);
    let everything = |store: &Embedded| store.scan(Range { start: b"", end: b"\xff" }, usize::MAX, false).unwrap();
    let before = everything(&store);
    let last = store.latest();
    let Scratch { store, dir } = store;
    let busy = compact(&options(engine, dir.path()), engine, &mut |_, _| ()).unwrap_err().to_string();
    assert!(busy.contains("in use by another process"), "{busy}");
    drop(store);
    let other = EngineKind::ALL.into_iter().find(|other| *other != engine).unwrap();
    // What a migration left that was killed.
    fs::create_dir(beside(dir.path())).unwrap();
    fs::write(beside(dir.path()).join("db"), b"half").unwrap();
    let mut told = (0, 0);
    let copied = compact(&options(engine, dir.path()), other, &mut |done, total| told = (done, total)).unwrap();
    assert_eq!((copied.keys, told), (199, (398, 2 * copied.keys.max(told.1 / 2))));
    assert!(!beside(dir.path()).exists());
    assert_eq!(EngineKind::found(dir.path()), Some(other));
    let refused = Embedded::open(options(engine, dir.path())).err().unwrap().to_string();
    assert!(refused.contains(&format!("keyhaven store migrate --to {engine}")), "{refused}");
    let store = Embedded::open(options(other, dir.path())).unwrap();
    assert_eq!(everything(&store), before);
    assert_eq!(commit(&store, vec![put(b"next", b"")]), Sequence(last.0 + 1));
    counted(&store);
}
