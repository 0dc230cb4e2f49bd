//! The seam between the network and the core: what `serve` asks of whatever answers requests. Neither side knows
//! more of the other than this page.

use std::net::SocketAddr;

use prometheus_client::registry::Registry;
use rustls::pki_types::CertificateDer;

use crate::base::{Buffer, KeyBytes};

/// Answers requests. One value serves all connections, from several threads at once.
pub trait Service: Send + Sync + 'static {
    /// What is known of a connection: found once, when it opens, and given with each of its requests.
    type Peer: Send + Sync + 'static;

    /// Who is behind a connection: the client's certificate chain in DER, its own certificate first, and its
    /// address. An error refuses the connection and is the line for the log.
    fn peer(&self, chain: &[CertificateDer<'_>], address: SocketAddr) -> Result<Self::Peer, String>;

    /// The connection speaks HTTPS: its client cannot take the server role.
    fn over_https(&self, _peer: &mut Self::Peer) {}

    /// Answers one whole Request Message (binary TTLV) into `reply`, which is empty and is used again for later
    /// replies of the connection. Without `may_block` it runs on a thread that many connections share: work that
    /// would wait says `WouldBlock` before it has had any effect, and the same request comes again, with
    /// `may_block`, on a thread of the blocking pool.
    fn handle(&self, request: &[u8], peer: &Self::Peer, may_block: bool, reply: &mut Buffer) -> Outcome;

    /// Refuses one whole Request Message in a way that the client may try again: every thread of the blocking pool
    /// stayed busy for as long as a request may wait. It must not do any of the request's work and must not block.
    fn busy(&self, request: &[u8], peer: &Self::Peer, reply: &mut Buffer) -> Outcome;

    /// Calls `wake` once: with true when the sequence number is durable, with false when it never will be. It may
    /// call at once, on the calling thread.
    fn when_durable(&self, sequence: u64, wake: Box<dyn FnOnce(bool) + Send>);

    /// Every sequence number up to this one is durable. Asked for each reply, so it must be cheap.
    fn durable(&self) -> u64;

    /// The service's own requests for the client of this connection, once that has taken the server role. Asked after
    /// each reply of the binary protocol, so it must be cheap.
    fn turned(&self, _peer: &Self::Peer) -> Option<Box<dyn Turned>> {
        None
    }

    /// Whether requests can be served now; an error is the reason that `/readyz` shows. It must not block.
    fn ready(&self) -> Result<(), String> {
        Ok(())
    }

    /// The operator asked to read files again (SIGHUP). Runs on the blocking pool; what went wrong is logged by
    /// the service itself and the old state stays.
    fn reload(&self) {}

    /// Does what is due by time. Called about once a minute on the blocking pool, never twice at a time.
    fn tend(&self) {}

    /// Adds the service's own metrics to those of `/metrics`.
    fn register(&self, _registry: &mut Registry) {}
}

/// What became of a request.
#[derive(Debug)]
pub enum Outcome {
    /// The reply is complete.
    Reply {
        /// The reply is held until this sequence number is durable; zero for a reply that rests on nothing new.
        durable: u64,
    },
    /// Nothing was done: the request is to be run again on a thread that may block.
    WouldBlock,
    /// No reply is possible: the connection is closed and the line goes to the log.
    Close(String),
}

/// Requests of the service for a client that took the server role. One goes out at a time and stays the next one until
/// the client has answered it.
pub trait Turned: Send + Sync {
    /// A connection takes the requests over; `wake` is called, from any thread, when `next` may have changed. The
    /// number is the connection's seat.
    fn attach(&self, wake: Box<dyn Fn() + Send + Sync>) -> u64;

    /// The connection is gone.
    fn detach(&self, seat: u64);

    /// What the connection is to do.
    fn next(&self, seat: u64) -> Next;

    /// Takes the client's whole Response Message to the last request. True: it is done with. False: it is to be sent
    /// again after a while. An error closes the connection and is the line for the log.
    fn answered(&self, seat: u64, response: &[u8]) -> Result<bool, String>;
}

/// What a connection whose client has the server role does.
#[derive(Debug)]
pub enum Next {
    /// Sends this request when the sequence number is durable.
    Send {
        /// The request rests on it.
        durable: u64,
        /// One whole Request Message.
        request: KeyBytes,
    },
    /// Waits to be woken.
    Nothing,
    /// Closes; the line for the log.
    Close(String),
}
