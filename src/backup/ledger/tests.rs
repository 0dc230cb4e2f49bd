//! Copies, rolls that are cut off, and stores that come of a backup and a copy.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use proptest::prelude::*;
use proptest::test_runner::{TestCaseError, TestRunner};

use super::find::find;
use super::header::Header;
use super::roll::{Rolled, Step, Wanted, roll};
use super::{Maker, epoch_of, read, write};
use crate::backup::follow::Following;
use crate::backup::header::Key;
use crate::backup::restore::{self, Restored};
use crate::backup::{self, BackupError, Made, Summary, lines};
use crate::base::{Entropy, KeyBytes};
use crate::crypto::random::SystemEntropy;
use crate::gate::open::open_seal;
use crate::gate::testing::TestServer;
use crate::gate::verify::verify;
use crate::keep::rotation::Step as Turn;
use crate::keep::{BodyChange, Keep, Transaction, ledger, memo};
use crate::model::lifecycle::is_destroyed;
use crate::proto::objects::{Body, BodyKind};
use crate::registry::{
    CryptographicAlgorithm, KeyFormatType, ObjectType, Operation, RevocationReasonCode, State, Tag, Version,
};
use crate::store::{Commit, Embedded, EmbeddedOptions, Range, Sequence, Write};
use crate::vault::root::SoftRoot;

fn os() -> Box<dyn Entropy> {
    Box::new(SystemEntropy)
}

/// A server, a directory for ledger copies and for restored stores.
struct Bench {
    server: TestServer,
    directory: tempfile::TempDir,
    stores: std::cell::Cell<u32>,
}

/// A restored store, opened.
struct Again {
    keep: Keep,
    restored: Restored,
}

impl Bench {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("ledger")).unwrap();
        Self { server: TestServer::new(), directory, stores: Default::default() }
    }

    fn ledger(&self) -> PathBuf {
        self.directory.path().join("ledger")
    }

    fn keep(&self) -> &Keep {
        self.server.core().keep()
    }

    fn key(&self) -> Key<'_> {
        Key { root: &**self.server.core().root(), recovery: None, entropy: &os }
    }

    /// An active key of these bytes.
    fn register(&self, bytes: &[u8]) -> String {
        let (kind, algorithm) = (ObjectType::SymmetricKey, CryptographicAlgorithm::HMAC_SHA256);
        self.server.key(kind, algorithm, KeyFormatType::Raw, bytes, |_| ())
    }

    fn revoke(&self, id: &str, code: RevocationReasonCode) {
        let answer = self.server.ask(Version::V2_1, Operation::Revoke, |out| {
            out.text(Tag::UniqueIdentifier, id);
            out.structure(Tag::RevocationReason, |out| out.enumeration(Tag::RevocationReasonCode, code.0));
        });
        assert_eq!(answer.reason(0), None, "{}", answer.message(0));
    }

    fn destroy(&self, id: &str) {
        self.revoke(id, RevocationReasonCode::CessationOfOperation);
        let destroy = |out: &mut crate::ttlv::Writer| out.text(Tag::UniqueIdentifier, id);
        let answer = self.server.ask(Version::V2_1, Operation::Destroy, destroy);
        assert_eq!(answer.reason(0), None, "{}", answer.message(0));
    }

    /// Gives an object another material, as an Import does.
    fn replace(&self, id: &str, bytes: &[u8]) {
        let kept = self.keep().load(id, &mut Sequence(0)).unwrap().unwrap();
        let mut transaction = Transaction::default();
        let body = Body { kind: BodyKind::Bytes, bytes: KeyBytes::copy_from(bytes) };
        transaction.save(self.keep(), kept, BodyChange::Set(body)).unwrap();
        transaction.keep_item();
        self.keep().commit(transaction, Vec::new()).unwrap();
    }

    fn backup(&self) -> Vec<u8> {
        let root_version = &|_: &[u8]| Some(1);
        let made = Made { product: "test", created: "now".into(), root: "test", root_version, recovery: None };
        let mut file = Vec::new();
        backup::write(&**self.keep().store(), self.keep().seal(), made, &*os(), &mut file).unwrap();
        file
    }

    fn copy(&self) -> Vec<u8> {
        copy_of(self.keep(), &**self.server.core().root())
    }

    fn roll(&self, until: Option<Step>) -> Result<Rolled, BackupError> {
        let cut = |step| if Some(step) == until { Err(BackupError::Refused("cut off")) } else { Ok(()) };
        let stamp = format!("{}", fs::read_dir(self.ledger()).unwrap().count());
        let directory = &self.ledger();
        let created = "then".into();
        let after = &cut;
        roll(self.server.core(), Wanted { directory, product: "test", created, stamp, entropy: &os, after })
    }

    fn restore(&self, file: &[u8], copy: &[u8]) -> Result<Again, BackupError> {
        self.stores.set(self.stores.get() + 1);
        let dir = self.directory.path().join(format!("store-{}", self.stores.get()));
        let options =
            EmbeddedOptions { ballast_bytes: 0, free_bytes_min: 0, cache_bytes: 16 << 20, ..EmbeddedOptions::new(dir) };
        let wanted = restore::Wanted {
            options: options.clone(),
            now_micros: 1_900_000_000_000_000,
            entropy: Arc::from(os()),
            ledger: Some(&mut &*copy),
            newer: None,
            witness: None,
            progress: &mut |_, _| (),
        };
        let restored = restore::restore(&mut &*file, &self.key(), wanted)?;
        let store = Embedded::open(options).unwrap();
        let seal = open_seal(&store, self.key().root).unwrap().unwrap();
        let keep = Keep::new(Arc::new(store), Arc::new(seal), Arc::from(os()));
        let verified = verify(&keep, &SystemEntropy, None, &mut |_, _| ()).unwrap();
        assert!(verified.findings.listed.is_empty(), "{:?}", verified.findings.listed);
        assert!(restored.as_recorded);
        Ok(Again { keep, restored })
    }
}

fn copy_of(keep: &Keep, root: &dyn crate::vault::root::Root) -> Vec<u8> {
    let epoch = epoch_of(root).unwrap();
    let maker = Maker { product: "test", created: "now".into(), root, epoch, recovery: None, entropy: &os };
    let mut file = Vec::new();
    write(&**keep.store(), keep.seal(), &maker, &mut file).unwrap();
    file
}

impl Again {
    fn body(&self, id: &str) -> Option<Vec<u8>> {
        let kept = self.keep.load(id, &mut Sequence(0)).unwrap().unwrap();
        self.keep.body(&kept.object, &mut Sequence(0)).unwrap().map(|body| body.bytes.expose().to_vec())
    }

    fn state(&self, id: &str) -> State {
        self.keep.load(id, &mut Sequence(0)).unwrap().unwrap().object.lifecycle().state
    }
}

fn opens(file: &[u8], key: &Key<'_>) -> Result<usize, BackupError> {
    let mut rows = 0;
    read(&mut &*file, key, &mut |_, _| {
        rows += 1;
        Ok(())
    })?;
    Ok(rows)
}

#[test]
fn what_was_destroyed_comes_back_from_no_backup_after_a_roll_and_all_else_does() {
    let bench = Bench::new();
    let (short, long) = ([1; 32], [2; 2000]);
    let (lives, lives_long) = (bench.register(&short), bench.register(&long));
    let (dies, dies_long) = (bench.register(&short), bench.register(&long));
    let (replaced, compromised) = (bench.register(&short), bench.register(&short));
    bench.revoke(&compromised, RevocationReasonCode::KeyCompromise);
    let file = bench.backup();
    let old = bench.copy();
    let again = bench.restore(&file, &old).unwrap();
    assert_eq!(again.body(&dies), Some(short.to_vec()), "before the roll a backup brings it back");
    assert_eq!(again.restored.not_in_ledger, 0);

    bench.destroy(&dies);
    bench.destroy(&dies_long);
    bench.replace(&replaced, &[3; 32]);
    bench.keep().load(&compromised, &mut Sequence(0)).unwrap();
    let erase = |out: &mut crate::ttlv::Writer| out.text(Tag::UniqueIdentifier, &compromised);
    assert_eq!(bench.server.ask(Version::V2_1, Operation::Destroy, erase).reason(0), None);
    let later = bench.register(&[4; 32]);
    let rolled = bench.roll(None).unwrap();
    assert_eq!((rolled.epoch, rolled.objects), (2, 3));

    assert!(matches!(bench.restore(&file, &old), Err(BackupError::Dead(1))), "even with the root in hand");
    let again = bench.restore(&file, &fs::read(&rolled.file).unwrap()).unwrap();
    assert_eq!((again.body(&lives), again.body(&lives_long)), (Some(short.to_vec()), Some(long.to_vec())));
    for gone in [&dies, &dies_long, &replaced, &compromised] {
        assert_eq!(again.body(gone), None);
        assert!(is_destroyed(again.state(gone)));
    }
    assert_eq!(again.state(&dies), State::Destroyed);
    assert_eq!(again.state(&compromised), State::DestroyedCompromised);
    assert_eq!(again.restored.not_in_ledger, 4);
    assert!(again.keep.load(&later, &mut Sequence(0)).unwrap().is_none());
    // The restored store, backed up in its turn; and the copies of its two histories do not mix.
    let (file, copy) = (again_backup(&again), copy_of(&again.keep, bench.key().root));
    assert_eq!(bench.restore(&file, &copy).unwrap().body(&lives_long), Some(long.to_vec()));
    assert!(matches!(bench.restore(&file, &bench.copy()), Err(BackupError::Unfit(_))));
    assert!(matches!(bench.restore(&bench.backup(), &copy), Err(BackupError::Unfit(_))));
}

fn again_backup(again: &Again) -> Vec<u8> {
    let root_version = &|_: &[u8]| Some(1);
    let made = Made { product: "test", created: "now".into(), root: "test", root_version, recovery: None };
    let mut file = Vec::new();
    backup::write(&**again.keep.store(), again.keep.seal(), made, &*os(), &mut file).unwrap();
    file
}

#[test]
fn a_copy_that_does_not_go_with_a_backup_is_refused() {
    let (bench, other) = (Bench::new(), Bench::new());
    let id = bench.register(&[1; 32]);
    let older = bench.copy();
    bench.register(&[2; 32]);
    let file = bench.backup();
    let words = |outcome: Result<Again, BackupError>| outcome.err().unwrap().to_string();
    assert!(words(bench.restore(&file, &older)).contains("older"));
    other.register(&[3; 32]);
    other.register(&[3; 32]);
    let foreign = other.copy();
    assert!(bench.restore(&file, &foreign).is_err());
    assert!(matches!(bench.restore(&file, &file), Err(BackupError::NotACopy)));

    // Of those that lie about, the newest that fits is taken; and the words say why none is.
    let summary = |file: &[u8]| -> Summary {
        backup::read(&mut &*file, &bench.key(), &mut |_, _| Ok(()), &mut |_| Ok(()), &mut |_| ()).unwrap()
    };
    let place = bench.ledger();
    let found = || find(&[&place, Path::new("/nowhere")], &summary(&file), &bench.key());
    assert!(found().unwrap_err().to_string().contains("no ledger copy was found"));
    fs::write(place.join("older.ledger"), &older).unwrap();
    fs::write(place.join("foreign.ledger"), &foreign).unwrap();
    fs::write(place.join("noise.ledger"), b"noise").unwrap();
    let refused = found().unwrap_err().to_string();
    assert!(refused.contains("the copy is older") && refused.contains("another store"), "{refused}");
    fs::write(place.join("one.ledger"), bench.copy()).unwrap();
    bench.register(&[5; 32]);
    fs::write(place.join("two.ledger"), bench.copy()).unwrap();
    assert_eq!(found().unwrap(), place.join("two.ledger"));
    bench.destroy(&id);
    let rolled = bench.roll(None).unwrap();
    assert_eq!(rolled.removed, 3, "the foreign one is left alone");
    fs::write(place.join("kept.ledger"), &older).unwrap();
    assert_eq!(found().unwrap(), rolled.file);
}

#[test]
fn a_roll_that_is_cut_off_anywhere_loses_nothing_and_is_done_again() {
    for step in [Step::Begun, Step::Written, Step::Proven, Step::Noted, Step::Ended, Step::Settled] {
        let bench = Bench::new();
        let (lives, dies) = (bench.register(&[1; 32]), bench.register(&[2; 32]));
        let file = bench.backup();
        let old = bench.copy();
        bench.destroy(&dies);
        bench.server.wait(10);
        assert!(bench.roll(Some(step)).is_err());
        let epochs = bench.key().root.epochs();
        let ended = matches!(step, Step::Ended | Step::Settled);
        assert_eq!(epochs.living().unwrap(), if ended { vec![2] } else { vec![1, 2] }, "{step:?}");
        assert_eq!(opens(&old, &bench.key()).is_ok(), !ended, "{step:?}");
        // A copy that is made now, in the epoch that was begun, must not outlive the roll that is done again.
        let between = bench.copy();
        bench.server.core().settle_roll().unwrap();
        let gone = || {
            let kept = bench.keep().load(&dies, &mut Sequence(0)).unwrap().unwrap();
            let version = kept.version.unwrap();
            bench.server.core().rolls().unwrap().gone_since(&kept.object, version)
        };
        assert_eq!(gone().is_some(), ended, "{step:?}: it is said when it is so");
        let newest = fs::read_dir(bench.ledger()).unwrap().count();
        assert!(newest >= usize::from(step != Step::Begun), "{step:?}: what is durable stays");
        // However often it fails, epochs do not pile up.
        assert!(bench.roll(Some(Step::Written)).is_err());
        assert!(epochs.living().unwrap().len() <= 2);
        let rolled = bench.roll(None).unwrap();
        assert_eq!(epochs.living().unwrap(), [rolled.epoch]);
        assert!(gone().is_some());
        for dead in [&old, &between] {
            assert!(matches!(opens(dead, &bench.key()), Err(BackupError::Dead(_))), "{step:?}");
        }
        assert_eq!(fs::read_dir(bench.ledger()).unwrap().count(), 1, "{step:?}: the copies of dead epochs are removed");
        let again = bench.restore(&file, &fs::read(&rolled.file).unwrap()).unwrap();
        assert_eq!((again.body(&lives), again.body(&dies)), (Some(vec![1; 32]), None));
    }
}

#[test]
fn a_copy_made_after_a_rotation_of_the_namespace_key_goes_with_a_backup_from_before() {
    let bench = Bench::new();
    let (short, long) = (bench.register(&[1; 32]), bench.register(&[2; 2000]));
    let file = bench.backup();
    let core = bench.server.core();
    core.rotate_namespace().unwrap();
    loop {
        match core.rotation_step(16).unwrap() {
            Turn::Idle => break,
            Turn::Again => {}
            Turn::After(sequence) => core.store().wait_durable(sequence).unwrap(),
        }
    }
    assert_eq!(bench.keep().seal().version(), 2);
    let rolled = bench.roll(None).unwrap();
    let again = bench.restore(&file, &fs::read(&rolled.file).unwrap()).unwrap();
    assert_eq!((again.body(&short), again.body(&long)), (Some(vec![1; 32]), Some(vec![2; 2000])));
}

#[test]
fn a_damaged_secret_stops_a_roll_and_no_copy() {
    let bench = Bench::new();
    let (sound, damaged) = (bench.register(&[1; 32]), bench.register(&[2; 32]));
    let file = bench.backup();
    let old = bench.copy();
    let write = Write { key: ledger::place(&damaged), value: Some(vec![9; 80]) };
    bench.keep().store().commit(Commit { writes: vec![write], ..Commit::default() }).unwrap();
    let refused = bench.roll(None).unwrap_err().to_string();
    assert!(refused.contains("1 secrets do not open"), "{refused}");
    let again = bench.restore(&file, &bench.copy()).unwrap();
    assert_eq!((again.body(&sound), again.body(&damaged)), (Some(vec![1; 32]), None));
    assert_eq!(bench.restore(&file, &old).unwrap().body(&damaged), Some(vec![2; 32]), "the older copy still opens");
}

/// Nothing that a backup has is a secret of an object, sealed or not; and an asynchronous request may be one.
#[test]
fn a_backup_has_no_secrets() {
    let bench = Bench::new();
    let id = bench.register(&[1; 32]);
    let (answer, job, other) = (&b"async/one"[..], &b"job/one"[..], &b"ticket/one"[..]);
    let mut transaction = Transaction::default();
    for (name, length) in [(answer, 9000), (job, 10), (other, 10)] {
        transaction.set_memo(bench.keep(), name, Some(KeyBytes::new(vec![7; length]))).unwrap();
    }
    transaction.keep_item();
    bench.keep().commit(transaction, Vec::new()).unwrap();
    let file = bench.backup();
    let mut rows = 0;
    let mut show = |row: backup::frames::Row| {
        let empty = row.write.value.as_ref().is_some_and(|value| value.iter().all(|byte| *byte == 0));
        let left_out = [ledger::place(&id), memo::place(answer), memo::place(job)].contains(&row.write.key);
        assert_eq!(empty, left_out, "{:?}", row.write.key);
        rows += usize::from(left_out);
        Ok(())
    };
    backup::read(&mut &*file, &bench.key(), &mut |_, _| Ok(()), &mut show, &mut |_| ()).unwrap();
    assert_eq!(rows, 3);
    let again = bench.restore(&file, &bench.copy()).unwrap();
    let memo = |name| again.keep.memo(name, &mut Sequence(0)).unwrap();
    assert!(memo(answer).is_none() && memo(job).is_none() && memo(other).is_some());
    assert_eq!(again.body(&id), Some(vec![1; 32]));
}

/// What release 0.1 wrote: the secrets in the backup, no lineage in the header.
#[test]
fn a_backup_of_format_1_has_its_secrets() {
    let bench = Bench::new();
    let id = bench.register(&[1; 32]);
    let (now, _) = backup::header::Header::read(&mut &*bench.backup()).unwrap();
    let (header, key) = backup::header::Header::seal_key(now, bench.keep().seal(), &SystemEntropy).unwrap();
    let lines = String::from_utf8(header.encode().unwrap()).unwrap();
    let lineage = serde_json::to_string(&header.lineage).unwrap();
    let lines = lines.replace("keyhaven-backup 2", "keyhaven-backup 1").replace(&format!("\"lineage\":{lineage},"), "");
    assert!(!lines.contains("lineage"));
    let mut file = lines.clone().into_bytes();
    let mut writer = backup::frames::Writer::new(&mut file, lines::hash(lines.as_bytes()), &key).unwrap();
    let following = Following::begin(&**bench.keep().store()).unwrap();
    let all = Range { start: &[], end: &[u8::MAX] };
    let at = following.run(all, &mut |sequence, key, value| writer.row(sequence, key, value)).unwrap();
    writer.end(at).unwrap();
    bench.destroy(&id);
    bench.roll(None).unwrap();
    let again = bench.restore(&file, b"").unwrap();
    assert!(again.restored.ledger.is_none() && !again.restored.summary.header.needs_ledger());
    assert_eq!(again.body(&id), Some(vec![1; 32]), "it comes back: this is what the warning is for");
}

/// An output that lets a client destroy an object at the first write, when the copy is under way.
#[test]
fn what_is_destroyed_while_a_copy_is_made_is_not_in_it() {
    struct Busy<'a>(&'a Bench, Option<&'a str>, Vec<u8>);
    impl std::io::Write for Busy<'_> {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            if let Some(id) = self.1.take() {
                self.0.destroy(id);
                self.0.register(&[9; 32]);
            }
            self.2.extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let bench = Bench::new();
    let (lives, dies) = (bench.register(&[1; 32]), bench.register(&[2; 32]));
    let file = bench.backup();
    let root = &**bench.server.core().root();
    let epoch = epoch_of(root).unwrap();
    let maker = Maker { product: "test", created: "now".into(), root, epoch, recovery: None, entropy: &os };
    let mut out = Busy(&bench, Some(&dies), Vec::new());
    write(&**bench.keep().store(), bench.keep().seal(), &maker, &mut out).unwrap();
    let again = bench.restore(&file, &out.2).unwrap();
    assert_eq!((again.body(&lives), again.body(&dies)), (Some(vec![1; 32]), None));
}

/// A roll may come while a copy is made in the epoch that it ends: that one does not get its end.
#[test]
fn a_copy_whose_epoch_ends_while_it_is_made_is_cut_off() {
    struct Rolls<'a>(&'a Bench, bool);
    impl std::io::Write for Rolls<'_> {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            if !std::mem::replace(&mut self.1, true) {
                self.0.roll(None).unwrap();
            }
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let bench = Bench::new();
    bench.register(&[1; 32]);
    let root = &**bench.server.core().root();
    let epoch = epoch_of(root).unwrap();
    let maker = Maker { product: "test", created: "now".into(), root, epoch, recovery: None, entropy: &os };
    let made = write(&**bench.keep().store(), bench.keep().seal(), &maker, &mut Rolls(&bench, false));
    assert!(matches!(made, Err(BackupError::Dead(ended)) if ended == epoch));
}

/// A client sees since when its Destroy is final, if it asks by name: in 1.x as a custom attribute, in 2.x as one of a vendor.
#[test]
fn a_client_is_told_since_when_a_destroy_is_final() {
    let bench = Bench::new();
    let (lives, dies) = (bench.register(&[1; 32]), bench.register(&[2; 32]));
    bench.destroy(&dies);
    let told = |id: &str, version: Version, by_name: bool| {
        let answer = bench.server.ask(version, Operation::GetAttributes, |out| {
            out.text(Tag::UniqueIdentifier, id);
            if by_name && version < Version::V2_0 {
                out.text(Tag::AttributeName, "x-Keyhaven-Destroy-Final-Date");
            } else if by_name {
                out.structure(Tag::AttributeReference, |out| {
                    out.text(Tag::VendorIdentification, "x");
                    out.text(Tag::AttributeName, "Keyhaven-Destroy-Final-Date");
                });
            }
        });
        assert_eq!(answer.reason(0), None, "{}", answer.message(0));
        let shown = format!("{:?}", answer.payload(0).to_value());
        (shown.contains("Keyhaven-Destroy-Final-Date"), shown.contains("1800000010"))
    };
    for version in [Version::V1_4, Version::V2_1] {
        assert_eq!(told(&dies, version, true), (false, false), "not yet");
    }
    bench.server.wait(10);
    bench.roll(None).unwrap();
    for version in [Version::V1_4, Version::V2_1] {
        assert_eq!(told(&dies, version, true), (true, true));
        assert!(!told(&dies, version, false).0, "who does not ask by name does not get it");
        assert!(!told(&lives, version, true).0);
    }
}

#[test]
fn a_copy_that_was_cut_or_altered_is_noticed() {
    let bench = Bench::new();
    for byte in 0..5 {
        bench.register(&[byte; 32]);
    }
    let file = bench.copy();
    assert_eq!(opens(&file, &bench.key()).unwrap(), 5);
    for length in 0..file.len() {
        assert!(opens(&file[..length], &bench.key()).is_err(), "{length}");
    }
    assert!(matches!(opens(&[&file[..], b"x"].concat(), &bench.key()), Err(BackupError::Trailing)));
    // Frames of another copy of the same store and epoch.
    let other = bench.copy();
    let head = |file: &[u8]| {
        let mut rest = file;
        Header::read(&mut rest).unwrap();
        file.len() - rest.len()
    };
    let mixed = [&file[..head(&file)], &other[head(&other)..]].concat();
    assert!(matches!(opens(&mixed, &bench.key()), Err(BackupError::Altered(0))));
    let stranger = SoftRoot::from_key("test", &KeyBytes::copy_from(&[9; 32]), os()).unwrap();
    let with = Key { root: &stranger, recovery: None, entropy: &os };
    assert!(matches!(opens(&file, &with), Err(BackupError::Dead(1))), "it has no such epoch");
    crate::vault::epoch::Epochs::begin(&stranger).unwrap();
    assert!(matches!(opens(&file, &with), Err(BackupError::Refused(_))), "its epoch is another");
    let mut runner = TestRunner::new(ProptestConfig::with_cases(64));
    let flipped = runner.run(&(any::<prop::sample::Index>(), 0..8_u8), |(at, bit)| {
        let mut bad = file.clone();
        let at = at.index(bad.len());
        bad[at] ^= 1 << bit;
        match opens(&bad, &bench.key()) {
            Ok(_) => Err(TestCaseError::fail(format!("bit {bit} of byte {at}"))),
            Err(_) => Ok(()),
        }
    });
    flipped.unwrap();
}
