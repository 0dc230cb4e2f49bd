//! `keyhaven serve`: from the configuration to a server: store, root, core, listeners.

use std::sync::Arc;
use std::time::Duration;

use super::config::{Config, TlsVersion};
use super::failure::Failure;
use super::service::KeyService;
use crate::base::Limits;
use crate::proto::text;
use crate::serve::{self, Codec, Encoding, Options, TlsMinimum, TlsOptions};

/// Serves until told to stop. `ready` is called once, when the listeners are open.
pub fn serve(config: &Config, ready: impl FnOnce()) -> Result<(), Failure> {
    let service = KeyService::open(config)?;
    service.listen();
    let codec = Arc::new(TextCodec { limits: config.limits() });
    serve::run(options(config), service, Some(codec), ready, std::future::pending())
        .map_err(|error| Failure::failed(error.to_string()))
}

fn options(config: &Config) -> Options {
    let defaults = Options::default();
    Options {
        listen: vec![config.server.listen],
        https: config.server.https.into_iter().collect(),
        admin: config.server.admin,
        tls: tls_options(config),
        limits: config.limits(),
        connections_max: config.limits.connections_max,
        handshake: Duration::from_secs(config.tls.handshake_seconds),
        idle: Duration::from_secs(config.tls.idle_seconds),
        workers: (config.server.workers > 0).then_some(config.server.workers),
        ..defaults
    }
}

/// Files and rules of TLS.
pub fn tls_options(config: &Config) -> TlsOptions {
    TlsOptions {
        certificate: config.tls.certificate.clone(),
        key: config.tls.key.clone(),
        client_authorities: config.tls.client_cas.clone(),
        revocation_lists: config.tls.crls.clone(),
        enrolled: config.tls.accepted_fingerprints.iter().map(|one| super::service::hex(&one.0)).collect(),
        minimum: match config.tls.minimum_version {
            TlsVersion::V1_2 => TlsMinimum::Tls12,
            TlsVersion::V1_3 => TlsMinimum::Tls13,
        },
        ..TlsOptions::default()
    }
}

/// JSON and XML for HTTPS.
struct TextCodec {
    limits: Limits,
}

fn encoding(encoding: Encoding) -> text::Encoding {
    match encoding {
        Encoding::Json => text::Encoding::Json,
        Encoding::Xml => text::Encoding::Xml,
    }
}

impl Codec for TextCodec {
    fn decode(&self, form: Encoding, body: &[u8]) -> Result<Vec<u8>, (u16, String)> {
        let ttlv = text::to_ttlv(encoding(form), body, &self.limits).map_err(|error| (400, error.to_string()))?;
        Ok(ttlv.to_vec())
    }

    fn encode(&self, form: Encoding, ttlv: &[u8]) -> Result<Vec<u8>, (u16, String)> {
        let limits = Limits { message_bytes_max: usize::MAX, items_max: usize::MAX, ..self.limits.clone() };
        let text = text::from_ttlv(encoding(form), ttlv, &limits).map_err(|error| (500, error.to_string()))?;
        Ok(text.into_bytes())
    }
}
