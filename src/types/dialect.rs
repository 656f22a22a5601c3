//! Schemas of every OpenAPI version in one form: JSON Schema 2020-12, closed in itself, only what is checked.
//!
//! What a schema reaches is copied once, each target of a reference into a definition of its own; descriptions, examples and
//! extensions stay behind. OpenAPI 3.0 is translated (`nullable`, boolean exclusive bounds, siblings of `$ref`). Members that
//! only answers have (`readOnly`) are not demanded of requests, and those that only requests have (`writeOnly`) not of answers.

use std::collections::{BTreeMap, VecDeque};

use serde_json::{Map, Value as Json, json};

use super::guard::{GuardError, is_pattern};
use crate::base::limits;
use crate::documents::{Reference, join, local_reference, resolve};

/// Which way a value goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// It is sent.
    Request,
    /// It is answered.
    Answer,
    /// Either: neither kind of member is demanded.
    Both,
}

/// Subschemas that are copied; a reference past them is left unchecked. Nearer ones come first.
const MOST_SCHEMAS: usize = 20_000;

/// Schemas of one `allOf`, all levels together, among which the declaration of a demanded member is looked for.
const ALONGSIDE: usize = 16;

/// Marks a place that is checked less than the document says, and names the keyword.
pub(super) const UNCHECKED: &str = "x-unchecked";

type Object = Map<String, Json>;

/// The schema at a pointer of a document or slice, in the form that types and guards are made of. The root of the result is
/// a reference to its first definition.
pub(super) fn normalise(root: &Json, pointer: &str, direction: Direction) -> Result<Json, GuardError> {
    let v30 = root.get("openapi").and_then(Json::as_str).is_some_and(|version| version.starts_with("3.0"));
    let mut normal = Normal {
        root,
        v30,
        direction,
        count: 0,
        known: BTreeMap::new(),
        queue: VecDeque::new(),
        patterns: BTreeMap::new(),
    };
    let first = normal.slot(pointer);
    let mut definitions = Map::new();
    while let Some((pointer, name)) = normal.queue.pop_front() {
        let schema = root.pointer(&pointer).ok_or_else(|| error(&pointer, "it is missing"))?;
        let schema = normal.schema(schema, &pointer, 0)?;
        definitions.insert(name, schema);
    }
    Ok(json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$ref": first,
        "$defs": definitions,
    }))
}

fn error(pointer: &str, reason: impl Into<String>) -> GuardError {
    GuardError { pointer: pointer.to_owned(), reason: reason.into() }
}

struct Normal<'a> {
    root: &'a Json,
    v30: bool,
    direction: Direction,
    count: usize,
    /// Definitions by the pointer they come from.
    known: BTreeMap<String, String>,
    queue: VecDeque<(String, String)>,
    /// Whether a pattern is one that can be checked.
    patterns: BTreeMap<String, bool>,
}

impl Normal<'_> {
    /// The reference to the definition of what stands at a pointer.
    fn slot(&mut self, pointer: &str) -> String {
        let next = format!("d{}", self.known.len());
        let name = match self.known.get(pointer) {
            Some(name) => name.clone(),
            None => {
                self.known.insert(pointer.to_owned(), next.clone());
                self.queue.push_back((pointer.to_owned(), next.clone()));
                next
            }
        };
        format!("#/$defs/{name}")
    }

    fn schema(&mut self, schema: &Json, at: &str, depth: usize) -> Result<Json, GuardError> {
        self.count += 1;
        if depth > limits::DOCUMENT_DEPTH {
            return Err(error(at, "it is nested too deep"));
        }
        let object = match schema {
            Json::Bool(_) => return Ok(schema.clone()),
            Json::Object(object) => object,
            _ => return Err(error(at, "it is no schema")),
        };
        let mut normal = Map::new();
        if let Some(reference) = object.get("$ref") {
            let reference = self.reference(reference, at)?;
            match reference {
                Some(slot) => normal.insert("$ref".to_owned(), slot.into()),
                None => normal.insert(UNCHECKED.to_owned(), "$ref to more of it than is read".into()),
            };
            if self.v30 {
                return Ok(Json::Object(normal));
            }
        }
        for (keyword, value) in object {
            self.keyword(keyword, value, object, &mut normal, at, depth)?;
        }
        if self.v30 && object.get("nullable") == Some(&Json::Bool(true)) {
            return Ok(nullable(normal));
        }
        Ok(Json::Object(normal))
    }

    fn reference(&mut self, reference: &Json, at: &str) -> Result<Option<String>, GuardError> {
        let text = reference.as_str().ok_or_else(|| error(at, "its `$ref` is no string"))?;
        let pointer = match local_reference(text) {
            Reference::Local(pointer) => pointer,
            Reference::External => {
                return Err(error(at, format!("it refers to another file (`{text}`)")));
            }
            Reference::Other => {
                let name = text.strip_prefix('#').unwrap_or_default();
                let anchored = if name.is_empty() { None } else { anchor(self.root, name, "", 0) };
                anchored.ok_or_else(|| error(at, format!("its reference `{text}` leads nowhere")))?
            }
        };
        if self.root.pointer(&pointer).is_none() {
            return Err(error(at, format!("its reference `{text}` leads nowhere")));
        }
        if self.count > MOST_SCHEMAS && !self.known.contains_key(&pointer) {
            return Ok(None);
        }
        Ok(Some(self.slot(&pointer)))
    }

    fn keyword(
        &mut self,
        keyword: &str,
        value: &Json,
        object: &Object,
        normal: &mut Object,
        at: &str,
        depth: usize,
    ) -> Result<(), GuardError> {
        let here = || join(at, keyword);
        let mut keep = |value: Json| normal.insert(keyword.to_owned(), value);
        match (keyword, value) {
            ("type", _) => {
                let names = match value {
                    Json::Array(names) => names.as_slice(),
                    one => std::slice::from_ref(one),
                };
                let known = ["null", "boolean", "integer", "number", "string", "array", "object"];
                for name in names {
                    if !name.as_str().is_some_and(|name| known.contains(&name)) {
                        return Err(error(&here(), format!("{name} is no type of JSON Schema")));
                    }
                }
                if names.is_empty() {
                    return Err(error(&here(), "it names no type"));
                }
                keep(value.clone());
            }
            ("enum", Json::Array(_)) | ("const", _) => {
                keep(value.clone());
            }
            ("format" | "contentEncoding", Json::String(_)) | ("uniqueItems", Json::Bool(_)) => {
                keep(value.clone());
            }
            ("format" | "contentEncoding", _) => {}
            ("exclusiveMinimum" | "exclusiveMaximum", Json::Bool(exclusive)) if self.v30 => {
                let bound = if keyword == "exclusiveMinimum" { "minimum" } else { "maximum" };
                if let Some(bound) = object.get(bound).filter(|bound| *exclusive && bound.is_number()) {
                    keep(bound.clone());
                }
            }
            ("minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum", Json::Number(_)) => {
                keep(value.clone());
            }
            ("multipleOf", Json::Number(number)) if number.as_f64().is_some_and(|step| step > 0.0) => {
                keep(value.clone());
            }
            (
                "minLength" | "maxLength" | "minItems" | "maxItems" | "minProperties" | "maxProperties"
                | "minContains" | "maxContains",
                Json::Number(number),
            ) if number.as_f64().is_some_and(|size| size >= 0.0 && size.fract() == 0.0) => {
                keep(value.clone());
            }
            ("pattern", Json::String(pattern)) => {
                if self.is_pattern(pattern) {
                    keep(value.clone());
                } else {
                    normal.insert(UNCHECKED.to_owned(), "pattern".into());
                }
            }
            ("required", Json::Array(names)) if names.iter().all(Json::is_string) => {
                let declaring = self.declaring(object, at);
                let left_out =
                    |name: &str| declaring.iter().any(|(object, at)| self.is_left_out(object, name, at));
                let demanded = names.iter().filter(|name| !left_out(name.as_str().unwrap_or_default()));
                keep(demanded.cloned().collect());
            }
            ("dependentRequired", Json::Object(_)) => {
                keep(value.clone());
            }
            ("patternProperties", Json::Object(members)) => {
                if members.keys().all(|pattern| self.is_pattern(pattern)) {
                    let members = self.members(members, &here(), depth)?;
                    normal.insert(keyword.to_owned(), members);
                } else {
                    normal.insert(UNCHECKED.to_owned(), "patternProperties".into());
                }
            }
            ("additionalProperties", _)
                if object
                    .get("patternProperties")
                    .and_then(Json::as_object)
                    .is_some_and(|members| !members.keys().all(|pattern| self.is_pattern(pattern))) => {}
            ("properties" | "dependentSchemas", Json::Object(members)) => {
                let members = self.members(members, &here(), depth)?;
                normal.insert(keyword.to_owned(), members);
            }
            (
                "additionalProperties"
                | "propertyNames"
                | "items"
                | "contains"
                | "unevaluatedItems"
                | "unevaluatedProperties"
                | "not"
                | "if"
                | "then"
                | "else",
                Json::Bool(_) | Json::Object(_),
            ) => {
                let schema = self.schema(value, &here(), depth + 1)?;
                normal.insert(keyword.to_owned(), schema);
            }
            ("allOf" | "anyOf" | "oneOf" | "prefixItems", Json::Array(several)) if !several.is_empty() => {
                let place = here();
                let several = several
                    .iter()
                    .enumerate()
                    .map(|(index, one)| self.schema(one, &format!("{place}/{index}"), depth + 1));
                let several = several.collect::<Result<Vec<_>, _>>()?;
                normal.insert(keyword.to_owned(), Json::Array(several));
            }
            ("$dynamicRef" | "$recursiveRef", _) if !self.v30 => {
                normal.insert(UNCHECKED.to_owned(), keyword.into());
            }
            // Every reference below would start from it.
            ("$id", _) if !self.v30 => return Err(error(&here(), "`$id` inside a document is not read")),
            (
                "enum"
                | "uniqueItems"
                | "minimum"
                | "maximum"
                | "exclusiveMinimum"
                | "exclusiveMaximum"
                | "multipleOf"
                | "minLength"
                | "maxLength"
                | "minItems"
                | "maxItems"
                | "minProperties"
                | "maxProperties"
                | "minContains"
                | "maxContains"
                | "pattern"
                | "required"
                | "dependentRequired"
                | "patternProperties"
                | "properties"
                | "dependentSchemas"
                | "additionalProperties"
                | "propertyNames"
                | "items"
                | "contains"
                | "unevaluatedItems"
                | "unevaluatedProperties"
                | "not"
                | "if"
                | "then"
                | "else"
                | "allOf"
                | "anyOf"
                | "oneOf"
                | "prefixItems",
                _,
            ) => return Err(error(&here(), format!("`{keyword}` has no value that JSON Schema allows"))),
            _ => {}
        }
        Ok(())
    }

    fn members(&mut self, members: &Object, at: &str, depth: usize) -> Result<Json, GuardError> {
        let members = members
            .iter()
            .map(|(name, schema)| Ok((name.clone(), self.schema(schema, &join(at, name), depth + 1)?)));
        members.collect::<Result<Map<_, _>, _>>().map(Json::Object)
    }

    fn is_pattern(&mut self, pattern: &str) -> bool {
        if let Some(known) = self.patterns.get(pattern) {
            return *known;
        }
        let is = is_pattern(pattern);
        self.patterns.insert(pattern.to_owned(), is);
        is
    }

    /// What may declare the members that a schema demands: itself, or another schema of the same `allOf`.
    fn declaring<'s>(&'s self, object: &'s Object, at: &str) -> Vec<(&'s Object, String)> {
        let mut found = vec![(object, at.to_owned())];
        let mut around = at;
        while let Some((outer, index)) = around.rsplit_once('/')
            && let Some(outer) = outer.strip_suffix("/allOf")
            && index.bytes().all(|byte| byte.is_ascii_digit())
        {
            around = outer;
        }
        if around != at || object.contains_key("allOf") {
            let mut left = ALONGSIDE;
            self.alongside(around, &mut left, &mut found);
        }
        found
    }

    /// The objects that apply where a schema does: itself, and what its `allOf` and references lead to.
    fn alongside<'s>(&'s self, at: &str, left: &mut usize, found: &mut Vec<(&'s Object, String)>) {
        let Some(less) = left.checked_sub(1) else { return };
        *left = less;
        let Some((place, schema)) = resolve(self.root, at) else { return };
        let Some(object) = schema.as_object() else { return };
        for index in 0..object.get("allOf").and_then(Json::as_array).map_or(0, Vec::len) {
            self.alongside(&format!("{place}/allOf/{index}"), left, found);
        }
        found.push((object, place));
    }

    /// Whether an object declares a member that is not sent this way.
    fn is_left_out(&self, object: &Object, name: &str, at: &str) -> bool {
        let Some(member) = object.get("properties").and_then(|members| members.get(name)) else {
            return false;
        };
        let target = resolve(self.root, &join(&join(at, "properties"), name)).map(|(_, target)| target);
        let says = |keyword: &str| {
            let says = |schema: &Json| schema.get(keyword) == Some(&Json::Bool(true));
            target.is_some_and(says) || !self.v30 && says(member)
        };
        match self.direction {
            Direction::Request => says("readOnly"),
            Direction::Answer => says("writeOnly"),
            Direction::Both => says("readOnly") || says("writeOnly"),
        }
    }
}

/// `nullable: true` of OpenAPI 3.0. Beside `type` it adds null, to an enumeration too; beside other schemas it is taken to
/// mean what its author meant, null or those.
fn nullable(mut normal: Object) -> Json {
    if let Some(Json::Array(values)) = normal.get_mut("enum")
        && !values.contains(&Json::Null)
    {
        values.push(Json::Null);
    }
    if ["allOf", "anyOf", "oneOf", "not"].iter().any(|keyword| normal.contains_key(*keyword)) {
        return json!({"anyOf": [{"type": "null"}, normal]});
    }
    let has = |keywords: &[&str]| keywords.iter().any(|keyword| normal.contains_key(*keyword));
    let kind = match normal.get("type") {
        Some(Json::String(name)) => Some(name.as_str()),
        // A schema without `type` that speaks of members or items is taken to be of theirs.
        None if has(&["properties", "required", "additionalProperties"]) => Some("object"),
        None if has(&["items"]) => Some("array"),
        _ => None,
    };
    if let Some(kind) = kind {
        let both = json!([kind, "null"]);
        normal.insert("type".to_owned(), both);
    }
    Json::Object(normal)
}

/// Where a plain-name fragment (`$anchor`) stands.
fn anchor(value: &Json, name: &str, at: &str, depth: usize) -> Option<String> {
    if depth > limits::DOCUMENT_DEPTH {
        return None;
    }
    match value {
        Json::Object(members) => {
            let named = |keyword: &str| members.get(keyword).and_then(Json::as_str) == Some(name);
            if named("$anchor") || named("$dynamicAnchor") {
                return Some(at.to_owned());
            }
            members.iter().find_map(|(key, member)| anchor(member, name, &join(at, key), depth + 1))
        }
        Json::Array(items) => items
            .iter()
            .enumerate()
            .find_map(|(index, item)| anchor(item, name, &format!("{at}/{index}"), depth + 1)),
        _ => None,
    }
}
