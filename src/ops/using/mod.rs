//! What the operations that use a key have in common: the checks before it, the key itself, and what is counted
//! (1.4 §4.29 to §4.34, 2.1 §6.1.11 and its siblings).

pub mod data;
pub mod parameters;
pub mod parsed;
pub mod token;

use std::sync::Arc;

use super::fresh::{Parsed, parsed};
use super::get::available;
use super::streams::{Facts, Opening, Output, Part, Stepper, Work};
use super::unwrapping::plain_body;
use super::{Cx, Object, pkcs12, symmetric};
use crate::base::{Error, KeyBytes, Result};
use crate::crypto::keys::{Input, PrivateKey, PublicKey};
use crate::crypto::operations::{AsymmetricParameters, KeyFacts};
use crate::crypto::rsa::SoftwareRsa;
use crate::crypto::x509::Certificate;
use crate::crypto::{CryptoError, Provider, Standing};
use crate::model::refusal::Refusal;
use crate::model::right::Right;
use crate::model::usage::{Use, may_use};
use crate::model::values::{CryptographicParameters, UsageLimits};
use crate::model::{Key as AttributeKey, attr};
use crate::proto::id::{Id, IdRef};
use crate::registry::{CryptographicAlgorithm, KeyFormatType, ObjectType, ResultReason, UsageLimitsUnit, Version};
use parameters::{Requested, effective};
pub use token::TokenKey;

/// Longest data that is worked on between other requests; longer data goes to a thread that may block.
const INLINE_BYTES: u64 = 256 * 1024;

/// Longest RSA or DSA key, in bits, that is worked with between other requests.
const INLINE_BITS: i32 = 4096;

/// Shortest RSA key, in bits, that still protects (SP 800-131A).
const MODERN_RSA_BITS: i32 = 2048;

/// An object that is used as a key.
pub struct Using {
    /// The object.
    pub object: Object,
    /// The parameters that hold.
    pub parameters: CryptographicParameters,
    purpose: Use,
    opening: Opening,
}

/// The key itself.
pub enum Key {
    /// Of a Symmetric Key or Secret Data.
    Secret(KeyBytes),
    /// Of a Private Key.
    Private(Arc<PrivateKey>),
    /// Of a Public Key or Certificate.
    Public(PublicKey),
    /// Of any object whose material is in the HSM.
    Token(TokenKey),
}

impl Key {
    /// What the parameters of a signature depend on; None for a secret key, which makes none.
    pub fn facts(&self) -> Option<KeyFacts> {
        match self {
            Self::Secret(_) => None,
            Self::Private(key) => Some(key.public().facts()),
            Self::Public(key) => Some(key.facts()),
            Self::Token(key) => Some(key.facts()),
        }
    }

    /// A signature with a private key, wherever its material is: raw bytes for RSA, Ed25519 and ML-DSA, DER for ECDSA
    /// and DSA.
    ///
    /// # Errors
    /// Bad Cryptographic Parameters if it is no private key, and those of the algorithm and the HSM.
    pub fn sign(&self, cx: &Cx<'_>, parameters: &AsymmetricParameters<'_>, input: Input<'_>) -> Result<Vec<u8>> {
        match self {
            Self::Private(key) => Ok(key.sign(parameters, input, software(cx))?),
            Self::Token(key) => key.sign(cx, parameters, input),
            Self::Secret(_) | Self::Public(_) => Err(WRONG_KEY.into()),
        }
    }
}

/// The object's Cryptographic Algorithm cannot be used with this operation.
const WRONG_KEY: CryptoError = CryptoError::BadKey("a key of this kind has no such operation");

impl Using {
    /// The object of a request, once everything permits the use: policy, type, archive, state, dates, usage mask. A
    /// later part of a stream goes on with the stream's key and parameters; the checks are made again.
    pub fn new(
        cx: &mut Cx<'_>,
        id: Option<IdRef<'_>>,
        requested: Option<Requested>,
        part: Part,
        purpose: Use,
    ) -> Result<Self> {
        let facts = match part {
            Part::Whole | Part::First => None,
            Part::Next(token) | Part::Last(token) => Some(facts(cx, token)?),
        };
        let object = match (&facts, id) {
            (Some(facts), None) => cx.object_by_id(&facts.key, right(purpose))?,
            (_, id) => cx.object(id, right(purpose))?,
        };
        if facts.as_ref().is_some_and(|facts| facts.key != object.id) {
            return Err(Error::invalid_field("the Correlation Value belongs to an operation with another key"));
        }
        suits(object.object_type, purpose).map_err(|refusal| refusal.into_error(cx.version))?;
        available(&object, cx)?;
        may_use(&object.attributes, purpose, cx.now, cx.services.settings.after_life)
            .map_err(|refusal| refusal.with_reason_1x(unable_1x(purpose)).into_error(cx.version))?;
        let (parameters, opening) = match facts {
            Some(facts) => (facts.parameters, facts.opening),
            None => (effective(&object, requested, purpose), Opening::default()),
        };
        Ok(Self { object, parameters, purpose, opening })
    }

    /// The key.
    ///
    /// # Errors
    /// Key Value Not Present; Bad Cryptographic Parameters for a key that cannot be taken apart; those of unwrapping
    /// for one that is kept wrapped.
    pub fn key(&self, cx: &mut Cx<'_>) -> Result<Key> {
        const BAD: CryptoError = CryptoError::BadKey("it is not of an algorithm and format that this server uses");
        if let Some(key) = TokenKey::of(cx, &self.object)? {
            self.permit_length(cx, key.facts().algorithm() == CryptographicAlgorithm::RSA, key.facts().length())?;
            return Ok(Key::Token(key));
        }
        if let Some(key) = cx.parsed_key(&self.object) {
            return self.checked(cx, Key::Private(key));
        }
        let Some(body) = plain_body(cx, &self.object)? else {
            let words = "the server does not hold this object's key value";
            return Err(Error::new(ResultReason::KeyValueNotPresent, words));
        };
        let key = match self.object.object_type {
            ObjectType::Certificate => Key::Public(Certificate::parse(body.bytes.expose())?.public_key.ok_or(BAD)?),
            ObjectType::PrivateKey if self.object.material.format == Some(KeyFormatType::PKCS_12) => {
                Key::Private(pkcs12::opened(cx, &self.object.attributes, &body)?.key.into())
            }
            ObjectType::PrivateKey | ObjectType::PublicKey => match parsed(&self.object, &body) {
                Some(Parsed::Private(key)) => {
                    let key = Arc::new(key);
                    cx.hold_parsed(&self.object, &key)?;
                    Key::Private(key)
                }
                Some(Parsed::Public(key)) => Key::Public(key),
                None => return Err(BAD.into()),
            },
            _ => Key::Secret(symmetric::raw(&body).ok_or(BAD)?),
        };
        self.checked(cx, key)
    }

    /// The key, once its length is permitted and this thread may work with it.
    fn checked(&self, cx: &Cx<'_>, key: Key) -> Result<Key> {
        let private = match &key {
            Key::Private(key) => Some(&**key),
            _ => None,
        };
        let bits = match &key {
            Key::Secret(_) | Key::Token(_) => 0,
            Key::Private(key) => key.length(),
            Key::Public(key) => key.length(),
        };
        // A signature of SLH-DSA takes up to seconds whatever the length.
        if bits > INLINE_BITS || matches!(private, Some(PrivateKey::SlhDsa(_))) {
            cx.block()?;
        }
        let rsa = matches!(private, Some(PrivateKey::Rsa(_))) || matches!(key, Key::Public(PublicKey::Rsa(_)));
        self.permit_length(cx, rsa, bits)?;
        Ok(key)
    }

    fn permit_length(&self, cx: &Cx<'_>, rsa: bool, bits: i32) -> Result<()> {
        if rsa && bits < MODERN_RSA_BITS && self.purpose.protects() {
            permit(cx, Ok((Standing::Legacy, "RSA keys below 2048 bits")))?;
        }
        Ok(())
    }

    /// Counts the use: "the server SHALL obtain an allocation from the current Usage Limits value prior to performing
    /// the operation" (2.1 §6.1.17), and the counters of 3.0 go up. Gives the identifier for the answer.
    ///
    /// # Errors
    /// Permission Denied if the limits do not leave that much.
    pub fn charge(&mut self, cx: &mut Cx<'_>, bytes: usize, part: Part) -> Result<Id> {
        if self.count(cx, bytes, part)? { cx.save(self.object.clone()) } else { Ok(Id(self.object.id.clone())) }
    }

    /// The same for an operation that saves the object itself: whether it changed.
    ///
    /// # Errors
    /// As `charge`.
    pub fn count(&mut self, cx: &Cx<'_>, bytes: usize, part: Part) -> Result<bool> {
        let mut changed = false;
        if self.purpose.protects()
            && let Some(limits) = self.object.attributes.get::<UsageLimits>(attr::USAGE_LIMITS)
            // A stream is one use of the key.
            && (part.begins() || limits.unit != UsageLimitsUnit::Object)
        {
            let limits = limits.after_use(bytes).map_err(|refusal| refusal.into_error(cx.version))?;
            self.object.attributes.set(attr::USAGE_LIMITS, limits);
            changed = true;
        }
        if let Some(counter) = counter(self.purpose)
            && part.begins()
            && cx.version >= Version::V3_0
        {
            let count = self.object.attributes.get(counter).unwrap_or(0);
            self.object.attributes.set(counter, count.saturating_add(1));
            changed = true;
        }
        Ok(changed)
    }

    /// What a new stream belongs to.
    pub fn facts(&self) -> Facts {
        self.facts_with(Opening::default())
    }

    /// The same, with what the first part said that is needed at the end.
    pub fn facts_with(&self, opening: Opening) -> Facts {
        Facts { key: self.object.id.clone(), parameters: self.parameters.clone(), opening }
    }

    /// The key of the last part of a stream, if its material is in the HSM: the parts were collected for it.
    pub fn collected_for(&self, cx: &Cx<'_>) -> Result<Option<TokenKey>> {
        TokenKey::of(cx, &self.object)
    }

    /// What the first part of the stream said that is needed at the end.
    pub fn opening(&self) -> &Opening {
        &self.opening
    }

    /// The object's Cryptographic Algorithm cannot be used with this operation.
    pub fn wrong_key<T>(&self) -> Result<T> {
        Err(WRONG_KEY.into())
    }
}

/// The attribute that counts a use, for requests of 3.0 and later. Earlier versions have no such attribute, and a
/// write to the store for each of their reads would be a high price for one.
fn counter(purpose: Use) -> Option<AttributeKey<i64>> {
    match purpose {
        Use::Encrypt => Some(attr::ENCRYPT_COUNTER),
        Use::Decrypt => Some(attr::DECRYPT_COUNTER),
        Use::Sign => Some(attr::SIGN_COUNTER),
        Use::SignatureVerify => Some(attr::SIGNATURE_VERIFY_COUNTER),
        Use::CertificateSign => Some(attr::CERTIFY_COUNTER),
        _ => None,
    }
}

/// The right that a use of an object needs.
fn right(purpose: Use) -> Right {
    if purpose == Use::DeriveKey { Right::Derive } else { Right::Use }
}

/// Why 1.x refuses an object that is "not able to be used" so: Permission Denied (1.4 §11.30 to §11.35), to derive
/// from it Invalid Field (§11.7).
fn unable_1x(purpose: Use) -> ResultReason {
    if purpose == Use::DeriveKey { ResultReason::InvalidField } else { ResultReason::PermissionDenied }
}

/// The object types that have a key for the purpose.
fn suits(object_type: ObjectType, purpose: Use) -> std::result::Result<(), Refusal> {
    let types: &[ObjectType] = match purpose {
        Use::Encrypt => &[ObjectType::SymmetricKey, ObjectType::PublicKey, ObjectType::Certificate],
        Use::Decrypt => &[ObjectType::SymmetricKey, ObjectType::PrivateKey],
        Use::Sign | Use::CertificateSign => &[ObjectType::PrivateKey],
        Use::SignatureVerify => &[ObjectType::PublicKey, ObjectType::Certificate],
        Use::Mac | Use::MacVerify => &[ObjectType::SymmetricKey, ObjectType::SecretData],
        // "Valid for PGP Keys, Private Keys, Public Keys, Secret Data and Symmetric Keys" (2.1 §12.1).
        Use::DeriveKey => {
            &[ObjectType::SymmetricKey, ObjectType::SecretData, ObjectType::PrivateKey, ObjectType::PublicKey]
        }
        Use::Encapsulate => &[ObjectType::PublicKey, ObjectType::Certificate],
        Use::Decapsulate => &[ObjectType::PrivateKey],
        _ => &[],
    };
    if types.contains(&object_type) {
        return Ok(());
    }
    Err(Refusal::new(
        ResultReason::InvalidObjectType,
        unable_1x(purpose),
        format!("a {object_type} cannot be used for this operation"),
    ))
}

/// Work that takes longer than its neighbours should wait goes to a thread that may block.
pub fn block_for(cx: &Cx<'_>, data: &[u8]) -> Result<()> {
    block_for_bytes(cx, data.len() as u64)
}

/// The same for work on as much as so many bytes.
pub fn block_for_bytes(cx: &Cx<'_>, bytes: u64) -> Result<()> {
    if bytes > INLINE_BYTES { cx.block() } else { Ok(()) }
}

/// Randomness, and whether legacy algorithms are allowed.
pub fn provider(cx: &Cx<'_>) -> Provider {
    Provider { entropy: cx.services.entropy.clone(), legacy: cx.services.settings.legacy_algorithms }
}

/// Refuses a legacy algorithm unless the operator allows them.
pub fn permit(cx: &Cx<'_>, standing: crate::crypto::Result<(Standing, &'static str)>) -> Result<()> {
    let (standing, name) = standing?;
    Ok(provider(cx).permit(standing, name)?)
}

/// Whether RSA may work in software, which serves the rare combinations of parameters.
pub fn software(cx: &Cx<'_>) -> SoftwareRsa {
    if cx.services.settings.software_rsa { SoftwareRsa::Allow } else { SoftwareRsa::Refuse }
}

/// What a stream belongs to.
pub fn facts(cx: &mut Cx<'_>, token: [u8; 16]) -> Result<Facts> {
    let (streams, by) = stepper(cx);
    streams.facts(token, &by)
}

/// Begins a stream and takes its first part.
pub fn begin(
    cx: &mut Cx<'_>,
    facts: Facts,
    work: Work,
    data: &[u8],
    check: Option<&[u8]>,
) -> Result<(Output, Vec<u8>)> {
    let (streams, by) = stepper(cx);
    let token = streams.begin(facts, work, &by)?;
    Ok((streams.step(token, data, check, false, &by)?, token.to_vec()))
}

/// Takes another part of a stream.
pub fn go_on(cx: &mut Cx<'_>, token: [u8; 16], data: &[u8], check: Option<&[u8]>, last: bool) -> Result<Output> {
    let (streams, by) = stepper(cx);
    streams.step(token, data, check, last, &by)
}

fn stepper<'c, 'a>(cx: &'c mut Cx<'a>) -> (&'c mut super::streams::Open<'a>, Stepper<'c>) {
    let by = Stepper {
        caller: &cx.caller.name,
        operation: cx.operation,
        version: cx.version,
        now_micros: cx.now_micros,
        limits: &cx.services.limits,
        entropy: &*cx.services.entropy,
    };
    (&mut cx.streams, by)
}
