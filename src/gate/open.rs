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
    let wrapped = root.wrap(&namespace, &place)?;
    let commit = Commit {
        expect: vec![Expect { key: place.clone(), version: None }],
        writes: vec![Write { key: place, value: Some(wrapped) }],
        journal: Vec::new(),
    };
    let sequence = store.commit(commit).map_err(|error| match error {
        CommitError::Store(error) => error,
        CommitError::Conflict => StoreError::plain("another process made the namespace key at the same time"),
        CommitError::Busy => StoreError::plain("the store is too busy to make the namespace key"),
    })?;
    store.wait_durable(sequence)?;
    Ok(Seal::new(VERSION, &namespace))
}
