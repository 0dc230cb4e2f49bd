//! A value that holds no items, as a string. XML has only strings; JSON also has numbers, which `json` adds.

use super::{dates, names};
use crate::base::{BigInt, Date, Value};
use crate::registry::{ItemType, Tag, Version};

/// The value of a string. `named` is the tag whose enumeration or mask the value takes.
pub(super) fn read(item_type: ItemType, named: Tag, text: &str) -> Result<Value, String> {
    let hex = |digits| names::prefixed_hex(text, digits);
    let value = match item_type {
        ItemType::Structure => None,
        ItemType::Integer => match (text.parse(), named.mask()) {
            (Ok(number), _) => Some(Value::Integer(number)),
            (Err(_), Some(table)) => Some(Value::Integer(names::mask(table, named, text)? as i32)),
            (Err(_), None) => hex(8).map(|number| Value::Integer(number as u32 as i32)),
        },
        ItemType::LongInteger => {
            text.parse().ok().or_else(|| hex(16).map(|number| number as i64)).map(Value::LongInteger)
        }
        ItemType::BigInteger => big_integer(text).map(Value::BigInteger),
        ItemType::Enumeration => Some(Value::Enumeration(names::enumeration(named, text)?)),
        ItemType::Boolean => match text {
            "true" | "1" => Some(Value::Boolean(true)),
            "false" | "0" => Some(Value::Boolean(false)),
            _ => hex(16).filter(|number| *number <= 1).map(|number| Value::Boolean(number == 1)),
        },
        ItemType::TextString => Some(Value::TextString(text.into())),
        ItemType::ByteString => names::bytes(text).map(|bytes| Value::ByteString(bytes.into())),
        ItemType::DateTime => dates::seconds(text).map(|seconds| Value::DateTime(Date(seconds))),
        ItemType::Interval => text.parse().ok().or_else(|| hex(8).map(|number| number as u32)).map(Value::Interval),
        ItemType::DateTimeExtended => dates::micros(text).map(Value::DateTimeExtended),
        ItemType::Identifier => Some(Value::Identifier(text.into())),
        ItemType::Reference => Some(Value::Reference(text.into())),
        ItemType::NameReference => Some(Value::NameReference(text.into())),
    };
    value.ok_or_else(|| format!("the value is no {}", expected(item_type)))
}

/// The string of a value; a structure has none.
pub(super) fn write(value: &Value, named: Tag, version: Version, separator: &str) -> String {
    match value {
        Value::Structure(_) => String::new(),
        Value::Integer(number) => match named.mask().filter(|_| *number != 0) {
            Some(table) => names::of_mask(table, *number as u32, version, separator),
            None => number.to_string(),
        },
        Value::LongInteger(number) => number.to_string(),
        Value::BigInteger(number) => of_big_integer(number),
        Value::Enumeration(number) => names::of_enumeration(named, *number, version),
        Value::Boolean(value) => value.to_string(),
        Value::ByteString(bytes) => names::of_bytes(bytes),
        Value::DateTime(date) => dates::of_seconds(date.0),
        Value::Interval(seconds) => seconds.to_string(),
        Value::DateTimeExtended(micros) => dates::of_micros(*micros),
        Value::TextString(text) | Value::Identifier(text) | Value::Reference(text) | Value::NameReference(text) => {
            text.to_string()
        }
    }
}

/// Digits of a multiple of eight bytes, sign-extended (Additional Message Encodings §4.1.6.6); JSON has `0x` before.
fn big_integer(text: &str) -> Option<BigInt> {
    let bytes = names::bytes(text.strip_prefix("0x").unwrap_or(text))?;
    let sound = !bytes.is_empty() && bytes.len().is_multiple_of(8);
    sound.then(|| BigInt::from_signed(&bytes))
}

fn of_big_integer(number: &BigInt) -> String {
    let bytes = number.signed();
    let sign = if bytes.first().is_some_and(|first| *first >= 0x80) { "ff" } else { "00" };
    sign.repeat(bytes.len().next_multiple_of(8) - bytes.len()) + &names::of_bytes(bytes)
}

const fn expected(item_type: ItemType) -> &'static str {
    match item_type {
        ItemType::Structure => "structure",
        ItemType::Integer => "Integer: a decimal number of 32 bits",
        ItemType::LongInteger => "Long Integer: a number of 64 bits",
        ItemType::BigInteger => "Big Integer: hexadecimal digits of a multiple of eight bytes",
        ItemType::Enumeration => "Enumeration",
        ItemType::Boolean => "Boolean: true or false",
        ItemType::TextString | ItemType::Identifier | ItemType::Reference | ItemType::NameReference => "text",
        ItemType::ByteString => "Byte String: an even number of hexadecimal digits",
        ItemType::DateTime => "Date-Time such as 2013-06-26T09:09:17+00:00",
        ItemType::Interval => "Interval: seconds as a number of 32 bits without a sign",
        ItemType::DateTimeExtended => "Date-Time Extended such as 2013-06-26T09:09:17.000000+00:00",
    }
}
