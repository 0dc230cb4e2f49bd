//! What every operation that makes an object shares: the attributes a client asked for, checked, and those that the
//! server gives (1.4 §3, 2.1 §4).

use aws_lc_rs::digest;

use super::query::storage_mask;
use super::{Cx, Object};
use crate::base::{Error, Field, Result, RngParameters, Value};
use crate::crypto::formats::{Encoded, Hint, Material as KeyMaterial};
use crate::crypto::random::SYSTEM_RNG;
use crate::crypto::{formats, keys};
use crate::model::lifecycle::{Dates, Lifecycle, has_states};
use crate::model::object::{Fields, class_of};
use crate::model::rules::may_create;
use crate::model::usage::Exposure;
use crate::model::values::{AttributeValue, Digest, UsageLimits};
use crate::model::{Attributes, ManagedObject, attr, rule};
use crate::proto::attributes::{AttributeList, NewAttribute, check_value};
use crate::proto::objects::{Body, BodyKind};
use crate::registry::{
    CryptographicUsageMask, HashingAlgorithm, KeyFormatType, ObjectClass, ObjectType, ResultReason, Tag, Version,
};
use crate::ttlv::Writer;

/// Where an object comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Origin {
    /// The server made it.
    Generated,
    /// The HSM made it.
    Resident,
    /// A client brought it.
    Registered,
    /// It was made elsewhere, and put together here from its parts or its encapsulation.
    Recovered,
}

/// The attributes of an object to be made: those a client asked for, and the defaults of what it left out.
pub fn requested(cx: &mut Cx<'_>, list: AttributeList, object_type: ObjectType) -> Result<Attributes> {
    let mut attributes = asked(cx, list, object_type)?;
    super::set_defaults::fill(cx, object_type, &mut attributes)?;
    Ok(attributes)
}

/// The attributes a client asked for, with those of the templates it named, checked against the rules.
pub fn asked(cx: &mut Cx<'_>, list: AttributeList, object_type: ObjectType) -> Result<Attributes> {
    let mut attributes = templates(cx, &list.templates)?;
    let inherited = attributes.clone();
    for one in list.attributes {
        check_value(&one, cx.version)?;
        add(&mut attributes, &inherited, one);
    }
    may_create(&attributes, object_type, cx.version).map_err(|refusal| refusal.into_error(cx.version))?;
    supply_namespaces(&attributes)?;
    Ok(attributes)
}

/// The requested attributes of one half of a pair.
pub fn requested_of_pair(
    cx: &mut Cx<'_>,
    common: &AttributeList,
    own: AttributeList,
    object_type: ObjectType,
) -> Result<Attributes> {
    requested(cx, joined(common, own), object_type)
}

/// What both halves of a pair share, then what one has of its own, which takes precedence (1.4 §4.2, 2.1 §6.1.9).
pub fn joined(common: &AttributeList, own: AttributeList) -> AttributeList {
    let is_own = |tag: Tag| own.attributes.iter().any(|one| one.tag == tag);
    let single = |tag: Tag| rule(tag).is_some_and(|rule| !rule.is_many());
    let shared = common.attributes.iter().filter(|one| !(single(one.tag) && is_own(one.tag))).cloned();
    let attributes = shared.chain(own.attributes.iter().cloned()).collect();
    let templates = common.templates.iter().chain(&own.templates).cloned().collect();
    AttributeList { attributes, templates }
}

/// A request's value of a single-instance attribute replaces the one that a template handed on.
fn add(attributes: &mut Attributes, inherited: &Attributes, one: NewAttribute) {
    let single = rule(one.tag).is_some_and(|rule| !rule.is_many());
    if single && inherited.has(one.tag) && attributes.value(one.tag) == inherited.value(one.tag) {
        attributes.remove_all(one.tag);
    }
    attributes.push(one.tag, one.value);
}

/// The attributes that named templates hand on (1.4 §2.2.6).
fn templates(cx: &mut Cx<'_>, names: &[Box<str>]) -> Result<Attributes> {
    let mut attributes = Attributes::new();
    for name in names {
        let value = Value::Structure(vec![
            Field::new(Tag::NameValue, Value::text(name.clone())),
            Field::new(Tag::NameType, Value::Enumeration(crate::registry::NameType::UninterpretedTextString.0)),
        ]);
        let mut found = None;
        cx.find(&[(Tag::Name, &value)], &mut |object| {
            let named = object.attributes.instances(Tag::Name).iter().any(|one| one.value == value);
            if let (true, Fields::Template(handed_on)) = (named, &object.material.fields) {
                found = Some(handed_on.clone());
            }
            found.is_none()
        })?;
        let handed_on = found.ok_or_else(|| Error::new(ResultReason::ItemNotFound, "no template has this name"))?;
        for one in handed_on.into_iter().filter(|one| one.tag != Tag::Name) {
            attributes.push(one.tag, one.value);
        }
    }
    Ok(attributes)
}

/// Whether a client asks for a service by a vendor attribute of this server, or in 1.x by a custom one. Many clients can
/// only send text.
pub fn asks(attributes: &Attributes, name: &str) -> bool {
    let yes = |value: &Value| *value == Value::Boolean(true) || *value == Value::text("true");
    attributes.all(attr::VENDOR_ATTRIBUTE).any(|one| one.name == name && yes(&one.value))
}

/// Application Specific Information without data asks the server to make up the data, which it does for namespaces
/// that Query lists: none (1.4 §3.36).
pub fn supply_namespaces(attributes: &Attributes) -> Result<()> {
    let wanting = attributes.all(attr::APPLICATION_SPECIFIC_INFORMATION).any(|one| one.data.is_none());
    if wanting {
        return Err(Error::new(
            ResultReason::ApplicationNamespaceNotSupported,
            "this server makes up no Application Data for this Application Namespace; send the data",
        ));
    }
    Ok(())
}

/// Gives a new object its attributes: those requested, then those of the server.
pub fn furnish(
    cx: &Cx<'_>,
    object: &mut Object,
    requested: Attributes,
    body: Option<&Body>,
    origin: Origin,
) -> Result<()> {
    let object: &mut ManagedObject = object;
    let dates = Dates {
        activation: requested.get(attr::ACTIVATION_DATE),
        process_start: requested.get(attr::PROCESS_START_DATE),
        protect_stop: requested.get(attr::PROTECT_STOP_DATE),
        deactivation: requested.get(attr::DEACTIVATION_DATE),
    };
    for one in requested {
        object.attributes.push(one.tag, one.value);
    }
    let mine = ServerAttributes { object_type: object.object_type, attributes: &mut object.attributes };
    if !has_states(object.object_type) {
        object.attributes.set(attr::INITIAL_DATE, cx.now);
        return Ok(());
    }
    mine.set_all(cx, origin)?;
    let lifecycle = Lifecycle::created(dates, cx.now).map_err(|refusal| refusal.into_error(cx.version))?;
    object.set_lifecycle(&lifecycle);
    Exposure::created(object.attributes.get(attr::SENSITIVE), object.attributes.get(attr::EXTRACTABLE))
        .store(&mut object.attributes);
    if let Some(limits) = object.attributes.get::<UsageLimits>(attr::USAGE_LIMITS) {
        object.attributes.set(attr::USAGE_LIMITS, limits.fresh());
    }
    describe(object, body, cx.version);
    quantum_safe(object)?;
    super::set_constraints::check(cx, object)
}

/// Symmetric keys with this many bits stand against Grover's search (NIST IR 8105).
const QUANTUM_SAFE_BITS: i32 = 256;

/// "Quantum Safe is set to indicate an object is required to be Quantum Safe" (2.1 §4.45): one that is not is refused,
/// with the reason that QS-M-2 gives.
fn quantum_safe(object: &ManagedObject) -> Result<()> {
    if !object.attributes.is_true(attr::QUANTUM_SAFE) {
        return Ok(());
    }
    let length = object.attributes.get(attr::CRYPTOGRAPHIC_LENGTH).unwrap_or(0);
    let safe = match object.object_type {
        ObjectType::SymmetricKey => length >= QUANTUM_SAFE_BITS,
        ObjectType::PublicKey | ObjectType::PrivateKey => {
            let algorithm = object.attributes.get(attr::CRYPTOGRAPHIC_ALGORITHM);
            algorithm.is_some_and(|one| one.name().starts_with("ML-") || one.name().starts_with("SLH-"))
        }
        _ => true,
    };
    if safe {
        Ok(())
    } else {
        Err(Error::new(ResultReason::GeneralFailure, "an object of this kind and length is not quantum safe"))
    }
}

/// The attributes that the server gives, each only to objects that the table gives it to.
struct ServerAttributes<'a> {
    object_type: ObjectType,
    attributes: &'a mut Attributes,
}

impl ServerAttributes<'_> {
    /// Sets an attribute that the client did not set.
    fn default_to<T: AttributeValue>(&mut self, key: crate::model::Key<T>, value: T) {
        let applies = rule(key.tag())
            .is_some_and(|rule| rule.objects.contains(self.object_type) || rule.objects_1x.contains(self.object_type));
        if applies && !self.attributes.has(key.tag()) {
            self.attributes.set(key, value);
        }
    }

    fn set_all(mut self, cx: &Cx<'_>, origin: Origin) -> Result<()> {
        let cryptographic = !matches!(self.object_type, ObjectType::OpaqueObject | ObjectType::Template)
            && class_of(self.object_type) == ObjectClass::User;
        let generator = match origin {
            Origin::Registered | Origin::Recovered => None,
            Origin::Resident => Some(RngParameters::UNSPECIFIED),
            // The library that makes key pairs has a generator of its own.
            Origin::Generated if matches!(self.object_type, ObjectType::PrivateKey | ObjectType::PublicKey) => {
                Some(SYSTEM_RNG)
            }
            Origin::Generated => Some(cx.services.entropy.parameters()),
        };
        if let Some(generator) = generator {
            self.attributes.set(attr::ORIGINAL_CREATION_DATE, cx.now);
            self.generated_by(generator.value())?;
        }
        if let Some(mask) = default_mask(self.object_type) {
            self.default_to(attr::CRYPTOGRAPHIC_USAGE_MASK, mask);
        }
        self.default_to(attr::FRESH, true);
        self.default_to(attr::LEASE_TIME, cx.services.settings.lease_seconds);
        self.default_to(attr::PROTECTION_STORAGE_MASK, storage_mask());
        self.default_to(attr::OBJECT_CLASS, class_of(self.object_type));
        let id = self.attributes.text(attr::UNIQUE_IDENTIFIER).unwrap_or_default();
        let short = digest::digest(&digest::SHA256, id.as_bytes()).as_ref().to_vec();
        self.default_to(attr::SHORT_UNIQUE_IDENTIFIER, short);
        if cryptographic {
            for counter in [
                attr::CERTIFY_COUNTER,
                attr::DECRYPT_COUNTER,
                attr::ENCRYPT_COUNTER,
                attr::SIGN_COUNTER,
                attr::SIGNATURE_VERIFY_COUNTER,
            ] {
                self.default_to(counter, 0);
            }
        }
        Ok(())
    }

    /// "The server SHALL use a random number generator that matches one of the Random Number Generator attributes"
    /// or fail the request (2.1 §4.46). An algorithm of Unspecified asks for nothing.
    fn generated_by(&mut self, ours: Value) -> Result<()> {
        let matches = |asked: &Value| {
            let Value::Structure(fields) = asked else { return false };
            fields.iter().all(|field| {
                let unspecified = field.tag == Tag::RNGAlgorithm && field.value == Value::Enumeration(1);
                unspecified || ours.field(field.tag) == Some(&field.value)
            })
        };
        if let Some(asked) = self.attributes.value(Tag::RandomNumberGenerator)
            && !matches(asked)
        {
            return Err(Error::new(
                ResultReason::InvalidAttributeValue,
                "this server has no such random number generator; Query RNGs tells which one it has",
            ));
        }
        self.attributes.set_value(Tag::RandomNumberGenerator, ours);
        Ok(())
    }
}

/// Cryptographic Usage Mask of an object that a client gave none (2.1 §4, table 28: "servers SHALL supply values").
fn default_mask(object_type: ObjectType) -> Option<CryptographicUsageMask> {
    use CryptographicUsageMask as Mask;
    Some(match object_type {
        ObjectType::SymmetricKey => Mask(Mask::Encrypt.0 | Mask::Decrypt.0),
        ObjectType::PublicKey => Mask(Mask::Verify.0 | Mask::Encrypt.0),
        ObjectType::PrivateKey => Mask(Mask::Sign.0 | Mask::Decrypt.0),
        ObjectType::SplitKey | ObjectType::SecretData | ObjectType::PGPKey => Mask(0),
        _ => return None,
    })
}

/// Key Format Type and Digest, and what the fields of the object say as attributes.
fn describe(object: &mut ManagedObject, body: Option<&Body>, version: Version) {
    let format = object.material.format.or(match object.object_type {
        ObjectType::Certificate => Some(KeyFormatType::X_509),
        ObjectType::CertificateRequest => Some(KeyFormatType::PKCS_10),
        ObjectType::OpaqueObject => Some(KeyFormatType::Opaque),
        _ => None,
    });
    if let Some(format) = format {
        object.attributes.set(attr::KEY_FORMAT_TYPE, format);
    }
    match object.material.fields.clone() {
        Fields::Certificate(certificate_type) => object.attributes.set(attr::CERTIFICATE_TYPE, certificate_type),
        Fields::Opaque(data_type) => object.attributes.set(attr::OPAQUE_DATA_TYPE, data_type),
        Fields::SplitKey(split) => {
            object.attributes.set(attr::SPLIT_KEY_PARTS, split.parts);
            object.attributes.set(attr::KEY_PART_IDENTIFIER, split.part_identifier);
            object.attributes.set(attr::SPLIT_KEY_THRESHOLD, split.threshold);
            object.attributes.set(attr::SPLIT_KEY_METHOD, split.method);
            if !object.attributes.has(Tag::SplitKeyPolynomial) {
                object.attributes.set(attr::SPLIT_KEY_POLYNOMIAL, super::split_key::default_polynomial(version));
            }
        }
        _ => {}
    }
    let Some(body) = body.filter(|body| body.kind != BodyKind::Wrapped) else { return };
    push_digest(object, body, format);
    // "It SHALL have a mandatory attribute instance computed with … the default Key Value Format" (2.1 §4.21).
    if let Some((encoded, default)) = default_encoding(object, body, version).filter(|(_, one)| Some(*one) != format) {
        push_digest(object, &encoded, Some(default));
    }
}

fn push_digest(object: &mut ManagedObject, body: &Body, format: Option<KeyFormatType>) {
    let value = match body.kind {
        // "Calculated on the TTLV-encoded Key Material structure" (2.1 §4.21).
        BodyKind::Structure => {
            let mut out = Writer::default();
            out.raw_structure(Tag::KeyMaterial, body.bytes.expose());
            digest::digest(&digest::SHA256, out.written())
        }
        _ => digest::digest(&digest::SHA256, body.bytes.expose()),
    };
    let key_or_secret = !matches!(
        object.object_type,
        ObjectType::Certificate | ObjectType::OpaqueObject | ObjectType::CertificateRequest
    );
    let digest = Digest {
        hashing_algorithm: HashingAlgorithm::SHA_256,
        value: Some(value.as_ref().to_vec()),
        key_format_type: format.filter(|_| key_or_secret),
    };
    object.attributes.push(Tag::Digest, digest.into_value());
}

/// The body of a public or private key in the default format of its algorithm (2.1 §4.26, table 81).
fn default_encoding(object: &ManagedObject, body: &Body, _: Version) -> Option<(Body, KeyFormatType)> {
    let (encoded, format) = match parsed(object, body)? {
        Parsed::Private(key) => {
            let format = formats::default_private_format(&key);
            (formats::encode_private(&key, format).ok()?, format)
        }
        Parsed::Public(key) => {
            let format = formats::default_public_format(&key);
            (formats::encode_public(&key, format, None).ok()?, format)
        }
    };
    Some((encoded_body(encoded), format))
}

/// A parsed key of a pair.
pub enum Parsed {
    /// The private half.
    Private(keys::PrivateKey),
    /// The public half.
    Public(keys::PublicKey),
}

/// Parses the body of a public or private key; None for other objects, and for keys that cannot be parsed.
pub fn parsed(object: &ManagedObject, body: &Body) -> Option<Parsed> {
    let format = object.material.format?;
    parse(object.object_type, format, hint_of(object), body).and_then(|key| key.ok())
}

/// What the attributes of an object say about its key.
pub fn hint_of(object: &ManagedObject) -> Hint {
    let domain = object.attributes.get(attr::CRYPTOGRAPHIC_DOMAIN_PARAMETERS);
    Hint {
        algorithm: object.attributes.get(attr::CRYPTOGRAPHIC_ALGORITHM),
        length: object.attributes.get(attr::CRYPTOGRAPHIC_LENGTH),
        curve: domain.and_then(|parameters| parameters.recommended_curve),
    }
}

/// Parses the body of a public or private key; None for other objects.
pub fn parse(
    object_type: ObjectType,
    format: KeyFormatType,
    hint: Hint,
    body: &Body,
) -> Option<crate::crypto::Result<Parsed>> {
    let fields;
    let material = match body.kind {
        BodyKind::Wrapped => return None,
        BodyKind::Bytes => KeyMaterial::Bytes(body.bytes.expose()),
        BodyKind::Structure => {
            fields = structure_value(body)?;
            KeyMaterial::Structure(&fields)
        }
    };
    match object_type {
        ObjectType::PrivateKey => Some(formats::parse_private(format, hint, material).map(Parsed::Private)),
        ObjectType::PublicKey => Some(formats::parse_public(format, hint, material).map(Parsed::Public)),
        _ => None,
    }
}

/// The items of a transparent body.
fn structure_value(body: &Body) -> Option<Value> {
    let mut out = Writer::default();
    out.raw_structure(Tag::KeyMaterial, body.bytes.expose());
    let limits = crate::base::Limits { message_bytes_max: usize::MAX, ..Default::default() };
    crate::ttlv::check(out.written(), &limits).ok().map(|item| item.to_value())
}

/// Encoded key material as a body.
pub fn encoded_body(encoded: Encoded) -> Body {
    match encoded {
        Encoded::Bytes(bytes) => Body::bytes(bytes),
        Encoded::Structure(fields) => {
            let mut out = Writer::default();
            out.value(Tag::KeyMaterial, &fields);
            let bytes = crate::base::KeyBytes::copy_from(&out.written()[crate::ttlv::HEADER_BYTES..]);
            Body { kind: BodyKind::Structure, bytes }
        }
    }
}
