//! Room 6: what surrounds each operation, in order, as straight code. A request is checked, its caller is named, its
//! batch is staged, and the one commit of this crate makes it real together with its audit entries. (Opening a store
//! writes the namespace key; nothing else commits.)

mod attempts;
pub mod audit;
pub mod batch;
#[cfg(test)]
mod certificate_tests;
pub mod closed;
mod credentials;
pub mod identity;
pub mod jobs;
pub mod ledger;
mod news;
pub mod open;
pub mod outbox;
pub mod policy;
pub mod recorder;
pub mod repair;
#[cfg(test)]
mod resident_tests;
pub mod rewrap;
pub mod rotation;
#[cfg(test)]
mod service_tests;
#[cfg(test)]
mod session_tests;
pub mod sweep;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod users;
pub mod verify;
pub mod witness;

use std::borrow::Cow;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use self::audit::{Entry, Kind};
use self::batch::Done;
use self::credentials::{Asking, Spent};
use self::identity::{Identity, Named, Peer};
use self::jobs::Jobs;
use self::open::{OpenError, open_or_create_seal, settle_root};
use self::outbox::Outboxes;
use self::recorder::{RecordError, Recorder};
use self::rewrap::Rewraps;
use crate::base::{Buffer, Clock, Date, Entropy, Error, Limits, Result};
use crate::keep::{Keep, Transaction};
use crate::model::right::{Caller, Policy};
use crate::ops::reprovision::{NoProvisioner, Provisioner, is_replaced};
use crate::ops::session::Session;
use crate::ops::streams::{Open, Streams};
use crate::ops::{Cx, ParsedKeys, Services, Settings};
use crate::proto::message::{BatchItem, Refused, Request, ResponseHead, ResponseHeader};
use crate::registry::{Operation, ResultReason, ResultStatus, Tag, Version};
use crate::store::{Commit, CommitError, Sequence, Store};
use crate::ttlv::{Writer, check};
use crate::vault::root::Root;
use crate::vault::{KeyId, KeyVault};

/// What a core is made of.
pub struct Parts {
    /// Where bytes lie.
    pub store: Arc<dyn Store>,
    /// What opens them.
    pub root: Arc<dyn Root>,
    /// Keys in an HSM.
    pub vault: Arc<dyn KeyVault>,
    /// Who may do what.
    pub policy: Arc<dyn Policy>,
    /// Who is who.
    pub identity: Identity,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// Limits.
    pub limits: Limits,
    /// What the operator chose.
    pub settings: Settings,
    /// Whether an answer to a read waits until its audit entry is durable.
    pub durable_reads: bool,
    /// The file for a copy of the commit record, outside of the store; None for none.
    pub witness: Option<PathBuf>,
}

/// The synchronous core: bytes of a request in, bytes of an answer out.
pub struct Core {
    services: Services,
    identity: Identity,
    clock: Arc<dyn Clock>,
    durable_reads: bool,
    /// What wraps the namespace key.
    root: Arc<dyn Root>,
    /// Held by whoever changes the root or the namespace key.
    rotating: Mutex<()>,
    /// Objects that are wrapped anew after their key was replaced.
    rewraps: Rewraps,
    /// Asynchronous requests that wait.
    jobs: Arc<Jobs>,
    /// Messages for clients that took the server role.
    outboxes: Outboxes,
    /// Begins every Server Correlation Value of this run.
    run: String,
    requests: AtomicU64,
}

/// What becomes of a request.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The answer is in the buffer. It may leave when the store says that this number is durable.
    Reply(Sequence),
    /// The request is to be run again on a thread that may block. Nothing has happened yet.
    WouldBlock,
}

/// Why a core cannot be opened.
#[derive(Debug)]
pub enum CoreError {
    /// The store and the root do not go together, or the store failed.
    Open(OpenError),
    /// The store is not what it was.
    Record(RecordError),
    /// Randomness failed.
    Entropy(crate::base::EntropyFailed),
    /// The asynchronous requests that were left cannot be read.
    Jobs(Error),
}

impl std::fmt::Display for CoreError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Open(error) => error.fmt(f),
            Self::Record(error) => error.fmt(f),
            Self::Entropy(error) => error.fmt(f),
            Self::Jobs(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for CoreError {}

/// An answer that was written but not committed.
struct Attempt<'a> {
    transaction: Transaction,
    streams: Open<'a>,
    done: Vec<Done>,
    caller: &'a Caller,
    client_correlation: String,
    version: Version,
    /// Asynchronous requests that it makes.
    submitted: Vec<Vec<u8>>,
    /// Asynchronous requests that are to be run before it is answered.
    process: Vec<Vec<u8>>,
    /// Whether the connection is turned round by it.
    turns: bool,
}

impl Attempt<'_> {
    /// The keys that it made in the vault.
    fn made(&self) -> Vec<KeyId> {
        self.transaction.made().map(KeyId::from_bytes).collect()
    }
}

/// Who asks, and what of its credentials counts.
struct Prepared {
    caller: Caller,
    by_certificate: bool,
    session: Option<Session>,
    spent: Vec<Spent>,
    server_hash: Option<Vec<u8>>,
}

/// The same on its way through a batch.
struct Asker<'a> {
    caller: &'a Caller,
    certificate: Option<&'a [u8]>,
    session: Option<Session>,
    may_turn: bool,
    spent: Vec<Spent>,
    server_hash: Option<&'a [u8]>,
}

impl Core {
    /// Opens the store and continues its audit chain.
    pub fn open(parts: Parts) -> std::result::Result<Self, CoreError> {
        let seal = open_or_create_seal(&*parts.store, &*parts.root, &*parts.entropy).map_err(CoreError::Open)?;
        if let Err(error) = settle_root(&*parts.store, &*parts.root) {
            tracing::warn!(%error, "a rotation of the root that was cut off is not ended yet");
        }
        let seal = Arc::new(seal);
        let recorder = Recorder::open(&*parts.store, seal.clone(), parts.entropy.clone(), parts.witness.as_deref());
        let recorder = recorder.map_err(CoreError::Record)?;
        let beginning = recorder.beginning();
        parts.store.set_journal(Box::new(recorder));
        let mut bytes = [0; 8];
        parts.entropy.fill(&mut bytes).map_err(CoreError::Entropy)?;
        let core = Self {
            services: Services {
                keep: Keep::new(parts.store, seal, parts.entropy.clone()),
                vault: parts.vault,
                policy: parts.policy,
                entropy: parts.entropy,
                limits: parts.limits,
                settings: parts.settings,
                streams: Streams::default(),
                provisioner: Arc::new(NoProvisioner),
                parsed: ParsedKeys::default(),
            },
            identity: parts.identity,
            clock: parts.clock,
            durable_reads: parts.durable_reads,
            root: parts.root,
            rotating: Mutex::default(),
            rewraps: Rewraps::default(),
            jobs: Arc::default(),
            outboxes: Outboxes::default(),
            run: format!("{:016X}", u64::from_be_bytes(bytes)),
            requests: AtomicU64::new(0),
        };
        core.note_opened(&beginning)?;
        core.find_unfinished().map_err(CoreError::Jobs)?;
        Ok(core)
    }

    /// Lets Re-Provision have certificates from there.
    #[must_use]
    pub fn with_provisioner(mut self, provisioner: Arc<dyn Provisioner>) -> Self {
        self.services.provisioner = provisioner;
        self
    }

    /// The chain says where this run begins and how far the one before came.
    fn note_opened(&self, beginning: &str) -> std::result::Result<(), CoreError> {
        let journal = self.own_entry(Kind::Opened, Operation(0), "", beginning);
        let commit = Commit { journal, ..Commit::default() };
        let store = self.services.keep.store();
        match store.commit(commit) {
            Ok(_) => Ok(()),
            Err(CommitError::Store(error)) => Err(CoreError::Open(OpenError::Store(error))),
            // Nothing was expected, and nothing else is running.
            Err(CommitError::Conflict | CommitError::Busy) => Ok(()),
        }
    }

    /// The journal entry of something that the server did by itself.
    fn own_entry(&self, kind: Kind, operation: Operation, objects: &str, words: &str) -> Vec<u8> {
        let mut journal = Vec::new();
        Entry {
            kind,
            at_micros: self.clock.now_micros(),
            caller: "keyhaven",
            address: "",
            version: Version::NEWEST,
            operation,
            objects,
            reason: None,
            correlation: words,
        }
        .encode(&mut journal);
        journal
    }

    /// Who is behind a connection. The error is a line for the log.
    pub fn peer(&self, certificate: &[u8], address: SocketAddr) -> std::result::Result<Peer, String> {
        self.identity.peer(certificate, address)
    }

    /// The objects, for work that time drives.
    pub fn keep(&self) -> &Keep {
        &self.services.keep
    }

    /// The time.
    pub fn now(&self) -> Date {
        self.clock.now()
    }

    /// The store below.
    pub fn store(&self) -> &Arc<dyn Store> {
        self.services.keep.store()
    }

    /// Limits in force.
    pub fn limits(&self) -> &Limits {
        &self.services.limits
    }

    /// Wipes operations in parts that nobody went on with.
    pub fn expire_streams(&self) {
        self.services.streams.expire(self.clock.now_micros(), &self.services.limits);
    }

    /// Answers one request. `reply` is emptied first.
    pub fn handle(&self, request: &[u8], peer: &Peer, may_block: bool, reply: &mut Buffer) -> Outcome {
        let now = (self.clock.now(), self.clock.now_micros());
        let correlation = self.next_correlation();
        for _ in 0..self.services.limits.conflict_retries_max {
            reply.clear();
            let mut out = Writer::new(std::mem::take(reply));
            let outcome = self.attempt(request, peer, now, may_block, &correlation, &mut out);
            *reply = out.finish();
            match outcome {
                Ok(sequence) => return Outcome::Reply(sequence),
                Err(error) if error.is_would_block() => return Outcome::WouldBlock,
                Err(error) if error.is_conflict() => {}
                Err(error) => return self.refuse(error, request, peer, now, &correlation, reply),
            }
        }
        self.refuse(Error::conflict(), request, peer, now, &correlation, reply)
    }

    /// The Server Correlation Value of the next request.
    fn next_correlation(&self) -> String {
        format!("{}-{:X}", self.run, self.requests.fetch_add(1, Ordering::Relaxed))
    }

    /// Refuses a request because every thread that may block is busy. Nothing of it is done.
    pub fn busy(&self, request: &[u8], peer: &Peer, reply: &mut Buffer) {
        let now = (self.clock.now(), self.clock.now_micros());
        let correlation = self.next_correlation();
        let error = Error::new(ResultReason::GeneralFailure, "the server is busy; send the request again");
        self.refuse(error, request, peer, now, &correlation, reply);
    }

    /// One run of a request. An error here is one of the whole request.
    fn attempt(
        &self,
        bytes: &[u8],
        peer: &Peer,
        now: (Date, i64),
        may_block: bool,
        correlation: &str,
        out: &mut Writer,
    ) -> Result<Sequence> {
        let message = check(bytes, &self.services.limits)?;
        let request = match Request::read(&message, &self.services.limits) {
            Ok(request) => request,
            Err(refused) => return self.answer_refused(refused, peer, now, correlation, out),
        };
        let version = request.header.version;
        let prepared = match self.prepare(&request, peer, now, may_block) {
            Ok(prepared) => prepared,
            Err(error) if error.is_would_block() || error.is_conflict() => return Err(error),
            Err(error) => {
                return self.answer_refused(Refused { version, error }, peer, now, correlation, out);
            }
        };
        let Prepared { caller, by_certificate, session, spent, server_hash } = prepared;
        let may_turn = peer.may_turn && self.outboxes.has_room(&caller.name);
        let certificate = peer.certificate.as_deref().filter(|_| by_certificate);
        let server_hash = server_hash.as_deref();
        let asker = Asker { caller: &caller, certificate, session, may_turn, spent, server_hash };
        let attempt = self.run(&request, asker, now, may_block, correlation, out)?;
        let too_large = request.header.maximum_response_size.is_some_and(|maximum| out.len() > maximum);
        if too_large {
            self.erase_made(&attempt.made());
            let error = Error::new(ResultReason::ResponseTooLarge, "the answer is longer than Maximum Response Size");
            return self.answer_all_failed(&request, error, peer, now, correlation, out);
        }
        let (submitted, process) = (attempt.submitted.clone(), attempt.process.clone());
        let turns = attempt.turns.then(|| self.outboxes.open(&caller.name, version, now.0)).flatten();
        let mut sequence = self.commit(attempt, peer, now, correlation)?;
        self.jobs.push(submitted);
        if let Some(outbox) = turns {
            // Whoever turned it before has the queue already.
            let _ = peer.turned.set(outbox);
        }
        for job in process {
            // What went wrong with it is its result; the request that asked for it is done.
            match self.run_job(&job, None) {
                Ok(done) => sequence = sequence.max(done),
                Err(error) => tracing::error!(%error, correlation, "an asynchronous request failed"),
            }
        }
        Ok(sequence)
    }

    /// What is settled before the first item: extensions that must be understood, and who is asking.
    fn prepare(&self, request: &Request<'_>, peer: &Peer, now: (Date, i64), may_block: bool) -> Result<Prepared> {
        let keep = &self.services.keep;
        self.vouch(peer)?;
        batch::refuse_critical_extensions(request)?;
        let mut named = Named::default();
        if let Some(authentication) = &request.header.authentication {
            let certificate = peer.certificate.as_deref();
            let asking = Asking { keep, certificate, peer: &peer.caller.name, now: now.0, now_micros: now.1 };
            let version = request.header.version;
            named = self.identity.authenticate(authentication, version, &asking, &peer.address, may_block)?;
        }
        let Named { mut caller, ticket, spent, server_hash } = named;
        let session = ticket.map(|ticket| Session::open(keep, ticket, now.0, &mut Sequence::default())).transpose()?;
        if let Some(session) = &session {
            let owner = self.identity.caller(session.owner());
            if caller.is_some_and(|other| other.name != owner.name) {
                let words = "the credential and the ticket are of different users";
                return Err(Error::new(ResultReason::AuthenticationNotSuccessful, words));
            }
            caller = Some(owner);
        }
        let by_certificate = caller.is_none();
        let mut caller = caller.unwrap_or_else(|| peer.caller.clone());
        self.find_groups(&mut caller, now.0)?;
        Ok(Prepared { caller, by_certificate, session, spent, server_hash })
    }

    /// Refuses a certificate that was replaced. It is looked up once for all that the store was told since.
    fn vouch(&self, peer: &Peer) -> Result<()> {
        let keep = &self.services.keep;
        let Some(certificate) = &peer.certificate else { return Ok(()) };
        let latest = keep.store().latest().0 + 1;
        if peer.vouched.load(Ordering::Relaxed) == latest {
            return Ok(());
        }
        if is_replaced(keep, certificate)? {
            let words = "this certificate was replaced by Re-Provision; connect with the new one";
            return Err(Error::new(ResultReason::AuthenticationNotSuccessful, words));
        }
        peer.vouched.store(latest, Ordering::Relaxed);
        Ok(())
    }

    /// Puts the caller into its groups, if the policy wants to know them.
    fn find_groups(&self, caller: &mut Caller, now: Date) -> Result<()> {
        if self.services.policy.looks_at_groups() {
            caller.groups = users::groups(&self.services.keep, &caller.name, now)?.into();
        }
        Ok(())
    }

    /// Runs the batch and writes the answer.
    fn run<'a>(
        &'a self,
        request: &Request<'_>,
        asker: Asker<'a>,
        now: (Date, i64),
        may_block: bool,
        correlation: &str,
        out: &mut Writer,
    ) -> Result<Attempt<'a>> {
        let version = request.header.version;
        let mark = out.begin(Tag::ResponseMessage);
        let header =
            ResponseHeader { server_hashed_password: asker.server_hash, ..header(version, now.0, correlation) };
        let count_at = header.write(out);
        let caller = asker.caller;
        let mut cx = Cx::new(&self.services, caller, version, now, may_block);
        cx.session = asker.session;
        cx.certificate = asker.certificate;
        cx.may_turn = asker.may_turn;
        for spent in asker.spent {
            cx.spend(&spent.place, spent.found, spent.value)?;
        }
        let done = batch::run(request, &mut cx, out);
        let done = done.inspect_err(|_| self.erase_made(&cx.made()))?;
        let (submitted, process) = (std::mem::take(&mut cx.submitted), std::mem::take(&mut cx.process));
        let turns = cx.turns;
        let (transaction, streams) = cx.into_transaction();
        if let Some(at) = count_at {
            out.patch_four(at, done.len() as u32);
        }
        out.end(mark);
        let client_correlation = request.header.client_correlation_value.unwrap_or_default().to_owned();
        Ok(Attempt { transaction, streams, done, caller, client_correlation, version, submitted, process, turns })
    }

    /// The commit: everything the batch staged and one audit entry for each of its items, together.
    fn commit(&self, mut attempt: Attempt<'_>, peer: &Peer, now: (Date, i64), correlation: &str) -> Result<Sequence> {
        let correlations = match attempt.client_correlation.as_str() {
            "" => Cow::Borrowed(correlation),
            client => Cow::Owned(format!("{correlation} {client}")),
        };
        let mut journal = Vec::with_capacity(160 * attempt.done.len());
        for done in &attempt.done {
            log_failure(done, &attempt, peer, correlation);
            Entry {
                kind: peer.kind,
                at_micros: now.1,
                caller: &attempt.caller.name,
                address: &peer.address,
                version: attempt.version,
                operation: done.operation,
                objects: &done.objects,
                reason: done.reason,
                correlation: &correlations,
            }
            .encode(&mut journal);
        }
        let (keep, policy, put) = (&self.services.keep, &*self.services.policy, self.services.settings.put);
        let news = news::of(&mut attempt.transaction, keep, &self.outboxes, policy, put, now.0)?;
        let reads_only = attempt.transaction.is_empty();
        let seen = attempt.transaction.seen;
        let erases = attempt.transaction.erases_resident();
        let made = attempt.made();
        let gone: Vec<Box<str>> = attempt.transaction.changed_bodies().map(Into::into).collect();
        let committed = self.services.keep.commit(attempt.transaction, journal);
        // Whether anything else failed before or after it was written is not known here; the sweep will know.
        let committed = committed.inspect_err(|error| {
            if error.is_conflict() {
                self.erase_made(&made)
            }
        })?;
        gone.iter().for_each(|id| self.services.parsed.forget(id));
        attempt.streams.settle();
        if erases {
            self.erase_pending(committed);
        }
        news.into_iter().for_each(|one| one.send(committed));
        Ok(if reads_only && !self.durable_reads { seen } else { seen.max(committed) })
    }

    /// Answers a request that could not be taken apart, or whose caller is not who it says: one failed item without
    /// an operation.
    fn answer_refused(
        &self,
        refused: Refused,
        peer: &Peer,
        now: (Date, i64),
        correlation: &str,
        out: &mut Writer,
    ) -> Result<Sequence> {
        let Refused { version, error } = refused;
        tracing::info!(caller = %peer.caller.name, address = %peer.address, correlation, %error, "request refused");
        write_failures(&[(None, None)], &error, version, now.0, correlation, out);
        self.note_failures(&[Operation(0)], &error, version, peer, now, correlation)
    }

    /// Answers every item of a request with the same error, after all that it did was dropped.
    fn answer_all_failed(
        &self,
        request: &Request<'_>,
        error: Error,
        peer: &Peer,
        now: (Date, i64),
        correlation: &str,
        out: &mut Writer,
    ) -> Result<Sequence> {
        let version = request.header.version;
        let heads: Vec<_> = request.items().iter().map(BatchItem::head).collect();
        out.truncate(0);
        write_failures(&heads, &error, version, now.0, correlation, out);
        let operations: Vec<_> = heads.iter().map(|(operation, _)| operation.unwrap_or(Operation(0))).collect();
        self.note_failures(&operations, &error, version, peer, now, correlation)
    }

    /// The last resort: the commit failed, or the bytes are no message. All items fail.
    fn refuse(
        &self,
        error: Error,
        bytes: &[u8],
        peer: &Peer,
        now: (Date, i64),
        correlation: &str,
        reply: &mut Buffer,
    ) -> Outcome {
        tracing::warn!(caller = %peer.caller.name, address = %peer.address, correlation, %error, "request failed");
        reply.clear();
        let mut out = Writer::new(std::mem::take(reply));
        let limits = &self.services.limits;
        let sequence = match check(bytes, limits).ok().and_then(|message| Request::read(&message, limits).ok()) {
            Some(request) => self.answer_all_failed(&request, error, peer, now, correlation, &mut out),
            None => {
                let refused = Refused { version: version_hint(bytes), error };
                self.answer_refused(refused, peer, now, correlation, &mut out)
            }
        };
        *reply = out.finish();
        // An entry that cannot be written is in the log at least; the store refuses everything else from now on.
        Outcome::Reply(sequence.unwrap_or_default())
    }

    fn note_failures(
        &self,
        operations: &[Operation],
        error: &Error,
        version: Version,
        peer: &Peer,
        now: (Date, i64),
        correlation: &str,
    ) -> Result<Sequence> {
        let mut journal = Vec::new();
        for operation in operations {
            Entry {
                kind: peer.kind,
                at_micros: now.1,
                caller: &peer.caller.name,
                address: &peer.address,
                version,
                operation: *operation,
                objects: "",
                reason: Some(error.reason()),
                correlation,
            }
            .encode(&mut journal);
        }
        let committed = self.services.keep.commit(Transaction::default(), journal)?;
        Ok(if self.durable_reads { committed } else { Sequence(0) })
    }
}

/// Writes an answer in which every item fails with the same error.
fn write_failures(
    heads: &[(Option<Operation>, Option<&[u8]>)],
    error: &Error,
    version: Version,
    now: Date,
    correlation: &str,
    out: &mut Writer,
) {
    let mark = out.begin(Tag::ResponseMessage);
    let count_at = header(version, now, correlation).write(out);
    for (operation, id) in heads {
        let item = out.begin(Tag::BatchItem);
        let status = ResultStatus::OperationFailed;
        let head = ResponseHead { operation: *operation, unique_batch_item_id: *id, status, error: Some(error) };
        head.write(out, version);
        out.end(item);
    }
    if let Some(at) = count_at {
        out.patch_four(at, heads.len() as u32);
    }
    out.end(mark);
}

impl Drop for Core {
    fn drop(&mut self) {
        self.jobs.close();
    }
}

fn header(version: Version, now: Date, correlation: &str) -> ResponseHeader<'_> {
    ResponseHeader { version, time_stamp: now, server_correlation_value: correlation, server_hashed_password: None }
}

fn log_failure(done: &Done, attempt: &Attempt<'_>, peer: &Peer, correlation: &str) {
    let Some(reason) = done.reason else { return };
    let (caller, address, operation) = (&*attempt.caller.name, &peer.address, done.operation);
    match &done.cause {
        Some(cause) => tracing::error!(caller, %address, %operation, %reason, correlation, %cause, "operation failed"),
        None => tracing::debug!(caller, %address, %operation, %reason, correlation, "operation refused"),
    }
}

/// The version to answer bytes in that are not a whole message: that of their header, if it can still be read.
fn version_hint(bytes: &[u8]) -> Version {
    // Request Message and Request Header begin, then Protocol Version with its two Integers.
    let number =
        |at: usize| bytes.get(at..at + 4).and_then(|bytes| bytes.try_into().ok()).map_or(0, i32::from_be_bytes);
    let shaped = bytes.get(16..19) == Some(&Tag::ProtocolVersion.0.to_be_bytes()[1..]);
    if !shaped {
        return Version::V1_0;
    }
    Version::from_numbers(number(32), number(48)).unwrap_or(Version::V1_0)
}
