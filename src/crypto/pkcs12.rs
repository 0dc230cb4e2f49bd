//! PKCS#12 files (RFC 7292): a private key with its certificate chain under a password. Written with AES-256 and
//! HMAC-SHA-256; read with what old programs wrote too (3DES and RC2 with SHA-1). The library is p12-keystore; it keeps
//! decrypted keys in blocks that it does not wipe.

use p12_keystore::{KeyStore, KeyStoreEntry, Pkcs12Archive, PrivateKeyChain};

use super::formats::der::{encode_pkcs8, parse_pkcs8};
use super::keys::PrivateKey;
use super::x509::Certificate;
use super::{CryptoError, Result};
use crate::base::Pin;

/// The friendly name that the standard gives a key without one (1.4 §3.47, 2.1 §4.35).
pub const DEFAULT_NAME: &str = "alias";
/// Iterations of the password derivations that are written; OWASP's figure for PBKDF2 with SHA-256. The library reads
/// up to a million.
const ITERATIONS: u32 = 600_000;
/// Longest file that is read, in bytes.
const FILE_MAX: usize = 1024 * 1024;
/// Most certificates that are read; their order is found by comparing them.
const CERTIFICATES_MAX: usize = 64;

const MALFORMED: CryptoError = CryptoError::BadData("not a PKCS#12 file that can be read");

/// What a file holds.
#[derive(Debug)]
pub struct Pkcs12 {
    /// Friendly name of the key, if it has one.
    pub name: Option<String>,
    /// The key.
    pub key: PrivateKey,
    /// Its chain, its own certificate first; empty if the file has no certificate for the key.
    pub chain: Vec<Certificate>,
}

/// Reads the key of this friendly name, in any case of letters, or the first one. A wrong password is
/// `CryptoError::Failed`.
pub fn read(file: &[u8], password: &Pin, name: Option<&str>) -> Result<Pkcs12> {
    if file.len() > FILE_MAX {
        return Err(CryptoError::LimitExceeded("PKCS#12 file"));
    }
    let archive = Pkcs12Archive::from_pkcs12(file, password.expose()).map_err(|error| match error {
        p12_keystore::error::Error::MacError(_) => CryptoError::Failed,
        _ => MALFORMED,
    })?;
    let wanted = |found: &Option<String>| {
        name.is_none_or(|name| found.as_ref().is_some_and(|found| found.to_lowercase() == name.to_lowercase()))
    };
    let bag = archive.keys.iter().find(|bag| wanted(&bag.friendly_name));
    let bag = bag.ok_or(CryptoError::BadData("the PKCS#12 file has no such private key"))?;
    if archive.certs.len() > CERTIFICATES_MAX {
        return Err(CryptoError::LimitExceeded("certificates of a PKCS#12 file"));
    }
    let certificates = archive.certs.iter().map(|bag| Certificate::parse(bag.cert.as_der()));
    let key = parse_pkcs8(bag.key.as_der())?;
    let chain = chain(&key, certificates.collect::<Result<_>>()?)?;
    Ok(Pkcs12 { name: bag.friendly_name.clone(), key, chain })
}

/// Writes a key and its chain, the key's own certificate first.
pub fn write(key: &PrivateKey, chain: &[Certificate], password: &Pin, name: Option<&str>) -> Result<Vec<u8>> {
    write_with(key, chain, password, name, ITERATIONS)
}

fn write_with(
    key: &PrivateKey,
    chain: &[Certificate],
    password: &Pin,
    name: Option<&str>,
    iterations: u32,
) -> Result<Vec<u8>> {
    const FAILED: CryptoError = CryptoError::Provider("PKCS#12");
    let encoded = encode_pkcs8(key)?;
    let key = p12_keystore::PrivateKey::from_der(encoded.expose()).map_err(|_| FAILED)?;
    let certificates = chain.iter().map(|one| p12_keystore::Certificate::from_der(one.der()));
    let certificates = certificates.collect::<Result<Vec<_>, _>>().map_err(|_| MALFORMED)?;
    // Any identifier that key and certificate share (RFC 2985 §5.5.2).
    let entry = PrivateKeyChain::new([1].as_slice(), key, certificates);
    let mut store = KeyStore::new();
    store.add_entry(name.unwrap_or(DEFAULT_NAME), KeyStoreEntry::PrivateKeyChain(entry));
    let writer = store.writer(password.expose()).encryption_iterations(iterations).mac_iterations(iterations);
    writer.write().map_err(|_| FAILED)
}

/// The certificate of the key, then the issuer of each.
fn chain(key: &PrivateKey, mut certificates: Vec<Certificate>) -> Result<Vec<Certificate>> {
    let form = crate::registry::KeyCompressionType::ECPublicKeyTypeUncompressed;
    let own = super::formats::der::encode_spki(&key.public(), form)?;
    let mut chain: Vec<Certificate> = Vec::new();
    let mut next = certificates.iter().position(|one| *one.public_key_info == *own);
    while let Some(at) = next {
        chain.push(certificates.swap_remove(at));
        next = chain.last().and_then(|last| certificates.iter().position(|one| one.subject == last.issuer));
    }
    Ok(chain)
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;
    use crate::base::Date;
    use crate::crypto::keys::KeySpec;
    use crate::crypto::rsa::SoftwareRsa;
    use crate::crypto::x509::{Authority, CertificateSpec, Name, issue};
    use crate::registry::CryptographicAlgorithm;

    fn made(name: &str, issuer: Option<(&PrivateKey, &Certificate)>) -> (PrivateKey, Certificate) {
        let algorithm = CryptographicAlgorithm::EC;
        let spec = KeySpec { algorithm, length: Some(256), curve: None, software: SoftwareRsa::Refuse };
        let key = PrivateKey::generate(&spec).unwrap();
        let form = crate::registry::KeyCompressionType::ECPublicKeyTypeUncompressed;
        let subject = Name::from_text(name).unwrap();
        let spec = CertificateSpec {
            subject: &subject,
            public_key_info: &super::super::formats::der::encode_spki(&key.public(), form).unwrap(),
            serial: None,
            not_before: Date(0),
            not_after: Date(4_000_000_000),
            is_authority: true,
            path_length: None,
            key_usage: None,
            subject_alternative: &[],
            extended_key_usage: None,
        };
        let (signer, certificate) = issuer.map_or((&key, None), |(key, certificate)| (key, Some(certificate)));
        let authority = Authority { key: signer, certificate, software: SoftwareRsa::Refuse };
        let certificate = Certificate::parse(&issue(&spec, authority).unwrap()).unwrap();
        (key, certificate)
    }

    fn pin(text: &str) -> Pin {
        Pin::new(text.to_owned())
    }

    fn same(left: &PrivateKey, right: &PrivateKey) -> bool {
        encode_pkcs8(left).unwrap().expose() == encode_pkcs8(right).unwrap().expose()
    }

    #[test]
    fn round_trip_in_the_order_of_the_chain() {
        let (root_key, root) = made("CN=root", None);
        let (key, leaf) = made("CN=leaf", Some((&root_key, &root)));
        let (_, stranger) = made("CN=stranger", None);
        let file =
            write_with(&key, &[leaf.clone(), root.clone(), stranger], &pin("pass"), Some("my key"), 1000).unwrap();
        for name in [None, Some("MY KEY")] {
            let read = read(&file, &pin("pass"), name).unwrap();
            assert_eq!(read.name.as_deref(), Some("my key"));
            assert!(same(&read.key, &key));
            assert_eq!(read.chain.iter().map(Certificate::der).collect::<Vec<_>>(), [leaf.der(), root.der()]);
        }
        assert_eq!(read(&file, &pin("wrong"), None).unwrap_err(), CryptoError::Failed);
        assert!(read(&file, &pin("pass"), Some("other")).is_err());
        let file = write_with(&key, &[], &pin(""), None, 1000).unwrap();
        let read = read(&file, &pin(""), None).unwrap();
        assert_eq!((read.name.as_deref(), read.chain.len()), (Some("alias"), 0));
    }

    #[test]
    fn openssl_reads_and_writes() {
        if !Command::new("openssl").arg("version").output().is_ok_and(|output| output.status.success()) {
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        let run = |arguments: &[&str]| {
            let output = Command::new("openssl").args(arguments).output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            output.stdout
        };
        let (key, leaf) = made("CN=leaf", None);
        let file = write_with(&key, std::slice::from_ref(&leaf), &pin("pass"), None, 1000).unwrap();
        std::fs::write(path("ours.p12"), &file).unwrap();
        let pem = path("all.pem");
        run(&["pkcs12", "-in", &path("ours.p12"), "-passin", "pass:pass", "-nodes", "-out", &pem]);
        let theirs = path("theirs.p12");
        for algorithm in ["AES-256-CBC", "PBE-SHA1-3DES"] {
            let arguments =
                ["pkcs12", "-export", "-in", &pem, "-passout", "pass:other", "-name", "theirs", "-out", &theirs];
            run(&[&arguments[..], &["-keypbe", algorithm, "-certpbe", algorithm]].concat());
            let read = read(&std::fs::read(&theirs).unwrap(), &pin("other"), Some("theirs")).unwrap();
            assert!(same(&read.key, &key), "{algorithm}");
            assert_eq!(read.chain.iter().map(Certificate::der).collect::<Vec<_>>(), [leaf.der()]);
        }
    }

    #[test]
    fn garbage_is_refused() {
        let (key, leaf) = made("CN=leaf", None);
        let file = write_with(&key, &[leaf], &pin("pass"), None, 1000).unwrap();
        for at in (0..file.len()).step_by(7) {
            let mut changed = file.clone();
            changed[at] ^= 0x55;
            let _ = read(&changed, &pin("pass"), None);
            assert!(read(&file[..at], &pin("pass"), None).is_err());
        }
        assert!(read(&vec![0x30; FILE_MAX + 1], &pin("pass"), None).is_err());
    }
}
