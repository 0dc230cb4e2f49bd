//! Stops, crashes and restarts: what was acknowledged stays, what was destroyed does not come back, and nothing is
//! there by half. Each test has a server of its own.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use conformance::Result;
use conformance::pattern;
use conformance::play::{Outcome, Player};
use conformance::subject::Subject;
use keyhaven::base::Value;
use keyhaven::registry::{ResultReason, State, Tag};
use libtest_mimic::Trial;

use crate::trial;

/// How often the server is killed, unless `KEYHAVEN_KILLS` says otherwise.
const KILLS: usize = 8;
/// Commands that are killed while the server is down, in turn with kills while it opens the store.
const INTERRUPTED: &[&[&str]] = &[&["compact"], &["root", "rotate"]];
/// The store is verified as a whole after so many kills, and after the last.
const VERIFY_EVERY: usize = 4;
/// Connections that load it meanwhile.
const WORKERS: usize = 4;

/// The tests of this file.
pub fn tests() -> Result<Vec<Trial>> {
    if std::env::var("KEYHAVEN_SUBJECT").is_ok() {
        return Ok(Vec::new());
    }
    Ok(vec![
        trial("life::restart-keeps-everything", restart),
        trial("life::kill-9-under-load", kill),
        trial("life::drain-on-sigterm", drain),
    ])
}

const AES: &str = r#"<Attribute name="Cryptographic Algorithm" value="AES"/>
    <Attribute name="Cryptographic Length" value="256"/>
    <Attribute name="Cryptographic Usage Mask" value="Encrypt Decrypt"/>"#;

fn name(name: &str) -> String {
    format!(
        r#"<Attribute name="Name"><NameValue value="{name}"/><NameType value="UninterpretedTextString"/></Attribute>"#
    )
}

/// An item that creates a key of this name.
pub fn create(named: &str) -> String {
    format!(
        r#"<item op="Create" id="01"><ObjectType value="SymmetricKey"/><TemplateAttribute>{AES}{}</TemplateAttribute></item>"#,
        name(named)
    )
}

fn register(named: &str, byte: u8) -> String {
    format!(
        r#"<item op="Register" id="01"><ObjectType value="SecretData"/><TemplateAttribute>
        <Attribute name="Cryptographic Usage Mask" value="0"/>{}</TemplateAttribute><SecretData>
        <SecretDataType value="Password"/><KeyBlock><KeyFormatType value="Opaque"/><KeyValue>
        <KeyMaterial type="ByteString" value="{byte:02x}*40"/></KeyValue></KeyBlock></SecretData></item>"#,
        name(named)
    )
}

/// A request with one item about an object.
pub fn one(operation: &str, id: &str, inside: &str) -> String {
    format!(r#"<request><item op="{operation}"><UniqueIdentifier value="{id}"/>{inside}</item></request>"#)
}

const REASON: &str = r#"<RevocationReason><RevocationReasonCode value="KeyCompromise"/></RevocationReason>"#;

/// A text in a payload.
pub fn text(payload: &Value, tag: Tag) -> Option<String> {
    payload.field(tag).and_then(Value::as_text).map(str::to_owned)
}

/// The only outcome of a request with one item, which must be a success.
pub fn done(player: &mut Player<'_>, request: &str) -> Result<Value> {
    match player.ask(request)?.as_deref() {
        Some([Outcome::Done(payload)]) => Ok(payload.clone()),
        other => Err(format!("{other:?}\n  to {request}")),
    }
}

/// Objects in every state look the same after an orderly restart, to the byte.
fn restart() -> Result<()> {
    let mut subject = Subject::start(&[])?;
    let objects = {
        let mut player = Player::new(&subject, "restart", "1.4")?;
        let mut ids = Vec::new();
        for count in 0..12_u8 {
            let item =
                if count % 2 == 0 { create(&format!("key-{count}")) } else { register(&format!("key-{count}"), count) };
            let made = done(&mut player, &format!("<request>{item}</request>"))?;
            let id = text(&made, Tag::UniqueIdentifier).ok_or("no identifier")?;
            done(&mut player, &one("AddAttribute", &id, r#"<Attribute name="x-label" value="label"/>"#))?;
            if count % 4 > 0 {
                done(&mut player, &one("Activate", &id, ""))?;
            }
            if count % 4 > 1 {
                done(&mut player, &one("Revoke", &id, REASON))?;
            }
            if count % 4 > 2 {
                done(&mut player, &one("Destroy", &id, ""))?;
            }
            ids.push(id);
        }
        look(&subject, &ids)?
    };
    let ids: Vec<String> = objects.keys().cloned().collect();
    for _ in 0..2 {
        subject.terminate()?;
        let status = subject.ended()?;
        if !status.success() {
            return Err(format!("the server ended with {status}: {}", subject.log()));
        }
        subject.resume()?;
        let after = look(&subject, &ids)?;
        if after != objects {
            return Err(format!("before {objects:?}\n  after {after:?}"));
        }
    }
    Ok(())
}

/// Get and all attributes of each object.
pub fn look(subject: &Subject, ids: &[String]) -> Result<BTreeMap<String, Vec<Outcome>>> {
    let mut player = Player::new(subject, "restart", "1.4")?;
    let mut objects = BTreeMap::new();
    for id in ids {
        let mut outcomes = Vec::new();
        for operation in ["Get", "GetAttributes"] {
            outcomes.extend(player.ask(&one(operation, id, ""))?.ok_or("closed")?);
        }
        objects.insert(id.clone(), outcomes);
    }
    player.disconnect()?;
    Ok(objects)
}

/// What one worker knows of one object: the last acknowledged change, and the one that was under way in a crash.
#[derive(Clone, Debug)]
struct Known {
    name: String,
    material: Option<Value>,
    state: State,
    label: Option<i32>,
    doubt: Option<Change>,
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum Change {
    Label(i32),
    Activate,
    Destroy,
}

/// A worker's memory.
#[derive(Debug, Default)]
struct Memory {
    objects: BTreeMap<String, Known>,
    /// Names of objects whose creation was not acknowledged.
    unborn: Vec<String>,
    /// Changed since the last check, by identifier.
    fresh: Vec<String>,
    count: u32,
}

fn kill() -> Result<()> {
    let kills = match std::env::var("KEYHAVEN_KILLS") {
        Ok(text) => text.parse().map_err(|_| "KEYHAVEN_KILLS is not a number".to_owned())?,
        Err(_) => KILLS,
    };
    let mut subject = Subject::start(&[])?;
    let mut memories: Vec<Memory> = (0..WORKERS).map(|_| Memory::default()).collect();
    let mut random = pattern::now().unsigned_abs() | 1;
    println!("seed {random}");
    let mut dice = |end: u64| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) % end
    };
    let (mut opens, mut commands) = (0, 0);
    for cycle in 0..kills {
        let load = Duration::from_millis(150 + dice(500));
        let stop = AtomicBool::new(false);
        let process = subject.process()?;
        let results = thread::scope(|scope| {
            let workers: Vec<_> = memories
                .iter_mut()
                .enumerate()
                .map(|(number, memory)| {
                    let (subject, stop) = (&subject, &stop);
                    scope.spawn(move || load_until_closed(subject, number, memory, stop))
                })
                .collect();
            thread::sleep(load);
            let killed = conformance::subject::signal(process, "KILL");
            stop.store(true, Ordering::Relaxed);
            let mut results: Vec<Result<()>> =
                workers.into_iter().map(|worker| worker.join().unwrap_or_else(|_| Err("a panic".to_owned()))).collect();
            results.push(killed);
            results
        });
        results.into_iter().collect::<Result<()>>()?;
        subject.ended()?;
        match INTERRUPTED.get(cycle % (INTERRUPTED.len() + 2)) {
            Some(command) => {
                subject.interrupt(command, Duration::from_millis(dice(400)))?;
                commands += 1;
            }
            None => {
                subject.begin()?;
                thread::sleep(Duration::from_millis(dice(250)));
                subject.kill()?;
                opens += 1;
            }
        }
        if cycle % VERIFY_EVERY == VERIFY_EVERY - 1 || cycle == kills - 1 {
            subject.command(&["verify"]).map_err(|error| format!("cycle {cycle}: {error}"))?;
        }
        subject.resume().map_err(|error| format!("cycle {cycle}: {error}"))?;
        for (number, memory) in memories.iter_mut().enumerate() {
            verify(&subject, number, memory).map_err(|error| format!("cycle {cycle}, worker {number}: {error}"))?;
        }
    }
    let objects: usize = memories.iter().map(|memory| memory.objects.len()).sum();
    println!(
        "kill -9          {kills} under load, {opens} while opening, {commands} in commands: {objects} objects were \
         acknowledged, 0 lost"
    );
    if objects < kills * WORKERS { Err("hardly anything was stored: no load".to_owned()) } else { Ok(()) }
}

/// Changes until the connection ends. What was under way then is in doubt.
fn load_until_closed(subject: &Subject, number: usize, memory: &mut Memory, stop: &AtomicBool) -> Result<()> {
    let mut player = match Player::new(subject, &format!("worker-{number}"), "1.4") {
        Ok(player) => player,
        Err(_) if stop.load(Ordering::Relaxed) => return Ok(()),
        Err(error) => return Err(error),
    };
    for turn in 0.. {
        memory.count += 1;
        let count = memory.count;
        let target = memory.objects.keys().nth(count as usize * 7 % memory.objects.len().max(1)).cloned();
        let alive = |known: &Known| known.state != State::Destroyed && known.doubt.is_none();
        let target = target.filter(|id| memory.objects.get(id).is_some_and(alive));
        let going_on = match (turn % 5, target) {
            (2 | 3, Some(id)) => change(&mut player, memory, id, Change::Label(count.cast_signed()))?,
            (4, Some(id)) if count.is_multiple_of(2) => change(&mut player, memory, id, Change::Activate)?,
            (4, Some(id)) => change(&mut player, memory, id, Change::Destroy)?,
            _ => make(&mut player, memory, number, count)?,
        };
        if !going_on {
            return Ok(());
        }
    }
    Ok(())
}

/// Creates or registers an object and sometimes reads it; whether the connection still stands.
fn make(player: &mut Player<'_>, memory: &mut Memory, number: usize, count: u32) -> Result<bool> {
    let named = format!("{number}-{count}");
    let item = if count.is_multiple_of(2) { create(&named) } else { register(&named, count as u8) };
    let request = format!(r#"<request order="true">{item}<item op="Get" id="02"/></request>"#);
    // A name that cannot connect any more was never asked for.
    let answer = match player.ask(&request) {
        Ok(answer) => answer,
        Err(_) => return Ok(false),
    };
    match answer.as_deref() {
        None => {
            memory.unborn.push(named);
            Ok(false)
        }
        Some([Outcome::Done(made), Outcome::Done(read)]) => {
            let id = text(made, Tag::UniqueIdentifier).ok_or("no identifier")?;
            let material = read.field(Tag::SymmetricKey).or(read.field(Tag::SecretData)).cloned();
            let known = Known { name: named, material, state: State::PreActive, label: None, doubt: None };
            memory.objects.insert(id.clone(), known);
            memory.fresh.push(id);
            Ok(true)
        }
        Some(other) => Err(format!("{other:?}\n  to {request}")),
    }
}

/// Changes an object; whether the connection still stands.
fn change(player: &mut Player<'_>, memory: &mut Memory, id: String, change: Change) -> Result<bool> {
    let Some(known) = memory.objects.get_mut(&id) else { return Ok(true) };
    let label = |count: i32| format!(r#"<Attribute name="x-label" type="Integer" value="{count}"/>"#);
    let request = match change {
        Change::Label(count) if known.label.is_none() => one("AddAttribute", &id, &label(count)),
        Change::Label(count) => one("ModifyAttribute", &id, &label(count)),
        Change::Activate if known.state == State::PreActive => one("Activate", &id, ""),
        Change::Activate => return Ok(true),
        Change::Destroy if known.state == State::PreActive => one("Destroy", &id, ""),
        Change::Destroy => return Ok(true),
    };
    memory.fresh.push(id.clone());
    let answer = match player.ask(&request) {
        Ok(answer) => answer,
        Err(_) => return Ok(false),
    };
    match answer.as_deref() {
        None => {
            known.doubt = Some(change);
            Ok(false)
        }
        Some([Outcome::Done(_)]) => {
            known.apply(change);
            Ok(true)
        }
        Some(other) => Err(format!("{other:?}\n  to {request}")),
    }
}

impl Known {
    fn apply(&mut self, change: Change) {
        match change {
            Change::Label(count) => self.label = Some(count),
            Change::Activate => self.state = State::Active,
            Change::Destroy => self.state = State::Destroyed,
        }
    }
}

/// Everything that was acknowledged is there; a change in doubt happened wholly or not at all.
fn verify(subject: &Subject, number: usize, memory: &mut Memory) -> Result<()> {
    let mut player = Player::new(subject, &format!("worker-{number}"), "1.4")?;
    for named in std::mem::take(&mut memory.unborn) {
        let payload = done(&mut player, &format!(r#"<request><item op="Locate">{}</item></request>"#, name(&named)))?;
        if let Some(id) = text(&payload, Tag::UniqueIdentifier) {
            let read = done(&mut player, &one("Get", &id, ""))?;
            let material = read.field(Tag::SymmetricKey).or(read.field(Tag::SecretData)).cloned();
            let known = Known { name: named, material, state: State::PreActive, label: None, doubt: None };
            memory.objects.insert(id.clone(), known);
            memory.fresh.push(id);
        }
    }
    let mut ids = std::mem::take(&mut memory.fresh);
    // Older objects too, a few each time.
    ids.extend(memory.objects.keys().step_by(7).cloned());
    ids.sort();
    ids.dedup();
    for id in ids {
        let Some(known) = memory.objects.get_mut(&id) else { continue };
        let seen = observe(&mut player, &id, known)?;
        let fits = |known: &Known| known.state == seen.state && known.label == seen.label;
        let mut changed = known.clone();
        if let Some(change) = known.doubt.take() {
            changed.apply(change);
        }
        let gone = |known: &Known| known.state == State::Destroyed && seen.state == State::Destroyed;
        if fits(&changed) || gone(&changed) {
            changed.doubt = None;
            *known = changed;
        } else if !(fits(known) || gone(known)) {
            return Err(format!("{id} is {seen:?} where {known:?} or {changed:?} was acknowledged"));
        }
    }
    player.disconnect()
}

#[derive(Debug)]
struct Seen {
    state: State,
    label: Option<i32>,
}

/// One object by Locate, Get and Get Attributes, which must agree.
fn observe(player: &mut Player<'_>, id: &str, known: &Known) -> Result<Seen> {
    let request = format!(
        r#"<request onerror="Continue" order="true"><item op="Locate" id="01">{}</item>
        <item op="Get" id="02"><UniqueIdentifier value="{id}"/></item>
        <item op="GetAttributes" id="03"><UniqueIdentifier value="{id}"/><AttributeName value="State"/>
        <AttributeName value="Name"/><AttributeName value="x-label"/></item></request>"#,
        name(&known.name)
    );
    let outcomes = player.ask(&request)?.ok_or("closed")?;
    let wrong = |what: &str| Err(format!("{id} ({known:?}): {what}: {outcomes:?}"));
    let [Outcome::Done(located), read, attributes] = outcomes.as_slice() else { return wrong("three answers") };
    let located = text(located, Tag::UniqueIdentifier);
    let attributes = match attributes {
        Outcome::Done(attributes) => Attributes::read(attributes),
        Outcome::Failed(reason) if *reason == ResultReason::ItemNotFound => Attributes::gone(),
        Outcome::Failed(_) => return wrong("attributes"),
    };
    match read {
        Outcome::Done(read) => {
            let material = read.field(Tag::SymmetricKey).or(read.field(Tag::SecretData)).cloned();
            if material != known.material {
                return wrong("other key material");
            }
            if located.as_deref() != Some(id) {
                return wrong("not found by name");
            }
            if attributes.name.as_ref() != Some(&known.name) || attributes.state == State::Destroyed {
                return wrong("attributes of another object");
            }
        }
        Outcome::Failed(_) if attributes.state == State::Destroyed && located.is_none() => {}
        Outcome::Failed(_) => return wrong("destroyed by half"),
    }
    Ok(Seen { state: attributes.state, label: attributes.label })
}

struct Attributes {
    state: State,
    name: Option<String>,
    label: Option<i32>,
}

impl Attributes {
    fn gone() -> Self {
        Self { state: State::Destroyed, name: None, label: None }
    }

    fn read(payload: &Value) -> Self {
        let mut found = Self::gone();
        let Value::Structure(fields) = payload else { return found };
        for field in fields.iter().filter(|field| field.tag == Tag::Attribute) {
            match (text(&field.value, Tag::AttributeName).as_deref(), field.value.field(Tag::AttributeValue)) {
                (Some("State"), Some(Value::Enumeration(state))) => found.state = State(*state),
                (Some("Name"), Some(value)) => found.name = text(value, Tag::NameValue),
                (Some("x-label"), Some(Value::Integer(label))) => found.label = Some(*label),
                _ => {}
            }
        }
        found
    }
}

/// SIGTERM: what is under way is finished and answered, the process ends by itself, nothing acknowledged is lost.
fn drain() -> Result<()> {
    const BATCH: usize = 200;
    let mut subject = Subject::start(&[])?;
    let mut memories: Vec<Memory> = (0..WORKERS).map(|_| Memory::default()).collect();
    let process = subject.process()?;
    let stop = AtomicBool::new(false);
    let in_flight = thread::scope(|scope| -> Result<Vec<Outcome>> {
        let workers: Vec<_> = memories
            .iter_mut()
            .enumerate()
            .map(|(number, memory)| {
                let (subject, stop) = (&subject, &stop);
                scope.spawn(move || load_until_closed(subject, number, memory, stop))
            })
            .collect();
        thread::sleep(Duration::from_millis(300));
        let mut player = Player::new(&subject, "in-flight", "1.4")?;
        let items: String = (0..BATCH).map(|count| create(&format!("flight-{count}"))).collect();
        player.ask(r#"<request><item op="Query"><QueryFunction value="QueryObjects"/></item></request>"#)?;
        player.post(&format!("<request>{items}</request>"))?;
        // Time for the server to read it: what it has not read it need not answer.
        thread::sleep(Duration::from_millis(50));
        stop.store(true, Ordering::Relaxed);
        conformance::subject::signal(process, "TERM")?;
        let outcomes = player.outcomes()?.ok_or("a request under way was not answered");
        for worker in workers {
            worker.join().unwrap_or_else(|_| Err("a panic".to_owned()))?;
        }
        Ok(outcomes?)
    })?;
    if in_flight.len() != BATCH || !in_flight.iter().all(|outcome| matches!(outcome, Outcome::Done(_))) {
        return Err(format!("the batch under way was answered by {} items", in_flight.len()));
    }
    let status = subject.ended()?;
    if !status.success() {
        return Err(format!("the server ended with {status}: {}", subject.log()));
    }
    if subject.tcp().is_ok() {
        return Err("the port is still open".to_owned());
    }
    subject.resume()?;
    for (number, memory) in memories.iter_mut().enumerate() {
        verify(&subject, number, memory)?;
    }
    let mut player = Player::new(&subject, "in-flight", "1.4")?;
    for count in [0, BATCH - 1] {
        let named = name(&format!("flight-{count}"));
        let found = done(&mut player, &format!(r#"<request><item op="Locate">{named}</item></request>"#))?;
        text(&found, Tag::UniqueIdentifier).ok_or("an acknowledged object is gone")?;
    }
    player.disconnect()
}
