//! A root key split into shares (Shamir): any `threshold` of them open the root, fewer say nothing about it. The key
//! itself lies nowhere; the root file holds an identifier, the numbers and a check value that tells a wrong set of shares.

use std::fmt;
use std::path::Path;

use aws_lc_rs::hmac;
use base64ct::{Base64, Encoding};
use zeroize::Zeroizing;

use super::root::{MAGIC, RootError, SoftRoot, read, write_new};
use crate::base::{Entropy, KeyBytes};
use crate::crypto::split::{Part, Split, join, split};
use crate::registry::{SplitKeyMethod, SplitKeyPolynomial};

/// The first word of a share, and the format.
const SHARE: &str = "keyhaven-share 1";
const KEY_BYTES: usize = 32;
const CHECK: &[u8] = b"keyhaven root check";

/// What the root file says. Nothing in it is secret.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Facts {
    id: String,
    threshold: u32,
    parts: u32,
    check: String,
}

/// A share was not taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ShareError {
    /// Not the text of a share.
    Format,
    /// A share of another root.
    Foreign,
    /// It was given already.
    Twice,
    /// The shares do not make the root key; all are forgotten.
    Wrong,
}

impl fmt::Display for ShareError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Format => "this is not a share; it is a line that begins with `keyhaven-share 1`",
            Self::Foreign => "this share belongs to another root",
            Self::Twice => "this share was given already",
            Self::Wrong => "one of the shares is wrong: together they do not make the root key. Give all of them again",
        })
    }
}

impl std::error::Error for ShareError {}

/// How far the opening is.
pub enum Progress {
    /// More shares are needed: those given, and the threshold.
    Waiting(u32, u32),
    /// The root is open.
    Open(SoftRoot),
}

/// Makes a root key, writes its root file, which must not exist, and gives the shares, a line of text each. The key is
/// nowhere else.
///
/// # Errors
/// `Unsupported` for numbers that make no sense: a threshold below 2 or above the parts, more than 255 parts.
pub fn create(
    path: &Path,
    parts: u32,
    threshold: u32,
    entropy: &dyn Entropy,
) -> Result<Vec<Zeroizing<String>>, RootError> {
    if threshold < 2 || threshold > parts || parts > 255 {
        return Err(RootError::Unsupported(
            "the threshold must be from 2 to the number of shares, which is at most 255",
        ));
    }
    let key = KeyBytes::fill(KEY_BYTES, |bytes| entropy.fill(bytes))?;
    let mut id = [0; 8];
    entropy.fill(&mut id)?;
    let id = hex(&id);
    let pieces = split(key.expose(), &scheme(parts, threshold), entropy).map_err(|_| RootError::Wrong)?;
    write_new(path, &format!("{MAGIC} shares\n{id} {threshold} {parts} {}\n", check_value(&key)))?;
    Ok(pieces
        .iter()
        .map(|piece| {
            let body = Zeroizing::new(Base64::encode_string(piece.bytes.expose()));
            Zeroizing::new(format!("{SHARE} {id} {threshold} {parts} {} {}", piece.identifier, *body))
        })
        .collect())
}

/// Collects shares until they open the root.
pub struct Collector {
    facts: Facts,
    given: Vec<Part>,
}

impl fmt::Debug for Collector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Collector({} of {})", self.given.len(), self.facts.threshold)
    }
}

impl Collector {
    /// For the root that a file describes.
    pub fn open(path: &Path) -> Result<Self, RootError> {
        let text = read(path)?;
        let fault = |words| RootError::Format(path.into(), words);
        let mut lines = text.lines();
        if lines.next() != Some(&format!("{MAGIC} shares")) {
            return Err(fault("the first line is not `keyhaven-root 1 shares`"));
        }
        let fields: Vec<&str> = lines.next().unwrap_or_default().split(' ').collect();
        let facts = match fields[..] {
            [id, threshold, parts, check] => threshold
                .parse()
                .ok()
                .zip(parts.parse().ok())
                .map(|(threshold, parts)| Facts { id: id.into(), threshold, parts, check: check.into() }),
            _ => None,
        };
        let facts = facts.ok_or_else(|| fault("the second line is not `identifier threshold shares check`"))?;
        Ok(Self { facts, given: Vec::new() })
    }

    /// How many shares were given, and how many are needed.
    pub fn progress(&self) -> (u32, u32) {
        (self.given.len() as u32, self.facts.threshold)
    }

    /// Takes a share; the last one needed opens the root.
    pub fn add(&mut self, text: &str, entropy: Box<dyn Entropy>) -> Result<Progress, ShareError> {
        let fields: Vec<&str> = text.trim().strip_prefix(SHARE).ok_or(ShareError::Format)?.split_whitespace().collect();
        let [id, threshold, parts, identifier, body] = fields[..] else { return Err(ShareError::Format) };
        let number = |text: &str| text.parse::<u32>().map_err(|_| ShareError::Format);
        let (threshold, parts, identifier) = (number(threshold)?, number(parts)?, number(identifier)?);
        if id != self.facts.id || threshold != self.facts.threshold || parts != self.facts.parts {
            return Err(ShareError::Foreign);
        }
        if self.given.iter().any(|part| part.identifier == identifier) {
            return Err(ShareError::Twice);
        }
        let bytes = Base64::decode_vec(body).map(KeyBytes::new).map_err(|_| ShareError::Format)?;
        if bytes.len() != KEY_BYTES || identifier == 0 || identifier > parts {
            return Err(ShareError::Format);
        }
        self.given.push(Part { split: scheme(parts, threshold), identifier, bytes });
        if (self.given.len() as u32) < threshold {
            return Ok(Progress::Waiting(self.given.len() as u32, threshold));
        }
        let given = std::mem::take(&mut self.given);
        let key = join(&given, Some(KEY_BYTES)).map_err(|_| ShareError::Wrong)?;
        if check_value(&key) != self.facts.check {
            return Err(ShareError::Wrong);
        }
        SoftRoot::from_key("shares", &key, entropy).map(Progress::Open).map_err(|_| ShareError::Wrong)
    }
}

fn scheme(parts: u32, threshold: u32) -> Split {
    Split {
        method: SplitKeyMethod::PolynomialSharingGF2_8,
        polynomial: SplitKeyPolynomial::Polynomial_283,
        prime: None,
        parts,
        threshold,
    }
}

/// Eight bytes that a wrong key does not give. They say nothing about the key: an HMAC under it.
fn check_value(key: &KeyBytes) -> String {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key.expose()), CHECK);
    hex(&tag.as_ref()[..8])
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::EntropyFailed;
    use crate::vault::root::Root;

    struct Os;

    impl Entropy for Os {
        fn fill(&self, buffer: &mut [u8]) -> Result<(), EntropyFailed> {
            aws_lc_rs::rand::fill(buffer).map_err(|_| EntropyFailed)
        }
    }

    fn give(collector: &mut Collector, text: &str) -> Result<Option<SoftRoot>, ShareError> {
        collector.add(text, Box::new(Os)).map(|progress| match progress {
            Progress::Open(root) => Some(root),
            Progress::Waiting(..) => None,
        })
    }

    #[test]
    fn any_three_of_five_open_the_root() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("root.key");
        let shares = create(&path, 5, 3, &Os).unwrap();
        let mut wrapped = None;
        for chosen in [[0, 1, 2], [4, 2, 0], [3, 1, 4]] {
            let mut collector = Collector::open(&path).unwrap();
            assert!(give(&mut collector, &shares[chosen[0]]).unwrap().is_none());
            assert!(matches!(give(&mut collector, &shares[chosen[0]]), Err(ShareError::Twice)));
            assert!(give(&mut collector, &shares[chosen[1]]).unwrap().is_none());
            assert_eq!(collector.progress(), (2, 3));
            let root = give(&mut collector, &shares[chosen[2]]).unwrap().unwrap();
            assert_eq!(root.kind(), "shares");
            let wrapped = wrapped.get_or_insert_with(|| root.wrap(&KeyBytes::copy_from(&[1; 32]), b"n").unwrap());
            assert!(root.unwrap(wrapped, b"n").is_ok());
        }
    }

    #[test]
    fn wrong_shares_are_told() {
        let directory = tempfile::tempdir().unwrap();
        let (path, other) = (directory.path().join("one"), directory.path().join("other"));
        let shares = create(&path, 3, 2, &Os).unwrap();
        let foreign = create(&other, 3, 2, &Os).unwrap();
        assert!(create(&path, 3, 2, &Os).is_err(), "a root file is never overwritten");
        assert!(create(&directory.path().join("x"), 3, 1, &Os).is_err());
        let mut collector = Collector::open(&path).unwrap();
        assert!(matches!(give(&mut collector, "hello"), Err(ShareError::Format)));
        assert!(matches!(give(&mut collector, &foreign[0]), Err(ShareError::Foreign)));
        let mut forged = shares[1].to_string();
        forged.truncate(forged.len() - 44);
        forged.push_str(&Base64::encode_string(&[7; 32]));
        give(&mut collector, &shares[0]).unwrap();
        assert!(matches!(give(&mut collector, &forged), Err(ShareError::Wrong)));
        assert_eq!(collector.progress(), (0, 2), "all are forgotten");
        give(&mut collector, &shares[0]).unwrap();
        assert!(give(&mut collector, &shares[1]).unwrap().is_some());
    }
}
