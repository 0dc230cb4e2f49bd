//! The XML and JSON encodings. The first byte chooses.

#![no_main]

use keyhaven::base::Limits;
use keyhaven::proto::text::Encoding;
use keyhaven::registry::Version;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some((first, text)) = bytes.split_first() else { return };
    let encoding = if first % 2 == 0 { Encoding::Xml } else { Encoding::Json };
    let limits = Limits { message_bytes_max: 64 * 1024, ..Limits::default() };
    let Ok(field) = encoding.read(text, &limits) else { return };
    let written = encoding.write(&field, Version::NEWEST);
    let again = encoding.read(written.as_bytes(), &Limits::default()).expect("what is written is read");
    assert_eq!(again, field);
});
