//! Alternative names: the general names of a Subject or Issuer Alternative Name extension (RFC 5280 §4.2.1.6).

use std::net::IpAddr;

use x509_parser::asn1_rs::{Any, FromDer as _};
use x509_parser::extensions::GeneralName;

use super::MALFORMED;
use super::name::{Name, hex};
use super::write::tlv;
use crate::crypto::{CryptoError, Result};
use crate::registry::AlternativeNameType;

/// Most alternative names that are read.
const ALTERNATIVE_NAMES_MAX: usize = 1000;

/// A general name of a Subject or Issuer Alternative Name extension.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AlternativeName {
    /// What kind of name, as the Alternative Name attribute calls it; kinds that it lacks are uninterpreted.
    pub kind: AlternativeNameType,
    /// The name as text: an address, a host, a URI, a distinguished name; hexadecimal if it has no text form.
    pub text: Box<str>,
    /// DER of the general name: the Subject Alternative Name byte strings of 1.1 and later.
    pub der: Box<[u8]>,
}

impl AlternativeName {
    /// From DER of one general name.
    pub fn from_der(der: &[u8]) -> Result<Self> {
        match Any::from_der(der) {
            Ok(([], any)) => Self::read(any, der),
            _ => Err(MALFORMED),
        }
    }

    /// From a text of this kind; `None` if no general name is of the kind.
    ///
    /// # Errors
    /// `BadParameters` if the text is not of the kind.
    pub fn from_text(kind: AlternativeNameType, text: &str) -> Result<Option<Self>> {
        const WRONG: CryptoError = CryptoError::BadParameters("alternative name");
        let (tag, content) = match kind {
            AlternativeNameType::EmailAddress => (0x81, text.as_bytes().to_vec()),
            AlternativeNameType::DNSName => (0x82, text.as_bytes().to_vec()),
            AlternativeNameType::X_500DistinguishedName => (0xA4, Name::from_text(text)?.der().to_vec()),
            AlternativeNameType::URI => (0x86, text.as_bytes().to_vec()),
            AlternativeNameType::IPAddress => match text.parse() {
                Ok(IpAddr::V4(address)) => (0x87, address.octets().to_vec()),
                Ok(IpAddr::V6(address)) => (0x87, address.octets().to_vec()),
                Err(_) => return Err(WRONG),
            },
            _ => return Ok(None),
        };
        // These are IA5Strings; the standard has no other form of hosts and addresses.
        let is_string = matches!(tag, 0x81 | 0x82 | 0x86);
        if is_string && (text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic())) {
            return Err(WRONG);
        }
        Ok(Some(Self { kind, text: text.into(), der: tlv(tag, &[&content]).into() }))
    }

    /// What a text says about its own kind, for the untyped names of Certificate Subject (1.0 §3.10).
    pub fn kind_of(text: &str) -> AlternativeNameType {
        match text {
            _ if text.parse::<IpAddr>().is_ok() => AlternativeNameType::IPAddress,
            _ if text.contains("://") || text.starts_with("urn:") => AlternativeNameType::URI,
            _ if text.contains('=') => AlternativeNameType::X_500DistinguishedName,
            _ if text.contains('@') => AlternativeNameType::EmailAddress,
            _ => AlternativeNameType::DNSName,
        }
    }

    fn read(any: Any<'_>, der: &[u8]) -> Result<Self> {
        let name = GeneralName::try_from(any).map_err(|_| MALFORMED)?;
        let (kind, text) = match &name {
            GeneralName::RFC822Name(text) => (AlternativeNameType::EmailAddress, (*text).to_owned()),
            GeneralName::DNSName(text) => (AlternativeNameType::DNSName, (*text).to_owned()),
            GeneralName::URI(text) => (AlternativeNameType::URI, (*text).to_owned()),
            GeneralName::DirectoryName(name) => {
                (AlternativeNameType::X_500DistinguishedName, Name::read(name).text().to_owned())
            }
            GeneralName::IPAddress(bytes) => (AlternativeNameType::IPAddress, address(bytes)),
            _ => (AlternativeNameType::UninterpretedTextString, hex(der)),
        };
        Ok(Self { kind, text: text.into(), der: der.into() })
    }
}

/// The general names of an extension's value.
pub(super) fn general_names(value: &[u8]) -> Result<Vec<AlternativeName>> {
    let (_, sequence) = Any::from_der(value).map_err(|_| MALFORMED)?;
    let mut names = Vec::new();
    let mut rest = sequence.data;
    while !rest.is_empty() {
        if names.len() == ALTERNATIVE_NAMES_MAX {
            return Err(CryptoError::LimitExceeded("alternative names"));
        }
        let (tail, any) = Any::from_der(rest).map_err(|_| MALFORMED)?;
        names.push(AlternativeName::read(any, &rest[..rest.len() - tail.len()])?);
        rest = tail;
    }
    Ok(names)
}

fn address(bytes: &[u8]) -> String {
    if let Ok(bytes) = <[u8; 4]>::try_from(bytes) {
        return std::net::Ipv4Addr::from(bytes).to_string();
    }
    match <[u8; 16]>::try_from(bytes) {
        Ok(bytes) => std::net::Ipv6Addr::from(bytes).to_string(),
        Err(_) => hex(bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::AlternativeNameType as T;

    #[test]
    fn texts_become_general_names_and_are_read_back() {
        let table: [(T, &str, &[u8]); 6] = [
            (T::DNSName, "a.example", b"\x82\x09a.example"),
            (T::EmailAddress, "a@b", b"\x81\x03a@b"),
            (T::URI, "urn:x", b"\x86\x05urn:x"),
            (T::IPAddress, "10.0.0.1", b"\x87\x04\x0a\0\0\x01"),
            (T::IPAddress, "::1", b"\x87\x10\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01"),
            (T::X_500DistinguishedName, "CN=x", b"\xa4\x0e\x30\x0c\x31\x0a\x30\x08\x06\x03\x55\x04\x03\x0c\x01x"),
        ];
        for (kind, text, der) in table {
            let name = AlternativeName::from_text(kind, text).unwrap().unwrap();
            assert_eq!(*name.der, *der, "{text}");
            assert_eq!(AlternativeName::from_der(der).unwrap(), name);
            assert_eq!(AlternativeName::kind_of(text), kind, "{text}");
        }
        for (kind, text) in [(T::IPAddress, "300.0.0.1"), (T::DNSName, ""), (T::URI, "a b"), (T::DNSName, "\u{e4}")] {
            assert!(AlternativeName::from_text(kind, text).is_err(), "{text:?}");
        }
        assert_eq!(AlternativeName::from_text(T::ObjectSerialNumber, "1").unwrap(), None);
        assert!(AlternativeName::from_der(b"\x82\x01aa").is_err() && AlternativeName::from_der(b"").is_err());
    }
}
