//! Archive: the object is put away; until a Recover brings it back, it cannot be had (1.4 §4.22, 2.1 §6.1.4). "The actual
//! time … the location … or level of archive hierarchy" is the server's: here the object stays where it is, and the
//! Archive Date is what takes it off line. Which operations refuse it then is a table in `Cx`.

use super::{Cx, Op};
use crate::base::Result;
use crate::model::attr;
use crate::model::right::Right;
use crate::proto::id::{Id, IdRef};
use crate::proto::wire::structure;

/// Archive.
pub struct Archive;

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

impl Op for Archive {
    type Request<'a> = Request<'a>;
    type Response = Response;

    fn run(request: Request<'_>, cx: &mut Cx<'_>) -> Result<Response> {
        let mut object = cx.object(request.id, Right::Archive)?;
        object.attributes.set(attr::ARCHIVE_DATE, cx.now);
        Ok(Response { id: cx.save(object)? })
    }
}
