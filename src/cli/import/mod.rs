//! `keyhaven import`: objects of another server become objects of this one, each by an Import or Register request to the
//! core, with its checks, its commit and its audit entry. The server must not run.

mod files;
mod mirror;
mod pykmip;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

use clap::Subcommand;
use comfy_table::{Table, presets};
use indicatif::ProgressBar;
use serde_json::json;

use self::mirror::Mirror;
use super::Place;
use super::config::Config;
use super::failure::{Exit, Failure};
use super::progress::bar;
use super::seams::open_keep;
use super::service::KeyService;
use crate::base::{Buffer, Limits};
use crate::gate::identity::Peer;
use crate::gate::{Core, Outcome};
use crate::keep::Keep;
use crate::model::right::Caller;
use crate::registry::{ResultReason, ResultStatus, Tag};
use crate::ttlv::{Item, check};

/// Where the objects come from.
#[derive(Debug, Subcommand)]
pub enum ImportCommand {
    /// Bring in every object of a PyKMIP server, from its SQLite database.
    ///
    /// Identifier, owner, state, names, application data and groups stay. PyKMIP keeps no dates but the Initial Date: it
    /// becomes the date of the state too. Operation policies are not brought in: an object is its owner's. The database is
    /// only read. An object that is here already is left as it is, so the command can be run again; if another object has
    /// its identifier, or it was changed here since, it is refused and its line says in what they differ. Exit code 1: some
    /// object was refused; the others are in.
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
    /// Bring in the objects of files of binary TTLV.
    ///
    /// In each file stand, one after the other: Request Messages of Import and Register; Response Messages of Get and
    /// Export, and of Get Attributes beside Get in the same message, as another server gave them; or the payload of such a
    /// request or answer alone, which is read as KMIP 1.4, with Attributes as 2.1, with an Identifier as 3.0. What is
    /// registered gets an identifier, all else keeps its own, and its state and attributes as far as they are in the file.
    /// Anything else is refused by file and byte before anything is done. Exit code 1: some object was refused; the others
    /// are in.
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
    /// Say what would be brought in, is here already or would be refused, and change nothing. While a server runs its
    /// store cannot be read: then it says what it can without, and that it did.
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
            let read = files.iter().map(|file| files::read(file, &owner, &limits));
            (read.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect(), how)
        }
    };
    let config = how.place.load()?;
    if how.dry_run {
        let store = open(&config);
        let came = preview(&config, &requests, store.as_ref().ok().and_then(Option::as_ref), how.json)?;
        return Ok(report(&requests, &came, Some(store.err().as_ref()), how.json));
    }
    Ok(report(&requests, &play(&config, &requests, how.json)?, None, how.json))
}

/// The objects of the store; None if there is none yet.
fn open(config: &Config) -> Result<Option<Keep>, Failure> {
    if !config.store.directory.exists() {
        return Ok(None);
    }
    open_keep(config).map(Some)
}

/// What would come of each.
fn preview(config: &Config, requests: &[Request], store: Option<&Keep>, json: bool) -> Result<Vec<Came>, Failure> {
    let mirror = Mirror::new(config)?;
    let bar = if json { ProgressBar::hidden() } else { bar("looking", requests.len() as u64) };
    let mut came = Vec::with_capacity(requests.len());
    for request in requests {
        came.push(mirror.expect(request, store).map_err(|error| Failure::failed(error.to_string()))?);
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(came)
}

/// Asks the core for each.
fn play(config: &Config, requests: &[Request], json: bool) -> Result<Vec<Came>, Failure> {
    let service = KeyService::open(config)?;
    let core = service.core_for_command()?;
    let bar = if json { ProgressBar::hidden() } else { bar("importing", requests.len() as u64) };
    let mut came = Vec::with_capacity(requests.len());
    let mut mirror = None;
    for request in requests {
        came.push(match (ask(&core, request), &mirror) {
            (Came::There, Some(mirror)) => is_it(mirror, &core, request)?,
            (Came::There, None) => is_it(mirror.insert(Mirror::new(config)?), &core, request)?,
            (came, _) => came,
        });
        bar.inc(1);
    }
    bar.finish_and_clear();
    let store = core.store();
    store.wait_durable(store.latest()).map_err(|error| Failure::failed(error.to_string()))?;
    Ok(came)
}

/// Whether what is here under the identifier is the object of the request.
fn is_it(mirror: &Mirror, core: &Core, request: &Request) -> Result<Came, Failure> {
    match mirror.expect(request, Some(core.keep())).map_err(|error| Failure::failed(error.to_string()))? {
        // In the mirror it was there too: the request comes twice.
        Came::In | Came::There => Ok(Came::There),
        refused => Ok(refused),
    }
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

/// Prints what became of the requests. `dry` holds why the store could not be looked at, if nothing was to be done.
fn report(requests: &[Request], came: &[Came], dry: Option<Option<&Failure>>, json: bool) -> Exit {
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
    let unread = dry.flatten().map(|failure| &*failure.words);
    if json {
        let lines = refused.iter().map(|[what, owner, why]| json!({"object": what, "owner": owner, "why": why}));
        let mut all = json!({"new": new, "there": there, "refused": lines.collect::<Vec<_>>()});
        if dry.is_some() {
            let objects = requests.iter().map(|request| json!({"object": request.what, "owner": request.owner}));
            all["dry_run"] = true.into();
            all["objects"] = objects.collect();
            all["store_unread"] = unread.into();
        }
        println!("{all}");
    } else {
        if dry.is_some() {
            let rows = requests.iter().zip(came).map(|(request, came)| match came {
                Came::In => [&*request.what, &*request.owner, "comes in"],
                Came::There => [&*request.what, &*request.owner, "is here already"],
                Came::Refused(why) => [&*request.what, &*request.owner, why],
            });
            println!("{}", table(["object", "owner", "what would happen"], rows));
        } else if !refused.is_empty() {
            println!("{}", table(["object", "owner", "refused because"], refused.iter().copied()));
        }
        if let Some(why) = unread {
            println!("What is in the store was not looked at: {why}");
        }
        let refused = refused.len();
        match dry {
            Some(_) => println!(
                "{new} would be brought in, {there} are here already, {refused} would be refused; nothing was brought in."
            ),
            None => println!("{new} objects were brought in, {there} were here already, {refused} were refused."),
        }
    }
    if refused.is_empty() { Exit::Success } else { Exit::Failed }
}

fn table<'a, const COLUMNS: usize>(head: [&str; COLUMNS], rows: impl Iterator<Item = [&'a str; COLUMNS]>) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_FULL_CONDENSED).set_header(head);
    table.add_rows(rows);
    table
}
