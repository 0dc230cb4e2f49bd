//! DSA (FIPS 186-4), for keys that clients still have: register, convert, sign, verify. Key pairs are not made: FIPS
//! 186-5 withdrew the algorithm for that. The library is RustCrypto `dsa`; aws-lc-rs has none.

use std::fmt;

use dsa::pkcs8::der::{Decode, Encode};
use dsa::signature::hazmat::{PrehashVerifier, RandomizedPrehashSigner};
use dsa::{Components, Signature, SigningKey, VerifyingKey};

use super::keys::Input;
use super::number::{SystemRng, bit_length, fitted, trim};
use super::{CryptoError, Result};
use crate::base::KeyBytes;
use crate::registry::HashingAlgorithm;

/// The lengths of p and q in bits that the standard has, and the library takes.
const LENGTHS: [(usize, usize); 4] = [(1024, 160), (2048, 224), (2048, 256), (3072, 256)];

const WRONG: CryptoError = CryptoError::BadKey("DSA numbers");

/// A DSA public key. All numbers are big-endian without leading zeros.
#[derive(Clone)]
pub struct DsaPublicKey {
    key: VerifyingKey,
    p: Box<[u8]>,
    q: Box<[u8]>,
    g: Box<[u8]>,
    y: Box<[u8]>,
}

impl DsaPublicKey {
    /// From prime, subprime, base and public number. Lengths are those of FIPS 186-4; `y` and `g` must be in the
    /// subgroup. The primes are not tested.
    pub fn new(p: &[u8], q: &[u8], g: &[u8], y: &[u8]) -> Result<Self> {
        let [p, q, g, y] = [p, q, g, y].map(trim);
        let in_range = |number: &[u8]| bit_length(number) > 1 && fitted(number) < fitted(p);
        if !LENGTHS.contains(&(bit_length(p), bit_length(q))) || !in_range(g) || !in_range(y) {
            return Err(WRONG);
        }
        let bits = (p.len() * 8) as u32;
        let sized = |number: &[u8]| super::number::uint(number, bits);
        if *super::number::bytes_of(&super::number::pow_mod(g, &fitted(q), p)?) != [1] {
            return Err(WRONG);
        }
        let components = Components::from_components(fitted(p), fitted(q), sized(g)?).map_err(|_| WRONG)?;
        let key = VerifyingKey::from_components(components, sized(y)?).map_err(|_| WRONG)?;
        Ok(Self { key, p: p.into(), q: q.into(), g: g.into(), y: y.into() })
    }

    /// Prime, subprime and base.
    pub fn domain(&self) -> (&[u8], &[u8], &[u8]) {
        (&self.p, &self.q, &self.g)
    }

    /// The public number.
    pub fn y(&self) -> &[u8] {
        &self.y
    }

    /// Length of the prime in bits: the Cryptographic Length.
    pub fn bits(&self) -> usize {
        bit_length(&self.p)
    }

    /// Whether the DER signature is the key's.
    pub fn verify(&self, hash: HashingAlgorithm, input: Input<'_>, signature: &[u8]) -> Result<bool> {
        let message_digest = input.digest(hash)?;
        let Ok(signature) = Signature::from_der(signature) else { return Ok(false) };
        let (r, s) = (super::number::bytes_of(signature.r()), super::number::bytes_of(signature.s()));
        let bits = (self.q.len() * 8) as u32;
        // The library expects numbers no longer than q.
        let (Ok(r), Ok(s)) = (super::number::uint(&r, bits), super::number::uint(&s, bits)) else { return Ok(false) };
        let Some(signature) = Signature::from_components(r, s) else { return Ok(false) };
        Ok(self.key.verify_prehash(&message_digest, &signature).is_ok())
    }
}

/// A DSA private key.
pub struct DsaPrivateKey {
    public: DsaPublicKey,
    x: KeyBytes,
    key: SigningKey,
}

impl DsaPrivateKey {
    /// From prime, subprime, base and private number; the public number is computed.
    pub fn new(p: &[u8], q: &[u8], g: &[u8], x: &[u8]) -> Result<Self> {
        let [p, q, g, x] = [p, q, g, x].map(trim);
        let (p_bits, q_bits) = (bit_length(p), bit_length(q));
        if !LENGTHS.contains(&(p_bits, q_bits)) || x.is_empty() || x.len() > q.len() {
            return Err(WRONG);
        }
        let exponent = super::number::uint(x, (q.len() * 8) as u32)?;
        let y = super::number::bytes_of(&super::number::pow_mod(g, &exponent, p)?);
        let public = DsaPublicKey::new(p, q, g, &y)?;
        let key = SigningKey::from_components(public.key.clone(), exponent).map_err(|_| WRONG)?;
        Ok(Self { public, x: KeyBytes::copy_from(x), key })
    }

    /// The public half.
    pub fn public(&self) -> &DsaPublicKey {
        &self.public
    }

    /// The private number.
    pub fn x(&self) -> &KeyBytes {
        &self.x
    }

    /// A signature in DER.
    pub fn sign(&self, hash: HashingAlgorithm, input: Input<'_>) -> Result<Vec<u8>> {
        let message_digest = input.digest(hash)?;
        let signature = self.key.sign_prehash_with_rng(&mut SystemRng, &message_digest);
        let signature: Signature = signature.map_err(|_| CryptoError::Provider("DSA"))?;
        signature.to_der().map_err(|_| CryptoError::Provider("DSA"))
    }
}

impl fmt::Debug for DsaPublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DsaPublicKey({} bits)", self.bits())
    }
}

impl fmt::Debug for DsaPrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DsaPrivateKey({} bits)", self.public.bits())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::testing::dsa_2048;

    #[test]
    fn signs_and_verifies_with_every_hash() {
        let key = dsa_2048();
        for hash in
            [HashingAlgorithm::SHA_1, HashingAlgorithm::SHA_224, HashingAlgorithm::SHA_256, HashingAlgorithm::SHA_512]
        {
            let signature = key.sign(hash, Input::Message(b"message")).unwrap();
            assert!(key.public().verify(hash, Input::Message(b"message"), &signature).unwrap());
            assert!(!key.public().verify(hash, Input::Message(b"other"), &signature).unwrap());
            assert!(!key.public().verify(hash, Input::Message(b"message"), &signature[1..]).unwrap());
        }
    }

    #[test]
    fn numbers_out_of_range_are_refused() {
        let key = dsa_2048();
        let (p, q, g) = key.public().domain();
        assert!(DsaPrivateKey::new(p, q, g, &[]).is_err());
        assert!(DsaPrivateKey::new(p, q, g, q).is_err());
        assert!(DsaPublicKey::new(p, q, g, &[1]).is_err());
        assert!(DsaPublicKey::new(p, q, g, p).is_err());
        assert!(DsaPublicKey::new(p, q, &[2], key.public().y()).is_err());
        assert!(DsaPublicKey::new(&p[1..], q, g, key.public().y()).is_err());
        assert!(DsaPublicKey::new(q, p, g, key.public().y()).is_err());
        // r and s longer than q, and zero.
        let hash = HashingAlgorithm::SHA_256;
        let long = [&[0x30, 0x81, 0x86, 2, 0x41][..], &[1; 65], &[2, 0x41], &[1; 65]].concat();
        for signature in [long.as_slice(), &[0x30, 6, 2, 1, 0, 2, 1, 0], &[0x30, 6, 2, 1, 1, 2, 1, 1], &[]] {
            assert!(!key.public().verify(hash, Input::Message(b"m"), signature).unwrap());
        }
    }
}
