//! The driver: a closed loop over mutual TLS. Each connection sends requests made beforehand and waits for the
//! replies; with a pipeline it keeps that many requests in flight.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use keyhaven::registry::Version;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Barrier;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::messages;
use crate::{Options, pki};

/// Objects that a Get or Locate chooses from.
const OBJECTS: usize = 256;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Load {
    Get,
    Create,
    Locate,
}

impl Load {
    pub fn parse(name: &str) -> Self {
        match name {
            "get" => Self::Get,
            "create" => Self::Create,
            "locate" => Self::Locate,
            _ => panic!("--load {name}: get, create or locate"),
        }
    }
}

/// What is sent, to whom, how.
#[derive(Clone)]
pub struct Plan {
    pub address: SocketAddr,
    pub config: Arc<ClientConfig>,
    pub requests: Arc<[Vec<u8>]>,
    pub connections: usize,
    pub pipeline: usize,
    pub duration: Duration,
}

/// What came of it.
pub struct Score {
    pub rate: f64,
    pub p50: f64,
    pub p99: f64,
    /// Bytes of the first reply.
    pub reply_bytes: usize,
    /// Replies of another length than the first, which is suspicious for a Get.
    pub different: u64,
    pub operations: u64,
}

pub fn command(options: &Options) {
    let config = pki::client(Path::new(options.text("data", ".")));
    let address = options.text("address", "127.0.0.1:5696").parse().unwrap();
    let load = Load::parse(options.text("load", "get"));
    let runtime = runtime();
    let version = messages::version(options.text("version", "1.4"));
    let requests = runtime.block_on(prepare(address, &config, load, version));
    let plan = Plan {
        address,
        config,
        requests,
        connections: options.number("connections", 64),
        pipeline: options.number("pipeline", 1),
        duration: Duration::from_secs_f64(options.number("seconds", 3.0)),
    };
    let score = runtime.block_on(run(plan));
    println!(
        "{load:?}: {:.0}/s, p50 {:.0} us, p99 {:.0} us, reply {} bytes, {} of another length",
        score.rate, score.p50, score.p99, score.reply_bytes, score.different
    );
}

pub fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap()
}

/// A connection to a server.
pub type Stream = TlsStream<TcpStream>;

pub async fn connect(address: SocketAddr, config: &Arc<ClientConfig>) -> Stream {
    let tcp = TcpStream::connect(address).await.unwrap();
    tcp.set_nodelay(true).unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::clone(config)).connect(name, tcp).await.unwrap()
}

/// Makes objects, where the load needs them, and the requests.
pub async fn prepare(address: SocketAddr, config: &Arc<ClientConfig>, load: Load, version: Version) -> Arc<[Vec<u8>]> {
    if load == Load::Create {
        return Arc::new([messages::create(version, None)]);
    }
    let mut stream = connect(address, config).await;
    let mut buffer = Vec::new();
    let mut requests = Vec::new();
    // Names are unique in the server, and each load of a run makes objects of its own.
    static RUNS: AtomicU64 = AtomicU64::new(0);
    let (process, run) = (std::process::id(), RUNS.fetch_add(1, Ordering::Relaxed));
    for number in 0..OBJECTS {
        let name = format!("load-{process}-{run}-{number}");
        ask(&mut stream, &messages::create(version, Some(&name)), &mut buffer).await;
        let id = messages::identifier(&buffer);
        if load == Load::Locate {
            requests.push(messages::locate(version, &name));
            continue;
        }
        // The first Get of an object writes that it is no longer Fresh; what is measured are the later ones.
        let get = messages::get(version, &id);
        ask(&mut stream, &get, &mut buffer).await;
        messages::identifier(&buffer);
        requests.push(get);
    }
    requests.into()
}

/// Sends a request and waits for the reply.
pub async fn ask(stream: &mut Stream, request: &[u8], reply: &mut Vec<u8>) {
    stream.write_all(request).await.unwrap();
    receive(stream, reply).await;
}

async fn receive(stream: &mut Stream, buffer: &mut Vec<u8>) {
    buffer.clear();
    while messages::length(buffer).is_none_or(|length| buffer.len() < length) {
        assert!(stream.read_buf(buffer).await.unwrap() > 0, "the server closed the connection");
    }
}

pub async fn run(plan: Plan) -> Score {
    let start = Arc::new(Barrier::new(plan.connections + 1));
    let mut tasks = Vec::new();
    for number in 0..plan.connections {
        tasks.push(tokio::spawn(one(plan.clone(), Arc::clone(&start), number)));
    }
    start.wait().await;
    let began = Instant::now();
    let mut micros = Vec::new();
    let (mut reply_bytes, mut different, mut operations) = (0, 0, 0);
    for task in tasks {
        let part = task.await.unwrap();
        micros.extend(part.micros);
        reply_bytes = part.reply_bytes;
        different += part.different;
        operations += part.operations;
    }
    let rate = operations as f64 / began.elapsed().as_secs_f64();
    micros.sort_unstable();
    let at = |share: f64| micros.get((micros.len() as f64 * share) as usize).copied().unwrap_or_default();
    let (p50, p99) = (f64::from(at(0.5)), f64::from(at(0.99)));
    Score { rate, p50, p99, reply_bytes, different, operations }
}

struct Part {
    micros: Vec<u32>,
    reply_bytes: usize,
    different: u64,
    operations: u64,
}

async fn one(plan: Plan, start: Arc<Barrier>, number: usize) -> Part {
    let mut stream = connect(plan.address, &plan.config).await;
    let mut part = Part { micros: Vec::new(), reply_bytes: 0, different: 0, operations: 0 };
    let mut received = vec![0; 64 * 1024];
    let mut outgoing = Vec::new();
    let mut next = number * 7;
    start.wait().await;
    let end = Instant::now() + plan.duration;
    loop {
        outgoing.clear();
        for _ in 0..plan.pipeline {
            outgoing.extend_from_slice(&plan.requests[next % plan.requests.len()]);
            next += 1;
        }
        let sent = Instant::now();
        stream.write_all(&outgoing).await.unwrap();
        let (mut filled, mut replies) = (0, 0);
        while replies < plan.pipeline {
            let count = stream.read(&mut received[filled..]).await.unwrap();
            assert!(count > 0, "the server closed the connection");
            filled += count;
            let mut at = 0;
            while let Some(length) = messages::length(&received[at..filled]).filter(|length| at + length <= filled) {
                if part.reply_bytes == 0 {
                    part.reply_bytes = length;
                }
                part.different += u64::from(length != part.reply_bytes);
                at += length;
                replies += 1;
            }
            received.copy_within(at..filled, 0);
            filled -= at;
        }
        let now = Instant::now();
        part.operations += plan.pipeline as u64;
        part.micros.push(u32::try_from((now - sent).as_micros()).unwrap_or(u32::MAX));
        if now >= end {
            return part;
        }
    }
}
