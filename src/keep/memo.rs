//! What the server remembers beside objects: tickets, asynchronous requests, PKCS#11 sessions, what is used up of a
//! credential, the lists of Set Defaults and Set Constraints. A memo is a sealed value under a name; it is staged like an
//! object and reaches the store in the same commit.

use super::keys::{Kind, after, key};
use super::seal::Class;
use super::{Keep, KeepError, Opened};
use crate::base::{Buffer, Error, KeyBytes, Limits, Result as BaseResult, Value};
use crate::registry::Tag;
use crate::store::{Commit, Expect, Range, Sequence, Write};
use crate::ttlv::{Writer, check};

const PREFIX: &[u8] = b"memo/";
/// Names that begin so have no prefix: the lists of the first stores lie there.
const UNPREFIXED: &[u8] = b"note/";
/// Tag around a memo that is a value.
const VALUE: Tag = Tag(0x54_4B10);

/// A memo that is a value, as bytes.
pub fn from_value(value: &Value) -> KeyBytes {
    let mut out = Writer::new(Buffer::default());
    out.value(VALUE, value);
    KeyBytes::copy_from(out.written())
}

/// The value of such a memo.
pub fn to_value(memo: &KeyBytes) -> BaseResult<Value> {
    let limits = Limits { message_bytes_max: usize::MAX, items_max: usize::MAX, depth_max: 64, ..Limits::default() };
    let item = check(memo.expose(), &limits).map_err(|error| Error::internal("reading a memo", error.to_string()))?;
    Ok(item.to_value())
}
/// What a memo that does not open is called.
const OF: &str = "of the server";

/// A memo as it was read.
#[derive(Debug)]
pub struct Memo {
    /// The value.
    pub value: KeyBytes,
    /// What the store had.
    pub found: Found,
}

impl Memo {
    fn of(opened: Opened) -> Self {
        Self { found: Found(Some((opened.sequence, opened.revision))), value: opened.plain.into() }
    }
}

/// What the store had under a name: the commit that wrote it and how often it was written. Nothing, if it had nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Found(Option<(Sequence, u64)>);

/// A memo that is to be written, or removed.
#[derive(Debug)]
pub(super) struct StagedMemo {
    pub(super) name: Vec<u8>,
    value: Option<KeyBytes>,
    found: Found,
}

impl StagedMemo {
    /// Changes what the store has under the name, which is demanded to be still what was found.
    pub(super) fn new(name: &[u8], found: Found, value: Option<KeyBytes>) -> Self {
        Self { name: name.to_vec(), value, found }
    }

    /// What it will be.
    pub(super) fn value(&self) -> Option<KeyBytes> {
        self.value.as_ref().map(|value| KeyBytes::copy_from(value.expose()))
    }

    /// The same memo with another value.
    pub(super) fn with(&self, value: Option<KeyBytes>) -> Self {
        Self { name: self.name.clone(), value, found: self.found }
    }
}

impl Keep {
    /// Reads a memo. `seen` rises to the commit that the answer rests on.
    pub fn memo(&self, name: &[u8], seen: &mut Sequence) -> Result<Option<Memo>, KeepError> {
        let place = place(name);
        Ok(self.read(Class::Server, &place, OF, seen)?.map(Memo::of))
    }

    /// Memos whose names begin with `prefix`, in rising order of names, at most `limit`. Names come with them.
    pub fn memos(&self, prefix: &[u8], limit: usize) -> Result<Vec<(Vec<u8>, Memo)>, KeepError> {
        let start = place(prefix);
        let end = after(&start);
        let rows = self.store.scan(Range { start: &start, end: &end }, limit, false)?;
        let mut memos = Vec::with_capacity(rows.len());
        for (place, read) in rows {
            if let Some(sealed) = read.value {
                let opened = self.opened(Class::Server, &place, &sealed, read.sequence, OF)?;
                memos.push((place[1 + PREFIX.len()..].to_vec(), Memo::of(opened)));
            }
        }
        Ok(memos)
    }

    /// Seals a memo into a commit, which demands that the store has what was read.
    pub(super) fn stage_memo(&self, memo: &StagedMemo, commit: &mut Commit) -> Result<(), KeepError> {
        let place = place(&memo.name);
        commit.expect.push(Expect { key: place.clone(), version: memo.found.0.map(|(version, _)| version) });
        let value = match &memo.value {
            Some(value) => {
                let revision = memo.found.0.map_or(0, |(_, revision)| revision) + 1;
                Some(self.seal.seal(Class::Server, &place, revision, value.expose(), &*self.entropy)?)
            }
            None => None,
        };
        commit.writes.push(Write { key: place, value });
        Ok(())
    }
}

/// Where a memo lies in the store.
pub fn place(name: &[u8]) -> Vec<u8> {
    let prefix = if name.starts_with(UNPREFIXED) { &[] } else { PREFIX };
    key(Kind::Server, &[prefix, name])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_comes_back_and_the_first_lists_lie_where_they_lay() {
        let value = Value::Structure(vec![crate::base::Field::new(Tag::Comment, Value::text("x"))]);
        assert_eq!(to_value(&from_value(&value)).unwrap(), value);
        assert!(to_value(&KeyBytes::copy_from(b"nothing")).is_err());
        assert_eq!(place(b"note/defaults"), key(Kind::Server, &[b"note/defaults"]));
        assert_eq!(place(b"ticket/1"), key(Kind::Server, &[b"memo/ticket/1"]));
    }
}
