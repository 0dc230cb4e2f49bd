//! What an embedded database must do: keep bytes under keys, in order; apply many changes at once, or none; and say when
//! the disk has them. Everything else of a store is above it and the same for all.

use std::borrow::Cow;
use std::fmt;
use std::fs;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::str::FromStr;

use super::EmbeddedOptions;
use super::fjall::Fjall;
use super::sled::Sled;
use crate::store::StoreError;

/// One change: a key, and its new value or none.
pub type Edit<'a> = (Cow<'a, [u8]>, Option<Cow<'a, [u8]>>);

/// Gets a key and its value; says whether it wants the next ones.
pub type See<'a> = &'a mut dyn FnMut(&[u8], &[u8]) -> bool;

/// An open database. An error of any call means that what was read may be damaged or what was written may be lost.
pub trait Engine: Send + Sync {
    /// Shows the value of a key, if it has one.
    fn get(&self, key: &[u8], see: &mut dyn FnMut(&[u8])) -> Result<(), StoreError>;

    /// Shows keys from `start`, inclusive, to `end`, exclusive, and their values, in rising or falling order. What is
    /// applied meanwhile may be shown or not, each key for itself.
    fn scan(&self, start: &[u8], end: &[u8], backwards: bool, see: See<'_>) -> Result<(), StoreError>;

    /// Applies all changes; after a crash all of them are there or none.
    fn apply(&self, edits: &[Edit<'_>]) -> Result<(), StoreError>;

    /// What was applied before is on the disk when this comes back.
    fn sync(&self) -> Result<(), StoreError>;
}

/// The databases there are.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum EngineKind {
    /// sled 0.34: a log with a tree over it. Damage is loud, one client is answered fast.
    #[default]
    Sled,
    /// fjall 3: a log-structured merge tree. Writes cost less, and a quarter of the disk.
    Fjall,
}

/// A database that was opened.
pub struct Found {
    /// The database.
    pub engine: Box<dyn Engine>,
    /// It did not open at once and was rebuilt from its own log: something may be missing.
    pub rebuilt: bool,
}

impl EngineKind {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Sled, Self::Fjall];

    /// Its name in the configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sled => "sled",
            Self::Fjall => "fjall",
        }
    }

    /// The kind of the database in a directory; None if there is none.
    pub fn found(dir: &Path) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| dir.join(kind.main_file()).exists())
    }

    /// A file or directory that every database of this kind has, and no other.
    fn main_file(self) -> &'static str {
        match self {
            Self::Sled => super::sled::MAIN_FILE,
            Self::Fjall => super::fjall::DIRECTORY,
        }
    }

    /// Opens the database in the directory of `options`, or makes it.
    pub fn open(self, options: &EmbeddedOptions) -> Result<Found, StoreError> {
        match self {
            Self::Sled => Sled::open(options),
            Self::Fjall => Fjall::open(options),
        }
    }

    /// Makes a closed database ready for a fast start. Whenever it is cut off, `open` cures what is left.
    pub fn settle(self, options: &EmbeddedOptions) -> Result<(), StoreError> {
        match self {
            Self::Sled => Sled::settle(options),
            Self::Fjall => Fjall::settle(options),
        }
    }

    /// Removes the files of every kind of database from a directory.
    pub fn clear(dir: &Path) -> io::Result<()> {
        super::sled::clear(dir)?;
        match fs::remove_dir_all(dir.join(super::fjall::DIRECTORY)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

impl fmt::Display for EngineKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for EngineKind {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let names = || Self::ALL.map(Self::name).join(", ");
        Self::ALL.into_iter().find(|kind| kind.name() == name).ok_or_else(|| format!("not one of {}", names()))
    }
}

impl dyn Engine + '_ {
    /// What `read` makes of the value of a key.
    pub fn read<T>(&self, key: &[u8], read: impl FnOnce(&[u8]) -> T) -> Result<Option<T>, StoreError> {
        let (mut read, mut found) = (Some(read), None);
        self.get(key, &mut |value| found = read.take().map(|read| read(value)))?;
        Ok(found)
    }
}

/// Calls an engine, which may panic where it should return an error.
pub fn guarded<T, E>(what: &'static str, call: impl FnOnce() -> Result<T, E>) -> Result<T, StoreError>
where
    E: std::error::Error + Send + Sync + 'static,
{
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(outcome) => outcome.map_err(|error| StoreError::new(what, error)),
        Err(_) => Err(StoreError::new(what, "the storage engine panicked")),
    }
}
