//! Cancel: an asynchronous request is not to be run (1.4 §4.27, 2.1 §6.1.5).

use super::asynchronous::{entry, failure, save};
use super::{Cx, Op};
use crate::base::{Error, Result};
use crate::proto::wire::structure;
use crate::registry::{CancellationResult, ResultReason, ResultStatus};

/// Cancel.
pub struct Cancel;

structure! {
    /// Which request.
    pub struct Request<'a> reads {
        req AsynchronousCorrelationValue => correlation: &'a [u8];
    }
}

structure! {
    /// What became of it; always there.
    pub struct Response writes {
        req AsynchronousCorrelationValue => correlation: Vec<u8>;
        opt CancellationResult => result: CancellationResult;
    }
}

impl Op for Cancel {
    type Request<'a> = Request<'a>;
    type Response = Response;

    fn run(request: Request<'_>, cx: &mut Cx<'_>) -> Result<Response> {
        let result = match entry(cx, request.correlation)? {
            None => CancellationResult::Unavailable,
            Some((place, mut entry)) => {
                let result = match &entry.result {
                    Some(outcome) if outcome.reason == Some(ResultReason::OperationCanceledByRequester) => {
                        CancellationResult::Canceled
                    }
                    Some(outcome) if outcome.status == ResultStatus::Success => CancellationResult::Completed,
                    Some(_) => CancellationResult::Failed,
                    None => {
                        let error = Error::new(ResultReason::OperationCanceledByRequester, "the request was cancelled");
                        entry.result = Some(failure(entry.operation, &error, entry.version));
                        CancellationResult::Canceled
                    }
                };
                if !entry.fetched {
                    entry.fetched = true;
                    save(cx, &place, &entry)?;
                }
                result
            }
        };
        Ok(Response { correlation: request.correlation.to_vec(), result: Some(result) })
    }
}
