//! Attributes in the spelling of each version: 1.x names them in text inside a Template-Attribute, 2.x writes them as
//! items of an Attributes structure, 3.0 makes Name a text. Custom attributes are `x-NAME` in 1.x and an Attribute
//! with the vendor `x` since 2.0 (2.1 §4.62).

use crate::base::{Date, Field, Value};
use crate::model::link::link_type;
use crate::registry::{ItemType, NameType, Tag, Version};
use crate::ttlv::{Item, Writer};

/// The vendor of custom attributes that a client names itself; the `x` of `x-`.
const VENDOR: &str = "x";

/// An attribute that a command sets or searches for.
#[derive(Clone, Debug)]
pub enum Attribute {
    /// A name.
    Name(String),
    /// A custom attribute: its name without `x-`, and its text.
    Custom(String, String),
    /// A link to an object: its attribute in 3.0.
    Link(Tag, String),
    /// Any attribute that all versions spell alike.
    Standard(Tag, Value),
}

impl Attribute {
    /// An Activation Date.
    pub fn activation(date: Date) -> Self {
        Self::Standard(Tag::ActivationDate, Value::DateTime(date))
    }
}

/// Writes the attributes of a new object.
pub fn write_template(writer: &mut Writer, version: Version, attributes: &[Attribute]) {
    let wrapper = if version.is_1x() { Tag::TemplateAttribute } else { Tag::Attributes };
    writer.structure(wrapper, |writer| write_all(writer, version, attributes));
}

/// Writes the attributes that Locate compares: bare in 1.x, in a structure later.
pub fn write_search(writer: &mut Writer, version: Version, attributes: &[Attribute]) {
    if version.is_1x() {
        write_all(writer, version, attributes);
    } else {
        writer.structure(Tag::Attributes, |writer| write_all(writer, version, attributes));
    }
}

/// Writes which attributes Get Attributes should answer. `names` are spelled as in the standard or `x-NAME`.
pub fn write_references(writer: &mut Writer, version: Version, names: &[String]) -> Result<(), String> {
    for name in names {
        let custom = name.strip_prefix("x-");
        if version.is_1x() {
            let known = custom.is_none().then(|| tag_of(name)).transpose()?;
            let text = known.map_or(name.as_str().into(), |tag| tag.name());
            writer.text(Tag::AttributeName, &text);
        } else if let Some(custom) = custom {
            writer.structure(Tag::AttributeReference, |writer| {
                writer.text(Tag::VendorIdentification, VENDOR);
                writer.text(Tag::AttributeName, custom);
            });
        } else {
            writer.enumeration(Tag::AttributeReference, tag_of(name)?.0);
        }
    }
    Ok(())
}

fn tag_of(name: &str) -> Result<Tag, String> {
    let same = |row: &&crate::registry::Row| same_name(row.ident, name) || same_name(row.name, name);
    let row = Tag::ROWS.iter().find(same);
    row.map(|row| Tag(row.value)).ok_or_else(|| format!("{name:?} is not an attribute of the standard"))
}

/// Whether two names differ only in case, blanks and dashes.
pub fn same_name(left: &str, right: &str) -> bool {
    let letters = |text: &str| -> String {
        text.chars().filter(|c| !matches!(c, ' ' | '-' | '_')).map(|c| c.to_ascii_lowercase()).collect()
    };
    letters(left) == letters(right)
}

fn write_all(writer: &mut Writer, version: Version, attributes: &[Attribute]) {
    for attribute in attributes {
        match attribute {
            Attribute::Name(name) => {
                let value = if version < Version::V3_0 { name_structure(name) } else { Value::text(name.as_str()) };
                write_standard(writer, version, Tag::Name, &value);
            }
            Attribute::Custom(name, text) if version.is_1x() => {
                write_1x(writer, &format!("x-{name}"), &Value::text(text.as_str()));
            }
            Attribute::Custom(name, text) => writer.structure(Tag::Attribute, |writer| {
                writer.text(Tag::VendorIdentification, VENDOR);
                writer.text(Tag::AttributeName, name);
                writer.text(Tag::AttributeValue, text);
            }),
            Attribute::Link(tag, id) if version < Version::V3_0 => {
                let kind = link_type(*tag).map_or(0, |kind| kind.0);
                let link = vec![
                    Field::new(Tag::LinkType, Value::Enumeration(kind)),
                    Field::new(Tag::LinkedObjectIdentifier, Value::text(id.as_str())),
                ];
                write_standard(writer, version, Tag::Link, &Value::Structure(link));
            }
            Attribute::Link(tag, id) => write_standard(writer, version, *tag, &Value::Reference(id.as_str().into())),
            Attribute::Standard(tag, value) => write_standard(writer, version, *tag, value),
        }
    }
}

fn write_standard(writer: &mut Writer, version: Version, tag: Tag, value: &Value) {
    if version.is_1x() {
        write_1x(writer, &tag.name(), value);
    } else {
        writer.value(tag, value);
    }
}

fn write_1x(writer: &mut Writer, name: &str, value: &Value) {
    writer.structure(Tag::Attribute, |writer| {
        writer.text(Tag::AttributeName, name);
        writer.value(Tag::AttributeValue, value);
    });
}

fn name_structure(name: &str) -> Value {
    Value::Structure(vec![
        Field::new(Tag::NameValue, Value::text(name)),
        Field::new(Tag::NameType, Value::Enumeration(NameType::UninterpretedTextString.0)),
    ])
}

/// An attribute of an answer.
#[derive(Clone, Debug)]
pub struct Answered<'a> {
    /// Its name in the standard's text, `x-NAME`, or vendor and name.
    pub name: String,
    /// The tag that says how to read the value.
    pub tag: Tag,
    /// The value.
    pub value: Item<'a>,
}

/// The attributes of a payload, in order, whatever the version's spelling.
pub fn read<'a>(payload: &Item<'a>) -> Vec<Answered<'a>> {
    let structure = payload.child(Tag::Attributes);
    structure.as_ref().unwrap_or(payload).children().filter_map(|item| answered(item, structure.is_some())).collect()
}

fn answered(item: Item<'_>, bare: bool) -> Option<Answered<'_>> {
    if item.tag == Tag::Attribute && item.item_type == ItemType::Structure {
        let name = item.child(Tag::AttributeName)?.text()?;
        let value = item.child(Tag::AttributeValue)?;
        let vendor = item.child(Tag::VendorIdentification).and_then(|vendor| vendor.text());
        let name = vendor.map_or_else(|| name.to_owned(), |vendor| format!("{vendor}-{name}"));
        let tag = if vendor.is_some() { None } else { Tag::from_name(&name) };
        return Some(Answered { tag: tag.unwrap_or(Tag::AttributeValue), name, value });
    }
    bare.then(|| Answered { name: item.tag.name().into_owned(), tag: item.tag, value: item })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Limits;
    use crate::ttlv;

    fn written(version: Version) -> crate::base::Buffer {
        let attributes = [
            Attribute::Standard(Tag::CryptographicLength, Value::Integer(256)),
            Attribute::Name("first".into()),
            Attribute::Custom("Owner".into(), "me".into()),
        ];
        let mut writer = Writer::default();
        write_template(&mut writer, version, &attributes);
        writer.finish()
    }

    #[test]
    fn each_version_spells_attributes_its_own_way() {
        for version in Version::ALL {
            let bytes = written(version);
            let item = ttlv::check(&bytes, &Limits::default()).unwrap();
            let tags: Vec<Tag> = item.children().map(|item| item.tag).collect();
            if version.is_1x() {
                assert_eq!(item.tag, Tag::TemplateAttribute);
                assert_eq!(tags, [Tag::Attribute; 3]);
                let first = item.children().next().unwrap();
                assert_eq!(first.child(Tag::AttributeName).unwrap().text(), Some("Cryptographic Length"));
                assert_eq!(first.child(Tag::AttributeValue).unwrap().integer(), Some(256));
                let last = item.children().last().unwrap();
                assert_eq!(last.child(Tag::AttributeName).unwrap().text(), Some("x-Owner"));
            } else {
                assert_eq!(item.tag, Tag::Attributes);
                assert_eq!(tags, [Tag::CryptographicLength, Tag::Name, Tag::Attribute]);
                let name = item.child(Tag::Name).unwrap();
                assert_eq!(name.text().is_some(), version == Version::V3_0);
            }
        }
    }

    #[test]
    fn answers_read_alike_in_every_version() {
        for version in Version::ALL {
            let bytes = {
                let mut writer = Writer::default();
                writer.structure(Tag::ResponsePayload, |writer| {
                    writer.text(Tag::UniqueIdentifier, "1");
                    write_search(
                        writer,
                        version,
                        &[
                            Attribute::Standard(Tag::State, Value::Enumeration(2)),
                            Attribute::Custom("Owner".into(), "me".into()),
                        ],
                    );
                });
                writer.finish()
            };
            let payload = ttlv::check(&bytes, &Limits::default()).unwrap();
            let read = read(&payload);
            assert_eq!(read[0].name, "State");
            assert_eq!(read[0].tag, Tag::State);
            assert_eq!(read[0].value.enumeration(), Some(2));
            assert_eq!(read[1].name, "x-Owner");
            assert_eq!(read.len(), 2);
        }
    }

    #[test]
    fn references_are_names_or_tags() {
        let names = ["state".to_owned(), "Cryptographic Usage Mask".to_owned(), "x-Owner".to_owned()];
        let kinds = |version| {
            let mut writer = Writer::default();
            writer.structure(Tag::RequestPayload, |writer| write_references(writer, version, &names).unwrap());
            let bytes = writer.finish();
            let item = ttlv::check(&bytes, &Limits::default()).unwrap();
            item.children().map(|item| (item.tag, item.item_type)).collect::<Vec<_>>()
        };
        assert_eq!(kinds(Version::V1_0), [(Tag::AttributeName, ItemType::TextString); 3]);
        let references = kinds(Version::V2_1);
        assert_eq!(references[0], (Tag::AttributeReference, ItemType::Enumeration));
        assert_eq!(references[2], (Tag::AttributeReference, ItemType::Structure));
        assert!(write_references(&mut Writer::default(), Version::V2_1, &["nothing".into()]).is_err());
    }
}
