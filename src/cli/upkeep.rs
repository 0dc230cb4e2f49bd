//! `keyhaven verify`, `repair`, `compact` and `store migrate`: looking after the store of a server that is stopped.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use super::config::Config;
use super::failure::{Exit, Failure};
use super::seams::{entropy, open_keep, store_options};
use crate::base::Clock;
use crate::gate::repair;
use crate::gate::verify::{self, Verified};
use crate::keep::check::{Cure, Finding};
use crate::serve::SystemClock;
use crate::store::{self, Compacted, EngineKind};

/// Reads the whole store and prints what is in it and what is wrong with it.
pub fn verify(config: &Config, json: bool) -> Result<Exit, Failure> {
    let keep = open_keep(config)?;
    let bar = bar("reading", json);
    let verified =
        verify::verify(&keep, &*entropy(), Some(&config.store.witness), &mut |read, total| show(&bar, read, total))
            .map_err(|error| Failure::failed(error.to_string()))?;
    bar.finish_and_clear();
    match json {
        true => println!("{}", report(&verified, bar.elapsed())),
        false => print(&verified, bar.elapsed()),
    }
    Ok(exit(&verified))
}

/// Makes the index again, and says what was done.
pub fn repair(config: &Config, accept: bool, json: bool) -> Result<Exit, Failure> {
    let keep = open_keep(config)?;
    let now = SystemClock.now_micros();
    let repaired = repair::repair(&keep, entropy().into(), now, Some(&config.store.witness), accept)
        .map_err(|error| Failure::failed(error.to_string()))?;
    if json {
        println!(
            "{}",
            json!({"rows_added": repaired.added, "rows_removed": repaired.removed, "same_name": repaired.claimed,
                "accepted": repaired.accepted})
        );
    } else {
        println!("{} index rows were missing, {} were too many.", repaired.added, repaired.removed);
        for (id, holder) in &repaired.claimed {
            println!("{id} and {holder} have the same name; rename or destroy one of them.");
        }
        if let Some(accepted) = &repaired.accepted {
            println!("Accepted: {accepted}.");
        }
        println!("The commit record is written anew. `keyhaven verify` says what else is wrong.");
    }
    Ok(Exit::Success)
}

/// Copies the database into a fresh one, and says what that brought.
pub fn compact(config: &Config, json: bool) -> Result<Exit, Failure> {
    let copied = copy(config, config.store.engine, json)?;
    if !json {
        println!(
            "{} keys were copied. The database took {} bytes and takes {} now.",
            copied.keys, copied.bytes_before, copied.bytes_after
        );
    }
    Ok(Exit::Success)
}

/// Moves the store to another engine, and says what is to be done then.
pub fn migrate(config: &Config, to: EngineKind, json: bool) -> Result<Exit, Failure> {
    let directory = config.store.directory.display();
    let from = EngineKind::found(&config.store.directory);
    let from = from.ok_or_else(|| Failure::usage(format!("there is no store at {directory}")))?;
    if from == to {
        return Err(Failure::usage(format!("{directory} is a store of {to} already")));
    }
    let mut config = config.clone();
    config.store.engine = from;
    let copied = copy(&config, to, json)?;
    if !json {
        println!(
            "{} keys were copied from {from} to {to} and compared. The database took {} bytes and takes {} now.\n\
             Set [store] engine = \"{to}\" before the next start; `keyhaven verify` opens every record.",
            copied.keys, copied.bytes_before, copied.bytes_after
        );
    }
    Ok(Exit::Success)
}

/// Copies the database into a fresh one of an engine, which takes its place.
fn copy(config: &Config, to: EngineKind, json: bool) -> Result<Compacted, Failure> {
    if !config.store.directory.exists() {
        return Err(Failure::usage(format!("there is no store at {}", config.store.directory.display())));
    }
    let bar = bar("copying and comparing", json);
    let copied = store::compact(&store_options(config), to, &mut |done, total| show(&bar, done, total))
        .map_err(|error| Failure::failed(error.to_string()))?;
    bar.finish_and_clear();
    if json {
        println!(
            "{}",
            json!({"keys": copied.keys, "bytes_before": copied.bytes_before,
                "bytes_after": copied.bytes_after, "seconds": bar.elapsed().as_secs_f64()})
        );
    }
    Ok(copied)
}

fn bar(what: &'static str, quiet: bool) -> ProgressBar {
    let bar = if quiet { ProgressBar::hidden() } else { ProgressBar::new(0) };
    // The template is ours, and a test reads it.
    if let Ok(style) = ProgressStyle::with_template(BAR) {
        bar.set_style(style);
    }
    bar.set_message(what);
    bar
}

const BAR: &str = "{msg} {bar:30} {human_pos} of {human_len} keys, {eta} left";

fn show(bar: &ProgressBar, done: u64, total: u64) {
    bar.set_length(total);
    bar.set_position(done);
}

fn exit(verified: &Verified) -> Exit {
    match verified.findings.listed.iter().map(|finding| finding.cure).max() {
        None => Exit::Success,
        Some(Cure::None) => Exit::Warnings,
        Some(Cure::Repair | Cure::Backup) => Exit::Failed,
    }
}

fn fix(finding: &Finding) -> Option<&'static str> {
    match finding.cure {
        Cure::None => None,
        Cure::Repair => Some("keyhaven repair"),
        Cure::Backup => Some("restore a backup; to go on with what is left, see keyhaven repair --help"),
    }
}

fn report(verified: &Verified, took: Duration) -> Value {
    let findings: Vec<_> =
        verified.findings.listed.iter().map(|one| json!({"what": one.what, "fix": fix(one)})).collect();
    json!({
        "commit": verified.number,
        "objects": verified.objects,
        "secrets": verified.secrets,
        "index_rows": verified.rows,
        "audit_head": verified.head.map(|head| head.to_string()),
        "audit_entries": verified.entries,
        "seconds": took.as_secs_f64(),
        "findings": findings,
        "findings_unlisted": verified.findings.unlisted,
    })
}

fn print(verified: &Verified, took: Duration) {
    println!(
        "Read {} objects, {} secrets, {} index rows and {} audit entries in {:.1} s.",
        verified.objects,
        verified.secrets,
        verified.rows,
        verified.entries,
        took.as_secs_f64()
    );
    for finding in &verified.findings.listed {
        println!("wrong: {}", finding.what);
        if let Some(fix) = fix(finding) {
            println!("  fix: {fix}");
        }
    }
    match (verified.findings.unlisted, verified.number) {
        (0, Some(number)) if verified.findings.listed.is_empty() => {
            println!("Nothing is wrong; commit record {number}.")
        }
        (0, _) => {}
        (more, _) => println!("and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_is_a_template() {
        assert!(ProgressStyle::with_template(BAR).is_ok());
    }
}
