//! Modify Attribute: an existing instance gets a new value (1.4 §4.15, 2.1 §6.1.34). 1.x points at the instance by
//! name and index, 2.x by its current value.

use super::change::{self, Response, only, refuse, subject};
use super::{Cx, Object, Op};
use crate::base::{Error, Result};
use crate::model::Attribute;
use crate::model::right::Right;
use crate::model::rules::may_modify;
use crate::model::set::Family;
use crate::proto::attributes::{NewAttribute, check_value};
use crate::proto::id::IdRef;
use crate::proto::wire::structure;
use crate::registry::ResultReason;

/// Modify Attribute.
pub struct ModifyAttribute;

structure! {
    /// Which object, which instance, and its new value.
    pub struct Request<'a> reads {
        opt UniqueIdentifier => id: IdRef<'a>;
        opt CurrentAttribute => current: NewAttribute;
        req Attribute | NewAttribute => attribute: NewAttribute;
    }
}

impl Op for ModifyAttribute {
    type Request<'a> = Request<'a>;
    type Response = Response;

    fn run(request: Request<'_>, cx: &mut Cx<'_>) -> Result<Response> {
        let mut object = cx.object(request.id, Right::ModifyAttributes)?;
        let new = request.attribute;
        let family = Family::of(new.tag, &new.value);
        let index = index_of(cx, &object, request.current.as_ref(), &new, family)?;
        may_modify(&subject(&object, cx), family, index, &new.value).map_err(refuse(cx))?;
        check_value(&new, cx.version)?;
        let current: Attribute = object.attributes.find(family, index).cloned().ok_or_else(no_instance)?;
        let changed = change::replace(cx, &mut object, &current, new)?;
        Ok(Response::new(cx.save(object)?, Some(changed), cx.version))
    }
}

/// The index of the instance that the request means. If there is none, index zero lets the rules say what is wrong.
fn index_of(
    cx: &Cx<'_>,
    object: &Object,
    current: Option<&NewAttribute>,
    new: &NewAttribute,
    family: Family<'_>,
) -> Result<u32> {
    if cx.version.is_1x() {
        return Ok(new.index.unwrap_or(0));
    }
    match current {
        Some(current) => {
            let found = object.attributes.instances(current.tag).iter().find(|one| one.value == current.value);
            found.map(|one| one.index).ok_or_else(no_instance)
        }
        None => {
            // A link of 2.x is one of its kind, whatever other links there are.
            let family = if family == Family::Link { Family::Tag(new.tag) } else { family };
            Ok(only(object, family, ResultReason::AttributeInstanceNotFound)?.map_or(0, |one| one.index))
        }
    }
}

fn no_instance() -> Error {
    Error::new(ResultReason::AttributeInstanceNotFound, "the object has no such instance of the attribute")
}
