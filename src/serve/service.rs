//! The seam between the network and the core: what `serve` asks of whatever answers requests. Neither side knows
//! more of the other than this page.

use std::net::SocketAddr;

use prometheus_client::registry::Registry;
use rustls::pki_types::CertificateDer;

use crate::base::Buffer;

/// Answers requests. One value serves all connections, from several threads at once.
pub trait Service: Send + Sync + 'static {
    /// What is known of a connection: found once, when it opens, and given with each of its requests.
    type Peer: Send + Sync + 'static;

    /// Who is behind a connection: the client's certificate chain in DER, its own certificate first, and its
    /// address. An error refuses the connection and is the line for the log.
    fn peer(&self, chain: &[CertificateDer<'_>], address: SocketAddr) -> Result<Self::Peer, String>;

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
