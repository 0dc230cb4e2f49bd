//! Room 4: objects at rest. Turns managed objects into sealed records, index rows and sealed secrets, and back.
//! `Keep` reads; `Transaction` stages changes, which reach the store as one commit.

mod cache;
pub mod check;
pub mod commit_record;
pub mod find;
pub mod index;
pub mod keys;
pub mod ledger;
pub mod memo;
pub mod record;
pub mod rolls;
pub mod rotation;
pub mod seal;
pub mod tally;
mod transaction;
pub mod walk;

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use self::cache::{Entry, Recent};
use self::keys::{Kind, key};
use self::ledger::Secret;
use self::record::RecordBroken;
use self::seal::{Class, Seal, SealBroken};
pub use self::transaction::{BodyChange, Transaction};
use crate::base::{Buffer, Entropy, EntropyFailed, Error, KeyBytes};
use crate::model::ManagedObject;
use crate::model::object::MaterialRef;
use crate::proto::objects::{Body, BodyKind};
use crate::store::{Commit, CommitError, Expect, Read, Sequence, Store, StoreError, Write};

/// A body up to this many bytes lies in the ledger itself; a longer one lies apart, under a key in the ledger.
const LEDGER_BODY_BYTES: usize = 512;
/// What the records and the sealed secrets in memory may take, bytes, roughly, and what a usual one takes.
const RECORDS: (u64, u64) = (64 << 20, 4096);
const SECRETS: (u64, u64) = (16 << 20, 128);
/// An attribute takes several times as much in memory as in its sealed record.
const SWELLS: u64 = 4;
/// First byte of a material reference: the body lies in the ledger. The kind of the body and the number of the material
/// follow.
const IN_LEDGER: u8 = 1;
/// The same: the ledger holds the key of the body.
const APART: u8 = 2;
/// The same: the material is in the vault, under the name that follows the first two bytes.
const RESIDENT: u8 = 3;
/// Value of a row of a vault's key: its object lives.
const LIVING: u8 = 1;
/// The same: its object is destroyed, and the key is to be erased.
const TO_ERASE: u8 = 2;

/// A key in the vault, as the store knows it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ResidentRow {
    /// Its name in the vault.
    pub key: Box<[u8]>,
    /// Whether its object is destroyed and the key is still to be erased.
    pub to_erase: bool,
    /// The object.
    pub id: Box<str>,
}

impl ResidentRow {
    /// What a row says; None if it cannot be read.
    pub fn read(place: &[u8], value: &[u8]) -> Option<Self> {
        let (state, id) = value.split_first()?;
        Some(Self { key: place.get(1..)?.into(), to_erase: *state == TO_ERASE, id: String::from_utf8_lossy(id).into() })
    }
}

/// The name of an object's key in the vault, if its material is there.
pub fn resident_key(object: &ManagedObject) -> Option<&[u8]> {
    let MaterialRef(reference) = object.material.reference.as_ref()?;
    reference.strip_prefix(&[RESIDENT, 0])
}

/// The objects of a store.
pub struct Keep {
    store: Arc<dyn Store>,
    seal: Arc<Seal>,
    entropy: Arc<dyn Entropy>,
    records: Recent<Kept>,
    secrets: Recent<Arc<Read>>,
    last_order: AtomicU64,
    /// Shared by commits from their sealing to their number, and held alone while the keys of the seal change: no value is
    /// committed that was sealed, and no row that was hashed, under keys of before.
    steps: RwLock<()>,
    /// The keys that are in force as soon as a commit is durable.
    coming: Mutex<Option<(Sequence, Seal)>>,
}

/// An object as it was read.
#[derive(Clone, Debug)]
pub struct Kept {
    /// The object; whoever changes it changes a copy.
    pub object: Arc<ManagedObject>,
    /// Its place among all objects, by time of creation.
    pub order: u64,
    /// How often its record was written.
    pub revision: u64,
    /// The commit that wrote its record; None for an object that is not stored yet.
    pub version: Option<Sequence>,
}

/// What is stored cannot be read.
#[derive(Debug)]
pub enum KeepError {
    /// The store failed.
    Store(StoreError),
    /// A value does not open.
    Seal(String, SealBroken),
    /// A record cannot be read.
    Record(String, RecordBroken),
    /// Material that the record names is not there.
    MaterialMissing(String),
    /// The material is in the vault and does not come out of it.
    Resident(String),
    /// The random number generator failed.
    Entropy(EntropyFailed),
    /// What was being read was sealed anew or moved meanwhile: it is to be read again.
    Moved,
}

impl fmt::Display for KeepError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Store(error) => error.fmt(f),
            Self::Seal(id, error) => write!(f, "object {id}: {error}"),
            Self::Record(id, error) => write!(f, "object {id}: {error}"),
            Self::MaterialMissing(id) => write!(f, "object {id}: its key material is missing"),
            Self::Resident(id) => write!(f, "the material of {id} is in the HSM"),
            Self::Entropy(error) => error.fmt(f),
            Self::Moved => f.write_str("what was read is just being sealed under another key"),
        }
    }
}

impl std::error::Error for KeepError {}

impl From<StoreError> for KeepError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<EntropyFailed> for KeepError {
    fn from(error: EntropyFailed) -> Self {
        Self::Entropy(error)
    }
}

impl From<KeepError> for Error {
    fn from(error: KeepError) -> Self {
        if let KeepError::Resident(_) = error {
            return Self::new(
                crate::registry::ResultReason::FeatureNotSupported,
                "the key lies in the server's HSM and never leaves it; this operation needs the key itself",
            );
        }
        if let KeepError::Moved = error {
            return Self::conflict();
        }
        Self::internal("reading or writing an object", error)
    }
}

/// A value that was read and opened.
struct Opened {
    plain: Buffer,
    revision: u64,
    sequence: Sequence,
    /// The version of the namespace key that it was sealed under.
    sealed_under: u32,
}

impl Keep {
    /// Objects in `store`, sealed by `seal`.
    pub fn new(store: Arc<dyn Store>, seal: Arc<Seal>, entropy: Arc<dyn Entropy>) -> Self {
        Self {
            store,
            seal,
            entropy,
            records: Recent::new(RECORDS.0, RECORDS.1),
            secrets: Recent::new(SECRETS.0, SECRETS.1),
            last_order: AtomicU64::new(0),
            steps: RwLock::new(()),
            coming: Mutex::new(None),
        }
    }

    /// The store below.
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// The seal.
    pub fn seal(&self) -> &Arc<Seal> {
        &self.seal
    }

    /// A place for a new object: later than every place given before, and by the clock as far as that allows.
    pub fn next_order(&self, now_micros: i64) -> u64 {
        let now = now_micros.max(0) as u64;
        let last = self.last_order.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| Some(now.max(last + 1)));
        now.max(last.unwrap_or(0) + 1)
    }

    /// Reads an object. `seen` rises to the commit that the answer rests on.
    pub fn load(&self, id: &str, seen: &mut Sequence) -> Result<Option<Kept>, KeepError> {
        let place = record_key(id);
        if place.len() > crate::store::KEY_BYTES_MAX {
            return Ok(None);
        }
        let stamp = self.store.stamp(&place);
        if let Some(recent) = self.records.get(&place) {
            let version = recent.value.version;
            let same = stamp.is_some() && stamp == recent.stamp;
            if same || self.store.version(&place)? == version {
                *seen = (*seen).max(version.unwrap_or_default());
                if !same {
                    self.records.put(&place, Entry { stamp, ..recent.clone() });
                }
                return Ok(Some(recent.value));
            }
        }
        let Some(opened) = self.read(Class::Record, &place, id, seen)? else { return Ok(None) };
        let kept = opened_record(id, &opened)?;
        let bytes = SWELLS * opened.plain.len() as u64;
        self.records.put(&place, Entry { value: kept.clone(), bytes, stamp });
        Ok(Some(kept))
    }

    /// The secret in the ledger of an object, sealed.
    fn secret(&self, place: &[u8], seen: &mut Sequence) -> Result<Arc<Read>, KeepError> {
        let stamp = self.store.stamp(place);
        let read = match self.secrets.get(place).filter(|recent| stamp.is_some() && stamp == recent.stamp) {
            Some(recent) => recent.value,
            None => {
                let value = Arc::new(self.store.get(place)?);
                // Without a stamp nobody could believe it later.
                if stamp.is_some() {
                    let bytes = value.value.as_ref().map_or(0, |sealed| sealed.len() as u64);
                    self.secrets.put(place, Entry { value: Arc::clone(&value), bytes, stamp });
                }
                value
            }
        };
        *seen = (*seen).max(read.sequence);
        Ok(read)
    }

    /// Reads a value and opens it; `of` names it where it does not open. `seen` rises to the commit that wrote it.
    fn read(&self, class: Class, place: &[u8], of: &str, seen: &mut Sequence) -> Result<Option<Opened>, KeepError> {
        let read = self.store.get(place)?;
        *seen = (*seen).max(read.sequence);
        match &read.value {
            Some(sealed) => self.opened(class, place, sealed, read.sequence, of).map(Some),
            None => Ok(None),
        }
    }

    /// Opens a value that was read. Between reading and opening it may have been sealed anew and the version that it
    /// needed may be gone; then it is `Moved`.
    fn opened(
        &self,
        class: Class,
        place: &[u8],
        sealed: &[u8],
        sequence: Sequence,
        of: &str,
    ) -> Result<Opened, KeepError> {
        match self.seal.open(class, place, sealed) {
            Ok(plain) => {
                let sealed_under = Seal::version_of(sealed).unwrap_or_default();
                Ok(Opened { plain, revision: Seal::revision(sealed), sequence, sealed_under })
            }
            Err(SealBroken::KeyVersion(_)) if self.store.get(place)?.sequence != sequence => Err(KeepError::Moved),
            Err(error) => Err(KeepError::Seal(of.to_owned(), error)),
        }
    }

    /// The index rows that the store may have for an object, and has for certain as far as they will be written again.
    fn stored_rows(&self, id: &str, seen: &mut Sequence) -> Result<Vec<Vec<u8>>, KeepError> {
        let Some(opened) = self.read(Class::Record, &record_key(id), id, seen)? else { return Ok(Vec::new()) };
        let kept = opened_record(id, &opened)?;
        Ok(index::rows(&self.seal.stored(opened.sealed_under), &kept.object, kept.order))
    }

    /// Opens the body of an object; None if it has none here.
    pub fn body(&self, object: &ManagedObject, seen: &mut Sequence) -> Result<Option<Body>, KeepError> {
        let id = &*object.id;
        let Some(named) = &object.material.reference else { return Ok(None) };
        let MaterialRef(reference) = named;
        if reference.first() == Some(&RESIDENT) {
            return Err(KeepError::Resident(id.to_owned()));
        }
        let [place, kind, ..] = reference[..] else { return Err(KeepError::MaterialMissing(id.to_owned())) };
        let kind = match kind {
            1 => BodyKind::Structure,
            2 => BodyKind::Wrapped,
            _ => BodyKind::Bytes,
        };
        let ledger_key = ledger::place(id);
        let missing = || KeepError::MaterialMissing(id.to_owned());
        let secret = self.secret(&ledger_key, seen)?;
        let sealed = secret.value.as_ref().ok_or_else(missing)?;
        let opened = self.opened(Class::Ledger, &ledger_key, sealed, secret.sequence, id)?;
        if opened.revision != ledger::number_of(named) {
            // The material was replaced between the reading of the record and of the row.
            return Err(KeepError::Moved);
        }
        let secret: KeyBytes = opened.plain.into();
        let bytes = match place {
            IN_LEDGER => secret,
            // Its key is in the ledger, so it stays as it is when the namespace key is rotated.
            APART => {
                let place = key(Kind::Material, &[id.as_bytes()]);
                let read = self.store.get(&place)?;
                *seen = (*seen).max(read.sequence);
                let opened = Seal::new(0, &secret).open(Class::Material, &place, &read.value.ok_or_else(missing)?);
                opened.map_err(|error| KeepError::Seal(id.to_owned(), error))?.into()
            }
            _ => return Err(KeepError::MaterialMissing(id.to_owned())),
        };
        Ok(Some(Body { kind, bytes }))
    }

    /// Seals a body and stages it. Gives the reference that the record keeps.
    fn seal_body(&self, id: &str, body: &Body, commit: &mut Commit) -> Result<MaterialRef, KeepError> {
        let kind = match body.kind {
            BodyKind::Bytes => 0,
            BodyKind::Structure => 1,
            BodyKind::Wrapped => 2,
        };
        let number = ledger::new_number(&*self.entropy)?;
        let row = |bytes| ledger::write(&self.seal, ledger::place(id), &Secret { number, bytes }, &*self.entropy);
        let plain = body.bytes.expose();
        if plain.len() <= LEDGER_BODY_BYTES {
            commit.writes.push(row(KeyBytes::copy_from(plain))?);
            return Ok(ledger::reference(IN_LEDGER, kind, number));
        }
        let own = KeyBytes::fill(seal::KEY_BYTES, |bytes| self.entropy.fill(bytes))?;
        let place = key(Kind::Material, &[id.as_bytes()]);
        let sealed = Seal::new(0, &own).seal(Class::Material, &place, 0, plain, &*self.entropy)?;
        commit.writes.push(Write { key: place, value: Some(sealed) });
        commit.writes.push(row(own)?);
        Ok(ledger::reference(APART, kind, number))
    }

    /// Every key in the vault that the store knows of.
    pub fn resident_rows(&self) -> Result<Vec<ResidentRow>, KeepError> {
        let mut rows = Vec::new();
        walk::walk(&*self.store, &key(Kind::Resident, &[]), |place, value| {
            rows.extend(ResidentRow::read(place, value));
            Ok::<_, KeepError>(true)
        })?;
        Ok(rows)
    }

    /// The commit that forgets a key which the vault has erased, with its journal entry.
    pub fn forget_resident(name: &[u8], journal: Vec<u8>) -> Commit {
        let writes = vec![Write { key: key(Kind::Resident, &[name]), value: None }];
        Commit { writes, journal, ..Commit::default() }
    }

    /// The living object of the owner that has the name.
    pub fn name_holder(&self, owner: &str, name: &str, seen: &mut Sequence) -> Result<Option<Box<str>>, KeepError> {
        let index = self.seal.index();
        let read = self.store.get(&index::name_key(&index, owner, name))?;
        *seen = (*seen).max(read.sequence);
        self.still(&index)?;
        Ok(read.value.map(|holder| String::from_utf8_lossy(&holder).into()))
    }

    /// Whether rows are still looked up by these hashes. Rows that were read before are complete if they are.
    fn still(&self, index: &seal::Index) -> Result<(), KeepError> {
        if self.seal.index().version() == index.version() { Ok(()) } else { Err(KeepError::Moved) }
    }

    /// Commits a transaction with its journal entry. Nothing is changed on error.
    pub fn commit(&self, transaction: Transaction, journal: Vec<u8>) -> Result<Sequence, Error> {
        let _keys_stay = self.steps.read().unwrap_or_else(PoisonError::into_inner);
        let mut commit = Commit { journal, ..Commit::default() };
        for staged in transaction.staged() {
            self.stage(staged, &mut commit)?;
        }
        for (name, id) in transaction.made_for_nothing() {
            commit.writes.push(resident_row(name, TO_ERASE, id));
        }
        for memo in transaction.memos() {
            self.stage_memo(memo, &mut commit)?;
        }
        hand_over_names(&mut commit);
        if commit.writes.is_empty() && commit.journal.is_empty() {
            return Ok(Sequence(0));
        }
        let is_erased = |write: &&Write| write.value.is_none() && write.key.first() == Some(&(Kind::Ledger as u8));
        let erased: Vec<_> = commit.writes.iter().filter(is_erased).map(|write| write.key.clone()).collect();
        let committed = self.store.commit(commit);
        erased.iter().for_each(|place| self.secrets.forget(place));
        committed.map_err(|error| match error {
            CommitError::Conflict => Error::conflict(),
            CommitError::Busy => Error::new(
                crate::registry::ResultReason::GeneralFailure,
                "the server has too much to write; send the request again",
            ),
            CommitError::Store(error) => Error::internal("committing", error),
        })
    }

    fn stage(&self, staged: &transaction::Staged, commit: &mut Commit) -> Result<(), KeepError> {
        let mut object = Arc::clone(&staged.kept.object);
        let id = object.id.clone();
        let place = record_key(&id);
        commit.expect.push(Expect { key: place.clone(), version: staged.kept.version });
        match &staged.body {
            BodyChange::Keep => {}
            BodyChange::Set(body) => {
                if let Some(name) = resident_key(&object) {
                    commit.writes.push(resident_row(name, TO_ERASE, &id));
                }
                let reference = self.seal_body(&id, body, commit)?;
                let is_apart = |reference: &MaterialRef| reference.0.first() == Some(&APART);
                if object.material.reference.as_ref().is_some_and(is_apart) && !is_apart(&reference) {
                    commit.writes.push(Write { key: key(Kind::Material, &[id.as_bytes()]), value: None });
                }
                Arc::make_mut(&mut object).material.reference = Some(reference);
            }
            BodyChange::Resident(name) => {
                Arc::make_mut(&mut object).material.reference =
                    Some(MaterialRef([&[RESIDENT, 0][..], name].concat().into()));
                commit.writes.push(resident_row(name, LIVING, &id));
            }
            BodyChange::Erase if resident_key(&object).is_some() => {
                // The key is erased after this is durable; until then the row says that it must be.
                let name: Box<[u8]> = resident_key(&object).unwrap_or_default().into();
                Arc::make_mut(&mut object).material.reference = None;
                commit.writes.push(resident_row(&name, TO_ERASE, &id));
            }
            BodyChange::Erase => {
                if let Some(MaterialRef(reference)) = Arc::make_mut(&mut object).material.reference.take() {
                    commit.writes.push(Write { key: ledger::place(&id), value: None });
                    if reference.first() == Some(&APART) {
                        commit.writes.push(Write { key: key(Kind::Material, &[id.as_bytes()]), value: None });
                    }
                }
            }
        }
        let rows = if staged.gone { Vec::new() } else { index::rows(&self.seal.written(), &object, staged.kept.order) };
        self.stage_rows(&rows, &staged.rows_before, &id, commit);
        let value = if staged.gone {
            None
        } else {
            let plain = record::encode(&object, staged.kept.order);
            let revision = staged.kept.revision + 1;
            Some(self.seal.seal(Class::Record, &place, revision, &plain, &*self.entropy)?)
        };
        if staged.kept.version.is_none() {
            self.stage_owner(&object.owner, commit)?;
        }
        commit.writes.push(Write { key: place, value });
        Ok(())
    }

    /// Rows that came and rows that went; both lists are sorted. A new name row demands that nobody has the name.
    fn stage_rows(&self, rows: &[Vec<u8>], before: &[Vec<u8>], id: &str, commit: &mut Commit) {
        for row in rows.iter().filter(|row| before.binary_search(row).is_err()) {
            if row.first() == Some(&(Kind::Name as u8)) {
                commit.expect.push(Expect { key: row.clone(), version: None });
            }
            commit.writes.push(Write { key: row.clone(), value: Some(id.as_bytes().to_vec()) });
        }
        for row in before.iter().filter(|row| rows.binary_search(row).is_err()) {
            commit.writes.push(Write { key: row.clone(), value: None });
        }
    }

    /// The list of owners, so that an operator can search the objects of all. Nothing if the owner is on it.
    pub fn stage_owner(&self, owner: &str, commit: &mut Commit) -> Result<(), KeepError> {
        for index in self.seal.written() {
            let place = key(Kind::Owner, &[&index::owner_hash(&index, owner)]);
            let known = self.store.get(&place)?.value.is_some() || commit.writes.iter().any(|write| write.key == place);
            if !known {
                let value = self.seal.seal(Class::Server, &place, 0, owner.as_bytes(), &*self.entropy)?;
                commit.writes.push(Write { key: place, value: Some(value) });
            }
        }
        Ok(())
    }
}

fn opened_record(id: &str, opened: &Opened) -> Result<Kept, KeepError> {
    let decoded = record::decode(id, &opened.plain).map_err(|error| KeepError::Record(id.to_owned(), error))?;
    let (object, order) = decoded;
    Ok(Kept { object: object.into(), order, revision: opened.revision, version: Some(opened.sequence) })
}

/// A name that goes from one object to another within the commit: its row is written once, and nobody else can have taken
/// it as long as the record of the one that gives it up is as it was read, which the commit expects anyway.
fn hand_over_names(commit: &mut Commit) {
    let is_name = |key: &[u8]| key.first() == Some(&(Kind::Name as u8));
    let given_up: Vec<Vec<u8>> = commit
        .writes
        .iter()
        .filter(|write| write.value.is_none() && is_name(&write.key))
        .filter(|write| commit.writes.iter().any(|other| other.key == write.key && other.value.is_some()))
        .map(|write| write.key.clone())
        .collect();
    commit.writes.retain(|write| write.value.is_some() || !given_up.contains(&write.key));
    commit.expect.retain(|expect| !given_up.contains(&expect.key));
}

fn resident_row(name: &[u8], state: u8, id: &str) -> Write {
    Write { key: key(Kind::Resident, &[name]), value: Some([&[state][..], id.as_bytes()].concat()) }
}

/// Where the record of an object lies.
pub fn record_key(id: &str) -> Vec<u8> {
    key(Kind::Record, &[id.as_bytes()])
}
