//! Credentials in the header, each against an object that Create Credential made, and groups.

use std::sync::Arc;

use super::support::{Answer, Ask, House, START, Setup, create, field, id, id_in, peer};
use crate::base::{Field, Value};
use crate::crypto::hash::hash;
use crate::crypto::otp::Token;
use crate::model::right::Right;
use crate::registry::{
    CertificateType, CredentialType, HashingAlgorithm, OTPAlgorithm, Operation, ResultReason, ResultStatus, Tag,
    Version,
};

const V: Version = Version::V3_0;
const SEED: &[u8] = b"12345678901234567890";

fn enumeration(tag: Tag, number: u32) -> Field {
    field(tag, Value::Enumeration(number))
}

fn bytes(tag: Tag, bytes: &[u8]) -> Field {
    field(tag, Value::ByteString(bytes.into()))
}

fn text(tag: Tag, text: &str) -> Field {
    field(tag, Value::text(text))
}

/// A user of this name with a credential, both made by the operator.
fn enrol(house: &House, user: &str, kind: CredentialType, tag: Tag, credential: Vec<Field>) -> String {
    let payload = vec![
        enumeration(Tag::CredentialType, kind.0),
        field(Tag::Attributes, Value::Structure(Vec::new())),
        field(tag, Value::Structure(credential)),
    ];
    let credential = id_in(&house.does("operator", V, Operation::CreateCredential, payload));
    let attributes =
        vec![text(Tag::Name, user), field(Tag::CredentialLink, Value::Reference(credential.clone().into()))];
    let attributes = field(Tag::Attributes, Value::Structure(attributes));
    house.does("operator", V, Operation::CreateUser, vec![attributes]);
    credential
}

/// A Create with a credential in its header.
fn create_with(version: Version, kind: CredentialType, value: Vec<Field>) -> Ask {
    let credential =
        vec![enumeration(Tag::CredentialType, kind.0), field(Tag::CredentialValue, Value::Structure(value))];
    let authentication = Value::Structure(vec![field(Tag::Credential, Value::Structure(credential))]);
    Ask::one(version, Operation::Create, create(version, &[])).header(Tag::Authentication, authentication)
}

/// Whether a Create with this credential made an object of the user.
fn comes_in(house: &House, user: &str, ask: &Ask) -> bool {
    let before = house.count(user);
    let answer = house.ask("stranger", ask);
    let made = house.count(user) - before;
    match answer.items[0].status {
        ResultStatus::Success => assert_eq!(made, 1),
        _ => {
            assert_eq!(answer.items[0].reason, Some(ResultReason::AuthenticationNotSuccessful));
            assert_eq!(made, 0);
        }
    }
    made == 1
}

fn otp(counter: u64) -> String {
    Token { seed: SEED, hash: HashingAlgorithm::SHA_1, digits: 6 }.password(counter).unwrap()
}

fn one_time(user: &str, value: &str) -> Ask {
    let value = vec![text(Tag::Username, user), text(Tag::OneTimePassword, value)];
    create_with(Version::V2_1, CredentialType::OneTimePassword, value)
}

fn otp_credential(algorithm: OTPAlgorithm) -> Vec<Field> {
    vec![enumeration(Tag::OTPAlgorithm, algorithm.0), bytes(Tag::OTPSeed, SEED)]
}

#[test]
fn a_counter_password_works_once_and_its_predecessors_never_again() {
    let house = House::new();
    let (kind, tag) = (CredentialType::OneTimePassword, Tag::OTPCredential);
    enrol(&house, "erin", kind, tag, otp_credential(OTPAlgorithm::HOTP));
    // (counter, right)
    let tries = [(0, true), (0, false), (3, true), (2, false), (3, false), (4, true)];
    for (counter, right) in tries {
        assert_eq!(comes_in(&house, "erin", &one_time("erin", &otp(counter))), right, "{counter}");
    }
    house.clock.pass(61);
    assert!(!comes_in(&house, "erin", &one_time("erin", &otp(15))), "too far ahead");
    assert!(comes_in(&house, "erin", &one_time("erin", &otp(14))));
    assert!(!comes_in(&house, "frank", &one_time("frank", &otp(15))), "nobody");
}

#[test]
fn a_password_of_time_works_once_and_for_a_step_around() {
    let house = House::new();
    enrol(&house, "erin", CredentialType::OneTimePassword, Tag::OTPCredential, otp_credential(OTPAlgorithm::TOTP));
    let step = START as u64 / 30;
    let tries = [(step - 2, false), (step - 1, true), (step - 1, false), (step + 1, true), (step, false)];
    for (step, right) in tries {
        assert_eq!(comes_in(&house, "erin", &one_time("erin", &otp(step))), right, "{step}");
    }
    house.clock.pass(300);
    assert!(comes_in(&house, "erin", &one_time("erin", &otp(step + 10))));
}

#[test]
fn a_one_time_password_is_used_up_by_a_batch_that_fails_and_not_by_a_wrong_password() {
    let house = House::new();
    enrol(&house, "user", CredentialType::OneTimePassword, Tag::OTPCredential, otp_credential(OTPAlgorithm::HOTP));
    let with_password = |password: &str| {
        let value =
            vec![text(Tag::Username, "user"), text(Tag::Password, password), text(Tag::OneTimePassword, &otp(0))];
        create_with(Version::V2_1, CredentialType::OneTimePassword, value)
    };
    assert!(!comes_in(&house, "user", &with_password("wrong")));
    let mut failing = with_password("right");
    failing.items = Ask::one(Version::V2_1, Operation::Get, vec![id(Version::V2_1, "nothing")]).items;
    assert_eq!(house.ask("stranger", &failing).items[0].reason, Some(ResultReason::ObjectNotFound));
    assert!(!comes_in(&house, "user", &with_password("right")));
}

#[test]
fn guesses_are_counted() {
    let house = House::new();
    enrol(&house, "erin", CredentialType::OneTimePassword, Tag::OTPCredential, otp_credential(OTPAlgorithm::HOTP));
    for _ in 0..5 {
        assert!(!comes_in(&house, "erin", &one_time("erin", "000000")));
    }
    assert!(!comes_in(&house, "erin", &one_time("erin", &otp(0))), "the door is closed");
    house.clock.pass(61);
    assert!(comes_in(&house, "erin", &one_time("erin", &otp(0))));
}

fn sha(parts: &[&[u8]]) -> Vec<u8> {
    hash(HashingAlgorithm::SHA_256, &parts.concat()).unwrap()
}

#[test]
fn a_hashed_password_proves_both_sides_once() {
    let house = House::new();
    let (one, two) = (sha(&[b"erin", b"secret"]), sha(&[b"secret", b"erin"]));
    let credential = vec![bytes(Tag::HashedUsernamePassword, &one), bytes(Tag::HashedPasswordUsername, &two)];
    enrol(&house, "erin", CredentialType::HashedPassword, Tag::HashedPasswordCredential, credential);
    let ask = |micros: i64, one: &[u8]| {
        let hashed = [sha(&[one, &micros.to_be_bytes()]), two.clone()].concat();
        let value = vec![
            text(Tag::Username, "erin"),
            field(Tag::TimeStamp, Value::DateTimeExtended(micros)),
            bytes(Tag::HashedPassword, &hashed),
        ];
        create_with(Version::V2_1, CredentialType::HashedPassword, value)
    };
    let now = START * 1_000_000;
    // (timestamp, S1, right)
    let tries = [
        (now, &one[..], true),
        (now, &one, false),
        (now - 1, &one, false),
        (now + 1, &two, false),
        (now + 1, &one, true),
        (now + 400_000_000, &one, false),
    ];
    for (micros, one, right) in tries {
        assert_eq!(comes_in(&house, "erin", &ask(micros, one)), right, "{micros}");
    }
    house.clock.pass(61);
    let answer = house.ask("stranger", &ask(now + 2, &one));
    let header = answer.message.field(Tag::ResponseHeader).unwrap();
    let expected = sha(&[&(now + 2).to_be_bytes(), &one, &sha(&[&two])]);
    assert_eq!(header.field(Tag::ServerHashedPassword), Some(&Value::ByteString(expected.into())));
    let plain = house.ask("stranger", &Ask::one(V, Operation::Query, vec![enumeration(Tag::QueryFunction, 1)]));
    assert_eq!(plain.message.field(Tag::ResponseHeader).unwrap().field(Tag::ServerHashedPassword), None);
}

#[test]
fn a_device_is_known_by_all_that_it_tells() {
    let house = House::new();
    let serial = || text(Tag::DeviceSerialNumber, "4711");
    let credential = vec![serial(), text(Tag::Password, "secret")];
    enrol(&house, "disk", CredentialType::Device, Tag::DeviceCredential, credential);
    let without = vec![text(Tag::MachineIdentifier, "m1")];
    enrol(&house, "machine", CredentialType::Device, Tag::DeviceCredential, without);
    let ask = |value: Vec<Field>| create_with(Version::V1_4, CredentialType::Device, value);
    assert!(comes_in(&house, "disk", &ask(vec![serial(), text(Tag::Password, "secret")])));
    assert!(!comes_in(&house, "disk", &ask(vec![serial(), text(Tag::Password, "wrong")])));
    assert!(!comes_in(&house, "disk", &ask(vec![serial()])));
    assert!(!comes_in(&house, "machine", &ask(vec![text(Tag::MachineIdentifier, "m1")])), "anybody can say this");
    let answer = house.ask("machine", &ask(vec![text(Tag::MachineIdentifier, "m1")]));
    assert_eq!(answer.items[0].status, ResultStatus::Success, "the certificate says so too");
    let empty = house.ask("stranger", &ask(Vec::new()));
    assert_eq!(empty.items[0].reason, Some(ResultReason::InvalidMessage));
}

#[test]
fn a_certificate_names_the_user_that_is_linked_to_it() {
    let house = House::new();
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
    let der = |name: &str| rcgen::CertificateParams::new(vec![name.into()]).unwrap().self_signed(&key).unwrap();
    let (own, other) = (der("own"), der("other"));
    let inner = |der: &[u8]| {
        vec![enumeration(Tag::CertificateType, CertificateType::X_509.0), bytes(Tag::CertificateValue, der)]
    };
    enrol(&house, "erin", CredentialType::Certificate, Tag::Certificate, inner(own.der()));
    let ask = |value: Vec<Field>, certificate: Option<&[u8]>| -> Answer {
        let mut peer = peer("stranger");
        peer.certificate = certificate.map(Into::into);
        house.send_by(&peer, &create_with(V, CredentialType::Certificate, value).bytes())
    };
    let shown = |der: &[u8]| vec![field(Tag::Certificate, Value::Structure(inner(der)))];
    // (what the header says, the certificate of the connection, whether it is erin)
    let cases = [
        (Vec::new(), Some(&own), true),
        (vec![text(Tag::Username, "erin")], Some(&own), true),
        (shown(own.der()), Some(&own), true),
        (vec![text(Tag::Username, "alice")], Some(&own), false),
        (shown(own.der()), Some(&other), false),
        (shown(other.der()), Some(&own), false),
        (shown(own.der()), None, false),
        (Vec::new(), Some(&other), false),
    ];
    for (value, certificate, right) in cases {
        let before = house.count("erin");
        let answer = ask(value, certificate.map(|certificate| &certificate.der()[..]));
        assert_eq!(answer.items[0].status == ResultStatus::Success, right);
        assert_eq!(house.count("erin") - before, usize::from(right));
    }
}

#[test]
fn what_nobody_can_verify_is_refused_with_the_reason_of_the_version() {
    let house = House::new();
    let cases = [
        (Version::V1_1, None),
        (Version::V1_2, Some(ResultReason::AttestationFailed)),
        (Version::V2_1, Some(ResultReason::AttestationFailed)),
    ];
    for (version, reason) in cases {
        let answer = house.ask("alice", &create_with(version, CredentialType::Attestation, Vec::new()));
        assert_eq!(answer.items[0].status, ResultStatus::OperationFailed);
        if let Some(reason) = reason {
            assert_eq!(answer.items[0].reason, Some(reason), "{version}");
        }
    }
}

#[test]
fn credentials_of_different_users_do_not_add_up() {
    let house = House::new();
    enrol(&house, "erin", CredentialType::OneTimePassword, Tag::OTPCredential, otp_credential(OTPAlgorithm::HOTP));
    let credential = |kind: CredentialType, value: Vec<Field>| {
        let fields =
            vec![enumeration(Tag::CredentialType, kind.0), field(Tag::CredentialValue, Value::Structure(value))];
        field(Tag::Credential, Value::Structure(fields))
    };
    let both = Value::Structure(vec![
        credential(
            CredentialType::OneTimePassword,
            vec![text(Tag::Username, "erin"), text(Tag::OneTimePassword, &otp(0))],
        ),
        credential(
            CredentialType::UsernameAndPassword,
            vec![text(Tag::Username, "user"), text(Tag::Password, "right")],
        ),
    ]);
    let version = Version::V2_1;
    let ask = Ask::one(version, Operation::Create, create(version, &[])).header(Tag::Authentication, both);
    assert_eq!(house.ask("alice", &ask).items[0].reason, Some(ResultReason::AuthenticationNotSuccessful));
    assert!(comes_in(&house, "erin", &one_time("erin", &otp(0))), "nothing was used up");
}

#[test]
fn a_revoked_credential_lets_nobody_in() {
    let house = House::new();
    let (kind, tag) = (CredentialType::OneTimePassword, Tag::OTPCredential);
    let credential = enrol(&house, "erin", kind, tag, otp_credential(OTPAlgorithm::HOTP));
    assert!(comes_in(&house, "erin", &one_time("erin", &otp(0))));
    house.does("operator", V, Operation::Deactivate, vec![id(V, &credential)]);
    assert!(!comes_in(&house, "erin", &one_time("erin", &otp(1))));
}

/// A key in a group is its members' to use, as far as the operator chose, whatever form the group has.
#[test]
fn members_of_a_group_reach_what_is_in_it() {
    let members = [Right::Locate, Right::Get].into();
    let house = House::over(Arc::new(crate::store::Memory::new()), &Setup { members, ..Setup::default() });
    let attributes = |fields: Vec<Field>| vec![field(Tag::Attributes, Value::Structure(fields))];
    let group = id_in(&house.does("operator", V, Operation::CreateGroup, attributes(vec![text(Tag::Name, "staff")])));
    let link = |group: &str| field(Tag::GroupLink, Value::Reference(group.into()));
    house.does("operator", V, Operation::CreateUser, attributes(vec![text(Tag::Name, "bob"), link(&group)]));
    let by_link = (Tag::GroupLink, Value::Reference(group.clone().into()));
    let by_name = (Tag::ObjectGroup, Value::text("staff"));
    let key =
        |version, more: &[(Tag, Value)]| id_in(&house.does("alice", version, Operation::Create, create(version, more)));
    let shared = [key(V, &[by_link]), key(Version::V2_1, &[by_name])];
    let own = key(V, &[]);
    for key in &shared {
        house.does("bob", V, Operation::Get, vec![id(V, key)]);
        assert_eq!(house.fails("bob", V, Operation::Destroy, vec![id(V, key)]), ResultReason::ObjectNotFound);
        assert_eq!(house.fails("carol", V, Operation::Get, vec![id(V, key)]), ResultReason::ObjectNotFound);
    }
    house.fails("bob", V, Operation::Get, vec![id(V, &own)]);
    assert_eq!((house.count("bob"), house.count("carol"), house.count("alice")), (2, 0, 3));
}
