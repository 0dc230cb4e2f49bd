//! The seal of everything at rest: AES-256-GCM under a key of its own for each sealed value.
//!
//! A namespace key (32 random bytes, opened by the root key at start) never encrypts anything itself. It yields one
//! subkey for each class of data, and a subkey with 16 random bytes of salt yields the key of one sealed value, so
//! no key is used twice and no nonce can repeat. The class, the place (the key in the store) and the header of the
//! value are associated data: a value that was moved, renamed or cut does not open.

use aes_gcm::aead::{AeadInOut, KeyInit};
use aes_gcm::{Aes256Gcm, Nonce, Tag};
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

impl std::fmt::Display for SealBroken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Format => f.write_str("the stored value has an unknown format"),
            Self::KeyVersion(version) => write!(f, "the stored value needs version {version} of the namespace key"),
            Self::Altered => f.write_str("the stored value was altered or belongs elsewhere"),
        }
    }
}

impl std::error::Error for SealBroken {}

/// A namespace key made ready: its subkeys.
pub struct Seal {
    version: u32,
    classes: [hmac::Key; CLASSES.len()],
    index: hmac::Key,
    chain: hmac::Key,
}

impl std::fmt::Debug for Seal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Seal(version {})", self.version)
    }
}

impl Seal {
    /// The subkeys of a namespace key.
    pub fn new(version: u32, key: &KeyBytes) -> Self {
        let namespace = hmac::Key::new(hmac::HMAC_SHA256, key.expose());
        let subkey = |label: &[u8]| hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(&namespace, label).as_ref());
        Self {
            version,
            classes: CLASSES.map(|(_, label)| subkey(label)),
            index: subkey(b"keyhaven index"),
            chain: subkey(b"keyhaven audit chain"),
        }
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
        sealed.push(FORMAT);
        sealed.extend_from_slice(&self.version.to_be_bytes());
        sealed.extend_from_slice(&revision.to_be_bytes());
        sealed.resize(HEADER_BYTES, 0);
        entropy.fill(&mut sealed[HEADER_BYTES - SALT_BYTES..])?;
        let cipher = self.cipher(class, place, &sealed);
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
        let version = u32::from_be_bytes(header[1..5].try_into().map_err(|_| SealBroken::Format)?);
        if version != self.version {
            return Err(SealBroken::KeyVersion(version));
        }
        let plain_bytes = body.len().checked_sub(TAG_BYTES).ok_or(SealBroken::Format)?;
        let (cut, tag) = body.split_at(plain_bytes);
        let tag: Tag = tag.try_into().map_err(|_| SealBroken::Format)?;
        let mut plain = Buffer::copy_from(cut);
        self.cipher(class, place, header)
            .decrypt_inout_detached(&Nonce::default(), &associated(place, header), (&mut *plain).into(), &tag)
            .map_err(|_| SealBroken::Altered)?;
        Ok(plain)
    }

    /// The revision that a sealed value says it has; `open` proves it.
    pub fn revision(sealed: &[u8]) -> u64 {
        sealed.get(5..13).and_then(|bytes| bytes.try_into().ok()).map_or(0, u64::from_be_bytes)
    }

    /// A keyed hash that stands for a value in an index.
    pub fn index(&self, parts: &[&[u8]]) -> [u8; 16] {
        let mut context = hmac::Context::with_key(&self.index);
        for part in parts {
            context.update(&(part.len() as u32).to_be_bytes());
            context.update(part);
        }
        let mut hash = [0; 16];
        hash.copy_from_slice(&context.sign().as_ref()[..16]);
        hash
    }

    /// The keyed hash that chains a block to the one before it.
    pub fn chain(&self, previous: &[u8; 32], block: &[u8]) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.chain);
        context.update(previous);
        context.update(block);
        let mut hash = [0; 32];
        hash.copy_from_slice(context.sign().as_ref());
        hash
    }

    /// The cipher of one value: its key comes from the subkey of its class, its header (which holds the salt) and
    /// its place.
    fn cipher(&self, class: Class, place: &[u8], header: &[u8]) -> Aes256Gcm {
        let mut context = hmac::Context::with_key(&self.classes[class as usize]);
        context.update(header);
        context.update(place);
        let mut key = [0; KEY_BYTES];
        key.copy_from_slice(context.sign().as_ref());
        let cipher = Aes256Gcm::new((&key).into());
        key.zeroize();
        cipher
    }
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
        assert_ne!(seal.index(&[b"ab", b"c"]), seal.index(&[b"a", b"bc"]));
    }
}
