//! Equality and order of values.

use std::cmp::Ordering;

use super::evaluate::{EvalError, EvalErrorKind};
use crate::types::Value;

/// Structural equality. Absent and null are equal to each other and to nothing else; different kinds of numbers are
/// never compared, since one of them would have to be converted; other kinds that differ (in a union) are not equal.
pub(crate) fn equal(left: &Value, right: &Value) -> Result<bool, EvalError> {
    Ok(match (left, right) {
        (left, right) if left.is_nothing() || right.is_nothing() => left.is_nothing() && right.is_nothing(),
        (Value::List(a), Value::List(b)) => {
            if a.len() != b.len() {
                return Ok(false);
            }
            for (a, b) in a.iter().zip(b) {
                if !equal(a, b)? {
                    return Ok(false);
                }
            }
            true
        }
        (Value::Record(a), Value::Record(b)) => {
            if a.len() != b.len() {
                return Ok(false);
            }
            for ((name, a), (other, b)) in a.iter().zip(b) {
                if name != other || !equal(a, b)? {
                    return Ok(false);
                }
            }
            true
        }
        (left, right) if left.kind() == right.kind() => left == right,
        (
            Value::Int(_) | Value::Number(_) | Value::Decimal(_),
            Value::Int(_) | Value::Number(_) | Value::Decimal(_),
        ) => {
            return Err(EvalError::kind(format!(
                "`==` takes two values of one type, found {} and {}",
                left.kind(),
                right.kind()
            )));
        }
        _ => false,
    })
}

/// Order of two values of one kind: numbers by value, strings by code point, moments and durations by time.
pub(crate) fn compare(left: &Value, right: &Value) -> Result<Ordering, EvalError> {
    let order = match (left, right) {
        (Value::Int(a), Value::Int(b)) => Some(a.cmp(b)),
        (Value::Number(a), Value::Number(b)) => a.partial_cmp(b),
        (Value::Decimal(a), Value::Decimal(b)) => Some(a.cmp(b)),
        // UTF-8 keeps the order of code points.
        (Value::String(a), Value::String(b)) => Some(a.cmp(b)),
        (Value::Timestamp(a), Value::Timestamp(b)) => Some(a.cmp(b)),
        (Value::Duration(a), Value::Duration(b)) => Some(a.cmp(b)),
        _ => None,
    };
    order.ok_or_else(|| {
        let nothing = left.is_nothing() || right.is_nothing();
        EvalError::new(
            if nothing { EvalErrorKind::Nothing } else { EvalErrorKind::Kind },
            format!(
                "a comparison takes two values of one ordered type, found {} and {}",
                left.kind(),
                right.kind()
            ),
        )
    })
}
