//! A store that fails on command: for tests of what stands above it. Which call fails is fixed by the plan, so a
//! failing run can be repeated.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use super::{Commit, CommitError, Follower, Journal, Range, Read, Sequence, Store, StoreError, Wake, lock};

/// Which calls fail. Calls of each kind are counted from 1. The default plan lets everything pass.
#[derive(Clone, Debug, Default)]
pub struct FaultPlan {
    gets: Vec<u64>,
    scans: Vec<u64>,
    commits: BTreeMap<u64, CommitFault>,
    delay: Option<(u64, Duration)>,
    seed: Option<(u64, u32)>,
}

#[derive(Clone, Copy, Debug)]
enum CommitFault {
    Fail,
    Busy,
    Conflict,
}

impl FaultPlan {
    /// Lets everything pass.
    pub fn new() -> Self {
        Self::default()
    }

    /// The `n`th `get` fails.
    pub fn fail_get(mut self, n: u64) -> Self {
        self.gets.push(n);
        self
    }

    /// The `n`th `scan` fails.
    pub fn fail_scan(mut self, n: u64) -> Self {
        self.scans.push(n);
        self
    }

    /// The `n`th `commit` fails, and the store refuses every later one.
    pub fn fail_commit(mut self, n: u64) -> Self {
        self.commits.insert(n, CommitFault::Fail);
        self
    }

    /// The `n`th `commit` is answered Busy.
    pub fn busy(mut self, n: u64) -> Self {
        self.commits.insert(n, CommitFault::Busy);
        self
    }

    /// The `n`th `commit` is answered Conflict.
    pub fn conflict(mut self, n: u64) -> Self {
        self.commits.insert(n, CommitFault::Conflict);
        self
    }

    /// Every `n`th call, of all kinds together, takes this much longer.
    pub fn delay_every(mut self, n: u64, by: Duration) -> Self {
        self.delay = Some((n.max(1), by));
        self
    }

    /// Besides, about one in `one_in` reads fails and about one in `one_in` commits is answered Busy or Conflict. The
    /// seed and the number of the call decide.
    pub fn seeded(mut self, seed: u64, one_in: u32) -> Self {
        self.seed = Some((seed, one_in.max(1)));
        self
    }

    /// A number that depends on the seed and the call, where the seed says that this call fails.
    fn chance(&self, kind: u64, n: u64) -> Option<u64> {
        let (seed, one_in) = self.seed?;
        // The mixing function of SplitMix64.
        let mut x = seed ^ (kind << 56) ^ n.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        x ^= x >> 31;
        x.is_multiple_of(u64::from(one_in)).then_some(x >> 32)
    }
}

/// A store with a plan of faults before it.
pub struct Faults<S> {
    inner: S,
    plan: Mutex<FaultPlan>,
    gets: AtomicU64,
    scans: AtomicU64,
    commits: AtomicU64,
    calls: AtomicU64,
}

impl<S: Store> Faults<S> {
    /// Puts a plan before a store.
    pub fn new(inner: S, plan: FaultPlan) -> Self {
        let zero = || AtomicU64::new(0);
        Self { inner, plan: Mutex::new(plan), gets: zero(), scans: zero(), commits: zero(), calls: zero() }
    }

    /// The store itself.
    pub fn inner(&self) -> &S {
        &self.inner
    }

    /// Another plan from now on; calls are counted from 1 again.
    pub fn set_plan(&self, plan: FaultPlan) {
        *lock(&self.plan) = plan;
        for count in [&self.gets, &self.scans, &self.commits, &self.calls] {
            count.store(0, Ordering::SeqCst);
        }
    }

    /// Counts a call and gives what the plan says of it.
    fn next<T>(&self, counter: &AtomicU64, fault: impl FnOnce(&FaultPlan, u64) -> Option<T>) -> Option<T> {
        let n = counter.fetch_add(1, Ordering::SeqCst) + 1;
        let call = self.calls.fetch_add(1, Ordering::SeqCst) + 1;
        let plan = lock(&self.plan);
        let delay = plan.delay.filter(|(every, _)| call.is_multiple_of(*every));
        let fault = fault(&plan, n);
        drop(plan);
        if let Some((_, by)) = delay {
            thread::sleep(by);
        }
        fault
    }
}

const PLANNED: &str = "a planned fault";

impl<S: Store> Store for Faults<S> {
    fn get(&self, key: &[u8]) -> Result<Read, StoreError> {
        match self.next(&self.gets, |plan, n| (plan.gets.contains(&n) || plan.chance(1, n).is_some()).then_some(())) {
            Some(()) => Err(StoreError::plain(PLANNED)),
            None => self.inner.get(key),
        }
    }

    fn scan(&self, range: Range<'_>, limit: usize, backwards: bool) -> Result<Vec<(Vec<u8>, Read)>, StoreError> {
        match self.next(&self.scans, |plan, n| (plan.scans.contains(&n) || plan.chance(2, n).is_some()).then_some(())) {
            Some(()) => Err(StoreError::plain(PLANNED)),
            None => self.inner.scan(range, limit, backwards),
        }
    }

    fn stamp(&self, key: &[u8]) -> Option<u64> {
        self.inner.stamp(key)
    }

    fn latest(&self) -> Sequence {
        self.inner.latest()
    }

    fn commit(&self, commit: Commit) -> Result<Sequence, CommitError> {
        let fault = self.next(&self.commits, |plan, n| {
            let broken = plan.commits.iter().any(|(at, fault)| *at < n && matches!(fault, CommitFault::Fail));
            let planned = if broken { Some(CommitFault::Fail) } else { plan.commits.get(&n).copied() };
            let by_chance = |x: u64| if x.is_multiple_of(2) { CommitFault::Busy } else { CommitFault::Conflict };
            planned.or_else(|| plan.chance(3, n).map(by_chance))
        });
        match fault {
            Some(CommitFault::Fail) => Err(CommitError::Store(StoreError::plain(PLANNED))),
            Some(CommitFault::Busy) => Err(CommitError::Busy),
            Some(CommitFault::Conflict) => Err(CommitError::Conflict),
            None => self.inner.commit(commit),
        }
    }

    fn durable(&self) -> Sequence {
        self.inner.durable()
    }

    fn when_durable(&self, sequence: Sequence, wake: Wake) {
        self.inner.when_durable(sequence, wake);
    }

    fn set_journal(&self, journal: Box<dyn Journal>) {
        self.inner.set_journal(journal);
    }

    fn follow(&self, bytes_max: usize) -> Result<Follower, StoreError> {
        self.inner.follow(bytes_max)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Memory, suite};
    use super::*;

    suite::store_tests!(|| Faults::new(Memory::new(), FaultPlan::new()));

    #[test]
    fn the_plan_says_which_call_fails() {
        let plan = FaultPlan::new().fail_get(2).fail_scan(1).busy(1).conflict(2).fail_commit(4);
        let store = Faults::new(Memory::new(), plan.delay_every(3, Duration::from_millis(1)));
        assert!(store.get(b"a").is_ok());
        assert!(store.get(b"a").is_err());
        assert!(store.get(b"a").is_ok());
        let range = Range { start: b"a", end: b"b" };
        assert!(store.scan(range, 1, false).is_err());
        assert!(store.scan(range, 1, false).is_ok());
        assert!(matches!(store.commit(Commit::default()), Err(CommitError::Busy)));
        assert!(matches!(store.commit(Commit::default()), Err(CommitError::Conflict)));
        assert!(store.commit(Commit::default()).is_ok());
        for _ in 0..2 {
            assert!(matches!(store.commit(Commit::default()), Err(CommitError::Store(_))));
        }
        store.set_plan(FaultPlan::new());
        assert!(store.commit(Commit::default()).is_ok());
    }

    #[test]
    fn a_seed_gives_the_same_faults_again() {
        let run = |seed| {
            let store = Faults::new(Memory::new(), FaultPlan::new().seeded(seed, 8));
            (0..400).map(|_| store.get(b"a").is_err()).collect::<Vec<_>>()
        };
        assert_eq!(run(7), run(7));
        assert_ne!(run(7), run(8));
        assert!((20..90).contains(&run(7).iter().filter(|failed| **failed).count()));
    }
}
