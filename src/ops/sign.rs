//! Sign: a signature with a private key of the server, whole or in parts (1.2 §4.31, 2.1 §6.1.55).

use super::streams::{Output, Part, Work, data_of};
use super::using::data::{DataRef, Shown};
use super::using::parameters::{Requested, of_pair};
use super::using::{Key, Using, begin, block_for, go_on};
use super::{Cx, Op};
use crate::base::{Buffer, Error, Result};
use crate::crypto::hash::Hash;
use crate::crypto::keys::Input;
use crate::crypto::operations::KeyFacts;
use crate::model::usage::Use;
use crate::model::values::CryptographicParameters;
use crate::proto::id::{Id, IdRef};
use crate::proto::wire::structure;
use crate::registry::Data;

/// Sign.
pub struct Sign;

structure! {
    /// With which key and parameters, and what.
    pub struct Request<'a> reads {
        opt UniqueIdentifier => id: IdRef<'a>;
        opt CryptographicParameters => parameters: Requested;
        opt Data => data: DataRef<'a>;
        opt DigestedData => digest: &'a [u8];
        opt CorrelationValue => correlation: &'a [u8];
        opt InitIndicator => init: bool;
        opt FinalIndicator => last: bool;
    }
}

structure! {
    /// The signature.
    pub struct Response writes {
        opt UniqueIdentifier => id: Id;
        opt SignatureData => signature: Vec<u8>;
        opt CorrelationValue => correlation: Vec<u8>;
    }
}

impl Op for Sign {
    type Request<'a> = Request<'a>;
    type Response = Response;

    fn run(request: Request<'_>, cx: &mut Cx<'_>) -> Result<Response> {
        let part = Part::of(request.correlation, request.init, request.last, cx.version)?;
        let data = to_sign(request.data, request.digest, part)?;
        let data = cx.outputs.resolve(data)?;
        block_for(cx, &data)?;
        let mut using = Using::new(cx, request.id, request.parameters, part, Use::Sign)?;
        let key = using.key(cx)?;
        let Some(facts) = key.facts().filter(|_| !matches!(key, Key::Public(_))) else { return using.wrong_key() };
        let id = using.charge(cx, data.len(), part)?;
        let (mut correlation, mut signature) = (None, None);
        match part {
            Part::Whole => {
                let input = if request.digest.is_some() { Input::Digest(&data) } else { Input::Message(&data) };
                signature = Some(key.sign(cx, &of_pair(&using.parameters), input)?);
            }
            Part::First => {
                let work = work(&using.parameters, facts)?;
                correlation = Some(begin(cx, using.facts(), work, &data, None)?.1);
            }
            Part::Next(token) => drop(go_on(cx, token, &data, None, false)?),
            Part::Last(token) => {
                let output = go_on(cx, token, &data, None, true)?;
                let input = input(&using.parameters, facts, &output)?;
                signature = Some(key.sign(cx, &of_pair(&using.parameters), input)?);
            }
        }
        if let Some(signature) = &signature {
            cx.outputs.record(Data::SignSignatureData, signature, cx.version);
        }
        let shown = Shown(cx.ephemeral);
        Ok(Response { id: shown.id(id), signature: shown.data(signature), correlation: shown.rest(correlation) })
    }
}

/// Data or Digested Data, one of them. A digest is made of all the data, so it comes in one part.
pub fn to_sign<'a>(data: Option<DataRef<'a>>, digest: Option<&'a [u8]>, part: Part) -> Result<DataRef<'a>> {
    match (data, digest) {
        (Some(_), Some(_)) => Err(Error::invalid_field("send Data or Digested Data, not both")),
        (None, Some(_)) if part != Part::Whole => {
            Err(Error::invalid_field("Digested Data cannot be sent in parts; send Data"))
        }
        (None, Some(digest)) => Ok(DataRef::Bytes(digest)),
        (data, None) => Ok(data_of(data, part)?.unwrap_or(DataRef::Bytes(&[]))),
    }
}

/// What takes the parts of a message that is to be signed or verified.
pub fn work(parameters: &CryptographicParameters, key: KeyFacts) -> Result<Work> {
    Ok(match of_pair(parameters).signed_digest(key)? {
        Some(hash) => Work::Hash(Hash::new(hash)?),
        None => Work::Collect(Buffer::default()),
    })
}

/// What such work gave.
pub fn input<'o>(parameters: &CryptographicParameters, key: KeyFacts, output: &'o Output) -> Result<Input<'o>> {
    Ok(match of_pair(parameters).signed_digest(key)? {
        Some(_) => Input::Digest(&output.data),
        None => Input::Message(&output.data),
    })
}
