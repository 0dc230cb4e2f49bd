//! The namespace keys of a store: as rows that the root wrapped, and as keys for an escrow.

use crate::backup::BackupError;
use crate::keep::keys::{Kind, after, key};
use crate::store::{Range, Store, Write};
use crate::vault::escrow::Named;
use crate::vault::root::Root;

/// More namespace keys than a store ever has.
const KEYS_MAX: usize = 10_000;

/// The place of a namespace key in the store, and the key as the root wrapped it.
pub type Wrapped = (Vec<u8>, Vec<u8>);

/// Begins the places of namespace keys.
pub fn prefix() -> Vec<u8> {
    key(Kind::Server, &[b"namespace/"])
}

/// The places and the wrapped keys, as they lie in the store.
pub fn rows(store: &dyn Store) -> Result<Vec<Wrapped>, BackupError> {
    let start = prefix();
    let found = store.scan(Range { start: &start, end: &after(&start) }, KEYS_MAX, false)?;
    Ok(found.into_iter().filter_map(|(place, read)| Some((place, read.value?))).collect())
}

/// The keys themselves.
///
/// # Errors
/// The root does not open them.
pub fn open(rows: &[Wrapped], root: &dyn Root) -> Result<Vec<Named>, BackupError> {
    let unwrap = |(place, value): &Wrapped| {
        let key = root.unwrap(value, place)?;
        Ok(Named { name: place.clone(), key })
    };
    rows.iter().map(unwrap).collect()
}

/// The rows under another root.
///
/// # Errors
/// The root fails.
pub fn wrap(keys: &[Named], root: &dyn Root) -> Result<Vec<Write>, BackupError> {
    let places = keys.iter().filter(|named| named.name.starts_with(&prefix()));
    let wrap = |named: &Named| Ok(Write { value: Some(root.wrap(&named.key, &named.name)?), key: named.name.clone() });
    places.map(wrap).collect()
}
