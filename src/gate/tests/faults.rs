//! Stores that fail and machines that lose power.

use std::sync::Arc;

use super::support::{Ask, House, Setup, create, id, name};
use crate::base::Value;
use crate::registry::{Operation, ResultReason, ResultStatus, Tag, Version};
use crate::store::{FaultPlan, Faults, Memory, Sequence, Store};

const V: Version = Version::V2_1;

fn faulty() -> (Arc<Faults<Memory>>, House) {
    let store = Arc::new(Faults::new(Memory::new(), FaultPlan::new()));
    let house = House::over(store.clone(), &Setup::default());
    (store, house)
}

fn two_creates() -> Ask {
    Ask::new(V).item(Operation::Create, create(V, &[name("a")])).item(Operation::Create, create(V, &[name("b")]))
}

#[test]
fn a_commit_that_fails_is_answered_and_nothing_is_half_done() {
    // The plan, and whether the request gets through in the end.
    type Plan = (&'static str, fn() -> FaultPlan, bool);
    let plans: [Plan; 4] = [
        ("fails", || FaultPlan::new().fail_commit(1), false),
        ("busy", || FaultPlan::new().busy(1), false),
        ("one conflict", || FaultPlan::new().conflict(1), true),
        ("many conflicts", || (1..200).fold(FaultPlan::new(), FaultPlan::conflict), false),
    ];
    for (what, plan, through) in plans {
        let (store, house) = faulty();
        store.set_plan(plan());
        let answer = house.ask("alice", &two_creates());
        let status = if through { ResultStatus::Success } else { ResultStatus::OperationFailed };
        assert_eq!(answer.statuses(), [status; 2], "{what}");
        if !through {
            assert_eq!(answer.items[0].reason, Some(ResultReason::GeneralFailure), "{what}: {answer:?}");
        }
        store.set_plan(FaultPlan::new());
        assert_eq!(house.count("alice"), if through { 2 } else { 0 }, "{what}");
    }
}

/// Whichever read fails, the answer is a whole one, and afterwards everything or nothing is there.
#[test]
fn every_read_may_fail() {
    for n in 1..40 {
        for scan in [false, true] {
            let (store, house) = faulty();
            let key = house.key("alice", "k");
            let batch = two_creates()
                .item(Operation::Activate, vec![id(V, &key)])
                .item(Operation::Locate, Vec::new())
                .item(Operation::Get, vec![id(V, &key)]);
            let plan = FaultPlan::new();
            store.set_plan(if scan { plan.fail_scan(n) } else { plan.fail_get(n) });
            let answer = house.ask("alice", &batch);
            store.set_plan(FaultPlan::new());
            let made = answer.items.iter().take(2).filter(|item| item.status == ResultStatus::Success).count();
            assert_eq!(house.count("alice"), 1 + made, "{n} {scan}");
            if let Some(failed) = answer.items.iter().find(|item| item.status == ResultStatus::OperationFailed) {
                assert_eq!(failed.reason, Some(ResultReason::GeneralFailure), "{n} {scan}");
            }
        }
    }
}

/// A store that has failed goes on answering, with failures, until it is opened anew.
#[test]
fn a_broken_store_refuses_reads_too() {
    let (store, house) = faulty();
    let key = house.key("alice", "k");
    store.set_plan(FaultPlan::new().fail_commit(1));
    for _ in 0..3 {
        // Without its audit entry no key leaves.
        let answer = house.ask("alice", &Ask::one(V, Operation::Get, vec![id(V, &key)]));
        assert_eq!(answer.statuses(), [ResultStatus::OperationFailed]);
        assert_eq!(answer.items[0].payload, Value::Structure(Vec::new()));
    }
}

#[test]
fn a_reply_waits_for_what_it_rests_on() {
    let store = Arc::new(Memory::manual());
    let house = {
        // The namespace key must be durable before the core is open.
        let flusher = store.clone();
        let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
        let seen = stop.clone();
        let thread = std::thread::spawn(move || {
            while !seen.load(std::sync::atomic::Ordering::SeqCst) {
                flusher.make_durable(Sequence(u64::MAX));
                std::thread::yield_now();
            }
        });
        let house = House::over(store.clone(), &Setup::default());
        stop.store(true, std::sync::atomic::Ordering::SeqCst);
        thread.join().unwrap();
        house
    };
    store.make_durable(Sequence(u64::MAX));
    let durable = store.durable();
    let made = house.ask("alice", &Ask::one(V, Operation::Create, create(V, &[name("k")])));
    assert!(made.sequence > durable);
    let key = super::support::id_in(&made.items[0].payload);
    // Whoever sees the object, or that the name is taken, waits for it too.
    let locate = Ask::one(V, Operation::Locate, Vec::new());
    let look = Ask::one(V, Operation::GetAttributes, vec![id(V, &key)]);
    for ask in [look.clone(), Ask::one(V, Operation::Create, create(V, &[name("k")])), locate] {
        assert!(house.ask("alice", &ask).sequence >= made.sequence, "{ask:?}");
    }
    store.make_durable(made.sequence);
    assert!(house.ask("alice", &look).sequence <= store.durable());
    // An absence waits for the commit that made it.
    let gone = house.ask("alice", &Ask::one(V, Operation::Destroy, vec![id(V, &key)]));
    assert!(gone.sequence > store.durable());
    assert!(house.ask("alice", &look).sequence >= gone.sequence);
    let free = house.ask("alice", &Ask::one(V, Operation::Create, create(V, &[name("k")])));
    assert_eq!(free.statuses(), [ResultStatus::Success]);
    assert!(free.sequence >= gone.sequence);
    // The crash takes what was not durable, and only that.
    store.crash();
    let again = House::over(store.clone(), &Setup { seed: 5, ..Setup::default() });
    assert_eq!(again.count("alice"), 1);
    let payload = again.does("alice", V, Operation::Get, vec![id(V, &key)]);
    assert!(payload.field(Tag::SymmetricKey).is_some());
}
