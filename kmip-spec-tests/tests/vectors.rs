//! Plays every case against a server: one test a case. `cargo test -p kmip-spec-tests --test vectors -- FILTER`.
//! Excepted cases are ignored; `-- --ignored` plays them all the same. A run of all cases with
//! `KEYHAVEN_WRITE=docs/conformance.md` in the environment writes its result into that document.

use std::collections::HashMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

use kmip_spec_tests::Result;
use kmip_spec_tests::client::{Client, Https};
use kmip_spec_tests::plan::{self, Wire};
use kmip_spec_tests::play::{Transport, now, play};
use kmip_spec_tests::report::{Ending, OWN, Table, replace_between};
use kmip_spec_tests::state::State;
use kmip_spec_tests::subject::Subject;
use kmip_spec_tests::vector::{Vector, oasis, oasis_vectors, own_cases};
use libtest_mimic::{Arguments, Completion, Failed, Trial};

/// The server, started by the first case that needs it; or why there is none.
static SUBJECT: Mutex<Option<Result<Arc<Subject>>>> = Mutex::new(None);
/// Held by a case that acts as `administrator`: those cases share their objects.
static ADMINISTRATOR: Mutex<()> = Mutex::new(());

type Cases = Arc<HashMap<String, Vector>>;
type Counts = Arc<Mutex<Table>>;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let counts = Counts::default();
    let trials = match trials(&counts, &arguments) {
        Ok(trials) => trials,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    if !arguments.list && oasis().is_none() {
        println!("\nThe OASIS cases are not here; set KEYHAVEN_OASIS to their folder. Our own cases run.");
    }
    let conclusion = libtest_mimic::run(&arguments, trials);
    // The last reference: the server ends here.
    drop(SUBJECT.lock().unwrap_or_else(PoisonError::into_inner).take());
    if !arguments.list {
        let counts = counts.lock().unwrap_or_else(PoisonError::into_inner);
        println!("{counts}");
        if let Err(error) = write(&counts, &arguments) {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    }
    conclusion.exit_code()
}

/// Writes the matrix of a whole run into the document that the environment names.
fn write(counts: &Table, arguments: &Arguments) -> Result<()> {
    let Some(path) = std::env::var_os("KEYHAVEN_WRITE").map(PathBuf::from) else { return Ok(()) };
    if arguments.filter.is_some() || !arguments.skip.is_empty() || oasis().is_none() {
        return Err("KEYHAVEN_WRITE needs a run of all cases".into());
    }
    let failed = |error: std::io::Error| format!("{}: {error}", path.display());
    let document = std::fs::read_to_string(&path).map_err(failed)?;
    let document = replace_between(&document, "cases", &counts.markdown())?;
    std::fs::write(&path, document).map_err(failed)
}

fn trials(counts: &Counts, arguments: &Arguments) -> Result<Vec<Trial>> {
    let mut vectors = oasis_vectors()?;
    vectors.extend(own_cases()?);
    let mut skipped = HashMap::new();
    let mut borrowed = Vec::new();
    for vector in &mut vectors {
        match plan::except(vector)? {
            Some(reason) => drop(skipped.insert(vector.stem.clone(), reason)),
            // Cases of our own are written for their versions; some give identifiers, which are taken the second time.
            None if vector.name.starts_with("own/") => {}
            None => borrowed.extend(plan::borrowed(vector)?),
        }
    }
    vectors.extend(borrowed);
    let cases: Cases = Arc::new(vectors.iter().map(|vector| (vector.stem.clone(), vector.clone())).collect());
    vectors.into_iter().map(|vector| trial(vector, &cases, counts, &skipped, arguments)).collect()
}

fn trial(
    vector: Vector,
    cases: &Cases,
    counts: &Counts,
    skipped: &HashMap<String, String>,
    arguments: &Arguments,
) -> Result<Trial> {
    let own = vector.name.starts_with("own/");
    let group = if own { OWN.into() } else { vector.version.to_string() };
    let profile = if own { OWN.into() } else { vector.profile().to_owned() };
    let excepted = skipped.get(&vector.stem);
    let kind = excepted.map(|reason| format!("excepted: {reason}")).unwrap_or_default();
    let ignored = excepted.is_some();
    if ignored && !plays_ignored(arguments, &vector.name) {
        counts.lock().unwrap_or_else(PoisonError::into_inner).add(group.clone(), profile.clone(), Ending::Excepted);
    }
    let name = vector.name.clone();
    let (cases, counts) = (Arc::clone(cases), Arc::clone(counts));
    let run = move || {
        let outcome = whole(&vector, &cases);
        let ending = match &outcome {
            Ok(Completion::Completed) => Ending::Passed,
            Ok(Completion::Ignored { .. }) => Ending::Excepted,
            Err(_) => Ending::Failed,
        };
        counts.lock().unwrap_or_else(PoisonError::into_inner).add(group, profile, ending);
        outcome.map_err(Failed::from)
    };
    Ok(Trial::ignorable_test(name, run).with_kind(kind).with_ignored_flag(ignored))
}

/// Whether an ignored case runs all the same, or is not asked for: then it does not count as ignored.
fn plays_ignored(arguments: &Arguments, name: &str) -> bool {
    let chosen = |filter: &String| if arguments.exact { name == filter } else { name.contains(filter.as_str()) };
    arguments.include_ignored
        || arguments.ignored
        || !arguments.filter.as_ref().is_none_or(chosen)
        || arguments.skip.iter().any(chosen)
}

/// Plays a case with what has to come before it. One that a server can only pass by failing others is ignored if one
/// of the others passes.
fn whole(vector: &Vector, cases: &Cases) -> Result<Completion> {
    let failure = match alone(vector, cases, &vector.stem) {
        Ok(()) => return Ok(Completion::Completed),
        Err(failure) => failure,
    };
    for other in plan::alternatives(&vector.stem) {
        if let Some(other) = cases.get(&other)
            && alone(other, cases, &format!("{}.{}", vector.stem, other.stem)).is_ok()
        {
            return Ok(Completion::ignored_with(format!("the server behaves as {}", other.stem)));
        }
    }
    Err(failure)
}

/// Plays a case on a connection and with an identity of its own.
fn alone(vector: &Vector, cases: &Cases, identity: &str) -> Result<()> {
    let subject = subject()?;
    let _shared =
        plan::shares_administrator(vector).then(|| ADMINISTRATOR.lock().unwrap_or_else(PoisonError::into_inner));
    let identity = subject.identity(identity)?;
    let mut transport: Box<dyn Transport> = match plan::wire(vector) {
        Wire::Tls => Box::new(Client::connect(&subject.kmip, &subject.pki, &identity)?),
        Wire::Https(encoding) => {
            let address = subject.https.as_ref().ok_or("KEYHAVEN_SUBJECT_HTTPS is not set")?;
            Box::new(Https { client: Client::connect(address, &subject.pki, &identity)?, encoding })
        }
    };
    let mut state = State::new(now());
    if let Some(before) = plan::before(&vector.stem) {
        let before = cases.get(&before).ok_or_else(|| format!("{before} is not here"))?;
        play(before, transport.as_mut(), &mut state).map_err(|error| format!("before it: {error}"))?;
    }
    play(vector, transport.as_mut(), &mut state)
}

fn subject() -> Result<Arc<Subject>> {
    let mut subject = SUBJECT.lock().unwrap_or_else(PoisonError::into_inner);
    subject.get_or_insert_with(|| Subject::new().map(Arc::new)).clone()
}
