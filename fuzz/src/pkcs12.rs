//! PKCS#12 files under a known password.

use keyhaven::base::Pin;
use keyhaven::crypto::pkcs12::read;

use super::dice::{noise, with_damage};

/// The password of every input.
const PASSWORD: &str = "fuzz";

pub fn body(bytes: &[u8]) {
    let _ = read(bytes, &Pin::new(PASSWORD.into()), None);
}

/// A file with one key, derived in one iteration, so that an input costs little.
const FILE: &[u8] = include_bytes!("../seeds/one.p12");

pub fn seeds() -> Vec<Vec<u8>> {
    let mut inputs = noise(50, 200);
    // Once for each byte, or nearly: `with_damage` changes another in each copy.
    inputs.extend(vec![FILE.to_vec(); 200]);
    with_damage(inputs)
}
