//! Recover: an archived object is on line again (1.4 §4.23, 2.1 §6.1.42). One that is not archived already is: no error
//! table has a reason against it.

use super::{Cx, Op};
use crate::base::Result;
use crate::model::attr;
use crate::model::right::Right;
use crate::proto::id::{Id, IdRef};
use crate::proto::wire::structure;

/// Recover.
pub struct Recover;

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

impl Op for Recover {
    type Request<'a> = Request<'a>;
    type Response = Response;

    fn run(request: Request<'_>, cx: &mut Cx<'_>) -> Result<Response> {
        let mut object = cx.object(request.id, Right::Archive)?;
        if object.attributes.remove_all(attr::ARCHIVE_DATE.tag()) == 0 {
            return Ok(Response { id: Id(object.id.clone()) });
        }
        Ok(Response { id: cx.save(object)? })
    }
}
