//! Splitting a secret into parts of which a threshold gives it back (Create Split Key, Join Split Key; 1.4 §2.2.5,
//! 2.1 §13.1): XOR, and Shamir's polynomials over GF(2^8), GF(2^16) and a prime field.
//!
//! | method | element | x of part i | note |
//! | --- | --- | --- | --- |
//! | XOR | - | - | threshold is the number of parts |
//! | GF(2^8) | a byte | i | field polynomial 283 or 285 |
//! | GF(2^16) | two bytes u, v for uy + v | i as two bytes | y^2 + y + {3A} over GF(2^8); 283 in 1.x, 285 since 2.0 |
//! | prime field | the whole secret as a number | i | parts have the length of the prime |
//!
//! Arithmetic on secrets takes the same time for all values: no tables, Montgomery form for the prime.

use crypto_bigint::modular::{BoxedMontyForm, BoxedMontyParams};
use crypto_bigint::{BoxedUint, Odd, Resize};
use zeroize::{Zeroize, Zeroizing};

use super::{CryptoError, Result, random};
use crate::base::{Entropy, KeyBytes};
use crate::registry::{SplitKeyMethod, SplitKeyPolynomial};

/// How a secret is split. All parts of a secret carry the same.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Split {
    /// Split Key Method.
    pub method: SplitKeyMethod,
    /// Split Key Polynomial: the field under both GF methods, not used by the others. Before 3.0 it is not on the
    /// wire; the standard's text then means 283 in 1.x and 285 since 2.0.
    pub polynomial: SplitKeyPolynomial,
    /// Prime Field Size, big-endian; only for the prime field.
    pub prime: Option<Vec<u8>>,
    /// Split Key Parts.
    pub parts: u32,
    /// Split Key Threshold.
    pub threshold: u32,
}

/// One part.
pub struct Part {
    /// How its secret was split.
    pub split: Split,
    /// Key Part Identifier, from 1.
    pub identifier: u32,
    /// Key Material.
    pub bytes: KeyBytes,
}

/// Most multiplications of one call; 255 parts at threshold 255 of a 256-bit key fit.
const WORK_MAX: usize = 1 << 24;

/// Longest prime in bytes.
const PRIME_BYTES_MAX: usize = 1024;

/// Splits a secret into `split.parts` parts, identified from 1.
///
/// # Errors
/// `BadParameters` for a threshold out of range, a field too small for the parts, a prime that is none or not bigger
/// than every secret of this length; `BadData` for a secret that is not whole elements; `LimitExceeded` for too much
/// work.
pub fn split(secret: &[u8], split: &Split, entropy: &dyn Entropy) -> Result<Vec<Part>> {
    check(split, secret.len())?;
    let bytes = match split.method {
        SplitKeyMethod::XOR => split_xor(secret, split.parts, entropy)?,
        SplitKeyMethod::PolynomialSharingPrimeField => {
            let field = Prime::new(split)?;
            if 8 * secret.len() >= field.bits as usize {
                return Err(CryptoError::BadParameters("the prime is not bigger than every secret of this length"));
            }
            share(&field, secret, split, entropy)?
        }
        _ => share(&Binary::new(split)?, secret, split, entropy)?,
    };
    Ok((1..).zip(bytes).map(|(identifier, bytes)| Part { split: split.clone(), identifier, bytes }).collect())
}

/// Joins parts. Parts beyond the threshold must agree with the secret, so a foreign part among them is found; with
/// exactly the threshold, nothing can tell.
///
/// `length` is the length of the secret in bytes: the prime field loses it, the others are held to it if it is given.
///
/// # Errors
/// `BadData` for too few parts, parts of different splits or lengths, and identifiers that repeat or do not exist;
/// `Failed` for parts that do not fit together.
pub fn join(parts: &[Part], length: Option<usize>) -> Result<KeyBytes> {
    let first = parts.first().ok_or(CryptoError::BadData("no split key parts"))?;
    let split = &first.split;
    check(split, first.bytes.len())?;
    if parts.len() < split.threshold as usize {
        return Err(CryptoError::BadData("fewer split key parts than the threshold"));
    }
    if parts.iter().any(|part| part.split != *split || part.bytes.len() != first.bytes.len()) {
        return Err(CryptoError::BadData("split key parts of different secrets"));
    }
    let mut identifiers: Vec<u32> = parts.iter().map(|part| part.identifier).collect();
    identifiers.sort_unstable();
    identifiers.dedup();
    if identifiers.len() != parts.len() {
        return Err(CryptoError::BadData("a split key part twice"));
    }
    if identifiers.iter().any(|identifier| !(1..=split.parts).contains(identifier)) {
        return Err(CryptoError::BadData("a split key part that the secret does not have"));
    }
    let secret = match split.method {
        SplitKeyMethod::XOR => join_xor(parts)?,
        SplitKeyMethod::PolynomialSharingPrimeField => {
            let length = length.ok_or(CryptoError::MissingParameter("cryptographic length"))?;
            return interpolate(&Prime { secret_length: Some(length), ..Prime::new(split)? }, parts);
        }
        _ => interpolate(&Binary::new(split)?, parts)?,
    };
    match length {
        Some(length) if length != secret.len() => Err(CryptoError::BadData("the parts have another length")),
        _ => Ok(secret),
    }
}

fn check(split: &Split, length: usize) -> Result<()> {
    if length == 0 {
        return Err(CryptoError::BadData("an empty secret"));
    }
    if split.parts < 2 || split.threshold < 2 || split.threshold > split.parts {
        return Err(CryptoError::BadParameters("the threshold is not between 2 and the number of parts"));
    }
    let (parts, weight) = match split.method {
        SplitKeyMethod::XOR if split.threshold != split.parts => {
            return Err(CryptoError::BadParameters("XOR needs all parts as threshold"));
        }
        SplitKeyMethod::XOR => (u32::MAX, 1),
        SplitKeyMethod::PolynomialSharingGF2_8 => (0xFF, 1),
        SplitKeyMethod::PolynomialSharingGF2_16 => (0xFFFF, 2),
        SplitKeyMethod::PolynomialSharingPrimeField => {
            let prime = split.prime.as_ref().map_or(0, Vec::len);
            (u32::MAX, (prime / 8).max(1))
        }
        _ => return Err(CryptoError::Unsupported("this split key method")),
    };
    if split.parts > parts {
        return Err(CryptoError::BadParameters("more parts than the field has elements"));
    }
    let work = [split.threshold as usize, length, weight]
        .iter()
        .try_fold(split.parts as usize, |work, factor| work.checked_mul(*factor));
    if work.is_none_or(|work| work > WORK_MAX) {
        return Err(CryptoError::LimitExceeded("split key parts"));
    }
    Ok(())
}

fn split_xor(secret: &[u8], parts: u32, entropy: &dyn Entropy) -> Result<Vec<KeyBytes>> {
    let random: Vec<KeyBytes> = (1..parts).map(|_| random::secret(entropy, secret.len())).collect::<Result<_>>()?;
    let last = KeyBytes::fill(secret.len(), |last| {
        last.copy_from_slice(secret);
        random.iter().for_each(|part| xor(last, part.expose()));
        Ok::<_, CryptoError>(())
    })?;
    Ok(random.into_iter().chain([last]).collect())
}

fn join_xor(parts: &[Part]) -> Result<KeyBytes> {
    KeyBytes::fill(parts.first().map_or(0, |part| part.bytes.len()), |secret| {
        parts.iter().for_each(|part| xor(secret, part.bytes.expose()));
        Ok(())
    })
}

fn xor(into: &mut [u8], from: &[u8]) {
    into.iter_mut().zip(from).for_each(|(into, from)| *into ^= from);
}

/// A field, and how a byte string is a row of its elements.
trait Field {
    type Element: Clone + Zeroize;
    fn read(&self, bytes: &[u8]) -> Result<Zeroizing<Vec<Self::Element>>>;
    fn write(&self, elements: &[Self::Element], length: Option<usize>) -> Result<KeyBytes>;
    fn random(&self, count: usize, entropy: &dyn Entropy) -> Result<Zeroizing<Vec<Self::Element>>>;
    /// The x of a part; not secret.
    fn x(&self, identifier: u32) -> Self::Element;
    fn add(&self, a: &Self::Element, b: &Self::Element) -> Self::Element;
    fn sub(&self, a: &Self::Element, b: &Self::Element) -> Self::Element;
    fn mul(&self, a: &Self::Element, b: &Self::Element) -> Self::Element;
    /// The inverse; of values that are not secret.
    fn invert(&self, a: &Self::Element) -> Option<Self::Element>;
    fn same(&self, a: &Self::Element, b: &Self::Element) -> bool;
    /// Length of the joined secret.
    fn secret_length(&self) -> Option<usize>;
}

/// The polynomial with the secret at 0 and random coefficients, at each part's x.
fn share<F: Field>(field: &F, secret: &[u8], split: &Split, entropy: &dyn Entropy) -> Result<Vec<KeyBytes>> {
    let secret = field.read(secret)?;
    let coefficients: Vec<_> =
        (1..split.threshold).map(|_| field.random(secret.len(), entropy)).collect::<Result<_>>()?;
    (1..=split.parts)
        .map(|identifier| {
            let x = field.x(identifier);
            let mut values = Zeroizing::new(secret.iter().map(|_| field.x(0)).collect::<Vec<_>>());
            for row in coefficients.iter().rev().chain([&secret]) {
                for (value, coefficient) in values.iter_mut().zip(row.iter()) {
                    *value = field.add(&field.mul(value, &x), coefficient);
                }
            }
            field.write(&values, None)
        })
        .collect()
}

/// Lagrange at 0 over the first threshold parts; each further part must lie on the same polynomial.
fn interpolate<F: Field>(field: &F, parts: &[Part]) -> Result<KeyBytes> {
    let threshold = parts.first().map_or(0, |part| part.split.threshold as usize);
    let (used, further) = parts.split_at(threshold.min(parts.len()));
    let rows: Vec<_> = used.iter().map(|part| field.read(part.bytes.expose())).collect::<Result<_>>()?;
    let at = |x: &F::Element| -> Result<Zeroizing<Vec<F::Element>>> {
        let mut sum = Zeroizing::new(Vec::new());
        for (part, row) in used.iter().zip(&rows) {
            let weight = weight(field, used, part, x)?;
            if sum.is_empty() {
                *sum = row.iter().map(|value| field.mul(value, &weight)).collect();
                continue;
            }
            for (sum, value) in sum.iter_mut().zip(row.iter()) {
                *sum = field.add(sum, &field.mul(value, &weight));
            }
        }
        Ok(sum)
    };
    for part in further {
        let expected = at(&field.x(part.identifier))?;
        let found = field.read(part.bytes.expose())?;
        if !expected.iter().zip(found.iter()).all(|(a, b)| field.same(a, b)) {
            return Err(CryptoError::Failed);
        }
    }
    field.write(&at(&field.x(0))?, field.secret_length())
}

/// The Lagrange weight of a part at `x`.
fn weight<F: Field>(field: &F, parts: &[Part], part: &Part, x: &F::Element) -> Result<F::Element> {
    let own = field.x(part.identifier);
    let (mut above, mut below) = (field.x(1), field.x(1));
    for other in parts.iter().filter(|other| other.identifier != part.identifier) {
        let other = field.x(other.identifier);
        above = field.mul(&above, &field.sub(x, &other));
        below = field.mul(&below, &field.sub(&own, &other));
    }
    let inverse = field.invert(&below).ok_or(CryptoError::BadData("a split key part twice"))?;
    Ok(field.mul(&above, &inverse))
}

/// GF(2^8), or GF(2^16) as pairs over it.
struct Binary {
    /// The field polynomial without its x^8.
    polynomial: u8,
    wide: bool,
}

/// m of y^2 + y + m (1.4 §2.2.5).
const M: u8 = 0x3A;

impl Binary {
    fn new(split: &Split) -> Result<Self> {
        let polynomial = match split.polynomial {
            SplitKeyPolynomial::Polynomial_283 => 0x1B,
            SplitKeyPolynomial::Polynomial_285 => 0x1D,
            _ => return Err(CryptoError::Unsupported("this split key polynomial")),
        };
        Ok(Self { polynomial, wide: split.method == SplitKeyMethod::PolynomialSharingGF2_16 })
    }

    fn mul8(&self, a: u8, b: u8) -> u8 {
        (0..8).rev().fold(0, |sum: u8, bit| {
            let carry = (sum >> 7).wrapping_neg() & self.polynomial;
            (sum << 1) ^ carry ^ (((b >> bit) & 1).wrapping_neg() & a)
        })
    }

    /// a^254.
    fn invert8(&self, a: u8) -> u8 {
        let mut power = a;
        (1..8).fold(1, |product, _| {
            power = self.mul8(power, power);
            self.mul8(product, power)
        })
    }
}

impl Field for Binary {
    type Element = u16;

    fn read(&self, bytes: &[u8]) -> Result<Zeroizing<Vec<u16>>> {
        if !self.wide {
            return Ok(Zeroizing::new(bytes.iter().map(|byte| u16::from(*byte)).collect()));
        }
        match bytes.as_chunks::<2>() {
            (pairs, []) => Ok(Zeroizing::new(pairs.iter().map(|pair| u16::from_be_bytes(*pair)).collect())),
            _ => Err(CryptoError::BadData("GF(2^16) takes pieces of 16 bits")),
        }
    }

    fn write(&self, elements: &[u16], _: Option<usize>) -> Result<KeyBytes> {
        let skip = usize::from(!self.wide);
        KeyBytes::fill(elements.len() * (2 - skip), |bytes| {
            let all = elements.iter().flat_map(|element| element.to_be_bytes().into_iter().skip(skip));
            bytes.iter_mut().zip(all).for_each(|(byte, value)| *byte = value);
            Ok(())
        })
    }

    fn random(&self, count: usize, entropy: &dyn Entropy) -> Result<Zeroizing<Vec<u16>>> {
        self.read(random::secret(entropy, if self.wide { 2 * count } else { count })?.expose())
    }

    fn x(&self, identifier: u32) -> u16 {
        // `check` bounds identifiers by the field.
        identifier as u16
    }

    fn add(&self, a: &u16, b: &u16) -> u16 {
        a ^ b
    }

    fn sub(&self, a: &u16, b: &u16) -> u16 {
        a ^ b
    }

    /// (ry + s)(uy + v) = ((r + s)(u + v) + sv) y + (ru m + sv), from y^2 = y + m.
    fn mul(&self, a: &u16, b: &u16) -> u16 {
        let ([r, s], [u, v]) = (a.to_be_bytes(), b.to_be_bytes());
        let sv = self.mul8(s, v);
        if !self.wide {
            return u16::from(sv);
        }
        let ru = self.mul8(r, u);
        u16::from_be_bytes([self.mul8(r ^ s, u ^ v) ^ sv, self.mul8(ru, M) ^ sv])
    }

    /// (uy + v)^-1 = u/d y + (u + v)/d, d = (u + v)v + m u^2.
    fn invert(&self, a: &u16) -> Option<u16> {
        let [u, v] = a.to_be_bytes();
        let d = self.invert8(self.mul8(u ^ v, v) ^ self.mul8(M, self.mul8(u, u)));
        let inverse = u16::from_be_bytes([self.mul8(u, d), self.mul8(u ^ v, d)]);
        (*a != 0).then_some(inverse)
    }

    fn same(&self, a: &u16, b: &u16) -> bool {
        a == b
    }

    fn secret_length(&self) -> Option<usize> {
        None
    }
}

/// Integers modulo a prime.
struct Prime {
    params: BoxedMontyParams,
    bits: u32,
    secret_length: Option<usize>,
}

impl Prime {
    fn new(split: &Split) -> Result<Self> {
        const NONE: CryptoError = CryptoError::BadParameters("the prime field size is not a prime");
        let prime = split.prime.as_deref().ok_or(CryptoError::MissingParameter("prime field size"))?;
        if prime.len() > PRIME_BYTES_MAX {
            return Err(CryptoError::LimitExceeded("prime field size"));
        }
        let number = BoxedUint::from_be_slice_vartime(prime);
        let bits = number.bit_width();
        let number = number.resize(bits.max(64));
        if bits <= 32 && number <= BoxedUint::from(split.parts) {
            return Err(CryptoError::BadParameters("more parts than the field has elements"));
        }
        let odd: Odd<BoxedUint> = Option::from(number.clone().into_odd()).ok_or(NONE)?;
        if !crypto_primes::is_prime(crypto_primes::Flavor::Any, &number) {
            return Err(NONE);
        }
        Ok(Self { params: BoxedMontyParams::new_vartime(odd), bits, secret_length: None })
    }

    fn bytes(&self) -> usize {
        self.bits.div_ceil(8) as usize
    }

    fn element(&self, number: BoxedUint) -> BoxedMontyForm {
        BoxedMontyForm::new(number.resize(self.params.bits_precision()), &self.params)
    }
}

impl Field for Prime {
    type Element = BoxedMontyForm;

    fn read(&self, bytes: &[u8]) -> Result<Zeroizing<Vec<BoxedMontyForm>>> {
        const BAD: CryptoError = CryptoError::BadData("a split key part that is no element of the field");
        if bytes.len() > self.bytes() {
            return Err(BAD);
        }
        let number = BoxedUint::from_be_slice(bytes, self.params.bits_precision()).map_err(|_| BAD)?;
        if number >= *self.params.modulus().as_ref() {
            return Err(BAD);
        }
        Ok(Zeroizing::new(vec![self.element(number)]))
    }

    fn write(&self, elements: &[BoxedMontyForm], length: Option<usize>) -> Result<KeyBytes> {
        let length = length.unwrap_or(self.bytes());
        let [element] = elements else { return Err(CryptoError::Provider("prime field")) };
        let bytes = Zeroizing::new(element.retrieve().to_be_bytes());
        // A number that does not fit is not the secret that was split.
        let (front, rest) = bytes.split_at(bytes.len().saturating_sub(length));
        if front.iter().fold(0, |any, byte| any | byte) != 0 {
            return Err(CryptoError::Failed);
        }
        KeyBytes::fill(length, |place| {
            let at = length - rest.len();
            place[at..].copy_from_slice(rest);
            Ok(())
        })
    }

    fn random(&self, count: usize, entropy: &dyn Entropy) -> Result<Zeroizing<Vec<BoxedMontyForm>>> {
        let mut elements = Zeroizing::new(Vec::with_capacity(count));
        let top = 0xFF >> (8 * self.bytes() - self.bits as usize);
        // A draw is below the prime with probability over one half.
        for _ in 0..128 * count {
            let mut bytes = Zeroizing::new(vec![0; self.bytes()]);
            random::fill(entropy, &mut bytes)?;
            if let Some(first) = bytes.first_mut() {
                *first &= top;
            }
            if let Ok(drawn) = self.read(&bytes) {
                elements.extend(drawn.iter().cloned());
            }
            if elements.len() == count {
                return Ok(elements);
            }
        }
        Err(CryptoError::Provider("random number generator"))
    }

    fn x(&self, identifier: u32) -> BoxedMontyForm {
        self.element(BoxedUint::from(identifier))
    }

    fn add(&self, a: &BoxedMontyForm, b: &BoxedMontyForm) -> BoxedMontyForm {
        a.add(b)
    }

    fn sub(&self, a: &BoxedMontyForm, b: &BoxedMontyForm) -> BoxedMontyForm {
        a.sub(b)
    }

    fn mul(&self, a: &BoxedMontyForm, b: &BoxedMontyForm) -> BoxedMontyForm {
        a.mul(b)
    }

    fn invert(&self, a: &BoxedMontyForm) -> Option<BoxedMontyForm> {
        a.invert().into()
    }

    fn same(&self, a: &BoxedMontyForm, b: &BoxedMontyForm) -> bool {
        a == b
    }

    fn secret_length(&self) -> Option<usize> {
        self.secret_length
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::crypto::random::SystemEntropy;

    /// 2^255 - 19, bigger than secrets of 31 bytes.
    fn prime() -> Vec<u8> {
        let mut prime = vec![0xFF; 32];
        (prime[0], prime[31]) = (0x7F, 0xED);
        prime
    }

    fn how(method: SplitKeyMethod, parts: u32, threshold: u32) -> Split {
        let prime = (method == SplitKeyMethod::PolynomialSharingPrimeField).then(prime);
        Split { method, polynomial: SplitKeyPolynomial::Polynomial_283, prime, parts, threshold }
    }

    const METHODS: [SplitKeyMethod; 4] = [
        SplitKeyMethod::XOR,
        SplitKeyMethod::PolynomialSharingGF2_8,
        SplitKeyMethod::PolynomialSharingGF2_16,
        SplitKeyMethod::PolynomialSharingPrimeField,
    ];

    fn parts(secret: &[u8], how: &Split) -> Vec<Part> {
        split(secret, how, &SystemEntropy).unwrap()
    }

    #[test]
    fn multiplication_is_that_of_the_standard() {
        let field = |polynomial, method| Binary::new(&Split { polynomial, ..how(method, 2, 2) }).unwrap();
        let aes = field(SplitKeyPolynomial::Polynomial_283, SplitKeyMethod::PolynomialSharingGF2_8);
        // FIPS 197 §4.2: {57} {83} = {c1}, {57} {13} = {fe}.
        assert_eq!((aes.mul8(0x57, 0x83), aes.mul8(0x57, 0x13)), (0xC1, 0xFE));
        for polynomial in [SplitKeyPolynomial::Polynomial_283, SplitKeyPolynomial::Polynomial_285] {
            let field = field(polynomial, SplitKeyMethod::PolynomialSharingGF2_16);
            // y y = y + m
            assert_eq!(field.mul(&0x0100, &0x0100), 0x013A);
            for value in 1..=u16::MAX {
                assert_eq!(field.mul(&value, &field.invert(&value).unwrap()), 1, "{value}");
            }
            assert_eq!(field.invert(&0), None);
        }
    }

    #[test]
    fn known_parts_join() {
        // f(x) = {2a} + {0f} x over GF(2^8): f(1) = {25}, f(2) = {34}.
        let how = how(SplitKeyMethod::PolynomialSharingGF2_8, 3, 2);
        let part = |identifier, byte| Part { split: how.clone(), identifier, bytes: KeyBytes::copy_from(&[byte]) };
        assert_eq!(join(&[part(1, 0x25), part(2, 0x34)], None).unwrap().expose(), [0x2A]);
        assert_eq!(join(&[part(2, 0x34), part(3, 0x3B)], Some(1)).unwrap().expose(), [0x2A]);
        // f(x) = 1234 + 1000 x modulo 1613: f(1) = 621, f(2) = 8.
        let how = Split { prime: Some(vec![0x06, 0x4D]), method: SplitKeyMethod::PolynomialSharingPrimeField, ..how };
        let part = |identifier, value: u16| Part {
            split: how.clone(),
            identifier,
            bytes: KeyBytes::copy_from(&value.to_be_bytes()),
        };
        assert_eq!(join(&[part(1, 621), part(2, 8)], Some(2)).unwrap().expose(), 1234_u16.to_be_bytes());
        assert_eq!(join(&[part(1, 621), part(2, 8)], Some(1)).unwrap_err(), CryptoError::Failed);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn any_threshold_of_the_parts_joins(
            secret in proptest::collection::vec(any::<u8>(), 1..16).prop_map(|half| [half.clone(), half].concat()),
            total in 2_u32..8, needed in 2_u32..8, order in any::<[u16; 8]>(), other in any::<bool>(),
        ) {
            for method in METHODS {
                let threshold = if method == SplitKeyMethod::XOR { total } else { needed.min(total) };
                let polynomial =
                    if other { SplitKeyPolynomial::Polynomial_285 } else { SplitKeyPolynomial::Polynomial_283 };
                let mut parts = parts(&secret, &Split { polynomial, ..how(method, total, threshold) });
                prop_assert!(method == SplitKeyMethod::PolynomialSharingPrimeField || parts.iter().all(|part| part.bytes.len() == secret.len()));
                parts.sort_by_key(|part| order[part.identifier as usize % 8]);
                let all = join(&parts, Some(secret.len())).unwrap();
                prop_assert_eq!(all.expose(), &secret[..]);
                parts.truncate(threshold as usize);
                let enough = join(&parts, Some(secret.len())).unwrap();
                prop_assert_eq!(enough.expose(), &secret[..]);
                parts.pop();
                prop_assert!(matches!(join(&parts, Some(secret.len())), Err(CryptoError::BadData(_))));
            }
        }
    }

    #[test]
    fn parts_that_do_not_belong_together_are_refused() {
        let secret = [0x11; 16];
        for method in METHODS {
            let how = how(method, 4, if method == SplitKeyMethod::XOR { 4 } else { 3 });
            let bad = |parts: &[Part]| join(parts, Some(16)).unwrap_err();
            // Twice the same.
            let mut twice = parts(&secret, &how);
            twice[1].identifier = 1;
            assert!(matches!(bad(&twice), CryptoError::BadData(_)), "{method}");
            // One that does not exist.
            let mut foreign = parts(&secret, &how);
            foreign[1].identifier = 9;
            assert!(matches!(bad(&foreign), CryptoError::BadData(_)), "{method}");
            // Another length.
            let mut longer = parts(&secret, &how);
            longer[1].bytes = KeyBytes::copy_from(&[1; 18]);
            assert!(matches!(bad(&longer), CryptoError::BadData(_)), "{method}");
            // Another split.
            let mut mixed = parts(&secret, &how);
            mixed[1].split.threshold = 2;
            assert!(matches!(bad(&mixed), CryptoError::BadData(_)), "{method}");
            // A part of another secret is found where there are more than needed.
            if method != SplitKeyMethod::XOR {
                let mut mixed = parts(&secret, &how);
                mixed[1] = parts(&[0x22; 16], &how).swap_remove(1);
                assert_eq!(bad(&mixed), CryptoError::Failed, "{method}");
            }
            assert!(join(&[], None).is_err());
        }
    }

    #[test]
    fn impossible_splits_are_refused() {
        let refused = |split: &Split, secret: &[u8]| {
            super::split(secret, split, &SystemEntropy).map(|parts| parts.len()).unwrap_err()
        };
        for method in METHODS {
            for (parts, threshold) in [(0, 0), (1, 1), (3, 1), (3, 4)] {
                assert!(matches!(refused(&how(method, parts, threshold), &[1; 16]), CryptoError::BadParameters(_)));
            }
            assert!(matches!(refused(&how(method, 3, 3), &[]), CryptoError::BadData(_)));
        }
        assert!(matches!(refused(&how(SplitKeyMethod::XOR, 3, 2), &[1; 16]), CryptoError::BadParameters(_)));
        assert!(matches!(refused(&how(METHODS[1], 256, 2), &[1; 16]), CryptoError::BadParameters(_)));
        assert!(matches!(refused(&how(METHODS[2], 3, 2), &[1; 15]), CryptoError::BadData(_)));
        assert!(matches!(refused(&how(METHODS[2], 65535, 65535), &[1; 64]), CryptoError::LimitExceeded(_)));
        let prime = |prime: Option<Vec<u8>>| Split { prime, ..how(METHODS[3], 3, 2) };
        assert!(matches!(refused(&prime(None), &[1; 16]), CryptoError::MissingParameter(_)));
        for composite in [vec![0], vec![4], vec![0xFF; 32], vec![]] {
            assert!(matches!(refused(&prime(Some(composite)), &[1; 16]), CryptoError::BadParameters(_)));
        }
        assert!(matches!(refused(&how(METHODS[3], 3, 2), &[1; 32]), CryptoError::BadParameters(_)));
    }
}
