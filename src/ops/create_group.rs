//! Create Group (3.0, operation 3C): a group has no fields of its own, only attributes; what belongs to it says so by a
//! Group Link.

use super::system::new_system_object;
use super::{Cx, Op};
use crate::base::Result;
use crate::proto::attributes::AttributeList;
use crate::proto::id::Id;
use crate::proto::wire::structure;
use crate::registry::{ObjectType, UniqueIdentifier};

/// Create Group.
pub struct CreateGroup;

structure! {
    /// What the group is called, and the rest.
    pub struct Request reads {
        req Attributes => attributes: AttributeList;
    }
}

structure! {
    /// The group.
    pub struct Response writes {
        req UniqueIdentifier => id: Id;
    }
}

impl Op for CreateGroup {
    type Request<'a> = Request;
    type Response = Response;

    fn run(request: Request, cx: &mut Cx<'_>) -> Result<Response> {
        let object = new_system_object(cx, request.attributes, ObjectType::Group)?;
        let id = cx.save(object)?;
        cx.answer(UniqueIdentifier::CreateGroup, &id);
        Ok(Response { id })
    }
}
