//! What the fuzz targets do, apart from the fuzzer: one function for each border that bytes from outside cross, and
//! inputs for it to begin with. The server's tests run every body over its seeds, so that none can rot.

mod audit;
mod certificates;
mod core;
mod dice;
mod frame;
mod keys;
mod names;
mod objects;
mod payload;
mod pkcs12;
mod record;
mod text;

use std::path::PathBuf;
use std::{env, fs, process};

/// A border.
pub struct Target {
    /// Its name, which is that of its program.
    pub name: &'static str,
    /// Takes any bytes; panics if what must hold does not.
    pub body: fn(&[u8]),
    /// Inputs that come far.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// Every border.
pub static TARGETS: [Target; 12] = [
    Target { name: "audit", body: audit::body, seeds: audit::seeds },
    Target { name: "certificates", body: certificates::body, seeds: certificates::seeds },
    Target { name: "frame", body: frame::body, seeds: core::seeds },
    Target { name: "keys", body: keys::body, seeds: keys::seeds },
    Target { name: "message", body: core::message, seeds: core::seeds },
    Target { name: "names", body: names::body, seeds: names::seeds },
    Target { name: "objects", body: objects::body, seeds: objects::seeds },
    Target { name: "payload", body: payload::body, seeds: payload::seeds },
    Target { name: "pkcs12", body: pkcs12::body, seeds: pkcs12::seeds },
    Target { name: "record", body: record::body, seeds: record::seeds },
    Target { name: "session", body: core::session, seeds: core::conversations },
    Target { name: "text", body: text::body, seeds: text::seeds },
];

/// Runs the body of a target.
pub fn run(name: &str, bytes: &[u8]) {
    (target(name).body)(bytes);
}

/// Writes the first inputs of a target into the folder that `FUZZ_PLANT` names and ends the program; without the variable
/// it does nothing.
pub fn plant(name: &str) {
    let Some(folder) = env::var_os("FUZZ_PLANT").map(PathBuf::from) else { return };
    fs::create_dir_all(&folder).expect("the folder can be made");
    for (number, input) in (target(name).seeds)().into_iter().enumerate() {
        fs::write(folder.join(number.to_string()), input).expect("the folder can be written");
    }
    process::exit(0);
}

fn target(name: &str) -> &'static Target {
    TARGETS.iter().find(|target| target.name == name).expect("the name of a target")
}
