//! Which keys are due, and a key that is rotated by a whole core over a store in memory.

use super::*;
use crate::gate::testing::TestServer;
use crate::model::lifecycle::{Dates, Lifecycle};
use crate::model::values::{AttributeValue, Target};
use crate::registry::Version;

fn key(object_type: ObjectType, interval: u32) -> ManagedObject {
    let mut key = ManagedObject::new("k", object_type, "alice");
    key.set_lifecycle(
        &Lifecycle::created(Dates { activation: Some(Date(0)), ..Dates::default() }, Date(1_000)).unwrap(),
    );
    key.attributes.set(attr::ROTATE_AUTOMATIC, true);
    key.attributes.set(attr::ROTATE_INTERVAL, interval);
    key
}

#[test]
fn a_key_is_due_when_its_interval_is_over() {
    let changed = |change: fn(&mut ManagedObject)| {
        let mut key = key(ObjectType::SymmetricKey, 60);
        change(&mut key);
        key
    };
    let table = [
        (key(ObjectType::SymmetricKey, 60), 1_059, None),
        (key(ObjectType::SymmetricKey, 60), 1_060, Some(Operation::ReKey)),
        (key(ObjectType::SymmetricKey, u32::MAX), 4_000_000, None),
        (key(ObjectType::SymmetricKey, 0), 9_000, None),
        (key(ObjectType::PrivateKey, 60), 1_060, Some(Operation::ReKeyKeyPair)),
        (key(ObjectType::PublicKey, 60), 1_060, None),
        (changed(|key| key.attributes.set(attr::ROTATE_AUTOMATIC, false)), 9_000, None),
        (changed(|key| key.attributes.set(attr::ARCHIVE_DATE, Date(1_001))), 9_000, None),
        (changed(|key| key.attributes.set(attr::STATE, State::Compromised)), 9_000, None),
        (changed(|key| key.attributes.set(attr::DEACTIVATION_DATE, Date(8_000))), 9_000, None),
        (
            changed(|key| {
                key.attributes.push(Tag::ReplacementObjectLink, Target::Object("n".into()).into_value());
            }),
            9_000,
            None,
        ),
    ];
    for (key, now, expected) in table {
        assert_eq!(task(&key, Date(now)).map(|task| task.operation), expected, "{now}: {key:?}");
    }
}

#[test]
fn a_key_is_rotated_each_hour() {
    let server = TestServer::new();
    let core = server.core();
    // Automatic rotation each hour, with an Offset of zero.
    server.ask(Version::V2_1, Operation::Create, |out| {
        out.enumeration(Tag::ObjectType, ObjectType::SymmetricKey.0);
        out.structure(Tag::Attributes, |out| {
            out.date_time(Tag::ActivationDate, Date(1_000));
            out.boolean(Tag::RotateAutomatic, true);
            out.interval(Tag::RotateInterval, 3_600);
            out.interval(Tag::RotateOffset, 0);
        });
    });
    let generations = || {
        let mut found = Vec::new();
        let search = Search { owner: Some("alice"), values: &[] };
        let mut show = |kept: crate::keep::Kept| {
            let attributes = &kept.object.attributes;
            assert_eq!(kept.object.state(core.now()), State::Active);
            let generation = attributes.get(attr::ROTATE_GENERATION).unwrap_or(0);
            found.push((generation, attributes.is_true(attr::ROTATE_AUTOMATIC)));
            true
        };
        core.keep().find(&search, &mut Sequence::default(), &mut show).unwrap();
        found
    };
    tend(core);
    assert_eq!(generations(), [(0, true)]);
    server.wait(3_600);
    tend(core);
    assert_eq!(generations(), [(1, true), (0, false)]);
    tend(core);
    assert_eq!(generations().len(), 2);
    server.wait(3_600);
    tend(core);
    assert_eq!(generations(), [(2, true), (1, false), (0, false)]);
}
