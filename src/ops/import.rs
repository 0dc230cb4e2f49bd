//! Import: an object comes with all its attributes and keeps its unique identifier (1.4 §4.41, 2.1 §6.1.25).

use super::fresh::{Origin, furnish};
use super::get::known_type;
use super::register::{agree, check_key, fits_limits, wrapped};
use super::unwrapping::Unwrapped;
use super::{Cx, Object, Op, certificate, unwrapping};
use crate::base::{Error, Result, Value};
use crate::model::lifecycle::is_destroyed;
use crate::model::right::Right;
use crate::model::rules::may_import;
use crate::model::{Attribute, Attributes, Family, attr};
use crate::proto::attributes::{AttributeList, NewAttribute, check_value};
use crate::proto::id::{Id, IdRef};
use crate::proto::objects::{Body, BodyKind, NewObject, object_type_of};
use crate::proto::wire::{Read, missing, repeated, structure, unexpected};
use crate::registry::{KeyWrapType, ObjectType, ResultReason, State, Tag, UniqueIdentifier, Version};
use crate::ttlv::Item;

/// Import.
pub struct Import;

/// The object and everything that is known of it. The object's tag depends on its type, so this is read by hand.
#[derive(Debug)]
pub struct Request {
    id: Box<str>,
    replace: bool,
    wrap_type: Option<KeyWrapType>,
    attributes: Vec<NewAttribute>,
    object: NewObject,
}

/// Longest unique identifier that a client may bring, in bytes.
const ID_BYTES_MAX: usize = 255;

impl<'a> Read<'a> for Request {
    fn read(item: &Item<'a>, version: Version) -> Result<Self> {
        let (mut id, mut object_type, mut replace, mut wrap_type) = (None, None, None, None);
        let (mut attributes, mut list, mut object) = (Vec::new(), None, None);
        for child in item.children() {
            let again = match child.tag {
                Tag::UniqueIdentifier => id.replace(identifier(&child, version)?).is_some(),
                Tag::ObjectType => object_type.replace(ObjectType::read(&child, version)?).is_some(),
                Tag::ReplaceExisting => replace.replace(bool::read(&child, version)?).is_some(),
                Tag::KeyWrapType => wrap_type.replace(KeyWrapType::read(&child, version)?).is_some(),
                // 1.4 repeats Attribute; 2.x has all of them in one structure.
                Tag::Attribute if version.is_1x() => {
                    attributes.push(NewAttribute::read(&child, version)?);
                    false
                }
                Tag::Attributes if child.tag.known_in(version) => {
                    list.replace(AttributeList::read(&child, version)?).is_some()
                }
                tag if object_type_of(tag).is_some() && tag.known_in(version) => object.replace(child).is_some(),
                _ => return Err(unexpected(&child, item.tag, version)),
            };
            if again {
                return Err(repeated(&child));
            }
        }
        attributes.extend(list.into_iter().flat_map(|list: AttributeList| list.attributes));
        let object = object.ok_or_else(|| Error::invalid_message("the object to import is missing in the request"))?;
        // The payload of 1.4 has no Object Type: the object's own tag says it.
        let object_type = match object_type.or_else(|| object_type_of(object.tag).filter(|_| version.is_1x())) {
            Some(object_type) => object_type,
            None => return Err(missing(Tag::ObjectType, item.tag)),
        };
        Ok(Self {
            id: id.ok_or_else(|| missing(Tag::UniqueIdentifier, item.tag))?,
            replace: replace.unwrap_or(false),
            wrap_type,
            attributes,
            object: NewObject::read(&object, object_type, version)?,
        })
    }
}

/// The identifier that the object is to have: spelt out, since there is nothing yet that another form could mean.
fn identifier(item: &Item<'_>, version: Version) -> Result<Box<str>> {
    match IdRef::read(item, version)? {
        IdRef::Id(id) if !id.is_empty() && id.len() <= ID_BYTES_MAX => Ok(id.into()),
        _ => Err(Error::invalid_field(format!(
            "the Unique Identifier of an object to import is a text of 1 to {ID_BYTES_MAX} bytes"
        ))),
    }
}

structure! {
    /// The new object.
    pub struct Response writes {
        req UniqueIdentifier => id: Id;
    }
}

impl Op for Import {
    type Request<'a> = Request;
    type Response = Response;

    fn run(request: Request, cx: &mut Cx<'_>) -> Result<Response> {
        let new = request.object;
        known_type(new.object_type, cx)?;
        fits_limits(cx, new.body.as_ref())?;
        let replaced = vacate(cx, &request.id, request.replace)?;
        let lay_there = replaced.as_ref().and_then(|old| old.material.reference.clone());
        let mut object = cx.new_object_as(&request.id, new.object_type, replaced);
        object.material = new.material;
        let mut body = new.body;
        let mut inner = new.attributes;
        if let Some(kept) = body.as_ref().filter(|body| body.kind == BodyKind::Wrapped)
            && request.wrap_type == Some(KeyWrapType::NotWrapped)
        {
            let plain = unwrapped(cx, &mut object, kept)?;
            inner.extend(plain.attributes);
            body = Some(plain.body);
        }
        let mut supplied = supplied(cx, &object, request.attributes, inner)?;
        // What is left of a destroyed object are its attributes; fields of bytes that its type must have are empty.
        if supplied.get(attr::STATE).is_some_and(is_destroyed) {
            body = None;
        }
        agree(&mut supplied, new.algorithm, new.length)?;
        if let Some(body) = &body {
            check_key(&mut supplied, &object, body)?;
        }
        let mut made = supplied.clone();
        if let Some(body) = &body {
            certificate::describe(&mut made, &object.material.fields, body)?;
        }
        wrapped(cx, &mut made, &mut object)?;
        complete(cx, &mut object, made, &supplied, body.as_ref())?;
        cx.may_create(&object)?;
        let id = cx.save_imported(object, body, lay_there)?;
        cx.answer(UniqueIdentifier::Import, &id);
        Ok(Response { id })
    }
}

/// "The server SHALL unwrap the object before storing it" (2.1 §6.1.25).
fn unwrapped(cx: &mut Cx<'_>, object: &mut Object, kept: &Body) -> Result<Unwrapped> {
    if let Some(mut wrapping) = object.material.wrapping.take() {
        unwrapping::bind(cx, &mut wrapping)?;
        object.material.wrapping = Some(wrapping);
    }
    let plain = unwrapping::unwrapped(cx, object, kept)?;
    object.material.wrapping = None;
    Ok(plain)
}

/// Makes room for the identifier: nothing has it, or what has it may be replaced. The caller must be allowed to destroy
/// what is replaced.
fn vacate(cx: &mut Cx<'_>, id: &str, replace: bool) -> Result<Option<Object>> {
    if !cx.exists(id)? {
        return Ok(None);
    }
    if !replace {
        return Err(Error::new(ResultReason::ObjectAlreadyExists, "an object has this unique identifier already"));
    }
    cx.object_by_id(id, Right::Destroy).map(Some).map_err(|error| match error.reason() {
        // Another's object is not shown, but its identifier is taken all the same.
        ResultReason::ObjectNotFound | ResultReason::ItemNotFound => {
            Error::permission_denied("the object with this unique identifier is not yours to replace")
        }
        _ => error,
    })
}

/// The attributes of the request under their indices, each checked by itself. Those that came inside the Key Value
/// count where the request has none.
fn supplied(cx: &Cx<'_>, object: &Object, outer: Vec<NewAttribute>, inner: Vec<NewAttribute>) -> Result<Attributes> {
    let mut supplied = Attributes::new();
    let given: Vec<Tag> = outer.iter().map(|one| one.tag).collect();
    for one in outer.into_iter().chain(inner.into_iter().filter(|one| !given.contains(&one.tag))) {
        check_value(&one, cx.version)?;
        let index = one.index.unwrap_or(0);
        let family = Family::of(one.tag, &one.value);
        if supplied.find(family, index).is_some() {
            supplied.push(one.tag, one.value);
        } else {
            supplied.insert(Attribute { tag: one.tag, index, value: one.value });
        }
    }
    may_import(&supplied, object.object_type, cx.version).map_err(|refusal| refusal.into_error(cx.version))?;
    let same = |tag, own: &Value| supplied.value(tag).is_none_or(|value| value == own);
    let own_type = Value::Enumeration(object.object_type.0);
    if !same(Tag::UniqueIdentifier, &Value::text(object.id.clone())) || !same(Tag::ObjectType, &own_type) {
        return Err(Error::invalid_field(
            "Unique Identifier or Object Type differ between the attributes and the request",
        ));
    }
    Ok(supplied)
}

/// Dates and state: with a state from outside they are taken as they are, without the rules of a new object.
const LIFE: [Tag; 8] = [
    Tag::State,
    Tag::ActivationDate,
    Tag::ProcessStartDate,
    Tag::ProtectStopDate,
    Tag::DeactivationDate,
    Tag::CompromiseDate,
    Tag::CompromiseOccurrenceDate,
    Tag::DestroyDate,
];

/// Gives the object its attributes: what it must have and did not bring comes from the server, then "all attributes
/// MUST be set to the supplied values rather than any server generated values" (2.1 §6.1.25).
fn complete(
    cx: &Cx<'_>,
    object: &mut Object,
    made: Attributes,
    supplied: &Attributes,
    body: Option<&Body>,
) -> Result<()> {
    let has_state = supplied.has(Tag::State);
    let asked = made.into_iter().filter(|one| !(has_state && LIFE.contains(&one.tag)));
    furnish(cx, object, asked.collect(), body, Origin::Registered)?;
    let destroyed = supplied.get(attr::STATE).is_some_and(|state: State| is_destroyed(state));
    if body.is_none() && !destroyed && object.object_type != ObjectType::Template {
        object.attributes.set(attr::KEY_VALUE_PRESENT, false);
    }
    let replaced = |one: &&Attribute| has_state || !LIFE.contains(&one.tag);
    if has_state {
        LIFE.iter().for_each(|tag| _ = object.attributes.remove_all(*tag));
    }
    for one in supplied.iter().filter(replaced) {
        object.attributes.remove_all(Family::of(one.tag, &one.value));
    }
    for one in supplied.iter().filter(replaced) {
        object.attributes.insert(one.clone());
    }
    Ok(())
}
