//! Derive Key through the whole core: known answers for each method in each version that has it, links, refusals.

use super::support::{House, START, active, field, id, id_in, listed};
use crate::base::{Date, Field, Value};
use crate::crypto::testing::hex;
use crate::registry::{
    BlockCipherMode, CryptographicAlgorithm as Algorithm, CryptographicUsageMask as Mask, DerivationMethod as Method,
    HashingAlgorithm as Hash, ObjectType, Operation, ResultReason as Reason, ResultStatus, Tag, UsageLimitsUnit,
    Version,
};

const WHO: &str = "alice";
const VERSIONS: [Version; 4] = [Version::V1_0, Version::V1_4, Version::V2_1, Version::V3_0];

/// The bytes of a request, and what is to be derived.
#[derive(Clone)]
struct Ask {
    version: Version,
    object_type: ObjectType,
    bases: Vec<String>,
    method: Method,
    parameters: Vec<Field>,
    attributes: Vec<(Tag, Value)>,
}

impl Ask {
    /// Secret Data of so many bytes.
    fn new(version: Version, bases: &[&String], method: Method, parameters: Vec<Field>, bytes: usize) -> Self {
        let attributes = vec![(Tag::CryptographicLength, Value::Integer(8 * bytes as i32))];
        let bases = bases.iter().map(|base| (*base).clone()).collect();
        Self { version, object_type: ObjectType::SecretData, bases, method, parameters, attributes }
    }

    fn payload(&self) -> Vec<Field> {
        let mut payload = vec![field(Tag::ObjectType, Value::Enumeration(self.object_type.0))];
        payload.extend(self.bases.iter().map(|base| id(self.version, base)));
        payload.push(field(Tag::DerivationMethod, Value::Enumeration(self.method.0)));
        payload.push(field(Tag::DerivationParameters, Value::Structure(self.parameters.clone())));
        payload.push(listed(self.version, &self.attributes));
        payload
    }

    fn derived(&self, house: &House) -> String {
        id_in(&house.does(WHO, self.version, Operation::DeriveKey, self.payload()))
    }

    fn bytes(&self, house: &House) -> Vec<u8> {
        house.material(WHO, self.version, &self.derived(house))
    }

    fn fails(&self, house: &House) -> Reason {
        house.fails(WHO, self.version, Operation::DeriveKey, self.payload())
    }
}

fn bytes_field(tag: Tag, bytes: &[u8]) -> Field {
    field(tag, Value::ByteString(bytes.into()))
}

fn data(bytes: &[u8]) -> Field {
    bytes_field(Tag::DerivationData, bytes)
}

/// Cryptographic Parameters of enumerations.
fn parameters(fields: &[(Tag, u32)]) -> Field {
    let fields = fields.iter().map(|(tag, value)| field(*tag, Value::Enumeration(*value))).collect();
    field(Tag::CryptographicParameters, Value::Structure(fields))
}

fn hash(hash: Hash) -> Field {
    parameters(&[(Tag::HashingAlgorithm, hash.0)])
}

fn pbkdf2(hashing: Option<Hash>, iterations: i32) -> Vec<Field> {
    let mut fields: Vec<Field> = hashing.map(hash).into_iter().collect();
    fields.push(bytes_field(Tag::Salt, b"salt"));
    fields.push(field(Tag::IterationCount, Value::Integer(iterations)));
    fields
}

fn secret(house: &House, version: Version, bytes: &[u8]) -> String {
    house.registered(WHO, version, ObjectType::SecretData, bytes, &active(Mask::DeriveKey, &[]))
}

fn key(house: &House, version: Version, algorithm: Algorithm, bytes: &[u8]) -> String {
    let more = [
        (Tag::CryptographicAlgorithm, Value::Enumeration(algorithm.0)),
        (Tag::CryptographicLength, Value::Integer(8 * bytes.len() as i32)),
    ];
    house.registered(WHO, version, ObjectType::SymmetricKey, bytes, &active(Mask::DeriveKey, &more))
}

#[test]
fn each_method_gives_its_known_answer() {
    let house = House::new();
    let counting: Vec<u8> = (0..32).collect();
    let cbc = parameters(&[(Tag::BlockCipherMode, BlockCipherMode::CBC.0)]);
    let cmac = parameters(&[(Tag::BlockCipherMode, BlockCipherMode::CMAC.0)]);
    let hkdf_info = hex("f0f1f2f3f4f5f6f7f8f9");
    for version in VERSIONS {
        let password = secret(&house, version, b"password");
        let aes = key(&house, version, Algorithm::AES, &counting[..16]);
        let mac = key(&house, version, Algorithm::HMAC_SHA256, &counting);
        let cavs_hmac = hex("dd1d91b7d90b2bd3138533ce92b272fbf8a369316aefe242e659cc0ae238afe0");
        let cavs_hmac = key(&house, version, Algorithm::HMAC_SHA256, &cavs_hmac);
        let cavs_cmac = key(&house, version, Algorithm::AES, &hex("c10b152e8c97b77e18704e0f0bd38305"));
        let cavs_data = hex(
            "01322b96b30acd197979444e468e1c5c6859bf1b1cf951b7e725303e237e46b864a145fab25e517b08f8683d0315bb2911d80a0e8aba17f3b413faac",
        );
        let cmac_data = hex(
            "98cd4cbbbebe15d17dc86e6dbad800a2dcbd64f7c7ad0e78e9cf94ffdba89d03e97eadf6c4f7b806caf52aa38f09d0eb71d71f497bcc6906b48d36c4",
        );
        let iv = bytes_field(Tag::InitializationVector, &[9; 16]);
        let label = b"label\0context".as_slice();
        let feedback_iv = bytes_field(Tag::InitializationVector, &(0x40..0x60).collect::<Vec<u8>>());
        let table = [
            // RFC 6070; SHA-1 is the default.
            (&password, Method::PBKDF2, pbkdf2(None, 2), "ea6c014dc72d6f8ccd1ed92ace1d41f0d8de8957"),
            (&password, Method::PBKDF2, pbkdf2(Some(Hash::SHA_1), 4096), "4b007901b765489abead49d926f721d065a429c1"),
            // More than one block.
            (
                &password,
                Method::PBKDF2,
                pbkdf2(Some(Hash::SHA_256), 3),
                "ad35240ac683febfaf3cd49d845473fbbbaa2437f5f82d5a415ae00ac76c6bfccf9a9b8d6d2fe4a1e700c4460b",
            ),
            (&password, Method::HASH, vec![hash(Hash::SHA_256)], "5e884898da28047151d0e56f8dc62927"),
            (
                &mac,
                Method::HMAC,
                vec![data(b"derivation data")],
                "97556e0201234121a7d844ed8b0be634dcc48575c1f314d263fa9207925f889d",
            ),
            // The parameters are ignored: the key says which HMAC it is for.
            (
                &mac,
                Method::HMAC,
                vec![hash(Hash::SHA_512), data(b"derivation data")],
                "97556e0201234121a7d844ed8b0be634",
            ),
            (
                &password,
                Method::HMAC,
                vec![hash(Hash::SHA_512), data(b"derivation data")],
                "abedfeb1e7a0c5b78399e2165f7ffcdcb1e3580cf7fe1349bec0a4c96fcb82714ed0b790b3062c75446229eb6cc8a95d",
            ),
            (
                &aes,
                Method::ENCRYPT,
                vec![cbc.clone(), iv, data(&[1; 32])],
                "074d3268c34064431e664c2566420f59da79c034dbf4c930d489e283c180377a",
            ),
            (
                &aes,
                Method::ENCRYPT,
                vec![parameters(&[(Tag::BlockCipherMode, BlockCipherMode::ECB.0)]), data(&[1; 16])],
                "c352805754237f311ac0fff4e3e03e78",
            ),
            // CAVS 14.4, KDF108 counter mode.
            (
                &cavs_hmac,
                Method::NIST800_108_C,
                vec![hash(Hash::SHA_256), data(&cavs_data)],
                "10621342bfb0fd40046c0e29f2cfdbf0",
            ),
            (&cavs_hmac, Method::NIST800_108_C, vec![data(&cavs_data)], "10621342bfb0fd40046c0e29f2cfdbf0"),
            (
                &cavs_cmac,
                Method::NIST800_108_C,
                vec![cmac.clone(), data(&cmac_data)],
                "26faf61908ad9ee881b8305c221db53f",
            ),
            // More than one block each.
            (
                &mac,
                Method::NIST800_108_F,
                vec![feedback_iv, data(label)],
                "974ea406216eb5e9f19a60dcf883785314c5204bddd4cc825cfe589c7e290c5548feb81a619311df8aa60a3b6f7f2a3c6bd7ecf9ca11bebf5032917b0ec927a0b2431267b17",
            ),
            (
                &mac,
                Method::NIST800_108_DPI,
                vec![data(label)],
                "80d3e0462dfaf65bdca1b3602dd52bd373e6c927a1a184164c6b71fe08fc665b5bb5a1a7788f40db135c5f3095d0974e45dbd350e0feaa4fdd9108b2",
            ),
        ];
        for (base, method, parameters, expected) in table {
            let expected = hex(&expected[..expected.len() / 2 * 2]);
            let ask = Ask::new(version, &[base], method, parameters, expected.len());
            assert_eq!(ask.bytes(&house), expected, "{method} in {version}");
        }
        if !Method::HKDF.known_in(version) {
            continue;
        }
        // RFC 5869 A.1 and A.3: SHA-256 is the default; info and salt may be absent.
        let material = secret(&house, version, &[0x0B; 22]);
        let salt = bytes_field(Tag::Salt, &(0..13).collect::<Vec<u8>>());
        let okm = "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865";
        let ask = Ask::new(version, &[&material], Method::HKDF, vec![data(&hkdf_info), salt], 42);
        assert_eq!(ask.bytes(&house), hex(okm));
        let okm = "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8";
        assert_eq!(Ask::new(version, &[&material], Method::HKDF, vec![], 42).bytes(&house), hex(okm));
        let aws = secret(&house, version, b"wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY");
        let scope = vec![data(b"20120215"), data(b"us-east-1"), data(b"iam")];
        let signing = "f4780e2d9f65fa895f9c67b32ce1baf0b0d8a43505a000a1a9e090d414db404d";
        assert_eq!(Ask::new(version, &[&aws], Method::AWSSignatureVersion4, scope, 32).bytes(&house), hex(signing));
    }
}

#[test]
fn derivation_data_may_be_a_secret_data_object() {
    let house = House::new();
    for version in VERSIONS {
        let mac = key(&house, version, Algorithm::HMAC_SHA256, &(0..32).collect::<Vec<u8>>());
        let text = secret(&house, version, b"derivation data");
        let expected = hex("97556e0201234121a7d844ed8b0be634dcc48575c1f314d263fa9207925f889d");
        for bases in [[&mac, &text], [&text, &mac]] {
            assert_eq!(Ask::new(version, &bases, Method::HMAC, vec![], 32).bytes(&house), expected);
        }
        // Of two Secret Data objects the first is the key.
        let password = secret(&house, version, b"password");
        let ask = Ask::new(version, &[&password, &text], Method::HMAC, vec![hash(Hash::SHA_512)], 16);
        assert_eq!(ask.bytes(&house), hex("abedfeb1e7a0c5b78399e2165f7ffcdc"));
        let twice = Ask { parameters: vec![hash(Hash::SHA_512), data(b"x")], ..ask.clone() };
        assert_eq!(twice.fails(&house), Reason::InvalidMessage);
        let three = Ask { bases: vec![password.clone(), text.clone(), mac.clone()], ..ask.clone() };
        assert_eq!(three.fails(&house), Reason::InvalidField);
        let same = Ask { bases: vec![password.clone(), password], ..ask };
        assert_eq!(same.fails(&house), Reason::InvalidField);
    }
}

#[test]
fn a_derived_key_is_a_key_like_others_and_linked_both_ways() {
    let house = House::new();
    for version in VERSIONS {
        let password = secret(&house, version, b"password");
        let mut ask = Ask::new(version, &[&password], Method::PBKDF2, pbkdf2(None, 1), 16);
        ask.object_type = ObjectType::SymmetricKey;
        ask.attributes.push((Tag::CryptographicAlgorithm, Value::Enumeration(Algorithm::AES.0)));
        ask.attributes.push((Tag::CryptographicUsageMask, Value::Integer(Mask::Encrypt.0 as i32)));
        let first = ask.derived(&house);
        let second = ask.derived(&house);
        assert_eq!(house.material(WHO, version, &first), hex("0c60c80f961f0e71f3a9b524af601206"));
        let base = |derived: &str| house.attribute(WHO, derived, Tag::DerivationObjectLink);
        assert_eq!(base(&first), Some(Value::Reference(password.clone().into())));
        assert_eq!(base(&second), Some(Value::Reference(password.clone().into())));
        let link = house.attribute(WHO, &password, Tag::DerivedObjectLink);
        assert_eq!(link, Some(Value::Reference(first.clone().into())));
        for (tag, expected) in [
            (Tag::CryptographicAlgorithm, Value::Enumeration(Algorithm::AES.0)),
            (Tag::CryptographicLength, Value::Integer(128)),
            (Tag::CryptographicUsageMask, Value::Integer(Mask::Encrypt.0 as i32)),
            (Tag::OriginalCreationDate, Value::DateTime(Date(START))),
        ] {
            assert_eq!(house.attribute(WHO, &first, tag), Some(expected), "{tag}");
        }
    }
}

#[test]
fn two_parties_agree() {
    let house = House::new();
    let make = |version: Version, algorithm: Algorithm| {
        let common = (Tag::CommonTemplateAttribute, Tag::CommonAttributes);
        let list = active(
            Mask::DeriveKey,
            &[
                (Tag::CryptographicAlgorithm, Value::Enumeration(algorithm.0)),
                (Tag::CryptographicLength, Value::Integer(256)),
            ],
        );
        let made = house.does(
            WHO,
            version,
            Operation::CreateKeyPair,
            vec![super::support::attributes(version, common, &list)],
        );
        let half = |tag| made.field(tag).and_then(Value::as_text).unwrap().to_owned();
        (half(Tag::PrivateKeyUniqueIdentifier), half(Tag::PublicKeyUniqueIdentifier))
    };
    for (version, algorithm) in
        [(Version::V1_4, Algorithm::ECDH), (Version::V2_1, Algorithm::ECDH), (Version::V3_0, Algorithm::X25519)]
    {
        let (one, two) = (make(version, algorithm), make(version, algorithm));
        let ask = |bases: [&String; 2]| Ask::new(version, &bases, Method::AsymmetricKey, vec![], 32);
        let secret = ask([&one.0, &two.1]).bytes(&house);
        assert_eq!(secret, ask([&one.1, &two.0]).bytes(&house), "{version}");
        let long = Ask { attributes: vec![(Tag::CryptographicLength, Value::Integer(264))], ..ask([&one.0, &two.1]) };
        assert_eq!(long.fails(&house), Reason::CryptographicFailure);
        let bad = if version.is_1x() { Reason::InvalidField } else { Reason::InvalidObjectType };
        assert_eq!(ask([&one.0, &two.0]).fails(&house), bad);
        assert_eq!(Ask { bases: vec![one.0.clone()], ..ask([&one.0, &two.1]) }.fails(&house), Reason::InvalidField);
        let with_data = Ask { parameters: vec![data(b"x")], ..ask([&one.0, &two.1]) };
        assert_eq!(with_data.fails(&house), Reason::InvalidField);
    }
    // RFC 7748 §6.1: Bob's private and Alice's public key.
    let version = Version::V3_0;
    let list = active(
        Mask::DeriveKey,
        &[
            (Tag::CryptographicAlgorithm, Value::Enumeration(Algorithm::X25519.0)),
            (Tag::CryptographicLength, Value::Integer(256)),
        ],
    );
    let bob = hex("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb");
    let bob = house.registered(WHO, version, ObjectType::PrivateKey, &bob, &list);
    let alice = hex("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a");
    let alice = house.registered(WHO, version, ObjectType::PublicKey, &alice, &list);
    let secret = "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742";
    assert_eq!(Ask::new(version, &[&bob, &alice], Method::AsymmetricKey, vec![], 32).bytes(&house), hex(secret));
}

/// The error tables: 1.4 §11.7 and 2.1 §6.1.14.1.
#[test]
fn what_cannot_be_derived_is_refused() {
    let house = House::new();
    for version in VERSIONS {
        let old = version.is_1x();
        let pick = |reason_1x: Reason, reason: Reason| if old { reason_1x } else { reason };
        let password = secret(&house, version, b"password");
        let aes = key(&house, version, Algorithm::AES, &[7; 16]);
        let mac = key(&house, version, Algorithm::HMAC_SHA256, &[7; 32]);
        let unfit = house.registered(WHO, version, ObjectType::SecretData, b"x", &active(Mask::Encrypt, &[]));
        let asleep = [(Tag::CryptographicUsageMask, Value::Integer(Mask::DeriveKey.0 as i32))];
        let asleep = house.registered(WHO, version, ObjectType::SecretData, b"x", &asleep);
        let nobody = "nobody".to_owned();
        let good = Ask::new(version, &[&password], Method::PBKDF2, pbkdf2(None, 1), 16);
        let with = |ask: &Ask, parameters: Vec<Field>| Ask { parameters, ..ask.clone() };
        let from =
            |base: &String, method: Method, parameters: Vec<Field>| Ask::new(version, &[base], method, parameters, 16);
        let sized =
            |bits: i32| Ask { attributes: vec![(Tag::CryptographicLength, Value::Integer(bits))], ..good.clone() };
        let key_of =
            |attributes: Vec<(Tag, Value)>| Ask { object_type: ObjectType::SymmetricKey, attributes, ..good.clone() };
        let length = (Tag::CryptographicLength, Value::Integer(136));
        let algorithm = (Tag::CryptographicAlgorithm, Value::Enumeration(Algorithm::AES.0));
        let salt = bytes_field(Tag::Salt, b"salt");
        let count = |count: i32| field(Tag::IterationCount, Value::Integer(count));
        let bad = pick(Reason::InvalidField, Reason::BadCryptographicParameters);
        let unsupported = pick(Reason::InvalidField, Reason::UnsupportedCryptographicParameters);
        let cbc = parameters(&[(Tag::BlockCipherMode, BlockCipherMode::CBC.0)]);
        let table = [
            (Ask { bases: vec![], ..good.clone() }, Reason::InvalidMessage),
            (Ask { bases: vec![nobody], ..good.clone() }, pick(Reason::ItemNotFound, Reason::ObjectNotFound)),
            (
                Ask { bases: vec![unfit], ..good.clone() },
                pick(Reason::InvalidField, Reason::IncompatibleCryptographicUsageMask),
            ),
            (Ask { bases: vec![asleep], ..good.clone() }, pick(Reason::InvalidField, Reason::WrongKeyLifecycleState)),
            (
                Ask { object_type: ObjectType::PrivateKey, ..good.clone() },
                pick(Reason::InvalidField, Reason::InvalidObjectType),
            ),
            (Ask { method: Method(0x8000_0001), ..good.clone() }, Reason::InvalidField),
            // Length and algorithm.
            (Ask { attributes: vec![], ..good.clone() }, Reason::InvalidField),
            (sized(0), Reason::InvalidField),
            (sized(-8), Reason::InvalidField),
            (sized(12), Reason::InvalidField),
            (sized(1 << 20), Reason::InvalidField),
            (key_of(vec![algorithm.clone()]), Reason::InvalidField),
            (key_of(vec![(Tag::CryptographicLength, Value::Integer(128))]), Reason::InvalidField),
            (key_of(vec![algorithm, length]), Reason::InvalidField),
            // PBKDF2.
            (with(&good, vec![count(1)]), bad),
            (with(&good, vec![salt.clone()]), bad),
            (with(&good, vec![salt.clone(), count(0)]), bad),
            (with(&good, vec![salt.clone(), count(-1)]), bad),
            (with(&good, vec![salt.clone(), count(i32::MAX)]), bad),
            (with(&good, vec![data(b"x"), salt.clone(), count(1)]), Reason::InvalidMessage),
            (from(&aes, Method::PBKDF2, vec![data(b"x"), salt, count(1)]), bad),
            (with(&good, [vec![hash(Hash::Tiger)], pbkdf2(None, 1)].concat()), unsupported),
            // HASH.
            (from(&password, Method::HASH, vec![]), bad),
            (from(&password, Method::HASH, vec![hash(Hash::SHA_256), data(b"x")]), Reason::InvalidMessage),
            (from(&aes, Method::HASH, vec![hash(Hash::SHA_256), data(b"x")]), bad),
            (Ask::new(version, &[&aes], Method::HASH, vec![hash(Hash::SHA_256)], 33), Reason::CryptographicFailure),
            // HMAC.
            (from(&password, Method::HMAC, vec![data(b"x")]), bad),
            (from(&mac, Method::HMAC, vec![]), bad),
            (Ask::new(version, &[&mac], Method::HMAC, vec![data(b"x")], 33), Reason::CryptographicFailure),
            (from(&mac, Method::HMAC, vec![data(b"x"), data(b"y")]), Reason::InvalidMessage),
            // ENCRYPT.
            (from(&aes, Method::ENCRYPT, vec![cbc.clone(), data(&[1; 16])]), bad),
            (
                from(
                    &aes,
                    Method::ENCRYPT,
                    vec![cbc.clone(), bytes_field(Tag::InitializationVector, &[1; 15]), data(&[1; 16])],
                ),
                bad,
            ),
            (
                from(
                    &aes,
                    Method::ENCRYPT,
                    vec![cbc, bytes_field(Tag::InitializationVector, &[1; 16]), data(&[1; 15])],
                ),
                Reason::CryptographicFailure,
            ),
            (from(&password, Method::ENCRYPT, vec![data(&[1; 16])]), bad),
            // SP 800-108.
            (from(&mac, Method::NIST800_108_C, vec![]), bad),
            (from(&mac, Method::NIST800_108_C, vec![hash(Hash::SHA_512), data(b"x")]), bad),
            (from(&aes, Method::NIST800_108_DPI, vec![data(b"x")]), bad),
        ];
        for (at, (ask, expected)) in table.into_iter().enumerate() {
            assert_eq!(ask.fails(&house), expected, "row {at} in {version}");
        }
        assert_eq!(good.bytes(&house).len(), 16);
    }
}

#[test]
fn the_id_placeholder_is_not_taken() {
    let house = House::new();
    let version = Version::V2_1;
    let password = secret(&house, version, b"password");
    let ask = Ask::new(version, &[&password], Method::PBKDF2, pbkdf2(None, 1), 16);
    let mut payload = ask.payload();
    payload[1] = field(Tag::UniqueIdentifier, Value::Enumeration(1));
    let locate = vec![listed(version, &[])];
    let batch = super::support::Ask::one(version, Operation::Locate, locate).item(Operation::DeriveKey, payload);
    let answer = house.ask(WHO, &batch);
    assert_eq!(answer.items[1].reason, Some(Reason::InvalidField));
    // But it is set.
    let batch = super::support::Ask::one(version, Operation::DeriveKey, ask.payload()).item(Operation::Get, vec![]);
    assert!(house.ask(WHO, &batch).items.iter().all(|item| item.status == ResultStatus::Success));
}

/// 1.0 to 1.4: the mode of a request must be one of the key's Cryptographic Parameters, if it has any.
#[test]
fn the_mode_is_one_of_the_keys() {
    let house = House::new();
    let mode = |mode: BlockCipherMode| field(Tag::BlockCipherMode, Value::Enumeration(mode.0));
    for (version, ok) in [(Version::V1_2, false), (Version::V2_1, true)] {
        let more = [
            (Tag::CryptographicAlgorithm, Value::Enumeration(Algorithm::AES.0)),
            (Tag::CryptographicLength, Value::Integer(128)),
            (Tag::CryptographicParameters, Value::Structure(vec![mode(BlockCipherMode::ECB)])),
        ];
        let key = house.registered(WHO, version, ObjectType::SymmetricKey, &[7; 16], &active(Mask::DeriveKey, &more));
        // What the request leaves out is taken from there.
        let ask = Ask::new(version, &[&key], Method::ENCRYPT, vec![data(&[1; 16])], 16);
        assert_eq!(ask.bytes(&house).len(), 16);
        let iv = bytes_field(Tag::InitializationVector, &[1; 16]);
        let other = parameters(&[(Tag::BlockCipherMode, BlockCipherMode::CBC.0)]);
        let ask = Ask { parameters: vec![other, iv, data(&[1; 16])], ..ask };
        if ok {
            assert_eq!(ask.bytes(&house).len(), 16);
        } else {
            assert_eq!(ask.fails(&house), Reason::InvalidField);
        }
    }
}

#[test]
fn deriving_counts_and_belongs_to_its_maker() {
    let house = House::new();
    let version = Version::V2_1;
    let limits = vec![
        field(Tag::UsageLimitsTotal, Value::LongInteger(20)),
        field(Tag::UsageLimitsUnit, Value::Enumeration(UsageLimitsUnit::Byte.0)),
    ];
    let more = [
        (Tag::CryptographicAlgorithm, Value::Enumeration(Algorithm::AES.0)),
        (Tag::CryptographicLength, Value::Integer(128)),
        (Tag::UsageLimits, Value::Structure(limits)),
    ];
    let key = house.registered(WHO, version, ObjectType::SymmetricKey, &[7; 16], &active(Mask::DeriveKey, &more));
    let ask = Ask::new(version, &[&key], Method::HASH, vec![hash(Hash::SHA_256)], 16);
    ask.derived(&house);
    assert_eq!(ask.fails(&house), Reason::PermissionDenied);
    let count = house.attribute(WHO, &key, Tag::UsageLimits).unwrap();
    assert_eq!(count.field(Tag::UsageLimitsCount), Some(&Value::LongInteger(4)));
    // Other callers derive nothing from it, and do not learn that it is there.
    assert_eq!(house.fails("mallory", version, Operation::DeriveKey, ask.payload()), Reason::ObjectNotFound);
    // Nor from what an operator's constraint forbids to make.
    let constraint = Value::Structure(vec![field(
        Tag::Constraint,
        Value::Structure(vec![
            field(
                Tag::ObjectTypes,
                Value::Structure(vec![field(Tag::ObjectType, Value::Enumeration(ObjectType::SecretData.0))]),
            ),
            listed(version, &[(Tag::CryptographicLength, Value::Integer(256))]),
        ]),
    )]);
    house.does("operator", version, Operation::SetConstraints, vec![field(Tag::Constraints, constraint)]);
    let password =
        house.registered(WHO, version, ObjectType::SymmetricKey, &[7; 16], &active(Mask::DeriveKey, &more[..2]));
    let ask = Ask { bases: vec![password], ..ask };
    assert_eq!(ask.fails(&house), Reason::ConstraintViolation);
    let longer = Ask { attributes: vec![(Tag::CryptographicLength, Value::Integer(256))], ..ask };
    assert_eq!(longer.bytes(&house).len(), 32);
}

#[test]
fn long_derivations_wait_for_a_thread_that_may_block() {
    use crate::gate::Outcome;
    let house = House::new();
    let version = Version::V1_4;
    let password = secret(&house, version, b"password");
    for (iterations, waits) in [(1, false), (100_000, true)] {
        let ask = Ask::new(version, &[&password], Method::PBKDF2, pbkdf2(None, iterations), 16);
        let bytes = super::support::Ask::one(version, Operation::DeriveKey, ask.payload()).bytes();
        let mut reply = crate::base::Buffer::default();
        let outcome = house.core.handle(&bytes, &super::support::peer(WHO), false, &mut reply);
        assert_eq!(matches!(outcome, Outcome::WouldBlock), waits);
    }
}
