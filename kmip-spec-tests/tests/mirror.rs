//! The comparison against itself: a server that answers every case as the case says passes all of them, and one that
//! changes a single value is found out wherever no rule permits the change.

#![allow(clippy::unwrap_used, reason = "a test program; its helpers stand outside of the tests")]

use std::collections::{BTreeMap, HashMap};

use keyhaven::base::{BigInt, Date, Field, Value};
use keyhaven::registry::{Tag, Version};
use kmip_spec_tests::Result;
use kmip_spec_tests::plan::{alternatives, except};
use kmip_spec_tests::play::{Transport, now, play};
use kmip_spec_tests::state::{State, now_offset};
use kmip_spec_tests::template;
use kmip_spec_tests::vector::{Vector, oasis_vectors, own_cases};

/// Values that may differ in some answer of some case, whatever the place.
const FREE_SOMEWHERE: &[&str] = &[
    "TimeStamp",
    "ResultMessage",
    "ServerCorrelationValue",
    "AttributeIndex",
    "KeyMaterial",
    "KeyValue",
    "Data",
    "SignatureData",
    "HashingAlgorithm",
    "DigestValue",
    "KeyFormatType",
    "LeaseTime",
    "ProtectionStorageMask",
    "RandomNumberGenerator",
    "ServerInformation",
    "VendorIdentification",
    "PKCS_11OutputParameters",
    "Operation",
    "ObjectType",
    // Dates and other attributes of 1.x, which are as free as the attribute is.
    "AttributeValue",
    // Placeholders that this is the first answer to show.
    "UniqueIdentifier",
    "PrivateKeyUniqueIdentifier",
    "PublicKeyUniqueIdentifier",
    "ShortUniqueIdentifier",
    "IVCounterNonce",
    "AuthenticatedEncryptionTag",
    "CorrelationValue",
];

/// A server that knows the answers.
struct Mirror<'a> {
    vector: &'a Vector,
    next: usize,
    values: HashMap<String, String>,
    /// The exchange and the leaf to change.
    change: Option<(usize, usize)>,
    changed: Option<Tag>,
}

impl<'a> Mirror<'a> {
    fn new(vector: &'a Vector, change: Option<(usize, usize)>) -> Self {
        Self { vector, next: 0, values: HashMap::new(), change, changed: None }
    }
}

impl Transport for Mirror<'_> {
    fn exchange(&mut self, _: &Field, _: Version) -> Result<Field> {
        let response = &self.vector.exchanges[self.next].response;
        let values = &mut self.values;
        let mut answer = template::fill(response, |name| {
            if let Some(offset) = now_offset(name) {
                return Ok(format!("0x{:016x}", now() + offset));
            }
            let fresh = format!("{:08x}", values.len() + 1);
            Ok(values.entry(name.to_owned()).or_insert(fresh).clone())
        })?;
        if let Some((_, leaf)) = self.change.filter(|(exchange, _)| *exchange == self.next) {
            let mut leaf = leaf % leaves(&answer).max(1);
            self.changed = change(&mut answer, &mut leaf);
        }
        self.next += 1;
        Ok(answer)
    }
}

fn leaves(field: &Field) -> usize {
    match &field.value {
        Value::Structure(fields) => fields.iter().map(leaves).sum(),
        _ => 1,
    }
}

/// Changes one leaf to another value of its type. Gives its tag; inside the parameters of a random number generator,
/// which are free as a whole, that of the generator.
fn change(field: &mut Field, leaf: &mut usize) -> Option<Tag> {
    if let Value::Structure(fields) = &mut field.value {
        let generator = fields.iter().any(|field| field.tag == Tag::RNGAlgorithm);
        let changed = fields.iter_mut().find_map(|field| change(field, leaf));
        return if generator { changed.map(|_| Tag::RandomNumberGenerator) } else { changed };
    }
    if *leaf > 0 {
        *leaf -= 1;
        return None;
    }
    field.value = match &field.value {
        Value::Integer(number) => Value::Integer(number ^ 1),
        Value::LongInteger(number) => Value::LongInteger(number ^ 1),
        Value::BigInteger(_) => Value::BigInteger(BigInt::from_signed(&[1, 2, 3])),
        Value::Enumeration(number) => Value::Enumeration(number ^ 0x100),
        Value::Boolean(value) => Value::Boolean(!value),
        Value::TextString(text) => Value::text(format!("{text}x")),
        Value::ByteString(bytes) => {
            let mut bytes = bytes.to_vec();
            if let Some(byte) = bytes.first_mut() {
                *byte ^= 1;
            }
            Value::ByteString(bytes.into())
        }
        Value::DateTime(date) => Value::DateTime(Date(date.0 - 100_000)),
        Value::Interval(seconds) => Value::Interval(seconds ^ 1),
        Value::DateTimeExtended(micros) => Value::DateTimeExtended(micros ^ 1),
        Value::Identifier(text) => Value::Identifier(format!("{text}x").into()),
        Value::Reference(text) => Value::Reference(format!("{text}x").into()),
        Value::NameReference(text) => Value::NameReference(format!("{text}x").into()),
        Value::Structure(_) => return None,
    };
    Some(field.tag)
}

fn vectors() -> Vec<Vector> {
    let mut vectors = oasis_vectors().unwrap();
    vectors.extend(own_cases().unwrap());
    for vector in &mut vectors {
        except(vector).unwrap();
    }
    vectors
}

#[test]
fn every_case_accepts_its_own_answers() {
    let vectors = vectors();
    let failures: Vec<String> = vectors
        .iter()
        .filter_map(|vector| play(vector, &mut Mirror::new(vector, None), &mut State::new(now())).err())
        .collect();
    println!("{} of {} cases accept their own answers", vectors.len() - failures.len(), vectors.len());
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn a_changed_value_is_found() {
    let mut free: BTreeMap<String, u32> = BTreeMap::new();
    let mut found = 0;
    for (at, vector) in vectors().iter().enumerate() {
        for seed in 0..6_usize {
            let exchange = (at + seed) % vector.exchanges.len();
            let mut mirror = Mirror::new(vector, Some((exchange, at * 7 + seed * 13)));
            match play(vector, &mut mirror, &mut State::new(now())) {
                Err(_) => found += 1,
                Ok(()) => {
                    *free.entry(mirror.changed.map_or("nothing".into(), |tag| format!("{tag:?}"))).or_default() += 1
                }
            }
        }
    }
    println!("{found} changes found; permitted: {free:?}");
    let strict: Vec<&String> = free.keys().filter(|tag| !FREE_SOMEWHERE.contains(&tag.as_str())).collect();
    assert!(strict.is_empty(), "changes that went unnoticed: {strict:?}");
}

/// The four behaviours of RNG Seed exclude each other: the answers of one are no answers to another.
#[test]
fn alternatives_exclude_each_other() {
    let vectors = vectors();
    for vector in &vectors {
        for other in alternatives(&vector.stem) {
            let other = vectors.iter().find(|vector| vector.stem == other).unwrap();
            let outcome = play(vector, &mut Mirror::new(other, None), &mut State::new(now()));
            assert!(outcome.is_err(), "{} passes as {}", other.stem, vector.stem);
        }
    }
}
