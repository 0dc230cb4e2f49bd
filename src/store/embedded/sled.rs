//! The engine sled 0.34.7, one tree. It has three weak moments when it opens: a kill while it writes `snap.*.generating`
//! makes every later open fail, a damaged snapshot too, and it cannot open on a full disk. Its `flush` ends with
//! sync_file_range, which does not survive a power cut, so `fdatasync` follows; and it syncs its files, not the
//! directories that name them.

use std::borrow::Cow;
use std::collections::HashSet;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use sled::{Batch, Db};

use super::EmbeddedOptions;
use super::directory::lock_dir;
use super::engine::{Edit, Engine, Found, See, guarded};
use crate::store::{StoreError, lock};

/// The file that every database of sled has.
pub const MAIN_FILE: &str = "db";

const CONF: &str = "conf";
const BLOBS: &str = "blobs";
const SNAPSHOT: &str = "snap.";
const ASIDE: &str = "aside.";

const OPEN: &str = "cannot open the database";
const READ: &str = "cannot read the database";

/// An open database.
pub struct Sled {
    db: Db,
    syncing: Mutex<Syncing>,
}

/// What sled's own flush leaves out.
struct Syncing {
    /// Our own descriptor of sled's file. The kernel reports a failed write-back to every descriptor, so sled's
    /// own syncs do not hide an error from ours.
    data: File,
    directory: PathBuf,
    /// Blob files that are synced. There should never be any.
    blobs: HashSet<OsString>,
}

impl Sled {
    /// Opens the database in the directory, or makes it.
    pub fn open(options: &EmbeddedOptions) -> Result<Found, StoreError> {
        let dir = &options.dir;
        for path in snapshots(dir)?.into_iter().filter(|path| path.extension().is_some_and(|x| x == "generating")) {
            tracing::warn!(file = %path.display(), "removed a snapshot that was cut off by the end of the process");
            fs::remove_file(&path).map_err(|e| StoreError::new("cannot remove an unfinished snapshot", e))?;
        }
        let (db, rebuilt) = open_or_rebuild(options)?;
        let cannot = |e| StoreError::new("cannot open the database file", e);
        let data = File::open(dir.join(MAIN_FILE)).map_err(cannot)?;
        let directory = dir.join(BLOBS);
        File::open(&directory).and_then(|blobs| blobs.sync_all()).map_err(cannot)?;
        let syncing = Mutex::new(Syncing { data, directory, blobs: HashSet::new() });
        Ok(Found { engine: Box::new(Self { db, syncing }), rebuilt })
    }

    /// Opens and closes a database that is whole and that nobody has open: sled writes its snapshot when it opens, so the
    /// next one who opens it does not wait until the log since the last snapshot is read.
    pub fn settle(options: &EmbeddedOptions) -> Result<(), StoreError> {
        let _lock = lock_dir(&options.dir)?;
        open_files(options).map(drop).map_err(|failed| failed.error)
    }
}

impl Engine for Sled {
    fn get(&self, key: &[u8], see: &mut dyn FnMut(&[u8])) -> Result<(), StoreError> {
        let found = guarded(READ, || self.db.get(key))?;
        found.iter().for_each(|value| see(value));
        Ok(())
    }

    fn scan(&self, start: &[u8], end: &[u8], backwards: bool, see: See<'_>) -> Result<(), StoreError> {
        let mut rows = self.db.range(start..end);
        let mut next = || if backwards { rows.next_back().transpose() } else { rows.next().transpose() };
        while let Some((key, value)) = guarded(READ, &mut next)? {
            if !see(&key, &value) {
                break;
            }
        }
        Ok(())
    }

    fn apply(&self, edits: &[Edit<'_>]) -> Result<(), StoreError> {
        let mut batch = Batch::default();
        for (key, value) in edits {
            match value {
                Some(value) => batch.insert(Cow::as_ref(key), Cow::as_ref(value)),
                None => batch.remove(Cow::as_ref(key)),
            }
        }
        guarded("cannot write to the database", || self.db.apply_batch(batch))
    }

    fn sync(&self) -> Result<(), StoreError> {
        guarded("cannot flush the database", || self.db.flush())?;
        lock(&self.syncing).sync().map_err(|e| StoreError::new("cannot sync the database", e))
    }
}

impl Syncing {
    fn sync(&mut self) -> io::Result<()> {
        let mut fresh = false;
        for entry in fs::read_dir(&self.directory)? {
            let entry = entry?;
            if !self.blobs.contains(&entry.file_name()) {
                match File::open(entry.path()).and_then(|file| file.sync_all()) {
                    Ok(()) => fresh = self.blobs.insert(entry.file_name()),
                    // Replaced by sled's own cleaning.
                    Err(e) if e.kind() == io::ErrorKind::NotFound => {}
                    Err(e) => return Err(e),
                }
            }
        }
        if fresh {
            File::open(&self.directory)?.sync_all()?;
        }
        self.data.sync_data()
    }
}

/// Opens sled; if it calls its files corrupt, once more without snapshots: it rebuilds them from its log. True if
/// that was needed.
fn open_or_rebuild(options: &EmbeddedOptions) -> Result<(Db, bool), StoreError> {
    let error = match open_files(options) {
        Ok(db) => return Ok((db, false)),
        Err(Failed { error, damage: false }) => return Err(error),
        Err(Failed { error, damage: true }) => error,
    };
    let snapshots = snapshots(&options.dir)?;
    if snapshots.is_empty() {
        return Err(error);
    }
    tracing::warn!(%error, "the database did not open: trying again without its snapshot, from the log");
    let aside = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        path.with_file_name(format!("{ASIDE}{name}"))
    };
    for path in &snapshots {
        fs::rename(path, aside(path)).map_err(|e| StoreError::new("cannot move a snapshot aside", e))?;
    }
    match open_files(options) {
        Ok(db) => Ok((db, true)),
        Err(Failed { error, .. }) => {
            // As it was, for whoever looks into it.
            for path in snapshots.iter().filter(|path| !path.exists()) {
                if let Err(error) = fs::rename(aside(path), path) {
                    tracing::warn!(%error, "a snapshot could not be moved back");
                }
            }
            Err(error)
        }
    }
}

/// sled's files do not open.
struct Failed {
    /// Why.
    error: StoreError,
    /// The files are to blame, not the disk or another process.
    damage: bool,
}

/// Opens or creates sled's files alone.
fn open_files(options: &EmbeddedOptions) -> Result<Db, Failed> {
    let config = sled::Config::new().path(&options.dir).cache_capacity(options.cache_bytes);
    let mut patience = 500;
    loop {
        match catch_unwind(AssertUnwindSafe(|| config.open())) {
            Ok(Ok(db)) => return Ok(db),
            // Threads of the same database, closed a moment ago in this process, may still hold its file. Our own
            // lock keeps other processes out.
            Ok(Err(sled::Error::Io(e))) if patience > 0 && e.to_string().contains("could not acquire lock") => {
                patience -= 1;
                thread::sleep(Duration::from_millis(10));
            }
            Ok(Err(error)) => {
                let damage = !matches!(error, sled::Error::Io(_));
                return Err(Failed { error: StoreError::new(OPEN, error), damage });
            }
            Err(_) => {
                let error = StoreError::new(OPEN, "the storage engine panicked: its files are damaged");
                return Err(Failed { error, damage: true });
            }
        }
    }
}

/// sled's snapshot files, finished or not.
fn snapshots(dir: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let list = || -> io::Result<Vec<PathBuf>> {
        let paths = fs::read_dir(dir)?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
        let is_snapshot = |path: &PathBuf| path.file_name().is_some_and(|n| n.to_string_lossy().starts_with(SNAPSHOT));
        Ok(paths.into_iter().filter(is_snapshot).collect())
    };
    list().map_err(|e| StoreError::new("cannot list the data directory", e))
}

/// Removes the files of sled from a directory.
pub fn clear(dir: &Path) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        match &*entry.file_name().to_string_lossy() {
            BLOBS => fs::remove_dir_all(entry.path())?,
            MAIN_FILE | CONF => fs::remove_file(entry.path())?,
            name if name.starts_with(SNAPSHOT) => fs::remove_file(entry.path())?,
            _ => {}
        }
    }
    Ok(())
}
