//! Wrong passwords are counted, by name and by address, and too many of them close the door for a while: to guess is
//! made slow, from one place and from many. A password that was verified a short time ago still works.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::base::Date;

/// What is counted together.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
enum Counted {
    /// One user from one address.
    Pair(String, String),
    /// One address, whoever it claims to be.
    Address(String),
    /// One user, from anywhere.
    Name(String),
}

/// Wrong passwords within the window after which no more are looked at.
const PAIR_MAX: u32 = 5;
const ADDRESS_MAX: u32 = 20;
const NAME_MAX: u32 = 100;
/// Length of the window, seconds, from its first wrong password.
const WINDOW_SECONDS: i64 = 60;
/// How many names, addresses and pairs are remembered; beyond it the oldest windows are dropped.
const COUNT: usize = 16_384;

/// The wrong passwords of the last minute.
#[derive(Debug, Default)]
pub struct Attempts {
    windows: Mutex<HashMap<Counted, (Date, u32)>>,
}

impl Attempts {
    /// Whether another password for `name` from `address` may be looked at.
    pub fn allowed(&self, name: &str, address: &str, now: Date) -> bool {
        let windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        counted(name, address)
            .iter()
            .all(|(what, most)| windows.get(what).is_none_or(|(begun, wrong)| is_over(*begun, now) || wrong < most))
    }

    /// The password was wrong.
    pub fn failed(&self, name: &str, address: &str, now: Date) {
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        if windows.len() + 3 > COUNT {
            windows.retain(|_, (begun, _)| !is_over(*begun, now));
        }
        if windows.len() + 3 > COUNT {
            let mut begins: Vec<Date> = windows.values().map(|(begun, _)| *begun).collect();
            begins.sort_unstable();
            let middle = begins[begins.len() / 2];
            windows.retain(|_, (begun, _)| *begun > middle);
        }
        for (what, _) in counted(name, address) {
            let window = windows.entry(what).or_insert((now, 0));
            if is_over(window.0, now) {
                *window = (now, 0);
            }
            window.1 = window.1.saturating_add(1);
        }
    }
}

/// The port is not part of the address: each connection has another.
fn counted(name: &str, address: &str) -> [(Counted, u32); 3] {
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host).to_owned();
    [
        (Counted::Pair(name.to_owned(), host.clone()), PAIR_MAX),
        (Counted::Address(host), ADDRESS_MAX),
        (Counted::Name(name.to_owned()), NAME_MAX),
    ]
}

fn is_over(begun: Date, now: Date) -> bool {
    now < begun || now >= begun.plus(WINDOW_SECONDS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guessing_is_slow_from_one_place_and_from_many() {
        let now = Date(1_000);
        // (who tries before, how often, who tries now, seconds later, allowed)
        let cases = [
            (("alice", "1.1.1.1:1"), 4, ("alice", "1.1.1.1:9"), 0, true),
            (("alice", "1.1.1.1:1"), 5, ("alice", "1.1.1.1:9"), 0, false),
            (("alice", "1.1.1.1:1"), 5, ("bob", "1.1.1.1:9"), 0, true),
            (("alice", "1.1.1.1:1"), 5, ("alice", "2.2.2.2:9"), 0, true),
            (("alice", "1.1.1.1:1"), 20, ("bob", "1.1.1.1:9"), 0, false),
            (("alice", "1.1.1.1:1"), 100, ("alice", "2.2.2.2:9"), 0, false),
            (("alice", "1.1.1.1:1"), 100, ("alice", "1.1.1.1:9"), 60, true),
            (("alice", "[::1]:1"), 5, ("alice", "[::1]:2"), 59, false),
        ];
        for ((name, address), count, (who, place), later, expected) in cases {
            let attempts = Attempts::default();
            (0..count).for_each(|_| attempts.failed(name, address, now));
            assert_eq!(attempts.allowed(who, place, now.plus(later)), expected, "{count} {who} {place}");
        }
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let attempts = Attempts::default();
        for number in 0..COUNT as i64 {
            attempts.failed(&format!("user {number}"), "1.1.1.1:1", Date(number / 1_000));
        }
        assert!(attempts.windows.lock().unwrap().len() <= COUNT);
    }
}
