//! Interop: a client says that an interoperability test begins or ends (2.1 §6.1.26). It changes nothing. "It SHALL
//! NOT be available in a production server", so the configuration can switch it off.

use super::{Cx, Op};
use crate::base::{Error, Result};
use crate::proto::wire::structure;
use crate::registry::{InteropFunction, ResultReason};

/// Interop.
pub struct Interop;

structure! {
    /// Which test, and whether it begins.
    pub struct Request<'a> reads {
        req InteropFunction => function: InteropFunction;
        req InteropIdentifier => identifier: &'a str;
    }
}

structure! {
    /// Nothing.
    pub struct Response writes {}
}

impl Op for Interop {
    type Request<'a> = Request<'a>;
    type Response = Response;

    fn run(request: Request<'_>, cx: &mut Cx<'_>) -> Result<Response> {
        if !cx.services.settings.interop {
            return Err(Error::new(ResultReason::OperationNotSupported, "Interop is switched off on this server"));
        }
        tracing::debug!(function = %request.function, identifier = request.identifier, "interop");
        Ok(Response {})
    }
}
