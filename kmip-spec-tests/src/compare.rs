//! Compares an answer with the template of a test case. Structure, order, types and values have to match; what may
//! differ is a row of `rules`.

use std::fmt;

use keyhaven::base::{Field, Value};
use keyhaven::proto::text::xml;
use keyhaven::registry::{Tag, Version};

use crate::rules::{self, Allow, At, Item, Rule};
use crate::state::{State, attribute_name, now_offset};
use crate::template::{Node, Want};
use crate::vector::{batch_items, operation};

/// Seconds that the server's clock may differ from ours.
const CLOCK_SECONDS: i64 = 2;

/// One thing that is not as the case has it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Difference {
    /// Where: tags from the message down.
    pub path: String,
    /// What the case has there.
    pub expected: String,
    /// What the answer has there.
    pub got: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n    expected {}\n    got      {}", self.path, self.expected, self.got)
    }
}

/// A request with its template, and what is known of the case.
#[derive(Clone, Copy, Debug)]
pub struct Case<'a> {
    /// The name of the case.
    pub stem: &'a str,
    /// Its protocol version.
    pub version: Version,
    /// The request that was sent.
    pub request: &'a Field,
    /// The template it came from.
    pub template: &'a Node,
}

/// Compares an answer; what it teaches goes to `state`.
pub fn compare(case: Case<'_>, expected: &Node, answer: &Field, state: &mut State) -> Vec<Difference> {
    let fed_back = case.template.children().iter().filter(|child| child.tag == Tag::BatchItem).map(|item| {
        let data = item.child(Tag::RequestPayload).and_then(|payload| payload.child(Tag::Data));
        matches!(data, Some(Node { want: Want::Placeholder(..), .. }))
    });
    let answers = batch_items(answer).map(|item| item.field(Tag::ResponsePayload).cloned());
    let items = batch_items(case.request).zip(fed_back).zip(answers.chain(std::iter::repeat(None)));
    let items = items.map(|((request, fed_back), answer)| Item {
        operation: operation(request),
        request: request.field(Tag::RequestPayload).cloned(),
        answer,
        fed_back,
    });
    let mut comparer = Comparer {
        stem: case.stem,
        version: case.version,
        items: items.collect(),
        batch: 0,
        tags: Vec::new(),
        path: Vec::new(),
        other_hash: false,
        state: state.clone(),
        differences: Vec::new(),
    };
    if expected.tag == answer.tag {
        comparer.item(expected, answer, expected.tag);
    } else {
        comparer.differ(&shown(expected, case.version), &text(answer, case.version));
    }
    *state = comparer.state;
    comparer.differences
}

#[derive(Clone)]
struct Comparer<'a> {
    stem: &'a str,
    version: Version,
    items: Vec<Item>,
    /// Batch items begun so far.
    batch: usize,
    tags: Vec<Tag>,
    path: Vec<String>,
    other_hash: bool,
    state: State,
    differences: Vec<Difference>,
}

/// A child, or children that one rule takes out of the order.
enum Part<'a, T> {
    One(&'a T, Key),
    Set(&'static Rule, Vec<(&'a T, Key)>),
}

/// What makes two children the same item: the tag, and of an attribute its name.
#[derive(Clone, PartialEq, Debug)]
struct Key {
    tag: Tag,
    name: Option<String>,
    /// The tag that rules see.
    effective: Tag,
}

impl<'a> Comparer<'a> {
    fn item(&mut self, want: &Node, got: &Field, effective: Tag) {
        let batch = (want.tag == Tag::BatchItem && self.tags.len() == 1).then_some(self.batch);
        self.batch += usize::from(batch.is_some());
        self.tags.push(effective);
        let name = format!("{:?}", want.tag);
        self.path.push(match (batch, effective == want.tag || want.tag == Tag::AttributeValue) {
            (Some(number), _) => format!("{name}[{number}]"),
            (None, true) => name,
            (None, false) => format!("{name}({effective:?})"),
        });
        if effective == Tag::Digest {
            self.other_hash = false;
        }
        self.contents(want, got);
        self.path.pop();
        self.tags.pop();
        if let Some(item) = batch.and_then(|number| self.items.get(number)).cloned()
            && let Some(answer) = &item.answer
        {
            self.state.note_answer(item.operation, item.request.as_ref(), answer);
        }
    }

    fn contents(&mut self, want: &Node, got: &Field) {
        match (&want.want, &got.value) {
            (Want::Structure(wants), Value::Structure(fields)) => {
                let value = want.to_field().value;
                if want.tag == Tag::Attribute || self.rule(want.tag, Some(&value), Allow::Contents).is_none() {
                    self.children(wants, fields);
                }
            }
            (Want::Literal(literal), value) if literal == value => {}
            (Want::Literal(literal), value) if literal.item_type() == value.item_type() => {
                let same_length = length(literal) == length(value);
                let free = self.rule(want.tag, Some(literal), Allow::Value).is_some()
                    && self.illustrated(literal, value)
                    || same_length && self.rule(want.tag, Some(literal), Allow::SameLength).is_some();
                if !free {
                    self.differ(&shown(want, self.version), &text(got, self.version));
                } else if want.tag == Tag::HashingAlgorithm {
                    self.other_hash = true;
                }
            }
            (Want::Placeholder(name, item_type), value) if *item_type == value.item_type() => {
                self.placeholder(want, name, got);
            }
            _ => self.differ(&shown(want, self.version), &text(got, self.version)),
        }
    }

    fn placeholder(&mut self, want: &Node, name: &str, got: &Field) {
        if let Some(offset) = now_offset(name) {
            let (from, to) = (self.state.start + offset - CLOCK_SECONDS, self.state.now + offset + CLOCK_SECONDS);
            if !matches!(&got.value, Value::DateTime(date) if (from..=to).contains(&date.0)) {
                let range = [from, to].map(|seconds| text(&date(want.tag, seconds), self.version));
                self.differ(&format!("${name}: {} to {}", range[0], range[1]), &text(got, self.version));
            }
        } else if self.rule(want.tag, None, Allow::Unbound).is_none()
            && let Err(known) = self.state.bind(name, &got.value)
        {
            self.differ(&format!("${name}, which is {known}"), &text(got, self.version));
        }
    }

    /// Key bytes of a generated object are only illustrated; they still have to be the same wherever the case shows the
    /// same bytes for the same object, and of a symmetric key as long.
    fn illustrated(&mut self, literal: &Value, value: &Value) -> bool {
        let tag = self.tags.last().copied();
        if !matches!(tag, Some(Tag::KeyMaterial | Tag::KeyValue)) {
            return true;
        }
        let object = self.current().and_then(rules::object).unwrap_or_default().to_owned();
        let symmetric = self.tags.contains(&Tag::SymmetricKey);
        (!symmetric || length(literal) == length(value)) && self.state.illustrates(&object, literal, value)
    }

    fn children(&mut self, wants: &[Node], fields: &[Field]) {
        let wanted = self.parts(wants, |want| (key_of_node(want), literal(want)));
        let present = self.parts(fields, |field| (key_of_field(field), Some(field.value.clone())));
        let (mut at, mut from) = (0, 0);
        while at < wanted.len() || from < present.len() {
            match (wanted.get(at), present.get(from)) {
                (Some(want), Some(got)) if same(want, got) => {
                    match (want, got) {
                        (Part::One(want, key), Part::One(got, _)) => self.item(want, got, key.effective),
                        (Part::Set(rule, wants), Part::Set(_, fields)) => self.set(rule, wants, fields),
                        _ => {}
                    }
                    (at, from) = (at + 1, from + 1);
                }
                (_, Some(got)) if self.may_be_extra(got) => from += 1,
                (Some(want), _) if self.may_be_missing(want) => at += 1,
                (Some(want), Some(got)) if present[from..].iter().any(|later| same(want, later)) => {
                    self.unexpected(got);
                    from += 1;
                }
                (Some(want), _) => {
                    self.missing(want);
                    at += 1;
                }
                (None, Some(got)) => {
                    self.unexpected(got);
                    from += 1;
                }
                (None, None) => break,
            }
        }
    }

    /// Children in order, those that a rule frees from the order together at their first place.
    fn parts<'t, T>(&self, children: &'t [T], describe: impl Fn(&T) -> (Key, Option<Value>)) -> Vec<Part<'t, T>> {
        let mut parts: Vec<Part<'t, T>> = Vec::new();
        for child in children {
            let (mut key, value) = describe(child);
            let around = self.tags.last().copied().filter(|tag| *tag != Tag::Attribute);
            if let (Tag::AttributeValue, Some(around)) = (key.tag, around) {
                key.effective = around;
            }
            let rule = [Allow::More, Allow::AnyOrder]
                .iter()
                .find_map(|allow| self.rule_of_child(&key, value.as_ref(), *allow));
            match (rule, parts.last_mut()) {
                (Some(rule), Some(Part::Set(last, children))) if std::ptr::eq(rule, *last) => {
                    children.push((child, key))
                }
                (Some(rule), _) => parts.push(Part::Set(rule, vec![(child, key)])),
                (None, _) => parts.push(Part::One(child, key)),
            }
        }
        parts
    }

    /// Each wanted child has one of its own among those present; the order does not matter.
    fn set(&mut self, rule: &Rule, wants: &[(&Node, Key)], fields: &[(&Field, Key)]) {
        let mut free: Vec<bool> = vec![true; fields.len()];
        // Placeholders that could stand for anything take what the others leave.
        let (open, fixed): (Vec<_>, Vec<_>) = wants.iter().partition(|(want, _)| self.is_open(want));
        for (want, key) in fixed.into_iter().chain(open) {
            let candidates = || (0..fields.len()).filter(|at| fields[*at].1 == *key);
            let fits = |comparer: &Self, at: usize| {
                let mut trial = comparer.clone();
                trial.differences.clear();
                trial.item(want, fields[at].0, key.effective);
                trial.differences.is_empty()
            };
            let exact = candidates().find(|at| free[*at] && fits(self, *at));
            let named = matches!(want.want, Want::Structure(_)).then(|| candidates().find(|at| free[*at])).flatten();
            match exact.or(named) {
                Some(at) => {
                    free[at] = false;
                    self.item(want, fields[at].0, key.effective);
                }
                None if rule.allows.contains(&Allow::Missing)
                    || self.rule_of_child(key, literal(want).as_ref(), Allow::Missing).is_some() => {}
                None => self.missing_child(want),
            }
        }
        for at in (0..fields.len()).filter(|at| free[*at] && !rule.allows.contains(&Allow::More)) {
            self.unexpected_child(fields[at].0);
        }
    }

    fn is_open(&self, want: &Node) -> bool {
        match &want.want {
            Want::Placeholder(name, _) => !self.state.is_bound(name),
            Want::Structure(children) => children.iter().any(|child| self.is_open(child)),
            Want::Literal(_) => false,
        }
    }

    fn may_be_extra(&self, part: &Part<'_, Field>) -> bool {
        let may = |field: &Field, key: &Key| self.rule_of_child(key, Some(&field.value), Allow::Extra).is_some();
        match part {
            Part::One(field, key) => may(field, key),
            Part::Set(_, fields) => fields.iter().all(|(field, key)| may(field, key)),
        }
    }

    fn may_be_missing(&self, part: &Part<'_, Node>) -> bool {
        let may = |want: &Node, key: &Key| self.rule_of_child(key, literal(want).as_ref(), Allow::Missing).is_some();
        match part {
            Part::One(want, key) => may(want, key),
            Part::Set(_, wants) => wants.iter().all(|(want, key)| may(want, key)),
        }
    }

    fn missing(&mut self, part: &Part<'_, Node>) {
        match part {
            Part::One(want, _) => self.missing_child(want),
            Part::Set(_, wants) => wants.iter().for_each(|(want, _)| self.missing_child(want)),
        }
    }

    fn missing_child(&mut self, want: &Node) {
        self.path.push(format!("{:?}", want.tag));
        self.differ(&shown(want, self.version), "nothing");
        self.path.pop();
    }

    fn unexpected(&mut self, part: &Part<'_, Field>) {
        match part {
            Part::One(field, _) => self.unexpected_child(field),
            Part::Set(_, fields) => fields.iter().for_each(|(field, _)| self.unexpected_child(field)),
        }
    }

    fn unexpected_child(&mut self, field: &Field) {
        self.path.push(format!("{:?}", field.tag));
        self.differ("nothing", &text(field, self.version));
        self.path.pop();
    }

    fn differ(&mut self, expected: &str, got: &str) {
        let path = self.path.join("/");
        self.differences.push(Difference { path, expected: expected.into(), got: got.into() });
    }

    /// The rule that permits the item at the present place to differ like this.
    fn rule(&self, own: Tag, value: Option<&Value>, allow: Allow) -> Option<&'static Rule> {
        rules::find(&self.at(&self.tags, own, value), allow)
    }

    fn rule_of_child(&self, key: &Key, value: Option<&Value>, allow: Allow) -> Option<&'static Rule> {
        let mut tags = self.tags.clone();
        tags.push(key.effective);
        rules::find(&self.at(&tags, key.tag, value), allow)
    }

    fn at<'t>(&'t self, tags: &'t [Tag], own: Tag, value: Option<&'t Value>) -> At<'t> {
        At {
            tags,
            own,
            value,
            version: self.version,
            stem: self.stem,
            item: self.current(),
            other_hash: self.other_hash,
            state: &self.state,
        }
    }

    /// The batch item around the present place.
    fn current(&self) -> Option<&Item> {
        self.tags.get(1).filter(|tag| **tag == Tag::BatchItem)?;
        self.items.get(self.batch.checked_sub(1)?)
    }
}

fn same(want: &Part<'_, Node>, got: &Part<'_, Field>) -> bool {
    match (want, got) {
        (Part::One(_, want), Part::One(_, got)) => want == got,
        (Part::Set(want, _), Part::Set(got, _)) => std::ptr::eq(*want, *got),
        _ => false,
    }
}

fn key_of_node(want: &Node) -> Key {
    key_of_field(&want.to_field())
}

/// An attribute is known by its name, an attribute value of 1.x has the tag of its attribute.
fn key_of_field(field: &Field) -> Key {
    let fields = match &field.value {
        Value::Structure(fields) if field.tag == Tag::Attribute => fields.as_slice(),
        _ => &[],
    };
    let words = fields.iter().filter(|field| [Tag::VendorIdentification, Tag::AttributeName].contains(&field.tag));
    let words: Vec<&str> = words.filter_map(|field| field.value.as_text()).collect();
    let effective = attribute_name(fields).and_then(Tag::from_name).unwrap_or(field.tag);
    Key { tag: field.tag, name: (!words.is_empty()).then(|| words.join("/")), effective }
}

fn literal(want: &Node) -> Option<Value> {
    match &want.want {
        Want::Placeholder(..) => None,
        _ => Some(want.to_field().value),
    }
}

fn length(value: &Value) -> Option<usize> {
    match value {
        Value::ByteString(bytes) => Some(bytes.len()),
        _ => None,
    }
}

fn date(tag: Tag, seconds: i64) -> Field {
    Field::new(tag, Value::DateTime(keyhaven::base::Date(seconds)))
}

fn shown(want: &Node, version: Version) -> String {
    text(&want.to_field(), version)
}

/// An item as one line of XML.
fn text(field: &Field, version: Version) -> String {
    let lines = xml::write(field, version);
    lines.lines().map(str::trim).collect::<Vec<_>>().join("")
}

#[cfg(test)]
mod tests;
