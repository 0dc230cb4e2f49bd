//! Finding objects: which rows or records to walk for a search, newest first. Whether an object that was walked
//! matches is for the caller to say.

use super::index::{attribute_prefix, authorities_prefix, is_indexed, owned_prefix};
use super::keys::{Kind, after, key};
use super::seal::{Class, Index};
use super::walk::walk;
use super::{Keep, KeepError, Kept};
use crate::base::Value;
use crate::registry::Tag;
use crate::store::{Range, Sequence};

/// Rows read from the store at a time.
const PAGE: usize = 512;

/// Where to look.
#[derive(Debug)]
pub struct Search<'a> {
    /// Whose objects; None for those of everybody.
    pub owner: Option<&'a str>,
    /// Whole values that the objects must have. The first one with an index decides which rows are walked.
    pub values: &'a [(Tag, &'a Value)],
}

impl Keep {
    /// Shows the candidates of a search, newest first, until `show` says stop by returning false.
    pub fn find(
        &self,
        search: &Search<'_>,
        seen: &mut Sequence,
        show: &mut dyn FnMut(Kept) -> bool,
    ) -> Result<(), KeepError> {
        // A search may rest on what is not there.
        *seen = (*seen).max(self.store().latest());
        let by = search.values.iter().find(|(tag, _)| is_indexed(*tag));
        let index = self.seal().index();
        let prefix = |owner: &str| match by {
            Some((tag, value)) => attribute_prefix(&index, owner, *tag, value),
            None => owned_prefix(&index, owner),
        };
        match search.owner {
            Some(owner) => self.walk(&index, &prefix(owner), seen, show),
            None => {
                let mut found = Vec::new();
                for owner in self.owners()? {
                    self.rows(&prefix(&owner), &mut |order, id| found.push((order, id)))?;
                }
                self.still(&index)?;
                found.sort_unstable_by(|one, other| other.cmp(one));
                for (_, id) in found {
                    if let Some(kept) = self.load(&id, seen)?
                        && !show(kept)
                    {
                        break;
                    }
                }
                Ok(())
            }
        }
    }

    /// Shows the certificates of the owner that may sign others, newest first, until `show` returns false.
    pub fn authorities(
        &self,
        owner: &str,
        seen: &mut Sequence,
        show: &mut dyn FnMut(Kept) -> bool,
    ) -> Result<(), KeepError> {
        *seen = (*seen).max(self.store().latest());
        let index = self.seal().index();
        self.walk(&index, &authorities_prefix(&index, owner), seen, show)
    }

    /// Walks the rows with a prefix from the newest, page by page.
    fn walk(
        &self,
        index: &Index,
        prefix: &[u8],
        seen: &mut Sequence,
        show: &mut dyn FnMut(Kept) -> bool,
    ) -> Result<(), KeepError> {
        let mut end = after(prefix);
        loop {
            let page = self.store().scan(Range { start: prefix, end: &end }, PAGE, true)?;
            self.still(index)?;
            let full = page.len() == PAGE;
            for (row, read) in page {
                let id = String::from_utf8(read.value.unwrap_or_default()).unwrap_or_default();
                end = row;
                if let Some(kept) = self.load(&id, seen)?
                    && !show(kept)
                {
                    return Ok(());
                }
            }
            if !full {
                return Ok(());
            }
        }
    }

    fn rows(&self, prefix: &[u8], show: &mut dyn FnMut(u64, String)) -> Result<(), KeepError> {
        let mut end = after(prefix);
        loop {
            let page = self.store().scan(Range { start: prefix, end: &end }, PAGE, true)?;
            let full = page.len() == PAGE;
            for (row, read) in page {
                let order = row.get(prefix.len()..prefix.len() + 8).and_then(|bytes| bytes.try_into().ok());
                let id = String::from_utf8(read.value.unwrap_or_default()).unwrap_or_default();
                show(order.map_or(0, u64::from_be_bytes), id);
                end = row;
            }
            if !full {
                return Ok(());
            }
        }
    }

    /// The names of all who own objects.
    pub fn owners(&self) -> Result<Vec<String>, KeepError> {
        let mut owners = Vec::new();
        walk(&**self.store(), &key(Kind::Owner, &[]), |place, _| {
            let opened = self.read(Class::Server, place, "the list of owners", &mut Sequence::default())?;
            owners.extend(opened.map(|opened| String::from_utf8_lossy(&opened.plain).into_owned()));
            Ok::<_, KeepError>(true)
        })?;
        // While the namespace key is rotated, an owner may have two rows.
        owners.sort_unstable();
        owners.dedup();
        Ok(owners)
    }
}
