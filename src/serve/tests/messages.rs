//! Requests and replies on one connection.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rustls::version::{TLS12, TLS13};
use tokio::io::AsyncWriteExt;

use super::support::*;

#[tokio::test]
async fn requests_in_pieces_and_in_bunches_are_answered_in_order() {
    let world = World::new().await;
    let mut client = world.connect().await;
    let bunch: Vec<u8> = (0..500).flat_map(|number| command(&format!("E{number}"))).collect();
    for piece in bunch.chunks(777) {
        client.send(piece).await;
    }
    for number in 0..500 {
        assert_eq!(client.receive().await.unwrap(), number.to_string());
    }
}

#[tokio::test]
async fn a_reply_waits_for_the_disk_and_keeps_its_place() {
    let world = World::new().await;
    let mut client = world.connect().await;
    client.send(&[command("D7"), command("E1"), command("D5"), command("E2")].concat()).await;
    while world.rules.handled.load(Ordering::SeqCst) < 4 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let early = tokio::time::timeout(Duration::from_millis(50), client.receive()).await;
    assert!(early.is_err(), "all four ran, and nothing left");
    world.rules.sync(5);
    let early = tokio::time::timeout(Duration::from_millis(50), client.receive()).await;
    assert!(early.is_err());
    world.rules.sync(7);
    for reply in ["7", "1", "5", "2"] {
        assert_eq!(client.receive().await.unwrap(), reply);
    }
    assert_eq!(client.ask("D7").await, "7");
}

#[tokio::test]
async fn replies_that_will_never_be_durable_are_not_sent() {
    let world = World::new().await;
    let mut client = world.connect().await;
    client.send(&[command("D7"), command("E1")].concat()).await;
    while world.rules.waiting.lock().unwrap().is_empty() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let (_, wake) = world.rules.waiting.lock().unwrap().pop().unwrap();
    wake(false);
    assert!(client.is_closed().await);
}

#[tokio::test]
async fn outstanding_replies_are_bounded() {
    let world = World::with(|options, _| options.outstanding_max = 3).await;
    let mut client = world.connect().await;
    client.send(&(1..=10).flat_map(|number| command(&format!("D{number}"))).collect::<Vec<_>>()).await;
    while world.rules.waiting.lock().unwrap().is_empty() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert_eq!(world.rules.handled.load(Ordering::SeqCst), 3);
    world.rules.sync(10);
    for number in 1..=10 {
        assert_eq!(client.receive().await.unwrap(), number.to_string());
    }
}

/// Sizes of the TLS records of application data in what a client received. The first may be a session ticket.
fn records(mut seen: &[u8]) -> Vec<usize> {
    let mut sizes = Vec::new();
    while let [kind, _, _, high, low, rest @ ..] = seen {
        let size = usize::from(*high) * 256 + usize::from(*low);
        if *kind == 23 {
            sizes.push(size);
        }
        seen = &rest[size..];
    }
    sizes
}

#[tokio::test]
async fn each_reply_is_one_record_while_it_fits() {
    let world = World::new().await;
    // The text's item header, the structure's header: 16 bytes around the text.
    let largest = 16 * 1024 - 16;
    for version in [&TLS12, &TLS13] {
        let mut client = connect(world.address(), &world.config_of(Some(&world.client()), &[version])).await.unwrap();
        // A ticket must not be counted.
        client.ask("E").await;
        client.0.get_mut().0.seen.clear();
        let commands = ["E1", "L5000", "L16368", "E2", "L16368", "L16368", "L16368", "L16368", "E3"];
        client.send(&commands.iter().flat_map(|text| command(text)).collect::<Vec<_>>()).await;
        for _ in commands {
            client.receive().await.unwrap();
        }
        let sizes = records(&client.0.get_ref().0.seen);
        assert_eq!(sizes.len(), commands.len(), "{sizes:?}");
        client.0.get_mut().0.seen.clear();
        client.ask(&format!("L{}", largest + 8)).await;
        assert_eq!(records(&client.0.get_ref().0.seen).len(), 2);
    }
}

#[tokio::test]
async fn work_that_blocks_runs_on_the_pool_and_keeps_order() {
    let world = World::new().await;
    let mut client = world.connect().await;
    client.send(&[command("Bfirst"), command("Esecond")].concat()).await;
    let mut other = world.connect().await;
    assert_eq!(other.ask("Eother").await, "other");
    world.rules.open.store(true, Ordering::SeqCst);
    assert_eq!(client.receive().await.unwrap(), "first");
    assert_eq!(client.receive().await.unwrap(), "second");
}

#[tokio::test]
async fn a_full_pool_answers_busy() {
    let world = World::with(|options, _| {
        options.blocking_max = 1;
        options.blocking_wait = Duration::from_millis(20);
    })
    .await;
    let mut first = world.connect().await;
    first.send(&command("Bfirst")).await;
    while world.rules.blocked.load(Ordering::SeqCst) == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let mut second = world.connect().await;
    assert_eq!(second.ask("Bsecond").await, "busy");
    world.rules.open.store(true, Ordering::SeqCst);
    assert_eq!(first.receive().await.unwrap(), "first");
    assert_eq!(second.ask("Bsecond").await, "second");
    assert!(world.page("/metrics").await.contains("keyhaven_requests_total{outcome=\"busy\"} 1\n"));
}

#[tokio::test]
async fn what_is_no_request_closes_the_connection() {
    let world = World::with(|options, _| options.limits.message_bytes_max = 1024).await;
    let cases = [
        command(&"x".repeat(2000)),
        b"GET /kmip HTTP/1.1\r\n\r\n".to_vec(),
        message(crate::registry::Tag::ResponseMessage, "E1"),
        command("?unknown"),
        command("P"),
    ];
    for bytes in cases {
        let mut client = world.connect().await;
        assert_eq!(client.ask("E1").await, "1");
        client.send(&bytes).await;
        assert!(client.is_closed().await, "{:?}", &bytes[..8]);
    }
    assert_eq!(world.connect().await.ask("Ealive").await, "alive");
    assert!(world.page("/metrics").await.contains("keyhaven_requests_total{outcome=\"panic\"} 1\n"));
}

#[tokio::test]
async fn a_request_that_trickles_is_given_up() {
    let world = World::with(|options, _| options.request = Duration::from_millis(100)).await;
    let mut client = world.connect().await;
    assert_eq!(client.ask("E1").await, "1");
    for byte in &command("E2")[..12] {
        // The last writes may meet a closed socket.
        let _ = client.0.write_all(&[*byte]).await;
        let _ = client.0.flush().await;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(client.receive().await.is_err());
    assert_eq!(world.rules.handled.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn an_idle_connection_is_closed_and_a_busy_one_is_not() {
    let world = World::with(|options, _| options.idle = Duration::from_millis(100)).await;
    let mut idle = world.connect().await;
    let mut held = world.connect().await;
    held.send(&command("D1")).await;
    assert!(idle.is_closed().await);
    tokio::time::sleep(Duration::from_millis(200)).await;
    world.rules.sync(1);
    assert_eq!(held.receive().await.unwrap(), "1");
}

#[tokio::test]
async fn a_client_that_never_reads_is_given_up_and_holds_little() {
    let world = World::with(|options, _| options.write = Duration::from_millis(200)).await;
    let mut client = world.connect().await;
    let requests = command("L1000000").repeat(64);
    client.send(&requests).await;
    while !world.page("/metrics").await.contains("keyhaven_connections_open 0\n") {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(world.rules.handled.load(Ordering::SeqCst) < 64);
}

#[tokio::test]
async fn a_client_may_end_its_side_and_still_be_answered() {
    let world = World::new().await;
    let mut client = world.connect().await;
    client.send(&[command("D1"), command("E2")].concat()).await;
    client.0.shutdown().await.unwrap();
    let rules = Arc::clone(&world.rules);
    while rules.waiting.lock().unwrap().is_empty() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    rules.sync(1);
    assert_eq!(client.receive().await.unwrap(), "1");
    assert_eq!(client.receive().await.unwrap(), "2");
    assert!(client.is_closed().await);
}
