//! Built-in functions: pure, total but for a named failure. The checker and the evaluator read one table.
//!
//! | function | takes | gives |
//! |---|---|---|
//! | `decimal(x)` | int, number, string | decimal: of a number its shortest text, of a string its digits; fails on other text |
//! | `number(x)` | int, decimal | number: the nearest double |
//! | `int(x)` | decimal, number | int; fails on a fraction |
//! | `string(x)` | bool, int, number, decimal, string, timestamp, duration, bytes, EczId | string: the form on the wire |
//! | `length(x)` | list, string | int: items, or code points |
//! | `sum(xs)` | list of int, decimal or number | the same kind; zero for an empty list |
//! | `min(a, b)`, `max(a, b)` | two of one ordered type | that type |
//! | `abs(x)` | int, decimal, number | the same kind |
//! | `round(x, places)` | decimal, int from 0 to 28 | decimal: halves to even |
//! | `lower(s)`, `upper(s)` | string | string: Unicode's default case mapping |
//! | `contains(x, y)` | string and string, or list and item | bool |
//! | `starts_with(s, t)`, `ends_with(s, t)` | two strings | bool |
//! | `join(xs, separator)` | list of strings, string | string |

use rust_decimal::{Decimal, RoundingStrategy};

use super::BinaryOperator;
use super::arithmetic;
use super::evaluate::{EvalError, EvalErrorKind, compare, equal};
use crate::types::{Type, Value};

/// A built-in function.
#[derive(Debug)]
pub struct Function {
    /// Its name.
    pub name: &'static str,
    /// Parameters' names, in order.
    pub parameters: &'static [&'static str],
    /// What it does, one line.
    pub summary: &'static str,
    result: fn(&[Type]) -> Result<Type, ArgumentError>,
    call: fn(&[Value]) -> Result<Value, EvalError>,
}

/// An argument of a type that the function does not take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArgumentError {
    /// Which argument, from 0; the number of arguments where it is wrong.
    pub index: usize,
    /// What is taken: `a decimal`.
    pub expected: &'static str,
    /// How the argument's type is spelled; empty for a wrong number of arguments.
    pub found: String,
}

impl Function {
    /// The type of a call with arguments of these types. An argument that may be absent or null is refused; one of
    /// unknown type is taken, and the evaluator decides.
    pub fn result(&self, arguments: &[Type]) -> Result<Type, ArgumentError> {
        if arguments.len() != self.parameters.len() {
            return Err(ArgumentError {
                index: arguments.len(),
                expected: "another number of arguments",
                found: String::new(),
            });
        }
        (self.result)(arguments)
    }

    /// The `Expr::Widen` that has to stand around a call of this result type: the sum of an empty list is the int 0, since
    /// a value does not know what its list would have held.
    pub fn widens(&self, result: &Type) -> Option<&'static str> {
        match (self.name, result) {
            ("sum", Type::Decimal) => Some("decimal"),
            ("sum", Type::Number) => Some("number"),
            _ => None,
        }
    }
}

/// Every built-in function, by name.
pub const FUNCTIONS: &[Function] = &[
    Function {
        name: "abs",
        parameters: &["x"],
        summary: "the value without its sign",
        result: |types| numeric(types, 0).map(unbounded),
        call: abs,
    },
    Function {
        name: "contains",
        parameters: &["x", "y"],
        summary: "whether a string has a part, or a list an item",
        result: contains_type,
        call: contains,
    },
    Function {
        name: "decimal",
        parameters: &["x"],
        summary: "an exact decimal of an int, number or string",
        result: |types| {
            one_of(types, 0, "an int, a number or a string", |ty| {
                matches!(ty, Type::Int { .. } | Type::Number | Type::Decimal | Type::String { .. })
            })
            .map(|_| Type::Decimal)
        },
        call: to_decimal,
    },
    Function {
        name: "ends_with",
        parameters: &["s", "t"],
        summary: "whether a string ends with another",
        result: |types| strings(types).map(|()| Type::Bool),
        call: |values| two_texts(values).map(|(s, t)| Value::Bool(s.ends_with(t))),
    },
    Function {
        name: "int",
        parameters: &["x"],
        summary: "the int of a decimal or number without fraction",
        result: |types| numeric(types, 0).map(|_| Type::int()),
        call: to_int,
    },
    Function {
        name: "join",
        parameters: &["xs", "separator"],
        summary: "the strings of a list as one",
        result: join_type,
        call: join,
    },
    Function {
        name: "length",
        parameters: &["x"],
        summary: "items of a list, code points of a string",
        result: |types| {
            one_of(types, 0, "a list or a string", |ty| matches!(ty, Type::List { .. } | Type::String { .. }))
                .map(|_| Type::Int { minimum: Some(0), maximum: None })
        },
        call: length,
    },
    Function {
        name: "lower",
        parameters: &["s"],
        summary: "a string in lower case",
        result: |types| strings(types).map(|()| Type::string()),
        call: |values| one_text(values).map(|text| Value::String(text.to_lowercase())),
    },
    Function {
        name: "max",
        parameters: &["a", "b"],
        summary: "the greater of two",
        result: |types| extreme_type(types, true),
        call: |values| extreme(values, true),
    },
    Function {
        name: "min",
        parameters: &["a", "b"],
        summary: "the lesser of two",
        result: |types| extreme_type(types, false),
        call: |values| extreme(values, false),
    },
    Function {
        name: "number",
        parameters: &["x"],
        summary: "the nearest double of an int or decimal",
        result: |types| numeric(types, 0).map(|_| Type::Number),
        call: to_number,
    },
    Function {
        name: "round",
        parameters: &["x", "places"],
        summary: "a decimal to some places, halves to even",
        result: |types| {
            one_of(types, 0, "a decimal", |ty| *ty == Type::Decimal)?;
            one_of(types, 1, "an int", |ty| matches!(ty, Type::Int { .. })).map(|_| Type::Decimal)
        },
        call: round,
    },
    Function {
        name: "starts_with",
        parameters: &["s", "t"],
        summary: "whether a string starts with another",
        result: |types| strings(types).map(|()| Type::Bool),
        call: |values| two_texts(values).map(|(s, t)| Value::Bool(s.starts_with(t))),
    },
    Function {
        name: "string",
        parameters: &["x"],
        summary: "the text of a value, as on the wire",
        result: |types| {
            one_of(types, 0, "a bool, number, string, timestamp, duration, bytes or EczId", |ty| {
                !matches!(ty, Type::Null | Type::List { .. } | Type::Map { .. } | Type::Record(_))
            })
            .map(|_| Type::string())
        },
        call: |values| {
            first(values)?
                .to_text()
                .map(Value::String)
                .map_err(|error| EvalError::new(EvalErrorKind::Argument, format!("`string`: {error}")))
        },
    },
    Function {
        name: "sum",
        parameters: &["xs"],
        summary: "the sum of a list of numbers",
        result: sum_type,
        call: sum,
    },
    Function {
        name: "upper",
        parameters: &["s"],
        summary: "a string in upper case",
        result: |types| strings(types).map(|()| Type::string()),
        call: |values| one_text(values).map(|text| Value::String(text.to_uppercase())),
    },
];

/// A function by name.
pub fn signature(name: &str) -> Option<&'static Function> {
    FUNCTIONS.iter().find(|function| function.name == name)
}

/// Calls a function. `sum` of an empty list is the int 0, which widens.
pub(crate) fn call(name: &str, arguments: &[Value]) -> Result<Value, EvalError> {
    let function = signature(name)
        .ok_or_else(|| EvalError::new(EvalErrorKind::Unresolved, format!("there is no function `{name}`")))?;
    if arguments.len() != function.parameters.len() {
        return Err(EvalError::new(
            EvalErrorKind::Argument,
            format!("`{name}` takes {} arguments, found {}", function.parameters.len(), arguments.len()),
        ));
    }
    if arguments.iter().any(Value::is_nothing) && name != "contains" {
        return Err(EvalError::new(
            EvalErrorKind::Nothing,
            format!("an argument of `{name}` is absent or null"),
        ));
    }
    (function.call)(arguments).map_err(|error| EvalError { message: in_call(name, &error.message), ..error })
}

fn in_call(name: &str, message: &str) -> String {
    if message.starts_with(&format!("`{name}`")) {
        message.to_owned()
    } else {
        format!("`{name}`: {message}")
    }
}

// Types.

fn argument(types: &[Type], index: usize) -> Type {
    types.get(index).cloned().unwrap_or(Type::Never)
}

/// An argument of which every alternative is taken.
fn one_of(
    types: &[Type],
    index: usize,
    expected: &'static str,
    takes: fn(&Type) -> bool,
) -> Result<Type, ArgumentError> {
    let ty = argument(types, index);
    let fits = |one: &Type| matches!(one, Type::Unknown { .. } | Type::Never) || takes(one);
    let all = match &ty {
        Type::Union { of } => of.iter().all(fits),
        one => fits(one),
    };
    if all { Ok(ty) } else { Err(ArgumentError { index, expected, found: ty.to_string() }) }
}

fn numeric(types: &[Type], index: usize) -> Result<Type, ArgumentError> {
    one_of(types, index, "an int, decimal or number", |ty| {
        matches!(ty, Type::Int { .. } | Type::Decimal | Type::Number)
    })
}

/// The type without an integer's bounds.
fn unbounded(ty: Type) -> Type {
    if matches!(ty, Type::Int { .. }) { Type::int() } else { ty }
}

fn strings(types: &[Type]) -> Result<(), ArgumentError> {
    for index in 0..types.len() {
        one_of(types, index, "a string", |ty| matches!(ty, Type::String { .. }))?;
    }
    Ok(())
}

fn list_item(types: &[Type], expected: &'static str) -> Result<Type, ArgumentError> {
    match argument(types, 0) {
        Type::List { of } => Ok(*of),
        unknown @ Type::Unknown { .. } => Ok(unknown),
        other => Err(ArgumentError { index: 0, expected, found: other.to_string() }),
    }
}

fn sum_type(types: &[Type]) -> Result<Type, ArgumentError> {
    let expected = "a list of int, decimal or number";
    let item = list_item(types, expected)?;
    match item {
        Type::Never | Type::Int { .. } => Ok(Type::int()),
        Type::Decimal | Type::Number | Type::Unknown { .. } => Ok(item),
        other => Err(ArgumentError { index: 0, expected, found: Type::list(other).to_string() }),
    }
}

fn join_type(types: &[Type]) -> Result<Type, ArgumentError> {
    let expected = "a list of strings";
    let item = list_item(types, expected)?;
    one_of(&[item], 0, expected, |ty| matches!(ty, Type::String { .. }))?;
    one_of(types, 1, "a string", |ty| matches!(ty, Type::String { .. })).map(|_| Type::string())
}

fn contains_type(types: &[Type]) -> Result<Type, ArgumentError> {
    match argument(types, 0) {
        Type::List { of } => {
            let number = |ty: &Type| matches!(ty, Type::Int { .. } | Type::Decimal | Type::Number);
            let item = argument(types, 1);
            let other_number =
                number(&of) && number(&item) && std::mem::discriminant(&*of) != std::mem::discriminant(&item);
            if other_number {
                let expected = "an item of the list's type";
                return Err(ArgumentError { index: 1, expected, found: item.to_string() });
            }
            Ok(Type::Bool)
        }
        Type::Unknown { .. } => Ok(Type::Bool),
        Type::String { .. } => {
            one_of(types, 1, "a string", |ty| matches!(ty, Type::String { .. })).map(|_| Type::Bool)
        }
        other => Err(ArgumentError { index: 0, expected: "a string or a list", found: other.to_string() }),
    }
}

fn extreme_type(types: &[Type], greater: bool) -> Result<Type, ArgumentError> {
    let expected = "two values of one ordered type";
    let (a, b) = (argument(types, 0), argument(types, 1));
    match (a, b) {
        (Type::Int { minimum: low, maximum: high }, Type::Int { minimum, maximum }) => {
            // A missing end is the widest one: max(1, x) is at least 1.
            let some = |a: Option<i64>, b: Option<i64>| match (a, b) {
                (Some(a), Some(b)) => Some(if greater { a.max(b) } else { a.min(b) }),
                (one, other) => one.or(other),
            };
            let both = |a: Option<i64>, b: Option<i64>| {
                a.zip(b).map(|(a, b)| if greater { a.max(b) } else { a.min(b) })
            };
            Ok(if greater {
                Type::Int { minimum: some(low, minimum), maximum: both(high, maximum) }
            } else {
                Type::Int { minimum: both(low, minimum), maximum: some(high, maximum) }
            })
        }
        (a @ (Type::Decimal | Type::Number | Type::Timestamp | Type::Duration), b) if a == b => Ok(a),
        (a @ Type::String { .. }, b @ Type::String { .. }) => Ok(Type::union(vec![a, b])),
        (a @ Type::Unknown { .. }, _) | (_, a @ Type::Unknown { .. }) => Ok(a),
        (
            a @ (Type::Int { .. }
            | Type::Decimal
            | Type::Number
            | Type::Timestamp
            | Type::Duration
            | Type::String { .. }),
            b,
        ) => Err(ArgumentError { index: 1, expected, found: format!("{a} and {b}") }),
        (a, _) => Err(ArgumentError { index: 0, expected, found: a.to_string() }),
    }
}

// Values.

fn failed(message: impl Into<String>) -> EvalError {
    EvalError::new(EvalErrorKind::Argument, message)
}

fn unfit(value: &Value, expected: &str) -> EvalError {
    EvalError::kind(format!("expected {expected}, found {}", value.kind()))
}

fn first(values: &[Value]) -> Result<&Value, EvalError> {
    values.first().ok_or_else(|| failed("an argument is missing"))
}

fn second(values: &[Value]) -> Result<&Value, EvalError> {
    values.get(1).ok_or_else(|| failed("an argument is missing"))
}

fn text(value: &Value) -> Result<&str, EvalError> {
    value.as_str().ok_or_else(|| unfit(value, "a string"))
}

fn one_text(values: &[Value]) -> Result<&str, EvalError> {
    text(first(values)?)
}

fn two_texts(values: &[Value]) -> Result<(&str, &str), EvalError> {
    Ok((text(first(values)?)?, text(second(values)?)?))
}

fn items(value: &Value) -> Result<&[Value], EvalError> {
    value.as_list().ok_or_else(|| unfit(value, "a list"))
}

fn count(length: usize) -> Result<Value, EvalError> {
    arithmetic::int(i64::try_from(length).unwrap_or(i64::MAX))
}

fn length(values: &[Value]) -> Result<Value, EvalError> {
    match first(values)? {
        Value::String(text) => count(text.chars().count()),
        Value::List(items) => count(items.len()),
        other => Err(unfit(other, "a list or a string")),
    }
}

fn abs(values: &[Value]) -> Result<Value, EvalError> {
    match first(values)? {
        Value::Int(value) => arithmetic::int(value.saturating_abs()),
        Value::Decimal(value) => Ok(Value::Decimal(value.abs())),
        Value::Number(value) => arithmetic::number(value.abs()),
        other => Err(unfit(other, "an int, decimal or number")),
    }
}

/// Plain or scientific decimal text, exactly; `None` for anything else or for more digits than are kept.
fn read_decimal(text: &str) -> Option<Decimal> {
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

fn to_decimal(values: &[Value]) -> Result<Value, EvalError> {
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

fn to_number(values: &[Value]) -> Result<Value, EvalError> {
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

fn to_int(values: &[Value]) -> Result<Value, EvalError> {
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

fn round(values: &[Value]) -> Result<Value, EvalError> {
    match (first(values)?, second(values)?) {
        (Value::Decimal(value), Value::Int(places)) => {
            let places = u32::try_from(*places).ok().filter(|places| *places <= 28);
            let places = places.ok_or_else(|| failed("places are 0 to 28"))?;
            Ok(Value::Decimal(
                value.round_dp_with_strategy(places, RoundingStrategy::MidpointNearestEven).normalize(),
            ))
        }
        (Value::Decimal(_), other) => Err(unfit(other, "an int")),
        (other, _) => Err(unfit(other, "a decimal")),
    }
}

fn sum(values: &[Value]) -> Result<Value, EvalError> {
    let mut items = items(first(values)?)?.iter();
    let Some(start) = items.next() else { return Ok(Value::Int(0)) };
    if !matches!(start, Value::Int(_) | Value::Decimal(_) | Value::Number(_)) {
        return Err(unfit(start, "ints, decimals or numbers"));
    }
    items.try_fold(start.clone(), |sum, item| arithmetic::binary(BinaryOperator::Add, &sum, item))
}

fn extreme(values: &[Value], greater: bool) -> Result<Value, EvalError> {
    let (a, b) = (first(values)?, second(values)?);
    let b_wins =
        compare(a, b)? == if greater { std::cmp::Ordering::Less } else { std::cmp::Ordering::Greater };
    Ok(if b_wins { b.clone() } else { a.clone() })
}

fn contains(values: &[Value]) -> Result<Value, EvalError> {
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

fn join(values: &[Value]) -> Result<Value, EvalError> {
    let separator = text(second(values)?)?;
    let texts = items(first(values)?)?.iter().map(text).collect::<Result<Vec<_>, _>>()?;
    let size = texts
        .iter()
        .fold(separator.len().saturating_mul(texts.len()), |sum, text| sum.saturating_add(text.len()));
    if size > super::evaluate::EVALUATION_WORK {
        return Err(EvalError::new(EvalErrorKind::Limit, "the joined string is too long"));
    }
    Ok(Value::String(texts.join(separator)))
}
