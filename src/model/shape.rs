//! The form of attribute values: which item type, which fields, which numbers. `conforms` is the check of a value
//! that a client sent; the fields are those of the types in `values`, their versions those of the registry.

use std::fmt;

use super::attributes::rule;
use super::refusal::Refusal;
use crate::base::{Field, Value};
use crate::registry::{ItemType, Tag};

/// How often a field may occur.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Count {
    /// Exactly once.
    Required,
    /// At most once.
    Optional,
    /// Any number of times.
    Many,
}

/// One field of a structured attribute.
#[derive(Clone, Copy, Debug)]
pub struct FieldShape {
    /// What it is.
    pub tag: Tag,
    /// The item types it may have; empty means any.
    pub types: &'static [ItemType],
    /// How often it occurs.
    pub count: Count,
}

/// What is wrong with a value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Misfit {
    /// The tag is not an attribute.
    NotAnAttribute(Tag),
    /// The item has another type than the standard gives it.
    WrongType(Tag, ItemType),
    /// A required field is absent.
    MissingField(Tag),
    /// A field occurs more often than it may.
    RepeatedField(Tag),
    /// The structure does not have such a field.
    UnknownField(Tag),
    /// No version defines this value, and it is not in the range of extensions (8XXXXXXX).
    UnknownValue(Tag, u32),
    /// No version defines these bits, and they are not in the range of extensions (XXX00000).
    UnknownBits(Tag, u32),
    /// A Vendor Identification is made of letters, digits, underscore and period (2.1 §4.60); a name is not empty.
    VendorAttributeName,
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAnAttribute(tag) => write!(f, "{tag} is not an attribute"),
            Self::WrongType(tag, found) => write!(f, "{tag} cannot be of type {found:?}"),
            Self::MissingField(tag) => write!(f, "{tag} is missing"),
            Self::RepeatedField(tag) => write!(f, "{tag} may occur only once"),
            Self::UnknownField(tag) => write!(f, "{tag} is not a field of this attribute"),
            Self::UnknownValue(tag, value) => write!(f, "{tag} has the unknown value 0x{value:08X}"),
            Self::UnknownBits(tag, bits) => write!(f, "{tag} has the unknown bits 0x{bits:08X}"),
            Self::VendorAttributeName => f.write_str("the vendor attribute has an invalid vendor or name"),
        }
    }
}

impl std::error::Error for Misfit {}

impl From<Misfit> for Refusal {
    fn from(misfit: Misfit) -> Self {
        Self::invalid_value(misfit.to_string())
    }
}

/// The fields of a structured attribute in order; empty for other attributes.
pub fn fields(tag: Tag) -> &'static [FieldShape] {
    rule(tag).map_or(&[], |rule| rule.fields)
}

/// Whether the value has the form of the attribute.
pub fn conforms(tag: Tag, value: &Value) -> Result<(), Misfit> {
    let rule = rule(tag).ok_or(Misfit::NotAnAttribute(tag))?;
    item(tag, rule.types, value)?;
    if let Value::Structure(content) = value {
        structure(rule.fields, content)?;
    }
    if tag == Tag::Attribute { vendor(value) } else { Ok(()) }
}

fn structure(shape: &[FieldShape], content: &[Field]) -> Result<(), Misfit> {
    for field in content {
        let row = shape.iter().find(|row| row.tag == field.tag).ok_or(Misfit::UnknownField(field.tag))?;
        item(row.tag, row.types, &field.value)?;
    }
    for row in shape {
        match (row.count, content.iter().filter(|field| field.tag == row.tag).count()) {
            (Count::Required, 0) => return Err(Misfit::MissingField(row.tag)),
            (Count::Required | Count::Optional, 2..) => return Err(Misfit::RepeatedField(row.tag)),
            _ => {}
        }
    }
    Ok(())
}

fn item(tag: Tag, types: &[ItemType], value: &Value) -> Result<(), Misfit> {
    if !types.is_empty() && !types.contains(&value.item_type()) {
        return Err(Misfit::WrongType(tag, value.item_type()));
    }
    match value {
        Value::Enumeration(number) => known_value(tag, *number),
        Value::Integer(number) => known_bits(tag, number.cast_unsigned()),
        _ => Ok(()),
    }
}

fn known_value(tag: Tag, number: u32) -> Result<(), Misfit> {
    let extension = number >> 28 == 8;
    match tag.enumeration() {
        Some(table) if !extension && table.row(number).is_none() => Err(Misfit::UnknownValue(tag, number)),
        _ => Ok(()),
    }
}

fn known_bits(tag: Tag, bits: u32) -> Result<(), Misfit> {
    const EXTENSIONS: u32 = 0xFFF0_0000;
    let Some(mask) = tag.mask() else { return Ok(()) };
    let unknown = mask.rows.iter().fold(bits & !EXTENSIONS, |left, row| left & !row.value);
    if unknown == 0 { Ok(()) } else { Err(Misfit::UnknownBits(tag, unknown)) }
}

fn vendor(value: &Value) -> Result<(), Misfit> {
    let text = |tag| value.field(tag).and_then(Value::as_text).unwrap_or_default();
    let plain = |vendor: &str| {
        !vendor.is_empty() && vendor.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.'))
    };
    if plain(text(Tag::VendorIdentification)) && !text(Tag::AttributeName).is_empty() {
        Ok(())
    } else {
        Err(Misfit::VendorAttributeName)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Date;

    fn structure_of(fields: &[(Tag, Value)]) -> Value {
        Value::Structure(fields.iter().map(|(tag, value)| Field::new(*tag, value.clone())).collect())
    }

    #[test]
    fn a_value_is_judged_by_type_fields_and_numbers() {
        let name = Value::text("n");
        let kind = Value::Enumeration(1);
        let vendor = |vendor: &str, name: &str| {
            structure_of(&[
                (Tag::VendorIdentification, Value::text(vendor)),
                (Tag::AttributeName, Value::text(name)),
                (Tag::AttributeValue, Value::Integer(1)),
            ])
        };
        let table = [
            (Tag::CryptographicLength, Value::Integer(256), Ok(())),
            (
                Tag::CryptographicLength,
                name.clone(),
                Err(Misfit::WrongType(Tag::CryptographicLength, ItemType::TextString)),
            ),
            (Tag::ActivationDate, Value::DateTime(Date(0)), Ok(())),
            (Tag::CryptographicAlgorithm, Value::Enumeration(3), Ok(())),
            (Tag::CryptographicAlgorithm, Value::Enumeration(0x8000_0001), Ok(())),
            (
                Tag::CryptographicAlgorithm,
                Value::Enumeration(0x7FFF),
                Err(Misfit::UnknownValue(Tag::CryptographicAlgorithm, 0x7FFF)),
            ),
            (Tag::OpaqueDataType, Value::Enumeration(5), Ok(())),
            (Tag::CryptographicUsageMask, Value::Integer(0x0C), Ok(())),
            (
                Tag::ProtectionStorageMask,
                Value::Integer(0x8_0000),
                Err(Misfit::UnknownBits(Tag::ProtectionStorageMask, 0x8_0000)),
            ),
            (Tag::Name, structure_of(&[(Tag::NameValue, name.clone()), (Tag::NameType, kind.clone())]), Ok(())),
            (Tag::Name, structure_of(&[(Tag::NameValue, name.clone())]), Err(Misfit::MissingField(Tag::NameType))),
            (
                Tag::Name,
                structure_of(&[
                    (Tag::NameValue, name.clone()),
                    (Tag::NameValue, name.clone()),
                    (Tag::NameType, kind.clone()),
                ]),
                Err(Misfit::RepeatedField(Tag::NameValue)),
            ),
            (Tag::Name, structure_of(&[(Tag::Comment, name.clone())]), Err(Misfit::UnknownField(Tag::Comment))),
            (Tag::Name, name.clone(), Err(Misfit::WrongType(Tag::Name, ItemType::TextString))),
            (Tag::CryptographicParameters, structure_of(&[]), Ok(())),
            (Tag::NextLink, Value::Reference("a".into()), Ok(())),
            (Tag::NextLink, name.clone(), Err(Misfit::WrongType(Tag::NextLink, ItemType::TextString))),
            (Tag::Attribute, vendor("x", "a"), Ok(())),
            (Tag::Attribute, vendor("a b", "a"), Err(Misfit::VendorAttributeName)),
            (Tag::Attribute, vendor("x", ""), Err(Misfit::VendorAttributeName)),
            (Tag::KeyBlock, structure_of(&[]), Err(Misfit::NotAnAttribute(Tag::KeyBlock))),
        ];
        for (tag, value, expected) in table {
            assert_eq!(conforms(tag, &value), expected, "{tag:?} {value:?}");
        }
    }
}
