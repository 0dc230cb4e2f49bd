//! What tests of this room share. Keys are made once a run: RSA is slow to make.

use std::sync::OnceLock;

use super::rsa::{DEFAULT_EXPONENT, RsaPrivateKey, SoftwareRsa};

/// Bytes of a hexadecimal text.
pub(crate) fn hex(text: &str) -> Vec<u8> {
    text.as_bytes().chunks(2).map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

/// An RSA key of 2048 bits.
pub(crate) fn rsa_2048() -> &'static RsaPrivateKey {
    static KEY: OnceLock<RsaPrivateKey> = OnceLock::new();
    KEY.get_or_init(|| RsaPrivateKey::generate(2048, DEFAULT_EXPONENT, SoftwareRsa::Refuse).unwrap())
}

/// An RSA key of 1024 bits, public exponent 3.
pub(crate) fn rsa_1024() -> &'static RsaPrivateKey {
    static KEY: OnceLock<RsaPrivateKey> = OnceLock::new();
    KEY.get_or_init(|| RsaPrivateKey::generate(1024, 3, SoftwareRsa::Allow).unwrap())
}
