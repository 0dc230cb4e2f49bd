//! Derive Key from keys in the vault: by MACs, by ciphertexts, by agreement.

use super::*;
use crate::registry::DerivationMethod;

on_every_vault! {
    keys_are_derived_from_keys_of_the_vault_without_seeing_them
    what_works_on_the_bytes_of_a_key_is_not_derived
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

fn keys_are_derived_from_keys_of_the_vault_without_seeing_them(bench: &Bench) {
    let hmac = bench.create(Algorithm::HMAC_SHA256, 256, |_| {});
    let mac = |data: &[u8]| {
        let made = bench.with_key(Operation::MAC, &hmac, &Default::default(), &[(Tag::Data, data)], &[]);
        made.bytes(0, Tag::MACData).unwrap().to_vec()
    };
    let data = |out: &mut Writer| out.byte_string(Tag::DerivationData, b"data");
    assert_eq!(derived(bench, &[&hmac], DerivationMethod::HMAC, 20, data), mac(b"data")[..20]);
    // SP 800-108: each block has its counter, and what it has besides depends on the mode.
    let (one, two) = (&[0, 0, 0, 1][..], &[0, 0, 0, 2][..]);
    let blocks = |first: Vec<u8>, second: Vec<u8>| [mac(&first), mac(&second)].concat();
    let expected = blocks([one, b"data"].concat(), [two, b"data"].concat());
    assert_eq!(derived(bench, &[&hmac], DerivationMethod::NIST800_108_C, 64, data), expected);
    let first = [one, b"data"].concat();
    let expected = blocks(first.clone(), [&mac(&first)[..], two, b"data"].concat());
    assert_eq!(derived(bench, &[&hmac], DerivationMethod::NIST800_108_F, 64, data), expected);
    let (chain, chained) = (mac(b"data"), mac(&mac(b"data")));
    let expected = blocks([&chain[..], one, b"data"].concat(), [&chained[..], two, b"data"].concat());
    assert_eq!(derived(bench, &[&hmac], DerivationMethod::NIST800_108_DPI, 64, data), expected);

    let aes = bench.create(Algorithm::AES, 256, |_| {});
    let cbc = mode(Mode::CBC, Some(PaddingMethod::PKCS5));
    let fields = [(Tag::Data, &b"data"[..]), (Tag::IVCounterNonce, &[9; 16])];
    let sealed = bench.with_key(Operation::Encrypt, &aes, &cbc, &fields, &[]);
    let encrypting = |out: &mut Writer| {
        out.value(Tag::CryptographicParameters, &cbc.clone().into_value());
        out.byte_string(Tag::InitializationVector, &[9; 16]);
        data(out);
    };
    let found = derived(bench, &[&aes], DerivationMethod::ENCRYPT, 16, encrypting);
    assert_eq!(found, sealed.bytes(0, Tag::Data).unwrap());

    let (ours, our_public) = bench.pair(Algorithm::ECDH, 256, Some(RecommendedCurve::P_256));
    let (theirs, their_public) = bench.pair(Algorithm::ECDH, 256, Some(RecommendedCurve::P_256));
    let agreed = |private, public| derived(bench, &[private, public], DerivationMethod::AsymmetricKey, 32, |_| {});
    assert_eq!(agreed(&ours, &their_public), agreed(&theirs, &our_public));
    let (_, other_curve) = bench.pair(Algorithm::ECDH, 384, Some(RecommendedCurve::P_384));
    let answer = derive(bench, &[&ours, &other_curve], DerivationMethod::AsymmetricKey, 32, |_| {});
    assert_eq!(answer.reason(0), Some(ResultReason::BadCryptographicParameters), "{}", answer.message(0));
}

fn what_works_on_the_bytes_of_a_key_is_not_derived(bench: &Bench) {
    let hmac = bench.create(Algorithm::HMAC_SHA256, 256, |_| {});
    let calls = bench.vault.calls();
    let data = |out: &mut Writer| out.byte_string(Tag::DerivationData, b"data");
    for method in [DerivationMethod::HKDF, DerivationMethod::HASH, DerivationMethod::PBKDF2] {
        let answer = derive(bench, &[&hmac], method, 32, |out| {
            out.value(Tag::CryptographicParameters, &hashed(HashingAlgorithm::SHA_256, None).into_value());
            match method {
                DerivationMethod::HKDF => data(out),
                DerivationMethod::PBKDF2 => {
                    out.byte_string(Tag::Salt, b"salt");
                    out.integer(Tag::IterationCount, 1000);
                }
                _ => {}
            }
        });
        assert_eq!(answer.reason(0), Some(ResultReason::FeatureNotSupported), "{method}: {}", answer.message(0));
        assert!(answer.message(0).contains("HSM"), "{}", answer.message(0));
    }
    // More than a few calls of the vault.
    let answer = derive(bench, &[&hmac], DerivationMethod::NIST800_108_C, 1025, data);
    assert_eq!(answer.reason(0), Some(ResultReason::BadCryptographicParameters), "{}", answer.message(0));
    // Nor is what is derived put into the vault.
    let (reason, words) = bench.refused(Operation::DeriveKey, |out| {
        out.enumeration(Tag::ObjectType, ObjectType::SymmetricKey.0);
        out.text(Tag::UniqueIdentifier, &hmac);
        out.enumeration(Tag::DerivationMethod, DerivationMethod::HMAC.0);
        out.structure(Tag::DerivationParameters, data);
        out.structure(Tag::Attributes, |out| attributes(out, Algorithm::AES, 256));
    });
    assert_eq!(reason, ResultReason::FeatureNotSupported, "{words}");
    assert_eq!(bench.vault.calls(), calls);
}
