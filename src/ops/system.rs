//! What Create User, Create Group and Create Credential share: they make system objects (3.0 §2), which say who may
//! come in. Only operators make them; what the policy lets others do with them is nothing.

use super::fresh::{Origin, furnish, requested};
use super::{Cx, Object};
use crate::base::Result;
use crate::model::attr;
use crate::proto::attributes::AttributeList;
use crate::registry::{ObjectClass, ObjectType};

/// A new system object with the attributes that were asked for. Without an Activation Date it is Active at once: a user
/// in another state cannot come in.
///
/// # Errors
/// Permission Denied: the caller is no operator. Those of the attributes.
pub fn new_system_object(cx: &mut Cx<'_>, list: AttributeList, object_type: ObjectType) -> Result<Object> {
    cx.operators_only()?;
    let mut attributes = requested(cx, list, object_type)?;
    if !attributes.has(attr::ACTIVATION_DATE.tag()) {
        attributes.set(attr::ACTIVATION_DATE, cx.now);
    }
    attributes.set(attr::OBJECT_CLASS, ObjectClass::System);
    // What a credential is checked against does not leave the server.
    if !matches!(object_type, ObjectType::User | ObjectType::Group | ObjectType::Certificate) {
        attributes.set(attr::SENSITIVE, true);
        attributes.set(attr::EXTRACTABLE, false);
    }
    let mut object = cx.new_object(object_type)?;
    // Without the body: a digest of a password would be a way to guess it.
    furnish(cx, &mut object, attributes, None, Origin::Registered)?;
    cx.may_create(&object)?;
    Ok(object)
}
