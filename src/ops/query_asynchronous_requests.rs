//! Query Asynchronous Requests: the caller's requests whose results it has not fetched yet (2.1 §6.1.41, §7.2).

use super::asynchronous::entries;
use super::{Cx, Op};
use crate::base::Result;
use crate::proto::wire::{Write, structure};
use crate::registry::{Operation, ProcessingStage, Tag, Version};
use crate::ttlv::Writer;

/// Query Asynchronous Requests.
pub struct QueryAsynchronousRequests;

structure! {
    /// A list.
    pub struct Correlations<'a> reads {
        many AsynchronousCorrelationValue => values: &'a [u8];
    }
}

structure! {
    /// A list.
    pub struct Operations reads {
        many Operation => operations: Operation;
    }
}

structure! {
    /// Which requests: those named, or of the operations named; without either, all.
    pub struct Request<'a> reads {
        opt AsynchronousCorrelationValues => correlations: Correlations<'a>;
        opt Operations => operations: Operations;
    }
}

structure! {
    /// The requests.
    pub struct Response writes {
        many AsynchronousRequest => requests: Outstanding;
    }
}

/// One outstanding request.
#[derive(Debug)]
pub struct Outstanding {
    correlation: Vec<u8>,
    operation: Operation,
    submitted: i64,
    stage: ProcessingStage,
}

impl Write for Outstanding {
    fn write(&self, tag: Tag, out: &mut Writer, version: Version) {
        out.structure(tag, |out| {
            out.byte_string(Tag::AsynchronousCorrelationValue, &self.correlation);
            self.operation.write(Tag::Operation, out, version);
            out.date_time_extended(Tag::SubmissionDate, self.submitted);
            self.stage.write(Tag::ProcessingStage, out, version);
        });
    }
}

impl Op for QueryAsynchronousRequests {
    type Request<'a> = Request<'a>;
    type Response = Response;

    fn run(request: Request<'_>, cx: &mut Cx<'_>) -> Result<Response> {
        let named = request.correlations.map(|list| list.values);
        let of_kind = request.operations.map(|list| list.operations);
        let mut requests: Vec<Outstanding> = entries(cx)?
            .into_iter()
            .filter(|(_, entry)| !entry.fetched)
            .filter(|(correlation, _)| named.as_ref().is_none_or(|list| list.contains(&&**correlation)))
            .filter(|(_, entry)| of_kind.as_ref().is_none_or(|list| list.contains(&entry.operation)))
            .map(|(correlation, entry)| Outstanding {
                correlation,
                operation: entry.operation,
                submitted: entry.submitted,
                stage: entry.stage(),
            })
            .collect();
        requests.sort_by_key(|one| one.submitted);
        Ok(Response { requests })
    }
}
