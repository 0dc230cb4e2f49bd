//! Obtain Lease: how long a client may use its copy of an object (1.4 §4.17, 2.1 §6.1.35). The server keeps no list of
//! leases: a lease is the promise to ask again, and Lease Time is the longest one given.

use super::get::available;
use super::{Cx, Op};
use crate::base::{Date, Result};
use crate::model::attr;
use crate::model::right::Right;
use crate::proto::id::{Id, IdRef};
use crate::proto::wire::structure;

/// Obtain Lease.
pub struct ObtainLease;

structure! {
    /// The object; absent, the ID Placeholder.
    pub struct Request<'a> reads {
        opt UniqueIdentifier => id: IdRef<'a>;
    }
}

structure! {
    /// The lease in seconds, and when the object last changed, so that the client knows whether its copy is old.
    pub struct Response writes {
        req UniqueIdentifier => id: Id;
        req LeaseTime => lease: u32;
        opt LastChangeDate => changed: Date;
    }
}

impl Op for ObtainLease {
    type Request<'a> = Request<'a>;
    type Response = Response;

    fn run(request: Request<'_>, cx: &mut Cx<'_>) -> Result<Response> {
        let object = cx.object(request.id, Right::Lease)?;
        // There is nothing left to use of a destroyed object.
        available(&object, cx)?;
        Ok(Response {
            id: Id(object.id.clone()),
            lease: object.attributes.get(attr::LEASE_TIME).unwrap_or(cx.services.settings.lease_seconds),
            changed: object.attributes.get(attr::LAST_CHANGE_DATE),
        })
    }
}
