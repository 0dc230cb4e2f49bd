//! Get: an object leaves the server (1.4 §4.11, 2.1 §6.1.19). The permit in `Cx::release` is the check.

use super::fresh::{Parsed, encoded_body, parsed};
use super::{Cx, Object, Op, symmetric};
use crate::base::{Error, Result};
use crate::crypto::formats;
use crate::model::attr;
use crate::model::lifecycle::is_destroyed;
use crate::model::right::{Release, Right};
use crate::proto::id::{Id, IdRef};
use crate::proto::objects::{Body, BodyKind, ObjectAnswer};
use crate::proto::wire::{Write, structure};
use crate::registry::{KeyCompressionType, KeyFormatType, KeyWrapType, ObjectType, ResultReason, Tag, Version};
use crate::ttlv::{Item, Writer};

/// Get.
pub struct Get;

structure! {
    /// Which object, and in which form.
    pub struct Request<'a> reads {
        opt UniqueIdentifier => id: IdRef<'a>;
        opt KeyFormatType => format: KeyFormatType;
        opt KeyWrapType => wrap_type: KeyWrapType;
        opt KeyCompressionType => compression: KeyCompressionType;
        opt KeyWrappingSpecification => wrapping: Item<'a>;
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
        if !object.object_type.known_in(cx.version) {
            return Err(Error::new(
                ResultReason::InvalidObjectType,
                format!("KMIP {} has no objects of type {}", cx.version, object.object_type),
            ));
        }
        available(&object, cx)?;
        // Keys are given as they were registered, which is what Not Wrapped and As Registered mean for plain ones.
        let not_here = request.wrap_type == Some(KeyWrapType::NotWrapped) && object.material.wrapping.is_some();
        if not_here {
            return Err(Error::new(ResultReason::KeyWrapTypeNotSupported, "the object was registered wrapped"));
        }
        if request.wrapping.is_some() {
            return Err(Error::new(ResultReason::FeatureNotSupported, "this server does not wrap keys on Get yet"));
        }
        let body = cx.release(&object, Release::Plain)?;
        if body.is_none() && object.object_type != ObjectType::Template {
            return Err(Error::new(
                ResultReason::KeyValueNotPresent,
                "the server does not hold this object's key value",
            ));
        }
        let mut answer = ObjectAnswer::of(&object, None);
        answer.body = match body {
            Some(body) => Some(shaped(&mut answer, &object, body, request.format, request.compression)?),
            None => None,
        };
        let (object_type, id) = (object.object_type, Id(object.id.clone()));
        served(cx, object)?;
        Ok(Response { object_type, id, object: answer })
    }
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
fn served(cx: &mut Cx<'_>, mut object: Object) -> Result<()> {
    if object.attributes.is_true(attr::FRESH) {
        object.attributes.set(attr::FRESH, false);
        cx.save(object)?;
    }
    Ok(())
}

/// The body in the Key Format Type and Key Compression Type that were asked for.
fn shaped(
    answer: &mut ObjectAnswer,
    object: &Object,
    body: Body,
    format: Option<KeyFormatType>,
    compression: Option<KeyCompressionType>,
) -> Result<Body> {
    let held = object.material.format;
    let wanted = format.or(held);
    if wanted == held && compression == object.material.compression {
        return Ok(body);
    }
    if wanted == held && compression.is_none() {
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
        ObjectType::PrivateKey | ObjectType::PublicKey => match parsed(object, &body) {
            Some(Parsed::Private(key)) if compression.is_none() => {
                Some(encoded_body(formats::encode_private(&key, wanted).map_err(Error::from)?))
            }
            Some(Parsed::Public(key)) => {
                Some(encoded_body(formats::encode_public(&key, wanted, compression).map_err(Error::from)?))
            }
            _ => None,
        },
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
