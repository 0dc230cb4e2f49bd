//! The copy of the commit record outside of the store. Whoever puts an older copy of the store in place of the newer
//! one, or loses its newest commits, is found out by a witness that has seen more.
//!
//! The file may lag behind, by a second and by what a power cut takes: it only ever holds a record that was durable.
//! It is sealed like the record itself.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::keep::commit_record::{CommitRecord, CommitRecordBroken};
use crate::keep::seal::{Seal, SealBroken};

/// Writes the file.
pub struct Witness {
    path: PathBuf,
    /// The newest record, sealed, that the file does not have.
    newest: Option<Vec<u8>>,
}

/// What a witness file holds.
pub enum Testimony {
    /// There is no file.
    None,
    /// There is one, and it says nothing: why not.
    Unreadable(String),
    /// There is one that was sealed for another store, or was altered.
    Strange,
    /// The record that it has seen.
    Seen(Box<CommitRecord>),
}

impl Witness {
    /// Writes to `path`; its directory must exist.
    pub fn new(path: PathBuf) -> Self {
        Self { path, newest: None }
    }

    /// Reads what was written.
    pub fn read(path: &Path, seal: &Seal) -> Testimony {
        match fs::read(path) {
            Ok(sealed) => match CommitRecord::open(seal, &sealed) {
                Ok(record) => Testimony::Seen(record.into()),
                Err(CommitRecordBroken::Seal(SealBroken::Altered)) => Testimony::Strange,
                Err(error) => Testimony::Unreadable(error.to_string()),
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => Testimony::None,
            Err(error) => Testimony::Unreadable(error.to_string()),
        }
    }

    /// This record is in a batch that goes to the disk.
    pub fn coming(&mut self, sealed: Vec<u8>) {
        self.newest = Some(sealed);
    }

    /// The newest record is durable: the file gets it.
    pub fn settled(&mut self) {
        let Some(sealed) = self.newest.take() else { return };
        let next = self.path.with_extension("next");
        // Not synced: commits would wait for it, and an older record or an empty file does no harm.
        if let Err(error) = fs::write(&next, sealed).and_then(|()| fs::rename(&next, &self.path)) {
            tracing::warn!(%error, file = %self.path.display(), "the copy of the commit record cannot be written");
        }
    }
}
