//! Check: may the client use the object so? (1.4 §4.10, 2.1 §6.1.7)

use super::{Cx, Op};
use crate::base::{Error, Result};
use crate::model::attr;
use crate::model::right::Right;
use crate::model::usage::mask_covers;
use crate::proto::id::{Id, IdRef};
use crate::proto::wire::structure;
use crate::registry::{CryptographicUsageMask, ResultReason};

/// Check.
pub struct Check;

structure! {
    /// Which object, and what for.
    pub struct Request<'a> reads {
        opt UniqueIdentifier => id: IdRef<'a>;
        opt UsageLimitsCount => count: i64;
        opt CryptographicUsageMask => mask: CryptographicUsageMask;
        opt LeaseTime => lease: u32;
    }
}

structure! {
    /// The object.
    pub struct Response writes {
        req UniqueIdentifier => id: Id;
    }
}

impl Op for Check {
    type Request<'a> = Request<'a>;
    type Response = Response;

    fn run(request: Request<'_>, cx: &mut Cx<'_>) -> Result<Response> {
        let object = cx.object(request.id, Right::ReadAttributes)?;
        let outcome = check(&object, &request, cx);
        if outcome.is_err() {
            // "The server empties the ID Placeholder and does not return the Unique Identifier."
            cx.clear_placeholder();
        }
        outcome?;
        Ok(Response { id: Id(object.id.clone()) })
    }
}

fn check(object: &super::Object, request: &Request<'_>, cx: &Cx<'_>) -> Result<()> {
    if let Some(mask) = request.mask {
        mask_covers(&object.attributes, mask).map_err(|refusal| refusal.into_error(cx.version))?;
    }
    if let (Some(count), Some(limits)) = (request.count, object.attributes.get(attr::USAGE_LIMITS))
        && count > limits.remaining()
    {
        return Err(Error::new(
            ResultReason::UsageLimitExceeded,
            "the Usage Limits of the object do not leave that much",
        ));
    }
    if let Some(lease) = request.lease
        && lease > cx.services.settings.lease_seconds
    {
        return Err(Error::new(ResultReason::PermissionDenied, "this server does not grant so long a lease"));
    }
    Ok(())
}
