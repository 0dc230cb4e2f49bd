//! The real clock and the real randomness, for the core to be handed.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::base::{Clock, Date, Entropy, EntropyFailed, RngParameters};

/// The clock of the operating system. Reading it costs tens of nanoseconds (no system call on Linux), so it is
/// read anew each time; a clock before 1970 reads as 1970.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Date {
        let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Date(i64::try_from(elapsed.as_secs()).unwrap_or(i64::MAX))
    }

    fn now_micros(&self) -> i64 {
        let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(elapsed.as_micros()).unwrap_or(i64::MAX)
    }
}

/// The random generator of AWS-LC: one CTR-DRBG a thread, seeded and reseeded by the operating system and the
/// processor.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), EntropyFailed> {
        aws_lc_rs::rand::fill(buffer).map_err(|_| EntropyFailed)
    }

    fn parameters(&self) -> RngParameters {
        RngParameters::CTR_DRBG
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_goes_and_randomness_differs() {
        let clock = SystemClock;
        assert!(clock.now() > Date(1_700_000_000));
        assert_eq!(clock.now_micros() / 1_000_000 / 10, clock.now().0 / 10);
        let (mut a, mut b) = ([0; 32], [0; 32]);
        SystemEntropy.fill(&mut a).unwrap();
        SystemEntropy.fill(&mut b).unwrap();
        assert_ne!(a, b);
    }
}
