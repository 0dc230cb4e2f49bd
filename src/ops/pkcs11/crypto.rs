//! Keys made and used: Create, Encrypt, Decrypt, Sign, Signature Verify, MAC, MAC Verify, RNG Retrieve.

use super::codec::{Input, Output};
use super::mechanisms::{MECHANISMS, Mechanism, Work};
use super::objects::{handle, of_type, write_template};
use super::rv::{
    DATA_INVALID, FUNCTION_FAILED, Failed, KEY_HANDLE_INVALID, MECHANISM_INVALID, MECHANISM_PARAM_INVALID,
    OPERATION_ACTIVE, OPERATION_NOT_INITIALIZED, SIGNATURE_INVALID, TEMPLATE_INCOMPLETE,
};
use super::state::{Active, Application};
use super::{field, operate};
use crate::ops::Cx;
use crate::proto::id::Id;
use crate::proto::wire::Write;
use crate::registry::{
    BlockCipherMode, CryptographicAlgorithm, HashingAlgorithm, ObjectType, Operation, PKCS_11Function, Tag,
    ValidityIndicator, Version,
};
use crate::ttlv::Writer;

type Outcome = Result<(), Failed>;

/// CKA_VALUE_LEN.
const VALUE_LEN: u64 = 0x161;
/// Bytes of a GCM tag, the only length we make.
const TAG_BYTES: usize = 16;

fn mechanism(number: u64) -> Result<&'static Mechanism, Failed> {
    MECHANISMS.iter().find(|row| row.mechanism == number).ok_or(MECHANISM_INVALID.into())
}

/// C_GenerateKey.
pub fn generate(cx: &mut Cx<'_>, application: &mut Application, input: &mut Input<'_>, out: &mut Output) -> Outcome {
    application.session(input.ulong()?)?;
    let row = mechanism(input.ulong()?)?;
    let _parameter = input.bytes()?;
    if row.work != Work::Generate {
        return Err(MECHANISM_INVALID.into());
    }
    let template = input.template()?;
    let length = of_type(&template, VALUE_LEN).and_then(|value| value.try_into().ok()).map(u64::from_be_bytes);
    let length = length.ok_or(TEMPLATE_INCOMPLETE)?;
    let bits = i32::try_from(length.saturating_mul(8)).map_err(|_| Failed::Codec)?;
    let version = cx.version;
    let made = operate(cx, Operation::Create, |out| {
        ObjectType::SymmetricKey.write(Tag::ObjectType, out, version);
        write_template(&template, Some((CryptographicAlgorithm::AES, bits)), version, out);
    })?;
    handle(cx, application, &made, out)
}

/// C_GenerateRandom.
pub fn random(cx: &mut Cx<'_>, application: &mut Application, input: &mut Input<'_>, out: &mut Output) -> Outcome {
    application.session(input.ulong()?)?;
    let length = i32::try_from(input.count()?).map_err(|_| Failed::Codec)?;
    let answer = operate(cx, Operation::RNGRetrieve, |out| out.integer(Tag::DataLength, length))?;
    let data = field(&answer, &[Tag::Data], cx)?.and_then(|item| item.byte_string());
    out.bytes(data.ok_or(FUNCTION_FAILED)?);
    Ok(())
}

/// C_EncryptInit, C_DecryptInit, C_SignInit, C_VerifyInit: remembers what the function `ends` will need.
pub fn init(application: &mut Application, input: &mut Input<'_>, ends: PKCS_11Function) -> Outcome {
    let session = input.ulong()?;
    application.session(session)?;
    let row = mechanism(input.ulong()?)?;
    let parameter = input.bytes()?.to_vec();
    let key = input.ulong()?;
    application.object(key).map_err(|_| Failed::Rv(KEY_HANDLE_INVALID))?;
    let ciphers = matches!(ends, PKCS_11Function::C_Encrypt | PKCS_11Function::C_Decrypt);
    if row.work == Work::Generate || matches!(row.work, Work::Cipher(..)) != ciphers {
        return Err(MECHANISM_INVALID.into());
    }
    if let Work::Cipher(mode, _) = row.work {
        Cipher::of(mode, &parameter)?;
    }
    let session = application.session(session)?;
    let function = u64::from(ends.0);
    if session.active.iter().any(|active| active.function == function) {
        return Err(OPERATION_ACTIVE.into());
    }
    session.active.push(Active { function, key, mechanism: row.mechanism, parameter });
    Ok(())
}

/// C_Encrypt, C_Decrypt, C_Sign, C_Verify: done whole, and over whatever comes of it.
pub fn finish(
    cx: &mut Cx<'_>,
    application: &mut Application,
    input: &mut Input<'_>,
    function: PKCS_11Function,
    out: &mut Output,
) -> Outcome {
    let session = application.session(input.ulong()?)?;
    let at = session.active.iter().position(|active| active.function == u64::from(function.0));
    let active = session.active.remove(at.ok_or(OPERATION_NOT_INITIALIZED)?);
    let data = input.bytes()?;
    let id = Id(application.object(active.key)?);
    match (mechanism(active.mechanism)?.work, function) {
        (Work::Cipher(mode, padding), PKCS_11Function::C_Encrypt) => {
            let cipher = Cipher::of(mode, &active.parameter)?;
            encrypt(cx, &id, &cipher, padding, data, out)
        }
        (Work::Cipher(mode, padding), _) => {
            let cipher = Cipher::of(mode, &active.parameter)?;
            decrypt(cx, &id, &cipher, padding, data, out)
        }
        (work, PKCS_11Function::C_Sign) => sign(cx, &id, work, data, out),
        (work, _) => verify(cx, &id, work, data, input.bytes()?),
    }
}

/// A mode with its parameter taken apart.
struct Cipher<'a> {
    mode: BlockCipherMode,
    iv: &'a [u8],
    additional: &'a [u8],
}

impl<'a> Cipher<'a> {
    /// ECB has none, CBC its IV, GCM a CK_GCM_PARAMS: IV, IV bits, additional data, tag bits.
    fn of(mode: BlockCipherMode, parameter: &'a [u8]) -> Result<Self, Failed> {
        let wrong = || Failed::Rv(MECHANISM_PARAM_INVALID);
        let (iv, additional) = match mode {
            BlockCipherMode::ECB if parameter.is_empty() => (&[][..], &[][..]),
            BlockCipherMode::CBC if parameter.len() == 16 => (parameter, &[][..]),
            BlockCipherMode::GCM => {
                let mut fields = Input(parameter);
                let mut take = || {
                    let (iv, bits, additional) = (fields.bytes()?, fields.ulong()?, fields.bytes()?);
                    Ok::<_, Failed>((iv, bits, additional, fields.ulong()?))
                };
                let (iv, _, additional, bits) = take().map_err(|_| wrong())?;
                if bits != 8 * TAG_BYTES as u64 || iv.is_empty() {
                    return Err(wrong());
                }
                (iv, additional)
            }
            _ => return Err(wrong()),
        };
        Ok(Self { mode, iv, additional })
    }

    fn write(&self, padding: crate::registry::PaddingMethod, out: &mut Writer, version: Version) {
        out.structure(Tag::CryptographicParameters, |out| {
            self.mode.write(Tag::BlockCipherMode, out, version);
            if self.mode != BlockCipherMode::GCM {
                padding.write(Tag::PaddingMethod, out, version);
            }
            CryptographicAlgorithm::AES.write(Tag::CryptographicAlgorithm, out, version);
            if self.mode == BlockCipherMode::GCM {
                out.integer(Tag::TagLength, TAG_BYTES as i32);
            }
        });
    }

    fn write_iv(&self, out: &mut Writer) {
        if !self.iv.is_empty() {
            out.byte_string(Tag::IVCounterNonce, self.iv);
        }
    }

    fn write_additional(&self, out: &mut Writer) {
        if !self.additional.is_empty() {
            out.byte_string(Tag::AuthenticatedEncryptionAdditionalData, self.additional);
        }
    }
}

fn encrypt(
    cx: &mut Cx<'_>,
    id: &Id,
    cipher: &Cipher<'_>,
    padding: crate::registry::PaddingMethod,
    data: &[u8],
    out: &mut Output,
) -> Outcome {
    let version = cx.version;
    let answer = operate(cx, Operation::Encrypt, |out| {
        id.write(Tag::UniqueIdentifier, out, version);
        cipher.write(padding, out, version);
        out.byte_string(Tag::Data, data);
        cipher.write_iv(out);
        cipher.write_additional(out);
    })?;
    let part =
        |tag| Ok::<_, Failed>(field(&answer, &[tag], cx)?.and_then(|item| item.byte_string()).unwrap_or_default());
    let (text, tag) = (part(Tag::Data)?, part(Tag::AuthenticatedEncryptionTag)?);
    // The tag of GCM stands behind the text.
    out.count(text.len() + tag.len()).raw(text).raw(tag);
    Ok(())
}

fn decrypt(
    cx: &mut Cx<'_>,
    id: &Id,
    cipher: &Cipher<'_>,
    padding: crate::registry::PaddingMethod,
    data: &[u8],
    out: &mut Output,
) -> Outcome {
    let version = cx.version;
    let tag_bytes = if cipher.mode == BlockCipherMode::GCM { TAG_BYTES } else { 0 };
    let text_bytes = data.len().checked_sub(tag_bytes).ok_or(DATA_INVALID)?;
    let (text, tag) = data.split_at(text_bytes);
    let answer = operate(cx, Operation::Decrypt, |out| {
        id.write(Tag::UniqueIdentifier, out, version);
        cipher.write(padding, out, version);
        out.byte_string(Tag::Data, text);
        cipher.write_iv(out);
        cipher.write_additional(out);
        if !tag.is_empty() {
            out.byte_string(Tag::AuthenticatedEncryptionTag, tag);
        }
    })?;
    out.bytes(field(&answer, &[Tag::Data], cx)?.and_then(|item| item.byte_string()).unwrap_or_default());
    Ok(())
}

/// Cryptographic Parameters of a signature or an HMAC, and the operations that make and verify it.
fn write_work(work: Work, out: &mut Writer, version: Version) {
    out.structure(Tag::CryptographicParameters, |out| match work {
        Work::Signature(algorithm) => algorithm.write(Tag::DigitalSignatureAlgorithm, out, version),
        Work::Hmac(hash) => hmac_of(hash).write(Tag::CryptographicAlgorithm, out, version),
        Work::Generate | Work::Cipher(..) => {}
    });
}

fn hmac_of(hash: HashingAlgorithm) -> CryptographicAlgorithm {
    match hash {
        HashingAlgorithm::SHA_384 => CryptographicAlgorithm::HMAC_SHA384,
        HashingAlgorithm::SHA_512 => CryptographicAlgorithm::HMAC_SHA512,
        _ => CryptographicAlgorithm::HMAC_SHA256,
    }
}

fn sign(cx: &mut Cx<'_>, id: &Id, work: Work, data: &[u8], out: &mut Output) -> Outcome {
    let version = cx.version;
    let (operation, result) = match work {
        Work::Hmac(_) => (Operation::MAC, Tag::MACData),
        _ => (Operation::Sign, Tag::SignatureData),
    };
    let answer = operate(cx, operation, |out| {
        id.write(Tag::UniqueIdentifier, out, version);
        write_work(work, out, version);
        out.byte_string(Tag::Data, data);
    })?;
    out.bytes(field(&answer, &[result], cx)?.and_then(|item| item.byte_string()).ok_or(FUNCTION_FAILED)?);
    Ok(())
}

fn verify(cx: &mut Cx<'_>, id: &Id, work: Work, data: &[u8], signature: &[u8]) -> Outcome {
    let version = cx.version;
    let (operation, given) = match work {
        Work::Hmac(_) => (Operation::MACVerify, Tag::MACData),
        _ => (Operation::SignatureVerify, Tag::SignatureData),
    };
    let answer = operate(cx, operation, |out| {
        id.write(Tag::UniqueIdentifier, out, version);
        write_work(work, out, version);
        out.byte_string(Tag::Data, data);
        out.byte_string(given, signature);
    })?;
    let indicator = field(&answer, &[Tag::ValidityIndicator], cx)?.and_then(|item| item.enumeration());
    if indicator == Some(ValidityIndicator::Valid.0) { Ok(()) } else { Err(SIGNATURE_INVALID.into()) }
}
