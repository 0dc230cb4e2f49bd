//! Room 7: work driven by time. Dates that change the state of an object act by themselves (`model::lifecycle`); what is
//! left to do is to wipe operations in parts that were given up, and to replace keys that are to be rotated (2.1 §4.48
//! to §4.54). That is a Re-key like any other: a request that goes through the gate, with its checks, its commit and its
//! audit entry, which names the server as the caller. What the replaced keys wrapped follows them (`dependants`).

mod dependants;

use crate::base::{Buffer, Date, Result, Value};
use crate::gate::Core;
use crate::gate::identity::Peer;
use crate::keep::Keep;
use crate::keep::find::Search;
use crate::model::{ManagedObject, attr};
use crate::proto::message;
use crate::registry::{ObjectType, Operation, State, Tag, Version};
use crate::store::Sequence;

/// Most keys that are replaced in one run; the next run takes the others. A pair of RSA keys takes a second.
const TASKS_MAX: usize = 16;

/// A key that is to be replaced.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Task {
    /// Re-key or Re-key Key Pair.
    pub operation: Operation,
    /// The key; of a pair the private one.
    pub id: Box<str>,
    /// Rotate Offset: the Offset of the request, in seconds.
    pub offset: Option<u32>,
}

/// Does what is due. It blocks. What cannot be done is in the log and in the audit, and comes again next time.
pub fn tend(core: &Core) {
    core.expire_streams();
    let tasks = match due(core.keep(), core.now()) {
        Ok(tasks) => tasks,
        Err(error) => return tracing::error!(%error, "cannot look for keys that are to be rotated"),
    };
    let peer = Peer::server();
    let mut reply = Buffer::default();
    for task in tasks {
        tracing::info!(object = %task.id, operation = %task.operation, "rotating a key");
        core.handle(&request(&task), &peer, true, &mut reply);
    }
    dependants::tend(core);
}

/// The keys that are to be replaced now, the newest first.
pub fn due(keep: &Keep, now: Date) -> Result<Vec<Task>> {
    let automatic = Value::Boolean(true);
    let search = Search { owner: None, values: &[(Tag::RotateAutomatic, &automatic)] };
    let mut tasks = Vec::new();
    keep.find(&search, &mut Sequence::default(), &mut |kept| {
        tasks.extend(task(&kept.object, now));
        tasks.len() < TASKS_MAX
    })?;
    Ok(tasks)
}

/// What is to be done about the object now: "automatic rotation … is performed by the server when the difference between
/// the Initial Date … and the current server time reaches or exceeds" the Rotate Interval (2.1 §4.51). An interval of
/// zero would never come to rest. A key that is out of use, or has a successor, is let be.
fn task(object: &ManagedObject, now: Date) -> Option<Task> {
    let operation = match object.object_type {
        ObjectType::SymmetricKey => Operation::ReKey,
        // The public key goes with its private key.
        ObjectType::PrivateKey => Operation::ReKeyKeyPair,
        _ => return None,
    };
    let attributes = &object.attributes;
    let interval = attributes.get(attr::ROTATE_INTERVAL).filter(|interval| *interval > 0)?;
    let age = now.0.saturating_sub(attributes.get(attr::INITIAL_DATE)?.0);
    let in_use = matches!(object.state(now), State::PreActive | State::Active);
    let replaced = attributes.has(Tag::ReplacementObjectLink);
    let is_due = attributes.is_true(attr::ROTATE_AUTOMATIC) && age >= i64::from(interval);
    (is_due && in_use && !replaced && !object.is_archived()).then(|| Task {
        operation,
        id: object.id.clone(),
        offset: attributes.get(attr::ROTATE_OFFSET),
    })
}

/// The request, in KMIP 2.1.
fn request(task: &Task) -> Buffer {
    let id = match task.operation {
        Operation::ReKeyKeyPair => Tag::PrivateKeyUniqueIdentifier,
        _ => Tag::UniqueIdentifier,
    };
    message::request(
        Version::V2_1,
        |_| {},
        task.operation,
        |out| {
            out.text(id, &task.id);
            if let Some(offset) = task.offset {
                out.interval(Tag::Offset, offset);
            }
        },
    )
}

#[cfg(test)]
mod tests;
