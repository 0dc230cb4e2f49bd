//! Who waits for a commit to be durable. Shared by the drivers.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use super::{Sequence, StoreError, Wake, lock};

/// The durable number and those who wait for it to rise. Wakes are called outside the lock.
pub(super) struct Waiters {
    durable: AtomicU64,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    waiting: BTreeMap<Sequence, Vec<Wake>>,
    failed: Option<Arc<str>>,
}

impl Waiters {
    pub fn new(durable: Sequence) -> Self {
        Self { durable: AtomicU64::new(durable.0), inner: Mutex::default() }
    }

    pub fn durable(&self) -> Sequence {
        Sequence(self.durable.load(Ordering::Acquire))
    }

    /// Calls `wake` now if the outcome is known, else when it is.
    pub fn wait(&self, sequence: Sequence, wake: Wake) {
        if sequence <= self.durable() {
            return call(wake, Ok(()));
        }
        let mut inner = lock(&self.inner);
        // Again under the lock: `advance` may have passed between.
        if sequence <= self.durable() {
            drop(inner);
            return call(wake, Ok(()));
        }
        if let Some(why) = inner.failed.clone() {
            drop(inner);
            return call(wake, Err(failure(&why)));
        }
        inner.waiting.entry(sequence).or_default().push(wake);
    }

    /// Every commit up to `to` is durable.
    pub fn advance(&self, to: Sequence) {
        let ready = {
            let mut inner = lock(&self.inner);
            self.durable.store(to.0, Ordering::Release);
            let later = inner.waiting.split_off(&Sequence(to.0.saturating_add(1)));
            std::mem::replace(&mut inner.waiting, later)
        };
        for wake in ready.into_values().flatten() {
            call(wake, Ok(()));
        }
    }

    /// Nothing more will be durable.
    pub fn fail(&self, why: Arc<str>) {
        let waiting = {
            let mut inner = lock(&self.inner);
            inner.failed = Some(why.clone());
            std::mem::take(&mut inner.waiting)
        };
        for wake in waiting.into_values().flatten() {
            call(wake, Err(failure(&why)));
        }
    }

    /// What was not durable is gone, and the store goes on from `durable`.
    pub fn lose(&self) {
        let waiting = std::mem::take(&mut lock(&self.inner).waiting);
        for wake in waiting.into_values().flatten() {
            call(wake, Err(StoreError::plain("the store crashed before the commit was durable")));
        }
    }
}

/// The error of everyone who comes after a failure.
pub(super) fn failure(why: &Arc<str>) -> StoreError {
    StoreError::new("the store stopped writing and must be opened anew", why.to_string())
}

/// A wake that panics must not take the others with it.
fn call(wake: Wake, outcome: Result<(), StoreError>) {
    if catch_unwind(AssertUnwindSafe(|| wake(outcome))).is_err() {
        tracing::error!("what waited for a commit panicked");
    }
}
