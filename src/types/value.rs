//! Values of the language, and their form on the wire.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde_json::Value as Json;

use crate::base::{Moment, encode_base64, limits};
use crate::ecz::EczId;

/// Most significant digits of a decimal that is sent as a JSON number: every reader's double keeps that many.
pub const DECIMAL_DIGITS: usize = 15;

/// A value of the language.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Nothing at all: a skipped step, an optional member that is not there. Never inside a list or record.
    Absent,
    /// JSON null.
    Null,
    /// true or false.
    Bool(bool),
    /// An integer of ±(2^53 − 1).
    Int(i64),
    /// A finite double.
    Number(f64),
    /// An exact decimal.
    Decimal(Decimal),
    /// A string.
    String(String),
    /// A moment.
    Timestamp(Moment),
    /// A length of time, milliseconds.
    Duration(u64),
    /// Bytes.
    Bytes(Vec<u8>),
    /// An ECZ-ID.
    EczId(EczId),
    /// A list.
    List(Vec<Value>),
    /// A record or map.
    Record(BTreeMap<String, Value>),
}

/// A value that can't be put on the wire. Names kinds only, never the value itself.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// A decimal with too many digits for a JSON number.
    #[error(
        "a decimal of more than {DECIMAL_DIGITS} significant digits does not survive as a JSON number; `round` it"
    )]
    DecimalDigits,
    /// An integer beyond ±(2^53 − 1).
    #[error("an integer beyond 2^53 - 1 does not survive as a JSON number")]
    IntRange,
    /// NaN or an infinity.
    #[error("a number that is not finite has no JSON form")]
    NotFinite,
    /// Absent where a value is due.
    #[error("a value is due here but it is absent")]
    Absent,
    /// No text form for parameters and interpolation.
    #[error("{0} has no text form")]
    NoText(&'static str),
}

impl Value {
    /// The kind's name, as the language spells it.
    pub fn kind(&self) -> &'static str {
        match self {
            Value::Absent => "absent",
            Value::Null => "null",
            Value::Bool(_) => "bool",
            Value::Int(_) => "int",
            Value::Number(_) => "number",
            Value::Decimal(_) => "decimal",
            Value::String(_) => "string",
            Value::Timestamp(_) => "timestamp",
            Value::Duration(_) => "duration",
            Value::Bytes(_) => "bytes",
            Value::EczId(_) => "EczId",
            Value::List(_) => "list",
            Value::Record(_) => "record",
        }
    }

    /// Whether it is absent or null, which `?.` and `??` treat alike.
    pub fn is_nothing(&self) -> bool {
        matches!(self, Value::Absent | Value::Null)
    }

    /// Whether it is absent.
    pub fn is_absent(&self) -> bool {
        matches!(self, Value::Absent)
    }

    /// The bool, of a bool.
    pub fn as_bool(&self) -> Option<bool> {
        if let Value::Bool(value) = self { Some(*value) } else { None }
    }

    /// The integer, of an int.
    pub fn as_int(&self) -> Option<i64> {
        if let Value::Int(value) = self { Some(*value) } else { None }
    }

    /// The text, of a string.
    pub fn as_str(&self) -> Option<&str> {
        if let Value::String(value) = self { Some(value) } else { None }
    }

    /// The items, of a list.
    pub fn as_list(&self) -> Option<&[Value]> {
        if let Value::List(items) = self { Some(items) } else { None }
    }

    /// A member, of a record that has it.
    pub fn member(&self, name: &str) -> Option<&Value> {
        if let Value::Record(members) = self { members.get(name) } else { None }
    }

    /// The JSON sent for it. Absent members of records are left out; absent elsewhere is an error.
    pub fn to_json(&self) -> Result<Json, WireError> {
        Ok(match self {
            Value::Absent => return Err(WireError::Absent),
            Value::Null => Json::Null,
            Value::Bool(value) => Json::Bool(*value),
            Value::Int(value) if value.unsigned_abs() <= limits::MAX_SAFE_INTEGER.unsigned_abs() => {
                Json::from(*value)
            }
            Value::Int(_) => return Err(WireError::IntRange),
            Value::Number(value) => {
                serde_json::Number::from_f64(*value).map(Json::Number).ok_or(WireError::NotFinite)?
            }
            Value::Decimal(value) => decimal_to_json(*value)?,
            Value::List(items) => Json::Array(items.iter().map(Value::to_json).collect::<Result<_, _>>()?),
            Value::Record(members) => Json::Object(
                members
                    .iter()
                    .filter(|(_, value)| !value.is_absent())
                    .map(|(name, value)| Ok((name.clone(), value.to_json()?)))
                    .collect::<Result<_, WireError>>()?,
            ),
            Value::String(_)
            | Value::Timestamp(_)
            | Value::Duration(_)
            | Value::Bytes(_)
            | Value::EczId(_) => Json::String(self.to_text()?),
        })
    }

    /// Its text, for parameters and wherever one string is due: no lists, no records, no null.
    /// Timestamps are RFC 3339, durations ISO 8601, bytes base64.
    pub fn to_text(&self) -> Result<String, WireError> {
        Ok(match self {
            Value::Bool(value) => value.to_string(),
            Value::Int(value) => value.to_string(),
            Value::Number(value) => number_text(*value)?,
            Value::Decimal(value) => value.normalize().to_string(),
            Value::String(value) => value.clone(),
            Value::Timestamp(value) => value.to_string(),
            Value::Duration(milliseconds) => duration_text(*milliseconds),
            Value::Bytes(bytes) => encode_base64(bytes),
            Value::EczId(id) => id.as_str().to_owned(),
            Value::Absent => return Err(WireError::Absent),
            Value::Null | Value::List(_) | Value::Record(_) => return Err(WireError::NoText(self.kind())),
        })
    }

    /// Whether lists and records nest deeper than this. Looks no deeper.
    pub fn is_deeper_than(&self, levels: usize) -> bool {
        let Some(below) = levels.checked_sub(1) else { return true };
        match self {
            Value::List(items) => items.iter().any(|item| item.is_deeper_than(below)),
            Value::Record(members) => members.values().any(|member| member.is_deeper_than(below)),
            _ => false,
        }
    }

    /// Bytes of memory it takes, roughly: what evaluation is bounded by.
    pub fn weight(&self) -> usize {
        const CELL: usize = 16;
        match self {
            Value::String(text) => CELL + text.len(),
            Value::EczId(id) => CELL + id.as_str().len(),
            Value::Bytes(bytes) => CELL + bytes.len(),
            Value::List(items) => items.iter().fold(CELL, |sum, item| sum.saturating_add(item.weight())),
            Value::Record(members) => members.iter().fold(CELL, |sum, (name, value)| {
                sum.saturating_add(name.len()).saturating_add(value.weight())
            }),
            _ => CELL,
        }
    }
}

/// Whether a JSON number keeps a decimal: one of few enough digits, or a whole number that a double holds, as an int is.
pub(crate) fn survives_json(value: Decimal) -> bool {
    let value = value.normalize();
    let digits = value.mantissa().unsigned_abs().to_string();
    digits.trim_end_matches('0').len() <= DECIMAL_DIGITS || safe_integer(&value.to_string()).is_some()
}

fn safe_integer(text: &str) -> Option<i64> {
    let integer: i64 = text.parse().ok()?;
    (integer.unsigned_abs() <= limits::MAX_SAFE_INTEGER.unsigned_abs()).then_some(integer)
}

/// Whether a decimal literal has more digits than a JSON number keeps.
pub fn has_too_many_digits(literal: &str) -> bool {
    literal.parse().is_ok_and(|value| !survives_json(value))
}

fn decimal_to_json(value: Decimal) -> Result<Json, WireError> {
    let value = value.normalize();
    if !survives_json(value) {
        return Err(WireError::DecimalDigits);
    }
    let text = value.to_string();
    match safe_integer(&text) {
        Some(integer) => Ok(Json::from(integer)),
        // At most 15 significant digits: the shortest text of this double is the decimal again.
        None => text
            .parse::<f64>()
            .ok()
            .and_then(serde_json::Number::from_f64)
            .map(Json::Number)
            .ok_or(WireError::NotFinite),
    }
}

/// The shortest text that reads back as this double, as RFC 8785 writes it.
fn number_text(value: f64) -> Result<String, WireError> {
    if !value.is_finite() {
        return Err(WireError::NotFinite);
    }
    crate::base::canonical_json(&value).map_err(|_| WireError::NotFinite)
}

/// ISO 8601: `PT1.5S`, `PT2H`.
pub(crate) fn duration_text(milliseconds: u64) -> String {
    let (hours, rest) = (milliseconds / 3_600_000, milliseconds % 3_600_000);
    let (minutes, rest) = (rest / 60_000, rest % 60_000);
    let (seconds, fraction) = (rest / 1000, rest % 1000);
    let mut text = String::from("PT");
    for (amount, unit) in [(hours, 'H'), (minutes, 'M')] {
        if amount > 0 {
            text.push_str(&format!("{amount}{unit}"));
        }
    }
    if fraction > 0 {
        let digits = format!("{seconds}.{fraction:03}");
        text.push_str(digits.trim_end_matches('0'));
        text.push('S');
    } else if seconds > 0 || milliseconds == 0 {
        text.push_str(&format!("{seconds}S"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn decimal(text: &str) -> Value {
        Value::Decimal(text.parse().unwrap())
    }

    #[test]
    fn decimals_are_exact_json_numbers_of_at_most_fifteen_digits() {
        for (text, canonical) in [
            ("19.990", "19.99"),
            ("-0.01", "-0.01"),
            ("500", "500"),
            ("123456789012.345", "123456789012.345"),
            ("9007199254740991", "9007199254740991"),
        ] {
            let json = decimal(text).to_json().unwrap();
            assert_eq!(crate::base::canonical_json(&json).unwrap(), canonical);
        }
        assert_eq!(decimal("0.1234567890123456").to_json(), Err(WireError::DecimalDigits));
        assert_eq!(decimal("9007199254740993").to_json(), Err(WireError::DecimalDigits));
        assert_eq!(decimal("1000000000000000000000").to_json().unwrap(), json!(1e21));
    }

    #[test]
    fn absent_members_are_left_out_and_absent_elsewhere_is_an_error() {
        let record = Value::Record(BTreeMap::from([
            ("a".to_owned(), Value::Absent),
            ("b".to_owned(), Value::Null),
            ("t".to_owned(), Value::Timestamp("1970-01-01T00:00:00Z".parse().unwrap())),
        ]));
        assert_eq!(record.to_json().unwrap(), json!({"b": null, "t": "1970-01-01T00:00:00.000Z"}));
        assert_eq!(Value::List(vec![Value::Absent]).to_json(), Err(WireError::Absent));
        assert_eq!(Value::Number(f64::NAN).to_json(), Err(WireError::NotFinite));
        assert_eq!(Value::Int(1 << 53).to_json(), Err(WireError::IntRange));
    }

    #[test]
    fn texts_of_scalars() {
        assert_eq!(Value::Duration(93_784_500).to_text().unwrap(), "PT26H3M4.5S");
        assert_eq!(Value::Duration(0).to_text().unwrap(), "PT0S");
        assert_eq!(decimal("40.00").to_text().unwrap(), "40");
        assert_eq!(Value::Number(1e21).to_text().unwrap(), "1e+21");
        assert_eq!(Value::Null.to_text(), Err(WireError::NoText("null")));
    }
}
