//! One walk over a whole message with a fixed stack, before anything is decoded: types, lengths, zero padding,
//! UTF-8, depth and number of items. It allocates nothing and does not recurse. What passes can be read by `Item`
//! without further checks.

use super::error::{Kind, TtlvError};
use super::item::{Item, header};
use super::{HEADER_BYTES, padded};
use crate::base::Limits;
use crate::registry::{ItemType, Tag};

/// The deepest nesting that any configuration can allow; the size of the fixed stack.
const DEPTH_MAX: usize = 64;

/// The length of the whole message that begins with these bytes, or None if its header is not complete yet. A
/// first tag other than `expected` or a message over the limit is refused from its first eight bytes.
pub fn frame(start: &[u8], expected: Tag, limits: &Limits) -> Result<Option<usize>, TtlvError> {
    let Some(start) = start.get(..HEADER_BYTES) else {
        return Ok(None);
    };
    let Ok((_, (tag, code, length))) = header(start) else {
        return Ok(None);
    };
    if tag != expected || code != ItemType::Structure as u8 {
        return Err(TtlvError::at(Kind::WrongMessage, Some(tag), 0));
    }
    if !length.is_multiple_of(8) {
        return Err(TtlvError::at(Kind::WrongLength(ItemType::Structure), Some(tag), 0));
    }
    match length.checked_add(HEADER_BYTES) {
        Some(total) if total <= limits.message_bytes_max => Ok(Some(total)),
        _ => Err(TtlvError::at(Kind::TooLong, Some(tag), 0)),
    }
}

/// Checks one whole message and gives its outermost item.
pub fn check<'a>(message: &'a [u8], limits: &Limits) -> Result<Item<'a>, TtlvError> {
    if message.len() > limits.message_bytes_max {
        return Err(TtlvError::at(Kind::TooLong, None, 0));
    }
    let depth_max = limits.depth_max.min(DEPTH_MAX);
    // Ends of the open structures, outermost first.
    let mut ends = [0_usize; DEPTH_MAX];
    let mut depth = 0;
    let mut at = 0;
    let mut items = 0;
    loop {
        let end = if depth == 0 { message.len() } else { ends[depth - 1] };
        let (tag, item_type, length) = read_header(message, at, end)?;
        let fault = |kind| TtlvError::at(kind, Some(tag), at);
        items += 1;
        if items > limits.items_max {
            return Err(fault(Kind::TooManyItems));
        }
        let value_at = at + HEADER_BYTES;
        let next = value_at.checked_add(padded(length)).ok_or(fault(Kind::Overrun))?;
        if next > end {
            return Err(fault(if depth == 0 { Kind::Truncated } else { Kind::Overrun }));
        }
        if item_type == ItemType::Structure {
            if depth == depth_max {
                return Err(fault(Kind::TooDeep));
            }
            ends[depth] = next;
            depth += 1;
            at = value_at;
        } else {
            value(item_type, &message[value_at..next], length).map_err(fault)?;
            at = next;
        }
        while depth > 0 && ends[depth - 1] == at {
            depth -= 1;
        }
        if depth == 0 {
            break;
        }
    }
    if at != message.len() {
        return Err(TtlvError::at(Kind::TrailingBytes, None, at));
    }
    Item::first(message, 0).map(|(item, _)| item).ok_or(TtlvError::at(Kind::Truncated, None, 0))
}

fn read_header(message: &[u8], at: usize, end: usize) -> Result<(Tag, ItemType, usize), TtlvError> {
    let inside = message.get(at..end).unwrap_or_default();
    let Ok((_, (tag, code, length))) = header(inside) else {
        return Err(TtlvError::at(Kind::Truncated, None, at));
    };
    let item_type = ItemType::from_code(code).ok_or(TtlvError::at(Kind::UnknownType(code), Some(tag), at))?;
    if !length_fits(item_type, length) {
        return Err(TtlvError::at(Kind::WrongLength(item_type), Some(tag), at));
    }
    Ok((tag, item_type, length))
}

/// Lengths by type (1.4 §9.1.1.3, table "Allowed Length Values").
const fn length_fits(item_type: ItemType, length: usize) -> bool {
    match item_type {
        ItemType::Integer | ItemType::Enumeration | ItemType::Interval => length == 4,
        ItemType::LongInteger | ItemType::Boolean | ItemType::DateTime | ItemType::DateTimeExtended => length == 8,
        ItemType::Structure => length.is_multiple_of(8),
        ItemType::BigInteger => length != 0 && length.is_multiple_of(8),
        _ => true,
    }
}

/// Checks a value with its padding.
fn value(item_type: ItemType, padded: &[u8], length: usize) -> Result<(), Kind> {
    let (bytes, padding) = padded.split_at(length);
    if padding.iter().any(|byte| *byte != 0) {
        return Err(Kind::DirtyPadding);
    }
    match item_type {
        ItemType::Boolean if !matches!(bytes, [0, 0, 0, 0, 0, 0, 0, 0 | 1]) => Err(Kind::WrongBoolean),
        ItemType::TextString | ItemType::Identifier | ItemType::Reference | ItemType::NameReference
            if std::str::from_utf8(bytes).is_err() =>
        {
            Err(Kind::WrongText)
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(bytes: &[u8]) -> Result<Item<'_>, Kind> {
        check(bytes, &Limits::default()).map_err(|error| error.kind)
    }

    fn hex(text: &str) -> Vec<u8> {
        let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
        digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
    }

    /// The examples of 1.4 §9.1.2.
    #[test]
    fn examples_of_the_standard() {
        let integer = hex("42 00 20 02 00 00 00 04 00 00 00 08 00 00 00 00");
        assert_eq!(checked(&integer).unwrap().integer(), Some(8));
        let big = hex("42 00 20 04 00 00 00 10 00 00 00 00 03 FD 35 EB 6B C2 DF 46 18 08 00 00");
        assert_eq!(checked(&big).unwrap().big_integer().unwrap().signed(), hex("03FD35EB6BC2DF4618080000"));
        let text = hex("42 00 20 07 00 00 00 0B 48 65 6C 6C 6F 20 57 6F 72 6C 64 00 00 00 00 00");
        assert_eq!(checked(&text).unwrap().text(), Some("Hello World"));
        let structure = hex("42 00 20 01 00 00 00 20 42 00 04 05 00 00 00 04 00 00 00 FE 00 00 00 00
             42 00 05 02 00 00 00 04 00 00 00 FF 00 00 00 00");
        let item = checked(&structure).unwrap();
        let children: Vec<_> = item.children().collect();
        assert_eq!(children[0].enumeration(), Some(254));
        assert_eq!(children[1].integer(), Some(255));
        assert_eq!(children[1].offset, 24);
    }

    #[test]
    fn each_fault_has_its_name() {
        let faults = [
            ("420020 02 00000004 00000008 00000001", Kind::DirtyPadding),
            ("420020 02 00000005 0000000800 000000", Kind::WrongLength(ItemType::Integer)),
            ("420020 06 00000008 0000000000000002", Kind::WrongBoolean),
            ("420020 07 00000002 C328 000000000000", Kind::WrongText),
            ("420020 1F 00000000", Kind::UnknownType(0x1F)),
            ("420020 02 00000004 00000008", Kind::Truncated),
            ("420020 02 000000", Kind::Truncated),
            ("420020 01 00000008 420020 02 00000004", Kind::Overrun),
            ("420020 08 00000000 00", Kind::TrailingBytes),
            ("420020 01 00000000 420020 08 00000000", Kind::TrailingBytes),
            ("420020 08 FFFFFFFF 00", Kind::Truncated),
            ("", Kind::Truncated),
        ];
        for (bytes, kind) in faults {
            assert_eq!(checked(&hex(bytes)).unwrap_err(), kind, "{bytes}");
        }
    }

    #[test]
    fn depth_and_count_are_bounded() {
        let limits = Limits { depth_max: 4, items_max: 10, ..Limits::default() };
        let nested = |levels: usize| {
            (0..levels).fold(Vec::new(), |inner: Vec<u8>, _| {
                let mut outer = hex("420020 01");
                outer.extend((inner.len() as u32).to_be_bytes());
                outer.extend(inner);
                outer
            })
        };
        assert!(check(&nested(4), &limits).is_ok());
        assert_eq!(check(&nested(5), &limits).unwrap_err().kind, Kind::TooDeep);
        let mut wide = hex("420020 01 00000050");
        wide.extend(hex("420020 08 00000000").repeat(10));
        assert_eq!(check(&wide, &limits).unwrap_err().kind, Kind::TooManyItems);
    }

    #[test]
    fn a_frame_is_refused_from_its_first_bytes() {
        let limits = Limits { message_bytes_max: 1024, ..Limits::default() };
        let request = |bytes: &str| frame(&hex(bytes), Tag::RequestMessage, &limits);
        assert_eq!(request("420078 01 000000"), Ok(None));
        assert_eq!(request("420078 01 00000010"), Ok(Some(24)));
        assert_eq!(request("420078 01 00000400").unwrap_err().kind, Kind::TooLong);
        assert_eq!(request("16030100 00000000").unwrap_err().kind, Kind::WrongMessage);
        assert_eq!(request("420078 01 00000011").unwrap_err().kind, Kind::WrongLength(ItemType::Structure));
    }
}
