//! The XML and JSON encodings. The first byte chooses.

use keyhaven::base::Limits;
use keyhaven::proto::text::Encoding;
use keyhaven::registry::Version;
use keyhaven::ttlv::check;

use super::core;
use super::dice::with_damage;

pub fn body(bytes: &[u8]) {
    let Some((first, text)) = bytes.split_first() else { return };
    let encoding = if first % 2 == 0 { Encoding::Xml } else { Encoding::Json };
    let limits = Limits { message_bytes_max: 64 * 1024, ..Limits::default() };
    let Ok(field) = encoding.read(text, &limits) else { return };
    let written = encoding.write(&field, Version::NEWEST);
    let again = encoding.read(written.as_bytes(), &Limits::default()).expect("what is written is read");
    assert_eq!(again, field);
}

pub fn seeds() -> Vec<Vec<u8>> {
    let requests = core::requests();
    let texts = requests.iter().filter_map(|bytes| {
        let item = check(bytes, &Limits::default()).ok()?;
        let field = keyhaven::base::Field::new(item.tag, item.to_value());
        let text =
            |first: u8, encoding: Encoding| [&[first], encoding.write(&field, Version::NEWEST).as_bytes()].concat();
        Some([text(0, Encoding::Xml), text(1, Encoding::Json)])
    });
    with_damage(texts.flatten().collect())
}
