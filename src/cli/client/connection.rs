//! A blocking connection to a KMIP server: mutual TLS, one request and one answer at a time.

use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustls::crypto::aws_lc_rs;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};

use crate::base::{Buffer, Limits};
use crate::cli::failure::Failure;
use crate::cli::files;
use crate::registry::Tag;
use crate::ttlv;

/// The port registered for KMIP.
const PORT: u16 = 5696;

/// Where the server is and how the client shows who it is.
#[derive(Debug)]
pub struct Endpoint {
    /// Host, with a port unless it is 5696.
    pub server: String,
    /// Authorities that may have issued the server's certificate, PEM.
    pub ca: PathBuf,
    /// The client's certificate chain, PEM.
    pub certificate: PathBuf,
    /// Its private key, PEM.
    pub key: PathBuf,
    /// How long to wait for the connection and for each answer.
    pub timeout: Duration,
}

/// An open connection.
pub struct Connection {
    stream: StreamOwned<ClientConnection, TcpStream>,
    server: String,
}

impl Connection {
    /// Connects. The TLS handshake ends with the first exchange.
    pub fn open(endpoint: &Endpoint) -> Result<Self, Failure> {
        let (host, port) = host_and_port(&endpoint.server)?;
        let config = tls(endpoint)?;
        let name = ServerName::try_from(host.clone())
            .map_err(|_| Failure::usage(format!("{host:?} is neither a host name nor an IP address")))?;
        let cannot = |error: std::io::Error| {
            Failure::connection(format!(
                "cannot connect to {host} port {port}: {error}. Is the server running, and is --server right?"
            ))
        };
        let mut last = std::io::Error::other("the name has no address");
        for address in (host.as_str(), port).to_socket_addrs().map_err(cannot)? {
            match TcpStream::connect_timeout(&address, endpoint.timeout) {
                Ok(socket) => {
                    socket.set_read_timeout(Some(endpoint.timeout)).map_err(cannot)?;
                    socket.set_write_timeout(Some(endpoint.timeout)).map_err(cannot)?;
                    socket.set_nodelay(true).map_err(cannot)?;
                    let session = ClientConnection::new(config, name)
                        .map_err(|error| Failure::connection(format!("cannot begin TLS: {error}")))?;
                    return Ok(Self { stream: StreamOwned::new(session, socket), server: endpoint.server.clone() });
                }
                Err(error) => last = error,
            }
        }
        Err(cannot(last))
    }

    /// Sends a request and reads the whole answer.
    pub fn exchange(&mut self, request: &[u8]) -> Result<Buffer, Failure> {
        self.stream.write_all(request).map_err(|error| self.broken(&error))?;
        self.stream.flush().map_err(|error| self.broken(&error))?;
        let mut answer = Buffer::default();
        self.read(&mut answer, ttlv::HEADER_BYTES)?;
        let length = ttlv::frame(&answer, Tag::ResponseMessage, &Limits::default())
            .map_err(|error| Failure::connection(format!("{} does not answer in KMIP: {error}", self.server)))?;
        let rest = length.unwrap_or(ttlv::HEADER_BYTES).saturating_sub(ttlv::HEADER_BYTES);
        self.read(&mut answer, rest)?;
        Ok(answer)
    }

    fn read(&mut self, answer: &mut Buffer, length: usize) -> Result<(), Failure> {
        self.stream.read_exact(answer.spare(length)).map_err(|error| self.broken(&error))
    }

    fn broken(&self, error: &std::io::Error) -> Failure {
        let advice = match error.kind() {
            std::io::ErrorKind::InvalidData => {
                "TLS failed; --ca must have issued the server's certificate for this host name, and the server must \
                 accept the client's certificate"
            }
            std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut => "no answer in time; see --timeout",
            _ => "the server ended the connection; its log says why",
        };
        Failure::connection(format!("{}: {error} ({advice})", self.server))
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // A polite end; the server may be gone already.
        self.stream.conn.send_close_notify();
        let _ = self.stream.flush();
    }
}

fn tls(endpoint: &Endpoint) -> Result<Arc<ClientConfig>, Failure> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(&endpoint.ca)? {
        roots
            .add(certificate)
            .map_err(|error| Failure::usage(format!("{} holds no authority: {error}", endpoint.ca.display())))?;
    }
    let text = files::read(&endpoint.key)?;
    let key = PrivateKeyDer::from_pem_slice(&text)
        .map_err(|_| Failure::usage(format!("{} is not a private key in PEM", endpoint.key.display())))?;
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| Failure::failed(format!("cannot set up TLS: {error}")))?
        .with_root_certificates(roots)
        .with_client_auth_cert(certificates(&endpoint.certificate)?, key)
        .map_err(|error| {
            Failure::usage(format!(
                "{} and {} cannot be used together: {error}",
                endpoint.certificate.display(),
                endpoint.key.display()
            ))
        })?;
    Ok(Arc::new(config))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Failure> {
    let text = files::read(path)?;
    let certificates = CertificateDer::pem_slice_iter(&text)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| Failure::usage(format!("{} is not PEM: {error}", path.display())))?;
    if certificates.is_empty() {
        return Err(Failure::usage(format!("{} holds no certificate", path.display())));
    }
    Ok(certificates)
}

/// `host`, `host:port`, `[::1]`, `[::1]:port` or a bare IPv6 address.
fn host_and_port(server: &str) -> Result<(String, u16), Failure> {
    let wrong = || Failure::usage(format!("{server:?} is not HOST or HOST:PORT"));
    let (host, port) = match server.strip_prefix('[').map(|rest| rest.split_once(']').ok_or_else(wrong)) {
        Some(split) => {
            let (host, rest) = split?;
            (host, if rest.is_empty() { None } else { Some(rest.strip_prefix(':').ok_or_else(wrong)?) })
        }
        None if server.matches(':').count() == 1 => {
            server.split_once(':').map(|(host, port)| (host, Some(port))).ok_or_else(wrong)?
        }
        None => (server, None),
    };
    if host.is_empty() {
        return Err(wrong());
    }
    let port = port.map_or(Ok(PORT), |port| port.parse().map_err(|_| wrong()))?;
    Ok((host.into(), port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_written_in_many_ways() {
        let cases = [
            ("kms", ("kms", 5696)),
            ("kms.example.org:1", ("kms.example.org", 1)),
            ("127.0.0.1:9", ("127.0.0.1", 9)),
            ("[::1]:9", ("::1", 9)),
            ("[::1]", ("::1", 5696)),
            ("::1", ("::1", 5696)),
        ];
        for (text, (host, port)) in cases {
            assert_eq!(host_and_port(text).unwrap(), (host.to_owned(), port), "{text}");
        }
        for text in ["", ":1", "h:", "h:x", "h:70000", "[::1", "[::1]x"] {
            assert!(host_and_port(text).is_err(), "{text}");
        }
    }
}
