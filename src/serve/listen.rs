//! Listening: a permit before each accept, sockets set up, the handshake within its time, then the connection.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rustls::pki_types::UnixTime;
use rustls::{HandshakeKind, ServerConnection};
use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::sleep;
use tracing::{info, warn};

use super::handshake::{handshake, linger};
use super::hub::Hub;
use super::service::Service;
use super::tls::Tls;
use super::verify::dates;
use super::{connection, https};

/// Connections the kernel holds until we accept them.
const BACKLOG: i32 = 1024;
/// How long to wait after an accept that failed, for example when no file descriptor is left.
const ACCEPT_BACKOFF: Duration = Duration::from_millis(100);
/// A silent client is asked whether it lives after this time, then each interval, and given up after `PROBES`.
const KEEPALIVE_AFTER: Duration = Duration::from_secs(60);
const KEEPALIVE_EVERY: Duration = Duration::from_secs(15);
const KEEPALIVE_PROBES: u32 = 4;

/// What a listener speaks above TLS.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Speaks {
    Kmip,
    Https,
}

/// What the listeners of a server share.
pub(super) struct Door<S> {
    pub(super) hub: Arc<Hub<S>>,
    pub(super) tls: Arc<Tls>,
    /// One permit a connection, in all listeners together. When all are back, every connection has ended.
    pub(super) permits: Arc<Semaphore>,
    pub(super) numbers: AtomicU64,
}

/// Opens a listening socket.
pub(super) fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// Accepts until the server drains.
pub(super) async fn accept<S: Service>(door: Arc<Door<S>>, listener: TcpListener, speaks: Speaks) {
    let draining = door.hub.stop.draining();
    tokio::pin!(draining);
    let mut full = false;
    loop {
        if door.permits.available_permits() == 0 && !full {
            full = true;
            warn!("all {} connections are in use; new clients wait", door.hub.options.connections_max);
        }
        let accepted = async {
            // The semaphore is closed by nobody; without a permit nothing is accepted.
            let permit = Arc::clone(&door.permits).acquire_owned().await.map_err(io::Error::other)?;
            listener.accept().await.map(|(tcp, address)| (permit, tcp, address))
        };
        let accepted = tokio::select! {
            () = &mut draining => return,
            accepted = accepted => accepted,
        };
        full = full && door.permits.available_permits() == 0;
        match accepted {
            Ok((permit, tcp, address)) => {
                let door = Arc::clone(&door);
                tokio::spawn(async move {
                    door.hub.metrics.opened();
                    open(&door, tcp, address, speaks).await;
                    door.hub.metrics.closed();
                    drop(permit);
                });
            }
            Err(error) => {
                warn!(%error, "cannot accept a connection");
                sleep(ACCEPT_BACKOFF).await;
            }
        }
    }
}

async fn open<S: Service>(door: &Arc<Door<S>>, tcp: TcpStream, address: SocketAddr, speaks: Speaks) {
    let hub = &door.hub;
    if let Err(error) = prepare(&tcp) {
        info!(%address, %error, "connection lost");
        return;
    }
    let config = match speaks {
        Speaks::Kmip => door.tls.kmip(),
        Speaks::Https => door.tls.https(),
    };
    let shaken = tokio::select! {
        shaken = handshake(tcp, config, hub.options.handshake, hub.options.write) => shaken,
        () = hub.stop.gone() => return,
    };
    let mut stream = match shaken {
        Ok(stream) => stream,
        Err(failure) => {
            hub.metrics.failed(failure.kind);
            warn!(%address, "TLS handshake failed: {}", failure.words);
            return;
        }
    };
    let peer = match identify(&*hub.service, stream.get_ref().1, address) {
        Ok(mut peer) => {
            if speaks == Speaks::Https {
                hub.service.over_https(&mut peer);
            }
            Arc::new(peer)
        }
        Err(why) => {
            hub.metrics.refused();
            warn!(%address, "connection refused: {why}");
            linger(&mut stream).await;
            return;
        }
    };
    let number = door.numbers.fetch_add(1, Ordering::Relaxed);
    match speaks {
        // It hears of a stop by itself: a second future beside it would be polled with each request.
        Speaks::Kmip => {
            let (tap, tls) = stream.into_inner();
            connection::serve(Arc::clone(hub), tap.into_tcp(), tls, peer, address, number).await;
        }
        Speaks::Https => tokio::select! {
            () = https::serve(Arc::clone(hub), stream, peer, address, number) => {}
            () = hub.stop.gone() => {}
        },
    }
}

/// Who the client is. Dates of a resumed session's certificate are looked at here, since nobody else did.
fn identify<S: Service>(service: &S, tls: &ServerConnection, address: SocketAddr) -> Result<S::Peer, String> {
    let chain = tls.peer_certificates().unwrap_or_default();
    if let (Some(HandshakeKind::Resumed), Some(certificate)) = (tls.handshake_kind(), chain.first()) {
        dates(certificate, UnixTime::now()).map_err(|fault| format!("a resumed session: {fault}"))?;
    }
    service.peer(chain, address)
}

fn prepare(tcp: &TcpStream) -> io::Result<()> {
    tcp.set_nodelay(true)?;
    let keepalive = TcpKeepalive::new().with_time(KEEPALIVE_AFTER).with_interval(KEEPALIVE_EVERY);
    #[cfg(any(target_os = "linux", target_os = "macos", target_os = "freebsd"))]
    let keepalive = keepalive.with_retries(KEEPALIVE_PROBES);
    SockRef::from(tcp).set_tcp_keepalive(&keepalive)
}
