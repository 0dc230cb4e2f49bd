//! Device: serial number, identifiers and a shared secret, against a Device Credential (1.4 §2.1.2, 3.0 §2.1.3).

use subtle::ConstantTimeEq;

use super::{Asking, Proof, with_structure};
use crate::base::{Error, Result, Value};
use crate::gate::users;
use crate::keep::Kept;
use crate::keep::find::Search;
use crate::proto::wire::{repeated, unexpected, wrong_type};
use crate::registry::{CredentialType, ObjectType, Tag, Version};
use crate::store::Sequence;
use crate::ttlv::Item;

/// What a device may tell of itself.
const FIELDS: &[Tag] = &[
    Tag::DeviceSerialNumber,
    Tag::Password,
    Tag::DeviceIdentifier,
    Tag::NetworkIdentifier,
    Tag::MachineIdentifier,
    Tag::MediaIdentifier,
];

/// What a device told, by which it is counted when it is wrong.
pub fn claimed(value: &Item<'_>, version: Version) -> Result<String> {
    let told: Vec<&str> =
        fields(value, version)?.into_iter().filter(|(tag, _)| *tag != Tag::Password).map(|(_, text)| text).collect();
    Ok(told.join("/"))
}

/// Verifies a device; none if no device is enrolled with exactly these values, or no user is linked to it. One that has
/// no password proves nothing to a stranger: its user must have come in by certificate too.
pub fn device(value: &Item<'_>, version: Version, asking: &Asking<'_>) -> Result<Option<Proof>> {
    let told = fields(value, version)?;
    let kind = Value::Enumeration(CredentialType::Device.0);
    let search = Search { owner: None, values: &[(Tag::CredentialType, &kind)] };
    let mut enrolled = Vec::new();
    let mut failed = None;
    let mut look = |credential: Kept| {
        if users::serves(&credential, ObjectType::DeviceCredential, asking.now) {
            match is(&told, asking, &credential) {
                Ok(true) => enrolled.push(credential),
                Ok(false) => {}
                Err(error) => failed = Some(error),
            }
        }
        failed.is_none()
    };
    asking.keep.find(&search, &mut Sequence::default(), &mut look).map_err(Error::from)?;
    if let Some(error) = failed {
        return Err(error);
    }
    let secret = told.iter().any(|(tag, _)| *tag == Tag::Password);
    for credential in &enrolled {
        let user = users::user_of(asking.keep, &credential.object, asking.now)?;
        if let Some(user) = user.filter(|user| secret || user == asking.peer) {
            return Ok(Some(Proof { user, ..Proof::default() }));
        }
    }
    Ok(None)
}

/// "The client SHALL provide at least one field" (2.1 §9.11).
fn fields<'a>(value: &Item<'a>, version: Version) -> Result<Vec<(Tag, &'a str)>> {
    let mut fields: Vec<(Tag, &str)> = Vec::new();
    for child in value.children() {
        if !FIELDS.contains(&child.tag) {
            return Err(unexpected(&child, value.tag, version));
        }
        if fields.iter().any(|(tag, _)| *tag == child.tag) {
            return Err(repeated(&child));
        }
        fields.push((child.tag, child.text().ok_or_else(|| wrong_type(&child, "a Text String"))?));
    }
    if fields.is_empty() {
        return Err(Error::invalid_message("a Device credential has at least one field"));
    }
    Ok(fields)
}

/// Whether a credential has these values and no others, compared in constant time.
fn is(told: &[(Tag, &str)], asking: &Asking<'_>, credential: &Kept) -> Result<bool> {
    let same = with_structure(asking, credential, Tag::DeviceCredential, |item| {
        let right = |(tag, text): &(Tag, &str)| {
            let kept = item.child(*tag).and_then(|child| child.text());
            kept.is_some_and(|kept| bool::from(kept.as_bytes().ct_eq(text.as_bytes())))
        };
        Ok(item.children().count() == told.len() && told.iter().all(right))
    })?;
    Ok(same.unwrap_or(false))
}
