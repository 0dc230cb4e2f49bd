//! Return values of PKCS#11, and what an error of ours becomes there.

use crate::base::Error;
use crate::registry::ResultReason;

/// A CK_RV.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rv(pub u32);

/// CKR_OK
pub const OK: Rv = Rv(0x00);
/// CKR_SLOT_ID_INVALID
pub const SLOT_ID_INVALID: Rv = Rv(0x03);
/// CKR_FUNCTION_FAILED
pub const FUNCTION_FAILED: Rv = Rv(0x06);
/// CKR_ARGUMENTS_BAD
pub const ARGUMENTS_BAD: Rv = Rv(0x07);
/// CKR_ATTRIBUTE_SENSITIVE
pub const ATTRIBUTE_SENSITIVE: Rv = Rv(0x11);
/// CKR_ATTRIBUTE_TYPE_INVALID
pub const ATTRIBUTE_TYPE_INVALID: Rv = Rv(0x12);
/// CKR_ATTRIBUTE_VALUE_INVALID
pub const ATTRIBUTE_VALUE_INVALID: Rv = Rv(0x13);
/// CKR_DATA_INVALID
pub const DATA_INVALID: Rv = Rv(0x20);
/// CKR_FUNCTION_NOT_SUPPORTED
pub const FUNCTION_NOT_SUPPORTED: Rv = Rv(0x54);
/// CKR_KEY_HANDLE_INVALID
pub const KEY_HANDLE_INVALID: Rv = Rv(0x60);
/// CKR_KEY_FUNCTION_NOT_PERMITTED
pub const KEY_FUNCTION_NOT_PERMITTED: Rv = Rv(0x68);
/// CKR_MECHANISM_INVALID
pub const MECHANISM_INVALID: Rv = Rv(0x70);
/// CKR_MECHANISM_PARAM_INVALID
pub const MECHANISM_PARAM_INVALID: Rv = Rv(0x71);
/// CKR_OBJECT_HANDLE_INVALID
pub const OBJECT_HANDLE_INVALID: Rv = Rv(0x82);
/// CKR_OPERATION_ACTIVE
pub const OPERATION_ACTIVE: Rv = Rv(0x90);
/// CKR_OPERATION_NOT_INITIALIZED
pub const OPERATION_NOT_INITIALIZED: Rv = Rv(0x91);
/// CKR_SESSION_COUNT
pub const SESSION_COUNT: Rv = Rv(0xB1);
/// CKR_SESSION_HANDLE_INVALID
pub const SESSION_HANDLE_INVALID: Rv = Rv(0xB3);
/// CKR_SIGNATURE_INVALID
pub const SIGNATURE_INVALID: Rv = Rv(0xC0);
/// CKR_TEMPLATE_INCOMPLETE
pub const TEMPLATE_INCOMPLETE: Rv = Rv(0xD0);
/// CKR_USER_ALREADY_LOGGED_IN
pub const USER_ALREADY_LOGGED_IN: Rv = Rv(0x100);
/// CKR_CRYPTOKI_NOT_INITIALIZED
pub const CRYPTOKI_NOT_INITIALIZED: Rv = Rv(0x190);
/// CKR_CRYPTOKI_ALREADY_INITIALIZED
pub const CRYPTOKI_ALREADY_INITIALIZED: Rv = Rv(0x191);

/// Why a function has no success to report.
#[derive(Debug)]
pub enum Failed {
    /// The function failed, as PKCS#11 knows it.
    Rv(Rv),
    /// The input parameters cannot be taken apart.
    Codec,
    /// The KMIP operation behind it failed.
    Kmip(Error),
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self::Kmip(error)
    }
}

/// What PKCS#11 says where KMIP gives this reason.
const REASONS: &[(ResultReason, Rv)] = &[
    (ResultReason::ObjectNotFound, OBJECT_HANDLE_INVALID),
    (ResultReason::ItemNotFound, OBJECT_HANDLE_INVALID),
    (ResultReason::ObjectDestroyed, OBJECT_HANDLE_INVALID),
    (ResultReason::PermissionDenied, KEY_FUNCTION_NOT_PERMITTED),
    (ResultReason::WrongKeyLifecycleState, KEY_FUNCTION_NOT_PERMITTED),
    (ResultReason::IncompatibleCryptographicUsageMask, KEY_FUNCTION_NOT_PERMITTED),
    (ResultReason::UsageLimitExceeded, KEY_FUNCTION_NOT_PERMITTED),
    (ResultReason::Sensitive, ATTRIBUTE_SENSITIVE),
    (ResultReason::NotExtractable, ATTRIBUTE_SENSITIVE),
    (ResultReason::CryptographicFailure, DATA_INVALID),
    (ResultReason::UnsupportedCryptographicParameters, MECHANISM_INVALID),
    (ResultReason::BadCryptographicParameters, MECHANISM_PARAM_INVALID),
    (ResultReason::InvalidField, ARGUMENTS_BAD),
    (ResultReason::InvalidMessage, ARGUMENTS_BAD),
    (ResultReason::InvalidAttributeValue, ATTRIBUTE_VALUE_INVALID),
    (ResultReason::NonUniqueNameAttribute, ATTRIBUTE_VALUE_INVALID),
];

/// The return value for an error of the KMIP operation.
pub fn of(error: &Error) -> Rv {
    let row = REASONS.iter().find(|(reason, _)| *reason == error.reason());
    row.map_or(FUNCTION_FAILED, |(_, rv)| *rv)
}
