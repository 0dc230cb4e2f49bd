//! Obliterate: the object vanishes with all that is known of it (3.0, operation 3D); a Destroy leaves its metadata. What
//! must not be destroyed must not be obliterated either: an Active object is revoked first. Only the audit log
//! remembers.

use super::{Cx, Op};
use crate::base::Result;
use crate::model::lifecycle::{Event, has_states, is_destroyed};
use crate::model::right::Right;
use crate::proto::id::IdRef;
use crate::proto::wire::structure;

/// Obliterate.
pub struct Obliterate;

structure! {
    /// The object.
    pub struct Request<'a> reads {
        opt UniqueIdentifier => id: IdRef<'a>;
    }
}

structure! {
    /// Nothing.
    pub struct Response writes {}
}

impl Op for Obliterate {
    type Request<'a> = Request<'a>;
    type Response = Response;

    fn run(request: Request<'_>, cx: &mut Cx<'_>) -> Result<Response> {
        let mut object = cx.object(request.id, Right::Destroy)?;
        if has_states(object.object_type) && !is_destroyed(object.state(cx.now)) {
            cx.apply(&mut object, Event::Destroy)?;
        }
        cx.obliterate(object)?;
        Ok(Response {})
    }
}
