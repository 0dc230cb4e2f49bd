//! One-time passwords: HOTP (RFC 4226) and TOTP (RFC 6238). Who used which one is for those above to remember.

use subtle::ConstantTimeEq;

use super::mac::{MacAlgorithm, mac};
use super::{CryptoError, Result};
use crate::registry::HashingAlgorithm;

/// What a token and the server share.
pub struct Token<'a> {
    /// The secret.
    pub seed: &'a [u8],
    /// The hash of its HMAC: SHA-1 for HOTP (RFC 4226 §5.2), also SHA-256 and SHA-512 for TOTP (RFC 6238 §1.2).
    pub hash: HashingAlgorithm,
    /// How many digits a password has, 6 to 9 (RFC 4226 §5.3).
    pub digits: u32,
}

impl Token<'_> {
    /// The password of a counter, or of a step of time.
    ///
    /// # Errors
    /// `BadParameters` for a number of digits that no token has, `Unsupported` for a hash without an HMAC.
    pub fn password(&self, counter: u64) -> Result<String> {
        if !(6..=9).contains(&self.digits) {
            return Err(CryptoError::BadParameters("a one-time password has 6 to 9 digits"));
        }
        let mac = mac(MacAlgorithm::Hmac(self.hash), self.seed, &counter.to_be_bytes())?;
        // Dynamic truncation (RFC 4226 §5.3): the low half of the last byte says where four bytes are taken.
        let at = mac.last().map_or(0, |last| usize::from(last & 0x0F));
        let four = mac.get(at..at + 4).and_then(|four| four.try_into().ok()).map(u32::from_be_bytes);
        let number = four.ok_or(CryptoError::BadParameters("the hash is too short for one-time passwords"))?;
        let (digits, width) = (10_u32.pow(self.digits), self.digits as usize);
        Ok(format!("{:0width$}", (number & 0x7FFF_FFFF) % digits))
    }

    /// The first of these counters whose password it is. All are tried, whatever the answer.
    pub fn find(&self, password: &str, counters: impl Iterator<Item = u64>) -> Result<Option<u64>> {
        let mut found = None;
        for counter in counters {
            let right = bool::from(self.password(counter)?.as_bytes().ct_eq(password.as_bytes()));
            found = found.or(right.then_some(counter));
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4226, appendix D.
    #[test]
    fn hotp() {
        let token = Token { seed: b"12345678901234567890", hash: HashingAlgorithm::SHA_1, digits: 6 };
        let expected =
            ["755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489"];
        for (counter, password) in expected.into_iter().enumerate() {
            assert_eq!(token.password(counter as u64).unwrap(), password);
        }
        assert_eq!(token.find("969429", 0..5).unwrap(), Some(3));
        assert_eq!(token.find("969429", 4..9).unwrap(), None);
        assert_eq!(token.find("", 0..5).unwrap(), None);
    }

    /// RFC 6238, appendix B.
    #[test]
    fn totp() {
        let (one, two, five) = (HashingAlgorithm::SHA_1, HashingAlgorithm::SHA_256, HashingAlgorithm::SHA_512);
        let digits = "1234567890".repeat(7);
        // (seconds, the password of each hash)
        let table = [
            (59_u64, ["94287082", "46119246", "90693936"]),
            (1_111_111_109, ["07081804", "68084774", "25091201"]),
            (1_111_111_111, ["14050471", "67062674", "99943326"]),
            (1_234_567_890, ["89005924", "91819424", "93441116"]),
            (2_000_000_000, ["69279037", "90698825", "38618901"]),
            (20_000_000_000, ["65353130", "77737706", "47863826"]),
        ];
        for (seconds, passwords) in table {
            for ((hash, bytes), password) in [(one, 20), (two, 32), (five, 64)].into_iter().zip(passwords) {
                let token = Token { seed: &digits.as_bytes()[..bytes], hash, digits: 8 };
                assert_eq!(token.password(seconds / 30).unwrap(), password, "{seconds} {hash}");
            }
        }
    }

    #[test]
    fn no_token_has_three_digits_or_twelve() {
        for digits in [0, 3, 5, 10, 12, u32::MAX] {
            let token = Token { seed: b"x", hash: HashingAlgorithm::SHA_1, digits };
            assert!(token.password(0).is_err(), "{digits}");
        }
    }
}
