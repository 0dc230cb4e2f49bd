//! Counters of the calls into the module: `/metrics` shows them, and tests hold requests to them.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Kinds of PKCS#11 calls.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Call {
    Initialize,
    Session,
    Login,
    Find,
    Attributes,
    Generate,
    Import,
    Destroy,
    Encrypt,
    Decrypt,
    Sign,
    Verify,
    Wrap,
    Unwrap,
    Derive,
    Random,
}

impl Call {
    /// Every kind, in order.
    pub const ALL: [Self; 16] = [
        Self::Initialize,
        Self::Session,
        Self::Login,
        Self::Find,
        Self::Attributes,
        Self::Generate,
        Self::Import,
        Self::Destroy,
        Self::Encrypt,
        Self::Decrypt,
        Self::Sign,
        Self::Verify,
        Self::Wrap,
        Self::Unwrap,
        Self::Derive,
        Self::Random,
    ];

    /// The label in `/metrics`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Initialize => "initialize",
            Self::Session => "session",
            Self::Login => "login",
            Self::Find => "find",
            Self::Attributes => "attributes",
            Self::Generate => "generate",
            Self::Import => "import",
            Self::Destroy => "destroy",
            Self::Encrypt => "encrypt",
            Self::Decrypt => "decrypt",
            Self::Sign => "sign",
            Self::Verify => "verify",
            Self::Wrap => "wrap",
            Self::Unwrap => "unwrap",
            Self::Derive => "derive",
            Self::Random => "random",
        }
    }
}

/// What happened since the module was loaded.
#[derive(Default, Debug)]
pub struct Calls {
    made: [AtomicU64; Call::ALL.len()],
    pub(super) failed: AtomicU64,
    pub(super) late: AtomicU64,
    pub(super) refused: AtomicU64,
}

impl Calls {
    pub(super) fn count(&self, call: Call) {
        self.made[call as usize].fetch_add(1, Relaxed);
    }

    /// Calls of one kind.
    pub fn of(&self, call: Call) -> u64 {
        self.made[call as usize].load(Relaxed)
    }

    /// All calls.
    pub fn total(&self) -> u64 {
        Call::ALL.iter().map(|call| self.of(*call)).sum()
    }

    /// Requests that failed after everything was tried.
    pub fn failed(&self) -> u64 {
        self.failed.load(Relaxed)
    }

    /// Requests that were given up because the token did not answer in time.
    pub fn late(&self) -> u64 {
        self.late.load(Relaxed)
    }

    /// Requests that were refused at once: the queue was full, or the breaker was open.
    pub fn refused(&self) -> u64 {
        self.refused.load(Relaxed)
    }
}
