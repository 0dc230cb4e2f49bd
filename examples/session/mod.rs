//! A TLS session with a KMIP server, and the framing of its answers: what both examples need.

use std::error::Error;
use std::io::Read;
use std::net::TcpStream;
use std::sync::Arc;

use keyhaven::base::{Buffer, Limits};
use keyhaven::registry::Tag;
use keyhaven::ttlv;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};

/// The header says how long the message is; the rest follows.
pub fn read_message(stream: &mut impl Read) -> Result<Buffer, Box<dyn Error>> {
    let mut message = Buffer::default();
    stream.read_exact(message.spare(ttlv::HEADER_BYTES))?;
    let length = ttlv::frame(&message, Tag::ResponseMessage, &Limits::default())?.ok_or("no header")?;
    stream.read_exact(message.spare(length - ttlv::HEADER_BYTES))?;
    Ok(message)
}

/// Opens a TLS session as the client whose certificate `pki` holds.
pub fn connect(
    server: &str,
    pki: &str,
    client: &str,
) -> Result<StreamOwned<ClientConnection, TcpStream>, Box<dyn Error>> {
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
