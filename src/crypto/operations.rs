//! What Cryptographic Parameters mean for an asymmetric key: one call for each operation, whatever the key is.

use super::keys::{Input, PrivateKey, PublicKey, is_ec};
use super::quantum::{Form, QuantumSafe, Randomness};
use super::rsa::{RsaEncryption, RsaSignature, SoftwareRsa};
use super::{CryptoError, Result};
use crate::base::KeyBytes;
use crate::registry::{
    CryptographicAlgorithm, DigitalSignatureAlgorithm, HashingAlgorithm, MaskGenerator, PaddingMethod,
};

/// The fields of Cryptographic Parameters that matter to asymmetric keys (1.4 §3.6, 2.1 §4.16, 3.0).
#[derive(Clone, Copy, Default, Debug)]
pub struct AsymmetricParameters<'a> {
    /// Padding Method: OAEP or PKCS1 v1.5 to encrypt, PSS or PKCS1 v1.5 to sign. Absent: OAEP, PSS. X9.31 is not
    /// offered.
    pub padding: Option<PaddingMethod>,
    /// Hashing Algorithm. Absent: SHA-256, for a curve the hash of its length.
    pub hash: Option<HashingAlgorithm>,
    /// Digital Signature Algorithm; must not contradict the fields above.
    pub signature: Option<DigitalSignatureAlgorithm>,
    /// Mask Generator; only MGF1 exists.
    pub mask_generator: Option<MaskGenerator>,
    /// Mask Generator Hashing Algorithm. Absent: the hash above. (The text of 1.4 says SHA-1; see `RsaSignature::Pss`.)
    pub mask_hash: Option<HashingAlgorithm>,
    /// P Source: the label of OAEP.
    pub label: Option<&'a [u8]>,
    /// Salt Length of PSS in bytes.
    pub salt_length: Option<i32>,
    /// Trailer Field of PSS; only 1, the standard one, exists.
    pub trailer: Option<i32>,
    /// Context String of ML-DSA and SLH-DSA (3.0), as the next four.
    pub context: Option<&'a [u8]>,
    /// Deterministic: sign without randomness.
    pub deterministic: bool,
    /// Random: sign with this randomness.
    pub random: Option<&'a [u8]>,
    /// Internal: the data has domain and context before the message.
    pub internal: bool,
    /// External Mu: the data is the message representative of ML-DSA.
    pub external_mu: bool,
}

/// What the parameters of a signature depend on. The attributes of an object say it as well as its key does, which may
/// be in an HSM.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct KeyFacts {
    algorithm: CryptographicAlgorithm,
    length: i32,
}

impl KeyFacts {
    /// Of a Cryptographic Algorithm and a Cryptographic Length.
    pub fn new(algorithm: CryptographicAlgorithm, length: i32) -> Self {
        Self { algorithm: if is_ec(algorithm) { CryptographicAlgorithm::EC } else { algorithm }, length }
    }

    /// Cryptographic Algorithm; EC for any use of a prime curve.
    pub fn algorithm(self) -> CryptographicAlgorithm {
        self.algorithm
    }

    /// Cryptographic Length in bits.
    pub fn length(self) -> i32 {
        self.length
    }

    /// The hash that the key signs with if nothing names one.
    fn usual_hash(self) -> HashingAlgorithm {
        match (self.algorithm, self.length) {
            (CryptographicAlgorithm::EC, 384) => HashingAlgorithm::SHA_384,
            (CryptographicAlgorithm::EC, 521) => HashingAlgorithm::SHA_512,
            _ => HashingAlgorithm::SHA_256,
        }
    }
}

/// Each Digital Signature Algorithm: key, hash, padding. MD2 and MD5 are refused as unknown hashes.
const SIGNATURES: &[(
    DigitalSignatureAlgorithm,
    CryptographicAlgorithm,
    Option<HashingAlgorithm>,
    Option<PaddingMethod>,
)] = {
    use CryptographicAlgorithm as A;
    use DigitalSignatureAlgorithm as S;
    use HashingAlgorithm as H;
    const PKCS1: Option<PaddingMethod> = Some(PaddingMethod::PKCS1V1_5);
    &[
        (S::SHA_1WithRSAEncryption, A::RSA, Some(H::SHA_1), PKCS1),
        (S::SHA_224WithRSAEncryption, A::RSA, Some(H::SHA_224), PKCS1),
        (S::SHA_256WithRSAEncryption, A::RSA, Some(H::SHA_256), PKCS1),
        (S::SHA_384WithRSAEncryption, A::RSA, Some(H::SHA_384), PKCS1),
        (S::SHA_512WithRSAEncryption, A::RSA, Some(H::SHA_512), PKCS1),
        (S::RSASSA_PSS, A::RSA, None, Some(PaddingMethod::PSS)),
        (S::DSAWithSHA_1, A::DSA, Some(H::SHA_1), None),
        (S::DSAWithSHA224, A::DSA, Some(H::SHA_224), None),
        (S::DSAWithSHA256, A::DSA, Some(H::SHA_256), None),
        (S::ECDSAWithSHA_1, A::EC, Some(H::SHA_1), None),
        (S::ECDSAWithSHA224, A::EC, Some(H::SHA_224), None),
        (S::ECDSAWithSHA256, A::EC, Some(H::SHA_256), None),
        (S::ECDSAWithSHA384, A::EC, Some(H::SHA_384), None),
        (S::ECDSAWithSHA512, A::EC, Some(H::SHA_512), None),
        (S::SHA3_256WithRSAEncryption, A::RSA, Some(H::SHA_3_256), PKCS1),
        (S::SHA3_384WithRSAEncryption, A::RSA, Some(H::SHA_3_384), PKCS1),
        (S::SHA3_512WithRSAEncryption, A::RSA, Some(H::SHA_3_512), PKCS1),
    ]
};

impl<'a> AsymmetricParameters<'a> {
    /// Hash and padding of a signature by a key, after the Digital Signature Algorithm had its say.
    pub fn signature(&self, key: KeyFacts) -> Result<(HashingAlgorithm, Option<PaddingMethod>)> {
        const CLASH: CryptoError =
            CryptoError::BadParameters("Digital Signature Algorithm against the other fields or the key");
        let (hash, padding) = match self.signature {
            None => (self.hash, self.padding),
            Some(signature) => {
                let row = SIGNATURES.iter().find(|row| row.0 == signature);
                let (_, algorithm, hash, padding) =
                    row.ok_or(CryptoError::Unsupported("Digital Signature Algorithm"))?;
                let clash = key.algorithm != *algorithm
                    || (hash.is_some() && self.hash.is_some() && *hash != self.hash)
                    || (padding.is_some() && self.padding.is_some() && *padding != self.padding);
                if clash {
                    return Err(CLASH);
                }
                (hash.or(self.hash), padding.or(self.padding))
            }
        };
        Ok((hash.unwrap_or_else(|| key.usual_hash()), padding))
    }

    /// The hash whose digest a signature by this key is made of; None where the data itself is signed.
    pub fn signed_digest(&self, key: KeyFacts) -> Result<Option<HashingAlgorithm>> {
        match key.algorithm {
            CryptographicAlgorithm::RSA | CryptographicAlgorithm::EC | CryptographicAlgorithm::DSA => {
                self.signature(key).map(|(hash, _)| Some(hash))
            }
            _ => Ok(None),
        }
    }

    /// How an RSA key signs.
    pub fn rsa_signature(&self, key: KeyFacts) -> Result<RsaSignature> {
        let (hash, padding) = self.signature(key)?;
        match padding.unwrap_or(PaddingMethod::PSS) {
            PaddingMethod::PKCS1V1_5 => Ok(RsaSignature::Pkcs1v15 { hash }),
            PaddingMethod::PSS if self.trailer.is_some_and(|trailer| trailer != 1) => {
                Err(CryptoError::Unsupported("Trailer Field"))
            }
            PaddingMethod::PSS => {
                let salt_length = self.salt_length.map(usize::try_from).transpose();
                let salt_length = salt_length.map_err(|_| CryptoError::BadParameters("Salt Length"))?;
                Ok(RsaSignature::Pss { hash, mask_hash: self.mask_hash(hash)?, salt_length })
            }
            // Withdrawn, left out of FIPS 186-5, and in no kept library.
            PaddingMethod::X9_31 => Err(CryptoError::Unsupported("X9.31 signatures; PSS and PKCS1 v1.5 are")),
            _ => Err(CryptoError::Unsupported("Padding Method of a signature; PSS and PKCS1 v1.5 are")),
        }
    }

    /// How is encrypted to an RSA key.
    pub fn rsa_encryption(&self) -> Result<RsaEncryption<'a>> {
        let hash = self.hash.unwrap_or(HashingAlgorithm::SHA_256);
        match self.padding.unwrap_or(PaddingMethod::OAEP) {
            PaddingMethod::OAEP => {
                let label = self.label.unwrap_or_default();
                Ok(RsaEncryption::Oaep { hash, mask_hash: self.mask_hash(hash)?, label })
            }
            PaddingMethod::PKCS1V1_5 => Ok(RsaEncryption::Pkcs1v15),
            _ => Err(CryptoError::Unsupported("Padding Method of RSA encryption")),
        }
    }

    /// How ML-DSA and SLH-DSA sign.
    fn quantum_safe(&self) -> Result<QuantumSafe<'a>> {
        let form = match (self.external_mu, self.internal, self.context) {
            (false, false, context) => Form::Pure(context.unwrap_or_default()),
            (true, false, None) => Form::Mu,
            (false, true, None) => Form::Internal,
            _ => return Err(CryptoError::BadParameters("only one of Context String, Internal and External Mu")),
        };
        let randomness = match (self.deterministic, self.random) {
            (true, Some(_)) => return Err(CryptoError::BadParameters("Random and Deterministic together")),
            (true, None) => Randomness::Absent,
            (false, Some(random)) => Randomness::Given(random),
            (false, None) => Randomness::Fresh,
        };
        Ok(QuantumSafe { form, randomness })
    }

    fn mask_hash(&self, hash: HashingAlgorithm) -> Result<HashingAlgorithm> {
        match self.mask_generator {
            None | Some(MaskGenerator::MGF1) => Ok(self.mask_hash.unwrap_or(hash)),
            Some(_) => Err(CryptoError::Unsupported("Mask Generator")),
        }
    }
}

impl PrivateKey {
    /// A signature: DER for ECDSA and DSA, raw bytes for the others.
    pub fn sign(
        &self,
        parameters: &AsymmetricParameters<'_>,
        input: Input<'_>,
        software: SoftwareRsa,
    ) -> Result<Vec<u8>> {
        let facts = self.public().facts();
        let (hash, _) = parameters.signature(facts)?;
        match self {
            Self::Rsa(key) => key.sign(parameters.rsa_signature(facts)?, input, software),
            Self::Ec(key) => key.sign(hash, input),
            Self::Dsa(key) => key.sign(hash, input),
            Self::Ed25519(key) => key.sign(message(input)?),
            Self::MlDsa(key) => key.sign(parameters.quantum_safe()?, message(input)?),
            Self::SlhDsa(key) => key.sign(parameters.quantum_safe()?, message(input)?),
            Self::X25519(_) | Self::Dh(_) | Self::MlKem(_) => Err(NOT_FOR_THIS),
        }
    }

    /// Decrypts with an RSA key.
    pub fn decrypt(
        &self,
        parameters: &AsymmetricParameters<'_>,
        data: &[u8],
        software: SoftwareRsa,
    ) -> Result<KeyBytes> {
        match self {
            Self::Rsa(key) => key.decrypt(parameters.rsa_encryption()?, data, software),
            _ => Err(NOT_FOR_THIS),
        }
    }

    /// The shared secret of two keys of one kind: ECDH, X25519 or Diffie-Hellman. It is input for a derivation.
    pub fn agree(&self, peer: &PublicKey) -> Result<KeyBytes> {
        match (self, peer) {
            (Self::Ec(own), PublicKey::Ec(peer)) => own.agree(peer),
            (Self::X25519(own), PublicKey::X25519(peer)) => own.agree(peer),
            (Self::Dh(own), PublicKey::Dh(peer)) => own.agree(peer),
            _ => Err(NOT_FOR_THIS),
        }
    }
}

impl PublicKey {
    /// What the parameters of a signature depend on.
    pub fn facts(&self) -> KeyFacts {
        KeyFacts::new(self.algorithm(), self.length())
    }

    /// Whether the signature is the key's; an error means that the question makes no sense.
    pub fn verify(&self, parameters: &AsymmetricParameters<'_>, input: Input<'_>, signature: &[u8]) -> Result<bool> {
        let (hash, _) = parameters.signature(self.facts())?;
        match self {
            Self::Rsa(key) => key.verify(parameters.rsa_signature(self.facts())?, input, signature),
            Self::Ec(key) => key.verify(hash, input, signature),
            Self::Dsa(key) => key.verify(hash, input, signature),
            Self::Ed25519(key) => Ok(key.verify(message(input)?, signature)),
            Self::MlDsa(key) => key.verify(parameters.quantum_safe()?, message(input)?, signature),
            Self::SlhDsa(key) => key.verify(parameters.quantum_safe()?, message(input)?, signature),
            Self::X25519(_) | Self::Dh(_) | Self::MlKem(_) => Err(NOT_FOR_THIS),
        }
    }

    /// Encrypts to an RSA key.
    pub fn encrypt(&self, parameters: &AsymmetricParameters<'_>, data: &[u8]) -> Result<Vec<u8>> {
        match self {
            Self::Rsa(key) => key.encrypt(parameters.rsa_encryption()?, data),
            _ => Err(NOT_FOR_THIS),
        }
    }
}

const NOT_FOR_THIS: CryptoError = CryptoError::BadKey("this algorithm has no such operation");

/// The message; algorithms that hash it themselves cannot take a digest.
fn message(input: Input<'_>) -> Result<&[u8]> {
    match input {
        Input::Message(message) => Ok(message),
        Input::Digest(_) => Err(CryptoError::BadParameters("this algorithm signs data, not digests")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::keys::KeySpec;
    use crate::registry::{RecommendedCurve, ResultReason};

    fn key(algorithm: CryptographicAlgorithm, length: Option<i32>, curve: Option<RecommendedCurve>) -> PrivateKey {
        PrivateKey::generate(&KeySpec { algorithm, length, curve, software: SoftwareRsa::Refuse }).unwrap()
    }

    fn rsa() -> PrivateKey {
        let bytes = crate::crypto::formats::der::rsa_private_pkcs1(crate::crypto::testing::rsa_2048()).unwrap();
        PrivateKey::Rsa(Box::new(crate::crypto::formats::der::rsa_private(bytes.expose()).unwrap()))
    }

    #[test]
    fn every_key_signs_with_its_usual_parameters() {
        use CryptographicAlgorithm as A;
        let keys = [
            rsa(),
            key(A::EC, Some(256), None),
            key(A::EC, Some(521), None),
            key(A::Ed25519, None, None),
            key(A::ML_DSA_44, None, None),
            key(A::SLH_DSA_SHA2_128f, None, None),
        ];
        for key in keys {
            let parameters = AsymmetricParameters::default();
            let signature = key.sign(&parameters, Input::Message(b"message"), SoftwareRsa::Refuse).unwrap();
            let public = key.public();
            assert!(public.verify(&parameters, Input::Message(b"message"), &signature).unwrap(), "{key:?}");
            assert!(!public.verify(&parameters, Input::Message(b"other"), &signature).unwrap(), "{key:?}");
        }
    }

    #[test]
    fn each_digital_signature_algorithm_of_a_key() {
        let (rsa, ec) = (rsa(), key(CryptographicAlgorithm::EC, Some(256), None));
        let dsa = crate::crypto::testing::dsa_2048();
        let (p, q, g) = dsa.public().domain();
        let dsa = crate::crypto::dsa::DsaPrivateKey::new(p, q, g, dsa.x().expose()).map(PrivateKey::Dsa).unwrap();
        for row in SIGNATURES {
            let parameters = AsymmetricParameters { signature: Some(row.0), ..Default::default() };
            for key in [&rsa, &ec, &dsa] {
                let signed = key.sign(&parameters, Input::Message(b"message"), SoftwareRsa::Allow);
                assert_eq!(signed.is_ok(), key.algorithm() == row.1, "{:?} {key:?}", row.0);
                if let Ok(signature) = signed {
                    assert!(key.public().verify(&parameters, Input::Message(b"message"), &signature).unwrap());
                    // The same, said by hash and padding.
                    let parameters = AsymmetricParameters { hash: row.2, padding: row.3, ..Default::default() };
                    assert!(key.public().verify(&parameters, Input::Message(b"message"), &signature).unwrap());
                }
            }
        }
    }

    #[test]
    fn paddings_that_sign_nothing_are_not_supported() {
        let rsa = rsa();
        let signing = [PaddingMethod::PSS, PaddingMethod::PKCS1V1_5];
        for row in PaddingMethod::ROWS.iter().filter(|row| !signing.contains(&PaddingMethod(row.value))) {
            let parameters = AsymmetricParameters { padding: Some(PaddingMethod(row.value)), ..Default::default() };
            let signed = rsa.sign(&parameters, Input::Message(b"x"), SoftwareRsa::Allow).unwrap_err();
            assert_eq!(signed.reason(), ResultReason::UnsupportedCryptographicParameters, "{}", row.name);
            let verified = rsa.public().verify(&parameters, Input::Message(b"x"), &[0; 256]).unwrap_err();
            assert_eq!(verified, signed);
        }
    }

    #[test]
    fn contradictions_are_refused() {
        let rsa = rsa();
        let base = AsymmetricParameters {
            signature: Some(DigitalSignatureAlgorithm::SHA_256WithRSAEncryption),
            ..Default::default()
        };
        let cases = [
            AsymmetricParameters { hash: Some(HashingAlgorithm::SHA_1), ..base },
            AsymmetricParameters { padding: Some(PaddingMethod::PSS), ..base },
            AsymmetricParameters { signature: Some(DigitalSignatureAlgorithm::MD5WithRSAEncryption), ..base },
            AsymmetricParameters { padding: Some(PaddingMethod::OAEP), ..Default::default() },
            AsymmetricParameters { trailer: Some(2), ..Default::default() },
            AsymmetricParameters { salt_length: Some(-1), ..Default::default() },
            AsymmetricParameters { mask_generator: Some(MaskGenerator(2)), ..Default::default() },
        ];
        for case in cases {
            assert!(rsa.sign(&case, Input::Message(b"x"), SoftwareRsa::Allow).is_err(), "{case:?}");
        }
        let encrypted = rsa.public().encrypt(&AsymmetricParameters::default(), b"secret").unwrap();
        let plain = rsa.decrypt(&AsymmetricParameters::default(), &encrypted, SoftwareRsa::Refuse).unwrap();
        assert_eq!(plain.expose(), b"secret");
        let signing = AsymmetricParameters { padding: Some(PaddingMethod::PSS), ..Default::default() };
        assert!(rsa.public().encrypt(&signing, b"secret").is_err());
    }

    #[test]
    fn what_only_post_quantum_signatures_have() {
        let mine = AsymmetricParameters::default();
        let (context, random) = (Some(b"context".as_slice()), Some([7; 32].as_slice()));
        let clashes = [
            AsymmetricParameters { context, internal: true, ..mine },
            AsymmetricParameters { context, external_mu: true, ..mine },
            AsymmetricParameters { internal: true, external_mu: true, ..mine },
            AsymmetricParameters { deterministic: true, random, ..mine },
        ];
        let key = key(CryptographicAlgorithm::ML_DSA_44, None, None);
        for clash in clashes {
            assert!(key.sign(&clash, Input::Message(&[0; 64]), SoftwareRsa::Refuse).is_err(), "{clash:?}");
        }
        let parameters = AsymmetricParameters { context, random, ..mine };
        let signature = key.sign(&parameters, Input::Message(b"message"), SoftwareRsa::Refuse).unwrap();
        let verifying = AsymmetricParameters { context, ..mine };
        assert!(key.public().verify(&verifying, Input::Message(b"message"), &signature).unwrap());
        assert!(!key.public().verify(&mine, Input::Message(b"message"), &signature).unwrap());
        assert!(key.sign(&mine, Input::Digest(&[0; 32]), SoftwareRsa::Refuse).is_err());
    }

    #[test]
    fn secrets_are_shared() {
        use CryptographicAlgorithm as A;
        let pairs = [
            (key(A::ECDH, Some(384), None), key(A::ECDH, Some(384), None)),
            (key(A::X25519, None, None), key(A::X25519, None, None)),
        ];
        for (one, two) in pairs {
            let secret = one.agree(&two.public()).unwrap();
            assert_eq!(secret.expose(), two.agree(&one.public()).unwrap().expose());
            assert!(one.agree(&rsa().public()).is_err());
            assert!(one.public().encrypt(&AsymmetricParameters::default(), b"").is_err());
        }
        let kem = key(A::ML_KEM_768, None, None);
        assert!(kem.sign(&AsymmetricParameters::default(), Input::Message(b""), SoftwareRsa::Allow).is_err());
    }
}
