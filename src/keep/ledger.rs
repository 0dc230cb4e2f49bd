//! The ledger: the short secret of each object, or the key of its long material, in rows of their own. Nothing else in a
//! store brings material back. So a backup leaves these rows out, and a ledger copy holds nothing but them.
//!
//! Each material has a random number. It stands in the reference that the record keeps and in the header of the row, where
//! the seal proves it: a row can be told from that of a material which was there before or came after. Material of
//! stores that knew no numbers has the number zero.

use super::keys::{Kind, key};
use super::seal::{Class, Seal, SealBroken};
use crate::base::{Entropy, EntropyFailed, KeyBytes};
use crate::model::object::MaterialRef;
use crate::store::Write;

/// Bytes of a reference before its number: where the material lies, and its kind.
const HEAD_BYTES: usize = 2;

/// What a row holds.
pub struct Secret {
    /// The number of the material.
    pub number: u64,
    /// The secret.
    pub bytes: KeyBytes,
}

/// Where the row of an object lies.
pub fn place(id: &str) -> Vec<u8> {
    key(Kind::Ledger, &[id.as_bytes()])
}

/// Whether a key of the store is one of the ledger.
pub fn is_row(place: &[u8]) -> bool {
    place.first() == Some(&(Kind::Ledger as u8))
}

/// A number for a new material.
///
/// # Errors
/// Randomness failed.
pub fn new_number(entropy: &dyn Entropy) -> Result<u64, EntropyFailed> {
    let mut bytes = [0; 8];
    entropy.fill(&mut bytes)?;
    Ok(u64::from_be_bytes(bytes))
}

/// The reference to a material.
pub(super) fn reference(place: u8, kind: u8, number: u64) -> MaterialRef {
    MaterialRef([&[place, kind][..], &number.to_be_bytes()].concat().into())
}

/// The number of the material that a reference means.
pub fn number_of(MaterialRef(reference): &MaterialRef) -> u64 {
    let number = reference.get(HEAD_BYTES..).and_then(|rest| rest.first_chunk());
    number.map_or(0, |bytes| u64::from_be_bytes(*bytes))
}

/// Opens a row.
///
/// # Errors
/// It was altered, or belongs elsewhere.
pub fn open(seal: &Seal, place: &[u8], sealed: &[u8]) -> Result<Secret, SealBroken> {
    let bytes = seal.open(Class::Ledger, place, sealed)?.into();
    Ok(Secret { number: Seal::revision(sealed), bytes })
}

/// The write that puts a row into a store.
///
/// # Errors
/// Randomness failed.
pub fn write(seal: &Seal, place: Vec<u8>, secret: &Secret, entropy: &dyn Entropy) -> Result<Write, EntropyFailed> {
    let value = seal.seal(Class::Ledger, &place, secret.number, secret.bytes.expose(), entropy)?;
    Ok(Write { key: place, value: Some(value) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::random::SystemEntropy;

    #[test]
    fn a_row_proves_the_number_of_its_material() {
        let seal = Seal::new(1, &KeyBytes::copy_from(&[7; 32]));
        let secret = Secret { number: 77, bytes: KeyBytes::copy_from(b"material") };
        let row = write(&seal, place("id"), &secret, &SystemEntropy).unwrap();
        let mut sealed = row.value.unwrap();
        let opened = open(&seal, &row.key, &sealed).unwrap();
        assert_eq!((opened.number, opened.bytes.expose()), (77, &b"material"[..]));
        assert!(matches!(open(&seal, &place("other"), &sealed), Err(SealBroken::Altered)));
        // The number is in clear, and cannot be changed.
        sealed[12] ^= 1;
        assert_eq!(Seal::revision(&sealed), 76);
        assert!(matches!(open(&seal, &row.key, &sealed), Err(SealBroken::Altered)));
    }

    #[test]
    fn a_reference_names_its_material_and_an_old_one_means_zero() {
        assert_eq!(number_of(&reference(1, 2, u64::MAX - 1)), u64::MAX - 1);
        for old in [&[1, 0][..], &[1], &[], &[1, 0, 9]] {
            assert_eq!(number_of(&MaterialRef(old.into())), 0);
        }
    }
}
