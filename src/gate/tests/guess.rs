//! Requests by dice: payloads whose fields are those of the standard, with values that are mostly right.

use super::support::{Ask, House, Seeded, attributes, field, name, one_attribute};
use crate::base::{BigInt, Date, Field, Value};
use crate::model::attributes::RULES;
use crate::model::link::is_link;
use crate::model::shape::FieldShape;
use crate::model::{Rule, rule};
use crate::registry::{
    CryptographicAlgorithm, CryptographicUsageMask, ItemType, KeyFormatType, ObjectType, Operation, RecommendedCurve,
    ResultStatus, SecretDataType, Tag, UniqueIdentifier, Version,
};

/// The attribute lists of a request, in 1.x and later.
const LISTS: &[(Tag, Tag)] = &[
    (Tag::TemplateAttribute, Tag::Attributes),
    (Tag::CommonTemplateAttribute, Tag::CommonAttributes),
    (Tag::PrivateKeyTemplateAttribute, Tag::PrivateKeyAttributes),
    (Tag::PublicKeyTemplateAttribute, Tag::PublicKeyAttributes),
];

/// What the payload of an operation may hold beside a Unique Identifier.
fn fields_of(operation: Operation) -> &'static [Tag] {
    use Tag as T;
    match operation {
        Operation::Create => &[T::ObjectType, T::Attributes, T::ProtectionStorageMasks],
        Operation::CreateKeyPair | Operation::ReKeyKeyPair => {
            &[T::CommonAttributes, T::PrivateKeyAttributes, T::PublicKeyAttributes, T::Offset]
        }
        Operation::Register | Operation::Import => &[T::ObjectType, T::Attributes, T::SymmetricKey, T::ReplaceExisting],
        Operation::ReKey | Operation::ReCertify => &[T::Offset, T::Attributes],
        Operation::Certify => &[T::CertificateRequestType, T::CertificateRequestValue, T::Attributes],
        Operation::Validate => &[T::ValidityDate],
        Operation::Locate => {
            &[T::MaximumItems, T::OffsetItems, T::StorageStatusMask, T::ObjectGroupMember, T::Attributes]
        }
        Operation::Check => &[T::UsageLimitsCount, T::CryptographicUsageMask, T::LeaseTime],
        Operation::Get | Operation::Export => &[T::KeyFormatType, T::KeyWrapType, T::KeyCompressionType],
        Operation::GetAttributes | Operation::DeleteAttribute => &[T::AttributeReference, T::AttributeName],
        Operation::AddAttribute | Operation::ModifyAttribute | Operation::SetAttribute => &[T::NewAttribute],
        Operation::AdjustAttribute => &[T::AttributeReference, T::AdjustmentType, T::AdjustmentValue],
        Operation::GetUsageAllocation => &[T::UsageLimitsCount],
        Operation::Revoke => &[T::RevocationReason, T::CompromiseOccurrenceDate],
        Operation::Deactivate => &[T::DeactivationReason, T::DeactivationDate],
        Operation::Query => &[T::QueryFunction, T::QueryFunction, T::QueryFunction, T::QueryFunction],
        Operation::DiscoverVersions => &[T::ProtocolVersion],
        Operation::Encrypt | Operation::Decrypt => &[T::CryptographicParameters, T::Data, T::IVCounterNonce],
        Operation::Sign | Operation::MAC | Operation::Hash => &[T::CryptographicParameters, T::Data],
        Operation::SignatureVerify => &[T::CryptographicParameters, T::Data, T::SignatureData],
        Operation::MACVerify => &[T::CryptographicParameters, T::Data, T::MACData],
        Operation::RNGRetrieve => &[T::DataLength],
        Operation::RNGSeed => &[T::Data],
        Operation::Log => &[T::LogMessage],
        Operation::Interop => &[T::InteropFunction, T::InteropIdentifier],
        Operation::CreateGroup | Operation::CreateUser => &[T::Attributes],
        Operation::CreateCredential => &[T::CredentialType, T::Attributes],
        Operation::DeriveKey => &[T::ObjectType, T::DerivationMethod, T::DerivationParameters, T::Attributes],
        Operation::CreateSplitKey => {
            &[T::ObjectType, T::SplitKeyParts, T::SplitKeyThreshold, T::SplitKeyMethod, T::Attributes]
        }
        Operation::JoinSplitKey => &[T::ObjectType, T::SecretDataType, T::Attributes],
        Operation::Encapsulate => &[T::CryptographicParameters, T::Attributes],
        Operation::Decapsulate => &[T::CryptographicParameters, T::Data, T::Attributes],
        _ => &[],
    }
}

/// Operations that name no object.
fn is_free(operation: Operation) -> bool {
    matches!(
        operation,
        Operation::Create
            | Operation::CreateKeyPair
            | Operation::Register
            | Operation::Locate
            | Operation::Query
            | Operation::DiscoverVersions
            | Operation::RNGRetrieve
            | Operation::RNGSeed
            | Operation::Hash
            | Operation::Log
            | Operation::Interop
            | Operation::Ping
            | Operation::CreateGroup
            | Operation::CreateUser
            | Operation::CreateCredential
    )
}

pub(super) struct Dice {
    seed: Seeded,
    /// Identifiers of objects that exist.
    pub(super) ids: Vec<String>,
    names: usize,
}

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self { seed: Seeded::new(seed), ids: Vec::new(), names: 0 }
    }

    pub(super) fn below(&self, end: usize) -> usize {
        self.seed.below(end)
    }

    /// True once in `n`.
    pub(super) fn one_in(&self, n: usize) -> bool {
        self.seed.below(n) == 0
    }

    pub(super) fn pick<'a, T>(&self, of: &'a [T]) -> &'a T {
        &of[self.seed.below(of.len())]
    }

    pub(super) fn version(&self) -> Version {
        *self.pick(&Version::ALL)
    }

    /// A request of one to three items.
    pub(super) fn request(&mut self, version: Version) -> Ask {
        let known: Vec<_> =
            crate::ops::HANDLERS.iter().map(|one| one.operation).filter(|one| one.known_in(version)).collect();
        let count = 1 + if self.one_in(3) { self.below(3) } else { 0 };
        (0..count).fold(Ask::new(version), |ask, _| {
            let operation = *self.pick(&known);
            let payload = self.payload(operation, version);
            ask.item(operation, payload)
        })
    }

    fn payload(&mut self, operation: Operation, version: Version) -> Vec<Field> {
        let mut payload = Vec::new();
        if !is_free(operation) && !self.one_in(8) {
            let tag = if operation == Operation::ReKeyKeyPair {
                Tag::PrivateKeyUniqueIdentifier
            } else {
                Tag::UniqueIdentifier
            };
            payload.push(field(tag, self.identifier(version)));
        }
        for tag in fields_of(operation) {
            if !self.one_in(3) {
                payload.extend(self.field(*tag, version));
            }
        }
        payload.retain(|one| one.tag.known_in(version) || self.one_in(20));
        payload
    }

    fn identifier(&self, version: Version) -> Value {
        let id = match self.ids.len() {
            0 => "none".to_owned(),
            _ => self.pick(&self.ids).clone(),
        };
        match version {
            Version::V3_0 => Value::Identifier(id.into()),
            _ if version >= Version::V2_0 && self.one_in(10) => Value::Enumeration(UniqueIdentifier::IDPlaceholder.0),
            _ => Value::text(id),
        }
    }

    fn field(&mut self, tag: Tag, version: Version) -> Option<Field> {
        if let Some(tags) = LISTS.iter().find(|(_, newer)| *newer == tag) {
            return Some(self.attribute_list(*tags, version));
        }
        let value = match tag {
            Tag::ObjectType => Value::Enumeration(self.pick(&[2, 2, 2, 4, 7, 8]).to_owned()),
            Tag::SymmetricKey => symmetric_key(&[self.below(256) as u8; 16]),
            Tag::NewAttribute => {
                let rule = self.rule(version);
                let value = self.attribute(rule, version);
                return one_attribute(version, rule.tag, &value);
            }
            Tag::AttributeReference => Value::Enumeration(self.pick(RULES).tag.0),
            Tag::AttributeName => Value::text(self.pick(RULES).tag.name().into_owned()),
            Tag::ProtocolVersion => Value::Structure(vec![
                field(Tag::ProtocolVersionMajor, Value::Integer(self.below(4) as i32)),
                field(Tag::ProtocolVersionMinor, Value::Integer(self.below(5) as i32)),
            ]),
            Tag::ProtectionStorageMasks => {
                Value::Structure(vec![field(Tag::ProtectionStorageMask, Value::Integer(1 << self.below(14)))])
            }
            Tag::ValidityDate => Value::DateTime(Date(1_800_000_000)),
            Tag::DataLength => Value::Integer(self.below(100) as i32),
            Tag::MaximumItems | Tag::OffsetItems => Value::Integer(self.below(5) as i32),
            // An end of a test deletes what the client has.
            Tag::InteropFunction => Value::Enumeration(1),
            Tag::AdjustmentValue => Value::Integer(self.below(5) as i32),
            Tag::DeactivationReason => {
                Value::Structure(vec![field(Tag::DeactivationReasonCode, Value::Enumeration(1))])
            }
            Tag::Data if self.one_in(2) => Value::ByteString([5; 32].into()),
            _ => self.value(tag, tag.row()?.types, rule(tag).map_or(&[], |rule| rule.fields), version),
        };
        Some(field(tag, value))
    }

    fn attribute_list(&mut self, tags: (Tag, Tag), version: Version) -> Field {
        let usage = CryptographicUsageMask::Encrypt.0
            | CryptographicUsageMask::Decrypt.0
            | CryptographicUsageMask::MACGenerate.0;
        let mut list = vec![
            (Tag::CryptographicAlgorithm, Value::Enumeration(CryptographicAlgorithm::AES.0)),
            (Tag::CryptographicLength, Value::Integer(256)),
            (Tag::CryptographicUsageMask, Value::Integer(usage as i32)),
        ];
        if self.one_in(8) {
            list[0].1 = Value::Enumeration(self.pick(CryptographicAlgorithm::ROWS).value);
        }
        if self.one_in(8) {
            list.clear();
        }
        for _ in 0..self.below(4) {
            let rule = self.rule(version);
            if !list.iter().any(|(tag, _)| *tag == rule.tag) {
                list.push((rule.tag, self.attribute(rule, version)));
            }
        }
        attributes(version, tags, &list)
    }

    fn rule(&self, version: Version) -> &'static Rule {
        let known: Vec<&'static Rule> = RULES.iter().filter(|rule| rule.known_in(version)).collect();
        self.pick::<&'static Rule>(&known)
    }

    /// A value of the attribute, in the form of the model.
    pub(super) fn attribute(&mut self, rule: &Rule, version: Version) -> Value {
        match rule.tag {
            Tag::Name => {
                self.names += 1;
                name(&format!("n{}", self.names)).1
            }
            Tag::Attribute => Value::Structure(vec![
                field(Tag::VendorIdentification, Value::text("x")),
                field(Tag::AttributeName, Value::text(format!("custom {}", self.below(4)))),
                field(Tag::AttributeValue, self.leaf(Tag::Comment, ItemType::TextString, version)),
            ]),
            // The count is the server's: it begins with the total.
            Tag::UsageLimits => Value::Structure(vec![
                field(Tag::UsageLimitsTotal, Value::LongInteger(100)),
                field(Tag::UsageLimitsCount, Value::LongInteger(100)),
                field(Tag::UsageLimitsUnit, Value::Enumeration(2)),
            ]),
            // No namespace of this server makes data up.
            Tag::ApplicationSpecificInformation => Value::Structure(vec![
                field(Tag::ApplicationNamespace, Value::text("space")),
                field(Tag::ApplicationData, Value::text(format!("data {}", self.below(100)))),
            ]),
            // An AES key of 128 bits cannot promise it.
            Tag::QuantumSafe => Value::Boolean(false),
            // The one curve that every version has.
            Tag::CryptographicDomainParameters => {
                Value::Structure(vec![field(Tag::RecommendedCurve, Value::Enumeration(RecommendedCurve::P_256.0))])
            }
            tag if is_link(tag) => Value::Reference(self.ids.first().cloned().unwrap_or_else(|| "none".into()).into()),
            tag => self.value(tag, rule.types, rule.fields, version),
        }
    }

    fn value(&mut self, tag: Tag, types: &[ItemType], shape: &[FieldShape], version: Version) -> Value {
        let types: Vec<_> = types.iter().copied().filter(|one| one.since() <= version).collect();
        let item_type = match types.len() {
            0 => ItemType::TextString,
            _ => *self.pick(&types),
        };
        if item_type != ItemType::Structure {
            return self.leaf(tag, item_type, version);
        }
        let fields = shape
            .iter()
            .filter(|row| row.tag.known_in(version))
            .filter_map(|row| {
                let wanted = row.count == crate::model::shape::Count::Required || self.one_in(2);
                let inner = rule(row.tag).map_or(&[][..], |rule| rule.fields);
                wanted.then(|| field(row.tag, self.value(row.tag, row.types, inner, version)))
            })
            .collect();
        Value::Structure(fields)
    }

    fn leaf(&self, tag: Tag, item_type: ItemType, version: Version) -> Value {
        let number = self.below(1000);
        match item_type {
            ItemType::Structure => Value::Structure(Vec::new()),
            ItemType::Integer => match tag.mask() {
                Some(mask) => Value::Integer(mask.bits_known_in(self.below(1 << 20) as u32, version) as i32),
                None => Value::Integer(number as i32),
            },
            ItemType::LongInteger => Value::LongInteger(number as i64),
            ItemType::BigInteger => Value::BigInteger(BigInt::from_signed(&[number as u8])),
            ItemType::Enumeration => {
                let rows: Vec<_> = tag
                    .enumeration()
                    .map_or(&[][..], |table| table.rows)
                    .iter()
                    .filter(|row| row.known_in(version))
                    .collect();
                Value::Enumeration(if rows.is_empty() { 0x8000_0001 } else { self.pick(&rows).value })
            }
            ItemType::Boolean => Value::Boolean(number.is_multiple_of(2)),
            ItemType::ByteString => Value::ByteString(vec![number as u8; self.below(40)].into()),
            ItemType::DateTime => Value::DateTime(Date(super::support::START - 500 + number as i64)),
            ItemType::Interval => Value::Interval(number as u32),
            ItemType::DateTimeExtended => Value::DateTimeExtended(number as i64),
            ItemType::TextString => Value::text(format!("text {number}")),
            ItemType::Identifier | ItemType::Reference | ItemType::NameReference => {
                Value::Reference(self.ids.first().cloned().unwrap_or_default().into())
            }
        }
    }
}

/// A Symmetric Key of raw bytes.
pub(super) fn symmetric_key(bytes: &[u8]) -> Value {
    key_object(CryptographicAlgorithm::AES, bytes)
}

fn key_object(algorithm: CryptographicAlgorithm, bytes: &[u8]) -> Value {
    let material = Value::Structure(vec![field(Tag::KeyMaterial, Value::ByteString(bytes.into()))]);
    Value::Structure(vec![field(
        Tag::KeyBlock,
        Value::Structure(vec![
            field(Tag::KeyFormatType, Value::Enumeration(KeyFormatType::Raw.0)),
            field(Tag::KeyValue, material),
            field(Tag::CryptographicAlgorithm, Value::Enumeration(algorithm.0)),
            field(Tag::CryptographicLength, Value::Integer(bytes.len() as i32 * 8)),
        ]),
    )])
}

/// Fills a house, in the newest version, with objects of many kinds and with every attribute that a client may set. Gives
/// their identifiers.
pub(super) fn furnish(house: &House, who: &str, dice: &mut Dice) {
    let v = Version::V3_0;
    let list = (Tag::TemplateAttribute, Tag::Attributes);
    let kind = |object_type: ObjectType| field(Tag::ObjectType, Value::Enumeration(object_type.0));
    let all = Value::Integer(0x00FF_FFFF);
    let mask = |value: &Value| (Tag::CryptographicUsageMask, value.clone());
    let own = |dice: &mut Dice| (Tag::Name, dice.attribute(rule(Tag::Name).unwrap(), v));
    let mut requests = vec![
        (Operation::Create, super::support::create(v, &[own(dice)])),
        (
            Operation::Register,
            vec![
                kind(ObjectType::SymmetricKey),
                attributes(v, list, &[mask(&all), own(dice)]),
                field(Tag::SymmetricKey, key_object(CryptographicAlgorithm::ChaCha20, &[3; 32])),
            ],
        ),
        (
            Operation::Register,
            vec![
                kind(ObjectType::SecretData),
                attributes(v, list, &[mask(&all), own(dice)]),
                field(
                    Tag::SecretData,
                    Value::Structure(vec![
                        field(Tag::SecretDataType, Value::Enumeration(SecretDataType::Password.0)),
                        field(
                            Tag::KeyBlock,
                            Value::Structure(vec![
                                field(Tag::KeyFormatType, Value::Enumeration(KeyFormatType::Opaque.0)),
                                field(
                                    Tag::KeyValue,
                                    Value::Structure(vec![field(Tag::KeyMaterial, Value::ByteString([9; 8].into()))]),
                                ),
                            ]),
                        ),
                    ]),
                ),
            ],
        ),
        (
            Operation::Register,
            vec![
                kind(ObjectType::OpaqueObject),
                attributes(v, list, &[own(dice)]),
                field(
                    Tag::OpaqueObject,
                    Value::Structure(vec![
                        field(Tag::OpaqueDataType, Value::Enumeration(0x8000_0001)),
                        field(Tag::OpaqueDataValue, Value::ByteString([1; 20].into())),
                    ]),
                ),
            ],
        ),
        (Operation::CreateGroup, vec![attributes(v, list, &[own(dice)])]),
    ];
    for algorithm in
        [CryptographicAlgorithm::ECDSA, CryptographicAlgorithm::Ed25519, CryptographicAlgorithm::ML_KEM_512]
    {
        let curve = Value::Structure(vec![field(Tag::RecommendedCurve, Value::Enumeration(RecommendedCurve::P_256.0))]);
        let mut common = vec![(Tag::CryptographicAlgorithm, Value::Enumeration(algorithm.0))];
        if algorithm == CryptographicAlgorithm::ECDSA {
            common.push((Tag::CryptographicDomainParameters, curve));
        }
        requests.push((
            Operation::CreateKeyPair,
            vec![
                attributes(v, (Tag::CommonTemplateAttribute, Tag::CommonAttributes), &common),
                attributes(
                    v,
                    (Tag::PrivateKeyTemplateAttribute, Tag::PrivateKeyAttributes),
                    &[mask(&Value::Integer(1))],
                ),
                attributes(v, (Tag::PublicKeyTemplateAttribute, Tag::PublicKeyAttributes), &[mask(&Value::Integer(2))]),
            ],
        ));
    }
    for (operation, payload) in requests {
        let answer = house.ask(who, &Ask::one(v, operation, payload));
        let item = &answer.items[0];
        if item.status == ResultStatus::Success {
            let ids = [Tag::UniqueIdentifier, Tag::PrivateKeyUniqueIdentifier, Tag::PublicKeyUniqueIdentifier];
            let found = ids.iter().filter_map(|tag| item.payload.field(*tag)).filter_map(Value::as_text);
            dice.ids.extend(found.map(str::to_owned));
        }
    }
    // What cannot be added to a key is refused, and that is all right.
    for rule in RULES {
        for at in 0..dice.ids.len().min(2) {
            let value = dice.attribute(rule, v);
            if let Some(change) = one_attribute(v, rule.tag, &value) {
                let payload = vec![super::support::id(v, &dice.ids[at]), change];
                house.ask(who, &Ask::one(v, Operation::AddAttribute, payload));
            }
        }
    }
}
