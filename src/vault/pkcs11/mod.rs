//! PKCS#11: an HSM behind worker threads. Each worker owns a session; callers put work into a bounded queue and wait no
//! longer than their deadline, whatever the module does. A worker that fails climbs the ladder in `token`: find the key
//! again, a new session, a login, the module started anew. A breaker refuses callers while the token is gone, and a
//! pulse looks for it every second, so that service resumes by itself.

mod breaker;
mod calls;
mod canary;
mod entropy;
mod error;
mod keyid;
mod making;
mod mechanism;
mod resident;
mod root;
mod settings;
mod token;
mod wrap;

#[cfg(test)]
pub(crate) mod softhsm;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed, Ordering::SeqCst};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, TrySendError, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle, sleep};
use std::time::{Duration, Instant};

pub use self::calls::{Call, Calls};
pub use self::canary::{CHECK_BYTES, Canary, CanaryKind};
pub use self::entropy::HsmEntropy;
pub use self::error::HsmError;
pub use self::keyid::{INSTANCE_BYTES, Instance, KeyId, Part};
pub use self::resident::Resident;
pub use self::root::{Pkcs11Root, RootFile};
pub use self::settings::{Omit, Profile, Settings, TokenChoice};
pub use self::wrap::WrapMethod;

use self::breaker::Breaker;
use self::error::Fault;
use self::token::{Desk, Token};
use crate::base::Pin;

/// How often the pulse looks for a token that is gone.
const PULSE: Duration = Duration::from_secs(1);
/// How long the end waits for workers that are in the module.
const JOIN_MAX: Duration = Duration::from_secs(2);

/// An open token.
pub struct Hsm {
    token: Arc<Token>,
    breaker: Arc<Breaker>,
    queue: Option<SyncSender<Job>>,
    waiting: Arc<AtomicUsize>,
    stop: Option<Sender<()>>,
    threads: Vec<JoinHandle<()>>,
}

/// What a worker does at its desk. It may run several times; see `Token::climb`.
type Work = Box<dyn FnMut(&Desk<'_>) -> Result<(), Fault> + Send>;

/// Work for a worker.
struct Job {
    work: Work,
    fail: Box<dyn FnOnce(HsmError) + Send>,
    /// The caller does not wait any more.
    given_up: Arc<AtomicBool>,
}

impl fmt::Debug for Hsm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hsm({})", self.token.settings.module.display())
    }
}

impl Hsm {
    /// Loads the module, logs in and starts the workers. A token that is not there is looked for later; without
    /// `canary` its keys cannot be told from those of another.
    ///
    /// # Errors
    /// `Configuration` if the module cannot be loaded or the token is ambiguous; `Pin` if the token refuses the PIN.
    pub fn open(settings: Settings, pin: &Pin, canary: Option<Canary>) -> Result<Self, HsmError> {
        let workers = settings.workers;
        let (queue, jobs) = sync_channel(settings.queue_max);
        let token = Arc::new(Token::open(settings, pin, canary)?);
        let (stop, stopped) = channel();
        let mut hsm = Self {
            token: Arc::clone(&token),
            breaker: Arc::default(),
            queue: Some(queue),
            waiting: Arc::default(),
            stop: Some(stop),
            threads: Vec::new(),
        };
        let jobs = Arc::new(Mutex::new(jobs));
        for worker in 0..workers {
            let (token, jobs, waiting) = (Arc::clone(&token), Arc::clone(&jobs), Arc::clone(&hsm.waiting));
            hsm.start(format!("hsm-{worker}"), move || work(&token, worker, &jobs, &waiting))?;
        }
        let breaker = Arc::clone(&hsm.breaker);
        hsm.start("hsm-pulse".into(), move || pulse(&token, workers, &breaker, &stopped))?;
        Ok(hsm)
    }

    fn start(&mut self, name: String, run: impl FnOnce() + Send + 'static) -> Result<(), HsmError> {
        let thread = Builder::new().name(name).spawn(run);
        let thread = thread.map_err(|error| HsmError::Configuration(format!("cannot start a thread: {error}")))?;
        self.threads.push(thread);
        Ok(())
    }

    /// Makes the canary of a new instance, and trusts it from now on.
    pub fn make_canary(&self, instance: Instance) -> Result<Canary, HsmError> {
        let aes = self.long("making the canary key", move |desk| Canary::make(desk, instance, CanaryKind::Aes));
        let canary = match aes {
            Err(HsmError::Refused(_) | HsmError::Lacks(_)) => {
                self.long("making the canary key", move |desk| Canary::make(desk, instance, CanaryKind::Rsa))?
            }
            other => other?,
        };
        let _ = self.token.canary.set(canary.clone());
        Ok(canary)
    }

    /// The calls that were made.
    pub fn calls(&self) -> &Calls {
        &self.token.calls
    }

    /// How often the module was started.
    pub fn generation(&self) -> u64 {
        self.token.generation()
    }

    /// Whether requests that need the token are served now; an error says why not.
    pub fn ready(&self) -> Result<(), HsmError> {
        if self.token.is_pin_refused() {
            return Err(HsmError::Pin);
        }
        if self.breaker.is_open() {
            return Err(HsmError::Unavailable("it is looked for every second".into()));
        }
        Ok(())
    }

    /// Calls that wait for a worker.
    pub fn waiting(&self) -> usize {
        self.waiting.load(Relaxed)
    }

    /// The instance whose keys these are, once there is a canary.
    pub fn instance(&self) -> Option<Instance> {
        self.token.canary.get().map(|canary| canary.instance)
    }

    /// A call with the usual deadline. `work` may run several times, and may end after the caller gave up.
    fn call<T: Send + 'static>(
        &self,
        what: &'static str,
        work: impl FnMut(&Desk<'_>) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, HsmError> {
        self.call_within(self.token.settings.deadline, what, work)
    }

    /// A call that makes keys, or many calls.
    fn long<T: Send + 'static>(
        &self,
        what: &'static str,
        work: impl FnMut(&Desk<'_>) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, HsmError> {
        self.call_within(self.token.settings.deadline_generate, what, work)
    }

    fn call_within<T: Send + 'static>(
        &self,
        deadline: Duration,
        what: &'static str,
        mut work: impl FnMut(&Desk<'_>) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, HsmError> {
        let calls = &self.token.calls;
        if let Err(error) = self.ready() {
            calls.refused.fetch_add(1, Relaxed);
            return Err(error);
        }
        let (answer, answered) = sync_channel(1);
        let failed = answer.clone();
        let given_up = Arc::new(AtomicBool::new(false));
        let job = Job {
            work: Box::new(move |desk| {
                let value = work(desk)?;
                // The caller may be gone.
                let _ = answer.try_send(Ok(value));
                Ok(())
            }),
            fail: Box::new(move |error| drop(failed.try_send(Err(error)))),
            given_up: Arc::clone(&given_up),
        };
        let queue = self.queue.as_ref().ok_or(HsmError::Busy)?;
        self.waiting.fetch_add(1, Relaxed);
        if let Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) = queue.try_send(job) {
            self.waiting.fetch_sub(1, Relaxed);
            calls.refused.fetch_add(1, Relaxed);
            return Err(HsmError::Busy);
        }
        let outcome = match answered.recv_timeout(deadline) {
            Ok(outcome) => outcome,
            Err(RecvTimeoutError::Timeout) => {
                given_up.store(true, SeqCst);
                calls.late.fetch_add(1, Relaxed);
                Err(HsmError::Deadline(what))
            }
            Err(RecvTimeoutError::Disconnected) => Err(HsmError::Unavailable("its worker ended".into())),
        };
        match &outcome {
            Err(error) if error.is_retryable() => {
                calls.failed.fetch_add(1, Relaxed);
                tracing::warn!(what, %error, "an HSM call failed");
                self.breaker.failed();
            }
            // A refusal is an answer too.
            _ => self.breaker.succeeded(),
        }
        outcome
    }
}

impl Drop for Hsm {
    fn drop(&mut self) {
        drop(self.queue.take());
        drop(self.stop.take());
        let started = Instant::now();
        while started.elapsed() < JOIN_MAX && self.threads.iter().any(|thread| !thread.is_finished()) {
            sleep(Duration::from_millis(2));
        }
    }
}

/// A worker: one job after the other, until the queue closes.
fn work(token: &Token, worker: usize, jobs: &Mutex<Receiver<Job>>, waiting: &AtomicUsize) {
    loop {
        let next = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(mut job) = next else { return };
        waiting.fetch_sub(1, Relaxed);
        if job.given_up.load(SeqCst) {
            continue;
        }
        if let Err(error) = token.climb(worker, &mut *job.work) {
            (job.fail)(error);
        }
    }
}

/// Looks for a token that is gone until it is back; a token that is well is left in peace.
fn pulse(token: &Token, session: usize, breaker: &Breaker, stopped: &Receiver<()>) {
    if token.canary.get().is_some() && token.climb(session, &mut is_well(token)).is_err() {
        breaker.open();
    }
    while let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(PULSE) {
        if breaker.is_open() && !token.is_pin_refused() && token.climb(session, &mut is_well(token)).is_ok() {
            breaker.succeeded();
        }
    }
}

fn is_well(token: &Token) -> impl FnMut(&Desk<'_>) -> Result<(), Fault> {
    move |desk| match token.canary.get() {
        Some(canary) => canary.check(desk),
        None => Ok(()),
    }
}
