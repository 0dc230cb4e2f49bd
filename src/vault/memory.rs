//! The vault for tests: keys in memory, used by the algorithms of `crypto`. It has every mechanism.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};

use super::pkcs11::{HsmError, Part};
use super::{
    Cipher, Generated, KeyId, KeyVault, KeyWrap, Output, ResidentKind, ResidentSpec, Signature, Task, VaultError,
};
use crate::base::KeyBytes;
use crate::crypto::keys::{Input, KeySpec, PrivateKey, PublicKey};
use crate::crypto::operations::AsymmetricParameters;
use crate::crypto::random::{self, SystemEntropy};
use crate::crypto::rsa::{RsaEncryption, RsaSignature, SoftwareRsa};
use crate::crypto::symmetric::{self, BareCipher, Parameters};
use crate::crypto::{CryptoError, formats, mac, wrap};
use crate::registry::{BlockCipherMode, CryptographicAlgorithm, HashingAlgorithm};

enum Material {
    Secret(KeyBytes),
    Private(Box<PrivateKey>),
}

/// Keys in memory.
#[derive(Default)]
pub struct MemoryVault {
    keys: Mutex<BTreeMap<KeyId, (ResidentSpec, Material)>>,
}

type Result<T, E = VaultError> = std::result::Result<T, E>;

impl MemoryVault {
    fn open(&self) -> MutexGuard<'_, BTreeMap<KeyId, (ResidentSpec, Material)>> {
        self.keys.lock().unwrap()
    }
}

fn id(own: [u8; 16]) -> KeyId {
    KeyId::new(&[0; 8], Part::Resident(own))
}

fn refused(error: CryptoError) -> VaultError {
    HsmError::Refused(error.to_string()).into()
}

impl KeyVault for MemoryVault {
    fn offers_keys(&self) -> bool {
        true
    }

    fn generate(&self, own: [u8; 16], spec: ResidentSpec) -> Result<Generated> {
        let mut keys = self.open();
        let material = keys.entry(id(own)).or_insert_with(|| (spec, made(spec.kind)));
        let public = match &material.1 {
            Material::Private(key) => Some(key.public()),
            Material::Secret(_) => None,
        };
        Ok(Generated { id: id(own), public })
    }

    fn import(&self, own: [u8; 16], spec: ResidentSpec, material: &KeyBytes) -> Result<KeyId> {
        if matches!(spec.kind, ResidentKind::Rsa(_) | ResidentKind::Ec(_) | ResidentKind::Ed25519) {
            return Err(VaultError::NotSupported("bringing key pairs in"));
        }
        let material = Material::Secret(KeyBytes::copy_from(material.expose()));
        self.open().entry(id(own)).or_insert((spec, material));
        Ok(id(own))
    }

    fn perform(&self, key: &KeyId, task: Task<'_>) -> Result<Output> {
        let mut keys = self.open();
        let (_, material) = keys.get(key).ok_or(HsmError::NotFound)?;
        let bytes = |bytes: &[u8]| Ok(Output::Bytes(KeyBytes::copy_from(bytes)));
        match (task, material) {
            (Task::Encrypt(Cipher::Aes(cipher), data), Material::Secret(key)) => {
                let (parameters, iv, additional) = parameters(cipher);
                let entropy = SystemEntropy;
                let output = symmetric::encrypt(&parameters, key.expose(), iv, additional, data, &entropy);
                let output = output.map_err(refused)?;
                bytes(&[&*output.data, &output.tag.unwrap_or_default()].concat())
            }
            (Task::Decrypt(Cipher::Aes(cipher), data), Material::Secret(key)) => {
                let (parameters, iv, additional) = parameters(cipher);
                let (data, tag) = wrap::without_tag(&parameters, data).map_err(refused)?;
                bytes(&symmetric::decrypt(&parameters, key.expose(), iv, additional, data, tag).map_err(refused)?)
            }
            (Task::Encrypt(cipher, data), Material::Private(key)) => {
                let PublicKey::Rsa(key) = key.public() else { return Err(VaultError::NotSupported("encrypting")) };
                bytes(&key.encrypt(rsa(cipher)?, data).map_err(refused)?)
            }
            (Task::Decrypt(cipher, data), Material::Private(key)) => {
                let PrivateKey::Rsa(key) = &**key else { return Err(VaultError::NotSupported("decrypting")) };
                Ok(Output::Bytes(key.decrypt(rsa(cipher)?, data, SoftwareRsa::Allow).map_err(refused)?))
            }
            (Task::Sign(signature, data), Material::Private(key)) => bytes(&sign(key, signature, data)?),
            (Task::Verify(Signature::Ecdsa | Signature::Ed25519, ..), Material::Private(_)) => {
                Err(VaultError::NotSupported("verifying"))
            }
            (Task::Verify(signature, data, value), Material::Private(key)) => {
                let PublicKey::Rsa(key) = key.public() else { return Err(VaultError::NotSupported("verifying")) };
                let valid = key.verify(scheme(signature)?, Input::Digest(data), value).map_err(refused)?;
                Ok(Output::Valid(valid))
            }
            (Task::Mac(algorithm, data), Material::Secret(key)) => {
                bytes(&mac::mac(algorithm, key.expose(), data).map_err(refused)?)
            }
            (Task::Agree(peer), Material::Private(key)) => {
                let PrivateKey::Ec(key) = &**key else { return Err(VaultError::NotSupported("ECDH")) };
                Ok(Output::Bytes(key.agree(peer).map_err(refused)?))
            }
            (Task::Wrap(way, wrapped), Material::Secret(kek)) => {
                let (spec, target) = keys.get(wrapped).ok_or(HsmError::NotFound)?;
                if !spec.wrappable {
                    return Err(HsmError::Refused("not extractable".into()).into());
                }
                let plain = match target {
                    Material::Secret(key) => KeyBytes::copy_from(key.expose()),
                    Material::Private(key) => {
                        let form = formats::encode_private(key, crate::registry::KeyFormatType::PKCS_8);
                        let formats::Encoded::Bytes(bytes) = form.map_err(refused)? else { unreachable!() };
                        bytes
                    }
                };
                let wrapped = match way {
                    KeyWrap::Plain => wrap::nist_wrap(kek.expose(), plain.expose()),
                    KeyWrap::Padded => wrap::nist_wrap_padded(kek.expose(), plain.expose()),
                };
                bytes(&wrapped.map_err(refused)?)
            }
            (Task::Unwrap(way, own, spec, wrapped), Material::Secret(kek)) => {
                let plain = match way {
                    KeyWrap::Plain => wrap::nist_unwrap(kek.expose(), wrapped),
                    KeyWrap::Padded => wrap::nist_unwrap_padded(kek.expose(), wrapped),
                };
                let material = Material::Secret(plain.map_err(refused)?);
                keys.entry(id(own)).or_insert((spec, material));
                Ok(Output::Key(id(own)))
            }
            _ => Err(VaultError::NotSupported("a use that this key is not made for")),
        }
    }

    fn erase(&self, key: &KeyId) -> Result<()> {
        self.open().remove(key);
        Ok(())
    }

    fn list(&self) -> Result<Vec<KeyId>> {
        Ok(self.open().keys().cloned().collect())
    }
}

fn made(kind: ResidentKind) -> Material {
    let (algorithm, length, curve) = match kind {
        ResidentKind::Aes(bits) | ResidentKind::Hmac(bits) => {
            let key = random::secret(&SystemEntropy, bits as usize / 8).unwrap();
            return Material::Secret(key);
        }
        ResidentKind::Rsa(bits) => (CryptographicAlgorithm::RSA, Some(bits as i32), None),
        ResidentKind::Ec(curve) => (CryptographicAlgorithm::EC, None, Some(curve.recommended())),
        ResidentKind::Ed25519 => (CryptographicAlgorithm::Ed25519, None, None),
    };
    let spec = KeySpec { algorithm, length, curve, software: SoftwareRsa::Refuse };
    Material::Private(Box::new(PrivateKey::generate(&spec).unwrap()))
}

fn parameters(cipher: &BareCipher) -> (Parameters, Option<&[u8]>, &[u8]) {
    let of = |mode| Parameters::with_mode(CryptographicAlgorithm::AES, mode);
    match cipher {
        BareCipher::Ecb => (of(BlockCipherMode::ECB), None, &[]),
        BareCipher::Cbc(iv) => (of(BlockCipherMode::CBC), Some(iv), &[]),
        BareCipher::Ctr(block, bits) => {
            (Parameters { counter_length: Some(*bits as i32), ..of(BlockCipherMode::CTR) }, Some(block), &[])
        }
        BareCipher::Gcm { iv, additional, tag_bytes } => {
            (Parameters { tag_length: Some(*tag_bytes as i32), ..of(BlockCipherMode::GCM) }, Some(iv), additional)
        }
        BareCipher::KeyWrap => (of(BlockCipherMode::NISTKeyWrap), None, &[]),
        BareCipher::KeyWrapPad => (of(BlockCipherMode::AESKeyWrapPadding), None, &[]),
    }
}

fn rsa(cipher: &Cipher) -> Result<RsaEncryption<'_>> {
    match cipher {
        Cipher::RsaPkcs1 => Ok(RsaEncryption::Pkcs1v15),
        Cipher::RsaOaep { hash, mask_hash, label } => {
            Ok(RsaEncryption::Oaep { hash: *hash, mask_hash: *mask_hash, label })
        }
        Cipher::Aes(_) => Err(VaultError::NotSupported("AES with a key of a pair")),
    }
}

fn scheme(signature: Signature) -> Result<RsaSignature> {
    match signature {
        Signature::RsaPkcs1(hash) => Ok(RsaSignature::Pkcs1v15 { hash }),
        Signature::RsaPss { hash, mask_hash, salt_bytes } => {
            Ok(RsaSignature::Pss { hash, mask_hash, salt_length: Some(salt_bytes) })
        }
        Signature::Ecdsa | Signature::Ed25519 => Err(VaultError::NotSupported("an RSA signature")),
    }
}

fn sign(key: &PrivateKey, signature: Signature, data: &[u8]) -> Result<Vec<u8>> {
    let usual = AsymmetricParameters::default();
    match (key, signature) {
        (PrivateKey::Rsa(key), signature) => {
            key.sign(scheme(signature)?, Input::Digest(data), SoftwareRsa::Allow).map_err(refused)
        }
        (PrivateKey::Ed25519(_), Signature::Ed25519) => {
            key.sign(&usual, Input::Message(data), SoftwareRsa::Refuse).map_err(refused)
        }
        (PrivateKey::Ec(ec), Signature::Ecdsa) => {
            let hash = match data.len() {
                20 => HashingAlgorithm::SHA_1,
                28 => HashingAlgorithm::SHA_224,
                48 => HashingAlgorithm::SHA_384,
                64 => HashingAlgorithm::SHA_512,
                _ => HashingAlgorithm::SHA_256,
            };
            Ok(fixed(&ec.sign(hash, Input::Digest(data)).map_err(refused)?, ec.public().curve().field_bytes()))
        }
        _ => Err(VaultError::NotSupported("this signature with this key")),
    }
}

/// r and s of a DER signature, each of `length` bytes.
fn fixed(der: &[u8], length: usize) -> Vec<u8> {
    let mut at = if der[1] & 0x80 == 0 { 2 } else { 3 };
    let mut out = Vec::new();
    for _ in 0..2 {
        let size = usize::from(der[at + 1]);
        let number = &der[at + 2..at + 2 + size];
        let number = if number[0] == 0 { &number[1..] } else { number };
        out.extend(std::iter::repeat_n(0, length - number.len()));
        out.extend_from_slice(number);
        at += 2 + size;
    }
    out
}

#[test]
fn memory_is_a_vault() {
    let lacking = super::suite::run(&MemoryVault::default());
    assert!(lacking.is_empty(), "{lacking:?}");
}
