//! The keys below everything are rotated while clients work and while the server is killed. Each test has a server of its
//! own.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use conformance::Result;
use conformance::pattern;
use conformance::play::Player;
use conformance::subject::{Subject, signal};
use keyhaven::registry::Tag;
use libtest_mimic::Trial;

use crate::life::{create, done, look, one, text};
use crate::trial;

/// Objects that are there before a rotation.
const OBJECTS: usize = 40;
/// How often the server is killed in rotations of the namespace key.
const KILLS: usize = 24;
/// How often in rotations of the root.
const ROOT_KILLS: usize = 6;

/// The tests of this file.
pub fn tests() -> Result<Vec<Trial>> {
    if std::env::var("KEYHAVEN_SUBJECT").is_ok() {
        return Ok(Vec::new());
    }
    Ok(vec![trial("rotation::no-request-fails", under_load), trial("rotation::kill-9", killed)])
}

fn furnish(subject: &Subject, who: &str) -> Result<Vec<String>> {
    let mut player = Player::new(subject, who, "1.4")?;
    let mut ids = Vec::new();
    for count in 0..OBJECTS {
        let made = done(&mut player, &format!("<request>{}</request>", create(&format!("key-{count}"))))?;
        let id = text(&made, Tag::UniqueIdentifier).ok_or("no identifier")?;
        if count % 2 == 0 {
            done(&mut player, &one("Activate", &id, ""))?;
        }
        ids.push(id);
    }
    Ok(ids)
}

/// Finds the object of this name, and nothing else.
fn finds(player: &mut Player<'_>, named: &str) -> Result<String> {
    let request = format!(
        r#"<request><item op="Locate"><Attribute name="Name"><NameValue value="{named}"/><NameType value="UninterpretedTextString"/></Attribute></item></request>"#
    );
    text(&done(player, &request)?, Tag::UniqueIdentifier).ok_or_else(|| format!("{named} is not found"))
}

/// Clients read, find, change and create while the namespace key and the root are rotated, twice each.
fn under_load() -> Result<()> {
    let subject = Subject::start(&[])?;
    let ids = furnish(&subject, "restart")?;
    let before = look(&subject, &ids)?;
    let (stop, requests) = (AtomicBool::new(false), AtomicUsize::new(0));
    let work = |worker: usize| -> Result<()> {
        let mut player = Player::new(&subject, "restart", "1.4")?;
        for count in 0.. {
            if stop.load(Ordering::Relaxed) {
                break;
            }
            let at = (count * 7 + worker) % OBJECTS;
            done(&mut player, &one("Get", &ids[at], ""))?;
            if finds(&mut player, &format!("key-{at}"))? != ids[at] {
                return Err(format!("key-{at} is another object"));
            }
            let named = format!("new-{worker}-{count}");
            let made = done(&mut player, &format!("<request>{}</request>", create(&named)))?;
            let id = text(&made, Tag::UniqueIdentifier).ok_or("no identifier")?;
            if finds(&mut player, &named)? != id {
                return Err(format!("{named} is another object"));
            }
            done(&mut player, &one("Destroy", &id, ""))?;
            requests.fetch_add(5, Ordering::Relaxed);
        }
        player.disconnect()
    };
    let outcomes: Vec<Result<()>> = thread::scope(|scope| {
        let workers: Vec<_> = (0..3).map(|worker| scope.spawn(move || work(worker))).collect();
        let rotated = (0..2).try_for_each(|_| {
            subject.command(&["root", "rotate", "--namespace"])?;
            subject.command(&["root", "rotate"]).map(drop)
        });
        stop.store(true, Ordering::Relaxed);
        let joined = workers.into_iter().map(|worker| worker.join().unwrap_or_else(|_| Err("a panic".to_owned())));
        joined.chain([rotated]).collect()
    });
    outcomes.into_iter().collect::<Result<()>>()?;
    println!("{} requests during four rotations", requests.load(Ordering::Relaxed));
    if look(&subject, &ids)? != before {
        return Err("the objects differ after the rotations".to_owned());
    }
    let words = subject.command(&["root", "rotate", "--namespace"])?;
    if words.contains("version 4 of the namespace key") { Ok(()) } else { Err(words) }
}

/// The server is killed at any moment of rotations: each time everything is there, and at last a rotation ends.
fn killed() -> Result<()> {
    let mut subject = Subject::start(&[])?;
    let ids = furnish(&subject, "restart")?;
    let before = look(&subject, &ids)?;
    let mut random = pattern::now().unsigned_abs() | 1;
    println!("seed {random}");
    for cycle in 0..KILLS + ROOT_KILLS {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let root = cycle >= KILLS;
        let (command, most): (&[&str], u64) =
            if root { (&["root", "rotate"], 500) } else { (&["root", "rotate", "--namespace"], 1500) };
        let pause = Duration::from_millis((random >> 33) % most);
        let process = subject.process()?;
        thread::scope(|scope| {
            let subject = &subject;
            // It is cut off, or done already.
            scope.spawn(move || subject.command(command));
            thread::sleep(pause);
            signal(process, "KILL")
        })?;
        subject.ended()?;
        subject.resume().map_err(|error| format!("cycle {cycle}: {error}"))?;
        if look(&subject, &ids)? != before {
            return Err(format!("cycle {cycle}: the objects differ"));
        }
        let mut player = Player::new(&subject, "restart", "1.4")?;
        for (count, id) in ids.iter().enumerate() {
            if finds(&mut player, &format!("key-{count}"))? != *id {
                return Err(format!("cycle {cycle}: key-{count} is another object"));
            }
        }
        player.disconnect()?;
    }
    let words = subject.command(&["root", "rotate", "--namespace"])?;
    println!("{} kills; {words}", KILLS + ROOT_KILLS);
    subject.command(&["root", "rotate"])?;
    subject.terminate()?;
    subject.ended()?;
    subject.command(&["audit", "verify"])?;
    subject.command(&["check"])?;
    subject.resume()?;
    if look(&subject, &ids)? == before { Ok(()) } else { Err("the objects differ at the end".to_owned()) }
}
