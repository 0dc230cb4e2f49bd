//! What the server keeps for itself beside the objects: values under a fixed name, sealed like everything else. They are
//! few and small; the last writer wins.

use super::keys::{Kind, key};
use super::seal::Class;
use super::{Keep, KeepError};
use crate::base::{Limits, Value};
use crate::registry::Tag;
use crate::store::{Commit, Sequence, Write};
use crate::ttlv::{Writer, check};

/// A staged note.
#[derive(Clone, Debug)]
pub(super) struct Note {
    pub(super) name: &'static str,
    pub(super) value: Option<Value>,
}

/// Tag around the value; what is inside is for the reader of the note.
const NOTE: Tag = Tag(0x54_4B10);

fn place(name: &str) -> Vec<u8> {
    key(Kind::Server, &[b"note/", name.as_bytes()])
}

impl Keep {
    /// The value of a note, if it has one.
    pub fn note(&self, name: &str) -> Result<Option<Value>, KeepError> {
        let place = place(name);
        let of = format!("note {name}");
        let Some(opened) = self.read(Class::Server, &place, &of, &mut Sequence::default())? else { return Ok(None) };
        let broken = |what: String| KeepError::Record(of.clone(), super::record::RecordBroken::new(what));
        let limits =
            Limits { message_bytes_max: usize::MAX, items_max: usize::MAX, depth_max: 64, ..Limits::default() };
        let item = check(&opened.plain, &limits).map_err(|error| broken(error.to_string()))?;
        Ok(Some(item.to_value()))
    }

    pub(super) fn stage_note(&self, note: &Note, commit: &mut Commit) -> Result<(), KeepError> {
        let place = place(note.name);
        let value = match &note.value {
            None => None,
            Some(value) => {
                let mut out = Writer::default();
                out.value(NOTE, value);
                Some(self.seal().seal(Class::Server, &place, 0, out.written(), &*self.entropy)?)
            }
        };
        commit.writes.push(Write { key: place, value });
        Ok(())
    }
}
