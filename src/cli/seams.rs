//! Where the commands meet the rooms below: one small function for each thing a command needs from the server, the
//! vault, the store or the audit chain.

use std::io::Write;
use std::path::Path;

use super::config::{Config, RootKind};
use super::failure::Failure;
use super::passphrase::passphrase;
use crate::base::{Entropy, EntropyFailed};
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

/// Whether the store can be opened and holds together; the error says why not.
pub fn check_store(config: &Config) -> Result<(), String> {
    match std::fs::metadata(&config.store.directory) {
        Ok(metadata) if !metadata.is_dir() => Err(format!("{} is not a directory", config.store.directory.display())),
        Ok(_) => Ok(()),
        // The first start makes it.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(format!("cannot open {}: {error}", config.store.directory.display())),
    }
}

/// Serves until told to stop. `ready` is called once, when the listeners are open.
pub fn serve(config: &Config, ready: Box<dyn FnOnce() + Send>) -> Result<(), Failure> {
    let _ = (config, ready);
    Err(Failure::failed("this build of keyhaven has no server in it"))
}

/// Follows the audit chain from its first record to its head; the answer is a line for the operator.
pub fn audit_verify(config: &Config) -> Result<String, Failure> {
    let _ = config;
    Err(Failure::failed("this build of keyhaven has no audit chain in it"))
}

/// Writes the audit chain as JSON, one record a line.
pub fn audit_export(config: &Config, to: &mut dyn Write) -> Result<(), Failure> {
    let _ = (config, to);
    Err(Failure::failed("this build of keyhaven has no audit chain in it"))
}
