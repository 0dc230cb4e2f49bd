//! Who may set, change and delete attributes, and when: the table of `attributes` applied to an object and a client's
//! request. Pure checks: nothing here changes an object. The order is that of the standard's test cases: read-only
//! first, then what exists, then what the state permits, then the value.
//!
//! What needs more than one object is not decided here: unique names, circular links, namespaces.

use super::attributes::{Instances, Rule, SetBy, When, attr, rule};
use super::lifecycle::{Lifecycle, effective_state, reached};
use super::object::ManagedObject;
use super::refusal::Refusal;
use super::set::{Attributes, Family, vendor_and_name};
use super::shape::conforms;
use super::values::{AttributeValue, UsageLimits};
use crate::base::{Date, Value};
use crate::registry::{ObjectType, ResultReason, State, Tag, Version};

/// The vendor whose attributes are the server's: they were custom attributes "y-..." (1.4 §3.39, 2.1 §4.60).
pub const SERVER_VENDOR: &str = "y";

/// The object a client wants to change, as the rules see it.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// Its type.
    pub object_type: ObjectType,
    /// Its attributes.
    pub attributes: &'a Attributes,
    /// Its state at `now`.
    pub state: State,
    /// The time of the request.
    pub now: Date,
    /// The version of the request, for what the table says of versions.
    pub version: Version,
}

impl<'a> Subject<'a> {
    /// The object at this time, asked about in this version.
    pub fn new(object: &'a ManagedObject, now: Date, version: Version) -> Self {
        let state = effective_state(&object.attributes, now);
        Self { object_type: object.object_type, attributes: &object.attributes, state, now, version }
    }
}

/// What a client wants to do: the Result Reasons depend on it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Intent {
    Create,
    Add,
    Set,
    Adjust,
    Modify,
    Delete,
}

/// The Result Reasons of an operation (2.1 §6.1 error tables; 1.4 §11.2, §11.15 to §11.17), each for 2.x and 1.x.
struct Reasons {
    intent: Intent,
    read_only: (ResultReason, ResultReason),
    unsuited: (ResultReason, ResultReason),
    value: (ResultReason, ResultReason),
}

#[rustfmt::skip]
const REASONS: [Reasons; 6] = {
    use ResultReason as R;
    [
        Reasons { intent: Intent::Create, read_only: (R::AttributeReadOnly, R::InvalidField), unsuited: (R::InvalidAttribute,      R::InvalidField),     value: (R::InvalidAttributeValue, R::InvalidField) },
        Reasons { intent: Intent::Add,    read_only: (R::ReadOnlyAttribute, R::PermissionDenied), unsuited: (R::InvalidAttribute,  R::PermissionDenied), value: (R::InvalidField,          R::InvalidField) },
        Reasons { intent: Intent::Set,    read_only: (R::ReadOnlyAttribute, R::PermissionDenied), unsuited: (R::InvalidAttributeValue, R::PermissionDenied), value: (R::InvalidAttributeValue, R::InvalidField) },
        Reasons { intent: Intent::Adjust, read_only: (R::ReadOnlyAttribute, R::PermissionDenied), unsuited: (R::UnsupportedAttribute, R::PermissionDenied), value: (R::InvalidDataType,    R::InvalidField) },
        Reasons { intent: Intent::Modify, read_only: (R::AttributeReadOnly, R::PermissionDenied), unsuited: (R::AttributeNotFound, R::InvalidField),     value: (R::InvalidField,          R::InvalidField) },
        Reasons { intent: Intent::Delete, read_only: (R::AttributeReadOnly, R::PermissionDenied), unsuited: (R::InvalidAttribute,  R::ItemNotFound),     value: (R::InvalidField,          R::InvalidField) },
    ]
};

/// Whether a client may give these attributes to an object that is about to be made: each by itself, single-instance
/// ones once, dates in order.
///
/// # Errors
/// Attribute Read Only, Invalid Attribute, Invalid Attribute Value, Attribute Single Valued; in 1.x Invalid Field.
pub fn may_create(attributes: &Attributes, object_type: ObjectType, version: Version) -> Result<(), Refusal> {
    for attribute in attributes {
        may_set_at_creation(attribute.tag, &attribute.value, object_type, version)?;
        let single = rule(attribute.tag).is_some_and(|rule| rule.instances == Instances::One);
        if single && attributes.instances(attribute.tag).len() > 1 {
            let words = format!("{} may have one value only", attribute.tag);
            return Err(Refusal::new(ResultReason::AttributeSingleValued, ResultReason::InvalidField, words));
        }
    }
    Lifecycle::of(attributes).in_order()
}

/// Whether a client may give this attribute to an object that is about to be made.
///
/// # Errors
/// Attribute Read Only, Invalid Attribute, Invalid Attribute Value; in 1.x Invalid Field.
pub fn may_set_at_creation(
    tag: Tag,
    value: &Value,
    object_type: ObjectType,
    version: Version,
) -> Result<(), Refusal> {
    let intent = Intent::Create;
    let rule = suited(tag, object_type, version, intent)?;
    if rule.set_by == SetBy::Server || is_servers_own(tag, value) {
        return Err(read_only(tag, intent));
    }
    fits(tag, value, intent)
}

/// Add Attribute: a new instance.
///
/// # Errors
/// Read Only Attribute, Invalid Attribute (1.x Permission Denied), Attribute Single Valued (1.x Illegal Operation),
/// Wrong Key Lifecycle State (1.x Permission Denied), Invalid Field.
pub fn may_add(subject: &Subject<'_>, tag: Tag, value: &Value) -> Result<(), Refusal> {
    first_value(subject, tag, value, Intent::Add)
}

/// Set Attribute (2.0): the one instance, there already or not.
///
/// # Errors
/// Read Only Attribute, Multi Valued Attribute, Wrong Key Lifecycle State, Invalid Attribute Value.
pub fn may_set(subject: &Subject<'_>, tag: Tag, value: &Value) -> Result<(), Refusal> {
    the_one_value(subject, tag, value, Intent::Set)
}

/// Adjust Attribute (2.0), with the value as it would be after the adjustment.
///
/// # Errors
/// Read Only Attribute, Multi Valued Attribute, Unsupported Attribute, Wrong Key Lifecycle State, Invalid Data Type.
pub fn may_adjust(subject: &Subject<'_>, tag: Tag, value: &Value) -> Result<(), Refusal> {
    the_one_value(subject, tag, value, Intent::Adjust)
}

/// Modify Attribute: an instance gets a new value.
///
/// # Errors
/// Attribute Read Only (1.x Permission Denied), Attribute Not Found (1.x Invalid Field), Attribute Instance Not Found
/// (1.x Item Not Found), Wrong Key Lifecycle State (1.x Permission Denied), Invalid Field.
pub fn may_modify(subject: &Subject<'_>, family: Family<'_>, index: u32, value: &Value) -> Result<(), Refusal> {
    let intent = Intent::Modify;
    let rule = family.rule().ok_or_else(|| unsuited(family_tag(family), intent))?;
    if rule.client == When::Never || is_servers_own(rule.tag, value) {
        return Err(read_only(rule.tag, intent));
    }
    let old = existing(subject, family, Some(index), (ResultReason::AttributeNotFound, ResultReason::InvalidField))?;
    let (tag, old) = old.map_or((rule.tag, None), |attribute| (attribute.tag, Some(&attribute.value)));
    permitted(rule.client, subject, tag, old, Some(value), intent)?;
    fits(tag, value, intent)?;
    consistent(subject, tag, value, intent)
}

/// Delete Attribute: the instance with the index, or with no index all of the family.
///
/// # Errors
/// Attribute Read Only (1.x Permission Denied), Attribute Not Found and Attribute Instance Not Found (1.x Item Not
/// Found).
pub fn may_delete(subject: &Subject<'_>, family: Family<'_>, index: Option<u32>) -> Result<(), Refusal> {
    let intent = Intent::Delete;
    let rule = family.rule().ok_or_else(|| unsuited(family_tag(family), intent))?;
    if rule.delete == When::Never || matches!(family, Family::Vendor(SERVER_VENDOR, _)) {
        return Err(read_only(rule.tag, intent));
    }
    let old = existing(subject, family, index, (ResultReason::AttributeNotFound, ResultReason::ItemNotFound))?;
    permitted(rule.delete, subject, rule.tag, old.map(|attribute| &attribute.value), None, intent)
}

fn the_one_value(subject: &Subject<'_>, tag: Tag, value: &Value, intent: Intent) -> Result<(), Refusal> {
    let family = Family::of(tag, value);
    let mut instances = subject.attributes.family(family);
    let Some(old) = instances.next() else { return first_value(subject, tag, value, intent) };
    let rule = suited(tag, subject.object_type, subject.version, intent)?;
    if rule.client == When::Never || is_servers_own(tag, value) {
        return Err(read_only(tag, intent));
    }
    if instances.next().is_some() {
        let words = format!("{tag} has several values");
        return Err(Refusal::same(ResultReason::MultiValuedAttribute, words));
    }
    permitted(rule.client, subject, tag, Some(&old.value), Some(value), intent)?;
    fits(tag, value, intent)?;
    consistent(subject, tag, value, intent)
}

fn first_value(subject: &Subject<'_>, tag: Tag, value: &Value, intent: Intent) -> Result<(), Refusal> {
    let rule = suited(tag, subject.object_type, subject.version, intent)?;
    if matches!(rule.set_by, SetBy::Server | SetBy::Asked) || is_servers_own(tag, value) {
        return Err(read_only(tag, intent));
    }
    if rule.instances == Instances::One && subject.attributes.has(tag) {
        let words = format!("{tag} may have one value only");
        return Err(Refusal::new(ResultReason::AttributeSingleValued, ResultReason::IllegalOperation, words));
    }
    // What may never be changed may still get its first value; what depends on the state depends on it now too.
    if rule.client != When::Never {
        permitted(rule.client, subject, tag, None, Some(value), intent)?;
    }
    fits(tag, value, intent)?;
    consistent(subject, tag, value, intent)
}

/// Whether `when` is now, for an instance that has the value `old` and would have `new` (`None`: be deleted).
fn permitted(
    when: When,
    subject: &Subject<'_>,
    tag: Tag,
    old: Option<&Value>,
    new: Option<&Value>,
    intent: Intent,
) -> Result<(), Refusal> {
    let pre_active = subject.state == State::PreActive;
    let up_to_active = pre_active || subject.state == State::Active;
    let old_is = |flag| old == Some(&Value::Boolean(flag));
    let new_is = |flag| new == Some(&Value::Boolean(flag));
    let (ok, by_state) = match when {
        When::Never => (false, false),
        When::Always | When::IfOmitted => (true, false),
        When::PreActive => (pre_active, true),
        When::UpToActive => (up_to_active, true),
        When::UntilReached => (up_to_active && !reached(old.and_then(Date::from_value), subject.now), true),
        When::UntilUsed => (!old.and_then(UsageLimits::from_value).is_some_and(|limits| limits.is_used()), false),
        When::OnlyToTrue => (!(old_is(true) && new_is(false)), false),
        When::OnlyToFalse => (!(old_is(false) && new_is(true)), false),
        When::ByOwner => (!old.is_some_and(|value| is_servers_own(tag, value)), false),
    };
    match (ok, by_state) {
        (true, _) => Ok(()),
        (false, true) => Err(Refusal::wrong_state(format!("the state of the object does not let {tag} change"))),
        (false, false) => Err(read_only(tag, intent)),
    }
}

/// Whether the new value goes with the rest of the object: dates keep their order, and the count of Usage Limits is
/// not for clients (1.4 §3.21). A count that says nothing new is let through: 1.x requires the field.
fn consistent(subject: &Subject<'_>, tag: Tag, value: &Value, intent: Intent) -> Result<(), Refusal> {
    if tag == Tag::UsageLimits {
        let old = subject.attributes.get(attr::USAGE_LIMITS);
        let new = UsageLimits::from_value(value);
        let touched = new.is_some_and(|new| {
            new.count.is_some_and(|count| count != new.total && Some(count) != old.map(|old| old.remaining()))
        });
        return if touched { Err(read_only(Tag::UsageLimitsCount, intent)) } else { Ok(()) };
    }
    let mut life = Lifecycle::of(subject.attributes);
    let date = match tag {
        Tag::ActivationDate => &mut life.activation,
        Tag::ProcessStartDate => &mut life.process_start,
        Tag::ProtectStopDate => &mut life.protect_stop,
        Tag::DeactivationDate => &mut life.deactivation,
        _ => return Ok(()),
    };
    *date = Date::from_value(value);
    life.in_order()
}

/// Whether the version has the attribute and the object may.
fn suited(tag: Tag, object_type: ObjectType, version: Version, intent: Intent) -> Result<&'static Rule, Refusal> {
    rule(tag)
        .filter(|rule| rule.known_in(version) && rule.applies_to(object_type, version))
        .ok_or_else(|| unsuited(tag, intent))
}

/// Whether the value has the form of the attribute, and a number that means something.
fn fits(tag: Tag, value: &Value, intent: Intent) -> Result<(), Refusal> {
    let wrong = |words: String| {
        let (reason, reason_1x) = reasons(intent).value;
        Refusal::new(reason, reason_1x, words)
    };
    conforms(tag, value).map_err(|misfit| wrong(misfit.to_string()))?;
    match UsageLimits::from_value(value) {
        Some(limits) if tag == Tag::UsageLimits && limits.total < 0 => {
            Err(wrong("Usage Limits Total cannot be negative".to_owned()))
        }
        _ => Ok(()),
    }
}

/// The instance that is pointed at, or the first one if none is.
fn existing<'a>(
    subject: &Subject<'a>,
    family: Family<'a>,
    index: Option<u32>,
    (reason, reason_1x): (ResultReason, ResultReason),
) -> Result<Option<&'a super::set::Attribute>, Refusal> {
    let attributes = subject.attributes;
    let first = attributes.family(family).next();
    if first.is_none() {
        return Err(Refusal::new(reason, reason_1x, "the object does not have the attribute"));
    }
    match index {
        None => Ok(first),
        Some(index) => attributes.find(family, index).map(Some).ok_or_else(|| {
            let words = "the object does not have that instance of the attribute";
            Refusal::new(ResultReason::AttributeInstanceNotFound, ResultReason::ItemNotFound, words)
        }),
    }
}

fn is_servers_own(tag: Tag, value: &Value) -> bool {
    tag == Tag::Attribute && vendor_and_name(value).is_some_and(|(vendor, _)| vendor == SERVER_VENDOR)
}

fn family_tag(family: Family<'_>) -> Tag {
    match family {
        Family::Tag(tag) => tag,
        Family::Link => Tag::Link,
        Family::Vendor(..) => Tag::Attribute,
    }
}

fn reasons(intent: Intent) -> &'static Reasons {
    let [create, ..] = &REASONS;
    REASONS.iter().find(|row| row.intent == intent).unwrap_or(create)
}

fn read_only(tag: Tag, intent: Intent) -> Refusal {
    let (reason, reason_1x) = reasons(intent).read_only;
    Refusal::new(reason, reason_1x, format!("{tag} cannot be changed so by a client"))
}

fn unsuited(tag: Tag, intent: Intent) -> Refusal {
    let (reason, reason_1x) = reasons(intent).unsuited;
    Refusal::new(reason, reason_1x, format!("the object cannot have the attribute {tag}"))
}
