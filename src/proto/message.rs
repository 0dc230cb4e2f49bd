//! Headers and batch items of requests and responses (1.4 §6 and §7, 2.1 §8 and §9).

use super::wire::{Read, Write, missing, repeated, structure, unexpected, wrong_type};
use crate::base::{Buffer, Date, Error, Limits, Result};
use crate::registry::{
    AsynchronousIndicator, AttestationType, BatchErrorContinuationOption, CredentialType, ItemType, Operation,
    ResultReason, ResultStatus, Tag, Version,
};
use crate::ttlv::{Item, Writer};

structure! {
    /// Protocol Version.
    struct WireVersion reads {
        req ProtocolVersionMajor => major: i32;
        req ProtocolVersionMinor => minor: i32;
    }
}

structure! {
    /// Credential: its value is read by the part that knows its type.
    pub struct Credential<'a> reads {
        req CredentialType => credential_type: CredentialType;
        req CredentialValue => value: Item<'a>;
    }
}

structure! {
    /// Authentication: every credential must be satisfied (2.1 §9.4).
    pub struct Authentication<'a> reads {
        many Credential => credentials: Credential<'a>;
    }
}

structure! {
    struct WireHeader<'a> reads {
        req ProtocolVersion => _version: Item<'a>;
        opt MaximumResponseSize => maximum_response_size: i32;
        opt ClientCorrelationValue => client_correlation_value: &'a str;
        opt ServerCorrelationValue => _server_correlation_value: &'a str;
        opt AsynchronousIndicator => asynchronous: Asynchronous;
        opt AttestationCapableIndicator => attestation_capable: bool;
        many AttestationType => _attestation_types: AttestationType;
        opt Authentication => authentication: Authentication<'a>;
        opt BatchErrorContinuationOption => continuation: BatchErrorContinuationOption;
        opt BatchOrderOption => _in_order: bool;
        opt TimeStamp => time_stamp: Date;
        opt BatchCount => batch_count: i32;
    }
}

/// Asynchronous Indicator: a Boolean in 1.x, an enumeration since 2.0.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Asynchronous(AsynchronousIndicator);

impl<'a> Read<'a> for Asynchronous {
    fn read(item: &Item<'a>, version: Version) -> Result<Self> {
        if version.is_1x() {
            let wanted = bool::read(item, version)?;
            return Ok(Self(if wanted { AsynchronousIndicator::Optional } else { AsynchronousIndicator::Prohibited }));
        }
        AsynchronousIndicator::read(item, version).map(Self)
    }
}

/// The header of a request.
#[derive(Debug)]
pub struct RequestHeader<'a> {
    /// The version of this message.
    pub version: Version,
    /// The longest answer the client takes, in bytes.
    pub maximum_response_size: Option<usize>,
    /// What the client wants to find in the log.
    pub client_correlation_value: Option<&'a str>,
    /// Whether the answer may come later.
    pub asynchronous: AsynchronousIndicator,
    /// Whether the client can attest itself.
    pub attestation_capable: bool,
    /// Who the client says it is, beside its certificate.
    pub authentication: Option<Authentication<'a>>,
    /// What happens to the rest of the batch when an item fails.
    pub continuation: BatchErrorContinuationOption,
    /// The client's clock.
    pub time_stamp: Option<Date>,
}

/// A message whose header could be read, with its batch items still undecoded.
#[derive(Debug)]
pub struct Request<'a> {
    /// The header.
    pub header: RequestHeader<'a>,
    items: Vec<Item<'a>>,
}

/// A request that cannot be answered item by item, and the version to answer it in.
#[derive(Debug)]
pub struct Refused {
    /// The version of the answer: the client's, or the nearest one we speak.
    pub version: Version,
    /// What is wrong.
    pub error: Error,
}

impl<'a> Request<'a> {
    /// Reads the header of a message that `ttlv::check` has passed.
    pub fn read(message: &Item<'a>, limits: &Limits) -> Result<Self, Refused> {
        let fail = |version| move |error| Refused { version, error };
        let oldest = Version::V1_0;
        if message.tag != Tag::RequestMessage || message.item_type != ItemType::Structure {
            return Err(fail(oldest)(Error::invalid_message("the message is not a Request Message")));
        }
        let mut children = message.children();
        let header = children
            .next()
            .filter(|item| item.tag == Tag::RequestHeader)
            .ok_or_else(|| fail(oldest)(missing(Tag::RequestHeader, message.tag)))?;
        let version = read_version(&header)?;
        let wire = WireHeader::read(&header, version).map_err(fail(version))?;
        let items: Vec<_> = children.collect();
        let header = RequestHeader {
            version,
            maximum_response_size: wire.maximum_response_size.map(|size| size.max(0) as usize),
            client_correlation_value: wire.client_correlation_value,
            asynchronous: wire.asynchronous.map_or(AsynchronousIndicator::Prohibited, |value| value.0),
            attestation_capable: wire.attestation_capable.unwrap_or(false),
            authentication: wire.authentication,
            continuation: wire.continuation.unwrap_or(BatchErrorContinuationOption::Stop),
            time_stamp: wire.time_stamp,
        };
        if let Some(stray) = items.iter().find(|item| item.tag != Tag::BatchItem) {
            if stray.tag == Tag::RequestHeader {
                return Err(fail(version)(repeated(stray)));
            }
            return Err(fail(version)(unexpected(stray, message.tag, version)));
        }
        check_count(wire.batch_count, items.len(), version, limits).map_err(fail(version))?;
        Ok(Self { header, items })
    }

    /// A request that did not come as a message: items that were kept, to be run now.
    pub fn of_items(version: Version, continuation: BatchErrorContinuationOption, items: Vec<Item<'a>>) -> Self {
        let header = RequestHeader {
            version,
            maximum_response_size: None,
            client_correlation_value: None,
            asynchronous: AsynchronousIndicator::Prohibited,
            attestation_capable: false,
            authentication: None,
            continuation,
            time_stamp: None,
        };
        Self { header, items }
    }

    /// The batch items, each read when its turn comes.
    pub fn items(&self) -> &[Item<'a>] {
        &self.items
    }
}

/// Batch Count: required until 2.1, gone in 3.0.
fn check_count(count: Option<i32>, items: usize, version: Version, limits: &Limits) -> Result<()> {
    match count {
        None if Tag::BatchCount.known_in(version) => return Err(missing(Tag::BatchCount, Tag::RequestHeader)),
        Some(count) if usize::try_from(count) != Ok(items) => {
            return Err(Error::invalid_message(format!(
                "Batch Count says {count}, the message has {items} batch items"
            )));
        }
        _ => {}
    }
    if items == 0 {
        return Err(missing(Tag::BatchItem, Tag::RequestMessage));
    }
    if items > limits.batch_items_max {
        return Err(Error::invalid_message(format!(
            "the message has {items} batch items; this server takes at most {}",
            limits.batch_items_max
        )));
    }
    Ok(())
}

/// The version of a request, or how to refuse it: in the newest version of its major that we speak.
fn read_version(header: &Item<'_>) -> Result<Version, Refused> {
    let refuse = |version, error| Err(Refused { version, error });
    let Some(item) = header.children().next().filter(|item| item.tag == Tag::ProtocolVersion) else {
        return refuse(Version::V1_0, missing(Tag::ProtocolVersion, header.tag));
    };
    let wire = match WireVersion::read(&item, Version::V1_0) {
        Ok(wire) => wire,
        Err(error) => return refuse(Version::V1_0, error),
    };
    if let Some(version) = Version::from_numbers(wire.major, wire.minor) {
        return Ok(version);
    }
    let newest = Version::ALL.into_iter().rev();
    let nearest = newest.clone().find(|version| version.numbers().0 == wire.major).unwrap_or(Version::NEWEST);
    let public = format!(
        "protocol version {}.{} is not supported; this server speaks 1.0 to 1.4, 2.0, 2.1 and 3.0",
        wire.major, wire.minor
    );
    refuse(nearest, Error::new(ResultReason::UnsupportedProtocolVersion, public))
}

structure! {
    /// Message Extension.
    pub struct MessageExtension<'a> reads {
        req VendorIdentification => vendor: &'a str;
        req CriticalityIndicator => critical: bool;
        req VendorExtension => _extension: Item<'a>;
    }
}

/// One operation of a request.
#[derive(Debug)]
pub struct BatchItem<'a> {
    /// The operation.
    pub operation: Operation,
    /// Echoed byte for byte.
    pub unique_batch_item_id: Option<&'a [u8]>,
    /// Output that is not to leave the server: a Boolean in 2.x, an Enumeration in 3.0.
    pub ephemeral: Option<Ephemeral>,
    /// What the operation is asked.
    pub payload: Item<'a>,
    /// What vendors add.
    pub extensions: Vec<MessageExtension<'a>>,
}

/// Ephemeral: which output stays in the server (2.1 §8.3, 3.0 §9).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ephemeral {
    /// The Data output is left out.
    Data,
    /// The whole answer is left out.
    Empty,
    /// All but the unique identifier is left out.
    UniqueIdentifier,
}

impl<'a> BatchItem<'a> {
    /// Echo of an item that cannot be read whole: its operation and its identifier, where they are readable.
    pub fn head(item: &Item<'a>) -> (Option<Operation>, Option<&'a [u8]>) {
        let operation = item.child(Tag::Operation).and_then(|child| child.enumeration()).map(Operation);
        (operation, item.child(Tag::UniqueBatchItemID).and_then(|child| child.byte_string()))
    }

    /// Reads a batch item but for its payload.
    pub fn read(item: &Item<'a>, version: Version) -> Result<Self> {
        if item.item_type != ItemType::Structure {
            return Err(wrong_type(item, "a structure"));
        }
        let (mut operation, mut id, mut ephemeral, mut payload) = (None, None, None, None);
        let mut extensions = Vec::new();
        for child in item.children() {
            let known = child.tag.known_in(version);
            let again = match child.tag {
                // An operation that is unknown is answered by the operation table, not as a bad message.
                Tag::Operation => {
                    let code = child.enumeration().ok_or_else(|| wrong_type(&child, "an Enumeration"))?;
                    operation.replace(Operation(code)).is_some()
                }
                Tag::UniqueBatchItemID if known => id.replace(<&[u8]>::read(&child, version)?).is_some(),
                Tag::Ephemeral if known => ephemeral.replace(read_ephemeral(&child, version)?).is_some(),
                Tag::RequestPayload => payload.replace(child).is_some(),
                Tag::MessageExtension => {
                    extensions.push(MessageExtension::read(&child, version)?);
                    false
                }
                _ => return Err(unexpected(&child, item.tag, version)),
            };
            if again {
                return Err(repeated(&child));
            }
        }
        Ok(Self {
            operation: operation.ok_or_else(|| missing(Tag::Operation, item.tag))?,
            unique_batch_item_id: id,
            ephemeral: ephemeral.flatten(),
            payload: payload.ok_or_else(|| missing(Tag::RequestPayload, item.tag))?,
            extensions,
        })
    }
}

fn read_ephemeral(item: &Item<'_>, version: Version) -> Result<Option<Ephemeral>> {
    if version < Version::V3_0 {
        return Ok(bool::read(item, version)?.then_some(Ephemeral::Data));
    }
    match crate::registry::Ephemeral::read(item, version)? {
        crate::registry::Ephemeral::Data => Ok(Some(Ephemeral::Data)),
        crate::registry::Ephemeral::Empty => Ok(Some(Ephemeral::Empty)),
        crate::registry::Ephemeral::UniqueIdentifier => Ok(Some(Ephemeral::UniqueIdentifier)),
        other => Err(Error::invalid_field(format!("Ephemeral has the value {other:?}"))),
    }
}

/// A request of one operation, as this program sends it: to a server, to its own core, or to a client that took the server
/// role. `credential` writes what the header has besides, between the version and Batch Count (1.4 §7, 2.1 §8).
pub fn request(
    version: Version,
    credential: impl FnOnce(&mut Writer),
    operation: Operation,
    payload: impl FnOnce(&mut Writer),
) -> Buffer {
    message(version, credential, 1, |out| asked(version, operation, None, payload, out))
}

/// An operation, and what writes its payload.
pub type Asked<'a> = (Operation, &'a dyn Fn(&mut Writer));

/// The same with several operations. The Unique Batch Item ID, which several need, is
/// the place of the item, one byte.
pub fn batch(version: Version, credential: impl FnOnce(&mut Writer), items: &[Asked<'_>]) -> Buffer {
    let several = items.len() > 1 && Tag::UniqueBatchItemID.known_in(version);
    message(version, credential, items.len(), |out| {
        for (at, (operation, payload)) in items.iter().enumerate() {
            asked(version, *operation, several.then_some(at as u8), payload, out);
        }
    })
}

fn message(
    version: Version,
    credential: impl FnOnce(&mut Writer),
    count: usize,
    items: impl FnOnce(&mut Writer),
) -> Buffer {
    let mut out = Writer::default();
    out.structure(Tag::RequestMessage, |out| {
        out.structure(Tag::RequestHeader, |out| {
            protocol_version(version, out);
            credential(out);
            // 3.0 has none.
            if Tag::BatchCount.known_in(version) {
                out.integer(Tag::BatchCount, count as i32);
            }
        });
        items(out);
    });
    out.finish()
}

fn asked(
    version: Version,
    operation: Operation,
    place: Option<u8>,
    payload: impl FnOnce(&mut Writer),
    out: &mut Writer,
) {
    out.structure(Tag::BatchItem, |out| {
        operation.write(Tag::Operation, out, version);
        if let Some(place) = place {
            out.byte_string(Tag::UniqueBatchItemID, &[place]);
        }
        out.structure(Tag::RequestPayload, payload);
    });
}

fn protocol_version(version: Version, out: &mut Writer) {
    out.structure(Tag::ProtocolVersion, |out| {
        let (major, minor) = version.numbers();
        out.integer(Tag::ProtocolVersionMajor, major);
        out.integer(Tag::ProtocolVersionMinor, minor);
    });
}

/// The header of an answer.
#[derive(Debug)]
pub struct ResponseHeader<'a> {
    /// The version of the answer.
    pub version: Version,
    /// Our clock.
    pub time_stamp: Date,
    /// What the operator finds in the log (since 1.4).
    pub server_correlation_value: &'a str,
    /// Server Hashed Password: required if a Hashed Password credential was used (2.1 §8.5).
    pub server_hashed_password: Option<&'a [u8]>,
}

impl ResponseHeader<'_> {
    /// Appends the header. Gives the place of Batch Count, which is known when all items are written; 3.0 has none.
    pub fn write(&self, out: &mut Writer) -> Option<usize> {
        let version = self.version;
        let mark = out.begin(Tag::ResponseHeader);
        protocol_version(version, out);
        out.date_time(Tag::TimeStamp, self.time_stamp);
        if let Some(hashed) = self.server_hashed_password {
            out.byte_string(Tag::ServerHashedPassword, hashed);
        }
        if Tag::ServerCorrelationValue.known_in(version) && !self.server_correlation_value.is_empty() {
            out.text(Tag::ServerCorrelationValue, self.server_correlation_value);
        }
        let count_at = Tag::BatchCount.known_in(version).then(|| out.next_value());
        if count_at.is_some() {
            out.integer(Tag::BatchCount, 0);
        }
        out.end(mark);
        count_at
    }
}

/// The part of a response batch item before its payload.
#[derive(Debug)]
pub struct ResponseHead<'a> {
    /// The operation, if the request named one.
    pub operation: Option<Operation>,
    /// Echoed byte for byte.
    pub unique_batch_item_id: Option<&'a [u8]>,
    /// How it went.
    pub status: ResultStatus,
    /// Why it failed.
    pub error: Option<&'a Error>,
}

impl ResponseHead<'_> {
    /// Appends the head to a batch item that was begun. Gives the place of Result Status.
    pub fn write(&self, out: &mut Writer, version: Version) -> usize {
        if let Some(operation) = self.operation {
            operation.write(Tag::Operation, out, version);
        }
        if let Some(id) = self.unique_batch_item_id.filter(|_| Tag::UniqueBatchItemID.known_in(version)) {
            out.byte_string(Tag::UniqueBatchItemID, id);
        }
        let status_at = out.next_value();
        self.status.write(Tag::ResultStatus, out, version);
        if let Some(error) = self.error {
            reason_for(error.reason(), version).write(Tag::ResultReason, out, version);
            out.text(Tag::ResultMessage, error.public());
        }
        status_at
    }
}

/// The reason as this version knows it: itself, or the nearest one that an older version has.
pub fn reason_for(reason: ResultReason, version: Version) -> ResultReason {
    let mut reason = reason;
    // The table's rows never lead back; its length bounds the walk.
    for _ in OLDER_REASON {
        if reason.known_in(version) {
            return reason;
        }
        let Some((_, older)) = OLDER_REASON.iter().find(|(newer, _)| *newer == reason) else {
            break;
        };
        reason = *older;
    }
    if reason.known_in(version) { reason } else { ResultReason::GeneralFailure }
}

/// For each reason that an older version lacks, the one that its error tables have for the same fault
/// (1.4 §11, 2.1 §6 "Error Handling").
const OLDER_REASON: &[(ResultReason, ResultReason)] = &[
    (ResultReason::EncodingOptionError, ResultReason::InvalidField),
    (ResultReason::KeyValueNotPresent, ResultReason::ItemNotFound),
    (ResultReason::AttestationRequired, ResultReason::PermissionDenied),
    (ResultReason::AttestationFailed, ResultReason::PermissionDenied),
    (ResultReason::Sensitive, ResultReason::PermissionDenied),
    (ResultReason::NotExtractable, ResultReason::PermissionDenied),
    (ResultReason::ObjectAlreadyExists, ResultReason::InvalidField),
    (ResultReason::InvalidTicket, ResultReason::AuthenticationNotSuccessful),
    (ResultReason::UsageLimitExceeded, ResultReason::PermissionDenied),
    (ResultReason::NumericRange, ResultReason::InvalidField),
    (ResultReason::InvalidDataType, ResultReason::InvalidField),
    (ResultReason::ReadOnlyAttribute, ResultReason::PermissionDenied),
    (ResultReason::MultiValuedAttribute, ResultReason::InvalidField),
    (ResultReason::UnsupportedAttribute, ResultReason::InvalidField),
    (ResultReason::AttributeInstanceNotFound, ResultReason::ItemNotFound),
    (ResultReason::AttributeNotFound, ResultReason::ItemNotFound),
    (ResultReason::AttributeReadOnly, ResultReason::PermissionDenied),
    (ResultReason::AttributeSingleValued, ResultReason::InvalidField),
    (ResultReason::BadCryptographicParameters, ResultReason::InvalidField),
    (ResultReason::BadPassword, ResultReason::CryptographicFailure),
    (ResultReason::CodecError, ResultReason::InvalidMessage),
    (ResultReason::IllegalObjectType, ResultReason::InvalidField),
    (ResultReason::IncompatibleCryptographicUsageMask, ResultReason::PermissionDenied),
    (ResultReason::InternalServerError, ResultReason::GeneralFailure),
    (ResultReason::InvalidAsynchronousCorrelationValue, ResultReason::ItemNotFound),
    (ResultReason::InvalidAttribute, ResultReason::InvalidField),
    (ResultReason::InvalidAttributeValue, ResultReason::InvalidField),
    (ResultReason::InvalidCorrelationValue, ResultReason::InvalidField),
    (ResultReason::InvalidCSR, ResultReason::InvalidField),
    (ResultReason::InvalidObjectType, ResultReason::InvalidField),
    (ResultReason::KeyWrapTypeNotSupported, ResultReason::InvalidField),
    (ResultReason::MissingInitializationVector, ResultReason::InvalidMessage),
    (ResultReason::NonUniqueNameAttribute, ResultReason::InvalidField),
    (ResultReason::ObjectDestroyed, ResultReason::PermissionDenied),
    (ResultReason::ObjectNotFound, ResultReason::ItemNotFound),
    (ResultReason::NotAuthorised, ResultReason::PermissionDenied),
    (ResultReason::ServerLimitExceeded, ResultReason::GeneralFailure),
    (ResultReason::UnknownEnumeration, ResultReason::InvalidField),
    (ResultReason::UnknownMessageExtension, ResultReason::FeatureNotSupported),
    (ResultReason::UnknownTag, ResultReason::InvalidField),
    (ResultReason::UnsupportedCryptographicParameters, ResultReason::InvalidField),
    (ResultReason::UnsupportedProtocolVersion, ResultReason::InvalidMessage),
    (ResultReason::WrappingObjectArchived, ResultReason::ObjectArchived),
    (ResultReason::WrappingObjectDestroyed, ResultReason::ItemNotFound),
    (ResultReason::WrappingObjectNotFound, ResultReason::ItemNotFound),
    (ResultReason::WrongKeyLifecycleState, ResultReason::PermissionDenied),
    (ResultReason::ProtectionStorageUnavailable, ResultReason::GeneralFailure),
    (ResultReason::PKCS_11CodecError, ResultReason::InvalidField),
    (ResultReason::PKCS_11InvalidFunction, ResultReason::InvalidField),
    (ResultReason::PKCS_11InvalidInterface, ResultReason::InvalidField),
    (ResultReason::PrivateProtectionStorageUnavailable, ResultReason::ProtectionStorageUnavailable),
    (ResultReason::PublicProtectionStorageUnavailable, ResultReason::ProtectionStorageUnavailable),
    (ResultReason::UnknownObjectGroup, ResultReason::InvalidField),
    (ResultReason::ConstraintViolation, ResultReason::PermissionDenied),
    (ResultReason::DuplicateProcessRequest, ResultReason::InvalidField),
    (ResultReason::CircularLinkError, ResultReason::InvalidAttributeValue),
    // Ended in 2.0: what 2.x has for the same fault.
    (ResultReason::IllegalOperation, ResultReason::PermissionDenied),
    (ResultReason::IndexOutOfBounds, ResultReason::AttributeInstanceNotFound),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_a_form_in_every_version() {
        for row in ResultReason::ROWS {
            for version in Version::ALL {
                let reason = reason_for(ResultReason(row.value), version);
                assert!(reason.known_in(version), "{} in {version}", row.name);
                if ResultReason(row.value) != ResultReason::GeneralFailure && row.value != 0x2A && row.value != 0x3A {
                    assert!(
                        reason != ResultReason::GeneralFailure || row.name.contains("Storage"),
                        "{} in {version} says nothing",
                        row.name
                    );
                }
            }
        }
    }

    #[test]
    fn the_same_fault_has_the_words_of_the_version() {
        let cases = [
            (ResultReason::ObjectNotFound, Version::V1_4, ResultReason::ItemNotFound),
            (ResultReason::ObjectNotFound, Version::V2_1, ResultReason::ObjectNotFound),
            (ResultReason::WrongKeyLifecycleState, Version::V1_0, ResultReason::PermissionDenied),
            (ResultReason::UnsupportedProtocolVersion, Version::V1_4, ResultReason::InvalidMessage),
            (ResultReason::IndexOutOfBounds, Version::V2_0, ResultReason::AttributeInstanceNotFound),
        ];
        for (reason, version, expected) in cases {
            assert_eq!(reason_for(reason, version), expected);
        }
    }
}
