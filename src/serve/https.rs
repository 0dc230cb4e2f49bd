//! KMIP over HTTPS (Additional Message Encodings 1.0 §2): `POST /kmip` with one message in TTLV, JSON or XML. TLS
//! and the client's certificate are those of the binary protocol.

use std::net::SocketAddr;
use std::sync::Arc;

use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::time::timeout;
use tokio_rustls::server::TlsStream;
use tracing::{debug, warn};

use super::handshake::Tap;
use super::hub::Hub;
use super::service::Service;
use crate::registry::Tag;
use crate::ttlv;

/// The path of the standard (§2.3).
const PATH: &str = "/kmip";
/// Longest request line and headers together, in bytes.
const HEADER_BYTES_MAX: usize = 16 * 1024;
/// How much longer than its TTLV a message may be in text: hexadecimal doubles it, names and quotes do the rest.
const TEXT_FACTOR: usize = 4;

/// The encodings of a message that are not binary.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Encoding {
    /// `application/json`
    Json,
    /// `text/xml` or `application/xml`
    Xml,
}

/// Turns text encodings into TTLV and back.
pub trait Codec: Send + Sync + 'static {
    /// A request as TTLV; an error is an HTTP status and words for the client.
    fn decode(&self, encoding: Encoding, body: &[u8]) -> Result<Vec<u8>, (u16, String)>;
    /// A reply, which is well-formed TTLV, as text.
    fn encode(&self, encoding: Encoding, ttlv: &[u8]) -> Result<Vec<u8>, (u16, String)>;
}

/// Serves an HTTPS connection until it ends. Between requests it may be idle for as long as a request may take to
/// arrive: an HTTP client opens another connection without noticing.
pub(super) async fn serve<S: Service>(
    hub: Arc<Hub<S>>,
    stream: TlsStream<Tap>,
    peer: Arc<S::Peer>,
    address: SocketAddr,
    number: u64,
) {
    let service = service_fn(|request| {
        let (hub, peer) = (Arc::clone(&hub), Arc::clone(&peer));
        async move { Ok::<_, std::convert::Infallible>(respond(&hub, &peer, request, address, number).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(hub.options.request)
        .max_buf_size(HEADER_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = hub.stop.draining() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        debug!(%address, %error, "HTTPS connection ended");
    }
}

type Page = Response<Full<Bytes>>;

async fn respond<S: Service>(
    hub: &Arc<Hub<S>>,
    peer: &Arc<S::Peer>,
    request: Request<Incoming>,
    address: SocketAddr,
    number: u64,
) -> Page {
    if request.uri().path() != PATH {
        return refuse(StatusCode::NOT_FOUND, "KMIP is at /kmip");
    }
    if request.method() != Method::POST {
        let mut page = refuse(StatusCode::METHOD_NOT_ALLOWED, "KMIP messages come by POST");
        page.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
        return page;
    }
    let Some(media) = media(&request, hub.codec.is_some()) else {
        let words = "the Content-Type must be application/octet-stream, application/json or text/xml";
        return refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE, words);
    };
    match exchange(hub, peer, request, media, number).await {
        Ok(body) => page(StatusCode::OK, media.content_type(), body),
        Err((status, words)) => {
            warn!(%address, status = status.as_u16(), "HTTPS request refused: {words}");
            refuse(status, &words)
        }
    }
}

type Refusal = (StatusCode, String);

async fn exchange<S: Service>(
    hub: &Arc<Hub<S>>,
    peer: &Arc<S::Peer>,
    request: Request<Incoming>,
    media: Media,
    number: u64,
) -> Result<Vec<u8>, Refusal> {
    let body = receive(hub, request, media).await?;
    let coded = |(status, words)| (StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST), words);
    let decoded;
    let message: &[u8] = match (media, &hub.codec) {
        (Media::Text(encoding, _), Some(codec)) => {
            decoded = codec.decode(encoding, &body).map_err(coded)?;
            &decoded
        }
        _ => &body,
    };
    match ttlv::frame(message, Tag::RequestMessage, &hub.options.limits) {
        Ok(Some(length)) if length == message.len() => {}
        Ok(_) => return Err((StatusCode::BAD_REQUEST, "the body is not one whole KMIP request".into())),
        Err(error) => return Err((StatusCode::BAD_REQUEST, format!("not a request that can be read: {error}"))),
    }
    let reply = hub.answer(message, peer, number).await.map_err(|why| {
        // The cause is the operator's; the client learns that there is none for it.
        warn!("request over HTTPS not answered: {why}");
        (StatusCode::INTERNAL_SERVER_ERROR, "the server could not answer; its log has the cause".into())
    })?;
    match (media, &hub.codec) {
        (Media::Text(encoding, _), Some(codec)) => codec.encode(encoding, &reply).map_err(coded),
        _ => Ok(reply.to_vec()),
    }
}

async fn receive<S: Service>(hub: &Hub<S>, request: Request<Incoming>, media: Media) -> Result<Bytes, Refusal> {
    let factor = if media == Media::Binary { 1 } else { TEXT_FACTOR };
    let limit = hub.options.limits.message_bytes_max.saturating_mul(factor);
    let too_large = || (StatusCode::PAYLOAD_TOO_LARGE, format!("a request may have {limit} bytes"));
    // Refused before it is read, when the client says how long it is.
    let declared = request.headers().get(hyper::header::CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    if declared.and_then(|text| text.parse::<usize>().ok()).is_some_and(|length| length > limit) {
        return Err(too_large());
    }
    match timeout(hub.options.request, Limited::new(request.into_body(), limit).collect()).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large()),
        Ok(Err(error)) => Err((StatusCode::BAD_REQUEST, format!("the body could not be read: {error}"))),
        Err(_) => Err((StatusCode::REQUEST_TIMEOUT, "the body took too long to arrive".into())),
    }
}

/// What a body is, and how the answer is named: as the request was.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Media {
    Binary,
    Text(Encoding, &'static str),
}

impl Media {
    fn content_type(self) -> &'static str {
        match self {
            Self::Binary => "application/octet-stream",
            Self::Text(_, name) => name,
        }
    }
}

fn media(request: &Request<Incoming>, text: bool) -> Option<Media> {
    let value = request.headers().get(CONTENT_TYPE)?.to_str().ok()?;
    let name = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match name.as_str() {
        "application/octet-stream" => Some(Media::Binary),
        "application/json" if text => Some(Media::Text(Encoding::Json, "application/json")),
        "text/xml" if text => Some(Media::Text(Encoding::Xml, "text/xml")),
        "application/xml" if text => Some(Media::Text(Encoding::Xml, "application/xml")),
        _ => None,
    }
}

fn refuse(status: StatusCode, words: &str) -> Page {
    page(status, "text/plain; charset=utf-8", format!("{words}\n").into_bytes())
}

fn page(status: StatusCode, content_type: &'static str, body: Vec<u8>) -> Page {
    let mut page = Response::new(Full::new(Bytes::from(body)));
    *page.status_mut() = status;
    page.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    // §2.5: answers are not to be kept by anyone between.
    page.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    page
}
