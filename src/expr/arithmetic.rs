//! Arithmetic of one kind at a time. Nothing wraps, rounds in secret or becomes infinite.

use rust_decimal::Decimal;

use super::BinaryOperator;
use super::evaluate::{EvalError, EvalErrorKind};
use crate::base::limits;
use crate::types::Value;

pub(super) fn overflow(kind: &str) -> EvalError {
    EvalError::new(EvalErrorKind::Overflow, format!("the {kind} leaves its range"))
}

fn zero() -> EvalError {
    EvalError::new(EvalErrorKind::DivisionByZero, "division by zero")
}

/// An int of ±(2^53 − 1).
pub(crate) fn int(value: i64) -> Result<Value, EvalError> {
    if value.unsigned_abs() > limits::MAX_SAFE_INTEGER.unsigned_abs() {
        return Err(overflow("int"));
    }
    Ok(Value::Int(value))
}

/// A finite double.
pub(crate) fn number(value: f64) -> Result<Value, EvalError> {
    if value.is_finite() { Ok(Value::Number(value)) } else { Err(overflow("number")) }
}

pub(crate) fn negate(value: &Value) -> Result<Value, EvalError> {
    match value {
        Value::Int(value) => int(value.checked_neg().ok_or_else(|| overflow("int"))?),
        Value::Number(value) => number(-value),
        Value::Decimal(value) => Ok(Value::Decimal(-value)),
        other => Err(mismatch("-", other, other)),
    }
}

fn mismatch(operator: &str, left: &Value, right: &Value) -> EvalError {
    let kind =
        if left.is_nothing() || right.is_nothing() { EvalErrorKind::Nothing } else { EvalErrorKind::Kind };
    EvalError::new(kind, format!("`{operator}` does not take {} and {}", left.kind(), right.kind()))
}

/// Both operands of one kind: int, decimal or number; also timestamp ± duration, timestamp − timestamp, duration ± duration,
/// duration × int. Division of ints drops the fraction; the remainder has the sign of the dividend.
pub(crate) fn binary(operator: BinaryOperator, left: &Value, right: &Value) -> Result<Value, EvalError> {
    use BinaryOperator::{Add, Divide, Multiply, Remainder, Subtract};
    match (left, right) {
        (Value::Int(a), Value::Int(b)) => {
            let result = match operator {
                Add => a.checked_add(*b),
                Subtract => a.checked_sub(*b),
                Multiply => a.checked_mul(*b),
                Divide | Remainder if *b == 0 => return Err(zero()),
                Divide => a.checked_div(*b),
                Remainder => a.checked_rem(*b),
                _ => return Err(mismatch(symbol(operator), left, right)),
            };
            int(result.ok_or_else(|| overflow("int"))?)
        }
        (Value::Number(a), Value::Number(b)) => number(match operator {
            Add => a + b,
            Subtract => a - b,
            Multiply => a * b,
            Divide | Remainder if *b == 0.0 => return Err(zero()),
            Divide => a / b,
            Remainder => a % b,
            _ => return Err(mismatch(symbol(operator), left, right)),
        }),
        (Value::Decimal(a), Value::Decimal(b)) => {
            decimal(operator, a.normalize(), b.normalize()).map(Value::Decimal)
        }
        (Value::Timestamp(a), Value::Duration(b)) => {
            let b = i64::try_from(*b).map_err(|_| overflow("timestamp"))?;
            let moment = match operator {
                Add => a.plus(b),
                Subtract => a.plus(-b),
                _ => return Err(mismatch(symbol(operator), left, right)),
            };
            moment.map(Value::Timestamp).ok_or_else(|| overflow("timestamp"))
        }
        (Value::Timestamp(a), Value::Timestamp(b)) if operator == Subtract => {
            a.since(*b).map(Value::Duration).ok_or_else(|| overflow("duration"))
        }
        (Value::Duration(a), Value::Duration(b)) => {
            let duration = match operator {
                Add => a.checked_add(*b),
                Subtract => a.checked_sub(*b),
                _ => return Err(mismatch(symbol(operator), left, right)),
            };
            duration.map(Value::Duration).ok_or_else(|| overflow("duration"))
        }
        (Value::Duration(a), Value::Int(b)) if operator == Multiply => u64::try_from(*b)
            .ok()
            .and_then(|b| a.checked_mul(b))
            .map(Value::Duration)
            .ok_or_else(|| overflow("duration")),
        _ => Err(mismatch(symbol(operator), left, right)),
    }
}

/// Exact sums, differences and products, or a failure; quotients to 28 significant digits.
pub(crate) fn decimal(operator: BinaryOperator, a: Decimal, b: Decimal) -> Result<Decimal, EvalError> {
    use BinaryOperator::{Add, Divide, Multiply, Remainder, Subtract};
    // rust_decimal rounds where a result needs more than 96 bits: it then has fewer places than the exact one.
    let (result, places) = match operator {
        Add => (a.checked_add(b), a.scale().max(b.scale())),
        Subtract => (a.checked_sub(b), a.scale().max(b.scale())),
        Multiply => (a.checked_mul(b), a.scale() + b.scale()),
        Divide | Remainder if b.is_zero() => return Err(zero()),
        Divide => (a.checked_div(b), 0),
        Remainder => (a.checked_rem(b), 0),
        _ => return Err(mismatch(symbol(operator), &Value::Decimal(a), &Value::Decimal(b))),
    };
    let result = result.ok_or_else(|| overflow("decimal"))?;
    let trivially_exact = if operator == Multiply { a.is_zero() || b.is_zero() } else { result.is_zero() };
    if result.scale() < places && !trivially_exact {
        return Err(EvalError::new(
            EvalErrorKind::Overflow,
            "the decimal needs more digits than are kept exactly: `round` its operands",
        ));
    }
    Ok(result.normalize())
}

fn symbol(operator: BinaryOperator) -> &'static str {
    match operator {
        BinaryOperator::Add => "+",
        BinaryOperator::Subtract => "-",
        BinaryOperator::Multiply => "*",
        BinaryOperator::Divide => "/",
        BinaryOperator::Remainder => "%",
        BinaryOperator::Equal => "==",
        BinaryOperator::NotEqual => "!=",
        BinaryOperator::Less => "<",
        BinaryOperator::LessOrEqual => "<=",
        BinaryOperator::Greater => ">",
        BinaryOperator::GreaterOrEqual => ">=",
        BinaryOperator::And => "&&",
        BinaryOperator::Or => "||",
        BinaryOperator::Coalesce => "??",
    }
}
