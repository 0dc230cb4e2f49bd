//! The first two lines of a file: what it is and its format, then a header of JSON. Whatever follows is bound to both by
//! their hash.

use std::io::{Read, Write as _};

use aws_lc_rs::digest::{SHA256, digest};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::BackupError;

/// Longest first line, bytes.
const FIRST_BYTES_MAX: usize = 64;
/// Longest header, bytes: far more than thousands of namespace keys take.
const LINE_BYTES_MAX: usize = 4 << 20;

/// A kind of file.
pub struct FileKind {
    /// Begins its first line.
    pub magic: &'static str,
    /// The format that this release writes, and the newest it reads.
    pub format: u32,
    /// What is said of a file that does not begin so.
    pub other: fn() -> BackupError,
}

/// A header, the format of its file, and the hash of the two lines.
pub struct Lines<T> {
    /// The header.
    pub header: T,
    /// The format.
    pub format: u32,
    /// The hash.
    pub bound: [u8; 32],
}

impl FileKind {
    /// The two lines.
    ///
    /// # Errors
    /// None that happens: a header is plain data.
    pub fn encode(&self, header: &impl Serialize) -> Result<Vec<u8>, BackupError> {
        let mut out = format!("{}{}\n", self.magic, self.format).into_bytes();
        serde_json::to_writer(&mut out, header).map_err(|error| BackupError::Io(error.into()))?;
        out.write_all(b"\n")?;
        Ok(out)
    }

    /// Reads the two lines.
    ///
    /// # Errors
    /// `other`, `Newer`, or reading fails.
    pub fn read<T: DeserializeOwned>(&self, from: &mut dyn Read) -> Result<Lines<T>, BackupError> {
        let other = self.other;
        let first = line(from, FIRST_BYTES_MAX, other).map_err(|error| match error {
            BackupError::CutOff => other(),
            error => error,
        })?;
        let text = std::str::from_utf8(&first).ok();
        let format = match text.and_then(|line| line.trim_end().strip_prefix(self.magic)?.parse().ok()) {
            None | Some(0) => return Err(other()),
            Some(format) if format > self.format => return Err(BackupError::Newer(format)),
            Some(format) => format,
        };
        let second = line(from, LINE_BYTES_MAX, other)?;
        let header = serde_json::from_slice(&second).map_err(|_| other())?;
        Ok(Lines { header, format, bound: hash(&[first, second].concat()) })
    }
}

/// SHA-256 of the two lines, or of anything else that a header names.
pub fn hash(bytes: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, bytes).as_ref());
    hash
}

/// Bytes in hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn line(from: &mut dyn Read, bytes_max: usize, other: fn() -> BackupError) -> Result<Vec<u8>, BackupError> {
    let mut line = Vec::new();
    let mut byte = [0];
    while line.last() != Some(&b'\n') {
        if line.len() == bytes_max {
            return Err(other());
        }
        from.read_exact(&mut byte)?;
        line.push(byte[0]);
    }
    Ok(line)
}
