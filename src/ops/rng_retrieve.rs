//! RNG Retrieve: output of the server's random number generator (1.2 §4.35, 2.1 §6.1.49).

use super::using::data::Shown;
use super::{Cx, Op};
use crate::base::{Error, KeyBytes, Result};
use crate::crypto::random;
use crate::proto::wire::structure;
use crate::registry::{Data, ResultReason};

/// RNG Retrieve.
pub struct RNGRetrieve;

structure! {
    /// How many bytes.
    pub struct Request reads {
        req DataLength => length: i32;
    }
}

structure! {
    /// The bytes.
    pub struct Response writes {
        opt Data => data: KeyBytes;
    }
}

impl Op for RNGRetrieve {
    type Request<'a> = Request;
    type Response = Response;

    fn run(request: Request, cx: &mut Cx<'_>) -> Result<Response> {
        let longest = cx.services.limits.object_bytes_max;
        let length =
            usize::try_from(request.length).map_err(|_| Error::invalid_field("Data Length cannot be negative"))?;
        if length > longest {
            return Err(Error::new(
                ResultReason::InvalidField,
                format!("this server gives at most {longest} random bytes at once"),
            ));
        }
        let data = random::secret(&*cx.services.entropy, length)?;
        cx.outputs.record(Data::RNGRetrieve, data.expose(), cx.version);
        Ok(Response { data: Shown(cx.ephemeral).data(Some(data)) })
    }
}
