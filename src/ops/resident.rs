//! Objects whose material is made in the HSM and never leaves it. A client asks for one by Protection Storage Masks that
//! name hardware, by Protection Level High (both since 2.0), or by the attribute `x-Keyhaven-Resident` in 1.x.

use super::create::StorageMasks;
use super::create_key_pair::link;
use super::fresh::{Origin, asks, encoded_body, furnish};
use super::{Cx, Object, unwrapping};
use crate::base::{Error, Result};
use crate::crypto::CryptoError;
use crate::crypto::ec::EcCurve;
use crate::crypto::formats;
use crate::crypto::keys::{KeySpec, PublicKey};
use crate::model::{Attributes, attr};
use crate::proto::id::Id;
use crate::proto::objects::{Body, BodyKind};
use crate::registry::{
    CryptographicAlgorithm, KeyFormatType, ObjectType, ProtectionLevel, ProtectionStorageMask, ResultReason, Tag,
};
use crate::vault::{Generated, KeyId, ResidentKind, ResidentSpec};

/// The vendor attribute, without the prefix of 1.x.
const ATTRIBUTE: &str = "Keyhaven-Resident";
/// Where keys of the HSM lie.
pub const HARDWARE: ProtectionStorageMask =
    ProtectionStorageMask(ProtectionStorageMask::Hardware.0 | ProtectionStorageMask::OnSystem.0);

/// Whether a new key is to be made in the HSM.
///
/// # Errors
/// The client asks by the vendor attribute, and there is no HSM.
pub fn wanted(cx: &Cx<'_>, attributes: &Attributes, storage: &[Option<&StorageMasks>]) -> Result<bool> {
    let offered = cx.services.vault.offers_keys();
    let named = asks(attributes, ATTRIBUTE);
    if named && !offered {
        return Err(Error::new(ResultReason::FeatureNotSupported, "this server has no HSM to make keys in"));
    }
    let high = attributes.get(attr::PROTECTION_LEVEL) == Some(ProtectionLevel::High);
    let by_mask = storage.iter().flatten().any(|masks| masks.only_in(HARDWARE));
    Ok(offered && (named || high || by_mask))
}

/// Makes a symmetric key in the HSM.
pub fn create(cx: &mut Cx<'_>, attributes: Attributes) -> Result<Id> {
    let object = cx.new_object(ObjectType::SymmetricKey)?;
    let (object, key) = symmetric(cx, object, attributes)?;
    cx.save_resident(object, &key)
}

/// Makes the key of a new symmetric object in the HSM, after everything else was checked.
pub fn symmetric(cx: &mut Cx<'_>, mut object: Object, mut attributes: Attributes) -> Result<(Object, KeyId)> {
    let kind = symmetric_kind(&attributes)?;
    let wrappable = lock_in(&mut attributes);
    cx.block()?;
    object.material.format = Some(KeyFormatType::Raw);
    furnish(cx, &mut object, attributes, None, Origin::Resident)?;
    cx.may_create(&object)?;
    let made = generate(cx, &object, ResidentSpec { kind, wrappable })?;
    Ok((object, made.id))
}

/// Brings a symmetric key that a client registers into the HSM. One that comes wrapped by a key of the HSM, with No
/// Encoding and NIST key wrap, is unwrapped there and is nowhere in the clear.
pub fn register(cx: &mut Cx<'_>, mut object: Object, mut attributes: Attributes, body: Body) -> Result<Id> {
    let kind = symmetric_kind(&attributes)?;
    let wrappable = lock_in(&mut attributes);
    cx.block()?;
    if let Some(mut wrapping) = object.material.wrapping.take() {
        unwrapping::bind(cx, &mut wrapping)?;
        object.material.wrapping = Some(wrapping);
    }
    let spec = ResidentSpec { kind, wrappable };
    furnish(cx, &mut object, attributes, None, Origin::Registered)?;
    cx.may_create(&object)?;
    let key = match unwrapping::in_token(cx, &object, &body)? {
        Some((token, way)) => {
            if body.bytes.len() != wrapped_bytes(kind) {
                let words = "the wrapped key has another length than Cryptographic Length says";
                return Err(Error::invalid_field(words));
            }
            token.unwrap(cx, way, own(&object), spec, body.bytes.expose())?
        }
        None => {
            let plain = match body.kind {
                BodyKind::Wrapped => unwrapping::unwrapped(cx, &object, &body)?.body,
                _ => body,
            };
            let raw = super::symmetric::raw(&plain).ok_or(CryptoError::BadKey("it is not the bytes of a key"))?;
            cx.services.vault.import(own(&object), spec, &raw)?
        }
    };
    cx.made_in_vault(&object, &key);
    object.material.wrapping = None;
    object.material.format = Some(KeyFormatType::Raw);
    cx.save_resident(object, &key)
}

/// What the HSM is to make for the algorithm and length of a symmetric key.
fn symmetric_kind(attributes: &Attributes) -> Result<ResidentKind> {
    let algorithm = attributes.get(attr::CRYPTOGRAPHIC_ALGORITHM).unwrap_or(CryptographicAlgorithm::AES);
    let bits = attributes.get(attr::CRYPTOGRAPHIC_LENGTH).and_then(|bits| u32::try_from(bits).ok()).unwrap_or(256);
    match algorithm {
        CryptographicAlgorithm::AES => Ok(ResidentKind::Aes(bits)),
        CryptographicAlgorithm::HMAC_SHA1
        | CryptographicAlgorithm::HMAC_SHA224
        | CryptographicAlgorithm::HMAC_SHA256
        | CryptographicAlgorithm::HMAC_SHA384
        | CryptographicAlgorithm::HMAC_SHA512 => Ok(ResidentKind::Hmac(bits)),
        other => Err(not_offered(other)),
    }
}

/// How long a secret key is when it is wrapped (RFC 3394, RFC 5649): whole half blocks, and one more.
fn wrapped_bytes(kind: ResidentKind) -> usize {
    match kind {
        ResidentKind::Aes(bits) | ResidentKind::Hmac(bits) => (bits as usize).div_ceil(64) * 8 + 8,
        ResidentKind::Rsa(_) | ResidentKind::Ec(_) | ResidentKind::Ed25519 => 0,
    }
}

/// The halves of a new pair whose private half is in the HSM.
pub struct Pair {
    /// The private key.
    pub private: Object,
    /// Its name in the vault.
    pub key: KeyId,
    /// The public key, an object like any other.
    pub public: Object,
    /// Its body.
    pub body: Body,
}

/// Makes a pair in the HSM, linked to each other, for two new objects.
pub fn pair(
    cx: &mut Cx<'_>,
    spec: &KeySpec,
    (mut private, mut own): (Object, Attributes),
    (mut public, mut other): (Object, Attributes),
) -> Result<Pair> {
    let kind = match spec.algorithm {
        CryptographicAlgorithm::RSA => {
            ResidentKind::Rsa(spec.length.and_then(|bits| u32::try_from(bits).ok()).unwrap_or(2048))
        }
        CryptographicAlgorithm::Ed25519 => ResidentKind::Ed25519,
        CryptographicAlgorithm::ECDSA | CryptographicAlgorithm::ECDH | CryptographicAlgorithm::EC => {
            let curve = match (spec.curve, spec.length) {
                (Some(curve), _) => EcCurve::from_recommended(curve),
                (None, Some(bits)) => EcCurve::from_bits(usize::try_from(bits).unwrap_or(0)),
                (None, None) => Ok(EcCurve::P256),
            };
            ResidentKind::Ec(curve.map_err(Error::from)?)
        }
        other => return Err(not_offered(other)),
    };
    let wrappable = lock_in(&mut own);
    cx.block()?;
    let bits = match kind {
        ResidentKind::Rsa(bits) => bits as i32,
        ResidentKind::Ec(curve) => curve.bits() as i32,
        _ => 256,
    };
    for attributes in [&mut own, &mut other] {
        attributes.set(attr::CRYPTOGRAPHIC_LENGTH, bits);
    }
    furnish(cx, &mut private, own, None, Origin::Resident)?;
    link(&mut private, Tag::PublicKeyLink, &public.id);
    cx.may_create(&private)?;
    // Everything that can be refused without the key was asked before it is made.
    let Generated { id: key, public: half } = generate(cx, &private, ResidentSpec { kind, wrappable })?;
    let body = public_half(cx, half, &mut public, other)?;
    link(&mut public, Tag::PrivateKeyLink, &private.id);
    cx.may_create(&public)?;
    Ok(Pair { private, key, public, body })
}

/// Gives the public object its attributes and its body.
fn public_half(cx: &Cx<'_>, half: Option<PublicKey>, public: &mut Object, mut own: Attributes) -> Result<Body> {
    let half = half.ok_or_else(|| Error::internal("making a pair", "the HSM gave no public key"))?;
    let asked = own.get(attr::KEY_FORMAT_TYPE);
    own.remove_all(attr::KEY_FORMAT_TYPE.tag());
    let format = asked.unwrap_or_else(|| formats::default_public_format(&half));
    let body = encoded_body(formats::encode_public(&half, format, None).map_err(Error::from)?);
    public.material.format = Some(format);
    furnish(cx, public, own, Some(&body), Origin::Resident)?;
    Ok(body)
}

fn not_offered(algorithm: CryptographicAlgorithm) -> Error {
    Error::new(ResultReason::FeatureNotSupported, format!("the server's HSM makes no keys for {algorithm}"))
}

/// A key of the HSM is sensitive, and not extractable unless that is asked for: then another key of the HSM may wrap it.
/// Gives whether one may.
fn lock_in(attributes: &mut Attributes) -> bool {
    let wrappable = attributes.get(attr::EXTRACTABLE) == Some(true);
    attributes.set(attr::EXTRACTABLE, wrappable);
    attributes.set(attr::SENSITIVE, true);
    attributes.set(attr::PROTECTION_STORAGE_MASK, HARDWARE);
    attributes.remove_all(attr::KEY_FORMAT_TYPE.tag());
    wrappable
}

fn generate(cx: &mut Cx<'_>, object: &Object, spec: ResidentSpec) -> Result<Generated> {
    let made = cx.services.vault.generate(own(object), spec)?;
    cx.made_in_vault(object, &made.id);
    Ok(made)
}

/// The vault names a key by the bytes of the object's identifier, which is a UUID.
fn own(object: &Object) -> [u8; 16] {
    let digits: Vec<u8> = object.id.chars().filter_map(|one| one.to_digit(16)).map(|digit| digit as u8).collect();
    let mut own = [0; 16];
    own.iter_mut()
        .zip(digits.chunks(2))
        .for_each(|(byte, pair)| *byte = pair.iter().fold(0, |sum, digit| sum << 4 | digit));
    own
}
