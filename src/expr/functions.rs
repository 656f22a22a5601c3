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
//! | `round(x, places)` | decimal, int from 0 to 28 | decimal: halves to even; fails on one that no JSON number keeps |
//! | `lower(s)`, `upper(s)` | string | string: Unicode's default case mapping |
//! | `contains(x, y)` | string and string, or list and item | bool |
//! | `starts_with(s, t)`, `ends_with(s, t)` | two strings | bool |
//! | `join(xs, separator)` | list of strings, string | string |

use super::builtins::{
    abs, contains, extreme, first, join, length, one_text, round, sum, to_decimal, to_int, to_number,
    two_texts,
};
use super::evaluate::{EvalError, EvalErrorKind};
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

/// How a call is typed.
#[derive(Debug, Clone, PartialEq)]
pub struct Resolved {
    /// The call's type.
    pub ty: Type,
    /// The argument that needs an `Expr::Widen`, and to what.
    pub widen: Option<(usize, &'static str)>,
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

    /// As [`Function::result`], and where that fails once more with one int widened: `max(0, amount)`.
    pub fn resolve(&self, arguments: &[Type]) -> Result<Resolved, ArgumentError> {
        let error = match self.result(arguments) {
            Ok(ty) => return Ok(Resolved { ty, widen: None }),
            Err(error) => error,
        };
        for index in 0..arguments.len() {
            for (to, wide) in [("decimal", Type::Decimal), ("number", Type::Number)] {
                let mut widened = arguments.to_vec();
                match widened.get_mut(index) {
                    Some(argument) if argument.is_int() => *argument = wide,
                    _ => continue,
                }
                if let Ok(ty) = self.result(&widened) {
                    return Ok(Resolved { ty, widen: Some((index, to)) });
                }
            }
        }
        Err(error)
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
                matches!(
                    ty,
                    Type::Bool
                        | Type::Int { .. }
                        | Type::Number
                        | Type::Decimal
                        | Type::String { .. }
                        | Type::Timestamp
                        | Type::Duration
                        | Type::Bytes
                        | Type::EczId
                )
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
    let ty = types.get(index).cloned().unwrap_or(Type::Never);
    ty.int_range().unwrap_or(ty)
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
    let of = match argument(types, 0) {
        unknown @ Type::Unknown { .. } => unknown,
        list => list.items().ok_or_else(|| ArgumentError { index: 0, expected, found: list.to_string() })?,
    };
    Ok(of.int_range().unwrap_or(of))
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
    let (of, item) = (argument(types, 0), argument(types, 1));
    match &of {
        Type::Unknown { .. } => return Ok(Type::Bool),
        Type::String { .. } => {
            return one_of(types, 1, "a string", |ty| matches!(ty, Type::String { .. })).map(|_| Type::Bool);
        }
        _ => {}
    }
    let items = list_item(types, "a string or a list")?;
    let number = |ty: &Type| matches!(ty, Type::Int { .. } | Type::Decimal | Type::Number);
    // No number of one kind equals one of another.
    let other_number = number(&item)
        && items
            .alternatives()
            .iter()
            .all(|one| number(one) && std::mem::discriminant(one) != std::mem::discriminant(&item));
    if other_number {
        let expected = "an item of the list's type";
        return Err(ArgumentError { index: 1, expected, found: item.to_string() });
    }
    Ok(Type::Bool)
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
