//! MAC: a message authentication code with a key of the server, whole or in parts (1.2 §4.33, 2.1 §6.1.32).

use super::streams::{Output, Part, Work, data_of};
use super::using::data::{DataRef, Shown};
use super::using::parameters::Requested;
use super::using::{Key, TokenKey, Using, begin, block_for, go_on, permit};
use super::{Cx, Op};
use crate::base::{Buffer, Result};
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
                let maker = Maker::new(cx, &using)?;
                let id = using.charge(cx, data.len(), part)?;
                if part == Part::Whole {
                    mac = Some(maker.whole(cx, &data)?);
                } else {
                    correlation = Some(begin(cx, using.facts(), maker.in_parts(), &data, None)?.1);
                }
                id
            }
            Part::Next(token) | Part::Last(token) => {
                let held = if part.ends() { using.collected_for(cx)? } else { None };
                let id = using.charge(cx, data.len(), part)?;
                let output = go_on(cx, token, &data, None, part.ends())?;
                mac = if part.ends() { Some(at_the_end(cx, &using, held, &output)?) } else { None };
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

/// What makes a MAC: the key here, or the one in the HSM.
pub enum Maker {
    /// Under way, with a key that is here.
    Here(Mac),
    /// By the HSM, of all the data.
    Token(TokenKey, MacAlgorithm),
}

impl Maker {
    /// Begins the MAC that parameters and key ask for.
    pub fn new(cx: &mut Cx<'_>, using: &Using) -> Result<Self> {
        let algorithm = algorithm(using)?;
        permit(cx, algorithm.standing())?;
        match using.key(cx)? {
            Key::Secret(key) => Ok(Self::Here(Mac::new(algorithm, key.expose())?)),
            Key::Token(key) => Ok(Self::Token(key, algorithm)),
            _ => using.wrong_key(),
        }
    }

    /// The MAC of whole data.
    pub fn whole(self, cx: &Cx<'_>, data: &[u8]) -> Result<Vec<u8>> {
        match self {
            Self::Here(mut work) => {
                work.update(data);
                Ok(work.finish())
            }
            Self::Token(key, algorithm) => key.mac(cx, algorithm, data),
        }
    }

    /// What takes the parts of a stream.
    pub fn in_parts(self) -> Work {
        match self {
            Self::Here(work) => Work::Mac(work),
            Self::Token(..) => Work::Collect(Buffer::default()),
        }
    }
}

/// The MAC at the end of a stream, whose parts were collected if the key is in the HSM.
pub fn at_the_end(cx: &Cx<'_>, using: &Using, held: Option<TokenKey>, output: &Output) -> Result<Vec<u8>> {
    match held {
        Some(key) => key.mac(cx, algorithm(using)?, &output.data),
        None => Ok(output.data.to_vec()),
    }
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
