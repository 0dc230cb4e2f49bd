//! Time and randomness as the core sees them: handed in, never drawn.

use std::fmt;

use super::RngParameters;

/// A Date-Time: seconds since 1970-01-01T00:00:00Z (specification 1.4 §9.1.1.4).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Date(pub i64);

impl Date {
    /// The date `seconds` later, held at the ends of the range.
    #[must_use]
    pub fn plus(self, seconds: i64) -> Self {
        Self(self.0.saturating_add(seconds))
    }
}

/// The wall clock. Only `serve` has a real one.
pub trait Clock: Send + Sync {
    /// Now, in whole seconds.
    fn now(&self) -> Date;
    /// Now, in microseconds since 1970 (Date-Time Extended).
    fn now_micros(&self) -> i64;
}

/// The source of randomness failed; nothing may be made with what it gave.
#[derive(Debug)]
pub struct EntropyFailed;

impl fmt::Display for EntropyFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the random number generator failed")
    }
}

impl std::error::Error for EntropyFailed {}

/// A cryptographically secure source of random bytes.
pub trait Entropy: Send + Sync {
    /// Fills the buffer.
    fn fill(&self, buffer: &mut [u8]) -> Result<(), EntropyFailed>;

    /// What it is.
    fn parameters(&self) -> RngParameters {
        RngParameters::UNSPECIFIED
    }
}
