//! Objects whose key is in the vault, through the whole core: they do what other keys do, by calls of the vault alone;
//! and what needs no key makes no call. Each test runs on keys in memory and on a token of SoftHSM2.

mod ciphers;
mod derive;
mod life;
mod pairs;
mod wrapping;

use std::sync::Arc;

use super::testing::{Answer, TestServer};
use crate::base::Date;
use crate::model::values::{AttributeValue, CryptographicParameters};
use crate::registry::{
    BlockCipherMode as Mode, CryptographicAlgorithm as Algorithm, CryptographicUsageMask, EncodingOption,
    HashingAlgorithm, KeyFormatType, ObjectType, Operation, PaddingMethod, ProtectionLevel, RecommendedCurve,
    ResultReason, Tag, ValidityIndicator, Version, WrappingMethod,
};
use crate::ttlv::Writer;
use crate::vault::KeyVault;
use crate::vault::memory::MemoryVault;
use crate::vault::pkcs11::{Resident, softhsm};
use crate::vault::watched::Watched;

const V: Version = Version::V2_1;

/// Keys that the token may have.
const KEYS_MAX: usize = 100;

/// What SoftHSM2 2.6 has no mechanism for, in the words of the refusal.
const SOFTHSM_LACKS: &[&str] =
    &["AES key wrap with padding of other than 16, 24, 32, … bytes", "RSA-OAEP with these hashes and label"];

pub(in crate::gate) struct Bench {
    pub(in crate::gate) vault: Arc<Watched>,
    pub(in crate::gate) server: TestServer,
    /// What the vault may refuse by these words.
    lacks: &'static [&'static str],
}

/// Makes of each function that takes a bench a test on keys in memory and one on keys in a token.
macro_rules! on_every_vault {
    ($($test:ident)*) => {
        mod in_memory {
            $(#[test]
            fn $test() {
                super::$test(&$crate::gate::resident_tests::Bench::in_memory());
            })*
        }
        mod in_token {
            $(#[test]
            fn $test() {
                let name = concat!(module_path!(), "::", stringify!($test));
                $crate::gate::resident_tests::Bench::in_token(name, super::$test);
            })*
        }
    };
}
pub(in crate::gate) use on_every_vault;

impl Bench {
    pub(in crate::gate) fn in_memory() -> Self {
        Self::over(MemoryVault::default(), &[])
    }

    /// Runs a test with a token of its own, in a process of its own.
    pub(in crate::gate) fn in_token(test: &str, run: impl FnOnce(&Self)) {
        let (_, test) = test.split_once("::").unwrap();
        softhsm::in_token(test, |token| {
            let vault = Resident::new(Arc::new(token.with_canary()), KEYS_MAX);
            run(&Self::over(vault, SOFTHSM_LACKS));
        });
    }

    fn over(vault: impl KeyVault + 'static, lacks: &'static [&'static str]) -> Self {
        let vault = Arc::new(Watched::new(vault));
        Self { server: TestServer::with_vault(vault.clone()), vault, lacks }
    }

    /// Asks, and says how many calls of the vault it took.
    fn ask(&self, operation: Operation, payload: impl Fn(&mut Writer)) -> (Answer, usize) {
        let before = self.vault.calls();
        let answer = self.server.ask(V, operation, payload);
        (answer, self.vault.calls() - before)
    }

    fn well(&self, operation: Operation, payload: impl Fn(&mut Writer)) -> Answer {
        let (answer, _) = self.ask(operation, payload);
        assert_eq!(answer.reason(0), None, "{operation}: {}", answer.message(0));
        answer
    }

    /// The same; nothing if the vault has no mechanism for it, which the refusal has to say by name.
    fn if_offered(&self, operation: Operation, payload: impl Fn(&mut Writer)) -> Option<Answer> {
        let (answer, _) = self.ask(operation, payload);
        let words = answer.message(0);
        match answer.reason(0) {
            None => Some(answer),
            Some(ResultReason::FeatureNotSupported) if self.lacks.iter().any(|lack| words.contains(lack)) => None,
            reason => panic!("{operation}: {reason:?} {words}"),
        }
    }

    fn refused(&self, operation: Operation, payload: impl Fn(&mut Writer)) -> (ResultReason, String) {
        self.refused_in(V, operation, payload)
    }

    fn refused_in(
        &self,
        version: Version,
        operation: Operation,
        payload: impl Fn(&mut Writer),
    ) -> (ResultReason, String) {
        let answer = self.server.ask(version, operation, payload);
        (answer.reason(0).unwrap(), answer.message(0))
    }

    /// An active key in the vault.
    fn create(&self, algorithm: Algorithm, bits: i32, more: impl Fn(&mut Writer)) -> String {
        let answer = self.well(Operation::Create, |out| {
            out.enumeration(Tag::ObjectType, ObjectType::SymmetricKey.0);
            out.structure(Tag::Attributes, |out| {
                attributes(out, algorithm, bits);
                more(out);
            });
        });
        answer.text(0, Tag::UniqueIdentifier)
    }

    /// An active pair whose private key is in the vault: private, public.
    fn pair(&self, algorithm: Algorithm, bits: i32, curve: Option<RecommendedCurve>) -> (String, String) {
        let answer = self.well(Operation::CreateKeyPair, |out| {
            out.structure(Tag::CommonAttributes, |out| {
                attributes(out, algorithm, bits);
                if let Some(curve) = curve {
                    out.structure(Tag::CryptographicDomainParameters, |out| {
                        out.enumeration(Tag::RecommendedCurve, curve.0);
                    });
                }
            });
        });
        (answer.text(0, Tag::PrivateKeyUniqueIdentifier), answer.text(0, Tag::PublicKeyUniqueIdentifier))
    }

    /// An operation with a key, some parameters and fields.
    fn with_key(
        &self,
        operation: Operation,
        id: &str,
        parameters: &CryptographicParameters,
        fields: &[(Tag, &[u8])],
        flags: &[Tag],
    ) -> Answer {
        self.well(operation, write_use(id, parameters, fields, flags))
    }

    /// The same in three parts; `last` is sent with the last one.
    fn in_parts(
        &self,
        operation: Operation,
        id: &str,
        parameters: &CryptographicParameters,
        (data, first): (&[u8], &[(Tag, &[u8])]),
        last: &[(Tag, &[u8])],
    ) -> Answer {
        let (one, rest) = data.split_at(data.len() / 3);
        let (two, three) = rest.split_at(rest.len() / 2);
        let opening = [&[(Tag::Data, one)], first].concat();
        let begun = self.with_key(operation, id, parameters, &opening, &[Tag::InitIndicator]);
        let correlation = begun.bytes(0, Tag::CorrelationValue).unwrap().to_vec();
        let next = [(Tag::Data, two), (Tag::CorrelationValue, &correlation[..])];
        let between = self.with_key(operation, id, parameters, &next, &[]);
        assert!(between.bytes(0, Tag::Data).is_none());
        let end = [&[(Tag::Data, three), (Tag::CorrelationValue, &correlation[..])], last].concat();
        self.with_key(operation, id, parameters, &end, &[Tag::FinalIndicator])
    }

    /// Registers a key into the vault: its bytes, or what a key of the vault made of them.
    fn register(&self, algorithm: Algorithm, bits: i32, material: &[u8], wrapped_by: Option<&str>) -> String {
        let answer = self.well(Operation::Register, |out| {
            out.enumeration(Tag::ObjectType, ObjectType::SymmetricKey.0);
            out.structure(Tag::Attributes, |out| attributes(out, algorithm, bits));
            out.structure(Tag::SymmetricKey, |out| {
                out.structure(Tag::KeyBlock, |out| {
                    out.enumeration(Tag::KeyFormatType, KeyFormatType::Raw.0);
                    match wrapped_by {
                        Some(_) => out.byte_string(Tag::KeyValue, material),
                        None => out.structure(Tag::KeyValue, |out| out.byte_string(Tag::KeyMaterial, material)),
                    }
                    out.enumeration(Tag::CryptographicAlgorithm, algorithm.0);
                    out.integer(Tag::CryptographicLength, bits);
                    if let Some(kek) = wrapped_by {
                        out.structure(Tag::KeyWrappingData, |out| {
                            out.enumeration(Tag::WrappingMethod, WrappingMethod::Encrypt.0);
                            out.structure(Tag::EncryptionKeyInformation, |out| {
                                out.text(Tag::UniqueIdentifier, kek);
                                wraps(out);
                            });
                            out.enumeration(Tag::EncodingOption, EncodingOption::NoEncoding.0);
                        });
                    }
                });
            });
        });
        answer.text(0, Tag::UniqueIdentifier)
    }

    /// The same key twice: in the vault, and here, where the algorithms of this program use it.
    fn twins(&self, algorithm: Algorithm, key: &[u8]) -> (String, String) {
        let there = self.register(algorithm, 8 * key.len() as i32, key, None);
        let here = self.server.key(ObjectType::SymmetricKey, algorithm, KeyFormatType::Raw, key, |_| {});
        (there, here)
    }

    /// A block that the key encrypts, to tell keys apart.
    fn cut(&self, id: &str) -> Vec<u8> {
        let answer = self.with_key(Operation::Encrypt, id, &mode(Mode::ECB, None), &[(Tag::Data, &[3; 16])], &[]);
        answer.bytes(0, Tag::Data).unwrap().to_vec()
    }

    fn about(&self, operation: Operation, id: &str) -> (Answer, usize) {
        self.ask(operation, |out| out.text(Tag::UniqueIdentifier, id))
    }
}

fn attributes(out: &mut Writer, algorithm: Algorithm, bits: i32) {
    out.enumeration(Tag::CryptographicAlgorithm, algorithm.0);
    out.integer(Tag::CryptographicLength, bits);
    out.integer(Tag::CryptographicUsageMask, CryptographicUsageMask(0xF_FFFF).0 as i32);
    out.date_time(Tag::ActivationDate, Date(1));
    out.enumeration(Tag::ProtectionLevel, ProtectionLevel::High.0);
}

fn mode(mode: Mode, padding: Option<PaddingMethod>) -> CryptographicParameters {
    CryptographicParameters { block_cipher_mode: Some(mode), padding_method: padding, ..Default::default() }
}

fn hashed(hash: HashingAlgorithm, padding: Option<PaddingMethod>) -> CryptographicParameters {
    CryptographicParameters { hashing_algorithm: Some(hash), padding_method: padding, ..Default::default() }
}

/// The Cryptographic Parameters that a wrapping key has.
fn wraps(out: &mut Writer) {
    out.value(Tag::CryptographicParameters, &mode(Mode::AESKeyWrapPadding, None).into_value());
}

fn valid(answer: &Answer) -> bool {
    let found = answer.field(0, Tag::ValidityIndicator).and_then(|item| item.enumeration());
    found.map(ValidityIndicator) == Some(ValidityIndicator::Valid)
}

/// Writes a use of a key, with parameters and fields.
fn write_use<'a>(
    id: &'a str,
    parameters: &'a CryptographicParameters,
    fields: &'a [(Tag, &'a [u8])],
    flags: &'a [Tag],
) -> impl Fn(&mut Writer) + 'a {
    move |out| {
        out.text(Tag::UniqueIdentifier, id);
        out.value(Tag::CryptographicParameters, &parameters.clone().into_value());
        let order = [
            Tag::Data,
            Tag::DigestedData,
            Tag::MACData,
            Tag::SignatureData,
            Tag::IVCounterNonce,
            Tag::CorrelationValue,
            Tag::InitIndicator,
            Tag::FinalIndicator,
            Tag::AuthenticatedEncryptionAdditionalData,
            Tag::AuthenticatedEncryptionTag,
        ];
        for tag in order {
            if let Some((_, bytes)) = fields.iter().find(|(one, _)| *one == tag) {
                out.byte_string(tag, bytes);
            }
            if flags.contains(&tag) {
                out.boolean(tag, true);
            }
        }
    }
}
