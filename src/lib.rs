//! Keyhaven: a KMIP key-management server.
pub mod base;
pub mod proto;
pub mod registry;
pub mod ttlv;
