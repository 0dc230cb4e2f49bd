//! Create Credential (3.0, operation 3F): what a user comes in with. A password is kept as an Argon2id hash; the other
//! forms are kept as they came, sealed like keys. Nothing of them is given out again.

use super::system::new_system_object;
use super::{Cx, Op, certificate};
use crate::base::{Error, KeyBytes, Result};
use crate::crypto::password;
use crate::model::attr;
use crate::proto::attributes::AttributeList;
use crate::proto::id::Id;
use crate::proto::objects::{Body, BodyKind, NewObject};
use crate::proto::wire::{missing, repeated, structure, unexpected, wrong_type};
use crate::registry::{CredentialType, ItemType, ObjectType, ResultReason, Tag, UniqueIdentifier, Version};
use crate::ttlv::Item;

/// Create Credential.
pub struct CreateCredential;

structure! {
    /// Its type, its attributes, and the one structure that belongs to the type.
    pub struct Request<'a> reads {
        req CredentialType => credential_type: CredentialType;
        req Attributes => attributes: AttributeList;
        opt PasswordCredential => password: Item<'a>;
        opt DeviceCredential => device: Item<'a>;
        opt OTPCredential => one_time: Item<'a>;
        opt HashedPasswordCredential => hashed: Item<'a>;
        opt Certificate => certificate: Item<'a>;
    }
}

structure! {
    /// The credential.
    pub struct Response writes {
        req UniqueIdentifier => id: Id;
    }
}

/// A form of credential: its type on the wire, its structure, what it is as an object, and the fields: tag, type,
/// whether it must be there (3.0 §2.1.3).
struct Form {
    credential_type: CredentialType,
    tag: Tag,
    object_type: ObjectType,
    fields: &'static [(Tag, ItemType, bool)],
}

const FORMS: &[Form] = &[
    Form {
        credential_type: CredentialType::Password,
        tag: Tag::PasswordCredential,
        object_type: ObjectType::PasswordCredential,
        fields: &[
            (Tag::Password, ItemType::TextString, false),
            (Tag::PasswordSalt, ItemType::ByteString, false),
            (Tag::PasswordSaltAlgorithm, ItemType::Enumeration, false),
            (Tag::SaltedPassword, ItemType::ByteString, false),
            (Tag::IterationCount, ItemType::Integer, false),
        ],
    },
    Form {
        credential_type: CredentialType::Device,
        tag: Tag::DeviceCredential,
        object_type: ObjectType::DeviceCredential,
        fields: &[
            (Tag::DeviceSerialNumber, ItemType::TextString, false),
            (Tag::Password, ItemType::TextString, false),
            (Tag::DeviceIdentifier, ItemType::TextString, false),
            (Tag::NetworkIdentifier, ItemType::TextString, false),
            (Tag::MachineIdentifier, ItemType::TextString, false),
            (Tag::MediaIdentifier, ItemType::TextString, false),
        ],
    },
    Form {
        credential_type: CredentialType::OneTimePassword,
        tag: Tag::OTPCredential,
        object_type: ObjectType::OneTimePasswordCredential,
        fields: &[
            (Tag::OTPAlgorithm, ItemType::Enumeration, true),
            (Tag::OTPDigest, ItemType::Enumeration, false),
            (Tag::OTPSerial, ItemType::TextString, false),
            (Tag::OTPSeed, ItemType::ByteString, false),
            (Tag::OTPInterval, ItemType::Interval, false),
            (Tag::OTPDigits, ItemType::Integer, false),
            (Tag::OTPCounter, ItemType::ByteString, false),
        ],
    },
    Form {
        credential_type: CredentialType::HashedPassword,
        tag: Tag::HashedPasswordCredential,
        object_type: ObjectType::HashedPasswordCredential,
        fields: &[
            (Tag::HashingAlgorithm, ItemType::Enumeration, false),
            (Tag::HashedUsernamePassword, ItemType::ByteString, true),
            (Tag::HashedPasswordUsername, ItemType::ByteString, true),
        ],
    },
    Form {
        credential_type: CredentialType::Certificate,
        tag: Tag::Certificate,
        object_type: ObjectType::Certificate,
        // Read as the object that it is.
        fields: &[],
    },
];

impl Op for CreateCredential {
    type Request<'a> = Request<'a>;
    type Response = Response;

    fn run(request: Request<'_>, cx: &mut Cx<'_>) -> Result<Response> {
        let given = [request.password, request.device, request.one_time, request.hashed, request.certificate];
        let (form, item) = form_of(request.credential_type, &given)?;
        let mut list = request.attributes;
        let (body, material) = if form.object_type == ObjectType::Certificate {
            let new = NewObject::read(&item, ObjectType::Certificate, cx.version)?;
            list.attributes.extend(new.attributes);
            (new.body, Some(new.material))
        } else {
            check_fields(form, &item, cx.version)?;
            cx.operators_only()?;
            (Some(kept(form, &item, cx)?), None)
        };
        let mut object = new_system_object(cx, list, form.object_type)?;
        match material {
            Some(material) => {
                object.attributes.set(attr::KEY_FORMAT_TYPE, crate::registry::KeyFormatType::X_509);
                if let crate::model::object::Fields::Certificate(certificate_type) = material.fields {
                    object.attributes.set(attr::CERTIFICATE_TYPE, certificate_type);
                }
                if let Some(body) = &body {
                    certificate::describe(&mut object.attributes, &material.fields, body)?;
                }
                object.material = material;
            }
            None => object.attributes.set(attr::CREDENTIAL_TYPE, request.credential_type),
        }
        let id = cx.save_with(object, body)?;
        cx.answer(UniqueIdentifier::CreateCredential, &id);
        Ok(Response { id })
    }
}

/// The form of the type, and its structure, which must be the only one.
fn form_of<'a>(credential_type: CredentialType, given: &[Option<Item<'a>>]) -> Result<(&'static Form, Item<'a>)> {
    let form = FORMS.iter().find(|form| form.credential_type == credential_type).ok_or_else(|| {
        Error::invalid_field(format!("there are no objects for credentials of type {credential_type}"))
    })?;
    let mut given = given.iter().flatten();
    match (given.next(), given.next()) {
        (Some(item), None) if item.tag == form.tag => Ok((form, *item)),
        (None, _) => Err(missing(form.tag, Tag::RequestPayload)),
        (Some(_), _) => {
            Err(Error::invalid_field(format!("a credential of type {credential_type} is one {}", form.tag)))
        }
    }
}

fn check_fields(form: &Form, item: &Item<'_>, version: Version) -> Result<()> {
    if item.item_type != ItemType::Structure {
        return Err(wrong_type(item, "a structure"));
    }
    let mut seen = Vec::new();
    for child in item.children() {
        let Some((tag, item_type, _)) = form.fields.iter().find(|(tag, ..)| *tag == child.tag) else {
            return Err(unexpected(&child, item.tag, version));
        };
        if child.item_type != *item_type {
            return Err(wrong_type(&child, format!("{item_type:?}")));
        }
        if seen.contains(tag) {
            return Err(repeated(&child));
        }
        seen.push(*tag);
    }
    let absent = form.fields.iter().find(|(tag, _, required)| *required && !seen.contains(tag));
    absent.map_or(Ok(()), |(tag, ..)| Err(missing(*tag, item.tag)))
}

/// What is kept of the credential.
fn kept(form: &Form, item: &Item<'_>, cx: &Cx<'_>) -> Result<Body> {
    if form.object_type != ObjectType::PasswordCredential {
        return Ok(Body { kind: BodyKind::Structure, bytes: KeyBytes::copy_from(item.bytes) });
    }
    let password = item.child(Tag::Password).and_then(|item| item.text());
    let (Some(password), 1) = (password, item.children().count()) else {
        // 3.0 does not lay down how a salted password is made; a credential that nothing can be checked against is
        // of no use.
        return Err(Error::new(
            ResultReason::FeatureNotSupported,
            "send the Password alone; this server salts and hashes it by itself",
        ));
    };
    // Hashing takes long by design.
    cx.block()?;
    let hash = password::hash(password.as_bytes()).map_err(|error| Error::invalid_field(error.to_string()))?;
    Ok(Body::bytes(KeyBytes::new(hash.into_bytes())))
}
