//! Digests: the Hashing Algorithm enumeration (1.4 §9.1.3.2.16), whole or in parts. aws-lc-rs where it has the
//! hash, RustCrypto for the rest.

use aws_lc_rs::digest as lc;
use digest::DynDigest;

use super::{CryptoError, Result, Standing};
use crate::registry::HashingAlgorithm;

/// A hash: its output and block length in bytes, its standing and its name.
struct Row {
    hash: HashingAlgorithm,
    output: usize,
    block: usize,
    standing: Standing,
    name: &'static str,
}

const fn row(hash: HashingAlgorithm, output: usize, block: usize, standing: Standing, name: &'static str) -> Row {
    Row { hash, output, block, standing, name }
}

const HASHES: &[Row] = &[
    row(HashingAlgorithm::MD2, 16, 16, Standing::Legacy, "MD2"),
    row(HashingAlgorithm::MD4, 16, 64, Standing::Legacy, "MD4"),
    row(HashingAlgorithm::MD5, 16, 64, Standing::Legacy, "MD5"),
    row(HashingAlgorithm::SHA_1, 20, 64, Standing::Aging, "SHA-1"),
    row(HashingAlgorithm::SHA_224, 28, 64, Standing::Modern, "SHA-224"),
    row(HashingAlgorithm::SHA_256, 32, 64, Standing::Modern, "SHA-256"),
    row(HashingAlgorithm::SHA_384, 48, 128, Standing::Modern, "SHA-384"),
    row(HashingAlgorithm::SHA_512, 64, 128, Standing::Modern, "SHA-512"),
    row(HashingAlgorithm::RIPEMD_160, 20, 64, Standing::Legacy, "RIPEMD-160"),
    row(HashingAlgorithm::Tiger, 24, 64, Standing::Legacy, "Tiger"),
    row(HashingAlgorithm::Whirlpool, 64, 64, Standing::Legacy, "Whirlpool"),
    row(HashingAlgorithm::SHA_512_224, 28, 128, Standing::Modern, "SHA-512/224"),
    row(HashingAlgorithm::SHA_512_256, 32, 128, Standing::Modern, "SHA-512/256"),
    row(HashingAlgorithm::SHA_3_224, 28, 144, Standing::Modern, "SHA3-224"),
    row(HashingAlgorithm::SHA_3_256, 32, 136, Standing::Modern, "SHA3-256"),
    row(HashingAlgorithm::SHA_3_384, 48, 104, Standing::Modern, "SHA3-384"),
    row(HashingAlgorithm::SHA_3_512, 64, 72, Standing::Modern, "SHA3-512"),
];

fn find(hash: HashingAlgorithm) -> Result<&'static Row> {
    HASHES.iter().find(|row| row.hash == hash).ok_or(CryptoError::Unsupported("this hashing algorithm"))
}

/// The hashes of this room, in order of their value.
pub fn supported() -> impl Iterator<Item = HashingAlgorithm> {
    HASHES.iter().map(|row| row.hash)
}

/// How the hash stands, with its name for [`super::Provider::permit`].
pub fn standing(hash: HashingAlgorithm) -> Result<(Standing, &'static str)> {
    find(hash).map(|row| (row.standing, row.name))
}

/// Output length in bytes.
pub fn output_length(hash: HashingAlgorithm) -> Result<usize> {
    find(hash).map(|row| row.output)
}

/// Block length in bytes, as HMAC counts it.
pub fn block_length(hash: HashingAlgorithm) -> Result<usize> {
    find(hash).map(|row| row.block)
}

/// Runs `$then` with `$D` as the RustCrypto type of a hash, for those that aws-lc-rs lacks in some role.
macro_rules! with_digest {
    ($hash:expr, $D:ident => $then:expr) => {{
        use $crate::registry::HashingAlgorithm as H;
        macro_rules! with {
            ($Type:ty) => {{
                type $D = $Type;
                Ok($then)
            }};
        }
        match $hash {
            H::MD2 => with!(md2::Md2),
            H::MD4 => with!(md4::Md4),
            H::MD5 => with!(md5::Md5),
            H::RIPEMD_160 => with!(ripemd::Ripemd160),
            H::Tiger => with!(tiger::Tiger),
            H::Whirlpool => with!(whirlpool::Whirlpool),
            H::SHA_224 => with!(sha2::Sha224),
            H::SHA_512_224 => with!(sha2::Sha512_224),
            H::SHA_512_256 => with!(sha2::Sha512_256),
            H::SHA_3_224 => with!(sha3::Sha3_224),
            H::SHA_3_256 => with!(sha3::Sha3_256),
            H::SHA_3_384 => with!(sha3::Sha3_384),
            H::SHA_3_512 => with!(sha3::Sha3_512),
            _ => Err($crate::crypto::CryptoError::Unsupported("this hashing algorithm")),
        }
    }};
}
pub(super) use with_digest;

/// A digest under way.
pub struct Hash(Work);

enum Work {
    Lc(lc::Context),
    Rust(Box<dyn DynDigest + Send>),
}

impl Hash {
    /// Begins a digest.
    pub fn new(hash: HashingAlgorithm) -> Result<Self> {
        let lc = match hash {
            HashingAlgorithm::SHA_1 => &lc::SHA1_FOR_LEGACY_USE_ONLY,
            HashingAlgorithm::SHA_224 => &lc::SHA224,
            HashingAlgorithm::SHA_256 => &lc::SHA256,
            HashingAlgorithm::SHA_384 => &lc::SHA384,
            HashingAlgorithm::SHA_512 => &lc::SHA512,
            HashingAlgorithm::SHA_512_256 => &lc::SHA512_256,
            HashingAlgorithm::SHA_3_256 => &lc::SHA3_256,
            HashingAlgorithm::SHA_3_384 => &lc::SHA3_384,
            HashingAlgorithm::SHA_3_512 => &lc::SHA3_512,
            _ => {
                let work: Result<Box<dyn DynDigest + Send>> = with_digest!(hash, D => Box::new(D::default()));
                return Ok(Self(Work::Rust(work?)));
            }
        };
        Ok(Self(Work::Lc(lc::Context::new(lc))))
    }

    /// Takes the next part.
    pub fn update(&mut self, part: &[u8]) {
        match &mut self.0 {
            Work::Lc(context) => context.update(part),
            Work::Rust(digest) => digest.update(part),
        }
    }

    /// The digest of all parts.
    pub fn finish(self) -> Vec<u8> {
        match self.0 {
            Work::Lc(context) => context.finish().as_ref().to_vec(),
            Work::Rust(digest) => digest.finalize().into_vec(),
        }
    }
}

/// The digest of whole data.
pub fn hash(hash: HashingAlgorithm, data: &[u8]) -> Result<Vec<u8>> {
    let mut work = Hash::new(hash)?;
    work.update(data);
    Ok(work.finish())
}
