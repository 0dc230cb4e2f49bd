//! A few forms of DER (X.690) that certificates are made of.

use pkcs8::ObjectIdentifier;
use pkcs8::der::Encode;
use pkcs8::der::asn1::{GeneralizedTime, UtcTime};

use crate::base::Date;
use crate::crypto::{CryptoError, Result};

pub(super) const BOOLEAN: u8 = 0x01;
pub(super) const INTEGER: u8 = 0x02;
pub(super) const BIT_STRING: u8 = 0x03;
pub(super) const OCTET_STRING: u8 = 0x04;
pub(super) const SEQUENCE: u8 = 0x30;
pub(super) const SET: u8 = 0x31;

/// The first second that no longer fits UTCTime (RFC 5280 §4.1.2.5): 2050-01-01.
const YEAR_2050: i64 = 2_524_608_000;

/// Tag, length and the parts as content.
pub(super) fn tlv(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let mut bytes = vec![tag];
    let octets = length.to_be_bytes();
    let octets = &octets[octets.iter().take_while(|octet| **octet == 0).count().min(octets.len() - 1)..];
    if length >= 0x80 {
        bytes.push(0x80 | octets.len() as u8);
    }
    bytes.extend_from_slice(octets);
    for part in parts {
        bytes.extend_from_slice(part);
    }
    bytes
}

/// An object identifier.
pub(super) fn oid(oid: ObjectIdentifier) -> Vec<u8> {
    tlv(0x06, &[oid.as_bytes()])
}

/// A positive integer of big-endian bytes.
pub(super) fn integer(bytes: &[u8]) -> Vec<u8> {
    let bytes = crate::crypto::number::trim(bytes);
    match bytes.first() {
        None => tlv(INTEGER, &[&[0]]),
        Some(first) if *first >= 0x80 => tlv(INTEGER, &[&[0], bytes]),
        Some(_) => tlv(INTEGER, &[bytes]),
    }
}

/// A bit string of whole bytes.
pub(super) fn bit_string(bytes: &[u8]) -> Vec<u8> {
    tlv(BIT_STRING, &[&[0], bytes])
}

/// A time of a validity.
pub(super) fn time(date: Date) -> Result<Vec<u8>> {
    const RANGE: CryptoError = CryptoError::BadParameters("validity date");
    let seconds = u64::try_from(date.0).map_err(|_| RANGE)?;
    let since_1970 = std::time::Duration::from_secs(seconds);
    if date.0 < YEAR_2050 {
        UtcTime::from_unix_duration(since_1970).and_then(|time| time.to_der()).map_err(|_| RANGE)
    } else {
        GeneralizedTime::from_unix_duration(since_1970).and_then(|time| time.to_der()).map_err(|_| RANGE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_integers_and_times() {
        assert_eq!(tlv(4, &[]), [4, 0]);
        assert_eq!(tlv(4, &[&[1; 127]])[..2], [4, 127]);
        assert_eq!(tlv(4, &[&[1; 128]])[..3], [4, 0x81, 128]);
        assert_eq!(tlv(4, &[&[1; 256]])[..4], [4, 0x82, 1, 0]);
        assert_eq!(integer(&[0, 0x80]), [2, 2, 0, 0x80]);
        assert_eq!(integer(&[]), [2, 1, 0]);
        assert_eq!(time(Date(0)).unwrap(), *b"\x17\x0d700101000000Z");
        assert_eq!(time(Date(YEAR_2050)).unwrap(), *b"\x18\x0f20500101000000Z");
        assert!(time(Date(-1)).is_err() && time(Date(i64::MAX)).is_err());
    }
}
