//! The Transparent key structures (1.4 §2.1.7, 2.1 §3.5 to §3.12): numbers under their own tags. The forms for ECDSA,
//! ECDH and ECMQV of 1.0 to 1.2 have the fields of the EC forms that replaced them.

use crate::base::{BigInt, Field, KeyBytes, Value};
use crate::crypto::dh::{DhDomain, DhPrivateKey, DhPublicKey};
use crate::crypto::dsa::{DsaPrivateKey, DsaPublicKey};
use crate::crypto::ec::{EcCurve, EcPrivateKey, EcPublicKey};
use crate::crypto::keys::{PrivateKey, PublicKey};
use crate::crypto::rsa::{RsaNumbers, RsaPublicKey, complete};
use crate::crypto::{CryptoError, Result};
use crate::registry::{CryptographicAlgorithm, KeyCompressionType, KeyFormatType, RecommendedCurve, Tag};

/// Reads a private key.
pub(super) fn parse_private(
    format: KeyFormatType,
    algorithm: Option<CryptographicAlgorithm>,
    fields: &Value,
) -> Result<PrivateKey> {
    let number = |tag| number(fields, tag);
    match format {
        KeyFormatType::TransparentRSAPrivateKey => {
            let numbers = RsaNumbers {
                n: needed(fields, Tag::Modulus)?,
                e: number(Tag::PublicExponent)?,
                d: number(Tag::PrivateExponent)?,
                p: number(Tag::P)?,
                q: number(Tag::Q)?,
                dp: number(Tag::PrimeExponentP)?,
                dq: number(Tag::PrimeExponentQ)?,
                qinv: number(Tag::CRTCoefficient)?,
            };
            complete(numbers).map(|key| PrivateKey::Rsa(Box::new(key)))
        }
        format if is_ec_private(format) => {
            EcPrivateKey::new(curve(fields)?, needed(fields, Tag::D)?).map(PrivateKey::Ec)
        }
        KeyFormatType::TransparentDSAPrivateKey => {
            let [p, q, g, x] = all(fields, [Tag::P, Tag::Q, Tag::G, Tag::X])?;
            DsaPrivateKey::new(p, q, g, x).map(PrivateKey::Dsa)
        }
        KeyFormatType::TransparentDHPrivateKey => {
            DhPrivateKey::new(domain(fields)?, needed(fields, Tag::X)?).map(PrivateKey::Dh)
        }
        KeyFormatType::SeedPrivateKey => parse_seed(algorithm, fields),
        _ => Err(CryptoError::Format),
    }
}

/// Reads a public key.
pub(super) fn parse_public(format: KeyFormatType, fields: &Value) -> Result<PublicKey> {
    match format {
        KeyFormatType::TransparentRSAPublicKey => {
            RsaPublicKey::new(needed(fields, Tag::Modulus)?, needed(fields, Tag::PublicExponent)?).map(PublicKey::Rsa)
        }
        format if is_ec_public(format) => match fields.field(Tag::QString) {
            Some(Value::ByteString(point)) => EcPublicKey::new(curve(fields)?, point).map(PublicKey::Ec),
            _ => Err(LACKS),
        },
        KeyFormatType::TransparentDSAPublicKey => {
            let [p, q, g, y] = all(fields, [Tag::P, Tag::Q, Tag::G, Tag::Y])?;
            DsaPublicKey::new(p, q, g, y).map(PublicKey::Dsa)
        }
        KeyFormatType::TransparentDHPublicKey => {
            DhPublicKey::new(domain(fields)?, needed(fields, Tag::Y)?).map(PublicKey::Dh)
        }
        _ => Err(CryptoError::Format),
    }
}

/// Seed and Key of a lattice key (3.0). The key follows from the seed and must agree with it; either may be absent.
fn parse_seed(algorithm: Option<CryptographicAlgorithm>, fields: &Value) -> Result<PrivateKey> {
    let algorithm = algorithm.ok_or(CryptoError::MissingParameter("Cryptographic Algorithm"))?;
    let bytes = |tag| match fields.field(tag) {
        None => Ok(None),
        Some(Value::ByteString(bytes)) => Ok(Some(&**bytes)),
        Some(_) => Err(LACKS),
    };
    super::lattice(algorithm, bytes(Tag::Seed)?, bytes(Tag::Key)?)
}

/// Writes a private key, with every number that it has.
pub(super) fn encode_private(key: &PrivateKey, format: KeyFormatType) -> Result<Value> {
    match (format, key) {
        (KeyFormatType::TransparentRSAPrivateKey, PrivateKey::Rsa(key)) => {
            let ((p, q), (dp, dq, qinv)) = (key.primes(), key.crt());
            Ok(structure(&[
                (Tag::Modulus, key.public().modulus()),
                (Tag::PrivateExponent, key.d().expose()),
                (Tag::PublicExponent, key.public().exponent()),
                (Tag::P, p.expose()),
                (Tag::Q, q.expose()),
                (Tag::PrimeExponentP, dp.expose()),
                (Tag::PrimeExponentQ, dq.expose()),
                (Tag::CRTCoefficient, qinv.expose()),
            ]))
        }
        (format, PrivateKey::Ec(key)) if is_ec_private(format) => {
            let d = Value::BigInteger(BigInt::from_unsigned(key.d().expose()));
            Ok(on_curve(key.public().curve(), Field::new(Tag::D, d)))
        }
        (KeyFormatType::TransparentDSAPrivateKey, PrivateKey::Dsa(key)) => {
            let (p, q, g) = key.public().domain();
            Ok(structure(&[(Tag::P, p), (Tag::Q, q), (Tag::G, g), (Tag::X, key.x().expose())]))
        }
        (KeyFormatType::TransparentDHPrivateKey, PrivateKey::Dh(key)) => {
            Ok(in_group(key.public().domain(), Tag::X, key.x().expose()))
        }
        (KeyFormatType::SeedPrivateKey, PrivateKey::MlKem(key)) => seed_and_key(key.seed(), key.expanded()),
        (KeyFormatType::SeedPrivateKey, PrivateKey::MlDsa(key)) => seed_and_key(key.seed(), key.expanded()),
        _ => Err(CryptoError::Format),
    }
}

/// Writes a public key.
pub(super) fn encode_public(key: &PublicKey, format: KeyFormatType, form: KeyCompressionType) -> Result<Value> {
    match (format, key) {
        (KeyFormatType::TransparentRSAPublicKey, PublicKey::Rsa(key)) => {
            Ok(structure(&[(Tag::Modulus, key.modulus()), (Tag::PublicExponent, key.exponent())]))
        }
        (format, PublicKey::Ec(key)) if is_ec_public(format) => {
            let point = Value::ByteString(key.compressed(form)?.into());
            Ok(on_curve(key.curve(), Field::new(Tag::QString, point)))
        }
        (KeyFormatType::TransparentDSAPublicKey, PublicKey::Dsa(key)) => {
            let (p, q, g) = key.domain();
            Ok(structure(&[(Tag::P, p), (Tag::Q, q), (Tag::G, g), (Tag::Y, key.y())]))
        }
        (KeyFormatType::TransparentDHPublicKey, PublicKey::Dh(key)) => Ok(in_group(key.domain(), Tag::Y, key.y())),
        _ => Err(CryptoError::Format),
    }
}

const LACKS: CryptoError = CryptoError::BadKey("a field of the transparent key is absent or of another type");

fn is_ec_private(format: KeyFormatType) -> bool {
    matches!(
        format,
        KeyFormatType::TransparentECPrivateKey
            | KeyFormatType::TransparentECDSAPrivateKey
            | KeyFormatType::TransparentECDHPrivateKey
            | KeyFormatType::TransparentECMQVPrivateKey
    )
}

fn is_ec_public(format: KeyFormatType) -> bool {
    matches!(
        format,
        KeyFormatType::TransparentECPublicKey
            | KeyFormatType::TransparentECDSAPublicKey
            | KeyFormatType::TransparentECDHPublicKey
            | KeyFormatType::TransparentECMQVPublicKey
    )
}

/// The magnitude of a field, if it is there; a negative number or another type is refused.
fn number(fields: &Value, tag: Tag) -> Result<Option<&[u8]>> {
    match fields.field(tag) {
        None => Ok(None),
        Some(Value::BigInteger(number)) => number.unsigned().map(Some).ok_or(LACKS),
        Some(_) => Err(LACKS),
    }
}

fn needed(fields: &Value, tag: Tag) -> Result<&[u8]> {
    number(fields, tag)?.ok_or(LACKS)
}

fn all<const N: usize>(fields: &Value, tags: [Tag; N]) -> Result<[&[u8]; N]> {
    let mut numbers = [[].as_slice(); N];
    for (number, tag) in numbers.iter_mut().zip(tags) {
        *number = needed(fields, tag)?;
    }
    Ok(numbers)
}

fn domain(fields: &Value) -> Result<DhDomain> {
    let (q, j) = (number(fields, Tag::Q)?, number(fields, Tag::J)?);
    DhDomain::new(needed(fields, Tag::P)?, needed(fields, Tag::G)?, q, j)
}

fn curve(fields: &Value) -> Result<EcCurve> {
    match fields.field(Tag::RecommendedCurve) {
        Some(Value::Enumeration(curve)) => EcCurve::from_recommended(RecommendedCurve(*curve)),
        _ => Err(LACKS),
    }
}

fn structure(numbers: &[(Tag, &[u8])]) -> Value {
    let field = |(tag, number): &(Tag, &[u8])| Field::new(*tag, Value::BigInteger(BigInt::from_unsigned(number)));
    Value::Structure(numbers.iter().map(field).collect())
}

fn in_group(domain: &DhDomain, tag: Tag, own: &[u8]) -> Value {
    let numbers = [
        (Tag::P, Some(domain.p())),
        (Tag::Q, domain.q()),
        (Tag::G, Some(domain.g())),
        (Tag::J, domain.j()),
        (tag, Some(own)),
    ];
    let numbers: Vec<_> = numbers.into_iter().filter_map(|(tag, number)| Some((tag, number?))).collect();
    structure(&numbers)
}

fn seed_and_key(seed: Option<&KeyBytes>, key: &KeyBytes) -> Result<Value> {
    let seed = seed.ok_or(CryptoError::Format)?;
    let bytes = |bytes: &KeyBytes| Value::ByteString(bytes.expose().into());
    Ok(Value::Structure(vec![Field::new(Tag::Seed, bytes(seed)), Field::new(Tag::Key, bytes(key))]))
}

fn on_curve(curve: EcCurve, field: Field) -> Value {
    let curve = Value::Enumeration(curve.recommended().0);
    Value::Structure(vec![Field::new(Tag::RecommendedCurve, curve), field])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_negative_and_mistyped_fields_are_refused() {
        let curve = Field::new(Tag::RecommendedCurve, Value::Enumeration(RecommendedCurve::P_256.0));
        let cases = [
            vec![],
            vec![curve.clone()],
            vec![curve.clone(), Field::new(Tag::D, Value::Integer(5))],
            vec![curve.clone(), Field::new(Tag::D, Value::BigInteger(BigInt::from_signed(&[0xFF])))],
            vec![curve, Field::new(Tag::QString, Value::text("x"))],
        ];
        for fields in cases {
            let fields = Value::Structure(fields);
            assert!(parse_private(KeyFormatType::TransparentECPrivateKey, None, &fields).is_err());
            assert!(parse_public(KeyFormatType::TransparentECPublicKey, &fields).is_err());
            assert!(parse_private(KeyFormatType::TransparentRSAPrivateKey, None, &fields).is_err());
            assert!(parse_public(KeyFormatType::TransparentRSAPublicKey, &fields).is_err());
        }
        assert!(parse_private(KeyFormatType::TransparentECPrivateKey, None, &Value::Integer(1)).is_err());
    }

    #[test]
    fn an_rsa_key_needs_only_some_numbers() {
        let key = crate::crypto::testing::rsa_1024();
        let fields = structure(&[(Tag::Modulus, key.public().modulus()), (Tag::PrivateExponent, key.d().expose())]);
        let PrivateKey::Rsa(again) = parse_private(KeyFormatType::TransparentRSAPrivateKey, None, &fields).unwrap()
        else {
            panic!("RSA")
        };
        assert_eq!(again.public().exponent(), key.public().exponent());
    }
}
