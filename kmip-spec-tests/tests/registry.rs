//! The registry has every name that the OASIS cases use, in the versions that use it, and agrees with the tables that
//! were extracted from the specifications.

#![allow(clippy::unwrap_used, reason = "a test program; its helpers stand outside of the tests")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use keyhaven::base::Value;
use keyhaven::registry::{EnumTable, ItemType, Operation, Tag, Version, tables};
use kmip_spec_tests::template::{Node, Want};
use kmip_spec_tests::vector::{oasis, oasis_vectors};

/// Names are looked up when a message is read, so reading is half of the test; the other half is that the version of
/// the case has them.
#[test]
fn every_name_of_every_case_is_in_the_registry() {
    if oasis().is_none() {
        eprintln!("the OASIS cases are not here; set KEYHAVEN_OASIS");
        return;
    }
    let mut unknown = BTreeSet::new();
    let mut names = 0;
    for vector in oasis_vectors().unwrap() {
        for message in vector.templates().unwrap_or_else(|error| panic!("{}: {error}", vector.name)) {
            walk(&message, &mut |node| {
                names += 1;
                if !node.tag.known_in(vector.version) {
                    unknown.insert(format!("{}: tag {:?}", vector.version, node.tag));
                }
                if let (Want::Literal(Value::Enumeration(number)), Some(table)) = (&node.want, node.tag.enumeration())
                    && !table.row(*number).is_some_and(|row| row.known_in(vector.version))
                {
                    unknown.insert(format!("{}: {:?} {number:#x}", vector.version, node.tag));
                }
            });
        }
    }
    println!("{names} items of the cases have names that their version knows");
    assert!(unknown.is_empty(), "not in the registry for their version:\n{unknown:#?}");
}

/// The extracted tables begin the NIST curves with 1.2; 1.0 lists them too (1.0 §9.1.3.2.5, table 198).
const CURVES_OF_1_0: (&str, u8) = ("RecommendedCurve", Version::V1_0 as u8);
/// B-571.
const LAST_CURVE_OF_1_0: u32 = 0x0F;

/// A number may have had several spellings, each with its own versions; the registry has one row for the number.
#[test]
fn the_registry_agrees_with_the_extracted_tables() {
    let Some(folder) = oasis() else {
        eprintln!("the OASIS tables are not here; set KEYHAVEN_OASIS");
        return;
    };
    let lines = |name: &str| csv(&folder.join("enums").join(name));
    let mut spellings: Vec<(&EnumTable, [String; 5])> = Vec::new();
    spellings.extend(lines("tags.csv").iter().map(|cells| (&Tag::TABLE, cells_from(cells, 0))));
    spellings.extend(lines("operations.csv").iter().map(|cells| (&Operation::TABLE, cells_from(cells, 0))));
    for cells in lines("enumerations.csv") {
        let table = tables().find(|table| table.ident == cells[1] || table.name == cells[0]);
        spellings.push((table.unwrap_or_else(|| panic!("no enumeration {}", cells[1])), cells_from(&cells, 2)));
    }
    let mut faults = Vec::new();
    let mut versions: BTreeMap<(&str, u32), (String, String)> = BTreeMap::new();
    for (table, [name, ident, number, first, last]) in &spellings {
        if table.value(ident) != Some(hex(number)) {
            faults.push(format!("{}: {ident} ({name}) is not {number} but {:?}", table.ident, table.value(ident)));
        }
        // A name with a remark in brackets is a spelling of the cases; its versions are theirs.
        if !name.contains('[') {
            let last = if last.is_empty() { Version::NEWEST.to_string() } else { last.clone() };
            let known = versions.entry((table.ident, hex(number))).or_insert((first.clone(), last.clone()));
            *known = (known.0.clone().min(first.clone()), known.1.clone().max(last));
        }
    }
    for ((ident, number), (first, last)) in &versions {
        let table = spellings.iter().map(|(table, _)| *table).find(|table| table.ident == *ident);
        let row = table.and_then(|table| table.row(*number));
        if CURVES_OF_1_0 == (*ident, row.map_or(0, |row| row.since as u8)) && *number <= LAST_CURVE_OF_1_0 {
            continue;
        }
        if row.is_none_or(|row| (&row.since.to_string(), &row.until.to_string()) != (first, last)) {
            faults.push(format!("{ident} {number:#x} is of {first} to {last}, not {row:?}"));
        }
    }
    println!("{} names of {} numbers", spellings.len(), versions.len());
    assert!(faults.is_empty(), "{faults:#?}");
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

fn hex(text: &str) -> u32 {
    u32::from_str_radix(text.trim().trim_start_matches("0x"), 16).unwrap_or_else(|_| panic!("no number: {text}"))
}

/// Five cells: name, XML name, number, first version, last version.
fn cells_from(cells: &[String], first: usize) -> [String; 5] {
    [0, 1, 2, 3, 4].map(|at| cells[first + at].clone())
}

/// The lines of a table but the first, cells without quotation marks.
fn csv(path: &Path) -> Vec<Vec<String>> {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.lines().skip(1).map(cells).collect()
}

fn cells(line: &str) -> Vec<String> {
    let (mut cells, mut quoted) = (vec![String::new()], false);
    for c in line.chars() {
        match c {
            '"' => quoted = !quoted,
            ',' if !quoted => cells.push(String::new()),
            c => cells.last_mut().unwrap().push(c),
        }
    }
    cells
}
