//! Runs the rows of `vectors.txt`: each cipher both ways, whole and in parts. A file with more rows of the same form
//! can be named by the environment variable `KEYHAVEN_CIPHER_VECTORS`.

use super::kdf::{self, Derivation};
use super::mac::{self, Mac, MacAlgorithm};
use super::random::SystemEntropy;
use super::symmetric::{self, Decryption, Encryption, Parameters};
use super::{CryptoError, hash, wrap};
use crate::registry::{BlockCipherMode, CryptographicAlgorithm, HashingAlgorithm};

#[test]
fn published_vectors() {
    let mut rows = include_str!("vectors.txt").to_owned();
    if let Ok(more) = std::env::var("KEYHAVEN_CIPHER_VECTORS") {
        rows += &std::fs::read_to_string(more).unwrap();
    }
    let mut ran = 0;
    for row in rows.lines().filter(|row| !row.is_empty() && !row.starts_with('#')) {
        run(row);
        ran += 1;
    }
    assert!(ran > 150, "{ran} rows");
}

fn run(row: &str) {
    let fields: Vec<&str> = row.split(' ').collect();
    match fields[..] {
        ["cipher", algorithm, mode, key, iv, plain, cipher] => {
            both_ways(&parameters(algorithm, mode), &[key, iv, "-", plain, cipher], None, row);
        }
        ["chacha", algorithm, block, key, nonce, plain, cipher] => {
            let parameters = Parameters { initial_counter: block.parse().ok(), ..parameters(algorithm, "-") };
            both_ways(&parameters, &[key, nonce, "-", plain, cipher], None, row);
        }
        ["aead", algorithm, mode, key, iv, additional, plain, cipher, tag] => {
            let tag = bytes(tag);
            let parameters = Parameters { tag_length: i32::try_from(tag.len()).ok(), ..parameters(algorithm, mode) };
            both_ways(&parameters, &[key, iv, additional, plain, cipher], Some(&tag), row);
        }
        ["hash", algorithm, message, digest] => {
            let algorithm = hashing(algorithm);
            let message = bytes(message);
            assert_eq!(hash::hash(algorithm, &message).unwrap(), bytes(digest), "{row}");
            assert_eq!(hash::output_length(algorithm).unwrap(), bytes(digest).len(), "{row}");
            let mut parts = hash::Hash::new(algorithm).unwrap();
            message.chunks(7).for_each(|part| parts.update(part));
            assert_eq!(parts.finish(), bytes(digest), "{row}");
        }
        ["mac", algorithm, key, message, wanted] => {
            let (algorithm, key, message, wanted) = (prf(algorithm), bytes(key), bytes(message), bytes(wanted));
            assert_eq!(mac::mac(algorithm, &key, &message).unwrap(), wanted, "{row}");
            let mut parts = Mac::new(algorithm, &key).unwrap();
            message.chunks(7).for_each(|part| parts.update(part));
            assert!(parts.verify(&wanted), "{row}");
            assert!(!mac::verify(algorithm, &key, &message, &wanted[1..]).unwrap(), "{row}");
            assert!(!mac::verify(algorithm, b"0123456789abcdef", &message, &wanted).unwrap(), "{row}");
        }
        ["kdf-counter", algorithm, key, data, output] => {
            derived(&Derivation::Counter { prf: prf(algorithm), data: &bytes(data) }, key, output, row);
        }
        ["kdf-feedback", algorithm, key, iv, data, output] => {
            let (iv, data) = (bytes(iv), bytes(data));
            derived(&Derivation::Feedback { prf: prf(algorithm), iv: &iv, data: &data }, key, output, row);
        }
        ["kdf-pipeline", algorithm, key, data, output] => {
            derived(&Derivation::DoublePipeline { prf: prf(algorithm), data: &bytes(data) }, key, output, row);
        }
        ["kdf-hkdf", algorithm, key, salt, info, output] => {
            let (salt, info) = (bytes(salt), bytes(info));
            let method = Derivation::Hkdf { hash: Some(hashing(algorithm)), salt: &salt, info: &info };
            derived(&method, key, output, row);
        }
        ["kdf-pbkdf2", algorithm, password, salt, iterations, output] => {
            let (hash, salt) = (Some(hashing(algorithm)), bytes(salt));
            let method = Derivation::Pbkdf2 { hash, salt: &salt, iterations: iterations.parse().unwrap() };
            derived(&method, password, output, row);
        }
        ["wrap", kind, kek, key, wrapped] => {
            let (kek, wrapped) = (bytes(kek), bytes(wrapped));
            let unwrapped = match kind {
                "kw" => wrap::nist_unwrap(&kek, &wrapped),
                _ => wrap::nist_unwrap_padded(&kek, &wrapped),
            };
            if key == "FAIL" {
                assert_eq!(unwrapped.unwrap_err(), CryptoError::Failed, "{row}");
                return;
            }
            assert_eq!(unwrapped.unwrap().expose(), bytes(key), "{row}");
            let again = match kind {
                "kw" => wrap::nist_wrap(&kek, &bytes(key)),
                _ => wrap::nist_wrap_padded(&kek, &bytes(key)),
            };
            assert_eq!(again.unwrap(), wrapped, "{row}");
        }
        _ => panic!("{row}"),
    }
}

fn derived(method: &Derivation<'_>, key: &str, output: &str, row: &str) {
    let output = bytes(output);
    let key = kdf::derive(method, &bytes(key), output.len(), &SystemEntropy).unwrap();
    assert_eq!(key.expose(), output, "{row}");
}

/// Fields: key, IV, additional data, plaintext or FAIL, ciphertext.
fn both_ways(parameters: &Parameters, fields: &[&str; 5], tag: Option<&[u8]>, row: &str) {
    let entropy = SystemEntropy;
    let [key, iv, additional, _, cipher] = fields.map(|field| if field == "FAIL" { vec![] } else { bytes(field) });
    let iv = (!iv.is_empty()).then_some(iv.as_slice());
    let decrypted = symmetric::decrypt(parameters, &key, iv, &additional, &cipher, tag);
    let limit = cipher.len();
    let in_parts = |size: usize| {
        let mut stream = Decryption::new(parameters, &key, iv, &additional, limit).unwrap();
        let mut plain = Vec::new();
        for part in cipher.chunks(size) {
            plain.extend_from_slice(&stream.update(part).unwrap());
        }
        stream.finish(&[], tag).map(|rest| {
            plain.extend_from_slice(&rest);
            plain
        })
    };
    if fields[3] == "FAIL" {
        assert_eq!(decrypted.unwrap_err(), CryptoError::Failed, "{row}");
        assert_eq!(in_parts(5).unwrap_err(), CryptoError::Failed, "{row}");
        return;
    }
    let plain = bytes(fields[3]);
    assert_eq!(decrypted.unwrap().to_vec(), plain, "{row}");
    let output = symmetric::encrypt(parameters, &key, iv, &additional, &plain, &entropy).unwrap();
    assert_eq!((output.data.to_vec(), output.tag.as_deref(), output.iv), (cipher.clone(), tag, None), "{row}");
    for size in [1, 7, 16, 33] {
        assert_eq!(in_parts(size).unwrap(), plain, "{row}");
        let mut stream = Encryption::new(parameters, &key, iv, &additional, limit, &entropy).unwrap();
        let mut data = Vec::new();
        for part in plain.chunks(size) {
            data.extend_from_slice(&stream.update(part).unwrap());
        }
        let output = stream.finish(&[], &entropy).unwrap();
        data.extend_from_slice(&output.data);
        assert_eq!((data, output.tag.as_deref()), (cipher.clone(), tag), "{row}");
    }
}

fn parameters(algorithm: &str, mode: &str) -> Parameters {
    let algorithm = CryptographicAlgorithm(CryptographicAlgorithm::TABLE.value(algorithm).unwrap());
    Parameters { mode: BlockCipherMode::TABLE.value(mode).map(BlockCipherMode), ..Parameters::new(algorithm) }
}

fn hashing(name: &str) -> HashingAlgorithm {
    HashingAlgorithm(HashingAlgorithm::TABLE.value(name).unwrap())
}

fn prf(name: &str) -> MacAlgorithm {
    let algorithm = |name| CryptographicAlgorithm(CryptographicAlgorithm::TABLE.value(name).unwrap());
    match name.strip_prefix("CMAC/") {
        Some(cipher) => MacAlgorithm::new(Some(algorithm(cipher)), Some(BlockCipherMode::CMAC), None).unwrap(),
        None => MacAlgorithm::new(Some(algorithm(name)), None, None).unwrap(),
    }
}

fn bytes(text: &str) -> Vec<u8> {
    if text == "-" {
        return Vec::new();
    }
    assert!(text.len().is_multiple_of(2), "{text}");
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}
