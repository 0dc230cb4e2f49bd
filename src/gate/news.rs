//! What a client that took the server role is told of a change: Notify with the attributes that changed, or Put with
//! a new object (2.1 §6.2.2, §6.2.3; 1.4 §5.1, §5.2).

use super::outbox::{News, Outboxes};
use crate::base::{Buffer, Date, Result};
use crate::keep::{Keep, Kept, Transaction};
use crate::model::right::{Caller, ExportPermit, Policy, Release};
use crate::model::values::Target;
use crate::model::{Attribute, ManagedObject, attr};
use crate::proto::attributes::{AnswerAttributes, OwnedSelector};
use crate::proto::id::Id;
use crate::proto::message::request;
use crate::proto::objects::ObjectAnswer;
use crate::proto::wire::Write;
use crate::registry::{Operation, PutFunction, Tag, Version};
use crate::store::Sequence;

/// The messages for what a transaction is about to change. `put` is the operator's wish to send new objects.
pub fn of(
    transaction: &mut Transaction,
    keep: &Keep,
    outboxes: &Outboxes,
    policy: &dyn Policy,
    put: bool,
    now: Date,
) -> Result<Vec<News>> {
    let changed: Vec<Kept> =
        transaction.changed().filter(|kept| outboxes.of(&kept.object.owner, now).is_some()).cloned().collect();
    let mut news = Vec::with_capacity(changed.len());
    for kept in changed {
        let object = kept.object;
        let Some(outbox) = outboxes.of(&object.owner, now) else { continue };
        let before = keep.load(&object.id, &mut Sequence::default())?.map(|kept| kept.object);
        let version = outbox.version;
        if before.is_none() && put {
            let owner = Caller::named(&*object.owner);
            if ExportPermit::new(&object, Release::Plain, &owner, policy).is_ok() {
                let body = transaction.body(keep, &object)?;
                let answer = ObjectAnswer::of(&object, body);
                news.push(News::new(outbox, put_message(&object, &answer, version)));
                continue;
            }
        }
        if let Some(message) = notify_message(before.as_deref(), &object, version) {
            news.push(News::new(outbox, message));
        }
    }
    Ok(news)
}

/// Notify. None if nothing changed that the version knows.
fn notify_message(before: Option<&ManagedObject>, after: &ManagedObject, version: Version) -> Option<Buffer> {
    let had = |attribute: &Attribute| before.is_some_and(|before| before.attributes.iter().any(|one| one == attribute));
    let is_marker = |attribute: &&Attribute| attribute.tag == Tag::LastChangeDate;
    // "This includes at least the Last Change Date attribute."
    let changed: Vec<Attribute> = after.attributes.iter().filter(|one| is_marker(one) || !had(one)).cloned().collect();
    let deleted: Vec<OwnedSelector> = before
        .into_iter()
        .flat_map(|before| before.attributes.iter())
        .filter(|one| after.attributes.family(one.family()).next().is_none())
        .filter_map(|one| OwnedSelector::of(one, version))
        .collect();
    if deleted.is_empty() && changed.iter().all(|one| is_marker(&one) || OwnedSelector::of(one, version).is_none()) {
        return None;
    }
    Some(request(
        version,
        |_| {},
        Operation::Notify,
        |out| {
            Id(after.id.clone()).write(Tag::UniqueIdentifier, out, version);
            AnswerAttributes(changed).write(Tag::Attributes, out, version);
            deleted.iter().for_each(|one| one.write(Tag::AttributeReference, out, version));
        },
    ))
}

/// Put. An object that replaces another says so.
fn put_message(object: &ManagedObject, answer: &ObjectAnswer, version: Version) -> Buffer {
    let replaced = object.attributes.all(attr::REPLACED_OBJECT_LINK).find_map(|target| match target {
        Target::Object(id) => Some(id),
        Target::Name(_) => None,
    });
    request(
        version,
        |_| {},
        Operation::Put,
        |out| {
            Id(object.id.clone()).write(Tag::UniqueIdentifier, out, version);
            let function = if replaced.is_some() { PutFunction::Replace } else { PutFunction::New };
            function.write(Tag::PutFunction, out, version);
            if let Some(replaced) = &replaced {
                Id(replaced.clone()).write(Tag::ReplacedUniqueIdentifier, out, version);
            }
            answer.write(Tag::RequestPayload, out, version);
            AnswerAttributes(object.attributes.iter().cloned().collect()).write(Tag::Attributes, out, version);
        },
    )
}
