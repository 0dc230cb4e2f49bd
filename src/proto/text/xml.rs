//! The XML encoding: `<Tag type="..." value="..."/>`, structures as nested elements, tags without a name as
//! `<TTLV tag="0x...">` (Additional Message Encodings chapter 6). No entities, no document type, no text content.

use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

use super::{TextError, check_length, leaf, names, naming};
use crate::base::{Field, Limits, Value};
use crate::registry::{ItemType, Tag, Version};

/// Most attributes that one element may have: four of ours, and namespaces.
const ATTRIBUTES_MAX: usize = 16;
/// The element of a tag without a name.
const ANY: &str = "TTLV";

/// One item with all below it. Depth, number of items and length of the text are bounded by `limits`.
pub fn read(text: impl AsRef<[u8]>, limits: &Limits) -> Result<Field, TextError> {
    let text = text.as_ref();
    check_length(text, limits)?;
    let text = std::str::from_utf8(text)
        .map_err(|error| TextError::new("the text is not UTF-8", format_args!("byte {}", error.valid_up_to())))?;
    let mut reader = Reader::from_str(text.strip_prefix('\u{FEFF}').unwrap_or(text));
    let mut open: Vec<(Tag, Vec<Field>)> = Vec::new();
    let mut root = None;
    let mut items = 0;
    loop {
        let event = reader.read_event().map_err(|error| {
            let place = format_args!("byte {}", reader.error_position()).to_string();
            TextError::new(format!("the text is not well-formed XML: {}", names::echo(&error.to_string())), place)
        })?;
        let (element, empty) = match event {
            Event::Start(element) => (element, false),
            Event::Empty(element) => (element, true),
            Event::End(_) => {
                if let Some((tag, fields)) = open.pop() {
                    close(&mut open, &mut root, Field::new(tag, Value::Structure(fields)));
                }
                continue;
            }
            Event::Eof => break,
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) => continue,
            Event::Text(text) if text.chars().all(|c| c.is_ascii_whitespace()) => continue,
            Event::Text(_) | Event::CData(_) | Event::GeneralRef(_) => {
                return Err(TextError::inside("text between the elements", &open, None));
            }
            Event::DocType(_) => return Err(TextError::inside("a document type is not allowed", &open, None)),
        };
        items += 1;
        if items > limits.items_max {
            return Err(TextError::inside("the message has more items than the server allows", &open, None));
        }
        if open.is_empty() && root.is_some() {
            return Err(TextError::inside("a second message follows the first", &open, None));
        }
        let element = Element::read(&element).map_err(|what| TextError::inside(what, &open, None))?;
        let tag = element.tag;
        if element.item_type == ItemType::Structure {
            if open.len() >= limits.depth_max {
                return Err(TextError::inside("structures are nested deeper than the server allows", &open, None));
            }
            if empty {
                close(&mut open, &mut root, Field::new(tag, Value::Structure(Vec::new())));
            } else {
                open.push((tag, Vec::new()));
            }
            continue;
        }
        let before = open.last().map_or(&[][..], |(_, fields)| fields);
        let value = element.leaf(naming(tag, before)).map_err(|what| TextError::inside(what, &open, Some(tag)))?;
        if !empty && !matches!(reader.read_event(), Ok(Event::End(_))) {
            return Err(TextError::inside("an element with a value has content", &open, Some(tag)));
        }
        close(&mut open, &mut root, Field::new(tag, value));
    }
    match root {
        Some(root) if open.is_empty() => Ok(root),
        _ => Err(TextError::inside("the text ends before the message does", &open, None)),
    }
}

/// A finished item goes into the structure around it, or is the whole message.
fn close(open: &mut [(Tag, Vec<Field>)], root: &mut Option<Field>, field: Field) {
    match open.last_mut() {
        Some((_, fields)) => fields.push(field),
        None => *root = Some(field),
    }
}

/// What the attributes of an element say.
struct Element {
    tag: Tag,
    item_type: ItemType,
    value: Option<String>,
}

impl Element {
    fn read(element: &BytesStart<'_>) -> Result<Self, String> {
        let local = element.local_name();
        let (mut tag, mut item_type, mut value) = (None, None, None);
        for (count, attribute) in element.attributes().enumerate() {
            if count == ATTRIBUTES_MAX {
                return Err("an element has too many attributes".into());
            }
            let attribute = attribute.map_err(|error| format!("an attribute is not well-formed: {error}"))?;
            let slot = match attribute.key.as_ref() {
                "tag" => &mut tag,
                "type" => &mut item_type,
                "value" => &mut value,
                // `name` is a comment for readers; namespaces change nothing.
                _ => continue,
            };
            let text = attribute
                .normalized_value(XmlVersion::Implicit1_0)
                .map_err(|error| format!("an attribute is not well-formed: {error}"))?;
            if !text.chars().all(allowed) {
                return Err("an attribute has a character that XML does not allow".into());
            }
            *slot = Some(text.into_owned());
        }
        let name = match (local.as_ref(), &tag) {
            (ANY, Some(tag)) => tag.as_str(),
            (ANY, None) => return Err("a TTLV element has no tag attribute".into()),
            (name, _) => name,
        };
        let item_type = item_type.as_deref().map_or(Ok(ItemType::Structure), names::item_type)?;
        Ok(Self { tag: names::tag(name)?, item_type, value })
    }

    fn leaf(&self, named: Tag) -> Result<Value, String> {
        let text = self.value.as_deref().ok_or("the value attribute is missing")?;
        leaf::read(self.item_type, named, text)
    }
}

/// One item with all below it, an element a line. Names that `version` does not have are written as numbers. A
/// character that XML 1.0 cannot carry (§2.2 of XML) becomes U+FFFD.
pub fn write(field: &Field, version: Version) -> String {
    let mut out = String::new();
    let mut open: Vec<(Tag, &[Field], usize)> = Vec::new();
    let mut next = Some((field, field.tag));
    while let Some((field, named)) = next.take() {
        let indent = open.len();
        match &field.value {
            Value::Structure(fields) if !fields.is_empty() => {
                begin(&mut out, indent, field.tag, None, version);
                out.push_str(">\n");
                open.push((field.tag, fields, 0));
            }
            Value::Structure(_) => {
                begin(&mut out, indent, field.tag, None, version);
                out.push_str("/>\n");
            }
            value => {
                begin(&mut out, indent, field.tag, Some(value.item_type()), version);
                out.push_str(" value=\"");
                push_escaped(&mut out, &leaf::write(value, named, version, " "));
                out.push_str("\"/>\n");
            }
        }
        while let Some((tag, fields, at)) = open.last_mut() {
            if let Some(field) = fields.get(*at) {
                next = Some((field, naming(field.tag, &fields[..*at])));
                *at += 1;
                break;
            }
            let tag = *tag;
            open.pop();
            push_indent(&mut out, open.len());
            out.push_str("</");
            out.push_str(names::of_tag(tag, version).unwrap_or(ANY));
            out.push_str(">\n");
        }
    }
    out
}

/// The start of an element, up to its value.
fn begin(out: &mut String, indent: usize, tag: Tag, item_type: Option<ItemType>, version: Version) {
    push_indent(out, indent);
    out.push('<');
    match names::of_tag(tag, version) {
        Some(name) => out.push_str(name),
        None => out.push_str(&format!("{ANY} tag=\"0x{:06x}\"", tag.0)),
    }
    if let Some(item_type) = item_type {
        out.push_str(" type=\"");
        out.push_str(names::of_type(item_type));
        out.push('"');
    }
}

fn push_indent(out: &mut String, depth: usize) {
    out.extend(std::iter::repeat_n("  ", depth));
}

/// An attribute value. Tabs and line ends are references, or a reader would turn them into blanks (XML §3.3.3).
fn push_escaped(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\t' => out.push_str("&#9;"),
            '\n' => out.push_str("&#10;"),
            '\r' => out.push_str("&#13;"),
            c => out.push(if allowed(c) { c } else { '\u{FFFD}' }),
        }
    }
}

/// The characters of XML 1.0 (§2.2).
const fn allowed(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..)
}
