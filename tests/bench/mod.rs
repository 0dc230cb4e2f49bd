//! A directory with data directories of the real server, and the server on one of them.

#![allow(dead_code, reason = "each test file uses a part of it")]

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread::sleep;
use std::time::Duration;

use base64ct::{Base64, Encoding};
use keyhaven::crypto::formats::{Encoded, encode_private, encode_public};
use keyhaven::crypto::keys::{PrivateKey, PublicKey};
use keyhaven::crypto::rsa::{RsaPrivateKey, SoftwareRsa};
use keyhaven::registry::KeyFormatType;
use serde_json::Value as Json;

/// The module of SoftHSM2, where there is one.
pub const MODULE: &str = "/usr/lib/softhsm/libsofthsm2.so";

/// A directory with data directories, and the server on one of them.
pub struct Bench {
    pub directory: tempfile::TempDir,
    server: Option<Child>,
    port: u16,
}

impl Drop for Bench {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Bench {
    pub fn new() -> Self {
        let directory = tempfile::Builder::new().prefix("kh").tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        Self { directory, server: None, port }
    }

    /// One for each kind of root that needs no person at the start, with `data` initialised.
    pub fn of_each_root() -> impl Iterator<Item = (&'static str, Self)> {
        let kinds = ["file", "passphrase", "pkcs11"].into_iter();
        kinds.filter(|kind| *kind != "pkcs11" || Path::new(MODULE).exists()).map(|kind| {
            let bench = Self::new();
            match kind {
                "pkcs11" => bench.init_in_token(),
                kind => bench.init(&["--root", kind]),
            }
            (kind, bench)
        })
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub fn text(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_keyhaven"));
        command.args(arguments).env_remove("RUST_LOG").env("KEYHAVEN_PASSPHRASE", "correct horse");
        command.env("KEYHAVEN_PIN", "1234").env("SOFTHSM2_CONF", self.path("softhsm2.conf")).stdin(Stdio::null());
        command
    }

    /// Runs a command that must end with this code; gives what it printed.
    pub fn ends(&self, code: i32, arguments: &[&str]) -> String {
        let Output { status, stdout, stderr } = self.command(arguments).output().unwrap();
        let text = String::from_utf8(stdout).unwrap() + &String::from_utf8(stderr).unwrap();
        assert_eq!(status.code(), Some(code), "{arguments:?}: {text}");
        text
    }

    pub fn init(&self, more: &[&str]) {
        self.ends(0, &[&["init", "--data", &self.text("data")], more].concat());
    }

    /// Makes a token and a data directory whose root is in it.
    pub fn init_in_token(&self) {
        fs::create_dir(self.path("tokens")).unwrap();
        let text = format!("directories.tokendir = {}\nlog.level = ERROR\n", self.text("tokens"));
        fs::write(self.path("softhsm2.conf"), text).unwrap();
        let token = ["--init-token", "--free", "--label", "kh", "--so-pin", "12345678", "--pin", "1234"];
        let mut command = Command::new("softhsm2-util");
        command.args(token).env("SOFTHSM2_CONF", self.path("softhsm2.conf"));
        assert!(command.output().unwrap().status.success());
        self.init(&["--root", "pkcs11", "--hsm-module", MODULE, "--hsm-token", "kh"]);
    }

    pub fn start(&mut self, data: &str) {
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
    pub fn stop(&mut self) {
        if let Some(mut server) = self.server.take() {
            let _ = server.kill();
            let _ = server.wait();
        }
    }

    pub fn client(&self, data: &str, arguments: &[&str]) -> Output {
        let server = format!("localhost:{}", self.port);
        let common = ["client", "--data", &self.text(data), "--server", &server, "--json"];
        self.command(&[&common, arguments].concat()).output().unwrap()
    }

    pub fn create(&self) -> Option<String> {
        let output = self.client("data", &["create", "--algorithm", "AES", "--length", "256"]);
        let answer: Json = serde_json::from_slice(&output.stdout).ok()?;
        Some(answer["unique_identifier"].as_str()?.to_owned())
    }

    pub fn has(&self, data: &str, id: &str) -> bool {
        self.client(data, &["get", id, "--show"]).status.success()
    }

    /// A data directory for a restore: everything but the store.
    pub fn elsewhere(&self, name: &str) -> String {
        let copied = Command::new("cp").args(["-a", &self.text("data"), &self.text(name)]).status().unwrap();
        assert!(copied.success());
        fs::remove_dir_all(self.path(name).join("store")).unwrap();
        self.text(name)
    }

    pub fn backup(&self, file: &str) -> Json {
        let arguments = ["backup", "--data", &self.text("data"), "--out", &self.text(file), "--json"];
        serde_json::from_str(&self.ends(0, &arguments)).unwrap()
    }

    pub fn recovery_key(&self) -> (String, String) {
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
