//! Hash: a digest of data, whole or in parts, without any key (1.2 §4.37, 2.1 §6.1.24).

use super::streams::{Facts, Opening, Part, Work, data_of};
use super::using::data::{DataRef, Shown};
use super::using::parameters::Requested;
use super::using::{begin, block_for, facts, go_on, permit};
use super::{Cx, Op};
use crate::base::Result;
use crate::crypto::{CryptoError, hash};
use crate::proto::wire::structure;
use crate::registry::Data;

/// Hash.
pub struct Hash;

structure! {
    /// By which algorithm, and of what.
    pub struct Request<'a> reads {
        req CryptographicParameters => parameters: Requested;
        opt Data => data: DataRef<'a>;
        opt CorrelationValue => correlation: &'a [u8];
        opt InitIndicator => init: bool;
        opt FinalIndicator => last: bool;
    }
}

structure! {
    /// The digest.
    pub struct Response writes {
        opt Data => digest: Vec<u8>;
        opt CorrelationValue => correlation: Vec<u8>;
    }
}

impl Op for Hash {
    type Request<'a> = Request<'a>;
    type Response = Response;

    fn run(request: Request<'_>, cx: &mut Cx<'_>) -> Result<Response> {
        let part = Part::of(request.correlation, request.init, request.last, cx.version)?;
        let data = cx.outputs.resolve(data_of(request.data, part)?.unwrap_or(DataRef::Bytes(&[])))?;
        block_for(cx, &data)?;
        let (mut correlation, mut digest) = (None, None);
        match part {
            Part::Whole | Part::First => {
                let missing = CryptoError::MissingParameter("hashing algorithm");
                let algorithm = request.parameters.0.hashing_algorithm.ok_or(missing)?;
                permit(cx, hash::standing(algorithm))?;
                let mut work = hash::Hash::new(algorithm)?;
                if part == Part::Whole {
                    work.update(&data);
                    digest = Some(work.finish());
                } else {
                    let facts =
                        Facts { key: Box::default(), parameters: request.parameters.0, opening: Opening::default() };
                    correlation = Some(begin(cx, facts, Work::Hash(work), &data, None)?.1);
                }
            }
            Part::Next(token) | Part::Last(token) => {
                facts(cx, token)?;
                let output = go_on(cx, token, &data, None, part.ends())?;
                digest = part.ends().then(|| output.data.to_vec());
            }
        }
        if let Some(digest) = &digest {
            cx.outputs.record(Data::Hash, digest, cx.version);
        }
        let shown = Shown(cx.ephemeral);
        Ok(Response { digest: shown.data(digest), correlation: shown.rest(correlation) })
    }
}
