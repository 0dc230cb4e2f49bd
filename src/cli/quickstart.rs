//! `keyhaven quickstart`: from nothing to a server that a client can talk to, and the lines to paste.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use super::config::{Config, RootKind};
use super::failure::Failure;
use super::files::{self, PUBLIC};
use super::init::{self, ADMIN};
use super::log;
use super::pki::Pki;
use super::run::serve;
use super::seams::RootChoice;
use crate::store::EngineKind;

/// Makes the data directory if needed, says how to use it, and serves.
pub fn run(data: &Path) -> Result<(), Failure> {
    if !init::is_initialised(data) {
        init::init(data, &[], EngineKind::default(), RootKind::File, &RootChoice::default())?;
        println!("Made {} with a configuration, an authority and certificates.", data.display());
    }
    // Other programs start elsewhere: what they are told has absolute paths.
    let data = std::path::absolute(data)
        .map_err(|error| Failure::failed(format!("cannot resolve {}: {error}", data.display())))?;
    let config = Config::of_data(&data)?;
    log::start(&config.log)?;
    let client = PykmipClient::new(&data, config.server.listen);
    files::replace(&data.join("pykmip.conf"), client.file().as_bytes(), PUBLIC)?;
    let text = client.hints();
    serve(&config, move || println!("{text}"))
}

/// What a client on this machine needs.
struct PykmipClient {
    data: PathBuf,
    pki: Pki,
    listen: SocketAddr,
}

impl PykmipClient {
    fn new(data: &Path, listen: SocketAddr) -> Self {
        Self { data: data.into(), pki: Pki::of_data(data), listen }
    }

    /// The address to connect to: a server that listens everywhere is reached on loopback.
    fn address(&self) -> SocketAddr {
        let mut address = self.listen;
        if address.ip().is_unspecified() {
            address.set_ip(match address {
                SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
                SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
            });
        }
        address
    }

    /// A configuration file of the PyKMIP client library.
    fn file(&self) -> String {
        let address = self.address();
        format!(
            "[client]\nhost={}\nport={}\ncertfile={}\nkeyfile={}\nca_certs={}\ncert_reqs=CERT_REQUIRED\n\
             ssl_version=PROTOCOL_TLS\ndo_handshake_on_connect=True\nsuppress_ragged_eofs=True\n",
            address.ip(),
            address.port(),
            self.pki.client(ADMIN).display(),
            self.pki.client_key(ADMIN).display(),
            self.pki.ca().display(),
        )
    }

    fn hints(&self) -> String {
        let address = self.address();
        let data = self.data.display();
        let (ca, cert, key) = (self.pki.ca(), self.pki.client(ADMIN), self.pki.client_key(ADMIN));
        format!(
            "Keyhaven serves KMIP on {address}. Stop it with Ctrl-C.\n\n\
             Create a key:\n  keyhaven client --data {data} create --algorithm AES --length 256 --name first\n\n\
             Look at the TLS side:\n  openssl s_client -connect {address} -CAfile {} -cert {} -key {}\n\n\
             From Python (pip install PyKMIP):\n  from kmip.pie.client import ProxyKmipClient\n  \
             ProxyKmipClient(config='client', config_file='{data}/pykmip.conf')\n",
            ca.display(),
            cert.display(),
            key.display(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_are_told_an_address_that_works() {
        let client = PykmipClient::new(Path::new("/d"), "0.0.0.0:5696".parse().unwrap());
        assert!(client.file().contains("host=127.0.0.1\nport=5696\n"));
        assert!(client.file().contains("certfile=/d/pki/clients/admin.pem\n"));
        assert!(client.hints().contains("openssl s_client -connect 127.0.0.1:5696 -CAfile /d/pki/ca.pem"));
        let client = PykmipClient::new(Path::new("/d"), "[::]:1".parse().unwrap());
        assert_eq!(client.address().to_string(), "[::1]:1");
    }
}
