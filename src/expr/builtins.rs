//! What the built-in functions compute.

use rust_decimal::{Decimal, RoundingStrategy};

use super::BinaryOperator;
use super::arithmetic;
use super::compare::{compare, equal};
use super::evaluate::{EVALUATION_WORK, EvalError, EvalErrorKind};
use crate::types::{DECIMAL_DIGITS, Value, survives_json};

pub(super) fn failed(message: impl Into<String>) -> EvalError {
    EvalError::new(EvalErrorKind::Argument, message)
}

pub(super) fn unfit(value: &Value, expected: &str) -> EvalError {
    EvalError::kind(format!("expected {expected}, found {}", value.kind()))
}

pub(super) fn first(values: &[Value]) -> Result<&Value, EvalError> {
    values.first().ok_or_else(|| failed("an argument is missing"))
}

pub(super) fn second(values: &[Value]) -> Result<&Value, EvalError> {
    values.get(1).ok_or_else(|| failed("an argument is missing"))
}

pub(super) fn text(value: &Value) -> Result<&str, EvalError> {
    value.as_str().ok_or_else(|| unfit(value, "a string"))
}

pub(super) fn one_text(values: &[Value]) -> Result<&str, EvalError> {
    text(first(values)?)
}

pub(super) fn two_texts(values: &[Value]) -> Result<(&str, &str), EvalError> {
    Ok((text(first(values)?)?, text(second(values)?)?))
}

pub(super) fn items(value: &Value) -> Result<&[Value], EvalError> {
    value.as_list().ok_or_else(|| unfit(value, "a list"))
}

pub(super) fn count(length: usize) -> Result<Value, EvalError> {
    arithmetic::int(i64::try_from(length).unwrap_or(i64::MAX))
}

pub(super) fn length(values: &[Value]) -> Result<Value, EvalError> {
    match first(values)? {
        Value::String(text) => count(text.chars().count()),
        Value::List(items) => count(items.len()),
        other => Err(unfit(other, "a list or a string")),
    }
}

pub(super) fn abs(values: &[Value]) -> Result<Value, EvalError> {
    match first(values)? {
        Value::Int(value) => arithmetic::int(value.saturating_abs()),
        Value::Decimal(value) => Ok(Value::Decimal(value.abs())),
        Value::Number(value) => arithmetic::number(value.abs()),
        other => Err(unfit(other, "an int, decimal or number")),
    }
}

/// Plain or scientific decimal text, exactly; `None` for anything else or for more digits than are kept.
pub(super) fn read_decimal(text: &str) -> Option<Decimal> {
    if text.len() > 64
        || !text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'+' | b'e' | b'E'))
    {
        return None;
    }
    if text.contains(['e', 'E']) {
        Decimal::from_scientific(text).ok()
    } else {
        Decimal::from_str_exact(text).ok()
    }
}

pub(super) fn to_decimal(values: &[Value]) -> Result<Value, EvalError> {
    let value = first(values)?;
    let decimal = match value {
        Value::Int(value) => Some(Decimal::from(*value)),
        Value::Decimal(value) => Some(*value),
        Value::Number(_) => value.to_text().ok().as_deref().and_then(read_decimal),
        Value::String(text) => read_decimal(text),
        other => return Err(unfit(other, "an int, a number or a string")),
    };
    decimal
        .map(|value| Value::Decimal(value.normalize()))
        .ok_or_else(|| failed("not a decimal of at most 28 digits"))
}

pub(super) fn to_number(values: &[Value]) -> Result<Value, EvalError> {
    let value = first(values)?;
    match value {
        Value::Number(_) => Ok(value.clone()),
        Value::Int(value) => arithmetic::number(*value as f64),
        Value::Decimal(value) => {
            let double = value.to_string().parse::<f64>().map_err(|_| failed("not a number"))?;
            arithmetic::number(double)
        }
        other => Err(unfit(other, "an int or a decimal")),
    }
}

pub(super) fn to_int(values: &[Value]) -> Result<Value, EvalError> {
    let value = first(values)?;
    let decimal = match value {
        Value::Int(_) => return Ok(value.clone()),
        Value::Decimal(value) => *value,
        Value::Number(_) => value.to_text().ok().as_deref().and_then(read_decimal).ok_or_else(|| {
            EvalError::new(EvalErrorKind::Overflow, "the number is out of the range of int")
        })?,
        other => return Err(unfit(other, "a decimal or a number")),
    };
    let decimal = decimal.normalize();
    if decimal.scale() > 0 {
        return Err(failed("the value has a fraction: `round` it first"));
    }
    let whole = i64::try_from(decimal.mantissa()).unwrap_or(i64::MAX);
    arithmetic::int(whole)
}

pub(super) fn round(values: &[Value]) -> Result<Value, EvalError> {
    match (first(values)?, second(values)?) {
        (Value::Decimal(value), Value::Int(places)) => {
            let places = u32::try_from(*places).ok().filter(|places| *places <= 28);
            let places = places.ok_or_else(|| failed("places are 0 to 28"))?;
            let rounded = value.round_dp_with_strategy(places, RoundingStrategy::MidpointNearestEven);
            // What is rounded is to be sent: here it fails before anything is done with it.
            if !survives_json(rounded) {
                let why = format!(
                    "what is rounded has more than {DECIMAL_DIGITS} significant digits: round to fewer places"
                );
                return Err(EvalError::new(EvalErrorKind::Overflow, why));
            }
            Ok(Value::Decimal(rounded.normalize()))
        }
        (Value::Decimal(_), other) => Err(unfit(other, "an int")),
        (other, _) => Err(unfit(other, "a decimal")),
    }
}

pub(super) fn sum(values: &[Value]) -> Result<Value, EvalError> {
    let mut items = items(first(values)?)?.iter();
    let Some(start) = items.next() else { return Ok(Value::Int(0)) };
    if !matches!(start, Value::Int(_) | Value::Decimal(_) | Value::Number(_)) {
        return Err(unfit(start, "ints, decimals or numbers"));
    }
    items.try_fold(start.clone(), |sum, item| arithmetic::binary(BinaryOperator::Add, &sum, item))
}

pub(super) fn extreme(values: &[Value], greater: bool) -> Result<Value, EvalError> {
    let (a, b) = (first(values)?, second(values)?);
    let b_wins =
        compare(a, b)? == if greater { std::cmp::Ordering::Less } else { std::cmp::Ordering::Greater };
    Ok(if b_wins { b.clone() } else { a.clone() })
}

pub(super) fn contains(values: &[Value]) -> Result<Value, EvalError> {
    match (first(values)?, second(values)?) {
        (Value::String(text), Value::String(part)) => Ok(Value::Bool(text.contains(part.as_str()))),
        (Value::List(items), wanted) => {
            for item in items {
                if equal(item, wanted)? {
                    return Ok(Value::Bool(true));
                }
            }
            Ok(Value::Bool(false))
        }
        (Value::String(_), other) => Err(unfit(other, "a string")),
        (other, _) => Err(unfit(other, "a string or a list")),
    }
}

pub(super) fn join(values: &[Value]) -> Result<Value, EvalError> {
    let separator = text(second(values)?)?;
    let texts = items(first(values)?)?.iter().map(text).collect::<Result<Vec<_>, _>>()?;
    let size = texts
        .iter()
        .fold(separator.len().saturating_mul(texts.len()), |sum, text| sum.saturating_add(text.len()));
    if size > EVALUATION_WORK {
        return Err(EvalError::new(EvalErrorKind::Limit, "the joined string is too long"));
    }
    Ok(Value::String(texts.join(separator)))
}
