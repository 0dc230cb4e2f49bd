//! The copy of the commit record outside of the store. Whoever puts an older copy of the store in place of the newer one,
//! or loses its newest commits, is found out by a witness that has seen more.
//!
//! The file may lag behind, by a second and by what a power cut takes: it only ever holds a record that was durable. It is
//! sealed like the record itself.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::keep::commit_record::{CommitRecord, CommitRecordBroken};
use crate::keep::seal::{Seal, SealBroken};

/// How often the file is written, at most.
const EVERY: Duration = Duration::from_secs(1);

/// Writes the file.
pub struct Witness {
    path: PathBuf,
    /// The record of the batch that is on its way to the disk.
    coming: Option<Vec<u8>>,
    /// The newest durable record that the file does not have.
    due: Option<Vec<u8>>,
    written: Option<Instant>,
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
    Seen(CommitRecord),
}

impl Witness {
    /// Writes to `path`; its directory must exist.
    pub fn new(path: PathBuf) -> Self {
        Self { path, coming: None, due: None, written: None }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads what was written.
    pub fn read(path: &Path, seal: &Seal) -> Testimony {
        match fs::read(path) {
            Ok(sealed) => match CommitRecord::open(seal, &sealed) {
                Ok(record) => Testimony::Seen(record),
                Err(CommitRecordBroken::Seal(SealBroken::Altered)) => Testimony::Strange,
                Err(error) => Testimony::Unreadable(error.to_string()),
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => Testimony::None,
            Err(error) => Testimony::Unreadable(error.to_string()),
        }
    }

    /// This record is in a batch that goes to the disk.
    pub fn coming(&mut self, sealed: Vec<u8>) {
        self.coming = Some(sealed);
    }

    /// The batch is durable. The file is written if it was not for a while.
    pub fn settled(&mut self) {
        self.due = self.coming.take().or_else(|| self.due.take());
        if self.written.is_none_or(|written| written.elapsed() >= EVERY) {
            self.write();
        }
    }

    fn write(&mut self) {
        let Some(sealed) = self.due.take() else { return };
        self.written = Some(Instant::now());
        let next = self.path.with_extension("next");
        // Not synced: commits would wait for it, and an older record or an empty file does no harm.
        if let Err(error) = fs::write(&next, sealed).and_then(|()| fs::rename(&next, &self.path)) {
            tracing::warn!(%error, file = %self.path.display(), "the copy of the commit record cannot be written");
        }
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        self.write();
    }
}
