//! `keyhaven serve`: from the configuration to a server: store, root, core, listeners.

use std::net::SocketAddr;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use rustls::pki_types::CertificateDer;

use super::config::{Config, IdentitySource, Strangers as StrangersSetting, TlsVersion};
use super::failure::Failure;
use super::seams::{open_root, store_options};
use super::users::Users;
use crate::base::{Buffer, Limits, Pin};
use crate::gate::identity::{Identity, Passwords, Peer, Rule};
use crate::gate::policy::{Ownership, Strangers};
use crate::gate::{self, Core, Parts};
use crate::model::usage::AfterLife;
use crate::ops::Settings;
use crate::proto::text;
use crate::schedule;
use crate::serve::{
    self, Codec, Encoding, Options, Outcome, Service, SystemClock, SystemEntropy, TlsMinimum, TlsOptions,
};
use crate::store::{Sequence, Sled};
use crate::vault::root::Root;

/// Serves until told to stop. `ready` is called once, when the listeners are open.
pub fn serve(config: &Config, ready: impl FnOnce()) -> Result<(), Failure> {
    let service = Arc::new(KeyService::open(config)?);
    let codec = Arc::new(TextCodec { limits: config.limits() });
    serve::run(options(config), service, Some(codec), ready, std::future::pending())
        .map_err(|error| Failure::failed(error.to_string()))
}

fn options(config: &Config) -> Options {
    let defaults = Options::default();
    Options {
        listen: vec![config.server.listen],
        https: config.server.https.into_iter().collect(),
        admin: config.server.admin,
        tls: TlsOptions {
            certificate: config.tls.certificate.clone(),
            key: config.tls.key.clone(),
            client_authorities: config.tls.client_cas.clone(),
            revocation_lists: config.tls.crls.clone(),
            enrolled: config.tls.accepted_fingerprints.iter().map(|one| hex(&one.0)).collect(),
            minimum: match config.tls.minimum_version {
                TlsVersion::V1_2 => TlsMinimum::Tls12,
                TlsVersion::V1_3 => TlsMinimum::Tls13,
            },
            ..TlsOptions::default()
        },
        limits: config.limits(),
        connections_max: config.limits.connections_max,
        handshake: Duration::from_secs(config.tls.handshake_seconds),
        idle: Duration::from_secs(config.tls.idle_seconds),
        workers: (config.server.workers > 0).then_some(config.server.workers),
        ..defaults
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

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
struct KeyService {
    core: Core,
    users: Arc<UsersFile>,
}

impl KeyService {
    fn open(config: &Config) -> Result<Self, Failure> {
        let root = open_root(config)?;
        if root.kind() == "file" {
            tracing::warn!(
                path = %config.root.path.display(),
                "the root key lies in a file on this machine; a passphrase or an HSM protects the store from whoever reads the disk"
            );
        }
        tracing::info!(root = root.kind(), store = %config.store.directory.display(), "opening the store");
        let store = Sled::open(store_options(config)).map_err(|error| Failure::failed(error.to_string()))?;
        let users = Arc::new(UsersFile {
            path: config.users.file.clone(),
            users: RwLock::new(Users::open(&config.users.file)?),
        });
        let rules = config.identity.rule.iter().map(|source| match source {
            IdentitySource::Cn => Rule::CommonName,
            IdentitySource::SanDns => Rule::DnsName,
            IdentitySource::SanEmail => Rule::Email,
            IdentitySource::SanUri => Rule::Uri,
            IdentitySource::Fingerprint => Rule::Fingerprint,
        });
        let strangers = match config.policy.strangers {
            StrangersSetting::NotFound => Strangers::NotFound,
            StrangersSetting::Denied => Strangers::Denied,
        };
        let core = Core::open(Parts {
            store: Arc::new(store),
            root: Arc::new(root),
            policy: Arc::new(Ownership { strangers }),
            identity: Identity::new(rules.collect(), config.identity.operators.clone(), users.clone())
                .with_enrolled(config.tls.accepted_fingerprints.iter().map(|one| hex(&one.0))),
            clock: Arc::new(SystemClock),
            entropy: Arc::new(SystemEntropy),
            limits: config.limits(),
            settings: Settings {
                interop: config.policy.interop,
                legacy_algorithms: config.policy.legacy_algorithms,
                software_rsa: config.policy.software_rsa,
                after_life: if config.policy.process_after_deactivation {
                    AfterLife::MayProcess
                } else {
                    AfterLife::Closed
                },
                ..Settings::default()
            },
            durable_reads: config.audit.durable_reads,
        })
        .map_err(|error| Failure::failed(error.to_string()))?;
        Ok(Self { core, users })
    }
}

impl Service for KeyService {
    type Peer = Peer;

    fn peer(&self, chain: &[CertificateDer<'_>], address: SocketAddr) -> Result<Peer, String> {
        let own = chain.first().ok_or_else(|| "the client sent no certificate".to_owned())?;
        self.core.peer(own, address)
    }

    fn handle(&self, request: &[u8], peer: &Peer, may_block: bool, reply: &mut Buffer) -> Outcome {
        match self.core.handle(request, peer, may_block, reply) {
            gate::Outcome::Reply(Sequence(durable)) => Outcome::Reply { durable },
            gate::Outcome::WouldBlock => Outcome::WouldBlock,
        }
    }

    fn busy(&self, request: &[u8], peer: &Peer, reply: &mut Buffer) -> Outcome {
        self.core.busy(request, peer, reply);
        Outcome::Reply { durable: 0 }
    }

    fn when_durable(&self, sequence: u64, wake: Box<dyn FnOnce(bool) + Send>) {
        self.core.store().when_durable(Sequence(sequence), Box::new(move |outcome| wake(outcome.is_ok())));
    }

    fn durable(&self) -> u64 {
        self.core.store().durable().0
    }

    fn reload(&self) {
        self.users.reload();
    }

    fn tend(&self) {
        schedule::tend(&self.core);
    }
}

/// JSON and XML for HTTPS.
struct TextCodec {
    limits: Limits,
}

fn encoding(encoding: Encoding) -> text::Encoding {
    match encoding {
        Encoding::Json => text::Encoding::Json,
        Encoding::Xml => text::Encoding::Xml,
    }
}

impl Codec for TextCodec {
    fn decode(&self, form: Encoding, body: &[u8]) -> Result<Vec<u8>, (u16, String)> {
        let ttlv = text::to_ttlv(encoding(form), body, &self.limits).map_err(|error| (400, error.to_string()))?;
        Ok(ttlv.to_vec())
    }

    fn encode(&self, form: Encoding, ttlv: &[u8]) -> Result<Vec<u8>, (u16, String)> {
        let limits = Limits { message_bytes_max: usize::MAX, items_max: usize::MAX, ..self.limits.clone() };
        let text = text::from_ttlv(encoding(form), ttlv, &limits).map_err(|error| (500, error.to_string()))?;
        Ok(text.into_bytes())
    }
}
