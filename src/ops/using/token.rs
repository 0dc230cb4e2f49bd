//! A key whose material is in the HSM: each use of it is a task for the vault, with the parameters, paddings and forms of
//! the other keys. Nothing here falls back to software: what the HSM cannot do is refused.

use super::permit;
use crate::base::{Error, KeyBytes, Result};
use crate::crypto::ec::{self, EcCurve};
use crate::crypto::keys::{Input, PublicKey};
use crate::crypto::mac::MacAlgorithm;
use crate::crypto::operations::{AsymmetricParameters, KeyFacts};
use crate::crypto::rsa::{RsaEncryption, RsaSignature};
use crate::crypto::symmetric::{self, Elsewhere, Parameters};
use crate::crypto::{CryptoError, digest_info};
use crate::model::attr;
use crate::ops::{Cx, Object};
use crate::registry::CryptographicAlgorithm;
use crate::vault::{Cipher, KeyId, KeyWrap, Output, ResidentSpec, Signature, Task};

/// A key in the HSM.
#[derive(Clone, Debug)]
pub struct TokenKey {
    id: KeyId,
    facts: KeyFacts,
    curve: Option<EcCurve>,
}

const WRONG: CryptoError = CryptoError::BadKey("a key of this kind has no such operation");

impl TokenKey {
    /// The key of an object, if its material is in the HSM. As every use of it is a call of the HSM, the request goes on
    /// on a thread that may block.
    pub fn of(cx: &Cx<'_>, object: &Object) -> Result<Option<Self>> {
        let Some(id) = cx.resident_key(object) else { return Ok(None) };
        cx.block()?;
        let algorithm = object.attributes.get(attr::CRYPTOGRAPHIC_ALGORITHM).ok_or(WRONG)?;
        let length = object.attributes.get(attr::CRYPTOGRAPHIC_LENGTH).unwrap_or(0);
        let domain = object.attributes.get(attr::CRYPTOGRAPHIC_DOMAIN_PARAMETERS);
        let curve = match domain.and_then(|domain| domain.recommended_curve) {
            Some(curve) => EcCurve::from_recommended(curve).ok(),
            None => EcCurve::from_bits(usize::try_from(length).unwrap_or(0)).ok(),
        };
        Ok(Some(Self { id, facts: KeyFacts::new(algorithm, length), curve }))
    }

    /// What the parameters of a signature depend on.
    pub fn facts(&self) -> KeyFacts {
        self.facts
    }

    /// Encrypt with AES.
    pub fn encrypt(
        &self,
        cx: &Cx<'_>,
        parameters: &Parameters,
        iv: Option<&[u8]>,
        additional: &[u8],
        data: &[u8],
    ) -> Result<symmetric::Output> {
        let work = Elsewhere::encryption(parameters, iv, additional, &*cx.services.entropy)?;
        let plain = work.plaintext(data, &*cx.services.entropy)?;
        let given = self.perform(cx, Task::Encrypt(&Cipher::Aes(work.cipher().clone()), &plain))?;
        Ok(work.sealed(given.expose())?)
    }

    /// Decrypt with AES.
    pub fn decrypt(
        &self,
        cx: &Cx<'_>,
        parameters: &Parameters,
        iv: Option<&[u8]>,
        additional: &[u8],
        data: &[u8],
        tag: Option<&[u8]>,
    ) -> Result<crate::base::Buffer> {
        let work = Elsewhere::decryption(parameters, iv, additional)?;
        let cut = work.ciphertext(data, tag)?;
        let given = self.perform(cx, Task::Decrypt(&Cipher::Aes(work.cipher().clone()), &cut))?;
        Ok(work.opened(given.expose())?)
    }

    /// Decrypt with a private RSA key.
    pub fn decrypt_with_private(
        &self,
        cx: &Cx<'_>,
        parameters: &AsymmetricParameters<'_>,
        data: &[u8],
    ) -> Result<KeyBytes> {
        if self.facts.algorithm() != CryptographicAlgorithm::RSA {
            return Err(WRONG.into());
        }
        let cipher = match parameters.rsa_encryption()? {
            RsaEncryption::Pkcs1v15 => Cipher::RsaPkcs1,
            RsaEncryption::Oaep { hash, mask_hash, label } => {
                Cipher::RsaOaep { hash, mask_hash, label: label.to_vec() }
            }
        };
        self.perform(cx, Task::Decrypt(&cipher, data))
    }

    /// Sign: the digest is made here, the signature in the HSM. The forms are those of the other keys: DER for ECDSA.
    pub fn sign(&self, cx: &Cx<'_>, parameters: &AsymmetricParameters<'_>, input: Input<'_>) -> Result<Vec<u8>> {
        match self.facts.algorithm() {
            CryptographicAlgorithm::RSA => {
                let (signature, hash) = match parameters.rsa_signature(self.facts)? {
                    RsaSignature::Pkcs1v15 { hash } => (Signature::RsaPkcs1(hash), hash),
                    RsaSignature::Pss { hash, mask_hash, salt_length } => {
                        let salt_bytes = salt_length.map_or_else(|| digest_info::digest_length(hash), Ok)?;
                        (Signature::RsaPss { hash, mask_hash, salt_bytes }, hash)
                    }
                };
                let signed = self.perform(cx, Task::Sign(signature, &input.digest(hash)?))?;
                Ok(signed.expose().to_vec())
            }
            CryptographicAlgorithm::EC => {
                let (hash, _) = parameters.signature(self.facts)?;
                let fixed = self.perform(cx, Task::Sign(Signature::Ecdsa, &input.digest(hash)?))?;
                Ok(ec::signature_der(self.curve.ok_or(WRONG)?, fixed.expose())?)
            }
            CryptographicAlgorithm::Ed25519 => {
                // Refuses a Digital Signature Algorithm of another key.
                parameters.signature(self.facts)?;
                let Input::Message(message) = input else {
                    return Err(CryptoError::BadParameters("this algorithm signs data, not digests").into());
                };
                Ok(self.perform(cx, Task::Sign(Signature::Ed25519, message))?.expose().to_vec())
            }
            _ => Err(WRONG.into()),
        }
    }

    /// A MAC.
    pub fn mac(&self, cx: &Cx<'_>, algorithm: MacAlgorithm, data: &[u8]) -> Result<Vec<u8>> {
        permit(cx, algorithm.standing())?;
        Ok(self.perform(cx, Task::Mac(algorithm, data))?.expose().to_vec())
    }

    /// The secret shared with the holder of a public key on the same curve.
    pub fn agree(&self, cx: &Cx<'_>, peer: &PublicKey) -> Result<KeyBytes> {
        match peer {
            PublicKey::Ec(peer) if Some(peer.curve()) == self.curve => self.perform(cx, Task::Agree(peer)),
            _ => Err(CryptoError::BadKey("the two keys are not on the same curve").into()),
        }
    }

    /// Wraps another key of the HSM, which does not leave it in the clear.
    pub fn wrap(&self, cx: &Cx<'_>, way: KeyWrap, key: &KeyId) -> Result<KeyBytes> {
        self.perform(cx, Task::Wrap(way, key))
    }

    /// Unwraps a secret key into the HSM.
    pub fn unwrap(
        &self,
        cx: &Cx<'_>,
        way: KeyWrap,
        own: [u8; 16],
        spec: ResidentSpec,
        wrapped: &[u8],
    ) -> Result<KeyId> {
        match cx.services.vault.perform(&self.id, Task::Unwrap(way, own, spec, wrapped))? {
            Output::Key(id) => Ok(id),
            other => Err(unexpected(&other)),
        }
    }

    fn perform(&self, cx: &Cx<'_>, task: Task<'_>) -> Result<KeyBytes> {
        match cx.services.vault.perform(&self.id, task)? {
            Output::Bytes(bytes) => Ok(bytes),
            other => Err(unexpected(&other)),
        }
    }
}

fn unexpected(output: &Output) -> Error {
    Error::internal("using a key of the HSM", format!("{output:?}"))
}
