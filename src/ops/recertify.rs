//! Re-certify: a new certificate for the key pair of an existing one, which hands on its name and attributes (1.4 §4.8,
//! 2.1 §6.1.45). What is taken over is in `replace`, what is renewed in `certifying::terms`.

use super::certifying::{
    Application, Existing, Said, Signer, Terms, Wanted, certifiable, certificate_object, is_same, linked_public_key,
    save,
};
use super::create::StorageMasks;
use super::fresh::asked;
use super::replace::{inherited, may_replace, succeed};
use super::{Cx, Object, Op, certificate};
use crate::base::{Error, Result};
use crate::crypto::x509::Certificate;
use crate::model::right::Right;
use crate::model::{Attributes, attr};
use crate::proto::attributes::AttributeList;
use crate::proto::id::{Id, IdRef};
use crate::proto::wire::structure;
use crate::registry::{
    CertificateRequestType, CertificateType, ObjectType, ResultReason, State, Tag, UniqueIdentifier,
};

/// Re-certify.
pub struct ReCertify;

structure! {
    /// Which certificate; a certificate request, in the payload or as an object; Offset in seconds between Initial Date
    /// and Activation Date of the new one; what else to change.
    pub struct Request<'a> reads {
        opt UniqueIdentifier => id: IdRef<'a>;
        opt CertificateRequestUniqueIdentifier => request_id: IdRef<'a>;
        opt CertificateRequestType => request_type: CertificateRequestType;
        opt CertificateRequest | CertificateRequestValue => request: &'a [u8];
        opt Offset => offset: u32;
        opt TemplateAttribute | Attributes => attributes: AttributeList;
        opt ProtectionStorageMasks => storage: StorageMasks;
    }
}

structure! {
    /// The new certificate.
    pub struct Response writes {
        req UniqueIdentifier => id: Id;
    }
}

impl Op for ReCertify {
    type Request<'a> = Request<'a>;
    type Response = Response;

    fn run(request: Request<'_>, cx: &mut Cx<'_>) -> Result<Response> {
        StorageMasks::check(request.storage.as_ref(), ResultReason::ProtectionStorageUnavailable)?;
        let sent = Application::of_payload(request.request_type, request.request, cx.version)?;
        let mut old = cx.object(request.id, Right::Rekey)?;
        let existing = renewable(cx, &old)?;
        let public_key = linked_public_key(cx, &old.attributes)?;
        if let Some(object) = &public_key {
            let linked = certifiable(cx, object)?;
            if !existing.public_key.as_ref().is_some_and(|own| is_same(own, &linked).unwrap_or(false)) {
                return Err(Error::invalid_field("the Public Key Link does not lead to the key of the certificate"));
            }
        }
        let application = application(cx, sent, request.request_id)?;
        if let Some(application) = &application {
            let key = existing.public_key.as_ref().ok_or_else(|| {
                Error::new(ResultReason::InvalidCSR, "the key of the existing certificate is of an unknown algorithm")
            })?;
            application.is_for(key)?;
        }
        let mut list = request.attributes.unwrap_or_default();
        let said = Said::take(&mut list, cx.version)?;
        let asked = asked(cx, list, ObjectType::Certificate)?;
        if asked.get(attr::CERTIFICATE_TYPE).is_some_and(|kind| kind != CertificateType::X_509) {
            return Err(Error::new(ResultReason::FeatureNotSupported, "this server makes X.509 certificates only"));
        }
        let mask = asked.get(attr::CRYPTOGRAPHIC_USAGE_MASK);
        let signer = {
            let existing = Existing { object: &old, certificate: &existing };
            Signer::choose(cx, &asked, public_key.as_ref(), Some(existing))?
        };
        let attributes = handed_on(cx, &old, asked, request.offset)?;
        let wanted = Wanted {
            key_info: &existing.public_key_info,
            key: existing.public_key.as_ref(),
            request: application.as_ref().map(|application| &application.request),
            said,
            mask,
            existing: Some(&existing),
            key_mask: None,
            common_name: String::new(),
        };
        let terms = Terms::new(wanted, &attributes, &signer, cx.now)?;
        let (mut new, body) = certificate_object(cx, &terms, signer, attributes, Some(&old.owner))?;
        succeed(cx, &mut old, &mut new);
        let replaced = old.id.clone();
        // The old certificate first: it gives up its name.
        cx.save(old)?;
        let request_object = application.and_then(|application| application.object);
        let others = [(Tag::PublicKeyLink, public_key), (Tag::CertificateRequestLink, request_object)];
        save(cx, new, body, others, Some(&replaced), UniqueIdentifier::ReCertify).map(|id| Response { id })
    }
}

/// The certificate, if it can be renewed: one that is compromised cannot, for its key is.
fn renewable(cx: &mut Cx<'_>, old: &Object) -> Result<Certificate> {
    may_replace(cx, old, ObjectType::Certificate)?;
    if old.state(cx.now) == State::Compromised {
        return Err(Error::permission_denied("the certificate is compromised; certify a new key instead"));
    }
    let body = cx.body(old)?;
    let read = body.and_then(|body| certificate::read(&old.material.fields, &body));
    let only_x509 = || Error::new(ResultReason::FeatureNotSupported, "this server renews X.509 certificates only");
    Ok(read.ok_or_else(only_x509)??)
}

/// The certificate request, which may be in the payload or be named.
fn application(cx: &mut Cx<'_>, sent: Option<Application>, named: Option<IdRef<'_>>) -> Result<Option<Application>> {
    match (sent, named) {
        (Some(_), Some(_)) => Err(Error::invalid_field("send a certificate request or name one, not both")),
        (None, Some(id)) => {
            let object = cx.object(Some(id), Right::Use)?;
            if object.object_type != ObjectType::CertificateRequest {
                let words = format!("a {} is no certificate request", object.object_type);
                return Err(Error::new(ResultReason::InvalidObjectType, words));
            }
            Application::of_object(cx, object).map(Some)
        }
        (sent, None) => Ok(sent),
    }
}

/// The attributes of the new certificate, without those that will be read from it.
fn handed_on(cx: &Cx<'_>, old: &Object, asked: Attributes, offset: Option<u32>) -> Result<Attributes> {
    let mut attributes = inherited(cx, old, asked, offset)?;
    certificate::forget(&mut attributes);
    Ok(attributes)
}
