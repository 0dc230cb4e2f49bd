//! What a store holds, in short: how many keys of each kind, and a keyed digest of all keys with their values. It is
//! kept up to date change by change, and a walk through the store gives the same again, unless something was lost,
//! added or put back as it once was.
//!
//! The digest is the sum (exclusive or) of one HMAC-SHA-256 for each key and value. A key has one value, so no term
//! comes twice; and whoever does not know the tally's key can tell neither a term nor a sum, so cannot choose changes
//! that cancel out. Objects and index rows have a digest each, as the index can be made again from the objects.

use aws_lc_rs::hmac;

use super::commit_record::NAME;
use super::keys::Kind;
use super::walk::walk;
use crate::base::{Buffer, Entropy, EntropyFailed, KeyBytes};
use crate::store::{Store, StoreError};

/// The kinds that are counted, in the order of their counts. The audit chain proves itself.
pub const COUNTED: [Kind; 9] = [
    Kind::Attribute,
    Kind::Ledger,
    Kind::Material,
    Kind::Name,
    Kind::Record,
    Kind::Resident,
    Kind::Owner,
    Kind::Owned,
    Kind::Server,
];
/// Bytes of the key of a tally.
const KEY_BYTES: usize = 32;
/// Bytes of `Tally::encode`.
pub const TALLY_BYTES: usize = KEY_BYTES + COUNTED.len() * 8 + 2 * 32;

/// Whether a key is of the index: made from the objects, and so can be made again.
pub fn is_index(kind: Kind) -> bool {
    matches!(kind, Kind::Attribute | Kind::Name | Kind::Owned)
}

/// Counts and digests.
pub struct Tally {
    key: KeyBytes,
    mac: hmac::Key,
    counts: [u64; COUNTED.len()],
    /// Of objects and what belongs to them, and of the index.
    digests: [[u8; 32]; 2],
}

/// Tallies under the same key are equal if what they stand for is.
impl PartialEq for Tally {
    fn eq(&self, other: &Self) -> bool {
        (self.counts, self.digests) == (other.counts, other.digests)
    }
}

impl std::fmt::Debug for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Tally({:?})", self.counts)
    }
}

impl Tally {
    /// Of nothing, under a new key.
    pub fn new(entropy: &dyn Entropy) -> Result<Self, EntropyFailed> {
        Ok(Self::under(KeyBytes::fill(KEY_BYTES, |bytes| entropy.fill(bytes))?))
    }

    fn under(key: KeyBytes) -> Self {
        let mac = hmac::Key::new(hmac::HMAC_SHA256, key.expose());
        Self { key, mac, counts: [0; COUNTED.len()], digests: [[0; 32]; 2] }
    }

    /// Of nothing, under the key of this one: to be compared with it.
    pub fn empty_like(&self) -> Self {
        Self::under(KeyBytes::copy_from(self.key.expose()))
    }

    /// Adds everything in a store.
    pub fn add_all(&mut self, store: &dyn Store) -> Result<(), StoreError> {
        walk(store, &[], |place, value| {
            self.add(place, value);
            Ok(true)
        })
    }

    /// How many keys of a kind there are.
    pub fn count(&self, kind: Kind) -> u64 {
        position(kind as u8).map_or(0, |at| self.counts[at])
    }

    /// How many keys there are, without the audit chain.
    pub fn keys(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Whether objects, their secrets and what the server keeps are the same in both, whatever the index.
    pub fn has_same_objects(&self, other: &Self) -> bool {
        let alike = |(at, kind): (usize, &Kind)| is_index(*kind) || self.counts[at] == other.counts[at];
        self.digests[0] == other.digests[0] && COUNTED.iter().enumerate().all(alike)
    }

    /// Whether the index is the same in both.
    pub fn has_same_index(&self, other: &Self) -> bool {
        let alike = |(at, kind): (usize, &Kind)| !is_index(*kind) || self.counts[at] == other.counts[at];
        self.digests[1] == other.digests[1] && COUNTED.iter().enumerate().all(alike)
    }

    /// A key came, with this value.
    pub fn add(&mut self, place: &[u8], value: &[u8]) {
        self.change(place, None, Some(value));
    }

    /// A key has another value, or came, or went.
    pub fn change(&mut self, place: &[u8], before: Option<&[u8]>, after: Option<&[u8]>) {
        let Some(at) = place.first().copied().and_then(position) else { return };
        if before == after || Self::leaves_out(place) {
            return;
        }
        self.counts[at] = (self.counts[at] + u64::from(after.is_some())).wrapping_sub(u64::from(before.is_some()));
        let digest = usize::from(is_index(COUNTED[at]));
        for value in before.into_iter().chain(after) {
            let mut context = hmac::Context::with_key(&self.mac);
            context.update(&(place.len() as u32).to_be_bytes());
            context.update(place);
            context.update(value);
            let term = context.sign();
            self.digests[digest].iter_mut().zip(term.as_ref()).for_each(|(sum, byte)| *sum ^= byte);
        }
    }

    /// Whether a value of the server's own is not counted: the commit record cannot count itself, and the namespace
    /// keys, which are written before there is a record, are proven by the root.
    pub fn leaves_out(place: &[u8]) -> bool {
        place.strip_prefix(&[Kind::Server as u8]).is_some_and(|name| name == NAME || name.starts_with(b"namespace/"))
    }

    /// The stored form: key, counts, digests.
    pub fn encode(&self, out: &mut Buffer) {
        out.extend(self.key.expose());
        self.counts.iter().for_each(|count| out.extend(&count.to_be_bytes()));
        self.digests.iter().for_each(|digest| out.extend(digest));
    }

    /// Reads what `encode` wrote.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (key, rest) = bytes.split_at_checked(KEY_BYTES)?;
        let (counts, digests) = rest.split_at_checked(COUNTED.len() * 8)?;
        let mut tally = Self::under(KeyBytes::copy_from(key));
        for (count, bytes) in tally.counts.iter_mut().zip(counts.chunks_exact(8)) {
            *count = u64::from_be_bytes(bytes.try_into().ok()?);
        }
        if digests.len() != 64 {
            return None;
        }
        for (digest, bytes) in tally.digests.iter_mut().zip(digests.chunks_exact(32)) {
            digest.copy_from_slice(bytes);
        }
        Some(tally)
    }
}

fn position(letter: u8) -> Option<usize> {
    COUNTED.iter().position(|kind| *kind as u8 == letter)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::store::{Commit, Memory, Write};

    struct Fixed;

    impl Entropy for Fixed {
        fn fill(&self, buffer: &mut [u8]) -> Result<(), EntropyFailed> {
            buffer.fill(9);
            Ok(())
        }
    }

    fn stored(tally: &Tally) -> Vec<u8> {
        let mut out = Buffer::default();
        tally.encode(&mut out);
        out.to_vec()
    }

    proptest! {
        /// Change by change or by a walk: the same.
        #[test]
        fn a_walk_finds_what_was_kept_account_of(
            changes in prop::collection::vec(("[aknorwz][a-c]{1,2}", prop::option::of("[x-z]{0,3}")), 0..60)
        ) {
            let store = Memory::new();
            let mut kept = Tally::new(&Fixed).unwrap();
            for (place, value) in changes {
                let before = store.get(place.as_bytes()).unwrap().value;
                let value = value.map(String::into_bytes);
                kept.change(place.as_bytes(), before.as_deref(), value.as_deref());
                let write = Write { key: place.into_bytes(), value };
                store.commit(Commit { writes: vec![write], ..Commit::default() }).unwrap();
            }
            let mut walked = kept.empty_like();
            walked.add_all(&store).unwrap();
            prop_assert_eq!(&walked, &kept);
            prop_assert_eq!(Tally::decode(&stored(&kept)), Some(kept));
        }
    }

    #[test]
    fn what_differs_shows_where_it_differs() {
        let tally = |rows: &[(&[u8], &[u8])]| {
            let mut tally = Tally::new(&Fixed).unwrap();
            rows.iter().for_each(|(place, value)| tally.add(place, value));
            tally
        };
        let whole = tally(&[(b"oid", b"new"), (b"arow", b"id"), (b"kid", b"secret")]);
        let cases: [(&str, Tally, bool, bool); 5] = [
            ("an older value", tally(&[(b"oid", b"old"), (b"arow", b"id"), (b"kid", b"secret")]), false, true),
            ("a lost secret", tally(&[(b"oid", b"new"), (b"arow", b"id")]), false, true),
            ("a lost row", tally(&[(b"oid", b"new"), (b"kid", b"secret")]), true, false),
            ("a moved value", tally(&[(b"oie", b"new"), (b"arow", b"id"), (b"kid", b"secret")]), false, true),
            ("a moved border", tally(&[(b"oidn", b"ew"), (b"arow", b"id"), (b"kid", b"secret")]), false, true),
        ];
        for (what, other, objects, index) in cases {
            assert_eq!((whole.has_same_objects(&other), whole.has_same_index(&other)), (objects, index), "{what}");
            assert_ne!(whole, other, "{what}");
        }
    }

    #[test]
    fn the_record_itself_the_namespace_keys_and_the_chain_are_not_counted() {
        let mut tally = Tally::new(&Fixed).unwrap();
        for place in [&b"zcommit"[..], b"znamespace/1", b"l1", b"", b"\xFF"] {
            tally.add(place, b"value");
        }
        assert_eq!(tally, Tally::new(&Fixed).unwrap());
        tally.add(b"zmemo/x", b"value");
        assert_eq!((tally.count(Kind::Server), tally.keys()), (1, 1));
        assert!(Tally::decode(&stored(&tally)[1..]).is_none());
    }
}
