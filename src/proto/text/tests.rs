use proptest::prelude::*;

use super::*;
use crate::base::{BigInt, Date};

const BOTH: [Encoding; 2] = [Encoding::Xml, Encoding::Json];

/// Tags with and without names, with enumerations and masks, extensions and numbers of no version.
fn tag() -> impl Strategy<Value = Tag> {
    prop_oneof![
        (0..Tag::ROWS.len()).prop_map(|at| Tag(Tag::ROWS[at].value)),
        prop::sample::select(vec![
            Tag::ObjectType,
            Tag::AttributeName,
            Tag::AttributeIndex,
            Tag::AttributeValue,
            Tag::VendorIdentification,
            Tag::CryptographicUsageMask,
            Tag::AttributeReference
        ]),
        (0_u32..0xFF_FFFF).prop_map(Tag),
    ]
}

fn text() -> impl Strategy<Value = Box<str>> {
    prop_oneof![
        "[\\t\\n\\r -\u{D7FF}\u{E000}-\u{FFFD}\u{10000}-\u{10FFFF}]{0,20}",
        Just("Cryptographic Usage Mask".to_owned()),
        Just("State".to_owned()),
    ]
    .prop_map(Into::into)
}

fn leaf() -> impl Strategy<Value = Value> {
    prop_oneof![
        prop_oneof![any::<i32>(), 0..64].prop_map(Value::Integer),
        prop_oneof![any::<i64>(), -9..9_i64].prop_map(Value::LongInteger),
        prop::collection::vec(any::<u8>(), 0..20).prop_map(|bytes| Value::BigInteger(BigInt::from_signed(&bytes))),
        prop_oneof![any::<u32>(), 0..64_u32].prop_map(Value::Enumeration),
        any::<bool>().prop_map(Value::Boolean),
        text().prop_map(Value::TextString),
        prop::collection::vec(any::<u8>(), 0..20).prop_map(|bytes| Value::ByteString(bytes.into())),
        prop_oneof![any::<i64>(), 0..1_i64 << 33].prop_map(|seconds| Value::DateTime(Date(seconds))),
        any::<u32>().prop_map(Value::Interval),
        prop_oneof![any::<i64>(), 0..1_i64 << 53].prop_map(Value::DateTimeExtended),
        text().prop_map(Value::Identifier),
        text().prop_map(Value::Reference),
        text().prop_map(Value::NameReference),
    ]
}

fn field() -> impl Strategy<Value = Field> {
    let value = leaf().prop_recursive(6, 64, 6, |inner| {
        prop::collection::vec((tag(), inner), 0..6).prop_map(|fields| {
            Value::Structure(fields.into_iter().map(|(tag, value)| Field::new(tag, value)).collect())
        })
    });
    (tag(), value).prop_map(|(tag, value)| Field::new(tag, value))
}

proptest! {
    #[test]
    fn what_is_written_reads_back(field in field(), version in prop::sample::select(&Version::ALL[..])) {
        for encoding in BOTH {
            let text = encoding.write(&field, version);
            prop_assert_eq!(encoding.read(text.as_bytes(), &Limits::default()), Ok(field.clone()), "{}", text);
        }
    }

    #[test]
    fn mutated_text_never_panics(
        field in field(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3_u8), 1..4),
    ) {
        for encoding in BOTH {
            let mut text = encoding.write(&field, Version::V2_1).into_bytes();
            for (at, byte, kind) in &changes {
                let at = at.index(text.len());
                match kind {
                    0 => text[at] = *byte,
                    1 => text.insert(at, *byte),
                    _ => text.truncate(at + 1),
                }
            }
            if let Ok(field) = encoding.read(&text, &Limits::default()) {
                encoding.write(&field, Version::V3_0);
            }
        }
    }

    #[test]
    fn any_text_never_panics(text in "[<>/=\"{}\\[\\]:, a-zA-Z0-9&;#!?-]{0,60}") {
        for encoding in BOTH {
            let _ = encoding.read(text.as_bytes(), &Limits::default());
        }
    }
}

fn fault(encoding: Encoding, text: &str) -> String {
    encoding.read(text.as_bytes(), &Limits::default()).unwrap_err().to_string()
}

/// The value of one item in both encodings.
fn values(xml: &str, json: &str) -> Value {
    let read = |encoding: Encoding, text: &str| encoding.read(text.as_bytes(), &Limits::default()).unwrap();
    let (xml, json) = (read(Encoding::Xml, xml), read(Encoding::Json, json));
    assert_eq!(xml, json);
    xml.value
}

/// Request and TTLV of MSGENC-JSON-M-1-10 (Additional Message Encodings §5.1.1).
#[test]
fn a_query_in_three_encodings() {
    let json = r#"{"tag":"RequestMessage", "value":[
        {"tag":"RequestHeader", "value":[
        {"tag":"ProtocolVersion", "value":[
        {"tag":"ProtocolVersionMajor", "type":"Integer", "value":"0x00000001"},
        {"tag":"ProtocolVersionMinor", "type":"Integer", "value":"0x00000000"}
        ]},
        {"tag":"MaximumResponseSize", "type":"Integer", "value":"0x00000100"},
        {"tag":"BatchCount", "type":"Integer", "value":"0x00000001"}
        ]},
        {"tag":"BatchItem", "value":[
        {"tag":"Operation", "type":"Enumeration", "value":"Query"},
        {"tag":"RequestPayload", "value":[
        {"tag":"QueryFunction", "type":"Enumeration", "value":"QueryOperations"},
        {"tag":"QueryFunction", "type":"Enumeration", "value":"QueryObjects"}
        ]}
        ]}
        ]}"#;
    let ttlv = "42007801000000904200770100000048420069010000002042006a02000000040000000100000000\
        42006b020000000400000000000000004200500200000004000001000000000042000d0200000004\
        000000010000000042000f010000003842005c050000000400000018000000004200790100000020\
        4200740500000004000000010000000042007405000000040000000200000000";
    let limits = Limits::default();
    let message = to_ttlv(Encoding::Json, json.as_bytes(), &limits).unwrap();
    assert_eq!(names::of_bytes(&message), ttlv);
    for encoding in BOTH {
        let text = from_ttlv(encoding, &message, &limits).unwrap();
        assert_eq!(*to_ttlv(encoding, text.as_bytes(), &limits).unwrap(), *message);
    }
    let short = Limits { message_bytes_max: 150, ..Limits::default() };
    assert!(to_ttlv(Encoding::Json, json.as_bytes(), &short).is_err());
}

/// Examples of Additional Message Encodings §4.1.6 and §6.1.6.
#[test]
fn examples_of_the_document() {
    let date = values(
        r#"<TTLV tag="0x420001" name="ActivationDate" type="DateTime" value="2001-01-01T10:00:00+10:00"/>"#,
        r#"{"tag": "ActivationDate", "type":"DateTime", "value":"2001-01-01T10:00:00+10:00"}"#,
    );
    assert_eq!(date, Value::DateTime(Date(978_307_200)));
    let extension = values(
        r#"<TTLV tag="0x545352" name="SomeExtension" type="TextString" value="This is an extension"/>"#,
        r#"{"tag": "0x545352", "type":"TextString", "value":"This is an extension"}"#,
    );
    assert_eq!(extension, Value::text("This is an extension"));
    let empty = values(
        r#"<PrivateKeyTemplateAttribute type="Structure"/>"#,
        r#"{"tag": "PrivateKeyTemplateAttribute", "type":"Structure", "value":null}"#,
    );
    assert_eq!(empty, Value::Structure(vec![]));
    let long =
        values(r#"<x540001 type="LongInteger" value="-2"/>"#, r#"{"tag":"0x540001","type":"LongInteger","value":-2}"#);
    assert_eq!(long, Value::LongInteger(-2));
    let large = values(
        r#"<UsageLimitsCount type="LongInteger" value="1152921504606846976"/>"#,
        r#"{"tag": "UsageLimitsCount", "type":"LongInteger", "value":"0x1000000000000000"}"#,
    );
    assert_eq!(large, Value::LongInteger(1 << 60));
    let field = Field::new(Tag::UsageLimitsCount, large);
    assert!(json::write(&field, Version::V1_4).contains("\"0x1000000000000000\""));
    let zero =
        values(r#"<X type="BigInteger" value="0000000000000000"/>"#, r#"{"tag":"X","type":"BigInteger","value":0}"#);
    assert_eq!(zero, Value::BigInteger(BigInt::from_signed(&[])));
    let object = values(
        r#"<ObjectType type="Enumeration" value="SymmetricKey"/>"#,
        r#"{"tag": "0x420057", "type":"Enumeration", "value":2}"#,
    );
    assert_eq!(object, Value::Enumeration(2));
    let boolean = values(
        r#"<BatchOrderOption type="Boolean" value="true"/>"#,
        r#"{"tag": "BatchOrderOption", "type":"Boolean", "value":"0x0000000000000001"}"#,
    );
    assert_eq!(boolean, Value::Boolean(true));
    let interval = values(
        r#"<Offset type="Interval" value="27"/>"#,
        r#"{"tag": "Offset", "type":"Interval", "value":"0x0000001b"}"#,
    );
    assert_eq!(interval, Value::Interval(27));
}

/// An attribute of 1.x takes the enumeration or mask of its name; one of a vendor does not.
#[test]
fn attribute_values_take_the_names_of_their_attribute() {
    let attribute = |inside: &str| {
        let field = xml::read(format!("<Attribute>{inside}</Attribute>"), &Limits::default()).unwrap();
        (field.value.field(Tag::AttributeValue).cloned().unwrap(), xml::write(&field, Version::V1_4))
    };
    let (value, text) = attribute(
        r#"<AttributeName type="TextString" value="Cryptographic Usage Mask"/>
           <AttributeIndex type="Integer" value="0"/><AttributeValue type="Integer" value="Decrypt Encrypt"/>"#,
    );
    assert_eq!(value, Value::Integer(12));
    assert!(text.contains(r#"value="Encrypt Decrypt""#));
    let (value, _) = attribute(
        r#"<AttributeName type="TextString" value="State"/><AttributeValue type="Enumeration" value="Active"/>"#,
    );
    assert_eq!(value, Value::Enumeration(2));
    let (_, text) = attribute(
        r#"<VendorIdentification type="TextString" value="x"/><AttributeName type="TextString" value="State"/>
           <AttributeValue type="Enumeration" value="0x00000002"/>"#,
    );
    assert!(text.contains("0x00000002"));
    let reference = Field::new(Tag::AttributeReference, Value::Enumeration(Tag::State.0));
    assert!(xml::write(&reference, Version::V2_1).contains(r#"value="State""#));
}

#[test]
fn faults_say_what_and_where() {
    use Encoding::{Json, Xml};
    let inside = |text: &str| format!("<RequestMessage><BatchItem>{text}</BatchItem></RequestMessage>");
    let xml = |text: &str| fault(Xml, &inside(text));
    assert_eq!(
        xml(r#"<Operation type="Enumeration" value="Dance"/>"#),
        "'Dance' is no value of Operation (at RequestMessage/BatchItem/Operation)"
    );
    assert_eq!(
        xml(r#"<KeyMaterial type="ByteString" value="00112"/>"#),
        "the value is no Byte String: an even number of hexadecimal digits \
         (at RequestMessage/BatchItem/KeyMaterial)"
    );
    assert_eq!(xml("<Operations2/>"), "unknown tag 'Operations2' (at RequestMessage/BatchItem)");
    assert!(xml(r#"<Operation type="Enumeration"/>"#).starts_with("the value attribute is missing"));
    assert!(xml(r#"<Operation type="Enumeration" value="Get">x</Operation>"#).contains("has content"));
    assert!(xml("&lt;").contains("text between the elements"));
    assert!(xml(r#"<Comment type="TextString" value="&x;"/>"#).contains("not well-formed"));
    assert!(xml(r#"<Comment type="TextString" value="&#1;"/>"#).contains("does not allow"));
    assert!(fault(Xml, "<!DOCTYPE x [<!ENTITY x \"y\">]><RequestMessage/>").contains("document type"));
    assert!(fault(Xml, "<RequestMessage>").contains("ends before"));
    assert!(fault(Xml, "<RequestMessage></BatchItem>").contains("not well-formed"));
    assert!(fault(Xml, "<RequestMessage/><RequestMessage/>").contains("second message"));
    assert!(fault(Xml, "").contains("ends before"));
    assert_eq!(fault(Json, "{\"tag\":"), "the text is not well-formed JSON (at line 1, column 7)");
    assert_eq!(fault(Json, "[]"), "an item is not an object (at the beginning)");
    assert_eq!(
        fault(Json, r#"{"tag":"BatchItem","value":[{"tag":"BatchCount","type":"Integer","value":4294967296}]}"#),
        "the value does not fit the type Integer (at BatchItem/BatchCount)"
    );
    assert!(fault(Json, r#"{"tag":"BatchItem","value":"x"}"#).contains("not an array"));
}

#[test]
fn depth_and_count_are_bounded() {
    let limits = Limits { depth_max: 3, items_max: 10, ..Limits::default() };
    let nested = |levels: usize| {
        let json = r#"{"tag":"BatchItem","value":["#.repeat(levels) + &"]}".repeat(levels);
        [(Encoding::Xml, "<BatchItem>".repeat(levels) + &"</BatchItem>".repeat(levels)), (Encoding::Json, json)]
    };
    for (encoding, text) in nested(3) {
        assert!(encoding.read(text.as_bytes(), &limits).is_ok());
    }
    for levels in [4, 1000] {
        for (encoding, text) in nested(levels) {
            let error = encoding.read(text.as_bytes(), &limits).unwrap_err().to_string();
            assert!(error.contains("deeper") || error.contains("more items"), "{error}");
        }
    }
    let wide = format!("<BatchItem>{}</BatchItem>", "<BatchItem/>".repeat(10));
    assert!(xml::read(wide, &limits).unwrap_err().to_string().contains("more items"));
    let wide = format!(r#"{{"tag":"BatchItem","value":[{}{{}}]}}"#, "{},".repeat(9));
    assert!(json::read(wide, &limits).unwrap_err().to_string().contains("more items"));
    let attributes: String = (0..20).map(|at| format!(" a{at}=\"\"")).collect();
    assert!(fault(Encoding::Xml, &format!("<BatchItem{attributes}/>")).contains("too many attributes"));
    let short = Limits { message_bytes_max: 1, ..Limits::default() };
    assert!(xml::read("<RequestMessage/>", &short).unwrap_err().to_string().contains("longer"));
}

#[test]
fn what_xml_cannot_carry_is_replaced() {
    let field = Field::new(Tag::Comment, Value::text("a\0b\u{1}c\u{FFFE}"));
    let back = xml::read(xml::write(&field, Version::V2_1), &Limits::default()).unwrap();
    assert_eq!(back.value, Value::text("a\u{FFFD}b\u{FFFD}c\u{FFFD}"));
}

#[test]
fn content_types() {
    assert_eq!(Encoding::of_content_type("Text/XML; charset=utf-8"), Some(Encoding::Xml));
    assert_eq!(Encoding::of_content_type("application/json"), Some(Encoding::Json));
    assert_eq!(Encoding::of_content_type("application/octet-stream"), None);
}
