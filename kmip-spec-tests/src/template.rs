//! A message of a test case: items whose values are literal, or placeholders that begin with `$`.

use keyhaven::base::{Field, Limits, Value};
use keyhaven::proto::text::xml;
use keyhaven::registry::{ItemType, Tag};
use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use crate::Result;

/// An item of a template.
#[derive(Clone, PartialEq, Debug)]
pub struct Node {
    /// What it is.
    pub tag: Tag,
    /// What it has to hold.
    pub want: Want,
}

/// What an item of a template holds.
#[derive(Clone, PartialEq, Debug)]
pub enum Want {
    /// Items.
    Structure(Vec<Node>),
    /// A value that is given.
    Literal(Value),
    /// A value of this type that the run decides; the name is without `$`.
    Placeholder(String, ItemType),
}

impl Node {
    /// The first child with this tag.
    pub fn child(&self, tag: Tag) -> Option<&Self> {
        self.children().iter().find(|child| child.tag == tag)
    }

    /// The items of a structure.
    pub fn children(&self) -> &[Self] {
        match &self.want {
            Want::Structure(children) => children,
            _ => &[],
        }
    }

    /// Whether every value is given.
    pub fn is_literal(&self) -> bool {
        match &self.want {
            Want::Structure(children) => children.iter().all(Self::is_literal),
            Want::Literal(_) => true,
            Want::Placeholder(..) => false,
        }
    }

    /// The same as a value, with placeholders as their names in text, to be shown.
    pub fn to_field(&self) -> Field {
        let value = match &self.want {
            Want::Structure(children) => Value::Structure(children.iter().map(Self::to_field).collect()),
            Want::Literal(value) => value.clone(),
            Want::Placeholder(name, _) => Value::text(format!("${name}")),
        };
        Field::new(self.tag, value)
    }
}

/// A template from its text.
pub fn read(text: &str) -> Result<Node> {
    let mut names = Vec::new();
    let text = fill_text(text, |place, name, item_type| {
        names.push((place, name.to_owned()));
        Ok(neutral(item_type)?.into())
    })?;
    let field = read_xml(&text)?;
    Ok(node(field, &mut 0, &mut names.into_iter().peekable()))
}

/// The message of a template, with the values that `resolve` gives for the name and type of each placeholder.
pub fn fill(text: &str, mut resolve: impl FnMut(&str) -> Result<String>) -> Result<Field> {
    read_xml(&fill_text(text, |_, name, _| resolve(name))?)
}

fn read_xml(text: &str) -> Result<Field> {
    xml::read(text, &Limits::default()).map_err(|error| error.to_string())
}

/// A value that any placeholder of the type can be read as.
fn neutral(item_type: &str) -> Result<&'static str> {
    match item_type {
        "TextString" | "Identifier" | "Reference" | "NameReference" | "ByteString" => Ok(""),
        "DateTime" | "DateTimeExtended" => Ok("0x0000000000000000"),
        "Integer" | "LongInteger" | "Interval" => Ok("0"),
        other => Err(format!("a placeholder of type {other}")),
    }
}

/// Replaces placeholders; `value` gets the number of the item, the name and the type.
fn fill_text(text: &str, mut value: impl FnMut(usize, &str, &str) -> Result<String>) -> Result<String> {
    let mut reader = Reader::from_str(text);
    let mut out = String::with_capacity(text.len());
    let mut place = 0;
    loop {
        let event = reader.read_event().map_err(|error| error.to_string())?;
        match event {
            Event::Start(element) => element_text(&mut out, &element, place, ">", &mut value)?,
            Event::Empty(element) => element_text(&mut out, &element, place, "/>", &mut value)?,
            Event::End(element) => {
                out.push_str("</");
                out.push_str(element.name().as_ref());
                out.push('>');
                continue;
            }
            Event::Eof => return Ok(out),
            _ => continue,
        }
        place += 1;
    }
}

fn element_text(
    out: &mut String,
    element: &BytesStart<'_>,
    place: usize,
    end: &str,
    value: &mut impl FnMut(usize, &str, &str) -> Result<String>,
) -> Result<()> {
    out.push('<');
    out.push_str(element.name().as_ref());
    let mut item_type = String::new();
    for attribute in element.attributes() {
        let attribute = attribute.map_err(|error| error.to_string())?;
        let (key, raw) = (attribute.key.as_ref(), attribute.value.as_ref());
        if key == "type" {
            item_type = raw.to_owned();
        }
        let text = match raw.strip_prefix('$') {
            Some(name) if key == "value" => value(place, name, &item_type)?,
            _ => raw.to_owned(),
        };
        out.push_str(&format!(" {key}=\"{text}\""));
    }
    out.push_str(end);
    Ok(())
}

/// The field as a template; items are numbered in the order of their first tags.
fn node(
    field: Field,
    place: &mut usize,
    names: &mut std::iter::Peekable<impl Iterator<Item = (usize, String)>>,
) -> Node {
    let name = names.next_if(|(at, _)| at == place);
    *place += 1;
    let want = match (name, field.value) {
        (Some((_, name)), value) => Want::Placeholder(name, value.item_type()),
        (None, Value::Structure(fields)) => {
            Want::Structure(fields.into_iter().map(|field| node(field, place, names)).collect())
        }
        (None, value) => Want::Literal(value),
    };
    Node { tag: field.tag, want }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_keep_their_name_and_type() {
        let text = r#"<BatchItem><!-- a <comment/> --><TimeStamp type="DateTime" value="$NOW-3600"/>
            <RequestPayload><Comment type="TextString" value="a &amp; b"/>
            <UniqueIdentifier type="Reference" value="$UNIQUE_IDENTIFIER_0"/></RequestPayload></BatchItem>"#;
        let node = read(text).unwrap();
        assert!(!node.is_literal());
        assert_eq!(node.children()[0].want, Want::Placeholder("NOW-3600".into(), ItemType::DateTime));
        let payload = node.child(Tag::RequestPayload).unwrap();
        assert_eq!(payload.children()[0].want, Want::Literal(Value::text("a & b")));
        let id = payload.child(Tag::UniqueIdentifier).unwrap();
        assert_eq!(id.want, Want::Placeholder("UNIQUE_IDENTIFIER_0".into(), ItemType::Reference));
        let filled = fill(text, |name| Ok(if name.starts_with("NOW") { "0x5".into() } else { "id".into() })).unwrap();
        let payload = filled.value.field(Tag::RequestPayload).unwrap();
        assert_eq!(payload.field(Tag::UniqueIdentifier), Some(&Value::Reference("id".into())));
    }
}
