//! Users with passwords, for clients that send a KMIP credential beside their certificate: a file of names and
//! Argon2id hashes. It is small, changes rarely, and is replaced as a whole.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::failure::Failure;
use super::files::{self, SECRET};
use crate::base::Pin;

/// Longest user name, in characters.
const NAME_CHARS_MAX: usize = 256;
/// Longest password, in bytes: hashing is work, and a client may send what it likes.
const PASSWORD_BYTES_MAX: usize = 1024;

/// Names and password hashes.
#[derive(Debug)]
pub struct Users {
    path: PathBuf,
    content: Content,
    /// A hash of nothing anyone knows: unknown names cost as much time as known ones.
    decoy: String,
}

/// The file.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Content {
    /// Name to Argon2id hash in PHC form.
    users: BTreeMap<String, String>,
}

impl Users {
    /// Opens the file; one that does not exist has no users.
    pub fn open(path: &Path) -> Result<Self, Failure> {
        let content = if path.exists() {
            let text = files::read_text(path)?;
            toml::from_str(&text)
                .map_err(|error| Failure::usage(format!("{}: {}", path.display(), error.message().trim_end())))?
        } else {
            Content::default()
        };
        let mut nobody = Zeroizing::new([0; 32]);
        aws_lc_rs::rand::fill(&mut *nobody).map_err(|_| Failure::failed("the random number generator failed"))?;
        Ok(Self { path: path.into(), content, decoy: hash(&*nobody)? })
    }

    /// Whether the password is that of the user. An unknown name takes as long as a wrong password.
    pub fn verify(&self, name: &str, password: &Pin) -> bool {
        let known = self.content.users.get(name);
        let text = known.unwrap_or(&self.decoy);
        let bytes = password.expose().as_bytes();
        let Ok(hash) = PasswordHash::new(text) else {
            return false;
        };
        let matches = bytes.len() <= PASSWORD_BYTES_MAX && Argon2::default().verify_password(bytes, &hash).is_ok();
        matches && known.is_some()
    }

    /// The names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.content.users.keys().map(String::as_str)
    }

    /// Adds a user, or gives one a new password with `replace`, and writes the file.
    pub fn add(&mut self, name: &str, password: &Pin, replace: bool) -> Result<(), Failure> {
        let length = name.chars().count();
        if length == 0 || length > NAME_CHARS_MAX || name.chars().any(char::is_control) {
            return Err(Failure::usage(format!(
                "a user's name has 1 to {NAME_CHARS_MAX} characters, none of them a control character"
            )));
        }
        let bytes = password.expose().as_bytes();
        if bytes.is_empty() || bytes.len() > PASSWORD_BYTES_MAX {
            return Err(Failure::usage(format!("a password has 1 to {PASSWORD_BYTES_MAX} bytes")));
        }
        if !replace && self.content.users.contains_key(name) {
            return Err(Failure::failed(format!("the user {name:?} exists; --replace gives a new password")));
        }
        self.content.users.insert(name.into(), hash(bytes)?);
        self.write()
    }

    /// Removes a user and writes the file.
    pub fn remove(&mut self, name: &str) -> Result<(), Failure> {
        if self.content.users.remove(name).is_none() {
            return Err(Failure::failed(format!("there is no user {name:?}; `keyhaven user list` shows them")));
        }
        self.write()
    }

    fn write(&self) -> Result<(), Failure> {
        let text = toml::to_string(&self.content)
            .map_err(|error| Failure::failed(format!("cannot write {}: {error}", self.path.display())))?;
        files::replace(&self.path, text.as_bytes(), SECRET)
    }
}

/// Reads a password from the first line of a file.
pub fn read_password(path: &Path) -> Result<Pin, Failure> {
    let bytes = files::read(path)?;
    let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    std::str::from_utf8(line)
        .map(|line| Pin::new(line.into()))
        .map_err(|_| Failure::usage(format!("{} is not text in UTF-8", path.display())))
}

fn hash(password: &[u8]) -> Result<String, Failure> {
    Argon2::default()
        .hash_password(password)
        .map(|hash| hash.to_string())
        .map_err(|error| Failure::failed(format!("cannot hash the password: {error}")))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn users_come_and_go() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("users.toml");
        let pin = |text: &str| Pin::new(text.into());
        let mut users = Users::open(&path).unwrap();
        users.add("alice", &pin("secret"), false).unwrap();
        users.add("b o.b", &pin("other"), false).unwrap();
        assert!(users.add("alice", &pin("new"), false).is_err());
        assert!(users.add("", &pin("x"), false).is_err());
        assert!(users.add("x", &pin(""), false).is_err());

        let mut users = Users::open(&path).unwrap();
        assert_eq!(users.names().collect::<Vec<_>>(), ["alice", "b o.b"]);
        assert!(users.verify("alice", &pin("secret")));
        assert!(!users.verify("alice", &pin("other")));
        assert!(!users.verify("carol", &pin("secret")));
        users.add("alice", &pin("new"), true).unwrap();
        assert!(users.verify("alice", &pin("new")));
        users.remove("alice").unwrap();
        assert!(users.remove("alice").is_err());
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(fs::read_to_string(&path).unwrap().contains("$argon2id$"));
    }

    #[test]
    fn a_password_is_the_first_line() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("p");
        fs::write(&path, "pass word \r\nsecond\n").unwrap();
        assert_eq!(read_password(&path).unwrap().expose(), "pass word ");
    }
}
