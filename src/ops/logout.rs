//! Logout: a ticket is good no longer (2.1 §6.1.31).

use super::session::{TicketRef, revoke};
use super::{Cx, Op};
use crate::base::Result;
use crate::proto::wire::structure;

/// Logout.
pub struct Logout;

structure! {
    /// Which ticket.
    pub struct Request<'a> reads {
        req Ticket => ticket: TicketRef<'a>;
    }
}

structure! {
    /// Nothing.
    pub struct Response writes {}
}

impl Op for Logout {
    type Request<'a> = Request<'a>;
    type Response = Response;

    fn run(request: Request<'_>, cx: &mut Cx<'_>) -> Result<Response> {
        revoke(cx, request.ticket.value)?;
        Ok(Response {})
    }
}
