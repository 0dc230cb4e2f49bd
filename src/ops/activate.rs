//! Activate: a Pre-Active object becomes Active (1.4 §4.19, 2.1 §6.1.1). The states are those of `model::lifecycle`.

use super::{Cx, Op};
use crate::base::Result;
use crate::model::Event;
use crate::model::right::Right;
use crate::proto::id::{Id, IdRef};
use crate::proto::wire::structure;

/// Activate.
pub struct Activate;

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

impl Op for Activate {
    type Request<'a> = Request<'a>;
    type Response = Response;

    fn run(request: Request<'_>, cx: &mut Cx<'_>) -> Result<Response> {
        let mut object = cx.object(request.id, Right::Activate)?;
        cx.apply(&mut object, Event::Activate)?;
        Ok(Response { id: cx.save(object)? })
    }
}
