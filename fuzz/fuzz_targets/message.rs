//! Whole messages against a whole core: the store is in memory, the clock stands.

#![no_main]

use std::sync::{Arc, LazyLock};

use keyhaven::base::{Buffer, Clock, Date, KeyBytes, Limits, Pin};
use keyhaven::crypto::random::SystemEntropy;
use keyhaven::gate::identity::{Identity, Passwords, Peer};
use keyhaven::gate::policy::Ownership;
use keyhaven::gate::{Core, Outcome, Parts};
use keyhaven::model::right::Caller;
use keyhaven::ops::Settings;
use keyhaven::registry::Tag;
use keyhaven::store::Memory;
use keyhaven::ttlv::check;
use keyhaven::vault::NoVault;
use keyhaven::vault::root::SoftRoot;
use libfuzzer_sys::fuzz_target;

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

/// One core for all inputs, so that later ones find what earlier ones made.
static CORE: LazyLock<Core> = LazyLock::new(|| {
    let root = SoftRoot::from_key("fuzz", &KeyBytes::new(vec![7; 32]), Box::new(SystemEntropy::default()));
    Core::open(Parts {
        store: Arc::new(Memory::new()),
        root: Arc::new(root.expect("32 bytes are a root")),
        vault: Arc::new(NoVault),
        policy: Arc::new(Ownership::default()),
        identity: Identity::new(Vec::new(), Vec::new(), Arc::new(Nobody)),
        clock: Arc::new(Standing),
        entropy: Arc::new(SystemEntropy::default()),
        limits: Limits { message_bytes_max: 64 * 1024, ..Limits::default() },
        settings: Settings::default(),
        durable_reads: false,
    })
    .expect("an empty store opens")
});

fuzz_target!(|bytes: &[u8]| {
    let peer = Peer::new("127.0.0.1:1".into(), Caller::named("fuzz"));
    let mut reply = Buffer::default();
    // What would block, such as the making of RSA keys, is too slow to be fuzzed.
    if CORE.handle(bytes, &peer, false, &mut reply) == Outcome::WouldBlock {
        return;
    }
    let answer = check(&reply, &Limits::default()).expect("an answer is well formed");
    assert_eq!(answer.tag, Tag::ResponseMessage);
});
