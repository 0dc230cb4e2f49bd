//! The commit record, its copy outside, `verify` and `repair`: what was lost, added or put back shows, and only the
//! index is mended without being asked.

use std::path::Path;
use std::sync::Arc;

use super::support::{House, Seeded, Setup, attributes, field, id, id_in, name, root};
use crate::base::{Field, Value};
use crate::gate::CoreError;
use crate::gate::open::open_seal;
use crate::gate::recorder::RecordError;
use crate::gate::repair::{RepairError, Repaired, repair};
use crate::gate::verify::{Verified, verify};
use crate::keep::Keep;
use crate::keep::check::Cure;
use crate::registry::{KeyFormatType, ObjectType, Operation, SecretDataType, State, Tag, Version};
use crate::store::{Commit, Memory, Range, Store, Write};
use crate::vault::root::{Root, SoftRoot};

const V: Version = Version::V2_1;
type Rows = Vec<(Vec<u8>, Vec<u8>)>;

fn entropy(seed: u64) -> Arc<Seeded> {
    Arc::new(Seeded::new(seed))
}

/// The objects of a store, opened as the commands do.
fn keep(store: &Arc<Memory>, root: &dyn Root) -> Keep {
    let seal = open_seal(&**store, root).unwrap().expect("the store has a seal");
    Keep::new(store.clone(), Arc::new(seal), entropy(11))
}

fn look(store: &Arc<Memory>, witness: Option<&Path>) -> Verified {
    verify(&keep(store, &root(9)), &*entropy(12), witness, &mut |_, _| {}).unwrap()
}

fn mend(store: &Arc<Memory>, witness: Option<&Path>, accept: bool) -> Result<Repaired, RepairError> {
    let outcome = repair(&keep(store, &root(9)), entropy(13), 0, witness, accept);
    // The command ends here.
    store.crash();
    outcome
}

/// A store with objects of all kinds of secrets, whose server has stopped.
fn stopped() -> (Arc<Memory>, Vec<String>) {
    let store = Arc::new(Memory::new());
    let house = House::over(store.clone(), &Setup::default());
    let keys = ["a", "b", "c"].map(|one| house.key("alice", one)).to_vec();
    house.does("alice", V, Operation::Activate, vec![id(V, &keys[0])]);
    house.does("alice", V, Operation::Destroy, vec![id(V, &keys[1])]);
    house.key("bob", "a");
    store.crash();
    (store, keys)
}

fn rows(store: &Memory, prefix: &[u8]) -> Rows {
    let end = crate::keep::keys::after(prefix);
    let found = store.scan(Range { start: prefix, end: &end }, usize::MAX, false).unwrap();
    found.into_iter().map(|(key, read)| (key, read.value.unwrap())).collect()
}

fn put(store: &Memory, key: &[u8], value: Option<&[u8]>) {
    let write = Write { key: key.to_vec(), value: value.map(<[u8]>::to_vec) };
    store.commit(Commit { writes: vec![write], ..Commit::default() }).unwrap();
}

#[test]
fn a_sound_store_has_nothing_to_report_and_nothing_to_mend() {
    let (store, _) = stopped();
    let verified = look(&store, None);
    assert_eq!(verified.findings.listed, []);
    assert_eq!((verified.objects, verified.secrets, verified.number), (4, 3, Some(7)));
    assert!(verified.rows > 8 && verified.head.is_some() && verified.entries == 7, "{verified:?}");
    assert_eq!(mend(&store, None, false).unwrap(), Repaired::default());
    assert_eq!(look(&store, None).findings.listed, []);
}

#[test]
fn each_kind_of_damage_shows_and_only_the_index_is_mended_unasked() {
    type Harm = fn(&Memory, &[String]);
    fn flipped(store: &Memory, prefix: &[u8]) {
        let (key, mut value) = rows(store, prefix).swap_remove(0);
        let middle = value.len() / 2;
        value[middle] ^= 4;
        put(store, &key, Some(&value));
    }
    fn first_removed(store: &Memory, prefix: &[u8]) {
        put(store, &rows(store, prefix)[0].0, None);
    }
    // What happens, whether `repair` needs no leave, and whether the store is sound after it.
    let cases: [(&str, Harm, Cure, bool); 14] = [
        ("an index row is lost", |store, _| first_removed(store, b"a"), Cure::Repair, true),
        ("a name is lost", |store, _| first_removed(store, b"n"), Cure::Repair, true),
        ("a row of an owner is lost", |store, _| first_removed(store, b"w"), Cure::Repair, true),
        ("a row names nobody", |store, _| put(store, b"nxxxxxxxxxxxxxxxx", Some(b"nobody")), Cure::Repair, true),
        (
            "a row names another",
            |store, keys| put(store, &rows(store, b"w")[0].0, Some(keys[2].as_bytes())),
            Cure::Repair,
            true,
        ),
        ("a bit of a row", |store, _| flipped(store, b"a"), Cure::Repair, true),
        ("an owner is lost", |store, _| first_removed(store, b"u"), Cure::Backup, true),
        ("a bit of a record", |store, _| flipped(store, b"o"), Cure::Backup, false),
        ("a bit of a secret", |store, _| flipped(store, b"k"), Cure::Backup, false),
        ("a secret is lost", |store, _| first_removed(store, b"k"), Cure::Backup, false),
        ("a record is lost", |store, keys| put(store, format!("o{}", keys[2]).as_bytes(), None), Cure::Backup, false),
        (
            "an object is lost whole",
            |store, keys| {
                let id = keys[2].as_bytes();
                let own = rows(store, b"").into_iter().filter(|(key, value)| &key[1..] == id || value == id);
                own.for_each(|(key, _)| put(store, &key, None));
            },
            Cure::Backup,
            true,
        ),
        ("the commit record is lost", |store, _| put(store, b"zcommit", None), Cure::Backup, true),
        ("a bit of the commit record", |store, _| flipped(store, b"zcommit"), Cure::Backup, true),
    ];
    for (what, harm, cure, whole) in cases {
        let (store, keys) = stopped();
        harm(&store, &keys);
        let found = look(&store, None).findings.listed;
        assert_eq!(found.iter().map(|finding| finding.cure).max(), Some(cure), "{what}: {found:#?}");
        let before = rows(&store, b"");
        let unasked = mend(&store, None, false);
        assert_eq!(unasked.is_ok(), cure == Cure::Repair, "{what}: {unasked:?}");
        if let Err(error) = unasked {
            assert!(error.to_string().contains("--accept"), "{what}: {error}");
            assert_eq!(rows(&store, b""), before, "{what}: nothing was changed");
            mend(&store, None, true).unwrap_or_else(|error| panic!("{what}: {error}"));
        }
        let after = look(&store, None).findings.listed;
        assert_eq!(after.is_empty(), whole, "{what}: {after:#?}");
        House::open(store.clone(), &Setup { seed: 2, ..Setup::default() }).map(drop).unwrap();
    }
}

/// A record as it was before, in its own place and rightly sealed: no seal and no index shows that.
#[test]
fn an_older_value_that_was_put_back_shows() {
    let store = Arc::new(Memory::new());
    let house = House::over(store.clone(), &Setup::default());
    let key = house.key("alice", "k");
    house.does("alice", V, Operation::Activate, vec![id(V, &key)]);
    let place = format!("o{key}");
    let before = store.get(place.as_bytes()).unwrap().value.unwrap();
    let reason = Value::Structure(vec![field(Tag::RevocationReasonCode, Value::Enumeration(2))]);
    let reason = field(Tag::RevocationReason, reason);
    house.does("alice", V, Operation::Revoke, vec![id(V, &key), reason]);
    store.crash();
    put(&store, place.as_bytes(), Some(&before));
    let found = look(&store, None).findings.listed;
    assert!(found.iter().any(|one| one.cure == Cure::Backup && one.what.contains("not the last ones")), "{found:?}");
}

/// What opening a store says.
fn open(store: &Arc<Memory>, witness: Option<&Path>, seed: u64) -> Result<House, RecordError> {
    let setup = Setup { seed, witness: witness.map(Path::to_owned), ..Setup::default() };
    House::open(store.clone(), &setup).map_err(|error| match error {
        CoreError::Record(error) => error,
        other => panic!("{other}"),
    })
}

#[test]
fn a_store_that_lost_its_record_or_the_end_of_its_chain_is_not_opened() {
    let (store, _) = stopped();
    put(&store, b"zcommit", None);
    assert!(matches!(open(&store, None, 2), Err(RecordError::Missing)));

    let (store, _) = stopped();
    rows(&store, b"l").iter().for_each(|(block, _)| put(&store, block, None));
    put(&store, b"zcommit", None);
    assert!(matches!(open(&store, None, 2), Err(RecordError::Missing)), "objects without a past");
    assert!(look(&store, None).findings.listed.iter().any(|one| one.cure == Cure::Backup));

    let (store, _) = stopped();
    let last = rows(&store, b"l").pop().unwrap().0;
    put(&store, &last, None);
    assert!(matches!(open(&store, None, 2), Err(RecordError::ChainEnds { recorded: 7, found: 6 })));
}

/// All that a store holds, put into a new one.
fn copy(store: &Memory) -> Arc<Memory> {
    let copy = Arc::new(Memory::new());
    rows(store, b"").iter().for_each(|(key, value)| put(&copy, key, Some(value)));
    copy
}

#[test]
fn the_copy_outside_reveals_a_store_that_was_put_back() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("witness");
    let witness = Some(&*path);
    let store = Arc::new(Memory::new());
    drop(open(&store, witness, 1).unwrap().key("alice", "first"));
    store.crash();
    let older = copy(&store);
    drop(open(&store, witness, 2).unwrap().key("alice", "second"));
    store.crash();

    // The older copy, the older copy after it went on by itself, an empty store.
    assert!(matches!(open(&older, witness, 3), Err(RecordError::RolledBack { seen: 4, found: 2, .. })));
    (4..8).for_each(|seed| {
        drop(open(&older, None, seed).unwrap().key("alice", &format!("other {seed}")));
        older.crash();
    });
    assert!(matches!(open(&older, witness, 8), Err(RecordError::OtherHistory { .. })));
    assert!(look(&older, witness).findings.listed.iter().any(|one| one.cure == Cure::Backup));
    assert!(matches!(open(&Arc::new(Memory::new()), witness, 9), Err(RecordError::OtherHistory { .. })));

    // The right one goes on, also after it was copied row by row.
    let moved = copy(&store);
    assert_eq!(look(&moved, witness).findings.listed, []);
    drop(open(&moved, witness, 10).unwrap());
    moved.crash();
    // An accepted older store is the right one from then on.
    assert!(mend(&older, witness, false).is_err());
    mend(&older, witness, true).unwrap();
    drop(open(&older, witness, 11).unwrap());
    assert!(matches!(
        open(&moved, witness, 12),
        Err(RecordError::OtherHistory { .. } | RecordError::RolledBack { .. })
    ));
    older.crash();

    // A file that a power cut emptied says nothing, one that is missing neither; an altered one is not believed.
    std::fs::write(&path, b"").unwrap();
    assert!(look(&older, witness).findings.listed.iter().all(|one| one.cure == Cure::None));
    drop(open(&older, witness, 13).unwrap());
    older.crash();
    let mut sealed = std::fs::read(&path).unwrap();
    sealed[100] ^= 1;
    std::fs::write(&path, sealed).unwrap();
    assert!(matches!(open(&older, witness, 14), Err(RecordError::OtherHistory { .. })));
    std::fs::remove_file(&path).unwrap();
    drop(open(&older, witness, 15).unwrap());
}

/// The store of a server of release 0.1, and its root.
fn released() -> (Arc<Memory>, SoftRoot) {
    let bytes = |text: &str| -> Vec<u8> {
        (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
    };
    let (store, mut root) = (Arc::new(Memory::new()), String::new());
    for line in include_str!("../../../tests/released/store-0.1.txt").lines().filter(|line| !line.starts_with('#')) {
        match line.split_once(' ').unwrap() {
            ("root", text) => root += &format!("{text}\n"),
            (key, value) => put(&store, &bytes(key), Some(&bytes(value))),
        }
    }
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("root.key");
    std::fs::write(&path, root).unwrap();
    (store, SoftRoot::open_file(&path, Box::new(Seeded::new(3))).unwrap())
}

#[test]
fn a_store_of_release_0_1_is_read_and_gets_its_commit_record() {
    let (store, root) = released();
    let before = verify(&keep(&store, &root), &*entropy(1), None, &mut |_, _| {}).unwrap();
    assert!(before.findings.listed.iter().all(|one| one.cure == Cure::None), "{before:?}");
    assert_eq!((before.objects, before.secrets, before.entries, before.number), (7, 6, 19, None));

    let house = House::with_root(store.clone(), &Setup::default(), Arc::new(root)).unwrap();
    let located = house.does("admin", V, Operation::Locate, vec![locate("first")]);
    let key = id_in(&located);
    let read = house.does("admin", V, Operation::Get, vec![id(V, &key)]);
    let block = read.field(Tag::SymmetricKey).and_then(|key| key.field(Tag::KeyBlock)).unwrap();
    let material = block.field(Tag::KeyValue).and_then(|value| value.field(Tag::KeyMaterial)).unwrap();
    let expected = "c14711297e900c1bf495b5502e9a8384c01a61fc3823ff07b12dcf5a2c2f4f47";
    let Value::ByteString(material) = material else { panic!("{material:?}") };
    assert_eq!(material.iter().map(|byte| format!("{byte:02x}")).collect::<String>(), expected);
    // The third object was destroyed.
    house.fails("admin", V, Operation::Get, vec![id(V, "a1e0f886-9df9-4482-8d97-df8281ca982a")]);
    house.key("admin", "of this release");
    drop(house);
    store.crash();

    let (_, root) = released();
    let after = verify(&keep(&store, &root), &*entropy(1), None, &mut |_, _| {}).unwrap();
    assert_eq!(after.findings.listed, []);
    assert!(after.number.is_some() && after.objects == 8, "{after:?}");
}

fn locate(called: &str) -> Field {
    attributes(V, (Tag::TemplateAttribute, Tag::Attributes), &[name(called)])
}

/// The payload of Import for Secret Data of so many bytes; with none it is an object that was destroyed.
fn import(at: &str, bytes: usize, replace: bool) -> Vec<Field> {
    let enumeration = |tag, number| field(tag, Value::Enumeration(number));
    let state = if bytes == 0 { State::Destroyed } else { State::PreActive };
    let attributes = vec![field(Tag::CryptographicUsageMask, Value::Integer(0)), enumeration(Tag::State, state.0)];
    let material = Value::Structure(vec![field(Tag::KeyMaterial, Value::ByteString(vec![3; bytes].into()))]);
    let block = vec![enumeration(Tag::KeyFormatType, KeyFormatType::Opaque.0), field(Tag::KeyValue, material)];
    let secret = vec![
        enumeration(Tag::SecretDataType, SecretDataType::Password.0),
        field(Tag::KeyBlock, Value::Structure(block)),
    ];
    vec![
        id(V, at),
        enumeration(Tag::ObjectType, ObjectType::SecretData.0),
        field(Tag::ReplaceExisting, Value::Boolean(replace)),
        field(Tag::Attributes, Value::Structure(attributes)),
        field(Tag::SecretData, Value::Structure(secret)),
    ]
}

#[test]
fn an_identifier_of_any_text_is_read_as_it_is() {
    let store = Arc::new(Memory::new());
    let house = House::over(store.clone(), &Setup::default());
    for at in ["two words", "schl\u{fc}ssel", "1"] {
        house.does("alice", V, Operation::Import, import(at, 16, false));
    }
    store.crash();
    assert_eq!(look(&store, None).findings.listed, []);
    let repaired = mend(&store, None, false).unwrap();
    assert_eq!((repaired.added, repaired.removed), (0, 0));
}

/// Short material lies in one row, long material in two, and what is destroyed has none.
#[test]
fn what_an_import_replaces_leaves_no_material() {
    for before in [16, 700] {
        for after in [16, 700, 0] {
            let store = Arc::new(Memory::new());
            let house = House::over(store.clone(), &Setup::default());
            house.does("alice", V, Operation::Import, import("one", before, false));
            house.does("alice", V, Operation::Import, import("one", after, true));
            if after > 0 {
                assert_eq!(house.material("alice", V, "one").len(), after);
            }
            store.crash();
            let found = look(&store, None);
            assert_eq!(found.findings.listed, [], "{after} bytes instead of {before}");
            let rows = match after {
                0 => 0,
                16 => 1,
                _ => 2,
            };
            assert_eq!(found.secrets, rows, "{after} bytes instead of {before}");
        }
    }
}
