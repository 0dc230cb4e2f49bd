//! The `keyhaven` program as scripts see it: files, exit codes, words. The client is tried against a small TLS server
//! of this file that answers what a test tells it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends")]

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;
use std::thread;

use keyhaven::base::{Buffer, Limits};
use keyhaven::proto::message;
use keyhaven::registry::{KeyFormatType, ObjectType, Operation, ResultReason, ResultStatus, Tag, Version};
use keyhaven::ttlv::{self, Writer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

fn keyhaven(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_keyhaven")).args(arguments).env_remove("RUST_LOG").output().unwrap()
}

/// Runs a command that must end with this code, and gives what it wrote.
fn ends(code: i32, arguments: &[&str]) -> String {
    let output = keyhaven(arguments);
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {text}");
    text
}

struct Data {
    _parent: tempfile::TempDir,
    path: PathBuf,
}

impl Data {
    fn new() -> Self {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("data");
        ends(0, &["init", "--data", path.to_str().unwrap()]);
        Self { _parent: parent, path }
    }

    fn text(&self) -> &str {
        self.path.to_str().unwrap()
    }
}

/// A Register request for a key, and the operation that it names.
fn request(operation: Operation) -> Vec<u8> {
    message::request(
        Version::V2_1,
        |_| {},
        operation,
        |out| {
            out.text(Tag::UniqueIdentifier, "moved");
            out.enumeration(Tag::ObjectType, ObjectType::SecretData.0);
            out.structure(Tag::Attributes, |out| out.integer(Tag::CryptographicUsageMask, 0));
            out.structure(Tag::SecretData, |out| {
                out.enumeration(Tag::SecretDataType, 1);
                out.structure(Tag::KeyBlock, |out| {
                    out.enumeration(Tag::KeyFormatType, KeyFormatType::Opaque.0);
                    out.structure(Tag::KeyValue, |out| out.byte_string(Tag::KeyMaterial, b"secret"));
                });
            });
        },
    )
    .to_vec()
}

#[test]
fn files_of_requests_are_brought_in() {
    let data = Data::new();
    let file = data.path.join("keys.ttlv");
    let import = |code, more: &[&str]| {
        let front = ["import", "ttlv", file.to_str().unwrap(), "--owner", "heir", "--data", data.text()];
        ends(code, &[&front[..], more].concat())
    };
    let whole = request(Operation::Import);
    fs::write(&file, &whole).unwrap();
    assert!(import(0, &["--dry-run"]).contains("nothing was brought in"));
    assert!(import(0, &[]).contains("1 objects were brought in"));
    assert!(import(0, &[]).contains("1 were here already"));
    // Nothing of a file is done that cannot be read to its end.
    fs::write(&file, [&whole[..], &whole[..40]].concat()).unwrap();
    assert!(import(1, &[]).contains(&format!("byte {}", whole.len())));
    fs::write(&file, request(Operation::Get)).unwrap();
    assert!(import(1, &[]).contains("only Import and Register"));
    // A request that is refused says why; a Register payload names no identifier.
    fs::write(&file, request(Operation::Register)).unwrap();
    assert!(import(1, &[]).contains("1 were refused"));
    assert!(ends(0, &["verify", "--data", data.text()]).contains("Read 1 objects"));
}

#[test]
fn init_makes_what_the_documentation_promises_and_only_once() {
    let data = Data::new();
    for file in ["keyhaven.toml", "root.key", "pki/ca.pem", "pki/ca.key", "pki/server.pem", "pki/server.key"] {
        assert!(data.path.join(file).exists(), "{file}");
    }
    for file in ["pki/clients/admin.pem", "pki/clients/admin.key"] {
        assert!(data.path.join(file).exists(), "{file}");
    }
    assert!(ends(1, &["init", "--data", data.text()]).contains("nothing was changed"));
    assert!(ends(0, &["check", "--data", data.text()]).contains("nothing wrong"));
}

#[test]
fn certificates_are_issued_for_safe_names_alone() {
    let data = Data::new();
    ends(0, &["cert", "issue", "one", "two", "--data", data.text()]);
    assert!(ends(2, &["cert", "issue", "../one", "--data", data.text()]).contains("cannot be a client's name"));
    assert!(ends(1, &["cert", "issue", "one", "--data", data.text()]).contains("not overwritten"));
    let list = ends(0, &["cert", "list", "--data", data.text(), "--json"]);
    assert_eq!(serde_json::from_str::<serde_json::Value>(&list).unwrap().as_array().unwrap().len(), 5);
}

#[test]
fn a_wrong_configuration_is_told_with_its_line() {
    let data = Data::new();
    let file = data.path.join("keyhaven.toml");
    fs::write(&file, "[server]\nlisten = 5696\n").unwrap();
    let told = ends(2, &["serve", "--config", file.to_str().unwrap()]);
    assert!(told.contains("keyhaven.toml:2: "), "{told}");
    assert!(ends(2, &["check", "--data", "/nonexistent"]).contains("keyhaven init"));
    assert!(ends(2, &["serve", "--data", data.text(), "--config", file.to_str().unwrap()]).contains("cannot be used"));
}

#[test]
fn check_ends_with_what_it_found() {
    let data = Data::new();
    let root = data.path.join("root.key");
    let mode = |mode| fs::set_permissions(&root, fs::Permissions::from_mode(mode)).unwrap();
    mode(0o640);
    assert!(ends(4, &["check", "--data", data.text()]).starts_with("warning: "));
    mode(0o644);
    assert!(ends(1, &["check", "--data", data.text()]).contains("fix: chmod 600"));
    mode(0o600);
    assert_eq!(ends(0, &["check", "--data", data.text(), "--json"]).trim(), "[]");
}

#[test]
fn keys_are_rotated_without_a_server() {
    let data = Data::new();
    let rotate = |more: &[&str]| ends(0, &[&["root", "rotate", "--data", data.text()], more].concat());
    assert!(rotate(&[]).contains("Version 2 of the root key"));
    assert!(rotate(&["--namespace"]).contains("version 2 of the namespace key"));
    assert!(rotate(&[]).contains("Version 3 of the root key"));
    assert_eq!(fs::read_to_string(data.path.join("root.key")).unwrap().lines().count(), 2);
    assert!(ends(0, &["check", "--data", data.text()]).contains("nothing wrong"));
    assert!(ends(0, &["audit", "verify", "--data", data.text()]).contains("whole"));
    // A rotation that was cut off between the new version and the commit.
    let text = fs::read_to_string(data.path.join("root.key")).unwrap();
    fs::write(data.path.join("root.key"), format!("{text}4 {}\n", text.trim().rsplit(' ').next().unwrap())).unwrap();
    assert!(ends(4, &["check", "--data", data.text()]).contains("cut off"));
    assert!(rotate(&[]).contains("Version 4 of the root key"));
}

#[test]
fn users_are_kept() {
    let data = Data::new();
    let password = data.path.join("password");
    fs::write(&password, "secret\n").unwrap();
    let add = ["user", "add", "alice", "--data", data.text(), "--password-file", password.to_str().unwrap()];
    ends(0, &add);
    assert!(ends(1, &add).contains("--replace"));
    assert_eq!(ends(0, &["user", "list", "--data", data.text()]), "alice\n");
    ends(0, &["user", "remove", "alice", "--data", data.text()]);
    assert_eq!(ends(0, &["user", "list", "--data", data.text()]), "");
}

#[test]
fn the_client_tells_its_failures_apart() {
    let data = Data::new();
    let client = |server: &str, rest: &[&str]| {
        let mut arguments = vec!["client", "--data", data.text(), "--server", server];
        arguments.extend(rest);
        keyhaven(&arguments).status.code()
    };
    // Nothing listens on the port of a listener that is gone.
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    assert_eq!(client(&closed, &["query"]), Some(3));
    assert_eq!(client(&closed, &["get", "1"]), Some(2));
    assert_eq!(client(&closed, &["create", "--algorithm", "ROT13"]), Some(2));
    assert_eq!(client(&closed, &["--user", "alice", "query"]), Some(2));
    assert_eq!(client("not a host", &["query"]), Some(2));

    let refusing = answer_once(&data.path, refusal());
    let output = keyhaven(&["client", "--data", data.text(), "--server", &refusing, "destroy", "7"]);
    assert_eq!(output.status.code(), Some(1));
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(words.contains("7: the server refused: Item Not Found: no such object"), "{words}");

    let strange = answer_once(&data.path, b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec());
    assert_eq!(client(&strange, &["query"]), Some(3));
}

#[test]
fn a_key_is_written_for_its_owner_alone() {
    let data = Data::new();
    let server = answer_once(
        &data.path,
        success(Operation::Create, |writer| {
            writer.enumeration(Tag::ObjectType, ObjectType::SymmetricKey.0);
            writer.text(Tag::UniqueIdentifier, "42");
        }),
    );
    assert_eq!(ends(0, &["client", "--data", data.text(), "--server", &server, "create"]), "created 42\n");

    let key = success(Operation::Get, |writer| {
        writer.enumeration(Tag::ObjectType, ObjectType::SymmetricKey.0);
        writer.text(Tag::UniqueIdentifier, "42");
        writer.structure(Tag::SymmetricKey, |writer| {
            writer.structure(Tag::KeyBlock, |writer| {
                writer.enumeration(Tag::KeyFormatType, KeyFormatType::Raw.0);
                writer.structure(Tag::KeyValue, |writer| writer.byte_string(Tag::KeyMaterial, &[0xA5; 32]));
            });
        });
    });
    let file = data.path.join("key.bin");
    let server = answer_once(&data.path, key);
    let told =
        ends(0, &["client", "--data", data.text(), "--server", &server, "get", "42", "--out", file.to_str().unwrap()]);
    assert!(!told.contains("a5a5"), "{told}");
    assert_eq!(fs::read(&file).unwrap(), [0xA5; 32]);
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
}

fn message(operation: Operation, fill: impl FnOnce(&mut Writer)) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.structure(Tag::ResponseMessage, |writer| {
        writer.structure(Tag::ResponseHeader, |writer| writer.integer(Tag::BatchCount, 1));
        writer.structure(Tag::BatchItem, |writer| {
            writer.enumeration(Tag::Operation, operation.0);
            fill(writer);
        });
    });
    writer.finish().to_vec()
}

fn success(operation: Operation, payload: impl FnOnce(&mut Writer)) -> Vec<u8> {
    message(operation, |writer| {
        writer.enumeration(Tag::ResultStatus, ResultStatus::Success.0);
        writer.structure(Tag::ResponsePayload, payload);
    })
}

fn refusal() -> Vec<u8> {
    message(Operation::Destroy, |writer| {
        writer.enumeration(Tag::ResultStatus, ResultStatus::OperationFailed.0);
        writer.enumeration(Tag::ResultReason, ResultReason::ItemNotFound.0);
        writer.text(Tag::ResultMessage, "no such object");
    })
}

/// A server for one connection and one request; gives its address.
fn answer_once(data: &Path, answer: Vec<u8>) -> String {
    let pki = data.join("pki");
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(pki.join("ca.pem")).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone()).build().unwrap();
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_single_cert(
            vec![CertificateDer::from_pem_file(pki.join("server.pem")).unwrap()],
            PrivateKeyDer::from_pem_file(pki.join("server.key")).unwrap(),
        )
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        let (socket, _) = listener.accept().unwrap();
        let mut stream = StreamOwned::new(ServerConnection::new(Arc::new(config)).unwrap(), socket);
        let mut request = Buffer::default();
        stream.read_exact(request.spare(ttlv::HEADER_BYTES)).unwrap();
        let limits = Limits::default();
        let length = ttlv::frame(&request, Tag::RequestMessage, &limits).unwrap().unwrap();
        stream.read_exact(request.spare(length - ttlv::HEADER_BYTES)).unwrap();
        ttlv::check(&request, &limits).unwrap();
        stream.write_all(&answer).unwrap();
        stream.conn.send_close_notify();
        stream.flush().unwrap();
    });
    address
}
