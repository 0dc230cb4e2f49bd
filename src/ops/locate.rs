//! Locate: which objects have these attributes (1.4 §4.9, 2.1 §6.1.28). Newest first, in every version.

use super::{Cx, Op};
use crate::base::{Date, Error, Result, Value};
use crate::model::lifecycle::is_destroyed;
use crate::model::link::is_link;
use crate::model::{ManagedObject, attr};
use crate::proto::attributes::{AttributeList, NewAttribute};
use crate::proto::id::Id;
use crate::proto::wire::structure;
use crate::registry::{ObjectClass, ObjectGroupMember, ResultReason, StorageStatusMask, Tag, UniqueIdentifier};

/// Locate.
pub struct Locate;

structure! {
    /// How many, of which storage, with which attributes. 1.x clients send attributes bare, some in a
    /// Template-Attribute.
    pub struct Request reads {
        opt MaximumItems => maximum: i32;
        opt OffsetItems => offset: i32;
        opt StorageStatusMask => storage: StorageStatusMask;
        opt ObjectGroupMember => member: ObjectGroupMember;
        opt ObjectClassMask => classes: ClassMask;
        many Attribute => bare: NewAttribute;
        opt TemplateAttribute | Attributes => attributes: AttributeList;
    }
}

/// Object Class Mask (3.0): a set of Object Class values.
#[derive(Clone, Copy, Debug)]
pub struct ClassMask(i32);

impl<'a> crate::proto::wire::Read<'a> for ClassMask {
    fn read(item: &crate::ttlv::Item<'a>, version: crate::registry::Version) -> Result<Self> {
        i32::read(item, version).map(Self)
    }
}

structure! {
    /// How many match, and the ones of this page.
    pub struct Response writes {
        opt LocatedItems => located: i32;
        many UniqueIdentifier => ids: Id;
    }
}

impl Op for Locate {
    type Request<'a> = Request;
    type Response = Response;

    fn run(request: Request, cx: &mut Cx<'_>) -> Result<Response> {
        let count = |name: &str, number: Option<i32>| {
            number.map(usize::try_from).transpose().map_err(|_| Error::invalid_field(format!("{name} is negative")))
        };
        let limit = cx.services.limits.locate_items_max;
        let maximum = count("Maximum Items", request.maximum)?.unwrap_or(limit).min(limit);
        let offset = count("Offset Items", request.offset)?;
        // Who pages wants to know of how many: all are counted. Otherwise the search ends with the last one wanted.
        let paging = offset.is_some();
        let offset = offset.unwrap_or(0);
        let mut asked = request.bare;
        asked.extend(request.attributes.unwrap_or_default().attributes);
        let filter = Filter::new(asked, request.storage, request.member, request.classes, cx.now)?;
        let whole = filter.whole_values();
        let (mut located, mut ids) = (0_usize, Vec::new());
        cx.find(&whole, &mut |object| {
            if filter.matches(object) {
                if located >= offset && ids.len() < maximum {
                    ids.push(Id(object.id.clone()));
                }
                located += 1;
            }
            paging || ids.len() < maximum
        })?;
        // "If a single Unique Identifier is returned, the server SHALL copy it into the ID Placeholder"; with more
        // than one it is emptied.
        match &ids[..] {
            [only] => cx.answer(UniqueIdentifier::Locate, only),
            _ => cx.clear_placeholder(),
        }
        // "A server MAY elect to return the Located Items value even if Offset Items is not present": this one does not.
        Ok(Response { located: paging.then(|| located.try_into().unwrap_or(i32::MAX)), ids })
    }
}

/// What an object must be like.
struct Filter {
    asked: Vec<NewAttribute>,
    storage: StorageStatusMask,
    member: Option<ObjectGroupMember>,
    classes: i32,
    now: Date,
}

/// "If a Date attribute is set to its largest possible value, then it is equivalent to an undefined attribute."
const UNDEFINED: Date = Date(i64::MAX);

impl Filter {
    fn new(
        asked: Vec<NewAttribute>,
        storage: Option<StorageStatusMask>,
        member: Option<ObjectGroupMember>,
        classes: Option<ClassMask>,
        now: Date,
    ) -> Result<Self> {
        for one in &asked {
            let dates = asked.iter().filter(|other| other.tag == one.tag).count();
            if matches!(one.value, Value::DateTime(_)) && dates > 2 {
                return Err(Error::invalid_field(format!("{} stands more than twice: a range has two ends", one.tag)));
            }
        }
        if member == Some(ObjectGroupMember::GroupMemberDefault) {
            return Err(Error::new(ResultReason::FeatureNotSupported, "this server has no default members of groups"));
        }
        Ok(Self {
            asked,
            storage: storage.unwrap_or(StorageStatusMask::OnLineStorage),
            member,
            classes: classes.map_or(ObjectClass::User.0 as i32, |mask| mask.0),
            now,
        })
    }

    /// The values that an object has to have just so: an index can find them. Structures may be given in part, and a
    /// 2.x Link without its type is one of many attributes.
    fn whole_values(&self) -> Vec<(Tag, &Value)> {
        let whole = |one: &&NewAttribute| match &one.value {
            Value::Structure(_) => crate::model::shape::conforms(one.tag, &one.value).is_ok(),
            value => !(is_link(one.tag) && value.as_text().is_none_or(str::is_empty)),
        };
        self.asked.iter().filter(whole).map(|one| (one.tag, &one.value)).collect()
    }

    fn matches(&self, object: &ManagedObject) -> bool {
        self.stored_right(object)
            && self.classes & object.class().0 as i32 != 0
            && (self.member != Some(ObjectGroupMember::GroupMemberFresh) || object.attributes.is_true(attr::FRESH))
            && self.asked.iter().all(|one| self.has(object, one))
    }

    fn stored_right(&self, object: &ManagedObject) -> bool {
        let storage = if is_destroyed(object.state(self.now)) {
            StorageStatusMask::DestroyedStorage
        } else if object.is_archived() {
            StorageStatusMask::ArchivalStorage
        } else {
            StorageStatusMask::OnLineStorage
        };
        self.storage.0 & storage.0 != 0
    }

    fn has(&self, object: &ManagedObject, asked: &NewAttribute) -> bool {
        match (asked.tag, &asked.value) {
            (Tag::State, Value::Enumeration(state)) => object.state(self.now).0 == *state,
            // Any link to that object, whatever its type.
            (Tag::Link, target) => {
                object.attributes.iter().any(|one| is_link(one.tag) && one.value.as_text() == target.as_text())
            }
            (tag, value) if is_link(tag) && value.as_text().is_some_and(str::is_empty) => object.attributes.has(tag),
            (tag, Value::DateTime(date)) => self.date(object, tag, *date),
            (tag, value) => object.attributes.instances(tag).iter().any(|one| covers(tag, &one.value, value)),
        }
    }

    /// One date is that date; two are the ends of a range.
    fn date(&self, object: &ManagedObject, tag: Tag, asked: Date) -> bool {
        let held = match object.attributes.value(tag) {
            Some(Value::DateTime(held)) => Some(*held),
            _ => None,
        };
        let ends: Vec<Date> = self
            .asked
            .iter()
            .filter(|one| one.tag == tag)
            .filter_map(|one| if let Value::DateTime(end) = one.value { Some(end) } else { None })
            .collect();
        match (&ends[..], held) {
            ([_], held) => held.unwrap_or(UNDEFINED) == asked,
            ([one, other], Some(held)) => held >= *one.min(other) && held <= *one.max(other),
            _ => false,
        }
    }
}

/// Whether a value of an object is what was asked for.
fn covers(tag: Tag, held: &Value, asked: &Value) -> bool {
    match (tag, held, asked) {
        // "A matching candidate object has all of the bits set in its mask that are set in the requested mask."
        (_, Value::Integer(held), Value::Integer(asked)) if tag.mask().is_some() => held & asked == *asked,
        // "Matching candidate objects SHALL have a Usage Limits Count and Usage Limits Total equal to or larger."
        (Tag::UsageLimits, Value::Structure(_), Value::Structure(fields)) => {
            fields.iter().all(|field| match (held.field(field.tag), &field.value) {
                (Some(Value::LongInteger(held)), Value::LongInteger(asked)) => held >= asked,
                (held, asked) => held == Some(asked),
            })
        }
        // "All of the structure fields are not REQUIRED to be specified."
        (_, Value::Structure(held), Value::Structure(fields)) => fields.iter().all(|field| held.contains(field)),
        (_, held, asked) => held == asked,
    }
}
