//! Files of TTLV, read as requests: messages and payloads of Import and Register, and the answers of Get and Export with
//! which another server gave objects away. They stand in a file one after the other.

use std::fs;
use std::path::Path;

use super::Request;
use crate::base::{Buffer, KeyBytes, Limits};
use crate::cli::failure::Failure;
use crate::proto::objects::object_type_of;
use crate::registry::{ItemType, Operation, ResultStatus, Tag, Version};
use crate::ttlv::{Item, Writer, check, frame};

/// What may begin in a file.
const BEGINS: [Tag; 4] = [Tag::RequestMessage, Tag::RequestPayload, Tag::ResponseMessage, Tag::ResponsePayload];
/// What a request may ask for.
const ASKED: [Operation; 2] = [Operation::Import, Operation::Register];
/// Answers that hold an object.
const GIVEN: [Operation; 2] = [Operation::Get, Operation::Export];

/// The requests that a file makes.
///
/// # Errors
/// The file cannot be read, or something in it is neither of the above: the words name the file and the byte.
pub fn read(file: &Path, owner: &str, limits: &Limits) -> Result<Vec<Request>, Failure> {
    let wrong = |at: usize, why: &str| Failure::failed(format!("{}, byte {at}: {why}", file.display()));
    let bytes = fs::read(file).map_err(|error| Failure::failed(format!("{}: {error}", file.display())))?;
    let bytes = KeyBytes::new(bytes);
    let bytes = bytes.expose();
    let mut requests = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let rest = &bytes[at..];
        let begins = BEGINS.into_iter().find(|tag| rest.starts_with(&tag.0.to_be_bytes()[1..]));
        let tag = begins.ok_or_else(|| wrong(at, "no message and no payload of KMIP in binary TTLV begins here"))?;
        let length = frame(rest, tag, limits).map_err(|error| wrong(at, &error.to_string()))?;
        let length = length.filter(|length| *length <= rest.len()).ok_or_else(|| wrong(at, "it is cut off here"))?;
        let item = check(&rest[..length], limits).map_err(|error| wrong(at, &error.to_string()))?;
        let messages = match tag {
            Tag::RequestMessage => asked(&item, &rest[..length]),
            Tag::RequestPayload => Ok(vec![request(&item)]),
            Tag::ResponseMessage => given(&item),
            _ => import(guessed(&item), &item, None).map(|message| vec![message]),
        };
        let messages = messages.map_err(|why| wrong(at, why))?;
        let what = format!("{}, byte {at}", file.display());
        requests.extend(messages.into_iter().map(|message| Request {
            what: what.clone(),
            owner: owner.into(),
            message,
        }));
        at += length;
    }
    Ok(requests)
}

fn items<'a>(message: &Item<'a>) -> impl Iterator<Item = Item<'a>> {
    message.children().filter(|item| item.tag == Tag::BatchItem)
}

fn operation(item: &Item<'_>) -> Option<Operation> {
    item.child(Tag::Operation).and_then(|operation| operation.enumeration()).map(Operation)
}

/// A Request Message, as it is.
fn asked(message: &Item<'_>, bytes: &[u8]) -> Result<Vec<Buffer>, &'static str> {
    let known = |item: Item<'_>| operation(&item).is_some_and(|operation| ASKED.contains(&operation));
    match items(message).all(known) {
        true => Ok(vec![Buffer::copy_from(bytes)]),
        false => Err("of requests, only Import and Register are played"),
    }
}

/// The message of a payload alone. What brings an identifier is an Import.
fn request(payload: &Item<'_>) -> Buffer {
    let operation = match payload.child(Tag::UniqueIdentifier) {
        Some(_) => Operation::Import,
        None => Operation::Register,
    };
    message(guessed(payload), operation, |out| payload.children().for_each(|field| out.item(&field)))
}

/// The version of a payload whose header is not there, by what only some versions have.
fn guessed(payload: &Item<'_>) -> Version {
    let id = payload.child(Tag::UniqueIdentifier);
    if id.is_some_and(|id| id.item_type == ItemType::Identifier) {
        Version::V3_0
    } else if payload.child(Tag::Attributes).is_some() {
        Version::V2_1
    } else {
        Version::V1_4
    }
}

/// The objects in a Response Message. Get gives no attributes: those that Get Attributes gave in the same message count.
fn given(message: &Item<'_>) -> Result<Vec<Buffer>, &'static str> {
    let version = message.child(Tag::ResponseHeader).and_then(|header| header.child(Tag::ProtocolVersion));
    let number = |tag| version.and_then(|version| version.child(tag)).and_then(|number: Item<'_>| number.integer());
    let version = number(Tag::ProtocolVersionMajor)
        .zip(number(Tag::ProtocolVersionMinor))
        .and_then(|(major, minor)| Version::from_numbers(major, minor))
        .ok_or("the message is of no version of KMIP that is known here")?;
    let mut objects = Vec::new();
    let mut described = Vec::new();
    for item in items(message) {
        let status = item.child(Tag::ResultStatus).and_then(|status| status.enumeration());
        let payload = item.child(Tag::ResponsePayload).filter(|_| status == Some(ResultStatus::Success.0));
        let payload = payload.ok_or("an item of the message was not successful, and holds no object")?;
        match operation(&item) {
            Some(operation) if GIVEN.contains(&operation) => objects.push(payload),
            Some(Operation::GetAttributes) => described.push(payload),
            _ => return Err("of answers, only those of Get and Export, and of Get Attributes beside Get, are read"),
        }
    }
    let id = |payload: &Item<'_>| payload.child(Tag::UniqueIdentifier).map(|id| id.to_value());
    if described.iter().any(|one| !objects.iter().any(|object| id(object) == id(one))) {
        return Err("the message has the attributes of an object without the object");
    }
    let import = |object| import(version, object, described.iter().find(|one| id(one) == id(object)));
    objects.iter().map(import).collect()
}

/// The Import of an object that another server gave.
fn import(version: Version, given: &Item<'_>, described: Option<&Item<'_>>) -> Result<Buffer, &'static str> {
    // Before 1.4 there was no Import; the objects are the same.
    let version = if version.is_1x() { Version::V1_4 } else { version };
    let id = given.child(Tag::UniqueIdentifier).ok_or("the answer has no Unique Identifier")?;
    let object = given.children().find(|field| object_type_of(field.tag).is_some());
    let object = object.ok_or("the answer holds no object")?;
    let object_type = given.child(Tag::ObjectType).filter(|_| !version.is_1x());
    let attributes = if version.is_1x() { Tag::Attribute } else { Tag::Attributes };
    // An Export has its own.
    let source = if given.child(attributes).is_some() { given } else { described.unwrap_or(given) };
    Ok(message(version, Operation::Import, |out| {
        out.item(&id);
        object_type.iter().for_each(|field| out.item(field));
        source.children().filter(|field| field.tag == attributes).for_each(|field| out.item(&field));
        out.item(&object);
    }))
}

fn message(version: Version, operation: Operation, payload: impl FnOnce(&mut Writer)) -> Buffer {
    crate::proto::message::request(version, |_| {}, operation, payload)
}
