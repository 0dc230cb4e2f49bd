//! `keyhaven cert`: certificates of the data directory's own authority.

use std::path::PathBuf;

use clap::Subcommand;
use comfy_table::{Table, presets};
use time::OffsetDateTime;

use super::failure::Failure;
use super::pki::{Pki, check_hosts, check_name};

/// What can be done with certificates.
#[derive(Debug, Subcommand)]
pub enum CertCommand {
    /// Issue a certificate and key for each name: DIR/pki/clients/NAME.pem and NAME.key.
    #[command(after_help = "Example:\n  keyhaven cert issue db-1 db-2 --data /var/lib/keyhaven")]
    Issue {
        /// Names of clients: letters, digits and . _ - @.
        #[arg(required = true, value_name = "NAME")]
        names: Vec<String>,
        /// The data directory.
        #[arg(long, value_name = "DIR")]
        data: PathBuf,
    },
    /// Renew the server's certificate. Its key stays; the server takes the new certificate when it next reads it.
    #[command(after_help = "Example:\n  keyhaven cert server --data /var/lib/keyhaven --host kms.example.org")]
    Server {
        /// The data directory.
        #[arg(long, value_name = "DIR")]
        data: PathBuf,
        /// A name or address of the server; may be given several times. Without it the names stay as they are.
        #[arg(long = "host", value_name = "NAME")]
        hosts: Vec<String>,
    },
    /// List certificates and when they end.
    #[command(after_help = "Example:\n  keyhaven cert list --data /var/lib/keyhaven")]
    List {
        /// The data directory.
        #[arg(long, value_name = "DIR")]
        data: PathBuf,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

/// Runs the command.
pub fn run(command: CertCommand) -> Result<(), Failure> {
    match command {
        CertCommand::Issue { names, data } => issue(&Pki::of_data(&data), &names),
        CertCommand::Server { data, hosts } => {
            check_hosts(&hosts)?;
            let pki = Pki::of_data(&data);
            let authority = pki.open_authority()?;
            let hosts = if hosts.is_empty() && pki.server().exists() { pki.server_hosts()? } else { hosts };
            pki.issue_server(&authority, &hosts)?;
            println!("{}", pki.server().display());
            Ok(())
        }
        CertCommand::List { data, json } => list(&Pki::of_data(&data), json),
    }
}

/// All names are checked before the first certificate is made.
fn issue(pki: &Pki, names: &[String]) -> Result<(), Failure> {
    names.iter().try_for_each(|name| check_name(name))?;
    let authority = pki.open_authority()?;
    for name in names {
        pki.issue_client(&authority, name)?;
        println!("{}", pki.client(name).display());
    }
    Ok(())
}

fn list(pki: &Pki, json: bool) -> Result<(), Failure> {
    let now = OffsetDateTime::now_utc();
    let list = pki.list()?;
    if json {
        let rows: Vec<_> = list
            .iter()
            .map(|(path, facts)| {
                serde_json::json!({
                    "file": path.to_string_lossy(),
                    "subject": facts.subject,
                    "names": facts.alternative_names,
                    "ends": facts.not_after.unix_timestamp(),
                    "days_left": facts.days_left(now),
                })
            })
            .collect();
        println!("{}", serde_json::Value::from(rows));
        return Ok(());
    }
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_header(["File", "Subject", "Names", "Ends", "Days left"]);
    for (path, facts) in &list {
        table.add_row([
            path.display().to_string(),
            facts.subject.clone(),
            facts.alternative_names.join(" "),
            facts.not_after.date().to_string(),
            facts.days_left(now).to_string(),
        ]);
    }
    println!("{table}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_bad_name_stops_all() {
        let data = tempfile::tempdir().unwrap();
        let pki = Pki::of_data(data.path());
        pki.create_authority().unwrap();
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        assert!(issue(&pki, &names(&["good", "../bad"])).is_err());
        assert!(!pki.client("good").exists());
        issue(&pki, &names(&["one", "two"])).unwrap();
        assert!(pki.client_key("one").exists() && pki.client("two").exists());
        assert_eq!(pki.list().unwrap().len(), 3);
    }

    #[test]
    fn renewing_keeps_key_and_names() {
        let data = tempfile::tempdir().unwrap();
        let pki = Pki::of_data(data.path());
        let authority = pki.create_authority().unwrap();
        pki.issue_server(&authority, &["kms.example.org".into()]).unwrap();
        let key = std::fs::read(pki.server_key()).unwrap();
        let before = std::fs::read(pki.server()).unwrap();
        run(CertCommand::Server { data: data.path().into(), hosts: Vec::new() }).unwrap();
        assert_eq!(std::fs::read(pki.server_key()).unwrap(), key);
        assert_ne!(std::fs::read(pki.server()).unwrap(), before);
        assert_eq!(pki.server_hosts().unwrap(), ["kms.example.org"]);
    }
}
