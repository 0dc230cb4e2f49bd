//! Requests of every operation, well formed, with fields that the standard knows: what the fuzzer chooses is which, and
//! what is in them.

use keyhaven::base::{BigInt, Date, Field, Value};
use keyhaven::model::shape::{self, FieldShape};
use keyhaven::model::{RULES, Rule};
use keyhaven::registry::{
    CryptographicAlgorithm, CryptographicUsageMask, ItemType, KeyFormatType, ObjectType, Operation, SecretDataType,
    Tag, Version,
};
use keyhaven::ttlv::Writer;

use super::core;
use super::dice::{Dice, noise};

/// Deepest nesting.
const DEPTH_MAX: usize = 5;

/// What stands in structures that are no attributes. A row of 1.x and a row of 2.x are one: what the version does not
/// know is left out most of the time.
const INSIDE: &[(&[Tag], &[Tag])] = {
    use Tag as T;
    &[
        (
            &[T::SymmetricKey, T::PublicKey, T::PrivateKey, T::SecretData, T::SplitKey, T::PGPKey],
            &[
                T::KeyBlock,
                T::SecretDataType,
                T::SplitKeyParts,
                T::KeyPartIdentifier,
                T::SplitKeyThreshold,
                T::SplitKeyMethod,
                T::PGPKeyVersion,
            ],
        ),
        (&[T::Certificate], &[T::CertificateType, T::CertificateValue]),
        (&[T::CertificateRequest], &[T::CertificateRequestType, T::CertificateRequestValue]),
        (&[T::OpaqueObject], &[T::OpaqueDataType, T::OpaqueDataValue]),
        (
            &[T::KeyBlock],
            &[
                T::KeyFormatType,
                T::KeyCompressionType,
                T::KeyValue,
                T::CryptographicAlgorithm,
                T::CryptographicLength,
                T::KeyWrappingData,
            ],
        ),
        (&[T::KeyValue], &[T::KeyMaterial, T::Attribute, T::Attributes]),
        (
            &[T::KeyMaterial],
            &[
                T::RecommendedCurve,
                T::D,
                T::QString,
                T::Modulus,
                T::PublicExponent,
                T::PrivateExponent,
                T::P,
                T::Q,
                T::G,
                T::X,
                T::Y,
                T::Seed,
                T::Key,
            ],
        ),
        (
            &[T::KeyWrappingData, T::KeyWrappingSpecification],
            &[
                T::WrappingMethod,
                T::EncryptionKeyInformation,
                T::MACSignatureKeyInformation,
                T::MACSignature,
                T::IVCounterNonce,
                T::EncodingOption,
                T::AttributeName,
            ],
        ),
        (
            &[T::EncryptionKeyInformation, T::MACSignatureKeyInformation],
            &[T::UniqueIdentifier, T::CryptographicParameters],
        ),
        (
            &[T::DerivationParameters],
            &[T::CryptographicParameters, T::InitializationVector, T::DerivationData, T::Salt, T::IterationCount],
        ),
        (&[T::Credential], &[T::CredentialType, T::CredentialValue]),
        (&[T::CredentialValue], &[T::Username, T::Password, T::DeviceSerialNumber, T::NonceID, T::NonceValue]),
        (&[T::ProtocolVersion], &[T::ProtocolVersionMajor, T::ProtocolVersionMinor]),
        (&[T::ProtectionStorageMasks], &[T::ProtectionStorageMask]),
        (&[T::CurrentAttribute, T::NewAttribute], &[T::CryptographicUsageMask, T::ActivationDate, T::Name]),
        (&[T::AttributeReference], &[T::VendorIdentification, T::AttributeName]),
        (&[T::ObjectDefaults, T::DefaultsInformation], &[T::ObjectDefaults, T::ObjectType, T::Attributes]),
        (&[T::Constraints, T::Constraint], &[T::Constraint, T::ObjectTypes, T::Attributes]),
    ]
};

/// Tags whose structure holds attributes.
const LISTS: [Tag; 8] = [
    Tag::TemplateAttribute,
    Tag::CommonTemplateAttribute,
    Tag::PrivateKeyTemplateAttribute,
    Tag::PublicKeyTemplateAttribute,
    Tag::Attributes,
    Tag::CommonAttributes,
    Tag::PrivateKeyAttributes,
    Tag::PublicKeyAttributes,
];

/// What payloads hold, whatever their operation.
const PAYLOAD: &[Tag] = {
    use Tag as T;
    &[
        T::UniqueIdentifier,
        T::UniqueIdentifier,
        T::PrivateKeyUniqueIdentifier,
        T::ObjectType,
        T::TemplateAttribute,
        T::Attributes,
        T::Attributes,
        T::CommonTemplateAttribute,
        T::CommonAttributes,
        T::PrivateKeyAttributes,
        T::PublicKeyAttributes,
        T::Attribute,
        T::NewAttribute,
        T::CurrentAttribute,
        T::AttributeReference,
        T::AttributeName,
        T::AdjustmentType,
        T::AdjustmentValue,
        T::SymmetricKey,
        T::PublicKey,
        T::PrivateKey,
        T::SecretData,
        T::SplitKey,
        T::PGPKey,
        T::Certificate,
        T::CertificateRequest,
        T::CertificateRequestType,
        T::OpaqueObject,
        T::ReplaceExisting,
        T::KeyFormatType,
        T::KeyWrapType,
        T::KeyCompressionType,
        T::KeyWrappingSpecification,
        T::Offset,
        T::MaximumItems,
        T::OffsetItems,
        T::StorageStatusMask,
        T::ObjectGroupMember,
        T::UsageLimitsCount,
        T::CryptographicUsageMask,
        T::LeaseTime,
        T::RevocationReason,
        T::CompromiseOccurrenceDate,
        T::DeactivationReason,
        T::QueryFunction,
        T::ProtocolVersion,
        T::CryptographicParameters,
        T::Data,
        T::DigestedData,
        T::SignatureData,
        T::MACData,
        T::IVCounterNonce,
        T::AuthenticatedEncryptionAdditionalData,
        T::AuthenticatedEncryptionTag,
        T::CorrelationValue,
        T::InitIndicator,
        T::FinalIndicator,
        T::DataLength,
        T::DerivationMethod,
        T::DerivationParameters,
        T::SplitKeyParts,
        T::SplitKeyThreshold,
        T::SplitKeyMethod,
        T::PrimeFieldSize,
        T::AsynchronousCorrelationValue,
        T::ValidityDate,
        T::LogMessage,
        T::Ticket,
        T::Credential,
        T::CredentialType,
        T::EndpointRole,
        T::PKCS_11Function,
        T::PKCS_11InputParameters,
        T::InteropFunction,
        T::InteropIdentifier,
        T::ObjectDefaults,
        T::Constraints,
        T::ProtectionStorageMasks,
    ]
};

/// One message.
pub fn body(bytes: &[u8]) {
    let ids = core::known_ids();
    core::message(&request(&mut Dice(bytes), &ids));
}

pub fn seeds() -> Vec<Vec<u8>> {
    noise(600, 400)
}

/// A message of one to three items.
pub fn request(dice: &mut Dice<'_>, ids: &[String]) -> Vec<u8> {
    let version = *dice.pick(&Version::ALL);
    let operations: Vec<_> = Operation::ROWS.iter().filter(|row| row.known_in(version)).collect();
    let items = 1 + usize::from(dice.one_in(4)) + usize::from(dice.one_in(4));
    let items: Vec<_> = (0..items)
        .map(|_| {
            let operation = Operation(dice.pick(&operations).value);
            let count = dice.byte() % 8;
            let fields = (0..count).filter_map(|_| {
                let tag = *dice.pick(PAYLOAD);
                let known = tag.known_in(version) || dice.one_in(20);
                known.then(|| Field::new(tag, value(tag, dice, version, ids, 0)))
            });
            (operation, fields.collect())
        })
        .collect();
    let header = if dice.one_in(4) { Some(*dice.pick(&HEADER)) } else { None };
    let header = header.map(|tag| Field::new(tag, value(tag, dice, version, ids, 0)));
    message(version, header, &items)
}

/// What a request header may hold beside the version and the count.
const HEADER: [Tag; 7] = [
    Tag::MaximumResponseSize,
    Tag::AsynchronousIndicator,
    Tag::Authentication,
    Tag::BatchErrorContinuationOption,
    Tag::BatchOrderOption,
    Tag::TimeStamp,
    Tag::ClientCorrelationValue,
];

fn message(version: Version, header: Option<Field>, items: &[(Operation, Vec<Field>)]) -> Vec<u8> {
    let mut out = Writer::default();
    out.structure(Tag::RequestMessage, |out| {
        out.structure(Tag::RequestHeader, |out| {
            let (major, minor) = version.numbers();
            out.structure(Tag::ProtocolVersion, |out| {
                out.integer(Tag::ProtocolVersionMajor, major);
                out.integer(Tag::ProtocolVersionMinor, minor);
            });
            if let Some(field) = header {
                out.value(field.tag, &field.value);
            }
            out.integer(Tag::BatchCount, items.len() as i32);
        });
        for (operation, payload) in items {
            out.structure(Tag::BatchItem, |out| {
                out.enumeration(Tag::Operation, operation.0);
                if items.len() > 1 {
                    out.byte_string(Tag::UniqueBatchItemID, &operation.0.to_be_bytes());
                }
                out.value(Tag::RequestPayload, &Value::Structure(payload.clone()));
            });
        }
    });
    out.finish().to_vec()
}

/// A value of a tag: of its types, with the fields of its structure.
pub fn value(tag: Tag, dice: &mut Dice<'_>, version: Version, ids: &[String], depth: usize) -> Value {
    let types = tag.row().map_or(&[][..], |row| row.types);
    let known: Vec<_> = types.iter().copied().filter(|one| one.since() <= version).collect();
    let item_type = if known.is_empty() { dice.pick(&ItemType::ALL).0 } else { *dice.pick(&known) };
    if item_type != ItemType::Structure {
        return leaf(tag, item_type, dice, ids);
    }
    if depth == DEPTH_MAX {
        return Value::Structure(Vec::new());
    }
    let mut inner = |tag: Tag, dice: &mut Dice<'_>| Field::new(tag, value(tag, dice, version, ids, depth + 1));
    if LISTS.contains(&tag) {
        let count = dice.byte() % 6;
        return Value::Structure((0..count).map(|_| attribute(dice, version, &mut inner)).collect());
    }
    if tag == Tag::Attribute && version.is_1x() {
        return attribute(dice, version, &mut inner).value;
    }
    let shape: &[FieldShape] = shape::fields(tag);
    let row = INSIDE.iter().find(|(outside, _)| outside.contains(&tag)).map_or(&[][..], |row| row.1);
    let tags = shape.iter().map(|row| row.tag).chain(row.iter().copied());
    let tags = tags.filter(|tag| tag.known_in(version));
    let mut fields = Vec::new();
    for tag in tags {
        if !dice.one_in(3) {
            fields.push(inner(tag, dice));
        }
    }
    Value::Structure(fields)
}

/// An attribute as an item of a list.
fn attribute(dice: &mut Dice<'_>, version: Version, inner: &mut dyn FnMut(Tag, &mut Dice<'_>) -> Field) -> Field {
    let rules: Vec<&Rule> = RULES.iter().filter(|rule| rule.known_in(version)).collect();
    let tag = dice.pick(&rules).tag;
    let field = inner(tag, dice);
    if !version.is_1x() {
        return field;
    }
    let mut named = vec![Field::new(Tag::AttributeName, Value::text(tag.name()))];
    if dice.one_in(4) {
        named.push(Field::new(Tag::AttributeIndex, Value::Integer(dice.byte().into())));
    }
    named.push(Field::new(Tag::AttributeValue, field.value));
    Field::new(Tag::Attribute, Value::Structure(named))
}

fn leaf(tag: Tag, item_type: ItemType, dice: &mut Dice<'_>, ids: &[String]) -> Value {
    let text = |dice: &mut Dice<'_>| -> Box<str> {
        if !ids.is_empty() && !dice.one_in(8) {
            return dice.pick(ids).as_str().into();
        }
        let length = dice.byte().into();
        String::from_utf8_lossy(dice.take(length)).into()
    };
    match item_type {
        ItemType::Structure => Value::Structure(Vec::new()),
        ItemType::Integer => Value::Integer(dice.number() as i32),
        ItemType::LongInteger => Value::LongInteger(dice.number()),
        ItemType::BigInteger => {
            let length = dice.byte().into();
            Value::BigInteger(BigInt::from_signed(dice.take(length)))
        }
        ItemType::Enumeration => {
            let rows = tag.enumeration().map_or(&[][..], |table| table.rows);
            let odd = rows.is_empty() || dice.one_in(16);
            Value::Enumeration(if odd { dice.number() as u32 } else { dice.pick(rows).value })
        }
        ItemType::Boolean => Value::Boolean(dice.one_in(2)),
        ItemType::TextString => Value::TextString(text(dice)),
        ItemType::ByteString => {
            let length = dice.byte().into();
            Value::ByteString(dice.take(length).into())
        }
        ItemType::DateTime => Value::DateTime(Date(dice.number())),
        ItemType::Interval => Value::Interval(dice.number() as u32),
        ItemType::DateTimeExtended => Value::DateTimeExtended(dice.number()),
        ItemType::Identifier => Value::Identifier(text(dice)),
        ItemType::Reference => Value::Reference(text(dice)),
        ItemType::NameReference => Value::NameReference(text(dice)),
    }
}

/// Requests that make the objects that a core begins with, all of them Active where they can be.
pub fn furniture() -> Vec<Vec<u8>> {
    let list = |tag: Tag, fields: &[Field]| Field::new(tag, Value::Structure(fields.to_vec()));
    let number = |tag: Tag, number: u32| Field::new(tag, Value::Enumeration(number));
    let mask = Field::new(Tag::CryptographicUsageMask, Value::Integer(0x00FF_FFFF));
    let active = Field::new(Tag::ActivationDate, Value::DateTime(Date(1_700_000_000)));
    let aes = [
        number(Tag::CryptographicAlgorithm, CryptographicAlgorithm::AES.0),
        Field::new(Tag::CryptographicLength, Value::Integer(256)),
        mask.clone(),
        active.clone(),
    ];
    let pair = [
        number(Tag::CryptographicAlgorithm, CryptographicAlgorithm::EC.0),
        Field::new(Tag::CryptographicLength, Value::Integer(256)),
        active.clone(),
    ];
    let of_half = |tag: Tag, mask: CryptographicUsageMask| {
        list(tag, &[Field::new(Tag::CryptographicUsageMask, Value::Integer(mask.0 as i32))])
    };
    let password = Value::Structure(vec![
        number(Tag::SecretDataType, SecretDataType::Password.0),
        Field::new(
            Tag::KeyBlock,
            Value::Structure(vec![
                number(Tag::KeyFormatType, KeyFormatType::Opaque.0),
                list(Tag::KeyValue, &[Field::new(Tag::KeyMaterial, Value::ByteString([9; 8].into()))]),
            ]),
        ),
    ]);
    let one = |operation, payload| message(Version::V2_1, None, &[(operation, payload)]);
    vec![
        one(Operation::Create, vec![number(Tag::ObjectType, ObjectType::SymmetricKey.0), list(Tag::Attributes, &aes)]),
        one(
            Operation::CreateKeyPair,
            vec![
                list(Tag::CommonAttributes, &pair),
                of_half(Tag::PrivateKeyAttributes, CryptographicUsageMask::Sign),
                of_half(Tag::PublicKeyAttributes, CryptographicUsageMask::Verify),
            ],
        ),
        one(
            Operation::Register,
            vec![
                number(Tag::ObjectType, ObjectType::SecretData.0),
                list(Tag::Attributes, &[mask, active]),
                Field::new(Tag::SecretData, password),
            ],
        ),
    ]
}
