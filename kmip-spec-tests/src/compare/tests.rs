//! Made answers against templates: what has to pass, and what must not.

use keyhaven::base::Limits;

use super::*;
use crate::template;

const START: i64 = 1_700_000_000;

/// A run of one made case.
struct Run {
    state: State,
    stem: &'static str,
    version: Version,
}

impl Run {
    fn new(version: Version) -> Self {
        Self { state: State::new(START), stem: "X-M-1", version }
    }

    /// The paths of the differences between a template and an answer, both given as what stands in the batch item.
    fn paths(&mut self, request: &str, expected: &str, answer: &str) -> Vec<String> {
        let message = |name: &str, inside: &str| format!("<{name}><BatchItem>{inside}</BatchItem></{name}>");
        let template = template::read(&message("RequestMessage", request)).unwrap();
        let request = template::fill(&message("RequestMessage", request), |name| self.state.resolve(name)).unwrap();
        self.state.note_request(&request);
        let expected = template::read(&message("ResponseMessage", expected)).unwrap();
        let answer = xml::read(message("ResponseMessage", answer), &Limits::default()).unwrap();
        let case = Case { stem: self.stem, version: self.version, request: &request, template: &template };
        let differences = compare(case, &expected, &answer, &mut self.state);
        differences.into_iter().map(|difference| difference.path.replace("ResponseMessage/BatchItem[0]/", "")).collect()
    }

    fn passes(&mut self, request: &str, expected: &str, answer: &str) {
        assert_eq!(self.paths(request, expected, answer), Vec::<String>::new());
    }
}

fn operation_of(name: &str) -> String {
    format!(r#"<Operation type="Enumeration" value="{name}"/>"#)
}

fn payload(operation: &str, inside: &str) -> String {
    format!("{}<ResponsePayload>{inside}</ResponsePayload>", operation_of(operation))
}

fn ask(operation: &str, inside: &str) -> String {
    format!("{}<RequestPayload>{inside}</RequestPayload>", operation_of(operation))
}

fn id(value: &str) -> String {
    format!(r#"<UniqueIdentifier type="TextString" value="{value}"/>"#)
}

fn attribute(name: &str, item_type: &str, value: &str) -> String {
    format!(
        r#"<Attribute><AttributeName type="TextString" value="{name}"/>
           <AttributeValue type="{item_type}" value="{value}"/></Attribute>"#
    )
}

/// A run in which `made` was created and `given` was registered.
fn with_objects(version: Version) -> Run {
    let mut run = Run::new(version);
    for (operation, placeholder, object) in [("Create", "$MADE", "made"), ("Register", "$GIVEN", "given")] {
        run.passes(&ask(operation, ""), &payload(operation, &id(placeholder)), &payload(operation, &id(object)));
    }
    run
}

#[test]
fn structure_order_types_and_values_are_strict() {
    let mut run = Run::new(Version::V1_4);
    let request = ask("Get", &id("a"));
    let status = r#"<ResultStatus type="Enumeration" value="Success"/>"#;
    let object = r#"<ObjectType type="Enumeration" value="SymmetricKey"/>"#;
    let expected = format!("{}{status}<ResponsePayload>{object}{}</ResponsePayload>", operation_of("Get"), id("a"));
    run.passes(&request, &expected, &expected);
    let mut paths = |answer: &str| run.paths(&request, &expected, answer);
    assert_eq!(paths(&expected.replace("Success", "OperationPending")), ["ResultStatus"]);
    assert_eq!(paths(&expected.replace(object, "")), ["ResponsePayload/ObjectType"]);
    assert_eq!(paths(&expected.replace(&id("a"), &(id("a") + &id("b")))), ["ResponsePayload/UniqueIdentifier"]);
    assert_eq!(
        paths(&expected.replace(r#"type="TextString""#, r#"type="Identifier""#)),
        ["ResponsePayload/UniqueIdentifier"]
    );
    let swapped = expected.replace(object, "").replace(&id("a"), &(id("a") + object));
    assert!(!paths(&swapped).is_empty());
    assert_eq!(paths(&expected.replace(status, "")), ["ResultStatus"]);
}

#[test]
fn placeholders_are_bound_by_their_first_answer() {
    let mut run = Run::new(Version::V2_1);
    run.passes(&ask("Create", ""), &payload("Create", &id("$A")), &payload("Create", &id("one")));
    let get = ask("Activate", &id("$A"));
    run.passes(&get, &payload("Activate", &id("$A")), &payload("Activate", &id("one")));
    assert_eq!(
        run.paths(&get, &payload("Activate", &id("$A")), &payload("Activate", &id("two"))),
        ["ResponsePayload/UniqueIdentifier"]
    );
}

#[test]
fn now_is_the_time_of_the_run() {
    let mut run = Run::new(Version::V2_1);
    run.state.now = START + 10;
    let date = |value: &str| format!(r#"<TimeStamp type="DateTime" value="{value}"/>"#);
    let seconds = |offset: i64| date(&format!("0x{:016x}", START + offset));
    run.passes("", &date("$NOW"), &seconds(-1));
    run.passes("", &date("$NOW"), &seconds(11));
    run.passes("", &date("$NOW-3600"), &seconds(-3600));
    assert_eq!(run.paths("", &date("$NOW"), &seconds(60)), ["TimeStamp"]);
    assert_eq!(run.paths("", &date("$NOW-3600"), &seconds(0)), ["TimeStamp"]);
    // A literal time stamp is illustrative.
    run.passes("", &date("2013-06-26T09:09:17+00:00"), &seconds(0));
}

#[test]
fn dates_that_the_client_fixed_come_back_others_are_illustrations() {
    let fixed = "1970-01-01T00:00:06+00:00";
    let mut run = Run::new(Version::V1_0);
    let change = ask("AddAttribute", &attribute("Activation Date", "DateTime", fixed));
    run.passes(&change, &operation_of("AddAttribute"), &operation_of("AddAttribute"));
    let names = r#"<AttributeName type="TextString" value="Activation Date"/>
                   <AttributeName type="TextString" value="Initial Date"/>"#;
    let answer = |activation: &str, initial: &str| {
        let dates =
            attribute("Activation Date", "DateTime", activation) + &attribute("Initial Date", "DateTime", initial);
        payload("GetAttributes", &dates)
    };
    let other = "2020-01-01T00:00:00+00:00";
    run.passes(&ask("GetAttributes", names), &answer(fixed, fixed), &answer(fixed, other));
    assert_eq!(
        run.paths(&ask("GetAttributes", names), &answer(fixed, fixed), &answer(other, fixed)),
        ["ResponsePayload/Attribute(ActivationDate)/AttributeValue"]
    );
}

#[test]
fn key_bytes_are_free_only_where_the_server_made_them() {
    let mut run = with_objects(Version::V1_0);
    let answer = |object: &str, bytes: &str| {
        let key = format!(r#"<KeyMaterial type="ByteString" value="{bytes}"/>"#);
        payload(
            "Get",
            &(id(object) + "<SymmetricKey><KeyBlock><KeyValue>" + &key + "</KeyValue></KeyBlock></SymmetricKey>"),
        )
    };
    let path = ["ResponsePayload/SymmetricKey/KeyBlock/KeyValue/KeyMaterial"];
    run.passes(&ask("Get", &id("$MADE")), &answer("$MADE", "0011"), &answer("made", "abcd"));
    // The same illustration stands for the same bytes, and the length is not free.
    assert_eq!(run.paths(&ask("Get", &id("$MADE")), &answer("$MADE", "0011"), &answer("made", "ffff")), path);
    assert_eq!(run.paths(&ask("Get", &id("$MADE")), &answer("$MADE", "2233"), &answer("made", "ff")), path);
    assert_eq!(run.paths(&ask("Get", &id("$GIVEN")), &answer("$GIVEN", "0011"), &answer("given", "abcd")), path);
}

#[test]
fn outputs_are_free_with_made_keys_or_random_operations() {
    let mut run = with_objects(Version::V1_4);
    let data = |bytes: &str| format!(r#"<Data type="ByteString" value="{bytes}"/>"#);
    let answer = |object: &str, bytes: &str| payload("Encrypt", &(id(object) + &data(bytes)));
    let encrypt = |object: &str, parameters: &str| ask("Encrypt", &(id(object) + parameters + &data("00")));
    run.passes(&encrypt("$MADE", ""), &answer("$MADE", "0102"), &answer("made", "0304"));
    let path = ["ResponsePayload/Data"];
    assert_eq!(run.paths(&encrypt("$GIVEN", ""), &answer("$GIVEN", "0102"), &answer("given", "0304")), path);
    let oaep = r#"<CryptographicParameters><PaddingMethod type="Enumeration" value="OAEP"/></CryptographicParameters>"#;
    run.passes(&encrypt("$GIVEN", oaep), &answer("$GIVEN", "0102"), &answer("given", "0304"));
    // What was fed back has to come out as it went in.
    run.passes(&encrypt("$MADE", ""), &answer("$MADE", "$DATA_0"), &answer("made", "0506"));
    let decrypt = ask("Decrypt", &(id("$MADE") + &data("$DATA_0")));
    let plain = |bytes: &str| payload("Decrypt", &(id("made") + &data(bytes)));
    assert_eq!(run.paths(&decrypt, &plain("00"), &plain("01")), path);
    run.passes(&decrypt, &plain("00"), &plain("00"));
}

#[test]
fn parameters_of_the_object_make_a_signature_random() {
    let mut run = Run::new(Version::V1_2);
    let pss = r#"<CryptographicParameters><PaddingMethod type="Enumeration" value="PSS"/></CryptographicParameters>"#;
    run.passes(&ask("Register", pss), &payload("Register", &id("$A")), &payload("Register", &id("pss")));
    run.passes(&ask("Register", ""), &payload("Register", &id("$B")), &payload("Register", &id("plain")));
    let answer = |object: &str, bytes: &str| {
        payload("Sign", &format!(r#"{}<SignatureData type="ByteString" value="{bytes}"/>"#, id(object)))
    };
    run.passes(&ask("Sign", &id("$A")), &answer("$A", "01"), &answer("pss", "02"));
    assert_eq!(
        run.paths(&ask("Sign", &id("$B")), &answer("$B", "01"), &answer("plain", "02")),
        ["ResponsePayload/SignatureData"]
    );
}

#[test]
fn a_digest_is_reproducible_over_registered_bytes() {
    let mut run = with_objects(Version::V2_1);
    let answer = |object: &str, hash: &str, bytes: &str| {
        let digest = format!(
            r#"<Digest><HashingAlgorithm type="Enumeration" value="{hash}"/>
               <DigestValue type="ByteString" value="{bytes}"/></Digest>"#
        );
        payload("GetAttributes", &format!("{}<Attributes>{digest}</Attributes>", id(object)))
    };
    let names = r#"<AttributeReference type="Enumeration" value="Digest"/>"#;
    let given = ask("GetAttributes", &(id("$GIVEN") + names));
    let path = ["ResponsePayload/Attributes/Digest/DigestValue"];
    assert_eq!(run.paths(&given, &answer("$GIVEN", "SHA_256", "00"), &answer("given", "SHA_256", "11")), path);
    run.passes(&given, &answer("$GIVEN", "SHA_256", "00"), &answer("given", "SHA_512", "11"));
    let made = ask("GetAttributes", &(id("$MADE") + names));
    run.passes(&made, &answer("$MADE", "SHA_256", "00"), &answer("made", "SHA_256", "11"));
}

#[test]
fn more_attributes_are_welcome_unless_a_list_was_asked_for() {
    let mut run = Run::new(Version::V1_4);
    let (state, length) =
        (attribute("State", "Enumeration", "Active"), attribute("Cryptographic Length", "Integer", "128"));
    let more = attribute("Extractable", "Boolean", "true");
    let answer = |inside: &[&str]| payload("GetAttributes", &inside.concat());
    let all = ask("GetAttributes", "");
    run.passes(&all, &answer(&[&state, &length]), &answer(&[&length, &more, &state]));
    assert_eq!(run.paths(&all, &answer(&[&state, &length]), &answer(&[&more, &state])), ["ResponsePayload/Attribute"]);
    let wrong = attribute("State", "Enumeration", "Destroyed");
    assert_eq!(
        run.paths(&all, &answer(&[&state]), &answer(&[&wrong])),
        ["ResponsePayload/Attribute(State)/AttributeValue"]
    );
    let list = ask("GetAttributes", r#"<AttributeName type="TextString" value="State"/>"#);
    assert_eq!(run.paths(&list, &answer(&[&state]), &answer(&[&state, &more])), ["ResponsePayload/Attribute"]);
    assert!(!run.paths(&list, &answer(&[&state, &length]), &answer(&[&length, &state])).is_empty());
}

#[test]
fn an_attribute_index_of_zero_is_free_since_1_1() {
    let indexed = |index: &str| {
        format!(
            r#"<Attribute><AttributeName type="TextString" value="State"/>
               <AttributeIndex type="Integer" value="{index}"/>
               <AttributeValue type="Enumeration" value="Active"/></Attribute>"#
        )
    };
    let plain = attribute("State", "Enumeration", "Active");
    let answer = |inside: &str| payload("ModifyAttribute", inside);
    let request = ask("ModifyAttribute", "");
    for version in [Version::V1_1, Version::V1_4] {
        Run::new(version).passes(&request, &answer(&plain), &answer(&indexed("0")));
        Run::new(version).passes(&request, &answer(&indexed("0")), &answer(&plain));
        assert!(!Run::new(version).paths(&request, &answer(&plain), &answer(&indexed("1"))).is_empty());
    }
    assert!(!Run::new(Version::V1_0).paths(&request, &answer(&plain), &answer(&indexed("0"))).is_empty());
}

#[test]
fn locate_has_an_order_since_2_0() {
    for (version, strict) in [(Version::V1_4, false), (Version::V2_1, true)] {
        let mut run = with_objects(version);
        let answer = |ids: [&str; 2]| payload("Locate", &ids.map(id).concat());
        let paths = run.paths(&ask("Locate", ""), &answer(["$MADE", "$GIVEN"]), &answer(["given", "made"]));
        assert_eq!(!paths.is_empty(), strict, "{version}");
        let paths = run.paths(&ask("Locate", ""), &answer(["$MADE", "$GIVEN"]), &answer(["made", "made"]));
        assert!(!paths.is_empty());
        let three = payload("Locate", &["made", "given", "third"].map(id).concat());
        assert!(!run.paths(&ask("Locate", ""), &answer(["$MADE", "$GIVEN"]), &three).is_empty());
    }
}

#[test]
fn a_query_may_answer_more_and_in_some_cases_anything() {
    let list = |names: &[&str]| payload("Query", &names.iter().map(|name| operation_of(name)).collect::<String>());
    let request = ask("Query", r#"<QueryFunction type="Enumeration" value="QueryOperations"/>"#);
    let mut run = Run::new(Version::V1_4);
    run.passes(&request, &list(&["Get", "Locate"]), &list(&["Locate", "Create", "Get"]));
    assert_eq!(run.paths(&request, &list(&["Get", "Locate"]), &list(&["Locate"])), ["ResponsePayload/Operation"]);
    run.stem = "MSGENC-XML-M-1-14";
    run.passes(&request, &list(&["Get", "Notify"]), &list(&["Locate"]));
    let vendor = |name: &str| format!(r#"<VendorIdentification type="TextString" value="{name}"/>"#);
    run.passes(&request, &payload("Query", &vendor("a")), &payload("Query", &vendor("b")));
    run.passes(&request, &payload("Query", &vendor("a")), &payload("Query", ""));
}

#[test]
fn a_failure_keeps_its_reason_and_may_change_its_words() {
    let failure = |reason: &str, words: &str| {
        let words = if words.is_empty() {
            String::new()
        } else {
            format!(r#"<ResultMessage type="TextString" value="{words}"/>"#)
        };
        format!(
            r#"{}<ResultStatus type="Enumeration" value="OperationFailed"/>
               <ResultReason type="Enumeration" value="{reason}"/>{words}"#,
            operation_of("Get")
        )
    };
    let mut run = Run::new(Version::V2_1);
    run.passes(
        &ask("Get", ""),
        &failure("ItemNotFound", "NOT_FOUND"),
        &failure("ItemNotFound", "there is no such object"),
    );
    run.passes(&ask("Get", ""), &failure("ItemNotFound", "NOT_FOUND"), &failure("ItemNotFound", ""));
    run.passes(&ask("Get", ""), &failure("ItemNotFound", ""), &failure("ItemNotFound", "no"));
    assert_eq!(
        run.paths(&ask("Get", ""), &failure("ItemNotFound", ""), &failure("PermissionDenied", "no")),
        ["ResultReason"]
    );
}

#[test]
fn server_values_are_free_unless_the_client_set_them() {
    let answer = |mask: &str| {
        let inside = format!(r#"<ProtectionStorageMask type="Integer" value="{mask}"/>"#);
        payload("GetAttributes", &format!("<Attributes>{inside}</Attributes>"))
    };
    let list = ask("GetAttributes", r#"<AttributeReference type="Enumeration" value="ProtectionStorageMask"/>"#);
    let mut run = Run::new(Version::V2_1);
    run.passes(&list, &answer("Software"), &answer("Hardware"));
    let create = ask("Create", r#"<Attributes><ProtectionStorageMask type="Integer" value="Software"/></Attributes>"#);
    run.passes(&create, &operation_of("Create"), &operation_of("Create"));
    assert_eq!(
        run.paths(&list, &answer("Software"), &answer("Hardware")),
        ["ResponsePayload/Attributes/ProtectionStorageMask"]
    );
}

#[test]
fn a_difference_says_what_was_expected_and_what_came() {
    let mut run = Run::new(Version::V1_4);
    let expected = template::read(&id("a")).unwrap();
    let answer = template::read(&id("b")).unwrap().to_field();
    let case = Case { stem: "X", version: Version::V1_4, request: &answer, template: &expected };
    let differences = compare(case, &expected, &answer, &mut run.state);
    assert_eq!(
        differences[0].to_string(),
        "UniqueIdentifier\n    expected <UniqueIdentifier type=\"TextString\" value=\"a\"/>\n    \
         got      <UniqueIdentifier type=\"TextString\" value=\"b\"/>"
    );
}
