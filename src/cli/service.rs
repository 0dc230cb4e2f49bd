//! The core as the network sees it, and how it opens. A root in a file or from a passphrase opens it at once. A root in
//! an HSM opens it as soon as the token answers; a root in shares, when `keyhaven unseal` has brought enough of them.
//! Until then the server is up, not ready, and answers every request with an error that the client may retry.

use std::io::Write;
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, OnceLock, PoisonError, RwLock, Weak};
use std::thread;
use std::time::Duration;

use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;
use rustls::pki_types::CertificateDer;
use serde_json::Value as Json;

use super::backup;
use super::config::{Config, IdentitySource, RootKind, Strangers as StrangersSetting};
use super::control;
use super::failure::Failure;
use super::hsm_metrics::HsmMetrics;
use super::ledger;
use super::provision::LocalAuthority;
use super::rotation;
use super::rotation_metrics::RotationMetrics;
use super::run::tls_options;
use super::seams::{self, Opened, open_root, store_options};
use super::unseal;
use super::users::Users;
use crate::backup::ledger::epoch_of;
use crate::base::{Buffer, Entropy, Pin};
use crate::crypto::random::SystemEntropy;
use crate::gate::identity::{Identity, Passwords, Peer, Rule};
use crate::gate::open::OpenError;
use crate::gate::outbox::{self, Outbox};
use crate::gate::policy::{Ownership, Strangers};
use crate::gate::{self, Core, CoreError, Parts, closed, jobs};
use crate::model::usage::AfterLife;
use crate::ops::Settings;
use crate::schedule;
use crate::serve::{Next, Outcome, Service, SystemClock, Turned};
use crate::store::{Embedded, Sequence, Store};
use crate::vault::NoVault;
use crate::vault::pkcs11::{Hsm, HsmEntropy, Resident};
use crate::vault::root::Root;
use crate::vault::shares::{Progress, ShareError};

/// How often a root that is away is tried again.
const RETRY: Duration = Duration::from_secs(1);
/// How often erasures that are due are looked for.
const ERASE: Duration = Duration::from_secs(10);

/// The users file, read again on SIGHUP.
struct UsersFile {
    path: std::path::PathBuf,
    users: RwLock<Users>,
}

impl Passwords for UsersFile {
    fn verify(&self, name: &str, password: &Pin) -> bool {
        self.users.read().unwrap_or_else(PoisonError::into_inner).verify(name, password)
    }
}

impl UsersFile {
    fn reload(&self) {
        match Users::open(&self.path) {
            Ok(users) => *self.users.write().unwrap_or_else(PoisonError::into_inner) = users,
            Err(failure) => tracing::error!("{}; the users that were read before stay", failure.words),
        }
    }
}

/// The core, as the network sees it.
pub struct KeyService {
    config: Config,
    store: Arc<dyn Store>,
    users: Arc<UsersFile>,
    /// Names the peers of connections, also before there is a core.
    identity: Identity,
    core: OnceLock<Arc<Core>>,
    /// The root that opened the core.
    root: OnceLock<Arc<dyn Root>>,
    hsm: Option<Arc<Hsm>>,
    /// For what outlives a call.
    me: Weak<Self>,
}

impl KeyService {
    /// Opens the store and, if no person and no token has to be waited for, the core.
    pub fn open(config: &Config) -> Result<Arc<Self>, Failure> {
        let opened = match config.root.kind {
            RootKind::Shares => None,
            _ => Some(open_root(config)?),
        };
        if config.root.kind == RootKind::File {
            tracing::warn!(
                path = %config.root.path.display(),
                "the root key lies in a file on this machine; a passphrase or an HSM protects the store from whoever reads the disk"
            );
        }
        tracing::info!(root = root_name(config), store = %config.store.directory.display(), "opening the store");
        let store = Embedded::open(store_options(config)).map_err(|error| Failure::failed(error.to_string()))?;
        let users = Arc::new(UsersFile {
            path: config.users.file.clone(),
            users: RwLock::new(Users::open(&config.users.file)?),
        });
        let service = Arc::new_cyclic(|me| Self {
            me: me.clone(),
            store: Arc::new(store),
            identity: identity(config, users.clone()),
            users,
            core: OnceLock::new(),
            root: OnceLock::new(),
            hsm: opened.as_ref().and_then(|opened| opened.hsm.clone()),
            config: config.clone(),
        });
        match opened {
            Some(opened) => service.open_or_retry(opened)?,
            None => service.wait_for_shares()?,
        }
        if service.hsm.is_some() && config.hsm.resident {
            service.erase_later()?;
        }
        Ok(service)
    }

    /// Answers the commands of this machine for as long as the process lives. Without the socket the server serves all
    /// the same.
    pub fn listen(self: &Arc<Self>) {
        let service = Arc::downgrade(self);
        let handler = move |request: &Json, connection: &mut UnixStream| match service.upgrade() {
            Some(service) => service.command(request, connection),
            None => writeln!(connection, "error the server is stopping"),
        };
        if let Err(failure) = control::start(&self.config, Arc::new(handler)) {
            tracing::warn!("{}; commands such as backup need the server stopped", failure.words);
        }
        if let Err(error) = ledger::start(self, &self.config) {
            tracing::error!(%error, "the ledger is not rolled by itself: no thread can be started");
        }
    }

    /// Answers one command.
    fn command(&self, request: &Json, connection: &mut UnixStream) -> std::io::Result<()> {
        let (Some(core), Some(root)) = (self.core.get(), self.root.get()) else {
            return writeln!(connection, "error the server is sealed: its root is not open yet");
        };
        if let Some(what) = backup::What::asked(request) {
            return self.copy_out(&what, core, &**root, connection);
        }
        match request["command"].as_str() {
            Some(ledger::ROLL | ledger::STATUS) => ledger::serve(core, &self.config, request, connection),
            Some(rotation::ROOT | rotation::NAMESPACE | rotation::STATE) => rotation::serve(core, request, connection),
            _ => writeln!(connection, "error this server does not know the command; its release is another one"),
        }
    }

    /// Writes a backup or a ledger copy to whoever asked.
    fn copy_out(
        &self,
        what: &backup::What,
        core: &Core,
        root: &dyn Root,
        connection: &mut UnixStream,
    ) -> std::io::Result<()> {
        let mut answer = connection.try_clone()?;
        let begun = std::cell::Cell::new(false);
        let begin = || {
            begun.set(true);
            writeln!(answer, "ok")
        };
        match backup::write(what, &*self.store, core.keep().seal(), root, begin, connection) {
            Err(error) if begun.get() => tracing::error!(%error, "a backup was cut off"),
            Err(error) => writeln!(connection, "error {error}")?,
            Ok(()) => {}
        }
        Ok(())
    }

    /// The core, once the root is open.
    pub fn core(&self) -> Option<Arc<Core>> {
        self.core.get().cloned()
    }

    /// The core, for a command that has opened the store itself: where a server would wait for shares, they are asked for.
    pub fn core_for_command(&self) -> Result<Arc<Core>, Failure> {
        if self.config.root.kind == RootKind::Shares && self.core.get().is_none() {
            let root = open_root(&self.config)?.root;
            self.open_core(root).map_err(|error| Failure::failed(error.to_string()))?;
        }
        self.core().ok_or_else(|| Failure::failed("the HSM is away"))
    }

    /// A token that is away now is tried again in the background; everything else that fails ends the start.
    fn open_or_retry(self: &Arc<Self>, Opened { root, .. }: Opened) -> Result<(), Failure> {
        match self.open_core(root.clone()) {
            Ok(()) => return Ok(()),
            Err(CoreError::Open(OpenError::Root(error))) if error.is_retryable() => {
                tracing::error!(%error, "the server is sealed until the HSM is back");
            }
            Err(error) => return Err(Failure::failed(error.to_string())),
        }
        let service = Arc::downgrade(self);
        start("root", move || {
            loop {
                thread::sleep(RETRY);
                let Some(service) = Weak::upgrade(&service) else { return };
                match service.open_core(root.clone()) {
                    Ok(()) => return,
                    Err(error) => tracing::debug!(%error, "the server is still sealed"),
                }
            }
        })
    }

    /// Keys of objects that were destroyed while the token was away are erased when it is back.
    fn erase_later(self: &Arc<Self>) -> Result<(), Failure> {
        let service = Arc::downgrade(self);
        start("erase", move || {
            loop {
                thread::sleep(ERASE);
                let Some(service) = Weak::upgrade(&service) else { return };
                if let Some(core) = service.core.get() {
                    core.retry_erasures();
                }
            }
        })
    }

    /// Listens for shares until they open the root.
    fn wait_for_shares(self: &Arc<Self>) -> Result<(), Failure> {
        let collector = seams::open_shares(&self.config.root.path)?;
        let listener = control::listen(&unseal::socket(&self.config))?;
        let (given, needed) = collector.progress();
        tracing::warn!(given, needed, "the server is sealed; give it shares with `keyhaven unseal`");
        let service = Arc::downgrade(self);
        start("unseal", move || {
            let mut collector = collector;
            unseal::serve(&listener, &mut |share| {
                let Some(service) = Weak::upgrade(&service) else { return (String::from("stopping"), true) };
                match collector.add(share, seams::entropy()) {
                    Ok(Progress::Waiting(given, needed)) => {
                        tracing::info!(given, needed, "a share was given");
                        (format!("ok {given} of {needed} shares were given"), false)
                    }
                    Ok(Progress::Open(root)) => match service.open_core(Arc::new(root)) {
                        Ok(()) => ("ok the server is open".into(), true),
                        Err(error) => (format!("error the shares are right, but: {error}"), false),
                    },
                    Err(error) => {
                        tracing::warn!(%error, "a share was refused");
                        let forgotten =
                            if error == ShareError::Wrong { "" } else { "; the shares given before are kept" };
                        (format!("error {error}{forgotten}"), false)
                    }
                }
            });
        })
    }

    fn open_core(&self, root: Arc<dyn Root>) -> Result<(), CoreError> {
        let config = &self.config;
        let strangers = match config.policy.strangers {
            StrangersSetting::NotFound => Strangers::NotFound,
            StrangersSetting::Denied => Strangers::Denied,
        };
        let kind = root.kind();
        let entropy: Arc<dyn Entropy> = match &self.hsm {
            Some(hsm) => {
                Arc::new(HsmEntropy::new(hsm.clone()).map_err(|error| CoreError::Open(OpenError::Root(error.into())))?)
            }
            None => Arc::new(SystemEntropy),
        };
        let core = Core::open(Parts {
            store: self.store.clone(),
            root: root.clone(),
            vault: match &self.hsm {
                Some(hsm) if config.hsm.resident => Arc::new(Resident::new(hsm.clone(), config.hsm.resident_max)),
                _ => Arc::new(NoVault),
            },
            policy: Arc::new(Ownership { strangers, members: config.policy.group_rights.clone().into() }),
            identity: identity(config, self.users.clone()),
            clock: Arc::new(SystemClock),
            entropy,
            limits: config.limits(),
            settings: settings(config),
            durable_reads: config.audit.durable_reads,
            witness: Some(config.store.witness.clone()),
        })?;
        let authority = LocalAuthority::new(&config.data, tls_options(config), identity(config, self.users.clone()));
        let core = core.with_provisioner(Arc::new(authority));
        match core.sweep() {
            Ok(swept) if self.hsm.is_some() => {
                tracing::info!(?swept, "the keys of the HSM are compared with the store")
            }
            Ok(_) => {}
            // The sweep runs again at the next start; a token that is slow must not keep the server closed.
            Err(error) => tracing::error!(%error, "the keys of the HSM could not be compared with the store"),
        }
        let core = Arc::new(core);
        if let Err(error) = jobs::start(&core) {
            tracing::error!(%error, "asynchronous requests are not run: no thread can be started");
        }
        // Nobody asks for the root before there is a core.
        let _ = self.root.set(root);
        if let Err(error) = rotation::start(&core) {
            tracing::error!(%error, "the namespace key is not rotated: no thread can be started");
        }
        // The first epoch begins with the server, so that whoever puts the root by has its key too.
        if let Err(error) = epoch_of(&**core.root()) {
            tracing::warn!(%error, "the first epoch of the ledger has not begun");
        }
        if let Err(error) = core.settle_roll() {
            tracing::warn!(%error, "whether a roll of the ledger was cut off cannot be told");
        }
        if self.core.set(core).is_ok() {
            tracing::info!(root = kind, "the store is open");
        }
        Ok(())
    }
}

/// Sweeps a store that no server has open, and says what was found.
pub fn sweep(config: &Config) -> Result<String, Failure> {
    if config.root.kind != RootKind::Pkcs11 {
        return Err(Failure::usage("[root] kind is not \"pkcs11\": there is no HSM to sweep"));
    }
    let service = KeyService::open(config)?;
    let core = service.core_for_command()?;
    let swept = core.sweep().map_err(|error| Failure::failed(error.to_string()))?;
    let lost = match swept.lost {
        0 => String::new(),
        lost => format!(" {lost} objects have lost their key; the log names them."),
    };
    Ok(format!(
        "{} keys of objects are in the HSM; {} of destroyed objects wait to be erased. What no object had is erased; \
         the log names it.{lost}",
        swept.living, swept.pending
    ))
}

fn start(name: &str, run: impl FnOnce() + Send + 'static) -> Result<(), Failure> {
    let thread = thread::Builder::new().name(name.to_owned()).spawn(run);
    thread.map(drop).map_err(|error| Failure::failed(format!("cannot start a thread: {error}")))
}

fn root_name(config: &Config) -> &'static str {
    match config.root.kind {
        RootKind::File => "file",
        RootKind::Passphrase => "passphrase",
        RootKind::Pkcs11 => "pkcs11",
        RootKind::Shares => "shares",
    }
}

/// What the operator chose of what operations do.
pub fn settings(config: &Config) -> Settings {
    let policy = &config.policy;
    Settings {
        interop: policy.interop,
        put: policy.put,
        legacy_algorithms: policy.legacy_algorithms,
        software_rsa: policy.software_rsa,
        after_life: match policy.process_after_deactivation {
            true => AfterLife::MayProcess,
            false => AfterLife::Closed,
        },
        ..Settings::default()
    }
}

fn identity(config: &Config, users: Arc<UsersFile>) -> Identity {
    let rules = config.identity.rule.iter().map(|source| match source {
        IdentitySource::Cn => Rule::CommonName,
        IdentitySource::SanDns => Rule::DnsName,
        IdentitySource::SanEmail => Rule::Email,
        IdentitySource::SanUri => Rule::Uri,
        IdentitySource::Fingerprint => Rule::Fingerprint,
    });
    Identity::new(rules.collect(), config.identity.operators.clone(), users)
        .with_enrolled(config.tls.accepted_fingerprints.iter().map(|one| hex(&one.0)))
}

/// Bytes in lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Service for KeyService {
    type Peer = Peer;

    fn peer(&self, chain: &[CertificateDer<'_>], address: SocketAddr) -> Result<Peer, String> {
        let own = chain.first().ok_or_else(|| "the client sent no certificate".to_owned())?;
        self.identity.peer(own, address)
    }

    fn handle(&self, request: &[u8], peer: &Peer, may_block: bool, reply: &mut Buffer) -> Outcome {
        let Some(core) = self.core.get() else {
            closed::refuse(request, &self.config.limits(), &SystemClock, reply);
            return Outcome::Reply { durable: 0 };
        };
        match core.handle(request, peer, may_block, reply) {
            gate::Outcome::Reply(Sequence(durable)) => Outcome::Reply { durable },
            gate::Outcome::WouldBlock => Outcome::WouldBlock,
        }
    }

    fn busy(&self, request: &[u8], peer: &Peer, reply: &mut Buffer) -> Outcome {
        match self.core.get() {
            Some(core) => core.busy(request, peer, reply),
            None => closed::refuse(request, &self.config.limits(), &SystemClock, reply),
        }
        Outcome::Reply { durable: 0 }
    }

    fn when_durable(&self, sequence: u64, wake: Box<dyn FnOnce(bool) + Send>) {
        self.store.when_durable(Sequence(sequence), Box::new(move |outcome| wake(outcome.is_ok())));
    }

    fn durable(&self) -> u64 {
        self.store.durable().0
    }

    /// A server whose HSM is away stays ready: everything but keys in the HSM is served.
    fn ready(&self) -> Result<(), String> {
        match self.core.get() {
            Some(_) => Ok(()),
            None if self.config.root.kind == RootKind::Shares => Err("sealed: waiting for shares of the root".into()),
            None => Err("sealed: waiting for the HSM".into()),
        }
    }

    fn over_https(&self, peer: &mut Peer) {
        peer.may_turn = false;
    }

    fn turned(&self, peer: &Peer) -> Option<Box<dyn Turned>> {
        let outbox = Arc::clone(peer.turned.get()?);
        let core = Arc::clone(self.core.get()?);
        Some(Box::new(Messages { core, outbox }))
    }

    fn reload(&self) {
        self.users.reload();
    }

    fn tend(&self) {
        if let Some(core) = self.core.get() {
            schedule::tend(core);
        }
    }

    fn register(&self, registry: &mut Registry) {
        registry.register_collector(Box::new(RotationMetrics(self.me.clone())));
        let info = Info::new([("kind", root_name(&self.config))]);
        registry.register("root", "What opens the store", info);
        if let Some(hsm) = &self.hsm {
            registry.register_collector(Box::new(HsmMetrics(hsm.clone())));
        }
    }
}

/// What the core has for a client that took the server role.
struct Messages {
    core: Arc<Core>,
    outbox: Arc<Outbox>,
}

impl Turned for Messages {
    fn attach(&self, wake: Box<dyn Fn() + Send + Sync>) -> u64 {
        self.outbox.attach(wake)
    }

    fn detach(&self, seat: u64) {
        self.outbox.detach(seat, self.core.now());
    }

    fn next(&self, seat: u64) -> Next {
        match self.outbox.next(seat) {
            outbox::Next::Send(Sequence(durable), request) => Next::Send { durable, request },
            outbox::Next::Nothing => Next::Nothing,
            outbox::Next::Close(why) => Next::Close(why.into()),
        }
    }

    fn answered(&self, seat: u64, response: &[u8]) -> Result<bool, String> {
        self.outbox.answered(seat, response, self.core.limits())
    }
}
