//! TLS: who is let in, what is said to the others, resumption, reload, and the end.

use std::net::SocketAddr;
use std::time::Duration;

use rcgen::{SerialNumber, date_time_ymd};
use rustls::HandshakeKind;
use rustls::version::{TLS12, TLS13};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};

use super::super::handshake::{Failure, FailureKind, handshake};
use super::super::tls::Tls;
use super::super::{TlsMinimum, TlsOptions, fingerprint};
use super::support::*;

fn hex(identity: &Identity) -> String {
    fingerprint(&identity.der()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// One handshake against the configuration of a world, and why it failed. The client asks for a reply, because in
/// TLS 1.3 it believes itself connected before the server has seen its certificate.
async fn refusal(tls: &TlsOptions, client: impl AsyncFnOnce(SocketAddr)) -> Failure {
    let config = Tls::new(tls.clone()).unwrap().kmip();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = async {
        let (tcp, _) = listener.accept().await.unwrap();
        match handshake(tcp, config, Duration::from_millis(500), WAIT).await {
            Ok(_) => panic!("the client is let in"),
            Err(failure) => failure,
        }
    };
    tokio::join!(server, client(address)).0
}

fn tls_of(world: &World) -> TlsOptions {
    let path = |name| world.files.path().join(name);
    TlsOptions {
        certificate: path("server.pem"),
        key: path("server.key"),
        client_authorities: vec![path("ca.pem")],
        ..TlsOptions::default()
    }
}

#[tokio::test]
async fn both_versions_are_served_and_know_the_peer() {
    let world = World::new().await;
    for version in [&TLS12, &TLS13] {
        let config = world.config_of(Some(&world.client()), &[version]);
        let mut client = connect(world.address(), &config).await.unwrap();
        assert_eq!(client.0.get_ref().1.protocol_version(), Some(version.version));
        assert!(client.ask("W").await.contains("CN=client"));
    }
}

#[tokio::test]
async fn the_minimum_version_is_kept() {
    let world = World::with(|options, _| options.tls.minimum = TlsMinimum::Tls13).await;
    assert!(connect(world.address(), &world.config_of(Some(&world.client()), &[&TLS12])).await.is_err());
    assert_eq!(world.connect().await.ask("Ehello").await, "hello");
}

#[tokio::test]
async fn refused_clients_are_told_apart_in_the_log() {
    let world = World::new().await;
    let foreign = Authority::new("foreign authority").issue("foreign", |_| {});
    let expired = world.authority.issue("expired", |params| params.not_after = date_time_ymd(2020, 1, 1));
    let server_only = world.authority.issue("server only", |params| {
        params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth];
    });
    let cases = [
        (None, FailureKind::NoCertificate, "sent no certificate", "TLSv1_3"),
        (Some(&foreign), FailureKind::Certificate, "no configured client authority issued it", "CN=foreign"),
        (Some(&expired), FailureKind::Certificate, "it has expired", "CN=expired"),
        (Some(&server_only), FailureKind::Certificate, "extended key usage", "CN=server only"),
    ];
    for versions in [&[&TLS12][..], &[&TLS13][..]] {
        for (identity, kind, words, more) in cases {
            let config = world.config_of(identity, versions);
            let failure = refusal(&tls_of(&world), async |address| {
                if let Ok(mut client) = connect(address, &config).await {
                    client.send(&command("Ehello")).await;
                    let error = client.receive().await.unwrap_err();
                    assert!(error.to_string().contains("alert"), "the client reads why: {error}");
                }
            })
            .await;
            assert_eq!(failure.kind, kind, "{failure:?}");
            assert!(failure.words.contains(words), "{failure:?}");
            assert!(failure.words.contains(more) || versions[0].version == TLS12.version, "{failure:?}");
        }
    }
}

#[tokio::test]
async fn what_is_not_tls_is_named() {
    let world = World::new().await;
    let cases: [(&[u8], _, _); 4] = [
        (&[0x42, 0, 0x78, 1, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0], FailureKind::NotTls, "KMIP without TLS"),
        (b"GET / HTTP/1.1\r\n\r\n", FailureKind::NotTls, "HTTP without TLS"),
        (&[], FailureKind::Closed, "sent nothing"),
        (&[22, 3, 1, 0, 100, 1], FailureKind::Closed, "not a readable ClientHello"),
    ];
    for (bytes, kind, words) in cases {
        let failure = refusal(&tls_of(&world), async |address| {
            let mut tcp = TcpStream::connect(address).await.unwrap();
            tcp.write_all(bytes).await.unwrap();
        })
        .await;
        assert_eq!(failure.kind, kind, "{failure:?}");
        assert!(failure.words.contains(words), "{failure:?}");
    }
}

#[tokio::test]
async fn a_silent_client_is_given_up() {
    let world = World::new().await;
    let failure = refusal(&tls_of(&world), async |address| {
        let tcp = TcpStream::connect(address).await.unwrap();
        tokio::time::sleep(Duration::from_secs(1)).await;
        drop(tcp);
    })
    .await;
    assert_eq!(failure.kind, FailureKind::Timeout);
}

#[tokio::test]
async fn an_enrolled_certificate_needs_no_authority() {
    let own = self_signed("vcenter");
    let world = World::with(|options, _| options.tls.enrolled = vec![hex(&own)]).await;
    for versions in [&[&TLS12][..], &[&TLS13][..]] {
        let mut client = connect(world.address(), &world.config_of(Some(&own), versions)).await.unwrap();
        assert!(client.ask("W").await.contains("CN=vcenter"));
    }
    assert_eq!(world.connect().await.ask("Estill").await, "still");
    let other = self_signed("other");
    let failure = refusal(&tls_of(&world), async |address| {
        let config = world.config_of(Some(&other), &[&TLS12]);
        assert!(connect(address, &config).await.is_err());
    })
    .await;
    assert!(failure.words.to_lowercase().contains(&hex(&other)), "the line says what to enrol: {failure:?}");
}

#[tokio::test]
async fn an_enrolled_certificate_may_expire() {
    let world = World::new().await;
    let old = world.authority.issue("old", |params| params.not_after = date_time_ymd(2020, 1, 1));
    let tls = TlsOptions { client_authorities: Vec::new(), enrolled: vec![hex(&old)], ..tls_of(&world) };
    let config = world.config_of(Some(&old), &[&TLS12]);
    let failure = refusal(&tls, async |address| assert!(connect(address, &config).await.is_err())).await;
    assert!(failure.words.contains("expired"), "{failure:?}");
}

#[tokio::test]
async fn a_peer_that_the_service_does_not_know_is_refused() {
    let world = World::new().await;
    let stranger = world.authority.issue("stranger", |_| {});
    let mut client = connect(world.address(), &world.config(Some(&stranger))).await.unwrap();
    client.send(&command("Ehello")).await;
    assert!(client.receive().await.is_err());
    assert!(world.page("/metrics").await.contains("keyhaven_connections_refused_total 1\n"));
}

#[tokio::test]
async fn sessions_are_resumed() {
    let world = World::new().await;
    for version in [&TLS12, &TLS13] {
        let config = world.config_of(Some(&world.client()), &[version]);
        for kind in [HandshakeKind::Full, HandshakeKind::Resumed] {
            let mut client = connect(world.address(), &config).await.unwrap();
            assert!(client.ask("W").await.contains("CN=client"), "a resumed session knows its client");
            assert_eq!(client.0.get_ref().1.handshake_kind(), Some(kind));
            client.0.shutdown().await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_reload_takes_new_files_and_keeps_connections() {
    let world = World::with(|options, base| {
        base.write("crl.pem", &base.authority.revoke(1));
        options.tls.revocation_lists = vec![base.path("crl.pem")];
    })
    .await;
    let revoked = world.authority.issue("revoked", |params| params.serial_number = Some(SerialNumber::from(77_u64)));
    let config = world.config_of(Some(&revoked), &[&TLS12]);
    let mut before = connect(world.address(), &config).await.unwrap();
    assert_eq!(before.ask("E1").await, "1");

    let list = world.files.path().join("crl.pem");
    std::fs::write(&list, "rubbish").unwrap();
    world.server.reload().await;
    assert!(connect(world.address(), &config).await.is_ok(), "a reload that failed keeps the old files");

    std::fs::write(&list, world.authority.revoke(77)).unwrap();
    world.server.reload().await;
    assert!(connect(world.address(), &config).await.is_err(), "the session is not resumed over the reload");
    assert_eq!(before.ask("E2").await, "2");
    assert_eq!(world.connect().await.ask("E3").await, "3");
}

#[tokio::test]
async fn draining_finishes_what_runs() {
    let world = World::new().await;
    let mut idle = world.connect().await;
    assert_eq!(idle.ask("E1").await, "1");
    let mut held = world.connect().await;
    held.send(&command("D5")).await;
    let mut blocked = world.connect().await;
    blocked.send(&command("Bslow")).await;
    while world.rules.handled.load(std::sync::atomic::Ordering::SeqCst) < 4 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let (address, rules) = (world.address(), std::sync::Arc::clone(&world.rules));
    let drain = tokio::spawn(world.server.drain());
    assert!(idle.is_closed().await);
    assert!(!drain.is_finished());
    rules.sync(5);
    rules.open.store(true, std::sync::atomic::Ordering::SeqCst);
    assert_eq!(held.receive().await.unwrap(), "5");
    assert!(held.is_closed().await);
    assert_eq!(blocked.receive().await.unwrap(), "slow");
    assert!(blocked.is_closed().await);
    drain.await.unwrap();
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn draining_has_an_end() {
    let world = World::with(|options, _| options.drain = Duration::from_millis(50)).await;
    let mut held = world.connect().await;
    held.send(&command("D5")).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    tokio::time::timeout(WAIT, world.server.drain()).await.unwrap();
    assert!(held.receive().await.is_err());
}
