//! Secrets that a start needs: the passphrase of the root, the PIN of the token. From a file, from the environment, or
//! asked for at the terminal.

use std::io::IsTerminal;
use std::path::Path;

use console::Term;

use super::config::{HsmSettings, Root};
use super::failure::Failure;
use super::users::read_password;
use crate::base::Pin;

/// The environment variable that may hold the passphrase.
pub const VARIABLE: &str = "KEYHAVEN_PASSPHRASE";
/// The environment variable that may hold the PIN.
pub const PIN_VARIABLE: &str = "KEYHAVEN_PIN";

/// Gets the passphrase: the configured file, then the environment, then the terminal.
pub fn passphrase(root: &Root) -> Result<Pin, Failure> {
    secret(root.passphrase_file.as_deref(), VARIABLE, "Passphrase of the root", "[root] passphrase_file")
}

/// Gets the PIN of the token, in the same order.
pub fn pin(hsm: &HsmSettings) -> Result<Pin, Failure> {
    secret(hsm.pin_file.as_deref(), PIN_VARIABLE, "PIN of the token", "[hsm] pin_file")
}

/// The environment variable that may hold the new passphrase of a rotation.
const NEW_VARIABLE: &str = "KEYHAVEN_NEW_PASSPHRASE";

/// Gets the passphrase that a rotated root is to have: a file, then the environment, then twice the terminal.
pub fn new_passphrase(file: Option<&Path>) -> Result<Pin, Failure> {
    let name = "New passphrase of the root";
    let new = secret(file, NEW_VARIABLE, name, "--new-passphrase-file")?;
    let asked = file.is_none() && std::env::var_os(NEW_VARIABLE).is_none();
    if asked && ask("The same again")?.expose() != new.expose() {
        return Err(Failure::usage("the two passphrases differ; nothing was changed"));
    }
    if new.expose().is_empty() {
        return Err(Failure::usage("the new passphrase is empty; nothing was changed"));
    }
    Ok(new)
}

fn secret(file: Option<&Path>, variable: &str, name: &str, setting: &str) -> Result<Pin, Failure> {
    if let Some(path) = file {
        return read_password(path);
    }
    if let Ok(text) = std::env::var(variable) {
        return Ok(Pin::new(text));
    }
    if !std::io::stdin().is_terminal() {
        return Err(Failure::usage(format!(
            "the {name} is needed, and there is no terminal to ask at: set {variable} or {setting}"
        )));
    }
    ask(name)
}

/// Asks at the terminal without showing what is typed.
pub fn ask(name: &str) -> Result<Pin, Failure> {
    let terminal = Term::stderr();
    let asked = terminal.write_str(&format!("{name}: ")).and_then(|()| terminal.read_secure_line());
    asked.map(Pin::new).map_err(|error| Failure::failed(format!("cannot read the {name}: {error}")))
}
