//! Local references: `$ref` inside one document.

use serde_json::Value;

use super::pointer;

/// What the text of a `$ref` names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reference {
    /// A JSON pointer into the same document.
    Local(String),
    /// Another file.
    External,
    /// Something in this document that is no JSON pointer: an anchor, the whole document, or a broken escape.
    Other,
}

/// Reads the text of a `$ref`.
pub fn local_reference(text: &str) -> Reference {
    let Some(fragment) = text.strip_prefix('#') else { return Reference::External };
    match pointer::decode_fragment(fragment) {
        Some(pointer) if pointer.starts_with('/') && pointer::tokens(&pointer).is_some() => {
            Reference::Local(pointer)
        }
        _ => Reference::Other,
    }
}

/// A chain of references longer than this leads nowhere.
const MOST_HOPS: usize = 32;

/// Follows `$ref` from the value at `at` until a value that is no reference. `None` where it leads nowhere or in a circle.
pub fn resolve<'v>(root: &'v Value, at: &str) -> Option<(String, &'v Value)> {
    let mut at = at.to_owned();
    for _ in 0..MOST_HOPS {
        let value = root.pointer(&at)?;
        match value.get("$ref").and_then(Value::as_str) {
            None => return Some((at, value)),
            Some(text) => match local_reference(text) {
                Reference::Local(next) => at = next,
                Reference::External | Reference::Other => return None,
            },
        }
    }
    None
}

/// Keywords whose members' names the author chooses, so that a member called `$ref` or `example` is only a name.
fn holds_names(keyword: &str) -> bool {
    matches!(
        keyword,
        "properties"
            | "patternProperties"
            | "$defs"
            | "definitions"
            | "dependentSchemas"
            | "schemas"
            | "responses"
            | "parameters"
            | "examples"
            | "requestBodies"
            | "headers"
            | "securitySchemes"
            | "links"
            | "callbacks"
            | "pathItems"
            | "paths"
            | "webhooks"
            | "content"
            | "encoding"
            | "variables"
    )
}

/// Keywords whose value is data, where `$ref` means nothing.
fn holds_data(keyword: &str) -> bool {
    matches!(keyword, "example" | "default" | "const" | "enum" | "value") || keyword.starts_with("x-")
}

/// Calls `found(pointer of the `$ref` member, its text)` for every reference below the value at `at`. `named` says that
/// the members of that value are named by the author.
pub(super) fn each_reference(value: &Value, at: &str, named: bool, found: &mut impl FnMut(&str, &str)) {
    match value {
        Value::Object(members) => {
            for (key, member) in members {
                let here = pointer::join(at, key);
                if named {
                    each_reference(member, &here, false, found);
                } else if key == "$ref" {
                    if let Value::String(text) = member {
                        found(&here, text);
                    }
                } else if key == "mapping" {
                    each_mapping(member, &here, found);
                } else if !holds_data(key) {
                    // `examples` of a schema is an array of data, elsewhere an object of named examples.
                    if key == "examples" && member.is_array() {
                        continue;
                    }
                    each_reference(member, &here, holds_names(key), found);
                }
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                each_reference(item, &format!("{at}/{index}"), false, found);
            }
        }
        _ => {}
    }
}

/// A discriminator's mapping holds references, or bare names of schemas.
fn each_mapping(mapping: &Value, at: &str, found: &mut impl FnMut(&str, &str)) {
    for (key, target) in mapping.as_object().into_iter().flatten() {
        if let Value::String(text) = target
            && (text.starts_with('#') || text.contains('/'))
        {
            found(&pointer::join(at, key), text);
        }
    }
}

/// Whether the value at a pointer is one whose members are named by the author (`/components/schemas`).
pub(super) fn is_named_at(tokens: &[String]) -> bool {
    let mut named = false;
    for token in tokens {
        named = !named && holds_names(token);
    }
    named
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn references_are_found_where_they_mean_something() {
        let value = json!({
            "properties": {"$ref": {"$ref": "#/a"}, "example": {"$ref": "#/b"}},
            "example": {"$ref": "#/no"}, "enum": [{"$ref": "#/no"}], "x-any": {"$ref": "#/no"},
            "examples": {"one": {"$ref": "#/c"}, "two": {"value": {"$ref": "#/no"}}},
            "discriminator": {"mapping": {"cat": "#/d", "dog": "Dog"}},
            "allOf": [{"$ref": "#/e"}],
        });
        let mut found = Vec::new();
        each_reference(&value, "", false, &mut |_, text| found.push(text.to_owned()));
        assert_eq!(found, ["#/e", "#/d", "#/c", "#/a", "#/b"].map(String::from).to_vec());
    }

    #[test]
    fn circles_end() {
        let root =
            json!({"a": {"$ref": "#/b"}, "b": {"$ref": "#/a"}, "c": {"$ref": "#/d~1e%20f"}, "d/e f": 1});
        assert_eq!(resolve(&root, "/a"), None);
        assert_eq!(resolve(&root, "/c"), Some(("/d~1e f".into(), &json!(1))));
        assert_eq!(local_reference("other.yaml#/a"), Reference::External);
        assert_eq!((local_reference("#"), local_reference("#name")), (Reference::Other, Reference::Other));
    }
}
