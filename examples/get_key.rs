//! Fetches a key from a KMIP server, with nothing but this library's TTLV and a TLS stream.
//!
//!     cargo run --example get_key -- 127.0.0.1:5696 keyhaven-data/pki admin IDENTIFIER

mod session;

use std::error::Error;
use std::io::Write;

use keyhaven::base::{Buffer, Limits};
use keyhaven::registry::{Operation, ResultStatus, Tag};
use keyhaven::ttlv::{self, Writer};
use session::{connect, read_message};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [server, pki, client, identifier] = arguments.as_slice() else {
        return Err("usage: get_key HOST:PORT PKI-DIRECTORY CLIENT IDENTIFIER".into());
    };

    let mut stream = connect(server, pki, client)?;
    stream.write_all(&get_request(identifier))?;
    let answer = read_message(&mut stream)?;

    let message = ttlv::check(&answer, &Limits::default())?;
    let item = message.child(Tag::BatchItem).ok_or("no batch item")?;
    let status = item.child(Tag::ResultStatus).and_then(|status| status.enumeration());
    if status != Some(ResultStatus::Success.0) {
        let words = item.child(Tag::ResultMessage).and_then(|words| words.text()).unwrap_or("no message");
        return Err(format!("refused: {words}").into());
    }
    let material = item
        .child(Tag::ResponsePayload)
        .and_then(|payload| payload.child(Tag::SymmetricKey))
        .and_then(|key| key.child(Tag::KeyBlock)?.child(Tag::KeyValue)?.child(Tag::KeyMaterial)?.byte_string())
        .ok_or("the object is not a raw symmetric key")?;
    println!("a key of {} bits", material.len() * 8);
    Ok(())
}

/// A KMIP 2.1 request: header, one batch item, one identifier.
fn get_request(identifier: &str) -> Buffer {
    let mut writer = Writer::default();
    writer.structure(Tag::RequestMessage, |writer| {
        writer.structure(Tag::RequestHeader, |writer| {
            writer.structure(Tag::ProtocolVersion, |writer| {
                writer.integer(Tag::ProtocolVersionMajor, 2);
                writer.integer(Tag::ProtocolVersionMinor, 1);
            });
            writer.integer(Tag::BatchCount, 1);
        });
        writer.structure(Tag::BatchItem, |writer| {
            writer.enumeration(Tag::Operation, Operation::Get.0);
            writer.structure(Tag::RequestPayload, |writer| writer.text(Tag::UniqueIdentifier, identifier));
        });
    });
    writer.finish()
}
