//! Room 3: algorithms. Takes key bytes, parameters and data, gives bytes back; knows no objects, no messages and no
//! policy. Private-key work and bulk ciphers are aws-lc-rs where it has them, RustCrypto elsewhere; no cipher is
//! written here.

mod error;

pub use error::{CryptoError, Result};
