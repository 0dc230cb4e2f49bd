//! Elliptic-curve keys on the prime curves that the libraries keep: P-224, P-256, P-384, P-521, secp256k1 and two of
//! Brainpool (RFC 5639). Private-key work is aws-lc-rs where it has the curve, else RustCrypto in constant time, as key
//! agreement on secp256k1 is. P-192 is not offered, because its crate only verifies; nor are binary curves.

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

use super::curves::{self, Library};
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
    /// NIST P-224 (secp224r1).
    P224,
    /// brainpoolP256r1.
    BrainpoolP256r1,
    /// brainpoolP384r1.
    BrainpoolP384r1,
}

/// The facts of a curve.
struct Row {
    curve: EcCurve,
    recommended: RecommendedCurve,
    oid: ObjectIdentifier,
    bits: usize,
    library: &'static Library,
    provider: Option<Provider>,
}

/// What aws-lc-rs has for a curve.
struct Provider {
    signing: &'static EcdsaSigningAlgorithm,
    verification: &'static EcdsaVerificationAlgorithm,
    /// The hash of `signing`; see `fit`.
    hash: &'static aws::Algorithm,
    agreement: Option<&'static agreement::Algorithm>,
}

const fn row(
    curve: EcCurve,
    recommended: RecommendedCurve,
    oid: &str,
    bits: usize,
    library: &'static Library,
    provider: Option<Provider>,
) -> Row {
    Row { curve, recommended, oid: ObjectIdentifier::new_unwrap(oid), bits, library, provider }
}

const fn provider(
    signing: &'static EcdsaSigningAlgorithm,
    verification: &'static EcdsaVerificationAlgorithm,
    hash: &'static aws::Algorithm,
    agreement: Option<&'static agreement::Algorithm>,
) -> Option<Provider> {
    Some(Provider { signing, verification, hash, agreement })
}

const P256: Option<Provider> =
    provider(&ECDSA_P256_SHA256_ASN1_SIGNING, &ECDSA_P256_SHA256_ASN1, &aws::SHA256, Some(&ECDH_P256));
const P384: Option<Provider> =
    provider(&ECDSA_P384_SHA384_ASN1_SIGNING, &ECDSA_P384_SHA384_ASN1, &aws::SHA384, Some(&ECDH_P384));
const P521: Option<Provider> =
    provider(&ECDSA_P521_SHA512_ASN1_SIGNING, &ECDSA_P521_SHA512_ASN1, &aws::SHA512, Some(&ECDH_P521));
const SECP256K1: Option<Provider> =
    provider(&ECDSA_P256K1_SHA256_ASN1_SIGNING, &ECDSA_P256K1_SHA256_ASN1, &aws::SHA256, None);

/// In the order of the enumeration. Where a length means more than one curve, the first of them is meant.
const ROWS: [Row; 7] = {
    use EcCurve as C;
    use RecommendedCurve as R;
    [
        row(C::P256, R::P_256, "1.2.840.10045.3.1.7", 256, &curves::P256, P256),
        row(C::P384, R::P_384, "1.3.132.0.34", 384, &curves::P384, P384),
        row(C::P521, R::P_521, "1.3.132.0.35", 521, &curves::P521, P521),
        row(C::Secp256k1, R::SECP256K1, "1.3.132.0.10", 256, &curves::SECP256K1, SECP256K1),
        row(C::P224, R::P_224, "1.3.132.0.33", 224, &curves::P224, None),
        row(C::BrainpoolP256r1, R::BRAINPOOLP256R1, "1.3.36.3.3.2.8.1.1.7", 256, &curves::BRAINPOOL_P256R1, None),
        row(C::BrainpoolP384r1, R::BRAINPOOLP384R1, "1.3.36.3.3.2.8.1.1.11", 384, &curves::BRAINPOOL_P384R1, None),
    ]
};

impl EcCurve {
    /// Every curve.
    pub const ALL: [Self; 7] =
        [Self::P256, Self::P384, Self::P521, Self::Secp256k1, Self::P224, Self::BrainpoolP256r1, Self::BrainpoolP384r1];

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

    /// A digest with zeros on the left if it is shorter than a coordinate, because the libraries refuse short ones: to
    /// ECDSA a digest is a number (FIPS 186-5 §6.4.1).
    fn padded(self, message_digest: &[u8]) -> Vec<u8> {
        let mut padded = vec![0; self.field_bytes().saturating_sub(message_digest.len())];
        padded.extend_from_slice(message_digest);
        padded
    }
}

impl Provider {
    /// A digest as the provider's one hash for this curve. ECDSA takes the leftmost bits of a digest as long as the
    /// order, and a shorter digest as a number (FIPS 186-5 §6.4.1), so cutting or filling with zeros on the left
    /// changes nothing, and one algorithm signs for every hash. The order of P-521 is longer than any digest here.
    fn fit(&self, message_digest: &[u8]) -> Result<Digest> {
        let length = self.hash.output_len();
        let cut = &message_digest[..message_digest.len().min(length)];
        let mut fitted = vec![0; length - cut.len()];
        fitted.extend_from_slice(cut);
        Digest::import_less_safe(&fitted, self.hash).map_err(|_| CryptoError::Provider("digest"))
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
        let point = (curve.row().library.point)(point).ok_or(WRONG)?;
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
        let (row, message_digest) = (self.curve.row(), input.digest(hash)?);
        let Some(provider) = &row.provider else {
            let message_digest = self.curve.padded(&message_digest);
            return Ok((row.library.verify)(&self.point, &message_digest, signature).is_some());
        };
        let key = UnparsedPublicKey::new(provider.verification, &self.point);
        Ok(key.verify_digest(&provider.fit(&message_digest)?, signature).is_ok())
    }
}

/// A private number and its point.
pub struct EcPrivateKey {
    public: EcPublicKey,
    /// As long as a coordinate.
    d: KeyBytes,
    /// The provider's form, if it has the curve.
    pair: Option<EcdsaKeyPair>,
}

/// How often a random number may be out of range before the generator is thought to be broken. The order of
/// brainpoolP256r1 is two thirds of what fits in its bytes, so the chance of this many is below 2^-200.
const DRAWS_MAX: usize = 128;

impl EcPrivateKey {
    /// Makes a key.
    pub fn generate(curve: EcCurve) -> Result<Self> {
        const FAILED: CryptoError = CryptoError::Provider("EC key generation");
        let Some(provider) = &curve.row().provider else {
            // Any number of the range is as likely as any other, if those out of range are drawn again.
            let draw = || KeyBytes::fill(curve.field_bytes(), aws_lc_rs::rand::fill).ok();
            let drawn = (0..DRAWS_MAX).find_map(|_| Self::new(curve, draw()?.expose()).ok());
            return drawn.ok_or(FAILED);
        };
        let pair = EcdsaKeyPair::generate(provider.signing).map_err(|_| FAILED)?;
        let bytes: EcPrivateKeyBin<'_> = pair.private_key().as_be_bytes().map_err(|_| FAILED)?;
        let d = KeyBytes::copy_from(bytes.as_ref());
        Ok(Self::from_pair(curve, d, pair))
    }

    /// From the big-endian private number, from 1 to the order less one.
    pub fn new(curve: EcCurve, d: &[u8]) -> Result<Self> {
        const WRONG: CryptoError = CryptoError::BadKey("not a private number of the curve");
        let d = KeyBytes::new(pad_left(d, curve.field_bytes()).ok_or(WRONG)?);
        let Some(provider) = &curve.row().provider else {
            let point = (curve.row().library.public)(d.expose()).ok_or(WRONG)?;
            return Ok(Self { public: EcPublicKey { curve, point }, d, pair: None });
        };
        let encoded = super::formats::der::sec1_private(curve, d.expose(), None)?;
        let pair = EcdsaKeyPair::from_private_key_der(provider.signing, encoded.expose()).map_err(|_| WRONG)?;
        Ok(Self::from_pair(curve, d, pair))
    }

    fn from_pair(curve: EcCurve, d: KeyBytes, pair: EcdsaKeyPair) -> Self {
        let point = pair.public_key().as_ref().into();
        Self { public: EcPublicKey { curve, point }, d, pair: Some(pair) }
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
        const FAILED: CryptoError = CryptoError::Provider("ECDSA");
        let (curve, message_digest) = (self.public.curve, input.digest(hash)?);
        let (Some(pair), Some(provider)) = (&self.pair, &curve.row().provider) else {
            let message_digest = curve.padded(&message_digest);
            return (curve.row().library.sign)(self.d.expose(), &message_digest).ok_or(FAILED);
        };
        let signature = pair.sign_digest(&provider.fit(&message_digest)?).map_err(|_| FAILED)?;
        match curve {
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
        match curve.row().provider.as_ref().and_then(|provider| provider.agreement) {
            Some(algorithm) => super::ed::agree(algorithm, self.d.expose(), &peer.point),
            None => (curve.row().library.agree)(self.d.expose(), &peer.point).ok_or(CryptoError::Provider("ECDH")),
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
    use crate::crypto::testing::hex;

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
        assert_eq!(EcCurve::from_bits(384).unwrap(), EcCurve::P384);
        assert_eq!(EcCurve::from_bits(224).unwrap(), EcCurve::P224);
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

    /// RFC 6979 §A.2.4, SHA-224: private number, point, signature of "sample".
    #[test]
    fn p_224_signs_as_rfc_6979_says() {
        let key = "f220266e1105bfe3083e03ec7a3a654651f45e37167e88600bf257c1";
        let key = EcPrivateKey::new(EcCurve::P224, &hex(key)).unwrap();
        let point = "0400cf08da5ad719e42707fa431292dea11244d64fc51610d94b130d6c\
                     eeab6f3debe455e3dbf85416f7030cbd94f34f2d6f232c69f3c1385a";
        assert_eq!(key.public().point(), hex(point));
        let signature = "303d021c1cdfe6662dde1e4a1ec4cdedf6a1f5a2fb7fbd9145c12113e6abfd3e\
                         021d00a6694fd7718a21053f225d3f46197ca699d45006c06f871808f43ebc";
        let sample = Input::Message(b"sample");
        assert_eq!(key.sign(HashingAlgorithm::SHA_224, sample).unwrap(), hex(signature));
        assert!(key.public().verify(HashingAlgorithm::SHA_224, sample, &hex(signature)).unwrap());
        assert!(!key.public().verify(HashingAlgorithm::SHA_224, sample, &hex(signature)[1..]).unwrap());
    }

    /// Of a digest that is longer than the order the left end counts, zeros and all.
    #[test]
    fn zeros_of_a_digest_are_kept() {
        assert_eq!(EcCurve::P224.padded(&[0; 32]).len(), 32);
        assert_eq!(EcCurve::BrainpoolP384r1.padded(&[7; 20]), [[0; 28].as_slice(), &[7; 20]].concat());
        let key = EcPrivateKey::generate(EcCurve::P224).unwrap();
        let digest = [[0; 5].as_slice(), &[7; 27]].concat();
        let signature = key.sign(HashingAlgorithm::SHA_256, Input::Digest(&digest)).unwrap();
        assert!((curves::P224.verify)(key.public().point(), &digest[..28], &signature).is_some());
    }

    /// RFC 7027 §A.1 and §A.2: two private numbers and their shared secret.
    #[test]
    fn brainpool_agrees_as_rfc_7027_says() {
        let cases = [
            (
                EcCurve::BrainpoolP256r1,
                "81db1ee100150ff2ea338d708271be38300cb54241d79950f77b063039804f1d",
                "55e40bc41e37e3e2ad25c3c6654511ffa8474a91a0032087593852d3e7d76bd3",
                "89afc39d41d3b327814b80940b042590f96556ec91e6ae7939bce31f3a18bf2b",
            ),
            (
                EcCurve::BrainpoolP384r1,
                "1e20f5e048a5886f1f157c74e91bde2b98c8b52d58e5003d57053fc4b0bd65d6f15eb5d1ee1610df870795143627d042",
                "032640bc6003c59260f7250c3db58ce647f98e1260acce4acda3dd869f74e01f8ba5e0324309db6a9831497abac96670",
                "0bd9d3a7ea0b3d519d09d8e48d0785fb744a6b355e6304bc51c229fbbce239bbadf6403715c35d4fb2a5444f575d4f42",
            ),
        ];
        for (curve, one, two, secret) in cases {
            let (one, two) =
                (EcPrivateKey::new(curve, &hex(one)).unwrap(), EcPrivateKey::new(curve, &hex(two)).unwrap());
            assert_eq!(one.agree(two.public()).unwrap().expose(), hex(secret));
            assert_eq!(two.agree(one.public()).unwrap().expose(), hex(secret));
        }
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
