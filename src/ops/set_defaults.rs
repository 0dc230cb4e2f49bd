//! Set Defaults: attributes that the server gives to new objects when the client gives none (2.1 §6.1.53). Query tells
//! everybody which; only operators set them.

use super::scope::{self, Scope};
use super::{Cx, Op};
use crate::base::{Error, Result};
use crate::model::Attributes;
use crate::model::rules::may_set_at_creation;
use crate::proto::wire::{Read, Write, structure, unexpected};
use crate::registry::{ObjectType, Tag, Version};
use crate::ttlv::{Item, Writer};

/// Set Defaults.
pub struct SetDefaults;

structure! {
    /// The defaults from now on; absent, none.
    pub struct Request reads {
        opt DefaultsInformation => defaults: DefaultsInformation;
    }
}

structure! {
    /// Nothing.
    pub struct Response writes {}
}

/// Defaults Information (2.1 §7.11).
#[derive(Default, Debug)]
pub struct DefaultsInformation(Vec<Scope>);

impl<'a> Read<'a> for DefaultsInformation {
    fn read(item: &Item<'a>, version: Version) -> Result<Self> {
        let one = |child: Item<'a>| match child.tag {
            Tag::ObjectDefaults => Scope::read(&child, version),
            _ => Err(unexpected(&child, item.tag, version)),
        };
        item.children().map(one).collect::<Result<_>>().map(Self)
    }
}

impl Write for DefaultsInformation {
    fn write(&self, tag: Tag, out: &mut Writer, version: Version) {
        out.structure(tag, |out| self.0.iter().for_each(|scope| scope.write(Tag::ObjectDefaults, out, version)));
    }
}

/// The name under which they are kept.
const MEMO: &[u8] = b"note/defaults";

impl Op for SetDefaults {
    type Request<'a> = Request;
    type Response = Response;

    fn run(request: Request, cx: &mut Cx<'_>) -> Result<Response> {
        cx.operators_only()?;
        let DefaultsInformation(scopes) = request.defaults.unwrap_or_default();
        for scope in &scopes {
            for one in &scope.attributes {
                if one.tag == Tag::Name {
                    return Err(Error::invalid_field("a Name is unique; it cannot be a default"));
                }
                for object_type in &scope.types {
                    may_set_at_creation(one.tag, &one.value, *object_type, cx.version)
                        .map_err(|refusal| refusal.into_error(cx.version))?;
                }
            }
        }
        scope::keep(cx, MEMO, &scopes)?;
        Ok(Response {})
    }
}

/// What is in force, for Query.
pub fn in_force(cx: &Cx<'_>) -> Result<DefaultsInformation> {
    scope::kept(cx, MEMO).map(DefaultsInformation)
}

/// Gives a new object the defaults of attributes that the client left out. Where several defaults are for the object,
/// the first one counts.
pub fn fill(cx: &Cx<'_>, object_type: ObjectType, attributes: &mut Attributes) -> Result<()> {
    for scope in scope::kept(cx, MEMO)? {
        fill_from(&scope, object_type, attributes);
    }
    Ok(())
}

fn fill_from(scope: &Scope, object_type: ObjectType, attributes: &mut Attributes) {
    if !scope.covers(object_type, attributes) {
        return;
    }
    let left_out: Vec<_> = scope.attributes.iter().filter(|one| !attributes.has(one.tag)).collect();
    for one in left_out {
        attributes.push(one.tag, one.value.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Value;
    use crate::model::attr;

    #[test]
    fn what_the_client_gave_stays() {
        let mut scope = Scope { types: vec![ObjectType::SymmetricKey], ..Scope::default() };
        scope.attributes.set(attr::CRYPTOGRAPHIC_LENGTH, 256);
        scope.attributes.push(Tag::ObjectGroup, Value::text("a"));
        scope.attributes.push(Tag::ObjectGroup, Value::text("b"));
        let mut given = Attributes::new();
        given.set(attr::CRYPTOGRAPHIC_LENGTH, 128);
        fill_from(&scope, ObjectType::SymmetricKey, &mut given);
        assert_eq!(given.get(attr::CRYPTOGRAPHIC_LENGTH), Some(128));
        assert_eq!(given.instances(Tag::ObjectGroup).len(), 2);
        let mut other = Attributes::new();
        fill_from(&scope, ObjectType::SecretData, &mut other);
        assert!(other.is_empty());
    }
}
