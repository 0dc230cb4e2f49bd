//! The store under a real kill. The test runs itself as a child that writes from several threads and prints what the
//! store called durable; the parent kills it, opens the store and looks for everything that was promised.

// Helpers of tests are tests.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use keyhaven::store::{
    Batch, Commit, CommitError, Embedded, EmbeddedOptions, EngineKind, Journal, Range, Store, StoreError, Write,
};

/// Set for a child: the data directory.
const CHILD_DIR: &str = "KEYHAVEN_TEST_STORE_DIR";
/// Set for a child: where its objects begin.
const CHILD_FIRST: &str = "KEYHAVEN_TEST_STORE_FIRST";

const THREADS: u64 = 6;
const CYCLES: u64 = 8;

/// The engine that KEYHAVEN_ENGINE names; sled, if it names none.
fn engine() -> EngineKind {
    std::env::var("KEYHAVEN_ENGINE").map_or(EngineKind::default(), |name| name.parse().unwrap())
}

fn options(dir: &Path) -> EmbeddedOptions {
    // Small batches: more chances to be cut between two.
    let small = EmbeddedOptions { batch_keys_max: 40, cache_bytes: 16 << 20, ..EmbeddedOptions::new(dir) };
    EmbeddedOptions { engine: engine(), ballast_bytes: 1 << 20, free_bytes_min: 0, ..small }
}

fn put(key: String, value: &[u8]) -> Write {
    Write { key: key.into_bytes(), value: Some(value.to_vec()) }
}

/// What object `n` holds; every tenth is stored in parts.
fn body(n: u64) -> Vec<u8> {
    let length = if n.is_multiple_of(10) { 9000 } else { 700 };
    (0..length).map(|i: u64| (i.wrapping_mul(7) ^ n) as u8).collect()
}

/// An object, its index entry, and a key that is written again and again.
fn object(n: u64) -> Vec<Write> {
    let mut writes = vec![put(format!("o/{n:08}"), &body(n)), put(format!("i/{n:08}"), &n.to_be_bytes())];
    writes.push(put(format!("c/{}", n % THREADS), &n.to_be_bytes()));
    // Every object leaves with the one that comes four after it of the same thread.
    if n % (4 * THREADS) < THREADS && n >= 4 * THREADS {
        let gone = n - 4 * THREADS;
        writes.push(Write { key: format!("o/{gone:08}").into_bytes(), value: None });
        writes.push(Write { key: format!("i/{gone:08}").into_bytes(), value: None });
    }
    writes
}

struct Lines;

impl Journal for Lines {
    fn write(&mut self, batch: &Batch<'_>) -> Result<Vec<Write>, StoreError> {
        let line = |entry: &[u8]| put(format!("l/{}", String::from_utf8_lossy(entry)), entry);
        Ok(batch.entries.iter().map(|(_, entry)| line(entry)).collect())
    }
}

/// The child: writes until it is killed or the store fails. Does nothing unless asked by its environment.
#[test]
fn child_writes_until_it_ends() {
    let (Some(dir), Ok(first)) = (std::env::var_os(CHILD_DIR), std::env::var(CHILD_FIRST)) else { return };
    let first: u64 = first.parse().unwrap();
    let store = Embedded::open(options(Path::new(&dir))).unwrap();
    store.set_journal(Box::new(Lines));
    let store = &store;
    let failed: Vec<String> = thread::scope(|scope| {
        let threads: Vec<_> =
            (0..THREADS).map(|me| scope.spawn(move || write_until_it_fails(store, first + me))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    // Whoever failed once fails for ever, and reads go on.
    let refused = store.commit(Commit { writes: object(first), ..Commit::default() });
    assert!(matches!(refused, Err(CommitError::Store(_))));
    store.get(b"c/0").unwrap();
    say(&format!("failed {}", failed[0]));
}

fn write_until_it_fails(store: &Embedded, first: u64) -> String {
    let mut n = first;
    loop {
        let commit = Commit { expect: vec![], writes: object(n), journal: format!("{n:08}").into_bytes() };
        let outcome = match store.commit(commit) {
            Ok(sequence) => store.wait_durable(sequence),
            Err(CommitError::Store(error)) => Err(error),
            Err(other) => panic!("{other:?}"),
        };
        match outcome {
            Ok(()) => say(&format!("ack {n}")),
            Err(error) => return error.to_string(),
        }
        n += THREADS;
    }
}

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    // The test harness may have begun a line of its own.
    out.write_all(format!("\n{line}\n").as_bytes()).and_then(|()| out.flush()).unwrap();
}

fn child_command(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new(program);
    command.stdout(Stdio::piped()).stderr(Stdio::null());
    command
}

fn arguments() -> [&'static str; 3] {
    ["--exact", "child_writes_until_it_ends", "--nocapture"]
}

fn spawn(dir: &Path, first: u64) -> Child {
    let mut command = child_command(std::env::current_exe().unwrap());
    command.args(arguments()).env(CHILD_DIR, dir).env(CHILD_FIRST, first.to_string()).spawn().unwrap()
}

/// The child's lines, as they come; the sender goes when the child does.
fn lines(child: &mut Child) -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    let out = BufReader::new(child.stdout.take().unwrap());
    thread::spawn(move || out.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
    receiver
}

/// The highest acknowledged object of each thread. A line cut by the kill does not count.
fn acknowledged(lines: impl IntoIterator<Item = String>) -> HashMap<u64, u64> {
    let mut highest = HashMap::new();
    for n in lines.into_iter().filter_map(|line| line.strip_prefix("ack ")?.parse::<u64>().ok()) {
        let before = highest.entry(n % THREADS).or_insert(n);
        *before = n.max(*before);
    }
    highest
}

/// Everything promised is there, and nothing is there in part. Gives the first free number for the next child.
fn verify(dir: &Path, first: u64, acknowledged: &HashMap<u64, u64>) -> u64 {
    let store = Embedded::open(options(dir)).unwrap();
    if let Some((expected, found)) = store.count_check().unwrap() {
        assert_eq!(expected, found);
    }
    let numbers = |prefix: &str| -> Vec<u64> {
        let (start, end) = (format!("{prefix}/"), format!("{prefix}0"));
        let found = store.scan(Range { start: start.as_bytes(), end: end.as_bytes() }, usize::MAX, false).unwrap();
        found.iter().map(|(key, _)| String::from_utf8_lossy(&key[2..]).parse().unwrap()).collect()
    };
    let objects = numbers("o");
    assert_eq!(objects, numbers("i"), "objects and index entries");
    for n in &objects {
        assert!(store.get(format!("o/{n:08}").as_bytes()).unwrap().value.unwrap() == body(*n), "object {n}");
    }
    // A journal line for each commit that is there, removed objects with them, and none for others.
    let lines = numbers("l");
    for n in &objects {
        assert!(lines.binary_search(n).is_ok(), "line {n}");
    }
    for me in 0..THREADS {
        let last = lines.iter().rev().find(|n| *n % THREADS == me && **n >= first);
        let counter = store.get(format!("c/{me}").as_bytes()).unwrap().value;
        if let Some(last) = last {
            assert_eq!(counter.unwrap(), last.to_be_bytes(), "the last commit of thread {me}");
        }
        let Some(promised) = acknowledged.get(&me) else { continue };
        for n in (first + me..=*promised).step_by(THREADS as usize) {
            assert!(lines.binary_search(&n).is_ok(), "line {n} was promised");
            let removed =
                (n + 4 * THREADS) % (4 * THREADS) < THREADS && lines.binary_search(&(n + 4 * THREADS)).is_ok();
            assert_eq!(objects.binary_search(&n).is_ok(), !removed, "object {n} was promised");
        }
    }
    let last = lines.last().copied().unwrap_or(0);
    (last / (4 * THREADS) + 2) * 4 * THREADS
}

/// Milliseconds before the kill; the seed is the process, so that runs differ.
fn delay(cycle: u64) -> Duration {
    let mixed = (u64::from(std::process::id()) << 8 | cycle).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 33;
    Duration::from_millis(mixed % 150)
}

#[test]
fn what_was_acknowledged_survives_a_kill() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("data");
    let mut first = 4 * THREADS;
    let mut total = 0;
    for cycle in 0..CYCLES {
        if cycle == CYCLES - 1 {
            // As if the process had been killed while it wrote a snapshot during open.
            std::fs::write(dir.join("snap.7FFFFFFFFFFFFFFF.generating"), b"the beginning").unwrap();
        }
        let mut child = spawn(&dir, first);
        let lines = lines(&mut child);
        // Let it open and write something, except in two cycles that may be cut during open.
        let mut heard: Vec<String> = Vec::new();
        if !matches!(cycle, 3 | 5) {
            while !heard.last().is_some_and(|line| line.starts_with("ack ")) {
                heard.push(lines.recv().expect("the child ended by itself"));
            }
        }
        thread::sleep(delay(cycle));
        child.kill().unwrap();
        child.wait().unwrap();
        heard.extend(lines);
        let acknowledged = acknowledged(heard);
        total += acknowledged.values().map(|n| (n - first) / THREADS + 1).sum::<u64>();
        first = verify(&dir, first, &acknowledged);
    }
    assert!(total > CYCLES);
    println!("{total} acknowledged objects over {CYCLES} kills");
}

/// No more can be written: here by a limit on the size of files, which needs no privileges. The child must say so and
/// keep what it promised; with the limit gone the store opens again.
#[test]
#[cfg(target_os = "linux")]
fn a_failed_write_ends_writing_and_nothing_else() {
    if engine() == EngineKind::Fjall {
        eprintln!(
            "skipped: fjall allots its journal ahead and ends below any such limit; tests/damage.rs fills its disk"
        );
        return;
    }
    let scratch = tempfile::tempdir().unwrap();
    let dir: PathBuf = scratch.path().join("data");
    let first = 4 * THREADS;
    let mut command = child_command("sh");
    // Without the signal, the write fails as it does on a full disk. The limit is in blocks of 512 bytes: 3 MiB.
    command.args(["-c", "trap '' XFSZ; ulimit -f 6144 || exit 77; exec \"$0\" \"$@\""]);
    command.arg(std::env::current_exe().unwrap()).args(arguments());
    let mut child = command.env(CHILD_DIR, &dir).env(CHILD_FIRST, first.to_string()).spawn().unwrap();
    let heard: Vec<String> = lines(&mut child).into_iter().collect();
    let status = child.wait().unwrap();
    if status.code() == Some(77) {
        eprintln!("skipped: the shell cannot set a limit on the size of files");
        return;
    }
    assert!(heard.iter().any(|line| line.starts_with("failed ")), "{status}: {heard:?}");
    let acknowledged = acknowledged(heard);
    assert!(!acknowledged.is_empty());
    verify(&dir, first, &acknowledged);
}
