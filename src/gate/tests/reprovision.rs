//! Re-Provision: the three forms, and what becomes of the certificate before.

use std::sync::Arc;

use rcgen::{CertificateParams, CertificateSigningRequestParams, DnType, Issuer, KeyPair, SubjectPublicKeyInfo};

use super::support::{Answer, Ask, House, field, id, id_in, peer};
use crate::base::{Error, Field, Result, Value};
use crate::crypto::x509::Certificate;
use crate::gate::identity::Peer;
use crate::ops::reprovision::Provisioner;
use crate::registry::{
    CertificateRequestType, CertificateType, Operation, QueryFunction, ResultReason, RevocationReasonCode, Tag, Version,
};

const V: Version = Version::V2_1;

/// Signs for anybody; admits what it signed for the caller.
struct Signer(Issuer<'static, KeyPair>);

fn key() -> KeyPair {
    KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap()
}

fn parameters(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = rcgen::date_time_ymd(2000, 1, 1);
    params.not_after = rcgen::date_time_ymd(2100, 1, 1);
    params
}

impl Provisioner for Signer {
    fn issue(&self, caller: &str, public_key_info: &[u8]) -> Result<Vec<u8>> {
        let key = SubjectPublicKeyInfo::from_der(public_key_info).unwrap();
        Ok(parameters(caller).signed_by(&key, &self.0).unwrap().der().to_vec())
    }

    fn admits(&self, caller: &str, certificate: &[u8]) -> Result<()> {
        let subject = Certificate::parse(certificate).unwrap().subject.text().to_owned();
        match subject.contains(&format!("CN={caller}")) {
            true => Ok(()),
            false => Err(Error::permission_denied("another name")),
        }
    }
}

fn house() -> House {
    let House { core, clock } = House::new();
    let core = core.with_provisioner(Arc::new(Signer(Issuer::new(parameters("ca"), key()))));
    House { core, clock }
}

fn certificate_of(name: &str) -> Vec<u8> {
    parameters(name).self_signed(&key()).unwrap().der().to_vec()
}

/// A connection of the client that shows this certificate.
fn by(name: &str, certificate: &[u8]) -> Peer {
    Peer { certificate: Some(certificate.into()), ..peer(name) }
}

fn structure(tag: Tag, kind: (Tag, u32), value: (Tag, &[u8])) -> Field {
    let fields = vec![field(kind.0, Value::Enumeration(kind.1)), field(value.0, Value::ByteString(value.1.into()))];
    field(tag, Value::Structure(fields))
}

fn certificate(der: &[u8]) -> Field {
    let kind = (Tag::CertificateType, CertificateType::X_509.0);
    structure(Tag::Certificate, kind, (Tag::CertificateValue, der))
}

fn request(der: &[u8]) -> Field {
    let kind = (Tag::CertificateRequestType, CertificateRequestType::PKCS_10.0);
    structure(Tag::CertificateRequest, kind, (Tag::CertificateRequestValue, der))
}

fn ask(house: &House, peer: &Peer, payload: Vec<Field>) -> Answer {
    house.send_by(peer, &Ask::one(V, Operation::ReProvision, payload).bytes())
}

fn succeeds(house: &House, peer: &Peer, payload: Vec<Field>) -> String {
    let answer = ask(house, peer, payload);
    assert_eq!(answer.items[0].reason, None, "{answer:?}");
    id_in(&answer.items[0].payload)
}

/// Whether requests of the connection are answered.
fn is_served(house: &House, peer: &Peer) -> bool {
    let query = vec![field(Tag::QueryFunction, Value::Enumeration(QueryFunction::QueryOperations.0))];
    let reason = house.send_by(peer, &Ask::one(V, Operation::Query, query).bytes()).items[0].reason;
    assert!(reason.is_none() || reason == Some(ResultReason::AuthenticationNotSuccessful));
    reason.is_none()
}

fn bytes_of(house: &House, name: &str, object: &str, structure: Tag, value: Tag) -> Vec<u8> {
    let payload = house.does(name, V, Operation::Get, vec![id(V, object)]);
    match payload.field(structure).and_then(|inner| inner.field(value)) {
        Some(Value::ByteString(bytes)) => bytes.to_vec(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_request_is_signed_for_the_caller_and_the_old_certificate_is_of_no_use_any_more() {
    let house = house();
    let old = by("alice", &certificate_of("alice"));
    let other = by("alice", &certificate_of("alice"));
    let new_key = key();
    // Whatever name the request has, the certificate has the caller's.
    let csr = parameters("mallory").serialize_request(&new_key).unwrap();
    assert!(is_served(&house, &old));
    let object = succeeds(&house, &old, vec![request(csr.der())]);
    let new = bytes_of(&house, "alice", &object, Tag::Certificate, Tag::CertificateValue);
    let parsed = Certificate::parse(&new).unwrap();
    assert!(parsed.subject.text().contains("CN=alice") && !parsed.subject.text().contains("mallory"));
    let wanted = CertificateSigningRequestParams::from_der(csr.der()).unwrap().public_key;
    assert_eq!(&*parsed.public_key_info, rcgen::PublicKeyData::subject_public_key_info(&wanted));
    assert!(!is_served(&house, &old));
    assert!(is_served(&house, &by("alice", &new)) && is_served(&house, &other));
    // The next one is linked with this one.
    let next = succeeds(&house, &by("alice", &new), vec![certificate(&certificate_of("alice"))]);
    let attributes = house.does("alice", V, Operation::GetAttributes, vec![id(V, &next)]);
    assert!(format!("{attributes:?}").contains(&object), "{attributes:?}");
    assert!(!is_served(&house, &by("alice", &new)));
}

#[test]
fn a_certificate_of_ones_own_must_be_new_and_of_the_same_name() {
    let house = house();
    let old = certificate_of("alice");
    let peer = by("alice", &old);
    let refused = |payload| ask(&house, &peer, payload).items[0].reason.unwrap();
    assert_eq!(refused(vec![certificate(&old)]), ResultReason::InvalidField);
    assert_eq!(refused(vec![certificate(&certificate_of("bob"))]), ResultReason::PermissionDenied);
    let csr = parameters("alice").serialize_request(&key()).unwrap();
    assert_eq!(refused(vec![request(csr.der()), certificate(&certificate_of("alice"))]), ResultReason::InvalidField);
    assert_eq!(refused(vec![request(b"nothing")]), ResultReason::InvalidField);
    assert!(is_served(&house, &peer), "nothing has happened yet");
    let new = certificate_of("alice");
    succeeds(&house, &peer, vec![certificate(&new)]);
    assert!(!is_served(&house, &peer));
    // It does not come back.
    let reason = ask(&house, &by("alice", &new), vec![certificate(&old)]).items[0].reason;
    assert_eq!(reason, Some(ResultReason::InvalidField));
}

#[test]
fn the_server_makes_key_and_certificate_where_the_client_sends_nothing() {
    let house = house();
    let old = by("alice", &certificate_of("alice"));
    let private = succeeds(&house, &old, Vec::new());
    let payload = house.does("alice", V, Operation::Get, vec![id(V, &private)]);
    let block = payload.field(Tag::PrivateKey).and_then(|key| key.field(Tag::KeyBlock)).unwrap();
    let Some(Value::ByteString(pkcs8)) = block.field(Tag::KeyValue).and_then(|value| value.field(Tag::KeyMaterial))
    else {
        panic!("{block:?}")
    };
    let made = KeyPair::try_from(&pkcs8[..]).unwrap();
    // Private key, public key and certificate.
    assert_eq!(house.count("alice"), 3);
    let certificates = house.does("alice", V, Operation::Locate, {
        let kind = field(Tag::ObjectType, Value::Enumeration(crate::registry::ObjectType::Certificate.0));
        vec![field(Tag::Attributes, Value::Structure(vec![kind]))]
    });
    let der = bytes_of(&house, "alice", &id_in(&certificates), Tag::Certificate, Tag::CertificateValue);
    let info = rcgen::PublicKeyData::subject_public_key_info(&made);
    assert_eq!(&*Certificate::parse(&der).unwrap().public_key_info, info);
    assert!(!is_served(&house, &old) && is_served(&house, &by("alice", &der)));
}

#[test]
fn only_who_came_in_by_a_good_certificate_replaces_it() {
    let house = house();
    let denied = |peer: &Peer| ask(&house, peer, Vec::new()).items[0].reason == Some(ResultReason::PermissionDenied);
    assert!(denied(&peer("alice")), "no certificate");
    let mut params = parameters("alice");
    params.not_after = rcgen::date_time_ymd(2001, 1, 1);
    let expired = params.self_signed(&key()).unwrap().der().to_vec();
    assert!(denied(&by("alice", &expired)), "expired");
    // One that was revoked as an object.
    let first = by("alice", &certificate_of("alice"));
    let new = certificate_of("alice");
    let object = succeeds(&house, &first, vec![certificate(&new)]);
    let code = Value::Enumeration(RevocationReasonCode::KeyCompromise.0);
    let reason = field(Tag::RevocationReason, Value::Structure(vec![field(Tag::RevocationReasonCode, code)]));
    house.does("alice", V, Operation::Revoke, vec![id(V, &object), reason]);
    assert!(denied(&by("alice", &new)), "compromised");
    // A server without an authority says so.
    let bare = House::new();
    let reason = ask(&bare, &by("alice", &certificate_of("alice")), Vec::new()).items[0].reason;
    assert_eq!(reason, Some(ResultReason::FeatureNotSupported));
}
