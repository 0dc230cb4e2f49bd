//! A store, while it works, as a backup.

use std::io::Write;

use super::frames::{End, Writer};
use super::header::{self, Header, Recovery};
use super::{BackupError, namespace};
use crate::base::Entropy;
use crate::keep::seal::Seal;
use crate::store::{Follower, Mark, Range, Sequence, Store};

/// Keys that one scan reads: even if all had the longest values that objects have, they fit into memory.
const PAGE: usize = 64;
/// How much may be written to the store while the backup waits for its own output, bytes.
const BEHIND_BYTES_MAX: usize = 64 << 20;

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
    // What was acknowledged before the backup was asked for is on the disk before it begins.
    store.wait_durable(store.latest())?;
    let follower = store.follow(BEHIND_BYTES_MAX)?;
    let rows = namespace::rows(store)?;
    let facts = Header {
        product: made.product.to_owned(),
        created: made.created,
        id: String::new(),
        begun_at: follower.begun().last.0,
        pieces: follower.begun().pieces,
        root: made.root.to_owned(),
        root_version: rows.last().and_then(|(_, wrapped)| (made.root_version)(wrapped)),
        namespace: Header::encode_rows(&rows),
        key: String::new(),
        recovery: made.recovery,
    };
    let (header, key) = Header::seal_key(facts, seal, entropy)?;
    let lines = header.encode()?;
    out.write_all(&lines)?;
    let writer = Writer::new(out, header::hash(&lines), &key)?;
    let mut copy = Copy { store, at: follower.begun(), follower, writer };
    copy.scan()?;
    copy.end()
}

/// A copy on its way.
struct Copy<'a> {
    store: &'a dyn Store,
    follower: Follower,
    writer: Writer<'a>,
    /// The state after the last batch that was written.
    at: Mark,
}

impl Copy<'_> {
    /// Writes every key, and between two pages what has changed meanwhile: a page shows at least what was written before
    /// it, so of several rows with one key the last is the newest.
    fn scan(&mut self) -> Result<(), BackupError> {
        let mut start = Vec::new();
        loop {
            let page = self.store.scan(Range { start: &start, end: &[u8::MAX] }, PAGE, false)?;
            for (key, read) in &page {
                self.writer.row(read.sequence, key, read.value.as_deref())?;
            }
            self.changes(Sequence(u64::MAX))?;
            match page.into_iter().next_back() {
                Some((last, _)) => start = [&last[..], &[0]].concat(),
                None => return Ok(()),
            }
        }
    }

    /// Waits until all that the scan saw is durable, and ends with the first batch that has it.
    fn end(mut self) -> Result<End, BackupError> {
        let seen = self.store.latest().max(self.follower.at().last);
        self.store.wait_durable(seen)?;
        self.changes(seen)?;
        self.writer.end(self.at)
    }

    /// Writes the batches that wait, up to the first that reaches `up_to`.
    fn changes(&mut self, up_to: Sequence) -> Result<(), BackupError> {
        for batch in self.follower.take()? {
            if self.at.last >= up_to {
                break;
            }
            for (key, read) in &batch.changes {
                self.writer.row(read.sequence, key, read.value.as_deref())?;
            }
            self.at = batch.after;
        }
        Ok(())
    }
}
