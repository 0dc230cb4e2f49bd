//! Key material of each Key Format Type. The first bytes choose format, algorithm, length and curve; a key that is read
//! is used, written in every format, and read from each.

use keyhaven::base::Limits;
use keyhaven::crypto::formats::{Encoded, Hint, Material, encode_private, encode_public, parse_private, parse_public};
use keyhaven::crypto::keys::{Input, KeySpec, PrivateKey, PublicKey};
use keyhaven::crypto::operations::AsymmetricParameters;
use keyhaven::crypto::rsa::SoftwareRsa;
use keyhaven::registry::{CryptographicAlgorithm, KeyFormatType, RecommendedCurve, Tag};
use keyhaven::ttlv::{Writer, check};

use super::dice::{noise, with_damage};

pub fn body(bytes: &[u8]) {
    let [choice, format, algorithm, curve, rest @ ..] = bytes else { return };
    let format = KeyFormatType(u32::from(*format));
    let curve = Some(RecommendedCurve(u32::from(*curve))).filter(|curve| curve.0 > 0);
    let hint = Hint { algorithm: Some(CryptographicAlgorithm(u32::from(*algorithm))), length: None, curve };
    let fields;
    // A Transparent structure comes as a checked item.
    let material = if choice & 2 == 0 {
        Material::Bytes(rest)
    } else {
        let Ok(item) = check(rest, &Limits::default()) else { return };
        fields = item.to_value();
        Material::Structure(&fields)
    };
    if choice & 1 == 0 {
        if let Ok(key) = parse_private(format, hint, material) {
            private(&key);
        }
    } else if let Ok(key) = parse_public(format, hint, material) {
        public(&key);
    }
}

fn private(key: &PrivateKey) {
    public(&key.public());
    // A key of random numbers may refuse to sign, or sign wrongly; it must not panic. SLH-DSA takes too long.
    if !matches!(key, PrivateKey::SlhDsa(_)) {
        let plain = AsymmetricParameters::default();
        let context = AsymmetricParameters { context: Some(b"context"), ..plain };
        for parameters in [plain, context] {
            let _ = key.sign(&parameters, Input::Message(b"message"), SoftwareRsa::Allow);
        }
    }
    let _ = key.agree(&key.public());
    for row in KeyFormatType::ROWS {
        let format = KeyFormatType(row.value);
        let Ok(encoded) = encode_private(key, format) else { continue };
        let again = parse_private(format, hint(&key.public()), material(&encoded)).expect("what is written is read");
        assert_eq!(spki(&again.public()), spki(&key.public()));
    }
}

fn public(key: &PublicKey) {
    let _ = key.verify(&AsymmetricParameters::default(), Input::Message(b"message"), &[1; 64]);
    for row in KeyFormatType::ROWS {
        let format = KeyFormatType(row.value);
        let Ok(encoded) = encode_public(key, format, None) else { continue };
        let again = parse_public(format, hint(key), material(&encoded)).expect("what is written is read");
        assert_eq!(spki(&again), spki(key));
    }
}

/// What tells two public keys apart; Diffie-Hellman has no such form.
fn spki(key: &PublicKey) -> Option<Vec<u8>> {
    match encode_public(key, KeyFormatType::X_509, None) {
        Ok(Encoded::Bytes(bytes)) => Some(bytes.expose().to_vec()),
        _ => None,
    }
}

fn hint(key: &PublicKey) -> Hint {
    Hint { algorithm: Some(key.algorithm()), length: Some(key.length()), curve: key.curve() }
}

fn material(encoded: &Encoded) -> Material<'_> {
    match encoded {
        Encoded::Bytes(bytes) => Material::Bytes(bytes.expose()),
        Encoded::Structure(fields) => Material::Structure(fields),
    }
}

/// One key of each kind, for these seeds and those of other borders.
pub fn examples() -> Vec<PrivateKey> {
    use CryptographicAlgorithm as A;
    let curves = [RecommendedCurve::P_224, RecommendedCurve::P_256, RecommendedCurve::BRAINPOOLP256R1].map(Some);
    let curves = curves.map(|curve| (A::EC, curve));
    let others = [A::Ed25519, A::X25519, A::ML_KEM_512, A::ML_DSA_44, A::SLH_DSA_SHA2_128f].map(|one| (one, None));
    let specs = curves.into_iter().chain(others);
    let made = specs.map(|(algorithm, curve)| {
        PrivateKey::generate(&KeySpec { algorithm, length: None, curve, software: SoftwareRsa::Refuse })
    });
    let rsa = KeySpec { algorithm: A::RSA, length: Some(2048), curve: None, software: SoftwareRsa::Refuse };
    made.chain([PrivateKey::generate(&rsa)]).map(|key| key.expect("a key is made")).collect()
}

pub fn seeds() -> Vec<Vec<u8>> {
    let mut inputs = noise(100, 200);
    for key in examples() {
        let (algorithm, curve) = (key.algorithm().0 as u8, key.public().curve().map_or(0, |curve| curve.0 as u8));
        for format in KeyFormatType::ROWS.iter().map(|row| KeyFormatType(row.value)) {
            let halves = [(0, encode_private(&key, format)), (1, encode_public(&key.public(), format, None))];
            for (choice, encoded) in halves {
                let head = |choice: u8| vec![choice, format.0 as u8, algorithm, curve];
                match encoded {
                    Ok(Encoded::Bytes(bytes)) => inputs.push([&head(choice), bytes.expose()].concat()),
                    Ok(Encoded::Structure(fields)) => {
                        let mut out = Writer::default();
                        out.value(Tag::KeyMaterial, &fields);
                        inputs.push([&head(choice | 2), &*out.finish()].concat());
                    }
                    Err(_) => {}
                }
            }
        }
    }
    with_damage(inputs)
}
