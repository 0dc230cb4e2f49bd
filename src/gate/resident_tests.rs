//! Objects whose key is in the vault, through the whole core: they do what other keys do, by calls of the vault alone;
//! and what needs no key makes no call.

use std::sync::Arc;

use super::testing::{Answer, TestServer};
use crate::base::{Date, RngParameters};
use crate::model::values::{AttributeValue, CryptographicParameters};
use crate::registry::{
    BlockCipherMode as Mode, CryptographicAlgorithm as Algorithm, CryptographicUsageMask, DerivationMethod,
    EncodingOption, HashingAlgorithm, KeyFormatType, ObjectType, Operation, PaddingMethod, ProtectionLevel,
    RecommendedCurve, ResultReason, Tag, ValidityIndicator, Version, WrappingMethod,
};
use crate::ttlv::Writer;
use crate::vault::memory::MemoryVault;

const V: Version = Version::V2_1;

struct Bench {
    vault: Arc<MemoryVault>,
    server: TestServer,
}

impl Bench {
    fn new() -> Self {
        let vault = Arc::new(MemoryVault::default());
        Self { server: TestServer::with_vault(vault.clone()), vault }
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

    fn refused(&self, operation: Operation, payload: impl Fn(&mut Writer)) -> (ResultReason, String) {
        let (answer, _) = self.ask(operation, payload);
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
        self.well(operation, |out| {
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
        })
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

/// Fields of a request that are bytes.
type Fields<'a> = Vec<(Tag, &'a [u8])>;

#[test]
fn an_aes_key_encrypts_and_decrypts_in_the_vault() {
    let bench = Bench::new();
    let key = bench.create(Algorithm::AES, 256, |_| {});
    let data = [0x5A; 50];
    let gcm = CryptographicParameters { tag_length: Some(12), ..mode(Mode::GCM, None) };
    let cases: [(CryptographicParameters, Fields<'_>); 5] = [
        (mode(Mode::CBC, Some(PaddingMethod::PKCS5)), vec![(Tag::IVCounterNonce, &[9; 16])]),
        (mode(Mode::CBC, Some(PaddingMethod::ANSIX9_23)), vec![(Tag::IVCounterNonce, &[9; 16])]),
        (mode(Mode::ECB, Some(PaddingMethod::PKCS5)), vec![]),
        (mode(Mode::CTR, None), vec![(Tag::IVCounterNonce, &[9; 16])]),
        (gcm, vec![(Tag::IVCounterNonce, &[9; 12]), (Tag::AuthenticatedEncryptionAdditionalData, b"aad")]),
    ];
    for (parameters, fields) in cases {
        let whole = [&[(Tag::Data, &data[..])], &fields[..]].concat();
        let sealed = bench.with_key(Operation::Encrypt, &key, &parameters, &whole, &[]);
        let cut = sealed.bytes(0, Tag::Data).unwrap().to_vec();
        let tag = sealed.bytes(0, Tag::AuthenticatedEncryptionTag).map(<[u8]>::to_vec);
        let parts = bench.in_parts(Operation::Encrypt, &key, &parameters, (&data, &fields), &[]);
        assert_eq!(parts.bytes(0, Tag::Data), Some(&cut[..]), "{parameters:?}");
        assert_eq!(parts.bytes(0, Tag::AuthenticatedEncryptionTag), tag.as_deref());
        let tag: Vec<(Tag, &[u8])> =
            tag.as_deref().map(|tag| (Tag::AuthenticatedEncryptionTag, tag)).into_iter().collect();
        let whole = [&[(Tag::Data, &cut[..])], &fields[..], &tag].concat();
        let opened = bench.with_key(Operation::Decrypt, &key, &parameters, &whole, &[]);
        assert_eq!(opened.bytes(0, Tag::Data), Some(&data[..]), "{parameters:?}");
        let opened = bench.in_parts(Operation::Decrypt, &key, &parameters, (&cut, &fields), &tag);
        assert_eq!(opened.bytes(0, Tag::Data), Some(&data[..]), "{parameters:?}");
    }
    // An IV that the server makes is answered, with the first part of a stream.
    let random = CryptographicParameters { random_iv: Some(true), ..mode(Mode::GCM, None) };
    let sealed = bench.with_key(Operation::Encrypt, &key, &random, &[(Tag::Data, &data)], &[]);
    assert_eq!(sealed.bytes(0, Tag::IVCounterNonce).map(<[u8]>::len), Some(12));
    let begun = bench.with_key(Operation::Encrypt, &key, &random, &[(Tag::Data, &data)], &[Tag::InitIndicator]);
    assert_eq!(begun.bytes(0, Tag::IVCounterNonce).map(<[u8]>::len), Some(12));
    // What the vault has no mechanism for is refused by its name, and nothing else does it.
    let calls = bench.vault.calls();
    let (reason, words) = bench.refused(Operation::Encrypt, |out| {
        out.text(Tag::UniqueIdentifier, &key);
        out.value(Tag::CryptographicParameters, &mode(Mode::CFB, None).into_value());
        out.byte_string(Tag::Data, &data);
        out.byte_string(Tag::IVCounterNonce, &[9; 16]);
    });
    assert_eq!(reason, ResultReason::UnsupportedCryptographicParameters);
    assert!(words.contains("HSM"), "{words}");
    assert_eq!(bench.vault.calls(), calls);
}

#[test]
fn a_key_of_the_vault_makes_macs() {
    let bench = Bench::new();
    let hmac = bench.create(Algorithm::HMAC_SHA256, 256, |_| {});
    let aes = bench.create(Algorithm::AES, 128, |_| {});
    for (key, parameters) in [(hmac, CryptographicParameters::default()), (aes, mode(Mode::CMAC, None))] {
        let data = [7; 40];
        let made = bench.with_key(Operation::MAC, &key, &parameters, &[(Tag::Data, &data)], &[]);
        let mac = made.bytes(0, Tag::MACData).unwrap().to_vec();
        let parts = bench.in_parts(Operation::MAC, &key, &parameters, (&data, &[]), &[]);
        assert_eq!(parts.bytes(0, Tag::MACData), Some(&mac[..]));
        for (mac, valid) in [(mac.clone(), ValidityIndicator::Valid), (vec![0; 32], ValidityIndicator::Invalid)] {
            let fields = [(Tag::Data, &data[..]), (Tag::MACData, &mac[..])];
            let answers = [
                bench.with_key(Operation::MACVerify, &key, &parameters, &fields, &[]),
                bench.in_parts(Operation::MACVerify, &key, &parameters, (&data, &[]), &[(Tag::MACData, &mac)]),
            ];
            for answer in answers {
                let found = answer.field(0, Tag::ValidityIndicator).and_then(|item| item.enumeration());
                assert_eq!(found, Some(valid.0));
            }
        }
    }
}

#[test]
fn a_private_key_of_the_vault_signs_and_decrypts() {
    let bench = Bench::new();
    let sha256 = HashingAlgorithm::SHA_256;
    let cases = [
        (bench.pair(Algorithm::RSA, 2048, None), hashed(sha256, Some(PaddingMethod::PKCS1V1_5))),
        (bench.pair(Algorithm::RSA, 2048, None), hashed(sha256, Some(PaddingMethod::PSS))),
        (bench.pair(Algorithm::ECDSA, 256, Some(RecommendedCurve::P_256)), hashed(sha256, None)),
        (bench.pair(Algorithm::EC, 384, None), CryptographicParameters::default()),
        (bench.pair(Algorithm::Ed25519, 256, None), CryptographicParameters::default()),
    ];
    for ((private, public), parameters) in &cases {
        let data = [7; 99];
        let whole = bench.with_key(Operation::Sign, private, parameters, &[(Tag::Data, &data)], &[]);
        let parts = bench.in_parts(Operation::Sign, private, parameters, (&data, &[]), &[]);
        for signed in [whole, parts] {
            let signature = signed.bytes(0, Tag::SignatureData).unwrap();
            let calls = bench.vault.calls();
            let fields = [(Tag::Data, &data[..]), (Tag::SignatureData, signature)];
            let verified = bench.with_key(Operation::SignatureVerify, public, parameters, &fields, &[]);
            let found = verified.field(0, Tag::ValidityIndicator).and_then(|item| item.enumeration());
            assert_eq!(found, Some(ValidityIndicator::Valid.0), "{parameters:?}");
            assert_eq!(bench.vault.calls(), calls, "the public key is an object like any other");
        }
    }
    let (private, public) = &cases[0].0;
    for padding in [PaddingMethod::OAEP, PaddingMethod::PKCS1V1_5] {
        let parameters = hashed(sha256, Some(padding));
        let sealed = bench.with_key(Operation::Encrypt, public, &parameters, &[(Tag::Data, b"secret")], &[]);
        let fields = [(Tag::Data, sealed.bytes(0, Tag::Data).unwrap())];
        let opened = bench.with_key(Operation::Decrypt, private, &parameters, &fields, &[]);
        assert_eq!(opened.bytes(0, Tag::Data), Some(&b"secret"[..]));
    }
    let (reason, _) = bench.refused(Operation::Decrypt, |out| {
        out.text(Tag::UniqueIdentifier, &cases[2].0.0);
        out.byte_string(Tag::Data, &[0; 64]);
    });
    assert_eq!(reason, ResultReason::BadCryptographicParameters);
}

/// The bytes that are derived from keys, by a method with some parameters.
fn derive(
    bench: &Bench,
    bases: &[&String],
    method: DerivationMethod,
    bytes: usize,
    parameters: impl Fn(&mut Writer),
) -> Answer {
    let answer = bench.ask(Operation::DeriveKey, |out| {
        out.enumeration(Tag::ObjectType, ObjectType::SecretData.0);
        bases.iter().for_each(|base| out.text(Tag::UniqueIdentifier, base));
        out.enumeration(Tag::DerivationMethod, method.0);
        out.structure(Tag::DerivationParameters, &parameters);
        out.structure(Tag::Attributes, |out| {
            out.integer(Tag::CryptographicLength, 8 * bytes as i32);
            out.integer(Tag::CryptographicUsageMask, CryptographicUsageMask::DeriveKey.0 as i32);
        });
    });
    answer.0
}

fn derived(
    bench: &Bench,
    bases: &[&String],
    method: DerivationMethod,
    bytes: usize,
    parameters: impl Fn(&mut Writer),
) -> Vec<u8> {
    let answer = derive(bench, bases, method, bytes, parameters);
    assert_eq!(answer.reason(0), None, "{method}: {}", answer.message(0));
    let got = bench.well(Operation::Get, |out| out.text(Tag::UniqueIdentifier, &answer.text(0, Tag::UniqueIdentifier)));
    let block = got.field(0, Tag::SecretData).and_then(|key| key.child(Tag::KeyBlock)).unwrap();
    let value = block.child(Tag::KeyValue).and_then(|value| value.child(Tag::KeyMaterial)).unwrap();
    value.byte_string().unwrap().to_vec()
}

#[test]
fn keys_are_derived_from_keys_of_the_vault_without_seeing_them() {
    let bench = Bench::new();
    let hmac = bench.create(Algorithm::HMAC_SHA256, 256, |_| {});
    let mac = |data: &[u8]| {
        let made = bench.with_key(Operation::MAC, &hmac, &Default::default(), &[(Tag::Data, data)], &[]);
        made.bytes(0, Tag::MACData).unwrap().to_vec()
    };
    let data = |out: &mut Writer| out.byte_string(Tag::DerivationData, b"data");
    assert_eq!(derived(&bench, &[&hmac], DerivationMethod::HMAC, 20, data), mac(b"data")[..20]);
    // SP 800-108: each block has its counter, and what it has besides depends on the mode.
    let (one, two) = (&[0, 0, 0, 1][..], &[0, 0, 0, 2][..]);
    let blocks = |first: Vec<u8>, second: Vec<u8>| [mac(&first), mac(&second)].concat();
    let expected = blocks([one, b"data"].concat(), [two, b"data"].concat());
    assert_eq!(derived(&bench, &[&hmac], DerivationMethod::NIST800_108_C, 64, data), expected);
    let first = [one, b"data"].concat();
    let expected = blocks(first.clone(), [&mac(&first)[..], two, b"data"].concat());
    assert_eq!(derived(&bench, &[&hmac], DerivationMethod::NIST800_108_F, 64, data), expected);
    let (chain, chained) = (mac(b"data"), mac(&mac(b"data")));
    let expected = blocks([&chain[..], one, b"data"].concat(), [&chained[..], two, b"data"].concat());
    assert_eq!(derived(&bench, &[&hmac], DerivationMethod::NIST800_108_DPI, 64, data), expected);

    let aes = bench.create(Algorithm::AES, 256, |_| {});
    let cbc = mode(Mode::CBC, Some(PaddingMethod::PKCS5));
    let fields = [(Tag::Data, &b"data"[..]), (Tag::IVCounterNonce, &[9; 16])];
    let sealed = bench.with_key(Operation::Encrypt, &aes, &cbc, &fields, &[]);
    let encrypting = |out: &mut Writer| {
        out.value(Tag::CryptographicParameters, &cbc.clone().into_value());
        out.byte_string(Tag::InitializationVector, &[9; 16]);
        data(out);
    };
    let found = derived(&bench, &[&aes], DerivationMethod::ENCRYPT, 16, encrypting);
    assert_eq!(found, sealed.bytes(0, Tag::Data).unwrap());

    let (ours, our_public) = bench.pair(Algorithm::ECDH, 256, Some(RecommendedCurve::P_256));
    let (theirs, their_public) = bench.pair(Algorithm::ECDH, 256, Some(RecommendedCurve::P_256));
    let agreed = |private, public| derived(&bench, &[private, public], DerivationMethod::AsymmetricKey, 32, |_| {});
    assert_eq!(agreed(&ours, &their_public), agreed(&theirs, &our_public));
    let (_, other_curve) = bench.pair(Algorithm::ECDH, 384, Some(RecommendedCurve::P_384));
    let answer = derive(&bench, &[&ours, &other_curve], DerivationMethod::AsymmetricKey, 32, |_| {});
    assert_eq!(answer.reason(0), Some(ResultReason::BadCryptographicParameters), "{}", answer.message(0));

    // What works on the bytes of the key is refused, and so is more than a few calls of the vault.
    let answer = derive(&bench, &[&hmac], DerivationMethod::HKDF, 32, data);
    assert_eq!(answer.reason(0), Some(ResultReason::FeatureNotSupported), "{}", answer.message(0));
    let answer = derive(&bench, &[&hmac], DerivationMethod::NIST800_108_C, 1025, data);
    assert_eq!(answer.reason(0), Some(ResultReason::BadCryptographicParameters), "{}", answer.message(0));
}

fn wrapped_by(out: &mut Writer, id: &str, key: &str, encoding: EncodingOption, method: WrappingMethod) {
    out.text(Tag::UniqueIdentifier, id);
    out.structure(Tag::KeyWrappingSpecification, |out| {
        out.enumeration(Tag::WrappingMethod, method.0);
        let information = match method {
            WrappingMethod::MACSign => Tag::MACSignatureKeyInformation,
            _ => Tag::EncryptionKeyInformation,
        };
        out.structure(information, |out| out.text(Tag::UniqueIdentifier, key));
        out.enumeration(Tag::EncodingOption, encoding.0);
    });
}

/// The Cryptographic Parameters that a wrapping key has.
fn wraps(out: &mut Writer) {
    out.value(Tag::CryptographicParameters, &mode(Mode::AESKeyWrapPadding, None).into_value());
}

#[test]
fn keys_leave_the_vault_wrapped_by_another_or_not_at_all() {
    const NO: EncodingOption = EncodingOption::NoEncoding;
    let bench = Bench::new();
    let kek = bench.create(Algorithm::AES, 256, wraps);
    let closed = bench.create(Algorithm::AES, 128, |_| {});
    let open = bench.create(Algorithm::AES, 128, |out| out.boolean(Tag::Extractable, true));
    let (answer, calls) = bench.about(Operation::Get, &closed);
    assert_eq!((answer.reason(0), calls), (Some(ResultReason::NotExtractable), 0));
    let (answer, calls) = bench.about(Operation::Get, &open);
    assert_eq!((answer.reason(0), calls), (Some(ResultReason::Sensitive), 0));
    let get = |id: &str, key: &str, encoding, method| {
        bench.ask(Operation::Get, |out| wrapped_by(out, id, key, encoding, method)).0
    };
    let reason = |id: &str, key: &str, encoding, method| get(id, key, encoding, method).reason(0);
    assert_eq!(reason(&closed, &kek, NO, WrappingMethod::Encrypt), Some(ResultReason::NotExtractable));
    assert_eq!(
        reason(&open, &kek, EncodingOption::TTLVEncoding, WrappingMethod::Encrypt),
        Some(ResultReason::EncodingOptionError)
    );
    assert_eq!(reason(&open, &kek, NO, WrappingMethod::MACSign), Some(ResultReason::Sensitive));
    let here = bench.server.key(ObjectType::SymmetricKey, Algorithm::AES, KeyFormatType::Raw, &[1; 32], wraps);
    let answer = get(&open, &here, NO, WrappingMethod::Encrypt);
    assert_eq!(answer.reason(0), Some(ResultReason::FeatureNotSupported));
    assert!(answer.message(0).contains("another key of the HSM"));
    let answer = get(&open, &kek, NO, WrappingMethod::Encrypt);
    assert_eq!(answer.reason(0), None, "{}", answer.message(0));
    let block = answer.field(0, Tag::SymmetricKey).and_then(|key| key.child(Tag::KeyBlock)).unwrap();
    let wrapped = block.child(Tag::KeyValue).and_then(|value| value.byte_string()).unwrap();
    assert_eq!(wrapped.len(), 24);
    // A key from here, wrapped by one of the vault, comes back and is the same.
    let calls = bench.vault.calls();
    let answer = get(&here, &kek, EncodingOption::TTLVEncoding, WrappingMethod::Encrypt);
    assert_eq!(answer.reason(0), None, "{}", answer.message(0));
    assert_eq!(bench.vault.calls(), calls + 1);
    let block = answer.field(0, Tag::SymmetricKey).and_then(|key| key.child(Tag::KeyBlock)).unwrap().to_value();
    let registered = bench.well(Operation::Register, |out| {
        out.enumeration(Tag::ObjectType, ObjectType::SymmetricKey.0);
        out.structure(Tag::Attributes, |out| {
            out.integer(Tag::CryptographicUsageMask, CryptographicUsageMask(0xF_FFFF).0 as i32);
            out.date_time(Tag::ActivationDate, Date(1));
        });
        out.structure(Tag::SymmetricKey, |out| out.value(Tag::KeyBlock, &block));
    });
    let registered = registered.text(0, Tag::UniqueIdentifier);
    let ecb = mode(Mode::ECB, None);
    let cut = |id: &str| {
        let answer = bench.with_key(Operation::Encrypt, id, &ecb, &[(Tag::Data, &[3; 16])], &[]);
        answer.bytes(0, Tag::Data).unwrap().to_vec()
    };
    assert_eq!(cut(&registered), cut(&here));
}

#[test]
fn a_key_is_registered_into_the_vault() {
    let bench = Bench::new();
    let kek = bench.create(Algorithm::AES, 256, wraps);
    let raw = [0x42; 16];
    let ecb = mode(Mode::ECB, None);
    let here = bench.server.key(ObjectType::SymmetricKey, Algorithm::AES, KeyFormatType::Raw, &raw, |_| {});
    let cut = |id: &str| {
        let answer = bench.with_key(Operation::Encrypt, id, &ecb, &[(Tag::Data, &[3; 16])], &[]);
        answer.bytes(0, Tag::Data).unwrap().to_vec()
    };
    // The bytes as they are; and wrapped by a key of the vault, which unwraps them where they stay.
    let sealed =
        bench.with_key(Operation::Encrypt, &kek, &mode(Mode::AESKeyWrapPadding, None), &[(Tag::Data, &raw)], &[]);
    let wrapped = sealed.bytes(0, Tag::Data).unwrap();
    for (material, wrapping) in [(&raw[..], false), (wrapped, true)] {
        let keys = bench.vault.count();
        let answer = bench.well(Operation::Register, |out| {
            out.enumeration(Tag::ObjectType, ObjectType::SymmetricKey.0);
            out.structure(Tag::Attributes, |out| attributes(out, Algorithm::AES, 128));
            out.structure(Tag::SymmetricKey, |out| {
                out.structure(Tag::KeyBlock, |out| {
                    out.enumeration(Tag::KeyFormatType, KeyFormatType::Raw.0);
                    if wrapping {
                        out.byte_string(Tag::KeyValue, material);
                    } else {
                        out.structure(Tag::KeyValue, |out| out.byte_string(Tag::KeyMaterial, material));
                    }
                    out.enumeration(Tag::CryptographicAlgorithm, Algorithm::AES.0);
                    out.integer(Tag::CryptographicLength, 128);
                    if wrapping {
                        out.structure(Tag::KeyWrappingData, |out| {
                            out.enumeration(Tag::WrappingMethod, WrappingMethod::Encrypt.0);
                            out.structure(Tag::EncryptionKeyInformation, |out| {
                                out.text(Tag::UniqueIdentifier, &kek);
                                wraps(out);
                            });
                            out.enumeration(Tag::EncodingOption, EncodingOption::NoEncoding.0);
                        });
                    }
                });
            });
        });
        let id = answer.text(0, Tag::UniqueIdentifier);
        assert_eq!(bench.vault.count(), keys + 1);
        assert_eq!(cut(&id), cut(&here));
        assert_eq!(bench.about(Operation::Get, &id).0.reason(0), Some(ResultReason::NotExtractable));
    }
}

#[test]
fn a_replacement_is_made_in_the_vault() {
    let bench = Bench::new();
    let old = bench.create(Algorithm::AES, 256, |_| {});
    let keys = bench.vault.count();
    let new = bench.well(Operation::ReKey, |out| out.text(Tag::UniqueIdentifier, &old));
    let new = new.text(0, Tag::UniqueIdentifier);
    assert_eq!(bench.vault.count(), keys + 1);
    let ecb = mode(Mode::ECB, None);
    let cut = |id: &str| {
        let answer = bench.with_key(Operation::Encrypt, id, &ecb, &[(Tag::Data, &[3; 16])], &[]);
        answer.bytes(0, Tag::Data).unwrap().to_vec()
    };
    assert_ne!(cut(&old), cut(&new));
    let (private, public) = bench.pair(Algorithm::ECDSA, 256, Some(RecommendedCurve::P_256));
    let keys = bench.vault.count();
    let made = bench.well(Operation::ReKeyKeyPair, |out| out.text(Tag::PrivateKeyUniqueIdentifier, &private));
    assert_eq!(bench.vault.count(), keys + 1);
    let (new, half) = (made.text(0, Tag::PrivateKeyUniqueIdentifier), made.text(0, Tag::PublicKeyUniqueIdentifier));
    assert!(new != private && half != public);
    let parameters = hashed(HashingAlgorithm::SHA_256, None);
    let signed = bench.with_key(Operation::Sign, &new, &parameters, &[(Tag::Data, b"data")], &[]);
    let fields = [(Tag::Data, &b"data"[..]), (Tag::SignatureData, signed.bytes(0, Tag::SignatureData).unwrap())];
    let verified = bench.with_key(Operation::SignatureVerify, &half, &parameters, &fields, &[]);
    let found = verified.field(0, Tag::ValidityIndicator).and_then(|item| item.enumeration());
    assert_eq!(found, Some(ValidityIndicator::Valid.0));
}

#[test]
fn metadata_and_keys_that_are_here_make_no_call() {
    let bench = Bench::new();
    let there = bench.create(Algorithm::AES, 256, |_| {});
    let here = bench.server.key(ObjectType::SymmetricKey, Algorithm::AES, KeyFormatType::Raw, &[1; 32], |_| {});
    let metadata = [
        Operation::GetAttributes,
        Operation::GetAttributeList,
        Operation::ObtainLease,
        Operation::Check,
        Operation::Archive,
        Operation::Recover,
    ];
    for operation in metadata {
        let (answer, calls) = bench.about(operation, &there);
        assert_eq!((answer.reason(0), calls), (None, 0), "{operation}: {}", answer.message(0));
    }
    for operation in [&metadata[..], &[Operation::Get, Operation::ReKey, Operation::Destroy]].concat() {
        let (answer, calls) = bench.about(operation, &here);
        // Destroy is refused of an active key; the next line of its life is not what is tried here.
        let well = answer.reason(0).is_none() || operation == Operation::Destroy;
        assert!(well && calls == 0, "{operation}: {calls} {}", answer.message(0));
    }
    for operation in [Operation::DiscoverVersions, Operation::Locate] {
        let (answer, calls) = bench.ask(operation, |_| {});
        assert_eq!((answer.reason(0), calls), (None, 0), "{operation}: {}", answer.message(0));
    }
    let here = bench.server.key(ObjectType::SymmetricKey, Algorithm::AES, KeyFormatType::Raw, &[2; 32], |_| {});
    let calls = bench.vault.calls();
    bench.with_key(Operation::Encrypt, &here, &mode(Mode::ECB, None), &[(Tag::Data, &[3; 16])], &[]);
    assert_eq!(bench.vault.calls(), calls);
    // A key of the vault: one call for each use.
    bench.with_key(Operation::Encrypt, &there, &mode(Mode::ECB, None), &[(Tag::Data, &[3; 16])], &[]);
    assert_eq!(bench.vault.calls(), calls + 1);
}

#[test]
fn a_vault_that_is_away_is_answered_for_as_something_to_try_again() {
    let bench = Bench::new();
    let key = bench.create(Algorithm::AES, 256, |_| {});
    bench.vault.be_away(true);
    let encrypt = |out: &mut Writer| {
        out.text(Tag::UniqueIdentifier, &key);
        out.value(Tag::CryptographicParameters, &mode(Mode::ECB, None).into_value());
        out.byte_string(Tag::Data, &[3; 16]);
    };
    let (reason, words) = bench.refused(Operation::Encrypt, encrypt);
    assert_eq!(reason, ResultReason::GeneralFailure);
    assert!(words.contains("send the request again"), "{words}");
    let (answer, calls) = bench.about(Operation::GetAttributes, &key);
    assert_eq!((answer.reason(0), calls), (None, 0));
    bench.vault.be_away(false);
    bench.well(Operation::Encrypt, encrypt);
}

#[test]
fn what_is_made_in_the_vault_says_which_generator_made_it() {
    let bench = Bench::new();
    let there = bench.create(Algorithm::AES, 256, |_| {});
    let answer = bench.well(Operation::GetAttributes, |out| {
        out.text(Tag::UniqueIdentifier, &there);
        out.enumeration(Tag::AttributeReference, Tag::RandomNumberGenerator.0);
    });
    let found = answer.field(0, Tag::Attributes).and_then(|all| all.child(Tag::RandomNumberGenerator)).unwrap();
    assert_eq!(found.to_value(), RngParameters::UNSPECIFIED.value());
    let rngs = bench.well(Operation::Query, |out| out.enumeration(Tag::QueryFunction, 8));
    let first = rngs.field(0, Tag::RNGParameters).unwrap().to_value();
    assert_eq!(first, RngParameters::CTR_DRBG.value());
}
