//! The rules of access: an object belongs to the caller that made it, and an operator may see and do everything. Where
//! the operator chose so, the members of a group have rights to the objects that their owners put into it.

use crate::model::object::{class_of, in_group};
use crate::model::right::{Caller, ObjectFacts, Policy, Right, Verdict};
use crate::registry::ObjectClass;

/// What a caller learns of an object that is not its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Strangers {
    /// Nothing: to them it does not exist.
    #[default]
    NotFound,
    /// That it exists and is not theirs.
    Denied,
}

/// The owner may; operators may; members of the object's groups may what `members` lists; others may not.
#[derive(Clone, Debug, Default)]
pub struct Ownership {
    /// What others learn.
    pub strangers: Strangers,
    /// What members of a group may do with an object that is in it (Object Group, Group Link).
    pub members: Box<[Right]>,
}

impl Policy for Ownership {
    fn looks_at_groups(&self) -> bool {
        !self.members.is_empty()
    }

    fn allows(&self, caller: &Caller, right: Right, facts: &ObjectFacts<'_>) -> Verdict {
        // Users, groups and credentials say who may come in: they are for operators, also those that one made who is none
        // any more.
        let system = class_of(facts.object_type) == ObjectClass::System;
        if caller.operator || (!system && *caller.name == *facts.owner) {
            return Verdict::Allow;
        }
        let is_member = || in_group(facts.attributes, |group| caller.is_in(group));
        if !system && self.members.contains(&right) && is_member() {
            return Verdict::Allow;
        }
        match self.strangers {
            _ if right == Right::Create => Verdict::Deny,
            _ if right == Right::Locate => Verdict::Hide,
            Strangers::NotFound => Verdict::Hide,
            Strangers::Denied => Verdict::Deny,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Value;
    use crate::model::ManagedObject;
    use crate::registry::{ObjectType, Tag};

    #[test]
    fn objects_belong_to_their_makers() {
        let key = ManagedObject::new("k", ObjectType::SymmetricKey, "alice");
        let ask = |policy: &Ownership, caller: &Caller, right| policy.allows(caller, right, &ObjectFacts::from(&key));
        let (alice, bob) = (Caller::named("alice"), Caller::named("bob"));
        let operator = Caller { operator: true, ..Caller::named("carol") };
        let denied = Ownership { strangers: Strangers::Denied, ..Ownership::default() };
        for right in Right::ALL {
            assert_eq!(ask(&Ownership::default(), &alice, right), Verdict::Allow);
            assert_eq!(ask(&Ownership::default(), &operator, right), Verdict::Allow);
            let expected = if right == Right::Create { Verdict::Deny } else { Verdict::Hide };
            assert_eq!(ask(&Ownership::default(), &bob, right), expected);
        }
        let user = ManagedObject::new("u", ObjectType::User, "alice");
        let of_user = |caller: &Caller, right| Ownership::default().allows(caller, right, &ObjectFacts::from(&user));
        assert_eq!(of_user(&alice, Right::ModifyAttributes), Verdict::Hide);
        assert_eq!(of_user(&alice, Right::Create), Verdict::Deny);
        assert_eq!(of_user(&operator, Right::ModifyAttributes), Verdict::Allow);
        assert_eq!(ask(&denied, &bob, Right::Get), Verdict::Deny);
        assert_eq!(ask(&denied, &bob, Right::Locate), Verdict::Hide);
    }

    #[test]
    fn members_of_a_group_may_what_the_operator_chose() {
        let group = |name: &str| Caller { groups: [name.into()].into(), ..Caller::named("bob") };
        let policy = Ownership { members: [Right::Get, Right::Locate].into(), ..Ownership::default() };
        let groups = [
            (Tag::ObjectGroup, Value::text("staff"), "staff"),
            (Tag::GroupLink, Value::NameReference("staff".into()), "staff"),
            (Tag::GroupLink, Value::Reference("id-7".into()), "id-7"),
        ];
        for (tag, value, name) in groups {
            let object = |object_type| {
                let mut object = ManagedObject::new("k", object_type, "alice");
                object.attributes.push(tag, value.clone());
                object
            };
            let (key, user) = (object(ObjectType::SymmetricKey), object(ObjectType::User));
            // (caller, right, object, verdict)
            let cases = [
                (group(name), Right::Get, &key, Verdict::Allow),
                (group(name), Right::Locate, &key, Verdict::Allow),
                (group(name), Right::Destroy, &key, Verdict::Hide),
                (group("other"), Right::Get, &key, Verdict::Hide),
                (Caller::named(name), Right::Get, &key, Verdict::Hide),
                // Who may come in is not shared.
                (group(name), Right::Get, &user, Verdict::Hide),
            ];
            for (caller, right, object, verdict) in cases {
                assert_eq!(policy.allows(&caller, right, &ObjectFacts::from(object)), verdict, "{caller:?} {right:?}");
                let closed = Ownership::default().allows(&caller, right, &ObjectFacts::from(object));
                assert_eq!(closed, Verdict::Hide, "without the choice");
            }
        }
    }
}
