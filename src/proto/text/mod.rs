//! The same items as XML and as JSON (KMIP Additional Message Encodings 1.0, chapters 4 and 6; Profiles 2.1 §5.4).
//! Both encodings are read into and written from `base` values. A message keeps its meaning and its TTLV size:
//! limits such as Maximum Response Size always count TTLV bytes, so `serve` and the core only ever see TTLV.

mod dates;
pub mod json;
mod leaf;
mod names;
pub mod xml;

use std::fmt;

use crate::base::{Buffer, Error, Field, Limits, Value};
use crate::registry::{Tag, Version};
use crate::ttlv::{self, Writer};

/// Bytes of text that one byte of TTLV may take. The longest names of the standard need about seven.
const TEXT_PER_BYTE: usize = 8;

/// A text encoding of KMIP messages.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Encoding {
    /// Elements with `type` and `value` attributes.
    Xml,
    /// Objects with `tag`, `type` and `value`.
    Json,
}

impl Encoding {
    /// The encoding of a Content-Type, whose parameters do not matter (Additional Message Encodings §2.4).
    pub fn of_content_type(content_type: &str) -> Option<Self> {
        let media = content_type.split(';').next().unwrap_or_default().trim();
        let is = |name: &str| media.eq_ignore_ascii_case(name);
        if is("text/xml") || is("application/xml") {
            Some(Self::Xml)
        } else if is("application/json") {
            Some(Self::Json)
        } else {
            None
        }
    }

    /// The Content-Type of an answer (Additional Message Encodings §2.5).
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Xml => "text/xml",
            Self::Json => "application/json",
        }
    }

    /// One item with all below it, from text.
    pub fn read(self, text: &[u8], limits: &Limits) -> Result<Field, TextError> {
        match self {
            Self::Xml => xml::read(text, limits),
            Self::Json => json::read(text, limits),
        }
    }

    /// One item with all below it, as text. Names that `version` does not have are written as numbers.
    pub fn write(self, field: &Field, version: Version) -> String {
        match self {
            Self::Xml => xml::write(field, version),
            Self::Json => json::write(field, version),
        }
    }
}

/// A message as text into TTLV. The bytes have the right form but are otherwise as unchecked as any client's: they
/// go through `ttlv::check` like a message from a socket. More than `limits` allow is refused.
pub fn to_ttlv(encoding: Encoding, text: &[u8], limits: &Limits) -> Result<Buffer, TextError> {
    let field = encoding.read(text, limits)?;
    let mut writer = Writer::default();
    writer.value(field.tag, &field.value);
    let message = writer.finish();
    if message.len() > limits.message_bytes_max {
        return Err(TextError::new("the message is longer than the server allows", field.tag));
    }
    Ok(message)
}

/// A TTLV message as text, with the names of its own protocol version. Fails if the bytes are not a message.
pub fn from_ttlv(encoding: Encoding, message: &[u8], limits: &Limits) -> Result<String, ttlv::TtlvError> {
    let item = ttlv::check(message, limits)?;
    let field = Field::new(item.tag, item.to_value());
    Ok(encoding.write(&field, version_of(&field.value).unwrap_or(Version::NEWEST)))
}

/// The protocol version in the header of a request or a response, if it is one that we know.
pub fn version_of(message: &Value) -> Option<Version> {
    let header = message.field(Tag::RequestHeader).or_else(|| message.field(Tag::ResponseHeader))?;
    let version = header.field(Tag::ProtocolVersion)?;
    match (version.field(Tag::ProtocolVersionMajor)?, version.field(Tag::ProtocolVersionMinor)?) {
        (Value::Integer(major), Value::Integer(minor)) => Version::from_numbers(*major, *minor),
        _ => None,
    }
}

/// What is wrong with a text, and where: words for the client that never repeat a value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TextError {
    what: String,
    place: String,
}

impl TextError {
    fn new(what: impl Into<String>, place: impl fmt::Display) -> Self {
        Self { what: what.into(), place: place.to_string() }
    }

    /// The fault inside the structures `open`, outermost first, at `tag` if it is known.
    fn inside(what: impl Into<String>, open: &[(Tag, Vec<Field>)], tag: Option<Tag>) -> Self {
        let path: Vec<String> = open.iter().map(|(tag, _)| *tag).chain(tag).map(|tag| format!("{tag:?}")).collect();
        Self::new(what, if path.is_empty() { "the beginning".into() } else { path.join("/") })
    }
}

impl fmt::Display for TextError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (at {})", self.what, self.place)
    }
}

impl std::error::Error for TextError {}

impl From<TextError> for Error {
    fn from(error: TextError) -> Self {
        Self::invalid_message(error.to_string())
    }
}

/// Refuses a text that is too long to be a message within the limits.
fn check_length(text: &[u8], limits: &Limits) -> Result<(), TextError> {
    if text.len() > limits.message_bytes_max.saturating_mul(TEXT_PER_BYTE) {
        return Err(TextError::new("the text is longer than the server allows", format_args!("byte {}", text.len())));
    }
    Ok(())
}

/// The tag whose enumeration or mask a value takes: its own, or in the Attribute structure of 1.x that of the
/// attribute's name. `before` are the siblings in front of it. A vendor attribute of 2.x has names of its own.
fn naming(tag: Tag, before: &[Field]) -> Tag {
    if tag != Tag::AttributeValue {
        return tag;
    }
    let before = match before {
        [before @ .., last] if last.tag == Tag::AttributeIndex => before,
        all => all,
    };
    match before {
        [.., vendor, _] if vendor.tag == Tag::VendorIdentification => tag,
        [.., name] if name.tag == Tag::AttributeName => {
            name.value.as_text().and_then(Tag::from_name).unwrap_or(Tag::AttributeValue)
        }
        _ => tag,
    }
}

#[cfg(test)]
mod tests;
