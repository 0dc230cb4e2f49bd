//! Which ledger copy goes with a backup: the newest of those that lie about, that fit and that open.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use super::fill::fits;
use super::header::Header;
use crate::backup::header::Key;
use crate::backup::{BackupError, Summary};

/// How the names of copies end.
pub const EXTENSION: &str = "ledger";

/// The copies in a directory, in no order, with their headers. What cannot be read is passed over.
pub fn copies_in(directory: &Path) -> Vec<(PathBuf, Header)> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let named = entries.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|end| end == EXTENSION));
    named.filter_map(|path| Some((header_of(&path).ok()?, path))).map(|(header, path)| (path, header)).collect()
}

/// The header of a copy.
///
/// # Errors
/// It cannot be read, or is no copy.
pub fn header_of(path: &Path) -> Result<Header, BackupError> {
    Ok(Header::read(&mut std::io::BufReader::new(File::open(path)?))?.0)
}

/// The newest copy in the directories that goes with a backup.
///
/// # Errors
/// There is none; the words say what is wrong with those that were found.
pub fn find(directories: &[&Path], backup: &Summary, key: &Key<'_>) -> Result<PathBuf, BackupError> {
    let mut copies: Vec<_> = directories.iter().flat_map(|directory| copies_in(directory)).collect();
    copies.sort_by_key(|(_, header)| std::cmp::Reverse((header.lineage.restores.len(), header.begun_at)));
    copies.dedup_by(|one, other| one.1.id == other.1.id);
    let mut faults = String::new();
    for (path, header) in &copies {
        match fits(header, &backup.header, backup.end.at.last).and_then(|()| header.open(key).map(drop)) {
            Ok(()) => return Ok(path.clone()),
            Err(error) => faults.push_str(&format!("\n  {}: {error}{}", path.display(), rolled(&error, &copies))),
        }
    }
    let places: Vec<String> = directories.iter().map(|directory| directory.display().to_string()).collect();
    let places = places.join(" and ");
    Err(BackupError::Unfit(match copies.is_empty() {
        true => format!(
            "no ledger copy was found in {places}; the backup has no secrets without one. Give it with --ledger"
        ),
        false => format!("no ledger copy in {places} goes with the backup:{faults}"),
    }))
}

/// When an epoch was ended, as far as newer copies know.
fn rolled(error: &BackupError, copies: &[(PathBuf, Header)]) -> String {
    let BackupError::Dead(epoch) = error else { return String::new() };
    let next = copies.iter().map(|(_, header)| header).filter(|header| header.epoch > *epoch);
    next.min_by_key(|header| (header.epoch, header.begun_at)).map_or_else(String::new, |header| {
        format!(" (a copy of epoch {} was made at {})", header.epoch, header.created)
    })
}
