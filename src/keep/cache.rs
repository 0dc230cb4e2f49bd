//! Records as they were last opened, so that an object in use is not unsealed and decoded for each request. Whoever
//! takes one asks the store whether it still has that version. Key material is never here.

use quick_cache::Weighter;
use quick_cache::sync::Cache;

use super::Kept;

/// What the records in memory may take, bytes, roughly.
const BYTES_MAX: u64 = 64 * 1024 * 1024;
/// What a usual record takes in memory, bytes, roughly.
const RECORD_BYTES: u64 = 4096;
/// An attribute takes several times as much in memory as in its sealed record.
const SWELLS: u64 = 4;

/// Opened records by unique identifier, with the length of each when sealed.
pub struct Records(Cache<Box<str>, (Kept, usize), Weight>);

#[derive(Clone)]
struct Weight;

impl Weighter<Box<str>, (Kept, usize)> for Weight {
    fn weight(&self, id: &Box<str>, (_, sealed): &(Kept, usize)) -> u64 {
        SWELLS * *sealed as u64 + id.len() as u64
    }
}

impl Default for Records {
    fn default() -> Self {
        Self(Cache::with_weighter((BYTES_MAX / RECORD_BYTES) as usize, BYTES_MAX, Weight))
    }
}

impl Records {
    /// The record as it was last opened.
    pub fn get(&self, id: &str) -> Option<Kept> {
        self.0.get(id).map(|(kept, _)| kept)
    }

    /// Keeps what was opened.
    pub fn put(&self, kept: &Kept, sealed: usize) {
        self.0.insert(kept.object.id.clone(), (kept.clone(), sealed));
    }
}
