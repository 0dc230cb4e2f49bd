//! Where the commands meet the rooms below: one small function for each thing a command needs from the server, the
//! vault, the store or the audit chain.

use std::path::Path;

use super::config::{Config, RootKind};
use super::failure::Failure;
use super::passphrase::passphrase;
use crate::base::{Entropy, EntropyFailed};
use crate::store::{Sled, SledOptions};
use crate::vault::root::SoftRoot;

/// The randomness of the operating system, by way of the crypto library.
struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), EntropyFailed> {
        aws_lc_rs::rand::fill(buffer).map_err(|_| EntropyFailed)
    }
}

/// Makes the file of a root. It must not exist.
pub fn create_root(kind: RootKind, path: &Path) -> Result<(), Failure> {
    match kind {
        RootKind::File => SoftRoot::create_file(path, &SystemEntropy),
        RootKind::Passphrase => SoftRoot::create_passphrase(path, &SystemEntropy),
    }
    .map_err(|error| Failure::failed(error.to_string()))
}

/// Opens the configured root; asks for a passphrase where one is needed.
pub fn open_root(config: &Config) -> Result<SoftRoot, Failure> {
    let entropy = Box::new(SystemEntropy);
    match config.root.kind {
        RootKind::File => SoftRoot::open_file(&config.root.path, entropy),
        RootKind::Passphrase => SoftRoot::open_passphrase(&config.root.path, &passphrase(&config.root)?, entropy),
    }
    .map_err(|error| Failure::failed(error.to_string()))
}

/// Whether the root fits the configuration and, where no passphrase is needed, can be opened; the error says why not.
pub fn check_root(config: &Config) -> Result<(), String> {
    let path = &config.root.path;
    let found = SoftRoot::kind_of(path).map_err(|error| error.to_string())?;
    let configured = match config.root.kind {
        RootKind::File => "file",
        RootKind::Passphrase => "passphrase",
    };
    if found != configured {
        return Err(format!("{} is a root of kind {found:?}, [root] kind is {configured:?}", path.display()));
    }
    match config.root.kind {
        RootKind::File => open_root(config).map(drop).map_err(|failure| failure.words),
        RootKind::Passphrase => Ok(()),
    }
}

/// How the configured store is opened.
pub fn store_options(config: &Config) -> SledOptions {
    SledOptions {
        cache_bytes: config.store.cache_bytes,
        free_bytes_min: config.store.free_bytes_min,
        ..SledOptions::new(&config.store.directory)
    }
}

/// Whether the store can be opened and has all its keys; the error says why not. A store that a server has open, and
/// one that the first start will make, are fine.
pub fn check_store(config: &Config) -> Result<(), String> {
    let directory = &config.store.directory;
    match std::fs::metadata(directory) {
        Ok(metadata) if metadata.is_dir() => {}
        Ok(_) => return Err(format!("{} is not a directory", directory.display())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(format!("cannot open {}: {error}", directory.display())),
    }
    let counts = Sled::open(store_options(config)).and_then(|store| store.count_check());
    match counts {
        Ok(Some((expected, found))) if expected != found => {
            Err(format!("{}: {found} keys are left of {expected}", directory.display()))
        }
        Ok(_) => Ok(()),
        Err(error) if error.to_string().contains("in use by another process") => Ok(()),
        Err(error) => Err(format!("{}: {error}", directory.display())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Commit, Store, Write};

    #[test]
    fn a_store_is_checked_unless_it_is_in_use() {
        let directory = tempfile::tempdir().unwrap();
        let mut config = Config::default();
        config.store.directory = directory.path().join("store");
        config.store.free_bytes_min = 0;
        assert_eq!(check_store(&config), Ok(()), "the first start makes it");
        let store = Sled::open(store_options(&config)).unwrap();
        let write = Write { key: b"k".to_vec(), value: Some(b"v".to_vec()) };
        let sequence = store.commit(Commit { writes: vec![write], ..Commit::default() }).unwrap();
        store.wait_durable(sequence).unwrap();
        assert_eq!(check_store(&config), Ok(()), "in use");
        drop(store);
        assert_eq!(check_store(&config), Ok(()));
        let file = config.store.directory.join("db");
        std::fs::remove_file(&file).unwrap();
        std::fs::create_dir(&file).unwrap();
        assert!(check_store(&config).is_err());
    }
}
