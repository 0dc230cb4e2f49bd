//! Types for secrets: wiped when dropped, never printed, never compared by accident, opened by one visible door.

use std::fmt;

use zeroize::{Zeroize, Zeroizing};

/// Key material. No Clone, no Debug of the bytes, no comparison: `expose` is the only door, and a test lists its users.
pub struct KeyBytes(Zeroizing<Box<[u8]>>);

impl KeyBytes {
    /// Takes over bytes that are already on the heap; no copy is left.
    pub fn new(bytes: Vec<u8>) -> Self {
        // A Vec with spare room would be copied by into_boxed_slice and the old block freed unwiped.
        if bytes.len() == bytes.capacity() {
            return Self(Zeroizing::new(bytes.into_boxed_slice()));
        }
        let mut bytes = bytes;
        let exact: Box<[u8]> = bytes.as_slice().into();
        bytes.zeroize();
        Self(Zeroizing::new(exact))
    }

    /// Copies bytes that live in a buffer which wipes itself.
    pub fn copy_from(bytes: &[u8]) -> Self {
        Self(Zeroizing::new(bytes.into()))
    }

    /// Fills `length` bytes in place.
    pub fn fill<E>(length: usize, fill: impl FnOnce(&mut [u8]) -> Result<(), E>) -> Result<Self, E> {
        let mut bytes = Zeroizing::new(vec![0; length].into_boxed_slice());
        fill(&mut bytes)?;
        Ok(Self(bytes))
    }

    /// The bytes. Callers are `crypto`, `vault`, `keep::seal` and the key-block reader and writer of `proto`.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// How many bytes.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for KeyBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyBytes({} bytes)", self.len())
    }
}

/// A PIN, passphrase or password.
pub struct Pin(Zeroizing<String>);

impl Pin {
    /// Takes over the text.
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The text.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pin")
    }
}

/// A growing byte buffer for messages, which carry key bytes: what it lets go of is wiped, on growth too. So the
/// spare room of its block holds nothing, and only the bytes in use are ever wiped; as a slice, which zeroize does at
/// the speed of memset, where it takes a Vec byte by byte.
#[derive(Default)]
pub struct Buffer(Vec<u8>);

impl Buffer {
    /// An empty buffer with room for `capacity` bytes.
    pub fn with_capacity(capacity: usize) -> Self {
        Self(Vec::with_capacity(capacity))
    }

    /// A buffer of exactly these bytes, taken from another that wipes itself or from what is no secret.
    pub fn copy_from(bytes: &[u8]) -> Self {
        Self(bytes.to_vec())
    }

    /// Appends bytes; when the block has to grow, the old one is wiped.
    pub fn extend(&mut self, bytes: &[u8]) {
        self.reserve(bytes.len());
        self.0.extend_from_slice(bytes);
    }

    /// Makes room for `more` bytes without leaving a copy behind.
    pub fn reserve(&mut self, more: usize) {
        let needed = self.0.len().saturating_add(more);
        if needed > self.0.capacity() {
            let mut grown = Vec::with_capacity(needed.next_power_of_two().max(256));
            grown.extend_from_slice(&self.0);
            self.0.as_mut_slice().zeroize();
            self.0 = grown;
        }
    }

    /// Overwrites bytes that are already there; nothing happens past the end.
    pub fn patch(&mut self, at: usize, bytes: &[u8]) {
        if let Some(place) = self.0.get_mut(at..at + bytes.len()) {
            place.copy_from_slice(bytes);
        }
    }

    /// Wipes and drops everything after `length`.
    pub fn truncate(&mut self, length: usize) {
        if let Some(tail) = self.0.get_mut(length..) {
            tail.zeroize();
            self.0.truncate(length);
        }
    }

    /// Wipes and drops the first `count` bytes; the rest moves to the front.
    pub fn consume(&mut self, count: usize) {
        let rest = self.0.len().saturating_sub(count);
        let count = count.min(self.0.len());
        self.0.copy_within(count.., 0);
        self.truncate(rest);
    }

    /// Wipes and drops everything, and gives a large block back.
    pub fn clear(&mut self) {
        const KEEP: usize = 64 * 1024;
        self.truncate(0);
        if self.0.capacity() > KEEP {
            self.0 = Vec::new();
        }
    }

    /// Room of `more` zero bytes at the end, to be read into.
    pub fn spare(&mut self, more: usize) -> &mut [u8] {
        self.reserve(more);
        let start = self.0.len();
        self.0.resize(start + more, 0);
        &mut self.0[start..]
    }
}

impl std::ops::Deref for Buffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl std::ops::DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.0
    }
}

/// Takes the block over: no copy is left.
impl From<Buffer> for KeyBytes {
    fn from(mut buffer: Buffer) -> Self {
        Self::new(std::mem::take(&mut buffer.0))
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        self.0.as_mut_slice().zeroize();
    }
}

impl fmt::Debug for Buffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Buffer({} bytes)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_grows_consumes_and_patches() {
        let mut buffer = Buffer::default();
        buffer.extend(b"hello ");
        buffer.extend(&[b'x'; 1000]);
        buffer.patch(0, b"J");
        assert_eq!(&buffer[..6], b"Jello ");
        buffer.consume(6);
        assert_eq!(buffer.len(), 1000);
        buffer.spare(2)[0] = 7;
        assert_eq!(&buffer[999..], [b'x', 7, 0]);
        buffer.consume(5000);
        assert!(buffer.is_empty());
    }
}
