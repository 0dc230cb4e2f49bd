//! Test cases on disk: where they are, and their requests and answers in order.

use std::fs;
use std::path::{Path, PathBuf};

use keyhaven::base::{Field, Value};
use keyhaven::proto::text::version_of;
use keyhaven::registry::{Operation, Tag, Version};

use crate::Result;
use crate::state::leaves;
use crate::template::{self, Node};

/// One test case.
#[derive(Clone, Debug)]
pub struct Vector {
    /// The path below the folder of all cases, without its ending: `v1.4/mandatory/TL-M-3-14`.
    pub name: String,
    /// The name of the case: `TL-M-3-14`.
    pub stem: String,
    /// The protocol version of its first request.
    pub version: Version,
    /// Requests and answers in order.
    pub exchanges: Vec<Exchange>,
}

/// A request and the answer to it, as XML with placeholders.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// What is sent.
    pub request: String,
    /// What has to come back.
    pub response: String,
}

impl Vector {
    /// Reads a case from its text.
    pub fn parse(name: &str, text: &str) -> Result<Self> {
        let mut exchanges = Vec::new();
        let mut rest = text;
        while let Some((request, after)) = take_message(rest, "RequestMessage")? {
            let (response, after) = take_message(after, "ResponseMessage")?.ok_or("a request has no answer")?;
            exchanges.push(Exchange { request: request.into(), response: response.into() });
            rest = after;
        }
        let first = exchanges.first().ok_or("there is no message")?;
        let version = version_of(&template::read(&first.request)?.to_field().value).ok_or("no protocol version")?;
        let stem = name.rsplit('/').next().unwrap_or(name).to_owned();
        Ok(Self { name: name.into(), stem, version, exchanges })
    }

    /// The same case in another version of the same form of messages (1.x, 2.x), if that version has every operation,
    /// item, attribute and value in its messages.
    pub fn in_version(&self, version: Version) -> Result<Option<Self>> {
        let (major, minor) = version.numbers();
        let mut exchanges = Vec::with_capacity(self.exchanges.len());
        for exchange in &self.exchanges {
            let request = template::read(&exchange.request)?.to_field();
            let response = template::read(&exchange.response)?.to_field();
            if version_of(&request.value) != Some(self.version) {
                return Ok(None);
            }
            let known = |item: &Value| operation(item).is_some_and(|operation| operation.known_in(version));
            if !batch_items(&request).all(known) || !is_known(&request, version) || !is_known(&response, version) {
                return Ok(None);
            }
            exchanges.push(Exchange {
                request: with_version(&exchange.request, self.version, major, minor),
                response: with_version(&exchange.response, self.version, major, minor),
            });
        }
        let name = format!("{}@{version}", self.name);
        Ok(Some(Self { name, stem: format!("{}@{version}", self.stem), version, exchanges }))
    }

    /// The profile it belongs to: what stands before `-M-` (mandatory) or `-O-` (optional) in its name.
    pub fn profile(&self) -> &str {
        let end = ["-M-", "-O-"].iter().filter_map(|mark| self.stem.find(mark)).min();
        &self.stem[..end.unwrap_or(self.stem.len())]
    }

    /// Whether a message holds this text.
    pub fn mentions(&self, text: &str) -> bool {
        self.exchanges.iter().any(|exchange| exchange.request.contains(text))
    }

    /// All messages as templates.
    pub fn templates(&self) -> Result<Vec<Node>> {
        self.exchanges
            .iter()
            .flat_map(|both| [&both.request, &both.response])
            .map(|text| template::read(text))
            .collect()
    }
}

/// The batch items of a message.
pub fn batch_items(message: &Field) -> impl Iterator<Item = &Value> {
    let fields = match &message.value {
        Value::Structure(fields) => fields.as_slice(),
        _ => &[],
    };
    fields.iter().filter(|field| field.tag == Tag::BatchItem).map(|field| &field.value)
}

/// Whether the version has every item of a message, every attribute that it names and every value of an enumeration.
fn is_known(message: &Field, version: Version) -> bool {
    let mut all = true;
    leaves(message, &mut |tag, value| {
        all &= match value {
            Value::Enumeration(number) => {
                let row = tag.enumeration().and_then(|table| table.row(*number));
                row.is_none_or(|row| row.known_in(version))
            }
            Value::TextString(name) if tag == Tag::AttributeName => {
                Tag::from_name(name).is_none_or(|tag| tag.known_in(version))
            }
            _ => true,
        };
    });
    all && has_known_tags(message, version)
}

fn has_known_tags(field: &Field, version: Version) -> bool {
    let inside = match &field.value {
        Value::Structure(fields) => fields.iter().all(|field| has_known_tags(field, version)),
        _ => true,
    };
    field.tag.known_in(version) && inside
}

/// A message with another version in its header, which is the first that a message has.
fn with_version(text: &str, from: Version, major: i32, minor: i32) -> String {
    let element = |name: &str, number: i32| format!("<{name} type=\"Integer\" value=\"{number}\"/>");
    let (old_major, old_minor) = from.numbers();
    text.replacen(&element("ProtocolVersionMajor", old_major), &element("ProtocolVersionMajor", major), 1).replacen(
        &element("ProtocolVersionMinor", old_minor),
        &element("ProtocolVersionMinor", minor),
        1,
    )
}

/// The operation of a batch item.
pub fn operation(batch_item: &Value) -> Option<Operation> {
    match batch_item.field(Tag::Operation) {
        Some(Value::Enumeration(number)) => Some(Operation(*number)),
        _ => None,
    }
}

/// Where the OASIS files are, if they are anywhere.
pub fn oasis() -> Option<PathBuf> {
    let folder = std::env::var_os("KEYHAVEN_OASIS").map(PathBuf::from).or_else(|| {
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent()?;
        workspace.ancestors().skip(1).take(2).map(|place| place.join("shared/oasis")).find(|place| place.is_dir())
    })?;
    folder.join("vectors").is_dir().then_some(folder)
}

/// The OASIS cases, sorted by name; none where they are absent.
pub fn oasis_vectors() -> Result<Vec<Vector>> {
    oasis().map_or_else(|| Ok(Vec::new()), |folder| load(&folder.join("vectors"), ""))
}

/// The cases of our own.
pub fn own_cases() -> Result<Vec<Vector>> {
    load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("cases"), "own/")
}

/// Every case in a folder, and in its folders down to two levels.
fn load(folder: &Path, prefix: &str) -> Result<Vec<Vector>> {
    let mut vectors = Vec::new();
    for path in files(folder, 2)? {
        let name = path.strip_prefix(folder).unwrap_or(&path).with_extension("");
        let name = format!("{prefix}{}", name.display());
        let text = fs::read_to_string(&path).map_err(|error| format!("{name}: {error}"))?;
        vectors.push(Vector::parse(&name, &text).map_err(|error| format!("{name}: {error}"))?);
    }
    vectors.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(vectors)
}

fn files(folder: &Path, levels: usize) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))? {
        let path = entry.map_err(|error| format!("{}: {error}", folder.display()))?.path();
        if path.is_dir() && levels > 0 {
            found.extend(files(&path, levels - 1)?);
        } else if path.extension().is_some_and(|ending| ending == "xml") {
            found.push(path);
        }
    }
    Ok(found)
}

/// The next message with this outermost element, and what follows it.
fn take_message<'a>(text: &'a str, name: &str) -> Result<Option<(&'a str, &'a str)>> {
    let end = format!("</{name}>");
    let Some(start) = text.find(&format!("<{name}>")) else {
        return Ok(None);
    };
    let length = text[start..].find(&end).ok_or_else(|| format!("a {name} does not end"))? + end.len();
    Ok(Some(text[start..].split_at(length)))
}
