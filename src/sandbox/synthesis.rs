//! Values made from a schema where the document gives no example: the same for the same schema, always. Several, from the
//! likeliest on, since a document's examples often break its own schemas; whoever uses them takes the first that fits.

use std::cell::{Cell, RefCell};

use serde_json::{Map, Value, json};

use super::flatten::{Choice, flat, is_nullable, reference};
use super::scalar::{number, text};

/// Schemas nested deeper than this end in null or in nothing: they are recursive.
const DEPTH: usize = 24;
/// Values made for one answer; what is due beyond is null.
const VALUES: usize = 10_000;
/// Members that nothing requires are made down to this depth.
const OPTIONAL_DEPTH: usize = 2;

/// Values of the schema, as far as its keywords are understood here: with the schemas' own examples and without, with
/// other alternatives of `oneOf` and `anyOf`, and at last with every member.
pub(crate) fn candidates<'d>(document: &'d Value, schema: &'d Value) -> impl Iterator<Item = Value> {
    let attempts = [(true, 0, false), (false, 0, false), (true, 0, true), (false, 0, true)];
    let further = (1..16).flat_map(|variant| [(false, variant, false), (false, variant, true)]);
    attempts.into_iter().chain(further).map(move |(examples, variant, whole)| {
        let choice = Choice { variant };
        let made = Synthesis {
            document,
            examples,
            choice,
            whole,
            left: Cell::new(VALUES),
            open: RefCell::default(),
            ordinal: Cell::new(0),
        };
        made.value(schema, 0)
    })
}

/// The likeliest value of the schema.
pub(crate) fn synthesise(document: &Value, schema: &Value) -> Value {
    candidates(document, schema).next().unwrap_or_default()
}

struct Synthesis<'d> {
    document: &'d Value,
    /// Takes the examples and defaults that stand in schemas.
    examples: bool,
    choice: Choice,
    /// Makes the members too that nothing requires.
    whole: bool,
    /// Values that may still be made.
    left: Cell<usize>,
    /// References that are being followed.
    open: RefCell<Vec<String>>,
    /// Which of several different values is made.
    ordinal: Cell<usize>,
}

impl Synthesis<'_> {
    fn value(&self, schema: &Value, depth: usize) -> Value {
        let left = self.left.get();
        if depth > DEPTH || left == 0 || (is_nullable(schema) && self.is_recursive(schema)) {
            return Value::Null;
        }
        self.left.set(left - 1);
        let entered = self.enter(schema);
        let flat = flat(self.document, schema, self.choice, &|schema| self.is_recursive(schema));
        let value = self.literal(&flat).unwrap_or_else(|| self.own(&flat, depth));
        let mut open = self.open.borrow_mut();
        let stay = open.len().saturating_sub(entered);
        open.truncate(stay);
        value
    }

    /// Notes the references that a schema is or consists of; says how many.
    fn enter(&self, schema: &Value) -> usize {
        let parts = schema.get("allOf").and_then(Value::as_array).into_iter().flatten();
        let names: Vec<String> =
            [schema].into_iter().chain(parts).filter_map(reference).map(str::to_owned).collect();
        let count = names.len();
        self.open.borrow_mut().extend(names);
        count
    }

    fn is_recursive(&self, schema: &Value) -> bool {
        let open = self.open.borrow();
        let parts = schema.get("allOf").and_then(Value::as_array).into_iter().flatten();
        [schema].into_iter().chain(parts).filter_map(reference).any(|name| open.iter().any(|own| own == name))
    }

    /// What a schema itself says a value is.
    fn literal(&self, schema: &Map<String, Value>) -> Option<Value> {
        let nth = |keyword: &str, n: usize| schema.get(keyword)?.as_array()?.get(n).cloned();
        if let Some(only) = schema.get("const") {
            return Some(only.clone());
        }
        let ordinal = self.ordinal.get();
        if self.examples && ordinal == 0 {
            let given = schema.get("example").cloned().or_else(|| nth("examples", 0));
            let given = given.into_iter().chain(schema.get("default").cloned());
            if let Some(value) = given.into_iter().find(|value| !value.is_null() && may_be(schema, value)) {
                return Some(value);
            }
        }
        let listed = schema.get("enum")?.as_array()?;
        let values: Vec<&Value> = listed.iter().filter(|value| !value.is_null()).collect();
        let value = values.get(ordinal % values.len().max(1)).copied().or_else(|| listed.first());
        value.cloned()
    }

    /// By the schema's own type.
    fn own(&self, schema: &Map<String, Value>, depth: usize) -> Value {
        match kind(schema) {
            "object" => Value::Object(self.object(schema, depth)),
            "array" => self.array(schema, depth),
            "string" => text(schema, self.ordinal.get()).into(),
            kind @ ("integer" | "number") => number(schema, kind == "integer", self.ordinal.get()),
            "boolean" => Value::Bool(true),
            "null" => Value::Null,
            // Nothing is said of it: a text is what most such members are.
            _ => json!("sandbox"),
        }
    }

    /// The required members; where nothing is required, those that are texts, numbers or booleans.
    fn object(&self, schema: &Map<String, Value>, depth: usize) -> Map<String, Value> {
        let nothing = Map::new();
        let properties = schema.get("properties").and_then(Value::as_object).unwrap_or(&nothing);
        let required: Vec<&str> = schema
            .get("required")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        let mut members = Map::new();
        let rest =
            schema.get("additionalProperties").filter(|rest| rest.is_object()).unwrap_or(&Value::Bool(true));
        for (name, property) in properties {
            let optional = !required.contains(&name.as_str());
            let made = !optional || depth < OPTIONAL_DEPTH && self.is_made(property, required.is_empty());
            if made {
                members.insert(name.clone(), self.value(property, depth + 1));
            }
        }
        for name in required {
            if !members.contains_key(name) {
                members.insert(name.to_owned(), self.value(rest, depth + 1));
            }
        }
        let least = schema.get("minProperties").and_then(Value::as_u64).unwrap_or(0).min(100);
        for (name, property) in properties.iter().take(100) {
            if u64::try_from(members.len()).unwrap_or(u64::MAX) < least && !members.contains_key(name) {
                members.insert(name.clone(), self.value(property, depth + 1));
            }
        }
        for n in 1..=least {
            if u64::try_from(members.len()).unwrap_or(u64::MAX) < least {
                members.insert(format!("sandbox{n}"), self.value(rest, depth + 1));
            }
        }
        members
    }

    /// Whether a member that is not required is made.
    fn is_made(&self, property: &Value, nothing_required: bool) -> bool {
        if self.is_recursive(property) {
            return false;
        }
        let flat = flat(self.document, property, self.choice, &|schema| self.is_recursive(schema));
        let scalar = matches!(kind(&flat), "string" | "integer" | "number" | "boolean");
        flat.get("writeOnly") != Some(&Value::Bool(true)) && (self.whole || scalar && nothing_required)
    }

    /// One item, or as few as are allowed; none of what contains itself.
    fn array(&self, schema: &Map<String, Value>, depth: usize) -> Value {
        let limit = |keyword: &str| schema.get(keyword).and_then(Value::as_u64);
        let first = schema.get("prefixItems").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let items = schema.get("items").unwrap_or(&Value::Bool(true));
        let least = limit("minItems").unwrap_or(0);
        let usual = u64::from(!self.is_recursive(items) && items != &Value::Bool(false));
        let due = least.max(usual).min(limit("maxItems").unwrap_or(u64::MAX)).min(100);
        let due = usize::try_from(due).unwrap_or(0).max(first.len());
        let unique = schema.get("uniqueItems") == Some(&Value::Bool(true));
        let before = self.ordinal.get();
        let made = (0..due).map(|n| {
            self.ordinal.set(before + if unique { n } else { 0 });
            self.value(first.get(n).unwrap_or(items), depth + 1)
        });
        let made = made.collect();
        self.ordinal.set(before);
        made
    }
}

/// The first type that is not null; told from other keywords where none is written.
pub(super) fn kind(schema: &Map<String, Value>) -> &str {
    let named = match schema.get("type") {
        Some(Value::Array(types)) => {
            types.iter().filter_map(Value::as_str).find(|name| *name != "null").or(Some("null"))
        }
        Some(Value::String(name)) => Some(name.as_str()),
        _ => None,
    };
    let has = |keyword: &str| schema.contains_key(keyword);
    named.unwrap_or_else(|| match () {
        () if has("properties") || has("required") || has("additionalProperties") => "object",
        () if has("items") => "array",
        () if has("format") || has("minLength") || has("maxLength") || has("pattern") => "string",
        () if has("minimum") || has("maximum") || has("multipleOf") => "number",
        () => "",
    })
}

/// Whether an example is of the schema's type and among its values: many documents give `"12"` for a number.
fn may_be(schema: &Map<String, Value>, value: &Value) -> bool {
    let named = |name: &str| match (name, value) {
        ("integer", Value::Number(number)) => number.is_i64() || number.is_u64(),
        ("number", Value::Number(_))
        | ("string", Value::String(_))
        | ("boolean", Value::Bool(_))
        | ("object", Value::Object(_))
        | ("array", Value::Array(_)) => true,
        _ => false,
    };
    let typed = match schema.get("type") {
        Some(Value::String(name)) => named(name),
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).any(named),
        _ => true,
    };
    typed && schema.get("enum").and_then(Value::as_array).is_none_or(|values| values.contains(value))
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
            "Tree": {"type": "object", "required": ["name", "children", "parent"], "properties": {
                "name": {"type": "string"}, "children": {"type": "array", "items": {"$ref": "#/components/schemas/Tree"}},
                "parent": {"nullable": true, "allOf": [{"$ref": "#/components/schemas/Tree"}]},
            }},
            "Named": {"properties": {"name": {"type": "string"}, "more": {"type": "object"}}},
        }}});
        let made = |schema: Value| synthesise(&document, &schema);
        assert_eq!(
            made(json!({"type": "array", "items": {"$ref": "#/components/schemas/Line"}, "minItems": 2})),
            json!([{"sku": "sandboxxx", "next": null}, {"sku": "sandboxxx", "next": null}])
        );
        assert_eq!(
            made(json!({"$ref": "#/components/schemas/Tree"})),
            json!({"name": "sandbox", "children": [], "parent": null})
        );
        assert_eq!(made(json!({"type": "integer", "exclusiveMinimum": 4, "multipleOf": 3})), json!(9));
        assert_eq!(made(json!({"type": "integer", "exclusiveMinimum": true, "minimum": 4})), json!(5));
        assert_eq!(made(json!({"type": ["null", "string"], "format": "date"})), json!("2026-01-01"));
        assert_eq!(made(json!({"type": "string", "nullable": true, "enum": [null, "a", "b"]})), json!("a"));
        assert_eq!(made(json!({"type": "string", "pattern": "^[A-Z]{3}-\\d{2,4}(x|y)$"})), json!("AAA-11x"));
        assert_eq!(made(json!({"type": "string", "pattern": "^a+$", "minLength": 4})), json!("aaaa"));
        assert_eq!(made(json!({"type": "integer", "example": "7"})), json!(1));
        assert_eq!(
            made(json!({"type": "array", "uniqueItems": true, "minItems": 2, "items": {"type": "integer"}})),
            json!([1, 2])
        );
        // Required here, described there; what nothing requires is made where it is plain.
        assert_eq!(
            made(
                json!({"allOf": [{"$ref": "#/components/schemas/Named"}, {"required": ["name"], "type": "object"}]})
            ),
            json!({"name": "sandbox"})
        );
        assert_eq!(made(json!({"$ref": "#/components/schemas/Named"})), json!({"name": "sandbox"}));
        assert_eq!(
            made(json!({"allOf": [{"type": "object", "required": ["a"], "properties": {"a": {"const": 1}}},
                {"type": "object", "required": ["b"], "properties": {"b": {"type": "boolean"}}}]})),
            json!({"a": 1, "b": true})
        );
        let wide = json!({"type": "array", "minItems": 100, "items": {"type": "array", "minItems": 100, "items": {
            "type": "array", "minItems": 100, "items": {"const": 1}}}});
        let ones = made(wide).to_string().matches('1').count();
        assert!((1_000..=VALUES).contains(&ones), "{ones}");
        // A schema that has no finite value ends all the same, and so does one that leads nowhere.
        assert!(made(json!({"$ref": "#/components/schemas/Loop"})).is_object());
        assert_eq!(made(json!({"$ref": "#/nowhere"})), json!("sandbox"));
        // Further candidates take other alternatives.
        let several = json!({"oneOf": [{"type": "string"}, {"type": "integer"}]});
        let all: Vec<Value> = candidates(&document, &several).collect();
        assert!(all.contains(&json!("sandbox")) && all.contains(&json!(1)));
    }
}
