//! Objects as a request brings them, with their key blocks and wrapped key values. The first two bytes choose object
//! type and version.

use keyhaven::base::{Field, Limits};
use keyhaven::proto::objects::{NewObject, read_key_value, write_key_value};
use keyhaven::registry::{ObjectType, Tag, Version};
use keyhaven::ttlv::{Writer, check};

use super::dice::{Dice, noise, with_damage};
use super::payload;

/// The tags of objects, in the order of Object Type.
const OBJECTS: [Tag; 9] = [
    Tag::Certificate,
    Tag::SymmetricKey,
    Tag::PublicKey,
    Tag::PrivateKey,
    Tag::SplitKey,
    Tag::Template,
    Tag::SecretData,
    Tag::OpaqueObject,
    Tag::PGPKey,
];

pub fn body(bytes: &[u8]) {
    let [kind, version, rest @ ..] = bytes else { return };
    let version = Version::ALL[usize::from(*version) % Version::ALL.len()];
    let Ok(item) = check(rest, &Limits::default()) else { return };
    let mut attributes = Vec::new();
    if let Ok(plain) = read_key_value(&item, version, &mut attributes) {
        // What an unwrapped key is, written to be wrapped again.
        let mut out = Writer::default();
        write_key_value(&plain, &[], &mut out, version);
        let out = out.finish();
        let item = check(&out, &Limits::default()).expect("what is written passes the check");
        let again = read_key_value(&item, version, &mut Vec::new()).expect("what is written is read");
        assert_eq!((again.kind, again.bytes.expose()), (plain.kind, plain.bytes.expose()));
    }
    let _ = NewObject::read(&item, ObjectType(u32::from(*kind)), version);
}

pub fn seeds() -> Vec<Vec<u8>> {
    let choices = OBJECTS.iter().chain([&Tag::KeyValue]).cycle();
    let inputs = choices.zip(noise(300, 300)).enumerate().map(|(at, (tag, bytes))| {
        let version = at % Version::ALL.len();
        let value = payload::value(*tag, &mut Dice(&bytes), Version::ALL[version], &[], 0);
        let field = Field::new(*tag, value);
        let mut out = Writer::default();
        out.value(field.tag, &field.value);
        let kind = OBJECTS.iter().position(|one| one == tag).map_or(0, |at| at + 1);
        [&[kind as u8, version as u8], &*out.finish()].concat()
    });
    with_damage(inputs.collect())
}
