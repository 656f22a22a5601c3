//! A value made from a schema where the document gives no example: the same for the same schema, always.

use std::cell::Cell;

use serde_json::{Map, Number, Value, json};

use crate::documents::{Reference, local_reference};

/// Schemas nested deeper than this end in null: they are recursive.
const DEPTH: usize = 24;
/// Values made for one answer; what is due beyond is null.
const VALUES: usize = 10_000;

/// References followed one after another at most.
const REFERENCES: usize = 32;

/// The schema that a local reference names, or the schema itself; null where the reference leads nowhere.
pub(crate) fn resolve<'v>(document: &'v Value, schema: &'v Value) -> &'v Value {
    let mut schema = schema;
    for _ in 0..REFERENCES {
        let Some(reference) = schema.get("$ref").and_then(Value::as_str) else { return schema };
        let target = match local_reference(reference) {
            Reference::Local(pointer) => document.pointer(&pointer),
            Reference::External | Reference::Other => None,
        };
        match target {
            Some(target) => schema = target,
            None => return &Value::Null,
        }
    }
    &Value::Null
}

/// A value of the schema, as far as its keywords are understood here. Whoever uses it validates it.
pub(crate) fn synthesise(document: &Value, schema: &Value) -> Value {
    Synthesis { document, left: Cell::new(VALUES) }.value(schema, 0)
}

struct Synthesis<'d> {
    document: &'d Value,
    /// Values that may still be made.
    left: Cell<usize>,
}

impl Synthesis<'_> {
    fn value(&self, schema: &Value, depth: usize) -> Value {
        let schema = resolve(self.document, schema);
        let left = self.left.get();
        if depth > DEPTH || left == 0 {
            return Value::Null;
        }
        self.left.set(left - 1);
        let given = |keyword: &str| schema.get(keyword);
        let first = |keyword: &str| given(keyword).and_then(Value::as_array).and_then(|items| items.first());
        let literal = given("const").or_else(|| given("example")).or_else(|| first("examples"));
        if let Some(literal) = literal.or_else(|| given("default")).or_else(|| first("enum")) {
            return literal.clone();
        }
        if let Some(parts) = given("allOf").and_then(Value::as_array) {
            let mut whole = self.own(schema, depth);
            for part in parts {
                match (&mut whole, self.value(part, depth + 1)) {
                    (Value::Object(whole), Value::Object(part)) => whole.extend(part),
                    (whole, part) => *whole = part,
                }
            }
            return whole;
        }
        if let Some(alternative) = first("oneOf").or_else(|| first("anyOf")) {
            return match (self.own(schema, depth), self.value(alternative, depth + 1)) {
                (Value::Object(mut whole), Value::Object(part)) => {
                    whole.extend(part);
                    Value::Object(whole)
                }
                (_, alternative) => alternative,
            };
        }
        self.own(schema, depth)
    }

    /// By the schema's own type.
    fn own(&self, schema: &Value, depth: usize) -> Value {
        match kind(schema) {
            "object" => Value::Object(self.object(schema, depth)),
            "array" => {
                let least = schema.get("minItems").and_then(Value::as_u64).unwrap_or(1).clamp(0, 100);
                let items = schema.get("items").unwrap_or(&Value::Bool(true));
                (0..least).map(|_| self.value(items, depth + 1)).collect()
            }
            "string" => string(schema),
            "integer" => Value::from(least(schema, 1.0).ceil() as i64),
            "number" => Number::from_f64(least(schema, 1.0)).map_or(Value::Null, Value::Number),
            "boolean" => Value::Bool(true),
            _ => Value::Null,
        }
    }
}

/// The first type that is not null; told from other keywords where none is written.
fn kind(schema: &Value) -> &str {
    let named = match schema.get("type") {
        Some(Value::Array(types)) => {
            types.iter().filter_map(Value::as_str).find(|name| *name != "null").or(Some("null"))
        }
        Some(Value::String(name)) => Some(name.as_str()),
        _ => None,
    };
    let has = |keyword: &str| schema.get(keyword).is_some();
    named.unwrap_or_else(|| match () {
        () if has("properties") || has("required") => "object",
        () if has("items") => "array",
        () if has("format") || has("minLength") || has("pattern") => "string",
        () if has("minimum") || has("multipleOf") => "number",
        () => "null",
    })
}

impl Synthesis<'_> {
    /// The required members.
    fn object(&self, schema: &Value, depth: usize) -> Map<String, Value> {
        let required = schema.get("required").and_then(Value::as_array).into_iter().flatten();
        required
            .filter_map(Value::as_str)
            .map(|name| {
                let property = schema.get("properties").and_then(|properties| properties.get(name));
                (name.to_owned(), self.value(property.unwrap_or(&Value::Bool(true)), depth + 1))
            })
            .collect()
    }
}

fn string(schema: &Value) -> Value {
    let text = match schema.get("format").and_then(Value::as_str).unwrap_or_default() {
        "date-time" => "2026-01-01T00:00:00Z",
        "date" => "2026-01-01",
        "time" => "00:00:00Z",
        "duration" => "PT1S",
        "uuid" => "00000000-0000-4000-8000-000000000001",
        "uri" | "iri" | "uri-reference" => "https://sandbox.example/",
        "email" => "someone@sandbox.example",
        "hostname" => "sandbox.example",
        "ipv4" => "127.0.0.1",
        "ipv6" => "::1",
        "byte" => "c2FuZGJveA==",
        "decimal" => "1.00",
        _ => "sandbox",
    };
    let length =
        |keyword: &str| schema.get(keyword).and_then(Value::as_u64).and_then(|n| usize::try_from(n).ok());
    let least = length("minLength").unwrap_or(0).min(10_000);
    let most = length("maxLength").unwrap_or(usize::MAX);
    let padding = least.saturating_sub(text.chars().count());
    json!(text.chars().chain(std::iter::repeat_n('x', padding)).take(most).collect::<String>())
}

/// The number nearest to `wanted` that the bounds and `multipleOf` allow.
fn least(schema: &Value, wanted: f64) -> f64 {
    let bound = |keyword: &str| schema.get(keyword).and_then(Value::as_f64);
    let step = bound("multipleOf").filter(|step| *step > 0.0).unwrap_or(if kind(schema) == "integer" {
        1.0
    } else {
        0.0
    });
    let mut number: f64 = wanted;
    if let Some(maximum) = bound("maximum") {
        number = number.min(maximum);
    }
    if let Some(maximum) = bound("exclusiveMaximum").filter(|maximum| number >= *maximum) {
        number = maximum - if step > 0.0 { step } else { 1.0 };
    }
    if let Some(minimum) = bound("minimum") {
        number = number.max(minimum);
    }
    if let Some(minimum) = bound("exclusiveMinimum").filter(|minimum| number <= *minimum) {
        number = minimum + if step > 0.0 { step } else { 1.0 };
    }
    if step > 0.0 { (number / step).ceil() * step } else { number }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_follow_their_schemas() {
        let document = json!({"components": {"schemas": {
            "Line": {"type": "object", "required": ["sku", "next"], "properties": {
                "sku": {"type": "string", "minLength": 9},
                "next": {"oneOf": [{"type": "null"}, {"$ref": "#/components/schemas/Line"}]},
            }},
            "Loop": {"type": "object", "required": ["self"], "properties": {"self": {"$ref": "#/components/schemas/Loop"}}},
        }}});
        let made = |schema: Value| synthesise(&document, &schema);
        assert_eq!(
            made(json!({"type": "array", "items": {"$ref": "#/components/schemas/Line"}, "minItems": 2})),
            json!([{"sku": "sandboxxx", "next": null}, {"sku": "sandboxxx", "next": null}])
        );
        assert_eq!(made(json!({"type": "integer", "exclusiveMinimum": 4, "multipleOf": 3})), json!(9));
        assert_eq!(made(json!({"type": ["null", "string"], "format": "date"})), json!("2026-01-01"));
        assert_eq!(made(json!({"enum": ["a", "b"]})), json!("a"));
        assert_eq!(
            made(json!({"allOf": [{"type": "object", "required": ["a"], "properties": {"a": {"const": 1}}},
                {"type": "object", "required": ["b"], "properties": {"b": {"type": "boolean"}}}]})),
            json!({"a": 1, "b": true})
        );
        let circle = json!({"a": {"$ref": "#/b"}, "b": {"$ref": "#/a"}, "c": {"$ref": "http://x"}});
        assert_eq!(resolve(&circle, &circle["a"]), &Value::Null);
        assert_eq!(resolve(&circle, &circle["c"]), &Value::Null);
        let wide = json!({"type": "array", "minItems": 100, "items": {"type": "array", "minItems": 100, "items": {
            "type": "array", "minItems": 100, "items": {"const": 1}}}});
        let ones = made(wide).to_string().matches('1').count();
        assert!((1_000..=VALUES).contains(&ones), "{ones}");
        // A schema that has no finite value ends all the same.
        assert!(made(json!({"$ref": "#/components/schemas/Loop"})).is_object());
    }
}
