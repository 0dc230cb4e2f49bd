//! The audit chain: one entry for each operation, in the order of commits, in blocks that are sealed and chained by a
//! keyed hash. A write's entry is part of the write's commit; a read's entry joins the same chain a moment later.
//! `recorder` asks `Chain` for the blocks of each batch just before the batch goes to the disk.

use std::fmt;
use std::sync::Arc;

use crate::base::{Entropy, EntropyFailed};
pub use crate::keep::commit_record::Head;
use crate::keep::seal::{Class, Seal, SealBroken};
use crate::registry::{Operation, ResultReason, Version};
use crate::store::{Range, Sequence, Store, StoreError, Write};

/// First byte of the keys of blocks.
const PREFIX: u8 = b'l';
/// A block is closed when it has this many bytes: it then fits one value of the store.
const BLOCK_BYTES: usize = 3_500;
/// Blocks read at a time.
const PAGE: usize = 256;

/// Where the blocks lie in the store, in their order.
pub const BLOCKS: Range<'_> = Range { start: &[PREFIX], end: &[PREFIX + 1] };

/// What an entry is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Kind {
    /// An operation of a client.
    Operation = 1,
    /// The server opened the store: what was not durable before is gone from here on.
    Opened = 2,
    /// The server's own work: a date that was reached, a sweep.
    Server = 3,
}

/// One entry.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry<'a> {
    /// What it is about.
    pub kind: Kind,
    /// When, in microseconds since 1970.
    pub at_micros: i64,
    /// Who.
    pub caller: &'a str,
    /// From where.
    pub address: &'a str,
    /// The protocol version of the request.
    pub version: Version,
    /// The operation.
    pub operation: Operation,
    /// The objects it touched, blank between.
    pub objects: &'a str,
    /// Why it failed; None for success.
    pub reason: Option<ResultReason>,
    /// The server's and the client's correlation values.
    pub correlation: &'a str,
}

impl<'a> Entry<'a> {
    /// What the server did by itself, and not for one object.
    pub fn of_server(kind: Kind, at_micros: i64, what: &'a str) -> Self {
        Self {
            kind,
            at_micros,
            caller: "keyhaven",
            address: "",
            version: Version::NEWEST,
            operation: Operation(0),
            objects: "",
            reason: None,
            correlation: what,
        }
    }

    /// The stored form.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&[0; 2]);
        out.push(self.kind as u8);
        out.extend_from_slice(&self.at_micros.to_be_bytes());
        out.push(self.version as u8);
        out.extend_from_slice(&self.operation.0.to_be_bytes());
        out.extend_from_slice(&self.reason.map_or(0, |reason| reason.0).to_be_bytes());
        for text in [self.caller, self.address, self.objects, self.correlation] {
            let text = cut(text);
            out.extend_from_slice(&(text.len() as u16).to_be_bytes());
            out.extend_from_slice(text.as_bytes());
        }
        let length = (out.len() - start - 2) as u16;
        out[start..start + 2].copy_from_slice(&length.to_be_bytes());
    }

    /// Reads one entry and gives what follows it.
    pub fn decode(input: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (length, rest) = input.split_at_checked(2)?;
        let (body, rest) = rest.split_at_checked(u16::from_be_bytes(length.try_into().ok()?) as usize)?;
        let (fixed, mut texts) = body.split_at_checked(18)?;
        let kind = match fixed[0] {
            1 => Kind::Operation,
            2 => Kind::Opened,
            3 => Kind::Server,
            _ => return None,
        };
        let mut text = || {
            let (length, after) = texts.split_at_checked(2)?;
            let (text, after) = after.split_at_checked(u16::from_be_bytes(length.try_into().ok()?) as usize)?;
            texts = after;
            std::str::from_utf8(text).ok()
        };
        let reason = u32::from_be_bytes(fixed[14..18].try_into().ok()?);
        let entry = Self {
            kind,
            at_micros: i64::from_be_bytes(fixed[1..9].try_into().ok()?),
            version: *Version::ALL.get(fixed[9] as usize)?,
            operation: Operation(u32::from_be_bytes(fixed[10..14].try_into().ok()?)),
            reason: (reason != 0).then_some(ResultReason(reason)),
            caller: text()?,
            address: text()?,
            objects: text()?,
            correlation: text()?,
        };
        Some((entry, rest))
    }
}

/// The longest text of an entry, in bytes: an entry stays far below a block.
const TEXT_BYTES: usize = 512;

fn cut(text: &str) -> &str {
    let mut end = text.len().min(TEXT_BYTES);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// Writes the chain.
pub struct Chain {
    seal: Arc<Seal>,
    entropy: Arc<dyn Entropy>,
    head: Head,
}

impl Chain {
    /// Goes on where the chain in the store ends.
    pub fn open(store: &dyn Store, seal: Arc<Seal>, entropy: Arc<dyn Entropy>) -> Result<Self, AuditBroken> {
        let head = end(store, &seal)?;
        Ok(Self { seal, entropy, head })
    }

    /// Where the chain ends now.
    pub fn head(&self) -> Head {
        self.head
    }

    fn block(&mut self, entries: &[u8]) -> Result<Write, EntropyFailed> {
        let number = self.head.blocks;
        // Hash and seal are of one version of the namespace key, also while it is rotated.
        let seal = self.seal.now();
        let hash = seal.chain(seal.version(), &self.head.hash, &[&number.to_be_bytes(), entries].concat());
        // The version in force has its subkeys.
        let hash = hash.ok_or(EntropyFailed)?;
        let key = block_key(number);
        let plain = [&self.head.hash[..], &hash[..], entries].concat();
        let value = seal.seal(Class::Audit, &key, number, &plain, &*self.entropy)?;
        self.head = Head { blocks: number + 1, hash };
        Ok(Write { key, value: Some(value) })
    }

    /// The blocks that hold these entries.
    pub fn write(&mut self, entries: &[(Sequence, Vec<u8>)]) -> Result<Vec<Write>, EntropyFailed> {
        let mut writes = Vec::new();
        let mut block = Vec::with_capacity(BLOCK_BYTES);
        for (_, entry) in entries {
            if !block.is_empty() && block.len() + entry.len() > BLOCK_BYTES {
                writes.push(self.block(&block)?);
                block.clear();
            }
            block.extend_from_slice(entry);
        }
        if !block.is_empty() {
            writes.push(self.block(&block)?);
        }
        Ok(writes)
    }
}

/// The chain cannot be read, or is not whole.
#[derive(Debug)]
pub enum AuditBroken {
    /// The store failed.
    Store(StoreError),
    /// A block does not open.
    Seal(u64, SealBroken),
    /// A block is missing, or follows another block than it says.
    Gap(u64),
    /// A block holds something that is not an entry.
    Entry(u64),
}

impl fmt::Display for AuditBroken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Store(error) => write!(f, "reading the audit chain: {error}"),
            Self::Seal(number, error) => write!(f, "audit block {number}: {error}"),
            Self::Gap(number) => write!(f, "audit block {number} is missing or does not follow the one before it"),
            Self::Entry(number) => write!(f, "audit block {number} holds an entry that cannot be read"),
        }
    }
}

impl std::error::Error for AuditBroken {}

impl From<StoreError> for AuditBroken {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

struct Block {
    number: u64,
    /// The version of the namespace key whose subkeys sealed and chained it.
    sealed_under: u32,
    previous: [u8; 32],
    hash: [u8; 32],
    entries: Vec<u8>,
}

impl Block {
    fn open(seal: &Seal, key: &[u8], value: &[u8]) -> Result<Self, AuditBroken> {
        let number = key.get(1..9).and_then(|bytes| bytes.try_into().ok()).map_or(u64::MAX, u64::from_be_bytes);
        let plain = seal.open(Class::Audit, key, value).map_err(|error| AuditBroken::Seal(number, error))?;
        let (previous, rest) = plain.split_at_checked(32).ok_or(AuditBroken::Entry(number))?;
        let (hash, entries) = rest.split_at_checked(32).ok_or(AuditBroken::Entry(number))?;
        let fixed = |bytes: &[u8]| bytes.try_into().map_err(|_| AuditBroken::Entry(number));
        let sealed_under = Seal::version_of(value).unwrap_or_default();
        Ok(Self { number, sealed_under, previous: fixed(previous)?, hash: fixed(hash)?, entries: entries.to_vec() })
    }
}

/// Where the chain in the store ends, by its last block alone.
pub fn end(store: &dyn Store, seal: &Seal) -> Result<Head, AuditBroken> {
    let last = store.scan(Range { start: &[PREFIX], end: &[PREFIX + 1] }, 1, true)?;
    let Some((key, read)) = last.into_iter().next() else { return Ok(Head { blocks: 0, hash: [0; 32] }) };
    let block = Block::open(seal, &key, &read.value.unwrap_or_default())?;
    Ok(Head { blocks: block.number + 1, hash: block.hash })
}

/// Whether the block before this head is in the store and has its hash: whether the chain once ended there.
pub fn passed(store: &dyn Store, seal: &Seal, head: Head) -> Result<bool, StoreError> {
    let Some(last) = head.blocks.checked_sub(1) else { return Ok(true) };
    let key = block_key(last);
    let Some(value) = store.get(&key)?.value else { return Ok(false) };
    Ok(Block::open(seal, &key, &value).is_ok_and(|block| block.hash == head.hash))
}

fn block_key(number: u64) -> Vec<u8> {
    let mut key = vec![PREFIX];
    key.extend_from_slice(&number.to_be_bytes());
    key
}

/// Walks the whole chain, proves each link, and shows every entry. Gives the head, for comparison with one that was
/// noted elsewhere: only that reveals a chain whose end was cut off.
pub fn verify(store: &dyn Store, seal: &Seal, mut show: impl FnMut(&Entry<'_>)) -> Result<Head, AuditBroken> {
    let mut head = Head { blocks: 0, hash: [0; 32] };
    loop {
        let start = block_key(head.blocks);
        let page = store.scan(Range { start: &start, end: &[PREFIX + 1] }, PAGE, false)?;
        if page.is_empty() {
            return Ok(head);
        }
        for (key, read) in page {
            let block = Block::open(seal, &key, &read.value.unwrap_or_default())?;
            let numbered = [&block.number.to_be_bytes(), &block.entries[..]].concat();
            let follows = block.number == head.blocks && block.previous == head.hash;
            if !follows || Some(block.hash) != seal.chain(block.sealed_under, &head.hash, &numbered) {
                return Err(AuditBroken::Gap(head.blocks));
            }
            let mut entries = &block.entries[..];
            while !entries.is_empty() {
                let (entry, rest) = Entry::decode(entries).ok_or(AuditBroken::Entry(block.number))?;
                show(&entry);
                entries = rest;
            }
            head = Head { blocks: block.number + 1, hash: block.hash };
        }
    }
}
