//! First run: a data directory with configuration, authority, certificates and root key.

use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::config::{self, Config, HsmSettings, RootKind};
use super::failure::Failure;
use super::files::{self, PUBLIC, SECRET};
use super::pki::{Pki, check_hosts};
use super::seams::{self, RootChoice};
use crate::store::EngineKind;

/// The client that `init` makes a certificate for, and that the configuration names as operator.
pub const ADMIN: &str = "admin";
/// The directory of the shares of a root, in the data directory.
pub const SHARES: &str = "shares";

/// Makes a data directory that a server can start from. Nothing that exists is overwritten; the configuration is
/// written last, so its presence says that everything else is there.
pub fn init(
    data: &Path,
    hosts: &[String],
    engine: EngineKind,
    root: RootKind,
    choice: &RootChoice,
) -> Result<(), Failure> {
    let pki = Pki::of_data(data);
    check_hosts(hosts)?;
    refuse_leftovers(data, &pki)?;
    files::make_directory(data)?;
    let authority = pki.create_authority()?;
    pki.issue_server(&authority, hosts)?;
    pki.issue_client(&authority, ADMIN)?;
    let shares = seams::create_root(root, choice, &data.join(Config::default().root.path))?;
    write_shares(&data.join(SHARES), &shares)?;
    files::write_new(&data.join(config::FILE_NAME), configuration(engine, root, choice).as_bytes(), PUBLIC)
}

/// One file for each holder of a share, to be handed out and deleted here.
pub fn write_shares(directory: &Path, shares: &[Zeroizing<String>]) -> Result<(), Failure> {
    if shares.is_empty() {
        return Ok(());
    }
    files::make_directory(directory)?;
    for (number, share) in (1..).zip(shares) {
        files::write_new(&directory.join(format!("share-{number}.txt")), format!("{}\n", **share).as_bytes(), SECRET)?;
    }
    Ok(())
}

/// What to do next.
pub fn words(data: &Path, root: RootKind) -> String {
    let data = data.display();
    let keep = match root {
        RootKind::File | RootKind::Passphrase => {
            format!(
                "Keep {data}/root.key, {data}/pki/ca.key and, after the first start, {data}/root.epoch safe and backed up."
            )
        }
        RootKind::Pkcs11 => format!(
            "The root key is in the token: back the token up as its maker says. Keep {data}/root.key, which holds no \
             secret, and {data}/pki/ca.key backed up."
        ),
        RootKind::Shares => format!(
            "Hand the files in {data}/{SHARES} to their holders and delete them here: whoever has enough of them has \
             the root key. Keep {data}/root.key, which holds no secret, {data}/root.epoch and {data}/pki/ca.key backed up. After each \
             start, give the server its shares: keyhaven unseal --data {data} --share-file FILE"
        ),
    };
    format!("Made {data}. {keep}\nStart the server with: keyhaven serve --data {data}")
}

/// Whether `init` has finished here.
pub fn is_initialised(data: &Path) -> bool {
    data.join(config::FILE_NAME).exists()
}

/// The template, with the admin client as operator.
fn configuration(engine: EngineKind, root: RootKind, choice: &RootChoice) -> String {
    let line = |engine| format!("engine = \"{engine}\"\n");
    let text = config::TEMPLATE
        .replace("operators = []", &format!("operators = [\"{ADMIN}\"]"))
        .replace(&line(EngineKind::default()), &line(engine));
    match root {
        RootKind::File => text,
        RootKind::Passphrase => text.replace("kind = \"file\"\n", "kind = \"passphrase\"\n"),
        RootKind::Shares => text.replace("kind = \"file\"\n", "kind = \"shares\"\n"),
        RootKind::Pkcs11 => hsm(&text.replace("kind = \"file\"\n", "kind = \"pkcs11\"\n"), &choice.hsm),
    }
}

/// The token that was named on the command line.
fn hsm(text: &str, hsm: &HsmSettings) -> String {
    let module = HsmSettings::default().module;
    let quoted = |text: &str| toml::Value::from(text).to_string();
    let mut text = text.replace(
        &format!("module = {}\n", quoted(&module.to_string_lossy())),
        &format!("module = {}\n", quoted(&hsm.module.to_string_lossy())),
    );
    if let Some(label) = &hsm.token {
        text = text.replace("#token = \"keyhaven\"\n", &format!("token = {}\n", quoted(label)));
    }
    if let Some(slot) = hsm.slot {
        text = text.replace("#slot = 0\n", &format!("slot = {slot}\n"));
    }
    if let Some(path) = &hsm.pin_file {
        let line = format!("pin_file = {}\n", quoted(&path.to_string_lossy()));
        text = text.replace("#pin_file = \"/run/secrets/pin\"\n", &line);
    }
    text
}

fn refuse_leftovers(data: &Path, pki: &Pki) -> Result<(), Failure> {
    let root = data.join(Config::default().root.path);
    let files: [PathBuf; 8] = [
        data.join(config::FILE_NAME),
        root,
        pki.ca(),
        pki.ca_key(),
        pki.server(),
        pki.server_key(),
        pki.client(ADMIN),
        pki.client_key(ADMIN),
    ];
    match files.iter().find(|path| path.exists()) {
        None => Ok(()),
        Some(path) if is_initialised(data) => Err(Failure::failed(format!(
            "{} is already a data directory ({} exists); nothing was changed. Choose another directory, or start \
             with: keyhaven serve --data {}",
            data.display(),
            path.display(),
            data.display()
        ))),
        Some(path) => Err(Failure::failed(format!(
            "{} exists, but {} has no {}: an earlier init did not finish, or the directory is used for something else. \
             Nothing was changed; choose another directory or move these files away",
            path.display(),
            data.display(),
            config::FILE_NAME
        ))),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::cli::config::Root;

    #[test]
    fn a_directory_is_made_once() {
        let parent = tempfile::tempdir().unwrap();
        let data = parent.path().join("data");
        init(&data, &["kms.example.org".into()], EngineKind::default(), RootKind::File, &RootChoice::default())
            .unwrap();
        let config = Config::of_data(&data).unwrap();
        assert_eq!(config.identity.operators, [ADMIN]);
        assert_eq!(config.tls.certificate, data.join("pki/server.pem"));
        let mode = |path: &str| fs::metadata(data.join(path)).unwrap().permissions().mode() & 0o777;
        for secret in ["root.key", "pki/ca.key", "pki/server.key", "pki/clients/admin.key"] {
            assert_eq!(mode(secret), 0o600, "{secret}");
        }
        assert_eq!(mode("pki/ca.pem"), 0o644);

        let before = fs::read(data.join("pki/ca.pem")).unwrap();
        let refused = init(&data, &[], EngineKind::default(), RootKind::File, &RootChoice::default()).unwrap_err();
        assert!(refused.words.contains("already a data directory"), "{refused}");
        assert_eq!(fs::read(data.join("pki/ca.pem")).unwrap(), before);
    }

    #[test]
    fn a_root_may_be_a_passphrase() {
        let parent = tempfile::tempdir().unwrap();
        let data = parent.path().join("data");
        init(&data, &[], EngineKind::default(), RootKind::Passphrase, &RootChoice::default()).unwrap();
        let config = Config::of_data(&data).unwrap();
        assert_eq!(config.root.kind, RootKind::Passphrase);
        assert_eq!(seams::check_root(&config), Ok(()));
        assert!(seams::check_root(&Config { root: Root { kind: RootKind::File, ..config.root }, ..config }).is_err());
    }

    #[test]
    fn what_an_unfinished_init_left_is_not_overwritten() {
        let data = tempfile::tempdir().unwrap();
        fs::create_dir(data.path().join("pki")).unwrap();
        fs::write(data.path().join("pki/ca.key"), "old").unwrap();
        let refused =
            init(data.path(), &[], EngineKind::default(), RootKind::File, &RootChoice::default()).unwrap_err();
        assert!(refused.words.contains("did not finish"), "{refused}");
        assert_eq!(fs::read_dir(data.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_bad_host_is_a_usage_error() {
        let parent = tempfile::tempdir().unwrap();
        let refused = init(
            &parent.path().join("d"),
            &["no host".into()],
            EngineKind::default(),
            RootKind::File,
            &RootChoice::default(),
        )
        .unwrap_err();
        assert_eq!(refused.exit, crate::cli::failure::Exit::Usage);
        assert!(!parent.path().join("d").exists(), "nothing is left behind");
    }
}
