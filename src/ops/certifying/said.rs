//! Who a certificate is to name, as far as the attributes of the request say. The attributes of certificates are the
//! server's to set (2.1 §4, Certificate Attributes), so a client cannot give them to other objects; to Certify and
//! Re-certify they are what is wanted, and the server sets them from the certificate that was made.

use crate::base::{Error, Result, Value};
use crate::crypto::CryptoError;
use crate::crypto::x509::{AlternativeName, Name};
use crate::model::values::{
    AlternativeName as NameAttribute, AttributeValue, CertificateSubject, X509CertificateSubject,
};
use crate::ops::certificate::PARTS;
use crate::proto::attributes::{AttributeList, NewAttribute, check_value};
use crate::registry::{Tag, Version};

/// Subject and alternative names.
#[derive(Default, Debug)]
pub struct Said {
    /// The subject; None if the request says none, or an empty one.
    pub subject: Option<Name>,
    /// Other names.
    pub alternative: Vec<AlternativeName>,
}

impl Said {
    /// Takes the subject out of the attributes of a request. It may be said as X.509 Certificate Subject (since 1.1), as
    /// Certificate Subject (1.x), as Certificate Subject DN (3.0) or part by part (since 2.0). Alternative Name
    /// attributes of a kind that certificates have become alternative names too, and stay.
    ///
    /// # Errors
    /// Invalid Field for a subject that is said in more than one way, or cannot be read.
    pub fn take(list: &mut AttributeList, version: Version) -> Result<Self> {
        let is_subject = |one: &NewAttribute| SUBJECTS.contains(&one.tag) || part_of(one.tag).is_some();
        let (subjects, rest): (Vec<_>, Vec<_>) = list.attributes.drain(..).partition(is_subject);
        list.attributes = rest;
        let mut said = Self::default();
        let mut parts = Vec::new();
        let mut ways = 0;
        for one in &subjects {
            check_value(one, version)?;
            match part_of(one.tag) {
                Some(part) => parts.push((part, one.value.as_text().unwrap_or_default())),
                None => {
                    ways += 1;
                    said.read(&one.value)?;
                }
            }
        }
        if ways + usize::from(!parts.is_empty()) > 1 {
            return Err(Error::invalid_field("the subject of the certificate is said in more than one way"));
        }
        if !parts.is_empty() {
            said.subject = Some(Name::from_unordered(&parts).map_err(unreadable)?);
        }
        for one in list.attributes.iter().filter(|one| one.tag == Tag::AlternativeName) {
            check_value(one, version)?;
            let Some(name) = NameAttribute::from_value(&one.value) else { continue };
            said.add(AlternativeName::from_text(name.name_type, &name.value).map_err(unreadable)?);
        }
        Ok(said)
    }

    fn read(&mut self, value: &Value) -> Result<()> {
        let name = if let Some(subject) = X509CertificateSubject::from_value(value) {
            for der in &subject.alternative_names {
                self.add(Some(AlternativeName::from_der(der).map_err(unreadable)?));
            }
            let der = &subject.distinguished_name;
            // "If the Subject Distinguished Name is empty, an empty string" (1.4 §3.11).
            if der.is_empty() { Name::from_text("") } else { Name::from_der(der) }
        } else if let Some(subject) = CertificateSubject::from_value(value) {
            for text in &subject.alternative_names {
                let name = AlternativeName::from_text(AlternativeName::kind_of(text), text);
                self.add(name.map_err(unreadable)?);
            }
            Name::from_text(&subject.distinguished_name)
        } else {
            Name::from_text(value.as_text().unwrap_or_default())
        };
        self.subject = Some(name.map_err(unreadable)?).filter(|name| !name.is_empty());
        Ok(())
    }

    fn add(&mut self, name: Option<AlternativeName>) {
        self.alternative.extend(name.filter(|name| !self.alternative.contains(name)));
    }
}

/// Attributes that say the whole subject.
const SUBJECTS: [Tag; 3] = [Tag::CertificateSubject, Tag::X_509CertificateSubject, Tag::CertificateSubjectDN];

fn part_of(tag: Tag) -> Option<crate::crypto::x509::NamePart> {
    PARTS.iter().find(|(_, subject, _)| *subject == tag).map(|(part, ..)| *part)
}

fn unreadable(error: CryptoError) -> Error {
    Error::invalid_field(format!("a name for the certificate cannot be read: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::values::Name as ObjectName;
    use crate::registry::{AlternativeNameType, NameType};

    fn taken(attributes: Vec<(Tag, Value)>, version: Version) -> Result<(Said, usize)> {
        let attributes = attributes.into_iter().map(|(tag, value)| NewAttribute { tag, value, index: None }).collect();
        let mut list = AttributeList { attributes, templates: Vec::new() };
        Said::take(&mut list, version).map(|said| (said, list.attributes.len()))
    }

    fn x509(der: &[u8]) -> Value {
        let alternative_names = vec![b"\x82\x01a".to_vec()];
        X509CertificateSubject { distinguished_name: der.to_vec(), alternative_names }.into_value()
    }

    fn text(subject: &str) -> Value {
        let alternative_names = vec!["a".to_owned(), "10.0.0.1".to_owned()];
        CertificateSubject { distinguished_name: subject.to_owned(), alternative_names }.into_value()
    }

    #[test]
    fn a_subject_is_said_in_the_way_of_each_version() {
        let name = Name::from_text("CN=a,O=b").unwrap();
        let of_parts = vec![
            (Tag::CertificateSubjectCN, Value::text("a")),
            (Tag::Comment, Value::text("stays")),
            (Tag::CertificateSubjectO, Value::text("b")),
        ];
        let alternative = NameAttribute { value: "a".into(), name_type: AlternativeNameType::DNSName }.into_value();
        let table = [
            (vec![(Tag::X_509CertificateSubject, x509(name.der()))], Version::V1_1, 1, 0),
            (vec![(Tag::CertificateSubject, text("CN=a,O=b"))], Version::V1_0, 2, 0),
            (vec![(Tag::CertificateSubjectDN, Value::text("CN=a,O=b"))], Version::V3_0, 0, 0),
            (of_parts.clone(), Version::V2_0, 0, 1),
            ([of_parts, vec![(Tag::AlternativeName, alternative)]].concat(), Version::V2_1, 1, 2),
        ];
        for (attributes, version, alternative, left) in table {
            let (said, rest) = taken(attributes, version).unwrap();
            assert_eq!(said.subject.unwrap().text(), "CN=a,O=b", "{version}");
            assert_eq!((said.alternative.len(), rest), (alternative, left), "{version}");
        }
    }

    #[test]
    fn what_cannot_be_a_subject_is_refused() {
        let (v, cn) = (Version::V2_1, (Tag::CertificateSubjectCN, Value::text("a")));
        assert!(taken(vec![cn.clone(), (Tag::X_509CertificateSubject, x509(b""))], v).is_err());
        assert!(taken(vec![(Tag::X_509CertificateSubject, x509(b"\x30\x01"))], v).is_err());
        assert!(taken(vec![(Tag::CertificateSubject, text("nothing"))], Version::V1_4).is_err());
        assert!(taken(vec![(Tag::CertificateSubjectCN, Value::Integer(1))], v).is_err());
        assert!(taken(vec![(Tag::X_509CertificateSubject, x509(b""))], v).unwrap().0.subject.is_none());
        let own = ObjectName { value: "n".into(), name_type: NameType::UninterpretedTextString }.into_value();
        assert_eq!(taken(vec![(Tag::Name, own)], v).unwrap().1, 1);
    }
}
