//! What Certify and Re-certify share (1.4 §4.7 and §4.8, 2.1 §6.1.6 and §6.1.45): who is certified, who signs, what the
//! certificate says, and the object that is made of it.

mod said;
mod signer;
mod terms;
mod usage;

pub use said::Said;
pub use signer::{Existing, Signer, only};
pub use terms::{Terms, Wanted, is_valid_at};

use super::create_key_pair::link;
use super::fresh::{Origin, Parsed, furnish, parsed};
use super::unwrapping::plain_body;
use super::{Cx, Object, certificate};
use crate::base::{Error, KeyBytes, Result};
use crate::crypto::keys::PublicKey;
use crate::crypto::x509::{Request as CertificateRequest, public_key_info};
use crate::model::object::Fields;
use crate::model::right::Right;
use crate::model::values::{AttributeValue, Target};
use crate::model::{Attributes, Family, attr};
use crate::proto::id::Id;
use crate::proto::objects::Body;
use crate::proto::wire::missing;
use crate::registry::{
    CertificateRequestType, CertificateType, ObjectType, ResultReason, State, Tag, UniqueIdentifier, Version,
};

/// A certificate request, and the Certificate Request object that holds it, if one does (since 2.0).
pub struct Application {
    /// What it says.
    pub request: CertificateRequest,
    /// The object.
    pub object: Option<Object>,
}

impl Application {
    /// The certificate request in a payload, if there is one.
    ///
    /// # Errors
    /// Invalid Message if it stands there without its type, or the type without it, or if both are missing in 1.0, which
    /// requires them (1.0 §4.6). Those of reading it.
    pub fn of_payload(
        request_type: Option<CertificateRequestType>,
        bytes: Option<&[u8]>,
        version: Version,
    ) -> Result<Option<Self>> {
        let absent = |tag| Err(missing(tag, Tag::RequestPayload));
        match (request_type, bytes) {
            (Some(request_type), Some(bytes)) => {
                let request = certificate::read_request(request_type, bytes)?;
                Ok(Some(Self { request, object: None }))
            }
            (None, None) if version > Version::V1_0 => Ok(None),
            (None, _) => absent(Tag::CertificateRequestType),
            (Some(_), None) if version.is_1x() => absent(Tag::CertificateRequest),
            (Some(_), None) => absent(Tag::CertificateRequestValue),
        }
    }

    /// The certificate request that an object holds.
    pub fn of_object(cx: &mut Cx<'_>, object: Object) -> Result<Self> {
        let body = cx.body(&object)?.ok_or_else(|| not_certifiable("the certificate request is not here"))?;
        Ok(Self { request: certificate::request_of(&object.material.fields, &body)?, object: Some(object) })
    }

    /// Whether the request is for this key.
    ///
    /// # Errors
    /// Invalid CSR, in 1.x Invalid Field.
    pub fn is_for(&self, key: &PublicKey) -> Result<()> {
        if is_same(key, &self.request.public_key)? {
            return Ok(());
        }
        Err(Error::new(ResultReason::InvalidCSR, "the certificate request is for another key than the one to certify"))
    }
}

/// The key of a Public Key object that can be certified: "Object specified is not able to be certified" is Permission
/// Denied (1.4 §11.8); of the wrong type, since 2.0, Invalid Object Type.
pub fn certifiable(cx: &mut Cx<'_>, object: &Object) -> Result<PublicKey> {
    if object.object_type != ObjectType::PublicKey {
        let words = format!("a {} cannot be certified", object.object_type);
        let reason = ResultReason::InvalidObjectType;
        return Err(crate::model::Refusal::new(reason, ResultReason::PermissionDenied, words).into_error(cx.version));
    }
    if !matches!(object.state(cx.now), State::PreActive | State::Active) {
        return Err(not_certifiable("the state of the public key does not let it be certified"));
    }
    let body = plain_body(cx, object)?;
    match body.and_then(|body| parsed(object, &body)) {
        Some(Parsed::Public(key)) => Ok(key),
        _ => Err(not_certifiable("the public key is not of an algorithm and format that this server uses")),
    }
}

/// Whether two public keys are one.
pub fn is_same(one: &PublicKey, other: &PublicKey) -> Result<bool> {
    Ok(public_key_info(one)? == public_key_info(other)?)
}

/// The Public Key object that another object's Public Key Link names.
pub fn linked_public_key(cx: &mut Cx<'_>, attributes: &Attributes) -> Result<Option<Object>> {
    let link = only(attributes, attr::PUBLIC_KEY_LINK)?;
    link.map(|link| super::pkcs12::follow(cx, &link, Right::Use)).transpose()
}

fn not_certifiable(words: &'static str) -> Error {
    Error::permission_denied(words)
}

/// The signed certificate as an object that is not saved yet, with links to issuer, public key and request. `owner` is
/// whom it belongs to, if not the caller.
pub fn certificate_object(
    cx: &mut Cx<'_>,
    terms: &Terms,
    mut signer: Signer,
    mut attributes: Attributes,
    owner: Option<&str>,
) -> Result<(Object, Body)> {
    let der = signer.sign(cx, &terms.spec())?;
    let body = Body::bytes(KeyBytes::copy_from(&der));
    let mut object = cx.new_object(ObjectType::Certificate)?;
    if let Some(owner) = owner {
        object.owner = owner.into();
    }
    object.material.fields = Fields::Certificate(CertificateType::X_509);
    attributes.set(attr::CRYPTOGRAPHIC_USAGE_MASK, terms.mask(&attributes));
    certificate::describe(&mut attributes, &object.material.fields, &body)?;
    furnish(cx, &mut object, attributes, Some(&body), Origin::Generated)?;
    if let Some((issuer, _)) = signer.authority.filter(|_| !object.attributes.has(Tag::CertificateLink)) {
        link(&mut object, Tag::CertificateLink, &issuer);
    }
    cx.may_create(&object)?;
    Ok((object, body))
}

/// Links the new certificate with its public key and its request, both ways, and stages them all. Where the public key
/// or the request was linked to the certificate that is replaced, it is linked to the new one instead.
pub fn save(
    cx: &mut Cx<'_>,
    mut certificate: Object,
    body: Body,
    others: [(Tag, Option<Object>); 2],
    replaced: Option<&str>,
    part: UniqueIdentifier,
) -> Result<Id> {
    for (tag, other) in others {
        let Some(mut other) = other else { continue };
        let known = certificate.attributes.instances(tag).iter().any(|one| one.value.as_text() == Some(&*other.id));
        if !known {
            link(&mut certificate, tag, &other.id);
        }
        let mut links = other.attributes.instances(Tag::CertificateLink).iter();
        let old = links.find(|one| replaced.is_some() && one.value.as_text() == replaced).map(|one| one.index);
        match old {
            Some(index) => {
                let target = Target::Object(certificate.id.clone()).into_value();
                other.attributes.replace(Family::Link, index, target);
            }
            None => link(&mut other, Tag::CertificateLink, &certificate.id),
        }
        cx.save(other)?;
    }
    let id = cx.save_with(certificate, Some(body))?;
    cx.answer(part, &id);
    Ok(id)
}
