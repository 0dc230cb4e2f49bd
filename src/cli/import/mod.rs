//! `keyhaven import`: objects of another server become objects of this one, each by an Import or Register request to the
//! core, with its checks, its commit and its audit entry. The server must not run.

mod pykmip;

use std::fs;
use std::path::{Path, PathBuf};

use clap::Subcommand;
use comfy_table::{Table, presets};
use indicatif::ProgressBar;
use serde_json::json;

use super::Place;
use super::config::Config;
use super::failure::{Exit, Failure};
use super::progress::bar;
use super::service::KeyService;
use crate::base::{Buffer, KeyBytes, Limits};
use crate::gate::identity::Peer;
use crate::gate::{Core, Outcome};
use crate::model::right::Caller;
use crate::registry::{Operation, ResultReason, ResultStatus, Tag};
use crate::ttlv::{Item, check, frame};

/// Where the objects come from.
#[derive(Debug, Subcommand)]
pub enum ImportCommand {
    /// Bring in every object of a PyKMIP server, from its SQLite database.
    ///
    /// Identifier, owner, state, names, application data and groups stay. PyKMIP keeps no dates but the Initial Date: it
    /// becomes the date of the state too. Operation policies are not brought in: an object is its owner's. The database is
    /// only read. An object whose identifier exists here already is left as it is, so the command can be run again. Exit
    /// code 1: some object was refused; its line says why, and the others are in.
    #[command(
        after_help = "Example:\n  keyhaven import pykmip /var/lib/pykmip/pykmip.database --data /var/lib/keyhaven --dry-run"
    )]
    Pykmip {
        /// The database.
        #[arg(value_name = "DATABASE")]
        database: PathBuf,
        /// Whose the objects without an owner become.
        #[arg(long, value_name = "NAME")]
        owner: Option<String>,
        /// Another name for an owner, because its certificate here has another one; may be given several times.
        #[arg(long = "rename", value_name = "OLD=NEW", value_parser = renaming)]
        renames: Vec<(String, String)>,
        #[command(flatten)]
        how: How,
    },
    /// Play files of KMIP requests: Import and Register requests in binary TTLV, one after the other in each file.
    ///
    /// An Import request brings identifier, state and attributes with it, a Register request gets an identifier. Other
    /// operations are refused before anything is done. Exit code 1: some request was refused; the others are done.
    #[command(
        after_help = "Example:\n  keyhaven import ttlv keys-1.ttlv keys-2.ttlv --owner db-1 --data /var/lib/keyhaven"
    )]
    Ttlv {
        /// The files.
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
        /// Whose the objects become.
        #[arg(long, value_name = "NAME")]
        owner: String,
        #[command(flatten)]
        how: How,
    },
}

/// What both have in common.
#[derive(Debug, clap::Args)]
pub struct How {
    /// Read everything and say what would be brought in, without opening the store.
    #[arg(long)]
    dry_run: bool,
    /// Print the report as JSON, without a progress bar.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

fn renaming(text: &str) -> Result<(String, String), String> {
    let (old, new) = text.split_once('=').ok_or("OLD=NEW is expected")?;
    if new.is_empty() {
        return Err("the new name is empty".into());
    }
    Ok((old.into(), new.into()))
}

/// A request on behalf of somebody.
struct Request {
    /// What the report calls it.
    what: String,
    /// Whose the object becomes.
    owner: String,
    /// A Request Message; it may hold key material.
    message: Buffer,
}

/// What became of a request.
enum Came {
    /// It was done.
    In,
    /// An object with this identifier was here already.
    There,
    /// It was refused, for this reason.
    Refused(String),
}

/// Runs the command.
///
/// # Errors
/// A file cannot be read or is not what it should be, or the store cannot be opened; nothing was brought in.
pub fn run(command: ImportCommand) -> Result<Exit, Failure> {
    let (requests, how) = match command {
        ImportCommand::Pykmip { database, owner, renames, how } => {
            (pykmip::read(&database, owner.as_deref(), &renames)?, how)
        }
        ImportCommand::Ttlv { files, owner, how } => {
            let limits = how.place.load()?.limits();
            let read = files.iter().map(|file| requests_of(file, &owner, &limits));
            (read.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect(), how)
        }
    };
    let config = how.place.load()?;
    let came = if how.dry_run { None } else { Some(play(&config, &requests, how.json)?) };
    Ok(report(&requests, came.as_deref(), how.json))
}

/// The requests in a file.
fn requests_of(file: &Path, owner: &str, limits: &Limits) -> Result<Vec<Request>, Failure> {
    let wrong = |at: usize, why: &str| Failure::failed(format!("{}, byte {at}: {why}", file.display()));
    let bytes = fs::read(file).map_err(|error| Failure::failed(format!("{}: {error}", file.display())))?;
    let bytes = KeyBytes::new(bytes);
    let bytes = bytes.expose();
    let mut requests = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let rest = &bytes[at..];
        let length = frame(rest, Tag::RequestMessage, limits).map_err(|error| wrong(at, &error.to_string()))?;
        let length = length.filter(|length| *length <= rest.len()).ok_or_else(|| wrong(at, "it is cut off here"))?;
        let message = check(&rest[..length], limits).map_err(|error| wrong(at, &error.to_string()))?;
        let known = |item: &Item<'_>| {
            let operation = item.child(Tag::Operation).and_then(|operation| operation.enumeration());
            [Operation::Import, Operation::Register].iter().any(|one| Some(one.0) == operation)
        };
        if !message.children().filter(|item| item.tag == Tag::BatchItem).all(|item| known(&item)) {
            return Err(wrong(at, "only Import and Register requests are played"));
        }
        let what = format!("{}, byte {at}", file.display());
        requests.push(Request { what, owner: owner.into(), message: Buffer::copy_from(&rest[..length]) });
        at += length;
    }
    Ok(requests)
}

/// Asks the core for each.
fn play(config: &Config, requests: &[Request], json: bool) -> Result<Vec<Came>, Failure> {
    let service = KeyService::open(config)?;
    let core = service.core_for_command()?;
    let bar = if json { ProgressBar::hidden() } else { bar("importing", requests.len() as u64) };
    let mut came = Vec::with_capacity(requests.len());
    for request in requests {
        came.push(ask(&core, request));
        bar.inc(1);
    }
    bar.finish_and_clear();
    let store = core.store();
    store.wait_durable(store.latest()).map_err(|error| Failure::failed(error.to_string()))?;
    Ok(came)
}

fn ask(core: &Core, request: &Request) -> Came {
    let peer = Peer::new("import".into(), Caller::named(&*request.owner));
    let mut reply = Buffer::default();
    match core.handle(&request.message, &peer, true, &mut reply) {
        Outcome::Reply(_) => outcome(&reply, core.limits()),
        Outcome::WouldBlock => Came::Refused("the core would block where it may".into()),
    }
}

/// The worst that a reply says of its items.
fn outcome(reply: &[u8], limits: &Limits) -> Came {
    let Ok(message) = check(reply, limits) else { return Came::Refused("the answer cannot be read".into()) };
    let mut worst = Came::In;
    for item in message.children().filter(|item| item.tag == Tag::BatchItem) {
        let number = |tag| item.child(tag).and_then(|field: Item<'_>| field.enumeration());
        if number(Tag::ResultStatus) == Some(ResultStatus::Success.0) {
            continue;
        }
        if number(Tag::ResultReason) == Some(ResultReason::ObjectAlreadyExists.0) {
            worst = Came::There;
            continue;
        }
        let words = item.child(Tag::ResultMessage).and_then(|words| words.text().map(str::to_owned));
        return Came::Refused(words.unwrap_or_else(|| "no reason was given".into()));
    }
    worst
}

fn report(requests: &[Request], came: Option<&[Came]>, json: bool) -> Exit {
    let Some(came) = came else {
        if json {
            let all = requests.iter().map(|request| json!({"object": request.what, "owner": request.owner}));
            println!("{}", json!({"dry_run": true, "objects": all.collect::<Vec<_>>()}));
        } else {
            println!("{}", table(["object", "owner"], requests.iter().map(|request| [&*request.what, &request.owner])));
            println!("{} objects can be read; nothing was brought in.", requests.len());
        }
        return Exit::Success;
    };
    let refused: Vec<[&str; 3]> = requests
        .iter()
        .zip(came)
        .filter_map(|(request, came)| match came {
            Came::Refused(why) => Some([&*request.what, &*request.owner, why]),
            Came::In | Came::There => None,
        })
        .collect();
    let new = came.iter().filter(|came| matches!(came, Came::In)).count();
    let there = came.len() - new - refused.len();
    if json {
        let lines = refused.iter().map(|[what, owner, why]| json!({"object": what, "owner": owner, "why": why}));
        println!("{}", json!({"new": new, "there": there, "refused": lines.collect::<Vec<_>>()}));
    } else {
        if !refused.is_empty() {
            println!("{}", table(["object", "owner", "refused because"], refused.iter().copied()));
        }
        println!("{new} objects were brought in, {there} were here already, {} were refused.", refused.len());
    }
    if refused.is_empty() { Exit::Success } else { Exit::Failed }
}

fn table<'a, const COLUMNS: usize>(head: [&str; COLUMNS], rows: impl Iterator<Item = [&'a str; COLUMNS]>) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_FULL_CONDENSED).set_header(head);
    table.add_rows(rows);
    table
}
