//! What cryptography costs a server beside what it cannot do without: a signature beside the provider's own, an Encrypt
//! beside a Get, and a Get beside operations that take long.
//!
//!     cargo bench --bench load -- crypto [--rounds 9] [--seconds 0.3]
//!
//! The first two are asked of the core on one thread, over sled, in turn with what they are compared with; the last is
//! asked of the program over mutual TLS, a Get each millisecond. Ratios are medians of the rounds.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::{Duration, Instant};

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::RSA_PKCS1_SHA256;
use keyhaven::base::Date;
use keyhaven::crypto::formats::{Hint, Material, parse_private};
use keyhaven::model::values::{AttributeValue, CryptographicParameters};
use keyhaven::registry::{
    BlockCipherMode, CryptographicAlgorithm, CryptographicUsageMask, DerivationMethod, HashingAlgorithm, KeyFormatType,
    ObjectType, Operation, PaddingMethod, Tag, Version,
};
use keyhaven::store::{Embedded, EmbeddedOptions};
use keyhaven::ttlv::Writer;

use crate::inside::Inside;
use crate::versus::{Server, median};
use crate::{Options, drive, messages, pki};

/// Since 3.0 each use of a key is counted in its record, which is a write.
const V: Version = Version::V2_1;
/// SLH-DSA came with this.
const NEWEST: Version = Version::V3_0;
/// How often a client asks that is not in a hurry.
const PACE: Duration = Duration::from_millis(1);
/// Iterations of PBKDF2 that take a few hundred milliseconds.
const ITERATIONS: i32 = 500_000;

pub fn all(options: &Options) {
    let rounds = options.number("rounds", 9);
    let duration = Duration::from_secs_f64(options.number("seconds", 0.3));
    in_the_core(rounds, duration);
    beside_slow_work(options, rounds, 3 * duration);
}

fn in_the_core(rounds: usize, duration: Duration) {
    let directory = tempfile::tempdir().unwrap();
    let mut core = Inside::new(Arc::new(Embedded::open(EmbeddedOptions::new(directory.path())).unwrap()));
    core.handle(&pair(V, CryptographicAlgorithm::RSA, Some(2048)));
    let sign = sign_with_rsa(&messages::text(&core.reply, Tag::PrivateKeyUniqueIdentifier));
    core.handle(&secret());
    let id = messages::identifier(&core.reply);
    let (encrypt, get) = (encrypt(&id, &[7; 1024]), messages::get(V, &id));
    for request in [&sign, &encrypt, &get] {
        core.handle(request);
        messages::expect_success(&core.reply);
    }
    let store = core.store();
    store.wait_durable(store.latest()).unwrap();
    let own = KeyPair::generate(KeySize::Rsa2048).unwrap();
    let mut signature = vec![0; own.public_modulus_len()];
    let random = SystemRandom::new();
    let encoded: Pkcs8V1Der<'_> = own.as_der().unwrap();
    let read =
        || drop(parse_private(KeyFormatType::PKCS_8, Hint::default(), Material::Bytes(encoded.as_ref())).unwrap());

    let mut measured = Vec::new();
    for _ in 0..rounds {
        let provider = each(duration, || own.sign(&RSA_PKCS1_SHA256, &random, &[7; 32], &mut signature).unwrap());
        measured.push((provider, [&sign, &encrypt, &get].map(|request| each(duration, || core.handle(request)))));
    }
    let [sign, encrypt, get] = [0, 1, 2].map(|at| median(measured.iter().map(|(_, micros)| micros[at])));
    let provider = median(measured.iter().map(|(micros, _)| *micros));
    let read = each(duration, read);
    println!(
        "RSA-2048 signature: the provider {provider:.0} us, the core's Sign {sign:.0} us, {read:.0} to read the key"
    );
    let ratio = median(measured.iter().map(|(provider, [sign, ..])| provider / sign));
    println!("    rate of the core / rate of the provider: {ratio:.2} (aim: 0.8 or more)");
    println!("AES-256-GCM of 1 KiB: Encrypt {encrypt:.1} us, Get {get:.1} us");
    let ratio = median(measured.iter().map(|(_, [_, encrypt, get])| encrypt / get));
    println!("    time of Encrypt / time of Get: {ratio:.2} (aim: 1.3 or less)");
}

/// Microseconds of one run of many.
fn each(duration: Duration, mut run: impl FnMut()) -> f64 {
    let begun = Instant::now();
    let mut count = 0;
    while begun.elapsed() < duration {
        (0..16).for_each(|_| run());
        count += 16;
    }
    begun.elapsed().as_secs_f64() * 1e6 / f64::from(count)
}

fn beside_slow_work(options: &Options, rounds: usize, duration: Duration) {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let server = Server::keyhaven(options, &data);
    let config = pki::client(&data);
    let runtime = drive::runtime();
    runtime.block_on(async {
        let mut stream = drive::connect(server.address, &config).await;
        let mut reply = Vec::new();
        drive::ask(&mut stream, &secret(), &mut reply).await;
        let id = messages::identifier(&reply);
        let get = messages::get(V, &id);
        drive::ask(&mut stream, &get, &mut reply).await;
        drive::ask(&mut stream, &pair(NEWEST, CryptographicAlgorithm::SLH_DSA_SHA2_128s, None), &mut reply).await;
        let slh = messages::text(&reply, Tag::PrivateKeyUniqueIdentifier);
        let slow = [
            ("RSA-4096 key pairs", pair(V, CryptographicAlgorithm::RSA, Some(4096))),
            ("PBKDF2, 500,000 iterations", derive(&id)),
            (
                "SLH-DSA-SHA2-128s signatures",
                with_key(NEWEST, Operation::Sign, &slh, CryptographicParameters::default(), &[7; 32]),
            ),
        ];
        for (name, request) in slow {
            let (mut ratios, mut pairs) = (Vec::new(), Vec::new());
            let done = Arc::new(AtomicUsize::new(0));
            for _ in 0..rounds {
                let idle = p99(&mut stream, &get, duration).await;
                let stop = Arc::new(AtomicBool::new(false));
                let (ended, count) = (Arc::clone(&stop), Arc::clone(&done));
                let (mut other, request) = (drive::connect(server.address, &config).await, request.clone());
                let work = tokio::spawn(async move {
                    let mut reply = Vec::new();
                    while !ended.load(SeqCst) {
                        drive::ask(&mut other, &request, &mut reply).await;
                        messages::expect_success(&reply);
                        count.fetch_add(1, SeqCst);
                    }
                });
                let busy = p99(&mut stream, &get, duration).await;
                stop.store(true, SeqCst);
                work.await.unwrap();
                ratios.push(busy / idle);
                pairs.push((idle, busy));
            }
            let idle = median(pairs.iter().map(|(idle, _)| *idle));
            let busy = median(pairs.iter().map(|(_, busy)| *busy));
            let (ratio, done) = (median(ratios.into_iter()), done.load(SeqCst));
            println!("p99 of Get: idle {idle:.0} us, {busy:.0} us beside {name} ({done} of them)");
            println!("    busy / idle: {ratio:.2} (aim: 2 or less)");
        }
    });
}

/// 99 of 100 answers came within this time, in microseconds.
async fn p99(stream: &mut drive::Stream, request: &[u8], duration: Duration) -> f64 {
    let mut reply = Vec::new();
    let mut micros = Vec::new();
    let begun = Instant::now();
    while begun.elapsed() < duration {
        tokio::time::sleep(PACE).await;
        let sent = Instant::now();
        drive::ask(stream, request, &mut reply).await;
        micros.push(sent.elapsed().as_secs_f64() * 1e6);
    }
    micros.sort_by(f64::total_cmp);
    micros[micros.len() * 99 / 100]
}

fn usage(out: &mut Writer, mask: CryptographicUsageMask) {
    out.integer(Tag::CryptographicUsageMask, mask.0 as i32);
}

/// A pair of keys that may be used.
fn pair(version: Version, algorithm: CryptographicAlgorithm, bits: Option<i32>) -> Vec<u8> {
    messages::request(version, Operation::CreateKeyPair, |out| {
        out.structure(Tag::CommonAttributes, |out| {
            out.enumeration(Tag::CryptographicAlgorithm, algorithm.0);
            if let Some(bits) = bits {
                out.integer(Tag::CryptographicLength, bits);
            }
            out.date_time(Tag::ActivationDate, Date(1));
        });
        out.structure(Tag::PrivateKeyAttributes, |out| usage(out, CryptographicUsageMask::Sign));
        out.structure(Tag::PublicKeyAttributes, |out| usage(out, CryptographicUsageMask::Verify));
    })
}

/// An AES key that may be used for anything.
fn secret() -> Vec<u8> {
    messages::request(V, Operation::Create, |out| {
        out.enumeration(Tag::ObjectType, ObjectType::SymmetricKey.0);
        out.structure(Tag::Attributes, |out| {
            out.enumeration(Tag::CryptographicAlgorithm, CryptographicAlgorithm::AES.0);
            out.integer(Tag::CryptographicLength, 256);
            usage(out, CryptographicUsageMask(0xFFF));
            out.date_time(Tag::ActivationDate, Date(1));
        });
    })
}

fn sign_with_rsa(id: &str) -> Vec<u8> {
    let rsa = CryptographicParameters {
        padding_method: Some(PaddingMethod::PKCS1V1_5),
        hashing_algorithm: Some(HashingAlgorithm::SHA_256),
        ..CryptographicParameters::default()
    };
    with_key(V, Operation::Sign, id, rsa, &[7; 32])
}

fn encrypt(id: &str, data: &[u8]) -> Vec<u8> {
    let gcm = CryptographicParameters {
        block_cipher_mode: Some(BlockCipherMode::GCM),
        random_iv: Some(true),
        tag_length: Some(16),
        ..CryptographicParameters::default()
    };
    with_key(V, Operation::Encrypt, id, gcm, data)
}

fn with_key(
    version: Version,
    operation: Operation,
    id: &str,
    parameters: CryptographicParameters,
    data: &[u8],
) -> Vec<u8> {
    messages::request(version, operation, |out| {
        messages::write_id(out, version, id);
        out.value(Tag::CryptographicParameters, &parameters.into_value());
        out.byte_string(Tag::Data, data);
    })
}

fn derive(id: &str) -> Vec<u8> {
    messages::request(V, Operation::DeriveKey, |out| {
        out.enumeration(Tag::ObjectType, ObjectType::SecretData.0);
        messages::write_id(out, V, id);
        out.enumeration(Tag::DerivationMethod, DerivationMethod::PBKDF2.0);
        out.structure(Tag::DerivationParameters, |out| {
            let sha256 = CryptographicParameters {
                hashing_algorithm: Some(HashingAlgorithm::SHA_256),
                ..CryptographicParameters::default()
            };
            out.value(Tag::CryptographicParameters, &sha256.into_value());
            out.byte_string(Tag::Salt, b"a salt of bytes");
            out.integer(Tag::IterationCount, ITERATIONS);
        });
        out.structure(Tag::Attributes, |out| {
            out.integer(Tag::CryptographicLength, 256);
            usage(out, CryptographicUsageMask::DeriveKey);
        });
    })
}
