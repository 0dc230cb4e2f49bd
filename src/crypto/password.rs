//! Passwords at rest: Argon2id hashes in PHC form.

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};

use super::{CryptoError, Result};

/// Longest password, in bytes: hashing is work, and a client may send what it likes.
pub const PASSWORD_BYTES_MAX: usize = 1024;

/// The hash to keep.
///
/// # Errors
/// `BadData` for a password that is empty or too long.
pub fn hash(password: &[u8]) -> Result<String> {
    if password.is_empty() || password.len() > PASSWORD_BYTES_MAX {
        return Err(CryptoError::BadData("a password has 1 to 1024 bytes"));
    }
    let hash = Argon2::default().hash_password(password);
    hash.map(|hash| hash.to_string()).map_err(|_| CryptoError::Provider("Argon2id"))
}

/// Whether the password is the one that was hashed. It takes the time of one hash, whatever the answer.
pub fn verify(hash: &str, password: &[u8]) -> bool {
    let Ok(hash) = PasswordHash::new(hash) else { return false };
    // One that is too long is hashed as far as it may be long, and wrong.
    let fits = password.len() <= PASSWORD_BYTES_MAX;
    let part = &password[..password.len().min(PASSWORD_BYTES_MAX)];
    Argon2::default().verify_password(part, &hash).is_ok() && fits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_knows_its_password() {
        let kept = hash(b"secret").unwrap();
        assert!(kept.starts_with("$argon2id$"));
        assert!(verify(&kept, b"secret"));
        assert!(!verify(&kept, b"Secret") && !verify(&kept, b"") && !verify("nonsense", b"secret"));
        assert_ne!(kept, hash(b"secret").unwrap());
        let longest = [b'x'; PASSWORD_BYTES_MAX];
        assert!(!verify(&hash(&longest).unwrap(), &[b'x'; PASSWORD_BYTES_MAX + 1]));
        assert!(hash(b"").is_err() && hash(&[b'x'; PASSWORD_BYTES_MAX + 1]).is_err());
    }
}
