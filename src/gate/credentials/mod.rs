//! Credentials in the header of a request that are more than a name and a password, each verified against an object
//! that Create Credential made and that a user is linked to (1.4 §2.1.2, 2.1 §9.11, 3.0 §9.9). User and credential must
//! be Active. What may be used once is remembered in the commit of the request that used it.

mod certificate;
mod device;
mod hashed;
mod one_time;

pub use certificate::certificate;
pub use device::{claimed as device_told, device};
pub use hashed::{claimed as hashed_user, hashed};
pub use one_time::{OneTime, one_time};

use crate::base::{Date, Error, KeyBytes, Limits, Result};
use crate::keep::memo::Found;
use crate::keep::{Keep, Kept};
use crate::registry::Tag;
use crate::store::Sequence;
use crate::ttlv::{Item, Writer, check};

/// What a credential is verified against.
#[derive(Clone, Copy)]
pub struct Asking<'a> {
    /// The users and their credentials.
    pub keep: &'a Keep,
    /// The certificate of the connection, DER; none where there is no TLS.
    pub certificate: Option<&'a [u8]>,
    /// Whom the certificate names.
    pub peer: &'a str,
    /// The time.
    pub now: Date,
    /// The same in microseconds.
    pub now_micros: i64,
}

/// What a credential proved.
#[derive(Debug, Default)]
pub struct Proof {
    /// The user's name.
    pub user: String,
    /// What the credential may not be used for again.
    pub spent: Option<Spent>,
    /// Server Hashed Password, by which the server proves that it knows the password too (2.1 §8.5).
    pub server_hash: Option<Vec<u8>>,
}

/// How far a credential is used up: a counter, a step of time or a timestamp, of which only later ones are good.
#[derive(Debug)]
pub struct Spent {
    /// The memo.
    pub place: Vec<u8>,
    /// What the store had under its name: two requests cannot use the same.
    pub found: Found,
    /// The memo's new value.
    pub value: KeyBytes,
}

/// The last number that was used of a credential, and what using a later one will leave behind.
struct Last {
    place: Vec<u8>,
    found: Found,
    number: Option<u64>,
}

impl Last {
    fn of(asking: &Asking<'_>, credential: &Kept) -> Result<Self> {
        let place = [b"credential/", credential.object.id.as_bytes()].concat();
        let memo = asking.keep.memo(&place, &mut Sequence::default()).map_err(Error::from)?;
        let number = memo.as_ref().and_then(|memo| memo.value.expose().try_into().ok()).map(u64::from_be_bytes);
        Ok(Self { place, found: memo.map(|memo| memo.found).unwrap_or_default(), number })
    }

    fn spend(self, number: u64) -> Spent {
        Spent { place: self.place, found: self.found, value: KeyBytes::copy_from(&number.to_be_bytes()) }
    }
}

/// Reads the structure that is kept of a credential; nothing, if the object has none.
fn with_structure<T>(
    asking: &Asking<'_>,
    credential: &Kept,
    tag: Tag,
    read: impl FnOnce(&Item<'_>) -> Result<T>,
) -> Result<Option<T>> {
    let body = asking.keep.body(&credential.object, &mut Sequence::default()).map_err(Error::from)?;
    let Some(body) = body else { return Ok(None) };
    let mut out = Writer::default();
    out.raw_structure(tag, body.bytes.expose());
    let item = check(out.written(), &Limits::default())?;
    read(&item).map(Some)
}
