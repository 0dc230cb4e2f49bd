//! Deactivate: an Active object is no longer used to protect, now or from a date on (3.0, operation 40).

use super::{Cx, Op};
use crate::base::{Date, Result};
use crate::model::right::Right;
use crate::model::values::DeactivationReason;
use crate::model::{Event, attr};
use crate::proto::id::{Id, IdRef};
use crate::proto::wire::structure;
use crate::registry::DeactivationReasonCode;

/// Deactivate.
pub struct Deactivate;

structure! {
    /// Deactivation Reason.
    pub struct Reason<'a> reads {
        req DeactivationReasonCode => code: DeactivationReasonCode;
        opt DeactivationMessage => message: &'a str;
    }
}

structure! {
    /// Which object, why (absent: Unspecified) and from when on (absent: now).
    pub struct Request<'a> reads {
        opt UniqueIdentifier => id: IdRef<'a>;
        opt DeactivationReason => reason: Reason<'a>;
        opt DeactivationDate => date: Date;
    }
}

structure! {
    /// The object.
    pub struct Response writes {
        req UniqueIdentifier => id: Id;
    }
}

impl Op for Deactivate {
    type Request<'a> = Request<'a>;
    type Response = Response;

    fn run(request: Request<'_>, cx: &mut Cx<'_>) -> Result<Response> {
        let mut object = cx.object(request.id, Right::Revoke)?;
        cx.apply(&mut object, Event::Deactivate(request.date))?;
        let reason = match request.reason {
            Some(reason) => DeactivationReason { code: reason.code, message: reason.message.map(str::to_owned) },
            None => DeactivationReason { code: DeactivationReasonCode::Unspecified, message: None },
        };
        object.attributes.set(attr::DEACTIVATION_REASON, reason);
        Ok(Response { id: cx.save(object)? })
    }
}
