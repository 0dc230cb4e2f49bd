//! The first two lines of a backup.

use std::io::Read;

use base64ct::{Base64, Encoding};
use serde::{Deserialize, Serialize};

use super::lineage::Lineage;
use super::lines::{FileKind, Lines, hash, hex};
use super::{BackupError, ID_BYTES, KEY_BYTES, namespace};
use crate::base::{Entropy, KeyBytes};
use crate::crypto::rsa::{RsaPrivateKey, RsaPublicKey};
use crate::gate::open::{OpenError, open_seal};
use crate::keep::seal::{Class, Seal};
use crate::store::{Commit, CommitError, Memory, Store, StoreError, Write};
use crate::vault::escrow::{Named, Sealed};
use crate::vault::root::Root;

/// A backup.
const KIND: FileKind = FileKind { magic: "keyhaven-backup ", format: 2, other: || BackupError::NotABackup };
/// The first format that leaves the ledger out.
const WITHOUT_LEDGER: u32 = 2;

/// What a backup says of itself in clear. Every frame is bound to it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Header {
    /// Who made it: name and version.
    pub product: String,
    /// When it was begun, RFC 3339.
    pub created: String,
    /// Names this backup, in hexadecimal.
    pub id: String,
    /// The commit that was the last one when it was begun; all up to it are in the backup.
    pub begun_at: u64,
    /// How many keys the store had then, long values counted by their pieces: for the progress bar.
    pub pieces: u64,
    /// Which store it is of, and in which of its lives; of nothing in format 1.
    #[serde(default)]
    pub lineage: Lineage,
    /// The kind of the root.
    pub root: String,
    /// The version of the root that wraps the namespace keys.
    pub root_version: Option<u32>,
    /// The places of the namespace keys and the keys as the root wrapped them, base64.
    pub namespace: Vec<(String, String)>,
    /// The key of this backup, sealed under the namespace key, base64.
    pub key: String,
    /// The namespace keys for a recovery key, if one was given.
    pub recovery: Option<Recovery>,
    /// The format of the file, which its first line says.
    #[serde(skip)]
    pub format: u32,
}

/// What an RSA recovery key opens.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Recovery {
    /// SHA-256 of the modulus of the RSA key, in hexadecimal: which key it is.
    pub recipient: String,
    /// The key that it decrypts, base64.
    pub key: String,
    /// The namespace keys below that, base64.
    pub payload: String,
}

/// What a backup is opened with.
pub struct Key<'a> {
    /// The root of the store that is to be: the one that the backup was made with, or any if there is a recovery key.
    pub root: &'a dyn Root,
    /// The recovery key, for a backup whose root is lost.
    pub recovery: Option<&'a RsaPrivateKey>,
    /// Randomness for what is wrapped anew.
    pub entropy: &'a dyn Fn() -> Box<dyn Entropy>,
}

/// An opened header.
pub struct Opened {
    /// The seal of the store.
    pub seal: Seal,
    /// The key of the frames.
    pub key: KeyBytes,
    /// The namespace keys, wrapped by the root that opened them or is to open them from now on.
    pub namespace: Vec<Write>,
}

impl Recovery {
    /// Seals the namespace keys to an RSA key.
    ///
    /// # Errors
    /// The key is too short, or randomness fails.
    pub fn new(keys: &[Named], to: &RsaPublicKey, entropy: Box<dyn Entropy>) -> Result<Self, BackupError> {
        let sealed = Sealed::new(keys, to, entropy)?;
        let base64 = Base64::encode_string;
        Ok(Self { recipient: recipient(to), key: base64(&sealed.key), payload: base64(&sealed.payload) })
    }

    /// Opens them.
    ///
    /// # Errors
    /// `Refused` for another RSA key, or if anything was altered.
    pub fn open(&self, key: &RsaPrivateKey, entropy: Box<dyn Entropy>) -> Result<Vec<Named>, BackupError> {
        if recipient(key.public()) != self.recipient {
            return Err(BackupError::Refused("the file was made for another recovery key"));
        }
        let sealed = Sealed { key: bytes(&self.key)?, payload: bytes(&self.payload)? };
        sealed.open(key, entropy).map_err(|_| BackupError::Refused("the recovery part of the file was altered"))
    }
}

impl Header {
    /// Makes the key of a new backup and seals it. `facts` has everything else.
    ///
    /// # Errors
    /// Randomness fails.
    pub fn seal_key(facts: Self, seal: &Seal, entropy: &dyn Entropy) -> Result<(Self, KeyBytes), BackupError> {
        let mut id = [0; ID_BYTES];
        entropy.fill(&mut id)?;
        let id = hex(&id);
        let key = KeyBytes::fill(KEY_BYTES, |bytes| entropy.fill(bytes))?;
        let sealed = seal.seal(Class::Server, &place(&id), 0, key.expose(), entropy)?;
        Ok((Self { id, key: Base64::encode_string(&sealed), format: KIND.format, ..facts }, key))
    }

    /// The namespace rows as the header keeps them.
    pub fn encode_rows(rows: &[namespace::Wrapped]) -> Vec<(String, String)> {
        rows.iter().map(|(place, key)| (Base64::encode_string(place), Base64::encode_string(key))).collect()
    }

    /// The two lines.
    ///
    /// # Errors
    /// None that happens: the header is plain data.
    pub fn encode(&self) -> Result<Vec<u8>, BackupError> {
        KIND.encode(self)
    }

    /// Reads the two lines; gives the header and its hash, to which the frames are bound.
    ///
    /// # Errors
    /// `NotABackup`, `Newer`, or reading fails.
    pub fn read(from: &mut dyn Read) -> Result<(Self, [u8; 32]), BackupError> {
        let Lines { header, format, bound } = KIND.read::<Self>(from)?;
        Ok((Self { format, ..header }, bound))
    }

    /// Whether the secrets of the objects are in a ledger copy. In format 1 they are in the backup itself, those too of
    /// objects that were destroyed later.
    pub fn needs_ledger(&self) -> bool {
        self.format >= WITHOUT_LEDGER
    }

    /// Opens the backup.
    ///
    /// # Errors
    /// `Closed` for another root, `Recovery` for another recovery key.
    pub fn open(&self, with: &Key<'_>) -> Result<Opened, BackupError> {
        let namespace = match (with.recovery, &self.recovery) {
            (None, _) => {
                let row = |(place, key): &(String, String)| Ok(Write { key: bytes(place)?, value: Some(bytes(key)?) });
                self.namespace.iter().map(row).collect::<Result<Vec<_>, BackupError>>()?
            }
            (Some(key), Some(recovery)) => namespace::wrap(&recovery.open(key, (with.entropy)())?, with.root)?,
            (Some(_), None) => return Err(BackupError::Refused("the backup was made without a recovery key")),
        };
        if namespace.iter().any(|row| !row.key.starts_with(&namespace::prefix())) {
            return Err(BackupError::Altered(0));
        }
        let closed = |error| BackupError::Closed(self.root.clone(), self.root_version, error);
        // The rows as a store of their own: opened as the store of a server is.
        let keys = Memory::new();
        keys.commit(Commit { writes: namespace.clone(), ..Commit::default() }).map_err(|error| match error {
            CommitError::Store(error) => error,
            CommitError::Conflict | CommitError::Busy => StoreError::plain("the namespace keys cannot be read"),
        })?;
        let seal = open_seal(&keys, with.root).map_err(closed)?;
        let none = || OpenError::from(StoreError::plain("it has no namespace key"));
        let seal = seal.ok_or_else(none).map_err(closed)?;
        let key = seal.open(Class::Server, &place(&self.id), &bytes(&self.key)?);
        let key = key.map_err(|_| BackupError::Altered(0))?.into();
        Ok(Opened { seal, key, namespace })
    }
}

/// Which RSA key it is.
fn recipient(key: &RsaPublicKey) -> String {
    hex(&hash(key.modulus()))
}

/// What the sealed key of a backup is bound to.
fn place(id: &str) -> Vec<u8> {
    format!("backup/{id}").into_bytes()
}

/// Bytes as a header has them.
pub(super) fn bytes(base64: &str) -> Result<Vec<u8>, BackupError> {
    Base64::decode_vec(base64).map_err(|_| BackupError::NotABackup)
}
