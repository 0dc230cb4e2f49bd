//! Who may do what. The rights, the caller, and the question to the policy; the answer is the policy's own, which
//! lives above. `ExportPermit` is the one way to key bytes, and its constructor is the check.

use std::sync::Arc;

use super::attributes::attr;
use super::object::ManagedObject;
use super::refusal::Refusal;
use super::set::Attributes;
use crate::registry::{ObjectType, ResultReason};

/// A kind of access. Each operation needs one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Right {
    /// To make objects: Create, Create Key Pair, Register, Import, Derive Key, Certify and the like.
    Create,
    /// To find the object: Locate.
    Locate,
    /// To see its attributes: Get Attributes, Get Attribute List, Check.
    ReadAttributes,
    /// To change its attributes: Add, Modify, Set, Adjust, Delete Attribute.
    ModifyAttributes,
    /// To have its material: Get, Export.
    Get,
    /// To use it in the server: Encrypt, Decrypt, Sign, Signature Verify, MAC, Encapsulate.
    Use,
    /// To wrap or unwrap other keys with it.
    Wrap,
    /// To derive keys from it.
    Derive,
    /// To replace it: Re-key, Re-key Key Pair, Re-certify.
    Rekey,
    /// To take a lease or an allocation of its usage: Obtain Lease, Get Usage Allocation.
    Lease,
    /// Activate.
    Activate,
    /// Revoke, Deactivate.
    Revoke,
    /// Destroy, Obliterate.
    Destroy,
    /// Archive, Recover.
    Archive,
    /// What concerns the server and not one object: users, groups, defaults, constraints.
    Administer,
}

impl Right {
    /// Every right.
    pub const ALL: [Self; 15] = [
        Self::Create,
        Self::Locate,
        Self::ReadAttributes,
        Self::ModifyAttributes,
        Self::Get,
        Self::Use,
        Self::Wrap,
        Self::Derive,
        Self::Rekey,
        Self::Lease,
        Self::Activate,
        Self::Revoke,
        Self::Destroy,
        Self::Archive,
        Self::Administer,
    ];

    /// The name in policy files, log and audit.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Locate => "locate",
            Self::ReadAttributes => "read-attributes",
            Self::ModifyAttributes => "modify-attributes",
            Self::Get => "get",
            Self::Use => "use",
            Self::Wrap => "wrap",
            Self::Derive => "derive",
            Self::Rekey => "rekey",
            Self::Lease => "lease",
            Self::Activate => "activate",
            Self::Revoke => "revoke",
            Self::Destroy => "destroy",
            Self::Archive => "archive",
            Self::Administer => "administer",
        }
    }

    /// The right with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|right| right.name() == name)
    }
}

/// Who asks: an identity that was proven by certificate or credential.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Caller {
    /// The name; objects belong to names.
    pub name: Arc<str>,
    /// Whether the policy lets the caller operate the server.
    pub operator: bool,
    /// The groups the caller is in, by name and by unique identifier; empty if the policy looks at none.
    pub groups: Arc<[Box<str>]>,
}

impl Caller {
    /// A caller without groups that is no operator.
    pub fn named(name: impl Into<Arc<str>>) -> Self {
        Self { name: name.into(), operator: false, groups: Arc::new([]) }
    }

    /// Whether the caller is in the group.
    pub fn is_in(&self, group: &str) -> bool {
        self.groups.iter().any(|own| **own == *group)
    }
}

/// What a policy may look at. For an object that is about to be made, the one that was asked for.
#[derive(Clone, Copy, Debug)]
pub struct ObjectFacts<'a> {
    /// The unique identifier; `None` before the object exists.
    pub id: Option<&'a str>,
    /// The object type.
    pub object_type: ObjectType,
    /// The name of the owner.
    pub owner: &'a str,
    /// The attributes.
    pub attributes: &'a Attributes,
}

impl<'a> From<&'a ManagedObject> for ObjectFacts<'a> {
    fn from(object: &'a ManagedObject) -> Self {
        Self {
            id: Some(&object.id),
            object_type: object.object_type,
            owner: &object.owner,
            attributes: &object.attributes,
        }
    }
}

/// The answer of a policy.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Yes.
    Allow,
    /// No, and the caller may know that the object exists.
    Deny,
    /// No, and to this caller the object does not exist.
    Hide,
}

/// The rules of access. `gate` implements them.
pub trait Policy: Send + Sync {
    /// Whether the caller has the right over the object.
    fn allows(&self, caller: &Caller, right: Right, facts: &ObjectFacts<'_>) -> Verdict;

    /// Whether it looks at the groups of callers: only then are they looked up.
    fn looks_at_groups(&self) -> bool {
        false
    }
}

/// How the material would leave the server.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Release {
    /// As it is.
    Plain,
    /// Wrapped by another key.
    Wrapped,
}

/// Permission to let the material of one object leave the server in one way. The vault asks for it by value, so it is
/// spent by one release; there is no other way to make one than the check.
#[derive(PartialEq, Eq, Debug)]
pub struct ExportPermit {
    id: Box<str>,
    release: Release,
}

impl ExportPermit {
    /// The check: the policy gives `Right::Get`; Extractable is not False (1.4 §3.50); and a Sensitive object is
    /// asked for wrapped (§3.48).
    ///
    /// # Errors
    /// Permission Denied, Item Not Found (1.x) or Object Not Found, Not Extractable, Sensitive.
    pub fn new(
        object: &ManagedObject,
        release: Release,
        caller: &Caller,
        policy: &dyn Policy,
    ) -> Result<Self, Refusal> {
        permitted(policy.allows(caller, Right::Get, &ObjectFacts::from(object)))?;
        if object.attributes.get(attr::EXTRACTABLE) == Some(false) {
            return Err(Refusal::same(ResultReason::NotExtractable, "the object is not extractable"));
        }
        if object.attributes.is_true(attr::SENSITIVE) && release == Release::Plain {
            return Err(Refusal::same(ResultReason::Sensitive, "the object is sensitive; ask for it wrapped"));
        }
        Ok(Self { id: object.id.clone(), release })
    }

    /// The object it is for.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The way it is for.
    pub fn release(&self) -> Release {
        self.release
    }
}

/// A verdict as a result.
///
/// # Errors
/// Permission Denied; or, if the object is to be hidden, what is said of an object that is not there.
pub fn permitted(verdict: Verdict) -> Result<(), Refusal> {
    match verdict {
        Verdict::Allow => Ok(()),
        Verdict::Deny => Err(Refusal::same(ResultReason::PermissionDenied, "the policy does not permit it")),
        Verdict::Hide => {
            let words = "there is no such object";
            Err(Refusal::new(ResultReason::ObjectNotFound, ResultReason::ItemNotFound, words))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::Version;

    struct OwnerOnly;

    impl Policy for OwnerOnly {
        fn allows(&self, caller: &Caller, right: Right, facts: &ObjectFacts<'_>) -> Verdict {
            match (*caller.name == *facts.owner, right) {
                (true, _) => Verdict::Allow,
                (false, _) if caller.is_in("auditors") => Verdict::Deny,
                _ => Verdict::Hide,
            }
        }
    }

    #[test]
    fn a_permit_is_the_check() {
        let object = |sensitive: Option<bool>, extractable: Option<bool>| {
            let mut key = ManagedObject::new("k", ObjectType::SymmetricKey, "alice");
            if let Some(flag) = sensitive {
                key.attributes.set(attr::SENSITIVE, flag);
            }
            if let Some(flag) = extractable {
                key.attributes.set(attr::EXTRACTABLE, flag);
            }
            key
        };
        let (plain, wrapped) = (Release::Plain, Release::Wrapped);
        let table = [
            (object(None, None), plain, None),
            (object(Some(false), Some(true)), plain, None),
            (object(Some(true), Some(true)), plain, Some(ResultReason::Sensitive)),
            (object(Some(true), None), wrapped, None),
            (object(Some(false), Some(false)), plain, Some(ResultReason::NotExtractable)),
            (object(Some(true), Some(false)), wrapped, Some(ResultReason::NotExtractable)),
        ];
        for (key, release, expected) in table {
            let answer = ExportPermit::new(&key, release, &Caller::named("alice"), &OwnerOnly);
            match answer {
                Ok(permit) => assert_eq!((permit.id(), permit.release(), None), ("k", release, expected)),
                Err(refusal) => assert_eq!(Some(refusal.reason(Version::V1_4)), expected),
            }
        }
    }

    #[test]
    fn a_stranger_gets_no_permit() {
        let key = ManagedObject::new("k", ObjectType::SymmetricKey, "alice");
        let reason = |caller: &Caller, version| {
            ExportPermit::new(&key, Release::Wrapped, caller, &OwnerOnly).unwrap_err().reason(version)
        };
        let auditor = Caller { groups: ["auditors".into()].into(), ..Caller::named("carol") };
        assert_eq!(reason(&auditor, Version::V2_1), ResultReason::PermissionDenied);
        assert_eq!(reason(&Caller::named("bob"), Version::V2_1), ResultReason::ObjectNotFound);
        assert_eq!(reason(&Caller::named("bob"), Version::V1_4), ResultReason::ItemNotFound);
    }

    #[test]
    fn rights_have_their_own_names() {
        for right in Right::ALL {
            assert_eq!(Right::from_name(right.name()), Some(right));
        }
        assert_eq!(Right::from_name("everything"), None);
    }
}
