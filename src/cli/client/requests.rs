//! The payload of each operation the client sends, in the order of fields that the standard gives (1.4 §4, 2.1 §6.1).

use zeroize::Zeroizing;

use super::attributes::{Attribute, write_references, write_search, write_template};
use crate::base::Date;
use crate::registry::{
    CertificateRequestType, CertificateType, CryptographicAlgorithm, ItemType, KeyFormatType, ObjectType,
    QueryFunction, RevocationReasonCode, SecretDataType, Tag, Version,
};
use crate::ttlv::Writer;

/// The object that Register brings.
pub struct Registered {
    /// What it is.
    pub kind: Kind,
    /// Its bytes.
    pub material: Zeroizing<Vec<u8>>,
}

/// Kinds of objects that the client can register.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A symmetric, private or public key.
    Key {
        /// Which of the three.
        object_type: ObjectType,
        /// The form of its bytes.
        format: KeyFormatType,
        /// Its algorithm.
        algorithm: CryptographicAlgorithm,
        /// Its length, in bits.
        length: i32,
    },
    /// A password or seed.
    Secret(SecretDataType),
    /// An X.509 certificate in DER.
    Certificate,
    /// Anything else.
    Opaque,
}

impl Kind {
    /// The object type.
    pub fn object_type(self) -> ObjectType {
        match self {
            Self::Key { object_type, .. } => object_type,
            Self::Secret(_) => ObjectType::SecretData,
            Self::Certificate => ObjectType::Certificate,
            Self::Opaque => ObjectType::OpaqueObject,
        }
    }
}

/// Create: the attributes say which key (1.4 §4.1, 2.1 §6.1.8).
pub fn create(writer: &mut Writer, version: Version, attributes: &[Attribute]) {
    writer.enumeration(Tag::ObjectType, ObjectType::SymmetricKey.0);
    write_template(writer, version, attributes);
}

/// Register (1.4 §4.3, 2.1 §6.1.43).
pub fn register(writer: &mut Writer, version: Version, object: &Registered, attributes: &[Attribute]) {
    writer.enumeration(Tag::ObjectType, object.kind.object_type().0);
    write_template(writer, version, attributes);
    let material = &object.material;
    match object.kind {
        Kind::Key { object_type, format, algorithm, length } => {
            let tag = match object_type {
                ObjectType::PrivateKey => Tag::PrivateKey,
                ObjectType::PublicKey => Tag::PublicKey,
                _ => Tag::SymmetricKey,
            };
            writer.structure(tag, |writer| key_block(writer, format, material, Some((algorithm, length))));
        }
        Kind::Secret(secret) => writer.structure(Tag::SecretData, |writer| {
            writer.enumeration(Tag::SecretDataType, secret.0);
            // Algorithm and length of secret data may be left out (1.4 §2.1.3).
            key_block(writer, KeyFormatType::Opaque, material, None);
        }),
        Kind::Certificate => certificate(writer, material),
        Kind::Opaque => writer.structure(Tag::OpaqueObject, |writer| {
            writer.enumeration(Tag::OpaqueDataType, OPAQUE);
            writer.byte_string(Tag::OpaqueDataValue, material);
        }),
    }
}

/// The standard names no Opaque Data Type; the first of the extension range is what its test cases use.
const OPAQUE: u32 = 0x8000_0001;

fn key_block(
    writer: &mut Writer,
    format: KeyFormatType,
    material: &[u8],
    algorithm: Option<(CryptographicAlgorithm, i32)>,
) {
    writer.structure(Tag::KeyBlock, |writer| {
        writer.enumeration(Tag::KeyFormatType, format.0);
        writer.structure(Tag::KeyValue, |writer| writer.byte_string(Tag::KeyMaterial, material));
        if let Some((algorithm, length)) = algorithm {
            writer.enumeration(Tag::CryptographicAlgorithm, algorithm.0);
            writer.integer(Tag::CryptographicLength, length);
        }
    });
}

/// The payload of Activate and Destroy, and the beginning of others: the object.
pub fn object(writer: &mut Writer, version: Version, identifier: &str) {
    if version < Version::V3_0 {
        writer.text(Tag::UniqueIdentifier, identifier);
    } else {
        writer.reference(Tag::UniqueIdentifier, ItemType::Identifier, identifier);
    }
}

/// Get (1.4 §4.11, 2.1 §6.1.22), in a form of key if one is wanted.
pub fn get(writer: &mut Writer, version: Version, identifier: &str, format: Option<KeyFormatType>) {
    object(writer, version, identifier);
    if let Some(format) = format {
        writer.enumeration(Tag::KeyFormatType, format.0);
    }
}

/// Get Attributes (1.4 §4.12, 2.1 §6.1.24); no names mean all. The error names what is no attribute.
pub fn attributes(writer: &mut Writer, version: Version, identifier: &str, names: &[String]) -> Result<(), String> {
    object(writer, version, identifier);
    write_references(writer, version, names)
}

/// Locate (1.4 §4.9, 2.1 §6.1.32).
pub fn locate(
    writer: &mut Writer,
    version: Version,
    maximum: Option<i32>,
    offset: Option<i32>,
    attributes: &[Attribute],
) {
    if let Some(maximum) = maximum {
        writer.integer(Tag::MaximumItems, maximum);
    }
    if let Some(offset) = offset {
        writer.integer(Tag::OffsetItems, offset);
    }
    write_search(writer, version, attributes);
}

/// Certify (1.4 §4.7, 2.1 §6.1.6): a public key or Certificate Request object, a certificate request, or both.
pub fn certify(
    writer: &mut Writer,
    version: Version,
    identifier: Option<&str>,
    request: Option<(CertificateRequestType, &[u8])>,
    attributes: &[Attribute],
) {
    if let Some(identifier) = identifier {
        object(writer, version, identifier);
    }
    if let Some((request_type, bytes)) = request {
        let tag = if version.is_1x() { Tag::CertificateRequest } else { Tag::CertificateRequestValue };
        writer.enumeration(Tag::CertificateRequestType, request_type.0);
        writer.byte_string(tag, bytes);
    }
    write_template(writer, version, attributes);
}

/// Validate (1.4 §4.24, 2.1 §6.1.57): certificates in DER, certificates by identifier, and when.
pub fn validate(writer: &mut Writer, version: Version, sent: &[Vec<u8>], identifiers: &[String], at: Option<Date>) {
    sent.iter().for_each(|der| certificate(writer, der));
    identifiers.iter().for_each(|identifier| object(writer, version, identifier));
    if let Some(at) = at {
        writer.date_time(Tag::ValidityDate, at);
    }
}

fn certificate(writer: &mut Writer, der: &[u8]) {
    writer.structure(Tag::Certificate, |writer| {
        writer.enumeration(Tag::CertificateType, CertificateType::X_509.0);
        writer.byte_string(Tag::CertificateValue, der);
    });
}

/// What follows the object in Revoke (1.4 §4.20, 2.1 §6.1.49). With a compromise goes the date since which it may have
/// happened.
pub fn revocation(writer: &mut Writer, reason: RevocationReasonCode, message: Option<&str>, compromised: Option<Date>) {
    writer.structure(Tag::RevocationReason, |writer| {
        writer.enumeration(Tag::RevocationReasonCode, reason.0);
        if let Some(message) = message {
            writer.text(Tag::RevocationMessage, message);
        }
    });
    if let Some(date) = compromised {
        writer.date_time(Tag::CompromiseOccurrenceDate, date);
    }
}

/// Query (1.4 §4.25, 2.1 §6.1.38).
pub fn query(writer: &mut Writer, functions: &[QueryFunction]) {
    for function in functions {
        writer.enumeration(Tag::QueryFunction, function.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Limits, Value};
    use crate::cli::client::message::request;
    use crate::registry::Operation;
    use crate::ttlv;

    /// What the standard allows: each item known in the version, and of a type of its row.
    fn known(bytes: &[u8], version: Version) {
        let root = ttlv::check(bytes, &Limits::default()).unwrap();
        let mut open = vec![root];
        while let Some(item) = open.pop() {
            assert!(item.tag.known_in(version), "{:?} is not in {version}", item.tag);
            let types = item.tag.row().unwrap().types;
            assert!(types.is_empty() || types.contains(&item.item_type), "{:?} as {:?}", item.tag, item.item_type);
            assert!(item.item_type.since() <= version, "{:?} in {version}", item.item_type);
            open.extend(item.children());
        }
    }

    fn payload_tags(bytes: &[u8]) -> Vec<Tag> {
        let message = ttlv::check(bytes, &Limits::default()).unwrap();
        let payload = message.child(Tag::BatchItem).unwrap().child(Tag::RequestPayload).unwrap();
        payload.children().map(|item| item.tag).collect()
    }

    #[test]
    fn every_request_is_of_its_version() {
        let named = [Attribute::Name("n".into()), Attribute::Custom("k".into(), "v".into())];
        let key = Kind::Key {
            object_type: ObjectType::SymmetricKey,
            format: KeyFormatType::Raw,
            algorithm: CryptographicAlgorithm::AES,
            length: 128,
        };
        for version in Version::ALL {
            let template = if version.is_1x() { Tag::TemplateAttribute } else { Tag::Attributes };
            let send = |operation, fill: &dyn Fn(&mut Writer)| {
                let bytes = request(version, None, operation, |writer| fill(writer));
                known(&bytes, version);
                payload_tags(&bytes)
            };
            let tags = send(Operation::Create, &|writer| create(writer, version, &named));
            assert_eq!(tags, [Tag::ObjectType, template]);
            for (kind, tag) in [
                (key, Tag::SymmetricKey),
                (Kind::Secret(SecretDataType::Password), Tag::SecretData),
                (Kind::Certificate, Tag::Certificate),
                (Kind::Opaque, Tag::OpaqueObject),
            ] {
                let object = Registered { kind, material: Zeroizing::new(vec![1; 16]) };
                let tags = send(Operation::Register, &|writer| register(writer, version, &object, &named));
                assert_eq!(tags, [Tag::ObjectType, template, tag]);
            }
            let tags = send(Operation::Get, &|writer| get(writer, version, "1", Some(KeyFormatType::Raw)));
            assert_eq!(tags, [Tag::UniqueIdentifier, Tag::KeyFormatType]);
            let tags = send(Operation::Locate, &|writer| locate(writer, version, Some(5), None, &named[..1]));
            let searched = if version.is_1x() { Tag::Attribute } else { Tag::Attributes };
            assert_eq!(tags, [Tag::MaximumItems, searched]);
            let reason = RevocationReasonCode::KeyCompromise;
            let tags = send(Operation::Revoke, &|writer| {
                object(writer, version, "1");
                revocation(writer, reason, Some("lost"), Some(Date(0)));
            });
            assert_eq!(tags, [Tag::UniqueIdentifier, Tag::RevocationReason, Tag::CompromiseOccurrenceDate]);
            let names = ["State".to_owned(), "x-k".to_owned()];
            let tags = send(Operation::GetAttributes, &|writer| {
                attributes(writer, version, "1", &names).unwrap();
            });
            let reference = if version.is_1x() { Tag::AttributeName } else { Tag::AttributeReference };
            assert_eq!(tags, [Tag::UniqueIdentifier, reference, reference]);
            let request = Some((CertificateRequestType::PEM, &b"pem"[..]));
            let issued = [Attribute::Link(Tag::CertificateLink, "2".into())];
            let tags = send(Operation::Certify, &|writer| certify(writer, version, Some("1"), request, &issued));
            let value = if version.is_1x() { Tag::CertificateRequest } else { Tag::CertificateRequestValue };
            assert_eq!(tags, [Tag::UniqueIdentifier, Tag::CertificateRequestType, value, template]);
            let tags = send(Operation::Validate, &|writer| {
                validate(writer, version, &[vec![1]], &["1".to_owned()], Some(Date(0)));
            });
            assert_eq!(tags, [Tag::Certificate, Tag::UniqueIdentifier, Tag::ValidityDate]);
            let tags = send(Operation::Query, &|writer| query(writer, &[QueryFunction::QueryOperations]));
            assert_eq!(tags, [Tag::QueryFunction]);
            send(Operation::Destroy, &|writer| object(writer, version, "1"));
        }
    }

    /// The first request of the profile test case SKLC-M-1 of 1.0 has this form.
    #[test]
    fn a_create_of_1_0_byte_for_byte() {
        let attributes = [Attribute::Standard(Tag::CryptographicLength, Value::Integer(256))];
        let bytes = request(Version::V1_0, None, Operation::Create, |writer| {
            create(writer, Version::V1_0, &attributes);
        });
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let expected = concat!(
            "42007801000000d8", // Request Message
            "4200770100000038",
            "4200690100000020", // Header, Protocol Version
            "42006a02000000040000000100000000",
            "42006b02000000040000000000000000", // 1, 0
            "42000d02000000040000000100000000", // Batch Count 1
            "42000f0100000090",
            "42005c05000000040000000100000000", // Batch Item, Create
            "4200790100000078",
            "42005705000000040000000200000000", // Payload, Symmetric Key
            "4200910100000060",
            "4200080100000058", // Template-Attribute, Attribute
            "42000a0700000014",
            "43727970746f67726170686963204c656e67746800000000", // "Cryptographic Length"
            "42000b02000000040000010000000000",                 // 256
        );
        // The lengths of the outer structures follow from their content.
        assert_eq!(hex.len(), bytes.len() * 2);
        let without_lengths = |hex: &str| hex.replace(char::is_whitespace, "");
        assert_eq!(structure_lengths_cleared(&hex), structure_lengths_cleared(&without_lengths(expected)));
    }

    fn structure_lengths_cleared(hex: &str) -> String {
        let mut text = hex.to_owned();
        let mut at = 0;
        while at + 16 <= text.len() {
            let length = usize::from_str_radix(&text[at + 8..at + 16], 16).unwrap();
            if &text[at + 6..at + 8] == "01" {
                text.replace_range(at + 8..at + 16, "00000000");
                at += 16;
            } else {
                at += 16 + length.next_multiple_of(8) * 2;
            }
        }
        text
    }
}
