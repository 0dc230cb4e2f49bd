//! `certify` and `validate`: what the client does with certificates.

use std::path::PathBuf;

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use serde_json::json;

use super::arguments::Certify;
use super::attributes::Attribute;
use super::{Client, described, identifier, material, now, payload, print_identifier, requests};
use crate::base::{Date, Value};
use crate::cli::failure::Failure;
use crate::cli::files::{self, PUBLIC};
use crate::crypto::x509::{Name, certificate_pem};
use crate::model::values::{AttributeValue, CertificateSubject, X509CertificateSubject};
use crate::registry::{CertificateRequestType, CertificateType, Operation, Tag, ValidityIndicator, Version};

impl Client {
    /// Certifies, and fetches the certificate if a file is named.
    pub(super) fn certify(&mut self, asked: &Certify, json: bool) -> Result<(), Failure> {
        let request = asked.request.as_deref().map(files::read).transpose()?;
        let request = request.as_ref().map(|bytes| {
            let is_der = bytes.first() == Some(&0x30);
            (if is_der { CertificateRequestType::PKCS_10 } else { CertificateRequestType::PEM }, &bytes[..])
        });
        let attributes = wanted(asked, self.version)?;
        let version = self.version;
        let answer = self.ask(Operation::Certify, |writer| {
            requests::certify(writer, version, asked.id.as_deref(), request, &attributes);
        })?;
        let id = identifier(&answer)?;
        if let Some(path) = &asked.out {
            let answer = self.ask(Operation::Get, |writer| requests::get(writer, version, &id, None))?;
            let payload = payload(&answer)?;
            let der = material(&payload).ok_or_else(|| Failure::connection("the answer holds no certificate"))?;
            let pem = certificate_pem(der.bytes).map_err(|error| Failure::failed(error.to_string()))?;
            files::write_new(path, pem.as_bytes(), PUBLIC)?;
        }
        print_identifier("certified", &id, json);
        Ok(())
    }

    /// Prints the Validity Indicator.
    pub(super) fn validate(
        &mut self,
        files: &[PathBuf],
        ids: &[String],
        at: Option<Date>,
        json: bool,
    ) -> Result<(), Failure> {
        let mut sent = Vec::new();
        for path in files {
            sent.extend(certificates(&files::read(path)?)?);
        }
        let version = self.version;
        let answer = self.ask(Operation::Validate, |writer| requests::validate(writer, version, &sent, ids, at))?;
        let payload = payload(&answer)?;
        let validity = payload.child(Tag::ValidityIndicator).and_then(|item| item.enumeration());
        let validity = validity.map(ValidityIndicator);
        let validity = validity.ok_or_else(|| Failure::connection("the server's answer has no Validity Indicator"))?;
        if json {
            println!("{}", json!({"validity": validity.to_string()}));
        } else {
            println!("{validity}");
        }
        if validity == ValidityIndicator::Valid {
            return Ok(());
        }
        Err(Failure::failed(format!("the server calls the chain {validity}")))
    }
}

/// The attributes of the new certificate.
fn wanted(asked: &Certify, version: Version) -> Result<Vec<Attribute>, Failure> {
    let mut attributes = described(&asked.describe, None);
    attributes.push(Attribute::Standard(Tag::CertificateType, CertificateType::X_509.into_value()));
    attributes.extend(asked.issuer.iter().map(|id| Attribute::Link(Tag::CertificateLink, id.clone())));
    if asked.self_signed {
        attributes.push(Attribute::Custom("Keyhaven-Self-Signed".into(), "true".into()));
    }
    let until = asked.days.map(|days| Value::DateTime(now().plus(days * 86_400)));
    attributes.extend(until.map(|until| Attribute::Standard(Tag::DeactivationDate, until)));
    if asked.subject.is_none() && asked.alternative_name.is_empty() {
        return Ok(attributes);
    }
    let text = asked.subject.as_deref().unwrap_or_default();
    let subject = Name::from_text(text).map_err(|_| Failure::usage("a subject is written as CN=server,O=Example"))?;
    let names = &asked.alternative_name;
    attributes.push(match version {
        // X.509 Certificate Subject came with 1.1.
        Version::V1_0 => {
            let alternative_names = names.iter().map(|name| name.text.to_string()).collect();
            let subject = CertificateSubject { distinguished_name: text.to_owned(), alternative_names };
            Attribute::Standard(Tag::CertificateSubject, subject.into_value())
        }
        _ => {
            let distinguished_name = if subject.is_empty() { Vec::new() } else { subject.der().to_vec() };
            let alternative_names = names.iter().map(|name| name.der.to_vec()).collect();
            let subject = X509CertificateSubject { distinguished_name, alternative_names };
            Attribute::Standard(Tag::X_509CertificateSubject, subject.into_value())
        }
    });
    Ok(attributes)
}

/// The certificates of a file.
fn certificates(bytes: &[u8]) -> Result<Vec<Vec<u8>>, Failure> {
    if bytes.first() == Some(&0x30) {
        return Ok(vec![bytes.to_vec()]);
    }
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(bytes).collect();
    match read {
        Ok(found) if !found.is_empty() => Ok(found.into_iter().map(|der| der.to_vec()).collect()),
        _ => Err(Failure::usage("the file holds no certificate, neither PEM nor DER")),
    }
}
