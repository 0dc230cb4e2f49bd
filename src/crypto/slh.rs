//! Hash-based keys of KMIP 3.0: SLH-DSA (FIPS 205), all twelve parameter sets, by the `slh-dsa` crate. A signature of
//! the small sets takes seconds of one processor, so callers sign where they may block.

use std::fmt;

use pkcs8::ObjectIdentifier;
use slh_dsa::{ParameterSet, Signature, SigningKey, VerifyingKey};

use super::quantum::{Form, QuantumSafe, fresh};
use super::{CryptoError, Result};
use crate::base::KeyBytes;
use crate::registry::CryptographicAlgorithm;

/// The three seeds of a key (SK.seed, SK.prf and PK.seed, FIPS 205 §9.1); its public key.
type Expand = fn(&[u8]) -> Vec<u8>;
/// Private key, message in pieces, randomness; the signature.
type Sign = fn(&[u8], &[&[u8]], Option<&[u8]>) -> Option<Vec<u8>>;
/// Public key, message in pieces, signature.
type Verify = fn(&[u8], &[&[u8]], &[u8]) -> Option<()>;

/// A parameter set of SLH-DSA.
pub struct SlhDsaSet {
    algorithm: CryptographicAlgorithm,
    oid: ObjectIdentifier,
    /// The security parameter n: a seed, a root and the randomness of a signature have as many bytes.
    n: usize,
    expand: Expand,
    sign: Sign,
    verify: Verify,
}

macro_rules! sets {
    ($($algorithm:ident $set:ident $n:literal;)*) => {
        [$(SlhDsaSet {
            algorithm: CryptographicAlgorithm::$algorithm,
            oid: <slh_dsa::$set as ParameterSet>::ALGORITHM_OID,
            n: $n,
            expand: |seeds| {
                let (secret, public) = seeds.split_at(2 * $n);
                let (seed, prf) = secret.split_at($n);
                let key = SigningKey::<slh_dsa::$set>::slh_keygen_internal(seed, prf, public);
                key.as_ref().to_vec()
            },
            sign: sign::<slh_dsa::$set>,
            verify: verify::<slh_dsa::$set>,
        }),*]
    };
}

/// FIPS 205 §11, table 2.
static SETS: [SlhDsaSet; 12] = sets! {
    SLH_DSA_SHA2_128s Sha2_128s 16;
    SLH_DSA_SHA2_128f Sha2_128f 16;
    SLH_DSA_SHA2_192s Sha2_192s 24;
    SLH_DSA_SHA2_192f Sha2_192f 24;
    SLH_DSA_SHA2_256s Sha2_256s 32;
    SLH_DSA_SHA2_256f Sha2_256f 32;
    SLH_DSA_SHAKE_128s Shake128s 16;
    SLH_DSA_SHAKE_128f Shake128f 16;
    SLH_DSA_SHAKE_192s Shake192s 24;
    SLH_DSA_SHAKE_192f Shake192f 24;
    SLH_DSA_SHAKE_256s Shake256s 32;
    SLH_DSA_SHAKE_256f Shake256f 32;
};

fn sign<P: ParameterSet>(key: &[u8], message: &[&[u8]], randomness: Option<&[u8]>) -> Option<Vec<u8>> {
    let key = SigningKey::<P>::try_from(key).ok()?;
    Some(key.slh_sign_internal(message, randomness).to_vec())
}

fn verify<P: ParameterSet>(key: &[u8], message: &[&[u8]], signature: &[u8]) -> Option<()> {
    let key = VerifyingKey::<P>::try_from(key).ok()?;
    key.slh_verify_internal(message, &Signature::try_from(signature).ok()?).ok()
}

impl SlhDsaSet {
    /// The set of a Cryptographic Algorithm.
    pub fn from_algorithm(algorithm: CryptographicAlgorithm) -> Option<&'static Self> {
        SETS.iter().find(|set| set.algorithm == algorithm)
    }

    pub(super) fn from_oid(oid: ObjectIdentifier) -> Option<&'static Self> {
        SETS.iter().find(|set| set.oid == oid)
    }

    /// Its Cryptographic Algorithm.
    pub fn algorithm(&self) -> CryptographicAlgorithm {
        self.algorithm
    }

    pub(super) fn oid(&self) -> ObjectIdentifier {
        self.oid
    }
}

/// A public key of SLH-DSA.
#[derive(Clone)]
pub struct SlhDsaPublicKey {
    set: &'static SlhDsaSet,
    bytes: Box<[u8]>,
}

impl SlhDsaPublicKey {
    /// From its encoding: seed and root (FIPS 205 §9.1). Any bytes of the right length are a key.
    pub fn new(set: &'static SlhDsaSet, bytes: &[u8]) -> Result<Self> {
        if bytes.len() != 2 * set.n {
            return Err(CryptoError::BadKey("SLH-DSA public key length"));
        }
        Ok(Self { set, bytes: bytes.into() })
    }

    /// Its parameter set.
    pub fn set(&self) -> &'static SlhDsaSet {
        self.set
    }

    /// Its encoding.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether the signature of the message is the key's.
    pub fn verify(&self, how: QuantumSafe<'_>, message: &[u8], signature: &[u8]) -> Result<bool> {
        Ok((self.set.verify)(&self.bytes, &[&prefix(how.form)?, message], signature).is_some())
    }
}

/// A private key of SLH-DSA.
pub struct SlhDsaPrivateKey {
    public: SlhDsaPublicKey,
    bytes: KeyBytes,
}

impl SlhDsaPrivateKey {
    /// Makes a key.
    pub fn generate(set: &'static SlhDsaSet) -> Result<Self> {
        Self::from_seeds(set, fresh(3 * set.n)?.expose())
    }

    /// From the three seeds, together three times n bytes.
    fn from_seeds(set: &'static SlhDsaSet, seeds: &[u8]) -> Result<Self> {
        let public = (set.expand)(seeds);
        let bytes = KeyBytes::fill(4 * set.n, |bytes| {
            let (secret, rest) = bytes.split_at_mut(2 * set.n);
            secret.copy_from_slice(&seeds[..2 * set.n]);
            rest.copy_from_slice(&public);
            Ok(())
        })?;
        Self::new(set, bytes.expose())
    }

    /// From its encoding: two secret seeds and the public key (FIPS 205 §9.1). The root in it is taken as it stands:
    /// to compute it takes as long as making a key.
    pub fn new(set: &'static SlhDsaSet, bytes: &[u8]) -> Result<Self> {
        if bytes.len() != 4 * set.n {
            return Err(CryptoError::BadKey("SLH-DSA private key length"));
        }
        Ok(Self { public: SlhDsaPublicKey::new(set, &bytes[2 * set.n..])?, bytes: KeyBytes::copy_from(bytes) })
    }

    /// The public half.
    pub fn public(&self) -> &SlhDsaPublicKey {
        &self.public
    }

    /// Its encoding.
    pub fn bytes(&self) -> &KeyBytes {
        &self.bytes
    }

    /// A signature of the message.
    pub fn sign(&self, how: QuantumSafe<'_>, message: &[u8]) -> Result<Vec<u8>> {
        let set = self.public.set;
        let randomness = how.randomness.bytes(set.n)?;
        let message = [&*prefix(how.form)?, message];
        (set.sign)(self.bytes.expose(), &message, randomness.as_ref().map(KeyBytes::expose))
            .ok_or(CryptoError::Provider("SLH-DSA"))
    }
}

fn prefix(form: Form<'_>) -> Result<Vec<u8>> {
    match form {
        Form::Mu => Err(CryptoError::BadParameters("External Mu is of ML-DSA")),
        form => form.prefix(),
    }
}

impl fmt::Debug for SlhDsaPublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SlhDsaPublicKey({:?})", self.set.algorithm)
    }
}

impl fmt::Debug for SlhDsaPrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SlhDsaPrivateKey({:?})", self.public.set.algorithm)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::quantum::Randomness;
    use crate::crypto::testing::hex;

    /// ACVP SLH-DSA-keyGen-FIPS205, the first case of each set in the order of the table: SK.seed, SK.prf and PK.seed;
    /// PK.root.
    const KEYS: [(&str, &str); 12] = [
        (
            "173d04c938c1c36bf289c3c022d04b1463ae23c41aa546da589774ac20b745c40d794777914c99766827f0f09ca972be",
            "0162c10219d422adba1359e6aa65299c",
        ),
        (
            "c42bcb3b5a6f331f5cce899253c6d9e29ff2b7ead7a04bab1794db8cc659c3b4a868f1bd5debc12d4c9fad66aabd0a94",
            "b546df247be4c457f3d467cdfcfabd39",
        ),
        (
            "040266529c1864088925506c20a624a2b6d50cd77c1c6f0d2841150ae8157512ef34a343ffea77ff7d9e814b45a8b41464462665f4202886206a8f632267186ca6a1cad08a2b9a86",
            "2c6a7bc4ac4aaa84accef60d529f0311274f205e8da642c9",
        ),
        (
            "a021b4b9d6dee168722bc10225e50a946642af630c3c7c7d69e3a40ba09df2ac165b792a07f064ac5fc28d8c99a580f4ee4823d09e79854706daa80ae3179b5bc8c2e9409d6328a3",
            "3577fd584bc0784c559cdb2437a46f7f753c336369419acf",
        ),
        (
            "fcbf36a9807b30697be063a5105e091b412a391dd39e1326eba23cbd4096ca77ef4121c08dd71be913572f1f91e57d0acbcd5cec28539ac275832bbaa6c11081a0b4f5549ebcadb951dc2e512c76b0620d8fb8100b4ee886ef8784780d52a254",
            "3e57ab494d47068ffee4b8244aad6f19cdf94a2172bd134a15a6b5f298d5a80e",
        ),
        (
            "18523702a0fe2c9e488948b127185bab93d3f02c3d7c23a1b379f762de0509e56ab0d9f93540bd809d1d2e8a050440aa81e853750470e2b00c959dbd3be40e2bd7125f5d00ba47f1fc8d4c32c2f57c444bd384d7ce770bc50dd5980c1d1264d0",
            "0ad5197ffcbaafe11b1e413f26adb1504ce1c3f5c40c1dcda14e99fd126d5b81",
        ),
        (
            "c151951f3811029239b74add24c506afdd30363e156e6fe936ec6ed0231feb5c529ffe86200d1f32c2b60d0cd909f190",
            "0761f9b727afa724b47223016bb5b2ba",
        ),
        (
            "3956ab391b4d22fc907af0740326d061ab0eb206436f2b86ebe086d77739b3e456505c229f4e7fa6b201714c7dcc9da3",
            "66578f1f24c3fe371c97c14ce0e79cdc",
        ),
        (
            "8732621860e9a6e1887be55f7af692b98eb4c10b2599f94ad5cc9d6470d8b21136158e8b1710f1fbe03eced37ed4ac6853fc64d46d7e1653ebbb36ed5fbc12c6e7cef3cb756482c8",
            "c620452e864e8497e1b38a7b04449219acd9e4393f9c88ef",
        ),
        (
            "fb7a2c2c75ce6c96b5f4328e0ab300476fc6f864cb5b0b99990ecb726ca822a4e3652dd92ec0aab7637ea41c0482ae2868dcc671e3534f81a352c275b6a25f906d2ed0ff62b8b4e3",
            "98f1a9876cb082a48e9ae2c862b289486a3925cefc6ff4be",
        ),
        (
            "e440e39644a11a6a58e850c09c8f03c273e465237f3bef7c58de62281e676cea99c199c00db30f8499a61b5b9dc8a361725f6ae80e97037176f408c30b38844dd7b5e755b4879fde3288a21af3e32fbb006fd9b8bc2b180eb9b0d82c9f3157af",
            "02acd6b3198ee1c9fe9afe61fd86d1e0877ad9061980b57b178ce27191d8eb1b",
        ),
        (
            "2ac9403858d186b172edd8df9c78a11449893681487d3af0dad0ec341e8aca48afa2771bae6c17dd6f77b4e3808b05f56f31b8f4128df2ccb677f0283cfb18da559bc883105e8ba0264648b532626155f87edb4bedcfc12a24204d3b696d5370",
            "7a158ff5d30e3428183a3b3a96a0e4a341a2a16e5a6226af374d1efb39a35df6",
        ),
    ];

    #[test]
    fn keys_of_the_acvp_vectors() {
        for (set, (seeds, root)) in SETS.iter().zip(KEYS) {
            let key = SlhDsaPrivateKey::from_seeds(set, &hex(seeds)).unwrap();
            assert_eq!(key.bytes().expose(), hex(&[seeds, root].concat()), "{key:?}");
            assert_eq!(key.public().bytes(), &key.bytes().expose()[2 * set.n..]);
        }
    }

    /// Two libraries make the same deterministic signature and take each other's, in every set. The small sets are slow
    /// to sign, so of them the other library signs one.
    #[test]
    fn the_other_library_agrees() {
        use fips205::traits::{SerDes, Signer, Verifier};
        macro_rules! compare {
            ($($at:literal $theirs:ident $signs:literal;)*) => {$({
                let (set, (seeds, root)) = (&SETS[$at], KEYS[$at]);
                let key = SlhDsaPrivateKey::new(set, &hex(&[seeds, root].concat())).unwrap();
                let bytes = key.bytes().expose().try_into().unwrap();
                let theirs = fips205::$theirs::PrivateKey::try_from_bytes(bytes).unwrap();
                let public = fips205::$theirs::PublicKey::try_from_bytes(key.public().bytes().try_into().unwrap()).unwrap();
                let how = QuantumSafe { form: Form::Pure(b"context"), randomness: Randomness::Absent };
                let signature = key.sign(how, b"message").unwrap();
                assert!(public.verify(b"message", signature.as_slice().try_into().unwrap(), b"context"));
                assert!(key.public().verify(how, b"message", &signature).unwrap());
                if $signs {
                    assert_eq!(theirs.try_sign(b"message", b"context", false).unwrap().as_slice(), signature);
                }
            })*};
        }
        compare! {
            0 slh_dsa_sha2_128s true;
            1 slh_dsa_sha2_128f true;
            3 slh_dsa_sha2_192f true;
            5 slh_dsa_sha2_256f true;
            7 slh_dsa_shake_128f true;
            9 slh_dsa_shake_192f false;
            11 slh_dsa_shake_256f false;
        }
    }

    #[test]
    fn what_was_changed_is_not_signed() {
        let key = SlhDsaPrivateKey::generate(&SETS[1]).unwrap();
        let how = QuantumSafe::default();
        let signature = key.sign(how, b"message").unwrap();
        assert_ne!(key.sign(how, b"message").unwrap(), signature, "fresh randomness");
        assert!(key.public().verify(how, b"message", &signature).unwrap());
        let other = QuantumSafe { form: Form::Pure(b"other"), ..how };
        assert!(!key.public().verify(other, b"message", &signature).unwrap());
        assert!(!key.public().verify(how, b"other", &signature).unwrap());
        assert!(!key.public().verify(how, b"message", &signature[1..]).unwrap());
        assert!(!key.public().verify(how, b"message", &[]).unwrap());
        let mut changed = signature;
        changed[100] ^= 1;
        assert!(!key.public().verify(how, b"message", &changed).unwrap());
    }

    #[test]
    fn forms_and_randomness() {
        let key = SlhDsaPrivateKey::generate(&SETS[1]).unwrap();
        let internal = QuantumSafe { form: Form::Internal, randomness: Randomness::Given(&[7; 16]) };
        let signature = key.sign(internal, b"\0\0message").unwrap();
        assert_eq!(key.sign(QuantumSafe { form: Form::Pure(b""), ..internal }, b"message").unwrap(), signature);
        assert!(key.public().verify(QuantumSafe::default(), b"message", &signature).unwrap());
        for wrong in [
            QuantumSafe { form: Form::Mu, ..internal },
            QuantumSafe { form: Form::Pure(&[0; 256]), ..internal },
            QuantumSafe { randomness: Randomness::Given(&[7; 15]), ..internal },
        ] {
            assert!(key.sign(wrong, &[0; 64]).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn wrong_lengths_are_refused() {
        for set in &SETS {
            for length in [0, set.n, 2 * set.n - 1, 2 * set.n + 1] {
                assert!(SlhDsaPublicKey::new(set, &vec![0; length]).is_err());
            }
            for length in [0, 3 * set.n, 4 * set.n - 1, 4 * set.n + 1] {
                assert!(SlhDsaPrivateKey::new(set, &vec![0; length]).is_err());
            }
        }
    }
}
