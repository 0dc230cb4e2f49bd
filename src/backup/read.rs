//! A backup, row by row.

use std::io::Read;

use super::BackupError;
use super::frames::{End, Reader, Row};
use super::header::{Header, Key, Opened};

/// What a backup turned out to be, when its last frame was reached and all of it was whole.
pub struct Summary {
    /// What it says of itself.
    pub header: Header,
    /// What its last frame says.
    pub end: End,
}

/// Reads a backup to its end. `begin` is called once, when its keys are open; `show` with each row, of several for a
/// key the last one counts; `progress` with the number of pieces so far.
///
/// # Errors
/// The file is no whole backup, or the key is not its own: what was shown before is then worth nothing. Or a callback
/// fails.
pub fn read(
    from: &mut dyn Read,
    key: &Key<'_>,
    begin: &mut dyn FnMut(&Header, Opened) -> Result<(), BackupError>,
    show: &mut dyn FnMut(Row) -> Result<(), BackupError>,
    progress: &mut dyn FnMut(u64),
) -> Result<Summary, BackupError> {
    let (header, bound) = Header::read(from)?;
    let opened = header.open(key)?;
    let mut reader = Reader::new(from, bound, &opened.key)?;
    begin(&header, opened)?;
    loop {
        let (raw, end) = reader.frame(show)?;
        progress(raw.pieces());
        if let Some(end) = end {
            return Ok(Summary { header, end });
        }
    }
}
