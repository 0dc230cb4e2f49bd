//! `keyhaven check`: everything that can be known to be wrong before a server starts, each with what to do about it.
//! It changes nothing and can run beside a server.

use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::crypto::aws_lc_rs;
use rustls::server::WebPkiClientVerifier;
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};
use time::OffsetDateTime;

use super::config::{Config, RootKind};
use super::failure::Exit;
use super::files;
use super::pki::{self, CertificateFacts};
use super::rotation;
use super::seams;
use super::users::Users;
use crate::store;

/// Days before the end of a certificate from which `check` warns.
const EXPIRY_WARNING_DAYS: i64 = 30;
/// Idle seconds below which pools of known clients lose connections that they mean to use again.
const IDLE_SECONDS_ADVISED: u64 = 600;

/// One thing that is wrong.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong, with the file.
    pub what: String,
    /// What to do.
    pub fix: String,
}

/// How bad a finding is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Severity {
    /// The server cannot start, or no client can use it.
    Stops,
    /// The server works; soon it may not, or less safely than it could.
    Warns,
}

/// The exit code of a list of findings.
pub fn exit(findings: &[Finding]) -> Exit {
    if findings.iter().any(|finding| finding.severity == Severity::Stops) {
        Exit::Failed
    } else if findings.is_empty() {
        Exit::Success
    } else {
        Exit::Warnings
    }
}

/// Everything that is wrong with a configuration and the files it names.
pub fn check(config: &Config, now: OffsetDateTime) -> Vec<Finding> {
    let mut report = Report::default();
    server_certificate(config, now, &mut report);
    client_authorities(config, now, &mut report);
    secrets(config, &mut report);
    settings(config, &mut report);
    if let Err(failure) = Users::open(&config.users.file) {
        report
            .stops(failure.words, "repair the file, or move it away and add the users again with `keyhaven user add`");
    }
    if let Err(words) = seams::check_root(config) {
        report.stops(words, "bring the root key back from its backup; without it no stored key can be read");
    }
    if let Err(words) = seams::check_store(config) {
        report.stops(words, "bring the store back from a backup, or correct [store] directory");
    }
    if let Some(words) = rotation::unfinished(config) {
        report.warns(words, "nothing, if the server runs: it goes on by itself; otherwise start it");
    }
    report.findings
}

#[derive(Default)]
struct Report {
    findings: Vec<Finding>,
}

impl Report {
    fn stops(&mut self, what: impl Into<String>, fix: impl Into<String>) {
        self.findings.push(Finding { severity: Severity::Stops, what: what.into(), fix: fix.into() });
    }

    fn warns(&mut self, what: impl Into<String>, fix: impl Into<String>) {
        self.findings.push(Finding { severity: Severity::Warns, what: what.into(), fix: fix.into() });
    }

    fn validity(&mut self, path: &Path, facts: &CertificateFacts, now: OffsetDateTime, fix: &str) {
        let days = facts.days_left(now);
        let path = path.display();
        if now >= facts.not_after {
            self.stops(format!("{path} ({}) ended on {}", facts.subject, facts.not_after.date()), fix);
        } else if now < facts.not_before {
            self.stops(
                format!("{path} ({}) is valid only from {}", facts.subject, facts.not_before.date()),
                "correct the clock of this machine, or use another certificate",
            );
        } else if days < EXPIRY_WARNING_DAYS {
            self.warns(format!("{path} ({}) ends in {days} days", facts.subject), fix);
        }
    }
}

fn server_certificate(config: &Config, now: OffsetDateTime, report: &mut Report) {
    const RENEW: &str = "renew it: `keyhaven cert server --data DIR`, or at your authority";
    let path = &config.tls.certificate;
    let chain = match pki::read_chain(path) {
        Ok(chain) => chain,
        Err(failure) => {
            return report.stops(failure.words, "correct [tls] certificate, or make it with `keyhaven init`");
        }
    };
    for facts in &chain {
        report.validity(path, facts, now, RENEW);
    }
    for pair in chain.windows(2) {
        if pair[0].issuer != pair[1].subject {
            report.stops(
                format!(
                    "{}: {} does not follow {}, which it did not issue",
                    path.display(),
                    pair[1].subject,
                    pair[0].subject
                ),
                "put the server's certificate first, then the one that issued it, and so on",
            );
        }
    }
    if let Some(own) = chain.first() {
        if own.is_ca {
            report.stops(
                format!("{}: the first certificate ({}) is an authority", path.display(), own.subject),
                "put the server's own certificate first",
            );
        }
        if own.alternative_names.is_empty() {
            report.warns(
                format!(
                    "{} has no Subject Alternative Name; clients that check the host name refuse it",
                    path.display()
                ),
                "renew it with the names that clients use: `keyhaven cert server --data DIR --host NAME`",
            );
        }
        if !own.for_servers {
            report.stops(format!("{} is not for TLS servers (Extended Key Usage)", path.display()), RENEW);
        }
    }
    if let Err(words) = key_matches(config) {
        report.stops(words, "use the private key that was made for this certificate, in PEM");
    }
}

fn key_matches(config: &Config) -> Result<(), String> {
    let (path, key_path) = (&config.tls.certificate, &config.tls.key);
    let text = files::read(key_path).map_err(|failure| failure.words)?;
    let key = PrivateKeyDer::from_pem_slice(&text)
        .map_err(|_| format!("{} is not a private key in PEM", key_path.display()))?;
    let key = aws_lc_rs::default_provider()
        .key_provider
        .load_private_key(key)
        .map_err(|error| format!("{} cannot be used: {error}", key_path.display()))?;
    let chain = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|_| format!("{} is not PEM", path.display()))?;
    CertifiedKey::new(chain, key)
        .keys_match()
        .map_err(|_| format!("{} is not the key of {}", key_path.display(), path.display()))
}

fn client_authorities(config: &Config, now: OffsetDateTime, report: &mut Report) {
    const CORRECT: &str = "correct [tls] client_cas";
    if config.tls.client_cas.is_empty() && config.tls.accepted_fingerprints.is_empty() {
        report.stops("no client certificate would be accepted", "name an authority in [tls] client_cas");
    }
    let mut roots = RootCertStore::empty();
    let mut names = HashSet::new();
    for path in &config.tls.client_cas {
        let chain = match pki::read_chain(path) {
            Ok(chain) => chain,
            Err(failure) => {
                report.stops(failure.words, CORRECT);
                continue;
            }
        };
        for facts in chain {
            if !facts.is_ca {
                report.stops(
                    format!("{} ({}) is not an authority", path.display(), facts.subject),
                    "name the authority that issued the certificate, or its SHA-256 in accepted_fingerprints",
                );
            }
            report.validity(path, &facts, now, "replace the authority, and the certificates it issued");
            names.insert(facts.subject);
        }
        let ders = CertificateDer::pem_file_iter(path).into_iter().flatten().flatten();
        roots.add_parsable_certificates(ders);
    }
    let lists = revocation_lists(config, now, &names, report);
    if roots.is_empty() {
        return;
    }
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).with_crls(lists).build();
    if let Err(error) = verifier {
        report.stops(format!("client certificates cannot be verified: {error}"), "correct [tls] client_cas and crls");
    }
}

fn revocation_lists(
    config: &Config,
    now: OffsetDateTime,
    authorities: &HashSet<String>,
    report: &mut Report,
) -> Vec<CertificateRevocationListDer<'static>> {
    let mut lists = Vec::new();
    for path in &config.tls.crls {
        let bytes = match files::read(path) {
            Ok(bytes) => bytes,
            Err(failure) => {
                report.stops(failure.words, "correct [tls] crls");
                continue;
            }
        };
        // PEM with any number of lists, or one list in DER.
        let mut ders: Vec<Vec<u8>> =
            CertificateRevocationListDer::pem_slice_iter(&bytes).flatten().map(|list| list.to_vec()).collect();
        if ders.is_empty() {
            ders.push(bytes.to_vec());
        }
        for der in ders {
            if revocation_list(path, &der, now, authorities, report) {
                lists.push(CertificateRevocationListDer::from(der));
            }
        }
    }
    lists
}

/// Whether it is a revocation list; what is wrong with it goes to the report.
fn revocation_list(
    path: &Path,
    der: &[u8],
    now: OffsetDateTime,
    authorities: &HashSet<String>,
    report: &mut Report,
) -> bool {
    let Ok((_, list)) = x509_parser::parse_x509_crl(der) else {
        report.stops(format!("{} is not a revocation list", path.display()), "correct [tls] crls");
        return false;
    };
    let issuer = list.issuer().to_string();
    if !authorities.contains(&issuer) {
        report.warns(
            format!("{} is from {issuer}, which is none of [tls] client_cas; it has no effect", path.display()),
            "remove it, or name its authority in client_cas",
        );
    }
    if list.next_update().is_some_and(|next| next.to_datetime() < now) {
        report.warns(
            format!("{} has been due for an update; later revocations are not in it", path.display()),
            "fetch the newest list of the authority",
        );
    }
    true
}

/// Secrets that others can read are no secrets.
fn secrets(config: &Config, report: &mut Report) {
    let epochs = epochs_file(config);
    let mut paths = vec![&config.tls.key, &epochs];
    if config.root.kind == RootKind::File {
        paths.push(&config.root.path);
    }
    paths.extend(&config.root.passphrase_file);
    if config.users.file.exists() {
        paths.push(&config.users.file);
    }
    for path in paths {
        // A file that is missing is reported by the check that needs it.
        let Ok(metadata) = fs::metadata(path) else { continue };
        let mode = metadata.permissions().mode() & 0o777;
        let fix = format!("chmod 600 {}", path.display());
        if mode & 0o007 != 0 {
            report.stops(format!("{} can be read or changed by every user (mode {mode:03o})", path.display()), fix);
        } else if mode & 0o070 != 0 {
            report.warns(format!("{} can be read or changed by its group (mode {mode:03o})", path.display()), fix);
        }
    }
}

/// Where the keys of the ledger's epochs are, with a root outside an HSM.
fn epochs_file(config: &Config) -> PathBuf {
    config.root.path.with_extension("epoch")
}

fn settings(config: &Config, report: &mut Report) {
    let witness = &config.store.witness;
    if !witness.parent().is_some_and(Path::is_dir) {
        report.warns(
            format!(
                "the directory of {} does not exist: nothing reveals an older copy of the store",
                witness.display()
            ),
            "make it, or correct [store] witness",
        );
    }
    let left = store::beside(&config.store.directory);
    if left.exists() {
        report.warns(
            format!("{} is left of a compaction or migration that was cut off", left.display()),
            "run it again, or remove what is left",
        );
    }
    let ledger = &config.backup.ledger_directory;
    let device = |path: &Path| fs::metadata(path).map(|metadata| metadata.dev()).ok();
    if ledger.is_dir() && device(ledger) == device(&config.store.directory) {
        report.warns(
            format!("{} is on the disk of the store: a disk that is lost takes store and ledger", ledger.display()),
            "set [backup] ledger_directory to another disk, or copy what is in it elsewhere after every roll",
        );
    }
    if config.backup.roll_hours > 0 && config.root.kind != RootKind::Pkcs11 {
        report.warns(
            format!("the ledger is rolled by itself, and each roll makes a new {}", epochs_file(config).display()),
            "copy that file off the machine after every roll: an escrow or a copy from before opens no newer ledger copy",
        );
    }
    if config.tls.idle_seconds < IDLE_SECONDS_ADVISED {
        report.warns(
            format!("[tls] idle_seconds is {}: pools of clients keep idle connections longer", config.tls.idle_seconds),
            format!("set it to {IDLE_SECONDS_ADVISED} or more"),
        );
    }
    if config.limits.object_bytes_max >= config.limits.message_bytes_max {
        report.warns(
            "[limits] object_bytes_max is not below message_bytes_max: the largest objects cannot be sent",
            "raise message_bytes_max, or lower object_bytes_max",
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::init::init;
    use crate::store::EngineKind;

    fn prepared() -> (tempfile::TempDir, Config) {
        let parent = tempfile::tempdir().unwrap();
        let data = parent.path().join("data");
        init(&data, &[], EngineKind::default(), RootKind::File, &seams::RootChoice::default()).unwrap();
        let config = Config::of_data(&data).unwrap();
        (parent, config)
    }

    fn words(config: &Config) -> Vec<String> {
        check(config, OffsetDateTime::now_utc()).into_iter().map(|finding| finding.what).collect()
    }

    #[test]
    fn a_new_directory_is_fine() {
        let (_parent, config) = prepared();
        let findings = check(&config, OffsetDateTime::now_utc());
        assert_eq!(findings, []);
        assert_eq!(exit(&findings), Exit::Success);
    }

    #[test]
    fn time_brings_warnings_and_then_an_end() {
        let (_parent, config) = prepared();
        let in_days = |days| check(&config, OffsetDateTime::now_utc() + time::Duration::days(days));
        assert_eq!(exit(&in_days(700)), Exit::Success);
        assert_eq!(exit(&in_days(800)), Exit::Warnings);
        let ended = in_days(830);
        assert_eq!(exit(&ended), Exit::Failed);
        assert!(ended[0].what.contains("server.pem") && ended[0].fix.contains("cert server"), "{ended:?}");
        assert_eq!(exit(&in_days(-1)), Exit::Failed);
    }

    #[test]
    fn each_broken_file_is_named() {
        type Breaks = fn(&Config);
        let cases: [(Breaks, &str); 8] = [
            (|config| fs::remove_file(&config.tls.certificate).unwrap(), "server.pem"),
            (|config| fs::write(&config.tls.certificate, "no PEM").unwrap(), "holds no certificate"),
            (|config| fs::remove_file(&config.tls.key).unwrap(), "server.key"),
            (|config| drop(fs::copy(config.tls.key.with_file_name("ca.key"), &config.tls.key)), "is not the key of"),
            (|config| drop(fs::copy(&config.tls.certificate, &config.tls.client_cas[0])), "is not an authority"),
            (|config| fs::remove_file(&config.root.path).unwrap(), "root.key"),
            (|config| fs::write(&config.root.path, "").unwrap(), "root key file"),
            (|config| fs::write(&config.users.file, "x = 1").unwrap(), "users.toml"),
        ];
        for (breaks, expected) in cases {
            let (_parent, config) = prepared();
            breaks(&config);
            let words = words(&config);
            assert!(words.iter().any(|words| words.contains(expected)), "{expected}: {words:?}");
        }
    }

    #[test]
    fn a_ledger_that_is_lost_with_the_machine_is_told() {
        let (_parent, mut config) = prepared();
        fs::create_dir(&config.store.directory).unwrap();
        fs::create_dir(&config.backup.ledger_directory).unwrap();
        config.backup.roll_hours = 24;
        let words = words(&config).join("\n");
        assert!(words.contains("is on the disk of the store"), "{words}");
        assert!(words.contains("root.epoch"), "{words}");
    }

    #[test]
    fn secrets_that_others_can_read_stop() {
        let (_parent, config) = prepared();
        fs::set_permissions(&config.root.path, fs::Permissions::from_mode(0o640)).unwrap();
        let findings = check(&config, OffsetDateTime::now_utc());
        assert_eq!(exit(&findings), Exit::Warnings, "{findings:?}");
        fs::set_permissions(&config.tls.key, fs::Permissions::from_mode(0o604)).unwrap();
        let findings = check(&config, OffsetDateTime::now_utc());
        assert_eq!(exit(&findings), Exit::Failed);
        assert!(findings[0].fix.starts_with("chmod 600"));
    }

    #[test]
    fn revocation_lists_are_read() {
        let (parent, mut config) = prepared();
        let path = parent.path().join("list.crl");
        config.tls.crls = vec![path.clone()];
        fs::write(&path, "nothing").unwrap();
        assert!(words(&config)[0].contains("not a revocation list"));

        let key = rcgen::KeyPair::generate().unwrap();
        let now = OffsetDateTime::now_utc();
        let params = rcgen::CertificateRevocationListParams {
            this_update: now,
            next_update: now + time::Duration::days(7),
            crl_number: rcgen::SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: Vec::new(),
            key_identifier_method: rcgen::KeyIdMethod::Sha256,
        };
        let mut other = rcgen::CertificateParams::default();
        other.distinguished_name.push(rcgen::DnType::CommonName, "elsewhere");
        other.key_usages = vec![rcgen::KeyUsagePurpose::CrlSign];
        let list = params.signed_by(&rcgen::Issuer::new(other, key)).unwrap();
        fs::write(&path, list.pem().unwrap()).unwrap();
        let found = check(&config, now);
        assert_eq!(exit(&found), Exit::Warnings, "{found:?}");
        assert!(found[0].what.contains("elsewhere"));
        assert_eq!(check(&config, now + time::Duration::days(8)).len(), 2);

        config.tls.crls.clear();
        config.tls.client_cas.clear();
        assert!(words(&config)[0].contains("no client certificate"));
    }
}
