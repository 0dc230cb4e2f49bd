//! PKCS#11 functions as a remote module calls them.

use super::{AES, Bench, of, value, values};

/// An application: its correlation value and the server.
struct Application<'a> {
    bench: &'a Bench,
    correlation: String,
}

fn ulong(value: u64) -> Vec<u8> {
    value.to_be_bytes().to_vec()
}

fn counted(bytes: &[u8]) -> Vec<u8> {
    [&(bytes.len() as u32).to_be_bytes()[..], bytes].concat()
}

fn template(attributes: &[(u64, Vec<u8>)]) -> Vec<u8> {
    let mut out = (attributes.len() as u32).to_be_bytes().to_vec();
    for (kind, value) in attributes {
        out.extend([ulong(*kind), counted(value)].concat());
    }
    out
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl<'a> Application<'a> {
    fn new(bench: &'a Bench) -> Self {
        let input = r#"<PKCS_11Function type="Enumeration" value="C_Initialize"/><PKCS_11InputParameters type="ByteString" value="01"/>"#;
        let correlation = value(&bench.done("alice", "", "PKCS_11", input), "CorrelationValue");
        Self { bench, correlation }
    }

    /// Calls a function: its CK_RV and its output.
    fn call(&self, function: &str, input: &[Vec<u8>]) -> (String, Vec<u8>) {
        let payload = format!(
            r#"<PKCS_11Function type="Enumeration" value="{function}"/><CorrelationValue type="ByteString" value="{}"/><PKCS_11InputParameters type="ByteString" value="{}"/>"#,
            self.correlation,
            hex(&input.concat())
        );
        let answer = self.bench.done("alice", "", "PKCS_11", &payload);
        let output = values(&answer, "PKCS_11OutputParameters").pop().unwrap_or_default();
        let bytes = (0..output.len() / 2).map(|at| u8::from_str_radix(&output[2 * at..2 * at + 2], 16).unwrap());
        (value(&answer, "PKCS_11ReturnCode"), bytes.collect())
    }

    fn ok(&self, function: &str, input: &[Vec<u8>]) -> Vec<u8> {
        let (rv, output) = self.call(function, input);
        assert_eq!(rv, "OK", "{function}");
        output
    }
}

#[test]
fn an_application_makes_finds_and_uses_a_key() {
    let bench = Bench::new();
    let application = Application::new(&bench);
    let info = application.ok("C_GetInfo", &[]);
    assert_eq!(info.len(), 76);
    assert_eq!(application.ok("C_GetSlotList", &[vec![1]]), [counted(&[])[..3].to_vec(), vec![1], ulong(1)].concat());
    assert_eq!(application.ok("C_GetSlotInfo", &[ulong(1)]).len(), 64 + 32 + 8 + 4);
    assert_eq!(application.ok("C_GetTokenInfo", &[ulong(1)]).len(), 96 + 8 + 80 + 4 + 16);
    let session = application.ok("C_OpenSession", &[ulong(1), ulong(6)]);
    let made = template(&[
        (0x161, ulong(16)),
        (0x03, b"my key".to_vec()),
        (0x102, vec![7]),
        (0x104, vec![1]),
        (0x105, vec![1]),
    ]);
    let key = application.ok("C_GenerateKey", &[session.clone(), ulong(0x1080), counted(&[]), made]);
    let found = |filter: &[(u64, Vec<u8>)]| {
        application.ok("C_FindObjectsInit", &[session.clone(), template(filter)]);
        let found = application.ok("C_FindObjects", &[session.clone(), counted(&[0; 9])[..4].to_vec()]);
        application.ok("C_FindObjectsFinal", std::slice::from_ref(&session));
        found
    };
    let one = [vec![0, 0, 0, 1], key.clone()].concat();
    assert_eq!(found(&[(0x03, b"my key".to_vec())]), one);
    assert_eq!(found(&[(0x00, ulong(4)), (0x102, vec![7])]), one);
    assert_eq!(found(&[(0x03, b"other".to_vec())]), [0; 4]);
    let ask = [session.clone(), key.clone(), template(&[(0x100, vec![]), (0x161, vec![])])];
    let attributes = application.ok("C_GetAttributeValue", &ask);
    assert_eq!(attributes, template(&[(0x100, ulong(0x1F)), (0x161, ulong(16))]));
    // CBC with padding, and GCM: what is encrypted is decrypted.
    let gcm = [counted(&[3; 12]), ulong(96), counted(b"aad"), ulong(128)].concat();
    for (mechanism, parameter) in [(0x1085, vec![9; 16]), (0x1087, gcm)] {
        let start = [session.clone(), ulong(mechanism), counted(&parameter), key.clone()];
        application.ok("C_EncryptInit", &start);
        let secret = application.ok("C_Encrypt", &[session.clone(), counted(b"hello")]);
        application.ok("C_DecryptInit", &start);
        let plain = application.ok("C_Decrypt", &[session.clone(), secret]);
        assert_eq!(plain, counted(b"hello"));
    }
    assert_eq!(application.ok("C_GenerateRandom", &[session.clone(), vec![0, 0, 0, 5]]).len(), 9);
    application.ok("C_DestroyObject", &[session.clone(), key.clone()]);
    assert_eq!(found(&[(0x03, b"my key".to_vec())]), [0; 4]);
    application.ok("C_CloseSession", std::slice::from_ref(&session));
    application.ok("C_Finalize", &[]);
    assert_ne!(application.call("C_GetInfo", &[]).0, "OK");
}

#[test]
fn hmac_is_made_and_verified_and_a_brought_key_is_read() {
    let bench = Bench::new();
    let application = Application::new(&bench);
    let session = application.ok("C_OpenSession", &[ulong(1), ulong(6)]);
    let bring =
        template(&[(0x00, ulong(4)), (0x100, ulong(0x2B)), (0x11, vec![5; 32]), (0x108, vec![1]), (0x10A, vec![1])]);
    let key = application.ok("C_CreateObject", &[session.clone(), bring]);
    let read = application.ok("C_GetAttributeValue", &[session.clone(), key.clone(), template(&[(0x11, vec![])])]);
    assert_eq!(read, template(&[(0x11, vec![5; 32])]));
    let start = [session.clone(), ulong(0x251), counted(&[]), key];
    application.ok("C_SignInit", &start);
    let mac = application.ok("C_Sign", &[session.clone(), counted(b"data")]);
    assert_eq!(mac.len(), 36);
    application.ok("C_VerifyInit", &start);
    application.ok("C_Verify", &[session.clone(), counted(b"data"), mac.clone()]);
    application.ok("C_VerifyInit", &start);
    assert_ne!(application.call("C_Verify", &[session, counted(b"other"), mac]).0, "OK");
}

#[test]
fn what_cannot_be_done() {
    let bench = Bench::new();
    let application = Application::new(&bench);
    let session = application.ok("C_OpenSession", &[ulong(1), ulong(4)]);
    let key = ulong(1);
    // (function, input, CK_RV)
    let cases: &[(&str, Vec<Vec<u8>>, &str)] = &[
        ("C_InitToken", vec![], "00000054"),
        ("C_EncryptUpdate", vec![], "00000054"),
        ("C_GetSlotInfo", vec![ulong(2)], "00000003"),
        ("C_GetSessionInfo", vec![ulong(99)], "000000b3"),
        ("C_Encrypt", vec![session.clone(), counted(b"")], "00000091"),
        ("C_EncryptInit", vec![session.clone(), ulong(0x1082), counted(&[0; 16]), key.clone()], "00000060"),
        ("C_DestroyObject", vec![session.clone(), key], "00000060"),
        ("C_Login", vec![session, ulong(1), counted(b"1234")], "00000100"),
    ];
    for (function, input, rv) in cases {
        let given = application.call(function, input).0.to_lowercase();
        assert_eq!(given.trim_start_matches("0x"), *rv, "{function}");
    }
    // Whole operations fail where PKCS#11 has no word for it.
    let function = |item: &str, rest: &str| format!(r#"<PKCS_11Function {item}/>{rest}"#);
    let correlation = format!(r#"<CorrelationValue type="ByteString" value="{}"/>"#, application.correlation);
    let cases = [
        (function(r#"type="Enumeration" value="0x0000005d""#, ""), "PKCS_11InvalidFunction"),
        (function(r#"type="Integer" value="7""#, ""), "PKCS_11InvalidFunction"),
        (function(r#"type="Enumeration" value="C_OpenSession""#, &correlation), "PKCS_11CodecError"),
        (
            format!(
                r#"<PKCS_11Interface type="TextString" value="other"/>{}"#,
                function(r#"type="Enumeration" value="C_GetInfo""#, "")
            ),
            "PKCS_11InvalidInterface",
        ),
    ];
    for (payload, expected) in cases {
        let answer = bench.send("alice", "", &[("PKCS_11", &payload)]);
        assert_eq!(value(&answer, "ResultReason"), expected, "{payload}");
    }
    // The handles and correlation values of one caller are nothing to another.
    let info = function(r#"type="Enumeration" value="C_GetInfo""#, &correlation);
    assert_ne!(value(&bench.done("bob", "", "PKCS_11", &info), "PKCS_11ReturnCode"), "OK");
    let id = value(&bench.done("alice", "", "Create", AES), "UniqueIdentifier");
    bench.done("alice", "", "Get", &of(&id));
}
