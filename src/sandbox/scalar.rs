//! Texts and numbers within what a schema allows.

use serde_json::{Map, Number, Value};

use crate::types::matching;

/// Longest text that is made, characters.
const TEXT: usize = 10_000;

/// The n-th text of a schema: by its pattern, else by its format.
pub(crate) fn text(schema: &Map<String, Value>, ordinal: usize) -> String {
    let length =
        |keyword: &str| schema.get(keyword).and_then(Value::as_u64).and_then(|n| usize::try_from(n).ok());
    let (least, most) = (length("minLength").unwrap_or(0).min(TEXT), length("maxLength").unwrap_or(TEXT));
    let pattern = schema.get("pattern").and_then(Value::as_str);
    if let Some(text) = pattern.and_then(|pattern| matching(pattern, least, most, 0)) {
        return text;
    }
    let format = match schema.get("format").and_then(Value::as_str).unwrap_or_default() {
        "date-time" => "2026-01-01T00:00:00Z",
        "date" => "2026-01-01",
        "time" => "00:00:00Z",
        "duration" => "PT1S",
        "uuid" => "00000000-0000-4000-8000-000000000001",
        "uri" | "iri" | "uri-reference" | "url" => "https://sandbox.example/",
        "email" => "someone@sandbox.example",
        "hostname" => "sandbox.example",
        "ipv4" => "127.0.0.1",
        "ipv6" => "::1",
        "byte" => "c2FuZGJveA==",
        "decimal" => "1.00",
        _ => "sandbox",
    };
    let mut text = format.to_owned();
    if ordinal > 0 {
        text.push_str(&(ordinal + 1).to_string());
    }
    let padding = least.saturating_sub(text.chars().count());
    let cut = text.chars().count().saturating_sub(most);
    // What is too long loses its beginning: several texts stay different.
    text.chars().skip(cut).chain(std::iter::repeat_n('x', padding)).collect()
}

/// The n-th number from 1 on that bounds and `multipleOf` allow. In 3.0 the exclusive bounds are booleans.
pub(crate) fn number(schema: &Map<String, Value>, integer: bool, ordinal: usize) -> Value {
    let bound = |keyword: &str| schema.get(keyword).and_then(Value::as_f64);
    let exclusive = |keyword: &str| schema.get(keyword) == Some(&Value::Bool(true));
    let step = bound("multipleOf").filter(|step| *step > 0.0).unwrap_or(if integer { 1.0 } else { 0.0 });
    let apart = if step > 0.0 { step } else { 1.0 };
    let mut number: f64 = 1.0;
    if let Some(maximum) = bound("maximum") {
        number = number.min(if exclusive("exclusiveMaximum") { maximum - apart } else { maximum });
    }
    if let Some(maximum) = bound("exclusiveMaximum").filter(|maximum| number >= *maximum) {
        number = maximum - apart;
    }
    let shift = if step > 0.0 || integer { apart } else { 0.5 };
    if let Some(minimum) = bound("minimum") {
        number = number.max(if exclusive("exclusiveMinimum") { minimum + shift } else { minimum });
    }
    if let Some(minimum) = bound("exclusiveMinimum").filter(|minimum| number <= *minimum) {
        number = minimum + shift;
    }
    if step > 0.0 {
        number = (number / step).ceil() * step;
        if bound("exclusiveMinimum").is_some_and(|minimum| number <= minimum) {
            number += step;
        }
    }
    number += apart * f64::from(u32::try_from(ordinal).unwrap_or(0));
    if integer {
        // Within the doubles that are whole, so the cast loses nothing.
        return Value::from(number.clamp(-9.0e15, 9.0e15) as i64);
    }
    // Steps such as 0.01 are no doubles: their multiples are written as short as they are meant.
    let text = format!("{number:.9}");
    let short = text.trim_end_matches('0').trim_end_matches('.').parse().ok();
    short.map_or_else(|| Number::from_f64(number).map_or(Value::Null, Value::Number), Value::Number)
}
