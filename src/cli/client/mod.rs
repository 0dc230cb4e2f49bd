//! `keyhaven client`: what an operator does over KMIP from the shell, against any KMIP server.

mod arguments;
mod attributes;
mod certificates;
mod connection;
mod message;
mod requests;
mod show;

use std::time::Duration;

use rustls_pki_types::pem::{PemObject, SectionKind};
use serde_json::{Value as Json, json};
use time::OffsetDateTime;
use zeroize::Zeroizing;

pub use self::arguments::ClientCommand;
use self::arguments::{ClientVerb, Describe, Reach, RegisterKind};
use self::attributes::Attribute;
use self::connection::{Connection, Endpoint};
use self::message::Credential;
use self::requests::{Kind, Registered};
use super::failure::Failure;
use super::files::{self, SECRET};
use super::pki::{Pki, check_name};
use super::users::read_password;
use crate::base::{Buffer, Date, Value};
use crate::registry::{
    CryptographicAlgorithm, CryptographicUsageMask, KeyFormatType, ObjectType, Operation, QueryFunction,
    RevocationReasonCode, SecretDataType, Tag, Version,
};
use crate::ttlv::{Item, Writer};

/// Runs the command.
pub fn run(command: ClientCommand) -> Result<(), Failure> {
    let json = command.json;
    if matches!(command.verb, ClientVerb::Get { out: None, show: false, .. }) {
        return Err(Failure::usage("say where the bytes go: --out FILE, or --show for the terminal"));
    }
    let mut client = Client::open(command.reach)?;
    match command.verb {
        ClientVerb::Create { algorithm, length, describe } => client.create(algorithm, length, &describe, json),
        ClientVerb::Register { file, kind, algorithm, length, format, describe } => {
            let material = files::read(&file)?;
            let object = registered(kind, material, algorithm, length, format)?;
            client.register(&object, &describe, json)
        }
        ClientVerb::Get { id, out, show, format } => client.get(&id, out.as_deref(), show, format, json),
        ClientVerb::Locate { name, object_type, state, algorithm, custom, max, offset } => {
            let enumeration = |tag, value| Attribute::Standard(tag, Value::Enumeration(value));
            let mut wanted: Vec<Attribute> = name.map(Attribute::Name).into_iter().collect();
            wanted.extend(object_type.map(|value| enumeration(Tag::ObjectType, value.0)));
            wanted.extend(state.map(|value| enumeration(Tag::State, value.0)));
            wanted.extend(algorithm.map(|value| enumeration(Tag::CryptographicAlgorithm, value.0)));
            wanted.extend(custom.into_iter().map(|(name, text)| Attribute::Custom(name, text)));
            client.locate(&wanted, max, offset, json)
        }
        ClientVerb::Certify(certify) => client.certify(&certify, json),
        ClientVerb::Validate { files, ids, at } => client.validate(&files, &ids, at, json),
        ClientVerb::Activate { ids } => client.each(&ids, Operation::Activate, "activated", json, |_, _| ()),
        ClientVerb::Destroy { ids } => client.each(&ids, Operation::Destroy, "destroyed", json, |_, _| ()),
        ClientVerb::Revoke { ids, reason, message } => client.revoke(&ids, reason, message.as_deref(), json),
        ClientVerb::Attributes { id, names } => client.attributes(&id, &names, json),
        ClientVerb::Query { functions } => client.query(functions, json),
    }
}

struct Client {
    connection: Connection,
    version: Version,
    credential: Option<Credential>,
}

impl Client {
    fn open(reach: Reach) -> Result<Self, Failure> {
        let credential = match (reach.user, reach.password_file) {
            (None, None) => None,
            (Some(user), Some(file)) => Some(Credential { user, password: read_password(&file)? }),
            _ => return Err(Failure::usage("--user and --password-file go together")),
        };
        let (ca, certificate, key) = match (reach.data, reach.ca, reach.cert, reach.key) {
            (Some(data), ..) => {
                check_name(&reach.client)?;
                let pki = Pki::of_data(&data);
                (pki.ca(), pki.client(&reach.client), pki.client_key(&reach.client))
            }
            (None, Some(ca), Some(certificate), Some(key)) => (ca, certificate, key),
            _ => {
                return Err(Failure::usage(
                    "say who you are: --data DIR [--as NAME], or --ca FILE --cert FILE --key FILE",
                ));
            }
        };
        let timeout = Duration::from_secs(reach.timeout);
        let connection = Connection::open(&Endpoint { server: reach.server, ca, certificate, key, timeout })?;
        Ok(Self { connection, version: reach.kmip, credential })
    }

    /// Sends one operation and gives the bytes of the answer.
    fn ask(&mut self, operation: Operation, fill: impl FnOnce(&mut Writer)) -> Result<Buffer, Failure> {
        if !operation.known_in(self.version) {
            return Err(Failure::usage(format!("KMIP {} has no {operation}; choose another --kmip", self.version)));
        }
        let request = message::request(self.version, self.credential.as_ref(), operation, fill);
        self.connection.exchange(&request)
    }

    fn create(
        &mut self,
        algorithm: CryptographicAlgorithm,
        length: i32,
        describe: &Describe,
        json: bool,
    ) -> Result<(), Failure> {
        let usage = if is_mac(algorithm) {
            CryptographicUsageMask::MACGenerate.0 | CryptographicUsageMask::MACVerify.0
        } else {
            CryptographicUsageMask::Encrypt.0 | CryptographicUsageMask::Decrypt.0
        };
        let mut attributes = vec![
            Attribute::Standard(Tag::CryptographicAlgorithm, Value::Enumeration(algorithm.0)),
            Attribute::Standard(Tag::CryptographicLength, Value::Integer(length)),
        ];
        attributes.extend(described(describe, Some(usage as i32)));
        let version = self.version;
        let answer = self.ask(Operation::Create, |writer| requests::create(writer, version, &attributes))?;
        print_identifier("created", &identifier(&answer)?, json);
        Ok(())
    }

    fn register(&mut self, object: &Registered, describe: &Describe, json: bool) -> Result<(), Failure> {
        let attributes = described(describe, default_usage(object.kind));
        let version = self.version;
        let answer =
            self.ask(Operation::Register, |writer| requests::register(writer, version, object, &attributes))?;
        print_identifier("registered", &identifier(&answer)?, json);
        Ok(())
    }

    fn get(
        &mut self,
        id: &str,
        out: Option<&std::path::Path>,
        show: bool,
        format: Option<KeyFormatType>,
        json: bool,
    ) -> Result<(), Failure> {
        let version = self.version;
        let answer = self.ask(Operation::Get, |writer| requests::get(writer, version, id, format))?;
        let payload = payload(&answer)?;
        let object_type = payload.child(Tag::ObjectType).and_then(|item| item.enumeration()).map(ObjectType);
        let material = material(&payload).ok_or_else(|| {
            Failure::failed("the object has no plain bytes (a structured key format?); ask for one with --format Raw")
        })?;
        if let Some(path) = out {
            files::write_new(path, material.bytes, SECRET)?;
        }
        let shown = show.then(|| Zeroizing::new(show::hex(material.bytes)));
        let object_type = object_type.map(|object_type| object_type.to_string()).unwrap_or_default();
        let file = out.map(|path| path.to_string_lossy().into_owned());
        if json {
            println!(
                "{}",
                json!({
                    "unique_identifier": id,
                    "object_type": object_type,
                    "form": material.form,
                    "bytes": material.bytes.len(),
                    "file": file,
                    "material": shown.as_ref().map(|text| text.as_str()),
                })
            );
            return Ok(());
        }
        let mut table = show::table(&["Identifier", "Type", "Form", "Bytes", "Written to"]);
        let bytes = material.bytes.len().to_string();
        table.add_row([id, &object_type, &material.form, &bytes, file.as_deref().unwrap_or("-")]);
        println!("{table}");
        if let Some(text) = shown {
            println!("{}", *text);
        }
        Ok(())
    }

    fn locate(
        &mut self,
        wanted: &[Attribute],
        maximum: Option<i32>,
        offset: Option<i32>,
        json: bool,
    ) -> Result<(), Failure> {
        let version = self.version;
        if offset.is_some() && !Tag::OffsetItems.known_in(version) {
            return Err(Failure::usage(format!("KMIP {version} has no --offset; use --kmip 1.3 or later")));
        }
        let answer =
            self.ask(Operation::Locate, |writer| requests::locate(writer, version, maximum, offset, wanted))?;
        let payload = payload(&answer)?;
        let found: Vec<&str> = payload
            .children()
            .filter(|item| item.tag == Tag::UniqueIdentifier)
            .filter_map(|item| item.text())
            .collect();
        let total = payload.child(Tag::LocatedItems).and_then(|item| item.integer());
        if json {
            println!("{}", json!({"unique_identifiers": found, "located_items": total}));
            return Ok(());
        }
        found.iter().for_each(|id| println!("{id}"));
        match total {
            Some(total) if total as usize != found.len() => eprintln!("{} of {total} shown", found.len()),
            _ if found.is_empty() => eprintln!("nothing found"),
            _ => {}
        }
        Ok(())
    }

    fn revoke(
        &mut self,
        ids: &[String],
        reason: RevocationReasonCode,
        message: Option<&str>,
        json: bool,
    ) -> Result<(), Failure> {
        let compromise = matches!(reason, RevocationReasonCode::KeyCompromise | RevocationReasonCode::CACompromise);
        let since = compromise.then(now);
        if !reason.known_in(self.version) {
            return Err(Failure::usage(format!("KMIP {} does not know the reason {reason}", self.version)));
        }
        self.each(ids, Operation::Revoke, "revoked", json, |writer, _| {
            requests::revocation(writer, reason, message, since);
        })
    }

    /// Does the same with each object, in order, and stops at the first refusal.
    fn each(
        &mut self,
        ids: &[String],
        operation: Operation,
        done: &str,
        json: bool,
        more: impl Fn(&mut Writer, Version),
    ) -> Result<(), Failure> {
        let version = self.version;
        for id in ids {
            let answer = self.ask(operation, |writer| {
                requests::object(writer, version, id);
                more(writer, version);
            })?;
            message::answer(&answer).map_err(|failure| Failure { words: format!("{id}: {failure}"), ..failure })?;
            print_identifier(done, id, json);
        }
        Ok(())
    }

    fn attributes(&mut self, id: &str, names: &[String], json: bool) -> Result<(), Failure> {
        let version = self.version;
        let mut wrong = None;
        let answer = self.ask(Operation::GetAttributes, |writer| {
            wrong = requests::attributes(writer, version, id, names).err();
        });
        if let Some(words) = wrong {
            return Err(Failure::usage(words));
        }
        let answer = answer?;
        let payload = payload(&answer)?;
        let answered = attributes::read(&payload);
        let rows: Vec<(&str, Json)> = answered
            .iter()
            .filter(|attribute| attribute.tag != Tag::UniqueIdentifier || !version.is_1x())
            .map(|attribute| (attribute.name.as_str(), show::json(&attribute.value, attribute.tag)))
            .collect();
        if json {
            let list: Vec<Json> = rows.into_iter().map(|(name, value)| json!({"name": name, "value": value})).collect();
            println!("{}", json!({"unique_identifier": id, "attributes": list}));
            return Ok(());
        }
        let mut table = show::table(&["Attribute", "Value"]);
        for (name, value) in &rows {
            table.add_row([(*name).to_owned(), show::cell(value)]);
        }
        println!("{table}");
        Ok(())
    }

    fn query(&mut self, functions: Vec<QueryFunction>, json: bool) -> Result<(), Failure> {
        use QueryFunction as Function;
        let usual = vec![Function::QueryOperations, Function::QueryObjects, Function::QueryServerInformation];
        let functions = if functions.is_empty() { usual } else { functions };
        let answer = self.ask(Operation::Query, |writer| requests::query(writer, &functions))?;
        let payload = payload(&answer)?;
        let facts = show::json(&payload, payload.tag);
        if json {
            println!("{facts}");
            return Ok(());
        }
        let mut table = show::table(&["Fact", "Value"]);
        for (name, value) in facts.as_object().into_iter().flatten() {
            let title = Tag::from_name(name).map_or_else(|| name.clone(), |tag| tag.name().into_owned());
            let text = match value {
                Json::Array(list) => list.iter().map(show::cell).collect::<Vec<_>>().join(", "),
                one => show::cell(one),
            };
            table.add_row([title, text]);
        }
        println!("{table}");
        Ok(())
    }
}

fn payload(answer: &[u8]) -> Result<Item<'_>, Failure> {
    message::answer(answer)?.ok_or_else(|| Failure::connection("the server's answer has no payload"))
}

fn identifier(answer: &[u8]) -> Result<String, Failure> {
    let payload = payload(answer)?;
    let id = payload.child(Tag::UniqueIdentifier).and_then(|item| item.text().map(str::to_owned));
    id.ok_or_else(|| Failure::connection("the server's answer has no Unique Identifier"))
}

fn print_identifier(done: &str, id: &str, json: bool) {
    if json {
        println!("{}", json!({"unique_identifier": id, "done": done}));
    } else {
        println!("{done} {id}");
    }
}

/// The bytes of an object.
struct Material<'a> {
    bytes: &'a [u8],
    form: String,
}

/// Key material, certificate or opaque value of a Get answer, where it is plain bytes.
fn material<'a>(payload: &Item<'a>) -> Option<Material<'a>> {
    let values = [Tag::CertificateValue, Tag::OpaqueDataValue, Tag::PGPKey];
    for object in payload.children() {
        if let Some(block) = object.child(Tag::KeyBlock) {
            let form = block.child(Tag::KeyFormatType)?.enumeration()?;
            let value = block.child(Tag::KeyValue)?;
            // A wrapped key's value is bytes, any other's is a structure with the material.
            let bytes = value.byte_string().or_else(|| value.child(Tag::KeyMaterial)?.byte_string())?;
            return Some(Material { bytes, form: show::enumeration(form, Tag::KeyFormatType) });
        }
        if let Some(value) = values.iter().find_map(|tag| object.child(*tag)) {
            return Some(Material { bytes: value.byte_string()?, form: "DER".into() }).map(|found| {
                if object.tag == Tag::OpaqueObject { Material { form: "-".into(), ..found } } else { found }
            });
        }
    }
    None
}

fn described(describe: &Describe, usage: Option<i32>) -> Vec<Attribute> {
    let usage = describe.usage.or(usage);
    let mut attributes: Vec<Attribute> = Vec::new();
    attributes.extend(usage.map(|mask| Attribute::Standard(Tag::CryptographicUsageMask, Value::Integer(mask))));
    attributes.extend(describe.names.iter().cloned().map(Attribute::Name));
    attributes.extend(describe.custom.iter().cloned().map(|(name, text)| Attribute::Custom(name, text)));
    attributes.extend(describe.activate.then(|| Attribute::activation(now())));
    attributes
}

/// The usage of a registered object when the command line gives none; an opaque object has none.
fn default_usage(kind: Kind) -> Option<i32> {
    use CryptographicUsageMask as Usage;
    let mask = match kind {
        Kind::Key { object_type: ObjectType::PrivateKey, .. } => Usage::Sign.0,
        Kind::Key { object_type: ObjectType::PublicKey, .. } | Kind::Certificate => Usage::Verify.0,
        Kind::Key { algorithm, .. } if is_mac(algorithm) => Usage::MACGenerate.0 | Usage::MACVerify.0,
        Kind::Key { .. } => Usage::Encrypt.0 | Usage::Decrypt.0,
        // A password or seed is stored; what its holder derives from it is not the server's work.
        Kind::Secret(_) => 0,
        Kind::Opaque => return None,
    };
    Some(mask as i32)
}

fn is_mac(algorithm: CryptographicAlgorithm) -> bool {
    algorithm.row().is_some_and(|row| row.name.starts_with("HMAC"))
}

fn registered(
    kind: RegisterKind,
    material: Zeroizing<Vec<u8>>,
    algorithm: Option<CryptographicAlgorithm>,
    length: Option<i32>,
    format: Option<KeyFormatType>,
) -> Result<Registered, Failure> {
    let key = |object_type, format, length: Option<i32>| {
        let needed = || Failure::usage("a private or public key needs --algorithm and --length");
        let algorithm = algorithm.ok_or_else(needed)?;
        Ok(Kind::Key { object_type, format, algorithm, length: length.ok_or_else(needed)? })
    };
    let kind = match kind {
        RegisterKind::SymmetricKey => {
            let bits = i32::try_from(material.len().saturating_mul(8)).ok();
            let algorithm = algorithm.unwrap_or(CryptographicAlgorithm::AES);
            let format = format.unwrap_or(KeyFormatType::Raw);
            let length = length.or(bits).ok_or_else(|| Failure::usage("the key is too long"))?;
            Kind::Key { object_type: ObjectType::SymmetricKey, format, algorithm, length }
        }
        RegisterKind::PrivateKey => key(ObjectType::PrivateKey, format.unwrap_or(KeyFormatType::PKCS_8), length)?,
        RegisterKind::PublicKey => key(ObjectType::PublicKey, format.unwrap_or(KeyFormatType::X_509), length)?,
        RegisterKind::Password => Kind::Secret(SecretDataType::Password),
        RegisterKind::Seed => Kind::Secret(SecretDataType::Seed),
        RegisterKind::Certificate => Kind::Certificate,
        RegisterKind::Opaque => Kind::Opaque,
    };
    let pem = matches!(kind, Kind::Certificate)
        || matches!(kind, Kind::Key { object_type: ObjectType::PrivateKey | ObjectType::PublicKey, .. });
    let material = if pem && material.starts_with(b"-----BEGIN") { from_pem(&material)? } else { material };
    Ok(Registered { kind, material })
}

/// The first section of a PEM file, whatever its label; the label is for people, `--format` for the server.
fn from_pem(text: &[u8]) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let section: Option<(SectionKind, Vec<u8>)> =
        PemObject::pem_slice_iter(text).next().transpose().map_err(|_| Failure::usage("the file is not PEM"))?;
    section.map(|(_, der)| Zeroizing::new(der)).ok_or_else(|| Failure::usage("the PEM file holds nothing usable"))
}

fn now() -> Date {
    Date(OffsetDateTime::now_utc().unix_timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Limits;
    use crate::ttlv;

    #[test]
    fn material_is_found_in_every_kind_of_object() {
        let bytes = |fill: &dyn Fn(&mut Writer)| {
            let mut writer = Writer::default();
            writer.structure(Tag::ResponsePayload, |writer| fill(writer));
            writer.finish()
        };
        let read = |answer: &Buffer| {
            let item = ttlv::check(answer, &Limits::default()).unwrap();
            material(&item).map(|material| (material.bytes.to_vec(), material.form))
        };
        for (kind, form) in [
            (RegisterKind::SymmetricKey, "Raw"),
            (RegisterKind::Password, "Opaque"),
            (RegisterKind::Certificate, "DER"),
            (RegisterKind::Opaque, "-"),
        ] {
            let object = registered(kind, Zeroizing::new(vec![7; 16]), None, None, None).unwrap();
            // What Register sends holds the object as a Get answer does.
            let answer = bytes(&|writer| requests::register(writer, Version::V2_1, &object, &[]));
            assert_eq!(read(&answer), Some((vec![7; 16], form.to_owned())), "{kind:?}");
        }
        assert_eq!(read(&bytes(&|_| ())), None);
    }

    #[test]
    fn keys_need_what_their_bytes_do_not_say() {
        let material = || Zeroizing::new(vec![1; 32]);
        assert!(registered(RegisterKind::PrivateKey, material(), None, None, None).is_err());
        let object = registered(RegisterKind::SymmetricKey, material(), None, None, None).unwrap();
        assert!(matches!(object.kind, Kind::Key { length: 256, .. }));
        assert_eq!(default_usage(object.kind), Some(12));
    }

    #[test]
    fn pem_is_opened() {
        let text = b"-----BEGIN CERTIFICATE-----\nAQID\n-----END CERTIFICATE-----\n";
        let object = registered(RegisterKind::Certificate, Zeroizing::new(text.to_vec()), None, None, None).unwrap();
        assert_eq!(*object.material, [1, 2, 3]);
    }
}
