//! Which store a file was made of, and in which of its lives. Commits are numbered on after a restore, so a number alone says
//! nothing of two files: what was restored from a backup, and what went on without it, both have a commit of that number.
//!
//! A store is named by the first block of its audit chain, which is never written again; each restore adds a random name
//! and the commit from which on the history is another.

use serde::{Deserialize, Serialize};

use super::lines::{hash, hex};
use super::{BackupError, ID_BYTES};
use crate::base::{Entropy, KeyBytes};
use crate::gate::audit;
use crate::keep::seal::{Class, Seal};
use crate::keep::{Keep, KeepError, Transaction, memo};
use crate::store::{Sequence, Store};

/// The memo with the restores of a store.
const MEMO: &[u8] = b"lineage";

/// The history of a store, in short.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Lineage {
    /// Names the store, in hexadecimal; empty for one that no server has opened yet.
    pub store: String,
    /// Its restores, oldest first.
    pub restores: Vec<Branch>,
}

/// A restore: from here on, another history.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Branch {
    /// Names it, in hexadecimal.
    pub id: String,
    /// The last commit of the backup that was restored.
    pub from: u64,
}

impl Lineage {
    /// The lineage of a store.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn of(store: &dyn Store, seal: &Seal) -> Result<Self, BackupError> {
        let first = store.scan(audit::BLOCKS, 1, false)?.into_iter().next().and_then(|(_, read)| read.value);
        let name = first.map_or_else(String::new, |block| hex(&hash(&block)[..ID_BYTES]));
        let place = memo::place(MEMO);
        let restores = match store.get(&place)?.value {
            Some(sealed) => {
                let opened = seal.open(Class::Server, &place, &sealed);
                let opened = opened.map_err(|error| KeepError::Seal("of the server".into(), error))?;
                serde_json::from_slice(&opened).map_err(|error| BackupError::Io(error.into()))?
            }
            None => Vec::new(),
        };
        Ok(Self { store: name, restores })
    }

    /// Whether a store with this lineage went on from the state that one with the lineage `older` had after a commit: it is
    /// the same history, or it branched off later.
    pub fn continues(&self, older: &Self, commit: u64) -> bool {
        let Some((common, later)) = self.restores.split_at_checked(older.restores.len()) else { return false };
        let branched = later.first().map_or(u64::MAX, |branch| branch.from);
        self.store == older.store && common == older.restores && commit <= branched
    }
}

/// Stages that a store is restored from the backup of a commit.
///
/// # Errors
/// The store cannot be read, or randomness fails.
pub fn branch(
    keep: &Keep,
    from: Sequence,
    entropy: &dyn Entropy,
    transaction: &mut Transaction,
) -> Result<(), BackupError> {
    let mut id = [0; ID_BYTES];
    entropy.fill(&mut id)?;
    let Lineage { mut restores, .. } = Lineage::of(&**keep.store(), keep.seal())?;
    restores.push(Branch { id: hex(&id), from: from.0 });
    let memo = serde_json::to_vec(&restores).map_err(|error| BackupError::Io(error.into()))?;
    transaction.set_memo(keep, MEMO, Some(KeyBytes::new(memo)))?;
    transaction.keep_item();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lineage(store: &str, restores: &[(&str, u64)]) -> Lineage {
        let restores = restores.iter().map(|(id, from)| Branch { id: (*id).into(), from: *from });
        Lineage { store: store.into(), restores: restores.collect() }
    }

    #[test]
    fn a_store_continues_what_it_was_and_nothing_else() {
        let (first, other) = (lineage("s", &[]), lineage("t", &[]));
        let (again, twin) = (lineage("s", &[("a", 10)]), lineage("s", &[("b", 10)]));
        let thrice = lineage("s", &[("a", 10), ("c", 30)]);
        let cases = [
            (&first, &first, 99, true),
            (&other, &first, 1, false),
            (&again, &first, 10, true),
            // The backup is of what went on without the restore.
            (&again, &first, 11, false),
            // And the other way round: older than the restore, and in the life before it.
            (&first, &again, 20, false),
            (&again, &twin, 20, false),
            (&thrice, &again, 30, true),
            (&thrice, &again, 31, false),
            (&thrice, &first, 10, true),
            (&thrice, &first, 20, false),
        ];
        for (newer, older, commit, continues) in cases {
            assert_eq!(newer.continues(older, commit), continues, "{newer:?} {older:?} {commit}");
        }
    }
}
