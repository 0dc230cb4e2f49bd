//! The ledger, apart from backups: a ledger copy has the short secret of every object that lives, and nothing else. A
//! backup and a copy that is not older make a store; objects that are not in the copy are destroyed in it.
//!
//! # The file
//! A line `keyhaven-ledger 1`, a line of JSON (the header), then frames as a backup has them. The key of a copy is wrapped
//! by the key of an epoch (`vault::epoch`), so a copy dies with its epoch. A row has the place of the secret in the store,
//! and the number of the material before the secret. Copies are made as backups are, while the store works.
//!
//! # The roll
//! `roll` makes the next epoch and a copy in it, reads that back, and ends the epochs before: nothing that was destroyed
//! by then comes back, whatever backups and copies there are. The date is noted in the store, see `rolls`.

pub mod fill;
pub mod find;
pub mod header;
mod read;
pub mod roll;
#[cfg(test)]
mod tests;
mod write;

pub use self::read::{Copied, read};
pub use self::write::{Maker, Written, epoch_of, write};

/// Bytes of the number of a material, before its secret.
const NUMBER_BYTES: usize = 8;
