//! A file that is there whole and durable, or not at all: it has another name until it is.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Ends the names of drafts.
pub const EXTENSION: &str = "partial";
/// Room between `fill` and the disk, bytes.
const BUFFER_BYTES: usize = 1 << 20;

/// Writes a new file, for its owner alone. `fill` writes to a draft beside it, which gets the name when it is on the disk.
/// `fault` says what a failure of the disk is: `AlreadyExists` if the file is there, `WouldBlock` if another process is
/// writing it.
///
/// # Errors
/// The disk or `fill` fails. Nothing is left then.
pub fn into_file<T, E>(
    path: &Path,
    fault: &dyn Fn(io::Error) -> E,
    fill: impl FnOnce(&mut dyn Write) -> Result<T, E>,
) -> Result<T, E> {
    let absent = || if path.exists() { Err(fault(ErrorKind::AlreadyExists.into())) } else { Ok(()) };
    absent()?;
    let draft = draft_of(path);
    // One that a killed run left is written over.
    let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&draft).map_err(fault)?;
    if file.try_lock().is_err() {
        return Err(fault(ErrorKind::WouldBlock.into()));
    }
    let all = || {
        file.set_len(0).map_err(fault)?;
        let mut out = BufWriter::with_capacity(BUFFER_BYTES, &file);
        let filled = fill(&mut out)?;
        out.flush().map_err(fault)?;
        drop(out);
        file.sync_all().map_err(fault)?;
        absent()?;
        fs::rename(&draft, path).map_err(fault)?;
        let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(directory).and_then(|directory| directory.sync_all()).map_err(fault)?;
        Ok(filled)
    };
    // If the draft cannot be removed either, the first error is the one to tell.
    all().inspect_err(|_| drop(fs::remove_file(&draft)))
}

fn draft_of(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{EXTENSION}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_there_whole_or_not_at_all() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("one");
        let write = |text: &'static str, then: io::Result<()>| {
            into_file(&path, &|error| error, |out| {
                out.write_all(text.as_bytes())?;
                then
            })
        };
        assert!(write("half", Err(ErrorKind::Other.into())).is_err());
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
        // What a killed run left, longer than what comes.
        fs::write(draft_of(&path), "something long").unwrap();
        write("whole", Ok(())).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"whole");
        assert_eq!(write("again", Ok(())).unwrap_err().kind(), ErrorKind::AlreadyExists);
        fs::remove_file(&path).unwrap();
        let other = File::create(draft_of(&path)).unwrap();
        other.lock().unwrap();
        assert_eq!(write("again", Ok(())).unwrap_err().kind(), ErrorKind::WouldBlock);
    }
}
