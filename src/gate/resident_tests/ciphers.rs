//! Encrypt, Decrypt, MAC and MAC Verify with secret keys.

use super::*;

on_every_vault! {
    an_aes_key_encrypts_and_decrypts_in_the_vault
    key_wrap_is_a_cipher_too
    a_mode_that_no_vault_has_is_refused_by_its_name
    a_key_of_the_vault_makes_macs
}

/// Fields of a request that are bytes.
type Fields<'a> = Vec<(Tag, &'a [u8])>;

/// Each mode, whole and in parts, gives what the same key gives when it is here.
fn an_aes_key_encrypts_and_decrypts_in_the_vault(bench: &Bench) {
    let (key, twin) = bench.twins(Algorithm::AES, &[0x42; 32]);
    let data = [0x5A; 50];
    let gcm = |length| CryptographicParameters { tag_length: Some(length), ..mode(Mode::GCM, None) };
    let block: (Tag, &[u8]) = (Tag::IVCounterNonce, &[9; 16]);
    let cases: [(CryptographicParameters, Fields<'_>); 6] = [
        (mode(Mode::CBC, Some(PaddingMethod::PKCS5)), vec![block]),
        (mode(Mode::CBC, Some(PaddingMethod::ANSIX9_23)), vec![block]),
        (mode(Mode::ECB, Some(PaddingMethod::PKCS5)), vec![]),
        (mode(Mode::CTR, None), vec![block]),
        (gcm(16), vec![(Tag::IVCounterNonce, &[9; 12])]),
        (gcm(12), vec![(Tag::IVCounterNonce, &[9; 12]), (Tag::AuthenticatedEncryptionAdditionalData, b"aad")]),
    ];
    for (parameters, fields) in cases {
        let whole = [&[(Tag::Data, &data[..])], &fields[..]].concat();
        let expected = bench.with_key(Operation::Encrypt, &twin, &parameters, &whole, &[]);
        let cut = expected.bytes(0, Tag::Data).unwrap();
        let tag = expected.bytes(0, Tag::AuthenticatedEncryptionTag);
        let sealed = [
            bench.with_key(Operation::Encrypt, &key, &parameters, &whole, &[]),
            bench.in_parts(Operation::Encrypt, &key, &parameters, (&data, &fields), &[]),
        ];
        for sealed in sealed {
            assert_eq!(sealed.bytes(0, Tag::Data), Some(cut), "{parameters:?}");
            assert_eq!(sealed.bytes(0, Tag::AuthenticatedEncryptionTag), tag, "{parameters:?}");
        }
        let tag: Fields<'_> = tag.map(|tag| (Tag::AuthenticatedEncryptionTag, tag)).into_iter().collect();
        let whole = [&[(Tag::Data, cut)], &fields[..], &tag].concat();
        let opened = [
            bench.with_key(Operation::Decrypt, &key, &parameters, &whole, &[]),
            bench.in_parts(Operation::Decrypt, &key, &parameters, (cut, &fields), &tag),
        ];
        for opened in opened {
            assert_eq!(opened.bytes(0, Tag::Data), Some(&data[..]), "{parameters:?}");
        }
        if !tag.is_empty() {
            let forged = [&[(Tag::Data, &data[..])], &fields[..], &tag].concat();
            let (reason, _) = bench.refused(Operation::Decrypt, write_use(&key, &parameters, &forged, &[]));
            assert_eq!(reason, ResultReason::CryptographicFailure, "{parameters:?}");
        }
    }
    // An IV that the server makes is answered, with the first part of a stream.
    let random = CryptographicParameters { random_iv: Some(true), ..gcm(16) };
    for flags in [&[][..], &[Tag::InitIndicator]] {
        let sealed = bench.with_key(Operation::Encrypt, &key, &random, &[(Tag::Data, &data)], flags);
        assert_eq!(sealed.bytes(0, Tag::IVCounterNonce).map(<[u8]>::len), Some(12));
    }
}

fn key_wrap_is_a_cipher_too(bench: &Bench) {
    let (key, twin) = bench.twins(Algorithm::AES, &[0x42; 32]);
    for (way, bytes) in [(Mode::NISTKeyWrap, 40), (Mode::AESKeyWrapPadding, 40), (Mode::AESKeyWrapPadding, 33)] {
        let (parameters, data) = (mode(way, None), vec![0x5A; bytes]);
        let fields = [(Tag::Data, &data[..])];
        let expected = bench.with_key(Operation::Encrypt, &twin, &parameters, &fields, &[]);
        let expected = expected.bytes(0, Tag::Data).unwrap();
        let calls = bench.vault.calls();
        let sealed = bench.if_offered(Operation::Encrypt, write_use(&key, &parameters, &fields, &[]));
        assert_eq!(bench.vault.calls(), calls + 1);
        let Some(sealed) = sealed else { continue };
        assert_eq!(sealed.bytes(0, Tag::Data), Some(expected), "{way} {bytes}");
        let opened = bench.with_key(Operation::Decrypt, &key, &parameters, &[(Tag::Data, expected)], &[]);
        assert_eq!(opened.bytes(0, Tag::Data), Some(&data[..]), "{way} {bytes}");
    }
}

fn a_mode_that_no_vault_has_is_refused_by_its_name(bench: &Bench) {
    let key = bench.create(Algorithm::AES, 256, |_| {});
    let calls = bench.vault.calls();
    let fields = [(Tag::Data, &[0x5A; 50][..]), (Tag::IVCounterNonce, &[9; 16])];
    let parameters = mode(Mode::CFB, None);
    let (reason, words) = bench.refused(Operation::Encrypt, write_use(&key, &parameters, &fields, &[]));
    assert_eq!(reason, ResultReason::UnsupportedCryptographicParameters);
    assert!(words.contains("HSM"), "{words}");
    assert_eq!(bench.vault.calls(), calls);
}

fn a_key_of_the_vault_makes_macs(bench: &Bench) {
    let cases = [
        (bench.twins(Algorithm::HMAC_SHA1, &[0x42; 20]), CryptographicParameters::default()),
        (bench.twins(Algorithm::HMAC_SHA224, &[0x42; 32]), CryptographicParameters::default()),
        (bench.twins(Algorithm::HMAC_SHA256, &[0x42; 32]), CryptographicParameters::default()),
        (bench.twins(Algorithm::HMAC_SHA384, &[0x42; 48]), CryptographicParameters::default()),
        (bench.twins(Algorithm::HMAC_SHA512, &[0x42; 64]), CryptographicParameters::default()),
        (bench.twins(Algorithm::AES, &[0x42; 16]), mode(Mode::CMAC, None)),
    ];
    for ((key, twin), parameters) in &cases {
        let data = [7; 40];
        let expected = bench.with_key(Operation::MAC, twin, parameters, &[(Tag::Data, &data)], &[]);
        let mac = expected.bytes(0, Tag::MACData).unwrap();
        let made = [
            bench.with_key(Operation::MAC, key, parameters, &[(Tag::Data, &data)], &[]),
            bench.in_parts(Operation::MAC, key, parameters, (&data, &[]), &[]),
        ];
        for made in made {
            assert_eq!(made.bytes(0, Tag::MACData), Some(mac));
        }
        for (mac, is_right) in [(mac, true), (&[0; 32], false)] {
            let fields = [(Tag::Data, &data[..]), (Tag::MACData, mac)];
            let answers = [
                bench.with_key(Operation::MACVerify, key, parameters, &fields, &[]),
                bench.in_parts(Operation::MACVerify, key, parameters, (&data, &[]), &[(Tag::MACData, mac)]),
            ];
            for answer in answers {
                assert_eq!(valid(&answer), is_right);
            }
        }
    }
}
