//! Clients that took the server role: a real peer on the other end.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::support::*;
use crate::registry::Tag;

fn response(text: &str) -> Vec<u8> {
    message(Tag::ResponseMessage, text)
}

async fn until(what: impl Fn() -> bool) {
    while !what() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test]
async fn requests_go_out_one_at_a_time_and_when_they_are_durable() {
    let world = World::new().await;
    let mail = &world.rules.mail;
    let mut client = world.connect().await;
    mail.push(0, "early");
    assert_eq!(client.ask("Eone").await, "one");
    assert_eq!(client.ask("Tturned").await, "turned");
    assert_eq!(client.receive().await.unwrap(), "early");
    mail.push(0, "second");
    mail.push(9, "third");
    let none = tokio::time::timeout(Duration::from_millis(50), client.receive()).await;
    assert!(none.is_err(), "the first is not answered");
    let answer = response("A");
    client.send(&answer[..10]).await;
    client.send(&answer[10..]).await;
    assert_eq!(client.receive().await.unwrap(), "second");
    client.send(&response("B")).await;
    until(|| !world.rules.waiting.lock().unwrap().is_empty()).await;
    world.rules.sync(9);
    assert_eq!(client.receive().await.unwrap(), "third");
    client.send(&response("C")).await;
    until(|| mail.answers.lock().unwrap().len() == 3).await;
    assert_eq!(*mail.answers.lock().unwrap(), ["A", "B", "C"]);
    mail.push(0, "close");
    assert!(client.is_closed().await);
}

#[tokio::test]
async fn what_a_gone_client_did_not_answer_goes_to_the_next() {
    let world = World::new().await;
    let mail = &world.rules.mail;
    mail.push(0, "news");
    let mut client = world.connect().await;
    client.ask("T").await;
    assert_eq!(client.receive().await.unwrap(), "news");
    drop(client);
    until(|| mail.gone.load(Ordering::SeqCst) == 1).await;
    let mut client = world.connect().await;
    client.ask("T").await;
    assert_eq!(client.receive().await.unwrap(), "news");
    client.send(&response("A")).await;
    until(|| mail.queue.lock().unwrap().is_empty()).await;
}

#[tokio::test]
async fn a_client_in_the_server_role_that_asks_is_closed() {
    let world = World::new().await;
    for bytes in [command("E1"), response("to nothing")] {
        let mut client = world.connect().await;
        client.ask("T").await;
        client.send(&bytes).await;
        assert!(client.is_closed().await);
    }
}
