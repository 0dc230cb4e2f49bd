//! The table at the end of a run: per version, how many cases passed, failed or are excepted.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::Result;

/// The group of the cases of our own, which belong to no profile.
pub const OWN: &str = "own";

/// How a case ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ending {
    /// All answers were right.
    Passed,
    /// An answer was wrong, or there was none.
    Failed,
    /// It is excepted, or the server shows another of several permitted behaviours.
    Excepted,
}

/// Counts by version and profile.
#[derive(Clone, Default, Debug)]
pub struct Table(BTreeMap<(String, String), [u32; 3]>);

impl Table {
    /// Counts a case.
    pub fn add(&mut self, version: impl Into<String>, profile: impl Into<String>, ending: Ending) {
        self.0.entry((version.into(), profile.into())).or_default()[ending as usize] += 1;
    }

    /// A row a profile and a column a version, in Markdown: how many of the published cases passed of how many; what was
    /// not played counts as not passed.
    pub fn markdown(&self) -> String {
        let published = || self.0.keys().filter(|(version, _)| version != OWN);
        let versions: BTreeSet<&str> = published().map(|(version, _)| version.as_str()).collect();
        let profiles: BTreeSet<&str> = published().map(|(_, profile)| profile.as_str()).collect();
        let cell = |profile: &str, version: &str| match self.0.get(&(version.to_owned(), profile.to_owned())) {
            None => " |".to_owned(),
            Some(counts) => format!(" {}/{} |", counts[Ending::Passed as usize], counts.iter().sum::<u32>()),
        };
        let mut text = String::from("| profile |");
        versions.iter().for_each(|version| text.push_str(&format!(" {version} |")));
        text.push_str(&format!("\n|---|{}\n", "---|".repeat(versions.len())));
        for profile in profiles {
            text.push_str(&format!("| {profile} |"));
            versions.iter().for_each(|version| text.push_str(&cell(profile, version)));
            text.push('\n');
        }
        text
    }
}

/// Puts `table` between the marks `<!-- begin NAME -->` and `<!-- end NAME -->` of a document.
pub fn replace_between(document: &str, name: &str, table: &str) -> Result<String> {
    let (begin, end) = (format!("<!-- begin {name} -->"), format!("<!-- end {name} -->"));
    let parts = document.split_once(&begin).and_then(|(before, rest)| Some((before, rest.split_once(&end)?.1)));
    let (before, after) = parts.ok_or_else(|| format!("the document has no marks {begin} and {end}"))?;
    Ok(format!("{before}{begin}\n{table}{end}{after}"))
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut groups: BTreeMap<&str, [u32; 3]> = BTreeMap::new();
        let mut sums = [0; 3];
        for ((version, _), counts) in &self.0 {
            let group = groups.entry(version).or_default();
            group.iter_mut().zip(counts).chain(sums.iter_mut().zip(counts)).for_each(|(sum, count)| *sum += count);
        }
        writeln!(f, "{:<10}{:>8}{:>8}{:>10}{:>7}", "version", "passed", "failed", "excepted", "all")?;
        for (group, counts) in &groups {
            line(f, group, counts)?;
        }
        line(f, "all", &sums)
    }
}

fn line(f: &mut fmt::Formatter<'_>, group: &str, counts: &[u32; 3]) -> fmt::Result {
    let [passed, failed, excepted] = counts;
    writeln!(f, "{group:<10}{passed:>8}{failed:>8}{excepted:>10}{:>7}", counts.iter().sum::<u32>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_a_line_a_version_and_a_sum() {
        let mut table = Table::default();
        table.add("1.4", "TL", Ending::Passed);
        table.add("2.1", "TL", Ending::Failed);
        table.add("2.1", "BL", Ending::Excepted);
        let text = table.to_string();
        assert_eq!(text.lines().count(), 4);
        assert_eq!(text.lines().last().unwrap().split_whitespace().collect::<Vec<_>>(), ["all", "1", "1", "1", "3"]);
    }

    #[test]
    fn the_matrix_has_a_row_a_profile_and_goes_between_its_marks() {
        let mut table = Table::default();
        table.add("1.4", "TL", Ending::Passed);
        table.add("2.1", "TL", Ending::Excepted);
        table.add("2.1", "BL", Ending::Passed);
        table.add(OWN, OWN, Ending::Passed);
        let matrix = table.markdown();
        assert_eq!(matrix, "| profile | 1.4 | 2.1 |\n|---|---|---|\n| BL | | 1/1 |\n| TL | 1/1 | 0/1 |\n");
        let document = "a\n<!-- begin x -->\nold\n<!-- end x -->\nb";
        let new = "a\n<!-- begin x -->\nnew\n<!-- end x -->\nb";
        assert_eq!(replace_between(document, "x", "new\n").unwrap(), new);
        assert!(replace_between(document, "y", "").is_err());
    }
}
