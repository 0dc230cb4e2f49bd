//! Keyhaven, a KMIP key-management server. The rooms, from the ground up; a room uses the rooms below it and never one
//! above or beside it (`tests/rooms.rs` holds that order).
//!
//! | room | what is in it |
//! |---|---|
//! | `registry` | the standard as tables |
//! | `base` | errors, secrets, limits, time, values |
//! | `ttlv`, `model` | bytes and items; the domain without bytes |
//! | `proto`, `crypto`, `store` | messages; algorithms; bytes on disk |
//! | `keep`, `vault` | objects at rest; key material and its use |
//! | `ops` | one file an operation |
//! | `gate` | what surrounds each operation: identity, policy, batches, audit; the only commit |
//! | `schedule` | work driven by time: keys that are rotated |
//! | `backup` | the store as one sealed file, and a store from such a file |
//! | `serve` | the only asynchronous room: sockets, TLS, HTTP |
//! | `cli` | the commands |

pub mod backup;
pub mod base;
pub mod cli;
pub mod crypto;
pub mod gate;
pub mod keep;
pub mod model;
pub mod ops;
pub mod proto;
pub mod registry;
pub mod schedule;
pub mod serve;
pub mod store;
pub mod ttlv;
pub mod vault;
