//! Set Endpoint Role: the connection is turned round. The server asks from now on, and the client answers
//! (2.1 §6.1.54).

use super::{Cx, Op};
use crate::base::{Error, Result};
use crate::proto::wire::structure;
use crate::registry::EndpointRole;

/// Set Endpoint Role.
pub struct SetEndpointRole;

structure! {
    /// The role that the server is to take.
    pub struct Request reads {
        req EndpointRole => role: EndpointRole;
    }
}

structure! {
    /// The role that it takes; always there.
    pub struct Response writes {
        opt EndpointRole => role: EndpointRole;
    }
}

impl Op for SetEndpointRole {
    type Request<'a> = Request;
    type Response = Response;

    fn run(request: Request, cx: &mut Cx<'_>) -> Result<Response> {
        match request.role {
            // It has that role.
            EndpointRole::Server => {}
            EndpointRole::Client if !cx.may_turn => {
                return Err(Error::permission_denied("this connection cannot be turned round"));
            }
            EndpointRole::Client => cx.turns = true,
            other => return Err(Error::invalid_field(format!("Endpoint Role has the value {other:?}"))),
        }
        Ok(Response { role: Some(request.role) })
    }
}
