//! Room 3: KMIP messages.

pub mod text;
