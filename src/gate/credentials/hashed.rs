//! Hashed Password: proof of a password that does not show it, against a Hashed Password Credential (2.1 §9.11, 3.0
//! §2.1.3). With S1 = Hash(Username || Password) and S2 = Hash(Password || Username), which the credential holds:
//!
//! - the client sends Hash(S1 || Timestamp) || S2, with a Timestamp that rises from request to request;
//! - the server answers Server Hashed Password = Hash(Timestamp || S1 || Hash(S2)) (2.1 §8.5).

use subtle::ConstantTimeEq;

use super::{Asking, Last, Proof, with_structure};
use crate::base::{Error, KeyBytes, Result};
use crate::crypto::hash::hash;
use crate::gate::users;
use crate::proto::wire::{Read, structure, wrong_type};
use crate::registry::{HashingAlgorithm, ObjectType, Tag, Version};
use crate::ttlv::Item;

/// "The current timestamp": how far the client's clock may be from ours, in microseconds.
const CLOCK_MICROS: u64 = 300_000_000;

structure! {
    /// Credential Value of a Hashed Password credential.
    struct Hashed<'a> reads {
        req Username => user: &'a str;
        req TimeStamp => timestamp: Item<'a>;
        opt HashingAlgorithm => hash: HashingAlgorithm;
        req HashedPassword => hashed: &'a [u8];
    }
}

structure! {
    /// Hashed Password Credential.
    struct Enrolled reads {
        opt HashingAlgorithm => hash: HashingAlgorithm;
        req HashedUsernamePassword => one: KeyBytes;
        req HashedPasswordUsername => two: KeyBytes;
    }
}

/// The name that a credential claims.
pub fn claimed<'a>(value: &Item<'a>, version: Version) -> Result<&'a str> {
    Hashed::read(value, version).map(|value| value.user)
}

/// Verifies a hashed password; none if it is wrong, too old, or was used.
pub fn hashed(value: &Item<'_>, version: Version, asking: &Asking<'_>) -> Result<Option<Proof>> {
    let value = Hashed::read(value, version)?;
    let timestamp =
        value.timestamp.date_time_extended().ok_or_else(|| wrong_type(&value.timestamp, "a Date-Time Extended"))?;
    if timestamp.abs_diff(asking.now_micros) > CLOCK_MICROS {
        return Ok(None);
    }
    let algorithm = value.hash.unwrap_or(HashingAlgorithm::SHA_256);
    let digest = |parts: &[&[u8]]| {
        hash(algorithm, &parts.concat())
            .map_err(|_| Error::invalid_field(format!("{algorithm} is no hash of this server")))
    };
    let time = timestamp.to_be_bytes();
    for credential in users::credentials(asking.keep, value.user, ObjectType::HashedPasswordCredential, asking.now)? {
        let last = Last::of(asking, &credential)?;
        // Microseconds since 1970: the window above keeps them positive.
        let number = timestamp.max(0) as u64;
        if last.number.is_some_and(|last| number <= last) {
            continue;
        }
        let answer = with_structure(asking, &credential, Tag::HashedPasswordCredential, |item| {
            let enrolled = Enrolled::read(item, Version::V3_0)?;
            let (one, two) = (enrolled.one.expose(), enrolled.two.expose());
            let expected = [&digest(&[one, &time])?, two].concat();
            let right = enrolled.hash.unwrap_or(HashingAlgorithm::SHA_256) == algorithm
                && bool::from(expected.ct_eq(value.hashed));
            if right { digest(&[&time, one, &digest(&[two])?]).map(Some) } else { Ok(None) }
        })?;
        if let Some(server_hash) = answer.flatten() {
            let spent = Some(last.spend(number));
            return Ok(Some(Proof { user: value.user.to_owned(), spent, server_hash: Some(server_hash) }));
        }
    }
    Ok(None)
}
