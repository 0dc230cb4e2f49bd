//! Decapsulate: the shared secret of an encapsulation, as new Secret Data (3.0 §6.1.15).

use super::encapsulate::{check, keep};
use super::fresh::Origin;
use super::streams::Part;
use super::using::data::{DataRef, Shown};
use super::using::parameters::Requested;
use super::using::{Key, Using, block_for, software};
use super::{Cx, Op};
use crate::base::{Error, Result};
use crate::model::usage::Use;
use crate::proto::attributes::AttributeList;
use crate::proto::id::{Id, IdRef};
use crate::proto::wire::structure;
use crate::registry::ResultReason;

/// Decapsulate.
pub struct Decapsulate;

structure! {
    /// With which private key, how, what, and what the secret is to be like.
    pub struct Request<'a> reads {
        opt UniqueIdentifier => id: IdRef<'a>;
        opt CryptographicParameters => parameters: Requested;
        req Data => encapsulation: DataRef<'a>;
        opt Attributes => attributes: AttributeList;
    }
}

structure! {
    /// The secret.
    pub struct Response writes {
        opt UniqueIdentifier => id: Id;
    }
}

impl Op for Decapsulate {
    type Request<'a> = Request<'a>;
    type Response = Response;

    fn run(request: Request<'_>, cx: &mut Cx<'_>) -> Result<Response> {
        let encapsulation = cx.outputs.resolve(request.encapsulation)?;
        block_for(cx, &encapsulation)?;
        let mut using = Using::new(cx, request.id, request.parameters, Part::Whole, Use::Decapsulate)?;
        let key = match using.key(cx)? {
            Key::Private(key) => key,
            // DHKEM needs the public half besides, and no token has RSASVE.
            Key::Token(_) => {
                let words = "the server's HSM does not do that: opening encapsulations";
                return Err(Error::new(ResultReason::FeatureNotSupported, words));
            }
            Key::Secret(_) | Key::Public(_) => return using.wrong_key(),
        };
        check(&using, &key.public())?;
        let secret = key.decapsulate(&encapsulation, software(cx))?;
        using.charge(cx, secret.len(), Part::Whole)?;
        let id = keep(cx, request.attributes, secret, Origin::Recovered)?;
        Ok(Response { id: Shown(cx.ephemeral).id(id) })
    }
}
