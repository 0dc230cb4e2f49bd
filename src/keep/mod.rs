//! Room 4: objects at rest. Turns managed objects into sealed records, index rows and sealed secrets, and back.
//! `Keep` reads; `Transaction` stages changes, which reach the store as one commit.

mod cache;
pub mod check;
pub mod commit_record;
pub mod find;
pub mod index;
pub mod keys;
pub mod memo;
pub mod record;
pub mod seal;
pub mod tally;
mod transaction;
pub mod walk;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use self::cache::Records;
use self::keys::{Kind, key};
use self::record::RecordBroken;
use self::seal::{Class, Seal, SealBroken};
pub use self::transaction::{BodyChange, Transaction};
use crate::base::{Entropy, EntropyFailed, Error, KeyBytes};
use crate::model::ManagedObject;
use crate::model::object::MaterialRef;
use crate::proto::objects::{Body, BodyKind};
use crate::store::{Commit, CommitError, Expect, Sequence, Store, StoreError, Write};

/// A body up to this many bytes lies in the ledger itself; a longer one lies apart, under a key in the ledger.
const LEDGER_BODY_BYTES: usize = 512;
/// First byte of a material reference: the body lies in the ledger.
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
    records: Records,
    last_order: AtomicU64,
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
        Self::internal("reading or writing an object", error)
    }
}

impl Keep {
    /// Objects in `store`, sealed by `seal`.
    pub fn new(store: Arc<dyn Store>, seal: Arc<Seal>, entropy: Arc<dyn Entropy>) -> Self {
        Self { store, seal, entropy, records: Records::default(), last_order: AtomicU64::new(0) }
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
        if let Some(kept) = self.records.get(id)
            && self.store.version(&place)? == kept.version
        {
            *seen = (*seen).max(kept.version.unwrap_or_default());
            return Ok(Some(kept));
        }
        let read = self.store.get(&place)?;
        *seen = (*seen).max(read.sequence);
        let Some(sealed) = read.value else { return Ok(None) };
        let kept = self.open_record(id, &place, &sealed, read.sequence)?;
        self.records.put(&kept, sealed.len());
        Ok(Some(kept))
    }

    fn open_record(&self, id: &str, place: &[u8], sealed: &[u8], version: Sequence) -> Result<Kept, KeepError> {
        let plain =
            self.seal.open(Class::Record, place, sealed).map_err(|error| KeepError::Seal(id.to_owned(), error))?;
        let (object, order) = record::decode(id, &plain).map_err(|error| KeepError::Record(id.to_owned(), error))?;
        Ok(Kept { object: object.into(), order, revision: Seal::revision(sealed), version: Some(version) })
    }

    /// Opens the body of an object; None if it has none here.
    pub fn body(&self, object: &ManagedObject, seen: &mut Sequence) -> Result<Option<Body>, KeepError> {
        let id = &*object.id;
        let Some(MaterialRef(reference)) = &object.material.reference else { return Ok(None) };
        if reference.first() == Some(&RESIDENT) {
            return Err(KeepError::Resident(id.to_owned()));
        }
        let [place, kind, ..] = reference[..] else { return Err(KeepError::MaterialMissing(id.to_owned())) };
        let kind = match kind {
            1 => BodyKind::Structure,
            2 => BodyKind::Wrapped,
            _ => BodyKind::Bytes,
        };
        let ledger_key = key(Kind::Ledger, &[id.as_bytes()]);
        let secret = self.open(Class::Ledger, &self.seal, &ledger_key, id, seen)?;
        let bytes = match place {
            IN_LEDGER => secret,
            APART => {
                let own = Seal::new(0, &secret);
                self.open(Class::Material, &own, &key(Kind::Material, &[id.as_bytes()]), id, seen)?
            }
            _ => return Err(KeepError::MaterialMissing(id.to_owned())),
        };
        Ok(Some(Body { kind, bytes }))
    }

    fn open(
        &self,
        class: Class,
        seal: &Seal,
        place: &[u8],
        id: &str,
        seen: &mut Sequence,
    ) -> Result<KeyBytes, KeepError> {
        let read = self.store.get(place)?;
        *seen = (*seen).max(read.sequence);
        let sealed = read.value.ok_or_else(|| KeepError::MaterialMissing(id.to_owned()))?;
        let plain = seal.open(class, place, &sealed).map_err(|error| KeepError::Seal(id.to_owned(), error))?;
        Ok(plain.into())
    }

    /// Seals a body and stages it. Gives the reference that the record keeps.
    fn seal_body(&self, id: &str, body: &Body, commit: &mut Commit) -> Result<MaterialRef, KeepError> {
        let ledger_key = key(Kind::Ledger, &[id.as_bytes()]);
        let kind = match body.kind {
            BodyKind::Bytes => 0,
            BodyKind::Structure => 1,
            BodyKind::Wrapped => 2,
        };
        let plain = body.bytes.expose();
        if plain.len() <= LEDGER_BODY_BYTES {
            let value = self.seal.seal(Class::Ledger, &ledger_key, 0, plain, &*self.entropy)?;
            commit.writes.push(Write { key: ledger_key, value: Some(value) });
            return Ok(MaterialRef([IN_LEDGER, kind].into()));
        }
        let own = KeyBytes::fill(seal::KEY_BYTES, |bytes| self.entropy.fill(bytes))?;
        let place = key(Kind::Material, &[id.as_bytes()]);
        let sealed = Seal::new(0, &own).seal(Class::Material, &place, 0, plain, &*self.entropy)?;
        let ledger = self.seal.seal(Class::Ledger, &ledger_key, 0, own.expose(), &*self.entropy)?;
        commit.writes.push(Write { key: place, value: Some(sealed) });
        commit.writes.push(Write { key: ledger_key, value: Some(ledger) });
        Ok(MaterialRef([APART, kind].into()))
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
        let read = self.store.get(&index::name_key(&self.seal, owner, name))?;
        *seen = (*seen).max(read.sequence);
        Ok(read.value.map(|holder| String::from_utf8_lossy(&holder).into()))
    }

    /// Commits a transaction with its journal entry. Nothing is changed on error.
    pub fn commit(&self, transaction: Transaction, journal: Vec<u8>) -> Result<Sequence, Error> {
        let mut commit = Commit { journal, ..Commit::default() };
        for staged in transaction.staged() {
            self.stage(staged, &mut commit)?;
        }
        for memo in transaction.memos() {
            self.stage_memo(memo, &mut commit)?;
        }
        hand_over_names(&mut commit);
        if commit.writes.is_empty() && commit.journal.is_empty() {
            return Ok(Sequence(0));
        }
        self.store.commit(commit).map_err(|error| match error {
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
                Arc::make_mut(&mut object).material.reference = Some(self.seal_body(&id, body, commit)?);
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
                    commit.writes.push(Write { key: key(Kind::Ledger, &[id.as_bytes()]), value: None });
                    if reference.first() == Some(&APART) {
                        commit.writes.push(Write { key: key(Kind::Material, &[id.as_bytes()]), value: None });
                    }
                }
            }
        }
        let rows = if staged.gone { Vec::new() } else { index::rows(&self.seal, &object, staged.kept.order) };
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
        let place = key(Kind::Owner, &[&index::owner_hash(&self.seal, owner)]);
        let known = self.store.get(&place)?.value.is_some() || commit.writes.iter().any(|write| write.key == place);
        if !known {
            let value = self.seal.seal(Class::Server, &place, 0, owner.as_bytes(), &*self.entropy)?;
            commit.writes.push(Write { key: place, value: Some(value) });
        }
        Ok(())
    }
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

fn record_key(id: &str) -> Vec<u8> {
    key(Kind::Record, &[id.as_bytes()])
}
