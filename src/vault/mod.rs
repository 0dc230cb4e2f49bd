//! Room 4: key material and its use. Most keys are sealed records and are used in this process; a `KeyVault` holds the
//! others, whose material was made inside an HSM and never leaves it.

pub mod epoch;
pub mod escrow;
pub mod pkcs11;
pub mod root;
pub mod shares;

#[cfg(test)]
pub mod memory;
#[cfg(test)]
mod suite;
#[cfg(test)]
pub mod watched;

use std::fmt;

use self::pkcs11::HsmError;
pub use self::pkcs11::KeyId;
use crate::base::{Error, KeyBytes};
use crate::crypto::ec::{EcCurve, EcPublicKey};
use crate::crypto::keys::PublicKey;
use crate::crypto::mac::MacAlgorithm;
use crate::crypto::symmetric::BareCipher;
use crate::registry::{HashingAlgorithm, ResultReason};

/// A place where keys are made, used and destroyed without being seen. What a vault does not do, it says.
pub trait KeyVault: Send + Sync {
    /// Whether keys can be made here at all.
    fn offers_keys(&self) -> bool {
        false
    }

    /// Makes a key, or finds the one that an earlier, unfinished call made for the same `own` bytes. Blocks.
    fn generate(&self, _own: [u8; 16], _spec: ResidentSpec) -> Result<Generated, VaultError> {
        Err(VaultError::NotSupported("making keys"))
    }

    /// Brings a secret key in; it does not come out again. Blocks.
    fn import(&self, _own: [u8; 16], _spec: ResidentSpec, _material: &KeyBytes) -> Result<KeyId, VaultError> {
        Err(VaultError::NotSupported("bringing keys in"))
    }

    /// Uses a key. Blocks.
    fn perform(&self, _key: &KeyId, _task: Task<'_>) -> Result<Output, VaultError> {
        Err(VaultError::NotSupported("using keys"))
    }

    /// Destroys a key; one that is not there is a success. Blocks.
    fn erase(&self, _key: &KeyId) -> Result<(), VaultError> {
        Err(VaultError::NotSupported("destroying keys"))
    }

    /// Every key that was made here. Blocks.
    fn list(&self) -> Result<Vec<KeyId>, VaultError> {
        Ok(Vec::new())
    }
}

/// The vault of a server without an HSM.
#[derive(Clone, Copy, Default, Debug)]
pub struct NoVault;

impl KeyVault for NoVault {}

/// A key to make.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ResidentSpec {
    /// What kind.
    pub kind: ResidentKind,
    /// Whether another key of the vault may wrap it. It never leaves in the clear.
    pub wrappable: bool,
}

/// The kinds of keys that a vault may have.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ResidentKind {
    /// AES, length in bits.
    Aes(u32),
    /// HMAC, length in bits.
    Hmac(u32),
    /// RSA, length in bits; the public exponent is 65537.
    Rsa(u32),
    /// ECDSA and ECDH on a curve.
    Ec(EcCurve),
    /// Ed25519.
    Ed25519,
}

/// A key that was made.
#[derive(Debug)]
pub struct Generated {
    /// Its name in the vault.
    pub id: KeyId,
    /// The public half of a pair.
    pub public: Option<PublicKey>,
}

/// What to do with a key.
#[derive(Clone, Copy, Debug)]
pub enum Task<'a> {
    /// Encrypt data.
    Encrypt(&'a Cipher, &'a [u8]),
    /// Decrypt data.
    Decrypt(&'a Cipher, &'a [u8]),
    /// Sign a digest; with Ed25519 the data itself.
    Sign(Signature, &'a [u8]),
    /// Verify a signature, the last part, of the same.
    Verify(Signature, &'a [u8], &'a [u8]),
    /// A MAC of data.
    Mac(MacAlgorithm, &'a [u8]),
    /// The secret shared with another's public key on the same curve.
    Agree(&'a EcPublicKey),
    /// Wrap another key of the vault with this one: its bytes, of a private key its PKCS#8 form.
    Wrap(KeyWrap, &'a KeyId),
    /// Unwrap a secret key into the vault, for these own bytes.
    Unwrap(KeyWrap, [u8; 16], ResidentSpec, &'a [u8]),
}

/// Ways of encrypting.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Cipher {
    /// AES.
    Aes(BareCipher),
    /// RSA with PKCS#1 v1.5 padding.
    RsaPkcs1,
    /// RSA-OAEP.
    RsaOaep {
        /// Hash of the label.
        hash: HashingAlgorithm,
        /// Hash of the mask.
        mask_hash: HashingAlgorithm,
        /// The label.
        label: Vec<u8>,
    },
}

/// Ways of signing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Signature {
    /// RSA PKCS#1 v1.5, of a digest made with this hash.
    RsaPkcs1(HashingAlgorithm),
    /// RSA-PSS.
    RsaPss {
        /// Hash of the digest.
        hash: HashingAlgorithm,
        /// Hash of the mask.
        mask_hash: HashingAlgorithm,
        /// Length of the salt in bytes.
        salt_bytes: usize,
    },
    /// ECDSA of a digest of any length; the signature is r and s, each as long as the curve's order.
    Ecdsa,
    /// Ed25519 of the data itself.
    Ed25519,
}

/// Ways of wrapping one key with another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum KeyWrap {
    /// RFC 3394.
    Plain,
    /// RFC 5649.
    Padded,
}

/// What came of a task.
#[derive(Debug)]
pub enum Output {
    /// Bytes: a ciphertext, a plaintext, a signature, a MAC, a shared secret, a wrapped key.
    Bytes(KeyBytes),
    /// Whether a signature is right.
    Valid(bool),
    /// A new key of the vault.
    Key(KeyId),
}

/// A vault did not do what it was asked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum VaultError {
    /// It never does.
    NotSupported(&'static str),
    /// It holds as many keys as it may.
    Full,
    /// The HSM did not do it.
    Hsm(HsmError),
}

impl fmt::Display for VaultError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotSupported(what) => write!(f, "this vault does not do that: {what}"),
            Self::Full => f.write_str("the vault holds as many keys as it may"),
            Self::Hsm(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for VaultError {}

impl From<HsmError> for VaultError {
    fn from(error: HsmError) -> Self {
        Self::Hsm(error)
    }
}

impl From<VaultError> for Error {
    fn from(error: VaultError) -> Self {
        let (reason, public) = match &error {
            VaultError::NotSupported(what) => {
                let words = format!("the server's HSM does not do that: {what}");
                return Self::new(ResultReason::FeatureNotSupported, words).because(error);
            }
            VaultError::Full => (ResultReason::ServerLimitExceeded, "the server's HSM holds as many keys as it may"),
            VaultError::Hsm(error) if error.is_retryable() => {
                (ResultReason::GeneralFailure, "the server's HSM does not answer now; send the request again")
            }
            VaultError::Hsm(HsmError::Refused(_)) => {
                (ResultReason::CryptographicFailure, "the server's HSM refused the operation")
            }
            VaultError::Hsm(_) => (ResultReason::GeneralFailure, "the server's HSM failed; its log has the cause"),
        };
        Self::new(reason, public).because(error)
    }
}
