//! Hashes as the signature and padding schemes name them: which may be used, and their object identifiers.

use super::hash::{Hash, output_length};
use super::{CryptoError, Result};
use crate::registry::HashingAlgorithm as H;

/// The hashes that may sign, with the content of their object identifiers (RFC 8017 §9.2, RFC 8702). MD2, MD4, MD5,
/// RIPEMD-160, Tiger and Whirlpool may not.
const ROWS: &[(H, &[u8])] = &[
    (H::SHA_1, &[0x2B, 0x0E, 3, 2, 0x1A]),
    (H::SHA_224, &nist(4)),
    (H::SHA_256, &nist(1)),
    (H::SHA_384, &nist(2)),
    (H::SHA_512, &nist(3)),
    (H::SHA_512_224, &nist(5)),
    (H::SHA_512_256, &nist(6)),
    (H::SHA_3_224, &nist(7)),
    (H::SHA_3_256, &nist(8)),
    (H::SHA_3_384, &nist(9)),
    (H::SHA_3_512, &nist(10)),
];

/// 2.16.840.1.101.3.4.2.`last`.
const fn nist(last: u8) -> [u8; 9] {
    [0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, last]
}

fn oid(hash: H) -> Result<&'static [u8]> {
    let row = ROWS.iter().find(|row| row.0 == hash);
    row.map(|row| row.1).ok_or(CryptoError::Unsupported("hashing algorithm for a signature"))
}

/// The digest of the parts in order.
pub(super) fn digest(hash: H, parts: &[&[u8]]) -> Result<Vec<u8>> {
    oid(hash)?;
    let mut state = Hash::new(hash)?;
    for part in parts {
        state.update(part);
    }
    Ok(state.finish())
}

/// Length of a digest in bytes.
pub fn digest_length(hash: H) -> Result<usize> {
    oid(hash)?;
    output_length(hash)
}

/// DER of `DigestInfo` up to the digest itself (RFC 8017 §9.2, note 1).
pub fn digest_info_prefix(hash: H) -> Result<Vec<u8>> {
    let oid = oid(hash)?;
    let (name, digest) = (oid.len() as u8, output_length(hash)? as u8);
    let mut prefix = vec![0x30, name + digest + 8, 0x30, name + 4, 0x06, name];
    prefix.extend_from_slice(oid);
    prefix.extend_from_slice(&[0x05, 0x00, 0x04, digest]);
    Ok(prefix)
}

/// The hash of an object identifier, given as its content in DER.
pub(super) fn hash_of_oid(oid: &[u8]) -> Option<H> {
    ROWS.iter().find(|row| row.1 == oid).map(|row| row.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_are_those_of_rfc_8017() {
        let sha256 = [0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1, 5, 0, 4, 0x20];
        assert_eq!(digest_info_prefix(H::SHA_256).unwrap(), sha256);
        let sha1 = [0x30, 0x21, 0x30, 9, 6, 5, 0x2b, 0x0e, 3, 2, 0x1a, 5, 0, 4, 0x14];
        assert_eq!(digest_info_prefix(H::SHA_1).unwrap(), sha1);
    }

    #[test]
    fn parts_are_joined() {
        let hash = H::SHA_1;
        assert_eq!(digest(hash, &[b"a", b"bc"]).unwrap(), digest(hash, &[b"abc"]).unwrap());
        assert!(digest(H::Tiger, &[]).is_err());
    }
}
