//! The ledger of a store, while it works, as a ledger copy.

use std::io::Write;

use super::header::Header;
use super::{Copied, NUMBER_BYTES};
use crate::backup::follow::Following;
use crate::backup::frames::Writer;
use crate::backup::lineage::Lineage;
use crate::backup::{BackupError, lines};
use crate::base::{Buffer, Entropy};
use crate::crypto::rsa::RsaPublicKey;
use crate::keep::keys::{Kind, after, key};
use crate::keep::ledger::{self, Secret};
use crate::keep::seal::{Seal, SealBroken};
use crate::store::{Range, Store};
use crate::vault::root::Root;

/// Who makes a copy, and for whom.
pub struct Maker<'a> {
    /// Name and version of the product.
    pub product: &'a str,
    /// Now, RFC 3339.
    pub created: String,
    /// Holds the key of the epoch.
    pub root: &'a dyn Root,
    /// The epoch, which must live.
    pub epoch: u32,
    /// A recovery key that opens the copy whatever becomes of the epoch.
    pub recovery: Option<&'a RsaPublicKey>,
    /// Randomness.
    pub entropy: &'a dyn Fn() -> Box<dyn Entropy>,
}

/// The epoch that a copy is made in: the newest that lives. The first copy of all begins the first epoch.
///
/// # Errors
/// The root fails.
pub fn epoch_of(root: &dyn Root) -> Result<u32, BackupError> {
    let epochs = root.epochs();
    Ok(match epochs.living()?.last() {
        Some(newest) => *newest,
        None => epochs.begin()?,
    })
}

/// A copy that was written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Written {
    /// What it says of itself, and what its last frame says.
    pub copied: Copied,
    /// Secrets that do not open any more. The copy does not have them; an older one may.
    pub damaged: u64,
}

/// Writes a ledger copy of `store`, which goes on working. A secret that does not open is left out, and the log names its
/// object: of a store that begins to fail there are backups all the same.
///
/// # Errors
/// The store, the root or `out` fails; a roll ends the epoch meanwhile; or more is written to the store than `out` can take.
pub fn write(store: &dyn Store, seal: &Seal, maker: &Maker<'_>, out: &mut dyn Write) -> Result<Written, BackupError> {
    // The versions of the namespace key that there are now open what was sealed before, even if a rotation wipes them.
    let before = seal.now();
    let following = Following::begin(store)?;
    let facts = Header {
        product: maker.product.to_owned(),
        created: maker.created.clone(),
        id: String::new(),
        lineage: Lineage::of(store, seal)?,
        begun_at: following.begun().last.0,
        epoch: maker.epoch,
        root: maker.root.kind().to_owned(),
        key: String::new(),
        recovery: None,
    };
    let (header, copy_key) = Header::wrap_key(facts, maker.root.epochs(), maker.recovery, maker.entropy)?;
    let lines = header.encode()?;
    out.write_all(&lines)?;
    let mut writer = Writer::new(out, lines::hash(&lines), &copy_key)?;
    let mut damaged = 0;
    let start = key(Kind::Ledger, &[]);
    let range = Range { start: &start, end: &after(&start) };
    let at = following.run(range, &mut |sequence, place, value| {
        let Some(sealed) = value else { return writer.row(sequence, place, None) };
        let Secret { number, bytes } = match open(seal, &before, place, sealed) {
            Ok(secret) => secret,
            Err(error) => {
                let id = String::from_utf8_lossy(&place[1..]);
                tracing::error!(%error, object = &*id, "a secret does not open and is left out of the ledger copy");
                damaged += 1;
                return writer.row(sequence, place, None);
            }
        };
        let mut row = Buffer::with_capacity(NUMBER_BYTES + bytes.len());
        row.extend(&number.to_be_bytes());
        row.extend(bytes.expose());
        writer.row(sequence, place, Some(&row))
    })?;
    // A roll may have ended the epoch meanwhile: what opens for nobody is not called a copy.
    if maker.recovery.is_none() && !maker.root.epochs().living()?.contains(&maker.epoch) {
        return Err(BackupError::Dead(maker.epoch));
    }
    Ok(Written { copied: Copied { header, end: writer.end(at)? }, damaged })
}

/// Opens a row with the keys of now, or with those of the beginning.
fn open(seal: &Seal, before: &Seal, place: &[u8], sealed: &[u8]) -> Result<Secret, SealBroken> {
    match ledger::open(seal, place, sealed) {
        Err(SealBroken::KeyVersion(_)) => ledger::open(before, place, sealed),
        opened => opened,
    }
}
