//! An object that is kept wrapped is wrapped anew by the successor of its key. No client asks for it: the server does it
//! for keys that it replaced by itself. The old key stays and opens what it wrapped for others.

use super::Cx;
use super::unwrapping::wrapped_anew;
use crate::base::Result;
use crate::model::right::Right;
use crate::model::values::{AttributeValue, Target};
use crate::proto::objects::BodyKind;
use crate::registry::Tag;

/// Stages the object wrapped by `new` where `old` wrapped it. An object that is not wrapped by `old` any more is let be.
///
/// # Errors
/// The object does not open with the old key, or the new one may not wrap it.
pub fn rewrap(cx: &mut Cx<'_>, id: &str, (old, new): (&str, &str)) -> Result<()> {
    let mut object = cx.object_by_id(id, Right::ModifyAttributes)?;
    let link = |id: &str| Target::Object(id.into()).into_value();
    let mut links: Vec<_> =
        object.attributes.instances(Tag::WrappingKeyLink).iter().map(|one| one.value.clone()).collect();
    let Some(at) = links.iter().position(|value| *value == link(old)) else { return Ok(()) };
    let Some(body) = cx.body(&object)?.filter(|body| body.kind == BodyKind::Wrapped) else { return Ok(()) };
    let (body, wrapping) = wrapped_anew(cx, &object, &body, (old, new))?;
    object.material.wrapping = Some(wrapping);
    links[at] = link(new);
    object.attributes.remove_all(Tag::WrappingKeyLink);
    for link in links {
        object.attributes.push(Tag::WrappingKeyLink, link);
    }
    cx.save_with(object, Some(body))?;
    cx.keep_item();
    Ok(())
}
