//! Databases and files as other servers leave them, against the core in memory.

use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::mirror::Mirror;
use super::{Came, Request, ask, files, pykmip};
use crate::base::{Buffer, Date, Limits, Value};
use crate::cli::config::Config;
use crate::cli::config::RootKind;
use crate::cli::init::init;
use crate::cli::seams::RootChoice;
use crate::gate::Core;
use crate::model::ManagedObject;
use crate::registry::{KeyFormatType, ObjectType, Operation, ResultStatus, State, Tag, Version};
use crate::store::EngineKind;
use crate::store::Sequence;
use crate::ttlv::Writer;

/// A folder for files, and the settings of a server.
struct Place {
    _parent: tempfile::TempDir,
    folder: PathBuf,
    config: Config,
}

impl Place {
    fn new() -> Self {
        let parent = tempfile::tempdir().unwrap();
        let data = parent.path().join("data");
        init(&data, &[], EngineKind::default(), RootKind::File, &RootChoice::default()).unwrap();
        let folder = parent.path().to_owned();
        Self { _parent: parent, folder, config: Config::of_data(&data).unwrap() }
    }

    fn mirror(&self) -> Mirror {
        Mirror::new(&self.config).unwrap()
    }

    /// A database of PyKMIP with these rows.
    fn database(&self, rows: &str) -> PathBuf {
        let path = self.folder.join("pykmip.database");
        let _ = fs::remove_file(&path);
        let open = Connection::open(&path).unwrap();
        open.execute_batch(include_str!("pykmip.sql")).unwrap();
        open.execute_batch(rows).unwrap();
        path
    }

    fn file(&self, bytes: &[u8]) -> PathBuf {
        let path = self.folder.join("objects.ttlv");
        fs::write(&path, bytes).unwrap();
        path
    }
}

/// The rows of an AES key of sixteen equal bytes.
fn key(uid: u8, state: State, byte: u8, owner: &str) -> String {
    let value = format!("{byte:02x}").repeat(16);
    let state = state.0;
    format!(
        "INSERT INTO managed_objects VALUES ({uid}, 2, 'SymmetricKey', x'{value}', 1, 'default', 0, 1700000000, {owner});
         INSERT INTO managed_object_names VALUES ({uid}, {uid}, 'key {uid}', 0, 1);
         INSERT INTO crypto_objects VALUES ({uid}, 12, {state});
         INSERT INTO keys (uid, cryptographic_algorithm, cryptographic_length, key_format_type) VALUES ({uid}, 3, 128, 1);"
    )
}

fn played(mirror: &Mirror, requests: &[Request]) -> Vec<Came> {
    requests.iter().map(|request| mirror.expect(request, None).unwrap()).collect()
}

fn object(core: &Core, id: &str) -> ManagedObject {
    let kept = core.keep().load(id, &mut Sequence::default()).unwrap();
    (*kept.unwrap_or_else(|| panic!("{id} is not there")).object).clone()
}

#[test]
fn every_state_comes_with_names_groups_and_application_data() {
    let place = Place::new();
    let states = [
        State::PreActive,
        State::Active,
        State::Deactivated,
        State::Compromised,
        State::Destroyed,
        State::DestroyedCompromised,
    ];
    let rows: Vec<_> = (1..).zip(states).map(|(uid, state)| key(uid, state, uid, "'old'")).collect();
    let more = "INSERT INTO object_groups VALUES (5, 'group'); INSERT INTO object_group_map VALUES (2, 5);
                INSERT INTO app_specific_info VALUES (6, 'space', 'data');
                INSERT INTO app_specific_info_map VALUES (2, 6);";
    let database = place.database(&(rows.concat() + more));
    let mirror = place.mirror();
    let requests = pykmip::read(&database, None, &[("old".into(), "new".into())]).unwrap();
    assert_eq!(requests.len(), states.len());
    assert!(played(&mirror, &requests).iter().all(|came| matches!(came, Came::In)));
    for (uid, state) in (1..).zip(states) {
        let object = object(mirror.core(), &format!("{uid}"));
        assert_eq!(object.state(Date(1_800_000_000)), state);
        assert_eq!(&*object.owner, "new");
        let name = object.attributes.value(Tag::Name).and_then(|name| name.field(Tag::NameValue));
        assert_eq!(name.and_then(Value::as_text), Some(&*format!("key {uid}")));
        assert_eq!(object.attributes.value(Tag::InitialDate), Some(&Value::DateTime(Date(1_700_000_000))));
        assert_eq!(object.attributes.has(Tag::ObjectGroup), uid == 2);
        assert_eq!(object.attributes.has(Tag::ApplicationSpecificInformation), uid == 2);
    }
}

#[test]
fn what_is_here_is_told_from_another_object() {
    let place = Place::new();
    let (here, again) = (place.mirror(), place.mirror());
    let one = || key(1, State::Active, 7, "'old'");
    let read = |rows: &str, owner: Option<&str>| pykmip::read(&place.database(rows), owner, &[]).unwrap().remove(0);
    let first = read(&one(), None);
    assert!(matches!(ask(here.core(), &first), Came::In));
    assert!(matches!(ask(here.core(), &first), Came::There));
    let keep = here.core().keep();
    assert!(matches!(again.expect(&first, Some(keep)).unwrap(), Came::There));
    for (other, words) in [
        (read(&key(1, State::Active, 8, "'old'"), None), "they differ in key material"),
        (read(&key(1, State::Active, 7, "'other'"), None), "they differ in owner"),
        (read(&key(1, State::Active, 7, "NULL"), Some("heir")), "they differ in owner"),
        (read(&key(1, State::Compromised, 7, "'old'"), None), "State"),
        (read(&one().replace("'key 1'", "'another'"), None), "they differ in Name"),
        (read(&one().replace("(1,", "(2,").replace(", 1, 'key 1'", ", 2, 'key 1'"), None), "that of object 1"),
    ] {
        match place.mirror().expect(&other, Some(keep)).unwrap() {
            Came::Refused(why) => assert!(why.contains(words), "{words}: {why}"),
            Came::In | Came::There => panic!("{words}"),
        }
    }
}

#[test]
fn a_database_of_another_kind_is_named() {
    let place = Place::new();
    let rows = key(1, State::Active, 7, "'old'");
    for (change, words) in [
        ("ALTER TABLE keys RENAME COLUMN key_format_type TO other;", "key_format_type"),
        ("DROP TABLE split_keys;", "split_keys"),
        ("UPDATE managed_objects SET owner = NULL;", "--owner"),
    ] {
        let database = place.database(&(rows.clone() + change));
        let failure = pykmip::read(&database, None, &[]).err().unwrap();
        assert!(failure.words.contains(words), "{}", failure.words);
    }
    assert!(pykmip::read(Path::new("/nowhere/at.all"), None, &[]).is_err());
}

fn secret(out: &mut Writer) {
    out.structure(Tag::SecretData, |out| {
        out.enumeration(Tag::SecretDataType, 1);
        out.structure(Tag::KeyBlock, |out| {
            out.enumeration(Tag::KeyFormatType, KeyFormatType::Opaque.0);
            out.structure(Tag::KeyValue, |out| out.byte_string(Tag::KeyMaterial, b"secret"));
        });
    });
}

/// The attribute that tells whether attributes come along, and one that is required.
fn attributes(out: &mut Writer, version: Version) {
    let one = |out: &mut Writer, name: &str, fill: &dyn Fn(&mut Writer)| {
        out.structure(Tag::Attribute, |out| {
            out.text(Tag::AttributeName, name);
            fill(out);
        });
    };
    if version.is_1x() {
        one(out, "Cryptographic Usage Mask", &|out| out.integer(Tag::AttributeValue, 12));
        return one(out, "Contact Information", &|out| out.text(Tag::AttributeValue, "desk"));
    }
    out.structure(Tag::Attributes, |out| {
        out.integer(Tag::CryptographicUsageMask, 12);
        out.text(Tag::ContactInformation, "desk");
    });
}

fn written(fill: impl FnOnce(&mut Writer)) -> Buffer {
    let mut out = Writer::default();
    fill(&mut out);
    out.finish()
}

fn id(out: &mut Writer, id: &str) {
    out.text(Tag::UniqueIdentifier, id);
}

/// An operation, how it ended, and what writes its payload.
type Answered<'a> = (Operation, ResultStatus, &'a dyn Fn(&mut Writer));

/// A Response Message.
fn answer(version: Version, items: &[Answered<'_>]) -> Buffer {
    let (major, minor) = version.numbers();
    written(|out| {
        out.structure(Tag::ResponseMessage, |out| {
            out.structure(Tag::ResponseHeader, |out| {
                out.structure(Tag::ProtocolVersion, |out| {
                    out.integer(Tag::ProtocolVersionMajor, major);
                    out.integer(Tag::ProtocolVersionMinor, minor);
                });
                out.date_time(Tag::TimeStamp, Date(1_700_000_000));
                out.integer(Tag::BatchCount, items.len() as i32);
            });
            for (operation, status, fill) in items {
                out.structure(Tag::BatchItem, |out| {
                    out.enumeration(Tag::Operation, operation.0);
                    out.enumeration(Tag::ResultStatus, status.0);
                    out.structure(Tag::ResponsePayload, fill);
                });
            }
        });
    })
}

const DONE: ResultStatus = ResultStatus::Success;

#[test]
fn answers_of_other_servers_become_objects() {
    let place = Place::new();
    for version in [Version::V1_0, Version::V1_2, Version::V1_4, Version::V2_0, Version::V2_1] {
        let get = |out: &mut Writer| {
            out.enumeration(Tag::ObjectType, ObjectType::SecretData.0);
            id(out, "one");
            secret(out);
        };
        let described = |out: &mut Writer| {
            id(out, "one");
            attributes(out, version);
        };
        let export = |out: &mut Writer| {
            out.enumeration(Tag::ObjectType, ObjectType::SecretData.0);
            id(out, "two");
            attributes(out, version);
            secret(out);
        };
        let both = answer(version, &[(Operation::Get, DONE, &get), (Operation::GetAttributes, DONE, &described)]);
        let other = answer(version, &[(Operation::Export, DONE, &export)]);
        let file = place.file(&[&both[..], &other[..]].concat());
        let requests = files::read(&file, "heir", &Limits::default()).unwrap();
        let mirror = place.mirror();
        for (request, came) in requests.iter().zip(played(&mirror, &requests)) {
            match came {
                Came::In => {}
                Came::There => panic!("{version} {}", request.what),
                Came::Refused(why) => panic!("{version} {}: {why}", request.what),
            }
        }
        for one in ["one", "two"] {
            let object = object(mirror.core(), one);
            assert_eq!(&*object.owner, "heir");
            let contact = object.attributes.value(Tag::ContactInformation).and_then(Value::as_text);
            assert_eq!(contact, Some("desk"), "{version} {one}");
            let body = mirror.core().keep().body(&object, &mut Sequence::default()).unwrap().unwrap();
            assert_eq!(body.bytes.expose(), b"secret");
        }
    }
}

#[test]
fn payloads_alone_are_read() {
    let place = Place::new();
    for version in [Version::V1_4, Version::V2_1] {
        let object_type = |out: &mut Writer| out.enumeration(Tag::ObjectType, ObjectType::SecretData.0);
        let register = written(|out| {
            out.structure(Tag::RequestPayload, |out| {
                object_type(out);
                if version.is_1x() {
                    out.structure(Tag::TemplateAttribute, |out| attributes(out, version));
                } else {
                    attributes(out, version);
                }
                secret(out);
            });
        });
        let import = |tag| {
            written(|out| {
                out.structure(tag, |out| {
                    id(out, if tag == Tag::RequestPayload { "three" } else { "four" });
                    object_type(out);
                    attributes(out, version);
                    secret(out);
                });
            })
        };
        let all = [&register[..], &import(Tag::RequestPayload), &import(Tag::ResponsePayload)].concat();
        let requests = files::read(&place.file(&all), "heir", &Limits::default()).unwrap();
        let mirror = place.mirror();
        for came in played(&mirror, &requests) {
            assert!(matches!(came, Came::In), "{version}");
        }
        object(mirror.core(), "three");
        object(mirror.core(), "four");
    }
}

#[test]
fn what_holds_no_object_is_refused_with_its_place() {
    let place = Place::new();
    let nothing = |_: &mut Writer| {};
    let named = |out: &mut Writer| id(out, "one");
    let v = Version::V1_4;
    let good = answer(v, &[]);
    for (bad, words) in [
        (Buffer::copy_from(b"text"), "no message and no payload"),
        (Buffer::copy_from(&good[..24]), "cut off"),
        (answer(v, &[(Operation::Get, ResultStatus::OperationFailed, &nothing)]), "not successful"),
        (answer(v, &[(Operation::Locate, DONE, &named)]), "only those of Get and Export"),
        (answer(v, &[(Operation::GetAttributes, DONE, &named)]), "without the object"),
        (answer(v, &[(Operation::Get, DONE, &named)]), "holds no object"),
        (answer(v, &[(Operation::Get, DONE, &secret)]), "no Unique Identifier"),
    ] {
        let file = place.file(&[&good[..], &bad[..]].concat());
        let failure = files::read(&file, "heir", &Limits::default()).err().unwrap();
        assert!(failure.words.contains(words), "{words}: {}", failure.words);
        assert!(failure.words.contains(&format!("objects.ttlv, byte {}", good.len())), "{}", failure.words);
    }
}
