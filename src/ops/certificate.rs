//! What a certificate says, as attributes (1.4 §3.9 to §3.16, 2.1 §4.6 to §4.8 and §4.61 to §4.63): the server reads it
//! when it comes in and sets the attributes of every version.

use crate::base::{Error, Result};
use crate::crypto::CryptoError;
use crate::crypto::keys::PublicKey;
use crate::crypto::x509::{Certificate, Name, NamePart, Request};
use crate::model::attributes::SetBy;
use crate::model::object::Fields;
use crate::model::values::{
    AttributeValue, CertificateIdentifier, CertificateIssuer, CertificateSubject, X509CertificateIdentifier,
    X509CertificateIssuer, X509CertificateSubject,
};
use crate::model::{Attributes, Key, RULES, Rule, attr};
use crate::proto::objects::Body;
use crate::registry::{CertificateRequestType, CertificateType, ObjectType, ResultReason, Tag};

/// The attributes of the parts of a name, of the subject and of the issuer.
pub const PARTS: [(NamePart, Tag, Tag); 12] = [
    (NamePart::CommonName, Tag::CertificateSubjectCN, Tag::CertificateIssuerCN),
    (NamePart::Organization, Tag::CertificateSubjectO, Tag::CertificateIssuerO),
    (NamePart::OrganizationalUnit, Tag::CertificateSubjectOU, Tag::CertificateIssuerOU),
    (NamePart::Email, Tag::CertificateSubjectEmail, Tag::CertificateIssuerEmail),
    (NamePart::Country, Tag::CertificateSubjectC, Tag::CertificateIssuerC),
    (NamePart::State, Tag::CertificateSubjectST, Tag::CertificateIssuerST),
    (NamePart::Locality, Tag::CertificateSubjectL, Tag::CertificateIssuerL),
    (NamePart::UserId, Tag::CertificateSubjectUID, Tag::CertificateIssuerUID),
    (NamePart::SerialNumber, Tag::CertificateSubjectSerialNumber, Tag::CertificateIssuerSerialNumber),
    (NamePart::Title, Tag::CertificateSubjectTitle, Tag::CertificateIssuerTitle),
    (NamePart::DomainComponent, Tag::CertificateSubjectDC, Tag::CertificateIssuerDC),
    (NamePart::DnQualifier, Tag::CertificateSubjectDNQualifier, Tag::CertificateIssuerDNQualifier),
];

/// The certificate in a body; None for another type of certificate.
pub fn read(fields: &Fields, body: &Body) -> Option<crate::crypto::Result<Certificate>> {
    matches!(fields, Fields::Certificate(CertificateType::X_509)).then(|| Certificate::parse(body.bytes.expose()))
}

/// Reads a certificate request of its type.
///
/// # Errors
/// Invalid CSR (in 1.x Invalid Field) if it "does not contain a signed certificate request of the specified Certificate
/// Request Type" (1.4 §11.8); Feature Not Supported for CRMF and PGP.
pub fn read_request(request_type: CertificateRequestType, bytes: &[u8]) -> Result<Request> {
    let is_der = bytes.first() == Some(&0x30);
    let fits = match request_type {
        CertificateRequestType::PKCS_10 => is_der,
        CertificateRequestType::PEM => !is_der,
        other => {
            let words = format!("this server certifies requests of PKCS#10 and PEM, not of {other}");
            return Err(Error::new(ResultReason::FeatureNotSupported, words));
        }
    };
    if !fits {
        let words = format!("the certificate request is not of the type {request_type}");
        return Err(Error::new(ResultReason::InvalidCSR, words));
    }
    Request::parse(bytes).map_err(unreadable)
}

/// The certificate request that an object holds.
pub fn request_of(fields: &Fields, body: &Body) -> Result<Request> {
    match *fields {
        Fields::CertificateRequest(CertificateRequestType::PKCS_10 | CertificateRequestType::PEM) => {
            Request::parse(body.bytes.expose()).map_err(unreadable)
        }
        _ => {
            Err(Error::new(ResultReason::FeatureNotSupported, "this server certifies requests of PKCS#10 and PEM only"))
        }
    }
}

fn unreadable(error: CryptoError) -> Error {
    Error::new(ResultReason::InvalidCSR, format!("the certificate request cannot be read: {error}"))
}

/// Takes away what the server reads from a certificate, for one that inherited the attributes of another.
pub fn forget(attributes: &mut Attributes) {
    let of_certificates = |rule: &&Rule| {
        rule.set_by == SetBy::Server
            && rule.objects.contains(ObjectType::Certificate)
            && !rule.objects.contains(ObjectType::SymmetricKey)
    };
    for rule in RULES.iter().filter(of_certificates) {
        attributes.remove_all(rule.tag);
    }
}

/// Reads a certificate or certificate request and sets the attributes that follow from it. Other objects, PGP
/// certificates and CRMF requests are left as they are.
///
/// # Errors
/// Invalid Field for a certificate that is none, Invalid CSR for a request that is none or whose signature is wrong.
pub fn describe(attributes: &mut Attributes, fields: &Fields, body: &Body) -> Result<()> {
    match *fields {
        Fields::Certificate(CertificateType::X_509) => {
            let certificate = Certificate::parse(body.bytes.expose())
                .map_err(|error| Error::invalid_field(format!("the certificate cannot be read: {error}")))?;
            of_certificate(attributes, &certificate);
            Ok(())
        }
        Fields::CertificateRequest(CertificateRequestType::PKCS_10 | CertificateRequestType::PEM) => {
            match Request::parse(body.bytes.expose()) {
                Ok(request) => of_key(attributes, &request.public_key),
                // The key's algorithm is not one of this server's: kept, though it cannot be looked into.
                Err(CryptoError::Unsupported(_) | CryptoError::Legacy(_)) => {}
                Err(error) => return Err(unreadable(error)),
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

fn of_certificate(attributes: &mut Attributes, certificate: &Certificate) {
    if let Some(key) = &certificate.public_key {
        of_key(attributes, key);
    }
    default(attributes, attr::CERTIFICATE_LENGTH, i32::try_from(certificate.der().len()).unwrap_or(i32::MAX));
    if let Some(algorithm) = certificate.signature_algorithm {
        default(attributes, attr::DIGITAL_SIGNATURE_ALGORITHM, algorithm);
    }
    let (subject, issuer) = (&certificate.subject, &certificate.issuer);
    let texts = |names: &[crate::crypto::x509::AlternativeName]| names.iter().map(|one| one.text.to_string()).collect();
    let ders = |names: &[crate::crypto::x509::AlternativeName]| names.iter().map(|one| one.der.to_vec()).collect();
    let (of_subject, of_issuer) = (&certificate.subject_alternative, &certificate.issuer_alternative);

    default(attributes, attr::X_509_CERTIFICATE_IDENTIFIER, identifier(certificate));
    default(
        attributes,
        attr::X_509_CERTIFICATE_SUBJECT,
        X509CertificateSubject { distinguished_name: der(subject), alternative_names: ders(of_subject) },
    );
    default(
        attributes,
        attr::X_509_CERTIFICATE_ISSUER,
        X509CertificateIssuer { distinguished_name: der(issuer), alternative_names: ders(of_issuer) },
    );
    default(
        attributes,
        attr::CERTIFICATE_IDENTIFIER,
        CertificateIdentifier {
            issuer: issuer.text().to_owned(),
            serial_number: Some(certificate.serial.iter().map(|byte| format!("{byte:02X}")).collect()),
        },
    );
    default(
        attributes,
        attr::CERTIFICATE_SUBJECT,
        CertificateSubject { distinguished_name: subject.text().to_owned(), alternative_names: texts(of_subject) },
    );
    default(
        attributes,
        attr::CERTIFICATE_ISSUER,
        CertificateIssuer { distinguished_name: issuer.text().to_owned(), alternative_names: texts(of_issuer) },
    );
    for (part, subject_tag, issuer_tag) in PARTS {
        default_all(attributes, subject_tag, subject.values(part));
        default_all(attributes, issuer_tag, issuer.values(part));
    }
    default_all(attributes, Tag::CertificateSubjectDN, Some(subject.text()).filter(|text| !text.is_empty()));
    default_all(attributes, Tag::CertificateIssuerDN, Some(issuer.text()).filter(|text| !text.is_empty()));
}

/// What tells the certificate from all others.
pub fn identifier(certificate: &Certificate) -> X509CertificateIdentifier {
    X509CertificateIdentifier { issuer: der(&certificate.issuer), serial_number: certificate.serial.to_vec() }
}

/// A subject may be empty where an alternative name stands for it; the attribute is then an empty string (1.4 §3.11).
fn der(name: &Name) -> Vec<u8> {
    if name.is_empty() { Vec::new() } else { name.der().to_vec() }
}

/// Cryptographic Algorithm and Length are those of the public key in it (2.1 §4.13, §4.15).
fn of_key(attributes: &mut Attributes, key: &PublicKey) {
    default(attributes, attr::CRYPTOGRAPHIC_ALGORITHM, key.algorithm());
    default(attributes, attr::CRYPTOGRAPHIC_LENGTH, key.length());
}

/// What an import brought with the object stays.
fn default<T: AttributeValue>(attributes: &mut Attributes, key: Key<T>, value: T) {
    if !attributes.has(key.tag()) {
        attributes.set(key, value);
    }
}

fn default_all<'a>(attributes: &mut Attributes, tag: Tag, values: impl IntoIterator<Item = &'a str>) {
    if attributes.has(tag) {
        return;
    }
    for value in values {
        attributes.push(tag, value.to_owned().into_value());
    }
}
