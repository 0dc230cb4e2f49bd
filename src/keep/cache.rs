//! What was read of late: records as they were opened, so that an object in use is not unsealed and decoded for each
//! request, and secrets as they lie in the store, sealed. Each has the stamp of its key from before it was read; whoever
//! takes one compares that with the stamp of now. Key material is never here in the clear.

use quick_cache::Weighter;
use quick_cache::sync::Cache;

/// A key, an entry and its stamp take about so many bytes besides the value.
const OVERHEAD: u64 = 128;

/// Values by their place in the store.
pub struct Recent<T>(Cache<Box<[u8]>, Entry<T>, Weight>);

/// A value that was read.
#[derive(Clone)]
pub struct Entry<T> {
    /// The value.
    pub value: T,
    /// What it takes in memory, bytes, roughly.
    pub bytes: u64,
    /// The stamp of its key.
    pub stamp: Option<u64>,
}

#[derive(Clone)]
struct Weight;

impl<T> Weighter<Box<[u8]>, Entry<T>> for Weight {
    fn weight(&self, place: &Box<[u8]>, entry: &Entry<T>) -> u64 {
        OVERHEAD + place.len() as u64 + entry.bytes
    }
}

impl<T: Clone> Recent<T> {
    /// Room for so many bytes, of values that have about `usual` of them.
    pub fn new(bytes_max: u64, usual: u64) -> Self {
        Self(Cache::with_weighter((bytes_max / (OVERHEAD + usual)) as usize, bytes_max, Weight))
    }

    /// What was last read at a place.
    pub fn get(&self, place: &[u8]) -> Option<Entry<T>> {
        self.0.get(place)
    }

    /// Keeps what was read.
    pub fn put(&self, place: &[u8], entry: Entry<T>) {
        self.0.insert(place.into(), entry);
    }

    /// Lets go of what was read.
    pub fn forget(&self, place: &[u8]) {
        self.0.remove(place);
    }
}
