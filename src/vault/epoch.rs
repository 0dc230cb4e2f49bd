//! Epochs: the time between two rolls of the ledger. Each has a key, which wraps the keys of the ledger copies that are
//! made in it and nothing else. When the key is destroyed, those copies open for nobody.
//!
//! With a root in an HSM the key of an epoch is a key of the token that never leaves it (`pkcs11::root`). With any other
//! root it is in a small file beside the root file, wrapped by the root. That file is never in a backup.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use base64ct::{Base64, Encoding};

use super::escrow::Named;
use super::root::{RootError, read, replace, write_new};
use crate::base::KeyBytes;

const MAGIC: &str = "keyhaven-epoch 1";
/// Begins what the key of an epoch is bound to, before its number.
const PURPOSE: &str = "keyhaven epoch";
/// The file of an epoch key, beside the root file and with its name.
const EXTENSION: &str = "epoch";

/// The keys of the living epochs.
pub trait Epochs: Send + Sync {
    /// The numbers of the living epochs, rising: none before the first ledger copy, usually one, and two while a roll is not
    /// finished.
    fn living(&self) -> Result<Vec<u32>, RootError>;

    /// Makes the key of the next epoch; it is durable when this returns. Gives its number, from 1.
    fn begin(&self) -> Result<u32, RootError>;

    /// Wraps a key in a living epoch. `purpose` is bound to the result.
    fn wrap_in(&self, epoch: u32, key: &KeyBytes, purpose: &[u8]) -> Result<Vec<u8>, RootError>;

    /// Unwraps what `wrap_in` made for the same epoch and purpose.
    ///
    /// # Errors
    /// `Epoch` if the key of the epoch is gone, `Wrong` if it was of another server.
    fn unwrap_in(&self, epoch: u32, wrapped: &[u8], purpose: &[u8]) -> Result<KeyBytes, RootError>;

    /// Destroys the keys of all epochs before this one, which must live. What they wrapped opens for nobody from then on.
    fn end_before(&self, epoch: u32) -> Result<(), RootError>;

    /// The keys themselves, to be put by. None where they never leave the HSM.
    fn keys(&self) -> Result<Option<Vec<Named>>, RootError>;
}

/// What the key of an epoch is bound to.
pub(super) fn purpose(epoch: u32) -> Vec<u8> {
    format!("{PURPOSE} {epoch}").into_bytes()
}

/// An epoch and its key as the root wrapped it.
pub(super) type Line = (u32, Vec<u8>);

/// The file with the wrapped keys of the living epochs.
pub(super) struct EpochFile {
    /// None for a root that has no file either: the lines are in memory then.
    path: Option<PathBuf>,
    memory: Mutex<Vec<Line>>,
}

impl EpochFile {
    /// Beside a root file.
    pub(super) fn of_root(root: Option<&Path>) -> Self {
        Self { path: root.map(|root| root.with_extension(EXTENSION)), memory: Mutex::default() }
    }

    /// The lines, by rising epochs. None of them before the first copy.
    pub(super) fn lines(&self) -> Result<Vec<Line>, RootError> {
        let Some(path) = &self.path else {
            return Ok(self.memory.lock().unwrap_or_else(PoisonError::into_inner).clone());
        };
        let text = match read(path) {
            Err(RootError::File(_, error)) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            text => text?,
        };
        parse(&text).ok_or_else(|| RootError::Format(path.clone(), "it is not an epoch file of this release"))
    }

    /// Puts other lines in the place of those that are there, durably, and then writes over what was there. After a crash at
    /// any point the file is the one or the other, and `bury` ends what is left.
    pub(super) fn put(&self, lines: &[Line]) -> Result<(), RootError> {
        let Some(path) = &self.path else {
            *self.memory.lock().unwrap_or_else(PoisonError::into_inner) = lines.to_vec();
            return Ok(());
        };
        self.bury()?;
        let mut text = format!("{MAGIC}\n");
        lines.iter().for_each(|(epoch, key)| text.push_str(&format!("{epoch} {}\n", Base64::encode_string(key))));
        if !path.exists() {
            return write_new(path, &text);
        }
        let old = old(path);
        fs::hard_link(path, &old).map_err(|error| RootError::File(old, error))?;
        replace(path, &text)?;
        self.bury()
    }

    /// Writes over the file that was replaced and removes it, if there is one.
    pub(super) fn bury(&self) -> Result<(), RootError> {
        let Some(path) = &self.path else { return Ok(()) };
        let old = old(path);
        let fail = |error| RootError::File(old.clone(), error);
        let left = match fs::metadata(&old) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            left => left.map_err(fail)?,
        };
        // Cut off before the new file took its place: it is a second name of the file that counts.
        if fs::metadata(path).is_ok_and(|one| (one.dev(), one.ino()) == (left.dev(), left.ino())) {
            return fs::remove_file(&old).map_err(fail);
        }
        let mut file = OpenOptions::new().write(true).open(&old).map_err(fail)?;
        let zeros = vec![0; usize::try_from(left.len()).unwrap_or_default()];
        file.write_all(&zeros).and_then(|()| file.sync_all()).map_err(fail)?;
        fs::remove_file(&old).map_err(fail)?;
        let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(directory).and_then(|directory| directory.sync_all()).map_err(fail)
    }
}

fn old(path: &Path) -> PathBuf {
    path.with_extension("epoch.old")
}

fn parse(text: &str) -> Option<Vec<Line>> {
    let mut lines = text.lines();
    if lines.next() != Some(MAGIC) {
        return None;
    }
    let line = |line: &str| {
        let (epoch, key) = line.split_once(' ')?;
        Some((epoch.parse().ok()?, Base64::decode_vec(key).ok()?))
    };
    let lines = lines.map(line).collect::<Option<Vec<Line>>>()?;
    lines.is_sorted_by(|(one, _), (other, _)| one < other).then_some(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(directory: &Path) -> (EpochFile, PathBuf) {
        let root = directory.join("root.key");
        (EpochFile::of_root(Some(&root)), directory.join("root.epoch"))
    }

    #[test]
    fn lines_are_put_and_what_was_there_is_gone() {
        let directory = tempfile::tempdir().unwrap();
        let (file, path) = file(directory.path());
        assert!(file.lines().unwrap().is_empty());
        for lines in [vec![(1, vec![1; 60])], vec![(1, vec![1; 60]), (2, vec![2; 60])], vec![(2, vec![3; 60])]] {
            file.put(&lines).unwrap();
            assert_eq!(file.lines().unwrap(), lines);
        }
        let names: Vec<_> = fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert_eq!(names, [&*path]);
        for text in ["", "something\n", "keyhaven-epoch 1\n2 AAAA\n1 AAAA\n", "keyhaven-epoch 1\n1\n"] {
            fs::write(&path, text).unwrap();
            assert!(matches!(file.lines(), Err(RootError::Format(..))), "{text}");
        }
    }

    /// The three places at which a kill can leave something.
    #[test]
    fn a_change_that_was_cut_off_leaves_the_old_or_the_new_file() {
        let directory = tempfile::tempdir().unwrap();
        let (file, path) = file(directory.path());
        let (one, two) = (vec![(1, vec![1; 60])], vec![(2, vec![2; 60])]);
        file.put(&one).unwrap();
        // Before the new file took its place: linked, and perhaps half of the new one is there.
        fs::hard_link(&path, old(&path)).unwrap();
        fs::write(directory.path().join("root.epoch.new"), "keyhaven-ep").unwrap();
        file.bury().unwrap();
        assert_eq!(file.lines().unwrap(), one);
        file.put(&two).unwrap();
        assert_eq!(file.lines().unwrap(), two);
        // After it: the old one is still there, and is written over through any name that it has.
        let (kept, other) = (directory.path().join("kept"), old(&path));
        fs::write(&other, "keyhaven-epoch 1\n1 AAAA\n").unwrap();
        fs::hard_link(&other, &kept).unwrap();
        file.bury().unwrap();
        assert_eq!(file.lines().unwrap(), two);
        assert!(fs::read(&kept).unwrap().iter().all(|byte| *byte == 0));
        assert!(!other.exists());
    }
}
