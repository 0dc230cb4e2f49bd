//! Bad input: the cases of `bad/`, clients that misbehave below KMIP, certificates that must not be let in, and
//! mutants of good messages. After each of them the server answers a healthy client.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use conformance::Result;
use conformance::client::TlsVersions;
use conformance::identity::Identity;
use conformance::pattern;
use conformance::play::{Player, play};
use conformance::script::{Element, Script};
use conformance::subject::Subject;
use libtest_mimic::Trial;

use crate::scripts::files;
use crate::{subject, trial};

/// A client that misbehaves.
type Run = fn(&Subject) -> Result<()>;

/// The tests of this file.
pub fn tests() -> Result<Vec<Trial>> {
    let mut tests = Vec::new();
    for (file, text) in files("bad")? {
        for (name, script) in Script::cases(&text).map_err(|error| format!("bad/{file}: {error}"))? {
            for version in script.versions() {
                let (script, version, identity) = (script.clone(), version.to_owned(), format!("bad-{file}"));
                tests.push(trial(format!("bad::{file}::{name}@{version}"), move || {
                    let subject = subject()?;
                    play(&subject, &script, &identity, &version)?;
                    healthy(&subject)
                }));
            }
        }
    }
    let clients: [(&str, Run); 13] = [
        ("truncated-and-closed", truncated),
        ("batch-over-the-limit", batch_over_limit),
        ("no-certificate", |subject| refused(subject, None)),
        ("self-signed-certificate", |subject| refused(subject, Some(Identity::self_signed("admin")?))),
        ("foreign-authority", |subject| {
            refused(subject, Some(Identity::foreign("admin", &subject.pki().join("ca.pem"))?))
        }),
        ("expired-certificate", expired),
        ("one-byte-a-time", byte_by_byte),
        ("never-reads", never_reads),
        ("plain-http-on-the-tls-port", plain_http),
        ("tls-1.1-only", |subject| hello(subject, [3, 2], &[0xC0, 0x13, 0x00, 0x2F])),
        ("rsa-key-exchange-only", |subject| hello(subject, [3, 3], &[0x00, 0x3C, 0x00, 0x3D, 0x00, 0x2F])),
        ("connects-and-says-nothing", silent),
        ("mutants", mutants),
    ];
    tests.extend(clients.map(|(name, run)| {
        trial(format!("bad::client::{name}"), move || {
            let subject = subject()?;
            run(&subject)?;
            healthy(&subject)
        })
    }));
    Ok(tests)
}

const QUERY: &str = r#"<request><item op="Query" id="01"><QueryFunction value="QueryObjects"/></item></request>"#;
const OBJECTS: &str = r#"<answer><item><many tag="ObjectType" has="SymmetricKey"/></item></answer>"#;

/// A client that does nothing wrong is served.
fn healthy(subject: &Subject) -> Result<()> {
    let healthy = || {
        let mut player = Player::new(subject, "healthy", "1.4")?;
        player.lines(&format!("{QUERY}{OBJECTS}"))?;
        player.disconnect()
    };
    healthy().map_err(|error| format!("afterwards a healthy client is not served: {error}"))
}

/// The bytes of a request that is written as in a script.
fn bytes(subject: &Subject, step: &str) -> Result<Vec<u8>> {
    Player::new(subject, "bad-client", "1.4")?.request(&Element::parse(step)?)
}

/// Half a message and then the end of the connection, cut at every byte.
fn truncated(subject: &Subject) -> Result<()> {
    let query = bytes(subject, QUERY)?;
    let identity = subject.identity("bad-client")?;
    let settings = subject.settings(Some(&identity), TlsVersions::Any)?;
    for length in (1..query.len()).step_by(5) {
        let mut client = subject.connect_with(&settings)?;
        client.send(&query[..length])?;
        // The server may say what it thinks of it, or not.
        let _ = client.close();
    }
    Ok(())
}

/// More items than one message may hold.
fn batch_over_limit(subject: &Subject) -> Result<()> {
    let items = r#"<item op="Query" id="01"><QueryFunction value="QueryObjects"/></item>"#.repeat(5_000);
    let mut player = Player::new(subject, "bad-client", "1.4")?;
    player.lines(&format!("<request>{items}</request><refused/>"))
}

/// The handshake fails, or the first exchange does: TLS 1.3 tells a client only then.
fn refused(subject: &Subject, identity: Option<Identity>) -> Result<()> {
    let query = bytes(subject, QUERY)?;
    for versions in [TlsVersions::Only12, TlsVersions::Only13] {
        let Ok(mut client) = subject.connect(identity.as_ref(), versions) else { continue };
        match client.exchange(&query) {
            Ok(None) | Err(_) => {}
            Ok(Some(_)) => return Err(format!("{versions:?}: served")),
        }
    }
    Ok(())
}

/// A certificate that was good once. Only the authority itself can make one.
fn expired(subject: &Subject) -> Result<()> {
    let pki = subject.pki();
    if !subject.is_own() {
        return Ok(());
    }
    refused(subject, Some(Identity::expired("admin", &pki.join("ca.pem"), &pki.join("ca.key"))?))
}

/// A slow client is served: every byte in a TLS record of its own.
fn byte_by_byte(subject: &Subject) -> Result<()> {
    let query = bytes(subject, QUERY)?;
    let mut client = subject.client("bad-client")?;
    for byte in query {
        client.send(&[byte])?;
        std::thread::sleep(Duration::from_millis(2));
    }
    client.receive()?.ok_or("closed")?;
    client.close().map(drop)
}

/// Sends and sends, and never reads: the server stops reading, or closes, and does not grow.
fn never_reads(subject: &Subject) -> Result<()> {
    let functions = "<QueryFunction value=\"QueryOperations\"/>";
    let item = format!("<item op=\"Query\" id=\"01\">{functions}</item>").repeat(100);
    let query = bytes(subject, &format!("<request>{item}</request>"))?;
    let mut client = subject.client("bad-client")?;
    client.socket().set_write_timeout(Some(Duration::from_millis(300))).map_err(|error| error.to_string())?;
    let end = Instant::now() + Duration::from_secs(3);
    while Instant::now() < end {
        if client.send(&query).is_err() {
            break;
        }
        healthy(subject)?;
    }
    Ok(())
}

/// A browser that found the wrong port.
fn plain_http(subject: &Subject) -> Result<()> {
    closes(subject, b"GET /kmip HTTP/1.1\r\nHost: localhost\r\n\r\n")
}

/// A Client Hello that cannot be agreed upon: the server answers with an alert, or closes.
fn hello(subject: &Subject, version: [u8; 2], suites: &[u8]) -> Result<()> {
    let mut body = version.to_vec();
    body.extend([7; 32]);
    body.push(0);
    body.extend((suites.len() as u16).to_be_bytes());
    body.extend(suites);
    body.extend([1, 0]);
    // Extensions: supported groups, point formats, signature algorithms.
    let extensions = [0, 10, 0, 4, 0, 2, 0, 23, 0, 11, 0, 2, 1, 0, 0, 13, 0, 4, 0, 2, 4, 1];
    body.extend((extensions.len() as u16).to_be_bytes());
    body.extend(extensions);
    let mut handshake = vec![1, 0];
    handshake.extend((body.len() as u16).to_be_bytes());
    handshake.extend(body);
    let mut record = vec![22, 3, 1];
    record.extend((handshake.len() as u16).to_be_bytes());
    record.extend(handshake);
    closes(subject, &record)
}

/// After these bytes, which are no beginning of a TLS session, comes at most an alert, then the end.
fn closes(subject: &Subject, bytes: &[u8]) -> Result<()> {
    let mut socket = subject.tcp()?;
    socket.set_read_timeout(Some(Duration::from_secs(30))).map_err(|error| error.to_string())?;
    socket.write_all(bytes).map_err(|error| error.to_string())?;
    let mut answer = Vec::new();
    match socket.take(1024).read_to_end(&mut answer) {
        Err(error) if error.kind() != std::io::ErrorKind::ConnectionReset => return Err(error.to_string()),
        _ => {}
    }
    // An alert record has the content type 21.
    if answer.first().is_none_or(|first| *first == 21) { Ok(()) } else { Err(format!("answered {answer:?}")) }
}

/// Many connections without a byte do not keep others out.
fn silent(subject: &Subject) -> Result<()> {
    let held: Vec<_> = (0..100).map(|_| subject.tcp()).collect::<Result<_>>()?;
    healthy(subject)?;
    drop(held);
    Ok(())
}

/// A few thousand mutants of good messages: each is answered or closed upon, and the server lives.
fn mutants(subject: &Subject) -> Result<()> {
    const COUNT: usize = 3_000;
    let mut seeds = Vec::new();
    for (_, text) in files("personas")? {
        let script = Script::parse(&text)?;
        let mut player = Player::new(subject, "mutants", script.versions()[0])?;
        for name in ["key", "secret", "one", "two", "three", "active"] {
            player.names.bind(name, keyhaven::base::Value::text("none"));
        }
        for step in script.root.children.iter().filter(|step| step.name == "request") {
            seeds.push(player.request(step)?);
        }
    }
    let mut random = Random(pattern::now().unsigned_abs() | 1);
    println!("seed {}", random.0);
    let identity = subject.identity("mutants")?;
    let settings = subject.settings(Some(&identity), TlsVersions::Any)?;
    let mut client = None;
    for count in 0..COUNT {
        let mut message = seeds[random.below(seeds.len())].clone();
        for _ in 0..=random.below(3) {
            random.mutate(&mut message);
        }
        // The outer length stays true in most, so that the mutant is read as a whole message.
        if random.below(8) != 0 && message.len() > 8 {
            message.truncate(message.len() / 8 * 8);
            let length = (message.len() - 8) as u32;
            message[..4].copy_from_slice(&[0x42, 0, 0x78, 1]);
            message[4..8].copy_from_slice(&length.to_be_bytes());
        }
        let whole = message.len() >= 8
            && message.starts_with(&[0x42, 0, 0x78, 1])
            && u32::from_be_bytes([message[4], message[5], message[6], message[7]]) as usize == message.len() - 8;
        let mut connection: conformance::client::Client = match client.take() {
            Some(connection) => connection,
            None => subject.connect_with(&settings)?,
        };
        if !whole {
            // The server may wait for the rest: say that there is none.
            connection.send(&message)?;
            let _ = connection.close();
            continue;
        }
        let hex = || message.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        match connection.exchange(&message) {
            Ok(Some(_)) => client = Some(connection),
            Ok(None) => {}
            Err(error) => return Err(format!("mutant {count}: {error}: {}", hex())),
        }
        if count % 500 == 0 {
            healthy(subject).map_err(|error| format!("after mutant {count}, {}: {error}", hex()))?;
        }
    }
    Ok(())
}

/// A xorshift generator: mutants need variety, not secrecy.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    fn mutate(&mut self, message: &mut Vec<u8>) {
        if message.len() < 16 {
            return;
        }
        let at = 8 + self.below(message.len() - 8);
        match self.below(7) {
            0 => message[at] ^= 1 << self.below(8),
            1 => message[at] = [0, 1, 0x7F, 0x80, 0xFF][self.below(5)],
            2 => message.truncate(at),
            3 => message.insert(at, self.next() as u8),
            4 => {
                let start = at / 8 * 8;
                let end = (start + 8 * (1 + self.below(4))).min(message.len());
                let copy = message[start..end].to_vec();
                let to = 8 + self.below(message.len() - 8) / 8 * 8;
                message.splice(to..to, copy);
            }
            5 => {
                let start = at / 8 * 8;
                let end = (start + 8).min(message.len());
                message.drain(start..end);
            }
            _ => {
                let end = (at + 1 + self.below(8)).min(message.len());
                message[at..end].fill(0xFF);
            }
        }
    }
}
