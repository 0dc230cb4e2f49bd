//! Batches: order, continuation, the ID Placeholder, echoes, counts and sizes.

use super::support::{Answer, Ask, House, Setup, create, field, id, name};
use crate::base::{Limits, Value};
use crate::registry::{
    BatchErrorContinuationOption, Operation, ResultReason, ResultStatus, Tag, UniqueIdentifier, Version,
};

const OK: ResultStatus = ResultStatus::Success;
const FAILED: ResultStatus = ResultStatus::OperationFailed;
const UNDONE: ResultStatus = ResultStatus::OperationUndone;

/// Create, Get of something that is not there, Create.
fn broken_in_the_middle(version: Version) -> Ask {
    Ask::new(version)
        .item(Operation::Create, create(version, &[]))
        .item(Operation::Get, vec![id(version, "nothing")])
        .item(Operation::Create, create(version, &[]))
}

#[test]
fn what_follows_a_failed_item_is_the_clients_choice() {
    let cases: [(Option<BatchErrorContinuationOption>, &[ResultStatus], usize); 4] = [
        (None, &[OK, FAILED], 1),
        (Some(BatchErrorContinuationOption::Stop), &[OK, FAILED], 1),
        (Some(BatchErrorContinuationOption::Continue), &[OK, FAILED, OK], 2),
        (Some(BatchErrorContinuationOption::Undo), &[UNDONE, FAILED], 0),
    ];
    for version in Version::ALL {
        for (option, statuses, left) in cases {
            let house = House::new();
            let mut ask = broken_in_the_middle(version);
            if let Some(option) = option {
                ask = ask.header(Tag::BatchErrorContinuationOption, Value::Enumeration(option.0));
            }
            let answer = house.ask("alice", &ask);
            assert_eq!(answer.statuses(), statuses, "{version} {option:?}");
            assert_eq!(house.count("alice"), left, "{version} {option:?}");
            assert_eq!(answer.version, version);
        }
    }
}

#[test]
fn an_undone_change_of_an_existing_object_is_not_seen() {
    let house = House::new();
    let key = house.key("alice", "k");
    let version = Version::V1_4;
    let ask = Ask::new(version)
        .item(Operation::Activate, vec![id(version, &key)])
        .item(Operation::Get, vec![id(version, "nothing")])
        .header(Tag::BatchErrorContinuationOption, Value::Enumeration(BatchErrorContinuationOption::Undo.0));
    assert_eq!(house.ask("alice", &ask).statuses(), [UNDONE, FAILED]);
    // It is still Pre-Active: Destroy works without Revoke.
    house.does("alice", version, Operation::Destroy, vec![id(version, &key)]);
}

#[test]
fn a_failed_item_takes_back_its_own_changes_alone() {
    let house = House::new();
    let version = Version::V2_1;
    let ask = Ask::new(version)
        .item(Operation::Create, create(version, &[name("n")]))
        .item(Operation::Create, create(version, &[name("n")]))
        .item(Operation::Create, create(version, &[name("m")]))
        .header(Tag::BatchErrorContinuationOption, Value::Enumeration(BatchErrorContinuationOption::Continue.0));
    let answer = house.ask("alice", &ask);
    assert_eq!(answer.statuses(), [OK, FAILED, OK]);
    assert_eq!(answer.items[1].reason, Some(ResultReason::NonUniqueNameAttribute));
    assert_eq!(house.count("alice"), 2);
}

/// The ID Placeholder is the last identifier; 3.0 asks for it by a value of Unique Identifier.
#[test]
fn the_id_placeholder_runs_through_a_batch() {
    for version in Version::ALL {
        let house = House::new();
        let same = || match version {
            Version::V3_0 => {
                vec![field(Tag::UniqueIdentifier, Value::Enumeration(UniqueIdentifier::IDPlaceholder.0))]
            }
            _ => Vec::new(),
        };
        let ask = Ask::new(version)
            .item(Operation::Create, create(version, &[]))
            .item(Operation::Activate, same())
            .item(Operation::GetAttributeList, same())
            .item(Operation::Get, same());
        let answer = house.ask("alice", &ask);
        assert_eq!(answer.statuses(), [OK; 4], "{version}");
        let ids = |answer: &Answer| {
            let id = |at: usize| answer.items[at].payload.field(Tag::UniqueIdentifier).cloned();
            (0..4).map(id).collect::<Vec<_>>()
        };
        assert!(ids(&answer).iter().all(|one| *one == ids(&answer)[0]), "{version}");
        // It ends with its batch.
        let answer = house.ask("alice", &Ask::one(version, Operation::Get, same()));
        assert_eq!(answer.items[0].reason, Some(ResultReason::ItemNotFound), "{version}");
    }
}

#[test]
fn each_item_is_echoed() {
    let house = House::new();
    for version in Version::ALL {
        let answer = house.ask("alice", &broken_in_the_middle(version));
        for (at, item) in answer.items.iter().enumerate() {
            let known = Tag::UniqueBatchItemID.known_in(version);
            assert_eq!(item.unique, known.then(|| vec![b'#', at as u8]), "{version}");
            assert_eq!(item.operation, Some([Operation::Create, Operation::Get][at]));
        }
    }
}

#[test]
fn counts_that_do_not_agree_refuse_the_message() {
    let house = House::with(&Setup { limits: Limits { batch_items_max: 3, ..Limits::default() }, ..Setup::default() });
    let version = Version::V1_4;
    let ask = |items: usize, count| {
        let one = Ask { count, ..Ask::new(version) };
        (0..items).fold(one, |ask, _| ask.item(Operation::Create, create(version, &[])))
    };
    for (items, count) in [(2, Some(1)), (2, Some(3)), (1, Some(-1)), (1, Some(i32::MAX)), (0, None), (4, None)] {
        let answer = house.ask("alice", &ask(items, count));
        assert_eq!(answer.statuses(), [FAILED], "{items} {count:?}");
        assert_eq!(answer.items[0].reason, Some(ResultReason::InvalidMessage), "{items} {count:?}");
        assert_eq!(answer.items[0].operation, None);
    }
    assert_eq!(house.count("alice"), 0);
    assert_eq!(house.ask("alice", &ask(3, None)).statuses(), [OK; 3]);
}

#[test]
fn an_answer_that_is_too_long_commits_nothing() {
    let house = House::new();
    for version in Version::ALL {
        let ask = |size| {
            Ask { header: vec![field(Tag::MaximumResponseSize, Value::Integer(size))], ..Ask::new(version) }
                .item(Operation::Create, create(version, &[]))
                .item(Operation::Query, vec![field(Tag::QueryFunction, Value::Enumeration(1))])
        };
        let before = house.count("alice");
        let answer = house.ask("alice", &ask(256));
        assert_eq!(answer.statuses(), [FAILED; 2], "{version}");
        assert!(answer.items.iter().all(|item| item.reason == Some(ResultReason::ResponseTooLarge)));
        assert_eq!(house.count("alice"), before, "{version}");
        assert_eq!(house.ask("alice", &ask(64 * 1024)).statuses(), [OK; 2], "{version}");
    }
}

#[test]
fn a_name_passes_from_one_object_to_another_in_one_batch() {
    let house = House::new();
    let version = Version::V1_4;
    let old = house.key("alice", "n");
    let ask = Ask::new(version)
        .item(Operation::Destroy, vec![id(version, &old)])
        .item(Operation::Create, create(version, &[name("n")]));
    let answer = house.ask("alice", &ask);
    assert_eq!(answer.statuses(), [OK, OK], "{answer:?}");
    let fails = house.fails("alice", version, Operation::Create, create(version, &[name("n")]));
    assert_eq!(fails, ResultReason::InvalidField);
    let new = answer.items[1].payload.field(Tag::UniqueIdentifier).cloned();
    let found = house.does(
        "alice",
        version,
        Operation::Locate,
        super::support::one_attribute(version, name("n").0, &name("n").1).into_iter().collect(),
    );
    assert_eq!(found.field(Tag::UniqueIdentifier).cloned(), new);
}

#[test]
fn critical_extensions_are_refused_and_others_passed_over() {
    let house = House::new();
    for version in Version::ALL {
        let ask = |critical| {
            let mut ask = Ask::new(version)
                .item(Operation::Create, create(version, &[]))
                .item(Operation::Create, create(version, &[]));
            ask.items[1].push(field(
                Tag::MessageExtension,
                Value::Structure(vec![
                    field(Tag::VendorIdentification, Value::text("Acme")),
                    field(Tag::CriticalityIndicator, Value::Boolean(critical)),
                    field(Tag::VendorExtension, Value::Structure(Vec::new())),
                ]),
            ));
            ask
        };
        let before = house.count("alice");
        let answer = house.ask("alice", &ask(true));
        assert!(answer.statuses().iter().all(|status| *status == FAILED), "{version} {answer:?}");
        assert_eq!(house.count("alice"), before, "{version}");
        assert_eq!(house.ask("alice", &ask(false)).statuses(), [OK; 2], "{version}");
    }
}

#[test]
fn an_unsupported_version_is_answered_in_the_nearest() {
    let house = House::new();
    let cases = [
        ((1, 5), Version::V1_4),
        ((1, 99), Version::V1_4),
        ((2, 2), Version::V2_1),
        ((3, 1), Version::V3_0),
        ((4, 0), Version::V3_0),
        ((0, 9), Version::V3_0),
        ((-1, -1), Version::V3_0),
    ];
    for (numbers, nearest) in cases {
        let ask = Ask { numbers, ..Ask::one(Version::V1_4, Operation::Create, create(Version::V1_4, &[])) };
        let answer = house.ask("alice", &ask);
        assert_eq!((answer.version, answer.statuses()), (nearest, vec![FAILED]), "{numbers:?}");
        let reason = crate::proto::message::reason_for(ResultReason::UnsupportedProtocolVersion, nearest);
        assert_eq!(answer.items[0].reason, Some(reason), "{numbers:?}");
    }
    assert_eq!(house.count("alice"), 0);
}

#[test]
fn operations_of_other_versions_do_not_exist() {
    let house = House::new();
    for version in Version::ALL {
        for handler in crate::ops::HANDLERS.iter().filter(|handler| !handler.operation.known_in(version)) {
            let reason = house.fails("alice", version, handler.operation, Vec::new());
            assert_eq!(reason, ResultReason::OperationNotSupported, "{version} {}", handler.operation);
        }
        let answer = house.ask("alice", &Ask::one(version, Operation(0x8000_0001), Vec::new()));
        assert_eq!(answer.items[0].reason, Some(ResultReason::OperationNotSupported));
    }
}
