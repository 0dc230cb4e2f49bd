//! Certificates made here are read here and by OpenSSL, and the other way round.

use std::process::Command;

use proptest::prelude::*;

use super::*;
use crate::base::Date;
use crate::crypto::formats::{Encoded, encode_private, encode_public};
use crate::crypto::keys::{KeySpec, PrivateKey};
use crate::crypto::rsa::SoftwareRsa;
use crate::registry::{AlternativeNameType, CryptographicAlgorithm as A, KeyFormatType};

/// 2026-01-01 and a year later.
const FROM: Date = Date(1_767_225_600);
const UNTIL: Date = Date(1_798_761_600);
const BETWEEN: Date = Date(1_780_000_000);

fn key(algorithm: A, length: Option<i32>) -> PrivateKey {
    PrivateKey::generate(&KeySpec { algorithm, length, curve: None, software: SoftwareRsa::Refuse }).unwrap()
}

fn public_key_info(key: &PrivateKey) -> Vec<u8> {
    let Encoded::Bytes(bytes) = encode_public(&key.public(), KeyFormatType::X_509, None).unwrap() else {
        panic!("DER")
    };
    bytes.expose().to_vec()
}

struct Made {
    key: PrivateKey,
    certificate: Certificate,
}

/// A certificate for a new key, signed by `issuer` or by itself.
fn made(
    name: &str,
    algorithm: (A, Option<i32>),
    issuer: Option<&Made>,
    change: impl Fn(&mut CertificateSpec<'_>),
) -> Made {
    let key = key(algorithm.0, algorithm.1);
    let info = public_key_info(&key);
    let subject = Name::from_text(name).unwrap();
    let mut spec = CertificateSpec {
        subject: &subject,
        public_key_info: &info,
        serial: None,
        not_before: FROM,
        not_after: UNTIL,
        is_authority: true,
        path_length: None,
        key_usage: None,
        subject_alternative: &[],
        extended_key_usage: None,
    };
    change(&mut spec);
    let authority = match issuer {
        Some(issuer) => {
            Authority { key: &issuer.key, certificate: Some(&issuer.certificate), software: SoftwareRsa::Refuse }
        }
        None => Authority { key: &key, certificate: None, software: SoftwareRsa::Refuse },
    };
    let certificate = Certificate::parse(&issue(&spec, authority).unwrap()).unwrap();
    Made { key, certificate }
}

fn agreement_key() -> PrivateKey {
    key(A::X25519, None)
}

const P256: (A, Option<i32>) = (A::EC, Some(256));

fn judge(certificates: &[&Made], anchor: &Made) -> Verdict {
    let certificates: Vec<_> = certificates.iter().map(|made| made.certificate.clone()).collect();
    validate(&certificates, std::slice::from_ref(&anchor.certificate), BETWEEN, &|_| false)
}

fn openssl_is_here() -> bool {
    Command::new("openssl").arg("version").output().is_ok_and(|output| output.status.success())
}

#[test]
fn every_signing_key_makes_certificates_that_are_read_back() {
    let algorithms = [
        (A::RSA, Some(2048)),
        P256,
        (A::EC, Some(521)),
        (A::EC, Some(224)),
        (A::Ed25519, None),
        (A::ML_DSA_65, None),
        (A::SLH_DSA_SHA2_128f, None),
    ];
    for algorithm in algorithms {
        let root = made("CN=root,O=Example,C=DE", algorithm, None, |spec| {
            spec.path_length = Some(1);
            spec.key_usage = Some(KeyUsage::KEY_CERT_SIGN | KeyUsage::CRL_SIGN);
        });
        let read = &root.certificate;
        assert_eq!((read.version, read.is_authority, read.path_length), (3, true, Some(1)));
        assert_eq!(read.key_usage, Some(KeyUsage::KEY_CERT_SIGN | KeyUsage::CRL_SIGN));
        assert_eq!((read.not_before, read.not_after), (FROM, UNTIL));
        assert_eq!((read.subject.text(), &read.subject), ("CN=root,O=Example,C=DE", &read.issuer));
        assert_eq!(read.subject_key_id, read.authority_key_id);
        assert_eq!(read.serial.len(), 16);
        assert!(!read.unknown_critical);
        assert_eq!(read.signature_algorithm.is_some(), matches!(algorithm.0, A::RSA | A::EC));
        let public = read.public_key.as_ref().unwrap();
        assert!(read.is_signed_by(public).unwrap());
        assert!(!read.is_signed_by(&key(P256.0, P256.1).public()).unwrap());
        let pem = certificate_pem(read.der()).unwrap();
        assert_eq!(Certificate::parse(pem.as_bytes()).unwrap().der(), read.der());
    }
}

#[test]
fn a_chain_is_judged() {
    let root = made("CN=root", P256, None, |_| {});
    let middle = made("CN=middle", (A::RSA, Some(2048)), Some(&root), |spec| spec.path_length = Some(0));
    let leaf = made("CN=leaf", (A::Ed25519, None), Some(&middle), |spec| spec.is_authority = false);
    for order in [[&leaf, &middle], [&middle, &leaf]] {
        assert_eq!(judge(&order, &root), Verdict::Valid);
    }
    assert_eq!(judge(&[&root, &leaf, &middle], &root), Verdict::Valid);
    assert_eq!(judge(&[&root], &root), Verdict::Valid);

    let other = made("CN=other", P256, None, |_| {});
    assert!(matches!(judge(&[&leaf, &middle], &other), Verdict::Unknown(_)));
    assert!(matches!(judge(&[&leaf], &root), Verdict::Unknown(_)));
    assert!(matches!(judge(&[&leaf, &middle, &other], &root), Verdict::Invalid(_)), "two leaves");
    assert!(matches!(judge(&[], &root), Verdict::Invalid(_)));

    let impostor = made("CN=root", P256, None, |_| {});
    assert_eq!(judge(&[&leaf, &middle], &impostor), Verdict::Invalid("a signature is wrong"));

    let chain = [leaf.certificate.clone(), middle.certificate.clone()];
    let anchors = [root.certificate.clone()];
    for at in [FROM.plus(-1), UNTIL.plus(1)] {
        assert!(matches!(validate(&chain, &anchors, at, &|_| false), Verdict::Invalid(_)));
    }
    for at in [FROM, UNTIL] {
        assert_eq!(validate(&chain, &anchors, at, &|_| false), Verdict::Valid);
    }
    let revoked = |certificate: &Certificate| certificate.subject.text() == "CN=middle";
    assert_eq!(validate(&chain, &anchors, BETWEEN, &revoked), Verdict::Invalid("a certificate is revoked"));
}

#[test]
fn an_authority_in_the_middle_may_be_trusted() {
    let root = made("CN=root", P256, None, |_| {});
    let middle = made("CN=middle", P256, Some(&root), |_| {});
    let leaf = made("CN=leaf", P256, Some(&middle), |spec| spec.is_authority = false);
    assert_eq!(judge(&[&leaf], &middle), Verdict::Valid);
    assert_eq!(judge(&[&leaf, &middle], &middle), Verdict::Valid);
    // Its own issuer, which is not trusted, is one certificate too many; trusted too, it is the end of the chain.
    assert!(matches!(judge(&[&leaf, &middle, &root], &middle), Verdict::Unknown(_)));
    let all = [&leaf, &middle, &root].map(|one| one.certificate.clone());
    for anchors in [[&middle, &root], [&root, &middle]] {
        let anchors = anchors.map(|one| one.certificate.clone());
        assert_eq!(validate(&all, &anchors, BETWEEN, &|_| false), Verdict::Valid);
    }
    assert!(root.certificate.is_self_signed() && !middle.certificate.is_self_signed());
}

#[test]
fn an_issuer_must_be_allowed_to_issue() {
    let root = made("CN=root", P256, None, |_| {});
    let plain = made("CN=plain", P256, Some(&root), |spec| spec.is_authority = false);
    let encipher = made("CN=encipher", P256, Some(&root), |spec| spec.key_usage = Some(KeyUsage::KEY_ENCIPHERMENT));
    for middle in [&plain, &encipher] {
        let leaf = made("CN=leaf", P256, Some(middle), |spec| spec.is_authority = false);
        assert!(matches!(judge(&[&leaf, middle], &root), Verdict::Invalid(_)));
    }
    let short = made("CN=short", P256, Some(&root), |spec| spec.path_length = Some(0));
    let below = made("CN=below", P256, Some(&short), |_| {});
    let leaf = made("CN=leaf", P256, Some(&below), |spec| spec.is_authority = false);
    assert_eq!(judge(&[&leaf, &below, &short], &root), Verdict::Invalid("the chain is longer than an issuer allows"));
    assert_eq!(judge(&[&below, &short], &root), Verdict::Valid);
}

#[test]
fn what_cannot_be_issued_is_refused() {
    let key = key(P256.0, P256.1);
    let info = public_key_info(&key);
    let subject = Name::from_text("CN=x").unwrap();
    let nobody = Name::from_text("").unwrap();
    let base = CertificateSpec {
        subject: &subject,
        public_key_info: &info,
        serial: None,
        not_before: FROM,
        not_after: UNTIL,
        is_authority: false,
        path_length: None,
        key_usage: None,
        subject_alternative: &[],
        extended_key_usage: None,
    };
    let authority = Authority { key: &key, certificate: None, software: SoftwareRsa::Refuse };
    assert!(issue(&base, authority).is_ok());
    let cases = [
        CertificateSpec { subject: &nobody, ..base },
        CertificateSpec { serial: Some(&[]), ..base },
        CertificateSpec { serial: Some(&[0, 0]), ..base },
        CertificateSpec { serial: Some(&[0x80; 20]), ..base },
        CertificateSpec { not_before: UNTIL, not_after: FROM, ..base },
        CertificateSpec { path_length: Some(1), ..base },
        CertificateSpec { public_key_info: b"garbage", ..base },
    ];
    for (at, case) in cases.iter().enumerate() {
        assert!(issue(case, authority).is_err(), "case {at}");
    }
    let agreement = agreement_key();
    let agreement = Authority { key: &agreement, ..authority };
    assert!(issue(&base, agreement).is_err());
}

/// OpenSSL makes requests, we certify them, OpenSSL verifies the certificates.
#[test]
fn openssl_agrees() {
    if !openssl_is_here() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let run = |arguments: &[&str]| {
        let output = Command::new("openssl").args(arguments).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    };
    let keys: [&[&str]; 4] = [
        &["rsa:2048"],
        &["ec", "-pkeyopt", "ec_paramgen_curve:secp384r1"],
        &["ed25519"],
        &["rsa:2048", "-sigopt", "rsa_padding_mode:pss", "-sha384"],
    ];
    for (algorithm, request) in [((A::RSA, Some(2048)), 0), (P256, 1), ((A::EC, Some(521)), 2), ((A::Ed25519, None), 3)]
    {
        let root = made("CN=root,O=Example", algorithm, None, |spec| {
            spec.key_usage = Some(KeyUsage::KEY_CERT_SIGN | KeyUsage::DECIPHER_ONLY);
        });
        let (pem, csr) = (path("key.pem"), path("csr.pem"));
        let subject = "/C=DE/O=Ex, ample/CN=server/emailAddress=a@example.org";
        let extensions = "subjectAltName=DNS:server.example,IP:10.0.0.1,IP:::1,email:a@example.org,URI:urn:x,dirName:d";
        std::fs::write(
            path("conf"),
            format!("[req]\ndistinguished_name=dn\n[dn]\n[ext]\n{extensions}\nextendedKeyUsage=serverAuth\nkeyUsage=digitalSignature\n[d]\nCN=other\n"),
        )
        .unwrap();
        let conf = path("conf");
        let mut arguments = vec!["req", "-new", "-nodes", "-config", &conf, "-reqexts", "ext", "-subj", subject];
        arguments.extend(["-keyout", &pem, "-out", &csr, "-newkey"]);
        arguments.extend(keys[request]);
        run(&arguments);
        let parsed = Request::parse(&std::fs::read(&csr).unwrap()).unwrap();
        assert_eq!(parsed.subject.text(), "emailAddress=a@example.org,CN=server,O=Ex\\, ample,C=DE");
        assert_eq!(parsed.key_usage, Some(KeyUsage::DIGITAL_SIGNATURE));
        let names: Vec<_> = parsed.subject_alternative.iter().map(|name| (name.kind, &*name.text)).collect();
        assert_eq!(
            names,
            [
                (AlternativeNameType::DNSName, "server.example"),
                (AlternativeNameType::IPAddress, "10.0.0.1"),
                (AlternativeNameType::IPAddress, "::1"),
                (AlternativeNameType::EmailAddress, "a@example.org"),
                (AlternativeNameType::URI, "urn:x"),
                (AlternativeNameType::X_500DistinguishedName, "CN=other"),
            ]
        );
        let spec = CertificateSpec {
            subject: &parsed.subject,
            public_key_info: &parsed.public_key_info,
            serial: Some(&[0x80, 1]),
            not_before: FROM,
            not_after: Date(4_000_000_000),
            is_authority: false,
            path_length: None,
            key_usage: parsed.key_usage,
            subject_alternative: &parsed.subject_alternative,
            extended_key_usage: parsed.extended_key_usage.as_deref(),
        };
        let authority =
            Authority { key: &root.key, certificate: Some(&root.certificate), software: SoftwareRsa::Refuse };
        let leaf = issue(&spec, authority).unwrap();
        let (root_pem, leaf_pem) = (path("root.pem"), path("leaf.pem"));
        std::fs::write(&root_pem, certificate_pem(root.certificate.der()).unwrap()).unwrap();
        std::fs::write(&leaf_pem, certificate_pem(&leaf).unwrap()).unwrap();
        let at = BETWEEN.0.to_string();
        run(&["verify", "-x509_strict", "-purpose", "sslserver", "-attime", &at, "-CAfile", &root_pem, &leaf_pem]);
        let shown = String::from_utf8(run(&["x509", "-in", &leaf_pem, "-noout", "-text"])).unwrap();
        for words in ["DNS:server.example", "IP Address:10.0.0.1", "TLS Web Server Authentication", "2096"] {
            assert!(shown.contains(words), "{words} in {shown}");
        }
        let leaf = Certificate::parse(&leaf).unwrap();
        assert_eq!(leaf.extended_key_usage, parsed.extended_key_usage);
        assert_eq!(*leaf.serial, [0, 0x80, 1]);
        assert_eq!(validate(&[leaf], &[root.certificate], BETWEEN, &|_| false), Verdict::Valid);
    }
}

/// OpenSSL signs with RSASSA-PSS and with our key's formats.
#[test]
fn openssl_certificates_are_read() {
    if !openssl_is_here() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let key = key(A::RSA, Some(2048));
    let Encoded::Bytes(pkcs8) = encode_private(&key, KeyFormatType::PKCS_8).unwrap() else { panic!("DER") };
    std::fs::write(path("key.der"), pkcs8.expose()).unwrap();
    for (hash, salt) in
        [("-sha256", "rsa_pss_saltlen:32"), ("-sha512", "rsa_pss_saltlen:20"), ("-sha1", "rsa_pss_saltlen:20")]
    {
        let (input, output) = (path("key.der"), path("cert.der"));
        let arguments =
            ["req", "-x509", "-key", &input, "-keyform", "DER", "-subj", "/CN=x", "-outform", "DER", "-out", &output];
        let more = [hash, "-sigopt", "rsa_padding_mode:pss", "-sigopt", salt, "-days", "10"];
        assert!(Command::new("openssl").args(arguments).args(more).output().unwrap().status.success());
        let bytes = std::fs::read(&output).unwrap();
        let certificate = Certificate::parse(&bytes).unwrap();
        assert_eq!(certificate.signature_algorithm, Some(crate::registry::DigitalSignatureAlgorithm::RSASSA_PSS));
        assert!(certificate.is_signed_by(&key.public()).unwrap(), "{hash}");
        let mut changed = bytes.clone();
        let last = changed.len() - 1;
        changed[last] ^= 1;
        assert!(!Certificate::parse(&changed).unwrap().is_signed_by(&key.public()).unwrap());
    }
}

#[test]
fn a_request_with_a_wrong_signature_is_refused() {
    if !openssl_is_here() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (pem, csr) = (path("key.pem"), path("csr.der"));
    let arguments =
        ["req", "-new", "-nodes", "-newkey", "ed25519", "-subj", "/CN=x", "-outform", "DER", "-keyout", &pem];
    assert!(Command::new("openssl").args(arguments).args(["-out", &csr]).output().unwrap().status.success());
    let mut bytes = std::fs::read(&csr).unwrap();
    assert!(Request::parse(&bytes).is_ok());
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    assert_eq!(Request::parse(&bytes).unwrap_err(), CryptoError::Failed);
    assert!(Certificate::parse(&bytes).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn garbage_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300), at in 0usize..400, change in 1u8..) {
        let _ = Certificate::parse(&bytes);
        let _ = Request::parse(&bytes);
        let mut der = made("CN=x,O=y", P256, None, |_| {}).certificate.der().to_vec();
        let at = at % der.len();
        der[at] ^= change;
        if let Ok(certificate) = Certificate::parse(&der) {
            let key = certificate.public_key.clone();
            let signed = key.and_then(|key| certificate.is_signed_by(&key).ok());
            prop_assert_ne!(signed, Some(true));
        }
        der.truncate(at);
        prop_assert!(Certificate::parse(&der).is_err());
    }
}
