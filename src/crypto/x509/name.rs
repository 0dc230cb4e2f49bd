//! Distinguished names: DER, RFC 4514 text, and the single parts that 1.4 and later have attributes for.

use pkcs8::ObjectIdentifier;
use x509_parser::x509::X509Name;

use super::write::{SEQUENCE, SET, oid, tlv};
use crate::crypto::{CryptoError, Result};

/// Longest text that is read as a name, in bytes.
const TEXT_MAX: usize = 16 * 1024;

/// The parts of a name that have an attribute of their own (2.1 §4.6, table 39).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NamePart {
    /// CN.
    CommonName,
    /// O.
    Organization,
    /// OU.
    OrganizationalUnit,
    /// emailAddress (PKCS#9).
    Email,
    /// C.
    Country,
    /// ST.
    State,
    /// L.
    Locality,
    /// UID.
    UserId,
    /// serialNumber.
    SerialNumber,
    /// title.
    Title,
    /// DC.
    DomainComponent,
    /// dnQualifier.
    DnQualifier,
}

struct Row {
    part: NamePart,
    text: &'static str,
    oid: ObjectIdentifier,
}

const fn row(part: NamePart, text: &'static str, oid: &str) -> Row {
    Row { part, text, oid: ObjectIdentifier::new_unwrap(oid) }
}

const ROWS: [Row; 12] = [
    row(NamePart::CommonName, "CN", "2.5.4.3"),
    row(NamePart::Organization, "O", "2.5.4.10"),
    row(NamePart::OrganizationalUnit, "OU", "2.5.4.11"),
    row(NamePart::Email, "emailAddress", "1.2.840.113549.1.9.1"),
    row(NamePart::Country, "C", "2.5.4.6"),
    row(NamePart::State, "ST", "2.5.4.8"),
    row(NamePart::Locality, "L", "2.5.4.7"),
    row(NamePart::UserId, "UID", "0.9.2342.19200300.100.1.1"),
    row(NamePart::SerialNumber, "serialNumber", "2.5.4.5"),
    row(NamePart::Title, "title", "2.5.4.12"),
    row(NamePart::DomainComponent, "DC", "0.9.2342.19200300.100.1.25"),
    row(NamePart::DnQualifier, "dnQualifier", "2.5.4.46"),
];

impl NamePart {
    fn row(self) -> &'static Row {
        &ROWS[self as usize]
    }
}

/// A distinguished name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Name {
    der: Box<[u8]>,
    text: Box<str>,
    parts: Vec<(NamePart, Box<str>)>,
}

impl Name {
    pub(super) fn read(name: &X509Name<'_>) -> Self {
        let mut parts = Vec::new();
        let mut texts = Vec::new();
        for rdn in name.iter_rdn() {
            let mut pieces = Vec::new();
            for attribute in rdn.iter() {
                let known = ROWS.iter().find(|row| row.oid.as_bytes() == attribute.attr_type().as_bytes());
                let value = attribute.as_str().ok();
                let label = known.map_or_else(|| attribute.attr_type().to_id_string(), |row| row.text.to_owned());
                pieces.push(match value {
                    Some(value) => format!("{label}={}", escape(value)),
                    None => format!("{label}=#{}", hex(attribute.as_slice())),
                });
                if let (Some(row), Some(value)) = (known, value) {
                    parts.push((row.part, value.into()));
                }
            }
            texts.push(pieces.join("+"));
        }
        texts.reverse();
        Self { der: name.as_raw().into(), text: texts.join(",").into(), parts }
    }

    /// From single parts, the most general first.
    pub fn from_parts(parts: &[(NamePart, &str)]) -> Result<Self> {
        let rdns: Vec<Vec<u8>> = parts.iter().map(|(part, value)| tlv(SET, &[&attribute(*part, value)])).collect();
        Self::from_der(&tlv(SEQUENCE, &rdns.iter().map(Vec::as_slice).collect::<Vec<_>>()))
    }

    /// From RFC 4514 text, as `CN=server,O=Example`. Types are those of `NamePart`; values in hexadecimal are refused.
    pub fn from_text(text: &str) -> Result<Self> {
        const WRONG: CryptoError = CryptoError::BadParameters("distinguished name");
        if text.len() > TEXT_MAX {
            return Err(WRONG);
        }
        let mut rdns = Vec::new();
        for rdn in split(text, ',') {
            let mut attributes = Vec::new();
            for piece in split(rdn, '+') {
                let (label, value) = piece.split_once('=').ok_or(WRONG)?;
                let label = label.trim_matches(' ');
                let row = ROWS.iter().find(|row| row.text.eq_ignore_ascii_case(label) || row.oid.to_string() == label);
                let value = unescape(value.trim_start_matches(' ')).ok_or(WRONG)?;
                attributes.push(attribute(row.ok_or(WRONG)?.part, &value));
            }
            if attributes.is_empty() {
                return Err(WRONG);
            }
            // DER orders the elements of a set.
            attributes.sort();
            rdns.push(tlv(SET, &attributes.iter().map(Vec::as_slice).collect::<Vec<_>>()));
        }
        rdns.reverse();
        Self::from_der(&tlv(SEQUENCE, &rdns.iter().map(Vec::as_slice).collect::<Vec<_>>()))
    }

    /// From single parts in any order: the most general first, and those of one kind as they stand.
    pub fn from_unordered(parts: &[(NamePart, &str)]) -> Result<Self> {
        const ORDER: [NamePart; 12] = [
            NamePart::Country,
            NamePart::DomainComponent,
            NamePart::State,
            NamePart::Locality,
            NamePart::Organization,
            NamePart::OrganizationalUnit,
            NamePart::Title,
            NamePart::CommonName,
            NamePart::DnQualifier,
            NamePart::SerialNumber,
            NamePart::UserId,
            NamePart::Email,
        ];
        let mut sorted = parts.to_vec();
        sorted.sort_by_key(|(part, _)| ORDER.iter().position(|one| one == part));
        Self::from_parts(&sorted)
    }

    /// From DER.
    pub fn from_der(der: &[u8]) -> Result<Self> {
        use x509_parser::prelude::FromDer;
        match X509Name::from_der(der) {
            Ok(([], name)) => Ok(Self::read(&name)),
            _ => Err(CryptoError::BadData("not a distinguished name")),
        }
    }

    /// DER: the Distinguished Name byte strings of 1.1 and later. An empty name is an empty sequence here; the standard
    /// wants an empty string then.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// RFC 4514 text, the most special part first: the Distinguished Name texts of 1.0, and Subject DN of 3.0.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The parts that have attributes, in their order, the most general first; a part may repeat.
    pub fn parts(&self) -> &[(NamePart, Box<str>)] {
        &self.parts
    }

    /// The values of one part.
    pub fn values(&self, part: NamePart) -> impl Iterator<Item = &str> {
        self.parts.iter().filter(move |(kind, _)| *kind == part).map(|(_, value)| &**value)
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }
}

/// Type and value. Strings are UTF-8 but for those that RFC 5280 wants otherwise.
fn attribute(part: NamePart, value: &str) -> Vec<u8> {
    let tag = match part {
        NamePart::Country | NamePart::SerialNumber | NamePart::DnQualifier => 0x13,
        NamePart::Email | NamePart::DomainComponent => 0x16,
        _ => 0x0C,
    };
    // PrintableString and IA5String hold ASCII; other text stays UTF-8.
    let tag = if value.is_ascii() { tag } else { 0x0C };
    tlv(SEQUENCE, &[&oid(part.row().oid), &tlv(tag, &[value.as_bytes()])])
}

/// RFC 4514 §2.4.
fn escape(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    let last = value.chars().count().saturating_sub(1);
    for (at, char) in value.chars().enumerate() {
        let edge_space = char == ' ' && (at == 0 || at == last);
        match char {
            '\0' => text.push_str("\\00"),
            '"' | '+' | ',' | ';' | '<' | '>' | '\\' => text.extend(['\\', char]),
            '#' if at == 0 => text.push_str("\\#"),
            _ if edge_space => text.push_str("\\ "),
            _ => text.push(char),
        }
    }
    text
}

/// RFC 4514 §3; `None` for a bare `#` form and for escapes that are none.
fn unescape(value: &str) -> Option<String> {
    if value.starts_with('#') {
        return None;
    }
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        if *first != b'\\' {
            bytes.push(*first);
            continue;
        }
        let (byte, tail) = match rest {
            [special, tail @ ..] if b" \"#+,;<=>\\".contains(special) => (*special, tail),
            [high, low, tail @ ..] => {
                let digit = |byte: u8| (byte as char).to_digit(16).map(|digit| digit as u8);
                (digit(*high)? << 4 | digit(*low)?, tail)
            }
            _ => return None,
        };
        bytes.push(byte);
        rest = tail;
    }
    String::from_utf8(bytes).ok()
}

/// Pieces between separators that are not escaped; none for an empty text.
fn split(text: &str, separator: char) -> Vec<&str> {
    let mut pieces = Vec::new();
    let (mut start, mut escaped) = (0, false);
    for (at, char) in text.char_indices() {
        if char == separator && !escaped {
            pieces.push(&text[start..at]);
            start = at + 1;
        }
        escaped = char == '\\' && !escaped;
    }
    if !text.is_empty() {
        pieces.push(&text[start..]);
    }
    pieces
}

/// Bytes in hexadecimal.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn rows_are_in_the_order_of_the_enumeration() {
        for row in &ROWS {
            assert_eq!(row.part.row().text, row.text);
        }
    }

    #[test]
    fn text_and_der() {
        let text = "CN=a\\,b+UID=7,OU=\\ x\\ ,O=Ex\u{e4}mple,DC=example,DC=org,C=DE";
        let name = Name::from_text(text).unwrap();
        assert_eq!(name.values(NamePart::CommonName).collect::<Vec<_>>(), ["a,b"]);
        assert_eq!(name.values(NamePart::DomainComponent).collect::<Vec<_>>(), ["org", "example"]);
        assert_eq!(Name::from_text(name.text()).unwrap(), name);
        assert_eq!(Name::from_der(name.der()).unwrap(), name);
        let parts = [(NamePart::Country, "DE"), (NamePart::CommonName, "server")];
        assert_eq!(Name::from_parts(&parts).unwrap().text(), "CN=server,C=DE");
        assert!(Name::from_text("").unwrap().is_empty());
        for wrong in ["CN", "XX=1", "CN=#0102", "CN=a\\", "CN=a\\zz", ","] {
            assert!(Name::from_text(wrong).is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn any_value_survives(value in "\\PC{1,30}") {
            let name = Name::from_parts(&[(NamePart::CommonName, &value)]).unwrap();
            let again = Name::from_text(name.text()).unwrap();
            prop_assert_eq!(again.values(NamePart::CommonName).next(), Some(value.as_str()));
        }

        #[test]
        fn garbage_never_panics(text in ".{0,60}", bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            let _ = Name::from_text(&text);
            let _ = Name::from_der(&bytes);
        }
    }
}
