//! Delete Attribute: an instance, or all instances, of an attribute go (1.4 §4.16, 2.1 §6.1.13). 1.x points at the
//! instance by name and index, 2.x by its current value or at all of them by reference.

use super::change::{Response, refuse, subject};
use super::{Cx, Op};
use crate::base::{Error, Result};
use crate::model::right::Right;
use crate::model::rules::may_delete;
use crate::model::set::Family;
use crate::proto::attributes::{NewAttribute, Selector};
use crate::proto::id::IdRef;
use crate::proto::wire::structure;
use crate::registry::ResultReason;

/// Delete Attribute.
pub struct DeleteAttribute;

structure! {
    /// Which object, and what of it goes.
    pub struct Request<'a> reads {
        opt UniqueIdentifier => id: IdRef<'a>;
        opt AttributeName => name: Selector<'a>;
        opt AttributeIndex => index: i32;
        opt CurrentAttribute => current: NewAttribute;
        opt AttributeReference => reference: Selector<'a>;
    }
}

impl Op for DeleteAttribute {
    type Request<'a> = Request<'a>;
    type Response = Response;

    fn run(request: Request<'_>, cx: &mut Cx<'_>) -> Result<Response> {
        let mut object = cx.object(request.id, Right::ModifyAttributes)?;
        if let Some(current) = &request.current {
            let family = Family::of(current.tag, &current.value);
            let found = object.attributes.instances(current.tag).iter().find(|one| one.value == current.value);
            let index = found.map(|one| one.index);
            may_delete(&subject(&object, cx), family, Some(index.unwrap_or(u32::MAX))).map_err(refuse(cx))?;
            index.and_then(|index| object.attributes.remove(family, index));
            return Ok(Response::new(cx.save(object)?, None, cx.version));
        }
        let selector = request
            .name
            .or(request.reference)
            .ok_or_else(|| Error::invalid_message("Delete Attribute needs the attribute that is to be deleted"))?;
        let family = selector.family().ok_or_else(|| {
            Error::new(ResultReason::InvalidAttribute, format!("KMIP {} has no attribute {selector}", cx.version))
        })?;
        let index = if cx.version.is_1x() { Some(request.index.map_or(Ok(0), index)?) } else { None };
        may_delete(&subject(&object, cx), family, index).map_err(refuse(cx))?;
        let deleted = match index {
            Some(index) => object.attributes.remove(family, index),
            None => {
                object.attributes.remove_all(family);
                None
            }
        };
        Ok(Response::new(cx.save(object)?, deleted, cx.version))
    }
}

fn index(index: i32) -> Result<u32> {
    u32::try_from(index).map_err(|_| Error::new(ResultReason::IndexOutOfBounds, "Attribute Index is negative"))
}
