//! A backup read, tried, or made a store again.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use indicatif::ProgressBar;
use serde_json::{Value as Json, json};
use time::OffsetDateTime;

use super::{Counted, Opening, RestoreArguments, facts, fail, open, private_key, rate, tell};
use crate::backup::header::{Header, Key};
use crate::backup::ledger::fill::fits;
use crate::backup::ledger::{self, find};
use crate::backup::restore::{Restored, Step, Wanted, restore as fill};
use crate::backup::{Summary, read};
use crate::cli::config::Config;
use crate::cli::failure::Failure;
use crate::cli::files;
use crate::cli::progress::bar;
use crate::cli::seams::{entropy, open_root, store_options};
use crate::crypto::rsa::RsaPrivateKey;
use crate::store::{Embedded, EmbeddedOptions, EngineKind, Loader, Store};
use crate::vault::root::Root;

/// What opens a backup.
struct Opener {
    config: Config,
    root: Arc<dyn Root>,
    recovery: Option<RsaPrivateKey>,
    /// The ledger copy that was named.
    ledger: Option<PathBuf>,
}

impl Opener {
    fn new(opening: &Opening) -> Result<Self, Failure> {
        let config = opening.place.load()?;
        let recovery = opening.recovery_private_key.as_deref().map(private_key).transpose()?;
        Ok(Self { root: open_root(&config)?.root, config, recovery, ledger: opening.ledger.clone() })
    }

    fn key(&self) -> Key<'_> {
        Key { root: &*self.root, recovery: self.recovery.as_ref(), entropy: &entropy }
    }

    /// Reads a backup to its end. Gives its length in bytes too.
    fn read(&self, file: &Path) -> Result<(Summary, u64), Failure> {
        let mut from = Counted { inner: open(file)?, bytes: 0 };
        let bar = bar("Reading", 0);
        let mut begin = |header: &Header, _| {
            bar.set_length(header.pieces);
            Ok(())
        };
        let summary = read(&mut from, &self.key(), &mut begin, &mut |_| Ok(()), &mut |at| bar.set_position(at));
        bar.finish_and_clear();
        Ok((summary.map_err(|error| Failure::failed(format!("{}: {error}", file.display())))?, from.bytes))
    }

    /// The ledger copy that goes with a backup, read to its end; None for a backup that has the secrets itself.
    fn ledger(&self, file: &Path, backup: &Summary) -> Result<Option<PathBuf>, Failure> {
        if !backup.header.needs_ledger() {
            return Ok(None);
        }
        let path = match &self.ledger {
            Some(path) => path.clone(),
            None => {
                let directories = [files::directory_of(file), &self.config.backup.ledger_directory];
                find::find(&directories, backup, &self.key()).map_err(fail)?
            }
        };
        let named = |error| Failure::failed(format!("{}: {error}", path.display()));
        fits(&find::header_of(&path).map_err(named)?, &backup.header, backup.end.at.last).map_err(named)?;
        ledger::read(&mut open(&path)?, &self.key(), &mut |_, _| Ok(())).map_err(named)?;
        Ok(Some(path))
    }

    fn fill(
        &self,
        file: &Path,
        ledger: Option<&Path>,
        options: EmbeddedOptions,
        newer: Option<Arc<dyn Store>>,
        witness: Option<PathBuf>,
    ) -> Result<Restored, Failure> {
        let (header, _) = Header::read(&mut open(file)?).map_err(fail)?;
        let bar = bar("Writing", header.pieces);
        let mut from = open(file)?;
        let mut ledger = ledger.map(open).transpose()?;
        let mut progress = |step, at| show(&bar, step, at);
        let wanted = Wanted {
            options,
            now_micros: (OffsetDateTime::now_utc().unix_timestamp_nanos() / 1000) as i64,
            entropy: Arc::from(entropy()),
            ledger: ledger.as_mut().map(|ledger| ledger as &mut dyn std::io::Read),
            newer,
            witness,
            progress: &mut progress,
        };
        let restored = fill(&mut from, &self.key(), wanted).map_err(fail);
        bar.finish_and_clear();
        restored
    }
}

fn show(bar: &ProgressBar, step: Step, at: u64) {
    if step == Step::Open {
        // How many there are shows at the end.
        bar.set_message("Opening objects");
        bar.set_length(at);
    }
    bar.set_position(at);
}

/// `keyhaven backup verify`.
pub fn verify(file: &Path, opening: &Opening) -> Result<(), Failure> {
    let begun = Instant::now();
    let opener = Opener::new(opening)?;
    let (summary, bytes) = opener.read(file)?;
    let ledger = opener.ledger(file, &summary)?;
    let mut report = report(&summary, bytes, begun);
    report["ledger"] = json!(ledger);
    let words =
        format!("{} is whole, and the root opens it. {} {}", file.display(), words(&summary), with(ledger.as_deref()));
    tell(opening.json, &words, &report);
    Ok(())
}

/// `keyhaven backup drill`.
pub fn drill(file: &Path, scratch: Option<&Path>, opening: &Opening) -> Result<(), Failure> {
    let begun = Instant::now();
    let opener = Opener::new(opening)?;
    let (summary, _) = opener.read(file)?;
    let ledger = opener.ledger(file, &summary)?;
    let scratch = Scratch::new(scratch)?;
    let options = EmbeddedOptions { ballast_bytes: 0, free_bytes_min: 0, ..EmbeddedOptions::new(&scratch.0) };
    let restored = opener.fill(file, ledger.as_deref(), options, None, None)?;
    let bytes = std::fs::metadata(file).map_or(0, |metadata| metadata.len());
    let mut report = report(&restored.summary, bytes, begun);
    add(&mut report, &restored);
    report["ledger"] = json!(ledger);
    let words = format!(
        "{} was restored and every object opened: {}. {} {} The temporary store is removed. {} bytes in {:.1} s ({} MB/s).",
        file.display(),
        contents(&restored),
        words(&restored.summary),
        with(ledger.as_deref()),
        bytes,
        begun.elapsed().as_secs_f64(),
        rate(bytes, begun.elapsed().as_secs_f64()),
    );
    tell(opening.json, &words, &report);
    Ok(())
}

/// `keyhaven restore`.
pub fn restore(arguments: &RestoreArguments) -> Result<(), Failure> {
    let begun = Instant::now();
    let opener = Opener::new(&arguments.opening)?;
    let options = store_options(&opener.config);
    let dir = options.dir.display().to_string();
    let vacant = Loader::check_vacant(&options);
    vacant.map_err(|error| Failure::failed(format!("{error}. Stop the server and move {dir} away first")))?;
    let newer = match &arguments.destroyed_in {
        Some(dir) => {
            let engine = EngineKind::found(dir);
            let engine = engine.ok_or_else(|| Failure::usage(format!("{} holds no store", dir.display())))?;
            let bare = EmbeddedOptions { ballast_bytes: 0, free_bytes_min: 0, ..EmbeddedOptions::new(dir) };
            let store = Embedded::open(EmbeddedOptions { engine, ..bare });
            Some(Arc::new(store.map_err(|error| Failure::failed(error.to_string()))?) as Arc<dyn Store>)
        }
        None => None,
    };
    // All of it is read before anything is written: a damaged backup leaves the directory as it was.
    let (summary, bytes) = opener.read(&arguments.from)?;
    let ledger = opener.ledger(&arguments.from, &summary)?;
    if arguments.dry_run {
        let mut report = report(&summary, bytes, begun);
        report["dry_run"] = json!(true);
        report["ledger"] = json!(ledger);
        let with = with(ledger.as_deref());
        let words = format!("{dir} can take the backup; nothing was written. {} {with}", words(&summary));
        tell(arguments.opening.json, &words, &report);
        return Ok(());
    }
    let witness = Some(opener.config.store.witness.clone());
    let restored = opener.fill(&arguments.from, ledger.as_deref(), options, newer, witness)?;
    let mut report = report(&restored.summary, bytes, begun);
    add(&mut report, &restored);
    report["ledger"] = json!(ledger);
    let mut later = match &restored.ledger {
        Some(copied) => format!(
            "{} objects are destroyed because their secret is not in it. What was destroyed after it was begun, at {}, is \
             alive again.",
            restored.not_in_ledger, copied.header.created
        ),
        None => {
            "This backup is of an older format and has the secrets itself: objects that were destroyed after it are \
                 alive again. Destroy them anew, or restore with --destroyed-in."
                .to_owned()
        }
    };
    if arguments.destroyed_in.is_some() {
        later = format!("{} objects that were destroyed after that are destroyed here too.", restored.kept_destroyed);
    }
    if !restored.as_recorded {
        later
            .push_str(" The store that was backed up was damaged: it held something else than its commit record says.");
    }
    let with = with(ledger.as_deref());
    let words = format!("{dir} is restored: {}. {} {with} {later}", contents(&restored), words(&restored.summary));
    tell(arguments.opening.json, &words, &report);
    Ok(())
}

/// Where the secrets come from.
fn with(ledger: Option<&Path>) -> String {
    match ledger {
        Some(path) => format!("The secrets come from ledger copy {}.", path.display()),
        None => "It is of an older format and has the secrets itself.".into(),
    }
}

fn words(summary: &Summary) -> String {
    let header = &summary.header;
    format!(
        "Backup {} was begun at {} by {} and holds the state after commit {}.",
        header.id, header.created, header.product, summary.end.at.last.0
    )
}

fn contents(restored: &Restored) -> String {
    let contents = &restored.contents;
    format!(
        "{} objects ({} of them destroyed, {} with their key in an HSM), {} entries of the audit chain",
        contents.objects, contents.destroyed, contents.in_hsm, contents.audit_entries
    )
}

fn report(summary: &Summary, bytes: u64, begun: Instant) -> Json {
    let mut report = facts(&summary.header.id, &summary.header.created, bytes, begun.elapsed().as_secs_f64());
    report["commit"] = json!(summary.end.at.last.0);
    report["rows"] = json!(summary.end.rows);
    report["format"] = json!(summary.header.format);
    report["root"] = json!(summary.header.root);
    report["recovery_key"] = json!(summary.header.recovery.as_ref().map(|recovery| &recovery.recipient));
    report
}

fn add(report: &mut Json, restored: &Restored) {
    let contents = &restored.contents;
    report["objects"] = json!(contents.objects);
    report["destroyed"] = json!(contents.destroyed);
    report["in_hsm"] = json!(contents.in_hsm);
    report["materials"] = json!(contents.materials);
    report["kept_destroyed"] = json!(restored.kept_destroyed);
    report["not_in_ledger"] = json!(restored.not_in_ledger);
    report["as_recorded"] = json!(restored.as_recorded);
    report["audit_entries"] = json!(contents.audit_entries);
    report["audit_head"] = json!(contents.audit_head);
}

/// A directory that goes when it is dropped.
struct Scratch(PathBuf);

impl Scratch {
    fn new(parent: Option<&Path>) -> Result<Self, Failure> {
        let parent = parent.map_or_else(std::env::temp_dir, Path::to_owned);
        let path = parent.join(format!("keyhaven-drill-{}", std::process::id()));
        if path.exists() {
            return Err(Failure::failed(format!("{} exists; remove it", path.display())));
        }
        files::make_directory(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            eprintln!("keyhaven: cannot remove {}: {error}", self.0.display());
        }
    }
}
