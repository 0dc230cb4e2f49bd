//! Keyhaven: a KMIP key-management server.
pub mod base;
pub mod registry;
pub mod store;
