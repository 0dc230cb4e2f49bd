//! The stored form of an object, as it is after its seal was opened.

use keyhaven::keep::record::{decode, encode};
use keyhaven::model::{ManagedObject, RULES};
use keyhaven::registry::{ObjectType, Version};

use super::dice::{Dice, noise, with_damage};
use super::payload;

pub fn body(bytes: &[u8]) {
    let Ok((object, order)) = decode("id", bytes) else { return };
    let once = encode(&object, order);
    let (again, same) = decode("id", &once).expect("what is written is read");
    assert_eq!((&again, same), (&object, order));
}

/// Objects with every attribute, some with odd values.
pub fn seeds() -> Vec<Vec<u8>> {
    let objects = ObjectType::ROWS.iter().cycle().zip(noise(64, 400)).map(|(row, bytes)| {
        let mut object = ManagedObject::new("id", ObjectType(row.value), "owner");
        let mut dice = Dice(&bytes);
        for rule in RULES {
            object.attributes.push(rule.tag, payload::value(rule.tag, &mut dice, Version::NEWEST, &[], 0));
        }
        encode(&object, 7).to_vec()
    });
    with_damage(objects.collect())
}
