//! Create User (3.0, operation 3E): a user has a Name and Credential Links, and comes in by that name and one of the
//! credentials. How that goes is in `gate::users`.

use super::system::new_system_object;
use super::{Cx, Op};
use crate::base::{Error, Result};
use crate::model::attr;
use crate::model::right::Right;
use crate::model::values::{AttributeValue, Target};
use crate::proto::attributes::AttributeList;
use crate::proto::id::Id;
use crate::proto::wire::structure;
use crate::registry::{ObjectType, ResultReason, Tag, UniqueIdentifier};

/// Create User.
pub struct CreateUser;

structure! {
    /// Name, credentials, and the rest.
    pub struct Request reads {
        req Attributes => attributes: AttributeList;
    }
}

structure! {
    /// The user.
    pub struct Response writes {
        req UniqueIdentifier => id: Id;
    }
}

impl Op for CreateUser {
    type Request<'a> = Request;
    type Response = Response;

    fn run(request: Request, cx: &mut Cx<'_>) -> Result<Response> {
        let object = new_system_object(cx, request.attributes, ObjectType::User)?;
        let credentials: Vec<Target> = object.attributes.all(attr::CREDENTIAL_LINK).collect();
        for target in credentials {
            // A name is looked up when the user comes in; an identifier must be one now.
            if let Target::Object(id) = target {
                let linked = cx.object_by_id(&id, Right::ReadAttributes)?;
                if !is_credential(linked.object_type) {
                    return Err(Error::new(
                        ResultReason::InvalidAttributeValue,
                        format!("a Credential Link points at a credential, not at a {}", linked.object_type),
                    ));
                }
            }
        }
        one_of_each_name(cx, &object)?;
        let id = cx.save(object)?;
        cx.answer(UniqueIdentifier::CreateUser, &id);
        Ok(Response { id })
    }
}

fn is_credential(object_type: ObjectType) -> bool {
    matches!(
        object_type,
        ObjectType::PasswordCredential
            | ObjectType::DeviceCredential
            | ObjectType::OneTimePasswordCredential
            | ObjectType::HashedPasswordCredential
            | ObjectType::Certificate
    )
}

/// Names are unique among the objects of one owner; those of users are unique in the server, for they come in by them.
fn one_of_each_name(cx: &mut Cx<'_>, user: &super::Object) -> Result<()> {
    for name in user.attributes.all(attr::NAME) {
        let value = name.into_value();
        let mut taken = false;
        cx.find(&[(Tag::Name, &value)], &mut |other| {
            let named = || other.attributes.instances(Tag::Name).iter().any(|one| one.value == value);
            taken = other.object_type == ObjectType::User && named();
            !taken
        })?;
        if taken {
            return Err(Error::new(ResultReason::NonUniqueNameAttribute, "there is a user of this name"));
        }
    }
    Ok(())
}
