//! The DER forms: PKCS#1 (RFC 8017), PKCS#8 (RFC 5208, 5958), SubjectPublicKeyInfo (RFC 5280) and ECPrivateKey
//! (RFC 5915).

use pkcs8::der::asn1::{AnyRef, BitStringRef, OctetStringRef, UintRef};
use pkcs8::der::{Decode, Encode, Reader, SliceReader, Tag, TagNumber, Tagged};
use pkcs8::spki::{AlgorithmIdentifierRef, SubjectPublicKeyInfoRef};
use pkcs8::{ObjectIdentifier, PrivateKeyInfoRef};
use rsa::pkcs1;

use crate::base::KeyBytes;
use crate::crypto::dsa::{DsaPrivateKey, DsaPublicKey};
use crate::crypto::ec::{EcCurve, EcPrivateKey, EcPublicKey};
use crate::crypto::ed::{Ed25519PrivateKey, Ed25519PublicKey, X25519PrivateKey, X25519PublicKey};
use crate::crypto::keys::{PrivateKey, PublicKey};
use crate::crypto::pqc::{MlDsaSet, MlKemSet};
use crate::crypto::rsa::{RsaPrivateKey, RsaPublicKey};
use crate::crypto::slh::{SlhDsaPrivateKey, SlhDsaSet};
use crate::crypto::{CryptoError, Result};
use crate::registry::{CryptographicAlgorithm, KeyCompressionType};

const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
const X25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.110");

const DSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10040.4.1");

const MALFORMED: CryptoError = CryptoError::BadKey("not the DER encoding of such a key");
const UNKNOWN: CryptoError = CryptoError::Unsupported("algorithm of the key");

/// Reads a PKCS#1 private key.
pub(crate) fn rsa_private(bytes: &[u8]) -> Result<RsaPrivateKey> {
    let key = pkcs1::RsaPrivateKeyRef::from_der(bytes).map_err(|_| MALFORMED)?;
    if key.other_prime_infos.is_some() {
        return Err(CryptoError::Unsupported("RSA with more than two primes"));
    }
    let number = |number: &UintRef<'_>| number.as_bytes().to_vec();
    let secret = |value: &UintRef<'_>| zeroize::Zeroizing::new(number(value));
    RsaPrivateKey::new(
        &number(&key.modulus),
        &number(&key.public_exponent),
        &secret(&key.private_exponent),
        (&secret(&key.prime1), &secret(&key.prime2)),
        (&secret(&key.exponent1), &secret(&key.exponent2), &secret(&key.coefficient)),
    )
}

/// Writes a PKCS#1 private key.
pub(crate) fn rsa_private_pkcs1(key: &RsaPrivateKey) -> Result<KeyBytes> {
    let ((p, q), (dp, dq, qinv)) = (key.primes(), key.crt());
    secret(&pkcs1::RsaPrivateKeyRef {
        modulus: uint(key.public().modulus())?,
        public_exponent: uint(key.public().exponent())?,
        private_exponent: uint(key.d().expose())?,
        prime1: uint(p.expose())?,
        prime2: uint(q.expose())?,
        exponent1: uint(dp.expose())?,
        exponent2: uint(dq.expose())?,
        coefficient: uint(qinv.expose())?,
        other_prime_infos: None,
    })
}

/// Writes a PKCS#8 RSA key.
pub(crate) fn rsa_private_pkcs8(key: &RsaPrivateKey) -> Result<KeyBytes> {
    let inner = rsa_private_pkcs1(key)?;
    pkcs8_of(RSA, Some(AnyRef::NULL), inner.expose())
}

/// Reads a PKCS#1 public key.
pub(crate) fn parse_rsa_public(bytes: &[u8]) -> Result<RsaPublicKey> {
    let key = pkcs1::RsaPublicKeyRef::from_der(bytes).map_err(|_| MALFORMED)?;
    RsaPublicKey::new(key.modulus.as_bytes(), key.public_exponent.as_bytes())
}

/// Writes a PKCS#1 public key.
pub(crate) fn rsa_public(key: &RsaPublicKey) -> Result<Vec<u8>> {
    let key = pkcs1::RsaPublicKeyRef { modulus: uint(key.modulus())?, public_exponent: uint(key.exponent())? };
    key.to_der().map_err(|_| MALFORMED)
}

/// Writes an ECPrivateKey with its curve, and with its point if given.
pub(crate) fn sec1_private(curve: EcCurve, d: &[u8], point: Option<&[u8]>) -> Result<KeyBytes> {
    let parameters = Some(sec1::EcParameters::NamedCurve(curve.oid()));
    secret(&sec1::EcPrivateKey { private_key: d, parameters, public_key: point })
}

/// Reads an ECPrivateKey. Its own curve counts, then `curve`, then the length of the number; a point in it must be
/// that of the number.
pub(crate) fn parse_sec1(bytes: &[u8], curve: Option<EcCurve>) -> Result<EcPrivateKey> {
    let key = sec1::EcPrivateKey::from_der(bytes).map_err(|_| MALFORMED)?;
    let named = key.parameters.and_then(|parameters| parameters.named_curve()).map(EcCurve::from_oid).transpose()?;
    let by_length = || match key.private_key.len() {
        28 => Some(EcCurve::P224),
        32 => Some(EcCurve::P256),
        48 => Some(EcCurve::P384),
        66 => Some(EcCurve::P521),
        _ => None,
    };
    if let (Some(named), Some(curve)) = (named, curve)
        && named != curve
    {
        return Err(CryptoError::BadKey("on another curve than is said"));
    }
    let curve = named.or(curve).or_else(by_length).ok_or(CryptoError::MissingParameter("Recommended Curve"))?;
    let made = EcPrivateKey::new(curve, key.private_key)?;
    match key.public_key {
        Some(point) if EcPublicKey::new(curve, point)? != *made.public() => {
            Err(CryptoError::BadKey("the point is not that of the private number"))
        }
        _ => Ok(made),
    }
}

/// The private key inside a PKCS#8 structure of any algorithm.
pub(crate) fn pkcs8_inner(bytes: &[u8]) -> Result<KeyBytes> {
    let info = PrivateKeyInfoRef::from_der(bytes).map_err(|_| MALFORMED)?;
    Ok(KeyBytes::copy_from(info.private_key.as_bytes()))
}

/// Reads a PKCS#8 private key.
pub(crate) fn parse_pkcs8(bytes: &[u8]) -> Result<PrivateKey> {
    let info = PrivateKeyInfoRef::from_der(bytes).map_err(|_| MALFORMED)?;
    let inner = info.private_key.as_bytes();
    match info.algorithm.oid {
        RSA => rsa_private(inner).map(|key| PrivateKey::Rsa(Box::new(key))),
        EC => parse_sec1(inner, Some(named_curve(&info.algorithm)?)).map(PrivateKey::Ec),
        ED25519 => Ed25519PrivateKey::new(octets(inner)?).map(PrivateKey::Ed25519),
        X25519 => X25519PrivateKey::new(octets(inner)?).map(PrivateKey::X25519),
        DSA => {
            let [p, q, g] = dsa_domain(&info.algorithm)?;
            let x = UintRef::from_der(inner).map_err(|_| MALFORMED)?;
            DsaPrivateKey::new(p.as_bytes(), q.as_bytes(), g.as_bytes(), x.as_bytes()).map(PrivateKey::Dsa)
        }
        oid => {
            if let Some(set) = SlhDsaSet::from_oid(oid) {
                // The octets themselves, not an octet string of them (RFC 9909 §6).
                return SlhDsaPrivateKey::new(set, inner).map(PrivateKey::SlhDsa);
            }
            let algorithm = lattice_algorithm(oid).ok_or(UNKNOWN)?;
            let (seed, expanded) = lattice_choice(inner).map_err(|_| MALFORMED)?;
            super::lattice(algorithm, seed, expanded)
        }
    }
}

/// Writes a PKCS#8 private key, version 1.
pub(crate) fn encode_pkcs8(key: &PrivateKey) -> Result<KeyBytes> {
    match key {
        PrivateKey::Rsa(key) => rsa_private_pkcs8(key),
        PrivateKey::Ec(key) => {
            let curve = key.public().curve();
            let parameters = sec1::EcParameters::NamedCurve(curve.oid());
            // The curve stands in the algorithm; RFC 5915 §3 lets it be absent inside.
            let inner = sec1::EcPrivateKey {
                private_key: key.d().expose(),
                parameters: None,
                public_key: Some(key.public().point()),
            };
            pkcs8_of(EC, Some(AnyRef::from(&parameters.named_curve().ok_or(MALFORMED)?)), secret(&inner)?.expose())
        }
        PrivateKey::Ed25519(key) => pkcs8_of(ED25519, None, octet_string(key.seed())?.expose()),
        PrivateKey::X25519(key) => pkcs8_of(X25519, None, octet_string(key.scalar())?.expose()),
        PrivateKey::Dsa(key) => {
            let x = secret(&uint(key.x().expose())?)?;
            dsa_parameters(key.public(), |parameters| pkcs8_of(DSA, Some(parameters), x.expose()))
        }
        PrivateKey::Dh(_) => Err(CryptoError::Format),
        PrivateKey::MlKem(key) => {
            pkcs8_of(key.public().set().oid(), None, chosen(key.seed(), key.expanded())?.expose())
        }
        PrivateKey::MlDsa(key) => {
            pkcs8_of(key.public().set().oid(), None, chosen(key.seed(), key.expanded())?.expose())
        }
        PrivateKey::SlhDsa(key) => pkcs8_of(key.public().set().oid(), None, key.bytes().expose()),
    }
}

/// Reads a SubjectPublicKeyInfo.
pub(crate) fn parse_spki(bytes: &[u8]) -> Result<PublicKey> {
    let info = SubjectPublicKeyInfoRef::from_der(bytes).map_err(|_| MALFORMED)?;
    let key = info.subject_public_key.as_bytes().ok_or(MALFORMED)?;
    match info.algorithm.oid {
        RSA => parse_rsa_public(key).map(PublicKey::Rsa),
        EC => EcPublicKey::new(named_curve(&info.algorithm)?, key).map(PublicKey::Ec),
        ED25519 => Ed25519PublicKey::new(key).map(PublicKey::Ed25519),
        X25519 => X25519PublicKey::new(key).map(PublicKey::X25519),
        DSA => {
            let [p, q, g] = dsa_domain(&info.algorithm)?;
            let y = UintRef::from_der(key).map_err(|_| MALFORMED)?;
            DsaPublicKey::new(p.as_bytes(), q.as_bytes(), g.as_bytes(), y.as_bytes()).map(PublicKey::Dsa)
        }
        oid => super::post_quantum_public(oid, key).unwrap_or(Err(UNKNOWN)),
    }
}

/// Writes a SubjectPublicKeyInfo.
pub(crate) fn encode_spki(key: &PublicKey, form: KeyCompressionType) -> Result<Vec<u8>> {
    match key {
        PublicKey::Rsa(key) => spki_of(RSA, Some(AnyRef::NULL), &rsa_public(key)?),
        PublicKey::Ec(key) => spki_of(EC, Some(AnyRef::from(&key.curve().oid())), &key.compressed(form)?),
        PublicKey::Ed25519(key) => spki_of(ED25519, None, key.bytes()),
        PublicKey::X25519(key) => spki_of(X25519, None, key.bytes()),
        PublicKey::Dsa(key) => {
            let y = uint(key.y())?.to_der().map_err(|_| MALFORMED)?;
            dsa_parameters(key, |parameters| spki_of(DSA, Some(parameters), &y))
        }
        PublicKey::Dh(_) => Err(CryptoError::Format),
        PublicKey::MlKem(key) => spki_of(key.set().oid(), None, key.bytes()),
        PublicKey::MlDsa(key) => spki_of(key.set().oid(), None, key.bytes()),
        PublicKey::SlhDsa(key) => spki_of(key.set().oid(), None, key.bytes()),
    }
}

fn named_curve(algorithm: &AlgorithmIdentifierRef<'_>) -> Result<EcCurve> {
    EcCurve::from_oid(algorithm.parameters_oid().map_err(|_| CryptoError::Unsupported("curve without a name"))?)
}

/// Dss-Parms (RFC 3279 §2.3.2): p, q and g, three integers in a sequence.
type DsaDomain<'a> = [UintRef<'a>; 3];

fn dsa_domain<'a>(algorithm: &AlgorithmIdentifierRef<'a>) -> Result<DsaDomain<'a>> {
    let numbers: Vec<UintRef<'a>> = algorithm.parameters.ok_or(MALFORMED)?.decode_as().map_err(|_| MALFORMED)?;
    numbers.try_into().map_err(|_| MALFORMED)
}

fn dsa_parameters<T>(key: &DsaPublicKey, then: impl FnOnce(AnyRef<'_>) -> Result<T>) -> Result<T> {
    let (p, q, g) = key.domain();
    let encoded = [uint(p)?, uint(q)?, uint(g)?].to_der().map_err(|_| MALFORMED)?;
    then(AnyRef::from_der(&encoded).map_err(|_| MALFORMED)?)
}

fn lattice_algorithm(oid: ObjectIdentifier) -> Option<CryptographicAlgorithm> {
    let kem = MlKemSet::from_oid(oid).map(MlKemSet::algorithm);
    kem.or_else(|| MlDsaSet::from_oid(oid).map(MlDsaSet::algorithm))
}

/// The tag of `seed [0] IMPLICIT OCTET STRING`.
const SEED: Tag = Tag::ContextSpecific { constructed: false, number: TagNumber(0) };

/// Seed and expanded key of the choice in RFC 9935 §6 and RFC 9881 §6: a seed, an expanded key, or both.
#[allow(clippy::type_complexity, reason = "a pair of optional slices")]
fn lattice_choice(inner: &[u8]) -> Result<(Option<&[u8]>, Option<&[u8]>), pkcs8::der::Error> {
    let any = AnyRef::from_der(inner)?;
    match any.tag() {
        SEED => Ok((Some(any.value()), None)),
        Tag::OctetString => Ok((None, Some(any.value()))),
        tag => {
            tag.assert_eq(Tag::Sequence)?;
            let mut reader = SliceReader::new(any.value())?;
            let seed = <&OctetStringRef>::decode(&mut reader)?.as_bytes();
            let expanded = <&OctetStringRef>::decode(&mut reader)?.as_bytes();
            reader.finish()?;
            Ok((Some(seed), Some(expanded)))
        }
    }
}

/// The seed if there is one, else the expanded key.
fn chosen(seed: Option<&KeyBytes>, expanded: &KeyBytes) -> Result<KeyBytes> {
    match seed {
        Some(seed) => secret(&AnyRef::new(SEED, seed.expose()).map_err(|_| MALFORMED)?),
        None => octet_string(expanded),
    }
}

fn pkcs8_of(oid: ObjectIdentifier, parameters: Option<AnyRef<'_>>, inner: &[u8]) -> Result<KeyBytes> {
    let inner = OctetStringRef::new(inner).map_err(|_| MALFORMED)?;
    secret(&PrivateKeyInfoRef::new(AlgorithmIdentifierRef { oid, parameters }, inner))
}

fn spki_of(oid: ObjectIdentifier, parameters: Option<AnyRef<'_>>, key: &[u8]) -> Result<Vec<u8>> {
    let subject_public_key = BitStringRef::from_bytes(key).map_err(|_| MALFORMED)?;
    let info = SubjectPublicKeyInfoRef { algorithm: AlgorithmIdentifierRef { oid, parameters }, subject_public_key };
    info.to_der().map_err(|_| MALFORMED)
}

/// The content of an OCTET STRING.
fn octets(bytes: &[u8]) -> Result<&[u8]> {
    <&OctetStringRef>::from_der(bytes).map(OctetStringRef::as_bytes).map_err(|_| MALFORMED)
}

fn octet_string(bytes: &KeyBytes) -> Result<KeyBytes> {
    secret(&OctetStringRef::new(bytes.expose()).map_err(|_| MALFORMED)?)
}

fn uint(bytes: &[u8]) -> Result<UintRef<'_>> {
    UintRef::new(bytes).map_err(|_| MALFORMED)
}

/// DER of a secret, written once into a block of its own length.
fn secret(value: &impl Encode) -> Result<KeyBytes> {
    let length = value.encoded_len().map_err(|_| MALFORMED)?;
    let length = usize::try_from(length).map_err(|_| MALFORMED)?;
    KeyBytes::fill(length, |buffer| value.encode_to_slice(buffer).map(|_| ())).map_err(|_: pkcs8::der::Error| MALFORMED)
}
