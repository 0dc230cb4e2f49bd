//! Whether an object may be used, for what, when and how much: usage mask, state, usage window, usage limits; and the
//! two flags that say whether its material may leave, with their memories.

use super::attributes::attr;
use super::lifecycle::{Lifecycle, reached};
use super::refusal::Refusal;
use super::set::Attributes;
use super::values::UsageLimits;
use crate::base::Date;
use crate::registry::{CryptographicUsageMask, Operation, ResultReason, State, UsageLimitsUnit};

/// A cryptographic use of an object.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[allow(missing_docs, reason = "each is the operation of that name")]
pub enum Use {
    Encrypt,
    Decrypt,
    Sign,
    SignatureVerify,
    Mac,
    MacVerify,
    WrapKey,
    UnwrapKey,
    DeriveKey,
    KeyAgreement,
    CertificateSign,
    Encapsulate,
    Decapsulate,
}

impl Use {
    /// The use that an operation makes of the object it names.
    pub fn of(operation: Operation) -> Option<Self> {
        Some(match operation {
            Operation::Encrypt => Self::Encrypt,
            Operation::Decrypt => Self::Decrypt,
            Operation::Sign => Self::Sign,
            Operation::SignatureVerify => Self::SignatureVerify,
            Operation::MAC => Self::Mac,
            Operation::MACVerify => Self::MacVerify,
            Operation::DeriveKey => Self::DeriveKey,
            Operation::Encapsulate => Self::Encapsulate,
            Operation::Decapsulate => Self::Decapsulate,
            _ => return None,
        })
    }

    /// The bits of the Cryptographic Usage Mask that permit it: one of them is enough. The text of 3.0 we hold names
    /// no bit for encapsulation, so the ones of agreement and encryption count.
    pub fn bits(self) -> CryptographicUsageMask {
        use CryptographicUsageMask as Mask;
        match self {
            Self::Encrypt => Mask::Encrypt,
            Self::Decrypt => Mask::Decrypt,
            Self::Sign => Mask::Sign,
            Self::SignatureVerify => Mask::Verify,
            Self::Mac => Mask::MACGenerate,
            Self::MacVerify => Mask::MACVerify,
            Self::WrapKey => Mask::WrapKey,
            Self::UnwrapKey => Mask::UnwrapKey,
            Self::DeriveKey => Mask::DeriveKey,
            Self::KeyAgreement => Mask::KeyAgreement,
            Self::CertificateSign => Mask::CertificateSign,
            Self::Encapsulate => Mask(Mask::KeyAgreement.0 | Mask::Encrypt.0),
            Self::Decapsulate => Mask(Mask::KeyAgreement.0 | Mask::Decrypt.0),
        }
    }

    /// Whether it applies protection; otherwise it processes what is protected (2.1 §4.57).
    pub fn protects(self) -> bool {
        !matches!(self, Self::Decrypt | Self::SignatureVerify | Self::MacVerify | Self::UnwrapKey | Self::Decapsulate)
    }
}

/// Whether a Deactivated or Compromised object may still process what it protected: "under extraordinary
/// circumstances and when special permission is granted" (2.1 §4.57).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AfterLife {
    /// It may.
    MayProcess,
    /// It may not.
    Closed,
}

/// Whether the object may be used so now.
///
/// # Errors
/// Wrong Key Lifecycle State for state and dates, Incompatible Cryptographic Usage Mask; in 1.x Permission Denied.
pub fn may_use(attributes: &Attributes, purpose: Use, now: Date, after_life: AfterLife) -> Result<(), Refusal> {
    let life = Lifecycle::of(attributes).at(now);
    state_permits(life.state, purpose, after_life)?;
    window_permits(&life, purpose, now)?;
    mask_permits(attributes, purpose.bits())
}

/// Whether the object's mask has one of these bits.
///
/// # Errors
/// Incompatible Cryptographic Usage Mask; in 1.x Permission Denied.
pub fn mask_permits(attributes: &Attributes, bits: CryptographicUsageMask) -> Result<(), Refusal> {
    compatible(mask_of(attributes) & bits.0 != 0 || is_unrestricted(attributes))
}

/// Whether the object's mask has all of these bits, as Check asks (2.1 §6.1.7, BL-M-2).
///
/// # Errors
/// Incompatible Cryptographic Usage Mask; in 1.x Permission Denied.
pub fn mask_covers(attributes: &Attributes, bits: CryptographicUsageMask) -> Result<(), Refusal> {
    compatible(bits.0 & !mask_of(attributes) == 0 || is_unrestricted(attributes))
}

fn compatible(ok: bool) -> Result<(), Refusal> {
    if ok {
        return Ok(());
    }
    Err(Refusal::new(
        ResultReason::IncompatibleCryptographicUsageMask,
        ResultReason::PermissionDenied,
        "the Cryptographic Usage Mask does not permit it",
    ))
}

fn mask_of(attributes: &Attributes) -> u32 {
    attributes.get(attr::CRYPTOGRAPHIC_USAGE_MASK).map_or(0, |mask| mask.0)
}

fn is_unrestricted(attributes: &Attributes) -> bool {
    mask_of(attributes) & CryptographicUsageMask::Unrestricted.0 != 0
}

fn state_permits(state: State, purpose: Use, after_life: AfterLife) -> Result<(), Refusal> {
    let processing = !purpose.protects() && after_life == AfterLife::MayProcess;
    match state {
        State::Active => Ok(()),
        State::Deactivated | State::Compromised if processing => Ok(()),
        State::PreActive => Err(Refusal::wrong_state("the object is not active yet")),
        _ => Err(Refusal::wrong_state("the state of the object does not permit it")),
    }
}

/// Process Start Date holds for processing, Protect Stop Date for protection (1.4 §3.25, §3.26).
fn window_permits(life: &Lifecycle, purpose: Use, now: Date) -> Result<(), Refusal> {
    if purpose.protects() && reached(life.protect_stop, now) {
        return Err(Refusal::wrong_state("the Protect Stop Date is reached"));
    }
    if !purpose.protects() && life.process_start.is_some_and(|start| now < start) {
        return Err(Refusal::wrong_state("the Process Start Date is not reached"));
    }
    Ok(())
}

impl UsageLimits {
    /// New limits as a client asked for them: all of the total remains, whatever count the client sent (1.4 §3.21).
    #[must_use]
    pub fn fresh(self) -> Self {
        Self { count: Some(self.total), ..self }
    }

    /// What remains.
    pub fn remaining(&self) -> i64 {
        self.count.unwrap_or(self.total)
    }

    /// Whether some of it was used or allocated.
    pub fn is_used(&self) -> bool {
        self.remaining() != self.total
    }

    /// The limits after one use that protects this many bytes.
    ///
    /// # Errors
    /// Permission Denied in every version, as CS-BC-M-7 has it, if less remains or the unit cannot be counted.
    pub fn after_use(&self, bytes: usize) -> Result<Self, Refusal> {
        let units = match self.unit {
            UsageLimitsUnit::Byte => i64::try_from(bytes).ok(),
            UsageLimitsUnit::Object => Some(1),
            _ => None,
        };
        units.and_then(|units| self.less(units)).ok_or_else(|| Refusal::same(ResultReason::PermissionDenied, EXCEEDED))
    }

    /// The limits after an allocation of this many units (1.4 §4.18).
    ///
    /// # Errors
    /// Usage Limit Exceeded, in 1.x Permission Denied, if less remains; Invalid Field if the number is negative.
    pub fn allocated(&self, units: i64) -> Result<Self, Refusal> {
        if units < 0 {
            return Err(Refusal::same(ResultReason::InvalidField, "a usage allocation cannot be negative"));
        }
        self.less(units)
            .ok_or_else(|| Refusal::new(ResultReason::UsageLimitExceeded, ResultReason::PermissionDenied, EXCEEDED))
    }

    fn less(&self, units: i64) -> Option<Self> {
        let left = self.remaining().checked_sub(units).filter(|left| *left >= 0)?;
        Some(Self { count: Some(left), ..self.clone() })
    }
}

const EXCEEDED: &str = "the usage limits of the object do not leave that much";

/// Sensitive and Extractable with their memories (1.4 §3.48 to §3.51).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Exposure {
    /// The material leaves only wrapped.
    pub sensitive: bool,
    /// Sensitive was never False.
    pub always_sensitive: bool,
    /// The material may leave.
    pub extractable: bool,
    /// Extractable was never True.
    pub never_extractable: bool,
}

impl Exposure {
    /// Of a new object. Not asked for, it is not sensitive and extractable.
    pub fn created(sensitive: Option<bool>, extractable: Option<bool>) -> Self {
        let (sensitive, extractable) = (sensitive.unwrap_or(false), extractable.unwrap_or(true));
        Self { sensitive, always_sensitive: sensitive, extractable, never_extractable: !extractable }
    }

    /// As the attributes tell; absent ones are those of an object that nothing was asked for.
    pub fn of(attributes: &Attributes) -> Self {
        let new = Self::created(attributes.get(attr::SENSITIVE), attributes.get(attr::EXTRACTABLE));
        Self {
            always_sensitive: attributes.get(attr::ALWAYS_SENSITIVE).unwrap_or(new.always_sensitive),
            never_extractable: attributes.get(attr::NEVER_EXTRACTABLE).unwrap_or(new.never_extractable),
            ..new
        }
    }

    /// After Sensitive was set.
    #[must_use]
    pub fn with_sensitive(self, sensitive: bool) -> Self {
        Self { sensitive, always_sensitive: self.always_sensitive && sensitive, ..self }
    }

    /// After Extractable was set.
    #[must_use]
    pub fn with_extractable(self, extractable: bool) -> Self {
        Self { extractable, never_extractable: self.never_extractable && !extractable, ..self }
    }

    /// Writes the four attributes.
    pub fn store(&self, attributes: &mut Attributes) {
        attributes.set(attr::SENSITIVE, self.sensitive);
        attributes.set(attr::ALWAYS_SENSITIVE, self.always_sensitive);
        attributes.set(attr::EXTRACTABLE, self.extractable);
        attributes.set(attr::NEVER_EXTRACTABLE, self.never_extractable);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::lifecycle::Dates;
    use crate::registry::Version;

    const NOW: Date = Date(1_000);
    const ANY: CryptographicUsageMask = CryptographicUsageMask(0xF_FFFF);

    fn key(state: State, dates: Dates, mask: CryptographicUsageMask) -> Attributes {
        let mut attributes = Attributes::new();
        let life = Lifecycle::created(dates, Date(0)).unwrap();
        Lifecycle { state, ..life }.store(&mut attributes);
        attributes.set(attr::CRYPTOGRAPHIC_USAGE_MASK, mask);
        attributes
    }

    #[test]
    fn state_decides_before_the_mask() {
        let all = AfterLife::MayProcess;
        let no = AfterLife::Closed;
        let table = [
            (State::PreActive, all, false, false),
            (State::Active, no, true, true),
            (State::Deactivated, all, false, true),
            (State::Deactivated, no, false, false),
            (State::Compromised, all, false, true),
            (State::Compromised, no, false, false),
            (State::Destroyed, all, false, false),
            (State::DestroyedCompromised, all, false, false),
        ];
        for (state, after_life, protects, processes) in table {
            let attributes = key(state, Dates::default(), ANY);
            assert_eq!(may_use(&attributes, Use::Encrypt, NOW, after_life).is_ok(), protects, "{state}");
            assert_eq!(may_use(&attributes, Use::Decrypt, NOW, after_life).is_ok(), processes, "{state}");
        }
    }

    #[test]
    fn the_window_is_open_from_start_to_stop() {
        let date = |seconds| Some(Date(seconds));
        let table = [
            (Dates { process_start: date(1_001), ..Dates::default() }, true, false),
            (Dates { process_start: date(1_000), ..Dates::default() }, true, true),
            (Dates { protect_stop: date(1_000), ..Dates::default() }, false, true),
            (Dates { protect_stop: date(1_001), ..Dates::default() }, true, true),
            // CS-BC-M-14: both uses are refused.
            (Dates { process_start: date(4_600), protect_stop: date(900), ..Dates::default() }, false, false),
        ];
        for (dates, protects, processes) in table {
            let attributes = key(State::Active, dates, ANY);
            let answer = |purpose| may_use(&attributes, purpose, NOW, AfterLife::Closed);
            assert_eq!(answer(Use::Sign).is_ok(), protects, "{dates:?}");
            assert_eq!(answer(Use::SignatureVerify).is_ok(), processes, "{dates:?}");
            for refusal in [Use::Sign, Use::SignatureVerify].into_iter().filter_map(|purpose| answer(purpose).err()) {
                assert_eq!(refusal.reason(Version::V2_1), ResultReason::WrongKeyLifecycleState);
                assert_eq!(refusal.reason(Version::V1_4), ResultReason::PermissionDenied);
            }
        }
    }

    #[test]
    fn each_use_needs_its_bit() {
        use CryptographicUsageMask as Mask;
        let table = [
            (Use::Encrypt, Mask::Encrypt),
            (Use::Decrypt, Mask::Decrypt),
            (Use::Sign, Mask::Sign),
            (Use::SignatureVerify, Mask::Verify),
            (Use::Mac, Mask::MACGenerate),
            (Use::MacVerify, Mask::MACVerify),
            (Use::WrapKey, Mask::WrapKey),
            (Use::UnwrapKey, Mask::UnwrapKey),
            (Use::DeriveKey, Mask::DeriveKey),
            (Use::KeyAgreement, Mask::KeyAgreement),
            (Use::CertificateSign, Mask::CertificateSign),
        ];
        for (purpose, bit) in table {
            let with = |mask| may_use(&key(State::Active, Dates::default(), mask), purpose, NOW, AfterLife::Closed);
            assert!(with(bit).is_ok() && with(Mask::Unrestricted).is_ok(), "{purpose:?}");
            let refusal = with(Mask(ANY.0 & !bit.0)).unwrap_err();
            assert_eq!(refusal.reason(Version::V3_0), ResultReason::IncompatibleCryptographicUsageMask);
            assert_eq!(refusal.reason(Version::V1_0), ResultReason::PermissionDenied);
        }
        let both = key(State::Active, Dates::default(), Mask(Mask::Encrypt.0 | Mask::Sign.0));
        assert!(mask_covers(&both, Mask(Mask::Encrypt.0 | Mask::Sign.0)).is_ok());
        assert!(mask_covers(&both, Mask(Mask::Encrypt.0 | Mask::Decrypt.0)).is_err());
        assert_eq!(Use::of(Operation::MACVerify), Some(Use::MacVerify));
        assert_eq!(Use::of(Operation::Get), None);
    }

    #[test]
    fn limits_count_down_to_nothing() {
        let limits = |total, unit| UsageLimits { total, count: Some(5), unit }.fresh();
        let bytes = limits(16, UsageLimitsUnit::Byte);
        assert!(!bytes.is_used());
        // CS-BC-M-7: 16 bytes may be encrypted, then nothing more.
        let spent = bytes.after_use(16).unwrap();
        assert_eq!((spent.count, spent.is_used()), (Some(0), true));
        let refusal = spent.after_use(1).unwrap_err();
        assert_eq!(refusal.reason(Version::V2_1), ResultReason::PermissionDenied);
        assert_eq!(refusal.reason(Version::V1_4), ResultReason::PermissionDenied);
        let refusal = spent.allocated(1).unwrap_err();
        assert_eq!(refusal.reason(Version::V2_1), ResultReason::UsageLimitExceeded);
        assert_eq!(refusal.reason(Version::V1_4), ResultReason::PermissionDenied);
        assert_eq!(limits(2, UsageLimitsUnit::Object).after_use(1_000).unwrap().remaining(), 1);
        assert!(limits(2, UsageLimitsUnit(0x8000_0001)).after_use(1).is_err());
        assert!(bytes.allocated(17).is_err() && bytes.allocated(-1).is_err());
        assert_eq!(bytes.allocated(10).unwrap().remaining(), 6);
        assert!(limits(i64::MIN, UsageLimitsUnit::Byte).allocated(i64::MAX).is_err());
    }

    #[test]
    fn exposure_remembers() {
        let new = Exposure::created(None, None);
        assert_eq!((new.sensitive, new.always_sensitive), (false, false));
        assert_eq!((new.extractable, new.never_extractable), (true, false));
        let safe = Exposure::created(Some(true), Some(false));
        assert_eq!((safe.always_sensitive, safe.never_extractable), (true, true));
        let late = new.with_sensitive(true).with_extractable(false);
        assert_eq!((late.sensitive, late.always_sensitive), (true, false));
        assert_eq!((late.extractable, late.never_extractable), (false, false));
        assert!(!safe.with_sensitive(false).with_sensitive(true).always_sensitive);
        let mut attributes = Attributes::new();
        late.store(&mut attributes);
        assert_eq!(Exposure::of(&attributes), late);
    }
}
