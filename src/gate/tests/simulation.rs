//! A simulated life of the server: clients change objects at random, the namespace key is rotated, reads and commits fail,
//! the power goes. What was acknowledged, that is, whose reply was allowed to leave, is there after every crash.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::support::{Ask, House, Seeded, Setup, create, field, id, id_in, name, one_attribute, root};
use crate::base::{Field, Value};
use crate::gate::open::open_seal;
use crate::gate::{audit, verify};
use crate::keep::Keep;
use crate::keep::rotation::Step;
use crate::registry::{Operation, ResultStatus, State, Tag, Version};
use crate::store::{FaultPlan, Faults, Memory, Sequence, Store};

const V: Version = Version::V2_1;
const CLIENTS: [&str; 3] = ["alice", "bob", "carol"];
const STEPS: usize = 300;

type Disk = Faults<Memory>;

/// What a client knows of an object.
#[derive(Clone, PartialEq, Debug)]
struct Known {
    owner: usize,
    name: String,
    state: State,
    comment: Option<String>,
}

/// What happened to an object, or None where it is gone from the model: never here, objects leave a tombstone.
#[derive(Clone, Debug)]
struct Change {
    sequence: Sequence,
    object: String,
    after: Known,
}

struct World {
    disk: Arc<Disk>,
    house: House,
    seed: u64,
    dice: Seeded,
    runs: u64,
    names: usize,
    /// Acknowledged and on the disk.
    settled: BTreeMap<String, Known>,
    /// As the running server has it.
    current: BTreeMap<String, Known>,
    /// Answered but not yet durable, in order.
    waiting: Vec<Change>,
    /// Entries of the audit that must be there: of changes.
    acknowledged: usize,
    /// The newest version of the namespace key that was in force.
    rotated: u32,
}

/// Opens a core over a store whose commits become durable by hand alone: opening waits for one of its own.
fn open(disk: &Arc<Disk>, seed: u64) -> House {
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::SeqCst) {
                disk.inner().make_durable(Sequence(u64::MAX));
                std::thread::yield_now();
            }
        });
        let house = House::open(disk.clone(), &Setup { seed, ..Setup::default() });
        done.store(true, Ordering::SeqCst);
        // However fast that was, the same is durable now: a seed does the same again.
        disk.inner().make_durable(Sequence(u64::MAX));
        house.unwrap_or_else(|error| panic!("the store opens: {error}"))
    })
}

impl World {
    fn new(seed: u64) -> Self {
        let disk = Arc::new(Faults::new(Memory::manual(), FaultPlan::new()));
        let house = open(&disk, seed);
        let mut world = Self {
            disk,
            house,
            seed,
            dice: Seeded::new(seed),
            runs: 0,
            names: 0,
            settled: BTreeMap::new(),
            current: BTreeMap::new(),
            waiting: Vec::new(),
            acknowledged: 0,
            rotated: 1,
        };
        world.calm(false);
        world
    }

    /// Faults on or off.
    fn calm(&mut self, calm: bool) {
        let plan = FaultPlan::new();
        self.disk.set_plan(if calm { plan } else { plan.seeded(self.dice.next(), 25) });
    }

    fn step(&mut self) {
        match self.dice.below(12) {
            0 => self.flush(),
            1 if self.dice.below(3) == 0 => self.crash(),
            _ => self.client(),
        }
        self.rotate();
    }

    /// Sometimes a rotation of the namespace key begins, and one that runs goes on; it is cut off by every crash.
    fn rotate(&mut self) {
        if self.dice.below(30) == 0 {
            let _ = self.house.core.rotate_namespace();
        }
        for _ in 0..self.dice.below(4) {
            // What fails now is done later.
            let _ = self.house.core.rotation_step(3);
        }
        self.rotated = self.rotated.max(self.house.core.keep().seal().version());
    }

    /// Ends a rotation that runs.
    fn end_rotation(&mut self) {
        while self.house.core.rotation_step(50).unwrap() != Step::Idle {
            self.disk.inner().make_durable(Sequence(u64::MAX));
        }
        assert!(self.house.core.rotation().unwrap().is_none());
    }

    /// Some of what waits becomes durable; the replies leave.
    fn flush(&mut self) {
        let Some(last) = self.waiting.last() else { return };
        let first = self.disk.durable().0;
        let span = last.sequence.0.saturating_sub(first) as usize + 1;
        let up_to = Sequence(first + self.dice.below(span + 1) as u64);
        self.disk.inner().make_durable(up_to);
        self.settle();
    }

    fn settle(&mut self) {
        let durable = self.disk.durable();
        let settled = self.waiting.partition_point(|change| change.sequence <= durable);
        for change in self.waiting.drain(..settled) {
            self.acknowledged += 1;
            self.settled.insert(change.object, change.after);
        }
    }

    fn crash(&mut self) {
        self.calm(true);
        self.disk.inner().crash();
        self.waiting.clear();
        self.runs += 1;
        self.house = open(&self.disk, self.seed + self.runs);
        self.current = self.settled.clone();
        self.verify();
        self.compare();
        self.calm(false);
    }

    /// What the crash left is what the commit record says.
    fn verify(&self) {
        let seal = open_seal(&*self.disk, &root(1)).unwrap().expect("a seal");
        let entropy = Arc::new(Seeded::new(self.seed));
        let keep = Keep::new(self.disk.clone(), Arc::new(seal), entropy.clone());
        let verified = verify::verify(&keep, &*entropy, None, &mut |_, _| {}).unwrap();
        assert_eq!(verified.findings.listed, [], "the store is not what its commit record says");
    }

    /// Every object that the model has is there as the model says, for every client, and nothing else is.
    fn compare(&self) {
        for (number, client) in CLIENTS.into_iter().enumerate() {
            let own = self.current.iter().filter(|(_, known)| known.owner == number && known.state != State::Destroyed);
            assert!(self.house.count(client) >= own.count(), "objects of {client} are missing");
        }
        for (object, known) in &self.current {
            let payload = self.house.does(CLIENTS[known.owner], V, Operation::GetAttributes, vec![id(V, object)]);
            let attributes = payload.field(Tag::Attributes).unwrap();
            let state = match attributes.field(Tag::State) {
                Some(Value::Enumeration(state)) => State(*state),
                other => panic!("{other:?}"),
            };
            let text = |tag| attributes.field(tag).and_then(Value::as_text).map(str::to_owned);
            let name = attributes.field(Tag::Name).and_then(|name| name.field(Tag::NameValue)).and_then(Value::as_text);
            assert_eq!((state, text(Tag::Comment)), (known.state, known.comment.clone()), "{object}");
            assert_eq!(name, Some(&*known.name), "{object}");
            let other = CLIENTS[(known.owner + 1) % CLIENTS.len()];
            self.house.fails(other, V, Operation::GetAttributes, vec![id(V, object)]);
            let get = self.house.ask(CLIENTS[known.owner], &Ask::one(V, Operation::Get, vec![id(V, object)]));
            let has_key = get.items[0].payload.field(Tag::SymmetricKey).is_some();
            assert_eq!(has_key, known.state != State::Destroyed, "the key of {object}");
        }
        let seal = open_seal(&*self.disk, &root(1)).unwrap().expect("a seal");
        let mut changes = 0;
        audit::verify(&*self.disk, &seal, |entry| {
            let reads = matches!(entry.operation, Operation::Get | Operation::GetAttributes | Operation::Locate);
            changes += usize::from(entry.reason.is_none() && !reads && entry.operation != Operation(0));
        })
        .unwrap_or_else(|error| panic!("{error}"));
        assert!(changes >= self.acknowledged, "{changes} entries for {} acknowledged changes", self.acknowledged);
    }

    /// One request of one client about one of its objects.
    fn client(&mut self) {
        let client = self.dice.below(CLIENTS.len());
        let own: Vec<_> =
            self.current.iter().filter(|(_, known)| known.owner == client).map(|(id, _)| id.clone()).collect();
        if own.is_empty() || self.dice.below(4) == 0 {
            return self.make(client);
        }
        let object = own[self.dice.below(own.len())].clone();
        let mut after = self.current[&object].clone();
        let (operation, payload) = match self.dice.below(5) {
            0 => {
                after.state = State::Active;
                (Operation::Activate, vec![id(V, &object)])
            }
            1 => {
                after.state = State::Deactivated;
                let reason = vec![field(Tag::RevocationReasonCode, Value::Enumeration(6))];
                (Operation::Revoke, vec![id(V, &object), field(Tag::RevocationReason, Value::Structure(reason))])
            }
            2 => {
                after.state = State::Destroyed;
                (Operation::Destroy, vec![id(V, &object)])
            }
            _ => {
                self.names += 1;
                after.comment = Some(format!("comment {}", self.names));
                let comment = Value::text(format!("comment {}", self.names));
                let change = one_attribute(V, Tag::Comment, &comment).unwrap();
                (Operation::SetAttribute, vec![id(V, &object), change])
            }
        };
        self.apply(client, operation, payload, |_| (object, after));
    }

    fn make(&mut self, client: usize) {
        // Every fifth name is one that is taken already.
        if self.names == 0 || self.dice.below(5) != 0 {
            self.names += 1;
        }
        let called = format!("object {}", self.names);
        let known = Known { owner: client, name: called.clone(), state: State::PreActive, comment: None };
        let has_it = |other: &Known| other.owner == client && other.name == called && other.state != State::Destroyed;
        let taken = self.current.values().any(has_it);
        let payload = create(V, &[name(&called)]);
        self.apply(client, Operation::Create, payload, |answer| {
            assert!(!taken, "a name is given twice");
            (id_in(answer), known)
        });
    }

    /// What the server says it did is what the model does, and what it says it did not do is not done.
    fn apply(
        &mut self,
        client: usize,
        operation: Operation,
        payload: Vec<Field>,
        then: impl FnOnce(&Value) -> (String, Known),
    ) {
        let answer = self.house.ask(CLIENTS[client], &Ask::one(V, operation, payload));
        let item = &answer.items[0];
        if item.status != ResultStatus::Success {
            return;
        }
        let (object, after) = then(&item.payload);
        assert!(answer.sequence > self.disk.durable(), "the reply to {operation} waits for its commit");
        self.current.insert(object.clone(), after.clone());
        self.waiting.push(Change { sequence: answer.sequence, object, after });
    }
}

/// How many changes were acknowledged, and which version of the namespace key it came to.
fn live(seed: u64) -> (usize, u32) {
    let mut world = World::new(seed);
    for _ in 0..STEPS {
        world.step();
    }
    world.calm(true);
    world.compare();
    world.end_rotation();
    world.compare();
    world.disk.inner().make_durable(Sequence(u64::MAX));
    world.settle();
    world.crash();
    (world.acknowledged, world.rotated)
}

/// `KEYHAVEN_SIMULATION_SEEDS=FIRST-LAST` lives other lives.
#[test]
fn what_was_acknowledged_survives() {
    let given = std::env::var("KEYHAVEN_SIMULATION_SEEDS").unwrap_or_else(|_| "1-40".into());
    let (first, last) = given.split_once('-').expect("FIRST-LAST");
    let seeds = first.parse().unwrap()..=last.parse::<u64>().unwrap();
    let (mut lives, mut acknowledged, mut rotated) = (0, 0, 0);
    for seed in seeds {
        let outcome = std::panic::catch_unwind(|| live(seed));
        let Ok((changes, version)) = outcome else {
            panic!("again: KEYHAVEN_SIMULATION_SEEDS={seed}-{seed} cargo test --lib simulation");
        };
        lives += 1;
        acknowledged += changes;
        rotated += usize::from(version > 1);
    }
    println!("{lives} lives, {acknowledged} acknowledged changes, the namespace key rotated in {rotated}");
    assert!(acknowledged > lives * STEPS / 10 && rotated * 2 > lives, "too little happens");
}
