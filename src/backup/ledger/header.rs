//! What a ledger copy says of itself in clear, and how its key is opened.

use std::io::Read;

use base64ct::{Base64, Encoding};
use serde::{Deserialize, Serialize};

use crate::backup::header::{Key, Recovery, bytes};
use crate::backup::lineage::Lineage;
use crate::backup::lines::{FileKind, Lines, hex};
use crate::backup::{BackupError, ID_BYTES, KEY_BYTES};
use crate::base::{Entropy, KeyBytes};
use crate::crypto::rsa::RsaPublicKey;
use crate::vault::epoch::Epochs;
use crate::vault::escrow::Named;
use crate::vault::root::RootError;

/// A ledger copy.
const KIND: FileKind = FileKind { magic: "keyhaven-ledger ", format: 1, other: || BackupError::NotACopy };

/// Every frame is bound to it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Header {
    /// Who made it: name and version.
    pub product: String,
    /// When it was begun, RFC 3339.
    pub created: String,
    /// Names this copy, in hexadecimal.
    pub id: String,
    /// Which store it is of, and in which of its lives.
    pub lineage: Lineage,
    /// The commit that was the last one when it was begun: what was destroyed by then is not in it.
    pub begun_at: u64,
    /// The epoch whose key opens it.
    pub epoch: u32,
    /// The kind of the root that holds the key of the epoch.
    pub root: String,
    /// The key of this copy, wrapped in the epoch, base64.
    pub key: String,
    /// The key of this copy for a recovery key, if one was given: such a copy outlives its epoch.
    pub recovery: Option<Recovery>,
}

impl Header {
    /// Makes the key of a new copy and wraps it in the epoch that the header names, and for a recovery key. `facts` has
    /// everything else.
    ///
    /// # Errors
    /// Randomness or the root fails, or the recovery key is too short.
    pub fn wrap_key(
        facts: Self,
        epochs: &dyn Epochs,
        recovery: Option<&RsaPublicKey>,
        entropy: &dyn Fn() -> Box<dyn Entropy>,
    ) -> Result<(Self, KeyBytes), BackupError> {
        let mut id = [0; ID_BYTES];
        entropy().fill(&mut id)?;
        let id = hex(&id);
        let key = KeyBytes::fill(KEY_BYTES, |bytes| entropy().fill(bytes))?;
        let wrapped = epochs.wrap_in(facts.epoch, &key, &purpose(&id))?;
        let recovery = match recovery {
            Some(to) => {
                let named = Named { name: purpose(&id), key: KeyBytes::copy_from(key.expose()) };
                Some(Recovery::new(&[named], to, entropy())?)
            }
            None => None,
        };
        Ok((Self { id, key: Base64::encode_string(&wrapped), recovery, ..facts }, key))
    }

    /// The two lines.
    ///
    /// # Errors
    /// None that happens: the header is plain data.
    pub fn encode(&self) -> Result<Vec<u8>, BackupError> {
        KIND.encode(self)
    }

    /// Reads the two lines; gives the header and its hash, to which the frames are bound.
    ///
    /// # Errors
    /// `NotACopy`, `Newer`, or reading fails.
    pub fn read(from: &mut dyn Read) -> Result<(Self, [u8; 32]), BackupError> {
        let Lines { header, bound, .. } = KIND.read(from)?;
        Ok((header, bound))
    }

    /// Opens the key of the copy: with the recovery key, if there is one and the copy has a part for it, or in its epoch.
    ///
    /// # Errors
    /// `Dead` if the epoch was ended; `Refused` for another server or another recovery key.
    pub fn open(&self, with: &Key<'_>) -> Result<KeyBytes, BackupError> {
        if let (Some(key), Some(recovery)) = (with.recovery, &self.recovery) {
            let mut keys = recovery.open(key, (with.entropy)())?;
            keys.retain(|named| named.name == purpose(&self.id));
            return keys
                .pop()
                .map(|named| named.key)
                .ok_or(BackupError::Refused("the copy's recovery part is another's"));
        }
        let epochs = with.root.epochs();
        epochs.unwrap_in(self.epoch, &bytes(&self.key)?, &purpose(&self.id)).map_err(|error| match error {
            RootError::Epoch(epoch) => BackupError::Dead(epoch),
            RootError::Wrong => {
                BackupError::Refused("the ledger copy is of another server, or of an epoch that is gone")
            }
            error => error.into(),
        })
    }
}

/// What the key of a copy is bound to.
fn purpose(id: &str) -> Vec<u8> {
    format!("ledger/{id}").into_bytes()
}
