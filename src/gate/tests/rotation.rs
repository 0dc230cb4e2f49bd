//! The namespace key is rotated while clients work: nothing is lost, nothing fails, names stay unique, and at the end the
//! old key opens nothing but its part of the audit chain.

use std::sync::Arc;

use super::support::{Ask, House, Setup, create, field, id, id_in, name, root};
use crate::base::Value;
use crate::gate::audit::verify;
use crate::gate::open::open_seal;
use crate::keep::keys::{Kind, namespace};
use crate::keep::rotation::{Pass, Step};
use crate::keep::seal::{Class, Seal};
use crate::registry::{Operation, Tag, Version};
use crate::store::{FaultPlan, Faults, Memory, Range, Store};
use crate::vault::root::Root;

const V: Version = Version::V1_4;

/// A house with objects of several kinds and owners; their identifiers and owners.
fn furnished(store: Arc<Memory>) -> (House, Vec<(String, &'static str)>) {
    let house = House::over(store, &Setup::default());
    let mut objects = Vec::new();
    for number in 0..20 {
        let owner = ["alice", "bob", "carol"][number % 3];
        let key = house.key(owner, &format!("key {number}"));
        if number % 4 == 1 {
            house.does(owner, V, Operation::Activate, vec![id(V, &key)]);
        }
        objects.push((key, owner));
    }
    let gone = house.key("alice", "gone");
    house.does("alice", V, Operation::Destroy, vec![id(V, &gone)]);
    (house, objects)
}

fn look(house: &House, objects: &[(String, &str)]) -> Vec<Value> {
    let get = |(key, owner): &(String, &str)| house.does(owner, V, Operation::Get, vec![id(V, key)]);
    objects.iter().map(get).collect()
}

fn by_name(house: &House, owner: &str, named: &str) -> String {
    let (tag, value) = name(named);
    let value = vec![field(Tag::AttributeName, Value::text("Name")), field(Tag::AttributeValue, value)];
    assert_eq!(tag, Tag::Name);
    id_in(&house.does(owner, V, Operation::Locate, vec![field(Tag::Attribute, Value::Structure(value))]))
}

fn all(store: &Memory) -> Vec<(Vec<u8>, Vec<u8>)> {
    let rows = store.scan(Range { start: &[], end: &[0xFF] }, usize::MAX, false).unwrap();
    rows.into_iter().filter_map(|(key, read)| Some((key, read.value?))).collect()
}

/// Steps until the rotation has ended, with a look between any two.
fn finish(house: &House, batch: usize, mut between: impl FnMut(Option<Pass>)) {
    for _ in 0..10_000 {
        let step = house.core.rotation_step(batch).unwrap();
        between(house.core.rotation().unwrap().map(|progress| progress.pass));
        if step == Step::Idle {
            return;
        }
    }
    panic!("the rotation does not end");
}

#[test]
fn everything_is_there_at_every_step_and_the_old_key_opens_nothing() {
    let store = Arc::new(Memory::new());
    let (house, objects) = furnished(store.clone());
    let before = look(&house, &objects);
    let old = Seal::new(1, &root(1).unwrap(&store.get(&namespace(1)).unwrap().value.unwrap(), &namespace(1)).unwrap());
    let size = all(&store).iter().filter(|(key, _)| key[0] != b'l').count();

    house.core.rotate_namespace().unwrap();
    house.core.rotate_namespace().unwrap();
    let mut seen = Vec::new();
    let mut made = 0;
    finish(&house, 3, |pass| {
        if let Some(pass) = pass.filter(|pass| seen.last() != Some(pass)) {
            seen.push(pass);
        }
        assert_eq!(look(&house, &objects), before);
        assert_eq!(by_name(&house, "bob", "key 4"), objects[4].0);
        assert_eq!(house.count("alice") + house.count("bob") + house.count("carol"), 20 + made);
        // A name that is taken stays taken, and one that was free is taken once.
        let payload = create(V, &[name("key 4")]);
        assert!(house.ask("bob", &Ask::one(V, Operation::Create, payload)).items[0].reason.is_some());
        let new = format!("new {made}");
        let key = house.key("carol", &new);
        assert!(
            house.ask("carol", &Ask::one(V, Operation::Create, create(V, &[name(&new)]))).items[0].reason.is_some()
        );
        assert_eq!(by_name(&house, "carol", &new), key);
        made += 1;
    });
    assert_eq!(seen, [Pass::Seal, Pass::Clear, Pass::Check]);

    assert!(store.get(&namespace(1)).unwrap().value.is_none(), "the old key is wiped");
    for (key, value) in all(&store) {
        let sealed = matches!(key[0], b'o' | b'k' | b'u') || key[0] == b'z' && !key.starts_with(b"znamespace/");
        if sealed {
            assert_eq!(Seal::version_of(&value), Some(2), "{}", String::from_utf8_lossy(&key));
            for class in [Class::Record, Class::Ledger, Class::Server] {
                assert!(old.open(class, &key, &value).is_err());
            }
        }
    }
    let index = old.index();
    let old_row = crate::keep::index::owned_prefix(&index, "alice");
    assert!(!all(&store).iter().any(|(key, _)| key.starts_with(&old_row)), "a row of the old hashes");
    let names = |kind: Kind| all(&store).iter().filter(|(key, _)| key[0] == kind as u8).count();
    assert_eq!((names(Kind::Name), names(Kind::Owner)), (20 + made, 3));
    // What is new: two memos. What was made meanwhile is not counted.
    assert!(all(&store).iter().filter(|(key, _)| key[0] != b'l').count() >= size);

    // A new server, and the audit chain from its first block, which the old key sealed.
    drop(house);
    let house = House::over(store.clone(), &Setup { seed: 2, ..Setup::default() });
    assert_eq!(look(&house, &objects), before);
    let seal = open_seal(&*store, &root(9)).unwrap().unwrap();
    let mut words = Vec::new();
    verify(&*store, &seal, |entry| words.push(entry.correlation.to_owned())).unwrap();
    assert!(words.iter().any(|words| words == "namespace key version 2 begun"));
    assert!(words.iter().any(|words| words == "namespace key version 2 alone"));

    // And once more, with the audit keys of a version that is long gone.
    house.core.rotate_namespace().unwrap();
    finish(&house, 50, |_| {});
    assert_eq!(look(&house, &objects), before);
    let seal = open_seal(&*store, &root(9)).unwrap().unwrap();
    assert_eq!(seal.version(), 3);
    verify(&*store, &seal, |_| {}).unwrap();
}

#[test]
fn a_rotation_goes_on_after_each_restart() {
    let store = Arc::new(Memory::new());
    let (house, objects) = furnished(store.clone());
    let before = look(&house, &objects);
    house.core.rotate_namespace().unwrap();
    drop(house);
    for run in 2..10_000 {
        let house = House::over(store.clone(), &Setup { seed: run, ..Setup::default() });
        assert_eq!(look(&house, &objects), before, "run {run}");
        assert_eq!(by_name(&house, "bob", "key 4"), objects[4].0);
        house.core.rotation_step(7).unwrap();
        if house.core.rotation().unwrap().is_none() {
            assert_eq!(house.core.keep().seal().version(), 2);
            return;
        }
    }
    panic!("the rotation does not end");
}

/// A commit that a busy store did not take puts no key in force: at the beginning, at any step, at the end.
#[test]
fn a_busy_store_puts_no_key_in_force() {
    for fault in [FaultPlan::busy, FaultPlan::conflict] {
        for nth in 1.. {
            let store = Arc::new(Faults::new(Memory::new(), FaultPlan::new()));
            let house = House::over(store.clone(), &Setup::default());
            let mut keys = vec![house.key("alice", "before")];
            store.set_plan(fault(FaultPlan::new(), nth));
            if house.core.rotate_namespace().is_err() {
                assert_eq!((nth, house.core.rotation().unwrap()), (1, None));
                keys.push(house.key("alice", "refused"));
                house.core.rotate_namespace().unwrap();
            }
            let mut steps = 0;
            finish(&house, 3, |_| steps += 1);
            store.set_plan(FaultPlan::new());
            keys.push(house.key("alice", "after"));
            drop(house);
            let house = House::over(store, &Setup { seed: 2, ..Setup::default() });
            for key in &keys {
                house.does("alice", V, Operation::Get, vec![id(V, key)]);
            }
            assert_eq!(house.core.keep().seal().version(), 2);
            // The fault came after the end.
            if nth > steps + 2 {
                break;
            }
        }
    }
}

#[test]
fn a_new_store_rotates_too() {
    let store = Arc::new(Memory::new());
    let house = House::over(store.clone(), &Setup::default());
    assert_eq!(house.core.rotation_step(10).unwrap(), Step::Idle);
    house.core.rotate_namespace().unwrap();
    finish(&house, 10, |_| {});
    assert_eq!(house.core.keep().seal().version(), 2);
    let key = house.key("alice", "k");
    assert_eq!(by_name(&house, "alice", "k"), key);
}
