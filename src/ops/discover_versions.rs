//! Discover Versions: the versions that client and server share, newest first (1.4 §4.26, 2.1 §6.1.16).

use super::{Cx, Op};
use crate::base::Result;
use crate::proto::wire::{Write, structure};
use crate::registry::{Tag, Version};
use crate::ttlv::Writer;

/// Discover Versions.
pub struct DiscoverVersions;

structure! {
    /// A version that the client speaks; it may be one that we have never heard of.
    pub struct Spoken reads {
        req ProtocolVersionMajor => major: i32;
        req ProtocolVersionMinor => minor: i32;
    }
}

structure! {
    /// What the client speaks; nothing asks for everything that the server speaks.
    pub struct Request reads {
        many ProtocolVersion => versions: Spoken;
    }
}

structure! {
    /// What both speak, newest first.
    pub struct Response writes {
        many ProtocolVersion => versions: Version;
    }
}

impl Write for Version {
    fn write(&self, tag: Tag, out: &mut Writer, _: Version) {
        out.structure(tag, |out| {
            let (major, minor) = self.numbers();
            out.integer(Tag::ProtocolVersionMajor, major);
            out.integer(Tag::ProtocolVersionMinor, minor);
        });
    }
}

impl Op for DiscoverVersions {
    type Request<'a> = Request;
    type Response = Response;

    fn run(request: Request, _: &mut Cx<'_>) -> Result<Response> {
        let shared = |version: &Version| {
            request.versions.is_empty()
                || request.versions.iter().any(|spoken| (spoken.major, spoken.minor) == version.numbers())
        };
        Ok(Response { versions: Version::ALL.into_iter().rev().filter(shared).collect() })
    }
}
