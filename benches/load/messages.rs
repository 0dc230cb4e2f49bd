//! Requests, made before the clock starts, and the little that is read of replies.

use keyhaven::base::{Buffer, Limits};
use keyhaven::proto::message;
use keyhaven::registry::{
    CryptographicAlgorithm, ItemType, NameType, ObjectType, Operation, ResultStatus, Tag, Version,
};
use keyhaven::ttlv::{Item, Writer, check};

/// AES-256, to encrypt and decrypt.
const BITS: i32 = 256;
const USAGE: i32 = 0x0C;

/// A version such as 1.4.
pub fn version(text: &str) -> Version {
    let (major, minor) = text.split_once('.').expect("a version such as 1.4");
    Version::from_numbers(major.parse().unwrap(), minor.parse().unwrap()).expect("a version of KMIP")
}

pub fn request(version: Version, operation: Operation, payload: impl FnOnce(&mut Writer)) -> Vec<u8> {
    message::request(version, |_| {}, operation, payload).to_vec()
}

pub fn create(version: Version, name: Option<&str>) -> Vec<u8> {
    request(version, Operation::Create, |writer| {
        writer.enumeration(Tag::ObjectType, ObjectType::SymmetricKey.0);
        if version.is_1x() {
            writer.structure(Tag::TemplateAttribute, |writer| {
                let algorithm = CryptographicAlgorithm::AES.0;
                attribute(writer, "Cryptographic Algorithm", |writer| {
                    writer.enumeration(Tag::AttributeValue, algorithm);
                });
                attribute(writer, "Cryptographic Length", |writer| writer.integer(Tag::AttributeValue, BITS));
                attribute(writer, "Cryptographic Usage Mask", |writer| {
                    writer.integer(Tag::AttributeValue, USAGE);
                });
                if let Some(name) = name {
                    attribute(writer, "Name", |writer| named(writer, Tag::AttributeValue, name));
                }
            });
        } else {
            writer.structure(Tag::Attributes, |writer| {
                writer.enumeration(Tag::CryptographicAlgorithm, CryptographicAlgorithm::AES.0);
                writer.integer(Tag::CryptographicLength, BITS);
                writer.integer(Tag::CryptographicUsageMask, USAGE);
                if let Some(name) = name {
                    named(writer, Tag::Name, name);
                }
            });
        }
    })
}

pub fn get(version: Version, id: &str) -> Vec<u8> {
    request(version, Operation::Get, |writer| write_id(writer, version, id))
}

pub fn locate(version: Version, name: &str) -> Vec<u8> {
    request(version, Operation::Locate, |writer| {
        if version.is_1x() {
            attribute(writer, "Name", |writer| named(writer, Tag::AttributeValue, name));
        } else {
            writer.structure(Tag::Attributes, |writer| named(writer, Tag::Name, name));
        }
    })
}

fn attribute(writer: &mut Writer, name: &str, value: impl FnOnce(&mut Writer)) {
    writer.structure(Tag::Attribute, |writer| {
        writer.text(Tag::AttributeName, name);
        value(writer);
    });
}

fn named(writer: &mut Writer, tag: Tag, name: &str) {
    writer.structure(tag, |writer| {
        writer.text(Tag::NameValue, name);
        writer.enumeration(Tag::NameType, NameType::UninterpretedTextString.0);
    });
}

/// A successful reply of `bytes` bytes, near enough for the fixed parts.
pub fn canned(bytes: usize) -> Vec<u8> {
    let with = |filler: usize| {
        let mut writer = Writer::new(Buffer::default());
        writer.structure(Tag::ResponseMessage, |writer| {
            writer.structure(Tag::ResponseHeader, |writer| writer.integer(Tag::BatchCount, 1));
            writer.structure(Tag::BatchItem, |writer| {
                writer.enumeration(Tag::Operation, Operation::Get.0);
                writer.enumeration(Tag::ResultStatus, ResultStatus::Success.0);
                writer.structure(Tag::ResponsePayload, |writer| {
                    writer.text(Tag::UniqueIdentifier, "canned");
                    writer.byte_string(Tag::KeyMaterial, &vec![7; filler]);
                });
            });
        });
        writer.finish().to_vec()
    };
    let fixed = with(0).len();
    with(bytes.saturating_sub(fixed))
}

/// The length of the message that begins with these bytes.
pub fn length(start: &[u8]) -> Option<usize> {
    let length = start.get(4..8)?;
    Some(8 + u32::from_be_bytes(length.try_into().unwrap()) as usize)
}

/// The Unique Identifier in a reply; stops the run if the operation failed.
pub fn identifier(reply: &[u8]) -> String {
    text(reply, Tag::UniqueIdentifier)
}

/// A field of a reply that is a text; stops the run if the operation failed.
pub fn text(reply: &[u8], tag: Tag) -> String {
    payload_field(reply, tag).expect("a text")
}

/// Stops the run if the operation failed.
pub fn expect_success(reply: &[u8]) {
    payload_field(reply, Tag::UniqueIdentifier);
}

fn payload_field(reply: &[u8], tag: Tag) -> Option<String> {
    let limits = Limits::default();
    let message = check(reply, &limits).unwrap_or_else(|error| panic!("a reply that cannot be read: {error}"));
    let item = message.child(Tag::BatchItem).expect("a batch item");
    let status = item.child(Tag::ResultStatus).and_then(|status| status.enumeration());
    if status != Some(ResultStatus::Success.0) {
        let words = item.child(Tag::ResultMessage).and_then(|words: Item<'_>| words.text().map(str::to_string));
        panic!("the server refused a request: {}", words.unwrap_or_default());
    }
    let payload = item.child(Tag::ResponsePayload).expect("a payload");
    payload.child(tag).and_then(|field| field.text().map(str::to_string))
}

/// The Unique Identifier of a request, in the type that it has in the version.
pub fn write_id(writer: &mut Writer, version: Version, id: &str) {
    let item_type = if version < Version::V3_0 { ItemType::TextString } else { ItemType::Identifier };
    writer.reference(Tag::UniqueIdentifier, item_type, id);
}
