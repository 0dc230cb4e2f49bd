//! Ping: the server is alive (2.1 §6.1.36).

use super::{Cx, Op};
use crate::base::Result;
use crate::proto::wire::structure;

/// Ping.
pub struct Ping;

structure! {
    /// Nothing.
    pub struct Request reads {}
}

structure! {
    /// Nothing.
    pub struct Response writes {}
}

impl Op for Ping {
    type Request<'a> = Request;
    type Response = Response;

    fn run(_: Request, _: &mut Cx<'_>) -> Result<Response> {
        Ok(Response {})
    }
}
