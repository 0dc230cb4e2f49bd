//! A large store: how fast it opens, what memory and disk it takes, how fast `verify` reads it, how fast it is backed up
//! and restored, and what `compact` brings. The objects are made by requests to the core, without network; the commands
//! are those of the program.
//!
//!     cargo bench --bench scale                   1,000,000 objects: some minutes, 4 GB in TMPDIR
//!     cargo bench --bench scale -- 50000          fewer
//!     KEYHAVEN_ENGINE=fjall cargo bench --bench scale     the other engine
//!
//! A benchmark may stop at the first thing that is wrong, so it unwraps.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

#[path = "load/inside.rs"]
#[allow(dead_code, reason = "the other benchmarks use the rest")]
mod inside;
#[path = "load/messages.rs"]
#[allow(dead_code, reason = "the load benchmark uses the rest")]
mod messages;

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

use keyhaven::crypto::random::SystemEntropy;
use keyhaven::registry::Version;
use keyhaven::store::{Embedded, EmbeddedOptions, EngineKind};
use keyhaven::vault::root::SoftRoot;

use inside::Inside;

/// Objects made before the disk is waited for.
const TOGETHER: usize = 256;
/// Every so many objects, one is read again.
const READ_EVERY: usize = 10;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["open", data, ids] => open(Path::new(data), Path::new(ids)),
        [] => measure(1_000_000),
        [objects] => measure(objects.parse().expect("a number of objects")),
        _ => panic!("arguments: nothing, or a number of objects"),
    }
}

fn measure(objects: usize) {
    let parent = tempfile::tempdir().unwrap();
    let (data, ids) = (parent.path().join("data"), parent.path().join("ids"));
    keyhaven("init", &data, &[]);
    let begun = Instant::now();
    load(&data, &ids, objects);
    println!("load             {objects} objects, {:.0} a second", objects as f64 / begun.elapsed().as_secs_f64());
    reopen("open, first", &data, &ids);
    reopen("open, again", &data, &ids);
    let report = keyhaven("verify", &data, &["--json"]);
    let seconds = number(&report, "seconds");
    assert_eq!(number(&report, "objects"), objects as f64);
    println!("verify           {:.0} objects a second, {seconds:.1} s", objects as f64 / seconds);
    let file = parent.path().join("one.backup");
    let report = keyhaven("backup", &data, &["--out", file.to_str().unwrap(), "--json"]);
    println!(
        "backup           {} MB, {} MB a second",
        number(&report, "bytes") / 1e6,
        number(&report, "megabytes_per_second")
    );
    let scratch = parent.path().to_str().unwrap();
    let report = keyhaven("backup", &data, &["drill", file.to_str().unwrap(), "--scratch", scratch, "--json"]);
    assert_eq!(number(&report, "objects"), objects as f64);
    println!("restore          every object opened, {} MB a second", number(&report, "megabytes_per_second"));
    let report = keyhaven("compact", &data, &["--json"]);
    let each = |what| number(&report, what) / objects as f64;
    println!(
        "compact          {:.0} bytes an object before, {:.0} after, {:.1} s",
        each("bytes_before"),
        each("bytes_after"),
        number(&report, "seconds")
    );
    reopen("open, compacted", &data, &ids);
}

/// Runs a command of the program, which must succeed; its output.
fn keyhaven(verb: &str, data: &Path, more: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_keyhaven"));
    let output = command.arg(verb).args(more).arg("--data").arg(data).output();
    let output = output.unwrap();
    assert!(output.status.success(), "{verb}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn number(report: &str, name: &str) -> f64 {
    serde_json::from_str::<serde_json::Value>(report).unwrap()[name].as_f64().unwrap()
}

/// Opens the store in a process of its own and shows what that took.
fn reopen(what: &str, data: &Path, ids: &Path) {
    let own = std::env::current_exe().unwrap();
    let output = Command::new(own).arg("open").args([data, ids]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    print!("{what:16} {}", String::from_utf8_lossy(&output.stdout));
}

fn open(data: &Path, ids: &Path) {
    let begun = Instant::now();
    let mut core = core(data);
    let (seconds, resident) = (begun.elapsed().as_secs_f64(), resident_mb());
    let ids = fs::read_to_string(ids).unwrap();
    let mut reads = 0;
    for id in ids.lines() {
        core.handle(&messages::get(Version::V2_1, id));
        messages::identifier(&core.reply);
        reads += 1;
        if reads % TOGETHER == 0 {
            core.store().wait_durable(core.store().latest()).unwrap();
        }
    }
    println!("{seconds:.2} s, {resident} MB resident, {} MB after {reads} reads", resident_mb());
}

fn load(data: &Path, ids: &Path, objects: usize) {
    let mut core = core(data);
    let mut kept = String::new();
    for made in 0..objects {
        core.handle(&messages::create(Version::V2_1, Some(&format!("object-{made}"))));
        if made % READ_EVERY == 0 {
            kept += &messages::identifier(&core.reply);
            kept.push('\n');
        }
        if made % TOGETHER == TOGETHER - 1 {
            core.store().wait_durable(core.store().latest()).unwrap();
        }
    }
    fs::write(ids, kept).unwrap();
}

/// The core of a data directory, as the server opens it.
fn core(data: &Path) -> Inside {
    let engine = std::env::var("KEYHAVEN_ENGINE").map_or(EngineKind::default(), |name| name.parse().unwrap());
    let options = EmbeddedOptions { engine, free_bytes_min: 0, ..EmbeddedOptions::new(data.join("store")) };
    let store = Embedded::open(options).unwrap();
    let root = SoftRoot::open_file(&data.join("root.key"), Box::new(SystemEntropy)).unwrap();
    Inside::over(Arc::new(store), root, Some(data.join("store.witness")))
}

/// Memory that this process has on the machine, in megabytes.
fn resident_mb() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024 / 1_000_000
}
