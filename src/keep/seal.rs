//! The seal of everything at rest: AES-256-GCM under a key of its own for each sealed value.
//!
//! A namespace key (32 random bytes, opened by the root key at start) never encrypts anything itself. It yields one
//! subkey for each class of data, and a subkey with 16 random bytes of salt yields the key of one sealed value, so
//! no key is used twice and no nonce can repeat. The class, the place (the key in the store) and the header of the
//! value are associated data: a value that was moved, renamed or cut does not open.
//!
//! The namespace key has versions, and the header says which one a value needs. While it is rotated there are two.

use std::fmt;
use std::sync::Arc;

use aes_gcm::aead::{AeadInOut, KeyInit};
use aes_gcm::{Aes256Gcm, Nonce, Tag};
use arc_swap::ArcSwap;
use aws_lc_rs::hmac;
use zeroize::Zeroize;

use crate::base::{Buffer, Entropy, EntropyFailed, KeyBytes};

/// Bytes of a namespace key.
pub const KEY_BYTES: usize = 32;

const FORMAT: u8 = 1;
const SALT_BYTES: usize = 16;
const TAG_BYTES: usize = 16;
/// Format, version of the namespace key, revision of the value, salt.
const HEADER_BYTES: usize = 1 + 4 + 8 + SALT_BYTES;

/// What is sealed: values of one class never open as another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Class {
    /// Attributes and description of an object.
    Record,
    /// The short secret of an object: its key material, or the key that seals its material.
    Ledger,
    /// Long material, sealed under the key in the ledger.
    Material,
    /// A block of the audit chain.
    Audit,
    /// What the server keeps for itself.
    Server,
}

const CLASSES: [(Class, &[u8]); 5] = [
    (Class::Record, b"keyhaven record"),
    (Class::Ledger, b"keyhaven ledger"),
    (Class::Material, b"keyhaven material"),
    (Class::Audit, b"keyhaven audit"),
    (Class::Server, b"keyhaven server"),
];

const CHAIN: &[u8] = b"keyhaven audit chain";

/// A sealed value does not open: it was altered, moved, or sealed under another key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SealBroken {
    /// Too short, or of a format this release does not know.
    Format,
    /// Sealed under a version of the namespace key that is not open.
    KeyVersion(u32),
    /// Altered, or not sealed for this place.
    Altered,
}

impl fmt::Display for SealBroken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Format => f.write_str("the stored value has an unknown format"),
            Self::KeyVersion(version) => write!(f, "the stored value needs version {version} of the namespace key"),
            Self::Altered => f.write_str("the stored value was altered or belongs elsewhere"),
        }
    }
}

impl std::error::Error for SealBroken {}

/// A version of the namespace key made ready: its subkeys.
struct Version {
    number: u32,
    classes: [hmac::Key; CLASSES.len()],
    index: hmac::Key,
    audit: AuditKeys,
}

/// The two subkeys of the audit chain. They outlive the namespace key that they come from: a chain that were written anew
/// under another key would prove nothing, and would no longer have the heads that were noted elsewhere. They open
/// blocks of the chain and nothing else, and lead back to no other key.
pub struct AuditKeys {
    number: u32,
    bytes: KeyBytes,
    blocks: hmac::Key,
    chain: hmac::Key,
}

impl AuditKeys {
    /// Bytes of the two subkeys.
    pub const BYTES: usize = 2 * KEY_BYTES;

    /// The subkeys of a version, from what `bytes` gave.
    pub fn new(number: u32, bytes: KeyBytes) -> Self {
        let (blocks, chain) = bytes.expose().split_at(KEY_BYTES.min(bytes.len()));
        let key = |bytes| hmac::Key::new(hmac::HMAC_SHA256, bytes);
        Self { number, blocks: key(blocks), chain: key(chain), bytes }
    }

    /// The version of the namespace key.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// The subkeys themselves, to be sealed.
    pub fn bytes(&self) -> &KeyBytes {
        &self.bytes
    }

    fn again(&self) -> Self {
        Self::new(self.number, KeyBytes::copy_from(self.bytes.expose()))
    }
}

impl Version {
    fn new(number: u32, key: &KeyBytes) -> Self {
        let namespace = hmac::Key::new(hmac::HMAC_SHA256, key.expose());
        let subkey = |label: &[u8]| hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(&namespace, label).as_ref());
        let mut audit = Buffer::with_capacity(AuditKeys::BYTES);
        for label in [CLASSES[Class::Audit as usize].1, CHAIN] {
            audit.extend(hmac::sign(&namespace, label).as_ref());
        }
        Self {
            number,
            classes: CLASSES.map(|(_, label)| subkey(label)),
            index: subkey(b"keyhaven index"),
            audit: AuditKeys::new(number, audit.into()),
        }
    }
}

/// The keys in force at one moment.
struct Keys {
    /// Rising; the last one seals. There are two while the namespace key is rotated.
    versions: Vec<Arc<Version>>,
    /// The version whose index rows are looked up. Rows are written for this version and every later one.
    lookup: u32,
    /// What is left of versions that are gone.
    retired: Vec<AuditKeys>,
}

impl Keys {
    fn newest(&self) -> &Version {
        // `Seal` is never made without a version.
        &self.versions[self.versions.len() - 1]
    }

    fn version(&self, number: u32) -> Option<&Arc<Version>> {
        self.versions.iter().find(|version| version.number == number)
    }

    fn subkey(&self, number: u32, class: Class) -> Option<&hmac::Key> {
        match self.version(number) {
            Some(version) => Some(&version.classes[class as usize]),
            None if class == Class::Audit => self.audit(number).map(|keys| &keys.blocks),
            None => None,
        }
    }

    fn audit(&self, number: u32) -> Option<&AuditKeys> {
        let living = self.versions.iter().map(|version| &version.audit);
        living.chain(&self.retired).find(|keys| keys.number == number)
    }
}

/// The keyed hashes that stand for values in index rows: those of one version of the namespace key.
#[derive(Clone)]
pub struct Index(Arc<Version>);

impl Index {
    /// A keyed hash that stands for a value in an index.
    pub fn hash(&self, parts: &[&[u8]]) -> [u8; 16] {
        let mut context = hmac::Context::with_key(&self.0.index);
        for part in parts {
            context.update(&(part.len() as u32).to_be_bytes());
            context.update(part);
        }
        let mut hash = [0; 16];
        hash.copy_from_slice(&context.sign().as_ref()[..16]);
        hash
    }

    /// The version of the namespace key.
    pub fn version(&self) -> u32 {
        self.0.number
    }
}

/// The namespace keys of a store, made ready. Cheap to share: while the namespace key is rotated, the keys inside change
/// and everybody who holds the seal has them.
pub struct Seal {
    keys: ArcSwap<Keys>,
}

impl fmt::Debug for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Seal(version {})", self.version())
    }
}

impl Seal {
    /// The subkeys of one namespace key.
    pub fn new(version: u32, key: &KeyBytes) -> Self {
        Self::of(vec![Arc::new(Version::new(version, key))], version, Vec::new())
    }

    fn of(versions: Vec<Arc<Version>>, lookup: u32, retired: Vec<AuditKeys>) -> Self {
        Self { keys: ArcSwap::from_pointee(Keys { versions, lookup, retired }) }
    }

    /// The same seal with a newer version of the namespace key, which seals from now on. Index rows are looked up as
    /// before.
    pub fn with(&self, version: u32, key: &KeyBytes) -> Self {
        let keys = self.keys.load();
        let mut versions = keys.versions.clone();
        versions.push(Arc::new(Version::new(version, key)));
        versions.sort_by_key(|version| version.number);
        Self::of(versions, keys.lookup, keys.retired.iter().map(AuditKeys::again).collect())
    }

    /// The same seal with the subkeys of the audit chain of versions that are gone.
    pub fn with_retired(&self, retired: Vec<AuditKeys>) -> Self {
        let keys = self.keys.load();
        Self::of(keys.versions.clone(), keys.lookup, retired)
    }

    /// The same seal with index rows looked up by the newest version alone.
    pub fn with_newest_index(&self) -> Self {
        let keys = self.keys.load();
        let retired = keys.retired.iter().map(AuditKeys::again).collect();
        Self::of(keys.versions.clone(), keys.newest().number, retired)
    }

    /// The newest version alone, and beside it the subkeys of the audit chain of versions that are gone.
    pub fn with_newest_alone(&self, retired: Vec<AuditKeys>) -> Self {
        let keys = self.keys.load();
        Self::of(keys.versions[keys.versions.len() - 1..].to_vec(), keys.newest().number, retired)
    }

    /// The subkeys of the audit chain of all versions before the newest, living or gone.
    pub fn audit_keys_before_newest(&self) -> Vec<AuditKeys> {
        let keys = self.keys.load();
        let older = keys.versions[..keys.versions.len() - 1].iter().map(|version| version.audit.again());
        keys.retired.iter().map(AuditKeys::again).chain(older).collect()
    }

    /// Takes over the keys of another seal of the same store.
    pub fn become_like(&self, other: &Self) {
        self.keys.store(other.keys.load_full());
    }

    /// The seal as it is now, whatever becomes of it.
    pub fn now(&self) -> Self {
        Self { keys: ArcSwap::new(self.keys.load_full()) }
    }

    /// The version of the namespace key that seals.
    pub fn version(&self) -> u32 {
        self.keys.load().newest().number
    }

    /// Whether there is more than one version of the namespace key.
    pub fn rotates(&self) -> bool {
        self.keys.load().versions.len() > 1
    }

    /// The hashes by which index rows are looked up.
    pub fn index(&self) -> Index {
        let keys = self.keys.load();
        Index(keys.version(keys.lookup).unwrap_or(&keys.versions[keys.versions.len() - 1]).clone())
    }

    /// The hashes for which index rows are written: while the namespace key is rotated, those that are looked up and
    /// those that will be. A name is unique because every writer claims its row under one hash that all others claim too.
    pub fn written(&self) -> Vec<Index> {
        let keys = self.keys.load();
        keys.versions.iter().filter(|version| version.number >= keys.lookup).cloned().map(Index).collect()
    }

    /// The hashes for which an object whose record was sealed under a version may have index rows.
    pub fn stored(&self, sealed_under: u32) -> Vec<Index> {
        let keys = self.keys.load();
        keys.versions.iter().filter(|version| version.number <= sealed_under).cloned().map(Index).collect()
    }

    /// The hashes for which such an object has index rows for certain.
    pub fn due(&self, sealed_under: u32) -> Vec<Index> {
        let lookup = self.keys.load().lookup;
        self.stored(sealed_under).into_iter().filter(|index| index.version() >= lookup).collect()
    }

    /// Seals `plain` for the place `place`. `revision` counts the values that have stood there.
    pub fn seal(
        &self,
        class: Class,
        place: &[u8],
        revision: u64,
        plain: &[u8],
        entropy: &dyn Entropy,
    ) -> Result<Vec<u8>, EntropyFailed> {
        let mut sealed = Vec::with_capacity(HEADER_BYTES + plain.len() + TAG_BYTES);
        let keys = self.keys.load();
        let Version { number, classes, .. } = keys.newest();
        sealed.push(FORMAT);
        sealed.extend_from_slice(&number.to_be_bytes());
        sealed.extend_from_slice(&revision.to_be_bytes());
        sealed.resize(HEADER_BYTES, 0);
        entropy.fill(&mut sealed[HEADER_BYTES - SALT_BYTES..])?;
        let cipher = cipher(&classes[class as usize], place, &sealed);
        let aad = associated(place, &sealed);
        sealed.extend_from_slice(plain);
        let tag = cipher
            .encrypt_inout_detached(&Nonce::default(), &aad, (&mut sealed[HEADER_BYTES..]).into())
            .map_err(|_| EntropyFailed)?;
        sealed.extend_from_slice(&tag);
        Ok(sealed)
    }

    /// Opens what `seal` made for the same class and place.
    pub fn open(&self, class: Class, place: &[u8], sealed: &[u8]) -> Result<Buffer, SealBroken> {
        let (header, body) = sealed.split_at_checked(HEADER_BYTES).ok_or(SealBroken::Format)?;
        if header[0] != FORMAT {
            return Err(SealBroken::Format);
        }
        let version = Self::version_of(header).ok_or(SealBroken::Format)?;
        let keys = self.keys.load();
        let subkey = keys.subkey(version, class).ok_or(SealBroken::KeyVersion(version))?;
        let plain_bytes = body.len().checked_sub(TAG_BYTES).ok_or(SealBroken::Format)?;
        let (cut, tag) = body.split_at(plain_bytes);
        let tag: Tag = tag.try_into().map_err(|_| SealBroken::Format)?;
        let mut plain = Buffer::copy_from(cut);
        cipher(subkey, place, header)
            .decrypt_inout_detached(&Nonce::default(), &associated(place, header), (&mut *plain).into(), &tag)
            .map_err(|_| SealBroken::Altered)?;
        Ok(plain)
    }

    /// The revision that a sealed value says it has; `open` proves it.
    pub fn revision(sealed: &[u8]) -> u64 {
        sealed.get(5..13).and_then(|bytes| bytes.try_into().ok()).map_or(0, u64::from_be_bytes)
    }

    /// The version of the namespace key that a sealed value says it needs; `open` proves it.
    pub fn version_of(sealed: &[u8]) -> Option<u32> {
        sealed.get(1..5).and_then(|bytes| bytes.try_into().ok()).map(u32::from_be_bytes)
    }

    /// The keyed hash that chains a block to the one before it, under the version that the block is sealed under.
    pub fn chain(&self, version: u32, previous: &[u8; 32], block: &[u8]) -> Option<[u8; 32]> {
        let keys = self.keys.load();
        let mut context = hmac::Context::with_key(&keys.audit(version)?.chain);
        context.update(previous);
        context.update(block);
        let mut hash = [0; 32];
        hash.copy_from_slice(context.sign().as_ref());
        Some(hash)
    }
}

/// The cipher of one value: its key comes from the subkey of its class, its header (which holds the salt) and its place.
fn cipher(subkey: &hmac::Key, place: &[u8], header: &[u8]) -> Aes256Gcm {
    let mut context = hmac::Context::with_key(subkey);
    context.update(header);
    context.update(place);
    let mut key = [0; KEY_BYTES];
    key.copy_from_slice(context.sign().as_ref());
    let cipher = Aes256Gcm::new((&key).into());
    key.zeroize();
    cipher
}

fn associated(place: &[u8], header: &[u8]) -> Vec<u8> {
    [header, place].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Counting(std::sync::atomic::AtomicU8);

    impl Entropy for Counting {
        fn fill(&self, buffer: &mut [u8]) -> Result<(), EntropyFailed> {
            buffer.fill(self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
            Ok(())
        }
    }

    fn seal() -> (Seal, Counting) {
        (Seal::new(3, &KeyBytes::copy_from(&[7; 32])), Counting(0.into()))
    }

    #[test]
    fn opens_only_what_and_where_it_was_sealed() {
        let (seal, entropy) = seal();
        let sealed = seal.seal(Class::Record, b"o/1", 9, b"plain", &entropy).unwrap();
        let broken = |seal: &Seal, class, place: &[u8]| seal.open(class, place, &sealed).map(drop);
        assert_eq!(&*seal.open(Class::Record, b"o/1", &sealed).unwrap(), b"plain");
        assert_eq!(Seal::revision(&sealed), 9);
        assert_eq!(broken(&seal, Class::Record, b"o/2"), Err(SealBroken::Altered));
        assert_eq!(broken(&seal, Class::Ledger, b"o/1"), Err(SealBroken::Altered));
        let other = Seal::new(4, &KeyBytes::copy_from(&[7; 32]));
        assert_eq!(broken(&other, Class::Record, b"o/1"), Err(SealBroken::KeyVersion(3)));
        let other = Seal::new(3, &KeyBytes::copy_from(&[8; 32]));
        assert_eq!(broken(&other, Class::Record, b"o/1"), Err(SealBroken::Altered));
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_noticed() {
        let (seal, entropy) = seal();
        let sealed = seal.seal(Class::Ledger, b"k/1", 1, b"0123456789abcdef", &entropy).unwrap();
        for at in 0..sealed.len() * 8 {
            let mut bad = sealed.clone();
            bad[at / 8] ^= 1 << (at % 8);
            assert!(seal.open(Class::Ledger, b"k/1", &bad).is_err(), "bit {at}");
        }
        for length in 0..sealed.len() {
            assert!(seal.open(Class::Ledger, b"k/1", &sealed[..length]).is_err(), "cut to {length}");
        }
    }

    #[test]
    fn the_same_plaintext_is_never_sealed_alike() {
        let (seal, entropy) = seal();
        let one = seal.seal(Class::Record, b"o/1", 1, b"plain", &entropy).unwrap();
        let two = seal.seal(Class::Record, b"o/1", 1, b"plain", &entropy).unwrap();
        assert_ne!(one[HEADER_BYTES..], two[HEADER_BYTES..]);
        let index = seal.index();
        assert_ne!(index.hash(&[b"ab", b"c"]), index.hash(&[b"a", b"bc"]));
    }

    #[test]
    fn two_versions_open_and_the_newer_one_seals() {
        let (old, entropy) = seal();
        let sealed = old.seal(Class::Record, b"o/1", 9, b"plain", &entropy).unwrap();
        let block = old.seal(Class::Audit, b"l/1", 9, b"block", &entropy).unwrap();
        let link = old.chain(3, &[0; 32], b"block").unwrap();
        let held = old.now();
        let numbers = |all: Vec<Index>| all.iter().map(Index::version).collect::<Vec<_>>();

        let both = old.with(4, &KeyBytes::copy_from(&[8; 32]));
        old.become_like(&both);
        assert_eq!((old.version(), held.version(), old.rotates()), (4, 3, true));
        assert_eq!((old.index().version(), numbers(old.written()), numbers(old.stored(3))), (3, vec![3, 4], vec![3]));
        assert!(old.open(Class::Record, b"o/1", &sealed).is_ok());
        let newer = old.seal(Class::Record, b"o/1", 9, b"plain", &entropy).unwrap();
        assert_eq!((Seal::version_of(&sealed), Seal::version_of(&newer)), (Some(3), Some(4)));

        let switched = old.with_newest_index();
        assert_eq!((switched.index().version(), numbers(switched.written())), (4, vec![4]));
        assert_eq!(numbers(switched.stored(4)), [3, 4]);

        let alone = switched.with_newest_alone(switched.audit_keys_before_newest());
        assert!(alone.open(Class::Record, b"o/1", &newer).is_ok());
        assert_eq!(alone.open(Class::Record, b"o/1", &sealed).map(drop), Err(SealBroken::KeyVersion(3)));
        // The chain stays readable, and what opens it opens nothing else.
        assert_eq!(&*alone.open(Class::Audit, b"l/1", &block).unwrap(), b"block");
        assert_eq!(alone.chain(3, &[0; 32], b"block"), Some(link));
        assert_eq!(alone.chain(2, &[0; 32], b"block"), None);
    }
}
