//! Names and numbers in text: types, tags, values of enumerations, bits of masks, hexadecimal.

use crate::registry::{EnumTable, ItemType, Tag, Version};

/// Most characters of a client's own word that an error repeats.
const ECHO_MAX: usize = 48;

/// The name of a type (Additional Message Encodings §4.1.4).
pub(super) const fn of_type(item_type: ItemType) -> &'static str {
    match item_type {
        ItemType::Structure => "Structure",
        ItemType::Integer => "Integer",
        ItemType::LongInteger => "LongInteger",
        ItemType::BigInteger => "BigInteger",
        ItemType::Enumeration => "Enumeration",
        ItemType::Boolean => "Boolean",
        ItemType::TextString => "TextString",
        ItemType::ByteString => "ByteString",
        ItemType::DateTime => "DateTime",
        ItemType::Interval => "Interval",
        ItemType::DateTimeExtended => "DateTimeExtended",
        ItemType::Identifier => "Identifier",
        ItemType::Reference => "Reference",
        ItemType::NameReference => "NameReference",
    }
}

/// The type of a name.
pub(super) fn item_type(name: &str) -> Result<ItemType, String> {
    let mut types = ItemType::ALL.iter().map(|(item_type, _)| *item_type);
    types.find(|item_type| of_type(*item_type) == name).ok_or_else(|| format!("unknown type {}", echo(name)))
}

/// The tag of a name, of `0x` and six hexadecimal digits, or of `x` and the same digits, the form an element name
/// can have (Additional Message Encodings §6.1.6.5).
pub(super) fn tag(name: &str) -> Result<Tag, String> {
    if let Some(tag) = Tag::from_name(name) {
        return Ok(tag);
    }
    let digits = name.strip_prefix("0x").or_else(|| name.strip_prefix('x')).filter(|digits| digits.len() == 6);
    let number = digits.and_then(|digits| number_of_hex(digits, 6));
    number.map(|number| Tag(number as u32)).ok_or_else(|| format!("unknown tag {}", echo(name)))
}

/// The name of a tag, if `version` has it.
pub(super) fn of_tag(tag: Tag, version: Version) -> Option<&'static str> {
    tag.row().filter(|row| row.known_in(version)).map(|row| row.ident)
}

/// The value of an enumeration: a name, or `0x` and up to eight digits.
pub(super) fn enumeration(named: Tag, text: &str) -> Result<u32, String> {
    named
        .enumeration()
        .and_then(|table| table.value(text))
        .or_else(|| prefixed_hex(text, 8).map(|number| number as u32))
        .ok_or_else(|| format!("{} is no value of {named:?}", echo(text)))
}

/// The text of an enumeration: its name if `version` has one, else eight digits.
pub(super) fn of_enumeration(named: Tag, value: u32, version: Version) -> String {
    let row = named.enumeration().and_then(|table| table.row(value)).filter(|row| row.known_in(version));
    row.map_or_else(|| format!("0x{value:08x}"), |row| row.ident.into())
}

/// The bits of a mask: names and hexadecimal words, in any mixture, between blanks (XML) or bars (JSON).
pub(super) fn mask(table: &EnumTable, named: Tag, text: &str) -> Result<u32, String> {
    let mut bits = 0;
    for word in text.split(|c: char| c == '|' || c.is_ascii_whitespace()).filter(|word| !word.is_empty()) {
        let value = table.value(word).or_else(|| prefixed_hex(word, 8).map(|number| number as u32));
        bits |= value.ok_or_else(|| format!("{} is no bit of {named:?}", echo(word)))?;
    }
    Ok(bits)
}

/// The text of a mask that is not zero: names of the bits that `version` has, the rest as one number.
pub(super) fn of_mask(table: &EnumTable, bits: u32, version: Version, separator: &str) -> String {
    let mut rest = bits;
    let mut words = Vec::new();
    for row in table.rows.iter().filter(|row| row.known_in(version) && row.value.is_power_of_two()) {
        if rest & row.value != 0 {
            words.push(row.ident.to_owned());
            rest &= !row.value;
        }
    }
    if rest != 0 {
        words.push(format!("0x{rest:08x}"));
    }
    words.join(separator)
}

/// The number behind `0x`, if it has one to `digits_max` digits.
pub(super) fn prefixed_hex(text: &str, digits_max: usize) -> Option<u64> {
    number_of_hex(text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"))?, digits_max)
}

fn number_of_hex(digits: &str, digits_max: usize) -> Option<u64> {
    // from_str_radix alone would take a sign.
    let sound = (1..=digits_max).contains(&digits.len()) && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    if sound { u64::from_str_radix(digits, 16).ok() } else { None }
}

/// Bytes as lower case digits.
pub(super) fn of_bytes(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble & 0x0F)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(*byte)]).collect()
}

/// The bytes of an even number of digits in either case.
pub(super) fn bytes(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    let digit = |digit: u8| char::from(digit).to_digit(16);
    digits.chunks_exact(2).map(|pair| Some((digit(pair[0])? << 4 | digit(pair[1])?) as u8)).collect()
}

/// A client's word as far as an error repeats it.
pub(super) fn echo(word: &str) -> String {
    let mut shown: String = word.chars().take(ECHO_MAX).flat_map(char::escape_debug).collect();
    if word.chars().nth(ECHO_MAX).is_some() {
        shown.push_str("...");
    }
    format!("'{shown}'")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_have_names_and_numbers() {
        assert_eq!(tag("IVCounterNonce"), Ok(Tag::IVCounterNonce));
        assert_eq!(tag("0x420001"), Ok(Tag::ActivationDate));
        assert_eq!(tag("x540001"), Ok(Tag(0x54_0001)));
        assert_eq!(tag("0X420001").unwrap_err(), "unknown tag '0X420001'");
        assert!(tag("0x42001").is_err());
        assert!(tag("x+40001").is_err());
        assert_eq!(of_tag(Tag::TemplateAttribute, Version::V1_4), Some("TemplateAttribute"));
        assert_eq!(of_tag(Tag::TemplateAttribute, Version::V2_1), None);
    }

    /// The examples of Additional Message Encodings §4.1.6.4 and §6.1.6.4.
    #[test]
    fn masks_mix_names_and_numbers() {
        let named = Tag::CryptographicUsageMask;
        let table = named.mask().unwrap();
        let bits = |text| mask(table, named, text);
        assert_eq!(bits("Encrypt|Decrypt|CertificateSign"), Ok(0x100C));
        assert_eq!(bits("Encrypt Decrypt CertificateSign"), Ok(0x100C));
        assert_eq!(bits("CertificateSign|0x00000004|0x0000008"), Ok(0x100C));
        assert_eq!(bits("CertificateSign 0x0000000c"), Ok(0x100C));
        assert_eq!(bits("Encrypt Dance").unwrap_err(), "'Dance' is no bit of CryptographicUsageMask");
        assert_eq!(of_mask(table, 0x8000_000C, Version::V1_0, "|"), "Encrypt|Decrypt|0x80000000");
    }

    #[test]
    fn errors_repeat_little() {
        assert_eq!(echo("a\u{7}\n"), r"'a\u{7}\n'");
        assert!(echo(&"x".repeat(1_000_000)).len() < 64);
    }

    #[test]
    fn bytes_have_two_digits_each() {
        assert_eq!(bytes("a1B2"), Some(vec![0xA1, 0xB2]));
        assert_eq!(bytes(""), Some(vec![]));
        assert_eq!(bytes("a1b"), None);
        assert_eq!(bytes("é"), None);
        assert_eq!(of_bytes(&[0xA1, 0x0F]), "a10f");
    }
}
