//! The stored form of an object, as it is after its seal was opened.

#![no_main]

use keyhaven::keep::record::{decode, encode};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok((object, order)) = decode("id", bytes) else { return };
    let once = encode(&object, order);
    let (again, same) = decode("id", &once).expect("what is written is read");
    assert_eq!((&again, same), (&object, order));
});
