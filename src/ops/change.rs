//! What the attribute operations share: an attribute gets its value, and what follows from it happens too.

use super::{Cx, Object};
use crate::base::{Error, Result, Value};
use crate::model::lifecycle::{Dates, Event};
use crate::model::rules::Subject;
use crate::model::set::Family;
use crate::model::usage::Exposure;
use crate::model::values::{AttributeValue, UsageLimits};
use crate::model::{Attribute, Refusal, attr};
use crate::proto::attributes::{AnswerAttributes, NewAttribute};
use crate::proto::id::Id;
use crate::proto::wire::structure;
use crate::registry::{ResultReason, Tag, Version};

structure! {
    /// The object; in 1.x the attribute too, as it is now (1.4 §4.14).
    pub struct Response writes {
        req UniqueIdentifier => id: Id;
        opt Attribute => attribute: AnswerAttributes;
    }
}

impl Response {
    /// The answer for this version.
    pub fn new(id: Id, attribute: Option<Attribute>, version: Version) -> Self {
        let attribute = attribute.filter(|_| version.is_1x()).map(|one| AnswerAttributes(vec![one]));
        Self { id, attribute }
    }
}

/// The object as the rules see it.
pub fn subject<'a>(object: &'a Object, cx: &Cx<'_>) -> Subject<'a> {
    Subject::new(object, cx.now, cx.version)
}

/// A refusal of the rules as the client's version knows it.
pub fn refuse(cx: &Cx<'_>) -> impl Fn(Refusal) -> Error {
    let version = cx.version;
    move |refusal| refusal.into_error(version)
}

/// Adds an instance and does what follows from it.
pub fn add(cx: &Cx<'_>, object: &mut Object, new: NewAttribute) -> Result<Attribute> {
    super::fresh::supply_namespaces(
        &[Attribute { tag: new.tag, index: 0, value: new.value.clone() }].into_iter().collect(),
    )?;
    if let Some(done) = effect(cx, object, new.tag, &new.value)? {
        return Ok(done);
    }
    let index = object.attributes.push(new.tag, new.value.clone());
    Ok(Attribute { tag: new.tag, index, value: new.value })
}

/// Gives an instance a new value and does what follows from it.
pub fn replace(cx: &Cx<'_>, object: &mut Object, current: &Attribute, new: NewAttribute) -> Result<Attribute> {
    if let Some(done) = effect(cx, object, new.tag, &new.value)? {
        return Ok(done);
    }
    let changed = Attribute { tag: new.tag, index: current.index, value: new.value };
    if current.tag == new.tag {
        object.attributes.replace(current.family(), current.index, changed.value.clone());
    } else {
        // A 1.x client gave a Link another Link Type: it is another attribute inside, with the same index.
        object.attributes.remove(Family::Tag(current.tag), current.index);
        object.attributes.insert(changed.clone());
    }
    Ok(changed)
}

/// Attributes whose new value changes more than themselves. None for the others.
fn effect(cx: &Cx<'_>, object: &mut Object, tag: Tag, value: &Value) -> Result<Option<Attribute>> {
    let date = || crate::base::Date::from_value(value);
    let dates = match tag {
        Tag::ActivationDate => Some(Dates { activation: date(), ..Dates::default() }),
        Tag::ProcessStartDate => Some(Dates { process_start: date(), ..Dates::default() }),
        Tag::ProtectStopDate => Some(Dates { protect_stop: date(), ..Dates::default() }),
        Tag::DeactivationDate => Some(Dates { deactivation: date(), ..Dates::default() }),
        _ => None,
    };
    if let Some(dates) = dates {
        // The Activation Date in the past makes the object Active at once (2.1 §4.57, transition 4).
        cx.apply(object, Event::ModifyDates(dates))?;
        return Ok(object.attributes.find(tag, 0).cloned());
    }
    let flag = bool::from_value(value);
    match (tag, flag) {
        (Tag::Sensitive, Some(sensitive)) => {
            Exposure::of(&object.attributes).with_sensitive(sensitive).store(&mut object.attributes);
        }
        (Tag::Extractable, Some(extractable)) => {
            Exposure::of(&object.attributes).with_extractable(extractable).store(&mut object.attributes);
        }
        (Tag::UsageLimits, _) => {
            let limits = UsageLimits::from_value(value)
                .ok_or_else(|| Error::new(ResultReason::InvalidAttributeValue, "Usage Limits cannot be read"))?;
            object.attributes.set(attr::USAGE_LIMITS, limits.fresh());
        }
        _ => return Ok(None),
    }
    Ok(object.attributes.find(tag, 0).cloned())
}

/// The one instance of a family that an operation without an index means; several are an error.
pub fn only<'a>(object: &'a Object, family: Family<'a>, many: ResultReason) -> Result<Option<&'a Attribute>> {
    let mut instances = object.attributes.family(family);
    let first = instances.next();
    if instances.next().is_some() {
        return Err(Error::new(many, "the attribute has several values; say which one"));
    }
    Ok(first)
}
