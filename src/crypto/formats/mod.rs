//! Key material between the bytes or structures of a key block and parsed keys, for every Key Format Type of
//! asymmetric keys (1.4 §2.1.3 and §2.1.7, 2.1 §3.1 to §3.12). Get converts by parsing one and encoding the other.

pub(super) mod der;
mod transparent;

use super::ec::{EcPrivateKey, EcPublicKey};
use super::ed::{Ed25519PrivateKey, Ed25519PublicKey, X25519PrivateKey, X25519PublicKey};
use super::keys::{PrivateKey, PublicKey, curve_of, is_ec};
use super::pqc::{self, MlDsaPrivateKey, MlDsaPublicKey, MlDsaSet, MlKemPrivateKey, MlKemPublicKey, MlKemSet};
use super::slh::{SlhDsaPrivateKey, SlhDsaPublicKey, SlhDsaSet};
use super::{CryptoError, Result};
use crate::base::{KeyBytes, Value};
use crate::registry::{CryptographicAlgorithm, KeyCompressionType, KeyFormatType, RecommendedCurve};
use pkcs8::ObjectIdentifier;

/// Key material as it stands in a key block.
#[derive(Clone, Copy)]
pub enum Material<'a> {
    /// A byte string.
    Bytes(&'a [u8]),
    /// The fields of a Transparent structure: a `Value::Structure`.
    Structure(&'a Value),
}

/// Key material to be put into a key block.
#[derive(Debug)]
pub enum Encoded {
    /// A byte string.
    Bytes(KeyBytes),
    /// The fields of a Transparent structure. Its numbers are not wiped: `base::Value` does not.
    Structure(Value),
}

/// What the key block says about its material; needed where the material does not say it itself.
#[derive(Clone, Copy, Default, Debug)]
pub struct Hint {
    /// Cryptographic Algorithm. If present, the key must be one of it.
    pub algorithm: Option<CryptographicAlgorithm>,
    /// Cryptographic Length in bits. If present, the key must have it.
    pub length: Option<i32>,
    /// Recommended Curve.
    pub curve: Option<RecommendedCurve>,
}

/// Reads a private key.
///
/// Formats: PKCS#1, PKCS#8, ECPrivateKey, Raw (a private number, seed or scalar; the hint must name the algorithm),
/// the Transparent forms, those of 1.0 to 1.2 included, and Seed Private Key (3.0; the hint must name the algorithm).
pub fn parse_private(format: KeyFormatType, hint: Hint, material: Material<'_>) -> Result<PrivateKey> {
    let key = match (format, material) {
        (KeyFormatType::PKCS_1, Material::Bytes(bytes)) => PrivateKey::Rsa(Box::new(der::rsa_private(bytes)?)),
        (KeyFormatType::PKCS_8, Material::Bytes(bytes)) => der::parse_pkcs8(bytes)?,
        (KeyFormatType::ECPrivateKey, Material::Bytes(bytes)) => {
            PrivateKey::Ec(der::parse_sec1(bytes, curve_of(hint.curve, hint.length)?)?)
        }
        (KeyFormatType::Raw, Material::Bytes(bytes)) => raw_private(hint, bytes)?,
        (format, Material::Structure(fields)) => transparent::parse_private(format, hint.algorithm, fields)?,
        _ => return Err(CryptoError::Format),
    };
    check(hint, &key.public())?;
    Ok(key)
}

/// Reads a public key.
///
/// Formats: PKCS#1, X.509 (SubjectPublicKeyInfo), Raw (a point or the bytes of the key; the hint must name the
/// algorithm), and the Transparent forms, those of 1.0 to 1.2 included.
pub fn parse_public(format: KeyFormatType, hint: Hint, material: Material<'_>) -> Result<PublicKey> {
    let key = match (format, material) {
        (KeyFormatType::PKCS_1, Material::Bytes(bytes)) => PublicKey::Rsa(der::parse_rsa_public(bytes)?),
        (KeyFormatType::X_509, Material::Bytes(bytes)) => der::parse_spki(bytes)?,
        (KeyFormatType::Raw, Material::Bytes(bytes)) => raw_public(hint, bytes)?,
        (format, Material::Structure(fields)) => transparent::parse_public(format, fields)?,
        _ => return Err(CryptoError::Format),
    };
    check(hint, &key)?;
    Ok(key)
}

/// Writes a private key.
pub fn encode_private(key: &PrivateKey, format: KeyFormatType) -> Result<Encoded> {
    let bytes = match (format, key) {
        (KeyFormatType::PKCS_1, PrivateKey::Rsa(key)) => der::rsa_private_pkcs1(key)?,
        (KeyFormatType::PKCS_8, key) => der::encode_pkcs8(key)?,
        (KeyFormatType::ECPrivateKey, PrivateKey::Ec(key)) => {
            der::sec1_private(key.public().curve(), key.d().expose(), Some(key.public().point()))?
        }
        (KeyFormatType::Raw, PrivateKey::Ec(key)) => KeyBytes::copy_from(key.d().expose()),
        (KeyFormatType::Raw, PrivateKey::Ed25519(key)) => KeyBytes::copy_from(key.seed().expose()),
        (KeyFormatType::Raw, PrivateKey::X25519(key)) => KeyBytes::copy_from(key.scalar().expose()),
        (KeyFormatType::Raw, PrivateKey::MlKem(key)) => KeyBytes::copy_from(key.expanded().expose()),
        (KeyFormatType::Raw, PrivateKey::MlDsa(key)) => KeyBytes::copy_from(key.expanded().expose()),
        (KeyFormatType::Raw, PrivateKey::SlhDsa(key)) => KeyBytes::copy_from(key.bytes().expose()),
        _ => return transparent::encode_private(key, format).map(Encoded::Structure),
    };
    Ok(Encoded::Bytes(bytes))
}

/// Writes a public key; `compression` is for points only.
pub fn encode_public(
    key: &PublicKey,
    format: KeyFormatType,
    compression: Option<KeyCompressionType>,
) -> Result<Encoded> {
    if compression.is_some() && !matches!(key, PublicKey::Ec(_)) {
        return Err(CryptoError::Compression);
    }
    let compression = compression.unwrap_or(KeyCompressionType::ECPublicKeyTypeUncompressed);
    let bytes = match (format, key) {
        (KeyFormatType::PKCS_1, PublicKey::Rsa(key)) => der::rsa_public(key)?,
        (KeyFormatType::X_509, key) => der::encode_spki(key, compression)?,
        (KeyFormatType::Raw, PublicKey::Ec(key)) => key.compressed(compression)?,
        (KeyFormatType::Raw, PublicKey::Ed25519(key)) => key.bytes().to_vec(),
        (KeyFormatType::Raw, PublicKey::X25519(key)) => key.bytes().to_vec(),
        (KeyFormatType::Raw, PublicKey::MlKem(key)) => key.bytes().to_vec(),
        (KeyFormatType::Raw, PublicKey::MlDsa(key)) => key.bytes().to_vec(),
        (KeyFormatType::Raw, PublicKey::SlhDsa(key)) => key.bytes().to_vec(),
        _ => return transparent::encode_public(key, format, compression).map(Encoded::Structure),
    };
    Ok(Encoded::Bytes(KeyBytes::new(bytes)))
}

/// The format in which a server gives a private key if the client names none (2.1 §4.26, table 81; clients of 1.0 to
/// 1.2 do not know Transparent EC: give them ECPrivateKey). Algorithms without a row there get PKCS#8.
pub fn default_private_format(key: &PrivateKey) -> KeyFormatType {
    match key {
        PrivateKey::Rsa(_) => KeyFormatType::PKCS_1,
        PrivateKey::Ec(_) => KeyFormatType::TransparentECPrivateKey,
        PrivateKey::Dsa(_) => KeyFormatType::TransparentDSAPrivateKey,
        PrivateKey::Dh(_) => KeyFormatType::TransparentDHPrivateKey,
        _ => KeyFormatType::PKCS_8,
    }
}

/// The format in which a server gives a public key if the client names none (2.1 §4.26, table 81; clients of 1.0 to
/// 1.2 do not know Transparent EC: give them X.509). Algorithms without a row there get X.509.
pub fn default_public_format(key: &PublicKey) -> KeyFormatType {
    match key {
        PublicKey::Rsa(_) => KeyFormatType::PKCS_1,
        PublicKey::Ec(_) => KeyFormatType::TransparentECPublicKey,
        PublicKey::Dsa(_) => KeyFormatType::TransparentDSAPublicKey,
        PublicKey::Dh(_) => KeyFormatType::TransparentDHPublicKey,
        _ => KeyFormatType::X_509,
    }
}

fn raw_private(hint: Hint, bytes: &[u8]) -> Result<PrivateKey> {
    let algorithm = hint.algorithm.ok_or(CryptoError::MissingParameter("Cryptographic Algorithm"))?;
    match algorithm {
        CryptographicAlgorithm::Ed25519 => Ed25519PrivateKey::new(bytes).map(PrivateKey::Ed25519),
        CryptographicAlgorithm::X25519 => X25519PrivateKey::new(bytes).map(PrivateKey::X25519),
        algorithm if is_ec(algorithm) && hint.curve == Some(RecommendedCurve::CURVE25519) => {
            X25519PrivateKey::new(bytes).map(PrivateKey::X25519)
        }
        algorithm if is_ec(algorithm) => {
            let curve = curve_of(hint.curve, hint.length)?.ok_or(CryptoError::MissingParameter("Recommended Curve"))?;
            EcPrivateKey::new(curve, bytes).map(PrivateKey::Ec)
        }
        algorithm => match (SlhDsaSet::from_algorithm(algorithm), MlKemSet::from_algorithm(algorithm), bytes.len()) {
            (Some(set), _, _) => SlhDsaPrivateKey::new(set, bytes).map(PrivateKey::SlhDsa),
            (_, Some(_), pqc::KEM_SEED) | (_, None, pqc::DSA_SEED) => lattice(algorithm, Some(bytes), None),
            _ => lattice(algorithm, None, Some(bytes)),
        },
    }
}

fn raw_public(hint: Hint, bytes: &[u8]) -> Result<PublicKey> {
    let algorithm = hint.algorithm.ok_or(CryptoError::MissingParameter("Cryptographic Algorithm"))?;
    match algorithm {
        CryptographicAlgorithm::Ed25519 => Ed25519PublicKey::new(bytes).map(PublicKey::Ed25519),
        CryptographicAlgorithm::X25519 => X25519PublicKey::new(bytes).map(PublicKey::X25519),
        algorithm if is_ec(algorithm) && hint.curve == Some(RecommendedCurve::CURVE25519) => {
            X25519PublicKey::new(bytes).map(PublicKey::X25519)
        }
        algorithm if is_ec(algorithm) => {
            let curve = curve_of(hint.curve, hint.length)?.ok_or(CryptoError::MissingParameter("Recommended Curve"))?;
            EcPublicKey::new(curve, bytes).map(PublicKey::Ec)
        }
        algorithm => {
            let oid = post_quantum_oid(algorithm).ok_or(CryptoError::Format)?;
            post_quantum_public(oid, bytes).unwrap_or(Err(CryptoError::Format))
        }
    }
}

/// The object identifier of a parameter set: it and the Cryptographic Algorithm are one name each.
fn post_quantum_oid(algorithm: CryptographicAlgorithm) -> Option<ObjectIdentifier> {
    let kem = MlKemSet::from_algorithm(algorithm).map(MlKemSet::oid);
    let lattice = kem.or_else(|| MlDsaSet::from_algorithm(algorithm).map(MlDsaSet::oid));
    lattice.or_else(|| SlhDsaSet::from_algorithm(algorithm).map(SlhDsaSet::oid))
}

/// A public key of one of the parameter sets, if the object identifier is of one.
fn post_quantum_public(oid: ObjectIdentifier, bytes: &[u8]) -> Option<Result<PublicKey>> {
    if let Some(set) = MlKemSet::from_oid(oid) {
        Some(MlKemPublicKey::new(set, bytes).map(PublicKey::MlKem))
    } else if let Some(set) = MlDsaSet::from_oid(oid) {
        Some(MlDsaPublicKey::new(set, bytes).map(PublicKey::MlDsa))
    } else {
        SlhDsaSet::from_oid(oid).map(|set| SlhDsaPublicKey::new(set, bytes).map(PublicKey::SlhDsa))
    }
}

/// A lattice key from its seed, its expanded form or both, which must then agree.
fn lattice(algorithm: CryptographicAlgorithm, seed: Option<&[u8]>, expanded: Option<&[u8]>) -> Result<PrivateKey> {
    const LACKS: CryptoError = CryptoError::BadKey("neither seed nor key");
    const WRONG: CryptoError = CryptoError::BadKey("seed and key do not agree");
    let agrees = |made: &KeyBytes| expanded.is_none_or(|given| given == made.expose());
    if let Some(set) = MlKemSet::from_algorithm(algorithm) {
        let Some(seed) = seed else {
            return MlKemPrivateKey::from_expanded(set, expanded.ok_or(LACKS)?).map(PrivateKey::MlKem);
        };
        let key = MlKemPrivateKey::from_seed(set, seed)?;
        return if agrees(key.expanded()) { Ok(PrivateKey::MlKem(key)) } else { Err(WRONG) };
    }
    let set = MlDsaSet::from_algorithm(algorithm).ok_or(CryptoError::Format)?;
    let Some(seed) = seed else {
        return MlDsaPrivateKey::from_expanded(set, expanded.ok_or(LACKS)?).map(PrivateKey::MlDsa);
    };
    let key = MlDsaPrivateKey::from_seed(set, seed)?;
    if agrees(key.expanded()) { Ok(PrivateKey::MlDsa(key)) } else { Err(WRONG) }
}

/// Whether the key is what the key block calls it.
fn check(hint: Hint, key: &PublicKey) -> Result<()> {
    let fits = hint.algorithm.is_none_or(|algorithm| key.is_called(algorithm))
        && (key.length_is_implied() || hint.length.is_none_or(|length| length == key.length()))
        && hint.curve.is_none_or(|curve| key.curve() == Some(curve));
    fits.then_some(()).ok_or(CryptoError::BadKey("not of the algorithm, length or curve that is said"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::dh::{DhDomain, DhPrivateKey};
    use crate::crypto::dsa::DsaPrivateKey;
    use crate::crypto::ec::EcCurve;
    use crate::crypto::keys::KeySpec;
    use crate::crypto::rsa::SoftwareRsa;
    use crate::crypto::testing::{dsa_2048, rsa_1024, rsa_2048};
    use proptest::prelude::*;

    use KeyFormatType as F;

    /// Writes, reads again, writes again: the same bytes, the same public key.
    fn round_trip(key: &PrivateKey, format: F, hint: Hint) {
        let first = encode_private(key, format).unwrap();
        let again = parse_private(format, hint, material(&first)).unwrap();
        let second = encode_private(&again, format).unwrap();
        assert!(same(&first, &second), "{key:?} {format:?}");
        assert!(same(&spki(&key.public()), &spki(&again.public())), "{key:?} {format:?}");
    }

    fn round_trip_public(key: &PublicKey, format: F, compression: Option<KeyCompressionType>, hint: Hint) {
        let first = encode_public(key, format, compression).unwrap();
        let again = parse_public(format, hint, material(&first)).unwrap();
        assert!(same(&spki(key), &spki(&again)), "{key:?} {format:?}");
        assert!(same(&first, &encode_public(&again, format, compression).unwrap()), "{key:?} {format:?}");
    }

    fn spki(key: &PublicKey) -> Encoded {
        encode_public(key, F::X_509, None).unwrap()
    }

    fn material(encoded: &Encoded) -> Material<'_> {
        match encoded {
            Encoded::Bytes(bytes) => Material::Bytes(bytes.expose()),
            Encoded::Structure(fields) => Material::Structure(fields),
        }
    }

    fn same(left: &Encoded, right: &Encoded) -> bool {
        match (left, right) {
            (Encoded::Bytes(left), Encoded::Bytes(right)) => left.expose() == right.expose(),
            (Encoded::Structure(left), Encoded::Structure(right)) => left == right,
            _ => false,
        }
    }

    fn hint(key: &PublicKey) -> Hint {
        Hint { algorithm: Some(key.algorithm()), length: Some(key.length()), curve: key.curve() }
    }

    fn rsa(key: &crate::crypto::rsa::RsaPrivateKey) -> PrivateKey {
        let bytes = der::rsa_private_pkcs1(key).unwrap();
        PrivateKey::Rsa(Box::new(der::rsa_private(bytes.expose()).unwrap()))
    }

    #[test]
    fn rsa_in_every_format() {
        for key in [rsa(rsa_2048()), rsa(rsa_1024())] {
            let public = key.public();
            for format in [F::PKCS_1, F::PKCS_8, F::TransparentRSAPrivateKey] {
                round_trip(&key, format, Hint::default());
                round_trip(&key, format, hint(&public));
            }
            for format in [F::PKCS_1, F::X_509, F::TransparentRSAPublicKey] {
                round_trip_public(&public, format, None, hint(&public));
            }
            assert!(matches!(encode_private(&key, F::ECPrivateKey), Err(CryptoError::Format)));
            assert!(matches!(encode_private(&key, F::Raw), Err(CryptoError::Format)));
            assert!(matches!(encode_public(&public, F::Raw, None), Err(CryptoError::Format)));
            let point = Some(KeyCompressionType::ECPublicKeyTypeUncompressed);
            assert!(matches!(encode_public(&public, F::X_509, point), Err(CryptoError::Compression)));
        }
    }

    #[test]
    fn curves_in_every_format() {
        for curve in EcCurve::ALL {
            let key = PrivateKey::Ec(EcPrivateKey::generate(curve).unwrap());
            let public = key.public();
            let formats = [
                F::ECPrivateKey,
                F::PKCS_8,
                F::Raw,
                F::TransparentECPrivateKey,
                F::TransparentECDSAPrivateKey,
                F::TransparentECDHPrivateKey,
                F::TransparentECMQVPrivateKey,
            ];
            for format in formats {
                round_trip(&key, format, hint(&public));
            }
            let formats = [
                F::X_509,
                F::Raw,
                F::TransparentECPublicKey,
                F::TransparentECDSAPublicKey,
                F::TransparentECDHPublicKey,
                F::TransparentECMQVPublicKey,
            ];
            for format in formats {
                for form in [None, Some(1), Some(2), Some(4)] {
                    round_trip_public(&public, format, form.map(KeyCompressionType), hint(&public));
                }
            }
        }
    }

    #[test]
    fn curve_25519_in_every_format() {
        let keys = [
            PrivateKey::Ed25519(Ed25519PrivateKey::generate().unwrap()),
            PrivateKey::X25519(X25519PrivateKey::generate().unwrap()),
        ];
        for key in keys {
            let public = key.public();
            for format in [F::PKCS_8, F::Raw] {
                round_trip(&key, format, hint(&public));
            }
            for format in [F::X_509, F::Raw] {
                round_trip_public(&public, format, None, hint(&public));
            }
            assert!(matches!(encode_private(&key, F::TransparentECPrivateKey), Err(CryptoError::Format)));
        }
    }

    #[test]
    fn dsa_and_dh() {
        let key = dsa_2048();
        let (p, q, g) = key.public().domain();
        let key = PrivateKey::Dsa(DsaPrivateKey::new(p, q, g, key.x().expose()).unwrap());
        let public = key.public();
        for format in [F::PKCS_8, F::TransparentDSAPrivateKey] {
            round_trip(&key, format, hint(&public));
        }
        for format in [F::X_509, F::TransparentDSAPublicKey] {
            round_trip_public(&public, format, None, hint(&public));
        }
        let domain = DhDomain::new(p, g, Some(q), Some(&[2])).unwrap();
        let dh = PrivateKey::Dh(DhPrivateKey::new(domain, &[7; 32]).unwrap());
        let first = encode_private(&dh, F::TransparentDHPrivateKey).unwrap();
        let again = parse_private(F::TransparentDHPrivateKey, hint(&dh.public()), material(&first)).unwrap();
        assert!(same(&first, &encode_private(&again, F::TransparentDHPrivateKey).unwrap()));
        let first = encode_public(&dh.public(), F::TransparentDHPublicKey, None).unwrap();
        let again = parse_public(F::TransparentDHPublicKey, Hint::default(), material(&first)).unwrap();
        assert!(same(&first, &encode_public(&again, F::TransparentDHPublicKey, None).unwrap()));
        assert!(matches!(encode_private(&dh, F::PKCS_8), Err(CryptoError::Format)));
        assert!(matches!(encode_public(&dh.public(), F::X_509, None), Err(CryptoError::Format)));
    }

    #[test]
    fn lattice_keys() {
        for number in 0x39..=0x3E {
            let algorithm = CryptographicAlgorithm(number);
            let spec = KeySpec { algorithm, length: None, curve: None, software: SoftwareRsa::Refuse };
            let key = PrivateKey::generate(&spec).unwrap();
            let hint = Hint { algorithm: Some(algorithm), length: Some(1), curve: None };
            for format in [F::PKCS_8, F::Raw, F::SeedPrivateKey] {
                round_trip(&key, format, hint);
            }
            for format in [F::X_509, F::Raw] {
                round_trip_public(&key.public(), format, None, hint);
            }
            // Without its seed a key is written in expanded form, and has no Seed Private Key.
            let raw = encode_private(&key, F::Raw).unwrap();
            let key = parse_private(F::Raw, hint, material(&raw)).unwrap();
            round_trip(&key, F::PKCS_8, hint);
            assert!(encode_private(&key, F::SeedPrivateKey).is_err());
        }
    }

    /// RFC 9909 §6: the octets of a key stand in PKCS#8 and SubjectPublicKeyInfo as they are.
    #[test]
    fn hash_based_keys() {
        for number in 0x3F..=0x4A {
            let algorithm = CryptographicAlgorithm(number);
            let n = [16, 16, 24, 24, 32, 32][(number - 0x3F) as usize % 6];
            let hint = Hint { algorithm: Some(algorithm), length: Some(1), curve: None };
            let bytes: Vec<u8> = (0..4 * n).collect();
            let key = parse_private(F::Raw, hint, Material::Bytes(&bytes)).unwrap();
            assert_eq!((key.algorithm(), key.length()), (algorithm, i32::from(n) * 16));
            for format in [F::PKCS_8, F::Raw] {
                round_trip(&key, format, hint);
            }
            for format in [F::X_509, F::Raw] {
                round_trip_public(&key.public(), format, None, hint);
            }
            let Encoded::Bytes(pkcs8) = encode_private(&key, F::PKCS_8).unwrap() else { panic!("bytes") };
            // Sequence, version, algorithm of 13 bytes, octet string.
            let (head, body) = pkcs8.expose().split_at(pkcs8.expose().len() - bytes.len());
            assert_eq!(body, bytes);
            assert!(
                head.windows(11).any(|part| part == [6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 3, (number - 43) as u8])
            );
            assert!(encode_private(&key, F::SeedPrivateKey).is_err());
            assert!(parse_private(F::Raw, hint, Material::Bytes(&bytes[1..])).is_err());
            assert!(parse_public(F::Raw, hint, Material::Bytes(&bytes)).is_err());
        }
    }

    #[test]
    fn a_key_that_is_not_what_it_is_called_is_refused() {
        let key = PrivateKey::Ec(EcPrivateKey::generate(EcCurve::P256).unwrap());
        let encoded = encode_private(&key, F::PKCS_8).unwrap();
        let wrong = [
            Hint { algorithm: Some(CryptographicAlgorithm::RSA), ..Hint::default() },
            Hint { length: Some(384), ..Hint::default() },
            Hint { curve: Some(RecommendedCurve::P_384), ..Hint::default() },
        ];
        for hint in wrong {
            assert!(parse_private(F::PKCS_8, hint, material(&encoded)).is_err());
        }
        assert!(parse_private(F::Raw, Hint::default(), material(&encoded)).is_err());
        assert!(parse_private(F::X_509, Hint::default(), material(&encoded)).is_err());
    }

    proptest! {
        #[test]
        fn garbage_never_panics(format in 1u32..0x19, bytes in proptest::collection::vec(any::<u8>(), 0..200),
                                algorithm in proptest::option::of(1u32..0x5E), length in proptest::option::of(any::<i32>())) {
            let algorithm = algorithm.map(CryptographicAlgorithm);
            let hint = Hint { algorithm, length, curve: None };
            let _ = parse_private(F(format), hint, Material::Bytes(&bytes));
            let _ = parse_public(F(format), hint, Material::Bytes(&bytes));
        }

        #[test]
        fn a_changed_byte_never_panics(at in 0usize..1200, change in 1u8.., format in 0usize..4) {
            let ec = PrivateKey::Ec(EcPrivateKey::new(EcCurve::P256, &[7; 32]).unwrap());
            let rsa = rsa(rsa_1024());
            let (key, format) = [(&rsa, F::PKCS_1), (&rsa, F::PKCS_8), (&ec, F::ECPrivateKey), (&ec, F::PKCS_8)][format];
            let Encoded::Bytes(bytes) = encode_private(key, format).unwrap() else { panic!("bytes") };
            let mut bytes = bytes.expose().to_vec();
            let at = at % bytes.len();
            bytes[at] ^= change;
            let _ = parse_private(format, Hint::default(), Material::Bytes(&bytes));
            bytes.truncate(at);
            prop_assert!(parse_private(format, Hint::default(), Material::Bytes(&bytes)).is_err());
        }
    }
}
