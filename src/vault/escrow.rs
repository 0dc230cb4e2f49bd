//! Keys put by for the day when the root is lost: a random key seals them, and that key is encrypted to an RSA key or split
//! into shares. What can be put by is a root that is a key in memory (file, passphrase, shares), version by version, or,
//! for a root that never leaves its HSM, the namespace keys that it wraps.

use std::path::Path;

use base64ct::{Base64, Encoding};
use zeroize::Zeroizing;

use super::root::{ESCROW, Root, RootError, SoftRoot, read, replace, write_new};
use super::shares::{self, Collector};
use crate::base::{Entropy, KeyBytes};
use crate::crypto::CryptoError;
use crate::crypto::rsa::{RsaEncryption, RsaPrivateKey, RsaPublicKey, SoftwareRsa};
use crate::registry::HashingAlgorithm;

/// First line of a file that an RSA key opens.
const MAGIC: &str = "keyhaven-escrow 1 rsa";
/// What the sealed keys are bound to.
const PURPOSE: &[u8] = b"keyhaven escrow";
/// Shortest RSA key, bits: what RFC 8017 calls current, and what aws-lc-rs decrypts with.
const RSA_BITS_MIN: usize = 2048;
const KEY_BYTES: usize = 32;
/// Begins the name of a version of the root.
const ROOT: &[u8] = b"root/";
/// Begins the name of the key of an epoch.
const EPOCH: &[u8] = b"epoch/";

/// A key and what it is: a version of the root, the key of an epoch, or the place of a namespace key in the store.
pub struct Named {
    /// `root/` and the version, `epoch/` and the number, or the place.
    pub name: Vec<u8>,
    /// The key.
    pub key: KeyBytes,
}

impl Named {
    /// A version of the root.
    pub fn root(version: u32, key: KeyBytes) -> Self {
        Self { name: [ROOT, &version.to_be_bytes()].concat(), key }
    }

    /// The key of an epoch.
    pub fn epoch(number: u32, key: KeyBytes) -> Self {
        Self { name: [EPOCH, &number.to_be_bytes()].concat(), key }
    }

    /// The version of the root that this is; None for other keys.
    pub fn root_version(&self) -> Option<u32> {
        self.name.strip_prefix(ROOT)?.try_into().ok().map(u32::from_be_bytes)
    }

    /// The epoch whose key this is; None for other keys.
    pub fn epoch_number(&self) -> Option<u32> {
        self.name.strip_prefix(EPOCH)?.try_into().ok().map(u32::from_be_bytes)
    }
}

/// Keys that an RSA key opens.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sealed {
    /// The random key, encrypted with OAEP (SHA-256).
    pub key: Vec<u8>,
    /// The keys, under the random key.
    pub payload: Vec<u8>,
}

impl Sealed {
    /// Seals keys to an RSA key of at least 2048 bits.
    ///
    /// # Errors
    /// The RSA key is too short, or randomness fails.
    pub fn new(keys: &[Named], to: &RsaPublicKey, entropy: Box<dyn Entropy>) -> Result<Self, RootError> {
        if to.bits() < RSA_BITS_MIN {
            return Err(RootError::Unsupported("a recovery key must be RSA of 2048 bits or more"));
        }
        let own = KeyBytes::fill(KEY_BYTES, |bytes| entropy.fill(bytes))?;
        let key = to.encrypt(OAEP, own.expose()).map_err(provider)?;
        let payload = SoftRoot::from_key("escrow", &own, entropy)?.wrap(&encode(keys), PURPOSE)?;
        Ok(Self { key, payload })
    }

    /// Opens them.
    ///
    /// # Errors
    /// `Wrong` for another RSA key, or if anything was altered.
    pub fn open(&self, with: &RsaPrivateKey, entropy: Box<dyn Entropy>) -> Result<Vec<Named>, RootError> {
        let own = with.decrypt(OAEP, &self.key, SoftwareRsa::Refuse).map_err(|_| RootError::Wrong)?;
        decode(&SoftRoot::from_key("escrow", &own, entropy)?.unwrap(&self.payload, PURPOSE)?).ok_or(RootError::Wrong)
    }

    /// Writes a file, which must not exist.
    ///
    /// # Errors
    /// The file is there, or the disk fails.
    pub fn write(&self, path: &Path) -> Result<(), RootError> {
        let line = Base64::encode_string;
        write_new(path, &format!("{MAGIC}\n{}\n{}\n", line(&self.key), line(&self.payload)))
    }

    /// Reads such a file.
    ///
    /// # Errors
    /// `Format` for any other file.
    pub fn read(path: &Path) -> Result<Self, RootError> {
        let text = read(path)?;
        let fault = || RootError::Format(path.into(), "it is not an escrow file for an RSA key");
        let [MAGIC, key, payload] = text.lines().collect::<Vec<_>>()[..] else { return Err(fault()) };
        let line = |text: &str| Base64::decode_vec(text).map_err(|_| fault());
        Ok(Self { key: line(key)?, payload: line(payload)? })
    }
}

const OAEP: RsaEncryption<'_> =
    RsaEncryption::Oaep { hash: HashingAlgorithm::SHA_256, mask_hash: HashingAlgorithm::SHA_256, label: PURPOSE };

/// Seals keys under a key that is split into shares, and writes a file, which must not exist. Any `threshold` of the
/// shares open the file; it alone, or the shares alone, say nothing.
///
/// # Errors
/// The numbers make no sense, the file is there, or the disk fails.
pub fn to_shares(
    path: &Path,
    keys: &[Named],
    (parts, threshold): (u32, u32),
    entropy: impl Fn() -> Box<dyn Entropy>,
) -> Result<Vec<Zeroizing<String>>, RootError> {
    let shares = shares::create(path, parts, threshold, &*entropy())?;
    let mut collector = Collector::open(path)?;
    let mut opened = None;
    for share in shares.iter().take(threshold as usize) {
        if let Ok(shares::Progress::Open(root)) = collector.add(share, entropy()) {
            opened = Some(root);
        }
    }
    let sealed = opened.ok_or(RootError::Wrong)?.wrap(&encode(keys), PURPOSE)?;
    let facts = read(path)?;
    replace(path, &format!("{}{ESCROW}{}\n", *facts, Base64::encode_string(&sealed)))?;
    Ok(shares)
}

/// Opens what `to_shares` wrote, with the root that a `Collector` made of the shares.
///
/// # Errors
/// `Format` for another file, `Wrong` if it was altered.
pub fn from_shares(path: &Path, opened: &SoftRoot) -> Result<Vec<Named>, RootError> {
    let text = read(path)?;
    let fault = || RootError::Format(path.into(), "it is not an escrow file for shares");
    let sealed = text.lines().find_map(|line| line.strip_prefix(ESCROW));
    let sealed = sealed.and_then(|line| Base64::decode_vec(line).ok()).ok_or_else(fault)?;
    decode(&opened.unwrap(&sealed, PURPOSE)?).ok_or(RootError::Wrong)
}

fn provider(error: CryptoError) -> RootError {
    match error {
        CryptoError::BadData(words) => RootError::Unsupported(words),
        _ => RootError::Unsupported("the recovery key cannot encrypt"),
    }
}

/// Names and keys, each with its length in two bytes before it.
fn encode(keys: &[Named]) -> KeyBytes {
    let parts = || keys.iter().flat_map(|named| [&named.name[..], named.key.expose()]);
    let mut bytes = Vec::with_capacity(parts().map(|part| 2 + part.len()).sum());
    for part in parts() {
        bytes.extend_from_slice(&(part.len() as u16).to_be_bytes());
        bytes.extend_from_slice(part);
    }
    KeyBytes::new(bytes)
}

fn decode(bytes: &KeyBytes) -> Option<Vec<Named>> {
    let mut rest = bytes.expose();
    let mut part = || {
        let (length, after) = rest.split_first_chunk::<2>()?;
        let (part, after) = after.split_at_checked(u16::from_be_bytes(*length) as usize)?;
        rest = after;
        Some((part, after.is_empty()))
    };
    let mut keys = Vec::new();
    loop {
        let (name, _) = part()?;
        let (key, last) = part()?;
        keys.push(Named { name: name.to_vec(), key: KeyBytes::copy_from(key) });
        if last {
            return Some(keys);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::shares::Progress;
    use super::*;
    use crate::crypto::random::SystemEntropy;

    fn os() -> Box<dyn Entropy> {
        Box::new(SystemEntropy)
    }

    fn keys() -> Vec<Named> {
        let place = Named { name: b"znamespace/1".to_vec(), key: KeyBytes::copy_from(&[4; 32]) };
        vec![Named::root(1, KeyBytes::copy_from(&[1; 32])), Named::root(7, KeyBytes::copy_from(&[2; 32])), place]
    }

    fn facts(keys: &[Named]) -> Vec<(Option<u32>, Vec<u8>, Vec<u8>)> {
        keys.iter().map(|one| (one.root_version(), one.name.clone(), one.key.expose().to_vec())).collect()
    }

    fn rsa() -> RsaPrivateKey {
        RsaPrivateKey::generate(2048, 65537, SoftwareRsa::Refuse).unwrap()
    }

    #[test]
    fn an_rsa_key_opens_what_was_sealed_to_it_and_no_other_does() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("escrow");
        let (own, other) = (rsa(), rsa());
        Sealed::new(&keys(), own.public(), os()).unwrap().write(&path).unwrap();
        let sealed = Sealed::read(&path).unwrap();
        assert_eq!(facts(&sealed.open(&own, os()).unwrap()), facts(&keys()));
        assert!(matches!(sealed.open(&other, os()), Err(RootError::Wrong)));
        assert!(sealed.write(&path).is_err(), "an escrow is never overwritten");
        let mut altered = sealed.clone();
        altered.payload[40] ^= 1;
        assert!(matches!(altered.open(&own, os()), Err(RootError::Wrong)));
        std::fs::write(&path, "something").unwrap();
        assert!(matches!(Sealed::read(&path), Err(RootError::Format(..))));
    }

    #[test]
    fn shares_open_what_was_sealed_to_them() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("escrow");
        let shares = to_shares(&path, &keys(), (4, 2), os).unwrap();
        let mut collector = Collector::open(&path).unwrap();
        assert!(matches!(collector.add(&shares[3], os()), Ok(Progress::Waiting(1, 2))));
        let Ok(Progress::Open(root)) = collector.add(&shares[1], os()) else { panic!() };
        assert_eq!(facts(&from_shares(&path, &root).unwrap()), facts(&keys()));
        let other = SoftRoot::from_key("shares", &KeyBytes::copy_from(&[9; 32]), os()).unwrap();
        assert!(matches!(from_shares(&path, &other), Err(RootError::Wrong)));
        assert!(to_shares(&path, &keys(), (4, 2), os).is_err(), "an escrow is never overwritten");
    }
}
