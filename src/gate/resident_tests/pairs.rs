//! Sign, Decrypt and what else is done with a private key; the public key is an object like any other.

use super::*;
use crate::gate::testing::write_id;
use crate::registry::SplitKeyMethod;

on_every_vault! {
    a_private_key_of_the_vault_signs
    a_private_key_of_the_vault_decrypts
    what_a_private_key_of_the_vault_is_not_for_is_refused
}

const SHA_256: HashingAlgorithm = HashingAlgorithm::SHA_256;

fn a_private_key_of_the_vault_signs(bench: &Bench) {
    let rsa = bench.pair(Algorithm::RSA, 2048, None);
    let sha512 = HashingAlgorithm::SHA_512;
    let short = CryptographicParameters { salt_length: Some(20), ..hashed(SHA_256, Some(PaddingMethod::PSS)) };
    let cases = [
        (rsa.clone(), hashed(SHA_256, Some(PaddingMethod::PKCS1V1_5))),
        (rsa.clone(), hashed(sha512, Some(PaddingMethod::PKCS1V1_5))),
        (rsa.clone(), hashed(SHA_256, Some(PaddingMethod::PSS))),
        (rsa, short),
        (bench.pair(Algorithm::ECDSA, 256, Some(RecommendedCurve::P_256)), hashed(SHA_256, None)),
        (bench.pair(Algorithm::EC, 384, None), CryptographicParameters::default()),
        (bench.pair(Algorithm::EC, 521, None), hashed(sha512, None)),
        (bench.pair(Algorithm::Ed25519, 256, None), CryptographicParameters::default()),
    ];
    let data = [7; 99];
    for ((private, public), parameters) in &cases {
        let signed = [
            bench.with_key(Operation::Sign, private, parameters, &[(Tag::Data, &data)], &[]),
            bench.in_parts(Operation::Sign, private, parameters, (&data, &[]), &[]),
        ];
        for signed in signed {
            let signature = signed.bytes(0, Tag::SignatureData).unwrap();
            let calls = bench.vault.calls();
            for (data, is_right) in [(&data, true), (&[8; 99], false)] {
                let fields = [(Tag::Data, &data[..]), (Tag::SignatureData, signature)];
                let verified = bench.with_key(Operation::SignatureVerify, public, parameters, &fields, &[]);
                assert_eq!(valid(&verified), is_right, "{parameters:?}");
            }
            assert_eq!(bench.vault.calls(), calls, "the public key is here");
        }
    }
    // A digest that the client made is signed as it is.
    let ((private, public), parameters) = &cases[0];
    let signed = bench.with_key(Operation::Sign, private, parameters, &[(Tag::DigestedData, &[7; 32])], &[]);
    let fields =
        [(Tag::DigestedData, &[7; 32][..]), (Tag::SignatureData, signed.bytes(0, Tag::SignatureData).unwrap())];
    assert!(valid(&bench.with_key(Operation::SignatureVerify, public, parameters, &fields, &[])));
}

fn a_private_key_of_the_vault_decrypts(bench: &Bench) {
    let (private, public) = bench.pair(Algorithm::RSA, 2048, None);
    let sha1 = HashingAlgorithm::SHA_1;
    for (hash, padding) in
        [(SHA_256, PaddingMethod::OAEP), (sha1, PaddingMethod::OAEP), (SHA_256, PaddingMethod::PKCS1V1_5)]
    {
        let parameters = CryptographicParameters {
            mask_generator_hashing_algorithm: (padding == PaddingMethod::OAEP).then_some(hash),
            ..hashed(hash, Some(padding))
        };
        let sealed = bench.with_key(Operation::Encrypt, &public, &parameters, &[(Tag::Data, b"secret")], &[]);
        let fields = [(Tag::Data, sealed.bytes(0, Tag::Data).unwrap())];
        let opened = bench.if_offered(Operation::Decrypt, write_use(&private, &parameters, &fields, &[]));
        let Some(opened) = opened else { continue };
        assert_eq!(opened.bytes(0, Tag::Data), Some(&b"secret"[..]), "{parameters:?}");
    }
}

fn what_a_private_key_of_the_vault_is_not_for_is_refused(bench: &Bench) {
    let (private, _) = bench.pair(Algorithm::ECDSA, 256, Some(RecommendedCurve::P_256));
    let calls = bench.vault.calls();
    let parameters = CryptographicParameters::default();
    let fields = [(Tag::Data, &[0; 64][..])];
    let (reason, _) = bench.refused(Operation::Decrypt, write_use(&private, &parameters, &fields, &[]));
    assert_eq!(reason, ResultReason::BadCryptographicParameters);
    // Of a signature the public key is asked.
    let fields = [(Tag::Data, &[0; 64][..]), (Tag::SignatureData, &[0; 64])];
    let (reason, _) = bench.refused(Operation::SignatureVerify, write_use(&private, &parameters, &fields, &[]));
    assert_eq!(reason, ResultReason::InvalidObjectType);
    let (reason, words) = bench.refused_in(Version::V3_0, Operation::Decapsulate, |out| {
        write_id(out, Version::V3_0, &private);
        out.byte_string(Tag::Data, &[0; 65]);
    });
    assert_eq!(reason, ResultReason::FeatureNotSupported, "{words}");
    assert!(words.contains("HSM"), "{words}");
    // No parts of a key that nobody has seen.
    let key = bench.create(Algorithm::AES, 256, |_| {});
    let (reason, _) = bench.refused(Operation::CreateSplitKey, |out| {
        out.enumeration(Tag::ObjectType, ObjectType::SplitKey.0);
        out.text(Tag::UniqueIdentifier, &key);
        out.integer(Tag::SplitKeyParts, 3);
        out.integer(Tag::SplitKeyThreshold, 2);
        out.enumeration(Tag::SplitKeyMethod, SplitKeyMethod::PolynomialSharingGF2_8.0);
        out.structure(Tag::Attributes, |_| {});
    });
    assert_eq!(reason, ResultReason::FeatureNotSupported);
    assert_eq!(bench.vault.calls(), calls + 1, "the one that made a key");
}
