//! The writer: items are appended, the length of a structure is patched when it ends, so nothing is measured first.

use super::{HEADER_BYTES, Item, padded};
use crate::base::{BigInt, Buffer, Date, Field, Value};
use crate::registry::{ItemType, Tag};

/// Appends items to a buffer that wipes itself.
#[derive(Debug, Default)]
pub struct Writer {
    buffer: Buffer,
}

/// A structure that was begun; `end` takes it back.
#[derive(Debug)]
#[must_use = "the length of the structure is written by `end`"]
pub struct Mark(usize);

impl Writer {
    /// A writer that appends to `buffer`.
    pub fn new(buffer: Buffer) -> Self {
        Self { buffer }
    }

    /// Everything written.
    pub fn finish(self) -> Buffer {
        self.buffer
    }

    /// Bytes written so far.
    pub fn len(&self) -> usize {
        self.buffer.len()
    }

    /// Whether nothing was written.
    pub fn is_empty(&self) -> bool {
        self.buffer.is_empty()
    }

    /// What was written so far.
    pub fn written(&self) -> &[u8] {
        &self.buffer
    }

    /// Takes back, wiped, everything after `length`: for an answer that turned out too large or failed midway.
    pub fn truncate(&mut self, length: usize) {
        self.buffer.truncate(length);
    }

    /// Where the value of an Integer or Enumeration that is written next will stand, for `patch_four`.
    pub fn next_value(&self) -> usize {
        self.buffer.len() + HEADER_BYTES
    }

    /// Overwrites the value of an Integer or Enumeration that was written at `next_value`.
    pub fn patch_four(&mut self, at: usize, value: u32) {
        self.buffer.patch(at, &value.to_be_bytes());
    }

    /// Begins a structure.
    pub fn begin(&mut self, tag: Tag) -> Mark {
        self.header(tag, ItemType::Structure, 0);
        Mark(self.buffer.len())
    }

    /// Ends a structure: its length is known now.
    pub fn end(&mut self, mark: Mark) {
        // A message is bounded far below 4 GiB by its limits; the cast cannot cut.
        let length = (self.buffer.len() - mark.0) as u32;
        self.buffer.patch(mark.0 - 4, &length.to_be_bytes());
    }

    /// A structure whose items `fill` writes.
    pub fn structure(&mut self, tag: Tag, fill: impl FnOnce(&mut Self)) {
        let mark = self.begin(tag);
        fill(self);
        self.end(mark);
    }

    /// An Integer.
    pub fn integer(&mut self, tag: Tag, value: i32) {
        self.four(tag, ItemType::Integer, value.to_be_bytes());
    }

    /// A Long Integer.
    pub fn long_integer(&mut self, tag: Tag, value: i64) {
        self.eight(tag, ItemType::LongInteger, value.to_be_bytes());
    }

    /// A Big Integer, sign-extended to a multiple of eight bytes (1.4 §9.1.1.4).
    pub fn big_integer(&mut self, tag: Tag, value: &BigInt) {
        let bytes = value.signed();
        let length = padded(bytes.len());
        let sign = if bytes.first().is_some_and(|first| *first >= 0x80) { 0xFF } else { 0 };
        self.header(tag, ItemType::BigInteger, length);
        self.buffer.extend(&[sign; 8][..length - bytes.len()]);
        self.buffer.extend(bytes);
    }

    /// An Enumeration.
    pub fn enumeration(&mut self, tag: Tag, value: u32) {
        self.four(tag, ItemType::Enumeration, value.to_be_bytes());
    }

    /// A Boolean.
    pub fn boolean(&mut self, tag: Tag, value: bool) {
        self.eight(tag, ItemType::Boolean, u64::from(value).to_be_bytes());
    }

    /// A Text String.
    pub fn text(&mut self, tag: Tag, value: &str) {
        self.bytes(tag, ItemType::TextString, value.as_bytes());
    }

    /// A Byte String.
    pub fn byte_string(&mut self, tag: Tag, value: &[u8]) {
        self.bytes(tag, ItemType::ByteString, value);
    }

    /// A Date-Time.
    pub fn date_time(&mut self, tag: Tag, value: Date) {
        self.eight(tag, ItemType::DateTime, value.0.to_be_bytes());
    }

    /// An Interval.
    pub fn interval(&mut self, tag: Tag, seconds: u32) {
        self.four(tag, ItemType::Interval, seconds.to_be_bytes());
    }

    /// A Date-Time Extended.
    pub fn date_time_extended(&mut self, tag: Tag, micros: i64) {
        self.eight(tag, ItemType::DateTimeExtended, micros.to_be_bytes());
    }

    /// An Identifier, Reference or Name Reference (3.0).
    pub fn reference(&mut self, tag: Tag, item_type: ItemType, value: &str) {
        self.bytes(tag, item_type, value.as_bytes());
    }

    /// A value of any type with all below it. Values are as deep as a message may be; the walk keeps its own stack.
    pub fn value(&mut self, tag: Tag, value: &Value) {
        let mut open: Vec<(Mark, std::slice::Iter<'_, Field>)> = Vec::new();
        let mut next = Some((tag, value));
        while let Some((tag, value)) = next {
            match value {
                Value::Structure(fields) => {
                    let mark = self.begin(tag);
                    open.push((mark, fields.iter()));
                }
                leaf => self.leaf(tag, leaf),
            }
            next = None;
            while let Some((mark, mut fields)) = open.pop() {
                if let Some(field) = fields.next() {
                    open.push((mark, fields));
                    next = Some((field.tag, &field.value));
                    break;
                }
                self.end(mark);
            }
        }
    }

    /// A structure whose items are already TTLV.
    pub fn raw_structure(&mut self, tag: Tag, items: &[u8]) {
        self.bytes(tag, ItemType::Structure, items);
    }

    /// An item as it is, children and all.
    pub fn item(&mut self, item: &Item<'_>) {
        self.bytes(item.tag, item.item_type, item.bytes);
    }

    fn leaf(&mut self, tag: Tag, value: &Value) {
        match value {
            Value::Structure(_) => {}
            Value::Integer(value) => self.integer(tag, *value),
            Value::LongInteger(value) => self.long_integer(tag, *value),
            Value::BigInteger(value) => self.big_integer(tag, value),
            Value::Enumeration(value) => self.enumeration(tag, *value),
            Value::Boolean(value) => self.boolean(tag, *value),
            Value::ByteString(value) => self.byte_string(tag, value),
            Value::DateTime(value) => self.date_time(tag, *value),
            Value::Interval(value) => self.interval(tag, *value),
            Value::DateTimeExtended(value) => self.date_time_extended(tag, *value),
            Value::TextString(text) | Value::Identifier(text) | Value::Reference(text) | Value::NameReference(text) => {
                self.bytes(tag, value.item_type(), text.as_bytes());
            }
        }
    }

    fn header(&mut self, tag: Tag, item_type: ItemType, length: usize) {
        let mut header = [0; HEADER_BYTES];
        header[..4].copy_from_slice(&((tag.0 << 8) | item_type as u32).to_be_bytes());
        header[4..].copy_from_slice(&(length as u32).to_be_bytes());
        self.buffer.extend(&header);
    }

    fn four(&mut self, tag: Tag, item_type: ItemType, value: [u8; 4]) {
        let mut item = [0; 16];
        item[..4].copy_from_slice(&((tag.0 << 8) | item_type as u32).to_be_bytes());
        item[7] = 4;
        item[8..12].copy_from_slice(&value);
        self.buffer.extend(&item);
    }

    fn eight(&mut self, tag: Tag, item_type: ItemType, value: [u8; 8]) {
        let mut item = [0; 16];
        item[..4].copy_from_slice(&((tag.0 << 8) | item_type as u32).to_be_bytes());
        item[7] = 8;
        item[8..].copy_from_slice(&value);
        self.buffer.extend(&item);
    }

    fn bytes(&mut self, tag: Tag, item_type: ItemType, value: &[u8]) {
        self.header(tag, item_type, value.len());
        self.buffer.extend(value);
        self.buffer.extend(&[0; 8][..padded(value.len()) - value.len()]);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::base::Limits;
    use crate::ttlv::check;

    fn leaf() -> impl Strategy<Value = Value> {
        prop_oneof![
            any::<i32>().prop_map(Value::Integer),
            any::<i64>().prop_map(Value::LongInteger),
            prop::collection::vec(any::<u8>(), 0..20).prop_map(|bytes| Value::BigInteger(BigInt::from_signed(&bytes))),
            any::<u32>().prop_map(Value::Enumeration),
            any::<bool>().prop_map(Value::Boolean),
            ".{0,20}".prop_map(|text| Value::TextString(text.into())),
            prop::collection::vec(any::<u8>(), 0..20).prop_map(|bytes| Value::ByteString(bytes.into())),
            any::<i64>().prop_map(|seconds| Value::DateTime(Date(seconds))),
            any::<u32>().prop_map(Value::Interval),
            any::<i64>().prop_map(Value::DateTimeExtended),
            ".{0,20}".prop_map(|text| Value::Identifier(text.into())),
            ".{0,20}".prop_map(|text| Value::NameReference(text.into())),
        ]
    }

    fn value() -> impl Strategy<Value = Value> {
        leaf().prop_recursive(6, 64, 6, |inner| {
            prop::collection::vec((1_u32..0xFF_FFFF, inner), 0..6).prop_map(|fields| {
                Value::Structure(fields.into_iter().map(|(tag, value)| Field::new(Tag(tag), value)).collect())
            })
        })
    }

    proptest! {
        #[test]
        fn what_is_written_passes_the_check_and_reads_back(value in value()) {
            let mut writer = Writer::default();
            writer.value(Tag::RequestMessage, &value);
            let bytes = writer.finish();
            let item = check(&bytes, &Limits::default()).unwrap();
            prop_assert_eq!(item.to_value(), value);
            let mut again = Writer::default();
            again.item(&item);
            prop_assert_eq!(&*again.finish(), &*bytes);
        }

        #[test]
        fn mutated_bytes_never_panic(value in value(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
            let mut writer = Writer::default();
            writer.value(Tag::RequestMessage, &value);
            let mut bytes = writer.finish().to_vec();
            let at = at.index(bytes.len());
            bytes[at] = byte;
            if let Ok(item) = check(&bytes, &Limits::default()) {
                item.to_value();
            }
        }
    }
}
