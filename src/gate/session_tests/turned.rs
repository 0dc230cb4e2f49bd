//! Set Endpoint Role, Notify and Put as the core makes them.

use super::{AES, Bench, of, value, values};
use crate::gate::identity::Peer;
use crate::gate::outbox::Next;
use crate::model::right::Caller;

fn turn(bench: &Bench) -> Peer {
    let peer = Peer::new("127.0.0.1:1".into(), Caller::named("alice"));
    let role = r#"<EndpointRole type="Enumeration" value="Client"/>"#;
    let answer = bench.send_from(&peer, "", &[("SetEndpointRole", role)]);
    assert_eq!(value(&answer, "EndpointRole"), "Client");
    peer
}

/// The messages that wait for the peer, each answered with success.
fn messages(peer: &Peer) -> Vec<String> {
    let outbox = peer.turned.get().unwrap();
    let seat = outbox.attach(Box::new(|| {}));
    let limits = crate::base::Limits::default();
    let ok = super::ttlv(
        r#"<ResponseMessage><BatchItem><ResultStatus type="Enumeration" value="Success"/></BatchItem></ResponseMessage>"#,
    );
    let mut messages = Vec::new();
    while let Next::Send(_, bytes) = outbox.next(seat) {
        messages.push(super::xml(bytes.expose()));
        assert!(outbox.answered(seat, &ok, &limits).unwrap());
    }
    messages
}

#[test]
fn a_client_is_told_of_its_own_objects() {
    let bench = Bench::new();
    let id = value(&bench.done("alice", "", "Create", AES), "UniqueIdentifier");
    let peer = turn(&bench);
    bench.done("alice", "", "Activate", &of(&id));
    bench.done("bob", "", "Create", AES);
    bench.send("alice", "", &[("Get", &of("nothing"))]);
    let told = messages(&peer);
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!((value(&told[0], "Operation"), value(&told[0], "UniqueIdentifier")), ("Notify".into(), id.clone()));
    assert_eq!(value(&told[0], "State"), "Active");
    assert_eq!(values(&told[0], "LastChangeDate").len(), 1);
    assert!(values(&told[0], "CryptographicAlgorithm").is_empty(), "that did not change");
    let comment = r#"<NewAttribute><Comment type="TextString" value="c"/></NewAttribute>"#;
    bench.done("alice", "", "SetAttribute", &format!("{}{comment}", of(&id)));
    let gone = r#"<AttributeReference type="Enumeration" value="Comment"/>"#;
    bench.done("alice", "", "DeleteAttribute", &format!("{}{gone}", of(&id)));
    let told = messages(&peer);
    assert_eq!(value(&told[0], "Comment"), "c");
    assert_eq!(value(&told[1], "AttributeReference"), "Comment");
    bench.done("alice", "", "Create", AES);
    assert!(values(&messages(&peer)[0], "CryptographicLength").contains(&"128".to_owned()));
}

#[test]
fn new_objects_are_put_where_the_operator_wants_it() {
    let bench = Bench::with(crate::ops::Settings { put: true, ..crate::ops::Settings::default() });
    let peer = turn(&bench);
    let id = value(&bench.done("alice", "", "Create", AES), "UniqueIdentifier");
    let key = value(&bench.done("alice", "", "Get", &of(&id)), "KeyMaterial");
    let told = messages(&peer);
    assert_eq!((value(&told[0], "Operation"), value(&told[0], "PutFunction")), ("Put".into(), "New".into()));
    assert_eq!(value(&told[0], "KeyMaterial"), key);
    let hidden = AES.replace("</Attributes>", r#"<Sensitive type="Boolean" value="true"/></Attributes>"#);
    bench.done("alice", "", "Create", &hidden);
    let told = messages(&peer);
    assert_eq!(value(told.last().unwrap(), "Operation"), "Notify", "sensitive keys do not leave in plain");
}
