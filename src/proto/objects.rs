//! Managed objects on the wire (1.4 §2.2, 2.1 §2 and §3): the structure of each object type, and the Key Block that
//! most of them carry. Reading splits an object into its description and its body; writing joins them again.

use super::attributes::{AttributeList, NewAttribute};
use super::id::Id;
use super::wire::{Read, Write, missing, structure, unexpected, wrong_type};
use crate::base::{BigInt, Error, KeyBytes, Result, Value};
use crate::model::object::{Fields, Material, SplitKey};
use crate::model::values::OpaqueDataType;
use crate::model::{Attribute, Attributes, ManagedObject, attr};
use crate::registry::{
    CertificateRequestType, CertificateType, CryptographicAlgorithm, ItemType, KeyCompressionType, KeyFormatType,
    ObjectType, ResultReason, SecretDataType, SplitKeyMethod, Tag, Version,
};
use crate::ttlv::{Item, Writer};

/// The bytes of an object: what is secret of it, or what it consists of.
#[derive(Debug)]
pub struct Body {
    /// What the bytes are.
    pub kind: BodyKind,
    /// The bytes.
    pub bytes: KeyBytes,
}

/// What the bytes of a body are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BodyKind {
    /// Key material, certificate or data as bytes.
    Bytes,
    /// The TTLV items of a transparent Key Material structure.
    Structure,
    /// A wrapped Key Value.
    Wrapped,
}

impl Body {
    /// A body of plain bytes.
    pub fn bytes(bytes: KeyBytes) -> Self {
        Self { kind: BodyKind::Bytes, bytes }
    }
}

/// An object from a request.
#[derive(Debug)]
pub struct NewObject {
    /// Its type.
    pub object_type: ObjectType,
    /// All of it but the bytes.
    pub material: Material,
    /// The bytes; none if the key value is kept elsewhere (1.4 §3.41).
    pub body: Option<Body>,
    /// Cryptographic Algorithm of the Key Block.
    pub algorithm: Option<CryptographicAlgorithm>,
    /// Cryptographic Length of the Key Block.
    pub length: Option<i32>,
    /// Attributes inside the Key Value.
    pub attributes: Vec<NewAttribute>,
}

/// The tag of each object type's structure.
const OBJECTS: &[(Tag, ObjectType)] = &[
    (Tag::Certificate, ObjectType::Certificate),
    (Tag::SymmetricKey, ObjectType::SymmetricKey),
    (Tag::PublicKey, ObjectType::PublicKey),
    (Tag::PrivateKey, ObjectType::PrivateKey),
    (Tag::SplitKey, ObjectType::SplitKey),
    (Tag::Template, ObjectType::Template),
    (Tag::SecretData, ObjectType::SecretData),
    (Tag::OpaqueObject, ObjectType::OpaqueObject),
    (Tag::PGPKey, ObjectType::PGPKey),
    (Tag::CertificateRequest, ObjectType::CertificateRequest),
];

/// The object type whose structure has this tag.
pub fn object_type_of(tag: Tag) -> Option<ObjectType> {
    OBJECTS.iter().find(|(known, _)| *known == tag).map(|(_, object_type)| *object_type)
}

structure! {
    struct WireCertificate<'a> reads {
        req CertificateType => certificate_type: CertificateType;
        req CertificateValue => value: &'a [u8];
    }
}

structure! {
    struct WireCertificateRequest<'a> reads {
        req CertificateRequestType => request_type: CertificateRequestType;
        req CertificateRequestValue => value: &'a [u8];
    }
}

structure! {
    struct WireOpaque<'a> reads {
        req OpaqueDataType => data_type: Opaque;
        req OpaqueDataValue => value: &'a [u8];
    }
}

structure! {
    struct WireKey reads {
        req KeyBlock => block: KeyBlock;
    }
}

structure! {
    struct WireSecretData reads {
        req SecretDataType => data_type: SecretDataType;
        req KeyBlock => block: KeyBlock;
    }
}

structure! {
    struct WirePgpKey reads {
        req PGPKeyVersion => version: i32;
        req KeyBlock => block: KeyBlock;
    }
}

structure! {
    struct WireSplitKey reads {
        req SplitKeyParts => parts: i32;
        req KeyPartIdentifier => part: i32;
        req SplitKeyThreshold => threshold: i32;
        req SplitKeyMethod => method: SplitKeyMethod;
        opt PrimeFieldSize => prime: BigInt;
        req KeyBlock => block: KeyBlock;
    }
}

/// Opaque Data Type has no values in the standard; any number is the client's own.
#[derive(Debug)]
struct Opaque(OpaqueDataType);

impl<'a> Read<'a> for Opaque {
    fn read(item: &Item<'a>, _: Version) -> Result<Self> {
        item.enumeration().map(|number| Self(OpaqueDataType(number))).ok_or_else(|| wrong_type(item, "an Enumeration"))
    }
}

structure! {
    struct WireKeyBlock<'a> reads {
        req KeyFormatType => format: KeyFormatType;
        opt KeyCompressionType => compression: KeyCompressionType;
        opt KeyValue => value: Item<'a>;
        opt CryptographicAlgorithm => algorithm: CryptographicAlgorithm;
        opt CryptographicLength => length: i32;
        opt KeyWrappingData => wrapping: Item<'a>;
    }
}

/// A Key Block, its value moved into a body.
#[derive(Debug)]
struct KeyBlock {
    format: KeyFormatType,
    compression: Option<KeyCompressionType>,
    body: Option<Body>,
    algorithm: Option<CryptographicAlgorithm>,
    length: Option<i32>,
    wrapping: Option<Value>,
    attributes: Vec<NewAttribute>,
}

impl<'a> Read<'a> for KeyBlock {
    fn read(item: &Item<'a>, version: Version) -> Result<Self> {
        let wire = WireKeyBlock::read(item, version)?;
        let mut attributes = Vec::new();
        let body = match wire.value {
            None => None,
            Some(value) if value.item_type == ItemType::ByteString => {
                if wire.wrapping.is_none() {
                    return Err(Error::invalid_message(
                        "a Key Value of bytes is a wrapped one, but Key Wrapping Data is missing",
                    ));
                }
                Some(Body { kind: BodyKind::Wrapped, bytes: KeyBytes::copy_from(value.bytes) })
            }
            // What is wrapped, if only by a MAC, is a Byte String (1.4 §2.1.4): an open one would pass for a wrapped one.
            Some(_) if wire.wrapping.is_some() => {
                return Err(Error::invalid_message("Key Wrapping Data stands beside a Key Value that is not wrapped"));
            }
            Some(value) => Some(read_key_value(&value, version, &mut attributes)?),
        };
        Ok(Self {
            format: wire.format,
            compression: wire.compression,
            body,
            algorithm: wire.algorithm,
            length: wire.length,
            wrapping: wire.wrapping.map(|wrapping| wrapping.to_value()),
            attributes,
        })
    }
}

/// A plain Key Value: Key Material, and attributes that travel with it.
pub fn read_key_value(item: &Item<'_>, version: Version, attributes: &mut Vec<NewAttribute>) -> Result<Body> {
    if item.item_type != ItemType::Structure {
        return Err(wrong_type(item, "a structure or a Byte String"));
    }
    let mut body = None;
    for child in item.children() {
        match child.tag {
            Tag::KeyMaterial if child.item_type == ItemType::Structure => {
                body = Some(Body { kind: BodyKind::Structure, bytes: KeyBytes::copy_from(child.bytes) });
            }
            Tag::KeyMaterial => body = Some(Body::bytes(KeyBytes::read(&child, version)?)),
            Tag::Attribute if version.is_1x() => attributes.push(NewAttribute::read(&child, version)?),
            Tag::Attributes if !version.is_1x() => attributes.extend(AttributeList::read(&child, version)?.attributes),
            _ => return Err(unexpected(&child, item.tag, version)),
        }
    }
    body.ok_or_else(|| missing(Tag::KeyMaterial, item.tag))
}

impl NewObject {
    /// Reads the object structure that belongs to `object_type`.
    pub fn read(item: &Item<'_>, object_type: ObjectType, version: Version) -> Result<Self> {
        if object_type_of(item.tag) != Some(object_type) {
            return Err(Error::new(
                ResultReason::InvalidField,
                format!("the request holds a {} where its Object Type asks for a {object_type}", item.tag),
            ));
        }
        Ok(match object_type {
            ObjectType::Certificate => {
                let wire = WireCertificate::read(item, version)?;
                Self::of_bytes(object_type, Fields::Certificate(wire.certificate_type), wire.value)
            }
            ObjectType::CertificateRequest => {
                let wire = WireCertificateRequest::read(item, version)?;
                Self::of_bytes(object_type, Fields::CertificateRequest(wire.request_type), wire.value)
            }
            ObjectType::OpaqueObject => {
                let wire = WireOpaque::read(item, version)?;
                Self::of_bytes(object_type, Fields::Opaque(wire.data_type.0), wire.value)
            }
            ObjectType::SecretData => {
                let wire = WireSecretData::read(item, version)?;
                Self::of_block(object_type, Fields::SecretData(wire.data_type), wire.block)
            }
            ObjectType::PGPKey => {
                let wire = WirePgpKey::read(item, version)?;
                Self::of_block(object_type, Fields::PgpKey(wire.version), wire.block)
            }
            ObjectType::SplitKey => {
                let wire = WireSplitKey::read(item, version)?;
                let fields = SplitKey {
                    parts: wire.parts,
                    part_identifier: wire.part,
                    threshold: wire.threshold,
                    method: wire.method,
                    prime_field_size: wire.prime,
                };
                Self::of_block(object_type, Fields::SplitKey(fields), wire.block)
            }
            ObjectType::Template => Self::template(item, version)?,
            _ => Self::of_block(object_type, Fields::None, WireKey::read(item, version)?.block),
        })
    }

    fn of_bytes(object_type: ObjectType, fields: Fields, value: &[u8]) -> Self {
        Self {
            object_type,
            material: Material { fields, ..Material::default() },
            body: Some(Body::bytes(KeyBytes::copy_from(value))),
            algorithm: None,
            length: None,
            attributes: Vec::new(),
        }
    }

    fn of_block(object_type: ObjectType, fields: Fields, block: KeyBlock) -> Self {
        let material = Material {
            reference: None,
            format: Some(block.format),
            compression: block.compression,
            wrapping: block.wrapping,
            fields,
        };
        Self {
            object_type,
            material,
            body: block.body,
            algorithm: block.algorithm,
            length: block.length,
            attributes: block.attributes,
        }
    }

    /// A Template holds the attributes it hands on (1.4 §2.2.6).
    fn template(item: &Item<'_>, version: Version) -> Result<Self> {
        let list = AttributeList::read(item, version)?;
        let mut handed_on = Attributes::new();
        for attribute in list.attributes {
            handed_on.push(attribute.tag, attribute.value);
        }
        let handed_on: Vec<Attribute> = handed_on.into_iter().collect();
        let material = Material { fields: Fields::Template(handed_on), ..Material::default() };
        Ok(Self {
            object_type: ObjectType::Template,
            material,
            body: None,
            algorithm: None,
            length: None,
            attributes: Vec::new(),
        })
    }
}

/// An object in an answer. The field's tag is given by the object type.
#[derive(Debug)]
pub struct ObjectAnswer {
    /// Object Type.
    pub object_type: ObjectType,
    /// All of it but the bytes, as it is to be shown.
    pub material: Material,
    /// The bytes, as they are to be shown.
    pub body: Option<Body>,
    /// Cryptographic Algorithm of the Key Block.
    pub algorithm: Option<CryptographicAlgorithm>,
    /// Cryptographic Length of the Key Block.
    pub length: Option<i32>,
    /// Attributes inside the Key Value, beside plain material.
    pub attributes: Vec<Attribute>,
}

impl ObjectAnswer {
    /// The object as it was registered or made.
    pub fn of(object: &ManagedObject, body: Option<Body>) -> Self {
        Self {
            object_type: object.object_type,
            material: object.material.clone(),
            body,
            algorithm: object.attributes.get(attr::CRYPTOGRAPHIC_ALGORITHM),
            length: object.attributes.get(attr::CRYPTOGRAPHIC_LENGTH),
            attributes: Vec::new(),
        }
    }

    fn bytes(&self) -> &[u8] {
        self.body.as_ref().map_or(&[], |body| body.bytes.expose())
    }

    fn key_block(&self, out: &mut Writer, version: Version) {
        let mark = out.begin(Tag::KeyBlock);
        if let Some(format) = self.material.format {
            format.write(Tag::KeyFormatType, out, version);
        }
        if let Some(compression) = self.material.compression {
            compression.write(Tag::KeyCompressionType, out, version);
        }
        if let Some(body) = &self.body {
            self.key_value(body, out, version);
        }
        // Algorithm and length go together, and a client that does not know the algorithm gets neither (1.4 §2.1.3).
        if let (Some(algorithm), Some(length)) = (self.algorithm.filter(|one| one.known_in(version)), self.length) {
            algorithm.write(Tag::CryptographicAlgorithm, out, version);
            length.write(Tag::CryptographicLength, out, version);
        }
        if let Some(wrapping) = &self.material.wrapping {
            write_wrapping_data(wrapping, out, version);
        }
        out.end(mark);
    }

    fn key_value(&self, body: &Body, out: &mut Writer, version: Version) {
        if body.kind == BodyKind::Wrapped {
            out.byte_string(Tag::KeyValue, body.bytes.expose());
        } else {
            write_key_value(body, &self.attributes, out, version);
        }
    }
}

/// Key Wrapping Data: identifiers have the item type of the version, and parameters the fields that it knows.
fn write_wrapping_data(wrapping: &Value, out: &mut Writer, version: Version) {
    let fields = |value: &Value| if let Value::Structure(fields) = value { fields.clone() } else { Vec::new() };
    let mark = out.begin(Tag::KeyWrappingData);
    for field in fields(wrapping).iter().filter(|field| field.tag.known_in(version)) {
        if !matches!(field.tag, Tag::EncryptionKeyInformation | Tag::MACSignatureKeyInformation) {
            out.value(field.tag, &field.value);
            continue;
        }
        let information = out.begin(field.tag);
        for inner in fields(&field.value) {
            match (inner.tag, inner.value.as_text()) {
                (Tag::UniqueIdentifier, Some(id)) => Id(id.into()).write(inner.tag, out, version),
                _ => {
                    if let Some(known) = super::attributes::fitted(inner.tag, &inner.value, version) {
                        out.value(inner.tag, &known);
                    }
                }
            }
        }
        out.end(information);
    }
    out.end(mark);
}

/// A plain Key Value with the attributes that travel inside it; also what is wrapped when a key is wrapped TTLV-encoded.
pub fn write_key_value(body: &Body, attributes: &[Attribute], out: &mut Writer, version: Version) {
    out.structure(Tag::KeyValue, |out| {
        match body.kind {
            BodyKind::Structure => out.raw_structure(Tag::KeyMaterial, body.bytes.expose()),
            _ => out.byte_string(Tag::KeyMaterial, body.bytes.expose()),
        }
        if !attributes.is_empty() {
            super::attributes::AnswerAttributes(attributes.to_vec()).write(Tag::Attributes, out, version);
        }
    });
}

impl Write for ObjectAnswer {
    fn write(&self, _: Tag, out: &mut Writer, version: Version) {
        let Some((tag, _)) = OBJECTS.iter().find(|(_, object_type)| *object_type == self.object_type) else { return };
        let mark = out.begin(*tag);
        match &self.material.fields {
            Fields::Certificate(certificate_type) => {
                certificate_type.write(Tag::CertificateType, out, version);
                out.byte_string(Tag::CertificateValue, self.bytes());
            }
            Fields::CertificateRequest(request_type) => {
                request_type.write(Tag::CertificateRequestType, out, version);
                out.byte_string(Tag::CertificateRequestValue, self.bytes());
            }
            Fields::Opaque(data_type) => {
                out.enumeration(Tag::OpaqueDataType, data_type.0);
                out.byte_string(Tag::OpaqueDataValue, self.bytes());
            }
            Fields::SecretData(data_type) => {
                data_type.write(Tag::SecretDataType, out, version);
                self.key_block(out, version);
            }
            Fields::PgpKey(pgp_version) => {
                pgp_version.write(Tag::PGPKeyVersion, out, version);
                self.key_block(out, version);
            }
            Fields::SplitKey(split) => {
                split.parts.write(Tag::SplitKeyParts, out, version);
                split.part_identifier.write(Tag::KeyPartIdentifier, out, version);
                split.threshold.write(Tag::SplitKeyThreshold, out, version);
                split.method.write(Tag::SplitKeyMethod, out, version);
                if let Some(prime) = &split.prime_field_size {
                    prime.write(Tag::PrimeFieldSize, out, version);
                }
                self.key_block(out, version);
            }
            Fields::Template(attributes) => {
                attributes.iter().for_each(|attribute| super::attributes::write_attribute(attribute, out, version));
            }
            Fields::None => self.key_block(out, version),
        }
        out.end(mark);
    }
}
