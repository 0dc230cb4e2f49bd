//! A small certificate authority in a directory: enough to give a server and its clients certificates without
//! another tool. Sites with an authority of their own do not need it.
//!
//! Keys are P-256. The authority has critical Basic Constraints and key identifiers because some clients demand
//! them; lifetimes follow what clients accept: 10 years for the authority, 825 days for what it issues.

use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType, SubjectPublicKeyInfo,
};
use time::{Duration, OffsetDateTime};
use x509_parser::extensions::GeneralName;
use zeroize::Zeroizing;

use super::failure::Failure;
use super::files::{self, PUBLIC, SECRET};

/// How long the authority's certificate is valid, in days.
const CA_DAYS: i64 = 3650;
/// How long server and client certificates are valid, in days.
const LEAF_DAYS: i64 = 825;
/// Certificates begin to be valid this many minutes ago: the clocks of clients differ.
const BACKDATE_MINUTES: i64 = 10;
/// Longest common name (X.520 ub-common-name), in characters.
const NAME_CHARS_MAX: usize = 64;
/// Names that every server certificate has: the server's own machine.
const LOCAL_HOSTS: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// The directory `pki` of a data directory.
#[derive(Clone, Debug)]
pub struct Pki {
    directory: PathBuf,
}

/// The authority, opened to issue.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
}

impl Pki {
    /// The `pki` of a data directory; nothing is read yet.
    pub fn of_data(data: &Path) -> Self {
        Self { directory: data.join("pki") }
    }

    /// The authority's certificate.
    pub fn ca(&self) -> PathBuf {
        self.directory.join("ca.pem")
    }

    /// The authority's private key.
    pub fn ca_key(&self) -> PathBuf {
        self.directory.join("ca.key")
    }

    /// The server's certificate.
    pub fn server(&self) -> PathBuf {
        self.directory.join("server.pem")
    }

    /// The server's private key.
    pub fn server_key(&self) -> PathBuf {
        self.directory.join("server.key")
    }

    /// The directory of client certificates.
    pub fn clients(&self) -> PathBuf {
        self.directory.join("clients")
    }

    /// A client's certificate.
    pub fn client(&self, name: &str) -> PathBuf {
        self.clients().join(format!("{name}.pem"))
    }

    /// A client's private key.
    pub fn client_key(&self, name: &str) -> PathBuf {
        self.clients().join(format!("{name}.key"))
    }

    /// Makes the authority. Its files must not exist.
    pub fn create_authority(&self) -> Result<Authority, Failure> {
        files::make_directory(&self.clients())?;
        let key = new_key()?;
        // Two authorities with one name would confuse clients that hold both: the name has a random part.
        let fingerprint = key_mark(&key);
        let mut params = parameters(&format!("Keyhaven CA {fingerprint}"), CA_DAYS);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages =
            vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign, KeyUsagePurpose::DigitalSignature];
        let certificate = params.self_signed(&key).map_err(|error| cannot_make("the authority", &error))?;
        files::write_new(&self.ca_key(), key_pem(&key).as_bytes(), SECRET)?;
        files::write_new(&self.ca(), certificate.pem().as_bytes(), PUBLIC)?;
        Ok(Authority { issuer: Issuer::new(params, key) })
    }

    /// Opens the authority to issue certificates.
    pub fn open_authority(&self) -> Result<Authority, Failure> {
        let key = read_key(&self.ca_key())?;
        let certificate = files::read_text(&self.ca())?;
        let issuer = Issuer::from_ca_cert_pem(&certificate, key)
            .map_err(|error| Failure::failed(format!("{} is not an authority: {error}", self.ca().display())))?;
        Ok(Authority { issuer })
    }

    /// Issues a client certificate with a new key. Its files must not exist.
    pub fn issue_client(&self, authority: &Authority, name: &str) -> Result<(), Failure> {
        check_name(name)?;
        let key = new_key()?;
        let certificate = client_parameters(name)
            .signed_by(&key, &authority.issuer)
            .map_err(|error| cannot_make(&format!("{name:?}"), &error))?;
        files::make_directory(&self.clients())?;
        let pem = self.client(name);
        if pem.exists() {
            return Err(Failure::failed(format!(
                "{} exists and is not overwritten; move it away to issue the name again",
                pem.display()
            )));
        }
        files::write_new(&self.client_key(name), key_pem(&key).as_bytes(), SECRET)?;
        files::write_new(&pem, certificate.pem().as_bytes(), PUBLIC)
    }

    /// Issues a client certificate for a key that the client has; gives it as DER and keeps no file.
    pub fn certify_client(
        &self,
        authority: &Authority,
        name: &str,
        public_key_info: &[u8],
    ) -> Result<Vec<u8>, Failure> {
        check_name(name)?;
        let cannot = |error: rcgen::Error| cannot_make(&format!("{name:?}"), &error);
        let key = SubjectPublicKeyInfo::from_der(public_key_info).map_err(cannot)?;
        let certificate = client_parameters(name).signed_by(&key, &authority.issuer).map_err(cannot)?;
        Ok(certificate.der().to_vec())
    }

    /// Issues the server's certificate for this machine and `hosts`. A key that exists is kept, so that only one file
    /// changes and the certificate always fits the key.
    pub fn issue_server(&self, authority: &Authority, hosts: &[String]) -> Result<(), Failure> {
        let key_path = self.server_key();
        let key = if key_path.exists() {
            read_key(&key_path)?
        } else {
            let key = new_key()?;
            files::write_new(&key_path, key_pem(&key).as_bytes(), SECRET)?;
            key
        };
        let mut names: Vec<&str> = LOCAL_HOSTS.to_vec();
        names.extend(hosts.iter().map(String::as_str).filter(|host| !LOCAL_HOSTS.contains(host)));
        names.dedup();
        let common_name = hosts.iter().find(|host| host.len() <= NAME_CHARS_MAX).map_or("localhost", String::as_str);
        let mut params = parameters(common_name, LEAF_DAYS);
        params.subject_alt_names = names.into_iter().map(alternative_name).collect::<Result<_, _>>()?;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let certificate = params
            .signed_by(&key, &authority.issuer)
            .map_err(|error| cannot_make("the server's certificate", &error))?;
        files::replace(&self.server(), certificate.pem().as_bytes(), PUBLIC)
    }

    /// The hosts that the server's certificate names, without those of every server certificate.
    pub fn server_hosts(&self) -> Result<Vec<String>, Failure> {
        let facts = read_chain(&self.server())?;
        let names = facts.into_iter().next().map(|facts| facts.alternative_names).unwrap_or_default();
        Ok(names.into_iter().filter(|name| !LOCAL_HOSTS.contains(&name.as_str())).collect())
    }

    /// Every certificate file with what it says, in order of path.
    pub fn list(&self) -> Result<Vec<(PathBuf, CertificateFacts)>, Failure> {
        let mut paths = vec![self.ca(), self.server()];
        let entries = fs::read_dir(self.clients())
            .map_err(|error| Failure::failed(format!("cannot read {}: {error}", self.clients().display())))?;
        let mut clients: Vec<PathBuf> = entries
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.extension().is_some_and(|extension| extension == "pem"))
            .collect();
        clients.sort();
        paths.extend(clients);
        let mut list = Vec::new();
        for path in paths.into_iter().filter(|path| path.exists()) {
            if let Some(facts) = read_chain(&path)?.into_iter().next() {
                list.push((path, facts));
            }
        }
        Ok(list)
    }
}

/// What an operator wants to know of a certificate.
#[derive(Clone, Debug)]
pub struct CertificateFacts {
    /// The subject, as text.
    pub subject: String,
    /// The issuer, as text.
    pub issuer: String,
    /// Hosts, addresses, e-mail addresses and URIs.
    pub alternative_names: Vec<String>,
    /// Beginning of its validity.
    pub not_before: OffsetDateTime,
    /// End of its validity.
    pub not_after: OffsetDateTime,
    /// Whether it is an authority.
    pub is_ca: bool,
    /// Whether a TLS server may use it: Extended Key Usage is absent, or names server authentication.
    pub for_servers: bool,
}

impl CertificateFacts {
    /// Reads a certificate in DER.
    pub fn from_der(der: &[u8]) -> Option<Self> {
        let (_, certificate) = x509_parser::parse_x509_certificate(der).ok()?;
        let names = certificate.subject_alternative_name().ok().flatten();
        let alternative_names = names.map(|names| names.value.general_names.iter().filter_map(name_text).collect());
        Some(Self {
            subject: certificate.subject().to_string(),
            issuer: certificate.issuer().to_string(),
            alternative_names: alternative_names.unwrap_or_default(),
            not_before: certificate.validity().not_before.to_datetime(),
            not_after: certificate.validity().not_after.to_datetime(),
            is_ca: certificate.is_ca(),
            for_servers: match certificate.extended_key_usage() {
                Ok(Some(usage)) => usage.value.server_auth || usage.value.any,
                Ok(None) => true,
                Err(_) => false,
            },
        })
    }

    /// Whole days until it ends; negative afterwards.
    pub fn days_left(&self, now: OffsetDateTime) -> i64 {
        (self.not_after - now).whole_days()
    }
}

/// Reads the certificates of a PEM file.
pub fn read_chain(path: &Path) -> Result<Vec<CertificateFacts>, Failure> {
    use rustls_pki_types::{CertificateDer, pem::PemObject};
    let bytes = files::read(path)?;
    let wrong = |words: &str| Failure::failed(format!("{} {words}", path.display()));
    let ders: Vec<CertificateDer<'_>> = CertificateDer::pem_slice_iter(&bytes)
        .collect::<Result<_, _>>()
        .map_err(|error| wrong(&format!("is not PEM: {error}")))?;
    if ders.is_empty() {
        return Err(wrong("holds no certificate"));
    }
    ders.iter()
        .map(|der| CertificateFacts::from_der(der).ok_or_else(|| wrong("holds something that is not a certificate")))
        .collect()
}

/// A name that is safe as a file name and fits a common name.
pub fn check_name(name: &str) -> Result<(), Failure> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '@');
    let first = name.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
    if first && name.len() <= NAME_CHARS_MAX && name.chars().all(allowed) {
        return Ok(());
    }
    Err(Failure::usage(format!(
        "{name:?} cannot be a client's name: use up to {NAME_CHARS_MAX} letters, digits and . _ - @, beginning with a \
         letter or digit"
    )))
}

/// Refuses hosts that no certificate can name.
pub fn check_hosts(hosts: &[String]) -> Result<(), Failure> {
    hosts.iter().try_for_each(|host| alternative_name(host).map(drop))
}

fn parameters(common_name: &str, days: i64) -> CertificateParams {
    let now = OffsetDateTime::now_utc();
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
    params.not_before = now - Duration::minutes(BACKDATE_MINUTES);
    params.not_after = now + Duration::days(days);
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.use_authority_key_identifier_extension = true;
    params
}

fn client_parameters(name: &str) -> CertificateParams {
    let mut params = parameters(name, LEAF_DAYS);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params
}

fn new_key() -> Result<KeyPair, Failure> {
    KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).map_err(|error| cannot_make("a key", &error))
}

fn read_key(path: &Path) -> Result<KeyPair, Failure> {
    let pem = files::read(path)?;
    std::str::from_utf8(&pem)
        .ok()
        .and_then(|pem| KeyPair::from_pem(pem).ok())
        .ok_or_else(|| Failure::failed(format!("{} is not a private key in PEM", path.display())))
}

fn key_pem(key: &KeyPair) -> Zeroizing<String> {
    Zeroizing::new(key.serialize_pem())
}

/// A few digits of the public key's tail, which differ from key to key.
fn key_mark(key: &KeyPair) -> String {
    key.public_key_raw().iter().rev().take(4).map(|byte| format!("{byte:02x}")).collect()
}

fn alternative_name(host: &str) -> Result<SanType, Failure> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(SanType::IpAddress(address));
    }
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
    };
    let plain = host.strip_prefix("*.").unwrap_or(host);
    if host.len() > 253 || !plain.split('.').all(label) {
        return Err(Failure::usage(format!("{host:?} is neither a host name nor an IP address")));
    }
    let name = host.try_into().map_err(|_| Failure::usage(format!("{host:?} is not a host name")))?;
    Ok(SanType::DnsName(name))
}

fn name_text(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(text) | GeneralName::RFC822Name(text) | GeneralName::URI(text) => Some((*text).into()),
        GeneralName::IPAddress(bytes) => match bytes.len() {
            4 => <[u8; 4]>::try_from(*bytes).ok().map(|bytes| IpAddr::from(bytes).to_string()),
            16 => <[u8; 16]>::try_from(*bytes).ok().map(|bytes| IpAddr::from(bytes).to_string()),
            _ => None,
        },
        _ => None,
    }
}

fn cannot_make(what: &str, error: &rcgen::Error) -> Failure {
    Failure::failed(format!("cannot make {what}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_leave_the_directory_are_refused() {
        for name in ["", ".", "..", "../x", "a/b", "/etc/x", "-o", ".hidden", "a\0b", "a b", "ä", &"x".repeat(65)] {
            assert!(check_name(name).is_err(), "{name:?}");
        }
        for name in ["admin", "db-1.example.org", "user@example.org", "_svc", "7", &"x".repeat(64)] {
            assert!(check_name(name).is_ok(), "{name:?}");
        }
    }

    #[test]
    fn hosts_are_names_or_addresses() {
        for host in ["", "a b", "host:5696", "a..b", "http://x"] {
            assert!(alternative_name(host).is_err(), "{host:?}");
        }
        for host in ["kms.example.org", "*.example.org", "10.0.0.1", "fe80::1", "kms"] {
            assert!(alternative_name(host).is_ok(), "{host:?}");
        }
    }

    #[test]
    fn what_is_issued_says_what_it_should() {
        let data = tempfile::tempdir().unwrap();
        let pki = Pki::of_data(data.path());
        let authority = pki.create_authority().unwrap();
        pki.issue_server(&authority, &["kms.example.org".into(), "10.0.0.1".into()]).unwrap();
        let authority = pki.open_authority().unwrap();
        pki.issue_client(&authority, "alice").unwrap();
        let now = OffsetDateTime::now_utc();
        let der = |path: &Path| {
            use rustls_pki_types::{CertificateDer, pem::PemObject};
            CertificateDer::from_pem_file(path).unwrap()
        };

        let ca = der(&pki.ca());
        let (_, ca) = x509_parser::parse_x509_certificate(&ca).unwrap();
        let constraints = ca.basic_constraints().unwrap().unwrap();
        assert!(constraints.critical && constraints.value.ca);
        assert!(ca.key_usage().unwrap().unwrap().value.key_cert_sign());

        let client = der(&pki.client("alice"));
        let (_, client) = x509_parser::parse_x509_certificate(&client).unwrap();
        assert_eq!(client.subject().to_string(), "CN=alice");
        assert!(client.extended_key_usage().unwrap().unwrap().value.client_auth);
        let has = |oid: &str| client.extensions().iter().any(|extension| extension.oid.to_id_string() == oid);
        assert!(has("2.5.29.35"), "authority key identifier");
        assert!(has("2.5.29.14"), "subject key identifier");
        client.verify_signature(Some(ca.public_key())).unwrap();

        let server = &read_chain(&pki.server()).unwrap()[0];
        assert_eq!(server.alternative_names, ["localhost", "127.0.0.1", "::1", "kms.example.org", "10.0.0.1"]);
        assert_eq!(server.days_left(now), LEAF_DAYS - 1);
        assert_eq!(pki.server_hosts().unwrap(), ["kms.example.org", "10.0.0.1"]);
        assert!(pki.issue_client(&authority, "alice").unwrap_err().words.contains("not overwritten"));
    }
}
