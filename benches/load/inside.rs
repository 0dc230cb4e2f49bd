//! The core without network, on the thread that asks.

use std::path::PathBuf;
use std::sync::Arc;

use keyhaven::base::{Buffer, KeyBytes, Limits, Pin};
use keyhaven::crypto::random::SystemEntropy;
use keyhaven::gate::identity::{Identity, Passwords, Peer, Rule};
use keyhaven::gate::policy::Ownership;
use keyhaven::gate::{Core, Outcome, Parts};
use keyhaven::model::right::Caller;
use keyhaven::ops::Settings;
use keyhaven::serve::SystemClock;
use keyhaven::store::Store;
use keyhaven::vault::NoVault;
use keyhaven::vault::root::SoftRoot;

pub struct Inside {
    core: Core,
    peer: Peer,
    /// The last reply.
    pub reply: Buffer,
}

impl Inside {
    /// Over a store that is new, under a root of its own.
    pub fn new(store: Arc<dyn Store>) -> Self {
        let root = SoftRoot::from_key("bench", &KeyBytes::copy_from(&[1; 32]), Box::new(SystemEntropy));
        Self::over(store, root.unwrap(), None)
    }

    /// Over any store, under its root, with a copy of the commit record outside.
    pub fn over(store: Arc<dyn Store>, root: SoftRoot, witness: Option<PathBuf>) -> Self {
        let core = Core::open(Parts {
            store,
            root: Arc::new(root),
            vault: Arc::new(NoVault),
            policy: Arc::new(Ownership::default()),
            identity: Identity::new(vec![Rule::CommonName], [], Arc::new(Nobody)),
            clock: Arc::new(SystemClock),
            entropy: Arc::new(SystemEntropy),
            limits: Limits::default(),
            settings: Settings::default(),
            durable_reads: false,
            witness,
        });
        let peer = Peer::new("127.0.0.1:40000".into(), Caller::named("bench"));
        Self { core: core.unwrap(), peer, reply: Buffer::default() }
    }

    /// Answers on this thread, as one that may not block does first.
    pub fn handle(&mut self, request: &[u8]) {
        let outcome = self.core.handle(request, &self.peer, false, &mut self.reply);
        if matches!(outcome, Outcome::WouldBlock) {
            let outcome = self.core.handle(request, &self.peer, true, &mut self.reply);
            assert!(matches!(outcome, Outcome::Reply(_)));
        }
    }

    pub fn store(&self) -> &Arc<dyn Store> {
        self.core.store()
    }
}

struct Nobody;

impl Passwords for Nobody {
    fn verify(&self, _: &str, _: &Pin) -> bool {
        false
    }
}
