//! Certify: a certificate for a public key, signed by a certification authority whose key is kept here (1.4 §4.7, 2.1
//! §6.1.6). Which authority that is stands in `certifying::signer`, what the certificate says in `certifying::terms`.

use super::certifying::{
    Application, Said, Signer, Terms, Wanted, certifiable, certificate_object, linked_public_key, save,
};
use super::create::StorageMasks;
use super::fresh::requested;
use super::{Cx, Object, Op};
use crate::base::{Error, Result};
use crate::crypto::keys::PublicKey;
use crate::crypto::x509::public_key_info;
use crate::model::right::Right;
use crate::model::{Attributes, attr};
use crate::proto::attributes::AttributeList;
use crate::proto::id::{Id, IdRef};
use crate::proto::wire::structure;
use crate::registry::{
    CertificateRequestType, CertificateType, ObjectType, ResultReason, Tag, UniqueIdentifier, Version,
};

/// Certify.
pub struct Certify;

structure! {
    /// Which public key or Certificate Request object, or a certificate request; and what else the certificate is to say.
    pub struct Request<'a> reads {
        opt UniqueIdentifier => id: IdRef<'a>;
        opt CertificateRequestType => request_type: CertificateRequestType;
        opt CertificateRequest | CertificateRequestValue => request: &'a [u8];
        opt TemplateAttribute | Attributes => attributes: AttributeList;
        opt ProtectionStorageMasks => storage: StorageMasks;
    }
}

structure! {
    /// The certificate.
    pub struct Response writes {
        req UniqueIdentifier => id: Id;
    }
}

/// What is to be certified.
struct Applicant {
    application: Option<Application>,
    public_key: Option<Object>,
    key: PublicKey,
}

impl Op for Certify {
    type Request<'a> = Request<'a>;
    type Response = Response;

    fn run(request: Request<'_>, cx: &mut Cx<'_>) -> Result<Response> {
        StorageMasks::check(request.storage.as_ref(), ResultReason::ProtectionStorageUnavailable)?;
        let application = Application::of_payload(request.request_type, request.request, cx.version)?;
        let applicant = Applicant::find(cx, request.id, application)?;
        let mut list = request.attributes.unwrap_or_default();
        let said = Said::take(&mut list, cx.version)?;
        let attributes = requested(cx, list, ObjectType::Certificate)?;
        certificate_type(&attributes, applicant.application.is_some())?;
        let signer = Signer::choose(cx, &attributes, applicant.public_key.as_ref(), None)?;
        let of_request = applicant.application.as_ref().map(|application| &application.request);
        let own_info = public_key_info(&applicant.key)?;
        let wanted = Wanted {
            // As the client sent it: parameters may be spelt in more than one way.
            key_info: of_request.map_or(&own_info[..], |request| &request.public_key_info),
            key: Some(&applicant.key),
            request: of_request,
            said,
            mask: attributes.get(attr::CRYPTOGRAPHIC_USAGE_MASK),
            existing: None,
            key_mask: applicant.public_key.as_ref().and_then(|key| key.attributes.get(attr::CRYPTOGRAPHIC_USAGE_MASK)),
            common_name: common_name(&attributes, applicant.public_key.as_ref()),
        };
        let terms = Terms::new(wanted, &attributes, &signer, cx.now)?;
        let (certificate, body) = certificate_object(cx, &terms, signer, attributes, None)?;
        let request_object = applicant.application.and_then(|application| application.object);
        let others = [(Tag::PublicKeyLink, applicant.public_key), (Tag::CertificateRequestLink, request_object)];
        save(cx, certificate, body, others, None, UniqueIdentifier::Certify).map(|id| Response { id })
    }
}

impl Applicant {
    /// "If omitted and Certificate Request is not present, then the ID Placeholder value is used" (2.1 §6.1.6); in 1.x it
    /// is used beside a request too, if there is one.
    fn find(cx: &mut Cx<'_>, id: Option<IdRef<'_>>, application: Option<Application>) -> Result<Self> {
        let object = match (id, &application) {
            (None, Some(_)) if !cx.version.is_1x() => None,
            (None, Some(_)) => cx.resolve(None).ok().map(|id| cx.object_by_id(&id, Right::Use)).transpose()?,
            (id, _) => Some(cx.object(id, Right::Use)?),
        };
        let is_request = object.as_ref().is_some_and(|object| object.object_type == ObjectType::CertificateRequest);
        let (application, public_key) = match (application, object) {
            (Some(_), Some(_)) if is_request => {
                return Err(Error::invalid_field("send a certificate request or name one, not both"));
            }
            // Certificate Request objects came with 2.0.
            (None, Some(object)) if is_request && cx.version >= Version::V2_0 => {
                let public_key = linked_public_key(cx, &object.attributes)?;
                (Some(Application::of_object(cx, object)?), public_key)
            }
            other => other,
        };
        let key = match (&application, &public_key) {
            (None, None) => return Err(Error::invalid_message("the request names nothing to certify")),
            (Some(application), None) => application.request.public_key.clone(),
            (application, Some(object)) => {
                let key = certifiable(cx, object)?;
                application.as_ref().map(|application| application.is_for(&key)).transpose()?;
                key
            }
        };
        Ok(Self { application, public_key, key })
    }
}

/// "If the Certificate Request Type and the Certificate Request objects are omitted from the request, then the
/// Certificate Type SHALL be specified" (1.4 §4.7).
fn certificate_type(attributes: &Attributes, has_request: bool) -> Result<()> {
    match attributes.get(attr::CERTIFICATE_TYPE) {
        Some(CertificateType::X_509) => Ok(()),
        Some(other) => {
            let words = format!("this server makes X.509 certificates, not {other} ones");
            Err(Error::new(ResultReason::FeatureNotSupported, words))
        }
        None if has_request => Ok(()),
        None => Err(Error::invalid_field("without a certificate request, Certificate Type is required")),
    }
}

/// The common name of a certificate for which no subject is said: the Name that the certificate object is to have, else
/// that of the public key, else the public key's identifier.
fn common_name(attributes: &Attributes, public_key: Option<&Object>) -> String {
    let name = |attributes: &Attributes| attributes.get(attr::NAME).map(|name| name.value);
    let of_key = || public_key.map(|key| name(&key.attributes).unwrap_or_else(|| key.id.to_string()));
    name(attributes).or_else(of_key).unwrap_or_else(|| "unnamed".to_owned())
}
