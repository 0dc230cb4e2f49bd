//! Decrypt: the way back from Encrypt (1.2 §4.30, 2.1 §6.1.11). Nothing of an authenticated message is given out
//! before its tag is verified.

use super::encrypt::{has_tag_field, no_iv, not_late, whole_only};
use super::streams::{Opening, Part, Work, data_of};
use super::using::data::{DataRef, Shown};
use super::using::parameters::{Requested, of_cipher, of_pair};
use super::using::{Key, Using, begin, block_for, go_on, permit, software};
use super::{Cx, Op};
use crate::base::{Buffer, Result};
use crate::crypto::CryptoError;
use crate::crypto::symmetric::{self, Decryption, Elsewhere};
use crate::model::usage::Use;
use crate::proto::id::{Id, IdRef};
use crate::proto::wire::structure;
use crate::registry::{Data, ObjectType};

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
                let held = if part.ends() { using.collected_for(cx)? } else { None };
                let id = using.charge(cx, data.len(), part)?;
                let output = go_on(cx, token, &data, request.tag, part.ends())?;
                let plain = match held {
                    Some(key) => {
                        let Opening { iv, additional } = using.opening();
                        let given = Given { iv: iv.as_deref(), additional, tag: output.check.as_deref() };
                        cipher(cx, &using, &Key::Token(key), given, &output.data)?
                    }
                    None => output.data,
                };
                (id, plain)
            }
            Part::Whole | Part::First => {
                let key = using.key(cx)?;
                let id = using.charge(cx, data.len(), part)?;
                let plain = match key {
                    Key::Secret(_) if part == Part::Whole => cipher(cx, &using, &key, Given::of(&request), &data)?,
                    Key::Secret(key) => {
                        let work = stream(cx, &using, key.expose(), &request)?;
                        let (output, token) = begin(cx, using.facts(), work, &data, request.tag)?;
                        correlation = Some(token);
                        output.data
                    }
                    Key::Token(_) if using.object.object_type != ObjectType::PrivateKey => {
                        if part == Part::Whole {
                            cipher(cx, &using, &key, Given::of(&request), &data)?
                        } else {
                            correlation = Some(collect(cx, &using, &request, &data)?);
                            Buffer::default()
                        }
                    }
                    Key::Private(_) | Key::Token(_) => {
                        whole_only(part)?;
                        no_iv(request.iv, request.additional)?;
                        let parameters = of_pair(&using.parameters);
                        let plain = match &key {
                            Key::Token(key) => key.decrypt_with_private(cx, &parameters, &data)?,
                            Key::Private(key) => key.decrypt(&parameters, &data, software(cx))?,
                            _ => return using.wrong_key(),
                        };
                        Buffer::copy_from(plain.expose())
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

/// What a ciphertext came with.
struct Given<'a> {
    iv: Option<&'a [u8]>,
    additional: &'a [u8],
    tag: Option<&'a [u8]>,
}

impl<'a> Given<'a> {
    fn of(request: &Request<'a>) -> Self {
        Self { iv: request.iv, additional: request.additional.unwrap_or_default(), tag: request.tag }
    }
}

fn cipher(cx: &Cx<'_>, using: &Using, key: &Key, given: Given<'_>, data: &[u8]) -> Result<Buffer> {
    let parameters = checked(cx, using)?;
    let (mut data, mut tag) = (data, given.tag);
    if let Some(length) = tag_in_data(cx, &parameters)? {
        let text = data.len().checked_sub(length).ok_or(CryptoError::BadData("shorter than its tag"))?;
        let (front, end) = data.split_at(text);
        (data, tag) = (front, Some(end));
    }
    match key {
        Key::Secret(key) => Ok(symmetric::decrypt(&parameters, key.expose(), given.iv, given.additional, data, tag)?),
        Key::Token(key) => key.decrypt(cx, &parameters, given.iv, given.additional, data, tag),
        Key::Private(_) | Key::Public(_) => using.wrong_key(),
    }
}

/// Begins a stream whose parts are collected for a key in the HSM.
fn collect(cx: &mut Cx<'_>, using: &Using, request: &Request<'_>, data: &[u8]) -> Result<Vec<u8>> {
    let additional = request.additional.unwrap_or_default();
    // What does not fit together is refused with the first part.
    Elsewhere::decryption(&checked(cx, using)?, request.iv, additional)?;
    let opening = Opening { iv: request.iv.map(<[u8]>::to_vec), additional: additional.to_vec() };
    Ok(begin(cx, using.facts_with(opening), Work::Collect(Buffer::default()), data, request.tag)?.1)
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
