//! PKCS#11: functions of a remote token (2.1 §6.1.37). The token is the caller's objects; what a function does to them
//! is done by the KMIP operation of the same meaning, with its rights, limits and lifecycle.
//!
//! A function that fails as PKCS#11 knows it has the Result Status Success and its CK_RV in PKCS#11 Return Code; a
//! function that cannot be run at all (unknown function or interface, parameters that cannot be read) is a failed
//! operation with one of the three PKCS#11 reasons.

mod codec;
mod crypto;
mod mechanisms;
mod objects;
mod rv;
mod state;
mod token;

use self::codec::{Input, Output};
use self::rv::{Failed, Rv};
use self::state::Application;
use super::{Cx, Op, handler};
use crate::base::{Buffer, Error, KeyBytes, Result};
use crate::proto::wire::{Read, Write, structure, wrong_type};
use crate::registry::{ItemType, Operation, PKCS_11Function, ResultReason, Tag, Version};
use crate::ttlv::{Item, Writer, check};

/// PKCS#11.
#[allow(non_camel_case_types, reason = "the operation's name")]
pub struct PKCS_11;

/// The name of the one interface (PKCS#11 3.0 §5.4): absent, it is meant.
const INTERFACE: &str = "PKCS 11";
/// Functions of CK_FUNCTION_LIST_3_0; those beyond our table are known and not supported.
const FUNCTIONS: u32 = 0x5C;
/// Random bytes of a correlation value.
const CORRELATION_BYTES: usize = 16;

/// A function: an Enumeration; an Integer is a vendor's own.
#[derive(Clone, Copy, Debug)]
pub struct Function(PKCS_11Function);

impl<'a> Read<'a> for Function {
    fn read(item: &Item<'a>, _: Version) -> Result<Self> {
        match item.item_type {
            // An unknown one is refused by the operation, with its own reason.
            ItemType::Enumeration => Ok(Self(PKCS_11Function(item.enumeration().unwrap_or_default()))),
            ItemType::Integer => {
                Err(Error::new(ResultReason::PKCS_11InvalidFunction, "this server has no vendor functions"))
            }
            _ => Err(wrong_type(item, "an Enumeration")),
        }
    }
}

structure! {
    /// The function and its parameters.
    pub struct Request<'a> reads {
        opt PKCS_11Interface => interface: &'a str;
        req PKCS_11Function => function: Function;
        opt CorrelationValue => correlation: &'a [u8];
        opt PKCS_11InputParameters => input: &'a [u8];
    }
}

/// What the function gave.
#[derive(Debug)]
pub struct Response {
    function: PKCS_11Function,
    correlation: Option<Vec<u8>>,
    output: Output,
    rv: Rv,
}

impl Write for Response {
    fn write(&self, tag: Tag, out: &mut Writer, version: Version) {
        out.structure(tag, |out| {
            self.function.write(Tag::PKCS_11Function, out, version);
            if let Some(correlation) = &self.correlation {
                out.byte_string(Tag::CorrelationValue, correlation);
            }
            if !self.output.0.is_empty() {
                out.byte_string(Tag::PKCS_11OutputParameters, &self.output.0);
            }
            out.enumeration(Tag::PKCS_11ReturnCode, self.rv.0);
        });
    }
}

impl Op for PKCS_11 {
    type Request<'a> = Request<'a>;
    type Response = Response;

    fn run(request: Request<'_>, cx: &mut Cx<'_>) -> Result<Response> {
        if request.interface.is_some_and(|name| name != INTERFACE) {
            return Err(Error::new(ResultReason::PKCS_11InvalidInterface, "this server has the interface PKCS 11"));
        }
        let function = request.function.0;
        if !(1..=FUNCTIONS).contains(&function.0) {
            return Err(Error::new(ResultReason::PKCS_11InvalidFunction, "PKCS#11 3.0 has no such function"));
        }
        let mut output = Output::default();
        let (correlation, outcome) = call(cx, function, &request, &mut output);
        let rv = match outcome {
            Ok(()) => rv::OK,
            Err(Failed::Codec) => {
                let words = "the input parameters of the function cannot be read";
                return Err(Error::new(ResultReason::PKCS_11CodecError, words));
            }
            Err(Failed::Rv(rv)) => rv,
            Err(Failed::Kmip(error)) if error.is_conflict() || error.is_would_block() => return Err(error),
            Err(Failed::Kmip(error)) => {
                if let Some(cause) = error.cause() {
                    tracing::error!(%function, %cause, "a PKCS#11 function failed");
                }
                rv::of(&error)
            }
        };
        // 2.1 gives a correlation value when it is new, 3.0 in each answer (PKCS11-M-1 of both).
        let echoed = (cx.version >= Version::V3_0).then(|| request.correlation.map(<[u8]>::to_vec)).flatten();
        Ok(Response { function, correlation: correlation.or(echoed), output, rv })
    }
}

/// Runs a function; gives a new correlation value, if there is one. What a failed function staged is dropped.
fn call(
    cx: &mut Cx<'_>,
    function: PKCS_11Function,
    request: &Request<'_>,
    output: &mut Output,
) -> (Option<Vec<u8>>, std::result::Result<(), Failed>) {
    let input = &mut Input(request.input.unwrap_or_default());
    if function == PKCS_11Function::C_Initialize {
        return match initialize(cx, request.correlation) {
            Ok(correlation) => (Some(correlation), Ok(())),
            Err(failed) => (None, Err(failed)),
        };
    }
    let outcome = application(cx, request.correlation).and_then(|(place, mut application)| {
        if function == PKCS_11Function::C_Finalize {
            return Ok(cx.set_memo(&place, None)?);
        }
        let before = application.encode();
        let outcome = perform(cx, function, &mut application, input, output);
        if outcome.is_err() {
            output.0.clear();
            cx.discard_item();
        }
        let after = application.encode();
        if before.expose() != after.expose() {
            cx.set_memo(&place, Some(after))?;
        }
        outcome
    });
    (None, outcome)
}

/// C_Initialize. Its arguments are about threads, which are the application's own.
fn initialize(cx: &mut Cx<'_>, correlation: Option<&[u8]>) -> std::result::Result<Vec<u8>, Failed> {
    if correlation.is_some() && application(cx, correlation).is_ok() {
        return Err(rv::CRYPTOKI_ALREADY_INITIALIZED.into());
    }
    let mut correlation = vec![0; CORRELATION_BYTES];
    let random = cx.services.entropy.fill(&mut correlation);
    random.map_err(|error| Error::internal("making a correlation value", error))?;
    let place = place_of(cx, &correlation);
    sweep(cx, &place)?;
    cx.set_memo(&place, Some(Application::new(cx.now).encode()))?;
    Ok(correlation)
}

/// Applications of one caller.
const APPLICATIONS_MAX: usize = 256;

/// Removes applications of the caller that have ended without C_Finalize.
fn sweep(cx: &mut Cx<'_>, place: &[u8]) -> std::result::Result<(), Failed> {
    let prefix = &place[..place.len() - CORRELATION_BYTES];
    let notes = cx.services.keep.memos(prefix, 2 * APPLICATIONS_MAX).map_err(Error::from)?;
    let mut living = 0;
    for (name, note) in notes {
        if Application::decode(&note.value)?.until <= cx.now {
            cx.set_memo(&name, None)?;
        } else {
            living += 1;
        }
    }
    if living >= APPLICATIONS_MAX {
        return Err(rv::FUNCTION_FAILED.into());
    }
    Ok(())
}

fn place_of(cx: &Cx<'_>, correlation: &[u8]) -> Vec<u8> {
    let owner = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, cx.caller.name.as_bytes());
    [b"pkcs11/", &owner.as_ref()[..16], correlation].concat()
}

/// The application that the correlation value stands for.
fn application(cx: &mut Cx<'_>, correlation: Option<&[u8]>) -> std::result::Result<(Vec<u8>, Application), Failed> {
    let correlation = correlation.filter(|value| value.len() == CORRELATION_BYTES);
    let place = place_of(cx, correlation.ok_or(rv::CRYPTOKI_NOT_INITIALIZED)?);
    let note: Option<KeyBytes> = cx.memo(&place)?;
    let application = Application::decode(&note.ok_or(rv::CRYPTOKI_NOT_INITIALIZED)?)?;
    if application.until <= cx.now {
        return Err(rv::CRYPTOKI_NOT_INITIALIZED.into());
    }
    Ok((place, application))
}

/// Every function but C_Initialize and C_Finalize.
fn perform(
    cx: &mut Cx<'_>,
    function: PKCS_11Function,
    application: &mut Application,
    input: &mut Input<'_>,
    out: &mut Output,
) -> std::result::Result<(), Failed> {
    use PKCS_11Function as F;
    match function {
        F::C_GetInfo => token::info(out),
        F::C_GetSlotList => token::slots(out),
        F::C_GetSlotInfo => {
            token::slot(input)?;
            token::slot_info(out);
        }
        F::C_GetTokenInfo => {
            token::slot(input)?;
            token::token_info(application.sessions.len(), out);
        }
        F::C_GetMechanismList => {
            token::slot(input)?;
            token::mechanisms(out);
        }
        F::C_GetMechanismInfo => {
            token::slot(input)?;
            token::mechanism_info(input.ulong()?, out)?;
        }
        F::C_OpenSession => {
            token::slot(input)?;
            let flags = input.ulong()?;
            out.ulong(application.open(flags)?);
        }
        F::C_CloseSession => {
            let handle = input.ulong()?;
            application.session(handle)?;
            application.sessions.retain(|session| session.handle != handle);
        }
        F::C_CloseAllSessions => {
            token::slot(input)?;
            application.sessions.clear();
        }
        F::C_GetSessionInfo => {
            let session = application.session(input.ulong()?)?;
            // CKF_RW_SESSION decides between CKS_RW_USER_FUNCTIONS and CKS_RO_USER_FUNCTIONS.
            let state = if session.flags & 0x2 != 0 { 3 } else { 1 };
            out.ulong(token::SLOT).ulong(state).ulong(session.flags).ulong(0);
        }
        F::C_Login => {
            // The caller was named before the first call; no PIN is looked at.
            application.session(input.ulong()?)?;
            return Err(rv::USER_ALREADY_LOGGED_IN.into());
        }
        F::C_Logout => {
            application.session(input.ulong()?)?;
        }
        F::C_CreateObject => objects::create(cx, application, input, out)?,
        F::C_DestroyObject => objects::destroy(cx, application, input)?,
        F::C_GetAttributeValue => objects::attributes(cx, application, input, out)?,
        F::C_FindObjectsInit => objects::find_init(cx, application, input)?,
        F::C_FindObjects => objects::find(application, input, out)?,
        F::C_FindObjectsFinal => objects::find_final(application, input)?,
        F::C_GenerateKey => crypto::generate(cx, application, input, out)?,
        F::C_GenerateRandom => crypto::random(cx, application, input, out)?,
        F::C_EncryptInit => crypto::init(application, input, F::C_Encrypt)?,
        F::C_DecryptInit => crypto::init(application, input, F::C_Decrypt)?,
        F::C_SignInit => crypto::init(application, input, F::C_Sign)?,
        F::C_VerifyInit => crypto::init(application, input, F::C_Verify)?,
        F::C_Encrypt | F::C_Decrypt | F::C_Sign | F::C_Verify => {
            crypto::finish(cx, application, input, function, out)?;
        }
        _ => return Err(rv::FUNCTION_NOT_SUPPORTED.into()),
    }
    Ok(())
}

/// Runs a KMIP operation for the caller, with its rights; gives its response payload.
fn operate(cx: &mut Cx<'_>, operation: Operation, payload: impl FnOnce(&mut Writer)) -> Result<Buffer> {
    if let Some(session) = &mut cx.session {
        session.enter(operation)?;
    }
    let mut request = Writer::new(Buffer::default());
    request.structure(Tag::RequestPayload, payload);
    let item = check(request.written(), &cx.services.limits)?;
    let handler = handler(operation)
        .ok_or_else(|| Error::new(ResultReason::OperationNotSupported, "this server does not offer the operation"))?;
    let mut out = Writer::new(Buffer::default());
    (handler.run)(&item, cx, &mut out)?;
    Ok(out.finish())
}

/// A field of a response payload, with the structures on the way to it.
fn field<'a>(payload: &'a [u8], path: &[Tag], cx: &Cx<'_>) -> Result<Option<Item<'a>>> {
    let mut item = check(payload, &cx.services.limits)?;
    for tag in path {
        match item.child(*tag) {
            Some(child) => item = child,
            None => return Ok(None),
        }
    }
    Ok(Some(item))
}
