//! The version edge of attributes. Inside, an attribute is a tag with a value in one form (`model::attributes`). On
//! the wire it is, in 1.x, a name, an index and a value inside a Template-Attribute; in 2.x an item of its own
//! inside Attributes; and in 3.0 names, links, groups and identifiers have new types. This file converts, both ways,
//! and leaves out of an answer what the client's version does not know.

use std::borrow::Cow;

use super::wire::{Read, Write, missing, repeated, structure, unexpected, wrong_type};
use crate::base::{Error, Field, Result, Value};
use crate::model::link::{link_tag, link_type};
use crate::model::set::vendor_and_name;
use crate::model::shape::conforms;
use crate::model::{Attribute, Refusal, Rule, rule};
use crate::registry::{ItemType, LinkType, NameType, ResultReason, Tag, Version, is_extension_value};
use crate::ttlv::{Item, Writer};

/// A prefix of 1.x custom attribute names and the vendor that 2.x knows it by (2.1 §4.60).
const CUSTOM: [(&str, &str); 2] = [("x-", "x"), ("y-", "y")];

/// One attribute from a request, in the form of the model.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewAttribute {
    /// The attribute.
    pub tag: Tag,
    /// Its value.
    pub value: Value,
    /// The index a 1.x client gave.
    pub index: Option<u32>,
}

/// Attributes for a new object, or to search by, in the order of the request. 1.x: a Template-Attribute, which may
/// also name templates.
#[derive(Clone, Default, Debug)]
pub struct AttributeList {
    /// The attributes.
    pub attributes: Vec<NewAttribute>,
    /// Names of templates to expand first (1.x).
    pub templates: Vec<Box<str>>,
}

impl<'a> Read<'a> for AttributeList {
    fn read(item: &Item<'a>, version: Version) -> Result<Self> {
        if item.item_type != ItemType::Structure {
            return Err(wrong_type(item, "a structure"));
        }
        let mut list = Self::default();
        for child in item.children() {
            if !version.is_1x() {
                list.attributes.push(read_tagged(&child, version)?);
            } else if child.tag == Tag::Attribute {
                list.attributes.push(NewAttribute::read(&child, version)?);
            } else if child.tag == Tag::Name {
                let name = child.child(Tag::NameValue).and_then(|name| name.text());
                list.templates.push(name.ok_or_else(|| missing(Tag::NameValue, Tag::Name))?.into());
            } else if child.tag == Tag::TemplateAttribute {
                // Several 1.x clients put a whole Template-Attribute where Attributes belong, as in Locate.
                for inner in child.children().filter(|inner| inner.tag == Tag::Attribute) {
                    list.attributes.push(NewAttribute::read(&inner, version)?);
                }
            } else {
                return Err(unexpected(&child, item.tag, version));
            }
        }
        Ok(list)
    }
}

structure! {
    struct WireAttribute<'a> reads {
        req AttributeName => name: &'a str;
        opt AttributeIndex => index: i32;
        opt AttributeValue => value: Item<'a>;
    }
}

/// 1.x: the structure Attribute. 2.x: Current Attribute or New Attribute, which hold one attribute.
impl<'a> Read<'a> for NewAttribute {
    fn read(item: &Item<'a>, version: Version) -> Result<Self> {
        if !version.is_1x() {
            let mut children = item.children();
            let only = children.next().ok_or_else(|| missing(Tag::Attribute, item.tag))?;
            return match children.next() {
                Some(second) => Err(repeated(&second)),
                None => read_tagged(&only, version),
            };
        }
        let wire = WireAttribute::read(item, version)?;
        let value = wire.value.ok_or_else(|| missing(Tag::AttributeValue, item.tag))?;
        let index = wire.index.map(read_index).transpose()?;
        let (tag, value) = read_named(wire.name, &value, version)?;
        Ok(Self { tag, value, index })
    }
}

fn read_index(index: i32) -> Result<u32> {
    u32::try_from(index).map_err(|_| Error::new(ResultReason::IndexOutOfBounds, "Attribute Index is negative"))
}

/// An attribute by its 1.x name.
fn read_named(name: &str, value: &Item<'_>, version: Version) -> Result<(Tag, Value)> {
    if let Some((vendor, rest)) = custom_name(name) {
        return Ok((Tag::Attribute, vendor_attribute(vendor, rest, value.to_value())));
    }
    let tag = standard_name(name, version).ok_or_else(|| unknown_attribute(name, version))?;
    canonical(tag, value.to_value(), version)
}

/// A 1.x custom name without its prefix, and the vendor of the prefix.
fn custom_name(name: &str) -> Option<(&'static str, &str)> {
    CUSTOM.iter().find_map(|(prefix, vendor)| name.strip_prefix(prefix).map(|rest| (*vendor, rest)))
}

/// The attribute that a 1.x name stands for. `Link` and `Object Group` stand for themselves.
fn standard_name(name: &str, version: Version) -> Option<Tag> {
    let tag = Tag::from_name(name).filter(|tag| tag.row().is_some_and(|row| row.name == name))?;
    known(tag, version).then_some(tag)
}

/// Whether clients of `version` know the attribute under this tag.
fn known(tag: Tag, version: Version) -> bool {
    match tag {
        Tag::Link => tag.known_in(version),
        _ if link_type(tag).is_some() => version >= Version::V3_0,
        // Vendor attributes are spelt as names in 1.x.
        Tag::Attribute => !version.is_1x(),
        _ => rule(tag).is_some_and(|rule| rule.known_in(version)),
    }
}

fn vendor_attribute(vendor: &str, name: &str, value: Value) -> Value {
    Value::Structure(vec![
        Field::new(Tag::VendorIdentification, Value::text(vendor)),
        Field::new(Tag::AttributeName, Value::text(name)),
        Field::new(Tag::AttributeValue, value),
    ])
}

fn unknown_attribute(name: &str, version: Version) -> Error {
    Error::new(ResultReason::InvalidAttribute, format!("KMIP {version} has no attribute {name}"))
}

/// An attribute as an item of its own (2.x).
fn read_tagged(item: &Item<'_>, version: Version) -> Result<NewAttribute> {
    if !known(item.tag, version) {
        return Err(unknown_attribute(&item.tag.name(), version));
    }
    let (tag, value) = canonical(item.tag, item.to_value(), version)?;
    Ok(NewAttribute { tag, value, index: None })
}

/// Turns a value of this version into the form of the model, and checks it.
fn canonical(tag: Tag, value: Value, version: Version) -> Result<(Tag, Value)> {
    let (tag, value) = match (tag, value) {
        (Tag::Link, link) => canonical_link(&link)?,
        (Tag::GroupLink, Value::NameReference(name)) => (Tag::ObjectGroup, Value::TextString(name)),
        (Tag::Name, Value::TextString(name)) if version >= Version::V3_0 => {
            let fields = vec![
                Field::new(Tag::NameValue, Value::TextString(name)),
                Field::new(Tag::NameType, Value::Enumeration(NameType::UninterpretedTextString.0)),
            ];
            (Tag::Name, Value::Structure(fields))
        }
        (Tag::UniqueIdentifier, Value::Identifier(id)) => (Tag::UniqueIdentifier, Value::TextString(id)),
        other => other,
    };
    Ok((tag, value))
}

/// The check of a value that is to be stored. A search may leave out fields of a structure, so it is not done there.
pub fn check_value(attribute: &NewAttribute, version: Version) -> Result<()> {
    conforms(attribute.tag, &attribute.value).map_err(|misfit| Refusal::from(misfit).into_error(version)).and_then(
        |()| match newer_value(attribute.tag, &attribute.value, version) {
            Some(newer) => Err(Error::new(
                ResultReason::InvalidAttributeValue,
                format!("{} holds {newer}, which KMIP {version} does not define", attribute.tag),
            )),
            None => Ok(()),
        },
    )
}

/// A link of 1.x and 2.x. A search may give only one of its two fields; what it leaves out is filled by the search.
fn canonical_link(link: &Value) -> Result<(Tag, Value)> {
    let kind = match link.field(Tag::LinkType) {
        Some(Value::Enumeration(kind)) => Some(LinkType(*kind)),
        _ => None,
    };
    let target = link.field(Tag::LinkedObjectIdentifier).and_then(Value::as_text);
    let target = Value::Reference(target.unwrap_or_default().into());
    match kind {
        None => Ok((Tag::Link, target)),
        Some(kind) => match link_tag(kind) {
            Some(tag) => Ok((tag, target)),
            None => Err(Error::new(ResultReason::InvalidAttributeValue, format!("no link has the Link Type {kind}"))),
        },
    }
}

/// What a request points at: an attribute, all links, or a vendor attribute by name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Selector<'a> {
    /// An attribute by its tag. Links by their own tag (3.0).
    Tag(Tag),
    /// All links, as 1.x and 2.x see them.
    Link,
    /// A vendor attribute.
    Vendor(&'a str, &'a str),
    /// A name or tag that is no attribute in the client's version: there is never a value for it.
    Unknown(&'a str),
}

impl<'a> Selector<'a> {
    /// From a 1.x Attribute Name.
    pub fn named(name: &'a str, version: Version) -> Self {
        match custom_name(name) {
            Some((vendor, rest)) => Self::Vendor(vendor, rest),
            None => standard_name(name, version).map_or(Self::Unknown(name), Self::of),
        }
    }

    fn of(tag: Tag) -> Self {
        if tag == Tag::Link { Self::Link } else { Self::Tag(tag) }
    }

    /// The family of the model that this selects.
    pub fn family(self) -> Option<crate::model::Family<'a>> {
        use crate::model::Family;
        match self {
            Self::Tag(tag) => Some(Family::Tag(tag)),
            Self::Link => Some(Family::Link),
            Self::Vendor(vendor, name) => Some(Family::Vendor(vendor, name)),
            Self::Unknown(_) => None,
        }
    }
}

impl std::fmt::Display for Selector<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tag(tag) => tag.fmt(f),
            Self::Link => f.write_str("Link"),
            Self::Vendor(vendor, name) => write!(f, "{vendor}-{name}"),
            Self::Unknown(name) => f.write_str(name),
        }
    }
}

structure! {
    struct WireReference<'a> reads {
        req VendorIdentification => vendor: &'a str;
        req AttributeName => name: &'a str;
    }
}

/// 1.x: an Attribute Name. 2.x: an Attribute Reference, which is a tag or the name of a vendor attribute (2.1 §5.5).
impl<'a> Read<'a> for Selector<'a> {
    fn read(item: &Item<'a>, version: Version) -> Result<Self> {
        if item.tag == Tag::AttributeName {
            return <&str>::read(item, version).map(|name| Self::named(name, version));
        }
        if item.item_type == ItemType::Structure {
            let wire = WireReference::read(item, version)?;
            return Ok(Self::Vendor(wire.vendor, wire.name));
        }
        let tag = item.enumeration().map(Tag).ok_or_else(|| wrong_type(item, "an Attribute Reference"))?;
        Ok(if !known(tag, version) {
            Self::Unknown(tag.row().map_or("unknown tag", |row| row.name))
        } else if tag == Tag::GroupLink {
            Self::Tag(Tag::ObjectGroup)
        } else {
            Self::of(tag)
        })
    }
}

/// A selector for an answer: how an attribute is called, once for each family.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum OwnedSelector {
    /// By tag.
    Tag(Tag),
    /// By vendor and name.
    Vendor(Box<str>, Box<str>),
}

impl OwnedSelector {
    /// How clients of `version` call this attribute; None if they do not know it.
    pub fn of(attribute: &Attribute, version: Version) -> Option<Self> {
        let (tag, value) = to_wire(attribute.tag, &attribute.value, version)?;
        match (tag, vendor_and_name(&value)) {
            (Tag::Attribute, Some((vendor, name))) => Some(Self::Vendor(vendor.into(), name.into())),
            (Tag::Attribute, None) => None,
            _ => Some(Self::Tag(tag)),
        }
    }
}

impl Write for OwnedSelector {
    fn write(&self, tag: Tag, out: &mut Writer, version: Version) {
        match self {
            Self::Tag(attribute) if version.is_1x() => out.text(tag, &attribute.name()),
            Self::Tag(attribute) => out.enumeration(tag, attribute.0),
            Self::Vendor(vendor, name) if version.is_1x() => out.text(tag, &format!("{vendor}-{name}")),
            Self::Vendor(vendor, name) => out.structure(tag, |out| {
                out.text(Tag::VendorIdentification, vendor);
                out.text(Tag::AttributeName, name);
            }),
        }
    }
}

/// Attributes of an answer, in order. In 1.x each is a structure of its own beside the others; in 2.x they share one
/// structure, whose tag is that of the field.
#[derive(Clone, Default, Debug)]
pub struct AnswerAttributes(pub Vec<Attribute>);

impl Write for AnswerAttributes {
    fn write(&self, tag: Tag, out: &mut Writer, version: Version) {
        if version.is_1x() {
            self.0.iter().for_each(|attribute| write_attribute(attribute, out, version));
        } else {
            let mark = out.begin(tag);
            self.0.iter().for_each(|attribute| write_attribute(attribute, out, version));
            out.end(mark);
        }
    }
}

/// One attribute: 1.x as an Attribute structure, 2.x as an item of its own. Nothing if the version lacks it.
pub fn write_attribute(attribute: &Attribute, out: &mut Writer, version: Version) {
    let Some((tag, value)) = to_wire(attribute.tag, &attribute.value, version) else { return };
    if !version.is_1x() {
        out.value(tag, &value);
        return;
    }
    let mark = out.begin(Tag::Attribute);
    match vendor_and_name(&value).filter(|_| tag == Tag::Attribute) {
        Some((vendor, name)) => {
            out.text(Tag::AttributeName, &format!("{vendor}-{name}"));
            write_index(attribute.index, out);
            if let Some(inner) = value.field(Tag::AttributeValue) {
                out.value(Tag::AttributeValue, inner);
            }
        }
        None => {
            out.text(Tag::AttributeName, tag.row().map_or("", |row| row.name));
            write_index(attribute.index, out);
            out.value(Tag::AttributeValue, &value);
        }
    }
    out.end(mark);
}

/// An index of zero is the default and is left out (1.4 §2.1.1).
fn write_index(index: u32, out: &mut Writer) {
    if index != 0 {
        out.integer(Tag::AttributeIndex, index as i32);
    }
}

/// The attribute as clients of `version` know it; None if they do not, or if it holds a value they do not know.
fn to_wire(tag: Tag, value: &Value, version: Version) -> Option<(Tag, Cow<'_, Value>)> {
    if let Some(kind) = link_type(tag).filter(|_| version < Version::V3_0) {
        let target = value.as_text().filter(|_| matches!(value, Value::Reference(_)))?;
        if !kind.known_in(version) {
            return None;
        }
        let fields = vec![
            Field::new(Tag::LinkType, Value::Enumeration(kind.0)),
            Field::new(Tag::LinkedObjectIdentifier, Value::text(target)),
        ];
        return Some((Tag::Link, Cow::Owned(Value::Structure(fields))));
    }
    if tag == Tag::ObjectGroup && version >= Version::V3_0 {
        return value.as_text().map(|name| (Tag::GroupLink, Cow::Owned(Value::NameReference(name.into()))));
    }
    if tag == Tag::Attribute {
        return vendor_to_wire(value, version);
    }
    if !rule(tag).is_some_and(|rule: &Rule| rule.known_in(version)) {
        return None;
    }
    match value {
        Value::Structure(_) if tag == Tag::Name && version >= Version::V3_0 => {
            value.field(Tag::NameValue).map(|name| (tag, Cow::Borrowed(name)))
        }
        Value::TextString(id) if tag == Tag::UniqueIdentifier && version >= Version::V3_0 => {
            Some((tag, Cow::Owned(Value::Identifier(id.clone()))))
        }
        _ => fit(tag, value, version).map(|value| (tag, value)),
    }
}

/// The value of a structure that is no attribute where it stands, such as Cryptographic Parameters of a wrapping key,
/// as clients of `version` know it.
pub fn fitted(tag: Tag, value: &Value, version: Version) -> Option<Cow<'_, Value>> {
    fit(tag, value, version)
}

/// In 1.x only the vendors x and y have a spelling, and item types of later versions do not exist.
fn vendor_to_wire(value: &Value, version: Version) -> Option<(Tag, Cow<'_, Value>)> {
    let (vendor, _) = vendor_and_name(value)?;
    let spelt = !version.is_1x() || CUSTOM.iter().any(|(_, known)| *known == vendor);
    (spelt && types_known(value, version)).then_some((Tag::Attribute, Cow::Borrowed(value)))
}

/// Whether the version has every item type in the value. Depth is bounded by what a message may hold.
fn types_known(value: &Value, version: Version) -> bool {
    let mut left = vec![value];
    while let Some(value) = left.pop() {
        if value.item_type().since() > version {
            return false;
        }
        if let Value::Structure(fields) = value {
            left.extend(fields.iter().map(|field| &field.value));
        }
    }
    true
}

/// The value without what the version lacks: unknown bits and fields fall away; a value of an enumeration that the
/// version does not define makes the whole attribute unknown.
fn fit<'a>(tag: Tag, value: &'a Value, version: Version) -> Option<Cow<'a, Value>> {
    if value.item_type().since() > version || newer_value(tag, value, version).is_some() {
        return None;
    }
    Some(match value {
        Value::Integer(bits) => match tag.mask() {
            Some(mask) => {
                // The bits of extensions (XXX00000) belong to no version.
                let kept = mask.bits_known_in(*bits as u32, version) | (*bits as u32 & 0xFFF0_0000);
                Cow::Owned(Value::Integer(kept as i32))
            }
            None => Cow::Borrowed(value),
        },
        Value::Structure(fields) if fields.iter().any(|field| !field_known(tag, field, version)) => {
            let known = fields.iter().filter(|field| field_known(tag, field, version)).cloned().collect();
            Cow::Owned(Value::Structure(known))
        }
        _ => Cow::Borrowed(value),
    })
}

/// Fields that came to a structure later than their tag to the standard.
const LATER_FIELDS: &[(Tag, Tag, Version)] = &[(Tag::Digest, Tag::KeyFormatType, Version::V1_1)];

fn field_known(structure: Tag, field: &Field, version: Version) -> bool {
    let later = LATER_FIELDS.iter().any(|(of, tag, since)| *of == structure && *tag == field.tag && version < *since);
    if later {
        return false;
    }
    field.tag.is_extension() || (field.tag.known_in(version) && field.value.item_type().since() <= version)
}

/// The first enumeration value inside that the version does not define, by name. Fields that the version lacks are
/// not looked at: they are left out.
fn newer_value(tag: Tag, value: &Value, version: Version) -> Option<String> {
    let newer = |tag: Tag, value: &Value| match value {
        Value::Enumeration(number) if !is_extension_value(*number) => {
            let row = tag.enumeration()?.row(*number)?;
            (!row.known_in(version)).then(|| row.name.to_owned())
        }
        _ => None,
    };
    match value {
        Value::Structure(fields) => fields
            .iter()
            .filter(|field| field_known(tag, field, version))
            .find_map(|field| newer(field.tag, &field.value)),
        leaf => newer(tag, leaf),
    }
}
