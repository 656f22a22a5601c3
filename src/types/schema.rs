//! JSON Schema (2020-12, as OpenAPI 3.1 uses it) to type.
//!
//! The type is never narrower than the schema: whatever the schema accepts, the type does too. Where the schema says more
//! than the type can (`pattern`, `minItems`, `not`, …), the position is listed as undecided and the full schema is checked
//! at run time.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value as Json};

use super::dialect::UNCHECKED;
use super::guard::Guard;
use super::intersect::{MOST_PAIRS, TOO_MANY_PAIRS, disjoint, intersect};
use super::{Field, Members, RecordType, Type};
use crate::documents::{Reference, local_reference};

/// Subschemas that are read, references unfolded; the rest is unknown.
pub const SCHEMA_NODES: usize = 20_000;
/// Parts of types that are copied and compared while one schema is read; past them the rest is unknown.
const SCHEMA_WORK: usize = 1_000_000;
/// Nesting of a type made from a schema: deep enough for any contract, small enough to be written into a plan.
pub const TYPE_DEPTH: usize = 24;
/// References and combined schemas within one another that are unfolded at one place.
const MOST_HOPS: usize = 128;
/// Undecided positions that are named; later ones are counted in the last entry.
const MOST_UNDECIDED: usize = 50;

/// What a schema says, as far as a type can.
#[derive(Debug, Clone, PartialEq)]
pub struct Schema {
    /// The type: accepts everything the schema accepts.
    pub ty: Type,
    /// Keywords the type does not express: `amount: multipleOf`. Where there are any, a yes is no more than a guess.
    pub undecided: Vec<String>,
    /// The same by member, where the whole is no more than what its members are: then one that is not given, or is as
    /// written, leaves nothing undecided.
    pub by_member: Option<BTreeMap<String, Vec<String>>>,
    /// Whether it names formats of text that are no types. They are asserted of what a flow writes.
    pub has_formats: bool,
}

impl Schema {
    /// The schema that accepts everything.
    pub fn any() -> Schema {
        Schema { ty: Type::any(), undecided: Vec::new(), by_member: None, has_formats: false }
    }

    /// Reads the schema at a JSON pointer of a document or slice. Never fails: what can't be read is unknown.
    pub fn read(root: &Json, pointer: &str) -> Schema {
        let Some(schema) = root.pointer(pointer) else {
            return Schema { ty: Type::unknown("the schema is missing"), ..Schema::any() };
        };
        // Where all of it is too much, the nearest levels are read whole rather than the first members deeply.
        let mut depth = TYPE_DEPTH;
        loop {
            let mut reader = Reader {
                root,
                nodes: SCHEMA_NODES,
                work: SCHEMA_WORK,
                depth,
                hops: 0,
                refs: vec![pointer.to_owned()],
                undecided: Vec::new(),
                more: 0,
                has_formats: false,
            };
            let ty = reader.schema(schema, "", 0);
            if (reader.nodes == 0 || reader.work == 0) && depth > 1 {
                depth = if depth > 8 { depth / 2 } else { depth - 1 };
                continue;
            }
            let by_member = match reader.more {
                0 => by_member(root, schema, &reader.undecided),
                more => {
                    reader.undecided.push(format!("{more} more"));
                    None
                }
            };
            return Schema { ty, undecided: reader.undecided, by_member, has_formats: reader.has_formats };
        }
    }
}

/// What is undecided by the member it is about, where the schema says nothing but what its members are.
fn by_member(root: &Json, schema: &Json, undecided: &[String]) -> Option<BTreeMap<String, Vec<String>>> {
    let mut object = schema.as_object()?;
    for _ in 0..MOST_HOPS {
        let Some(reference) = object.get("$ref") else { break };
        let alone = object.keys().all(|key| key == "$ref" || is_annotation(key));
        let Reference::Local(pointer) = local_reference(reference.as_str().filter(|_| alone)?) else {
            return None;
        };
        object = root.pointer(&pointer)?.as_object()?;
    }
    let plain = object.iter().all(|(key, value)| match key.as_str() {
        "properties" | "required" => true,
        "type" => value == "object",
        "additionalProperties" => value.is_boolean(),
        key => is_annotation(key),
    });
    let properties = object.get("properties").filter(|_| plain)?.as_object()?;
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for entry in undecided {
        // A name may hold what stands after names in a path: then it counts for several.
        let of = |name: &&String| {
            entry.strip_prefix(name.as_str()).is_some_and(|rest| rest.starts_with([':', '.', '[']))
        };
        let mut names = properties.keys().filter(of).peekable();
        names.peek()?;
        names.for_each(|name| found.entry(name.clone()).or_default().push(entry.clone()));
    }
    Some(found)
}

fn is_annotation(key: &str) -> bool {
    let known = [
        "title",
        "description",
        "example",
        "examples",
        "default",
        "deprecated",
        "readOnly",
        "writeOnly",
        "externalDocs",
        "xml",
        "$comment",
        "$schema",
        "$defs",
    ];
    known.contains(&key) || (key.starts_with("x-") && key != UNCHECKED)
}

pub(super) struct Reader<'a> {
    pub(super) root: &'a Json,
    nodes: usize,
    /// What is left of [`SCHEMA_WORK`].
    work: usize,
    /// Levels of lists and records that are read.
    depth: usize,
    /// References and combined schemas being unfolded at one place.
    hops: usize,
    /// References being unfolded, to find circles.
    refs: Vec<String>,
    undecided: Vec<String>,
    more: usize,
    pub(super) has_formats: bool,
}

pub(super) type Object = Map<String, Json>;

/// The kinds that a `type` may name.
const KINDS: [&str; 7] = ["null", "boolean", "integer", "number", "string", "array", "object"];

/// What says something of values of one kind, and of those alone, by itself.
const OF_ONE_KIND: [&str; 13] = [
    "pattern",
    "minLength",
    "maxLength",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minItems",
    "maxItems",
    "uniqueItems",
    "minProperties",
    "maxProperties",
];

/// The same, by a schema or together with one.
const OF_ONE_KIND_BY_SCHEMA: [&str; 6] =
    ["contains", "minContains", "maxContains", "unevaluatedItems", "propertyNames", "unevaluatedProperties"];

/// How deep a schema without `type` is looked into for kinds that are named beside its own keywords.
const MOST_NAMED: usize = 4;

impl Reader<'_> {
    /// Takes one unit of the node budget; false where it is used up.
    pub(super) fn charge(&mut self) -> bool {
        self.nodes = self.nodes.saturating_sub(1);
        self.nodes > 0
    }

    /// Takes units of the work budget; false where it is used up.
    pub(super) fn spend(&mut self, work: usize) -> bool {
        self.work = self.work.saturating_sub(work.max(1));
        self.work > 0
    }

    /// Remembers a keyword that the type does not express.
    pub(super) fn note(&mut self, path: &str, keyword: &str) {
        let entry = if path.is_empty() { keyword.to_owned() } else { format!("{path}: {keyword}") };
        if self.undecided.contains(&entry) {
            return;
        }
        if self.undecided.len() < MOST_UNDECIDED {
            self.undecided.push(entry);
        } else {
            self.more += 1;
        }
    }

    fn schema(&mut self, schema: &Json, path: &str, depth: usize) -> Type {
        if !self.charge() {
            return Type::unknown("the schema is too large");
        }
        if depth >= self.depth || self.hops >= MOST_HOPS {
            return Type::unknown("the schema is nested too deep");
        }
        let object = match schema {
            Json::Bool(true) => return Type::any(),
            Json::Bool(false) => return Type::Never,
            Json::Object(object) => object,
            _ => return Type::unknown("this is no schema"),
        };
        if let Some(keyword) =
            ["$dynamicRef", "$recursiveRef", "$id"].into_iter().find(|keyword| object.contains_key(*keyword))
        {
            return Type::unknown(keyword);
        }
        if let Some(keyword) = object.get(UNCHECKED).and_then(Json::as_str) {
            self.note(path, &format!("{keyword} (which is not checked)"));
        }
        let mut ty = match object.get("$ref") {
            Some(reference) => self.reference(reference, path, depth),
            None => Type::any(),
        };
        let own = self.own(object, path, depth);
        ty = intersect(self, ty, own, path);
        for part in array(object, "allOf") {
            let part = self.inner(part, path, depth);
            ty = intersect(self, ty, part, path);
        }
        for keyword in ["anyOf", "oneOf"] {
            if object.contains_key(keyword) {
                ty = self.alternatives(ty, array(object, keyword), keyword, path, depth);
            }
        }
        for keyword in ["not", "if", "dependentRequired", "dependentSchemas", "dependencies"] {
            if object.contains_key(keyword) {
                self.note(path, keyword);
            }
        }
        self.conditional(object, ty)
    }

    /// A schema that applies to the same value: it makes no deeper type, but is bounded as well.
    fn inner(&mut self, schema: &Json, path: &str, depth: usize) -> Type {
        self.hops += 1;
        let ty = self.schema(schema, path, depth);
        self.hops -= 1;
        ty
    }

    fn reference(&mut self, reference: &Json, path: &str, depth: usize) -> Type {
        let Some(text) = reference.as_str() else { return Type::unknown("a `$ref` that is no string") };
        let Reference::Local(pointer) = local_reference(text) else {
            return Type::unknown("a `$ref` that is no JSON pointer");
        };
        if self.refs.contains(&pointer) {
            return Type::unknown("recursive");
        }
        let Some(target) = self.root.pointer(&pointer) else {
            return Type::unknown("a `$ref` that leads nowhere");
        };
        self.refs.push(pointer);
        let ty = self.inner(target, path, depth);
        self.refs.pop();
        ty
    }

    fn alternatives(&mut self, base: Type, of: &[Json], keyword: &str, path: &str, depth: usize) -> Type {
        // One base with many alternatives is no product, but the alternatives of both are.
        let of_base = base.alternatives().len();
        if of_base > 1 && of_base.saturating_mul(of.len()) > MOST_PAIRS {
            return Type::unknown(TOO_MANY_PAIRS);
        }
        let weight = base.weight();
        let mut alternatives = Vec::new();
        for one in of {
            if !self.spend(weight) {
                return Type::unknown("the schema is too large");
            }
            let one = self.inner(one, path, depth);
            let one = intersect(self, base.clone(), one, path);
            alternatives.push(one);
        }
        let exclusive = keyword == "oneOf" && {
            let pairs = alternatives.len().saturating_mul(alternatives.len());
            pairs > 1024
                || alternatives.iter().enumerate().any(|(index, one)| {
                    alternatives
                        .iter()
                        .skip(index + 1)
                        .any(|other| !disjoint(&mut |work| self.spend(work), one, other))
                })
        };
        if exclusive {
            self.note(path, keyword);
        }
        Type::union(alternatives)
    }

    /// The type of the keywords that stand in this schema itself.
    fn own(&mut self, object: &Object, path: &str, depth: usize) -> Type {
        let given: Option<Vec<&str>> = match object.get("type") {
            Some(Json::String(one)) => Some(vec![one]),
            Some(Json::Array(several)) => Some(several.iter().filter_map(Json::as_str).collect()),
            Some(_) => return Type::unknown("a `type` that is no string or list"),
            None => None,
        };
        let allowed: Option<Vec<&Json>> = match (object.get("const"), object.get("enum")) {
            (Some(one), _) => Some(vec![one]),
            (None, Some(Json::Array(several))) => Some(several.iter().collect()),
            (None, Some(_)) => return Type::unknown("an `enum` that is no list"),
            (None, None) => None,
        };
        let has = |keywords: &[&str]| keywords.iter().any(|keyword| object.contains_key(*keyword));
        let kinds = match given {
            Some(kinds) => kinds,
            None if allowed.is_some() => vec!["null", "boolean", "number", "string", "array", "object"],
            // Without `type` the schema takes values of other kinds as well, which nobody means who names none beside it.
            None if has(&["properties", "required", "additionalProperties", "patternProperties"]) => {
                self.with_kinds_beside("object", object)
            }
            None if has(&["items", "prefixItems"]) => self.with_kinds_beside("array", object),
            None => {
                self.noted(object, &OF_ONE_KIND, path);
                self.noted(object, &OF_ONE_KIND_BY_SCHEMA, path);
                return Type::any();
            }
        };
        if let Some(allowed) = allowed {
            let allowed = self.beside(object, allowed, path);
            return self.enumeration(&kinds, &allowed, path);
        }
        let mut alternatives = Vec::new();
        for kind in &kinds {
            alternatives.push(match *kind {
                "null" => Type::Null,
                "boolean" => Type::Bool,
                "integer" if kinds.contains(&"number") => continue,
                "integer" => self.integer(object, path),
                "number" => self.number(object, path),
                "string" => self.string(object, path),
                "array" => self.list(object, path, depth),
                "object" => self.record(object, path, depth),
                other => Type::unknown(format!("the type {other:?}")),
            });
        }
        Type::union(alternatives)
    }

    /// A kind, and those that what stands beside (`$ref`, `allOf`, `anyOf`, `oneOf`) names.
    fn with_kinds_beside(&mut self, kind: &'static str, object: &Object) -> Vec<&'static str> {
        let mut named = BTreeSet::from([kind]);
        self.kinds_beside(object, MOST_NAMED, &mut named);
        named.into_iter().collect()
    }

    fn kinds_beside(&mut self, object: &Object, levels: usize, named: &mut BTreeSet<&'static str>) {
        let root = self.root;
        let target = object.get("$ref").and_then(Json::as_str).map(local_reference);
        let target = match target {
            Some(Reference::Local(pointer)) => root.pointer(&pointer),
            _ => None,
        };
        let parts = ["allOf", "anyOf", "oneOf"].into_iter().flat_map(|keyword| array(object, keyword));
        for part in target.into_iter().chain(parts).filter_map(Json::as_object) {
            if levels == 0 || !self.charge() {
                return;
            }
            let kinds =
                part.get("type").map(|ty| ty.as_array().map_or(std::slice::from_ref(ty), Vec::as_slice));
            for kind in kinds.into_iter().flatten().filter_map(Json::as_str) {
                named.extend(KINDS.into_iter().find(|known| *known == kind));
            }
            named.extend(array(part, "enum").iter().chain(part.get("const")).map(kind_of));
            self.kinds_beside(part, levels - 1, named);
        }
    }

    /// Those of the listed values that what stands beside the list takes too.
    fn beside<'v>(&mut self, object: &'v Object, allowed: Vec<&'v Json>, path: &str) -> Vec<&'v Json> {
        let others: Object = ["enum", "const", "required"]
            .into_iter()
            .chain(OF_ONE_KIND)
            .filter_map(|keyword| Some((keyword.to_owned(), object.get(keyword)?.clone())))
            .collect();
        if others.len() < 2 {
            return allowed;
        }
        match Guard::of_normal(&Json::Object(others), path) {
            Ok(guard) => allowed.into_iter().filter(|value| guard.check(value).is_ok()).collect(),
            Err(_) => {
                self.note(path, "enum");
                allowed
            }
        }
    }

    pub(super) fn noted(&mut self, object: &Object, keywords: &[&str], path: &str) {
        for keyword in keywords {
            // A least size of zero says nothing, nor does a schema that everything fits; but a list needs an item to contain.
            let nothing = |value: &Json| match value {
                Json::Bool(says) => *keyword != "contains" && *says == (*keyword != "uniqueItems"),
                value => value.as_u64() == Some(0) && keyword.starts_with("min") && *keyword != "minimum",
            };
            if object.get(*keyword).is_some_and(|value| !nothing(value)) {
                self.note(path, keyword);
            }
        }
    }

    fn list(&mut self, object: &Object, path: &str, depth: usize) -> Type {
        let keywords = ["prefixItems", "minItems", "maxItems", "uniqueItems", "contains", "unevaluatedItems"];
        self.noted(object, &keywords, path);
        let of = match object.get("items") {
            _ if object.contains_key("prefixItems") => Type::unknown("prefixItems"),
            Some(items) => self.schema(items, &format!("{path}[]"), depth + 1),
            None => Type::any(),
        };
        Type::list(of)
    }

    fn record(&mut self, object: &Object, path: &str, depth: usize) -> Type {
        self.noted(object, &["minProperties", "maxProperties", "propertyNames", "patternProperties"], path);
        // A name without a letter would make its members look like those of what it stands in.
        let shown = |name: &str| if name.is_empty() { "\"\"".to_owned() } else { name.to_owned() };
        let inner =
            |name: &str| if path.is_empty() { shown(name) } else { format!("{path}.{}", shown(name)) };
        let others = match object.get("additionalProperties") {
            _ if object.contains_key("patternProperties") => Members::Open,
            None => match object.get("unevaluatedProperties") {
                Some(Json::Bool(true)) | None => Members::Open,
                Some(Json::Bool(false)) if !applies_more(object) => Members::Closed,
                Some(_) => {
                    self.note(path, "unevaluatedProperties");
                    Members::Open
                }
            },
            Some(schema) => match self.schema(schema, &inner("{}"), depth + 1) {
                Type::Never => Members::Closed,
                any if any.is_any() => Members::Open,
                of => Members::Of(Box::new(of)),
            },
        };
        let required: BTreeSet<&str> = array(object, "required").iter().filter_map(Json::as_str).collect();
        let mut fields = std::collections::BTreeMap::new();
        for (name, schema) in object.get("properties").and_then(Json::as_object).into_iter().flatten() {
            let ty = self.schema(schema, &inner(name), depth + 1).present();
            fields.insert(name.clone(), Field { ty, required: required.contains(name.as_str()) });
        }
        for name in required {
            let undeclared = || match &others {
                Members::Closed => Type::Never,
                Members::Open => Type::any(),
                Members::Of(of) => (**of).clone(),
            };
            fields.entry(name.to_owned()).or_insert_with(|| Field { ty: undeclared(), required: true });
        }
        if fields.values().any(|field| field.required && field.ty == Type::Never) {
            return Type::Never;
        }
        // What its names may match is declared, only nobody knows as what.
        let others = match others {
            Members::Open if object.contains_key("patternProperties") && !fields.is_empty() => {
                Members::Of(Box::new(Type::unknown("patternProperties")))
            }
            others => others,
        };
        match others {
            Members::Of(of) if fields.is_empty() => Type::Map { of },
            others => Type::Record(RecordType { fields, others }),
        }
    }
}

/// The kind of a value, as `type` names it.
fn kind_of(value: &Json) -> &'static str {
    match value {
        Json::Null => "null",
        Json::Bool(_) => "boolean",
        Json::Number(_) => "number",
        Json::String(_) => "string",
        Json::Array(_) => "array",
        Json::Object(_) => "object",
    }
}

fn applies_more(object: &Object) -> bool {
    let keywords =
        ["$ref", "allOf", "anyOf", "oneOf", "if", "dependentSchemas", "patternProperties", UNCHECKED];
    keywords.iter().any(|keyword| object.contains_key(*keyword))
}

fn array<'a>(object: &'a Object, keyword: &str) -> &'a [Json] {
    object.get(keyword).and_then(Json::as_array).map_or(&[], Vec::as_slice)
}

#[cfg(test)]
#[path = "schema_tests.rs"]
mod tests;
