//! Messages of the server for clients that took the server role (2.1 §6.1.54, §6.2): Notify for each change of an
//! object of theirs, and Put for each new object where the operator wants it.
//!
//! There is one queue for each caller, from its first Set Endpoint Role on. A message stays in it until the client has
//! answered, so a client that comes back gets what it missed. The queue is bounded in number and in time: a client
//! that is away for too long, or takes too little, loses it with all that is in it, and its connection is closed, so it
//! knows that it must look for itself. The queue is not stored: after a restart clients take the role anew.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::base::{Buffer, Date, KeyBytes, Limits};
use crate::registry::{ResultStatus, Tag, Version};
use crate::store::Sequence;
use crate::ttlv::check;

/// Messages in one queue.
const MESSAGES_MAX: usize = 256;
/// Bytes in one queue.
const BYTES_MAX: usize = 4 * 1024 * 1024;
/// Queues.
const QUEUES_MAX: usize = 1024;
/// How long a queue is kept for a client that is gone, seconds.
const AWAY_SECONDS: i64 = 600;
/// How often a message is sent that the client answers with a failure.
const TRIES_MAX: u8 = 3;

/// Called when there is something to send, or nothing more to wait for. Must be short.
pub type Wake = Box<dyn Fn() + Send + Sync>;

/// What a connection does next.
#[derive(Debug)]
pub enum Next {
    /// This message may leave when the number is durable.
    Send(Sequence, KeyBytes),
    /// Wait.
    Nothing,
    /// Close; the line for the log.
    Close(&'static str),
}

struct Message {
    sequence: Sequence,
    bytes: KeyBytes,
    tries: u8,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Message>,
    bytes: usize,
    /// Counts the connections that had this queue; the last one has it.
    seat: u64,
    wake: Option<Wake>,
    /// Since when no connection has it.
    away: Option<Date>,
    /// Too much was in it: it is of no use any more.
    lost: bool,
}

/// The queue of one caller.
pub struct Outbox {
    state: Mutex<State>,
    /// The version of the messages.
    pub version: Version,
}

impl std::fmt::Debug for Outbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Outbox({})", self.version)
    }
}

impl Outbox {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A connection takes the queue over, from another one if need be. The number is its seat.
    pub fn attach(&self, wake: Wake) -> u64 {
        let mut state = self.state();
        state.seat += 1;
        state.away = None;
        if let Some(before) = state.wake.replace(wake) {
            before();
        }
        state.seat
    }

    /// The connection is gone.
    pub fn detach(&self, seat: u64, now: Date) {
        let mut state = self.state();
        if state.seat == seat {
            state.wake = None;
            state.away = Some(now);
        }
    }

    /// What the connection on this seat is to do.
    pub fn next(&self, seat: u64) -> Next {
        let state = self.state();
        if state.seat != seat {
            return Next::Close("another connection of the same caller took the server role");
        }
        if state.lost {
            return Next::Close("the client takes too little: its messages are dropped");
        }
        match state.queue.front() {
            Some(first) => Next::Send(first.sequence, KeyBytes::copy_from(first.bytes.expose())),
            None => Next::Nothing,
        }
    }

    /// The client answered the first message. True: it is done with. False: it is to be sent again, later.
    ///
    /// # Errors
    /// The bytes are no answer; the line for the log.
    pub fn answered(&self, seat: u64, response: &[u8], limits: &Limits) -> Result<bool, String> {
        let message = check(response, limits).map_err(|error| format!("not a response that can be read: {error}"))?;
        let status = message.child(Tag::BatchItem).and_then(|item| item.child(Tag::ResultStatus));
        let status = status.and_then(|status| status.enumeration()).ok_or("the response holds no Result Status")?;
        let mut state = self.state();
        if state.seat != seat {
            return Ok(true);
        }
        let done = status == ResultStatus::Success.0;
        let given_up = state.queue.front_mut().is_none_or(|first| {
            first.tries += 1;
            first.tries >= TRIES_MAX
        });
        if done || given_up {
            if let Some(first) = state.queue.pop_front() {
                state.bytes -= first.bytes.len();
            }
            if !done {
                tracing::warn!(status, tries = TRIES_MAX, "a client refused a message of the server; it is dropped");
            }
        }
        Ok(done || given_up)
    }

    /// Adds a message. False: the queue is full, and lost.
    fn push(&self, sequence: Sequence, bytes: KeyBytes) -> bool {
        let mut state = self.state();
        if state.queue.len() >= MESSAGES_MAX || state.bytes + bytes.len() > BYTES_MAX {
            state.lost = true;
            state.queue.clear();
            state.bytes = 0;
        } else {
            state.bytes += bytes.len();
            state.queue.push_back(Message { sequence, bytes, tries: 0 });
        }
        if let Some(wake) = &state.wake {
            wake();
        }
        !state.lost
    }

    fn is_abandoned(&self, now: Date) -> bool {
        let state = self.state();
        state.lost || state.away.is_some_and(|since| now >= since.plus(AWAY_SECONDS))
    }
}

/// The queues of all callers.
#[derive(Debug, Default)]
pub struct Outboxes {
    by_owner: Mutex<HashMap<Box<str>, Arc<Outbox>>>,
    count: AtomicUsize,
}

impl Outboxes {
    fn map(&self) -> MutexGuard<'_, HashMap<Box<str>, Arc<Outbox>>> {
        self.by_owner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The queue of a caller, made if it has none in this version. None: there are too many.
    pub fn open(&self, owner: &str, version: Version, now: Date) -> Option<Arc<Outbox>> {
        let mut map = self.map();
        map.retain(|_, outbox| !outbox.is_abandoned(now));
        let outbox = match map.get(owner).filter(|outbox| outbox.version == version) {
            Some(outbox) => Some(Arc::clone(outbox)),
            None if map.len() >= QUEUES_MAX => None,
            None => {
                let outbox = Arc::new(Outbox { state: Mutex::default(), version });
                if let Some(before) = map.insert(owner.into(), Arc::clone(&outbox)) {
                    // Messages in another version are not for this client.
                    before.attach(Box::new(|| {}));
                }
                Some(outbox)
            }
        };
        self.count.store(map.len(), Ordering::Relaxed);
        outbox
    }

    /// Whether the caller has a queue, or may have one.
    pub fn has_room(&self, owner: &str) -> bool {
        let map = self.map();
        map.len() < QUEUES_MAX || map.contains_key(owner)
    }

    /// The queue of a caller, if it has one.
    pub fn of(&self, owner: &str, now: Date) -> Option<Arc<Outbox>> {
        if self.count.load(Ordering::Relaxed) == 0 {
            return None;
        }
        let mut map = self.map();
        let outbox = Arc::clone(map.get(owner)?);
        if outbox.is_abandoned(now) {
            map.remove(owner);
            self.count.store(map.len(), Ordering::Relaxed);
            return None;
        }
        Some(outbox)
    }
}

/// A message for a queue, until its change is committed.
#[derive(Debug)]
pub struct News {
    outbox: Arc<Outbox>,
    bytes: KeyBytes,
}

impl News {
    /// A message.
    pub fn new(outbox: Arc<Outbox>, bytes: Buffer) -> Self {
        Self { outbox, bytes: KeyBytes::copy_from(&bytes) }
    }

    /// The change is committed: the message may be sent.
    pub fn send(self, sequence: Sequence) {
        self.outbox.push(sequence, self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ttlv::Writer;

    fn response(status: ResultStatus) -> Buffer {
        let mut out = Writer::new(Buffer::default());
        out.structure(Tag::ResponseMessage, |out| {
            out.structure(Tag::BatchItem, |out| out.enumeration(Tag::ResultStatus, status.0));
        });
        out.finish()
    }

    fn waiting(outbox: &Outbox, seat: u64) -> Option<u64> {
        match outbox.next(seat) {
            Next::Send(sequence, _) => Some(sequence.0),
            _ => None,
        }
    }

    #[test]
    fn a_message_stays_until_it_is_answered_or_refused_three_times() {
        let boxes = Outboxes::default();
        assert!(boxes.of("alice", Date(0)).is_none());
        let outbox = boxes.open("alice", Version::V2_1, Date(0)).unwrap();
        let seat = outbox.attach(Box::new(|| {}));
        for number in [1, 2, 3] {
            News::new(boxes.of("alice", Date(0)).unwrap(), Buffer::default()).send(Sequence(number));
        }
        let limits = Limits::default();
        let answer = |seat, status| outbox.answered(seat, &response(status), &limits).unwrap();
        assert_eq!(waiting(&outbox, seat), Some(1));
        // The client goes away before it answers, and comes back.
        outbox.detach(seat, Date(5));
        let again = boxes.open("alice", Version::V2_1, Date(6)).unwrap();
        let seat = again.attach(Box::new(|| {}));
        assert_eq!(waiting(&outbox, seat), Some(1));
        assert!(matches!(outbox.next(seat - 1), Next::Close(_)));
        assert!(answer(seat, ResultStatus::Success));
        assert_eq!(waiting(&outbox, seat), Some(2));
        assert!(!answer(seat, ResultStatus::OperationFailed) && !answer(seat, ResultStatus::OperationFailed));
        assert!(answer(seat, ResultStatus::OperationFailed));
        assert_eq!(waiting(&outbox, seat), Some(3));
        assert!(outbox.answered(seat, b"no message", &limits).is_err());
    }

    #[test]
    fn a_client_that_is_away_or_slow_loses_its_queue() {
        let boxes = Outboxes::default();
        let outbox = boxes.open("alice", Version::V2_1, Date(0)).unwrap();
        let seat = outbox.attach(Box::new(|| {}));
        outbox.detach(seat, Date(10));
        assert!(boxes.of("alice", Date(10 + AWAY_SECONDS - 1)).is_some());
        assert!(boxes.of("alice", Date(10 + AWAY_SECONDS)).is_none());
        let outbox = boxes.open("alice", Version::V2_1, Date(0)).unwrap();
        let seat = outbox.attach(Box::new(|| {}));
        (0..MESSAGES_MAX as u64).for_each(|number| assert!(outbox.push(Sequence(number), KeyBytes::copy_from(b"m"))));
        assert!(!outbox.push(Sequence(9), KeyBytes::copy_from(b"m")));
        assert!(matches!(outbox.next(seat), Next::Close(_)));
        assert!(boxes.of("alice", Date(0)).is_none());
    }
}
