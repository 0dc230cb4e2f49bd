//! Client certificates: those the server's program issued, and forged ones that must not be let in.

use std::path::Path;

use rcgen::{CertificateParams, DnType, Issuer, KeyPair, date_time_ymd};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use crate::Result;

/// A certificate chain and its private key.
#[derive(Debug)]
pub struct Identity {
    /// The chain, the client's own certificate first.
    pub chain: Vec<CertificateDer<'static>>,
    /// The key of the first certificate.
    pub key: PrivateKeyDer<'static>,
}

impl Identity {
    /// Reads NAME.pem and NAME.key of a directory.
    pub fn load(directory: &Path, name: &str) -> Result<Self> {
        let certificate = directory.join(format!("{name}.pem"));
        let key = directory.join(format!("{name}.key"));
        let chain = CertificateDer::pem_file_iter(&certificate)
            .and_then(Iterator::collect)
            .map_err(|error| format!("{}: {error}", certificate.display()))?;
        let key = PrivateKeyDer::from_pem_file(&key).map_err(|error| format!("{}: {error}", key.display()))?;
        Ok(Self { chain, key })
    }

    /// A certificate that signed itself.
    pub fn self_signed(name: &str) -> Result<Self> {
        let key = KeyPair::generate().map_err(words)?;
        let certificate = parameters(name).self_signed(&key).map_err(words)?;
        Ok(Self::made(vec![certificate.der().clone()], &key))
    }

    /// A certificate that names the server's authority as its issuer, but that another key signed.
    pub fn foreign(name: &str, authority: &Path) -> Result<Self> {
        let forger = KeyPair::generate().map_err(words)?;
        let issuer = Issuer::from_ca_cert_pem(&read(authority)?, forger).map_err(words)?;
        let key = KeyPair::generate().map_err(words)?;
        let certificate = parameters(name).signed_by(&key, &issuer).map_err(words)?;
        Ok(Self::made(vec![certificate.der().clone()], &key))
    }

    /// A certificate of the server's own authority (whose key the caller has) that was good until 2021.
    pub fn expired(name: &str, authority: &Path, authority_key: &Path) -> Result<Self> {
        let issuer_key = KeyPair::from_pem(&read(authority_key)?).map_err(words)?;
        let issuer = Issuer::from_ca_cert_pem(&read(authority)?, issuer_key).map_err(words)?;
        let key = KeyPair::generate().map_err(words)?;
        let mut parameters = parameters(name);
        parameters.not_before = date_time_ymd(2020, 1, 1);
        parameters.not_after = date_time_ymd(2021, 1, 1);
        let certificate = parameters.signed_by(&key, &issuer).map_err(words)?;
        Ok(Self::made(vec![certificate.der().clone()], &key))
    }

    fn made(chain: Vec<CertificateDer<'static>>, key: &KeyPair) -> Self {
        Self { chain, key: PrivateKeyDer::Pkcs8(key.serialize_der().into()) }
    }
}

impl Clone for Identity {
    fn clone(&self) -> Self {
        Self { chain: self.chain.clone(), key: self.key.clone_key() }
    }
}

fn parameters(name: &str) -> CertificateParams {
    let mut parameters = CertificateParams::default();
    parameters.distinguished_name.push(DnType::CommonName, name);
    parameters.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth];
    parameters
}

fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

fn words(error: rcgen::Error) -> String {
    format!("certificate: {error}")
}
