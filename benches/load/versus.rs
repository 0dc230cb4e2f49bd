//! Subject against yardstick: both as processes of their own, driven in turn.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use comfy_table::{Table, presets};

use crate::drive::{self, Load, Plan, Score};
use crate::{Options, messages, pki};

/// Kernel clock ticks a second in /proc: a constant of Linux's interface.
const TICKS: f64 = 100.0;

pub fn all(options: &Options) {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let subject = options.text("subject", "keyhaven");
    let workers = options.text("workers", "0");
    let ours = std::env::current_exe().unwrap();
    let server = match subject {
        "canned" => {
            pki::create(&data);
            let (bytes, commit) = (options.text("bytes", "304"), options.text("commit-micros", "0"));
            let arguments = ["canned", "--workers", workers, "--bytes", bytes, "--commit-micros", commit];
            Server::start(&ours, &arguments, &data)
        }
        "keyhaven" => Server::keyhaven(options, &data),
        other => panic!("--subject {other}: keyhaven or canned"),
    };
    let mut table = Table::new();
    table.load_preset(presets::UTF8_FULL_CONDENSED);
    table.set_header([
        "load",
        "connections",
        "reply B",
        "bare/s",
        "subject/s",
        "ratio",
        "bare us/op",
        "subject us/op",
        "p50 us",
        "p99 us",
        "odd",
    ]);
    for load in options.text("loads", "get,create,locate").split(',').map(Load::parse) {
        for connections in options.text("connections", "1,16,64").split(',').map(|text| text.parse().unwrap()) {
            table.add_row(row(options, &server, &ours, &data, load, connections));
        }
    }
    println!("subject: {subject}; medians of alternating rounds; us/op is the server's CPU");
    println!("every object was got once before, so no Get writes; a Create is answered when it is durable");
    println!("{table}");
}

fn row(options: &Options, server: &Server, ours: &Path, data: &Path, load: Load, connections: usize) -> Vec<String> {
    let runtime = drive::runtime();
    let config = pki::client(data);
    let version = messages::version(options.text("version", "1.4"));
    let requests = runtime.block_on(drive::prepare(server.address, &config, load, version));
    let plan = Plan {
        address: server.address,
        config,
        requests,
        connections,
        pipeline: options.number("pipeline", 1),
        duration: Duration::from_secs_f64(options.number("seconds", 1.0)),
    };
    // A short round warms the server and tells how long its replies are, so that the yardstick's are the same.
    let warm = runtime.block_on(drive::run(Plan { duration: Duration::from_millis(200), ..plan.clone() }));
    let bytes = warm.reply_bytes.to_string();
    let bare = Server::start(ours, &["bare", "--bytes", &bytes, "--workers", options.text("workers", "0")], data);
    let bare_plan = Plan { address: bare.address, ..plan.clone() };
    runtime.block_on(drive::run(Plan { duration: Duration::from_millis(200), ..bare_plan.clone() }));

    let (mut theirs, mut ours) = (Vec::new(), Vec::new());
    for _ in 0..options.number("rounds", 5) {
        theirs.push(bare.measure(&runtime, &bare_plan));
        ours.push(server.measure(&runtime, &plan));
    }
    let rate = |rounds: &[(Score, f64)]| median(rounds.iter().map(|(score, _)| score.rate));
    let cpu = |rounds: &[(Score, f64)]| median(rounds.iter().map(|(_, cpu)| *cpu));
    let ratio = median(theirs.iter().zip(&ours).map(|((bare, _), (subject, _))| subject.rate / bare.rate));
    vec![
        format!("{load:?}"),
        connections.to_string(),
        bytes,
        format!("{:.0}", rate(&theirs)),
        format!("{:.0}", rate(&ours)),
        format!("{ratio:.2}"),
        format!("{:.2}", cpu(&theirs)),
        format!("{:.2}", cpu(&ours)),
        format!("{:.0}", median(ours.iter().map(|(score, _)| score.p50))),
        format!("{:.0}", median(ours.iter().map(|(score, _)| score.p99))),
        ours.iter().map(|(score, _)| score.different).sum::<u64>().to_string(),
    ]
}

/// The binary in the folder above that of the benchmark: `target/release/keyhaven`.
fn beside() -> PathBuf {
    let bench = std::env::current_exe().unwrap();
    bench.ancestors().nth(2).unwrap().join("keyhaven")
}

pub fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// A server process; it ends with this value.
pub struct Server {
    child: Child,
    pub address: SocketAddr,
}

impl Server {
    /// The program itself, with a new data directory.
    pub fn keyhaven(options: &Options, data: &Path) -> Self {
        let binary = options.0.get("binary").map_or_else(beside, PathBuf::from);
        let made = Command::new(&binary).args(["init", "--data"]).arg(data).stdout(Stdio::null()).status();
        assert!(made.is_ok_and(|status| status.success()), "{} init failed", binary.display());
        Self::start(&binary, &["serve"], data)
    }

    fn start(binary: &Path, arguments: &[&str], data: &Path) -> Self {
        let address = free_address();
        let child = Command::new(binary)
            .args(arguments)
            .arg("--data")
            .arg(data)
            .args(["--listen", &address.to_string()])
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let server = Self { child, address };
        let patience = Instant::now() + Duration::from_secs(30);
        while TcpStream::connect(address).is_err() {
            assert!(Instant::now() < patience, "{} does not listen", binary.display());
            std::thread::sleep(Duration::from_millis(20));
        }
        server
    }

    /// One round, and the server's CPU time for an operation in microseconds.
    fn measure(&self, runtime: &tokio::runtime::Runtime, plan: &Plan) -> (Score, f64) {
        let before = self.cpu_seconds();
        let score = runtime.block_on(drive::run(plan.clone()));
        let used = self.cpu_seconds() - before;
        let each = used * 1e6 / score.operations as f64;
        (score, each)
    }

    /// User and system time of the process: fields 14 and 15 of its stat line.
    fn cpu_seconds(&self) -> f64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        let after_name = stat.rsplit(')').next().unwrap();
        let fields: Vec<&str> = after_name.split_whitespace().collect();
        (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / TICKS
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}
