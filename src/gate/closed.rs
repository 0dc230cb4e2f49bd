//! The answers of a server whose root is not open: every item of every request fails in a way that the client may try
//! again. Nothing is known of any object then, and nothing is written.

use crate::base::{Buffer, Clock, Error, Limits};
use crate::proto::message::{BatchItem, Request};
use crate::registry::ResultReason;
use crate::ttlv::{Writer, check};

/// Refuses a request. `reply` is emptied first.
pub fn refuse(request: &[u8], limits: &Limits, clock: &dyn Clock, reply: &mut Buffer) {
    let error = Error::new(
        ResultReason::GeneralFailure,
        "the server is sealed: its root key is not open yet; send the request again later",
    );
    reply.clear();
    let mut out = Writer::new(std::mem::take(reply));
    match check(request, limits).ok().and_then(|message| Request::read(&message, limits).ok()) {
        Some(request) => {
            let heads: Vec<_> = request.items().iter().map(BatchItem::head).collect();
            super::write_failures(&heads, &error, request.header.version, clock.now(), "", &mut out);
        }
        None => {
            let version = super::version_hint(request);
            super::write_failures(&[(None, None)], &error, version, clock.now(), "", &mut out);
        }
    }
    *reply = out.finish();
}
