//! Room 7: the store as one sealed file, and a store from such a file.
//!
//! # The file
//! A line `keyhaven-backup 2`, a line of JSON (the header: who made it and when, the namespace keys as the root wrapped
//! them, and the key of this backup, sealed under the namespace key), then frames. A frame is a clear head and rows
//! sealed with AES-256-GCM under the key of this backup; its number is the nonce, and the header, its number and its head
//! are associated data. The last frame says that it is the last, how many rows there were, and a hash of all before it.
//! So nothing can be cut off, altered, reordered, left out, or mixed in from another backup without being noticed.
//!
//! # The state it holds
//! The store goes on working. A scan reads every key, and whoever follows the store writes down each batch that reaches
//! the disk meanwhile; the backup ends with the first batch that is not older than anything the scan saw. It is the state
//! of the disk after exactly that batch, and every commit that was durable before the backup began is part of it.
//!
//! # What is not in it
//! The root, and keys that live in an HSM. The secrets of objects, and with them all that brings key material back
//! (`left_out`): they are in a ledger copy (`ledger`), which dies with its epoch. A restore needs both; what was destroyed
//! before the copy was made is destroyed in the restored store. A backup of format 1 has the secrets itself.

pub mod draft;
mod error;
mod follow;
pub mod frames;
pub mod header;
pub mod inspect;
pub mod ledger;
mod left_out;
pub mod lineage;
mod lines;
pub mod namespace;
mod read;
pub mod restore;
#[cfg(test)]
mod tests;
mod write;

pub use self::error::BackupError;
pub use self::read::{Summary, read};
pub use self::write::{Made, write};

/// Bytes of identifiers and keys of backups.
const ID_BYTES: usize = 16;
const KEY_BYTES: usize = 32;
