//! Asynchronous requests are run here, by one thread that waits for them, or by the request that says Process. A job
//! is run like any batch: same handlers, same policy, same commit with its audit entries.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, PoisonError, Weak};

use super::identity::Peer;
use super::{Attempt, Core, batch};
use crate::base::{Buffer, Error, Result};
use crate::ops::Cx;
use crate::ops::asynchronous::{JOBS, Job};
use crate::proto::message::Request;
use crate::registry::ResultReason;
use crate::store::Sequence;
use crate::ttlv::{Item, Writer, check};

/// Jobs that are read again at start. Those beyond it are run at a later start.
const UNFINISHED_MAX: usize = 10_000;

/// Jobs that wait to be run, by the names of their notes.
#[derive(Debug, Default)]
pub struct Jobs {
    waiting: Mutex<(VecDeque<Vec<u8>>, bool)>,
    wake: Condvar,
}

impl Jobs {
    pub(super) fn push(&self, places: Vec<Vec<u8>>) {
        if places.is_empty() {
            return;
        }
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).0.extend(places);
        self.wake.notify_one();
    }

    /// No job will come any more.
    pub(super) fn close(&self) {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).1 = true;
        self.wake.notify_all();
    }

    /// Takes the next job, if one waits.
    fn pop(&self) -> Option<Vec<u8>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).0.pop_front()
    }

    /// Waits for a job. False: none will come.
    fn wait(&self) -> bool {
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = self.wake.wait_while(waiting, |(queue, closed)| queue.is_empty() && !*closed);
        !waiting.unwrap_or_else(PoisonError::into_inner).1
    }
}

/// Runs asynchronous requests on a thread of its own until the core is gone.
///
/// # Errors
/// The thread cannot be started.
pub fn start(core: &Arc<Core>) -> std::io::Result<()> {
    let (core, jobs): (Weak<Core>, _) = (Arc::downgrade(core), Arc::clone(&core.jobs));
    let run = move || {
        while jobs.wait() {
            let Some(core) = core.upgrade() else { return };
            core.run_next_job();
        }
    };
    std::thread::Builder::new().name("asynchronous".into()).spawn(run).map(drop)
}

impl Core {
    /// Queues the jobs that an earlier run of the server left.
    pub(super) fn find_unfinished(&self) -> Result<()> {
        let notes = self.services.keep.memos(JOBS, UNFINISHED_MAX)?;
        self.jobs.push(notes.into_iter().map(|(name, _)| name).collect());
        Ok(())
    }

    /// Runs the next asynchronous request, if one waits; says whether one did.
    pub fn run_next_job(&self) -> bool {
        let Some(place) = self.jobs.pop() else { return false };
        let failed = match catch_unwind(AssertUnwindSafe(|| self.run_job(&place, None))) {
            Ok(Ok(_)) => return true,
            Ok(Err(error)) => error,
            Err(_) => Error::internal("running an asynchronous request", "it panicked; this is a defect"),
        };
        tracing::error!(error = %failed, "an asynchronous request failed");
        let words = "the server could not complete the operation; its log has the cause";
        let failed = Error::new(ResultReason::GeneralFailure, words);
        if let Err(error) = self.run_job(&place, Some(&failed)) {
            tracing::error!(%error, "the failure of an asynchronous request cannot be stored; it is run again at the next start");
        }
        true
    }

    /// Runs a job and commits its effects, its results and its end together. With `failed`, nothing is run and that is
    /// the result. A job that is no longer there was run already.
    pub(super) fn run_job(&self, place: &[u8], failed: Option<&Error>) -> Result<Sequence> {
        for _ in 0..self.services.limits.conflict_retries_max {
            match self.try_job(place, failed) {
                Err(error) if error.is_conflict() => {}
                outcome => return outcome,
            }
        }
        Err(Error::conflict())
    }

    fn try_job(&self, place: &[u8], failed: Option<&Error>) -> Result<Sequence> {
        let mut seen = Sequence::default();
        let Some(note) = self.services.keep.memo(place, &mut seen)? else { return Ok(seen) };
        let job = Job::read(&note.value)?;
        let mut caller = self.identity.caller(&job.owner);
        let now = (self.clock.now(), self.clock.now_micros());
        self.find_groups(&mut caller, now.0)?;
        let mut cx = Cx::new(&self.services, &caller, job.version, now, true);
        cx.memo_was(place, note.found);
        let cancelled = job.cancelled(&mut cx)?;
        let limits = &self.services.limits;
        let mut items: Vec<Item<'_>> = Vec::with_capacity(job.items.len());
        for ((_, item), cancelled) in job.items.iter().zip(&cancelled) {
            if !cancelled {
                items.push(check(item, limits)?);
            }
        }
        let request = Request::of_items(job.version, job.continuation, items);
        let mut out = Writer::new(Buffer::default());
        let done = match failed {
            None => {
                let done = batch::run(&request, &mut cx, &mut out);
                done.inspect_err(|_| self.erase_made(&cx.made()))?
            }
            Some(error) => batch::fail(&request, error, &cx, &mut out),
        };
        job.settle(&mut cx, place, &cancelled, out.written())?;
        debug_assert!(cx.submitted.is_empty() && cx.process.is_empty(), "a job makes and runs no jobs");
        let (transaction, streams) = cx.into_transaction();
        let peer = Peer::new("asynchronous".into(), caller.clone());
        let attempt = Attempt {
            transaction,
            streams,
            done,
            caller: &caller,
            client_correlation: String::new(),
            version: job.version,
            submitted: Vec::new(),
            process: Vec::new(),
            turns: false,
        };
        let correlation = self.next_correlation();
        self.commit(attempt, &peer, now, &correlation)
    }
}
