//! Certificates and certification requests. An input is a list: a byte that chooses, two bytes of length, and DER or
//! PEM; what is a certificate then goes into one chain.

use keyhaven::base::Date;
use keyhaven::crypto::formats::{Encoded, encode_public};
use keyhaven::crypto::rsa::SoftwareRsa;
use keyhaven::crypto::x509::{
    Authority, Certificate, CertificateSpec, KeyUsage, Name, Request, certificate_pem, issue, validate,
};
use keyhaven::registry::KeyFormatType;

use super::dice::{Dice, noise, with_damage};
use super::keys;

pub fn body(bytes: &[u8]) {
    let mut dice = Dice(bytes);
    let mut chain = Vec::new();
    while !dice.0.is_empty() && chain.len() < 8 {
        let choice = dice.byte();
        let length = u16::from_be_bytes([dice.byte(), dice.byte()]);
        let one = dice.take(length.into());
        if choice % 2 == 0 {
            let Ok(certificate) = Certificate::parse(one) else { continue };
            let pem = certificate_pem(certificate.der()).expect("a certificate has a PEM form");
            let again = Certificate::parse(pem.as_bytes()).expect("what is written is read");
            assert_eq!(again.der(), certificate.der());
            chain.push(certificate);
        } else {
            let _ = Request::parse(one);
        }
    }
    let Some(anchor) = chain.last() else { return };
    let _ = validate(&chain, std::slice::from_ref(anchor), Date(1_800_000_000), &|_| false);
}

pub fn seeds() -> Vec<Vec<u8>> {
    let mut inputs = noise(50, 200);
    let mut all = Vec::new();
    for key in keys::examples() {
        let subject = Name::from_text("CN=example,O=Example").expect("a name");
        let Ok(Encoded::Bytes(info)) = encode_public(&key.public(), KeyFormatType::X_509, None) else { continue };
        let spec = CertificateSpec {
            subject: &subject,
            public_key_info: info.expose(),
            serial: Some(&[7]),
            not_before: Date(1_700_000_000),
            not_after: Date(1_900_000_000),
            is_authority: true,
            path_length: Some(1),
            key_usage: Some(KeyUsage::KEY_CERT_SIGN | KeyUsage::CRL_SIGN),
            subject_alternative: &[],
            extended_key_usage: None,
        };
        // A key that only agrees on secrets signs nothing. A signature of SLH-DSA is too long for these inputs.
        let authority = Authority { key: &key, certificate: None, software: SoftwareRsa::Refuse };
        let Ok(certificate) = issue(&spec, authority) else { continue };
        let Some(one) = entry(0, &certificate) else { continue };
        all.extend_from_slice(&one);
        inputs.push(one);
    }
    inputs.push(all);
    let pair = rcgen::KeyPair::generate().expect("a key is made");
    let request = rcgen::CertificateParams::new(["example.org".to_owned()]).expect("a name");
    let request = request.serialize_request(&pair).expect("a request is made");
    inputs.extend(entry(1, request.der()));
    inputs.extend(entry(1, request.pem().expect("a request has a PEM form").as_bytes()));
    with_damage(inputs)
}

fn entry(choice: u8, der: &[u8]) -> Option<Vec<u8>> {
    let length = u16::try_from(der.len()).ok().filter(|length| *length < 8192)?.to_be_bytes();
    Some([&[choice], &length[..], der].concat())
}
