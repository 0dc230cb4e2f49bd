//! The server with SoftHSM2 as its root, sealed by shares, and opened by a passphrase: over mutual TLS, as clients and
//! operators see it. Without SoftHSM2 those that need it say so and pass. `cargo test --test hsm -- --nocapture` prints the
//! PKCS#11 calls of each operation and the timeline of an outage.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends")]

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use keyhaven::base::{Limits, Value};
use keyhaven::proto::message;
use keyhaven::registry::{
    BlockCipherMode, CryptographicAlgorithm, CryptographicUsageMask, ObjectType, Operation, ProtectionLevel,
    ResultStatus, Tag, Version,
};
use keyhaven::ttlv::{self, Item, Writer};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};

const MODULES: [&str; 4] = [
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib64/pkcs11/libsofthsm2.so",
    "/usr/local/lib/softhsm/libsofthsm2.so",
];

/// A data directory, perhaps with a token, and the server on it.
struct Bench {
    directory: tempfile::TempDir,
    kmip: u16,
    admin: u16,
    server: Option<Child>,
}

impl Drop for Bench {
    fn drop(&mut self) {
        self.stop();
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

impl Bench {
    fn new() -> Self {
        let directory = tempfile::Builder::new().prefix("kh").tempdir().unwrap();
        Self { directory, kmip: free_port(), admin: free_port(), server: None }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env("SOFTHSM2_CONF", self.path("softhsm2.conf")).env_remove("RUST_LOG").env("KEYHAVEN_PIN", "1234");
        if let Ok(passphrase) = fs::read_to_string(self.path("passphrase")) {
            command.env("KEYHAVEN_PASSPHRASE", passphrase);
        }
        command
    }

    /// Runs a command of the program; it must end well.
    fn keyhaven(&self, arguments: &[&str]) -> String {
        let output = self.command(env!("CARGO_BIN_EXE_keyhaven")).args(arguments).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {text}");
        text
    }

    fn data(&self) -> String {
        self.path("data").to_str().unwrap().to_owned()
    }

    fn make_token(&self) {
        fs::create_dir(self.path("tokens")).unwrap();
        let text = format!("directories.tokendir = {}\nlog.level = ERROR\n", self.path("tokens").display());
        fs::write(self.path("softhsm2.conf"), text).unwrap();
        let made = self
            .command("softhsm2-util")
            .args(["--init-token", "--free", "--label", "kh", "--so-pin", "12345678", "--pin", "1234"])
            .output()
            .unwrap();
        assert!(made.status.success(), "{made:?}");
    }

    fn start(&mut self) {
        let server = self
            .command(env!("CARGO_BIN_EXE_keyhaven"))
            .args(["serve", "--data", &self.data()])
            .args(["--listen", &format!("127.0.0.1:{}", self.kmip), "--admin", &format!("127.0.0.1:{}", self.admin)])
            .stdout(Stdio::null())
            .stderr(fs::File::create(self.path("log")).unwrap())
            .spawn()
            .unwrap();
        self.server = Some(server);
        assert!(self.eventually(|bench| bench.page("/healthz").is_some()), "{}", self.log());
    }

    fn stop(&mut self) {
        if let Some(mut server) = self.server.take() {
            let _ = server.kill();
            let _ = server.wait();
        }
    }

    fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    /// Waits for what comes by itself; the bound keeps a failing test from hanging.
    fn eventually(&self, holds: impl Fn(&Self) -> bool) -> bool {
        (0..300).any(|_| {
            let well = holds(self);
            if !well {
                sleep(Duration::from_millis(100));
            }
            well
        })
    }

    /// Status and body of an admin page.
    fn page(&self, path: &str) -> Option<(u16, String)> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.admin)).ok()?;
        stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").as_bytes()).ok()?;
        let mut text = String::new();
        stream.read_to_string(&mut text).ok()?;
        let status = text.split(' ').nth(1)?.parse().ok()?;
        Some((status, text))
    }

    fn ready(&self) -> bool {
        self.page("/readyz").is_some_and(|(status, _)| status == 200)
    }

    /// All PKCS#11 calls so far.
    fn calls(&self) -> u64 {
        let (_, text) = self.page("/metrics").unwrap();
        let lines = text.lines().filter(|line| line.starts_with("keyhaven_hsm_calls_total"));
        lines.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum()
    }

    /// One request of one item: its status, message and identifiers.
    fn ask(&self, operation: Operation, payload: impl FnOnce(&mut Writer)) -> Answer {
        let request = message::request(Version::V2_1, |_| {}, operation, payload);
        let mut stream = tls(&self.path("data/pki"), self.kmip);
        stream.write_all(&request).unwrap();
        let mut bytes = vec![0; 8];
        stream.read_exact(&mut bytes).unwrap();
        let length = u32::from_be_bytes(bytes[4..8].try_into().unwrap()) as usize;
        bytes.resize(8 + length, 0);
        stream.read_exact(&mut bytes[8..]).unwrap();
        let message = ttlv::check(&bytes, &Limits::default()).unwrap();
        let item = message.child(Tag::BatchItem).unwrap();
        let text = |item: &Item<'_>, tag| item.child(tag).and_then(|one| one.text().map(str::to_owned));
        let payload = item.child(Tag::ResponsePayload);
        Answer {
            well: item.child(Tag::ResultStatus).and_then(|one| one.enumeration()) == Some(ResultStatus::Success.0),
            words: text(&item, Tag::ResultMessage).unwrap_or_default(),
            id: payload.and_then(|payload| text(&payload, Tag::UniqueIdentifier)).unwrap_or_default(),
        }
    }

    fn create(&self, high: bool) -> Answer {
        self.ask(Operation::Create, |out| {
            out.enumeration(Tag::ObjectType, ObjectType::SymmetricKey.0);
            out.structure(Tag::Attributes, |out| {
                out.enumeration(Tag::CryptographicAlgorithm, CryptographicAlgorithm::AES.0);
                out.integer(Tag::CryptographicLength, 256);
                let mask = CryptographicUsageMask::Encrypt.0 | CryptographicUsageMask::Decrypt.0;
                out.value(Tag::CryptographicUsageMask, &Value::Integer(mask as i32));
                if high {
                    out.enumeration(Tag::ProtectionLevel, ProtectionLevel::High.0);
                }
            });
        })
    }

    fn encrypt(&self, id: &str) -> Answer {
        self.ask(Operation::Encrypt, |out| {
            out.text(Tag::UniqueIdentifier, id);
            out.structure(Tag::CryptographicParameters, |out| {
                out.enumeration(Tag::BlockCipherMode, BlockCipherMode::GCM.0);
                out.boolean(Tag::RandomIV, true);
                out.integer(Tag::TagLength, 16);
            });
            out.byte_string(Tag::Data, b"data");
        })
    }

    fn about(&self, operation: Operation, id: &str) -> Answer {
        self.ask(operation, |out| out.text(Tag::UniqueIdentifier, id))
    }
}

#[derive(Debug)]
struct Answer {
    well: bool,
    words: String,
    id: String,
}

fn tls(pki: &Path, port: u16) -> StreamOwned<ClientConnection, TcpStream> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(pki.join("ca.pem")).unwrap()).unwrap();
    let chain = CertificateDer::pem_file_iter(pki.join("clients/admin.pem")).unwrap().map(Result::unwrap).collect();
    let key = PrivateKeyDer::from_pem_file(pki.join("clients/admin.key")).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_client_auth_cert(chain, key)
        .unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let connection = ClientConnection::new(Arc::new(config), name).unwrap();
    let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    StreamOwned::new(connection, stream)
}

#[test]
fn a_server_with_its_root_in_a_token() {
    let Some(module) = MODULES.into_iter().find(|path| Path::new(path).exists()) else {
        println!("skipped: SoftHSM2 is not installed");
        return;
    };
    let mut bench = Bench::new();
    bench.make_token();
    let data = bench.data();
    bench.keyhaven(&["init", "--data", &data, "--root", "pkcs11", "--hsm-module", module, "--hsm-token", "kh"]);
    bench.start();
    assert!(bench.ready(), "{}", bench.log());
    assert!(bench.page("/metrics").unwrap().1.contains("kind=\"pkcs11\""));

    // Default level: no call of the HSM for any request.
    let before = bench.calls();
    let plain = bench.create(false);
    assert!(plain.well, "{plain:?}");
    for operation in [Operation::Get, Operation::GetAttributes, Operation::Activate] {
        assert!(bench.about(operation, &plain.id).well, "{operation}");
    }
    assert_eq!(bench.calls(), before);

    // Made in the token: it does not come out, and lives as any object.
    let resident = bench.create(true);
    assert!(resident.well, "{resident:?} {}", bench.log());
    let made = bench.calls();
    assert!(made > before);
    let got = bench.about(Operation::Get, &resident.id);
    assert!(!got.well && got.words.contains("not extractable"), "{got:?}");
    assert!(bench.about(Operation::GetAttributes, &resident.id).well);
    assert!(bench.about(Operation::Activate, &resident.id).well);
    assert_eq!(bench.calls(), made, "metadata makes no call");
    let doomed = bench.create(true);

    // The token goes away: only what needs it fails, in a way that may be tried again.
    fs::rename(bench.path("tokens"), bench.path("away")).unwrap();
    let refused = bench.create(true);
    assert!(!refused.well && refused.words.contains("send the request again"), "{refused:?}");
    for operation in [Operation::Query, Operation::DiscoverVersions] {
        let answer = bench.ask(operation, |out| {
            if operation == Operation::Query {
                out.enumeration(Tag::QueryFunction, 1);
            }
        });
        assert!(answer.well, "{operation}: {answer:?}");
    }
    assert!(bench.about(Operation::Get, &plain.id).well);
    assert!(bench.about(Operation::GetAttributes, &resident.id).well);
    assert!(bench.create(false).well);
    assert!(bench.ready());
    assert!(bench.about(Operation::Destroy, &doomed.id).well, "the tombstone needs no token");

    // It comes back: service resumes by itself, and the destroyed key is erased.
    fs::rename(bench.path("away"), bench.path("tokens")).unwrap();
    assert!(bench.eventually(|bench| bench.create(true).well), "{}", bench.log());
    bench.stop();

    // A sweep finds nothing left over; then the root is rotated, and everything still opens.
    bench.keyhaven(&["hsm", "sweep", "--data", &data]);
    let swept = bench.keyhaven(&["hsm", "sweep", "--data", &data]);
    assert!(swept.contains("; 0 of destroyed objects wait"), "{swept}");
    assert!(bench.keyhaven(&["root", "rotate", "--data", &data]).contains("Version 2"));
    bench.start();
    assert!(bench.ready(), "{}", bench.log());
    assert!(bench.about(Operation::Get, &plain.id).well);
    // While it serves.
    assert!(bench.keyhaven(&["root", "rotate", "--destroy-old", "--data", &data]).contains("Version 3"));
    let words = bench.keyhaven(&["root", "rotate", "--namespace", "--data", &data]);
    assert!(words.contains("version 2 of the namespace key"), "{words}");
    let page = bench.page("/metrics").unwrap().1;
    assert!(page.contains("keyhaven_root_version 3") && page.contains("keyhaven_namespace_key_version 2"), "{page}");
    assert!(bench.about(Operation::Get, &plain.id).well);
    bench.stop();
    bench.start();
    assert!(bench.ready(), "{}", bench.log());
    assert!(bench.about(Operation::Get, &plain.id).well);
    bench.stop();

    // A start without the token: up, sealed, and open by itself when the token is back.
    fs::rename(bench.path("tokens"), bench.path("away")).unwrap();
    bench.start();
    assert!(!bench.ready());
    let sealed = bench.about(Operation::Get, &plain.id);
    assert!(!sealed.well && sealed.words.contains("sealed"), "{sealed:?}");
    fs::rename(bench.path("away"), bench.path("tokens")).unwrap();
    assert!(bench.eventually(Bench::ready), "{}", bench.log());
    assert!(bench.about(Operation::Get, &plain.id).well);
}

#[test]
fn calls_of_each_operation_and_an_outage_under_load() {
    let Some(module) = MODULES.into_iter().find(|path| Path::new(path).exists()) else {
        println!("skipped: SoftHSM2 is not installed");
        return;
    };
    let mut bench = Bench::new();
    bench.make_token();
    bench.keyhaven(&["init", "--data", &bench.data(), "--root", "pkcs11", "--hsm-module", module, "--hsm-token", "kh"]);
    bench.start();
    assert!(bench.ready(), "{}", bench.log());

    // Calls of each operation, by where the key is.
    let keys = [bench.create(false).id, bench.create(true).id];
    let counted = |run: &dyn Fn() -> Answer| {
        let before = bench.calls();
        let answer = run();
        assert!(answer.well, "{answer:?}");
        bench.calls() - before
    };
    println!("PKCS#11 calls          default level   in the HSM");
    for operation in [
        Operation::GetAttributes,
        Operation::GetAttributeList,
        Operation::ObtainLease,
        Operation::Activate,
        Operation::Encrypt,
        Operation::ReKey,
        Operation::Archive,
        Operation::Recover,
    ] {
        let calls = [0, 1].map(|at: usize| {
            let id = &keys[at];
            let encrypts = operation == Operation::Encrypt;
            counted(&|| if encrypts { bench.encrypt(id) } else { bench.about(operation, id) })
        });
        println!("{:22} {:13} {:12}", operation.name(), calls[0], calls[1]);
        let uses_the_key = matches!(operation, Operation::Encrypt | Operation::ReKey);
        assert_eq!(calls[0], 0, "{operation}");
        assert_eq!(calls[1] > 0, uses_the_key, "{operation}");
    }
    let calls = [counted(&|| bench.create(false)), counted(&|| bench.create(true))];
    println!("{:22} {:13} {:12}", Operation::Create.name(), calls[0], calls[1]);
    assert_eq!(calls[0], 0);

    // The token goes away under load and comes back. Keys that are here work all the time; those in the HSM answer with
    // what may be tried again, and then work again by themselves.
    let stop = AtomicBool::new(false);
    let (away, back) = (Instant::now(), Mutex::new(None));
    let seen: Mutex<Vec<(Duration, bool)>> = Mutex::new(Vec::new());
    thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(SeqCst) {
                assert!(bench.encrypt(&keys[0]).well);
                assert!(bench.about(Operation::GetAttributes, &keys[1]).well);
            }
        });
        scope.spawn(|| {
            while !stop.load(SeqCst) {
                let answer = bench.encrypt(&keys[1]);
                assert!(answer.well || answer.words.contains("send the request again"), "{answer:?}");
                seen.lock().unwrap().push((away.elapsed(), answer.well));
            }
        });
        fs::rename(bench.path("tokens"), bench.path("away")).unwrap();
        let failed = || seen.lock().unwrap().iter().filter(|one| !one.1).count();
        let noticed = bench.eventually(|_| failed() >= 5);
        fs::rename(bench.path("away"), bench.path("tokens")).unwrap();
        *back.lock().unwrap() = Some(away.elapsed());
        let resumed = bench.eventually(|_| seen.lock().unwrap().last().is_some_and(|one| one.1));
        // Before anything is asserted: the threads would go on for ever.
        stop.store(true, SeqCst);
        assert!(noticed && resumed, "{noticed} {resumed} {}", bench.log());
        println!("{} requests failed during the outage", failed());
    });
    let (seen, back) = (seen.into_inner().unwrap(), back.into_inner().unwrap().unwrap());
    let first_error = seen.iter().find(|one| !one.1).unwrap().0;
    let recovered = seen.iter().find(|one| one.1 && one.0 > back).unwrap().0;
    println!("time to the first error: {} ms", first_error.as_millis());
    println!("time to recovery after the token was back: {} ms", (recovered - back).as_millis());
}

#[test]
fn a_server_that_shares_open() {
    let mut bench = Bench::new();
    let data = bench.data();
    bench.keyhaven(&["init", "--data", &data, "--root", "shares", "--shares", "4", "--threshold", "2"]);
    bench.start();
    assert!(!bench.ready());
    let sealed = bench.create(false);
    assert!(!sealed.well && sealed.words.contains("sealed"), "{sealed:?}");
    let give = |bench: &Bench, number: u32| {
        let file = bench.path(&format!("data/shares/share-{number}.txt"));
        bench.keyhaven(&["unseal", "--data", &data, "--share-file", file.to_str().unwrap()])
    };
    assert!(give(&bench, 4).contains("1 of 2"));
    assert!(!bench.ready());
    assert!(give(&bench, 1).contains("open"));
    assert!(bench.ready());
    let key = bench.create(false);
    assert!(key.well);
    bench.stop();
    bench.start();
    give(&bench, 2);
    give(&bench, 3);
    assert!(bench.about(Operation::Get, &key.id).well);

    // New shares while it serves; the old ones open nothing any more.
    let new = bench.path("new");
    let renew = ["root", "rotate", "--shares", "3", "--threshold", "2", "--share-dir", new.to_str().unwrap()];
    assert!(bench.keyhaven(&[&renew[..], &["--data", &data]].concat()).contains("hand out the new ones"));
    assert!(bench.about(Operation::Get, &key.id).well);
    bench.stop();
    bench.start();
    let old = bench.path("data/shares/share-1.txt");
    let refused = bench
        .command(env!("CARGO_BIN_EXE_keyhaven"))
        .args(["unseal", "--data", &data, "--share-file", old.to_str().unwrap()])
        .output()
        .unwrap();
    assert!(String::from_utf8_lossy(&refused.stderr).contains("another root"), "{refused:?}");
    for number in [1, 3] {
        let file = new.join(format!("share-{number}.txt"));
        bench.keyhaven(&["unseal", "--data", &data, "--share-file", file.to_str().unwrap()]);
    }
    assert!(bench.about(Operation::Get, &key.id).well);
}

#[test]
fn a_server_whose_passphrase_is_changed() {
    let mut bench = Bench::new();
    let data = bench.data();
    fs::write(bench.path("passphrase"), "the old one").unwrap();
    fs::write(bench.path("next"), "the new one\n").unwrap();
    bench.keyhaven(&["init", "--data", &data, "--root", "passphrase"]);
    bench.start();
    assert!(bench.ready(), "{}", bench.log());
    let key = bench.create(false);
    let next = bench.path("next");
    let change = ["root", "rotate", "--new-passphrase-file", next.to_str().unwrap(), "--data", &data];
    assert!(bench.keyhaven(&change).contains("new passphrase"));
    assert!(bench.about(Operation::Get, &key.id).well);
    bench.stop();
    let opened = bench.command(env!("CARGO_BIN_EXE_keyhaven")).args(["serve", "--data", &data]).output().unwrap();
    assert!(!opened.status.success(), "the old passphrase opens nothing: {opened:?}");
    fs::write(bench.path("passphrase"), "the new one").unwrap();
    bench.start();
    assert!(bench.ready(), "{}", bench.log());
    assert!(bench.about(Operation::Get, &key.id).well);
}
