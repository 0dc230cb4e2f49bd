//! Requests that a client in its right mind would send: each is about an object in a state, of a kind and with attributes
//! that allow it, as far as the client knows from the answers that it got.

use super::super::guess::symmetric_key;
use super::super::support::{AnswerItem, START, Seeded, active, attributes, field, id, listed, name, one_attribute};
use crate::base::{Date, Field, Value};
use crate::registry::{
    AdjustmentType, BlockCipherMode, CryptographicAlgorithm as Algorithm, CryptographicUsageMask as Mask,
    DerivationMethod, HashingAlgorithm, KeyFormatType, ObjectType, Operation, PaddingMethod, QueryFunction,
    RecommendedCurve, RevocationReasonCode, SecretDataType, SplitKeyMethod, State, Tag, Version,
};

/// Objects that a caller remembers: the latest ones.
const OBJECTS_MAX: usize = 60;
/// Answers that it remembers, to show them to the server again.
const ANSWERS_MAX: usize = 20;

/// What an object is good for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Cipher,
    Mac,
    /// The part that signs and the part that verifies.
    Private,
    Public,
    /// The part that decapsulates and the part that encapsulates.
    Opens,
    Closes,
    Secret,
    Data,
    Part,
}

/// An object as its owner knows it.
struct Own {
    id: String,
    kind: Kind,
    state: State,
    archived: bool,
    contact: bool,
    limited: bool,
    /// It has a successor.
    replaced: bool,
}

/// What was asked, where the answer is needed for what is asked next.
struct Asked {
    /// The kinds of the objects that come of it, in the order of their identifiers.
    kinds: Vec<Kind>,
    /// Whether they are Active, have Contact Information and Usage Limits.
    active: bool,
    contact: bool,
    limited: bool,
    /// The object that it is about.
    about: Option<String>,
    /// The state that this object will have.
    then: Option<State>,
    data: Vec<Field>,
}

impl Asked {
    fn about(own: &str) -> Self {
        Self { about: Some(own.to_owned()), ..Self::makes(&[], false) }
    }

    fn makes(kinds: &[Kind], active: bool) -> Self {
        let kinds = kinds.to_vec();
        Self { kinds, active, contact: false, limited: false, about: None, then: None, data: Vec::new() }
    }
}

/// A caller.
pub(super) struct Wishes {
    seed: Seeded,
    own: Vec<Own>,
    /// The parts of keys that were split.
    split: Vec<Vec<String>>,
    /// Ciphertexts, signatures, MACs and encapsulations: operations that take them, and their payloads without identifier.
    kept: Vec<(Operation, String, Vec<Field>)>,
    /// Requests that wait, each with the version that it was made in.
    waiting: Vec<(Version, Vec<u8>)>,
    who: &'static str,
    names: usize,
    asked: Option<(Operation, Asked)>,
}

fn enumeration(tag: Tag, number: u32) -> Field {
    field(tag, Value::Enumeration(number))
}

fn bytes(tag: Tag, bytes: &[u8]) -> Field {
    field(tag, Value::ByteString(bytes.into()))
}

fn parameters(list: &[(Tag, u32)]) -> Field {
    let list = list.iter().map(|(tag, number)| enumeration(*tag, *number)).collect();
    field(Tag::CryptographicParameters, Value::Structure(list))
}

fn mask(mask: Mask) -> (Tag, Value) {
    (Tag::CryptographicUsageMask, Value::Integer(mask.0 as i32))
}

fn cbc() -> Field {
    let mode = (Tag::BlockCipherMode, BlockCipherMode::CBC.0);
    parameters(&[mode, (Tag::PaddingMethod, PaddingMethod::PKCS5.0)])
}

fn sha_256() -> Field {
    parameters(&[(Tag::HashingAlgorithm, HashingAlgorithm::SHA_256.0)])
}

impl Wishes {
    pub(super) fn new(who: &'static str, seed: u64) -> Self {
        Self {
            seed: Seeded::new(seed),
            own: Vec::new(),
            split: Vec::new(),
            kept: Vec::new(),
            waiting: Vec::new(),
            who,
            names: 0,
            asked: None,
        }
    }

    /// Identifiers that it knows.
    pub(super) fn ids(&self) -> impl Iterator<Item = &String> {
        self.own.iter().map(|own| &own.id)
    }

    fn one_in(&self, n: usize) -> bool {
        self.seed.below(n) == 0
    }

    /// One of its objects.
    fn object(&self, fits: impl Fn(&Own) -> bool) -> Option<&Own> {
        let fitting: Vec<_> = self.own.iter().filter(|own| fits(own)).collect();
        (!fitting.is_empty()).then(|| fitting[self.seed.below(fitting.len())])
    }

    /// One that is there and may be used.
    fn usable(&self, kind: Kind) -> Option<String> {
        let found = self.object(|own| own.kind == kind && own.state == State::Active && !own.archived && !own.limited);
        found.map(|own| own.id.clone())
    }

    fn text(&mut self) -> String {
        self.names += 1;
        format!("{} {}", self.who, self.names)
    }

    /// The attributes of a new object, and what is to be remembered of them.
    fn attributes(&mut self, usage: Mask, kind: Kind, more: &[(Tag, Value)]) -> (Vec<(Tag, Value)>, Asked) {
        let mut asked = Asked::makes(&[kind], !self.one_in(3));
        let mut list = vec![mask(usage)];
        if asked.active {
            list = active(usage, &[]);
        }
        list.extend(more.iter().cloned());
        if self.one_in(2) {
            list.push(name(&self.text()));
        }
        if self.one_in(2) {
            asked.contact = true;
            list.push((Tag::ContactInformation, Value::text(format!("desk {}", self.seed.below(9)))));
        }
        if self.one_in(4) {
            list.push((Tag::ObjectGroup, Value::text(format!("group {}", self.seed.below(9)))));
        }
        if self.one_in(4) {
            list.push((
                Tag::ApplicationSpecificInformation,
                Value::Structure(vec![
                    field(Tag::ApplicationNamespace, Value::text("space")),
                    field(Tag::ApplicationData, Value::text(self.text())),
                ]),
            ));
        }
        if kind == Kind::Cipher && self.one_in(4) {
            asked.limited = true;
            list.push((
                Tag::UsageLimits,
                Value::Structure(vec![
                    field(Tag::UsageLimitsTotal, Value::LongInteger(100)),
                    field(Tag::UsageLimitsCount, Value::LongInteger(100)),
                    field(Tag::UsageLimitsUnit, Value::Enumeration(2)),
                ]),
            ));
        }
        (list, asked)
    }

    fn cipher(&mut self) -> (Vec<(Tag, Value)>, Asked) {
        let facts = [
            (Tag::CryptographicAlgorithm, Value::Enumeration(Algorithm::AES.0)),
            (Tag::CryptographicLength, Value::Integer(128)),
        ];
        self.attributes(Mask(Mask::Encrypt.0 | Mask::Decrypt.0), Kind::Cipher, &facts)
    }

    /// A payload for the operation; None if nothing that this caller has allows it.
    pub(super) fn payload(&mut self, operation: Operation, version: Version) -> Option<Vec<Field>> {
        let (payload, asked) = self.make(operation, version).or_else(|| self.use_it(operation, version))?;
        self.asked = Some((operation, asked));
        Some(payload)
    }

    /// Operations that make objects.
    fn make(&mut self, operation: Operation, version: Version) -> Option<(Vec<Field>, Asked)> {
        let kind = |object_type: ObjectType| enumeration(Tag::ObjectType, object_type.0);
        Some(match operation {
            Operation::Create if self.one_in(3) => {
                let facts = [
                    (Tag::CryptographicAlgorithm, Value::Enumeration(Algorithm::HMAC_SHA256.0)),
                    (Tag::CryptographicLength, Value::Integer(256)),
                ];
                let (list, asked) = self.attributes(Mask(Mask::MACGenerate.0 | Mask::MACVerify.0), Kind::Mac, &facts);
                (vec![kind(ObjectType::SymmetricKey), listed(version, &list)], asked)
            }
            Operation::Create => {
                let (list, asked) = self.cipher();
                (vec![kind(ObjectType::SymmetricKey), listed(version, &list)], asked)
            }
            Operation::CreateKeyPair => self.pair(version),
            Operation::Register if self.one_in(2) => {
                let (list, asked) = self.attributes(Mask::DeriveKey, Kind::Secret, &[]);
                let material = Value::Structure(vec![bytes(Tag::KeyMaterial, &vec![7; 1 + self.seed.below(700)])]);
                let block =
                    vec![enumeration(Tag::KeyFormatType, KeyFormatType::Opaque.0), field(Tag::KeyValue, material)];
                let secret = vec![
                    enumeration(Tag::SecretDataType, SecretDataType::Password.0),
                    field(Tag::KeyBlock, Value::Structure(block)),
                ];
                let secret = field(Tag::SecretData, Value::Structure(secret));
                (vec![kind(ObjectType::SecretData), listed(version, &list), secret], asked)
            }
            Operation::Register => {
                let called = self.text();
                let data = vec![
                    enumeration(Tag::OpaqueDataType, 0x8000_0001),
                    bytes(Tag::OpaqueDataValue, &vec![1; 1 + self.seed.below(9000)]),
                ];
                let data = field(Tag::OpaqueObject, Value::Structure(data));
                let list = listed(version, &[name(&called)]);
                (vec![kind(ObjectType::OpaqueObject), list, data], Asked::makes(&[Kind::Data], false))
            }
            Operation::Import => {
                let (list, asked) = self.cipher();
                let mut payload = vec![id(version, &self.text())];
                if !version.is_1x() {
                    payload.push(kind(ObjectType::SymmetricKey));
                }
                match listed(version, &list).value {
                    Value::Structure(fields) if version.is_1x() => payload.extend(fields),
                    list => payload.push(field(Tag::Attributes, list)),
                }
                payload.push(field(Tag::SymmetricKey, symmetric_key(&[self.seed.below(256) as u8; 16])));
                (payload, asked)
            }
            Operation::ReKey => {
                let fits = |own: &Own| own.kind == Kind::Cipher && own.state == State::Active;
                let old = self.object(|own| fits(own) && !own.archived && !own.replaced)?;
                let (contact, limited, about) = (old.contact, old.limited, Some(old.id.clone()));
                let asked = Asked { contact, limited, about, ..Asked::makes(&[Kind::Cipher], true) };
                (vec![id(version, &old.id)], asked)
            }
            Operation::ReKeyKeyPair => {
                let fits = |own: &Own| own.kind == Kind::Private && own.state == State::Active;
                let old = self.object(|own| fits(own) && !own.archived && !own.replaced)?.id.clone();
                let payload = vec![field(Tag::PrivateKeyUniqueIdentifier, id(version, &old).value)];
                (payload, Asked { about: Some(old), ..Asked::makes(&[Kind::Private, Kind::Public], true) })
            }
            Operation::DeriveKey => {
                let base = self.usable(Kind::Secret)?;
                let length = (Tag::CryptographicLength, Value::Integer(256));
                let (list, asked) = self.attributes(Mask::DeriveKey, Kind::Secret, &[length]);
                let how = vec![sha_256(), bytes(Tag::DerivationData, &[self.seed.below(256) as u8; 8])];
                let payload = vec![
                    kind(ObjectType::SecretData),
                    id(version, &base),
                    enumeration(Tag::DerivationMethod, DerivationMethod::HMAC.0),
                    field(Tag::DerivationParameters, Value::Structure(how)),
                    listed(version, &list),
                ];
                (payload, asked)
            }
            Operation::CreateSplitKey => {
                let facts = [
                    (Tag::CryptographicAlgorithm, Value::Enumeration(Algorithm::AES.0)),
                    (Tag::CryptographicLength, Value::Integer(128)),
                    mask(Mask::Encrypt),
                ];
                let payload = vec![
                    kind(ObjectType::SplitKey),
                    field(Tag::SplitKeyParts, Value::Integer(3)),
                    field(Tag::SplitKeyThreshold, Value::Integer(3)),
                    enumeration(Tag::SplitKeyMethod, SplitKeyMethod::XOR.0),
                    listed(version, &facts),
                ];
                (payload, Asked::makes(&[Kind::Part; 3], false))
            }
            Operation::JoinSplitKey => {
                let there = |own: &Own| !own.archived && matches!(own.state, State::PreActive | State::Active);
                let whole = |parts: &&Vec<String>| {
                    parts.iter().all(|part| self.own.iter().any(|own| own.id == *part && there(own)))
                };
                let parts = self.split.iter().rev().find(whole)?;
                let mut payload = vec![kind(ObjectType::SymmetricKey)];
                payload.extend(parts.iter().map(|part| id(version, part)));
                (payload, Asked::makes(&[Kind::Cipher], false))
            }
            Operation::Encapsulate => {
                let (list, asked) = (active(Mask::DeriveKey, &[]), Asked::makes(&[Kind::Secret], true));
                let key = self.usable(Kind::Closes)?;
                let asked = Asked { about: self.partner(&key), ..asked };
                (vec![id(version, &key), listed(version, &list)], asked)
            }
            Operation::CreateGroup if self.who == "operator" => {
                let called = self.text();
                (vec![listed(version, &[name(&called)])], Asked::makes(&[], false))
            }
            _ => return None,
        })
    }

    /// The private part of a pair: the object made before its public part.
    fn partner(&self, public: &str) -> Option<String> {
        let at = self.own.iter().position(|own| own.id == public)?;
        self.own[..at].iter().rev().find(|own| own.kind == Kind::Opens).map(|own| own.id.clone())
    }

    fn pair(&mut self, version: Version) -> (Vec<Field>, Asked) {
        let kem = version >= Version::V3_0 && self.one_in(2);
        let curve = vec![enumeration(Tag::RecommendedCurve, RecommendedCurve::P_256.0)];
        let mut common = match kem {
            true => vec![(Tag::CryptographicAlgorithm, Value::Enumeration(Algorithm::ML_KEM_512.0))],
            false => vec![
                (Tag::CryptographicAlgorithm, Value::Enumeration(Algorithm::ECDSA.0)),
                (Tag::CryptographicDomainParameters, Value::Structure(curve)),
            ],
        };
        common.push((Tag::ActivationDate, Value::DateTime(Date(START - 10))));
        let (kinds, private, public) = match kem {
            true => ([Kind::Opens, Kind::Closes], Mask::KeyAgreement, Mask::KeyAgreement),
            false => ([Kind::Private, Kind::Public], Mask::Sign, Mask::Verify),
        };
        let called = self.text();
        let half = |tags, usage, end: &str| attributes(version, tags, &[mask(usage), name(&format!("{called} {end}"))]);
        let payload = vec![
            attributes(version, (Tag::CommonTemplateAttribute, Tag::CommonAttributes), &common),
            half((Tag::PrivateKeyTemplateAttribute, Tag::PrivateKeyAttributes), private, "private"),
            half((Tag::PublicKeyTemplateAttribute, Tag::PublicKeyAttributes), public, "public"),
        ];
        (payload, Asked::makes(&kinds, true))
    }

    /// Operations that use or change objects, and those without any.
    fn use_it(&mut self, operation: Operation, version: Version) -> Option<(Vec<Field>, Asked)> {
        let there = |own: &Own| !matches!(own.state, State::Destroyed | State::DestroyedCompromised) && !own.archived;
        let with = |own: String, more: Vec<Field>| {
            let payload = [vec![id(version, &own)], more].concat();
            Some((payload, Asked::about(&own)))
        };
        let then = |own: &Own, state: State, more: Vec<Field>| {
            let payload = [vec![id(version, &own.id)], more].concat();
            Some((payload, Asked { then: Some(state), ..Asked::about(&own.id) }))
        };
        let free = |payload: Vec<Field>| Some((payload, Asked::makes(&[], false)));
        let keyed = |own: &Own| own.kind != Kind::Data;
        let contact = Value::text(format!("desk {}", self.seed.below(9)));
        match operation {
            Operation::Get | Operation::Export | Operation::GetAttributes | Operation::GetAttributeList => {
                with(self.object(there)?.id.clone(), Vec::new())
            }
            Operation::Check => with(self.object(|own| there(own) && own.kind == Kind::Cipher)?.id.clone(), Vec::new()),
            Operation::ObtainLease => with(self.object(|own| there(own) && keyed(own))?.id.clone(), Vec::new()),
            Operation::GetUsageAllocation => {
                let own = self.object(|own| there(own) && own.limited && own.state == State::Active)?;
                with(own.id.clone(), vec![field(Tag::UsageLimitsCount, Value::LongInteger(1))])
            }
            Operation::Locate => {
                let called = format!("{} {}", self.who, self.seed.below(self.names + 1));
                let by = match self.seed.below(3) {
                    0 => name(&called),
                    1 => (Tag::State, Value::Enumeration(State::Active.0)),
                    _ => (Tag::ObjectType, Value::Enumeration(ObjectType::SymmetricKey.0)),
                };
                let mut payload = vec![field(Tag::MaximumItems, Value::Integer(1 + self.seed.below(20) as i32))];
                match attributes(version, (Tag::TemplateAttribute, Tag::Attributes), &[by]).value {
                    Value::Structure(fields) if version.is_1x() => payload.extend(fields),
                    list => payload.push(field(Tag::Attributes, list)),
                }
                free(payload)
            }
            Operation::AddAttribute => {
                let own = self.object(|own| there(own) && !own.contact)?.id.clone();
                with(own, vec![one_attribute(version, Tag::ContactInformation, &contact)?])
            }
            Operation::ModifyAttribute => {
                let own = self.object(|own| there(own) && own.contact)?.id.clone();
                with(own, vec![one_attribute(version, Tag::ContactInformation, &contact)?])
            }
            Operation::SetAttribute => {
                let own = self.object(there)?.id.clone();
                let comment = Value::text(self.text());
                with(own, vec![one_attribute(version, Tag::Comment, &comment)?])
            }
            Operation::DeleteAttribute => {
                let own = self.object(|own| there(own) && own.contact)?.id.clone();
                with(
                    own,
                    vec![match version.is_1x() {
                        true => field(Tag::AttributeName, Value::text("Contact Information")),
                        false => enumeration(Tag::AttributeReference, Tag::ContactInformation.0),
                    }],
                )
            }
            Operation::AdjustAttribute if version >= Version::V2_1 => {
                let own = self.object(|own| there(own) && keyed(own))?.id.clone();
                let how = [
                    enumeration(Tag::AttributeReference, Tag::RotateInterval.0),
                    enumeration(Tag::AdjustmentType, AdjustmentType::Increment.0),
                    field(Tag::AdjustmentValue, Value::Interval(100_000_000)),
                ];
                with(own, how.to_vec())
            }
            Operation::Activate => then(
                self.object(|own| there(own) && keyed(own) && own.state == State::PreActive)?,
                State::Active,
                vec![],
            ),
            Operation::Revoke | Operation::Deactivate => {
                let own = self.object(|own| there(own) && own.state == State::Active)?;
                if operation == Operation::Deactivate {
                    let code = Value::Structure(vec![enumeration(Tag::DeactivationReasonCode, 1)]);
                    return then(own, State::Deactivated, vec![field(Tag::DeactivationReason, code)]);
                }
                let compromised = self.one_in(3);
                let (code, state) = match compromised {
                    true => (RevocationReasonCode::KeyCompromise, State::Compromised),
                    false => (RevocationReasonCode::CessationOfOperation, State::Deactivated),
                };
                let mut more = vec![field(
                    Tag::RevocationReason,
                    Value::Structure(vec![enumeration(Tag::RevocationReasonCode, code.0)]),
                )];
                if compromised {
                    more.push(field(Tag::CompromiseOccurrenceDate, Value::DateTime(Date(START - 5))));
                }
                then(own, state, more)
            }
            Operation::Destroy | Operation::Obliterate => {
                let own = self.object(|own| there(own) && own.state != State::Active)?;
                then(own, State::Destroyed, vec![])
            }
            Operation::Archive => with(self.object(there)?.id.clone(), Vec::new()),
            Operation::Recover => with(self.object(|own| own.archived)?.id.clone(), Vec::new()),
            Operation::Encrypt => {
                let iv = bytes(Tag::IVCounterNonce, &[self.seed.below(256) as u8; 16]);
                let own = self.usable(Kind::Cipher)?;
                let data = bytes(Tag::Data, &vec![5; self.seed.below(100)]);
                let payload = vec![id(version, &own), cbc(), data, iv.clone()];
                Some((payload, Asked { data: vec![cbc(), iv], ..Asked::about(&own) }))
            }
            Operation::Sign | Operation::MAC => {
                let data = bytes(Tag::Data, &vec![6; 1 + self.seed.below(100)]);
                let how = if operation == Operation::Sign { vec![sha_256()] } else { vec![] };
                let own = self.usable(if operation == Operation::Sign { Kind::Private } else { Kind::Mac })?;
                let more = [how, vec![data]].concat();
                Some(([vec![id(version, &own)], more.clone()].concat(), Asked { data: more, ..Asked::about(&own) }))
            }
            Operation::Decrypt | Operation::SignatureVerify | Operation::MACVerify | Operation::Decapsulate => {
                let fits = |kept: &&(Operation, String, Vec<Field>)| {
                    kept.0 == operation
                        && self.own.iter().any(|own| own.id == kept.1 && own.state == State::Active && !own.archived)
                };
                let (_, own, more) = self.kept.iter().rev().find(fits)?.clone();
                let mut asked = Asked::about(&own);
                let mut payload = [vec![id(version, &own)], more].concat();
                if operation == Operation::Decapsulate {
                    payload.push(listed(version, &active(Mask::DeriveKey, &[])));
                    asked = Asked::makes(&[Kind::Secret], true);
                }
                Some((payload, asked))
            }
            Operation::Hash => free(vec![sha_256(), bytes(Tag::Data, b"data")]),
            Operation::RNGRetrieve => free(vec![field(Tag::DataLength, Value::Integer(16))]),
            Operation::RNGSeed => free(vec![bytes(Tag::Data, &[3; 16])]),
            Operation::Query => free(vec![enumeration(Tag::QueryFunction, QueryFunction::QueryOperations.0)]),
            Operation::Log => free(vec![field(Tag::LogMessage, Value::text("a message"))]),
            Operation::DiscoverVersions | Operation::Ping | Operation::QueryAsynchronousRequests => free(vec![]),
            Operation::Poll | Operation::Cancel | Operation::Process => {
                let at = self.waiting.iter().rposition(|one| one.0 == version)?;
                let (_, correlation) = self.waiting.swap_remove(at);
                free(vec![bytes(Tag::AsynchronousCorrelationValue, &correlation)])
            }
            _ => None,
        }
    }

    /// An answer to the latest payload.
    pub(super) fn answered(&mut self, item: &AnswerItem) {
        let Some((operation, asked)) = self.asked.take() else { return };
        let about = asked.about.clone();
        let mut parts = Vec::new();
        let tags = [Tag::PrivateKeyUniqueIdentifier, Tag::PublicKeyUniqueIdentifier, Tag::UniqueIdentifier];
        let Value::Structure(fields) = &item.payload else { return };
        let made = fields.iter().filter(|field| tags.contains(&field.tag)).filter_map(|field| field.value.as_text());
        for (id, kind) in made.zip(&asked.kinds) {
            parts.push(id.to_owned());
            let state = if asked.active { State::Active } else { State::PreActive };
            let (contact, limited) = (asked.contact, asked.limited);
            self.own.push(Own {
                id: id.to_owned(),
                kind: *kind,
                state,
                archived: false,
                contact,
                limited,
                replaced: false,
            });
        }
        if operation == Operation::CreateSplitKey {
            self.split.push(parts);
        }
        if let Some(own) = self.own.iter_mut().find(|own| Some(&own.id) == about.as_ref()) {
            own.state = asked.then.unwrap_or(own.state);
            match operation {
                Operation::AddAttribute => own.contact = true,
                Operation::DeleteAttribute => own.contact = false,
                Operation::ReKey | Operation::ReKeyKeyPair => own.replaced = true,
                Operation::Archive => own.archived = true,
                Operation::Recover => own.archived = false,
                _ => {}
            }
        }
        self.keep(operation, asked, item);
        self.forget();
    }

    /// What the server gave and will be shown.
    fn keep(&mut self, operation: Operation, asked: Asked, item: &AnswerItem) {
        let (then, tag) = match operation {
            Operation::Encrypt => (Operation::Decrypt, Tag::Data),
            Operation::Sign => (Operation::SignatureVerify, Tag::SignatureData),
            Operation::MAC => (Operation::MACVerify, Tag::MACData),
            Operation::Encapsulate => (Operation::Decapsulate, Tag::Data),
            _ => return,
        };
        let (Some(about), Some(given)) = (asked.about, item.payload.field(tag)) else { return };
        // What the private part signed, the public part verifies: it was made next.
        let whose = match then {
            Operation::SignatureVerify => {
                let at = self.own.iter().position(|own| own.id == about);
                at.and_then(|at| self.own.get(at + 1)).map_or(about, |own| own.id.clone())
            }
            _ => about,
        };
        let mut fields = asked.data;
        match then {
            // Parameters, data, IV: the order of the payload.
            Operation::Decrypt => fields.insert(1, field(tag, given.clone())),
            _ => fields.push(field(tag, given.clone())),
        }
        self.kept.push((then, whose, fields));
    }

    /// A request waits under this value.
    pub(super) fn waits(&mut self, version: Version, correlation: &[u8]) {
        self.asked = None;
        self.waiting.push((version, correlation.to_vec()));
    }

    fn forget(&mut self) {
        while self.own.len() > OBJECTS_MAX {
            self.own.remove(self.seed.below(OBJECTS_MAX / 2));
        }
        let answers = self.kept.len().saturating_sub(ANSWERS_MAX);
        self.kept.drain(..answers);
        let split = self.split.len().saturating_sub(ANSWERS_MAX);
        self.split.drain(..split);
    }
}
