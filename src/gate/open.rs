//! Opening a store: the namespace key, which the root wraps, becomes the seal of everything in it.

use std::fmt;

use crate::base::{Entropy, EntropyFailed, KeyBytes};
use crate::keep::keys::{Kind, key};
use crate::keep::seal::{KEY_BYTES, Seal};
use crate::store::{Commit, CommitError, Expect, Store, StoreError, Write};
use crate::vault::root::{Root, RootError};

/// The version of the namespace key.
const VERSION: u32 = 1;

/// The store cannot be opened with this root.
#[derive(Debug)]
pub enum OpenError {
    /// The store failed.
    Store(StoreError),
    /// The root does not open the namespace key.
    Root(RootError),
    /// The random number generator failed.
    Entropy(EntropyFailed),
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Store(error) => error.fmt(f),
            Self::Root(error) => error.fmt(f),
            Self::Entropy(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for OpenError {}

impl From<StoreError> for OpenError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<RootError> for OpenError {
    fn from(error: RootError) -> Self {
        Self::Root(error)
    }
}

fn place() -> Vec<u8> {
    key(Kind::Server, &[b"namespace/", &VERSION.to_be_bytes()])
}

/// What a rotation of the root did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rotated {
    /// The version of the root that wraps now.
    pub version: u32,
    /// Namespace keys that were wrapped anew.
    pub rewrapped: usize,
    /// Old versions that nothing needs any more and that are destroyed.
    pub retired: u32,
}

/// Rotates the root key: makes its next version, wraps every namespace key with it, and destroys the versions before.
/// A rotation that was cut off is finished instead of beginning another: while a namespace key is wrapped by an older
/// version than the newest one, no new version is made. Sealed records do not change.
///
/// # Errors
/// The root or the store failed; the same call goes on where this one ended.
pub fn rotate_root(store: &dyn Store, root: &dyn Root) -> Result<Rotated, OpenError> {
    let place = place();
    let wrapped = store.get(&place)?;
    let value = wrapped.value.ok_or_else(|| StoreError::plain("the store is new: it has no namespace key"))?;
    let before = root.version_of(&value).ok_or(RootError::Wrong)?;
    // Proves that root and store belong together before anything is made.
    let namespace = root.unwrap(&value, &place)?;
    let version = if before < root.version() { root.version() } else { root.advance()? };
    let commit = Commit {
        expect: vec![Expect { key: place.clone(), version: Some(wrapped.sequence) }],
        writes: vec![Write { value: Some(root.wrap(&namespace, &place)?), key: place.clone() }],
        journal: Vec::new(),
    };
    commit_durably(store, commit)?;
    // The old versions go only when the new one is proven to open what is on the disk.
    let value = store.get(&place)?.value.ok_or_else(|| StoreError::plain("the namespace key vanished"))?;
    root.unwrap(&value, &place)?;
    let mut retired = 0;
    for old in 1..version {
        root.retire(old)?;
        retired += u32::from(old >= before);
    }
    Ok(Rotated { version, rewrapped: 1, retired })
}

/// Puts namespace keys that another root has wrapped in the place of those in the store.
///
/// # Errors
/// The store failed.
pub fn rewrap(store: &dyn Store, rows: Vec<Write>) -> Result<(), OpenError> {
    commit_durably(store, Commit { writes: rows, ..Commit::default() })
}

fn commit_durably(store: &dyn Store, commit: Commit) -> Result<(), OpenError> {
    let sequence = store.commit(commit).map_err(|error| match error {
        CommitError::Store(error) => error,
        CommitError::Conflict => StoreError::plain("another process changed the namespace key at the same time"),
        CommitError::Busy => StoreError::plain("the store is too busy to write the namespace key"),
    })?;
    Ok(store.wait_durable(sequence)?)
}

/// Opens the seal of a store; None if the store has none yet.
pub fn open_seal(store: &dyn Store, root: &dyn Root) -> Result<Option<Seal>, OpenError> {
    let place = place();
    let Some(wrapped) = store.get(&place)?.value else { return Ok(None) };
    Ok(Some(Seal::new(VERSION, &root.unwrap(&wrapped, &place)?)))
}

/// Opens the seal of a store, and makes the namespace key of a new one. It is durable before anything is sealed.
pub fn open_or_create_seal(store: &dyn Store, root: &dyn Root, entropy: &dyn Entropy) -> Result<Seal, OpenError> {
    if let Some(seal) = open_seal(store, root)? {
        return Ok(seal);
    }
    let place = place();
    let namespace = KeyBytes::fill(KEY_BYTES, |bytes| entropy.fill(bytes)).map_err(OpenError::Entropy)?;
    let namespace = root.mixed(namespace)?;
    let wrapped = root.wrap(&namespace, &place)?;
    let commit = Commit {
        expect: vec![Expect { key: place.clone(), version: None }],
        writes: vec![Write { key: place, value: Some(wrapped) }],
        journal: Vec::new(),
    };
    commit_durably(store, commit)?;
    Ok(Seal::new(VERSION, &namespace))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Memory;
    use crate::vault::root::SoftRoot;

    struct Os;

    impl Entropy for Os {
        fn fill(&self, buffer: &mut [u8]) -> Result<(), EntropyFailed> {
            aws_lc_rs::rand::fill(buffer).map_err(|_| EntropyFailed)
        }
    }

    #[test]
    fn a_rotated_root_opens_the_same_seal_and_a_rotation_is_resumed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("root.key");
        SoftRoot::create_file(&path, &Os).unwrap();
        let old = std::fs::read(&path).unwrap();
        let open = || SoftRoot::open_file(&path, Box::new(Os)).unwrap();
        let store = Memory::new();
        assert!(rotate_root(&store, &open()).is_err(), "there is nothing to wrap");
        let index = open_or_create_seal(&store, &open(), &Os).unwrap().index(&[b"x"]);
        assert_eq!(rotate_root(&store, &open()).unwrap(), Rotated { version: 2, rewrapped: 1, retired: 1 });
        // Cut off after the new version was made.
        open().advance().unwrap();
        assert_eq!(rotate_root(&store, &open()).unwrap().version, 3, "the version that was made is used");
        assert_eq!(open_seal(&store, &open()).unwrap().unwrap().index(&[b"x"]), index);
        std::fs::write(&path, old).unwrap();
        assert!(open_seal(&store, &open()).is_err(), "the old root opens nothing");
    }
}
