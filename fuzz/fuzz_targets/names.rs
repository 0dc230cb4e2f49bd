//! See `keyhaven_fuzz::TARGETS`.

#![no_main]

libfuzzer_sys::fuzz_target!(init: keyhaven_fuzz::plant("names"), |bytes: &[u8]| keyhaven_fuzz::run("names", bytes));
