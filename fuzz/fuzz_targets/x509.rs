//! Certificates, certificate requests, distinguished and alternative names, and chains of what could be read.

#![no_main]

use std::sync::LazyLock;

use keyhaven::base::Date;
use keyhaven::crypto::keys::{KeySpec, PrivateKey};
use keyhaven::crypto::rsa::SoftwareRsa;
use keyhaven::crypto::x509::{
    AlternativeName, Authority, Certificate, CertificateSpec, Name, Request, Verdict, issue, public_key_info, validate,
};
use keyhaven::registry::CryptographicAlgorithm;
use libfuzzer_sys::fuzz_target;

/// 2027-01-15.
const NOW: Date = Date(1_800_000_000);

static KEY: LazyLock<PrivateKey> = LazyLock::new(|| {
    let algorithm = CryptographicAlgorithm::Ed25519;
    let spec = KeySpec { algorithm, length: None, curve: None, software: SoftwareRsa::Refuse };
    PrivateKey::generate(&spec).expect("a key for the fuzzer")
});

fuzz_target!(|bytes: &[u8]| {
    if let Ok(certificate) = Certificate::parse(bytes) {
        let again = Certificate::parse(certificate.der()).expect("what was read is read again");
        assert_eq!(again.der(), certificate.der());
        let certificates = [certificate];
        assert_ne!(validate(&certificates, &[], NOW, &|_| false), Verdict::Valid, "nothing is trusted");
        let _ = validate(&certificates, &certificates, NOW, &|_| false);
    }
    if let Ok(name) = Name::from_der(bytes) {
        named(&name, &[]);
    }
    if let Ok(text) = std::str::from_utf8(bytes)
        && let Ok(name) = Name::from_text(text)
    {
        assert_eq!(Name::from_text(name.text()).expect("a name's text is read again"), name);
    }
    let alternative = AlternativeName::from_der(bytes).ok();
    if let Some(alternative) = alternative {
        named(&Name::from_text("CN=x").expect("a name"), &[alternative]);
    }
    if let Ok(request) = Request::parse(bytes) {
        named(&request.subject, &request.subject_alternative);
    }
});

/// Whatever names are read can be certified, and are then read back.
fn named(subject: &Name, alternative: &[AlternativeName]) {
    let info = public_key_info(&KEY.public()).expect("the key has a form");
    let spec = CertificateSpec {
        subject,
        public_key_info: &info,
        serial: Some(&[1]),
        not_before: NOW,
        not_after: NOW,
        is_authority: true,
        path_length: None,
        key_usage: None,
        subject_alternative: alternative,
        extended_key_usage: None,
    };
    let authority = Authority { key: &KEY, certificate: None, software: SoftwareRsa::Refuse };
    let Ok(der) = issue(&spec, authority) else { return };
    let certificate = Certificate::parse(&der).expect("what is issued is read");
    assert_eq!((&certificate.subject, &*certificate.subject_alternative), (subject, alternative));
    assert_eq!(validate(&[certificate.clone()], &[certificate], NOW, &|_| false), Verdict::Valid);
}
