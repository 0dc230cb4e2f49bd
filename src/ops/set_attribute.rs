//! Set Attribute: the one value of an attribute, there already or not (2.1 §6.1.51).

use super::change::{self, Response, only, refuse, subject};
use super::{Cx, Op};
use crate::base::Result;
use crate::model::right::Right;
use crate::model::rules::may_set;
use crate::model::set::Family;
use crate::proto::attributes::{NewAttribute, check_value};
use crate::proto::id::IdRef;
use crate::proto::wire::structure;
use crate::registry::ResultReason;

/// Set Attribute.
pub struct SetAttribute;

structure! {
    /// Which object, and the value.
    pub struct Request<'a> reads {
        opt UniqueIdentifier => id: IdRef<'a>;
        req NewAttribute => attribute: NewAttribute;
    }
}

impl Op for SetAttribute {
    type Request<'a> = Request<'a>;
    type Response = Response;

    fn run(request: Request<'_>, cx: &mut Cx<'_>) -> Result<Response> {
        let mut object = cx.object(request.id, Right::ModifyAttributes)?;
        let new = request.attribute;
        may_set(&subject(&object, cx), new.tag, &new.value).map_err(refuse(cx))?;
        check_value(&new, cx.version)?;
        let family = match Family::of(new.tag, &new.value) {
            Family::Link => Family::Tag(new.tag),
            family => family,
        };
        let current = only(&object, family, ResultReason::MultiValuedAttribute)?.cloned();
        match current {
            Some(current) => change::replace(cx, &mut object, &current, new)?,
            None => change::add(cx, &mut object, new)?,
        };
        Ok(Response::new(cx.save(object)?, None, cx.version))
    }
}
