//! The number of a durable commit, kept beside the database. A database that opens below it has lost its end, or is an
//! older copy, or was emptied: sled and fjall open a cut-off log as an older, consistent state and say nothing.
//!
//! The file may lag behind, by a second and by what a power cut takes: it only ever names a commit that was durable.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::store::{Sequence, StoreError};

/// Its name.
pub const FILE: &str = "keyhaven.durable";
/// How often the file is written, at most.
const EVERY: Duration = Duration::from_secs(1);

/// Writes the number now and then.
pub struct Watermark {
    path: PathBuf,
    written: Sequence,
    at: Instant,
}

impl Watermark {
    pub fn new(dir: &Path) -> Self {
        let long_ago = Instant::now().checked_sub(EVERY).unwrap_or_else(Instant::now);
        Self { path: dir.join(FILE), written: Sequence(0), at: long_ago }
    }

    /// This commit is durable. The file is written if it was not for a while; true if so.
    pub fn rise(&mut self, durable: Sequence) -> bool {
        let due = self.at.elapsed() >= EVERY;
        if due {
            self.write(durable);
        }
        due
    }

    /// The file is written now.
    pub fn write(&mut self, durable: Sequence) {
        if durable <= self.written {
            return;
        }
        self.at = Instant::now();
        let next = self.path.with_extension("next");
        match fs::write(&next, format!("{}\n", durable.0)).and_then(|()| fs::rename(&next, &self.path)) {
            Ok(()) => self.written = durable,
            Err(error) => {
                tracing::warn!(%error, file = %self.path.display(), "the number of the last commit cannot be noted")
            }
        }
    }
}

/// Refuses a database whose last commit is older than one that was durable.
pub fn check(dir: &Path, last: Sequence) -> Result<(), StoreError> {
    let path = dir.join(FILE);
    let noted = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(StoreError::new("cannot read the number of the last commit", error)),
    };
    // A number that cannot be read says nothing; the next start has a new one.
    let Ok(noted) = noted.trim().parse::<u64>() else { return Ok(()) };
    if noted <= last.0 {
        return Ok(());
    }
    let why = format!(
        "commit {noted} was durable and the last one here is {}; restore a backup, or delete {} to go on without what is lost",
        last.0,
        path.display()
    );
    Err(StoreError::new("the database has lost its newest commits", why))
}
