//! What a schema says of strings, numbers and listed values.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use super::Type;
use super::schema::{Object, Reader};
use crate::base::limits;

impl Reader<'_> {
    pub(super) fn enumeration(&mut self, kinds: &[&str], allowed: &[&Json], path: &str) -> Type {
        let kind_allowed = |kind: &str| kinds.contains(&kind);
        let mut strings = BTreeSet::new();
        let mut integers = BTreeSet::new();
        let mut bools = BTreeSet::new();
        let mut alternatives = Vec::new();
        for value in allowed {
            match value {
                Json::Null if kind_allowed("null") => alternatives.push(Type::Null),
                Json::Bool(value) if kind_allowed("boolean") => {
                    bools.insert(*value);
                }
                Json::String(value) if kind_allowed("string") => {
                    strings.insert(value.clone());
                }
                Json::Number(number) => match whole(value, f64::floor) {
                    Some(integer)
                        if number.as_f64() == Some(integer as f64)
                            && (kind_allowed("integer") || kind_allowed("number")) =>
                    {
                        integers.insert(integer);
                    }
                    _ if kind_allowed("number") => {
                        self.note(path, "enum");
                        alternatives.push(Type::Number);
                    }
                    _ => {}
                },
                Json::Array(_) if kind_allowed("array") => return Type::unknown("an `enum` of lists"),
                Json::Object(_) if kind_allowed("object") => return Type::unknown("an `enum` of objects"),
                _ => {}
            }
        }
        if !bools.is_empty() {
            if bools.len() == 1 {
                self.note(path, "enum");
            }
            alternatives.push(Type::Bool);
        }
        if let (Some(low), Some(high)) = (integers.first(), integers.last()) {
            if usize::try_from(high.abs_diff(*low)).ok().and_then(|gap| gap.checked_add(1))
                != Some(integers.len())
            {
                self.note(path, "enum");
            }
            // Beside fractions the whole list is of numbers.
            if alternatives.contains(&Type::Number) {
                self.note(path, "enum");
            } else {
                alternatives.push(Type::Int { minimum: Some(*low), maximum: Some(*high) });
            }
        }
        if !strings.is_empty() {
            alternatives.push(Type::String { values: Some(strings) });
        }
        Type::union(alternatives)
    }

    pub(super) fn integer(&mut self, object: &Object, path: &str) -> Type {
        self.noted(object, &["multipleOf"], path);
        let bound =
            |keyword: &str, round: fn(f64) -> f64| object.get(keyword).and_then(|value| whole(value, round));
        let tighter = |a: Option<i64>, b: Option<i64>, pick: fn(i64, i64) -> i64| match (a, b) {
            (Some(a), Some(b)) => Some(pick(a, b)),
            (one, other) => one.or(other),
        };
        let above = bound("exclusiveMinimum", f64::floor).map(|bound| bound.saturating_add(1));
        let below = bound("exclusiveMaximum", f64::ceil).map(|bound| bound.saturating_sub(1));
        let minimum = tighter(bound("minimum", f64::ceil), above, i64::max);
        let maximum = tighter(bound("maximum", f64::floor), below, i64::min);
        let most = limits::MAX_SAFE_INTEGER;
        let (low, high) = (minimum.unwrap_or(-most).max(-most), maximum.unwrap_or(most).min(most));
        if low > high {
            return Type::Never;
        }
        // A bound beyond what an int holds says nothing of one.
        Type::Int {
            minimum: minimum.filter(|low| *low >= -most),
            maximum: maximum.filter(|high| *high <= most),
        }
    }

    pub(super) fn number(&mut self, object: &Object, path: &str) -> Type {
        let keywords = ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"];
        for keyword in keywords.into_iter().filter(|keyword| object.contains_key(*keyword)) {
            self.note(path, keyword);
        }
        let fraction =
            object.get("multipleOf").and_then(Json::as_f64).is_some_and(|step| step.fract() != 0.0);
        let named = object.get("format").and_then(Json::as_str) == Some("decimal");
        if fraction || named { Type::Decimal } else { Type::Number }
    }

    pub(super) fn string(&mut self, object: &Object, path: &str) -> Type {
        self.noted(object, &["pattern", "minLength", "maxLength"], path);
        let encoding = object.get("contentEncoding").and_then(Json::as_str);
        match (object.get("format").and_then(Json::as_str), encoding) {
            (Some("date-time"), _) => Type::Timestamp,
            (Some("byte"), _) | (_, Some("base64")) => Type::Bytes,
            (format, _) => {
                self.has_formats |= format.is_some();
                Type::string()
            }
        }
    }
}

/// A bound as an integer, rounded inwards; ends beyond i64 are its ends.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the cast saturates, and the range of int is far smaller"
)]
fn whole(value: &Json, round: fn(f64) -> f64) -> Option<i64> {
    value.as_i64().or_else(|| value.as_f64().map(|double| round(double) as i64))
}
