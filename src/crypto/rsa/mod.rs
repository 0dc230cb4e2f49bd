//! RSA keys: made, parsed, checked once. Private-key work is aws-lc-rs; the `rsa` crate does public-key work, key
//! completion, and, only when the caller allows it, the private-key work that aws-lc-rs lacks.

mod complete;
mod encrypt;
mod padding;
mod sign;
mod sve;

use std::fmt;
use std::sync::OnceLock;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeyPairComponents, KeySize, PrivateDecryptingKey, PublicKeyComponents};
use rsa::BoxedUint;
use rsa::traits::PrivateKeyParts;
use zeroize::Zeroizing;

pub use complete::{RsaNumbers, complete};
pub use encrypt::RsaEncryption;
pub use sign::RsaSignature;

use super::formats::der;
use super::number::{SystemRng, bit_length, bytes_of, fitted, trim, uint};
use super::{CryptoError, Result};
use crate::base::KeyBytes;

/// Shortest modulus that is read at all, in bits; below 2048 it is legacy.
const BITS_MIN: usize = 1024;
/// Longest modulus, in bits: the provider's limit, and a bound on the work of one request.
const BITS_MAX: usize = 8192;
/// Shortest modulus that aws-lc-rs takes.
const PROVIDER_BITS_MIN: usize = 2048;
/// The public exponent of nearly every key (F4).
pub const DEFAULT_EXPONENT: u32 = 65_537;

/// Whether the private-key path of the `rsa` crate may be used for what aws-lc-rs lacks: moduli below 2048 bits,
/// OAEP with two different hashes or a rare one, signatures with SHA-1, SHA-224 or SHA-3, unusual PSS salts. The
/// crate blinds base and exponent since 0.10, but RUSTSEC-2023-0071 (Marvin) was about this path, so it is a choice.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum SoftwareRsa {
    /// Such work is refused as not supported.
    #[default]
    Refuse,
    /// Such work is done.
    Allow,
}

/// An RSA public key.
#[derive(Clone)]
pub struct RsaPublicKey {
    key: rsa::PublicKey,
    modulus: Box<[u8]>,
    exponent: Box<[u8]>,
}

impl RsaPublicKey {
    /// From big-endian modulus and public exponent. The modulus has 1024 to 8192 bits and is odd; the exponent is
    /// odd, greater than one and at most 33 bits long.
    pub fn new(modulus: &[u8], exponent: &[u8]) -> Result<Self> {
        let (modulus, exponent) = (trim(modulus), trim(exponent));
        if !(BITS_MIN..=BITS_MAX).contains(&bit_length(modulus)) {
            return Err(CryptoError::BadKey("RSA modulus length"));
        }
        let key = rsa::PublicKey::new_with_size_limits(fitted(modulus), fitted(exponent), BITS_MIN..=BITS_MAX)
            .map_err(|_| CryptoError::BadKey("RSA modulus or public exponent"))?;
        Ok(Self { key, modulus: modulus.into(), exponent: exponent.into() })
    }

    /// Length of the modulus in bits.
    pub fn bits(&self) -> usize {
        bit_length(&self.modulus)
    }

    /// Length of the modulus, of a signature and of a ciphertext, in bytes.
    pub fn size(&self) -> usize {
        self.modulus.len()
    }

    /// Big-endian, no leading zeros.
    pub fn modulus(&self) -> &[u8] {
        &self.modulus
    }

    /// Big-endian, no leading zeros.
    pub fn exponent(&self) -> &[u8] {
        &self.exponent
    }

    /// The public operation on a number of exactly `size` bytes.
    fn raw(&self, input: &[u8]) -> Result<Vec<u8>> {
        let number = uint(input, (self.size() * 8) as u32).map_err(|_| CryptoError::BadData("length"))?;
        if number >= fitted(&self.modulus) {
            return Err(CryptoError::BadData("not below the modulus"));
        }
        let output = rsa::hazmat::rsa_encrypt(&self.key, &number).map_err(|_| CryptoError::Provider("rsa"))?;
        super::number::pad_left(&output.to_be_bytes(), self.size()).ok_or(CryptoError::Provider("rsa"))
    }
}

/// An RSA private key with two primes. All numbers are big-endian without leading zeros.
pub struct RsaPrivateKey {
    public: RsaPublicKey,
    numbers: Numbers,
    /// Absent below 2048 bits.
    signer: Option<KeyPair>,
    decrypter: OnceLock<PrivateDecryptingKey>,
}

/// The private numbers (RFC 8017 §3.2).
struct Numbers {
    d: KeyBytes,
    p: KeyBytes,
    q: KeyBytes,
    dp: KeyBytes,
    dq: KeyBytes,
    qinv: KeyBytes,
}

impl RsaPrivateKey {
    /// Makes a key. `bits` is 2048, 3072 or 4096 (8192 is too slow to offer); 1024 only with `SoftwareRsa::Allow`.
    /// Exponents other than 65537 are made by the `rsa` crate, which for the making of a key is no concern.
    pub fn generate(bits: usize, exponent: u32, software: SoftwareRsa) -> Result<Self> {
        let size = match bits {
            2048 => KeySize::Rsa2048,
            3072 => KeySize::Rsa3072,
            4096 => KeySize::Rsa4096,
            1024 if software == SoftwareRsa::Allow => return Self::generate_soft(bits, exponent),
            1024 => return Err(CryptoError::Legacy("RSA with 1024 bits")),
            _ => return Err(CryptoError::Unsupported("RSA key length")),
        };
        if exponent != DEFAULT_EXPONENT {
            return Self::generate_soft(bits, exponent);
        }
        let pair = KeyPair::generate(size).map_err(|_| CryptoError::Provider("RSA key generation"))?;
        let encoded: Pkcs8V1Der<'_> = pair.as_der().map_err(|_| CryptoError::Provider("RSA key generation"))?;
        let pkcs1 = der::pkcs8_inner(encoded.as_ref())?;
        der::rsa_private(pkcs1.expose())
    }

    fn generate_soft(bits: usize, exponent: u32) -> Result<Self> {
        if exponent < 3 || exponent.is_multiple_of(2) {
            return Err(CryptoError::BadParameters("RSA public exponent"));
        }
        let key = rsa::PrivateKey::new_with_exp_unchecked(&mut SystemRng, bits, BoxedUint::from(exponent))
            .map_err(|_| CryptoError::Provider("RSA key generation"))?;
        Self::from_soft(&key)
    }

    /// From all eight numbers; they are checked against each other.
    pub fn new(n: &[u8], e: &[u8], d: &[u8], primes: (&[u8], &[u8]), crt: (&[u8], &[u8], &[u8])) -> Result<Self> {
        const WRONG: CryptoError = CryptoError::BadKey("RSA numbers do not fit each other");
        let public = RsaPublicKey::new(n, e)?;
        let (p, q) = (trim(primes.0), trim(primes.1));
        let (dp, dq, qinv) = (trim(crt.0), trim(crt.1), trim(crt.2));
        let d = trim(d);
        if [d, p, q, dp, dq, qinv].iter().any(|number| number.is_empty() || number.len() > public.size()) {
            return Err(WRONG);
        }
        let signer = if public.bits() >= PROVIDER_BITS_MIN {
            let public_key = PublicKeyComponents { n: public.modulus(), e: public.exponent() };
            let components = KeyPairComponents { public_key, d, p, q, dP: dp, dQ: dq, qInv: qinv };
            Some(KeyPair::from_components(&components).map_err(|_| WRONG)?)
        } else {
            soft(&public, d, p, q)?;
            None
        };
        let copy = KeyBytes::copy_from;
        let numbers = Numbers { d: copy(d), p: copy(p), q: copy(q), dp: copy(dp), dq: copy(dq), qinv: copy(qinv) };
        Ok(Self { public, numbers, signer, decrypter: OnceLock::new() })
    }

    /// From a key of the `rsa` crate.
    fn from_soft(key: &rsa::PrivateKey) -> Result<Self> {
        const WRONG: CryptoError = CryptoError::BadKey("RSA numbers do not fit each other");
        let [p, q] = key.primes() else { return Err(CryptoError::Unsupported("RSA with more than two primes")) };
        let bytes = |number: &BoxedUint| Zeroizing::new(bytes_of(number));
        let (p, q) = (bytes(p.as_ref()), bytes(q.as_ref()));
        let (dp, dq) = (key.dp().map(bytes).ok_or(WRONG)?, key.dq().map(bytes).ok_or(WRONG)?);
        let qinv = key.crt_coefficient().map(|number| bytes(&number)).ok_or(WRONG)?;
        let public = key.as_public_key();
        use rsa::traits::PublicKeyParts;
        Self::new(&public.n_bytes(), &public.e_bytes(), &bytes(key.d()), (&p, &q), (&dp, &dq, &qinv))
    }

    /// The public half.
    pub fn public(&self) -> &RsaPublicKey {
        &self.public
    }

    /// The private exponent.
    pub fn d(&self) -> &KeyBytes {
        &self.numbers.d
    }

    /// The two primes.
    pub fn primes(&self) -> (&KeyBytes, &KeyBytes) {
        (&self.numbers.p, &self.numbers.q)
    }

    /// `d mod (p-1)`, `d mod (q-1)` and `q^-1 mod p`.
    pub fn crt(&self) -> (&KeyBytes, &KeyBytes, &KeyBytes) {
        (&self.numbers.dp, &self.numbers.dq, &self.numbers.qinv)
    }

    /// The key as the provider decrypts with it.
    fn decrypter(&self) -> Result<Option<&PrivateDecryptingKey>> {
        if self.signer.is_none() {
            return Ok(None);
        }
        if self.decrypter.get().is_none() {
            let encoded = der::rsa_private_pkcs8(self)?;
            let key = PrivateDecryptingKey::from_pkcs8(encoded.expose());
            // A second thread may have been faster; both made the same key.
            let _ = self.decrypter.set(key.map_err(|_| CryptoError::Provider("RSA key"))?);
        }
        Ok(self.decrypter.get())
    }

    /// The private operation of the `rsa` crate, blinded and checked, on a number of exactly `size` bytes.
    fn raw_soft(&self, input: &[u8], software: SoftwareRsa, what: &'static str) -> Result<Zeroizing<Vec<u8>>> {
        let key = self.soft_key(software, what)?;
        let number = uint(input, (self.public.size() * 8) as u32).map_err(|_| CryptoError::BadData("length"))?;
        let output = rsa::hazmat::rsa_decrypt_and_check(&key, Some(&mut SystemRng), &number)
            .map_err(|_| CryptoError::BadData("not below the modulus"))?;
        let output = super::number::pad_left(&Zeroizing::new(output.to_be_bytes().into_vec()), self.public.size());
        output.map(Zeroizing::new).ok_or(CryptoError::Provider("rsa"))
    }

    fn soft_key(&self, software: SoftwareRsa, what: &'static str) -> Result<rsa::PrivateKey> {
        if software == SoftwareRsa::Refuse {
            return Err(CryptoError::Unsupported(what));
        }
        let Numbers { d, p, q, .. } = &self.numbers;
        soft(&self.public, d.expose(), p.expose(), q.expose())
    }
}

/// The key of the `rsa` crate; its numbers are checked.
fn soft(public: &RsaPublicKey, d: &[u8], p: &[u8], q: &[u8]) -> Result<rsa::PrivateKey> {
    let primes = vec![fitted(p), fitted(q)];
    rsa::PrivateKey::from_components(fitted(public.modulus()), fitted(public.exponent()), fitted(d), primes)
        .map_err(|_| CryptoError::BadKey("RSA numbers do not fit each other"))
}

impl fmt::Debug for RsaPublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RsaPublicKey({} bits)", self.bits())
    }
}

impl fmt::Debug for RsaPrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RsaPrivateKey({} bits)", self.public.bits())
    }
}
