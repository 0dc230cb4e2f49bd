//! A connection whose client has taken the server role (2.1 §6.1.54): our requests go out one at a time, its responses
//! come in. There is no haste here, so this is a plain loop.
//!
//! A request that is not answered in time ends the connection; it stays with the service and goes out again when the
//! client is back. A request that the client refuses is sent again after a while, as often as the service says.

use std::io::{self, BufRead, Read, Write};
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConnection;
use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use super::connection::Now;
use super::hub::Hub;
use super::service::{Next, Service, Turned};
use crate::base::Buffer;
use crate::registry::Tag;
use crate::ttlv;

/// How long the client may take for a response, and how long until a refused request is sent again.
const RESPONSE: Duration = Duration::from_secs(30);
const AGAIN: Duration = Duration::from_secs(5);

/// Serves until the connection ends; gives the line for the log.
pub(super) async fn serve<S: Service>(
    hub: &Hub<S>,
    tcp: &mut TcpStream,
    tls: &mut ServerConnection,
    received: Buffer,
    requests: &dyn Turned,
) -> String {
    let news = Arc::new(Notify::new());
    let wake = Arc::clone(&news);
    let seat = requests.attach(Box::new(move || wake.notify_one()));
    let mut turned = Connection { hub, tcp, tls, received, requests, seat };
    let why = match turned.run(&news).await {
        Ok(why) | Err(why) => why,
    };
    requests.detach(seat);
    turned.tls.send_close_notify();
    // The client may be gone; then there is nobody to say goodbye to.
    let _ = turned.send();
    why
}

struct Connection<'a, S: Service> {
    hub: &'a Hub<S>,
    tcp: &'a mut TcpStream,
    tls: &'a mut ServerConnection,
    received: Buffer,
    requests: &'a dyn Turned,
    seat: u64,
}

impl<S: Service> Connection<'_, S> {
    /// Ends with the line for the log, whether that is an error or not.
    async fn run(&mut self, news: &Notify) -> Result<String, String> {
        // Until when a response must be here, and until when nothing is sent.
        let mut due: Option<Instant> = None;
        let mut rest: Option<Instant> = None;
        loop {
            if due.is_none() && rest.is_none() {
                match self.requests.next(self.seat) {
                    Next::Close(why) => return Ok(why),
                    Next::Nothing => {}
                    Next::Send { durable, request } => {
                        if durable > self.hub.service.durable() && !self.hub.wait_durable(durable).await {
                            return Err("the store could not make a change durable".into());
                        }
                        self.tls.writer().write_all(request.expose()).map_err(|error| error.to_string())?;
                        due = Some(Instant::now() + RESPONSE);
                    }
                }
            }
            self.send().map_err(|error| format!("lost: {error}"))?;
            if let Some(done) = self.take_response(due.is_some())? {
                due = None;
                rest = (!done).then(|| Instant::now() + AGAIN);
                continue;
            }
            let interest =
                if self.tls.wants_write() { Interest::READABLE | Interest::WRITABLE } else { Interest::READABLE };
            let wait = due.or(rest);
            tokio::select! {
                ready = self.tcp.ready(interest) => {
                    let ready = ready.map_err(|error| format!("lost: {error}"))?;
                    if ready.is_readable() && !self.receive()? {
                        return Ok("the client is gone".into());
                    }
                }
                () = news.notified() => {}
                () = sleep_until(wait.unwrap_or_else(Instant::now)), if wait.is_some() => {
                    if due.is_some() {
                        return Err(format!("no response within {} s", RESPONSE.as_secs()));
                    }
                    rest = None;
                }
                () = self.hub.stop.draining() => return Ok("the server stops".into()),
            }
        }
    }

    /// Sends what TLS has ready, as much as the socket takes.
    fn send(&mut self) -> io::Result<()> {
        while self.tls.wants_write() {
            match self.tls.write_tls(&mut Now(self.tcp)) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Receives once; false when the client has ended its side.
    fn receive(&mut self) -> Result<bool, String> {
        match self.tls.read_tls(&mut Incoming(self.tcp)) {
            Ok(0) => return Ok(false),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(true),
            Err(error) => return Err(format!("lost: {error}")),
        }
        let state = self.tls.process_new_packets().map_err(|error| format!("TLS failed: {error}"))?;
        let open = !state.peer_has_closed();
        loop {
            let mut reader = self.tls.reader();
            let count = match reader.fill_buf() {
                Ok(chunk) => {
                    self.received.extend(chunk);
                    chunk.len()
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(open),
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(false),
                Err(error) => return Err(format!("lost: {error}")),
            };
            if count == 0 {
                return Ok(open);
            }
            reader.consume(count);
        }
    }

    /// Takes one whole response, if it is here: whether it is done with.
    fn take_response(&mut self, expected: bool) -> Result<Option<bool>, String> {
        let frame = ttlv::frame(&self.received, Tag::ResponseMessage, &self.hub.options.limits);
        let length = match frame.map_err(|error| format!("not a response that can be read: {error}"))? {
            Some(length) if length <= self.received.len() => length,
            _ => return Ok(None),
        };
        if !expected {
            return Err("a response to no request".into());
        }
        let done = self.requests.answered(self.seat, &self.received[..length])?;
        self.received.consume(length);
        Ok(Some(done))
    }
}

/// The receiving side of the socket, as far as something is there.
struct Incoming<'a>(&'a TcpStream);

impl Read for Incoming<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.try_read(buffer)
    }
}
