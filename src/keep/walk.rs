//! Walking through keys in their order, page by page, so that no store is ever held in memory whole.

use super::keys::after;
use crate::store::{Range, Store, StoreError};

/// Keys read from the store at a time: also of the longest values, so many fit into memory.
const PAGE: usize = 64;

/// Shows every key that begins with `prefix` and its value, in rising order, until `show` says stop by returning false.
pub fn walk<E: From<StoreError>>(
    store: &dyn Store,
    prefix: &[u8],
    mut show: impl FnMut(&[u8], &[u8]) -> Result<bool, E>,
) -> Result<(), E> {
    let mut start = prefix.to_vec();
    let end = after(prefix);
    loop {
        let page = store.scan(Range { start: &start, end: &end }, PAGE, false)?;
        let full = page.len() == PAGE;
        for (place, read) in page {
            if !show(&place, &read.value.unwrap_or_default())? {
                return Ok(());
            }
            start = place;
            start.push(0);
        }
        if !full {
            return Ok(());
        }
    }
}
