//! Which block cipher a Cryptographic Algorithm is, and the two types that hold any of them: one for blocks of 16
//! bytes, one for blocks of 8. The modes are written once over these.

use cipher::consts::{U8, U16};
use cipher::{
    BlockCipherDecClosure, BlockCipherDecrypt, BlockCipherEncClosure, BlockCipherEncrypt, BlockSizeUser, KeyInit,
};

use crate::crypto::{CryptoError, Result, Standing};
use crate::registry::CryptographicAlgorithm as Algorithm;

/// A cipher: block length in bytes (0 for a stream cipher); key lengths in bytes, least, most and step; its standing
/// and its name.
pub(super) struct Row {
    pub algorithm: Algorithm,
    pub block: usize,
    pub keys: (usize, usize, usize),
    pub standing: Standing,
    pub name: &'static str,
}

const fn new(
    algorithm: Algorithm,
    block: usize,
    keys: (usize, usize, usize),
    standing: Standing,
    name: &'static str,
) -> Row {
    Row { algorithm, block, keys, standing, name }
}

pub(super) const CIPHERS: &[Row] = &[
    new(Algorithm::DES, 8, (8, 8, 1), Standing::Legacy, "DES"),
    new(Algorithm::DES3, 8, (16, 24, 8), Standing::Aging, "3DES"),
    new(Algorithm::AES, 16, (16, 32, 8), Standing::Modern, "AES"),
    new(Algorithm::Blowfish, 8, (4, 56, 1), Standing::Legacy, "Blowfish"),
    new(Algorithm::Camellia, 16, (16, 32, 8), Standing::Modern, "Camellia"),
    new(Algorithm::CAST5, 8, (5, 16, 1), Standing::Legacy, "CAST5"),
    new(Algorithm::IDEA, 8, (16, 16, 1), Standing::Legacy, "IDEA"),
    new(Algorithm::RC2, 8, (1, 128, 1), Standing::Legacy, "RC2"),
    new(Algorithm::RC4, 0, (5, 256, 1), Standing::Legacy, "RC4"),
    new(Algorithm::Twofish, 16, (16, 32, 8), Standing::Legacy, "Twofish"),
    new(Algorithm::ChaCha20, 0, (32, 32, 1), Standing::Modern, "ChaCha20"),
    new(Algorithm::ChaCha20Poly1305, 0, (32, 32, 1), Standing::Modern, "ChaCha20Poly1305"),
    new(Algorithm::ARIA, 16, (16, 32, 8), Standing::Modern, "ARIA"),
    new(Algorithm::SM4, 16, (16, 16, 1), Standing::Modern, "SM4"),
];

/// The row of a cipher that this room has.
pub(super) fn row(algorithm: Algorithm) -> Result<&'static Row> {
    CIPHERS
        .iter()
        .find(|row| row.algorithm == algorithm)
        .ok_or(CryptoError::Unsupported("this cryptographic algorithm as a cipher"))
}

impl Row {
    /// Refuses a key length the cipher does not have.
    pub(super) fn check_key(&self, length: usize) -> Result<()> {
        let (least, most, step) = self.keys;
        if (least..=most).contains(&length) && (length - least).is_multiple_of(step) {
            Ok(())
        } else {
            Err(CryptoError::BadKey("its length is not one of the algorithm"))
        }
    }
}

/// A keyed block cipher.
pub(crate) enum BlockCipher {
    /// Blocks of 16 bytes.
    Wide(Cipher16),
    /// Blocks of 8 bytes.
    Narrow(Cipher8),
}

impl BlockCipher {
    /// Keys the cipher of an algorithm.
    pub(crate) fn new(algorithm: Algorithm, key: &[u8]) -> Result<Self> {
        row(algorithm)?.check_key(key.len())?;
        Ok(match algorithm {
            Algorithm::AES | Algorithm::Camellia | Algorithm::ARIA | Algorithm::SM4 | Algorithm::Twofish => {
                Self::Wide(Cipher16::new(algorithm, key)?)
            }
            _ => Self::Narrow(Cipher8::new(algorithm, key)?),
        })
    }
}

impl Cipher16 {
    /// Keys a cipher with blocks of 16 bytes.
    pub(crate) fn new(algorithm: Algorithm, key: &[u8]) -> Result<Self> {
        Ok(match (algorithm, key.len()) {
            (Algorithm::AES, 16) => Self::Aes128(keyed(key)?),
            (Algorithm::AES, 24) => Self::Aes192(keyed(key)?),
            (Algorithm::AES, 32) => Self::Aes256(keyed(key)?),
            (Algorithm::Camellia, 16) => Self::Camellia128(keyed(key)?),
            (Algorithm::Camellia, 24) => Self::Camellia192(keyed(key)?),
            (Algorithm::Camellia, 32) => Self::Camellia256(keyed(key)?),
            (Algorithm::ARIA, 16) => Self::Aria128(keyed(key)?),
            (Algorithm::ARIA, 24) => Self::Aria192(keyed(key)?),
            (Algorithm::ARIA, 32) => Self::Aria256(keyed(key)?),
            (Algorithm::SM4, 16) => Self::Sm4(keyed(key)?),
            (Algorithm::Twofish, 16 | 24 | 32) => Self::Twofish(keyed(key)?),
            (Algorithm::AES | Algorithm::Camellia | Algorithm::ARIA | Algorithm::SM4 | Algorithm::Twofish, _) => {
                return Err(CryptoError::BadKey("its length is not one of the algorithm"));
            }
            _ => return Err(CryptoError::Unsupported("this mode with a cipher of 8-byte blocks")),
        })
    }
}

impl Cipher8 {
    fn new(algorithm: Algorithm, key: &[u8]) -> Result<Self> {
        Ok(match (algorithm, key.len()) {
            (Algorithm::DES, _) => Self::Des(keyed(key)?),
            (Algorithm::DES3, 16) => Self::TdesEde2(keyed(key)?),
            (Algorithm::DES3, 24) => Self::TdesEde3(keyed(key)?),
            (Algorithm::Blowfish, _) => Self::Blowfish(keyed(key)?),
            (Algorithm::CAST5, _) => Self::Cast5(keyed(key)?),
            (Algorithm::IDEA, _) => Self::Idea(keyed(key)?),
            (Algorithm::RC2, _) => Self::Rc2(keyed(key)?),
            _ => return Err(CryptoError::Unsupported("a block cipher mode with a stream cipher")),
        })
    }
}

fn keyed<C: KeyInit>(key: &[u8]) -> Result<Box<C>> {
    C::new_from_slice(key).map(Box::new).map_err(|_| CryptoError::BadKey("its length is not one of the algorithm"))
}

/// One enum over ciphers of the same block size, which is a block cipher itself.
macro_rules! any_of {
    ($(#[$meta:meta])* $Any:ident, $Size:ty, $($Name:ident($Cipher:ty)),*) => {
        $(#[$meta])*
        #[derive(Clone)]
        pub(crate) enum $Any { $($Name(Box<$Cipher>)),* }

        impl BlockSizeUser for $Any {
            type BlockSize = $Size;
        }

        impl BlockCipherEncrypt for $Any {
            fn encrypt_with_backend(&self, f: impl BlockCipherEncClosure<BlockSize = $Size>) {
                match self { $(Self::$Name(cipher) => (**cipher).encrypt_with_backend(f)),* }
            }
        }

        impl BlockCipherDecrypt for $Any {
            fn decrypt_with_backend(&self, f: impl BlockCipherDecClosure<BlockSize = $Size>) {
                match self { $(Self::$Name(cipher) => (**cipher).decrypt_with_backend(f)),* }
            }
        }
    };
}

any_of! {
    /// Any cipher with blocks of 16 bytes. Its key schedule is wiped on drop by the cipher's crate.
    Cipher16, U16,
    Aes128(aes::Aes128), Aes192(aes::Aes192), Aes256(aes::Aes256),
    Camellia128(camellia::Camellia128), Camellia192(camellia::Camellia192), Camellia256(camellia::Camellia256),
    Aria128(aria::Aria128), Aria192(aria::Aria192), Aria256(aria::Aria256),
    Sm4(sm4::Sm4), Twofish(twofish::Twofish)
}

any_of! {
    /// Any cipher with blocks of 8 bytes. Its key schedule is wiped on drop by the cipher's crate.
    Cipher8, U8,
    Des(des::Des), TdesEde2(des::TdesEde2), TdesEde3(des::TdesEde3), Blowfish(blowfish::Blowfish),
    Cast5(cast5::Cast5), Idea(idea::Idea), Rc2(rc2::Rc2)
}
