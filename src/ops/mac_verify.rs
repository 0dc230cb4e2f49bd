//! MAC Verify: whether a message authentication code is that of the data (1.2 §4.34, 2.1 §6.1.33).

use subtle::ConstantTimeEq;

use super::mac::{Maker, at_the_end};
use super::signature_verify::validity;
use super::streams::{Part, data_of};
use super::using::data::{DataRef, Shown};
use super::using::parameters::Requested;
use super::using::{Using, begin, block_for, go_on};
use super::{Cx, Op};
use crate::base::Result;
use crate::model::usage::Use;
use crate::proto::id::{Id, IdRef};
use crate::proto::wire::{missing, structure};
use crate::registry::{Tag, ValidityIndicator};

/// MAC Verify.
pub struct MACVerify;

structure! {
    /// With which key and parameters, of what, and the code.
    pub struct Request<'a> reads {
        opt UniqueIdentifier => id: IdRef<'a>;
        opt CryptographicParameters => parameters: Requested;
        opt Data => data: DataRef<'a>;
        opt MACData => mac: &'a [u8];
        opt CorrelationValue => correlation: &'a [u8];
        opt InitIndicator => init: bool;
        opt FinalIndicator => last: bool;
    }
}

structure! {
    /// Whether it is valid.
    pub struct Response writes {
        opt UniqueIdentifier => id: Id;
        opt ValidityIndicator => validity: ValidityIndicator;
        opt CorrelationValue => correlation: Vec<u8>;
    }
}

impl Op for MACVerify {
    type Request<'a> = Request<'a>;
    type Response = Response;

    fn run(request: Request<'_>, cx: &mut Cx<'_>) -> Result<Response> {
        let part = Part::of(request.correlation, request.init, request.last, cx.version)?;
        let data = cx.outputs.resolve(data_of(request.data, part)?.unwrap_or(DataRef::Bytes(&[])))?;
        block_for(cx, &data)?;
        let mut using = Using::new(cx, request.id, request.parameters, part, Use::MacVerify)?;
        let (mut correlation, mut valid) = (None, None);
        let absent = || missing(Tag::MACData, Tag::RequestPayload);
        let id = match part {
            Part::Whole | Part::First => {
                let maker = Maker::new(cx, &using)?;
                let id = using.charge(cx, data.len(), part)?;
                if part == Part::Whole {
                    let mac = request.mac.ok_or_else(absent)?;
                    valid = Some(maker.whole(cx, &data)?.ct_eq(mac).into());
                } else {
                    correlation = Some(begin(cx, using.facts(), maker.in_parts(), &data, request.mac)?.1);
                }
                id
            }
            Part::Next(token) | Part::Last(token) => {
                let held = if part.ends() { using.collected_for(cx)? } else { None };
                let id = using.charge(cx, data.len(), part)?;
                let output = go_on(cx, token, &data, request.mac, part.ends())?;
                if part.ends() {
                    let mac = output.check.as_deref().ok_or_else(absent)?;
                    valid = Some(at_the_end(cx, &using, held, &output)?.ct_eq(mac).into());
                }
                id
            }
        };
        let shown = Shown(cx.ephemeral);
        Ok(Response {
            id: shown.id(id),
            validity: shown.rest(valid.map(validity)),
            correlation: shown.rest(correlation),
        })
    }
}
