//! Why a backup was not made, or does not become a store.

use std::fmt;
use std::io;

use crate::base::{EntropyFailed, Error};
use crate::gate::open::OpenError;
use crate::gate::recorder::RecordError;
use crate::keep::KeepError;
use crate::store::StoreError;
use crate::vault::root::RootError;

/// What went wrong, in words that say what to do.
#[derive(Debug)]
pub enum BackupError {
    /// Reading or writing the file.
    Io(io::Error),
    /// The file does not begin as a backup does.
    NotABackup,
    /// The file does not begin as a ledger copy does.
    NotACopy,
    /// The file has a newer format.
    Newer(u32),
    /// The file ends too early.
    CutOff,
    /// This frame, from 0, was altered or does not belong here.
    Altered(u64),
    /// There is something after the end.
    Trailing,
    /// The keys of the backup do not open; the kind and the version of the root that it was made with.
    Closed(String, Option<u32>, OpenError),
    /// What was given beside the backup, a recovery key or a newer store, does not go with it.
    Refused(&'static str),
    /// The ledger copy does not go with the backup: why.
    Unfit(String),
    /// The ledger copy is of an epoch that was ended.
    Dead(u32),
    /// The store failed.
    Store(StoreError),
    /// The root failed.
    Root(RootError),
    /// The store and the root do not go together.
    Open(OpenError),
    /// An object cannot be read.
    Keep(KeepError),
    /// The restored store does not take a change.
    Commit(Error),
    /// The commit record or the audit chain is broken.
    Record(RecordError),
    /// The store that came out is not the one that was backed up.
    Differs(String),
    /// Randomness failed.
    Entropy(EntropyFailed),
}

impl fmt::Display for BackupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::NotABackup => f.write_str("this is not a backup of Keyhaven"),
            Self::NotACopy => f.write_str("this is not a ledger copy of Keyhaven"),
            Self::Newer(format) => {
                write!(f, "the file has format {format}, made by a newer release: use that release")
            }
            Self::CutOff => f.write_str("the file is cut off: its end is missing"),
            Self::Altered(frame) => write!(f, "frame {frame} of the file was altered or belongs elsewhere"),
            Self::Trailing => f.write_str("there is something after the end of the file"),
            Self::Closed(kind, version, error) => {
                write!(f, "the root does not open this backup, which was made with a root of kind {kind}")?;
                if let Some(version) = version {
                    write!(f, ", version {version}")?;
                }
                write!(f, " ({error}); use that root, or the recovery key if the backup has one")
            }
            Self::Refused(words) => f.write_str(words),
            Self::Unfit(words) => f.write_str(words),
            Self::Dead(epoch) => write!(
                f,
                "the ledger copy is of epoch {epoch}, whose key was destroyed by a roll of the ledger, or was never here. Use \
                 a copy from after the roll"
            ),
            Self::Store(error) => error.fmt(f),
            Self::Root(error) => error.fmt(f),
            Self::Open(error) => error.fmt(f),
            Self::Keep(error) => error.fmt(f),
            Self::Commit(error) => error.fmt(f),
            Self::Record(error) => error.fmt(f),
            Self::Differs(words) => write!(f, "the restored store is not the one that was backed up: {words}"),
            Self::Entropy(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for BackupError {}

macro_rules! from {
    ($($variant:ident($error:ty)),*) => {
        $(impl From<$error> for BackupError {
            fn from(error: $error) -> Self {
                Self::$variant(error)
            }
        })*
    };
}

from!(
    Store(StoreError),
    Root(RootError),
    Open(OpenError),
    Keep(KeepError),
    Record(RecordError),
    Entropy(EntropyFailed)
);

impl From<io::Error> for BackupError {
    /// A file that ends too early is cut off, whoever noticed.
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::UnexpectedEof { Self::CutOff } else { Self::Io(error) }
    }
}
