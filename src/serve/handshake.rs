//! The TLS handshake of one connection, and one clear line when it fails: what the client offered, what was wrong,
//! what to change.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use rustls::{AlertDescription, CertificateError, Error, PeerIncompatible, ServerConfig};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::hello::{HEAD_BYTES_MAX, describe};
use super::verify::Refused;

/// How long a refused client may take to read why.
const LINGER: Duration = Duration::from_secs(1);
/// Most reads, of 1 kB, of what a refused client still sends.
const LINGER_READS: usize = 64;

/// Kinds of failure, for the metric.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(super) enum FailureKind {
    /// No client certificate.
    NoCertificate,
    /// A client certificate that is not accepted.
    Certificate,
    /// No version, suite, group or signature in common.
    Incompatible,
    /// The client refused us: usually our certificate.
    Alert,
    /// Not TLS at all.
    NotTls,
    /// Too slow.
    Timeout,
    /// The client went away.
    Closed,
    /// Anything else.
    Other,
}

/// A handshake that failed.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) kind: FailureKind,
    pub(super) words: String,
}

/// Shakes hands within a time.
pub(super) async fn handshake(
    tcp: TcpStream,
    config: Arc<ServerConfig>,
    within: Duration,
    stall: Duration,
) -> Result<TlsStream<Tap>, Failure> {
    let mut accept = TlsAcceptor::from(config).accept(Tap::new(tcp, stall)).into_fallible();
    // The refused certificate is on this thread until another connection is polled, so it is taken in the poll.
    let shake = poll_fn(|cx| Pin::new(&mut accept).poll(cx).map_err(|failed| (failed, Refused::take())));
    match timeout(within, shake).await {
        Ok(Ok(mut stream)) => {
            stream.get_mut().0.head = None;
            Ok(stream)
        }
        Ok(Err(((error, mut tap), refused))) => {
            let failure = explain(&error, tap.head.as_deref().unwrap_or_default(), refused);
            linger(&mut tap).await;
            Err(failure)
        }
        Err(_) => Err(Failure {
            kind: FailureKind::Timeout,
            words: format!("the handshake took more than {} s", within.as_secs()),
        }),
    }
}

/// Ends our side and lets the client read why before the socket goes: bytes left unread would turn the close into
/// a reset, which takes the alert with it.
pub(super) async fn linger(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) {
    let discard = async {
        stream.shutdown().await?;
        let mut discarded = [0; 1024];
        for _ in 0..LINGER_READS {
            if stream.read(&mut discarded).await? == 0 {
                break;
            }
        }
        io::Result::Ok(())
    };
    // Whatever happens, the socket goes now.
    let _ = timeout(LINGER, discard).await;
}

fn explain(error: &io::Error, head: &[u8], refused: Option<Refused>) -> Failure {
    let offered = describe(head);
    let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
    let (kind, words) = match tls {
        Some(Error::NoCertificatesPresented) => (
            FailureKind::NoCertificate,
            format!("the client sent no certificate; give it one that a client authority issued ({offered})"),
        ),
        Some(Error::InvalidCertificate(fault)) => {
            let who = refused.map_or_else(String::new, |refused| {
                format!(" (subject {}, issuer {}, SHA-256 {})", refused.subject, refused.issuer, refused.fingerprint)
            });
            (FailureKind::Certificate, format!("the client's certificate{who} is refused: {}", advice(fault)))
        }
        Some(Error::PeerIncompatible(fault)) => {
            (FailureKind::Incompatible, format!("{}; {offered}", incompatible(fault)))
        }
        Some(Error::AlertReceived(alert)) => (FailureKind::Alert, format!("{}; {offered}", alerted(*alert))),
        Some(_) if head.first() != Some(&22) => (FailureKind::NotTls, offered),
        Some(other) => (FailureKind::Other, format!("{other}; {offered}")),
        None => (FailureKind::Closed, format!("the connection broke: {error}; {offered}")),
    };
    Failure { kind, words }
}

fn advice(fault: &CertificateError) -> String {
    use CertificateError as E;
    match fault {
        E::UnknownIssuer => {
            "no configured client authority issued it; add its authority, or enrol its fingerprint".into()
        }
        E::Expired | E::ExpiredContext { .. } => "it has expired; renew it, or check the server's clock".into(),
        E::NotValidYet | E::NotValidYetContext { .. } => "it is not valid yet; check the clocks".into(),
        E::Revoked => "its authority has revoked it".into(),
        E::UnknownRevocationStatus => {
            "no revocation list speaks of its issuer, and strict revocation is on; add the list".into()
        }
        E::ExpiredRevocationList | E::ExpiredRevocationListContext { .. } => {
            "the revocation list is out of date, and strict revocation is on; fetch a new one".into()
        }
        E::InvalidPurpose | E::InvalidPurposeContext { .. } => {
            "its extended key usage does not allow client authentication; issue another, or enrol its fingerprint"
                .into()
        }
        other => format!("{other}; issue another, or enrol its fingerprint"),
    }
}

fn incompatible(fault: &PeerIncompatible) -> String {
    use PeerIncompatible as P;
    match fault {
        P::NoCipherSuitesInCommon => "no cipher suite in common: this server has TLS 1.3 and, in TLS 1.2, ECDHE with \
             AES-GCM or ChaCha20-Poly1305; allow one of these in the client, or put a TLS front before the server"
            .into(),
        P::Tls12NotOffered
        | P::Tls12NotOfferedOrEnabled
        | P::ServerDoesNotSupportTls12Or13
        | P::SupportedVersionsExtensionRequired
        | P::ServerTlsVersionIsDisabledByOurConfig => {
            "no protocol version in common; allow TLS 1.2 or 1.3 in the client, or lower the server's minimum".into()
        }
        P::NoKxGroupsInCommon => "no key exchange in common; allow X25519, P-256 or P-384 in the client".into(),
        P::NoSignatureSchemesInCommon => {
            "the client cannot check our certificate's kind of signature; use another server certificate".into()
        }
        other => format!("the client is not compatible: {other:?}"),
    }
}

fn alerted(alert: AlertDescription) -> String {
    match alert {
        AlertDescription::UnknownCA => {
            "the client does not know the issuer of our certificate; give the client the server's authority".into()
        }
        AlertDescription::BadCertificate
        | AlertDescription::CertificateUnknown
        | AlertDescription::CertificateExpired
        | AlertDescription::UnsupportedCertificate => {
            format!("the client refuses our certificate ({alert:?}); check its names, dates and authority")
        }
        other => format!("the client ended the handshake ({other:?})"),
    }
}

/// A socket that keeps the first bytes it receives until the handshake is over, and gives up a write that makes no
/// progress for too long.
#[derive(Debug)]
pub(super) struct Tap {
    tcp: TcpStream,
    head: Option<Vec<u8>>,
    stall: Duration,
    stalled: Option<Pin<Box<Sleep>>>,
}

impl Tap {
    fn new(tcp: TcpStream, stall: Duration) -> Self {
        Self { tcp, head: Some(Vec::new()), stall, stalled: None }
    }

    /// The bare socket.
    pub(super) fn into_tcp(self) -> TcpStream {
        self.tcp
    }

    fn paced<T>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let stall = self.stall;
        let timer = self.stalled.get_or_insert_with(|| Box::pin(sleep(stall)));
        ready!(timer.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Tap {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.tcp).poll_read(cx, buf))?;
        if let Some(head) = &mut self.head {
            let received = &buf.filled()[before..];
            let room = HEAD_BYTES_MAX.saturating_sub(head.len());
            head.extend_from_slice(&received[..received.len().min(room)]);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Tap {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.tcp).poll_write(cx, buf);
        self.paced(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.tcp).poll_write_vectored(cx, bufs);
        self.paced(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(cx)
    }
}
