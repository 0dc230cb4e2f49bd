//! Links between objects. Inside there is one attribute a kind of link, as in 3.0; up to 2.1 they are instances of
//! Link told apart by Link Type (1.4 §3.35, 2.1 §4.31). This is the table between the two.

use crate::registry::{LinkType, Tag};

/// Each kind of link with the Link Type that names it up to 2.1, in order of the tag.
pub const LINKS: &[(Tag, Option<LinkType>)] = &[
    (Tag::CertificateLink, Some(LinkType::CertificateLink)),
    (Tag::ChildLink, Some(LinkType::ChildLink)),
    (Tag::DerivationObjectLink, Some(LinkType::DerivationBaseObjectLink)),
    (Tag::DerivedObjectLink, Some(LinkType::DerivedKeyLink)),
    (Tag::NextLink, Some(LinkType::NextLink)),
    (Tag::ParentLink, Some(LinkType::ParentLink)),
    (Tag::PKCS_12CertificateLink, Some(LinkType::PKCS_12CertificateLink)),
    (Tag::PKCS_12PasswordLink, Some(LinkType::PKCS_12PasswordLink)),
    (Tag::PreviousLink, Some(LinkType::PreviousLink)),
    (Tag::PrivateKeyLink, Some(LinkType::PrivateKeyLink)),
    (Tag::PublicKeyLink, Some(LinkType::PublicKeyLink)),
    (Tag::ReplacedObjectLink, Some(LinkType::ReplacedObjectLink)),
    (Tag::ReplacementObjectLink, Some(LinkType::ReplacementObjectLink)),
    (Tag::WrappingKeyLink, Some(LinkType::WrappingKeyLink)),
    (Tag::CredentialLink, None),
    (Tag::PasswordLink, None),
    (Tag::GroupLink, None),
    (Tag::SplitKeyBaseLink, None),
    (Tag::JoinedSplitKeyPartsLink, None),
    (Tag::CertificateRequestLink, None),
];

/// Whether the attribute is a link.
pub fn is_link(tag: Tag) -> bool {
    LINKS.binary_search_by_key(&tag, |(link, _)| *link).is_ok()
}

/// The Link Type of a link; `None` for links that only 3.0 has.
pub fn link_type(tag: Tag) -> Option<LinkType> {
    LINKS.iter().find(|(link, _)| *link == tag).and_then(|(_, kind)| *kind)
}

/// The link attribute of a Link Type.
pub fn link_tag(kind: LinkType) -> Option<Tag> {
    LINKS.iter().find(|(_, other)| *other == Some(kind)).map(|(link, _)| *link)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::attributes::rule;

    #[test]
    fn every_link_type_has_its_attribute_of_the_same_age() {
        for row in LinkType::ROWS {
            let tag = link_tag(LinkType(row.value)).unwrap();
            assert_eq!(link_type(tag), Some(LinkType(row.value)));
            assert_eq!(rule(tag).unwrap().since, row.since, "{tag:?}");
        }
        assert_eq!(link_tag(LinkType(0x8000_0001)), None);
    }

    #[test]
    fn every_link_is_listed() {
        assert!(LINKS.is_sorted_by_key(|(tag, _)| *tag));
        for row in Tag::ROWS.iter().filter(|row| row.ident.ends_with("Link")) {
            assert_eq!(is_link(Tag(row.value)), row.ident != "Link", "{}", row.ident);
        }
        assert!(!is_link(Tag::Name));
    }
}
