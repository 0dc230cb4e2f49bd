//! A KMIP client on blocking sockets: TTLV over mutual TLS, and HTTPS with each of the three encodings.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use keyhaven::base::{Field, Limits};
use keyhaven::proto::text::Encoding;
use keyhaven::registry::{ItemType, Tag, Version};
use keyhaven::ttlv::{Writer, check};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};

use crate::Result;
use crate::play::Transport;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// The longest answer that is read.
const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;

/// A connection.
#[derive(Debug)]
pub struct Client {
    stream: StreamOwned<ClientConnection, TcpStream>,
    host: String,
}

impl Client {
    /// Connects with the certificate `pki/clients/IDENTITY.pem`, to a server whose certificate `pki/ca.pem` vouches for.
    pub fn connect(address: &str, pki: &Path, identity: &str) -> Result<Self> {
        let failed = |what: &str, error: &dyn std::fmt::Display| format!("{what}: {error}");
        let (host, _) = address.rsplit_once(':').ok_or("the address is not host:port")?;
        let mut roots = RootCertStore::empty();
        for certificate in certificates(&pki.join("ca.pem"))? {
            roots.add(certificate).map_err(|error| failed("ca.pem", &error))?;
        }
        let own = pki.join("clients").join(format!("{identity}.pem"));
        let key = PrivateKeyDer::from_pem_file(own.with_extension("key"))
            .map_err(|error| format!("{}: {error}", own.with_extension("key").display()))?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| failed("TLS", &error))?
            .with_root_certificates(roots)
            .with_client_auth_cert(certificates(&own)?, key)
            .map_err(|error| failed("client certificate", &error))?;
        // A server of our own is named localhost and listens on 127.0.0.1 only.
        let name = if host == "127.0.0.1" { "localhost" } else { host };
        let server = ServerName::try_from(name.to_owned()).map_err(|error| failed("server name", &error))?;
        let socket = TcpStream::connect(address).map_err(|error| failed("connect", &error))?;
        socket.set_nodelay(true).map_err(|error| failed("socket", &error))?;
        socket.set_read_timeout(Some(PATIENCE)).map_err(|error| failed("socket", &error))?;
        let connection = ClientConnection::new(Arc::new(config), server).map_err(|error| failed("TLS", &error))?;
        Ok(Self { stream: StreamOwned::new(connection, socket), host: name.into() })
    }

    fn send(&mut self, bytes: &[u8]) -> Result<()> {
        self.stream.write_all(bytes).and_then(|()| self.stream.flush()).map_err(|error| format!("send: {error}"))
    }

    fn receive(&mut self, length: usize) -> Result<Vec<u8>> {
        if length > ANSWER_BYTES_MAX {
            return Err(format!("an answer of {length} bytes"));
        }
        let mut bytes = vec![0; length];
        self.stream.read_exact(&mut bytes).map_err(|error| format!("receive: {error}"))?;
        Ok(bytes)
    }

    /// Posts to `/kmip` (Additional Message Encodings §2.3 to §2.5) and gives the body of a proper answer.
    fn post(&mut self, content_type: &str, body: &[u8]) -> Result<Vec<u8>> {
        let head = format!(
            "POST /kmip HTTP/1.1\r\nHost: {}\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\n\
             Cache-Control: no-cache\r\n\r\n",
            self.host,
            body.len()
        );
        self.send(head.as_bytes())?;
        self.send(body)?;
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.extend(self.receive(1)?);
            if head.len() > 16 * 1024 {
                return Err("the head of the HTTP answer does not end".into());
            }
        }
        let head = String::from_utf8(head).map_err(|_| "the head of the HTTP answer is not text")?;
        let header = |name: &str| {
            let mut lines = head.lines().filter_map(|line| line.split_once(':'));
            lines.find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim().to_ascii_lowercase())
        };
        let status = head.lines().next().unwrap_or_default();
        if status.split(' ').nth(1) != Some("200") {
            return Err(format!("HTTP status where 200 belongs: {status}"));
        }
        if header("cache-control").as_deref() != Some("no-cache") {
            return Err("the HTTP answer has no Cache-Control: no-cache".into());
        }
        let media = header("content-type").unwrap_or_default();
        if media.split(';').next().map(str::trim) != Some(content_type) {
            return Err(format!("the HTTP answer has the Content-Type {media}"));
        }
        let length = header("content-length").and_then(|length| length.parse().ok());
        self.receive(length.ok_or("the HTTP answer has no Content-Length")?)
    }
}

/// TTLV straight over TLS.
impl Transport for Client {
    fn exchange(&mut self, request: &Field, _: Version) -> Result<Field> {
        self.send(&bytes_of(request))?;
        let mut answer = self.receive(8)?;
        let length = answer[4..].iter().fold(0, |length, byte| (length << 8) | usize::from(*byte));
        answer.extend(self.receive(length)?);
        canonical(&answer)
    }
}

/// KMIP over HTTPS; without an encoding the body is TTLV.
#[derive(Debug)]
pub struct Https {
    /// The connection.
    pub client: Client,
    /// The encoding of the bodies.
    pub encoding: Option<Encoding>,
}

impl Transport for Https {
    fn exchange(&mut self, request: &Field, version: Version) -> Result<Field> {
        match self.encoding {
            None => canonical(&self.client.post("application/octet-stream", &bytes_of(request))?),
            Some(encoding) => {
                let text = encoding.write(request, version);
                let answer = self.client.post(encoding.content_type(), text.as_bytes())?;
                encoding.read(&answer, &limits()).map_err(|error| error.to_string())
            }
        }
    }
}

/// A message as TTLV.
pub fn bytes_of(message: &Field) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.value(message.tag, &message.value);
    writer.finish().to_vec()
}

/// An answer, if its bytes are the only TTLV of its items.
pub fn canonical(answer: &[u8]) -> Result<Field> {
    let item = check(answer, &limits()).map_err(|error| format!("the answer is no TTLV: {error}"))?;
    if item.tag != Tag::ResponseMessage || item.item_type != ItemType::Structure {
        return Err(format!("the answer is a {}", item.tag));
    }
    let field = Field::new(item.tag, item.to_value());
    match bytes_of(&field).iter().zip(answer).position(|(own, other)| own != other) {
        None if bytes_of(&field).len() == answer.len() => Ok(field),
        at => Err(format!("the answer is not canonical TTLV at byte {}", at.unwrap_or(answer.len()))),
    }
}

fn limits() -> Limits {
    Limits { message_bytes_max: ANSWER_BYTES_MAX, ..Limits::default() }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
    read.map_err(|error| format!("{}: {error}", path.display()))
}
