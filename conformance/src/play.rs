//! Plays a script against a subject: each message in its place, each answer in full.

use std::sync::atomic::{AtomicU32, Ordering};

use keyhaven::base::{Field, Value};
use keyhaven::registry::{ResultReason, Tag, Version};

use crate::Result;
use crate::client::{Client, Reply, TlsVersions, encode};
use crate::pattern::{self, Names};
use crate::script::{Element, Script};
use crate::subject::Subject;

/// The most that one TLS record can carry (RFC 8446 §5.1); a longer answer needs several.
const RECORD_BYTES_MAX: usize = 16_384;

/// A conversation under way.
#[derive(Debug)]
pub struct Player<'a> {
    subject: &'a Subject,
    identity: String,
    versions: TlsVersions,
    version: Version,
    client: Option<Client>,
    /// What placeholders stand for.
    pub names: Names,
    /// Operation and Unique Batch Item ID of each item of the last request, and its header's version and limit.
    asked: Asked,
    first_on_connection: bool,
}

#[derive(Clone, Debug, Default)]
struct Asked {
    version: Option<Version>,
    size_max: Option<usize>,
    items: Vec<(Option<Value>, Option<Value>)>,
    records_before: usize,
}

/// What became of one operation.
#[derive(Clone, PartialEq, Debug)]
pub enum Outcome {
    /// It succeeded; its payload.
    Done(Value),
    /// It failed; its Result Reason.
    Failed(ResultReason),
}

/// Plays a whole script in one version.
pub fn play(subject: &Subject, script: &Script, identity: &str, version: &str) -> Result<()> {
    let identity = script.root.get("identity").unwrap_or(identity);
    let mut player = Player::new(subject, identity, version)?;
    player.versions = match script.root.get("tls") {
        Some("1.2") => TlsVersions::Only12,
        Some("1.3") => TlsVersions::Only13,
        _ => TlsVersions::Any,
    };
    let each = script.root.get("connection") == Some("each");
    for (place, step) in script.root.children.iter().enumerate() {
        if each && step.name == "request" {
            player.disconnect()?;
        }
        player.step(step).map_err(|error| format!("step {} ({}): {error}", place + 1, step.name))?;
    }
    player.disconnect()
}

impl<'a> Player<'a> {
    /// A conversation of `identity`; it connects when it first sends.
    pub fn new(subject: &'a Subject, identity: &str, version: &str) -> Result<Self> {
        Ok(Self {
            subject,
            identity: identity.to_owned(),
            versions: TlsVersions::Any,
            version: version_named(version)?,
            client: None,
            names: Names::new(&run_name()),
            asked: Asked::default(),
            first_on_connection: true,
        })
    }

    /// Plays one step that is written as in a script.
    pub fn line(&mut self, step: &str) -> Result<()> {
        self.step(&Element::parse(step)?).map_err(|error| format!("{error}\n  in {step}"))
    }

    /// Plays steps written as in a script.
    pub fn lines(&mut self, steps: &str) -> Result<()> {
        let steps = Element::parse(&format!("<steps>{steps}</steps>"))?;
        for (place, step) in steps.children.iter().enumerate() {
            self.step(step).map_err(|error| format!("step {} ({}): {error}", place + 1, step.name))?;
        }
        Ok(())
    }

    fn step(&mut self, step: &Element) -> Result<()> {
        match &*step.name {
            "request" => {
                let bytes = self.request(step)?;
                self.send(&bytes)
            }
            "bytes" => {
                let bytes = pattern::hex(step.get("value").unwrap_or_default()).ok_or("bytes are not hexadecimal")?;
                self.send(&bytes)
            }
            "answer" => self.answer(step),
            "refused" => match self.receive()? {
                None => {
                    self.client = None;
                    Ok(())
                }
                Some(reply) => {
                    let item = Element::new("item")
                        .with("bare", "yes")
                        .with("reason", "InvalidMessage|InvalidField|CodecError|ServerLimitExceeded");
                    let expected = Element::new("answer").with("version", "*").holding(vec![item]);
                    self.check(&expected, &reply)?;
                    // Whether the connection goes on after such a message is the server's choice.
                    self.client = None;
                    Ok(())
                }
            },
            "closed" => match self.receive()? {
                None => {
                    self.client = None;
                    Ok(())
                }
                Some(reply) => Err(format!("an answer where the connection should close: {:?}", reply.message)),
            },
            "connect" => {
                self.disconnect()?;
                if let Some(identity) = step.get("identity") {
                    self.identity = identity.to_owned();
                }
                Ok(())
            }
            other => Err(format!("no step is called {other}")),
        }
    }

    /// The bytes of a request.
    pub fn request(&mut self, step: &Element) -> Result<Vec<u8>> {
        let version = step.get("version").unwrap_or_default();
        let numbers = if version.is_empty() { self.version.numbers() } else { numbers(version)? };
        let known = Version::from_numbers(numbers.0, numbers.1);
        self.asked = Asked {
            version: known,
            size_max: step.get("max").and_then(|size| size.parse().ok()),
            items: Vec::new(),
            records_before: 0,
        };
        self.names.is_1_0 = known == Some(Version::V1_0);
        let message = if step.children.iter().any(|child| child.name == "RequestHeader") {
            pattern::fields(&sent(&step.children), &self.names)?
        } else {
            self.message(step, numbers)?
        };
        let of = |item: &Field, tag| item.value.field(tag).cloned();
        let items = message.iter().filter(|field| field.tag == Tag::BatchItem);
        self.asked.items = items.map(|item| (of(item, Tag::Operation), of(item, Tag::UniqueBatchItemID))).collect();
        let mut bytes = encode(Tag::RequestMessage, &Value::Structure(message));
        if let Some(count) = step.get("cut") {
            let count: usize = count.parse().map_err(|_| "cut is a number")?;
            bytes.truncate(bytes.len().saturating_sub(count));
        }
        if let Some(more) = step.get("append") {
            bytes.extend(pattern::hex(more).ok_or("append is hexadecimal")?);
        }
        for patch in step.get("patch").unwrap_or_default().split_whitespace() {
            let (at, new) = patch.split_once(':').ok_or("patch is offset:hex")?;
            let at: usize = at.parse().map_err(|_| "the offset of a patch is a number")?;
            let new = pattern::hex(new).ok_or("patch is hexadecimal")?;
            bytes.get_mut(at..at + new.len()).ok_or("a patch past the end")?.copy_from_slice(&new);
        }
        Ok(bytes)
    }

    fn message(&self, step: &Element, (major, minor): (i32, i32)) -> Result<Vec<Field>> {
        let leaf = |name: &str, value: &str| Element::new(name).with("value", value);
        let mut header = vec![Element::new("ProtocolVersion").holding(vec![
            leaf("ProtocolVersionMajor", &major.to_string()),
            leaf("ProtocolVersionMinor", &minor.to_string()),
        ])];
        let mut given = |key: &str, name: &str| {
            header.extend(step.get(key).map(|value| leaf(name, value)));
        };
        given("max", "MaximumResponseSize");
        given("async", "AsynchronousIndicator");
        if let Some(user) = step.get("user") {
            let password = step.get("password").unwrap_or_default();
            let value =
                Element::new("CredentialValue").holding(vec![leaf("Username", user), leaf("Password", password)]);
            let credential = vec![leaf("CredentialType", "UsernameAndPassword"), value];
            let credential = Element::new("Credential").holding(credential);
            header.push(Element::new("Authentication").holding(vec![credential]));
        }
        let mut given = |key: &str, name: &str| {
            header.extend(step.get(key).map(|value| leaf(name, value)));
        };
        given("onerror", "BatchErrorContinuationOption");
        given("order", "BatchOrderOption");
        given("time", "TimeStamp");
        let items: Vec<&Element> = step.children.iter().filter(|child| child.name == "item").collect();
        let count = items.len().to_string();
        match step.get("count") {
            Some("none") => {}
            None if major >= 3 => {}
            given => header.push(leaf("BatchCount", given.unwrap_or(&count))),
        }
        let more = step.children.iter().filter(|child| child.name == "header");
        header.extend(more.flat_map(|more| more.children.iter().cloned()));
        let header = Element::new("RequestHeader").holding(header);
        let mut message = vec![pattern::field(&header, &self.names)?];
        for item in items {
            let mut inside = Vec::new();
            inside.extend(item.get("op").map(|operation| leaf("Operation", operation)));
            inside.extend(item.get("id").map(|id| leaf("UniqueBatchItemID", id)));
            let (extensions, payload): (Vec<_>, Vec<_>) =
                sent(&item.children).into_iter().partition(|child| child.name == "MessageExtension");
            if item.get("payload") != Some("none") {
                inside.push(Element::new("RequestPayload").with("type", "Structure").holding(payload));
            }
            inside.extend(extensions);
            message.push(pattern::field(&Element::new("BatchItem").holding(inside), &self.names)?);
        }
        Ok(message)
    }

    /// Sends a request that is written as in a script; what became of each item that was answered, or None if the
    /// connection ended.
    pub fn ask(&mut self, request: &str) -> Result<Option<Vec<Outcome>>> {
        let bytes = self.request(&Element::parse(request)?)?;
        if self.send(&bytes).is_err() {
            return Ok(None);
        }
        self.outcomes()
    }

    /// What became of each item of the request that was sent.
    pub fn outcomes(&mut self) -> Result<Option<Vec<Outcome>>> {
        let Ok(Some(reply)) = self.receive() else {
            self.client = None;
            return Ok(None);
        };
        let Value::Structure(fields) = reply.message else { return Err("not a message".to_owned()) };
        let outcome = |item: &Field| match (item.value.field(Tag::ResultStatus), item.value.field(Tag::ResultReason)) {
            (Some(Value::Enumeration(0)), _) => Ok(Outcome::Done(
                item.value.field(Tag::ResponsePayload).cloned().unwrap_or(Value::Structure(Vec::new())),
            )),
            (_, Some(Value::Enumeration(reason))) => Ok(Outcome::Failed(ResultReason(*reason))),
            _ => Err(format!("no result in {}", pattern::outline(item.tag, &item.value))),
        };
        fields.iter().filter(|field| field.tag == Tag::BatchItem).map(outcome).collect::<Result<_>>().map(Some)
    }

    /// Sends a request and does not wait for its answer.
    pub fn post(&mut self, request: &str) -> Result<()> {
        let bytes = self.request(&Element::parse(request)?)?;
        self.send(&bytes)
    }

    fn send(&mut self, bytes: &[u8]) -> Result<()> {
        if self.client.is_none() {
            let identity = self.subject.identity(&self.identity)?;
            self.client = Some(self.subject.connect(Some(&identity), self.versions)?);
            self.first_on_connection = true;
        }
        let client = self.client.as_mut().ok_or("not connected")?;
        self.asked.records_before = client.records();
        // A server may refuse a message before all of it is written; what it says, or that it closed, comes next.
        let _ = client.send(bytes);
        Ok(())
    }

    /// The next answer, of which only its size and its TLS record are checked.
    pub fn receive(&mut self) -> Result<Option<Reply>> {
        let client = self.client.as_mut().ok_or("not connected")?;
        let Some(reply) = client.receive()? else { return Ok(None) };
        let records = client.records() - self.asked.records_before;
        let first = std::mem::take(&mut self.first_on_connection);
        // Session tickets of TLS 1.3 look like data and may come with the first answer.
        if reply.bytes.len() <= RECORD_BYTES_MAX && records != 1 && !(first && client.is_tls13()) {
            return Err(format!("an answer of {} bytes came in {records} TLS records", reply.bytes.len()));
        }
        match self.asked.size_max {
            // The refusal itself may be longer than a limit that nothing can keep.
            Some(size) if reply.bytes.len() > size && size >= 256 => {
                Err(format!("an answer of {} bytes where {size} is the maximum", reply.bytes.len()))
            }
            _ => Ok(Some(reply)),
        }
    }

    fn answer(&mut self, step: &Element) -> Result<()> {
        let reply = self.receive()?.ok_or("the server closed the connection")?;
        self.check(step, &reply)
    }

    fn check(&mut self, step: &Element, reply: &Reply) -> Result<()> {
        let expected = self.expected(step)?;
        let Value::Structure(got) = &reply.message else { return Err("not a message".to_owned()) };
        if let Some(version) = self.asked.version {
            let own =
                |error| format!("{error}\n  the answer is {}", pattern::outline(Tag::ResponseMessage, &reply.message));
            pattern::known_in(got, version).map_err(own)?;
        }
        let fits = pattern::fit(&expected, got, &mut self.names);
        fits.map_err(|error| {
            format!("{error}\n  the answer is {}", pattern::outline(Tag::ResponseMessage, &reply.message))
        })
    }

    /// The pattern of a whole answer.
    fn expected(&self, step: &Element) -> Result<Vec<Element>> {
        let leaf = |name: &str, value: &str| Element::new(name).with("value", value);
        let version = match step.get("version") {
            Some("*") => None,
            Some(given) => Some(numbers(given)?),
            None => self.asked.version.map(Version::numbers),
        };
        let number =
            |place: fn((i32, i32)) -> i32| version.map_or("*".to_owned(), |version| place(version).to_string());
        let items: Vec<&Element> = step.children.iter().filter(|child| child.name == "item").collect();
        let mut header = vec![
            Element::new("ProtocolVersion").holding(vec![
                leaf("ProtocolVersionMajor", &number(|version| version.0)),
                leaf("ProtocolVersionMinor", &number(|version| version.1)),
            ]),
            leaf("TimeStamp", "$now"),
        ];
        if version.is_none_or(|version| version >= (1, 4)) {
            header.push(leaf("ServerCorrelationValue", "*").with("optional", "yes"));
        }
        match version {
            Some((major, _)) if major >= 3 => {}
            Some(_) => header.push(leaf("BatchCount", &items.len().to_string())),
            None => header.push(leaf("BatchCount", &items.len().to_string()).with("optional", "yes")),
        }
        let mut message = vec![Element::new("ResponseHeader").holding(header)];
        for (place, item) in items.into_iter().enumerate() {
            let place = item.get("of").and_then(|place| place.parse().ok()).unwrap_or(place);
            message.push(self.expected_item(item, place)?);
        }
        Ok(message)
    }

    fn expected_item(&self, item: &Element, place: usize) -> Result<Element> {
        let leaf = |name: &str, value: &str| Element::new(name).with("value", value);
        let mut inside = Vec::new();
        if item.get("bare") != Some("yes") {
            let maybe = |element: Element| match item.get("bare") {
                Some(_) => element.with("optional", "yes"),
                None => element,
            };
            let (operation, id) = self.asked.items.get(place).ok_or("more items than were asked")?;
            if let Some(Value::Enumeration(operation)) = operation {
                inside.push(maybe(leaf("Operation", &operation.to_string())));
            }
            if let Some(Value::ByteString(id)) = id {
                let id: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
                inside.push(maybe(leaf("UniqueBatchItemID", &id)));
            }
        }
        let status =
            item.get("status").unwrap_or(if item.get("reason").is_some() { "OperationFailed" } else { "Success" });
        inside.push(leaf("ResultStatus", status));
        let newer = self.asked.version.is_none_or(|version| version >= Version::V2_0);
        match item.get("reason2").filter(|_| newer).or(item.get("reason")) {
            Some(reason) => {
                inside.push(leaf("ResultReason", reason));
                // Optional in the standard, read unconditionally by a client library in wide use.
                inside.push(leaf("ResultMessage", "*"));
            }
            None if item.get("payload") == Some("none") => {}
            None => {
                inside.push(Element::new("ResponsePayload").with("type", "Structure").holding(item.children.clone()))
            }
        }
        Ok(Element::new("BatchItem").holding(inside))
    }

    /// Ends the connection: nothing may be left on it, and the server says close_notify as well.
    pub fn disconnect(&mut self) -> Result<()> {
        let Some(mut client) = self.client.take() else { return Ok(()) };
        if !client.is_silent()? {
            return Err("bytes follow the last answer".to_owned());
        }
        if client.close()? { Ok(()) } else { Err("the server ended without close_notify".to_owned()) }
    }

    /// The connection, where a test needs more than steps.
    pub fn client(&mut self) -> Option<&mut Client> {
        self.client.as_mut()
    }
}

/// Attributes as they are sent: without an index unless the script gives one.
fn sent(elements: &[Element]) -> Vec<Element> {
    elements
        .iter()
        .map(|element| {
            let inside = sent(&element.children);
            let copy = element.clone().holding(inside);
            if copy.name == "Attribute" && copy.get("name").is_some() { copy.with("sent", "yes") } else { copy }
        })
        .collect()
}

fn numbers(version: &str) -> Result<(i32, i32)> {
    let (major, minor) = version.split_once('.').ok_or("a version is major.minor")?;
    let number = |text: &str| text.parse().map_err(|_| format!("{version} is no version"));
    Ok((number(major)?, number(minor)?))
}

fn version_named(version: &str) -> Result<Version> {
    let (major, minor) = numbers(version)?;
    Version::from_numbers(major, minor).ok_or_else(|| format!("{version} is not in the registry"))
}

/// A word that no other conversation of this or an earlier run uses.
fn run_name() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("{:x}-{:x}-{count}", pattern::now(), std::process::id())
}
