//! What a key that the server replaced had wrapped: objects that are kept wrapped, with a Wrapping Key Link to it (2.1
//! §6.1.43). They are wrapped anew by its newest successor, one commit each. A run that was cut off is gone on with by the
//! next one, which finds by the links what is left.

use std::sync::Arc;

use crate::base::{Date, Result, Value};
use crate::gate::Core;
use crate::keep::find::Search;
use crate::keep::{Keep, KeepError};
use crate::model::values::{AttributeValue, Target};
use crate::model::{ManagedObject, attr};
use crate::registry::{State, Tag};
use crate::store::Sequence;

/// Most objects that are wrapped anew in one run.
const OBJECTS_MAX: usize = 10_000;
/// How many predecessors of a key are looked at: those whose objects an earlier run did not reach.
const PREDECESSORS_MAX: usize = 16;
/// How often the log tells how far it is, in objects.
const TELL: usize = 1_000;

/// An object to be wrapped anew.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Dependant {
    id: Box<str>,
    /// The key that wraps it.
    old: Box<str>,
    /// The newest successor of that.
    new: Box<str>,
}

/// Wraps anew what is to be. What cannot be is in the log, and comes again next time.
pub(super) fn tend(core: &Core) {
    let found = match dependants(core.keep(), core.now()) {
        Ok(found) => found,
        Err(error) => return tracing::error!(%error, "cannot look for objects that are wrapped by replaced keys"),
    };
    let (all, mut failed) = (found.len(), 0);
    for (at, one) in found.iter().enumerate() {
        core.rewraps().wait_for(all - at);
        if at % TELL == 0 {
            tracing::info!(done = at, all, "wrapping objects anew by the successors of their keys");
        }
        if let Err(error) = core.rewrap(&one.id, (&one.old, &one.new)) {
            failed += 1;
            tracing::warn!(object = %one.id, key = %one.old, %error, "an object stays wrapped by a key that was replaced");
        }
    }
    core.rewraps().wait_for(0);
    if all > 0 {
        tracing::info!(all, failed, "objects were wrapped anew");
    }
}

/// The objects of every key that the server rotates and that may wrap now.
fn dependants(keep: &Keep, now: Date) -> Result<Vec<Dependant>> {
    let automatic = Value::Boolean(true);
    let mut keys: Vec<Arc<ManagedObject>> = Vec::new();
    let search = Search { owner: None, values: &[(Tag::RotateAutomatic, &automatic)] };
    keep.find(&search, &mut Sequence::default(), &mut |kept| {
        let replaces = kept.object.attributes.has(Tag::ReplacedObjectLink);
        keys.extend(Some(kept.object).filter(|key| replaces && key.state(now) == State::Active));
        true
    })?;
    let mut found = Vec::new();
    for key in keys {
        // What a pair wrapped, its public key wrapped; and that went with the private key.
        let public = linked(keep, &key, attr::PUBLIC_KEY_LINK)?;
        for newest in [Some(key), public].into_iter().flatten() {
            of_predecessors(keep, &newest, &mut found)?;
        }
    }
    Ok(found)
}

fn of_predecessors(keep: &Keep, newest: &ManagedObject, found: &mut Vec<Dependant>) -> Result<()> {
    let mut predecessor = linked(keep, newest, attr::REPLACED_OBJECT_LINK)?;
    for _ in 0..PREDECESSORS_MAX {
        let Some(old) = predecessor else { return Ok(()) };
        let link = Target::Object(old.id.clone()).into_value();
        let search = Search { owner: Some(&newest.owner), values: &[(Tag::WrappingKeyLink, &link)] };
        keep.find(&search, &mut Sequence::default(), &mut |kept| {
            let wrapped = kept.object.material.wrapping.is_some() && !kept.object.is_archived();
            found.extend(wrapped.then(|| Dependant {
                id: kept.object.id.clone(),
                old: old.id.clone(),
                new: newest.id.clone(),
            }));
            found.len() < OBJECTS_MAX
        })?;
        predecessor = linked(keep, &old, attr::REPLACED_OBJECT_LINK)?;
    }
    Ok(())
}

/// The object at the end of a link, if it is there.
fn linked(
    keep: &Keep,
    object: &ManagedObject,
    link: crate::model::Key<Target>,
) -> std::result::Result<Option<Arc<ManagedObject>>, KeepError> {
    let Some(Target::Object(id)) = object.attributes.get(link) else { return Ok(None) };
    Ok(keep.load(&id, &mut Sequence::default())?.map(|kept| kept.object))
}
