//! Who is calling: a certificate or a credential becomes a Caller.
//!
//! The certificate is read once for each connection, and the first rule that finds something in it names the
//! caller. A credential in a request's header names another caller if it is right: a password of the users file or of a
//! user in the store, or another credential of such a user. A user name that is empty says nothing and is passed over:
//! some clients send one beside a valid certificate.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use aws_lc_rs::{digest, hmac};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer;

use super::attempts::Attempts;
use super::audit::Kind;
use super::credentials::{self, Asking, OneTime, Proof, Spent};
use super::outbox::Outbox;
use super::users;
use crate::base::{Date, Error, Pin, Result};
use crate::model::right::Caller;
use crate::proto::message::{Authentication, Credential};
use crate::proto::wire::Read;
use crate::registry::{CredentialType, ResultReason, Tag, Version};

/// Where in a certificate a caller's name is looked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Rule {
    /// The Common Name of the subject.
    CommonName,
    /// The first DNS name of the Subject Alternative Name.
    DnsName,
    /// The first e-mail address of the Subject Alternative Name.
    Email,
    /// The first URI of the Subject Alternative Name.
    Uri,
    /// The SHA-256 of the certificate, in hex.
    Fingerprint,
}

/// Checks passwords. The implementation knows how they are kept.
pub trait Passwords: Send + Sync {
    /// Whether the password is that of the user. Takes as long for an unknown name.
    fn verify(&self, name: &str, password: &Pin) -> bool;
}

/// How callers are named.
pub struct Identity {
    rules: Vec<Rule>,
    enrolled: HashSet<String>,
    operators: HashSet<String>,
    passwords: Arc<dyn Passwords>,
    verified: Verified,
    attempts: Attempts,
}

/// Who the credentials of a request are for.
#[derive(Debug, Default)]
pub struct Named<'a> {
    /// The caller that a password names.
    pub caller: Option<Caller>,
    /// The value of a ticket, still to be looked up.
    pub ticket: Option<&'a [u8]>,
    /// What may not be used again.
    pub spent: Vec<Spent>,
    /// Server Hashed Password, for the header of the answer.
    pub server_hash: Option<Vec<u8>>,
}

/// What is known of a connection.
#[derive(Debug)]
pub struct Peer {
    /// The other end, as text for the log and the audit.
    pub address: String,
    /// The client's certificate, DER; none where there is no TLS.
    pub certificate: Option<Box<[u8]>>,
    /// Whom the certificate names.
    pub caller: Caller,
    /// How the audit calls what is done for it.
    pub kind: Kind,
    /// Whether the connection can be turned round: it is one of the binary protocol.
    pub may_turn: bool,
    /// The messages for the client, once it has taken the server role.
    pub turned: OnceLock<Arc<Outbox>>,
    /// One more than the commit up to which the certificate is known not to be replaced; zero before it was looked up.
    pub(super) vouched: AtomicU64,
}

impl Peer {
    /// A peer at the other end of a connection.
    pub fn new(address: String, caller: Caller) -> Self {
        Self {
            address,
            certificate: None,
            caller,
            kind: Kind::Operation,
            may_turn: true,
            turned: OnceLock::new(),
            vouched: AtomicU64::new(0),
        }
    }

    /// The server itself, which may do what an operator may. No connection has it.
    pub fn server() -> Self {
        let caller = Caller { operator: true, ..Caller::named("keyhaven") };
        Self { kind: Kind::Server, may_turn: false, ..Self::new(String::new(), caller) }
    }
}

impl Identity {
    /// Names callers by these rules, in order. Callers among `operators` may see all objects.
    pub fn new(rules: Vec<Rule>, operators: impl IntoIterator<Item = String>, passwords: Arc<dyn Passwords>) -> Self {
        let operators = operators.into_iter().collect();
        Self {
            rules,
            enrolled: HashSet::new(),
            operators,
            passwords,
            verified: Verified::new(),
            attempts: Attempts::default(),
        }
    }

    /// Certificates that are accepted by their SHA-256 alone, in hex: nobody vouches for the names in them, so their
    /// clients are named by the fingerprint, whatever the rules say.
    #[must_use]
    pub fn with_enrolled(mut self, fingerprints: impl IntoIterator<Item = String>) -> Self {
        self.enrolled = fingerprints.into_iter().collect();
        self
    }

    /// Whom a client's certificate names; the error is a line for the log.
    pub fn peer(&self, certificate: &[u8], address: SocketAddr) -> std::result::Result<Peer, String> {
        let (_, parsed) = X509Certificate::from_der(certificate)
            .map_err(|error| format!("the client certificate cannot be read: {error}"))?;
        let fingerprint = Some(fingerprint(certificate)).filter(|one| self.enrolled.contains(one));
        let by_rule = || self.rules.iter().find_map(|rule| named(*rule, &parsed, certificate));
        let name = fingerprint.or_else(by_rule).ok_or_else(|| {
            format!(
                "the certificate of {} holds nothing that an identity rule looks for; add a rule such as `fingerprint`",
                parsed.subject()
            )
        })?;
        Ok(Peer { certificate: Some(certificate.into()), ..Peer::new(address.to_string(), self.caller(&name)) })
    }

    /// The caller of this name.
    pub fn caller(&self, name: &str) -> Caller {
        Caller { operator: self.operators.contains(name), ..Caller::named(name) }
    }

    /// Whom the credentials of a request name, if they name anybody. Hashing a password takes long: unless it was
    /// verified a short time ago, that is done only where it may block. `address` is the other end of the connection.
    ///
    /// # Errors
    /// Authentication Not Successful, also for credentials of different users; Attestation Failed, for nothing here can
    /// verify an attestation; Invalid Ticket.
    pub fn authenticate<'a>(
        &self,
        authentication: &Authentication<'a>,
        version: Version,
        asking: &Asking<'_>,
        address: &str,
        may_block: bool,
    ) -> Result<Named<'a>> {
        let mut named = Named::default();
        // Each credential must be satisfied (2.1 §9.4).
        for credential in &authentication.credentials {
            if credential.credential_type == CredentialType::Ticket {
                if named.ticket.replace(ticket_value(credential)?).is_some() {
                    return Err(Error::new(ResultReason::InvalidTicket, "a request has at most one ticket"));
                }
                continue;
            }
            let Some(proof) = self.credential(credential, version, asking, address, may_block)? else { continue };
            if named.caller.as_ref().is_some_and(|other| *other.name != *proof.user) {
                return Err(unsuccessful("the credentials are of different users"));
            }
            named.caller = Some(self.caller(&proof.user));
            named.spent.extend(proof.spent);
            named.server_hash = proof.server_hash.or(named.server_hash);
        }
        Ok(named)
    }

    /// What a credential proves; nothing, if its user name is empty.
    fn credential(
        &self,
        credential: &Credential<'_>,
        version: Version,
        asking: &Asking<'_>,
        address: &str,
        may_block: bool,
    ) -> Result<Option<Proof>> {
        let value = &credential.value;
        match credential.credential_type {
            CredentialType::UsernameAndPassword | CredentialType::Password => {
                let text = |tag| value.child(tag).and_then(|item| item.text()).unwrap_or_default();
                let user = text(Tag::Username);
                if user.is_empty() {
                    return Ok(None);
                }
                self.password(user, text(Tag::Password), asking, address, may_block)?;
                Ok(Some(Proof { user: user.to_owned(), ..Proof::default() }))
            }
            CredentialType::OneTimePassword => {
                let value = OneTime::read(value, version)?;
                // The static password comes first: a wrong one must not use the other up.
                if let Some(password) = value.password {
                    self.password(value.user, password, asking, address, may_block)?;
                }
                self.counted(value.user, address, asking.now, || credentials::one_time(&value, asking))
            }
            CredentialType::HashedPassword => {
                let user = credentials::hashed_user(value, version)?;
                self.counted(user, address, asking.now, || credentials::hashed(value, version, asking))
            }
            CredentialType::Device => {
                let told = credentials::device_told(value, version)?;
                self.counted(&told, address, asking.now, || credentials::device(value, version, asking))
            }
            CredentialType::Certificate => {
                let proof = credentials::certificate(value, version, asking)?;
                proof.map(Some).ok_or_else(|| unsuccessful("no user is linked to the certificate of this connection"))
            }
            // What says that a client is in a good state needs somebody who knows what a good state is.
            CredentialType::Attestation => Err(Error::new(
                ResultReason::AttestationFailed,
                "this server has no verifier of attestations; leave the Attestation credential out",
            )),
            other => Err(unsuccessful(format!("credentials of type {other} are not accepted"))),
        }
    }

    /// Verifies a password, or remembers that it was right.
    fn password(&self, user: &str, password: &str, asking: &Asking<'_>, address: &str, may_block: bool) -> Result<()> {
        if self.verified.recently(user, password, asking.now) {
            return Ok(());
        }
        self.counted(user, address, asking.now, || {
            if !may_block {
                return Err(Error::would_block());
            }
            let pin = Pin::new(password.to_owned());
            let right = self.passwords.verify(user, &pin) || users::verify(asking.keep, user, &pin, asking.now)?;
            Ok(right.then_some(()))
        })?;
        self.verified.remember(user, password, asking.now);
        Ok(())
    }

    /// Verifies something that can be guessed, unless there were too many guesses: a wrong one is counted.
    fn counted<T>(
        &self,
        user: &str,
        address: &str,
        now: Date,
        verify: impl FnOnce() -> Result<Option<T>>,
    ) -> Result<Option<T>> {
        if !self.attempts.allowed(user, address, now) {
            return Err(unsuccessful("too many wrong credentials; try again in a minute"));
        }
        let proof = verify()?;
        if proof.is_none() {
            self.attempts.failed(user, address, now);
            return Err(unsuccessful("the credential is wrong, used up, or of no user that is active"));
        }
        Ok(proof)
    }
}

fn unsuccessful(words: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::new(ResultReason::AuthenticationNotSuccessful, words)
}

/// The value of a Ticket credential: "Credential Value is a structure" that holds the Ticket (2.1 §9.11).
fn ticket_value<'a>(credential: &Credential<'a>) -> Result<&'a [u8]> {
    let ticket = credential.value.child(Tag::Ticket);
    let value = ticket.and_then(|ticket| ticket.child(Tag::TicketValue)).and_then(|value| value.byte_string());
    value.ok_or_else(|| Error::new(ResultReason::InvalidTicket, "the Ticket credential holds no Ticket Value"))
}

fn named(rule: Rule, certificate: &X509Certificate<'_>, der: &[u8]) -> Option<String> {
    let alternative = |pick: fn(&GeneralName<'_>) -> Option<String>| {
        let names = certificate.subject_alternative_name().ok().flatten()?;
        names.value.general_names.iter().find_map(pick)
    };
    match rule {
        Rule::CommonName => {
            let name = certificate.subject().iter_common_name().next()?;
            name.as_str().ok().map(str::to_owned).filter(|name| !name.is_empty())
        }
        Rule::DnsName => alternative(|name| match name {
            GeneralName::DNSName(name) => Some((*name).to_owned()),
            _ => None,
        }),
        Rule::Email => alternative(|name| match name {
            GeneralName::RFC822Name(name) => Some((*name).to_owned()),
            _ => None,
        }),
        Rule::Uri => alternative(|name| match name {
            GeneralName::URI(name) => Some((*name).to_owned()),
            _ => None,
        }),
        Rule::Fingerprint => Some(fingerprint(der)),
    }
}

fn fingerprint(certificate: &[u8]) -> String {
    digest::digest(&digest::SHA256, certificate).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Passwords that were right a short time ago, as keyed hashes: a client that sends its password in every request
/// pays for Argon2id once a while, not every time.
struct Verified {
    key: hmac::Key,
    until: Mutex<HashMap<[u8; 32], Date>>,
}

impl Verified {
    /// How long a verified password is remembered, in seconds. A changed password works on for so long.
    const SECONDS: i64 = 60;
    /// How many are remembered.
    const COUNT: usize = 4096;

    fn new() -> Self {
        let mut bytes = zeroize::Zeroizing::new([0; 32]);
        // Without randomness the key is of no use to an attacker who cannot read our memory anyway.
        let _ = aws_lc_rs::rand::fill(&mut *bytes);
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, &*bytes), until: Mutex::default() }
    }

    fn hash(&self, name: &str, password: &str) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.key);
        context.update(&(name.len() as u64).to_be_bytes());
        context.update(name.as_bytes());
        context.update(password.as_bytes());
        let mut hash = [0; 32];
        hash.copy_from_slice(context.sign().as_ref());
        hash
    }

    fn recently(&self, name: &str, password: &str, now: Date) -> bool {
        let hash = self.hash(name, password);
        let until = self.until.lock().unwrap_or_else(PoisonError::into_inner);
        until.get(&hash).is_some_and(|until| now < *until)
    }

    fn remember(&self, name: &str, password: &str, now: Date) {
        let hash = self.hash(name, password);
        let mut until = self.until.lock().unwrap_or_else(PoisonError::into_inner);
        if until.len() >= Self::COUNT {
            until.retain(|_, until| now < *until);
        }
        if until.len() < Self::COUNT {
            until.insert(hash, now.plus(Self::SECONDS));
        }
    }
}
