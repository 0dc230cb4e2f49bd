//! The root key: it wraps the namespace keys and nothing else. Here are the roots without an HSM: a key in a file
//! that only the server's user can read, and a key derived from a passphrase. The store stays closed until the root
//! is opened.

use std::fmt;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use aes_gcm::aead::{AeadInOut, KeyInit};
use aes_gcm::{Aes256Gcm, Nonce, Tag};
use argon2::{Algorithm, Argon2, Params};
use base64ct::{Base64, Encoding};
use zeroize::{Zeroize, Zeroizing};

use crate::base::{Entropy, EntropyFailed, KeyBytes, Pin};

const KEY_BYTES: usize = 32;
const NONCE_BYTES: usize = 12;
const TAG_BYTES: usize = 16;
const SALT_BYTES: usize = 16;
const MAGIC: &str = "keyhaven-root 1";

/// Memory of one Argon2id derivation, in KiB: RFC 9106's second recommendation, for a server that starts rarely.
const ARGON2_KIB: u32 = 64 * 1024;
/// Passes over that memory.
const ARGON2_PASSES: u32 = 3;
/// Lanes.
const ARGON2_LANES: u32 = 4;

/// What wraps the namespace keys.
pub trait Root: Send + Sync {
    /// What kind of root this is, for the log and `/metrics`: `file`, `passphrase`, `pkcs11`, `shares`.
    fn kind(&self) -> &'static str;

    /// Wraps a namespace key. `purpose` is bound to the result.
    fn wrap(&self, key: &KeyBytes, purpose: &[u8]) -> Result<Vec<u8>, RootError>;

    /// Unwraps what `wrap` made for the same purpose.
    fn unwrap(&self, wrapped: &[u8], purpose: &[u8]) -> Result<KeyBytes, RootError>;
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
    /// Argon2id refused its parameters.
    Derivation(argon2::Error),
}

impl fmt::Display for RootError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path, error) => write!(f, "root key file {}: {error}", path.display()),
            Self::Format(path, fault) => write!(f, "root key file {}: {fault}", path.display()),
            Self::Wrong => f.write_str(
                "the root key does not open this store: another passphrase or another root key file belongs to it",
            ),
            Self::Entropy(error) => error.fmt(f),
            Self::Derivation(error) => write!(f, "deriving the root key: {error}"),
        }
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
    cipher: Aes256Gcm,
    entropy: Box<dyn Entropy>,
}

impl fmt::Debug for SoftRoot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SoftRoot({})", self.kind)
    }
}

impl SoftRoot {
    /// A root from its 32 bytes.
    pub fn from_key(kind: &'static str, key: &KeyBytes, entropy: Box<dyn Entropy>) -> Result<Self, RootError> {
        let cipher = Aes256Gcm::new_from_slice(key.expose()).map_err(|_| RootError::Wrong)?;
        Ok(Self { kind, cipher, entropy })
    }

    /// Makes a new root key in a file that only its owner can read. An existing file is not touched.
    pub fn create_file(path: &Path, entropy: &dyn Entropy) -> Result<(), RootError> {
        let key = KeyBytes::fill(KEY_BYTES, |bytes| entropy.fill(bytes))?;
        let text = Zeroizing::new(format!("{MAGIC} file\n{}\n", *encode(key.expose())));
        write_new(path, &text)
    }

    /// Makes a root that a passphrase opens: the file holds salt and parameters, no key.
    pub fn create_passphrase(path: &Path, entropy: &dyn Entropy) -> Result<(), RootError> {
        let mut salt = [0; SALT_BYTES];
        entropy.fill(&mut salt)?;
        let text = format!(
            "{MAGIC} passphrase\n{} {ARGON2_KIB} {ARGON2_PASSES} {ARGON2_LANES}\n",
            Base64::encode_string(&salt)
        );
        write_new(path, &text)
    }

    /// What kind of root the file describes: `file` or `passphrase`.
    pub fn kind_of(path: &Path) -> Result<&'static str, RootError> {
        let text = read(path)?;
        match text.lines().next().and_then(|line| line.strip_prefix(MAGIC)).map(str::trim) {
            Some("file") => Ok("file"),
            Some("passphrase") => Ok("passphrase"),
            _ => Err(RootError::Format(path.into(), "the first line is not `keyhaven-root 1 file` or `… passphrase`")),
        }
    }

    /// Opens a root of kind `file`.
    pub fn open_file(path: &Path, entropy: Box<dyn Entropy>) -> Result<Self, RootError> {
        let text = read(path)?;
        let line = second_line(path, &text)?;
        let key = decode(line).filter(|key| key.len() == KEY_BYTES);
        let key = key.ok_or_else(|| RootError::Format(path.into(), "the second line is not 32 bytes in base64"))?;
        Self::from_key("file", &key, entropy)
    }

    /// Opens a root of kind `passphrase`. Whether the passphrase is right shows when a key is unwrapped.
    pub fn open_passphrase(path: &Path, passphrase: &Pin, entropy: Box<dyn Entropy>) -> Result<Self, RootError> {
        let text = read(path)?;
        let fault = || RootError::Format(path.into(), "the second line is not `salt memory passes lanes`");
        let fields: Vec<&str> = second_line(path, &text)?.split_whitespace().collect();
        let [salt, memory, passes, lanes] = fields[..] else { return Err(fault()) };
        let salt = Base64::decode_vec(salt).map_err(|_| fault())?;
        let number = |text: &str| text.parse::<u32>().map_err(|_| fault());
        let params = Params::new(number(memory)?, number(passes)?, number(lanes)?, Some(KEY_BYTES));
        let argon2 = Argon2::new(Algorithm::Argon2id, argon2::Version::V0x13, params.map_err(RootError::Derivation)?);
        let key = KeyBytes::fill(KEY_BYTES, |key| {
            argon2.hash_password_into(passphrase.expose().as_bytes(), &salt, key).map_err(RootError::Derivation)
        })?;
        Self::from_key("passphrase", &key, entropy)
    }
}

impl Root for SoftRoot {
    fn kind(&self) -> &'static str {
        self.kind
    }

    /// Nonce, ciphertext, tag. Namespace keys are few, so a random nonce is safe.
    fn wrap(&self, key: &KeyBytes, purpose: &[u8]) -> Result<Vec<u8>, RootError> {
        let mut wrapped = vec![0; NONCE_BYTES];
        self.entropy.fill(&mut wrapped)?;
        let nonce = Nonce::try_from(wrapped.as_slice()).map_err(|_| RootError::Wrong)?;
        wrapped.extend_from_slice(key.expose());
        let tag = self
            .cipher
            .encrypt_inout_detached(&nonce, purpose, (&mut wrapped[NONCE_BYTES..]).into())
            .map_err(|_| RootError::Wrong)?;
        wrapped.extend_from_slice(&tag);
        Ok(wrapped)
    }

    fn unwrap(&self, wrapped: &[u8], purpose: &[u8]) -> Result<KeyBytes, RootError> {
        let (nonce, rest) = wrapped.split_at_checked(NONCE_BYTES).ok_or(RootError::Wrong)?;
        let (cut, tag) = rest.len().checked_sub(TAG_BYTES).map(|at| rest.split_at(at)).ok_or(RootError::Wrong)?;
        let nonce = Nonce::try_from(nonce).map_err(|_| RootError::Wrong)?;
        let tag = Tag::try_from(tag).map_err(|_| RootError::Wrong)?;
        KeyBytes::fill(cut.len(), |plain| {
            plain.copy_from_slice(cut);
            self.cipher.decrypt_inout_detached(&nonce, purpose, plain.into(), &tag).map_err(|_| RootError::Wrong)
        })
    }
}

fn encode(bytes: &[u8]) -> Zeroizing<String> {
    Zeroizing::new(Base64::encode_string(bytes))
}

fn decode(text: &str) -> Option<KeyBytes> {
    Base64::decode_vec(text).ok().map(KeyBytes::new)
}

fn read(path: &Path) -> Result<Zeroizing<String>, RootError> {
    std::fs::read_to_string(path).map(Zeroizing::new).map_err(|error| RootError::File(path.into(), error))
}

fn second_line<'a>(path: &Path, text: &'a str) -> Result<&'a str, RootError> {
    text.lines().nth(1).ok_or_else(|| RootError::Format(path.into(), "the second line is missing"))
}

/// Writes a new file for its owner alone and makes it durable.
fn write_new(path: &Path, text: &str) -> Result<(), RootError> {
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
