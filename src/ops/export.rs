//! Export: an object and all its attributes leave the server, to be imported elsewhere (1.4 §4.40, 2.1 §6.1.18).

use super::get::{self, delivered, known_type, served};
use super::get_attributes::visible;
use super::{Cx, Op};
use crate::base::{Error, Result};
use crate::model::lifecycle::is_destroyed;
use crate::model::right::Right;
use crate::proto::attributes::AnswerAttributes;
use crate::proto::id::Id;
use crate::proto::objects::ObjectAnswer;
use crate::proto::wire::Write;
use crate::registry::{ObjectType, ResultReason, Tag, Version};
use crate::ttlv::Writer;

/// Export.
pub struct Export;

/// The object with its attributes.
pub struct Response {
    object_type: ObjectType,
    id: Id,
    attributes: AnswerAttributes,
    object: ObjectAnswer,
}

impl Write for Response {
    fn write(&self, tag: Tag, out: &mut Writer, version: Version) {
        let mark = out.begin(tag);
        self.object_type.write(Tag::ObjectType, out, version);
        self.id.write(Tag::UniqueIdentifier, out, version);
        self.attributes.write(Tag::Attributes, out, version);
        self.object.write(tag, out, version);
        out.end(mark);
    }
}

impl Op for Export {
    type Request<'a> = get::Request<'a>;
    type Response = Response;

    fn run(request: get::Request<'_>, cx: &mut Cx<'_>) -> Result<Response> {
        let object = cx.object(request.id, Right::Get)?;
        known_type(object.object_type, cx)?;
        if object.is_archived() {
            return Err(Error::new(ResultReason::ObjectArchived, "the object is archived; Recover it first"));
        }
        let attributes = AnswerAttributes(visible(&object, cx));
        let (object_type, id) = (object.object_type, Id(object.id.clone()));
        // "If the Managed Object has been Destroyed then the key material … SHALL not be returned in the response."
        let answer = if is_destroyed(object.state(cx.now)) {
            ObjectAnswer::of(&object, None)
        } else {
            let answer = delivered(cx, &object, &request)?;
            served(cx, object)?;
            answer
        };
        cx.set_placeholder(&id);
        Ok(Response { object_type, id, attributes, object: answer })
    }
}
