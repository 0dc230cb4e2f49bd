//! The real clock, for the core to be handed.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::base::{Clock, Date};

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_goes() {
        let clock = SystemClock;
        assert!(clock.now() > Date(1_700_000_000));
        assert_eq!(clock.now_micros() / 1_000_000 / 10, clock.now().0 / 10);
    }
}
