//! Process: an asynchronous request is run now, before the answer, so that the next Poll finds it done (2.1 §6.1.39).

use super::asynchronous::{entry, job_place, unknown};
use super::{Cx, Op};
use crate::base::{Error, Result};
use crate::proto::wire::structure;
use crate::registry::ResultReason;

/// Process.
pub struct Process;

structure! {
    /// Which request.
    pub struct Request<'a> reads {
        req AsynchronousCorrelationValue => correlation: &'a [u8];
    }
}

structure! {
    /// Nothing.
    pub struct Response writes {}
}

impl Op for Process {
    type Request<'a> = Request<'a>;
    type Response = Response;

    fn run(request: Request<'_>, cx: &mut Cx<'_>) -> Result<Response> {
        let Some((_, entry)) = entry(cx, request.correlation)? else {
            return Err(unknown());
        };
        if entry.result.is_some() {
            return Err(Error::new(ResultReason::DuplicateProcessRequest, "the request was processed already"));
        }
        cx.block()?;
        let place = job_place(cx, &entry);
        cx.process.push(place);
        Ok(Response {})
    }
}
