//! Destroy: the key material is gone, its metadata stays (1.4 §4.21, 2.1 §6.1.15). What the object was sealed with
//! goes with it.

use super::{Cx, Op};
use crate::base::Result;
use crate::model::Event;
use crate::model::lifecycle::has_states;
use crate::model::right::Right;
use crate::proto::id::{Id, IdRef};
use crate::proto::wire::structure;

/// Destroy.
pub struct Destroy;

structure! {
    /// The object; absent, the ID Placeholder.
    pub struct Request<'a> reads {
        opt UniqueIdentifier => id: IdRef<'a>;
    }
}

structure! {
    /// The object.
    pub struct Response writes {
        req UniqueIdentifier => id: Id;
    }
}

impl Op for Destroy {
    type Request<'a> = Request<'a>;
    type Response = Response;

    fn run(request: Request<'_>, cx: &mut Cx<'_>) -> Result<Response> {
        let mut object = cx.object(request.id, Right::Destroy)?;
        let id = Id(object.id.clone());
        if has_states(object.object_type) {
            cx.apply(&mut object, Event::Destroy)?;
            cx.save_erased(object)?;
        } else {
            // A template has no state that could say it was destroyed.
            cx.obliterate(object)?;
        }
        Ok(Response { id })
    }
}
