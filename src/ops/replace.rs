//! What Re-key and Re-key Key Pair share: a key is replaced by a new one that takes over its attributes and its name,
//! and the two are linked (1.4 §4.4 and §4.5, 2.1 §6.1.46 and §6.1.47).

use super::{Cx, Object};
use crate::base::{Date, Error, Result};
use crate::model::lifecycle::{Dates, Lifecycle, is_destroyed};
use crate::model::link::is_link;
use crate::model::values::{AttributeValue, Target};
use crate::model::{Attributes, Refusal, attr, rule};
use crate::registry::{ObjectType, ResultReason, Tag};

/// Attributes that a replacement does not take over, whatever they are (the tables of "Attributes requiring special
/// handling"; links are left out by `is_link`): those of the one key alone, which the server gives anew.
const OWN: &[Tag] = &[
    Tag::UniqueIdentifier,
    Tag::ObjectType,
    Tag::InitialDate,
    Tag::DestroyDate,
    Tag::CompromiseDate,
    Tag::CompromiseOccurrenceDate,
    Tag::RevocationReason,
    Tag::DeactivationReason,
    Tag::State,
    Tag::Digest,
    Tag::LastChangeDate,
    Tag::ArchiveDate,
    Tag::Fresh,
    Tag::KeyFormatType,
    Tag::KeyValuePresent,
    Tag::KeyValueLocation,
    Tag::OriginalCreationDate,
    Tag::RandomNumberGenerator,
    Tag::ShortUniqueIdentifier,
    Tag::AlwaysSensitive,
    Tag::NeverExtractable,
    Tag::ProtectionStorageMask,
    Tag::CertifyCounter,
    Tag::DecryptCounter,
    Tag::EncryptCounter,
    Tag::SignCounter,
    Tag::SignatureVerifyCounter,
    Tag::RotateDate,
    Tag::RotateGeneration,
    Tag::RotateLatest,
];

/// The dates that an Offset computes.
const DATES: [Tag; 4] = [Tag::ActivationDate, Tag::ProcessStartDate, Tag::ProtectStopDate, Tag::DeactivationDate];

/// Whether the object can be replaced: it is of that type, it is here, and it was not replaced before. "As the
/// replacement key takes over the name attribute of the existing key, Re-key SHOULD only be performed once on a given
/// key": a second one would fork the line of keys, and Locate by name would find the branch of whoever came last.
///
/// # Errors
/// Invalid Object Type, Key Value Not Present, Permission Denied; in 1.x "Object specified is not able to be re-keyed" is
/// Permission Denied.
pub fn may_replace(cx: &Cx<'_>, object: &Object, object_type: ObjectType) -> Result<()> {
    let refuse = |reason, words: String| {
        let reason_1x = ResultReason::PermissionDenied;
        Err(Refusal::new(reason, reason_1x, words).into_error(cx.version))
    };
    if object.object_type != object_type {
        let words = format!("this operation replaces a {object_type}, not a {}", object.object_type);
        return refuse(ResultReason::InvalidObjectType, words);
    }
    if is_destroyed(object.state(cx.now)) {
        return refuse(ResultReason::KeyValueNotPresent, "the object is destroyed; its key value is gone".to_owned());
    }
    if object.material.reference.is_none() && cx.resident_key(object).is_none() {
        return Err(Error::new(
            ResultReason::KeyValueNotPresent,
            "the server does not hold the key value of the object",
        ));
    }
    if object.attributes.has(Tag::ReplacementObjectLink) {
        return refuse(
            ResultReason::PermissionDenied,
            "the object was replaced already; its Replacement Object Link says by which".to_owned(),
        );
    }
    Ok(())
}

/// The attributes of the replacement: what the request asks for, then what the existing key has and the table does
/// not keep back. Values of an attribute that may have several are joined.
///
/// # Errors
/// Invalid Message: an Offset beside a date. Illegal Operation (in 2.x Invalid Field): an Offset cannot move the dates of
/// a key that has no Activation Date.
pub fn inherited(cx: &Cx<'_>, old: &Object, asked: Attributes, offset: Option<u32>) -> Result<Attributes> {
    if offset.is_some() && DATES.into_iter().any(|tag| asked.has(tag)) {
        return Err(Error::invalid_message("an Offset and a date contradict each other; send one of them"));
    }
    let mut dates = match offset {
        None => dates_of(&old.attributes),
        Some(offset) => {
            shifted(dates_of(&old.attributes), cx.now, offset).map_err(|refusal| refusal.into_error(cx.version))?
        }
    };
    forget_ineffective(&mut dates, &dates_of(&asked));
    let mut attributes = asked;
    for one in &old.attributes {
        let many = rule(one.tag).is_some_and(|rule| rule.is_many());
        // A Group Link is the Object Group of 3.0, no link of this key alone.
        let own = OWN.contains(&one.tag) || (is_link(one.tag) && one.tag != Tag::GroupLink);
        let given = attributes.has(one.tag) && !many;
        let again = attributes.instances(one.tag).iter().any(|other| other.value == one.value);
        if !own && !given && !again && !DATES.contains(&one.tag) {
            attributes.push(one.tag, one.value.clone());
        }
    }
    let moved = [dates.activation, dates.process_start, dates.protect_stop, dates.deactivation];
    for (tag, date) in DATES.into_iter().zip(moved) {
        if let Some(date) = date.filter(|_| !attributes.has(tag)) {
            attributes.set_value(tag, date.into_value());
        }
    }
    Ok(attributes)
}

fn dates_of(attributes: &Attributes) -> Dates {
    let life = Lifecycle::of(attributes);
    Dates {
        activation: life.activation,
        process_start: life.process_start,
        protect_stop: life.protect_stop,
        deactivation: life.deactivation,
    }
}

/// The dates of the replacement (1.4 table 172, 2.1 table 303): it is activated `offset` seconds after it was made, and
/// the other dates keep their distance from that.
fn shifted(old: Dates, now: Date, offset: u32) -> std::result::Result<Dates, Refusal> {
    let activation = now.plus(offset.into());
    let others = [old.process_start, old.protect_stop, old.deactivation];
    let Some(old_activation) = old.activation else {
        if others.iter().any(Option::is_some) {
            let words = "an Offset cannot move the dates of a key that has no Activation Date";
            return Err(Refusal::new(ResultReason::InvalidField, ResultReason::IllegalOperation, words));
        }
        return Ok(Dates { activation: Some(activation), ..Dates::default() });
    };
    let distance = activation.0.saturating_sub(old_activation.0);
    let move_by = |date: Option<Date>| date.map(|date| date.plus(distance));
    Ok(Dates {
        activation: Some(activation),
        process_start: move_by(old.process_start),
        protect_stop: move_by(old.protect_stop),
        deactivation: move_by(old.deactivation),
    })
}

/// An Activate after the Process Start Date, or a Revoke before the Protect Stop Date, leaves a date that says nothing
/// any more. A new key could not be made with it; so it is not taken over.
fn forget_ineffective(dates: &mut Dates, asked: &Dates) {
    let activation = asked.activation.or(dates.activation);
    let deactivation = asked.deactivation.or(dates.deactivation);
    if dates.process_start.zip(activation).is_some_and(|(start, activation)| start < activation) {
        dates.process_start = None;
    }
    if dates.protect_stop.zip(deactivation).is_some_and(|(stop, deactivation)| stop > deactivation) {
        dates.protect_stop = None;
    }
}

/// Ties the two together: links both ways, the name goes to the replacement, which is the latest of its generation
/// (2.1 §4.49 to §4.52). What else happens to the old key (its state, its dates) is nothing.
pub fn succeed(cx: &Cx<'_>, old: &mut Object, new: &mut Object) {
    let to = |id: &str| Target::Object(id.into()).into_value();
    new.attributes.push(Tag::ReplacedObjectLink, to(&old.id));
    old.attributes.push(Tag::ReplacementObjectLink, to(&new.id));
    old.attributes.remove_all(Tag::Name);
    let generation = old.attributes.get(attr::ROTATE_GENERATION).unwrap_or(0);
    new.attributes.set(attr::ROTATE_GENERATION, generation.saturating_add(1));
    new.attributes.set(attr::ROTATE_LATEST, true);
    old.attributes.set(attr::ROTATE_LATEST, false);
    old.attributes.set(attr::ROTATE_DATE, cx.now);
    if old.attributes.has(Tag::RotateAutomatic) {
        // It goes on with the replacement; `schedule` has nothing more to do here.
        old.attributes.set(attr::ROTATE_AUTOMATIC, false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::Version;

    fn dates(row: [i64; 4]) -> Dates {
        // Zero stands for a date that is not there.
        let [activation, process_start, protect_stop, deactivation] = row.map(|date| (date != 0).then_some(Date(date)));
        Dates { activation, process_start, protect_stop, deactivation }
    }

    /// 1.4 table 172, 2.1 table 303.
    #[test]
    fn an_offset_moves_all_dates_by_the_same() {
        const NOW: Date = Date(10_000);
        #[rustfmt::skip]
        let table = [
            // existing: activation, process start, protect stop, deactivation; offset; replacement
            ([1_000, 0, 0, 0],             0,        Some([10_000, 0, 0, 0])),
            ([1_000, 0, 0, 0],             60,       Some([10_060, 0, 0, 0])),
            ([1_000, 1_100, 1_500, 2_000], 0,        Some([10_000, 10_100, 10_500, 11_000])),
            ([1_000, 1_100, 1_500, 2_000], 86_400,   Some([96_400, 96_500, 96_900, 97_400])),
            // The existing key is to become active later than its replacement.
            ([50_000, 50_001, 0, 60_000],  0,        Some([10_000, 10_001, 0, 20_000])),
            ([1_000, 0, 0, 2_000],         u32::MAX, Some([4_294_977_295, 0, 0, 4_294_978_295])),
            ([0, 0, 0, 0],                 5,        Some([10_005, 0, 0, 0])),
            ([0, 1_100, 0, 0],             5,        None),
            ([0, 0, 1_500, 0],             5,        None),
            ([0, 0, 0, 2_000],             5,        None),
        ];
        for (old, offset, expected) in table {
            match (shifted(dates(old), NOW, offset), expected) {
                (Ok(new), Some(expected)) => assert_eq!(new, dates(expected), "{old:?} + {offset}"),
                (Err(refusal), None) => {
                    assert_eq!(refusal.reason(Version::V1_4), ResultReason::IllegalOperation);
                    assert_eq!(refusal.reason(Version::V2_1), ResultReason::InvalidField);
                }
                (new, expected) => panic!("{old:?} + {offset}: {new:?}, not {expected:?}"),
            }
        }
    }

    #[test]
    fn dates_that_say_nothing_any_more_are_not_taken_over() {
        let table = [
            ([1_000, 900, 0, 0], [0; 4], [1_000, 0, 0, 0]),
            ([1_000, 1_000, 2_000, 2_000], [0; 4], [1_000, 1_000, 2_000, 2_000]),
            ([1_000, 0, 3_000, 2_000], [0; 4], [1_000, 0, 0, 2_000]),
            // The request's own dates count, and are left to be checked.
            ([1_000, 1_500, 0, 0], [1_600, 0, 0, 0], [1_000, 0, 0, 0]),
            ([1_000, 0, 1_500, 0], [0, 0, 0, 1_400], [1_000, 0, 0, 0]),
        ];
        for (old, asked, expected) in table {
            let mut kept = dates(old);
            forget_ineffective(&mut kept, &dates(asked));
            assert_eq!(kept, dates(expected), "{old:?} beside {asked:?}");
        }
    }
}
