//! Room 4: key material and its use.

pub mod pkcs11;
pub mod root;
pub mod shares;
