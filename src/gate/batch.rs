//! A batch: its items in order, the ID Placeholder that runs through them, and what happens when one fails. All of a
//! batch is staged in one transaction; an item that fails takes back what it staged, and Undo takes back all.
//! (1.4 §6.13, §4 "ID Placeholder", §7; 2.1 §8, §9.6)

use crate::base::{Error, Result};
use crate::ops::{Cx, handler};
use crate::proto::message::{BatchItem, Request, ResponseHead};
use crate::registry::{
    AsynchronousIndicator, BatchErrorContinuationOption, Operation, ResultReason, ResultStatus, Tag,
};
use crate::ttlv::{Item, Writer};

/// What became of one item, for the audit.
#[derive(Debug)]
pub struct Done {
    /// The operation, as far as the item named one.
    pub operation: Operation,
    /// The objects it touched.
    pub objects: String,
    /// Why it failed.
    pub reason: Option<ResultReason>,
    /// Where its Result Status stands in the answer.
    status_at: usize,
    /// The operator's side of the error, for the log.
    pub cause: Option<String>,
}

/// Runs the items of a request and appends the answers. An error means that the whole request is to be run again.
pub fn run(request: &Request<'_>, cx: &mut Cx<'_>, out: &mut Writer) -> Result<Vec<Done>> {
    let mut done: Vec<Done> = Vec::with_capacity(request.items().len());
    let continuation = request.header.continuation;
    for item in request.items() {
        let one = run_item(item, request, cx, out)?;
        let failed = one.reason.is_some();
        done.push(one);
        if failed && continuation == BatchErrorContinuationOption::Undo {
            undo(&mut done, cx, out);
        }
        if failed && continuation != BatchErrorContinuationOption::Continue {
            break;
        }
    }
    Ok(done)
}

/// Everything before the failed item is undone, and its answers say so. The audit has the reason of the item that
/// failed for all of them: none of them happened.
fn undo(done: &mut [Done], cx: &mut Cx<'_>, out: &mut Writer) {
    cx.discard_all();
    let Some((failed, before)) = done.split_last_mut() else { return };
    for one in before {
        out.patch_four(one.status_at, ResultStatus::OperationUndone.0);
        one.reason = failed.reason;
    }
}

fn run_item(item: &Item<'_>, request: &Request<'_>, cx: &mut Cx<'_>, out: &mut Writer) -> Result<Done> {
    let start = out.len();
    let (operation, id) = BatchItem::head(item);
    let mark = out.begin(Tag::BatchItem);
    let success = ResponseHead { operation, unique_batch_item_id: id, status: ResultStatus::Success, error: None };
    let status_at = success.write(out, cx.version);
    let done = |objects, reason, status_at, cause| Done {
        operation: operation.unwrap_or(Operation(0)),
        objects,
        reason,
        status_at,
        cause,
    };
    match perform(item, request, cx, out) {
        Ok(()) => {
            out.end(mark);
            cx.keep_item();
            Ok(done(cx.take_touched(), None, status_at, None))
        }
        Err(error) if error.is_conflict() || error.is_would_block() => Err(error),
        Err(error) => {
            cx.discard_item();
            out.truncate(start);
            let mark = out.begin(Tag::BatchItem);
            let status = ResultStatus::OperationFailed;
            let failure = ResponseHead { operation, unique_batch_item_id: id, status, error: Some(&error) };
            let status_at = failure.write(out, cx.version);
            out.end(mark);
            let cause = error.cause().map(ToString::to_string);
            Ok(done(cx.take_touched(), Some(error.reason()), status_at, cause))
        }
    }
}

fn perform(item: &Item<'_>, request: &Request<'_>, cx: &mut Cx<'_>, out: &mut Writer) -> Result<()> {
    let item = BatchItem::read(item, cx.version)?;
    // "If the indicator is True, the receiver SHALL reject the entire message" (2.1 §9.13) is checked before the
    // batch starts; what is left here is not critical and is passed over.
    let handler = handler(item.operation).filter(|_| item.operation.known_in(cx.version)).ok_or_else(|| {
        let public = match item.operation.row() {
            Some(row) if !row.known_in(cx.version) => format!("KMIP {} has no operation {}", cx.version, row.name),
            Some(row) => format!("this server does not offer {}", row.name),
            None => format!("no operation has the code {:?}", item.operation),
        };
        Error::new(ResultReason::OperationNotSupported, public)
    })?;
    if request.header.asynchronous == AsynchronousIndicator::Mandatory {
        return Err(Error::new(
            ResultReason::FeatureNotSupported,
            "this server answers at once; send the request without a mandatory Asynchronous Indicator",
        ));
    }
    cx.operation = item.operation;
    cx.ephemeral = item.ephemeral;
    (handler.run)(&item.payload, cx, out)
}

/// Whether any item carries a critical message extension: we understand none, so the message is refused.
pub fn refuse_critical_extensions(request: &Request<'_>) -> Result<()> {
    let extended = |item: &&Item<'_>| item.child(Tag::MessageExtension).is_some();
    for item in request.items().iter().filter(extended) {
        if let Ok(item) = BatchItem::read(item, request.header.version)
            && let Some(extension) = item.extensions.iter().find(|extension| extension.critical)
        {
            return Err(Error::new(
                ResultReason::UnknownMessageExtension,
                format!("the critical message extension of {} is unknown to this server", extension.vendor),
            ));
        }
    }
    Ok(())
}
