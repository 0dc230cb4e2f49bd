//! Requests, made before the clock starts, and the little that is read of replies.

use keyhaven::base::{Buffer, Limits};
use keyhaven::registry::{CryptographicAlgorithm, NameType, ObjectType, Operation, ResultStatus, Tag};
use keyhaven::ttlv::{Item, Writer, check};

/// AES-256, to encrypt and decrypt.
const BITS: i32 = 256;
const USAGE: i32 = 0x0C;

#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Version {
    major: i32,
    minor: i32,
}

impl Version {
    pub fn parse(text: &str) -> Self {
        let (major, minor) = text.split_once('.').expect("a version such as 1.4");
        Self { major: major.parse().unwrap(), minor: minor.parse().unwrap() }
    }
}

fn request(version: Version, operation: Operation, payload: impl FnOnce(&mut Writer)) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.structure(Tag::RequestMessage, |writer| {
        writer.structure(Tag::RequestHeader, |writer| {
            writer.structure(Tag::ProtocolVersion, |writer| {
                writer.integer(Tag::ProtocolVersionMajor, version.major);
                writer.integer(Tag::ProtocolVersionMinor, version.minor);
            });
            writer.integer(Tag::BatchCount, 1);
        });
        writer.structure(Tag::BatchItem, |writer| {
            writer.enumeration(Tag::Operation, operation.0);
            writer.structure(Tag::RequestPayload, payload);
        });
    });
    writer.finish().to_vec()
}

pub fn create(version: Version, name: Option<&str>) -> Vec<u8> {
    request(version, Operation::Create, |writer| {
        writer.enumeration(Tag::ObjectType, ObjectType::SymmetricKey.0);
        if version.major == 1 {
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
    request(version, Operation::Get, |writer| writer.text(Tag::UniqueIdentifier, id))
}

pub fn locate(version: Version, name: &str) -> Vec<u8> {
    request(version, Operation::Locate, |writer| {
        if version.major == 1 {
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
    let limits = Limits::default();
    let message = check(reply, &limits).unwrap_or_else(|error| panic!("a reply that cannot be read: {error}"));
    let item = message.child(Tag::BatchItem).expect("a batch item");
    let status = item.child(Tag::ResultStatus).and_then(|status| status.enumeration());
    if status != Some(ResultStatus::Success.0) {
        let words = item.child(Tag::ResultMessage).and_then(|words: Item<'_>| words.text().map(str::to_string));
        panic!("the server refused a request: {}", words.unwrap_or_default());
    }
    let payload = item.child(Tag::ResponsePayload).expect("a payload");
    payload.child(Tag::UniqueIdentifier).and_then(|id| id.text().map(str::to_string)).expect("an identifier")
}
