//! Certificate (3.0 §9.9): the certificate of the connection is one that a user is linked to, and names that user
//! whatever is written in it.

use super::{Asking, Proof};
use crate::base::{Error, Result};
use crate::crypto::x509;
use crate::gate::users;
use crate::keep::Kept;
use crate::keep::find::Search;
use crate::model::values::{AttributeValue, X509CertificateIdentifier};
use crate::proto::wire::{Read, structure};
use crate::registry::{CertificateType, ObjectType, Tag, Version};
use crate::store::Sequence;
use crate::ttlv::Item;

structure! {
    /// Credential Value of a Certificate credential: whom the client says it is, and which certificate it means.
    struct Shown<'a> reads {
        opt Username => user: &'a str;
        opt Certificate => certificate: Inner<'a>;
    }
}

structure! {
    struct Inner<'a> reads {
        req CertificateType => _kind: CertificateType;
        req CertificateValue => value: &'a [u8];
    }
}

/// Verifies that a user is linked to the certificate of the connection; none if nobody is, or another one was meant.
pub fn certificate(value: &Item<'_>, version: Version, asking: &Asking<'_>) -> Result<Option<Proof>> {
    let shown = Shown::read(value, version)?;
    // Only the connection's own certificate comes with the proof that the client holds its key.
    let Some(own) = asking.certificate else { return Ok(None) };
    if shown.certificate.is_some_and(|certificate| certificate.value != own) {
        return Ok(None);
    }
    let Ok(parsed) = x509::Certificate::parse(own) else { return Ok(None) };
    let identifier =
        X509CertificateIdentifier { issuer: parsed.issuer.der().to_vec(), serial_number: parsed.serial.to_vec() };
    let identifier = identifier.into_value();
    let search = Search { owner: None, values: &[(Tag::X_509CertificateIdentifier, &identifier)] };
    let mut found = Vec::new();
    let mut look = |kept: Kept| {
        if users::serves(&kept, ObjectType::Certificate, asking.now) {
            found.push(kept);
        }
        true
    };
    asking.keep.find(&search, &mut Sequence::default(), &mut look).map_err(Error::from)?;
    for kept in found {
        let body = asking.keep.body(&kept.object, &mut Sequence::default()).map_err(Error::from)?;
        if body.is_none_or(|body| body.bytes.expose() != own) {
            continue;
        }
        let user = users::user_of(asking.keep, &kept.object, asking.now)?;
        if let Some(user) = user.filter(|user| shown.user.is_none_or(|said| said == user)) {
            return Ok(Some(Proof { user, ..Proof::default() }));
        }
    }
    Ok(None)
}
