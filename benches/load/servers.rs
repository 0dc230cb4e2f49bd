//! The two servers of our own: the bare responder, and the network room with a service that answers canned bytes.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use keyhaven::base::Buffer;
use keyhaven::serve::{self, Outcome, Service};
use rustls::ServerConfig;
use rustls::pki_types::CertificateDer;
use rustls::server::WebPkiClientVerifier;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::{Options, messages, pki};

fn runtime(workers: usize) -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    if workers > 0 {
        builder.worker_threads(workers);
    }
    builder.enable_all().build().unwrap()
}

/// The simplest loop that can answer: no limits, no time-outs, no order to keep.
pub fn bare(options: &Options) {
    let data = Path::new(options.text("data", "."));
    pki::create(data);
    let reply: Arc<[u8]> = messages::canned(options.number("bytes", 304)).into();
    let verifier = WebPkiClientVerifier::builder(Arc::new(pki::roots(data))).build().unwrap();
    let config = ServerConfig::builder_with_protocol_versions(&[&rustls::version::TLS13])
        .with_client_cert_verifier(verifier)
        .with_single_cert(pki::chain(&data.join("pki/server.pem")), pki::key(&data.join("pki/server.key")))
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let address: SocketAddr = options.text("listen", "127.0.0.1:0").parse().unwrap();
    runtime(options.number("workers", 0)).block_on(async move {
        let listener = TcpListener::bind(address).await.unwrap();
        loop {
            let (tcp, _) = listener.accept().await.unwrap();
            let (acceptor, reply) = (acceptor.clone(), Arc::clone(&reply));
            tokio::spawn(async move {
                // A client that leaves ends its task.
                let _ = answer(tcp, acceptor, reply).await;
            });
        }
    });
}

async fn answer(tcp: TcpStream, acceptor: TlsAcceptor, reply: Arc<[u8]>) -> std::io::Result<()> {
    tcp.set_nodelay(true)?;
    let mut stream = acceptor.accept(tcp).await?;
    let mut received = vec![0; 64 * 1024];
    let mut filled = 0;
    loop {
        let count = stream.read(&mut received[filled..]).await?;
        if count == 0 {
            return Ok(());
        }
        filled += count;
        while let Some(length) = messages::length(&received[..filled]).filter(|length| *length <= filled) {
            stream.write_all(&reply).await?;
            received.copy_within(length..filled, 0);
            filled -= length;
        }
        stream.flush().await?;
    }
}

/// The network room as it is, with nothing behind it but, with `--commit-micros`, a disk that makes durable what it
/// was given in each such time, as a group commit does.
pub fn canned(options: &Options) {
    let data = Path::new(options.text("data", "."));
    pki::create(data);
    let serve_options = serve::Options {
        listen: vec![options.text("listen", "127.0.0.1:0").parse().unwrap()],
        admin: None,
        tls: pki::server(data),
        workers: Some(options.number("workers", 0)).filter(|workers| *workers > 0),
        ..serve::Options::default()
    };
    let service = Arc::new(Canned {
        reply: messages::canned(options.number("bytes", 304)),
        commits: options.number("commit-micros", 0) > 0,
        given: AtomicU64::new(0),
        durable: AtomicU64::new(0),
        waiting: Mutex::default(),
    });
    if service.commits {
        let disk = Arc::clone(&service);
        let each = Duration::from_micros(options.number("commit-micros", 0));
        std::thread::spawn(move || disk.sync_for_ever(each));
    }
    serve::run(serve_options, service, None, || (), std::future::pending()).unwrap();
}

type Wake = Box<dyn FnOnce(bool) + Send>;

struct Canned {
    reply: Vec<u8>,
    commits: bool,
    given: AtomicU64,
    durable: AtomicU64,
    waiting: Mutex<Vec<(u64, Wake)>>,
}

impl Canned {
    fn sync_for_ever(&self, each: Duration) {
        loop {
            let given = self.given.load(Ordering::SeqCst);
            std::thread::sleep(each);
            self.durable.store(given, Ordering::SeqCst);
            let due: Vec<_> = self.waiting.lock().unwrap().extract_if(.., |(wanted, _)| *wanted <= given).collect();
            due.into_iter().for_each(|(_, wake)| wake(true));
        }
    }
}

impl Service for Canned {
    type Peer = ();

    fn peer(&self, _: &[CertificateDer<'_>], _: SocketAddr) -> Result<(), String> {
        Ok(())
    }

    fn handle(&self, _: &[u8], _: &(), _: bool, reply: &mut Buffer) -> Outcome {
        reply.extend(&self.reply);
        Outcome::Reply { durable: if self.commits { self.given.fetch_add(1, Ordering::SeqCst) + 1 } else { 0 } }
    }

    fn busy(&self, _: &[u8], _: &(), _: &mut Buffer) -> Outcome {
        Outcome::Close("nothing blocks here".into())
    }

    fn when_durable(&self, sequence: u64, wake: Wake) {
        let mut waiting = self.waiting.lock().unwrap();
        if sequence <= self.durable() {
            drop(waiting);
            return wake(true);
        }
        waiting.push((sequence, wake));
    }

    fn durable(&self) -> u64 {
        self.durable.load(Ordering::SeqCst)
    }
}
