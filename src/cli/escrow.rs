//! `keyhaven root escrow` and `keyhaven root recover`: the root put by for the day when it is lost, and back from there.
//! A root in an HSM cannot leave it: then the namespace keys that it wraps are put by, and come back under a new root.

use std::path::{Path, PathBuf};

use clap::Args;

use super::Place;
use super::backup::{private_key, public_key};
use super::config::{Config, RootKind};
use super::failure::Failure;
use super::files;
use super::init::write_shares;
use super::seams::{collect_shares, entropy, open_root, store_options};
use crate::backup::ledger::epoch_of;
use crate::backup::namespace;
use crate::gate::open::{open_seal, rewrap};
use crate::store::Embedded;
use crate::vault::escrow::{Named, Sealed, from_shares, to_shares};
use crate::vault::root::{RootError, SoftRoot};

/// `keyhaven root escrow`.
#[derive(Debug, Args)]
pub struct EscrowArguments {
    #[command(flatten)]
    place: Place,
    /// The file to write, which must not exist. Shares are written beside it, into FILE.shares.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    #[command(flatten)]
    to: Recipient,
    /// With --shares: how many of them open the escrow.
    #[arg(long, value_name = "NUMBER", default_value_t = 3, requires = "shares")]
    threshold: u32,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Recipient {
    /// An RSA public key of 2048 bits or more, PEM.
    #[arg(long, value_name = "PEM")]
    to_rsa: Option<PathBuf>,
    /// How many shares to make.
    #[arg(long, value_name = "NUMBER")]
    shares: Option<u32>,
}

/// `keyhaven root recover`.
#[derive(Debug, Args)]
pub struct RecoverArguments {
    /// The escrow file.
    #[arg(long, value_name = "FILE")]
    from: PathBuf,
    #[command(flatten)]
    place: Place,
    /// The private key of an escrow to an RSA key, PEM.
    #[arg(long, value_name = "PEM")]
    recovery_private_key: Option<PathBuf>,
    /// A file with a share of an escrow in shares; may be given several times. Without it: the terminal.
    #[arg(long = "share-file", value_name = "FILE", conflicts_with = "recovery_private_key")]
    share_files: Vec<PathBuf>,
}

/// Puts the root by, and says what was done.
pub fn escrow(arguments: &EscrowArguments) -> Result<String, Failure> {
    let config = arguments.place.load()?;
    let out = &arguments.out;
    let recovery = match &arguments.to.to_rsa {
        Some(pem) => {
            let key = public_key(&files::read(pem)?);
            Some(key.map_err(|words| Failure::usage(format!("{}: {words}", pem.display())))?)
        }
        None => None,
    };
    let root = open_root(&config)?.root;
    let (keys, what) = match root.versions() {
        Some(mut keys) => {
            // Of a server that never started, the first epoch is made now: an escrow without its key would open no backup.
            epoch_of(&*root).map_err(failed)?;
            keys.extend(root.epochs().keys().map_err(failed)?.unwrap_or_default());
            (keys, "the root key and the keys of the ledger's epochs")
        }
        None => {
            let store = open_store(&config)?;
            let rows = namespace::rows(&store).map_err(failed)?;
            (namespace::open(&rows, &*root).map_err(failed)?, "the namespace keys")
        }
    };
    if keys.is_empty() {
        return Err(Failure::failed("the store is new: it has no keys to put by"));
    }
    match (recovery, arguments.to.shares) {
        (Some(key), _) => {
            Sealed::new(&keys, &key, entropy()).and_then(|sealed| sealed.write(out)).map_err(failed)?;
            Ok(format!("{} holds {what}; the private key of the RSA key opens it.", out.display()))
        }
        (None, Some(parts)) => {
            let shares = to_shares(out, &keys, (parts, arguments.threshold), entropy).map_err(failed)?;
            let mut directory = out.clone().into_os_string();
            directory.push(".shares");
            write_shares(Path::new(&directory), &shares)?;
            Ok(format!(
                "{} holds {what}; any {} of the {parts} shares in {} open it. Hand the shares out and delete them here.",
                out.display(),
                arguments.threshold,
                directory.display()
            ))
        }
        (None, None) => Err(Failure::usage("--to-rsa PEM or --shares NUMBER is needed")),
    }
}

/// Gets a root back, and says what was done.
pub fn recover(arguments: &RecoverArguments) -> Result<String, Failure> {
    let config = arguments.place.load()?;
    let path = &config.root.path;
    if path.exists() {
        return Err(Failure::failed(format!("{} exists and is not overwritten; move it away", path.display())));
    }
    let from = &arguments.from;
    let keys = match &arguments.recovery_private_key {
        Some(pem) => {
            let key = private_key(pem)?;
            Sealed::read(from).and_then(|sealed| sealed.open(&key, entropy()))
        }
        None => from_shares(from, &collect_shares(from, &arguments.share_files)?),
    };
    let keys = keys.map_err(|error| match error {
        RootError::Wrong => Failure::failed(format!("this key does not open {}, or it was altered", from.display())),
        error => failed(error),
    })?;
    let done = if keys.iter().any(|key| key.root_version().is_some()) {
        SoftRoot::recover_file(path, keys, entropy()).map_err(failed)?;
        prove(&config)?
    } else {
        under_a_new_root(&config, &keys)?
    };
    let kind = match config.root.kind {
        RootKind::File => String::new(),
        _ => " Set kind = \"file\" in section [root] of the configuration.".to_owned(),
    };
    Ok(format!("{} is a root key file of kind \"file\" now. {done}{kind}", path.display()))
}

/// Whether the root opens the store that is there; one that is not there yet can be restored.
fn prove(config: &Config) -> Result<&'static str, Failure> {
    if !config.store.directory.join("db").exists() {
        return Ok("There is no store here to try it on.");
    }
    let store = open_store(config)?;
    let root = SoftRoot::open_file(&config.root.path, entropy()).map_err(failed)?;
    open_seal(&store, &root).map_err(failed)?;
    Ok("It opens the store.")
}

/// Makes a root and wraps the namespace keys of the store with it.
fn under_a_new_root(config: &Config, keys: &[Named]) -> Result<&'static str, Failure> {
    let store = open_store(config)?;
    SoftRoot::create_file(&config.root.path, &*entropy()).map_err(failed)?;
    let root = SoftRoot::open_file(&config.root.path, entropy()).map_err(failed)?;
    rewrap(&store, namespace::wrap(keys, &root).map_err(failed)?).map_err(failed)?;
    open_seal(&store, &root).map_err(failed)?;
    Ok("It is new, and wraps the keys of the store; keys that were in the HSM itself are lost.")
}

fn open_store(config: &Config) -> Result<Embedded, Failure> {
    Embedded::open(store_options(config)).map_err(failed)
}

fn failed(error: impl std::fmt::Display) -> Failure {
    Failure::failed(error.to_string())
}
