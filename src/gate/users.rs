//! Users that live in the store (3.0 Create User): one comes in with its Name and a credential that it is linked to.
//! User and credential must be Active, so Revoke and Deactivate keep them out. Passwords are verified here, after those
//! of the users file; `credentials` verifies the rest. Groups are those that a user is linked to.

use crate::base::{Date, Error, Pin, Result};
use crate::crypto::password;
use crate::keep::find::Search;
use crate::keep::{Keep, Kept};
use crate::model::values::{AttributeValue, Name, Target};
use crate::model::{ManagedObject, attr};
use crate::registry::{NameType, ObjectType, State, Tag};
use crate::store::Sequence;

/// How many passwords are tried for one name: hashing is work. A user with more credentials is let in by the first ones.
const TRIES_MAX: usize = 4;
/// An Argon2id hash of nothing anyone knows: a name without a password takes as long as one that has it.
const DECOY: &str = "$argon2id$v=19$m=19456,t=2,p=1$XEqT9KvbGvf2zWeNcgdZWA$2VvQ2xvS2Nq0bqBgC1m3v8rO9F6yN0cJwZ5h7kT1a3E";

/// Whether a user of the store has the name and the password.
pub fn verify(keep: &Keep, name: &str, password: &Pin, now: Date) -> Result<bool> {
    let mut hashes = Vec::new();
    for credential in credentials(keep, name, ObjectType::PasswordCredential, now)? {
        hashes.extend(
            keep.body(&credential.object, &mut Sequence::default()).map_err(Error::from)?.map(|body| body.bytes),
        );
    }
    let password = password.expose().as_bytes();
    if hashes.is_empty() {
        password::verify(DECOY, password);
        return Ok(false);
    }
    let right = |hash: &crate::base::KeyBytes| {
        std::str::from_utf8(hash.expose()).is_ok_and(|hash| password::verify(hash, password))
    };
    Ok(hashes.iter().any(right))
}

/// The credentials of a type that the users of this name are linked to, as many as are tried.
pub fn credentials(keep: &Keep, name: &str, object_type: ObjectType, now: Date) -> Result<Vec<Kept>> {
    let mut found = Vec::new();
    for user in named(keep, name, ObjectType::User, now)? {
        for target in user.object.attributes.all(attr::CREDENTIAL_LINK) {
            found.extend(linked(keep, &target, object_type, now)?);
        }
    }
    found.truncate(TRIES_MAX);
    Ok(found)
}

/// The name of the user that is linked to a credential.
pub fn user_of(keep: &Keep, credential: &ManagedObject, now: Date) -> Result<Option<String>> {
    let by_name = credential.attributes.all(attr::NAME).map(|name| Target::Name(name.value.into()));
    let mut name = None;
    for target in std::iter::once(Target::Object(credential.id.clone())).chain(by_name) {
        let value = target.clone().into_value();
        let search = Search { owner: None, values: &[(Tag::CredentialLink, &value)] };
        keep.find(&search, &mut Sequence::default(), &mut |kept| {
            let is_linked = kept.object.attributes.all(attr::CREDENTIAL_LINK).any(|link| link == target);
            if is_linked && serves(&kept, ObjectType::User, now) {
                name = kept.object.attributes.all(attr::NAME).next().map(|name| name.value);
            }
            name.is_none()
        })
        .map_err(Error::from)?;
        if name.is_some() {
            break;
        }
    }
    Ok(name)
}

/// The groups that the users of this name are linked to: the identifier and the names of each.
pub fn groups(keep: &Keep, name: &str, now: Date) -> Result<Vec<Box<str>>> {
    let mut groups = Vec::new();
    for user in named(keep, name, ObjectType::User, now)? {
        for target in user.object.attributes.all(attr::GROUP_LINK) {
            for group in linked(keep, &target, ObjectType::Group, now)? {
                groups.extend(group.object.attributes.all(attr::NAME).map(|name| name.value.into()));
                groups.push(group.object.id.clone());
            }
        }
    }
    Ok(groups)
}

/// The objects of a type that a link points at now.
fn linked(keep: &Keep, target: &Target, object_type: ObjectType, now: Date) -> Result<Vec<Kept>> {
    match target {
        Target::Name(name) => named(keep, name, object_type, now),
        Target::Object(id) => {
            let found = keep.load(id, &mut Sequence::default()).map_err(Error::from)?;
            Ok(found.into_iter().filter(|kept| serves(kept, object_type, now)).collect())
        }
    }
}

/// The objects of a type that have the name, whoever made them.
fn named(keep: &Keep, name: &str, object_type: ObjectType, now: Date) -> Result<Vec<Kept>> {
    let value = Name { value: name.to_owned(), name_type: NameType::UninterpretedTextString }.into_value();
    let mut found = Vec::new();
    let search = Search { owner: None, values: &[(Tag::Name, &value)] };
    keep.find(&search, &mut Sequence::default(), &mut |kept| {
        let has_name = kept.object.attributes.instances(Tag::Name).iter().any(|one| one.value == value);
        if has_name && serves(&kept, object_type, now) {
            found.push(kept);
        }
        found.len() < TRIES_MAX
    })
    .map_err(Error::from)?;
    Ok(found)
}

/// Whether an object is of the type and in use: Active, and not archived.
pub fn serves(kept: &Kept, object_type: ObjectType, now: Date) -> bool {
    let object = &kept.object;
    object.object_type == object_type && object.state(now) == State::Active && !object.is_archived()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_decoy_is_a_hash_that_costs_what_others_cost() {
        use argon2::password_hash::phc::PasswordHash;
        let cost = |text: &str| {
            let hash = PasswordHash::new(text).unwrap();
            (hash.algorithm, hash.params.to_string(), hash.hash.map(|hash| hash.as_bytes().len()))
        };
        assert_eq!(cost(DECOY), cost(&password::hash(b"x").unwrap()));
    }
}
