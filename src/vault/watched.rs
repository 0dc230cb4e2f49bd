//! Any vault, with a count of what it is asked, and a way to take it from the server. For tests.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};

use super::pkcs11::HsmError;
use super::{Generated, KeyId, KeyVault, Output, ResidentSpec, Task, VaultError};
use crate::base::KeyBytes;

/// A vault that is watched.
pub struct Watched {
    vault: Box<dyn KeyVault>,
    away: AtomicBool,
    calls: AtomicUsize,
}

type Result<T, E = VaultError> = std::result::Result<T, E>;

impl Watched {
    /// Watches a vault.
    pub fn new(vault: impl KeyVault + 'static) -> Self {
        Self { vault: Box::new(vault), away: AtomicBool::new(false), calls: AtomicUsize::new(0) }
    }

    /// Takes the vault away, or brings it back.
    pub fn be_away(&self, away: bool) {
        self.away.store(away, SeqCst);
    }

    /// How often the vault was asked for anything.
    pub fn calls(&self) -> usize {
        self.calls.load(SeqCst)
    }

    /// How many keys there are, which does not count as a call.
    pub fn count(&self) -> usize {
        self.vault.list().unwrap().len()
    }

    fn open(&self) -> Result<&dyn KeyVault> {
        self.calls.fetch_add(1, SeqCst);
        if self.away.load(SeqCst) {
            return Err(HsmError::Unavailable("taken away".into()).into());
        }
        Ok(&*self.vault)
    }
}

impl KeyVault for Watched {
    fn offers_keys(&self) -> bool {
        self.vault.offers_keys()
    }

    fn generate(&self, own: [u8; 16], spec: ResidentSpec) -> Result<Generated> {
        self.open()?.generate(own, spec)
    }

    fn import(&self, own: [u8; 16], spec: ResidentSpec, material: &KeyBytes) -> Result<KeyId> {
        self.open()?.import(own, spec, material)
    }

    fn perform(&self, key: &KeyId, task: Task<'_>) -> Result<Output> {
        self.open()?.perform(key, task)
    }

    fn erase(&self, key: &KeyId) -> Result<()> {
        self.open()?.erase(key)
    }

    fn list(&self) -> Result<Vec<KeyId>> {
        self.open()?.list()
    }
}
