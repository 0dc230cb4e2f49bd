//! A token and everything that is open on it: the module's one context, one login for life, a session for each worker,
//! the handles of keys; and the ladder that brings it back when it fails.
//!
//! Lock order: `flight`, then `link`, then a session or the keeper. A call into the module holds `link` for reading, so
//! that C_Finalize, which holds it for writing, never runs beside one. C_Logout is never called: it would end the
//! handles of all sessions.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError, RwLock};
use std::thread::sleep;
use std::time::{Duration, Instant};

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::RvError;
use cryptoki::object::{Attribute, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, UserType};
use cryptoki::slot::Slot;
use cryptoki::types::AuthPin;

use super::calls::{Call, Calls};
use super::canary::Canary;
use super::error::{Fault, HsmError, Rung};
use super::keyid::KeyId;
use super::settings::{Settings, TokenChoice};
use crate::base::Pin;

/// Steps of the ladder for one call; each rung is used once.
const STEPS_MAX: usize = 8;
/// How long a new start waits for calls that are in the module.
const DRAIN_MAX: Duration = Duration::from_secs(5);
/// After a new start failed, callers do not start another one for this long.
const REST: Duration = Duration::from_millis(500);
/// Most keys that one search may find: the size of a session's answer is the token's choice.
const FOUND_MAX: usize = 100_000;

/// Modules in use: PKCS#11 has one context for each module and process.
static MODULES: Mutex<Option<HashSet<PathBuf>>> = Mutex::new(None);

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What the workers share.
pub(super) struct Token {
    pub(super) settings: Settings,
    pub(super) calls: Calls,
    pub(super) canary: OnceLock<Canary>,
    pin: AuthPin,
    pin_refused: AtomicBool,
    link: RwLock<Link>,
    /// Handles, which hold for one generation of the module.
    handles: Mutex<HashMap<(ClassKey, KeyId), ObjectHandle>>,
    /// Counts the starts of the module.
    generation: AtomicU64,
    draining: AtomicBool,
    /// One new start at a time; when the last one failed.
    flight: Mutex<Option<Instant>>,
}

/// `ObjectClass` as a key of the map.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum ClassKey {
    Secret,
    Private,
    Public,
}

impl ClassKey {
    pub(super) const ALL: [Self; 3] = [Self::Secret, Self::Private, Self::Public];

    pub(super) fn class(self) -> ObjectClass {
        match self {
            Self::Secret => ObjectClass::SECRET_KEY,
            Self::Private => ObjectClass::PRIVATE_KEY,
            Self::Public => ObjectClass::PUBLIC_KEY,
        }
    }
}

/// The open module.
struct Link {
    context: Pkcs11,
    slot: Option<Slot>,
    /// Holds the login.
    keeper: Mutex<Option<Session>>,
    sessions: Vec<Mutex<Option<Session>>>,
}

/// What one call may use: a session, and the keys of the token.
pub(super) struct Desk<'a> {
    token: &'a Token,
    session: &'a Session,
    /// False while the ladder itself asks, whose searches must not ask the canary again.
    trusting: bool,
}

impl Token {
    /// Loads the module and connects. A token that is not there now is no error; a refused PIN is one.
    pub(super) fn open(settings: Settings, pin: &Pin, canary: Option<Canary>) -> Result<Self, HsmError> {
        let module = settings.module.clone();
        let configuration = |words: String| HsmError::Configuration(words);
        if !lock(&MODULES).get_or_insert_default().insert(module.clone()) {
            return Err(configuration(format!("{} is in use by this process already", module.display())));
        }
        let context = Pkcs11::new(&module).map_err(|error| {
            release(&module);
            configuration(format!("cannot load the PKCS#11 module {}: {error}", module.display()))
        })?;
        // A module that was unloaded while the process ends, or while a call hangs in it, takes the process with it: it stays.
        std::mem::forget(context.clone());
        let link = Link {
            context,
            slot: None,
            keeper: Mutex::default(),
            // One more than workers: the pulse has a session of its own.
            sessions: (0..=settings.workers).map(|_| Mutex::default()).collect(),
        };
        let token = Self {
            pin: AuthPin::new(pin.expose().into()),
            settings,
            calls: Calls::default(),
            canary: OnceLock::new(),
            pin_refused: AtomicBool::new(false),
            link: RwLock::new(link),
            handles: Mutex::default(),
            generation: AtomicU64::new(0),
            draining: AtomicBool::new(false),
            flight: Mutex::default(),
        };
        if let Some(canary) = canary {
            let _ = token.canary.set(canary);
        }
        match token.anew(0) {
            Ok(()) => {}
            Err(error @ (HsmError::Pin | HsmError::Configuration(_))) => return Err(error),
            Err(error) => tracing::error!(%error, "the HSM is not there; it is tried again"),
        }
        Ok(token)
    }

    pub(super) fn generation(&self) -> u64 {
        self.generation.load(SeqCst)
    }

    /// Whether the PIN was refused.
    pub(super) fn is_pin_refused(&self) -> bool {
        self.pin_refused.load(SeqCst)
    }

    /// Runs one piece of work with the session of a worker, and climbs the ladder when it fails. The work may run
    /// several times, so it must be such that this does no harm: what makes a key looks for it first.
    pub(super) fn climb(
        &self,
        worker: usize,
        work: &mut dyn FnMut(&Desk<'_>) -> Result<(), Fault>,
    ) -> Result<(), HsmError> {
        let mut floor = Rung::Find;
        for _ in 0..STEPS_MAX {
            while self.draining.load(SeqCst) {
                sleep(Duration::from_millis(1));
            }
            let generation = self.generation();
            let fault = match self.once(worker, work) {
                Ok(()) => return Ok(()),
                Err(fault) => fault,
            };
            let rung = fault.rung();
            if rung == Rung::Stop || floor == Rung::Stop {
                return Err(fault.settled());
            }
            // What was tried and did not help is not tried again: the next rung is.
            let mut rung = rung.max(floor);
            tracing::debug!(?fault, ?rung, "an HSM call failed");
            if rung == Rung::Doubt {
                match self.doubt(worker, &fault) {
                    Doubted::Call(error) => return Err(error),
                    Doubted::Throttled => {}
                    Doubted::Token => rung = Rung::Anew,
                }
            }
            match rung {
                Rung::Find => lock(&self.handles).clear(),
                Rung::Session => self.drop_session(worker),
                Rung::Login => {
                    if let Err(Fault::Pin) = self.login() {
                        return Err(HsmError::Pin);
                    }
                }
                Rung::Anew => self.anew(generation)?,
                Rung::Doubt | Rung::Stop => {}
            }
            floor = match rung {
                Rung::Find => Rung::Session,
                Rung::Session => Rung::Login,
                Rung::Login | Rung::Doubt => Rung::Anew,
                Rung::Anew | Rung::Stop => Rung::Stop,
            };
        }
        Err(HsmError::Unavailable("nothing brought it back".into()))
    }

    fn once(&self, worker: usize, work: &mut dyn FnMut(&Desk<'_>) -> Result<(), Fault>) -> Result<(), Fault> {
        let link = self.link.read().unwrap_or_else(PoisonError::into_inner);
        let slot = link.slot.ok_or(Fault::Gone("no slot has the token"))?;
        let mut held = link.sessions.get(worker).map(lock).ok_or(Fault::Gone("no session for this worker"))?;
        if held.is_none() {
            self.calls.count(Call::Session);
            // Always for reading and writing: CloudHSM knows no other, and keys are made in it.
            *held = Some(link.context.open_rw_session(slot)?);
        }
        let session = held.as_ref().ok_or(Fault::Gone("no session"))?;
        work(&Desk { token: self, session, trusting: false })
    }

    /// Is the call at fault, or the token? Tokens answer General Error and Device Error for both, and a client could
    /// send such calls; the module is not started anew for them.
    fn doubt(&self, worker: usize, fault: &Fault) -> Doubted {
        let Some(canary) = self.canary.get() else { return Doubted::Token };
        let sings =
            self.once(worker, &mut |desk| canary.check(&Desk { token: self, session: desk.session, trusting: true }));
        if sings.is_err() {
            return Doubted::Token;
        }
        match fault {
            // CloudHSM says so when it has too much to do.
            Fault::Returned(RvError::DeviceError, _) => {
                sleep(Duration::from_millis(100));
                Doubted::Throttled
            }
            Fault::Returned(error, function) => {
                Doubted::Call(HsmError::Refused(format!("{function:?}: {}", super::error::name(*error))))
            }
            _ => Doubted::Token,
        }
    }

    fn drop_session(&self, worker: usize) {
        let link = self.link.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(session) = link.sessions.get(worker) {
            *lock(session) = None;
        }
    }

    /// Logs in, one caller at a time. A second login is a success; a refused PIN is never tried again.
    fn login(&self) -> Result<(), Fault> {
        let link = self.link.read().unwrap_or_else(PoisonError::into_inner);
        self.login_on(&link)
    }

    fn login_on(&self, link: &Link) -> Result<(), Fault> {
        let slot = link.slot.ok_or(Fault::Gone("no slot has the token"))?;
        let mut keeper = lock(&link.keeper);
        let first = self.login_with(link, slot, &mut keeper);
        match first {
            // The session that held the login is dead.
            Err(Fault::Returned(RvError::SessionHandleInvalid | RvError::SessionClosed, _)) => {
                *keeper = None;
                self.login_with(link, slot, &mut keeper)
            }
            other => other,
        }
    }

    fn login_with(&self, link: &Link, slot: Slot, keeper: &mut Option<Session>) -> Result<(), Fault> {
        if self.is_pin_refused() {
            return Err(Fault::Pin);
        }
        if keeper.is_none() {
            self.calls.count(Call::Session);
            *keeper = Some(link.context.open_rw_session(slot)?);
        }
        let session = keeper.as_ref().ok_or(Fault::Gone("no session"))?;
        self.calls.count(Call::Login);
        match session.login(UserType::User, Some(&self.pin)).map_err(Fault::from) {
            Ok(()) | Err(Fault::Returned(RvError::UserAlreadyLoggedIn, _)) => Ok(()),
            Err(Fault::Pin) => {
                self.pin_refused.store(true, SeqCst);
                tracing::error!("the token refused the PIN; it is not tried again before a restart");
                Err(Fault::Pin)
            }
            Err(other) => Err(other),
        }
    }

    /// Starts the module anew, unless somebody did since `seen`. All sessions and handles end.
    fn anew(&self, seen: u64) -> Result<(), HsmError> {
        let mut rested = lock(&self.flight);
        if self.generation() != seen {
            return Ok(());
        }
        if self.is_pin_refused() {
            return Err(HsmError::Pin);
        }
        if rested.is_some_and(|failed: Instant| failed.elapsed() < REST) {
            return Err(HsmError::Unavailable("it was lost a moment ago".into()));
        }
        self.draining.store(true, SeqCst);
        let outcome = self.restart();
        self.draining.store(false, SeqCst);
        *rested = outcome.as_ref().err().map(|_| Instant::now());
        outcome
    }

    fn restart(&self) -> Result<(), HsmError> {
        let started = Instant::now();
        let mut link = loop {
            match self.link.try_write() {
                Ok(link) => break link,
                Err(std::sync::TryLockError::Poisoned(poisoned)) => break poisoned.into_inner(),
                Err(std::sync::TryLockError::WouldBlock) if started.elapsed() > DRAIN_MAX => {
                    return Err(HsmError::Unavailable(
                        "a call hangs in the module, which cannot be started anew".into(),
                    ));
                }
                Err(std::sync::TryLockError::WouldBlock) => sleep(Duration::from_millis(5)),
            }
        };
        let generation = self.generation.fetch_add(1, SeqCst) + 1;
        lock(&self.handles).clear();
        link.close();
        // An error here says that it was not initialized, which is what is wanted.
        let _ = link.context.clone().finalize();
        let outcome = self.connect(&mut link);
        match &outcome {
            Ok(()) => tracing::info!(generation, "the HSM is open"),
            Err(error) => {
                // Not even half of it is used: a token with another canary is another token.
                link.close();
                tracing::warn!(generation, %error, "the HSM could not be opened");
            }
        }
        outcome
    }

    fn connect(&self, link: &mut Link) -> Result<(), HsmError> {
        self.calls.count(Call::Initialize);
        match link.context.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)).map_err(Fault::from) {
            Ok(()) => {}
            Err(Fault::Returned(RvError::CryptokiAlreadyInitialized, _)) => {
                return Err(HsmError::Configuration("something else in this process uses the PKCS#11 module".into()));
            }
            Err(fault) => return Err(HsmError::Unavailable(unavailable(fault))),
        }
        link.slot = Some(self.slot(&link.context)?);
        match self.login_on(link) {
            Ok(()) => {}
            Err(Fault::Pin) => return Err(HsmError::Pin),
            Err(fault) => return Err(HsmError::Unavailable(unavailable(fault))),
        }
        let Some(canary) = self.canary.get() else { return Ok(()) };
        let keeper = lock(&link.keeper);
        let session = keeper.as_ref().ok_or_else(|| HsmError::Unavailable("no session".into()))?;
        canary.check(&Desk { token: self, session, trusting: true }).map_err(|fault| {
            HsmError::Unavailable(format!("the token does not have this server's keys: {}", unavailable(fault)))
        })
    }

    fn slot(&self, context: &Pkcs11) -> Result<Slot, HsmError> {
        let slots = context.get_slots_with_token().map_err(|error| HsmError::Unavailable(error.to_string()))?;
        let wanted = |slot: &Slot| match &self.settings.token {
            TokenChoice::Slot(number) => slot.id() == *number,
            TokenChoice::Label(label) => {
                context.get_token_info(*slot).is_ok_and(|token| token.token_initialized() && token.label() == label)
            }
        };
        let found: Vec<Slot> = slots.into_iter().filter(wanted).collect();
        match (found[..].split_first(), &self.settings.token) {
            (Some((slot, [])), _) => Ok(*slot),
            (None, TokenChoice::Label(label)) => {
                Err(HsmError::Unavailable(format!("no slot has a token labelled {label:?}")))
            }
            (None, TokenChoice::Slot(number)) => Err(HsmError::Unavailable(format!("slot {number} has no token"))),
            (Some(_), _) => Err(HsmError::Configuration("several tokens have this label; name a slot".into())),
        }
    }
}

fn unavailable(fault: Fault) -> String {
    match fault.settled() {
        HsmError::Unavailable(words) | HsmError::Refused(words) | HsmError::Lacks(words) => words,
        other => other.to_string(),
    }
}

fn release(module: &PathBuf) {
    if let Some(modules) = lock(&MODULES).as_mut() {
        modules.remove(module);
    }
}

impl Link {
    /// Sessions are closed before C_Finalize: afterwards their numbers may belong to others.
    fn close(&mut self) {
        for session in &self.sessions {
            *lock(session) = None;
        }
        *lock(&self.keeper) = None;
        self.slot = None;
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        let link = self.link.get_mut().unwrap_or_else(PoisonError::into_inner);
        link.close();
        let _ = link.context.clone().finalize();
        release(&self.settings.module);
    }
}

enum Doubted {
    /// The token is well: the call is wrong.
    Call(HsmError),
    /// The token is well, and had too much to do.
    Throttled,
    /// The token is not well.
    Token,
}

impl Desk<'_> {
    pub(super) fn settings(&self) -> &Settings {
        &self.token.settings
    }

    /// Makes one call and counts it.
    pub(super) fn call<T>(
        &self,
        call: Call,
        make: impl FnOnce(&Session) -> cryptoki::error::Result<T>,
    ) -> Result<T, Fault> {
        self.token.calls.count(call);
        Ok(make(self.session)?)
    }

    /// The handle of a key, from the cache or by a search. "Not found" is believed only while the canary is there.
    pub(super) fn key(&self, class: ClassKey, id: &KeyId) -> Result<ObjectHandle, Fault> {
        self.key_if_any(class, id)?.ok_or(Fault::NotFound)
    }

    /// The same, where None is an answer.
    pub(super) fn key_if_any(&self, class: ClassKey, id: &KeyId) -> Result<Option<ObjectHandle>, Fault> {
        let name = (class, id.clone());
        if let Some(handle) = lock(&self.token.handles).get(&name) {
            return Ok(Some(*handle));
        }
        let template = [Attribute::Token(true), Attribute::Class(class.class()), Attribute::Id(id.bytes().to_vec())];
        let found = self.call(Call::Find, |session| session.find_objects(&template))?;
        match found[..] {
            [handle] => {
                lock(&self.token.handles).insert(name, handle);
                Ok(Some(handle))
            }
            [] => {
                self.canary()?;
                Ok(None)
            }
            _ => Err(HsmError::Refused(format!("several keys of the token have the identifier {id}")).into()),
        }
    }

    /// The identifiers of all keys of a class.
    pub(super) fn all(&self, class: ClassKey) -> Result<Vec<KeyId>, Fault> {
        let template = [Attribute::Token(true), Attribute::Class(class.class())];
        let found = self.call(Call::Find, |session| session.find_objects(&template))?;
        self.canary()?;
        let mut ids = Vec::new();
        for handle in found.into_iter().take(FOUND_MAX) {
            let kind = [cryptoki::object::AttributeType::Id];
            let attributes = self.call(Call::Attributes, |session| session.get_attributes(handle, &kind))?;
            ids.extend(attributes.into_iter().filter_map(|one| match one {
                Attribute::Id(id) => Some(KeyId::from_bytes(&id)),
                _ => None,
            }));
        }
        Ok(ids)
    }

    /// Remembers the handle of a new key.
    pub(super) fn remember(&self, class: ClassKey, id: &KeyId, handle: ObjectHandle) {
        lock(&self.token.handles).insert((class, id.clone()), handle);
    }

    /// Forgets the handle of a key.
    pub(super) fn forget(&self, class: ClassKey, id: &KeyId) {
        lock(&self.token.handles).remove(&(class, id.clone()));
    }

    /// Says whether the token still has its keys.
    fn canary(&self) -> Result<(), Fault> {
        if self.trusting {
            return Ok(());
        }
        let Some(canary) = self.token.canary.get() else { return Ok(()) };
        canary.check(&Desk { token: self.token, session: self.session, trusting: true }).map_err(|_| Fault::Bare)
    }
}
