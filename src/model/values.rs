//! The Rust types of attribute values. A structured attribute is one row a field; reading, writing and the check
//! of a client's value (`shape`) follow from the row.

use super::shape::{Count, FieldShape};
use crate::base::{BigInt, Date, Field, Value};
use crate::registry::*;

/// A Rust type that an attribute or a field of one may have.
pub trait AttributeValue: Sized {
    /// The item types it may have on the way in; empty means any.
    const TYPES: &'static [ItemType];
    /// The fields, if it is a structure.
    const FIELDS: &'static [FieldShape] = &[];
    /// Reads the value; `None` if it has another form.
    fn from_value(value: &Value) -> Option<Self>;
    /// The item value.
    fn into_value(self) -> Value;
}

macro_rules! plain {
    ($($T:ty: $item:ident, $from:expr, $into:expr;)*) => {$(
        impl AttributeValue for $T {
            const TYPES: &'static [ItemType] = &[ItemType::$item];
            fn from_value(value: &Value) -> Option<Self> {
                match value { Value::$item(inner) => $from(inner), _ => None }
            }
            fn into_value(self) -> Value {
                Value::$item($into(self))
            }
        }
    )*};
}

plain! {
    i32: Integer, |inner: &i32| Some(*inner), |this| this;
    i64: LongInteger, |inner: &i64| Some(*inner), |this| this;
    u32: Interval, |inner: &u32| Some(*inner), |this| this;
    bool: Boolean, |inner: &bool| Some(*inner), |this| this;
    Date: DateTime, |inner: &Date| Some(*inner), |this| this;
    String: TextString, |inner: &str| Some(inner.to_owned()), String::into_boxed_str;
    Vec<u8>: ByteString, |inner: &[u8]| Some(inner.to_vec()), Vec::into_boxed_slice;
    BigInt: BigInteger, |inner: &BigInt| Some(inner.clone()), |this| this;
}

macro_rules! enumerations {
    ($($T:ident)*) => {$(
        impl AttributeValue for $T {
            const TYPES: &'static [ItemType] = &[ItemType::Enumeration];
            fn from_value(value: &Value) -> Option<Self> {
                match value { Value::Enumeration(number) => Some(Self(*number)), _ => None }
            }
            fn into_value(self) -> Value {
                Value::Enumeration(self.0)
            }
        }
    )*};
}

macro_rules! bits {
    ($($T:ident)*) => {$(
        impl AttributeValue for $T {
            const TYPES: &'static [ItemType] = &[ItemType::Integer];
            fn from_value(value: &Value) -> Option<Self> {
                match value { Value::Integer(number) => Some(Self(number.cast_unsigned())), _ => None }
            }
            fn into_value(self) -> Value {
                Value::Integer(self.0.cast_signed())
            }
        }
    )*};
}

/// Opaque Data Type (1.4 §9.1.3.2.11): the standard names no value, every number is the client's own.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct OpaqueDataType(pub u32);

enumerations! {
    AlternativeNameType BlockCipherMode CertificateType CredentialType CryptographicAlgorithm DRBGAlgorithm
    DeactivationReasonCode DigitalSignatureAlgorithm FIPS186Variation HashingAlgorithm KEMAlgorithm KeyFormatType
    KeyRoleType KeyValueLocationType MaskGenerator NISTKeyType NameType ObjectClass ObjectType OpaqueDataType
    PaddingMethod ProtectionLevel RNGAlgorithm RecommendedCurve RevocationReasonCode RotateNameType SplitKeyMethod
    SplitKeyPolynomial State UsageLimitsUnit
}

bits! { CryptographicUsageMask ProtectionStorageMask }

macro_rules! slot {
    (Required $T:ty) => { $T };
    (Optional $T:ty) => { Option<$T> };
    (Many $T:ty) => { Vec<$T> };
}

macro_rules! read {
    (Required $T:ty, $value:ident, $tag:expr) => {
        <$T>::from_value($value.field($tag)?)?
    };
    (Optional $T:ty, $value:ident, $tag:expr) => {
        match $value.field($tag) {
            Some(field) => Some(<$T>::from_value(field)?),
            None => None,
        }
    };
    (Many $T:ty, $value:ident, $tag:expr) => {
        fields_of($value)
            .iter()
            .filter(|field| field.tag == $tag)
            .map(|field| <$T>::from_value(&field.value))
            .collect::<Option<Vec<$T>>>()?
    };
}

macro_rules! write {
    (Required $fields:ident, $from:expr, $tag:expr) => {
        $fields.push(Field::new($tag, $from.into_value()))
    };
    (Optional $fields:ident, $from:expr, $tag:expr) => {
        if let Some(inner) = $from {
            $fields.push(Field::new($tag, inner.into_value()))
        }
    };
    (Many $fields:ident, $from:expr, $tag:expr) => {
        $fields.extend($from.into_iter().map(|inner| Field::new($tag, inner.into_value())))
    };
}

macro_rules! structures {
    ($($(#[$meta:meta])* $Name:ident { $($field:ident: $count:ident $T:ty = $tag:ident,)* })*) => {$(
        $(#[$meta])*
        #[derive(Clone, PartialEq, Eq, Debug)]
        #[allow(missing_docs, reason = "fields carry the names of the standard")]
        pub struct $Name { $(pub $field: slot!($count $T),)* }

        impl AttributeValue for $Name {
            const TYPES: &'static [ItemType] = &[ItemType::Structure];
            const FIELDS: &'static [FieldShape] = &[$(FieldShape {
                tag: Tag::$tag, types: <$T as AttributeValue>::TYPES, count: Count::$count,
            },)*];
            fn from_value(value: &Value) -> Option<Self> {
                let Value::Structure(_) = value else { return None };
                Some(Self { $($field: read!($count $T, value, Tag::$tag),)* })
            }
            #[allow(clippy::vec_init_then_push, reason = "what is pushed depends on the row")]
            fn into_value(self) -> Value {
                let mut fields = Vec::new();
                $(write!($count fields, self.$field, Tag::$tag);)*
                Value::Structure(fields)
            }
        }
    )*};
}

structures! {
    /// Name (1.4 §3.2). A 3.0 name is the value alone; its type is Uninterpreted Text String.
    Name {
        value: Required String = NameValue,
        name_type: Required NameType = NameType,
    }
    /// Alternative Name (1.4 §3.40).
    AlternativeName {
        value: Required String = AlternativeNameValue,
        name_type: Required AlternativeNameType = AlternativeNameType,
    }
    /// Application Specific Information (1.4 §3.36). Absent data is for the server to make up.
    ApplicationSpecificInformation {
        namespace: Required String = ApplicationNamespace,
        data: Optional String = ApplicationData,
    }
    /// Certificate Identifier (1.4 §3.13), replaced by the X.509 one.
    CertificateIdentifier {
        issuer: Required String = Issuer,
        serial_number: Optional String = SerialNumber,
    }
    /// Certificate Issuer (1.4 §3.15), replaced by the X.509 one.
    CertificateIssuer {
        distinguished_name: Required String = CertificateIssuerDistinguishedName,
        alternative_names: Many String = CertificateIssuerAlternativeName,
    }
    /// Certificate Subject (1.4 §3.14), replaced by the X.509 one.
    CertificateSubject {
        distinguished_name: Required String = CertificateSubjectDistinguishedName,
        alternative_names: Many String = CertificateSubjectAlternativeName,
    }
    /// Cryptographic Domain Parameters (1.4 §3.7).
    #[derive(Default)]
    CryptographicDomainParameters {
        qlength: Optional i32 = Qlength,
        recommended_curve: Optional RecommendedCurve = RecommendedCurve,
    }
    /// Cryptographic Parameters (2.1 §4.16; 3.0 CSD02 adds the last seven). Lengths of IV, fixed field, invocation
    /// field and counter are in bits, those of tag and salt in bytes.
    #[derive(Default)]
    CryptographicParameters {
        block_cipher_mode: Optional BlockCipherMode = BlockCipherMode,
        padding_method: Optional PaddingMethod = PaddingMethod,
        hashing_algorithm: Optional HashingAlgorithm = HashingAlgorithm,
        key_role_type: Optional KeyRoleType = KeyRoleType,
        digital_signature_algorithm: Optional DigitalSignatureAlgorithm = DigitalSignatureAlgorithm,
        cryptographic_algorithm: Optional CryptographicAlgorithm = CryptographicAlgorithm,
        random_iv: Optional bool = RandomIV,
        iv_length: Optional i32 = IVLength,
        tag_length: Optional i32 = TagLength,
        fixed_field_length: Optional i32 = FixedFieldLength,
        invocation_field_length: Optional i32 = InvocationFieldLength,
        counter_length: Optional i32 = CounterLength,
        initial_counter_value: Optional i32 = InitialCounterValue,
        salt_length: Optional i32 = SaltLength,
        mask_generator: Optional MaskGenerator = MaskGenerator,
        mask_generator_hashing_algorithm: Optional HashingAlgorithm = MaskGeneratorHashingAlgorithm,
        p_source: Optional Vec<u8> = PSource,
        trailer_field: Optional i32 = TrailerField,
        kem_algorithm: Optional KEMAlgorithm = KEMAlgorithm,
        deterministic: Optional bool = Deterministic,
        context_string: Optional Vec<u8> = ContextString,
        input_key_material: Optional Vec<u8> = InputKeyMaterial,
        internal: Optional bool = Internal,
        external_mu: Optional bool = ExternalMu,
        random: Optional Vec<u8> = Random,
    }
    /// Deactivation Reason (3.0).
    DeactivationReason {
        code: Required DeactivationReasonCode = DeactivationReasonCode,
        message: Optional String = DeactivationMessage,
    }
    /// Digest (1.4 §3.17).
    Digest {
        hashing_algorithm: Required HashingAlgorithm = HashingAlgorithm,
        value: Optional Vec<u8> = DigestValue,
        key_format_type: Optional KeyFormatType = KeyFormatType,
    }
    /// Key Value Location (1.4 §3.42).
    KeyValueLocation {
        value: Required String = KeyValueLocationValue,
        location_type: Required KeyValueLocationType = KeyValueLocationType,
    }
    /// Random Number Generator: RNG Parameters (1.4 §2.1.18, §3.44).
    RandomNumberGenerator {
        algorithm: Required RNGAlgorithm = RNGAlgorithm,
        cryptographic_algorithm: Optional CryptographicAlgorithm = CryptographicAlgorithm,
        cryptographic_length: Optional i32 = CryptographicLength,
        hashing_algorithm: Optional HashingAlgorithm = HashingAlgorithm,
        drbg_algorithm: Optional DRBGAlgorithm = DRBGAlgorithm,
        recommended_curve: Optional RecommendedCurve = RecommendedCurve,
        fips186_variation: Optional FIPS186Variation = FIPS186Variation,
        prediction_resistance: Optional bool = PredictionResistance,
    }
    /// Revocation Reason (1.4 §3.31).
    RevocationReason {
        code: Required RevocationReasonCode = RevocationReasonCode,
        message: Optional String = RevocationMessage,
    }
    /// Rotate Name (2.1 §4.53).
    RotateName {
        value: Required String = RotateNameValue,
        name_type: Required RotateNameType = RotateNameType,
    }
    /// Usage Limits (1.4 §3.21): total and what remains, in units. A client states total and unit; the count is the
    /// server's.
    UsageLimits {
        total: Required i64 = UsageLimitsTotal,
        count: Optional i64 = UsageLimitsCount,
        unit: Required UsageLimitsUnit = UsageLimitsUnit,
    }
    /// X.509 Certificate Identifier (1.4 §3.10): DER.
    X509CertificateIdentifier {
        issuer: Required Vec<u8> = IssuerDistinguishedName,
        serial_number: Required Vec<u8> = CertificateSerialNumber,
    }
    /// X.509 Certificate Issuer (1.4 §3.12): DER.
    X509CertificateIssuer {
        distinguished_name: Required Vec<u8> = IssuerDistinguishedName,
        alternative_names: Many Vec<u8> = IssuerAlternativeName,
    }
    /// X.509 Certificate Subject (1.4 §3.11): DER.
    X509CertificateSubject {
        distinguished_name: Required Vec<u8> = SubjectDistinguishedName,
        alternative_names: Many Vec<u8> = SubjectAlternativeName,
    }
}

/// What a link points at (3.0 §4 Links).
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Target {
    /// One object, by its unique identifier: bound when the link was made.
    Object(Box<str>),
    /// Whichever object carries this name when the link is followed.
    Name(Box<str>),
}

impl AttributeValue for Target {
    const TYPES: &'static [ItemType] = &[ItemType::Reference, ItemType::NameReference];

    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Reference(id) => Some(Self::Object(id.clone())),
            Value::NameReference(name) => Some(Self::Name(name.clone())),
            _ => None,
        }
    }

    fn into_value(self) -> Value {
        match self {
            Self::Object(id) => Value::Reference(id),
            Self::Name(name) => Value::NameReference(name),
        }
    }
}

/// A vendor attribute (2.1 §4.60): of vendor "x" it is a custom attribute of a client, of vendor "y" one of the
/// server (1.4 §3.39).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct VendorAttribute {
    /// Vendor Identification.
    pub vendor: String,
    /// Attribute Name, without the prefix of 1.x.
    pub name: String,
    /// Attribute Value, of any type.
    pub value: Value,
}

impl AttributeValue for VendorAttribute {
    const TYPES: &'static [ItemType] = &[ItemType::Structure];
    const FIELDS: &'static [FieldShape] = &[
        FieldShape { tag: Tag::VendorIdentification, types: &[ItemType::TextString], count: Count::Required },
        FieldShape { tag: Tag::AttributeName, types: &[ItemType::TextString], count: Count::Required },
        FieldShape { tag: Tag::AttributeValue, types: &[], count: Count::Required },
    ];

    fn from_value(value: &Value) -> Option<Self> {
        Some(Self {
            vendor: String::from_value(value.field(Tag::VendorIdentification)?)?,
            name: String::from_value(value.field(Tag::AttributeName)?)?,
            value: value.field(Tag::AttributeValue)?.clone(),
        })
    }

    fn into_value(self) -> Value {
        Value::Structure(vec![
            Field::new(Tag::VendorIdentification, Value::text(self.vendor)),
            Field::new(Tag::AttributeName, Value::text(self.name)),
            Field::new(Tag::AttributeValue, self.value),
        ])
    }
}

fn fields_of(value: &Value) -> &[Field] {
    match value {
        Value::Structure(fields) => fields,
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip<T: AttributeValue + Clone + PartialEq + std::fmt::Debug>(value: T) {
        let item = value.clone().into_value();
        assert!(T::TYPES.contains(&item.item_type()));
        assert_eq!(T::from_value(&item), Some(value));
    }

    #[test]
    fn values_survive_the_way_to_items_and_back() {
        round_trip(-5_i32);
        round_trip(1_i64 << 40);
        round_trip(3600_u32);
        round_trip(true);
        round_trip(Date(-1));
        round_trip("text".to_owned());
        round_trip(vec![1_u8, 2]);
        round_trip(State::Active);
        round_trip(CryptographicUsageMask(0x8000_0001));
        round_trip(Target::Object("a".into()));
        round_trip(Target::Name("b".into()));
        round_trip(CryptographicParameters::default());
        round_trip(CryptographicParameters {
            block_cipher_mode: Some(BlockCipherMode::GCM),
            tag_length: Some(16),
            p_source: Some(vec![7]),
            external_mu: Some(true),
            ..CryptographicParameters::default()
        });
        round_trip(X509CertificateIssuer { distinguished_name: vec![1], alternative_names: vec![vec![2], vec![3]] });
        round_trip(VendorAttribute { vendor: "x".into(), name: "n".into(), value: Value::Integer(1) });
    }

    #[test]
    fn a_missing_or_mistyped_field_is_no_value() {
        assert_eq!(Name::from_value(&Value::Structure(vec![Field::new(Tag::NameValue, Value::text("a"))])), None);
        assert_eq!(Name::from_value(&Value::text("a")), None);
        let mistyped = Value::Structure(vec![Field::new(Tag::IVLength, Value::text("a"))]);
        assert_eq!(CryptographicParameters::from_value(&mistyped), None);
    }
}
