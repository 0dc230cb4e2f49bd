//! The JSON encoding: objects with `tag`, optional `name`, `type` and `value`; a structure's value is an array or
//! null (Additional Message Encodings chapter 4).

use serde_json::Value as Json;

use super::{TextError, check_length, leaf, names, naming};
use crate::base::{BigInt, Date, Field, Limits, Value};
use crate::registry::{ItemType, Tag, Version};

/// From here on a number must be a hexadecimal string (§4.1.6.5).
const NUMBER_END: u64 = 1 << 52;
/// Members of one object: `tag`, `name`, `type`, `value`.
const MEMBERS_MAX: usize = 4;

/// One item with all below it. Depth, number of items and length of the text are bounded by `limits`.
pub fn read(text: impl AsRef<[u8]>, limits: &Limits) -> Result<Field, TextError> {
    let text = text.as_ref();
    check_length(text, limits)?;
    let text = text.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(text);
    check_shape(text, limits)?;
    let json: Json = serde_json::from_slice(text).map_err(|error| {
        let place = format!("line {}, column {}", error.line(), error.column());
        TextError::new("the text is not well-formed JSON", place)
    })?;
    let mut open: Vec<(Tag, Vec<Field>)> = Vec::new();
    let mut waiting: Vec<std::vec::IntoIter<Json>> = Vec::new();
    let mut next = Some(json);
    loop {
        let mut done = None;
        if let Some(json) = next.take() {
            let object = Object::read(json).map_err(|what| TextError::inside(what, &open, None))?;
            let tag = object.tag;
            match object.content {
                Content::Items(items) => {
                    open.push((tag, Vec::new()));
                    waiting.push(items.into_iter());
                }
                Content::Leaf(item_type, json) => {
                    let before = open.last().map_or(&[][..], |(_, fields)| fields);
                    let value = value(item_type, naming(tag, before), json);
                    let value = value.map_err(|what| TextError::inside(what, &open, Some(tag)))?;
                    done = Some(Field::new(tag, value));
                }
            }
        }
        // Closes structures until one has another item.
        loop {
            let Some(items) = waiting.last_mut() else {
                return done.ok_or_else(|| TextError::inside("the text has no item", &open, None));
            };
            if let (Some((_, fields)), Some(field)) = (open.last_mut(), done.take()) {
                fields.push(field);
            }
            next = items.next();
            if next.is_some() {
                break;
            }
            waiting.pop();
            done = open.pop().map(|(tag, fields)| Field::new(tag, Value::Structure(fields)));
        }
    }
}

/// Walks the text once before the parser allocates for it: brackets outside strings count depth and items.
fn check_shape(text: &[u8], limits: &Limits) -> Result<(), TextError> {
    let (mut objects, mut commas, mut depth) = (0_usize, 0_usize, 0_usize);
    let (mut in_string, mut escaped) = (false, false);
    for (at, byte) in text.iter().enumerate() {
        if in_string {
            in_string = escaped || *byte != b'"';
            escaped = !escaped && *byte == b'\\';
            continue;
        }
        match byte {
            b'"' => in_string = true,
            b'{' | b'[' => {
                depth += 1;
                objects += usize::from(*byte == b'{');
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            b',' => commas += 1,
            _ => {}
        }
        // A structure is an object and an array; the innermost item is one object more.
        if depth > 2 * limits.depth_max + 1 {
            return Err(TextError::new(
                "structures are nested deeper than the server allows",
                format_args!("byte {at}"),
            ));
        }
        if objects > limits.items_max || commas > MEMBERS_MAX * limits.items_max {
            return Err(TextError::new("the message has more items than the server allows", format_args!("byte {at}")));
        }
    }
    Ok(())
}

struct Object {
    tag: Tag,
    content: Content,
}

enum Content {
    Items(Vec<Json>),
    Leaf(ItemType, Json),
}

impl Object {
    fn read(json: Json) -> Result<Self, String> {
        let Json::Object(mut members) = json else {
            return Err("an item is not an object".into());
        };
        let tag = match members.get("tag") {
            Some(Json::String(name)) => names::tag(name)?,
            Some(_) => return Err("a tag is not a string".into()),
            None => return Err("an item has no tag".into()),
        };
        let item_type = match members.get("type") {
            Some(Json::String(name)) => names::item_type(name)?,
            Some(_) => return Err(format!("the type of {tag:?} is not a string")),
            None => ItemType::Structure,
        };
        let content = match (item_type, members.remove("value")) {
            (ItemType::Structure, Some(Json::Array(items))) => Content::Items(items),
            (ItemType::Structure, Some(Json::Null) | None) => Content::Items(Vec::new()),
            (ItemType::Structure, Some(_)) => {
                return Err(format!("the value of the structure {tag:?} is not an array"));
            }
            (_, Some(value)) => Content::Leaf(item_type, value),
            (_, None) => return Err(format!("{tag:?} has no value")),
        };
        Ok(Self { tag, content })
    }
}

/// A value that holds no items.
fn value(item_type: ItemType, named: Tag, json: Json) -> Result<Value, String> {
    let read = match (item_type, &json) {
        (_, Json::String(text)) => return leaf::read(item_type, named, text),
        (ItemType::Boolean, Json::Bool(value)) => Some(Value::Boolean(*value)),
        (ItemType::Integer, Json::Number(number)) => {
            number.as_i64().and_then(|number| number.try_into().ok()).map(Value::Integer)
        }
        (ItemType::LongInteger, Json::Number(number)) => number.as_i64().map(Value::LongInteger),
        (ItemType::BigInteger, Json::Number(number)) => {
            number.as_i64().map(|number| Value::BigInteger(BigInt::from_signed(&number.to_be_bytes())))
        }
        (ItemType::Enumeration, Json::Number(number)) => {
            number.as_u64().and_then(|number| number.try_into().ok()).map(Value::Enumeration)
        }
        (ItemType::Interval, Json::Number(number)) => {
            number.as_u64().and_then(|number| number.try_into().ok()).map(Value::Interval)
        }
        (ItemType::DateTime, Json::Number(number)) => number.as_i64().map(|seconds| Value::DateTime(Date(seconds))),
        _ => None,
    };
    read.ok_or_else(|| format!("the value does not fit the type {}", names::of_type(item_type)))
}

/// One item with all below it, an item a line. Names that `version` does not have are written as numbers.
pub fn write(field: &Field, version: Version) -> String {
    let mut out = String::new();
    let mut open: Vec<(&[Field], usize)> = Vec::new();
    let mut next = Some((field, field.tag));
    while let Some((field, named)) = next.take() {
        match names::of_tag(field.tag, version) {
            Some(name) => out.push_str(&format!("{{\"tag\":\"{name}\"")),
            None => out.push_str(&format!("{{\"tag\":\"0x{:06x}\"", field.tag.0)),
        }
        match &field.value {
            Value::Structure(fields) => {
                out.push_str(", \"value\":[");
                open.push((fields, 0));
            }
            value => {
                let item_type = names::of_type(value.item_type());
                out.push_str(&format!(", \"type\":\"{item_type}\", \"value\":{}}}", scalar(value, named, version)));
            }
        }
        while let Some((fields, at)) = open.last_mut() {
            if let Some(field) = fields.get(*at) {
                out.push_str(if *at == 0 { "\n" } else { ",\n" });
                next = Some((field, naming(field.tag, &fields[..*at])));
                *at += 1;
                break;
            }
            open.pop();
            out.push_str("]}");
        }
    }
    out.push('\n');
    out
}

/// A value that holds no items, as JSON.
fn scalar(value: &Value, named: Tag, version: Version) -> Json {
    let text = || leaf::write(value, named, version, "|");
    match value {
        Value::Integer(number) if *number == 0 || named.mask().is_none() => (*number).into(),
        Value::LongInteger(number) if number.unsigned_abs() < NUMBER_END => (*number).into(),
        Value::LongInteger(number) => format!("0x{number:016x}").into(),
        Value::BigInteger(_) => format!("0x{}", text()).into(),
        Value::Boolean(value) => (*value).into(),
        Value::Interval(seconds) => (*seconds).into(),
        _ => text().into(),
    }
}
