//! Digests as the signature and padding schemes need them: over parts, by the number of the standard.

use aws_lc_rs::digest::{self as aws, Algorithm, Context};

use super::{CryptoError, Result};
use crate::registry::HashingAlgorithm;

/// A hash with its DigestInfo identifier (RFC 8017 §9.2): the last arcs of the object identifier, DER-encoded.
struct Row {
    hash: HashingAlgorithm,
    provider: &'static Algorithm,
    oid: &'static [u8],
}

/// The hashes that may sign. MD2, MD4, MD5, RIPEMD-160, Tiger and Whirlpool may not.
const ROWS: &[Row] = &[
    Row { hash: HashingAlgorithm::SHA_1, provider: &aws::SHA1_FOR_LEGACY_USE_ONLY, oid: &[0x2B, 0x0E, 3, 2, 0x1A] },
    Row { hash: HashingAlgorithm::SHA_224, provider: &aws::SHA224, oid: &nist(4) },
    Row { hash: HashingAlgorithm::SHA_256, provider: &aws::SHA256, oid: &nist(1) },
    Row { hash: HashingAlgorithm::SHA_384, provider: &aws::SHA384, oid: &nist(2) },
    Row { hash: HashingAlgorithm::SHA_512, provider: &aws::SHA512, oid: &nist(3) },
    Row { hash: HashingAlgorithm::SHA_512_256, provider: &aws::SHA512_256, oid: &nist(6) },
    Row { hash: HashingAlgorithm::SHA_3_256, provider: &aws::SHA3_256, oid: &nist(8) },
    Row { hash: HashingAlgorithm::SHA_3_384, provider: &aws::SHA3_384, oid: &nist(9) },
    Row { hash: HashingAlgorithm::SHA_3_512, provider: &aws::SHA3_512, oid: &nist(10) },
];

/// 2.16.840.1.101.3.4.2.`last`.
const fn nist(last: u8) -> [u8; 9] {
    [0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, last]
}

fn row(hash: HashingAlgorithm) -> Result<&'static Row> {
    ROWS.iter().find(|row| row.hash == hash).ok_or(CryptoError::Unsupported("hashing algorithm for a signature"))
}

/// The digest of the parts in order.
pub(super) fn digest(hash: HashingAlgorithm, parts: &[&[u8]]) -> Result<Vec<u8>> {
    let mut context = Context::new(row(hash)?.provider);
    for part in parts {
        context.update(part);
    }
    Ok(context.finish().as_ref().to_vec())
}

/// Length of a digest in bytes.
pub(super) fn digest_length(hash: HashingAlgorithm) -> Result<usize> {
    Ok(row(hash)?.provider.output_len())
}

/// DER of `DigestInfo` up to the digest itself (RFC 8017 §9.2, note 1).
pub(super) fn digest_info_prefix(hash: HashingAlgorithm) -> Result<Vec<u8>> {
    let row = row(hash)?;
    let (oid, digest) = (row.oid.len() as u8, row.provider.output_len() as u8);
    let mut prefix = vec![0x30, oid + digest + 8, 0x30, oid + 4, 0x06, oid];
    prefix.extend_from_slice(row.oid);
    prefix.extend_from_slice(&[0x05, 0x00, 0x04, digest]);
    Ok(prefix)
}

/// The hash of an object identifier, given as its content in DER.
pub(super) fn hash_of_oid(oid: &[u8]) -> Option<HashingAlgorithm> {
    ROWS.iter().find(|row| row.oid == oid).map(|row| row.hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_are_those_of_rfc_8017() {
        let sha256 = [0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1, 5, 0, 4, 0x20];
        assert_eq!(digest_info_prefix(HashingAlgorithm::SHA_256).unwrap(), sha256);
        let sha1 = [0x30, 0x21, 0x30, 9, 6, 5, 0x2b, 0x0e, 3, 2, 0x1a, 5, 0, 4, 0x14];
        assert_eq!(digest_info_prefix(HashingAlgorithm::SHA_1).unwrap(), sha1);
    }

    #[test]
    fn parts_are_joined() {
        let hash = HashingAlgorithm::SHA_1;
        assert_eq!(digest(hash, &[b"a", b"bc"]).unwrap(), digest(hash, &[b"abc"]).unwrap());
        assert!(digest(HashingAlgorithm::Tiger, &[]).is_err());
    }
}
