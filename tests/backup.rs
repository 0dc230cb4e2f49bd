//! Backups of the real server: made while clients write, restored elsewhere, cut off by a kill; and roots that come back
//! from an escrow.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends")]

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, sleep};
use std::time::Duration;

use base64ct::{Base64, Encoding};
use keyhaven::crypto::formats::{Encoded, encode_private, encode_public};
use keyhaven::crypto::keys::{PrivateKey, PublicKey};
use keyhaven::crypto::rsa::{RsaPrivateKey, SoftwareRsa};
use keyhaven::registry::KeyFormatType;
use serde_json::Value as Json;

const MODULE: &str = "/usr/lib/softhsm/libsofthsm2.so";

/// A directory with data directories, and the server on one of them.
struct Bench {
    directory: tempfile::TempDir,
    server: Option<Child>,
    port: u16,
}

impl Drop for Bench {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Bench {
    fn new() -> Self {
        let directory = tempfile::Builder::new().prefix("kh").tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        Self { directory, server: None, port }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_keyhaven"));
        command.args(arguments).env_remove("RUST_LOG").env("KEYHAVEN_PASSPHRASE", "correct horse");
        command.env("KEYHAVEN_PIN", "1234").env("SOFTHSM2_CONF", self.path("softhsm2.conf")).stdin(Stdio::null());
        command
    }

    /// Runs a command that must end with this code; gives what it printed.
    fn ends(&self, code: i32, arguments: &[&str]) -> String {
        let Output { status, stdout, stderr } = self.command(arguments).output().unwrap();
        let text = String::from_utf8(stdout).unwrap() + &String::from_utf8(stderr).unwrap();
        assert_eq!(status.code(), Some(code), "{arguments:?}: {text}");
        text
    }

    fn init(&self, more: &[&str]) {
        self.ends(0, &[&["init", "--data", &self.text("data")], more].concat());
    }

    fn start(&mut self, data: &str) {
        let log = fs::File::create(self.path("log")).unwrap();
        let listen = format!("127.0.0.1:{}", self.port);
        let mut command = self.command(&["serve", "--data", &self.text(data), "--listen", &listen]);
        self.server = Some(command.stdout(Stdio::null()).stderr(log).spawn().unwrap());
        let up = (0..600).any(|_| {
            sleep(Duration::from_millis(50));
            self.client(data, &["locate"]).status.success()
        });
        assert!(up, "{}", fs::read_to_string(self.path("log")).unwrap());
    }

    /// Ends the server as a crash does.
    fn stop(&mut self) {
        if let Some(mut server) = self.server.take() {
            let _ = server.kill();
            let _ = server.wait();
        }
    }

    fn client(&self, data: &str, arguments: &[&str]) -> Output {
        let server = format!("localhost:{}", self.port);
        let common = ["client", "--data", &self.text(data), "--server", &server, "--json"];
        self.command(&[&common, arguments].concat()).output().unwrap()
    }

    fn create(&self) -> Option<String> {
        let output = self.client("data", &["create", "--algorithm", "AES", "--length", "256"]);
        let answer: Json = serde_json::from_slice(&output.stdout).ok()?;
        Some(answer["unique_identifier"].as_str()?.to_owned())
    }

    fn has(&self, data: &str, id: &str) -> bool {
        self.client(data, &["get", id, "--show"]).status.success()
    }

    /// A data directory for a restore: everything but the store.
    fn elsewhere(&self, name: &str) -> String {
        let copied = Command::new("cp").args(["-a", &self.text("data"), &self.text(name)]).status().unwrap();
        assert!(copied.success());
        fs::remove_dir_all(self.path(name).join("store")).unwrap();
        self.text(name)
    }

    fn backup(&self, file: &str) -> Json {
        let arguments = ["backup", "--data", &self.text("data"), "--out", &self.text(file), "--json"];
        serde_json::from_str(&self.ends(0, &arguments)).unwrap()
    }

    fn recovery_key(&self) -> (String, String) {
        let key = RsaPrivateKey::generate(2048, 65537, SoftwareRsa::Refuse).unwrap();
        let public = encode_public(&PublicKey::Rsa(key.public().clone()), KeyFormatType::X_509, None).unwrap();
        let private = encode_private(&PrivateKey::Rsa(Box::new(key)), KeyFormatType::PKCS_8).unwrap();
        let write = |name: &str, label: &str, encoded: &Encoded| {
            let Encoded::Bytes(der) = encoded else { panic!() };
            let text = Base64::encode_string(der.expose());
            let lines: Vec<&str> = text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
            fs::write(
                self.path(name),
                format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n")),
            )
            .unwrap();
            self.text(name)
        };
        (write("recovery.pem", "PUBLIC KEY", &public), write("recovery.key", "PRIVATE KEY", &private))
    }
}

fn partial(directory: &Path) -> bool {
    fs::read_dir(directory).unwrap().any(|entry| entry.unwrap().file_name().to_string_lossy().ends_with(".partial"))
}

#[test]
fn what_was_acknowledged_before_a_backup_is_served_after_a_restore() {
    let mut bench = Bench::new();
    bench.init(&[]);
    bench.start("data");
    let (acknowledged, stop) = (Mutex::new(Vec::new()), AtomicBool::new(false));
    let before = thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let id = bench.create().unwrap();
                    acknowledged.lock().unwrap().push(id);
                }
            });
        }
        while acknowledged.lock().unwrap().len() < 10 {
            sleep(Duration::from_millis(20));
        }
        let before = acknowledged.lock().unwrap().clone();
        let report = bench.backup("one.backup");
        stop.store(true, Ordering::Relaxed);
        assert!(report["bytes"].as_u64().unwrap() > 1000, "{report}");
        before
    });
    assert!(!partial(bench.directory.path()));
    let file = bench.text("one.backup");
    let made = ["backup", "--data", &bench.text("data"), "--out", &file];
    assert!(bench.ends(1, &made).contains("not overwritten"));
    bench.stop();

    let restored = bench.elsewhere("restored");
    let arguments = ["restore", "--from", &file, "--data", &restored];
    assert!(bench.ends(0, &[&arguments[..], &["--dry-run"]].concat()).contains("nothing was written"));
    assert!(!bench.path("restored").join("store/db").exists());
    let report: Json = serde_json::from_str(&bench.ends(0, &[&arguments[..], &["--json"]].concat())).unwrap();
    assert!(report["objects"].as_u64().unwrap() >= before.len() as u64, "{report}");
    assert!(bench.ends(1, &arguments).contains("not empty"));
    bench.ends(0, &["audit", "verify", "--data", &restored]);
    bench.start("restored");
    for id in &before {
        assert!(bench.has("restored", id), "{id} was acknowledged");
    }
}

#[test]
fn a_kill_leaves_no_half_backup_and_no_half_store() {
    let mut bench = Bench::new();
    bench.init(&[]);
    bench.start("data");
    let id = bench.create().unwrap();
    let whole = bench.text("whole.backup");
    bench.backup("whole.backup");
    for round in 0..6_u64 {
        let file = bench.text(&format!("{round}.backup"));
        let mut child = bench.command(&["backup", "--data", &bench.text("data"), "--out", &file]).spawn().unwrap();
        sleep(Duration::from_millis(round * 12));
        child.kill().unwrap();
        child.wait().unwrap();
        if Path::new(&file).exists() {
            bench.ends(0, &["backup", "verify", &file, "--data", &bench.text("data")]);
        }
    }
    assert!(bench.has("data", &id), "the server goes on");
    bench.stop();

    let data = bench.elsewhere("restored");
    let mut cut = 0;
    for round in 0..8_u64 {
        let mut child = bench.command(&["restore", "--from", &whole, "--data", &data]).spawn().unwrap();
        sleep(Duration::from_millis(20 + round * 30));
        child.kill().unwrap();
        child.wait().unwrap();
        if bench.path("restored").join("store/keyhaven.loading").exists() {
            cut += 1;
            let refused = bench.ends(1, &["serve", "--data", &data, "--listen", "127.0.0.1:0"]);
            assert!(refused.contains("run the restore again"), "{refused}");
        } else if bench.path("restored").join("store/db").exists() {
            break;
        }
    }
    println!("{cut} restores were cut off after they began to write");
    if !bench.path("restored").join("store/db").exists() || cut > 0 {
        let _ = bench.command(&["restore", "--from", &whole, "--data", &data]).status().unwrap();
    }
    bench.start("restored");
    assert!(bench.has("restored", &id));
}

/// Destroyed after the backup, and known to be: it stays so.
#[test]
fn what_was_destroyed_later_stays_destroyed_with_the_newer_store_at_hand() {
    let mut bench = Bench::new();
    bench.init(&[]);
    bench.start("data");
    let (lives, dies) = (bench.create().unwrap(), bench.create().unwrap());
    bench.backup("one.backup");
    assert!(bench.client("data", &["destroy", &dies]).status.success());
    bench.stop();
    let file = bench.text("one.backup");
    let (plain, merged) = (bench.elsewhere("plain"), bench.elsewhere("merged"));
    let told = bench.ends(0, &["restore", "--from", &file, "--data", &plain]);
    assert!(told.contains("alive again"), "{told}");
    let newer = bench.path("data").join("store");
    let arguments =
        ["restore", "--from", &file, "--data", &merged, "--json", "--destroyed-in", newer.to_str().unwrap()];
    let report: Json = serde_json::from_str(&bench.ends(0, &arguments)).unwrap();
    assert_eq!((&report["kept_destroyed"], &report["destroyed"]), (&Json::from(1), &Json::from(1)), "{report}");
    bench.start("plain");
    assert!(bench.has("plain", &dies) && bench.has("plain", &lives));
    bench.stop();
    bench.start("merged");
    assert!(!bench.has("merged", &dies) && bench.has("merged", &lives));
}

#[test]
fn a_backup_opens_with_its_root_alone_of_each_kind() {
    let mut kinds: Vec<(&str, Vec<&str>)> = vec![("file", vec![]), ("passphrase", vec!["--root", "passphrase"])];
    if Path::new(MODULE).exists() {
        kinds.push(("pkcs11", vec!["--root", "pkcs11", "--hsm-module", MODULE, "--hsm-token", "kh"]));
    }
    for (kind, arguments) in kinds {
        let mut bench = Bench::new();
        if kind == "pkcs11" {
            fs::create_dir(bench.path("tokens")).unwrap();
            let text = format!("directories.tokendir = {}\nlog.level = ERROR\n", bench.text("tokens"));
            fs::write(bench.path("softhsm2.conf"), text).unwrap();
            let token = ["--init-token", "--free", "--label", "kh", "--so-pin", "12345678", "--pin", "1234"];
            let mut command = Command::new("softhsm2-util");
            command.args(token).env("SOFTHSM2_CONF", bench.path("softhsm2.conf"));
            assert!(command.output().unwrap().status.success());
        }
        bench.init(&arguments);
        bench.start("data");
        let id = bench.create().unwrap();
        bench.stop();
        // With the server stopped the command opens the store itself.
        bench.backup("one.backup");
        let file = bench.text("one.backup");
        let drill: Json = serde_json::from_str(&bench.ends(
            0,
            &["backup", "drill", &file, "--data", &bench.text("data"), "--scratch", &bench.text(""), "--json"],
        ))
        .unwrap();
        assert_eq!((&drill["materials"], &drill["root"]), (&Json::from(1), &Json::from(kind)), "{drill}");
        let restored = bench.elsewhere("restored");
        bench.ends(0, &["restore", "--from", &file, "--data", &restored]);
        bench.start("restored");
        assert!(bench.has("restored", &id), "{kind}");

        let other = Bench::new();
        other.init(&[]);
        let refused = other.ends(1, &["backup", "verify", &file, "--data", &other.text("data")]);
        assert!(refused.contains(&format!("a root of kind {kind}")), "{refused}");
    }
}

#[test]
fn a_lost_root_comes_back_from_its_escrow_or_from_a_recovery_key() {
    let mut bench = Bench::new();
    bench.init(&[]);
    bench.start("data");
    let id = bench.create().unwrap();
    let (public, private) = bench.recovery_key();
    let data = bench.text("data");
    let (file, rsa, split) = (bench.text("one.backup"), bench.text("rsa.escrow"), bench.text("split.escrow"));
    bench.ends(0, &["backup", "--data", &data, "--out", &file, "--recovery-key", &public, "--recovery-ledger"]);
    bench.ends(0, &["root", "escrow", "--data", &data, "--to-rsa", &public, "--out", &rsa]);
    bench.ends(0, &["root", "escrow", "--data", &data, "--shares", "3", "--threshold", "2", "--out", &split]);
    bench.stop();
    let with_rsa = ["root", "recover", "--data", &data, "--from", &rsa, "--recovery-private-key", &private];
    assert!(bench.ends(1, &with_rsa).contains("not overwritten"));
    let root = bench.path("data").join("root.key");
    let text = fs::read(&root).unwrap();
    fs::remove_file(&root).unwrap();
    assert!(bench.ends(0, &with_rsa).contains("It opens the store"));
    fs::remove_file(&root).unwrap();
    let share = |number: u8| format!("{split}.shares/share-{number}.txt");
    let from_shares = ["root", "recover", "--data", &data, "--from", &split, "--share-file"];
    assert!(bench.ends(2, &[&from_shares[..], &[&share(1)]].concat()).contains("1 of 2 shares"));
    bench.ends(0, &[&from_shares[..], &[&share(3), "--share-file", &share(1)]].concat());
    bench.start("data");
    assert!(bench.has("data", &id));
    bench.stop();

    // Another root, and the backup with its recovery key.
    let restored = bench.elsewhere("restored");
    let other = Bench::new();
    other.init(&[]);
    fs::copy(other.path("data").join("root.key"), bench.path("restored").join("root.key")).unwrap();
    let arguments = ["restore", "--from", &file, "--data", &restored];
    bench.ends(1, &arguments);
    bench.ends(0, &[&arguments[..], &["--recovery-private-key", &private]].concat());
    bench.start("restored");
    assert!(bench.has("restored", &id));
    assert_ne!(text, fs::read(bench.path("restored").join("root.key")).unwrap());
}
