//! Tickets: what Login and Delegated Login give out, what a request that shows one may do, and what is left of it
//! afterwards (2.1 §6.1.12, §6.1.30, §7.34, §7.39, §7.40). The server keeps a hash of the ticket, never the ticket.

use aws_lc_rs::digest;

use super::Cx;
use crate::base::{Date, Error, KeyBytes, Limits, Result};
use crate::keep::Keep;
use crate::keep::memo::Found;
use crate::model::ManagedObject;
use crate::model::object::in_group;
use crate::proto::id::IdRef;
use crate::proto::wire::{Read, Write, structure, wrong_type};
use crate::registry::{ItemType, Operation, ResultReason, Tag, TicketType, UsageLimitsUnit, Version};
use crate::store::Sequence;
use crate::ttlv::{Item, Writer, check};

/// Random bytes of a ticket.
const TICKET_BYTES: usize = 32;
/// Longest life of a ticket, seconds.
const LIFE_SECONDS_MAX: i64 = 30 * 24 * 3600;
/// Life of a ticket for which no Lease Time was asked, seconds.
const LIFE_SECONDS: i64 = 3600;
/// Living tickets of one caller.
const TICKETS_MAX: usize = 64;
/// Notes are written in this version, whatever the client speaks.
const STORED: Version = Version::V2_1;

structure! {
    /// A ticket on its way in.
    pub struct TicketRef<'a> reads {
        req TicketType => _ticket_type: TicketType;
        req TicketValue => value: &'a [u8];
    }
}

structure! {
    /// A ticket on its way out. It always has a type.
    pub struct Ticket writes {
        opt TicketType => ticket_type: TicketType;
        req TicketValue => value: Vec<u8>;
    }
}

/// Lease Time of a ticket: how long from now, or until when.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Lease {
    /// Seconds from now.
    Seconds(u32),
    /// Until then.
    Until(Date),
}

impl<'a> Read<'a> for Lease {
    fn read(item: &Item<'a>, version: Version) -> Result<Self> {
        match item.item_type {
            ItemType::Interval => u32::read(item, version).map(Self::Seconds),
            ItemType::DateTime => Date::read(item, version).map(Self::Until),
            _ => Err(wrong_type(item, "an Interval or a Date-Time")),
        }
    }
}

structure! {
    /// Usage Limits: "used to limit the number of operations that may be performed" (2.1 §7.40).
    pub struct Usage reads {
        req UsageLimitsTotal => total: i64;
        opt UsageLimitsCount => count: i64;
        req UsageLimitsUnit => unit: UsageLimitsUnit;
    }
}

impl Usage {
    /// How many operations it leaves. Bytes are not a number of operations.
    fn operations(&self) -> Result<i64> {
        let count = self.count.unwrap_or(self.total);
        if self.unit == UsageLimitsUnit::Byte {
            return Err(Error::invalid_field("Usage Limits of a ticket count operations, not bytes"));
        }
        if count < 0 || count > self.total {
            return Err(Error::invalid_field("Usage Limits Count is negative or above Usage Limits Total"));
        }
        Ok(count)
    }
}

structure! {
    /// A list.
    pub struct WireOperations reads {
        many Operation => operations: Operation;
    }
}

structure! {
    /// A list.
    pub struct WireObjects<'a> reads {
        many UniqueIdentifier => ids: IdRef<'a>;
    }
}

structure! {
    /// A list.
    pub struct WireGroups<'a> reads {
        many ObjectGroup | GroupLink => groups: GroupName<'a>;
    }
}

/// A group by its name, or a link to one (3.0).
#[derive(Debug)]
pub struct GroupName<'a>(&'a str);

impl<'a> Read<'a> for GroupName<'a> {
    fn read(item: &Item<'a>, _: Version) -> Result<Self> {
        item.text().map(Self).ok_or_else(|| wrong_type(item, "the name of a group, or a link to one"))
    }
}

structure! {
    /// One of them.
    pub struct WireRight<'a> reads {
        opt UsageLimits => usage: Usage;
        opt Operations => operations: WireOperations;
        opt Objects => objects: WireObjects<'a>;
        opt ObjectGroups => groups: WireGroups<'a>;
    }
}

structure! {
    /// Rights of a Delegated Login.
    pub struct WireRights<'a> reads {
        many Right => rights: WireRight<'a>;
    }
}

/// One right. "If any field is omitted, then that aspect is unrestricted" (2.1 §7.34).
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Granted {
    uses: Option<i64>,
    operations: Option<Vec<Operation>>,
    objects: Option<Vec<Box<str>>>,
    groups: Option<Vec<Box<str>>>,
}

impl Granted {
    fn covers(&self, object: &ManagedObject) -> bool {
        let named = self.objects.as_ref().is_none_or(|ids| ids.contains(&object.id));
        named && self.groups.as_ref().is_none_or(|groups| in_one_of(object, groups))
    }
}

fn in_one_of(object: &ManagedObject, groups: &[Box<str>]) -> bool {
    in_group(&object.attributes, |name| groups.iter().any(|group| **group == *name))
}

/// What a ticket is good for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Grant {
    /// The caller that its holder becomes.
    pub owner: Box<str>,
    until: Date,
    /// Requests left; None for any number.
    requests: Option<i32>,
    /// Operations left.
    uses: Option<i64>,
    /// Rights of a delegated ticket; None for all that its owner has.
    rights: Option<Vec<Granted>>,
}

/// A request that showed a ticket.
#[derive(Debug)]
pub struct Session {
    place: Vec<u8>,
    found: Found,
    grant: Grant,
    /// Which of the rights permit the operation that runs, as far as it has gone.
    open: Vec<usize>,
}

impl Session {
    /// Looks a ticket up and takes one request from it; the rest is for `Cx::settle_session` to store.
    ///
    /// # Errors
    /// Invalid Ticket for one that is unknown, expired or logged out; Usage Limit Exceeded for one that is used up.
    pub fn open(keep: &Keep, ticket: &[u8], now: Date, seen: &mut Sequence) -> Result<Self> {
        let invalid = || Error::new(ResultReason::InvalidTicket, "the ticket is unknown, expired or logged out");
        let place = place_of(ticket);
        let note = keep.memo(&place, seen)?.ok_or_else(invalid)?;
        let mut grant = decode(&note.value)?;
        if now >= grant.until {
            return Err(invalid());
        }
        if let Some(left) = &mut grant.requests {
            if *left <= 0 {
                return Err(used_up("the ticket has no requests left"));
            }
            *left -= 1;
        }
        Ok(Self { place, found: note.found, grant, open: Vec::new() })
    }

    /// The caller that the holder becomes.
    pub fn owner(&self) -> &str {
        &self.grant.owner
    }

    /// Whether the ticket has rights of its own.
    pub fn is_delegated(&self) -> bool {
        self.grant.rights.is_some()
    }

    /// An operation begins: the ticket must have uses left, and a right that permits it.
    pub fn enter(&mut self, operation: Operation) -> Result<()> {
        if self.grant.uses == Some(0) {
            return Err(used_up("the ticket has no operations left"));
        }
        let Some(rights) = &self.grant.rights else { return Ok(()) };
        let permits = |right: &Granted| right.operations.as_ref().is_none_or(|list| list.contains(&operation));
        let permitting: Vec<usize> = (0..rights.len()).filter(|at| permits(&rights[*at])).collect();
        if permitting.is_empty() {
            return Err(Error::permission_denied(format!("no right of the ticket permits {operation}")));
        }
        self.open = permitting.into_iter().filter(|at| rights[*at].uses != Some(0)).collect();
        if self.open.is_empty() {
            return Err(used_up("the rights of the ticket have no operations left"));
        }
        Ok(())
    }

    /// Whether some right that permits the operation covers the object.
    pub fn covers(&self, object: &ManagedObject) -> bool {
        let Some(rights) = &self.grant.rights else { return true };
        self.open.iter().any(|at| rights[*at].covers(object))
    }

    /// The operation works on the object: a right must permit both. One right permits the whole operation.
    pub fn touch(&mut self, object: &ManagedObject) -> Result<()> {
        let Some(rights) = &self.grant.rights else { return Ok(()) };
        self.open.retain(|at| rights[*at].covers(object));
        if self.open.is_empty() {
            return Err(Error::permission_denied("no right of the ticket permits this operation on this object"));
        }
        Ok(())
    }

    /// The operation was done.
    pub fn spend(&mut self) {
        self.grant.uses = self.grant.uses.map(|left| left.saturating_sub(1));
        if let (Some(rights), Some(at)) = (&mut self.grant.rights, self.open.first()) {
            rights[*at].uses = rights[*at].uses.map(|left| left.saturating_sub(1));
        }
    }

    /// Where the ticket is kept and what is left of it, if that changes at all.
    pub fn rest(&self) -> Option<(Vec<u8>, Found, KeyBytes)> {
        let limited = self.grant.rights.iter().flatten().any(|right| right.uses.is_some());
        let counted = self.grant.requests.is_some() || self.grant.uses.is_some() || limited;
        counted.then(|| (self.place.clone(), self.found, encode(&self.grant)))
    }
}

fn used_up(words: &'static str) -> Error {
    Error::new(ResultReason::UsageLimitExceeded, words)
}

/// What Login and Delegated Login ask in common.
#[derive(Debug)]
pub struct Asked<'a> {
    /// How long.
    pub lease: Option<Lease>,
    /// How many requests.
    pub requests: Option<i32>,
    /// How many operations.
    pub usage: Option<Usage>,
    /// Of Delegated Login: which.
    pub rights: Option<WireRights<'a>>,
}

/// Makes a ticket for the caller.
///
/// # Errors
/// Permission Denied for a request that shows a ticket itself: a ticket would outlive its limits. Invalid Field for a
/// Lease Time in the past or beyond 30 days, a Request Count below one. Server Limit Exceeded.
pub fn issue(cx: &mut Cx<'_>, asked: Asked<'_>) -> Result<Ticket> {
    if cx.session.is_some() {
        return Err(Error::permission_denied("a ticket cannot be had for a ticket; use a certificate or a password"));
    }
    let until = match asked.lease {
        None => cx.now.plus(LIFE_SECONDS),
        Some(Lease::Seconds(seconds)) => cx.now.plus(i64::from(seconds)),
        Some(Lease::Until(date)) => date,
    };
    if until <= cx.now || until > cx.now.plus(LIFE_SECONDS_MAX) {
        return Err(Error::invalid_field("Lease Time must end after now and within 30 days"));
    }
    if asked.requests.is_some_and(|count| count < 1) {
        return Err(Error::invalid_field("Request Count must be at least one"));
    }
    let rights = match asked.rights {
        None => None,
        Some(rights) if rights.rights.is_empty() => {
            return Err(Error::invalid_field("Rights holds no Right, so the ticket could do nothing"));
        }
        Some(rights) => Some(rights.rights.iter().map(|right| granted(cx, right)).collect::<Result<Vec<_>>>()?),
    };
    let grant = Grant {
        owner: (*cx.caller.name).into(),
        until,
        requests: asked.requests,
        uses: asked.usage.map(|usage| usage.operations()).transpose()?,
        rights,
    };
    let mut value = vec![0; TICKET_BYTES];
    cx.services.entropy.fill(&mut value).map_err(|error| Error::internal("making a ticket", error))?;
    let place = place_of(&value);
    enlist(cx, &place, until)?;
    cx.set_memo(&place, Some(encode(&grant)))?;
    Ok(Ticket { ticket_type: Some(TicketType::Login), value })
}

fn granted(cx: &mut Cx<'_>, right: &WireRight<'_>) -> Result<Granted> {
    let objects = match &right.objects {
        None => None,
        Some(objects) => Some(objects.ids.iter().map(|id| cx.resolve(Some(*id))).collect::<Result<Vec<_>>>()?),
    };
    Ok(Granted {
        uses: right.usage.as_ref().map(Usage::operations).transpose()?,
        operations: right.operations.as_ref().map(|list| list.operations.clone()),
        objects,
        groups: right.groups.as_ref().map(|list| list.groups.iter().map(|group| group.0.into()).collect()),
    })
}

/// Ends a ticket of the caller.
///
/// # Errors
/// Invalid Ticket if it is not one of the caller's.
pub fn revoke(cx: &mut Cx<'_>, value: &[u8]) -> Result<()> {
    let place = place_of(value);
    let grant = cx.memo(&place)?.map(|note| decode(&note)).transpose()?;
    if grant.is_none_or(|grant| *grant.owner != *cx.caller.name) {
        return Err(Error::new(ResultReason::InvalidTicket, "the ticket is unknown, expired or logged out"));
    }
    cx.set_memo(&place, None)
}

/// The list of a caller's tickets: how many there are, and which have run out and are removed now.
fn enlist(cx: &mut Cx<'_>, place: &[u8], until: Date) -> Result<()> {
    let list_place = [b"tickets/", digest::digest(&digest::SHA256, cx.caller.name.as_bytes()).as_ref()].concat();
    let before = cx.memo(&list_place)?;
    let before = before.as_ref().map_or(&[][..], |list| list.expose());
    let mut list = Vec::with_capacity(before.len() + place.len() + 8);
    let mut living = 0;
    for entry in before.chunks_exact(place.len() + 8) {
        let (one, ends) = entry.split_at(place.len());
        let ends = i64::from_be_bytes(ends.try_into().unwrap_or_default());
        // A ticket that was logged out is gone already.
        let lives = cx.memo(one)?.is_some();
        if lives && cx.now < Date(ends) {
            list.extend_from_slice(entry);
            living += 1;
        } else if lives {
            cx.set_memo(one, None)?;
        }
    }
    if living >= TICKETS_MAX {
        return Err(Error::new(
            ResultReason::ServerLimitExceeded,
            format!("you have {TICKETS_MAX} tickets; Logout some, or wait until they end"),
        ));
    }
    list.extend_from_slice(place);
    list.extend_from_slice(&until.0.to_be_bytes());
    cx.set_memo(&list_place, Some(KeyBytes::new(list)))
}

fn place_of(ticket: &[u8]) -> Vec<u8> {
    [b"ticket/", digest::digest(&digest::SHA256, ticket).as_ref()].concat()
}

/// An operation of any version.
#[derive(Debug)]
struct AnyOperation(Operation);

impl<'a> Read<'a> for AnyOperation {
    fn read(item: &Item<'a>, _: Version) -> Result<Self> {
        let code = item.enumeration().ok_or_else(|| wrong_type(item, "an Enumeration"))?;
        Ok(Self(Operation(code)))
    }
}

structure! {
    struct StoredOperations reads {
        many Operation => operations: AnyOperation;
    }
}

structure! {
    struct StoredIds<'a> reads {
        many UniqueIdentifier => ids: &'a str;
    }
}

structure! {
    struct StoredGroups<'a> reads {
        many ObjectGroup => groups: &'a str;
    }
}

structure! {
    struct StoredRight<'a> reads {
        opt UsageLimitsCount => uses: i64;
        opt Operations => operations: StoredOperations;
        opt Objects => objects: StoredIds<'a>;
        opt ObjectGroups => groups: StoredGroups<'a>;
    }
}

structure! {
    struct StoredRights<'a> reads {
        many Right => rights: StoredRight<'a>;
    }
}

structure! {
    struct StoredGrant<'a> reads {
        req Username => owner: &'a str;
        req LeaseTime => until: Date;
        opt RequestCount => requests: i32;
        opt UsageLimitsCount => uses: i64;
        opt Rights => rights: StoredRights<'a>;
    }
}

fn encode(grant: &Grant) -> KeyBytes {
    let mut out = Writer::new(crate::base::Buffer::default());
    out.structure(Tag::Ticket, |out| {
        out.text(Tag::Username, &grant.owner);
        out.date_time(Tag::LeaseTime, grant.until);
        if let Some(count) = grant.requests {
            out.integer(Tag::RequestCount, count);
        }
        if let Some(count) = grant.uses {
            out.long_integer(Tag::UsageLimitsCount, count);
        }
        if let Some(rights) = &grant.rights {
            out.structure(Tag::Rights, |out| rights.iter().for_each(|right| encode_right(right, out)));
        }
    });
    KeyBytes::copy_from(out.written())
}

fn encode_right(right: &Granted, out: &mut Writer) {
    let texts = |out: &mut Writer, outer, inner, texts: &Option<Vec<Box<str>>>| {
        if let Some(texts) = texts {
            out.structure(outer, |out| texts.iter().for_each(|text| out.text(inner, text)));
        }
    };
    out.structure(Tag::Right, |out| {
        if let Some(count) = right.uses {
            out.long_integer(Tag::UsageLimitsCount, count);
        }
        if let Some(list) = &right.operations {
            out.structure(Tag::Operations, |out| list.iter().for_each(|one| one.write(Tag::Operation, out, STORED)));
        }
        texts(out, Tag::Objects, Tag::UniqueIdentifier, &right.objects);
        texts(out, Tag::ObjectGroups, Tag::ObjectGroup, &right.groups);
    });
}

fn decode(note: &KeyBytes) -> Result<Grant> {
    let broken = |error: Error| Error::internal("reading a ticket", error.to_string());
    let limits = Limits { message_bytes_max: usize::MAX, ..Limits::default() };
    let item = check(note.expose(), &limits).map_err(|error| broken(error.into()))?;
    let stored = StoredGrant::read(&item, STORED).map_err(broken)?;
    let boxed = |texts: Vec<&str>| texts.into_iter().map(Into::into).collect();
    let right = |right: StoredRight<'_>| Granted {
        uses: right.uses,
        operations: right.operations.map(|list| list.operations.into_iter().map(|one| one.0).collect()),
        objects: right.objects.map(|list| boxed(list.ids)),
        groups: right.groups.map(|list| boxed(list.groups)),
    };
    Ok(Grant {
        owner: stored.owner.into(),
        until: stored.until,
        requests: stored.requests,
        uses: stored.uses,
        rights: stored.rights.map(|rights| rights.rights.into_iter().map(right).collect()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Value;
    use crate::registry::ObjectType;

    fn grant(rights: Option<Vec<Granted>>) -> Grant {
        Grant { owner: "alice".into(), until: Date(99), requests: Some(3), uses: None, rights }
    }

    fn right(operations: &[Operation], objects: Option<&[&str]>, groups: Option<&[&str]>) -> Granted {
        let boxed = |texts: &[&str]| texts.iter().map(|text| (*text).into()).collect();
        Granted {
            uses: None,
            operations: Some(operations.to_vec()),
            objects: objects.map(boxed),
            groups: groups.map(boxed),
        }
    }

    #[test]
    fn a_grant_is_stored_and_read_back() {
        let mut counted = right(&[Operation::Get, Operation::Encapsulate], Some(&["k1", "k2"]), Some(&[]));
        counted.uses = Some(7);
        let all = [grant(None), grant(Some(Vec::new())), grant(Some(vec![counted, Granted::default()]))];
        for grant in all {
            assert_eq!(decode(&encode(&grant)).unwrap(), grant);
        }
    }

    #[test]
    fn a_right_permits_its_operations_on_its_objects() {
        let mut key = ManagedObject::new("k1", ObjectType::SymmetricKey, "alice");
        key.attributes.push(Tag::ObjectGroup, Value::text("g"));
        let rights = vec![
            right(&[Operation::Get], Some(&["k1"]), None),
            right(&[Operation::Get, Operation::Locate], None, Some(&["g"])),
            right(&[Operation::Destroy], Some(&["k2"]), Some(&["g"])),
        ];
        // (operation, permitted at all, permitted on k1)
        let cases = [
            (Operation::Get, true, true),
            (Operation::Locate, true, true),
            (Operation::Destroy, true, false),
            (Operation::Create, false, false),
        ];
        for (operation, enters, touches) in cases {
            let mut session = Session {
                place: Vec::new(),
                found: Found::default(),
                grant: grant(Some(rights.clone())),
                open: Vec::new(),
            };
            assert_eq!(session.enter(operation).is_ok(), enters, "{operation}");
            if enters {
                assert_eq!(session.covers(&key), touches, "{operation}");
                assert_eq!(session.touch(&key).is_ok(), touches, "{operation}");
            }
        }
    }

    #[test]
    fn uses_run_out() {
        let mut once = right(&[Operation::Get], None, None);
        once.uses = Some(1);
        let mut session =
            Session { place: Vec::new(), found: Found::default(), grant: grant(Some(vec![once])), open: Vec::new() };
        session.enter(Operation::Get).unwrap();
        session.spend();
        assert_eq!(session.enter(Operation::Get).unwrap_err().reason(), ResultReason::UsageLimitExceeded);
    }
}
