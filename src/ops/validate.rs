//! Validate: whether certificates form a chain that is valid at a date (1.4 §4.24, 2.1 §6.1.57). "The method or policy …
//! [is] controlled by the server": trusted are the certification authorities that the caller keeps here, Certificate objects
//! that are Active and have the usage Certificate Sign. A root that only came with the request is not trusted, so its
//! chain is Unknown at best. A certificate whose object is revoked, compromised or destroyed makes the chain Invalid.

use super::certifying::is_valid_at;
use super::{Cx, Object, Op, certificate};
use crate::base::{Date, Error, Result};
use crate::crypto::x509::{CHAIN_MAX, Certificate, Verdict, validate};
use crate::model::lifecycle::{effective_state, is_destroyed};
use crate::model::object::Fields;
use crate::model::right::Right;
use crate::model::usage::mask_permits;
use crate::model::values::AttributeValue;
use crate::model::{Attributes, Lifecycle, Refusal};
use crate::proto::id::IdRef;
use crate::proto::objects::NewObject;
use crate::proto::wire::{Read, structure};
use crate::registry::{
    CertificateType, CryptographicUsageMask, ObjectType, ResultReason, State, Tag, ValidityIndicator, Version,
};
use crate::ttlv::Item;

/// Validate.
pub struct Validate;

structure! {
    /// The certificates of one chain, sent or named, in any order; when it is to be valid, if not now.
    pub struct Request<'a> reads {
        many Certificate => certificates: Sent;
        many UniqueIdentifier => ids: IdRef<'a>;
        opt ValidityDate => at: Date;
    }
}

structure! {
    /// The judgement.
    pub struct Response writes {
        req ValidityIndicator => validity: ValidityIndicator;
    }
}

impl Default for ValidityIndicator {
    fn default() -> Self {
        Self::Unknown
    }
}

/// A certificate in the payload.
#[derive(Debug)]
pub struct Sent(NewObject);

impl<'a> Read<'a> for Sent {
    fn read(item: &Item<'a>, version: Version) -> Result<Self> {
        NewObject::read(item, ObjectType::Certificate, version).map(Self)
    }
}

/// Most authorities of a caller that are trusted at a time, the newest first.
const ANCHORS_MAX: usize = 64;

impl Op for Validate {
    type Request<'a> = Request<'a>;
    type Response = Response;

    fn run(request: Request<'_>, cx: &mut Cx<'_>) -> Result<Response> {
        let count = request.certificates.len() + request.ids.len();
        if count == 0 {
            // "The combination of Certificate Objects and Unique Identifiers does not specify a certificate list."
            return Err(Error::invalid_message("the request holds and names no certificate"));
        }
        if count > CHAIN_MAX {
            let words = format!("a chain may have {CHAIN_MAX} certificates at most");
            return Err(Error::new(ResultReason::ServerLimitExceeded, words));
        }
        let at = request.at.unwrap_or(cx.now);
        let mut chain = Chain { at, certificates: Vec::new(), revoked: Vec::new(), verdict: None };
        for Sent(sent) in request.certificates {
            let Some(body) = sent.body else { continue };
            chain.add(certificate::read(&sent.material.fields, &body));
        }
        for id in request.ids {
            chain.add_object(cx, id)?;
        }
        chain.judge(cx).map(|validity| Response { validity })
    }
}

/// The certificates on their way to a judgement.
struct Chain {
    at: Date,
    certificates: Vec<Certificate>,
    /// Those whose objects say that they are revoked, as DER.
    revoked: Vec<Box<[u8]>>,
    /// What is certain before the chain is looked at.
    verdict: Option<ValidityIndicator>,
}

impl Chain {
    /// Adds a certificate that is not there yet. None is one of another type, which cannot be judged here.
    fn add(&mut self, read: Option<crate::crypto::Result<Certificate>>) {
        match read {
            Some(Ok(certificate)) => {
                if !self.certificates.iter().any(|one| one.der() == certificate.der()) {
                    self.certificates.push(certificate);
                }
            }
            Some(Err(_)) => self.verdict = Some(ValidityIndicator::Invalid),
            None => self.verdict = self.verdict.or(Some(ValidityIndicator::Unknown)),
        }
    }

    fn add_object(&mut self, cx: &mut Cx<'_>, id: IdRef<'_>) -> Result<()> {
        let object = cx.object(Some(id), Right::Use)?;
        if object.object_type != ObjectType::Certificate {
            let words = format!("a {} is no certificate", object.object_type);
            let refusal = Refusal::new(ResultReason::InvalidObjectType, ResultReason::InvalidMessage, words);
            return Err(refusal.into_error(cx.version));
        }
        let body = if is_destroyed(object.state(cx.now)) { None } else { cx.body(&object)? };
        match body {
            Some(body) => self.add(certificate::read(&object.material.fields, &body)),
            None => self.verdict = Some(ValidityIndicator::Invalid),
        }
        Ok(())
    }

    fn judge(mut self, cx: &mut Cx<'_>) -> Result<ValidityIndicator> {
        if let Some(verdict) = self.verdict {
            return Ok(verdict);
        }
        let mut anchors = anchors(cx)?;
        // Of two certificates of one authority, one that is valid then.
        anchors.sort_by_key(|anchor| !is_valid_at(anchor, self.at));
        for certificate in self.certificates.iter().chain(&anchors) {
            if is_revoked(cx, certificate, self.at)? {
                self.revoked.push(certificate.der().into());
            }
        }
        let is_revoked = |certificate: &Certificate| self.revoked.iter().any(|der| **der == *certificate.der());
        let verdict = validate(&self.certificates, &anchors, self.at, &is_revoked);
        tracing::debug!(?verdict, "a certificate chain was judged");
        Ok(match verdict {
            Verdict::Valid => ValidityIndicator::Valid,
            Verdict::Invalid(_) => ValidityIndicator::Invalid,
            Verdict::Unknown(_) => ValidityIndicator::Unknown,
        })
    }
}

/// The certificates that end a chain.
fn anchors(cx: &mut Cx<'_>) -> Result<Vec<Certificate>> {
    let mut ids: Vec<Box<str>> = Vec::new();
    let (owner, now) = (cx.caller.name.clone(), cx.now);
    cx.authorities(&mut |object| {
        let trusted = object.object_type == ObjectType::Certificate
            && *object.owner == *owner
            && effective_state(&object.attributes, now) == State::Active
            && !object.is_archived()
            && mask_permits(&object.attributes, CryptographicUsageMask::CertificateSign).is_ok();
        if trusted {
            ids.push(object.id.clone());
        }
        ids.len() < ANCHORS_MAX
    })?;
    let mut anchors = Vec::new();
    for id in &ids {
        let object: Object = cx.object_by_id(id, Right::Use)?;
        let body = cx.body(&object)?;
        let read = body.and_then(|body| certificate::read(&object.material.fields, &body));
        anchors.extend(read.and_then(|certificate| certificate.ok()));
    }
    Ok(anchors)
}

/// Whether an object of the caller says that the certificate was revoked by then.
fn is_revoked(cx: &mut Cx<'_>, certificate: &Certificate, at: Date) -> Result<bool> {
    let value = certificate::identifier(certificate).into_value();
    let now = cx.now;
    let mut revoked = false;
    cx.find(&[(Tag::X_509CertificateIdentifier, &value)], &mut |object| {
        let same = object.attributes.value(Tag::X_509CertificateIdentifier) == Some(&value);
        let is_x509 = object.material.fields == Fields::Certificate(CertificateType::X_509);
        revoked |= same && is_x509 && ended(&object.attributes, now, at);
        !revoked
    })?;
    Ok(revoked)
}

/// A compromised certificate was never to be trusted; one that was revoked or deactivated, until then. That an object was
/// destroyed says nothing of certificates that others hold.
fn ended(attributes: &Attributes, now: Date, at: Date) -> bool {
    let life = Lifecycle::of(attributes).at(now);
    let compromised = matches!(life.state, State::Compromised | State::DestroyedCompromised);
    compromised || life.deactivation.is_some_and(|date| date <= at)
}
