//! Keyhaven: a KMIP key-management server.
pub mod base;
pub mod crypto;
pub mod registry;
pub mod ttlv;
