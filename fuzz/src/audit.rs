//! Entries of the audit chain, as they are after the seal of their block was opened.

use keyhaven::gate::audit::Entry;

use super::dice::{noise, with_damage};

pub fn body(bytes: &[u8]) {
    let mut rest = bytes;
    while let Some((entry, after)) = Entry::decode(rest) {
        let mut once = Vec::new();
        entry.encode(&mut once);
        // A text that is longer than an entry's is cut, once.
        let (again, left) = Entry::decode(&once).expect("what is written is read");
        assert!(left.is_empty());
        let mut twice = Vec::new();
        again.encode(&mut twice);
        assert_eq!(twice, once);
        rest = after;
    }
}

pub fn seeds() -> Vec<Vec<u8>> {
    with_damage(noise(200, 200))
}
