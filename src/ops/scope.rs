//! What Object Defaults and Constraint have in common: attributes, and the objects that they are for (2.1 §7.6, §7.22).

use super::Cx;
use crate::base::{Error, Field, Result, Value};
use crate::keep::memo::{from_value, to_value};
use crate::model::{Attribute, Attributes};
use crate::proto::attributes::{AnswerAttributes, AttributeList, check_value};
use crate::proto::wire::{Read, Write, missing, repeated, unexpected};
use crate::registry::{ObjectType, Tag, Version};
use crate::ttlv::{Item, Writer};

/// Attributes for objects of some types in some groups.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Scope {
    /// Of these types; none means all.
    pub types: Vec<ObjectType>,
    /// In one of these groups; none means whatever the group.
    pub groups: Attributes,
    /// The attributes.
    pub attributes: Attributes,
}

impl Scope {
    /// Whether it is for an object of that type with these attributes.
    pub fn covers(&self, object_type: ObjectType, attributes: &Attributes) -> bool {
        let grouped = |group: &Attribute| attributes.instances(group.tag).iter().any(|one| one.value == group.value);
        (self.types.is_empty() || self.types.contains(&object_type))
            && (self.groups.is_empty() || self.groups.iter().any(grouped))
    }

    /// The stored form.
    fn to_value(&self) -> Value {
        let types = self.types.iter().map(|one| Field::new(Tag::ObjectType, Value::Enumeration(one.0)));
        let fields = |list: &Attributes| list.iter().map(|one| Field::new(one.tag, one.value.clone())).collect();
        Value::Structure(vec![
            Field::new(Tag::ObjectTypes, Value::Structure(types.collect())),
            Field::new(Tag::ObjectGroups, Value::Structure(fields(&self.groups))),
            Field::new(Tag::Attributes, Value::Structure(fields(&self.attributes))),
        ])
    }

    fn from_value(value: &Value) -> Self {
        let fields = |tag| match value.field(tag) {
            Some(Value::Structure(fields)) => fields.as_slice(),
            _ => &[],
        };
        let list = |tag| {
            let mut attributes = Attributes::new();
            for field in fields(tag) {
                attributes.push(field.tag, field.value.clone());
            }
            attributes
        };
        let types = fields(Tag::ObjectTypes).iter().filter_map(|field| match field.value {
            Value::Enumeration(number) => Some(ObjectType(number)),
            _ => None,
        });
        Self { types: types.collect(), groups: list(Tag::ObjectGroups), attributes: list(Tag::Attributes) }
    }
}

impl<'a> Read<'a> for Scope {
    fn read(item: &Item<'a>, version: Version) -> Result<Self> {
        let mut scope = Self::default();
        let (mut typed, mut grouped, mut listed) = (false, false, false);
        for child in item.children() {
            let again = match child.tag {
                Tag::ObjectType => {
                    scope.types.push(ObjectType::read(&child, version)?);
                    std::mem::replace(&mut typed, true)
                }
                Tag::ObjectTypes => {
                    for one in child.children() {
                        if one.tag != Tag::ObjectType {
                            return Err(unexpected(&one, child.tag, version));
                        }
                        scope.types.push(ObjectType::read(&one, version)?);
                    }
                    std::mem::replace(&mut typed, true)
                }
                Tag::ObjectGroups => {
                    scope.groups = list(&child, version)?;
                    let group = |one: &Attribute| matches!(one.tag, Tag::ObjectGroup | Tag::GroupLink);
                    if let Some(other) = scope.groups.iter().find(|one| !group(one)) {
                        return Err(Error::invalid_field(format!("Object Groups holds groups, not {}", other.tag)));
                    }
                    std::mem::replace(&mut grouped, true)
                }
                Tag::Attributes => {
                    scope.attributes = list(&child, version)?;
                    std::mem::replace(&mut listed, true)
                }
                _ => return Err(unexpected(&child, item.tag, version)),
            };
            if again {
                return Err(repeated(&child));
            }
        }
        // Of Object Defaults, types and attributes are required; of a Constraint nothing is, but one without attributes
        // says nothing.
        if item.tag == Tag::ObjectDefaults && !typed {
            return Err(missing(Tag::ObjectTypes, item.tag));
        }
        if !listed {
            return Err(missing(Tag::Attributes, item.tag));
        }
        Ok(scope)
    }
}

/// The attributes of a structure, each of the form that it has as an attribute.
fn list(item: &Item<'_>, version: Version) -> Result<Attributes> {
    let mut attributes = Attributes::new();
    for one in AttributeList::read(item, version)?.attributes {
        check_value(&one, version)?;
        attributes.push(one.tag, one.value);
    }
    Ok(attributes)
}

impl Write for Scope {
    fn write(&self, tag: Tag, out: &mut Writer, version: Version) {
        let known = self.types.iter().filter(|one| one.known_in(version));
        if Tag::ObjectTypes.known_in(version) {
            out.structure(tag, |out| {
                if !self.types.is_empty() {
                    out.structure(Tag::ObjectTypes, |out| {
                        known.for_each(|one| one.write(Tag::ObjectType, out, version))
                    });
                }
                if tag == Tag::Constraint {
                    self.write_groups(out, version);
                }
                self.write_attributes(out, version);
                if tag != Tag::Constraint {
                    self.write_groups(out, version);
                }
            });
            return;
        }
        // 2.0 names one type in each Object Defaults, and no groups: what is for some groups only is not for all.
        for one in known.filter(|_| self.groups.is_empty()) {
            out.structure(tag, |out| {
                one.write(Tag::ObjectType, out, version);
                self.write_attributes(out, version);
            });
        }
    }
}

impl Scope {
    fn write_attributes(&self, out: &mut Writer, version: Version) {
        AnswerAttributes(self.attributes.iter().cloned().collect()).write(Tag::Attributes, out, version);
    }

    fn write_groups(&self, out: &mut Writer, version: Version) {
        if !self.groups.is_empty() {
            AnswerAttributes(self.groups.iter().cloned().collect()).write(Tag::ObjectGroups, out, version);
        }
    }
}

/// The list that is kept as a memo.
pub fn kept(cx: &Cx<'_>, memo: &[u8]) -> Result<Vec<Scope>> {
    Ok(match cx.look_at_memo(memo)?.map(|list| to_value(&list)).transpose()? {
        Some(Value::Structure(fields)) => fields.iter().map(|field| Scope::from_value(&field.value)).collect(),
        _ => Vec::new(),
    })
}

/// Keeps the list as a memo; an empty one is forgotten.
pub fn keep(cx: &mut Cx<'_>, memo: &[u8], scopes: &[Scope]) -> Result<()> {
    let fields = scopes.iter().map(|scope| Field::new(Tag::Constraint, scope.to_value())).collect();
    cx.set_memo(memo, (!scopes.is_empty()).then(|| from_value(&Value::Structure(fields))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::attr;
    use crate::registry::CryptographicAlgorithm;

    #[test]
    fn a_scope_survives_storage_and_knows_its_objects() {
        let mut scope = Scope { types: vec![ObjectType::SymmetricKey], ..Scope::default() };
        scope.attributes.set(attr::CRYPTOGRAPHIC_ALGORITHM, CryptographicAlgorithm::AES);
        scope.groups.push(Tag::ObjectGroup, Value::text("tape"));
        scope.groups.push(Tag::ObjectGroup, Value::text("disk"));
        assert_eq!(Scope::from_value(&scope.to_value()), scope);

        let mut tape = Attributes::new();
        tape.push(Tag::ObjectGroup, Value::text("tape"));
        let none = Attributes::new();
        let table = [
            (ObjectType::SymmetricKey, &tape, true),
            (ObjectType::SymmetricKey, &none, false),
            (ObjectType::SecretData, &tape, false),
        ];
        for (object_type, attributes, expected) in table {
            assert_eq!(scope.covers(object_type, attributes), expected, "{object_type}");
        }
        assert!(Scope::default().covers(ObjectType::Certificate, &none));
    }
}
