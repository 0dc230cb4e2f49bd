//! Unique identifiers on the wire. In 1.x they are texts; 2.0 adds an enumeration (which operation's answer of this
//! batch) and an index; 3.0 has item types of their own (2.1 §4.58, 3.0 §4.68).

use super::wire::{Read, Write, wrong_type};
use crate::base::Result;
use crate::registry::{ItemType, Tag, UniqueIdentifier, Version};
use crate::ttlv::{Item, Writer};

/// How a request points at an object.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum IdRef<'a> {
    /// By its unique identifier.
    Id(&'a str),
    /// What an earlier operation of this batch answered.
    Answered(UniqueIdentifier),
    /// The n-th identifier answered in this batch, from zero; negative counts backwards.
    Nth(i32),
    /// By its name, resolved now (3.0 Name Reference).
    Name(&'a str),
}

impl IdRef<'_> {
    /// Whether an absent identifier means the ID Placeholder. In 3.0 nothing is implied.
    pub fn may_be_implied(version: Version) -> bool {
        version < Version::V3_0
    }
}

impl<'a> Read<'a> for IdRef<'a> {
    fn read(item: &Item<'a>, version: Version) -> Result<Self> {
        let text = || item.text().unwrap_or_default();
        match item.item_type {
            ItemType::TextString if version < Version::V3_0 => Ok(Self::Id(text())),
            ItemType::Identifier | ItemType::Reference if version >= Version::V3_0 => Ok(Self::Id(text())),
            ItemType::NameReference if version >= Version::V3_0 => Ok(Self::Name(text())),
            ItemType::Enumeration if version >= Version::V2_0 => {
                UniqueIdentifier::read(item, version).map(Self::Answered)
            }
            ItemType::Integer if version >= Version::V2_0 => i32::read(item, version).map(Self::Nth),
            _ => Err(wrong_type(item, "a unique identifier")),
        }
    }
}

/// A unique identifier in an answer.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Id(pub Box<str>);

impl Write for Id {
    fn write(&self, tag: Tag, out: &mut Writer, version: Version) {
        if version >= Version::V3_0 {
            out.reference(tag, ItemType::Identifier, &self.0);
        } else {
            out.text(tag, &self.0);
        }
    }
}

impl From<&str> for Id {
    fn from(id: &str) -> Self {
        Self(id.into())
    }
}
