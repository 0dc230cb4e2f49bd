//! `keyhaven ledger`: copies of the secrets of the objects, and the roll, after which what was destroyed before comes back from
//! no backup. A running server does it itself, over its control socket; with the server stopped, the command opens the
//! store.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::{Arc, Weak};
use std::thread;
use std::time::Duration;

use clap::Subcommand;
use serde_json::{Value as Json, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::Place;
use super::backup::{PRODUCT, fail, make_ledger, now, stamp, tell};
use super::config::{Config, RootKind};
use super::control;
use super::failure::Failure;
use super::files;
use super::seams::entropy;
use super::service::KeyService;
use crate::backup::ledger::find::copies_in;
use crate::backup::ledger::roll::{Wanted, roll};
use crate::base::Date;
use crate::gate::Core;
use crate::keep::record_key;
use crate::model::lifecycle::is_destroyed;
use crate::store::Sequence;

/// The command names in a request.
pub const ROLL: &str = "ledger-roll";
/// The same.
pub const STATUS: &str = "ledger-status";

/// How often the server looks whether a roll is due.
const LOOK: Duration = Duration::from_secs(60);
/// How long it waits after one that failed.
const FAILED: Duration = Duration::from_secs(600);
const HOUR_SECONDS: i64 = 3600;

/// `keyhaven ledger`.
#[derive(Debug, Subcommand)]
pub enum LedgerCommand {
    /// End the epochs so far: what was destroyed until now comes back from no backup.
    ///
    /// Makes the key of the next epoch, writes a ledger copy in it into the ledger directory, reads it back whole, destroys
    /// the keys of the epochs before, and removes their copies from that directory. Backups from before stay restorable with
    /// the new copy. After a roll, make a new `root escrow`.
    #[command(after_help = "Example:\n  keyhaven ledger roll --data /var/lib/keyhaven")]
    Roll {
        #[command(flatten)]
        place: Place,
        /// Print the report as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Write a ledger copy in the current epoch. It opens until the next roll.
    #[command(after_help = "Example:\n  keyhaven ledger copy --data /var/lib/keyhaven --out /mnt/elsewhere/")]
    Copy {
        #[command(flatten)]
        place: Place,
        /// The file to write, which must not exist; or a directory, where a file named by the time is made.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// An RSA public key, PEM: whoever has its private key can open the copy also after a roll. What is destroyed later comes
        /// back with it, until you remove it.
        #[arg(long, value_name = "PEM")]
        recovery_key: Option<PathBuf>,
        /// Print the report as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Say since when destroyed objects come back from no backup.
    #[command(after_help = "Example:\n  keyhaven ledger status --data /var/lib/keyhaven --id 4f1e…")]
    Status {
        #[command(flatten)]
        place: Place,
        /// An object.
        #[arg(long, value_name = "ID")]
        id: Option<String>,
        /// Print the report as JSON.
        #[arg(long)]
        json: bool,
    },
}

/// Runs the command.
pub fn run(command: LedgerCommand) -> Result<(), Failure> {
    match command {
        LedgerCommand::Roll { place, json } => {
            let config = place.load()?;
            let report = ask(&config, &json!({"command": ROLL}))?;
            tell(json, &rolled_words(&config, &report), &report);
        }
        LedgerCommand::Copy { place, out, recovery_key, json } => {
            make_ledger(&place.load()?, &out, recovery_key.as_deref(), json)?;
        }
        LedgerCommand::Status { place, id, json } => {
            let report = ask(&place.load()?, &json!({"command": STATUS, "id": id}))?;
            tell(json, &status_words(&report), &report);
        }
    }
    Ok(())
}

/// The report of the running server, or of this process.
fn ask(config: &Config, request: &Json) -> Result<Json, Failure> {
    if let Some(mut connection) = control::ask(config, request)? {
        let gone = |error: std::io::Error| Failure::connection(format!("the server did not answer: {error}"));
        // A roll takes as long as a copy of everything.
        connection.set_read_timeout(None).map_err(gone)?;
        let mut answer = String::new();
        connection.read_to_string(&mut answer).map_err(gone)?;
        return match answer.split_once(' ') {
            Some(("done", report)) => serde_json::from_str(report).map_err(|error| Failure::failed(error.to_string())),
            Some(("failed", words)) => Err(Failure::failed(words.trim_end())),
            _ => Err(Failure::connection("the server ended the conversation; it may have stopped")),
        };
    }
    let service = KeyService::open(config)?;
    report(&*service.core_for_command()?, config, request)
}

/// Answers a request of the command on the server's side.
pub fn serve(core: &Core, config: &Config, request: &Json, connection: &mut UnixStream) -> std::io::Result<()> {
    writeln!(connection, "ok")?;
    match report(core, config, request) {
        Ok(report) => writeln!(connection, "done {report}"),
        Err(failure) => writeln!(connection, "failed {}", failure.words.replace('\n', " ")),
    }
}

fn report(core: &Core, config: &Config, request: &Json) -> Result<Json, Failure> {
    match request["command"].as_str() {
        Some(ROLL) => roll_now(core, config),
        _ => status(core, config, request["id"].as_str()),
    }
}

fn roll_now(core: &Core, config: &Config) -> Result<Json, Failure> {
    let directory = &config.backup.ledger_directory;
    files::make_directory(directory)?;
    let wanted =
        Wanted { directory, product: PRODUCT, created: now(), stamp: stamp(), entropy: &entropy, after: &|_| Ok(()) };
    let rolled = roll(core, wanted).map_err(fail)?;
    Ok(json!({
        "epoch": rolled.epoch,
        "file": rolled.file,
        "id": rolled.header.id,
        "begun_at": rolled.header.begun_at,
        "rolled": date(rolled.ended),
        "final": rolled.objects,
        "removed": rolled.removed,
    }))
}

fn rolled_words(config: &Config, report: &Json) -> String {
    let again = match config.root.kind {
        RootKind::Pkcs11 => "Backups of the HSM from before hold the keys of older epochs: remove them.",
        _ => "Make a new `root escrow`: an older one holds the keys of older epochs, and not this one.",
    };
    format!(
        "Epoch {} has begun and those before are ended: what was destroyed until {} comes back from no backup, {} objects \
         more than before. {} is the ledger copy that a restore needs from now on, with any backup; copy it elsewhere. {again}",
        report["epoch"],
        text(&report["rolled"]),
        report["final"],
        text(&report["file"]),
    )
}

fn status(core: &Core, config: &Config, id: Option<&str>) -> Result<Json, Failure> {
    let failed = |error: &dyn std::fmt::Display| Failure::failed(error.to_string());
    let rolls = core.rolls().map_err(|error| failed(&error))?;
    let living = core.root().epochs().living().map_err(|error| failed(&error))?;
    let copies = copies_in(&config.backup.ledger_directory).into_iter();
    let newest = copies.filter(|(_, header)| living.contains(&header.epoch)).max_by_key(|(_, header)| header.begun_at);
    let mut report = json!({
        "epochs": living,
        "rolled": rolls.last_ended().and_then(|roll| roll.ended).map(date),
        "rolls": rolls.0.iter().filter(|roll| roll.ended.is_some()).count(),
        "unfinished": living.len() > 1,
        "newest": newest.map(|(path, header)| json!({
            "file": path, "created": header.created, "epoch": header.epoch, "begun_at": header.begun_at,
        })),
    });
    if let Some(id) = id {
        let keep = core.keep();
        let kept = keep.load(id, &mut Sequence::default()).map_err(|error| failed(&error))?;
        let kept = kept.ok_or_else(|| Failure::failed(format!("there is no object {id}")))?;
        let version = keep.store().version(&record_key(id)).map_err(|error| failed(&error))?.unwrap_or_default();
        let lifecycle = kept.object.lifecycle();
        report["object"] = json!({
            "id": id,
            "destroyed": lifecycle.destroy.filter(|_| is_destroyed(lifecycle.state)).map(date),
            "final": rolls.gone_since(&kept.object, version).map(date),
        });
    }
    Ok(report)
}

fn status_words(report: &Json) -> String {
    let mut words = match report["epochs"].as_array().and_then(|epochs| epochs.last()) {
        Some(epoch) => format!("Epoch {epoch} of the ledger."),
        None => "There is no ledger copy yet.".to_owned(),
    };
    if report["unfinished"] == true {
        words.push_str(" A roll was cut off and older epochs live: roll again.");
    }
    match &report["rolled"] {
        Json::Null => words.push_str(" It was never rolled: what was destroyed may come back from a backup."),
        rolled => words.push_str(&format!(" Rolled at {}: what was destroyed before is gone for good.", text(rolled))),
    }
    if let Some(newest) = report["newest"].as_object() {
        let (file, created) = (text(&newest["file"]), text(&newest["created"]));
        words.push_str(&format!(" The newest copy in the ledger directory is {file}, of {created}."));
    }
    if let Some(object) = report["object"].as_object() {
        let id = text(&object["id"]);
        words.push_str(&match (&object["destroyed"], &object["final"]) {
            (Json::Null, _) => format!(" Object {id} is not destroyed."),
            (since, Json::Null) => {
                format!(" Object {id} was destroyed at {} and may come back until the next roll.", text(since))
            }
            (_, since) => format!(" Object {id} comes back from no backup since {}.", text(since)),
        });
    }
    words
}

fn text(value: &Json) -> &str {
    value.as_str().unwrap_or("?")
}

fn date(date: Date) -> String {
    let at = OffsetDateTime::from_unix_timestamp(date.0).ok();
    at.and_then(|at| at.format(&Rfc3339).ok()).unwrap_or_default()
}

/// Rolls the ledger of a server when it is due, for as long as the server lives.
///
/// # Errors
/// The thread cannot be started.
pub fn start(service: &Arc<KeyService>, config: &Config) -> std::io::Result<()> {
    if config.backup.roll_hours == 0 {
        return Ok(());
    }
    let (service, config) = (Arc::downgrade(service), config.clone());
    let run = move || {
        while let Some(service) = Weak::upgrade(&service) {
            let due = service.core().filter(|core| is_due(core, &config));
            let failed = due.and_then(|core| roll_now(&core, &config).err());
            drop(service);
            match failed {
                Some(failure) => {
                    tracing::error!(error = failure.words, "the ledger is due and cannot be rolled; it is tried again");
                    thread::sleep(FAILED);
                }
                None => thread::sleep(LOOK),
            }
        }
    };
    thread::Builder::new().name("ledger".into()).spawn(run).map(drop)
}

fn is_due(core: &Core, config: &Config) -> bool {
    let hours = i64::from(config.backup.roll_hours);
    match core.rolls() {
        Ok(rolls) => {
            let last = rolls.last_ended().map_or(0, |roll| roll.begun.0);
            core.now().0 >= last.saturating_add(hours * HOUR_SECONDS)
        }
        Err(error) => {
            tracing::error!(%error, "whether the ledger is due for a roll cannot be told");
            false
        }
    }
}
