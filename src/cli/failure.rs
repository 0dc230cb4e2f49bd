//! How a command ends: an exit code that a script can rely on, and words that say what to do.

use std::fmt;
use std::process::ExitCode;

/// The exit codes of every command. They are part of the interface.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Exit {
    /// Done.
    Success = 0,
    /// Not done: the server refused, a file is in the way, or `check` or `verify` found what is wrong.
    Failed = 1,
    /// The command line or the configuration file is wrong; nothing was tried.
    Usage = 2,
    /// No usable connection to the server.
    Connection = 3,
    /// `check` or `verify` found only warnings; the server would start.
    Warnings = 4,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a command did not do its work.
#[derive(Debug)]
pub struct Failure {
    /// The exit code.
    pub exit: Exit,
    /// What happened and what to do about it, for a person.
    pub words: String,
}

impl Failure {
    /// The command could not be carried out.
    pub fn failed(words: impl Into<String>) -> Self {
        Self { exit: Exit::Failed, words: words.into() }
    }

    /// The command line or the configuration is wrong.
    pub fn usage(words: impl Into<String>) -> Self {
        Self { exit: Exit::Usage, words: words.into() }
    }

    /// The server cannot be reached or does not speak KMIP over TLS.
    pub fn connection(words: impl Into<String>) -> Self {
        Self { exit: Exit::Connection, words: words.into() }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words)
    }
}

impl std::error::Error for Failure {}
