//! Why the domain says no. The 1.x versions and the later ones give different Result Reasons for the same fault, so
//! a refusal carries both and the version of the request picks one.

use std::borrow::Cow;
use std::fmt;

use crate::base::Error;
use crate::registry::{ResultReason, Version};

/// A refusal: the Result Reasons (1.4 §11, 2.1 §6.1 error tables) and the words for the client.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refusal {
    reason: ResultReason,
    reason_1x: ResultReason,
    words: Cow<'static, str>,
}

impl Refusal {
    /// A refusal with the reason of 2.0 and later, and the one of 1.x.
    pub fn new(reason: ResultReason, reason_1x: ResultReason, words: impl Into<Cow<'static, str>>) -> Self {
        Self { reason, reason_1x, words: words.into() }
    }

    /// A refusal that has the same reason in every version.
    pub fn same(reason: ResultReason, words: impl Into<Cow<'static, str>>) -> Self {
        Self::new(reason, reason, words)
    }

    /// The state of the object forbids it: Wrong Key Lifecycle State, in 1.x Permission Denied.
    pub fn wrong_state(words: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ResultReason::WrongKeyLifecycleState, ResultReason::PermissionDenied, words)
    }

    /// The value of an attribute is wrong: Invalid Attribute Value, in 1.x Invalid Field.
    pub fn invalid_value(words: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ResultReason::InvalidAttributeValue, ResultReason::InvalidField, words)
    }

    /// The same with another reason for 1.x, where the error table of the operation has one of its own.
    #[must_use]
    pub fn with_reason_1x(self, reason_1x: ResultReason) -> Self {
        Self { reason_1x, ..self }
    }

    /// The Result Reason for a client of this version.
    pub fn reason(&self, version: Version) -> ResultReason {
        if version.is_1x() { self.reason_1x } else { self.reason }
    }

    /// The words for the client.
    pub fn words(&self) -> &str {
        &self.words
    }

    /// The error to answer to a client of this version.
    pub fn into_error(self, version: Version) -> Error {
        Error::new(self.reason(version), self.words)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words)
    }
}

impl std::error::Error for Refusal {}
