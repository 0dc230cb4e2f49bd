//! Making the keys of clients in the token: their templates, and what is read of the public half. Keys are sensitive and,
//! unless asked for otherwise, not extractable.

use cryptoki::mechanism::Mechanism;
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::types::Ulong;

use super::calls::Call;
use super::canary::ulong;
use super::error::{Fault, HsmError};
use super::keyid::KeyId;
use super::token::{ClassKey, Desk};
use crate::crypto::ec::{EcCurve, EcPublicKey};
use crate::crypto::ed::Ed25519PublicKey;
use crate::crypto::keys::PublicKey;
use crate::crypto::rsa::RsaPublicKey;
use crate::vault::{ResidentKind, ResidentSpec};

/// Makes a key, or finds it, and gives the public half of a pair.
pub(super) fn make(desk: &Desk<'_>, id: &KeyId, spec: ResidentSpec) -> Result<Option<PublicKey>, Fault> {
    match spec.kind {
        ResidentKind::Aes(bits) | ResidentKind::Hmac(bits) => {
            if desk.key_if_any(ClassKey::Secret, id)?.is_some() {
                return Ok(None);
            }
            let (kind, mechanism) = match spec.kind {
                ResidentKind::Aes(_) => (KeyType::AES, Mechanism::AesKeyGen),
                _ => (KeyType::GENERIC_SECRET, Mechanism::GenericSecretKeyGen),
            };
            let mut template = secret_template(id, spec, kind);
            template.push(Attribute::ValueLen(ulong(bits as usize / 8)));
            let template = desk.settings().template(template);
            let handle = desk.call(Call::Generate, |session| session.generate_key(&mechanism, &template))?;
            if !spec.wrappable {
                super::wrap::keep_if_locked_in(desk, handle)?;
            }
            desk.remember(ClassKey::Secret, id, handle);
            Ok(None)
        }
        ResidentKind::Rsa(_) | ResidentKind::Ec(_) | ResidentKind::Ed25519 => {
            if desk.key_if_any(ClassKey::Private, id)?.is_none() {
                make_pair(desk, id, spec)?;
            }
            let public = desk.key(ClassKey::Public, id)?;
            read_public(desk, public, spec.kind).map(Some)
        }
    }
}

pub(super) fn secret_template(id: &KeyId, spec: ResidentSpec, kind: KeyType) -> Vec<Attribute> {
    let mut template = vec![Attribute::Class(ObjectClass::SECRET_KEY), Attribute::KeyType(kind)];
    template.extend(common(id));
    template.extend(locked(spec));
    // An AES key makes MACs too: CMAC.
    template.extend([Attribute::Sign(true), Attribute::Verify(true)]);
    if kind == KeyType::AES {
        template.extend([
            Attribute::Encrypt(true),
            Attribute::Decrypt(true),
            Attribute::Wrap(true),
            Attribute::Unwrap(true),
        ]);
    }
    template
}

fn common(id: &KeyId) -> Vec<Attribute> {
    vec![
        Attribute::Token(true),
        // Some tools and modules find keys by label alone, so it is as unique as the identifier.
        Attribute::Label(format!("keyhaven {id}").into_bytes()),
        Attribute::Id(id.bytes().to_vec()),
    ]
}

fn locked(spec: ResidentSpec) -> Vec<Attribute> {
    vec![
        Attribute::Private(true),
        Attribute::Sensitive(true),
        Attribute::Extractable(spec.wrappable),
        Attribute::Modifiable(false),
        Attribute::Copyable(false),
    ]
}

fn make_pair(desk: &Desk<'_>, id: &KeyId, spec: ResidentSpec) -> Result<(), Fault> {
    let mut public = common(id);
    let mut private = [common(id), locked(spec), vec![Attribute::Sign(true)]].concat();
    public.push(Attribute::Verify(true));
    let mechanism = match spec.kind {
        ResidentKind::Rsa(bits) => {
            public.push(Attribute::ModulusBits(Ulong::from(u64::from(bits))));
            // Always given: some tokens have no default, others an odd one.
            public.push(Attribute::PublicExponent(vec![1, 0, 1]));
            public.push(Attribute::Encrypt(true));
            private.push(Attribute::Decrypt(true));
            Mechanism::RsaPkcsKeyPairGen
        }
        ResidentKind::Ec(curve) => {
            public.push(Attribute::EcParams(named(curve).to_vec()));
            private.push(Attribute::Derive(true));
            Mechanism::EccKeyPairGen
        }
        ResidentKind::Ed25519 => {
            public.push(Attribute::EcParams(ED25519.to_vec()));
            Mechanism::EccEdwardsKeyPairGen
        }
        ResidentKind::Aes(_) | ResidentKind::Hmac(_) => return Err(refused("a pair of this kind")),
    };
    let (public, private) = (desk.settings().template(public), desk.settings().template(private));
    let (_, handle) = desk.call(Call::Generate, |session| session.generate_key_pair(&mechanism, &public, &private))?;
    if spec.wrappable { Ok(()) } else { super::wrap::keep_if_locked_in(desk, handle) }
}

fn refused(what: &str) -> Fault {
    HsmError::Refused(format!("not offered: {what}")).into()
}

/// Named curves as EC parameters: DER of their object identifiers (RFC 5480, RFC 5639).
fn named(curve: EcCurve) -> &'static [u8] {
    match curve {
        EcCurve::P256 => &[0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07],
        EcCurve::P384 => &[0x06, 0x05, 0x2B, 0x81, 0x04, 0x00, 0x22],
        EcCurve::P521 => &[0x06, 0x05, 0x2B, 0x81, 0x04, 0x00, 0x23],
        EcCurve::Secp256k1 => &[0x06, 0x05, 0x2B, 0x81, 0x04, 0x00, 0x0A],
        EcCurve::P224 => &[0x06, 0x05, 0x2B, 0x81, 0x04, 0x00, 0x21],
        EcCurve::BrainpoolP256r1 => &[0x06, 0x09, 0x2B, 0x24, 0x03, 0x03, 0x02, 0x08, 0x01, 0x01, 0x07],
        EcCurve::BrainpoolP384r1 => &[0x06, 0x09, 0x2B, 0x24, 0x03, 0x03, 0x02, 0x08, 0x01, 0x01, 0x0B],
    }
}

/// The same of Ed25519 (RFC 8410; PKCS#11 3.0 §2.3.6).
const ED25519: &[u8] = &[0x06, 0x03, 0x2B, 0x65, 0x70];

fn read_public(desk: &Desk<'_>, handle: ObjectHandle, kind: ResidentKind) -> Result<PublicKey, Fault> {
    let read = |kinds: &[AttributeType]| desk.call(Call::Attributes, |session| session.get_attributes(handle, kinds));
    let broken = |_| refused("reading the public key that the token made");
    let point = || {
        let found = read(&[AttributeType::EcPoint])?.into_iter().find_map(|one| match one {
            Attribute::EcPoint(point) => Some(point),
            _ => None,
        });
        found.ok_or_else(|| refused("a public key without its point"))
    };
    match kind {
        ResidentKind::Ec(curve) => {
            let point = point()?;
            let inner = inner(&point, 2 * curve.field_bytes() + 1);
            EcPublicKey::new(curve, inner).map(PublicKey::Ec).map_err(broken)
        }
        ResidentKind::Ed25519 => {
            let point = point()?;
            Ed25519PublicKey::new(inner(&point, 32)).map(PublicKey::Ed25519).map_err(broken)
        }
        _ => {
            let (mut modulus, mut exponent) = (Vec::new(), Vec::new());
            for one in read(&[AttributeType::Modulus, AttributeType::PublicExponent])? {
                match one {
                    Attribute::Modulus(bytes) => modulus = bytes,
                    Attribute::PublicExponent(bytes) => exponent = bytes,
                    _ => {}
                }
            }
            RsaPublicKey::new(&modulus, &exponent).map(PublicKey::Rsa).map_err(broken)
        }
    }
}

/// CKA_EC_POINT is a point in an OCTET STRING; some modules leave the OCTET STRING out.
fn inner(point: &[u8], length: usize) -> &[u8] {
    let header = point.len().saturating_sub(length);
    if point.first() == Some(&4) && matches!(header, 2 | 3) { &point[header..] } else { point }
}
