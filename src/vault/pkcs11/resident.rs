//! Keys of clients in the token: made there, used there, destroyed there. They are sensitive and, unless asked for
//! otherwise, not extractable. Digests are made outside and signed inside, which every token can do.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use cryptoki::error::RvError;
use cryptoki::mechanism::aead::GcmParams;
use cryptoki::mechanism::rsa::{PkcsMgfType, PkcsOaepParams, PkcsOaepSource, PkcsPssParams};
use cryptoki::mechanism::{Mechanism, MechanismType};
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::Session;
use cryptoki::types::Ulong;

use super::Hsm;
use super::calls::Call;
use super::canary::ulong;
use super::error::{Fault, HsmError};
use super::keyid::{KeyId, Part};
use super::token::{ClassKey, Desk};
use crate::base::KeyBytes;
use crate::crypto::ec::{EcCurve, EcPublicKey};
use crate::crypto::keys::PublicKey;
use crate::crypto::rsa::RsaPublicKey;
use crate::registry::HashingAlgorithm;
use crate::vault::{Cipher, Generated, KeyVault, Output, ResidentKind, ResidentSpec, Signature, Task, VaultError};

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
}

impl KeyVault for Resident {
    fn offers_keys(&self) -> bool {
        true
    }

    fn generate(&self, own: [u8; 16], spec: ResidentSpec) -> Result<Generated, VaultError> {
        if self.keys.load(SeqCst) >= self.keys_max {
            return Err(VaultError::Full);
        }
        let id = self.id(own)?;
        let wanted = id.clone();
        let public = self.hsm.long("making a key", move |desk| make(desk, &wanted, spec))?;
        self.keys.fetch_add(1, SeqCst);
        Ok(Generated { id, public })
    }

    fn import(&self, own: [u8; 16], spec: ResidentSpec, material: &KeyBytes) -> Result<KeyId, VaultError> {
        let (kind, bits) = match spec.kind {
            ResidentKind::Aes(bits) => (KeyType::AES, bits),
            ResidentKind::Hmac(bits) => (KeyType::GENERIC_SECRET, bits),
            ResidentKind::Rsa(_) | ResidentKind::Ec(_) => {
                return Err(VaultError::NotSupported("bringing key pairs in"));
            }
        };
        if material.len() * 8 != bits as usize {
            return Err(HsmError::Refused("the key has another length".into()).into());
        }
        if self.keys.load(SeqCst) >= self.keys_max {
            return Err(VaultError::Full);
        }
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
                let (way, data) = (Way::of(cipher), KeyBytes::copy_from(data));
                let class = if way.is_rsa() { ClassKey::Public } else { ClassKey::Secret };
                let out = self.hsm.call("encrypting", move |desk| {
                    let handle = desk.key(class, &key)?;
                    desk.call(Call::Encrypt, |session| {
                        way.with(|mechanism| session.encrypt(mechanism, handle, data.expose()))
                    })
                })?;
                Ok(Output::Bytes(KeyBytes::new(out)))
            }
            Task::Decrypt(cipher, data) => {
                let (way, data) = (Way::of(cipher), data.to_vec());
                let class = if way.is_rsa() { ClassKey::Private } else { ClassKey::Secret };
                let out = self.hsm.call("decrypting", move |desk| {
                    let handle = desk.key(class, &key)?;
                    desk.call(Call::Decrypt, |session| way.with(|mechanism| session.decrypt(mechanism, handle, &data)))
                })?;
                Ok(Output::Bytes(KeyBytes::new(out)))
            }
            Task::Sign(signature, hash, digest) => {
                let input = input(signature, hash, digest)?;
                let out = self.hsm.call("signing", move |desk| {
                    let handle = desk.key(ClassKey::Private, &key)?;
                    desk.call(Call::Sign, |session| session.sign(&signing(signature, hash), handle, &input))
                })?;
                Ok(Output::Bytes(KeyBytes::new(out)))
            }
            Task::Verify(signature, hash, digest, value) => {
                let (input, value) = (input(signature, hash, digest)?, value.to_vec());
                let valid = self.hsm.call("verifying", move |desk| {
                    let handle = desk.key(ClassKey::Public, &key)?;
                    let check = |session: &Session| session.verify(&signing(signature, hash), handle, &input, &value);
                    match desk.call(Call::Verify, check) {
                        Ok(()) => Ok(true),
                        Err(Fault::Returned(RvError::SignatureInvalid | RvError::SignatureLenRange, _)) => Ok(false),
                        Err(fault) => Err(fault),
                    }
                })?;
                Ok(Output::Valid(valid))
            }
            Task::Mac(hash, data) => {
                let (_, mechanism) = hmac(hash).ok_or(VaultError::NotSupported("an HMAC with this hash"))?;
                let data = data.to_vec();
                let out = self.hsm.call("a MAC", move |desk| {
                    let handle = desk.key(ClassKey::Secret, &key)?;
                    desk.call(Call::Sign, |session| session.sign(&mechanism(), handle, &data))
                })?;
                Ok(Output::Bytes(KeyBytes::new(out)))
            }
            Task::Wrap(wrapped) => {
                let wrapped = wrapped.clone();
                let out = self.hsm.call("wrapping a key", move |desk| {
                    let handle = desk.key(ClassKey::Secret, &key)?;
                    let target = match desk.key_if_any(ClassKey::Secret, &wrapped)? {
                        Some(target) => target,
                        None => desk.key(ClassKey::Private, &wrapped)?,
                    };
                    desk.call(Call::Wrap, |session| session.wrap_key(&Mechanism::AesKeyWrapPad, handle, target))
                })?;
                Ok(Output::Bytes(KeyBytes::new(out)))
            }
            Task::Unwrap(own, wrapped) => {
                let id = self.id(own)?;
                let (wanted, wrapped) = (id.clone(), wrapped.to_vec());
                self.hsm.call("unwrapping a key", move |desk| {
                    let handle = desk.key(ClassKey::Secret, &key)?;
                    if desk.key_if_any(ClassKey::Secret, &wanted)?.is_some() {
                        return Ok(());
                    }
                    let spec = ResidentSpec { kind: ResidentKind::Aes(256), wrappable: false };
                    let template = desk.settings().template(secret_template(&wanted, spec, KeyType::AES));
                    let made = desk.call(Call::Unwrap, |session| {
                        session.unwrap_key(&Mechanism::AesKeyWrapPad, handle, &wrapped, &template)
                    })?;
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

/// Makes a key, or finds it, and gives the public half of a pair.
fn make(desk: &Desk<'_>, id: &KeyId, spec: ResidentSpec) -> Result<Option<PublicKey>, Fault> {
    match spec.kind {
        ResidentKind::Aes(bits) | ResidentKind::Hmac(bits) => {
            if desk.key_if_any(ClassKey::Secret, id)?.is_some() {
                return Ok(None);
            }
            let (kind, mechanism) = match spec.kind {
                ResidentKind::Aes(_) => (KeyType::AES, Mechanism::AesKeyGen),
                _ => (KeyType::GENERIC_SECRET, Mechanism::GenericSecretKeyGen),
            };
            let mut template = secret_template(id, spec, kind);
            template.push(Attribute::ValueLen(ulong(bits as usize / 8)));
            let template = desk.settings().template(template);
            let handle = desk.call(Call::Generate, |session| session.generate_key(&mechanism, &template))?;
            if !spec.wrappable {
                super::wrap::keep_if_locked_in(desk, handle)?;
            }
            desk.remember(ClassKey::Secret, id, handle);
            Ok(None)
        }
        ResidentKind::Rsa(_) | ResidentKind::Ec(_) => {
            if desk.key_if_any(ClassKey::Private, id)?.is_none() {
                make_pair(desk, id, spec)?;
            }
            let public = desk.key(ClassKey::Public, id)?;
            read_public(desk, public, spec.kind).map(Some)
        }
    }
}

fn secret_template(id: &KeyId, spec: ResidentSpec, kind: KeyType) -> Vec<Attribute> {
    let mac = kind == KeyType::GENERIC_SECRET;
    let mut template = vec![Attribute::Class(ObjectClass::SECRET_KEY), Attribute::KeyType(kind)];
    template.extend(common(id));
    template.extend(locked(spec));
    template.extend(if mac {
        vec![Attribute::Sign(true), Attribute::Verify(true)]
    } else {
        vec![Attribute::Encrypt(true), Attribute::Decrypt(true), Attribute::Wrap(true), Attribute::Unwrap(true)]
    });
    template
}

fn common(id: &KeyId) -> Vec<Attribute> {
    vec![
        Attribute::Token(true),
        // Some tools and modules find keys by label alone, so it is as unique as the identifier.
        Attribute::Label(format!("keyhaven {id}").into_bytes()),
        Attribute::Id(id.bytes().to_vec()),
    ]
}

fn locked(spec: ResidentSpec) -> Vec<Attribute> {
    vec![
        Attribute::Private(true),
        Attribute::Sensitive(true),
        Attribute::Extractable(spec.wrappable),
        Attribute::Modifiable(false),
        Attribute::Copyable(false),
    ]
}

fn make_pair(desk: &Desk<'_>, id: &KeyId, spec: ResidentSpec) -> Result<(), Fault> {
    let rsa = matches!(spec.kind, ResidentKind::Rsa(_));
    let mut public = common(id);
    let mut private = [common(id), locked(spec), vec![Attribute::Sign(true)]].concat();
    public.push(Attribute::Verify(true));
    let mechanism = match spec.kind {
        ResidentKind::Rsa(bits) => {
            public.push(Attribute::ModulusBits(Ulong::from(u64::from(bits))));
            // Always given: some tokens have no default, others an odd one.
            public.push(Attribute::PublicExponent(vec![1, 0, 1]));
            Mechanism::RsaPkcsKeyPairGen
        }
        ResidentKind::Ec(curve) => {
            public.push(Attribute::EcParams(named(curve).ok_or_else(|| refused("this curve"))?.to_vec()));
            Mechanism::EccKeyPairGen
        }
        ResidentKind::Aes(_) | ResidentKind::Hmac(_) => return Err(refused("a pair of this kind")),
    };
    if rsa {
        public.push(Attribute::Encrypt(true));
        private.push(Attribute::Decrypt(true));
    }
    let (public, private) = (desk.settings().template(public), desk.settings().template(private));
    let (_, handle) = desk.call(Call::Generate, |session| session.generate_key_pair(&mechanism, &public, &private))?;
    if spec.wrappable { Ok(()) } else { super::wrap::keep_if_locked_in(desk, handle) }
}

fn refused(what: &str) -> Fault {
    HsmError::Refused(format!("not offered: {what}")).into()
}

/// Named curves as EC parameters: DER of their object identifiers (RFC 5480).
fn named(curve: EcCurve) -> Option<&'static [u8]> {
    match curve {
        EcCurve::P256 => Some(&[0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07]),
        EcCurve::P384 => Some(&[0x06, 0x05, 0x2B, 0x81, 0x04, 0x00, 0x22]),
        EcCurve::P521 => Some(&[0x06, 0x05, 0x2B, 0x81, 0x04, 0x00, 0x23]),
        _ => None,
    }
}

fn read_public(desk: &Desk<'_>, handle: ObjectHandle, kind: ResidentKind) -> Result<PublicKey, Fault> {
    let read = |kinds: &[AttributeType]| desk.call(Call::Attributes, |session| session.get_attributes(handle, kinds));
    let broken = |_| refused("reading the public key that the token made");
    match kind {
        ResidentKind::Ec(curve) => {
            let point = read(&[AttributeType::EcPoint])?.into_iter().find_map(|one| match one {
                Attribute::EcPoint(point) => Some(point),
                _ => None,
            });
            let point = point.ok_or_else(|| refused("reading a point"))?;
            EcPublicKey::new(curve, inner(&point, curve)).map(PublicKey::Ec).map_err(broken)
        }
        _ => {
            let (mut modulus, mut exponent) = (Vec::new(), Vec::new());
            for one in read(&[AttributeType::Modulus, AttributeType::PublicExponent])? {
                match one {
                    Attribute::Modulus(bytes) => modulus = bytes,
                    Attribute::PublicExponent(bytes) => exponent = bytes,
                    _ => {}
                }
            }
            RsaPublicKey::new(&modulus, &exponent).map(PublicKey::Rsa).map_err(broken)
        }
    }
}

/// CKA_EC_POINT is a point in an OCTET STRING; some modules leave the OCTET STRING out.
fn inner(point: &[u8], curve: EcCurve) -> &[u8] {
    let length = 2 * curve.field_bytes() + 1;
    let header = point.len().saturating_sub(length);
    if point.len() > length && point[0] == 4 && matches!(header, 2 | 3) { &point[header..] } else { point }
}

/// A cipher that owns what it needs, for another thread.
enum Way {
    Gcm([u8; 12], Vec<u8>),
    Cbc([u8; 16]),
    CbcPad([u8; 16]),
    Ecb,
    RsaPkcs1,
    RsaOaep(HashingAlgorithm),
}

impl Way {
    fn of(cipher: Cipher<'_>) -> Self {
        match cipher {
            Cipher::Gcm(iv, aad) => Self::Gcm(iv, aad.to_vec()),
            Cipher::Cbc(iv) => Self::Cbc(iv),
            Cipher::CbcPad(iv) => Self::CbcPad(iv),
            Cipher::Ecb => Self::Ecb,
            Cipher::RsaPkcs1 => Self::RsaPkcs1,
            Cipher::RsaOaep(hash) => Self::RsaOaep(hash),
        }
    }

    fn is_rsa(&self) -> bool {
        matches!(self, Self::RsaPkcs1 | Self::RsaOaep(_))
    }

    /// Mechanisms hold pointers, so one is built where it is used.
    fn with<T>(&self, run: impl FnOnce(&Mechanism<'_>) -> cryptoki::error::Result<T>) -> cryptoki::error::Result<T> {
        match self {
            Self::Gcm(iv, aad) => {
                let mut iv = *iv;
                run(&Mechanism::AesGcm(GcmParams::new(&mut iv, aad, Ulong::from(128))?))
            }
            Self::Cbc(iv) => run(&Mechanism::AesCbc(*iv)),
            Self::CbcPad(iv) => run(&Mechanism::AesCbcPad(*iv)),
            Self::Ecb => run(&Mechanism::AesEcb),
            Self::RsaPkcs1 => run(&Mechanism::RsaPkcs),
            Self::RsaOaep(hash) => {
                let (hash, mask) = hashes(*hash).ok_or(cryptoki::error::Error::NotSupported)?;
                run(&Mechanism::RsaPkcsOaep(PkcsOaepParams::new(hash, mask, PkcsOaepSource::empty())))
            }
        }
    }
}

fn hashes(hash: HashingAlgorithm) -> Option<(MechanismType, PkcsMgfType)> {
    Some(match hash {
        HashingAlgorithm::SHA_1 => (MechanismType::SHA1, PkcsMgfType::MGF1_SHA1),
        HashingAlgorithm::SHA_256 => (MechanismType::SHA256, PkcsMgfType::MGF1_SHA256),
        HashingAlgorithm::SHA_384 => (MechanismType::SHA384, PkcsMgfType::MGF1_SHA384),
        HashingAlgorithm::SHA_512 => (MechanismType::SHA512, PkcsMgfType::MGF1_SHA512),
        _ => return None,
    })
}

type Maker = fn() -> Mechanism<'static>;

/// Length of the MAC in bytes, and the mechanism.
fn hmac(hash: HashingAlgorithm) -> Option<(usize, Maker)> {
    Some(match hash {
        HashingAlgorithm::SHA_1 => (20, || Mechanism::Sha1Hmac),
        HashingAlgorithm::SHA_256 => (32, || Mechanism::Sha256Hmac),
        HashingAlgorithm::SHA_384 => (48, || Mechanism::Sha384Hmac),
        HashingAlgorithm::SHA_512 => (64, || Mechanism::Sha512Hmac),
        _ => return None,
    })
}

/// DigestInfo before a digest (RFC 8017 §9.2, note 1).
fn digest_info(hash: HashingAlgorithm) -> Option<Vec<u8>> {
    const ARC: [u8; 8] = [0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02];
    let (last, length) = match hash {
        HashingAlgorithm::SHA_256 => (1, 32),
        HashingAlgorithm::SHA_384 => (2, 48),
        HashingAlgorithm::SHA_512 => (3, 64),
        _ => return None,
    };
    Some([&[0x30, 17 + length, 0x30, 0x0D, 0x06, 0x09][..], &ARC, &[last, 0x05, 0x00, 0x04, length]].concat())
}

/// What the token signs.
fn input(signature: Signature, hash: HashingAlgorithm, digest: &[u8]) -> Result<Vec<u8>, VaultError> {
    let (length, _) = hmac(hash).ok_or(VaultError::NotSupported("a signature with this hash"))?;
    if digest.len() != length {
        return Err(HsmError::Refused("the digest has another length".into()).into());
    }
    match signature {
        Signature::RsaPkcs1 => {
            let mut input = digest_info(hash).ok_or(VaultError::NotSupported("a signature with this hash"))?;
            input.extend_from_slice(digest);
            Ok(input)
        }
        Signature::RsaPss | Signature::Ecdsa => Ok(digest.to_vec()),
    }
}

fn signing(signature: Signature, hash: HashingAlgorithm) -> Mechanism<'static> {
    match signature {
        Signature::RsaPkcs1 => Mechanism::RsaPkcs,
        Signature::Ecdsa => Mechanism::Ecdsa,
        Signature::RsaPss => {
            // `input` has refused the hashes that are not in the table.
            let (hash_alg, mgf) = hashes(hash).unwrap_or((MechanismType::SHA256, PkcsMgfType::MGF1_SHA256));
            let s_len = ulong(hmac(hash).map_or(32, |(length, _)| length));
            Mechanism::RsaPkcsPss(PkcsPssParams { hash_alg, mgf, s_len })
        }
    }
}
