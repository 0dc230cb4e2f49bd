//! Delegated Login: a ticket for somebody else, who may do with it what its Rights list and no more (2.1 §6.1.12).

use super::session::{Asked, Lease, Ticket, Usage, WireRights, issue};
use super::{Cx, Op};
use crate::base::Result;
use crate::proto::wire::structure;

/// Delegated Login.
pub struct DelegatedLogin;

structure! {
    /// How long the ticket is good, and for what.
    pub struct Request<'a> reads {
        opt LeaseTime => lease: Lease;
        opt RequestCount => requests: i32;
        opt UsageLimits => usage: Usage;
        req Rights => rights: WireRights<'a>;
    }
}

structure! {
    /// The ticket.
    pub struct Response writes {
        req Ticket => ticket: Ticket;
    }
}

impl Op for DelegatedLogin {
    type Request<'a> = Request<'a>;
    type Response = Response;

    fn run(request: Request<'_>, cx: &mut Cx<'_>) -> Result<Response> {
        let Request { lease, requests, usage, rights } = request;
        Ok(Response { ticket: issue(cx, Asked { lease, requests, usage, rights: Some(rights) })? })
    }
}
