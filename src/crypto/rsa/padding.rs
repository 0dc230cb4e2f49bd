//! OAEP and PSS (RFC 8017 §7.1, §9.1) with any two hashes: the libraries either tie the mask's hash to the other one
//! or fix both at compile time, and KMIP names them separately.

use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};
use zeroize::Zeroizing;

use super::RsaPublicKey;
use crate::crypto::digest_info::{digest, digest_info_prefix, digest_length};
use crate::crypto::{CryptoError, Result};
use crate::registry::HashingAlgorithm;

/// Mask generation function 1, added to `target` in place.
fn mask(target: &mut [u8], seed: &[u8], hash: HashingAlgorithm) -> Result<()> {
    let length = digest_length(hash)?;
    for (counter, block) in target.chunks_mut(length).enumerate() {
        let bytes = Zeroizing::new(digest(hash, &[seed, &(counter as u32).to_be_bytes()])?);
        for (target, mask) in block.iter_mut().zip(bytes.iter()) {
            *target ^= mask;
        }
    }
    Ok(())
}

/// EME-OAEP encoding into `size` bytes.
pub(super) fn oaep_encode(
    data: &[u8],
    size: usize,
    hash: HashingAlgorithm,
    mask_hash: HashingAlgorithm,
    label: &[u8],
) -> Result<Zeroizing<Vec<u8>>> {
    let length = digest_length(hash)?;
    if data.len() + 2 * length + 2 > size {
        return Err(CryptoError::BadData("longer than the RSA key can encrypt"));
    }
    let mut encoded = Zeroizing::new(vec![0; size]);
    let (seed, block) = encoded[1..].split_at_mut(length);
    aws_lc_rs::rand::fill(seed).map_err(|_| CryptoError::Provider("random number generator"))?;
    block[..length].copy_from_slice(&digest(hash, &[label])?);
    let start = block.len() - data.len();
    block[start - 1] = 1;
    block[start..].copy_from_slice(data);
    mask(block, seed, mask_hash)?;
    mask(seed, block, mask_hash)?;
    Ok(encoded)
}

/// EME-OAEP decoding. All faults are found without a branch and reported as one.
pub(super) fn oaep_decode(
    mut encoded: Zeroizing<Vec<u8>>,
    hash: HashingAlgorithm,
    mask_hash: HashingAlgorithm,
    label: &[u8],
) -> Result<Zeroizing<Vec<u8>>> {
    let length = digest_length(hash)?;
    if encoded.len() < 2 * length + 2 {
        return Err(CryptoError::BadKey("too short for this hash"));
    }
    let label_digest = digest(hash, &[label])?;
    let (first, rest) = encoded.split_at_mut(1);
    let (seed, block) = rest.split_at_mut(length);
    mask(seed, block, mask_hash)?;
    mask(block, seed, mask_hash)?;

    let mut good = first[0].ct_eq(&0) & block[..length].ct_eq(&label_digest);
    let mut found = Choice::from(0);
    let mut start = 0u32;
    for (at, byte) in block.iter().enumerate().skip(length) {
        let (is_one, is_zero) = (byte.ct_eq(&1), byte.ct_eq(&0));
        start.conditional_assign(&(at as u32 + 1), is_one & !found);
        good &= found | is_one | is_zero;
        found |= is_one;
    }
    if !bool::from(good & found) {
        return Err(CryptoError::Failed);
    }
    Ok(Zeroizing::new(block[start as usize..].to_vec()))
}

/// EMSA-PSS encoding of a digest for `key`.
pub(super) fn pss_encode(
    message_digest: &[u8],
    key: &RsaPublicKey,
    hash: HashingAlgorithm,
    mask_hash: HashingAlgorithm,
    salt_length: usize,
) -> Result<Vec<u8>> {
    let (length, bits) = (digest_length(hash)?, key.bits() - 1);
    let size = bits.div_ceil(8);
    let salt_room = size.checked_sub(length + 2).ok_or(CryptoError::BadKey("too short for this hash"))?;
    let separator = salt_room.checked_sub(salt_length).ok_or(CryptoError::BadParameters("salt length"))?;
    let mut encoded = vec![0; size];
    let (block, tail) = encoded.split_at_mut(size - length - 1);
    block[separator] = 1;
    let salt = &mut block[separator + 1..];
    aws_lc_rs::rand::fill(salt).map_err(|_| CryptoError::Provider("random number generator"))?;
    tail[..length].copy_from_slice(&digest(hash, &[&[0; 8], message_digest, salt])?);
    tail[length] = 0xBC;
    mask(block, &tail[..length], mask_hash)?;
    block[0] &= 0xFF >> (8 * size - bits);
    // One byte shorter than the modulus when its length is one more than a multiple of eight bits.
    encoded.splice(0..0, std::iter::repeat_n(0, key.size() - size));
    Ok(encoded)
}

/// Whether an EMSA-PSS encoding fits the digest. Without a salt length, any is taken.
pub(super) fn pss_fits(
    encoded: &[u8],
    message_digest: &[u8],
    key: &RsaPublicKey,
    (hash, mask_hash): (HashingAlgorithm, HashingAlgorithm),
    salt_length: Option<usize>,
) -> Result<bool> {
    let (length, bits) = (digest_length(hash)?, key.bits() - 1);
    let size = bits.div_ceil(8);
    let (zeros, encoded) = encoded.split_at(encoded.len().saturating_sub(size));
    if encoded.len() != size || size < length + 2 || zeros.iter().any(|byte| *byte != 0) {
        return Ok(false);
    }
    let unused = 0xFFu8 >> (8 * size - bits);
    let (block, tail) = encoded.split_at(size - length - 1);
    if block[0] & !unused != 0 || tail[length] != 0xBC {
        return Ok(false);
    }
    let mut block = block.to_vec();
    mask(&mut block, &tail[..length], mask_hash)?;
    block[0] &= unused;
    let Some(separator) = block.iter().position(|byte| *byte != 0) else { return Ok(false) };
    let salt = &block[separator + 1..];
    if block[separator] != 1 || salt_length.is_some_and(|length| length != salt.len()) {
        return Ok(false);
    }
    Ok(digest(hash, &[&[0; 8], message_digest, salt])? == tail[..length])
}

/// EMSA-PKCS1-v1_5 encoding of a digest into `size` bytes.
pub(super) fn pkcs1_encode(message_digest: &[u8], size: usize, hash: HashingAlgorithm) -> Result<Vec<u8>> {
    let info = [digest_info_prefix(hash)?.as_slice(), message_digest].concat();
    let fill = size.checked_sub(info.len() + 3).filter(|fill| *fill >= 8);
    let fill = fill.ok_or(CryptoError::BadKey("too short for this hash"))?;
    let mut encoded = vec![0, 1];
    encoded.resize(2 + fill, 0xFF);
    encoded.push(0);
    encoded.extend_from_slice(&info);
    Ok(encoded)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHA_1: HashingAlgorithm = HashingAlgorithm::SHA_1;
    const SHA_256: HashingAlgorithm = HashingAlgorithm::SHA_256;

    #[test]
    fn oaep_round_trip_and_every_bit_counts_where_it_is_checked() {
        let encoded = oaep_encode(b"data", 128, SHA_256, SHA_1, b"label").unwrap();
        let decode = |bytes: &[u8], label: &[u8]| oaep_decode(Zeroizing::new(bytes.to_vec()), SHA_256, SHA_1, label);
        assert_eq!(*decode(&encoded, b"label").unwrap(), b"data");
        assert_eq!(decode(&encoded, b"").unwrap_err(), CryptoError::Failed);
        for at in 0..20 {
            let mut wrong = encoded.to_vec();
            wrong[at] ^= 1;
            assert_eq!(decode(&wrong, b"label").unwrap_err(), CryptoError::Failed, "byte {at}");
        }
        assert!(oaep_encode(&[0; 63], 128, SHA_256, SHA_256, b"").is_err());
        assert_eq!(oaep_decode(Zeroizing::new(vec![0; 128]), SHA_1, SHA_1, b"").unwrap_err(), CryptoError::Failed);
    }

    #[test]
    fn empty_data_and_longest_data() {
        for length in [0, 62] {
            let data = vec![1; length];
            let encoded = oaep_encode(&data, 128, SHA_256, SHA_256, b"").unwrap();
            assert_eq!(*oaep_decode(encoded, SHA_256, SHA_256, b"").unwrap(), data);
        }
    }
}
