//! Create Split Key and Join Split Key through the whole core.

use proptest::prelude::*;

use super::support::{House, active, field, id, id_in, listed, name};
use crate::base::{BigInt, Field, Value};
use crate::registry::{
    CryptographicAlgorithm as Algorithm, CryptographicUsageMask as Mask, KeyFormatType, ObjectType, Operation,
    ResultReason as Reason, ResultStatus, SecretDataType, SplitKeyMethod as Method, Tag, UniqueIdentifier, Version,
};

const WHO: &str = "alice";
const VERSIONS: [Version; 4] = [Version::V1_2, Version::V1_4, Version::V2_1, Version::V3_0];
const METHODS: [Method; 4] =
    [Method::XOR, Method::PolynomialSharingGF2_8, Method::PolynomialSharingGF2_16, Method::PolynomialSharingPrimeField];

/// 2^521 - 1, bigger than keys of 512 bits.
fn prime() -> Value {
    let mut prime = vec![0xFF; 66];
    prime[0] = 0x01;
    Value::BigInteger(BigInt::from_unsigned(&prime))
}

#[derive(Clone)]
struct Split {
    version: Version,
    object_type: ObjectType,
    key: Option<String>,
    parts: i32,
    threshold: i32,
    method: Method,
    prime: Option<Value>,
    attributes: Vec<(Tag, Value)>,
}

impl Split {
    fn new(version: Version, key: Option<&String>, method: Method, parts: i32, threshold: i32) -> Self {
        let prime = (method == Method::PolynomialSharingPrimeField).then(prime);
        let (key, attributes) = match key {
            Some(key) => (Some(key.clone()), vec![]),
            None => (None, aes(256)),
        };
        Self { version, object_type: ObjectType::SplitKey, key, parts, threshold, method, prime, attributes }
    }

    fn payload(&self) -> Vec<Field> {
        let mut payload = vec![field(Tag::ObjectType, Value::Enumeration(self.object_type.0))];
        payload.extend(self.key.iter().map(|key| id(self.version, key)));
        payload.push(field(Tag::SplitKeyParts, Value::Integer(self.parts)));
        payload.push(field(Tag::SplitKeyThreshold, Value::Integer(self.threshold)));
        payload.push(field(Tag::SplitKeyMethod, Value::Enumeration(self.method.0)));
        payload.extend(self.prime.clone().map(|prime| field(Tag::PrimeFieldSize, prime)));
        payload.push(listed(self.version, &self.attributes));
        payload
    }

    fn ids(&self, house: &House) -> Vec<String> {
        let Value::Structure(fields) = house.does(WHO, self.version, Operation::CreateSplitKey, self.payload()) else {
            return Vec::new();
        };
        fields.iter().filter_map(|field| field.value.as_text()).map(str::to_owned).collect()
    }

    fn fails(&self, house: &House) -> Reason {
        house.fails(WHO, self.version, Operation::CreateSplitKey, self.payload())
    }
}

fn aes(bits: i32) -> Vec<(Tag, Value)> {
    vec![
        (Tag::CryptographicAlgorithm, Value::Enumeration(Algorithm::AES.0)),
        (Tag::CryptographicLength, Value::Integer(bits)),
        (Tag::CryptographicUsageMask, Value::Integer(Mask::Encrypt.0 as i32)),
    ]
}

fn join_payload(version: Version, object_type: ObjectType, parts: &[String], more: Vec<Field>) -> Vec<Field> {
    let mut payload = vec![field(Tag::ObjectType, Value::Enumeration(object_type.0))];
    payload.extend(parts.iter().map(|part| id(version, part)));
    payload.extend(more);
    payload
}

fn join(house: &House, version: Version, object_type: ObjectType, parts: &[String]) -> String {
    let payload = join_payload(version, object_type, parts, vec![]);
    id_in(&house.does(WHO, version, Operation::JoinSplitKey, payload))
}

fn join_fails(house: &House, version: Version, object_type: ObjectType, parts: &[String]) -> Reason {
    house.fails(WHO, version, Operation::JoinSplitKey, join_payload(version, object_type, parts, vec![]))
}

#[test]
fn a_new_key_is_split_and_joined_in_every_version() {
    let house = House::new();
    for version in VERSIONS {
        for method in METHODS {
            let threshold = if method == Method::XOR { 3 } else { 2 };
            let parts = Split::new(version, None, method, 3, threshold).ids(&house);
            assert_eq!(parts.len(), 3);
            let got = house.does(WHO, version, Operation::Get, vec![id(version, &parts[1])]);
            let part = got.field(Tag::SplitKey).unwrap();
            assert_eq!(part.field(Tag::KeyPartIdentifier), Some(&Value::Integer(2)));
            assert_eq!(part.field(Tag::SplitKeyParts), Some(&Value::Integer(3)));
            assert_eq!(part.field(Tag::SplitKeyThreshold), Some(&Value::Integer(threshold)));
            assert_eq!(part.field(Tag::SplitKeyMethod), Some(&Value::Enumeration(method.0)));
            let prime = (method == Method::PolynomialSharingPrimeField).then(prime);
            assert_eq!(part.field(Tag::PrimeFieldSize), prime.as_ref());
            let used = if method == Method::XOR { &parts[..] } else { &parts[1..] };
            let joined = join(&house, version, ObjectType::SymmetricKey, used);
            let material = house.material(WHO, version, &joined);
            assert_eq!(material.len(), 32);
            let again = join(&house, version, ObjectType::SecretData, &parts);
            assert_eq!(house.material(WHO, version, &again), material, "{method} in {version}");
            for (tag, value) in aes(256) {
                assert_eq!(house.attribute(WHO, &joined, tag), Some(value), "{tag}");
            }
            let few = join_fails(&house, version, ObjectType::SymmetricKey, &parts[..threshold as usize - 1]);
            assert_eq!(few, Reason::CryptographicFailure);
        }
    }
}

#[test]
fn an_existing_key_comes_back_with_its_attributes_and_guards() {
    let house = House::new();
    let version = Version::V3_0;
    let mut list = aes(128);
    list.push((Tag::Sensitive, Value::Boolean(true)));
    list.push((Tag::Extractable, Value::Boolean(false)));
    let guarded = house.registered(WHO, version, ObjectType::SymmetricKey, &[0; 16], &list);
    // The attributes of the key take precedence.
    let mut split = Split::new(version, Some(&guarded), Method::PolynomialSharingGF2_8, 5, 3);
    split.attributes = aes(256);
    split.attributes.push((Tag::Extractable, Value::Boolean(true)));
    let parts = split.ids(&house);
    for (at, part) in parts.iter().enumerate() {
        let value = |tag| house.attribute(WHO, part, tag);
        assert_eq!(value(Tag::CryptographicLength), Some(Value::Integer(128)));
        assert_eq!(value(Tag::Extractable), Some(Value::Boolean(false)));
        assert_eq!(value(Tag::Sensitive), Some(Value::Boolean(true)));
        assert_eq!(value(Tag::KeyPartIdentifier), Some(Value::Integer(at as i32 + 1)));
        assert_eq!(value(Tag::SplitKeyPolynomial), Some(Value::Enumeration(2)));
        assert_eq!(value(Tag::SplitKeyBaseLink), Some(Value::Reference(guarded.clone().into())));
        assert_eq!(house.fails(WHO, version, Operation::Get, vec![id(version, part)]), Reason::NotExtractable);
    }
    let joined = join(&house, version, ObjectType::SymmetricKey, &parts[1..4]);
    assert_eq!(house.fails(WHO, version, Operation::Get, vec![id(version, &joined)]), Reason::NotExtractable);
    let link = house.attribute(WHO, &joined, Tag::JoinedSplitKeyPartsLink);
    assert_eq!(link, Some(Value::Reference(parts[1].clone().into())));

    // Secret Data has no Cryptographic Length of its own, which the prime field needs to give back leading zeros.
    let password = [&[0, 0][..], b"password"].concat();
    let secret = house.registered(WHO, version, ObjectType::SecretData, &password, &active(Mask::DeriveKey, &[]));
    for method in METHODS {
        let threshold = if method == Method::XOR { 4 } else { 2 };
        let parts = Split::new(version, Some(&secret), method, 4, threshold).ids(&house);
        let more = vec![field(Tag::SecretDataType, Value::Enumeration(SecretDataType::Password.0))];
        let payload = join_payload(version, ObjectType::SecretData, &parts, more);
        let joined = id_in(&house.does(WHO, version, Operation::JoinSplitKey, payload));
        assert_eq!(house.material(WHO, version, &joined), password);
        let got = house.does(WHO, version, Operation::Get, vec![id(version, &joined)]);
        let kind = got.field(Tag::SecretData).and_then(|data| data.field(Tag::SecretDataType));
        assert_eq!(kind, Some(&Value::Enumeration(SecretDataType::Password.0)));
    }
}

#[test]
fn private_keys_are_split_and_joined() {
    let house = House::new();
    for (version, algorithm, bits) in [
        (Version::V1_4, Algorithm::ECDSA, 256),
        (Version::V2_1, Algorithm::EC, 256),
        (Version::V3_0, Algorithm::Ed25519, 256),
    ] {
        let list = active(
            Mask::Sign,
            &[
                (Tag::CryptographicAlgorithm, Value::Enumeration(algorithm.0)),
                (Tag::CryptographicLength, Value::Integer(bits)),
            ],
        );
        let tags = (Tag::CommonTemplateAttribute, Tag::CommonAttributes);
        let pair = vec![super::support::attributes(version, tags, &list)];
        let made = house.does(WHO, version, Operation::CreateKeyPair, pair);
        let key = made.field(Tag::PrivateKeyUniqueIdentifier).and_then(Value::as_text).unwrap().to_owned();
        let as_pkcs_8 = |key: &str| {
            let format = field(Tag::KeyFormatType, Value::Enumeration(KeyFormatType::PKCS_8.0));
            house.does(WHO, version, Operation::Get, vec![id(version, key), format]).field(Tag::PrivateKey).cloned()
        };
        for method in [Method::XOR, Method::PolynomialSharingGF2_8] {
            let parts = Split::new(version, Some(&key), method, 3, 3).ids(&house);
            let joined = join(&house, version, ObjectType::PrivateKey, &parts);
            assert_eq!(as_pkcs_8(&joined), as_pkcs_8(&key));
            // As anything else it is only bytes, which a symmetric key is not.
            let wrong = join_fails(&house, version, ObjectType::SymmetricKey, &parts);
            assert!(matches!(wrong, Reason::CryptographicFailure | Reason::KeyFormatTypeNotSupported), "{wrong}");
        }
    }
}

#[test]
fn parts_that_do_not_belong_together_are_refused() {
    let house = House::new();
    for version in VERSIONS {
        let old = version.is_1x();
        let method = Method::PolynomialSharingGF2_8;
        let ours = Split::new(version, None, method, 4, 2).ids(&house);
        let others = Split::new(version, None, method, 4, 2).ids(&house);
        let shorter = Split { attributes: aes(128), ..Split::new(version, None, method, 4, 2) }.ids(&house);
        let higher = Split::new(version, None, method, 4, 3).ids(&house);
        let key = house.registered(WHO, version, ObjectType::SymmetricKey, &[7; 16], &aes(128));
        let symmetric = |parts: &[&String]| {
            let parts: Vec<String> = parts.iter().map(|part| (*part).clone()).collect();
            join_fails(&house, version, ObjectType::SymmetricKey, &parts)
        };
        let failure = Reason::CryptographicFailure;
        assert_eq!(symmetric(&[&ours[0]]), failure);
        assert_eq!(symmetric(&[&ours[0], &ours[0]]), failure);
        assert_eq!(symmetric(&[&ours[0], &others[1]]), failure);
        assert_eq!(symmetric(&[&ours[0], &shorter[1]]), failure);
        assert_eq!(symmetric(&[&ours[0], &higher[1]]), failure);
        let not_a_part = if old { Reason::InvalidField } else { Reason::InvalidObjectType };
        assert_eq!(symmetric(&[&ours[0], &key]), not_a_part);
        let gone = if old { Reason::ItemNotFound } else { Reason::ObjectNotFound };
        assert_eq!(symmetric(&[&ours[0], &"nobody".to_owned()]), gone);
        assert_eq!(symmetric(&[]), Reason::InvalidMessage);
        assert_eq!(join_fails(&house, version, ObjectType::SplitKey, &ours), not_a_part);
        assert_eq!(join_fails(&house, version, ObjectType::PrivateKey, &ours), failure);
        let typed = vec![field(Tag::SecretDataType, Value::Enumeration(SecretDataType::Seed.0))];
        let payload = join_payload(version, ObjectType::SymmetricKey, &ours, typed);
        assert_eq!(house.fails(WHO, version, Operation::JoinSplitKey, payload), Reason::InvalidField);
        let payload = join_payload(version, ObjectType::SymmetricKey, &ours, vec![listed(version, &aes(128))]);
        assert_eq!(house.fails(WHO, version, Operation::JoinSplitKey, payload), Reason::InvalidField);
        // Another caller has no parts.
        let payload = join_payload(version, ObjectType::SymmetricKey, &ours, vec![]);
        assert_eq!(house.fails("mallory", version, Operation::JoinSplitKey, payload), gone);
    }
}

/// A part that a client took away, changed and brought back is found out where there are more parts than needed.
#[test]
fn an_altered_part_is_found_by_one_more() {
    let house = House::new();
    let version = Version::V1_4;
    let parts = Split::new(version, None, Method::PolynomialSharingGF2_8, 3, 2).ids(&house);
    let mut got = house.does(WHO, version, Operation::Get, vec![id(version, &parts[2])]);
    let Value::Structure(fields) = &mut got else { panic!("no answer") };
    let part = fields.pop().unwrap();
    let material = house.material(WHO, version, &parts[2]);
    let with = |material: &[u8]| {
        let Value::Structure(mut part) = part.value.clone() else { panic!("no part") };
        let block = vec![
            field(Tag::KeyFormatType, Value::Enumeration(KeyFormatType::Raw.0)),
            field(Tag::KeyValue, Value::Structure(vec![field(Tag::KeyMaterial, Value::ByteString(material.into()))])),
            field(Tag::CryptographicAlgorithm, Value::Enumeration(Algorithm::AES.0)),
            field(Tag::CryptographicLength, Value::Integer(256)),
        ];
        part.pop();
        part.push(field(Tag::KeyBlock, Value::Structure(block)));
        let mask = [(Tag::CryptographicUsageMask, Value::Integer(Mask::Encrypt.0 as i32))];
        let payload = vec![
            field(Tag::ObjectType, Value::Enumeration(ObjectType::SplitKey.0)),
            listed(version, &mask),
            field(Tag::SplitKey, Value::Structure(part)),
        ];
        id_in(&house.does(WHO, version, Operation::Register, payload))
    };
    let back = with(&material);
    let whole = join(&house, version, ObjectType::SymmetricKey, &parts);
    let mixed = join(&house, version, ObjectType::SymmetricKey, &[parts[0].clone(), parts[1].clone(), back]);
    assert_eq!(house.material(WHO, version, &whole), house.material(WHO, version, &mixed));
    let mut altered = material;
    altered[5] ^= 1;
    let parts = [parts[0].clone(), parts[1].clone(), with(&altered)];
    assert_eq!(join_fails(&house, version, ObjectType::SymmetricKey, &parts), Reason::CryptographicFailure);
}

/// The error tables: 1.4 §11.39 and 2.1 §6.1.10.1.
#[test]
fn what_cannot_be_split_is_refused() {
    let house = House::new();
    for version in VERSIONS {
        let old = version.is_1x();
        let pick = |reason_1x: Reason, reason: Reason| if old { reason_1x } else { reason };
        let bad = pick(Reason::InvalidField, Reason::BadCryptographicParameters);
        let method = Method::PolynomialSharingGF2_8;
        let good = Split::new(version, None, method, 3, 2);
        let odd = house.registered(WHO, version, ObjectType::SecretData, &[7; 5], &active(Mask::DeriveKey, &[]));
        let part = good.ids(&house)[0].clone();
        let table = [
            (
                Split { object_type: ObjectType::SymmetricKey, ..good.clone() },
                pick(Reason::InvalidField, Reason::InvalidObjectType),
            ),
            (Split { key: Some("nobody".to_owned()), ..good.clone() }, Reason::ItemNotFound),
            (Split { key: Some(part), ..good.clone() }, pick(Reason::InvalidField, Reason::InvalidObjectType)),
            (Split { parts: 1, threshold: 1, ..good.clone() }, bad),
            (Split { threshold: 4, ..good.clone() }, bad),
            (Split { threshold: 1, ..good.clone() }, bad),
            (Split { parts: -3, ..good.clone() }, bad),
            (Split { parts: 256, ..good.clone() }, pick(Reason::GeneralFailure, Reason::ServerLimitExceeded)),
            (Split { method: Method::XOR, ..good.clone() }, bad),
            (
                Split { method: Method(0x8000_0001), ..good.clone() },
                pick(Reason::InvalidField, Reason::UnsupportedCryptographicParameters),
            ),
            (Split { method: Method::PolynomialSharingPrimeField, ..good.clone() }, bad),
            (
                Split {
                    prime: Some(Value::BigInteger(BigInt::from_signed(&[0xFF]))),
                    ..Split::new(version, None, Method::PolynomialSharingPrimeField, 3, 2)
                },
                bad,
            ),
            (
                Split {
                    prime: Some(Value::BigInteger(BigInt::from_signed(&[0x65]))),
                    ..Split::new(version, None, Method::PolynomialSharingPrimeField, 3, 2)
                },
                bad,
            ),
            (
                Split { key: Some(odd), method: Method::PolynomialSharingGF2_16, ..good.clone() },
                Reason::CryptographicFailure,
            ),
            (Split { attributes: aes(100), ..good.clone() }, pick(Reason::InvalidField, Reason::InvalidAttributeValue)),
            (
                Split { attributes: [aes(128), vec![name("one")]].concat(), ..good.clone() },
                pick(Reason::InvalidField, Reason::NonUniqueNameAttribute),
            ),
        ];
        for (at, (split, expected)) in table.into_iter().enumerate() {
            assert_eq!(split.fails(&house), expected, "row {at} in {version}");
        }
        if version == Version::V3_0 {
            let fields = |parts: i32| [aes(128), vec![(Tag::SplitKeyParts, Value::Integer(parts))]].concat();
            assert_eq!(Split { attributes: fields(4), ..good.clone() }.fails(&house), Reason::InvalidField);
            assert_eq!(Split { attributes: fields(3), ..good.clone() }.ids(&house).len(), 3);
        }
    }
}

/// "The ID Placeholder value SHALL be set to the Unique Identifier of the split whose Key Part Identifier is 1."
#[test]
fn the_id_placeholder_is_the_first_part() {
    let house = House::new();
    let version = Version::V1_4;
    let payload = Split::new(version, None, Method::XOR, 3, 3).payload();
    let batch = super::support::Ask::one(version, Operation::CreateSplitKey, payload).item(Operation::Get, vec![]);
    let answer = house.ask(WHO, &batch);
    assert!(answer.items.iter().all(|item| item.status == ResultStatus::Success));
    assert_eq!(id_in(&answer.items[1].payload), id_in(&answer.items[0].payload));
    let part = answer.items[1].payload.field(Tag::SplitKey).unwrap();
    assert_eq!(part.field(Tag::KeyPartIdentifier), Some(&Value::Integer(1)));
    // By placeholder, by the name of the operation, and by number (2.1 §4.58).
    let version = Version::V2_1;
    for (named, expected) in [
        (Value::Enumeration(UniqueIdentifier::IDPlaceholder.0), 1),
        (Value::Enumeration(UniqueIdentifier::CreateSplitKey.0), 1),
        (Value::Integer(1), 2),
        (Value::Integer(-1), 3),
    ] {
        let payload = Split::new(version, None, Method::XOR, 3, 3).payload();
        let get = vec![field(Tag::UniqueIdentifier, named.clone())];
        let batch = super::support::Ask::one(version, Operation::CreateSplitKey, payload).item(Operation::Get, get);
        let answer = house.ask(WHO, &batch);
        let part = answer.items[1].payload.field(Tag::SplitKey).unwrap();
        assert_eq!(part.field(Tag::KeyPartIdentifier), Some(&Value::Integer(expected)), "{named:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_was_split_is_joined_by_any_threshold_of_its_parts(
        half in prop::collection::vec(any::<u8>(), 1..16), parts in 2..7_i32, threshold in 2..7_i32,
        order in any::<[u8; 8]>(), at in 0..4_usize, from in 0..4_usize, to in 0..4_usize,
    ) {
        let house = House::new();
        let (made, joined) = (VERSIONS[from], VERSIONS[to]);
        let method = METHODS[at];
        let threshold = if method == Method::XOR { parts } else { threshold.min(parts) };
        let secret = [half.clone(), half].concat();
        let key = house.registered(WHO, made, ObjectType::SecretData, &secret, &active(Mask::DeriveKey, &[]));
        // Split in one version, joined in another.
        let mut ids = Split::new(made, Some(&key), method, parts, threshold).ids(&house);
        let mut place = order.iter().cycle();
        ids.sort_by_cached_key(|_| *place.next().unwrap());
        ids.truncate(threshold as usize);
        let again = join(&house, joined, ObjectType::SecretData, &ids);
        prop_assert_eq!(house.material(WHO, joined, &again), secret);
        ids.pop();
        if !ids.is_empty() {
            prop_assert_eq!(join_fails(&house, joined, ObjectType::SecretData, &ids), Reason::CryptographicFailure);
        }
    }
}
