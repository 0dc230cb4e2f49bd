//! RNG Seed: the server's generator takes no seed from outside, and says so: none of the bytes is used. "The server
//! MAY elect to ignore the information provided by the client and MAY indicate this to the client by returning zero"
//! (1.2 §4.36, 2.1 §6.1.50).

use super::using::data::DataRef;
use super::{Cx, Op};
use crate::base::{Error, Result};
use crate::crypto::random;
use crate::proto::wire::structure;

/// RNG Seed.
pub struct RNGSeed;

structure! {
    /// The seed.
    pub struct Request<'a> reads {
        req Data => data: DataRef<'a>;
    }
}

structure! {
    /// How many bytes were used.
    pub struct Response writes {
        req DataLength => used: i32;
    }
}

impl Op for RNGSeed {
    type Request<'a> = Request<'a>;
    type Response = Response;

    fn run(request: Request<'_>, cx: &mut Cx<'_>) -> Result<Response> {
        let seed = cx.outputs.resolve(request.data)?;
        let used = i32::try_from(random::seed(&seed)).map_err(|error| Error::internal("counting a seed", error))?;
        Ok(Response { used })
    }
}
