//! Backups of stores that are written to meanwhile, and what becomes of files that are not as they were written.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use super::frames::End;
use super::header::{Header, Key, Recovery};
use super::ledger::{self, Maker, epoch_of};
use super::restore::{Restored, Step, Wanted, restore};
use super::{BackupError, Made, namespace, read, write};
use crate::base::{Entropy, KeyBytes};
use crate::crypto::random::SystemEntropy;
use crate::crypto::rsa::{RsaPrivateKey, RsaPublicKey, SoftwareRsa};
use crate::gate::open::open_or_create_seal;
use crate::keep::seal::Seal;
use crate::store::{Commit, Embedded, EmbeddedOptions, Memory, Range, Sequence, Store, Write, confirm_load};
use crate::vault::root::{Root, SoftRoot};

/// What a store holds: key to number of the commit and value.
type State = BTreeMap<Vec<u8>, (Sequence, Vec<u8>)>;
/// Commits in any order, by their numbers.
type History = Mutex<BTreeMap<Sequence, Vec<Write>>>;

fn os() -> Box<dyn Entropy> {
    Box::new(SystemEntropy)
}

fn root(byte: u8) -> SoftRoot {
    SoftRoot::from_key("test", &KeyBytes::copy_from(&[byte; 32]), os()).unwrap()
}

fn key(root: &SoftRoot) -> Key<'_> {
    Key { root, recovery: None, entropy: &os }
}

fn options(dir: &Path) -> EmbeddedOptions {
    EmbeddedOptions { ballast_bytes: 0, free_bytes_min: 0, cache_bytes: 16 << 20, ..EmbeddedOptions::new(dir) }
}

fn put(key: String, value: Vec<u8>) -> Write {
    Write { key: key.into_bytes(), value: Some(value) }
}

fn commit(store: &dyn Store, history: &History, writes: Vec<Write>) -> Sequence {
    let sequence = store.commit(Commit { writes: writes.clone(), ..Commit::default() }).unwrap();
    history.lock().unwrap().insert(sequence, writes);
    sequence
}

/// What a history leaves after one of its commits.
fn replayed(history: &History, last: Sequence) -> State {
    let mut state = State::new();
    for (sequence, writes) in history.lock().unwrap().range(..=last) {
        for write in writes {
            match &write.value {
                Some(value) => drop(state.insert(write.key.clone(), (*sequence, value.clone()))),
                None => drop(state.remove(&write.key)),
            }
        }
    }
    state
}

/// The keys of a test; what the server keeps for itself is left out.
fn found(store: &dyn Store) -> State {
    let rows = store.scan(Range { start: b"x", end: b"y" }, usize::MAX, false).unwrap();
    rows.into_iter().filter_map(|(key, read)| Some((key, (read.sequence, read.value?)))).collect()
}

fn made(store: &dyn Store, seal: &Seal, recovery: Option<Recovery>, out: &mut dyn io::Write) -> End {
    let root_version = &|_: &[u8]| Some(1);
    let made = Made { product: "test", created: "now".into(), root: "test", root_version, recovery };
    write(store, seal, made, &*os(), out).unwrap()
}

/// A ledger copy, in the newest epoch of the root; for a recovery key too.
fn copied(store: &dyn Store, seal: &Seal, root: &SoftRoot, recovery: Option<&RsaPublicKey>) -> Vec<u8> {
    let epoch = epoch_of(root).unwrap();
    let maker = Maker { product: "test", created: "now".into(), root, epoch, recovery, entropy: &os };
    let mut file = Vec::new();
    ledger::write(store, seal, &maker, &mut file).unwrap();
    file
}

fn restored(file: &[u8], copy: &[u8], key: &Key<'_>, dir: &Path) -> Result<Restored, BackupError> {
    let mut progress = |_: Step, _| ();
    let wanted = Wanted {
        options: options(dir),
        now_micros: 0,
        entropy: Arc::from(os()),
        ledger: Some(&mut &*copy),
        newer: None,
        witness: None,
        progress: &mut progress,
    };
    restore(&mut &*file, key, wanted)
}

/// A small backup and the ledger copy that goes with it, with the root that opens both.
fn small(recovery: Option<&RsaPublicKey>) -> (Vec<u8>, Vec<u8>, SoftRoot, State) {
    let (store, root, history) = (Memory::new(), root(1), History::default());
    let seal = open_or_create_seal(&store, &root, &*os()).unwrap();
    commit(&store, &history, vec![put("x/long".into(), vec![9; 10_000]), put("x/short".into(), b"value".to_vec())]);
    let mut file = Vec::new();
    let part = recovery.map(|to| {
        let keys = namespace::open(&namespace::rows(&store).unwrap(), &root).unwrap();
        Recovery::new(&keys, to, os()).unwrap()
    });
    let end = made(&store, &seal, part, &mut file);
    let copy = copied(&store, &seal, &root, recovery);
    (file, copy, root, replayed(&history, end.at.last))
}

/// An output that changes the store at every write: what a slow disk and busy clients do, without threads.
struct Busy<'a> {
    store: &'a dyn Store,
    history: &'a History,
    file: Vec<u8>,
    turn: u64,
}

impl io::Write for Busy<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for _ in 0..7 {
            self.turn += 1;
            let key = |n: u64| format!("x/{:03}", (n * 97) % 300);
            let gone = Write { key: key(self.turn + 5).into_bytes(), value: None };
            let value = vec![self.turn as u8; if self.turn.is_multiple_of(3) { 9000 } else { 20 }];
            commit(self.store, self.history, vec![put(key(self.turn), value), gone]);
        }
        self.file.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn what_changes_between_two_frames_is_in_the_backup() {
    let (store, root, history) = (Memory::new(), root(1), History::default());
    let seal = open_or_create_seal(&store, &root, &*os()).unwrap();
    for n in 0..300 {
        commit(&store, &history, vec![put(format!("x/{n:03}"), vec![n as u8; 6000])]);
    }
    let before = store.latest();
    let mut out = Busy { store: &store, history: &history, file: Vec::new(), turn: 0 };
    let end = made(&store, &seal, None, &mut out);
    assert!(end.at.last > before, "some of what happened meanwhile is in it");
    assert!(store.latest() > end.at.last, "and some of it is not");
    let directory = tempfile::tempdir().unwrap();
    let dir = directory.path().join("store");
    restored(&out.file, &copied(&store, &seal, &root, None), &key(&root), &dir).unwrap();
    let store = Embedded::open(options(&dir)).unwrap();
    assert!(found(&store) == replayed(&history, end.at.last), "the restored store is the state after the commit");
    let (expected, counted) = store.count_check().unwrap().unwrap();
    assert_eq!(expected, counted);
}

#[test]
fn a_backup_under_load_is_the_state_after_one_commit() {
    let directory = tempfile::tempdir().unwrap();
    let source: Arc<dyn Store> = Arc::new(Embedded::open(options(&directory.path().join("source"))).unwrap());
    let (root, history, stop) = (root(1), History::default(), AtomicBool::new(false));
    let seal = open_or_create_seal(&*source, &root, &*os()).unwrap();
    for n in 0..400 {
        commit(&*source, &history, vec![put(format!("x/{n:04}"), vec![n as u8; 500])]);
    }
    let mut file = Vec::new();
    let (acknowledged, end) = thread::scope(|scope| {
        for me in 0..3_u64 {
            let (source, history, stop) = (&source, &history, &stop);
            scope.spawn(move || {
                let mut turn = me;
                while !stop.load(Ordering::Relaxed) {
                    turn += 3;
                    let n = turn * 31 % 600;
                    let value = vec![turn as u8; if turn.is_multiple_of(10) { 9000 } else { 300 }];
                    let gone = Write { key: format!("x/{:04}", (n + 1) % 600).into_bytes(), value: None };
                    let sequence = commit(&**source, history, vec![put(format!("x/{n:04}"), value), gone]);
                    source.wait_durable(sequence).unwrap();
                }
            });
        }
        let acknowledged = source.durable();
        let end = made(&*source, &seal, None, &mut file);
        stop.store(true, Ordering::Relaxed);
        (acknowledged, end)
    });
    assert!(end.at.last >= acknowledged, "what was acknowledged before is in it");
    let dir = directory.path().join("restored");
    restored(&file, &copied(&*source, &seal, &root, None), &key(&root), &dir).unwrap();
    let store = Embedded::open(options(&dir)).unwrap();
    assert!(found(&store) == replayed(&history, end.at.last), "the restored store is the state after the commit");
}

#[test]
fn a_restored_store_notes_it_and_is_not_filled_twice() {
    let (file, copy, root, state) = small(None);
    let directory = tempfile::tempdir().unwrap();
    let dir = directory.path().join("store");
    let one = restored(&file, &copy, &key(&root), &dir).unwrap();
    assert!(one.ledger.is_some());
    assert_eq!(one.contents.audit_entries, 1, "the restore is in the audit chain");
    assert_eq!(found(&Embedded::open(options(&dir)).unwrap()), state);
    let again = restored(&file, &copy, &key(&root), &dir).err().unwrap().to_string();
    assert!(again.contains("not empty"), "{again}");
}

#[test]
fn a_cut_or_altered_file_makes_no_store() {
    let (file, copy, root, _) = small(None);
    let head = file.iter().enumerate().filter(|(_, byte)| **byte == b'\n').nth(1).unwrap().0 + 1;
    let directory = tempfile::tempdir().unwrap();
    let mut tried = 0;
    let mut refused = |file: &[u8], what: &str| {
        tried += 1;
        let dir = directory.path().join(tried.to_string());
        assert!(restored(file, &copy, &key(&root), &dir).is_err(), "{what}");
        assert!(!dir.exists() || Embedded::open(options(&dir)).is_err(), "{what}: nobody serves it");
    };
    for length in [0, 10, head - 1, head, head + 5, head + 20, file.len() - 1] {
        refused(&file[..length], &format!("cut to {length}"));
    }
    for at in [0, 17, 40, head - 10, head, head + 4, head + 12, head + 13, head + 5000, file.len() - 1] {
        let mut bad = file.clone();
        bad[at] ^= 1;
        refused(&bad, &format!("bit at {at}"));
    }
}

#[test]
fn the_words_say_what_is_wrong_with_a_file() {
    let (file, _, own, _) = small(None);
    let outcome = |file: &[u8], root: &SoftRoot| {
        read(&mut &*file, &key(root), &mut |_, _| Ok(()), &mut |_| Ok(()), &mut |_| ()).map(drop)
    };
    assert!(outcome(&file, &own).is_ok());
    assert!(matches!(outcome(b"", &own), Err(BackupError::NotABackup)));
    assert!(matches!(outcome(b"-----BEGIN CERTIFICATE-----\n", &own), Err(BackupError::NotABackup)));
    assert!(matches!(outcome(&file[..file.len() - 1], &own), Err(BackupError::CutOff)));
    let newer = [b"keyhaven-backup 3\n", &file[18..]].concat();
    assert!(matches!(outcome(&newer, &own), Err(BackupError::Newer(3))));
    let wrong = outcome(&file, &root(2)).unwrap_err();
    assert!(wrong.to_string().contains("a root of kind test, version 1"), "{wrong}");
}

/// What two backups of one store have in common opens alike; they do not mix all the same.
#[test]
fn two_backups_of_one_store_do_not_mix() {
    let (store, root, history) = (Memory::new(), root(1), History::default());
    let seal = open_or_create_seal(&store, &root, &*os()).unwrap();
    commit(&store, &history, vec![put("x".into(), b"1".to_vec())]);
    let (mut one, mut two) = (Vec::new(), Vec::new());
    made(&store, &seal, None, &mut one);
    made(&store, &seal, None, &mut two);
    let body = |file: &[u8]| {
        let mut rest = file;
        Header::read(&mut rest).unwrap();
        file.len() - rest.len()
    };
    let mixed = [&one[..body(&one)], &two[body(&two)..]].concat();
    let outcome = read(&mut &*mixed, &key(&root), &mut |_, _| Ok(()), &mut |_| Ok(()), &mut |_| ());
    assert!(matches!(outcome, Err(BackupError::Altered(0))));
}

#[test]
fn a_recovery_key_stands_in_for_a_lost_root() {
    let rsa = || RsaPrivateKey::generate(2048, 65537, SoftwareRsa::Refuse).unwrap();
    let (own, other) = (rsa(), rsa());
    let (file, copy, old, state) = small(Some(own.public()));
    let directory = tempfile::tempdir().unwrap();
    let dir = directory.path().join("store");
    let new = root(2);
    let with = |recovery| Key { root: &new, recovery: Some(recovery), entropy: &os };
    assert!(matches!(restored(&file, &copy, &with(&other), &dir), Err(BackupError::Refused(_))));
    std::fs::remove_dir_all(&dir).unwrap();
    restored(&file, &copy, &with(&own), &dir).unwrap();
    let store = Embedded::open(options(&dir)).unwrap();
    assert_eq!(found(&store), state);
    assert!(namespace::open(&namespace::rows(&store).unwrap(), &new as &dyn Root).is_ok());
    assert!(namespace::open(&namespace::rows(&store).unwrap(), &old as &dyn Root).is_err());
    let (without, copy, ..) = small(None);
    assert!(matches!(
        restored(&without, &copy, &with(&own), &directory.path().join("2")),
        Err(BackupError::Refused(_))
    ));
}

#[test]
fn a_store_that_was_not_confirmed_is_restored_again() {
    let (file, copy, root, state) = small(None);
    let directory = tempfile::tempdir().unwrap();
    let dir = directory.path().join("store");
    assert!(restored(&file[..file.len() - 1], &copy, &key(&root), &dir).is_err());
    let refused = Embedded::open(options(&dir)).err().unwrap().to_string();
    assert!(refused.contains("run the restore again"), "{refused}");
    restored(&file, &copy, &key(&root), &dir).unwrap();
    assert_eq!(found(&Embedded::open(options(&dir)).unwrap()), state);
    assert!(confirm_load(&dir).is_err(), "there is nothing to confirm any more");
}

/// A slow output must not fill the memory of the server.
#[test]
fn an_output_that_cannot_keep_up_ends_the_backup() {
    struct Stuck<'a>(&'a dyn Store, u64);
    impl io::Write for Stuck<'_> {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            // The header: the store is followed by now.
            if self.1 == 0 {
                for n in 0..17 {
                    let writes = vec![put(format!("x/{n}"), vec![0; 4 << 20])];
                    self.0.commit(Commit { writes, ..Commit::default() }).unwrap();
                }
            }
            self.1 += 1;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let (store, root) = (Memory::new(), root(1));
    let seal = open_or_create_seal(&store, &root, &*os()).unwrap();
    let root_version = &|_: &[u8]| Some(1);
    let made = Made { product: "test", created: "now".into(), root: "test", root_version, recovery: None };
    let error = write(&store, &seal, made, &*os(), &mut Stuck(&store, 0)).unwrap_err();
    assert!(error.to_string().contains("more is written"), "{error}");
}
