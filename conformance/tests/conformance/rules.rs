//! Rules that a script cannot say: user names beside certificates, TLS versions and sessions, many connections,
//! the order of versions.

use std::time::Instant;

use conformance::Result;
use conformance::client::TlsVersions;
use conformance::play::{Outcome, Player};
use conformance::subject::signal;
use keyhaven::base::Value;
use keyhaven::registry::Tag;
use libtest_mimic::Trial;

use crate::{subject, trial};

/// The tests of this file.
pub fn tests() -> Result<Vec<Trial>> {
    Ok(vec![
        trial("rule::05-versions-fall", versions_fall),
        trial("rule::10-a-connection-for-each-message", connections),
        trial("rule::10-sessions-resume", || TLS.iter().try_for_each(|versions| sessions_resume(*versions))),
        trial("rule::11-user-and-password", users),
        trial("rule::18-one-record-each-answer", || TLS.iter().try_for_each(|versions| one_record(*versions))),
        trial("rule::19-strangers-see-nothing", strangers),
        trial("rule::22-sizes-of-profiles", || ["1.0", "1.1", "1.2"].iter().try_for_each(|version| sizes(version))),
    ])
}

const TLS: [TlsVersions; 2] = [TlsVersions::Only12, TlsVersions::Only13];
const QUERY: &str = r#"<request><item op="Query"><QueryFunction value="QueryObjects"/></item></request>"#;
const OBJECTS: &str = r#"<answer><item><many tag="ObjectType" has="SymmetricKey"/></item></answer>"#;
const CREATE: &str = r#"<request><item op="Create"><ObjectType value="SymmetricKey"/><TemplateAttribute>
    <Attribute name="Cryptographic Algorithm" value="AES"/><Attribute name="Cryptographic Length" value="256"/>
    <Attribute name="Cryptographic Usage Mask" value="Encrypt Decrypt"/>
    <Attribute name="Name"><NameValue value="key-$run"/><NameType value="UninterpretedTextString"/></Attribute>
    </TemplateAttribute></item></request>
    <answer><item><ObjectType value="SymmetricKey"/><UniqueIdentifier value="$key"/></item></answer>"#;

/// Discover Versions without a list: all versions, the highest first, and every one of them is spoken.
fn versions_fall() -> Result<()> {
    let subject = subject()?;
    let mut player = Player::new(&subject, "versions", "1.1")?;
    player.line(r#"<request><item op="DiscoverVersions"/></request>"#)?;
    let reply = player.receive()?.ok_or("closed")?;
    let payload = reply.message.field(Tag::BatchItem).and_then(|item| item.field(Tag::ResponsePayload));
    let Some(Value::Structure(fields)) = payload else { return Err("no payload".to_owned()) };
    let number = |value: &Value, tag| match value.field(tag) {
        Some(Value::Integer(number)) => *number,
        _ => -1,
    };
    let versions: Vec<(i32, i32)> = fields
        .iter()
        .map(|field| (number(&field.value, Tag::ProtocolVersionMajor), number(&field.value, Tag::ProtocolVersionMinor)))
        .collect();
    if !versions.is_sorted_by(|one, next| one > next) {
        return Err(format!("versions do not fall: {versions:?}"));
    }
    for (major, minor) in versions {
        let query = QUERY.replace("<request>", &format!(r#"<request version="{major}.{minor}">"#));
        player.lines(&format!("{query}{OBJECTS}"))?;
    }
    player.disconnect()
}

/// Some clients open a TLS connection for every message, without resumption.
fn connections() -> Result<()> {
    const COUNT: u32 = 60;
    let subject = subject()?;
    let mut player = Player::new(&subject, "connections", "1.0")?;
    let start = Instant::now();
    for _ in 0..COUNT {
        player.lines(&format!("<connect/>{QUERY}{OBJECTS}"))?;
    }
    println!("{COUNT} connections in {:?}", start.elapsed());
    player.disconnect()
}

fn sessions_resume(versions: TlsVersions) -> Result<()> {
    let subject = subject()?;
    let identity = subject.identity("sessions")?;
    let settings = subject.settings(Some(&identity), versions)?;
    let mut player = Player::new(&subject, "sessions", "1.4")?;
    let query = player.request(&conformance::script::Element::parse(QUERY)?)?;
    for resumed in [false, true, true] {
        let mut client = subject.connect_with(&settings)?;
        client.exchange(&query)?.ok_or("closed")?;
        if client.is_resumed() != resumed {
            return Err(format!("{versions:?}: resumed is {} where {resumed} is expected", client.is_resumed()));
        }
        client.close()?;
    }
    Ok(())
}

/// A user name and password beside the certificate: right, wrong, unknown, and both empty.
fn users() -> Result<()> {
    let subject = subject()?;
    if !subject.is_own() {
        return Ok(());
    }
    let file = subject.scratch()?.join("alice.password");
    std::fs::write(&file, "correct horse battery staple").map_err(|error| error.to_string())?;
    let file = file.to_str().ok_or("a path that is no text")?.to_owned();
    subject.command(&["user", "add", "alice", "--password-file", &file])?;
    // The running server reads its users again when it is told to, and a moment later it knows her.
    signal(subject.process()?, "HUP")?;
    let mut player = Player::new(&subject, "users", "1.4")?;
    let query = QUERY.replace("<request>", r#"<request user="alice" password="correct horse battery staple">"#);
    for _ in 0..100 {
        match player.ask(&query)?.as_deref() {
            Some([Outcome::Done(_)]) => break,
            _ => std::thread::sleep(std::time::Duration::from_millis(50)),
        }
    }
    player.disconnect()?;
    for version in ["1.0", "1.4", "2.1"] {
        let mut player = Player::new(&subject, "users", version)?;
        let with = |user: &str, password: &str| {
            QUERY.replace("<request>", &format!(r#"<request user="{user}" password="{password}">"#))
        };
        let get = |user: &str, password: &str| {
            with(user, password)
                .replace("Query\"><QueryFunction value=\"QueryObjects\"/>", "Get\"><UniqueIdentifier value=\"none\"/>")
        };
        // The standard does not say whether the item or the message fails.
        let denied = r#"<answer><item bare="maybe" reason="AuthenticationNotSuccessful"/></answer>"#;
        for (user, password) in [("", ""), ("alice", "correct horse battery staple")] {
            let served = player.lines(&format!("{}{OBJECTS}", with(user, password)));
            served.map_err(|error| format!("{user:?}/{password:?}: {error}"))?;
        }
        for (user, password) in [("alice", "wrong"), ("mallory", "correct horse battery staple"), ("alice", "")] {
            player.line(&get(user, password))?;
            player.line(denied).map_err(|error| format!("{user}/{password}: {error}"))?;
        }
        player.disconnect()?;
    }
    Ok(())
}

/// Clients of the C family read the header, then the body with one read: an answer split over records fails them.
fn one_record(versions: TlsVersions) -> Result<()> {
    let subject = subject()?;
    let identity = subject.identity("records")?;
    let mut player = Player::new(&subject, "records", "1.4")?;
    let parse = conformance::script::Element::parse;
    let query = r#"<request><item op="Query"><QueryFunction value="QueryOperations"/></item></request>"#;
    let query = player.request(&parse(query)?)?;
    let mut client = subject.connect(Some(&identity), versions)?;
    client.exchange(&query)?.ok_or("closed")?;
    for _ in 0..5 {
        let before = client.records();
        client.exchange(&query)?.ok_or("closed")?;
        let records = client.records() - before;
        if records != 1 {
            return Err(format!("{versions:?}: an answer in {records} records"));
        }
    }
    client.close().map(drop)
}

/// Another identity neither finds, reads, changes nor destroys what is not its own.
fn strangers() -> Result<()> {
    let subject = subject()?;
    if !subject.is_own() {
        return Ok(());
    }
    for version in ["1.0", "1.4"] {
        let mut owner = Player::new(&subject, "owner", version)?;
        owner.lines(CREATE)?;
        let mut stranger = Player::new(&subject, "stranger", version)?;
        let key = owner.names.get("key").cloned().ok_or("no key")?;
        stranger.names.bind("key", key);
        stranger.names.run.clone_from(&owner.names.run);
        let refused = r#"<answer><item reason="ItemNotFound|PermissionDenied"/></answer>"#;
        for request in [
            r#"<item op="Get"><UniqueIdentifier value="$key"/></item>"#,
            r#"<item op="GetAttributes"><UniqueIdentifier value="$key"/></item>"#,
            r#"<item op="Activate"><UniqueIdentifier value="$key"/></item>"#,
            r#"<item op="AddAttribute"><UniqueIdentifier value="$key"/><Attribute name="x-mine" value="1"/></item>"#,
            r#"<item op="Revoke"><UniqueIdentifier value="$key"/><RevocationReason>
                <RevocationReasonCode value="KeyCompromise"/></RevocationReason></item>"#,
            r#"<item op="Destroy"><UniqueIdentifier value="$key"/></item>"#,
        ] {
            stranger.lines(&format!("<request>{request}</request>{refused}"))?;
        }
        stranger.lines(
            r#"<request><item op="Locate">
            <Attribute name="Name"><NameValue value="key-$run"/><NameType value="UninterpretedTextString"/></Attribute>
            </item></request><answer><item><LocatedItems value="0" optional="yes"/></item></answer>"#,
        )?;
        owner.lines(
            r#"<request><item op="GetAttributes"><UniqueIdentifier value="$key"/><AttributeName value="State"/></item>
            </request><answer><item><UniqueIdentifier value="$key"/><Attribute name="State" value="PreActive"/></item>
            </answer>"#,
        )?;
        stranger.disconnect()?;
        owner.disconnect()?;
    }
    Ok(())
}

/// What the Tape Library profile asks for at least, which is more than the other profiles do: 30 custom attributes of three
/// types on an object, names of 64 characters, values and Names of 256, and batches of 32 in order
/// (kmip-tape-lib-profile-v1.0 §2.3, kmip-sa-sed-profile-v1.0 §2.3).
fn sizes(version: &str) -> Result<()> {
    let subject = subject()?;
    let mut player = Player::new(&subject, "sizes", version)?;
    let custom = |number: usize| {
        let name = format!("x-{number:0>62}");
        match number % 3 {
            0 => format!(r#"<Attribute name="{name}" value="{number:b>256}"/>"#),
            1 => format!(r#"<Attribute name="{name}" type="Integer" value="{number}"/>"#),
            _ => format!(r#"<Attribute name="{name}" type="DateTime" value="13494748{number:0>2}"/>"#),
        }
    };
    let attributes: String = (0..30).map(custom).collect();
    let names: String = (0..30).map(|number| format!(r#"<AttributeName value="x-{number:0>62}"/>"#)).collect();
    // `$run` has a length of its own: the part before it alone has 256 characters.
    let name = format!(r#"<Attribute name="Name"><NameValue value="{:n>256}-$run"/>"#, "");
    let name = format!(r#"{name}<NameType value="UninterpretedTextString"/></Attribute>"#);
    let namespace = r#"<Attribute name="Application Specific Information"><ApplicationNamespace value="LIBRARY-LTO"/>
        <ApplicationData value="0123456789ABCDEF"/></Attribute>"#;
    let barcode = r#"<Attribute name="Alternative Name"><AlternativeNameValue value="XXA012A1"/>
        <AlternativeNameType value="UninterpretedTextString"/></Attribute>"#;
    let barcode = if version == "1.2" { barcode } else { "" };
    let named = r#"<AttributeName value="Name"/><AttributeName value="Application Specific Information"/>"#;
    player.lines(&format!(
        r#"<request><item op="Create"><ObjectType value="SymmetricKey"/><TemplateAttribute>
        <Attribute name="Cryptographic Algorithm" value="AES"/><Attribute name="Cryptographic Length" value="256"/>
        <Attribute name="Cryptographic Usage Mask" value="Encrypt Decrypt"/>{name}{namespace}{barcode}{attributes}
        </TemplateAttribute></item></request>
        <answer><item><ObjectType value="SymmetricKey"/><UniqueIdentifier value="$key"/></item></answer>
        <request><item op="GetAttributes"><UniqueIdentifier value="$key"/>{names}{named}</item></request>
        <answer><item><UniqueIdentifier value="$key"/>{attributes}{name}{namespace}</item></answer>"#
    ))?;
    let asks: String = (0..32)
        .map(|id| {
            let attribute = r#"<AttributeName value="State"/>"#;
            format!(r#"<item op="GetAttributes" id="{id:02x}"><UniqueIdentifier value="$key"/>{attribute}</item>"#)
        })
        .collect();
    let answers =
        r#"<item><UniqueIdentifier value="$key"/><Attribute name="State" value="PreActive"/></item>"#.repeat(32);
    player.lines(&format!(r#"<request order="true">{asks}</request><answer>{answers}</answer>"#))?;
    player.disconnect()
}
