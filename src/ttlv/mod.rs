//! Room 2: TTLV, the binary encoding of KMIP (specification 1.4 §9.1). One item is read by nom; a message is
//! walked once by `check` before anything else looks at it; `write` makes messages. Nothing here knows what an
//! item means.

mod check;
mod error;
mod item;
mod write;

pub use check::{check, frame};
pub use error::{Kind, TtlvError};
pub use item::{Children, Item};
pub use write::{Mark, Writer};

/// Bytes of tag, type and length before each value.
pub const HEADER_BYTES: usize = 8;

/// A value length rounded up to the eight bytes it occupies (1.4 §9.1.1.3).
const fn padded(length: usize) -> usize {
    (length + 7) & !7
}
