//! The roll: what was destroyed until now comes back from no ledger copy. Its steps are in an order in which a crash loses
//! nothing: the epochs before are ended only when a copy in the new one is on the disk and was read back whole. A roll that
//! was cut off is ended, and then there is another one with yet another epoch: in the one that it had begun there may be copies
//! of what was destroyed since.

use std::fs::{self, File};
use std::io::BufReader;
use std::path::{Path, PathBuf};

use super::find::{EXTENSION, copies_in};
use super::header::Header;
use super::read;
use super::write::{Maker, Written, write};
use crate::backup::BackupError;
use crate::backup::draft::{self, into_file};
use crate::backup::header::Key;
use crate::base::{Date, Entropy};
use crate::gate::Core;
use crate::keep::rolls::Roll;

/// What a roll is told.
pub struct Wanted<'a> {
    /// Where copies lie.
    pub directory: &'a Path,
    /// Name and version of the product.
    pub product: &'a str,
    /// Now, RFC 3339.
    pub created: String,
    /// The same for the name of the file, which sorts by it.
    pub stamp: String,
    /// Randomness.
    pub entropy: &'a dyn Fn() -> Box<dyn Entropy>,
    /// Called after each step; a test fails it to be cut off there.
    pub after: &'a dyn Fn(Step) -> Result<(), BackupError>,
}

/// What a roll has done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// The next epoch has a key.
    Begun,
    /// A copy is on the disk.
    Written,
    /// It was read back whole.
    Proven,
    /// The store knows of the roll.
    Noted,
    /// The epochs before are ended.
    Ended,
    /// The store knows that they are.
    Settled,
}

/// A roll that is done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rolled {
    /// The epoch that began.
    pub epoch: u32,
    /// The copy in it.
    pub file: PathBuf,
    /// What the copy says of itself.
    pub header: Header,
    /// Since when what was destroyed before comes back no more.
    pub ended: Date,
    /// How many objects this roll made final.
    pub objects: u64,
    /// Copies of ended epochs that were removed from the directory.
    pub removed: usize,
}

/// Rolls the ledger. Blocks for as long as a copy takes.
///
/// # Errors
/// The root, the store or the disk fails. Until the epochs before are ended, older copies open as before; a roll that is
/// done again ends what was left.
pub fn roll(core: &Core, wanted: Wanted<'_>) -> Result<Rolled, BackupError> {
    let _alone = core.hold_keys();
    let store = &**core.store();
    let epochs = core.root().epochs();
    if let [_, .., unfinished] = epochs.living()?[..] {
        // Its end first: epochs do not pile up while a roll fails again and again.
        copy_in(unfinished, core, &wanted)?;
        epochs.end_before(unfinished)?;
    }
    core.settle_roll().map_err(BackupError::Commit)?;
    let before = core.rolls().map_err(BackupError::Commit)?;
    // What is destroyed by now is in no copy of an epoch that begins after it.
    let begun_at = store.latest();
    store.wait_durable(begun_at)?;
    let begun = core.now();
    let epoch = epochs.begin()?;
    (wanted.after)(Step::Begun)?;
    let (file, header) = copy_in(epoch, core, &wanted)?;
    (wanted.after)(Step::Proven)?;

    let roll = Roll { epoch, begun_at, begun, ended: None };
    let words = format!("ledger epoch {epoch} begun at commit {}; copy {} is whole", begun_at.0, header.id);
    core.note_roll(roll, &words).map_err(BackupError::Commit)?;
    (wanted.after)(Step::Noted)?;
    epochs.end_before(epoch)?;
    (wanted.after)(Step::Ended)?;
    let ended = core.now();
    let roll = Roll { ended: Some(ended), ..roll };
    let mut with = before.clone();
    with.0.push(roll);
    let objects = core.count_gone_between(&before, &with).map_err(BackupError::Commit)?;
    let words = format!("ledger epochs before {epoch} ended; {objects} destroyed objects come back from no backup");
    core.note_roll(roll, &words).map_err(BackupError::Commit)?;
    (wanted.after)(Step::Settled)?;
    let removed = remove_dead(wanted.directory, &header);
    tracing::info!(epoch, objects, removed, copy = %file.display(), "the ledger is rolled");
    Ok(Rolled { epoch, file, header, ended, objects, removed })
}

/// Writes a copy in an epoch into the directory, durably, and reads it back whole.
fn copy_in(epoch: u32, core: &Core, wanted: &Wanted<'_>) -> Result<(PathBuf, Header), BackupError> {
    let root = &**core.root();
    let created = wanted.created.clone();
    let maker = Maker { product: wanted.product, created, root, epoch, recovery: None, entropy: wanted.entropy };
    let file = wanted.directory.join(format!("keyhaven-{}-epoch{epoch}.{EXTENSION}", wanted.stamp));
    let written = |out: &mut dyn std::io::Write| write(&**core.store(), core.keep().seal(), &maker, out);
    let Written { copied, damaged } = into_file(&file, &BackupError::Io, written)?;
    if damaged > 0 {
        // A restore would take it for the newest.
        fs::remove_file(&file)?;
        let words = "secrets do not open, and the log names their objects: a copy that a roll would end may have them";
        return Err(BackupError::Unfit(format!("{damaged} {words}")));
    }
    (wanted.after)(Step::Written)?;
    let key = Key { root, recovery: None, entropy: wanted.entropy };
    if read(&mut BufReader::new(File::open(&file)?), &key, &mut |_, _| Ok(()))? != copied {
        return Err(BackupError::Differs("the ledger copy that was read back is not the one that was written".into()));
    }
    Ok((file, copied.header))
}

/// Removes the copies of this store whose epochs are ended, and drafts that a crash left.
fn remove_dead(directory: &Path, newest: &Header) -> usize {
    let is_dead = |header: &Header| header.lineage.store == newest.lineage.store && header.epoch < newest.epoch;
    let dead = copies_in(directory).into_iter().filter(|(_, header)| is_dead(header) && header.recovery.is_none());
    let mut removed = 0;
    for (path, _) in dead {
        match fs::remove_file(&path) {
            Ok(()) => removed += 1,
            // It opens for nobody; the next roll tries again.
            Err(error) => tracing::warn!(%error, file = %path.display(), "a dead ledger copy is still there"),
        }
    }
    let entries = fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.path());
    for draft in entries.filter(|path| path.to_string_lossy().ends_with(&format!(".{EXTENSION}.{}", draft::EXTENSION)))
    {
        drop(fs::remove_file(draft));
    }
    removed
}
