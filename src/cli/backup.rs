//! `keyhaven backup` and `keyhaven restore`. A running server writes the backup itself, over its control socket; with the
//! server stopped, the command opens the store. Either way this command sees sealed frames and puts them into a file.

mod make;
mod restore;

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{PrivateKeyDer, SubjectPublicKeyInfoDer};
use serde_json::{Value as Json, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

pub use self::make::{PRODUCT, What, make, make_ledger, stamp, write};
pub use self::restore::{drill, restore, verify};
use super::Place;
use super::failure::Failure;
use super::files;
use crate::backup::BackupError;
use crate::crypto::formats::{Hint, Material, parse_private, parse_public};
use crate::crypto::keys::{PrivateKey, PublicKey};
use crate::crypto::rsa::{RsaPrivateKey, RsaPublicKey};
use crate::registry::KeyFormatType;

/// `keyhaven backup`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct BackupArguments {
    #[command(subcommand)]
    verb: Option<BackupCommand>,
    #[command(flatten)]
    place: Place,
    /// The file to write, which must not exist; a directory, where a file named by the time is made; or - for the standard
    /// output.
    #[arg(long, value_name = "FILE", required = true)]
    out: Option<PathBuf>,
    /// An RSA public key, PEM: whoever has its private key can open the backup without the root. The ledger copy opens in its
    /// epoch alone, unless --recovery-ledger is given.
    #[arg(long, value_name = "PEM")]
    recovery_key: Option<PathBuf>,
    /// The recovery key opens the ledger copy too. Such a copy outlives every roll: what is destroyed later comes back with it.
    #[arg(long, requires = "recovery_key")]
    recovery_ledger: bool,
    /// Print the report as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum BackupCommand {
    /// Read a backup to its end, and say whether it is whole and whether this root opens it.
    #[command(
        after_help = "Example:\n  keyhaven backup verify /var/backups/keyhaven-1.backup --data /var/lib/keyhaven"
    )]
    Verify {
        /// The backup.
        file: PathBuf,
        #[command(flatten)]
        opening: Opening,
    },
    /// Restore a backup into a temporary store, open every object in it, report, and remove the store.
    #[command(after_help = "Example:\n  keyhaven backup drill /var/backups/keyhaven-1.backup --data /var/lib/keyhaven")]
    Drill {
        /// The backup.
        file: PathBuf,
        /// Where the temporary store is made, instead of the system's directory for temporary files. It takes several times
        /// the room of the backup.
        #[arg(long, value_name = "DIR")]
        scratch: Option<PathBuf>,
        #[command(flatten)]
        opening: Opening,
    },
}

/// `keyhaven restore`.
#[derive(Debug, Args)]
pub struct RestoreArguments {
    /// The backup.
    #[arg(long, value_name = "FILE")]
    pub from: PathBuf,
    /// Read the backup and look at the directory, but write nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// The directory of a newer state of the same store, moved away: what is destroyed there stays destroyed.
    #[arg(long, value_name = "STORE")]
    pub destroyed_in: Option<PathBuf>,
    #[command(flatten)]
    pub opening: Opening,
}

/// What opens a backup, and how the outcome is told.
#[derive(Debug, Args)]
pub struct Opening {
    #[command(flatten)]
    pub place: Place,
    /// The ledger copy that goes with the backup; without it, the newest that fits, of those beside the backup and in the
    /// ledger directory.
    #[arg(long, value_name = "COPY")]
    pub ledger: Option<PathBuf>,
    /// The private half of the recovery key, PEM, for a backup whose root is lost: the root of --data then wraps the keys
    /// anew.
    #[arg(long, value_name = "PEM")]
    pub recovery_private_key: Option<PathBuf>,
    /// Print the report as JSON.
    #[arg(long)]
    pub json: bool,
}

/// Runs `keyhaven backup`.
pub fn run(arguments: BackupArguments) -> Result<(), Failure> {
    match arguments.verb {
        Some(BackupCommand::Verify { file, opening }) => verify(&file, &opening),
        Some(BackupCommand::Drill { file, scratch, opening }) => drill(&file, scratch.as_deref(), &opening),
        None => {
            let out = arguments.out.ok_or_else(|| Failure::usage("--out FILE is needed"))?;
            make(
                &arguments.place.load()?,
                &out,
                arguments.recovery_key.as_deref(),
                arguments.recovery_ledger,
                arguments.json,
            )
        }
    }
}

pub(super) fn fail(error: BackupError) -> Failure {
    Failure::failed(error.to_string())
}

fn open(path: &Path) -> Result<BufReader<File>, Failure> {
    let file = File::open(path).map_err(|error| Failure::usage(format!("cannot read {}: {error}", path.display())))?;
    Ok(BufReader::with_capacity(1 << 20, file))
}

/// An RSA public key from the text of a PEM file.
pub fn public_key(pem: &[u8]) -> Result<RsaPublicKey, String> {
    let der = SubjectPublicKeyInfoDer::from_pem_slice(pem).map_err(|_| "it holds no public key (BEGIN PUBLIC KEY)")?;
    match parse_public(KeyFormatType::X_509, Hint::default(), Material::Bytes(&der)) {
        Ok(PublicKey::Rsa(key)) => Ok(key),
        _ => Err("it is not an RSA key".into()),
    }
}

/// An RSA private key from a PEM file.
pub fn private_key(path: &Path) -> Result<RsaPrivateKey, Failure> {
    let pem = files::read(path)?;
    let fault = |words: &str| Failure::usage(format!("{}: {words}", path.display()));
    let der =
        PrivateKeyDer::from_pem_slice(&pem).map_err(|_| fault("it holds no private key that is not encrypted"))?;
    let format = match &der {
        PrivateKeyDer::Pkcs1(_) => KeyFormatType::PKCS_1,
        _ => KeyFormatType::PKCS_8,
    };
    match parse_private(format, Hint::default(), Material::Bytes(der.secret_der())) {
        Ok(PrivateKey::Rsa(key)) => Ok(*key),
        _ => Err(fault("it is not an RSA key")),
    }
}

/// Tells what a command did: words for a person, or all facts as JSON.
pub(super) fn tell(json: bool, words: &str, facts: &Json) {
    println!("{}", if json { facts.to_string() } else { words.to_owned() });
}

pub(super) fn now() -> String {
    OffsetDateTime::now_utc().format(&Rfc3339).unwrap_or_default()
}

/// Megabytes a second.
fn rate(bytes: u64, seconds: f64) -> f64 {
    (bytes as f64 / 1e5 / seconds.max(1e-3)).round() / 10.0
}

/// Counts what is read.
struct Counted<R> {
    inner: R,
    bytes: u64,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.bytes += count as u64;
        Ok(count)
    }
}

/// The facts of a finished reading or writing.
fn facts(id: &str, created: &str, bytes: u64, seconds: f64) -> Json {
    json!({
        "id": id,
        "created": created,
        "bytes": bytes,
        "seconds": (seconds * 1000.0).round() / 1000.0,
        "megabytes_per_second": rate(bytes, seconds),
    })
}
