//! Where the commands meet the rooms below: one small function for each thing a command needs from the server, the
//! vault, the store or the audit chain.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use zeroize::Zeroizing;

use super::config::{Config, HsmSettings, RootKind};
use super::failure::Failure;
use super::files;
use super::passphrase::{ask, passphrase, pin};
use crate::base::Entropy;
use crate::crypto::random::SystemEntropy;
use crate::gate::open::open_seal;
use crate::keep::Keep;
use crate::store::{Embedded, EmbeddedOptions};
use crate::vault::pkcs11::{Canary, Hsm, Pkcs11Root, RootFile};
use crate::vault::root::{Root, RootError, SoftRoot};
use crate::vault::shares::{self, Collector, Progress};

/// The root of a server, and the token it lies in.
pub struct Opened {
    /// The root.
    pub root: Arc<dyn Root>,
    /// The token of a root of kind `pkcs11`.
    pub hsm: Option<Arc<Hsm>>,
}

/// What `init` is told about a root beside its kind.
#[derive(Clone, Debug, Default)]
pub struct RootChoice {
    /// Of `pkcs11`.
    pub hsm: HsmSettings,
    /// Of `shares`: how many.
    pub shares: u32,
    /// Of `shares`: how many of them open the root.
    pub threshold: u32,
}

/// Makes the root and its file, which must not exist. Gives the texts of the shares, where there are any.
pub fn create_root(kind: RootKind, choice: &RootChoice, path: &Path) -> Result<Vec<Zeroizing<String>>, Failure> {
    let fail = |error: RootError| Failure::failed(error.to_string());
    match kind {
        RootKind::File => SoftRoot::create_file(path, &SystemEntropy).map_err(fail)?,
        RootKind::Passphrase => SoftRoot::create_passphrase(path, &SystemEntropy).map_err(fail)?,
        RootKind::Pkcs11 => {
            let hsm = open_hsm(&choice.hsm, None)?;
            Pkcs11Root::create(&hsm, path, &SystemEntropy).map_err(fail)?;
        }
        RootKind::Shares => return shares::create(path, choice.shares, choice.threshold, &SystemEntropy).map_err(fail),
    }
    Ok(Vec::new())
}

fn open_hsm(hsm: &HsmSettings, canary: Option<Canary>) -> Result<Hsm, Failure> {
    let settings = hsm.settings()?;
    Hsm::open(settings, &pin(hsm)?, canary).map_err(|error| Failure::failed(error.to_string()))
}

/// Opens the configured root; asks for a passphrase, a PIN or shares where they are needed. A token that is away is no
/// error here.
pub fn open_root(config: &Config) -> Result<Opened, Failure> {
    let entropy = Box::new(SystemEntropy);
    let path = &config.root.path;
    let fail = |error: RootError| Failure::failed(error.to_string());
    let soft = match config.root.kind {
        RootKind::File => SoftRoot::open_file(path, entropy).map_err(fail)?,
        RootKind::Passphrase => SoftRoot::open_passphrase(path, &passphrase(&config.root)?, entropy).map_err(fail)?,
        RootKind::Pkcs11 => {
            let file = RootFile::open(path).map_err(fail)?;
            let hsm = Arc::new(open_hsm(&config.hsm, Some(file.canary.clone()))?);
            let root = Arc::new(Pkcs11Root::new(Arc::clone(&hsm), path, file, entropy));
            return Ok(Opened { root, hsm: Some(hsm) });
        }
        RootKind::Shares => collect_shares(path, &[])?,
    };
    Ok(Opened { root: Arc::new(soft), hsm: None })
}

/// Shares from files, and what is missing from the terminal: for commands beside the server; the server itself is opened
/// by `keyhaven unseal`.
pub fn collect_shares(path: &Path, share_files: &[PathBuf]) -> Result<SoftRoot, Failure> {
    let mut collector = open_shares(path)?;
    for file in share_files {
        let text = files::read(file)?;
        let share = std::str::from_utf8(&text).unwrap_or_default().lines().next().unwrap_or_default();
        match collector.add(share, Box::new(SystemEntropy)) {
            Ok(Progress::Open(root)) => return Ok(root),
            Ok(Progress::Waiting(..)) => {}
            Err(error) => return Err(Failure::failed(format!("{}: {error}", file.display()))),
        }
    }
    if !std::io::stdin().is_terminal() {
        let (given, needed) = collector.progress();
        return Err(Failure::usage(format!(
            "{given} of {needed} shares of the root were given, and there is no terminal to ask at"
        )));
    }
    loop {
        let (given, needed) = collector.progress();
        let share = ask(&format!("Share {} of {needed}", given + 1))?;
        match collector.add(share.expose(), Box::new(SystemEntropy)) {
            Ok(Progress::Open(root)) => return Ok(root),
            Ok(Progress::Waiting(..)) => {}
            Err(error) => eprintln!("{error}"),
        }
    }
}

/// The collector of the shares of a root.
pub fn open_shares(path: &Path) -> Result<Collector, Failure> {
    Collector::open(path).map_err(|error| Failure::failed(error.to_string()))
}

/// The randomness that a root opened from shares uses.
pub fn entropy() -> Box<dyn Entropy> {
    Box::new(SystemEntropy)
}

/// Whether the root fits the configuration and, where no person is needed, can be opened; the error says why not. A
/// token is not touched: the server may have it open.
pub fn check_root(config: &Config) -> Result<(), String> {
    let path = &config.root.path;
    let found = SoftRoot::kind_of(path).map_err(|error| error.to_string())?;
    let configured = match config.root.kind {
        RootKind::File => "file",
        RootKind::Passphrase => "passphrase",
        RootKind::Pkcs11 => "pkcs11",
        RootKind::Shares => "shares",
    };
    if found != configured {
        return Err(format!("{} is a root of kind {found:?}, [root] kind is {configured:?}", path.display()));
    }
    match config.root.kind {
        RootKind::File => open_root(config).map(drop).map_err(|failure| failure.words),
        RootKind::Passphrase => Ok(()),
        RootKind::Pkcs11 => {
            RootFile::open(path).map_err(|error| error.to_string())?;
            config.hsm.settings().map_err(|failure| failure.words)?;
            match config.hsm.module.exists() {
                true => Ok(()),
                false => Err(format!("the PKCS#11 module {} does not exist", config.hsm.module.display())),
            }
        }
        RootKind::Shares => open_shares(path).map(drop).map_err(|failure| failure.words),
    }
}

/// How the configured store is opened.
pub fn store_options(config: &Config) -> EmbeddedOptions {
    EmbeddedOptions {
        engine: config.store.engine,
        cache_bytes: config.store.cache_bytes,
        free_bytes_min: config.store.free_bytes_min,
        ..EmbeddedOptions::new(&config.store.directory)
    }
}

/// The objects of a store that no server has open.
pub fn open_keep(config: &Config) -> Result<Keep, Failure> {
    let fail = |error: &dyn std::fmt::Display| Failure::failed(error.to_string());
    let root = open_root(config)?.root;
    let store = Embedded::open(store_options(config)).map_err(|error| fail(&error))?;
    let seal = open_seal(&store, &*root).map_err(|error| fail(&error))?;
    let seal = seal.ok_or_else(|| Failure::failed("the store is new: no server has used it yet"))?;
    Ok(Keep::new(Arc::new(store), Arc::new(seal), Arc::new(SystemEntropy)))
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
    let counts = Embedded::open(store_options(config)).and_then(|store| store.count_check());
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
        let store = Embedded::open(store_options(&config)).unwrap();
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
