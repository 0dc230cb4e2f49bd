//! Load benchmark: how much of what the wire allows is left when a server does its work.
//!
//! The yardstick is a bare responder: the simplest loop over tokio-rustls, which answers the same canned bytes to
//! every request. It and the server run as processes of their own, are driven in turn in several short rounds over
//! mutual TLS, and the medians are compared. Ratios mean something on a busy machine; rates alone do not.
//!
//!     cargo bench --bench load -- all                       the keyhaven binary beside the bare responder
//!     cargo bench --bench load -- all --subject canned      the network room alone, answering canned bytes
//!     cargo bench --bench load -- crypto                    what cryptography costs, see crypto.rs
//!     cargo bench --bench load -- drive --data DIR --address HOST:PORT --load get --connections 64
//!     cargo bench --bench load -- bare|canned --data DIR --listen HOST:PORT --bytes 304
//!
//! Options of `all`: --seconds (a round, 1), --rounds (5), --connections (1,16,64), --loads (get,create,locate),
//! --version (1.4), --pipeline (1), --binary (the keyhaven binary), --workers (threads of the bare responder and the
//! canned server), --bytes (the canned server's reply, 304), --commit-micros (its pretended disk, 0: none). A data
//! directory is laid out as `keyhaven init` does.
//!
//! A benchmark may stop at the first thing that is wrong, so it unwraps.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod crypto;
mod drive;
mod inside;
mod messages;
mod pki;
mod servers;
mod versus;

use std::collections::HashMap;
use std::str::FromStr;

fn main() {
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    let command = arguments.next().unwrap_or_else(|| "help".into());
    let options = Options::read(arguments);
    match command.as_str() {
        "all" => versus::all(&options),
        "crypto" => crypto::all(&options),
        "drive" => drive::command(&options),
        "bare" => servers::bare(&options),
        "canned" => servers::canned(&options),
        _ => println!("subcommands: all, crypto, drive, bare, canned; the head of benches/load/main.rs explains them"),
    }
}

/// `--name value` pairs.
pub struct Options(HashMap<String, String>);

impl Options {
    fn read(mut arguments: impl Iterator<Item = String>) -> Self {
        let mut pairs = HashMap::new();
        while let Some(name) = arguments.next() {
            let name = name.strip_prefix("--").unwrap_or_else(|| panic!("not an option: {name}"));
            pairs.insert(name.into(), arguments.next().unwrap_or_else(|| panic!("--{name} needs a value")));
        }
        Self(pairs)
    }

    pub fn text<'a>(&'a self, name: &str, default: &'a str) -> &'a str {
        self.0.get(name).map_or(default, String::as_str)
    }

    pub fn number<T: FromStr>(&self, name: &str, default: T) -> T {
        match self.0.get(name) {
            Some(text) => text.parse().unwrap_or_else(|_| panic!("--{name} {text}: not a number")),
            None => default,
        }
    }
}
