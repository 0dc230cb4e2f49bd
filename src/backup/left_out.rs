//! What a backup does not hold: whatever brings key material back. That is the ledger, and what is kept of asynchronous
//! requests, whose parameters and answers may be keys. For such a row a backup has a row without its value, so that rows
//! and pieces are as many as in the store.

use crate::keep::{ledger, memo};
use crate::ops::asynchronous;
use crate::store::pieces;

/// Whether a backup has the value of a key.
pub fn is_left_out(place: &[u8]) -> bool {
    ledger::is_row(place) || is_passing(place)
}

/// Whether a key is of an asynchronous request. A restored store does not have it.
pub fn is_passing(place: &[u8]) -> bool {
    asynchronous::MEMOS.iter().any(|kind| place.starts_with(&memo::place(kind)))
}

/// What stands for a value: nothing, or as many zeros where a value has several pieces.
pub fn placeholder(value: &[u8]) -> Vec<u8> {
    vec![0; if pieces(value.len()) == pieces(0) { 0 } else { value.len() }]
}

/// Whether a value is one that was left out. No sealed value is.
pub fn is_placeholder(value: &[u8]) -> bool {
    value.iter().all(|byte| *byte == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_placeholder_has_the_pieces_of_its_value_and_nothing_else_of_it() {
        for length in [0, 1, 4096, 4097, 9000] {
            let left = placeholder(&vec![7; length]);
            assert_eq!(pieces(left.len()), pieces(length));
            assert!(is_placeholder(&left) && !is_placeholder(&[0, 0, 1]));
        }
        assert!(is_left_out(&ledger::place("id")) && is_left_out(&memo::place(b"async/x")));
        assert!(is_left_out(&memo::place(b"job/x")) && !is_passing(&ledger::place("id")));
        for kept in [&b"oid"[..], b"mid", b"znamespace/1", b"zmemo/ticket/1", b"zcommit", b""] {
            assert!(!is_left_out(kept));
        }
    }
}
