//! Every message of every OASIS case whose values are all literal goes from XML to TTLV, to JSON, to XML and back
//! without a change.

use keyhaven::base::{Field, Limits};
use keyhaven::proto::text::{Encoding, from_ttlv, to_ttlv};
use keyhaven::ttlv::check;
use kmip_spec_tests::client::bytes_of;
use kmip_spec_tests::template;
use kmip_spec_tests::vector::{oasis, oasis_vectors};

#[test]
fn literal_messages_survive_every_encoding() {
    if oasis().is_none() {
        eprintln!("the OASIS cases are not here; set KEYHAVEN_OASIS");
        return;
    }
    let limits = Limits::default();
    let (mut literal, mut all) = (0, 0);
    for vector in oasis_vectors().unwrap() {
        for text in vector.exchanges.iter().flat_map(|both| [&both.request, &both.response]) {
            all += 1;
            if !template::read(text).unwrap_or_else(|error| panic!("{}: {error}", vector.name)).is_literal() {
                continue;
            }
            literal += 1;
            let ttlv = to_ttlv(Encoding::Xml, text.as_bytes(), &limits)
                .unwrap_or_else(|error| panic!("{}: {error}", vector.name));
            let item = check(&ttlv, &limits).unwrap_or_else(|error| panic!("{}: {error}", vector.name));
            let field = Field::new(item.tag, item.to_value());
            assert_eq!(bytes_of(&field), *ttlv, "{}", vector.name);
            for encoding in [Encoding::Xml, Encoding::Json] {
                assert_eq!(
                    encoding.read(encoding.write(&field, vector.version).as_bytes(), &limits).as_ref(),
                    Ok(&field)
                );
                let text = from_ttlv(encoding, &ttlv, &limits).unwrap();
                assert_eq!(*to_ttlv(encoding, text.as_bytes(), &limits).unwrap(), *ttlv, "{}", vector.name);
            }
        }
    }
    println!("{literal} of {all} messages have literal values only; all of them survive every encoding");
    assert!(literal > 0);
}
