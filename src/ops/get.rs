//! Get: an object leaves the server (1.4 §4.11, 2.1 §6.1.19). The permit in `Cx::release` is the check.

use super::fresh::{Parsed, encoded_body, hint_of, parse};
use super::wrapping::Specification;
use super::{Cx, Object, Op, pkcs12, symmetric, unwrapping};
use crate::base::{Error, Result};
use crate::crypto::formats;
use crate::model::lifecycle::is_destroyed;
use crate::model::right::{Release, Right};
use crate::model::{Attribute, Attributes, attr};
use crate::proto::id::{Id, IdRef};
use crate::proto::objects::{Body, BodyKind, ObjectAnswer};
use crate::proto::wire::{Write, structure};
use crate::registry::{KeyCompressionType, KeyFormatType, KeyWrapType, ObjectType, ResultReason, Tag, Version};
use crate::ttlv::Writer;
use crate::vault::KeyId;

/// Get.
pub struct Get;

structure! {
    /// Which object, and in which form. Export asks the same.
    pub struct Request<'a> reads {
        opt UniqueIdentifier => id: IdRef<'a>;
        opt KeyFormatType => format: KeyFormatType;
        opt KeyWrapType => wrap_type: KeyWrapType;
        opt KeyCompressionType => compression: KeyCompressionType;
        opt KeyWrappingSpecification => wrapping: Specification<'a>;
    }
}

/// The object.
pub struct Response {
    object_type: ObjectType,
    id: Id,
    object: ObjectAnswer,
}

impl Write for Response {
    fn write(&self, tag: Tag, out: &mut Writer, version: Version) {
        let mark = out.begin(tag);
        self.object_type.write(Tag::ObjectType, out, version);
        self.id.write(Tag::UniqueIdentifier, out, version);
        self.object.write(tag, out, version);
        out.end(mark);
    }
}

impl Op for Get {
    type Request<'a> = Request<'a>;
    type Response = Response;

    fn run(request: Request<'_>, cx: &mut Cx<'_>) -> Result<Response> {
        let object = cx.object(request.id, Right::Get)?;
        known_type(object.object_type, cx)?;
        available(&object, cx)?;
        let answer = delivered(cx, &object, &request)?;
        let (object_type, id) = (object.object_type, Id(object.id.clone()));
        served(cx, object)?;
        Ok(Response { object_type, id, object: answer })
    }
}

/// The object as the request wants it: unwrapped or not, in a format, wrapped or not.
pub fn delivered(cx: &mut Cx<'_>, object: &Object, request: &Request<'_>) -> Result<ObjectAnswer> {
    let mut answer = ObjectAnswer::of(object, None);
    let kept_wrapped = object.material.wrapping.is_some();
    let unwraps = unwraps(request, kept_wrapped)?;
    let release = match &request.wrapping {
        Some(wrapping) => wrapping.steps()?.release(),
        None if kept_wrapped && !unwraps => unwrapping::release_as_registered(object),
        None => Release::Plain,
    };
    if let Some(key) = cx.release_resident(object, release)? {
        return in_token(cx, object, &key, request, answer);
    }
    let Some(mut body) = cx.release(object, release)? else {
        if object.object_type == ObjectType::Template {
            return Ok(answer);
        }
        return Err(Error::new(ResultReason::KeyValueNotPresent, "the server does not hold this object's key value"));
    };
    if unwraps && body.kind == BodyKind::Wrapped {
        let plain = unwrapping::unwrapped(cx, object, &body)?;
        body = plain.body;
        let mut inner = Attributes::new();
        for one in plain.attributes {
            inner.push(one.tag, one.value);
        }
        answer.attributes = inner.into_iter().collect::<Vec<Attribute>>();
        answer.material.wrapping = None;
    }
    answer.body = Some(formatted(cx, &mut answer, object, body, request)?);
    if let Some(wrapping) = &request.wrapping {
        wrapping.apply(cx, object, &mut answer)?;
    }
    Ok(answer)
}

/// A key of the HSM leaves it wrapped by another key there, and in the one form that it has there.
fn in_token(
    cx: &mut Cx<'_>,
    object: &Object,
    key: &KeyId,
    request: &Request<'_>,
    mut answer: ObjectAnswer,
) -> Result<ObjectAnswer> {
    let Some(wrapping) = &request.wrapping else {
        return Err(Error::new(
            ResultReason::Sensitive,
            "a key in the HSM leaves it only wrapped by another key of the HSM",
        ));
    };
    // C_WrapKey wraps private keys in their PKCS#8 form (PKCS#11 3.0 §5.18.3).
    let format = match object.object_type {
        ObjectType::PrivateKey => KeyFormatType::PKCS_8,
        _ => KeyFormatType::Raw,
    };
    if request.compression.is_some() || request.format.is_some_and(|asked| asked != format) {
        return unsupported_format(request.format, object).map(|_| answer);
    }
    answer.material.format = Some(format);
    wrapping.apply_in_token(cx, key, &mut answer)?;
    Ok(answer)
}

/// The body in the format that was asked for. PKCS#12 takes more objects than this one.
fn formatted(
    cx: &mut Cx<'_>,
    answer: &mut ObjectAnswer,
    object: &Object,
    body: Body,
    request: &Request<'_>,
) -> Result<Body> {
    const PKCS_12: Option<KeyFormatType> = Some(KeyFormatType::PKCS_12);
    let held = object.material.format;
    if request.format == PKCS_12 && held != PKCS_12 {
        answer.material.format = object.material.format.and(PKCS_12);
        return pkcs12::contained(cx, object);
    }
    if let Some(wanted) = request.format.filter(|wanted| held == PKCS_12 && *wanted != KeyFormatType::PKCS_12) {
        let key = pkcs12::opened(cx, &object.attributes, &body)?.key;
        answer.material.format = Some(wanted);
        return Ok(encoded_body(formats::encode_private(&key, wanted).map_err(Error::from)?));
    }
    shaped(answer, object, body, request.format, request.compression, cx.version)
}

/// Whether an object is to be unwrapped first: it is kept wrapped, and the client asks for it plain or wrapped anew.
fn unwraps(request: &Request<'_>, kept_wrapped: bool) -> Result<bool> {
    let refused = |words: String| Err(Error::new(ResultReason::KeyWrapTypeNotSupported, words));
    match (request.wrap_type, &request.wrapping) {
        (Some(KeyWrapType::AsRegistered), Some(_)) if kept_wrapped => {
            refused("the object is wrapped as it was registered; it is not wrapped twice".into())
        }
        (None | Some(KeyWrapType::AsRegistered), None) => Ok(false),
        (None | Some(KeyWrapType::NotWrapped | KeyWrapType::AsRegistered), _) => Ok(kept_wrapped),
        (Some(other), _) => refused(format!("this server has no Key Wrap Type {other}")),
    }
}

/// Objects of types that the client's version lacks cannot be shown to it.
pub fn known_type(object_type: ObjectType, cx: &Cx<'_>) -> Result<()> {
    if object_type.known_in(cx.version) {
        return Ok(());
    }
    Err(Error::new(
        ResultReason::InvalidObjectType,
        format!("KMIP {} has no objects of type {object_type}", cx.version),
    ))
}

/// Destroyed objects have no material, archived ones must be recovered first.
pub fn available(object: &Object, cx: &Cx<'_>) -> Result<()> {
    if is_destroyed(object.state(cx.now)) {
        return Err(Error::new(ResultReason::ObjectDestroyed, "the object is destroyed; its key material is gone"));
    }
    if object.is_archived() {
        return Err(Error::new(ResultReason::ObjectArchived, "the object is archived; Recover it first"));
    }
    Ok(())
}

/// "The server SHALL change Fresh to False as soon as the object has been served via the Get operation" (2.1 §4.24).
pub fn served(cx: &mut Cx<'_>, mut object: Object) -> Result<()> {
    if object.attributes.is_true(attr::FRESH) {
        object.attributes.set(attr::FRESH, false);
        cx.save(object)?;
    }
    Ok(())
}

/// The forms in which 1.0 to 1.2 know the keys that later versions have as Transparent EC keys.
fn older_format(object_type: ObjectType) -> Option<KeyFormatType> {
    match object_type {
        ObjectType::PrivateKey => Some(KeyFormatType::ECPrivateKey),
        ObjectType::PublicKey => Some(KeyFormatType::X_509),
        _ => None,
    }
}

/// The body in the Key Format Type and Key Compression Type that were asked for.
fn shaped(
    answer: &mut ObjectAnswer,
    object: &Object,
    body: Body,
    format: Option<KeyFormatType>,
    compression: Option<KeyCompressionType>,
    version: Version,
) -> Result<Body> {
    let held = object.material.format;
    // A format that the client's version lacks is replaced by the one its version has for such keys.
    let given = if held.is_none_or(|held| held.known_in(version)) { held } else { older_format(object.object_type) };
    let wanted = format.or(given);
    if wanted == held && (compression.is_none() || compression == object.material.compression) {
        return Ok(body);
    }
    let Some(wanted) = wanted else { return unsupported_format(format, object) };
    if body.kind == BodyKind::Wrapped {
        return unsupported_format(Some(wanted), object);
    }
    let converted = match object.object_type {
        ObjectType::SymmetricKey if compression.is_none() => symmetric::convert(&body, wanted),
        ObjectType::SecretData if compression.is_none() => {
            // Raw and Opaque are the same bytes.
            matches!(wanted, KeyFormatType::Raw | KeyFormatType::Opaque).then_some(body)
        }
        ObjectType::PrivateKey | ObjectType::PublicKey => {
            match held.and_then(|held| parse(object.object_type, held, hint_of(object), &body)).and_then(|key| key.ok())
            {
                Some(Parsed::Private(key)) if compression.is_none() => {
                    Some(encoded_body(formats::encode_private(&key, wanted).map_err(Error::from)?))
                }
                Some(Parsed::Public(key)) => {
                    Some(encoded_body(formats::encode_public(&key, wanted, compression).map_err(Error::from)?))
                }
                _ => None,
            }
        }
        _ => None,
    };
    let Some(converted) = converted else { return unsupported_format(Some(wanted), object) };
    answer.material.format = Some(wanted);
    if compression.is_some() {
        answer.material.compression = compression;
    }
    Ok(converted)
}

fn unsupported_format(wanted: Option<KeyFormatType>, object: &Object) -> Result<Body> {
    let wanted = wanted.map_or_else(|| "that form".to_owned(), |format| format.to_string());
    Err(Error::new(
        ResultReason::KeyFormatTypeNotSupported,
        format!("this {} cannot be given as {wanted}", object.object_type),
    ))
}
