//! The operations that use keys, through the whole core.

use proptest::prelude::*;

use super::testing::{Answer, TestServer, write_id};
use crate::base::Limits;
use crate::model::usage::AfterLife;
use crate::model::values::{AttributeValue, CryptographicParameters};
use crate::ops::Settings;
use crate::registry::{
    BlockCipherMode as Mode, CryptographicAlgorithm as Algorithm, HashingAlgorithm, KeyFormatType, ObjectType,
    Operation, PaddingMethod, ResultReason, Tag, UsageLimitsUnit, ValidityIndicator, Version,
};
use crate::ttlv::Writer;

const VERSIONS: [Version; 6] =
    [Version::V1_2, Version::V1_3, Version::V1_4, Version::V2_0, Version::V2_1, Version::V3_0];

/// Everything that a request of these operations may carry.
#[derive(Clone, Default)]
struct Ask<'a> {
    id: &'a str,
    parameters: Option<CryptographicParameters>,
    data: Option<&'a [u8]>,
    iv: Option<&'a [u8]>,
    mac: Option<&'a [u8]>,
    correlation: Option<&'a [u8]>,
    init: bool,
    last: bool,
    additional: Option<&'a [u8]>,
    tag: Option<&'a [u8]>,
}

impl Ask<'_> {
    fn write(&self, out: &mut Writer, version: Version) {
        if !self.id.is_empty() {
            write_id(out, version, self.id);
        }
        if let Some(parameters) = &self.parameters {
            out.value(Tag::CryptographicParameters, &parameters.clone().into_value());
        }
        let fields = [
            (Tag::Data, self.data),
            (Tag::IVCounterNonce, self.iv),
            (Tag::MACData, self.mac),
            (Tag::CorrelationValue, self.correlation),
        ];
        for (tag, bytes) in fields {
            bytes.inspect(|bytes| out.byte_string(tag, bytes));
        }
        for (tag, set) in [(Tag::InitIndicator, self.init), (Tag::FinalIndicator, self.last)] {
            if set {
                out.boolean(tag, true);
            }
        }
        self.additional.inspect(|bytes| out.byte_string(Tag::AuthenticatedEncryptionAdditionalData, bytes));
        self.tag.inspect(|bytes| out.byte_string(Tag::AuthenticatedEncryptionTag, bytes));
    }

    fn send(&self, server: &TestServer, version: Version, operation: Operation) -> Answer {
        server.ask(version, operation, |out| self.write(out, version))
    }
}

fn symmetric(server: &TestServer, algorithm: Algorithm, key: &[u8]) -> String {
    server.key(ObjectType::SymmetricKey, algorithm, KeyFormatType::Raw, key, |_| {})
}

fn parameters(mode: Option<Mode>, padding: Option<PaddingMethod>) -> CryptographicParameters {
    CryptographicParameters { block_cipher_mode: mode, padding_method: padding, ..Default::default() }
}

/// Ciphers with a key length, a mode and a padding that takes any data.
const CIPHERS: &[(Algorithm, usize, Option<Mode>, Option<PaddingMethod>)] = &[
    (Algorithm::AES, 16, Some(Mode::CBC), Some(PaddingMethod::PKCS5)),
    (Algorithm::AES, 32, Some(Mode::ECB), Some(PaddingMethod::PKCS5)),
    (Algorithm::AES, 24, Some(Mode::CBC), Some(PaddingMethod::ANSIX9_23)),
    (Algorithm::AES, 32, Some(Mode::CTR), None),
    (Algorithm::AES, 32, Some(Mode::CFB), None),
    (Algorithm::AES, 16, Some(Mode::OFB), None),
    (Algorithm::AES, 32, Some(Mode::GCM), None),
    (Algorithm::AES, 16, Some(Mode::CCM), None),
    (Algorithm::Camellia, 16, Some(Mode::CBC), Some(PaddingMethod::PKCS5)),
    (Algorithm::DES3, 24, Some(Mode::CBC), Some(PaddingMethod::PKCS5)),
    (Algorithm::ChaCha20, 32, None, None),
    (Algorithm::ChaCha20Poly1305, 32, None, None),
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn what_is_encrypted_is_decrypted(
        row in 0..CIPHERS.len(), version in 0..VERSIONS.len(), back in 0..VERSIONS.len(),
        data in proptest::collection::vec(any::<u8>(), 0..200), cuts in proptest::collection::vec(0..64_usize, 0..4),
    ) {
        let (algorithm, length, mode, padding) = CIPHERS[row];
        let (version, back) = (VERSIONS[version], VERSIONS[back]);
        if [version, back].iter().any(|version| !algorithm.known_in(*version)) {
            return Ok(());
        }
        let server = TestServer::new();
        let key: Vec<u8> = (0..length as u8).map(|at| at.wrapping_mul(37)).collect();
        let id = symmetric(&server, algorithm, &key);
        let given = CryptographicParameters { random_iv: Some(true), ..parameters(mode, padding) };
        let ask = Ask { id: &id, parameters: Some(given), data: Some(&data), ..Ask::default() };
        let sealed = ask.send(&server, version, Operation::Encrypt);
        prop_assert_eq!(sealed.reason(0), None, "{}", sealed.message(0));
        let (mut text, mut tag) =
            (sealed.bytes(0, Tag::Data).unwrap().to_vec(), sealed.bytes(0, Tag::AuthenticatedEncryptionTag).map(<[u8]>::to_vec));
        let iv = sealed.bytes(0, Tag::IVCounterNonce).map(<[u8]>::to_vec);
        prop_assert_eq!(iv.is_some(), mode != Some(Mode::ECB));
        let authenticated = matches!(mode, Some(Mode::GCM | Mode::CCM)) || algorithm == Algorithm::ChaCha20Poly1305;
        prop_assert_eq!(tag.is_some(), authenticated && version >= Version::V1_4);
        // A client moves the tag to where its version has it.
        match (authenticated, version >= Version::V1_4, back >= Version::V1_4) {
            (true, true, false) => text.extend(tag.take().unwrap()),
            (true, false, true) => tag = Some(text.split_off(text.len() - 16)),
            _ => {}
        }
        let opening = Ask { data: Some(&text), iv: iv.as_deref(), tag: tag.as_deref(), ..ask.clone() };
        let opened = opening.send(&server, back, Operation::Decrypt);
        prop_assert_eq!(opened.bytes(0, Tag::Data), Some(&data[..]), "{}", opened.message(0));
        // In parts, where the version has them.
        if version >= Version::V1_3 && back >= Version::V1_3 {
            let sealing = Ask { iv: iv.as_deref(), ..ask };
            let (again, again_tag) = in_parts(&server, version, Operation::Encrypt, &sealing, &cuts);
            let mut whole = text.clone();
            let mut whole_tag = tag.clone();
            match (authenticated, version >= Version::V1_4, back >= Version::V1_4) {
                (true, true, false) => whole_tag = Some(whole.split_off(whole.len() - 16)),
                (true, false, true) => whole.extend(whole_tag.take().unwrap()),
                _ => {}
            }
            prop_assert_eq!(&again, &whole);
            prop_assert_eq!(again_tag, whole_tag);
            prop_assert_eq!(in_parts(&server, back, Operation::Decrypt, &opening, &cuts).0, data);
        }
    }
}

/// Sends an operation in parts: gives all of its output, and the tag.
fn in_parts(
    server: &TestServer,
    version: Version,
    operation: Operation,
    ask: &Ask<'_>,
    cuts: &[usize],
) -> (Vec<u8>, Option<Vec<u8>>) {
    let (mut rest, mut output) = (ask.data.unwrap(), Vec::new());
    let mut cut = |length: usize| {
        let (part, left) = rest.split_at(length.min(rest.len()));
        rest = left;
        part
    };
    let first = Ask { data: Some(cut(5)), init: true, ..ask.clone() }.send(server, version, operation);
    assert_eq!(first.reason(0), None, "{}", first.message(0));
    output.extend(first.bytes(0, Tag::Data).unwrap_or_default());
    let token = first.bytes(0, Tag::CorrelationValue).unwrap();
    for length in cuts {
        let next = Ask { id: ask.id, data: Some(cut(*length)), correlation: Some(token), ..Ask::default() };
        let next = next.send(server, version, operation);
        assert_eq!(next.reason(0), None, "{}", next.message(0));
        output.extend(next.bytes(0, Tag::Data).unwrap_or_default());
    }
    let last = Ask { id: ask.id, data: Some(cut(usize::MAX)), correlation: Some(token), last: true, ..Ask::default() };
    let done = last.send(server, version, operation);
    assert_eq!(done.reason(0), None, "{}", done.message(0));
    output.extend(done.bytes(0, Tag::Data).unwrap_or_default());
    let gone = last.send(server, version, operation).reason(0);
    assert!(matches!(gone, Some(ResultReason::InvalidCorrelationValue | ResultReason::ItemNotFound)));
    (output, done.bytes(0, Tag::AuthenticatedEncryptionTag).map(<[u8]>::to_vec))
}

#[test]
fn the_iv_comes_back_only_if_it_was_made_here() {
    let server = TestServer::new();
    let id = symmetric(&server, Algorithm::AES, &[1; 32]);
    // Delegated encryption of MongoDB.
    let given = CryptographicParameters {
        cryptographic_algorithm: Some(Algorithm::AES),
        random_iv: Some(true),
        ..parameters(Some(Mode::CBC), Some(PaddingMethod::PKCS5))
    };
    let ask = Ask { id: &id, parameters: Some(given), data: Some(&[2; 96]), ..Ask::default() };
    let made = ask.send(&server, Version::V1_2, Operation::Encrypt);
    assert_eq!(made.bytes(0, Tag::IVCounterNonce).map(<[u8]>::len), Some(16));
    let ask = Ask { iv: Some(&[3; 16]), ..ask };
    assert_eq!(ask.send(&server, Version::V1_2, Operation::Encrypt).bytes(0, Tag::IVCounterNonce), None);
}

#[test]
fn refusals_have_the_reasons_of_their_versions() {
    let server = TestServer::new();
    let aes = symmetric(&server, Algorithm::AES, &[1; 16]);
    let rc4 = symmetric(&server, Algorithm::RC4, &[1; 16]);
    let gcm = || Some(parameters(Some(Mode::GCM), None));
    let data = Some(&b"0123456789abcdef"[..]);
    let base = Ask { id: &aes, parameters: gcm(), data, iv: Some(&[0; 12]), ..Ask::default() };
    let tag = Some(&[0; 16][..]);
    use ResultReason as R;
    let table = [
        (Operation::Encrypt, Ask { data: None, ..base.clone() }, R::InvalidMessage, R::InvalidMessage),
        (Operation::Encrypt, Ask { iv: None, ..base.clone() }, R::InvalidMessage, R::InvalidMessage),
        (Operation::Encrypt, Ask { parameters: None, ..base.clone() }, R::BadCryptographicParameters, R::InvalidField),
        (Operation::Encrypt, Ask { id: "nobody", ..base.clone() }, R::ObjectNotFound, R::ItemNotFound),
        (Operation::Sign, Ask { iv: None, ..base.clone() }, R::InvalidObjectType, R::PermissionDenied),
        (Operation::Decrypt, Ask { tag, ..base.clone() }, R::CryptographicFailure, R::CryptographicFailure),
        (Operation::Decrypt, Ask { correlation: tag, ..base.clone() }, R::InvalidCorrelationValue, R::ItemNotFound),
        (Operation::Decrypt, Ask { last: true, ..base.clone() }, R::InvalidField, R::InvalidField),
    ];
    for (operation, ask, reason, reason_1x) in table {
        for (version, wanted) in [(Version::V1_4, reason_1x), (Version::V2_1, reason), (Version::V3_0, reason)] {
            let answer = ask.send(&server, version, operation);
            assert_eq!(answer.reason(0), Some(wanted), "{operation} {version}: {}", answer.message(0));
        }
    }
    let legacy = Ask { id: &rc4, data, ..Ask::default() }.send(&server, Version::V2_1, Operation::Encrypt);
    assert_eq!(legacy.reason(0), Some(R::UnsupportedCryptographicParameters));
    assert!(legacy.message(0).contains("legacy"), "{}", legacy.message(0));
}

#[test]
fn legacy_algorithms_are_the_operators_choice() {
    let server = TestServer::with(Settings { legacy_algorithms: true, ..Settings::default() }, Limits::default());
    let id = symmetric(&server, Algorithm::RC4, &[1; 16]);
    let ask = Ask { id: &id, data: Some(b"old"), ..Ask::default() };
    assert_eq!(ask.send(&server, Version::V1_2, Operation::Encrypt).reason(0), None);
}

#[test]
fn usage_limits_count_down_by_parts_and_by_objects() {
    let server = TestServer::new();
    for (unit, total, left) in [(UsageLimitsUnit::Byte, 40_i64, 0), (UsageLimitsUnit::Object, 3, 1)] {
        let id = server.key(ObjectType::SymmetricKey, Algorithm::AES, KeyFormatType::Raw, &[1; 16], |out| {
            out.structure(Tag::UsageLimits, |out| {
                out.long_integer(Tag::UsageLimitsTotal, total);
                out.enumeration(Tag::UsageLimitsUnit, unit.0);
            });
        });
        let given = parameters(Some(Mode::ECB), Some(PaddingMethod::PKCS5));
        let ask = Ask { id: &id, parameters: Some(given), data: Some(&[0; 16]), ..Ask::default() };
        let sealed = ask.send(&server, Version::V2_1, Operation::Encrypt);
        let opening = Ask { data: sealed.bytes(0, Tag::Data), ..ask.clone() };
        assert_eq!(opening.send(&server, Version::V2_1, Operation::Decrypt).reason(0), None);
        in_parts(&server, Version::V2_1, Operation::Encrypt, &Ask { data: Some(&[0; 24]), ..ask.clone() }, &[8]);
        let attributes = server.ask(Version::V2_1, Operation::GetAttributes, |out| {
            write_id(out, Version::V2_1, &id);
            out.enumeration(Tag::AttributeReference, Tag::UsageLimits.0);
        });
        let limits = attributes.field(0, Tag::Attributes).and_then(|all| all.child(Tag::UsageLimits));
        let count = limits.and_then(|limits| limits.child(Tag::UsageLimitsCount)).and_then(|item| item.long_integer());
        assert_eq!(count, Some(left), "{}", attributes.message(0));
        // CS-BC-M-7.
        let refused = if unit == UsageLimitsUnit::Byte { Some(ResultReason::PermissionDenied) } else { None };
        assert_eq!(ask.send(&server, Version::V2_1, Operation::Encrypt).reason(0), refused);
    }
}

#[test]
fn a_key_after_its_life_works_only_if_the_operator_says_so() {
    for (after_life, wanted) in
        [(AfterLife::Closed, Some(ResultReason::WrongKeyLifecycleState)), (AfterLife::MayProcess, None)]
    {
        let server = TestServer::with(Settings { after_life, ..Settings::default() }, Limits::default());
        let id = symmetric(&server, Algorithm::AES, &[1; 16]);
        let given = parameters(Some(Mode::ECB), None);
        let ask = Ask { id: &id, parameters: Some(given), data: Some(&[0; 16]), ..Ask::default() };
        let revoked = server.ask(Version::V2_1, Operation::Revoke, |out| {
            write_id(out, Version::V2_1, &id);
            out.structure(Tag::RevocationReason, |out| out.enumeration(Tag::RevocationReasonCode, 1));
        });
        assert_eq!(revoked.reason(0), None);
        assert_eq!(ask.send(&server, Version::V2_1, Operation::Decrypt).reason(0), wanted);
        let encrypted = ask.send(&server, Version::V2_1, Operation::Encrypt).reason(0);
        assert_eq!(encrypted, Some(ResultReason::WrongKeyLifecycleState));
    }
}

#[test]
fn a_stream_belongs_to_its_caller_and_operation_and_ends_with_age() {
    let server = TestServer::new();
    let id = symmetric(&server, Algorithm::AES, &[1; 16]);
    let other = symmetric(&server, Algorithm::AES, &[2; 16]);
    let version = Version::V2_1;
    let given = parameters(Some(Mode::CTR), None);
    let ask = Ask { id: &id, parameters: Some(given), data: Some(b"abc"), iv: Some(&[0; 16]), ..Ask::default() };
    let begun = Ask { init: true, ..ask.clone() }.send(&server, version, Operation::Encrypt);
    let next = Ask { id: "", data: Some(b"def"), correlation: begun.bytes(0, Tag::CorrelationValue), ..Ask::default() };
    let invalid = Some(ResultReason::InvalidCorrelationValue);
    assert_eq!(next.send(&server, version, Operation::Decrypt).reason(0), invalid);
    let hers = server.batch("mallory", version, &[(Operation::Encrypt, &|out| next.write(out, version))], true);
    assert_eq!(hers.unwrap().reason(0), invalid);
    let elsewhere = Ask { id: &other, ..next.clone() };
    assert_eq!(elsewhere.send(&server, version, Operation::Encrypt).reason(0), Some(ResultReason::InvalidField));
    // Its owner goes on undisturbed: the second part is the second part of the keystream.
    let whole = Ask { data: Some(b"abcdef"), ..ask }.send(&server, version, Operation::Encrypt);
    let second = next.send(&server, version, Operation::Encrypt);
    assert_eq!(second.bytes(0, Tag::Data), whole.bytes(0, Tag::Data).map(|all| &all[3..]));
    server.wait(601);
    assert_eq!(next.send(&server, version, Operation::Encrypt).reason(0), invalid);
}

#[test]
fn streams_are_bounded() {
    let limits = Limits { streams_max: 2, stream_bytes_max: 100, ..Limits::default() };
    let server = TestServer::with(Settings::default(), limits);
    let id = symmetric(&server, Algorithm::AES, &[1; 16]);
    let given = CryptographicParameters { tag_length: Some(16), ..parameters(Some(Mode::CCM), None) };
    let ask = Ask {
        id: &id,
        parameters: Some(given),
        data: Some(&[0; 60]),
        iv: Some(&[0; 12]),
        init: true,
        ..Ask::default()
    };
    let send = |ask: &Ask<'_>| ask.send(&server, Version::V2_1, Operation::Encrypt);
    let first = send(&ask);
    assert_eq!(first.reason(0), None);
    assert_eq!(send(&ask).reason(0), Some(ResultReason::ServerLimitExceeded), "bytes of all streams");
    let small = Ask { data: Some(&[0; 1]), ..ask };
    assert_eq!(send(&small).reason(0), None);
    assert_eq!(send(&small).reason(0), Some(ResultReason::ServerLimitExceeded), "number of streams");
    let correlation = first.bytes(0, Tag::CorrelationValue);
    let last = Ask { id: &id, correlation, last: true, ..Ask::default() };
    assert_eq!(send(&last).reason(0), None);
    assert_eq!(send(&small).reason(0), None);
}

#[test]
fn a_part_is_taken_once_though_its_request_runs_twice() {
    let server = TestServer::new();
    let id = symmetric(&server, Algorithm::AES, &[1; 16]);
    let version = Version::V2_1;
    let given = parameters(Some(Mode::CTR), None);
    let ask =
        Ask { id: &id, parameters: Some(given.clone()), data: Some(b"abc"), iv: Some(&[0; 16]), ..Ask::default() };
    let begun = Ask { init: true, ..ask.clone() }.send(&server, version, Operation::Encrypt);
    let correlation = begun.bytes(0, Tag::CorrelationValue);
    let next = |data| Ask { id: &id, data: Some(data), correlation, ..Ask::default() };
    let long = vec![0; 300 * 1024];
    let slow = Ask { data: Some(&long), ..ask.clone() };
    // Two parts of one stream, then something that has to wait for a thread that may block.
    let (second, third) = (next(b"def"), next(b"ghi"));
    let items: [super::testing::Ask<'_>; 3] = [
        (Operation::Encrypt, &|out| second.write(out, version)),
        (Operation::Encrypt, &|out| third.write(out, version)),
        (Operation::Encrypt, &|out| slow.write(out, version)),
    ];
    assert!(server.batch("alice", version, &items, false).is_none());
    assert!(server.batch("alice", version, &items, false).is_none());
    let answer = server.batch("alice", version, &items, true).unwrap();
    assert_eq!(answer.len(), 3);
    let whole = Ask { data: Some(b"abcdefghi"), ..ask.clone() }.send(&server, version, Operation::Encrypt);
    let whole = whole.bytes(0, Tag::Data).unwrap();
    assert_eq!((answer.bytes(0, Tag::Data), answer.bytes(1, Tag::Data)), (Some(&whole[3..6]), Some(&whole[6..])));
    // A request that is given up leaves a stream that takes nothing but the same again.
    let (fourth, other) = (next(b"jkl"), next(b"xyz"));
    let items: [super::testing::Ask<'_>; 2] = [
        (Operation::Encrypt, &|out| fourth.write(out, version)),
        (Operation::Encrypt, &|out| slow.write(out, version)),
    ];
    assert!(server.batch("alice", version, &items, false).is_none());
    let lost = other.send(&server, version, Operation::Encrypt);
    assert_eq!(lost.reason(0), Some(ResultReason::InvalidCorrelationValue));
    let gone = fourth.send(&server, version, Operation::Encrypt);
    assert_eq!(gone.reason(0), Some(ResultReason::InvalidCorrelationValue));
}

#[test]
fn macs_and_hashes_whole_and_in_parts() {
    let server = TestServer::new();
    let id = symmetric(&server, Algorithm::HMAC_SHA256, &[1; 32]);
    let ask = Ask { id: &id, data: Some(b"some data in parts"), ..Ask::default() };
    for version in VERSIONS {
        let whole = ask.send(&server, version, Operation::MAC);
        let mac = whole.bytes(0, Tag::MACData).unwrap();
        for (data, wanted) in
            [(&b"some data in parts"[..], ValidityIndicator::Valid), (b"x", ValidityIndicator::Invalid)]
        {
            let check = Ask { data: Some(data), mac: Some(mac), ..ask.clone() };
            let verified = check.send(&server, version, Operation::MACVerify);
            let validity = verified.field(0, Tag::ValidityIndicator).and_then(|item| item.enumeration());
            assert_eq!(validity, Some(wanted.0), "{version}");
        }
        if version < Version::V1_3 {
            continue;
        }
        let first =
            Ask { data: Some(b"some "), init: true, ..ask.clone() }.send(&server, version, Operation::MACVerify);
        assert!(first.field(0, Tag::ValidityIndicator).is_none());
        let correlation = first.bytes(0, Tag::CorrelationValue);
        let last = Ask { data: Some(b"data in parts"), mac: Some(mac), correlation, last: true, ..ask.clone() };
        let verified = last.send(&server, version, Operation::MACVerify);
        let validity = verified.field(0, Tag::ValidityIndicator).and_then(|item| item.enumeration());
        assert_eq!(validity, Some(ValidityIndicator::Valid.0), "{version}: {}", verified.message(0));
        let given =
            CryptographicParameters { hashing_algorithm: Some(HashingAlgorithm::SHA_256), ..Default::default() };
        let hash = Ask { id: "", parameters: Some(given), data: Some(b"abc"), ..Ask::default() };
        let whole = hash.send(&server, version, Operation::Hash);
        let first = Ask { data: Some(b"a"), init: true, ..hash.clone() }.send(&server, version, Operation::Hash);
        let correlation = first.bytes(0, Tag::CorrelationValue);
        let last = Ask { data: Some(b"bc"), correlation, last: true, ..hash };
        let done = last.send(&server, version, Operation::Hash);
        assert_eq!(done.bytes(0, Tag::Data), whole.bytes(0, Tag::Data), "{version}: {}", done.message(0));
    }
}

#[test]
fn an_output_feeds_the_next_item() {
    let server = TestServer::new();
    let id = symmetric(&server, Algorithm::AES, &[1; 16]);
    let given = parameters(Some(Mode::ECB), Some(PaddingMethod::PKCS5));
    let version = Version::V2_1;
    let encrypt = Ask { id: &id, parameters: Some(given.clone()), data: Some(b"secret"), ..Ask::default() };
    let decrypt = Ask { id: &id, parameters: Some(given), ..Ask::default() };
    let answer = server.batch(
        "alice",
        version,
        &[
            (Operation::Encrypt, &|out| encrypt.write(out, version)),
            (Operation::Decrypt, &|out| {
                decrypt.write(out, version);
                out.enumeration(Tag::Data, crate::registry::Data::Encrypt.0);
            }),
            (Operation::Decrypt, &|out| {
                decrypt.write(out, version);
                out.integer(Tag::Data, 0);
            }),
            (Operation::Decrypt, &|out| {
                decrypt.write(out, version);
                out.integer(Tag::Data, 7);
            }),
        ],
        true,
    );
    let answer = answer.unwrap();
    assert_eq!(answer.bytes(1, Tag::Data), Some(&b"secret"[..]), "{}", answer.message(1));
    assert_eq!(answer.bytes(2, Tag::Data), Some(&b"secret"[..]), "{}", answer.message(2));
    assert_eq!(answer.reason(3), Some(ResultReason::ItemNotFound));
}

#[test]
fn uses_are_counted_for_3_0() {
    let server = TestServer::new();
    let id = symmetric(&server, Algorithm::AES, &[1; 16]);
    let given = parameters(Some(Mode::ECB), None);
    let ask = Ask { id: &id, parameters: Some(given), data: Some(&[0; 16]), ..Ask::default() };
    for operation in [Operation::Encrypt, Operation::Encrypt, Operation::Decrypt] {
        assert_eq!(ask.send(&server, Version::V3_0, operation).reason(0), None);
    }
    let attributes = server.ask(Version::V3_0, Operation::GetAttributes, |out| write_id(out, Version::V3_0, &id));
    let count = |tag| attributes.field(0, Tag::Attributes).and_then(|all| all.child(tag)?.long_integer());
    assert_eq!((count(Tag::EncryptCounter), count(Tag::DecryptCounter)), (Some(2), Some(1)));
}

#[test]
fn signatures_whole_and_in_parts() {
    use crate::crypto::formats::{Encoded, encode_private, encode_public};
    use crate::crypto::keys::{KeySpec, PrivateKey};
    use crate::crypto::rsa::SoftwareRsa;
    let server = TestServer::new();
    let version = Version::V2_1;
    for (algorithm, length) in [(Algorithm::EC, Some(256)), (Algorithm::Ed25519, None), (Algorithm::RSA, Some(2048))] {
        let spec = KeySpec { algorithm, length, curve: None, software: SoftwareRsa::Refuse };
        let pair = PrivateKey::generate(&spec).unwrap();
        let bytes = |encoded| match encoded {
            Encoded::Bytes(bytes) => bytes.expose().to_vec(),
            Encoded::Structure(_) => panic!("not bytes"),
        };
        let private = bytes(encode_private(&pair, KeyFormatType::PKCS_8).unwrap());
        let public = bytes(encode_public(&pair.public(), KeyFormatType::X_509, None).unwrap());
        let private = server.key(ObjectType::PrivateKey, algorithm, KeyFormatType::PKCS_8, &private, |_| {});
        let public = server.key(ObjectType::PublicKey, algorithm, KeyFormatType::X_509, &public, |_| {});
        let ask = Ask { id: &private, data: Some(b"some "), init: true, ..Ask::default() };
        let first = ask.send(&server, version, Operation::Sign);
        let correlation = first.bytes(0, Tag::CorrelationValue);
        let last = Ask { data: Some(b"data"), correlation, init: false, last: true, ..ask };
        let signed = last.send(&server, version, Operation::Sign);
        let signature = signed.bytes(0, Tag::SignatureData).unwrap();
        for (data, wanted) in [(b"some data", ValidityIndicator::Valid), (b"same data", ValidityIndicator::Invalid)] {
            let verified = server.ask(version, Operation::SignatureVerify, |out| {
                Ask { id: &public, data: Some(data), ..Ask::default() }.write(out, version);
                out.byte_string(Tag::SignatureData, signature);
            });
            let validity = verified.field(0, Tag::ValidityIndicator).and_then(|item| item.enumeration());
            assert_eq!(validity, Some(wanted.0), "{algorithm} {}", verified.message(0));
        }
    }
}

/// It is parsed once, and is that of the material that the object has; when the object has none, nobody holds it.
#[test]
fn a_parsed_private_key_goes_with_its_material() {
    use crate::base::Date;
    use crate::crypto::formats::{Encoded, encode_private, encode_public};
    use crate::crypto::keys::{KeySpec, PrivateKey};
    use crate::crypto::rsa::SoftwareRsa;
    use crate::registry::RevocationReasonCode;
    let server = TestServer::new();
    let version = Version::V2_1;
    let bytes = |encoded| match encoded {
        Encoded::Bytes(bytes) => bytes.expose().to_vec(),
        Encoded::Structure(_) => panic!("not bytes"),
    };
    let [(first, first_public), (second, second_public)] = [(); 2].map(|()| {
        let software = SoftwareRsa::Refuse;
        let pair =
            PrivateKey::generate(&KeySpec { algorithm: Algorithm::EC, length: Some(256), curve: None, software });
        let pair = pair.unwrap();
        let public = bytes(encode_public(&pair.public(), KeyFormatType::X_509, None).unwrap());
        let public = server.key(ObjectType::PublicKey, Algorithm::EC, KeyFormatType::X_509, &public, |_| {});
        (bytes(encode_private(&pair, KeyFormatType::PKCS_8).unwrap()), public)
    });
    let id = server.key(ObjectType::PrivateKey, Algorithm::EC, KeyFormatType::PKCS_8, &first, |_| {});
    let held = || server.core().services.parsed.count();
    let signs_for = |public: &str| {
        let signed = Ask { id: &id, data: Some(b"data"), ..Ask::default() }.send(&server, version, Operation::Sign);
        let verified = server.ask(version, Operation::SignatureVerify, |out| {
            Ask { id: public, data: Some(b"data"), ..Ask::default() }.write(out, version);
            out.byte_string(Tag::SignatureData, signed.bytes(0, Tag::SignatureData).unwrap());
        });
        verified.field(0, Tag::ValidityIndicator).and_then(|item| item.enumeration())
            == Some(ValidityIndicator::Valid.0)
    };
    assert_eq!(held(), 0);
    assert!(signs_for(&first_public) && signs_for(&first_public) && !signs_for(&second_public));
    assert_eq!(held(), 1);
    let imported = server.ask(version, Operation::Import, |out| {
        out.text(Tag::UniqueIdentifier, &id);
        out.enumeration(Tag::ObjectType, ObjectType::PrivateKey.0);
        out.boolean(Tag::ReplaceExisting, true);
        out.structure(Tag::Attributes, |out| {
            out.integer(Tag::CryptographicUsageMask, 0xF_FFFF);
            out.date_time(Tag::ActivationDate, Date(1));
        });
        out.structure(Tag::PrivateKey, |out| {
            out.structure(Tag::KeyBlock, |out| {
                out.enumeration(Tag::KeyFormatType, KeyFormatType::PKCS_8.0);
                out.structure(Tag::KeyValue, |out| out.byte_string(Tag::KeyMaterial, &second));
                out.enumeration(Tag::CryptographicAlgorithm, Algorithm::EC.0);
                out.integer(Tag::CryptographicLength, 256);
            });
        });
    });
    assert_eq!((imported.reason(0), held()), (None, 0), "{}", imported.message(0));
    assert!(signs_for(&second_public) && !signs_for(&first_public));
    assert_eq!(held(), 1);
    let revoked = server.ask(version, Operation::Revoke, |out| {
        out.text(Tag::UniqueIdentifier, &id);
        out.structure(Tag::RevocationReason, |out| {
            out.enumeration(Tag::RevocationReasonCode, RevocationReasonCode::KeyCompromise.0);
        });
    });
    assert_eq!((revoked.reason(0), held()), (None, 1));
    let destroyed = server.ask(version, Operation::Destroy, |out| out.text(Tag::UniqueIdentifier, &id));
    assert_eq!((destroyed.reason(0), held()), (None, 0));
}
