//! A blocking KMIP client: bytes or values in, bytes and values out, over TLS with a client certificate.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use keyhaven::base::{Limits, Value};
use keyhaven::registry::Tag;
use keyhaven::ttlv::{self, Writer};
use rustls::pki_types::ServerName;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use rustls_pki_types::CertificateDer;

use crate::Result;
use crate::identity::Identity;

/// How long an answer may take before the test fails.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long the wire must stay silent to call it silent.
const SILENCE: Duration = Duration::from_millis(30);
/// The content type of records with application data (RFC 8446 §5.1).
const APPLICATION_DATA: u8 = 23;

/// The TLS versions that a client offers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TlsVersions {
    /// TLS 1.2 and 1.3.
    Any,
    /// TLS 1.2 only.
    Only12,
    /// TLS 1.3 only.
    Only13,
}

/// What a client offers: its certificate, TLS versions, and the sessions that it remembers.
#[derive(Clone, Debug)]
pub struct Settings(Arc<ClientConfig>);

impl Settings {
    /// Trusts the authority in a PEM file; shows `identity`, if any, when asked.
    pub fn new(authority: &Path, identity: Option<&Identity>, versions: TlsVersions) -> Result<Self> {
        config(authority, identity, versions).map(|config| Self(Arc::new(config)))
    }
}

/// An answer: the bytes as they came, and what they mean.
#[derive(Debug)]
pub struct Reply {
    /// The whole message.
    pub bytes: Vec<u8>,
    /// The fields of the Response Message.
    pub message: Value,
}

/// A connection.
#[derive(Debug)]
pub struct Client {
    stream: StreamOwned<ClientConnection, Tap>,
}

impl Client {
    /// Speaks TLS over a socket. Certificate errors show here under TLS 1.2 and at the first read under TLS 1.3.
    pub fn connect(socket: TcpStream, host: &str, settings: &Settings) -> Result<Self> {
        let name = ServerName::try_from(host.to_owned()).map_err(|error| format!("{host}: {error}"))?;
        let session = ClientConnection::new(settings.0.clone(), name).map_err(|error| format!("TLS: {error}"))?;
        socket.set_nodelay(true).map_err(words)?;
        socket.set_read_timeout(Some(PATIENCE)).map_err(words)?;
        socket.set_write_timeout(Some(PATIENCE)).map_err(words)?;
        let mut stream = StreamOwned::new(session, Tap::new(socket));
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock).map_err(|error| format!("TLS handshake: {error}"))?;
        }
        Ok(Self { stream })
    }

    /// Sends bytes as they are.
    pub fn send(&mut self, bytes: &[u8]) -> Result<()> {
        self.stream.write_all(bytes).and_then(|()| self.stream.flush()).map_err(words)
    }

    /// The next message, or None if the server closed the connection before its first byte.
    pub fn receive(&mut self) -> Result<Option<Reply>> {
        let mut bytes = vec![0; ttlv::HEADER_BYTES];
        let mut filled = 0;
        while filled < bytes.len() {
            match self.stream.read(&mut bytes[filled..]) {
                Ok(0) if filled == 0 => return Ok(None),
                Ok(0) => return Err("the connection ended inside a message".to_owned()),
                Ok(count) => filled += count,
                Err(error) if filled == 0 && is_close(&error) => return Ok(None),
                Err(error) => return Err(words(error)),
            }
        }
        let limits = Limits { message_bytes_max: 64 << 20, items_max: 1 << 20, ..Limits::default() };
        let total = ttlv::frame(&bytes, Tag::ResponseMessage, &limits).map_err(|error| error.to_string())?;
        let total = total.ok_or("no length in the first eight bytes")?;
        bytes.resize(total, 0);
        self.stream.read_exact(&mut bytes[ttlv::HEADER_BYTES..]).map_err(words)?;
        let message = ttlv::check(&bytes, &limits).map_err(|error| error.to_string())?.to_value();
        Ok(Some(Reply { bytes, message }))
    }

    /// Sends a message and reads its answer.
    pub fn exchange(&mut self, bytes: &[u8]) -> Result<Option<Reply>> {
        if let Err(error) = self.send(bytes) {
            // A server that refuses a message by its first bytes may close before we have written all of it.
            return self.receive().or(Err(error));
        }
        self.receive()
    }

    /// Whether nothing more comes: no byte may follow a message.
    pub fn is_silent(&mut self) -> Result<bool> {
        self.stream.sock.socket.set_read_timeout(Some(SILENCE)).map_err(words)?;
        let more = self.stream.read(&mut [0; 1]);
        self.stream.sock.socket.set_read_timeout(Some(PATIENCE)).map_err(words)?;
        match more {
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => Ok(true),
            Ok(0) => Ok(true),
            Err(error) => Err(words(error)),
            Ok(_) => Ok(false),
        }
    }

    /// How many records with application data have come so far. TLS 1.3 hides its session tickets among them:
    /// count between two exchanges after the first.
    pub fn records(&self) -> usize {
        self.stream.sock.records
    }

    /// Whether the handshake took up an earlier session.
    pub fn is_resumed(&self) -> bool {
        self.stream.conn.handshake_kind() == Some(rustls::HandshakeKind::Resumed)
    }

    /// The protocol of the connection.
    pub fn is_tls13(&self) -> bool {
        self.stream.conn.protocol_version() == Some(rustls::ProtocolVersion::TLSv1_3)
    }

    /// Ends our half with close_notify and reads to the end; whether the server said close_notify as well.
    pub fn close(mut self) -> Result<bool> {
        self.stream.conn.send_close_notify();
        self.stream.flush().map_err(words)?;
        self.stream.sock.socket.shutdown(Shutdown::Write).map_err(words)?;
        match self.stream.read(&mut [0; 1]) {
            Ok(0) => Ok(true),
            Ok(_) => Err("data after close_notify".to_owned()),
            Err(error) if is_close(&error) => Ok(false),
            Err(error) => Err(words(error)),
        }
    }

    /// The socket below, for clients that misbehave.
    pub fn socket(&self) -> &TcpStream {
        &self.stream.sock.socket
    }
}

/// The bytes of a message.
pub fn encode(tag: Tag, value: &Value) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.value(tag, value);
    writer.finish().to_vec()
}

fn config(authority: &Path, identity: Option<&Identity>, versions: TlsVersions) -> Result<ClientConfig> {
    let mut roots = RootCertStore::empty();
    let certificates = CertificateDer::pem_file_iter(authority)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| format!("{}: {error}", authority.display()))?;
    roots.add_parsable_certificates(certificates);
    let versions: &[&rustls::SupportedProtocolVersion] = match versions {
        TlsVersions::Any => rustls::ALL_VERSIONS,
        TlsVersions::Only12 => &[&rustls::version::TLS12],
        TlsVersions::Only13 => &[&rustls::version::TLS13],
    };
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .map_err(|error| format!("TLS: {error}"))?
        .with_root_certificates(roots);
    match identity {
        Some(identity) => builder
            .with_client_auth_cert(identity.chain.clone(), identity.key.clone_key())
            .map_err(|error| format!("TLS: {error}")),
        None => Ok(builder.with_no_client_auth()),
    }
}

/// Whether the other side closed, politely or not; an alert is one way of closing.
fn is_close(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::BrokenPipe
    ) || error
        .get_ref()
        .is_some_and(|inner| matches!(inner.downcast_ref::<rustls::Error>(), Some(rustls::Error::AlertReceived(_))))
}

fn words(error: io::Error) -> String {
    format!("connection: {error}")
}

/// Counts the TLS records that arrive.
#[derive(Debug)]
struct Tap {
    socket: TcpStream,
    header: Vec<u8>,
    body_left: usize,
    records: usize,
}

impl Tap {
    fn new(socket: TcpStream) -> Self {
        Self { socket, header: Vec::new(), body_left: 0, records: 0 }
    }

    fn watch(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            if self.body_left > 0 {
                let count = self.body_left.min(bytes.len());
                self.body_left -= count;
                bytes = &bytes[count..];
                continue;
            }
            self.header.push(bytes[0]);
            bytes = &bytes[1..];
            if let [content_type, _, _, high, low] = self.header[..] {
                self.body_left = usize::from(u16::from_be_bytes([high, low]));
                self.records += usize::from(content_type == APPLICATION_DATA);
                self.header.clear();
            }
        }
    }
}

impl Read for Tap {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.socket.read(buffer)?;
        self.watch(&buffer[..count]);
        Ok(count)
    }
}

impl Write for Tap {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.socket.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.socket.flush()
    }
}
