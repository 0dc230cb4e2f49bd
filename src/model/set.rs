//! The attributes of one object: a sparse list, sorted in the order of the table, with the typed keys on top.
//!
//! Each instance has an index for the 1.x clients that point at it by name and index (1.4 §2.1.1): indices start at
//! 0 and never change when other instances come or go. They count within a family, which is what 1.x calls one
//! attribute: all links are one family, and so are the vendor attributes of one vendor and name.

use super::attributes::{Key, Rule, rule};
use super::link::is_link;
use super::values::AttributeValue;
use crate::base::Value;
use crate::registry::Tag;

/// One instance of an attribute.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Attribute {
    /// Which attribute.
    pub tag: Tag,
    /// The index within its family.
    pub index: u32,
    /// The value in its canonical form.
    pub value: Value,
}

impl Attribute {
    /// The family that the index counts in.
    pub fn family(&self) -> Family<'_> {
        Family::of(self.tag, &self.value)
    }
}

/// What an index counts in, and so what a client may point at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Family<'a> {
    /// The instances with this tag. Of a link tag: those of its kind, whose indices may have gaps.
    Tag(Tag),
    /// All links, whatever their kind.
    Link,
    /// The vendor attributes with this vendor and name.
    Vendor(&'a str, &'a str),
}

impl From<Tag> for Family<'_> {
    fn from(tag: Tag) -> Self {
        Self::Tag(tag)
    }
}

impl<'a> Family<'a> {
    /// The family of a value with this tag.
    pub fn of(tag: Tag, value: &'a Value) -> Self {
        match vendor_and_name(value) {
            Some((vendor, name)) if tag == Tag::Attribute => Self::Vendor(vendor, name),
            _ if is_link(tag) => Self::Link,
            _ => Self::Tag(tag),
        }
    }

    /// Whether the attribute belongs to the family.
    pub fn contains(&self, attribute: &Attribute) -> bool {
        match self {
            Self::Tag(tag) => attribute.tag == *tag,
            Self::Link => is_link(attribute.tag),
            Self::Vendor(vendor, name) => {
                attribute.tag == Tag::Attribute && vendor_and_name(&attribute.value) == Some((vendor, name))
            }
        }
    }

    /// The rule of the family; all links have the same.
    pub fn rule(&self) -> Option<&'static Rule> {
        rule(match self {
            Self::Tag(tag) => *tag,
            Self::Link => Tag::NextLink,
            Self::Vendor(..) => Tag::Attribute,
        })
    }
}

/// The attributes of an object.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Attributes(Vec<Attribute>);

impl Attributes {
    /// No attributes.
    pub fn new() -> Self {
        Self::default()
    }

    /// The value; of several instances the first. `None` too if it has not the key's form.
    pub fn get<T: AttributeValue>(&self, key: Key<T>) -> Option<T> {
        self.value(key.tag()).and_then(T::from_value)
    }

    /// The values of all instances.
    pub fn all<T: AttributeValue>(&self, key: Key<T>) -> impl Iterator<Item = T> {
        self.instances(key.tag()).iter().filter_map(|attribute| T::from_value(&attribute.value))
    }

    /// The text of a text attribute, borrowed.
    pub fn text(&self, key: Key<String>) -> Option<&str> {
        self.value(key.tag()).and_then(Value::as_text)
    }

    /// Whether a boolean attribute is there and true.
    pub fn is_true(&self, key: Key<bool>) -> bool {
        self.get(key) == Some(true)
    }

    /// Sets a single-instance attribute.
    pub fn set<T: AttributeValue>(&mut self, key: Key<T>, value: T) {
        self.set_value(key.tag(), value.into_value());
    }

    /// Sets a single-instance attribute from an item value in its canonical form.
    pub fn set_value(&mut self, tag: Tag, value: Value) {
        let range = self.range(tag);
        let at = range.start;
        if range.is_empty() {
            self.push(tag, value);
        } else {
            self.0.drain(at + 1..range.end);
            self.0[at].value = value;
        }
    }

    /// Adds an instance and returns its index: one more than the highest of its family.
    pub fn push(&mut self, tag: Tag, value: Value) -> u32 {
        let family = Family::of(tag, &value);
        let index = self.family(family).map(|attribute| attribute.index).max().map_or(0, |highest| highest + 1);
        let at = self.range(tag).end;
        self.0.insert(at, Attribute { tag, index, value });
        index
    }

    /// Adds an instance under its own index, as it was stored. One of its family with that index is replaced.
    pub fn insert(&mut self, attribute: Attribute) {
        let family = attribute.family();
        self.0.retain(|other| other.index != attribute.index || !family.contains(other));
        let later = |other: &Attribute| other.index > attribute.index && family.contains(other);
        let range = self.range(attribute.tag);
        let at = self.0[range.clone()].iter().position(later).map_or(range.end, |after| range.start + after);
        self.0.insert(at, attribute);
    }

    /// The value of an attribute; of several instances the first.
    pub fn value(&self, tag: Tag) -> Option<&Value> {
        self.instances(tag).first().map(|attribute| &attribute.value)
    }

    /// Whether the object has the attribute.
    pub fn has(&self, tag: Tag) -> bool {
        !self.range(tag).is_empty()
    }

    /// The instances with this tag.
    pub fn instances(&self, tag: Tag) -> &[Attribute] {
        &self.0[self.range(tag)]
    }

    /// The instances of a family.
    pub fn family<'a>(&'a self, family: Family<'a>) -> impl Iterator<Item = &'a Attribute> {
        let part = match family {
            Family::Tag(tag) => self.instances(tag),
            Family::Vendor(..) => self.instances(Tag::Attribute),
            Family::Link => &self.0,
        };
        part.iter().filter(move |attribute| family.contains(attribute))
    }

    /// The vendor attributes with this vendor and name.
    pub fn vendor<'a>(&'a self, vendor: &'a str, name: &'a str) -> impl Iterator<Item = &'a Attribute> {
        self.family(Family::Vendor(vendor, name))
    }

    /// The instance with this index.
    pub fn find<'a>(&'a self, family: impl Into<Family<'a>>, index: u32) -> Option<&'a Attribute> {
        self.family(family.into()).find(|attribute| attribute.index == index)
    }

    /// Changes the value of an instance, which keeps its index. False if there is none.
    pub fn replace<'a>(&mut self, family: impl Into<Family<'a>>, index: u32, value: Value) -> bool {
        let family = family.into();
        let found = self.0.iter_mut().find(|attribute| attribute.index == index && family.contains(attribute));
        found.is_some_and(|attribute| {
            attribute.value = value;
            true
        })
    }

    /// Takes an instance out; the others keep their indices.
    pub fn remove<'a>(&mut self, family: impl Into<Family<'a>>, index: u32) -> Option<Attribute> {
        let family = family.into();
        let at = self.0.iter().position(|attribute| attribute.index == index && family.contains(attribute))?;
        Some(self.0.remove(at))
    }

    /// Takes all instances of a family out and says how many there were.
    pub fn remove_all<'a>(&mut self, family: impl Into<Family<'a>>) -> usize {
        let (family, before) = (family.into(), self.0.len());
        self.0.retain(|attribute| !family.contains(attribute));
        before - self.0.len()
    }

    /// Every instance in the order of the table.
    pub fn iter(&self) -> std::slice::Iter<'_, Attribute> {
        self.0.iter()
    }

    /// The number of instances.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn range(&self, tag: Tag) -> std::ops::Range<usize> {
        let start = self.0.partition_point(|attribute| attribute.tag < tag);
        let count = self.0[start..].iter().take_while(|attribute| attribute.tag == tag).count();
        start..start + count
    }
}

impl<'a> IntoIterator for &'a Attributes {
    type Item = &'a Attribute;
    type IntoIter = std::slice::Iter<'a, Attribute>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl IntoIterator for Attributes {
    type Item = Attribute;
    type IntoIter = std::vec::IntoIter<Attribute>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl FromIterator<Attribute> for Attributes {
    /// From stored instances. In the order of `iter` they are taken as they are.
    fn from_iter<I: IntoIterator<Item = Attribute>>(stored: I) -> Self {
        let stored: Vec<Attribute> = stored.into_iter().collect();
        if stored.is_sorted_by_key(|attribute| attribute.tag) {
            return Self(stored);
        }
        let mut set = Self::new();
        for attribute in stored {
            set.insert(attribute);
        }
        set
    }
}

/// Vendor Identification and Attribute Name of the value of a vendor attribute.
pub fn vendor_and_name(value: &Value) -> Option<(&str, &str)> {
    Some((value.field(Tag::VendorIdentification)?.as_text()?, value.field(Tag::AttributeName)?.as_text()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Date;
    use crate::model::attributes::attr;
    use crate::model::values::{Target, VendorAttribute};
    use crate::registry::State;

    fn vendor(vendor: &str, name: &str, value: i32) -> Value {
        VendorAttribute { vendor: vendor.into(), name: name.into(), value: Value::Integer(value) }.into_value()
    }

    fn link(id: &str) -> Value {
        Target::Object(id.into()).into_value()
    }

    #[test]
    fn typed_keys_read_and_write() {
        let mut set = Attributes::new();
        assert!(set.is_empty());
        set.set(attr::STATE, State::PreActive);
        set.set(attr::ACTIVATION_DATE, Date(5));
        set.set(attr::COMMENT, "c".into());
        set.set(attr::STATE, State::Active);
        assert_eq!(set.get(attr::STATE), Some(State::Active));
        assert_eq!(set.text(attr::COMMENT), Some("c"));
        assert_eq!(set.get(attr::CRYPTOGRAPHIC_LENGTH), None);
        assert!(!set.is_true(attr::SENSITIVE) && set.has(Tag::Comment));
        let order: Vec<Tag> = set.iter().map(|attribute| attribute.tag).collect();
        assert_eq!(order, [Tag::ActivationDate, Tag::State, Tag::Comment]);
        assert_eq!(set.len(), 3);
    }

    #[test]
    fn indices_never_shift() {
        let mut set = Attributes::new();
        for (group, index) in [("a", 0), ("b", 1), ("c", 2)] {
            assert_eq!(set.push(Tag::ObjectGroup, Value::text(group)), index);
        }
        assert_eq!(set.remove(Tag::ObjectGroup, 1).map(|gone| gone.value), Some(Value::text("b")));
        assert_eq!(set.remove(Tag::ObjectGroup, 1), None);
        assert_eq!(set.find(Tag::ObjectGroup, 2).map(|left| &left.value), Some(&Value::text("c")));
        assert_eq!(set.push(Tag::ObjectGroup, Value::text("d")), 3);
        assert!(
            set.replace(Tag::ObjectGroup, 0, Value::text("e")) && !set.replace(Tag::ObjectGroup, 9, Value::text("e"))
        );
        assert_eq!(set.all(attr::OBJECT_GROUP).collect::<Vec<_>>(), ["e", "c", "d"]);
        assert_eq!(set.remove_all(Tag::ObjectGroup), 3);
        assert_eq!(set.push(Tag::ObjectGroup, Value::text("a")), 0);
    }

    #[test]
    fn families_count_together() {
        let mut set = Attributes::new();
        assert_eq!(set.push(Tag::PreviousLink, link("p")), 0);
        assert_eq!(set.push(Tag::NextLink, link("n")), 1);
        assert_eq!(set.push(Tag::CertificateLink, link("c")), 2);
        assert_eq!(set.find(Family::Link, 1).map(|found| found.tag), Some(Tag::NextLink));
        assert_eq!(set.find(Tag::NextLink, 0), None);

        assert_eq!(set.push(Tag::Attribute, vendor("x", "a", 1)), 0);
        assert_eq!(set.push(Tag::Attribute, vendor("x", "b", 2)), 0);
        assert_eq!(set.push(Tag::Attribute, vendor("x", "a", 3)), 1);
        assert_eq!(set.vendor("x", "a").count(), 2);
        assert!(set.replace(Family::Vendor("x", "b"), 0, vendor("x", "b", 9)));
        assert_eq!(set.find(Family::Vendor("x", "b"), 0).map(|found| &found.value), Some(&vendor("x", "b", 9)));
        assert_eq!(set.remove_all(Family::Vendor("x", "a")), 2);
        assert_eq!(set.remove_all(Family::Link), 3);
        assert_eq!(set.len(), 1);
    }

    #[test]
    fn stored_attributes_come_back_as_they_were() {
        let mut set = Attributes::new();
        for id in ["a", "b", "c"] {
            set.push(Tag::NextLink, link(id));
            set.push(Tag::ParentLink, link(id));
            set.push(Tag::Attribute, vendor("x", id, 1));
            set.push(Tag::Attribute, vendor("x", "all", 1));
        }
        set.remove(Family::Link, 2);
        let back: Attributes = set.clone().into_iter().collect();
        assert_eq!(back, set);
        let shuffled: Attributes = set.clone().into_iter().rev().collect();
        let links = |set: &Attributes| set.family(Family::Link).cloned().collect::<Vec<_>>();
        assert_eq!((shuffled.len(), links(&shuffled)), (set.len(), links(&set)));

        // Modify Attribute of 1.x may give a link another Link Type under the same index.
        set.insert(Attribute { tag: Tag::ChildLink, index: 3, value: link("z") });
        assert_eq!(set.find(Family::Link, 3).map(|found| found.tag), Some(Tag::ChildLink));
        assert_eq!(set.family(Family::Link).count(), 5);
    }
}
