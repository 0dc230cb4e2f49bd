//! Objects whose material is made in the HSM and never leaves it. A client asks for one by Protection Storage Masks that
//! name hardware, by Protection Level High (both since 2.0), or by the attribute `x-Keyhaven-Resident` in 1.x.

use super::create::StorageMasks;
use super::fresh::{Origin, asks, encoded_body, furnish};
use super::{Cx, Object};
use crate::base::{Error, Result};
use crate::crypto::ec::EcCurve;
use crate::crypto::formats;
use crate::crypto::keys::{KeySpec, PublicKey};
use crate::model::{Attributes, attr};
use crate::proto::id::Id;
use crate::registry::{
    CryptographicAlgorithm, KeyFormatType, ObjectType, ProtectionLevel, ProtectionStorageMask, ResultReason,
};
use crate::vault::{Generated, ResidentKind, ResidentSpec};

/// The vendor attribute, without the prefix of 1.x.
const ATTRIBUTE: &str = "Keyhaven-Resident";
/// Where keys of the HSM lie.
const HARDWARE: ProtectionStorageMask =
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
pub fn create(cx: &mut Cx<'_>, mut attributes: Attributes, bits: usize) -> Result<Id> {
    let algorithm = attributes.get(attr::CRYPTOGRAPHIC_ALGORITHM).unwrap_or(CryptographicAlgorithm::AES);
    let bits = bits as u32;
    let kind = match algorithm {
        CryptographicAlgorithm::AES => ResidentKind::Aes(bits),
        CryptographicAlgorithm::HMAC_SHA1
        | CryptographicAlgorithm::HMAC_SHA256
        | CryptographicAlgorithm::HMAC_SHA384
        | CryptographicAlgorithm::HMAC_SHA512 => ResidentKind::Hmac(bits),
        other => return Err(not_offered(other)),
    };
    lock_in(&mut attributes)?;
    cx.block()?;
    let mut object = cx.new_object(ObjectType::SymmetricKey)?;
    object.material.format = Some(KeyFormatType::Raw);
    furnish(cx, &mut object, attributes, None, Origin::Generated)?;
    cx.may_create(&object)?;
    let made = generate(cx, &object, kind)?;
    cx.save_resident(object, &made.id)
}

/// Makes a pair in the HSM. The public key is an object like any other; it is given with its halves not yet linked.
pub fn pair(cx: &mut Cx<'_>, spec: &KeySpec, private: &mut Attributes) -> Result<(Object, Generated, PublicKey)> {
    let kind = match spec.algorithm {
        CryptographicAlgorithm::RSA => {
            ResidentKind::Rsa(spec.length.and_then(|bits| u32::try_from(bits).ok()).unwrap_or(2048))
        }
        CryptographicAlgorithm::ECDSA | CryptographicAlgorithm::EC => {
            let curve = match (spec.curve, spec.length) {
                (Some(curve), _) => EcCurve::from_recommended(curve),
                (None, Some(bits)) => EcCurve::from_bits(usize::try_from(bits).unwrap_or(0)),
                (None, None) => Ok(EcCurve::P256),
            };
            ResidentKind::Ec(curve.map_err(Error::from)?)
        }
        other => return Err(not_offered(other)),
    };
    lock_in(private)?;
    cx.block()?;
    let object = cx.new_object(ObjectType::PrivateKey)?;
    let mut made = generate(cx, &object, kind)?;
    let public = made.public.take();
    let public = public.ok_or_else(|| Error::internal("making a pair", "the HSM gave no public key"))?;
    Ok((object, made, public))
}

/// The public half as an object's body.
pub fn public_body(
    key: &PublicKey,
    asked: Option<KeyFormatType>,
) -> Result<(KeyFormatType, crate::proto::objects::Body)> {
    let format = asked.unwrap_or_else(|| formats::default_public_format(key));
    let encoded = formats::encode_public(key, format, None).map_err(Error::from)?;
    Ok((format, encoded_body(encoded)))
}

fn not_offered(algorithm: CryptographicAlgorithm) -> Error {
    Error::new(ResultReason::FeatureNotSupported, format!("the server's HSM makes no keys for {algorithm}"))
}

/// A key of the HSM is sensitive and not extractable, whatever its maker's defaults are.
fn lock_in(attributes: &mut Attributes) -> Result<()> {
    if attributes.get(attr::EXTRACTABLE) == Some(true) {
        return Err(Error::new(
            ResultReason::InvalidAttributeValue,
            "a key that is made in the HSM is not extractable",
        ));
    }
    attributes.set(attr::EXTRACTABLE, false);
    attributes.set(attr::SENSITIVE, true);
    attributes.set(attr::PROTECTION_STORAGE_MASK, HARDWARE);
    attributes.remove_all(attr::KEY_FORMAT_TYPE.tag());
    Ok(())
}

/// The vault names a key by the bytes of the object's identifier, which is a UUID.
fn generate(cx: &Cx<'_>, object: &Object, kind: ResidentKind) -> Result<Generated> {
    let digits: Vec<u8> = object.id.chars().filter_map(|one| one.to_digit(16)).map(|digit| digit as u8).collect();
    let mut own = [0; 16];
    own.iter_mut()
        .zip(digits.chunks(2))
        .for_each(|(byte, pair)| *byte = pair.iter().fold(0, |sum, digit| sum << 4 | digit));
    cx.services.vault.generate(own, ResidentSpec { kind, wrappable: false }).map_err(Error::from)
}
