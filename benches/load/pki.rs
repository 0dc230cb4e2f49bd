//! Certificates: those of a data directory, or new ones in the same places. P-256, as the server makes them.

use std::path::Path;
use std::sync::Arc;

use keyhaven::serve::TlsOptions;
use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

/// Makes certificates where there are none.
pub fn create(data: &Path) {
    let pki = data.join("pki");
    if pki.exists() {
        return;
    }
    std::fs::create_dir_all(pki.join("clients")).unwrap();
    let ca_key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, "load authority");
    std::fs::write(pki.join("ca.pem"), params.self_signed(&ca_key).unwrap().pem()).unwrap();
    let issuer = Issuer::new(params, ca_key);
    for (path, name, usage) in [
        ("server", "localhost", ExtendedKeyUsagePurpose::ServerAuth),
        ("clients/admin", "admin", ExtendedKeyUsagePurpose::ClientAuth),
    ] {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec!["localhost".into(), "127.0.0.1".into()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.extended_key_usages.push(usage);
        let certificate = params.signed_by(&key, &issuer).unwrap();
        std::fs::write(pki.join(path).with_extension("pem"), certificate.pem()).unwrap();
        std::fs::write(pki.join(path).with_extension("key"), key.serialize_pem()).unwrap();
    }
}

pub fn server(data: &Path) -> TlsOptions {
    TlsOptions {
        certificate: data.join("pki/server.pem"),
        key: data.join("pki/server.key"),
        client_authorities: vec![data.join("pki/ca.pem")],
        ..TlsOptions::default()
    }
}

pub fn chain(path: &Path) -> Vec<CertificateDer<'static>> {
    CertificateDer::pem_file_iter(path).unwrap().collect::<Result<_, _>>().unwrap()
}

pub fn key(path: &Path) -> PrivateKeyDer<'static> {
    PrivateKeyDer::from_pem_file(path).unwrap()
}

pub fn roots(data: &Path) -> RootCertStore {
    let mut roots = RootCertStore::empty();
    for certificate in chain(&data.join("pki/ca.pem")) {
        roots.add(certificate).unwrap();
    }
    roots
}

pub fn client(data: &Path) -> Arc<ClientConfig> {
    let clients = data.join("pki/clients");
    let config = ClientConfig::builder_with_protocol_versions(&[&rustls::version::TLS13])
        .with_root_certificates(roots(data))
        .with_client_auth_cert(chain(&clients.join("admin.pem")), key(&clients.join("admin.key")))
        .unwrap();
    Arc::new(config)
}
