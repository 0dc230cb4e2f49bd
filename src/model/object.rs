//! A managed object as the server knows it: identity, owner, attributes, and a description of its material. The
//! material itself is bytes and lies in the vault; here is only the name to ask for it.

use super::attributes::attr;
use super::lifecycle::{Lifecycle, effective_state};
use super::set::{Attribute, Attributes};
use super::values::OpaqueDataType;
use crate::base::{BigInt, Date, Value};
use crate::registry::{
    CertificateRequestType, CertificateType, KeyCompressionType, KeyFormatType, ObjectClass, ObjectType,
    SecretDataType, SplitKeyMethod, State, Tag,
};

/// A managed object (1.4 §2.2, 2.1 §2, 3.0 §2).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ManagedObject {
    /// Unique Identifier.
    pub id: Box<str>,
    /// Object Type.
    pub object_type: ObjectType,
    /// The caller that made it, by name.
    pub owner: Box<str>,
    /// The attributes. Unique Identifier and Object Type are here too, so that every reader finds them.
    pub attributes: Attributes,
    /// What the server knows of its material.
    pub material: Material,
}

/// How the vault calls the material of an object; what it means is the vault's own affair.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct MaterialRef(pub Box<[u8]>);

/// A description of key material, certificate or data: everything but the bytes.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Material {
    /// Where it lies; `None` if the server never had it (1.4 §3.41), if it is destroyed, or if there is nothing.
    pub reference: Option<MaterialRef>,
    /// The Key Format Type in which it was made or registered.
    pub format: Option<KeyFormatType>,
    /// Key Compression Type.
    pub compression: Option<KeyCompressionType>,
    /// Key Wrapping Data, if it was registered wrapped and is kept so.
    pub wrapping: Option<Value>,
    /// The fields of the object that are not attributes in every version.
    pub fields: Fields,
}

/// The fields that only objects of one type have.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub enum Fields {
    /// None: symmetric, public and private keys, users, groups, credentials.
    #[default]
    None,
    /// Certificate.
    Certificate(CertificateType),
    /// Certificate Request.
    CertificateRequest(CertificateRequestType),
    /// Opaque Object.
    Opaque(OpaqueDataType),
    /// Secret Data.
    SecretData(SecretDataType),
    /// Split Key.
    SplitKey(SplitKey),
    /// PGP Key: PGP Key Version.
    PgpKey(i32),
    /// Template: the attributes it hands on (1.4 §2.2.6). Those of the template object itself are not among them.
    Template(Vec<Attribute>),
}

/// The fields of a Split Key (1.4 §2.2.5).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SplitKey {
    /// The number of parts.
    pub parts: i32,
    /// Which part this one is.
    pub part_identifier: i32,
    /// How many parts make the key again.
    pub threshold: i32,
    /// How it was split.
    pub method: SplitKeyMethod,
    /// Prime Field Size, for the method of that name.
    pub prime_field_size: Option<BigInt>,
}

impl ManagedObject {
    /// A new object with the attributes that every object has from the start (1.4 §3.1, §3.3).
    pub fn new(id: impl Into<Box<str>>, object_type: ObjectType, owner: impl Into<Box<str>>) -> Self {
        let id: Box<str> = id.into();
        let mut attributes = Attributes::new();
        attributes.set(attr::UNIQUE_IDENTIFIER, id.to_string());
        attributes.set(attr::OBJECT_TYPE, object_type);
        Self { id, object_type, owner: owner.into(), attributes, material: Material::default() }
    }

    /// The state in effect at `now`.
    pub fn state(&self, now: Date) -> State {
        effective_state(&self.attributes, now)
    }

    /// State and dates as they were stored; `Lifecycle::at` lets time act on them.
    pub fn lifecycle(&self) -> Lifecycle {
        Lifecycle::of(&self.attributes)
    }

    /// Writes state and dates.
    pub fn set_lifecycle(&mut self, lifecycle: &Lifecycle) {
        lifecycle.store(&mut self.attributes);
    }

    /// Whether the object is the user's or the system's: by its type, but a certificate may be either (3.0 §2).
    pub fn class(&self) -> ObjectClass {
        match self.attributes.get(attr::OBJECT_CLASS) {
            Some(class) if self.object_type == ObjectType::Certificate => class,
            _ => class_of(self.object_type),
        }
    }

    /// Whether the object is in the archive (1.4 §3.32: Recover takes the date away).
    pub fn is_archived(&self) -> bool {
        self.attributes.has(attr::ARCHIVE_DATE.tag())
    }
}

/// Whether the object is the user's or the system's (3.0 §2). System objects are users, groups and credentials.
pub fn class_of(object_type: ObjectType) -> ObjectClass {
    match object_type {
        ObjectType::User
        | ObjectType::Group
        | ObjectType::PasswordCredential
        | ObjectType::DeviceCredential
        | ObjectType::OneTimePasswordCredential
        | ObjectType::HashedPasswordCredential => ObjectClass::System,
        _ => ObjectClass::User,
    }
}

/// Whether the object is in a group that `is_one` knows: by name (Object Group, up to 2.1), or linked to it by name or
/// unique identifier (Group Link, 3.0).
pub fn in_group(attributes: &Attributes, is_one: impl Fn(&str) -> bool) -> bool {
    let texts = attributes.instances(Tag::ObjectGroup).iter();
    texts.chain(attributes.instances(Tag::GroupLink)).any(|group| match &group.value {
        Value::TextString(name) | Value::Identifier(name) | Value::Reference(name) | Value::NameReference(name) => {
            is_one(name)
        }
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::lifecycle::{Dates, Event, next};

    #[test]
    fn a_new_object_knows_itself_and_lives() {
        let mut key = ManagedObject::new("id-1", ObjectType::SymmetricKey, "alice");
        assert_eq!(key.attributes.text(attr::UNIQUE_IDENTIFIER), Some("id-1"));
        assert_eq!(key.attributes.get(attr::OBJECT_TYPE), Some(ObjectType::SymmetricKey));
        key.set_lifecycle(&Lifecycle::created(Dates::default(), Date(1)).unwrap());
        assert_eq!(key.state(Date(1)), State::PreActive);
        let active = next(&key.lifecycle(), Event::Activate, Date(2)).unwrap();
        key.set_lifecycle(&active);
        assert_eq!(key.state(Date(2)), State::Active);
        assert!(!key.is_archived());
        key.attributes.set(attr::ARCHIVE_DATE, Date(3));
        assert!(key.is_archived());
        assert_eq!(class_of(ObjectType::User), ObjectClass::System);
        assert_eq!(class_of(ObjectType::Certificate), ObjectClass::User);
    }
}
