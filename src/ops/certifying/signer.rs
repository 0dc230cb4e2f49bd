//! Which certification authority signs. An authority is a Certificate object whose certificate may sign others, with
//! its private key in reach by links, and both in the hands of the caller. In this order:
//!
//! 1. The request says: a Certificate Link among the attributes of the new certificate names the certificate of its
//!    issuer (1.4 §3.35: "the parent certificate for a certificate in a certificate chain"). The custom attribute
//!    `x-Keyhaven-Self-Signed` asks for a certificate that its own key signs: a root.
//! 2. Re-certify: the issuer of the existing certificate, which is itself or what its Certificate Link names.
//! 3. The only authority of the caller that could sign now.

use super::terms::is_valid_at;
use super::{certifiable, is_same};
use crate::base::{Error, Result};
use crate::crypto::CryptoError;
use crate::crypto::keys::{Input, PublicKey};
use crate::crypto::x509::{Certificate, CertificateSpec, KeyUsage, unsigned};
use crate::model::lifecycle::effective_state;
use crate::model::right::Right;
use crate::model::usage::{AfterLife, Use, may_use};
use crate::model::{Attributes, Key as AttributeKey, ManagedObject, Target, attr};
use crate::ops::certificate;
use crate::ops::fresh::asks;
use crate::ops::pkcs12::follow;
use crate::ops::streams::Part;
use crate::ops::using::{Key, Using};
use crate::ops::{Cx, Object};
use crate::proto::id::IdRef;
use crate::registry::{ObjectType, ResultReason, State, Tag};

/// The vendor attribute that asks for a root, without the prefix of 1.x.
const SELF_SIGNED: &str = "Keyhaven-Self-Signed";

/// A key that may sign certificates.
pub struct Signer {
    /// The authority: its object and its certificate. None for a certificate that signs itself.
    pub authority: Option<(Box<str>, Certificate)>,
    using: Using,
    pair: Pair,
}

/// The key that signs, here or in the HSM, and its public half.
struct Pair {
    key: Key,
    public: PublicKey,
}

/// The certificate that is renewed.
#[derive(Clone, Copy)]
pub struct Existing<'a> {
    /// Its object.
    pub object: &'a Object,
    /// What it says.
    pub certificate: &'a Certificate,
}

impl Signer {
    /// The signer that the rule at the top gives. `public_key` is the object that is certified, if it is kept here.
    ///
    /// # Errors
    /// Invalid Field if the request names more than one issuer, or none of several; Feature Not Supported if there is none;
    /// those of the use of the key: state, dates, usage mask, policy.
    pub fn choose(
        cx: &mut Cx<'_>,
        asked: &Attributes,
        public_key: Option<&Object>,
        existing: Option<Existing<'_>>,
    ) -> Result<Self> {
        let named = only(asked, attr::CERTIFICATE_LINK)?;
        match (named, asks(asked, SELF_SIGNED), existing) {
            (Some(_), true, _) => {
                Err(Error::invalid_field("a self-signed certificate has no Certificate Link to an issuer"))
            }
            (Some(link), ..) => Self::of_link(cx, &link),
            (None, true, _) => Self::itself(cx, public_key),
            (None, false, Some(existing)) if existing.certificate.is_self_signed() => Self::itself(cx, public_key),
            (None, false, Some(existing)) => match only(&existing.object.attributes, attr::CERTIFICATE_LINK)? {
                Some(link) => Self::of_link(cx, &link),
                None => Self::only_one(cx),
            },
            (None, false, None) => Self::only_one(cx),
        }
    }

    /// Signs and counts the use.
    pub fn sign(&mut self, cx: &mut Cx<'_>, spec: &CertificateSpec<'_>) -> Result<Vec<u8>> {
        let certificate = self.authority.as_ref().map(|(_, certificate)| certificate);
        let unsigned = unsigned(spec, &self.pair.public, certificate).map_err(|error| match error {
            CryptoError::BadParameters(_) | CryptoError::BadKey(_) => {
                Error::from(error).with_reason(ResultReason::InvalidField)
            }
            other => other.into(),
        })?;
        let signature = self.pair.key.sign(cx, &unsigned.parameters, Input::Message(&unsigned.message))?;
        let der = unsigned.signed(&signature);
        self.using.charge(cx, der.len(), Part::Whole)?;
        Ok(der)
    }

    fn itself(cx: &mut Cx<'_>, public_key: Option<&Object>) -> Result<Self> {
        const UNLINKED: &str = "a self-signed certificate needs a Public Key object with a Private Key Link";
        let public = public_key.ok_or_else(|| Error::invalid_field(UNLINKED))?;
        let link = only(&public.attributes, attr::PRIVATE_KEY_LINK)?;
        let link = link.ok_or_else(|| Error::invalid_field(UNLINKED))?;
        let certified = certifiable(cx, public)?;
        let (using, pair) = private_key(cx, &link)?;
        if !is_same(&certified, &pair.public)? {
            return Err(Error::invalid_field("the Private Key Link of the public key leads to a key of another pair"));
        }
        Ok(Self { authority: None, using, pair })
    }

    fn of_link(cx: &mut Cx<'_>, link: &Target) -> Result<Self> {
        let object = follow(cx, link, Right::Use)?;
        Self::of(cx, &object)
    }

    fn of(cx: &mut Cx<'_>, object: &Object) -> Result<Self> {
        let certificate = signing_certificate(cx, object)?;
        let own = only(&object.attributes, attr::PRIVATE_KEY_LINK)?;
        let link = match (own, only(&object.attributes, attr::PUBLIC_KEY_LINK)?) {
            (None, Some(public)) => only(&follow(cx, &public, Right::Use)?.attributes, attr::PRIVATE_KEY_LINK)?,
            (own, _) => own,
        };
        let link = link.ok_or_else(|| unfit("no link leads from the issuer's certificate to its private key"))?;
        let (using, pair) = private_key(cx, &link)?;
        let own = certificate.public_key.as_ref().map(|own| is_same(own, &pair.public)).transpose()?;
        if own != Some(true) {
            return Err(unfit("the private key that the links lead to is not that of the issuer's certificate"));
        }
        Ok(Self { authority: Some((object.id.clone(), certificate)), using, pair })
    }

    fn only_one(cx: &mut Cx<'_>) -> Result<Self> {
        const NONE: &str = "you have no certification authority here: an Active Certificate with the usage Certificate \
                            Sign, linked to its private key; or name one by a Certificate Link";
        const SEVERAL: &str = "you have several certification authorities here; name one by a Certificate Link";
        let mut ids: Vec<Box<str>> = Vec::new();
        let (owner, now) = (cx.caller.name.clone(), cx.now);
        cx.authorities(&mut |object| {
            if *object.owner == *owner && could_sign(object, now) {
                ids.push(object.id.clone());
            }
            ids.len() < CANDIDATES_MAX
        })?;
        let mut found = Vec::new();
        for id in &ids {
            let object = cx.object_by_id(id, Right::Use)?;
            // One that has expired, or is no authority after all, is not in the way of the others.
            if signing_certificate(cx, &object).is_ok() {
                found.push(object);
            }
        }
        match &found[..] {
            [] => Err(Error::new(ResultReason::FeatureNotSupported, NONE)),
            [only] => Self::of(cx, only),
            _ => Err(Error::invalid_field(SEVERAL)),
        }
    }
}

/// Most authorities of a caller that are looked at.
const CANDIDATES_MAX: usize = 16;

/// Whether attributes alone let the object be an issuer that need not be named: active, not replaced by a newer one,
/// and with a link towards its private key.
fn could_sign(object: &ManagedObject, now: crate::base::Date) -> bool {
    let attributes = &object.attributes;
    object.object_type == ObjectType::Certificate
        && effective_state(attributes, now) == State::Active
        && !object.is_archived()
        && may_use(attributes, Use::CertificateSign, now, AfterLife::Closed).is_ok()
        && !attributes.has(Tag::ReplacementObjectLink)
        && (attributes.has(Tag::PrivateKeyLink) || attributes.has(Tag::PublicKeyLink))
}

/// The certificate of an authority that may sign now.
fn signing_certificate(cx: &mut Cx<'_>, object: &Object) -> Result<Certificate> {
    if object.object_type != ObjectType::Certificate {
        return Err(unfit("the issuer that is named is not a Certificate"));
    }
    may_use(&object.attributes, Use::CertificateSign, cx.now, AfterLife::Closed)
        .map_err(|refusal| refusal.into_error(cx.version))?;
    let body = cx.body(object)?.ok_or_else(|| unfit("the issuer's certificate is not here"))?;
    let certificate = certificate::read(&object.material.fields, &body)
        .ok_or_else(|| unfit("the issuer's certificate is not an X.509 one"))??;
    let may_sign = certificate.key_usage.is_none_or(|usage| usage & KeyUsage::KEY_CERT_SIGN != 0);
    if !certificate.is_authority || !may_sign {
        return Err(unfit("the issuer's certificate is not that of a certification authority"));
    }
    if !is_valid_at(&certificate, cx.now) {
        return Err(unfit("the issuer's certificate is outside its validity"));
    }
    Ok(certificate)
}

/// The private key, which must be permitted to sign certificates: state, dates, usage mask, limits.
fn private_key(cx: &mut Cx<'_>, link: &Target) -> Result<(Using, Pair)> {
    let id = follow(cx, link, Right::Use)?.id.clone();
    let using = Using::new(cx, Some(IdRef::Id(&id)), None, Part::Whole, Use::CertificateSign)?;
    let key = using.key(cx)?;
    let public = match &key {
        Key::Private(key) => key.public(),
        // The public half of a key in the HSM is here.
        Key::Token(_) => {
            let link = only(&using.object.attributes, attr::PUBLIC_KEY_LINK)?;
            let link = link.ok_or_else(|| unfit("no link leads from the private key to its public key"))?;
            let public = follow(cx, &link, Right::Use)?;
            certifiable(cx, &public)?
        }
        Key::Secret(_) | Key::Public(_) => return using.wrong_key(),
    };
    Ok((using, Pair { key, public }))
}

/// The only value of a link.
pub fn only(attributes: &Attributes, key: AttributeKey<Target>) -> Result<Option<Target>> {
    let mut links = attributes.all(key);
    match (links.next(), links.next()) {
        (first, None) => Ok(first),
        _ => Err(Error::invalid_field(format!("there is more than one {}; the issuer is not clear", key.tag()))),
    }
}

fn unfit(words: &'static str) -> Error {
    Error::permission_denied(words)
}
