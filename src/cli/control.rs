//! The control socket of a running server: how a command on the same machine asks the server for what only the one
//! that has the store open can do. The socket lies in a directory of the server's user alone (0700); nothing is reachable
//! over the network.
//!
//! A request is one line of JSON, `{"command": NAME, ...}`. The answer begins with one line, `ok WORDS` or `error WORDS`;
//! what follows it until the end of the connection is the command's own.

use std::fs;
use std::io::{Error, ErrorKind, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use serde_json::Value as Json;
use zeroize::Zeroizing;

use super::config::Config;
use super::failure::Failure;
use super::files;

/// Longest line, in bytes.
pub const LINE_BYTES_MAX: usize = 16 * 1024;
/// How long one side waits for the other.
const TIMEOUT: Duration = Duration::from_secs(60);

/// What the server does with one request: it writes the answer, from the first line on. Runs on a thread of its own.
pub type Handler = Arc<dyn Fn(&Json, &mut UnixStream) -> std::io::Result<()> + Send + Sync>;

/// Where the socket of a server lies: beside its root file.
pub fn socket(config: &Config) -> PathBuf {
    files::directory_of(&config.root.path).join("control").join("socket")
}

/// Opens a socket file. One that an earlier run left is taken away: the store is locked by now, so nobody listens there.
pub fn listen(path: &Path) -> Result<UnixListener, Failure> {
    files::make_directory(files::directory_of(path))?;
    if path.exists() {
        fs::remove_file(path).map_err(|error| Failure::failed(format!("cannot remove {}: {error}", path.display())))?;
    }
    UnixListener::bind(path).map_err(|error| Failure::failed(format!("cannot listen on {}: {error}", path.display())))
}

/// Reads one line, without its end, and not a byte after it.
pub fn read_line(mut connection: &UnixStream) -> std::io::Result<Zeroizing<String>> {
    connection.set_read_timeout(Some(TIMEOUT))?;
    connection.set_write_timeout(Some(TIMEOUT))?;
    let mut line = Zeroizing::new(Vec::with_capacity(LINE_BYTES_MAX));
    let mut byte = [0];
    while connection.read(&mut byte)? == 1 && byte != *b"\n" {
        if line.len() == LINE_BYTES_MAX {
            return Err(Error::new(ErrorKind::InvalidData, "the line is too long"));
        }
        line.push(byte[0]);
    }
    let text = std::str::from_utf8(&line).map_err(|error| Error::new(ErrorKind::InvalidData, error))?;
    Ok(Zeroizing::new(text.to_owned()))
}

/// Opens the socket and answers on it until the process ends.
///
/// # Errors
/// The socket cannot be made; the server can do without it.
pub fn start(config: &Config, handler: Handler) -> Result<(), Failure> {
    let listener = listen(&socket(config))?;
    let accept = move || {
        for mut connection in listener.incoming().flatten() {
            let handler = handler.clone();
            let answer = move || {
                if let Err(error) = respond(&mut connection, &handler) {
                    tracing::debug!(%error, "a connection of the control socket ended early");
                }
            };
            if let Err(error) = thread::Builder::new().name("control".into()).spawn(answer) {
                tracing::error!(%error, "a request of the control socket is not answered");
            }
        }
    };
    let thread = thread::Builder::new().name("control".into()).spawn(accept);
    thread.map(drop).map_err(|error| Failure::failed(format!("cannot start a thread: {error}")))
}

fn respond(connection: &mut UnixStream, handler: &Handler) -> std::io::Result<()> {
    let line = read_line(connection)?;
    match serde_json::from_str(&line) {
        Ok(request) => handler(&request, connection),
        Err(_) => writeln!(connection, "error the request is not a line of JSON"),
    }
}

/// Whether a server listens there.
pub fn is_there(config: &Config) -> bool {
    UnixStream::connect(socket(config)).is_ok()
}

/// Asks the server that has the data directory open. None if no server listens there.
///
/// # Errors
/// The server refused; the error has its words.
pub fn ask(config: &Config, request: &Json) -> Result<Option<UnixStream>, Failure> {
    let path = socket(config);
    let Ok(mut connection) = UnixStream::connect(&path) else { return Ok(None) };
    let fail = |error: Error| Failure::failed(format!("the server at {}: {error}", path.display()));
    connection.write_all(format!("{request}\n").as_bytes()).map_err(fail)?;
    let answer = read_line(&connection).map_err(fail)?;
    match answer.split_once(' ').unwrap_or((&answer, "")) {
        ("ok", _) => Ok(Some(connection)),
        ("error", words) => Err(Failure::failed(words.to_owned())),
        _ => Err(Failure::failed("the server did not answer")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_request_is_answered_or_refused_and_an_absent_server_is_none() {
        let directory = tempfile::tempdir().unwrap();
        let mut config = Config::default();
        config.root.path = directory.path().join("root.key");
        assert!(ask(&config, &json!({"command": "echo"})).unwrap().is_none(), "nobody listens");
        let handler: Handler = Arc::new(|request, connection| match request["command"].as_str() {
            Some("echo") => write!(connection, "ok done\n{}", request["text"].as_str().unwrap_or_default()),
            _ => writeln!(connection, "error no such command"),
        });
        start(&config, handler).unwrap();
        let mut rest = String::new();
        let answer = ask(&config, &json!({"command": "echo", "text": "a\nb"})).unwrap();
        answer.unwrap().read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "a\nb");
        assert_eq!(ask(&config, &json!({"command": "other"})).unwrap_err().words, "no such command");
    }
}
