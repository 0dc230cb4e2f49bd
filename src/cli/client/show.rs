//! Items as a person or a script reads them: JSON with the names of the standard, and tables.

use comfy_table::{ContentArrangement, Table, presets};
use serde_json::{Map, Value as Json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::base::Date;
use crate::registry::{ItemType, Tag};
use crate::ttlv::{Children, Item};

/// The value of an item as JSON: enumerations and masks by name, dates in RFC 3339, bytes in hexadecimal, structures
/// as objects with the names of the XML encoding. `tag` says how to read the value; it is the item's own, or that of
/// the attribute that holds it.
pub fn json(item: &Item<'_>, tag: Tag) -> Json {
    if item.item_type != ItemType::Structure {
        return leaf(item, tag);
    }
    // Depth was bounded by the check of the message; the walk keeps its own stack.
    let mut open: Vec<(Tag, Children<'_>, Map<String, Json>)> = vec![(tag, item.children(), Map::new())];
    loop {
        let Some((tag, children, map)) = open.last_mut() else {
            return Json::Null;
        };
        match children.next() {
            Some(child) if child.item_type == ItemType::Structure => {
                open.push((child.tag, child.children(), Map::new()));
            }
            Some(child) => insert(map, child.tag, leaf(&child, child.tag)),
            None => {
                let (tag, done) = (*tag, Json::Object(std::mem::take(map)));
                open.pop();
                match open.last_mut() {
                    Some((_, _, parent)) => insert(parent, tag, done),
                    None => return done,
                }
            }
        }
    }
}

/// Adds a member; a tag that repeats becomes a list.
fn insert(map: &mut Map<String, Json>, tag: Tag, value: Json) {
    let key = format!("{tag:?}");
    match map.get_mut(&key) {
        None => drop(map.insert(key, value)),
        Some(Json::Array(list)) => list.push(value),
        Some(first) => *first = Json::Array(vec![first.take(), value]),
    }
}

fn leaf(item: &Item<'_>, tag: Tag) -> Json {
    match item.item_type {
        ItemType::Structure => Json::Null,
        ItemType::Integer => {
            let number = item.integer().unwrap_or_default();
            mask(number, tag).map_or_else(|| number.into(), Json::from)
        }
        ItemType::LongInteger => item.long_integer().into(),
        ItemType::BigInteger => item.big_integer().map(|number| hex(number.signed())).into(),
        ItemType::Enumeration => item.enumeration().map(|value| enumeration(value, tag)).into(),
        ItemType::Boolean => item.boolean().into(),
        ItemType::TextString | ItemType::Identifier | ItemType::Reference | ItemType::NameReference => {
            item.text().into()
        }
        ItemType::ByteString => item.byte_string().map(hex).into(),
        ItemType::DateTime => item.date_time().map(date).into(),
        ItemType::Interval => item.interval().into(),
        ItemType::DateTimeExtended => item.date_time_extended().into(),
    }
}

/// JSON as a cell of a table: a text without its quotes, a Name as its value, a structure as its members.
pub fn cell(json: &Json) -> String {
    match json {
        Json::String(text) => text.clone(),
        Json::Object(members) => match members.get("NameValue") {
            Some(Json::String(name)) => name.clone(),
            _ => {
                let member = |(name, value): (&String, &Json)| match value {
                    Json::String(text) => format!("{name}: {text}"),
                    other => format!("{name}: {other}"),
                };
                members.iter().map(member).collect::<Vec<_>>().join("; ")
            }
        },
        other => other.to_string(),
    }
}

/// A table with these headings, as wide as the terminal.
pub fn table(headings: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic).set_header(headings);
    table
}

/// The name of an enumeration's value, in the text of the standard.
pub fn enumeration(value: u32, tag: Tag) -> String {
    let row = tag.enumeration().and_then(|table| table.row(value));
    row.map_or_else(|| format!("0x{value:08X}"), |row| row.name.to_owned())
}

fn mask(number: i32, tag: Tag) -> Option<String> {
    let table = tag.mask()?;
    let bits = number as u32;
    let names: Vec<&str> = table.rows.iter().filter(|row| row.value & bits != 0).map(|row| row.name).collect();
    let unknown = table.rows.iter().fold(bits, |rest, row| rest & !row.value);
    let mut text = names.join(", ");
    if unknown != 0 {
        text.push_str(&format!("{}0x{unknown:X}", if text.is_empty() { "" } else { ", " }));
    }
    Some(text)
}

fn date(date: Date) -> String {
    OffsetDateTime::from_unix_timestamp(date.0)
        .ok()
        .and_then(|date| date.format(&Rfc3339).ok())
        .unwrap_or_else(|| date.0.to_string())
}

/// Bytes in hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.filter_map(|digit| char::from_digit(u32::from(digit), 16)).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::base::Limits;
    use crate::ttlv::{self, Writer};

    #[test]
    fn cells_are_for_people() {
        assert_eq!(cell(&json!("a")), "a");
        assert_eq!(cell(&json!({"NameType": "URI", "NameValue": "n"})), "n");
        assert_eq!(cell(&json!({"A": "x", "B": {"C": 1}})), "A: x; B: {\"C\":1}");
        assert_eq!(cell(&json!(7)), "7");
    }

    #[test]
    fn items_read_as_names() {
        let mut writer = Writer::default();
        writer.structure(Tag::ResponsePayload, |writer| {
            writer.enumeration(Tag::State, 2);
            writer.integer(Tag::CryptographicUsageMask, 0x4000_000C);
            writer.date_time(Tag::InitialDate, Date(0));
            writer.byte_string(Tag::Data, &[0xAB, 1]);
            writer.structure(Tag::Name, |writer| writer.text(Tag::NameValue, "a"));
            writer.structure(Tag::Name, |writer| writer.text(Tag::NameValue, "b"));
            writer.structure(Tag::Name, |_| ());
            writer.enumeration(Tag::ObjectType, 0x8000_0000);
        });
        let bytes = writer.finish();
        let item = ttlv::check(&bytes, &Limits::default()).unwrap();
        assert_eq!(
            json(&item, item.tag),
            json!({
                "State": "Active",
                "CryptographicUsageMask": "Encrypt, Decrypt, 0x40000000",
                "InitialDate": "1970-01-01T00:00:00Z",
                "Data": "ab01",
                "Name": [{"NameValue": "a"}, {"NameValue": "b"}, {}],
                "ObjectType": "0x80000000",
            })
        );
    }
}
