//! Which keys are due, and a key that is rotated by a whole core over a store in memory.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use super::*;
use crate::base::{Clock, Limits, Pin};
use crate::crypto::random::SystemEntropy;
use crate::gate::Parts;
use crate::gate::audit::Kind;
use crate::gate::identity::{Identity, Passwords};
use crate::gate::policy::Ownership;
use crate::model::lifecycle::{Dates, Lifecycle};
use crate::model::right::Caller;
use crate::model::values::{AttributeValue, Target};
use crate::ops::Settings;
use crate::store::Memory;
use crate::vault::root::SoftRoot;

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

struct Hand(AtomicI64);

impl Clock for Hand {
    fn now(&self) -> Date {
        Date(self.0.load(Ordering::Relaxed))
    }

    fn now_micros(&self) -> i64 {
        self.now().0 * 1_000_000
    }
}

struct Nobody;

impl Passwords for Nobody {
    fn verify(&self, _: &str, _: &Pin) -> bool {
        false
    }
}

/// Create, with automatic rotation each hour and an Offset of zero.
fn create() -> Vec<u8> {
    let mut out = Writer::default();
    out.structure(Tag::RequestMessage, |out| {
        out.structure(Tag::RequestHeader, |out| {
            out.structure(Tag::ProtocolVersion, |out| {
                out.integer(Tag::ProtocolVersionMajor, 2);
                out.integer(Tag::ProtocolVersionMinor, 1);
            });
            out.integer(Tag::BatchCount, 1);
        });
        out.structure(Tag::BatchItem, |out| {
            out.enumeration(Tag::Operation, Operation::Create.0);
            out.structure(Tag::RequestPayload, |out| {
                out.enumeration(Tag::ObjectType, ObjectType::SymmetricKey.0);
                out.structure(Tag::Attributes, |out| {
                    out.date_time(Tag::ActivationDate, Date(1_000));
                    out.boolean(Tag::RotateAutomatic, true);
                    out.interval(Tag::RotateInterval, 3_600);
                    out.interval(Tag::RotateOffset, 0);
                });
            });
        });
    });
    out.written().to_vec()
}

#[test]
fn a_key_is_rotated_each_hour() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root.key");
    SoftRoot::create_file(&root, &SystemEntropy::default()).unwrap();
    let clock = Arc::new(Hand(AtomicI64::new(10_000)));
    let core = Core::open(Parts {
        store: Arc::new(Memory::new()),
        root: Arc::new(SoftRoot::open_file(&root, Box::new(SystemEntropy::default())).unwrap()),
        vault: Arc::new(crate::vault::NoVault),
        policy: Arc::new(Ownership::default()),
        identity: Identity::new(Vec::new(), [], Arc::new(Nobody)),
        clock: clock.clone(),
        entropy: Arc::new(SystemEntropy::default()),
        limits: Limits::default(),
        settings: Settings::default(),
        durable_reads: false,
    })
    .unwrap();
    let alice = Peer {
        address: SocketAddr::from((Ipv4Addr::LOCALHOST, 1)).to_string(),
        caller: Caller::named("alice"),
        kind: Kind::Operation,
    };
    core.handle(&create(), &alice, true, &mut Buffer::default());
    let generations = || {
        let mut found = Vec::new();
        let search = Search { owner: Some("alice"), values: &[] };
        core.keep()
            .find(&search, &mut Sequence::default(), &mut |kept| {
                let attributes = &kept.object.attributes;
                assert_eq!(kept.object.state(core.now()), State::Active);
                found.push((
                    attributes.get(attr::ROTATE_GENERATION).unwrap_or(0),
                    attributes.is_true(attr::ROTATE_AUTOMATIC),
                ));
                true
            })
            .unwrap();
        found
    };
    tend(&core);
    assert_eq!(generations(), [(0, true)]);
    clock.0.fetch_add(3_600, Ordering::Relaxed);
    tend(&core);
    assert_eq!(generations(), [(1, true), (0, false)]);
    tend(&core);
    assert_eq!(generations().len(), 2);
    clock.0.fetch_add(3_600, Ordering::Relaxed);
    tend(&core);
    assert_eq!(generations(), [(2, true), (1, false), (0, false)]);
}
