//! Signature Verify: whether a signature was made by the private half of a key (1.2 §4.32, 2.1 §6.1.56).

use super::sign::{input, to_sign, work};
use super::streams::Part;
use super::using::data::{DataRef, Shown};
use super::using::parameters::{Requested, of_pair};
use super::using::{Key, Using, begin, block_for, go_on};
use super::{Cx, Op};
use crate::base::Result;
use crate::crypto::keys::Input;
use crate::model::usage::Use;
use crate::proto::id::{Id, IdRef};
use crate::proto::wire::{missing, structure};
use crate::registry::{Tag, ValidityIndicator};

/// Signature Verify.
pub struct SignatureVerify;

structure! {
    /// With which key and parameters, what was signed, and the signature.
    pub struct Request<'a> reads {
        opt UniqueIdentifier => id: IdRef<'a>;
        opt CryptographicParameters => parameters: Requested;
        opt Data => data: DataRef<'a>;
        opt DigestedData => digest: &'a [u8];
        opt SignatureData => signature: &'a [u8];
        opt CorrelationValue => correlation: &'a [u8];
        opt InitIndicator => init: bool;
        opt FinalIndicator => last: bool;
    }
}

structure! {
    /// Whether it is valid. No scheme of this server recovers data from a signature.
    pub struct Response writes {
        opt UniqueIdentifier => id: Id;
        opt ValidityIndicator => validity: ValidityIndicator;
        opt CorrelationValue => correlation: Vec<u8>;
    }
}

impl Op for SignatureVerify {
    type Request<'a> = Request<'a>;
    type Response = Response;

    fn run(request: Request<'_>, cx: &mut Cx<'_>) -> Result<Response> {
        let part = Part::of(request.correlation, request.init, request.last, cx.version)?;
        let data = to_sign(request.data, request.digest, part)?;
        let data = cx.outputs.resolve(data)?;
        block_for(cx, &data)?;
        let mut using = Using::new(cx, request.id, request.parameters, part, Use::SignatureVerify)?;
        let Key::Public(key) = using.key(cx)? else { return using.wrong_key() };
        let id = using.charge(cx, data.len(), part)?;
        let (mut correlation, mut valid) = (None, None);
        let absent = || missing(Tag::SignatureData, Tag::RequestPayload);
        match part {
            Part::Whole => {
                let signature = request.signature.ok_or_else(absent)?;
                let input = if request.digest.is_some() { Input::Digest(&data) } else { Input::Message(&data) };
                valid = Some(key.verify(&of_pair(&using.parameters), input, signature)?);
            }
            Part::First => {
                let work = work(&using.parameters, key.facts())?;
                correlation = Some(begin(cx, using.facts(), work, &data, request.signature)?.1);
            }
            Part::Next(token) => drop(go_on(cx, token, &data, request.signature, false)?),
            Part::Last(token) => {
                let output = go_on(cx, token, &data, request.signature, true)?;
                let input = input(&using.parameters, key.facts(), &output)?;
                let signature = output.check.as_deref().ok_or_else(absent)?;
                valid = Some(key.verify(&of_pair(&using.parameters), input, signature)?);
            }
        }
        let shown = Shown(cx.ephemeral);
        Ok(Response {
            id: shown.id(id),
            validity: shown.rest(valid.map(validity)),
            correlation: shown.rest(correlation),
        })
    }
}

/// Validity Indicator of a check.
pub fn validity(valid: bool) -> ValidityIndicator {
    if valid { ValidityIndicator::Valid } else { ValidityIndicator::Invalid }
}
