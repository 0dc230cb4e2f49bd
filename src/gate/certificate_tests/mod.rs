//! Certify, Re-certify and Validate through the whole core.

mod certify;
mod recertify;
mod validate;

use super::testing::{Answer, TestServer, write_id};
use crate::base::{Date, Value};
use crate::crypto::x509::Certificate;
use crate::model::values::{AttributeValue, Name, Target, VendorAttribute};
use crate::model::{Attribute, Attributes};
use crate::proto::attributes::{AttributeList, write_attribute};
use crate::proto::wire::{Read, Write};
use crate::registry::{
    CertificateRequestType, CertificateType, CryptographicAlgorithm as Algorithm, CryptographicUsageMask as Mask,
    NameType, Operation, RevocationReasonCode, Tag, ValidityIndicator, Version,
};
use crate::ttlv::Writer;

const V: Version = Version::V2_1;
/// When the tests begin.
const START: i64 = 1_800_000_000;
const DAY: i64 = 86_400;

/// An attribute of a request.
type Given = (Tag, Value);

fn write_attributes(out: &mut Writer, version: Version, tags: (Tag, Tag), list: &[Given]) {
    out.structure(if version.is_1x() { tags.0 } else { tags.1 }, |out| {
        for (tag, value) in list {
            write_attribute(&Attribute { tag: *tag, index: 0, value: value.clone() }, out, version);
        }
    });
}

fn mask(bits: Mask) -> Given {
    (Tag::CryptographicUsageMask, bits.into_value())
}

fn name(name: &str) -> Given {
    let value = Name { value: name.into(), name_type: NameType::UninterpretedTextString };
    (Tag::Name, value.into_value())
}

fn date(tag: Tag, seconds: i64) -> Given {
    (tag, Value::DateTime(Date(seconds)))
}

fn link(tag: Tag, id: &str) -> Given {
    (tag, Target::Object(id.into()).into_value())
}

fn x509() -> Given {
    (Tag::CertificateType, CertificateType::X_509.into_value())
}

fn self_signed() -> Given {
    let value = Value::text("true");
    (Tag::Attribute, VendorAttribute { vendor: "x".into(), name: "Keyhaven-Self-Signed".into(), value }.into_value())
}

/// A pair of keys.
struct Pair {
    private: String,
    public: String,
}

/// A new pair of `alice` that is Active.
fn pair(server: &TestServer, algorithm: (Algorithm, i32), private: Mask, public: Mask) -> Pair {
    pair_with(server, algorithm, (private, public), &[])
}

/// The same with more attributes.
fn pair_with(
    server: &TestServer,
    algorithm: (Algorithm, i32),
    (private, public): (Mask, Mask),
    more: &[Given],
) -> Pair {
    let answer = server.ask(V, Operation::CreateKeyPair, |out| {
        let usual = [
            (Tag::CryptographicAlgorithm, algorithm.0.into_value()),
            (Tag::CryptographicLength, Value::Integer(algorithm.1)),
            date(Tag::ActivationDate, START),
        ];
        let common = [&usual[..], more].concat();
        write_attributes(out, V, (Tag::CommonTemplateAttribute, Tag::CommonAttributes), &common);
        write_attributes(out, V, (Tag::Attributes, Tag::PrivateKeyAttributes), &[mask(private)]);
        write_attributes(out, V, (Tag::Attributes, Tag::PublicKeyAttributes), &[mask(public)]);
    });
    assert_eq!(answer.reason(0), None, "{}", answer.message(0));
    Pair {
        private: answer.text(0, Tag::PrivateKeyUniqueIdentifier),
        public: answer.text(0, Tag::PublicKeyUniqueIdentifier),
    }
}

const EC: (Algorithm, i32) = (Algorithm::EC, 256);

/// A pair that may sign certificates, or be in one.
fn ec_pair(server: &TestServer) -> Pair {
    pair(server, EC, Mask(Mask::CertificateSign.0 | Mask::Sign.0), Mask::Verify)
}

/// What a request to certify holds.
#[derive(Clone, Copy, Default)]
struct Ask<'a> {
    id: &'a str,
    request_id: &'a str,
    request: Option<(CertificateRequestType, &'a [u8])>,
    offset: Option<u32>,
    attributes: &'a [Given],
}

impl Ask<'_> {
    fn write(&self, out: &mut Writer, version: Version) {
        if !self.id.is_empty() {
            write_id(out, version, self.id);
        }
        if !self.request_id.is_empty() {
            out.text(Tag::CertificateRequestUniqueIdentifier, self.request_id);
        }
        if let Some((kind, bytes)) = self.request {
            kind.write(Tag::CertificateRequestType, out, version);
            let tag = if version.is_1x() { Tag::CertificateRequest } else { Tag::CertificateRequestValue };
            out.byte_string(tag, bytes);
        }
        self.offset.inspect(|offset| out.interval(Tag::Offset, *offset));
        if !self.attributes.is_empty() {
            write_attributes(out, version, (Tag::TemplateAttribute, Tag::Attributes), self.attributes);
        }
    }

    fn send(&self, server: &TestServer, version: Version, operation: Operation) -> Answer {
        server.ask(version, operation, |out| self.write(out, version))
    }

    /// The new certificate of an operation that succeeds.
    fn made(&self, server: &TestServer, version: Version, operation: Operation) -> String {
        let answer = self.send(server, version, operation);
        assert_eq!(answer.reason(0), None, "{version} {operation}: {}", answer.message(0));
        answer.text(0, Tag::UniqueIdentifier)
    }
}

/// An authority that signs itself: its pair and its certificate, which is Active.
fn root(server: &TestServer, algorithm: (Algorithm, i32), subject: &str) -> (Pair, String) {
    let pair = pair(server, algorithm, Mask::CertificateSign, Mask::Verify);
    let id = root_of(server, &pair, subject);
    (pair, id)
}

/// The certificate of an authority that signs itself.
fn root_of(server: &TestServer, pair: &Pair, subject: &str) -> String {
    let attributes = [
        x509(),
        self_signed(),
        mask(Mask(Mask::CertificateSign.0 | Mask::CRLSign.0)),
        (Tag::CertificateSubjectCN, Value::text(subject)),
        date(Tag::ActivationDate, START),
    ];
    let ask = Ask { id: &pair.public, attributes: &attributes, ..Ask::default() };
    ask.made(server, V, Operation::Certify)
}

fn ec_root(server: &TestServer) -> String {
    root(server, EC, "root").1
}

fn got(server: &TestServer, id: &str) -> Certificate {
    let answer = server.ask(V, Operation::Get, |out| write_id(out, V, id));
    let object = answer.field(0, Tag::Certificate).unwrap();
    Certificate::parse(object.child(Tag::CertificateValue).unwrap().byte_string().unwrap()).unwrap()
}

/// The attributes of an object as a client of this version sees them.
fn attributes_of(server: &TestServer, version: Version, id: &str) -> Attributes {
    let answer = server.ask(version, Operation::GetAttributes, |out| write_id(out, version, id));
    assert_eq!(answer.reason(0), None, "{}", answer.message(0));
    let mut attributes = Attributes::new();
    let list = if version.is_1x() {
        let mut out = Writer::default();
        out.structure(Tag::TemplateAttribute, |out| {
            let payload = answer.payload(0);
            payload.children().filter(|item| item.tag == Tag::Attribute).for_each(|item| out.item(&item));
        });
        let item = crate::ttlv::check(out.written(), &crate::base::Limits::default()).unwrap();
        AttributeList::read(&item, version).unwrap()
    } else {
        AttributeList::read(&answer.field(0, Tag::Attributes).unwrap(), version).unwrap()
    };
    for one in list.attributes {
        attributes.push(one.tag, one.value);
    }
    attributes
}

/// The identifiers that the links of one kind name.
fn links(server: &TestServer, id: &str, tag: Tag) -> Vec<String> {
    let attributes = attributes_of(server, Version::V3_0, id);
    attributes.instances(tag).iter().map(|one| one.value.as_text().unwrap().to_owned()).collect()
}

fn revoke(server: &TestServer, id: &str, code: RevocationReasonCode) {
    let answer = server.ask(V, Operation::Revoke, |out| {
        write_id(out, V, id);
        out.structure(Tag::RevocationReason, |out| code.write(Tag::RevocationReasonCode, out, V));
    });
    assert_eq!(answer.reason(0), None, "{}", answer.message(0));
}

/// What Validate says of certificates that are sent and named.
fn judged(server: &TestServer, version: Version, sent: &[&[u8]], ids: &[&str], at: Option<i64>) -> ValidityIndicator {
    let answer = server.ask(version, Operation::Validate, |out| validation(out, version, sent, ids, at));
    assert_eq!(answer.reason(0), None, "{}", answer.message(0));
    ValidityIndicator(answer.field(0, Tag::ValidityIndicator).unwrap().enumeration().unwrap())
}

fn validation(out: &mut Writer, version: Version, sent: &[&[u8]], ids: &[&str], at: Option<i64>) {
    for der in sent {
        out.structure(Tag::Certificate, |out| {
            CertificateType::X_509.write(Tag::CertificateType, out, version);
            out.byte_string(Tag::CertificateValue, der);
        });
    }
    ids.iter().for_each(|id| write_id(out, version, id));
    at.inspect(|at| out.date_time(Tag::ValidityDate, Date(*at)));
}

/// A PKCS#10 request and its key's SubjectPublicKeyInfo.
fn request(subject: &str, names: &[&str]) -> (Vec<u8>, Vec<u8>) {
    let key = rcgen::KeyPair::generate().unwrap();
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = rcgen::CertificateParams::new(names).unwrap();
    params.distinguished_name = rcgen::DistinguishedName::new();
    if !subject.is_empty() {
        params.distinguished_name.push(rcgen::DnType::CommonName, subject);
    }
    params.key_usages = vec![rcgen::KeyUsagePurpose::DigitalSignature, rcgen::KeyUsagePurpose::KeyCertSign];
    params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth];
    let request = params.serialize_request(&key).unwrap();
    (request.der().to_vec(), rcgen::PublicKeyData::subject_public_key_info(&key))
}
