//! Who may do what, who is who, and when: policy, credentials, names, dates, threads.

use std::sync::Arc;

use super::support::{Ask, House, START, Setup, attributes, create, field, id, id_in, name, one_attribute, peer};
use crate::base::{Buffer, Date, Field, Value};
use crate::gate::Outcome;
use crate::gate::policy::Strangers;
use crate::registry::{
    BlockCipherMode, CredentialType, CryptographicAlgorithm, Operation, ResultReason, ResultStatus,
    RevocationReasonCode, State, Tag, Version,
};
use crate::store::Memory;

const V: Version = Version::V2_1;

fn revoke(version: Version, key: &str) -> Vec<Field> {
    let code = Value::Enumeration(RevocationReasonCode::CessationOfOperation.0);
    vec![id(version, key), field(Tag::RevocationReason, Value::Structure(vec![field(Tag::RevocationReasonCode, code)]))]
}

#[test]
fn strangers_reach_nothing_and_operators_everything() {
    let operations = |key: &str| {
        vec![
            (Operation::Get, vec![id(V, key)]),
            (Operation::GetAttributes, vec![id(V, key)]),
            (Operation::GetAttributeList, vec![id(V, key)]),
            (Operation::Check, vec![id(V, key)]),
            (
                Operation::SetAttribute,
                vec![id(V, key), one_attribute(V, Tag::Comment, &Value::text("mine now")).unwrap()],
            ),
            (Operation::Activate, vec![id(V, key)]),
            (Operation::Encrypt, vec![id(V, key), field(Tag::Data, Value::ByteString([0; 16].into()))]),
            (Operation::Revoke, revoke(V, key)),
            (Operation::Destroy, vec![id(V, key)]),
        ]
    };
    for (strangers, reason) in
        [(Strangers::NotFound, ResultReason::ObjectNotFound), (Strangers::Denied, ResultReason::PermissionDenied)]
    {
        let house = House::with(&Setup { strangers, ..Setup::default() });
        let key = house.key("alice", "k");
        for (operation, payload) in operations(&key) {
            assert_eq!(house.fails("mallory", V, operation, payload), reason, "{operation} {strangers:?}");
        }
        // What does not exist looks the same as what is hidden.
        assert_eq!(house.fails("mallory", V, Operation::Get, vec![id(V, "nothing")]), ResultReason::ObjectNotFound);
        assert_eq!((house.count("mallory"), house.count("alice"), house.count("operator")), (0, 1, 1));
        for (operation, payload) in operations(&key) {
            if operation != Operation::Encrypt {
                house.does("operator", V, operation, payload);
            }
        }
    }
}

fn with_credential(kind: CredentialType, user: &str, password: &str) -> Ask {
    let value = vec![field(Tag::Username, Value::text(user)), field(Tag::Password, Value::text(password))];
    let credential = vec![
        field(Tag::CredentialType, Value::Enumeration(kind.0)),
        field(Tag::CredentialValue, Value::Structure(value)),
    ];
    let authentication = Value::Structure(vec![field(Tag::Credential, Value::Structure(credential))]);
    Ask::one(Version::V1_4, Operation::Create, create(Version::V1_4, &[])).header(Tag::Authentication, authentication)
}

#[test]
fn a_credential_names_the_caller_if_it_is_right() {
    let house = House::new();
    let password = CredentialType::UsernameAndPassword;
    let cases = [
        (with_credential(password, "user", "right"), Some("user")),
        (with_credential(password, "user", "wrong"), None),
        (with_credential(password, "nobody", "right"), None),
        (with_credential(password, "", ""), Some("alice")),
        (with_credential(password, "", "right"), Some("alice")),
    ];
    for (ask, whose) in cases {
        let count = |who| house.count(who);
        let before = (count("user"), count("alice"));
        let answer = house.ask("alice", &ask);
        let after = (count("user"), count("alice"));
        match whose {
            None => {
                assert_eq!(answer.items[0].reason, Some(ResultReason::AuthenticationNotSuccessful));
                assert_eq!(after, before);
            }
            Some("user") => assert_eq!(after, (before.0 + 1, before.1)),
            Some(_) => assert_eq!(after, (before.0, before.1 + 1)),
        }
    }
}

#[test]
fn a_password_is_hashed_where_it_may_block_and_remembered_for_a_minute() {
    let house = House::new();
    let ask = with_credential(CredentialType::UsernameAndPassword, "user", "right").bytes();
    let mut reply = Buffer::default();
    let mut quick = || house.core.handle(&ask, &peer("alice"), false, &mut reply);
    assert_eq!(quick(), Outcome::WouldBlock);
    house.send("alice", &ask);
    assert!(matches!(quick(), Outcome::Reply(_)));
    house.clock.pass(61);
    assert_eq!(quick(), Outcome::WouldBlock);
    // A wrong password is not let in by the right one before it.
    let wrong = with_credential(CredentialType::UsernameAndPassword, "user", "wrong");
    house.ask("alice", &with_credential(CredentialType::UsernameAndPassword, "user", "right"));
    assert_eq!(house.ask("alice", &wrong).items[0].reason, Some(ResultReason::AuthenticationNotSuccessful));
}

/// An RSA key pair is made on a thread that may block; what came before it in the batch happens once.
#[test]
fn what_would_block_runs_again_without_a_double_effect() {
    let house = House::new();
    let version = Version::V2_0;
    let common = attributes(
        version,
        (Tag::CommonTemplateAttribute, Tag::CommonAttributes),
        &[
            (Tag::CryptographicAlgorithm, Value::Enumeration(CryptographicAlgorithm::RSA.0)),
            (Tag::CryptographicLength, Value::Integer(2048)),
        ],
    );
    let usage = |tags, bits| attributes(version, tags, &[(Tag::CryptographicUsageMask, Value::Integer(bits))]);
    let pair = vec![
        common,
        usage((Tag::PrivateKeyTemplateAttribute, Tag::PrivateKeyAttributes), 1),
        usage((Tag::PublicKeyTemplateAttribute, Tag::PublicKeyAttributes), 2),
    ];
    let ask = Ask::new(version)
        .item(Operation::Create, create(version, &[name("once")]))
        .item(Operation::CreateKeyPair, pair);
    let bytes = ask.bytes();
    let mut reply = Buffer::default();
    for _ in 0..3 {
        assert_eq!(house.core.handle(&bytes, &peer("alice"), false, &mut reply), Outcome::WouldBlock);
        assert_eq!(house.count("alice"), 0);
    }
    let answer = house.send("alice", &bytes);
    assert_eq!(answer.statuses(), [ResultStatus::Success; 2], "{answer:?}");
    assert_eq!(house.count("alice"), 3);
}

#[test]
fn a_busy_server_answers_every_item_and_does_nothing() {
    let house = House::new();
    let ask = Ask::new(V).item(Operation::Create, create(V, &[])).item(Operation::Create, create(V, &[]));
    let mut reply = Buffer::default();
    house.core.busy(&ask.bytes(), &peer("alice"), &mut reply);
    let answer = super::support::Answer::read(&reply, crate::store::Sequence(0));
    assert_eq!(answer.statuses(), [ResultStatus::OperationFailed; 2]);
    assert_eq!(house.count("alice"), 0);
}

#[test]
fn names_are_unique_among_the_living_objects_of_an_owner() {
    let house = House::new();
    let create = || create(V, &[name("n")]);
    let taken = ResultReason::NonUniqueNameAttribute;
    let first = house.key("alice", "n");
    assert_eq!(house.fails("alice", V, Operation::Create, create()), taken);
    house.does("bob", V, Operation::Create, create());
    let rename = |key: &str, to: &str| vec![id(V, key), one_attribute(V, Tag::Name, &name(to).1).unwrap()];
    let other = house.key("alice", "m");
    assert_eq!(house.fails("alice", V, Operation::AddAttribute, rename(&other, "n")), taken);
    house.does("alice", V, Operation::Destroy, vec![id(V, &first)]);
    house.does("alice", V, Operation::AddAttribute, rename(&other, "n"));
    assert_eq!(house.fails("alice", V, Operation::Create, create()), taken);
}

#[test]
fn dates_act_when_the_clock_reaches_them() {
    let house = House::new();
    let at = |seconds| Value::DateTime(Date(START + seconds));
    let dates = [(Tag::ActivationDate, at(100)), (Tag::DeactivationDate, at(200))];
    let key = id_in(&house.does("alice", V, Operation::Create, create(V, &dates)));
    let state = || {
        let wanted = field(Tag::AttributeReference, Value::Enumeration(Tag::State.0));
        let payload = house.does("alice", V, Operation::GetAttributes, vec![id(V, &key), wanted]);
        match payload.field(Tag::Attributes).and_then(|attributes| attributes.field(Tag::State)) {
            Some(Value::Enumeration(number)) => State(*number),
            other => panic!("{other:?}"),
        }
    };
    let encrypts = || {
        let mode = field(Tag::BlockCipherMode, Value::Enumeration(BlockCipherMode::ECB.0));
        let parameters = field(Tag::CryptographicParameters, Value::Structure(vec![mode]));
        let data = field(Tag::Data, Value::ByteString([0; 16].into()));
        let answer = house.ask("alice", &Ask::one(V, Operation::Encrypt, vec![id(V, &key), parameters, data]));
        let item = &answer.items[0];
        assert!(matches!(item.reason, None | Some(ResultReason::WrongKeyLifecycleState)), "{item:?}");
        item.status == ResultStatus::Success
    };
    for (pass, expected) in [
        (0, State::PreActive),
        (99, State::PreActive),
        (1, State::Active),
        (99, State::Active),
        (1, State::Deactivated),
        (1_000_000, State::Deactivated),
    ] {
        house.clock.pass(pass);
        assert_eq!((state(), encrypts()), (expected, expected == State::Active));
    }
    house.does("alice", V, Operation::Destroy, vec![id(V, &key)]);
    assert_eq!(state(), State::Destroyed);
}

/// Two cores over one store, and threads on each: every change happens once.
#[test]
fn cores_and_threads_share_a_store() {
    const EACH: usize = 20;
    let store = Arc::new(Memory::new());
    let first = House::over(store.clone(), &Setup { seed: 11, ..Setup::default() });
    let second = House::over(store, &Setup { seed: 12, ..Setup::default() });
    let key = first.key("alice", "shared");
    let run = |house: &House, worker: usize| {
        for at in 0..EACH {
            let comment = Value::text(format!("{worker}.{at}"));
            let description = (Tag::ObjectGroup, comment);
            let change = one_attribute(V, description.0, &description.1).unwrap();
            house.does("alice", V, Operation::AddAttribute, vec![id(V, &key), change]);
            // All race for the same names: one of them gets each.
            let ask = Ask::one(V, Operation::Create, create(V, &[name(&format!("raced {at}"))]));
            let answer = house.ask("alice", &ask);
            let reason = answer.items[0].reason;
            assert!(matches!(reason, None | Some(ResultReason::NonUniqueNameAttribute)), "{answer:?}");
        }
    };
    std::thread::scope(|scope| {
        for (worker, house) in [&first, &second, &first, &second].into_iter().enumerate() {
            scope.spawn(move || run(house, worker));
        }
    });
    for house in [&first, &second] {
        assert_eq!(house.count("alice"), 1 + EACH);
        let payload = house.does("alice", V, Operation::GetAttributes, vec![id(V, &key)]);
        let Some(Value::Structure(attributes)) = payload.field(Tag::Attributes) else { panic!("{payload:?}") };
        let groups = attributes.iter().filter(|field| field.tag == Tag::ObjectGroup).count();
        assert_eq!(groups, 4 * EACH);
    }
}
