//! One request and its answer: headers, credential, batch item (specification 1.4 §7, 2.1 §8; 3.0 drops the batch
//! count). The client sends one item per request, so nothing has to be matched.

use crate::base::{Buffer, Limits, Pin};
use crate::cli::failure::Failure;
use crate::proto::message;
use crate::registry::{CredentialType, Operation, ResultReason, ResultStatus, Tag, Version};
use crate::ttlv::{self, Item, Writer};

/// A user name and password sent with each request.
#[derive(Debug)]
pub struct Credential {
    /// The user's name.
    pub user: String,
    /// The password.
    pub password: Pin,
}

/// A whole request of one operation, whose payload `fill` writes.
pub fn request(
    version: Version,
    credential: Option<&Credential>,
    operation: Operation,
    fill: impl FnOnce(&mut Writer),
) -> Buffer {
    let authentication = |out: &mut Writer| credential.iter().for_each(|credential| authentication(out, credential));
    message::request(version, authentication, operation, fill)
}

fn authentication(writer: &mut Writer, credential: &Credential) {
    writer.structure(Tag::Authentication, |writer| {
        writer.structure(Tag::Credential, |writer| {
            writer.enumeration(Tag::CredentialType, CredentialType::UsernameAndPassword.0);
            writer.structure(Tag::CredentialValue, |writer| {
                writer.text(Tag::Username, &credential.user);
                writer.text(Tag::Password, credential.password.expose());
            });
        });
    });
}

/// The payload of a successful answer; none if the answer has none. A refusal becomes an error with the server's
/// reason and words.
pub fn answer(message: &[u8]) -> Result<Option<Item<'_>>, Failure> {
    let strange = |what: String| Failure::connection(format!("the server's answer is not understood: {what}"));
    let message = ttlv::check(message, &Limits::default()).map_err(|error| strange(error.to_string()))?;
    let item = message.child(Tag::BatchItem).ok_or_else(|| strange("it has no batch item".into()))?;
    let status = item.child(Tag::ResultStatus).and_then(|status| status.enumeration());
    match status.map(ResultStatus) {
        Some(ResultStatus::Success) => Ok(item.child(Tag::ResponsePayload)),
        Some(ResultStatus::OperationFailed) => Err(refusal(&item)),
        Some(other) => Err(strange(format!("its status is {other}"))),
        None => Err(strange("it has no result status".into())),
    }
}

fn refusal(item: &Item<'_>) -> Failure {
    let reason = item.child(Tag::ResultReason).and_then(|reason| reason.enumeration()).map(ResultReason);
    let reason = reason.map_or_else(|| "without a reason".into(), |reason| reason.to_string());
    match item.child(Tag::ResultMessage).and_then(|message| message.text()) {
        Some(words) if !words.is_empty() => Failure::failed(format!("the server refused: {reason}: {words}")),
        _ => Failure::failed(format!("the server refused: {reason}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::failure::Exit;

    fn respond(fill: impl FnOnce(&mut Writer)) -> Buffer {
        let mut writer = Writer::default();
        writer.structure(Tag::ResponseMessage, |writer| writer.structure(Tag::BatchItem, fill));
        writer.finish()
    }

    #[test]
    fn a_header_is_what_its_version_has() {
        for version in Version::ALL {
            let credential = Credential { user: "u".into(), password: Pin::new("p".into()) };
            let bytes = request(version, Some(&credential), Operation::Query, |_| ());
            let message = ttlv::check(&bytes, &Limits::default()).unwrap();
            let header = message.child(Tag::RequestHeader).unwrap();
            let tags: Vec<Tag> = header.children().map(|item| item.tag).collect();
            let mut expected = vec![Tag::ProtocolVersion, Tag::Authentication, Tag::BatchCount];
            expected.truncate(if version == Version::V3_0 { 2 } else { 3 });
            assert_eq!(tags, expected, "{version}");
            let item = message.child(Tag::BatchItem).unwrap();
            assert_eq!(item.child(Tag::Operation).unwrap().enumeration(), Some(Operation::Query.0));
        }
    }

    #[test]
    fn a_refusal_has_reason_and_words() {
        let bytes = respond(|writer| {
            writer.enumeration(Tag::ResultStatus, ResultStatus::OperationFailed.0);
            writer.enumeration(Tag::ResultReason, ResultReason::ItemNotFound.0);
            writer.text(Tag::ResultMessage, "no such object");
        });
        let failure = answer(&bytes).unwrap_err();
        assert_eq!(failure.exit, Exit::Failed);
        assert_eq!(failure.words, "the server refused: Item Not Found: no such object");
        assert_eq!(answer(b"HTTP/1.1 400").unwrap_err().exit, Exit::Connection);
        assert_eq!(answer(&respond(|_| ())).unwrap_err().exit, Exit::Connection);
    }
}
