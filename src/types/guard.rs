//! Run-time guards: the full schema, checked by the `jsonschema` crate. Draft 2020-12, local references only, formats not
//! asserted, nothing is ever fetched.

use std::collections::BTreeMap;

use jsonschema::error::ValidationErrorKind;
use serde_json::{Value as Json, json};

use super::Misfit;
use super::dialect::{Direction, normalise};
use crate::base::limits;
use crate::documents::{Reference, escape, local_reference};

/// Evaluations of one value by schemas that refer to each other in place (`$ref`, `allOf`, `anyOf`, `oneOf`, `not`, `if`);
/// a schema that needs more is refused, since its size doubles with every level.
const IN_PLACE: u64 = 10_000;
/// Steps of regular expressions that look back; past them a value does not fit.
const BACKTRACKING: usize = 100_000;
/// Groups of a regular expression, times its bytes: what is remembered of groups while it runs grows with both.
const PATTERN_GROUPS: usize = 1 << 20;
/// Bytes of a compiled regular expression.
const PATTERN_BYTES: usize = 1 << 20;

/// A schema that can't be checked. Names the place; the schema is the document author's text, not a party's data.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the schema at `{pointer}` can't be checked: {reason}")]
pub struct GuardError {
    /// JSON pointer of the schema.
    pub pointer: String,
    /// Why not.
    pub reason: String,
}

/// Refusals of one value that are told.
pub(super) const MOST_REFUSALS: usize = 1_000;

/// What a schema refuses of a value, as JSON pointers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Refusal {
    /// The place in the value.
    pub(super) instance: String,
    /// The keyword in the schema.
    pub(super) schema: String,
    /// The way to it, references included.
    evaluation: String,
    /// Where none of several alternatives takes the value, what each of them refuses.
    alternatives: Vec<Vec<Refusal>>,
}

impl Refusal {
    fn of(error: &jsonschema::ValidationError<'_>) -> Refusal {
        let alternatives = match error.kind() {
            ValidationErrorKind::AnyOf { context } | ValidationErrorKind::OneOfNotValid { context } => {
                context.iter().map(|errors| Refusal::all(errors.iter())).collect()
            }
            _ => Vec::new(),
        };
        Refusal {
            instance: error.instance_path().as_str().to_owned(),
            schema: error.schema_path().as_str().to_owned(),
            evaluation: error.evaluation_path().as_str().to_owned(),
            alternatives,
        }
    }

    fn all<'e>(errors: impl Iterator<Item = &'e jsonschema::ValidationError<'e>>) -> Vec<Refusal> {
        let mut refusals: Vec<Refusal> = errors.take(MOST_REFUSALS).map(Refusal::of).collect();
        refusals.sort();
        refusals
    }

    /// Itself; where the value is none of several alternatives, what the nearest of them refuses, and how many there are:
    /// the one whose distinguishing words it has, else the one that refuses least.
    pub(super) fn innermost(&self) -> (&Refusal, Option<usize>) {
        let word = |refusal: &&Refusal| {
            let member =
                refusal.instance.strip_prefix(&self.instance).is_some_and(|rest| rest.rfind('/') == Some(0));
            member && matches!(refusal.keyword(), "const" | "enum")
        };
        let whole = |refusal: &&Refusal| refusal.instance == self.instance && refusal.keyword() == "type";
        let nearest = self.alternatives.iter().min_by_key(|refusals| {
            let count = |test: &dyn Fn(&&Refusal) -> bool| refusals.iter().filter(test).count();
            (count(&whole), count(&word), refusals.len())
        });
        match nearest.and_then(|refusals| refusals.first()) {
            Some(first) => (first.innermost().0, Some(self.alternatives.len())),
            None => (self, None),
        }
    }

    /// The keyword that refuses.
    pub(super) fn keyword(&self) -> &str {
        self.schema.rsplit('/').next().unwrap_or_default()
    }

    /// Where the keyword stands below the schema that was asked, in its document: places follow references by themselves.
    pub(super) fn below(&self) -> String {
        self.applied().map(|(segment, _)| format!("/{segment}")).collect()
    }

    /// Whether it holds whatever the rest of the value is.
    pub(super) fn is_unconditional(&self) -> bool {
        self.applied().all(|(segment, keyword)| {
            !keyword || !matches!(segment, "then" | "else" | "dependentSchemas" | "dependentRequired")
        })
    }

    /// The segments of the way but references, and whether each is a keyword.
    fn applied(&self) -> impl Iterator<Item = (&str, bool)> {
        let mut name = false;
        self.evaluation.split('/').skip(1).filter_map(move |segment| {
            let keyword = !std::mem::replace(&mut name, false);
            name = keyword && matches!(segment, "properties" | "patternProperties" | "dependentSchemas");
            (!keyword || segment != "$ref").then_some((segment, keyword))
        })
    }
}

/// A compiled schema; without one, everything fits.
#[derive(Debug)]
pub struct Guard(Option<jsonschema::Validator>);

impl Guard {
    /// The guard that lets everything through.
    pub fn open() -> Guard {
        Guard(None)
    }

    /// Compiles the schema at a pointer of a document or slice.
    pub fn compile(root: &Json, pointer: &str) -> Result<Guard, GuardError> {
        let normal = normalise(root, pointer, Direction::Both)?;
        Guard::is_affordable(&normal, pointer)?;
        Guard::of_normal(&normal, pointer)
    }

    /// Whether a schema in its normal form is checked in reasonable time; `pointer` is where it comes from.
    pub(super) fn is_affordable(normal: &Json, pointer: &str) -> Result<(), GuardError> {
        let costs = Costs { root: normal, known: BTreeMap::new(), deep: false };
        costs.reachable("").map_err(|reason| GuardError { pointer: pointer.to_owned(), reason })
    }

    /// Compiles a schema in its normal form; `pointer` is where it comes from.
    pub(super) fn of_normal(normal: &Json, pointer: &str) -> Result<Guard, GuardError> {
        let failed = |reason: String| GuardError { pointer: pointer.to_owned(), reason };
        match options().build(normal) {
            Ok(validator) => Ok(Guard(Some(validator))),
            Err(error) => Err(failed(one_line(&error.to_string()))),
        }
    }

    /// As [`Guard::of_normal`], and formats are asserted: for what a flow writes, not for what parties send.
    pub(super) fn strict(normal: &Json, pointer: &str) -> Result<Guard, GuardError> {
        match options().should_validate_formats(true).build(normal) {
            Ok(validator) => Ok(Guard(Some(validator))),
            Err(error) => {
                Err(GuardError { pointer: pointer.to_owned(), reason: one_line(&error.to_string()) })
            }
        }
    }

    /// What is wrong with a value, each place and keyword once, in their order.
    pub(super) fn refusals(&self, value: &Json) -> Vec<Refusal> {
        let Some(validator) = self.0.as_ref().filter(|_| !deeper_than(value, limits::DOCUMENT_DEPTH)) else {
            return Vec::new();
        };
        let errors: Vec<jsonschema::ValidationError<'_>> =
            validator.iter_errors(value).take(MOST_REFUSALS).collect();
        Refusal::all(errors.iter())
    }

    /// Checks a value. The misfit names the member, the keyword and its limit, never the value.
    pub fn check(&self, value: &Json) -> Result<(), Misfit> {
        let Some(validator) = &self.0 else { return Ok(()) };
        if deeper_than(value, limits::DOCUMENT_DEPTH) {
            return Err(Misfit::whole(format!("nested deeper than {} levels", limits::DOCUMENT_DEPTH)));
        }
        validator.validate(value).map_err(|error| {
            let schema = error.schema_path().as_str();
            let keyword = schema.rsplit('/').next().unwrap_or(schema);
            let limit = limit(error.kind()).map_or(String::new(), |limit| format!(": {limit}"));
            let why = format!("does not meet the schema's `{keyword}{limit}`");
            Misfit { path: member_path(schema), why }
        })
    }
}

/// The number that a keyword is about.
fn limit(kind: &ValidationErrorKind) -> Option<String> {
    match kind {
        ValidationErrorKind::Maximum { limit }
        | ValidationErrorKind::Minimum { limit }
        | ValidationErrorKind::ExclusiveMaximum { limit }
        | ValidationErrorKind::ExclusiveMinimum { limit } => Some(limit.to_string()),
        ValidationErrorKind::MultipleOf { multiple_of } => Some(multiple_of.to_string()),
        ValidationErrorKind::MaxItems { limit }
        | ValidationErrorKind::MinItems { limit }
        | ValidationErrorKind::MaxLength { limit }
        | ValidationErrorKind::MinLength { limit }
        | ValidationErrorKind::MaxProperties { limit }
        | ValidationErrorKind::MinProperties { limit } => Some(limit.to_string()),
        _ => None,
    }
}

fn options() -> jsonschema::ValidationOptions<'static> {
    jsonschema::draft202012::options().offline().should_validate_formats(false).with_pattern_options(
        jsonschema::PatternOptions::fancy_regex()
            .backtrack_limit(BACKTRACKING)
            .size_limit(PATTERN_BYTES)
            .dfa_size_limit(PATTERN_BYTES),
    )
}

/// Whether a pattern can be checked: written as ECMA 262 has it, and not too large when compiled.
pub(super) fn is_pattern(pattern: &str) -> bool {
    let groups = pattern.bytes().filter(|byte| *byte == b'(').count();
    groups.saturating_mul(pattern.len()) <= PATTERN_GROUPS
        && options().build(&json!({"pattern": pattern})).is_ok()
}

fn one_line(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    line.chars().take(200).collect()
}

fn deeper_than(value: &Json, levels: usize) -> bool {
    let Some(levels) = levels.checked_sub(1) else { return true };
    match value {
        Json::Array(items) => items.iter().any(|item| deeper_than(item, levels)),
        Json::Object(members) => members.values().any(|member| deeper_than(member, levels)),
        _ => false,
    }
}

/// The member that a place in a schema speaks about: `properties/lines/items/properties/sku/type` is `lines[].sku`. Names
/// come from the schema alone: a value's own keys may be confidential.
fn member_path(schema: &str) -> String {
    let mut path = String::new();
    let mut segments = schema.split('/').skip(1);
    while let Some(segment) = segments.next() {
        let name = match segment {
            "properties" => segments.next().unwrap_or_default().replace("~1", "/").replace("~0", "~"),
            "items" | "prefixItems" | "contains" => {
                path.push_str("[]");
                continue;
            }
            "additionalProperties" | "patternProperties" if segments.clone().next().is_some() => {
                "{}".to_owned()
            }
            _ => continue,
        };
        if !path.is_empty() {
            path.push('.');
        }
        path.push_str(&name);
    }
    path
}

/// How often schemas are evaluated for one value, references unfolded.
struct Costs<'a> {
    root: &'a Json,
    /// By pointer; `None` while it is being computed, so that a circle costs nothing more.
    known: BTreeMap<String, Option<u64>>,
    /// Whether schemas follow each other too deep for their cost to be known.
    deep: bool,
}

/// Schemas that one leads to.
const SCHEMAS: usize = super::SCHEMA_NODES * 5;

impl Costs<'_> {
    /// Whether the schema and all it leads to are few enough, and cheap enough each; else what they are too many of.
    fn reachable(mut self, pointer: &str) -> Result<(), String> {
        let mut seen = std::collections::BTreeSet::new();
        let mut pending = vec![pointer.to_owned()];
        while let Some(next) = pending.pop() {
            if !seen.insert(next.clone()) {
                continue;
            }
            if seen.len() > SCHEMAS {
                return Err(format!("it is made of more than {SCHEMAS} schemas"));
            }
            let cost = self.cost(&next, 0);
            if self.deep {
                let most = limits::DOCUMENT_DEPTH;
                return Err(format!(
                    "more than {most} schemas of it lead to each other for one value, by `$ref` or `allOf`"
                ));
            }
            if cost > IN_PLACE {
                return Err(format!(
                    "one value of it is held against more than {IN_PLACE} schemas, by `oneOf`, `anyOf`, `allOf` or `$ref`"
                ));
            }
            if let Some(schema) = self.root.pointer(&next) {
                pending.extend(children(schema, &next).map(|(child, _)| child));
            }
        }
        Ok(())
    }

    fn cost(&mut self, pointer: &str, depth: usize) -> u64 {
        if depth > limits::DOCUMENT_DEPTH {
            self.deep = true;
            return 1;
        }
        if let Some(known) = self.known.get(pointer) {
            return known.unwrap_or(1);
        }
        let Some(schema) = self.root.pointer(pointer) else { return 1 };
        self.known.insert(pointer.to_owned(), None);
        let mut cost: u64 = 1;
        let in_place: Vec<String> =
            children(schema, pointer).filter(|(_, in_place)| *in_place).map(|(child, _)| child).collect();
        for child in in_place {
            cost = cost.saturating_add(self.cost(&child, depth + 1));
        }
        self.known.insert(pointer.to_owned(), Some(cost));
        cost
    }
}

/// The subschemas of a schema, and whether they apply to the same value.
fn children<'a>(schema: &'a Json, pointer: &str) -> impl Iterator<Item = (String, bool)> + use<'a> {
    let pointer = pointer.to_owned();
    schema.as_object().into_iter().flatten().flat_map(move |(keyword, value)| {
        let at = format!("{pointer}/{}", escape(keyword));
        let keyed = |in_place: bool| -> Vec<(String, bool)> {
            let names = value.as_object().into_iter().flatten();
            names.map(|(name, _)| (format!("{at}/{}", escape(name)), in_place)).collect()
        };
        match (keyword.as_str(), value) {
            ("$ref", Json::String(text)) => match local_reference(text) {
                Reference::Local(target) => vec![(target, true)],
                Reference::External | Reference::Other => Vec::new(),
            },
            ("allOf" | "anyOf" | "oneOf" | "prefixItems", Json::Array(several)) => {
                (0..several.len()).map(|index| (format!("{at}/{index}"), keyword != "prefixItems")).collect()
            }
            ("not" | "if" | "then" | "else", _) => vec![(at, true)],
            ("dependentSchemas", _) => keyed(true),
            ("properties" | "patternProperties", _) => keyed(false),
            (
                "items"
                | "additionalProperties"
                | "contains"
                | "propertyNames"
                | "unevaluatedItems"
                | "unevaluatedProperties",
                _,
            ) => vec![(at, false)],
            _ => Vec::new(),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(schema: Json) -> Json {
        json!({"components": {"schemas": {"S": schema, "Line": {"type": "object", "required": ["sku"],
            "properties": {"sku": {"type": "string", "pattern": "^[a-z]+$"}, "next": {"$ref": "#/components/schemas/Line"}}}}}})
    }

    const S: &str = "/components/schemas/S";

    #[test]
    fn values_are_checked_and_never_quoted() {
        let guard = Guard::compile(
            &document(json!({"type": "object", "additionalProperties": {"type": "integer"}, "properties":
                {"lines": {"type": "array", "items": {"$ref": "#/components/schemas/Line"}}}})),
            S,
        )
        .unwrap();
        assert!(guard.check(&json!({"lines": [{"sku": "ab", "next": {"sku": "c"}}]})).is_ok());
        for (bad, says) in [
            (json!({"lines": [{"sku": "SECRET"}]}), "pattern"),
            (json!({"lines": [{"next": {}, "sku": "ok"}]}), "required"),
            (json!({"SECRET": "SECRET"}), "type"),
        ] {
            let misfit = guard.check(&bad).unwrap_err().to_string();
            assert!(misfit.contains(says) && !misfit.contains("SECRET"), "{misfit}");
        }
    }

    #[test]
    fn money_is_a_multiple_of_a_cent() {
        let guard = Guard::compile(&document(json!({"type": "number", "multipleOf": 0.01})), S).unwrap();
        for cents in (0..200_000_i64).chain([99_999_999_999, 12_345_678_901, 1_999_999_999_999]) {
            let amount: f64 = format!("{}.{:02}", cents / 100, cents % 100).parse().unwrap();
            assert!(guard.check(&json!(amount)).is_ok(), "{amount}");
        }
        assert!(guard.check(&json!(0.001)).is_err());
        assert!(guard.check(&json!(19.995)).is_err());
    }

    #[test]
    fn what_can_not_be_checked_is_an_error() {
        for bad in [
            json!({"$ref": "https://example.com/x.json"}),
            json!({"$ref": "#/components/schemas/None"}),
            json!({"type": "float"}),
            json!({"properties": {"a": {"minimum": "x"}}}),
        ] {
            let error = Guard::compile(&document(bad), S).unwrap_err();
            assert!(!error.to_string().contains('\n'), "{error}");
        }
        assert!(Guard::compile(&json!({}), S).is_err());
        let formats = Guard::compile(&document(json!({"type": "string", "format": "uuid"})), S).unwrap();
        assert!(formats.check(&json!("any text")).is_ok());
    }

    #[test]
    fn schemas_that_explode_are_refused_and_others_are_not() {
        let mut root = json!({"components": {"schemas": {"l40": {}, "m40": {"type": "integer"}}}});
        for level in 0..40 {
            let (l, m) = (
                format!("#/components/schemas/l{}", level + 1),
                format!("#/components/schemas/m{}", level + 1),
            );
            root["components"]["schemas"][format!("l{level}")] = json!({"type": "object", "properties": {"a": {"$ref": l}, "b": {"$ref": l}, "c": {"$ref": l}}});
            root["components"]["schemas"][format!("m{level}")] = json!({"allOf": [{"$ref": m}, {"$ref": m}]});
        }
        let why = |root: &Json, pointer: &str| Guard::compile(root, pointer).unwrap_err().reason;
        let multiplied = why(&root, "/components/schemas/m0");
        assert!(multiplied.contains("more than 10000 schemas, by `oneOf`"), "{multiplied}");
        // What is large and refers to nothing is not said to.
        let mut rows = serde_json::Map::new();
        for row in 0..400 {
            let cells: serde_json::Map<_, _> = (0..300).map(|cell| (format!("c{cell}"), json!({}))).collect();
            rows.insert(format!("r{row}"), json!({"properties": cells}));
        }
        let large = why(&document(json!({"properties": rows})), S);
        assert_eq!(large, "it is made of more than 100000 schemas");
        let texts: Vec<Json> = (0..10_001).map(|size| json!({"minLength": size})).collect();
        assert_eq!(why(&document(json!({"anyOf": texts})), S), multiplied);
        let mut chain = json!({"components": {"schemas": {"l200": {"type": "integer"}}}});
        for level in 0..200 {
            chain["components"]["schemas"][format!("l{level}")] =
                json!({"allOf": [{"$ref": format!("#/components/schemas/l{}", level + 1)}]});
        }
        let deep = why(&chain, "/components/schemas/l0");
        assert!(deep.contains("lead to each other"), "{deep}");
        let wide = Guard::compile(&root, "/components/schemas/l0").unwrap();
        assert!(wide.check(&json!({"a": {"b": {"c": {"a": 3}}}})).is_err());
        let circle = json!({"components": {"schemas": {"S": {"$ref": "#/components/schemas/S"}}}});
        // A circle in place says nothing at all; that it ends is what matters.
        let _ends = Guard::compile(&circle, S).map(|guard| guard.check(&json!(1)));
    }

    /// What a pattern's groups are remembered in grows with their number and the pattern's length.
    #[test]
    fn a_pattern_of_many_groups_is_none() {
        let of = |groups: usize| format!("^{}{}$", "(a?)".repeat(groups), "a".repeat(groups));
        assert!(is_pattern(&of(100)) && !is_pattern(&of(1_000)));
    }
}
