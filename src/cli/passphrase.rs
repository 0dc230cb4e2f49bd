//! The passphrase of the root: from a file, from the environment, or asked for at the terminal.

use std::io::IsTerminal;

use console::Term;

use super::config::Root;
use super::failure::Failure;
use super::users::read_password;
use crate::base::Pin;

/// The environment variable that may hold the passphrase.
pub const VARIABLE: &str = "KEYHAVEN_PASSPHRASE";

/// Gets the passphrase: the configured file, then the environment, then the terminal.
pub fn passphrase(root: &Root) -> Result<Pin, Failure> {
    if let Some(path) = &root.passphrase_file {
        return read_password(path);
    }
    if let Ok(text) = std::env::var(VARIABLE) {
        return Ok(Pin::new(text));
    }
    if !std::io::stdin().is_terminal() {
        return Err(Failure::usage(format!(
            "the root needs a passphrase, and there is no terminal to ask at: set {VARIABLE} or [root] passphrase_file"
        )));
    }
    let terminal = Term::stderr();
    let asked = terminal.write_str("Passphrase of the root: ").and_then(|()| terminal.read_secure_line());
    asked.map(Pin::new).map_err(|error| Failure::failed(format!("cannot read the passphrase: {error}")))
}
