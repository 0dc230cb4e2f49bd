//! Get Usage Allocation: a client that protects data by itself takes what it will use off the Usage Limits of the key
//! (1.4 §4.18, 2.1 §6.1.23).

use super::{Cx, Op};
use crate::base::Result;
use crate::model::lifecycle::{Lifecycle, reached};
use crate::model::right::Right;
use crate::model::usage::mask_permits;
use crate::model::{Refusal, attr};
use crate::proto::id::{Id, IdRef};
use crate::proto::wire::structure;
use crate::registry::{CryptographicUsageMask as Mask, ResultReason, State};

/// Get Usage Allocation.
pub struct GetUsageAllocation;

structure! {
    /// The object, and how many units of its Usage Limits.
    pub struct Request<'a> reads {
        opt UniqueIdentifier => id: IdRef<'a>;
        req UsageLimitsCount => count: i64;
    }
}

structure! {
    /// The object.
    pub struct Response writes {
        req UniqueIdentifier => id: Id;
    }
}

/// The uses that protect: "symmetric keys for encryption, private keys for signing, etc."
const PROTECTING: Mask = Mask(
    Mask::Encrypt.0
        | Mask::Sign.0
        | Mask::MACGenerate.0
        | Mask::WrapKey.0
        | Mask::CertificateSign.0
        | Mask::CRLSign.0
        | Mask::DeriveKey.0
        | Mask::KeyAgreement.0,
);

impl Op for GetUsageAllocation {
    type Request<'a> = Request<'a>;
    type Response = Response;

    fn run(request: Request<'_>, cx: &mut Cx<'_>) -> Result<Response> {
        let mut object = cx.object(request.id, Right::Use)?;
        let refuse = |refusal: Refusal| refusal.into_error(cx.version);
        let limits = object.attributes.get(attr::USAGE_LIMITS).ok_or_else(|| {
            let words = "the object has no Usage Limits";
            refuse(Refusal::new(ResultReason::AttributeNotFound, ResultReason::IllegalOperation, words))
        })?;
        mask_permits(&object.attributes, PROTECTING).map_err(|_| {
            let words = "the object cannot be used to protect data";
            refuse(Refusal::new(ResultReason::InvalidObjectType, ResultReason::IllegalOperation, words))
        })?;
        // "After the Activation Date and before the Protect Stop Date."
        let life = Lifecycle::of(&object.attributes).at(cx.now);
        if life.state != State::Active || reached(life.protect_stop, cx.now) {
            let words = "the object may not protect data at this time";
            return Err(refuse(Refusal::same(ResultReason::PermissionDenied, words)));
        }
        let left = limits.allocated(request.count).map_err(refuse)?;
        object.attributes.set(attr::USAGE_LIMITS, left);
        Ok(Response { id: cx.save(object)? })
    }
}
