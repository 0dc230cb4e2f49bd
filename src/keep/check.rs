//! Whether everything that is stored can be read and fits together: each sealed value is opened, each index row is
//! compared with its object, each secret with the object it belongs to.
//!
//! The store is walked once, in the order of its keys. What must be there is tallied beside what is there; only where
//! the two differ a second walk looks for the places. So a check reads each value once and needs the same memory for
//! any store.

use std::collections::BTreeSet;

use super::index::{owner_hash, rows};
use super::keys::{Kind, key};
use super::ledger;
use super::seal::{Class, Seal, SealBroken};
use super::tally::{COUNTED, Tally};
use super::walk::walk;
use super::{APART, Keep, KeepError, Kept, Opened, RESIDENT, ResidentRow, opened_record};
use crate::base::{Buffer, KeyBytes};
use crate::model::ManagedObject;
use crate::model::object::MaterialRef;
use crate::store::{Sequence, StoreError};

/// Most findings that are listed; the others are counted.
const LISTED_MAX: usize = 1000;

/// What can be done about a finding.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Cure {
    /// It does no harm now.
    None,
    /// The index is made again from the objects.
    Repair,
    /// Something is lost, or not what it was: a backup has it.
    Backup,
}

/// Something that is wrong.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// What, with the object.
    pub what: String,
    /// What can be done.
    pub cure: Cure,
}

/// Findings, at most so many that a person might read them.
#[derive(Default, Debug)]
pub struct Findings {
    /// The first of them.
    pub listed: Vec<Finding>,
    /// How many more there are.
    pub unlisted: u64,
}

impl Findings {
    /// Adds one.
    pub fn add(&mut self, cure: Cure, what: impl Into<String>) {
        if self.listed.len() < LISTED_MAX {
            self.listed.push(Finding { what: what.into(), cure });
        } else {
            self.unlisted += 1;
        }
    }
}

/// An index row that does not fit the objects.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum IndexFault {
    /// The row names an object that is not there, or that does not have it.
    Stray(Vec<u8>),
    /// The object should have the row, and nobody has.
    Missing {
        /// The row.
        row: Vec<u8>,
        /// The object.
        id: String,
    },
    /// Two living objects have one name, and the row can name only one of them.
    Claimed {
        /// The object that the row does not name.
        id: String,
        /// The object that it names.
        holder: String,
    },
}

/// Names in the vault, each with its object.
type ResidentKeys = BTreeSet<(Box<[u8]>, String)>;

/// What a walk through the store found, and what should have been there.
struct Walked {
    found: Tally,
    /// Index rows that the objects should have.
    rows: Tally,
    /// Secrets that are there, and those that objects name: their places, and of the ledger the numbers of the material.
    secrets: (Tally, Tally),
    /// Owners that are listed, and those that objects have.
    owners: (BTreeSet<String>, BTreeSet<String>),
    /// Keys in the vault that rows name, and those that objects name, with the object.
    resident: (ResidentKeys, ResidentKeys),
}

impl Keep {
    /// Reads everything but the audit chain and the commit record. The tally is of what is there, under the key of
    /// `like`; `progress` hears of each key.
    ///
    /// # Errors
    /// The store failed; what was found until then is in `findings`.
    pub fn check(
        &self,
        like: &Tally,
        findings: &mut Findings,
        progress: &mut dyn FnMut(),
    ) -> Result<Tally, StoreError> {
        let mut walked = Walked {
            found: like.empty_like(),
            rows: like.empty_like(),
            secrets: (like.empty_like(), like.empty_like()),
            owners: Default::default(),
            resident: Default::default(),
        };
        walk(&*self.store, &[], |place, value| {
            progress();
            walked.found.add(place, value);
            if let Err(error) = self.look_at(place, value, &mut walked) {
                findings.add(Cure::Backup, error.to_string());
            }
            Ok::<_, StoreError>(true)
        })?;
        if !walked.found.has_same_index(&walked.rows) {
            self.index_faults(&mut |fault| {
                let what = match fault {
                    IndexFault::Stray(row) => format!("an index row ({}) names an object that lacks it", name(&row)),
                    IndexFault::Missing { row, id } => {
                        format!("object {id}: its index row ({}) is missing", name(&row))
                    }
                    IndexFault::Claimed { id, holder } => {
                        findings.add(Cure::Backup, format!("objects {id} and {holder} have the same name"));
                        return Ok(());
                    }
                };
                findings.add(Cure::Repair, what);
                Ok(())
            })?;
        }
        if walked.secrets.0 != walked.secrets.1 {
            self.secret_faults(findings)?;
        }
        for owner in walked.owners.1.difference(&walked.owners.0) {
            findings.add(Cure::Repair, format!("the list of owners lacks {owner}"));
        }
        for (_, id) in walked.resident.0.symmetric_difference(&walked.resident.1) {
            findings.add(Cure::Backup, format!("object {id}: its record and the list of keys in the HSM differ"));
        }
        Ok(walked.found)
    }

    /// Opens one value and notes what it says must be there.
    fn look_at(&self, place: &[u8], value: &[u8], walked: &mut Walked) -> Result<(), KeepError> {
        let kind = COUNTED.into_iter().find(|kind| Some(&(*kind as u8)) == place.first());
        match kind {
            Some(Kind::Record) => {
                let (kept, sealed_under) = self.read_record(place, value)?;
                let object = &kept.object;
                for row in rows(&self.seal.due(sealed_under), object, kept.order) {
                    walked.rows.add(&row, object.id.as_bytes());
                }
                secret_places(object).iter().for_each(|place| walked.secrets.1.add(place, &number(place, object)));
                if let Some(name) = super::resident_key(object) {
                    walked.resident.1.insert((name.into(), object.id.to_string()));
                }
                if !walked.owners.1.contains(&*object.owner) {
                    walked.owners.1.insert(object.owner.to_string());
                }
            }
            Some(Kind::Ledger) => {
                walked.secrets.0.add(place, &Seal::revision(value).to_be_bytes());
                self.open_at(Class::Ledger, &self.seal, place, value)?;
            }
            Some(Kind::Material) => {
                walked.secrets.0.add(place, b"");
                let ledger = key(Kind::Ledger, &[&place[1..]]);
                // Without its key the material cannot be opened; that the key is missing is found below.
                if let Some(sealed) = self.store.get(&ledger)?.value {
                    let secret: KeyBytes = self.open_at(Class::Ledger, &self.seal, &ledger, &sealed)?.into();
                    self.open_at(Class::Material, &Seal::new(0, &secret), place, value)?;
                }
            }
            Some(Kind::Resident) => {
                let row = ResidentRow::read(place, value);
                walked.resident.0.extend(row.filter(|row| !row.to_erase).map(|row| (row.key, row.id.into())));
            }
            Some(Kind::Owner) => {
                let owner = self.open_at(Class::Server, &self.seal, place, value)?;
                let owner = String::from_utf8_lossy(&owner).into_owned();
                if !self.seal.stored(u32::MAX).iter().any(|index| place[1..] == owner_hash(index, &owner)) {
                    return Err(KeepError::Seal(id_of(place), SealBroken::Altered));
                }
                walked.owners.0.insert(owner);
            }
            // The namespace keys have opened, or there would be no seal; the commit record is checked by itself.
            Some(Kind::Server) if Tally::leaves_out(place) => {}
            Some(Kind::Server) => drop(self.open_at(Class::Server, &self.seal, place, value)?),
            Some(Kind::Attribute | Kind::Name | Kind::Owned) | None => {}
        }
        Ok(())
    }

    /// Index rows that do not fit the objects: first all that are too many, then all that are missing. Rows of an
    /// object whose record cannot be read are left alone.
    pub fn index_faults(&self, show: &mut dyn FnMut(IndexFault) -> Result<(), StoreError>) -> Result<(), StoreError> {
        for kind in [Kind::Attribute, Kind::Name, Kind::Owned] {
            walk(&*self.store, &key(kind, &[]), |row, id| {
                if self.has_row(&String::from_utf8_lossy(id), row)? == Some(false) {
                    show(IndexFault::Stray(row.to_vec()))?;
                }
                Ok::<_, StoreError>(true)
            })?;
        }
        self.walk_records(&mut |kept, sealed_under| {
            let id = &*kept.object.id;
            for row in rows(&self.seal.due(sealed_under), &kept.object, kept.order) {
                let holder = self.store.get(&row)?.value.map(|holder| String::from_utf8_lossy(&holder).into_owned());
                match holder {
                    Some(holder) if holder == id => {}
                    Some(holder) if self.has_row(&holder, &row)? == Some(true) => {
                        show(IndexFault::Claimed { id: id.into(), holder })?
                    }
                    _ => show(IndexFault::Missing { row, id: id.into() })?,
                }
            }
            Ok(())
        })
    }

    /// Whether the object may have the row; None if its record cannot be read.
    fn has_row(&self, id: &str, row: &[u8]) -> Result<Option<bool>, StoreError> {
        let place = super::record_key(id);
        let Some(sealed) = self.store.get(&place)?.value else { return Ok(Some(false)) };
        Ok(self.read_record(&place, &sealed).ok().map(|(kept, sealed_under)| {
            rows(&self.seal.stored(sealed_under), &kept.object, kept.order).iter().any(|own| own == row)
        }))
    }

    /// Shows every object whose record can be read.
    pub fn walk_objects(&self, show: &mut dyn FnMut(Kept) -> Result<(), StoreError>) -> Result<(), StoreError> {
        self.walk_records(&mut |kept, _| show(kept))
    }

    /// The same with the version of the namespace key that each record is sealed under.
    fn walk_records(&self, show: &mut dyn FnMut(Kept, u32) -> Result<(), StoreError>) -> Result<(), StoreError> {
        walk(&*self.store, &key(Kind::Record, &[]), |place, value| {
            if let Ok((kept, sealed_under)) = self.read_record(place, value) {
                show(kept, sealed_under)?;
            }
            Ok::<_, StoreError>(true)
        })
    }

    /// Secrets that are missing, and secrets that no object names.
    fn secret_faults(&self, findings: &mut Findings) -> Result<(), StoreError> {
        self.walk_objects(&mut |kept| {
            for place in secret_places(&kept.object) {
                match self.store.get(&place)?.value {
                    None => {
                        let missing = KeepError::MaterialMissing(kept.object.id.to_string());
                        findings.add(Cure::Backup, missing.to_string());
                    }
                    Some(row)
                        if ledger::is_row(&place)
                            && Seal::revision(&row).to_be_bytes()[..] != number(&place, &kept.object)[..] =>
                    {
                        let what = format!("object {}: its key material is not the one of its record", kept.object.id);
                        findings.add(Cure::Backup, what);
                    }
                    Some(_) => {}
                }
            }
            Ok(())
        })?;
        for kind in [Kind::Ledger, Kind::Material] {
            walk(&*self.store, &key(kind, &[]), |place, _| {
                let id = String::from_utf8_lossy(&place[1..]);
                let named = match self.load(&id, &mut Sequence::default()) {
                    Ok(kept) => kept.is_some_and(|kept| secret_places(&kept.object).iter().any(|own| own == place)),
                    Err(_) => true,
                };
                if !named {
                    findings
                        .add(Cure::Backup, format!("object {id}: there is key material, and no record that names it"));
                }
                Ok::<_, StoreError>(true)
            })?;
        }
        Ok(())
    }

    /// The record at a place of the store, and the version of the namespace key that it is sealed under.
    fn read_record(&self, place: &[u8], sealed: &[u8]) -> Result<(Kept, u32), KeepError> {
        let plain = self.open_at(Class::Record, &self.seal, place, sealed)?;
        let sealed_under = Seal::version_of(sealed).unwrap_or_default();
        let sequence = Sequence::default();
        let opened = Opened { plain, revision: Seal::revision(sealed), sequence, sealed_under };
        Ok((opened_record(&String::from_utf8_lossy(&place[1..]), &opened)?, sealed_under))
    }

    fn open_at(&self, class: Class, seal: &Seal, place: &[u8], sealed: &[u8]) -> Result<Buffer, KeepError> {
        seal.open(class, place, sealed).map_err(|error| KeepError::Seal(id_of(place), error))
    }
}

/// The places of what a record says is stored beside it.
fn secret_places(object: &ManagedObject) -> Vec<Vec<u8>> {
    let id = object.id.as_bytes();
    match &object.material.reference {
        Some(MaterialRef(reference)) if reference.first() == Some(&APART) => {
            vec![key(Kind::Ledger, &[id]), key(Kind::Material, &[id])]
        }
        Some(MaterialRef(reference)) if reference.first() != Some(&RESIDENT) => vec![key(Kind::Ledger, &[id])],
        _ => Vec::new(),
    }
}

/// What the record says of a secret beside its place: of a row of the ledger, the number of the material.
fn number(place: &[u8], object: &ManagedObject) -> Vec<u8> {
    let number = object.material.reference.as_ref().filter(|_| ledger::is_row(place)).map(ledger::number_of);
    number.map_or_else(Vec::new, |number| number.to_be_bytes().to_vec())
}

/// What a finding calls the place of a value: what follows the letter of its kind. Only for reading: an identifier may hold
/// what this shows otherwise.
fn id_of(place: &[u8]) -> String {
    match place.split_first() {
        Some((_, id)) if id.iter().all(u8::is_ascii_graphic) => String::from_utf8_lossy(id).into_owned(),
        _ => name(place),
    }
}

/// A key with bytes that are no text.
fn name(place: &[u8]) -> String {
    let letter = place.first().map_or('?', |letter| char::from(*letter));
    place.iter().skip(1).fold(format!("{letter} "), |text, byte| text + &format!("{byte:02x}"))
}
