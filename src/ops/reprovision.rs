//! Re-Provision: a client replaces the certificate by which it connects (2.0 §6.1.44, 2.1 §6.1.48). It sends a
//! certification request, or a certificate that it has from elsewhere, or nothing, and then the server makes the key
//! too. "The current client credential SHALL be made invalid and cannot be used in future KMIP requests": it goes to a
//! list that every request is compared with. Who signs, and whom TLS lets in, is known above (`Provisioner`).

use std::sync::Arc;

use aws_lc_rs::digest;

use super::create_key_pair::link;
use super::fresh::{Origin, encoded_body, furnish, requested};
use super::{Cx, Object, Op, certificate};
use crate::base::{Error, KeyBytes, Result};
use crate::crypto::keys::{KeySpec, PrivateKey};
use crate::crypto::rsa::SoftwareRsa;
use crate::crypto::{formats, x509};
use crate::keep::Keep;
use crate::model::object::Fields;
use crate::model::right::Right;
use crate::model::values::{AttributeValue, X509CertificateIdentifier};
use crate::model::{Attributes, attr};
use crate::proto::attributes::AttributeList;
use crate::proto::id::Id;
use crate::proto::objects::{Body, NewObject};
use crate::proto::wire::structure;
use crate::registry::{
    CertificateType, CryptographicAlgorithm, CryptographicUsageMask, KeyFormatType, ObjectType, RecommendedCurve,
    ResultReason, State, Tag, UniqueIdentifier,
};
use crate::store::Sequence;
use crate::ttlv::Item;

/// Where the certificates of clients come from, and which of them open a connection.
pub trait Provisioner: Send + Sync {
    /// Signs a client certificate for this caller and this public key (SubjectPublicKeyInfo, DER).
    ///
    /// # Errors
    /// Feature Not Supported: no authority is at hand.
    fn issue(&self, caller: &str, public_key_info: &[u8]) -> Result<Vec<u8>>;

    /// Whether a client that shows the certificate gets a connection and is this caller.
    ///
    /// # Errors
    /// Permission Denied, and why.
    fn admits(&self, caller: &str, certificate: &[u8]) -> Result<()>;
}

/// Nobody signs.
pub struct NoProvisioner;

impl Provisioner for NoProvisioner {
    fn issue(&self, _: &str, _: &[u8]) -> Result<Vec<u8>> {
        Err(Error::new(ResultReason::FeatureNotSupported, "this server has no authority that signs certificates"))
    }

    fn admits(&self, _: &str, _: &[u8]) -> Result<()> {
        Err(Error::permission_denied("this server does not know which certificates open a connection"))
    }
}

/// Where it is noted that a certificate was replaced.
fn place_of(certificate: &[u8]) -> Vec<u8> {
    [b"replaced/", digest::digest(&digest::SHA256, certificate).as_ref()].concat()
}

/// Whether a client certificate was replaced: nothing is done any more for who shows it.
pub fn is_replaced(keep: &Keep, certificate: &[u8]) -> Result<bool> {
    Ok(keep.memo(&place_of(certificate), &mut Sequence::default())?.is_some())
}

/// Re-Provision.
pub struct ReProvision;

structure! {
    /// What the client brings: at most one of them.
    pub struct Request<'a> reads {
        opt CertificateRequest => request: Item<'a>;
        opt Certificate => certificate: Item<'a>;
    }
}

structure! {
    /// "The Certificate or Private Key unique identifier."
    pub struct Response writes {
        req UniqueIdentifier => id: Id;
    }
}

impl Op for ReProvision {
    type Request<'a> = Request<'a>;
    type Response = Response;

    fn run(request: Request<'_>, cx: &mut Cx<'_>) -> Result<Response> {
        // "SHALL be called by the client that requires new credentials".
        let current = cx.certificate.ok_or_else(|| {
            Error::permission_denied("come in by the certificate that is to be replaced, without credential or ticket")
        })?;
        let before = represented(cx, current)?;
        let id = match (request.request, request.certificate) {
            (Some(_), Some(_)) => {
                return Err(Error::invalid_field("send a Certificate Request or a Certificate, not both"));
            }
            (Some(item), None) => {
                let sent = NewObject::read(&item, ObjectType::CertificateRequest, cx.version)?;
                let bytes = sent.body.as_ref().map_or(&[][..], |body| body.bytes.expose());
                let wanted = x509::Request::parse(bytes)
                    .map_err(|error| Error::invalid_field(format!("the certificate request: {error}")))?;
                let signed = issue(cx, &wanted.public_key_info)?;
                let new = new_certificate(cx, &signed)?;
                finish(cx, new, &signed, before)?
            }
            (None, Some(item)) => {
                let sent = NewObject::read(&item, ObjectType::Certificate, cx.version)?;
                let bytes = sent.body.as_ref().map_or(&[][..], |body| body.bytes.expose()).to_vec();
                if bytes == current || is_replaced(&cx.services.keep, &bytes)? {
                    return Err(Error::invalid_field(
                        "the certificate is in use, or was replaced before; send a new one",
                    ));
                }
                cx.services.provisioner.admits(&cx.caller.name, &bytes)?;
                let new = new_certificate(cx, &bytes)?;
                finish(cx, new, &bytes, before)?
            }
            (None, None) => made_here(cx, before)?,
        };
        cx.set_memo(&place_of(current), Some(KeyBytes::copy_from(&cx.now.0.to_be_bytes())))?;
        cx.answer(UniqueIdentifier::ReProvision, &id);
        Ok(Response { id })
    }
}

/// The object that is the certificate of the connection, if there is one. "SHALL fail if the certificate that
/// represents the client credential has been Revoked", or compromised; "SHOULD fail if [it] has expired".
fn represented(cx: &mut Cx<'_>, current: &[u8]) -> Result<Option<Object>> {
    let parsed = x509::Certificate::parse(current).map_err(Error::from)?;
    if cx.now > parsed.not_after {
        return Err(Error::permission_denied("the certificate that is to be replaced has expired"));
    }
    let identifier =
        X509CertificateIdentifier { issuer: parsed.issuer.der().to_vec(), serial_number: parsed.serial.to_vec() };
    let mut candidates = Vec::new();
    let owner = Arc::clone(&cx.caller.name);
    cx.find(&[(Tag::X_509CertificateIdentifier, &identifier.into_value())], &mut |object| {
        if object.object_type == ObjectType::Certificate && *object.owner == *owner {
            candidates.push(object.id.clone());
        }
        true
    })?;
    let mut found = None;
    for id in candidates {
        let object = cx.object_by_id(&id, Right::Rekey)?;
        // A destroyed one has no bytes to compare any more; issuer and serial number say enough.
        if cx.body(&object)?.is_some_and(|body| body.bytes.expose() != current) {
            continue;
        }
        match object.state(cx.now) {
            State::PreActive | State::Active => found = Some(object),
            state => {
                let words = format!("the certificate that is to be replaced is {state}");
                return Err(Error::permission_denied(words));
            }
        }
    }
    Ok(found)
}

fn issue(cx: &Cx<'_>, public_key_info: &[u8]) -> Result<Vec<u8>> {
    let signed = cx.services.provisioner.issue(&cx.caller.name, public_key_info)?;
    // An identity rule may look for something that the authority does not write.
    cx.services.provisioner.admits(&cx.caller.name, &signed)?;
    Ok(signed)
}

/// Attributes of a new object of the caller's, which is Active at once.
fn active(cx: &mut Cx<'_>, object_type: ObjectType) -> Result<Attributes> {
    let mut attributes = requested(cx, AttributeList::default(), object_type)?;
    attributes.set(attr::ACTIVATION_DATE, cx.now);
    Ok(attributes)
}

fn new_certificate(cx: &mut Cx<'_>, der: &[u8]) -> Result<Object> {
    let body = Body::bytes(KeyBytes::copy_from(der));
    let mut attributes = active(cx, ObjectType::Certificate)?;
    let mut object = cx.new_object(ObjectType::Certificate)?;
    object.material.fields = Fields::Certificate(CertificateType::X_509);
    certificate::describe(&mut attributes, &object.material.fields, &body)?;
    furnish(cx, &mut object, attributes, Some(&body), Origin::Registered)?;
    Ok(object)
}

/// Stages the new certificate, linked with the one before.
fn finish(cx: &mut Cx<'_>, mut new: Object, der: &[u8], before: Option<Object>) -> Result<Id> {
    cx.may_create(&new)?;
    if let Some(mut before) = before {
        link(&mut new, Tag::ReplacedObjectLink, &before.id);
        before.attributes.remove_all(Tag::ReplacementObjectLink);
        link(&mut before, Tag::ReplacementObjectLink, &new.id);
        cx.save(before)?;
    }
    cx.save_with(new, Some(Body::bytes(KeyBytes::copy_from(der))))
}

/// Half of a pair that is made here.
fn new_key(
    cx: &mut Cx<'_>,
    object_type: ObjectType,
    usage: CryptographicUsageMask,
    key: &PrivateKey,
    (format, body): (KeyFormatType, &Body),
) -> Result<Object> {
    let mut attributes = active(cx, object_type)?;
    attributes.set(attr::CRYPTOGRAPHIC_ALGORITHM, key.algorithm());
    attributes.set(attr::CRYPTOGRAPHIC_LENGTH, key.length());
    attributes.set(attr::CRYPTOGRAPHIC_USAGE_MASK, usage);
    let mut object = cx.new_object(object_type)?;
    object.material.format = Some(format);
    furnish(cx, &mut object, attributes, Some(body), Origin::Generated)?;
    cx.may_create(&object)?;
    Ok(object)
}

/// "Where no parameters are provided, the server shall generate a key pair and certificate associated with the client";
/// the client then asks for the private key by Get.
fn made_here(cx: &mut Cx<'_>, before: Option<Object>) -> Result<Id> {
    cx.block()?;
    let spec = KeySpec {
        algorithm: CryptographicAlgorithm::ECDSA,
        length: None,
        curve: Some(RecommendedCurve::P_256),
        software: SoftwareRsa::default(),
    };
    let key = PrivateKey::generate(&spec).map_err(Error::from)?;
    let (private_format, public_format) = (KeyFormatType::PKCS_8, KeyFormatType::X_509);
    let private_body = encoded_body(formats::encode_private(&key, private_format).map_err(Error::from)?);
    let public_body = encoded_body(formats::encode_public(&key.public(), public_format, None).map_err(Error::from)?);
    let signed = issue(cx, public_body.bytes.expose())?;
    let mut certificate = new_certificate(cx, &signed)?;
    let (sign, verify) = (CryptographicUsageMask::Sign, CryptographicUsageMask::Verify);
    let mut private = new_key(cx, ObjectType::PrivateKey, sign, &key, (private_format, &private_body))?;
    let mut public = new_key(cx, ObjectType::PublicKey, verify, &key, (public_format, &public_body))?;
    link(&mut private, Tag::PublicKeyLink, &public.id);
    link(&mut private, Tag::CertificateLink, &certificate.id);
    link(&mut public, Tag::PrivateKeyLink, &private.id);
    link(&mut public, Tag::CertificateLink, &certificate.id);
    link(&mut certificate, Tag::PublicKeyLink, &public.id);
    cx.save_with(public, Some(public_body))?;
    finish(cx, certificate, &signed, before)?;
    cx.save_with(private, Some(private_body))
}
