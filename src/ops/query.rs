//! Query: what this server is and can do, for the client's version (1.4 §4.25, 2.1 §6.1.40).

use super::{Cx, HANDLERS, Op};
use crate::base::{Field, Result, RngParameters, Value};
use crate::crypto::random::SYSTEM_RNG;
use crate::proto::wire::{Write, missing, structure};
use crate::registry::{
    AttestationType, ClientRegistrationMethod, CredentialType, DestroyAction, ObjectType, Operation, ProfileName,
    ProtectionStorageMask, QueryFunction, RNGMode, ShreddingAlgorithm, Tag, UnwrapMode, Version,
};
use crate::ttlv::{Item, Writer};

/// Query.
pub struct Query;

structure! {
    /// What the client wants to know. The answer is the same for every Object Group.
    pub struct Request<'a> reads {
        many QueryFunction => functions: QueryFunction;
        opt ObjectGroups => _groups: Item<'a>;
    }
}

structure! {
    /// What was asked for, in the order of the standard.
    pub struct Response writes {
        many Operation => operations: Operation;
        many ObjectType => object_types: ObjectType;
        opt VendorIdentification => vendor: &'static str;
        opt ServerInformation => server: ServerInformation;
        many ApplicationNamespace => namespaces: &'static str;
        many ExtensionInformation => extensions: Value;
        many AttestationType => attestation_types: AttestationType;
        many RNGParameters => rngs: Value;
        many ProfileInformation => profiles: Value;
        many ValidationInformation => validations: Value;
        many CapabilityInformation => capabilities: Capability;
        many ClientRegistrationMethod => registration_methods: ClientRegistrationMethod;
        opt DefaultsInformation => defaults: super::set_defaults::DefaultsInformation;
        opt ProtectionStorageMasks => storage_masks: Value;
        many CredentialInformation => credentials: Credentials;
    }
}

/// The object types that clients can have here, with the first row of each version's list in `registry`.
pub const OBJECT_TYPES: &[ObjectType] = &[
    ObjectType::Certificate,
    ObjectType::SymmetricKey,
    ObjectType::PublicKey,
    ObjectType::PrivateKey,
    ObjectType::SplitKey,
    ObjectType::Template,
    ObjectType::SecretData,
    ObjectType::OpaqueObject,
    ObjectType::PGPKey,
    ObjectType::CertificateRequest,
    ObjectType::User,
    ObjectType::Group,
    ObjectType::PasswordCredential,
    ObjectType::DeviceCredential,
    ObjectType::OneTimePasswordCredential,
    ObjectType::HashedPasswordCredential,
];

/// The profiles that hold. A profile is claimed when each of its clauses holds, those of its authentication suite too;
/// `docs/conformance.md` says what each of them still lacks.
const PROFILES: &[ProfileName] = &[];

impl Op for Query {
    type Request<'a> = Request<'a>;
    type Response = Response;

    fn run(request: Request<'_>, cx: &mut Cx<'_>) -> Result<Response> {
        if request.functions.is_empty() {
            return Err(missing(Tag::QueryFunction, Tag::RequestPayload));
        }
        let asks = |function| request.functions.contains(&function);
        let version = cx.version;
        let mut response = Response::default();
        if asks(QueryFunction::QueryOperations) {
            let known = HANDLERS.iter().map(|handler| handler.operation).filter(|one| one.known_in(version));
            let offered = |one: &Operation| *one != Operation::Interop || cx.services.settings.interop;
            response.operations = known.filter(offered).collect();
        }
        if asks(QueryFunction::QueryObjects) {
            response.object_types = OBJECT_TYPES.iter().copied().filter(|one| one.known_in(version)).collect();
        }
        if asks(QueryFunction::QueryServerInformation) {
            response.vendor = Some("Keyhaven");
            response.server = Some(ServerInformation);
        }
        if asks(QueryFunction::QueryRNGs) {
            response.rngs = generators(cx);
        }
        if asks(QueryFunction::QueryProfiles) {
            let known = PROFILES.iter().filter(|profile| profile.known_in(version));
            response.profiles = known.map(|profile| one(Tag::ProfileName, Value::Enumeration(profile.0))).collect();
        }
        if asks(QueryFunction::QueryCapabilities) {
            response.capabilities.push(Capability);
        }
        if asks(QueryFunction::QueryDefaultsInformation) {
            response.defaults = Some(super::set_defaults::in_force(cx)?);
        }
        if asks(QueryFunction::QueryStorageProtectionMasks) {
            let mask = Value::Integer(storage_mask().0 as i32);
            response.storage_masks = Some(one(Tag::ProtectionStorageMask, mask));
        }
        if asks(QueryFunction::QueryCredentialInformation) {
            response.credentials.push(Credentials);
        }
        Ok(response)
    }
}

fn one(tag: Tag, value: Value) -> Value {
    Value::Structure(vec![Field::new(tag, value)])
}

/// Server Information. Its fields have tags since 2.0 (2.1 §7.37); older clients get an empty structure.
#[derive(Debug)]
pub struct ServerInformation;

impl Write for ServerInformation {
    fn write(&self, tag: Tag, out: &mut Writer, version: Version) {
        let fields = [
            (Tag::ServerName, "Keyhaven"),
            (Tag::ServerVersion, env!("CARGO_PKG_VERSION")),
            (Tag::ProductName, "Keyhaven"),
        ];
        out.structure(tag, |out| {
            for (tag, text) in fields.into_iter().filter(|(tag, _)| tag.known_in(version)) {
                out.text(tag, text);
            }
        });
    }
}

/// The generators that keys come from: the server's own, that of the library which makes key pairs, and the HSM's.
fn generators(cx: &Cx<'_>) -> Vec<Value> {
    let mut all = vec![cx.services.entropy.parameters(), SYSTEM_RNG];
    all.extend(cx.services.vault.offers_keys().then_some(RngParameters::UNSPECIFIED));
    all.dedup();
    all.into_iter().map(RngParameters::value).collect()
}

/// Where software keys lie: in software, on the server's own system.
pub fn storage_mask() -> ProtectionStorageMask {
    ProtectionStorageMask(ProtectionStorageMask::Software.0 | ProtectionStorageMask::OnSystem.0)
}

/// Capability Information (2.1 §7.5).
#[derive(Debug)]
pub struct Capability;

impl Write for Capability {
    fn write(&self, tag: Tag, out: &mut Writer, version: Version) {
        out.structure(tag, |out| {
            out.boolean(Tag::StreamingCapability, true);
            out.boolean(Tag::AsynchronousCapability, true);
            out.boolean(Tag::AttestationCapability, false);
            if Tag::BatchUndoCapability.known_in(version) {
                out.boolean(Tag::BatchUndoCapability, true);
                out.boolean(Tag::BatchContinueCapability, true);
            }
            out.enumeration(Tag::UnwrapMode, UnwrapMode::NotProcessed.0);
            out.enumeration(Tag::DestroyAction, DestroyAction::KeyMaterialDeleted.0);
            out.enumeration(Tag::ShreddingAlgorithm, ShreddingAlgorithm::Cryptographic.0);
            out.enumeration(Tag::RNGMode, RNGMode::SharedInstantiation.0);
        });
    }
}

/// Credential Information (3.0): the types of credential that a request may carry.
#[derive(Debug)]
pub struct Credentials;

impl Write for Credentials {
    fn write(&self, tag: Tag, out: &mut Writer, _: Version) {
        out.structure(tag, |out| out.enumeration(Tag::CredentialType, CredentialType::UsernameAndPassword.0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::handlers::handler;
    use crate::proto::attributes::Selector;

    /// The operations and attributes that a list of the standard asks every server for.
    struct Baseline {
        source: &'static str,
        version: Version,
        operations: &'static [Operation],
        attributes: &'static [Tag],
    }

    const BASELINES: &[Baseline] = &[
        Baseline {
            source: "KMIP Server, 1.0 §12.1",
            version: Version::V1_0,
            operations: &[
                Operation::Locate,
                Operation::Check,
                Operation::Get,
                Operation::GetAttributes,
                Operation::GetAttributeList,
                Operation::AddAttribute,
                Operation::ModifyAttribute,
                Operation::DeleteAttribute,
                Operation::Activate,
                Operation::Revoke,
                Operation::Destroy,
                Operation::Query,
            ],
            attributes: &[
                Tag::UniqueIdentifier,
                Tag::Name,
                Tag::ObjectType,
                Tag::CryptographicAlgorithm,
                Tag::CryptographicLength,
                Tag::CryptographicParameters,
                Tag::Digest,
                Tag::OperationPolicyName,
                Tag::CryptographicUsageMask,
                Tag::State,
                Tag::InitialDate,
                Tag::ActivationDate,
                Tag::DeactivationDate,
                Tag::CompromiseOccurrenceDate,
                Tag::CompromiseDate,
                Tag::RevocationReason,
                Tag::LastChangeDate,
            ],
        },
        Baseline {
            source: "Baseline Server, Profiles 2.1 §5.1.2 items 6 and 7",
            version: Version::V2_1,
            operations: &[
                Operation::Activate,
                Operation::AddAttribute,
                Operation::AdjustAttribute,
                Operation::Check,
                Operation::DeleteAttribute,
                Operation::Destroy,
                Operation::DiscoverVersions,
                Operation::Export,
                Operation::Get,
                Operation::GetAttributeList,
                Operation::GetAttributes,
                Operation::Import,
                Operation::Interop,
                Operation::ModifyAttribute,
                Operation::Locate,
                Operation::Log,
                Operation::Query,
                Operation::Register,
                Operation::Revoke,
                Operation::SetAttribute,
                Operation::SetEndpointRole,
            ],
            attributes: &[
                Tag::ActivationDate,
                Tag::AlternativeName,
                Tag::AlwaysSensitive,
                Tag::Comment,
                Tag::CompromiseDate,
                Tag::CompromiseOccurrenceDate,
                Tag::CryptographicAlgorithm,
                Tag::CryptographicLength,
                Tag::CryptographicParameters,
                Tag::CryptographicUsageMask,
                Tag::DeactivationDate,
                Tag::Description,
                Tag::Digest,
                Tag::Extractable,
                Tag::Fresh,
                Tag::InitialDate,
                Tag::KeyValueLocation,
                Tag::KeyValuePresent,
                Tag::LastChangeDate,
                Tag::LeaseTime,
                Tag::Link,
                Tag::Name,
                Tag::NeverExtractable,
                Tag::ObjectGroup,
                Tag::ObjectType,
                Tag::OriginalCreationDate,
                Tag::ProcessStartDate,
                Tag::ProtectStopDate,
                Tag::ProtectionStorageMask,
                Tag::RandomNumberGenerator,
                Tag::RevocationReason,
                Tag::Sensitive,
                Tag::State,
                Tag::UsageLimits,
                Tag::UniqueIdentifier,
            ],
        },
    ];

    #[test]
    fn what_every_server_must_have_is_there() {
        for Baseline { source, version, operations, attributes } in BASELINES {
            for operation in *operations {
                let there = handler(*operation).is_some() && operation.known_in(*version);
                assert!(there, "{source}: {operation}");
            }
            for tag in *attributes {
                let unknown = matches!(Selector::named(&tag.name(), *version), Selector::Unknown(_));
                assert!(!unknown, "{source}: {tag}");
            }
        }
    }
}
