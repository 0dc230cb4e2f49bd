//! Diffie-Hellman over a prime field (RFC 2631, SP 800-56A): keys as clients register them, and agreement. The
//! arithmetic is `crypto-bigint`, in time that does not depend on the private number; aws-lc-rs has none.

use std::fmt;

use super::number::{bit_length, bytes_of, fitted, pad_left, pow_mod, trim, uint};
use super::{CryptoError, Result};
use crate::base::KeyBytes;

/// Lengths of the prime in bits; the upper one bounds the work of one request.
const BITS: std::ops::RangeInclusive<usize> = 1024..=8192;

const WRONG: CryptoError = CryptoError::BadKey("Diffie-Hellman numbers");

/// The group: prime, base, and, if known, subprime and cofactor.
#[derive(Clone, PartialEq, Eq)]
pub struct DhDomain {
    p: Box<[u8]>,
    g: Box<[u8]>,
    q: Option<Box<[u8]>>,
    j: Option<Box<[u8]>>,
}

impl DhDomain {
    /// From big-endian numbers. The prime is odd and has 1024 to 8192 bits; primality is not tested.
    pub fn new(p: &[u8], g: &[u8], q: Option<&[u8]>, j: Option<&[u8]>) -> Result<Self> {
        let (p, g) = (trim(p), trim(g));
        if !BITS.contains(&bit_length(p)) || p.last().is_none_or(|last| last % 2 == 0) || bit_length(g) < 2 {
            return Err(WRONG);
        }
        if g.len() > p.len() || [q, j].into_iter().flatten().any(|number| trim(number).len() > p.len()) {
            return Err(WRONG);
        }
        let copy = |number: &[u8]| Box::from(trim(number));
        Ok(Self { p: copy(p), g: copy(g), q: q.map(copy), j: j.map(copy) })
    }

    /// Prime.
    pub fn p(&self) -> &[u8] {
        &self.p
    }

    /// Base.
    pub fn g(&self) -> &[u8] {
        &self.g
    }

    /// Subprime.
    pub fn q(&self) -> Option<&[u8]> {
        self.q.as_deref()
    }

    /// Cofactor.
    pub fn j(&self) -> Option<&[u8]> {
        self.j.as_deref()
    }

    /// Length of the prime in bits: the Cryptographic Length.
    pub fn bits(&self) -> usize {
        bit_length(&self.p)
    }
}

/// A Diffie-Hellman public key.
#[derive(Clone)]
pub struct DhPublicKey {
    domain: DhDomain,
    y: Box<[u8]>,
}

impl DhPublicKey {
    /// From the group and the public number, which is above 1 and below p - 1, and in the subgroup if it is known
    /// (SP 800-56A §5.6.2.3.1).
    pub fn new(domain: DhDomain, y: &[u8]) -> Result<Self> {
        let y = trim(y);
        let one_less = fitted(&domain.p) - crypto_bigint::BoxedUint::one();
        if bit_length(y) < 2 || y.len() > domain.p.len() || fitted(y) >= one_less {
            return Err(WRONG);
        }
        if let Some(q) = &domain.q
            && bytes_of(&pow_mod(y, &fitted(q), &domain.p)?) != [1]
        {
            return Err(WRONG);
        }
        Ok(Self { y: y.into(), domain })
    }

    /// The group.
    pub fn domain(&self) -> &DhDomain {
        &self.domain
    }

    /// The public number.
    pub fn y(&self) -> &[u8] {
        &self.y
    }
}

/// A Diffie-Hellman private key.
pub struct DhPrivateKey {
    public: DhPublicKey,
    x: KeyBytes,
}

impl DhPrivateKey {
    /// From the group and the private number; the public number is computed.
    pub fn new(domain: DhDomain, x: &[u8]) -> Result<Self> {
        let x = trim(x);
        if x.is_empty() || x.len() > domain.p.len() {
            return Err(WRONG);
        }
        let y = bytes_of(&pow_mod(&domain.g, &exponent(&domain, x)?, &domain.p)?);
        Ok(Self { public: DhPublicKey::new(domain, &y)?, x: KeyBytes::copy_from(x) })
    }

    /// The public half.
    pub fn public(&self) -> &DhPublicKey {
        &self.public
    }

    /// The private number.
    pub fn x(&self) -> &KeyBytes {
        &self.x
    }

    /// The shared secret, as long as the prime (SP 800-56A §5.7.1.1).
    pub fn agree(&self, peer: &DhPublicKey) -> Result<KeyBytes> {
        let domain = &self.public.domain;
        if (peer.domain.p(), peer.domain.g()) != (domain.p(), domain.g()) {
            return Err(CryptoError::BadParameters("the two keys are of different groups"));
        }
        let secret = pow_mod(&peer.y, &exponent(domain, self.x.expose())?, &domain.p)?;
        let secret = zeroize::Zeroizing::new(secret.to_be_bytes().into_vec());
        if bit_length(&secret) < 2 {
            return Err(CryptoError::BadKey("the peer's public key"));
        }
        pad_left(&secret, domain.p.len()).map(KeyBytes::new).ok_or(CryptoError::Provider("Diffie-Hellman"))
    }
}

/// The private number in the width of its modulus, so that its own length does not show.
fn exponent(domain: &DhDomain, x: &[u8]) -> Result<crypto_bigint::BoxedUint> {
    uint(x, (domain.p.len() * 8) as u32)
}

impl fmt::Debug for DhPublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DhPublicKey({} bits)", self.domain.bits())
    }
}

impl fmt::Debug for DhPrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DhPrivateKey({} bits)", self.public.domain.bits())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::testing::dsa_domain;

    #[test]
    fn both_sides_agree() {
        let (p, q, g) = dsa_domain();
        let domain = DhDomain::new(&p, &g, Some(&q), None).unwrap();
        let (one, two) = (
            DhPrivateKey::new(domain.clone(), &[7; 32]).unwrap(),
            DhPrivateKey::new(domain.clone(), &[9; 20]).unwrap(),
        );
        let secret = one.agree(two.public()).unwrap();
        assert_eq!(secret.len(), 256);
        assert_eq!(secret.expose(), two.agree(one.public()).unwrap().expose());
        let other = DhDomain::new(&p, &[2], None, None).unwrap();
        assert!(one.agree(DhPrivateKey::new(other, &[5]).unwrap().public()).is_err());
    }

    #[test]
    fn numbers_out_of_range_are_refused() {
        let (p, q, g) = dsa_domain();
        let domain = || DhDomain::new(&p, &g, Some(&q), None).unwrap();
        let one_less = [&p[..p.len() - 1], &[p[p.len() - 1] - 1]].concat();
        for y in [&[][..], &[1], &one_less, &p, &[2]] {
            assert!(DhPublicKey::new(domain(), y).is_err());
        }
        assert!(DhPrivateKey::new(domain(), &[]).is_err());
        assert!(DhDomain::new(&p[..100], &g, None, None).is_err());
        assert!(DhDomain::new(&one_less, &g, None, None).is_err());
        assert!(DhDomain::new(&p, &[1], None, None).is_err());
    }
}
