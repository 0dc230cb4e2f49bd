//! Filling an empty database, for a restore: values with the numbers of the commits that wrote them, and at the end the
//! number of the last commit, so that the database is the one that was backed up. A file marks the directory until
//! whoever fills it has confirmed the result: before that the database opens for nobody else.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::chunks::{self, Bytes, META_KEY};
use super::engine::{Engine, EngineKind};
use super::flusher::Changed;
use super::{EmbeddedOptions, directory};
use crate::store::{Mark, Sequence, StoreError, Write, check_writes};

/// The file that marks the directory.
const MARK: &str = "keyhaven.loading";

/// An empty database that is being filled.
pub struct Loader {
    engine: Box<dyn Engine>,
    options: EmbeddedOptions,
    pending: HashMap<Bytes, (Sequence, Option<Bytes>)>,
    pending_bytes: usize,
    pieces: u64,
    _lock: File,
}

impl Loader {
    /// Takes an empty directory, or one that an earlier load left unfinished: what that one wrote is removed.
    ///
    /// # Errors
    /// There is a database with commits, another process has the directory open, or the disk fails.
    pub fn create(options: EmbeddedOptions) -> Result<Self, StoreError> {
        Self::check_vacant(&options)?;
        let dir = options.dir.clone();
        directory::create_dir(&dir).map_err(|e| StoreError::new("cannot create the data directory", e))?;
        let lock = directory::lock_dir(&dir)?;
        // First the mark, then the rest: what is cut off anywhere from here on does not open.
        let begin = || {
            File::create(mark(&dir))?.sync_all()?;
            clear(&dir)?;
            File::open(&dir)?.sync_all()
        };
        begin().map_err(|e| StoreError::new("cannot empty the data directory", e))?;
        let engine = options.engine.open(&options)?.engine;
        Ok(Self { engine, options, pending: HashMap::new(), pending_bytes: 0, pieces: 0, _lock: lock })
    }

    /// Whether `create` would take the directory; nothing is changed.
    ///
    /// # Errors
    /// As for `create`.
    pub fn check_vacant(options: &EmbeddedOptions) -> Result<(), StoreError> {
        if EngineKind::found(&options.dir).is_some() && !mark(&options.dir).exists() {
            let opened = directory::open(options)?;
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
        self.pending.insert(write.key.into(), (sequence, value));
        if self.pending.len() >= self.options.batch_keys_max || self.pending_bytes >= self.options.batch_bytes_max {
            self.apply(None)?;
        }
        Ok(())
    }

    /// Ends the load: everything is on the disk, and the last commit is `last`. The database opens with
    /// `EmbeddedOptions::loading` alone until `confirm_load`.
    ///
    /// # Errors
    /// The disk fails.
    pub fn finish(mut self, last: Sequence) -> Result<Mark, StoreError> {
        self.apply(Some(last))?;
        self.engine.sync()?;
        directory::sync_new_files(&self.options.dir).map_err(|e| StoreError::new("cannot sync the database", e))?;
        Ok(Mark { last, pieces: self.pieces })
    }

    fn apply(&mut self, last: Option<Sequence>) -> Result<(), StoreError> {
        let pending = std::mem::take(&mut self.pending).into_iter();
        let change = |(key, (sequence, value))| Changed::new(&*self.engine, key, sequence, value);
        let changes = pending.map(change).collect::<Result<Vec<_>, _>>()?;
        let mut batch = Vec::with_capacity(changes.len() + 1);
        for change in &changes {
            self.pieces = self.pieces.wrapping_add_signed(change.add(&mut batch)?);
        }
        let meta = last.map(|last| chunks::meta(last, self.pieces));
        if let Some(meta) = &meta {
            batch.push((Cow::Borrowed(&META_KEY), Some(Cow::Borrowed(meta))));
        }
        self.engine.apply(&batch)?;
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
    EngineKind::clear(dir)?;
    directory::remove_if_there(&dir.join(directory::BALLAST))?;
    directory::remove_if_there(&dir.join(super::watermark::FILE))
}

#[cfg(test)]
mod tests {
    use super::super::Embedded;
    use super::*;
    use crate::store::{Commit, Store, pieces};

    fn options(dir: &Path) -> EmbeddedOptions {
        EmbeddedOptions {
            ballast_bytes: 0,
            free_bytes_min: 0,
            batch_keys_max: 3,
            ..EmbeddedOptions::new(dir.join("store"))
        }
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
        let refused = Embedded::open(options.clone()).err().unwrap().to_string();
        assert!(refused.contains("run the restore again"), "{refused}");
        assert!(Embedded::open(EmbeddedOptions { loading: true, ..options.clone() }).is_ok());
        confirm_load(&options.dir).unwrap();
        let store = Embedded::open(options.clone()).unwrap();
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
        assert!(Embedded::open(options.clone()).is_err());
        let loader = Loader::create(options.clone()).unwrap();
        assert_eq!(loader.finish(Sequence(1)).unwrap().pieces, 0, "nothing of the first one is left");
    }

    #[test]
    fn an_empty_database_may_be_filled() {
        let directory = tempfile::tempdir().unwrap();
        let options = options(directory.path());
        drop(Embedded::open(options.clone()).unwrap());
        assert!(Loader::create(options).is_ok());
    }
}
