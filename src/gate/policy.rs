//! The rules of access: an object belongs to the caller that made it, and an operator may see and do everything.

use crate::model::object::class_of;
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

/// The owner may; operators may; others may not.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ownership {
    /// What others learn.
    pub strangers: Strangers,
}

impl Policy for Ownership {
    fn allows(&self, caller: &Caller, right: Right, facts: &ObjectFacts<'_>) -> Verdict {
        // Users, groups and credentials say who may come in: they are for operators, also those that one made who is none
        // any more.
        let system = class_of(facts.object_type) == ObjectClass::System;
        if caller.operator || (!system && *caller.name == *facts.owner) {
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
    use crate::model::ManagedObject;
    use crate::registry::ObjectType;

    #[test]
    fn objects_belong_to_their_makers() {
        let key = ManagedObject::new("k", ObjectType::SymmetricKey, "alice");
        let ask = |policy: Ownership, caller: &Caller, right| policy.allows(caller, right, &ObjectFacts::from(&key));
        let (alice, bob) = (Caller::named("alice"), Caller::named("bob"));
        let operator = Caller { operator: true, ..Caller::named("carol") };
        let denied = Ownership { strangers: Strangers::Denied };
        for right in Right::ALL {
            assert_eq!(ask(Ownership::default(), &alice, right), Verdict::Allow);
            assert_eq!(ask(Ownership::default(), &operator, right), Verdict::Allow);
            let expected = if right == Right::Create { Verdict::Deny } else { Verdict::Hide };
            assert_eq!(ask(Ownership::default(), &bob, right), expected);
        }
        let user = ManagedObject::new("u", ObjectType::User, "alice");
        let of_user = |caller: &Caller, right| Ownership::default().allows(caller, right, &ObjectFacts::from(&user));
        assert_eq!(of_user(&alice, Right::ModifyAttributes), Verdict::Hide);
        assert_eq!(of_user(&alice, Right::Create), Verdict::Deny);
        assert_eq!(of_user(&operator, Right::ModifyAttributes), Verdict::Allow);
        assert_eq!(ask(denied, &bob, Right::Get), Verdict::Deny);
        assert_eq!(ask(denied, &bob, Right::Locate), Verdict::Hide);
    }
}
