//! A long life over a real store: several callers send random requests of every operation and version, the server stops
//! and starts, its namespace key is rotated; and whenever it has stopped, the store is what `keyhaven verify` demands.
//!
//! `KEYHAVEN_LIFE_REQUESTS` is how many requests are sent, `KEYHAVEN_LIFE_SEED` which ones, `KEYHAVEN_LIFE_STOPS` how often
//! the server stops.

mod wishes;

use std::collections::BTreeMap;
use std::env;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::Path;
use std::sync::Arc;

use self::wishes::Wishes;
use super::guess::{Dice, furnish};
use super::support::{Answer, Ask, House, Seeded, Setup, root};
use crate::base::Value;
use crate::gate::open::open_seal;
use crate::gate::verify::verify;
use crate::keep::Keep;
use crate::ops::HANDLERS;
use crate::registry::{AsynchronousIndicator, BatchErrorContinuationOption, Operation, ResultStatus, Tag, Version};
use crate::store::{Embedded, EmbeddedOptions};

const CALLERS: [&str; 4] = ["alice", "bob", "carol", "operator"];
/// Requests and stops of the test that runs every time.
const REQUESTS: u64 = 2000;
const STOPS: u64 = 4;
/// Of ten wishes so many come true at least, or the callers do not know what they do. Others are spoilt by a guess that
/// changed the object.
const WISHES_OF_TEN: usize = 8;

/// Asynchronous requests wait for so many others.
const WAIT: usize = 20;

/// A caller, sometimes in its right mind.
struct Someone {
    name: &'static str,
    wishes: Wishes,
    dice: Dice,
}

/// How many were asked for, and how many of those were done.
#[derive(Clone, Copy, Default)]
struct Count {
    asked: usize,
    done: usize,
}

struct Life<'a> {
    seed: u64,
    folder: &'a Path,
    setup: Setup,
    chance: Seeded,
    callers: [Someone; CALLERS.len()],
    wishes: BTreeMap<Operation, Count>,
    guesses: Count,
}

impl<'a> Life<'a> {
    fn new(seed: u64, folder: &'a Path) -> Self {
        let callers = std::array::from_fn(|at| {
            let seed = seed.wrapping_mul(100).wrapping_add(at as u64);
            Someone { name: CALLERS[at], wishes: Wishes::new(CALLERS[at], seed), dice: Dice::new(seed) }
        });
        let setup = Setup { seed, witness: Some(folder.join("witness")), ..Setup::default() };
        let chance = Seeded::new(seed);
        Self { seed, folder, setup, chance, callers, wishes: BTreeMap::new(), guesses: Count::default() }
    }

    fn store(&self) -> Arc<Embedded> {
        let options =
            EmbeddedOptions { ballast_bytes: 0, free_bytes_min: 0, ..EmbeddedOptions::new(self.folder.join("store")) };
        Arc::new(Embedded::open(options).unwrap())
    }

    /// One run of the server, from its start to its stop.
    fn run(&mut self, number: u64, requests: u64) {
        self.setup.seed = self.seed.wrapping_add(number);
        let house = House::over(self.store(), &self.setup);
        for caller in self.callers.iter_mut().filter(|_| number == 0) {
            furnish(&house, caller.name, &mut caller.dice);
        }
        for _ in 0..requests {
            self.request(&house);
            // Rarely: whoever asks for Process or Cancel finds some that wait.
            if self.chance.below(WAIT) == 0 {
                while house.core.run_next_job() {}
            }
            match self.chance.below(1000) {
                0 => house.core.rotate_namespace().unwrap(),
                1..20 => drop(house.core.rotation_step(50).unwrap()),
                20..30 => house.clock.pass(self.chance.below(5000) as i64),
                _ => {}
            }
        }
        let store = house.core.store();
        store.wait_durable(store.latest()).unwrap();
    }

    fn request(&mut self, house: &House) {
        let caller = &mut self.callers[self.chance.below(CALLERS.len())];
        let version = Version::ALL[self.chance.below(Version::ALL.len())];
        if self.chance.below(4) > 0
            && let Some((operation, ask)) = wish(&self.chance, &mut caller.wishes, version)
        {
            let answer = house.ask(caller.name, &ask);
            let item = &answer.items[0];
            let count = self.wishes.entry(operation).or_default();
            count.asked += 1;
            count.done += usize::from(item.status != ResultStatus::OperationFailed);
            match item.status {
                ResultStatus::Success => caller.wishes.answered(item),
                ResultStatus::OperationPending => caller.wishes.waits(version, &correlation(&answer)),
                _ => {}
            }
            return;
        }
        caller.dice.ids.extend(caller.wishes.ids().cloned());
        let mut ask = caller.dice.request(version);
        caller.dice.ids.truncate(8);
        if self.chance.below(4) == 0 {
            let how = BatchErrorContinuationOption::ROWS[self.chance.below(3)].value;
            ask = ask.header(Tag::BatchErrorContinuationOption, Value::Enumeration(how));
        }
        let statuses = house.ask(caller.name, &ask).statuses();
        self.guesses.asked += statuses.len();
        self.guesses.done += statuses.iter().filter(|status| **status == ResultStatus::Success).count();
    }

    /// The store as `keyhaven verify` sees it.
    fn verify(&self) {
        let store = self.store();
        let seal = open_seal(&*store, &root(1)).unwrap().expect("a seal");
        let entropy = Arc::new(Seeded::new(self.seed));
        let keep = Keep::new(store, Arc::new(seal), entropy.clone());
        let verified = verify(&keep, &*entropy, self.setup.witness.as_deref(), &mut |_, _| {}).unwrap();
        assert_eq!(verified.findings.listed, []);
        println!("clean: {} objects, {} entries in the audit chain", verified.objects, verified.entries);
    }

    /// Wishes that made no sense test little.
    fn was_lived(&self) {
        let mut all = Count::default();
        for (operation, count) in &self.wishes {
            println!("{operation}: {} of {}", count.done, count.asked);
            assert!(count.done > 0 || count.asked < 10, "{operation} never succeeds");
            all = Count { asked: all.asked + count.asked, done: all.done + count.done };
        }
        println!("{} of {} wishes, {} of {} guesses", all.done, all.asked, self.guesses.done, self.guesses.asked);
        assert!(all.done * 10 >= all.asked * WISHES_OF_TEN, "{} of {} wishes came true", all.done, all.asked);
    }
}

/// A request that should succeed; in 2.x it may be one that waits.
fn wish(chance: &Seeded, wishes: &mut Wishes, version: Version) -> Option<(Operation, Ask)> {
    let known: Vec<_> = HANDLERS.iter().map(|one| one.operation).filter(|one| one.known_in(version)).collect();
    let operation = known[chance.below(known.len())];
    let payload = wishes.payload(operation, version)?;
    let ask = Ask::one(version, operation, payload);
    if version.is_1x() || chance.below(20) > 0 {
        return Some((operation, ask));
    }
    Some((operation, ask.header(Tag::AsynchronousIndicator, Value::Enumeration(AsynchronousIndicator::Mandatory.0))))
}

fn correlation(answer: &Answer) -> Vec<u8> {
    let item = answer.message.field(Tag::BatchItem);
    match item.and_then(|item| item.field(Tag::AsynchronousCorrelationValue)) {
        Some(Value::ByteString(bytes)) => bytes.to_vec(),
        other => panic!("a request that waits has a number: {other:?}"),
    }
}

fn number(variable: &str, default: u64) -> u64 {
    env::var(variable).map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{variable} is a number")))
}

#[test]
fn a_long_life_leaves_a_clean_store() {
    let requests = number("KEYHAVEN_LIFE_REQUESTS", REQUESTS);
    let seed = number("KEYHAVEN_LIFE_SEED", 1);
    let stops = number("KEYHAVEN_LIFE_STOPS", STOPS);
    let folder = tempfile::tempdir().unwrap();
    let lived = catch_unwind(AssertUnwindSafe(|| {
        let mut life = Life::new(seed, folder.path());
        for run in 0..stops {
            life.run(run, requests.div_ceil(stops));
            life.verify();
        }
        life.was_lived();
    }));
    if let Err(failure) = lived {
        let again = format!("KEYHAVEN_LIFE_REQUESTS={requests} KEYHAVEN_LIFE_SEED={seed} KEYHAVEN_LIFE_STOPS={stops}");
        println!("again: {again} cargo test --lib long_life");
        resume_unwind(failure);
    }
}
