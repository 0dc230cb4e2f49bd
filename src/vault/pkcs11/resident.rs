//! Keys of clients in the token: made there, used there, destroyed there. Digests are made outside and signed inside,
//! which every token can do; paddings of block ciphers are added and taken away outside.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use cryptoki::error::RvError;
use cryptoki::mechanism::Mechanism;
use cryptoki::mechanism::elliptic_curve::{EcKdf, Ecdh1DeriveParams};
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::Session;

use super::Hsm;
use super::calls::Call;
use super::canary::ulong;
use super::error::{Fault, HsmError};
use super::keyid::{KeyId, Part};
use super::making::{make, secret_template};
use super::mechanism;
use super::token::{ClassKey, Desk};
use super::wrap::{self, keep_if_locked_in};
use crate::base::KeyBytes;
use crate::crypto::ec::EcPublicKey;
use crate::vault::{Generated, KeyVault, KeyWrap, Output, ResidentKind, ResidentSpec, Task, VaultError};

/// The keys of clients in a token.
#[derive(Debug)]
pub struct Resident {
    hsm: Arc<Hsm>,
    keys: AtomicUsize,
    keys_max: usize,
}

impl Resident {
    /// At most `keys_max` keys in this token, which must have a canary.
    pub fn new(hsm: Arc<Hsm>, keys_max: usize) -> Self {
        Self { hsm, keys: AtomicUsize::new(0), keys_max }
    }

    fn id(&self, own: [u8; 16]) -> Result<KeyId, VaultError> {
        let instance = self.hsm.instance().ok_or(VaultError::NotSupported("keys in a token without a canary"))?;
        Ok(KeyId::new(&instance, Part::Resident(own)))
    }

    /// Refuses another key when the token has as many as it may.
    fn room(&self) -> Result<(), VaultError> {
        if self.keys.load(SeqCst) >= self.keys_max { Err(VaultError::Full) } else { Ok(()) }
    }

    /// A call whose mechanism the token may lack, by which name it is refused then.
    fn call<T: Send + 'static>(
        &self,
        what: &'static str,
        mechanism: &'static str,
        work: impl FnMut(&Desk<'_>) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, VaultError> {
        self.hsm.call(what, work).map_err(|error| match error {
            HsmError::Lacks(cause) => {
                tracing::warn!(what, mechanism, cause, "the HSM lacks a mechanism");
                VaultError::NotSupported(mechanism)
            }
            other => other.into(),
        })
    }
}

impl KeyVault for Resident {
    fn offers_keys(&self) -> bool {
        true
    }

    fn generate(&self, own: [u8; 16], spec: ResidentSpec) -> Result<Generated, VaultError> {
        self.room()?;
        let id = self.id(own)?;
        let wanted = id.clone();
        let public =
            self.hsm.long("making a key", move |desk| make(desk, &wanted, spec)).map_err(|error| match error {
                HsmError::Lacks(_) => VaultError::NotSupported("making keys of this kind and length"),
                other => other.into(),
            })?;
        self.keys.fetch_add(1, SeqCst);
        Ok(Generated { id, public })
    }

    fn import(&self, own: [u8; 16], spec: ResidentSpec, material: &KeyBytes) -> Result<KeyId, VaultError> {
        let (kind, bits) = secret_kind(spec.kind)?;
        if material.len() * 8 != bits as usize {
            return Err(HsmError::Refused("the key has another length".into()).into());
        }
        self.room()?;
        let id = self.id(own)?;
        let (wanted, material) = (id.clone(), KeyBytes::copy_from(material.expose()));
        self.hsm.call("bringing a key in", move |desk| {
            if desk.key_if_any(ClassKey::Secret, &wanted)?.is_some() {
                return Ok(());
            }
            let mut template = secret_template(&wanted, spec, kind);
            template.push(Attribute::Value(material.expose().to_vec()));
            let template = desk.settings().template(template);
            let handle = desk.call(Call::Import, |session| session.create_object(&template))?;
            if !spec.wrappable {
                keep_if_locked_in(desk, handle)?;
            }
            desk.remember(ClassKey::Secret, &wanted, handle);
            Ok(())
        })?;
        self.keys.fetch_add(1, SeqCst);
        Ok(id)
    }

    fn perform(&self, key: &KeyId, task: Task<'_>) -> Result<Output, VaultError> {
        let key = key.clone();
        match task {
            Task::Encrypt(cipher, data) => {
                mechanism::offered(cipher, mechanism::is_whole(data.len()))?;
                let ((class, _), name) = (mechanism::classes(cipher), mechanism::cipher_name(cipher));
                let (cipher, data) = (cipher.clone(), KeyBytes::copy_from(data));
                let out = self.call("encrypting", name, move |desk| {
                    let handle = desk.key(class, &key)?;
                    match mechanism::carries(&cipher) {
                        Some(way) => {
                            let way = mechanism::key_wrap(way);
                            wrap::wrap_bytes(desk, &way, handle, KeyType::GENERIC_SECRET, &data)
                        }
                        None => desk.call(Call::Encrypt, |session| {
                            mechanism::with_cipher(&cipher, |way| session.encrypt(way, handle, data.expose()))
                        }),
                    }
                })?;
                Ok(Output::Bytes(KeyBytes::new(out)))
            }
            Task::Decrypt(cipher, data) => {
                mechanism::offered(cipher, data.len() > 16)?;
                let ((_, class), name) = (mechanism::classes(cipher), mechanism::cipher_name(cipher));
                let (cipher, data) = (cipher.clone(), data.to_vec());
                let out = self.call("decrypting", name, move |desk| {
                    let handle = desk.key(class, &key)?;
                    match mechanism::carries(&cipher) {
                        Some(way) => {
                            let way = mechanism::key_wrap(way);
                            wrap::unwrap_bytes(desk, &way, handle, KeyType::GENERIC_SECRET, &data)
                        }
                        None => {
                            let plain = desk.call(Call::Decrypt, |session| {
                                mechanism::with_cipher(&cipher, |way| session.decrypt(way, handle, &data))
                            });
                            plain.map(KeyBytes::new)
                        }
                    }
                })?;
                Ok(Output::Bytes(out))
            }
            Task::Sign(signature, data) => {
                let input = mechanism::signed(signature, data)?;
                let out = self.call("signing", mechanism::signature_name(signature), move |desk| {
                    let handle = desk.key(ClassKey::Private, &key)?;
                    desk.call(Call::Sign, |session| session.sign(&mechanism::signing(signature)?, handle, &input))
                })?;
                Ok(Output::Bytes(KeyBytes::new(out)))
            }
            Task::Verify(signature, data, value) => {
                let (input, value) = (mechanism::signed(signature, data)?, value.to_vec());
                let valid = self.call("verifying", mechanism::signature_name(signature), move |desk| {
                    let handle = desk.key(ClassKey::Public, &key)?;
                    let check =
                        |session: &Session| session.verify(&mechanism::signing(signature)?, handle, &input, &value);
                    match desk.call(Call::Verify, check) {
                        Ok(()) => Ok(true),
                        Err(Fault::Returned(RvError::SignatureInvalid | RvError::SignatureLenRange, _)) => Ok(false),
                        Err(fault) => Err(fault),
                    }
                })?;
                Ok(Output::Valid(valid))
            }
            Task::Mac(algorithm, data) => {
                let (way, data) = (mechanism::mac(algorithm)?, data.to_vec());
                let out = self.call("a MAC", "this MAC with a key of this kind", move |desk| {
                    let handle = desk.key(ClassKey::Secret, &key)?;
                    desk.call(Call::Sign, |session| session.sign(&way(), handle, &data))
                })?;
                Ok(Output::Bytes(KeyBytes::new(out)))
            }
            Task::Agree(peer) => {
                let peer = peer.clone();
                let secret = self.call("agreeing on a secret", "ECDH", move |desk| agree(desk, &key, &peer))?;
                Ok(Output::Bytes(secret))
            }
            Task::Wrap(way, wrapped) => {
                let wrapped = wrapped.clone();
                let out = self.call("wrapping a key", "AES key wrap", move |desk| {
                    let handle = desk.key(ClassKey::Secret, &key)?;
                    let target = match desk.key_if_any(ClassKey::Secret, &wrapped)? {
                        Some(target) => target,
                        None => desk.key(ClassKey::Private, &wrapped)?,
                    };
                    if way == KeyWrap::Padded && !value_bytes(desk, target)?.is_some_and(mechanism::is_whole) {
                        return Ok(None);
                    }
                    desk.call(Call::Wrap, |session| session.wrap_key(&mechanism::key_wrap(way), handle, target))
                        .map(Some)
                })?;
                Ok(Output::Bytes(KeyBytes::new(out.ok_or(VaultError::NotSupported(mechanism::PADS))?)))
            }
            Task::Unwrap(way, own, spec, wrapped) => {
                let (kind, _) = secret_kind(spec.kind)?;
                self.room()?;
                let id = self.id(own)?;
                let (wanted, wrapped) = (id.clone(), wrapped.to_vec());
                self.call("unwrapping a key", "AES key wrap", move |desk| {
                    let handle = desk.key(ClassKey::Secret, &key)?;
                    if desk.key_if_any(ClassKey::Secret, &wanted)?.is_some() {
                        return Ok(());
                    }
                    let mut template = secret_template(&wanted, spec, kind);
                    // SoftHSM makes the object first and its value after, which CKA_MODIFIABLE = false refuses as Attribute
                    // Read Only. Sensitive and Extractable cannot be loosened either way (PKCS#11 3.0 §4.9).
                    template.retain(|one| !matches!(one, Attribute::Modifiable(_)));
                    let template = desk.settings().template(template);
                    let made = desk.call(Call::Unwrap, |session| {
                        session.unwrap_key(&mechanism::key_wrap(way), handle, &wrapped, &template)
                    })?;
                    if !spec.wrappable {
                        keep_if_locked_in(desk, made)?;
                    }
                    desk.remember(ClassKey::Secret, &wanted, made);
                    Ok(())
                })?;
                self.keys.fetch_add(1, SeqCst);
                Ok(Output::Key(id))
            }
        }
    }

    fn erase(&self, key: &KeyId) -> Result<(), VaultError> {
        let key = key.clone();
        let erased = self.hsm.call("destroying a key", move |desk| {
            let mut any = false;
            for class in ClassKey::ALL {
                // Found by a search: a handle that is remembered may be of a key that another program destroyed.
                desk.forget(class, &key);
                if let Some(handle) = desk.key_if_any(class, &key)? {
                    desk.call(Call::Destroy, |session| session.destroy_object(handle))?;
                    desk.forget(class, &key);
                    any = true;
                }
            }
            Ok(any)
        })?;
        if erased {
            let _ = self.keys.fetch_update(SeqCst, SeqCst, |keys| keys.checked_sub(1));
        }
        Ok(())
    }

    fn list(&self) -> Result<Vec<KeyId>, VaultError> {
        let instance = self.hsm.instance().ok_or(VaultError::NotSupported("keys in a token without a canary"))?;
        let mut ids = self.hsm.long("listing keys", |desk| {
            let mut ids = Vec::new();
            for class in ClassKey::ALL {
                ids.extend(desk.all(class)?);
            }
            Ok(ids)
        })?;
        ids.retain(|id| matches!(id.part(&instance), Some(Part::Resident(_))));
        ids.sort_unstable();
        ids.dedup();
        self.keys.store(ids.len(), SeqCst);
        Ok(ids)
    }
}

/// How long a secret key is, if the token says so; nothing for a private key.
fn value_bytes(desk: &Desk<'_>, key: ObjectHandle) -> Result<Option<usize>, Fault> {
    let read = desk.call(Call::Attributes, |session| session.get_attributes(key, &[AttributeType::ValueLen]))?;
    Ok(read.iter().find_map(|one| match one {
        Attribute::ValueLen(bytes) => usize::try_from(**bytes).ok(),
        _ => None,
    }))
}

/// The type of a secret key, and its length in bits.
fn secret_kind(kind: ResidentKind) -> Result<(KeyType, u32), VaultError> {
    match kind {
        ResidentKind::Aes(bits) => Ok((KeyType::AES, bits)),
        ResidentKind::Hmac(bits) => Ok((KeyType::GENERIC_SECRET, bits)),
        ResidentKind::Rsa(_) | ResidentKind::Ec(_) | ResidentKind::Ed25519 => {
            Err(VaultError::NotSupported("bringing key pairs in"))
        }
    }
}

/// The x-coordinate of the shared point (SP 800-56A §5.7.1.2). The derived object lives for two calls.
fn agree(desk: &Desk<'_>, key: &KeyId, peer: &EcPublicKey) -> Result<KeyBytes, Fault> {
    let handle = desk.key(ClassKey::Private, key)?;
    let template = [
        Attribute::Class(ObjectClass::SECRET_KEY),
        Attribute::KeyType(KeyType::GENERIC_SECRET),
        Attribute::ValueLen(ulong(peer.curve().field_bytes())),
        Attribute::Token(false),
        Attribute::Private(true),
        Attribute::Sensitive(false),
        Attribute::Extractable(true),
    ];
    let secret = desk.call(Call::Derive, |session| {
        let way = Mechanism::Ecdh1Derive(Ecdh1DeriveParams::new(EcKdf::null(), peer.point()));
        session.derive_key(&way, handle, &template)
    })?;
    wrap::take_value(desk, secret)
}
