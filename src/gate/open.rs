//! Opening a store: the namespace key, which the root wraps, becomes the seal of everything in it.

use std::fmt;

use zeroize::Zeroizing;

use crate::base::{Entropy, EntropyFailed, KeyBytes};
use crate::keep::KeepError;
use crate::keep::keys::{after, namespace, namespace_version};
use crate::keep::rotation;
use crate::keep::seal::{KEY_BYTES, Seal};
use crate::store::{Commit, CommitError, Expect, Range, Sequence, Store, StoreError, Write};
use crate::vault::root::{Old, Renewal, Root, RootError};

/// The first version of a namespace key.
const FIRST: u32 = 1;

/// The store cannot be opened with this root.
#[derive(Debug)]
pub enum OpenError {
    /// The store failed.
    Store(StoreError),
    /// The root does not open the namespace key.
    Root(RootError),
    /// The random number generator failed.
    Entropy(EntropyFailed),
    /// What the store says of a rotation cannot be read.
    Keep(KeepError),
    /// The shares of a new root were not taken.
    HandOver(String),
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Store(error) => error.fmt(f),
            Self::Root(error) => error.fmt(f),
            Self::Entropy(error) => error.fmt(f),
            Self::Keep(error) => error.fmt(f),
            Self::HandOver(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for OpenError {}

impl From<KeepError> for OpenError {
    fn from(error: KeepError) -> Self {
        Self::Keep(error)
    }
}

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

/// A version of the namespace key, as the root wrapped it.
struct Wrapped {
    version: u32,
    place: Vec<u8>,
    value: Vec<u8>,
    sequence: Sequence,
}

/// Versions of the namespace key that are read at most: there are never more than two.
const VERSIONS_MAX: usize = 16;

/// Every version of the namespace key, rising.
fn namespace_keys(store: &dyn Store) -> Result<Vec<Wrapped>, StoreError> {
    let rows = store.scan(Range { start: &namespace(0), end: &after(&namespace(u32::MAX)) }, VERSIONS_MAX, false)?;
    let wrapped = rows.into_iter().filter_map(|(place, read)| {
        Some(Wrapped { version: namespace_version(&place)?, value: read.value?, sequence: read.sequence, place })
    });
    Ok(wrapped.collect())
}

/// How many versions of the namespace key there are: two while it is rotated.
pub fn namespace_versions(store: &dyn Store) -> Result<usize, StoreError> {
    Ok(namespace_keys(store)?.len())
}

/// What a rotation of the root did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rotated {
    /// The version of the root that wraps now.
    pub version: u32,
    /// Namespace keys that were wrapped anew.
    pub rewrapped: usize,
}

/// Rotates the root key: makes its next version, wraps every version of the namespace key with it in one commit, and puts
/// the versions before out of use. Sealed values do not change, so it is done at once and under load. `hand_over` is given
/// the shares of a root in shares before anything needs them; if it fails, nothing is changed.
///
/// Cut off before the commit, the old version is in force; after it, the new one: what is left of the other goes
/// at the next opening (`settle`).
///
/// # Errors
/// The root, the store or the handing over failed.
pub fn rotate_root(
    store: &dyn Store,
    root: &dyn Root,
    renewal: &Renewal,
    old: Old,
    journal: &dyn Fn(u32) -> Vec<u8>,
    hand_over: &mut HandOver<'_>,
) -> Result<Rotated, OpenError> {
    let wrapped = namespace_keys(store)?;
    // Proves that root and store belong together before anything is made.
    let keys = wrapped.iter().map(|one| root.unwrap(&one.value, &one.place)).collect::<Result<Vec<_>, _>>()?;
    let before = settle(&wrapped, root, Old::Deactivate)?
        .ok_or_else(|| StoreError::plain("the store is new: it has no namespace key"))?;
    let advanced = root.advance(renewal)?;
    let wrap = |(one, key): (&Wrapped, &KeyBytes)| {
        Ok(Write { key: one.place.clone(), value: Some(root.wrap(key, &one.place)?) })
    };
    let staged = hand_over(&advanced.shares).map_err(OpenError::HandOver).and_then(|()| {
        let expect = |one: &Wrapped| Expect { key: one.place.clone(), version: Some(one.sequence) };
        Ok(Commit {
            expect: wrapped.iter().map(expect).collect(),
            writes: wrapped.iter().zip(&keys).map(wrap).collect::<Result<_, RootError>>()?,
            journal: journal(advanced.version),
        })
    });
    let committed = staged.and_then(|commit| commit_namespace(store, commit));
    let sequence = committed.inspect_err(|_| {
        // What was made is in nobody's way; the next opening tries again to take it away.
        if let Err(error) = root.settle(before, Old::Deactivate) {
            tracing::warn!(%error, "a version of the root that was made in vain is still there");
        }
    })?;
    store.wait_durable(sequence)?;
    // The old version goes only when the new one is proven to open what is on the disk.
    let wrapped = namespace_keys(store)?;
    for one in &wrapped {
        root.unwrap(&one.value, &one.place)?;
    }
    let version = settle(&wrapped, root, old)?.unwrap_or(advanced.version);
    Ok(Rotated { version, rewrapped: wrapped.len() })
}

/// Puts namespace keys that another root has wrapped in the place of those in the store.
///
/// # Errors
/// The store failed.
pub fn rewrap(store: &dyn Store, rows: Vec<Write>) -> Result<(), OpenError> {
    Ok(store.wait_durable(commit_namespace(store, Commit { writes: rows, ..Commit::default() })?)?)
}

/// Takes the shares of a new root to where they are kept. An error is the reason in words.
pub type HandOver<'a> = dyn FnMut(&[Zeroizing<String>]) -> Result<(), String> + 'a;

/// Puts versions of the root out of use that wrap nothing. Gives the one that wraps; None of a new store.
fn settle(wrapped: &[Wrapped], root: &dyn Root, old: Old) -> Result<Option<u32>, RootError> {
    let mut versions = wrapped.iter().map(|one| root.version_of(&one.value).ok_or(RootError::Wrong));
    let Some(first) = versions.next().transpose()? else { return Ok(None) };
    for version in versions {
        // One commit wrapped them all.
        if version? != first {
            return Err(RootError::Wrong);
        }
    }
    root.settle(first, old)?;
    Ok(Some(first))
}

/// Ends a rotation of the root that was cut off.
pub fn settle_root(store: &dyn Store, root: &dyn Root) -> Result<(), OpenError> {
    settle(&namespace_keys(store)?, root, Old::Deactivate)?;
    Ok(())
}

fn commit_namespace(store: &dyn Store, commit: Commit) -> Result<Sequence, OpenError> {
    Ok(store.commit(commit).map_err(|error| match error {
        CommitError::Store(error) => error,
        CommitError::Conflict => StoreError::plain("another process changed the namespace key at the same time"),
        CommitError::Busy => StoreError::plain("the store is too busy to write the namespace key"),
    })?)
}

/// Opens the seal of a store; None if the store has none yet.
pub fn open_seal(store: &dyn Store, root: &dyn Root) -> Result<Option<Seal>, OpenError> {
    let mut seal: Option<Seal> = None;
    for Wrapped { version, place, value, .. } in namespace_keys(store)? {
        let key = root.unwrap(&value, &place)?;
        seal = Some(seal.map_or_else(|| Seal::new(version, &key), |seal| seal.with(version, &key)));
    }
    seal.map(|seal| rotation::resume(store, seal)).transpose().map_err(OpenError::Keep)
}

/// A new namespace key, and the same wrapped for its place.
pub(super) fn new_namespace(
    root: &dyn Root,
    version: u32,
    entropy: &dyn Entropy,
) -> Result<(KeyBytes, Vec<u8>), OpenError> {
    let key = KeyBytes::fill(KEY_BYTES, |bytes| entropy.fill(bytes)).map_err(OpenError::Entropy)?;
    let key = root.mixed(key)?;
    let wrapped = root.wrap(&key, &namespace(version))?;
    Ok((key, wrapped))
}

/// Opens the seal of a store, and makes the namespace key of a new one. It is durable before anything is sealed.
pub fn open_or_create_seal(store: &dyn Store, root: &dyn Root, entropy: &dyn Entropy) -> Result<Seal, OpenError> {
    if let Some(seal) = open_seal(store, root)? {
        return Ok(seal);
    }
    let (key, wrapped) = new_namespace(root, FIRST, entropy)?;
    let place = namespace(FIRST);
    let commit = Commit {
        expect: vec![Expect { key: place.clone(), version: None }],
        writes: vec![Write { key: place, value: Some(wrapped) }],
        journal: Vec::new(),
    };
    store.wait_durable(commit_namespace(store, commit)?)?;
    Ok(Seal::new(FIRST, &key))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::random::SystemEntropy;
    use crate::store::{FaultPlan, Faults, Memory};
    use crate::vault::root::SoftRoot;

    fn rotate(store: &dyn Store, root: &dyn Root) -> Result<Rotated, OpenError> {
        rotate_root(store, root, &Renewal::Key, Old::Deactivate, &|_| Vec::new(), &mut |_| Ok(()))
    }

    #[test]
    fn a_rotated_root_opens_the_same_seal_and_a_rotation_is_resumed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("root.key");
        SoftRoot::create_file(&path, &SystemEntropy).unwrap();
        let old = std::fs::read(&path).unwrap();
        let lines = || std::fs::read_to_string(&path).unwrap().lines().count() - 1;
        let open = || SoftRoot::open_file(&path, Box::new(SystemEntropy)).unwrap();
        let store = Memory::new();
        assert!(rotate(&store, &open()).is_err(), "there is nothing to wrap");
        let hash = |seal: &Seal| seal.index().hash(&[b"x"]);
        let index = hash(&open_or_create_seal(&store, &open(), &SystemEntropy).unwrap());
        assert_eq!(rotate(&store, &open()).unwrap(), Rotated { version: 2, rewrapped: 1 });
        // Cut off after the new version was made: the next opening forgets it.
        open().advance(&Renewal::Key).unwrap();
        assert_eq!(lines(), 2);
        settle_root(&store, &open()).unwrap();
        assert_eq!(lines(), 1);
        // Refused by whoever was to take the shares: the same.
        let refused =
            rotate_root(&store, &open(), &Renewal::Key, Old::Deactivate, &|_| Vec::new(), &mut |_| Err("no".into()));
        assert_eq!(refused.unwrap_err().to_string(), "no");
        assert_eq!(lines(), 1);
        assert_eq!(rotate(&store, &open()).unwrap().version, 3);
        assert_eq!(hash(&open_seal(&store, &open()).unwrap().unwrap()), index);
        // Cut off after the commit: both versions are in the file, the new one is needed.
        let between = std::fs::read_to_string(&path).unwrap();
        let first = std::str::from_utf8(&old).unwrap().lines().nth(1).unwrap();
        let (head, last) = between.split_once('\n').unwrap();
        std::fs::write(&path, format!("{head}\n{first}\n{last}")).unwrap();
        settle_root(&store, &open()).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), between);
        std::fs::write(&path, old).unwrap();
        assert!(open_seal(&store, &open()).is_err(), "the old root opens nothing");
    }

    #[test]
    fn a_store_that_cannot_write_keeps_its_root() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("root.key");
        SoftRoot::create_file(&path, &SystemEntropy).unwrap();
        let open = || SoftRoot::open_file(&path, Box::new(SystemEntropy)).unwrap();
        let store = Faults::new(Memory::new(), FaultPlan::new());
        open_or_create_seal(&store, &open(), &SystemEntropy).unwrap();
        for plan in [FaultPlan::new().conflict(1), FaultPlan::new().busy(1), FaultPlan::new().fail_scan(1)] {
            store.set_plan(plan);
            assert!(rotate(&store, &open()).is_err());
            store.set_plan(FaultPlan::new());
            assert_eq!(std::fs::read_to_string(&path).unwrap().lines().count(), 2);
            assert!(open_seal(&store, &open()).unwrap().is_some());
        }
    }
}
