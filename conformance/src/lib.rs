//! Black-box conformance: a KMIP server is spoken to over mutual TLS only, as its clients do, and its answers are
//! compared field by field with scripts. Nothing of the server's internals is used; of the `keyhaven` library only
//! the registry, the base values and the TTLV encoding, to build and to read messages.
//!
//! The subject is chosen when the tests run (see [`subject`]): a program that is started in a throw-away directory,
//! or a server that runs already.

pub mod client;
pub mod identity;
pub mod pattern;
pub mod play;
pub mod script;
pub mod subject;

/// What the tests need from the outside either is there or is a failure in words.
pub type Result<T, E = String> = std::result::Result<T, E>;
