//! Laws of batches and of the lifecycle: a batch is the sequence of its items; what fails leaves no trace; whoever
//! looks at an object sees its states in the order of the standard.

use std::thread;

use proptest::prelude::*;

use super::guess::{Dice, furnish};
use super::support::{Answer, Ask, House, Seeded, field, id, one_attribute};
use crate::base::{Field, Value};
use crate::registry::{
    BatchErrorContinuationOption, Operation, ResultStatus, RevocationReasonCode, State, Tag, Version,
};

const WHO: &str = "operator";

/// An operation on one of these objects whose answer depends on nothing but the objects.
fn settled(dice: &Seeded, version: Version, ids: &[String]) -> (Operation, Vec<Field>) {
    let target = id(version, &ids[dice.below(ids.len())]);
    let code = match dice.below(3) {
        0 => RevocationReasonCode::KeyCompromise,
        _ => RevocationReasonCode::CessationOfOperation,
    };
    let reason = || {
        let code = field(Tag::RevocationReasonCode, Value::Enumeration(code.0));
        field(Tag::RevocationReason, Value::Structure(vec![code]))
    };
    let contact = || {
        let text = Value::text(format!("desk {}", dice.below(3)));
        one_attribute(version, Tag::ContactInformation, &text)
    };
    let plain = [
        Operation::Activate,
        Operation::Destroy,
        Operation::Archive,
        Operation::Recover,
        Operation::GetAttributes,
        Operation::GetAttributeList,
        Operation::ObtainLease,
        Operation::Get,
        Operation::Check,
    ];
    match dice.below(plain.len() + 3) {
        0 => (Operation::Revoke, vec![target, reason()]),
        1 => (Operation::AddAttribute, [target].into_iter().chain(contact()).collect()),
        2 => (Operation::ModifyAttribute, [target].into_iter().chain(contact()).collect()),
        other => (plain[other - 3], vec![target]),
    }
}

fn in_batches(version: Version, how: BatchErrorContinuationOption, items: &[(Operation, Vec<Field>)]) -> Ask {
    let ask = Ask::new(version).header(Tag::BatchErrorContinuationOption, Value::Enumeration(how.0));
    items.iter().fold(ask, |ask, (operation, payload)| ask.item(*operation, payload.clone()))
}

/// Everything that can be read of the objects.
fn picture(house: &House, ids: &[String]) -> Vec<Value> {
    let version = Version::V3_0;
    let shown = |answer: Answer| answer.items[0].payload.clone();
    let of = |one: &String| shown(house.ask(WHO, &Ask::one(version, Operation::GetAttributes, vec![id(version, one)])));
    let all = Ask::one(version, Operation::Locate, vec![field(Tag::Attributes, Value::Structure(Vec::new()))]);
    ids.iter().map(of).chain([shown(house.ask(WHO, &all))]).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6, failure_persistence: None, max_shrink_iters: 0, ..ProptestConfig::default() })]

    #[test]
    fn a_batch_is_the_sequence_of_its_items(seed in any::<u64>()) {
        // Two servers with the same past: their objects have the same identifiers.
        let [together, apart] = [(); 2].map(|()| {
            let house = House::new();
            let mut dice = Dice::new(seed);
            furnish(&house, WHO, &mut dice);
            (house, dice.ids)
        });
        prop_assert_eq!(&together.1, &apart.1);
        // Key pairs are not made of the servers' randomness: they differ.
        let (one, other) = (picture(&together.0, &together.1), picture(&apart.0, &apart.1));
        let same = together.1.iter().zip(one.iter().zip(&other)).filter(|(_, (one, other))| one == other);
        let ids: &Vec<String> = &same.map(|(id, _)| id.clone()).collect();
        prop_assert!(ids.len() > 4, "{:?}", ids);
        let dice = Seeded::new(seed);
        let mut done = 0;
        for _ in 0..8 {
            let version = Version::ALL[dice.below(Version::ALL.len())];
            let items: Vec<_> = (0..8).map(|_| settled(&dice, version, ids)).collect();
            let batch = together.0.ask(WHO, &in_batches(version, BatchErrorContinuationOption::Continue, &items));
            for (at, (operation, payload)) in items.into_iter().enumerate() {
                let one = apart.0.ask(WHO, &Ask::one(version, operation, payload.clone()));
                let (of_batch, alone) = (&batch.items[at], &one.items[0]);
                prop_assert_eq!(of_batch.status, alone.status, "{} of {}: {:?}", operation, version, payload);
                prop_assert_eq!(of_batch.reason, alone.reason, "{} of {}: {:?}", operation, version, payload);
                prop_assert_eq!(&of_batch.payload, &alone.payload, "{} of {}: {:?}", operation, version, payload);
                done += usize::from(alone.status == ResultStatus::Success);
            }
            prop_assert_eq!(picture(&together.0, ids), picture(&apart.0, ids));
        }
        prop_assert!(done > 8, "{} items succeeded", done);
    }

    #[test]
    fn what_fails_leaves_no_trace(seed in any::<u64>()) {
        let house = House::new();
        let mut dice = Dice::new(seed);
        furnish(&house, WHO, &mut dice);
        let ids = dice.ids.clone();
        let mut before = picture(&house, &ids);
        let mut failed = 0;
        for round in 0..40 {
            let version = dice.version();
            let mut ask = dice.request(version);
            ask.header.retain(|field| field.tag != Tag::BatchErrorContinuationOption);
            // A single operation, or a batch that is undone as a whole.
            match round % 2 {
                0 => ask.items.truncate(1),
                _ => ask = ask.header(
                    Tag::BatchErrorContinuationOption,
                    Value::Enumeration(BatchErrorContinuationOption::Undo.0),
                ),
            }
            let answer = house.ask(WHO, &ask);
            let after = picture(&house, &ids);
            if answer.items.iter().any(|item| item.status == ResultStatus::OperationFailed) {
                failed += 1;
                prop_assert_eq!(&before, &after, "{:?}\n{:?}", ask, answer);
            }
            before = after;
        }
        prop_assert!(failed > 5, "{} requests failed", failed);
    }
}

/// The states that may follow, at once or later (1.4 §3.22, figure 1).
fn may_follow(state: State) -> &'static [State] {
    use State as S;
    match state {
        S::PreActive => &[S::Active, S::Deactivated, S::Compromised, S::Destroyed, S::DestroyedCompromised],
        S::Active => &[S::Deactivated, S::Compromised, S::Destroyed, S::DestroyedCompromised],
        S::Deactivated => &[S::Compromised, S::Destroyed, S::DestroyedCompromised],
        S::Compromised | S::Destroyed => &[S::DestroyedCompromised],
        _ => &[],
    }
}

#[test]
fn clients_of_one_object_see_its_states_in_order() {
    for seed in 0..4 {
        let house = House::new();
        let key = house.key("alice", "shared");
        let seen: Vec<Vec<State>> = thread::scope(|scope| {
            let clients = [("alice", 2 * seed), (WHO, 2 * seed + 1)].map(|(who, seed)| {
                let (house, key) = (&house, &key);
                scope.spawn(move || watch(house, who, key, seed))
            });
            clients.into_iter().map(|client| client.join().unwrap()).collect()
        });
        for states in seen {
            for pair in states.windows(2) {
                assert!(pair[0] == pair[1] || may_follow(pair[0]).contains(&pair[1]), "{states:?}");
            }
        }
    }
}

/// Changes the object and looks at it, by turns: the states that were seen.
fn watch(house: &House, who: &str, key: &str, seed: u64) -> Vec<State> {
    let dice = Seeded::new(seed);
    let version = Version::V2_1;
    let ids = [key.to_owned()];
    let wanted = field(Tag::AttributeReference, Value::Enumeration(Tag::State.0));
    let mut states = Vec::new();
    for _ in 0..60 {
        let (operation, payload) = settled(&dice, version, &ids);
        house.ask(who, &Ask::one(version, operation, payload));
        let look = Ask::one(version, Operation::GetAttributes, vec![id(version, key), wanted.clone()]);
        let answer = house.ask(who, &look);
        let attributes = answer.items[0].payload.field(Tag::Attributes);
        if let Some(Value::Enumeration(state)) = attributes.and_then(|attributes| attributes.field(Tag::State)) {
            states.push(State(*state));
        }
    }
    states
}
