//! Keyhaven: a KMIP key-management server.
pub mod base;
pub mod model;
pub mod registry;
pub mod ttlv;
