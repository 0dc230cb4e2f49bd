//! Room 8: the only async room. It owns tokio, sockets, TLS, HTTP, the wall clock and signals; it knows nothing of
//! keys. Requests go to a `Service` (the core) as whole messages, replies come back as bytes and a sequence number.
//!
//! Start order: TLS files, sockets, then accepting. Stop order: accepting ends, what runs finishes, each connection
//! says goodbye; after `Options::drain` whatever is left is cut off.

mod admin;
mod connection;
mod handshake;
mod hello;
mod https;
mod hub;
mod listen;
mod metrics;
mod real;
mod service;
mod tls;
mod turned;
mod verify;

#[cfg(test)]
mod tests;

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::runtime::Builder;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use tracing::{error, info, warn};

pub use self::https::{Codec, Encoding};
pub use self::real::SystemClock;
pub use self::service::{Next, Outcome, Service, Turned};
pub use self::tls::{TlsError, TlsMinimum, TlsOptions, admits};
pub use self::verify::{Fingerprint, fingerprint, parse_fingerprint};

use self::admin::Admin;
use self::hub::{Hub, seconds};
use self::listen::{Door, Speaks};
use self::tls::Tls;
use crate::base::Limits;

/// The port that IANA assigned to KMIP.
pub const KMIP_PORT: u16 = 5696;
/// The port of the admin pages by default.
pub const ADMIN_PORT: u16 = 9696;

/// How to serve. The defaults are those of `Options::default()`.
#[derive(Clone, Debug)]
pub struct Options {
    /// Addresses of the binary protocol. Default: port 5696 on every address.
    pub listen: Vec<SocketAddr>,
    /// Addresses of KMIP over HTTPS. Default: none.
    pub https: Vec<SocketAddr>,
    /// Address of the admin pages, which are plain HTTP. Default: port 9696 on loopback.
    pub admin: Option<SocketAddr>,
    /// Certificates and rules.
    pub tls: TlsOptions,
    /// Limits on messages; `serve` itself uses `message_bytes_max`.
    pub limits: Limits,
    /// Most connections at a time, in all listeners together; further clients wait in the kernel. Default: 4096.
    pub connections_max: usize,
    /// Longest handshake. Default: 10 s.
    pub handshake: Duration,
    /// A connection without a request is closed after this time. Default: 15 min; some clients keep one for 10.
    pub idle: Duration,
    /// A request must be complete so long after its first byte. Default: 30 s.
    pub request: Duration,
    /// A client that takes nothing of what we send is given up after this time. Default: 30 s.
    pub write: Duration,
    /// Longest wait for requests in flight when the server stops. Default: 10 s.
    pub drain: Duration,
    /// Most replies of one connection that wait for the disk; then the next request waits. Default: 64.
    pub outstanding_max: usize,
    /// Most bytes of such replies, and of replies that the client has not taken. Default: 1 MiB.
    pub outstanding_bytes_max: usize,
    /// Most requests at a time on threads that may block. Default: 32.
    pub blocking_max: usize,
    /// How long a request may wait for such a thread before it is refused as busy. Default: 5 s.
    pub blocking_wait: Duration,
    /// Worker threads of the runtime. Default: one for each processor.
    pub workers: Option<usize>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: vec![SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), KMIP_PORT)],
            https: Vec::new(),
            admin: Some(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), ADMIN_PORT)),
            tls: TlsOptions::default(),
            limits: Limits::default(),
            connections_max: 4096,
            handshake: seconds(10),
            idle: seconds(15 * 60),
            request: seconds(30),
            write: seconds(30),
            drain: seconds(10),
            outstanding_max: 64,
            outstanding_bytes_max: 1024 * 1024,
            blocking_max: 32,
            blocking_wait: seconds(5),
            workers: None,
        }
    }
}

/// Why the server did not start.
#[derive(Debug)]
pub enum ServeError {
    /// The TLS files.
    Tls(TlsError),
    /// An address that cannot be listened on.
    Listen(SocketAddr, io::Error),
    /// The runtime or the signals.
    Runtime(io::Error),
}

impl fmt::Display for ServeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tls(error) => write!(f, "TLS: {error}"),
            Self::Listen(address, error) => write!(f, "cannot listen on {address}: {error}"),
            Self::Runtime(error) => write!(f, "cannot start: {error}"),
        }
    }
}

impl std::error::Error for ServeError {}

impl From<TlsError> for ServeError {
    fn from(error: TlsError) -> Self {
        Self::Tls(error)
    }
}

/// Serves, and calls `started` once when the listeners are open, until `shutdown` completes, SIGTERM or SIGINT comes, then drains. SIGHUP reads TLS files again and tells
/// the service. Makes its own runtime, so it is called outside of any.
pub fn run<S: Service>(
    options: Options,
    service: Arc<S>,
    codec: Option<Arc<dyn Codec>>,
    started: impl FnOnce(),
    shutdown: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    let mut builder = Builder::new_multi_thread();
    if let Some(workers) = options.workers {
        builder.worker_threads(workers.max(1));
    }
    // A few threads beyond the pool: reloads and name look-ups use the same.
    builder.max_blocking_threads(options.blocking_max.max(1) + 4).thread_name("serve").enable_all();
    let runtime = builder.build().map_err(ServeError::Runtime)?;
    runtime.block_on(async {
        let mut signals = Signals::new().map_err(ServeError::Runtime)?;
        let server = Server::start(options, Arc::clone(&service), codec).await?;
        let tending = tokio::spawn(tend(service));
        started();
        tokio::pin!(shutdown);
        loop {
            tokio::select! {
                () = &mut shutdown => break,
                signal = signals.next() => match signal {
                    Signal::Stop(name) => {
                        info!("{name}: stopping");
                        break;
                    }
                    Signal::Reload => server.reload().await,
                },
            }
        }
        tending.abort();
        server.drain().await;
        Ok(())
    })
}

/// How often the service does what is due by time.
const TEND: Duration = seconds(60);

async fn tend<S: Service>(service: Arc<S>) {
    let mut ticks = tokio::time::interval(TEND);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let service = Arc::clone(&service);
        if spawn_blocking(move || service.tend()).await.is_err() {
            error!("work that is due by time panicked; this is a defect");
        }
    }
}

/// A server that runs on the current runtime.
pub struct Server<S> {
    door: Arc<Door<S>>,
    kmip: Vec<SocketAddr>,
    https: Vec<SocketAddr>,
    admin: Option<SocketAddr>,
}

impl<S: Service> Server<S> {
    /// Binds every address and begins to accept. A port of zero takes a free one.
    pub async fn start(options: Options, service: Arc<S>, codec: Option<Arc<dyn Codec>>) -> Result<Self, ServeError> {
        let tls = Arc::new(Tls::new(options.tls.clone())?);
        let kmip = bind(&options.listen)?;
        let https = bind(&options.https)?;
        let admin = bind(options.admin.as_slice())?.pop();
        let permits = Arc::new(Semaphore::new(options.connections_max));
        let hub = Arc::new(Hub::new(options, service, codec));
        let pages = Arc::new(Admin::new(Arc::clone(&hub)));
        let door = Arc::new(Door { hub, tls, permits, numbers: AtomicU64::new(0) });
        let server = Self {
            door: Arc::clone(&door),
            kmip: kmip.iter().map(|(address, _)| *address).collect(),
            https: https.iter().map(|(address, _)| *address).collect(),
            admin: admin.as_ref().map(|(address, _)| *address),
        };
        for (_, listener) in kmip {
            tokio::spawn(listen::accept(Arc::clone(&door), listener, Speaks::Kmip));
        }
        for (_, listener) in https {
            tokio::spawn(listen::accept(Arc::clone(&door), listener, Speaks::Https));
        }
        if let Some((_, listener)) = admin {
            tokio::spawn(admin::accept(pages, listener));
        }
        info!(kmip = ?server.kmip, https = ?server.https, admin = ?server.admin, "ready");
        Ok(server)
    }

    /// Addresses of the binary protocol, with the ports that were given.
    pub fn kmip(&self) -> &[SocketAddr] {
        &self.kmip
    }

    /// Addresses of KMIP over HTTPS.
    pub fn https(&self) -> &[SocketAddr] {
        &self.https
    }

    /// Address of the admin pages.
    pub fn admin(&self) -> Option<SocketAddr> {
        self.admin
    }

    /// Reads certificates, authorities, revocation lists and fingerprints again, for new connections; open ones go
    /// on. If a file is wrong the old configuration stays and the log says why. Then the service reloads.
    pub async fn reload(&self) {
        let (tls, service) = (Arc::clone(&self.door.tls), Arc::clone(&self.door.hub.service));
        let reloaded = spawn_blocking(move || {
            match tls.reload() {
                Ok(()) => info!("TLS files are read again"),
                Err(error) => error!("TLS files are not taken, the old ones stay in force: {error}"),
            }
            service.reload();
        });
        if reloaded.await.is_err() {
            error!("the reload panicked; this is a defect");
        }
    }

    /// Stops: nothing new is accepted, requests in flight finish within `Options::drain`, connections close.
    pub async fn drain(self) {
        let hub = &self.door.hub;
        hub.stop.drain();
        let all = u32::try_from(hub.options.connections_max).unwrap_or(u32::MAX);
        if timeout(hub.options.drain, self.door.permits.acquire_many(all)).await.is_err() {
            warn!("some connections did not finish in {} s and are cut off", hub.options.drain.as_secs());
        }
        hub.stop.go();
        info!("stopped");
    }
}

impl<S> fmt::Debug for Server<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Server(kmip {:?}, https {:?}, admin {:?})", self.kmip, self.https, self.admin)
    }
}

fn bind(addresses: &[SocketAddr]) -> Result<Vec<(SocketAddr, TcpListener)>, ServeError> {
    let one = |address: &SocketAddr| {
        let bound = listen::bind(*address).and_then(|listener| Ok((listener.local_addr()?, listener)));
        bound.map_err(|error| ServeError::Listen(*address, error))
    };
    addresses.iter().map(one).collect()
}

enum Signal {
    Stop(&'static str),
    Reload,
}

#[cfg(unix)]
struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
    hangup: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.terminate.recv() => Signal::Stop("SIGTERM"),
            _ = self.interrupt.recv() => Signal::Stop("SIGINT"),
            _ = self.hangup.recv() => Signal::Reload,
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) -> Signal {
        match tokio::signal::ctrl_c().await {
            Ok(()) => Signal::Stop("interrupt"),
            Err(_) => std::future::pending().await,
        }
    }
}
