//! A backup from a store, or from the server that has it open, into a file.

use std::fs::{self, File, OpenOptions};
use std::io::{BufReader, BufWriter, Read, Write, pipe};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Instant;

use serde_json::json;
use time::OffsetDateTime;

use super::{Counted, facts, fail, now, public_key, rate, tell};
use crate::backup::frames::Raw;
use crate::backup::header::{Header, Recovery};
use crate::backup::{self, BackupError, Made, namespace};
use crate::cli::config::Config;
use crate::cli::control;
use crate::cli::failure::Failure;
use crate::cli::files::{self, SECRET};
use crate::cli::progress::bar;
use crate::cli::seams::{entropy, open_root, store_options};
use crate::gate::open::open_seal;
use crate::keep::seal::Seal;
use crate::store::{Embedded, Store};
use crate::vault::root::Root;

/// Writes a backup of a store. `recovery` is the text of a PEM file. `begin` is called when nothing but the store, the
/// disk and `out` can fail any more.
pub fn write(
    store: &dyn Store,
    seal: &Seal,
    root: &dyn Root,
    recovery: Option<&str>,
    begin: impl FnOnce() -> std::io::Result<()>,
    out: &mut dyn Write,
) -> Result<(), BackupError> {
    let recovery = match recovery {
        Some(pem) => {
            let to = public_key(pem.as_bytes()).map_err(|_| BackupError::Refused("the recovery key is no RSA key"))?;
            let keys = namespace::open(&namespace::rows(store)?, root)?;
            Some(Recovery::new(&keys, &to, entropy())?)
        }
        None => None,
    };
    let made = Made {
        product: concat!("keyhaven ", env!("CARGO_PKG_VERSION")),
        created: now(),
        root: root.kind(),
        root_version: &|wrapped| root.version_of(wrapped),
        recovery,
    };
    begin()?;
    let end = backup::write(store, seal, made, &*entropy(), out)?;
    tracing::info!(commit = end.at.last.0, rows = end.rows, "a backup was made");
    Ok(())
}

/// Runs the command.
pub fn make(config: &Config, out: &Path, recovery: Option<&Path>, as_json: bool) -> Result<(), Failure> {
    let recovery = recovery.map(read_recovery).transpose()?;
    let begun = Instant::now();
    let (source, writer) = source(config, recovery)?;
    let to_stdout = out == Path::new("-");
    let copied = if to_stdout {
        copy(source, &mut std::io::stdout().lock())
    } else {
        let path = named(out);
        into_file(source, &path)
    };
    // What stopped the one who writes is the cause of what stopped the copy.
    if let Some(writer) = writer {
        writer.join().unwrap_or_else(|_| Err(Failure::failed("writing the backup panicked")))?;
    }
    let (header, bytes) = copied?;
    if to_stdout {
        return Ok(());
    }
    let seconds = begun.elapsed().as_secs_f64();
    let path = named(out);
    let mut report = facts(&header.id, &header.created, bytes, seconds);
    report["file"] = json!(path);
    report["begun_at"] = json!(header.begun_at);
    let words = format!(
        "{} is backup {} of all up to commit {} and some later: {bytes} bytes in {seconds:.1} s ({} MB/s).",
        path.display(),
        header.id,
        header.begun_at,
        rate(bytes, seconds),
    );
    tell(as_json, &words, &report);
    Ok(())
}

fn read_recovery(path: &Path) -> Result<String, Failure> {
    let pem = files::read_text(path)?;
    public_key(pem.as_bytes()).map_err(|words| Failure::usage(format!("{}: {words}", path.display())))?;
    Ok(pem)
}

type Writing = thread::JoinHandle<Result<(), Failure>>;

/// Where the bytes come from: the running server, or a thread of this process that has the store open.
fn source(config: &Config, recovery: Option<String>) -> Result<(Box<dyn Read>, Option<Writing>), Failure> {
    if let Some(connection) = control::ask(config, &json!({"command": "backup", "recovery_key": recovery}))? {
        return Ok((Box::new(connection), None));
    }
    let root = open_root(config)?.root;
    let cannot = |error: &dyn std::fmt::Display| Failure::failed(error.to_string());
    let store = Embedded::open(store_options(config)).map_err(|error| cannot(&error))?;
    let seal = open_seal(&store, &*root).map_err(|error| cannot(&error))?;
    let seal = seal.ok_or_else(|| Failure::failed("the store is new: no server has used it yet"))?;
    let (reader, mut writer) = pipe().map_err(|error| cannot(&error))?;
    let run = move || write(&store, &seal, &*root, recovery.as_deref(), || Ok(()), &mut writer).map_err(fail);
    let thread = thread::Builder::new().name("backup".into()).spawn(run).map_err(|error| cannot(&error))?;
    Ok((Box::new(reader), Some(thread)))
}

/// Copies a backup to its end, frame by frame: what is cut off is noticed.
fn copy(source: Box<dyn Read>, to: &mut dyn Write) -> Result<(Header, u64), Failure> {
    let mut source = Tee { from: Counted { inner: BufReader::with_capacity(1 << 20, source), bytes: 0 }, to };
    let all = |source: &mut Tee<'_, _>| {
        let (header, _) = Header::read(source)?;
        let bar = bar("Writing", header.pieces);
        for number in 0.. {
            let raw = Raw::read(source, number)?;
            bar.set_position(raw.pieces());
            if raw.is_last() {
                break;
            }
        }
        bar.finish_and_clear();
        source.to.flush()?;
        Ok(header)
    };
    match all(&mut source) {
        Ok(header) => Ok((header, source.from.bytes)),
        Err(BackupError::CutOff | BackupError::NotABackup) => {
            Err(Failure::failed("the backup ended before its end; the log of the server says why. Nothing was kept"))
        }
        Err(error) => Err(Failure::failed(format!("cannot write the backup: {error}"))),
    }
}

/// Copies into a draft beside the file, which gets its name when it is whole and on the disk.
fn into_file(source: Box<dyn Read>, path: &Path) -> Result<(Header, u64), Failure> {
    let cannot = |error: std::io::Error| Failure::failed(format!("cannot write {}: {error}", path.display()));
    let exists = || Failure::failed(format!("{} exists and is not overwritten", path.display()));
    if path.exists() {
        return Err(exists());
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let draft = path.with_file_name(format!(".{name}.partial"));
    // One that a killed run left is written over.
    let file = OpenOptions::new().write(true).create(true).truncate(false).mode(SECRET).open(&draft).map_err(cannot)?;
    if file.try_lock().is_err() {
        return Err(Failure::failed(format!("another backup is writing {}", draft.display())));
    }
    let all = || {
        file.set_len(0).map_err(cannot)?;
        let mut out = BufWriter::with_capacity(1 << 20, &file);
        let copied = copy(source, &mut out)?;
        drop(out);
        file.sync_all().map_err(cannot)?;
        if path.exists() {
            return Err(exists());
        }
        fs::rename(&draft, path).map_err(cannot)?;
        File::open(files::directory_of(path)).and_then(|directory| directory.sync_all()).map_err(cannot)?;
        Ok(copied)
    };
    // If the draft cannot be removed either, the first error is the one to tell.
    all().inspect_err(|_: &Failure| drop(fs::remove_file(&draft)))
}

/// The file: for a directory, one named by the time.
fn named(out: &Path) -> PathBuf {
    if !out.is_dir() {
        return out.to_owned();
    }
    let now = OffsetDateTime::now_utc();
    let (date, time) = (now.date(), now.time());
    out.join(format!(
        "keyhaven-{}{:02}{:02}T{:02}{:02}{:02}Z.backup",
        date.year(),
        u8::from(date.month()),
        date.day(),
        time.hour(),
        time.minute(),
        time.second()
    ))
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
