//! Re-certify: what is renewed, what is handed on, and what is refused.

use super::*;
use crate::model::attr;
use crate::registry::{ResultReason as R, State};

const PKCS_10: CertificateRequestType = CertificateRequestType::PKCS_10;

/// A certificate of thirty days with a name.
fn leaf(server: &TestServer) -> (Pair, String) {
    let pair = ec_pair(server);
    let attributes = [
        x509(),
        (Tag::CertificateSubjectCN, Value::text("leaf")),
        name("the name"),
        (Tag::Comment, Value::text("stays")),
        date(Tag::ActivationDate, START),
        date(Tag::DeactivationDate, START + 30 * DAY),
    ];
    let id = Ask { id: &pair.public, attributes: &attributes, ..Ask::default() }.made(server, V, Operation::Certify);
    (pair, id)
}

#[test]
fn a_certificate_is_renewed_for_the_same_key() {
    for version in Version::ALL.into_iter().filter(|version| *version > Version::V1_0) {
        let server = TestServer::new();
        let authority = ec_root(&server);
        let (pair, old) = leaf(&server);
        server.wait(10 * DAY);
        let ask = Ask { id: &old, offset: Some(60), ..Ask::default() };
        let new = ask.made(&server, version, Operation::ReCertify);
        let (before, after) = (got(&server, &old), got(&server, &new));
        assert_eq!((&before.subject, &before.public_key_info), (&after.subject, &after.public_key_info), "{version}");
        assert_ne!(before.serial, after.serial);
        let from = START + 10 * DAY + 60;
        assert_eq!((after.not_before, after.not_after), (Date(from), Date(from + 30 * DAY)));
        let (old_seen, new_seen) = (attributes_of(&server, V, &old), attributes_of(&server, V, &new));
        assert_eq!(new_seen.get(attr::ACTIVATION_DATE), Some(Date(from)));
        assert_eq!(new_seen.get(attr::DEACTIVATION_DATE), Some(Date(from + 30 * DAY)));
        assert_eq!(new_seen.get(attr::STATE), Some(State::PreActive));
        assert_eq!((old_seen.has(Tag::Name), new_seen.get(attr::NAME).unwrap().value), (false, "the name".to_owned()));
        assert_eq!(new_seen.text(attr::COMMENT), Some("stays"));
        let identifier = |seen: &Attributes| seen.value(Tag::X_509CertificateIdentifier).cloned().unwrap();
        assert_ne!(identifier(&old_seen), identifier(&new_seen));
        assert_ne!(old_seen.value(Tag::Digest), new_seen.value(Tag::Digest));
        assert_eq!(new_seen.instances(Tag::CertificateSubjectCN).len(), 1);
        assert_eq!(links(&server, &old, Tag::ReplacementObjectLink), [new.as_str()]);
        assert_eq!(links(&server, &new, Tag::ReplacedObjectLink), [old.as_str()]);
        assert_eq!(links(&server, &new, Tag::CertificateLink), [authority.as_str()]);
        assert_eq!(links(&server, &new, Tag::PublicKeyLink), [pair.public.as_str()]);
        assert_eq!(links(&server, &pair.public, Tag::CertificateLink), [new.as_str()]);
        let again = ask.send(&server, version, Operation::ReCertify);
        assert_eq!(again.reason(0), Some(R::PermissionDenied));
    }
}

#[test]
fn without_an_offset_the_dates_are_copied() {
    let server = TestServer::new();
    ec_root(&server);
    let (_, old) = leaf(&server);
    server.wait(DAY);
    let new = Ask { id: &old, ..Ask::default() }.made(&server, V, Operation::ReCertify);
    let (before, after) = (got(&server, &old), got(&server, &new));
    assert_eq!((before.not_before, before.not_after), (after.not_before, after.not_after));
    assert_eq!(attributes_of(&server, V, &new).get(attr::STATE), Some(State::Active));
    // One without dates lasts as long as the one before.
    let pair = ec_pair(&server);
    let old = Ask { id: &pair.public, attributes: &[x509()], ..Ask::default() }.made(&server, V, Operation::Certify);
    server.wait(DAY);
    let new = got(&server, &Ask { id: &old, ..Ask::default() }.made(&server, V, Operation::ReCertify));
    assert_eq!((new.not_before, new.not_after), (Date(START + 2 * DAY), Date(START + 2 * DAY + 365 * DAY)));
}

#[test]
fn a_renewal_may_change_what_it_says() {
    let server = TestServer::new();
    ec_root(&server);
    let (csr, info) = request("first", &["first.example"]);
    let ask = Ask { request: Some((PKCS_10, &csr)), ..Ask::default() };
    let first = ask.made(&server, V, Operation::Certify);
    let attributes =
        [(Tag::CertificateSubjectCN, Value::text("second")), mask(Mask(Mask::Verify.0 | Mask::KeyAgreement.0))];
    let second = Ask { id: &first, attributes: &attributes, ..Ask::default() }.made(&server, V, Operation::ReCertify);
    let (before, after) = (got(&server, &first), got(&server, &second));
    assert_eq!((after.subject.text(), &*after.public_key_info), ("CN=second", &*info));
    assert_eq!(after.subject_alternative, before.subject_alternative);
    assert_eq!(after.extended_key_usage, before.extended_key_usage);
    assert_eq!(after.key_usage, Some(0b1_0001));
    // A request for the same key says it anew; one for another key is refused.
    let (other, _) = request("other", &[]);
    for (version, reason) in [(V, R::InvalidCSR), (Version::V1_4, R::InvalidField)] {
        let ask = Ask { id: &second, request: Some((PKCS_10, &other)), ..Ask::default() };
        assert_eq!(ask.send(&server, version, Operation::ReCertify).reason(0), Some(reason));
    }
    let ask = Ask { id: &second, request: Some((PKCS_10, &csr)), ..Ask::default() };
    let third = got(&server, &ask.made(&server, Version::V1_0, Operation::ReCertify));
    assert_eq!(third.subject.text(), "CN=first");
}

#[test]
fn a_root_renews_itself_and_signs_on() {
    let server = TestServer::new();
    let (_, old) = root(&server, EC, "root");
    let ask = Ask { id: &old, offset: Some(0), ..Ask::default() };
    let new = ask.made(&server, V, Operation::ReCertify);
    let certificate = got(&server, &new);
    assert!(certificate.is_self_signed() && certificate.is_authority);
    // The old one was replaced, so the new one is the only authority that need not be named.
    let pair = ec_pair(&server);
    let id = Ask { id: &pair.public, attributes: &[x509()], ..Ask::default() }.made(&server, V, Operation::Certify);
    assert_eq!(links(&server, &id, Tag::CertificateLink), [new.as_str()]);
    assert_eq!(judged(&server, V, &[], &[&id], None), ValidityIndicator::Valid);
    assert_eq!(judged(&server, V, &[], &[&id, &old], None), ValidityIndicator::Valid);
}

#[test]
fn what_cannot_be_renewed_is_refused() {
    let server = TestServer::new();
    ec_root(&server);
    let (pair, old) = leaf(&server);
    let reason = |ask: &Ask<'_>, version| ask.send(&server, version, Operation::ReCertify).reason(0);
    let ask = Ask { id: &old, ..Ask::default() };
    let dated = [date(Tag::DeactivationDate, START + 90 * DAY)];
    let both = Ask { offset: Some(1), attributes: &dated, ..ask };
    let table = [
        (both, R::InvalidMessage, R::InvalidMessage),
        (Ask { id: "nothing", ..ask }, R::ObjectNotFound, R::ItemNotFound),
        (Ask { id: &pair.public, ..ask }, R::InvalidObjectType, R::PermissionDenied),
    ];
    for (ask, newer, older) in table {
        assert_eq!((reason(&ask, V), reason(&ask, Version::V1_4)), (Some(newer), Some(older)));
    }
    let named = Ask { request_id: &pair.public, ..ask };
    assert_eq!(reason(&named, V), Some(R::InvalidObjectType));
    // Past its end it needs new dates.
    server.wait(31 * DAY);
    assert_eq!(reason(&ask, V), Some(R::InvalidField));
    assert_eq!(reason(&Ask { attributes: &dated, ..ask }, V), None);

    let (_, compromised) = leaf_of(&server, "other");
    revoke(&server, &compromised, RevocationReasonCode::KeyCompromise);
    assert_eq!(reason(&Ask { id: &compromised, ..ask }, V), Some(R::PermissionDenied));
    let (pair, of_revoked_key) = leaf_of(&server, "third");
    revoke(&server, &pair.public, RevocationReasonCode::KeyCompromise);
    assert_eq!(reason(&Ask { id: &of_revoked_key, ..ask }, V), Some(R::PermissionDenied));
}

/// A certificate of this subject without dates.
fn leaf_of(server: &TestServer, subject: &str) -> (Pair, String) {
    let pair = ec_pair(server);
    let attributes = [x509(), (Tag::CertificateSubjectCN, Value::text(subject))];
    let id = Ask { id: &pair.public, attributes: &attributes, ..Ask::default() }.made(server, V, Operation::Certify);
    (pair, id)
}
