//! The library, its one slot and the token in it: the objects of the caller.

use super::codec::{Input, Output};
use super::mechanisms::MECHANISMS;
use super::rv::{Failed, MECHANISM_INVALID, SLOT_ID_INVALID};
use super::state::SESSIONS_MAX;

/// The one slot.
pub const SLOT: u64 = 1;

// CK_SLOT_INFO: a token is present. CK_TOKEN_INFO: it has a random number generator, it is initialised, and who the
// user is was settled before the first call (CKF_PROTECTED_AUTHENTICATION_PATH).
const TOKEN_PRESENT: u64 = 0x1;
const TOKEN_FLAGS: u64 = 0x1 | 0x400 | 0x100;
/// CK_UNAVAILABLE_INFORMATION.
pub const UNAVAILABLE: u64 = u64::MAX;

fn version(out: &mut Output) {
    let part = |text: &str| text.parse().unwrap_or(0);
    out.raw(&[part(env!("CARGO_PKG_VERSION_MAJOR")), part(env!("CARGO_PKG_VERSION_MINOR"))]);
}

/// C_GetInfo: CK_INFO.
pub fn info(out: &mut Output) {
    out.raw(&[3, 0]).text("Keyhaven", 32).ulong(0).text("Keyhaven PKCS#11 over KMIP", 32);
    version(out);
}

/// C_GetSlotList: our slot always has its token.
pub fn slots(out: &mut Output) {
    out.count(1).ulong(SLOT);
}

/// The slot that a function names.
pub fn slot(input: &mut Input<'_>) -> Result<(), Failed> {
    if input.ulong()? == SLOT { Ok(()) } else { Err(SLOT_ID_INVALID.into()) }
}

/// C_GetSlotInfo: CK_SLOT_INFO.
pub fn slot_info(out: &mut Output) {
    out.text("Keyhaven", 64).text("Keyhaven", 32).ulong(TOKEN_PRESENT);
    version(out);
    version(out);
}

/// C_GetTokenInfo: CK_TOKEN_INFO.
pub fn token_info(sessions: usize, out: &mut Output) {
    out.text("Keyhaven", 32).text("Keyhaven", 32).text("KMIP", 16).text("1", 16).ulong(TOKEN_FLAGS);
    for count in [SESSIONS_MAX, sessions, SESSIONS_MAX, sessions] {
        out.ulong(count as u64);
    }
    // Lengths of a PIN that is never used, then memory.
    out.ulong(0).ulong(0);
    for _ in 0..4 {
        out.ulong(UNAVAILABLE);
    }
    version(out);
    version(out);
    // The time, which a token without a clock leaves blank.
    out.text("", 16);
}

/// C_GetMechanismList.
pub fn mechanisms(out: &mut Output) {
    out.count(MECHANISMS.len());
    for row in MECHANISMS {
        out.ulong(row.mechanism);
    }
}

/// C_GetMechanismInfo: CK_MECHANISM_INFO.
pub fn mechanism_info(mechanism: u64, out: &mut Output) -> Result<(), Failed> {
    let row = MECHANISMS.iter().find(|row| row.mechanism == mechanism).ok_or(MECHANISM_INVALID)?;
    out.ulong(row.sizes.0).ulong(row.sizes.1).ulong(row.flags);
    Ok(())
}
