//! Whether every value of one schema is a value of another, shown from the schemas alone. What can't be shown is not
//! therefore false.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use super::case::{
    ARRAY, BOOL, Bound, Case, FRACTION, KINDS, NULL, NUMBER, OBJECT, Part, STRING, is_within, kind, kinds,
    same, same_parts,
};
use super::dialect::UNCHECKED;
use super::guard::Guard;

/// Steps of one question; past them it stays open.
const STEPS: u32 = 60_000;
/// Levels of members, choices and references that are followed.
const DEEPEST: usize = 60;
/// Values that are looked at one by one where the whole can't be shown.
const MOST_VALUES: usize = 64;

/// A question that was asked on the way here: the same again, further inside the value, is answered by it.
struct Asked {
    left: Vec<usize>,
    right: usize,
    level: usize,
}

/// One question.
pub(super) struct Proof {
    steps: u32,
    asked: Vec<Asked>,
    patterns: BTreeMap<String, Option<Guard>>,
    /// The first keyword of the right side that could not be shown.
    pub(super) open: Option<String>,
}

impl Proof {
    pub(super) fn new() -> Proof {
        Proof { steps: STEPS, asked: Vec::new(), patterns: BTreeMap::new(), open: None }
    }

    /// Whether every value of the case is a value of the schema, for sure. `level` is how deep inside the value it stands.
    pub(super) fn holds(&mut self, case: &Case<'_>, right: Part<'_>, level: usize) -> bool {
        if self.steps == 0 || self.asked.len() >= DEEPEST {
            self.open.get_or_insert_with(|| "size".to_owned());
            return false;
        }
        self.steps -= 1;
        let Some(object) = right.object() else {
            return right.schema == &Json::Bool(true) || self.is_impossible(case);
        };
        if object.is_empty() || case.parts.iter().any(|part| std::ptr::eq(part.schema, right.schema)) {
            return true;
        }
        let mut left: Vec<usize> =
            case.parts.iter().map(|part| std::ptr::from_ref(part.schema).addr()).collect();
        left.push(usize::from(case.kinds));
        let right_id = std::ptr::from_ref(right.schema).addr();
        let again = |asked: &&Asked| asked.right == right_id && asked.left == left;
        if case.value.is_none()
            && let Some(asked) = self.asked.iter().find(again)
        {
            // A value within a value is smaller, so that the whole may be taken for shown; the same value is not.
            return asked.level < level;
        }
        if self.is_impossible(case) {
            return true;
        }
        self.asked.push(Asked { left, right: right_id, level });
        let shown = object.keys().all(|keyword| self.keyword_or_split(case, right, keyword, level));
        self.asked.pop();
        shown
    }

    fn is_impossible(&mut self, case: &Case<'_>) -> bool {
        case.is_impossible(&mut self.steps)
    }

    /// One keyword, for the whole case or for each of the cases it falls into.
    fn keyword_or_split(&mut self, case: &Case<'_>, right: Part<'_>, keyword: &str, level: usize) -> bool {
        if self.keyword(case, right, keyword, level) {
            return true;
        }
        if self.steps == 0 {
            return false;
        }
        self.steps -= 1;
        if let Some(values) =
            case.values().filter(|values| values.len() <= MOST_VALUES && case.value.is_none())
        {
            return values.into_iter().all(|value| {
                let one = Case { kinds: case.kinds & kind(&value), value: Some(value), ..case.clone() };
                self.keyword(&one, right, keyword, level)
            });
        }
        if let Some((first, rest)) = case.choices.split_first() {
            return first.iter().all(|part| {
                let mut chosen = Case { choices: rest.to_vec(), ..case.clone() };
                chosen = chosen.and(*part);
                chosen.choices.retain(|other| !same_parts(other, first));
                self.is_impossible(&chosen) || self.keyword_or_split(&chosen, right, keyword, level)
            });
        }
        if case.kinds.count_ones() > 1 && matches!(keyword, "anyOf" | "oneOf" | "enum" | "const" | "not") {
            return KINDS.into_iter().filter(|kind| case.kinds & kind != 0).all(|kind| {
                let one = case.only(kind);
                self.is_impossible(&one) || self.keyword_or_split(&one, right, keyword, level)
            });
        }
        let why = if keyword == "$ref" { return false } else { keyword };
        self.open.get_or_insert_with(|| why.to_owned());
        false
    }

    fn keyword(&mut self, case: &Case<'_>, right: Part<'_>, keyword: &str, level: usize) -> bool {
        let Some(value) = right.schema.get(keyword) else { return true };
        let has = |kinds| case.kinds & kinds != 0;
        match keyword {
            "$ref" => right.target().is_some_and(|target| self.holds(case, target, level)),
            "type" => case.kinds & !kinds(value) == 0,
            "const" => is_listed(case, std::slice::from_ref(value)),
            "enum" => is_listed(case, value.as_array().map_or(&[], Vec::as_slice)),
            "allOf" => right.list("allOf").all(|part| self.holds(case, part, level)),
            "anyOf" => right.list("anyOf").any(|part| self.holds(case, part, level)),
            "oneOf" => self.exactly_one(case, right, level) || says(case, keyword, value),
            "not" => right
                .get("not")
                .is_some_and(|not| self.is_impossible(&case.and(not)) || self.is_kept_out(case, not, level)),
            "if" => ["then", "else"]
                .iter()
                .all(|branch| right.get(branch).is_none_or(|part| self.holds(case, part, level))),
            "minimum" | "exclusiveMinimum" | "maximum" | "exclusiveMaximum" => {
                let upper = keyword.ends_with("aximum");
                let wanted = value.as_f64().map(|at| Bound { at, exclusive: keyword.starts_with("ex") });
                !has(NUMBER)
                    || case
                        .bound(upper)
                        .zip(wanted)
                        .is_some_and(|(own, wanted)| is_within(own, wanted, upper))
            }
            "multipleOf" => !has(NUMBER) || value.as_f64().is_some_and(|step| is_multiple(case, step)),
            "minLength" | "maxLength" => {
                !has(STRING) || is_sized(case, keyword, value, "minLength", "maxLength")
            }
            "minItems" | "maxItems" => !has(ARRAY) || is_sized(case, keyword, value, "minItems", "maxItems"),
            "pattern" => !has(STRING) || self.matches(case, value.as_str().unwrap_or_default()),
            "uniqueItems" => {
                let (_, most) = case.sizes("minItems", "maxItems");
                !has(ARRAY) || value == &Json::Bool(false) || most <= 1.0 || says(case, keyword, value)
            }
            "items" | "prefixItems" => !has(ARRAY) || self.items(case, right, level),
            "required" => {
                let names = value.as_array().into_iter().flatten().filter_map(Json::as_str);
                !has(OBJECT) || names.into_iter().all(|name| case.requires(name))
            }
            "properties" => !has(OBJECT) || self.properties(case, right, level),
            "patternProperties" => {
                !has(OBJECT)
                    || right.named(keyword).all(|(pattern, part)| {
                        let declared = case
                            .names()
                            .into_iter()
                            .all(|name| self.holds(&case.member(name), part, level + 1));
                        declared
                            && case.matching(pattern).iter().all(|others| self.holds(others, part, level + 1))
                    })
            }
            "additionalProperties" | "unevaluatedProperties" => {
                !has(OBJECT)
                    || right.others().is_some_and(|others| self.others(case, right, others, level))
                    || says(case, keyword, value)
            }
            "propertyNames" => {
                let closed = case.undeclared(None).iter().all(|others| self.is_impossible(others));
                let names = || case.names().into_iter().map(Json::from);
                !has(OBJECT)
                    || says(case, keyword, value)
                    || closed
                        && names().all(|name| {
                            let mut one = Case::of([]).only(STRING);
                            one.value = Some(name);
                            right.get(keyword).is_some_and(|part| self.holds(&one, part, level + 1))
                        })
            }
            "minProperties" | "maxProperties" => !has(OBJECT) || self.is_numbered(case, keyword, value),
            "dependentRequired" => {
                let each = value.as_object().into_iter().flatten();
                !has(OBJECT)
                    || says(case, keyword, value)
                    || each.into_iter().all(|(name, wanted)| {
                        let mut wanted = wanted.as_array().into_iter().flatten().filter_map(Json::as_str);
                        wanted.all(|wanted| case.requires(wanted)) || self.is_impossible(&case.member(name))
                    })
            }
            // With its bounds, which mean nothing without it.
            "contains" => !has(ARRAY) || contains(case, right, value),
            "dependentSchemas" | "unevaluatedItems" => !has(ARRAY | OBJECT) || says(case, keyword, value),
            UNCHECKED => false,
            // Notes, or said by another keyword.
            _ => true,
        }
    }

    /// Whether the case refuses more than a schema: a `not` of it takes every value of that.
    fn is_kept_out(&mut self, case: &Case<'_>, schema: Part<'_>, level: usize) -> bool {
        case.parts
            .iter()
            .filter_map(|part| part.get("not"))
            .any(|wider| self.holds(&Case::of([schema]), wider, level))
    }

    /// One alternative takes every value, and no other takes any.
    fn exactly_one(&mut self, case: &Case<'_>, right: Part<'_>, level: usize) -> bool {
        let of: Vec<Part<'_>> = right.list("oneOf").collect();
        let fitting = of.iter().position(|part| self.holds(case, *part, level));
        fitting.is_some_and(|fitting| {
            let mut others = of.iter().enumerate().filter(|(index, _)| *index != fitting);
            others.all(|(_, other)| self.is_impossible(&case.and(*other)))
        })
    }

    fn items(&mut self, case: &Case<'_>, right: Part<'_>, level: usize) -> bool {
        let first = right.list("prefixItems").count();
        let (_, most) = case.sizes("minItems", "maxItems");
        if most == 0.0 {
            return true;
        }
        if case.value.is_some() {
            return false;
        }
        // One past all prefixes stands for all further ones.
        (0..=first.max(case.prefix())).all(|index| {
            let wanted = right.list("prefixItems").nth(index).or_else(|| right.get("items"));
            wanted.is_none_or(|wanted| self.holds(&case.item(index), wanted, level + 1))
        })
    }

    fn properties(&mut self, case: &Case<'_>, right: Part<'_>, level: usize) -> bool {
        if let Some(Json::Object(members)) = &case.value {
            return !right.named("properties").any(|(name, _)| members.contains_key(name));
        }
        right.named("properties").all(|(name, part)| self.holds(&case.member(name), part, level + 1))
    }

    fn others(&mut self, case: &Case<'_>, right: Part<'_>, others: Part<'_>, level: usize) -> bool {
        let declared =
            |name: &str| right.schema.get("properties").is_some_and(|known| known.get(name).is_some());
        if let Some(Json::Object(members)) = &case.value {
            return members.keys().all(|name| declared(name));
        }
        case.names()
            .into_iter()
            .filter(|name| !declared(name))
            .all(|name| self.holds(&case.member(name), others, level + 1))
            && case
                .undeclared(right.schema.get("patternProperties"))
                .iter()
                .all(|undeclared| self.holds(undeclared, others, level + 1))
    }

    fn is_numbered(&mut self, case: &Case<'_>, keyword: &str, value: &Json) -> bool {
        if is_sized(case, keyword, value, "minProperties", "maxProperties") {
            return true;
        }
        let names = case.names();
        let Some(wanted) = value.as_u64().and_then(|wanted| usize::try_from(wanted).ok()) else {
            return false;
        };
        if keyword == "minProperties" {
            names.iter().filter(|name| case.requires(name)).count() >= wanted
        } else {
            names.len() <= wanted && case.undeclared(None).iter().all(|others| self.is_impossible(others))
        }
    }

    /// Every string matches a pattern: it is said already, or each string is known.
    fn matches(&mut self, case: &Case<'_>, pattern: &str) -> bool {
        if case.parts.iter().any(|part| part.schema.get("pattern").and_then(Json::as_str) == Some(pattern)) {
            return true;
        }
        let Some(value) = &case.value else { return false };
        let compile = || Guard::of_normal(&json!({"pattern": pattern}), "").ok();
        let guard = self.patterns.entry(pattern.to_owned()).or_insert_with(compile);
        guard.as_ref().is_some_and(|guard| guard.check(value).is_ok())
    }
}

fn is_listed(case: &Case<'_>, allowed: &[Json]) -> bool {
    case.values().is_some_and(|values| values.iter().all(|value| allowed.iter().any(|one| same(one, value))))
        || case.kinds & !(NULL | BOOL) == 0
            && [Json::Null, Json::Bool(true), Json::Bool(false)]
                .iter()
                .filter(|value| kind(value) & case.kinds != 0)
                .all(|value| allowed.contains(value))
}

fn is_sized(case: &Case<'_>, keyword: &str, value: &Json, least: &str, most: &str) -> bool {
    let (low, high) = case.sizes(least, most);
    value.as_f64().is_some_and(|wanted| if keyword == least { low >= wanted } else { high <= wanted })
}

/// Whether every list has as many items of a schema as is wanted: no fewer, no more.
fn contains(case: &Case<'_>, right: Part<'_>, wanted: &Json) -> bool {
    let bound = |part: &Part<'_>, keyword: &str, otherwise: f64| part.number(keyword).unwrap_or(otherwise);
    let (least, most) = (bound(&right, "minContains", 1.0), bound(&right, "maxContains", f64::INFINITY));
    let same = case.parts.iter().filter(|part| said(part, "contains", wanted));
    let (mut low, mut high) = (0.0_f64, case.sizes("minItems", "maxItems").1);
    for part in same {
        low = low.max(bound(part, "minContains", 1.0));
        high = high.min(bound(part, "maxContains", f64::INFINITY));
    }
    low >= least && high <= most
}

/// Whether a keyword is said on the left with the same words, which refer to nothing.
fn says(case: &Case<'_>, keyword: &str, value: &Json) -> bool {
    // These depend on what stands beside them.
    !matches!(keyword, "unevaluatedProperties" | "unevaluatedItems" | "additionalProperties")
        && case.parts.iter().any(|part| said(part, keyword, value))
}

fn said(part: &Part<'_>, keyword: &str, value: &Json) -> bool {
    fn refers(value: &Json) -> bool {
        match value {
            Json::Object(members) => members.contains_key("$ref") || members.values().any(refers),
            Json::Array(items) => items.iter().any(refers),
            _ => false,
        }
    }
    part.schema.get(keyword) == Some(value) && !refers(value)
}

/// Whether every number is a multiple of this step: of a step that is one, or whole where the step divides one.
fn is_multiple(case: &Case<'_>, step: f64) -> bool {
    let divides = |number: f64| {
        let times = number / step;
        times.is_finite() && times.fract() == 0.0
    };
    match case.value.as_ref().and_then(Json::as_f64) {
        Some(number) => divides(number),
        None => {
            case.kinds & FRACTION == 0 && divides(1.0)
                || case.parts.iter().filter_map(|part| part.number("multipleOf")).any(divides)
        }
    }
}
