//! What goes wrong with an HSM: the answer of one call (`Fault`), and what a caller reads after everything that could
//! help was tried (`HsmError`).

use std::fmt;

use cryptoki::context::Function;
use cryptoki::error::{Error as Pkcs11Error, RvError};

/// Why an HSM did not do what it was asked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum HsmError {
    /// The module cannot be loaded, or there is no such token. Somebody has to change the configuration.
    Configuration(String),
    /// The token refused the PIN. It is not tried again: tokens lock or wipe themselves after a few wrong ones.
    Pin,
    /// The token does not work now. The same request may be tried later.
    Unavailable(String),
    /// The call did not return in time. What it does is not known.
    Deadline(&'static str),
    /// Too many calls wait for the token.
    Busy,
    /// The token works, and has no such key.
    NotFound,
    /// The token works, and refuses this call.
    Refused(String),
    /// The token works, and has no such mechanism, or not with these parameters.
    Lacks(String),
    /// What is to be opened was altered, or made with another key.
    Altered,
}

impl HsmError {
    /// Whether the same call may succeed later without anybody's help.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::Deadline(_) | Self::Busy)
    }
}

impl fmt::Display for HsmError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Configuration(words) => f.write_str(words),
            Self::Pin => f.write_str(
                "the token refused the PIN; it is not tried again before a restart, because tokens lock after a few \
                 wrong ones",
            ),
            Self::Unavailable(words) => write!(f, "the HSM does not work now: {words}"),
            Self::Deadline(what) => write!(f, "the HSM did not answer in time: {what}"),
            Self::Busy => f.write_str("too many calls wait for the HSM"),
            Self::NotFound => f.write_str("the HSM has no such key"),
            Self::Refused(words) => write!(f, "the HSM refused: {words}"),
            Self::Lacks(words) => write!(f, "the HSM does not have this mechanism or its parameters: {words}"),
            Self::Altered => f.write_str("the value was altered, or another key belongs to it"),
        }
    }
}

impl std::error::Error for HsmError {}

/// The failure of one call into the module.
#[derive(Clone, Debug)]
pub(super) enum Fault {
    /// What the module returned.
    Returned(RvError, Function),
    /// The token is not there: no slot has it, or it lost its canary.
    Gone(&'static str),
    /// The token shows no keys of this server: its storage is gone, or the login.
    Bare,
    /// The token refused the PIN.
    Pin,
    /// A search found nothing while the canary was there.
    NotFound,
    /// The outcome is settled; no repetition helps.
    Final(HsmError),
}

/// What may help against a fault, from the gentlest.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Rung {
    /// Forget the handles and find the key again.
    Find,
    /// Open a new session.
    Session,
    /// Log in again.
    Login,
    /// Ask the canary: the call may be at fault, or the token.
    Doubt,
    /// Finalize and initialize the module.
    Anew,
    /// Nothing.
    Stop,
}

impl Fault {
    pub(super) fn rung(&self) -> Rung {
        use RvError::*;
        let error = match self {
            Self::Returned(error, _) => error,
            Self::Bare => return Rung::Login,
            Self::Gone(_) => return Rung::Anew,
            Self::Pin | Self::NotFound | Self::Final(_) => return Rung::Stop,
        };
        match error {
            ObjectHandleInvalid | KeyHandleInvalid | WrappingKeyHandleInvalid | UnwrappingKeyHandleInvalid => {
                Rung::Find
            }
            SessionHandleInvalid | SessionClosed | OperationActive | OperationNotInitialized => Rung::Session,
            UserNotLoggedIn => Rung::Login,
            GeneralError | FunctionFailed | DeviceError | DeviceMemory | HostMemory | FunctionRejected => Rung::Doubt,
            DeviceRemoved | TokenNotPresent | TokenNotRecognized | SlotIdInvalid | CryptokiNotInitialized => Rung::Anew,
            _ => Rung::Stop,
        }
    }

    /// The error of a call for which nothing helped.
    pub(super) fn settled(self) -> HsmError {
        match self {
            Self::Returned(error, function) => {
                let words = format!("{function:?}: {}", name(error));
                match (Self::Returned(error, function)).rung() {
                    Rung::Stop if is_lacking(error) => HsmError::Lacks(words),
                    Rung::Stop => HsmError::Refused(words),
                    _ => HsmError::Unavailable(words),
                }
            }
            Self::Gone(why) => HsmError::Unavailable(why.to_owned()),
            Self::Bare => HsmError::Unavailable("the token does not have this server's keys".into()),
            Self::Pin => HsmError::Pin,
            Self::NotFound => HsmError::NotFound,
            Self::Final(error) => error,
        }
    }
}

/// Return values of a token that has no such mechanism, or not for such a key or with such parameters. SoftHSM says
/// Arguments Bad of hashes that its OAEP lacks.
fn is_lacking(error: RvError) -> bool {
    use RvError::*;
    matches!(
        error,
        MechanismInvalid
            | MechanismParamInvalid
            | FunctionNotSupported
            | CurveNotSupported
            | KeyTypeInconsistent
            | KeyFunctionNotPermitted
            | KeySizeRange
            | ArgumentsBad
    )
}

/// The name of a return value, without the long text that `Display` adds.
pub(super) fn name(error: RvError) -> String {
    format!("{error:?}")
}

impl From<Pkcs11Error> for Fault {
    fn from(error: Pkcs11Error) -> Self {
        match error {
            Pkcs11Error::Pkcs11(
                RvError::PinIncorrect
                | RvError::PinInvalid
                | RvError::PinLocked
                | RvError::PinExpired
                | RvError::PinLenRange,
                Function::Login,
            ) => Self::Pin,
            Pkcs11Error::Pkcs11(error, function) => Self::Returned(error, function),
            other => Self::Final(HsmError::Refused(other.to_string())),
        }
    }
}

impl From<HsmError> for Fault {
    fn from(error: HsmError) -> Self {
        Self::Final(error)
    }
}
