//! What all connections share: the service, the limits, the counters, the blocking pool and the wish to stop.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::futures::OwnedNotified;
use tokio::sync::{Notify, Semaphore, oneshot};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::metrics::{Answer, Metrics, Shard};
use super::service::{Outcome, Service};
use super::{Codec, Options};
use crate::base::Buffer;

/// Shared by every connection of a server.
pub(super) struct Hub<S> {
    pub(super) service: Arc<S>,
    pub(super) codec: Option<Arc<dyn Codec>>,
    pub(super) options: Options,
    pub(super) metrics: Arc<Metrics>,
    pub(super) stop: Stop,
    /// Threads that may block. Waiting for one is bounded by time, and each connection waits for at most one.
    blocking: Arc<Semaphore>,
}

/// A service's reply, or why there is none.
#[derive(Debug)]
pub(super) enum Answered {
    /// The reply is in the buffer and may leave when this sequence number is durable.
    Reply(u64),
    /// The request must run where it may block.
    WouldBlock,
    /// No reply; the line for the log.
    Close(String),
}

impl<S: Service> Hub<S> {
    pub(super) fn new(options: Options, service: Arc<S>, codec: Option<Arc<dyn Codec>>) -> Self {
        let blocking = Arc::new(Semaphore::new(options.blocking_max.max(1)));
        Self { service, codec, options, metrics: Arc::default(), stop: Stop::default(), blocking }
    }

    /// Runs a request here and now, and says when it was done. A panic ends the connection, not the server. The
    /// clock is read once a request: the end of one is the start of the next.
    pub(super) fn run(
        &self,
        request: &[u8],
        peer: &S::Peer,
        may_block: bool,
        reply: &mut Buffer,
        shard: &Shard,
        start: Instant,
    ) -> (Answered, Instant) {
        let outcome = catch_unwind(AssertUnwindSafe(|| self.service.handle(request, peer, may_block, reply)));
        let (answer, answered) = match outcome {
            Ok(Outcome::Reply { durable }) => {
                (if may_block { Answer::Blocked } else { Answer::Reply }, Answered::Reply(durable))
            }
            // Counted when it has run.
            Ok(Outcome::WouldBlock) if !may_block => return (Answered::WouldBlock, start),
            Ok(Outcome::WouldBlock) => (Answer::Closed, Answered::Close("the service would block where it may".into())),
            Ok(Outcome::Close(why)) => (Answer::Closed, Answered::Close(why)),
            Err(_) => (Answer::Panic, Answered::Close("the service panicked; this is a defect".into())),
        };
        let end = Instant::now();
        shard.answered(answer, end - start);
        (answered, end)
    }

    /// Runs a request on the blocking pool, or refuses it as busy when no thread becomes free in time. It takes
    /// its own copy of the request and gives the reply's buffer back.
    pub(super) async fn run_blocking(
        self: Arc<Self>,
        request: Buffer,
        peer: Arc<S::Peer>,
        mut reply: Buffer,
        connection: u64,
    ) -> (Answered, Buffer) {
        let permit = timeout(self.options.blocking_wait, Arc::clone(&self.blocking).acquire_owned()).await;
        let Ok(Ok(permit)) = permit else {
            let outcome = catch_unwind(AssertUnwindSafe(|| self.service.busy(&request, &peer, &mut reply)));
            self.metrics.shard(connection).answered(Answer::Busy, self.options.blocking_wait);
            let answered = match outcome {
                Ok(Outcome::Reply { durable }) => Answered::Reply(durable),
                Ok(Outcome::Close(why)) => Answered::Close(why),
                Ok(Outcome::WouldBlock) | Err(_) => Answered::Close("no thread is free for a request".into()),
            };
            return (answered, reply);
        };
        let finished = spawn_blocking(move || {
            let shard = self.metrics.shard(connection);
            let (answered, _) = self.run(&request, &peer, true, &mut reply, shard, Instant::now());
            drop(permit);
            (answered, reply)
        });
        finished.await.unwrap_or_else(|_| (Answered::Close("the server stops".into()), Buffer::default()))
    }

    /// Answers one request from its start to a durable reply. For HTTPS; the binary protocol has its own loop.
    pub(super) async fn answer(
        self: &Arc<Self>,
        request: &[u8],
        peer: &Arc<S::Peer>,
        connection: u64,
    ) -> Result<Buffer, String> {
        let mut reply = Buffer::default();
        let shard = self.metrics.shard(connection);
        let (mut answered, _) = self.run(request, peer, false, &mut reply, shard, Instant::now());
        if matches!(answered, Answered::WouldBlock) {
            reply.clear();
            let mut copy = Buffer::with_capacity(request.len());
            copy.extend(request);
            (answered, reply) = Arc::clone(self).run_blocking(copy, Arc::clone(peer), reply, connection).await;
        }
        match answered {
            Answered::Reply(durable) => {
                if durable > self.service.durable() && !self.wait_durable(durable).await {
                    return Err("the store could not make the change durable".into());
                }
                Ok(reply)
            }
            Answered::WouldBlock => Err("the service would block where it may".into()),
            Answered::Close(why) => Err(why),
        }
    }

    pub(super) async fn wait_durable(&self, sequence: u64) -> bool {
        let (sender, receiver) = oneshot::channel();
        let wake = move |durable| {
            // Nobody waits any more: the client is gone.
            let _ = sender.send(durable);
        };
        self.service.when_durable(sequence, Box::new(wake));
        receiver.await.unwrap_or(false)
    }
}

/// The wish to stop, in two steps: finish what runs, then go.
#[derive(Debug, Default)]
pub(super) struct Stop {
    draining: AtomicBool,
    gone: AtomicBool,
    notify: Arc<Notify>,
}

impl Stop {
    /// Nothing new is begun.
    pub(super) fn drain(&self) {
        self.draining.store(true, Ordering::SeqCst);
        self.notify.notify_waiters();
    }

    /// Nothing is waited for.
    pub(super) fn go(&self) {
        self.gone.store(true, Ordering::SeqCst);
        self.notify.notify_waiters();
    }

    pub(super) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    pub(super) fn is_gone(&self) -> bool {
        self.gone.load(Ordering::Relaxed)
    }

    /// Completes at the next step. Made before the flags are looked at, it misses none.
    pub(super) fn next(&self) -> OwnedNotified {
        Arc::clone(&self.notify).notified_owned()
    }

    /// Completes when nothing new is to be begun.
    pub(super) async fn draining(&self) {
        loop {
            let next = self.next();
            if self.is_draining() {
                return;
            }
            next.await;
        }
    }

    /// Completes when nothing is waited for.
    pub(super) async fn gone(&self) {
        loop {
            let next = self.next();
            if self.is_gone() {
                return;
            }
            next.await;
        }
    }
}

/// Seconds as a duration.
pub(super) const fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}
