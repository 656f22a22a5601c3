//! JSON to value, by type.

use std::collections::BTreeMap;
use std::fmt;

use rust_decimal::Decimal;
use serde_json::Value as Json;

use super::value::{DECIMAL_DIGITS, survives_json};
use super::{Members, Type, Value};
use crate::base::{Moment, decode_base64, limits};

/// A JSON value that does not fit. Says where and why in words of the type or schema, never what the value was: it may be
/// confidential.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Misfit {
    /// Where in the value: `lines[2].sku`; empty for the whole value. Keys of maps are written `{}`.
    pub path: String,
    /// What does not fit.
    pub why: String,
}

impl Misfit {
    /// A misfit of the value as a whole.
    pub fn whole(why: impl Into<String>) -> Misfit {
        Misfit { path: String::new(), why: why.into() }
    }

    pub(super) fn under(mut self, segment: &str) -> Misfit {
        let dot = if self.path.is_empty() || self.path.starts_with('[') { "" } else { "." };
        self.path = format!("{segment}{dot}{}", self.path);
        self
    }
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_empty() {
            write!(f, "{}", self.why)
        } else {
            write!(f, "`{}`: {}", self.path, self.why)
        }
    }
}

impl Value {
    /// Reads a JSON value by a type. Undeclared members of open records are kept, decoded by nature: the checker lets no
    /// expression name them, and a value that is passed on whole stays whole.
    pub fn decode(ty: &Type, json: &Json) -> Result<Value, Misfit> {
        decode(ty, json, 0)
    }

    /// Reads a JSON value as what it is by nature: integers as int, other numbers as number.
    pub fn natural(json: &Json) -> Result<Value, Misfit> {
        natural(json, 0)
    }
}

impl Type {
    /// Whether a JSON value is of this type.
    pub fn accepts(&self, json: &Json) -> bool {
        Value::decode(self, json).is_ok()
    }
}

fn expected(what: &str, json: &Json) -> Misfit {
    let found = match json {
        Json::Null => "null",
        Json::Bool(_) => "a bool",
        Json::Number(_) => "a number",
        Json::String(_) => "a string",
        Json::Array(_) => "a list",
        Json::Object(_) => "an object",
    };
    Misfit::whole(format!("expected {what}, found {found}"))
}

fn deep(depth: usize) -> Result<usize, Misfit> {
    if depth >= limits::VALUE_DEPTH {
        return Err(Misfit::whole(format!("nested deeper than {} levels", limits::VALUE_DEPTH)));
    }
    Ok(depth + 1)
}

fn text<'a>(what: &str, json: &'a Json) -> Result<&'a str, Misfit> {
    json.as_str().ok_or_else(|| expected(what, json))
}

fn decode(ty: &Type, json: &Json, depth: usize) -> Result<Value, Misfit> {
    let depth = deep(depth)?;
    match ty {
        Type::Never => Err(Misfit::whole("no value may stand here")),
        Type::Unknown { .. } => natural(json, depth),
        Type::Null => json.is_null().then_some(Value::Null).ok_or_else(|| expected("null", json)),
        Type::Bool => json.as_bool().map(Value::Bool).ok_or_else(|| expected("a bool", json)),
        Type::Int { minimum, maximum } => {
            let value = integer(json)?;
            if minimum.is_some_and(|minimum| value < minimum) {
                return Err(Misfit::whole("the integer is below its minimum"));
            }
            if maximum.is_some_and(|maximum| value > maximum) {
                return Err(Misfit::whole("the integer is above its maximum"));
            }
            Ok(Value::Int(value))
        }
        Type::Number => json.as_f64().map(Value::Number).ok_or_else(|| expected("a number", json)),
        Type::Decimal => decimal(json).map(Value::Decimal),
        Type::String { values } => {
            let text = text("a string", json)?;
            if values.as_ref().is_some_and(|values| !values.contains(text)) {
                return Err(Misfit::whole("the string is none of the allowed values"));
            }
            Ok(Value::String(text.to_owned()))
        }
        Type::Timestamp => text("an RFC 3339 date-time", json)?
            .parse::<Moment>()
            .map(Value::Timestamp)
            .map_err(|error| Misfit::whole(error.to_string())),
        Type::Duration => {
            duration(text("an ISO 8601 duration", json)?).map(Value::Duration).ok_or_else(|| {
                Misfit::whole("the string is not an ISO 8601 duration of days, hours, minutes and seconds, to the millisecond, such as `PT90S` or `P1DT2H`")
            })
        }
        Type::Bytes => decode_base64(text("base64", json)?)
            .map(Value::Bytes)
            .ok_or_else(|| Misfit::whole("the string is not base64")),
        Type::EczId => text("an ECZ-ID", json)?
            .parse()
            .map(Value::EczId)
            .map_err(|_| Misfit::whole("the string is not a well-formed ECZ-ID")),
        Type::List { of } => {
            let items = json.as_array().ok_or_else(|| expected("a list", json))?;
            items
                .iter()
                .enumerate()
                .map(|(index, item)| {
                    decode(of, item, depth).map_err(|misfit| misfit.under(&format!("[{index}]")))
                })
                .collect::<Result<_, _>>()
                .map(Value::List)
        }
        Type::Map { of } => {
            let members = json.as_object().ok_or_else(|| expected("an object", json))?;
            members
                .iter()
                .map(|(name, value)| {
                    Ok((name.clone(), decode(of, value, depth).map_err(|misfit| misfit.under("{}"))?))
                })
                .collect::<Result<_, _>>()
                .map(Value::Record)
        }
        Type::Record(record) => {
            let members = json.as_object().ok_or_else(|| expected("an object", json))?;
            let missing =
                record.fields.iter().find(|(name, field)| field.required && !members.contains_key(*name));
            if let Some((name, _)) = missing {
                return Err(Misfit::whole("a required member is missing").under(name));
            }
            let mut values = BTreeMap::new();
            for (name, member) in members {
                let value = match (record.fields.get(name), &record.others) {
                    (Some(field), _) => {
                        decode(&field.ty, member, depth).map_err(|misfit| misfit.under(name))?
                    }
                    (None, Members::Closed) => return Err(Misfit::whole("an undeclared member stands here")),
                    (None, Members::Open) => natural(member, depth).map_err(|misfit| misfit.under("{}"))?,
                    (None, Members::Of(of)) => {
                        decode(of, member, depth).map_err(|misfit| misfit.under("{}"))?
                    }
                };
                values.insert(name.clone(), value);
            }
            Ok(Value::Record(values))
        }
        Type::Union { of } => {
            let mut nearest: Option<Misfit> = None;
            for alternative in of {
                match decode(alternative, json, depth) {
                    Ok(value) => return Ok(value),
                    // The alternative that got furthest tells most.
                    Err(misfit)
                        if nearest.as_ref().is_none_or(|best| best.path.len() < misfit.path.len()) =>
                    {
                        nearest = Some(misfit);
                    }
                    Err(_) => {}
                }
            }
            Err(match nearest {
                Some(misfit) if !misfit.path.is_empty() => misfit,
                _ => Misfit::whole("fits none of the alternatives"),
            })
        }
        Type::Optional { of } => decode(of, json, depth),
    }
}

fn natural(json: &Json, depth: usize) -> Result<Value, Misfit> {
    let depth = deep(depth)?;
    Ok(match json {
        Json::Null => Value::Null,
        Json::Bool(value) => Value::Bool(*value),
        Json::Number(number) if number.is_i64() || number.is_u64() => Value::Int(integer(json)?),
        Json::Number(number) => {
            Value::Number(number.as_f64().ok_or_else(|| expected("a finite number", json))?)
        }
        Json::String(value) => Value::String(value.clone()),
        Json::Array(items) => Value::List(
            items
                .iter()
                .enumerate()
                .map(|(index, item)| {
                    natural(item, depth).map_err(|misfit| misfit.under(&format!("[{index}]")))
                })
                .collect::<Result<_, _>>()?,
        ),
        Json::Object(members) => Value::Record(
            members
                .iter()
                .map(|(name, value)| {
                    Ok((name.clone(), natural(value, depth).map_err(|misfit| misfit.under("{}"))?))
                })
                .collect::<Result<_, Misfit>>()?,
        ),
    })
}

/// JSON Schema's integer: also `4.0`.
fn integer(json: &Json) -> Result<i64, Misfit> {
    let Json::Number(number) = json else { return Err(expected("an integer", json)) };
    let max = limits::MAX_SAFE_INTEGER;
    let value = match (number.as_i64(), number.as_f64()) {
        (Some(value), _) => value,
        #[expect(clippy::cast_possible_truncation, reason = "a whole double within 2^53 is exact")]
        (None, Some(double)) if double.fract() == 0.0 && double.abs() <= max as f64 => double as i64,
        (None, Some(double)) if double.fract() != 0.0 => {
            return Err(Misfit::whole("expected an integer, found a number with a fraction"));
        }
        _ => i64::MAX,
    };
    if value.unsigned_abs() > max.unsigned_abs() {
        return Err(Misfit::whole("the integer is beyond 2^53 - 1"));
    }
    Ok(value)
}

fn decimal(json: &Json) -> Result<Decimal, Misfit> {
    let Json::Number(number) = json else { return Err(expected("a decimal number", json)) };
    let text = number.to_string();
    let value = if text.contains(['e', 'E']) { Decimal::from_scientific(&text) } else { text.parse() }
        .map_err(|_| Misfit::whole("the number is too large or too small for a decimal"))?;
    if !survives_json(value) {
        return Err(Misfit::whole(format!(
            "the decimal has more than {DECIMAL_DIGITS} significant digits, which a JSON number does not keep"
        )));
    }
    Ok(value.normalize())
}

/// ISO 8601 without years, months and weeks: `P1DT2H3M4.5S`. Milliseconds.
fn duration(text: &str) -> Option<u64> {
    let rest = text.strip_prefix('P')?;
    let (date, time) = match rest.split_once('T') {
        Some((_, "")) => return None,
        Some((date, time)) => (date, time),
        None => (rest, ""),
    };
    if date.is_empty() && time.is_empty() {
        return None;
    }
    let mut total: u64 = 0;
    for (mut part, units) in
        [(date, &[('D', 86_400_000u64)][..]), (time, &[('H', 3_600_000), ('M', 60_000)][..])]
    {
        for (unit, milliseconds) in units {
            if let Some((digits, after)) = part.split_once(*unit) {
                total = total.checked_add(whole(digits)?.checked_mul(*milliseconds)?)?;
                part = after;
            }
        }
        if !part.is_empty() {
            let seconds = part.strip_suffix('S').filter(|_| units.len() == 2)?;
            let (seconds, fraction) = seconds.split_once('.').unwrap_or((seconds, "0"));
            if fraction.is_empty() || fraction.len() > 9 {
                return None;
            }
            let nanoseconds = whole(&format!("{fraction:0<9}"))?;
            // What is finer would be lost.
            if nanoseconds % 1_000_000 != 0 {
                return None;
            }
            total = total
                .checked_add(whole(seconds)?.checked_mul(1000)?)?
                .checked_add(nanoseconds / 1_000_000)?;
        }
    }
    Some(total)
}

fn whole(digits: &str) -> Option<u64> {
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{Field, RecordType};
    use serde_json::json;

    #[test]
    fn what_the_journal_could_not_hold_is_not_read() {
        let nested = |levels| (0..levels).fold(json!(1), |inner, _| json!([inner]));
        let read = |levels| natural(&nested(levels), 0);
        assert!(!read(limits::VALUE_DEPTH - 1).unwrap().is_deeper_than(limits::VALUE_DEPTH));
        read(limits::VALUE_DEPTH).unwrap_err();
    }

    fn record(fields: &[(&str, Type, bool)], others: Members) -> Type {
        let fields = fields
            .iter()
            .map(|(name, ty, required)| ((*name).to_owned(), Field { ty: ty.clone(), required: *required }))
            .collect();
        Type::Record(RecordType { fields, others })
    }

    #[test]
    fn a_moment_is_handed_on_as_exactly_as_it_came() {
        let read = |text: &str| Value::decode(&Type::Timestamp, &json!(text));
        for text in ["9999-12-31T23:59:59.000Z", "2026-01-01T00:00:00.123456Z"] {
            assert_eq!(read(text).unwrap().to_json().unwrap(), json!(text));
        }
        let why = read("9999-12-31T23:59:59-01:00").unwrap_err().why;
        assert_eq!(why, "the date-time lies outside the years 0 to 9999 of UTC");
    }

    #[test]
    fn decodes_by_type_and_keeps_undeclared_members() {
        let ty = record(&[("amount", Type::Decimal, true), ("note", Type::string(), false)], Members::Open);
        let value = Value::decode(&ty, &json!({"amount": 19.99, "extra": {"n": 1}})).unwrap();
        assert_eq!(value.member("amount"), Some(&Value::Decimal("19.99".parse().unwrap())));
        assert_eq!(value.to_json().unwrap(), json!({"amount": 19.99, "extra": {"n": 1}}));
    }

    #[test]
    fn misfits_say_where_but_not_what() {
        let line = record(&[("sku", Type::string(), true)], Members::Closed);
        let ty = record(&[("lines", Type::List { of: Box::new(line) }, true)], Members::Open);
        let misfit = Value::decode(&ty, &json!({"lines": [{"sku": "a"}, {"sku": 7777}]})).unwrap_err();
        assert_eq!(misfit.path, "lines[1].sku");
        assert!(!misfit.to_string().contains("7777"));
        let misfit =
            Value::decode(&ty, &json!({"lines": [{"sku": "a", "secret@x.example": 1}]})).unwrap_err();
        assert!(!misfit.to_string().contains("secret"), "{misfit}");
        assert_eq!(Value::decode(&ty, &json!({})).unwrap_err().path, "lines");
    }

    #[test]
    fn numbers_are_taken_only_where_they_are_exact() {
        let int = Type::Int { minimum: Some(1), maximum: None };
        assert_eq!(Value::decode(&int, &json!(4.0)), Ok(Value::Int(4)));
        for bad in [
            json!(4.5),
            json!(0),
            json!(9_007_199_254_740_992_i64),
            json!(u64::MAX),
            json!("4"),
            json!(1e300),
        ] {
            assert!(Value::decode(&int, &bad).is_err(), "{bad}");
        }
        assert!(Value::decode(&Type::Decimal, &json!(0.300_000_000_000_000_04)).is_err());
        assert!(Value::decode(&Type::Decimal, &json!(1e300)).is_err());
        assert_eq!(
            Value::decode(&Type::Decimal, &json!(1.5e-7)),
            Ok(Value::Decimal("0.00000015".parse().unwrap()))
        );
    }

    #[test]
    fn durations_read_back_and_odd_ones_are_refused() {
        for milliseconds in [0, 1, 999, 1000, 93_784_500, 86_400_000 * 400] {
            assert_eq!(duration(&super::super::value::duration_text(milliseconds)), Some(milliseconds));
        }
        assert_eq!(duration("P1DT1S"), Some(86_401_000));
        for bad in [
            "",
            "P",
            "PT",
            "PT0.0005S",
            "P1Y",
            "P1M",
            "1D",
            "PT1",
            "PT-1S",
            "PTS",
            "P1S",
            "PT99999999999999999999H",
        ] {
            assert_eq!(duration(bad), None, "{bad}");
        }
    }

    #[test]
    fn deep_values_end_in_a_misfit() {
        let mut json = json!(1);
        for _ in 0..5000 {
            json = Json::Array(vec![json]);
        }
        assert!(Value::natural(&json).is_err());
        // Dropping five thousand levels is fine for the stack; reading them from bytes is refused long before.
    }
}
