//! Result Reasons, row by row of the error tables of 1.4 (§11), which 1.0 to 1.3 have in the same words as far as they have
//! the operation, and what 2.1 (§6.1) has for the same faults.

use super::support::{Ask, House, attributes, create, field, id, id_in, name, one_attribute};
use crate::base::{Date, Field, Value};
use crate::registry::{
    CryptographicUsageMask, KeyFormatType, ObjectType, Operation, ResultReason, ResultStatus, RevocationReasonCode,
    Tag, Version,
};

use ResultReason as Reason;

/// Objects of `alice`, one for each fault, and one whose name is `fresh`.
struct Things {
    house: House,
    /// Active, named `active`.
    active: String,
    /// Active and archived.
    archived: String,
    destroyed: String,
    /// A key that encrypts nothing.
    useless: String,
    opaque: String,
    /// A key with a Deactivation Date, and no Activation Date from which an Offset could move it.
    undated: String,
}

fn things() -> Things {
    let house = House::new();
    let v = Version::V1_4;
    house.key("alice", "fresh");
    let active = house.key("alice", "active");
    let archived = house.key("alice", "archived");
    let destroyed = house.key("alice", "destroyed");
    for one in [&active, &archived] {
        house.does("alice", v, Operation::Activate, vec![id(v, one)]);
    }
    house.does("alice", v, Operation::Archive, vec![id(v, &archived)]);
    house.does("alice", v, Operation::Destroy, vec![id(v, &destroyed)]);
    let mask = (Tag::CryptographicUsageMask, Value::Integer(CryptographicUsageMask::WrapKey.0 as i32));
    let mut payload = create(v, &[(Tag::ActivationDate, Value::DateTime(Date(1)))]);
    let Value::Structure(list) = &mut payload[1].value else { panic!("Create has attributes") };
    list.retain(|one| one.value.field(Tag::AttributeName) != Some(&Value::text("Cryptographic Usage Mask")));
    list.extend(one_attribute(v, mask.0, &mask.1));
    let useless = id_in(&house.does("alice", v, Operation::Create, payload));
    let payload = create(v, &[(Tag::DeactivationDate, Value::DateTime(Date(2_000_000_000)))]);
    let undated = id_in(&house.does("alice", v, Operation::Create, payload));
    let opaque = vec![
        field(Tag::ObjectType, Value::Enumeration(ObjectType::OpaqueObject.0)),
        attributes(v, (Tag::TemplateAttribute, Tag::Attributes), &[]),
        field(
            Tag::OpaqueObject,
            Value::Structure(vec![
                field(Tag::OpaqueDataType, Value::Enumeration(0x8000_0001)),
                field(Tag::OpaqueDataValue, Value::ByteString([1, 2].into())),
            ]),
        ),
    ];
    let opaque = id_in(&house.does("alice", v, Operation::Register, opaque));
    Things { house, active, archived, destroyed, useless, opaque, undated }
}

/// A fault: the clause, the operation, its payload, the reason of 1.x and of 2.x; None where that family has no row.
struct Row(&'static str, Operation, fn(&Things, Version) -> Vec<Field>, Option<Reason>, Option<Reason>);

fn kind(number: u32) -> Field {
    field(Tag::ObjectType, Value::Enumeration(number))
}

fn data() -> Field {
    field(Tag::Data, Value::ByteString([0; 16].into()))
}

fn list(version: Version, list: &[(Tag, Value)]) -> Field {
    attributes(version, (Tag::TemplateAttribute, Tag::Attributes), list)
}

fn changed(version: Version, key: &str, tag: Tag, value: Value) -> Vec<Field> {
    [id(version, key)].into_iter().chain(one_attribute(version, tag, &value)).collect()
}

/// Pointing at an attribute: by name, or by reference.
fn named(version: Version, tag: Tag, name: &str) -> Field {
    match version.is_1x() {
        true => field(Tag::AttributeName, Value::text(name)),
        false => field(Tag::AttributeReference, Value::Enumeration(tag.0)),
    }
}

fn revocation(code: u32) -> Field {
    field(Tag::RevocationReason, Value::Structure(vec![field(Tag::RevocationReasonCode, Value::Enumeration(code))]))
}

const ROWS: &[Row] = &[
    // 1.4 §11.1: what every operation has.
    Row(
        "§11.1 the same field more than once",
        Operation::Get,
        |t, v| vec![id(v, &t.active), id(v, &t.active)],
        Some(Reason::InvalidMessage),
        Some(Reason::InvalidMessage),
    ),
    Row(
        "§11.1 the server does not support it",
        Operation::Notify,
        |t, v| vec![id(v, &t.active)],
        Some(Reason::OperationNotSupported),
        Some(Reason::OperationNotSupported),
    ),
    Row(
        "§11.2 Object Type is not recognized",
        Operation::Create,
        |_, v| vec![kind(0x7F), list(v, &[])],
        Some(Reason::InvalidField),
        None,
    ),
    Row(
        "§11.2 templates that do not exist",
        Operation::Create,
        |_, v| {
            let mut payload = create(v, &[]);
            if let (true, Value::Structure(fields)) = (v.is_1x(), &mut payload[1].value) {
                fields.insert(0, field(Tag::Name, name("nothing").1));
            }
            payload
        },
        Some(Reason::ItemNotFound),
        None,
    ),
    Row(
        "§11.2 incorrect attribute value",
        Operation::Create,
        |_, v| {
            let mut payload = create(v, &[]);
            payload[1] = list(
                v,
                &[
                    (Tag::CryptographicAlgorithm, Value::Enumeration(crate::registry::CryptographicAlgorithm::AES.0)),
                    (Tag::CryptographicLength, Value::Integer(-1)),
                    (Tag::CryptographicUsageMask, Value::Integer(4)),
                ],
            );
            payload
        },
        Some(Reason::InvalidField),
        None,
    ),
    Row(
        "§11.2 a Name that is taken",
        Operation::Create,
        |_, v| create(v, &[name("active")]),
        Some(Reason::InvalidField),
        Some(Reason::NonUniqueNameAttribute),
    ),
    Row(
        "§11.4 the object is of another type",
        Operation::Register,
        |_, v| {
            vec![
                kind(ObjectType::SecretData.0),
                list(v, &[]),
                field(Tag::SymmetricKey, super::guess::symmetric_key(&[3; 16])),
            ]
        },
        Some(Reason::InvalidField),
        Some(Reason::InvalidField),
    ),
    Row(
        "§11.5 not able to be re-keyed",
        Operation::ReKey,
        |t, v| vec![id(v, &t.opaque)],
        Some(Reason::PermissionDenied),
        None,
    ),
    Row(
        "§11.5 Offset beside Activation Date",
        Operation::ReKey,
        |t, v| {
            vec![
                id(v, &t.active),
                field(Tag::Offset, Value::Interval(5)),
                list(v, &[(Tag::ActivationDate, Value::DateTime(Date(2_000_000_000)))]),
            ]
        },
        Some(Reason::InvalidMessage),
        None,
    ),
    Row(
        "§11.5 Offset moves dates of a key without Activation Date",
        Operation::ReKey,
        |t, v| vec![id(v, &t.undated), field(Tag::Offset, Value::Interval(5))],
        Some(Reason::IllegalOperation),
        Some(Reason::InvalidField),
    ),
    Row(
        "§11.11 not allowed by the attributes",
        Operation::Check,
        |t, v| {
            vec![
                id(v, &t.active),
                field(Tag::CryptographicUsageMask, Value::Integer(CryptographicUsageMask::Sign.0 as i32)),
            ]
        },
        Some(Reason::PermissionDenied),
        Some(Reason::IncompatibleCryptographicUsageMask),
    ),
    Row(
        "§11.12 not in the desired Key Format Type",
        Operation::Get,
        |t, v| vec![id(v, &t.active), field(Tag::KeyFormatType, Value::Enumeration(KeyFormatType::PKCS_8.0))],
        Some(Reason::KeyFormatTypeNotSupported),
        Some(Reason::KeyFormatTypeNotSupported),
    ),
    Row(
        "§11.12 the wrapping key does not exist",
        Operation::Get,
        |t, v| {
            let information = field(Tag::EncryptionKeyInformation, Value::Structure(vec![id(v, "nothing")]));
            let method = field(Tag::WrappingMethod, Value::Enumeration(1));
            vec![id(v, &t.active), field(Tag::KeyWrappingSpecification, Value::Structure(vec![method, information]))]
        },
        Some(Reason::ItemNotFound),
        Some(Reason::WrappingObjectNotFound),
    ),
    Row(
        "§11.13 an Attribute Name twice",
        Operation::GetAttributes,
        |t, v| vec![id(v, &t.active), named(v, Tag::State, "State"), named(v, Tag::State, "State")],
        Some(Reason::InvalidMessage),
        None,
    ),
    Row(
        "§11.15 a read-only attribute",
        Operation::AddAttribute,
        |t, v| changed(v, &t.active, Tag::State, Value::Enumeration(1)),
        Some(Reason::PermissionDenied),
        Some(Reason::ReadOnlyAttribute),
    ),
    Row(
        "§11.15 the attribute exists",
        Operation::AddAttribute,
        |t, v| changed(v, &t.active, Tag::CryptographicLength, Value::Integer(128)),
        None,
        None,
    ),
    Row(
        "§11.15 a Name that is taken",
        Operation::AddAttribute,
        |t, v| changed(v, &t.active, Tag::Name, name("fresh").1),
        Some(Reason::IllegalOperation),
        Some(Reason::NonUniqueNameAttribute),
    ),
    Row(
        "§11.16 the attribute does not exist",
        Operation::ModifyAttribute,
        |t, v| changed(v, &t.active, Tag::ContactInformation, Value::text("x")),
        Some(Reason::InvalidField),
        None,
    ),
    Row(
        "§11.16 read-only",
        Operation::ModifyAttribute,
        |t, v| changed(v, &t.active, Tag::State, Value::Enumeration(1)),
        Some(Reason::PermissionDenied),
        Some(Reason::AttributeReadOnly),
    ),
    Row(
        "§11.16 a Name that is taken",
        Operation::ModifyAttribute,
        |t, v| changed(v, &t.active, Tag::Name, name("fresh").1),
        Some(Reason::IllegalOperation),
        None,
    ),
    Row(
        "§11.17 read-only",
        Operation::DeleteAttribute,
        |t, v| vec![id(v, &t.active), named(v, Tag::State, "State")],
        Some(Reason::PermissionDenied),
        Some(Reason::AttributeReadOnly),
    ),
    Row(
        "§11.17 no attribute of that name",
        Operation::DeleteAttribute,
        |t, v| vec![id(v, &t.active), named(v, Tag::ContactInformation, "Contact Information")],
        Some(Reason::ItemNotFound),
        Some(Reason::AttributeNotFound),
    ),
    Row(
        "§11.19 no Usage Limits",
        Operation::GetUsageAllocation,
        |t, v| vec![id(v, &t.active), field(Tag::UsageLimitsCount, Value::LongInteger(1))],
        Some(Reason::IllegalOperation),
        None,
    ),
    Row(
        "§11.19 no Usage Limits Count",
        Operation::GetUsageAllocation,
        |t, v| vec![id(v, &t.active)],
        Some(Reason::InvalidMessage),
        Some(Reason::InvalidMessage),
    ),
    Row(
        "§11.20 not able to be activated",
        Operation::Activate,
        |t, v| vec![id(v, &t.opaque)],
        Some(Reason::IllegalOperation),
        None,
    ),
    Row(
        "§11.20 not Pre-Active",
        Operation::Activate,
        |t, v| vec![id(v, &t.active)],
        Some(Reason::PermissionDenied),
        Some(Reason::WrongKeyLifecycleState),
    ),
    Row(
        "§11.21 the reason is not recognized",
        Operation::Revoke,
        |t, v| vec![id(v, &t.active), revocation(0x7F)],
        Some(Reason::InvalidField),
        None,
    ),
    Row(
        // Pre-Active, and not compromised: there is no such transition (2.1 §4.57), in no version for no object.
        "§11.21 not able to be revoked",
        Operation::Revoke,
        |t, v| vec![id(v, &t.opaque), revocation(RevocationReasonCode::Unspecified.0)],
        Some(Reason::IllegalOperation),
        Some(Reason::WrongKeyLifecycleState),
    ),
    Row(
        "§11.22 destroyed already",
        Operation::Destroy,
        |t, v| vec![id(v, &t.destroyed)],
        Some(Reason::PermissionDenied),
        Some(Reason::ObjectDestroyed),
    ),
    Row(
        "§11.22 Active",
        Operation::Destroy,
        |t, v| vec![id(v, &t.active)],
        Some(Reason::PermissionDenied),
        Some(Reason::WrongKeyLifecycleState),
    ),
    Row(
        "§11.23 archived already",
        Operation::Archive,
        |t, v| vec![id(v, &t.archived)],
        Some(Reason::ObjectArchived),
        Some(Reason::ObjectArchived),
    ),
    Row(
        "§11.30 not able to encrypt",
        Operation::Encrypt,
        |t, v| vec![id(v, &t.useless), data()],
        Some(Reason::PermissionDenied),
        Some(Reason::IncompatibleCryptographicUsageMask),
    ),
    Row(
        "§11.31 not able to decrypt",
        Operation::Decrypt,
        |t, v| vec![id(v, &t.useless), data()],
        Some(Reason::PermissionDenied),
        Some(Reason::IncompatibleCryptographicUsageMask),
    ),
];

/// Operations on one object that is there.
const ON_AN_OBJECT: &[Operation] = &[
    Operation::ReKey,
    Operation::Check,
    Operation::Get,
    Operation::GetAttributes,
    Operation::GetAttributeList,
    Operation::AddAttribute,
    Operation::ModifyAttribute,
    Operation::DeleteAttribute,
    Operation::ObtainLease,
    Operation::GetUsageAllocation,
    Operation::Activate,
    Operation::Revoke,
    Operation::Destroy,
    Operation::Archive,
    Operation::Encrypt,
    Operation::Decrypt,
    Operation::MAC,
];

/// A payload that is right but for the object.
fn on(operation: Operation, version: Version, object: &str) -> Vec<Field> {
    let contact = || one_attribute(version, Tag::ContactInformation, &Value::text("x"));
    let mut payload = vec![id(version, object)];
    match operation {
        Operation::AddAttribute | Operation::ModifyAttribute => payload.extend(contact()),
        Operation::DeleteAttribute => payload.push(named(version, Tag::ContactInformation, "Contact Information")),
        Operation::GetUsageAllocation => payload.push(field(Tag::UsageLimitsCount, Value::LongInteger(1))),
        Operation::Revoke => payload.push(revocation(RevocationReasonCode::CessationOfOperation.0)),
        Operation::Encrypt | Operation::Decrypt | Operation::MAC => payload.push(data()),
        _ => {}
    }
    payload
}

/// Why an operation fails, in a house of its own where a success would change things for those after it.
fn reason(things: &Things, version: Version, operation: Operation, payload: Vec<Field>) -> Option<Reason> {
    let answer = things.house.ask("alice", &Ask::one(version, operation, payload));
    assert_ne!(answer.items[0].status, ResultStatus::OperationPending);
    answer.items[0].reason
}

#[test]
fn each_fault_has_the_reason_of_its_row() {
    let mut wrong = Vec::new();
    for version in Version::ALL.into_iter().filter(|version| *version < Version::V3_0) {
        for Row(clause, operation, payload, older, newer) in ROWS {
            let Some(expected) = (if version.is_1x() { older } else { newer }) else { continue };
            if !operation.known_in(version) {
                continue;
            }
            let things = things();
            let got = reason(&things, version, *operation, payload(&things, version));
            if got != Some(*expected) {
                wrong.push(format!("{version} {operation}, {clause}: {expected}, got {got:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// "No object with the specified Unique Identifier exists", "Object is archived": rows of every operation on an object. Of
/// an archived one, 2.x refuses what needs the material alone.
#[test]
fn an_object_that_is_not_there_is_not_found_and_one_that_is_archived_is_archived() {
    let things = things();
    let mut wrong = Vec::new();
    for version in Version::ALL {
        for operation in ON_AN_OBJECT.iter().filter(|operation| operation.known_in(version)) {
            let got = reason(&things, version, *operation, on(*operation, version, "nothing"));
            let found = [Some(Reason::ItemNotFound), Some(Reason::ObjectNotFound)];
            let allowed = if version.is_1x() { &found[..1] } else { &found[..] };
            if !allowed.contains(&got) {
                wrong.push(format!("{version} {operation} of nothing: {got:?}"));
            }
            if version.is_1x() {
                let got = reason(&things, version, *operation, on(*operation, version, &things.archived));
                if got != Some(Reason::ObjectArchived) {
                    wrong.push(format!("{version} {operation} of an archived object: {got:?}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
