//! A test authority, a test service, a server around it, and clients.

use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, RevokedCertParams, SerialNumber, date_time_ymd,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::super::{Next, Options, Outcome, Server, Service, TlsOptions, Turned};
use crate::base::{Buffer, KeyBytes};
use crate::registry::Tag;
use crate::ttlv::Writer;

pub(super) const WAIT: Duration = Duration::from_secs(20);

/// A certificate with its key, PEM.
pub(super) struct Identity {
    pub(super) certificate: String,
    pub(super) key: String,
}

impl Identity {
    pub(super) fn der(&self) -> CertificateDer<'static> {
        CertificateDer::from_pem_slice(self.certificate.as_bytes()).unwrap()
    }
}

pub(super) struct Authority {
    pub(super) certificate: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    pub(super) fn new(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.distinguished_name.push(DnType::CommonName, name);
        let certificate = params.self_signed(&key).unwrap().pem();
        Self { certificate, issuer: Issuer::new(params, key) }
    }

    pub(super) fn issue(&self, name: &str, change: impl FnOnce(&mut CertificateParams)) -> Identity {
        let key = KeyPair::generate().unwrap();
        let certificate = params(name, change).signed_by(&key, &self.issuer).unwrap().pem();
        Identity { certificate, key: key.serialize_pem() }
    }

    pub(super) fn revoke(&self, serial: u64) -> String {
        let list = CertificateRevocationListParams {
            this_update: date_time_ymd(2024, 1, 1),
            next_update: date_time_ymd(2040, 1, 1),
            crl_number: SerialNumber::from(1_u64),
            issuing_distribution_point: None,
            revoked_certs: vec![RevokedCertParams {
                serial_number: SerialNumber::from(serial),
                revocation_time: date_time_ymd(2024, 1, 1),
                reason_code: None,
                invalidity_date: None,
            }],
            key_identifier_method: rcgen::KeyIdMethod::Sha256,
        };
        list.signed_by(&self.issuer).unwrap().pem().unwrap()
    }
}

pub(super) fn self_signed(name: &str) -> Identity {
    let key = KeyPair::generate().unwrap();
    let certificate = params(name, |params| params.extended_key_usages.clear()).self_signed(&key).unwrap().pem();
    Identity { certificate, key: key.serialize_pem() }
}

fn params(name: &str, change: impl FnOnce(&mut CertificateParams)) -> CertificateParams {
    let mut params = CertificateParams::new(vec!["localhost".into()]).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth, ExtendedKeyUsagePurpose::ServerAuth];
    change(&mut params);
    params
}

type Wake = Box<dyn FnOnce(bool) + Send>;

/// Answers by the first byte of a request's text, see `command`.
#[derive(Default)]
pub(super) struct Rules {
    pub(super) durable: AtomicU64,
    pub(super) waiting: Mutex<Vec<(u64, Wake)>>,
    pub(super) handled: AtomicUsize,
    pub(super) blocked: AtomicUsize,
    pub(super) open: AtomicBool,
    pub(super) unready: AtomicBool,
    /// Whether clients have the server role, and what the service asks them then.
    pub(super) turned: AtomicBool,
    pub(super) mail: Arc<Mail>,
}

/// Requests of the service: the number to wait for and a text.
#[derive(Default)]
pub(super) struct Mail {
    pub(super) queue: Mutex<Vec<(u64, String)>>,
    pub(super) answers: Mutex<Vec<String>>,
    wake: Mutex<Option<Box<dyn Fn() + Send + Sync>>>,
    pub(super) seats: AtomicU64,
    pub(super) gone: AtomicU64,
}

impl Mail {
    pub(super) fn push(&self, durable: u64, text: &str) {
        self.queue.lock().unwrap().push((durable, text.into()));
        if let Some(wake) = &*self.wake.lock().unwrap() {
            wake();
        }
    }
}

struct Post(Arc<Mail>);

impl Turned for Post {
    fn attach(&self, wake: Box<dyn Fn() + Send + Sync>) -> u64 {
        *self.0.wake.lock().unwrap() = Some(wake);
        self.0.seats.fetch_add(1, Ordering::SeqCst) + 1
    }

    fn detach(&self, seat: u64) {
        self.0.gone.store(seat, Ordering::SeqCst);
    }

    fn next(&self, _: u64) -> Next {
        match self.0.queue.lock().unwrap().first() {
            Some((_, text)) if text == "close" => Next::Close("as the test asked".into()),
            Some((durable, text)) => {
                let request = KeyBytes::copy_from(&message(Tag::RequestMessage, text));
                Next::Send { durable: *durable, request }
            }
            None => Next::Nothing,
        }
    }

    fn answered(&self, _: u64, response: &[u8]) -> Result<bool, String> {
        self.0.answers.lock().unwrap().push(text(response));
        self.0.queue.lock().unwrap().remove(0);
        Ok(true)
    }
}

impl Rules {
    /// Everything up to this number is on the disk.
    pub(super) fn sync(&self, number: u64) {
        self.durable.store(number, Ordering::SeqCst);
        let mut waiting = self.waiting.lock().unwrap();
        let due: Vec<_> = waiting.extract_if(.., |(wanted, _)| *wanted <= number).collect();
        drop(waiting);
        due.into_iter().for_each(|(_, wake)| wake(true));
    }
}

impl Service for Rules {
    type Peer = String;

    fn peer(&self, chain: &[CertificateDer<'_>], address: SocketAddr) -> Result<String, String> {
        assert!(address.ip().is_loopback());
        let (_, parsed) = x509_parser::parse_x509_certificate(&chain[0]).unwrap();
        match parsed.subject().to_string() {
            name if name.contains("stranger") => Err("no such client".into()),
            name => Ok(name),
        }
    }

    fn handle(&self, request: &[u8], peer: &String, may_block: bool, reply: &mut Buffer) -> Outcome {
        self.handled.fetch_add(1, Ordering::SeqCst);
        assert!(reply.is_empty());
        let text = text(request);
        let (command, rest) = text.split_at(1);
        let mut durable = 0;
        match command {
            // E: echo. L: a long reply. D: echo when this number is durable. W: who am I.
            "E" => reply.extend(&message(Tag::ResponseMessage, rest)),
            "L" => reply.extend(&message(Tag::ResponseMessage, &"x".repeat(rest.parse().unwrap()))),
            "D" => {
                durable = rest.parse().unwrap();
                reply.extend(&message(Tag::ResponseMessage, rest));
            }
            "W" => reply.extend(&message(Tag::ResponseMessage, peer)),
            // B: blocks until `open`.
            "B" if !may_block => {
                reply.extend(b"half an answer");
                return Outcome::WouldBlock;
            }
            "B" => {
                self.blocked.fetch_add(1, Ordering::SeqCst);
                while !self.open.load(Ordering::SeqCst) {
                    std::thread::sleep(Duration::from_millis(1));
                }
                reply.extend(&message(Tag::ResponseMessage, rest));
            }
            // T: the client takes the server role.
            "T" => {
                self.turned.store(true, Ordering::SeqCst);
                reply.extend(&message(Tag::ResponseMessage, rest));
            }
            "P" => panic!("as the test asked"),
            _ => return Outcome::Close("unknown command".into()),
        }
        Outcome::Reply { durable }
    }

    fn busy(&self, _: &[u8], _: &String, reply: &mut Buffer) -> Outcome {
        reply.extend(&message(Tag::ResponseMessage, "busy"));
        Outcome::Reply { durable: 0 }
    }

    fn when_durable(&self, sequence: u64, wake: Box<dyn FnOnce(bool) + Send>) {
        let mut waiting = self.waiting.lock().unwrap();
        if self.durable() >= sequence {
            drop(waiting);
            return wake(true);
        }
        waiting.push((sequence, wake));
    }

    fn durable(&self) -> u64 {
        self.durable.load(Ordering::SeqCst)
    }

    fn turned(&self, _: &String) -> Option<Box<dyn Turned>> {
        self.turned.load(Ordering::SeqCst).then(|| Box::new(Post(Arc::clone(&self.mail))) as Box<dyn Turned>)
    }

    fn ready(&self) -> Result<(), String> {
        if self.unready.load(Ordering::SeqCst) { Err("the store is closed".into()) } else { Ok(()) }
    }
}

/// A message that holds one text.
pub(super) fn message(tag: Tag, text: &str) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.structure(tag, |writer| writer.text(Tag::Comment, text));
    writer.finish().to_vec()
}

pub(super) fn command(text: &str) -> Vec<u8> {
    message(Tag::RequestMessage, text)
}

pub(super) fn text(message: &[u8]) -> String {
    let item = crate::ttlv::check(message, &crate::base::Limits::default()).unwrap();
    item.child(Tag::Comment).unwrap().text().unwrap().into()
}

/// A running server with its files.
pub(super) struct World {
    pub(super) authority: Authority,
    pub(super) files: TempDir,
    pub(super) rules: Arc<Rules>,
    pub(super) server: Server<Rules>,
}

impl World {
    pub(super) async fn new() -> Self {
        Self::with(|_, _| {}).await
    }

    pub(super) async fn with(change: impl FnOnce(&mut Options, &World0)) -> Self {
        let files = tempfile::tempdir().unwrap();
        let authority = Authority::new("test authority");
        let base = World0 { authority, files };
        base.write_server(&base.authority.issue("localhost", |_| {}));
        base.write("ca.pem", &base.authority.certificate);
        let mut options = Options {
            listen: vec!["127.0.0.1:0".parse().unwrap()],
            https: vec!["127.0.0.1:0".parse().unwrap()],
            admin: Some("127.0.0.1:0".parse().unwrap()),
            tls: TlsOptions {
                certificate: base.path("server.pem"),
                key: base.path("server.key"),
                client_authorities: vec![base.path("ca.pem")],
                ..TlsOptions::default()
            },
            ..Options::default()
        };
        change(&mut options, &base);
        let rules = Arc::new(Rules::default());
        let codec: Arc<dyn super::super::Codec> = Arc::new(super::http::Quoted);
        let server = Server::start(options, Arc::clone(&rules), Some(codec)).await.unwrap();
        Self { authority: base.authority, files: base.files, rules, server }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.server.kmip()[0]
    }

    pub(super) fn client(&self) -> Identity {
        self.authority.issue("client", |_| {})
    }

    pub(super) fn config(&self, identity: Option<&Identity>) -> Arc<ClientConfig> {
        self.config_of(identity, rustls::ALL_VERSIONS)
    }

    pub(super) fn config_of(
        &self,
        identity: Option<&Identity>,
        versions: &[&'static SupportedProtocolVersion],
    ) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.authority.certificate.as_bytes()).unwrap()).unwrap();
        let builder = ClientConfig::builder_with_protocol_versions(versions).with_root_certificates(roots);
        Arc::new(match identity {
            Some(identity) => {
                let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).unwrap();
                builder.with_client_auth_cert(vec![identity.der()], key).unwrap()
            }
            None => builder.with_no_client_auth(),
        })
    }

    pub(super) async fn connect(&self) -> Client {
        connect(self.address(), &self.config(Some(&self.client()))).await.unwrap()
    }

    pub(super) async fn page(&self, path: &str) -> String {
        let mut tcp = TcpStream::connect(self.server.admin().unwrap()).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nhost: admin\r\nconnection: close\r\n\r\n");
        tcp.write_all(request.as_bytes()).await.unwrap();
        let mut page = String::new();
        tcp.read_to_string(&mut page).await.unwrap();
        page
    }
}

/// What there is before the server.
pub(super) struct World0 {
    pub(super) authority: Authority,
    pub(super) files: TempDir,
}

impl World0 {
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.files.path().join(name)
    }

    pub(super) fn write(&self, name: &str, text: &str) {
        std::fs::File::create(self.path(name)).unwrap().write_all(text.as_bytes()).unwrap();
    }

    fn write_server(&self, identity: &Identity) {
        self.write("server.pem", &identity.certificate);
        self.write("server.key", &identity.key);
    }
}

/// A client whose raw bytes can be looked at.
pub(super) struct Client(pub(super) TlsStream<Raw>);

pub(super) async fn connect(address: SocketAddr, config: &Arc<ClientConfig>) -> std::io::Result<Client> {
    let tcp = TcpStream::connect(address).await?;
    let name = ServerName::try_from("localhost").unwrap();
    let raw = Raw { tcp, seen: Vec::new() };
    TlsConnector::from(Arc::clone(config)).connect(name, raw).await.map(Client)
}

impl Client {
    pub(super) async fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).await.unwrap();
        self.0.flush().await.unwrap();
    }

    pub(super) async fn receive(&mut self) -> std::io::Result<String> {
        let mut bytes = vec![0; 8];
        tokio::time::timeout(WAIT, async {
            self.0.read_exact(&mut bytes).await?;
            let length = u32::from_be_bytes(bytes[4..8].try_into().unwrap()) as usize;
            bytes.resize(8 + length, 0);
            self.0.read_exact(&mut bytes[8..]).await?;
            Ok(text(&bytes))
        })
        .await
        .expect("a reply in time")
    }

    pub(super) async fn ask(&mut self, text: &str) -> String {
        self.send(&command(text)).await;
        self.receive().await.unwrap()
    }

    /// Whether the server says goodbye properly, with nothing before it.
    pub(super) async fn is_closed(&mut self) -> bool {
        let mut rest = Vec::new();
        let end = tokio::time::timeout(WAIT, self.0.read_to_end(&mut rest)).await.expect("an end in time");
        end.is_ok() && rest.is_empty()
    }
}

pub(super) struct Raw {
    pub(super) tcp: TcpStream,
    pub(super) seen: Vec<u8>,
}

impl AsyncRead for Raw {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<std::io::Result<()>> {
        let before = buf.filled().len();
        let poll = Pin::new(&mut self.tcp).poll_read(cx, buf);
        self.seen.extend_from_slice(&buf.filled()[before..]);
        poll
    }
}

impl AsyncWrite for Raw {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.tcp).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.tcp).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(cx)
    }
}
