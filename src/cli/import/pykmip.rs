//! The database of a PyKMIP 0.9 to 0.11 server, read as Import requests of KMIP 2.1. Its tables are one for each class of
//! PyKMIP's objects; enumerations are the numbers of the standard, and -1 or NULL stands for a value that is not there.

use std::path::Path;

use rusqlite::{Connection, OpenFlags, Row};

use super::Request;
use crate::base::{BigInt, Buffer, Date, Field, KeyBytes, Value};
use crate::cli::failure::Failure;
use crate::proto::message::request;
use crate::registry::{KeyFormatType, NameType, ObjectType, Operation, State, Tag, Version};
use crate::ttlv::Writer;

/// Every object with what the tables of its class have of it.
const OBJECTS: &str = "SELECT managed_objects.*, cryptographic_usage_mask, state, keys.*, certificate_type, data_type, \
                       opaque_type, split_keys.* FROM managed_objects \
                       LEFT JOIN crypto_objects ON crypto_objects.uid = managed_objects.uid \
                       LEFT JOIN keys ON keys.uid = managed_objects.uid \
                       LEFT JOIN certificates ON certificates.uid = managed_objects.uid \
                       LEFT JOIN secret_data_objects ON secret_data_objects.uid = managed_objects.uid \
                       LEFT JOIN opaque_objects ON opaque_objects.uid = managed_objects.uid \
                       LEFT JOIN split_keys ON split_keys.uid = managed_objects.uid ORDER BY managed_objects.uid";
const NAMES: &str = "SELECT name, name_type FROM managed_object_names WHERE mo_uid = ? ORDER BY name_index";
const GROUPS: &str = "SELECT object_group FROM object_groups JOIN object_group_map ON object_group_id = id \
                      WHERE managed_object_id = ? ORDER BY id";
const APPLICATIONS: &str = "SELECT application_namespace, application_data FROM app_specific_info \
                            JOIN app_specific_info_map ON app_specific_info_id = id \
                            WHERE managed_object_id = ? ORDER BY id";

/// How a column becomes a field.
#[derive(Clone, Copy)]
enum Form {
    Enumeration,
    Integer,
    Boolean,
    BigInteger,
}

/// The fields of Cryptographic Parameters in their order, and the ends of the names of their columns.
const PARAMETERS: [(&str, Tag, Form); 13] = [
    ("block_cipher_mode", Tag::BlockCipherMode, Form::Enumeration),
    ("padding_method", Tag::PaddingMethod, Form::Enumeration),
    ("hashing_algorithm", Tag::HashingAlgorithm, Form::Enumeration),
    ("key_role_type", Tag::KeyRoleType, Form::Enumeration),
    ("digital_signature_algorithm", Tag::DigitalSignatureAlgorithm, Form::Enumeration),
    ("cryptographic_algorithm", Tag::CryptographicAlgorithm, Form::Enumeration),
    ("random_iv", Tag::RandomIV, Form::Boolean),
    ("iv_length", Tag::IVLength, Form::Integer),
    ("tag_length", Tag::TagLength, Form::Integer),
    ("fixed_field_length", Tag::FixedFieldLength, Form::Integer),
    ("invocation_field_length", Tag::InvocationFieldLength, Form::Integer),
    ("counter_length", Tag::CounterLength, Form::Integer),
    ("initial_counter_value", Tag::InitialCounterValue, Form::Integer),
];

/// The fields of a Split Key before its key block, and their columns.
const SPLIT: [(&str, Tag, Form); 5] = [
    ("_split_key_parts", Tag::SplitKeyParts, Form::Integer),
    ("_key_part_identifier", Tag::KeyPartIdentifier, Form::Integer),
    ("_split_key_threshold", Tag::SplitKeyThreshold, Form::Integer),
    ("_split_key_method", Tag::SplitKeyMethod, Form::Enumeration),
    ("_prime_field_size", Tag::PrimeFieldSize, Form::BigInteger),
];

/// What a key block says of its key.
const FACTS: [(&str, Tag, Form); 2] = [
    ("cryptographic_algorithm", Tag::CryptographicAlgorithm, Form::Enumeration),
    ("cryptographic_length", Tag::CryptographicLength, Form::Integer),
];

/// Attributes with a column each.
const ATTRIBUTES: [(&str, Tag, Form); 5] = [
    ("cryptographic_algorithm", Tag::CryptographicAlgorithm, Form::Enumeration),
    ("cryptographic_length", Tag::CryptographicLength, Form::Integer),
    ("cryptographic_usage_mask", Tag::CryptographicUsageMask, Form::Integer),
    ("state", Tag::State, Form::Enumeration),
    ("sensitive", Tag::Sensitive, Form::Boolean),
];

/// The dates that an object in a state must have had (2.1 §3.22); PyKMIP has not kept them.
const LIFE: [(Tag, &[State]); 4] = [
    (Tag::ActivationDate, &[State::Active, State::Deactivated]),
    (Tag::DeactivationDate, &[State::Deactivated]),
    (Tag::CompromiseDate, &[State::Compromised, State::DestroyedCompromised]),
    (Tag::DestroyDate, &[State::Destroyed, State::DestroyedCompromised]),
];

/// Reads all objects.
///
/// # Errors
/// The file is no database of PyKMIP; or an object has no owner and none is given.
pub fn read(database: &Path, owner: Option<&str>, renames: &[(String, String)]) -> Result<Vec<Request>, Failure> {
    let wrong = |error: rusqlite::Error| {
        Failure::failed(format!("{} cannot be read as a database of PyKMIP 0.9 to 0.11: {error}", database.display()))
    };
    let open = Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(wrong)?;
    let mut statement = open.prepare(OBJECTS).map_err(wrong)?;
    let mut rows = statement.query([]).map_err(wrong)?;
    let mut requests = Vec::new();
    while let Some(row) = rows.next().map_err(wrong)? {
        let object = Object::read(&open, row).map_err(wrong)?;
        let held = object.owner.as_deref();
        let owner = renames.iter().find(|(old, _)| held == Some(old)).map(|(_, new)| &**new).or(held).or(owner);
        let Some(owner) = owner else {
            return Err(Failure::failed(format!(
                "object {} has no owner; say with --owner whose such objects become",
                object.id
            )));
        };
        let what = format!("{} {}", object.id, object.class);
        requests.push(Request { what, owner: owner.into(), message: object.message() });
    }
    Ok(requests)
}

/// An object of the database.
struct Object {
    id: i64,
    class: String,
    object_type: ObjectType,
    owner: Option<String>,
    value: KeyBytes,
    attributes: Vec<Field>,
    /// The fields of the object before its value.
    head: Vec<Field>,
    format: Option<u32>,
    /// Algorithm and length of a key.
    facts: Vec<Field>,
    wrapping: Option<Value>,
}

type Read<T> = Result<T, rusqlite::Error>;

impl Object {
    fn read(open: &Connection, row: &Row<'_>) -> Read<Self> {
        let id = row.get("uid")?;
        let object_type = ObjectType(number(row, "object_type")?.unwrap_or_default());
        let head: &[(&str, Tag, Form)] = match object_type {
            ObjectType::Certificate => &[("certificate_type", Tag::CertificateType, Form::Enumeration)],
            ObjectType::SecretData => &[("data_type", Tag::SecretDataType, Form::Enumeration)],
            ObjectType::OpaqueObject => &[("opaque_type", Tag::OpaqueDataType, Form::Enumeration)],
            ObjectType::SplitKey => &SPLIT,
            _ => &[],
        };
        // PyKMIP keeps no format of secret data, and serves it as Opaque.
        let opaque = (object_type == ObjectType::SecretData).then_some(KeyFormatType::Opaque.0);
        Ok(Self {
            id,
            class: row.get("class_type")?,
            object_type,
            owner: row.get("owner")?,
            value: KeyBytes::new(row.get::<_, Option<Vec<u8>>>("value")?.unwrap_or_default()),
            attributes: attributes(open, row, id)?,
            head: fields(row, "", head)?,
            format: number(row, "key_format_type")?.or(opaque),
            facts: fields(row, "", &FACTS)?,
            wrapping: wrapping(row)?,
        })
    }

    /// The Import request (2.1 §6.1.25).
    fn message(&self) -> Buffer {
        request(
            Version::V2_1,
            |_| {},
            Operation::Import,
            |out| {
                out.text(Tag::UniqueIdentifier, &self.id.to_string());
                out.enumeration(Tag::ObjectType, self.object_type.0);
                out.structure(Tag::Attributes, |out| write(&self.attributes, out));
                self.write(out);
            },
        )
    }

    fn write(&self, out: &mut Writer) {
        let value = self.value.expose();
        let (tag, bare) = match self.object_type {
            ObjectType::SymmetricKey => (Tag::SymmetricKey, None),
            ObjectType::PublicKey => (Tag::PublicKey, None),
            ObjectType::PrivateKey => (Tag::PrivateKey, None),
            ObjectType::SplitKey => (Tag::SplitKey, None),
            ObjectType::SecretData => (Tag::SecretData, None),
            ObjectType::Certificate => (Tag::Certificate, Some(Tag::CertificateValue)),
            _ => (Tag::OpaqueObject, Some(Tag::OpaqueDataValue)),
        };
        out.structure(tag, |out| {
            write(&self.head, out);
            match bare {
                Some(bare) => out.byte_string(bare, value),
                None => out.structure(Tag::KeyBlock, |out| self.key_block(value, out)),
            }
        });
    }

    fn key_block(&self, value: &[u8], out: &mut Writer) {
        self.format.into_iter().for_each(|format| out.enumeration(Tag::KeyFormatType, format));
        // "Byte String: for wrapped Key Value" (2.1 table 12); PyKMIP itself writes a structure there.
        match self.wrapping {
            Some(_) => out.byte_string(Tag::KeyValue, value),
            None => out.structure(Tag::KeyValue, |out| out.byte_string(Tag::KeyMaterial, value)),
        }
        write(&self.facts, out);
        self.wrapping.iter().for_each(|wrapping| out.value(Tag::KeyWrappingData, wrapping));
    }
}

fn write(fields: &[Field], out: &mut Writer) {
    fields.iter().for_each(|field| out.value(field.tag, &field.value));
}

/// A number that is there.
fn number(row: &Row<'_>, column: &str) -> Read<Option<u32>> {
    let number: Option<i64> = row.get(column)?;
    Ok(number.and_then(|number| u32::try_from(number).ok()))
}

/// Those of the fields that are there; the names of their columns begin with `front`.
fn fields(row: &Row<'_>, front: &str, columns: &[(&str, Tag, Form)]) -> Read<Vec<Field>> {
    let mut found = Vec::new();
    for (name, tag, form) in columns {
        let number: Option<i64> = row.get(&*format!("{front}{name}"))?;
        let value = number.filter(|number| *number >= 0).and_then(|number| {
            Some(match form {
                Form::Enumeration => Value::Enumeration(number.try_into().ok()?),
                Form::Integer => Value::Integer(number.try_into().ok()?),
                Form::Boolean => Value::Boolean(number != 0),
                Form::BigInteger => Value::BigInteger(BigInt::from_signed(&number.to_be_bytes())),
            })
        });
        found.extend(value.map(|value| Field { tag: *tag, value }));
    }
    Ok(found)
}

/// How a key is wrapped, if it is.
fn wrapping(row: &Row<'_>) -> Read<Option<Value>> {
    let Some(method) = number(row, "_kdw_wrapping_method")? else { return Ok(None) };
    let mut all = vec![Field { tag: Tag::WrappingMethod, value: Value::Enumeration(method) }];
    for (front, tag) in [("eki", Tag::EncryptionKeyInformation), ("mski", Tag::MACSignatureKeyInformation)] {
        let Some(key) = row.get::<_, Option<String>>(&*format!("_kdw_{front}_unique_identifier"))? else { continue };
        let mut information = vec![Field { tag: Tag::UniqueIdentifier, value: Value::text(key) }];
        let parameters = fields(row, &format!("_kdw_{front}_cp_"), &PARAMETERS)?;
        if !parameters.is_empty() {
            information.push(Field { tag: Tag::CryptographicParameters, value: Value::Structure(parameters) });
        }
        all.push(Field { tag, value: Value::Structure(information) });
    }
    for (column, tag) in [("_kdw_mac_signature", Tag::MACSignature), ("_kdw_iv_counter_nonce", Tag::IVCounterNonce)] {
        let bytes = row.get::<_, Option<Vec<u8>>>(column)?.filter(|bytes| !bytes.is_empty());
        all.extend(bytes.map(|bytes| Field { tag, value: Value::ByteString(bytes.into()) }));
    }
    all.extend(fields(row, "_kdw_", &[("encoding_option", Tag::EncodingOption, Form::Enumeration)])?);
    Ok(Some(Value::Structure(all)))
}

fn attributes(open: &Connection, row: &Row<'_>, id: i64) -> Read<Vec<Field>> {
    let mut all = fields(row, "", &ATTRIBUTES)?;
    let mut add = |tag, value| all.push(Field { tag, value });
    let begun = Date(row.get::<_, Option<i64>>("initial_date")?.unwrap_or_default());
    add(Tag::InitialDate, Value::DateTime(begun));
    let state = number(row, "state")?.map(State);
    let reached = LIFE.iter().filter(|(_, states)| state.is_some_and(|state| states.contains(&state)));
    reached.for_each(|(tag, _)| add(*tag, Value::DateTime(begun)));
    let texts = |fields: [(Tag, String); 2]| {
        Value::Structure(fields.map(|(tag, text)| Field { tag, value: Value::text(text) }).into())
    };
    let mut statement = open.prepare_cached(NAMES)?;
    let mut names = statement.query([id])?;
    while let Some(name) = names.next()? {
        let name_type = number(name, "name_type")?.unwrap_or(NameType::UninterpretedTextString.0);
        let name = Value::text(name.get::<_, String>("name")?);
        let parts = [(Tag::NameValue, name), (Tag::NameType, Value::Enumeration(name_type))];
        add(Tag::Name, Value::Structure(parts.map(|(tag, value)| Field { tag, value }).into()));
    }
    let mut statement = open.prepare_cached(GROUPS)?;
    let mut groups = statement.query([id])?;
    while let Some(group) = groups.next()? {
        add(Tag::ObjectGroup, Value::text(group.get::<_, String>("object_group")?));
    }
    let mut statement = open.prepare_cached(APPLICATIONS)?;
    let mut applications = statement.query([id])?;
    while let Some(one) = applications.next()? {
        let space = (Tag::ApplicationNamespace, one.get("application_namespace")?);
        add(Tag::ApplicationSpecificInformation, texts([space, (Tag::ApplicationData, one.get("application_data")?)]));
    }
    Ok(all)
}
