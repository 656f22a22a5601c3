//! One schema of what a schema consists of: references followed, `allOf` merged, one alternative of `oneOf` and `anyOf`
//! taken.

use serde_json::{Map, Value, json};

use crate::documents::{Reference, local_reference};

/// References and parts followed one into another at most.
const NESTED: usize = 32;

/// Which alternatives are taken.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Choice {
    /// The n-th of those that are neither null nor recursive, counted around.
    pub(crate) variant: usize,
}

/// The text of a schema's `$ref`.
pub(crate) fn reference(schema: &Value) -> Option<&str> {
    schema.get("$ref").and_then(Value::as_str)
}

fn target<'v>(document: &'v Value, name: &str) -> Option<&'v Value> {
    match local_reference(name) {
        Reference::Local(pointer) => document.pointer(&pointer),
        Reference::External | Reference::Other => None,
    }
}

/// Whether null is among a schema's values, by its own words (3.0 and 3.1).
pub(crate) fn is_nullable(schema: &Value) -> bool {
    let types = schema.get("type").and_then(Value::as_array);
    schema.get("nullable") == Some(&Value::Bool(true))
        || types.is_some_and(|types| types.contains(&json!("null")))
}

/// What a schema comes to. `recursive` says of a schema that it is being made already.
pub(crate) fn flat(
    document: &Value,
    schema: &Value,
    choice: Choice,
    recursive: &dyn Fn(&Value) -> bool,
) -> Map<String, Value> {
    Flattening { document, choice, recursive }.of(schema, 0)
}

struct Flattening<'a> {
    document: &'a Value,
    choice: Choice,
    recursive: &'a dyn Fn(&Value) -> bool,
}

impl Flattening<'_> {
    fn of(&self, schema: &Value, nested: usize) -> Map<String, Value> {
        let mut whole = Map::new();
        let Some(own) = schema.as_object().filter(|_| nested <= NESTED) else { return whole };
        if let Some(target) = reference(schema).and_then(|name| target(self.document, name)) {
            whole = self.of(target, nested + 1);
        }
        let parts = own.get("allOf").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        for part in parts {
            let mut part = self.of(part, nested + 1);
            if parts.len() > 1 {
                // An example of a part is none of the whole.
                ["example", "examples", "default"].iter().for_each(|keyword| drop(part.remove(*keyword)));
            }
            merge(&mut whole, part);
        }
        for keyword in ["oneOf", "anyOf"] {
            let alternatives = own.get(keyword).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
            if let Some(alternative) = self.choose(alternatives) {
                let mut part = self.of(alternative, nested + 1);
                discriminate(own, alternative, &mut part);
                merge(&mut whole, part);
            }
        }
        let own =
            own.iter().filter(|(name, _)| !matches!(name.as_str(), "$ref" | "allOf" | "oneOf" | "anyOf"));
        merge(&mut whole, own.map(|(name, value)| (name.clone(), value.clone())).collect());
        whole
    }

    fn choose<'v>(&self, alternatives: &'v [Value]) -> Option<&'v Value> {
        let is_null = |schema: &&Value| schema.get("type") == Some(&json!("null"));
        let plain: Vec<&Value> =
            alternatives.iter().filter(|schema| !is_null(schema) && !(self.recursive)(schema)).collect();
        match plain.len() {
            0 => alternatives.iter().find(is_null).or_else(|| alternatives.first()),
            many => plain.get(self.choice.variant % many).copied(),
        }
    }
}

/// Says which alternative was taken where a member tells them apart.
fn discriminate(schema: &Map<String, Value>, alternative: &Value, part: &mut Map<String, Value>) {
    let discriminator = schema.get("discriminator");
    let Some(name) = discriminator.and_then(|object| object.get("propertyName")).and_then(Value::as_str)
    else {
        return;
    };
    let Some(taken) = reference(alternative) else { return };
    let mapping = discriminator.and_then(|object| object.get("mapping")).and_then(Value::as_object);
    let mapped = mapping.into_iter().flatten().find(|(_, target)| target.as_str() == Some(taken));
    let last = taken.rsplit('/').next().unwrap_or_default();
    let value = mapped.map_or(last, |(value, _)| value.as_str());
    let property = part.get("properties").and_then(|properties| properties.get(name));
    let told = |keyword: &str| property.is_some_and(|property| property.get(keyword).is_some());
    if told("const") || told("enum") || told("$ref") {
        return;
    }
    merge(part, Map::from_iter([("properties".to_owned(), json!({ name: {"const": value} }))]));
}

/// Adds a schema's keywords to another's: what both say of a member holds together, what both require is required, the
/// narrower bound holds, and of anything else the later word.
fn merge(whole: &mut Map<String, Value>, part: Map<String, Value>) {
    for (keyword, value) in part {
        let Some(there) = whole.get_mut(&keyword) else {
            whole.insert(keyword, value);
            continue;
        };
        match (keyword.as_str(), there, value) {
            ("properties", Value::Object(there), Value::Object(properties)) => {
                for (name, property) in properties {
                    match there.get_mut(&name) {
                        Some(both) if *both != property => {
                            *both = json!({ "allOf": [both.take(), property] })
                        }
                        Some(_) => {}
                        None => {
                            there.insert(name, property);
                        }
                    }
                }
            }
            ("required", Value::Array(there), Value::Array(names)) => {
                for name in names {
                    if !there.contains(&name) {
                        there.push(name);
                    }
                }
            }
            ("enum", Value::Array(there), Value::Array(values)) => {
                let both: Vec<Value> = there.iter().filter(|value| values.contains(value)).cloned().collect();
                *there = if both.is_empty() { values } else { both };
            }
            ("minimum" | "minLength" | "minItems" | "minProperties", there, value) => {
                if value.as_f64() > there.as_f64() {
                    *there = value;
                }
            }
            ("maximum" | "maxLength" | "maxItems" | "maxProperties", there, value) => {
                if value.as_f64() < there.as_f64() {
                    *there = value;
                }
            }
            ("type", there, value) => {
                // `integer` is the narrower of `integer` and `number`; one type is narrower than several.
                if there != "integer" && (there.is_array() || !value.is_array()) {
                    *there = value;
                }
            }
            (_, there, value) => *there = value,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_that_lead_nowhere_or_in_a_circle_end() {
        let circle = json!({"a": {"$ref": "#/b"}, "b": {"$ref": "#/a"}, "c": {"$ref": "http://x"}});
        let none = |schema: &Value| flat(&circle, schema, Choice { variant: 0 }, &|_| false);
        assert!(none(&circle["a"]).is_empty() && none(&circle["c"]).is_empty());
        let nested = json!({"allOf": [{"$ref": "#/a"}, {"anyOf": [{"required": ["x"]}, {"required": ["y"]}]}], "type": "object"});
        assert_eq!(Value::Object(none(&nested)), json!({"type": "object", "required": ["x"]}));
    }

    #[test]
    fn the_alternative_taken_is_told() {
        let document = json!({"s": {"Cat": {"type": "object", "required": ["kind"], "properties": {"kind": {"type": "string"}}}}});
        let schema = json!({"oneOf": [{"$ref": "#/s/Cat"}], "discriminator": {"propertyName": "kind", "mapping": {"cat": "#/s/Cat"}}});
        let made = super::super::synthesis::synthesise(&document, &schema);
        assert_eq!(made, json!({"kind": "cat"}));
    }
}
