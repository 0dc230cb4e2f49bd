//! The root key in the token: AES-256, sensitive, not extractable, one key for each version. (On a token without AES it
//! is an RSA pair.) A small file without secrets says which server's keys they are. The keys of the ledger's epochs are keys
//! of the same kind, and wrap in the same way.
//!
//! A wrapped key is: `H`, format, method of wrapping, version of the root, length, a random transport key as the token
//! wrapped it, then nonce, ciphertext and tag of the key under the transport key. The outer half is the same for every
//! method, so even a method without authentication yields an authenticated value that is bound to its purpose.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::sync::{Arc, Mutex, PoisonError};

use aes_gcm::aead::{AeadInOut, KeyInit};
use aes_gcm::{Aes256Gcm, Nonce, Tag};
use cryptoki::object::{Attribute, ObjectHandle};

use super::Hsm;
use super::calls::Call;
use super::canary::{CHECK_BYTES, Canary, CanaryKind};
use super::error::{Fault, HsmError};
use super::keyid::{Instance, KeyId, Part};
use super::token::{ClassKey, Desk};
use super::wrap::{self, WrapMethod};
use crate::base::{Entropy, KeyBytes};
use crate::vault::epoch::Epochs;
use crate::vault::escrow::Named;
use crate::vault::root::{Advanced, MAGIC, Old, Renewal, Root, RootError, read, replace, write_new};

const FORMAT: [u8; 2] = [b'H', 1];
/// Format, method, version, length.
const HEADER_BYTES: usize = 2 + 1 + 4 + 2;
const KEY_BYTES: usize = 32;
const NONCE_BYTES: usize = 12;
const TAG_BYTES: usize = 16;

/// What the root file says. Nothing in it is secret.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RootFile {
    /// The canary, and with it whose keys these are.
    pub canary: Canary,
    /// The version of the root key that wraps now.
    pub version: u32,
}

impl RootFile {
    /// Reads the file.
    pub fn open(path: &Path) -> Result<Self, RootError> {
        let text = read(path)?;
        let fault = |words| RootError::Format(path.into(), words);
        let mut lines = text.lines();
        if lines.next() != Some(&format!("{MAGIC} pkcs11")) {
            return Err(fault("the first line is not `keyhaven-root 1 pkcs11`"));
        }
        let fields: Vec<&str> = lines.next().unwrap_or_default().split(' ').collect();
        let parsed = match fields[..] {
            [instance, version, kind, check] => parse(instance, version, kind, check),
            _ => None,
        };
        parsed.ok_or_else(|| fault("the second line is not `instance version canary check`"))
    }

    fn text(&self) -> String {
        let Canary { instance, kind, check } = &self.canary;
        format!("{MAGIC} pkcs11\n{} {} {kind} {}\n", hex(instance), self.version, hex(check))
    }
}

fn parse(instance: &str, version: &str, kind: &str, check: &str) -> Option<RootFile> {
    let kind = [CanaryKind::Aes, CanaryKind::Rsa].into_iter().find(|known| known.name() == kind)?;
    let instance: Instance = unhex(instance)?.try_into().ok()?;
    let check: [u8; CHECK_BYTES] = unhex(check)?.try_into().ok()?;
    Some(RootFile { canary: Canary { instance, kind, check }, version: version.parse().ok()? })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = text.chars().map(|one| one.to_digit(16).map(|digit| digit as u8)).collect();
    let digits = digits.filter(|digits| digits.len() % 2 == 0)?;
    Some(digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}

/// A root key in a token.
pub struct Pkcs11Root {
    hsm: Arc<Hsm>,
    path: PathBuf,
    file: Mutex<RootFile>,
    version: AtomicU32,
    /// What the probe found; it runs when the root is first used.
    method: Mutex<Option<(u32, WrapMethod)>>,
    entropy: Box<dyn Entropy>,
}

impl std::fmt::Debug for Pkcs11Root {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Pkcs11Root(version {})", self.version.load(SeqCst))
    }
}

impl Pkcs11Root {
    /// Makes canary and root key of a new server in the token, and the root file, which must not exist.
    pub fn create(hsm: &Hsm, path: &Path, entropy: &dyn Entropy) -> Result<(), RootError> {
        if path.exists() {
            let error = std::io::Error::from(std::io::ErrorKind::AlreadyExists);
            return Err(RootError::File(path.into(), error));
        }
        let mut instance = Instance::default();
        entropy.fill(&mut instance)?;
        let canary = hsm.make_canary(instance)?;
        make(hsm, &canary, Part::Root(1))?;
        write_new(path, &RootFile { canary, version: 1 }.text())
    }

    /// The root that a file describes, in an open token.
    pub fn new(hsm: Arc<Hsm>, path: &Path, file: RootFile, entropy: Box<dyn Entropy>) -> Self {
        let version = AtomicU32::new(file.version);
        Self { hsm, path: path.into(), file: Mutex::new(file), version, method: Mutex::default(), entropy }
    }

    /// The token.
    pub fn hsm(&self) -> &Arc<Hsm> {
        &self.hsm
    }

    /// The method of wrapping in use, once the root was used.
    pub fn method(&self) -> Option<WrapMethod> {
        let found = *self.method.lock().unwrap_or_else(PoisonError::into_inner);
        found.map(|(_, method)| method)
    }

    /// Writes what the root file is to say.
    fn say(&self, file: &mut RootFile, next: RootFile) -> Result<(), RootError> {
        replace(&self.path, &next.text())?;
        self.version.store(next.version, SeqCst);
        *file = next;
        Ok(())
    }

    fn canary(&self) -> Canary {
        self.file.lock().unwrap_or_else(PoisonError::into_inner).canary.clone()
    }

    fn id(&self, part: Part) -> KeyId {
        KeyId::new(&self.canary().instance, part)
    }

    /// The method for a version of the root: the first that passes a round trip.
    fn probed(&self, version: u32) -> Result<WrapMethod, RootError> {
        let mut known = self.method.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, method)) = known.filter(|(of, _)| *of == version) {
            return Ok(method);
        }
        let mut random = [0; KEY_BYTES];
        self.entropy.fill(&mut random)?;
        let id = self.id(Part::Root(version));
        let method = self.hsm.long("trying methods of wrapping", move |desk| wrap::probe(desk, &id, &random))?;
        tracing::info!(?method, version, "the root key of the HSM wraps");
        *known = Some((version, method));
        Ok(method)
    }
}

/// Makes the key of the root or of an epoch.
fn make(hsm: &Hsm, canary: &Canary, part: Part) -> Result<(), HsmError> {
    let id = KeyId::new(&canary.instance, part);
    let kind = canary.kind;
    let (what, label) = match part {
        Part::Epoch(number) => ("making the key of an epoch", format!("keyhaven epoch {number}")),
        Part::Root(version) => ("making the root key", format!("keyhaven root {version}")),
        Part::Canary | Part::Resident(_) => ("making a key", format!("keyhaven {id}")),
    };
    hsm.long(what, move |desk| match kind {
        CanaryKind::Aes if desk.key_if_any(ClassKey::Secret, &id)?.is_none() => {
            wrap::make_aes(desk, &id, &label).map(drop)
        }
        CanaryKind::Rsa if desk.key_if_any(ClassKey::Private, &id)?.is_none() => wrap::make_rsa(desk, &id, &label),
        // An unfinished run made it.
        _ => Ok(()),
    })
}

/// Destroys every object of a key.
fn destroy(desk: &Desk<'_>, id: &KeyId) -> Result<(), Fault> {
    for class in ClassKey::ALL {
        let Some(handle) = desk.key_if_any(class, id)? else { continue };
        desk.forget(class, id);
        desk.call(Call::Destroy, |session| session.destroy_object(handle))?;
    }
    Ok(())
}

impl Pkcs11Root {
    /// Wraps with a key of the token; `number` is which one of its kind, and stands in the result. The keys of one token
    /// and kind all wrap as the root key was found to.
    fn wrap_with(&self, part: Part, number: u32, key: &KeyBytes, purpose: &[u8]) -> Result<Vec<u8>, RootError> {
        let method = self.probed(self.version.load(SeqCst))?;
        let id = self.id(part);
        let mut transport = KeyBytes::fill(KEY_BYTES, |bytes| self.entropy.fill(bytes))?;
        transport = self.mixed(transport)?;
        let cipher = Aes256Gcm::new_from_slice(transport.expose()).map_err(|_| RootError::Wrong)?;
        let (mut iv, mut nonce) = ([0; 16], [0; NONCE_BYTES]);
        self.entropy.fill(&mut iv)?;
        self.entropy.fill(&mut nonce)?;
        let carried =
            self.hsm.call("wrapping with the root key", move |desk| wrap::wrap(desk, method, &id, &transport, iv))?;
        let mut wrapped = FORMAT.to_vec();
        wrapped.push(method as u8);
        wrapped.extend_from_slice(&number.to_be_bytes());
        wrapped.extend_from_slice(&u16::try_from(carried.len()).map_err(|_| RootError::Wrong)?.to_be_bytes());
        wrapped.extend_from_slice(&carried);
        let aad = [&wrapped, purpose].concat();
        wrapped.extend_from_slice(&nonce);
        let at = wrapped.len();
        wrapped.extend_from_slice(key.expose());
        let tag = cipher
            .encrypt_inout_detached(&Nonce::from(nonce), &aad, (&mut wrapped[at..]).into())
            .map_err(|_| RootError::Wrong)?;
        wrapped.extend_from_slice(&tag);
        Ok(wrapped)
    }

    fn unwrap_with(&self, part: Part, opened: &Wrapped<'_>, purpose: &[u8]) -> Result<KeyBytes, RootError> {
        let (method, id, carried) = (opened.method, self.id(part), opened.carried.to_vec());
        let transport = self.hsm.call("unwrapping with the root key", move |desk| {
            wrap::unwrap(desk, method, &id, &carried).map_err(altered)
        });
        let transport = transport.map_err(|error| match error {
            HsmError::Altered => RootError::Wrong,
            other => RootError::Hsm(other),
        })?;
        let cipher = Aes256Gcm::new_from_slice(transport.expose()).map_err(|_| RootError::Wrong)?;
        let nonce = Nonce::try_from(opened.nonce).map_err(|_| RootError::Wrong)?;
        let tag = Tag::try_from(opened.tag).map_err(|_| RootError::Wrong)?;
        let aad = [opened.header, purpose].concat();
        KeyBytes::fill(opened.cut.len(), |plain| {
            plain.copy_from_slice(opened.cut);
            cipher.decrypt_inout_detached(&nonce, &aad, plain.into(), &tag).map_err(|_| RootError::Wrong)
        })
    }
}

impl Root for Pkcs11Root {
    fn kind(&self) -> &'static str {
        "pkcs11"
    }

    fn epochs(&self) -> &dyn Epochs {
        self
    }

    fn wrap(&self, key: &KeyBytes, purpose: &[u8]) -> Result<Vec<u8>, RootError> {
        let version = self.version.load(SeqCst);
        self.wrap_with(Part::Root(version), version, key, purpose)
    }

    fn unwrap(&self, wrapped: &[u8], purpose: &[u8]) -> Result<KeyBytes, RootError> {
        let opened = Wrapped::read(wrapped).ok_or(RootError::Wrong)?;
        self.unwrap_with(Part::Root(opened.version), &opened, purpose)
    }

    fn mixed(&self, key: KeyBytes) -> Result<KeyBytes, RootError> {
        let length = key.len();
        let random = self.hsm.call("random bytes", move |desk| {
            let mut bytes = zeroize::Zeroizing::new(vec![0; length]);
            desk.call(Call::Random, |session| session.generate_random_slice(&mut bytes))?;
            Ok(bytes)
        });
        match random {
            Ok(random) => Ok(KeyBytes::fill(length, |mixed| {
                let pairs = key.expose().iter().zip(random.iter());
                mixed.iter_mut().zip(pairs).for_each(|(mixed, (one, other))| *mixed = one ^ other);
                Ok::<_, RootError>(())
            })?),
            // A token without a generator of its own adds nothing.
            Err(HsmError::Refused(_) | HsmError::Lacks(_)) => Ok(key),
            Err(error) => Err(error.into()),
        }
    }

    fn version(&self) -> u32 {
        self.version.load(SeqCst)
    }

    fn version_of(&self, wrapped: &[u8]) -> Option<u32> {
        Wrapped::read(wrapped).map(|wrapped| wrapped.version)
    }

    fn advance(&self, renewal: &Renewal) -> Result<Advanced, RootError> {
        if !matches!(renewal, Renewal::Key) {
            return Err(RootError::Unsupported("a root in an HSM is renewed with a new key"));
        }
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let next = RootFile { version: file.version + 1, canary: file.canary.clone() };
        make(&self.hsm, &next.canary, Part::Root(next.version))?;
        self.say(&mut file, next)?;
        Ok(Advanced { version: file.version, shares: Vec::new() })
    }

    /// A key that was made and never wrapped stays in the token; the next rotation takes it.
    fn settle(&self, version: u32, old: Old) -> Result<(), RootError> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        if file.version != version {
            let settled = RootFile { version, canary: file.canary.clone() };
            self.say(&mut file, settled)?;
        }
        let instance = file.canary.instance;
        drop(file);
        Ok(self.hsm.long("putting old root keys out of use", move |desk| {
            for number in 1..version {
                let id = KeyId::new(&instance, Part::Root(number));
                if old == Old::Destroy {
                    destroy(desk, &id)?;
                    continue;
                }
                for class in ClassKey::ALL {
                    if let Some(handle) = desk.key_if_any(class, &id)? {
                        deactivate(desk, handle);
                    }
                }
            }
            Ok(())
        })?)
    }
}

impl Epochs for Pkcs11Root {
    fn living(&self) -> Result<Vec<u32>, RootError> {
        let Canary { instance, kind, .. } = self.canary();
        let class = match kind {
            CanaryKind::Aes => ClassKey::Secret,
            CanaryKind::Rsa => ClassKey::Private,
        };
        let ids = self.hsm.long("listing the keys of epochs", move |desk| desk.all(class))?;
        let mut epochs: Vec<u32> = ids
            .iter()
            .filter_map(|id| match id.part(&instance) {
                Some(Part::Epoch(number)) => Some(number),
                _ => None,
            })
            .collect();
        epochs.sort_unstable();
        epochs.dedup();
        Ok(epochs)
    }

    fn begin(&self) -> Result<u32, RootError> {
        let next = self.living()?.last().map_or(1, |epoch| epoch + 1);
        make(&self.hsm, &self.canary(), Part::Epoch(next))?;
        Ok(next)
    }

    fn wrap_in(&self, epoch: u32, key: &KeyBytes, purpose: &[u8]) -> Result<Vec<u8>, RootError> {
        self.wrap_with(Part::Epoch(epoch), epoch, key, purpose)
    }

    fn unwrap_in(&self, epoch: u32, wrapped: &[u8], purpose: &[u8]) -> Result<KeyBytes, RootError> {
        let opened = Wrapped::read(wrapped).filter(|opened| opened.version == epoch).ok_or(RootError::Wrong)?;
        // A token that is away is told apart from a key that is gone.
        if !self.living()?.contains(&epoch) {
            return Err(RootError::Epoch(epoch));
        }
        self.unwrap_with(Part::Epoch(epoch), &opened, purpose)
    }

    fn end_before(&self, epoch: u32) -> Result<(), RootError> {
        let living = self.living()?;
        if !living.contains(&epoch) {
            return Err(RootError::Epoch(epoch));
        }
        let ended: Vec<KeyId> =
            living.iter().filter(|number| **number < epoch).map(|number| self.id(Part::Epoch(*number))).collect();
        Ok(self
            .hsm
            .long("destroying the keys of epochs", move |desk| ended.iter().try_for_each(|id| destroy(desk, id)))?)
    }

    fn keys(&self) -> Result<Option<Vec<Named>>, RootError> {
        Ok(None)
    }
}

/// An old root key wraps nothing more. Some tokens do not let a key be changed; the server does not use it either way.
fn deactivate(desk: &Desk<'_>, handle: ObjectHandle) {
    let closed = [Attribute::Encrypt(false), Attribute::Wrap(false)];
    if desk.call(Call::Attributes, |session| session.update_attributes(handle, &closed)).is_err() {
        tracing::info!("the HSM does not let the use of an old root key be limited");
    }
}

/// Tokens say in many ways that a ciphertext is not one of theirs.
fn altered(fault: Fault) -> Fault {
    use cryptoki::error::RvError::*;
    match fault {
        Fault::Returned(
            EncryptedDataInvalid
            | EncryptedDataLenRange
            | WrappedKeyInvalid
            | WrappedKeyLenRange
            | DataInvalid
            | DataLenRange
            | ArgumentsBad
            | TemplateInconsistent,
            _,
        ) => HsmError::Altered.into(),
        other => other,
    }
}

/// The parts of a wrapped key.
struct Wrapped<'a> {
    method: WrapMethod,
    version: u32,
    /// All before the nonce: associated data.
    header: &'a [u8],
    carried: &'a [u8],
    nonce: &'a [u8],
    cut: &'a [u8],
    tag: &'a [u8],
}

impl<'a> Wrapped<'a> {
    fn read(wrapped: &'a [u8]) -> Option<Self> {
        let head = wrapped.get(..HEADER_BYTES).filter(|head| head.starts_with(&FORMAT))?;
        let method = WrapMethod::from_number(head[2])?;
        let version = u32::from_be_bytes(head[3..7].try_into().ok()?);
        let length = usize::from(u16::from_be_bytes(head[7..9].try_into().ok()?));
        let (header, rest) = wrapped.split_at_checked(HEADER_BYTES + length)?;
        let (nonce, rest) = rest.split_at_checked(NONCE_BYTES)?;
        let (cut, tag) = rest.split_at_checked(rest.len().checked_sub(TAG_BYTES)?)?;
        Some(Self { method, version, header, carried: &header[HEADER_BYTES..], nonce, cut, tag })
    }
}
