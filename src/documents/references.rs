//! Local references: `$ref` inside one document.

use serde_json::{Map, Value};

use super::pointer;
use super::tree::Node;

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

/// As [`local_reference`], in a document that states its own address (`$self` of OpenAPI 3.2): what refers to that address
/// stays within the document.
pub(super) fn reference_within(own: Option<&str>, text: &str) -> Reference {
    let (file, fragment) = text.split_once('#').unwrap_or((text, ""));
    let Some(own) = own.map(|own| own.split('#').next().unwrap_or(own)).filter(|_| !file.is_empty()) else {
        return local_reference(text);
    };
    let joined = url::Url::parse(own).and_then(|own| own.join(file));
    if file == own || joined.is_ok_and(|joined| joined.as_str() == own) {
        local_reference(&format!("#{fragment}"))
    } else {
        Reference::External
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

/// A reference that was found.
#[derive(Debug, Clone, Copy)]
pub(super) struct Found<'t> {
    /// The string that refers.
    pub(super) node: Node<'t>,
    /// Its text.
    pub(super) text: &'t str,
    /// Whether a request or an answer depends on it: not in `callbacks` and `links`, nor of a discriminator's mapping.
    pub(super) matters: bool,
    /// Whether it stands in a discriminator's mapping, where a bare name is that of a schema.
    pub(super) mapped: bool,
}

/// Calls `found` for every reference below a value. `named` says that the members of that value are named by the author.
pub(super) fn each_reference<'t>(
    value: Node<'t>,
    named: bool,
    matters: bool,
    found: &mut impl FnMut(Found<'t>),
) {
    for (key, member) in value.members() {
        let key = key.as_str().unwrap_or("");
        if named {
            each_reference(member, false, matters, found);
        } else if key == "$ref" {
            if let Some(text) = member.as_str() {
                found(Found { node: member, text, matters, mapped: false });
            }
        } else if matches!(key, "$dynamicRef" | "$recursiveRef" | "defaultMapping") {
            // What may stand there counts for classes and for drift; what leads nowhere is no error.
            if let Some(text) = member.as_str() {
                found(Found { node: member, text, matters: false, mapped: key == "defaultMapping" });
            }
        } else if key == "mapping" {
            // A discriminator's mapping holds references, or bare names of schemas.
            let targets = member.members().filter_map(|(_, target)| Some((target, target.as_str()?)));
            for (node, text) in targets {
                found(Found { node, text, matters: false, mapped: true });
            }
        } else if !holds_data(key) {
            // `examples` of a schema is an array of data, elsewhere an object of named examples.
            if key == "examples" && member.is_array() {
                continue;
            }
            let matters = matters && !matches!(key, "callbacks" | "links" | "examples");
            each_reference(member, holds_names(key), matters, found);
        }
    }
    for item in value.items() {
        each_reference(item, false, matters, found);
    }
}

/// Takes an object: its pointer, its members, and whether the author names these.
type Visit<'f> = dyn FnMut(&str, &Map<String, Value>, bool) + 'f;

/// Visits every object of a document, or of a slice, that says something: with its pointer, and whether the author names
/// its members. What is data, or means something to others only, is left out.
pub fn each_object(root: &Value, visit: &mut Visit<'_>) {
    fn of(value: &Value, at: &mut String, named: bool, visit: &mut Visit<'_>) {
        let length = at.len();
        match value {
            Value::Object(members) => {
                visit(at, members, named);
                for (key, member) in members {
                    let data =
                        holds_data(key) || key == "mapping" || (key == "examples" && member.is_array());
                    if !named && data {
                        continue;
                    }
                    *at = pointer::join(at, key);
                    of(member, at, !named && holds_names(key), visit);
                    at.truncate(length);
                }
            }
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    *at = pointer::join(at, &index.to_string());
                    of(item, at, false, visit);
                    at.truncate(length);
                }
            }
            _ => {}
        }
    }
    of(root, &mut String::new(), false, visit);
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
            "allOf": [{"$ref": "#/e"}], "callbacks": {"done": {"$ref": "#/f"}},
        });
        let (mut sources, mut sink) = Default::default();
        let tree = super::super::document::read_tree(
            value.to_string().as_bytes(),
            "a.json",
            &mut sources,
            &mut sink,
        );
        let mut found = Vec::new();
        each_reference(tree.unwrap().root(), false, true, &mut |one| {
            found.push((one.text.to_owned(), one.matters))
        });
        found.sort();
        let expected = [
            ("#/a", true),
            ("#/b", true),
            ("#/c", false),
            ("#/d", false),
            ("#/e", true),
            ("#/f", false),
            ("Dog", false),
        ];
        assert_eq!(found, expected.map(|(text, matters)| (text.to_owned(), matters)).to_vec());
    }

    #[test]
    fn a_document_knows_its_own_address() {
        let own = Some("https://a.example/apis/one");
        let local = Reference::Local("/a".into());
        for text in ["#/a", "https://a.example/apis/one#/a", "one#/a", "/apis/one#/a"] {
            assert_eq!(reference_within(own, text), local, "{text}");
        }
        assert_eq!(reference_within(own, "two#/a"), Reference::External);
        assert_eq!(reference_within(None, "one#/a"), Reference::External);
        assert_eq!(reference_within(Some("/apis/one"), "/apis/one#/a"), local);
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
