//! The arguments of `keyhaven client`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::attributes::same_name;
use crate::base::Date;
use crate::crypto::x509::AlternativeName;
use crate::registry::{
    AlternativeNameType, CryptographicAlgorithm, CryptographicUsageMask, EnumTable, KeyFormatType, ObjectType,
    QueryFunction, RevocationReasonCode, State, Version,
};

/// Talk to a KMIP server over mutual TLS.
#[derive(Debug, Args)]
pub struct ClientCommand {
    /// Print JSON instead of a table.
    #[arg(long, global = true)]
    pub json: bool,
    #[command(flatten)]
    pub reach: Reach,
    #[command(subcommand)]
    pub verb: ClientVerb,
}

/// How the server is reached and who asks.
#[derive(Debug, Args)]
#[command(next_help_heading = "Connection")]
pub struct Reach {
    /// The server; the port is 5696 unless given.
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:5696", global = true)]
    pub server: String,
    /// A data directory to take the authority and the client's certificate from.
    #[arg(long, value_name = "DIR", global = true, conflicts_with_all = ["ca", "cert", "key"])]
    pub data: Option<PathBuf>,
    /// With --data: the client whose certificate is used.
    #[arg(long = "as", value_name = "NAME", default_value = "admin", global = true)]
    pub client: String,
    /// The authority of the server's certificate, PEM.
    #[arg(long, value_name = "FILE", global = true)]
    pub ca: Option<PathBuf>,
    /// The client's certificate, PEM.
    #[arg(long, value_name = "FILE", global = true)]
    pub cert: Option<PathBuf>,
    /// The client's private key, PEM.
    #[arg(long, value_name = "FILE", global = true)]
    pub key: Option<PathBuf>,
    /// The KMIP version to speak: 1.0 to 1.4, 2.0, 2.1 or 3.0.
    #[arg(long, value_name = "VERSION", default_value = "2.1", value_parser = version, global = true)]
    pub kmip: Version,
    /// A user name to send beside the certificate; needs --password-file.
    #[arg(long, value_name = "NAME", global = true)]
    pub user: Option<String>,
    /// The file whose first line is the user's password.
    #[arg(long, value_name = "FILE", global = true)]
    pub password_file: Option<PathBuf>,
    /// Seconds to wait for the connection and for each answer.
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..), global = true)]
    pub timeout: u64,
}

/// What to ask for.
#[derive(Debug, Subcommand)]
pub enum ClientVerb {
    /// Create a symmetric key on the server.
    #[command(
        after_help = "Example:\n  keyhaven client --data keyhaven-data create --algorithm AES --length 256 --name first --activate"
    )]
    Create {
        /// The algorithm, for example AES or HMAC-SHA256.
        #[arg(long, value_parser = algorithm, default_value = "AES")]
        algorithm: CryptographicAlgorithm,
        /// The length in bits.
        #[arg(long, default_value_t = 256, value_parser = clap::value_parser!(i32).range(1..))]
        length: i32,
        #[command(flatten)]
        describe: Describe,
    },
    /// Bring an object of your own to the server.
    #[command(
        after_help = "Example:\n  keyhaven client --data keyhaven-data register key.bin --type symmetric-key --name backup"
    )]
    Register {
        /// The file with the object's bytes: raw key, DER or PEM of a key or certificate, or anything for opaque.
        file: PathBuf,
        /// What it is.
        #[arg(long = "type", value_enum)]
        kind: RegisterKind,
        /// The algorithm of a key.
        #[arg(long, value_parser = algorithm)]
        algorithm: Option<CryptographicAlgorithm>,
        /// The length of a key, in bits; that of the file for a symmetric key.
        #[arg(long, value_parser = clap::value_parser!(i32).range(1..))]
        length: Option<i32>,
        /// The form of a private or public key: PKCS#8, PKCS#1, ECPrivateKey or X.509.
        #[arg(long, value_parser = key_format)]
        format: Option<KeyFormatType>,
        #[command(flatten)]
        describe: Describe,
    },
    /// Fetch an object. Key material goes to a file or, with --show, to the terminal.
    #[command(after_help = "Example:\n  keyhaven client --data keyhaven-data get 42 --out key.bin")]
    Get {
        /// The unique identifier.
        id: String,
        /// The new file for the bytes, readable by its owner alone.
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
        /// Print the bytes in hexadecimal.
        #[arg(long)]
        show: bool,
        /// The form wanted, for example Raw, PKCS#8 or X.509.
        #[arg(long, value_parser = key_format)]
        format: Option<KeyFormatType>,
    },
    /// Find objects.
    #[command(
        after_help = "Example:\n  keyhaven client --data keyhaven-data locate --type symmetric-key --state active"
    )]
    Locate {
        /// Objects with this name.
        #[arg(long)]
        name: Option<String>,
        /// Objects of this type, for example symmetric-key.
        #[arg(long = "type", value_parser = object_type)]
        object_type: Option<ObjectType>,
        /// Objects in this state, for example active.
        #[arg(long, value_parser = state)]
        state: Option<State>,
        /// Objects of this algorithm.
        #[arg(long, value_parser = algorithm)]
        algorithm: Option<CryptographicAlgorithm>,
        /// Objects with this custom attribute.
        #[arg(long, value_name = "NAME=TEXT", value_parser = custom)]
        custom: Vec<(String, String)>,
        /// At most this many.
        #[arg(long, value_parser = clap::value_parser!(i32).range(1..))]
        max: Option<i32>,
        /// Without the first ones (KMIP 1.3 and later).
        #[arg(long, value_parser = clap::value_parser!(i32).range(0..))]
        offset: Option<i32>,
    },
    /// Have a public key certified by a certification authority that the server keeps.
    #[command(
        after_help = "Example:\n  keyhaven client --data keyhaven-data certify --request server.csr --out server.pem\n  keyhaven client --data keyhaven-data certify 42 --subject 'CN=server,O=Example' --alternative-name DNS:server.example"
    )]
    Certify(Box<Certify>),
    /// Ask whether certificates form a valid chain; exits with 1 if the server does not call it valid.
    #[command(
        after_help = "Example:\n  keyhaven client --data keyhaven-data validate server.pem --id 42 --at 2027-01-01T00:00:00Z"
    )]
    Validate {
        /// Files with certificates, PEM (of one or more) or DER.
        #[arg(value_name = "FILE", required_unless_present = "ids")]
        files: Vec<PathBuf>,
        /// A Certificate object by its unique identifier; may be given several times.
        #[arg(long = "id", value_name = "ID")]
        ids: Vec<String>,
        /// When the chain is to be valid; now without it.
        #[arg(long, value_name = "TIME", value_parser = time)]
        at: Option<Date>,
    },
    /// Make objects active, so that they may protect data.
    #[command(after_help = "Example:\n  keyhaven client --data keyhaven-data activate 42")]
    Activate {
        /// Unique identifiers.
        #[arg(required = true, value_name = "ID")]
        ids: Vec<String>,
    },
    /// Revoke objects: they may no longer protect data.
    #[command(
        after_help = "Example:\n  keyhaven client --data keyhaven-data revoke 42 --reason key-compromise --message 'laptop lost'"
    )]
    Revoke {
        /// Unique identifiers.
        #[arg(required = true, value_name = "ID")]
        ids: Vec<String>,
        /// Why: unspecified, key-compromise, ca-compromise, affiliation-changed, superseded, cessation-of-operation or
        /// privilege-withdrawn.
        #[arg(long, value_parser = reason, default_value = "unspecified")]
        reason: RevocationReasonCode,
        /// Words that are kept with the reason.
        #[arg(long)]
        message: Option<String>,
    },
    /// Destroy objects: their material is erased for good.
    #[command(after_help = "Example:\n  keyhaven client --data keyhaven-data destroy 42")]
    Destroy {
        /// Unique identifiers.
        #[arg(required = true, value_name = "ID")]
        ids: Vec<String>,
    },
    /// Show the attributes of an object.
    #[command(
        after_help = "Example:\n  keyhaven client --data keyhaven-data attributes 42 --attribute State --attribute x-Owner"
    )]
    Attributes {
        /// The unique identifier.
        id: String,
        /// An attribute to show, by its name in the standard or x-NAME; all without it.
        #[arg(long = "attribute", value_name = "NAME")]
        names: Vec<String>,
    },
    /// Ask what the server can do.
    #[command(after_help = "Example:\n  keyhaven client --data keyhaven-data query")]
    Query {
        /// A query function, for example operations or profiles; operations, objects and server-information without it.
        #[arg(long = "function", value_name = "FUNCTION", value_parser = function)]
        functions: Vec<QueryFunction>,
    },
}

/// What is certified and what the certificate says.
#[derive(Debug, Args)]
pub struct Certify {
    /// The unique identifier of the public key, or of a Certificate Request object.
    #[arg(required_unless_present = "request")]
    pub id: Option<String>,
    /// A file with a certificate request (PKCS#10), PEM or DER.
    #[arg(long, value_name = "FILE")]
    pub request: Option<PathBuf>,
    /// The subject, as CN=server,O=Example; a request says its own.
    #[arg(long, value_name = "NAME")]
    pub subject: Option<String>,
    /// Another name, as DNS:server.example, IP:10.0.0.1, EMAIL:a@example.org or URI:urn:x; may be given several times.
    #[arg(long, value_name = "KIND:NAME", value_parser = alternative_name)]
    pub alternative_name: Vec<AlternativeName>,
    /// The certificate of the authority that is to sign, if the caller has several.
    #[arg(long, value_name = "ID", conflicts_with = "self_signed")]
    pub issuer: Option<String>,
    /// Sign with the private key of the same pair (Keyhaven only). With --usage certificate-sign it makes a root.
    #[arg(long)]
    pub self_signed: bool,
    /// How many days it is valid; the server decides without it.
    #[arg(long, value_parser = clap::value_parser!(i64).range(1..=36_500))]
    pub days: Option<i64>,
    /// A new file for the certificate, PEM.
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    #[command(flatten)]
    pub describe: Describe,
}

/// What is said of a new object.
#[derive(Debug, Args)]
pub struct Describe {
    /// What it may be used for, separated by commas, for example encrypt,decrypt.
    #[arg(long, value_name = "USAGES", value_parser = usage)]
    pub usage: Option<i32>,
    /// A name; may be given several times.
    #[arg(long = "name", value_name = "NAME")]
    pub names: Vec<String>,
    /// A custom attribute, x-NAME in KMIP 1.x; may be given several times.
    #[arg(long, value_name = "NAME=TEXT", value_parser = custom)]
    pub custom: Vec<(String, String)>,
    /// Make it active at once.
    #[arg(long)]
    pub activate: bool,
}

/// What can be registered.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum RegisterKind {
    /// Raw bytes of a symmetric key.
    SymmetricKey,
    /// A private key.
    PrivateKey,
    /// A public key.
    PublicKey,
    /// A password.
    Password,
    /// A seed.
    Seed,
    /// An X.509 certificate.
    Certificate,
    /// Any bytes.
    Opaque,
}

fn version(text: &str) -> Result<Version, String> {
    let known = Version::ALL.into_iter().find(|version| version.to_string() == text);
    known.ok_or_else(|| "known versions are 1.0, 1.1, 1.2, 1.3, 1.4, 2.0, 2.1 and 3.0".into())
}

/// A value of an enumeration by its name, whatever its case and dashes; `prefix` may be left out.
fn value(table: &EnumTable, prefix: &str, text: &str) -> Result<u32, String> {
    let row = table.rows.iter().find(|row| {
        same_name(row.name, text) || same_name(row.ident, text) || same_name(row.name, &format!("{prefix}{text}"))
    });
    row.map(|row| row.value).ok_or_else(|| {
        let names: Vec<&str> = table.rows.iter().map(|row| row.name).collect();
        format!("the {} is one of: {}", table.name, names.join(", "))
    })
}

fn algorithm(text: &str) -> Result<CryptographicAlgorithm, String> {
    value(&CryptographicAlgorithm::TABLE, "", text).map(CryptographicAlgorithm)
}

fn key_format(text: &str) -> Result<KeyFormatType, String> {
    value(&KeyFormatType::TABLE, "", &text.replace("pkcs", "PKCS#").replace("##", "#")).map(KeyFormatType)
}

fn object_type(text: &str) -> Result<ObjectType, String> {
    value(&ObjectType::TABLE, "", text).map(ObjectType)
}

fn state(text: &str) -> Result<State, String> {
    value(&State::TABLE, "", text).map(State)
}

fn reason(text: &str) -> Result<RevocationReasonCode, String> {
    value(&RevocationReasonCode::TABLE, "", text).map(RevocationReasonCode)
}

fn function(text: &str) -> Result<QueryFunction, String> {
    value(&QueryFunction::TABLE, "Query ", text).map(QueryFunction)
}

fn time(text: &str) -> Result<Date, String> {
    let parsed = OffsetDateTime::parse(text, &Rfc3339).map(|time| Date(time.unix_timestamp()));
    parsed.map_err(|_| "a time is written as 2027-01-01T00:00:00Z".into())
}

fn alternative_name(text: &str) -> Result<AlternativeName, String> {
    const KINDS: [(&str, AlternativeNameType); 4] = [
        ("DNS", AlternativeNameType::DNSName),
        ("IP", AlternativeNameType::IPAddress),
        ("EMAIL", AlternativeNameType::EmailAddress),
        ("URI", AlternativeNameType::URI),
    ];
    let wrong = || "an alternative name is DNS:, IP:, EMAIL: or URI: and the name".to_owned();
    let (kind, name) = text.split_once(':').ok_or_else(wrong)?;
    let (_, kind) = KINDS.into_iter().find(|(known, _)| kind.eq_ignore_ascii_case(known)).ok_or_else(wrong)?;
    AlternativeName::from_text(kind, name).map_err(|error| error.to_string())?.ok_or_else(wrong)
}

fn usage(text: &str) -> Result<i32, String> {
    let bits = text.split(',').map(|name| value(&CryptographicUsageMask::TABLE, "", name.trim()));
    bits.sum::<Result<u32, _>>().map(|bits| bits as i32)
}

fn custom(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, text)) if !name.is_empty() => Ok((name.strip_prefix("x-").unwrap_or(name).into(), text.into())),
        _ => Err("a custom attribute is NAME=TEXT".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_by_what_people_write() {
        assert_eq!(algorithm("aes"), Ok(CryptographicAlgorithm::AES));
        assert_eq!(algorithm("HMAC-SHA256"), Ok(CryptographicAlgorithm::HMAC_SHA256));
        assert_eq!(key_format("pkcs8"), Ok(KeyFormatType::PKCS_8));
        assert_eq!(key_format("PKCS#1"), Ok(KeyFormatType::PKCS_1));
        assert_eq!(object_type("symmetric-key"), Ok(ObjectType::SymmetricKey));
        assert_eq!(state("pre-active"), Ok(State::PreActive));
        assert_eq!(function("profiles"), Ok(QueryFunction::QueryProfiles));
        assert_eq!(usage("encrypt, decrypt"), Ok(12));
        assert_eq!(custom("x-Owner=a=b"), Ok(("Owner".into(), "a=b".into())));
        assert!(algorithm("ROT13").unwrap_err().contains("AES"));
        assert!(version("2.2").is_err());
        assert_eq!(time("1970-01-01T00:00:01Z"), Ok(Date(1)));
        assert_eq!(&*alternative_name("dns:a.example").unwrap().text, "a.example");
        for wrong in ["a.example", "X:a", "IP:a", "DNS:"] {
            assert!(alternative_name(wrong).is_err(), "{wrong}");
        }
    }
}
