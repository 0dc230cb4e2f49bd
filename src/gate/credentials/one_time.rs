//! One Time Password: HOTP (RFC 4226) or TOTP (RFC 6238), against an OTP Credential (3.0 §2.1.3). A password works once:
//! of a counter or a step of time only later ones are good.

use super::{Asking, Last, Proof, with_structure};
use crate::base::{Error, KeyBytes, Result};
use crate::crypto::mac::MacAlgorithm;
use crate::crypto::otp::Token;
use crate::gate::users;
use crate::keep::Kept;
use crate::proto::wire::Read;
use crate::proto::wire::structure;
use crate::registry::{CryptographicAlgorithm, HashingAlgorithm, OTPAlgorithm, ObjectType, Tag, Version};

/// Counters after the expected one that are looked at: a token's button is pressed without logging in (RFC 4226 §7.4).
const LOOK_AHEAD: u64 = 10;
/// Steps before and after now that are good: clocks differ, and typing takes time (RFC 6238 §5.2).
const DRIFT: u64 = 1;
/// Seconds of a step where the credential has no OTP Interval (RFC 6238 §4.1).
const STEP_SECONDS: u32 = 30;
/// Digits where the credential has no OTP Digits (RFC 4226 §5.3).
const DIGITS: i32 = 6;

structure! {
    /// Credential Value of a One Time Password credential.
    pub struct OneTime<'a> reads {
        req Username => user: &'a str;
        opt Password => password: &'a str;
        req OneTimePassword => value: &'a str;
    }
}

structure! {
    /// OTP Credential.
    struct Enrolled<'a> reads {
        req OTPAlgorithm => algorithm: OTPAlgorithm;
        opt OTPDigest => digest: CryptographicAlgorithm;
        opt OTPSerial => _serial: &'a str;
        opt OTPSeed => seed: KeyBytes;
        opt OTPInterval => interval: u32;
        opt OTPDigits => digits: i32;
        opt OTPCounter => counter: &'a [u8];
    }
}

/// Verifies a one-time password; none if it is wrong or was used. The static password is for the caller to verify.
pub fn one_time(value: &OneTime<'_>, asking: &Asking<'_>) -> Result<Option<Proof>> {
    let kind = ObjectType::OneTimePasswordCredential;
    for credential in users::credentials(asking.keep, value.user, kind, asking.now)? {
        let last = Last::of(asking, &credential)?;
        if let Some(used) = matching(value.value, asking, &credential, last.number)? {
            return Ok(Some(Proof { user: value.user.to_owned(), spent: Some(last.spend(used)), server_hash: None }));
        }
    }
    Ok(None)
}

/// The counter or step whose password it is, among those that are good now.
fn matching(password: &str, asking: &Asking<'_>, credential: &Kept, last: Option<u64>) -> Result<Option<u64>> {
    let found = with_structure(asking, credential, Tag::OTPCredential, |item| {
        let enrolled = Enrolled::read(item, Version::V3_0)?;
        let Some(seed) = &enrolled.seed else { return Ok(None) };
        let (Some(hash), Ok(digits)) = (hash(enrolled.digest), u32::try_from(enrolled.digits.unwrap_or(DIGITS))) else {
            return Ok(None);
        };
        let token = Token { seed: seed.expose(), hash, digits };
        let (first, until) = match enrolled.algorithm {
            OTPAlgorithm::HOTP => {
                let next = last.map_or_else(|| start(enrolled.counter), |last| last.saturating_add(1));
                (next, next.saturating_add(LOOK_AHEAD))
            }
            OTPAlgorithm::TOTP => {
                let step = u64::try_from(asking.now.0).unwrap_or(0)
                    / u64::from(enrolled.interval.unwrap_or(STEP_SECONDS).max(1));
                let first = last.map_or(0, |last| last.saturating_add(1));
                (first.max(step.saturating_sub(DRIFT)), step.saturating_add(DRIFT + 1))
            }
            _ => return Ok(None),
        };
        token.find(password, first..until).map_err(|error| Error::internal("one-time password", error))
    })?;
    Ok(found.flatten())
}

/// The hash of the HMAC. The field is tabled as a Cryptographic Algorithm, of which those that fit are the HMACs.
fn hash(digest: Option<CryptographicAlgorithm>) -> Option<HashingAlgorithm> {
    let Some(digest) = digest else { return Some(HashingAlgorithm::SHA_1) };
    match MacAlgorithm::new(Some(digest), None, None) {
        Ok(MacAlgorithm::Hmac(hash)) => Some(hash),
        _ => None,
    }
}

/// The first counter of a token: OTP Counter as a number, of its last eight bytes.
fn start(counter: Option<&[u8]>) -> u64 {
    counter.unwrap_or_default().iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}
