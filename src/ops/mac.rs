//! MAC: a message authentication code with a key of the server, whole or in parts (1.2 §4.33, 2.1 §6.1.32).

use super::streams::{Part, Work, data_of};
use super::using::data::{DataRef, Shown};
use super::using::parameters::Requested;
use super::using::{Key, Using, begin, block_for, go_on, permit};
use super::{Cx, Op};
use crate::base::{KeyBytes, Result};
use crate::crypto::CryptoError;
use crate::crypto::mac::{Mac, MacAlgorithm};
use crate::model::attr;
use crate::model::usage::Use;
use crate::proto::id::{Id, IdRef};
use crate::proto::wire::structure;
use crate::registry::Data;

/// MAC.
#[allow(clippy::upper_case_acronyms, reason = "the operation's name")]
pub struct MAC;

structure! {
    /// With which key and parameters, and of what.
    pub struct Request<'a> reads {
        opt UniqueIdentifier => id: IdRef<'a>;
        opt CryptographicParameters => parameters: Requested;
        opt Data => data: DataRef<'a>;
        opt CorrelationValue => correlation: &'a [u8];
        opt InitIndicator => init: bool;
        opt FinalIndicator => last: bool;
    }
}

structure! {
    /// The code.
    pub struct Response writes {
        opt UniqueIdentifier => id: Id;
        opt MACData => mac: Vec<u8>;
        opt CorrelationValue => correlation: Vec<u8>;
    }
}

impl Op for MAC {
    type Request<'a> = Request<'a>;
    type Response = Response;

    fn run(request: Request<'_>, cx: &mut Cx<'_>) -> Result<Response> {
        let part = Part::of(request.correlation, request.init, request.last, cx.version)?;
        let data = cx.outputs.resolve(data_of(request.data, part)?.unwrap_or(DataRef::Bytes(&[])))?;
        block_for(cx, &data)?;
        let mut using = Using::new(cx, request.id, request.parameters, part, Use::Mac)?;
        let (mut correlation, mut mac) = (None, None);
        let id = match part {
            Part::Whole | Part::First => {
                let mut work = start(cx, &using)?;
                let id = using.charge(cx, data.len(), part)?;
                if part == Part::Whole {
                    work.update(&data);
                    mac = Some(work.finish());
                } else {
                    correlation = Some(begin(cx, using.facts(), Work::Mac(work), &data, None)?.1);
                }
                id
            }
            Part::Next(token) | Part::Last(token) => {
                let id = using.charge(cx, data.len(), part)?;
                let output = go_on(cx, token, &data, None, part.ends())?;
                mac = part.ends().then(|| output.data.to_vec());
                id
            }
        };
        if let Some(mac) = &mac {
            cx.outputs.record(Data::MACMACData, mac, cx.version);
        }
        let shown = Shown(cx.ephemeral);
        Ok(Response { id: shown.id(id), mac: shown.data(mac), correlation: shown.rest(correlation) })
    }
}

/// Begins the MAC that parameters and key ask for.
pub fn start(cx: &mut Cx<'_>, using: &Using) -> Result<Mac> {
    let algorithm = algorithm(using)?;
    permit(cx, algorithm.standing())?;
    let key: KeyBytes = match using.key(cx)? {
        Key::Secret(key) => key,
        _ => return using.wrong_key(),
    };
    Ok(Mac::new(algorithm, key.expose())?)
}

/// The algorithm of the parameters, or else of the key. A key that is made for one HMAC serves no other.
pub fn algorithm(using: &Using) -> Result<MacAlgorithm, CryptoError> {
    let of_key = using.object.attributes.get(attr::CRYPTOGRAPHIC_ALGORITHM);
    let given = &using.parameters;
    let is_hmac = of_key.is_some_and(|algorithm| algorithm.name().starts_with("HMAC"));
    if is_hmac && given.cryptographic_algorithm.is_some_and(|given| Some(given) != of_key) {
        return Err(CryptoError::BadParameters("the cryptographic algorithm is not that of the key"));
    }
    MacAlgorithm::new(given.cryptographic_algorithm.or(of_key), given.block_cipher_mode, given.hashing_algorithm)
}
