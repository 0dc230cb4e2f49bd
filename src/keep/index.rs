//! Which attributes an object can be found by without reading every record, and the rows that make it so. A row's
//! key holds a keyed hash of owner, attribute and value, so the disk tells no names; its end is the object's order,
//! so rows of one value are sorted by age.

use super::keys::{Kind, key};
use super::seal::Index;
use crate::base::Value;
use crate::model::ManagedObject;
use crate::model::lifecycle::is_destroyed;
use crate::model::link::is_link;
use crate::registry::{CryptographicUsageMask, ObjectType, State, Tag};
use crate::ttlv::Writer;

/// Attributes with rows, besides the links: the ones that clients search by and that tell objects apart.
const INDEXED: &[Tag] = &[
    Tag::Name,
    Tag::AlternativeName,
    Tag::ApplicationSpecificInformation,
    Tag::ObjectGroup,
    Tag::Attribute,
    Tag::ContactInformation,
    Tag::X_509CertificateIdentifier,
    Tag::X_509CertificateSubject,
    Tag::X_509CertificateIssuer,
    Tag::CertificateSubjectCN,
    // What a credential of a device is looked for by.
    Tag::CredentialType,
    // What `schedule` looks for.
    Tag::RotateAutomatic,
];

/// Whether objects are found by whole values of this attribute.
pub fn is_indexed(tag: Tag) -> bool {
    INDEXED.contains(&tag) || is_link(tag)
}

/// Hash of an owner.
pub fn owner_hash(index: &Index, owner: &str) -> [u8; 16] {
    index.hash(&[b"owner", owner.as_bytes()])
}

/// What the rows of one value of one owner begin with.
pub fn attribute_prefix(index: &Index, owner: &str, tag: Tag, value: &Value) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.value(tag, value);
    let hash = index.hash(&[b"attribute", owner.as_bytes(), writer.written()]);
    key(Kind::Attribute, &[&hash])
}

/// What the rows of the owner's certification authorities begin with: Certify and Validate look for these among
/// what may be many certificates.
pub fn authorities_prefix(index: &Index, owner: &str) -> Vec<u8> {
    key(Kind::Attribute, &[&index.hash(&[b"authorities", owner.as_bytes()])])
}

/// Whether the object is a certificate that may sign others, as far as its Cryptographic Usage Mask says.
fn is_authority(object: &ManagedObject) -> bool {
    let mask = object.attributes.get(crate::model::attr::CRYPTOGRAPHIC_USAGE_MASK);
    object.object_type == ObjectType::Certificate
        && mask.is_some_and(|mask| mask.0 & CryptographicUsageMask::CertificateSign.0 != 0)
}

/// What the rows of all objects of one owner begin with.
pub fn owned_prefix(index: &Index, owner: &str) -> Vec<u8> {
    key(Kind::Owned, &[&owner_hash(index, owner)])
}

/// The key that only one living object of the owner can have.
pub fn name_key(index: &Index, owner: &str, name: &str) -> Vec<u8> {
    key(Kind::Name, &[&index.hash(&[b"name", owner.as_bytes(), name.as_bytes()])])
}

/// The names that the object holds for itself alone. A destroyed object lets go of them.
pub fn held_names(object: &ManagedObject) -> impl Iterator<Item = &str> {
    let state = object.attributes.get(crate::model::attr::STATE).unwrap_or(State::PreActive);
    let names = object.attributes.instances(Tag::Name);
    names
        .iter()
        .filter(move |_| !is_destroyed(state))
        .filter_map(|attribute| attribute.value.field(Tag::NameValue).and_then(Value::as_text))
}

/// Keys of all rows of an object under the hashes of each index, sorted; each holds the object's identifier.
pub fn rows(indexes: &[Index], object: &ManagedObject, order: u64) -> Vec<Vec<u8>> {
    let mut rows: Vec<_> = indexes.iter().flat_map(|index| rows_of(index, object, order)).collect();
    rows.sort_unstable();
    rows.dedup();
    rows
}

fn rows_of(index: &Index, object: &ManagedObject, order: u64) -> Vec<Vec<u8>> {
    // Two nodes may give the same order; the hash of the identifier tells their objects apart.
    let id = index.hash(&[b"id", object.id.as_bytes()]);
    let ended = |mut prefix: Vec<u8>| {
        prefix.extend_from_slice(&order.to_be_bytes());
        prefix.extend_from_slice(&id[..4]);
        prefix
    };
    let mut rows = vec![ended(owned_prefix(index, &object.owner))];
    for attribute in object.attributes.iter().filter(|attribute| is_indexed(attribute.tag)) {
        rows.push(ended(attribute_prefix(index, &object.owner, attribute.tag, &attribute.value)));
    }
    if is_authority(object) {
        rows.push(ended(authorities_prefix(index, &object.owner)));
    }
    rows.extend(held_names(object).map(|name| name_key(index, &object.owner, name)));
    rows
}
