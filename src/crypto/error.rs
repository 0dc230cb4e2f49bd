//! What an algorithm refuses. Each variant is one Result Reason, so callers write `?`.

use std::fmt;

use crate::base::Error;
use crate::registry::ResultReason;

/// Result of this room.
pub type Result<T, E = CryptoError> = std::result::Result<T, E>;

/// A cryptographic operation that was refused or failed. The words never contain data, keys or lengths of secrets,
/// so they may go to the client.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CryptoError {
    /// The standard has this algorithm, mode or combination; this provider does not.
    Unsupported(&'static str),
    /// The algorithm is legacy and the caller did not allow legacy algorithms.
    Legacy(&'static str),
    /// A parameter contradicts the algorithm or another parameter.
    BadParameters(&'static str),
    /// A parameter that the algorithm needs is absent.
    MissingParameter(&'static str),
    /// The algorithm needs an IV, counter or nonce and neither a value nor Random IV was given. The OASIS test cases
    /// CS-BC-M-11 to -13 demand Invalid Message for it in every version, against the name of a reason of 2.x.
    MissingIv,
    /// The authentication tag length is not one the algorithm has. The OASIS test cases CS-BC-M-GCM-1 and
    /// CS-BC-M-CHACHA20POLY1305-1 demand General Failure for it.
    BadTagLength,
    /// The key does not fit the algorithm: wrong length, wrong structure, weak.
    BadKey(&'static str),
    /// The key cannot be given in, or read from, this Key Format Type.
    Format,
    /// The key cannot be given in this Key Compression Type.
    Compression,
    /// The data does not fit the algorithm: not whole blocks, too short, not an encoding of what was promised.
    BadData(&'static str),
    /// The check failed: tag, MAC, signature or padding. One variant without words, so that nothing more is told.
    Failed,
    /// A bound of the algorithm or of the caller was reached (bytes, iterations, parts).
    LimitExceeded(&'static str),
    /// The provider or the random number generator failed; nothing that it gave may be used.
    Provider(&'static str),
}

impl CryptoError {
    /// The Result Reason (1.4 §11, 2.1 §11.48). Reasons newer than the client's version are replaced by `proto`.
    pub fn reason(self) -> ResultReason {
        match self {
            Self::Unsupported(_) | Self::Legacy(_) => ResultReason::UnsupportedCryptographicParameters,
            Self::BadParameters(_) | Self::MissingParameter(_) | Self::BadKey(_) => {
                ResultReason::BadCryptographicParameters
            }
            Self::Format => ResultReason::KeyFormatTypeNotSupported,
            Self::Compression => ResultReason::KeyCompressionTypeNotSupported,
            Self::MissingIv => ResultReason::InvalidMessage,
            Self::BadData(_) | Self::Failed => ResultReason::CryptographicFailure,
            Self::LimitExceeded(_) => ResultReason::ServerLimitExceeded,
            Self::BadTagLength | Self::Provider(_) => ResultReason::GeneralFailure,
        }
    }
}

/// Words for the client.
impl fmt::Display for CryptoError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unsupported(what) => write!(f, "not supported: {what}"),
            Self::Legacy(what) => write!(f, "legacy algorithm, not allowed here: {what}"),
            Self::BadParameters(what) => write!(f, "bad cryptographic parameters: {what}"),
            Self::MissingParameter(what) => write!(f, "missing cryptographic parameter: {what}"),
            Self::MissingIv => f.write_str("an IV, counter or nonce is needed"),
            Self::BadTagLength => f.write_str("invalid tag length"),
            Self::BadKey(what) => write!(f, "the key does not fit: {what}"),
            Self::Format => f.write_str("key format type not supported for this key"),
            Self::Compression => f.write_str("key compression type not supported for this key"),
            Self::BadData(what) => write!(f, "the data does not fit: {what}"),
            Self::Failed => f.write_str("cryptographic check failed"),
            Self::LimitExceeded(what) => write!(f, "limit exceeded: {what}"),
            Self::Provider(_) => f.write_str("the cryptographic provider failed"),
        }
    }
}

impl std::error::Error for CryptoError {}

impl From<CryptoError> for Error {
    fn from(error: CryptoError) -> Self {
        match error {
            CryptoError::Provider(what) => Self::internal("crypto", what),
            _ => Self::new(error.reason(), error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cause_of_a_provider_failure_is_not_for_the_client() {
        let error = Error::from(CryptoError::Provider("random number generator"));
        assert_eq!(error.reason(), ResultReason::GeneralFailure);
        assert!(!error.public().contains("random"));
        assert!(error.to_string().contains("random"));
    }

    #[test]
    fn each_error_has_its_reason() {
        let cases = [
            (CryptoError::Failed, ResultReason::CryptographicFailure),
            (CryptoError::MissingIv, ResultReason::InvalidMessage),
            (CryptoError::BadTagLength, ResultReason::GeneralFailure),
            (CryptoError::Unsupported("MARS"), ResultReason::UnsupportedCryptographicParameters),
            (CryptoError::BadParameters("mode"), ResultReason::BadCryptographicParameters),
        ];
        for (error, reason) in cases {
            assert_eq!(Error::from(error).reason(), reason);
        }
    }
}
