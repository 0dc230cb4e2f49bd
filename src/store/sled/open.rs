//! Opening the data directory. sled 0.34.7 has three weak moments here: a kill while it writes `snap.*.generating`
//! makes every later open fail, a damaged snapshot too, and it cannot open on a full disk.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use sled::Db;

use super::chunks::{META_KEY, parse_meta};
use super::{SledOptions, count_keys, guarded};
use crate::store::{Sequence, StoreError};

/// An open database.
pub struct Opened {
    pub db: Db,
    /// Our own descriptor of sled's file. The kernel reports a failed write-back to every descriptor, so sled's
    /// own syncs do not hide an error from ours.
    pub data: File,
    /// The last commit.
    pub last: Sequence,
    /// Number of keys that sled should hold.
    pub keys: u64,
    /// Held while the store is open.
    pub lock: File,
}

const LOCK: &str = "keyhaven.lock";
pub const BALLAST: &str = "keyhaven.ballast";
const ASIDE: &str = "aside.";

/// Opens or creates the database, under the lock of its directory.
pub fn open(options: &SledOptions) -> Result<Opened, StoreError> {
    let dir = &options.dir;
    create_dir(dir).map_err(|e| StoreError::new("cannot create the data directory", e))?;
    let lock = lock_dir(dir)?;
    if !options.loading {
        super::load::check(dir)?;
    }
    // A full disk can still be opened: sled writes a snapshot first, in the place of the ballast.
    remove_if_there(&dir.join(BALLAST)).map_err(|e| StoreError::new("cannot remove the ballast file", e))?;
    for path in snapshots(dir)?.into_iter().filter(|path| path.extension().is_some_and(|x| x == "generating")) {
        tracing::warn!(file = %path.display(), "removed a snapshot that was cut off by the end of the process");
        fs::remove_file(&path).map_err(|e| StoreError::new("cannot remove an unfinished snapshot", e))?;
    }

    let (db, rebuilt) = open_or_rebuild(options)?;
    let (last, keys) = match guarded("cannot read the last commit", || db.get(META_KEY))? {
        Some(meta) => parse_meta(&meta)?,
        None if guarded("cannot read the database", || db.iter().next().transpose())?.is_none() => (Sequence(0), 0),
        None => return Err(StoreError::plain("the database has lost the record of its last commit")),
    };
    if rebuilt && count_keys(&db)? != keys {
        return Err(StoreError::plain("the database was rebuilt from its log and keys are missing: restore a backup"));
    }
    super::watermark::check(dir, last)?;
    let data = File::open(dir.join("db")).map_err(|e| StoreError::new("cannot open the database file", e))?;
    sync_new_files(dir).map_err(|e| StoreError::new("cannot sync the data directory", e))?;
    if options.ballast_bytes > 0
        && let Err(error) = write_ballast(&dir.join(BALLAST), options.ballast_bytes)
    {
        tracing::warn!(%error, "no ballast file: if the disk fills up, free some space before the next start");
    }
    Ok(Opened { db, data, last, keys, lock })
}

/// Opens and closes a database that is whole and that nobody has open: sled writes its snapshot when it opens, so the next
/// one who opens it does not wait until the log since the last snapshot is read. Whenever it is cut off, `open` cures
/// what is left.
pub fn settle(options: &SledOptions) -> Result<(), StoreError> {
    let _lock = lock_dir(&options.dir)?;
    drop(open_sled(options).map_err(|failed| failed.error)?);
    sync_new_files(&options.dir).map_err(|e| StoreError::new("cannot sync the data directory", e))
}

/// Bytes that a user without privileges may still write to the file system of `dir`.
pub fn free_bytes(dir: &Path) -> io::Result<u64> {
    let stat = rustix::fs::statvfs(dir)?;
    Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
}

/// Opens sled; if it calls its files corrupt, once more without snapshots: it rebuilds them from its log. True if
/// that was needed.
fn open_or_rebuild(options: &SledOptions) -> Result<(Db, bool), StoreError> {
    let error = match open_sled(options) {
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
    match open_sled(options) {
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
pub struct Failed {
    /// Why.
    pub error: StoreError,
    /// The files are to blame, not the disk or another process.
    damage: bool,
}

/// Opens or creates sled's files alone.
pub fn open_sled(options: &SledOptions) -> Result<Db, Failed> {
    const WHAT: &str = "cannot open the database";
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
                return Err(Failed { error: StoreError::new(WHAT, error), damage });
            }
            Err(_) => {
                let error = StoreError::new(WHAT, "the storage engine panicked: its files are damaged");
                return Err(Failed { error, damage: true });
            }
        }
    }
}

/// Key material lives here, if sealed: nobody else may look.
pub fn create_dir(dir: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(dir)
}

pub fn lock_dir(dir: &Path) -> Result<File, StoreError> {
    let path = dir.join(LOCK);
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
    let file = file.map_err(|e| StoreError::new("cannot open the lock file of the data directory", e))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            let why = format!("{} is locked", path.display());
            Err(StoreError::new("the data directory is in use by another process", why))
        }
        Err(TryLockError::Error(e)) => Err(StoreError::new("cannot lock the data directory", e)),
    }
}

/// sled's snapshot files, finished or not.
fn snapshots(dir: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let list = || -> io::Result<Vec<PathBuf>> {
        let paths = fs::read_dir(dir)?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
        let is_snapshot = |path: &PathBuf| path.file_name().is_some_and(|n| n.to_string_lossy().starts_with("snap."));
        Ok(paths.into_iter().filter(is_snapshot).collect())
    };
    list().map_err(|e| StoreError::new("cannot list the data directory", e))
}

/// sled syncs its files, not the directories that name them.
pub fn sync_new_files(dir: &Path) -> io::Result<()> {
    File::open(dir.join("blobs"))?.sync_all()?;
    File::open(dir)?.sync_all()?;
    match dir.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        Some(parent) => File::open(parent)?.sync_all(),
        None => Ok(()),
    }
}

fn write_ballast(path: &Path, bytes: u64) -> io::Result<()> {
    let write = || -> io::Result<()> {
        let mut file = File::create(path)?;
        #[cfg(target_os = "linux")]
        match rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, bytes) {
            Ok(()) => return Ok(()),
            Err(rustix::io::Errno::OPNOTSUPP) => {}
            Err(e) => return Err(e.into()),
        }
        let block = vec![0; 1 << 20];
        let mut left = bytes;
        while left > 0 {
            let step = left.min(block.len() as u64);
            file.write_all(&block[..step as usize])?;
            left -= step;
        }
        Ok(())
    };
    write().inspect_err(|_| drop(fs::remove_file(path)))
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        outcome => outcome,
    }
}
