//! What a run has learned: values of placeholders, where each object came from, what the client fixed.

use std::collections::{HashMap, HashSet};

use keyhaven::base::{Field, Value};
use keyhaven::registry::{Operation, Tag};

use crate::Result;

/// Fields of answers that a later request may feed back, with the placeholder that stands for them.
const OUTPUTS: &[(&str, Tag)] = &[
    ("KEY_MATERIAL", Tag::KeyMaterial),
    ("KEY_VALUE", Tag::KeyValue),
    ("DATA", Tag::Data),
    ("IV_COUNTER_NONCE", Tag::IVCounterNonce),
    ("AUTHENTICATED_ENCRYPTION_TAG", Tag::AuthenticatedEncryptionTag),
    ("SIGNATURE_DATA", Tag::SignatureData),
    ("MAC_DATA", Tag::MACData),
    ("CORRELATION_VALUE", Tag::CorrelationValue),
    ("DIGEST_VALUE", Tag::DigestValue),
];

/// What a run knows.
#[derive(Clone, Debug)]
pub struct State {
    /// When the case began: the `$NOW` of its requests, in seconds since 1970.
    pub start: i64,
    /// When the last answer came.
    pub now: i64,
    bound: HashMap<String, Value>,
    latest: HashMap<Tag, Value>,
    objects: HashMap<Box<str>, Origin>,
    sent: HashSet<Tag>,
    sent_dates: HashSet<(Tag, i64)>,
    illustrations: HashMap<(Box<str>, Value), Value>,
}

/// Where an object came from.
#[derive(Clone, Debug, Default)]
pub struct Origin {
    /// Whether the server made its key.
    pub generated: bool,
    /// Values of the request that made or registered it.
    values: Vec<(Tag, Value)>,
}

impl State {
    /// Nothing is known at `start`.
    pub fn new(start: i64) -> Self {
        Self {
            start,
            now: start,
            bound: HashMap::new(),
            latest: HashMap::new(),
            objects: HashMap::new(),
            sent: HashSet::new(),
            sent_dates: HashSet::new(),
            illustrations: HashMap::new(),
        }
    }

    /// Another case begins on the same objects: placeholders are free again.
    pub fn next_case(&mut self, start: i64) {
        *self = Self { objects: std::mem::take(&mut self.objects), ..Self::new(start) };
    }

    /// The text that a placeholder of a request stands for.
    pub fn resolve(&self, name: &str) -> Result<String> {
        if let Some(offset) = now_offset(name) {
            return Ok(format!("0x{:016x}", self.start + offset));
        }
        let value = self.bound.get(name).or_else(|| {
            let base = name.trim_end_matches(|c: char| c.is_ascii_digit()).trim_end_matches('_');
            let (_, tag) = OUTPUTS.iter().find(|(output, _)| *output == base)?;
            self.latest.get(tag)
        });
        match value {
            Some(Value::ByteString(bytes)) => Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect()),
            Some(value) => value.as_text().map(str::to_owned).ok_or_else(|| format!("${name} is no text")),
            None => Err(format!("no answer gave a value for ${name}")),
        }
    }

    /// Whether an answer has given the placeholder its value.
    pub fn is_bound(&self, name: &str) -> bool {
        self.bound.contains_key(name) || now_offset(name).is_some()
    }

    /// Compares an answer's value with the placeholder, or gives the placeholder this value. An identifier may come
    /// back as a text, an identifier or a reference; the type is compared elsewhere.
    pub fn bind(&mut self, name: &str, value: &Value) -> Result<()> {
        match self.bound.get(name) {
            None => {
                self.bound.insert(name.into(), value.clone());
                Ok(())
            }
            Some(known) if known == value || (known.as_text().is_some() && known.as_text() == value.as_text()) => {
                Ok(())
            }
            Some(Value::ByteString(known)) => Err(known.iter().map(|byte| format!("{byte:02x}")).collect()),
            Some(known) => Err(known.as_text().unwrap_or("another value").into()),
        }
    }

    /// Whether the literal of a case was first seen, for this object, with this value: where a value is only
    /// illustrated, the same illustration means the same value.
    pub fn illustrates(&mut self, object: &str, literal: &Value, value: &Value) -> bool {
        self.illustrations.entry((object.into(), literal.clone())).or_insert_with(|| value.clone()) == value
    }

    /// Where an object came from.
    pub fn origin(&self, object: &str) -> Option<&Origin> {
        self.objects.get(object)
    }

    /// Whether a request had an attribute or a field with this tag.
    pub fn has_sent(&self, tag: Tag) -> bool {
        self.sent.contains(&tag)
    }

    /// Whether a request had this date for this attribute or field.
    pub fn has_sent_date(&self, tag: Tag, seconds: i64) -> bool {
        self.sent_dates.contains(&(tag, seconds))
    }

    /// Remembers what a request fixed.
    pub fn note_request(&mut self, request: &Field) {
        let mut fixed = Vec::new();
        leaves(request, &mut |tag, value| fixed.push((tag, value.clone())));
        for (tag, value) in fixed {
            if let Value::DateTime(date) = value {
                self.sent_dates.insert((tag, date.0));
            }
            self.sent.insert(tag);
        }
    }

    /// Remembers what a successful batch item made and gave out.
    pub fn note_answer(&mut self, operation: Option<Operation>, request: Option<&Value>, answer: &Value) {
        let outputs: Vec<Tag> = OUTPUTS.iter().map(|(_, tag)| *tag).collect();
        let latest = &mut self.latest;
        leaves(&Field::new(Tag::ResponsePayload, answer.clone()), &mut |tag, value| {
            if outputs.contains(&tag) {
                latest.insert(tag, value.clone());
            }
        });
        let generated = match operation {
            Some(
                Operation::Create
                | Operation::CreateKeyPair
                | Operation::ReKey
                | Operation::ReKeyKeyPair
                | Operation::CreateSplitKey
                | Operation::Certify
                | Operation::ReCertify,
            ) => true,
            Some(Operation::Register | Operation::Import) => false,
            _ => return,
        };
        let mut values = Vec::new();
        if let Some(request) = request {
            let request = Field::new(Tag::RequestPayload, request.clone());
            leaves(&request, &mut |tag, value| values.push((tag, value.clone())));
        }
        for tag in [Tag::UniqueIdentifier, Tag::PrivateKeyUniqueIdentifier, Tag::PublicKeyUniqueIdentifier] {
            if let Some(id) = answer.field(tag).and_then(Value::as_text) {
                self.objects.insert(id.into(), Origin { generated, values: values.clone() });
            }
        }
    }
}

impl Origin {
    /// Whether the request that made the object has this value.
    pub fn has(&self, tag: Tag, value: &Value) -> bool {
        self.values.iter().any(|(own, other)| *own == tag && other == value)
    }
}

/// The seconds of `NOW`, `NOW-3600`, `NOW+3600`.
pub fn now_offset(name: &str) -> Option<i64> {
    match name.strip_prefix("NOW")? {
        "" => Some(0),
        offset if offset.starts_with(['+', '-']) => offset.parse().ok(),
        _ => None,
    }
}

/// Visits every value below an item with the tag it is about: the attribute's, where 1.x names it.
pub fn leaves(field: &Field, visit: &mut impl FnMut(Tag, &Value)) {
    let Value::Structure(fields) = &field.value else {
        visit(field.tag, &field.value);
        return;
    };
    let named = attribute_name(fields).and_then(Tag::from_name);
    for child in fields {
        match (child.tag, named) {
            (Tag::AttributeValue, Some(tag)) => leaves(&Field::new(tag, child.value.clone()), visit),
            _ => leaves(child, visit),
        }
    }
}

/// The name in an Attribute structure of 1.x.
pub fn attribute_name(fields: &[Field]) -> Option<&str> {
    let vendor = fields.iter().any(|field| field.tag == Tag::VendorIdentification);
    let name = fields.iter().find(|field| field.tag == Tag::AttributeName).filter(|_| !vendor)?;
    name.value.as_text()
}

#[cfg(test)]
mod tests {
    use keyhaven::base::Date;

    use super::*;

    #[test]
    fn placeholders_are_bound_once_and_fed_back() {
        let mut state = State::new(1000);
        assert_eq!(state.resolve("NOW-10").unwrap(), "0x00000000000003de");
        assert!(state.resolve("UNIQUE_IDENTIFIER_0").is_err());
        state.bind("UNIQUE_IDENTIFIER_0", &Value::Identifier("a".into())).unwrap();
        state.bind("UNIQUE_IDENTIFIER_0", &Value::Reference("a".into())).unwrap();
        assert_eq!(state.bind("UNIQUE_IDENTIFIER_0", &Value::text("b")), Err("a".into()));
        assert_eq!(state.resolve("UNIQUE_IDENTIFIER_0").unwrap(), "a");
        let answer = Value::Structure(vec![Field::new(Tag::MACData, Value::ByteString([1, 0xAB].into()))]);
        state.note_answer(Some(Operation::MAC), None, &answer);
        assert_eq!(state.resolve("MAC_DATA").unwrap(), "01ab");
        assert_eq!(state.resolve("MAC_DATA_0").unwrap(), "01ab");
    }

    #[test]
    fn dates_of_requests_are_known_by_their_attribute() {
        let mut state = State::new(0);
        state.note_request(&Field::new(
            Tag::Attribute,
            Value::Structure(vec![
                Field::new(Tag::AttributeName, Value::text("Activation Date")),
                Field::new(Tag::AttributeValue, Value::DateTime(Date(6))),
            ]),
        ));
        assert!(state.has_sent_date(Tag::ActivationDate, 6));
        assert!(!state.has_sent_date(Tag::InitialDate, 6));
        assert!(state.has_sent(Tag::ActivationDate));
    }
}
