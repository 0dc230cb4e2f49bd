//! Opens everything that is in a store: the proof that a restored one can be served.

use super::BackupError;
use crate::gate::audit;
use crate::gate::recorder::RecordError;
use crate::keep::keys::{Kind, after, key};
use crate::keep::{Keep, Kept, resident_key};
use crate::model::lifecycle;
use crate::store::{Range, Sequence};

/// Records read at a time.
const PAGE: usize = 64;

/// What a store holds.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Contents {
    /// Objects, destroyed ones too.
    pub objects: u64,
    /// Those of them that are destroyed.
    pub destroyed: u64,
    /// Those whose key is in an HSM: it is not in a backup.
    pub in_hsm: u64,
    /// Those whose material was opened.
    pub materials: u64,
    /// Entries of the audit chain, all links of which hold.
    pub audit_entries: u64,
    /// The head of the chain.
    pub audit_head: String,
}

/// Opens every record, every material and every audit block. `progress` gets the number of objects so far.
///
/// # Errors
/// The first one that does not open.
pub fn inspect(keep: &Keep, progress: &mut dyn FnMut(u64)) -> Result<Contents, BackupError> {
    let mut contents = Contents::default();
    each_object(keep, &mut |kept| {
        contents.objects += 1;
        contents.destroyed += u64::from(is_destroyed(kept));
        if resident_key(&kept.object).is_some() {
            contents.in_hsm += 1;
        } else if keep.body(&kept.object, &mut Sequence(0))?.is_some() {
            contents.materials += 1;
        }
        progress(contents.objects);
        Ok(())
    })?;
    let head =
        audit::verify(&**keep.store(), keep.seal(), |_| contents.audit_entries += 1).map_err(RecordError::from)?;
    contents.audit_head = head.to_string();
    Ok(contents)
}

/// Shows every object, by identifier.
///
/// # Errors
/// An object cannot be read, or `show` fails.
pub fn each_object(keep: &Keep, show: &mut dyn FnMut(&Kept) -> Result<(), BackupError>) -> Result<(), BackupError> {
    let mut start = key(Kind::Record, &[]);
    let end = after(&start);
    loop {
        let page = keep.store().scan(Range { start: &start, end: &end }, PAGE, false)?;
        let Some((last, _)) = page.last() else { return Ok(()) };
        start = [&last[..], &[0]].concat();
        for (place, _) in &page {
            let id = String::from_utf8_lossy(&place[1..]);
            if let Some(kept) = keep.load(&id, &mut Sequence(0))? {
                show(&kept)?;
            }
        }
    }
}

/// Whether the material of an object is gone for ever.
pub fn is_destroyed(kept: &Kept) -> bool {
    lifecycle::is_destroyed(kept.object.lifecycle().state)
}
