//! A root key split into shares (Shamir): any `threshold` of them open the root, fewer say nothing about it. The key
//! itself lies nowhere; the root file holds an identifier, the numbers and a check value that tells a wrong set of shares.

use std::fmt;
use std::path::{Path, PathBuf};

use aws_lc_rs::hmac;
use base64ct::{Base64, Encoding};
use zeroize::Zeroizing;

use super::root::{MAGIC, RootError, SoftRoot, read, versions, write_new};
use crate::base::{Entropy, KeyBytes};
use crate::crypto::split::{Part, Split, join, split};
use crate::registry::{SplitKeyMethod, SplitKeyPolynomial};

/// The first word of a share, and the format.
const SHARE: &str = "keyhaven-share 1";
const KEY_BYTES: usize = 32;
const CHECK: &[u8] = b"keyhaven root check";

/// What the root file says of a version. Nothing in it is secret.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Facts {
    number: u32,
    id: String,
    threshold: u32,
    parts: u32,
    check: String,
}

impl Facts {
    fn read((number, line): (u32, String)) -> Option<Self> {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [id, threshold, parts, check] = fields[..] else { return None };
        let (threshold, parts) = threshold.parse().ok().zip(parts.parse().ok())?;
        Some(Self { number, id: id.into(), threshold, parts, check: check.into() })
    }
}

impl fmt::Display for Facts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {} {}", self.id, self.threshold, self.parts, self.check)
    }
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

/// A root key in shares that no file describes yet.
pub(super) struct Made {
    pub(super) key: KeyBytes,
    /// The line of the root file.
    pub(super) facts: String,
    /// A line of text each. The key is nowhere else.
    pub(super) shares: Vec<Zeroizing<String>>,
}

/// Makes a root key and its shares.
pub(super) fn make(parts: u32, threshold: u32, entropy: &dyn Entropy) -> Result<Made, RootError> {
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
    let text = |piece: &Part| {
        let body = Zeroizing::new(Base64::encode_string(piece.bytes.expose()));
        Zeroizing::new(format!("{SHARE} {id} {threshold} {parts} {} {}", piece.identifier, *body))
    };
    let shares = pieces.iter().map(text).collect();
    Ok(Made { facts: format!("{id} {threshold} {parts} {}", check_value(&key)), key, shares })
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
    let made = make(parts, threshold, entropy)?;
    write_new(path, &format!("{MAGIC} shares\n{}\n", made.facts))?;
    Ok(made.shares)
}

/// Collects shares until they open the root.
pub struct Collector {
    path: PathBuf,
    /// The versions that the file describes: one, or two while a rotation is not finished.
    versions: Vec<Facts>,
    /// The shares, each with the identifier of its version.
    given: Vec<(String, Part)>,
}

impl fmt::Debug for Collector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (given, threshold) = self.progress();
        write!(f, "Collector({given} of {threshold})")
    }
}

impl Collector {
    /// For the root that a file describes.
    pub fn open(path: &Path) -> Result<Self, RootError> {
        let text = read(path)?;
        let fault = |words| RootError::Format(path.into(), words);
        if text.lines().next() != Some(&format!("{MAGIC} shares")) {
            return Err(fault("the first line is not `keyhaven-root 1 shares`"));
        }
        let lines = versions(&text, 4).and_then(|lines| lines.into_iter().map(Facts::read).collect());
        let versions = lines.ok_or_else(|| fault("the lines are not `version identifier threshold shares check`"))?;
        Ok(Self { path: path.into(), versions, given: Vec::new() })
    }

    /// How many shares were given, and how many are needed: of the version of which most were given.
    pub fn progress(&self) -> (u32, u32) {
        let progress = self.versions.iter().map(|facts| (self.given_of(&facts.id), facts.threshold));
        progress.max_by_key(|(given, _)| *given).unwrap_or_default()
    }

    fn given_of(&self, id: &str) -> u32 {
        self.given.iter().filter(|(of, _)| of == id).count() as u32
    }

    /// Takes a share; the last one needed opens the root.
    pub fn add(&mut self, text: &str, entropy: Box<dyn Entropy>) -> Result<Progress, ShareError> {
        let fields: Vec<&str> = text.trim().strip_prefix(SHARE).ok_or(ShareError::Format)?.split_whitespace().collect();
        let [id, threshold, parts, identifier, body] = fields[..] else { return Err(ShareError::Format) };
        let number = |text: &str| text.parse::<u32>().map_err(|_| ShareError::Format);
        let (threshold, parts, identifier) = (number(threshold)?, number(parts)?, number(identifier)?);
        let of = |facts: &&Facts| (&*facts.id, facts.threshold, facts.parts) == (id, threshold, parts);
        let facts = self.versions.iter().find(of).ok_or(ShareError::Foreign)?.clone();
        if self.given.iter().any(|(of, part)| of == id && part.identifier == identifier) {
            return Err(ShareError::Twice);
        }
        let bytes = Base64::decode_vec(body).map(KeyBytes::new).map_err(|_| ShareError::Format)?;
        if bytes.len() != KEY_BYTES || identifier == 0 || identifier > parts {
            return Err(ShareError::Format);
        }
        self.given.push((id.to_owned(), Part { split: scheme(parts, threshold), identifier, bytes }));
        let given = self.given_of(id);
        if given < threshold {
            return Ok(Progress::Waiting(given, threshold));
        }
        let given = std::mem::take(&mut self.given).into_iter().filter(|(of, _)| of == id).map(|(_, part)| part);
        let key = join(&given.collect::<Vec<_>>(), Some(KEY_BYTES)).map_err(|_| ShareError::Wrong)?;
        if check_value(&key) != facts.check {
            return Err(ShareError::Wrong);
        }
        let root = SoftRoot::of_shares(&self.path, facts.number, key, facts.to_string(), entropy);
        root.map(Progress::Open).map_err(|_| ShareError::Wrong)
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
    use crate::crypto::random::SystemEntropy;
    use crate::vault::root::{Old, Renewal, Root};

    fn give(collector: &mut Collector, text: &str) -> Result<Option<SoftRoot>, ShareError> {
        collector.add(text, Box::new(SystemEntropy)).map(|progress| match progress {
            Progress::Open(root) => Some(root),
            Progress::Waiting(..) => None,
        })
    }

    #[test]
    fn any_three_of_five_open_the_root() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("root.key");
        let shares = create(&path, 5, 3, &SystemEntropy).unwrap();
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
    fn new_shares_take_the_place_of_the_old_ones() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("root.key");
        let old = create(&path, 3, 2, &SystemEntropy).unwrap();
        let open = |shares: &[Zeroizing<String>]| {
            let mut collector = Collector::open(&path).unwrap();
            assert!(give(&mut collector, &shares[0])?.is_none());
            give(&mut collector, &shares[1]).map(Option::unwrap)
        };
        let root = open(&old).unwrap();
        let key = KeyBytes::copy_from(&[1; 32]);
        let first = root.wrap(&key, b"n").unwrap();
        let new = root.advance(&Renewal::Shares { parts: 4, threshold: 2 }).unwrap();
        assert_eq!((new.version, new.shares.len()), (2, 4));
        let second = root.wrap(&key, b"n").unwrap();
        // Cut off here: both sets open the version that is theirs.
        assert!(open(&old).unwrap().unwrap(&first, b"n").is_ok());
        let opened = open(&new.shares).unwrap();
        assert!(opened.unwrap(&second, b"n").is_ok());
        assert!(matches!(opened.unwrap(&first, b"n"), Err(RootError::Version(1))));
        opened.settle(2, Old::Destroy).unwrap();
        assert!(matches!(open(&old), Err(ShareError::Foreign)), "the old shares open nothing");
        assert!(open(&new.shares).unwrap().unwrap(&second, b"n").is_ok());
    }

    #[test]
    fn wrong_shares_are_told() {
        let directory = tempfile::tempdir().unwrap();
        let (path, other) = (directory.path().join("one"), directory.path().join("other"));
        let shares = create(&path, 3, 2, &SystemEntropy).unwrap();
        let foreign = create(&other, 3, 2, &SystemEntropy).unwrap();
        assert!(create(&path, 3, 2, &SystemEntropy).is_err(), "a root file is never overwritten");
        assert!(create(&directory.path().join("x"), 3, 1, &SystemEntropy).is_err());
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
