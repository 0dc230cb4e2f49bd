//! A batch: its items in order, the ID Placeholder that runs through them, and what happens when one fails. All of a
//! batch is staged in one transaction; an item that fails takes back what it staged, and Undo takes back all.
//! (1.4 §6.13, §4 "ID Placeholder", §7; 2.1 §8, §9.6)

use crate::base::{Buffer, Error, Limits, Result};
use crate::ops::asynchronous::{Instead, Waiting, may_wait};
use crate::ops::{Cx, handler};
use crate::proto::message::{BatchItem, Request, ResponseHead};
use crate::registry::{
    AsynchronousIndicator, BatchErrorContinuationOption, Operation, ResultReason, ResultStatus, Tag,
};
use crate::ttlv::{Item, Writer, check};

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
    let later = request.header.asynchronous == AsynchronousIndicator::Mandatory;
    let mut waiting = Waiting::default();
    for item in request.items() {
        let one = match BatchItem::head(item).0 {
            Some(operation) if later && may_wait(operation) => defer(item, operation, &mut waiting, cx, out)?,
            _ => run_item(item, cx, out)?,
        };
        let failed = one.reason.is_some();
        done.push(one);
        if failed && continuation == BatchErrorContinuationOption::Undo {
            undo(&mut done, cx, out);
            waiting.clear();
        }
        if failed && continuation != BatchErrorContinuationOption::Continue {
            break;
        }
    }
    waiting.stage(cx, request)?;
    cx.settle_session()?;
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

/// Answers every item with the same error.
pub fn fail(request: &Request<'_>, error: &Error, cx: &Cx<'_>, out: &mut Writer) -> Vec<Done> {
    request.items().iter().map(|item| answer_failed(item, error, String::new(), cx, out)).collect()
}

/// Takes an item to be run later: it is pending.
fn defer(
    item: &Item<'_>,
    operation: Operation,
    waiting: &mut Waiting,
    cx: &mut Cx<'_>,
    out: &mut Writer,
) -> Result<Done> {
    match waiting.take(cx, item, operation) {
        Ok(correlation) => {
            let status_at = answer_pending(item, Some(operation), &correlation, cx, out);
            cx.keep_item();
            let objects = correlation.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
            Ok(Done { operation, objects: format!("pending {objects}"), reason: None, status_at, cause: None })
        }
        Err(error) if error.is_conflict() || error.is_would_block() => Err(error),
        Err(error) => {
            cx.discard_item();
            Ok(answer_failed(item, &error, String::new(), cx, out))
        }
    }
}

/// A batch item that says "pending". Gives the place of Result Status.
fn answer_pending(
    item: &Item<'_>,
    operation: Option<Operation>,
    correlation: &[u8],
    cx: &Cx<'_>,
    out: &mut Writer,
) -> usize {
    let mark = out.begin(Tag::BatchItem);
    let status = ResultStatus::OperationPending;
    let head = ResponseHead { operation, unique_batch_item_id: BatchItem::head(item).1, status, error: None };
    let status_at = head.write(out, cx.version);
    out.byte_string(Tag::AsynchronousCorrelationValue, correlation);
    out.end(mark);
    status_at
}

fn answer_failed(item: &Item<'_>, error: &Error, objects: String, cx: &Cx<'_>, out: &mut Writer) -> Done {
    let (operation, id) = BatchItem::head(item);
    let mark = out.begin(Tag::BatchItem);
    let status = ResultStatus::OperationFailed;
    let failure = ResponseHead { operation, unique_batch_item_id: id, status, error: Some(error) };
    let status_at = failure.write(out, cx.version);
    out.end(mark);
    Done {
        operation: operation.unwrap_or(Operation(0)),
        objects,
        reason: Some(error.reason()),
        status_at,
        cause: error.cause().map(ToString::to_string),
    }
}

/// The answer that an asynchronous request would have had, as the answer to the Poll.
fn answer_late(item: &Item<'_>, content: &[u8], cx: &Cx<'_>, out: &mut Writer) -> Result<usize> {
    let mut wrapped = Writer::new(Buffer::default());
    wrapped.raw_structure(Tag::BatchItem, content);
    let limits = Limits { message_bytes_max: usize::MAX, items_max: usize::MAX, ..Limits::default() };
    let late = check(wrapped.written(), &limits)?;
    let mut status_at = out.len();
    let mark = out.begin(Tag::BatchItem);
    for child in late.children() {
        if child.tag == Tag::ResultStatus {
            // The identifier of the Poll itself stands before the status.
            if let Some(id) = BatchItem::head(item).1.filter(|_| Tag::UniqueBatchItemID.known_in(cx.version)) {
                out.byte_string(Tag::UniqueBatchItemID, id);
            }
            status_at = out.next_value();
        }
        out.item(&child);
    }
    out.end(mark);
    Ok(status_at)
}

fn run_item(item: &Item<'_>, cx: &mut Cx<'_>, out: &mut Writer) -> Result<Done> {
    let start = out.len();
    let (operation, id) = BatchItem::head(item);
    let mark = out.begin(Tag::BatchItem);
    let success = ResponseHead { operation, unique_batch_item_id: id, status: ResultStatus::Success, error: None };
    let mut status_at = success.write(out, cx.version);
    match perform(item, cx, out) {
        Ok(()) => {
            out.end(mark);
            if let Some(instead) = cx.instead.take() {
                out.truncate(start);
                status_at = match instead {
                    Instead::Pending(correlation) => answer_pending(item, operation, &correlation, cx, out),
                    Instead::Late(content) => answer_late(item, content.expose(), cx, out)?,
                };
            }
            cx.keep_item();
            let operation = operation.unwrap_or(Operation(0));
            Ok(Done { operation, objects: cx.take_touched(), reason: None, status_at, cause: None })
        }
        Err(error) if error.is_conflict() || error.is_would_block() => Err(error),
        Err(error) => {
            cx.discard_item();
            out.truncate(start);
            let objects = cx.take_touched();
            Ok(answer_failed(item, &error, objects, cx, out))
        }
    }
}

fn perform(item: &Item<'_>, cx: &mut Cx<'_>, out: &mut Writer) -> Result<()> {
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
    if let Some(session) = &mut cx.session {
        session.enter(item.operation)?;
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
