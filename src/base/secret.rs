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
