//! Decrypt: the way back from Encrypt (1.2 §4.30, 2.1 §6.1.11). Nothing of an authenticated message is given out
//! before its tag is verified.

use super::encrypt::{has_tag_field, no_iv, not_late, whole_only};
use super::streams::{Part, Work, data_of};
use super::using::data::{DataRef, Shown};
use super::using::parameters::{Requested, of_cipher, of_pair};
use super::using::{Key, Using, begin, block_for, go_on, permit, software};
use super::{Cx, Op};
use crate::base::{Buffer, Result};
use crate::crypto::CryptoError;
use crate::crypto::symmetric::{self, Decryption};
use crate::model::usage::Use;
use crate::proto::id::{Id, IdRef};
use crate::proto::wire::structure;
use crate::registry::Data;

/// Decrypt.
pub struct Decrypt;

structure! {
    /// With which key and parameters, and what.
    pub struct Request<'a> reads {
        opt UniqueIdentifier => id: IdRef<'a>;
        opt CryptographicParameters => parameters: Requested;
        opt Data => data: DataRef<'a>;
        opt IVCounterNonce => iv: &'a [u8];
        opt CorrelationValue => correlation: &'a [u8];
        opt InitIndicator => init: bool;
        opt FinalIndicator => last: bool;
        opt AuthenticatedEncryptionAdditionalData => additional: &'a [u8];
        opt AuthenticatedEncryptionTag => tag: &'a [u8];
    }
}

structure! {
    /// The plaintext.
    pub struct Response writes {
        opt UniqueIdentifier => id: Id;
        opt Data => data: Buffer;
        opt CorrelationValue => correlation: Vec<u8>;
    }
}

impl Op for Decrypt {
    type Request<'a> = Request<'a>;
    type Response = Response;

    fn run(mut request: Request<'_>, cx: &mut Cx<'_>) -> Result<Response> {
        let part = Part::of(request.correlation, request.init, request.last, cx.version)?;
        let data = data_of(request.data, part)?.unwrap_or(DataRef::Bytes(&[]));
        let data = cx.outputs.resolve(data)?;
        block_for(cx, &data)?;
        let mut using = Using::new(cx, request.id, request.parameters.take(), part, Use::Decrypt)?;
        let mut correlation = None;
        let (id, plain) = match part {
            Part::Next(token) | Part::Last(token) => {
                not_late(request.additional)?;
                let id = using.charge(cx, data.len(), part)?;
                (id, go_on(cx, token, &data, request.tag, part.ends())?.data)
            }
            Part::Whole | Part::First => {
                let key = using.key(cx)?;
                let id = using.charge(cx, data.len(), part)?;
                let plain = match key {
                    Key::Secret(key) if part == Part::Whole => cipher(cx, &using, key.expose(), &request, &data)?,
                    Key::Secret(key) => {
                        let work = stream(cx, &using, key.expose(), &request)?;
                        let (output, token) = begin(cx, using.facts(), work, &data, request.tag)?;
                        correlation = Some(token);
                        output.data
                    }
                    Key::Private(key) => {
                        whole_only(part)?;
                        no_iv(request.iv, request.additional)?;
                        let mut plain = Buffer::default();
                        plain.extend(key.decrypt(&of_pair(&using.parameters), &data, software(cx))?.expose());
                        plain
                    }
                    Key::Public(_) => return using.wrong_key(),
                };
                (id, plain)
            }
        };
        cx.outputs.record(Data::Decrypt, &plain, cx.version);
        let shown = Shown(cx.ephemeral);
        let plain = Some(plain).filter(|plain| part.ends() || !plain.is_empty());
        Ok(Response { id: shown.id(id), data: shown.data(plain), correlation: shown.rest(correlation) })
    }
}

fn cipher(cx: &Cx<'_>, using: &Using, key: &[u8], request: &Request<'_>, data: &[u8]) -> Result<Buffer> {
    let parameters = checked(cx, using)?;
    let (mut data, mut tag) = (data, request.tag);
    if let Some(length) = tag_in_data(cx, &parameters)? {
        let text = data.len().checked_sub(length).ok_or(CryptoError::BadData("shorter than its tag"))?;
        let (front, end) = data.split_at(text);
        (data, tag) = (front, Some(end));
    }
    Ok(symmetric::decrypt(&parameters, key, request.iv, request.additional.unwrap_or_default(), data, tag)?)
}

fn stream(cx: &Cx<'_>, using: &Using, key: &[u8], request: &Request<'_>) -> Result<Work> {
    let parameters = checked(cx, using)?;
    let additional = request.additional.unwrap_or_default();
    let work = Decryption::new(&parameters, key, request.iv, additional, cx.services.limits.stream_bytes_max)?;
    Ok(match tag_in_data(cx, &parameters)? {
        Some(length) => Work::DecryptTagged(work, length, Buffer::default()),
        None => Work::Decrypt(work),
    })
}

fn checked(cx: &Cx<'_>, using: &Using) -> Result<symmetric::Parameters> {
    let parameters = of_cipher(&using.object, &using.parameters)?;
    permit(cx, symmetric::standing(parameters.algorithm))?;
    Ok(parameters)
}

/// How many bytes at the end of the data are its tag, in versions without a field for it.
fn tag_in_data(cx: &Cx<'_>, parameters: &symmetric::Parameters) -> Result<Option<usize>> {
    if has_tag_field(cx.version) { Ok(None) } else { Ok(symmetric::tag_length(parameters)?) }
}
