//! Rotation of the namespace key while requests are served. Two versions are in force meanwhile: the newer one seals,
//! both open. Three passes over the store do the rest, in small commits that demand that nothing was changed since it
//! was read:
//!
//! 1. `Seal`: values are sealed anew, and every object gets its index rows under the new hashes beside those under the
//!    old ones. Rows are looked up by the old hashes, which all objects have.
//! 2. `Clear`: every object has both, so rows are looked up and written by the new hashes alone; those of before go.
//! 3. `Check`: the first pass again, until it finds nothing. Then the old version is wiped.
//!
//! How far it came is a memo in the same commits, so a crash loses one batch at most. What became of the keys in memory
//! follows what is durable, never the other way round.
//!
//! A name is unique throughout: while one writer claims it by the old hash and another by the new one there is a time
//! when all claim both, and the times are told apart by `Keep::steps`, which each commit shares.
//!
//! Long material stays as it is, under its own key in the ledger. The audit chain stays as it is too: see `AuditKeys`.

use std::sync::PoisonError;

use super::index::{self, owner_hash};
use super::keys::{Kind, after, key, namespace, namespace_version};
use super::memo::{self, Found, StagedMemo};
use super::seal::{AuditKeys, Class, Seal};
use super::{Keep, KeepError, opened_record, record_key};
use crate::base::{Buffer, KeyBytes};
use crate::store::{Commit, CommitError, Expect, Range, Read, Sequence, Store, StoreError, Write};

/// The memo that says how far a rotation is. There is one as long as it runs.
const STATE: &[u8] = b"rotation";
/// The memo with the subkeys of the audit chain of versions that are gone.
const AUDIT: &[u8] = b"audit-keys";

/// What is sealed under the namespace key. The audit chain is not here, nor long material.
const SEALED: [(Kind, Class); 4] = [
    (Kind::Owner, Class::Server),
    (Kind::Server, Class::Server),
    (Kind::Ledger, Class::Ledger),
    (Kind::Record, Class::Record),
];
/// Kinds of rows whose keys are hashes.
const HASHED: [Kind; 4] = [Kind::Owner, Kind::Attribute, Kind::Name, Kind::Owned];

/// Rows read at a time where they are only counted.
const COUNTED: usize = 1000;

/// What a rotation is doing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Pass {
    /// Seals anew what is sealed under the old version.
    Seal = 1,
    /// Removes index rows of the old version.
    Clear = 2,
    /// Looks for what still needs the old version.
    Check = 3,
}

impl Pass {
    /// In words for an operator.
    pub fn words(self) -> &'static str {
        match self {
            Self::Seal => "sealing anew",
            Self::Clear => "removing old index rows",
            Self::Check => "checking",
        }
    }
}

/// How far a rotation is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Progress {
    /// The version that comes.
    pub version: u32,
    /// What is being done.
    pub pass: Pass,
    /// Steps done, of all passes.
    pub done: u64,
    /// All steps, by the number of objects at the beginning.
    pub total: u64,
}

/// What a step of a rotation did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// There is nothing to do.
    Idle,
    /// The next step follows when this commit is durable. Of a store that is too busy it is the last one there is: the same
    /// step again then.
    After(Sequence),
    /// A request was faster: the same step again.
    Again,
}

/// Where a rotation is.
#[derive(Clone, PartialEq, Eq, Debug)]
struct State {
    pass: Pass,
    /// Which kind of the pass.
    kind: u8,
    /// The last key that was done; empty at the beginning of a kind.
    cursor: Vec<u8>,
    /// Steps of this pass.
    counted: u64,
    /// Values of the old version that this pass found.
    found: u64,
    /// Objects when the rotation began.
    objects: u64,
}

impl State {
    fn new(pass: Pass, objects: u64) -> Self {
        Self { pass, kind: 0, cursor: Vec::new(), counted: 0, found: 0, objects }
    }

    fn encode(&self) -> KeyBytes {
        let mut out = vec![self.pass as u8, self.kind];
        [self.counted, self.found, self.objects].iter().for_each(|number| out.extend(number.to_be_bytes()));
        out.extend_from_slice(&self.cursor);
        KeyBytes::new(out)
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (head, rest) = bytes.split_at_checked(2)?;
        let (numbers, cursor) = rest.split_at_checked(24)?;
        let number = |at: usize| numbers[at..at + 8].try_into().ok().map(u64::from_be_bytes);
        let pass = [Pass::Seal, Pass::Clear, Pass::Check].into_iter().find(|pass| *pass as u8 == head[0])?;
        Some(Self {
            pass,
            kind: head[1],
            cursor: cursor.to_vec(),
            counted: number(0)?,
            found: number(8)?,
            objects: number(16)?,
        })
    }

    fn kind(&self) -> Option<(Kind, Class)> {
        let at = usize::from(self.kind);
        match self.pass {
            Pass::Clear => HASHED.get(at).map(|kind| (*kind, Class::Server)),
            Pass::Seal | Pass::Check => SEALED.get(at).copied(),
        }
    }

    /// A record and a ledger entry are a step each in the first and the last pass, an object is one in the second.
    fn progress(&self, version: u32) -> Progress {
        let (before, span) = match self.pass {
            Pass::Seal => (0, 2),
            Pass::Clear => (2, 1),
            Pass::Check => (3, 2),
        };
        let done = self.objects * before + self.counted.min(self.objects * span);
        Progress { version, pass: self.pass, done, total: self.objects * 5 }
    }
}

/// Gives a seal of all versions the state of a rotation that is in the store, and what is left of versions that are gone.
pub fn resume(store: &dyn Store, seal: Seal) -> Result<Seal, KeepError> {
    let open = |name: &[u8]| -> Result<Option<Buffer>, KeepError> {
        let place = memo::place(name);
        let Some(sealed) = store.get(&place)?.value else { return Ok(None) };
        let broken = |error| KeepError::Seal("of the server".into(), error);
        seal.open(Class::Server, &place, &sealed).map(Some).map_err(broken)
    };
    let retired = open(AUDIT)?.map(|bytes| audit_keys(&bytes)).unwrap_or_default();
    let state = open(STATE)?.and_then(|bytes| State::decode(&bytes));
    let seal = seal.with_retired(retired);
    Ok(if state.is_some_and(|state| state.pass != Pass::Seal) { seal.with_newest_index() } else { seal })
}

fn audit_keys(bytes: &[u8]) -> Vec<AuditKeys> {
    let entries = bytes.chunks_exact(4 + AuditKeys::BYTES).filter_map(|entry| {
        let (number, keys) = entry.split_first_chunk()?;
        Some(AuditKeys::new(u32::from_be_bytes(*number), KeyBytes::copy_from(keys)))
    });
    entries.collect()
}

fn audit_memo(keys: &[AuditKeys]) -> KeyBytes {
    let mut out = Buffer::with_capacity(keys.len() * (4 + AuditKeys::BYTES));
    for one in keys {
        out.extend(&one.number().to_be_bytes());
        out.extend(one.bytes().expose());
    }
    out.into()
}

impl Keep {
    /// Begins a rotation: commits the next version of the namespace key, as the root wrapped it, with a journal entry. It is
    /// in force when a step finds that durable. `Again` if one runs already.
    pub fn begin_rotation(
        &self,
        version: u32,
        next: &KeyBytes,
        wrapped: Vec<u8>,
        journal: Vec<u8>,
    ) -> Result<Step, KeepError> {
        let objects = self.count(Kind::Owned)?;
        let mut coming = self.coming.lock().unwrap_or_else(PoisonError::into_inner);
        if coming.is_some() || self.seal.rotates() {
            return Ok(Step::Again);
        }
        let seal = self.seal.with(version, next);
        let place = memo::place(STATE);
        let state =
            seal.seal(Class::Server, &place, 1, State::new(Pass::Seal, objects).encode().expose(), &*self.entropy)?;
        let new = namespace(version);
        let absent = |key: &[u8]| Expect { key: key.to_vec(), version: None };
        let commit = Commit {
            expect: vec![absent(&new), absent(&place)],
            writes: vec![Write { key: new, value: Some(wrapped) }, Write { key: place, value: Some(state) }],
            journal,
        };
        self.commit_step(commit, Some(seal), &mut coming)
    }

    /// How far a rotation is; None if none runs.
    pub fn rotation(&self) -> Result<Option<Progress>, KeepError> {
        if let Some((_, seal)) = &*self.coming.lock().unwrap_or_else(PoisonError::into_inner)
            && seal.rotates()
        {
            return Ok(Some(State::new(Pass::Seal, 0).progress(seal.version())));
        }
        if !self.seal.rotates() {
            return Ok(None);
        }
        // Its end has no state any more, and is not yet durable.
        let state = self.state()?.0.unwrap_or_else(|| State::new(Pass::Check, 0));
        Ok(Some(state.progress(self.seal.version())))
    }

    /// Does the next step of a rotation: at most `batch` keys in one commit. `ended` gives the journal entry of its end.
    ///
    /// # Errors
    /// The store failed, or holds what cannot be opened or belongs to two objects; nothing was changed.
    pub fn rotate(&self, batch: usize, ended: &dyn Fn(u32) -> Vec<u8>) -> Result<Step, KeepError> {
        let mut coming = self.coming.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((sequence, seal)) = &*coming {
            if self.store.durable() < *sequence {
                return Ok(Step::After(*sequence));
            }
            let _alone = self.steps.write().unwrap_or_else(PoisonError::into_inner);
            self.seal.become_like(seal);
            *coming = None;
        }
        if !self.seal.rotates() {
            return Ok(Step::Idle);
        }
        let (state, found) = self.state()?;
        // Without a state all is done again, which does no harm.
        let mut state = state.unwrap_or_else(|| State::new(Pass::Seal, 0));
        let mut commit = Commit::default();
        let mut then = None;
        match state.kind() {
            Some((kind, class)) => self.batch(&mut state, kind, class, batch, &mut commit)?,
            None => match state.pass {
                Pass::Seal => {
                    state = State::new(Pass::Clear, state.objects);
                    then = Some(self.seal.with_newest_index());
                }
                Pass::Clear => state = State::new(Pass::Check, state.objects),
                Pass::Check if state.found > 0 => state = State::new(Pass::Check, state.objects),
                Pass::Check => return self.end_rotation(found, ended, &mut coming),
            },
        }
        self.stage_memo(&StagedMemo::new(STATE, found, Some(state.encode())), &mut commit)?;
        self.commit_step(commit, then, &mut coming)
    }

    /// Nothing needs the old version any more: it is wiped, and what opens its part of the audit chain is kept.
    fn end_rotation(
        &self,
        found: Found,
        ended: &dyn Fn(u32) -> Vec<u8>,
        coming: &mut Option<(Sequence, Seal)>,
    ) -> Result<Step, KeepError> {
        let version = self.seal.version();
        let mut commit = Commit { journal: ended(version), ..Commit::default() };
        let retired = self.seal.audit_keys_before_newest();
        let known = self.memo(AUDIT, &mut Sequence::default())?.map(|memo| memo.found).unwrap_or_default();
        self.stage_memo(&StagedMemo::new(AUDIT, known, Some(audit_memo(&retired))), &mut commit)?;
        self.stage_memo(&StagedMemo::new(STATE, found, None), &mut commit)?;
        for old in 1..version {
            let place = namespace(old);
            if self.store.get(&place)?.value.is_some() {
                commit.writes.push(Write { key: place, value: None });
            }
        }
        let alone = self.seal.with_newest_alone(retired);
        self.commit_step(commit, Some(alone), coming)
    }

    fn state(&self) -> Result<(Option<State>, Found), KeepError> {
        let memo = self.memo(STATE, &mut Sequence::default())?;
        Ok(memo.map_or_else(Default::default, |memo| (State::decode(memo.value.expose()), memo.found)))
    }

    /// The only commit of a rotation. `then` are the keys that it puts in force, once it is durable: only if it was made, or
    /// values would be sealed under a key that no store has.
    fn commit_step(
        &self,
        commit: Commit,
        then: Option<Seal>,
        coming: &mut Option<(Sequence, Seal)>,
    ) -> Result<Step, KeepError> {
        match self.store.commit(commit) {
            Ok(sequence) => {
                *coming = then.map(|seal| (sequence, seal));
                Ok(Step::After(sequence))
            }
            Err(CommitError::Conflict) => Ok(Step::Again),
            Err(CommitError::Busy) => Ok(Step::After(self.store.latest())),
            Err(CommitError::Store(error)) => Err(error.into()),
        }
    }

    /// Stages the next keys of a kind, and moves the state behind them.
    fn batch(
        &self,
        state: &mut State,
        kind: Kind,
        class: Class,
        batch: usize,
        commit: &mut Commit,
    ) -> Result<(), KeepError> {
        let prefix = key(kind, &[]);
        let start = if state.cursor.is_empty() { prefix.clone() } else { [&state.cursor[..], &[0]].concat() };
        let page = self.store.scan(Range { start: &start, end: &after(&prefix) }, batch, false)?;
        for (place, read) in &page {
            match state.pass {
                Pass::Clear => self.clear(state, kind, place, read, commit)?,
                Pass::Seal | Pass::Check => self.seal_anew(state, kind, class, place, read, commit)?,
            }
        }
        match page.into_iter().next_back() {
            Some((last, _)) => state.cursor = last,
            None => {
                state.kind += 1;
                state.cursor.clear();
            }
        }
        Ok(())
    }

    /// Seals a value anew if it is sealed under an older version, and adds the rows that it is to have now.
    fn seal_anew(
        &self,
        state: &mut State,
        kind: Kind,
        class: Class,
        place: &[u8],
        read: &Read,
        commit: &mut Commit,
    ) -> Result<(), KeepError> {
        state.counted += u64::from(matches!(kind, Kind::Ledger | Kind::Record));
        let Some(sealed) = &read.value else { return Ok(()) };
        if namespace_version(place).is_some() || Seal::version_of(sealed) == Some(self.seal.version()) {
            return Ok(());
        }
        let id = String::from_utf8_lossy(&place[1..]);
        let opened = self.opened(class, place, sealed, read.sequence, &id)?;
        match kind {
            Kind::Owner => self.stage_owner(&String::from_utf8_lossy(&opened.plain), commit)?,
            Kind::Record => {
                let kept = opened_record(&id, &opened)?;
                let rows = index::rows(&self.seal.written(), &kept.object, kept.order);
                let before = index::rows(&self.seal.stored(opened.sealed_under), &kept.object, kept.order);
                let staged = commit.expect.len();
                self.stage_rows(&rows, &before, &id, commit);
                self.no_other_holds(&commit.expect[staged..], &id)?;
            }
            _ => {}
        }
        state.found += 1;
        let value = self.seal.seal(class, place, opened.revision, &opened.plain, &*self.entropy)?;
        commit.expect.push(Expect { key: place.to_vec(), version: Some(read.sequence) });
        commit.writes.push(Write { key: place.to_vec(), value: Some(value) });
        Ok(())
    }

    /// A name row that another object has already would be a conflict for ever.
    fn no_other_holds(&self, names: &[Expect], id: &str) -> Result<(), KeepError> {
        for name in names {
            if self.store.get(&name.key)?.value.is_some() {
                let words = "its name is held by another object too; the namespace key cannot be rotated".to_owned();
                return Err(KeepError::Record(id.to_owned(), super::record::RecordBroken::new(words)));
            }
        }
        Ok(())
    }

    /// Removes a row that its object does not have by the newest hashes.
    fn clear(
        &self,
        state: &mut State,
        kind: Kind,
        place: &[u8],
        read: &Read,
        commit: &mut Commit,
    ) -> Result<(), KeepError> {
        let Some(value) = &read.value else { return Ok(()) };
        let newest = self.seal.index();
        let stays = if kind == Kind::Owner {
            let opened = self.opened(Class::Server, place, value, read.sequence, "the list of owners")?;
            place == key(kind, &[&owner_hash(&newest, &String::from_utf8_lossy(&opened.plain))])
        } else {
            let id = String::from_utf8_lossy(value);
            let object = record_key(&id);
            match self.read(Class::Record, &object, &id, &mut Sequence::default())? {
                Some(opened) => {
                    let kept = opened_record(&id, &opened)?;
                    let rows = index::rows(&[newest], &kept.object, kept.order);
                    commit.expect.push(Expect { key: object, version: kept.version });
                    rows.binary_search_by(|row| row[..].cmp(place)).is_ok()
                }
                None => {
                    commit.expect.push(Expect { key: object, version: None });
                    false
                }
            }
        };
        if stays {
            state.counted += u64::from(kind == Kind::Owned);
            // What stays is not touched, so it may change.
            if kind != Kind::Owner {
                commit.expect.pop();
            }
            return Ok(());
        }
        commit.expect.push(Expect { key: place.to_vec(), version: Some(read.sequence) });
        commit.writes.push(Write { key: place.to_vec(), value: None });
        Ok(())
    }

    fn count(&self, kind: Kind) -> Result<u64, StoreError> {
        let mut start = key(kind, &[]);
        let end = after(&start);
        let mut count = 0;
        loop {
            let page = self.store.scan(Range { start: &start, end: &end }, COUNTED, false)?;
            count += page.len() as u64;
            match page.into_iter().next_back() {
                Some((last, _)) => start = [&last[..], &[0]].concat(),
                None => return Ok(count),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_read_as_it_was_written() {
        let state = State { kind: 2, cursor: b"kid".to_vec(), counted: 3, found: 4, ..State::new(Pass::Clear, 5) };
        assert_eq!(State::decode(state.encode().expose()), Some(state.clone()));
        assert_eq!(State::decode(&[9; 26]), None);
        assert_eq!(State::decode(&[1; 25]), None);
        let progress = state.progress(2);
        assert_eq!((progress.done, progress.total), (13, 25));
        let late = State { counted: 99, ..State::new(Pass::Check, 5) };
        assert_eq!(late.progress(2).done, 25, "objects that came meanwhile do not count");
    }

    #[test]
    fn audit_keys_are_read_as_they_were_written() {
        let keys = [3, 9].map(|number| AuditKeys::new(number, KeyBytes::copy_from(&[number as u8; AuditKeys::BYTES])));
        let read = audit_keys(audit_memo(&keys).expose());
        assert_eq!(read.iter().map(AuditKeys::number).collect::<Vec<_>>(), [3, 9]);
        assert_eq!(read[1].bytes().expose(), [9; AuditKeys::BYTES]);
    }
}
