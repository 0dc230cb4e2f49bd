//! The stored form of an object: a format byte, then TTLV. It is Keyhaven's own use of TTLV, apart from every protocol
//! version: attributes stand in the form of the model, each as an item of its own, in the order of the table.

use std::fmt;

use crate::base::{Field, Limits, Value};
use crate::model::object::{Fields, Material, MaterialRef, SplitKey};
use crate::model::values::{AttributeValue, OpaqueDataType};
use crate::model::{Attribute, Attributes, ManagedObject, rule};
use crate::registry::{
    CertificateRequestType, CertificateType, KeyCompressionType, KeyFormatType, ObjectType, SecretDataType,
    SplitKeyMethod, Tag,
};
use crate::ttlv::{Item, Writer, check};

type Reader = fn(&str, &[u8]) -> Result<(ManagedObject, u64), RecordBroken>;

/// Every format that was released, oldest first, each with its reader, which stays for good: a record is written in the
/// newest format when its object next changes, until then it is read as it is. A format that is not here is a newer
/// release's. `tests/released` has a store of each release.
const READERS: &[(u8, Reader)] = &[(1, read_1)];

/// The format that is written.
const FORMAT: u8 = READERS[READERS.len() - 1].0;

// Tags of the record's own fields, from the range that the standard leaves to extensions.
const RECORD: Tag = Tag(0x54_4B01);
const OWNER: Tag = Tag(0x54_4B02);
const ORDER: Tag = Tag(0x54_4B03);
const REFERENCE: Tag = Tag(0x54_4B04);
/// The index of the attribute that follows, where it is not zero.
const INDEX: Tag = Tag(0x54_4B05);
const HANDED_ON: Tag = Tag(0x54_4B06);

/// Room for the attributes of a usual object, so that reading one grows no list.
const ATTRIBUTES_USUAL: usize = 32;

/// The record cannot be read.
#[derive(Debug)]
pub struct RecordBroken(String);

impl RecordBroken {
    /// For what finds that a record lacks something.
    pub(super) fn new(what: String) -> Self {
        Self(what)
    }
}

impl fmt::Display for RecordBroken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the record of the object cannot be read: {}", self.0)
    }
}

impl std::error::Error for RecordBroken {}

/// The stored form. `order` is the object's place among all objects, by time of creation.
pub fn encode(object: &ManagedObject, order: u64) -> crate::base::Buffer {
    let mut out = Writer::new(crate::base::Buffer::with_capacity(1024));
    let mark = out.begin(RECORD);
    out.enumeration(Tag::ObjectType, object.object_type.0);
    out.text(OWNER, &object.owner);
    out.long_integer(ORDER, order as i64);
    material(&object.material, &mut out);
    for attribute in &object.attributes {
        if attribute.tag != Tag::UniqueIdentifier && attribute.tag != Tag::ObjectType {
            write_attribute(attribute, &mut out);
        }
    }
    out.end(mark);
    let mut buffer = out.finish();
    buffer.extend(&[FORMAT]);
    buffer
}

/// Reads what `encode` made. The bytes have passed the seal, so what is wrong with them is our own fault or a newer
/// release's.
pub fn decode(id: &str, bytes: &[u8]) -> Result<(ManagedObject, u64), RecordBroken> {
    let (format, bytes) = bytes.split_last().ok_or_else(|| RecordBroken("it is empty".to_owned()))?;
    match READERS.iter().find(|(known, _)| known == format) {
        Some((_, read)) => read(id, bytes),
        None => Err(RecordBroken(format!("its format {format} is not one of this release"))),
    }
}

/// Reads format 1, of release 0.1.
fn read_1(id: &str, bytes: &[u8]) -> Result<(ManagedObject, u64), RecordBroken> {
    let broken = |what: &str| RecordBroken(what.to_owned());
    let limits = Limits { message_bytes_max: usize::MAX, items_max: usize::MAX, depth_max: 64, ..Limits::default() };
    let root = check(bytes, &limits).map_err(|error| RecordBroken(error.to_string()))?;
    let mut children = root.children();
    let object_type = children.next().and_then(|item| item.enumeration()).ok_or_else(|| broken("no object type"))?;
    let owner = children.next().and_then(|item| item.text()).ok_or_else(|| broken("no owner"))?;
    let order = children.next().and_then(|item| item.long_integer()).ok_or_else(|| broken("no order"))?;
    let mut object = ManagedObject::new(id, ObjectType(object_type), owner);
    let mut attributes = Vec::with_capacity(ATTRIBUTES_USUAL);
    attributes.extend(object.attributes);
    let mut index = 0;
    let mut parts = Parts::default();
    for item in children {
        if parts.take(&item) {
            continue;
        }
        if item.tag == INDEX {
            index = item.integer().map_or(0, |index| index as u32);
        } else if rule(item.tag).is_none() {
            // It may restrict the object, so to pass over it would be wrong.
            return Err(RecordBroken(format!("{:?} is no attribute of this release", item.tag)));
        } else {
            attributes.push(Attribute { tag: item.tag, index: std::mem::take(&mut index), value: item.to_value() });
        }
    }
    object.material = parts.material(ObjectType(object_type)).map_err(broken)?;
    object.attributes = restored(attributes);
    Ok((object, order as u64))
}

/// Attributes were stored in order, but for the two that the record does not repeat.
fn restored(mut attributes: Vec<Attribute>) -> Attributes {
    attributes.sort_by_key(|attribute| attribute.tag);
    attributes.into_iter().collect()
}

fn write_attribute(attribute: &Attribute, out: &mut Writer) {
    debug_assert!(rule(attribute.tag).is_some(), "{:?} is no attribute", attribute.tag);
    if attribute.index != 0 {
        out.integer(INDEX, attribute.index as i32);
    }
    out.value(attribute.tag, &attribute.value);
}

/// Tag of the structure that holds all but the attributes, so that its fields are not mistaken for attributes.
const MATERIAL: Tag = Tag(0x54_4B07);

fn material(material: &Material, out: &mut Writer) {
    let mark = out.begin(MATERIAL);
    if let Some(MaterialRef(reference)) = &material.reference {
        out.byte_string(REFERENCE, reference);
    }
    if let Some(format) = material.format {
        out.enumeration(Tag::KeyFormatType, format.0);
    }
    if let Some(compression) = material.compression {
        out.enumeration(Tag::KeyCompressionType, compression.0);
    }
    if let Some(wrapping) = &material.wrapping {
        out.value(Tag::KeyWrappingData, wrapping);
    }
    match &material.fields {
        Fields::None => {}
        Fields::Certificate(value) => out.enumeration(Tag::CertificateType, value.0),
        Fields::CertificateRequest(value) => out.enumeration(Tag::CertificateRequestType, value.0),
        Fields::Opaque(value) => out.enumeration(Tag::OpaqueDataType, value.0),
        Fields::SecretData(value) => out.enumeration(Tag::SecretDataType, value.0),
        Fields::PgpKey(version) => out.integer(Tag::PGPKeyVersion, *version),
        Fields::SplitKey(split) => {
            out.integer(Tag::SplitKeyParts, split.parts);
            out.integer(Tag::KeyPartIdentifier, split.part_identifier);
            out.integer(Tag::SplitKeyThreshold, split.threshold);
            out.enumeration(Tag::SplitKeyMethod, split.method.0);
            if let Some(prime) = &split.prime_field_size {
                out.big_integer(Tag::PrimeFieldSize, prime);
            }
        }
        Fields::Template(attributes) => {
            out.structure(HANDED_ON, |out| attributes.iter().for_each(|attribute| write_attribute(attribute, out)));
        }
    }
    out.end(mark);
}

/// The material structure as it was read.
#[derive(Default)]
struct Parts<'a> {
    item: Option<Item<'a>>,
}

impl<'a> Parts<'a> {
    /// Takes the item if it is the material structure.
    fn take(&mut self, item: &Item<'a>) -> bool {
        let is_material = item.tag == MATERIAL;
        if is_material {
            self.item = Some(*item);
        }
        is_material
    }

    fn value(&self, tag: Tag) -> Option<Value> {
        self.item?.child(tag).map(|field| field.to_value())
    }

    fn field<T: AttributeValue>(&self, tag: Tag) -> Option<T> {
        T::from_value(&self.value(tag)?)
    }

    fn number(&self, tag: Tag) -> Option<u32> {
        self.item?.child(tag)?.enumeration()
    }

    fn material(self, object_type: ObjectType) -> Result<Material, &'static str> {
        let fields = match object_type {
            ObjectType::Certificate => {
                self.number(Tag::CertificateType).map(|one| Fields::Certificate(CertificateType(one)))
            }
            ObjectType::CertificateRequest => self
                .number(Tag::CertificateRequestType)
                .map(|one| Fields::CertificateRequest(CertificateRequestType(one))),
            ObjectType::OpaqueObject => self.number(Tag::OpaqueDataType).map(|one| Fields::Opaque(OpaqueDataType(one))),
            ObjectType::SecretData => {
                self.number(Tag::SecretDataType).map(|one| Fields::SecretData(SecretDataType(one)))
            }
            ObjectType::PGPKey => self.field(Tag::PGPKeyVersion).map(Fields::PgpKey),
            ObjectType::SplitKey => self.split_key().map(Fields::SplitKey),
            ObjectType::Template => self.handed_on().map(Fields::Template),
            _ => Some(Fields::None),
        };
        Ok(Material {
            reference: self
                .item
                .and_then(|item| item.child(REFERENCE)?.byte_string())
                .map(|bytes| MaterialRef(bytes.into())),
            format: self.number(Tag::KeyFormatType).map(KeyFormatType),
            compression: self.number(Tag::KeyCompressionType).map(KeyCompressionType),
            wrapping: self.value(Tag::KeyWrappingData),
            fields: fields.ok_or("a field of the object type is missing or unknown")?,
        })
    }

    fn split_key(&self) -> Option<SplitKey> {
        Some(SplitKey {
            parts: self.field(Tag::SplitKeyParts)?,
            part_identifier: self.field(Tag::KeyPartIdentifier)?,
            threshold: self.field(Tag::SplitKeyThreshold)?,
            method: SplitKeyMethod(self.number(Tag::SplitKeyMethod)?),
            prime_field_size: self.field(Tag::PrimeFieldSize),
        })
    }

    /// None if one of them is no attribute of this release.
    fn handed_on(&self) -> Option<Vec<Attribute>> {
        let Some(Value::Structure(fields)) = self.value(HANDED_ON) else { return Some(Vec::new()) };
        let mut index = 0;
        let mut attributes = Vec::new();
        for Field { tag, value } in fields {
            match value {
                Value::Integer(number) if tag == INDEX => index = number as u32,
                value => {
                    rule(tag)?;
                    attributes.push(Attribute { tag, index: std::mem::take(&mut index), value });
                }
            }
        }
        Some(attributes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{BigInt, Date};
    use crate::model::attr;
    use crate::model::values::{Name, Target, VendorAttribute};
    use crate::registry::{NameType, State};

    fn round_trip(object: &ManagedObject) {
        let stored = encode(object, 77);
        let (again, order) = decode(&object.id, &stored).unwrap();
        assert_eq!((&again, order), (object, 77));
    }

    /// Found by the fuzz target `record`.
    #[test]
    fn an_attribute_of_another_release_is_refused() {
        let mut object = ManagedObject::new("id", ObjectType::Template, "alice");
        object.attributes.push(Tag::Comment, Value::text("x"));
        let comment = object.attributes.clone().into_iter().filter(|one| one.tag == Tag::Comment).collect();
        for handed_on in [Vec::new(), comment] {
            object.material.fields = Fields::Template(handed_on);
            let mut stored = encode(&object, 7).to_vec();
            assert!(decode("id", &stored).is_ok());
            let tag = &Tag::Comment.0.to_be_bytes()[1..];
            let at = stored.windows(3).position(|bytes| bytes == tag).unwrap();
            stored[at + 1] ^= 0x80;
            assert!(decode("id", &stored).is_err());
        }
    }

    #[test]
    fn objects_survive_storage() {
        let mut key = ManagedObject::new("id-1", ObjectType::SymmetricKey, "alice");
        key.attributes.set(attr::STATE, State::Active);
        key.attributes.set(attr::ACTIVATION_DATE, Date(5));
        for name in ["one", "two", "three"] {
            key.attributes.push(
                Tag::Name,
                Name { value: name.into(), name_type: NameType::UninterpretedTextString }.into_value(),
            );
        }
        key.attributes.remove(Tag::Name, 1);
        key.attributes.push(Tag::NextLink, Target::Object("b".into()).into_value());
        key.attributes.push(Tag::PreviousLink, Target::Object("a".into()).into_value());
        key.attributes.push(
            Tag::Attribute,
            VendorAttribute { vendor: "x".into(), name: "n".into(), value: Value::Integer(1) }.into_value(),
        );
        key.material.reference = Some(MaterialRef(vec![1, 1].into()));
        key.material.format = Some(KeyFormatType::Raw);
        key.material.wrapping = Some(Value::Structure(vec![Field::new(Tag::WrappingMethod, Value::Enumeration(1))]));
        round_trip(&key);

        let mut split = ManagedObject::new("s", ObjectType::SplitKey, "bob");
        split.material.fields = Fields::SplitKey(SplitKey {
            parts: 3,
            part_identifier: 1,
            threshold: 2,
            method: SplitKeyMethod::PolynomialSharingPrimeField,
            prime_field_size: Some(BigInt::from_unsigned(&[0xFF; 9])),
        });
        round_trip(&split);

        let mut template = ManagedObject::new("t", ObjectType::Template, "bob");
        let handed_on = key.attributes.iter().filter(|one| one.tag == Tag::Name).cloned().collect();
        template.material.fields = Fields::Template(handed_on);
        round_trip(&template);

        let mut certificate = ManagedObject::new("c", ObjectType::Certificate, "bob");
        certificate.material.fields = Fields::Certificate(CertificateType::X_509);
        certificate.attributes.set(attr::CERTIFICATE_TYPE, CertificateType::X_509);
        round_trip(&certificate);
    }

    #[test]
    fn a_format_of_a_newer_release_is_refused() {
        let mut stored = encode(&ManagedObject::new("id", ObjectType::SymmetricKey, "a"), 1).to_vec();
        *stored.last_mut().unwrap() = FORMAT + 1;
        assert!(decode("id", &stored).unwrap_err().to_string().contains("format 2 is not one of this release"));
        let formats: Vec<u8> = READERS.iter().map(|(format, _)| *format).collect();
        assert!(formats.is_sorted(), "the newest is written");
    }

    #[test]
    fn broken_records_are_errors() {
        let stored = encode(&ManagedObject::new("id", ObjectType::SymmetricKey, "a"), 1);
        for length in 0..stored.len() {
            assert!(decode("id", &stored[..length]).is_err());
        }
        for at in 0..stored.len() {
            let mut bad = stored.to_vec();
            bad[at] ^= 0x55;
            let _ = decode("id", &bad);
        }
    }
}
