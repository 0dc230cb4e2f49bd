//! Data of a request: bytes, or an output of an earlier item of this batch (2.1 §7.9, §11.13); and what Ephemeral
//! leaves of an answer (2.1 §8.3). The two belong together: an output that is not shown can still be worked on.

use std::ops::Deref;

use crate::base::{Error, KeyBytes, Result};
use crate::proto::message::Ephemeral;
use crate::proto::wire::{Read, wrong_type};
use crate::registry::{Data, ItemType, ResultReason, Version};
use crate::ttlv::Item;

/// Data as a request spells it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DataRef<'a> {
    /// The bytes themselves.
    Bytes(&'a [u8]),
    /// The newest output of this kind in this batch.
    Newest(Data),
    /// The n-th output of this batch, from zero; negative counts backwards.
    Nth(i32),
}

impl<'a> Read<'a> for DataRef<'a> {
    fn read(item: &Item<'a>, version: Version) -> Result<Self> {
        match item.item_type {
            ItemType::ByteString => <&[u8]>::read(item, version).map(Self::Bytes),
            ItemType::Enumeration if version >= Version::V2_0 => Data::read(item, version).map(Self::Newest),
            ItemType::Integer if version >= Version::V2_0 => i32::read(item, version).map(Self::Nth),
            _ => Err(wrong_type(item, "a Byte String")),
        }
    }
}

/// Data to work on.
#[derive(Debug)]
pub enum Input<'a> {
    /// From the request.
    Sent(&'a [u8]),
    /// From an earlier item of the batch.
    Earlier(KeyBytes),
}

impl Deref for Input<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Sent(bytes) => bytes,
            Self::Earlier(bytes) => bytes.expose(),
        }
    }
}

/// The outputs of a batch so far, in order. They take no more room than the answer that carries them.
#[derive(Debug, Default)]
pub struct Outputs(Vec<(Data, KeyBytes)>);

impl Outputs {
    /// Remembers an output for later items; versions before 2.0 cannot ask for it.
    pub fn record(&mut self, kind: Data, bytes: &[u8], version: Version) {
        if version >= Version::V2_0 {
            self.0.push((kind, KeyBytes::copy_from(bytes)));
        }
    }

    /// The bytes that a request means.
    ///
    /// # Errors
    /// Item Not Found if the batch has no such output.
    pub fn resolve<'a>(&self, data: DataRef<'a>) -> Result<Input<'a>> {
        let found = match data {
            DataRef::Bytes(bytes) => return Ok(Input::Sent(bytes)),
            DataRef::Newest(kind) => self.0.iter().rev().find(|(one, _)| *one == kind),
            DataRef::Nth(number) => {
                let from_end = if number < 0 { self.0.len() as i64 } else { 0 };
                usize::try_from(from_end + i64::from(number)).ok().and_then(|at| self.0.get(at))
            }
        };
        found
            .map(|(_, bytes)| Input::Earlier(KeyBytes::copy_from(bytes.expose())))
            .ok_or_else(|| Error::new(ResultReason::ItemNotFound, "no earlier item of this batch has this output"))
    }
}

/// What Ephemeral leaves of an answer: a field passes through the method of its part.
#[derive(Clone, Copy, Debug)]
pub struct Shown(pub Option<Ephemeral>);

impl Shown {
    /// The unique identifier.
    pub fn id<T>(self, id: T) -> Option<T> {
        (self.0 != Some(Ephemeral::Empty)).then_some(id)
    }

    /// The output of the operation.
    pub fn data<T>(self, data: Option<T>) -> Option<T> {
        data.filter(|_| self.0.is_none())
    }

    /// Anything else.
    pub fn rest<T>(self, field: Option<T>) -> Option<T> {
        field.filter(|_| matches!(self.0, None | Some(Ephemeral::Data)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_are_found_by_kind_and_by_number() {
        let mut outputs = Outputs::default();
        outputs.record(Data::Encrypt, b"none", Version::V1_4);
        for (kind, bytes) in [(Data::Encrypt, b"a"), (Data::Hash, b"b"), (Data::Encrypt, b"c")] {
            outputs.record(kind, bytes, Version::V2_1);
        }
        let table = [
            (DataRef::Bytes(b"x"), Some(&b"x"[..])),
            (DataRef::Newest(Data::Encrypt), Some(b"c")),
            (DataRef::Newest(Data::Hash), Some(b"b")),
            (DataRef::Newest(Data::Decrypt), None),
            (DataRef::Nth(0), Some(b"a")),
            (DataRef::Nth(2), Some(b"c")),
            (DataRef::Nth(3), None),
            (DataRef::Nth(-1), Some(b"c")),
            (DataRef::Nth(-3), Some(b"a")),
            (DataRef::Nth(-4), None),
            (DataRef::Nth(i32::MIN), None),
        ];
        for (data, wanted) in table {
            assert_eq!(outputs.resolve(data).ok().as_deref(), wanted, "{data:?}");
        }
    }

    #[test]
    fn ephemeral_hides_its_part() {
        let table = [
            (None, (true, true, true)),
            (Some(Ephemeral::Data), (true, false, true)),
            (Some(Ephemeral::Empty), (false, false, false)),
            (Some(Ephemeral::UniqueIdentifier), (true, false, false)),
        ];
        for (ephemeral, wanted) in table {
            let shown = Shown(ephemeral);
            let found = (shown.id(()).is_some(), shown.data(Some(())).is_some(), shown.rest(Some(())).is_some());
            assert_eq!(found, wanted, "{ephemeral:?}");
        }
    }
}
