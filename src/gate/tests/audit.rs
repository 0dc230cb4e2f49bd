//! The audit chain: an entry for every item, in order, that nobody changes unseen.

use std::sync::Arc;

use super::support::{Ask, House, Setup, create, id, root};
use crate::base::Value;
use crate::gate::audit::{AuditBroken, Entry, Head, Kind, verify};
use crate::gate::open::open_seal;
use crate::registry::{BatchErrorContinuationOption, Operation, ResultReason, Tag, Version};
use crate::store::{Commit, Memory, Range, Store, Write};

const V: Version = Version::V1_4;

/// An entry that outlives its block; a test may leak.
fn kept(entry: &Entry<'_>) -> Entry<'static> {
    let keep = |text: &str| -> &'static str { Box::leak(text.to_owned().into_boxed_str()) };
    Entry {
        kind: entry.kind,
        at_micros: entry.at_micros,
        caller: keep(entry.caller),
        address: keep(entry.address),
        version: entry.version,
        operation: entry.operation,
        objects: keep(entry.objects),
        reason: entry.reason,
        correlation: keep(entry.correlation),
    }
}

fn read(store: &Memory) -> Result<(Head, Vec<Entry<'static>>), AuditBroken> {
    let seal = open_seal(store, &root(9)).unwrap().expect("the store has a seal");
    let mut entries = Vec::new();
    verify(store, &seal, |entry| entries.push(kept(entry))).map(|head| (head, entries))
}

#[test]
fn every_item_has_its_entry_in_order() {
    let store = Arc::new(Memory::new());
    let house = House::over(store.clone(), &Setup::default());
    let key = house.key("alice", "k");
    house.fails("mallory", V, Operation::Get, vec![id(V, &key)]);
    let batch = Ask::new(V)
        .header(Tag::ClientCorrelationValue, Value::text("ticket 7"))
        .header(Tag::BatchErrorContinuationOption, Value::Enumeration(BatchErrorContinuationOption::Continue.0))
        .item(Operation::Activate, vec![id(V, &key)])
        .item(Operation::Destroy, vec![id(V, &key)])
        .item(Operation::Get, vec![id(V, &key)]);
    house.ask("alice", &batch);
    house.send("bob", b"no message at all");
    house.send("bob", &Ask { count: Some(9), ..batch }.bytes());
    let (_, entries) = read(&store).unwrap();
    let seen: Vec<_> = entries.iter().map(|one| (one.kind, one.caller, one.operation, one.reason)).collect();
    let operation = Kind::Operation;
    let expected = [
        (Kind::Opened, "keyhaven", Operation(0), None),
        (operation, "alice", Operation::Create, None),
        (operation, "mallory", Operation::Get, Some(ResultReason::ObjectNotFound)),
        (operation, "alice", Operation::Activate, None),
        (operation, "alice", Operation::Destroy, Some(ResultReason::PermissionDenied)),
        (operation, "alice", Operation::Get, None),
        (operation, "bob", Operation(0), Some(ResultReason::InvalidMessage)),
        (operation, "bob", Operation(0), Some(ResultReason::InvalidMessage)),
    ];
    assert_eq!(seen, expected);
    assert!(entries[1..6].iter().all(|entry| entry.objects == key), "{entries:#?}");
    assert!(entries[3..6].iter().all(|entry| entry.correlation.ends_with(" ticket 7")));
    assert!(entries.iter().all(|entry| entry.version == V || entry.operation == Operation(0)));
}

#[test]
fn a_restart_goes_on_with_the_chain() {
    let store = Arc::new(Memory::new());
    for run in 1..4 {
        let house = House::over(store.clone(), &Setup { seed: run, ..Setup::default() });
        house.key("alice", &format!("k{run}"));
        let (_, entries) = read(&store).unwrap();
        assert_eq!(entries.iter().filter(|entry| entry.kind == Kind::Opened).count() as u64, run);
        assert_eq!(entries.len() as u64, 2 * run);
    }
}

/// The blocks of the chain, as a thief of the disk sees them.
fn blocks(store: &Memory) -> Vec<(Vec<u8>, Vec<u8>)> {
    let found = store.scan(Range { start: b"l", end: b"m" }, 1000, false).unwrap();
    found.into_iter().map(|(key, read)| (key, read.value.unwrap())).collect()
}

#[test]
fn a_changed_block_is_found() {
    type Harm = fn(&mut Vec<Write>, &[(Vec<u8>, Vec<u8>)]);
    let harms: [(&str, Harm); 4] = [
        ("a bit", |writes, blocks| {
            let (key, mut value) = blocks[2].clone();
            let last = value.len() - 1;
            value[last] ^= 1;
            writes.push(Write { key, value: Some(value) });
        }),
        ("a removed block", |writes, blocks| writes.push(Write { key: blocks[2].0.clone(), value: None })),
        ("two blocks that changed places", |writes, blocks| {
            writes.push(Write { key: blocks[2].0.clone(), value: Some(blocks[3].1.clone()) });
            writes.push(Write { key: blocks[3].0.clone(), value: Some(blocks[2].1.clone()) });
        }),
        ("an empty block", |writes, blocks| writes.push(Write { key: blocks[0].0.clone(), value: Some(Vec::new()) })),
    ];
    for (what, harm) in harms {
        let store = Arc::new(Memory::new());
        let house = House::over(store.clone(), &Setup::default());
        (0..4).for_each(|at| drop(house.key("alice", &format!("k{at}"))));
        assert!(read(&store).is_ok());
        let mut writes = Vec::new();
        harm(&mut writes, &blocks(&store));
        store.commit(Commit { writes, ..Commit::default() }).unwrap();
        assert!(read(&store).is_err(), "{what}");
    }
}

#[test]
fn a_chain_that_lost_its_end_has_another_head() {
    let store = Arc::new(Memory::new());
    let house = House::over(store.clone(), &Setup::default());
    house.key("alice", "k");
    let (noted, _) = read(&store).unwrap();
    let last = blocks(&store).pop().unwrap().0;
    store.commit(Commit { writes: vec![Write { key: last, value: None }], ..Commit::default() }).unwrap();
    let (head, _) = read(&store).unwrap();
    assert_ne!(head, noted);
}

#[test]
fn undone_items_keep_their_entries() {
    let store = Arc::new(Memory::new());
    let house = House::over(store.clone(), &Setup::default());
    let batch = Ask::new(V)
        .header(Tag::BatchErrorContinuationOption, Value::Enumeration(BatchErrorContinuationOption::Undo.0))
        .item(Operation::Create, create(V, &[]))
        .item(Operation::Get, vec![id(V, "nothing")]);
    house.ask("alice", &batch);
    let (_, entries) = read(&store).unwrap();
    let operations: Vec<_> = entries[1..].iter().map(|entry| (entry.operation, entry.reason)).collect();
    assert_eq!(operations[1], (Operation::Get, Some(ResultReason::ObjectNotFound)));
    // What was undone did not happen, and the chain does not claim that it did.
    assert_eq!(operations[0].0, Operation::Create);
    assert_ne!(operations[0].1, None, "an undone item is recorded as a success");
}
