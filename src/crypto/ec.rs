//! Elliptic-curve keys on the prime curves that the libraries keep: P-256, P-384, P-521 and secp256k1. All private-key
//! work is aws-lc-rs, except key agreement on secp256k1, which it lacks and `k256` does in constant time. P-192, P-224,
//! Brainpool and binary curves are not offered.

use std::fmt;

use aws_lc_rs::agreement::{self, ECDH_P256, ECDH_P384, ECDH_P521};
use aws_lc_rs::digest::{self as aws, Digest};
use aws_lc_rs::encoding::{AsBigEndian, EcPrivateKeyBin};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P256K1_SHA256_ASN1, ECDSA_P256K1_SHA256_ASN1_SIGNING,
    ECDSA_P384_SHA384_ASN1, ECDSA_P384_SHA384_ASN1_SIGNING, ECDSA_P521_SHA512_ASN1, ECDSA_P521_SHA512_ASN1_SIGNING,
    EcdsaKeyPair, EcdsaSigningAlgorithm, EcdsaVerificationAlgorithm, KeyPair, UnparsedPublicKey,
};
use pkcs8::ObjectIdentifier;
use pkcs8::der::asn1::UintRef;
use pkcs8::der::{Encode, Header, Tag};

use super::keys::Input;
use super::number::pad_left;
use super::{CryptoError, Result};
use crate::base::KeyBytes;
use crate::registry::{HashingAlgorithm, KeyCompressionType, RecommendedCurve};

/// A curve.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum EcCurve {
    /// NIST P-256 (secp256r1).
    P256,
    /// NIST P-384 (secp384r1).
    P384,
    /// NIST P-521 (secp521r1).
    P521,
    /// secp256k1.
    Secp256k1,
}

/// The facts of a curve.
struct Row {
    curve: EcCurve,
    recommended: RecommendedCurve,
    oid: ObjectIdentifier,
    bits: usize,
    signing: &'static EcdsaSigningAlgorithm,
    verification: &'static EcdsaVerificationAlgorithm,
    /// The hash of `signing`; see `fit`.
    hash: &'static aws::Algorithm,
    agreement: Option<&'static agreement::Algorithm>,
}

const ROWS: [Row; 4] = [
    Row {
        curve: EcCurve::P256,
        recommended: RecommendedCurve::P_256,
        oid: ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7"),
        bits: 256,
        signing: &ECDSA_P256_SHA256_ASN1_SIGNING,
        verification: &ECDSA_P256_SHA256_ASN1,
        hash: &aws::SHA256,
        agreement: Some(&ECDH_P256),
    },
    Row {
        curve: EcCurve::P384,
        recommended: RecommendedCurve::P_384,
        oid: ObjectIdentifier::new_unwrap("1.3.132.0.34"),
        bits: 384,
        signing: &ECDSA_P384_SHA384_ASN1_SIGNING,
        verification: &ECDSA_P384_SHA384_ASN1,
        hash: &aws::SHA384,
        agreement: Some(&ECDH_P384),
    },
    Row {
        curve: EcCurve::P521,
        recommended: RecommendedCurve::P_521,
        oid: ObjectIdentifier::new_unwrap("1.3.132.0.35"),
        bits: 521,
        signing: &ECDSA_P521_SHA512_ASN1_SIGNING,
        verification: &ECDSA_P521_SHA512_ASN1,
        hash: &aws::SHA512,
        agreement: Some(&ECDH_P521),
    },
    Row {
        curve: EcCurve::Secp256k1,
        recommended: RecommendedCurve::SECP256K1,
        oid: ObjectIdentifier::new_unwrap("1.3.132.0.10"),
        bits: 256,
        signing: &ECDSA_P256K1_SHA256_ASN1_SIGNING,
        verification: &ECDSA_P256K1_SHA256_ASN1,
        hash: &aws::SHA256,
        agreement: None,
    },
];

impl EcCurve {
    /// Every curve.
    pub const ALL: [Self; 4] = [Self::P256, Self::P384, Self::P521, Self::Secp256k1];

    fn row(self) -> &'static Row {
        &ROWS[self as usize]
    }

    /// The curve of a Recommended Curve.
    pub fn from_recommended(curve: RecommendedCurve) -> Result<Self> {
        let row = ROWS.iter().find(|row| row.recommended == curve);
        row.map(|row| row.curve).ok_or(CryptoError::Unsupported("elliptic curve"))
    }

    /// The curve that a Cryptographic Length alone means.
    pub fn from_bits(bits: usize) -> Result<Self> {
        let row = ROWS.iter().find(|row| row.bits == bits);
        row.map(|row| row.curve).ok_or(CryptoError::Unsupported("elliptic curve length"))
    }

    pub(super) fn from_oid(oid: ObjectIdentifier) -> Result<Self> {
        let row = ROWS.iter().find(|row| row.oid == oid);
        row.map(|row| row.curve).ok_or(CryptoError::Unsupported("elliptic curve"))
    }

    pub(super) fn oid(self) -> ObjectIdentifier {
        self.row().oid
    }

    /// The Recommended Curve.
    pub fn recommended(self) -> RecommendedCurve {
        self.row().recommended
    }

    /// Cryptographic Length in bits.
    pub fn bits(self) -> usize {
        self.row().bits
    }

    /// Length of a coordinate and of a private number in bytes.
    pub fn field_bytes(self) -> usize {
        self.bits().div_ceil(8)
    }

    /// A digest as the provider's one hash for this curve. ECDSA takes the leftmost bits of a digest as long as the
    /// order, and a shorter digest as a number (FIPS 186-5 §6.4.1), so cutting or filling with zeros on the left
    /// changes nothing, and one algorithm signs for every hash. The order of P-521 is longer than any digest here.
    fn fit(self, message_digest: &[u8]) -> Result<Digest> {
        let length = self.row().hash.output_len();
        let cut = &message_digest[..message_digest.len().min(length)];
        let mut fitted = vec![0; length - cut.len()];
        fitted.extend_from_slice(cut);
        Digest::import_less_safe(&fitted, self.row().hash).map_err(|_| CryptoError::Provider("digest"))
    }
}

/// A point on a curve, not the neutral one.
#[derive(Clone, PartialEq, Eq)]
pub struct EcPublicKey {
    curve: EcCurve,
    /// SEC1, uncompressed.
    point: Box<[u8]>,
}

impl EcPublicKey {
    /// From a SEC1 point, compressed or not (the Q String); it must lie on the curve.
    pub fn new(curve: EcCurve, point: &[u8]) -> Result<Self> {
        const WRONG: CryptoError = CryptoError::BadKey("not a point of the curve");
        // 6 and 7 are the hybrid forms of X9.62: an uncompressed point that tells the parity of y twice.
        let hybrid = |last: &u8| point.len() == 2 * curve.field_bytes() + 1 && last & 1 == point[0] & 1;
        let plain = match (point.first(), point.last()) {
            (Some(6 | 7), Some(last)) if hybrid(last) => Some([&[4], &point[1..]].concat()),
            _ => None,
        };
        let point = plain.as_deref().unwrap_or(point);
        macro_rules! uncompressed {
            ($curve:ident) => {{
                use $curve::elliptic_curve::sec1::ToSec1Point;
                $curve::PublicKey::from_sec1_bytes(point).map_err(|_| WRONG)?.to_sec1_point(false).as_bytes().into()
            }};
        }
        let point = match curve {
            EcCurve::P256 => uncompressed!(p256),
            EcCurve::P384 => uncompressed!(p384),
            EcCurve::P521 => uncompressed!(p521),
            EcCurve::Secp256k1 => uncompressed!(k256),
        };
        Ok(Self { curve, point })
    }

    /// Its curve.
    pub fn curve(&self) -> EcCurve {
        self.curve
    }

    /// The point in SEC1 form, uncompressed.
    pub fn point(&self) -> &[u8] {
        &self.point
    }

    /// The point under a Key Compression Type; the forms of binary curves are refused.
    pub fn compressed(&self, form: KeyCompressionType) -> Result<Vec<u8>> {
        let parity = self.point.last().map_or(0, |last| last & 1);
        let x = &self.point[1..=self.curve.field_bytes()];
        match form {
            KeyCompressionType::ECPublicKeyTypeUncompressed => Ok(self.point.to_vec()),
            KeyCompressionType::ECPublicKeyTypeX9_62CompressedPrime => Ok([&[2 + parity], x].concat()),
            KeyCompressionType::ECPublicKeyTypeX9_62Hybrid => Ok([&[6 + parity], &self.point[1..]].concat()),
            _ => Err(CryptoError::Compression),
        }
    }

    /// Whether the DER signature is the key's.
    pub fn verify(&self, hash: HashingAlgorithm, input: Input<'_>, signature: &[u8]) -> Result<bool> {
        let message_digest = self.curve.fit(&input.digest(hash)?)?;
        let key = UnparsedPublicKey::new(self.curve.row().verification, &self.point);
        Ok(key.verify_digest(&message_digest, signature).is_ok())
    }
}

/// A private number and its point.
pub struct EcPrivateKey {
    public: EcPublicKey,
    /// As long as a coordinate.
    d: KeyBytes,
    pair: EcdsaKeyPair,
}

impl EcPrivateKey {
    /// Makes a key.
    pub fn generate(curve: EcCurve) -> Result<Self> {
        let pair =
            EcdsaKeyPair::generate(curve.row().signing).map_err(|_| CryptoError::Provider("EC key generation"))?;
        let bytes: EcPrivateKeyBin<'_> =
            pair.private_key().as_be_bytes().map_err(|_| CryptoError::Provider("EC key generation"))?;
        let d = KeyBytes::copy_from(bytes.as_ref());
        Self::from_pair(curve, d, pair)
    }

    /// From the big-endian private number, from 1 to the order less one.
    pub fn new(curve: EcCurve, d: &[u8]) -> Result<Self> {
        const WRONG: CryptoError = CryptoError::BadKey("not a private number of the curve");
        let d = KeyBytes::new(pad_left(d, curve.field_bytes()).ok_or(WRONG)?);
        let encoded = super::formats::der::sec1_private(curve, d.expose(), None)?;
        let pair = EcdsaKeyPair::from_private_key_der(curve.row().signing, encoded.expose()).map_err(|_| WRONG)?;
        Self::from_pair(curve, d, pair)
    }

    fn from_pair(curve: EcCurve, d: KeyBytes, pair: EcdsaKeyPair) -> Result<Self> {
        let point = pair.public_key().as_ref().into();
        Ok(Self { public: EcPublicKey { curve, point }, d, pair })
    }

    /// The public half.
    pub fn public(&self) -> &EcPublicKey {
        &self.public
    }

    /// The private number, as long as a coordinate.
    pub fn d(&self) -> &KeyBytes {
        &self.d
    }

    /// An ECDSA signature in DER.
    pub fn sign(&self, hash: HashingAlgorithm, input: Input<'_>) -> Result<Vec<u8>> {
        let message_digest = self.public.curve.fit(&input.digest(hash)?)?;
        let signature = self.pair.sign_digest(&message_digest).map_err(|_| CryptoError::Provider("ECDSA"))?;
        match self.public.curve {
            EcCurve::Secp256k1 => low_s(signature.as_ref()),
            _ => Ok(signature.as_ref().to_vec()),
        }
    }

    /// The shared secret: the x coordinate (SP 800-56A §5.7.1.2).
    pub fn agree(&self, peer: &EcPublicKey) -> Result<KeyBytes> {
        let curve = self.public.curve;
        if peer.curve != curve {
            return Err(CryptoError::BadParameters("the two keys are on different curves"));
        }
        match curve.row().agreement {
            Some(algorithm) => super::ed::agree(algorithm, self.d.expose(), &peer.point),
            None => {
                let own = k256::SecretKey::from_slice(self.d.expose()).map_err(|_| CryptoError::Provider("k256"))?;
                let peer = k256::PublicKey::from_sec1_bytes(&peer.point).map_err(|_| CryptoError::Provider("k256"))?;
                let shared = k256::ecdh::diffie_hellman(own.to_nonzero_scalar(), peer.as_affine());
                Ok(KeyBytes::copy_from(shared.raw_secret_bytes()))
            }
        }
    }
}

/// A signature as HSMs give it, r and then s, each as long as the order, in DER (RFC 3279 §2.2.3).
pub fn signature_der(curve: EcCurve, fixed: &[u8]) -> Result<Vec<u8>> {
    const WRONG: CryptoError = CryptoError::Provider("the form of an ECDSA signature");
    if fixed.len() != 2 * curve.field_bytes() {
        return Err(WRONG);
    }
    let (r, s) = fixed.split_at(curve.field_bytes());
    let encode = || {
        let numbers = [UintRef::new(r)?, UintRef::new(s)?];
        let length = (numbers[0].encoded_len()? + numbers[1].encoded_len()?)?;
        let mut der = Vec::new();
        Header::new(Tag::Sequence, length).encode(&mut der)?;
        numbers.iter().try_for_each(|number| number.encode(&mut der))?;
        Ok::<_, pkcs8::der::Error>(der)
    };
    let der = encode().map_err(|_| WRONG)?;
    if curve == EcCurve::Secp256k1 { low_s(&der) } else { Ok(der) }
}

/// The users of secp256k1 take only the smaller of the two values of s that are equally right.
fn low_s(signature: &[u8]) -> Result<Vec<u8>> {
    let signature = k256::ecdsa::Signature::from_der(signature).map_err(|_| CryptoError::Provider("k256"))?;
    Ok(signature.normalize_s().to_der().as_bytes().to_vec())
}

impl fmt::Debug for EcPublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EcPublicKey({:?})", self.curve)
    }
}

impl fmt::Debug for EcPrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EcPrivateKey({:?})", self.public.curve)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASHES: [HashingAlgorithm; 6] = [
        HashingAlgorithm::SHA_1,
        HashingAlgorithm::SHA_224,
        HashingAlgorithm::SHA_256,
        HashingAlgorithm::SHA_384,
        HashingAlgorithm::SHA_512,
        HashingAlgorithm::SHA_3_256,
    ];

    #[test]
    fn rows_are_in_the_order_of_the_enumeration() {
        for curve in EcCurve::ALL {
            assert_eq!(curve.row().curve, curve);
            assert_eq!(EcCurve::from_recommended(curve.recommended()).unwrap(), curve);
        }
        assert_eq!(EcCurve::from_bits(256).unwrap(), EcCurve::P256);
        assert!(EcCurve::from_recommended(RecommendedCurve::P_192).is_err());
    }

    #[test]
    fn every_curve_signs_with_every_hash() {
        for curve in EcCurve::ALL {
            let key = EcPrivateKey::generate(curve).unwrap();
            let again = EcPrivateKey::new(curve, key.d().expose()).unwrap();
            assert_eq!(again.public(), key.public());
            for hash in HASHES {
                let signature = again.sign(hash, Input::Message(b"message")).unwrap();
                assert!(key.public().verify(hash, Input::Message(b"message"), &signature).unwrap());
                assert!(!key.public().verify(hash, Input::Message(b"other"), &signature).unwrap());
                let digest = Input::Message(b"message").digest(hash).unwrap();
                assert!(key.public().verify(hash, Input::Digest(&digest), &signature).unwrap());
            }
        }
    }

    /// The trick of `fit` against a library that needs none.
    #[test]
    fn signatures_of_fixed_length_become_der() {
        for curve in EcCurve::ALL {
            let length = curve.field_bytes();
            let mut fixed = vec![0; 2 * length];
            (fixed[length - 1], fixed[length], fixed[2 * length - 1]) = (0x80, 0, 7);
            assert_eq!(signature_der(curve, &fixed).unwrap(), [0x30, 7, 2, 2, 0, 0x80, 2, 1, 7], "{curve:?}");
            assert!(signature_der(curve, &fixed[1..]).is_err());
        }
    }

    #[test]
    fn the_other_library_agrees_on_every_hash() {
        macro_rules! compare {
            ($curve:ident, $name:expr) => {{
                use $curve::ecdsa::signature::hazmat::{PrehashSigner, PrehashVerifier};
                use $curve::ecdsa::{DerSignature, SigningKey, VerifyingKey};
                let key = EcPrivateKey::generate($name).unwrap();
                let theirs = SigningKey::from_slice(key.d().expose()).unwrap();
                for hash in HASHES {
                    let digest = Input::Message(b"message").digest(hash).unwrap();
                    let ours = key.sign(hash, Input::Digest(&digest)).unwrap();
                    // RustCrypto refuses digests shorter than half the field.
                    if digest.len() < $name.field_bytes() / 2 {
                        continue;
                    }
                    let ours = DerSignature::try_from(ours.as_slice()).unwrap();
                    VerifyingKey::from(&theirs).verify_prehash(&digest, &ours).unwrap();
                    let signature: DerSignature = theirs.sign_prehash(&digest).unwrap();
                    assert!(key.public().verify(hash, Input::Digest(&digest), signature.as_bytes()).unwrap());
                }
            }};
        }
        compare!(p256, EcCurve::P256);
        compare!(p384, EcCurve::P384);
        compare!(p521, EcCurve::P521);
        compare!(k256, EcCurve::Secp256k1);
    }

    #[test]
    fn both_sides_agree() {
        for curve in EcCurve::ALL {
            let (one, two) = (EcPrivateKey::generate(curve).unwrap(), EcPrivateKey::generate(curve).unwrap());
            let secret = one.agree(two.public()).unwrap();
            assert_eq!(secret.expose(), two.agree(one.public()).unwrap().expose());
            assert_eq!(secret.len(), curve.field_bytes());
        }
        let one = EcPrivateKey::generate(EcCurve::P256).unwrap();
        assert!(one.agree(EcPrivateKey::generate(EcCurve::Secp256k1).unwrap().public()).is_err());
    }

    #[test]
    fn points_in_each_form() {
        for curve in EcCurve::ALL {
            let key = EcPrivateKey::generate(curve).unwrap();
            for form in [1, 2, 4] {
                let bytes = key.public().compressed(KeyCompressionType(form)).unwrap();
                assert_eq!(EcPublicKey::new(curve, &bytes).unwrap(), *key.public(), "{form}");
            }
            assert_eq!(key.public().compressed(KeyCompressionType(3)).unwrap_err(), CryptoError::Compression);
            let mut wrong = key.public().point().to_vec();
            wrong[5] ^= 1;
            assert!(EcPublicKey::new(curve, &wrong).is_err());
            for garbage in [&[][..], &[0], &[4], &[2; 33], &[6; 65]] {
                assert!(EcPublicKey::new(curve, garbage).is_err() || garbage == [2; 33]);
            }
        }
    }

    #[test]
    fn private_numbers_out_of_range_are_refused() {
        for curve in EcCurve::ALL {
            assert!(EcPrivateKey::new(curve, &[]).is_err());
            assert!(EcPrivateKey::new(curve, &[0; 32]).is_err());
            assert!(EcPrivateKey::new(curve, &vec![0xFF; curve.field_bytes()]).is_err());
            assert!(EcPrivateKey::new(curve, &vec![1; curve.field_bytes() + 1]).is_err());
            assert!(EcPrivateKey::new(curve, &[1]).is_ok());
        }
    }
}
