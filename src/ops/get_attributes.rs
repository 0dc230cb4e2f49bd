//! Get Attributes: attributes of an object, those asked for or all of them (1.4 §4.12, 2.1 §6.1.20).

use super::destroy_final::{self, FAMILY};
use super::{Cx, Object, Op};
use crate::base::{Error, Result};
use crate::model::attr;
use crate::model::right::Right;
use crate::model::{Attribute, rule};
use crate::proto::attributes::{AnswerAttributes, Selector};
use crate::proto::id::{Id, IdRef};
use crate::proto::wire::structure;
use crate::registry::Tag;

/// Get Attributes.
pub struct GetAttributes;

structure! {
    /// Which object, and which of its attributes; none asks for all.
    pub struct Request<'a> reads {
        opt UniqueIdentifier => id: IdRef<'a>;
        many AttributeReference | AttributeName => names: Selector<'a>;
    }
}

structure! {
    /// What the object has of them. 1.x: one Attribute after another; 2.x: all in Attributes.
    pub struct Response writes {
        req UniqueIdentifier => id: Id;
        req Attributes | Attribute => attributes: AnswerAttributes;
    }
}

impl Op for GetAttributes {
    type Request<'a> = Request<'a>;
    type Response = Response;

    fn run(request: Request<'_>, cx: &mut Cx<'_>) -> Result<Response> {
        let object = cx.object(request.id, Right::ReadAttributes)?;
        let repeated = request.names.iter().enumerate().any(|(at, name)| request.names[..at].contains(name));
        if repeated {
            // 1.4 table 339; 2.1 §6.1.20 has no reason of its own for it.
            return Err(Error::invalid_message("the same attribute is asked for twice"));
        }
        let mut all = visible(&object, cx);
        all.retain(|one| !FAMILY.contains(one));
        let attributes = if request.names.is_empty() {
            all
        } else {
            if request.names.iter().any(|name| name.family() == Some(FAMILY)) {
                all.extend(destroy_final::attribute(&object, cx)?);
            }
            let families = request.names.iter().filter_map(|name| name.family());
            families.flat_map(|family| all.iter().filter(move |one| family.contains(one)).cloned()).collect()
        };
        Ok(Response { id: Id(object.id.clone()), attributes: AnswerAttributes(attributes) })
    }
}

/// The attributes as they are now and as this client's version gives them to this type of object.
pub fn visible(object: &Object, cx: &Cx<'_>) -> Vec<Attribute> {
    let mut attributes = object.attributes.clone();
    if attributes.has(attr::STATE.tag()) {
        attributes.set(attr::STATE, object.state(cx.now));
    }
    let applies = |one: &Attribute| {
        one.tag == Tag::Attribute || rule(one.tag).is_some_and(|rule| rule.applies_to(object.object_type, cx.version))
    };
    attributes.into_iter().filter(applies).collect()
}
