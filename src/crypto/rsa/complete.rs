//! A Transparent RSA Private Key may carry only some of its numbers (1.4 §2.1.7.4, 2.1 §3.7): the modulus and one of
//! private exponent, both primes, or both prime exponents. The others follow from them.

use crypto_bigint::{BoxedUint, ConcatenatingMul, Gcd, NonZero, Resize};
use zeroize::Zeroizing;

use super::{RsaPrivateKey, bit_length, bytes_of, fitted, trim, uint};
use crate::crypto::number::pow_mod;
use crate::crypto::{CryptoError, Result};

/// Public exponents that are tried when the key does not say its own.
const USUAL_EXPONENTS: [u32; 5] = [65_537, 3, 17, 257, 5];
/// Bases that are tried to split the modulus; each fails with a chance of at most one half.
const BASES: [u8; 30] = [
    2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103, 107, 109,
    113,
];

/// The numbers of a private key as far as they are known, big-endian.
#[derive(Clone, Copy, Default)]
pub struct RsaNumbers<'a> {
    /// Modulus.
    pub n: &'a [u8],
    /// Public exponent.
    pub e: Option<&'a [u8]>,
    /// Private exponent.
    pub d: Option<&'a [u8]>,
    /// First prime.
    pub p: Option<&'a [u8]>,
    /// Second prime.
    pub q: Option<&'a [u8]>,
    /// `d mod (p-1)`.
    pub dp: Option<&'a [u8]>,
    /// `d mod (q-1)`.
    pub dq: Option<&'a [u8]>,
    /// `q^-1 mod p`.
    pub qinv: Option<&'a [u8]>,
}

/// The whole key. Numbers that are given but contradict the others are refused.
pub fn complete(known: RsaNumbers<'_>) -> Result<RsaPrivateKey> {
    const LACKS: CryptoError = CryptoError::BadKey("RSA needs its private exponent, primes or prime exponents");
    const WRONG: CryptoError = CryptoError::BadKey("RSA numbers do not fit each other");
    let n = trim(known.n);
    // Before any arithmetic: its work grows with these lengths.
    let numbers = [known.e, known.d, known.p, known.q, known.dp, known.dq, known.qinv];
    if !(super::BITS_MIN..=super::BITS_MAX).contains(&bit_length(n))
        || numbers.into_iter().flatten().any(|number| trim(number).len() > n.len())
        || n.last().is_none_or(|last| last % 2 == 0)
    {
        return Err(CryptoError::BadKey("RSA modulus or number length"));
    }
    if let RsaNumbers {
        e: Some(e),
        d: Some(d),
        p: Some(p),
        q: Some(q),
        dp: Some(dp),
        dq: Some(dq),
        qinv: Some(i),
        ..
    } = known
    {
        return RsaPrivateKey::new(n, e, d, (p, q), (dp, dq, i));
    }
    let e = match known.e {
        Some(e) => trim(e).to_vec(),
        None => guess_exponent(n, &known)?,
    };
    let (p, q) = match known {
        RsaNumbers { p: Some(p), q: Some(q), .. } => (fitted(p), fitted(q)),
        RsaNumbers { d: Some(d), .. } => split_by_d(n, &e, d)?,
        RsaNumbers { dp: Some(dp), dq: Some(_), .. } => split_by_dp(n, &e, dp)?,
        _ => return Err(LACKS),
    };
    let made = rsa::PrivateKey::from_p_q(p, q, fitted(&e)).map_err(|_| WRONG)?;
    let key = RsaPrivateKey::from_soft(&made)?;
    agrees(&key, &known, n).then_some(key).ok_or(WRONG)
}

/// Whether what was given is what was computed. `d` may be reduced differently, so it is judged by its residues.
fn agrees(key: &RsaPrivateKey, known: &RsaNumbers<'_>, n: &[u8]) -> bool {
    let (p, q) = (key.numbers.p.expose(), key.numbers.q.expose());
    let (dp, dq) = (key.numbers.dp.expose(), key.numbers.dq.expose());
    let same = |given: Option<&[u8]>, first: &[u8], second: &[u8]| {
        given.is_none_or(|given| trim(given) == first || trim(given) == second)
    };
    let residue = |d: &[u8], prime: &[u8], residue: &[u8]| {
        let one_less = NonZero::new(fitted(prime) - BoxedUint::one()).into_option();
        one_less.is_some_and(|modulus| *trim(&bytes_of(&fitted(d).rem_vartime(&modulus))) == *residue)
    };
    key.public.modulus() == n
        && same(known.p, p, q)
        && same(known.q, p, q)
        && same(known.dp, dp, dq)
        && same(known.dq, dp, dq)
        && known.d.is_none_or(|d| residue(d, p, dp) && residue(d, q, dq))
}

/// The first usual exponent that inverts the private one.
fn guess_exponent(n: &[u8], known: &RsaNumbers<'_>) -> Result<Vec<u8>> {
    let Some(exponent) = known.d else {
        // With primes or prime exponents alone, F4 is what every maker uses; a wrong guess is found by `agrees`.
        return Ok(bytes_of(&BoxedUint::from(super::DEFAULT_EXPONENT)));
    };
    let fourth = pow_mod(&[4], &fitted(exponent), n)?;
    let fourth = Zeroizing::new(bytes_of(&fourth));
    for usual in USUAL_EXPONENTS {
        if bytes_of(&pow_mod(&fourth, &BoxedUint::from(usual), n)?) == [4] {
            return Ok(bytes_of(&BoxedUint::from(usual)));
        }
    }
    Err(CryptoError::MissingParameter("RSA public exponent"))
}

/// The primes from both exponents: SP 800-56B appendix C.1, with fixed bases.
fn split_by_d(n: &[u8], e: &[u8], d: &[u8]) -> Result<(BoxedUint, BoxedUint)> {
    let bits = (n.len() * 16) as u32;
    let product = uint(d, bits)?.concatenating_mul(&fitted(e));
    if product.is_zero().to_bool() {
        return Err(CryptoError::BadKey("RSA exponents"));
    }
    let k = &product - BoxedUint::one_with_precision(product.bits_precision());
    let twos = k.trailing_zeros_vartime();
    if k.is_zero().to_bool() || twos == 0 {
        return Err(CryptoError::BadKey("RSA exponents"));
    }
    let odd = k.shr(twos);
    for base in BASES {
        let mut x = Zeroizing::new(bytes_of(&pow_mod(&[base], &odd, n)?));
        // At most 8192 + 33 bits, so at most that many halvings.
        for _ in 0..twos {
            let square = Zeroizing::new(bytes_of(&pow_mod(&x, &BoxedUint::from(2u32), n)?));
            if *square == [1] {
                if let Some(primes) = factor(n, &fitted(&x), &BoxedUint::one()) {
                    return Ok(primes);
                }
                break;
            }
            x = square;
        }
    }
    Err(CryptoError::BadKey("RSA exponents do not belong to the modulus"))
}

/// The primes from `dp`: for any g, `g^(e*dp) - g` is a multiple of p.
fn split_by_dp(n: &[u8], e: &[u8], dp: &[u8]) -> Result<(BoxedUint, BoxedUint)> {
    let product = uint(dp, (n.len() * 8) as u32)?.concatenating_mul(&fitted(e));
    for base in BASES {
        let power = pow_mod(&[base], &product, n)?;
        if let Some(primes) = factor(n, &power, &BoxedUint::from(base)) {
            return Ok(primes);
        }
    }
    Err(CryptoError::BadKey("RSA prime exponents do not belong to the modulus"))
}

/// A non-trivial factor of n that divides `left - right`, and its cofactor.
fn factor(n: &[u8], left: &BoxedUint, right: &BoxedUint) -> Option<(BoxedUint, BoxedUint)> {
    let modulus = fitted(n);
    let bits = modulus.bits_precision();
    let (left, right) = (left.resize_unchecked(bits), right.resize_unchecked(bits));
    let difference = if left >= right { &left - &right } else { &right - &left };
    let p = modulus.gcd_vartime(&difference);
    if p == BoxedUint::one_with_precision(bits) || p == modulus {
        return None;
    }
    let (q, rest) = modulus.div_rem_vartime(&NonZero::new(p.clone()).into_option()?);
    rest.is_zero().to_bool().then_some((p, q))
}

#[cfg(test)]
mod tests {
    use super::super::Numbers;
    use super::*;
    use crate::crypto::rsa::SoftwareRsa;

    fn same(left: &RsaPrivateKey, right: &RsaPrivateKey) -> bool {
        let (p, q) = (left.numbers.p.expose(), left.numbers.q.expose());
        let (s, t) = (right.numbers.p.expose(), right.numbers.q.expose());
        left.public.modulus() == right.public.modulus() && ((p, q) == (s, t) || (p, q) == (t, s))
    }

    #[test]
    fn every_allowed_set_of_numbers_gives_the_key() {
        for exponent in [65_537, 3] {
            let key = RsaPrivateKey::generate(1024, exponent, SoftwareRsa::Allow).unwrap();
            let Numbers { d, p, q, dp, dq, .. } = &key.numbers;
            let [d, p, q, dp, dq] = [d, p, q, dp, dq].map(|number| Some(number.expose()));
            let n = key.public.modulus();
            let e = Some(key.public.exponent());
            let sets = [
                RsaNumbers { n, e, d, ..Default::default() },
                RsaNumbers { n, d, ..Default::default() },
                RsaNumbers { n, e, p, q, ..Default::default() },
                RsaNumbers { n, d, p, q, ..Default::default() },
                RsaNumbers { n, e, dp, dq, ..Default::default() },
            ];
            for set in sets {
                assert!(same(&key, &complete(set).unwrap()));
            }
            if exponent == 65_537 {
                assert!(same(&key, &complete(RsaNumbers { n, p, q, ..Default::default() }).unwrap()));
                assert!(same(&key, &complete(RsaNumbers { n, dp, dq, ..Default::default() }).unwrap()));
            }
        }
    }

    #[test]
    fn contradictions_and_gaps_are_refused() {
        let key = RsaPrivateKey::generate(1024, 65_537, SoftwareRsa::Allow).unwrap();
        let Numbers { d, p, q, dp, .. } = &key.numbers;
        let [d, p, q, dp] = [d, p, q, dp].map(|number| Some(number.expose()));
        let n = key.public.modulus();
        let e = Some(key.public.exponent());
        let five = [5].as_slice();
        let sets = [
            RsaNumbers { n, e, ..Default::default() },
            RsaNumbers { n, e, p, ..Default::default() },
            RsaNumbers { n, e, dp, ..Default::default() },
            RsaNumbers { n, e, d: Some(five), ..Default::default() },
            RsaNumbers { n, e, d: Some(&[]), ..Default::default() },
            RsaNumbers { n, e, d: Some(five), p, q, ..Default::default() },
            RsaNumbers { n, e, d, dp: Some(five), ..Default::default() },
            RsaNumbers { n, e, p, q: Some(five), ..Default::default() },
            RsaNumbers { n, e, p: Some(&[]), q: Some(&[0]), ..Default::default() },
            RsaNumbers { n, e: Some(&[]), d, ..Default::default() },
            RsaNumbers { n, e, dp: Some(five), dq: Some(five), ..Default::default() },
            RsaNumbers { n: &[], e, d, ..Default::default() },
            RsaNumbers { n: five, e, d, ..Default::default() },
        ];
        for (at, set) in sets.into_iter().enumerate() {
            assert!(complete(set).is_err(), "set {at}");
        }
    }
}
