//! Revoke: an object stops being usable, now or, for a compromise, since a date in the past (1.4 §4.20, 2.1 §6.1.44).

use super::{Cx, Op};
use crate::base::{Date, Result};
use crate::model::Event;
use crate::model::attr;
use crate::model::right::Right;
use crate::model::values::RevocationReason;
use crate::proto::id::{Id, IdRef};
use crate::proto::wire::{missing, structure};
use crate::registry::{RevocationReasonCode, Tag};

/// Revoke.
pub struct Revoke;

structure! {
    /// Revocation Reason.
    pub struct Reason<'a> reads {
        req RevocationReasonCode => code: RevocationReasonCode;
        opt RevocationMessage => message: &'a str;
    }
}

structure! {
    /// Which object, why, and since when it is compromised. 3.0 no longer requires the reason.
    pub struct Request<'a> reads {
        opt UniqueIdentifier => id: IdRef<'a>;
        opt RevocationReason => reason: Reason<'a>;
        opt CompromiseOccurrenceDate => since: Date;
    }
}

structure! {
    /// The object.
    pub struct Response writes {
        req UniqueIdentifier => id: Id;
    }
}

impl Op for Revoke {
    type Request<'a> = Request<'a>;
    type Response = Response;

    fn run(request: Request<'_>, cx: &mut Cx<'_>) -> Result<Response> {
        let reason = match request.reason {
            Some(reason) => RevocationReason { code: reason.code, message: reason.message.map(str::to_owned) },
            None if IdRef::may_be_implied(cx.version) => {
                return Err(missing(Tag::RevocationReason, Tag::RequestPayload));
            }
            None => RevocationReason { code: RevocationReasonCode::Unspecified, message: None },
        };
        let mut object = cx.object(request.id, Right::Revoke)?;
        cx.apply(&mut object, Event::Revoke(reason.code, request.since))?;
        object.attributes.set(attr::REVOCATION_REASON, reason);
        Ok(Response { id: cx.save(object)? })
    }
}
