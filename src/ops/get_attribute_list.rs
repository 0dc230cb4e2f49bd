//! Get Attribute List: which attributes an object has (1.4 §4.13, 2.1 §6.1.21).

use super::get_attributes::visible;
use super::{Cx, Op};
use crate::base::Result;
use crate::model::right::Right;
use crate::proto::attributes::OwnedSelector;
use crate::proto::id::{Id, IdRef};
use crate::proto::wire::structure;

/// Get Attribute List.
pub struct GetAttributeList;

structure! {
    /// Which object.
    pub struct Request<'a> reads {
        opt UniqueIdentifier => id: IdRef<'a>;
    }
}

structure! {
    /// The names of its attributes, each once.
    pub struct Response writes {
        req UniqueIdentifier => id: Id;
        many AttributeReference | AttributeName => names: OwnedSelector;
    }
}

impl Op for GetAttributeList {
    type Request<'a> = Request<'a>;
    type Response = Response;

    fn run(request: Request<'_>, cx: &mut Cx<'_>) -> Result<Response> {
        let object = cx.object(request.id, Right::ReadAttributes)?;
        let mut names: Vec<OwnedSelector> = Vec::new();
        for attribute in visible(&object, cx) {
            if let Some(name) = OwnedSelector::of(&attribute, cx.version).filter(|name| !names.contains(name)) {
                names.push(name);
            }
        }
        Ok(Response { id: Id(object.id.clone()), names })
    }
}
