//! PKCS#12 containers (RFC 7292) on their way out and in: Get with Key Format Type PKCS#12 puts a private key and its
//! certificate chain into one, Register takes one apart (2.1 §4.39, §6.1.19). The password is a Secret Data object that
//! the PKCS#12 Password Link names.

use super::fresh::{Parsed, parsed};
use super::unwrapping::plain_body;
use super::{Cx, Object};
use crate::base::{Error, KeyBytes, Pin, Result};
use crate::crypto::pkcs12::{self, Pkcs12};
use crate::crypto::x509::Certificate;
use crate::model::right::{Release, Right};
use crate::model::{Attributes, Key, Target, attr};
use crate::proto::id::IdRef;
use crate::proto::objects::{Body, BodyKind};
use crate::registry::{KeyFormatType, ObjectType, ResultReason, State};

/// Longest certificate chain that is followed.
const CHAIN_MAX: usize = 16;

/// The container with a private key, or with the private key of a certificate. The caller has the permit for the object
/// itself.
///
/// # Errors
/// Bad Password without exactly one active Secret Data as password; Key Format Type Not Supported if there is no key, or
/// more than one certificate chain.
pub fn contained(cx: &mut Cx<'_>, object: &Object) -> Result<Body> {
    // The derivation of the key from the password is slow on purpose.
    cx.block()?;
    let password = password(cx, &object.attributes)?;
    let (key, certificate) = match object.object_type {
        ObjectType::PrivateKey => (object.clone(), certificate_of(cx, object)?),
        ObjectType::Certificate => (key_of(cx, object)?, Some(object.clone())),
        _ => return Err(impossible("only private keys and certificates can be given as PKCS#12")),
    };
    let body = cx.release(&key, Release::Plain)?;
    let Some(Parsed::Private(private)) = body.and_then(|body| parsed(&key, &body)) else {
        return Err(impossible("the private key cannot be read"));
    };
    let chain = chain(cx, certificate)?;
    let name = object.attributes.text(attr::PKCS_12_FRIENDLY_NAME);
    let file = pkcs12::write(&private, &chain, &password, name)?;
    Ok(Body::bytes(KeyBytes::copy_from(&file)))
}

/// The key and chain in a container that was registered with these attributes.
///
/// # Errors
/// Bad Password as above, or if the password does not open it.
pub fn opened(cx: &mut Cx<'_>, attributes: &Attributes, body: &Body) -> Result<Pkcs12> {
    cx.block()?;
    let password = password(cx, attributes)?;
    let name = attributes.text(attr::PKCS_12_FRIENDLY_NAME);
    pkcs12::read(body.bytes.expose(), &password, name).map_err(|error| match error {
        crate::crypto::CryptoError::Failed => bad_password("the password does not open the PKCS#12 container"),
        other => Error::invalid_field(format!("the PKCS#12 container cannot be read: {other}")),
    })
}

/// A private key that comes in a container is looked into: its friendly name, algorithm and length become attributes
/// (2.1 §4.39). It is kept as it came.
pub fn describe(cx: &mut Cx<'_>, attributes: &mut Attributes, object: &Object, body: &Body) -> Result<()> {
    if object.material.format != Some(KeyFormatType::PKCS_12) || body.kind != BodyKind::Bytes {
        return Ok(());
    }
    let found = opened(cx, attributes, body)?;
    if let Some(name) = found.name.filter(|_| !attributes.has(attr::PKCS_12_FRIENDLY_NAME.tag())) {
        attributes.set(attr::PKCS_12_FRIENDLY_NAME, name);
    }
    if !attributes.has(attr::CRYPTOGRAPHIC_ALGORITHM.tag()) {
        attributes.set(attr::CRYPTOGRAPHIC_ALGORITHM, found.key.algorithm());
    }
    if !attributes.has(attr::CRYPTOGRAPHIC_LENGTH.tag()) {
        attributes.set(attr::CRYPTOGRAPHIC_LENGTH, found.key.length());
    }
    Ok(())
}

/// "Missing or multiple PKCS#12 Password Links, or not Secret Data, or not Active" is Bad Password (2.1 §11.48).
fn password(cx: &mut Cx<'_>, attributes: &Attributes) -> Result<Pin> {
    let link = single(attributes, attr::PKCS_12_PASSWORD_LINK)
        .map_err(|_| bad_password("there is more than one PKCS#12 Password Link"))?
        .ok_or_else(|| bad_password("there is no PKCS#12 Password Link"))?;
    let secret = follow(cx, &link, Right::Use).map_err(|_| bad_password("the PKCS#12 password is not there"))?;
    if secret.object_type != ObjectType::SecretData || secret.state(cx.now) != State::Active || secret.is_archived() {
        return Err(bad_password("the PKCS#12 Password Link does not name an active Secret Data object"));
    }
    let body = plain_body(cx, &secret)?.filter(|body| body.kind == BodyKind::Bytes);
    let text = body.as_ref().and_then(|body| std::str::from_utf8(body.bytes.expose()).ok());
    text.map(|text| Pin::new(text.to_owned())).ok_or_else(|| bad_password("the PKCS#12 password is no text"))
}

/// The certificate of a private key: its Public Key Link leads to the public key, whose PKCS#12 Certificate Link names
/// the certificate. Where it has none, its Certificate Link does.
fn certificate_of(cx: &mut Cx<'_>, key: &Object) -> Result<Option<Object>> {
    let public = match single(&key.attributes, attr::PUBLIC_KEY_LINK)? {
        Some(link) => follow(cx, &link, Right::Get)?,
        None => key.clone(),
    };
    let link = match single(&public.attributes, attr::PKCS_12_CERTIFICATE_LINK)? {
        Some(link) => Some(link),
        None => single(&public.attributes, attr::CERTIFICATE_LINK)?,
    };
    link.map(|link| follow(cx, &link, Right::Get)).transpose()
}

/// The private key of a certificate: by its own link, or by that of its public key.
fn key_of(cx: &mut Cx<'_>, certificate: &Object) -> Result<Object> {
    let own = single(&certificate.attributes, attr::PRIVATE_KEY_LINK)?;
    let link = match (own, single(&certificate.attributes, attr::PUBLIC_KEY_LINK)?) {
        (Some(link), _) => Some(link),
        (None, Some(public)) => single(&follow(cx, &public, Right::Get)?.attributes, attr::PRIVATE_KEY_LINK)?,
        (None, None) => None,
    };
    let link = link.ok_or_else(|| impossible("the certificate has no link to its private key"))?;
    follow(cx, &link, Right::Get)
}

/// A certificate and those that its Certificate Links lead to. A link to itself ends it.
fn chain(cx: &mut Cx<'_>, first: Option<Object>) -> Result<Vec<Certificate>> {
    let (mut chain, mut seen, mut next) = (Vec::new(), Vec::new(), first);
    while let Some(object) = next {
        if chain.len() == CHAIN_MAX {
            return Err(impossible("the certificate chain is too long"));
        }
        let body =
            cx.release(&object, Release::Plain)?.ok_or_else(|| impossible("a certificate of the chain is gone"))?;
        chain.push(Certificate::parse(body.bytes.expose())?);
        seen.push(object.id.clone());
        next = match single(&object.attributes, attr::CERTIFICATE_LINK)? {
            Some(link) => Some(follow(cx, &link, Right::Get)?).filter(|one| !seen.contains(&one.id)),
            None => None,
        };
    }
    Ok(chain)
}

/// The only value of a link; "it is an error if there is more than one valid certificate chain".
fn single(attributes: &Attributes, key: Key<Target>) -> Result<Option<Target>> {
    let mut links = attributes.all(key);
    match (links.next(), links.next()) {
        (first, None) => Ok(first),
        _ => Err(impossible("there is more than one way to a certificate chain")),
    }
}

/// The object that a link names.
pub fn follow(cx: &mut Cx<'_>, link: &Target, right: Right) -> Result<Object> {
    match link {
        Target::Object(id) => cx.object_by_id(id, right),
        Target::Name(name) => cx.object(Some(IdRef::Name(name)), right),
    }
}

fn impossible(words: &'static str) -> Error {
    Error::new(ResultReason::KeyFormatTypeNotSupported, words)
}

fn bad_password(words: &'static str) -> Error {
    Error::new(ResultReason::BadPassword, words)
}
