//! TLS: files into a rustls configuration, and a new configuration without dropping a connection. Client
//! certificates are always required; there is no plain text.

use std::collections::HashSet;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer, UnixTime};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{ServerSessionMemoryCache, WebPkiClientVerifier};
use rustls::version::{TLS12, TLS13};
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};

use super::verify::{Fingerprint, Verifier, parse_fingerprint};

/// Sessions of TLS 1.2 remembered for clients without tickets, about 2 kB each.
const SESSIONS_MAX: usize = 4096;

/// Files and rules of TLS. All files are read again at each reload.
#[derive(Clone, Debug, Default)]
pub struct TlsOptions {
    /// The server's certificate and its intermediates, PEM, the server's own first.
    pub certificate: PathBuf,
    /// The private key, PEM: PKCS#8, PKCS#1 or SEC1.
    pub key: PathBuf,
    /// Certificates of the authorities whose clients are accepted, PEM, any number in a file.
    pub client_authorities: Vec<PathBuf>,
    /// Revocation lists of those authorities, PEM (any number in a file) or DER.
    pub revocation_lists: Vec<PathBuf>,
    /// Whether a client is refused when no list speaks of its issuer, or when the list is out of date. By default
    /// a list only refuses what it names.
    pub revocation_strict: bool,
    /// SHA-256 fingerprints of client certificates accepted whoever issued them, as hexadecimal digits.
    pub enrolled: Vec<String>,
    /// A file of such fingerprints: one a line, anything after it is a comment, as is a line that begins with #.
    pub enrolled_file: Option<PathBuf>,
    /// The oldest protocol version. TLS 1.2 by default.
    pub minimum: TlsMinimum,
}

/// The oldest protocol version that is accepted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum TlsMinimum {
    /// TLS 1.2 and 1.3.
    #[default]
    Tls12,
    /// TLS 1.3 alone.
    Tls13,
}

/// Why there is no configuration: the file, and what is wrong with it.
#[derive(Debug)]
pub struct TlsError(String);

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for TlsError {}

impl TlsError {
    fn file(path: &Path, what: impl fmt::Display) -> Self {
        Self(format!("{}: {what}", path.display()))
    }

    fn plain(what: impl fmt::Display) -> Self {
        Self(what.to_string())
    }
}

/// The configuration in force.
#[derive(Debug)]
pub(super) struct Tls {
    options: TlsOptions,
    current: ArcSwap<Configs>,
}

/// One configuration for each protocol above TLS. They differ in ALPN alone.
#[derive(Debug)]
struct Configs {
    kmip: Arc<ServerConfig>,
    https: Arc<ServerConfig>,
}

impl Tls {
    pub(super) fn new(options: TlsOptions) -> Result<Self, TlsError> {
        let current = ArcSwap::from_pointee(Configs::read(&options)?);
        Ok(Self { options, current })
    }

    /// Reads all files again. New connections use the new configuration; after an error the old one stays.
    /// Sessions cannot be resumed over a reload, so a client that is no longer accepted does not slip in.
    pub(super) fn reload(&self) -> Result<(), TlsError> {
        self.current.store(Arc::new(Configs::read(&self.options)?));
        Ok(())
    }

    pub(super) fn kmip(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.current.load().kmip)
    }

    pub(super) fn https(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.current.load().https)
    }
}

impl Configs {
    fn read(options: &TlsOptions) -> Result<Self, TlsError> {
        let kmip = config(options)?;
        let mut https = kmip.clone();
        // Both, as servers must have both (Additional Message Encodings 1.0 §2.5) and some clients offer the one they use.
        https.alpn_protocols = vec![b"http/1.1".to_vec(), b"http/1.0".to_vec()];
        // A session of one protocol is not to be resumed in the other.
        https.session_storage = ServerSessionMemoryCache::new(SESSIONS_MAX);
        https.ticketer = aws_lc_rs::Ticketer::new().map_err(TlsError::plain)?;
        Ok(Self { kmip: Arc::new(kmip), https: Arc::new(https) })
    }
}

/// Whether a client with this certificate would get a connection now, with no intermediates of its own; the error says
/// why not.
pub fn admits(options: &TlsOptions, certificate: &[u8]) -> Result<(), TlsError> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier = Verifier::new(authorities(options, &provider)?, enrolled(options)?, provider);
    let verdict = verifier.verify_client_cert(&certificate.into(), &[], UnixTime::now());
    verdict.map(drop).map_err(TlsError::plain)
}

fn config(options: &TlsOptions) -> Result<ServerConfig, TlsError> {
    let chain = certificates(&options.certificate)?;
    let key = PrivateKeyDer::from_pem_file(&options.key).map_err(|error| TlsError::file(&options.key, error))?;
    let provider = Arc::new(aws_lc_rs::default_provider());
    let versions: &[&SupportedProtocolVersion] = match options.minimum {
        TlsMinimum::Tls12 => &[&TLS13, &TLS12],
        TlsMinimum::Tls13 => &[&TLS13],
    };
    let enrolled = enrolled(options)?;
    let authorities = authorities(options, &provider)?;
    if authorities.is_none() && enrolled.is_empty() {
        return Err(TlsError::plain("no client could connect: name a client authority or enrol a fingerprint"));
    }
    let verifier = Verifier::new(authorities, enrolled, Arc::clone(&provider));
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .map_err(TlsError::plain)?
        .with_client_cert_verifier(Arc::new(verifier))
        .with_single_cert(chain, key)
        .map_err(|error| TlsError::file(&options.certificate, error))?;
    config.session_storage = ServerSessionMemoryCache::new(SESSIONS_MAX);
    config.ticketer = aws_lc_rs::Ticketer::new().map_err(TlsError::plain)?;
    // One ticket is enough: it may be used again, and each costs a client that connects for one request.
    config.send_tls13_tickets = 1;
    Ok(config)
}

fn authorities(
    options: &TlsOptions,
    provider: &Arc<rustls::crypto::CryptoProvider>,
) -> Result<Option<Arc<dyn ClientCertVerifier>>, TlsError> {
    let mut roots = RootCertStore::empty();
    for path in &options.client_authorities {
        for certificate in certificates(path)? {
            roots.add(certificate).map_err(|error| TlsError::file(path, error))?;
        }
    }
    if roots.is_empty() {
        return Ok(None);
    }
    let mut lists = Vec::new();
    for path in &options.revocation_lists {
        lists.extend(revocation_lists(path)?);
    }
    let mut builder =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider)).with_crls(lists);
    builder = match options.revocation_strict {
        true => builder.enforce_revocation_expiration(),
        false => builder.allow_unknown_revocation_status(),
    };
    builder.build().map(Some).map_err(TlsError::plain)
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let found = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    match found {
        Ok(found) if found.is_empty() => Err(TlsError::file(path, "no certificate in PEM form")),
        found => found.map_err(|error| TlsError::file(path, error)),
    }
}

fn revocation_lists(path: &Path) -> Result<Vec<CertificateRevocationListDer<'static>>, TlsError> {
    let bytes = std::fs::read(path).map_err(|error| TlsError::file(path, error))?;
    if bytes.first() == Some(&0x30) {
        return Ok(vec![bytes.into()]);
    }
    let found: Result<Vec<_>, _> = CertificateRevocationListDer::pem_slice_iter(&bytes).collect();
    match found {
        Ok(found) if found.is_empty() => Err(TlsError::file(path, "no revocation list in PEM or DER form")),
        found => found.map_err(|error| TlsError::file(path, error)),
    }
}

fn enrolled(options: &TlsOptions) -> Result<HashSet<Fingerprint>, TlsError> {
    let mut all = HashSet::new();
    for text in &options.enrolled {
        let parsed = parse_fingerprint(text);
        all.insert(parsed.ok_or_else(|| TlsError::plain(format!("not a SHA-256 fingerprint: {text}")))?);
    }
    if let Some(path) = &options.enrolled_file {
        let text = std::fs::read_to_string(path).map_err(|error| TlsError::file(path, error))?;
        for (at, line) in text.lines().enumerate() {
            let Some(word) = line.split_whitespace().next().filter(|word| !word.starts_with('#')) else {
                continue;
            };
            let parsed = parse_fingerprint(word);
            all.insert(parsed.ok_or_else(|| TlsError::file(path, format!("line {}: not a fingerprint", at + 1)))?);
        }
    }
    Ok(all)
}
