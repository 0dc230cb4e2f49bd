//! Room 5: the operations, one file each. A file holds the request, the response and what the operation does; the
//! table at the end lists them. Handlers stage their effects through `Cx` and never commit.

mod activate;
mod add_attribute;
mod adjust_attribute;
mod archive;
pub mod asynchronous;
mod cancel;
mod certificate;
mod certify;
mod certifying;
mod change;
mod check;
mod create;
mod create_credential;
mod create_group;
mod create_key_pair;
mod create_split_key;
mod create_user;
mod cx;
mod deactivate;
mod decapsulate;
mod decrypt;
mod delegated_login;
mod delete_attribute;
mod derive_key;
mod destroy;
mod destroy_final;
mod discover_versions;
mod encapsulate;
mod encrypt;
mod export;
mod fresh;
mod get;
mod get_attribute_list;
mod get_attributes;
mod get_constraints;
mod get_usage_allocation;
pub mod handlers;
mod hash;
mod import;
mod interop;
mod join_split_key;
mod locate;
mod log;
mod login;
mod logout;
mod mac;
mod mac_verify;
mod modify_attribute;
mod obliterate;
mod obtain_lease;
mod ping;
mod pkcs11;
mod pkcs12;
mod poll;
mod process;
mod query;
mod query_asynchronous_requests;
mod recertify;
mod recover;
mod register;
mod rekey;
mod rekey_key_pair;
mod replace;
pub mod reprovision;
mod resident;
mod revoke;
pub mod rewrap;
mod rng_retrieve;
mod rng_seed;
mod scope;
pub mod session;
mod set_attribute;
mod set_constraints;
mod set_defaults;
mod set_endpoint_role;
mod sign;
mod signature_verify;
mod split_key;
pub mod streams;
mod symmetric;
mod system;
mod unwrapping;
mod using;
mod validate;
mod wrapping;

pub use cx::{Answered, Cx, Object, Services, Settings};
pub use handlers::{HANDLERS, handler};
pub use using::parsed::ParsedKeys;

use crate::base::Result;
use crate::proto::wire::{Read, Write};
use crate::registry::{Operation, Tag};
use crate::ttlv::{Item, Writer};

/// An operation of the protocol.
pub trait Op {
    /// What the client sends.
    type Request<'a>: Read<'a>;
    /// What it is answered.
    type Response: Write;

    /// Does the operation: reads through `cx`, stages effects in it, answers.
    fn run(request: Self::Request<'_>, cx: &mut Cx<'_>) -> Result<Self::Response>;
}

/// Runs one operation: decodes the payload, runs, encodes the answer's payload.
pub type Run = fn(&Item<'_>, &mut Cx<'_>, &mut Writer) -> Result<()>;

/// A row of the table of operations.
#[derive(Clone, Copy)]
pub struct Handler {
    /// The operation.
    pub operation: Operation,
    /// Its function.
    pub run: Run,
}

/// The one function behind every row.
fn run<O: Op>(payload: &Item<'_>, cx: &mut Cx<'_>, out: &mut Writer) -> Result<()> {
    let request = O::Request::read(payload, cx.version)?;
    let response = O::run(request, cx)?;
    response.write(Tag::ResponsePayload, out, cx.version);
    Ok(())
}
