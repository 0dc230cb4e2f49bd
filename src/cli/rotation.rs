//! `keyhaven root rotate`: the root key, or with `--namespace` the namespace key below it. A running server is asked over
//! `control` and goes on serving; otherwise the command opens the store itself. After `ok`, the lines of the answer are:
//! `share TEXT` for each share of a new root and `stored?`, which the command answers with `stored` when it has them on
//! the disk; `progress DONE TOTAL WORDS`; at last `done WORDS` or `failed WORDS`.

use std::io::{Error, ErrorKind, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::thread;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value as Json, json};
use zeroize::Zeroizing;

use super::config::{Config, RootKind};
use super::control;
use super::failure::Failure;
use super::files;
use super::passphrase::new_passphrase;
use super::seams::store_options;
use super::service::KeyService;
use crate::base::Pin;
use crate::gate::Core;
use crate::gate::open::{HandOver, namespace_versions};
use crate::keep::rotation::{Progress, Step};
use crate::store::Embedded;
use crate::vault::root::{Old, Renewal};

/// The command names in a request.
pub const ROOT: &str = "rotate-root";
/// The same.
pub const NAMESPACE: &str = "rotate-namespace";
/// The same, for how far a rotation is.
pub const STATE: &str = "rotation";

/// Keys in one commit of a rotation of the namespace key: sled locks readers out for about a hundredth of a millisecond
/// a key, and a record has up to twenty.
const BATCH: usize = 16;
/// After each commit the rotation rests for as many times as long as it took: requests have the machine.
const REST: u32 = 2;
/// How often a core that rotates nothing is asked.
const IDLE: Duration = Duration::from_millis(250);
/// After a failure the rotation waits; its words are in the log.
const FAILED: Duration = Duration::from_secs(30);
/// How often progress is told.
const TELL: Duration = Duration::from_millis(200);

/// What the operator chose.
#[derive(Debug, Default)]
pub struct Choice {
    /// The namespace key, not the root.
    pub namespace: bool,
    /// Old versions in an HSM are destroyed.
    pub destroy_old: bool,
    /// The new passphrase.
    pub passphrase_file: Option<PathBuf>,
    /// How many new shares.
    pub shares: u32,
    /// How many of them open the root.
    pub threshold: u32,
    /// Where they are written.
    pub share_directory: Option<PathBuf>,
}

/// Goes on with rotations of the namespace key for as long as the core lives.
///
/// # Errors
/// The thread cannot be started.
pub fn start(core: &Arc<Core>) -> std::io::Result<()> {
    let core = Arc::downgrade(core);
    let run = move || {
        while let Some(core) = Weak::upgrade(&core) {
            let pause = go_on(&core);
            drop(core);
            thread::sleep(pause);
        }
    };
    thread::Builder::new().name("rotation".into()).spawn(run).map(drop)
}

/// Does a step, waits until it is durable, and gives how long to rest.
fn go_on(core: &Core) -> Duration {
    let start = Instant::now();
    let failed = match core.rotation_step(BATCH) {
        Ok(Step::Idle) => return IDLE,
        Ok(Step::Again) => return Duration::from_millis(1),
        Ok(Step::After(sequence)) => match core.store().wait_durable(sequence) {
            Ok(()) => return start.elapsed() * REST,
            Err(error) => error.to_string(),
        },
        Err(error) => error.to_string(),
    };
    tracing::error!(error = failed, "the rotation of the namespace key cannot go on; it is tried again");
    FAILED
}

/// Answers a request of the command on the server's side.
pub fn serve(core: &Core, request: &Json, connection: &mut UnixStream) -> std::io::Result<()> {
    writeln!(connection, "ok")?;
    let outcome = match request["command"].as_str() {
        Some(NAMESPACE) => rotate_namespace(core, &mut |progress| tell(connection, progress).is_ok()),
        Some(STATE) => {
            core.rotation().map(|progress| progress.map_or(String::new(), percent)).map_err(|error| error.to_string())
        }
        _ => {
            let renewal = heard(request, connection)?;
            let old = if request["destroy_old"] == true { Old::Destroy } else { Old::Deactivate };
            rotate_root(core, &renewal, old, &mut |shares| {
                hand_over(connection, shares).map_err(|error| error.to_string())
            })
        }
    };
    match outcome {
        Ok(words) => writeln!(connection, "done {words}"),
        Err(words) => writeln!(connection, "failed {}", words.replace('\n', " ")),
    }
}

fn tell(connection: &mut UnixStream, progress: &Progress) -> std::io::Result<()> {
    writeln!(connection, "progress {} {} {}", progress.done, progress.total, progress.pass.words())
}

fn percent(progress: Progress) -> String {
    let percent = (progress.done * 100).checked_div(progress.total).unwrap_or(0);
    format!("the namespace key is being rotated: {percent}%, {}", progress.pass.words())
}

/// A rotation that is not finished, in words for `check`.
pub fn unfinished(config: &Config) -> Option<String> {
    let lines = std::fs::read_to_string(&config.root.path).map(Zeroizing::new).ok()?.lines().count();
    if lines > 2 {
        return Some(format!("{} has two versions: a rotation of the root was cut off", config.root.path.display()));
    }
    if let Ok(Some(connection)) = control::ask(config, &json!({"command": STATE})) {
        let line = control::read_line(&connection).ok()?;
        return line.strip_prefix("done ").filter(|words| !words.is_empty()).map(str::to_owned);
    }
    if !config.store.directory.is_dir() {
        return None;
    }
    let store = Embedded::open(store_options(config)).ok()?;
    (namespace_versions(&store).ok()? > 1).then(|| "a rotation of the namespace key is not finished".to_owned())
}

/// What the new version is made of. A passphrase comes on a line of its own, which is wiped.
fn heard(request: &Json, connection: &UnixStream) -> std::io::Result<Renewal> {
    let number = |name: &str| request[name].as_u64().and_then(|number| u32::try_from(number).ok()).unwrap_or(0);
    Ok(match request["kind"].as_str() {
        Some("passphrase") => Renewal::Passphrase(Pin::new(control::read_line(connection)?.to_string())),
        Some("shares") => Renewal::Shares { parts: number("parts"), threshold: number("threshold") },
        _ => Renewal::Key,
    })
}

/// Gives the shares to the command, and waits until it has put them down.
fn hand_over(connection: &mut UnixStream, shares: &[Zeroizing<String>]) -> std::io::Result<()> {
    if shares.is_empty() {
        return Ok(());
    }
    for share in shares {
        connection.write_all(Zeroizing::new(format!("share {}\n", **share)).as_bytes())?;
    }
    writeln!(connection, "stored?")?;
    match control::read_line(connection)?.as_str() {
        "stored" => Ok(()),
        _ => Err(Error::new(ErrorKind::UnexpectedEof, "the new shares were not stored; nothing was changed")),
    }
}

fn rotate_root(core: &Core, renewal: &Renewal, old: Old, hand_over: &mut HandOver<'_>) -> Result<String, String> {
    let rotated = core.rotate_root(renewal, old, hand_over).map_err(|error| error.to_string())?;
    let and = match renewal {
        Renewal::Key => "",
        Renewal::Passphrase(_) => " The next start needs the new passphrase: put it where the configuration says.",
        Renewal::Shares { .. } => " The old shares open nothing any more: hand out the new ones.",
    };
    Ok(format!(
        "Version {} of the root key wraps the namespace key; older versions are out of use. Back up the root anew.{and}",
        rotated.version
    ))
}

/// Begins, or joins, a rotation of the namespace key, and shows its progress until it is done or `show` says stop: the
/// rotation goes on without whoever looks at it.
fn rotate_namespace(core: &Core, show: &mut dyn FnMut(&Progress) -> bool) -> Result<String, String> {
    core.rotate_namespace().map_err(|error| error.to_string())?;
    let words = |error: crate::base::Error| error.to_string();
    while let Some(progress) = core.rotation().map_err(words)? {
        if !show(&progress) {
            return Ok("The rotation goes on.".into());
        }
        thread::sleep(TELL);
    }
    Ok(format!(
        "Everything is sealed under version {} of the namespace key; the version before it is wiped. Copies of the store \
         from before need the root of before: rotate the root too if they may be in wrong hands.",
        core.keep().seal().version()
    ))
}

/// Rotates, by the running server or here, and gives the words for the operator.
pub fn rotate(config: &Config, choice: &Choice) -> Result<String, Failure> {
    let kind = config.root.kind;
    let request = match (choice.namespace, kind) {
        (true, _) => json!({"command": NAMESPACE}),
        (false, RootKind::File | RootKind::Pkcs11) => json!({"command": ROOT, "destroy_old": choice.destroy_old}),
        (false, RootKind::Passphrase) => json!({"command": ROOT, "kind": "passphrase"}),
        (false, RootKind::Shares) => {
            json!({"command": ROOT, "kind": "shares", "parts": choice.shares, "threshold": choice.threshold})
        }
    };
    let renewal = match (choice.namespace, kind) {
        (false, RootKind::Passphrase) => Renewal::Passphrase(new_passphrase(choice.passphrase_file.as_deref())?),
        (false, RootKind::Shares) => Renewal::Shares { parts: choice.shares, threshold: choice.threshold },
        _ => Renewal::Key,
    };
    let mut client = Client { bar: bar()?, directory: share_directory(config, choice), shares: Vec::new() };
    if let Some(connection) = control::ask(config, &request)? {
        return client.follow(connection, &renewal);
    }
    let service = KeyService::open(config)?;
    let core = service.core_for_command()?;
    let outcome = if choice.namespace {
        rotate_namespace(&core, &mut |progress| {
            client.show(progress.done, progress.total, progress.pass.words());
            true
        })
    } else {
        let old = if choice.destroy_old { Old::Destroy } else { Old::Deactivate };
        rotate_root(&core, &renewal, old, &mut |shares| {
            write_shares(&client.directory, shares).map_err(|failure| failure.words)
        })
    };
    client.bar.finish_and_clear();
    outcome.map_err(Failure::failed)
}

/// Where new shares are written, if there are any: not over those of before.
fn share_directory(config: &Config, choice: &Choice) -> PathBuf {
    let beside_root = || files::directory_of(&config.root.path).join("shares-new");
    choice.share_directory.clone().unwrap_or_else(beside_root)
}

/// Writes each share to a file of its own.
fn write_shares(directory: &Path, shares: &[Zeroizing<String>]) -> Result<(), Failure> {
    if shares.is_empty() {
        return Ok(());
    }
    files::make_directory(directory)?;
    for (at, share) in shares.iter().enumerate() {
        let text = Zeroizing::new(format!("{}\n", **share));
        files::write_new(&directory.join(format!("share-{}.txt", at + 1)), text.as_bytes(), files::SECRET)?;
    }
    // The names are on the disk too.
    std::fs::File::open(directory)
        .and_then(|directory| directory.sync_all())
        .map_err(|error| Failure::failed(format!("cannot write {}: {error}", directory.display())))
}

fn bar() -> Result<ProgressBar, Failure> {
    let style = ProgressStyle::with_template("{msg} [{wide_bar}] {percent}% {elapsed}")
        .map_err(|error| Failure::failed(error.to_string()))?;
    let bar = ProgressBar::new(0).with_style(style);
    Ok(bar)
}

/// The command's side of the conversation.
struct Client {
    bar: ProgressBar,
    directory: PathBuf,
    shares: Vec<Zeroizing<String>>,
}

impl Client {
    fn show(&self, done: u64, total: u64, words: &str) {
        self.bar.set_length(total);
        self.bar.set_position(done);
        self.bar.set_message(words.to_owned());
    }

    fn follow(&mut self, mut connection: UnixStream, renewal: &Renewal) -> Result<String, Failure> {
        let gone = |error: Error| Failure::connection(format!("the server did not answer: {error}"));
        if let Renewal::Passphrase(passphrase) = renewal {
            let line = Zeroizing::new(format!("{}\n", passphrase.expose()));
            connection.write_all(line.as_bytes()).map_err(gone)?;
        }
        loop {
            let line = control::read_line(&connection).map_err(gone)?;
            match line.split_once(' ').unwrap_or((&line, "")) {
                ("share", text) => self.shares.push(Zeroizing::new(text.to_owned())),
                ("stored?", _) => {
                    write_shares(&self.directory, &self.shares)?;
                    connection.write_all(b"stored\n").map_err(gone)?;
                }
                ("progress", numbers) => {
                    let mut words = numbers.splitn(3, ' ');
                    let mut number = || words.next().and_then(|word| word.parse().ok()).unwrap_or(0);
                    let (done, total) = (number(), number());
                    self.show(done, total, words.next().unwrap_or_default());
                }
                ("done", words) => {
                    self.bar.finish_and_clear();
                    return Ok(words.to_owned());
                }
                ("failed", words) => {
                    self.bar.finish_and_clear();
                    return Err(Failure::failed(words.to_owned()));
                }
                _ => return Err(Failure::connection("the server ended the conversation; it may have stopped")),
            }
        }
    }
}
