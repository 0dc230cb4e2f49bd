//! Objects that came wrapped (Key Wrapping Data, 1.4 §2.1.5, 2.1 §3.3): what the data must say, and the way back to
//! the plain key if the wrapping key is here and may unwrap.

use super::using::TokenKey;
use super::wrapping::{Steps, WrappingKey, has_key_block, material, not_a_key, parameters_of, wrapping_object};
use super::{Cx, Object};
use crate::base::{Error, Field, KeyBytes, Limits, Result, Value};
use crate::model::right::Release;
use crate::model::usage::{Use, may_use};
use crate::model::values::{AttributeValue, CryptographicParameters, Target};
use crate::model::{ManagedObject, attr};
use crate::proto::attributes::NewAttribute;
use crate::proto::id::IdRef;
use crate::proto::objects::{Body, BodyKind, read_key_value};
use crate::proto::wire::missing;
use crate::registry::{
    EncodingOption, ItemType, ObjectType, ResultReason, Tag, UniqueIdentifier, Version, WrappingMethod,
};
use crate::vault::KeyWrap;

/// A Key Value after unwrapping.
pub struct Unwrapped {
    /// The key material.
    pub body: Body,
    /// The attributes that were wrapped with it.
    pub attributes: Vec<NewAttribute>,
}

/// Key Wrapping Data, read.
struct Data<'a> {
    method: WrappingMethod,
    encryption: Option<Information<'a>>,
    mac: Option<Information<'a>>,
    tag: Option<&'a [u8]>,
    iv: Option<&'a [u8]>,
    encoding: EncodingOption,
}

struct Information<'a> {
    id: IdRef<'a>,
    parameters: Option<CryptographicParameters>,
}

/// Checks the Key Wrapping Data of a new object, and binds what it points at: identifiers that mean an answer of this
/// batch, or a name, are replaced by the unique identifiers they stand for now.
pub fn bind(cx: &mut Cx<'_>, wrapping: &mut Value) -> Result<()> {
    if let Value::Structure(fields) = &*wrapping
        && let Some(strange) = fields.iter().find(|field| !FIELDS.contains(&field.tag))
    {
        return Err(Error::invalid_message(format!("{} does not belong into Key Wrapping Data", strange.tag)));
    }
    let data = Data::read(wrapping)?;
    match data.steps() {
        // A method that this server does not have, such as TR-31, is the client's affair: the object is kept as it is.
        Err(error) if error.reason() != ResultReason::FeatureNotSupported => return Err(error),
        _ => {}
    }
    let Value::Structure(fields) = wrapping else { return Ok(()) };
    for field in fields.iter_mut().filter(|field| KEYS.contains(&field.tag)) {
        let Some(id) = field.value.field(Tag::UniqueIdentifier).and_then(id_ref) else { continue };
        // Inside the server an identifier has one form; the edge gives it the type of each version.
        let bound = match id {
            IdRef::Id(id) => id.into(),
            other => cx.resolve(Some(other))?,
        };
        let Value::Structure(fields) = &mut field.value else { continue };
        for inner in fields.iter_mut().filter(|inner| inner.tag == Tag::UniqueIdentifier) {
            inner.value = Value::TextString(bound.clone());
        }
    }
    Ok(())
}

/// The two structures that name keys.
const KEYS: [Tag; 2] = [Tag::EncryptionKeyInformation, Tag::MACSignatureKeyInformation];
const FIELDS: [Tag; 6] = [
    Tag::WrappingMethod,
    Tag::EncryptionKeyInformation,
    Tag::MACSignatureKeyInformation,
    Tag::MACSignature,
    Tag::IVCounterNonce,
    Tag::EncodingOption,
];

/// How an object that is kept wrapped leaves if it is not unwrapped.
pub fn release_as_registered(object: &ManagedObject) -> Release {
    let steps = object.material.wrapping.as_ref().map(|wrapping| Data::read(wrapping)?.steps());
    match steps {
        Some(Ok(steps)) => steps.release(),
        // A method that this server does not have, such as TR-31: it came wrapped.
        Some(Err(_)) => Release::Wrapped,
        None => Release::Plain,
    }
}

/// The body of an object for use inside the server: unwrapped, if it is kept wrapped. None if it has none here.
///
/// # Errors
/// Those of `unwrapped`.
pub fn plain_body(cx: &mut Cx<'_>, object: &Object) -> Result<Option<Body>> {
    match cx.body(object)? {
        Some(body) if body.kind == BodyKind::Wrapped => unwrapped(cx, object, &body).map(|it| Some(it.body)),
        other => Ok(other),
    }
}

/// Unwraps the body of an object.
///
/// # Errors
/// Wrapping Object Not Found, Destroyed or Archived; the wrapping key may not unwrap (mask, state, policy);
/// Cryptographic Failure if it is another key or the bytes were altered; Encoding Option Error if what comes out is no
/// Key Value.
pub fn unwrapped(cx: &mut Cx<'_>, object: &ManagedObject, body: &Body) -> Result<Unwrapped> {
    let wrapping = object.material.wrapping.as_ref().filter(|_| has_key_block(object.object_type));
    let wrapping = wrapping.ok_or_else(|| missing(Tag::KeyWrappingData, Tag::KeyBlock))?.clone();
    let data = Data::read(&wrapping)?;
    let steps = data.steps()?;
    let plain = plain_bytes(cx, &data, steps, body)?;
    if data.encoding == EncodingOption::NoEncoding {
        return Ok(Unwrapped { body: Body::bytes(plain), attributes: Vec::new() });
    }
    decoded(plain.expose(), cx)
}

/// What was wrapped, as it was encoded; a MAC or signature is verified.
fn plain_bytes(cx: &mut Cx<'_>, data: &Data<'_>, steps: Steps, body: &Body) -> Result<KeyBytes> {
    let encryption = data.encryption.as_ref().map(|key| key.load(cx, Role::Decrypts)).transpose()?;
    let mac = data.mac.as_ref().map(|key| key.load(cx, Role::Verifies)).transpose()?;
    let wrapped = body.bytes.expose();
    let check = |cx: &Cx<'_>, covered: &[u8]| -> Result<()> {
        let Some(key) = &mac else { return Ok(()) };
        let tag = data.tag.ok_or_else(|| missing(Tag::MACSignature, Tag::KeyWrappingData))?;
        if key.verify(cx, covered, tag)? { Ok(()) } else { Err(crate::crypto::CryptoError::Failed.into()) }
    };
    if steps.mac_last {
        check(cx, wrapped)?;
    }
    let plain = match &encryption {
        Some(key) => key.decrypt(cx, wrapped, data.iv)?,
        None => KeyBytes::copy_from(wrapped),
    };
    if !steps.mac_last {
        check(cx, plain.expose())?;
    }
    Ok(plain)
}

/// Wraps an object that is kept wrapped anew: where its Key Wrapping Data name the key `old`, the key `new` wraps it, in the
/// same way. Gives the body and the data.
///
/// # Errors
/// Those of `unwrapped`; and the new key may not wrap, or a MAC or signature of another key cannot be made anew.
pub fn wrapped_anew(
    cx: &mut Cx<'_>,
    object: &ManagedObject,
    body: &Body,
    (old, new): (&str, &str),
) -> Result<(Body, Value)> {
    let no_data = || missing(Tag::KeyWrappingData, Tag::KeyBlock);
    let before = object.material.wrapping.as_ref().ok_or_else(no_data)?;
    let data = Data::read(before)?;
    let steps = data.steps()?;
    let plain = plain_bytes(cx, &data, steps, body)?;
    let (bytes, iv) = match &data.encryption {
        Some(key) => {
            let key = key.load_as(cx, successor(key.id, (old, new)), Role::Encrypts)?;
            let wrapped = key.encrypt(cx, plain.expose())?;
            (KeyBytes::new(wrapped.bytes), wrapped.iv)
        }
        None => (KeyBytes::copy_from(plain.expose()), None),
    };
    let tag = match &data.mac {
        Some(key) => {
            let key = key.load_as(cx, successor(key.id, (old, new)), Role::Authenticates)?;
            let covered = if steps.mac_last { &bytes } else { &plain };
            Some(key.authenticate(cx, covered.expose())?)
        }
        None => None,
    };
    let mut wrapping = before.clone();
    let Value::Structure(fields) = &mut wrapping else { return Err(no_data()) };
    for field in fields.iter_mut() {
        match (&mut field.value, &tag, &iv) {
            (Value::Structure(inner), ..) => {
                for id in
                    inner.iter_mut().filter(|id| id.tag == Tag::UniqueIdentifier && id.value.as_text() == Some(old))
                {
                    id.value = Value::text(new);
                }
            }
            (value, Some(tag), _) if field.tag == Tag::MACSignature => {
                *value = Value::ByteString(tag.as_slice().into())
            }
            (value, _, Some(iv)) if field.tag == Tag::IVCounterNonce => {
                *value = Value::ByteString(iv.as_slice().into())
            }
            _ => {}
        }
    }
    if let Some(iv) = iv.filter(|_| !fields.iter().any(|field| field.tag == Tag::IVCounterNonce)) {
        // Before Encoding Option, the last field.
        let at = fields.iter().position(|field| field.tag == Tag::EncodingOption).unwrap_or(fields.len());
        fields.insert(at, Field::new(Tag::IVCounterNonce, Value::ByteString(iv.into())));
    }
    Ok((Body { kind: BodyKind::Wrapped, bytes }, wrapping))
}

fn successor<'a>(id: IdRef<'a>, (old, new): (&str, &'a str)) -> IdRef<'a> {
    match id {
        IdRef::Id(id) if id == old => IdRef::Id(new),
        other => other,
    }
}

/// The key of the HSM that can unwrap the body of an object there, and how: it was wrapped as it is, with NIST key wrap.
///
/// # Errors
/// Those of `unwrapped`.
pub fn in_token(cx: &mut Cx<'_>, object: &ManagedObject, body: &Body) -> Result<Option<(TokenKey, KeyWrap)>> {
    let Some(wrapping) = object.material.wrapping.as_ref().filter(|_| body.kind == BodyKind::Wrapped) else {
        return Ok(None);
    };
    let data = Data::read(wrapping)?;
    if data.encoding != EncodingOption::NoEncoding || data.steps()?.authenticates {
        return Ok(None);
    }
    let Some(named) = &data.encryption else { return Ok(None) };
    let key = named.load(cx, Role::Decrypts)?;
    Ok(key.token().cloned().zip(key.key_wrap()))
}

/// The TTLV-encoded Key Value that was wrapped. Its attributes are spelt as the version of whoever wrapped it does.
fn decoded(plain: &[u8], cx: &Cx<'_>) -> Result<Unwrapped> {
    let no_value = || Error::new(ResultReason::EncodingOptionError, "what was wrapped is no TTLV-encoded Key Value");
    let limits = Limits { message_bytes_max: plain.len(), ..cx.services.limits.clone() };
    let item = crate::ttlv::check(plain, &limits).map_err(|_| no_value())?;
    if item.tag != Tag::KeyValue || item.item_type != ItemType::Structure {
        return Err(no_value());
    }
    let versions: &[Version] = if item.child(Tag::Attribute).is_some() {
        &[Version::V1_4]
    } else {
        &[cx.version, Version::V2_1, Version::V3_0]
    };
    for version in versions {
        let mut attributes = Vec::new();
        if let Ok(body) = read_key_value(&item, *version, &mut attributes) {
            return Ok(Unwrapped { body, attributes });
        }
    }
    Err(no_value())
}

#[derive(Clone, Copy)]
enum Role {
    Decrypts,
    Verifies,
    /// The way there, for what is wrapped anew.
    Encrypts,
    /// The same.
    Authenticates,
}

impl Information<'_> {
    /// The key, if it is here and may be used for this. A public key that encrypted is undone by its private key.
    fn load(&self, cx: &mut Cx<'_>, role: Role) -> Result<WrappingKey> {
        self.load_as(cx, self.id, role)
    }

    /// Another key with the parameters of this one.
    fn load_as(&self, cx: &mut Cx<'_>, id: IdRef<'_>, role: Role) -> Result<WrappingKey> {
        let named = wrapping_object(cx, id)?;
        let parameters = self.parameters.clone();
        let parameters =
            parameters.or_else(|| named.attributes.get(attr::CRYPTOGRAPHIC_PARAMETERS)).unwrap_or_default();
        let (key, purpose) = match (role, named.object_type) {
            (Role::Decrypts, ObjectType::SymmetricKey | ObjectType::PrivateKey) => (named, Use::UnwrapKey),
            (Role::Decrypts, ObjectType::PublicKey) => {
                let Some(Target::Object(id)) = named.attributes.get(attr::PRIVATE_KEY_LINK) else {
                    return Err(Error::new(
                        ResultReason::WrappingObjectNotFound,
                        "the public key that wrapped has no link to its private key",
                    ));
                };
                (wrapping_object(cx, IdRef::Id(&id))?, Use::UnwrapKey)
            }
            (Role::Verifies, ObjectType::SymmetricKey) => (named, Use::MacVerify),
            (Role::Verifies, ObjectType::PublicKey) => (named, Use::SignatureVerify),
            // Who may sign with the private key has what verifies: no bit of its mask says that.
            (Role::Verifies, ObjectType::PrivateKey) => {
                may_use(&named.attributes, Use::Sign, cx.now, cx.services.settings.after_life)
                    .map_err(|no| no.into_error(cx.version))?;
                // The public half of a key in the HSM is here.
                match named.attributes.get(attr::PUBLIC_KEY_LINK) {
                    Some(Target::Object(id)) if cx.resident_key(&named).is_some() => {
                        (wrapping_object(cx, IdRef::Id(&id))?, Use::SignatureVerify)
                    }
                    _ => (named, Use::Sign),
                }
            }
            (Role::Encrypts, ObjectType::SymmetricKey | ObjectType::PublicKey) => (named, Use::WrapKey),
            (Role::Authenticates, ObjectType::SymmetricKey) => (named, Use::Mac),
            (Role::Authenticates, ObjectType::PrivateKey) => (named, Use::Sign),
            (_, other) => return Err(not_a_key(other, cx)),
        };
        may_use(&key.attributes, purpose, cx.now, cx.services.settings.after_life)
            .map_err(|no| no.into_error(cx.version))?;
        let material = material(cx, &key)?;
        Ok(WrappingKey::new(key, parameters, material))
    }

    fn read(value: &Value, inside: Tag) -> Result<Information<'_>> {
        let id = value.field(Tag::UniqueIdentifier).ok_or_else(|| missing(Tag::UniqueIdentifier, inside))?;
        let id =
            id_ref(id).ok_or_else(|| Error::invalid_message("Unique Identifier of a wrapping key has a wrong type"))?;
        let parameters = value.field(Tag::CryptographicParameters).map(parameters_of).transpose()?;
        Ok(Information { id, parameters })
    }
}

impl<'a> Data<'a> {
    fn steps(&self) -> Result<Steps> {
        Steps::of(self.method, self.encryption.is_some(), self.mac.is_some())
    }

    fn read(value: &'a Value) -> Result<Self> {
        let number = |tag| match value.field(tag) {
            Some(Value::Enumeration(number)) => Ok(Some(*number)),
            Some(_) => Err(Error::invalid_message(format!("{tag} in Key Wrapping Data is no Enumeration"))),
            None => Ok(None),
        };
        let bytes = |tag| match value.field(tag) {
            Some(Value::ByteString(bytes)) => Ok(Some(&**bytes)),
            Some(_) => Err(Error::invalid_message(format!("{tag} in Key Wrapping Data is no Byte String"))),
            None => Ok(None),
        };
        let information = |tag| value.field(tag).map(|value| Information::read(value, tag)).transpose();
        let method = number(Tag::WrappingMethod)?.ok_or_else(|| missing(Tag::WrappingMethod, Tag::KeyWrappingData))?;
        let encryption = information(Tag::EncryptionKeyInformation)?;
        let mac = information(Tag::MACSignatureKeyInformation)?;
        let encoding = number(Tag::EncodingOption)?.map_or(EncodingOption::TTLVEncoding, EncodingOption);
        if encryption.is_none() && mac.is_none() {
            return Err(missing(Tag::EncryptionKeyInformation, Tag::KeyWrappingData));
        }
        Ok(Self {
            method: WrappingMethod(method),
            encryption,
            mac,
            tag: bytes(Tag::MACSignature)?,
            iv: bytes(Tag::IVCounterNonce)?,
            encoding,
        })
    }
}

/// An identifier as its value says it, in whatever version it came.
fn id_ref(value: &Value) -> Option<IdRef<'_>> {
    match value {
        Value::TextString(id) | Value::Identifier(id) | Value::Reference(id) => Some(IdRef::Id(id)),
        Value::NameReference(name) => Some(IdRef::Name(name)),
        Value::Enumeration(part) => Some(IdRef::Answered(UniqueIdentifier(*part))),
        Value::Integer(number) => Some(IdRef::Nth(*number)),
        _ => None,
    }
}

/// The link of a wrapped object to the key that wrapped it (2.1 §6.1.43).
pub fn wrapping_key_link(wrapping: &Value) -> Option<Value> {
    let key = KEYS.into_iter().find_map(|tag| wrapping.field(tag)?.field(Tag::UniqueIdentifier)?.as_text());
    key.map(|id| Target::Object(id.into()).into_value())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data(method: u32, fields: &[(Tag, Value)]) -> Value {
        let mut all = vec![Field::new(Tag::WrappingMethod, Value::Enumeration(method))];
        all.extend(fields.iter().map(|(tag, value)| Field::new(*tag, value.clone())));
        Value::Structure(all)
    }

    fn key(id: Value) -> Value {
        Value::Structure(vec![Field::new(Tag::UniqueIdentifier, id)])
    }

    #[test]
    fn key_wrapping_data_says_which_keys_and_how() {
        const ENCRYPTION: Tag = Tag::EncryptionKeyInformation;
        let named = key(Value::text("k"));
        let table = [
            (data(1, &[(ENCRYPTION, named.clone())]), Ok(Release::Wrapped)),
            (data(2, &[(Tag::MACSignatureKeyInformation, named.clone())]), Ok(Release::Plain)),
            (data(3, &[(ENCRYPTION, named.clone())]), Err(ResultReason::InvalidField)),
            (data(5, &[(ENCRYPTION, named.clone())]), Err(ResultReason::FeatureNotSupported)),
            (data(1, &[]), Err(ResultReason::InvalidMessage)),
            (data(1, &[(ENCRYPTION, Value::Structure(Vec::new()))]), Err(ResultReason::InvalidMessage)),
            (data(1, &[(ENCRYPTION, key(Value::Boolean(true)))]), Err(ResultReason::InvalidMessage)),
            (
                data(1, &[(ENCRYPTION, named.clone()), (Tag::IVCounterNonce, Value::text("iv"))]),
                Err(ResultReason::InvalidMessage),
            ),
            (Value::Structure(vec![Field::new(ENCRYPTION, named)]), Err(ResultReason::InvalidMessage)),
        ];
        for (wrapping, expected) in table {
            let steps = Data::read(&wrapping).and_then(|data| data.steps());
            assert_eq!(steps.map(Steps::release).map_err(|error| error.reason()), expected, "{wrapping:?}");
        }
    }

    #[test]
    fn what_only_has_a_mac_leaves_as_plain() {
        let released = |wrapping: Option<Value>| {
            let mut object = ManagedObject::new("o", ObjectType::SymmetricKey, "alice");
            object.material.wrapping = wrapping;
            release_as_registered(&object)
        };
        assert_eq!(released(None), Release::Plain);
        assert_eq!(
            released(Some(data(2, &[(Tag::MACSignatureKeyInformation, key(Value::text("k")))]))),
            Release::Plain
        );
        assert_eq!(
            released(Some(data(5, &[(Tag::EncryptionKeyInformation, key(Value::text("k")))]))),
            Release::Wrapped
        );
    }

    #[test]
    fn a_wrapping_key_is_named_in_every_way_of_every_version() {
        let table = [
            (Value::text("k"), Some(IdRef::Id("k"))),
            (Value::Identifier("k".into()), Some(IdRef::Id("k"))),
            (Value::Reference("k".into()), Some(IdRef::Id("k"))),
            (Value::NameReference("n".into()), Some(IdRef::Name("n"))),
            (Value::Enumeration(1), Some(IdRef::Answered(UniqueIdentifier::IDPlaceholder))),
            (Value::Integer(-1), Some(IdRef::Nth(-1))),
            (Value::Boolean(true), None),
        ];
        for (value, expected) in table {
            assert_eq!(id_ref(&value), expected);
        }
    }
}
