//! Why bytes are not TTLV: what was expected, at which tag, at which byte.

use std::fmt;

use nom::error::{ErrorKind, ParseError};

use crate::base;
use crate::registry::{ItemType, ResultReason, Tag};

/// A fault in the encoding of a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TtlvError {
    /// What is wrong.
    pub kind: Kind,
    /// The tag of the faulty item, where it could be read.
    pub tag: Option<Tag>,
    /// Where the faulty item begins, in bytes from the start of the message.
    pub offset: usize,
}

/// What can be wrong with an item.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// The bytes end inside an item.
    Truncated,
    /// Bytes follow the message.
    TrailingBytes,
    /// No item type has this code.
    UnknownType(u8),
    /// The value has a length that its type does not allow.
    WrongLength(ItemType),
    /// An item reaches past the end of its structure.
    Overrun,
    /// Padding bytes are not zero.
    DirtyPadding,
    /// A Boolean is neither zero nor one.
    WrongBoolean,
    /// A text is not UTF-8.
    WrongText,
    /// Structures are nested deeper than the limit.
    TooDeep,
    /// More items than the limit.
    TooManyItems,
    /// The message is longer than the limit.
    TooLong,
    /// The message is not what the connection carries.
    WrongMessage,
}

impl TtlvError {
    pub(super) fn at(kind: Kind, tag: Option<Tag>, offset: usize) -> Self {
        Self { kind, tag, offset }
    }
}

impl ParseError<&[u8]> for TtlvError {
    fn from_error_kind(_: &[u8], _: ErrorKind) -> Self {
        Self::at(Kind::Truncated, None, 0)
    }

    fn append(_: &[u8], _: ErrorKind, other: Self) -> Self {
        other
    }
}

impl fmt::Display for TtlvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            Kind::Truncated => f.write_str("the message ends inside an item")?,
            Kind::TrailingBytes => f.write_str("bytes follow the message")?,
            Kind::UnknownType(code) => write!(f, "no item type has the code 0x{code:02X}")?,
            Kind::WrongLength(item_type) => write!(f, "a length that {item_type:?} does not allow")?,
            Kind::Overrun => f.write_str("an item reaches past the end of its structure")?,
            Kind::DirtyPadding => f.write_str("padding that is not zero")?,
            Kind::WrongBoolean => f.write_str("a Boolean that is neither zero nor one")?,
            Kind::WrongText => f.write_str("a text that is not UTF-8")?,
            Kind::TooDeep => f.write_str("structures nested too deep")?,
            Kind::TooManyItems => f.write_str("too many items")?,
            Kind::TooLong => f.write_str("a message longer than the limit")?,
            Kind::WrongMessage => f.write_str("not a message of the expected kind")?,
        }
        if let Some(tag) = self.tag {
            write!(f, ", in {tag:?}")?;
        }
        write!(f, ", at byte {}", self.offset)
    }
}

impl std::error::Error for TtlvError {}

impl From<TtlvError> for base::Error {
    fn from(error: TtlvError) -> Self {
        Self::new(ResultReason::InvalidMessage, error.to_string())
    }
}
