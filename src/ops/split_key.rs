//! What Create Split Key and Join Split Key share: a part as an object, and what a key hands on to its parts and they to
//! the key that they are joined to (1.2 §4.38 and §4.39, 2.1 §6.1.10 and §6.1.27).

use super::Object;
use crate::base::{Error, Result, Value};
use crate::crypto::split::Split;
use crate::model::object::{Fields, SplitKey};
use crate::model::rules::SERVER_VENDOR;
use crate::model::values::{AttributeValue, VendorAttribute};
use crate::model::{Attributes, attr};
use crate::registry::{ObjectType, ResultReason, SplitKeyPolynomial, Tag, Version};

/// Most parts that one request makes or joins: GF(2^8) has no more, and an object with a link to each of them stays
/// within the bound on attributes.
pub const PARTS_MAX: usize = 255;

/// The attribute that all parts of one split have with one value: parts of different keys that were split in the same way
/// cannot be told apart by anything else. It is the identifier of the first part.
const SET: &str = "Keyhaven-Split";

/// Attributes of a key that its parts have too.
pub const HANDED_ON: [Tag; 4] =
    [Tag::CryptographicAlgorithm, Tag::CryptographicLength, Tag::CryptographicParameters, Tag::CryptographicUsageMask];

/// The field under the two methods of GF(2^8) and GF(2^16) if nothing says otherwise: the text of 1.x has polynomial 283
/// (1.4 §2.2.5), that of 2.x 285 (2.1 §13.1); 3.0 has an attribute for it.
pub fn default_polynomial(version: Version) -> SplitKeyPolynomial {
    if version.is_1x() { SplitKeyPolynomial::Polynomial_283 } else { SplitKeyPolynomial::Polynomial_285 }
}

/// Copies the instances of an attribute.
pub fn copy(tag: Tag, from: &Attributes, to: &mut Attributes) {
    for one in from.instances(tag) {
        to.push(tag, one.value.clone());
    }
}

/// Material is no easier to have in parts, or joined again, than it was before: Sensitive and not Extractable are
/// handed on, whatever the request says.
pub fn hand_on_exposure(from: &Attributes, to: &mut Attributes) {
    if from.is_true(attr::SENSITIVE) {
        to.set(attr::SENSITIVE, true);
    }
    if from.get(attr::EXTRACTABLE) == Some(false) {
        to.set(attr::EXTRACTABLE, false);
    }
}

/// Marks a part as one of a set.
pub fn mark(part: &mut Object, set: &str) {
    let mark = VendorAttribute { vendor: SERVER_VENDOR.to_owned(), name: SET.to_owned(), value: Value::text(set) };
    part.attributes.push(Tag::Attribute, mark.into_value());
}

/// The set that a part is marked as one of; parts that a client registered are of none.
pub fn set_of(part: &Object) -> Option<Value> {
    let mark = part.attributes.vendor(SERVER_VENDOR, SET).next()?;
    VendorAttribute::from_value(&mark.value).map(|mark| mark.value)
}

/// The fields of a part.
///
/// # Errors
/// Invalid Object Type for an object that is no part.
pub fn fields_of(object: &Object) -> Result<&SplitKey> {
    match &object.material.fields {
        Fields::SplitKey(fields) if object.object_type == ObjectType::SplitKey => Ok(fields),
        _ => Err(Error::new(
            ResultReason::InvalidObjectType,
            format!("Join Split Key joins Split Keys; a {} is none", object.object_type),
        )),
    }
}

/// How a part says that its key was split. Numbers that mean nothing become zero, which no split has.
pub fn split_of(object: &Object, fields: &SplitKey, version: Version) -> Split {
    Split {
        method: fields.method,
        polynomial: object.attributes.get(attr::SPLIT_KEY_POLYNOMIAL).unwrap_or(default_polynomial(version)),
        prime: fields.prime_field_size.as_ref().and_then(|prime| prime.unsigned()).map(<[u8]>::to_vec),
        parts: u32::try_from(fields.parts).unwrap_or(0),
        threshold: u32::try_from(fields.threshold).unwrap_or(0),
    }
}
