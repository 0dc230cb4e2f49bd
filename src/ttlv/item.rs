//! One item: tag, type, length, value, padding. nom reads it; an `Item` borrows the value from the message.

use nom::bytes::complete::take;
use nom::number::complete::{be_u8, be_u24, be_u32};
use nom::{IResult, Parser};

use super::error::{Kind, TtlvError};
use super::padded;
use crate::base::{BigInt, Date, Field, Value};
use crate::registry::{ItemType, Tag};

/// An item of a message that `check` has walked. It borrows its value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Item<'a> {
    /// What it is.
    pub tag: Tag,
    /// The type of its value.
    pub item_type: ItemType,
    /// The value without padding.
    pub bytes: &'a [u8],
    /// Where the item begins in its message.
    pub offset: usize,
}

/// Tag, type and length of the next item.
pub(super) fn header(input: &[u8]) -> IResult<&[u8], (Tag, u8, usize), TtlvError> {
    let (input, (tag, code, length)) = (be_u24, be_u8, be_u32).parse(input)?;
    Ok((input, (Tag(tag), code, length as usize)))
}

/// The next item: its parts and the padding that follows its value.
fn item(input: &[u8]) -> IResult<&[u8], (Tag, u8, &[u8]), TtlvError> {
    let (input, (tag, code, length)) = header(input)?;
    let (input, bytes) = take(length)(input)?;
    let (input, _padding) = take(padded(length) - length)(input)?;
    Ok((input, (tag, code, bytes)))
}

impl<'a> Item<'a> {
    /// The first item of bytes that `check` has passed.
    pub(super) fn first(input: &'a [u8], offset: usize) -> Option<(Self, &'a [u8])> {
        let (rest, (tag, code, bytes)) = item(input).ok()?;
        Some((Self { tag, item_type: ItemType::from_code(code)?, bytes, offset }, rest))
    }

    /// The items of a structure; none if it is not one.
    pub fn children(&self) -> Children<'a> {
        let rest: &[u8] = if self.item_type == ItemType::Structure { self.bytes } else { &[] };
        Children { rest, offset: self.offset + super::HEADER_BYTES }
    }

    /// The first child with this tag.
    pub fn child(&self, tag: Tag) -> Option<Self> {
        self.children().find(|child| child.tag == tag)
    }

    /// The number of an Integer, or of an Enumeration's four bytes.
    fn four(&self) -> [u8; 4] {
        self.bytes.try_into().unwrap_or_default()
    }

    fn eight(&self) -> [u8; 8] {
        self.bytes.try_into().unwrap_or_default()
    }

    /// The value of an Integer.
    pub fn integer(&self) -> Option<i32> {
        (self.item_type == ItemType::Integer).then(|| i32::from_be_bytes(self.four()))
    }

    /// The value of a Long Integer.
    pub fn long_integer(&self) -> Option<i64> {
        (self.item_type == ItemType::LongInteger).then(|| i64::from_be_bytes(self.eight()))
    }

    /// The value of a Big Integer.
    pub fn big_integer(&self) -> Option<BigInt> {
        (self.item_type == ItemType::BigInteger).then(|| BigInt::from_signed(self.bytes))
    }

    /// The value of an Enumeration.
    pub fn enumeration(&self) -> Option<u32> {
        (self.item_type == ItemType::Enumeration).then(|| u32::from_be_bytes(self.four()))
    }

    /// The value of a Boolean.
    pub fn boolean(&self) -> Option<bool> {
        (self.item_type == ItemType::Boolean).then(|| self.eight() != [0; 8])
    }

    /// The value of a Text String, Identifier, Reference or Name Reference.
    pub fn text(&self) -> Option<&'a str> {
        use ItemType::{Identifier, NameReference, Reference, TextString};
        match self.item_type {
            TextString | Identifier | Reference | NameReference => std::str::from_utf8(self.bytes).ok(),
            _ => None,
        }
    }

    /// The value of a Byte String.
    pub fn byte_string(&self) -> Option<&'a [u8]> {
        (self.item_type == ItemType::ByteString).then_some(self.bytes)
    }

    /// The value of a Date-Time.
    pub fn date_time(&self) -> Option<Date> {
        (self.item_type == ItemType::DateTime).then(|| Date(i64::from_be_bytes(self.eight())))
    }

    /// The value of an Interval.
    pub fn interval(&self) -> Option<u32> {
        (self.item_type == ItemType::Interval).then(|| u32::from_be_bytes(self.four()))
    }

    /// The value of a Date-Time Extended.
    pub fn date_time_extended(&self) -> Option<i64> {
        (self.item_type == ItemType::DateTimeExtended).then(|| i64::from_be_bytes(self.eight()))
    }

    /// The value with all below it, owned. Depth is bounded by `check`; the walk keeps its own stack.
    pub fn to_value(&self) -> Value {
        if self.item_type != ItemType::Structure {
            return self.leaf();
        }
        let mut open: Vec<(Tag, Children<'a>, Vec<Field>)> = Vec::new();
        let mut current = *self;
        loop {
            let mut done = if current.item_type == ItemType::Structure {
                open.push((current.tag, current.children(), Vec::new()));
                None
            } else {
                Some(Field::new(current.tag, current.leaf()))
            };
            // Closes structures until one has another child.
            loop {
                let Some((tag, children, fields)) = open.last_mut() else {
                    return done.map_or(Value::Structure(Vec::new()), |field| field.value);
                };
                fields.extend(done.take());
                match children.next() {
                    Some(child) => {
                        current = child;
                        break;
                    }
                    None => {
                        done = Some(Field::new(*tag, Value::Structure(std::mem::take(fields))));
                        open.pop();
                    }
                }
            }
        }
    }

    fn leaf(&self) -> Value {
        let text = || std::str::from_utf8(self.bytes).unwrap_or_default().into();
        match self.item_type {
            ItemType::Structure => Value::Structure(Vec::new()),
            ItemType::Integer => Value::Integer(i32::from_be_bytes(self.four())),
            ItemType::LongInteger => Value::LongInteger(i64::from_be_bytes(self.eight())),
            ItemType::BigInteger => Value::BigInteger(BigInt::from_signed(self.bytes)),
            ItemType::Enumeration => Value::Enumeration(u32::from_be_bytes(self.four())),
            ItemType::Boolean => Value::Boolean(self.eight() != [0; 8]),
            ItemType::TextString => Value::TextString(text()),
            ItemType::ByteString => Value::ByteString(self.bytes.into()),
            ItemType::DateTime => Value::DateTime(Date(i64::from_be_bytes(self.eight()))),
            ItemType::Interval => Value::Interval(u32::from_be_bytes(self.four())),
            ItemType::DateTimeExtended => Value::DateTimeExtended(i64::from_be_bytes(self.eight())),
            ItemType::Identifier => Value::Identifier(text()),
            ItemType::Reference => Value::Reference(text()),
            ItemType::NameReference => Value::NameReference(text()),
        }
    }

    /// An error about this item.
    pub fn error(&self, kind: Kind) -> TtlvError {
        TtlvError::at(kind, Some(self.tag), self.offset)
    }
}

/// The items of a structure, in order.
#[derive(Clone, Debug)]
pub struct Children<'a> {
    rest: &'a [u8],
    offset: usize,
}

impl<'a> Iterator for Children<'a> {
    type Item = Item<'a>;

    fn next(&mut self) -> Option<Item<'a>> {
        if self.rest.is_empty() {
            return None;
        }
        let (item, rest) = Item::first(self.rest, self.offset)?;
        self.offset += self.rest.len() - rest.len();
        self.rest = rest;
        Some(item)
    }
}
