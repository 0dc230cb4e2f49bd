//! Get Constraints: what new objects must be like (2.1 §6.1.22).

use super::set_constraints::{Constraints, in_force};
use super::{Cx, Op};
use crate::base::Result;
use crate::proto::wire::structure;

/// Get Constraints.
pub struct GetConstraints;

structure! {
    /// Nothing.
    pub struct Request reads {}
}

structure! {
    /// The constraints in force.
    pub struct Response writes {
        req Constraints => constraints: Constraints;
    }
}

impl Op for GetConstraints {
    type Request<'a> = Request;
    type Response = Response;

    fn run(_: Request, cx: &mut Cx<'_>) -> Result<Response> {
        cx.operators_only()?;
        Ok(Response { constraints: in_force(cx)? })
    }
}
