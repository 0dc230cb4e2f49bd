//! Certificates for Re-Provision: the authority of the data directory signs them, and the rules of TLS and identity say
//! which ones open a connection, and for whom.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use super::pki::Pki;
use crate::base::{Error, Result};
use crate::gate::identity::Identity;
use crate::ops::reprovision::Provisioner;
use crate::registry::ResultReason;
use crate::serve::{TlsOptions, admits};

/// The authority beside the store, and who is let in.
pub struct LocalAuthority {
    pki: Pki,
    tls: TlsOptions,
    identity: Identity,
}

impl LocalAuthority {
    /// The authority of a data directory. Its key may be elsewhere: it is looked for when it is needed.
    pub fn new(data: &Path, tls: TlsOptions, identity: Identity) -> Self {
        Self { pki: Pki::of_data(data), tls, identity }
    }

    /// The file of its key.
    fn key(&self) -> PathBuf {
        self.pki.ca_key()
    }
}

impl Provisioner for LocalAuthority {
    fn issue(&self, caller: &str, public_key_info: &[u8]) -> Result<Vec<u8>> {
        let refuse =
            |words: &'static str, cause: String| Error::new(ResultReason::FeatureNotSupported, words).because(cause);
        if !self.key().exists() {
            let words = "the key of this server's authority is not here; send a certificate that another one signed";
            return Err(refuse(words, format!("{} does not exist", self.key().display())));
        }
        let authority = self.pki.open_authority();
        let signed = authority.and_then(|authority| self.pki.certify_client(&authority, caller, public_key_info));
        signed.map_err(|failure| {
            refuse("this server's authority cannot sign a certificate for this name and key", failure.words)
        })
    }

    fn admits(&self, caller: &str, certificate: &[u8]) -> Result<()> {
        admits(&self.tls, certificate).map_err(|error| {
            Error::permission_denied("a client with this certificate would get no connection")
                .because(error.to_string())
        })?;
        let nowhere = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
        let named = self.identity.peer(certificate, nowhere).map(|peer| peer.caller.name);
        match named {
            Ok(name) if *name == *caller => Ok(()),
            _ => Err(Error::permission_denied("a client with this certificate would not be the same client")),
        }
    }
}
