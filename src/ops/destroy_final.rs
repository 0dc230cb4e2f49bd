//! Since when no backup brings a destroyed object back: the server's own read-only attribute `x-Keyhaven-Destroy-Final-Date`
//! (in 2.x the vendor attribute `Keyhaven-Destroy-Final-Date` of the vendor `x`). It is the date of the first roll of the
//! ledger after the Destroy, and absent until then. It is computed, so Get Attributes gives it only to those who ask for
//! it by name, and what a client may have stored under the name is not shown.

use super::{Cx, Object};
use crate::base::{Result, Value};
use crate::model::values::{AttributeValue, VendorAttribute};
use crate::model::{Attribute, Family};
use crate::registry::Tag;

const VENDOR: &str = "x";
/// Its name, without the prefix of 1.x.
const NAME: &str = "Keyhaven-Destroy-Final-Date";

/// How it is asked for.
pub const FAMILY: Family<'static> = Family::Vendor(VENDOR, NAME);

/// The attribute, if the object has it by now.
///
/// # Errors
/// The rolls of the ledger cannot be read.
pub fn attribute(object: &Object, cx: &Cx<'_>) -> Result<Option<Attribute>> {
    let value = |date| {
        let (vendor, name) = (VENDOR.to_owned(), NAME.to_owned());
        VendorAttribute { vendor, name, value: Value::DateTime(date) }.into_value()
    };
    let since = cx.gone_since(object)?;
    Ok(since.map(|date| Attribute { tag: Tag::Attribute, index: 0, value: value(date) }))
}
