//! When the ledger was rolled. A roll ends the epochs in which older ledger copies were made: what was destroyed before
//! it began is gone also from them, and no backup brings it back. The list is a memo of the server's own.

use super::{Keep, KeepError, Transaction};
use crate::base::{Date, KeyBytes};
use crate::model::ManagedObject;
use crate::model::lifecycle::is_destroyed;
use crate::store::Sequence;

/// The name of the memo.
const MEMO: &[u8] = b"rolls";
const ROLL_BYTES: usize = 4 + 3 * 8;
/// A Destroy Date is that many seconds before a roll, or it is not believed to be before it: as far as a clock may be wrong
/// and a request may take.
const MARGIN_SECONDS: i64 = 86_400;

/// A roll.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Roll {
    /// The epoch that it began.
    pub epoch: u32,
    /// The last commit before that epoch: no copy of the epoch is older.
    pub begun_at: Sequence,
    /// When it began.
    pub begun: Date,
    /// When the epochs before were ended; None as long as they may live.
    pub ended: Option<Date>,
}

/// All rolls, oldest first.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Rolls(pub Vec<Roll>);

impl Rolls {
    /// The rolls of a store.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn of(keep: &Keep) -> Result<Self, KeepError> {
        let memo = keep.memo(MEMO, &mut Sequence::default())?;
        Ok(memo.map_or_else(Self::default, |memo| Self::decode(memo.value.expose())))
    }

    /// Stages that these are the rolls.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn stage(&self, keep: &Keep, transaction: &mut Transaction) -> Result<(), KeepError> {
        transaction.set_memo(keep, MEMO, Some(self.encode()))?;
        transaction.keep_item();
        Ok(())
    }

    /// The newest roll that ended the epochs before it.
    pub fn last_ended(&self) -> Option<&Roll> {
        self.0.iter().rev().find(|roll| roll.ended.is_some())
    }

    /// Since when no backup brings an object back that was destroyed; None while one may, and for any other object.
    /// `version` is the commit that wrote its record: by then it was destroyed. As a record may be written again later (a
    /// rotation seals it anew), the Destroy Date counts too, where it is well before the roll.
    pub fn gone_since(&self, object: &ManagedObject, version: Sequence) -> Option<Date> {
        let lifecycle = object.lifecycle();
        let destroyed = lifecycle.destroy.filter(|_| is_destroyed(lifecycle.state))?;
        let covers =
            |roll: &&Roll| roll.begun_at >= version || roll.begun.0.saturating_sub(MARGIN_SECONDS) > destroyed.0;
        self.0.iter().filter(|roll| roll.ended.is_some()).find(covers)?.ended
    }

    fn encode(&self) -> KeyBytes {
        let mut out = Vec::with_capacity(self.0.len() * ROLL_BYTES);
        for roll in &self.0 {
            out.extend_from_slice(&roll.epoch.to_be_bytes());
            out.extend_from_slice(&roll.begun_at.0.to_be_bytes());
            out.extend_from_slice(&roll.begun.0.to_be_bytes());
            out.extend_from_slice(&roll.ended.map_or(0, |date| date.0).to_be_bytes());
        }
        KeyBytes::new(out)
    }

    fn decode(bytes: &[u8]) -> Self {
        let rolls = bytes.chunks_exact(ROLL_BYTES).filter_map(|chunk| {
            let (epoch, rest) = chunk.split_first_chunk()?;
            let (begun_at, rest) = rest.split_first_chunk()?;
            let (begun, rest) = rest.split_first_chunk()?;
            let ended = i64::from_be_bytes(rest.try_into().ok()?);
            Some(Roll {
                epoch: u32::from_be_bytes(*epoch),
                begun_at: Sequence(u64::from_be_bytes(*begun_at)),
                begun: Date(i64::from_be_bytes(*begun)),
                ended: (ended != 0).then_some(Date(ended)),
            })
        });
        Self(rolls.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::attr;
    use crate::registry::{ObjectType, State};

    fn roll(epoch: u32, begun_at: u64, begun: i64, ended: Option<i64>) -> Roll {
        Roll { epoch, begun_at: Sequence(begun_at), begun: Date(begun), ended: ended.map(Date) }
    }

    #[test]
    fn a_destroyed_object_is_gone_with_the_first_roll_after_it() {
        let rolls = Rolls(vec![
            roll(1, 10, 100_000, Some(100_001)),
            roll(2, 20, 200_000, None),
            roll(3, 30, 300_000, Some(300_001)),
        ]);
        assert_eq!(Rolls::decode(rolls.encode().expose()), rolls);
        let mut object = ManagedObject::new("id", ObjectType::SymmetricKey, "alice");
        let gone = |object: &ManagedObject, version| rolls.gone_since(object, Sequence(version)).map(|date| date.0);
        object.attributes.set(attr::DESTROY_DATE, Date(99_999));
        assert_eq!(gone(&object, 10), None, "it is not destroyed");
        object.attributes.set(attr::STATE, State::DestroyedCompromised);
        assert_eq!(gone(&object, 10), Some(100_001));
        assert_eq!(gone(&object, 11), Some(300_001), "a roll that did not end says nothing");
        assert_eq!(gone(&object, 31), Some(300_001), "its record was written again, and it was destroyed long before");
        object.attributes.set(attr::DESTROY_DATE, Date(290_000));
        assert_eq!(gone(&object, 31), None);
    }
}
