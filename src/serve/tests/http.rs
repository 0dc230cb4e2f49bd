//! KMIP over HTTPS, and the admin pages.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use rustls::ClientConfig;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::super::{Codec, Encoding};
use super::support::*;
use crate::registry::Tag;

/// A text encoding for tests: the command in quotes.
pub(super) struct Quoted;

impl Codec for Quoted {
    fn decode(&self, _: Encoding, body: &[u8]) -> Result<Vec<u8>, (u16, String)> {
        let text = std::str::from_utf8(body).unwrap();
        let inner = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
        inner.map(command).ok_or((400, "no quotes".into()))
    }

    fn encode(&self, encoding: Encoding, ttlv: &[u8]) -> Result<Vec<u8>, (u16, String)> {
        Ok(format!("{encoding:?} \"{}\"", text(ttlv)).into_bytes())
    }
}

async fn post(world: &World, head: &str, body: &[u8]) -> (String, Vec<u8>) {
    let mut client = connect(world.server.https()[0], &world.config(Some(&world.client()))).await.unwrap();
    let mut request = head.replace('\n', "\r\n").into_bytes();
    request
        .extend(format!("\r\nhost: localhost\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", body.len()).bytes());
    request.extend(body);
    client.send(&request).await;
    let mut answer = Vec::new();
    tokio::time::timeout(WAIT, client.0.read_to_end(&mut answer)).await.unwrap().unwrap();
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4;
    (String::from_utf8_lossy(&answer[..end]).to_lowercase(), answer[end..].to_vec())
}

#[tokio::test]
async fn messages_are_posted_in_each_encoding() {
    let world = World::new().await;
    let head = |media: &str| format!("POST /kmip HTTP/1.1\ncontent-type: {media}");
    let (answer, body) = post(&world, &head("application/octet-stream"), &command("Ehello")).await;
    assert!(answer.starts_with("http/1.1 200"), "{answer}");
    assert!(answer.contains("content-type: application/octet-stream\r\n"), "{answer}");
    assert!(answer.contains("cache-control: no-cache\r\n") && answer.contains("content-length: "), "{answer}");
    assert_eq!(body, message(Tag::ResponseMessage, "hello"));
    for (media, body) in [
        ("application/json", "Json \"hello\""),
        ("text/xml; charset=utf-8", "Xml \"hello\""),
        ("application/xml", "Xml \"hello\""),
    ] {
        let (answer, answered) = post(&world, &head(media), b"\"Ehello\"").await;
        let media = media.split(';').next().unwrap();
        assert!(answer.starts_with("http/1.1 200") && answer.contains(&format!("content-type: {media}\r\n")));
        assert_eq!(answered, body.as_bytes());
    }
    world.rules.open.store(true, Ordering::SeqCst);
    let (_, body) = post(&world, &head("application/octet-stream"), &command("Bblocked")).await;
    assert_eq!(body, message(Tag::ResponseMessage, "blocked"));
    let (_, body) = post(&world, &head("application/octet-stream").replace("1.1", "1.0"), &command("E1.0")).await;
    assert_eq!(body, message(Tag::ResponseMessage, "1.0"));
}

#[tokio::test]
async fn a_client_may_offer_either_http_or_none() {
    let world = World::new().await;
    let offering = |names: &[&str]| {
        let mut config = ClientConfig::clone(&world.config(Some(&world.client())));
        config.alpn_protocols = names.iter().map(|name| name.as_bytes().to_vec()).collect();
        Arc::new(config)
    };
    for (offered, chosen) in [
        (&["http/1.0"][..], Some("http/1.0")),
        (&["http/1.1"], Some("http/1.1")),
        (&["http/1.0", "http/1.1"], Some("http/1.1")),
        (&[], None),
    ] {
        let client = connect(world.server.https()[0], &offering(offered)).await.unwrap();
        assert_eq!(client.0.get_ref().1.alpn_protocol(), chosen.map(str::as_bytes), "{offered:?}");
    }
    assert!(connect(world.server.https()[0], &offering(&["h2"])).await.is_err());
}

#[tokio::test]
async fn a_reply_over_https_waits_for_the_disk() {
    let world = World::new().await;
    let head = "POST /kmip HTTP/1.1\ncontent-type: application/octet-stream";
    let request = command("D3");
    let (sync, answered) = (
        async {
            while world.rules.waiting.lock().unwrap().is_empty() {
                tokio::time::sleep(std::time::Duration::from_millis(1)).await;
            }
            world.rules.sync(3);
        },
        post(&world, head, &request),
    );
    let ((), (_, body)) = tokio::join!(sync, answered);
    assert_eq!(body, message(Tag::ResponseMessage, "3"));
}

#[tokio::test]
async fn other_requests_are_refused_in_words() {
    let world = World::with(|options, _| options.limits.message_bytes_max = 1024).await;
    let binary = "content-type: application/octet-stream";
    let long = command(&"x".repeat(5000));
    let cases: [(String, &[u8], &str, &str); 8] = [
        (format!("POST / HTTP/1.1\n{binary}"), &command("E1"), "404", "/kmip"),
        ("GET /kmip HTTP/1.1".into(), b"", "405", "POST"),
        ("POST /kmip HTTP/1.1\ncontent-type: text/html".into(), b"", "415", "application/json"),
        ("POST /kmip HTTP/1.1".into(), &command("E1"), "415", "Content-Type"),
        (format!("POST /kmip HTTP/1.1\n{binary}"), &long, "413", "1024"),
        (format!("POST /kmip HTTP/1.1\n{binary}"), &command("E1")[..12], "400", "whole"),
        ("POST /kmip HTTP/1.1\ncontent-type: application/json".into(), b"E1", "400", "no quotes"),
        (format!("POST /kmip HTTP/1.1\n{binary}"), &command("P"), "500", "log"),
    ];
    for (head, body, status, words) in cases {
        let (answer, body) = post(&world, &head, body).await;
        assert!(answer.starts_with(&format!("http/1.1 {status}")), "{head}: {answer}");
        assert!(String::from_utf8_lossy(&body).contains(words), "{head}: {body:?}");
    }
}

#[tokio::test]
async fn https_needs_a_client_certificate() {
    let world = World::new().await;
    let address = world.server.https()[0];
    let config = world.config_of(None, &[&rustls::version::TLS12]);
    assert!(connect(address, &config).await.is_err());
}

#[tokio::test]
async fn an_idle_or_slow_https_client_is_given_up() {
    let world = World::with(|options, _| options.request = std::time::Duration::from_millis(100)).await;
    let config = world.config(Some(&world.client()));
    let head = "POST /kmip HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/octet-stream\r\n";
    let whole = [format!("{head}content-length: {}\r\n\r\n", command("E1").len()).as_bytes(), &command("E1")].concat();
    for (sent, answer) in [(whole.as_slice(), "200"), (head.as_bytes(), ""), (&whole[..whole.len() - 4], "408")] {
        let mut client = connect(world.server.https()[0], &config).await.unwrap();
        client.send(sent).await;
        let mut received = Vec::new();
        // How the end looks is not the point here.
        let _ = tokio::time::timeout(WAIT, client.0.read_to_end(&mut received)).await.expect("an end");
        assert!(String::from_utf8_lossy(&received).contains(answer));
    }
}

#[tokio::test]
async fn the_admin_pages() {
    let world = World::new().await;
    assert!(world.page("/healthz").await.starts_with("HTTP/1.1 200"));
    assert!(world.page("/readyz").await.starts_with("HTTP/1.1 200"));
    assert!(world.page("/other").await.starts_with("HTTP/1.1 404"));
    world.rules.unready.store(true, Ordering::SeqCst);
    let page = world.page("/readyz").await;
    assert!(page.starts_with("HTTP/1.1 503") && page.contains("the store is closed"), "{page}");

    let mut client = world.connect().await;
    client.ask("E1").await;
    let page = world.page("/metrics").await;
    for line in [
        "keyhaven_connections_open 1\n",
        "keyhaven_connections_accepted_total 1\n",
        "keyhaven_requests_total{outcome=\"reply\"} 1\n",
        "keyhaven_request_duration_seconds_count 1\n",
        "keyhaven_request_duration_seconds_bucket{le=\"+Inf\"} 1\n",
        "keyhaven_handshake_failures_total{kind=\"no_certificate\"} 0\n",
        "# EOF\n",
    ] {
        assert!(page.contains(line), "{line} in {page}");
    }
    assert!(page.contains("keyhaven_build_info{version="), "{page}");
}

#[tokio::test]
async fn a_draining_server_is_not_ready_but_says_so() {
    let world = World::new().await;
    let mut held = world.connect().await;
    held.send(&command("D1")).await;
    while world.rules.waiting.lock().unwrap().is_empty() {
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
    let admin = world.server.admin().unwrap();
    let rules = Arc::clone(&world.rules);
    let drain = tokio::spawn(world.server.drain());
    let mut tcp = tokio::net::TcpStream::connect(admin).await.unwrap();
    tcp.write_all(b"GET /readyz HTTP/1.0\r\n\r\n").await.unwrap();
    let mut page = String::new();
    tcp.read_to_string(&mut page).await.unwrap();
    assert!(page.contains("503") && page.contains("stopping"), "{page}");
    rules.sync(1);
    assert_eq!(held.receive().await.unwrap(), "1");
    drain.await.unwrap();
}
