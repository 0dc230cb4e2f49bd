//! The canary: a key with a known identifier and a known check value. A token that lost its storage answers every
//! search with "nothing found"; only if the canary is there and gives its check value is that believed.

use std::fmt;

use cryptoki::mechanism::Mechanism;
use cryptoki::object::{Attribute, AttributeType, ObjectHandle};
use cryptoki::types::Ulong;

use super::calls::Call;
use super::error::{Fault, HsmError};
use super::keyid::{Instance, KeyId, Part};
use super::token::{ClassKey, Desk};
use super::wrap;

/// Bytes of a check value.
pub const CHECK_BYTES: usize = 8;

/// What is known of the canary of a server.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Canary {
    /// Whose it is.
    pub instance: Instance,
    /// How it is checked.
    pub kind: CanaryKind,
    /// What the check gives.
    pub check: [u8; CHECK_BYTES],
}

/// How a canary is checked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CanaryKind {
    /// An AES key encrypts a block of zeros.
    Aes,
    /// The modulus of an RSA key, for tokens without AES.
    Rsa,
}

impl CanaryKind {
    /// The word in the root file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Aes => "aes",
            Self::Rsa => "rsa",
        }
    }
}

impl fmt::Display for CanaryKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Canary {
    /// Makes the canary of an instance, or finds the one an unfinished run made.
    pub(super) fn make(desk: &Desk<'_>, instance: Instance, kind: CanaryKind) -> Result<Self, Fault> {
        let id = KeyId::new(&instance, Part::Canary);
        let class = class(kind);
        if desk.key_if_any(class, &id)?.is_none() {
            match kind {
                CanaryKind::Aes => drop(wrap::make_aes(desk, &id, "keyhaven canary")?),
                CanaryKind::Rsa => wrap::make_rsa(desk, &id, "keyhaven canary")?,
            }
        }
        let check = measure(desk, kind, desk.key(class, &id)?)?;
        Ok(Self { instance, kind, check })
    }

    /// Whether the canary is there and is the one.
    pub(super) fn check(&self, desk: &Desk<'_>) -> Result<(), Fault> {
        let id = KeyId::new(&self.instance, Part::Canary);
        let class = class(self.kind);
        // By a search, not from the cache: handles of a lost token may still answer.
        desk.forget(class, &id);
        let handle = desk.key(class, &id)?;
        if measure(desk, self.kind, handle)? == self.check {
            return Ok(());
        }
        Err(Fault::Final(HsmError::Unavailable("the canary key of the token is another one".into())))
    }
}

fn class(kind: CanaryKind) -> ClassKey {
    match kind {
        CanaryKind::Aes => ClassKey::Secret,
        CanaryKind::Rsa => ClassKey::Public,
    }
}

fn measure(desk: &Desk<'_>, kind: CanaryKind, handle: ObjectHandle) -> Result<[u8; CHECK_BYTES], Fault> {
    let long = match kind {
        CanaryKind::Aes => {
            desk.call(Call::Encrypt, |session| session.encrypt(&Mechanism::AesCbc([0; 16]), handle, &[0; 16]))?
        }
        CanaryKind::Rsa => {
            let kinds = [AttributeType::Modulus];
            let found = desk.call(Call::Attributes, |session| session.get_attributes(handle, &kinds))?;
            let modulus = found.into_iter().find_map(|one| match one {
                Attribute::Modulus(modulus) => Some(modulus),
                _ => None,
            });
            let modulus = modulus.ok_or_else(|| HsmError::Refused("a public key without modulus".into()))?;
            aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &modulus).as_ref().to_vec()
        }
    };
    let short = long.get(..CHECK_BYTES).and_then(|short| short.try_into().ok());
    short.ok_or_else(|| HsmError::Refused("a check value that is too short".into()).into())
}

/// The length of a key in bytes, as a template has it.
pub(super) fn ulong(number: usize) -> Ulong {
    // A usize is a CK_ULONG on every platform that cryptoki supports.
    Ulong::try_from(number).unwrap_or_else(|_| Ulong::from(0))
}
