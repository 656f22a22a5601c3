//! Slices: one operation with everything it refers to, as a small document with the same JSON pointers.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::operation::{dialect, member_of};
use super::pointer;
use super::references::{Reference, each_reference, is_named_at, local_reference, resolve};
use super::view::ViewError;
use crate::base::{Digest, canonical_json, json::read_strict};

/// The format's name, in the member `x-eczflow-slice` of every slice.
pub const SLICE_FORMAT: &str = "eczflow-slice-1";

/// One operation with everything it refers to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Slice {
    /// Canonical text.
    pub text: String,
    /// SHA-256 of the text.
    pub digest: Digest,
}

impl Slice {
    /// A slice of a text; `None` where the text is not canonical JSON.
    pub fn of_text(text: String) -> Option<Slice> {
        let value = read_strict(text.as_bytes()).ok()?;
        let canonical = canonical_json(&value).ok()?;
        let digest = Digest::of(&text);
        (canonical == text).then_some(Slice { text, digest })
    }
}

/// Which operation a slice is of.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Header {
    pub(super) format: String,
    pub(super) method: String,
    pub(super) path: String,
}

/// Cuts the slice of one operation (`method` in upper case) out of a document.
pub(super) fn cut(root: &Value, method: &str, path: &str) -> Result<Slice, ViewError> {
    let (item_at, item) = path_item(root, path)?;
    let member = member_of(method, dialect(root)?);
    let operation = member.iter().try_fold(item, |at, token| at.get(token));
    let operation = operation.ok_or_else(|| ViewError::new(&item_at, "has no such method"))?;
    let header = Header { format: SLICE_FORMAT.into(), method: method.into(), path: path.into() };
    let header = serde_json::to_value(header).map_err(|_| ViewError::new("", "has no canonical text"))?;
    let mut cutting = Cutting { root, kept: BTreeSet::new(), queue: Vec::new() };
    cutting.references(item.get("parameters"), &format!("{item_at}/parameters"));
    let operation_at = member.iter().fold(item_at.clone(), |at, token| pointer::join(&at, token));
    cutting.references(Some(operation), &operation_at);
    let security = operation.get("security").or_else(|| root.get("security"));
    for name in security.into_iter().filter_map(Value::as_array).flatten().filter_map(Value::as_object) {
        for scheme in name.keys() {
            let at = vec!["components".to_owned(), "securitySchemes".to_owned(), scheme.clone()];
            if root.pointer(&pointer::of_tokens(&at)).is_some() {
                cutting.queue.push(at);
            }
        }
    }
    cutting.run();

    let mut slice = json!({ "x-eczflow-slice": header });
    for name in ["openapi", "jsonSchemaDialect", "servers"] {
        copy(root, &mut slice, &[name.to_owned()]);
    }
    if operation.get("security").is_none() {
        copy(root, &mut slice, &["security".to_owned()]);
    }
    // The operation stands under its own path even where the path item is a reference.
    let mut own = Map::new();
    for name in ["parameters", "servers"] {
        if let Some(value) = item.get(name) {
            own.insert(name.to_owned(), value.clone());
        }
    }
    let mut own = Value::Object(own);
    place(&mut own, &member, operation.clone());
    place(&mut slice, &["paths".to_owned(), path.to_owned()], own);
    for tokens in &cutting.kept {
        copy(root, &mut slice, tokens);
    }
    let text = canonical_json(&slice).map_err(|_| ViewError::new("", "has no canonical text"))?;
    let digest = Digest::of(&text);
    Ok(Slice { text, digest })
}

/// The path item of a path, references followed.
pub(super) fn path_item<'v>(root: &'v Value, path: &str) -> Result<(String, &'v Value), ViewError> {
    let at = pointer::join("/paths", path);
    resolve(root, &at).ok_or_else(|| ViewError::new(&at, "leads nowhere"))
}

struct Cutting<'v> {
    root: &'v Value,
    kept: BTreeSet<Vec<String>>,
    queue: Vec<Vec<String>>,
}

impl Cutting<'_> {
    fn references(&mut self, value: Option<&Value>, at: &str) {
        let Some(value) = value else { return };
        let named = pointer::tokens(at).is_some_and(|tokens| is_named_at(&tokens));
        let queue = &mut self.queue;
        each_reference(value, at, named, &mut |_, text| {
            if let Reference::Local(target) = local_reference(text)
                && let Some(tokens) = pointer::tokens(&target)
            {
                queue.push(tokens);
            }
        });
    }

    fn run(&mut self) {
        let mut seen: BTreeSet<Vec<String>> = BTreeSet::new();
        while let Some(target) = self.queue.pop() {
            let tokens = whole_arrays(self.root, target);
            if (1..=tokens.len())
                .any(|length| tokens.get(..length).is_some_and(|prefix| seen.contains(prefix)))
            {
                continue;
            }
            seen.insert(tokens.clone());
            let at = pointer::of_tokens(&tokens);
            self.references(self.root.pointer(&at), &at);
            self.kept.insert(tokens);
        }
    }
}

/// A pointer cut off before the first array it leads through: half an array would shift the places of the rest.
fn whole_arrays(root: &Value, tokens: Vec<String>) -> Vec<String> {
    let mut at = root;
    for (depth, token) in tokens.iter().enumerate() {
        match at {
            Value::Object(members) => match members.get(token) {
                Some(next) => at = next,
                None => break,
            },
            _ => return tokens.into_iter().take(depth).collect(),
        }
    }
    tokens
}

fn copy(root: &Value, slice: &mut Value, tokens: &[String]) {
    if let Some(value) = root.pointer(&pointer::of_tokens(tokens)) {
        place(slice, tokens, value.clone());
    }
}

/// Puts a value at a place, making the objects above it. What already stands there has come from the same document, so
/// the larger of the two is kept.
fn place(slice: &mut Value, tokens: &[String], value: Value) {
    let mut at = slice;
    for token in tokens {
        let Value::Object(members) = at else { return };
        at = members.entry(token.clone()).or_insert_with(|| Value::Object(Map::new()));
    }
    merge(at, value);
}

fn merge(into: &mut Value, value: Value) {
    match (into, value) {
        (Value::Object(into), Value::Object(value)) => {
            for (key, member) in value {
                match into.get_mut(&key) {
                    Some(there) => merge(there, member),
                    None => {
                        into.insert(key, member);
                    }
                }
            }
        }
        (into, value) => *into = value,
    }
}
