//! Filling an empty database, for a restore: values with the numbers of the commits that wrote them, and at the end the
//! number of the last commit, so that the database is the one that was backed up. A file marks the directory until
//! whoever fills it has confirmed the result: before that the database opens for nobody else.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use sled::{Batch, Db, IVec};

use super::chunks::{self, META_KEY};
use super::flusher::Changed;
use super::{SledOptions, guarded, open};
use crate::store::{Mark, Sequence, StoreError, Write, check_writes};

/// The file that marks the directory.
const MARK: &str = "keyhaven.loading";

/// An empty database that is being filled.
pub struct Loader {
    db: Db,
    options: SledOptions,
    pending: HashMap<IVec, (Sequence, Option<IVec>)>,
    pending_bytes: usize,
    pieces: u64,
    _lock: File,
}

impl Loader {
    /// Takes an empty directory, or one that an earlier load left unfinished: what that one wrote is removed.
    ///
    /// # Errors
    /// There is a database with commits, another process has the directory open, or the disk fails.
    pub fn create(options: SledOptions) -> Result<Self, StoreError> {
        Self::check_vacant(&options)?;
        let dir = options.dir.clone();
        open::create_dir(&dir).map_err(|e| StoreError::new("cannot create the data directory", e))?;
        let lock = open::lock_dir(&dir)?;
        // First the mark, then the rest: what is cut off anywhere from here on does not open.
        let begin = || {
            File::create(mark(&dir))?.sync_all()?;
            clear(&dir)?;
            File::open(&dir)?.sync_all()
        };
        begin().map_err(|e| StoreError::new("cannot empty the data directory", e))?;
        let db = open::open_sled(&options).map_err(|failed| failed.error)?;
        Ok(Self { db, options, pending: HashMap::new(), pending_bytes: 0, pieces: 0, _lock: lock })
    }

    /// Whether `create` would take the directory; nothing is changed.
    ///
    /// # Errors
    /// As for `create`.
    pub fn check_vacant(options: &SledOptions) -> Result<(), StoreError> {
        if options.dir.join("db").exists() && !mark(&options.dir).exists() {
            let opened = open::open(options)?;
            if opened.last != Sequence(0) || opened.keys != 0 {
                let why = format!("{} holds a database", options.dir.display());
                return Err(StoreError::new("the store is not empty", why));
            }
        }
        Ok(())
    }

    /// Sets or removes one value. Of several changes of a key the last one counts.
    ///
    /// # Errors
    /// The disk fails, or the key or value is one that no store keeps.
    pub fn put(&mut self, sequence: Sequence, write: Write) -> Result<(), StoreError> {
        check_writes(std::slice::from_ref(&write))?;
        self.pending_bytes += write.key.len() + write.value.as_ref().map_or(0, Vec::len);
        let mut value = write.value.as_deref().map(chunks::whole);
        value.iter_mut().for_each(|value| chunks::stamp(value, sequence));
        self.pending.insert(IVec::from(write.key), (sequence, value));
        if self.pending.len() >= self.options.batch_keys_max || self.pending_bytes >= self.options.batch_bytes_max {
            self.apply(None)?;
        }
        Ok(())
    }

    /// Ends the load: everything is on the disk, and the last commit is `last`. The database opens with
    /// `SledOptions::loading` alone until `confirm_load`.
    ///
    /// # Errors
    /// The disk fails.
    pub fn finish(mut self, last: Sequence) -> Result<Mark, StoreError> {
        self.apply(Some(last))?;
        guarded("cannot flush the database", || self.db.flush())?;
        let dir = &self.options.dir;
        let sync = || {
            File::open(dir.join("db"))?.sync_all()?;
            open::sync_new_files(dir)
        };
        sync().map_err(|e| StoreError::new("cannot sync the database", e))?;
        Ok(Mark { last, pieces: self.pieces })
    }

    fn apply(&mut self, last: Option<Sequence>) -> Result<(), StoreError> {
        let mut batch = Batch::default();
        for (key, (sequence, value)) in std::mem::take(&mut self.pending) {
            let change = Changed::new(&self.db, key, sequence, value)?.add(&mut batch)?;
            self.pieces = self.pieces.wrapping_add_signed(change);
        }
        if let Some(last) = last {
            batch.insert(&META_KEY, chunks::meta(last, self.pieces));
        }
        guarded("cannot write to the database", || self.db.apply_batch(batch))?;
        self.pending_bytes = 0;
        Ok(())
    }
}

/// The database that was filled is whole: it opens for everybody from now on.
///
/// # Errors
/// The disk fails; the database is as it was.
pub fn confirm_load(dir: &Path) -> Result<(), StoreError> {
    let confirm = || {
        fs::remove_file(mark(dir))?;
        File::open(dir)?.sync_all()
    };
    confirm().map_err(|e| StoreError::new("cannot remove the mark of an unfinished restore", e))
}

/// Refuses a database that is not confirmed.
pub(super) fn check(dir: &Path) -> Result<(), StoreError> {
    if !mark(dir).exists() {
        return Ok(());
    }
    let why = format!("{} was being restored and is not whole; run the restore again", dir.display());
    Err(StoreError::new("a restore was cut off", why))
}

fn mark(dir: &Path) -> PathBuf {
    dir.join(MARK)
}

/// Removes what a store leaves in its directory, but for the lock and the mark.
fn clear(dir: &Path) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        match &*name {
            "blobs" => fs::remove_dir_all(entry.path())?,
            "db" | "conf" | open::BALLAST | super::watermark::FILE => fs::remove_file(entry.path())?,
            name if name.starts_with("snap.") => fs::remove_file(entry.path())?,
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::Sled;
    use super::*;
    use crate::store::{Commit, Store, pieces};

    fn options(dir: &Path) -> SledOptions {
        SledOptions { ballast_bytes: 0, free_bytes_min: 0, batch_keys_max: 3, ..SledOptions::new(dir.join("store")) }
    }

    fn write(key: &str, value: Option<&[u8]>) -> Write {
        Write { key: key.into(), value: value.map(<[u8]>::to_vec) }
    }

    #[test]
    fn what_was_loaded_is_what_was_written() {
        let directory = tempfile::tempdir().unwrap();
        let options = options(directory.path());
        let mut loader = Loader::create(options.clone()).unwrap();
        let long = vec![7; 9000];
        for (sequence, key, value) in [
            (3, "a", Some(&b"old"[..])),
            (4, "b", Some(&long)),
            (5, "c", Some(b"gone")),
            (6, "d", Some(b"d")),
            (8, "a", Some(&long)),
            (9, "c", None),
            (7, "b", Some(b"short")),
        ] {
            loader.put(Sequence(sequence), write(key, value)).unwrap();
        }
        let end = loader.finish(Sequence(12)).unwrap();
        assert_eq!(end, Mark { last: Sequence(12), pieces: pieces(9000) + 2 });
        let refused = Sled::open(options.clone()).err().unwrap().to_string();
        assert!(refused.contains("run the restore again"), "{refused}");
        assert!(Sled::open(SledOptions { loading: true, ..options.clone() }).is_ok());
        confirm_load(&options.dir).unwrap();
        let store = Sled::open(options.clone()).unwrap();
        let read = |key: &str| store.get(key.as_bytes()).unwrap();
        assert_eq!((read("a").value, read("a").sequence), (Some(long), Sequence(8)));
        assert_eq!((read("b").value.as_deref(), read("b").sequence), (Some(&b"short"[..]), Sequence(7)));
        assert_eq!(read("c").value, None);
        assert_eq!(store.count_check().unwrap(), Some((end.pieces, end.pieces)));
        let next = store.commit(Commit { writes: vec![write("e", Some(b"e"))], ..Commit::default() }).unwrap();
        assert_eq!(next, Sequence(13), "numbers go on");
        drop(store);
        assert!(Loader::create(options).err().unwrap().to_string().contains("not empty"));
    }

    #[test]
    fn an_unfinished_load_begins_anew() {
        let directory = tempfile::tempdir().unwrap();
        let options = options(directory.path());
        let mut loader = Loader::create(options.clone()).unwrap();
        for key in ["a", "b", "c", "d"] {
            loader.put(Sequence(1), write(key, Some(b"x"))).unwrap();
        }
        drop(loader);
        assert!(Sled::open(options.clone()).is_err());
        let loader = Loader::create(options.clone()).unwrap();
        assert_eq!(loader.finish(Sequence(1)).unwrap().pieces, 0, "nothing of the first one is left");
    }

    #[test]
    fn an_empty_database_may_be_filled() {
        let directory = tempfile::tempdir().unwrap();
        let options = options(directory.path());
        drop(Sled::open(options.clone()).unwrap());
        assert!(Loader::create(options).is_ok());
    }
}
