//! The operator's listener: health, readiness and metrics over plain HTTP. It says nothing about objects or
//! clients and changes nothing; it listens on loopback unless configured otherwise.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::sleep;
use tracing::warn;

use super::hub::Hub;
use super::service::Service;

/// Connections at a time; more wait.
const CONNECTIONS_MAX: usize = 64;
/// How long a request line and its headers may take, and how long a connection may be idle.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);

/// What the pages show.
pub(super) struct Admin<S> {
    hub: Arc<Hub<S>>,
    registry: Registry,
}

impl<S: Service> Admin<S> {
    pub(super) fn new(hub: Arc<Hub<S>>) -> Self {
        let mut registry = Registry::with_prefix("keyhaven");
        let build = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("build", "The version that runs", build);
        registry.register_collector(Box::new(Arc::clone(&hub.metrics)));
        hub.service.register(&mut registry);
        Self { hub, registry }
    }

    fn page(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return text(StatusCode::METHOD_NOT_ALLOWED, "only GET\n".into());
        }
        match request.uri().path() {
            "/healthz" => text(StatusCode::OK, "alive\n".into()),
            "/readyz" => match self.ready() {
                Ok(()) => text(StatusCode::OK, "ready\n".into()),
                Err(why) => text(StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")),
            },
            "/metrics" => self.metrics(),
            _ => text(StatusCode::NOT_FOUND, "here are /healthz, /readyz and /metrics\n".into()),
        }
    }

    fn ready(&self) -> Result<(), String> {
        if self.hub.stop.is_draining() {
            return Err("stopping".into());
        }
        self.hub.service.ready()
    }

    fn metrics(&self) -> Response<Full<Bytes>> {
        let mut page = String::new();
        match encode(&mut page, &self.registry) {
            Ok(()) => {
                let mut response = text(StatusCode::OK, page);
                let kind = HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");
                response.headers_mut().insert(CONTENT_TYPE, kind);
                response
            }
            Err(error) => text(StatusCode::INTERNAL_SERVER_ERROR, format!("metrics failed: {error}\n")),
        }
    }
}

impl<S> fmt::Debug for Admin<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Admin")
    }
}

/// Serves the pages until the server is gone: readiness must be asked while it drains.
pub(super) async fn accept<S: Service>(admin: Arc<Admin<S>>, listener: TcpListener) {
    let permits = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let gone = admin.hub.stop.gone();
    tokio::pin!(gone);
    loop {
        let Ok(permit) = Arc::clone(&permits).acquire_owned().await else {
            return;
        };
        let accepted = tokio::select! {
            () = &mut gone => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((tcp, _)) => {
                let admin = Arc::clone(&admin);
                tokio::spawn(async move {
                    tokio::select! {
                        () = serve(&admin, tcp) => {}
                        () = admin.hub.stop.gone() => {}
                    }
                    drop(permit);
                });
            }
            Err(error) => {
                warn!(%error, "cannot accept an admin connection");
                sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn serve<S: Service>(admin: &Admin<S>, tcp: TcpStream) {
    let pages = service_fn(|request| {
        let page = admin.page(&request);
        async move { Ok::<_, std::convert::Infallible>(page) }
    });
    // A client that breaks off is nobody's news here.
    let _ = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .serve_connection(TokioIo::new(tcp), pages)
        .await;
}

fn text(status: StatusCode, body: String) -> Response<Full<Bytes>> {
    let mut page = Response::new(Full::new(Bytes::from(body)));
    *page.status_mut() = status;
    page.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    page
}
