//! Keyhaven: a KMIP key-management server.
pub mod base;
pub mod keep;
pub mod proto;
pub mod registry;
pub mod ttlv;
pub mod vault;
