//! Users that live in the store (3.0 Create User): one comes in with its Name and the password of a Password Credential
//! that it is linked to. User and credential must be Active, so Revoke and Deactivate keep them out. Users of the users
//! file are asked for first.

use crate::base::{Date, Error, Pin, Result};
use crate::crypto::password;
use crate::keep::find::Search;
use crate::keep::{Keep, Kept};
use crate::model::attr;
use crate::model::values::{AttributeValue, Name, Target};
use crate::registry::{NameType, ObjectType, State, Tag};
use crate::store::Sequence;

/// How many passwords are tried for one name: hashing is work. A user with more credentials is let in by the first ones.
const TRIES_MAX: usize = 4;
/// An Argon2id hash of nothing anyone knows: a name without a password takes as long as one that has it.
const DECOY: &str = "$argon2id$v=19$m=19456,t=2,p=1$XEqT9KvbGvf2zWeNcgdZWA$2VvQ2xvS2Nq0bqBgC1m3v8rO9F6yN0cJwZ5h7kT1a3E";

/// Whether a user of the store has the name and the password.
pub fn verify(keep: &Keep, name: &str, password: &Pin, now: Date) -> Result<bool> {
    let mut hashes = Vec::new();
    for user in named(keep, name, ObjectType::User, now)? {
        for target in user.object.attributes.all(attr::CREDENTIAL_LINK) {
            for credential in linked(keep, &target, now)? {
                if hashes.len() < TRIES_MAX
                    && let Some(body) = keep.body(&credential.object, &mut Sequence::default()).map_err(Error::from)?
                {
                    hashes.push(body.bytes);
                }
            }
        }
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

/// The Password Credentials that a link points at now.
fn linked(keep: &Keep, target: &Target, now: Date) -> Result<Vec<Kept>> {
    let object_type = ObjectType::PasswordCredential;
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

fn serves(kept: &Kept, object_type: ObjectType, now: Date) -> bool {
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
