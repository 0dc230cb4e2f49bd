//! The keys of the store: one letter for the kind, then what it is about. Nothing here is secret by itself; what a
//! client chose (a name, a group) is in keys only as a keyed hash.

/// Everything of one kind lies between the letter and the next one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// `a` + hash of owner, attribute and value + order: identifier of an object with that value.
    Attribute = b'a' as isize,
    /// `k` + identifier: the short secret of an object.
    Ledger = b'k' as isize,
    /// `m` + identifier: long material.
    Material = b'm' as isize,
    /// `n` + hash of owner and name: identifier of the living object that has the name.
    Name = b'n' as isize,
    /// `o` + identifier: the record of an object.
    Record = b'o' as isize,
    /// `r` + name in the vault: whether the key lives, and its object.
    Resident = b'r' as isize,
    /// `u` + hash of owner: the owner's name, sealed.
    Owner = b'u' as isize,
    /// `w` + hash of owner + order: identifier of an object of that owner.
    Owned = b'w' as isize,
    /// `z` + name: what the server keeps for itself.
    Server = b'z' as isize,
}

/// Joins the letter of a kind and its parts.
pub fn key(kind: Kind, parts: &[&[u8]]) -> Vec<u8> {
    let mut key = Vec::with_capacity(1 + parts.iter().map(|part| part.len()).sum::<usize>());
    key.push(kind as u8);
    parts.iter().for_each(|part| key.extend_from_slice(part));
    key
}

/// Where a version of the namespace key lies, wrapped by the root.
pub fn namespace(version: u32) -> Vec<u8> {
    key(Kind::Server, &[NAMESPACE, &version.to_be_bytes()])
}

/// The version of the namespace key that lies at a place; None for what else the server keeps for itself.
pub fn namespace_version(place: &[u8]) -> Option<u32> {
    let version = place.strip_prefix(&[Kind::Server as u8])?.strip_prefix(NAMESPACE)?;
    version.try_into().ok().map(u32::from_be_bytes)
}

const NAMESPACE: &[u8] = b"namespace/";

/// The first key after all that begin with `prefix`.
pub fn after(prefix: &[u8]) -> Vec<u8> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if last < u8::MAX {
            end.push(last + 1);
            return end;
        }
    }
    vec![u8::MAX]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_ends_before_its_neighbour() {
        assert_eq!(key(Kind::Record, &[b"id"]), b"oid");
        assert_eq!(after(b"o"), b"p");
        assert_eq!(after(&[b'a', 0xFF]), b"b");
        assert_eq!(after(&[0xFF]), [0xFF]);
        assert_eq!(namespace_version(&namespace(7)), Some(7));
        assert_eq!(namespace_version(b"znote/x"), None);
    }
}
