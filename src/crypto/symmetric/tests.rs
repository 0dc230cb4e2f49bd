//! What is refused, what a random IV is, every mode with every padding, two implementations held together, and the
//! OASIS test cases where their folder is named.

use aes_gcm::aead::{AeadInOut, KeyInit};
use aws_lc_rs::cipher as lc;
use proptest::prelude::*;

use super::*;
use crate::crypto::CryptoError as E;
use crate::crypto::random::SystemEntropy;
use crate::registry::{
    BlockCipherMode as Mode, CryptographicAlgorithm as Algorithm, PaddingMethod as Padding, ResultReason,
};

const KEY: [u8; 16] = [7; 16];
const IV: [u8; 16] = [9; 16];

fn entropy() -> SystemEntropy {
    SystemEntropy
}

fn aes(mode: Mode) -> Parameters {
    Parameters::with_mode(Algorithm::AES, mode)
}

fn refused(parameters: &Parameters, key: &[u8], iv: Option<&[u8]>, data: &[u8]) -> E {
    encrypt(parameters, key, iv, &[], data, &entropy()).unwrap_err()
}

#[test]
fn what_does_not_fit_is_refused_by_name() {
    let iv = Some(IV.as_slice());
    let bad_parameters = |error: E| matches!(error, E::BadParameters(_));
    // Mode and algorithm.
    assert!(matches!(refused(&Parameters::new(Algorithm::AES), &KEY, iv, &[0; 16]), E::MissingParameter(_)));
    assert!(matches!(refused(&aes(Mode::PCBC), &KEY, iv, &[0; 16]), E::Unsupported(_)));
    assert!(matches!(refused(&Parameters::with_mode(Algorithm::MARS, Mode::CBC), &KEY, iv, &[]), E::Unsupported(_)));
    assert!(matches!(
        refused(&Parameters::with_mode(Algorithm::DES3, Mode::GCM), &[1; 24], iv, &[]),
        E::Unsupported(_)
    ));
    assert!(bad_parameters(refused(&aes(Mode::CMAC), &KEY, iv, &[0; 16])));
    assert!(bad_parameters(refused(&Parameters::with_mode(Algorithm::ChaCha20, Mode::CBC), &[1; 32], iv, &[])));
    // Key.
    assert!(matches!(refused(&aes(Mode::CBC), &KEY[..15], iv, &[0; 16]), E::BadKey(_)));
    assert!(matches!(refused(&aes(Mode::XTS), &[3; 32], iv, &[0; 16]), E::BadKey(_)));
    assert!(matches!(refused(&aes(Mode::XTS), &KEY, iv, &[0; 16]), E::BadKey(_)));
    // IV.
    for mode in [Mode::CBC, Mode::CFB, Mode::OFB, Mode::CTR, Mode::GCM, Mode::CCM] {
        assert_eq!(refused(&aes(mode), &KEY, None, &[0; 16]), E::MissingIv, "{mode}");
        assert_eq!(refused(&aes(mode), &KEY, Some(&[]), &[0; 16]), E::MissingIv, "{mode}");
    }
    assert!(bad_parameters(refused(&aes(Mode::CBC), &KEY, Some(&IV[1..]), &[0; 16])));
    assert!(bad_parameters(refused(&aes(Mode::ECB), &KEY, iv, &[0; 16])));
    assert!(bad_parameters(refused(&aes(Mode::CCM), &KEY, Some(&IV[..14]), &[])));
    assert!(bad_parameters(refused(&Parameters { iv_length: Some(96), ..aes(Mode::CBC) }, &KEY, iv, &[0; 16])));
    let fields = Parameters { fixed_field_length: Some(32), invocation_field_length: Some(32), ..aes(Mode::GCM) };
    assert!(bad_parameters(refused(&fields, &KEY, Some(&IV[..12]), &[])));
    // Padding and data.
    assert!(matches!(refused(&aes(Mode::CBC), &KEY, iv, &[0; 17]), E::BadData(_)));
    assert!(matches!(refused(&aes(Mode::XTS), &(0..32).collect::<Vec<_>>(), iv, &[0; 15]), E::BadData(_)));
    let padded = |mode, padding| Parameters { padding: Some(padding), ..aes(mode) };
    assert!(bad_parameters(refused(&padded(Mode::CTR, Padding::PKCS5), &KEY, iv, &[0; 17])));
    assert!(bad_parameters(refused(&padded(Mode::CBC, Padding::OAEP), &KEY, iv, &[0; 17])));
    // Tag.
    for length in [0, 1, 3, 5, 11, 17, 32, -1] {
        let parameters = Parameters { tag_length: Some(length), ..aes(Mode::GCM) };
        assert_eq!(refused(&parameters, &KEY, Some(&IV[..12]), &[]), E::BadTagLength, "{length}");
        assert_eq!(E::BadTagLength.reason(), ResultReason::GeneralFailure);
    }
    let gcm = aes(Mode::GCM);
    let cut = decrypt(&gcm, &KEY, Some(&IV[..12]), &[], &[], Some(&[0; 4]));
    assert_eq!(cut.unwrap_err(), E::BadTagLength, "a forger may not choose a short tag");
    assert!(matches!(decrypt(&gcm, &KEY, Some(&IV[..12]), &[], &[], None), Err(E::MissingParameter(_))));
    assert!(matches!(decrypt(&aes(Mode::CBC), &KEY, iv, &[], &[0; 16], Some(&[0; 16])), Err(E::BadParameters(_))));
    assert!(matches!(encrypt(&aes(Mode::CBC), &KEY, iv, b"aad", &[], &entropy()), Err(E::BadParameters(_))));
}

#[test]
fn a_cryptographic_length_is_so_many_bytes() {
    let cases = [
        (Algorithm::AES, 128, Ok(16)),
        (Algorithm::AES, 256, Ok(32)),
        (Algorithm::DES3, 112, Ok(16)),
        (Algorithm::DES3, 168, Ok(24)),
        (Algorithm::DES3, 192, Ok(24)),
        (Algorithm::ChaCha20, 256, Ok(32)),
    ];
    for (algorithm, bits, wanted) in cases {
        assert_eq!(key_bytes(algorithm, bits), wanted);
    }
    for (algorithm, bits) in [(Algorithm::AES, 0), (Algorithm::AES, 129), (Algorithm::AES, -128), (Algorithm::DES3, 64)]
    {
        assert!(matches!(key_bytes(algorithm, bits), Err(E::BadKey(_))), "{bits}");
    }
    assert!(matches!(key_bytes(Algorithm::RSA, 2048), Err(E::Unsupported(_))));
}

#[test]
fn wrong_padding_and_broken_ciphertext_fail_alike() {
    let cbc = Parameters { padding: Some(Padding::PKCS5), ..aes(Mode::CBC) };
    let output = encrypt(&cbc, &KEY, Some(&IV), &[], &[1; 20], &entropy()).unwrap();
    let mut broken = output.data.to_vec();
    broken[15] ^= 0x55;
    assert_eq!(decrypt(&cbc, &KEY, Some(&IV), &[], &broken, None).unwrap_err(), E::Failed);
    for length in [0, 1, 15, 31] {
        let cut = decrypt(&cbc, &KEY, Some(&IV), &[], &broken[..length], None);
        assert!(matches!(cut, Err(E::BadData(_))), "{length}");
    }
}

#[test]
fn a_random_iv_is_made_once_returned_and_needed_again() {
    let cases: &[(Parameters, usize, usize)] = &[
        (aes(Mode::CBC), 16, 16),
        (aes(Mode::CFB), 16, 16),
        (aes(Mode::OFB), 16, 16),
        (aes(Mode::CTR), 16, 16),
        (Parameters { initial_counter: Some(1), ..aes(Mode::CTR) }, 16, 12),
        (aes(Mode::GCM), 16, 12),
        (Parameters { iv_length: Some(128), ..aes(Mode::GCM) }, 16, 16),
        (aes(Mode::CCM), 16, 12),
        (aes(Mode::XTS), 32, 16),
        (Parameters::with_mode(Algorithm::DES3, Mode::CBC), 24, 8),
        (Parameters::new(Algorithm::ChaCha20), 32, 12),
        (Parameters { iv_length: Some(64), ..Parameters::new(Algorithm::ChaCha20) }, 32, 8),
        (Parameters::with_mode(Algorithm::ChaCha20Poly1305, Mode::AEAD), 32, 12),
    ];
    for (parameters, key_length, iv_length) in cases {
        let parameters = Parameters { random_iv: true, ..parameters.clone() };
        let key: Vec<u8> = (0..*key_length).map(|at| at as u8).collect();
        let data = [5; 48];
        let first = encrypt(&parameters, &key, None, &[], &data, &entropy()).unwrap();
        let second = encrypt(&parameters, &key, None, &[], &data, &entropy()).unwrap();
        let iv = first.iv.unwrap();
        assert_eq!(iv.len(), *iv_length, "{parameters:?}");
        assert_ne!(Some(&iv), second.iv.as_ref());
        let plain = decrypt(&parameters, &key, Some(&iv), &[], &first.data, first.tag.as_deref()).unwrap();
        assert_eq!(*plain, data);
        let missing = decrypt(&parameters, &key, None, &[], &first.data, first.tag.as_deref());
        assert_eq!(missing.unwrap_err(), E::MissingIv);
        let stream = Encryption::new(&parameters, &key, None, &[], 100, &entropy()).unwrap();
        let made = stream.iv().unwrap().to_vec();
        let output = stream.finish(&data, &entropy()).unwrap();
        assert_eq!(output.iv, Some(made.clone()));
        let plain = decrypt(&parameters, &key, Some(&made), &[], &output.data, output.tag.as_deref()).unwrap();
        assert_eq!(*plain, data);
    }
}

#[test]
fn counters_start_where_they_are_told_and_do_not_wrap() {
    // RFC 3686, vector 1: nonce and IV in front, counter 1.
    let key = [0xAE, 0x68, 0x52, 0xF8, 0x12, 0x10, 0x67, 0xCC, 0x4B, 0xF7, 0xA5, 0x76, 0x55, 0x77, 0xF3, 0x9E];
    let parameters = Parameters { initial_counter: Some(1), ..aes(Mode::CTR) };
    let mut iv = [0; 12];
    iv[3] = 0x30;
    let short = encrypt(&parameters, &key, Some(&iv), &[], b"Single block msg", &entropy()).unwrap();
    assert_eq!(short.data[..4], [0xE4, 0x09, 0x5D, 0x4F]);
    let mut full = [0; 16];
    (full[3], full[15]) = (0x30, 1);
    let long = encrypt(&aes(Mode::CTR), &key, Some(&full), &[], b"Single block msg", &entropy()).unwrap();
    assert_eq!(*short.data, *long.data);
    assert!(matches!(refused(&aes(Mode::CTR), &key, Some(&iv), &[0; 16]), E::MissingParameter(_)));

    let last = Parameters { initial_counter: Some(0xFF), counter_length: Some(8), ..aes(Mode::CTR) };
    let iv = &[1; 15];
    assert!(encrypt(&last, &key, Some(iv), &[], &[0; 16], &entropy()).is_ok());
    assert!(matches!(refused(&last, &key, Some(iv), &[0; 17]), E::LimitExceeded(_)));
    let big = Parameters { initial_counter: Some(0x100), ..last.clone() };
    assert!(matches!(refused(&big, &key, Some(iv), &[0; 16]), E::BadParameters(_)));
    assert!(matches!(refused(&last, &key, Some(&[1; 16]), &[0; 16]), E::BadParameters(_)));
}

#[test]
fn what_cannot_be_given_out_is_collected_up_to_the_limit() {
    let gcm = aes(Mode::GCM);
    let mut stream = Decryption::new(&gcm, &KEY, Some(&IV[..12]), &[], 32).unwrap();
    assert!(stream.update(&[0; 32]).unwrap().is_empty(), "no plaintext before the tag");
    assert!(matches!(stream.update(&[0]), Err(E::LimitExceeded(_))));
    let mut stream = Encryption::new(&aes(Mode::CCM), &KEY, Some(&IV[..12]), &[], 32, &entropy()).unwrap();
    stream.update(&[0; 32]).unwrap();
    assert!(matches!(stream.finish(&[0], &entropy()), Err(E::LimitExceeded(_))));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_cipher_mode_and_padding_goes_there_and_back_in_parts(
        data in proptest::collection::vec(any::<u8>(), 0..100),
        sizes in proptest::collection::vec(1_usize..40, 1..5),
    ) {
        let ciphers = [
            (Algorithm::AES, 32), (Algorithm::DES3, 16), (Algorithm::DES3, 24), (Algorithm::Camellia, 24), (Algorithm::ARIA, 32),
            (Algorithm::SM4, 16), (Algorithm::Twofish, 32), (Algorithm::Blowfish, 20), (Algorithm::CAST5, 16),
            (Algorithm::IDEA, 16), (Algorithm::RC2, 16), (Algorithm::DES, 8),
        ];
        let paddings =
            [Padding::PKCS5, Padding::SSL3, Padding::ANSIX9_23, Padding::ISO10126, Padding::Zeros, Padding::None];
        for (algorithm, length) in ciphers {
            let key: Vec<u8> = (0..length).map(|at| 17_u8.wrapping_mul(at)).collect();
            let block = block_length(algorithm).unwrap();
            for mode in [Mode::ECB, Mode::CBC, Mode::CFB, Mode::OFB] {
                let pads = matches!(mode, Mode::ECB | Mode::CBC);
                for padding in paddings.iter().filter(|padding| pads || **padding == Padding::None) {
                    let whole = pads && *padding == Padding::None;
                    let data = if whole { &data[..data.len() / block * block] } else { &data[..] };
                    let parameters =
                        Parameters { padding: Some(*padding), ..Parameters::with_mode(algorithm, mode) };
                    let iv = (mode != Mode::ECB).then_some(&IV[..block]);
                    let (key, entropy) = (&key, entropy());
                    let mut encryption = Encryption::new(&parameters, key, iv, &[], 0, &entropy).unwrap();
                    let mut cipher = Vec::new();
                    let (mut rest, mut turn) = (data, sizes.iter().cycle());
                    while !rest.is_empty() {
                        let (part, after) = rest.split_at((*turn.next().unwrap()).min(rest.len()));
                        cipher.extend_from_slice(&encryption.update(part).unwrap());
                        rest = after;
                    }
                    cipher.extend_from_slice(&encryption.finish(&[], &entropy).unwrap().data);
                    if *padding != Padding::ISO10126 {
                        let once = encrypt(&parameters, key, iv, &[], data, &entropy).unwrap();
                        prop_assert_eq!(&*once.data, &cipher);
                    }
                    if *padding == Padding::Zeros && data.is_empty() {
                        prop_assert!(cipher.is_empty());
                        continue;
                    }
                    let mut decryption = Decryption::new(&parameters, key, iv, &[], 0).unwrap();
                    let mut plain = Vec::new();
                    let mut rest = &cipher[..];
                    while !rest.is_empty() {
                        let (part, after) = rest.split_at((*turn.next().unwrap()).min(rest.len()));
                        plain.extend_from_slice(&decryption.update(part).unwrap());
                        rest = after;
                    }
                    plain.extend_from_slice(&decryption.finish(&[], None).unwrap());
                    if *padding == Padding::Zeros {
                        let kept = data.len() - data.iter().rev().take_while(|byte| **byte == 0).count().min(block);
                        prop_assert!(plain.len() <= data.len() && plain.len() >= kept.saturating_sub(block));
                        prop_assert_eq!(&plain[..], &data[..plain.len()]);
                    } else {
                        prop_assert_eq!(&plain[..], data);
                    }
                }
            }
        }
    }

    #[test]
    fn gcm_is_the_same_in_aws_lc_in_aes_gcm_and_in_parts(
        key in any::<[u8; 32]>(), iv in any::<[u8; 12]>(),
        aad in proptest::collection::vec(any::<u8>(), 0..50),
        data in proptest::collection::vec(any::<u8>(), 0..200),
        cut in 0_usize..200,
    ) {
        let (gcm, entropy) = (aes(Mode::GCM), entropy());
        let fast = encrypt(&gcm, &key, Some(&iv), &aad, &data, &entropy).unwrap();
        let mut other = data.clone();
        let tag = aes_gcm::Aes256Gcm::new(&key.into())
            .encrypt_inout_detached(&iv.into(), &aad, other.as_mut_slice().into())
            .unwrap();
        prop_assert_eq!((&*fast.data, fast.tag.as_deref()), (&other[..], Some(tag.as_slice())));

        let (front, back) = data.split_at(cut.min(data.len()));
        let mut stream = Encryption::new(&gcm, &key, Some(&iv), &aad, 0, &entropy).unwrap();
        let mut parts = stream.update(front).unwrap().to_vec();
        let last = stream.finish(back, &entropy).unwrap();
        parts.extend_from_slice(&last.data);
        prop_assert_eq!((&parts, &last.tag), (&other, &fast.tag));

        let short = Parameters { tag_length: Some(12), ..gcm.clone() };
        let plain = decrypt(&short, &key, Some(&iv), &aad, &parts, Some(&tag[..12])).unwrap();
        prop_assert_eq!(&*plain, &data[..]);
        let mut wrong = tag;
        wrong[3] ^= 1;
        prop_assert!(decrypt(&short, &key, Some(&iv), &aad, &parts, Some(&wrong[..12])).is_err());
        prop_assert!(decrypt(&gcm, &key, Some(&iv), &aad, &parts, Some(&wrong)).is_err());
    }

    #[test]
    fn cbc_and_ctr_are_the_same_in_aws_lc(
        key in any::<[u8; 32]>(), iv in any::<[u8; 16]>(), data in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        let lc_key = || lc::UnboundCipherKey::new(&lc::AES_256, &key).unwrap();
        let context = || lc::EncryptionContext::Iv128(iv.into());
        let mut other = data.clone();
        lc::PaddedBlockEncryptingKey::cbc_pkcs7(lc_key()).unwrap().less_safe_encrypt(&mut other, context()).unwrap();
        let cbc = Parameters { padding: Some(Padding::PKCS5), ..aes(Mode::CBC) };
        let ours = encrypt(&cbc, &key, Some(&iv), &[], &data, &entropy()).unwrap();
        prop_assert_eq!(&*ours.data, &other[..]);
        let mut other = data.clone();
        lc::EncryptingKey::ctr(lc_key()).unwrap().less_safe_encrypt(&mut other, context()).unwrap();
        let ours = encrypt(&aes(Mode::CTR), &key, Some(&iv), &[], &data, &entropy()).unwrap();
        prop_assert_eq!(&*ours.data, &other[..]);
    }

    #[test]
    fn nothing_outside_makes_it_panic(
        algorithm in 0_u32..0x40, mode in proptest::option::of(0_u32..0x14), padding in proptest::option::of(0_u32..0xC),
        numbers in any::<[Option<i32>; 6]>(), random_iv in any::<bool>(),
        key in proptest::collection::vec(any::<u8>(), 0..70), iv in proptest::option::of(proptest::collection::vec(any::<u8>(), 0..20)),
        data in proptest::collection::vec(any::<u8>(), 0..70), tag in proptest::option::of(proptest::collection::vec(any::<u8>(), 0..20)),
    ) {
        let [iv_length, tag_length, fixed_field_length, invocation_field_length, counter_length, initial_counter] = numbers;
        let iv_length = iv_length.map(|bits| bits % 1024);
        let parameters = Parameters {
            algorithm: Algorithm(algorithm), mode: mode.map(Mode), padding: padding.map(Padding), random_iv,
            iv_length, tag_length, fixed_field_length, invocation_field_length, counter_length, initial_counter,
        };
        _ = encrypt(&parameters, &key, iv.as_deref(), &[], &data, &entropy());
        _ = decrypt(&parameters, &key, iv.as_deref(), &[], &data, tag.as_deref());
    }
}

/// Replays Encrypt and Decrypt of the OASIS block cipher test cases (`CS-BC-*.xml`) found under the folder named by
/// the environment variable `KEYHAVEN_OASIS_VECTORS`; nothing to do where it is not set.
#[test]
fn oasis_block_cipher_cases() {
    let Ok(root) = std::env::var("KEYHAVEN_OASIS_VECTORS") else { return };
    let mut folders = vec![std::path::PathBuf::from(root)];
    let mut replayed = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() {
                folders.push(path);
            } else if name.starts_with("CS-BC-M-") && !name.starts_with("CS-BC-M-6-12") {
                replayed += replay(&name, &std::fs::read_to_string(&path).unwrap());
            }
        }
    }
    assert!(replayed > 100, "{replayed}");
}

fn replay(name: &str, text: &str) -> usize {
    let mut replayed = 0;
    let mut key = (Algorithm::AES, Vec::new());
    let mut register = Parameters::new(Algorithm::AES);
    let messages: Vec<Message<'_>> = text.split("<BatchItem>").skip(1).map(Message).collect();
    let mut stream = None;
    for pair in messages.chunks(2) {
        let [request, answer] = pair else { break };
        match request.get("Operation") {
            Some("Register") => {
                let algorithm = request.get("CryptographicAlgorithm").unwrap();
                key = (Algorithm(Algorithm::TABLE.value(algorithm).unwrap()), request.bytes("KeyMaterial").unwrap());
                register = request.parameters(&Parameters::new(key.0));
                if request.0.contains("x-") {
                    continue;
                }
            }
            Some(operation @ ("Encrypt" | "Decrypt")) if !request.0.contains("$DATA") && !key.1.is_empty() => {
                let parameters = request.parameters(&register);
                let (iv, data) = (request.bytes("IVCounterNonce"), request.bytes("Data").unwrap());
                let additional = request.bytes("AuthenticatedEncryptionAdditionalData").unwrap_or_default();
                let tag = request.bytes("AuthenticatedEncryptionTag");
                let reason = answer.get("ResultReason");
                if matches!(reason, Some("PermissionDenied" | "WrongKeyLifecycleState")) || parameters.random_iv {
                    continue;
                }
                let result = if request.0.contains("CorrelationValue type") || request.0.contains("InitIndicator") {
                    let mut work = stream.take().unwrap_or_else(|| {
                        Encryption::new(&parameters, &key.1, iv.as_deref(), &additional, 0, &entropy()).unwrap()
                    });
                    if request.0.contains("FinalIndicator") {
                        work.finish(&data, &entropy()).map(|output| (output.data, output.tag))
                    } else {
                        let part = work.update(&data).map(|data| (data, None));
                        stream = Some(work);
                        part
                    }
                } else if operation == "Encrypt" {
                    encrypt(&parameters, &key.1, iv.as_deref(), &additional, &data, &entropy())
                        .map(|output| (output.data, output.tag))
                } else {
                    decrypt(&parameters, &key.1, iv.as_deref(), &additional, &data, tag.as_deref())
                        .map(|data| (data, None))
                };
                match (result, reason) {
                    (Ok((data, tag)), None) => {
                        assert_eq!(data.to_vec(), answer.bytes("Data").unwrap(), "{name}");
                        if !request.0.contains("Decrypt") {
                            assert_eq!(tag, answer.bytes("AuthenticatedEncryptionTag"), "{name}");
                        }
                    }
                    (Err(error), Some(reason)) => {
                        assert_eq!(Some(error.reason().0), ResultReason::TABLE.value(reason), "{name}: {error}");
                    }
                    (result, reason) => panic!("{name}: {:?} {reason:?}", result.err()),
                }
                replayed += 1;
            }
            _ => {}
        }
    }
    replayed
}

/// The fields of one batch item, found by name.
struct Message<'a>(&'a str);

impl<'a> Message<'a> {
    fn get(&self, field: &str) -> Option<&'a str> {
        let at = self.0.find(&format!("<{field} "))?;
        let value = self.0[at..].split_once("value=\"")?.1;
        Some(value.split_once('"')?.0)
    }

    fn bytes(&self, field: &str) -> Option<Vec<u8>> {
        let text = self.get(field)?;
        Some((0..text.len() / 2).filter_map(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).ok()).collect())
    }

    fn parameters(&self, defaults: &Parameters) -> Parameters {
        let mut parameters = defaults.clone();
        if let Some(mode) = self.get("BlockCipherMode") {
            parameters.mode = Mode::TABLE.value(mode).map(Mode);
        }
        if let Some(padding) = self.get("PaddingMethod") {
            parameters.padding = Padding::TABLE.value(padding).map(Padding);
        }
        if let Some(tag) = self.get("TagLength") {
            parameters.tag_length = tag.parse().ok();
        }
        parameters.random_iv |= self.get("RandomIV") == Some("true");
        parameters
    }
}
