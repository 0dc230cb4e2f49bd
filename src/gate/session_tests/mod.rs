//! Tests of the core with everything below it: requests as XML, a store in memory, a clock that is set.

mod asynchronous;
mod pkcs11;
mod tickets;
mod turned;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use super::identity::{Identity, Passwords, Peer};
use super::policy::Ownership;
use super::{Core, Outcome, Parts};
use crate::base::{Buffer, Clock, Date, Entropy, EntropyFailed, KeyBytes, Limits, Pin};
use crate::model::right::Caller;
use crate::ops::Settings;
use crate::proto::text::{Encoding, from_ttlv, to_ttlv};
use crate::store::Memory;
use crate::vault::NoVault;
use crate::vault::root::SoftRoot;

struct Random;

impl Entropy for Random {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), EntropyFailed> {
        aws_lc_rs::rand::fill(buffer).map_err(|_| EntropyFailed)
    }
}

/// Seconds since 1970.
#[derive(Default)]
pub struct Hands(AtomicI64);

impl Clock for Hands {
    fn now(&self) -> Date {
        Date(self.0.load(Ordering::SeqCst))
    }

    fn now_micros(&self) -> i64 {
        self.0.fetch_add(0, Ordering::SeqCst) * 1_000_000
    }
}

/// Everybody's password is "right".
struct Right;

impl Passwords for Right {
    fn verify(&self, _: &str, password: &Pin) -> bool {
        password.expose() == "right"
    }
}

/// A server without a network.
pub struct Bench {
    store: Arc<Memory>,
    pub clock: Arc<Hands>,
    pub core: Core,
}

impl Bench {
    pub fn new() -> Self {
        Self::with(Settings::default())
    }

    pub fn with(settings: Settings) -> Self {
        let clock = Arc::new(Hands(AtomicI64::new(1_000_000)));
        let store = Arc::new(Memory::new());
        Self { core: core(&store, &clock, settings), store, clock }
    }

    /// The server stops and starts again on the same store.
    pub fn restart(self) -> Self {
        let Self { store, clock, core: old } = self;
        drop(old);
        Self { core: core(&store, &clock, Settings::default()), store, clock }
    }

    pub fn later(&self, seconds: i64) {
        self.clock.0.fetch_add(seconds, Ordering::SeqCst);
    }

    /// Sends a request of 2.1 with these header fields and one batch item for each (operation, payload).
    pub fn send(&self, who: &str, header: &str, items: &[(&str, &str)]) -> String {
        let address = SocketAddr::from(([127, 0, 0, 1], 5696));
        self.send_from(&Peer::new(address.to_string(), Caller::named(who)), header, items)
    }

    /// The same on a connection.
    pub fn send_from(&self, peer: &Peer, header: &str, items: &[(&str, &str)]) -> String {
        let mut body = String::new();
        for (operation, payload) in items {
            body += &format!(
                r#"<BatchItem><Operation type="Enumeration" value="{operation}"/><RequestPayload>{payload}</RequestPayload></BatchItem>"#
            );
        }
        let text = format!(
            r#"<RequestMessage><RequestHeader><ProtocolVersion><ProtocolVersionMajor type="Integer" value="2"/><ProtocolVersionMinor type="Integer" value="1"/></ProtocolVersion>{header}<BatchCount type="Integer" value="{}"/></RequestHeader>{body}</RequestMessage>"#,
            items.len()
        );
        let mut reply = Buffer::default();
        assert!(matches!(self.core.handle(&ttlv(&text), peer, true, &mut reply), Outcome::Reply(_)));
        xml(&reply)
    }

    /// Sends one operation, which must succeed.
    pub fn done(&self, who: &str, header: &str, operation: &str, payload: &str) -> String {
        let answer = self.send(who, header, &[(operation, payload)]);
        assert_eq!(values(&answer, "ResultStatus"), ["Success"], "{answer}");
        answer
    }
}

fn core(store: &Arc<Memory>, clock: &Arc<Hands>, settings: Settings) -> Core {
    Core::open(Parts {
        store: store.clone(),
        root: Arc::new(SoftRoot::from_key("test", &KeyBytes::new(vec![7; 32]), Box::new(Random)).unwrap()),
        vault: Arc::new(NoVault),
        policy: Arc::new(Ownership::default()),
        identity: Identity::new(Vec::new(), [], Arc::new(Right)),
        clock: clock.clone(),
        entropy: Arc::new(Random),
        limits: Limits::default(),
        settings,
        durable_reads: false,
        witness: None,
    })
    .unwrap()
}

/// A message from its text.
pub fn ttlv(text: &str) -> Vec<u8> {
    to_ttlv(Encoding::Xml, text.as_bytes(), &Limits::default()).unwrap().to_vec()
}

/// The text of a message.
pub fn xml(message: &[u8]) -> String {
    from_ttlv(Encoding::Xml, message, &Limits::default()).unwrap().to_string()
}

/// The values of all items of this name.
pub fn values(answer: &str, name: &str) -> Vec<String> {
    let open = format!("<{name} ");
    let rest = answer.split(&open).skip(1);
    rest.filter_map(|item| item.split("value=\"").nth(1)?.split('"').next().map(str::to_owned)).collect()
}

/// The same where there is one.
pub fn value(answer: &str, name: &str) -> String {
    let values = values(answer, name);
    assert_eq!(values.len(), 1, "{name} in {answer}");
    values[0].clone()
}

/// The payload of a Create.
pub const AES: &str = r#"<ObjectType type="Enumeration" value="SymmetricKey"/><Attributes><CryptographicAlgorithm type="Enumeration" value="AES"/><CryptographicLength type="Integer" value="128"/><CryptographicUsageMask type="Integer" value="Encrypt Decrypt"/></Attributes>"#;

/// The payload that names an object.
pub fn of(id: &str) -> String {
    format!(r#"<UniqueIdentifier type="TextString" value="{id}"/>"#)
}
