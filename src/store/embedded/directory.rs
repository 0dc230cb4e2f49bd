//! Opening the data directory: its lock, the room for a full disk, the engine's files, and whether the database that they
//! hold is the one that was closed.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::Path;

use super::chunks::{META_KEY, parse_meta};
use super::engine::{Engine, EngineKind, Found};
use super::{EmbeddedOptions, count_keys};
use crate::store::{Sequence, StoreError};

/// An open database.
pub struct Opened {
    pub engine: Box<dyn Engine>,
    /// The last commit.
    pub last: Sequence,
    /// Number of keys that the engine should hold.
    pub keys: u64,
    /// Held while the store is open.
    pub lock: File,
}

/// After every key, also those of the store's own.
pub const EVERYTHING: [u8; 2] = [0xFF; 2];

const LOCK: &str = "keyhaven.lock";
pub const BALLAST: &str = "keyhaven.ballast";

/// Opens or creates the database, under the lock of its directory.
pub fn open(options: &EmbeddedOptions) -> Result<Opened, StoreError> {
    let dir = &options.dir;
    create_dir(dir).map_err(|e| StoreError::new("cannot create the data directory", e))?;
    let lock = lock_dir(dir)?;
    if !options.loading {
        super::load::check(dir)?;
    }
    check_kind(options)?;
    // A full disk can still be opened: what an engine writes first goes in the place of the ballast.
    remove_if_there(&dir.join(BALLAST)).map_err(|e| StoreError::new("cannot remove the ballast file", e))?;
    let Found { engine, rebuilt } = options.engine.open(options)?;
    let (last, keys) = match engine.read(&META_KEY, parse_meta)? {
        Some(meta) => meta?,
        None if is_empty(&*engine)? => (Sequence(0), 0),
        None => return Err(StoreError::plain("the database has lost the record of its last commit")),
    };
    if rebuilt && count_keys(&*engine)? != keys {
        return Err(StoreError::plain("the database was rebuilt from its log and keys are missing: restore a backup"));
    }
    super::watermark::check(dir, last)?;
    sync_new_files(dir).map_err(|e| StoreError::new("cannot sync the data directory", e))?;
    if options.ballast_bytes > 0
        && let Err(error) = write_ballast(&dir.join(BALLAST), options.ballast_bytes)
    {
        tracing::warn!(%error, "no ballast file: if the disk fills up, free some space before the next start");
    }
    Ok(Opened { engine, last, keys, lock })
}

/// Refuses a database of another engine than the one that was asked for.
fn check_kind(options: &EmbeddedOptions) -> Result<(), StoreError> {
    match EngineKind::found(&options.dir) {
        Some(found) if found != options.engine => {
            let why = format!(
                "{} is a store of {found}; set [store] engine = \"{found}\", or move it with \
                 `keyhaven store migrate --to {}`",
                options.dir.display(),
                options.engine
            );
            Err(StoreError::new("the store is of another engine than [store] engine says", why))
        }
        _ => Ok(()),
    }
}

fn is_empty(engine: &dyn Engine) -> Result<bool, StoreError> {
    let mut empty = true;
    engine.scan(&[], &EVERYTHING, false, &mut |_, _| {
        empty = false;
        false
    })?;
    Ok(empty)
}

/// Bytes that a user without privileges may still write to the file system of `dir`.
pub fn free_bytes(dir: &Path) -> io::Result<u64> {
    let stat = rustix::fs::statvfs(dir)?;
    Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
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

/// Engines sync their files; the directories that name these are synced here.
pub fn sync_new_files(dir: &Path) -> io::Result<()> {
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

/// Removes a file; none is a success.
pub fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        outcome => outcome,
    }
}
