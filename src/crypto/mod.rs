//! Room 3: algorithms. Takes key bytes, parameters and data, gives bytes back; knows no objects, no messages and no
//! policy. Private-key work and bulk ciphers are aws-lc-rs where it has them, RustCrypto elsewhere; no cipher is
//! written here.

mod digest;
pub mod ec;
pub mod ed;
mod error;
pub mod formats;
pub mod keys;
mod number;
pub mod rsa;
#[cfg(test)]
pub(crate) mod testing;

pub use error::{CryptoError, Result};
