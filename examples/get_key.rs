//! Fetches a key from a KMIP server, with nothing but this library's TTLV and a TLS stream.
//!
//!     cargo run --example get_key -- 127.0.0.1:5696 keyhaven-data/pki admin IDENTIFIER

use std::error::Error;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use keyhaven::base::{Buffer, Limits};
use keyhaven::registry::{Operation, ResultStatus, Tag};
use keyhaven::ttlv::{self, Writer};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};

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

/// The header says how long the message is; the rest follows.
fn read_message(stream: &mut impl Read) -> Result<Buffer, Box<dyn Error>> {
    let mut message = Buffer::default();
    stream.read_exact(message.spare(ttlv::HEADER_BYTES))?;
    let length = ttlv::frame(&message, Tag::ResponseMessage, &Limits::default())?.ok_or("no header")?;
    stream.read_exact(message.spare(length - ttlv::HEADER_BYTES))?;
    Ok(message)
}

fn connect(server: &str, pki: &str, client: &str) -> Result<StreamOwned<ClientConnection, TcpStream>, Box<dyn Error>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(format!("{pki}/ca.pem"))?)?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_client_auth_cert(
            vec![CertificateDer::from_pem_file(format!("{pki}/clients/{client}.pem"))?],
            PrivateKeyDer::from_pem_file(format!("{pki}/clients/{client}.key"))?,
        )?;
    let host = server.rsplit_once(':').ok_or("HOST:PORT is needed")?.0.to_owned();
    let session = ClientConnection::new(Arc::new(config), ServerName::try_from(host)?)?;
    Ok(StreamOwned::new(session, TcpStream::connect(server)?))
}
