//! Distinguished names and alternative names, DER and text.

use std::sync::LazyLock;

use keyhaven::base::Date;
use keyhaven::crypto::keys::{KeySpec, PrivateKey};
use keyhaven::crypto::rsa::SoftwareRsa;
use keyhaven::crypto::x509::{
    AlternativeName, Authority, Certificate, CertificateSpec, Name, Verdict, issue, public_key_info, validate,
};
use keyhaven::registry::{AlternativeNameType, CryptographicAlgorithm};

use super::dice::{noise, with_damage};

/// 2027-01-15.
const NOW: Date = Date(1_800_000_000);

static KEY: LazyLock<PrivateKey> = LazyLock::new(|| {
    let algorithm = CryptographicAlgorithm::Ed25519;
    let spec = KeySpec { algorithm, length: None, curve: None, software: SoftwareRsa::Refuse };
    PrivateKey::generate(&spec).expect("a key is made")
});

pub fn body(bytes: &[u8]) {
    if let Ok(name) = Name::from_der(bytes) {
        certified(&name, &[]);
    }
    if let Ok(text) = std::str::from_utf8(bytes)
        && let Ok(name) = Name::from_text(text)
    {
        assert_eq!(Name::from_text(name.text()).expect("a name's text is read again"), name);
    }
    if let Ok(alternative) = AlternativeName::from_der(bytes) {
        certified(&Name::from_text("CN=x").expect("a name"), &[alternative]);
    }
}

/// Whatever names are read can be certified, and are then read back.
fn certified(subject: &Name, alternative: &[AlternativeName]) {
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
    let certificates = [certificate];
    assert_ne!(validate(&certificates, &[], NOW, &|_| false), Verdict::Valid, "nothing is trusted by itself");
    assert_eq!(validate(&certificates, &certificates, NOW, &|_| false), Verdict::Valid);
}

pub fn seeds() -> Vec<Vec<u8>> {
    const TEXTS: [&str; 5] =
        ["CN=example", "CN=a\\,b,O=Example \\+ Co", "C=DE+L=Berlin,CN=x", "2.5.4.3=#0c0161", "CN="];
    const ALTERNATIVES: [(AlternativeNameType, &str); 4] = [
        (AlternativeNameType::DNSName, "example.org"),
        (AlternativeNameType::IPAddress, "192.0.2.1"),
        (AlternativeNameType::EmailAddress, "a@example.org"),
        (AlternativeNameType::URI, "https://example.org/"),
    ];
    let mut inputs = noise(50, 100);
    for text in TEXTS {
        inputs.push(text.as_bytes().to_vec());
        inputs.extend(Name::from_text(text).map(|name| name.der().to_vec()));
    }
    let alternatives = ALTERNATIVES.iter().filter_map(|(kind, text)| AlternativeName::from_text(*kind, text).ok()?);
    inputs.extend(alternatives.map(|one| one.der.to_vec()));
    with_damage(inputs)
}
