//! The conformance suite: each persona, rule, bad input and crash is a test with a name.
//!
//! `persona::NAME@VERSION` plays a script of `personas/`, `rule::` those of `rules/` and the rules that need code,
//! `bad::` the cases of `bad/` and misbehaving clients, `life::` stops, crashes and restarts of a server of its own,
//! `rotation::` its keys, `certificates::` what OpenSSL says of certificates that the server made.

mod bad;
mod certificates;
mod life;
mod rotation;
mod rules;
mod scripts;

use std::process::ExitCode;
use std::sync::{Arc, Mutex};

use conformance::Result;
use conformance::subject::Subject;
use libtest_mimic::{Arguments, Failed, Trial};

/// One server for all tests that leave it running; each test is an identity of its own on it.
static SHARED: Mutex<Option<Result<Arc<Subject>>>> = Mutex::new(None);

/// The shared server, started at its first use.
fn subject() -> Result<Arc<Subject>> {
    let mut shared = SHARED.lock().map_err(|_| "another test failed while starting the server".to_owned())?;
    shared.get_or_insert_with(|| Subject::new().map(Arc::new)).clone()
}

/// A test in words.
fn trial(name: impl Into<String>, run: impl FnOnce() -> Result<()> + Send + 'static) -> Trial {
    Trial::test(name, move || run().map_err(Failed::from))
}

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let found =
        [scripts::tests(), rules::tests(), bad::tests(), life::tests(), rotation::tests(), certificates::tests()]
            .into_iter()
            .collect::<Result<Vec<_>>>();
    let tests = match found {
        Ok(tests) => tests.into_iter().flatten().collect(),
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    let conclusion = libtest_mimic::run(&arguments, tests);
    // Statics are not dropped, and the server is our child.
    drop(SHARED.lock().ok().and_then(|mut shared| shared.take()));
    conclusion.exit_code()
}
