//! Encapsulate and Decapsulate (3.0) through the whole core.

use super::support::{House, active, attributes, field, id, id_in, listed};
use crate::base::{Field, Value};
use crate::registry::{
    CryptographicAlgorithm as Algorithm, CryptographicUsageMask as Mask, KEMAlgorithm, ObjectType, Operation,
    ResultReason as Reason, ResultStatus, SecretDataType, State, Tag, Version,
};

const WHO: &str = "alice";
const VERSION: Version = Version::V3_0;

fn pair(house: &House, algorithm: Algorithm, bits: Option<i32>, list: &[(Tag, Value)]) -> (String, String) {
    let mut list = list.to_vec();
    list.push((Tag::CryptographicAlgorithm, Value::Enumeration(algorithm.0)));
    list.extend(bits.map(|bits| (Tag::CryptographicLength, Value::Integer(bits))));
    let tags = (Tag::CommonTemplateAttribute, Tag::CommonAttributes);
    let made = house.does(WHO, VERSION, Operation::CreateKeyPair, vec![attributes(VERSION, tags, &list)]);
    let half = |tag| made.field(tag).and_then(Value::as_text).unwrap().to_owned();
    (half(Tag::PrivateKeyUniqueIdentifier), half(Tag::PublicKeyUniqueIdentifier))
}

fn usable(house: &House, algorithm: Algorithm, bits: Option<i32>) -> (String, String) {
    pair(house, algorithm, bits, &active(Mask::KeyAgreement, &[]))
}

fn kem(algorithm: KEMAlgorithm) -> Field {
    field(
        Tag::CryptographicParameters,
        Value::Structure(vec![field(Tag::KEMAlgorithm, Value::Enumeration(algorithm.0))]),
    )
}

fn data(answer: &Value) -> Field {
    field(Tag::Data, answer.field(Tag::Data).cloned().unwrap())
}

#[test]
fn both_sides_have_the_same_secret() {
    let house = House::new();
    for (algorithm, bits, named, length) in [
        (Algorithm::ML_KEM_512, None, KEMAlgorithm::MLKEM, 32),
        (Algorithm::ML_KEM_1024, None, KEMAlgorithm::MLKEM, 32),
        (Algorithm::EC, Some(384), KEMAlgorithm::DHKEM, 48),
        (Algorithm::X25519, None, KEMAlgorithm::DHKEM, 32),
        (Algorithm::RSA, Some(2048), KEMAlgorithm::RSASVE, 256),
    ] {
        let (private, public) = usable(&house, algorithm, bits);
        for asked in [vec![], vec![kem(named)]] {
            let more = listed(VERSION, &active(Mask::DeriveKey, &[]));
            let payload = [vec![id(VERSION, &public)], asked.clone(), vec![more]].concat();
            let ours = house.does(WHO, VERSION, Operation::Encapsulate, payload);
            let payload = [vec![id(VERSION, &private)], asked, vec![data(&ours)]].concat();
            let theirs = house.does(WHO, VERSION, Operation::Decapsulate, payload);
            let (ours, theirs) = (id_in(&ours), id_in(&theirs));
            let secret = house.material(WHO, VERSION, &ours);
            assert_eq!(secret.len(), length, "{algorithm}");
            assert_eq!(house.material(WHO, VERSION, &theirs), secret, "{algorithm}");
            let value = |id, tag| house.attribute(WHO, id, tag);
            assert_eq!(value(&ours, Tag::State), Some(Value::Enumeration(State::Active.0)));
            assert_eq!(value(&theirs, Tag::State), Some(Value::Enumeration(State::PreActive.0)));
            assert_eq!(value(&theirs, Tag::CryptographicLength), Some(Value::Integer(8 * length as i32)));
            let got = house.does(WHO, VERSION, Operation::Get, vec![id(VERSION, &theirs)]);
            let kind = got.field(Tag::SecretData).and_then(|data| data.field(Tag::SecretDataType));
            assert_eq!(kind, Some(&Value::Enumeration(SecretDataType::Seed.0)));
        }
    }
}

#[test]
fn what_cannot_be_encapsulated_is_refused() {
    let house = House::new();
    let (private, public) = usable(&house, Algorithm::ML_KEM_768, None);
    let (_, signing) = usable(&house, Algorithm::Ed25519, None);
    let (_, unfit) = pair(&house, Algorithm::ML_KEM_768, None, &active(Mask::Sign, &[]));
    let (_, asleep) = pair(&house, Algorithm::ML_KEM_768, None, &[]);
    let aes = house.key(WHO, "aes");
    let own =
        field(Tag::CryptographicParameters, Value::Structure(vec![field(Tag::Deterministic, Value::Boolean(true))]));
    let short = listed(VERSION, &[(Tag::CryptographicLength, Value::Integer(128))]);
    let table = [
        (vec![], Reason::InvalidMessage),
        (vec![id(VERSION, "nobody")], Reason::ObjectNotFound),
        (vec![id(VERSION, &private)], Reason::InvalidObjectType),
        (vec![id(VERSION, &aes)], Reason::InvalidObjectType),
        (vec![id(VERSION, &signing)], Reason::BadCryptographicParameters),
        (vec![id(VERSION, &unfit)], Reason::IncompatibleCryptographicUsageMask),
        (vec![id(VERSION, &asleep)], Reason::WrongKeyLifecycleState),
        (vec![id(VERSION, &public), kem(KEMAlgorithm::DHKEM)], Reason::BadCryptographicParameters),
        (vec![id(VERSION, &public), own], Reason::UnsupportedCryptographicParameters),
        (vec![id(VERSION, &public), short], Reason::InvalidField),
    ];
    for (at, (payload, expected)) in table.into_iter().enumerate() {
        assert_eq!(house.fails(WHO, VERSION, Operation::Encapsulate, payload), expected, "row {at}");
    }
    let bytes = |length| field(Tag::Data, Value::ByteString(vec![0; length].into()));
    let table = [
        (vec![id(VERSION, &private)], Reason::InvalidMessage),
        (vec![id(VERSION, &public), bytes(1088)], Reason::InvalidObjectType),
        (vec![id(VERSION, &private), bytes(1087)], Reason::CryptographicFailure),
        (vec![id(VERSION, &private), kem(KEMAlgorithm::RSASVE), bytes(1088)], Reason::BadCryptographicParameters),
    ];
    for (at, (payload, expected)) in table.into_iter().enumerate() {
        assert_eq!(house.fails(WHO, VERSION, Operation::Decapsulate, payload), expected, "row {at}");
    }
    assert_eq!(
        house.fails(WHO, Version::V2_1, Operation::Encapsulate, vec![id(Version::V2_1, &public)]),
        Reason::OperationNotSupported
    );
    assert_eq!(
        house.fails("mallory", VERSION, Operation::Encapsulate, vec![id(VERSION, &public)]),
        Reason::ObjectNotFound
    );
}

#[test]
fn the_secret_is_what_the_next_item_works_on() {
    let house = House::new();
    let (_, public) = usable(&house, Algorithm::ML_KEM_512, None);
    let placeholder = field(Tag::UniqueIdentifier, Value::Enumeration(1));
    let batch = super::support::Ask::one(VERSION, Operation::Encapsulate, vec![id(VERSION, &public)])
        .item(Operation::Get, vec![placeholder]);
    let answer = house.ask(WHO, &batch);
    assert!(answer.items.iter().all(|item| item.status == ResultStatus::Success));
    assert_eq!(answer.items[1].payload.field(Tag::ObjectType), Some(&Value::Enumeration(ObjectType::SecretData.0)));
}
