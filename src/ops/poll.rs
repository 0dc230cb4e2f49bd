//! Poll: the result of an asynchronous request, or that it is still pending (1.4 §4.28, 2.1 §6.1.38).

use super::asynchronous::{Instead, entry, save, unknown};
use super::{Cx, Op};
use crate::base::{Error, KeyBytes, Result};
use crate::proto::wire::structure;

/// Poll.
pub struct Poll;

structure! {
    /// Which request.
    pub struct Request<'a> reads {
        req AsynchronousCorrelationValue => correlation: &'a [u8];
    }
}

structure! {
    /// The answer is that of the request which is polled.
    pub struct Response writes {}
}

impl Op for Poll {
    type Request<'a> = Request<'a>;
    type Response = Response;

    fn run(request: Request<'_>, cx: &mut Cx<'_>) -> Result<Response> {
        let Some((place, mut entry)) = entry(cx, request.correlation)? else {
            return Err(unknown());
        };
        let Some(outcome) = &entry.result else {
            cx.instead = Some(Instead::Pending(request.correlation.to_vec()));
            return Ok(Response {});
        };
        // "This response SHALL be identical to the response that would have been sent" to the request itself.
        if entry.version != cx.version {
            return Err(Error::invalid_field(format!(
                "the request was made in KMIP {}; poll it in that version",
                entry.version
            )));
        }
        cx.instead = Some(Instead::Late(KeyBytes::copy_from(outcome.content.expose())));
        if !entry.fetched {
            entry.fetched = true;
            save(cx, &place, &entry)?;
        }
        Ok(Response {})
    }
}
