//! A store, while it works, as a backup.

use std::io::Write;

use super::follow::Following;
use super::frames::{End, Writer};
use super::header::{Header, Recovery};
use super::left_out::{is_left_out, placeholder};
use super::lineage::Lineage;
use super::{BackupError, lines, namespace};
use crate::base::Entropy;
use crate::keep::seal::Seal;
use crate::store::{Range, Store};

/// Who makes the backup, and from what.
pub struct Made<'a> {
    /// Name and version of the product.
    pub product: &'a str,
    /// Now, RFC 3339.
    pub created: String,
    /// Kind of the root.
    pub root: &'a str,
    /// Version of the root that wrapped a namespace key.
    pub root_version: &'a dyn Fn(&[u8]) -> Option<u32>,
    /// The part for the recovery key, if there is one.
    pub recovery: Option<Recovery>,
}

/// Writes a backup of `store`, which goes on working. Memory is bounded by two pages, what one frame holds, and what
/// is written to the store while `out` blocks.
///
/// # Errors
/// The store or `out` fails; or more is written to the store than `out` can take.
pub fn write(
    store: &dyn Store,
    seal: &Seal,
    made: Made<'_>,
    entropy: &dyn Entropy,
    out: &mut dyn Write,
) -> Result<End, BackupError> {
    let following = Following::begin(store)?;
    let rows = namespace::rows(store)?;
    let facts = Header {
        product: made.product.to_owned(),
        created: made.created,
        id: String::new(),
        begun_at: following.begun().last.0,
        pieces: following.begun().pieces,
        lineage: Lineage::of(store, seal)?,
        root: made.root.to_owned(),
        root_version: rows.last().and_then(|(_, wrapped)| (made.root_version)(wrapped)),
        namespace: Header::encode_rows(&rows),
        key: String::new(),
        recovery: made.recovery,
        format: 0,
    };
    let (header, key) = Header::seal_key(facts, seal, entropy)?;
    let lines = header.encode()?;
    out.write_all(&lines)?;
    let mut writer = Writer::new(out, lines::hash(&lines), &key)?;
    let at = following.run(Range { start: &[], end: &[u8::MAX] }, &mut |sequence, key, value| match value {
        Some(value) if is_left_out(key) => writer.row(sequence, key, Some(&placeholder(value))),
        value => writer.row(sequence, key, value),
    })?;
    writer.end(at)
}
