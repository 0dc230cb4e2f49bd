//! A whole core in memory, for tests: requests go in as bytes and come out as answers, with everything between.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use super::identity::{Identity, Passwords, Peer};
use super::policy::Ownership;
use super::{Core, Outcome, Parts};
use crate::base::{Buffer, Clock, Date, KeyBytes, Limits, Pin};
use crate::crypto::random::SystemEntropy;
use crate::model::right::Caller;
use crate::ops::Settings;
use crate::proto::message;
use crate::proto::wire::Write;
use crate::registry::{
    CryptographicAlgorithm, CryptographicUsageMask, ItemType, KeyFormatType, ObjectType, Operation, ResultReason, Tag,
    Version,
};
use crate::store::Memory;
use crate::ttlv::{Item, Writer, check};
use crate::vault::root::SoftRoot;
use crate::vault::{KeyVault, NoVault};

/// The clock of a test.
struct TestClock(AtomicI64);

impl Clock for TestClock {
    fn now(&self) -> Date {
        Date(self.0.load(Ordering::Relaxed))
    }

    fn now_micros(&self) -> i64 {
        self.now().0 * 1_000_000
    }
}

struct NoPasswords;

impl Passwords for NoPasswords {
    fn verify(&self, _: &str, _: &Pin) -> bool {
        false
    }
}

/// A server without a network.
pub(crate) struct TestServer {
    core: Core,
    clock: Arc<TestClock>,
}

/// An answer.
pub(crate) struct Answer(Buffer);

pub(crate) use message::Asked as Ask;

impl TestServer {
    /// A new, empty server.
    pub(crate) fn new() -> Self {
        Self::with(Settings::default(), Limits::default())
    }

    /// The same with other settings.
    pub(crate) fn with(settings: Settings, limits: Limits) -> Self {
        Self::made(settings, limits, Arc::new(NoVault))
    }

    /// One whose keys may be in a vault.
    pub(crate) fn with_vault(vault: Arc<dyn KeyVault>) -> Self {
        Self::made(Settings::default(), Limits::default(), vault)
    }

    fn made(settings: Settings, limits: Limits, vault: Arc<dyn KeyVault>) -> Self {
        let key = KeyBytes::new(vec![7; 32]);
        let clock = Arc::new(TestClock(AtomicI64::new(1_800_000_000)));
        let core = Core::open(Parts {
            store: Arc::new(Memory::new()),
            root: Arc::new(SoftRoot::from_key("test", &key, Box::new(SystemEntropy)).unwrap()),
            vault,
            policy: Arc::new(Ownership::default()),
            identity: Identity::new(Vec::new(), Vec::new(), Arc::new(NoPasswords)),
            clock: clock.clone(),
            entropy: Arc::new(SystemEntropy),
            limits,
            settings,
            durable_reads: false,
            witness: None,
        })
        .unwrap();
        Self { core, clock }
    }

    /// The core.
    pub(crate) fn core(&self) -> &Core {
        &self.core
    }

    /// Lets time pass.
    pub(crate) fn wait(&self, seconds: i64) {
        self.clock.0.fetch_add(seconds, Ordering::Relaxed);
    }

    /// Sends a batch of `caller`; None if it has to be sent again to a thread that may block.
    pub(crate) fn batch(&self, caller: &str, version: Version, items: &[Ask<'_>], may_block: bool) -> Option<Answer> {
        let request = message::batch(version, |_| {}, items);
        let peer = Peer::new("127.0.0.1".into(), Caller::named(caller));
        let mut reply = Buffer::default();
        match self.core.handle(&request, &peer, may_block, &mut reply) {
            Outcome::Reply(_) => Some(Answer(reply)),
            Outcome::WouldBlock => None,
        }
    }

    /// Sends one operation of the caller `alice`.
    pub(crate) fn ask(&self, version: Version, operation: Operation, payload: impl Fn(&mut Writer)) -> Answer {
        self.batch("alice", version, &[(operation, &payload)], true).unwrap()
    }

    /// Registers an active key of `alice` and gives its identifier. `more` adds attributes.
    pub(crate) fn key(
        &self,
        object_type: ObjectType,
        algorithm: CryptographicAlgorithm,
        format: KeyFormatType,
        key: &[u8],
        more: impl Fn(&mut Writer),
    ) -> String {
        let answer = self.ask(Version::V2_1, Operation::Register, |out| {
            object_type.write(Tag::ObjectType, out, Version::V2_1);
            out.structure(Tag::Attributes, |out| {
                CryptographicUsageMask(0xF_FFFF).write(Tag::CryptographicUsageMask, out, Version::V2_1);
                out.date_time(Tag::ActivationDate, Date(1));
                more(out);
            });
            let tag = match object_type {
                ObjectType::PrivateKey => Tag::PrivateKey,
                ObjectType::PublicKey => Tag::PublicKey,
                _ => Tag::SymmetricKey,
            };
            out.structure(tag, |out| {
                out.structure(Tag::KeyBlock, |out| {
                    format.write(Tag::KeyFormatType, out, Version::V2_1);
                    out.structure(Tag::KeyValue, |out| out.byte_string(Tag::KeyMaterial, key));
                    algorithm.write(Tag::CryptographicAlgorithm, out, Version::V2_1);
                    if object_type == ObjectType::SymmetricKey {
                        out.integer(Tag::CryptographicLength, 8 * key.len() as i32);
                    }
                });
            });
        });
        assert_eq!(answer.reason(0), None, "{}", answer.message(0));
        answer.text(0, Tag::UniqueIdentifier)
    }
}

impl Answer {
    fn item(&self, at: usize) -> Item<'_> {
        let limits = Limits { message_bytes_max: usize::MAX, ..Limits::default() };
        let message = check(&self.0, &limits).unwrap();
        message.children().filter(|item| item.tag == Tag::BatchItem).nth(at).unwrap()
    }

    /// How many items it has.
    pub(crate) fn len(&self) -> usize {
        let message = check(&self.0, &Limits { message_bytes_max: usize::MAX, ..Limits::default() }).unwrap();
        message.children().filter(|item| item.tag == Tag::BatchItem).count()
    }

    /// Why an item failed.
    pub(crate) fn reason(&self, at: usize) -> Option<ResultReason> {
        self.item(at).child(Tag::ResultReason).and_then(|item| item.enumeration()).map(ResultReason)
    }

    /// What it says about its failure.
    pub(crate) fn message(&self, at: usize) -> String {
        self.item(at).child(Tag::ResultMessage).and_then(|item| item.text()).unwrap_or_default().to_owned()
    }

    /// The payload of an item.
    pub(crate) fn payload(&self, at: usize) -> Item<'_> {
        self.item(at).child(Tag::ResponsePayload).unwrap()
    }

    /// A field of the payload of an item.
    pub(crate) fn field(&self, at: usize, tag: Tag) -> Option<Item<'_>> {
        self.item(at).child(Tag::ResponsePayload).and_then(|payload| payload.child(tag))
    }

    /// A field that is bytes.
    pub(crate) fn bytes(&self, at: usize, tag: Tag) -> Option<&[u8]> {
        self.field(at, tag).and_then(|item| item.byte_string())
    }

    /// A field that is a text or an identifier; empty if it is absent.
    pub(crate) fn text(&self, at: usize, tag: Tag) -> String {
        self.field(at, tag).and_then(|item| item.text()).unwrap_or_default().to_owned()
    }
}

/// Writes the unique identifier of a request.
pub(crate) fn write_id(out: &mut Writer, version: Version, id: &str) {
    if version >= Version::V3_0 {
        out.reference(Tag::UniqueIdentifier, ItemType::Identifier, id);
    } else {
        out.text(Tag::UniqueIdentifier, id);
    }
}
