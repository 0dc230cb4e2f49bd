//! Wrapping a key with another key on its way out (Key Wrapping Specification, 1.4 §2.1.6, 2.1 §7.18), and what both
//! ways share: which key and which Cryptographic Parameters. The way back is in `unwrapping`.

use subtle::ConstantTimeEq;

use super::using::parameters::{of_cipher, of_pair};
use super::using::{TokenKey, permit, software};
use super::{Cx, Object, fresh};
use crate::base::{Error, Field, KeyBytes, Result, Value};
use crate::crypto::keys::Input;
use crate::crypto::mac::{self, MacAlgorithm};
use crate::crypto::{CryptoError, symmetric, wrap};
use crate::model::lifecycle::is_destroyed;
use crate::model::right::{Release, Right};
use crate::model::usage::{AfterLife, Use, may_use};
use crate::model::values::{AttributeValue, CryptographicParameters, UsageLimits};
use crate::model::{Attribute, Refusal, attr};
use crate::proto::attributes::Selector;
use crate::proto::id::IdRef;
use crate::proto::objects::{Body, BodyKind, ObjectAnswer, write_key_value};
use crate::proto::wire::structure;
use crate::registry::{BlockCipherMode, EncodingOption, ObjectType, ResultReason, Tag, WrappingMethod};
use crate::ttlv::{Item, Writer};
use crate::vault::{KeyId, KeyWrap};

structure! {
    /// How the client wants the key wrapped.
    pub struct Specification<'a> reads {
        req WrappingMethod => method: WrappingMethod;
        opt EncryptionKeyInformation => encryption: KeyInformation<'a>;
        opt MACSignatureKeyInformation => mac: KeyInformation<'a>;
        many AttributeName | AttributeReference => names: Selector<'a>;
        opt EncodingOption => encoding: EncodingOption;
    }
}

structure! {
    /// A wrapping key and how it is to be used.
    pub struct KeyInformation<'a> reads {
        req UniqueIdentifier => id: IdRef<'a>;
        opt CryptographicParameters => parameters: Item<'a>;
    }
}

/// What a wrapping method does, in its order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Steps {
    /// It encrypts.
    pub encrypts: bool,
    /// It makes a MAC or signature.
    pub authenticates: bool,
    /// The MAC or signature is that of the ciphertext.
    pub mac_last: bool,
}

/// The steps of each method (2.1 §11.62). TR-31 has a format of its own, which this server does not make.
const METHODS: &[(WrappingMethod, Steps)] = &[
    (WrappingMethod::Encrypt, Steps { encrypts: true, authenticates: false, mac_last: false }),
    (WrappingMethod::MACSign, Steps { encrypts: false, authenticates: true, mac_last: true }),
    (WrappingMethod::EncryptThenMACSign, Steps { encrypts: true, authenticates: true, mac_last: true }),
    (WrappingMethod::MACSignThenEncrypt, Steps { encrypts: true, authenticates: true, mac_last: false }),
];

impl Steps {
    /// The steps of a method.
    ///
    /// # Errors
    /// Feature Not Supported for TR-31 and extensions; Invalid Field if the key of a step is missing or one is there
    /// that the method has no use for.
    pub fn of(method: WrappingMethod, encryption: bool, mac: bool) -> Result<Self> {
        let Some((_, steps)) = METHODS.iter().find(|(known, _)| *known == method) else {
            return Err(Error::new(
                ResultReason::FeatureNotSupported,
                format!("this server has no Wrapping Method {method}"),
            ));
        };
        if (steps.encrypts, steps.authenticates) != (encryption, mac) {
            return Err(Error::invalid_field(format!(
                "the Wrapping Method {method} and the keys named for it do not fit together"
            )));
        }
        Ok(*steps)
    }

    /// How key material leaves that is wrapped so: a MAC hides nothing.
    pub fn release(self) -> Release {
        if self.encrypts { Release::Wrapped } else { Release::Plain }
    }
}

/// A key that wraps or unwraps, ready for use.
pub struct WrappingKey {
    /// The object.
    pub object: Object,
    /// The parameters to use.
    pub parameters: CryptographicParameters,
    material: Material,
}

/// Where the wrapping key's material is.
pub enum Material {
    /// Here.
    Body(Body),
    /// In the HSM.
    Token(TokenKey),
}

impl Specification<'_> {
    /// The steps asked for.
    pub fn steps(&self) -> Result<Steps> {
        Steps::of(self.method, self.encryption.is_some(), self.mac.is_some())
    }

    /// Wraps the key in the answer, whose body is plain. The caller has the permit.
    pub fn apply(&self, cx: &mut Cx<'_>, object: &Object, answer: &mut ObjectAnswer) -> Result<()> {
        let steps = self.steps()?;
        let body = answer.body.take().filter(|_| has_key_block(object.object_type)).ok_or_else(|| {
            Error::new(ResultReason::InvalidObjectType, format!("a {} cannot be wrapped", object.object_type))
        })?;
        let encryption = self.encryption.as_ref().map(|key| self.key(cx, key, Role::Encrypts)).transpose()?;
        let mac = self.mac.as_ref().map(|key| self.key(cx, key, Role::Authenticates)).transpose()?;
        let plain = self.encoded(cx, object, &body)?;
        let mut fields = vec![Field::new(Tag::WrappingMethod, Value::Enumeration(self.method.0))];
        let wrapped = match &encryption {
            Some(key) => {
                fields.push(key.information(Tag::EncryptionKeyInformation));
                Some(key.encrypt(cx, plain.expose())?)
            }
            None => None,
        };
        let (bytes, iv) = match wrapped {
            Some(wrapped) => (KeyBytes::copy_from(&wrapped.bytes), wrapped.iv),
            None => (KeyBytes::copy_from(plain.expose()), None),
        };
        if let Some(key) = &mac {
            fields.push(key.information(Tag::MACSignatureKeyInformation));
            let covered = if steps.mac_last { &bytes } else { &plain };
            let tag = key.authenticate(cx, covered.expose())?;
            fields.push(Field::new(Tag::MACSignature, Value::ByteString(tag.into())));
        }
        if let Some(iv) = iv {
            fields.push(Field::new(Tag::IVCounterNonce, Value::ByteString(iv.into())));
        }
        if let Some(encoding) = self.encoding {
            fields.push(Field::new(Tag::EncodingOption, Value::Enumeration(encoding.0)));
        }
        for key in [encryption, mac].into_iter().flatten() {
            key.spend(cx, plain.expose().len())?;
        }
        answer.material.wrapping = Some(Value::Structure(fields));
        answer.body = Some(Body { kind: BodyKind::Wrapped, bytes });
        Ok(())
    }

    /// Wraps a key of the HSM with another one there. What leaves is the wrapped key itself, so there is no Key Value
    /// around it that attributes could be in.
    pub fn apply_in_token(&self, cx: &mut Cx<'_>, key: &KeyId, answer: &mut ObjectAnswer) -> Result<()> {
        let refused = |words: &str| Err(Error::new(ResultReason::FeatureNotSupported, words.to_owned()));
        if self.steps()? != (Steps { encrypts: true, authenticates: false, mac_last: false }) {
            return refused("a key in the HSM is only wrapped with Wrapping Method Encrypt");
        }
        if self.encoding != Some(EncodingOption::NoEncoding) || !self.names.is_empty() {
            return Err(Error::new(
                ResultReason::EncodingOptionError,
                "a key in the HSM is wrapped there as it is; ask for No Encoding and no attributes",
            ));
        }
        let Some(named) = &self.encryption else { return refused("no key is named to wrap with") };
        let wrapping = self.key(cx, named, Role::Encrypts)?;
        let Some(token) = wrapping.token() else {
            return refused("a key in the HSM leaves it only wrapped by another key of the HSM");
        };
        let Some(way) = wrapping.key_wrap() else {
            return refused("a key in the HSM is wrapped with NIST Key Wrap or AES Key Wrap Padding");
        };
        let bytes = token.wrap(cx, way, key)?;
        let fields = vec![
            Field::new(Tag::WrappingMethod, Value::Enumeration(self.method.0)),
            wrapping.information(Tag::EncryptionKeyInformation),
            Field::new(Tag::EncodingOption, Value::Enumeration(EncodingOption::NoEncoding.0)),
        ];
        wrapping.spend(cx, bytes.len())?;
        answer.material.wrapping = Some(Value::Structure(fields));
        answer.body = Some(Body { kind: BodyKind::Wrapped, bytes });
        Ok(())
    }

    /// What is wrapped: the Key Value structure, or with No Encoding the bytes of its Key Material alone.
    fn encoded(&self, cx: &Cx<'_>, object: &Object, body: &Body) -> Result<KeyBytes> {
        let refused = |why| Err(Error::new(ResultReason::EncodingOptionError, why));
        match self.encoding {
            None | Some(EncodingOption::TTLVEncoding) => {
                let mut out = Writer::default();
                write_key_value(body, &self.attributes(cx, object), &mut out, cx.version);
                Ok(KeyBytes::copy_from(out.written()))
            }
            Some(EncodingOption::NoEncoding) if !self.names.is_empty() => {
                refused("attributes can only be wrapped with TTLV Encoding")
            }
            Some(EncodingOption::NoEncoding) if body.kind == BodyKind::Bytes => {
                Ok(KeyBytes::copy_from(body.bytes.expose()))
            }
            Some(EncodingOption::NoEncoding) => refused("Key Material that is a structure needs TTLV Encoding"),
            Some(_) => refused("this server has no such Encoding Option"),
        }
    }

    /// The attributes that travel inside; those the object has not are left out, as in Get Attributes.
    fn attributes(&self, cx: &Cx<'_>, object: &Object) -> Vec<Attribute> {
        let all = super::get_attributes::visible(object, cx);
        let families: Vec<_> = self.names.iter().filter_map(|name| name.family()).collect();
        all.into_iter().filter(|one| families.iter().any(|family| family.contains(one))).collect()
    }

    fn key(&self, cx: &mut Cx<'_>, named: &KeyInformation<'_>, role: Role) -> Result<WrappingKey> {
        let object = wrapping_object(cx, named.id)?;
        let purpose = role.purpose(object.object_type, cx)?;
        may_use(&object.attributes, purpose, cx.now, AfterLife::Closed).map_err(|no| no.into_error(cx.version))?;
        let asked = named.parameters.map(|item| parameters_of(&item.to_value())).transpose()?;
        let parameters = agreed(&object, asked.as_ref(), cx)?;
        let material = material(cx, &object)?;
        Ok(WrappingKey { object, parameters, material })
    }
}

/// What a key does in wrapping.
#[derive(Clone, Copy)]
enum Role {
    Encrypts,
    Authenticates,
}

impl Role {
    /// The use that it makes of a key of this type.
    fn purpose(self, object_type: ObjectType, cx: &Cx<'_>) -> Result<Use> {
        match (self, object_type) {
            (Self::Encrypts, ObjectType::SymmetricKey | ObjectType::PublicKey) => Ok(Use::WrapKey),
            (Self::Authenticates, ObjectType::SymmetricKey) => Ok(Use::Mac),
            (Self::Authenticates, ObjectType::PrivateKey) => Ok(Use::Sign),
            _ => Err(not_a_key(object_type, cx)),
        }
    }
}

/// "Object with Encryption Key Information exists, but it is not a key" (1.4 §11.12).
pub fn not_a_key(object_type: ObjectType, cx: &Cx<'_>) -> Error {
    let words = format!("a {object_type} is not a key that can do this");
    Refusal::new(ResultReason::InvalidObjectType, ResultReason::IllegalOperation, words).into_error(cx.version)
}

/// Whether objects of this type have a Key Block, which is what can be wrapped.
pub fn has_key_block(object_type: ObjectType) -> bool {
    matches!(
        object_type,
        ObjectType::SymmetricKey
            | ObjectType::PublicKey
            | ObjectType::PrivateKey
            | ObjectType::SplitKey
            | ObjectType::SecretData
            | ObjectType::PGPKey
    )
}

/// The key that wraps, if it is there and the caller may wrap with it. Faults have reasons of their own here
/// (2.1 §6.1.19).
pub fn wrapping_object(cx: &mut Cx<'_>, id: IdRef<'_>) -> Result<Object> {
    let object = cx.object(Some(id), Right::Wrap).map_err(|error| match error.reason() {
        ResultReason::ObjectNotFound | ResultReason::ItemNotFound => {
            Error::new(ResultReason::WrappingObjectNotFound, "the wrapping key does not exist")
        }
        _ => error,
    })?;
    if is_destroyed(object.state(cx.now)) {
        return Err(Error::new(ResultReason::WrappingObjectDestroyed, "the wrapping key is destroyed"));
    }
    if object.is_archived() {
        return Err(Error::new(ResultReason::WrappingObjectArchived, "the wrapping key is archived; Recover it first"));
    }
    Ok(object)
}

/// The plain material of a wrapping key.
pub fn material(cx: &mut Cx<'_>, key: &Object) -> Result<Material> {
    if let Some(key) = TokenKey::of(cx, key)? {
        return Ok(Material::Token(key));
    }
    match cx.body(key)? {
        Some(body) if body.kind != BodyKind::Wrapped => Ok(Material::Body(body)),
        Some(_) => Err(Error::new(ResultReason::KeyValueNotPresent, "the wrapping key is itself kept wrapped")),
        None => Err(Error::new(ResultReason::KeyValueNotPresent, "the server does not hold the wrapping key's value")),
    }
}

/// Cryptographic Parameters from a message.
pub fn parameters_of(value: &Value) -> Result<CryptographicParameters> {
    CryptographicParameters::from_value(value)
        .ok_or_else(|| Error::invalid_field("Cryptographic Parameters have a field of the wrong type"))
}

/// The parameters of the key that the request means: one instance of its attribute has every field that was asked for;
/// asked for nothing, it is the one with the lowest index (1.4 §2.1.6, 2.1 §7.18).
fn agreed(key: &Object, asked: Option<&CryptographicParameters>, cx: &Cx<'_>) -> Result<CryptographicParameters> {
    let matches = |own: &CryptographicParameters| {
        let (Value::Structure(asked), own) =
            (asked.cloned().unwrap_or_default().into_value(), own.clone().into_value())
        else {
            return false;
        };
        asked.iter().all(|field| own.field(field.tag) == Some(&field.value))
    };
    key.attributes.all(attr::CRYPTOGRAPHIC_PARAMETERS).find(matches).ok_or_else(|| {
        let words = "the wrapping key has no Cryptographic Parameters that match those of the request";
        Refusal::new(ResultReason::BadCryptographicParameters, ResultReason::ItemNotFound, words).into_error(cx.version)
    })
}

impl WrappingKey {
    /// A key with the parameters to use; the caller checked that it may be used.
    pub fn new(object: Object, parameters: CryptographicParameters, material: Material) -> Self {
        Self { object, parameters, material }
    }

    /// The way of NIST key wrap that the parameters ask for, if they do.
    pub fn key_wrap(&self) -> Option<KeyWrap> {
        match self.cipher().ok()?.mode {
            Some(BlockCipherMode::NISTKeyWrap) => Some(KeyWrap::Plain),
            Some(BlockCipherMode::AESKeyWrapPadding) => Some(KeyWrap::Padded),
            _ => None,
        }
    }

    /// Key Information of the answer.
    fn information(&self, tag: Tag) -> Field {
        let fields = vec![
            Field::new(Tag::UniqueIdentifier, Value::text(self.object.id.clone())),
            Field::new(Tag::CryptographicParameters, self.parameters.clone().into_value()),
        ];
        Field::new(tag, Value::Structure(fields))
    }

    /// Wraps what is encoded.
    pub fn encrypt(&self, cx: &Cx<'_>, plain: &[u8]) -> Result<wrap::Wrapped> {
        if self.object.object_type == ObjectType::PublicKey {
            let Some(fresh::Parsed::Public(key)) = self.parsed() else { return Err(unusable()) };
            let bytes = key.encrypt(&of_pair(&self.parameters), plain).map_err(Error::from)?;
            return Ok(wrap::Wrapped { bytes, iv: None });
        }
        let parameters = self.cipher()?;
        permit(cx, symmetric::standing(parameters.algorithm))?;
        if let Material::Token(key) = &self.material {
            // As in `wrap::wrap`: a random IV, and the tag after the ciphertext.
            let parameters = symmetric::Parameters { random_iv: true, ..parameters };
            let output = key.encrypt(cx, &parameters, None, &[], plain)?;
            let bytes = [&*output.data, &output.tag.unwrap_or_default()].concat();
            return Ok(wrap::Wrapped { bytes, iv: output.iv });
        }
        let key = self.symmetric()?;
        Ok(wrap::wrap(&parameters, key.expose(), plain, &*cx.services.entropy)?)
    }

    /// The way back, for `unwrapping`.
    pub fn decrypt(&self, cx: &Cx<'_>, wrapped: &[u8], iv: Option<&[u8]>) -> Result<KeyBytes> {
        if self.object.object_type == ObjectType::PrivateKey {
            cx.block()?;
            let parameters = of_pair(&self.parameters);
            return match (&self.material, self.parsed()) {
                (Material::Token(key), _) => key.decrypt_with_private(cx, &parameters, wrapped),
                (_, Some(fresh::Parsed::Private(key))) => Ok(key.decrypt(&parameters, wrapped, software(cx))?),
                _ => Err(unusable()),
            };
        }
        let parameters = self.cipher()?;
        if let Material::Token(key) = &self.material {
            let (data, tag) = wrap::without_tag(&parameters, wrapped)?;
            return Ok(KeyBytes::copy_from(&key.decrypt(cx, &parameters, iv, &[], data, tag)?));
        }
        let key = self.symmetric()?;
        Ok(wrap::unwrap(&parameters, key.expose(), iv, wrapped)?)
    }

    /// Makes the MAC or signature.
    pub fn authenticate(&self, cx: &Cx<'_>, data: &[u8]) -> Result<Vec<u8>> {
        if self.object.object_type == ObjectType::PrivateKey {
            cx.block()?;
            let parameters = of_pair(&self.parameters);
            return match (&self.material, self.parsed()) {
                (Material::Token(key), _) => key.sign(cx, &parameters, Input::Message(data)),
                (_, Some(fresh::Parsed::Private(key))) => {
                    Ok(key.sign(&parameters, Input::Message(data), software(cx))?)
                }
                _ => Err(unusable()),
            };
        }
        if let Material::Token(key) = &self.material {
            return key.mac(cx, self.mac_algorithm()?, data);
        }
        let key = self.symmetric()?;
        Ok(mac::mac(self.mac_algorithm()?, key.expose(), data)?)
    }

    /// Whether MAC or signature are this key's, for `unwrapping`.
    pub fn verify(&self, cx: &Cx<'_>, data: &[u8], tag: &[u8]) -> Result<bool> {
        match self.object.object_type {
            ObjectType::SymmetricKey => {
                if let Material::Token(key) = &self.material {
                    return Ok(key.mac(cx, self.mac_algorithm()?, data)?.ct_eq(tag).into());
                }
                let key = self.symmetric()?;
                Ok(mac::verify(self.mac_algorithm()?, key.expose(), data, tag)?)
            }
            _ => {
                let key = match self.parsed() {
                    Some(fresh::Parsed::Private(key)) => key.public(),
                    Some(fresh::Parsed::Public(key)) => key,
                    None => return Err(unusable()),
                };
                Ok(key.verify(&of_pair(&self.parameters), Input::Message(data), tag)?)
            }
        }
    }

    fn symmetric(&self) -> Result<KeyBytes> {
        match &self.material {
            Material::Body(body) => super::symmetric::raw(body).ok_or_else(unusable),
            Material::Token(_) => Err(unusable()),
        }
    }

    /// The key of a pair, if it is here.
    fn parsed(&self) -> Option<fresh::Parsed> {
        match &self.material {
            Material::Body(body) => fresh::parsed(&self.object, body),
            Material::Token(_) => None,
        }
    }

    /// The key, if it is in the HSM.
    pub fn token(&self) -> Option<&TokenKey> {
        match &self.material {
            Material::Token(key) => Some(key),
            Material::Body(_) => None,
        }
    }

    fn mac_algorithm(&self) -> Result<MacAlgorithm> {
        let algorithm = self.object.attributes.get(attr::CRYPTOGRAPHIC_ALGORITHM);
        Ok(MacAlgorithm::new(algorithm, self.parameters.block_cipher_mode, self.parameters.hashing_algorithm)?)
    }

    /// "The algorithms used for wrapping are given by the Cryptographic Algorithm attributes of the encryption key and/or
    /// MAC/signature key" (1.4 §2.1.5).
    fn cipher(&self) -> Result<symmetric::Parameters> {
        Ok(of_cipher(&self.object, &self.parameters)?)
    }

    /// Wrapping applies protection, so it counts against the usage limits of the wrapping key (1.4 §3.21). One key may
    /// do both steps, so it is read again.
    fn spend(&self, cx: &mut Cx<'_>, bytes: usize) -> Result<()> {
        if !self.object.attributes.has(Tag::UsageLimits) {
            return Ok(());
        }
        let mut key = cx.object_by_id(&self.object.id, Right::Wrap)?;
        if let Some(limits) = key.attributes.get::<UsageLimits>(attr::USAGE_LIMITS) {
            let left = limits.after_use(bytes).map_err(|refusal| refusal.into_error(cx.version))?;
            key.attributes.set(attr::USAGE_LIMITS, left);
            cx.save(key)?;
        }
        Ok(())
    }
}

fn unusable() -> Error {
    CryptoError::BadKey("the wrapping key cannot be read").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_method_needs_its_keys() {
        let table = [
            (WrappingMethod::Encrypt, true, false, Ok(Release::Wrapped)),
            (WrappingMethod::Encrypt, true, true, Err(ResultReason::InvalidField)),
            (WrappingMethod::Encrypt, false, true, Err(ResultReason::InvalidField)),
            (WrappingMethod::MACSign, false, true, Ok(Release::Plain)),
            (WrappingMethod::MACSign, false, false, Err(ResultReason::InvalidField)),
            (WrappingMethod::EncryptThenMACSign, true, true, Ok(Release::Wrapped)),
            (WrappingMethod::EncryptThenMACSign, true, false, Err(ResultReason::InvalidField)),
            (WrappingMethod::MACSignThenEncrypt, true, true, Ok(Release::Wrapped)),
            (WrappingMethod::TR_31, true, false, Err(ResultReason::FeatureNotSupported)),
            (WrappingMethod(0x8000_0001), true, false, Err(ResultReason::FeatureNotSupported)),
        ];
        for (method, encryption, mac, expected) in table {
            let answer = Steps::of(method, encryption, mac);
            assert_eq!(answer.map(Steps::release).map_err(|error| error.reason()), expected, "{method}");
        }
    }
}
