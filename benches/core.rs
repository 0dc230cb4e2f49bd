//! What a request costs the core, without network and TLS: `Core::handle` on one thread, over the store in memory and
//! over each engine. Over memory each request also seals its own audit block; over an engine that is the flusher's work,
//! and the column of CPU time shows it. Every object is got once before the clock starts: the first Get of an object writes
//! that it is no longer Fresh.
//!
//!     cargo bench --bench core                    all cases
//!     cargo bench --bench core -- sled/get        those whose name contains this
//!     cargo bench --bench core -- sled/get 10     for ten seconds each, for a profiler
//!
//! A benchmark may stop at the first thing that is wrong, so it unwraps.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

#[path = "load/messages.rs"]
#[allow(dead_code, reason = "the load benchmark uses the rest")]
mod messages;

#[path = "load/inside.rs"]
mod inside;

use std::sync::Arc;
use std::time::{Duration, Instant};

use keyhaven::store::{Embedded, EmbeddedOptions, Memory, Store};

use inside::Inside;

/// Objects that a Get or Locate chooses from.
const OBJECTS: usize = 3000;

fn main() {
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    let wanted = arguments.next().unwrap_or_default();
    let seconds = arguments.next().map_or(1.0, |text| text.parse().unwrap());
    println!("{:24} {:>10} {:>10} {:>10}", "case", "requests", "us each", "us of CPU");
    for kind in ["memory", "sled", "fjall"] {
        for load in ["get 1.4", "get 2.1", "locate 1.4", "create 1.4", "create 2.1"] {
            let name = format!("{kind}/{load}");
            if name.contains(&wanted) {
                let directory = tempfile::tempdir().unwrap();
                let store: Arc<dyn Store> = match kind {
                    "memory" => Arc::new(Memory::new()),
                    engine => {
                        let engine = engine.parse().unwrap();
                        let options = EmbeddedOptions { engine, ..EmbeddedOptions::new(directory.path()) };
                        Arc::new(Embedded::open(options).unwrap())
                    }
                };
                measure(Inside::new(store), &name, load, Duration::from_secs_f64(seconds));
            }
        }
    }
}

fn measure(mut core: Inside, name: &str, load: &str, duration: Duration) {
    let (load, version) = load.split_once(' ').unwrap();
    let version = messages::version(version);
    let mut requests = vec![messages::create(version, None)];
    if load != "create" {
        requests.clear();
        for number in 0..OBJECTS {
            let name = format!("bench-{number}");
            core.handle(&messages::create(version, Some(&name)));
            let get = messages::get(version, &messages::identifier(&core.reply));
            core.handle(&get);
            messages::identifier(&core.reply);
            requests.push(if load == "get" { get } else { messages::locate(version, &name) });
        }
        let store = core.store();
        store.wait_durable(store.latest()).unwrap();
    }
    let (begun, cpu) = (Instant::now(), cpu_seconds());
    let mut count = 0;
    while begun.elapsed() < duration {
        for _ in 0..64 {
            core.handle(&requests[count * 7 % requests.len()]);
            count += 1;
        }
        // As a client would: an answer to a change waits for the disk, here once for many.
        let store = core.store();
        if store.latest() > store.durable() {
            store.wait_durable(store.latest()).unwrap();
        }
    }
    messages::identifier(&core.reply);
    let each = |seconds: f64| seconds * 1e6 / count as f64;
    let (wall, used) = (begun.elapsed().as_secs_f64(), cpu_seconds() - cpu);
    println!("{name:24} {count:>10} {:>10.2} {:>10.2}", each(wall), each(used));
}

/// User and system time of this process: fields 14 and 15 of its stat line, in hundredths of a second.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / 100.0
}
