//! Who may set, change and delete attributes, and when: the table of `attributes` applied to an object and a client's
//! request. Pure checks: nothing here changes an object. The order is that of the standard's test cases: read-only
//! first, then what exists, then what the state permits, then the value.
//!
//! What needs more than one object is not decided here: unique names, circular links, namespaces.

use super::attributes::{Instances, Rule, SetBy, When, attr, rule};
use super::lifecycle::{Lifecycle, effective_state, reached};
use super::object::ManagedObject;
use super::refusal::Refusal;
use super::set::{Attribute, Attributes, Family, vendor_and_name};
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

/// The Result Reasons of an operation, each for 2.x and for 1.x.
struct Reasons {
    read_only: (ResultReason, ResultReason),
    unsuited: (ResultReason, ResultReason),
    value: (ResultReason, ResultReason),
}

/// The error tables of 2.1 §6.1 and of 1.4 §11.2, §11.15 to §11.17. They call the same thing Attribute Read Only in
/// some operations and Read Only Attribute in others.
const fn reasons(intent: Intent) -> Reasons {
    use ResultReason as R;
    match intent {
        Intent::Create => Reasons {
            read_only: (R::AttributeReadOnly, R::InvalidField),
            unsuited: (R::InvalidAttribute, R::InvalidField),
            value: (R::InvalidAttributeValue, R::InvalidField),
        },
        Intent::Add => Reasons {
            read_only: (R::ReadOnlyAttribute, R::PermissionDenied),
            unsuited: (R::InvalidAttribute, R::PermissionDenied),
            value: (R::InvalidField, R::InvalidField),
        },
        Intent::Set => Reasons {
            read_only: (R::ReadOnlyAttribute, R::PermissionDenied),
            unsuited: (R::InvalidAttributeValue, R::PermissionDenied),
            value: (R::InvalidAttributeValue, R::InvalidField),
        },
        Intent::Adjust => Reasons {
            read_only: (R::ReadOnlyAttribute, R::PermissionDenied),
            unsuited: (R::UnsupportedAttribute, R::PermissionDenied),
            value: (R::InvalidDataType, R::InvalidField),
        },
        Intent::Modify => Reasons {
            read_only: (R::AttributeReadOnly, R::PermissionDenied),
            unsuited: (R::AttributeNotFound, R::InvalidField),
            value: (R::InvalidField, R::InvalidField),
        },
        Intent::Delete => Reasons {
            read_only: (R::AttributeReadOnly, R::PermissionDenied),
            unsuited: (R::InvalidAttribute, R::ItemNotFound),
            value: (R::InvalidField, R::InvalidField),
        },
    }
}

/// Whether a client may give these attributes to an object that is about to be made: each by itself, single-instance
/// ones once, dates in order.
///
/// # Errors
/// Attribute Read Only, Invalid Attribute, Invalid Attribute Value, Attribute Single Valued; in 1.x Invalid Field.
pub fn may_create(attributes: &Attributes, object_type: ObjectType, version: Version) -> Result<(), Refusal> {
    for attribute in attributes {
        may_set_at_creation(attribute.tag, &attribute.value, object_type, version)?;
        rule(attribute.tag).map_or(Ok(()), |rule| single(rule, attributes))?;
    }
    Lifecycle::of(attributes).in_order()
}

/// Whether an imported object may have these attributes: "the attribute rules … for 'Initially set by' and 'When
/// implicitly set' SHALL NOT be enforced" (2.1 §6.1.25); form, object type and number of values are.
///
/// # Errors
/// Invalid Attribute, Invalid Attribute Value, Attribute Single Valued; in 1.x Invalid Field.
pub fn may_import(attributes: &Attributes, object_type: ObjectType, version: Version) -> Result<(), Refusal> {
    for attribute in attributes {
        let rule = suited(attribute.tag, object_type, version, Intent::Create)?;
        fits(attribute.tag, &attribute.value, Intent::Create)?;
        single(rule, attributes)?;
    }
    Ok(())
}

fn single(rule: &Rule, attributes: &Attributes) -> Result<(), Refusal> {
    if rule.is_many() || attributes.instances(rule.tag).len() <= 1 {
        return Ok(());
    }
    let words = format!("{} may have one value only", rule.tag);
    Err(Refusal::new(ResultReason::AttributeSingleValued, ResultReason::InvalidField, words))
}

/// Whether a client may give this attribute to an object that is about to be made.
///
/// # Errors
/// Attribute Read Only, Invalid Attribute, Invalid Attribute Value; in 1.x Invalid Field.
pub fn may_set_at_creation(tag: Tag, value: &Value, object_type: ObjectType, version: Version) -> Result<(), Refusal> {
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
    permitted(rule.client, subject, old.tag, Some(&old.value), Some(value), intent)?;
    fits(old.tag, value, intent)?;
    consistent(subject, old.tag, value, intent)
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
    permitted(rule.delete, subject, old.tag, Some(&old.value), None, intent)
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
    let before = Lifecycle::of(subject.attributes);
    let mut life = before;
    let date = match tag {
        Tag::ActivationDate => &mut life.activation,
        Tag::ProcessStartDate => &mut life.process_start,
        Tag::ProtectStopDate => &mut life.protect_stop,
        Tag::DeactivationDate => &mut life.deactivation,
        _ => return Ok(()),
    };
    *date = Date::from_value(value);
    life.keeps_order(&before).map_err(|refusal| wrong_value(refusal.words().to_owned(), intent))
}

/// Whether the version has the attribute and the object may.
fn suited(tag: Tag, object_type: ObjectType, version: Version, intent: Intent) -> Result<&'static Rule, Refusal> {
    rule(tag)
        .filter(|rule| rule.known_in(version) && rule.applies_to(object_type, version))
        .ok_or_else(|| unsuited(tag, intent))
}

/// Whether the value has the form of the attribute, and a number that means something.
fn fits(tag: Tag, value: &Value, intent: Intent) -> Result<(), Refusal> {
    conforms(tag, value).map_err(|misfit| wrong_value(misfit.to_string(), intent))?;
    match UsageLimits::from_value(value) {
        Some(limits) if tag == Tag::UsageLimits && limits.total < 0 => {
            Err(wrong_value("Usage Limits Total cannot be negative".to_owned(), intent))
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
) -> Result<&'a Attribute, Refusal> {
    let attributes = subject.attributes;
    let first = attributes
        .family(family)
        .next()
        .ok_or_else(|| Refusal::new(reason, reason_1x, "the object does not have the attribute"))?;
    let Some(index) = index else { return Ok(first) };
    attributes.find(family, index).ok_or_else(|| {
        let words = "the object does not have that instance of the attribute";
        Refusal::new(ResultReason::AttributeInstanceNotFound, ResultReason::ItemNotFound, words)
    })
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

fn wrong_value(words: String, intent: Intent) -> Refusal {
    let (reason, reason_1x) = reasons(intent).value;
    Refusal::new(reason, reason_1x, words)
}

fn read_only(tag: Tag, intent: Intent) -> Refusal {
    let (reason, reason_1x) = reasons(intent).read_only;
    Refusal::new(reason, reason_1x, format!("{tag} cannot be changed so by a client"))
}

fn unsuited(tag: Tag, intent: Intent) -> Refusal {
    let (reason, reason_1x) = reasons(intent).unsuited;
    Refusal::new(reason, reason_1x, format!("the object cannot have the attribute {tag}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::values::{Name, Target, VendorAttribute};
    use crate::registry::{CryptographicUsageMask, NameType, ResultReason as R, UsageLimitsUnit};

    const NOW: Date = Date(1_000);

    fn name(text: &str) -> Value {
        Name { value: text.into(), name_type: NameType::UninterpretedTextString }.into_value()
    }

    fn vendor(vendor: &str) -> Value {
        VendorAttribute { vendor: vendor.into(), name: "n".into(), value: Value::Integer(1) }.into_value()
    }

    fn limits(total: i64, count: Option<i64>) -> Value {
        UsageLimits { total, count, unit: UsageLimitsUnit::Byte }.into_value()
    }

    #[test]
    fn an_import_may_bring_what_is_the_servers() {
        let may = |set: &[(Tag, Value)], version| {
            let mut attributes = Attributes::new();
            set.iter().for_each(|(tag, value)| _ = attributes.push(*tag, value.clone()));
            may_import(&attributes, ObjectType::SymmetricKey, version).map_err(|refusal| refusal.reason(version))
        };
        let (v14, v21) = (Version::V1_4, Version::V2_1);
        let state = (Tag::State, State::Active.into_value());
        let date = (Tag::ActivationDate, Value::DateTime(NOW));
        assert_eq!(may(&[state.clone(), (Tag::Attribute, vendor("y")), date.clone()], v21), Ok(()));
        assert_eq!(may(&[date.clone(), date.clone()], v21), Err(R::AttributeSingleValued));
        assert_eq!(may(&[date.clone(), date], v14), Err(R::InvalidField));
        assert_eq!(may(&[(Tag::CertificateLength, Value::Integer(1))], v21), Err(R::InvalidAttribute));
        assert_eq!(may(&[(Tag::State, Value::Boolean(true))], v21), Err(R::InvalidAttributeValue));
    }

    /// An object with one of everything the tests touch.
    fn object(state: State) -> Attributes {
        let mut attributes = Attributes::new();
        attributes.set(attr::STATE, state);
        attributes.set(attr::OBJECT_TYPE, ObjectType::SymmetricKey);
        attributes.set(attr::ACTIVATION_DATE, Date(500));
        attributes.set(attr::PROCESS_START_DATE, Date(900));
        attributes.set(attr::PROTECT_STOP_DATE, Date(2_000));
        attributes.set(attr::CRYPTOGRAPHIC_LENGTH, 256);
        attributes.set(attr::CRYPTOGRAPHIC_USAGE_MASK, CryptographicUsageMask::Encrypt);
        attributes.set(attr::DESCRIPTION, "d".into());
        attributes.set(attr::SENSITIVE, true);
        attributes.set(attr::EXTRACTABLE, false);
        attributes.push(Tag::Name, name("a"));
        attributes.push(Tag::Name, name("b"));
        attributes.push(Tag::Attribute, vendor("x"));
        attributes.push(Tag::Attribute, vendor("y"));
        attributes.push(Tag::NextLink, Target::Object("z".into()).into_value());
        attributes.push(Tag::UsageLimits, limits(100, Some(40)));
        attributes
    }

    fn subject(attributes: &Attributes, version: Version) -> Subject<'_> {
        let state = attributes.get(attr::STATE).unwrap();
        Subject { object_type: ObjectType::SymmetricKey, attributes, state, now: NOW, version }
    }

    /// The reason in 2.1 and in 1.4, or `None` twice.
    fn answers(check: impl Fn(Version) -> Result<(), Refusal>) -> Option<(R, R)> {
        let reason = |version| check(version).err().map(|refusal| refusal.reason(version));
        reason(Version::V2_1).zip(reason(Version::V1_4))
    }

    #[test]
    fn modify() {
        let attributes = object(State::Active);
        let denied = Some((R::AttributeReadOnly, R::PermissionDenied));
        let state = Some((R::WrongKeyLifecycleState, R::PermissionDenied));
        let value = Some((R::InvalidField, R::InvalidField));
        let date = |seconds| Value::DateTime(Date(seconds));
        let table = [
            // BL-M-7, BL-M-10: read-only.
            (Family::Tag(Tag::State), 0, Value::Enumeration(4), denied),
            (Family::Tag(Tag::CertificateLength), 0, Value::Integer(123), denied),
            (Family::Tag(Tag::CryptographicLength), 0, Value::Integer(128), denied),
            (Family::Tag(Tag::CryptographicUsageMask), 0, Value::Integer(8), denied),
            // AKLC-M-3: the object is Active.
            (Family::Tag(Tag::ActivationDate), 0, date(1_000), state),
            (Family::Tag(Tag::ProcessStartDate), 0, date(3_000), state),
            (Family::Tag(Tag::ProtectStopDate), 0, date(3_000), None),
            (Family::Tag(Tag::DeactivationDate), 0, date(3_000), Some((R::AttributeNotFound, R::InvalidField))),
            (Family::Tag(Tag::Description), 0, Value::text("e"), None),
            (Family::Tag(Tag::Description), 0, Value::Integer(1), value),
            (Family::Tag(Tag::Comment), 0, Value::text("e"), Some((R::AttributeNotFound, R::InvalidField))),
            (Family::Tag(Tag::Name), 1, name("c"), None),
            (Family::Tag(Tag::Name), 2, name("c"), Some((R::AttributeInstanceNotFound, R::ItemNotFound))),
            (Family::Tag(Tag::Sensitive), 0, Value::Boolean(false), denied),
            (Family::Tag(Tag::Sensitive), 0, Value::Boolean(true), None),
            (Family::Tag(Tag::Extractable), 0, Value::Boolean(true), denied),
            (Family::Tag(Tag::Extractable), 0, Value::Boolean(false), None),
            (Family::Tag(Tag::UsageLimits), 0, limits(200, None), denied),
            (Family::Vendor("x", "n"), 0, vendor("x"), None),
            (Family::Vendor("y", "n"), 0, vendor("y"), denied),
            (Family::Link, 0, Value::Reference("q".into()), None),
            (Family::Tag(Tag::KeyBlock), 0, Value::Integer(0), Some((R::AttributeNotFound, R::InvalidField))),
        ];
        for (family, index, new, expected) in table {
            let found = answers(|version| may_modify(&subject(&attributes, version), family, index, &new));
            assert_eq!(found, expected, "{family:?} {new:?}");
        }
    }

    #[test]
    fn dates_follow_the_state() {
        let date = Value::DateTime(Date(3_000));
        //                                  Pre-Active  Active  Deactivated
        let table = [
            (Tag::ActivationDate, [false, false, false]), // later than Process Start Date
            (Tag::DeactivationDate, [true, true, false]),
            (Tag::ProtectStopDate, [true, true, false]),
            (Tag::ProcessStartDate, [false, false, false]), // reached
        ];
        for (tag, row) in table {
            for (state, expected) in [State::PreActive, State::Active, State::Deactivated].into_iter().zip(row) {
                let attributes = object(state);
                let found = may_set(&subject(&attributes, Version::V2_1), tag, &date);
                assert_eq!(found.is_ok(), expected, "{tag:?} in {state}: {found:?}");
            }
        }
        let early = object(State::PreActive);
        let modify = |seconds| {
            let value = Value::DateTime(Date(seconds));
            may_modify(&subject(&early, Version::V1_4), Tag::ActivationDate.into(), 0, &value)
        };
        assert!(modify(900).is_ok() && modify(901).is_err());
    }

    #[test]
    fn add() {
        let attributes = object(State::Active);
        let denied = Some((R::ReadOnlyAttribute, R::PermissionDenied));
        let single = Some((R::AttributeSingleValued, R::IllegalOperation));
        let table = [
            // BL-M-5.
            (Tag::Description, Value::text("e"), single),
            (Tag::Comment, Value::text("e"), None),
            (Tag::Name, name("c"), None),
            (Tag::Name, Value::text("c"), Some((R::InvalidField, R::InvalidField))),
            (Tag::State, Value::Enumeration(1), denied),
            (Tag::Digest, Value::Structure(vec![]), denied),
            (Tag::CryptographicLength, Value::Integer(1), denied),
            (Tag::CryptographicUsageMask, Value::Integer(1), single),
            (Tag::DeactivationDate, Value::DateTime(Date(3_000)), None),
            (Tag::DeactivationDate, Value::DateTime(Date(10)), Some((R::InvalidField, R::InvalidField))),
            (Tag::Attribute, vendor("x"), None),
            (Tag::Attribute, vendor("y"), denied),
            (Tag::PreviousLink, Value::Reference("z".into()), None),
            (Tag::CertificateLength, Value::Integer(1), Some((R::InvalidAttribute, R::PermissionDenied))),
            (Tag::KeyBlock, Value::Integer(1), Some((R::InvalidAttribute, R::PermissionDenied))),
        ];
        for (tag, value, expected) in table {
            let found = answers(|version| may_add(&subject(&attributes, version), tag, &value));
            assert_eq!(found, expected, "{tag:?} {value:?}");
        }
        let bare = Attributes::new();
        let unlimited = Subject { attributes: &bare, ..subject(&attributes, Version::V2_1) };
        let count = |count| may_add(&unlimited, Tag::UsageLimits, &limits(10, count)).is_ok();
        assert!(count(None) && count(Some(10)) && !count(Some(5)));
        assert!(may_add(&unlimited, Tag::UsageLimits, &limits(-1, None)).is_err());
    }

    #[test]
    fn set_and_adjust() {
        let attributes = object(State::Active);
        let table = [
            (Tag::Description, Value::text("e"), None, None),
            (Tag::Comment, Value::text("e"), None, None),
            (Tag::Name, name("c"), Some(R::MultiValuedAttribute), Some(R::MultiValuedAttribute)),
            (Tag::State, Value::Enumeration(1), Some(R::ReadOnlyAttribute), Some(R::ReadOnlyAttribute)),
            (Tag::Description, Value::Integer(1), Some(R::InvalidAttributeValue), Some(R::InvalidDataType)),
            (Tag::KeyBlock, Value::Integer(1), Some(R::InvalidAttributeValue), Some(R::UnsupportedAttribute)),
        ];
        let subject = subject(&attributes, Version::V2_1);
        let reason = |answer: Result<(), Refusal>| answer.err().map(|refusal| refusal.reason(Version::V2_1));
        for (tag, value, set, adjust) in table {
            assert_eq!(reason(may_set(&subject, tag, &value)), set, "{tag:?}");
            assert_eq!(reason(may_adjust(&subject, tag, &value)), adjust, "{tag:?}");
        }
    }

    #[test]
    fn delete() {
        let attributes = object(State::Active);
        let denied = Some((R::AttributeReadOnly, R::PermissionDenied));
        let absent = Some((R::AttributeNotFound, R::ItemNotFound));
        let table = [
            (Family::Tag(Tag::State), None, denied),
            (Family::Tag(Tag::ActivationDate), Some(0), denied),
            (Family::Tag(Tag::UsageLimits), Some(0), denied),
            (Family::Tag(Tag::Description), Some(0), None),
            (Family::Tag(Tag::Comment), None, absent),
            (Family::Tag(Tag::Name), None, None),
            (Family::Tag(Tag::Name), Some(1), None),
            (Family::Tag(Tag::Name), Some(7), Some((R::AttributeInstanceNotFound, R::ItemNotFound))),
            (Family::Vendor("x", "n"), None, None),
            (Family::Vendor("x", "other"), None, absent),
            (Family::Vendor("y", "n"), None, denied),
            (Family::Link, Some(0), None),
            (Family::Tag(Tag::KeyBlock), None, Some((R::InvalidAttribute, R::ItemNotFound))),
        ];
        for (family, index, expected) in table {
            let found = answers(|version| may_delete(&subject(&attributes, version), family, index));
            assert_eq!(found, expected, "{family:?} {index:?}");
        }
    }

    #[test]
    fn create() {
        let (v14, v21) = (Version::V1_4, Version::V2_1);
        let table = [
            (Tag::CryptographicLength, Value::Integer(256), ObjectType::SymmetricKey, v14, None),
            (Tag::CryptographicUsageMask, Value::Integer(4), ObjectType::OpaqueObject, v21, None),
            (Tag::CryptographicUsageMask, Value::Integer(4), ObjectType::OpaqueObject, v14, Some(R::InvalidField)),
            (Tag::CertificateType, Value::Enumeration(1), ObjectType::Certificate, v21, None),
            (Tag::State, Value::Enumeration(1), ObjectType::SymmetricKey, v21, Some(R::AttributeReadOnly)),
            (Tag::State, Value::Enumeration(1), ObjectType::SymmetricKey, v14, Some(R::InvalidField)),
            (Tag::Sensitive, Value::Boolean(true), ObjectType::PublicKey, v21, None),
            (Tag::CryptographicLength, Value::text("a"), ObjectType::SymmetricKey, v21, Some(R::InvalidAttributeValue)),
            (Tag::Description, Value::text("a"), ObjectType::SymmetricKey, Version::V1_3, Some(R::InvalidField)),
            (Tag::KeyFormatType, Value::Enumeration(1), ObjectType::SymmetricKey, v21, None),
            (Tag::CredentialLink, Value::Reference("c".into()), ObjectType::User, Version::V3_0, None),
            (Tag::Attribute, vendor("y"), ObjectType::SymmetricKey, v21, Some(R::AttributeReadOnly)),
        ];
        for (tag, value, object_type, version, expected) in table {
            let found = may_set_at_creation(tag, &value, object_type, version);
            assert_eq!(found.err().map(|refusal| refusal.reason(version)), expected, "{tag:?} {version}");
        }
        let mut twice = Attributes::new();
        twice.push(Tag::Comment, Value::text("a"));
        assert!(may_create(&twice, ObjectType::SymmetricKey, v21).is_ok());
        twice.push(Tag::Comment, Value::text("b"));
        let refusal = may_create(&twice, ObjectType::SymmetricKey, v21).unwrap_err();
        assert_eq!(refusal.reason(v21), R::AttributeSingleValued);
    }
}
