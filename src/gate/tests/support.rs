//! A core with a clock that the test sets, requests built from values, and answers taken apart.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use crate::base::{Buffer, Clock, Date, Entropy, EntropyFailed, Field, KeyBytes, Limits, Pin, Value};
use crate::gate::identity::{Identity, Passwords, Peer, Rule};
use crate::gate::policy::{Ownership, Strangers};
use crate::gate::{Core, CoreError, Outcome, Parts};
use crate::model::Attribute;
use crate::model::right::Right;
use crate::ops::Settings;
use crate::proto::attributes::write_attribute;
use crate::registry::{
    CryptographicAlgorithm, CryptographicUsageMask, KeyFormatType, NameType, ObjectType, Operation, ResultReason,
    ResultStatus, SecretDataType, Tag, Version,
};
use crate::store::{Memory, Sequence, Store};
use crate::ttlv::{Writer, check};
use crate::vault::root::{Root, SoftRoot};

/// When tests begin.
pub(super) const START: i64 = 1_800_000_000;

/// A clock that stands until it is set.
pub(super) struct Hands(AtomicI64);

impl Hands {
    pub(super) fn pass(&self, seconds: i64) {
        self.0.fetch_add(seconds, Ordering::SeqCst);
    }
}

impl Clock for Hands {
    fn now(&self) -> Date {
        Date(self.0.load(Ordering::SeqCst))
    }

    fn now_micros(&self) -> i64 {
        self.0.load(Ordering::SeqCst) * 1_000_000
    }
}

/// SplitMix64: the same bytes for the same seed. For tests alone.
pub(super) struct Seeded(Mutex<u64>);

impl Seeded {
    pub(super) fn new(seed: u64) -> Self {
        Self(Mutex::new(seed))
    }

    pub(super) fn next(&self) -> u64 {
        let mut state = self.0.lock().unwrap();
        *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut x = *state;
        x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        x ^ (x >> 31)
    }

    /// A number below `end`.
    pub(super) fn below(&self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }
}

impl Entropy for Seeded {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), EntropyFailed> {
        for chunk in buffer.chunks_mut(8) {
            let bytes = self.next().to_le_bytes();
            chunk.copy_from_slice(&bytes[..chunk.len()]);
        }
        Ok(())
    }
}

/// `user` has the password `right`.
struct OneUser;

impl Passwords for OneUser {
    fn verify(&self, name: &str, password: &Pin) -> bool {
        name == "user" && password.expose() == "right"
    }
}

/// How a core is set up where a test wants it otherwise.
#[derive(Clone)]
pub(super) struct Setup {
    pub(super) limits: Limits,
    pub(super) settings: Settings,
    pub(super) strangers: Strangers,
    /// What members of a group may do.
    pub(super) members: Box<[Right]>,
    pub(super) durable_reads: bool,
    pub(super) witness: Option<std::path::PathBuf>,
    pub(super) seed: u64,
    pub(super) clock: Arc<Hands>,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            settings: Settings::default(),
            strangers: Strangers::NotFound,
            members: Box::default(),
            durable_reads: false,
            witness: None,
            seed: 1,
            clock: Arc::new(Hands(AtomicI64::new(START))),
        }
    }
}

pub(super) fn root(seed: u64) -> SoftRoot {
    SoftRoot::from_key("test", &KeyBytes::new(vec![7; 32]), Box::new(Seeded::new(seed))).unwrap()
}

/// A core over a store.
pub(super) struct House {
    pub(super) core: Core,
    pub(super) clock: Arc<Hands>,
}

impl House {
    /// Over a store in memory that is durable at once.
    pub(super) fn new() -> Self {
        Self::over(Arc::new(Memory::new()), &Setup::default())
    }

    pub(super) fn with(setup: &Setup) -> Self {
        Self::over(Arc::new(Memory::new()), setup)
    }

    pub(super) fn over(store: Arc<dyn Store>, setup: &Setup) -> Self {
        Self::open(store, setup).unwrap()
    }

    pub(super) fn open(store: Arc<dyn Store>, setup: &Setup) -> Result<Self, CoreError> {
        Self::with_root(store, setup, Arc::new(root(setup.seed)))
    }

    pub(super) fn with_root(store: Arc<dyn Store>, setup: &Setup, root: Arc<dyn Root>) -> Result<Self, CoreError> {
        let core = Core::open(Parts {
            vault: Arc::new(crate::vault::NoVault),
            store,
            root,
            policy: Arc::new(Ownership { strangers: setup.strangers, members: setup.members.clone() }),
            identity: Identity::new(vec![Rule::CommonName], ["operator".to_owned()], Arc::new(OneUser)),
            clock: setup.clock.clone(),
            entropy: Arc::new(Seeded::new(setup.seed)),
            limits: setup.limits.clone(),
            settings: setup.settings.clone(),
            durable_reads: setup.durable_reads,
            witness: setup.witness.clone(),
        })?;
        Ok(Self { core, clock: setup.clock.clone() })
    }

    /// Sends bytes on a thread that may block.
    pub(super) fn send(&self, who: &str, bytes: &[u8]) -> Answer {
        self.send_by(&peer(who), bytes)
    }

    /// The same on a connection.
    pub(super) fn send_by(&self, peer: &Peer, bytes: &[u8]) -> Answer {
        let mut reply = Buffer::default();
        match self.core.handle(bytes, peer, true, &mut reply) {
            Outcome::Reply(sequence) => Answer::read(&reply, sequence),
            Outcome::WouldBlock => panic!("a thread that may block is told that it would"),
        }
    }

    pub(super) fn ask(&self, who: &str, request: &Ask) -> Answer {
        self.send(who, &request.bytes())
    }

    /// One operation, which must succeed: its payload.
    pub(super) fn does(&self, who: &str, version: Version, operation: Operation, payload: Vec<Field>) -> Value {
        let answer = self.ask(who, &Ask::one(version, operation, payload));
        assert_eq!(answer.items[0].status, ResultStatus::Success, "{operation:?}: {answer:?}");
        answer.items[0].payload.clone()
    }

    /// One operation, which must fail: why.
    pub(super) fn fails(&self, who: &str, version: Version, operation: Operation, payload: Vec<Field>) -> ResultReason {
        let answer = self.ask(who, &Ask::one(version, operation, payload));
        assert_eq!(answer.items[0].status, ResultStatus::OperationFailed, "{operation:?}: {answer:?}");
        answer.items[0].reason.unwrap()
    }

    /// A new AES key of this name.
    pub(super) fn key(&self, who: &str, name: &str) -> String {
        id_in(&self.does(who, Version::V1_4, Operation::Create, create(Version::V1_4, &[self::name(name)])))
    }

    /// How many objects the caller sees.
    pub(super) fn count(&self, who: &str) -> usize {
        let Value::Structure(fields) = self.does(who, Version::V1_4, Operation::Locate, Vec::new()) else { return 0 };
        fields.iter().filter(|field| field.tag == Tag::UniqueIdentifier).count()
    }
}

/// What a caller's connection would know of it.
pub(super) fn peer(who: &str) -> Peer {
    let identity = Identity::new(Vec::new(), ["operator".to_owned()], Arc::new(OneUser));
    Peer::new(SocketAddr::from(([127, 0, 0, 1], 1)).to_string(), identity.caller(who))
}

/// A request.
#[derive(Clone, Debug)]
pub(super) struct Ask {
    pub(super) numbers: (i32, i32),
    /// Fields of the header between Protocol Version and Batch Count.
    pub(super) header: Vec<Field>,
    pub(super) items: Vec<Vec<Field>>,
    /// Another Batch Count than that of the items.
    pub(super) count: Option<i32>,
    pub(super) version: Version,
}

impl Ask {
    pub(super) fn new(version: Version) -> Self {
        Self { numbers: version.numbers(), header: Vec::new(), items: Vec::new(), count: None, version }
    }

    pub(super) fn one(version: Version, operation: Operation, payload: Vec<Field>) -> Self {
        Self::new(version).item(operation, payload)
    }

    /// Adds an item; its Unique Batch Item ID is its place.
    #[must_use]
    pub(super) fn item(mut self, operation: Operation, payload: Vec<Field>) -> Self {
        let mut fields = vec![field(Tag::Operation, Value::Enumeration(operation.0))];
        if Tag::UniqueBatchItemID.known_in(self.version) {
            fields.push(field(Tag::UniqueBatchItemID, Value::ByteString([b'#', self.items.len() as u8].into())));
        }
        fields.push(field(Tag::RequestPayload, Value::Structure(payload)));
        self.items.push(fields);
        self
    }

    /// Adds a field to the header.
    #[must_use]
    pub(super) fn header(mut self, tag: Tag, value: Value) -> Self {
        self.header.push(field(tag, value));
        self
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        let (major, minor) = self.numbers;
        let version = vec![
            field(Tag::ProtocolVersionMajor, Value::Integer(major)),
            field(Tag::ProtocolVersionMinor, Value::Integer(minor)),
        ];
        let mut header = vec![field(Tag::ProtocolVersion, Value::Structure(version))];
        header.extend(self.header.iter().cloned());
        if Tag::BatchCount.known_in(self.version) {
            header.push(field(Tag::BatchCount, Value::Integer(self.count.unwrap_or(self.items.len() as i32))));
        }
        let mut fields = vec![field(Tag::RequestHeader, Value::Structure(header))];
        fields.extend(self.items.iter().map(|item| field(Tag::BatchItem, Value::Structure(item.clone()))));
        let mut writer = Writer::default();
        writer.value(Tag::RequestMessage, &Value::Structure(fields));
        writer.finish().to_vec()
    }
}

/// An answer taken apart.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Answer {
    pub(super) version: Version,
    pub(super) sequence: Sequence,
    pub(super) items: Vec<AnswerItem>,
    pub(super) message: Value,
}

#[derive(Clone, PartialEq, Debug)]
pub(super) struct AnswerItem {
    pub(super) operation: Option<Operation>,
    pub(super) unique: Option<Vec<u8>>,
    pub(super) status: ResultStatus,
    pub(super) reason: Option<ResultReason>,
    pub(super) payload: Value,
}

impl Answer {
    /// Every answer is a well-formed Response Message whose count is that of its items.
    pub(super) fn read(bytes: &[u8], sequence: Sequence) -> Self {
        let message = check(bytes, &Limits::default()).expect("an answer is well formed");
        assert_eq!(message.tag, Tag::ResponseMessage);
        let header = message.child(Tag::ResponseHeader).expect("an answer has a header");
        let numbers = header.child(Tag::ProtocolVersion).expect("an answer has a version");
        let number = |tag| numbers.child(tag).and_then(|item| item.integer()).unwrap();
        let version =
            Version::from_numbers(number(Tag::ProtocolVersionMajor), number(Tag::ProtocolVersionMinor)).unwrap();
        let items: Vec<_> = message
            .children()
            .skip(1)
            .map(|item| {
                assert_eq!(item.tag, Tag::BatchItem);
                let number = |tag| item.child(tag).and_then(|child| child.enumeration());
                let payload = item.child(Tag::ResponsePayload);
                AnswerItem {
                    operation: number(Tag::Operation).map(Operation),
                    unique: item
                        .child(Tag::UniqueBatchItemID)
                        .and_then(|child| child.byte_string())
                        .map(<[u8]>::to_vec),
                    status: ResultStatus(number(Tag::ResultStatus).expect("an item has a status")),
                    reason: number(Tag::ResultReason).map(ResultReason),
                    payload: payload.map_or(Value::Structure(Vec::new()), |payload| payload.to_value()),
                }
            })
            .collect();
        let count = header.child(Tag::BatchCount).and_then(|count| count.integer());
        assert_eq!(count, Tag::BatchCount.known_in(version).then_some(items.len() as i32));
        assert!(items.iter().all(|item| (item.status == ResultStatus::OperationFailed) == item.reason.is_some()));
        Self { version, sequence, items, message: message.to_value() }
    }

    pub(super) fn statuses(&self) -> Vec<ResultStatus> {
        self.items.iter().map(|item| item.status).collect()
    }
}

pub(super) fn field(tag: Tag, value: Value) -> Field {
    Field::new(tag, value)
}

/// Unique Identifier as a version spells it.
pub(super) fn id(version: Version, id: &str) -> Field {
    let value = if version < Version::V3_0 { Value::text(id) } else { Value::Identifier(id.into()) };
    field(Tag::UniqueIdentifier, value)
}

/// The first identifier in a payload, whatever it identifies.
pub(super) fn id_in(payload: &Value) -> String {
    payload.field(Tag::UniqueIdentifier).and_then(Value::as_text).expect("the answer has an identifier").to_owned()
}

/// Attributes in the form of a version, under the tag of a version.
pub(super) fn attributes(version: Version, tags: (Tag, Tag), list: &[(Tag, Value)]) -> Field {
    let tag = if version.is_1x() { tags.0 } else { tags.1 };
    let mut writer = Writer::default();
    let mark = writer.begin(tag);
    for (tag, value) in list {
        write_attribute(&Attribute { tag: *tag, index: 0, value: value.clone() }, &mut writer, version);
    }
    writer.end(mark);
    let bytes = writer.finish();
    field(tag, check(&bytes, &Limits::default()).unwrap().to_value())
}

/// One attribute in the form of a version, under Attribute or New Attribute; None if the version lacks it.
pub(super) fn one_attribute(version: Version, tag: Tag, value: &Value) -> Option<Field> {
    let Value::Structure(mut fields) =
        attributes(version, (Tag::TemplateAttribute, Tag::NewAttribute), &[(tag, value.clone())]).value
    else {
        return None;
    };
    match version.is_1x() {
        true => fields.pop(),
        false if fields.is_empty() => None,
        false => Some(field(Tag::NewAttribute, Value::Structure(fields))),
    }
}

pub(super) fn name(name: &str) -> (Tag, Value) {
    let value = vec![
        field(Tag::NameValue, Value::text(name)),
        field(Tag::NameType, Value::Enumeration(NameType::UninterpretedTextString.0)),
    ];
    (Tag::Name, Value::Structure(value))
}

/// The attributes of a request, under the tag of its version.
pub(super) fn listed(version: Version, list: &[(Tag, Value)]) -> Field {
    attributes(version, (Tag::TemplateAttribute, Tag::Attributes), list)
}

/// Attributes of an object that is active and may be used so.
pub(super) fn active(mask: CryptographicUsageMask, more: &[(Tag, Value)]) -> Vec<(Tag, Value)> {
    let mut list = vec![
        (Tag::CryptographicUsageMask, Value::Integer(mask.0 as i32)),
        (Tag::ActivationDate, Value::DateTime(Date(START - 10))),
    ];
    list.extend(more.iter().cloned());
    list
}

/// The tag of an object's structure.
fn object_tag(object_type: ObjectType) -> Tag {
    match object_type {
        ObjectType::SymmetricKey => Tag::SymmetricKey,
        ObjectType::PrivateKey => Tag::PrivateKey,
        ObjectType::PublicKey => Tag::PublicKey,
        ObjectType::SplitKey => Tag::SplitKey,
        _ => Tag::SecretData,
    }
}

impl House {
    /// Registers an object whose key material is these bytes.
    pub(super) fn registered(
        &self,
        who: &str,
        version: Version,
        object_type: ObjectType,
        material: &[u8],
        list: &[(Tag, Value)],
    ) -> String {
        let block = vec![
            field(Tag::KeyFormatType, Value::Enumeration(KeyFormatType::Raw.0)),
            field(Tag::KeyValue, Value::Structure(vec![field(Tag::KeyMaterial, Value::ByteString(material.into()))])),
        ];
        let mut object = vec![field(Tag::KeyBlock, Value::Structure(block))];
        if object_type == ObjectType::SecretData {
            object.insert(0, field(Tag::SecretDataType, Value::Enumeration(SecretDataType::Password.0)));
        }
        let payload = vec![
            field(Tag::ObjectType, Value::Enumeration(object_type.0)),
            listed(version, list),
            field(object_tag(object_type), Value::Structure(object)),
        ];
        id_in(&self.does(who, version, Operation::Register, payload))
    }

    /// The key material of an object, as bytes.
    pub(super) fn material(&self, who: &str, version: Version, id: &str) -> Vec<u8> {
        let got = self.does(who, version, Operation::Get, vec![self::id(version, id)]);
        let path = [Tag::KeyBlock, Tag::KeyValue, Tag::KeyMaterial];
        let Some(Value::Enumeration(object_type)) = got.field(Tag::ObjectType) else { panic!("no type: {got:?}") };
        let object = got.field(object_tag(ObjectType(*object_type)));
        match path.into_iter().fold(object, |inside, tag| inside.and_then(|inside| inside.field(tag))) {
            Some(Value::ByteString(bytes)) => bytes.to_vec(),
            other => panic!("no bytes: {other:?}"),
        }
    }

    /// One attribute of an object in the form of 3.0.
    pub(super) fn attribute(&self, who: &str, id: &str, tag: Tag) -> Option<Value> {
        let version = Version::V3_0;
        let asked = field(Tag::AttributeReference, Value::Enumeration(tag.0));
        let payload = vec![self::id(version, id), asked];
        let answer = self.does(who, version, Operation::GetAttributes, payload);
        answer.field(Tag::Attributes).and_then(|list| list.field(tag)).cloned()
    }
}

/// The payload of Create for an AES key that does everything.
pub(super) fn create(version: Version, more: &[(Tag, Value)]) -> Vec<Field> {
    let mask = CryptographicUsageMask::Encrypt.0 | CryptographicUsageMask::Decrypt.0;
    let mut list = vec![
        (Tag::CryptographicAlgorithm, Value::Enumeration(CryptographicAlgorithm::AES.0)),
        (Tag::CryptographicLength, Value::Integer(128)),
        (Tag::CryptographicUsageMask, Value::Integer(mask as i32)),
    ];
    list.extend(more.iter().cloned());
    vec![
        field(Tag::ObjectType, Value::Enumeration(ObjectType::SymmetricKey.0)),
        attributes(version, (Tag::TemplateAttribute, Tag::Attributes), &list),
    ]
}
