//! Login, Logout, Delegated Login and the other credentials.

use super::{AES, Bench, of, value, values};

fn with_ticket(ticket: &str) -> String {
    format!(
        r#"<Authentication><Credential><CredentialType type="Enumeration" value="Ticket"/><CredentialValue>{}</CredentialValue></Credential></Authentication>"#,
        ticket_of(ticket)
    )
}

fn ticket_of(ticket: &str) -> String {
    format!(
        r#"<Ticket><TicketType type="Enumeration" value="Login"/><TicketValue type="ByteString" value="{ticket}"/></Ticket>"#
    )
}

fn reason(answer: &str) -> String {
    values(answer, "ResultReason").join(" ")
}

#[test]
fn a_ticket_stands_for_its_owner_until_it_ends() {
    let bench = Bench::new();
    let id = value(&bench.done("alice", "", "Create", AES), "UniqueIdentifier");
    let lease = r#"<LeaseTime type="Interval" value="10"/><RequestCount type="Integer" value="2"/>"#;
    let ticket = value(&bench.done("alice", "", "Login", lease), "TicketValue");
    assert_eq!(ticket.len(), 64);
    let header = with_ticket(&ticket);
    bench.done("bob", &header, "Get", &of(&id));
    let bench = bench.restart();
    bench.done("bob", &header, "Get", &of(&id));
    assert_eq!(reason(&bench.send("bob", &header, &[("Get", &of(&id))])), "UsageLimitExceeded");
    let ticket = value(&bench.done("alice", "", "Login", lease), "TicketValue");
    bench.later(10);
    assert_eq!(reason(&bench.send("bob", &with_ticket(&ticket), &[("Get", &of(&id))])), "InvalidTicket");
    assert_eq!(reason(&bench.send("bob", &with_ticket("00"), &[("Get", &of(&id))])), "InvalidTicket");
}

#[test]
fn a_ticket_ends_with_logout_by_its_owner() {
    let bench = Bench::new();
    let ticket = value(&bench.done("alice", "", "Login", ""), "TicketValue");
    let header = with_ticket(&ticket);
    assert_eq!(reason(&bench.send("bob", "", &[("Logout", &ticket_of(&ticket))])), "InvalidTicket");
    bench.done("bob", &header, "Ping", "");
    bench.done("alice", "", "Logout", &ticket_of(&ticket));
    assert_eq!(reason(&bench.send("bob", &header, &[("Ping", "")])), "InvalidTicket");
    assert_eq!(reason(&bench.send("alice", "", &[("Logout", &ticket_of(&ticket))])), "InvalidTicket");
}

#[test]
fn what_login_refuses() {
    let bench = Bench::new();
    let usage = |count, unit| {
        format!(
            r#"<UsageLimits><UsageLimitsTotal type="LongInteger" value="2"/><UsageLimitsCount type="LongInteger" value="{count}"/><UsageLimitsUnit type="Enumeration" value="{unit}"/></UsageLimits>"#
        )
    };
    let cases = [
        (r#"<LeaseTime type="Interval" value="0"/>"#.into(), "InvalidField"),
        (r#"<LeaseTime type="DateTime" value="0x0000000000000001"/>"#.into(), "InvalidField"),
        (r#"<LeaseTime type="Interval" value="4000000"/>"#.into(), "InvalidField"),
        (r#"<RequestCount type="Integer" value="0"/>"#.into(), "InvalidField"),
        (usage(3, "Object"), "InvalidField"),
        (usage(1, "Byte"), "InvalidField"),
        (usage(1, "Object"), ""),
    ];
    for (payload, expected) in cases {
        assert_eq!(reason(&bench.send("alice", "", &[("Login", &payload)])), expected, "{payload}");
    }
    let ticket = value(&bench.done("alice", "", "Login", &usage(1, "Object")), "TicketValue");
    let header = with_ticket(&ticket);
    assert_eq!(reason(&bench.send("bob", &header, &[("Login", "")])), "PermissionDenied");
    bench.done("bob", &header, "Ping", "");
    assert_eq!(reason(&bench.send("bob", &header, &[("Ping", "")])), "UsageLimitExceeded");
    for _ in 0..62 {
        bench.done("carol", "", "Login", r#"<LeaseTime type="Interval" value="5"/>"#);
    }
    bench.done("carol", "", "Login", "");
    bench.done("carol", "", "Login", "");
    assert_eq!(reason(&bench.send("carol", "", &[("Login", "")])), "ServerLimitExceeded");
    bench.later(5);
    bench.done("carol", "", "Login", "");
}

#[test]
fn a_delegated_ticket_does_what_its_rights_say() {
    let bench = Bench::new();
    let mine = value(&bench.done("alice", "", "Create", AES), "UniqueIdentifier");
    let other = value(&bench.done("alice", "", "Create", AES), "UniqueIdentifier");
    let rights = format!(
        r#"<Rights><Right><UsageLimits><UsageLimitsTotal type="LongInteger" value="2"/><UsageLimitsCount type="LongInteger" value="2"/><UsageLimitsUnit type="Enumeration" value="Object"/></UsageLimits><Operations><Operation type="Enumeration" value="Get"/></Operations><Objects>{}</Objects></Right><Right><Operations><Operation type="Enumeration" value="Locate"/></Operations><Objects>{}</Objects></Right></Rights>"#,
        of(&mine),
        of(&mine)
    );
    let ticket = value(&bench.done("alice", "", "DelegatedLogin", &rights), "TicketValue");
    let header = with_ticket(&ticket);
    let ask = |operation, payload: &str| reason(&bench.send("bob", &header, &[(operation, payload)]));
    let found = bench.done("bob", &header, "Locate", "");
    assert_eq!(value(&found, "UniqueIdentifier"), mine);
    let cases = [
        ("Get", of(&other), "PermissionDenied"),
        ("Get", of(&mine), ""),
        ("Destroy", of(&mine), "PermissionDenied"),
        ("Create", AES.into(), "PermissionDenied"),
        ("DelegatedLogin", rights, "PermissionDenied"),
        ("Get", of(&mine), ""),
        ("Get", of(&mine), "UsageLimitExceeded"),
    ];
    for (operation, payload, expected) in cases {
        assert_eq!(ask(operation, &payload), expected, "{operation}");
    }
    let empty = bench.send("alice", "", &[("DelegatedLogin", "<Rights></Rights>")]);
    assert_eq!(reason(&empty), "InvalidField");
}

#[test]
fn other_credentials() {
    let bench = Bench::new();
    let ask = |kind: &str, inner: &str| {
        let header = format!(
            r#"<Authentication><Credential><CredentialType type="Enumeration" value="{kind}"/><CredentialValue>{inner}</CredentialValue></Credential></Authentication>"#
        );
        reason(&bench.send("alice", &header, &[("Ping", "")]))
    };
    let user = |name: &str, password: &str| {
        format!(r#"<Username type="TextString" value="{name}"/><Password type="TextString" value="{password}"/>"#)
    };
    assert_eq!(ask("Device", r#"<DeviceSerialNumber type="TextString" value="1"/>"#), "AuthenticationNotSuccessful");
    assert_eq!(ask("UsernameAndPassword", &user("", "")), "");
    assert_eq!(ask("UsernameAndPassword", &user("bob", "right")), "");
    for _ in 0..5 {
        assert_eq!(ask("UsernameAndPassword", &user("carol", "wrong")), "AuthenticationNotSuccessful");
    }
    assert_eq!(ask("UsernameAndPassword", &user("carol", "right")), "AuthenticationNotSuccessful", "closed");
    assert_eq!(ask("UsernameAndPassword", &user("bob", "right")), "");
    bench.later(61);
    assert_eq!(ask("UsernameAndPassword", &user("carol", "right")), "");
}
