//! Add Attribute: a new instance of an attribute (1.4 §4.14, 2.1 §6.1.2). Existing values are not changed.

use super::change::{self, Response, refuse, subject};
use super::{Cx, Op};
use crate::base::{Error, Result};
use crate::model::right::Right;
use crate::model::rules::may_add;
use crate::proto::attributes::{NewAttribute, check_value};
use crate::proto::id::IdRef;
use crate::proto::wire::structure;

/// Add Attribute.
pub struct AddAttribute;

structure! {
    /// Which object, and what it gets.
    pub struct Request<'a> reads {
        opt UniqueIdentifier => id: IdRef<'a>;
        req Attribute | NewAttribute => attribute: NewAttribute;
    }
}

impl Op for AddAttribute {
    type Request<'a> = Request<'a>;
    type Response = Response;

    fn run(request: Request<'_>, cx: &mut Cx<'_>) -> Result<Response> {
        let mut object = cx.object(request.id, Right::ModifyAttributes)?;
        let new = request.attribute;
        if new.index.is_some() {
            // "Attribute Index SHALL NOT be specified": the server assigns it (1.4 §4.14, table 341).
            return Err(Error::invalid_field("Add Attribute takes no Attribute Index; the server assigns it"));
        }
        may_add(&subject(&object, cx), new.tag, &new.value).map_err(refuse(cx))?;
        check_value(&new, cx.version)?;
        let added = change::add(cx, &mut object, new)?;
        Ok(Response::new(cx.save(object)?, Some(added), cx.version))
    }
}
