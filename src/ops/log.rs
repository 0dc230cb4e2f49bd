//! Log: a client writes a line into the server's log (2.1 §6.1.29).

use super::{Cx, Op};
use crate::base::Result;
use crate::proto::wire::structure;

/// Log.
pub struct Log;

structure! {
    /// What to log.
    pub struct Request<'a> reads {
        req LogMessage => message: &'a str;
    }
}

structure! {
    /// Nothing.
    pub struct Response writes {}
}

/// The longest line that is logged, in characters.
const LINE_CHARS: usize = 1024;

impl Op for Log {
    type Request<'a> = Request<'a>;
    type Response = Response;

    fn run(request: Request<'_>, cx: &mut Cx<'_>) -> Result<Response> {
        // A client must not be able to forge lines: control characters are escaped.
        let message: String = request.message.chars().take(LINE_CHARS).flat_map(char::escape_debug).collect();
        tracing::info!(target: "keyhaven::client", caller = %cx.caller.name, message, "client log message");
        Ok(Response {})
    }
}
