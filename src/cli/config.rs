//! The configuration file: types, defaults, limits, and one error with file and line. `keyhaven.toml` in this
//! folder documents every setting and is what `init` writes; a test holds the two together.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Deserializer, de};

use super::failure::Failure;
use super::files;
use crate::base::Limits;
use crate::model::right::Right;
use crate::store::EngineKind;
use crate::vault::pkcs11::{Omit, Profile, Settings, TokenChoice};

/// The name of the configuration file in a data directory.
pub const FILE_NAME: &str = "keyhaven.toml";
/// The configuration with every default, as `init` writes it.
pub const TEMPLATE: &str = include_str!("keyhaven.toml");
/// The deepest nesting that the message check can follow.
const DEPTH_CEILING: usize = 64;

/// Everything an operator can set. Paths are ready to use: `load` has resolved them against the file's directory.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The directory of the file, where `pki` is too.
    #[serde(skip)]
    pub data: PathBuf,
    /// Listeners and threads.
    pub server: Server,
    /// Certificates and connections.
    pub tls: Tls,
    /// What one client or message may cost.
    pub limits: LimitSettings,
    /// Where records are.
    pub store: StoreSettings,
    /// Ledger copies.
    pub backup: BackupSettings,
    /// What opens them.
    pub root: Root,
    /// The token of `root.kind = "pkcs11"`.
    pub hsm: HsmSettings,
    /// How a certificate becomes a name.
    pub identity: Identity,
    /// Choices of access and algorithms.
    pub policy: Policy,
    /// The audit chain.
    pub audit: Audit,
    /// Log lines.
    pub log: Log,
    /// Passwords.
    pub users: UserSettings,
}

/// Section `[server]`.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Server {
    /// The KMIP listener.
    pub listen: SocketAddr,
    /// KMIP over HTTPS; None is off.
    pub https: Option<SocketAddr>,
    /// Health and metrics, on loopback; None is off.
    #[serde(deserialize_with = "loopback")]
    pub admin: Option<SocketAddr>,
    /// Threads that serve connections; 0 means one for each processor.
    pub workers: usize,
}

/// Section `[tls]`.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tls {
    /// The server's certificate chain, PEM.
    pub certificate: PathBuf,
    /// The server's private key, PEM.
    pub key: PathBuf,
    /// Authorities of client certificates, PEM.
    pub client_cas: Vec<PathBuf>,
    /// Revocation lists, PEM or DER.
    pub crls: Vec<PathBuf>,
    /// The oldest TLS version offered.
    pub minimum_version: TlsVersion,
    /// Client certificates accepted by their SHA-256 alone.
    pub accepted_fingerprints: Vec<Fingerprint>,
    /// Seconds that a handshake may take.
    #[serde(deserialize_with = "positive_u64")]
    pub handshake_seconds: u64,
    /// Seconds that a connection may be silent.
    #[serde(deserialize_with = "positive_u64")]
    pub idle_seconds: u64,
}

/// A TLS version.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
pub enum TlsVersion {
    /// TLS 1.2 and 1.3.
    #[serde(rename = "1.2")]
    V1_2,
    /// TLS 1.3 alone.
    #[serde(rename = "1.3")]
    V1_3,
}

/// The SHA-256 of a certificate.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Fingerprint(pub [u8; 32]);

/// Section `[limits]`.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LimitSettings {
    /// Connections at the same time.
    #[serde(deserialize_with = "positive")]
    pub connections_max: usize,
    /// As `base::Limits`.
    #[serde(deserialize_with = "positive")]
    pub message_bytes_max: usize,
    /// As `base::Limits`.
    #[serde(deserialize_with = "depth")]
    pub depth_max: usize,
    /// As `base::Limits`.
    #[serde(deserialize_with = "positive")]
    pub items_max: usize,
    /// As `base::Limits`.
    #[serde(deserialize_with = "positive")]
    pub batch_items_max: usize,
    /// As `base::Limits`.
    #[serde(deserialize_with = "positive")]
    pub locate_items_max: usize,
    /// As `base::Limits`.
    #[serde(deserialize_with = "positive")]
    pub attributes_max: usize,
    /// As `base::Limits`.
    #[serde(deserialize_with = "positive")]
    pub object_bytes_max: usize,
}

/// Section `[store]`.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StoreSettings {
    /// The directory of the embedded store.
    pub directory: PathBuf,
    /// The engine that keeps it.
    #[serde(deserialize_with = "engine")]
    pub engine: EngineKind,
    /// The file for the copy of the commit record.
    pub witness: PathBuf,
    /// Memory for its cache, in bytes.
    pub cache_bytes: u64,
    /// Free bytes on the disk below which nothing is written.
    pub free_bytes_min: u64,
}

/// Section `[root]`.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Root {
    /// What kind of root it is.
    pub kind: RootKind,
    /// The root key file, or the salt and parameters of a passphrase.
    pub path: PathBuf,
    /// A file with the passphrase.
    pub passphrase_file: Option<PathBuf>,
}

/// The kinds of root.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum RootKind {
    /// A root key in a file.
    File,
    /// A passphrase.
    Passphrase,
    /// A key in an HSM.
    Pkcs11,
    /// A key split into shares.
    Shares,
}

/// Section `[hsm]`.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HsmSettings {
    /// The PKCS#11 module.
    pub module: PathBuf,
    /// The label of the token.
    pub token: Option<String>,
    /// The number of its slot, instead of the label.
    pub slot: Option<u64>,
    /// A file with the PIN.
    pub pin_file: Option<PathBuf>,
    /// Threads that call the module.
    #[serde(deserialize_with = "positive")]
    pub workers: usize,
    /// Calls that may wait.
    #[serde(deserialize_with = "positive")]
    pub queue_max: usize,
    /// Longest wait for an answer, in milliseconds.
    #[serde(deserialize_with = "positive_u64")]
    pub deadline_millis: u64,
    /// Longest wait for a new key, in milliseconds.
    #[serde(deserialize_with = "positive_u64")]
    pub deadline_generate_millis: u64,
    /// The maker, for what it is known to refuse.
    pub profile: Profile,
    /// More attributes to leave out of templates.
    pub omit: Vec<Omit>,
    /// Whether clients may have keys made in the token.
    pub resident: bool,
    /// Most keys of clients in the token.
    pub resident_max: usize,
}

impl Default for HsmSettings {
    fn default() -> Self {
        Self {
            module: "/usr/lib/softhsm/libsofthsm2.so".into(),
            token: None,
            slot: None,
            pin_file: None,
            workers: 4,
            queue_max: 256,
            deadline_millis: 5_000,
            deadline_generate_millis: 60_000,
            profile: Profile::Generic,
            omit: Vec::new(),
            resident: true,
            resident_max: 10_000,
        }
    }
}

impl HsmSettings {
    /// What the vault needs to know.
    pub fn settings(&self) -> Result<Settings, Failure> {
        let token = match (&self.token, self.slot) {
            (Some(label), None) => TokenChoice::Label(label.clone()),
            (None, Some(slot)) => TokenChoice::Slot(slot),
            _ => {
                return Err(Failure::usage(
                    "[hsm] needs the label of its token (token) or the number of its slot (slot), one of them",
                ));
            }
        };
        Ok(Settings {
            module: self.module.clone(),
            token,
            workers: self.workers,
            queue_max: self.queue_max,
            deadline: Duration::from_millis(self.deadline_millis),
            deadline_generate: Duration::from_millis(self.deadline_generate_millis),
            omit: [self.profile.omit(), &self.omit].concat(),
        })
    }
}

/// Section `[identity]`.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Identity {
    /// Where a client's name is taken from; the first that the certificate has.
    #[serde(deserialize_with = "rule")]
    pub rule: Vec<IdentitySource>,
    /// Clients that may see all objects.
    pub operators: Vec<String>,
}

/// A part of a certificate that can name a client.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum IdentitySource {
    /// The common name of the subject.
    Cn,
    /// The first DNS name.
    SanDns,
    /// The first e-mail address.
    SanEmail,
    /// The first URI.
    SanUri,
    /// The SHA-256 of the certificate.
    Fingerprint,
}

/// Section `[policy]`.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    /// What a client reads about an object of somebody else.
    pub strangers: Strangers,
    /// What the members of a group may do with the objects that are in it.
    #[serde(deserialize_with = "rights")]
    pub group_rights: Vec<Right>,
    /// Whether the Interop operation is answered.
    pub interop: bool,
    /// Whether clients that took the server role are sent their new objects by Put, keys and all.
    pub put: bool,
    /// Whether broken and short algorithms may be used.
    pub legacy_algorithms: bool,
    /// Whether RSA keys work in software where the faster provider lacks a combination.
    pub software_rsa: bool,
    /// Whether deactivated and compromised keys still decrypt and verify.
    pub process_after_deactivation: bool,
}

/// What a client reads about an object that it may not use.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Strangers {
    /// Item Not Found: its existence is not told.
    NotFound,
    /// Permission Denied.
    Denied,
}

/// Section `[backup]`.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BackupSettings {
    /// Where a roll writes the ledger copy of the new epoch, and removes those of older ones.
    pub ledger_directory: PathBuf,
    /// Hours from one roll of the ledger to the next that the running server makes by itself; zero for none.
    pub roll_hours: u32,
}

/// Section `[audit]`.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Audit {
    /// Whether a read waits until its record is durable.
    pub durable_reads: bool,
}

/// Section `[log]`.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// The least important kind of line that is written.
    pub level: LogLevel,
    /// How lines look.
    pub format: LogFormat,
}

/// Kinds of log lines.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs, reason = "the names say it")]
pub enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

/// Forms of log lines.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Section `[users]`.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct UserSettings {
    /// The file of names and password hashes; it need not exist.
    pub file: PathBuf,
}

impl Config {
    /// Reads a file. Errors name the file and, where they concern its text, the line.
    pub fn load(path: &Path) -> Result<Self, Failure> {
        let text = files::read_text(path).map_err(|failure| {
            Failure::usage(format!("{}; `keyhaven init --data DIR` makes a configuration", failure.words))
        })?;
        Self::parse(&text, path)
    }

    /// Reads the configuration of a data directory.
    pub fn of_data(directory: &Path) -> Result<Self, Failure> {
        Self::load(&directory.join(FILE_NAME))
    }

    fn parse(text: &str, path: &Path) -> Result<Self, Failure> {
        let mut config: Self = toml::from_str(text).map_err(|error| {
            let line = error.span().map_or(1, |span| line_of(text, span.start));
            Failure::usage(format!("{}:{line}: {}", path.display(), error.message().trim_end()))
        })?;
        if config.root.passphrase_file.is_some() && config.root.kind != RootKind::Passphrase {
            let line = text.lines().position(|line| line.trim_start().starts_with("passphrase_file")).unwrap_or(0) + 1;
            return Err(Failure::usage(format!(
                "{}:{line}: passphrase_file is only for kind = \"passphrase\"",
                path.display()
            )));
        }
        config.resolve(files::directory_of(path));
        Ok(config)
    }

    fn resolve(&mut self, base: &Path) {
        self.data = base.into();
        let single = [
            &mut self.tls.certificate,
            &mut self.tls.key,
            &mut self.store.directory,
            &mut self.store.witness,
            &mut self.backup.ledger_directory,
            &mut self.root.path,
            &mut self.users.file,
            &mut self.hsm.module,
        ];
        let lists = self.tls.client_cas.iter_mut().chain(&mut self.tls.crls);
        for path in single.into_iter().chain(lists).chain(&mut self.root.passphrase_file).chain(&mut self.hsm.pin_file)
        {
            // Joining an absolute path gives that path.
            *path = base.join(&*path);
        }
    }

    /// The limits that the core works with.
    pub fn limits(&self) -> Limits {
        let set = &self.limits;
        Limits {
            message_bytes_max: set.message_bytes_max,
            depth_max: set.depth_max,
            items_max: set.items_max,
            batch_items_max: set.batch_items_max,
            locate_items_max: set.locate_items_max,
            attributes_max: set.attributes_max,
            object_bytes_max: set.object_bytes_max,
            ..Limits::default()
        }
    }
}

fn line_of(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}

impl Default for Server {
    fn default() -> Self {
        Self { listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 5696), https: None, admin: None, workers: 0 }
    }
}

impl Default for Tls {
    fn default() -> Self {
        Self {
            certificate: "pki/server.pem".into(),
            key: "pki/server.key".into(),
            client_cas: vec!["pki/ca.pem".into()],
            crls: Vec::new(),
            minimum_version: TlsVersion::V1_2,
            accepted_fingerprints: Vec::new(),
            handshake_seconds: 10,
            idle_seconds: 900,
        }
    }
}

impl Default for LimitSettings {
    fn default() -> Self {
        let limits = Limits::default();
        Self {
            connections_max: 4096,
            message_bytes_max: limits.message_bytes_max,
            depth_max: limits.depth_max,
            items_max: limits.items_max,
            batch_items_max: limits.batch_items_max,
            locate_items_max: limits.locate_items_max,
            attributes_max: limits.attributes_max,
            object_bytes_max: limits.object_bytes_max,
        }
    }
}

impl Default for StoreSettings {
    fn default() -> Self {
        Self {
            directory: "store".into(),
            engine: EngineKind::default(),
            witness: "store.witness".into(),
            cache_bytes: 256 << 20,
            free_bytes_min: 256 << 20,
        }
    }
}

impl Default for Root {
    fn default() -> Self {
        Self { kind: RootKind::File, path: "root.key".into(), passphrase_file: None }
    }
}

impl Default for Identity {
    fn default() -> Self {
        use IdentitySource::{Cn, Fingerprint, SanDns, SanEmail, SanUri};
        Self { rule: vec![Cn, SanDns, SanEmail, SanUri, Fingerprint], operators: Vec::new() }
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            strangers: Strangers::NotFound,
            group_rights: Vec::new(),
            interop: true,
            put: false,
            legacy_algorithms: false,
            software_rsa: true,
            process_after_deactivation: false,
        }
    }
}

impl Default for BackupSettings {
    fn default() -> Self {
        Self { ledger_directory: "ledger".into(), roll_hours: 0 }
    }
}

impl Default for Log {
    fn default() -> Self {
        Self { level: LogLevel::Info, format: LogFormat::Text }
    }
}

impl Default for UserSettings {
    fn default() -> Self {
        Self { file: "users.toml".into() }
    }
}

/// An address for operators: what it offers has no authentication, so it stays on the machine.
fn loopback<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SocketAddr>, D::Error> {
    let address = Option::<SocketAddr>::deserialize(deserializer)?;
    match address {
        Some(address) if !address.ip().is_loopback() => {
            Err(de::Error::custom("must be a loopback address: health and metrics are served without authentication"))
        }
        other => Ok(other),
    }
}

fn positive<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    match usize::deserialize(deserializer)? {
        0 => Err(de::Error::custom("must be at least 1")),
        number => Ok(number),
    }
}

fn positive_u64<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    match u64::deserialize(deserializer)? {
        0 => Err(de::Error::custom("must be at least 1")),
        number => Ok(number),
    }
}

fn depth<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    match usize::deserialize(deserializer)? {
        number if (1..=DEPTH_CEILING).contains(&number) => Ok(number),
        _ => Err(de::Error::custom(format!("must be between 1 and {DEPTH_CEILING}"))),
    }
}

fn engine<'de, D: Deserializer<'de>>(deserializer: D) -> Result<EngineKind, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
}

/// Rights over objects; those to make objects and to govern the server are nobody's by a group.
fn rights<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Right>, D::Error> {
    let right = |name: &String| {
        Right::from_name(name).filter(|right| !matches!(right, Right::Create | Right::Administer)).ok_or_else(|| {
            de::Error::custom(format!("{name:?} is no right over objects, such as \"get\", \"use\" and \"locate\""))
        })
    };
    Vec::<String>::deserialize(deserializer)?.iter().map(right).collect()
}

fn rule<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<IdentitySource>, D::Error> {
    match Vec::deserialize(deserializer)? {
        empty if empty.is_empty() => Err(de::Error::custom("must name at least one part of the certificate")),
        rule => Ok(rule),
    }
}

impl<'de> Deserialize<'de> for Fingerprint {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text)
            .ok_or_else(|| de::Error::custom("a fingerprint is the SHA-256 of a certificate: 64 hexadecimal digits"))
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl Fingerprint {
    /// From 64 hexadecimal digits, with or without colons between pairs.
    pub fn parse(text: &str) -> Option<Self> {
        let digits: Vec<u8> = text.bytes().filter(|byte| *byte != b':').collect();
        let mut bytes = [0; 32];
        if digits.len() != 64 {
            return None;
        }
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks(2)) {
            let high = char::from(pair[0]).to_digit(16)?;
            let low = char::from(pair[1]).to_digit(16)?;
            *byte = (high * 16 + low) as u8;
        }
        Some(Self(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(text: &str) -> String {
        Config::parse(text, Path::new("dir/k.toml")).unwrap_err().words
    }

    #[test]
    fn the_template_holds_every_default() {
        let parsed: Config = toml::from_str(TEMPLATE).unwrap();
        assert_eq!(parsed, Config::default());
        assert_eq!(toml::from_str::<Config>("").unwrap(), Config::default());
    }

    /// The commented settings of the template are settings too.
    #[test]
    fn the_template_works_with_its_comments_opened() {
        let opened: String = TEMPLATE
            .lines()
            .map(|line| match line.strip_prefix('#') {
                Some(setting) if setting.starts_with(|first: char| first.is_ascii_lowercase()) => setting,
                _ => line,
            })
            .flat_map(|line| [line, "\n"])
            .collect();
        let config: Config = toml::from_str(&opened).unwrap();
        assert!(config.server.https.is_some() && config.server.admin.is_some());
        assert!(config.root.passphrase_file.is_some());
    }

    #[test]
    fn the_readme_explains_every_setting() {
        let readme = include_str!("../../README.md");
        let settings = TEMPLATE.lines().filter_map(|line| line.trim_start_matches('#').split_once(" = "));
        for (name, _) in settings.filter(|(name, _)| !name.contains(' ')) {
            assert!(readme.contains(&format!("`{name}`")), "{name} is not in README.md");
        }
    }

    #[test]
    fn an_error_names_file_and_line() {
        let cases = [
            ("[server]\nlisten = \"nowhere\"\n", "dir/k.toml:2: ", "socket address"),
            ("[server]\n\nlisten_to = \"127.0.0.1:1\"\n", "dir/k.toml:3: ", "listen_to"),
            ("[server]\nadmin = \"0.0.0.0:9\"\n", "dir/k.toml:2: ", "loopback"),
            ("[limits]\n# none\nitems_max = 0\n", "dir/k.toml:3: ", "at least 1"),
            ("[limits]\ndepth_max = 65\n", "dir/k.toml:2: ", "between 1 and 64"),
            ("[tls]\nminimum_version = \"1.1\"\n", "dir/k.toml:2: ", "1.2"),
            ("[tls]\naccepted_fingerprints = [\n \"00\"]\n", "dir/k.toml:", "64 hexadecimal"),
            ("[identity]\nrule = []\n", "dir/k.toml:2: ", "at least one"),
            ("[identity]\nrule = [\"serial\"]\n", "dir/k.toml:2: ", "serial"),
            ("[policy]\ngroup_rights = [\"administer\"]\n", "dir/k.toml:2: ", "administer"),
            ("[root]\npassphrase_file = \"x\"\n", "dir/k.toml:2: ", "only for kind"),
            ("[storage]\n", "dir/k.toml:1: ", "storage"),
            ("[server\n", "dir/k.toml:1: ", ""),
        ];
        for (text, place, words) in cases {
            let fault = fault(text);
            assert!(fault.starts_with(place) && fault.contains(words), "{text:?} gave {fault:?}");
            assert!(!fault.contains('\n'), "{fault:?}");
        }
    }

    #[test]
    fn a_fingerprint_has_colons_or_not() {
        let plain = "ab".repeat(32);
        let colons = vec!["AB"; 32].join(":");
        assert_eq!(Fingerprint::parse(&colons).unwrap().to_string(), plain);
        assert_eq!(Fingerprint::parse(&plain), Fingerprint::parse(&colons));
        assert_eq!(Fingerprint::parse("ab"), None);
    }

    #[test]
    fn paths_are_relative_to_the_file() {
        let config = Config::parse("[tls]\nkey = \"/etc/k.pem\"\ncrls = [\"a.crl\"]", Path::new("dir/k.toml")).unwrap();
        assert_eq!(config.tls.certificate, Path::new("dir/pki/server.pem"));
        assert_eq!(config.tls.key, Path::new("/etc/k.pem"));
        assert_eq!(config.tls.crls, [Path::new("dir/a.crl")]);
        assert_eq!(config.limits(), Limits::default());
    }
}
