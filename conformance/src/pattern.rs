//! Elements of a script as values to send, and as patterns that an answer must fit.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use keyhaven::base::{BigInt, Date, Field, Value};
use keyhaven::registry::{EnumTable, ItemType, Tag, Version};

use crate::Result;
use crate::script::Element;

/// How far the server's clock and ours may be apart, with the time a test takes, in seconds.
const CLOCK_SECONDS: i64 = 120;

/// What placeholders stand for while a script is played.
#[derive(Clone, Debug)]
pub struct Names {
    /// Unique to this run; replaces `$run` in texts.
    pub run: String,
    /// Whether the message is of version 1.0, where an Attribute Index of zero is not written.
    pub is_1_0: bool,
    bound: BTreeMap<String, Value>,
}

impl Names {
    /// Nothing bound yet.
    pub fn new(run: &str) -> Self {
        Self { run: run.to_owned(), is_1_0: false, bound: BTreeMap::new() }
    }

    /// The value of a placeholder.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.bound.get(name)
    }

    /// Binds a placeholder before the script does.
    pub fn bind(&mut self, name: &str, value: Value) {
        self.bound.insert(name.to_owned(), value);
    }
}

/// The fields that elements describe, to be sent.
pub fn fields(elements: &[Element], names: &Names) -> Result<Vec<Field>> {
    elements.iter().map(|element| field(element, names)).collect()
}

/// The field that an element describes, to be sent.
pub fn field(element: &Element, names: &Names) -> Result<Field> {
    let element = &spelt_out(element, names);
    let tag = tag(element)?;
    let text = element.get("value");
    if let Some(value) = text.and_then(placeholder).and_then(|name| names.get(name)) {
        return Ok(Field::new(tag, value.clone()));
    }
    let types = types(element, tag)?;
    if types[0] == ItemType::Structure {
        return Ok(Field::new(tag, Value::Structure(fields(&element.children, names)?)));
    }
    let mut values = types.iter().map(|leaf| value(element, tag, *leaf, text.unwrap_or_default(), names));
    let first = values.next().ok_or("no type")?;
    first.or_else(|error| values.find_map(Result::ok).ok_or(error)).map(|value| Field::new(tag, value))
}

/// Whether all fields fit all elements, in order.
pub fn fit(elements: &[Element], got: &[Field], names: &mut Names) -> Result<()> {
    let mut rest = got.iter().peekable();
    for element in elements {
        match &*element.name {
            "any" => return Ok(()),
            "many" => {
                let tag = tag_named(element.get("tag").unwrap_or_default())?;
                let mut run = Vec::new();
                while let Some(field) = rest.next_if(|field| field.tag == tag) {
                    run.push(field);
                }
                fit_many(element, tag, &run, names)?;
                continue;
            }
            _ => {}
        }
        let element = &spelt_out(element, names);
        let tag = tag(element)?;
        match rest.peek() {
            Some(field) if field.tag == tag => {
                fit_value(element, &field.value, names).map_err(|error| format!("{tag:?}: {error}"))?;
                rest.next();
            }
            _ if element.get("optional").is_some() => {}
            Some(field) => return Err(format!("{:?} where {tag:?} is expected", field.tag)),
            None => return Err(format!("{tag:?} is missing")),
        }
    }
    match rest.next() {
        Some(field) => Err(format!("not expected: {}", outline(field.tag, &field.value))),
        None => Ok(()),
    }
}

fn fit_value(element: &Element, got: &Value, names: &mut Names) -> Result<()> {
    let tag = tag(element)?;
    let allowed = types(element, tag)?;
    if !allowed.contains(&got.item_type()) {
        return Err(format!("{:?} where {allowed:?} is expected", got.item_type()));
    }
    if let Value::Structure(inside) = got {
        return fit(&element.children, inside, names);
    }
    if let Some(length) = element.get("length") {
        let Value::ByteString(bytes) = got else { return Err("length of something without bytes".to_owned()) };
        if bytes.len().to_string() != length {
            return Err(format!("{} bytes where {length} are expected", bytes.len()));
        }
    }
    let expected = element.get("value").unwrap_or(if element.get("length").is_some() { "*" } else { "" });
    if expected == "*" {
        return Ok(());
    }
    if let Some(name) = placeholder(expected) {
        let bound = names.bound.entry(name.to_owned()).or_insert_with(|| got.clone());
        return if same(bound, got) { Ok(()) } else { Err(format!("{got:?} where ${name} is {bound:?}")) };
    }
    let wanted: Vec<Value> =
        expected.split('|').map(|text| value(element, tag, got.item_type(), text, names)).collect::<Result<_>>()?;
    let fits = wanted.iter().any(|wanted| match (wanted, got) {
        (Value::DateTime(wanted), Value::DateTime(got)) if expected.starts_with("$now") => {
            (wanted.0 - got.0).abs() <= CLOCK_SECONDS
        }
        _ => wanted == got,
    });
    if fits { Ok(()) } else { Err(format!("{} where {expected} is expected", shown(tag, element, got))) }
}

/// Any number of fields with one tag; each word of `has` and each child must be among them.
fn fit_many(element: &Element, tag: Tag, run: &[&Field], names: &mut Names) -> Result<()> {
    for word in element.get("has").unwrap_or_default().split_whitespace() {
        let wanted = Element::new(&format!("{tag:?}")).with("value", word);
        if !run.iter().any(|field| fit_value(&wanted, &field.value, &mut names.clone()).is_ok()) {
            return Err(format!("{tag:?} {word} is missing"));
        }
    }
    for child in &element.children {
        let wanted = spelt_out(child, names);
        let found = run.iter().find(|field| fit_value(&wanted, &field.value, &mut names.clone()).is_ok());
        match found {
            Some(field) => fit_value(&wanted, &field.value, names)?,
            None => return Err(format!("no {tag:?} is {child:?} among {run:?}")),
        }
    }
    for word in element.get("not").unwrap_or_default().split_whitespace() {
        let wanted = Element::new(&format!("{tag:?}")).with("value", word);
        if run.iter().any(|field| fit_value(&wanted, &field.value, &mut names.clone()).is_ok()) {
            return Err(format!("{tag:?} {word} is not expected"));
        }
    }
    Ok(())
}

/// The same content; texts are equal whatever kind of text they are, as identifiers changed their type in 3.0.
fn same(one: &Value, other: &Value) -> bool {
    one == other || (one.as_text().is_some() && one.as_text() == other.as_text())
}

/// `<Attribute name= value=>` with its Attribute Name and Attribute Value; other elements as they are.
fn spelt_out(element: &Element, names: &Names) -> Element {
    let Some(name) = element.get("name").filter(|_| element.name == "Attribute") else {
        return element.clone();
    };
    let index = |index: &str| Element::new("AttributeIndex").with("value", index);
    let mut inside = vec![Element::new("AttributeName").with("value", name)];
    match element.get("index") {
        Some(given) => inside.push(index(given)),
        None if names.is_1_0 || element.get("sent").is_some() => {}
        // Only patterns keep it: `field` never sees an optional element.
        None => inside.push(index("0").with("optional", "yes")),
    }
    let mut value = Element::new("AttributeValue").with("of", name).holding(element.children.clone());
    for key in ["value", "type", "length"] {
        if let Some(given) = element.get(key) {
            value = value.with(key, given);
        }
    }
    inside.push(value);
    Element::new("Attribute").holding(inside)
}

/// The name of a placeholder that is bound, if the text is one.
fn placeholder(text: &str) -> Option<&str> {
    text.strip_prefix('$').filter(|name| !name.starts_with("now") && !name.starts_with("run"))
}

fn tag(element: &Element) -> Result<Tag> {
    tag_named(if element.name == "TTLV" { element.get("tag").unwrap_or_default() } else { &element.name })
}

fn tag_named(name: &str) -> Result<Tag> {
    match name.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16).map(Tag).map_err(|_| format!("{name} is no tag")),
        None => Tag::from_name(name).ok_or_else(|| format!("{name} is no tag")),
    }
}

/// The tag whose types and values count: an Attribute Value has those of its attribute.
fn meaning(element: &Element, tag: Tag) -> Option<Tag> {
    match element.get("of") {
        Some(name) => Tag::from_name(name),
        None => Some(tag),
    }
}

/// The item types that a field may have.
fn types(element: &Element, tag: Tag) -> Result<Vec<ItemType>> {
    if let Some(name) = element.get("type") {
        let found = ItemType::ALL.iter().find(|(item_type, _)| format!("{item_type:?}") == name);
        return found.map(|(item_type, _)| vec![*item_type]).ok_or_else(|| format!("{name} is no type"));
    }
    if !element.children.is_empty() {
        return Ok(vec![ItemType::Structure]);
    }
    let Some(row) = meaning(element, tag).and_then(Tag::row) else {
        // A custom attribute; or an element that gives neither type nor tag.
        return Ok(vec![ItemType::TextString]);
    };
    let mut types = row.types.to_vec();
    if element.get("value").or(element.get("length")).is_some() && types.len() > 1 {
        types.retain(|item_type| *item_type != ItemType::Structure);
    }
    // A Key Value or a payload without children is an empty structure.
    if types.len() > 1
        && element.get("value").or(element.get("length")).is_none()
        && types.contains(&ItemType::Structure)
    {
        types = vec![ItemType::Structure];
    }
    // A text is what is meant where a number or an enumeration would do as well, as for identifiers.
    types.sort_by_key(|item_type| *item_type != ItemType::TextString);
    if types.is_empty() { Err(format!("{tag:?} needs a type")) } else { Ok(types) }
}

fn value(element: &Element, tag: Tag, item_type: ItemType, text: &str, names: &Names) -> Result<Value> {
    let wrong = || format!("{tag:?}: {text:?} is no {item_type:?}");
    let number = |text: &str| match text.strip_prefix("0x") {
        Some(digits) => i64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    };
    let meaning = meaning(element, tag);
    Ok(match item_type {
        ItemType::Structure => return Err(wrong()),
        ItemType::Integer => {
            let mask = meaning.and_then(Tag::mask);
            let read = number(text).or_else(|| mask.and_then(|mask| bits(mask, text)));
            Value::Integer(read.and_then(|number| i32::try_from(number).ok()).ok_or_else(wrong)?)
        }
        ItemType::LongInteger => Value::LongInteger(number(text).ok_or_else(wrong)?),
        ItemType::BigInteger => Value::BigInteger(BigInt::from_signed(&hex(text).ok_or_else(wrong)?)),
        ItemType::Enumeration => {
            let known = meaning.and_then(Tag::enumeration).and_then(|table| table.value(text));
            let read = known.or_else(|| number(text).and_then(|number| u32::try_from(number).ok()));
            Value::Enumeration(read.ok_or_else(wrong)?)
        }
        ItemType::Boolean => Value::Boolean(text.parse().map_err(|_| wrong())?),
        ItemType::TextString => Value::text(text.replace("$run", &names.run)),
        ItemType::ByteString => Value::ByteString(hex(text).ok_or_else(wrong)?.into()),
        ItemType::DateTime => Value::DateTime(Date(date(text).or_else(|| number(text)).ok_or_else(wrong)?)),
        ItemType::Interval => {
            Value::Interval(number(text).and_then(|number| u32::try_from(number).ok()).ok_or_else(wrong)?)
        }
        ItemType::DateTimeExtended => Value::DateTimeExtended(number(text).ok_or_else(wrong)?),
        ItemType::Identifier => Value::Identifier(text.replace("$run", &names.run).into()),
        ItemType::Reference => Value::Reference(text.replace("$run", &names.run).into()),
        ItemType::NameReference => Value::NameReference(text.replace("$run", &names.run).into()),
    })
}

/// `$now` with an offset in seconds.
fn date(text: &str) -> Option<i64> {
    let offset = text.strip_prefix("$now")?;
    let offset: i64 = if offset.is_empty() { 0 } else { offset.parse().ok()? };
    Some(now() + offset)
}

/// Seconds since 1970.
pub fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs().cast_signed())
}

fn bits(mask: &EnumTable, names: &str) -> Option<i64> {
    names.split_whitespace().try_fold(0, |bits, name| mask.value(name).map(|bit| bits | i64::from(bit)))
}

/// Bytes in hexadecimal; blanks are ignored, and `2a*32` is one byte 32 times.
pub fn hex(text: &str) -> Option<Vec<u8>> {
    if let Some((byte, times)) = text.split_once('*') {
        return Some(hex(byte)?.repeat(times.parse().ok()?));
    }
    let digits: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let pair = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    if digits.len().is_multiple_of(2) { digits.chunks(2).map(pair).collect() } else { None }
}

/// A value as a script would write it, for messages.
fn shown(tag: Tag, element: &Element, got: &Value) -> String {
    let Value::Enumeration(number) = got else { return format!("{got:?}") };
    let row = meaning(element, tag).and_then(Tag::enumeration).and_then(|table| table.row(*number));
    row.map_or_else(|| format!("0x{number:X}"), |row| row.ident.to_owned())
}

/// Whether an answer holds only what its version knows: tags, attribute names, values of enumerations. An operation
/// is an echo of the request and may be anything.
pub fn known_in(got: &[Field], version: Version) -> Result<()> {
    for field in got {
        if !field.tag.is_extension() && !field.tag.known_in(version) {
            return Err(format!("{:?} is not in {version}", field.tag));
        }
        match &field.value {
            Value::Structure(inside) => known_in(inside, version)?,
            Value::Enumeration(number) if field.tag != Tag::Operation && field.tag != Tag::AttributeValue => {
                let row = field.tag.enumeration().and_then(|table| table.row(*number));
                if let Some(row) = row.filter(|row| !row.known_in(version)) {
                    return Err(format!("{:?} {} is not in {version}", field.tag, row.ident));
                }
            }
            Value::TextString(name) if field.tag == Tag::AttributeName => {
                if let Some(row) = Tag::from_name(name).and_then(Tag::row).filter(|row| !row.known_in(version)) {
                    return Err(format!("the attribute {} is not in {version}", row.name));
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// A message on one line, with names. Its depth was bounded when it was read.
pub fn outline(tag: Tag, got: &Value) -> String {
    match got {
        Value::Structure(fields) => {
            let inside: Vec<String> = fields.iter().map(|field| outline(field.tag, &field.value)).collect();
            format!("{tag:?} {{ {} }}", inside.join(", "))
        }
        Value::ByteString(bytes) => {
            let hex: String = bytes.iter().take(64).map(|byte| format!("{byte:02x}")).collect();
            format!("{tag:?} {hex}")
        }
        Value::TextString(text) => format!("{tag:?} {text:?}"),
        Value::Enumeration(_) => format!("{tag:?} {}", shown(tag, &Element::default(), got)),
        other => format!("{tag:?} {other:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn element(text: &str) -> Element {
        Element::parse(text).unwrap()
    }

    #[test]
    fn short_forms_become_fields() {
        let names = Names::new("r7");
        let name =
            field(&element(r#"<Attribute name="Name"><NameValue value="k-$run"/></Attribute>"#), &names).unwrap();
        assert_eq!(name.value.field(Tag::AttributeName), Some(&Value::text("Name")));
        let inside = name.value.field(Tag::AttributeValue).unwrap();
        assert_eq!(inside.field(Tag::NameValue), Some(&Value::text("k-r7")));
        let mask = field(&element(r#"<CryptographicUsageMask value="Encrypt Decrypt"/>"#), &names).unwrap();
        assert_eq!(mask.value, Value::Integer(12));
        let algorithm = field(&element(r#"<Attribute name="Cryptographic Algorithm" value="AES"/>"#), &names).unwrap();
        assert_eq!(algorithm.value.field(Tag::AttributeValue), Some(&Value::Enumeration(3)));
    }

    #[test]
    fn an_answer_fits_wholly_or_not() {
        let mut names = Names::new("r");
        let got = [Field::new(Tag::UniqueIdentifier, Value::text("7")), Field::new(Tag::State, Value::Enumeration(2))];
        let pattern = |text: &str| element(text).children;
        fit(&pattern(r#"<x><UniqueIdentifier value="$id"/><State value="Active"/></x>"#), &got, &mut names).unwrap();
        assert_eq!(names.get("id"), Some(&Value::text("7")));
        fit(&pattern(r#"<x><UniqueIdentifier value="$id"/><any/></x>"#), &got, &mut names).unwrap();
        fit(&pattern(r#"<x><UniqueIdentifier value="*"/></x>"#), &got, &mut names).unwrap_err();
        fit(&pattern(r#"<x><UniqueIdentifier value="8"/><any/></x>"#), &got, &mut names).unwrap_err();
        fit(&pattern(r#"<x><many tag="UniqueIdentifier" has="7"/><State value="*"/></x>"#), &got, &mut names).unwrap();
        fit(&pattern(r#"<x><many tag="UniqueIdentifier" has="9"/><any/></x>"#), &got, &mut names).unwrap_err();
    }
}
