//! How a key of the token wraps 32 bytes. Tokens differ: some refuse an IV from outside, some give it back in one of
//! three places, some have no GCM at all. So each method is tried by a round trip, the first that works is used, and
//! its number stands in every wrapped value.

use cryptoki::mechanism::aead::GcmParams;
use cryptoki::mechanism::rsa::{PkcsMgfType, PkcsOaepParams, PkcsOaepSource};
use cryptoki::mechanism::{Mechanism, MechanismType};
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::types::Ulong;

use super::calls::Call;
use super::canary::ulong;
use super::error::{Fault, HsmError};
use super::keyid::KeyId;
use super::token::{ClassKey, Desk};
use crate::base::KeyBytes;

const IV_BYTES: usize = 12;
const TAG_BYTES: usize = 16;
const TAG_BITS: u64 = 128;
/// Associated data of GCM in the token. What binds a value to its place is outside, in `root`.
const AAD: &[u8] = b"keyhaven root";
/// Bits of an RSA key that wraps, where a token has no AES.
const RSA_BITS: u64 = 3072;

/// A method, by its number in wrapped values.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum WrapMethod {
    /// AES-GCM with an IV of ours.
    GcmIvGiven = 1,
    /// AES-GCM; the token makes the IV and writes it over ours.
    GcmIvReturned = 2,
    /// AES-GCM; the token makes the IV and appends it.
    GcmIvAppended = 3,
    /// AES-GCM; the token makes the IV and puts it first.
    GcmIvPrepended = 4,
    /// AES Key Wrap (RFC 3394).
    KeyWrap = 5,
    /// AES Key Wrap with padding (RFC 5649).
    KeyWrapPad = 6,
    /// AES-CBC with PKCS#7 padding. What is wrapped is authenticated outside.
    CbcPad = 7,
    /// RSA-OAEP with SHA-256.
    OaepSha256 = 8,
    /// RSA-OAEP with SHA-1.
    OaepSha1 = 9,
}

impl WrapMethod {
    /// Every method, the best first.
    pub const ALL: [Self; 9] = [
        Self::GcmIvGiven,
        Self::GcmIvReturned,
        Self::GcmIvAppended,
        Self::GcmIvPrepended,
        Self::KeyWrapPad,
        Self::KeyWrap,
        Self::CbcPad,
        Self::OaepSha256,
        Self::OaepSha1,
    ];

    /// The method of a number.
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|method| *method as u8 == number)
    }

    pub(super) fn is_rsa(self) -> bool {
        matches!(self, Self::OaepSha256 | Self::OaepSha1)
    }
}

/// The first method with which the key gives back what it wrapped. `random` is fresh.
pub(super) fn probe(desk: &Desk<'_>, id: &KeyId, random: &[u8; 32]) -> Result<WrapMethod, Fault> {
    let rsa = desk.key_if_any(ClassKey::Secret, id)?.is_none();
    let secret = KeyBytes::copy_from(random);
    let mut refusals = String::new();
    for method in WrapMethod::ALL.into_iter().filter(|method| method.is_rsa() == rsa) {
        let mut iv = [0; 16];
        iv.copy_from_slice(&random[..16]);
        let tried = wrap(desk, method, id, &secret, iv).and_then(|wrapped| unwrap(desk, method, id, &wrapped));
        match tried {
            Ok(opened) if opened.expose() == secret.expose() => return Ok(method),
            Ok(_) => refusals.push_str(&format!(" {method:?}: other bytes;")),
            // Refusals of single methods come in every form, General Error among them; a dead token is noticed after.
            Err(fault @ (Fault::Pin | Fault::Gone(_) | Fault::Bare | Fault::NotFound)) => return Err(fault),
            Err(fault) => refusals.push_str(&format!(" {method:?}: {};", fault.settled())),
        }
    }
    Err(HsmError::Refused(format!("no method of wrapping works with the root key:{refusals}")).into())
}

/// Wraps 32 bytes. `iv` is fresh; methods without an IV do not look at it.
pub(super) fn wrap(
    desk: &Desk<'_>,
    method: WrapMethod,
    id: &KeyId,
    secret: &KeyBytes,
    iv: [u8; 16],
) -> Result<Vec<u8>, Fault> {
    let class = if method.is_rsa() { ClassKey::Public } else { ClassKey::Secret };
    let key = desk.key(class, id)?;
    match method {
        WrapMethod::GcmIvGiven | WrapMethod::GcmIvReturned | WrapMethod::GcmIvAppended | WrapMethod::GcmIvPrepended => {
            gcm_encrypt(desk, method, key, secret, iv)
        }
        WrapMethod::KeyWrap | WrapMethod::KeyWrapPad => wrap_bytes(desk, &key_wrap(method), key, KeyType::AES, secret),
        WrapMethod::CbcPad => {
            let cut =
                desk.call(Call::Encrypt, |session| session.encrypt(&Mechanism::AesCbcPad(iv), key, secret.expose()))?;
            Ok([&iv[..], &cut].concat())
        }
        WrapMethod::OaepSha256 | WrapMethod::OaepSha1 => {
            desk.call(Call::Encrypt, |session| session.encrypt(&oaep(method), key, secret.expose()))
        }
    }
}

/// Opens what `wrap` made.
pub(super) fn unwrap(desk: &Desk<'_>, method: WrapMethod, id: &KeyId, wrapped: &[u8]) -> Result<KeyBytes, Fault> {
    let class = if method.is_rsa() { ClassKey::Private } else { ClassKey::Secret };
    let key = desk.key(class, id)?;
    let altered = || Fault::Final(HsmError::Altered);
    match method {
        WrapMethod::GcmIvGiven | WrapMethod::GcmIvReturned | WrapMethod::GcmIvAppended | WrapMethod::GcmIvPrepended => {
            let (iv, cut) = wrapped.split_at_checked(IV_BYTES).ok_or_else(altered)?;
            let mut iv = iv.to_vec();
            let plain = desk.call(Call::Decrypt, |session| {
                let parameters = GcmParams::new(&mut iv, AAD, Ulong::from(TAG_BITS))?;
                session.decrypt(&Mechanism::AesGcm(parameters), key, cut)
            })?;
            Ok(KeyBytes::new(plain))
        }
        WrapMethod::KeyWrap | WrapMethod::KeyWrapPad => {
            unwrap_bytes(desk, &key_wrap(method), key, KeyType::AES, wrapped)
        }
        WrapMethod::CbcPad => {
            let (iv, cut) = wrapped.split_at_checked(16).ok_or_else(altered)?;
            let iv: [u8; 16] = iv.try_into().map_err(|_| altered())?;
            desk.call(Call::Decrypt, |session| session.decrypt(&Mechanism::AesCbcPad(iv), key, cut)).map(KeyBytes::new)
        }
        WrapMethod::OaepSha256 | WrapMethod::OaepSha1 => {
            desk.call(Call::Decrypt, |session| session.decrypt(&oaep(method), key, wrapped)).map(KeyBytes::new)
        }
    }
}

/// IV, ciphertext, tag, wherever the token puts the IV.
fn gcm_encrypt(
    desk: &Desk<'_>,
    method: WrapMethod,
    key: ObjectHandle,
    secret: &KeyBytes,
    iv: [u8; 16],
) -> Result<Vec<u8>, Fault> {
    // Tokens that make the IV themselves want zeros.
    let mut buffer = if method == WrapMethod::GcmIvGiven { iv[..IV_BYTES].to_vec() } else { vec![0; IV_BYTES] };
    let out = desk.call(Call::Encrypt, |session| {
        let parameters = GcmParams::new(&mut buffer, AAD, Ulong::from(TAG_BITS))?;
        session.encrypt(&Mechanism::AesGcm(parameters), key, secret.expose())
    })?;
    let short = secret.len() + TAG_BYTES;
    let refused = |words: &str| Fault::Final(HsmError::Refused(words.to_owned()));
    let (iv, cut) = match method {
        WrapMethod::GcmIvGiven => (buffer.as_slice(), out.as_slice()),
        // Zeros that are still zeros were used as the IV: the next time would use them again.
        WrapMethod::GcmIvReturned if buffer == [0; IV_BYTES] => return Err(refused("the token made no IV")),
        WrapMethod::GcmIvReturned => (buffer.as_slice(), out.as_slice()),
        _ if out.len() != short + IV_BYTES => return Err(refused("the ciphertext holds no IV")),
        WrapMethod::GcmIvAppended => {
            let (cut, iv) = out.split_at(short);
            (iv, cut)
        }
        _ => out.split_at(IV_BYTES),
    };
    if cut.len() != short {
        return Err(refused("a ciphertext of another length"));
    }
    Ok([iv, cut].concat())
}

/// Wraps bytes: C_WrapKey takes an object, so a session key carries them.
pub(super) fn wrap_bytes(
    desk: &Desk<'_>,
    way: &Mechanism<'_>,
    key: ObjectHandle,
    kind: KeyType,
    secret: &KeyBytes,
) -> Result<Vec<u8>, Fault> {
    let carried = desk.call(Call::Import, |session| session.create_object(&carrier(kind, Some(secret))))?;
    let wrapped = desk.call(Call::Wrap, |session| session.wrap_key(way, key, carried));
    let _ = desk.call(Call::Destroy, |session| session.destroy_object(carried));
    wrapped
}

/// Opens what `wrap_bytes` made.
pub(super) fn unwrap_bytes(
    desk: &Desk<'_>,
    way: &Mechanism<'_>,
    key: ObjectHandle,
    kind: KeyType,
    wrapped: &[u8],
) -> Result<KeyBytes, Fault> {
    let carried = desk.call(Call::Unwrap, |session| session.unwrap_key(way, key, wrapped, &carrier(kind, None)))?;
    take_value(desk, carried)
}

/// The value of a session key, which ends.
pub(super) fn take_value(desk: &Desk<'_>, carried: ObjectHandle) -> Result<KeyBytes, Fault> {
    let read = desk.call(Call::Attributes, |session| session.get_attributes(carried, &[AttributeType::Value]));
    let _ = desk.call(Call::Destroy, |session| session.destroy_object(carried));
    // A sensitive value is left out of the answer without an error.
    let value = read?.into_iter().find_map(|one| match one {
        Attribute::Value(value) => Some(KeyBytes::new(value)),
        _ => None,
    });
    value.ok_or_else(|| HsmError::Refused("the token does not show the value".into()).into())
}

/// A session key that lives for two calls.
fn carrier(kind: KeyType, secret: Option<&KeyBytes>) -> Vec<Attribute> {
    let mut template = vec![
        Attribute::Class(ObjectClass::SECRET_KEY),
        Attribute::KeyType(kind),
        Attribute::Token(false),
        Attribute::Private(true),
        Attribute::Sensitive(false),
        Attribute::Extractable(true),
    ];
    template.extend(secret.map(|secret| Attribute::Value(secret.expose().to_vec())));
    template
}

fn key_wrap(method: WrapMethod) -> Mechanism<'static> {
    if method == WrapMethod::KeyWrap { Mechanism::AesKeyWrap } else { Mechanism::AesKeyWrapPad }
}

fn oaep(method: WrapMethod) -> Mechanism<'static> {
    let (hash, mask) = match method {
        WrapMethod::OaepSha256 => (MechanismType::SHA256, PkcsMgfType::MGF1_SHA256),
        _ => (MechanismType::SHA1, PkcsMgfType::MGF1_SHA1),
    };
    Mechanism::RsaPkcsOaep(PkcsOaepParams::new(hash, mask, PkcsOaepSource::empty()))
}

/// Makes an AES-256 key that never leaves the token. The caller has looked whether it is there.
pub(super) fn make_aes(desk: &Desk<'_>, id: &KeyId, label: &str) -> Result<ObjectHandle, Fault> {
    let template = desk.settings().template(vec![
        Attribute::Class(ObjectClass::SECRET_KEY),
        Attribute::KeyType(KeyType::AES),
        Attribute::ValueLen(ulong(32)),
        Attribute::Token(true),
        Attribute::Private(true),
        Attribute::Sensitive(true),
        Attribute::Extractable(false),
        Attribute::Modifiable(false),
        Attribute::Copyable(false),
        Attribute::Label(label.as_bytes().to_vec()),
        Attribute::Id(id.bytes().to_vec()),
        Attribute::Encrypt(true),
        Attribute::Decrypt(true),
        Attribute::Wrap(true),
        Attribute::Unwrap(true),
    ]);
    let handle = desk.call(Call::Generate, |session| session.generate_key(&Mechanism::AesKeyGen, &template))?;
    keep_if_locked_in(desk, handle)?;
    desk.remember(ClassKey::Secret, id, handle);
    Ok(handle)
}

/// Makes an RSA pair whose private half never leaves the token.
pub(super) fn make_rsa(desk: &Desk<'_>, id: &KeyId, label: &str) -> Result<(), Fault> {
    let shared =
        [Attribute::Token(true), Attribute::Label(label.as_bytes().to_vec()), Attribute::Id(id.bytes().to_vec())];
    let public = [
        Attribute::ModulusBits(Ulong::from(RSA_BITS)),
        Attribute::PublicExponent(vec![1, 0, 1]),
        Attribute::Encrypt(true),
    ];
    let private = [
        Attribute::Private(true),
        Attribute::Sensitive(true),
        Attribute::Extractable(false),
        Attribute::Modifiable(false),
        Attribute::Copyable(false),
        Attribute::Decrypt(true),
    ];
    let public = desk.settings().template([&shared[..], &public].concat());
    let private = desk.settings().template([&shared[..], &private].concat());
    let mechanism = Mechanism::RsaPkcsKeyPairGen;
    let (_, handle) = desk.call(Call::Generate, |session| session.generate_key_pair(&mechanism, &public, &private))?;
    keep_if_locked_in(desk, handle)
}

/// A token may take a template and do something else: a key that could leave is destroyed at once.
pub(super) fn keep_if_locked_in(desk: &Desk<'_>, handle: ObjectHandle) -> Result<(), Fault> {
    let kinds = [AttributeType::Sensitive, AttributeType::Extractable];
    let attributes = desk.call(Call::Attributes, |session| session.get_attributes(handle, &kinds))?;
    if attributes.contains(&Attribute::Sensitive(true)) && attributes.contains(&Attribute::Extractable(false)) {
        return Ok(());
    }
    let _ = desk.call(Call::Destroy, |session| session.destroy_object(handle));
    Err(HsmError::Refused("the token made a key that can leave it; the key is destroyed again".into()).into())
}
