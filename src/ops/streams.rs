//! Cryptographic operations in parts: what lives on between the requests of one stream (1.4 §4 "Multi-part", 2.1
//! §6.1). A stream belongs to one caller, one operation and one key, and is found by a random Correlation Value.
//!
//! A request may be run again before it is committed, and a state that has taken a part cannot be taken back. So the
//! request that works on a stream holds it, with each step's input digest and answer; if the request is not committed
//! the stream goes back with them, and the next run that brings the same inputs gets the same answers. A run that
//! brings other inputs finds a stream that lost its place, and ends it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_lc_rs::digest;

use crate::base::{Buffer, Entropy, Error, Limits, Result};
use crate::crypto::symmetric::{Decryption, Encryption};
use crate::crypto::{CryptoError, hash, mac};
use crate::model::refusal::Refusal;
use crate::model::values::CryptographicParameters;
use crate::registry::{Operation, ResultReason, Tag, Version};

/// A Correlation Value: 16 random bytes.
type Token = [u8; 16];

/// The streams of all callers that are not in use right now.
#[derive(Default)]
pub struct Streams(Mutex<HashMap<Token, Stream>>);

/// Where a request stands in a stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Part {
    /// All of it: no stream.
    Whole,
    /// It begins a stream.
    First,
    /// It goes on.
    Next(Token),
    /// It ends the stream.
    Last(Token),
}

impl Part {
    /// From Correlation Value, Init Indicator and Final Indicator (2.1 §6.1).
    pub fn of(correlation: Option<&[u8]>, init: Option<bool>, last: Option<bool>, version: Version) -> Result<Self> {
        let token = correlation.map(|bytes| Token::try_from(bytes).map_err(|_| no_stream(version))).transpose()?;
        match (token, init.unwrap_or(false), last.unwrap_or(false)) {
            (None, false, false) | (None, true, true) => Ok(Self::Whole),
            (None, true, false) => Ok(Self::First),
            (None, false, true) => Err(Error::invalid_field("the last part of a stream needs its Correlation Value")),
            (Some(_), true, _) => Err(Error::invalid_field("the first part of a stream has no Correlation Value")),
            (Some(token), false, false) => Ok(Self::Next(token)),
            (Some(token), false, true) => Ok(Self::Last(token)),
        }
    }

    /// Whether it is the first one, or all.
    pub fn begins(self) -> bool {
        matches!(self, Self::Whole | Self::First)
    }

    /// Whether it is the last one, or all.
    pub fn ends(self) -> bool {
        matches!(self, Self::Whole | Self::Last(_))
    }

    /// "Data is always required in cryptographic operations except when either Init Indicator or Final Indicator is
    /// true" (2.1 §6.1).
    pub fn needs_data(self) -> bool {
        matches!(self, Self::Whole | Self::Next(_))
    }
}

/// What takes the parts.
pub enum Work {
    /// Encrypt.
    Encrypt(Encryption),
    /// Decrypt.
    Decrypt(Decryption),
    /// Decrypt before 1.4: the tag is the end of the data, this many bytes; those of the last part are held back.
    DecryptTagged(Decryption, usize, Buffer),
    /// MAC, MAC Verify.
    Mac(mac::Mac),
    /// Hash; Sign and Signature Verify where a digest is signed.
    Hash(hash::Hash),
    /// Sign and Signature Verify where the data itself is signed; every operation with a key in the HSM.
    Collect(Buffer),
}

/// What a step gives.
#[derive(Debug, Default)]
pub struct Output {
    /// Output so far: of Encrypt and Decrypt what is ready, of the others all at the end.
    pub data: Buffer,
    /// Authenticated Encryption Tag, at the end.
    pub tag: Option<Vec<u8>>,
    /// What is to be checked, if a part brought it: tag, MAC or signature.
    pub check: Option<Vec<u8>>,
}

/// What a stream belongs to.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The key; empty for Hash.
    pub key: Box<str>,
    /// The parameters that hold for all of it.
    pub parameters: CryptographicParameters,
    /// What the first part said besides.
    pub opening: Opening,
}

/// What the first part of a stream said that is needed at its end, where the parts are collected for the HSM.
#[derive(Clone, Default, Debug)]
pub struct Opening {
    /// The IV, given or made.
    pub iv: Option<Vec<u8>>,
    /// Additional data.
    pub additional: Vec<u8>,
}

/// A stream.
struct Stream {
    caller: Arc<str>,
    operation: Operation,
    facts: Facts,
    /// None after the last part, and after a failure.
    work: Option<Work>,
    check: Option<Vec<u8>>,
    /// Bytes that it collects.
    weight: usize,
    /// The last committed step, in microseconds since 1970.
    touched: i64,
    /// Steps that are not committed.
    steps: Vec<Step>,
    /// How many of them this run has repeated or made.
    at: usize,
}

struct Step {
    input: [u8; 32],
    output: Result<Arc<Output>, CryptoError>,
}

impl Streams {
    /// Forgets streams that nobody went on with.
    pub fn expire(&self, now_micros: i64, limits: &Limits) {
        let oldest = now_micros.saturating_sub(i64::from(limits.stream_seconds_max) * 1_000_000);
        self.table().retain(|_, stream| stream.touched >= oldest);
    }

    fn table(&self) -> MutexGuard<'_, HashMap<Token, Stream>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The streams that one request works on. Dropped, it puts them back with their uncommitted steps; `settle` puts them
/// back for good.
pub struct Open<'a> {
    streams: &'a Streams,
    held: Vec<Held>,
}

struct Held {
    token: Token,
    stream: Stream,
    /// Begun by this request.
    new: bool,
}

/// Who steps, when, and within which limits.
pub struct Stepper<'a> {
    /// Who asks.
    pub caller: &'a Arc<str>,
    /// The operation that runs.
    pub operation: Operation,
    /// The version of the request.
    pub version: Version,
    /// Now, in microseconds since 1970.
    pub now_micros: i64,
    /// Limits.
    pub limits: &'a Limits,
    /// Randomness.
    pub entropy: &'a dyn Entropy,
}

impl<'a> Open<'a> {
    /// None yet.
    pub fn new(streams: &'a Streams) -> Self {
        Self { streams, held: Vec::new() }
    }

    /// Begins a stream and gives its Correlation Value.
    ///
    /// # Errors
    /// Server Limit Exceeded if the caller has too many.
    pub fn begin(&mut self, facts: Facts, work: Work, by: &Stepper<'_>) -> Result<Token> {
        self.streams.expire(by.now_micros, by.limits);
        let of_caller = |stream: &&Stream| stream.caller == *by.caller;
        let open = self.streams.table().values().filter(of_caller).count()
            + self.held.iter().map(|held| &held.stream).filter(of_caller).count();
        if open >= by.limits.streams_max {
            return Err(Error::new(
                ResultReason::ServerLimitExceeded,
                "you have too many operations in parts; end some of them",
            ));
        }
        let mut token = Token::default();
        by.entropy.fill(&mut token).map_err(|error| Error::internal("making a correlation value", error))?;
        let stream = Stream {
            caller: by.caller.clone(),
            operation: by.operation,
            facts,
            work: Some(work),
            check: None,
            weight: 0,
            touched: by.now_micros,
            steps: Vec::new(),
            at: 0,
        };
        self.held.push(Held { token, stream, new: true });
        Ok(token)
    }

    /// What the stream belongs to. The request holds it from now on.
    ///
    /// # Errors
    /// Invalid Correlation Value, in 1.x Item Not Found, if this caller has no such stream of this operation.
    pub fn facts(&mut self, token: Token, by: &Stepper<'_>) -> Result<Facts> {
        self.hold(token, by).map(|stream| stream.facts.clone())
    }

    /// Takes one part. `check` is what the part brings to be checked at the end.
    ///
    /// # Errors
    /// Those of the algorithm, which end the stream.
    pub fn step(
        &mut self,
        token: Token,
        data: &[u8],
        check: Option<&[u8]>,
        last: bool,
        by: &Stepper<'_>,
    ) -> Result<Output> {
        let weight: usize = self.streams.table().values().map(|stream| stream.weight).sum();
        let stream = self.hold(token, by)?;
        if stream.collects() && weight.saturating_add(stream.weight + data.len()) > by.limits.stream_bytes_max {
            stream.work = None;
            return Err(Error::new(ResultReason::ServerLimitExceeded, "operations in parts hold too much data here"));
        }
        stream.step(data, check, last, by)
    }

    fn hold(&mut self, token: Token, by: &Stepper<'_>) -> Result<&mut Stream> {
        let at = match self.held.iter().position(|held| held.token == token) {
            Some(at) => at,
            None => {
                self.streams.expire(by.now_micros, by.limits);
                let mut table = self.streams.table();
                if !table.get(&token).is_some_and(|stream| stream.belongs(by)) {
                    return Err(no_stream(by.version));
                }
                let stream = table.remove(&token).ok_or_else(|| no_stream(by.version))?;
                self.held.push(Held { token, stream, new: false });
                self.held.len() - 1
            }
        };
        let stream = &mut self.held[at].stream;
        if stream.belongs(by) { Ok(stream) } else { Err(no_stream(by.version)) }
    }

    /// What was done is undone: the answers of the steps say so, and the client may send the same parts again.
    pub fn undo(&mut self) {
        let mut table = self.streams.table();
        for Held { token, mut stream, new } in self.held.drain(..) {
            stream.at = 0;
            if !new {
                table.insert(token, stream);
            }
        }
    }

    /// What was done is committed.
    pub fn settle(mut self) {
        let mut table = self.streams.table();
        for Held { token, mut stream, .. } in self.held.drain(..) {
            stream.steps.clear();
            stream.at = 0;
            if stream.work.is_some() {
                table.insert(token, stream);
            }
        }
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.undo();
    }
}

impl Stream {
    fn belongs(&self, by: &Stepper<'_>) -> bool {
        self.caller == *by.caller && self.operation == by.operation
    }

    fn step(&mut self, data: &[u8], check: Option<&[u8]>, last: bool, by: &Stepper<'_>) -> Result<Output> {
        let input = digest_of(data, check, last);
        if let Some(step) = self.steps.get(self.at) {
            if step.input != input {
                self.work = None;
                self.steps.clear();
                return Err(no_stream(by.version));
            }
        } else {
            if let Some(check) = check {
                self.check = Some(check.to_vec());
            }
            let output = match self.work.take() {
                None => return Err(no_stream(by.version)),
                Some(work) if last => work.finish(data, self.check.take(), by.entropy),
                Some(mut work) => work.update(data).map(|data| {
                    self.work = Some(work);
                    Output { data, ..Output::default() }
                }),
            };
            if self.collects() {
                self.weight += data.len();
            }
            self.touched = by.now_micros;
            self.steps.push(Step { input, output: output.map(Arc::new) });
        }
        let step = &self.steps[self.at];
        self.at += 1;
        let output = step.output.clone()?;
        let mut data = Buffer::with_capacity(output.data.len());
        data.extend(&output.data);
        Ok(Output { data, tag: output.tag.clone(), check: output.check.clone() })
    }

    fn collects(&self) -> bool {
        match &self.work {
            None | Some(Work::Mac(_) | Work::Hash(_)) => false,
            Some(Work::Encrypt(work)) => work.collects(),
            Some(Work::Decrypt(work) | Work::DecryptTagged(work, ..)) => work.collects(),
            Some(Work::Collect(_)) => true,
        }
    }
}

impl Work {
    fn update(&mut self, data: &[u8]) -> Result<Buffer, CryptoError> {
        match self {
            Self::Encrypt(work) => work.update(data),
            Self::Decrypt(work) => work.update(data),
            Self::DecryptTagged(work, tag, tail) => {
                tail.extend(data);
                let ready = tail.len().saturating_sub(*tag);
                let output = work.update(&tail[..ready])?;
                tail.consume(ready);
                Ok(output)
            }
            Self::Mac(work) => {
                work.update(data);
                Ok(Buffer::default())
            }
            Self::Hash(work) => {
                work.update(data);
                Ok(Buffer::default())
            }
            Self::Collect(all) => {
                all.extend(data);
                Ok(Buffer::default())
            }
        }
    }

    fn finish(self, data: &[u8], check: Option<Vec<u8>>, entropy: &dyn Entropy) -> Result<Output, CryptoError> {
        let mut output = Output { check, ..Output::default() };
        match self {
            Self::Encrypt(work) => {
                let done = work.finish(data, entropy)?;
                output.data = done.data;
                output.tag = done.tag;
            }
            Self::Decrypt(work) => output.data = work.finish(data, output.check.as_deref())?,
            Self::DecryptTagged(work, tag, mut tail) => {
                tail.extend(data);
                let text = tail.len().checked_sub(tag).ok_or(CryptoError::BadData("shorter than its tag"))?;
                let (data, tag) = tail.split_at(text);
                output.data = work.finish(data, Some(tag))?;
            }
            Self::Mac(mut work) => {
                work.update(data);
                output.data.extend(&work.finish());
            }
            Self::Hash(mut work) => {
                work.update(data);
                output.data.extend(&work.finish());
            }
            Self::Collect(mut all) => {
                all.extend(data);
                output.data = all;
            }
        }
        Ok(output)
    }
}

fn digest_of(data: &[u8], check: Option<&[u8]>, last: bool) -> [u8; 32] {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(&[u8::from(last), u8::from(check.is_some())]);
    context.update(&(check.map_or(0, <[u8]>::len) as u64).to_be_bytes());
    context.update(check.unwrap_or_default());
    context.update(data);
    let mut bytes = [0; 32];
    bytes.copy_from_slice(context.finish().as_ref());
    bytes
}

/// "No outstanding operation with the specified Correlation Value exists": Item Not Found in 1.x (1.4 §11.30).
fn no_stream(version: Version) -> Error {
    Refusal::new(
        ResultReason::InvalidCorrelationValue,
        ResultReason::ItemNotFound,
        "no operation in parts of yours has this Correlation Value; it may have ended, failed or grown too old",
    )
    .into_error(version)
}

/// The data of a part, which may be absent where the standard allows it.
pub fn data_of<T>(data: Option<T>, part: Part) -> Result<Option<T>> {
    if data.is_none() && part.needs_data() {
        return Err(crate::proto::wire::missing(Tag::Data, Tag::RequestPayload));
    }
    Ok(data)
}
