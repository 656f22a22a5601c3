//! Whether two slices differ in words only.

use serde_json::Value;

/// Members that say something to people and nothing to programs.
const WORDS: [&str; 8] =
    ["description", "summary", "title", "example", "examples", "externalDocs", "tags", "deprecated"];

/// Members whose own members are named by the document's author: such a name is never a word.
const NAMED: [&str; 24] = [
    "$defs",
    "callbacks",
    "content",
    "definitions",
    "dependentRequired",
    "dependentSchemas",
    "encoding",
    "headers",
    "links",
    "mapping",
    "mediaTypes",
    "parameters",
    "pathItems",
    "paths",
    "patternProperties",
    "properties",
    "requestBodies",
    "responses",
    "schemas",
    "scopes",
    "securitySchemes",
    "variables",
    "webhooks",
    "dependencies",
];

/// Members that are values or lists of names, to be taken as they are.
const VALUES: [&str; 5] = ["enum", "const", "default", "security", "required"];

/// Whether both texts are JSON and equal once their words are taken out. What differs in form only is not asked for here.
pub(super) fn only(before: &str, now: &str) -> bool {
    let read = |text: &str| crate::base::json::read_strict(text.as_bytes()).ok();
    let (Some(mut before), Some(mut now)) = (read(before), read(now)) else { return false };
    strip(&mut before);
    strip(&mut now);
    before == now
}

fn strip(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.retain(|key, _| !WORDS.contains(&key.as_str()));
            for (key, value) in members.iter_mut() {
                let key = key.as_str();
                match value {
                    _ if VALUES.contains(&key) || key.starts_with("x-") => {}
                    Value::Object(named) if NAMED.contains(&key) => {
                        for value in named.values_mut() {
                            match value {
                                Value::String(words) if key == "scopes" => words.clear(),
                                value => strip(value),
                            }
                        }
                    }
                    value => strip(value),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(strip),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_told_from_names_and_values() {
        let base = r#"{"get":{"description":"a","schema":{"properties":{"title":{"type":"string","title":"t"}},
            "enum":[{"description":"a"}],"default":{"title":"a"}},"security":[{"tags":["a"]}]},
            "flows":{"f":{"tokenUrl":"a","scopes":{"read":"a"}}},"x-own":{"title":"a"}}"#;
        for (from, to) in [
            (r#""description":"a","schema""#, r#""summary":"b","schema""#),
            (r#""title":"t""#, r#""deprecated":true"#),
            (r#""read":"a""#, r#""read":"b""#),
        ] {
            assert!(only(base, &base.replacen(from, to, 1)), "{from}");
            assert!(base.contains(from), "{from}");
        }
        for (from, to) in [
            (r#""title":{"type""#, r#""summary":{"type""#),
            (r#"[{"description":"a"}]"#, r#"[{"description":"b"}]"#),
            (r#""default":{"title":"a"}"#, r#""default":{"title":"b"}"#),
            (r#"{"tags":["a"]}"#, r#"{"tags":["b"]}"#),
            (r#""tokenUrl":"a""#, r#""tokenUrl":"b""#),
            (r#""read":"a""#, r#""write":"a""#),
            (r#""x-own":{"title":"a"}"#, r#""x-own":{"title":"b"}"#),
        ] {
            assert!(base.contains(from), "{from}");
            assert!(!only(base, &base.replacen(from, to, 1)), "{from}");
        }
    }
}
