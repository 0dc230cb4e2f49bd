//! The circuit breaker: when a token has failed several times in a row, callers are refused at once instead of each
//! waiting for its deadline, until a probe has found the token well.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::SeqCst};

/// Failures in a row that open the breaker.
const FAILURES_MAX: u32 = 3;

#[derive(Default, Debug)]
pub(super) struct Breaker {
    failures: AtomicU32,
    open: AtomicBool,
}

impl Breaker {
    pub(super) fn is_open(&self) -> bool {
        self.open.load(SeqCst)
    }

    pub(super) fn failed(&self) {
        if self.failures.fetch_add(1, SeqCst) + 1 >= FAILURES_MAX && !self.open.swap(true, SeqCst) {
            tracing::error!(
                "the HSM failed {FAILURES_MAX} times in a row; requests that need it are refused until it is back"
            );
        }
    }

    pub(super) fn open(&self) {
        self.failures.store(FAILURES_MAX, SeqCst);
        self.open.store(true, SeqCst);
    }

    pub(super) fn succeeded(&self) {
        // The common case writes nothing.
        if self.failures.load(SeqCst) > 0 {
            self.failures.store(0, SeqCst);
        }
        if self.is_open() && self.open.swap(false, SeqCst) {
            tracing::info!("the HSM is back");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opens_after_failures_in_a_row_and_closes_after_a_success() {
        let breaker = Breaker::default();
        for _ in 0..FAILURES_MAX - 1 {
            breaker.failed();
        }
        breaker.succeeded();
        for _ in 0..FAILURES_MAX {
            assert!(!breaker.is_open());
            breaker.failed();
        }
        assert!(breaker.is_open());
        breaker.succeeded();
        assert!(!breaker.is_open());
    }
}
