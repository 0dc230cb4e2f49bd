//! The CKA_ID of our keys: the instance of this server, a letter for what the key is, then which one. Servers may
//! share a token; each sees and sweeps its own keys only.

use std::fmt;

/// Bytes that tell the keys of one server from those of others.
pub const INSTANCE_BYTES: usize = 8;

/// The instance of a server.
pub type Instance = [u8; INSTANCE_BYTES];

/// What a key is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Part {
    /// The key that shows whether the token has its keys.
    Canary,
    /// A version of the root key.
    Root(u32),
    /// The key of an epoch of the ledger.
    Epoch(u32),
    /// The key of an object, by the object's own 16 bytes.
    Resident([u8; 16]),
}

/// A CKA_ID.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(Box<[u8]>);

impl KeyId {
    /// The identifier of a part.
    pub fn new(instance: &Instance, part: Part) -> Self {
        let mut bytes = instance.to_vec();
        match part {
            Part::Canary => bytes.push(b'C'),
            Part::Root(version) => {
                bytes.push(b'R');
                bytes.extend_from_slice(&version.to_be_bytes());
            }
            Part::Epoch(number) => {
                bytes.push(b'E');
                bytes.extend_from_slice(&number.to_be_bytes());
            }
            Part::Resident(own) => {
                bytes.push(b'K');
                bytes.extend_from_slice(&own);
            }
        }
        Self(bytes.into())
    }

    /// An identifier as it was stored.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        Self(bytes.into())
    }

    /// The bytes of CKA_ID.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// What the identifier stands for; None if it is not one of this instance.
    pub fn part(&self, instance: &Instance) -> Option<Part> {
        let rest = self.0.strip_prefix(instance.as_slice())?;
        match rest.split_first()? {
            (b'C', []) => Some(Part::Canary),
            (b'R', version) => version.try_into().ok().map(|version| Part::Root(u32::from_be_bytes(version))),
            (b'E', number) => number.try_into().ok().map(|number| Part::Epoch(u32::from_be_bytes(number))),
            (b'K', own) => own.try_into().ok().map(Part::Resident),
            _ => None,
        }
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_says_what_it_is_and_whose() {
        let (mine, other) = ([1; 8], [2; 8]);
        for part in [Part::Canary, Part::Root(7), Part::Epoch(7), Part::Resident([9; 16])] {
            let id = KeyId::new(&mine, part);
            assert_eq!(id.part(&mine), Some(part));
            assert_eq!(id.part(&other), None);
            assert_eq!(KeyId::from_bytes(id.bytes()), id);
        }
        assert_eq!(KeyId::from_bytes(b"short").part(&mine), None);
    }
}
