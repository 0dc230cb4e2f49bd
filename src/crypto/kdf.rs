//! Derive Key (1.4 §4.6, 2.1 §6.1.14 and §7.12): from a secret and Derivation Parameters to key bytes.
//!
//! | method | key | derivation data | other |
//! | --- | --- | --- | --- |
//! | PBKDF2 | password | none | salt, iteration count, PRF HMAC of the hash (SHA-1 where absent, RFC 8018) |
//! | HASH | either this | or this | hash; at most its output |
//! | HMAC | MAC key | message | at most one MAC |
//! | ENCRYPT | cipher key | plaintext | cipher parameters and IV; at most the ciphertext |
//! | NIST800-108-C, -F, -DPI | PRF key | fixed input: Label, 0x00, Context | PRF HMAC or CMAC; IV for -F |
//! | HKDF | input key material | info | salt; hash (SHA-256 where absent) |
//! | AWS Signature Version 4 | secret access key | date, region, service | |

use std::num::NonZeroU32;

use aws_lc_rs::pbkdf2 as lc;
use zeroize::Zeroizing;

use super::hash::{self, with_digest};
use super::mac::{Mac, MacAlgorithm};
use super::symmetric::{self, Parameters};
use super::{CryptoError, Result};
use crate::base::{Entropy, KeyBytes};
use crate::registry::HashingAlgorithm;

/// Most iterations of PBKDF2; about ten seconds of one core. Callers may set a lower limit.
pub const ITERATIONS_MAX: u32 = 10_000_000;

/// Longest derived key in bytes. HKDF's own bound is 255 outputs of its hash.
pub const LENGTH_MAX: usize = 64 * 1024;

/// Bytes that one iteration of PBKDF2 costs in `Derivation::work`: a block of the common hashes.
const ITERATION_BYTES: u64 = 64;

/// Most bytes that a derivation may put through its PRF: those of `ITERATIONS_MAX`, however they come about.
const WORK_MAX: u64 = ITERATIONS_MAX as u64 * ITERATION_BYTES;

/// A derivation with all that it reads besides the secret.
pub enum Derivation<'a> {
    /// PBKDF2 of RFC 8018.
    Pbkdf2 {
        /// Hash of the PRF; absent is SHA-1, the standard's default.
        hash: Option<HashingAlgorithm>,
        /// Salt.
        salt: &'a [u8],
        /// Iteration Count as it came.
        iterations: i32,
    },
    /// A digest of the secret or of the data; the other one must be empty.
    Hash {
        /// Hash.
        hash: HashingAlgorithm,
        /// Derivation Data.
        data: &'a [u8],
    },
    /// One HMAC or CMAC of the data.
    Mac {
        /// MAC; for an HMAC key, that of its own Cryptographic Algorithm.
        mac: MacAlgorithm,
        /// Derivation Data.
        data: &'a [u8],
    },
    /// The data, encrypted.
    Encrypt {
        /// How.
        parameters: &'a Parameters,
        /// Initialization Vector.
        iv: Option<&'a [u8]>,
        /// Derivation Data.
        data: &'a [u8],
    },
    /// SP 800-108 in counter mode: K(i) = PRF([i] || data), i of 32 bits. The data is taken as it came: where a
    /// client's use of SP 800-108 has the length [L] at the end of the fixed input, the client appends it.
    Counter {
        /// PRF.
        prf: MacAlgorithm,
        /// Derivation Data.
        data: &'a [u8],
    },
    /// SP 800-108 in feedback mode: K(i) = PRF(K(i-1) || [i] || data), K(0) the IV.
    Feedback {
        /// PRF.
        prf: MacAlgorithm,
        /// Initialization Vector, may be empty.
        iv: &'a [u8],
        /// Derivation Data.
        data: &'a [u8],
    },
    /// SP 800-108 in double-pipeline mode: A(i) = PRF(A(i-1)), A(0) the data; K(i) = PRF(A(i) || [i] || data).
    DoublePipeline {
        /// PRF.
        prf: MacAlgorithm,
        /// Derivation Data.
        data: &'a [u8],
    },
    /// HKDF of RFC 5869, extract then expand.
    Hkdf {
        /// Hash; absent is SHA-256 (2.1 §7.12).
        hash: Option<HashingAlgorithm>,
        /// Salt, may be empty.
        salt: &'a [u8],
        /// Derivation Data, the info; may be empty.
        info: &'a [u8],
    },
    /// The signing key of AWS Signature Version 4; Derivation Data are these three in order (2.1 §7.12).
    AwsSignature4 {
        /// Date as yyyymmdd.
        date: &'a [u8],
        /// Region.
        region: &'a [u8],
        /// Service.
        service: &'a [u8],
    },
}

impl Derivation<'_> {
    /// About how many bytes go through the PRF to derive `length` bytes.
    ///
    /// # Errors
    /// `Unsupported` for a PRF that is not here.
    pub fn work(&self, length: usize) -> Result<u64> {
        let blocks = |prf: MacAlgorithm| prf.output_length().map(|size| length.div_ceil(size) as u64);
        Ok(match self {
            Self::Pbkdf2 { hash, iterations, .. } => {
                let prf = MacAlgorithm::Hmac(hash.unwrap_or(HashingAlgorithm::SHA_1));
                let iterations = u64::try_from(*iterations).unwrap_or(0);
                iterations.saturating_mul(blocks(prf)?).saturating_mul(ITERATION_BYTES)
            }
            Self::Counter { prf, data } | Self::Feedback { prf, data, .. } => blocks(*prf)? * data.len() as u64,
            Self::DoublePipeline { prf, data } => 2 * blocks(*prf)? * data.len() as u64,
            Self::Hkdf { hash, info, .. } => {
                blocks(MacAlgorithm::Hmac(hash.unwrap_or(HashingAlgorithm::SHA_256)))? * info.len() as u64
            }
            Self::Hash { data, .. } | Self::Mac { data, .. } | Self::Encrypt { data, .. } => data.len() as u64,
            Self::AwsSignature4 { date, region, service } => (date.len() + region.len() + service.len()) as u64,
        })
    }
}

/// Derives `length` bytes.
///
/// # Errors
/// `BadParameters` and `MissingParameter` for what contradicts the method; `BadData` (Cryptographic Failure) where
/// `length` is more than the method gives, as the error table of Derive Key demands; `LimitExceeded` past the bounds
/// of this file.
pub fn derive(method: &Derivation<'_>, secret: &[u8], length: usize, entropy: &dyn Entropy) -> Result<KeyBytes> {
    if length == 0 {
        return Err(CryptoError::BadParameters("a derived key has a length"));
    }
    if length > LENGTH_MAX {
        return Err(CryptoError::LimitExceeded("length of a derived key"));
    }
    if method.work(length)? > WORK_MAX {
        return Err(CryptoError::LimitExceeded("iteration count, data and length together are too much work"));
    }
    match *method {
        Derivation::Pbkdf2 { hash, salt, iterations } => {
            pbkdf2(hash.unwrap_or(HashingAlgorithm::SHA_1), secret, salt, iterations, length)
        }
        Derivation::Hash { hash, data } => match (secret.is_empty(), data.is_empty()) {
            (true, false) => cut(hash::hash(hash, data)?, length),
            (false, true) => cut(hash::hash(hash, secret)?, length),
            (true, true) => Err(CryptoError::MissingParameter("derivation data")),
            (false, false) => Err(CryptoError::BadParameters("HASH takes a derivation key or derivation data")),
        },
        Derivation::Mac { mac: prf, .. }
        | Derivation::Counter { prf, .. }
        | Derivation::Feedback { prf, .. }
        | Derivation::DoublePipeline { prf, .. } => by_prf(method, length, |pieces| run(prf, secret, pieces)),
        Derivation::Encrypt { parameters, iv, data } => {
            repeatable(parameters, iv, data)?;
            let output = symmetric::encrypt(parameters, secret, iv, &[], data, entropy)?;
            front(&output.data, length)
        }
        Derivation::Hkdf { hash, salt, info } => {
            hkdf(hash.unwrap_or(HashingAlgorithm::SHA_256), secret, salt, info, length)
        }
        Derivation::AwsSignature4 { date, region, service } => aws_signature_4(secret, date, region, service, length),
    }
}

/// The derivations that use their key only through one MAC or PRF, given the keyed function: it takes a message in pieces.
/// The key may be where nobody sees it. The bounds of `derive` hold for its callers too.
///
/// # Errors
/// Those of `derive` and of the function; `Unsupported` for a derivation that needs the key itself.
pub fn by_prf<E: From<CryptoError>>(
    method: &Derivation<'_>,
    length: usize,
    mut prf: impl FnMut(&[&[u8]]) -> Result<Zeroizing<Vec<u8>>, E>,
) -> Result<KeyBytes, E> {
    match *method {
        Derivation::Mac { data, .. } => {
            present(data)?;
            Ok(front(&prf(&[data])?, length)?)
        }
        Derivation::Counter { prf: of, data } => {
            present(data)?;
            blocks(of, length, |counter, _| prf(&[&counter, data]))
        }
        Derivation::Feedback { prf: of, iv, data } => {
            present(data)?;
            blocks(of, length, |counter, before| prf(&[before.unwrap_or(iv), &counter, data]))
        }
        Derivation::DoublePipeline { prf: of, data } => {
            present(data)?;
            let mut chain = Zeroizing::new(data.to_vec());
            blocks(of, length, |counter, _| {
                chain = prf(&[&chain])?;
                prf(&[&chain, &counter, data])
            })
        }
        _ => Err(CryptoError::Unsupported("this derivation with a key that nobody sees").into()),
    }
}

/// "If the specified length exceeds the output of the derivation method, then the server SHALL return an error."
pub const TOO_LONG: CryptoError = CryptoError::BadData("the length exceeds the output of the derivation method");

/// Whether data can be encrypted to derive from it.
///
/// # Errors
/// `MissingParameter` without data; `BadParameters` for an IV that would be another one the next time.
pub fn repeatable(parameters: &Parameters, iv: Option<&[u8]>, data: &[u8]) -> Result<()> {
    present(data)?;
    if parameters.random_iv && iv.is_none() {
        return Err(CryptoError::BadParameters("a derivation with a random IV cannot be repeated"));
    }
    Ok(())
}

fn present(data: &[u8]) -> Result<()> {
    if data.is_empty() { Err(CryptoError::MissingParameter("derivation data")) } else { Ok(()) }
}

/// The front of an output that must be long enough.
fn cut(output: Vec<u8>, length: usize) -> Result<KeyBytes> {
    front(&Zeroizing::new(output), length)
}

/// The same of an output that somebody else wipes.
pub fn front(output: &[u8], length: usize) -> Result<KeyBytes> {
    output.get(..length).map(KeyBytes::copy_from).ok_or(TOO_LONG)
}

/// One PRF call over joined pieces.
fn run(prf: MacAlgorithm, key: &[u8], pieces: &[&[u8]]) -> Result<Zeroizing<Vec<u8>>> {
    let mut mac = Mac::new(prf, key)?;
    for piece in pieces {
        mac.update(piece);
    }
    Ok(Zeroizing::new(mac.finish()))
}

/// Fills the key block by block; each is made from its 32-bit counter and the block before.
fn blocks<E: From<CryptoError>>(
    prf: MacAlgorithm,
    length: usize,
    mut block: impl FnMut([u8; 4], Option<&[u8]>) -> Result<Zeroizing<Vec<u8>>, E>,
) -> Result<KeyBytes, E> {
    let size = prf.output_length()?;
    KeyBytes::fill(length, |key| {
        let mut before: Option<Zeroizing<Vec<u8>>> = None;
        for (counter, place) in (1_u32..).zip(key.chunks_mut(size)) {
            let output = block(counter.to_be_bytes(), before.as_ref().map(|before| before.as_slice()))?;
            place.copy_from_slice(output.get(..place.len()).ok_or(TOO_LONG)?);
            before = Some(output);
        }
        Ok(())
    })
}

fn pbkdf2(hash: HashingAlgorithm, password: &[u8], salt: &[u8], iterations: i32, length: usize) -> Result<KeyBytes> {
    if salt.is_empty() {
        return Err(CryptoError::MissingParameter("salt"));
    }
    let count = u32::try_from(iterations)
        .ok()
        .and_then(NonZeroU32::new)
        .ok_or(CryptoError::BadParameters("the iteration count is not positive"))?;
    if count.get() > ITERATIONS_MAX {
        return Err(CryptoError::LimitExceeded("iteration count"));
    }
    let lc = match hash {
        HashingAlgorithm::SHA_1 => lc::PBKDF2_HMAC_SHA1,
        HashingAlgorithm::SHA_256 => lc::PBKDF2_HMAC_SHA256,
        HashingAlgorithm::SHA_384 => lc::PBKDF2_HMAC_SHA384,
        HashingAlgorithm::SHA_512 => lc::PBKDF2_HMAC_SHA512,
        _ => {
            return KeyBytes::fill(length, |key| {
                let done: Result<Result<()>> = with_digest!(hash, D => {
                    pbkdf2::pbkdf2::<hmac::SimpleHmac<D>>(password, salt, count.get(), key)
                        .map_err(|_| CryptoError::BadKey("its length is not one of HMAC"))
                });
                done?
            });
        }
    };
    KeyBytes::fill(length, |key| {
        lc::derive(lc, count, salt, password, key);
        Ok(())
    })
}

fn hkdf(hash: HashingAlgorithm, secret: &[u8], salt: &[u8], info: &[u8], length: usize) -> Result<KeyBytes> {
    let prf = MacAlgorithm::Hmac(hash);
    if length > 255 * prf.output_length()? {
        return Err(TOO_LONG);
    }
    // RFC 5869 §2.2: no salt is a salt of zeros, which HMAC pads the empty key to.
    let extracted = run(prf, salt, &[secret])?;
    blocks(prf, length, |counter, before| run(prf, &extracted, &[before.unwrap_or_default(), info, &counter[3..]]))
}

fn aws_signature_4(secret: &[u8], date: &[u8], region: &[u8], service: &[u8], length: usize) -> Result<KeyBytes> {
    let prf = MacAlgorithm::Hmac(HashingAlgorithm::SHA_256);
    let mut key = Zeroizing::new(Vec::with_capacity(4 + secret.len()));
    key.extend_from_slice(b"AWS4");
    key.extend_from_slice(secret);
    for step in [date, region, service, b"aws4_request"] {
        present(step)?;
        key = run(prf, &key, &[step])?;
    }
    key.get(..length).map(KeyBytes::copy_from).ok_or(TOO_LONG)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::mac;
    use crate::crypto::random::SystemEntropy;
    use crate::registry::{BlockCipherMode, CryptographicAlgorithm};

    const SHA_256: HashingAlgorithm = HashingAlgorithm::SHA_256;

    fn run(method: &Derivation<'_>, secret: &[u8], length: usize) -> Result<Vec<u8>> {
        derive(method, secret, length, &SystemEntropy).map(|key| key.expose().to_vec())
    }

    #[test]
    fn hash_takes_key_or_data_and_no_more_than_one_digest() {
        let of = |data| Derivation::Hash { hash: SHA_256, data };
        let digest = hash::hash(SHA_256, b"abc").unwrap();
        assert_eq!(run(&of(b"abc"), &[], 16).unwrap(), digest[..16]);
        assert_eq!(run(&of(&[]), b"abc", 32).unwrap(), digest);
        assert_eq!(run(&of(b"abc"), &[], 33), Err(TOO_LONG));
        assert!(matches!(run(&of(b"abc"), b"key", 16), Err(CryptoError::BadParameters(_))));
        assert!(matches!(run(&of(&[]), &[], 16), Err(CryptoError::MissingParameter(_))));
    }

    #[test]
    fn mac_is_one_mac() {
        let method = Derivation::Mac { mac: MacAlgorithm::Hmac(SHA_256), data: b"data" };
        let mac = mac::mac(MacAlgorithm::Hmac(SHA_256), b"key", b"data").unwrap();
        assert_eq!(run(&method, b"key", 20).unwrap(), mac[..20]);
        assert_eq!(run(&method, b"key", 33), Err(TOO_LONG));
    }

    #[test]
    fn encrypt_is_the_front_of_the_ciphertext() {
        let cbc = Parameters::with_mode(CryptographicAlgorithm::AES, BlockCipherMode::CBC);
        let method = |iv, data| Derivation::Encrypt { parameters: &cbc, iv, data };
        let iv = Some([3; 16].as_slice());
        let key = run(&method(iv, &[1; 32]), &[2; 16], 24).unwrap();
        let entropy = SystemEntropy;
        let whole = symmetric::encrypt(&cbc, &[2; 16], iv, &[], &[1; 32], &entropy).unwrap();
        assert_eq!(key, whole.data[..24]);
        assert_eq!(run(&method(iv, &[1; 32]), &[2; 16], 33), Err(TOO_LONG));
        assert_eq!(run(&method(None, &[1; 32]), &[2; 16], 16), Err(CryptoError::MissingIv));
        let random = Parameters { random_iv: true, ..cbc.clone() };
        let method = Derivation::Encrypt { parameters: &random, iv: None, data: &[1; 32] };
        assert!(matches!(run(&method, &[2; 16], 16), Err(CryptoError::BadParameters(_))));
    }

    #[test]
    fn aws_signature_4_is_the_example_of_its_documentation() {
        let method = Derivation::AwsSignature4 { date: b"20120215", region: b"us-east-1", service: b"iam" };
        let key = run(&method, b"wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", 32).unwrap();
        assert_eq!(key[..4], [0xF4, 0x78, 0x0E, 0x2D]);
        assert_eq!(key[28..], [0x14, 0xDB, 0x40, 0x4D][..]);
    }

    #[test]
    fn wrong_parameters_are_refused() {
        let pbkdf2 = |salt, iterations| Derivation::Pbkdf2 { hash: None, salt, iterations };
        assert!(matches!(run(&pbkdf2(b"", 1), b"p", 16), Err(CryptoError::MissingParameter(_))));
        for iterations in [0, -1, i32::MIN] {
            assert!(matches!(run(&pbkdf2(b"salt", iterations), b"p", 16), Err(CryptoError::BadParameters(_))));
        }
        assert!(matches!(run(&pbkdf2(b"salt", i32::MAX), b"p", 16), Err(CryptoError::LimitExceeded(_))));
        let hkdf = Derivation::Hkdf { hash: None, salt: b"", info: b"" };
        assert_eq!(run(&hkdf, b"ikm", 255 * 32).map(|key| key.len()), Ok(255 * 32));
        assert_eq!(run(&hkdf, b"ikm", 255 * 32 + 1), Err(TOO_LONG));
        assert!(matches!(run(&hkdf, b"ikm", 0), Err(CryptoError::BadParameters(_))));
        assert!(matches!(run(&hkdf, b"ikm", LENGTH_MAX + 1), Err(CryptoError::LimitExceeded(_))));
        // Each is allowed, but not all of them together.
        assert!(matches!(run(&pbkdf2(b"salt", 1_000_000), b"p", LENGTH_MAX), Err(CryptoError::LimitExceeded(_))));
        let long = vec![1; 1 << 20];
        let counter = Derivation::Counter { prf: MacAlgorithm::Hmac(SHA_256), data: &long };
        assert!(matches!(run(&counter, b"key", LENGTH_MAX), Err(CryptoError::LimitExceeded(_))));
        let counter = Derivation::Counter { prf: MacAlgorithm::Hmac(SHA_256), data: b"" };
        assert!(matches!(run(&counter, b"key", 16), Err(CryptoError::MissingParameter(_))));
    }

    #[test]
    fn hkdf_is_the_same_in_aws_lc() {
        struct Length(usize);
        impl aws_lc_rs::hkdf::KeyType for Length {
            fn len(&self) -> usize {
                self.0
            }
        }
        for length in [1, 32, 33, 100] {
            let info = [b"info".as_slice()];
            let prk = aws_lc_rs::hkdf::Salt::new(aws_lc_rs::hkdf::HKDF_SHA256, b"salt").extract(b"ikm");
            let mut other = vec![0; length];
            prk.expand(&info, Length(length)).unwrap().fill(&mut other).unwrap();
            let method = Derivation::Hkdf { hash: None, salt: b"salt", info: b"info" };
            assert_eq!(run(&method, b"ikm", length).unwrap(), other);
        }
    }
}
