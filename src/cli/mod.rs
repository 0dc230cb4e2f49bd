//! Room 9: the commands. Each parses its arguments, calls one function of this room or of a room below, and ends
//! with an exit code of `failure::Exit` and words that say what to do.

mod audit;
mod backup;
mod cert;
mod check;
mod client;
pub mod config;
mod control;
mod escrow;
pub mod failure;
mod files;
mod hsm_metrics;
mod import;
mod init;
mod ledger;
mod log;
pub mod passphrase;
mod pki;
mod progress;
mod provision;
mod quickstart;
mod rotation;
mod rotation_metrics;
mod run;
mod seams;
mod service;
mod unseal;
mod upkeep;
pub mod users;

use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use time::OffsetDateTime;

use self::check::{Finding, Severity};
use self::config::{Config, HsmSettings, RootKind};
use self::failure::{Exit, Failure};
use self::seams::RootChoice;
use self::users::Users;
use crate::store::EngineKind;

/// Runs the command of this process's arguments.
pub fn main() -> ExitCode {
    // clap ends the process itself for --help (0) and for a wrong command line (2).
    let outcome = run(Command::parse());
    match outcome {
        Ok(exit) => exit.into(),
        Err(failure) => {
            eprintln!("keyhaven: {failure}");
            failure.exit.into()
        }
    }
}

const EXIT_CODES: &str = "Exit codes: 0 done; 1 not done (refused, or found wrong); 2 wrong command line or \
                          configuration; 3 no connection to the server; 4 check or verify found only warnings.";

/// Keyhaven, a KMIP key-management server.
#[derive(Debug, Parser)]
#[command(name = "keyhaven", version, after_help = EXIT_CODES)]
struct Command {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Make a data directory: configuration, root key, authority, server and admin certificates.
    ///
    /// Nothing that exists is overwritten.
    #[command(after_help = "Example:\n  keyhaven init --data /var/lib/keyhaven --host kms.example.org --host 10.0.0.5")]
    Init {
        /// The directory to make.
        #[arg(long, value_name = "DIR")]
        data: PathBuf,
        /// A name or address under which clients reach the server; may be given several times.
        #[arg(long = "host", value_name = "NAME")]
        hosts: Vec<String>,
        /// What will open the stored keys: a root key in DIR/root.key, a passphrase given at each start, a key in an
        /// HSM, or shares of a key of which some are given at each start.
        #[arg(long, value_name = "KIND", value_enum, default_value = "file")]
        root: RootKind,
        /// What keeps the store: sled, or fjall.
        #[arg(long, value_name = "ENGINE", env = "KEYHAVEN_ENGINE", default_value_t)]
        engine: EngineKind,
        #[command(flatten)]
        choice: RootArguments,
    },
    /// Give a sealed server a share of its root: from a file, the standard input or the terminal.
    ///
    /// The server must run on this machine, and the command must run as the server's user. The server opens with the
    /// last share that is needed.
    #[command(after_help = "Example:\n  keyhaven unseal --data /var/lib/keyhaven --share-file share-1.txt")]
    Unseal {
        /// A file with the share.
        #[arg(long, value_name = "FILE")]
        share_file: Option<PathBuf>,
        #[command(flatten)]
        place: Place,
    },
    /// Rotate the keys that everything rests on, put the root by, or get it back.
    #[command(subcommand)]
    Root(RootCommand),
    /// Look after the keys that clients have in an HSM.
    #[command(subcommand)]
    Hsm(HsmCommand),
    /// Run the server until SIGINT or SIGTERM.
    #[command(after_help = "Example:\n  keyhaven serve --data /var/lib/keyhaven --listen 0.0.0.0:5696")]
    Serve {
        #[command(flatten)]
        place: Place,
        /// Address of the KMIP listener, instead of the configured one (default 127.0.0.1:5696).
        #[arg(long, value_name = "ADDR")]
        listen: Option<SocketAddr>,
        /// Address of KMIP over HTTPS, instead of the configured one (default: off).
        #[arg(long, value_name = "ADDR")]
        https: Option<SocketAddr>,
        /// Loopback address of /healthz, /readyz and /metrics, instead of the configured one (default: off).
        #[arg(long, value_name = "ADDR")]
        admin: Option<SocketAddr>,
    },
    /// Make a data directory if there is none, say how clients connect, and serve on loopback.
    #[command(after_help = "Example:\n  keyhaven quickstart")]
    Quickstart {
        /// The data directory.
        #[arg(long, value_name = "DIR", default_value = "keyhaven-data")]
        data: PathBuf,
    },
    /// Look for what is wrong with a configuration, its certificates, keys and store, and say how to mend it.
    ///
    /// Run it as the server's user. A store that a server has open is not counted. Exit code 0: nothing; 1: something
    /// that stops the server; 4: only warnings.
    #[command(after_help = "Example:\n  keyhaven check --data /var/lib/keyhaven")]
    Check {
        #[command(flatten)]
        place: Place,
        /// Print the findings as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Read the whole store: open every value, compare the index with the objects, walk the audit chain, and compare
    /// all of it with the commit record.
    ///
    /// The server must not run. Exit code 0: nothing is wrong; 1: something is; 4: only what does no harm now.
    #[command(after_help = "Example:\n  keyhaven verify --data /var/lib/keyhaven")]
    Verify {
        #[command(flatten)]
        place: Place,
        /// Print the report as JSON, without a progress bar.
        #[arg(long)]
        json: bool,
    },
    /// Make the index again from the objects, and write the commit record anew.
    ///
    /// The server must not run. Keys are never guessed: what cannot be read stays as it is. If more than the index
    /// differs from the commit record, nothing is done unless it is accepted.
    #[command(after_help = "Example:\n  keyhaven repair --data /var/lib/keyhaven")]
    Repair {
        #[command(flatten)]
        place: Place,
        /// Go on with what is here, although objects are lost or older than they were, and there is no backup. The
        /// audit chain keeps what was accepted.
        #[arg(long)]
        accept: bool,
        /// Print what was done as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Copy the database into a fresh one that takes less room, compare the two, and put it in place of the old one.
    ///
    /// The server must not run. The disk needs room for both. The root key is not needed. A compaction that was cut off
    /// has changed nothing; the next one removes what it left.
    #[command(after_help = "Example:\n  keyhaven compact --data /var/lib/keyhaven")]
    Compact {
        #[command(flatten)]
        place: Place,
        /// Print what was done as JSON, without a progress bar.
        #[arg(long)]
        json: bool,
    },
    /// Move the store to another engine.
    #[command(subcommand)]
    Store(StoreCommand),
    /// Issue, renew and list certificates of the directory's own authority.
    #[command(subcommand)]
    Cert(cert::CertCommand),
    /// Manage the passwords of clients that send a KMIP credential beside their certificate.
    #[command(subcommand)]
    User(UserCommand),
    /// Verify or export the audit chain.
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Write the store into one sealed file, while the server works or with the server stopped.
    ///
    /// The file holds everything but the root, keys that live in an HSM, and the secrets of the objects. Those are in a ledger
    /// copy, which is written beside it and opens until the ledger is rolled. Whoever has the root of this store and its
    /// epoch key can restore both, on any machine. Run it as the server's user.
    #[command(after_help = "Example:\n  keyhaven backup --data /var/lib/keyhaven --out /var/backups/keyhaven")]
    Backup(backup::BackupArguments),
    /// Make a store of a backup, in a data directory that has its root and no store.
    ///
    /// The server must not run. The backup is read whole before anything is written; a restore that is cut off leaves a
    /// store that no server opens, and is run again.
    #[command(after_help = "Example:\n  keyhaven restore --from keyhaven-1.backup --data /var/lib/keyhaven --dry-run")]
    Restore(backup::RestoreArguments),
    /// The ledger of secrets, apart from backups: copies of it, and the roll that makes Destroy final.
    #[command(subcommand)]
    Ledger(ledger::LedgerCommand),
    /// Bring in the objects of another server.
    #[command(subcommand)]
    Import(import::ImportCommand),
    /// Talk to a KMIP server: create, fetch, find and retire keys.
    Client(client::ClientCommand),
}

#[derive(Debug, Subcommand)]
enum RootCommand {
    /// Make the next version of the root key and wrap the namespace key with it; or rotate the namespace key itself.
    ///
    /// A running server goes on serving meanwhile; if none runs, the command opens the store itself. The root wraps
    /// the namespace key alone, so its rotation is done at once. A rotation of the namespace key seals every stored
    /// value anew: it takes its time, survives a crash, and goes on by itself when the server starts again; calling the
    /// command again shows its progress.
    #[command(
        after_help = "Example:\n  keyhaven root rotate --data /var/lib/keyhaven\n  keyhaven root rotate --namespace --data /var/lib/keyhaven"
    )]
    Rotate {
        /// Rotate the namespace key: seal every stored value under a new key, and wipe the old one.
        #[arg(long, conflicts_with_all = ["destroy_old", "new_passphrase_file", "share_dir"])]
        namespace: bool,
        /// With a root in an HSM: destroy its old versions, also those of earlier rotations. Backups from before can then
        /// never be opened again. Without it they wrap no more and stay.
        #[arg(long)]
        destroy_old: bool,
        /// With a root from a passphrase: a file with the new one. Without it: KEYHAVEN_NEW_PASSPHRASE, or the terminal.
        #[arg(long, value_name = "FILE")]
        new_passphrase_file: Option<PathBuf>,
        /// With a root in shares: how many new shares to make.
        #[arg(long, value_name = "NUMBER", default_value_t = 5)]
        shares: u32,
        /// With a root in shares: how many of them open the root.
        #[arg(long, value_name = "NUMBER", default_value_t = 3)]
        threshold: u32,
        /// With a root in shares: the directory for the new shares (default: shares-new beside the root file).
        #[arg(long, value_name = "DIR")]
        share_dir: Option<PathBuf>,
        #[command(flatten)]
        place: Place,
    },
    /// Put the root key by: sealed to an RSA recovery key, or to shares of which some open it.
    ///
    /// A root in an HSM cannot leave it: the namespace keys that it wraps are put by instead, with the server stopped.
    /// After a rotation put it by again.
    #[command(
        after_help = "Example:\n  keyhaven root escrow --to-rsa recovery.pem --out root.escrow --data /var/lib/keyhaven"
    )]
    Escrow(escrow::EscrowArguments),
    /// Get a root back from what `root escrow` wrote. It becomes a root key file.
    ///
    /// From namespace keys a new root is made that wraps them; the store must be there and the server stopped.
    #[command(
        after_help = "Example:\n  keyhaven root recover --from root.escrow --recovery-private-key recovery.key --data /var/lib/keyhaven"
    )]
    Recover(escrow::RecoverArguments),
}

#[derive(Debug, Subcommand)]
enum HsmCommand {
    /// Compare the keys in the HSM with the store both ways: erase what no object has, name objects whose key is lost.
    ///
    /// The server must not run; it does the same at each start.
    #[command(after_help = "Example:\n  keyhaven hsm sweep --data /var/lib/keyhaven")]
    Sweep {
        #[command(flatten)]
        place: Place,
    },
}

#[derive(Debug, Subcommand)]
enum StoreCommand {
    /// Copy the store into a database of another engine, compare the two, and put the copy in its place.
    ///
    /// The server must not run. The disk needs room for both. The root key is not needed: sealed records stay as they are.
    /// A migration that was cut off has changed nothing; the next one removes what it left.
    #[command(after_help = "Example:\n  keyhaven store migrate --to fjall --data /var/lib/keyhaven")]
    Migrate {
        /// The engine: sled or fjall.
        #[arg(long, value_name = "ENGINE")]
        to: EngineKind,
        #[command(flatten)]
        place: Place,
        /// Print what was done as JSON, without a progress bar.
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Subcommand)]
enum UserCommand {
    /// Add a user, with the password in the first line of a file.
    #[command(after_help = "Example:\n  keyhaven user add backup --password-file ./password --data /var/lib/keyhaven")]
    Add {
        /// The user's name.
        name: String,
        /// The file with the password.
        #[arg(long, value_name = "FILE")]
        password_file: PathBuf,
        /// Give a user that exists a new password.
        #[arg(long)]
        replace: bool,
        #[command(flatten)]
        place: Place,
    },
    /// Remove a user.
    #[command(after_help = "Example:\n  keyhaven user remove backup --data /var/lib/keyhaven")]
    Remove {
        /// The user's name.
        name: String,
        #[command(flatten)]
        place: Place,
    },
    /// List the names of all users, one a line.
    #[command(after_help = "Example:\n  keyhaven user list --data /var/lib/keyhaven")]
    List {
        #[command(flatten)]
        place: Place,
    },
}

#[derive(Debug, Subcommand)]
enum AuditCommand {
    /// Follow the chain from its first record to its head, and say whether it is whole.
    #[command(after_help = "Example:\n  keyhaven audit verify --data /var/lib/keyhaven")]
    Verify {
        #[command(flatten)]
        place: Place,
    },
    /// Write the records as JSON, one a line, to the standard output.
    #[command(after_help = "Example:\n  keyhaven audit export --data /var/lib/keyhaven > audit.jsonl")]
    Export {
        #[command(flatten)]
        place: Place,
    },
}

/// What `init` needs to know of some kinds of root.
#[derive(Debug, Args)]
struct RootArguments {
    /// With --root pkcs11: the PKCS#11 module, a shared library.
    #[arg(long, value_name = "FILE")]
    hsm_module: Option<PathBuf>,
    /// With --root pkcs11: the label of the token.
    #[arg(long, value_name = "LABEL", conflicts_with = "hsm_slot")]
    hsm_token: Option<String>,
    /// With --root pkcs11: the number of its slot, instead of the label.
    #[arg(long, value_name = "NUMBER")]
    hsm_slot: Option<u64>,
    /// With --root pkcs11: a file with the PIN. Without it: KEYHAVEN_PIN, or the terminal.
    #[arg(long, value_name = "FILE")]
    hsm_pin_file: Option<PathBuf>,
    /// With --root shares: how many shares to make.
    #[arg(long, value_name = "NUMBER", default_value_t = 5)]
    shares: u32,
    /// With --root shares: how many of them open the root.
    #[arg(long, value_name = "NUMBER", default_value_t = 3)]
    threshold: u32,
}

impl RootArguments {
    fn choice(self) -> Result<RootChoice, Failure> {
        // The configuration lies elsewhere than the command runs.
        let absolute = |path: PathBuf| {
            std::path::absolute(&path).map_err(|error| Failure::usage(format!("{}: {error}", path.display())))
        };
        let defaults = HsmSettings::default();
        let hsm = HsmSettings {
            module: self.hsm_module.map(absolute).transpose()?.unwrap_or(defaults.module),
            token: self.hsm_token,
            slot: self.hsm_slot,
            pin_file: self.hsm_pin_file.map(absolute).transpose()?,
            ..HsmSettings::default()
        };
        Ok(RootChoice { hsm, shares: self.shares, threshold: self.threshold })
    }
}

/// Where the configuration is.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Place {
    /// The data directory, which holds keyhaven.toml.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// The configuration file.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl Place {
    fn load(&self) -> Result<Config, Failure> {
        match (&self.config, &self.data) {
            (Some(file), _) => Config::load(file),
            (None, Some(directory)) => Config::of_data(directory),
            (None, None) => Err(Failure::usage("--data DIR or --config FILE is needed")),
        }
    }
}

fn run(command: Command) -> Result<Exit, Failure> {
    match command.verb {
        Verb::Init { data, hosts, root, engine, choice } => {
            init::init(&data, &hosts, engine, root, &choice.choice()?)?;
            println!("{}", init::words(&data, root));
        }
        Verb::Root(RootCommand::Rotate {
            namespace,
            destroy_old,
            new_passphrase_file,
            shares,
            threshold,
            share_dir,
            place,
        }) => {
            let choice = rotation::Choice {
                namespace,
                destroy_old,
                passphrase_file: new_passphrase_file,
                shares,
                threshold,
                share_directory: share_dir,
            };
            println!("{}", rotation::rotate(&place.load()?, &choice)?);
        }
        Verb::Root(RootCommand::Escrow(arguments)) => println!("{}", escrow::escrow(&arguments)?),
        Verb::Root(RootCommand::Recover(arguments)) => println!("{}", escrow::recover(&arguments)?),
        Verb::Hsm(HsmCommand::Sweep { place }) => println!("{}", service::sweep(&place.load()?)?),
        Verb::Unseal { share_file, place } => println!("{}", unseal::unseal(&place.load()?, share_file.as_deref())?),
        Verb::Serve { place, listen, https, admin } => {
            let mut config = place.load()?;
            if admin.is_some_and(|address| !address.ip().is_loopback()) {
                return Err(Failure::usage(
                    "--admin must be a loopback address: health and metrics are served without authentication",
                ));
            }
            config.server.listen = listen.unwrap_or(config.server.listen);
            config.server.https = https.or(config.server.https);
            config.server.admin = admin.or(config.server.admin);
            log::start(&config.log)?;
            run::serve(&config, || ())?;
        }
        Verb::Quickstart { data } => quickstart::run(&data)?,
        Verb::Check { place, json } => {
            let findings = check::check(&place.load()?, OffsetDateTime::now_utc());
            print_findings(&findings, json);
            return Ok(check::exit(&findings));
        }
        Verb::Verify { place, json } => return upkeep::verify(&place.load()?, json),
        Verb::Repair { place, accept, json } => return upkeep::repair(&place.load()?, accept, json),
        Verb::Compact { place, json } => return upkeep::compact(&place.load()?, json),
        Verb::Store(StoreCommand::Migrate { to, place, json }) => return upkeep::migrate(&place.load()?, to, json),
        Verb::Cert(command) => cert::run(command)?,
        Verb::User(command) => user(command)?,
        Verb::Audit(AuditCommand::Verify { place }) => println!("{}", audit::verify(&place.load()?)?),
        Verb::Audit(AuditCommand::Export { place }) => {
            let mut output = std::io::stdout().lock();
            audit::export(&place.load()?, &mut output)?;
            output.flush().map_err(|error| Failure::failed(format!("cannot write the records: {error}")))?;
        }
        Verb::Backup(arguments) => backup::run(arguments)?,
        Verb::Restore(arguments) => backup::restore(&arguments)?,
        Verb::Ledger(command) => ledger::run(command)?,
        Verb::Import(command) => return import::run(command),
        Verb::Client(command) => client::run(command)?,
    }
    Ok(Exit::Success)
}

fn user(command: UserCommand) -> Result<(), Failure> {
    let open = |place: Place| Users::open(&place.load()?.users.file);
    match command {
        UserCommand::Add { name, password_file, replace, place } => {
            open(place)?.add(&name, &users::read_password(&password_file)?, replace)
        }
        UserCommand::Remove { name, place } => open(place)?.remove(&name),
        UserCommand::List { place } => {
            open(place)?.names().for_each(|name| println!("{name}"));
            Ok(())
        }
    }
}

fn print_findings(findings: &[Finding], json: bool) {
    let level = |finding: &Finding| match finding.severity {
        Severity::Stops => "error",
        Severity::Warns => "warning",
    };
    if json {
        let list: Vec<_> = findings
            .iter()
            .map(|finding| serde_json::json!({"level": level(finding), "what": finding.what, "fix": finding.fix}))
            .collect();
        println!("{}", serde_json::Value::from(list));
        return;
    }
    for finding in findings {
        println!("{}: {}\n  fix: {}", level(finding), finding.what, finding.fix);
    }
    if findings.is_empty() {
        println!("nothing wrong found");
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_tree_is_sound() {
        Command::command().debug_assert();
    }

    #[test]
    fn every_command_shows_an_example() {
        let mut open = vec![Command::command()];
        while let Some(command) = open.pop() {
            let subcommands: Vec<_> = command.get_subcommands().cloned().collect();
            if subcommands.is_empty() {
                let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
                assert!(help.contains("Example:\n  keyhaven "), "{} has no example", command.get_name());
            }
            open.extend(subcommands);
        }
    }

    #[test]
    fn examples_parse() {
        let mut open = vec![Command::command()];
        let mut seen = 0;
        while let Some(command) = open.pop() {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            for line in help.lines().filter_map(|line| line.strip_prefix("  keyhaven ")) {
                let words = line.split(" > ").next().unwrap_or(line).split_whitespace();
                let parsed = Command::try_parse_from(std::iter::once("keyhaven").chain(words));
                assert!(parsed.is_ok(), "{line}: {}", parsed.unwrap_err());
                seen += 1;
            }
            open.extend(command.get_subcommands().cloned());
        }
        assert!(seen > 15, "{seen}");
    }

    #[test]
    fn data_or_config_is_needed_and_only_one() {
        let parse = |line: &str| Command::try_parse_from(line.split(' '));
        assert!(parse("keyhaven check").is_err());
        assert!(parse("keyhaven check --data a --config b").is_err());
        assert!(parse("keyhaven check --config b").is_ok());
    }
}
