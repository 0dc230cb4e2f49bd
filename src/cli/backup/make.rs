//! A backup from a store, or from the server that has it open, into a file.

use std::io::{BufReader, ErrorKind, Read, Write, pipe};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use serde_json::{Value as Json, json};
use time::OffsetDateTime;

use super::{Counted, facts, fail, now, public_key, rate, tell};
use crate::backup::frames::Raw;
use crate::backup::header::{Header, Recovery};
use crate::backup::ledger::{self, Maker, epoch_of};
use crate::backup::{self, BackupError, Made, draft, namespace};
use crate::cli::config::Config;
use crate::cli::control;
use crate::cli::failure::Failure;
use crate::cli::files;
use crate::cli::progress::bar;
use crate::cli::seams::{entropy, open_root, store_options};
use crate::gate::open::open_seal;
use crate::keep::seal::Seal;
use crate::store::{Embedded, Store};
use crate::vault::root::Root;

/// Name and version of the product, for headers.
pub const PRODUCT: &str = concat!("keyhaven ", env!("CARGO_PKG_VERSION"));

/// What is asked for; with the text of a recovery key, PEM.
#[derive(Clone, Debug)]
pub enum What {
    /// A backup.
    Backup(Option<String>),
    /// A ledger copy.
    Ledger(Option<String>),
}

/// The command names in a request.
pub const BACKUP: &str = "backup";
/// The same.
pub const LEDGER: &str = "ledger-copy";

impl What {
    /// What a request on the control socket asks for, if it is of this kind.
    pub fn asked(request: &Json) -> Option<Self> {
        let recovery = || request["recovery_key"].as_str().map(str::to_owned);
        match request["command"].as_str() {
            Some(BACKUP) => Some(Self::Backup(recovery())),
            Some(LEDGER) => Some(Self::Ledger(recovery())),
            _ => None,
        }
    }

    fn request(&self) -> Json {
        match self {
            Self::Backup(recovery) => json!({"command": BACKUP, "recovery_key": recovery}),
            Self::Ledger(recovery) => json!({"command": LEDGER, "recovery_key": recovery}),
        }
    }

    /// Its ending, where the name is made by the time.
    fn extension(&self) -> &'static str {
        match self {
            Self::Backup(_) => "backup",
            Self::Ledger(_) => ledger::find::EXTENSION,
        }
    }

    /// Reads the header of one.
    fn head(&self, from: &mut dyn Read) -> Result<Head, BackupError> {
        Ok(match self {
            Self::Backup(_) => {
                let (header, _) = Header::read(from)?;
                Head {
                    id: header.id,
                    created: header.created,
                    begun_at: header.begun_at,
                    pieces: header.pieces,
                    epoch: None,
                }
            }
            Self::Ledger(_) => {
                let (header, _) = ledger::header::Header::read(from)?;
                let epoch = Some(header.epoch);
                Head { id: header.id, created: header.created, begun_at: header.begun_at, pieces: 0, epoch }
            }
        })
    }
}

/// What a header says that is told.
pub struct Head {
    id: String,
    created: String,
    begun_at: u64,
    pieces: u64,
    epoch: Option<u32>,
}

/// Writes what is asked for. `begin` is called when nothing but the store, the disk and `out` can fail any more.
pub fn write(
    what: &What,
    store: &dyn Store,
    seal: &Seal,
    root: &dyn Root,
    begin: impl FnOnce() -> std::io::Result<()>,
    out: &mut dyn Write,
) -> Result<(), BackupError> {
    let to =
        |pem: &String| public_key(pem.as_bytes()).map_err(|_| BackupError::Refused("the recovery key is no RSA key"));
    match what {
        What::Backup(recovery) => {
            let recovery = match recovery {
                Some(pem) => {
                    let keys = namespace::open(&namespace::rows(store)?, root)?;
                    Some(Recovery::new(&keys, &to(pem)?, entropy())?)
                }
                None => None,
            };
            let root_version = &|wrapped: &[u8]| root.version_of(wrapped);
            let made = Made { product: PRODUCT, created: now(), root: root.kind(), root_version, recovery };
            begin()?;
            let end = backup::write(store, seal, made, &*entropy(), out)?;
            tracing::info!(commit = end.at.last.0, rows = end.rows, "a backup was made");
        }
        What::Ledger(recovery) => {
            let recovery = recovery.as_ref().map(to).transpose()?;
            let (epoch, recovery) = (epoch_of(root)?, recovery.as_ref());
            let maker = Maker { product: PRODUCT, created: now(), root, epoch, recovery, entropy: &entropy };
            begin()?;
            let ledger::Written { copied, damaged } = ledger::write(store, seal, &maker, out)?;
            let end = copied.end;
            tracing::info!(commit = end.at.last.0, rows = end.rows, epoch, damaged, "a ledger copy was made");
        }
    }
    Ok(())
}

/// Runs `keyhaven backup`: the backup, and after it, so that it is not older, the ledger copy. The backup gets its name when
/// both are whole.
pub fn make(
    config: &Config,
    out: &Path,
    recovery: Option<&Path>,
    also_ledger: bool,
    as_json: bool,
) -> Result<(), Failure> {
    let recovery = recovery.map(read_recovery).transpose()?;
    let begun = Instant::now();
    let origin = Origin::open(config)?;
    let backup = What::Backup(recovery.clone());
    if out == Path::new("-") {
        eprintln!("keyhaven: there is no ledger copy with this backup; make one after it with `keyhaven ledger copy`");
        origin.copy(&backup, &mut std::io::stdout().lock())?;
        return Ok(());
    }
    let path = named(out, &backup);
    let beside = path.with_extension(ledger::find::EXTENSION);
    if beside == path {
        return Err(Failure::usage("the name of a backup must not end in .ledger: its ledger copy gets that name"));
    }
    let copy = What::Ledger(recovery.filter(|_| also_ledger));
    let ((head, bytes), (ledger, ledger_bytes)) = into_file(&path, |to| {
        let made = origin.copy(&backup, to)?;
        Ok((made, into_file(&beside, |to| origin.copy(&copy, to))?))
    })?;
    let seconds = begun.elapsed().as_secs_f64();
    let mut report = facts(&head.id, &head.created, bytes, seconds);
    report["file"] = json!(path);
    report["begun_at"] = json!(head.begun_at);
    report["ledger"] = json!({
        "file": beside, "id": ledger.id, "bytes": ledger_bytes, "epoch": ledger.epoch, "begun_at": ledger.begun_at,
    });
    let words = format!(
        "{} is backup {} of all up to commit {} and some later: {bytes} bytes in {seconds:.1} s ({} MB/s). The secrets of \
         the objects are in {}, {ledger_bytes} bytes: a ledger copy of epoch {}, which the next roll ends.",
        path.display(),
        head.id,
        head.begun_at,
        rate(bytes, seconds),
        beside.display(),
        ledger.epoch.unwrap_or_default(),
    );
    tell(as_json, &words, &report);
    Ok(())
}

/// Runs `keyhaven ledger copy`.
pub fn make_ledger(config: &Config, out: &Path, recovery: Option<&Path>, as_json: bool) -> Result<(), Failure> {
    let what = What::Ledger(recovery.map(read_recovery).transpose()?);
    let begun = Instant::now();
    let origin = Origin::open(config)?;
    let path = named(out, &what);
    let (head, bytes) = into_file(&path, |to| origin.copy(&what, to))?;
    let mut report = facts(&head.id, &head.created, bytes, begun.elapsed().as_secs_f64());
    report["file"] = json!(path);
    report["begun_at"] = json!(head.begun_at);
    report["epoch"] = json!(head.epoch);
    let outlives = match recovery {
        Some(_) => "It outlives every roll for whoever has the recovery key: remove it yourself in time.",
        None => "It opens until the next roll.",
    };
    let words = format!(
        "{} is ledger copy {} of epoch {}: {bytes} bytes. {outlives}",
        path.display(),
        head.id,
        head.epoch.unwrap_or_default(),
    );
    tell(as_json, &words, &report);
    Ok(())
}

fn read_recovery(path: &Path) -> Result<String, Failure> {
    let pem = files::read_text(path)?;
    public_key(pem.as_bytes()).map_err(|words| Failure::usage(format!("{}: {words}", path.display())))?;
    Ok(pem)
}

/// Where the bytes come from: the running server, or this process, which has the store open.
enum Origin<'a> {
    Server(&'a Config),
    Here { store: Arc<dyn Store>, seal: Arc<Seal>, root: Arc<dyn Root> },
}

impl<'a> Origin<'a> {
    fn open(config: &'a Config) -> Result<Self, Failure> {
        if control::is_there(config) {
            return Ok(Self::Server(config));
        }
        let root = open_root(config)?.root;
        let cannot = |error: &dyn std::fmt::Display| Failure::failed(error.to_string());
        let store = Embedded::open(store_options(config)).map_err(|error| cannot(&error))?;
        let seal = open_seal(&store, &*root).map_err(|error| cannot(&error))?;
        let seal = seal.ok_or_else(|| Failure::failed("the store is new: no server has used it yet"))?;
        Ok(Self::Here { store: Arc::new(store), seal: Arc::new(seal), root })
    }

    /// Copies one to its end, frame by frame: what is cut off is noticed. Gives its length in bytes too.
    fn copy(&self, what: &What, to: &mut dyn Write) -> Result<(Head, u64), Failure> {
        let (store, seal, root) = match self {
            Self::Server(config) => {
                let gone = || Failure::failed("the server ended meanwhile");
                return copy(what, Box::new(control::ask(config, &what.request())?.ok_or_else(gone)?), to);
            }
            Self::Here { store, seal, root } => (Arc::clone(store), Arc::clone(seal), Arc::clone(root)),
        };
        let cannot = |error: std::io::Error| Failure::failed(error.to_string());
        let (reader, mut writer) = pipe().map_err(cannot)?;
        let own = what.clone();
        let run = move || write(&own, &*store, &seal, &*root, || Ok(()), &mut writer).map_err(fail);
        let thread = thread::Builder::new().name("backup".into()).spawn(run).map_err(cannot)?;
        let copied = copy(what, Box::new(reader), to);
        // What stopped the one who writes is the cause of what stopped the copy.
        thread.join().unwrap_or_else(|_| Err(Failure::failed("writing the backup panicked")))?;
        copied
    }
}

fn copy(what: &What, source: Box<dyn Read>, to: &mut dyn Write) -> Result<(Head, u64), Failure> {
    let mut source = Tee { from: Counted { inner: BufReader::with_capacity(1 << 20, source), bytes: 0 }, to };
    let all = |source: &mut Tee<'_, _>| {
        let head = what.head(source)?;
        let bar = bar("Writing", head.pieces);
        for number in 0.. {
            let raw = Raw::read(source, number)?;
            bar.set_position(raw.pieces());
            if raw.is_last() {
                break;
            }
        }
        bar.finish_and_clear();
        source.to.flush()?;
        Ok(head)
    };
    match all(&mut source) {
        Ok(head) => Ok((head, source.from.bytes)),
        Err(BackupError::CutOff | BackupError::NotABackup | BackupError::NotACopy) => {
            Err(Failure::failed("the backup ended before its end; the log of the server says why. Nothing was kept"))
        }
        Err(error) => Err(Failure::failed(format!("cannot write the backup: {error}"))),
    }
}

/// A file of what `fill` copies.
fn into_file<T>(path: &Path, fill: impl FnOnce(&mut dyn Write) -> Result<T, Failure>) -> Result<T, Failure> {
    let fault = |error: std::io::Error| {
        Failure::failed(match error.kind() {
            ErrorKind::AlreadyExists => format!("{} exists and is not overwritten", path.display()),
            ErrorKind::WouldBlock => format!("another backup is writing {}", path.display()),
            _ => format!("cannot write {}: {error}", path.display()),
        })
    };
    draft::into_file(path, &fault, fill)
}

/// The file: for a directory, one named by the time.
fn named(out: &Path, what: &What) -> PathBuf {
    if out.is_dir() { out.join(format!("keyhaven-{}.{}", stamp(), what.extension())) } else { out.to_owned() }
}

/// The time, for names that sort by it.
pub fn stamp() -> String {
    let now = OffsetDateTime::now_utc();
    let (date, time) = (now.date(), now.time());
    format!(
        "{}{:02}{:02}T{:02}{:02}{:02}Z",
        date.year(),
        u8::from(date.month()),
        date.day(),
        time.hour(),
        time.minute(),
        time.second()
    )
}

/// Writes on what is read.
struct Tee<'a, R> {
    from: R,
    to: &'a mut dyn Write,
}

impl<R: Read> Read for Tee<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.from.read(buffer)?;
        self.to.write_all(&buffer[..count])?;
        Ok(count)
    }
}
