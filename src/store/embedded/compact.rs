//! Copying a database that nobody has open into a fresh one, which takes its place: of the same engine, to compact it, or
//! of another one, to migrate. sled 0.34.7 keeps several times the room of what is in it and gives little back; a copy
//! does. The copy is compared key by key, then the two directories change places in one step of the file system: whenever
//! the process is killed, the name of the directory stands for a whole database.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::{Embedded, EmbeddedOptions, EngineKind, Loader, confirm_load, directory};
use crate::store::{RESERVED, Range, Read, Store, StoreError, Write};

/// Keys read and written at a time: also of the longest values, so many fit into memory.
const PAGE: usize = 64;

/// A key and its value.
type Row = (Vec<u8>, Read);

/// What a copy did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Compacted {
    /// Keys that were copied.
    pub keys: u64,
    /// Bytes of the database on the disk before.
    pub bytes_before: u64,
    /// Bytes of it now.
    pub bytes_after: u64,
}

/// Copies the database in `options.dir` into a fresh one of the engine `to`, which takes its place. `progress` hears how
/// many keys were copied or compared, and of how many. What an interrupted copy left beside the directory is removed
/// first. Values keep the numbers of their commits.
///
/// # Errors
/// Another process has the database open, it is damaged, there is no room for a copy, or the disk fails. The database is
/// then as it was.
pub fn compact(
    options: &EmbeddedOptions,
    to: EngineKind,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Compacted, StoreError> {
    let beside = beside(&options.dir);
    let old = Embedded::open(options.clone())?;
    remove(&beside)?;
    let bytes_before = bytes(&options.dir)?;
    let free = directory::free_bytes(&options.dir).map_err(|e| StoreError::new("cannot tell the free space", e))?;
    if free < bytes_before.saturating_add(options.free_bytes_min) {
        let why = format!("{free} bytes are free, a copy may need {bytes_before} and leaves free_bytes_min");
        return Err(StoreError::new("there is no room for a copy of the database", why));
    }
    let total = match old.count_check()? {
        Some((expected, found)) if expected != found => {
            let why = format!("{found} keys are left of {expected}");
            return Err(StoreError::new("a damaged database is not copied", why));
        }
        counts => counts.map_or(0, |(_, found)| found),
    };
    let fresh = EmbeddedOptions { dir: beside.clone(), engine: to, ..options.clone() };
    let copied = copy_to(&old, &fresh, &mut |keys| {
        progress(keys, 2 * total.max(keys));
    });
    let keys = match copied {
        Ok(keys) => keys,
        Err(error) => {
            remove(&beside)?;
            return Err(error);
        }
    };

    // Closing writes into the directory by its name, so the old database is closed before its name is given away;
    // the lock is kept, so that nobody opens it in between.
    let lock = old.shared.lock.try_clone().map_err(|e| StoreError::new("cannot keep the directory locked", e))?;
    drop(old);
    exchange(&options.dir, &beside)?;
    drop(lock);
    remove(&beside)?;
    Ok(Compacted { keys, bytes_before, bytes_after: bytes(&options.dir)? })
}

/// Where the copy is made: beside the directory, so that both are in one file system. Nothing is lost if
/// it is removed while none runs.
pub fn beside(dir: &Path) -> PathBuf {
    let name = dir.file_name().unwrap_or_default().to_string_lossy();
    dir.with_file_name(format!("{name}.compact"))
}

/// Copies every key into a fresh database, closes it, opens it again and compares.
fn copy_to(store: &Embedded, options: &EmbeddedOptions, progress: &mut dyn FnMut(u64)) -> Result<u64, StoreError> {
    let mut copied = 0;
    let mut copy = Loader::create(options.clone())?;
    pages(store, &mut |page| {
        for (key, read) in page {
            copy.put(read.sequence, Write { key: key.clone(), value: read.value.clone() })?;
        }
        copied += page.len() as u64;
        progress(copied);
        Ok(())
    })?;
    copy.finish(store.durable())?;
    let copy = Embedded::open(EmbeddedOptions { loading: true, ..options.clone() })?;
    let mut compared = 0;
    pages(store, &mut |page| {
        let (Some((first, _)), Some((last, _))) = (page.first(), page.last()) else { return Ok(()) };
        let end = [&last[..], &[0]].concat();
        let found = copy.scan(Range { start: first, end: &end }, usize::MAX, false)?;
        compared += page.len() as u64;
        progress(copied + compared);
        if found == page { Ok(()) } else { Err(StoreError::plain("the copy of the database is not equal to it")) }
    })?;
    if copy.count_check()?.is_some_and(|(expected, found)| expected != found) {
        return Err(StoreError::plain("the copy of the database has not all of its keys"));
    }
    drop(copy);
    confirm_load(&options.dir)?;
    Ok(copied)
}

/// Shows all keys and values, page by page.
fn pages(store: &Embedded, show: &mut dyn FnMut(&[Row]) -> Result<(), StoreError>) -> Result<(), StoreError> {
    let mut start = Vec::new();
    loop {
        let page = store.scan(Range { start: &start, end: &[RESERVED] }, PAGE, false)?;
        let Some((last, _)) = page.last() else { return Ok(()) };
        show(&page)?;
        start = [&last[..], &[0]].concat();
    }
}

fn remove(dir: &Path) -> Result<(), StoreError> {
    match fs::remove_dir_all(dir) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => {
            Err(StoreError::new("cannot remove what compaction left beside the data directory", e))
        }
        _ => Ok(()),
    }
}

/// The two directories change places, or nothing happens.
fn exchange(one: &Path, other: &Path) -> Result<(), StoreError> {
    let swap = || -> io::Result<()> {
        #[cfg(target_os = "linux")]
        {
            use rustix::fs::{CWD, RenameFlags, renameat_with};
            renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE)?;
        }
        #[cfg(not(target_os = "linux"))]
        return Err(io::Error::from(io::ErrorKind::Unsupported));
        #[cfg(target_os = "linux")]
        match one.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            Some(parent) => File::open(parent)?.sync_all(),
            None => Ok(()),
        }
    };
    swap().map_err(|e| StoreError::new("the file system cannot exchange the directories of the two databases", e))
}

/// Bytes that the files of a database take; its ballast does not count.
fn bytes(dir: &Path) -> Result<u64, StoreError> {
    fn sum(dir: &Path) -> io::Result<u64> {
        let mut bytes = 0;
        for entry in fs::read_dir(dir)? {
            let entry = entry?;
            let metadata = entry.metadata()?;
            bytes += match () {
                () if metadata.is_dir() => sum(&entry.path())?,
                () if entry.file_name() == directory::BALLAST => 0,
                () => std::os::unix::fs::MetadataExt::blocks(&metadata) * 512,
            };
        }
        Ok(bytes)
    }
    sum(dir).map_err(|e| StoreError::new("cannot list the data directory", e))
}
