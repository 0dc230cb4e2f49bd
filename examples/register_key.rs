//! Registers an AES key of one's own at a KMIP server, with nothing but this library's TTLV and a TLS stream.
//!
//!     cargo run --example register_key -- 127.0.0.1:5696 keyhaven-data/pki admin NAME

mod session;

use std::error::Error;
use std::io::Write;

use keyhaven::base::{Buffer, Limits};
use keyhaven::registry::{
    CryptographicAlgorithm, CryptographicUsageMask, KeyFormatType, NameType, ObjectType, Operation, ResultStatus, Tag,
};
use keyhaven::ttlv::{self, Writer};
use session::{connect, read_message};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [server, pki, client, name] = arguments.as_slice() else {
        return Err("usage: register_key HOST:PORT PKI-DIRECTORY CLIENT NAME".into());
    };

    let mut stream = connect(server, pki, client)?;
    let mut key = [0; 32];
    aws_lc_rs::rand::fill(&mut key)?;
    stream.write_all(&register_request(&key, name))?;
    let answer = read_message(&mut stream)?;

    let message = ttlv::check(&answer, &Limits::default())?;
    let item = message.child(Tag::BatchItem).ok_or("no batch item")?;
    let status = item.child(Tag::ResultStatus).and_then(|status| status.enumeration());
    if status != Some(ResultStatus::Success.0) {
        let words = item.child(Tag::ResultMessage).and_then(|words| words.text()).unwrap_or("no message");
        return Err(format!("refused: {words}").into());
    }
    let identifier = item
        .child(Tag::ResponsePayload)
        .and_then(|payload| payload.child(Tag::UniqueIdentifier)?.text())
        .ok_or("no identifier")?;
    println!("registered {identifier}");
    Ok(())
}

/// A KMIP 2.1 request: header, one batch item with the object type, its attributes, and the key.
fn register_request(key: &[u8], name: &str) -> Buffer {
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
            writer.enumeration(Tag::Operation, Operation::Register.0);
            writer.structure(Tag::RequestPayload, |writer| {
                writer.enumeration(Tag::ObjectType, ObjectType::SymmetricKey.0);
                writer.structure(Tag::Attributes, |writer| {
                    let usage = CryptographicUsageMask::Encrypt.0 | CryptographicUsageMask::Decrypt.0;
                    writer.integer(Tag::CryptographicUsageMask, usage as i32);
                    writer.structure(Tag::Name, |writer| {
                        writer.text(Tag::NameValue, name);
                        writer.enumeration(Tag::NameType, NameType::UninterpretedTextString.0);
                    });
                });
                writer.structure(Tag::SymmetricKey, |writer| key_block(writer, key));
            });
        });
    });
    writer.finish()
}

fn key_block(writer: &mut Writer, key: &[u8]) {
    writer.structure(Tag::KeyBlock, |writer| {
        writer.enumeration(Tag::KeyFormatType, KeyFormatType::Raw.0);
        writer.structure(Tag::KeyValue, |writer| writer.byte_string(Tag::KeyMaterial, key));
        writer.enumeration(Tag::CryptographicAlgorithm, CryptographicAlgorithm::AES.0);
        writer.integer(Tag::CryptographicLength, key.len() as i32 * 8);
    });
}
