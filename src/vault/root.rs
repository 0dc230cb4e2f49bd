//! The root key: it wraps the namespace keys and the keys of epochs, and nothing else. Here are the roots without an HSM: a
//! key in a file that only the server's user can read, and a key derived from a passphrase. The store stays closed until
//! the root is opened.

use std::fmt;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use aes_gcm::aead::{AeadInOut, KeyInit};
use aes_gcm::{Aes256Gcm, Nonce, Tag};
use argon2::{Algorithm, Argon2, Params};
use base64ct::{Base64, Encoding};
use zeroize::{Zeroize, Zeroizing};

use super::epoch::{self, EpochFile, Epochs};
use super::escrow::Named;
use super::pkcs11::HsmError;
use super::shares;
use crate::base::{Entropy, EntropyFailed, KeyBytes, Pin};

/// Begins the line of an escrow file for shares that holds what is put by; the rest of the file describes a root.
pub(super) const ESCROW: &str = "escrow ";
const KEY_BYTES: usize = 32;
const NONCE_BYTES: usize = 12;
const TAG_BYTES: usize = 16;
const SALT_BYTES: usize = 16;
/// Begins a wrapped key, before its version.
const MARK: [u8; 2] = [b'S', 1];
/// Length of a wrapped key of the first release, which had neither.
const FIRST_BYTES: usize = NONCE_BYTES + KEY_BYTES + TAG_BYTES;
pub(super) const MAGIC: &str = "keyhaven-root 1";

/// Memory of one Argon2id derivation, in KiB: RFC 9106's second recommendation, for a server that starts rarely.
const ARGON2_KIB: u32 = 64 * 1024;
/// Passes over that memory.
const ARGON2_PASSES: u32 = 3;
/// Lanes.
const ARGON2_LANES: u32 = 4;

/// What wraps the namespace keys.
pub trait Root: Send + Sync {
    /// The epochs of the ledger, whose keys only this root holds or opens.
    fn epochs(&self) -> &dyn Epochs;

    /// What kind of root this is, for the log and `/metrics`: `file`, `passphrase`, `pkcs11`, `shares`.
    fn kind(&self) -> &'static str;

    /// Wraps a namespace key. `purpose` is bound to the result.
    fn wrap(&self, key: &KeyBytes, purpose: &[u8]) -> Result<Vec<u8>, RootError>;

    /// Unwraps what `wrap` made for the same purpose.
    fn unwrap(&self, wrapped: &[u8], purpose: &[u8]) -> Result<KeyBytes, RootError>;

    /// Mixes randomness of the root's own into a new key, where it has any.
    fn mixed(&self, key: KeyBytes) -> Result<KeyBytes, RootError> {
        Ok(key)
    }

    /// The version that wraps now, from 1.
    fn version(&self) -> u32;

    /// The version that a key was wrapped with; None if that cannot be told.
    fn version_of(&self, wrapped: &[u8]) -> Option<u32>;

    /// Makes the next version, which wraps from now on. The versions before go on unwrapping.
    fn advance(&self, renewal: &Renewal) -> Result<Advanced, RootError>;

    /// A version has wrapped everything: the versions before it are put out of use, and those after it, which never
    /// wrapped anything, are forgotten.
    fn settle(&self, version: u32, old: Old) -> Result<(), RootError>;

    /// The versions themselves, to be put by. None for a root that never leaves where it is.
    fn versions(&self) -> Option<Vec<Named>> {
        None
    }
}

/// What the next version of a root is made of.
#[derive(Debug)]
pub enum Renewal {
    /// A new key: of `file` and `pkcs11`.
    Key,
    /// A new salt for this passphrase, which may be the one of before: of `passphrase`.
    Passphrase(Pin),
    /// A new key in so many shares, of which a threshold opens it: of `shares`.
    Shares {
        /// How many shares.
        parts: u32,
        /// How many of them open the root.
        threshold: u32,
    },
}

/// A version that was made.
#[derive(Debug)]
pub struct Advanced {
    /// Its number.
    pub version: u32,
    /// Of a root in shares, the text of each. They are nowhere else.
    pub shares: Vec<Zeroizing<String>>,
}

/// What becomes of old versions in an HSM. Anywhere else they are destroyed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Old {
    /// They wrap no more, and go on unwrapping: a backup of the store from before can still be opened.
    Deactivate,
    /// They are destroyed.
    Destroy,
}

/// The root could not be made, opened or used.
#[derive(Debug)]
pub enum RootError {
    /// The file could not be read or written.
    File(PathBuf, std::io::Error),
    /// The file is not a root key file of this release.
    Format(PathBuf, &'static str),
    /// The passphrase is not the one the root was made with, or the wrapped key was altered.
    Wrong,
    /// The random number generator failed.
    Entropy(EntropyFailed),
    /// What is wrapped needs another version than the ones that are open.
    Version(u32),
    /// The key of this epoch of the ledger is not here, or no more.
    Epoch(u32),
    /// Argon2id refused its parameters.
    Derivation(argon2::Error),
    /// The HSM did not do it.
    Hsm(HsmError),
    /// This kind of root cannot do it.
    Unsupported(&'static str),
}

impl fmt::Display for RootError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path, error) => write!(f, "root key file {}: {error}", path.display()),
            Self::Format(path, fault) => write!(f, "root key file {}: {fault}", path.display()),
            Self::Wrong => f.write_str(
                "the root key does not open this store: another passphrase or another root key file belongs to it",
            ),
            Self::Version(version) => write!(
                f,
                "this store needs version {version} of the root; after a rotation that was cut off, give the passphrase \
                 or the shares of that version"
            ),
            Self::Epoch(number) => {
                write!(f, "the key of epoch {number} of the ledger is not here: it was destroyed by a roll")
            }
            Self::Entropy(error) => error.fmt(f),
            Self::Derivation(error) => write!(f, "deriving the root key: {error}"),
            Self::Hsm(error) => error.fmt(f),
            Self::Unsupported(words) => f.write_str(words),
        }
    }
}

impl RootError {
    /// Whether the same may succeed later without anybody's help.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Hsm(error) if error.is_retryable())
    }
}

impl From<HsmError> for RootError {
    fn from(error: HsmError) -> Self {
        Self::Hsm(error)
    }
}

impl std::error::Error for RootError {}

impl From<EntropyFailed> for RootError {
    fn from(error: EntropyFailed) -> Self {
        Self::Entropy(error)
    }
}

/// A root key in the memory of the server.
pub struct SoftRoot {
    kind: &'static str,
    /// The versions, rising; the last one wraps.
    keys: RwLock<Vec<Version>>,
    /// The root file; None for a root that has none.
    path: Option<PathBuf>,
    epochs: EpochFile,
    entropy: Box<dyn Entropy>,
}

/// One version of a root key.
struct Version {
    number: u32,
    cipher: Aes256Gcm,
    /// For the file, when the root is rotated.
    key: KeyBytes,
    /// What the file says instead, of a version whose key does not lie there.
    facts: Option<String>,
}

impl Version {
    fn new(number: u32, key: KeyBytes) -> Result<Self, RootError> {
        let cipher = Aes256Gcm::new_from_slice(key.expose()).map_err(|_| RootError::Wrong)?;
        Ok(Self { number, cipher, key, facts: None })
    }

    /// A version of which the file says these facts alone.
    fn of_facts(number: u32, key: KeyBytes, facts: String) -> Result<Self, RootError> {
        Ok(Self { facts: Some(facts), ..Self::new(number, key)? })
    }

    /// Mark, version, nonce, ciphertext, tag. What a version wraps are few keys, so a random nonce is safe.
    fn wrap(&self, key: &KeyBytes, purpose: &[u8], entropy: &dyn Entropy) -> Result<Vec<u8>, RootError> {
        let mut wrapped = MARK.to_vec();
        wrapped.extend_from_slice(&self.number.to_be_bytes());
        let aad = [&wrapped, purpose].concat();
        let mut nonce = [0; NONCE_BYTES];
        entropy.fill(&mut nonce)?;
        wrapped.extend_from_slice(&nonce);
        let at = wrapped.len();
        wrapped.extend_from_slice(key.expose());
        let tag = self
            .cipher
            .encrypt_inout_detached(&Nonce::from(nonce), &aad, (&mut wrapped[at..]).into())
            .map_err(|_| RootError::Wrong)?;
        wrapped.extend_from_slice(&tag);
        Ok(wrapped)
    }

    fn unwrap(&self, wrapped: &[u8], purpose: &[u8]) -> Result<KeyBytes, RootError> {
        let at = if wrapped.len() == FIRST_BYTES { 0 } else { MARK.len() + 4 };
        let (head, rest) = wrapped.split_at_checked(at).ok_or(RootError::Wrong)?;
        let aad = [head, purpose].concat();
        let (nonce, rest) = rest.split_at_checked(NONCE_BYTES).ok_or(RootError::Wrong)?;
        let (cut, tag) = rest.len().checked_sub(TAG_BYTES).map(|at| rest.split_at(at)).ok_or(RootError::Wrong)?;
        let nonce = Nonce::try_from(nonce).map_err(|_| RootError::Wrong)?;
        let tag = Tag::try_from(tag).map_err(|_| RootError::Wrong)?;
        KeyBytes::fill(cut.len(), |plain| {
            plain.copy_from_slice(cut);
            self.cipher.decrypt_inout_detached(&nonce, &aad, plain.into(), &tag).map_err(|_| RootError::Wrong)
        })
    }
}

/// The version that a key says it was wrapped with.
fn version_of(wrapped: &[u8]) -> Option<u32> {
    if wrapped.len() == FIRST_BYTES {
        return Some(1);
    }
    let number = wrapped.strip_prefix(&MARK)?.get(..4)?;
    number.try_into().ok().map(u32::from_be_bytes)
}

impl fmt::Debug for SoftRoot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SoftRoot({})", self.kind)
    }
}

impl SoftRoot {
    /// A root from its 32 bytes.
    pub fn from_key(kind: &'static str, key: &KeyBytes, entropy: Box<dyn Entropy>) -> Result<Self, RootError> {
        let only = Version::new(1, KeyBytes::copy_from(key.expose()))?;
        Ok(Self::with(kind, vec![only], None, entropy))
    }

    fn with(kind: &'static str, keys: Vec<Version>, path: Option<&Path>, entropy: Box<dyn Entropy>) -> Self {
        let epochs = EpochFile::of_root(path);
        Self { kind, keys: RwLock::new(keys), path: path.map(Path::to_owned), epochs, entropy }
    }

    /// Makes a new root key in a file that only its owner can read. An existing file is not touched.
    pub fn create_file(path: &Path, entropy: &dyn Entropy) -> Result<(), RootError> {
        let key = KeyBytes::fill(KEY_BYTES, |bytes| entropy.fill(bytes))?;
        let text = Zeroizing::new(format!("{MAGIC} file\n{}\n", *encode(key.expose())));
        write_new(path, &text)
    }

    /// Writes a root of kind `file` from versions that were put by, whatever kind of root they were of, and the keys of the
    /// epochs that were put by with them. An existing file is not touched.
    ///
    /// # Errors
    /// `Wrong` if there is no version of a root among the keys.
    pub fn recover_file(path: &Path, keys: Vec<Named>, entropy: Box<dyn Entropy>) -> Result<(), RootError> {
        let (epochs, keys): (Vec<_>, Vec<_>) = keys.into_iter().partition(|named| named.epoch_number().is_some());
        let versions = keys.into_iter().filter_map(|named| Some((named.root_version()?, named.key)));
        let mut versions = versions.map(|(number, key)| Version::new(number, key)).collect::<Result<Vec<_>, _>>()?;
        versions.sort_by_key(|version| version.number);
        if versions.is_empty() {
            return Err(RootError::Wrong);
        }
        write_new(path, &file_text("file", &versions))?;
        let root = Self::with("file", versions, Some(path), entropy);
        let line = |named: Named| {
            let number = named.epoch_number().unwrap_or_default();
            Ok((number, root.wrap(&named.key, &epoch::purpose(number))?))
        };
        let lines = epochs.into_iter().map(line).collect::<Result<Vec<_>, RootError>>()?;
        if lines.is_empty() { Ok(()) } else { root.epochs.put(&lines) }
    }

    /// Makes a root that a passphrase opens: the file holds salt and parameters, no key.
    pub fn create_passphrase(path: &Path, entropy: &dyn Entropy) -> Result<(), RootError> {
        write_new(path, &format!("{MAGIC} passphrase\n{}\n", derivation(entropy)?))
    }

    /// What kind of root the file describes: `file`, `passphrase`, `pkcs11` or `shares`.
    pub fn kind_of(path: &Path) -> Result<&'static str, RootError> {
        let text = read(path)?;
        match text.lines().next().and_then(|line| line.strip_prefix(MAGIC)).map(str::trim) {
            Some("file") => Ok("file"),
            Some("passphrase") => Ok("passphrase"),
            Some("pkcs11") => Ok("pkcs11"),
            Some("shares") => Ok("shares"),
            _ => Err(RootError::Format(path.into(), "the first line is not `keyhaven-root 1 file` or `… passphrase`")),
        }
    }

    /// Opens a root of kind `file`: a line for each version, its number and the key; the first release wrote no number.
    pub fn open_file(path: &Path, entropy: Box<dyn Entropy>) -> Result<Self, RootError> {
        let text = read(path)?;
        second_line(path, &text)?;
        let fault = || RootError::Format(path.into(), "the lines are not a version and 32 bytes in base64");
        let mut keys: Vec<Version> = Vec::new();
        for line in text.lines().skip(1) {
            let (number, key) = line.split_once(' ').unwrap_or(("1", line));
            let number = number.parse().map_err(|_| fault())?;
            let rising = keys.last().is_none_or(|before| before.number < number);
            let key = decode(key).filter(|key| key.len() == KEY_BYTES && rising).ok_or_else(fault)?;
            keys.push(Version::new(number, key)?);
        }
        Ok(Self::with("file", keys, Some(path), entropy))
    }

    /// Opens a root of kind `passphrase`: a line for each version, its number and how its key is derived; the first release
    /// wrote no number. Whether the passphrase is right shows when a key is unwrapped.
    pub fn open_passphrase(path: &Path, passphrase: &Pin, entropy: Box<dyn Entropy>) -> Result<Self, RootError> {
        let text = read(path)?;
        second_line(path, &text)?;
        let fault = || RootError::Format(path.into(), "the lines are not `version salt memory passes lanes`");
        let mut keys = Vec::new();
        for (number, facts) in versions(&text, DERIVATION_FIELDS).ok_or_else(fault)? {
            let key = derive(&facts, passphrase)?.ok_or_else(fault)?;
            keys.push(Version::of_facts(number, key, facts)?);
        }
        Ok(Self::with("passphrase", keys, Some(path), entropy))
    }

    /// A version of a root of kind `shares`, whose key was put together.
    pub(super) fn of_shares(
        path: &Path,
        number: u32,
        key: KeyBytes,
        facts: String,
        entropy: Box<dyn Entropy>,
    ) -> Result<Self, RootError> {
        Ok(Self::with("shares", vec![Version::of_facts(number, key, facts)?], Some(path), entropy))
    }

    /// The next version, and its shares.
    fn next(&self, number: u32, renewal: &Renewal) -> Result<(Version, Vec<Zeroizing<String>>), RootError> {
        match (self.kind, renewal) {
            ("file", Renewal::Key) => {
                let key = KeyBytes::fill(KEY_BYTES, |bytes| self.entropy.fill(bytes))?;
                Ok((Version::new(number, key)?, Vec::new()))
            }
            ("passphrase", Renewal::Passphrase(passphrase)) => {
                let facts = derivation(&*self.entropy)?;
                let key = derive(&facts, passphrase)?.ok_or(RootError::Wrong)?;
                Ok((Version::of_facts(number, key, facts)?, Vec::new()))
            }
            ("shares", Renewal::Shares { parts, threshold }) => {
                let made = shares::make(*parts, *threshold, &*self.entropy)?;
                Ok((Version::of_facts(number, made.key, made.facts)?, made.shares))
            }
            _ => Err(RootError::Unsupported("this kind of root is renewed with other things than were given")),
        }
    }
}

/// Fields of a line that says how a key is derived: salt, memory, passes, lanes.
const DERIVATION_FIELDS: usize = 4;

/// How a new key is to be derived.
fn derivation(entropy: &dyn Entropy) -> Result<String, RootError> {
    let mut salt = [0; SALT_BYTES];
    entropy.fill(&mut salt)?;
    Ok(format!("{} {ARGON2_KIB} {ARGON2_PASSES} {ARGON2_LANES}", Base64::encode_string(&salt)))
}

/// Derives a key as a line says; None if it says something else.
fn derive(facts: &str, passphrase: &Pin) -> Result<Option<KeyBytes>, RootError> {
    let fields: Vec<&str> = facts.split_whitespace().collect();
    let [salt, memory, passes, lanes] = fields[..] else { return Ok(None) };
    let Ok(salt) = Base64::decode_vec(salt) else { return Ok(None) };
    let (Ok(memory), Ok(passes), Ok(lanes)) = (memory.parse(), passes.parse(), lanes.parse()) else { return Ok(None) };
    let params = Params::new(memory, passes, lanes, Some(KEY_BYTES)).map_err(RootError::Derivation)?;
    let argon2 = Argon2::new(Algorithm::Argon2id, argon2::Version::V0x13, params);
    let key = KeyBytes::fill(KEY_BYTES, |key| {
        argon2.hash_password_into(passphrase.expose().as_bytes(), &salt, key).map_err(RootError::Derivation)
    })?;
    Ok(Some(key))
}

/// The lines of a root file after its first: number and facts of each version, rising. The first release wrote no number.
pub(super) fn versions(text: &str, fields: usize) -> Option<Vec<(u32, String)>> {
    let mut versions: Vec<(u32, String)> = Vec::new();
    for line in text.lines().skip(1).filter(|line| !line.starts_with(ESCROW)) {
        let (number, facts) = match line.split_whitespace().count() {
            count if count == fields => (1, line),
            count if count == fields + 1 => {
                let (number, facts) = line.split_once(' ')?;
                (number.parse().ok()?, facts)
            }
            _ => return None,
        };
        if versions.last().is_some_and(|(before, _)| *before >= number) {
            return None;
        }
        versions.push((number, facts.to_owned()));
    }
    (!versions.is_empty()).then_some(versions)
}

impl Root for SoftRoot {
    fn kind(&self) -> &'static str {
        self.kind
    }

    fn epochs(&self) -> &dyn Epochs {
        self
    }

    fn wrap(&self, key: &KeyBytes, purpose: &[u8]) -> Result<Vec<u8>, RootError> {
        self.keys().last().ok_or(RootError::Wrong)?.wrap(key, purpose, &*self.entropy)
    }

    fn unwrap(&self, wrapped: &[u8], purpose: &[u8]) -> Result<KeyBytes, RootError> {
        let number = self.version_of(wrapped).ok_or(RootError::Wrong)?;
        let keys = self.keys();
        keys.iter().find(|one| one.number == number).ok_or(RootError::Version(number))?.unwrap(wrapped, purpose)
    }

    fn version(&self) -> u32 {
        self.keys().last().map_or(1, |version| version.number)
    }

    fn version_of(&self, wrapped: &[u8]) -> Option<u32> {
        version_of(wrapped)
    }

    fn advance(&self, renewal: &Renewal) -> Result<Advanced, RootError> {
        // A key is derived for a good while, and wrapping goes on meanwhile.
        let number = self.version() + 1;
        let (version, shares) = self.next(number, renewal)?;
        let mut keys = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        keys.push(version);
        if let Err(error) = self.write(&keys) {
            keys.pop();
            return Err(error);
        }
        Ok(Advanced { version: number, shares })
    }

    fn settle(&self, version: u32, _: Old) -> Result<(), RootError> {
        let mut keys = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        let stays = keys.iter().find(|one| one.number == version).ok_or(RootError::Version(version))?;
        // The keys of the epochs change over first: of the versions that go, nothing may be left that needs them.
        self.wrap_epochs_with(stays, &keys)?;
        keys.retain(|one| one.number == version);
        if self.path.is_some() { self.write(&keys) } else { Ok(()) }
    }

    fn versions(&self) -> Option<Vec<Named>> {
        let copy = |version: &Version| Named::root(version.number, KeyBytes::copy_from(version.key.expose()));
        Some(self.keys().iter().map(copy).collect())
    }
}

impl Epochs for SoftRoot {
    fn living(&self) -> Result<Vec<u32>, RootError> {
        Ok(self.epochs.lines()?.iter().map(|(epoch, _)| *epoch).collect())
    }

    fn begin(&self) -> Result<u32, RootError> {
        let mut lines = self.epochs.lines()?;
        let next = lines.last().map_or(1, |(epoch, _)| epoch + 1);
        let key = KeyBytes::fill(KEY_BYTES, |bytes| self.entropy.fill(bytes))?;
        lines.push((next, self.wrap(&key, &epoch::purpose(next))?));
        self.epochs.put(&lines)?;
        Ok(next)
    }

    fn wrap_in(&self, epoch: u32, key: &KeyBytes, purpose: &[u8]) -> Result<Vec<u8>, RootError> {
        self.epoch(epoch)?.wrap(key, purpose, &*self.entropy)
    }

    fn unwrap_in(&self, epoch: u32, wrapped: &[u8], purpose: &[u8]) -> Result<KeyBytes, RootError> {
        let own = self.epoch(epoch)?;
        if version_of(wrapped) != Some(epoch) {
            return Err(RootError::Wrong);
        }
        own.unwrap(wrapped, purpose)
    }

    fn end_before(&self, epoch: u32) -> Result<(), RootError> {
        let mut lines = self.epochs.lines()?;
        if !lines.iter().any(|(number, _)| *number == epoch) {
            return Err(RootError::Epoch(epoch));
        }
        let before = lines.len();
        lines.retain(|(number, _)| *number >= epoch);
        if lines.len() == before { self.epochs.bury() } else { self.epochs.put(&lines) }
    }

    fn keys(&self) -> Result<Option<Vec<Named>>, RootError> {
        let open = |(number, wrapped): (u32, Vec<u8>)| {
            Ok(Named::epoch(number, self.unwrap(&wrapped, &epoch::purpose(number))?))
        };
        self.epochs.lines()?.into_iter().map(open).collect::<Result<_, _>>().map(Some)
    }
}

impl SoftRoot {
    /// The key of an epoch, as what wraps.
    fn epoch(&self, number: u32) -> Result<Version, RootError> {
        let lines = self.epochs.lines()?;
        let (_, wrapped) = lines.iter().find(|(one, _)| *one == number).ok_or(RootError::Epoch(number))?;
        Version::new(number, self.unwrap(wrapped, &epoch::purpose(number))?)
    }

    /// Wraps the keys of the epochs with one version of the root, where another one did.
    fn wrap_epochs_with(&self, version: &Version, open: &[Version]) -> Result<(), RootError> {
        self.epochs.bury()?;
        let mut lines = self.epochs.lines()?;
        if lines.iter().all(|(_, wrapped)| version_of(wrapped) == Some(version.number)) {
            return Ok(());
        }
        for (number, wrapped) in &mut lines {
            let by = version_of(wrapped).ok_or(RootError::Wrong)?;
            let by = open.iter().find(|one| one.number == by).ok_or(RootError::Version(by))?;
            let purpose = epoch::purpose(*number);
            *wrapped = version.wrap(&by.unwrap(wrapped, &purpose)?, &purpose, &*self.entropy)?;
        }
        self.epochs.put(&lines)
    }
}

/// The text of a root file with these versions.
fn file_text(kind: &str, keys: &[Version]) -> Zeroizing<String> {
    let mut text = Zeroizing::new(format!("{MAGIC} {kind}\n"));
    text.reserve(160 * keys.len());
    for version in keys {
        text.push_str(&format!("{} ", version.number));
        match &version.facts {
            Some(facts) => text.push_str(facts),
            None => text.push_str(&encode(version.key.expose())),
        }
        text.push('\n');
    }
    text
}

impl SoftRoot {
    fn keys(&self) -> RwLockReadGuard<'_, Vec<Version>> {
        self.keys.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts the versions, and nothing else, into the root file.
    fn write(&self, keys: &[Version]) -> Result<(), RootError> {
        let path = self.path.as_ref().ok_or(RootError::Unsupported("this root has no file and cannot be rotated"))?;
        if keys.len() == 1 && read(path)?.lines().count() == 2 {
            // It has one version already, perhaps in the form of the first release.
            return Ok(());
        }
        replace(path, &file_text(self.kind, keys))
    }
}

fn encode(bytes: &[u8]) -> Zeroizing<String> {
    Zeroizing::new(Base64::encode_string(bytes))
}

fn decode(text: &str) -> Option<KeyBytes> {
    Base64::decode_vec(text).ok().map(KeyBytes::new)
}

pub(super) fn read(path: &Path) -> Result<Zeroizing<String>, RootError> {
    std::fs::read_to_string(path).map(Zeroizing::new).map_err(|error| RootError::File(path.into(), error))
}

fn second_line<'a>(path: &Path, text: &'a str) -> Result<&'a str, RootError> {
    text.lines().nth(1).ok_or_else(|| RootError::Format(path.into(), "the second line is missing"))
}

/// Writes a new file for its owner alone and makes it durable.
pub(super) fn write_new(path: &Path, text: &str) -> Result<(), RootError> {
    let fail = |error| RootError::File(path.into(), error);
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path).map_err(fail)?;
    let mut bytes = text.as_bytes().to_vec();
    let outcome = file.write_all(&bytes).and_then(|()| file.sync_all());
    bytes.zeroize();
    outcome.map_err(fail)
}

/// Puts a new text in the place of a file, whole or not at all.
pub(super) fn replace(path: &Path, text: &str) -> Result<(), RootError> {
    let fail = |error| RootError::File(path.into(), error);
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    let new = PathBuf::from(name);
    // What an unfinished run left was never in force.
    if let Err(error) = std::fs::remove_file(&new)
        && error.kind() != std::io::ErrorKind::NotFound
    {
        return Err(fail(error));
    }
    write_new(&new, text)?;
    std::fs::rename(&new, path).map_err(fail)?;
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::File::open(directory).and_then(|directory| directory.sync_all()).map_err(fail)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed;

    impl Entropy for Fixed {
        fn fill(&self, buffer: &mut [u8]) -> Result<(), EntropyFailed> {
            buffer.fill(0x5A);
            Ok(())
        }
    }

    #[test]
    fn a_file_root_opens_what_it_wrapped_and_nothing_else() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("root.key");
        SoftRoot::create_file(&path, &Fixed).unwrap();
        assert!(
            matches!(SoftRoot::create_file(&path, &Fixed), Err(RootError::File(..))),
            "an old root is never overwritten"
        );
        assert_eq!(SoftRoot::kind_of(&path).unwrap(), "file");
        let root = SoftRoot::open_file(&path, Box::new(Fixed)).unwrap();
        let wrapped = root.wrap(&KeyBytes::copy_from(&[1; 32]), b"namespace 1").unwrap();
        let again = SoftRoot::open_file(&path, Box::new(Fixed)).unwrap();
        assert_eq!(again.unwrap(&wrapped, b"namespace 1").unwrap().expose(), [1; 32]);
        assert!(matches!(again.unwrap(&wrapped, b"namespace 2"), Err(RootError::Wrong)));
        assert!(matches!(again.unwrap(&wrapped[..20], b"namespace 1"), Err(RootError::Wrong)));
    }

    #[test]
    fn a_rotated_root_opens_what_its_versions_wrapped() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("root.key");
        SoftRoot::create_file(&path, &Fixed).unwrap();
        let root = SoftRoot::open_file(&path, Box::new(Fixed)).unwrap();
        let key = KeyBytes::copy_from(&[1; 32]);
        let first = root.wrap(&key, b"n").unwrap();
        assert_eq!(root.advance(&Renewal::Key).unwrap().version, 2);
        let second = root.wrap(&key, b"n").unwrap();
        assert_eq!((root.version_of(&first), root.version_of(&second)), (Some(1), Some(2)));
        let again = SoftRoot::open_file(&path, Box::new(Fixed)).unwrap();
        assert!(again.unwrap(&first, b"n").is_ok() && again.unwrap(&second, b"n").is_ok());
        assert!(again.settle(3, Old::Destroy).is_err(), "a version that is not there cannot be the one that wraps");
        again.settle(2, Old::Destroy).unwrap();
        let again = SoftRoot::open_file(&path, Box::new(Fixed)).unwrap();
        assert!(again.unwrap(&first, b"n").is_err());
        assert!(again.unwrap(&second, b"n").is_ok());
        assert!(matches!(again.unwrap(&first, b"n"), Err(RootError::Version(1))));
    }

    #[test]
    fn an_epoch_ends_and_what_it_wrapped_opens_no_more() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("root.key");
        SoftRoot::create_file(&path, &Fixed).unwrap();
        let open = || SoftRoot::open_file(&path, Box::new(crate::crypto::random::SystemEntropy)).unwrap();
        let root = open();
        let epochs = root.epochs();
        assert!(epochs.living().unwrap().is_empty());
        let key = KeyBytes::copy_from(&[1; 32]);
        assert!(matches!(epochs.wrap_in(1, &key, b"copy"), Err(RootError::Epoch(1))));
        assert_eq!(epochs.begin().unwrap(), 1);
        let first = epochs.wrap_in(1, &key, b"copy").unwrap();
        assert_eq!(open().epochs().unwrap_in(1, &first, b"copy").unwrap().expose(), [1; 32]);
        assert!(matches!(epochs.unwrap_in(1, &first, b"other"), Err(RootError::Wrong)));
        assert_eq!(epochs.begin().unwrap(), 2);
        assert_eq!(epochs.living().unwrap(), [1, 2], "the older one lives until it is ended");
        assert!(epochs.unwrap_in(1, &first, b"copy").is_ok());
        assert!(matches!(epochs.unwrap_in(2, &first, b"copy"), Err(RootError::Wrong)));
        assert!(matches!(epochs.end_before(3), Err(RootError::Epoch(3))));
        epochs.end_before(2).unwrap();
        epochs.end_before(2).unwrap();
        assert_eq!(open().epochs().living().unwrap(), [2]);
        assert!(matches!(open().epochs().unwrap_in(1, &first, b"copy"), Err(RootError::Epoch(1))));
        assert_eq!(epochs.begin().unwrap(), 3, "a number is not used again");
    }

    /// Cut off between the commit under the new version and the end of the old one, or before that commit: the keys of the
    /// epochs open with whichever version stays.
    #[test]
    fn epochs_outlive_a_rotation_of_the_root() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("root.key");
        SoftRoot::create_file(&path, &Fixed).unwrap();
        let open = || SoftRoot::open_file(&path, Box::new(crate::crypto::random::SystemEntropy)).unwrap();
        let root = open();
        root.epochs().begin().unwrap();
        let key = KeyBytes::copy_from(&[1; 32]);
        let wrapped = root.epochs().wrap_in(1, &key, b"copy").unwrap();
        for stays in [2, 2, 3] {
            root.advance(&Renewal::Key).unwrap();
            // An epoch that began while there were two versions is under the newer one.
            let last = root.epochs().begin().unwrap();
            let newer = root.epochs().wrap_in(last, &key, b"copy").unwrap();
            assert!(open().epochs().unwrap_in(1, &wrapped, b"copy").is_ok());
            open().settle(stays, Old::Destroy).unwrap();
            let again = open();
            assert_eq!(again.version(), stays);
            assert!(again.epochs().unwrap_in(1, &wrapped, b"copy").is_ok());
            assert!(again.epochs().unwrap_in(last, &newer, b"copy").is_ok());
            root.settle(stays, Old::Destroy).unwrap();
        }
    }

    #[test]
    fn a_passphrase_root_takes_another_passphrase() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("root");
        SoftRoot::create_passphrase(&path, &Fixed).unwrap();
        let open = |text: &str| SoftRoot::open_passphrase(&path, &Pin::new(text.into()), Box::new(Fixed)).unwrap();
        let root = open("old");
        let key = KeyBytes::copy_from(&[1; 32]);
        let first = root.wrap(&key, b"n").unwrap();
        assert!(root.advance(&Renewal::Key).is_err(), "a passphrase is needed");
        assert_eq!(root.advance(&Renewal::Passphrase(Pin::new("new".into()))).unwrap().version, 2);
        let second = root.wrap(&key, b"n").unwrap();
        // Cut off here: either passphrase opens what it wrapped.
        assert!(open("old").unwrap(&first, b"n").is_ok() && open("new").unwrap(&second, b"n").is_ok());
        assert!(open("new").unwrap(&first, b"n").is_err() && open("old").unwrap(&second, b"n").is_err());
        root.settle(2, Old::Destroy).unwrap();
        assert!(open("new").unwrap(&second, b"n").is_ok());
        assert!(open("old").unwrap(&first, b"n").is_err());
    }

    /// What the first release wrote: no version in the file, none in the wrapped key.
    #[test]
    fn the_first_form_still_opens() {
        let cipher = Aes256Gcm::new_from_slice(&[0x5A; 32]).unwrap();
        let mut first = vec![7; 12];
        first.extend_from_slice(&[1; 32]);
        let nonce = Nonce::from([7; 12]);
        let tag = cipher.encrypt_inout_detached(&nonce, b"n", (&mut first[12..]).into()).unwrap();
        first.extend_from_slice(&tag);
        let root = SoftRoot::from_key("file", &KeyBytes::copy_from(&[0x5A; 32]), Box::new(Fixed)).unwrap();
        assert_eq!(root.unwrap(&first, b"n").unwrap().expose(), [1; 32]);
    }

    #[test]
    fn a_passphrase_root_needs_its_passphrase() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("root");
        SoftRoot::create_passphrase(&path, &Fixed).unwrap();
        let open = |text: &str| SoftRoot::open_passphrase(&path, &Pin::new(text.into()), Box::new(Fixed)).unwrap();
        let wrapped = open("right").wrap(&KeyBytes::copy_from(&[1; 32]), b"n").unwrap();
        assert_eq!(open("right").unwrap(&wrapped, b"n").unwrap().expose(), [1; 32]);
        assert!(matches!(open("wrong").unwrap(&wrapped, b"n"), Err(RootError::Wrong)));
    }

    #[test]
    fn a_damaged_file_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("root");
        std::fs::write(&path, "keyhaven-root 1 file\nshort\n").unwrap();
        assert!(matches!(SoftRoot::open_file(&path, Box::new(Fixed)), Err(RootError::Format(..))));
        std::fs::write(&path, "something\n").unwrap();
        assert!(matches!(SoftRoot::kind_of(&path), Err(RootError::Format(..))));
    }
}
