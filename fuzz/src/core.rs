//! Whole messages against a whole core: the store is in memory, the clock stands, and chance is the same in every run.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use keyhaven::base::{Buffer, Clock, Date, Entropy, EntropyFailed, KeyBytes, Limits, Pin};
use keyhaven::crypto::random::SystemEntropy;
use keyhaven::gate::identity::{Identity, Passwords, Peer};
use keyhaven::gate::policy::Ownership;
use keyhaven::gate::{Core, Outcome, Parts};
use keyhaven::model::right::Caller;
use keyhaven::ops::Settings;
use keyhaven::registry::Tag;
use keyhaven::store::Memory;
use keyhaven::ttlv::{check, frame};
use keyhaven::vault::NoVault;
use keyhaven::vault::root::SoftRoot;

use super::dice::{Dice, noise, with_damage};
use super::payload;

/// After so many requests a core is thrown away, lest it fills the memory.
const REQUESTS_MAX: usize = 2000;
/// Longest message.
const MESSAGE_BYTES_MAX: usize = 64 * 1024;

struct Standing;

impl Clock for Standing {
    fn now(&self) -> Date {
        Date(1_800_000_000)
    }

    fn now_micros(&self) -> i64 {
        self.now().0 * 1_000_000
    }
}

struct Nobody;

impl Passwords for Nobody {
    fn verify(&self, _: &str, _: &Pin) -> bool {
        false
    }
}

/// A counter that was scattered, so that identifiers are not alike.
struct Counter(AtomicU64);

impl Entropy for Counter {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), EntropyFailed> {
        for chunk in buffer.chunks_mut(8) {
            let next = self.0.fetch_add(0x9E37_79B9_7F4A_7C15, Ordering::Relaxed);
            let scattered = (next ^ (next >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            chunk.copy_from_slice(&scattered.to_be_bytes()[..chunk.len()]);
        }
        Ok(())
    }
}

/// A core with some objects, for many inputs, so that later ones find what earlier ones made.
struct House {
    core: Core,
    ids: Vec<String>,
    requests: usize,
}

impl House {
    fn new() -> Self {
        let root = SoftRoot::from_key("fuzz", &KeyBytes::new(vec![7; 32]), Box::new(SystemEntropy));
        let core = Core::open(Parts {
            store: Arc::new(Memory::new()),
            root: Arc::new(root.expect("32 bytes are a root")),
            vault: Arc::new(NoVault),
            policy: Arc::new(Ownership::default()),
            identity: Identity::new(Vec::new(), Vec::new(), Arc::new(Nobody)),
            clock: Arc::new(Standing),
            entropy: Arc::new(Counter(AtomicU64::new(1))),
            limits: Limits { message_bytes_max: MESSAGE_BYTES_MAX, ..Limits::default() },
            settings: Settings { legacy_algorithms: true, ..Settings::default() },
            durable_reads: false,
            witness: None,
        });
        let mut house = Self { core: core.expect("an empty store opens"), ids: Vec::new(), requests: 0 };
        for request in payload::furniture() {
            let reply = house.answer(&request, true).expect("it may block");
            house.ids.extend(identifiers(&reply));
        }
        assert!(house.ids.len() >= 4, "furniture was refused");
        house
    }

    /// The reply, which is a well-formed Response Message; None if the core would block.
    fn answer(&mut self, request: &[u8], may_block: bool) -> Option<Vec<u8>> {
        let peer = Peer::new("127.0.0.1:1".into(), Caller::named("fuzz"));
        let mut reply = Buffer::default();
        self.requests += 1;
        if self.core.handle(request, &peer, may_block, &mut reply) == Outcome::WouldBlock {
            return None;
        }
        let answer = check(&reply, &Limits::default()).expect("an answer is well formed");
        assert_eq!(answer.tag, Tag::ResponseMessage);
        Some(reply.to_vec())
    }
}

thread_local! {
    static HOUSE: RefCell<Option<House>> = const { RefCell::new(None) };
}

fn in_house<T>(visit: impl FnOnce(&mut House) -> T) -> T {
    HOUSE.with_borrow_mut(|house| {
        if house.as_ref().is_some_and(|house| house.requests > REQUESTS_MAX) {
            *house = None;
        }
        visit(house.get_or_insert_with(House::new))
    })
}

/// One message of any bytes.
pub fn message(bytes: &[u8]) {
    // What would block, such as the making of RSA keys, is too slow to be fuzzed.
    in_house(|house| house.answer(bytes, false));
}

/// The identifiers of some objects.
pub fn known_ids() -> Vec<String> {
    in_house(|house| house.ids.clone())
}

/// The bytes of a connection, cut into messages as the server does. How many bytes came together changes nothing.
pub fn session(bytes: &[u8]) {
    let limits = Limits { message_bytes_max: MESSAGE_BYTES_MAX, ..Limits::default() };
    let mut rest = bytes;
    while let Ok(Some(length)) = frame(rest, Tag::RequestMessage, &limits) {
        for few in 0..rest.len().min(8) {
            assert_eq!(frame(&rest[..few], Tag::RequestMessage, &limits).ok().flatten(), None);
        }
        let Some((request, after)) = rest.split_at_checked(length) else { return };
        message(request);
        rest = after;
    }
}

/// The Unique Identifiers in a reply.
fn identifiers(reply: &[u8]) -> Vec<String> {
    let Ok(message) = check(reply, &Limits::default()) else { return Vec::new() };
    let payloads = message.children().filter_map(|item| item.child(Tag::ResponsePayload));
    let tags = [Tag::UniqueIdentifier, Tag::PrivateKeyUniqueIdentifier, Tag::PublicKeyUniqueIdentifier];
    let found = payloads.flat_map(|payload| tags.map(|tag| payload.child(tag)));
    found.flatten().filter_map(|item| item.to_value().as_text().map(str::to_owned)).collect()
}

/// Well-formed requests of every version and operation.
pub fn requests() -> Vec<Vec<u8>> {
    let all = noise(400, 300);
    let made = all.iter().map(|bytes| payload::request(&mut Dice(bytes), &["id".to_owned()]));
    payload::furniture().into_iter().chain(made).collect()
}

/// The same, damaged, and what is no request.
pub fn seeds() -> Vec<Vec<u8>> {
    with_damage(requests().into_iter().chain(noise(100, 100)).collect())
}

/// Several messages one after the other.
pub fn conversations() -> Vec<Vec<u8>> {
    with_damage(requests().chunks(5).map(<[_]>::concat).collect())
}
