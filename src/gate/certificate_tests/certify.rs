//! Certify: what is certified, by whom, and what it says.

use super::*;
use crate::crypto::x509::KeyUsage;
use crate::gate::resident_tests::{Bench, on_every_vault};
use crate::model::attr;
use crate::model::values::{UsageLimits, X509CertificateSubject};
use crate::registry::{KeyFormatType, ObjectType, ProtectionLevel, ResultReason as R, State, UsageLimitsUnit};

const PKCS_10: CertificateRequestType = CertificateRequestType::PKCS_10;

#[test]
fn every_version_certifies_a_public_key() {
    let server = TestServer::new();
    let authority = ec_root(&server);
    let subject = X509CertificateSubject {
        distinguished_name: crate::crypto::x509::Name::from_text("CN=leaf,O=Example").unwrap().der().to_vec(),
        alternative_names: vec![b"\x82\x0cleaf.example".to_vec()],
    };
    let text = crate::model::values::CertificateSubject {
        distinguished_name: "CN=leaf,O=Example".into(),
        alternative_names: vec!["leaf.example".into()],
    };
    for version in Version::ALL.into_iter().filter(|version| *version > Version::V1_0) {
        let leaf = ec_pair(&server);
        let said = match version {
            Version::V1_1 => (Tag::CertificateSubject, text.clone().into_value()),
            _ => (Tag::X_509CertificateSubject, subject.clone().into_value()),
        };
        let attributes = [
            x509(),
            said,
            mask(Mask::Verify),
            name(&format!("leaf {version}")),
            date(Tag::ActivationDate, START),
            date(Tag::DeactivationDate, START + 30 * DAY),
        ];
        let ask = Ask { id: &leaf.public, attributes: &attributes, ..Ask::default() };
        let id = ask.made(&server, version, Operation::Certify);
        let certificate = got(&server, &id);
        assert_eq!(certificate.subject.text(), "CN=leaf,O=Example", "{version}");
        assert_eq!(&*certificate.subject_alternative[0].text, "leaf.example");
        assert_eq!(certificate.issuer.text(), "CN=root");
        assert_eq!((certificate.not_before, certificate.not_after), (Date(START), Date(START + 30 * DAY)));
        assert_eq!((certificate.is_authority, certificate.key_usage), (false, Some(KeyUsage::DIGITAL_SIGNATURE)));
        assert!(certificate.is_signed_by(got(&server, &authority).public_key.as_ref().unwrap()).unwrap());
        assert_eq!(certificate.authority_key_id, got(&server, &authority).subject_key_id);
        assert_eq!(links(&server, &id, Tag::PublicKeyLink), [leaf.public.as_str()]);
        assert_eq!(links(&server, &id, Tag::CertificateLink), [authority.as_str()]);
        assert_eq!(links(&server, &leaf.public, Tag::CertificateLink), [id.as_str()]);
        let seen = attributes_of(&server, version, &id);
        assert_eq!(seen.get(attr::STATE), Some(State::Active));
        assert_eq!(seen.get(attr::CERTIFICATE_TYPE), Some(CertificateType::X_509));
        assert_eq!(seen.get(attr::CRYPTOGRAPHIC_USAGE_MASK), Some(Mask::Verify));
        assert_eq!(seen.get(attr::CERTIFICATE_LENGTH), Some(certificate.der().len() as i32));
        assert_eq!(seen.has(Tag::CertificateSubject), version.is_1x());
        assert_eq!(seen.has(Tag::CertificateSubjectCN), !version.is_1x());
        assert!(seen.has(Tag::Digest) && seen.has(Tag::X_509CertificateIdentifier));
        assert_eq!(judged(&server, version, &[], &[&id], None), ValidityIndicator::Valid, "{version}");
    }
}

#[test]
fn every_algorithm_that_signs_can_be_an_authority() {
    for algorithm in [(Algorithm::RSA, 2048), (Algorithm::EC, 384), (Algorithm::EC, 521), (Algorithm::Ed25519, 256)] {
        let server = TestServer::new();
        let (pair, authority) = root(&server, algorithm, "root");
        let certificate = got(&server, &authority);
        assert!(certificate.is_self_signed() && certificate.is_authority);
        assert_eq!(certificate.key_usage, Some(KeyUsage::KEY_CERT_SIGN | KeyUsage::CRL_SIGN));
        assert!(links(&server, &authority, Tag::CertificateLink).is_empty());
        assert_eq!(links(&server, &authority, Tag::PublicKeyLink), [pair.public.as_str()]);
        let (csr, info) = request("leaf", &["leaf.example", "10.0.0.1"]);
        let id = Ask { request: Some((PKCS_10, &csr)), ..Ask::default() }.made(&server, V, Operation::Certify);
        let leaf = got(&server, &id);
        assert_eq!(*leaf.public_key_info, *info);
        assert_eq!(judged(&server, V, &[leaf.der()], &[&authority], None), ValidityIndicator::Valid, "{algorithm:?}");
    }
}

#[test]
fn a_request_says_more_than_the_attributes() {
    let server = TestServer::new();
    ec_root(&server);
    let (csr, info) = request("of the request", &["leaf.example"]);
    let pem = pkcs8::der::pem::encode_string("CERTIFICATE REQUEST", pkcs8::LineEnding::LF, &csr).unwrap();
    let attributes = [mask(Mask::Encrypt), (Tag::CertificateSubjectCN, Value::text("of the attributes")), name("n")];
    for (kind, bytes) in [(PKCS_10, &csr[..]), (CertificateRequestType::PEM, pem.as_bytes())] {
        let attributes = if kind == PKCS_10 { &attributes[..] } else { &attributes[..2] };
        let ask = Ask { request: Some((kind, bytes)), attributes, ..Ask::default() };
        let id = ask.made(&server, V, Operation::Certify);
        let certificate = got(&server, &id);
        assert_eq!(certificate.subject.text(), "CN=of the request");
        assert_eq!((&*certificate.public_key_info, certificate.is_authority), (&*info, false));
        // It asked to be an authority, which is not its to say.
        assert_eq!(certificate.key_usage, Some(KeyUsage::DIGITAL_SIGNATURE));
        assert!(certificate.extended_key_usage.is_some());
        let seen = attributes_of(&server, V, &id);
        assert_eq!(seen.get(attr::CRYPTOGRAPHIC_USAGE_MASK), Some(Mask::Verify));
        assert!(links(&server, &id, Tag::PublicKeyLink).is_empty());
    }
    // Where the request is silent, the attributes speak.
    let (silent, _) = request("", &[]);
    let ask = Ask { request: Some((PKCS_10, &silent)), attributes: &attributes[..2], ..Ask::default() };
    let certificate = got(&server, &ask.made(&server, V, Operation::Certify));
    assert_eq!(certificate.subject.text(), "CN=of the attributes");
}

#[test]
fn an_old_client_sends_a_request_beside_the_key() {
    let server = TestServer::new();
    ec_root(&server);
    let (csr, info) = request("leaf", &[]);
    let public = server.key(ObjectType::PublicKey, Algorithm::EC, KeyFormatType::X_509, &info, |_| {});
    let other = ec_pair(&server).public;
    for version in [Version::V1_0, Version::V1_4] {
        let ask = Ask { id: &public, request: Some((PKCS_10, &csr)), ..Ask::default() };
        let id = ask.made(&server, version, Operation::Certify);
        assert_eq!(links(&server, &id, Tag::PublicKeyLink), [public.as_str()]);
        let ask = Ask { id: &other, ..ask };
        assert_eq!(ask.send(&server, version, Operation::Certify).reason(0), Some(R::InvalidField));
        // Without a key and with no ID Placeholder, the request is enough.
        Ask { id: "", ..ask }.made(&server, version, Operation::Certify);
    }
    let ask = Ask { id: &other, request: Some((PKCS_10, &csr)), ..Ask::default() };
    assert_eq!(ask.send(&server, V, Operation::Certify).reason(0), Some(R::InvalidCSR));
    let ask = Ask { id: &public, attributes: &[x509()], ..Ask::default() };
    assert_eq!(ask.send(&server, Version::V1_0, Operation::Certify).reason(0), Some(R::InvalidMessage));
}

fn register_request(server: &TestServer, csr: &[u8], more: &[Given]) -> String {
    let answer = server.ask(V, Operation::Register, |out| {
        ObjectType::CertificateRequest.write(Tag::ObjectType, out, V);
        write_attributes(out, V, (Tag::Attributes, Tag::Attributes), more);
        out.structure(Tag::CertificateRequest, |out| {
            PKCS_10.write(Tag::CertificateRequestType, out, V);
            out.byte_string(Tag::CertificateRequestValue, csr);
        });
    });
    assert_eq!(answer.reason(0), None, "{}", answer.message(0));
    answer.text(0, Tag::UniqueIdentifier)
}

#[test]
fn a_certificate_request_object_is_certified_and_linked() {
    let server = TestServer::new();
    ec_root(&server);
    let (csr, info) = request("leaf", &[]);
    let public = server.key(ObjectType::PublicKey, Algorithm::EC, KeyFormatType::X_509, &info, |_| {});
    let application = register_request(&server, &csr, &[link(Tag::PublicKeyLink, &public)]);
    for version in [Version::V2_0, V, Version::V3_0] {
        let ask = Ask { id: &application, ..Ask::default() };
        let id = ask.made(&server, version, Operation::Certify);
        assert_eq!(links(&server, &id, Tag::PublicKeyLink), [public.as_str()]);
        assert_eq!(links(&server, &id, Tag::CertificateRequestLink), [application.as_str()]);
        assert!(links(&server, &application, Tag::CertificateLink).contains(&id));
        assert!(links(&server, &public, Tag::CertificateLink).contains(&id));
    }
    let ask = Ask { id: &application, ..Ask::default() };
    assert_eq!(ask.send(&server, Version::V1_4, Operation::Certify).reason(0), Some(R::PermissionDenied));
    let both = Ask { request: Some((PKCS_10, &csr)), ..ask };
    assert_eq!(both.send(&server, V, Operation::Certify).reason(0), Some(R::InvalidField));
}

#[test]
fn a_new_certificate_is_the_id_placeholder() {
    let server = TestServer::new();
    ec_root(&server);
    let leaf = ec_pair(&server);
    let certify = |out: &mut Writer| {
        Ask { id: &leaf.public, attributes: &[x509()], ..Ask::default() }.write(out, V);
    };
    let answer = server.batch("alice", V, &[(Operation::Certify, &certify), (Operation::Get, &|_| {})], true).unwrap();
    assert_eq!(answer.reason(1), None, "{}", answer.message(1));
    // Nothing said a subject or a name: the public key's identifier stands for them.
    let object = answer.field(1, Tag::Certificate).unwrap();
    let der = object.child(Tag::CertificateValue).unwrap().byte_string().unwrap();
    assert_eq!(Certificate::parse(der).unwrap().subject.text(), format!("CN={}", leaf.public));
}

#[test]
fn what_cannot_be_certified_is_refused() {
    let server = TestServer::new();
    ec_root(&server);
    let leaf = ec_pair(&server);
    let gone = ec_pair(&server);
    revoke(&server, &gone.public, RevocationReasonCode::KeyCompromise);
    let (csr, _) = request("leaf", &[]);
    let mut broken = csr.clone();
    *broken.last_mut().unwrap() ^= 1;
    let crmf = Some((CertificateRequestType::CRMF, &csr[..]));
    let key = Ask { id: &leaf.public, ..Ask::default() };
    let typed = [x509()];
    let of = |attributes| Ask { attributes, ..key };
    let sent = |request| Ask { request, ..Ask::default() };
    let later = [x509(), date(Tag::DeactivationDate, START + 20 * 365 * DAY)];
    let past = [x509(), date(Tag::ActivationDate, 5), date(Tag::DeactivationDate, 10)];
    let twice =
        [x509(), (Tag::CertificateSubjectCN, Value::text("a")), (Tag::CertificateSubjectDN, Value::text("CN=a"))];
    let pgp = [(Tag::CertificateType, CertificateType::PGP.into_value())];
    let read_only = [x509(), (Tag::CertificateLength, Value::Integer(1))];
    let unlinked = [x509(), self_signed(), link(Tag::CertificateLink, "x")];
    let nowhere = [x509(), link(Tag::CertificateLink, "nowhere")];
    let not_certificate = [x509(), link(Tag::CertificateLink, &leaf.public)];
    let table = [
        (Ask { id: "nothing", attributes: &typed, ..key }, R::ItemNotFound, R::ItemNotFound),
        (Ask { id: &leaf.private, attributes: &typed, ..key }, R::InvalidObjectType, R::PermissionDenied),
        (Ask { id: &gone.public, attributes: &typed, ..key }, R::PermissionDenied, R::PermissionDenied),
        (key, R::InvalidField, R::InvalidField),
        (of(&later), R::InvalidField, R::InvalidField),
        (of(&past), R::InvalidField, R::InvalidField),
        (of(&pgp), R::FeatureNotSupported, R::FeatureNotSupported),
        (of(&read_only), R::AttributeReadOnly, R::InvalidField),
        (of(&unlinked), R::InvalidField, R::InvalidField),
        (of(&nowhere), R::ItemNotFound, R::ItemNotFound),
        (of(&not_certificate), R::PermissionDenied, R::PermissionDenied),
        (sent(Some((PKCS_10, &broken[..]))), R::InvalidCSR, R::InvalidField),
        (sent(Some((PKCS_10, &b"nothing"[..]))), R::InvalidCSR, R::InvalidField),
        (sent(Some((CertificateRequestType::PEM, &csr[..]))), R::InvalidCSR, R::InvalidField),
        (sent(crmf), R::FeatureNotSupported, R::FeatureNotSupported),
    ];
    for (at, (ask, reason, older)) in table.iter().enumerate() {
        for (version, reason) in [(V, reason), (Version::V1_4, older)] {
            let answer = ask.send(&server, version, Operation::Certify);
            assert_eq!(answer.reason(0), Some(*reason), "case {at} {version}: {}", answer.message(0));
        }
    }
    let ask = of(&twice);
    assert_eq!(ask.send(&server, Version::V3_0, Operation::Certify).reason(0), Some(R::InvalidField));
    // 3.0 implies no ID Placeholder.
    let nothing = Ask { attributes: &typed, ..Ask::default() };
    assert_eq!(nothing.send(&server, Version::V3_0, Operation::Certify).reason(0), Some(R::InvalidMessage));
    assert_eq!(nothing.send(&server, V, Operation::Certify).reason(0), Some(R::ItemNotFound));
    // A request without its type, and a type without a request.
    for tag in [Tag::CertificateRequestType, Tag::CertificateRequestValue] {
        let answer = server.ask(V, Operation::Certify, |out| match tag {
            Tag::CertificateRequestType => PKCS_10.write(tag, out, V),
            _ => out.byte_string(tag, &csr),
        });
        assert_eq!(answer.reason(0), Some(R::InvalidMessage));
    }
}

#[test]
fn the_only_authority_signs_unless_one_is_named() {
    let server = TestServer::new();
    let leaf = ec_pair(&server);
    let typed = [x509()];
    let ask = Ask { id: &leaf.public, attributes: &typed, ..Ask::default() };
    assert_eq!(ask.send(&server, V, Operation::Certify).reason(0), Some(R::FeatureNotSupported));
    let (first_pair, first) = root(&server, EC, "first");
    assert_eq!(got(&server, &ask.made(&server, V, Operation::Certify)).issuer.text(), "CN=first");
    // Another caller has none, and cannot name that of `alice`.
    let stranger = server.batch("bob", V, &[(Operation::Certify, &|out| ask.write(out, V))], true).unwrap();
    assert_eq!(stranger.reason(0), Some(R::ItemNotFound));

    let (_, second) = root(&server, EC, "second");
    assert_eq!(ask.send(&server, V, Operation::Certify).reason(0), Some(R::InvalidField));
    for version in [Version::V1_4, V, Version::V3_0] {
        let named = [x509(), link(Tag::CertificateLink, &second)];
        let id = Ask { attributes: &named, ..ask }.made(&server, version, Operation::Certify);
        assert_eq!(got(&server, &id).issuer.text(), "CN=second");
        assert_eq!(links(&server, &id, Tag::CertificateLink), [second.as_str()]);
    }
    // One that is revoked is no authority any more, by itself or by its key.
    revoke(&server, &second, RevocationReasonCode::CessationOfOperation);
    assert_eq!(got(&server, &ask.made(&server, V, Operation::Certify)).issuer.text(), "CN=first");
    let named = [x509(), link(Tag::CertificateLink, &second)];
    let answer = Ask { attributes: &named, ..ask }.send(&server, V, Operation::Certify);
    assert_eq!(answer.reason(0), Some(R::WrongKeyLifecycleState));
    revoke(&server, &first_pair.private, RevocationReasonCode::CessationOfOperation);
    assert_eq!(ask.send(&server, V, Operation::Certify).reason(0), Some(R::WrongKeyLifecycleState));
    assert_eq!(got(&server, &first).subject.text(), "CN=first");
}

#[test]
fn a_root_is_signed_by_its_own_key_alone() {
    let server = TestServer::new();
    let pair = ec_pair(&server);
    let (_, info) = request("x", &[]);
    let foreign = Attribute { tag: Tag::PrivateKeyLink, index: 0, value: link(Tag::PrivateKeyLink, &pair.private).1 };
    let linked = server.key(ObjectType::PublicKey, Algorithm::EC, KeyFormatType::X_509, &info, |out| {
        write_attribute(&foreign, out, V);
    });
    let unlinked = server.key(ObjectType::PublicKey, Algorithm::EC, KeyFormatType::X_509, &info, |_| {});
    let attributes = [x509(), self_signed()];
    for id in [&linked, &unlinked] {
        let ask = Ask { id, attributes: &attributes, ..Ask::default() };
        assert_eq!(ask.send(&server, V, Operation::Certify).reason(0), Some(R::InvalidField));
    }
    Ask { id: &pair.public, attributes: &attributes, ..Ask::default() }.made(&server, V, Operation::Certify);
}

on_every_vault! {
    an_authority_whose_key_is_in_the_vault_signs_there
}

fn an_authority_whose_key_is_in_the_vault_signs_there(bench: &Bench) {
    let (server, vault) = (&bench.server, &bench.vault);
    let high = (Tag::ProtectionLevel, ProtectionLevel::High.into_value());
    for (algorithm, subject) in [(EC, "ec"), ((Algorithm::RSA, 2048), "rsa")] {
        let pair = pair_with(server, algorithm, (Mask::CertificateSign, Mask::Verify), std::slice::from_ref(&high));
        let authority = root_of(server, &pair, subject);
        let (csr, _) = request("leaf", &[]);
        let issuer = [link(Tag::CertificateLink, &authority)];
        let before = vault.calls();
        let ask = Ask { request: Some((PKCS_10, &csr)), attributes: &issuer, ..Ask::default() };
        let made = ask.made(server, V, Operation::Certify);
        let leaf = got(server, &made);
        assert_eq!(vault.calls(), before + 1, "one signature");
        let renewed = Ask { id: &made, offset: Some(0), ..Ask::default() }.made(server, V, Operation::ReCertify);
        assert_eq!(vault.calls(), before + 2, "one more");
        assert_eq!(judged(server, V, &[], &[&renewed, &authority], None), ValidityIndicator::Valid, "{algorithm:?}");
        assert_eq!(judged(server, V, &[leaf.der()], &[&authority], None), ValidityIndicator::Valid, "{algorithm:?}");
    }
}

#[test]
fn an_authority_that_has_expired_signs_nothing() {
    let server = TestServer::new();
    let (_, authority) = root(&server, EC, "root");
    let leaf = ec_pair(&server);
    server.wait(3650 * DAY + 1);
    let typed = [x509()];
    let ask = Ask { id: &leaf.public, attributes: &typed, ..Ask::default() };
    assert_eq!(ask.send(&server, V, Operation::Certify).reason(0), Some(R::FeatureNotSupported));
    let named = [x509(), link(Tag::CertificateLink, &authority)];
    let answer = Ask { attributes: &named, ..ask }.send(&server, V, Operation::Certify);
    assert_eq!(answer.reason(0), Some(R::PermissionDenied));
}

#[test]
fn authorities_stand_below_authorities_as_far_as_the_path_length_allows() {
    let server = TestServer::new();
    let (_, first) = root(&server, EC, "root");
    let below = |issuer: &str, subject: &str| {
        let pair = ec_pair(&server);
        let attributes = [
            x509(),
            mask(Mask::CertificateSign),
            (Tag::CertificateSubjectCN, Value::text(subject)),
            link(Tag::CertificateLink, issuer),
            date(Tag::ActivationDate, START),
        ];
        Ask { id: &pair.public, attributes: &attributes, ..Ask::default() }.made(&server, V, Operation::Certify)
    };
    let second = below(&first, "second");
    let third = below(&second, "third");
    let certificate = got(&server, &third);
    assert_eq!((certificate.issuer.text(), certificate.is_authority), ("CN=second", true));
    assert_eq!(certificate.path_length, None);
    assert_eq!(judged(&server, V, &[], &[&first, &third, &second], None), ValidityIndicator::Valid);
    // A key without the usage is no authority's, whatever its certificate says.
    let weak = pair(&server, EC, Mask::Sign, Mask::Verify);
    let attributes =
        [x509(), mask(Mask::CertificateSign), link(Tag::CertificateLink, &first), date(Tag::ActivationDate, START)];
    let weak_authority = Ask { id: &weak.public, attributes: &attributes, ..Ask::default() };
    let weak_authority = weak_authority.made(&server, V, Operation::Certify);
    let named = [x509(), link(Tag::CertificateLink, &weak_authority)];
    for (version, reason) in [(V, R::IncompatibleCryptographicUsageMask), (Version::V1_4, R::PermissionDenied)] {
        let answer =
            Ask { id: &weak.public, attributes: &named, ..Ask::default() }.send(&server, version, Operation::Certify);
        assert_eq!(answer.reason(0), Some(reason), "{}", answer.message(0));
    }
}

#[test]
fn the_authoritys_key_is_counted_and_limited() {
    let server = TestServer::new();
    let (pair, _) = root(&server, EC, "root");
    let limits = UsageLimits { total: 2, count: None, unit: UsageLimitsUnit::Object };
    let answer = server.ask(V, Operation::SetAttribute, |out| {
        write_id(out, V, &pair.private);
        out.structure(Tag::NewAttribute, |out| out.value(Tag::UsageLimits, &limits.clone().into_value()));
    });
    assert_eq!(answer.reason(0), None, "{}", answer.message(0));
    let leaf = ec_pair(&server);
    let typed = [x509()];
    let ask = Ask { id: &leaf.public, attributes: &typed, ..Ask::default() };
    ask.made(&server, Version::V3_0, Operation::Certify);
    ask.made(&server, Version::V3_0, Operation::Certify);
    let answer = ask.send(&server, Version::V3_0, Operation::Certify);
    assert_eq!(answer.reason(0), Some(R::PermissionDenied));
    let seen = attributes_of(&server, Version::V3_0, &pair.private);
    assert_eq!(seen.get(attr::CERTIFY_COUNTER), Some(2));
    assert_eq!(seen.get(attr::USAGE_LIMITS).unwrap().remaining(), 0);
}
