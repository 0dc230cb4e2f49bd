//! The error of a KMIP operation: a Result Reason and words for the client, a cause for the operator. The two
//! never mix: what a client may read is `public`, what a log line adds is `cause`.

use std::borrow::Cow;
use std::fmt;

use crate::registry::ResultReason;

/// What an operator reads in the log and a client never sees.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Result with the error of the core.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A failed operation. Its reason is a row of the registry, so it always has a correct wire form.
pub struct Error {
    reason: ResultReason,
    public: Cow<'static, str>,
    cause: Option<Cause>,
    retry: Retry,
}

/// Whether the same request, sent again, may be answered differently by us alone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Retry {
    No,
    /// The staged changes met a newer record: run the request again from its start.
    Conflict,
    /// The request needs a thread that may block: run it again from its start on the pool.
    WouldBlock,
}

impl Error {
    /// An error with its Result Reason and the words for the client.
    pub fn new(reason: ResultReason, public: impl Into<Cow<'static, str>>) -> Self {
        Self { reason, public: public.into(), cause: None, retry: Retry::No }
    }

    /// An error that is ours, not the client's: the client reads that it failed, the log reads why.
    pub fn internal(what: &'static str, cause: impl Into<Cause>) -> Self {
        let cause: Cause = cause.into();
        let cause: Cause = format!("{what}: {cause}").into();
        Self::new(ResultReason::GeneralFailure, "the server could not complete the operation; its log has the cause")
            .because(cause)
    }

    /// The staged changes met a newer record; the request is to be run again.
    pub fn conflict() -> Self {
        Self {
            retry: Retry::Conflict,
            ..Self::new(ResultReason::GeneralFailure, "the object changed at the same time; send the request again")
        }
    }

    /// The operation found out midway that it would block; it is to be run again on a thread that may.
    pub fn would_block() -> Self {
        Self {
            retry: Retry::WouldBlock,
            ..Self::new(ResultReason::GeneralFailure, "the server is busy; send the request again")
        }
    }

    /// A field of the request has a value that the operation cannot take.
    pub fn invalid_field(public: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ResultReason::InvalidField, public)
    }

    /// The message itself is not well formed.
    pub fn invalid_message(public: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ResultReason::InvalidMessage, public)
    }

    /// The caller may not do this.
    pub fn permission_denied(public: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ResultReason::PermissionDenied, public)
    }

    /// Adds what only the operator may read.
    #[must_use]
    pub fn because(mut self, cause: impl Into<Cause>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// The same error under another reason, where the operation's error table names one.
    #[must_use]
    pub fn with_reason(mut self, reason: ResultReason) -> Self {
        self.reason = reason;
        self
    }

    /// The Result Reason, before it is fitted to the client's version.
    pub fn reason(&self) -> ResultReason {
        self.reason
    }

    /// The Result Message.
    pub fn public(&self) -> &str {
        &self.public
    }

    /// What the log adds.
    pub fn cause(&self) -> Option<&(dyn std::error::Error + Send + Sync)> {
        self.cause.as_deref()
    }

    /// Whether the request is to be run again because a record changed under it.
    pub fn is_conflict(&self) -> bool {
        self.retry == Retry::Conflict
    }

    /// Whether the request is to be run again on a thread that may block.
    pub fn is_would_block(&self) -> bool {
        self.retry == Retry::WouldBlock
    }
}

/// The operator's form: reason, public words, cause.
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.reason, self.public)?;
        match &self.cause {
            Some(cause) => write!(f, " ({cause})"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Error {}
