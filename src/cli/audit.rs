//! `keyhaven audit`: the chain is walked from its first block, every link is proven, and its entries can be written
//! as JSON, one a line. The server must not be running: a store has one owner.

use std::io::Write;

use serde_json::json;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::config::Config;
use super::failure::Failure;
use super::seams::open_keep;
use crate::gate::audit::{self, Entry, Head, Kind};

/// Proves the whole chain; the answer is a line for the operator.
pub fn verify(config: &Config) -> Result<String, Failure> {
    let mut entries = 0_u64;
    let head = walk(config, |_| entries += 1)?;
    Ok(format!(
        "The audit chain is whole: {entries} entries in {} blocks. Its head is {head}; note it elsewhere, and compare \
         it next time to see that nothing was cut off.",
        head.blocks
    ))
}

/// Writes every entry as a JSON object, one a line, and proves the chain on the way.
pub fn export(config: &Config, to: &mut dyn Write) -> Result<(), Failure> {
    let mut outcome = Ok(());
    walk(config, |entry| {
        if outcome.is_ok() {
            outcome = writeln!(to, "{}", line(entry));
        }
    })?;
    outcome.map_err(|error| Failure::failed(format!("cannot write the records: {error}")))
}

fn walk(config: &Config, show: impl FnMut(&Entry<'_>)) -> Result<Head, Failure> {
    let keep = open_keep(config)?;
    audit::verify(&**keep.store(), keep.seal(), show).map_err(|error| Failure::failed(error.to_string()))
}

fn line(entry: &Entry<'_>) -> serde_json::Value {
    let at = OffsetDateTime::from_unix_timestamp_nanos(i128::from(entry.at_micros) * 1000).ok();
    let kind = match entry.kind {
        Kind::Operation => "operation",
        Kind::Opened => "opened",
        Kind::Server => "server",
    };
    json!({
        "kind": kind,
        "at": at.and_then(|at| at.format(&Rfc3339).ok()),
        "caller": entry.caller,
        "address": entry.address,
        "version": entry.version.to_string(),
        "operation": entry.operation.row().map(|row| row.ident),
        "objects": entry.objects.split_whitespace().collect::<Vec<_>>(),
        "outcome": if entry.reason.is_some() { "failed" } else { "success" },
        "reason": entry.reason.map(|reason| reason.to_string()),
        "correlation": entry.correlation,
    })
}
