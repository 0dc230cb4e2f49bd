//! One connection of binary KMIP: bytes in, whole requests to the service, replies out in their order.
//!
//! The loop is one hand-written poll function over the socket and rustls, because this is the hot path: a simple
//! request costs one receive and one send call, no task, no lock and no allocation of ours. Requests of one
//! connection run one after the other; a reply that waits for the disk does not keep the next request from running,
//! but it keeps its place. Each reply is written to TLS by itself, so a reply up to 16 KiB is exactly one record,
//! and all replies that are ready leave with one call.
//!
//! Our buffers wipe themselves. rustls keeps the plain bytes of a record for the moment between opening it and our
//! copy, in memory of its own that it does not wipe.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::io::{BufRead, IoSlice, Read, Write};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use rustls::ServerConnection;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::futures::OwnedNotified;
use tokio::time::{Sleep, sleep};
use tracing::{debug, warn};

use super::handshake::linger;
use super::hub::{Answered, Hub};
use super::service::{Service, Turned};
use super::turned;
use crate::base::Buffer;
use crate::registry::Tag;
use crate::ttlv;

/// After this time without a request a connection gives its buffers back.
const RELEASE_AFTER: Duration = Duration::from_secs(30);
/// Buffers kept for held replies.
const SPARES_MAX: usize = 4;

/// Serves a connection until it ends. Never fails: what goes wrong is logged.
pub(super) async fn serve<S: Service>(
    hub: Arc<Hub<S>>,
    tcp: TcpStream,
    tls: ServerConnection,
    peer: Arc<S::Peer>,
    address: SocketAddr,
    number: u64,
) {
    let mut connection = Box::new(Connection::new(hub, tcp, tls, peer, number));
    // The handshake may have brought the first request with it.
    let end = match connection.take_plaintext() {
        Ok(()) => poll_fn(|cx| connection.poll(cx)).await,
        Err(end) => end,
    };
    match end {
        End::Turned(requests) => {
            debug!(%address, "the client took the server role");
            let Connection { hub, mut tcp, mut tls, received, .. } = *connection;
            let why = turned::serve(&hub, &mut tcp, &mut tls, received, &*requests).await;
            debug!(%address, "connection closed: {why}");
        }
        End::Closed => debug!(%address, "connection closed"),
        End::Idle => debug!(%address, "connection closed: idle"),
        End::Lost(error) => debug!(%address, %error, "connection lost"),
        End::Refused(why) => {
            warn!(%address, "connection closed: {why}");
            linger(&mut connection.tcp).await;
        }
    }
}

/// How a connection ends.
enum End {
    /// The client took the server role: the connection goes on the other way round.
    Turned(Box<dyn Turned>),
    /// Both sides are done.
    Closed,
    /// Nothing came for too long.
    Idle,
    /// The network failed.
    Lost(io::Error),
    /// We will not go on; the line for the log.
    Refused(String),
}

/// A reply that waits for the disk.
struct Held {
    durable: u64,
    reply: Buffer,
}

/// A request on the blocking pool.
type Running = Pin<Box<dyn Future<Output = (Answered, Buffer)> + Send>>;

// What the store said about the sequence number we asked for.
const PENDING: u8 = 0;
const DURABLE: u8 = 1;
const NEVER: u8 = 2;

struct Connection<S: Service> {
    hub: Arc<Hub<S>>,
    peer: Arc<S::Peer>,
    number: u64,
    tcp: TcpStream,
    tls: ServerConnection,
    /// Plain bytes that are not yet answered.
    received: Buffer,
    /// The reply being made; used again and again.
    reply: Buffer,
    /// Replies that wait for the disk, and whatever must leave after them.
    held: VecDeque<Held>,
    held_bytes: usize,
    spares: Vec<Buffer>,
    running: Option<Running>,
    /// Whether the store will call us; `signal` is where it does.
    asked: bool,
    signal: Arc<AtomicU8>,
    /// Bytes of replies given to TLS since all was last sent.
    unsent: usize,
    /// The client has ended its side.
    finished: bool,
    /// We have ended ours.
    closing: Option<Closing>,
    /// The client has taken the server role: when all replies have left, the connection goes on the other way round.
    turned: Option<Box<dyn Turned>>,
    /// The last request or reply.
    active: Instant,
    /// When the first byte of the unfinished request came.
    begun: Option<Instant>,
    /// Since when the socket takes nothing.
    stalled: Option<Instant>,
    /// Goes off no later than the next deadline; deadlines that move away do not touch it.
    timer: Pin<Box<Sleep>>,
    armed: Instant,
    released: bool,
    stop: Pin<Box<OwnedNotified>>,
    stop_polled: bool,
}

/// Why the connection closes once everything is sent.
enum Closing {
    Quietly,
    Refused(String),
}

impl<S: Service> Connection<S> {
    fn new(hub: Arc<Hub<S>>, tcp: TcpStream, mut tls: ServerConnection, peer: Arc<S::Peer>, number: u64) -> Self {
        // Replies are bounded here, by `unsent`: a limit inside TLS would cut a reply in two records.
        tls.set_buffer_limit(None);
        let now = Instant::now();
        let first = RELEASE_AFTER.min(hub.options.idle);
        let stop = Box::pin(hub.stop.next());
        Self {
            peer,
            number,
            tcp,
            tls,
            received: Buffer::default(),
            reply: Buffer::default(),
            held: VecDeque::new(),
            held_bytes: 0,
            spares: Vec::new(),
            running: None,
            asked: false,
            signal: Arc::default(),
            unsent: 0,
            finished: false,
            closing: None,
            turned: None,
            active: now,
            begun: None,
            stalled: None,
            timer: Box::pin(sleep(first)),
            armed: now + first,
            released: false,
            stop,
            stop_polled: false,
            hub,
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        match self.step(cx) {
            Ok(()) => Poll::Pending,
            Err(end) => Poll::Ready(end),
        }
    }

    /// Does all that can be done now; an error is the end. When it returns, whatever can wake us knows our waker.
    fn step(&mut self, cx: &mut Context<'_>) -> Result<(), End> {
        self.poll_stop(cx)?;
        loop {
            self.poll_running(cx);
            self.release_held(cx);
            let waiting = self.run_requests();
            // A request that just went to the pool or a reply that was just held must know our waker.
            if self.poll_running(cx) || self.release_held(cx) {
                continue;
            }
            self.send(cx)?;
            let all_sent = self.held.is_empty() && !self.tls.wants_write() && self.closing.is_none();
            if all_sent && let Some(requests) = self.turned.take() {
                return Err(End::Turned(requests));
            }
            if waiting && self.has_room() {
                continue;
            }
            if self.wants_more() {
                match self.receive(cx)? {
                    Poll::Ready(()) => continue,
                    Poll::Pending => break,
                }
            }
            self.close_if_done(cx)?;
            break;
        }
        self.watch_time(cx)
    }

    /// Hears of a stop. The notification is polled once: it keeps the waker of this task, which never changes.
    fn poll_stop(&mut self, cx: &mut Context<'_>) -> Result<(), End> {
        if self.hub.stop.is_gone() {
            return Err(End::Closed);
        }
        if !self.stop_polled || self.hub.stop.is_draining() {
            self.stop_polled = true;
            while self.stop.as_mut().poll(cx).is_ready() {
                self.stop = Box::pin(self.hub.stop.next());
                if self.hub.stop.is_gone() {
                    return Err(End::Closed);
                }
            }
        }
        Ok(())
    }

    /// Whether a request came back from the pool.
    fn poll_running(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(running) = &mut self.running else {
            return false;
        };
        let Poll::Ready((answered, reply)) = running.as_mut().poll(cx) else {
            return false;
        };
        self.running = None;
        self.reply = reply;
        self.active = Instant::now();
        self.take_answer(answered);
        true
    }

    /// Runs every request that is complete, one after the other, within the bounds of what may be outstanding.
    /// Says whether it stopped for lack of room.
    fn run_requests(&mut self) -> bool {
        let mut at = 0;
        let mut now = None;
        while self.closing.is_none() && self.turned.is_none() && self.running.is_none() && self.has_room() {
            let bytes = &self.received[at..];
            let length = match ttlv::frame(bytes, Tag::RequestMessage, &self.hub.options.limits) {
                Ok(Some(length)) if length <= bytes.len() => length,
                Ok(_) => break,
                Err(error) => {
                    self.closing = Some(Closing::Refused(format!("not a request that can be read: {error}")));
                    break;
                }
            };
            let request = &self.received[at..at + length];
            at += length;
            let start = now.unwrap_or_else(Instant::now);
            let shard = self.hub.metrics.shard(self.number);
            let (answered, end) = self.hub.run(request, &self.peer, false, &mut self.reply, shard, start);
            now = Some(end);
            match answered {
                Answered::WouldBlock => {
                    self.reply.clear();
                    let mut copy = Buffer::with_capacity(length);
                    copy.extend(request);
                    let reply = std::mem::take(&mut self.reply);
                    let hub = Arc::clone(&self.hub);
                    self.running = Some(Box::pin(hub.run_blocking(copy, Arc::clone(&self.peer), reply, self.number)));
                }
                answered => self.take_answer(answered),
            }
            self.begun = None;
        }
        if let Some(now) = now {
            self.received.consume(at);
            self.active = now;
            self.released = false;
        }
        let room = self.has_room();
        if self.begun.is_none() && !self.received.is_empty() && self.running.is_none() && room {
            self.begun = Some(Instant::now());
        }
        !room
    }

    fn has_room(&self) -> bool {
        let options = &self.hub.options;
        self.held.len() < options.outstanding_max
            && self.held_bytes < options.outstanding_bytes_max
            && self.unsent < options.outstanding_bytes_max
    }

    /// Sends the reply, or holds it until the disk has what it rests on and all earlier replies have left.
    fn take_answer(&mut self, answered: Answered) {
        match answered {
            Answered::Reply(durable) => {
                self.turned = self.hub.service.turned(&self.peer);
                if self.held.is_empty() && (durable == 0 || durable <= self.hub.service.durable()) {
                    self.write_reply();
                } else {
                    self.held_bytes += self.reply.len();
                    let spare = self.spares.pop().unwrap_or_default();
                    let reply = std::mem::replace(&mut self.reply, spare);
                    self.held.push_back(Held { durable, reply });
                }
            }
            Answered::Close(why) => self.closing = Some(Closing::Refused(why)),
            Answered::WouldBlock => {
                self.closing = Some(Closing::Refused("the service would block where it may".into()));
            }
        }
    }

    /// Gives the reply to TLS: one write, so one record while it fits.
    fn write_reply(&mut self) {
        // Writing to TLS is writing to memory: with the limit off it takes all and cannot fail.
        let _ = self.tls.writer().write_all(&self.reply);
        self.unsent += self.reply.len();
        self.reply.clear();
    }

    /// Whether a held reply could leave.
    fn release_held(&mut self, cx: &mut Context<'_>) -> bool {
        let mut released = false;
        while let Some(first) = self.held.front() {
            let wanted = first.durable;
            if wanted > self.hub.service.durable() {
                if !self.ask(wanted, cx) {
                    break;
                }
                continue;
            }
            if let Some(held) = self.held.pop_front() {
                let _ = self.tls.writer().write_all(&held.reply);
                self.unsent += held.reply.len();
                self.held_bytes -= held.reply.len();
                let mut spare = held.reply;
                spare.clear();
                if self.spares.len() < SPARES_MAX {
                    self.spares.push(spare);
                }
                released = true;
            }
        }
        released
    }

    /// Asks the store to wake us when a number is durable; true if it said so at once.
    fn ask(&mut self, wanted: u64, cx: &mut Context<'_>) -> bool {
        if self.asked {
            match self.signal.load(Ordering::Acquire) {
                PENDING => return false,
                DURABLE => self.asked = false,
                _ => {
                    // What we promised cannot be kept, so nothing that rests on it may be said.
                    self.held.clear();
                    self.held_bytes = 0;
                    self.closing = Some(Closing::Refused("the store could not make a change durable".into()));
                    return false;
                }
            }
            // Either it is durable now, which the caller sees, or an earlier number was meant: ask again.
            if wanted <= self.hub.service.durable() {
                return true;
            }
        }
        self.asked = true;
        self.signal.store(PENDING, Ordering::Release);
        let (signal, waker) = (Arc::clone(&self.signal), cx.waker().clone());
        self.hub.service.when_durable(
            wanted,
            Box::new(move |durable| {
                signal.store(if durable { DURABLE } else { NEVER }, Ordering::Release);
                waker.wake();
            }),
        );
        self.signal.load(Ordering::Acquire) != PENDING
    }

    /// Sends what TLS has ready, as much as the socket takes.
    fn send(&mut self, cx: &mut Context<'_>) -> Result<(), End> {
        while self.tls.wants_write() {
            match self.tls.write_tls(&mut Outgoing { tcp: &mut self.tcp, cx }) {
                Ok(0) => return Err(End::Closed),
                Ok(count) => {
                    self.stalled = None;
                    self.hub.metrics.shard(self.number).sent(count);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.stalled.get_or_insert_with(Instant::now);
                    return Ok(());
                }
                Err(error) => return Err(End::Lost(error)),
            }
        }
        self.unsent = 0;
        Ok(())
    }

    /// Whether another request may be received. Nothing is read ahead of what may run.
    fn wants_more(&self) -> bool {
        self.closing.is_none()
            && self.turned.is_none()
            && !self.finished
            && self.running.is_none()
            && self.has_room()
            && !(self.hub.stop.is_draining() && self.received.is_empty())
    }

    /// Receives once.
    fn receive(&mut self, cx: &mut Context<'_>) -> Result<Poll<()>, End> {
        match self.tls.read_tls(&mut Incoming { tcp: &mut self.tcp, cx }) {
            Ok(0) => self.finished = true,
            Ok(count) => self.hub.metrics.shard(self.number).received(count),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Poll::Pending),
            Err(error) => return Err(End::Lost(error)),
        }
        match self.tls.process_new_packets() {
            Ok(state) => self.finished |= state.peer_has_closed(),
            Err(error) => {
                // The alert that says why.
                let _ = self.send(cx);
                return Err(End::Refused(format!("TLS failed: {error}")));
            }
        }
        self.take_plaintext()?;
        Ok(Poll::Ready(()))
    }

    /// Moves what TLS has opened into our buffer.
    fn take_plaintext(&mut self) -> Result<(), End> {
        let mut reader = self.tls.reader();
        loop {
            let count = match reader.fill_buf() {
                Ok([]) => break,
                Ok(chunk) => {
                    self.received.extend(chunk);
                    chunk.len()
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                // The client went without saying so, which some do after each request.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    self.finished = true;
                    break;
                }
                Err(error) => return Err(End::Lost(error)),
            };
            reader.consume(count);
        }
        Ok(())
    }

    /// Ends our side when nothing is left to do.
    fn close_if_done(&mut self, cx: &mut Context<'_>) -> Result<(), End> {
        let outstanding = self.running.is_some() || !self.held.is_empty();
        if self.closing.is_none() && !outstanding && (self.finished || self.hub.stop.is_draining()) {
            self.closing = Some(Closing::Quietly);
        }
        if self.closing.is_none() || outstanding {
            return Ok(());
        }
        // rustls sends it once, however often it is asked.
        self.tls.send_close_notify();
        self.send(cx)?;
        if self.tls.wants_write() {
            return Ok(());
        }
        let _ = Pin::new(&mut self.tcp).poll_shutdown(cx);
        Err(match self.closing.take() {
            Some(Closing::Refused(why)) => End::Refused(why),
            _ => End::Closed,
        })
    }

    /// Looks at the deadlines, and arms the timer if one of them comes before it goes off.
    fn watch_time(&mut self, cx: &mut Context<'_>) -> Result<(), End> {
        loop {
            let deadline = self.deadline();
            if deadline < self.armed {
                self.arm(deadline);
            }
            if self.timer.as_mut().poll(cx).is_pending() {
                return Ok(());
            }
            let now = Instant::now();
            if now >= deadline {
                self.overdue(now)?;
            }
            let next = self.deadline();
            self.arm(next);
        }
    }

    fn arm(&mut self, deadline: Instant) {
        self.armed = deadline;
        self.timer.as_mut().reset(deadline.into());
    }

    fn deadline(&self) -> Instant {
        let options = &self.hub.options;
        let idle = if self.released { options.idle } else { RELEASE_AFTER.min(options.idle) };
        let mut deadline = self.active + idle;
        if let Some(begun) = self.begun.filter(|_| self.wants_more()) {
            deadline = deadline.min(begun + options.request);
        }
        if let Some(stalled) = self.stalled {
            deadline = deadline.min(stalled + options.write);
        }
        deadline
    }

    /// A deadline has passed: ends the connection, or gives its memory back.
    fn overdue(&mut self, now: Instant) -> Result<(), End> {
        let options = &self.hub.options;
        if self.stalled.is_some_and(|since| now >= since + options.write) {
            return Err(End::Refused(format!("the client took nothing for {} s", options.write.as_secs())));
        }
        if self.wants_more() && self.begun.is_some_and(|since| now >= since + options.request) {
            return Err(End::Refused(format!("a request took more than {} s to arrive", options.request.as_secs())));
        }
        if self.running.is_some() || !self.held.is_empty() {
            // The service is at work; that is not idleness.
            self.active = now;
        } else if now >= self.active + options.idle {
            self.tls.send_close_notify();
            let _ = self.tls.write_tls(&mut Now(&self.tcp));
            return Err(End::Idle);
        }
        if self.received.is_empty() {
            self.received = Buffer::default();
        }
        if self.running.is_none() {
            self.reply = Buffer::default();
        }
        self.spares = Vec::new();
        self.held.shrink_to_fit();
        self.released = true;
        Ok(())
    }
}

/// The receiving side of the socket for rustls. It reads through tokio's `poll_read`, which after a short read
/// knows that the socket is empty and spares the second receive call.
struct Incoming<'a, 'b> {
    tcp: &'a mut TcpStream,
    cx: &'a mut Context<'b>,
}

impl Read for Incoming<'_, '_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut buffer = ReadBuf::new(buffer);
        match Pin::new(&mut *self.tcp).poll_read(self.cx, &mut buffer) {
            Poll::Ready(result) => result.map(|()| buffer.filled().len()),
            Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
        }
    }
}

/// The sending side of the socket for rustls.
struct Outgoing<'a, 'b> {
    tcp: &'a mut TcpStream,
    cx: &'a mut Context<'b>,
}

impl Write for Outgoing<'_, '_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        blocked(Pin::new(&mut *self.tcp).poll_write(self.cx, bytes))
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        // One record needs no list, and a plain send is the cheaper call.
        match slices {
            [one] => self.write(one),
            many => blocked(Pin::new(&mut *self.tcp).poll_write_vectored(self.cx, many)),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn blocked(written: Poll<io::Result<usize>>) -> io::Result<usize> {
    match written {
        Poll::Ready(result) => result,
        Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
    }
}

/// The sending side without a task to wake: takes what the socket takes at once.
pub(super) struct Now<'a>(pub(super) &'a TcpStream);

impl Write for Now<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.try_write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
