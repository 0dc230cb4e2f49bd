//! Lattice keys of KMIP 3.0: ML-KEM (FIPS 203) and ML-DSA (FIPS 204). Secrets are used by aws-lc-rs; `ml-kem` expands
//! seeds, which aws-lc-rs does not, and `ml-dsa` does the signatures that are not plain: with a context string, without
//! randomness, in the internal form or of an external mu.

use std::fmt;

use aws_lc_rs::encoding::AsRawBytes;
use aws_lc_rs::kem::{self, DecapsulationKey, EncapsulationKey};
use aws_lc_rs::signature::{
    KeyPair, ML_DSA_44, ML_DSA_44_SIGNING, ML_DSA_65, ML_DSA_65_SIGNING, ML_DSA_87, ML_DSA_87_SIGNING, PqdsaKeyPair,
    PqdsaSigningAlgorithm, PqdsaVerificationAlgorithm, UnparsedPublicKey,
};
use ml_dsa::{ExpandedSigningKey, MlDsa44, MlDsa65, MlDsa87, VerifyingKey};
#[allow(deprecated, reason = "the expanded form is what aws-lc-rs reads")]
use ml_kem::ExpandedKeyEncoding;
use pkcs8::ObjectIdentifier;
use rsa::rand_core::{TryCryptoRng, TryRng};
use shake::Shake256;
use shake::digest::{ExtendableOutput, Update, XofReader};

use super::digest_info::digest;
use super::number::RngFailed;
use super::quantum::{Form, QuantumSafe, fresh};
use super::{CryptoError, Result};
use crate::base::KeyBytes;
use crate::registry::{CryptographicAlgorithm, HashingAlgorithm};

/// Length of the seed of ML-KEM in bytes (d and z, FIPS 203 §7.1).
pub(super) const KEM_SEED: usize = 64;
/// Length of the seed of ML-DSA in bytes (xi, FIPS 204 §5.1).
pub(super) const DSA_SEED: usize = 32;
/// Length of the randomness of a signature of ML-DSA in bytes (FIPS 204 §5.2).
const DSA_RANDOM: usize = 32;
/// Length of mu and of the hash of the public key that goes into it, in bytes (FIPS 204 §6.2).
const MU: usize = 64;

/// A parameter set of ML-KEM.
pub struct MlKemSet {
    algorithm: CryptographicAlgorithm,
    oid: ObjectIdentifier,
    provider: &'static kem::Algorithm,
    public_bytes: usize,
    private_bytes: usize,
    expand: fn(&[u8; KEM_SEED]) -> KeyBytes,
}

macro_rules! kem_set {
    ($algorithm:ident, $oid:literal, $key:ident, $public:literal, $private:literal) => {
        MlKemSet {
            algorithm: CryptographicAlgorithm::$algorithm,
            oid: ObjectIdentifier::new_unwrap($oid),
            provider: &kem::$algorithm,
            public_bytes: $public,
            private_bytes: $private,
            #[allow(deprecated, reason = "the expanded form is what aws-lc-rs reads")]
            expand: |seed| KeyBytes::copy_from(&ml_kem::$key::from_seed((*seed).into()).to_expanded_bytes()),
        }
    };
}

static KEM_SETS: [MlKemSet; 3] = [
    kem_set!(ML_KEM_512, "2.16.840.1.101.3.4.4.1", DecapsulationKey512, 800, 1632),
    kem_set!(ML_KEM_768, "2.16.840.1.101.3.4.4.2", DecapsulationKey768, 1184, 2400),
    kem_set!(ML_KEM_1024, "2.16.840.1.101.3.4.4.3", DecapsulationKey1024, 1568, 3168),
];

/// Expanded key, mu, randomness; the signature.
type SignMu = fn(&[u8], &[u8; MU], &[u8]) -> Option<Vec<u8>>;
/// Public key, mu, signature.
type VerifyMu = fn(&[u8], &[u8; MU], &[u8]) -> Option<bool>;

/// A parameter set of ML-DSA.
pub struct MlDsaSet {
    algorithm: CryptographicAlgorithm,
    oid: ObjectIdentifier,
    signing: &'static PqdsaSigningAlgorithm,
    verification: &'static PqdsaVerificationAlgorithm,
    sign: SignMu,
    verify: VerifyMu,
}

macro_rules! dsa_set {
    ($algorithm:ident, $oid:literal, $verification:ident, $signing:ident, $set:ident) => {
        MlDsaSet {
            algorithm: CryptographicAlgorithm::$algorithm,
            oid: ObjectIdentifier::new_unwrap($oid),
            signing: &$signing,
            verification: &$verification,
            #[allow(deprecated, reason = "aws-lc-rs gives the expanded form only")]
            sign: |expanded, mu, random| {
                let key = ExpandedSigningKey::<$set>::from_expanded(expanded.try_into().ok()?);
                let signature = key.sign_mu_randomized(&(*mu).into(), &mut FixedRng(random)).ok()?;
                Some(signature.encode().to_vec())
            },
            verify: |public, mu, signature| {
                let key = VerifyingKey::<$set>::decode(public.try_into().ok()?);
                let signature = ml_dsa::Signature::<$set>::decode(signature.try_into().ok()?)?;
                Some(key.verify_mu(&(*mu).into(), &signature))
            },
        }
    };
}

static DSA_SETS: [MlDsaSet; 3] = [
    dsa_set!(ML_DSA_44, "2.16.840.1.101.3.4.3.17", ML_DSA_44, ML_DSA_44_SIGNING, MlDsa44),
    dsa_set!(ML_DSA_65, "2.16.840.1.101.3.4.3.18", ML_DSA_65, ML_DSA_65_SIGNING, MlDsa65),
    dsa_set!(ML_DSA_87, "2.16.840.1.101.3.4.3.19", ML_DSA_87, ML_DSA_87_SIGNING, MlDsa87),
];

impl MlKemSet {
    /// The set of a Cryptographic Algorithm.
    pub fn from_algorithm(algorithm: CryptographicAlgorithm) -> Option<&'static Self> {
        KEM_SETS.iter().find(|set| set.algorithm == algorithm)
    }

    pub(super) fn from_oid(oid: ObjectIdentifier) -> Option<&'static Self> {
        KEM_SETS.iter().find(|set| set.oid == oid)
    }

    /// Its Cryptographic Algorithm.
    pub fn algorithm(&self) -> CryptographicAlgorithm {
        self.algorithm
    }

    pub(super) fn oid(&self) -> ObjectIdentifier {
        self.oid
    }
}

impl MlDsaSet {
    /// The set of a Cryptographic Algorithm.
    pub fn from_algorithm(algorithm: CryptographicAlgorithm) -> Option<&'static Self> {
        DSA_SETS.iter().find(|set| set.algorithm == algorithm)
    }

    pub(super) fn from_oid(oid: ObjectIdentifier) -> Option<&'static Self> {
        DSA_SETS.iter().find(|set| set.oid == oid)
    }

    /// Its Cryptographic Algorithm.
    pub fn algorithm(&self) -> CryptographicAlgorithm {
        self.algorithm
    }

    pub(super) fn oid(&self) -> ObjectIdentifier {
        self.oid
    }
}

/// An encapsulation key of ML-KEM.
#[derive(Clone)]
pub struct MlKemPublicKey {
    set: &'static MlKemSet,
    bytes: Box<[u8]>,
}

impl MlKemPublicKey {
    /// From its encoding (FIPS 203 §7.2).
    pub fn new(set: &'static MlKemSet, bytes: &[u8]) -> Result<Self> {
        EncapsulationKey::new(set.provider, bytes).map_err(|_| CryptoError::BadKey("ML-KEM encapsulation key"))?;
        Ok(Self { set, bytes: bytes.into() })
    }

    /// Its parameter set.
    pub fn set(&self) -> &'static MlKemSet {
        self.set
    }

    /// Its encoding.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// A new shared secret of 32 bytes, and its encapsulation for the holder of the private key.
    pub fn encapsulate(&self) -> Result<(Vec<u8>, KeyBytes)> {
        const WRONG: CryptoError = CryptoError::BadKey("ML-KEM encapsulation key");
        let key = EncapsulationKey::new(self.set.provider, &self.bytes).map_err(|_| WRONG)?;
        let (encapsulation, secret) = key.encapsulate().map_err(|_| WRONG)?;
        Ok((encapsulation.as_ref().to_vec(), KeyBytes::copy_from(secret.as_ref())))
    }
}

/// A decapsulation key of ML-KEM.
pub struct MlKemPrivateKey {
    public: MlKemPublicKey,
    seed: Option<KeyBytes>,
    expanded: KeyBytes,
    key: DecapsulationKey,
}

impl MlKemPrivateKey {
    /// Makes a key; its seed is kept.
    pub fn generate(set: &'static MlKemSet) -> Result<Self> {
        Self::from_seed(set, fresh(KEM_SEED)?.expose())
    }

    /// From the seed of 64 bytes.
    pub fn from_seed(set: &'static MlKemSet, seed: &[u8]) -> Result<Self> {
        let array: &[u8; KEM_SEED] = seed.try_into().map_err(|_| CryptoError::BadKey("ML-KEM seed length"))?;
        let key = Self::from_expanded(set, (set.expand)(array).expose())?;
        Ok(Self { seed: Some(KeyBytes::copy_from(seed)), ..key })
    }

    /// From the expanded encoding; the hash in it is checked (FIPS 203 §7.3).
    pub fn from_expanded(set: &'static MlKemSet, expanded: &[u8]) -> Result<Self> {
        const WRONG: CryptoError = CryptoError::BadKey("ML-KEM decapsulation key");
        if expanded.len() != set.private_bytes {
            return Err(WRONG);
        }
        // dk = private part, encapsulation key, its hash, rejection value.
        let (head, _rejection) = expanded.split_at(expanded.len() - 32);
        let (head, hash) = head.split_at(head.len() - 32);
        let public = &head[head.len() - set.public_bytes..];
        if digest(HashingAlgorithm::SHA_3_256, &[public])? != hash {
            return Err(WRONG);
        }
        let public = MlKemPublicKey::new(set, public)?;
        let key = DecapsulationKey::new(set.provider, expanded).map_err(|_| WRONG)?;
        Ok(Self { public, seed: None, expanded: KeyBytes::copy_from(expanded), key })
    }

    /// The public half.
    pub fn public(&self) -> &MlKemPublicKey {
        &self.public
    }

    /// The seed, if the key was made from it.
    pub fn seed(&self) -> Option<&KeyBytes> {
        self.seed.as_ref()
    }

    /// The expanded encoding.
    pub fn expanded(&self) -> &KeyBytes {
        &self.expanded
    }

    /// The shared secret. A changed encapsulation of the right length gives another secret, not an error.
    pub fn decapsulate(&self, encapsulation: &[u8]) -> Result<KeyBytes> {
        let secret = self.key.decapsulate(encapsulation.into()).map_err(|_| CryptoError::BadData("encapsulation"))?;
        Ok(KeyBytes::copy_from(secret.as_ref()))
    }
}

/// A verification key of ML-DSA.
#[derive(Clone)]
pub struct MlDsaPublicKey {
    set: &'static MlDsaSet,
    bytes: Box<[u8]>,
}

impl MlDsaPublicKey {
    /// From its encoding (FIPS 204 §7.2).
    pub fn new(set: &'static MlDsaSet, bytes: &[u8]) -> Result<Self> {
        if bytes.len() != set.signing.public_key_len() {
            return Err(CryptoError::BadKey("ML-DSA public key length"));
        }
        Ok(Self { set, bytes: bytes.into() })
    }

    /// Its parameter set.
    pub fn set(&self) -> &'static MlDsaSet {
        self.set
    }

    /// Its encoding.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether the signature of the message is the key's.
    pub fn verify(&self, how: QuantumSafe<'_>, message: &[u8], signature: &[u8]) -> Result<bool> {
        if how.form == Form::Pure(&[]) {
            return Ok(UnparsedPublicKey::new(self.set.verification, &self.bytes).verify(message, signature).is_ok());
        }
        Ok((self.set.verify)(&self.bytes, &self.mu(how.form, message)?, signature).unwrap_or(false))
    }

    /// The message representative: a hash of the public key's hash and of what is signed (FIPS 204 §6.2).
    fn mu(&self, form: Form<'_>, message: &[u8]) -> Result<[u8; MU]> {
        match form {
            Form::Mu => message.try_into().map_err(|_| CryptoError::BadData("External Mu is 64 bytes long")),
            form => Ok(shake256(&[&shake256(&[&self.bytes]), &form.prefix()?, message])),
        }
    }
}

/// A signing key of ML-DSA.
pub struct MlDsaPrivateKey {
    public: MlDsaPublicKey,
    seed: Option<KeyBytes>,
    expanded: KeyBytes,
    pair: PqdsaKeyPair,
}

impl MlDsaPrivateKey {
    /// Makes a key; its seed is kept.
    pub fn generate(set: &'static MlDsaSet) -> Result<Self> {
        Self::from_seed(set, fresh(DSA_SEED)?.expose())
    }

    /// From the seed of 32 bytes.
    pub fn from_seed(set: &'static MlDsaSet, seed: &[u8]) -> Result<Self> {
        let pair = PqdsaKeyPair::from_seed(set.signing, seed).map_err(|_| CryptoError::BadKey("ML-DSA seed length"))?;
        Self::from_pair(set, pair, Some(KeyBytes::copy_from(seed)))
    }

    /// From the expanded encoding.
    pub fn from_expanded(set: &'static MlDsaSet, expanded: &[u8]) -> Result<Self> {
        let pair = PqdsaKeyPair::from_raw_private_key(set.signing, expanded);
        Self::from_pair(set, pair.map_err(|_| CryptoError::BadKey("ML-DSA private key"))?, None)
    }

    fn from_pair(set: &'static MlDsaSet, pair: PqdsaKeyPair, seed: Option<KeyBytes>) -> Result<Self> {
        let public = MlDsaPublicKey::new(set, pair.public_key().as_ref())?;
        let raw = pair.private_key().as_raw_bytes().map_err(|_| CryptoError::Provider("ML-DSA"))?;
        Ok(Self { public, seed, expanded: KeyBytes::copy_from(raw.as_ref()), pair })
    }

    /// The public half.
    pub fn public(&self) -> &MlDsaPublicKey {
        &self.public
    }

    /// The seed, if the key was made from it.
    pub fn seed(&self) -> Option<&KeyBytes> {
        self.seed.as_ref()
    }

    /// The expanded encoding.
    pub fn expanded(&self) -> &KeyBytes {
        &self.expanded
    }

    /// A signature of the message.
    pub fn sign(&self, how: QuantumSafe<'_>, message: &[u8]) -> Result<Vec<u8>> {
        const FAILED: CryptoError = CryptoError::Provider("ML-DSA");
        if how != QuantumSafe::default() {
            let mu = self.public.mu(how.form, message)?;
            // Without randomness zeros stand in its place (FIPS 204 §5.2).
            let random = how.randomness.bytes(DSA_RANDOM)?.unwrap_or_else(|| KeyBytes::new(vec![0; DSA_RANDOM]));
            return (self.public.set.sign)(self.expanded.expose(), &mu, random.expose()).ok_or(FAILED);
        }
        let mut signature = vec![0; self.public.set.signing.signature_len()];
        let length = self.pair.sign(message, &mut signature).map_err(|_| FAILED)?;
        signature.truncate(length);
        Ok(signature)
    }
}

/// SHAKE256 (FIPS 202) of the pieces together.
fn shake256(pieces: &[&[u8]]) -> [u8; MU] {
    let mut hash = Shake256::default();
    pieces.iter().for_each(|piece| hash.update(piece));
    let mut output = [0; MU];
    hash.finalize_xof().read(&mut output);
    output
}

/// A generator that gives what it was given: the library asks for randomness in this way only.
struct FixedRng<'a>(&'a [u8]);

impl TryRng for FixedRng<'_> {
    type Error = RngFailed;

    fn try_next_u32(&mut self) -> Result<u32, RngFailed> {
        Err(RngFailed)
    }

    fn try_next_u64(&mut self) -> Result<u64, RngFailed> {
        Err(RngFailed)
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), RngFailed> {
        let (given, rest) = self.0.split_at_checked(bytes.len()).ok_or(RngFailed)?;
        bytes.copy_from_slice(given);
        self.0 = rest;
        Ok(())
    }
}

impl TryCryptoRng for FixedRng<'_> {}

macro_rules! debug {
    ($($Type:ident $key:ident $set:expr;)*) => {$(
        impl fmt::Debug for $Type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let $key = self;
                write!(f, concat!(stringify!($Type), "({:?})"), $set.algorithm)
            }
        }
    )*};
}

debug! {
    MlKemPublicKey key key.set;
    MlKemPrivateKey key key.public.set;
    MlDsaPublicKey key key.set;
    MlDsaPrivateKey key key.public.set;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::quantum::Randomness;

    #[test]
    fn both_sides_of_a_kem_agree() {
        for set in &KEM_SETS {
            let key = MlKemPrivateKey::generate(set).unwrap();
            let (encapsulation, secret) = key.public().encapsulate().unwrap();
            assert_eq!(key.decapsulate(&encapsulation).unwrap().expose(), secret.expose());
            let again = MlKemPrivateKey::from_expanded(set, key.expanded().expose()).unwrap();
            assert_eq!(again.decapsulate(&encapsulation).unwrap().expose(), secret.expose());
            let public = MlKemPublicKey::new(set, key.public().bytes()).unwrap();
            assert_eq!(public.encapsulate().unwrap().1.len(), 32);
            assert!(key.decapsulate(&encapsulation[1..]).is_err());
            let mut changed = encapsulation.clone();
            changed[0] ^= 1;
            assert_ne!(key.decapsulate(&changed).unwrap().expose(), secret.expose());
        }
    }

    /// aws-lc-rs encapsulates, the other library decapsulates.
    #[test]
    fn the_other_library_agrees() {
        use ml_kem::kem::Decapsulate;
        let key = MlKemPrivateKey::generate(&KEM_SETS[1]).unwrap();
        let seed: [u8; 64] = key.seed().unwrap().expose().try_into().unwrap();
        let theirs = ml_kem::DecapsulationKey768::from_seed(seed.into());
        let (encapsulation, secret) = key.public().encapsulate().unwrap();
        let encapsulation = encapsulation.as_slice().try_into().unwrap();
        assert_eq!(theirs.decapsulate(&encapsulation).as_slice(), secret.expose());
    }

    #[test]
    fn signatures_of_every_form() {
        for set in &DSA_SETS {
            let key = MlDsaPrivateKey::generate(set).unwrap();
            let public = key.public();
            let again = MlDsaPrivateKey::from_expanded(set, key.expanded().expose()).unwrap();
            let mu = public.mu(Form::Pure(b"context"), b"message").unwrap();
            // The second of each pair is another way to say the first.
            let cases = [
                (Form::Pure(b"").prefix().unwrap(), Form::Pure(b"")),
                (Form::Pure(b"context").prefix().unwrap(), Form::Pure(b"context")),
            ];
            for (prefix, form) in cases {
                for randomness in [Randomness::Fresh, Randomness::Absent, Randomness::Given(&[7; DSA_RANDOM])] {
                    let how = QuantumSafe { form, randomness };
                    let signature = again.sign(how, b"message").unwrap();
                    let same = key.sign(how, b"message").unwrap() == signature;
                    assert_eq!(same, randomness != Randomness::Fresh);
                    assert!(public.verify(how, b"message", &signature).unwrap());
                    let internal = QuantumSafe { form: Form::Internal, ..how };
                    assert!(public.verify(internal, &[&prefix, b"message".as_slice()].concat(), &signature).unwrap());
                    let other = QuantumSafe { form: Form::Pure(b"other"), ..how };
                    assert!(!public.verify(other, b"message", &signature).unwrap());
                    assert!(!public.verify(how, b"other", &signature).unwrap());
                    assert!(!public.verify(how, b"message", &signature[1..]).unwrap());
                }
            }
            let how = QuantumSafe { form: Form::Mu, randomness: Randomness::Fresh };
            let signature = key.sign(how, &mu).unwrap();
            assert!(public.verify(how, &mu, &signature).unwrap());
            let pure = QuantumSafe { form: Form::Pure(b"context"), ..how };
            assert!(public.verify(pure, b"message", &signature).unwrap());
            assert!(key.sign(how, b"not 64 bytes").is_err());
            assert!(key.sign(QuantumSafe { form: Form::Pure(&[0; 256]), ..how }, b"message").is_err());
        }
    }

    /// aws-lc-rs verifies what `ml-dsa` signed without a context, and the other way round.
    #[test]
    fn both_libraries_of_signatures_agree() {
        for set in &DSA_SETS {
            let key = MlDsaPrivateKey::generate(set).unwrap();
            let mu = key.public().mu(Form::Pure(b""), b"message").unwrap();
            let theirs = (set.sign)(key.expanded().expose(), &mu, &[0; DSA_RANDOM]).unwrap();
            assert!(key.public().verify(QuantumSafe::default(), b"message", &theirs).unwrap());
            let ours = key.sign(QuantumSafe::default(), b"message").unwrap();
            assert_eq!((set.verify)(key.public().bytes(), &mu, &ours), Some(true));
        }
    }

    #[test]
    fn wrong_lengths_and_a_wrong_hash_are_refused() {
        for set in &KEM_SETS {
            assert!(MlKemPrivateKey::from_seed(set, &[0; 63]).is_err());
            assert!(MlKemPublicKey::new(set, &[0; 5]).is_err());
            let mut expanded = MlKemPrivateKey::generate(set).unwrap().expanded().expose().to_vec();
            let at = expanded.len() - 40;
            expanded[at] ^= 1;
            assert!(MlKemPrivateKey::from_expanded(set, &expanded).is_err());
        }
        for set in &DSA_SETS {
            assert!(MlDsaPrivateKey::from_seed(set, &[0; 31]).is_err());
            assert!(MlDsaPrivateKey::from_expanded(set, &[0; 100]).is_err());
            assert!(MlDsaPublicKey::new(set, &[0; 100]).is_err());
        }
    }
}
