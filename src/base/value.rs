//! An item value that owns its bytes: what an attribute holds and what a structure of the standard is made of,
//! independent of any encoding.

use super::time::Date;
use crate::registry::{ItemType, Tag};

/// A Big Integer: two's complement, most significant byte first, shortest form, at least one byte.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct BigInt(Box<[u8]>);

impl BigInt {
    /// From two's complement bytes of any length; leading sign bytes are dropped.
    pub fn from_signed(bytes: &[u8]) -> Self {
        let mut bytes = bytes;
        while let [first, second, ..] = bytes {
            let redundant = (*first == 0 && *second < 0x80) || (*first == 0xFF && *second >= 0x80);
            if !redundant {
                break;
            }
            bytes = &bytes[1..];
        }
        Self(if bytes.is_empty() { Box::new([0]) } else { bytes.into() })
    }

    /// From an unsigned magnitude.
    pub fn from_unsigned(bytes: &[u8]) -> Self {
        let mut signed = Vec::with_capacity(bytes.len() + 1);
        signed.push(0);
        signed.extend_from_slice(bytes);
        Self::from_signed(&signed)
    }

    /// The shortest two's complement form.
    pub fn signed(&self) -> &[u8] {
        &self.0
    }

    /// The magnitude without leading zeros, if the number is not negative.
    pub fn unsigned(&self) -> Option<&[u8]> {
        match &*self.0 {
            [first, ..] if *first >= 0x80 => None,
            [0, rest @ ..] if !rest.is_empty() => Some(rest),
            all => Some(all),
        }
    }
}

/// A value of any item type.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Value {
    /// Items in order.
    Structure(Vec<Field>),
    /// 32 bits, signed; masks too.
    Integer(i32),
    /// 64 bits, signed.
    LongInteger(i64),
    /// Any length, signed.
    BigInteger(BigInt),
    /// A value of an enumeration, known or not.
    Enumeration(u32),
    /// Yes or no.
    Boolean(bool),
    /// UTF-8.
    TextString(Box<str>),
    /// Bytes.
    ByteString(Box<[u8]>),
    /// Seconds since 1970.
    DateTime(Date),
    /// Seconds.
    Interval(u32),
    /// Microseconds since 1970.
    DateTimeExtended(i64),
    /// The unique identifier of an object (3.0).
    Identifier(Box<str>),
    /// A link by unique identifier (3.0).
    Reference(Box<str>),
    /// A link by name (3.0).
    NameReference(Box<str>),
}

/// A tagged value inside a structure.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Field {
    /// What it is.
    pub tag: Tag,
    /// What it holds.
    pub value: Value,
}

impl Field {
    /// A tagged value.
    pub fn new(tag: Tag, value: Value) -> Self {
        Self { tag, value }
    }
}

impl Value {
    /// A text string.
    pub fn text(text: impl Into<Box<str>>) -> Self {
        Self::TextString(text.into())
    }

    /// The item type of the value.
    pub fn item_type(&self) -> ItemType {
        match self {
            Self::Structure(_) => ItemType::Structure,
            Self::Integer(_) => ItemType::Integer,
            Self::LongInteger(_) => ItemType::LongInteger,
            Self::BigInteger(_) => ItemType::BigInteger,
            Self::Enumeration(_) => ItemType::Enumeration,
            Self::Boolean(_) => ItemType::Boolean,
            Self::TextString(_) => ItemType::TextString,
            Self::ByteString(_) => ItemType::ByteString,
            Self::DateTime(_) => ItemType::DateTime,
            Self::Interval(_) => ItemType::Interval,
            Self::DateTimeExtended(_) => ItemType::DateTimeExtended,
            Self::Identifier(_) => ItemType::Identifier,
            Self::Reference(_) => ItemType::Reference,
            Self::NameReference(_) => ItemType::NameReference,
        }
    }

    /// The text of a text string, identifier, reference or name reference.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::TextString(text) | Self::Identifier(text) | Self::Reference(text) | Self::NameReference(text) => {
                Some(text)
            }
            _ => None,
        }
    }

    /// The first field of a structure with this tag.
    pub fn field(&self, tag: Tag) -> Option<&Value> {
        match self {
            Self::Structure(fields) => fields.iter().find(|field| field.tag == tag).map(|field| &field.value),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn big_integers_have_one_form() {
        assert_eq!(BigInt::from_signed(&[0, 0, 0x7F]), BigInt::from_signed(&[0x7F]));
        assert_eq!(BigInt::from_signed(&[0xFF, 0xFF]).signed(), [0xFF]);
        assert_eq!(BigInt::from_unsigned(&[0x80]).signed(), [0, 0x80]);
        assert_eq!(BigInt::from_unsigned(&[0x80]).unsigned(), Some(&[0x80][..]));
        assert_eq!(BigInt::from_signed(&[]).unsigned(), Some(&[0][..]));
        assert_eq!(BigInt::from_signed(&[0x80]).unsigned(), None);
    }
}
