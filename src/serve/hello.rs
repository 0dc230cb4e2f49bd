//! What a client offered, read from the first bytes it sent, for the log line of a failed handshake. rustls does
//! not keep it, and an operator with an old client needs just this.

use std::fmt::Write;

use rustls::{CipherSuite, ProtocolVersion};

/// Bytes kept of what a client sends first. A ClientHello with post-quantum key shares has about 1.8 kB.
pub(super) const HEAD_BYTES_MAX: usize = 4096;
/// Cipher suites named in one log line.
const NAMED_MAX: usize = 24;

/// Names of suites that old KMIP clients offer and rustls does not have, even as names.
const LEGACY_SUITES: &[(u16, &str)] = &[
    (0x0005, "TLS_RSA_WITH_RC4_128_SHA"),
    (0x000A, "TLS_RSA_WITH_3DES_EDE_CBC_SHA"),
    (0x002F, "TLS_RSA_WITH_AES_128_CBC_SHA"),
    (0x0033, "TLS_DHE_RSA_WITH_AES_128_CBC_SHA"),
    (0x0035, "TLS_RSA_WITH_AES_256_CBC_SHA"),
    (0x0039, "TLS_DHE_RSA_WITH_AES_256_CBC_SHA"),
    (0x003C, "TLS_RSA_WITH_AES_128_CBC_SHA256"),
    (0x003D, "TLS_RSA_WITH_AES_256_CBC_SHA256"),
    (0x0067, "TLS_DHE_RSA_WITH_AES_128_CBC_SHA256"),
    (0x006B, "TLS_DHE_RSA_WITH_AES_256_CBC_SHA256"),
    (0x009C, "TLS_RSA_WITH_AES_128_GCM_SHA256"),
    (0x009D, "TLS_RSA_WITH_AES_256_GCM_SHA384"),
    (0x009E, "TLS_DHE_RSA_WITH_AES_128_GCM_SHA256"),
    (0x009F, "TLS_DHE_RSA_WITH_AES_256_GCM_SHA384"),
    (0xC009, "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA"),
    (0xC00A, "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA"),
    (0xC013, "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA"),
    (0xC014, "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA"),
    (0xC023, "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256"),
    (0xC024, "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384"),
    (0xC027, "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256"),
    (0xC028, "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384"),
];

const RECORD_HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;
const EXTENSION_SUPPORTED_VERSIONS: u16 = 43;

/// What a ClientHello offers.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Offer {
    pub(super) versions: Vec<u16>,
    pub(super) suites: Vec<u16>,
}

/// What the first bytes of a connection were, in words.
pub(super) fn describe(head: &[u8]) -> String {
    match head {
        [] => "the client sent nothing".into(),
        [RECORD_HANDSHAKE, ..] => match read(head) {
            Some(offer) => offer.words(),
            None => "the client sent a TLS record that is not a readable ClientHello".into(),
        },
        [0x42, 0x00, ..] => "the client sent KMIP without TLS; switch TLS on in the client".into(),
        [b'A'..=b'Z', b'A'..=b'Z', ..] => "the client sent HTTP without TLS; use https".into(),
        [0x80..=0xFF, _, CLIENT_HELLO, ..] => {
            "the client sent an SSL 2.0 hello; switch TLS 1.2 on in the client".into()
        }
        _ => "the client did not send TLS".into(),
    }
}

/// Reads the ClientHello in one record (RFC 8446 §4.1.2); None if it is cut or malformed.
pub(super) fn read(head: &[u8]) -> Option<Offer> {
    let mut input = head;
    let record = take(&mut input, 5)?;
    if record[0] != RECORD_HANDSHAKE || take(&mut input, 4)?[0] != CLIENT_HELLO {
        return None;
    }
    let legacy = number(&mut input)?;
    let _random = take(&mut input, 32)?;
    let session = take(&mut input, 1)?[0];
    take(&mut input, usize::from(session))?;
    let length = number(&mut input)?;
    let suites = pairs(take(&mut input, usize::from(length))?);
    let compressions = take(&mut input, 1)?[0];
    take(&mut input, usize::from(compressions))?;
    Some(Offer { versions: supported_versions(input).unwrap_or_else(|| vec![legacy]), suites })
}

/// The list of the supported_versions extension (RFC 8446 §4.2.1), which counts instead of the legacy version.
fn supported_versions(mut input: &[u8]) -> Option<Vec<u16>> {
    let length = number(&mut input)?;
    let mut extensions = input.get(..usize::from(length)).unwrap_or(input);
    while !extensions.is_empty() {
        let kind = number(&mut extensions)?;
        let length = number(&mut extensions)?;
        let body = take(&mut extensions, usize::from(length))?;
        if kind == EXTENSION_SUPPORTED_VERSIONS {
            return Some(pairs(body.get(1..)?));
        }
    }
    None
}

impl Offer {
    fn words(&self) -> String {
        let mut words = String::from("the client offered ");
        let versions = self.versions.iter().filter(|version| !is_grease(**version));
        for (place, version) in versions.enumerate() {
            let comma = if place == 0 { "" } else { ", " };
            let _ = write!(words, "{comma}{:?}", ProtocolVersion::from(*version));
        }
        words.push_str(" with ");
        let suites: Vec<u16> = self.suites.iter().copied().filter(|suite| !is_grease(*suite)).collect();
        for (place, suite) in suites.iter().take(NAMED_MAX).enumerate() {
            let comma = if place == 0 { "" } else { ", " };
            let _ = match LEGACY_SUITES.iter().find(|(value, _)| value == suite) {
                Some((_, name)) => write!(words, "{comma}{name}"),
                None => write!(words, "{comma}{:?}", CipherSuite::from(*suite)),
            };
        }
        if suites.len() > NAMED_MAX {
            let _ = write!(words, " and {} more", suites.len() - NAMED_MAX);
        }
        words
    }
}

/// Values that clients mix in to keep servers tolerant (RFC 8701).
fn is_grease(value: u16) -> bool {
    let [high, low] = value.to_be_bytes();
    high == low && high & 0x0F == 0x0A
}

fn take<'a>(input: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (taken, rest) = input.split_at_checked(count)?;
    *input = rest;
    Some(taken)
}

fn number(input: &mut &[u8]) -> Option<u16> {
    let bytes = take(input, 2)?;
    Some(u16::from_be_bytes([bytes[0], bytes[1]]))
}

fn pairs(bytes: &[u8]) -> Vec<u16> {
    bytes.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn old_client() -> Vec<u8> {
        let mut hello = vec![3, 3];
        hello.extend([7; 32]);
        hello.extend([0, 0, 4, 0x00, 0x3D, 0x00, 0x2F, 1, 0]);
        let mut bytes = vec![22, 3, 1, 0, hello.len() as u8 + 4, 1, 0, 0, hello.len() as u8];
        bytes.extend(hello);
        bytes
    }

    #[test]
    fn an_old_client_is_told_apart() {
        let offer = read(&old_client()).unwrap();
        assert_eq!(offer, Offer { versions: vec![0x0303], suites: vec![0x003D, 0x002F] });
        let words = describe(&old_client());
        assert!(words.contains("TLSv1_2") && words.contains("TLS_RSA_WITH_AES_256_CBC_SHA256"), "{words}");
    }

    #[test]
    fn versions_come_from_the_extension() {
        let mut bytes = old_client();
        bytes.extend([0, 9, 0, 43, 0, 5, 4, 3, 4, 0xFA, 0xFA]);
        assert_eq!(read(&bytes).unwrap().versions, [0x0304, 0xFAFA]);
        assert!(describe(&bytes).contains("offered TLSv1_3 with"));
    }

    #[test]
    fn any_prefix_and_any_noise_is_read_without_a_panic() {
        let bytes = old_client();
        for end in 0..bytes.len() {
            describe(&bytes[..end]);
        }
        assert!(describe(&[0x42, 0, 0x78, 1]).contains("KMIP without TLS"));
        assert!(describe(b"GET / HTTP/1.1").contains("HTTP without TLS"));
        assert!(describe(&[]).contains("nothing"));
    }
}
