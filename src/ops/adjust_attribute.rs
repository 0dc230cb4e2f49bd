//! Adjust Attribute: a number goes up or down, a flag is negated (2.1 §6.1.3, §11.1).

use super::change::{self, Response, only, refuse, subject};
use super::{Cx, Op};
use crate::base::{Error, Result, Value};
use crate::model::right::Right;
use crate::model::rule;
use crate::model::rules::may_adjust;
use crate::model::set::Family;
use crate::proto::attributes::{NewAttribute, Selector};
use crate::proto::id::IdRef;
use crate::proto::wire::structure;
use crate::registry::{AdjustmentType, ItemType, ResultReason, Tag};
use crate::ttlv::Item;

/// Adjust Attribute.
pub struct AdjustAttribute;

structure! {
    /// Which attribute of which object, and how it changes.
    pub struct Request<'a> reads {
        opt UniqueIdentifier => id: IdRef<'a>;
        req AttributeReference => reference: Selector<'a>;
        req AdjustmentType => adjustment: AdjustmentType;
        opt AdjustmentValue => amount: Item<'a>;
    }
}

impl Op for AdjustAttribute {
    type Request<'a> = Request<'a>;
    type Response = Response;

    fn run(request: Request<'_>, cx: &mut Cx<'_>) -> Result<Response> {
        let mut object = cx.object(request.id, Right::ModifyAttributes)?;
        let family = request.reference.family().ok_or_else(|| {
            Error::new(
                ResultReason::UnsupportedAttribute,
                format!("KMIP {} has no attribute {}", cx.version, request.reference),
            )
        })?;
        let current = only(&object, family, ResultReason::MultiValuedAttribute)?.cloned();
        let amount = request.amount.map(|item| item.to_value());
        let (tag, value) = match (&current, family) {
            (Some(current), _) => (current.tag, inner(&current.value, current.tag)),
            (None, Family::Tag(tag)) => (tag, zero(tag)?),
            (None, Family::Link) => return Err(wrong_type()),
            (None, Family::Vendor(..)) => {
                return Err(Error::new(ResultReason::ItemNotFound, "the object has no such vendor attribute"));
            }
        };
        let adjusted = adjust(&value, request.adjustment, amount.as_ref())?;
        let value = match &current {
            Some(current) if tag == Tag::Attribute => with_inner(&current.value, adjusted),
            _ => adjusted,
        };
        may_adjust(&subject(&object, cx), tag, &value).map_err(refuse(cx))?;
        let new = NewAttribute { tag, value, index: None };
        match current {
            Some(current) => change::replace(cx, &mut object, &current, new)?,
            None => change::add(cx, &mut object, new)?,
        };
        Ok(Response::new(cx.save(object)?, None, cx.version))
    }
}

/// The value of a vendor attribute lies inside its structure.
fn inner(value: &Value, tag: Tag) -> Value {
    let inner = (tag == Tag::Attribute).then(|| value.field(Tag::AttributeValue)).flatten();
    inner.unwrap_or(value).clone()
}

fn with_inner(value: &Value, inner: Value) -> Value {
    let Value::Structure(fields) = value else { return inner };
    let mut fields = fields.clone();
    if let Some(field) = fields.iter_mut().find(|field| field.tag == Tag::AttributeValue) {
        field.value = inner;
    }
    Value::Structure(fields)
}

/// "The previous value is assumed to be a 0 for numeric types and intervals, or false for Boolean, otherwise an error
/// is raised."
fn zero(tag: Tag) -> Result<Value> {
    Ok(match rule(tag).map_or(&[][..], |rule| rule.types) {
        [ItemType::Integer] if tag.mask().is_none() => Value::Integer(0),
        [ItemType::LongInteger] => Value::LongInteger(0),
        [ItemType::Interval] => Value::Interval(0),
        [ItemType::Boolean] => Value::Boolean(false),
        _ => return Err(wrong_type()),
    })
}

fn wrong_type() -> Error {
    Error::new(ResultReason::InvalidDataType, "an attribute of this type cannot be adjusted so")
}

/// Without a value, Increment and Decrement go by one.
fn adjust(value: &Value, adjustment: AdjustmentType, amount: Option<&Value>) -> Result<Value> {
    let range = || Error::new(ResultReason::NumericRange, "the adjusted value does not fit the attribute");
    let amount = match amount {
        None => 1,
        Some(Value::Integer(amount)) => i128::from(*amount),
        Some(Value::LongInteger(amount)) => i128::from(*amount),
        Some(Value::Interval(amount)) => i128::from(*amount),
        Some(_) => return Err(wrong_type()),
    };
    let apply = |number: i128| match adjustment {
        AdjustmentType::Increment => Ok(number + amount),
        AdjustmentType::Decrement => Ok(number - amount),
        AdjustmentType::Negate => Ok(-number),
        _ => Err(Error::invalid_field("the Adjustment Type is unknown")),
    };
    match value {
        Value::Integer(number) => {
            apply((*number).into()).and_then(|sum| sum.try_into().map(Value::Integer).map_err(|_| range()))
        }
        Value::LongInteger(number) => {
            apply((*number).into()).and_then(|sum| sum.try_into().map(Value::LongInteger).map_err(|_| range()))
        }
        Value::Interval(number) if adjustment != AdjustmentType::Negate => {
            apply((*number).into()).and_then(|sum| sum.try_into().map(Value::Interval).map_err(|_| range()))
        }
        Value::Boolean(flag) if adjustment == AdjustmentType::Negate => Ok(Value::Boolean(!flag)),
        _ => Err(wrong_type()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_move_and_flags_turn() {
        use AdjustmentType as By;
        let cases = [
            (Value::Integer(5), By::Increment, None, Ok(Value::Integer(6))),
            (Value::Integer(5), By::Decrement, Some(Value::Integer(7)), Ok(Value::Integer(-2))),
            (Value::Integer(i32::MAX), By::Increment, None, Err(ResultReason::NumericRange)),
            (Value::Interval(0), By::Decrement, None, Err(ResultReason::NumericRange)),
            (Value::LongInteger(1), By::Negate, None, Ok(Value::LongInteger(-1))),
            (Value::Boolean(true), By::Negate, None, Ok(Value::Boolean(false))),
            (Value::Boolean(true), By::Increment, None, Err(ResultReason::InvalidDataType)),
            (Value::text("a"), By::Increment, None, Err(ResultReason::InvalidDataType)),
            (Value::Integer(1), By::Increment, Some(Value::text("a")), Err(ResultReason::InvalidDataType)),
        ];
        for (value, by, amount, expected) in cases {
            assert_eq!(adjust(&value, by, amount.as_ref()).map_err(|error| error.reason()), expected);
        }
    }
}
