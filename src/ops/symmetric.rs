//! The two forms of a symmetric key: bytes, and the Transparent Symmetric Key structure (1.4 §2.1.7.1).

use crate::base::KeyBytes;
use crate::proto::objects::{Body, BodyKind};
use crate::registry::{KeyFormatType, Tag};
use crate::ttlv::Writer;

/// The key as a Transparent Symmetric Key.
pub fn transparent(key: &KeyBytes) -> Body {
    let mut out = Writer::default();
    out.byte_string(Tag::Key, key.expose());
    Body { kind: BodyKind::Structure, bytes: KeyBytes::copy_from(out.written()) }
}

/// The bytes of a key in either form.
pub fn raw(body: &Body) -> Option<KeyBytes> {
    if body.kind == BodyKind::Bytes {
        return Some(KeyBytes::copy_from(body.bytes.expose()));
    }
    let limits = crate::base::Limits { message_bytes_max: usize::MAX, ..Default::default() };
    let key = crate::ttlv::check(body.bytes.expose(), &limits).ok()?;
    key.byte_string().filter(|_| key.tag == Tag::Key).map(KeyBytes::copy_from)
}

/// The same key in another format; None if the key has no such form.
pub fn convert(body: &Body, to: KeyFormatType) -> Option<Body> {
    match to {
        KeyFormatType::Raw => raw(body).map(Body::bytes),
        KeyFormatType::TransparentSymmetricKey => raw(body).map(|key| transparent(&key)),
        _ => None,
    }
}
