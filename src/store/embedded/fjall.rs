//! The engine fjall 3, in a directory of its own.
//!
//! It answers some damage to its journal by cutting the journal off there: older commits, whole, and not a word. The
//! store above notices by the number of the last commit that it keeps beside the database (`watermark`), and `keep` by its
//! commit record.

use std::borrow::Cow;
use std::ops::Bound;

use fjall::config::CompressionPolicy;
use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};

use super::EmbeddedOptions;
use super::directory::lock_dir;
use super::engine::{Edit, Engine, Found, See, guarded};
use crate::store::StoreError;

/// Where its files are.
pub const DIRECTORY: &str = "fjall";

/// What is in memory alone and in the journal, at most, bytes: a start reads the journal.
const MEMTABLE_BYTES: u64 = 16 << 20;
/// The journal, at most, bytes; the least that the engine allows.
const JOURNAL_BYTES: u64 = 64 << 20;
/// Threads that write tables and merge them.
const WORKERS: usize = 2;

const OPEN: &str = "cannot open the database";
const READ: &str = "cannot read the database";
const WRITE: &str = "cannot write to the database";

/// An open database.
pub struct Fjall {
    rows: Keyspace,
    /// Closes the database when it is dropped, after `rows`.
    database: Database,
}

impl Fjall {
    /// Opens the database in the directory, or makes it.
    pub fn open(options: &EmbeddedOptions) -> Result<Found, StoreError> {
        Ok(Found { engine: Box::new(Self::new(options)?), rebuilt: false })
    }

    fn new(options: &EmbeddedOptions) -> Result<Self, StoreError> {
        guarded(OPEN, || {
            let database = Database::builder(options.dir.join(DIRECTORY))
                .cache_size(options.cache_bytes)
                .max_journaling_size(JOURNAL_BYTES)
                .manual_journal_persist(true)
                .worker_threads(WORKERS)
                .open()?;
            // What is sealed does not get smaller.
            let plain = || {
                KeyspaceCreateOptions::default()
                    .max_memtable_size(MEMTABLE_BYTES)
                    .data_block_compression_policy(CompressionPolicy::disabled())
                    .index_block_compression_policy(CompressionPolicy::disabled())
            };
            let rows = database.keyspace("rows", plain)?;
            Ok::<_, fjall::Error>(Self { rows, database })
        })
    }

    /// Moves what is in the journal alone into tables: the next start does not read it.
    pub fn settle(options: &EmbeddedOptions) -> Result<(), StoreError> {
        let _lock = lock_dir(&options.dir)?;
        let this = Self::new(options)?;
        guarded(WRITE, || this.rows.rotate_memtable_and_wait())
    }
}

impl Engine for Fjall {
    fn get(&self, key: &[u8], see: &mut dyn FnMut(&[u8])) -> Result<(), StoreError> {
        let found = guarded(READ, || self.rows.get(key))?;
        found.iter().for_each(|value| see(value));
        Ok(())
    }

    fn scan(&self, start: &[u8], end: &[u8], backwards: bool, see: See<'_>) -> Result<(), StoreError> {
        let mut rows = self.rows.range::<&[u8], _>((Bound::Included(start), Bound::Excluded(end)));
        let mut next = || {
            let row = if backwards { rows.next_back() } else { rows.next() };
            row.map(fjall::Guard::into_inner).transpose()
        };
        while let Some((key, value)) = guarded(READ, &mut next)? {
            if !see(&key, &value) {
                break;
            }
        }
        Ok(())
    }

    fn apply(&self, edits: &[Edit<'_>]) -> Result<(), StoreError> {
        guarded(WRITE, || {
            let mut batch = self.database.batch();
            for (key, value) in edits {
                match value {
                    Some(value) => batch.insert(&self.rows, Cow::as_ref(key), Cow::as_ref(value)),
                    None => batch.remove(&self.rows, Cow::as_ref(key)),
                }
            }
            batch.commit()
        })
    }

    fn sync(&self) -> Result<(), StoreError> {
        guarded("cannot sync the database", || self.database.persist(PersistMode::SyncData))
    }
}
