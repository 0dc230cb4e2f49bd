//! Which keys are due, and a key that is rotated by a whole core over a store in memory.

use super::*;
use crate::gate::testing::TestServer;
use crate::model::lifecycle::{Dates, Lifecycle};
use crate::model::values::{AttributeValue, Target};
use crate::registry::{BlockCipherMode, CryptographicAlgorithm, KeyWrapType, Version, WrappingMethod};

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

/// A key that wraps another, which is kept wrapped: after the rotation the new key wraps it, and it is the same key.
#[test]
fn what_a_rotated_key_wrapped_is_wrapped_by_its_successor() {
    const V: Version = Version::V2_1;
    let server = TestServer::new();
    let core = server.core();
    let made = |wraps: bool| {
        let answer = server.ask(V, Operation::Create, |out| {
            out.enumeration(Tag::ObjectType, ObjectType::SymmetricKey.0);
            out.structure(Tag::Attributes, |out| {
                out.enumeration(Tag::CryptographicAlgorithm, CryptographicAlgorithm::AES.0);
                out.integer(Tag::CryptographicLength, 256);
                out.integer(Tag::CryptographicUsageMask, 0xF_FFFF);
                out.date_time(Tag::ActivationDate, Date(1_000));
                if wraps {
                    out.structure(Tag::CryptographicParameters, |out| {
                        out.enumeration(Tag::BlockCipherMode, BlockCipherMode::NISTKeyWrap.0);
                    });
                    out.boolean(Tag::RotateAutomatic, true);
                    out.interval(Tag::RotateInterval, 3_600);
                    out.interval(Tag::RotateOffset, 0);
                }
            });
        });
        assert_eq!(answer.reason(0), None, "{}", answer.message(0));
        answer.text(0, Tag::UniqueIdentifier)
    };
    let (kek, key) = (made(true), made(false));
    let get = |id: &str, kek: Option<&str>| {
        let answer = server.ask(V, Operation::Get, |out| {
            out.text(Tag::UniqueIdentifier, id);
            match kek {
                Some(kek) => out.structure(Tag::KeyWrappingSpecification, |out| {
                    out.enumeration(Tag::WrappingMethod, WrappingMethod::Encrypt.0);
                    out.structure(Tag::EncryptionKeyInformation, |out| out.text(Tag::UniqueIdentifier, kek));
                }),
                None => out.enumeration(Tag::KeyWrapType, KeyWrapType::NotWrapped.0),
            }
        });
        assert_eq!(answer.reason(0), None, "{}", answer.message(0));
        answer.field(0, Tag::SymmetricKey).unwrap().to_value()
    };
    let wrapped = get(&key, Some(&kek));
    let answer = server.ask(V, Operation::Register, |out| {
        out.enumeration(Tag::ObjectType, ObjectType::SymmetricKey.0);
        out.structure(Tag::Attributes, |out| {
            out.integer(Tag::CryptographicUsageMask, 0xC);
            out.date_time(Tag::ActivationDate, Date(1));
        });
        out.value(Tag::SymmetricKey, &wrapped);
    });
    assert_eq!(answer.reason(0), None, "{}", answer.message(0));
    let kept = answer.text(0, Tag::UniqueIdentifier);
    let load = |id: &str| core.keep().load(id, &mut Sequence::default()).unwrap().unwrap().object;
    let wrapped_by = || match load(&kept).attributes.get(attr::WRAPPING_KEY_LINK) {
        Some(Target::Object(id)) => id.to_string(),
        other => panic!("{other:?}"),
    };
    let plain = get(&key, None);
    let material = |value: &Value| value.field(Tag::KeyBlock).and_then(|block| block.field(Tag::KeyValue)).cloned();
    assert_eq!(material(&get(&kept, None)), material(&plain));
    assert_eq!(wrapped_by(), kek);

    // Cut off right after the Re-key: the next run finds what is left.
    server.wait(3_600);
    let task = due(core.keep(), core.now()).unwrap().remove(0);
    core.handle(&request(&task), &Peer::server(), true, &mut Buffer::default());
    assert_eq!(wrapped_by(), kek);
    for _ in 0..2 {
        tend(core);
        let Some(Target::Object(new)) = load(&kek).attributes.get(attr::REPLACEMENT_OBJECT_LINK) else { panic!() };
        assert_eq!(wrapped_by(), *new);
        assert_eq!((core.rewraps().done(), core.rewraps().failed(), core.rewraps().waiting()), (1, 0, 0));
    }
    assert_eq!(material(&get(&kept, None)), material(&plain));
    // The old key still opens what it wrapped for others.
    assert_eq!(load(&kek).state(core.now()), State::Active);

    // Its successor cannot be used: what it would wrap stays as it is.
    server.wait(3_600);
    let task = due(core.keep(), core.now()).unwrap().remove(0);
    let newest = task.id.clone();
    core.handle(&request(&task), &Peer::server(), true, &mut Buffer::default());
    let Some(Target::Object(id)) = load(&newest).attributes.get(attr::REPLACEMENT_OBJECT_LINK) else { panic!() };
    server.ask(V, Operation::Revoke, |out| {
        out.text(Tag::UniqueIdentifier, &id);
        out.structure(Tag::RevocationReason, |out| out.enumeration(Tag::RevocationReasonCode, 6));
    });
    tend(core);
    assert_eq!(wrapped_by(), *newest);
    assert_eq!(material(&get(&kept, None)), material(&plain));
}
