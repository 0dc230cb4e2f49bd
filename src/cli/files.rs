//! Files as an operator expects them: secrets readable by their owner alone, nothing overwritten by accident,
//! changes that happen whole or not at all.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use zeroize::Zeroizing;

use super::failure::Failure;

/// Mode of a file that holds a secret.
pub const SECRET: u32 = 0o600;
/// Mode of a file that anyone may read.
pub const PUBLIC: u32 = 0o644;
/// Mode of a directory that holds secrets.
const PRIVATE_DIRECTORY: u32 = 0o700;

/// Longest file that a command reads whole, in bytes: certificate lists and revocation lists are far shorter.
const FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Makes a directory, and those above it, for its owner alone; one that exists is left as it is.
pub fn make_directory(path: &Path) -> Result<(), Failure> {
    DirBuilder::new()
        .recursive(true)
        .mode(PRIVATE_DIRECTORY)
        .create(path)
        .map_err(|error| Failure::failed(format!("cannot make the directory {}: {error}", path.display())))
}

/// Writes a file that does not exist yet, and waits until it is on the disk.
pub fn write_new(path: &Path, bytes: &[u8], mode: u32) -> Result<(), Failure> {
    create(path, bytes, mode).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => Failure::failed(format!(
            "{} exists and is not overwritten; move it away if you want a new one",
            path.display()
        )),
        _ => Failure::failed(format!("cannot write {}: {error}", path.display())),
    })
}

/// Replaces a file, or makes it: a reader sees the old content or the new, also after a crash.
pub fn replace(path: &Path, bytes: &[u8], mode: u32) -> Result<(), Failure> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let draft = path.with_file_name(format!(".{name}.{}", std::process::id()));
    let outcome = create(&draft, bytes, mode)
        .and_then(|()| fs::rename(&draft, path))
        .and_then(|()| File::open(directory_of(path))?.sync_all());
    outcome.map_err(|error| {
        // The draft may hold a secret; if it cannot be removed either, the first error is the one to tell.
        let _ = fs::remove_file(&draft);
        Failure::failed(format!("cannot write {}: {error}", path.display()))
    })
}

/// Reads a file of text.
pub fn read_text(path: &Path) -> Result<String, Failure> {
    let bytes = read(path)?;
    String::from_utf8(bytes.to_vec()).map_err(|_| Failure::usage(format!("{} is not text in UTF-8", path.display())))
}

/// Reads a file into memory that wipes itself.
pub fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let cannot = |error: io::Error| Failure::usage(format!("cannot read {}: {error}", path.display()));
    let file = File::open(path).map_err(cannot)?;
    let length = file.metadata().map_err(cannot)?.len();
    if length > FILE_BYTES_MAX {
        return Err(Failure::usage(format!("{} is longer than {FILE_BYTES_MAX} bytes", path.display())));
    }
    // Room for the whole file at once, so that no outgrown copy of a secret stays behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(length as usize + 1));
    file.take(FILE_BYTES_MAX).read_to_end(&mut bytes).map_err(cannot)?;
    Ok(bytes)
}

fn create(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// The directory that holds a file; the current one for a bare name.
pub fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_file_is_never_overwritten_by_accident() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("secret");
        write_new(&path, b"one", SECRET).unwrap();
        assert_eq!(mode(&path), 0o600);
        let refused = write_new(&path, b"two", SECRET).unwrap_err();
        assert!(refused.words.contains("not overwritten"), "{refused}");
        assert_eq!(*read(&path).unwrap(), b"one");
    }

    #[test]
    fn replacing_leaves_one_file_with_its_mode() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("users.toml");
        replace(&path, b"one", SECRET).unwrap();
        replace(&path, b"two", SECRET).unwrap();
        assert_eq!(*read(&path).unwrap(), b"two");
        assert_eq!(mode(&path), 0o600);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }
}
