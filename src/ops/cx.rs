//! What an operation sees of the server: objects through the policy, staged changes, the ID Placeholder, time. A
//! handler has no other way to an object, to key bytes or to the store.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use super::asynchronous::Instead;
use super::reprovision::Provisioner;
use super::session::Session;
use super::streams::{Open, Streams};
use super::using::data::Outputs;
use super::using::parsed::ParsedKeys;
use crate::base::{Date, Entropy, Error, KeyBytes, Limits, Result, Value};
use crate::crypto::keys::PrivateKey;
use crate::keep::find::Search;
use crate::keep::memo::Found;
use crate::keep::rolls::Rolls;
use crate::keep::{BodyChange, Keep, Kept, Transaction, record_key};
use crate::model::lifecycle::{Event, next};
use crate::model::right::{Caller, ExportPermit, ObjectFacts, Policy, Release, Right, Verdict, permitted};
use crate::model::usage::AfterLife;
use crate::model::{ManagedObject, MaterialRef, Refusal, attr, rule};
use crate::proto::id::{Id, IdRef};
use crate::proto::message::Ephemeral;
use crate::proto::objects::Body;
use crate::registry::{Operation, ResultReason, Tag, UniqueIdentifier, Version};
use crate::store::Sequence;
use crate::vault::{KeyId, KeyVault};

/// What all requests share.
pub struct Services {
    /// The objects.
    pub keep: Keep,
    /// Keys in an HSM.
    pub vault: Arc<dyn KeyVault>,
    /// The rules of access.
    pub policy: Arc<dyn Policy>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// Limits.
    pub limits: Limits,
    /// What the operator chose.
    pub settings: Settings,
    /// Operations in parts.
    pub streams: Streams,
    /// Where the certificates of clients come from.
    pub provisioner: Arc<dyn Provisioner>,
    /// Private keys that are in use.
    pub parsed: ParsedKeys,
}

/// What the operator chose, as far as operations look at it.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Whether Interop is offered.
    pub interop: bool,
    /// Lease Time of new objects, in seconds (1.4 §3.20).
    pub lease_seconds: u32,
    /// Whether broken and short algorithms may be used.
    pub legacy_algorithms: bool,
    /// Whether private RSA keys work in software where the provider lacks a combination of parameters.
    pub software_rsa: bool,
    /// Whether deactivated and compromised keys still decrypt and verify (2.1 §4.57).
    pub after_life: AfterLife,
    /// Whether a client that took the server role is sent new objects of its caller by Put, keys and all; otherwise it
    /// is told of them by Notify.
    pub put: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            interop: true,
            lease_seconds: 3600,
            put: false,
            legacy_algorithms: false,
            software_rsa: true,
            after_life: AfterLife::Closed,
        }
    }
}

/// An object that an operation may look at and change. `Cx::save` stages it.
#[derive(Clone, Debug)]
pub struct Object {
    kept: Kept,
}

impl Deref for Object {
    type Target = ManagedObject;

    fn deref(&self) -> &ManagedObject {
        &self.kept.object
    }
}

impl DerefMut for Object {
    fn deref_mut(&mut self) -> &mut ManagedObject {
        Arc::make_mut(&mut self.kept.object)
    }
}

/// An identifier that an operation of this batch answered, and by which name later items may ask for it (2.1 §11.61).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answered {
    /// The operation, or the part of its answer.
    pub part: UniqueIdentifier,
    /// The identifier.
    pub id: Box<str>,
}

/// Operations whose error tables say Item Not Found where others say Object Not Found, and since when: 2.1 §6.1.3,
/// §6.1.6 and §6.1.10; of 3.0, BL-M-20.
const ITEM_NOT_FOUND: &[(Operation, Version)] = &[
    (Operation::AdjustAttribute, Version::V2_0),
    (Operation::Certify, Version::V2_0),
    (Operation::CreateSplitKey, Version::V2_0),
    (Operation::GetAttributes, Version::V3_0),
];

/// Operations that reach an archived object, and since when. The error tables of 1.x give every operation on an object
/// the reason Object Archived; those of 2.x only the ones that need what was put away (1.4 §11, 2.1 §6.1).
const OF_ARCHIVED: &[(Operation, Version)] = &[
    (Operation::Recover, Version::V1_0),
    (Operation::GetAttributes, Version::V2_0),
    (Operation::GetAttributeList, Version::V2_0),
    (Operation::AddAttribute, Version::V2_0),
    (Operation::ModifyAttribute, Version::V2_0),
    (Operation::SetAttribute, Version::V2_0),
    (Operation::DeleteAttribute, Version::V2_0),
    (Operation::Check, Version::V2_0),
    (Operation::Activate, Version::V2_0),
    (Operation::Deactivate, Version::V3_0),
    (Operation::Revoke, Version::V2_0),
    (Operation::Destroy, Version::V2_0),
    (Operation::Obliterate, Version::V3_0),
];

/// A walk over kept objects, newest first, until it is told to stop by false.
type Walk<'w> =
    &'w dyn Fn(&Keep, &mut Sequence, &mut dyn FnMut(Kept) -> bool) -> std::result::Result<(), crate::keep::KeepError>;

/// The context of one request, lent to each of its operations in turn.
pub struct Cx<'a> {
    /// What all requests share.
    pub services: &'a Services,
    /// Who asks.
    pub caller: &'a Caller,
    /// The version of the request.
    pub version: Version,
    /// The time of the request: one for all of it.
    pub now: Date,
    /// The same in microseconds.
    pub now_micros: i64,
    /// Whether this thread may block.
    pub may_block: bool,
    /// The operation that runs.
    pub operation: Operation,
    /// Output of this operation that is not to leave the server.
    pub ephemeral: Option<Ephemeral>,
    /// What the operations of this batch gave out.
    pub outputs: Outputs,
    /// The operations in parts that this request works on.
    pub streams: Open<'a>,
    /// The ticket that the request showed.
    pub session: Option<Session>,
    /// The certificate by which the caller came in, DER; none for who came in by credential or ticket.
    pub certificate: Option<&'a [u8]>,
    /// What is to be answered instead of the operation's own answer.
    pub instead: Option<Instead>,
    /// Asynchronous requests that this request makes, by the names of their notes.
    pub submitted: Vec<Vec<u8>>,
    /// Asynchronous requests that are to be run before this request is answered.
    pub process: Vec<Vec<u8>>,
    /// Whether the connection can be turned round, and whether it is to be.
    pub may_turn: bool,
    /// See `may_turn`.
    pub turns: bool,
    transaction: Transaction,
    placeholder: Option<Box<str>>,
    answered: Vec<Answered>,
    touched: Vec<Box<str>>,
}

impl<'a> Cx<'a> {
    /// A context for one request.
    pub fn new(
        services: &'a Services,
        caller: &'a Caller,
        version: Version,
        now: (Date, i64),
        may_block: bool,
    ) -> Self {
        Self {
            services,
            caller,
            version,
            now: now.0,
            now_micros: now.1,
            may_block,
            operation: Operation(0),
            ephemeral: None,
            outputs: Outputs::default(),
            streams: Open::new(&services.streams),
            session: None,
            certificate: None,
            instead: None,
            submitted: Vec::new(),
            process: Vec::new(),
            may_turn: false,
            turns: false,
            transaction: Transaction::default(),
            placeholder: None,
            answered: Vec::new(),
            touched: Vec::new(),
        }
    }

    /// Says that what follows takes long: it is run again on a thread that may block, unless this is one.
    pub fn block(&self) -> Result<()> {
        if self.may_block { Ok(()) } else { Err(Error::would_block()) }
    }

    /// The object that the request points at, if the caller has the right to it. This is the check.
    pub fn object(&mut self, id: Option<IdRef<'_>>, right: Right) -> Result<Object> {
        let id = self.resolve(id)?;
        self.object_by_id(&id, right)
    }

    /// The same by its unique identifier.
    pub fn object_by_id(&mut self, id: &str, right: Right) -> Result<Object> {
        self.touch(id);
        let Some(kept) = self.transaction.load(&self.services.keep, id)? else {
            return Err(self.not_found());
        };
        match self.services.policy.allows(self.caller, right, &ObjectFacts::from(&*kept.object)) {
            Verdict::Hide => Err(self.not_found()),
            verdict => {
                permitted(verdict).map_err(|refusal| refusal.into_error(self.version))?;
                self.on_line(&kept.object)?;
                if let Some(session) = &mut self.session {
                    session.touch(&kept.object)?;
                }
                Ok(Object { kept })
            }
        }
    }

    /// Whether the operation may have the object although it is archived, if it is.
    fn on_line(&self, object: &ManagedObject) -> Result<()> {
        let may = |(operation, since): &(Operation, Version)| *operation == self.operation && *since <= self.version;
        if !object.is_archived() || OF_ARCHIVED.iter().any(may) {
            return Ok(());
        }
        Err(Error::new(ResultReason::ObjectArchived, "the object is archived; Recover it first"))
    }

    fn touch(&mut self, id: &str) {
        if !self.touched.iter().any(|one| **one == *id) {
            self.touched.push(id.into());
        }
    }

    fn not_found(&self) -> Error {
        let item = ITEM_NOT_FOUND.iter().any(|(one, since)| *one == self.operation && *since <= self.version);
        let reason = if item { ResultReason::ItemNotFound } else { ResultReason::ObjectNotFound };
        Error::new(reason, "no object has this unique identifier")
    }

    /// The unique identifier that a request points at. Absent, it is the ID Placeholder; 3.0 wants it spelt out.
    pub fn resolve(&mut self, id: Option<IdRef<'_>>) -> Result<Box<str>> {
        let placeholder = || {
            self.placeholder.clone().ok_or_else(|| {
                Error::new(ResultReason::ItemNotFound, "the request names no object and the ID Placeholder is empty")
            })
        };
        match id {
            Some(IdRef::Id(id)) => Ok(id.into()),
            Some(IdRef::Answered(UniqueIdentifier::IDPlaceholder)) => placeholder(),
            Some(IdRef::Answered(part)) => {
                let found = self.answered.iter().rev().find(|answered| answered.part == part);
                found.map(|answered| answered.id.clone()).ok_or_else(|| {
                    Error::new(ResultReason::ItemNotFound, format!("no operation of this batch answered for {part}"))
                })
            }
            Some(IdRef::Nth(number)) => self.nth(number),
            Some(IdRef::Name(name)) => self.by_name(name),
            None if IdRef::may_be_implied(self.version) => placeholder(),
            None => Err(crate::proto::wire::missing(Tag::UniqueIdentifier, Tag::RequestPayload)),
        }
    }

    /// "Zero based nth Unique Identifier in the response. If negative the count is backwards" (2.1 §4.58).
    fn nth(&self, number: i32) -> Result<Box<str>> {
        let count = self.answered.len() as i64;
        let at = if number < 0 { count + i64::from(number) } else { i64::from(number) };
        let found = usize::try_from(at).ok().and_then(|at| self.answered.get(at));
        found.map(|answered| answered.id.clone()).ok_or_else(|| {
            Error::new(
                ResultReason::ItemNotFound,
                format!("the answers of this batch have no identifier number {number}"),
            )
        })
    }

    /// A Name Reference: the caller's living object of that name (3.0).
    fn by_name(&mut self, name: &str) -> Result<Box<str>> {
        let value = crate::model::values::AttributeValue::into_value(crate::model::values::Name {
            value: name.to_owned(),
            name_type: crate::registry::NameType::UninterpretedTextString,
        });
        let mut found = None;
        self.find(&[(Tag::Name, &value)], &mut |object| {
            found = Some(object.id.clone());
            false
        })?;
        found.ok_or_else(|| self.not_found())
    }

    /// Refuses callers that are no operators.
    pub fn operators_only(&self) -> Result<()> {
        if self.caller.operator {
            return Ok(());
        }
        Err(Error::permission_denied("this operation is for operators"))
    }

    /// Whether the caller may make such an object.
    pub fn may_create(&self, object: &ManagedObject) -> Result<()> {
        let verdict = self.services.policy.allows(self.caller, Right::Create, &ObjectFacts::from(object));
        permitted(verdict).map_err(|refusal| refusal.into_error(self.version))
    }

    /// A new, empty object that belongs to the caller.
    pub fn new_object(&self, object_type: crate::registry::ObjectType) -> Result<Object> {
        let id = new_identifier(&*self.services.entropy)?;
        let object = ManagedObject::new(id, object_type, &*self.caller.name).into();
        let order = self.services.keep.next_order(self.now_micros);
        Ok(Object { kept: Kept { object, order, revision: 0, version: None } })
    }

    /// Whether any object has this unique identifier, whoever may see it. For operations that give identifiers.
    pub fn exists(&mut self, id: &str) -> Result<bool> {
        self.touch(id);
        Ok(self.transaction.load(&self.services.keep, id)?.is_some())
    }

    /// A new, empty object under a given identifier, in the place of the one that has it, if one has. It belongs to
    /// whom the one before belonged, else to the caller.
    pub fn new_object_as(
        &self,
        id: &str,
        object_type: crate::registry::ObjectType,
        replaced: Option<Object>,
    ) -> Object {
        let new = |owner: &str| Arc::new(ManagedObject::new(id, object_type, owner));
        match replaced {
            Some(Object { kept }) => Object { kept: Kept { object: new(&kept.object.owner), ..kept } },
            None => {
                let order = self.services.keep.next_order(self.now_micros);
                let object = new(&self.caller.name);
                Object { kept: Kept { object, order, revision: 0, version: None } }
            }
        }
    }

    /// Stages an imported object: its Last Change Date is the one it brought, if it did, and the material that lay in its
    /// place before is gone.
    pub fn save_imported(
        &mut self,
        mut object: Object,
        body: Option<Body>,
        lay_there: Option<MaterialRef>,
    ) -> Result<Id> {
        object.material.reference = lay_there;
        self.block_to_erase(&object)?;
        self.stage_at(object, body.map_or(BodyChange::Erase, BodyChange::Set), false)
    }

    /// Stages a changed object. Its Last Change Date is now.
    pub fn save(&mut self, object: Object) -> Result<Id> {
        self.stage(object, BodyChange::Keep)
    }

    /// Stages an object with a new body.
    pub fn save_with(&mut self, object: Object, body: Option<Body>) -> Result<Id> {
        self.stage(object, body.map_or(BodyChange::Keep, BodyChange::Set))
    }

    /// The name of the object's key in the vault, if its material is there.
    pub fn resident_key(&self, object: &Object) -> Option<KeyId> {
        self.transaction.resident_key(object).map(|name| KeyId::from_bytes(&name))
    }

    /// Notes a key that was made in the vault for an object. If no object has it at the end of the request, it is erased.
    pub fn made_in_vault(&mut self, object: &Object, key: &KeyId) {
        self.transaction.made_in_vault(key.bytes(), &object.id);
    }

    /// The keys that the request made in the vault so far.
    pub(crate) fn made(&self) -> Vec<KeyId> {
        self.transaction.made().map(KeyId::from_bytes).collect()
    }

    /// Stages an object whose material was made in the vault.
    pub fn save_resident(&mut self, object: Object, key: &KeyId) -> Result<Id> {
        self.stage(object, BodyChange::Resident(key.bytes().into()))
    }

    /// Stages an object whose body is destroyed.
    pub fn save_erased(&mut self, object: Object) -> Result<Id> {
        self.block_to_erase(&object)?;
        self.stage(object, BodyChange::Erase)
    }

    fn stage(&mut self, object: Object, body: BodyChange) -> Result<Id> {
        self.stage_at(object, body, true)
    }

    fn stage_at(&mut self, mut object: Object, body: BodyChange, changed_now: bool) -> Result<Id> {
        if let Some(session) = &mut self.session {
            session.touch(&object)?;
        }
        self.check_names(&object)?;
        if object.attributes.len() > self.services.limits.attributes_max {
            return Err(Error::new(ResultReason::ServerLimitExceeded, "the object has too many attributes"));
        }
        if changed_now || !object.attributes.has(Tag::LastChangeDate) {
            object.attributes.set(attr::LAST_CHANGE_DATE, self.now);
        }
        let id = Id(object.id.clone());
        self.touch(&id.0);
        self.transaction.save(&self.services.keep, object.kept, body)?;
        Ok(id)
    }

    /// Names are unique among the living objects of an owner (1.4 §3.2; 3.0 "Non Unique Name Attribute").
    fn check_names(&mut self, object: &Object) -> Result<()> {
        let keep = &self.services.keep;
        let names: Vec<&str> = crate::keep::index::held_names(object).collect();
        for (at, name) in names.iter().copied().enumerate() {
            let twice = names[..at].contains(&name);
            let taken_here = self.transaction.changed().any(|kept| {
                kept.object.id != object.id
                    && kept.object.owner == object.owner
                    && crate::keep::index::held_names(&kept.object).any(|held| held == name)
            });
            let mut seen = Sequence::default();
            let holder = keep.name_holder(&object.owner, name, &mut seen)?;
            // One that this batch renamed or destroyed no longer holds it.
            let taken = holder.is_some_and(|holder| *holder != *object.id && !self.transaction.touches(&holder));
            self.transaction.seen = self.transaction.seen.max(seen);
            if twice || taken_here || taken {
                // 1.4 §11.15 and §11.16 against §11.2 to §11.4.
                let older = match self.operation {
                    Operation::AddAttribute | Operation::ModifyAttribute => ResultReason::IllegalOperation,
                    _ => ResultReason::InvalidField,
                };
                let words = "an object of yours has this name already; names are unique";
                return Err(Refusal::new(ResultReason::NonUniqueNameAttribute, older, words).into_error(self.version));
            }
        }
        Ok(())
    }

    /// A key in the vault is erased there after the commit, which takes as long as the vault takes.
    fn block_to_erase(&self, object: &Object) -> Result<()> {
        if self.resident_key(object).is_some() { self.block() } else { Ok(()) }
    }

    /// Stages that the object vanishes with all that is known of it.
    pub fn obliterate(&mut self, object: Object) -> Result<()> {
        self.block_to_erase(&object)?;
        Ok(self.transaction.obliterate(&self.services.keep, object.kept)?)
    }

    /// Moves the object through its lifecycle, and its attributes with it.
    ///
    /// # Errors
    /// The refusal of the lifecycle; and for an object that has no State in this version, Invalid Object Type, in 1.x
    /// Illegal Operation (1.4 tables 346 and 347).
    pub fn apply(&self, object: &mut Object, event: Event) -> Result<()> {
        let has_state = rule(Tag::State).is_some_and(|rule| rule.applies_to(object.object_type, self.version));
        if !has_state && event != Event::Destroy {
            let words = format!("a {} has no state in KMIP {}", object.object_type, self.version);
            let refusal = Refusal::new(ResultReason::InvalidObjectType, ResultReason::IllegalOperation, words);
            return Err(refusal.into_error(self.version));
        }
        let after = next(&object.lifecycle(), event, self.now).map_err(|refusal| refusal.into_error(self.version))?;
        object.set_lifecycle(&after);
        Ok(())
    }

    /// Since when no backup brings a destroyed object back.
    pub fn gone_since(&self, object: &Object) -> Result<Option<Date>> {
        let rolls = Rolls::of(&self.services.keep)?;
        Ok(object.kept.version.and_then(|version| rolls.gone_since(object, version)))
    }

    /// The body of an object, to leave the server: asks for the permit, which is the check of policy, Sensitive and
    /// Extractable. None if the server has no key value for it.
    pub fn release(&mut self, object: &Object, release: Release) -> Result<Option<Body>> {
        let permit = ExportPermit::new(object, release, self.caller, &*self.services.policy)
            .map_err(|refusal| refusal.into_error(self.version))?;
        debug_assert_eq!(permit.id(), &*object.id);
        Ok(self.transaction.body(&self.services.keep, object)?)
    }

    /// The name of an object's key in the vault, to leave the server wrapped by another key there. The permit is the check.
    pub fn release_resident(&self, object: &Object, release: Release) -> Result<Option<KeyId>> {
        let Some(key) = self.resident_key(object) else { return Ok(None) };
        ExportPermit::new(object, release, self.caller, &*self.services.policy)
            .map_err(|refusal| refusal.into_error(self.version))?;
        Ok(Some(key))
    }

    /// The private key of an object, if it is held parsed. The caller has its rights from `object`.
    pub fn parsed_key(&self, object: &Object) -> Option<Arc<PrivateKey>> {
        if self.transaction.changes_body(&object.id) { None } else { self.services.parsed.get(object) }
    }

    /// Holds a private key that was parsed from the body of an object, as it is in the store.
    pub fn hold_parsed(&self, object: &Object, key: &Arc<PrivateKey>) -> Result<()> {
        if object.material.wrapping.is_some() || self.transaction.changes_body(&object.id) {
            return Ok(());
        }
        let parsed = &self.services.parsed;
        parsed.put(object, Arc::clone(key));
        // Who takes the key from the object lets go of it after that; here it may have been held after that.
        let version = self.services.keep.store().version(&record_key(&object.id));
        if version.map_err(|error| Error::internal("reading a version", error))? != object.kept.version {
            parsed.forget(&object.id);
        }
        Ok(())
    }

    /// The body of an object, to be used inside the server. The caller has its rights from `object`.
    pub fn body(&mut self, object: &Object) -> Result<Option<Body>> {
        Ok(self.transaction.body(&self.services.keep, object)?)
    }

    /// Shows the objects that may match, newest first, until `show` returns false: those of the caller, or of
    /// everybody if the caller is an operator. Staged changes are seen. Objects the policy hides are left out.
    pub fn find(&mut self, values: &[(Tag, &Value)], show: &mut dyn FnMut(&ManagedObject) -> bool) -> Result<()> {
        let caller = self.caller;
        // What others put into a group of the caller's may be the caller's to find.
        let owner = (!caller.operator && caller.groups.is_empty()).then_some(&*caller.name);
        let search = Search { owner, values };
        self.walk(&|keep, seen, each| keep.find(&search, seen, each), show)
    }

    /// The same for the caller's own certificates that may sign others. Staged objects of other kinds are shown too.
    pub fn authorities(&mut self, show: &mut dyn FnMut(&ManagedObject) -> bool) -> Result<()> {
        let owner = self.caller.name.clone();
        self.walk(&|keep, seen, each| keep.authorities(&owner, seen, each), show)
    }

    fn walk(&mut self, walk: Walk<'_>, show: &mut dyn FnMut(&ManagedObject) -> bool) -> Result<()> {
        let services = self.services;
        let caller = self.caller;
        let session = &self.session;
        let mut staged: Vec<&Kept> = self.transaction.changed().collect();
        staged.sort_by_key(|kept| std::cmp::Reverse(kept.order));
        let mut staged = staged.into_iter().peekable();
        let visible = |object: &ManagedObject| {
            services.policy.allows(caller, Right::Locate, &ObjectFacts::from(object)) == Verdict::Allow
                && session.as_ref().is_none_or(|session| session.covers(object))
        };
        let mut seen = self.transaction.seen;
        let mut stopped = false;
        walk(&services.keep, &mut seen, &mut |kept| {
            while let Some(newer) = staged.next_if(|one| one.order >= kept.order) {
                if visible(&newer.object) && !show(&newer.object) {
                    stopped = true;
                    return false;
                }
            }
            if self.transaction.touches(&kept.object.id) || !visible(&kept.object) {
                return true;
            }
            stopped = !show(&kept.object);
            !stopped
        })?;
        if !stopped {
            for rest in staged.filter(|kept| visible(&kept.object)) {
                if !show(&rest.object) {
                    break;
                }
            }
        }
        self.transaction.seen = seen;
        Ok(())
    }

    /// Sets the ID Placeholder to the answer of an operation, and remembers the answer for later items.
    pub fn answer(&mut self, part: UniqueIdentifier, id: &Id) {
        self.answered.push(Answered { part, id: id.0.clone() });
        self.placeholder = Some(id.0.clone());
    }

    /// Sets the ID Placeholder alone, for operations that later items cannot name.
    pub fn set_placeholder(&mut self, id: &Id) {
        self.placeholder = Some(id.0.clone());
    }

    /// Empties the ID Placeholder.
    pub fn clear_placeholder(&mut self) {
        self.placeholder = None;
    }

    /// A memo as this request sees it, for who does not change what follows from it.
    pub fn look_at_memo(&self, name: &[u8]) -> Result<Option<KeyBytes>> {
        Ok(self.transaction.look_at_memo(&self.services.keep, name)?)
    }

    /// A memo as this request sees it.
    pub fn memo(&mut self, name: &[u8]) -> Result<Option<KeyBytes>> {
        Ok(self.transaction.memo(&self.services.keep, name)?)
    }

    /// Stages a memo; None removes it.
    pub fn set_memo(&mut self, name: &[u8], value: Option<KeyBytes>) -> Result<()> {
        Ok(self.transaction.set_memo(&self.services.keep, name, value)?)
    }

    /// Stages a memo with the request, whatever becomes of its items.
    pub(crate) fn set_request_memo(&mut self, name: &[u8], value: Option<KeyBytes>) -> Result<()> {
        Ok(self.transaction.set_request_memo(&self.services.keep, name, value)?)
    }

    /// A memo was read before this context was made, and this was found.
    pub(crate) fn memo_was(&mut self, name: &[u8], found: Found) {
        self.transaction.memo_was(name, found);
    }

    /// Stages what is left of the ticket that the request showed, whatever became of its items.
    pub(crate) fn settle_session(&mut self) -> Result<()> {
        let rest = self.session.as_ref().and_then(Session::rest);
        rest.map_or(Ok(()), |(place, found, rest)| self.spend(&place, found, rest))
    }

    /// Stages what is left of something that the request used up before its first item, whatever becomes of them.
    pub(crate) fn spend(&mut self, place: &[u8], found: Found, rest: KeyBytes) -> Result<()> {
        self.transaction.memo_was(place, found);
        Ok(self.transaction.set_request_memo(&self.services.keep, place, Some(rest))?)
    }

    /// The item succeeded.
    pub(crate) fn keep_item(&mut self) {
        if let Some(session) = &mut self.session {
            session.spend();
        }
        self.transaction.keep_item();
    }

    /// The item failed.
    pub(crate) fn discard_item(&mut self) {
        self.transaction.discard_item();
    }

    /// The batch is undone.
    pub(crate) fn discard_all(&mut self) {
        self.streams.undo();
        self.transaction.discard_all();
    }

    /// The identifiers that were touched since the last call, for the audit.
    pub(crate) fn take_touched(&mut self) -> String {
        let touched = std::mem::take(&mut self.touched);
        touched.join(" ")
    }

    /// What is to be committed, and what is to be settled when it is.
    pub(crate) fn into_transaction(self) -> (Transaction, Open<'a>) {
        (self.transaction, self.streams)
    }
}

/// A new unique identifier: a random UUID (RFC 9562, version 4).
fn new_identifier(entropy: &dyn Entropy) -> Result<String> {
    let mut bytes = [0; 16];
    entropy.fill(&mut bytes).map_err(|error| Error::internal("making a unique identifier", error))?;
    bytes[6] = (bytes[6] & 0x0F) | 0x40;
    bytes[8] = (bytes[8] & 0x3F) | 0x80;
    let mut text = String::with_capacity(36);
    for (at, byte) in bytes.iter().enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        for digit in [byte >> 4, byte & 0x0F] {
            text.push(char::from_digit(u32::from(digit), 16).unwrap_or('0'));
        }
    }
    Ok(text)
}
