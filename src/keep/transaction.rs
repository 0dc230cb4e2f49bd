//! What a request wants to change, before anything is changed. A batch is one transaction; each of its items stages
//! into a layer of its own, which joins the rest when the item succeeds and is dropped when it fails.

use super::memo::{Found, StagedMemo};
use super::{Keep, KeepError, Kept};
use crate::base::KeyBytes;
use crate::model::ManagedObject;
use crate::proto::objects::Body;
use crate::store::Sequence;

/// What becomes of an object's body.
#[derive(Debug)]
pub enum BodyChange {
    /// It stays.
    Keep,
    /// It is new.
    Set(Body),
    /// It was made in the vault, under this name.
    Resident(Box<[u8]>),
    /// It is destroyed.
    Erase,
}

/// One changed object.
#[derive(Debug)]
pub(super) struct Staged {
    pub(super) kept: Kept,
    /// Rows that the store has for it.
    pub(super) rows_before: Vec<Vec<u8>>,
    pub(super) body: BodyChange,
    /// The object vanishes with all that is known of it.
    pub(super) gone: bool,
}

/// Staged changes of one request.
#[derive(Debug, Default)]
pub struct Transaction {
    /// Of the items that succeeded.
    batch: Vec<Staged>,
    /// Of the item that runs.
    item: Vec<Staged>,
    /// Memos of the request as a whole: they are written whatever becomes of its items.
    request_memos: Vec<StagedMemo>,
    /// Memos of the items that succeeded.
    batch_memos: Vec<StagedMemo>,
    /// Memos of the item that runs.
    item_memos: Vec<StagedMemo>,
    /// What was found under the names of memos that were read: a change demands that it is still so.
    found: Vec<(Vec<u8>, Found)>,
    /// Keys that the request made in the vault, each with the object that it is for. They are there whatever becomes of
    /// the items that made them.
    made: Vec<(Box<[u8]>, Box<str>)>,
    /// The highest commit that anything read so far rests on.
    pub seen: Sequence,
}

impl Transaction {
    /// Reads an object as this transaction sees it.
    pub fn load(&mut self, keep: &Keep, id: &str) -> Result<Option<Kept>, KeepError> {
        match self.staged_for(id) {
            Some(staged) if staged.gone => Ok(None),
            Some(staged) => Ok(Some(staged.kept.clone())),
            None => keep.load(id, &mut self.seen),
        }
    }

    /// The body as this transaction sees it.
    pub fn body(&mut self, keep: &Keep, object: &ManagedObject) -> Result<Option<Body>, KeepError> {
        let layers = self.item.iter().rev().chain(self.batch.iter().rev());
        for staged in layers.filter(|staged| staged.kept.object.id == object.id) {
            match &staged.body {
                BodyChange::Keep => {}
                BodyChange::Erase => return Ok(None),
                BodyChange::Resident(_) => return Err(KeepError::Resident(object.id.to_string())),
                BodyChange::Set(body) => {
                    let bytes = KeyBytes::copy_from(body.bytes.expose());
                    return Ok(Some(Body { kind: body.kind, bytes }));
                }
            }
        }
        keep.body(object, &mut self.seen)
    }

    /// Whether the object gets another body, or loses it.
    pub fn changes_body(&self, id: &str) -> bool {
        let changes = |staged: &Staged| !matches!(staged.body, BodyChange::Keep) && *staged.kept.object.id == *id;
        self.item.iter().chain(&self.batch).any(changes)
    }

    /// The objects that get another body, or lose it.
    pub fn changed_bodies(&self) -> impl Iterator<Item = &str> {
        let changes = |staged: &&Staged| !matches!(staged.body, BodyChange::Keep) && staged.kept.version.is_some();
        self.batch.iter().filter(changes).map(|staged| &*staged.kept.object.id)
    }

    /// The name of an object's key in the vault as this transaction sees it, if its material is there.
    pub fn resident_key(&self, object: &ManagedObject) -> Option<Box<[u8]>> {
        let layers = self.item.iter().rev().chain(self.batch.iter().rev());
        for staged in layers.filter(|staged| staged.kept.object.id == object.id) {
            match &staged.body {
                BodyChange::Keep => {}
                BodyChange::Resident(name) => return Some(name.clone()),
                BodyChange::Erase | BodyChange::Set(_) => return None,
            }
        }
        super::resident_key(object).map(Into::into)
    }

    /// Stages an object. `kept` is what `load` gave, changed; or a new object with no version.
    pub fn save(&mut self, keep: &Keep, kept: Kept, body: BodyChange) -> Result<(), KeepError> {
        self.put(keep, kept, body, false)
    }

    /// Stages that an object vanishes without trace.
    pub fn obliterate(&mut self, keep: &Keep, kept: Kept) -> Result<(), KeepError> {
        self.put(keep, kept, BodyChange::Erase, true)
    }

    fn put(&mut self, keep: &Keep, kept: Kept, body: BodyChange, gone: bool) -> Result<(), KeepError> {
        if let Some(staged) = self.item.iter_mut().find(|staged| staged.kept.object.id == kept.object.id) {
            staged.kept = kept;
            staged.gone = gone;
            if !matches!(body, BodyChange::Keep) {
                staged.body = body;
            }
            return Ok(());
        }
        // What the store has now decides which rows go; of a new object it has none.
        let rows_before = match (self.batch_index(&kept.object.id), kept.version) {
            (Some(at), _) => self.batch[at].rows_before.clone(),
            (None, None) => Vec::new(),
            (None, Some(_)) => keep.stored_rows(&kept.object.id, &mut self.seen)?,
        };
        self.item.push(Staged { kept, rows_before, body, gone });
        Ok(())
    }

    /// What is staged for a memo.
    fn staged_for_memo(&self, name: &[u8]) -> Option<&StagedMemo> {
        let mut layers = self.item_memos.iter().chain(&self.batch_memos).chain(&self.request_memos);
        layers.find(|staged| staged.name == name)
    }

    /// A memo as this transaction sees it, for who does not change what follows from it.
    pub fn look_at_memo(&self, keep: &Keep, name: &[u8]) -> Result<Option<KeyBytes>, KeepError> {
        match self.staged_for_memo(name) {
            Some(staged) => Ok(staged.value()),
            None => Ok(keep.memo(name, &mut Sequence::default())?.map(|memo| memo.value)),
        }
    }

    /// A memo as this transaction sees it.
    pub fn memo(&mut self, keep: &Keep, name: &[u8]) -> Result<Option<KeyBytes>, KeepError> {
        if let Some(staged) = self.staged_for_memo(name) {
            return Ok(staged.value());
        }
        let memo = keep.memo(name, &mut self.seen)?;
        self.memo_was(name, memo.as_ref().map(|memo| memo.found).unwrap_or_default());
        Ok(memo.map(|memo| memo.value))
    }

    /// A memo was read outside of this transaction, and this was found.
    pub fn memo_was(&mut self, name: &[u8], found: Found) {
        if !self.found.iter().any(|(known, _)| known == name) {
            self.found.push((name.to_vec(), found));
        }
    }

    /// Stages a memo with the item that runs; None removes it. Whoever changed it meanwhile makes the commit fail.
    pub fn set_memo(&mut self, keep: &Keep, name: &[u8], value: Option<KeyBytes>) -> Result<(), KeepError> {
        let memo = self.staged_memo(keep, name, value)?;
        self.item_memos.retain(|staged| staged.name != name);
        self.item_memos.push(memo);
        Ok(())
    }

    /// Stages a memo with the request: it is written even if every item fails.
    pub fn set_request_memo(&mut self, keep: &Keep, name: &[u8], value: Option<KeyBytes>) -> Result<(), KeepError> {
        let memo = self.staged_memo(keep, name, value)?;
        self.request_memos.retain(|staged| staged.name != name);
        self.request_memos.push(memo);
        Ok(())
    }

    fn staged_memo(&mut self, keep: &Keep, name: &[u8], value: Option<KeyBytes>) -> Result<StagedMemo, KeepError> {
        if let Some(staged) = self.staged_for_memo(name) {
            return Ok(staged.with(value));
        }
        if !self.found.iter().any(|(known, _)| known == name) {
            self.memo(keep, name)?;
        }
        let found = self.found.iter().find(|(known, _)| known == name).map(|(_, found)| *found);
        Ok(StagedMemo::new(name, found.unwrap_or_default(), value))
    }

    /// The memos to be written, one for each name.
    pub(super) fn memos(&self) -> impl Iterator<Item = &StagedMemo> {
        let of_request = self.request_memos.iter();
        let of_request = of_request.filter(|memo| !self.batch_memos.iter().any(|newer| newer.name == memo.name));
        of_request.chain(&self.batch_memos)
    }

    /// The item that ran succeeded: its changes join the batch.
    pub fn keep_item(&mut self) {
        for memo in std::mem::take(&mut self.item_memos) {
            self.batch_memos.retain(|staged| staged.name != memo.name);
            self.batch_memos.push(memo);
        }
        for staged in std::mem::take(&mut self.item) {
            match self.batch_index(&staged.kept.object.id) {
                Some(at) => {
                    let before = &mut self.batch[at];
                    before.kept = staged.kept;
                    before.gone = staged.gone;
                    if !matches!(staged.body, BodyChange::Keep) {
                        before.body = staged.body;
                    }
                }
                None => self.batch.push(staged),
            }
        }
    }

    /// The item that ran failed: its changes are dropped.
    pub fn discard_item(&mut self) {
        self.item.clear();
        self.item_memos.clear();
    }

    /// Everything is dropped but the memos of the request.
    pub fn discard_all(&mut self) {
        self.item.clear();
        self.batch.clear();
        self.item_memos.clear();
        self.batch_memos.clear();
    }

    /// A key was made in the vault for an object.
    pub fn made_in_vault(&mut self, name: &[u8], id: &str) {
        self.made.push((name.into(), id.into()));
    }

    /// The names of all keys that were made in the vault.
    pub fn made(&self) -> impl Iterator<Item = &[u8]> {
        self.made.iter().map(|(name, _)| &**name)
    }

    /// Those of them that no object has: their item failed or was undone, or the batch destroyed the object again.
    pub(super) fn made_for_nothing(&self) -> impl Iterator<Item = &(Box<[u8]>, Box<str>)> {
        let has = |staged: &Staged, name: &[u8]| matches!(&staged.body, BodyChange::Resident(own) if **own == *name);
        self.made.iter().filter(move |(name, _)| !self.batch.iter().any(|staged| has(staged, name)))
    }

    /// Whether keys in the vault are to be erased once this is durable: those of objects whose body goes or is another, and
    /// those that were made for nothing.
    pub fn erases_resident(&self) -> bool {
        let replaces = |body: &BodyChange| matches!(body, BodyChange::Erase | BodyChange::Set(_));
        self.made_for_nothing().next().is_some()
            || self.batch.iter().any(|one| replaces(&one.body) && super::resident_key(&one.kept.object).is_some())
    }

    /// Whether anything is to be written.
    pub fn is_empty(&self) -> bool {
        let memos = [&self.request_memos, &self.batch_memos, &self.item_memos];
        let no_objects = self.batch.is_empty() && self.item.is_empty();
        no_objects && self.made.is_empty() && memos.iter().all(|memos| memos.is_empty())
    }

    /// The objects that this transaction changed or made, as it sees them; those that vanish are not among them.
    pub fn changed(&self) -> impl Iterator<Item = &Kept> {
        let in_batch =
            self.batch.iter().filter(|staged| !self.item.iter().any(|one| one.kept.object.id == staged.kept.object.id));
        in_batch.chain(&self.item).filter(|staged| !staged.gone).map(|staged| &staged.kept)
    }

    /// Whether the transaction changed, made or removed the object.
    pub fn touches(&self, id: &str) -> bool {
        self.staged_for(id).is_some()
    }

    pub(super) fn staged(&self) -> impl Iterator<Item = &Staged> {
        self.batch.iter()
    }

    fn batch_index(&self, id: &str) -> Option<usize> {
        self.batch.iter().position(|staged| *staged.kept.object.id == *id)
    }

    fn staged_for(&self, id: &str) -> Option<&Staged> {
        self.item.iter().chain(&self.batch).find(|staged| *staged.kept.object.id == *id)
    }
}
