//! What an application has open: its sessions, the handles it was given, and what it has begun in each session. It is
//! kept as a note under the correlation value, so it is one with the effects of each call and outlives a restart.

use super::codec::{Input, Output};
use super::rv::{Failed, OBJECT_HANDLE_INVALID, SESSION_COUNT, SESSION_HANDLE_INVALID};
use crate::base::{Date, KeyBytes};

/// Sessions of one application.
pub const SESSIONS_MAX: usize = 64;
/// Objects it may hold handles of.
const OBJECTS_MAX: usize = 4096;
/// How long an application may stay, seconds from C_Initialize.
pub const LIFE_SECONDS: i64 = 24 * 3600;

/// One application, from C_Initialize to C_Finalize.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Application {
    /// Until when.
    pub until: Date,
    /// Identifiers of objects; a handle is the place in this list, from one.
    objects: Vec<Box<str>>,
    /// Open sessions.
    pub sessions: Vec<Session>,
    /// The last handle of a session.
    last: u64,
}

/// A session.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Session {
    /// Its handle.
    pub handle: u64,
    /// CK_FLAGS of C_OpenSession.
    pub flags: u64,
    /// Handles that C_FindObjects has still to give.
    pub found: Option<Vec<u64>>,
    /// What was begun and is not done, at most one of each kind.
    pub active: Vec<Active>,
}

/// Something that was begun with C_EncryptInit and the like.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Active {
    /// The number of the function that ends it.
    pub function: u64,
    /// The key.
    pub key: u64,
    /// The mechanism.
    pub mechanism: u64,
    /// Its parameter.
    pub parameter: Vec<u8>,
}

impl Application {
    /// Nothing is open.
    pub fn new(now: Date) -> Self {
        Self { until: now.plus(LIFE_SECONDS), objects: Vec::new(), sessions: Vec::new(), last: 0 }
    }

    /// Opens a session.
    pub fn open(&mut self, flags: u64) -> Result<u64, Failed> {
        if self.sessions.len() >= SESSIONS_MAX {
            return Err(SESSION_COUNT.into());
        }
        self.last += 1;
        self.sessions.push(Session { handle: self.last, flags, found: None, active: Vec::new() });
        Ok(self.last)
    }

    /// The session of this handle.
    pub fn session(&mut self, handle: u64) -> Result<&mut Session, Failed> {
        self.sessions.iter_mut().find(|session| session.handle == handle).ok_or(SESSION_HANDLE_INVALID.into())
    }

    /// The handle of an object. None if it has too many.
    pub fn handle_of(&mut self, id: &str) -> Option<u64> {
        let known = self.objects.iter().position(|known| **known == *id);
        let at = match known {
            Some(at) => at,
            None if self.objects.len() >= OBJECTS_MAX => return None,
            None => {
                self.objects.push(id.into());
                self.objects.len() - 1
            }
        };
        Some(at as u64 + 1)
    }

    /// The object of a handle.
    pub fn object(&self, handle: u64) -> Result<Box<str>, Failed> {
        let at = usize::try_from(handle).ok().and_then(|handle| handle.checked_sub(1));
        at.and_then(|at| self.objects.get(at)).cloned().ok_or(OBJECT_HANDLE_INVALID.into())
    }

    /// As a note.
    pub fn encode(&self) -> KeyBytes {
        let mut out = Output::default();
        out.ulong(self.until.0.cast_unsigned()).ulong(self.last).count(self.objects.len());
        for id in &self.objects {
            out.bytes(id.as_bytes());
        }
        out.count(self.sessions.len());
        for session in &self.sessions {
            out.ulong(session.handle).ulong(session.flags);
            out.count(session.found.as_ref().map_or(0, |found| found.len() + 1));
            for handle in session.found.iter().flatten() {
                out.ulong(*handle);
            }
            out.count(session.active.len());
            for active in &session.active {
                out.ulong(active.function).ulong(active.key).ulong(active.mechanism).bytes(&active.parameter);
            }
        }
        KeyBytes::copy_from(&out.0)
    }

    /// From a note.
    pub fn decode(note: &KeyBytes) -> Result<Self, Failed> {
        let mut input = Input(note.expose());
        let (until, last) = (Date(input.ulong()?.cast_signed()), input.ulong()?);
        let text = |input: &mut Input<'_>| Ok(String::from_utf8_lossy(input.bytes()?).into());
        let objects = (0..input.count()?).map(|_| text(&mut input)).collect::<Result<Vec<Box<str>>, Failed>>()?;
        let sessions = (0..input.count()?).map(|_| Session::decode(&mut input)).collect::<Result<Vec<_>, _>>()?;
        Ok(Self { until, objects, sessions, last })
    }
}

impl Session {
    fn decode(input: &mut Input<'_>) -> Result<Self, Failed> {
        let (handle, flags) = (input.ulong()?, input.ulong()?);
        let found = match input.count()?.checked_sub(1) {
            None => None,
            Some(count) => Some((0..count).map(|_| input.ulong()).collect::<Result<Vec<_>, _>>()?),
        };
        let active = (0..input.count()?)
            .map(|_| {
                let (function, key, mechanism) = (input.ulong()?, input.ulong()?, input.ulong()?);
                Ok(Active { function, key, mechanism, parameter: input.bytes()?.to_vec() })
            })
            .collect::<Result<Vec<_>, Failed>>()?;
        Ok(Self { handle, flags, found, active })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_application_is_stored_and_read_back() {
        let mut one = Application::new(Date(7));
        let session = one.open(4).unwrap();
        let key = one.handle_of("key").unwrap();
        assert_eq!((one.handle_of("key"), one.object(key).unwrap()), (Some(key), "key".into()));
        let active = Active { function: 0x1F, key, mechanism: 0x1082, parameter: vec![1; 16] };
        let open = one.session(session).unwrap();
        open.found = Some(vec![key]);
        open.active.push(active);
        one.open(6).unwrap();
        assert_eq!(Application::decode(&one.encode()).unwrap(), one);
        assert!(one.object(0).is_err() && one.object(2).is_err() && one.session(9).is_err());
    }
}
