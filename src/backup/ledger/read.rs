//! A ledger copy, row by row.

use std::io::Read;

use super::NUMBER_BYTES;
use super::header::Header;
use crate::backup::BackupError;
use crate::backup::frames::{End, Reader, Row};
use crate::backup::header::Key;
use crate::base::KeyBytes;
use crate::keep::ledger::{Secret, is_row};

/// A copy that was read to its end and was whole.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Copied {
    /// What it says of itself.
    pub header: Header,
    /// What its last frame says.
    pub end: End,
}

/// Takes the place of a secret, and the secret; none for one that was destroyed while the copy was made.
pub type Show<'a> = dyn FnMut(&[u8], Option<Secret>) -> Result<(), BackupError> + 'a;

/// Reads a copy to its end. `show` gets each secret; of several for a place the last one counts.
///
/// # Errors
/// The file is no whole copy, or does not open: what was shown before is then worth nothing. Or `show` fails.
pub fn read(from: &mut dyn Read, key: &Key<'_>, show: &mut Show<'_>) -> Result<Copied, BackupError> {
    let (header, bound) = Header::read(from)?;
    let opened = header.open(key)?;
    let mut reader = Reader::new(from, bound, &opened)?;
    let mut number = 0;
    loop {
        let mut row = |row: Row| {
            let place = row.write.key;
            // Wiped when this ends.
            let value = row.write.value.map(KeyBytes::new);
            let secret = value.as_ref().map(|value| secret(value).ok_or(BackupError::Altered(number))).transpose()?;
            if is_row(&place) { show(&place, secret) } else { Err(BackupError::Altered(number)) }
        };
        if let (_, Some(end)) = reader.frame(&mut row)? {
            return Ok(Copied { header, end });
        }
        number += 1;
    }
}

fn secret(value: &KeyBytes) -> Option<Secret> {
    let (number, bytes) = value.expose().split_first_chunk::<NUMBER_BYTES>()?;
    Some(Secret { number: u64::from_be_bytes(*number), bytes: KeyBytes::copy_from(bytes) })
}
