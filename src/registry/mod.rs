//! Room 0: the standard as tables. Tags, enumerations, masks and operations of KMIP 1.0 to 3.0, one row a fact,
//! with the first and the last version that has it. Everything else in Keyhaven that needs a name, a number or a
//! version reads it here.

mod enums;
mod masks;
mod operations;
mod table;
mod tags;
mod version;

use std::collections::HashMap;
use std::sync::LazyLock;

use enums::TABLES as ENUM_TABLES;
pub use enums::*;
pub use masks::*;
pub use operations::Operation;
pub use table::{EnumTable, ItemType, Row, WireNumber};
pub use tags::Tag;
pub use version::Version;

/// Whether an enumeration value lies in the range left to extensions, 8XXXXXXX (1.4 §9.1.3.2).
pub const fn is_extension_value(value: u32) -> bool {
    value >> 28 == 8
}

/// The first tag of the standard's own range.
const FIRST_TAG: u32 = 0x42_0001;

/// Place of each tag in the table, plus one. Tags are dense, so a look-up is one load.
static TAG_PLACES: [u16; 512] = {
    let mut places = [0; 512];
    let mut at = 0;
    while at < Tag::ROWS.len() {
        places[(Tag::ROWS[at].value - FIRST_TAG) as usize] = at as u16 + 1;
        at += 1;
    }
    places
};

static TAG_NAMES: LazyLock<HashMap<&'static str, Tag>> = LazyLock::new(|| {
    Tag::ROWS.iter().flat_map(|row| [(row.ident, Tag(row.value)), (row.name, Tag(row.value))]).collect()
});

static ENUMS: LazyLock<HashMap<&'static str, &'static EnumTable>> = LazyLock::new(|| {
    ENUM_TABLES.iter().copied().chain([&Operation::TABLE]).map(|table| (table.ident, table)).collect()
});

/// Tags that hold the values of an enumeration of another name.
const ENUM_OF_TAG: &[(Tag, &EnumTable)] = &[
    (Tag::MaskGeneratorHashingAlgorithm, &HashingAlgorithm::TABLE),
    (Tag::ExtensionType, &ItemTypeEnumeration::TABLE),
    (Tag::AttributeReference, &Tag::TABLE),
    (Tag::CertificateRequestUniqueIdentifier, &UniqueIdentifier::TABLE),
    (Tag::PasswordSaltAlgorithm, &CryptographicAlgorithm::TABLE),
    (Tag::OTPDigest, &CryptographicAlgorithm::TABLE),
    (Tag::CertificateLink, &UniqueIdentifier::TABLE),
    (Tag::CertificateRequestLink, &UniqueIdentifier::TABLE),
    (Tag::ChildLink, &UniqueIdentifier::TABLE),
    (Tag::CredentialLink, &UniqueIdentifier::TABLE),
    (Tag::DerivationObjectLink, &UniqueIdentifier::TABLE),
    (Tag::DerivedObjectLink, &UniqueIdentifier::TABLE),
    (Tag::GroupLink, &UniqueIdentifier::TABLE),
    (Tag::JoinedSplitKeyPartsLink, &UniqueIdentifier::TABLE),
    (Tag::NextLink, &UniqueIdentifier::TABLE),
    (Tag::ParentLink, &UniqueIdentifier::TABLE),
    (Tag::PasswordLink, &UniqueIdentifier::TABLE),
    (Tag::PKCS_12CertificateLink, &UniqueIdentifier::TABLE),
    (Tag::PKCS_12PasswordLink, &UniqueIdentifier::TABLE),
    (Tag::PreviousLink, &UniqueIdentifier::TABLE),
    (Tag::PrivateKeyLink, &UniqueIdentifier::TABLE),
    (Tag::PublicKeyLink, &UniqueIdentifier::TABLE),
    (Tag::ReplacedObjectLink, &UniqueIdentifier::TABLE),
    (Tag::ReplacementObjectLink, &UniqueIdentifier::TABLE),
    (Tag::SplitKeyBaseLink, &UniqueIdentifier::TABLE),
    (Tag::WrappingKeyLink, &UniqueIdentifier::TABLE),
];

/// Integer tags whose number is a set of bits.
const MASK_OF_TAG: &[(Tag, &EnumTable)] = &[
    (Tag::CryptographicUsageMask, &CryptographicUsageMask::TABLE),
    (Tag::StorageStatusMask, &StorageStatusMask::TABLE),
    (Tag::ProtectionStorageMask, &ProtectionStorageMask::TABLE),
    (Tag::ObjectClassMask, &ObjectClass::TABLE),
];

impl Tag {
    fn look_up(value: u32) -> Option<&'static Row> {
        let place = *TAG_PLACES.get(value.checked_sub(FIRST_TAG)? as usize)?;
        Some(&Self::ROWS[(place as usize).checked_sub(1)?])
    }

    /// Whether the tag lies in the range left to extensions (1.4 §9.1.3.1).
    pub fn is_extension(self) -> bool {
        self.0 >> 16 == 0x54
    }

    /// The tag with this name, in the spelling of XML or of the text.
    pub fn from_name(name: &str) -> Option<Self> {
        TAG_NAMES.get(name).copied()
    }

    /// The enumeration whose values items with this tag hold.
    pub fn enumeration(self) -> Option<&'static EnumTable> {
        ENUM_OF_TAG
            .iter()
            .find(|(tag, _)| *tag == self)
            .map(|(_, table)| *table)
            .or_else(|| self.row().and_then(|row| ENUMS.get(row.ident).copied()))
    }

    /// The mask whose bits items with this tag hold.
    pub fn mask(self) -> Option<&'static EnumTable> {
        MASK_OF_TAG.iter().find(|(tag, _)| *tag == self).map(|(_, table)| *table)
    }
}

/// Every enumeration and mask, Operation included.
pub fn tables() -> impl Iterator<Item = &'static EnumTable> {
    ENUM_TABLES.iter().chain(masks::TABLES).copied().chain([&Operation::TABLE])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_found_by_number_and_by_both_names() {
        for row in Tag::ROWS {
            let tag = Tag(row.value);
            assert_eq!(tag.row().unwrap().ident, row.ident);
            assert_eq!(Tag::from_name(row.ident), Some(tag));
            assert_eq!(Tag::from_name(row.name), Some(tag));
        }
        assert!(Tag(0x42_FFFF).row().is_none());
        assert!(Tag(0).row().is_none());
    }

    #[test]
    fn each_enumerated_tag_has_its_table() {
        let free = [Tag::AttributeValue, Tag::OpaqueDataType];
        for row in Tag::ROWS.iter().filter(|row| row.types.contains(&ItemType::Enumeration)) {
            let tag = Tag(row.value);
            assert!(free.contains(&tag) || tag.enumeration().is_some(), "{tag:?} has no enumeration");
        }
    }

    #[test]
    fn values_are_found_by_every_spelling() {
        assert_eq!(MaskGenerator::TABLE.value("MFG1"), Some(1));
        assert_eq!(MaskGenerator::TABLE.value("MGF1"), Some(1));
        for table in tables() {
            for row in table.rows {
                assert_eq!(table.value(row.ident), Some(row.value), "{} {}", table.name, row.ident);
            }
        }
    }

    #[test]
    fn an_unknown_value_prints_as_hex() {
        assert_eq!(format!("{:?}", ObjectType(0x8000_0001)), "0x80000001");
        assert_eq!(ObjectType::SymmetricKey.to_string(), "Symmetric Key");
    }
}
