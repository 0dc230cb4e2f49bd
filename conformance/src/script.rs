//! Scripts: conversations as data. A file is XML in a short form of the standard's XML encoding, played strictly in
//! order:
//!
//! ```xml
//! <script about="who speaks like this" versions="1.0 1.4" connection="each">
//!   <request max="8192" time="$now">
//!     <item op="Locate" id="01"> ..payload.. </item>
//!   </request>
//!   <answer>
//!     <item> ..payload.. </item>
//!   </answer>
//! </script>
//! ```
//!
//! * `script`: `versions` it is played in, one test each; `connection="each"` opens one for each message; `identity`
//!   and `tls` (`1.2`, `1.3`) as needed.
//! * `request`: header fields are attributes: `version` (if not the script's), `max` (Maximum Response Size), `time`,
//!   `order`, `onerror`, `async`, `user` and `password`, `count` (if not the number of items; `none` leaves it out).
//!   A `header` child holds further header fields. An `item` is a Batch Item: `op`, `id` (Unique Batch Item ID),
//!   payload children; `MessageExtension` children follow the payload. `payload="none"` leaves the payload out.
//!   A request whose children are `RequestHeader` and `BatchItem` is taken literally. `cut`, `append` and `patch`
//!   (`offset:hex`) then change the bytes. `bytes` sends a hexadecimal value as it is.
//! * `answer`: must be the whole answer. `version` if not that of the request, `count` items; an `item` has `status`
//!   (Success unless given), `reason` (several may be allowed: `A|B`) and payload. Operation and Unique Batch Item
//!   ID are those of the request's item in the same place (`of` names another place); items that are
//!   `bare="yes"` have neither, `maybe` leaves it open.
//!   `reason2` stands for 2.0 and later where the two families differ.
//! * `refused`: the message as a whole is refused: by an item without Operation, or by closing.
//! * `closed`: the server closes the connection, and says nothing before.
//! * `connect`: a new connection from here on, as another `identity` if given.
//!
//! Fields are written as in the standard's XML; `type` may be left out where the registry knows it, and
//! `<Attribute name= value=>` stands for Attribute Name, Attribute Value. A `TTLV` element takes its `tag` as a number.
//! Values: `$now`, `$now+3600`, `$now-5` (answers: within two minutes); `$run` inside a text is unique to the run;
//! any other `$name` is bound by an answer and the same afterwards. In answers also `*` (any), `length` (of a byte
//! string), `optional`, `<many tag= has=>` (any number of fields with this tag, these values among them) and `<any/>` (what
//! follows does not matter).

use quick_xml::Reader;
use quick_xml::XmlVersion;
use quick_xml::events::{BytesStart, Event};

use crate::Result;

/// An element with its attributes; text between elements has no meaning.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Element {
    /// The name.
    pub name: String,
    attributes: Vec<(String, String)>,
    /// The elements inside.
    pub children: Vec<Element>,
}

/// A script.
#[derive(Clone, Debug)]
pub struct Script {
    /// Attributes of the whole, with the steps as children.
    pub root: Element,
}

impl Script {
    /// Reads a script.
    pub fn parse(text: &str) -> Result<Self> {
        let root = Element::parse(text)?;
        if root.name != "script" {
            return Err(format!("the root is {}, not script", root.name));
        }
        Self::checked(root)
    }

    /// The protocol versions to play it in.
    pub fn versions(&self) -> Vec<&str> {
        self.root.get("versions").unwrap_or("1.4").split_whitespace().collect()
    }

    /// The scripts of a file that holds many: each `case` with its name.
    pub fn cases(text: &str) -> Result<Vec<(String, Self)>> {
        let cases = Element::parse(text)?;
        let named = |case: Element| {
            let name = case.get("name").ok_or("a case without a name")?.to_owned();
            let script = Self::checked(case).map_err(|error| format!("{name}: {error}"))?;
            Ok((name, script))
        };
        cases.children.into_iter().map(named).collect()
    }

    fn checked(root: Element) -> Result<Self> {
        match root.children.iter().find(|step| !STEPS.contains(&&*step.name)) {
            Some(step) => Err(format!("no step is called {}", step.name)),
            None => Ok(Self { root }),
        }
    }
}

const STEPS: [&str; 6] = ["request", "answer", "bytes", "closed", "refused", "connect"];

impl Element {
    /// An element without attributes.
    pub fn new(name: &str) -> Self {
        Self { name: name.to_owned(), ..Self::default() }
    }

    /// The same with one more attribute.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<String>) -> Self {
        self.attributes.push((key.to_owned(), value.into()));
        self
    }

    /// The same with these children.
    #[must_use]
    pub fn holding(mut self, children: Vec<Self>) -> Self {
        self.children = children;
        self
    }

    /// The value of an attribute.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.attributes.iter().find(|(name, _)| name == key).map(|(_, value)| &**value)
    }

    /// Reads one element with all inside it.
    pub fn parse(text: &str) -> Result<Self> {
        let mut reader = Reader::from_str(text);
        let mut open: Vec<Self> = vec![Self::default()];
        loop {
            let event = reader.read_event().map_err(|error| format!("byte {}: {error}", reader.buffer_position()))?;
            match event {
                Event::Start(start) => open.push(Self::begin(&start)?),
                Event::Empty(start) => {
                    let element = Self::begin(&start)?;
                    last(&mut open)?.children.push(element);
                }
                Event::End(_) => {
                    let element = open.pop().ok_or("an end without a start")?;
                    last(&mut open)?.children.push(element);
                }
                Event::Eof => break,
                _ => {}
            }
        }
        match (open.len(), open.pop().map(|outer| outer.children)) {
            (1, Some(mut roots)) if roots.len() == 1 => roots.pop().ok_or_else(|| "no element".to_owned()),
            _ => Err("not one closed element".to_owned()),
        }
    }

    fn begin(start: &BytesStart<'_>) -> Result<Self> {
        let mut element = Self::new(&text(start.name().as_ref()));
        for attribute in start.attributes() {
            let attribute = attribute.map_err(|error| format!("{}: {error}", element.name))?;
            let value = attribute
                .normalized_value(XmlVersion::Implicit1_0)
                .map_err(|error| format!("{}: {error}", element.name))?;
            let key = text(attribute.key.as_ref());
            element.attributes.push((key, value.into_owned()));
        }
        Ok(element)
    }
}

fn last(open: &mut [Element]) -> Result<&mut Element> {
    open.last_mut().ok_or_else(|| "an end without a start".to_owned())
}

fn text(name: &str) -> String {
    name.to_owned()
}
