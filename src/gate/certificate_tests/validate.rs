//! Validate: chains in every state.

use proptest::prelude::*;

use super::*;
use crate::registry::ResultReason as R;

const VALID: ValidityIndicator = ValidityIndicator::Valid;
const INVALID: ValidityIndicator = ValidityIndicator::Invalid;
const UNKNOWN: ValidityIndicator = ValidityIndicator::Unknown;

/// Root, authority below it, leaf: identifiers and DER.
struct Three {
    server: TestServer,
    ids: [String; 3],
    ders: [Vec<u8>; 3],
}

fn three() -> Three {
    let server = TestServer::new();
    let root = ec_root(&server);
    let certify = |subject: &str, issuer: &str, usage: Mask| {
        let pair = ec_pair(&server);
        let attributes = [
            x509(),
            mask(usage),
            (Tag::CertificateSubjectCN, Value::text(subject)),
            link(Tag::CertificateLink, issuer),
            date(Tag::ActivationDate, START),
        ];
        Ask { id: &pair.public, attributes: &attributes, ..Ask::default() }.made(&server, V, Operation::Certify)
    };
    let middle = certify("middle", &root, Mask::CertificateSign);
    let leaf = certify("leaf", &middle, Mask::Verify);
    let ids = [root, middle, leaf];
    let ders = [0, 1, 2].map(|at: usize| got(&server, &ids[at]).der().to_vec());
    Three { server, ids, ders }
}

#[test]
fn sent_and_named_certificates_make_one_chain_in_any_order() {
    let Three { server, ids, ders } = three();
    let [root, middle, leaf] = [&*ids[0], &*ids[1], &*ids[2]];
    let [root_der, middle_der, leaf_der] = [&*ders[0], &*ders[1], &*ders[2]];
    for version in Version::ALL {
        let judge = |sent: &[&[u8]], ids: &[&str]| judged(&server, version, sent, ids, None);
        assert_eq!(judge(&[], &[root, middle, leaf]), VALID, "{version}");
        assert_eq!(judge(&[leaf_der, root_der], &[middle]), VALID);
        assert_eq!(judge(&[middle_der, leaf_der, root_der], &[]), VALID);
        assert_eq!(judge(&[leaf_der], &[]), VALID);
        assert_eq!(judge(&[root_der], &[]), VALID);
        // The same certificate, sent and named.
        assert_eq!(judge(&[leaf_der], &[leaf]), VALID);
    }
    let at = |at| judged(&server, V, &[], &[leaf], Some(at));
    assert_eq!(
        [at(START - 1), at(START), at(START + 365 * DAY), at(START + 365 * DAY + 1)],
        [INVALID, VALID, VALID, INVALID]
    );
}

#[test]
fn only_authorities_that_are_kept_are_trusted() {
    let Three { ders, .. } = three();
    let stranger = TestServer::new();
    let sent: Vec<&[u8]> = ders.iter().map(Vec::as_slice).collect();
    assert_eq!(judged(&stranger, V, &sent, &[], None), UNKNOWN);
    assert_eq!(judged(&stranger, V, &sent[2..], &[], None), UNKNOWN);
    // A root of the same name and another key.
    ec_root(&stranger);
    assert_eq!(judged(&stranger, V, &sent[1..2], &[], None), INVALID);
    let other = got(&stranger, &ec_root(&stranger)).der().to_vec();
    assert_eq!(judged(&stranger, V, &[sent[0], sent[1], sent[2], &other], &[], None), INVALID, "two chains");
}

#[test]
fn the_state_of_objects_decides() {
    for (revoked, code) in [(1, RevocationReasonCode::CessationOfOperation), (2, RevocationReasonCode::KeyCompromise)] {
        let Three { server, ids, ders } = three();
        let leaf = &*ids[2];
        server.wait(DAY);
        revoke(&server, &ids[revoked], code);
        assert_eq!(judged(&server, V, &[], &[leaf, &ids[1]], None), INVALID);
        // It does not help to send what is known here to be revoked.
        assert_eq!(judged(&server, V, &[&ders[2], &ders[1]], &[], None), INVALID);
        let before = judged(&server, V, &[&ders[2], &ders[1]], &[], Some(START));
        assert_eq!(before, if code == RevocationReasonCode::KeyCompromise { INVALID } else { VALID });
    }
    let Three { server, ids, ders } = three();
    revoke(&server, &ids[2], RevocationReasonCode::CessationOfOperation);
    let answer = server.ask(V, Operation::Destroy, |out| write_id(out, V, &ids[2]));
    assert_eq!(answer.reason(0), None);
    assert_eq!(judged(&server, V, &[], &[&ids[2], &ids[1]], None), INVALID);
    assert_eq!(judged(&server, V, &[&ders[2]], &[], None), INVALID);
}

#[test]
fn what_is_no_list_of_certificates_is_refused() {
    let Three { server, ids, ders } = three();
    let key = ec_pair(&server).public;
    let reason = |version, sent: &[&[u8]], ids: &[&str]| {
        server.ask(version, Operation::Validate, |out| validation(out, version, sent, ids, None)).reason(0)
    };
    for version in Version::ALL {
        assert_eq!(reason(version, &[], &[]), Some(R::InvalidMessage));
        let wrong = if version.is_1x() { R::InvalidMessage } else { R::InvalidObjectType };
        assert_eq!(reason(version, &[], &[&key]), Some(wrong));
        let absent = if version.is_1x() { R::ItemNotFound } else { R::ObjectNotFound };
        assert_eq!(reason(version, &[&ders[2]], &["nothing"]), Some(absent));
    }
    let many = vec![&*ids[2]; 33];
    assert_eq!(reason(V, &[], &many), Some(R::ServerLimitExceeded));
    let garbage: &[u8] = b"\x30\x03\x02\x01\x01";
    assert_eq!(judged(&server, V, &[garbage, &ders[2]], &[], None), INVALID);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_changed_byte_is_never_valid(which in 0..3_usize, at in any::<prop::sample::Index>(), change in 1..=255_u8) {
        let Three { server, mut ders, .. } = three();
        let at = at.index(ders[which].len());
        ders[which][at] ^= change;
        let sent: Vec<&[u8]> = ders.iter().map(Vec::as_slice).collect();
        prop_assert_ne!(judged(&server, V, &sent, &[], None), VALID);
    }
}
