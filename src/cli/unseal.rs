//! `keyhaven unseal`: shares of the root reach a sealed server through a socket file in the data directory. The socket
//! lies in a directory of the server's user alone, so whoever can use it could also read the server's memory; nothing is
//! reachable over the network. A share is one line, its answer is one line, and the socket is gone when the root is open.

use std::fs;
use std::io::{BufRead, BufReader, IsTerminal, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::config::Config;
use super::control::{LINE_BYTES_MAX, read_line};
use super::failure::Failure;
use super::files;
use super::passphrase::ask;

/// Where the socket of a server lies: beside its root file.
pub fn socket(config: &Config) -> PathBuf {
    files::directory_of(&config.root.path).join("unseal").join("socket")
}

/// Answers one line at a time until `give` says that it was the last.
pub fn serve(listener: &UnixListener, give: &mut dyn FnMut(&str) -> (String, bool)) {
    for connection in listener.incoming() {
        let Ok(mut connection) = connection else { continue };
        let done = match read_line(&connection) {
            Ok(share) => {
                let (answer, done) = give(&share);
                // A person who does not wait for the answer asks /readyz.
                let _ = writeln!(connection, "{answer}");
                done
            }
            Err(_) => false,
        };
        if done {
            break;
        }
    }
    if let Ok(address) = listener.local_addr()
        && let Some(path) = address.as_pathname()
    {
        let _ = fs::remove_file(path);
    }
}

/// Gives a share to the server: from a file, or asked for at the terminal. Gives the server's answer.
pub fn unseal(config: &Config, file: Option<&Path>) -> Result<String, Failure> {
    let share = match file {
        Some(file) => {
            let bytes = files::read(file)?;
            let text =
                std::str::from_utf8(&bytes).map_err(|_| Failure::usage(format!("{} is not text", file.display())))?;
            Zeroizing::new(text.lines().next().unwrap_or_default().to_owned())
        }
        None if std::io::stdin().is_terminal() => Zeroizing::new(ask("Share of the root")?.expose().to_owned()),
        None => {
            let mut line = Zeroizing::new(String::new());
            let read = BufReader::new(std::io::stdin().lock().take(LINE_BYTES_MAX as u64)).read_line(&mut line);
            read.map_err(|error| Failure::failed(format!("cannot read the share: {error}")))?;
            line
        }
    };
    let path = socket(config);
    let fail =
        |error: std::io::Error| Failure::failed(format!("no server waits for shares at {}: {error}", path.display()));
    let mut connection = UnixStream::connect(&path).map_err(fail)?;
    connection.write_all(format!("{}\n", share.trim()).as_bytes()).map_err(fail)?;
    let answer = read_line(&connection).map_err(fail)?;
    match answer.trim().split_once(' ') {
        Some(("ok", words)) => Ok(words.to_owned()),
        Some(("error", words)) => Err(Failure::failed(words.to_owned())),
        _ => Err(Failure::failed("the server did not answer")),
    }
}
