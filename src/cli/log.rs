//! Log lines: where they go and how they look.

use std::io;

use tracing_subscriber::EnvFilter;

use super::config::{Log, LogFormat, LogLevel};
use super::failure::Failure;

/// Starts logging to the standard error. `RUST_LOG`, if set, overrides the configured level.
pub fn start(log: &Log) -> Result<(), Failure> {
    let lines = tracing_subscriber::fmt().with_env_filter(filter(log.level)?).with_writer(io::stderr);
    let started = match log.format {
        LogFormat::Text => lines.with_ansi(io::IsTerminal::is_terminal(&io::stderr())).try_init(),
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
    };
    started.map_err(|error| Failure::failed(format!("cannot start logging: {error}")))
}

fn filter(level: LogLevel) -> Result<EnvFilter, Failure> {
    match std::env::var(EnvFilter::DEFAULT_ENV) {
        Ok(directives) if !directives.is_empty() => EnvFilter::try_new(&directives)
            .map_err(|error| Failure::usage(format!("RUST_LOG={directives:?} is not understood: {error}"))),
        _ => Ok(EnvFilter::new(level_name(level))),
    }
}

fn level_name(level: LogLevel) -> &'static str {
    match level {
        LogLevel::Error => "error",
        LogLevel::Warn => "warn",
        LogLevel::Info => "info",
        LogLevel::Debug => "debug",
        LogLevel::Trace => "trace",
    }
}
