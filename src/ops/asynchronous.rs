//! Asynchronous requests: what is kept of them between the answer "pending" and the Poll that fetches the result
//! (1.4 §6.7, §6.8; 2.1 §7.2, §9.1, §9.2).
//!
//! The items of one request that wait are one job: it is run later as one batch, so the ID Placeholder and Undo mean
//! what they always mean. Each item has an entry under its correlation value. The results are written in the commit
//! that makes the effects real and removes the job, so nothing is done twice, whenever the server stops.

use super::Cx;
use crate::base::{Buffer, Error, KeyBytes, Limits, Result};
use crate::proto::message::Request;
use crate::proto::wire::{Read, Write, structure};
use crate::registry::{
    BatchErrorContinuationOption, Operation, ProcessingStage, ResultReason, ResultStatus, Tag, Version,
};
use crate::ttlv::{Item, Writer, check};

/// Requests of one caller that are waiting or whose results are kept.
const ENTRIES_MAX: usize = 64;
/// Bytes of one caller's requests and results, above which no more are taken.
const BYTES_MAX: usize = 4 * 1024 * 1024;
/// How long a result is kept, in microseconds: one day.
const KEPT_MICROS: i64 = 24 * 3600 * 1_000_000;
/// Random bytes of a correlation value.
const CORRELATION_BYTES: usize = 16;
/// Notes are written in this version, whatever the client speaks.
const STORED: Version = Version::V2_1;

/// Operations that are always answered at once: "The response to this operation is not able to be asynchronous"
/// (1.4 §4.27, §4.28), those that are about asynchronous requests themselves, and what concerns the connection.
const AT_ONCE: &[Operation] = &[
    Operation::Cancel,
    Operation::Poll,
    Operation::Process,
    Operation::QueryAsynchronousRequests,
    Operation::SetEndpointRole,
];

/// Whether the operation can be answered later.
pub fn may_wait(operation: Operation) -> bool {
    !AT_ONCE.contains(&operation)
}

/// An answer that stands in place of an operation's own.
#[derive(Debug)]
pub enum Instead {
    /// Operation Pending, with the correlation value.
    Pending(Vec<u8>),
    /// The content of a batch item that was answered later than it was asked.
    Late(KeyBytes),
}

/// One item that waits, or its result.
#[derive(Debug)]
pub struct Entry {
    /// The operation.
    pub operation: Operation,
    /// When it was asked, microseconds.
    pub submitted: i64,
    /// The version of the request.
    pub version: Version,
    /// The job it belongs to.
    pub job: Vec<u8>,
    /// Its result.
    pub result: Option<Outcome>,
    /// Whether the result was fetched, or the request cancelled: it is kept for a repetition, and not reported.
    pub fetched: bool,
}

/// A result.
#[derive(Debug)]
pub struct Outcome {
    /// How it went.
    pub status: ResultStatus,
    /// Why it failed.
    pub reason: Option<ResultReason>,
    /// The content of the batch item, without Unique Batch Item ID.
    pub content: KeyBytes,
}

impl Entry {
    /// How far it is (2.1 §11.40).
    pub fn stage(&self) -> ProcessingStage {
        if self.result.is_some() { ProcessingStage::Completed } else { ProcessingStage::Submitted }
    }

    fn is_over(&self, now_micros: i64) -> bool {
        self.result.is_some() && now_micros >= self.submitted.saturating_add(KEPT_MICROS)
    }
}

structure! {
    struct StoredOutcome<'a> reads {
        req ResultStatus => status: ResultStatus;
        opt ResultReason => reason: ResultReason;
        req Data => content: &'a [u8];
    }
}

structure! {
    struct StoredEntry<'a> reads {
        req ProtocolVersionMajor => major: i32;
        req ProtocolVersionMinor => minor: i32;
        req AsynchronousCorrelationValue => job: &'a [u8];
        req Operation => operation: Operation;
        req SubmissionDate => submitted: Micros;
        req ProcessingStage => _stage: ProcessingStage;
        req CriticalityIndicator => fetched: bool;
        opt ResponsePayload => outcome: StoredOutcome<'a>;
    }
}

#[derive(Debug)]
struct Micros(i64);

impl<'a> Read<'a> for Micros {
    fn read(item: &Item<'a>, _: Version) -> Result<Self> {
        item.date_time_extended().map(Self).ok_or_else(|| crate::proto::wire::wrong_type(item, "a Date-Time Extended"))
    }
}

fn encode_entry(entry: &Entry) -> KeyBytes {
    let mut out = Writer::new(Buffer::default());
    out.structure(Tag::AsynchronousRequest, |out| {
        let (major, minor) = entry.version.numbers();
        out.integer(Tag::ProtocolVersionMajor, major);
        out.integer(Tag::ProtocolVersionMinor, minor);
        out.byte_string(Tag::AsynchronousCorrelationValue, &entry.job);
        out.enumeration(Tag::Operation, entry.operation.0);
        out.date_time_extended(Tag::SubmissionDate, entry.submitted);
        out.enumeration(Tag::ProcessingStage, entry.stage().0);
        out.boolean(Tag::CriticalityIndicator, entry.fetched);
        if let Some(outcome) = &entry.result {
            out.structure(Tag::ResponsePayload, |out| {
                out.enumeration(Tag::ResultStatus, outcome.status.0);
                if let Some(reason) = outcome.reason {
                    out.enumeration(Tag::ResultReason, reason.0);
                }
                out.byte_string(Tag::Data, outcome.content.expose());
            });
        }
    });
    KeyBytes::copy_from(out.written())
}

fn decode_entry(note: &KeyBytes) -> Result<Entry> {
    let item = stored(note)?;
    let entry = StoredEntry::read(&item, Version::NEWEST).map_err(broken)?;
    Ok(Entry {
        operation: entry.operation,
        submitted: entry.submitted.0,
        version: Version::from_numbers(entry.major, entry.minor).unwrap_or(STORED),
        job: entry.job.to_vec(),
        fetched: entry.fetched,
        result: entry.outcome.map(|outcome| Outcome {
            status: outcome.status,
            reason: outcome.reason,
            content: KeyBytes::copy_from(outcome.content),
        }),
    })
}

fn stored(note: &KeyBytes) -> Result<Item<'_>> {
    let limits = Limits { message_bytes_max: usize::MAX, items_max: usize::MAX, ..Limits::default() };
    check(note.expose(), &limits).map_err(|error| broken(error.into()))
}

fn broken(error: Error) -> Error {
    Error::internal("reading an asynchronous request", error.to_string())
}

/// Where the jobs of everybody lie.
pub const JOBS: &[u8] = b"job/";
/// Where what was answered lies.
const ENTRIES: &[u8] = b"async/";
/// Where everything of asynchronous requests lies: requests and answers, which may hold key material.
pub const MEMOS: [&[u8]; 2] = [JOBS, ENTRIES];

fn owned(kind: &[u8], owner: &str, rest: &[u8]) -> Vec<u8> {
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, owner.as_bytes());
    [kind, &hash.as_ref()[..16], rest].concat()
}

fn entries_of(owner: &str) -> Vec<u8> {
    owned(ENTRIES, owner, &[])
}

fn entry_place(owner: &str, correlation: &[u8]) -> Vec<u8> {
    owned(ENTRIES, owner, correlation)
}

/// The caller's entry under a correlation value, and where it lies.
pub fn entry(cx: &mut Cx<'_>, correlation: &[u8]) -> Result<Option<(Vec<u8>, Entry)>> {
    if correlation.len() != CORRELATION_BYTES {
        return Ok(None);
    }
    let place = entry_place(&cx.caller.name, correlation);
    let entry = cx.memo(&place)?.map(|note| decode_entry(&note)).transpose()?;
    Ok(entry.filter(|entry| !entry.is_over(cx.now_micros)).map(|entry| (place, entry)))
}

/// Stages a changed entry.
pub fn save(cx: &mut Cx<'_>, place: &[u8], entry: &Entry) -> Result<()> {
    cx.set_memo(place, Some(encode_entry(entry)))
}

/// All entries of the caller, with their correlation values.
pub fn entries(cx: &Cx<'_>) -> Result<Vec<(Vec<u8>, Entry)>> {
    let prefix = entries_of(&cx.caller.name);
    let notes = cx.services.keep.memos(&prefix, 2 * ENTRIES_MAX).map_err(Error::from)?;
    let mut entries = Vec::with_capacity(notes.len());
    for (name, note) in notes {
        let entry = decode_entry(&note.value)?;
        if !entry.is_over(cx.now_micros) {
            entries.push((name[prefix.len()..].to_vec(), entry));
        }
    }
    Ok(entries)
}

/// No outstanding request has this correlation value (Item Not Found in 1.x: 1.4 table 352).
pub fn unknown() -> Error {
    let words = "no asynchronous request of yours has this correlation value";
    Error::new(ResultReason::InvalidAsynchronousCorrelationValue, words)
}

/// The items of a request that will be run later.
#[derive(Debug, Default)]
pub struct Waiting {
    id: Vec<u8>,
    items: Vec<(Vec<u8>, Buffer)>,
    room: Option<usize>,
}

impl Waiting {
    /// Takes an item; gives its correlation value.
    ///
    /// # Errors
    /// Server Limit Exceeded; Feature Not Supported with a ticket, whose limits are counted when the request is
    /// answered.
    pub fn take(&mut self, cx: &mut Cx<'_>, item: &Item<'_>, operation: Operation) -> Result<Vec<u8>> {
        if cx.session.is_some() {
            let words = "a request with a ticket is answered at once; leave the Asynchronous Indicator out";
            return Err(Error::new(ResultReason::FeatureNotSupported, words));
        }
        if self.id.is_empty() {
            self.id = random(cx)?;
        }
        let room = match self.room {
            Some(room) => room,
            None => room(cx)?,
        };
        self.room = Some(room.checked_sub(1).ok_or_else(|| {
            let words = format!("you have {ENTRIES_MAX} asynchronous requests, or more bytes of them than are kept");
            Error::new(ResultReason::ServerLimitExceeded, words)
        })?);
        let correlation = random(cx)?;
        let entry = Entry {
            operation,
            submitted: cx.now_micros,
            version: cx.version,
            job: self.id.clone(),
            result: None,
            fetched: false,
        };
        let place = entry_place(&cx.caller.name, &correlation);
        save(cx, &place, &entry)?;
        let mut out = Writer::new(Buffer::default());
        out.item(item);
        self.items.push((correlation.clone(), out.finish()));
        Ok(correlation)
    }

    /// Nothing of it is to be run.
    pub fn clear(&mut self) {
        self.items.clear();
    }

    /// Stages the job, if there is one, and says so to the core.
    pub fn stage(&self, cx: &mut Cx<'_>, request: &Request<'_>) -> Result<()> {
        if self.items.is_empty() {
            return Ok(());
        }
        let mut out = Writer::new(Buffer::default());
        out.structure(Tag::RequestMessage, |out| {
            let (major, minor) = cx.version.numbers();
            out.text(Tag::Username, &cx.caller.name);
            out.integer(Tag::ProtocolVersionMajor, major);
            out.integer(Tag::ProtocolVersionMinor, minor);
            out.enumeration(Tag::BatchErrorContinuationOption, request.header.continuation.0);
            for (correlation, item) in &self.items {
                out.byte_string(Tag::AsynchronousCorrelationValue, correlation);
                out.byte_string(Tag::Data, item);
            }
        });
        let place = owned(JOBS, &cx.caller.name, &self.id);
        cx.set_memo(&place, Some(KeyBytes::copy_from(out.written())))?;
        cx.keep_item();
        cx.submitted.push(place);
        Ok(())
    }
}

/// How many more items the caller may have waiting. Results that are too old, and as many fetched ones as are in the
/// way, are removed.
fn room(cx: &mut Cx<'_>) -> Result<usize> {
    let prefix = entries_of(&cx.caller.name);
    let notes = cx.services.keep.memos(&prefix, 2 * ENTRIES_MAX).map_err(Error::from)?;
    let mut bytes: usize = notes.iter().map(|(_, note)| note.value.len()).sum();
    let mut living = Vec::with_capacity(notes.len());
    for (name, note) in notes {
        let entry = decode_entry(&note.value)?;
        if entry.is_over(cx.now_micros) {
            bytes -= note.value.len();
            cx.set_memo(&name, None)?;
        } else {
            living.push((entry.submitted, entry.fetched, name, note.value.len()));
        }
    }
    let waiting = cx.services.keep.memos(&owned(JOBS, &cx.caller.name, &[]), ENTRIES_MAX).map_err(Error::from)?;
    bytes += waiting.iter().map(|(_, note)| note.value.len()).sum::<usize>();
    living.sort_by_key(|(submitted, fetched, ..)| (!fetched, *submitted));
    let mut count = living.len();
    for (_, fetched, name, size) in living {
        if !fetched || (count < ENTRIES_MAX && bytes < BYTES_MAX) {
            break;
        }
        cx.set_memo(&name, None)?;
        count -= 1;
        bytes -= size;
    }
    Ok(if bytes < BYTES_MAX { ENTRIES_MAX.saturating_sub(count) } else { 0 })
}

fn random(cx: &Cx<'_>) -> Result<Vec<u8>> {
    let mut bytes = vec![0; CORRELATION_BYTES];
    cx.services.entropy.fill(&mut bytes).map_err(|error| Error::internal("making a correlation value", error))?;
    Ok(bytes)
}

/// Where the job of an entry lies.
pub fn job_place(cx: &Cx<'_>, entry: &Entry) -> Vec<u8> {
    owned(JOBS, &cx.caller.name, &entry.job)
}

/// A job that is to be run.
#[derive(Debug)]
pub struct Job {
    /// Whose it is.
    pub owner: Box<str>,
    /// The version of its request.
    pub version: Version,
    /// What happens when an item fails.
    pub continuation: BatchErrorContinuationOption,
    /// Correlation values and batch items.
    pub items: Vec<(Vec<u8>, Buffer)>,
}

impl Job {
    /// Reads a job's note.
    pub fn read(note: &KeyBytes) -> Result<Self> {
        let item = stored(note)?;
        let number = |tag| item.child(tag).and_then(|child| child.integer()).unwrap_or_default();
        let continuation = item.child(Tag::BatchErrorContinuationOption).and_then(|child| child.enumeration());
        let mut items = Vec::new();
        let mut correlation = None;
        for child in item.children() {
            match (child.tag, child.byte_string()) {
                (Tag::AsynchronousCorrelationValue, Some(bytes)) => correlation = Some(bytes.to_vec()),
                (Tag::Data, Some(bytes)) => {
                    let mut copy = Buffer::with_capacity(bytes.len());
                    copy.extend(bytes);
                    items.extend(correlation.take().map(|correlation| (correlation, copy)));
                }
                _ => {}
            }
        }
        Ok(Self {
            owner: item.child(Tag::Username).and_then(|child| child.text()).unwrap_or_default().into(),
            version: Version::from_numbers(number(Tag::ProtocolVersionMajor), number(Tag::ProtocolVersionMinor))
                .unwrap_or(STORED),
            continuation: continuation.map_or(BatchErrorContinuationOption::Stop, BatchErrorContinuationOption),
            items,
        })
    }

    /// Which of its items were cancelled before they were run.
    pub fn cancelled(&self, cx: &mut Cx<'_>) -> Result<Vec<bool>> {
        let is_done = |(correlation, _): &(Vec<u8>, Buffer)| {
            Ok(entry(cx, correlation)?.is_none_or(|(_, entry)| entry.result.is_some()))
        };
        self.items.iter().map(is_done).collect()
    }

    /// Stages the results with the request, so that no Undo drops them, and removes the job. `answers` are the batch
    /// items that were answered, for the items that ran, in order; what was not run failed with the rest.
    pub fn settle(&self, cx: &mut Cx<'_>, place: &[u8], cancelled: &[bool], answers: &[u8]) -> Result<()> {
        let mut wrapped = Writer::new(Buffer::default());
        wrapped.raw_structure(Tag::ResponseMessage, answers);
        let limits = Limits { message_bytes_max: usize::MAX, items_max: usize::MAX, ..Limits::default() };
        let message = check(wrapped.written(), &limits).map_err(|error| broken(error.into()))?;
        let mut answered = message.children();
        let ran = self.items.iter().zip(cancelled).filter(|(_, cancelled)| !**cancelled);
        for ((correlation, _), _) in ran {
            let Some((entry_place, mut entry)) = entry(cx, correlation)? else { continue };
            entry.result = Some(match answered.next() {
                Some(answer) => Outcome::of(&answer),
                None => {
                    let words = "an earlier item of the batch failed, so this one was not run";
                    failure(entry.operation, &Error::new(ResultReason::GeneralFailure, words), entry.version)
                }
            });
            cx.set_request_memo(&entry_place, Some(encode_entry(&entry)))?;
        }
        cx.set_request_memo(place, None)
    }
}

impl Outcome {
    fn of(answer: &Item<'_>) -> Self {
        let mut out = Writer::new(Buffer::default());
        let (mut status, mut reason) = (ResultStatus::OperationFailed, None);
        for child in answer.children() {
            match child.tag {
                Tag::UniqueBatchItemID => continue,
                Tag::ResultStatus => status = ResultStatus(child.enumeration().unwrap_or(status.0)),
                Tag::ResultReason => reason = child.enumeration().map(ResultReason),
                _ => {}
            }
            out.item(&child);
        }
        Self { status, reason, content: KeyBytes::copy_from(out.written()) }
    }
}

/// The result of an item that failed without being run.
pub fn failure(operation: Operation, error: &Error, version: Version) -> Outcome {
    let reason = crate::proto::message::reason_for(error.reason(), version);
    let mut out = Writer::new(Buffer::default());
    operation.write(Tag::Operation, &mut out, version);
    out.enumeration(Tag::ResultStatus, ResultStatus::OperationFailed.0);
    out.enumeration(Tag::ResultReason, reason.0);
    out.text(Tag::ResultMessage, error.public());
    let content = KeyBytes::copy_from(out.written());
    Outcome { status: ResultStatus::OperationFailed, reason: Some(reason), content }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_stored_and_read_back() {
        let outcome = || Outcome {
            status: ResultStatus::OperationFailed,
            reason: Some(ResultReason::ObjectNotFound),
            content: KeyBytes::copy_from(b"content"),
        };
        for (fetched, result) in [(false, None), (false, Some(outcome())), (true, Some(outcome()))] {
            let entry = Entry {
                operation: Operation::Create,
                submitted: 5,
                version: Version::V3_0,
                job: vec![1; 16],
                fetched,
                result,
            };
            let again = decode_entry(&encode_entry(&entry)).unwrap();
            assert_eq!(format!("{again:?}"), format!("{entry:?}"));
            assert_eq!(again.is_over(5 + KEPT_MICROS), entry.result.is_some());
            assert!(!again.is_over(4 + KEPT_MICROS));
        }
    }

    #[test]
    fn what_is_about_asynchronous_requests_is_answered_at_once() {
        let cases = [(Operation::Poll, false), (Operation::Cancel, false), (Operation::Create, true)];
        for (operation, expected) in cases {
            assert_eq!(may_wait(operation), expected);
        }
    }
}
