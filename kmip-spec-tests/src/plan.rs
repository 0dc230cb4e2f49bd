//! Which cases run, and how: what is excepted, what has special needs.

use keyhaven::proto::text::Encoding;
use keyhaven::registry::{Tag, Version};

use crate::Result;
use crate::vector::Vector;

/// Known faults of single cases; see the file.
const EXCEPTIONS: &str = include_str!("../exceptions.txt");

/// Cases that use the objects of another one of the same version, played before on the same connection.
const AFTER: &[(&str, &str)] = &[("SASED-M-3-", "SASED-M-2-"), ("TL-M-3-", "TL-M-2-")];

/// Versions without published cases, and those whose cases are played in them too.
const BORROWED: &[(Version, Version)] = &[(Version::V1_3, Version::V1_4), (Version::V2_0, Version::V2_1)];

/// A case in a version that has no cases of its own, where that version has all that is in it.
pub fn borrowed(vector: &Vector) -> Result<Option<Vector>> {
    let to = BORROWED.iter().find(|(_, from)| *from == vector.version);
    to.map_or(Ok(None), |(to, _)| vector.in_version(*to))
}

/// How a case is sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wire {
    /// TTLV over TLS.
    Tls,
    /// Over HTTPS, as TTLV or in a text encoding.
    Https(Option<Encoding>),
}

/// The wire of a case (Additional Message Encodings chapters 3, 5 and 7).
pub fn wire(vector: &Vector) -> Wire {
    match vector.stem.strip_prefix("MSGENC-").and_then(|rest| rest.split('-').next()) {
        Some("HTTPS") => Wire::Https(None),
        Some("JSON") => Wire::Https(Some(Encoding::Json)),
        Some("XML") => Wire::Https(Some(Encoding::Xml)),
        _ => Wire::Tls,
    }
}

/// The name of the case to play before this one.
pub fn before(stem: &str) -> Option<String> {
    AFTER.iter().find_map(|(late, early)| stem.strip_prefix(late).map(|version| format!("{early}{version}")))
}

/// The names of cases of which a server can pass only one: four answers to RNG Seed (cs-profile-v1.0 §4.6).
pub fn alternatives(stem: &str) -> Vec<String> {
    let Some((_, version)) = stem.strip_prefix("CS-RNG-O-").and_then(|rest| rest.split_once('-')) else {
        return Vec::new();
    };
    (1..=4).map(|number| format!("CS-RNG-O-{number}-{version}")).filter(|other| other != stem).collect()
}

/// Whether the case acts as the user `administrator`, whose objects all such cases share.
pub fn shares_administrator(vector: &Vector) -> bool {
    vector.mentions("value=\"administrator\"")
}

/// Lines without comments and blanks.
fn lines(text: &'static str) -> impl Iterator<Item = &'static str> {
    text.lines().map(|line| line.split('#').next().unwrap_or_default().trim()).filter(|line| !line.is_empty())
}

/// What is known to be wrong in a case.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Exception {
    /// It is not played.
    Skip(String),
    /// An Attribute of its requests without Attribute Name, which no message may have, gets this one.
    Name(String),
    /// A value of its answers is replaced.
    Expect {
        /// The value in the file.
        wrong: String,
        /// The value that is right.
        right: String,
    },
}

/// The exceptions of a case.
pub fn exceptions(stem: &str) -> Result<Vec<Exception>> {
    exceptions_in(EXCEPTIONS, stem)
}

fn exceptions_in(text: &'static str, stem: &str) -> Result<Vec<Exception>> {
    let mut found = Vec::new();
    for line in lines(text) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let exception = match words.as_slice() {
            [_, "skip", reason @ ..] if !reason.is_empty() => Exception::Skip(reason.join(" ")),
            [_, "name", attribute, reason @ ..] if !reason.is_empty() => {
                let row = Tag::from_name(attribute).and_then(|tag| tag.row());
                Exception::Name(row.ok_or(format!("exceptions.txt: no attribute {attribute}"))?.name.into())
            }
            [_, "expect", wrong, right, reason @ ..] if !reason.is_empty() => {
                Exception::Expect { wrong: (*wrong).into(), right: (*right).into() }
            }
            _ => return Err(format!("exceptions.txt: a line that is no exception with a reason: {line}")),
        };
        if words[0] == stem {
            found.push(exception);
        }
    }
    Ok(found)
}

/// Applies the exceptions to a case: the reason not to play it, if there is one.
pub fn except(vector: &mut Vector) -> Result<Option<String>> {
    for exception in exceptions(&vector.stem)? {
        match exception {
            Exception::Skip(reason) => return Ok(Some(reason)),
            Exception::Name(attribute) => {
                let name =
                    format!("<Attribute><AttributeName type=\"TextString\" value=\"{attribute}\"/><AttributeValue");
                let requests = vector.exchanges.iter_mut().map(|exchange| &mut exchange.request);
                if requests.fold(0, |count, request| count + name_attributes(request, &name)) == 0 {
                    return Err(format!("exceptions.txt: {} has no attribute without a name", vector.stem));
                }
            }
            Exception::Expect { wrong, right } => {
                let (wrong, right) = (format!("value=\"{wrong}\""), format!("value=\"{right}\""));
                let mut answers = vector.exchanges.iter_mut().map(|exchange| &mut exchange.response).peekable();
                let mut found = false;
                for answer in answers.by_ref() {
                    found |= answer.contains(&wrong);
                    *answer = answer.replace(&wrong, &right);
                }
                if !found {
                    return Err(format!("exceptions.txt: {} has no answer with {wrong}", vector.stem));
                }
            }
        }
    }
    Ok(None)
}

/// Puts `name` in the place of an Attribute's beginning that is followed by its value, and counts these places.
fn name_attributes(request: &mut String, name: &str) -> usize {
    let mut count = 0;
    let mut parts = request.split("<Attribute>");
    let mut named = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part.trim_start().strip_prefix("<AttributeValue") {
            Some(value) => {
                named = named + name + value;
                count += 1;
            }
            None => named = named + "<Attribute>" + part,
        }
    }
    *request = named;
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_exception_has_a_reason() {
        assert!(exceptions("").unwrap().is_empty());
        let text = "A-1 skip because # comment\n\nA-2 expect 00 11 the standard says so\n";
        assert_eq!(exceptions_in(text, "A-1").unwrap(), [Exception::Skip("because".into())]);
        assert_eq!(exceptions_in(text, "A-2").unwrap().len(), 1);
        assert!(exceptions_in("A-1 skip", "A-2").is_err());
        let text = "A-1 name CryptographicParameters the standard says so";
        assert_eq!(exceptions_in(text, "A-1").unwrap(), [Exception::Name("Cryptographic Parameters".into())]);
        assert!(exceptions_in("A-1 name Nothing because", "A-1").is_err());
    }

    #[test]
    fn a_nameless_attribute_gets_a_name() {
        let mut request =
            "<A/><Attribute>\n <AttributeValue/></Attribute><Attribute><AttributeName/></Attribute>".into();
        assert_eq!(name_attributes(&mut request, "<Attribute><N/><AttributeValue"), 1);
        assert_eq!(request, "<A/><Attribute><N/><AttributeValue/></Attribute><Attribute><AttributeName/></Attribute>");
    }

    #[test]
    fn special_needs() {
        assert_eq!(before("TL-M-3-14").as_deref(), Some("TL-M-2-14"));
        assert_eq!(before("TL-M-2-14"), None);
        assert_eq!(alternatives("CS-RNG-O-2-21"), ["CS-RNG-O-1-21", "CS-RNG-O-3-21", "CS-RNG-O-4-21"]);
        assert!(alternatives("CS-RNG-M-1-21").is_empty());
    }
}
