//! The attributes of KMIP 1.0 to 3.0 as one table: type, instances, versions, and who may set, change and delete
//! them (the rules tables of 1.4 §3, 2.1 §4 and 3.0 §4). The rows only state facts; `rules` applies them.
//!
//! Inside the server an attribute has one form whatever the client's version: custom attributes are the vendor
//! attributes of 2.x (their tag is `Attribute`), links are the link attributes of 3.0, a name is the structure of 1.x
//! and 2.x, a group given by name is Object Group (in 3.0 a Group Link). `proto` converts at the wire; the versions of
//! a row are those that can say it, in whatever spelling.

use std::marker::PhantomData;

use super::shape::FieldShape;
use super::values::*;
use crate::base::Date;
use crate::registry::*;

/// How many instances an object may have.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Instances {
    /// At most one.
    One,
    /// Any number.
    Many,
}

/// Who gives the attribute its first value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SetBy {
    /// The client.
    Client,
    /// The server; a client that names it is refused.
    Server,
    /// The server, from what a client asks for when the object is made; afterwards it is read-only.
    Asked,
    /// Client or server.
    Both,
}

/// When a value may be changed or deleted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum When {
    /// Never.
    Never,
    /// At any time.
    Always,
    /// While the object is Pre-Active.
    PreActive,
    /// While the object is Pre-Active or Active.
    UpToActive,
    /// While the object is Pre-Active or Active and the date is not reached.
    UntilReached,
    /// Until Get Usage Allocation, or a use of the key, has changed the count.
    UntilUsed,
    /// From False to True only (3.0; the earlier versions do not say).
    OnlyToTrue,
    /// From True to False only (3.0; the earlier versions do not say).
    OnlyToFalse,
    /// Where the client left the value out.
    IfOmitted,
    /// The vendor attributes of vendor "y" are the server's, those of "x" a client's (2.1 §4.60); the rest is free.
    ByOwner,
}

/// A set of object types.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ObjectTypes(u32);

impl ObjectTypes {
    /// Every object.
    pub const ALL: Self = Self(u32::MAX);
    /// Managed Cryptographic Objects (1.4 §2.2).
    pub const CRYPTO: Self =
        Self::KEY.with(Self::CERTIFICATE).with(Self::of(&[ObjectType::SecretData, ObjectType::CertificateRequest]));
    /// Cryptographic objects and templates. Usage windows are here too: 1.4 §3.25 gives them to symmetric keys
    /// alone, but the test cases of every version put them on other keys and on secret data.
    pub const CRYPTO_TEMPLATE: Self = Self::CRYPTO.with(Self::TEMPLATE);
    /// Cryptographic objects and opaque ones.
    pub const CRYPTO_OPAQUE: Self = Self::CRYPTO.with(Self::OPAQUE);
    /// Keys.
    pub const KEY: Self = Self::of(&[
        ObjectType::SymmetricKey,
        ObjectType::PublicKey,
        ObjectType::PrivateKey,
        ObjectType::SplitKey,
        ObjectType::PGPKey,
    ]);
    /// Keys and templates.
    pub const KEY_TEMPLATE: Self = Self::KEY.with(Self::TEMPLATE);
    /// Public and private keys, and templates.
    pub const ASYMMETRIC_TEMPLATE: Self =
        Self::of(&[ObjectType::PublicKey, ObjectType::PrivateKey, ObjectType::Template]);
    /// Certificates.
    pub const CERTIFICATE: Self = Self::of(&[ObjectType::Certificate]);
    /// Certificates and PGP keys.
    pub const CERTIFICATE_PGP: Self = Self::of(&[ObjectType::Certificate, ObjectType::PGPKey]);
    /// Split keys.
    pub const SPLIT_KEY: Self = Self::of(&[ObjectType::SplitKey]);
    /// Objects that may be registered without their key value (1.4 §3.41).
    pub const WITH_KEY_VALUE: Self =
        Self::of(&[ObjectType::SymmetricKey, ObjectType::PrivateKey, ObjectType::SplitKey, ObjectType::SecretData]);
    /// Opaque objects.
    pub const OPAQUE: Self = Self::of(&[ObjectType::OpaqueObject]);
    /// Templates, which end with 1.4.
    pub const TEMPLATE: Self = Self::of(&[ObjectType::Template]);
    /// The credentials of 3.0.
    pub const CREDENTIAL: Self = Self::of(&[
        ObjectType::PasswordCredential,
        ObjectType::DeviceCredential,
        ObjectType::OneTimePasswordCredential,
        ObjectType::HashedPasswordCredential,
    ]);

    /// These types.
    pub const fn of(types: &[ObjectType]) -> Self {
        let (mut set, mut at) = (0, 0);
        while at < types.len() {
            set |= 1 << types[at].0;
            at += 1;
        }
        Self(set)
    }

    /// Either set.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether the type is in the set. A type that no version defines is in none but `ALL`.
    pub fn contains(self, object_type: ObjectType) -> bool {
        self == Self::ALL || 1_u32.checked_shl(object_type.0).is_some_and(|bit| self.0 & bit != 0)
    }
}

/// One row: an attribute and its rules.
#[derive(Debug)]
pub struct Rule {
    /// The attribute.
    pub tag: Tag,
    /// How many instances an object may have.
    pub instances: Instances,
    /// The first version that has it as an attribute; the tag may be older.
    pub since: Version,
    /// The last version that has it as an attribute.
    pub until: Version,
    /// Whether each object it applies to always has it.
    pub always: bool,
    /// Who gives it its first value.
    pub set_by: SetBy,
    /// When the server may change it without being asked.
    pub server: When,
    /// When a client may change it.
    pub client: When,
    /// When a client may delete it.
    pub delete: When,
    /// The objects it applies to, since 2.0.
    pub objects: ObjectTypes,
    /// The objects it applies to in 1.x.
    pub objects_1x: ObjectTypes,
    /// The item types of its value.
    pub types: &'static [ItemType],
    /// The fields of its value, if that is a structure.
    pub fields: &'static [FieldShape],
}

impl Rule {
    /// Whether `version` has the attribute. A tag may be older than its attribute.
    pub fn known_in(&self, version: Version) -> bool {
        self.since <= version && version <= self.until
    }

    /// Whether objects of this type may have the attribute in `version`.
    pub fn applies_to(&self, object_type: ObjectType, version: Version) -> bool {
        if version.is_1x() { self.objects_1x.contains(object_type) } else { self.objects.contains(object_type) }
    }

    /// Whether an object may have several instances.
    pub fn is_many(&self) -> bool {
        self.instances == Instances::Many
    }
}

/// An attribute together with the Rust type of its value: a wrong type does not compile.
pub struct Key<T> {
    tag: Tag,
    of: PhantomData<fn() -> T>,
}

impl<T> Key<T> {
    const fn new(tag: Tag) -> Self {
        Self { tag, of: PhantomData }
    }

    /// The attribute.
    pub const fn tag(self) -> Tag {
        self.tag
    }
}

impl<T> Clone for Key<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Key<T> {}

/// The rule of an attribute; `None` if the tag is not an attribute in any version.
pub fn rule(tag: Tag) -> Option<&'static Rule> {
    RULES.binary_search_by_key(&tag, |rule| rule.tag).ok().map(|at| &RULES[at])
}

macro_rules! always {
    () => {
        false
    };
    (always) => {
        true
    };
}

macro_rules! or {
    ($Type:ident $default:ident) => {
        $Type::$default
    };
    ($Type:ident $default:ident $given:ident) => {
        $Type::$given
    };
}

/// `TAG KEY: type, instances (always there), in version (until version), by whom set, (when changed by the server),
/// (when changed by a client), (when deleted by a client), of which objects (/ of which in 1.x)`. What is left out
/// is never.
macro_rules! attributes {
    ($($tag:ident $KEY:ident: $T:ty, $instances:ident $($always:ident)?, in $since:ident $(until $until:ident)?,
       by $by:ident $(, server $server:ident)? $(, client $client:ident)? $(, delete $delete:ident)?,
       of $objects:ident $(/ $objects_1x:ident)?;)*) => {
        /// Every attribute, in order of its tag; instances of an object are kept in this order.
        pub static RULES: &[Rule] = &[$(Rule {
            tag: Tag::$tag,
            instances: Instances::$instances,
            since: Version::$since,
            until: or!(Version V3_0 $($until)?),
            always: always!($($always)?),
            set_by: SetBy::$by,
            server: or!(When Never $($server)?),
            client: or!(When Never $($client)?),
            delete: or!(When Never $($delete)?),
            objects: ObjectTypes::$objects,
            objects_1x: or!(ObjectTypes $objects $($objects_1x)?),
            types: <$T as AttributeValue>::TYPES,
            fields: <$T as AttributeValue>::FIELDS,
        }),*];

        /// The attributes as typed keys.
        #[allow(missing_docs, reason = "constants carry the names of the standard")]
        pub mod attr {
            use super::*;
            $(pub const $KEY: Key<$T> = Key::new(Tag::$tag);)*
        }

        const _: () = {
            let tags = [$(Tag::$tag.0),*];
            let mut at = 1;
            while at < tags.len() {
                assert!(tags[at - 1] < tags[at], "attributes rise strictly");
                at += 1;
            }
        };
    };
}

attributes! {
    ActivationDate ACTIVATION_DATE: Date, One, in V1_0, by Both, server PreActive, client PreActive, of ALL / CRYPTO_TEMPLATE;
    ApplicationSpecificInformation APPLICATION_SPECIFIC_INFORMATION: ApplicationSpecificInformation, Many, in V1_0, by Both, server IfOmitted, client Always, delete Always, of ALL;
    ArchiveDate ARCHIVE_DATE: Date, One, in V1_0, by Server, of ALL;
    Attribute VENDOR_ATTRIBUTE: VendorAttribute, Many, in V1_0, by Both, server ByOwner, client ByOwner, delete ByOwner, of ALL;
    CertificateIdentifier CERTIFICATE_IDENTIFIER: CertificateIdentifier, One always, in V1_0 until V1_4, by Server, of CERTIFICATE;
    CertificateIssuer CERTIFICATE_ISSUER: CertificateIssuer, One always, in V1_0 until V1_4, by Server, of CERTIFICATE;
    CertificateSubject CERTIFICATE_SUBJECT: CertificateSubject, One always, in V1_0 until V1_4, by Server, of CERTIFICATE;
    CertificateType CERTIFICATE_TYPE: CertificateType, One always, in V1_0, by Asked, of CERTIFICATE;
    CompromiseDate COMPROMISE_DATE: Date, One, in V1_0, by Server, of ALL / CRYPTO_OPAQUE;
    CompromiseOccurrenceDate COMPROMISE_OCCURRENCE_DATE: Date, One, in V1_0, by Server, of ALL / CRYPTO_OPAQUE;
    ContactInformation CONTACT_INFORMATION: String, One, in V1_0, by Both, server Always, client Always, delete Always, of ALL;
    CredentialType CREDENTIAL_TYPE: CredentialType, One always, in V3_0, by Server, of CREDENTIAL;
    CryptographicAlgorithm CRYPTOGRAPHIC_ALGORITHM: CryptographicAlgorithm, One always, in V1_0, by Asked, of ALL / CRYPTO_TEMPLATE;
    CryptographicDomainParameters CRYPTOGRAPHIC_DOMAIN_PARAMETERS: CryptographicDomainParameters, One, in V1_0, by Client, of ASYMMETRIC_TEMPLATE;
    CryptographicLength CRYPTOGRAPHIC_LENGTH: i32, One always, in V1_0, by Asked, of ALL / CRYPTO_TEMPLATE;
    CryptographicParameters CRYPTOGRAPHIC_PARAMETERS: CryptographicParameters, Many, in V1_0, by Client, client Always, delete Always, of ALL / CRYPTO_TEMPLATE;
    CryptographicUsageMask CRYPTOGRAPHIC_USAGE_MASK: CryptographicUsageMask, One always, in V1_0, by Both, server Always, of ALL / CRYPTO_TEMPLATE;
    DeactivationDate DEACTIVATION_DATE: Date, One, in V1_0, by Both, server UpToActive, client UpToActive, of ALL / CRYPTO_TEMPLATE;
    DestroyDate DESTROY_DATE: Date, One, in V1_0, by Server, of ALL / CRYPTO_OPAQUE;
    Digest DIGEST: Digest, Many always, in V1_0, by Server, of ALL / CRYPTO_OPAQUE;
    InitialDate INITIAL_DATE: Date, One always, in V1_0, by Server, of ALL;
    KeyFormatType KEY_FORMAT_TYPE: KeyFormatType, One always, in V2_0, by Asked, of ALL;
    KeyPartIdentifier KEY_PART_IDENTIFIER: i32, One always, in V3_0, by Client, of SPLIT_KEY;
    LastChangeDate LAST_CHANGE_DATE: Date, One always, in V1_0, by Server, server Always, of ALL;
    LeaseTime LEASE_TIME: u32, One, in V1_0, by Server, server Always, of ALL / CRYPTO;
    Name NAME: Name, Many, in V1_0, by Client, server Always, client Always, delete Always, of ALL;
    ObjectGroup OBJECT_GROUP: String, Many, in V1_0, by Both, server Always, client Always, delete Always, of ALL;
    ObjectType OBJECT_TYPE: ObjectType, One always, in V1_0, by Server, of ALL;
    OpaqueDataType OPAQUE_DATA_TYPE: OpaqueDataType, One always, in V2_0, by Asked, of OPAQUE;
    OperationPolicyName OPERATION_POLICY_NAME: String, One, in V1_0 until V1_4, by Both, server Always, of ALL;
    ProcessStartDate PROCESS_START_DATE: Date, One, in V1_0, by Both, server UntilReached, client UntilReached, of ALL / CRYPTO_TEMPLATE;
    ProtectStopDate PROTECT_STOP_DATE: Date, One, in V1_0, by Both, server UntilReached, client UntilReached, of ALL / CRYPTO_TEMPLATE;
    RevocationReason REVOCATION_REASON: RevocationReason, One, in V1_0, by Server, server Always, of ALL / CRYPTO_OPAQUE;
    SplitKeyMethod SPLIT_KEY_METHOD: SplitKeyMethod, One always, in V3_0, by Client, of SPLIT_KEY;
    SplitKeyParts SPLIT_KEY_PARTS: i32, One always, in V3_0, by Client, of SPLIT_KEY;
    SplitKeyThreshold SPLIT_KEY_THRESHOLD: i32, One always, in V3_0, by Client, of SPLIT_KEY;
    State STATE: State, One always, in V1_0, by Server, server Always, of ALL / CRYPTO;
    UniqueIdentifier UNIQUE_IDENTIFIER: String, One always, in V1_0, by Server, of ALL;
    UsageLimits USAGE_LIMITS: UsageLimits, One, in V1_0, by Both, server Always, client UntilUsed, delete UntilUsed, of ALL / KEY_TEMPLATE;
    Fresh FRESH: bool, One always, in V1_1, by Both, server Always, of ALL / CRYPTO;
    CertificateLength CERTIFICATE_LENGTH: i32, One always, in V1_1, by Server, of CERTIFICATE;
    DigitalSignatureAlgorithm DIGITAL_SIGNATURE_ALGORITHM: DigitalSignatureAlgorithm, Many always, in V1_1, by Server, of CERTIFICATE_PGP;
    X_509CertificateIdentifier X_509_CERTIFICATE_IDENTIFIER: X509CertificateIdentifier, One always, in V1_1, by Server, of CERTIFICATE;
    X_509CertificateIssuer X_509_CERTIFICATE_ISSUER: X509CertificateIssuer, One always, in V1_1, by Server, of CERTIFICATE;
    X_509CertificateSubject X_509_CERTIFICATE_SUBJECT: X509CertificateSubject, One always, in V1_1, by Server, of CERTIFICATE;
    KeyValueLocation KEY_VALUE_LOCATION: KeyValueLocation, Many, in V1_2, by Client, client Always, delete Always, of ALL / WITH_KEY_VALUE;
    KeyValuePresent KEY_VALUE_PRESENT: bool, One, in V1_2, by Server, of ALL / WITH_KEY_VALUE;
    OriginalCreationDate ORIGINAL_CREATION_DATE: Date, One, in V1_2, by Both, of ALL;
    AlternativeName ALTERNATIVE_NAME: AlternativeName, Many, in V1_2, by Client, server IfOmitted, client Always, delete Always, of ALL;
    RandomNumberGenerator RANDOM_NUMBER_GENERATOR: RandomNumberGenerator, One, in V1_3, by Both, of ALL / CRYPTO;
    PKCS_12FriendlyName PKCS_12_FRIENDLY_NAME: String, One, in V1_4, by Both, client Always, delete Always, of ALL / CRYPTO;
    Description DESCRIPTION: String, One, in V1_4, by Both, server Always, client Always, delete Always, of ALL;
    Comment COMMENT: String, One, in V1_4, by Both, server Always, client Always, delete Always, of ALL;
    CertificateSubjectCN CERTIFICATE_SUBJECT_CN: String, Many, in V2_0, by Server, of CERTIFICATE;
    CertificateSubjectO CERTIFICATE_SUBJECT_O: String, Many, in V2_0, by Server, of CERTIFICATE;
    CertificateSubjectOU CERTIFICATE_SUBJECT_OU: String, Many, in V2_0, by Server, of CERTIFICATE;
    CertificateSubjectEmail CERTIFICATE_SUBJECT_EMAIL: String, Many, in V2_0, by Server, of CERTIFICATE;
    CertificateSubjectC CERTIFICATE_SUBJECT_C: String, Many, in V2_0, by Server, of CERTIFICATE;
    CertificateSubjectST CERTIFICATE_SUBJECT_ST: String, Many, in V2_0, by Server, of CERTIFICATE;
    CertificateSubjectL CERTIFICATE_SUBJECT_L: String, Many, in V2_0, by Server, of CERTIFICATE;
    CertificateSubjectUID CERTIFICATE_SUBJECT_UID: String, Many, in V2_0, by Server, of CERTIFICATE;
    CertificateSubjectSerialNumber CERTIFICATE_SUBJECT_SERIAL_NUMBER: String, Many, in V2_0, by Server, of CERTIFICATE;
    CertificateSubjectTitle CERTIFICATE_SUBJECT_TITLE: String, Many, in V2_0, by Server, of CERTIFICATE;
    CertificateSubjectDC CERTIFICATE_SUBJECT_DC: String, Many, in V2_0, by Server, of CERTIFICATE;
    CertificateSubjectDNQualifier CERTIFICATE_SUBJECT_DN_QUALIFIER: String, Many, in V2_0, by Server, of CERTIFICATE;
    CertificateIssuerCN CERTIFICATE_ISSUER_CN: String, Many, in V2_0, by Server, of CERTIFICATE;
    CertificateIssuerO CERTIFICATE_ISSUER_O: String, Many, in V2_0, by Server, of CERTIFICATE;
    CertificateIssuerOU CERTIFICATE_ISSUER_OU: String, Many, in V2_0, by Server, of CERTIFICATE;
    CertificateIssuerEmail CERTIFICATE_ISSUER_EMAIL: String, Many, in V2_0, by Server, of CERTIFICATE;
    CertificateIssuerC CERTIFICATE_ISSUER_C: String, Many, in V2_0, by Server, of CERTIFICATE;
    CertificateIssuerST CERTIFICATE_ISSUER_ST: String, Many, in V2_0, by Server, of CERTIFICATE;
    CertificateIssuerL CERTIFICATE_ISSUER_L: String, Many, in V2_0, by Server, of CERTIFICATE;
    CertificateIssuerUID CERTIFICATE_ISSUER_UID: String, Many, in V2_0, by Server, of CERTIFICATE;
    CertificateIssuerSerialNumber CERTIFICATE_ISSUER_SERIAL_NUMBER: String, Many, in V2_0, by Server, of CERTIFICATE;
    CertificateIssuerTitle CERTIFICATE_ISSUER_TITLE: String, Many, in V2_0, by Server, of CERTIFICATE;
    CertificateIssuerDC CERTIFICATE_ISSUER_DC: String, Many, in V2_0, by Server, of CERTIFICATE;
    CertificateIssuerDNQualifier CERTIFICATE_ISSUER_DN_QUALIFIER: String, Many, in V2_0, by Server, of CERTIFICATE;
    Sensitive SENSITIVE: bool, One always, in V1_4, by Both, server Always, client OnlyToTrue, of ALL;
    AlwaysSensitive ALWAYS_SENSITIVE: bool, One always, in V1_4, by Server, server Always, of ALL;
    Extractable EXTRACTABLE: bool, One always, in V1_4, by Both, server Always, client OnlyToFalse, of ALL;
    NeverExtractable NEVER_EXTRACTABLE: bool, One always, in V1_4, by Server, server Always, of ALL;
    ShortUniqueIdentifier SHORT_UNIQUE_IDENTIFIER: Vec<u8>, One always, in V2_0, by Server, of ALL;
    NISTKeyType NIST_KEY_TYPE: NISTKeyType, Many, in V2_0, by Client, of ALL;
    ProtectionLevel PROTECTION_LEVEL: ProtectionLevel, One, in V2_0, by Client, client Always, delete Always, of ALL;
    ProtectionPeriod PROTECTION_PERIOD: u32, One, in V2_0, by Client, client Always, delete Always, of ALL;
    QuantumSafe QUANTUM_SAFE: bool, One, in V2_0, by Client, client Always, delete Always, of ALL;
    ProtectionStorageMask PROTECTION_STORAGE_MASK: ProtectionStorageMask, One always, in V2_0, by Server, of ALL;
    RotateInterval ROTATE_INTERVAL: u32, One, in V2_1, by Both, server Always, of ALL;
    RotateAutomatic ROTATE_AUTOMATIC: bool, One, in V2_1, by Both, server Always, of ALL;
    RotateOffset ROTATE_OFFSET: u32, One, in V2_1, by Both, server Always, of ALL;
    RotateDate ROTATE_DATE: Date, One, in V2_1, by Server, of ALL;
    RotateGeneration ROTATE_GENERATION: i32, One, in V2_1, by Server, of ALL;
    RotateName ROTATE_NAME: RotateName, One, in V2_1, by Client, client Always, delete Always, of ALL;
    RotateLatest ROTATE_LATEST: bool, One, in V2_1, by Server, server Always, of ALL;
    CertificateLink CERTIFICATE_LINK: Target, Many, in V1_0, by Both, server Always, client Always, delete Always, of ALL / CRYPTO;
    ChildLink CHILD_LINK: Target, Many, in V1_2, by Both, server Always, client Always, delete Always, of ALL / CRYPTO;
    DerivationObjectLink DERIVATION_OBJECT_LINK: Target, Many, in V1_0, by Both, server Always, client Always, delete Always, of ALL / CRYPTO;
    DerivedObjectLink DERIVED_OBJECT_LINK: Target, Many, in V1_0, by Both, server Always, client Always, delete Always, of ALL / CRYPTO;
    NextLink NEXT_LINK: Target, Many, in V1_2, by Both, server Always, client Always, delete Always, of ALL / CRYPTO;
    ParentLink PARENT_LINK: Target, Many, in V1_2, by Both, server Always, client Always, delete Always, of ALL / CRYPTO;
    PKCS_12CertificateLink PKCS_12_CERTIFICATE_LINK: Target, Many, in V1_4, by Both, server Always, client Always, delete Always, of ALL / CRYPTO;
    PKCS_12PasswordLink PKCS_12_PASSWORD_LINK: Target, Many, in V1_4, by Both, server Always, client Always, delete Always, of ALL / CRYPTO;
    PreviousLink PREVIOUS_LINK: Target, Many, in V1_2, by Both, server Always, client Always, delete Always, of ALL / CRYPTO;
    PrivateKeyLink PRIVATE_KEY_LINK: Target, Many, in V1_0, by Both, server Always, client Always, delete Always, of ALL / CRYPTO;
    PublicKeyLink PUBLIC_KEY_LINK: Target, Many, in V1_0, by Both, server Always, client Always, delete Always, of ALL / CRYPTO;
    ReplacedObjectLink REPLACED_OBJECT_LINK: Target, Many, in V1_0, by Both, server Always, client Always, delete Always, of ALL / CRYPTO;
    ReplacementObjectLink REPLACEMENT_OBJECT_LINK: Target, Many, in V1_0, by Both, server Always, client Always, delete Always, of ALL / CRYPTO;
    WrappingKeyLink WRAPPING_KEY_LINK: Target, Many, in V2_0, by Both, server Always, client Always, delete Always, of ALL / CRYPTO;
    ObjectClass OBJECT_CLASS: ObjectClass, One always, in V3_0, by Both, of ALL;
    CredentialLink CREDENTIAL_LINK: Target, Many, in V3_0, by Both, server Always, client Always, delete Always, of ALL / CRYPTO;
    PasswordLink PASSWORD_LINK: Target, Many, in V3_0, by Both, server Always, client Always, delete Always, of ALL / CRYPTO;
    OTPCounter OTP_COUNTER: Vec<u8>, One, in V3_0, by Server, server Always, of CREDENTIAL;
    GroupLink GROUP_LINK: Target, Many, in V3_0, by Both, server Always, client Always, delete Always, of ALL / CRYPTO;
    SplitKeyBaseLink SPLIT_KEY_BASE_LINK: Target, Many, in V3_0, by Both, server Always, client Always, delete Always, of ALL / CRYPTO;
    JoinedSplitKeyPartsLink JOINED_SPLIT_KEY_PARTS_LINK: Target, Many, in V3_0, by Both, server Always, client Always, delete Always, of ALL / CRYPTO;
    SplitKeyPolynomial SPLIT_KEY_POLYNOMIAL: SplitKeyPolynomial, One always, in V3_0, by Client, of SPLIT_KEY;
    DeactivationReason DEACTIVATION_REASON: DeactivationReason, One, in V3_0, by Both, of ALL;
    CertificateSubjectDN CERTIFICATE_SUBJECT_DN: String, Many, in V3_0, by Server, of CERTIFICATE;
    CertificateIssuerDN CERTIFICATE_ISSUER_DN: String, Many, in V3_0, by Server, of CERTIFICATE;
    CertificateRequestLink CERTIFICATE_REQUEST_LINK: Target, Many, in V3_0, by Both, server Always, client Always, delete Always, of ALL / CRYPTO;
    CertifyCounter CERTIFY_COUNTER: i64, One always, in V3_0, by Server, server Always, of CRYPTO;
    DecryptCounter DECRYPT_COUNTER: i64, One always, in V3_0, by Server, server Always, of CRYPTO;
    EncryptCounter ENCRYPT_COUNTER: i64, One always, in V3_0, by Server, server Always, of CRYPTO;
    SignCounter SIGN_COUNTER: i64, One always, in V3_0, by Server, server Always, of CRYPTO;
    SignatureVerifyCounter SIGNATURE_VERIFY_COUNTER: i64, One always, in V3_0, by Server, server Always, of CRYPTO;
    NISTSecurityCategory NIST_SECURITY_CATEGORY: i32, One, in V3_0, by Both, of ALL;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_and_versions_agree_with_the_registry() {
        // Forms that only the inside has: `proto` converts them.
        let inside = [Tag::UniqueIdentifier, Tag::Attribute, Tag::ObjectGroup];
        for rule in RULES {
            let row = rule.tag.row().unwrap();
            assert!(row.since <= rule.since || super::super::link::is_link(rule.tag), "{:?}", rule.tag);
            assert!(rule.since <= rule.until, "{:?}", rule.tag);
            assert!(rule.until <= row.until || inside.contains(&rule.tag), "{:?}", rule.tag);
            for kind in rule.types {
                assert!(
                    row.types.is_empty() || row.types.contains(kind) || inside.contains(&rule.tag),
                    "{:?}",
                    rule.tag
                );
            }
            for field in rule.fields {
                let row = field.tag.row().unwrap();
                for kind in field.types {
                    assert!(row.types.contains(kind), "{:?} {:?}", rule.tag, field.tag);
                }
            }
        }
    }

    #[test]
    fn attributes_are_known_in_their_versions() {
        let known = |tag, version| rule(tag).is_some_and(|rule| rule.known_in(version));
        // The attribute sections of each specification, where Link stands for its Link Types and Certificate Attributes
        // for its 24 items: 33 + 6, 39 + 6, 43 + 10, 44 + 10, 51 + 12, 56 + 13 + 23, 63 + 13 + 23.
        let counts = [39, 45, 53, 54, 63, 92, 99];
        for (version, count) in Version::ALL.into_iter().zip(counts) {
            assert_eq!(RULES.iter().filter(|rule| rule.known_in(version)).count(), count, "{version}");
        }
        // The tag is of 1.0, the attribute of 2.0 (2.1 §4.26).
        assert!(!known(Tag::KeyFormatType, Version::V1_4) && known(Tag::KeyFormatType, Version::V2_0));
        assert!(known(Tag::OperationPolicyName, Version::V1_4) && !known(Tag::OperationPolicyName, Version::V2_0));
        assert!(!known(Tag::NextLink, Version::V1_1) && known(Tag::NextLink, Version::V1_2));
        assert!(!known(Tag::KeyBlock, Version::V2_1));
    }

    #[test]
    fn attributes_apply_to_their_objects() {
        let applies = |tag, object_type, version| rule(tag).unwrap().applies_to(object_type, version);
        let (v14, v21) = (Version::V1_4, Version::V2_1);
        assert!(!applies(Tag::CryptographicUsageMask, ObjectType::OpaqueObject, v14));
        assert!(applies(Tag::CryptographicUsageMask, ObjectType::OpaqueObject, v21));
        assert!(applies(Tag::Name, ObjectType::Template, v14));
        assert!(!applies(Tag::State, ObjectType::Template, v14));
        assert!(!applies(Tag::CertificateLength, ObjectType::SymmetricKey, v21));
        assert!(applies(Tag::Name, ObjectType(0x8000_0001), v21));
        assert!(!applies(Tag::CertificateLength, ObjectType(0x8000_0001), v21));
    }
}
