//! Login: a ticket stands for the caller in later requests (2.1 §6.1.30).

use super::session::{Asked, Lease, Ticket, Usage, issue};
use super::{Cx, Op};
use crate::base::Result;
use crate::proto::wire::structure;

/// Login.
pub struct Login;

structure! {
    /// How long the ticket is good, and for how much.
    pub struct Request reads {
        opt LeaseTime => lease: Lease;
        opt RequestCount => requests: i32;
        opt UsageLimits => usage: Usage;
    }
}

structure! {
    /// The ticket.
    pub struct Response writes {
        req Ticket => ticket: Ticket;
    }
}

impl Op for Login {
    type Request<'a> = Request;
    type Response = Response;

    fn run(request: Request, cx: &mut Cx<'_>) -> Result<Response> {
        let Request { lease, requests, usage } = request;
        Ok(Response { ticket: issue(cx, Asked { lease, requests, usage, rights: None })? })
    }
}
