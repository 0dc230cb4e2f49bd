//! The registry has every name that the OASIS cases use, and gives it the meaning they use it with.

use std::collections::BTreeSet;
use std::path::Path;

use keyhaven::base::{Field, Limits, Value};
use keyhaven::proto::text::xml;
use keyhaven::registry::{ItemType, Tag};
use kmip_spec_tests::template::{Node, Want};
use kmip_spec_tests::vector::{oasis, oasis_vectors};

/// Names are looked up when a message is read, so reading all of them is the test; names that read are then written
/// for the version of the case and have to be names again, not numbers: the version has them.
#[test]
fn every_name_of_every_case_is_in_the_registry() {
    let Some(_) = oasis() else {
        eprintln!("the OASIS cases are not here; set KEYHAVEN_OASIS");
        return;
    };
    let mut unknown = BTreeSet::new();
    let mut names = 0;
    for vector in oasis_vectors().unwrap() {
        for message in vector.templates().unwrap_or_else(|error| panic!("{}: {error}", vector.name)) {
            walk(&message, &mut |node| {
                names += 1;
                if !node.tag.known_in(vector.version) {
                    unknown.insert(format!("{}: tag {:?}", vector.version, node.tag));
                }
                if let (Want::Literal(Value::Enumeration(number)), Some(table)) = (&node.want, node.tag.enumeration()) {
                    let known = table.row(*number).is_some_and(|row| row.known_in(vector.version));
                    if !known && node.tag != Tag::AttributeReference {
                        unknown.insert(format!("{}: {:?} {number:#x}", vector.version, node.tag));
                    }
                }
            });
        }
    }
    println!("{names} items");
    assert!(unknown.is_empty(), "not in the registry for their version:\n{unknown:#?}");
}

/// The tables that were extracted from the specifications, where they lie beside the cases.
#[test]
fn the_registry_agrees_with_the_extracted_tables() {
    let Some(folder) = oasis() else {
        eprintln!("the OASIS tables are not here; set KEYHAVEN_OASIS");
        return;
    };
    let mut rows = 0;
    for row in csv(&folder.join("enums/tags.csv")) {
        let number = number(&row[0]);
        let tag = Tag(number);
        let text = format!(r#"<TTLV tag="0x{number:06x}" type="Integer" value="0"/>"#);
        assert_eq!(xml::read(text, &Limits::default()), Ok(Field::new(tag, Value::Integer(0))));
        assert!(tag.row().is_some(), "{row:?}");
        rows += 1;
    }
    println!("{rows} tags");
}

#[test]
fn item_types_have_the_codes_of_the_standard() {
    for (at, (item_type, _)) in ItemType::ALL.into_iter().enumerate() {
        assert_eq!(item_type as usize, at + 1);
    }
}

fn walk(node: &Node, visit: &mut impl FnMut(&Node)) {
    visit(node);
    node.children().iter().for_each(|child| walk(child, visit));
}

fn number(text: &str) -> u32 {
    u32::from_str_radix(text.trim().trim_start_matches("0x"), 16).unwrap_or_else(|_| panic!("no number: {text}"))
}

fn csv(path: &Path) -> Vec<Vec<String>> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().skip(1).map(|line| line.split(',').map(str::to_owned).collect()).collect()
}
