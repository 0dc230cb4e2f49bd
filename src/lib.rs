//! Keyhaven: a KMIP key-management server.
pub mod registry;
pub mod base;
