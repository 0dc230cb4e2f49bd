//! Set Constraints: what new objects must be like (2.1 §6.1.52, §7.6). Operators set them; whoever makes or registers an
//! object that breaks one is refused with Constraint Violation.

use super::scope::{self, Scope};
use super::{Cx, Op};
use crate::base::{Error, Result, Value};
use crate::model::ManagedObject;
use crate::proto::wire::{Read, Write, structure, unexpected};
use crate::registry::{ResultReason, Tag, Version};
use crate::ttlv::{Item, Writer};

/// Set Constraints.
pub struct SetConstraints;

structure! {
    /// The constraints from now on.
    pub struct Request reads {
        req Constraints => constraints: Constraints;
    }
}

structure! {
    /// Nothing.
    pub struct Response writes {}
}

/// Constraints (2.1 §7.7): each of them holds for each object that it is for.
#[derive(Default, Debug)]
pub struct Constraints(Vec<Scope>);

impl<'a> Read<'a> for Constraints {
    fn read(item: &Item<'a>, version: Version) -> Result<Self> {
        let one = |child: Item<'a>| match child.tag {
            Tag::Constraint => Scope::read(&child, version),
            _ => Err(unexpected(&child, item.tag, version)),
        };
        item.children().map(one).collect::<Result<_>>().map(Self)
    }
}

impl Write for Constraints {
    fn write(&self, tag: Tag, out: &mut Writer, version: Version) {
        out.structure(tag, |out| self.0.iter().for_each(|scope| scope.write(Tag::Constraint, out, version)));
    }
}

/// The name under which they are kept.
const MEMO: &[u8] = b"note/constraints";

impl Op for SetConstraints {
    type Request<'a> = Request;
    type Response = Response;

    fn run(request: Request, cx: &mut Cx<'_>) -> Result<Response> {
        cx.operators_only()?;
        let Constraints(scopes) = request.constraints;
        scope::keep(cx, MEMO, &scopes)?;
        Ok(Response {})
    }
}

/// What is in force.
pub fn in_force(cx: &Cx<'_>) -> Result<Constraints> {
    scope::kept(cx, MEMO).map(Constraints)
}

/// Whether a new object, complete but for its state, keeps the constraints.
///
/// # Errors
/// Constraint Violation.
pub fn check(cx: &Cx<'_>, object: &ManagedObject) -> Result<()> {
    let broken = scope::kept(cx, MEMO)?.iter().find_map(|scope| broken(scope, object));
    broken.map_or(Ok(()), |tag| {
        let words = format!("a constraint of this server is on {tag}; Get Constraints shows it");
        Err(Error::new(ResultReason::ConstraintViolation, words))
    })
}

/// The attribute that breaks the constraint. Values of one attribute are alternatives; a mask is the bits that may be.
fn broken(scope: &Scope, object: &ManagedObject) -> Option<Tag> {
    if !scope.covers(object.object_type, &object.attributes) {
        return None;
    }
    let keeps = |tag: Tag| {
        let allowed = scope.attributes.instances(tag);
        let held = object.attributes.instances(tag);
        held.iter().any(|held| allowed.iter().any(|allowed| fits(tag, &held.value, &allowed.value)))
    };
    scope.attributes.iter().map(|one| one.tag).find(|tag| !keeps(*tag))
}

fn fits(tag: Tag, held: &Value, allowed: &Value) -> bool {
    match (held, allowed) {
        (Value::Integer(held), Value::Integer(allowed)) if tag.mask().is_some() => held & !allowed == 0,
        _ => held == allowed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::attr;
    use crate::registry::{CryptographicAlgorithm as Algorithm, CryptographicUsageMask as Mask, ObjectType};

    #[test]
    fn a_key_keeps_or_breaks_a_constraint() {
        let mut scope = Scope { types: vec![ObjectType::SymmetricKey], ..Scope::default() };
        scope.attributes.set(attr::CRYPTOGRAPHIC_ALGORITHM, Algorithm::AES);
        scope.attributes.push(Tag::CryptographicLength, Value::Integer(192));
        scope.attributes.push(Tag::CryptographicLength, Value::Integer(256));
        scope.attributes.set(attr::CRYPTOGRAPHIC_USAGE_MASK, Mask(Mask::Encrypt.0 | Mask::Decrypt.0));
        let key = |object_type, algorithm, length, mask| {
            let mut key = ManagedObject::new("k", object_type, "alice");
            key.attributes.set(attr::CRYPTOGRAPHIC_ALGORITHM, algorithm);
            key.attributes.set(attr::CRYPTOGRAPHIC_LENGTH, length);
            key.attributes.set(attr::CRYPTOGRAPHIC_USAGE_MASK, mask);
            key
        };
        let symmetric = ObjectType::SymmetricKey;
        let table = [
            (key(symmetric, Algorithm::AES, 256, Mask::Encrypt), None),
            (key(symmetric, Algorithm::AES, 192, Mask(0)), None),
            (key(symmetric, Algorithm::AES, 128, Mask::Encrypt), Some(Tag::CryptographicLength)),
            (key(symmetric, Algorithm::DES3, 192, Mask::Encrypt), Some(Tag::CryptographicAlgorithm)),
            (key(symmetric, Algorithm::AES, 256, Mask::Sign), Some(Tag::CryptographicUsageMask)),
            (key(ObjectType::PrivateKey, Algorithm::RSA, 2048, Mask::Sign), None),
        ];
        for (key, expected) in table {
            assert_eq!(broken(&scope, &key), expected);
        }
        assert_eq!(broken(&scope, &ManagedObject::new("k", symmetric, "a")), Some(Tag::CryptographicAlgorithm));
    }
}
