//! The table at the end of a run: per version, how many cases passed, failed, are pending or excepted.

use std::collections::BTreeMap;
use std::fmt;

/// How a case ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ending {
    /// All answers were right.
    Passed,
    /// An answer was wrong, or there was none.
    Failed,
    /// It sends an operation that is not built yet.
    Pending,
    /// It is excepted, or the server shows another of several permitted behaviours.
    Excepted,
}

/// Counts by version.
#[derive(Clone, Default, Debug)]
pub struct Table(BTreeMap<String, [u32; 4]>);

impl Table {
    /// Counts a case.
    pub fn add(&mut self, group: impl Into<String>, ending: Ending) {
        self.0.entry(group.into()).or_default()[ending as usize] += 1;
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut sums = [0; 4];
        writeln!(f, "{:<10}{:>8}{:>8}{:>9}{:>10}{:>7}", "version", "passed", "failed", "pending", "excepted", "all")?;
        for (group, counts) in &self.0 {
            line(f, group, counts)?;
            sums.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
        }
        line(f, "all", &sums)
    }
}

fn line(f: &mut fmt::Formatter<'_>, group: &str, counts: &[u32; 4]) -> fmt::Result {
    let [passed, failed, pending, excepted] = counts;
    writeln!(f, "{group:<10}{passed:>8}{failed:>8}{pending:>9}{excepted:>10}{:>7}", counts.iter().sum::<u32>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_a_line_a_version_and_a_sum() {
        let mut table = Table::default();
        table.add("1.4", Ending::Passed);
        table.add("2.1", Ending::Failed);
        table.add("2.1", Ending::Pending);
        let text = table.to_string();
        assert_eq!(text.lines().count(), 4);
        assert_eq!(
            text.lines().last().unwrap().split_whitespace().collect::<Vec<_>>(),
            ["all", "1", "1", "1", "0", "3"]
        );
    }
}
