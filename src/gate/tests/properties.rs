//! Properties of the whole core: no request makes it panic, and no answer holds what its version does not know.

use proptest::prelude::*;

use super::guess::{Dice, furnish, symmetric_key};
use super::support::{Answer, Ask, House, attributes, field, id, id_in, one_attribute};
use crate::base::{Field, Value};
use crate::model::attributes::{RULES, SetBy};
use crate::model::link::link_type;
use crate::model::shape::Count;
use crate::model::{Rule, rule};
use crate::registry::{CryptographicAlgorithm, ObjectType, Operation, ResultStatus, Tag, Version, is_extension_value};

/// The first thing in an answer that its version does not have.
fn newer(answer: &Answer) -> Option<String> {
    let version = answer.version;
    let mut open: Vec<(Tag, &Value, Tag)> = vec![(Tag::ResponseMessage, &answer.message, Tag::ResponseMessage)];
    while let Some((tag, value, meaning)) = open.pop() {
        if !tag.known_in(version) && !tag.is_extension() {
            return Some(format!("the tag {tag}"));
        }
        if value.item_type().since() > version {
            return Some(format!("{tag} of type {:?}", value.item_type()));
        }
        match value {
            Value::Enumeration(number) if !is_extension_value(*number) => {
                let row = meaning.enumeration().and_then(|table| table.row(*number));
                if let Some(row) = row.filter(|row| !row.known_in(version)) {
                    return Some(format!("{meaning} of value {}", row.name));
                }
            }
            Value::Integer(bits) => {
                let bits = *bits as u32 & 0x000F_FFFF;
                if let Some(mask) = meaning.mask().filter(|mask| mask.bits_known_in(bits, version) != bits) {
                    return Some(format!("bits 0x{bits:08X} of {}", mask.name));
                }
            }
            Value::Structure(fields) => {
                let named = value.field(Tag::AttributeName).and_then(Value::as_text).and_then(Tag::from_name);
                if let Some(attribute) = named.filter(|_| tag == Tag::Attribute && version.is_1x()) {
                    if !has_attribute(attribute, version) {
                        return Some(format!("the attribute {attribute}"));
                    }
                    open.extend(fields.iter().map(|one| {
                        (one.tag, &one.value, if one.tag == Tag::AttributeValue { attribute } else { one.tag })
                    }));
                    continue;
                }
                if matches!(tag, Tag::Attributes | Tag::NewAttribute)
                    && let Some(one) = fields.iter().find(|one| !has_attribute(one.tag, version))
                {
                    return Some(format!("the attribute {}", one.tag));
                }
                // The operation of a failed item is the client's own number.
                let echoes =
                    value.field(Tag::ResultStatus) == Some(&Value::Enumeration(ResultStatus::OperationFailed.0));
                let own = |one: &&Field| !(echoes && one.tag == Tag::Operation);
                open.extend(fields.iter().filter(own).map(|one| (one.tag, &one.value, one.tag)));
            }
            _ => {}
        }
    }
    None
}

fn has_attribute(tag: Tag, version: Version) -> bool {
    match tag {
        Tag::Link => tag.known_in(version),
        Tag::Attribute => !version.is_1x(),
        _ if tag.is_extension() => true,
        _ if link_type(tag).is_some() => version >= Version::V3_0,
        _ => rule(tag).is_some_and(|rule| rule.known_in(version)),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6, failure_persistence: None, max_shrink_iters: 0, ..ProptestConfig::default() })]

    #[test]
    fn answers_hold_nothing_that_is_newer_than_the_request(seed in any::<u64>()) {
        let house = House::new();
        let mut dice = Dice::new(seed);
        furnish(&house, "operator", &mut dice);
        let mut done = 0;
        for _ in 0..60 {
            let version = dice.version();
            let ask = dice.request(version);
            let answer = house.ask("operator", &ask);
            prop_assert_eq!(answer.version, version);
            done += answer.items.iter().filter(|item| item.status == ResultStatus::Success).count();
            if let Some(what) = newer(&answer) {
                prop_assert!(false, "{} in an answer of KMIP {}\n{:?}\n{:?}", what, version, ask, answer.message);
            }
        }
        // Dice that never hit test nothing.
        prop_assert!(done > 5, "{} items succeeded", done);
    }

    #[test]
    fn mutated_requests_are_answered_once(
        seed in any::<u64>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0_u8..6), 40),
    ) {
        let house = House::new();
        let mut dice = Dice::new(seed);
        furnish(&house, "operator", &mut dice);
        for chunk in changes.chunks(2) {
            let version = dice.version();
            let mut bytes = dice.request(version).bytes();
            for (at, byte, how) in chunk {
                let at = at.index(bytes.len());
                match how {
                    0 => bytes.truncate(at.max(1)),
                    1 => bytes.insert(at, *byte),
                    2 => drop(bytes.remove(at)),
                    _ => bytes[at] = *byte,
                }
                if bytes.is_empty() {
                    bytes.push(*byte);
                }
            }
            let answer = house.send("operator", &bytes);
            prop_assert!(!answer.items.is_empty());
            prop_assert_eq!(newer(&answer), None);
        }
    }
}

/// Every object with everything on it, read by a client of every version.
#[test]
fn objects_of_the_newest_version_are_read_by_the_oldest() {
    let house = House::new();
    let mut dice = Dice::new(42);
    furnish(&house, "operator", &mut dice);
    assert!(dice.ids.len() >= 8, "{:?}", dice.ids);
    let mut found = std::collections::BTreeSet::new();
    for version in Version::ALL {
        for one in dice.ids.clone() {
            for operation in [Operation::GetAttributes, Operation::GetAttributeList, Operation::Get, Operation::Export]
            {
                if !operation.known_in(version) {
                    continue;
                }
                let answer = house.ask("operator", &Ask::one(version, operation, vec![id(version, &one)]));
                if let Some(what) = newer(&answer) {
                    found.insert(format!("{operation} answers a client of {version} with {what}"));
                }
            }
        }
        for function in crate::registry::QueryFunction::ROWS.iter().filter(|row| row.known_in(version)) {
            let payload = vec![field(Tag::QueryFunction, Value::Enumeration(function.value))];
            let answer = house.ask("operator", &Ask::one(version, Operation::Query, payload));
            if let Some(what) = newer(&answer) {
                found.insert(format!("Query {} answers a client of {version} with {what}", function.name));
            }
        }
    }
    assert!(found.is_empty(), "{found:#?}");
}

/// What a client may not say of itself where the table says "client or server", and the object that some need.
const NOT_FREE: &[(Tag, &str)] = &[
    (Tag::KeyPartIdentifier, "belongs to split keys"),
    (Tag::SplitKeyMethod, "belongs to split keys"),
    (Tag::SplitKeyParts, "belongs to split keys"),
    (Tag::SplitKeyThreshold, "belongs to split keys"),
    (Tag::SplitKeyPolynomial, "belongs to split keys"),
];

#[test]
fn an_attribute_is_read_as_it_was_set() {
    let mut refused = Vec::new();
    for version in Version::ALL {
        let house = House::new();
        let mut dice = Dice::new(7);
        dice.ids.push(house.key("alice", "target"));
        let may_set = |rule: &&Rule| {
            rule.known_in(version)
                && matches!(rule.set_by, SetBy::Client | SetBy::Both)
                && !NOT_FREE.iter().any(|(tag, _)| *tag == rule.tag)
                // 3.0 has Rotate Name, and no longer the fields it is made of.
                && rule.fields.iter().all(|row| row.count != Count::Required || row.tag.known_in(version))
        };
        for rule in RULES.iter().filter(may_set) {
            let value = dice.attribute(rule, version);
            let key = match rule.applies_to(ObjectType::SymmetricKey, version) {
                true => symmetric(&house, version, rule, &value),
                false => pair(&house, version, rule, &value),
            };
            let key = match key {
                Ok(key) => key,
                Err(why) => {
                    refused.push(format!("{version} {}: {value:?}: {why}", rule.tag));
                    continue;
                }
            };
            let Some(expected) = one_attribute(version, rule.tag, &value) else {
                panic!("{version} has no form for {}", rule.tag)
            };
            let payload = house.does("alice", version, Operation::GetAttributes, vec![id(version, &key)]);
            let Value::Structure(found) = (match version.is_1x() {
                true => payload,
                false => payload.field(Tag::Attributes).unwrap().clone(),
            }) else {
                panic!("attributes are a structure")
            };
            let expected = match (version.is_1x(), expected.value) {
                (false, Value::Structure(mut inner)) => inner.remove(0),
                (_, value) => field(Tag::Attribute, value),
            };
            if !found.contains(&expected) {
                let same: Vec<_> = found.iter().filter(|one| one.tag == expected.tag).collect();
                refused.push(format!("{version} {}: set {expected:?}, found {same:?}", rule.tag));
            }
        }
    }
    assert!(refused.is_empty(), "a client may set these, and the server refused:\n{}", refused.join("\n"));
}

/// A registered key with the attribute.
fn symmetric(house: &House, version: Version, rule: &Rule, value: &Value) -> Result<String, String> {
    let mut list = vec![(Tag::CryptographicUsageMask, Value::Integer(12)), (rule.tag, value.clone())];
    list.dedup_by_key(|(tag, _)| *tag);
    if rule.tag == Tag::CryptographicUsageMask {
        list[0].1 = value.clone();
    }
    let payload = vec![
        field(Tag::ObjectType, Value::Enumeration(ObjectType::SymmetricKey.0)),
        attributes(version, (Tag::TemplateAttribute, Tag::Attributes), &list),
        field(Tag::SymmetricKey, symmetric_key(&[3; 16])),
    ];
    let answer = house.ask("alice", &Ask::one(version, Operation::Register, payload));
    match answer.items[0].status {
        ResultStatus::Success => Ok(id_in(&answer.items[0].payload)),
        _ => Err(format!("{:?}", answer.items[0].reason)),
    }
}

fn pair(house: &House, version: Version, rule: &Rule, value: &Value) -> Result<String, String> {
    let algorithm = (Tag::CryptographicAlgorithm, Value::Enumeration(CryptographicAlgorithm::ECDSA.0));
    let curve = Value::Structure(vec![field(Tag::RecommendedCurve, Value::Enumeration(1))]);
    let common = [algorithm, (Tag::CryptographicDomainParameters, curve)];
    let usage = |bits| (Tag::CryptographicUsageMask, Value::Integer(bits));
    let payload = vec![
        attributes(
            version,
            (Tag::CommonTemplateAttribute, Tag::CommonAttributes),
            &common[..if rule.tag == common[1].0 { 1 } else { 2 }],
        ),
        attributes(
            version,
            (Tag::PrivateKeyTemplateAttribute, Tag::PrivateKeyAttributes),
            &[usage(1), (rule.tag, value.clone())],
        ),
        attributes(
            version,
            (Tag::PublicKeyTemplateAttribute, Tag::PublicKeyAttributes),
            &[usage(2), (rule.tag, value.clone())],
        ),
    ];
    let answer = house.ask("alice", &Ask::one(version, Operation::CreateKeyPair, payload));
    match answer.items[0].status {
        ResultStatus::Success => {
            let id = answer.items[0].payload.field(Tag::PrivateKeyUniqueIdentifier).and_then(Value::as_text);
            Ok(id.unwrap().to_owned())
        }
        _ => Err(format!("{:?}", answer.items[0].reason)),
    }
}
