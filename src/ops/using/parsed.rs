//! Private keys that are in use, as they were parsed and checked: an RSA key is not checked, blinded and made ready anew for
//! each signature. A key is held by the object and the number of its material, so another material under the same
//! identifier is never taken for it. It is let go of when the object loses it, or when others are used more, and wiped when
//! nobody works with it any more. Wrapped keys and PKCS#12 containers are opened each time: whoever wrapped them decides.

use std::sync::Arc;

use quick_cache::sync::Cache;

use crate::crypto::keys::PrivateKey;
use crate::keep::ledger::number_of;
use crate::model::{ManagedObject, MaterialRef};

/// Keys that are held at most: a large RSA key takes some ten thousand bytes.
const KEYS_MAX: usize = 1024;

/// The keys.
pub struct ParsedKeys(Cache<Box<str>, Held>);

#[derive(Clone)]
struct Held {
    reference: MaterialRef,
    key: Arc<PrivateKey>,
}

impl Default for ParsedKeys {
    fn default() -> Self {
        Self(Cache::new(KEYS_MAX))
    }
}

impl ParsedKeys {
    /// The key of an object, if it is held.
    pub fn get(&self, object: &ManagedObject) -> Option<Arc<PrivateKey>> {
        let held = self.0.get(&object.id)?;
        (Some(&held.reference) == object.material.reference.as_ref()).then_some(held.key)
    }

    /// Holds the key of an object, unless its material has no number: that could be of any that was there.
    pub fn put(&self, object: &ManagedObject, key: Arc<PrivateKey>) {
        let reference = object.material.reference.clone().filter(|reference| number_of(reference) != 0);
        if let Some(reference) = reference {
            self.0.insert(object.id.clone(), Held { reference, key });
        }
    }

    /// Lets go of the key of an object.
    pub fn forget(&self, id: &str) {
        self.0.remove(id);
    }

    /// How many keys are held.
    #[cfg(test)]
    pub fn count(&self) -> usize {
        self.0.len()
    }
}
