//! Keys that leave the vault wrapped by another key there, and come into it.

use super::*;

on_every_vault! {
    keys_leave_the_vault_wrapped_by_another_or_not_at_all
    a_key_that_left_wrapped_comes_back
    a_private_key_leaves_wrapped_or_is_refused_by_name
    a_key_of_the_server_is_wrapped_in_the_vault
    a_key_is_registered_into_the_vault
}

const NO: EncodingOption = EncodingOption::NoEncoding;

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

fn encrypted_by<'a>(id: &'a str, key: &'a str) -> impl Fn(&mut Writer) + 'a {
    move |out| wrapped_by(out, id, key, NO, WrappingMethod::Encrypt)
}

/// The wrapped bytes of an answer.
fn wrapped(answer: &Answer, object: Tag) -> Vec<u8> {
    let block = answer.field(0, object).and_then(|key| key.child(Tag::KeyBlock)).unwrap();
    block.child(Tag::KeyValue).and_then(|value| value.byte_string()).unwrap().to_vec()
}

fn extractable(out: &mut Writer) {
    out.boolean(Tag::Extractable, true);
}

fn keys_leave_the_vault_wrapped_by_another_or_not_at_all(bench: &Bench) {
    let kek = bench.create(Algorithm::AES, 256, wraps);
    let closed = bench.create(Algorithm::AES, 128, |_| {});
    let open = bench.create(Algorithm::AES, 128, extractable);
    for operation in [Operation::Get, Operation::Export] {
        let (answer, calls) = bench.about(operation, &closed);
        assert_eq!((answer.reason(0), calls), (Some(ResultReason::NotExtractable), 0));
        let (answer, calls) = bench.about(operation, &open);
        assert_eq!((answer.reason(0), calls), (Some(ResultReason::Sensitive), 0));
    }
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
}

fn a_key_that_left_wrapped_comes_back(bench: &Bench) {
    let kek = bench.create(Algorithm::AES, 256, wraps);
    for bits in [128, 192, 256] {
        let key = bench.create(Algorithm::AES, bits, extractable);
        let got = wrapped(&bench.well(Operation::Get, encrypted_by(&key, &kek)), Tag::SymmetricKey);
        assert_eq!(got.len(), bits as usize / 8 + 8);
        let exported = wrapped(&bench.well(Operation::Export, encrypted_by(&key, &kek)), Tag::SymmetricKey);
        assert_eq!(got, exported);
        let keys = bench.vault.count();
        let back = bench.register(Algorithm::AES, bits, &got, Some(&kek));
        assert_eq!(bench.vault.count(), keys + 1);
        assert_eq!(bench.cut(&back), bench.cut(&key), "{bits}");
    }
}

/// Its PKCS#8 form is hardly ever of whole half blocks, and padding is what tokens get wrong.
fn a_private_key_leaves_wrapped_or_is_refused_by_name(bench: &Bench) {
    let kek = bench.create(Algorithm::AES, 256, wraps);
    let made = bench.well(Operation::CreateKeyPair, |out| {
        out.structure(Tag::CommonAttributes, |out| attributes(out, Algorithm::EC, 256));
        out.structure(Tag::PrivateKeyAttributes, extractable);
    });
    let private = made.text(0, Tag::PrivateKeyUniqueIdentifier);
    let Some(answer) = bench.if_offered(Operation::Get, encrypted_by(&private, &kek)) else { return };
    let cut = wrapped(&answer, Tag::PrivateKey);
    let padding = mode(Mode::AESKeyWrapPadding, None);
    let opened = bench.with_key(Operation::Decrypt, &kek, &padding, &[(Tag::Data, &cut)], &[]);
    // A SEQUENCE, as PKCS#8 is.
    assert_eq!(opened.bytes(0, Tag::Data).and_then(|bytes| bytes.first()), Some(&0x30));
}

fn a_key_of_the_server_is_wrapped_in_the_vault(bench: &Bench) {
    let kek = bench.create(Algorithm::AES, 256, wraps);
    let here = bench.server.key(ObjectType::SymmetricKey, Algorithm::AES, KeyFormatType::Raw, &[1; 32], |_| {});
    let calls = bench.vault.calls();
    let answer = bench.well(Operation::Get, |out| {
        wrapped_by(out, &here, &kek, EncodingOption::TTLVEncoding, WrappingMethod::Encrypt);
    });
    assert_eq!(bench.vault.calls(), calls + 1);
    let block = answer.field(0, Tag::SymmetricKey).and_then(|key| key.child(Tag::KeyBlock)).unwrap().to_value();
    // It comes back and is the same.
    let registered = bench.well(Operation::Register, |out| {
        out.enumeration(Tag::ObjectType, ObjectType::SymmetricKey.0);
        out.structure(Tag::Attributes, |out| {
            out.integer(Tag::CryptographicUsageMask, CryptographicUsageMask(0xF_FFFF).0 as i32);
            out.date_time(Tag::ActivationDate, Date(1));
        });
        out.structure(Tag::SymmetricKey, |out| out.value(Tag::KeyBlock, &block));
    });
    assert_eq!(bench.cut(&registered.text(0, Tag::UniqueIdentifier)), bench.cut(&here));
}

/// The bytes as they are; and wrapped by a key of the vault, which unwraps them where they stay.
fn a_key_is_registered_into_the_vault(bench: &Bench) {
    let kek = bench.create(Algorithm::AES, 256, wraps);
    let raw = [0x42; 16];
    let here = bench.server.key(ObjectType::SymmetricKey, Algorithm::AES, KeyFormatType::Raw, &raw, |_| {});
    let padding = mode(Mode::AESKeyWrapPadding, None);
    let sealed = bench.with_key(Operation::Encrypt, &kek, &padding, &[(Tag::Data, &raw)], &[]);
    for (material, kek) in [(&raw[..], None), (sealed.bytes(0, Tag::Data).unwrap(), Some(&*kek))] {
        let keys = bench.vault.count();
        let id = bench.register(Algorithm::AES, 128, material, kek);
        assert_eq!(bench.vault.count(), keys + 1);
        assert_eq!(bench.cut(&id), bench.cut(&here));
        assert_eq!(bench.about(Operation::Get, &id).0.reason(0), Some(ResultReason::NotExtractable));
    }
}
