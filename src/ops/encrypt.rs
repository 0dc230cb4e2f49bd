//! Encrypt: data is encrypted with a key of the server, whole or in parts (1.2 §4.29, 2.1 §6.1.17).

use super::streams::{Opening, Part, Work, data_of};
use super::using::data::{DataRef, Shown};
use super::using::parameters::{Requested, of_cipher, of_pair};
use super::using::{Key, TokenKey, Using, begin, block_for, go_on, permit};
use super::{Cx, Op};
use crate::base::{Buffer, Error, Result};
use crate::crypto::symmetric::{self, Elsewhere, Encryption};
use crate::model::usage::Use;
use crate::proto::id::{Id, IdRef};
use crate::proto::wire::structure;
use crate::registry::{Data, ResultReason, Tag, Version};

/// Encrypt.
pub struct Encrypt;

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
    }
}

structure! {
    /// The ciphertext, and what Decrypt will need besides.
    pub struct Response writes {
        opt UniqueIdentifier => id: Id;
        opt Data => data: Buffer;
        opt IVCounterNonce => iv: Vec<u8>;
        opt CorrelationValue => correlation: Vec<u8>;
        opt AuthenticatedEncryptionTag => tag: Vec<u8>;
    }
}

impl Op for Encrypt {
    type Request<'a> = Request<'a>;
    type Response = Response;

    fn run(mut request: Request<'_>, cx: &mut Cx<'_>) -> Result<Response> {
        let part = Part::of(request.correlation, request.init, request.last, cx.version)?;
        let data = data_of(request.data, part)?.unwrap_or(DataRef::Bytes(&[]));
        let data = cx.outputs.resolve(data)?;
        block_for(cx, &data)?;
        let mut using = Using::new(cx, request.id, request.parameters.take(), part, Use::Encrypt)?;
        let mut answer = Answer::default();
        let id = match part {
            Part::Next(token) | Part::Last(token) => {
                not_late(request.additional)?;
                let held = if part.ends() { using.collected_for(cx)? } else { None };
                let id = using.charge(cx, data.len(), part)?;
                let output = go_on(cx, token, &data, None, part.ends())?;
                answer = match held {
                    Some(key) => {
                        let Opening { iv, additional } = using.opening();
                        let sealed = in_token(cx, &using, &key, iv.as_deref(), additional, &output.data)?;
                        Answer { data: sealed.data, tag: sealed.tag, ..answer }
                    }
                    None => Answer { data: output.data, tag: output.tag, ..answer },
                };
                id
            }
            Part::Whole | Part::First => {
                let key = using.key(cx)?;
                let id = using.charge(cx, data.len(), part)?;
                answer = match key {
                    Key::Secret(key) => cipher(cx, &using, key.expose(), &request, &data, part)?,
                    Key::Public(key) => {
                        whole_only(part)?;
                        no_iv(request.iv, request.additional)?;
                        let mut sealed = Buffer::default();
                        sealed.extend(&key.encrypt(&of_pair(&using.parameters), &data)?);
                        Answer { data: sealed, ..answer }
                    }
                    Key::Token(key) => token_cipher(cx, &using, &key, &request, &data, part)?,
                    Key::Private(_) => return using.wrong_key(),
                };
                id
            }
        };
        if !has_tag_field(cx.version)
            && let Some(tag) = answer.tag.take()
        {
            // These versions have no field for the tag; clients take it from the end of the data.
            answer.data.extend(&tag);
        }
        cx.outputs.record(Data::Encrypt, &answer.data, cx.version);
        let shown = Shown(cx.ephemeral);
        let data = Some(answer.data).filter(|data| part.ends() || !data.is_empty());
        Ok(Response {
            id: shown.id(id),
            data: shown.data(data),
            iv: shown.rest(answer.iv),
            correlation: shown.rest(answer.correlation),
            tag: shown.rest(answer.tag),
        })
    }
}

#[derive(Default)]
struct Answer {
    data: Buffer,
    iv: Option<Vec<u8>>,
    correlation: Option<Vec<u8>>,
    tag: Option<Vec<u8>>,
}

fn cipher(
    cx: &mut Cx<'_>,
    using: &Using,
    key: &[u8],
    request: &Request<'_>,
    data: &[u8],
    part: Part,
) -> Result<Answer> {
    let parameters = of_cipher(&using.object, &using.parameters)?;
    permit(cx, symmetric::standing(parameters.algorithm))?;
    let (iv, additional) = (request.iv, request.additional.unwrap_or_default());
    let entropy = &*cx.services.entropy;
    if part == Part::Whole {
        let output = symmetric::encrypt(&parameters, key, iv, additional, data, entropy)?;
        return Ok(Answer { data: output.data, iv: output.iv, tag: output.tag, correlation: None });
    }
    let work = Encryption::new(&parameters, key, iv, additional, cx.services.limits.stream_bytes_max, entropy)?;
    let iv = work.iv().map(<[u8]>::to_vec);
    let (output, correlation) = begin(cx, using.facts(), Work::Encrypt(work), data, None)?;
    Ok(Answer { data: output.data, iv, correlation: Some(correlation), tag: None })
}

/// With a key in the HSM. Parts are collected: a session of the HSM is not held between requests.
fn token_cipher(
    cx: &mut Cx<'_>,
    using: &Using,
    key: &TokenKey,
    request: &Request<'_>,
    data: &[u8],
    part: Part,
) -> Result<Answer> {
    let additional = request.additional.unwrap_or_default();
    if part == Part::Whole {
        let output = in_token(cx, using, key, request.iv, additional, data)?;
        return Ok(Answer { data: output.data, iv: output.iv, tag: output.tag, correlation: None });
    }
    let parameters = of_cipher(&using.object, &using.parameters)?;
    // What does not fit together is refused with the first part.
    let work = Elsewhere::encryption(&parameters, request.iv, additional, &*cx.services.entropy)?;
    let made = work.iv_made().map(<[u8]>::to_vec);
    let iv = made.clone().or_else(|| request.iv.map(<[u8]>::to_vec));
    let facts = using.facts_with(Opening { iv, additional: additional.to_vec() });
    let (_, correlation) = begin(cx, facts, Work::Collect(Buffer::default()), data, None)?;
    Ok(Answer { iv: made, correlation: Some(correlation), ..Answer::default() })
}

fn in_token(
    cx: &Cx<'_>,
    using: &Using,
    key: &TokenKey,
    iv: Option<&[u8]>,
    additional: &[u8],
    data: &[u8],
) -> Result<symmetric::Output> {
    let parameters = of_cipher(&using.object, &using.parameters)?;
    permit(cx, symmetric::standing(parameters.algorithm))?;
    key.encrypt(cx, &parameters, iv, additional, data)
}

/// RSA takes all of its data at once.
pub fn whole_only(part: Part) -> Result<()> {
    if part == Part::Whole {
        return Ok(());
    }
    Err(Error::new(ResultReason::FeatureNotSupported, "asymmetric keys encrypt and decrypt in one part"))
}

/// "This data MUST be supplied on the initial request" (2.1 §6.1.11, §6.1.17).
pub fn not_late(additional: Option<&[u8]>) -> Result<()> {
    match additional {
        Some(additional) if !additional.is_empty() => {
            Err(Error::invalid_field("additional data belongs to the first part of the operation"))
        }
        _ => Ok(()),
    }
}

/// Refuses what asymmetric encryption has no place for: its sender believes in a protection that is not there.
pub fn no_iv(iv: Option<&[u8]>, additional: Option<&[u8]>) -> Result<()> {
    let given = |bytes: Option<&[u8]>| bytes.is_some_and(|bytes| !bytes.is_empty());
    if given(iv) || given(additional) {
        return Err(Error::new(
            ResultReason::BadCryptographicParameters,
            "asymmetric encryption takes neither IV nor additional data",
        ));
    }
    Ok(())
}

/// Versions that have a field for the tag.
pub fn has_tag_field(version: Version) -> bool {
    Tag::AuthenticatedEncryptionTag.known_in(version)
}
