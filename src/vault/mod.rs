//! Room 4: key material and its use.

pub mod root;
