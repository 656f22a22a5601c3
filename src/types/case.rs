//! Schemas that all apply to one value, and what follows from them together.
//!
//! Schemas are in their normal form (see [`super::dialect`]). What can't be followed is left out: a case is never narrower
//! than its schemas.

use serde_json::{Map, Value as Json};

pub(super) type Object = Map<String, Json>;

/// Schemas that are read into one case; further ones are left out.
const MOST_PARTS: usize = 256;
/// Values of an enumeration that are looked at one by one.
const MOST_VALUES: usize = 2_000;
/// Levels of members that are looked at to find a schema impossible.
const DEEPEST: u8 = 4;

/// A set of JSON kinds; whole numbers and others are two.
pub(super) type Kinds = u8;
pub(super) const NULL: Kinds = 1;
pub(super) const BOOL: Kinds = 2;
pub(super) const WHOLE: Kinds = 4;
pub(super) const FRACTION: Kinds = 8;
pub(super) const STRING: Kinds = 16;
pub(super) const ARRAY: Kinds = 32;
pub(super) const OBJECT: Kinds = 64;
pub(super) const NUMBER: Kinds = WHOLE | FRACTION;
/// Each kind.
pub(super) const KINDS: [Kinds; 7] = [NULL, BOOL, WHOLE, FRACTION, STRING, ARRAY, OBJECT];

/// A schema, and the document that its references are looked up in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part<'a> {
    pub(super) root: &'a Json,
    pub(super) schema: &'a Json,
}

impl<'a> Part<'a> {
    /// Another schema of the same document.
    pub(super) fn of(self, schema: &'a Json) -> Part<'a> {
        Part { schema, ..self }
    }

    /// The schema as an object; `None` for `true` and `false`.
    pub(super) fn object(self) -> Option<&'a Object> {
        self.schema.as_object()
    }

    /// A keyword's schema.
    pub(super) fn get(self, keyword: &str) -> Option<Part<'a>> {
        Some(self.of(self.schema.get(keyword)?))
    }

    /// A keyword's list of schemas.
    pub(super) fn list(self, keyword: &str) -> impl Iterator<Item = Part<'a>> + use<'a> {
        self.schema.get(keyword).and_then(Json::as_array).into_iter().flatten().map(move |one| self.of(one))
    }

    /// A keyword's schemas by name.
    pub(super) fn named(self, keyword: &str) -> impl Iterator<Item = (&'a String, Part<'a>)> + use<'a> {
        let members = self.schema.get(keyword).and_then(Json::as_object).into_iter().flatten();
        members.map(move |(name, one)| (name, self.of(one)))
    }

    /// What its `$ref` leads to.
    pub(super) fn target(self) -> Option<Part<'a>> {
        let pointer = self.schema.get("$ref")?.as_str()?.strip_prefix('#')?;
        Some(self.of(self.root.pointer(pointer)?))
    }

    /// A number under a keyword.
    pub(super) fn number(self, keyword: &str) -> Option<f64> {
        self.schema.get(keyword)?.as_f64()
    }

    /// What members that are not declared must be: `additionalProperties`, or `unevaluatedProperties` where nothing beside
    /// it declares any.
    pub(super) fn others(self) -> Option<Part<'a>> {
        let applies = ["$ref", "allOf", "anyOf", "oneOf", "if", "dependentSchemas"];
        let alone = || !applies.iter().any(|keyword| self.schema.get(*keyword).is_some());
        self.get("additionalProperties").or_else(|| self.get("unevaluatedProperties").filter(|_| alone()))
    }
}

/// The kind of a value.
pub(super) fn kind(value: &Json) -> Kinds {
    match value {
        Json::Null => NULL,
        Json::Bool(_) => BOOL,
        Json::Number(number) if number.as_f64().is_none_or(|number| number.fract() == 0.0) => WHOLE,
        Json::Number(_) => FRACTION,
        Json::String(_) => STRING,
        Json::Array(_) => ARRAY,
        Json::Object(_) => OBJECT,
    }
}

/// The kinds that a `type` names.
pub(super) fn kinds(names: &Json) -> Kinds {
    let one = |name: &Json| match name.as_str() {
        Some("null") => NULL,
        Some("boolean") => BOOL,
        Some("integer") => WHOLE,
        Some("number") => NUMBER,
        Some("string") => STRING,
        Some("array") => ARRAY,
        Some("object") => OBJECT,
        _ => 0,
    };
    match names {
        Json::Array(several) => several.iter().map(one).fold(0, |all, one| all | one),
        name => one(name),
    }
}

/// Whether two JSON values are one to a validator: numbers by their value.
pub(super) fn same(a: &Json, b: &Json) -> bool {
    match (a, b) {
        (Json::Number(a), Json::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        (Json::Array(a), Json::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Json::Object(a), Json::Object(b)) => {
            a.len() == b.len()
                && a.iter().all(|(name, value)| b.get(name).is_some_and(|other| same(value, other)))
        }
        (a, b) => a == b,
    }
}

/// A bound of numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Bound {
    pub(super) at: f64,
    /// The bound itself is left out.
    pub(super) exclusive: bool,
}

/// Values that several schemas accept together.
#[derive(Debug, Clone)]
pub(super) struct Case<'a> {
    pub(super) parts: Vec<Part<'a>>,
    /// `anyOf` and `oneOf` of which none was chosen yet.
    pub(super) choices: Vec<Vec<Part<'a>>>,
    /// The kinds that are left.
    pub(super) kinds: Kinds,
    /// The one value, where it is looked at alone.
    pub(super) value: Option<Json>,
}

impl<'a> Case<'a> {
    /// The values that all of these accept.
    pub(super) fn of(parts: impl IntoIterator<Item = Part<'a>>) -> Case<'a> {
        let kinds = KINDS.iter().fold(0, |all, one| all | one);
        let mut case = Case { parts: Vec::new(), choices: Vec::new(), kinds, value: None };
        for part in parts {
            case.add(part);
        }
        case
    }

    /// Those of its values that one more schema accepts.
    pub(super) fn and(&self, part: Part<'a>) -> Case<'a> {
        let mut case = self.clone();
        case.add(part);
        case
    }

    /// Those of its values that are of these kinds.
    pub(super) fn only(&self, kinds: Kinds) -> Case<'a> {
        Case { kinds: self.kinds & kinds, ..self.clone() }
    }

    fn add(&mut self, part: Part<'a>) {
        let mut pending = vec![part];
        while let Some(part) = pending.pop() {
            if part.schema == &Json::Bool(false) {
                self.kinds = 0;
            }
            // The same one twice says nothing new, and so a circle ends.
            let known = self.parts.iter().any(|known| std::ptr::eq(known.schema, part.schema));
            if part.object().is_none() || known || self.parts.len() >= MOST_PARTS {
                continue;
            }
            self.parts.push(part);
            if let Some(names) = part.schema.get("type") {
                self.kinds &= kinds(names);
            }
            pending.extend(part.target());
            pending.extend(part.list("allOf"));
            if let Some(not) = part.get("not") {
                self.take_away(not, &mut pending);
            }
            for keyword in ["anyOf", "oneOf"] {
                if part.schema.get(keyword).is_some() {
                    self.choices.push(part.list(keyword).collect());
                }
            }
        }
    }

    /// Takes away what a `not` says of whole kinds; a `not` within a `not` is a schema that applies.
    fn take_away(&mut self, not: Part<'a>, pending: &mut Vec<Part<'a>>) {
        let Some(object) = not.object() else {
            self.kinds &= if not.schema == &Json::Bool(true) { 0 } else { self.kinds };
            return;
        };
        // Beside other keywords each one says less.
        let mut keywords = object.iter();
        let (Some((keyword, said)), None) = (keywords.next(), keywords.next()) else { return };
        match keyword.as_str() {
            "type" => self.kinds &= !kinds(said),
            "not" => pending.push(not.of(said)),
            "anyOf" => not.list("anyOf").for_each(|one| self.take_away(one, pending)),
            "enum" => {
                let named = |value: Json| said.as_array().is_some_and(|listed| listed.contains(&value));
                if named(Json::Null) {
                    self.kinds &= !NULL;
                }
                if named(Json::Bool(false)) && named(Json::Bool(true)) {
                    self.kinds &= !BOOL;
                }
            }
            _ => {}
        }
    }

    /// All its values, where they are few: of an enumeration, or null, true and false.
    pub(super) fn values(&self) -> Option<Vec<Json>> {
        if let Some(value) = &self.value {
            return Some(vec![value.clone()]);
        }
        let listed = |part: &Part<'a>| -> Option<Vec<&'a Json>> {
            match (part.schema.get("const"), part.schema.get("enum")) {
                (Some(one), _) => Some(vec![one]),
                (None, Some(Json::Array(several))) => Some(several.iter().collect()),
                _ => None,
            }
        };
        let mut lists = self.parts.iter().filter_map(listed);
        let Some(first) = lists.next() else {
            let few = [(NULL, Json::Null), (BOOL, Json::Bool(false)), (BOOL, Json::Bool(true))];
            let values = few.into_iter().filter(|(kind, _)| self.kinds & kind != 0).map(|(_, value)| value);
            return (self.kinds & !(NULL | BOOL) == 0).then(|| values.collect());
        };
        if first.len() > MOST_VALUES {
            return None;
        }
        let rest: Vec<Vec<&Json>> = lists.collect();
        let all = |value: &Json| rest.iter().all(|list| list.iter().any(|other| same(value, other)));
        let left = first.into_iter().filter(|value| kind(value) & self.kinds != 0 && all(value));
        Some(left.cloned().collect())
    }

    /// The greatest lower or least upper bound of its numbers.
    pub(super) fn bound(&self, upper: bool) -> Option<Bound> {
        if let Some(at) = self.value.as_ref().and_then(Json::as_f64) {
            return Some(Bound { at, exclusive: false });
        }
        self.bound_said(upper)
    }

    /// The bound that its schemas say.
    fn bound_said(&self, upper: bool) -> Option<Bound> {
        let (inclusive, exclusive) =
            if upper { ("maximum", "exclusiveMaximum") } else { ("minimum", "exclusiveMinimum") };
        let bounds = self.parts.iter().flat_map(|part| {
            let plain = part.number(inclusive).map(|at| Bound { at, exclusive: false });
            plain.into_iter().chain(part.number(exclusive).map(|at| Bound { at, exclusive: true }))
        });
        bounds
            .map(|bound| if self.kinds & FRACTION == 0 { whole(bound, upper) } else { bound })
            .reduce(|a, b| if is_within(a, b, upper) { a } else { b })
    }

    /// The least size by one keyword and the greatest by another; of a single value, its own.
    pub(super) fn sizes(&self, least: &str, most: &str) -> (f64, f64) {
        let own = self.value.as_ref().and_then(|value| match value {
            Json::String(text) => Some(text.chars().count()),
            Json::Array(items) => Some(items.len()),
            Json::Object(members) => Some(members.len()),
            _ => None,
        });
        if let Some(size) = own {
            #[expect(clippy::cast_precision_loss, reason = "sizes are far below 2^53")]
            return (size as f64, size as f64);
        }
        self.sizes_said(least, most)
    }

    /// The sizes that its schemas say.
    fn sizes_said(&self, least: &str, most: &str) -> (f64, f64) {
        let each =
            |keyword: &str| self.parts.iter().filter_map(|part| part.number(keyword)).collect::<Vec<_>>();
        (each(least).into_iter().fold(0.0, f64::max), each(most).into_iter().fold(f64::INFINITY, f64::min))
    }

    /// Whether a member of this name is always there.
    pub(super) fn requires(&self, name: &str) -> bool {
        if let Some(Json::Object(members)) = &self.value {
            return members.contains_key(name);
        }
        self.parts.iter().any(|part| {
            let names = part.schema.get("required").and_then(Json::as_array);
            names.is_some_and(|names| names.iter().any(|one| one.as_str() == Some(name)))
        })
    }

    /// Names that are always there, and then the declared ones, each once.
    pub(super) fn names(&self) -> Vec<&'a str> {
        let mut names: Vec<&str> = Vec::new();
        for part in &self.parts {
            let required = part.schema.get("required").and_then(Json::as_array).into_iter().flatten();
            names.extend(required.filter_map(Json::as_str));
            names.extend(part.named("properties").map(|(name, _)| name.as_str()));
        }
        names.sort_unstable();
        names.dedup();
        names
    }

    /// What a member of a name is.
    pub(super) fn member(&self, name: &str) -> Case<'a> {
        Case::of(self.parts.iter().filter_map(|part| {
            match part.schema.get("properties").and_then(|members| members.get(name)) {
                Some(schema) => Some(part.of(schema)),
                // A pattern may take the name out of the others.
                None if part.schema.get("patternProperties").is_some() => None,
                None => part.others(),
            }
        }))
    }

    /// What members are that no schema declares and whose names match none of the patterns of `taken`; several cases, where
    /// patterns tell them apart.
    pub(super) fn undeclared(&self, taken: Option<&Json>) -> Vec<Case<'a>> {
        let (plain, patterned): (Vec<Part<'a>>, Vec<Part<'a>>) =
            self.parts.iter().partition(|part| part.schema.get("patternProperties").is_none());
        let beside =
            |part: Option<Part<'a>>| Case::of(plain.iter().filter_map(|part| part.others()).chain(part));
        // Of several with patterns nothing is told: a name may match some of each.
        let [one] = patterned.as_slice() else { return vec![beside(None)] };
        let is_free = |pattern: &str| taken.is_none_or(|taken| taken.get(pattern).is_none());
        let matching = one.named("patternProperties").filter(|(pattern, _)| is_free(pattern));
        let mut cases: Vec<Case<'a>> = matching.map(|(_, part)| beside(Some(part))).collect();
        cases.push(beside(one.others()));
        cases
    }

    /// What members are whose names match a pattern; several cases where that is not known.
    pub(super) fn matching(&self, pattern: &str) -> Vec<Case<'a>> {
        let same = |part: &Part<'a>| part.get("patternProperties").and_then(|known| known.get(pattern));
        match self.parts.iter().filter_map(same).collect::<Vec<_>>().as_slice() {
            [] => self.undeclared(None),
            own => vec![Case::of(own.iter().copied())],
        }
    }

    /// How many first items are told apart.
    pub(super) fn prefix(&self) -> usize {
        self.parts.iter().map(|part| part.list("prefixItems").count()).max().unwrap_or(0)
    }

    /// What the item at a place is; past all prefixes, what each further one is.
    pub(super) fn item(&self, index: usize) -> Case<'a> {
        Case::of(
            self.parts
                .iter()
                .filter_map(|part| part.list("prefixItems").nth(index).or_else(|| part.get("items"))),
        )
    }

    /// Whether it surely has no value. Takes from `steps`; without any it is not known.
    pub(super) fn is_impossible(&self, steps: &mut u32) -> bool {
        self.is_impossible_at(steps, DEEPEST)
    }

    fn is_impossible_at(&self, steps: &mut u32, depth: u8) -> bool {
        *steps = steps.saturating_sub(1);
        if self.kinds == 0 {
            return true;
        }
        if *steps == 0 || depth == 0 {
            return false;
        }
        if self.values().is_some_and(|values| values.iter().all(|value| self.is_out_of_bounds(value))) {
            return true;
        }
        let alive = KINDS.iter().filter(|kind| self.kinds & **kind != 0);
        if alive.copied().all(|kind| self.has_none_of(kind, steps, depth)) {
            return true;
        }
        self.choices.iter().any(|choice| {
            choice.iter().all(|part| {
                let mut chosen = self.and(*part);
                // What is chosen here is not asked again further down.
                chosen.choices.retain(|other| !same_parts(other, choice));
                chosen.is_impossible_at(steps, depth - 1)
            })
        })
    }

    /// Whether a schema surely refuses a value, by the bounds of numbers and by sizes.
    fn is_out_of_bounds(&self, value: &Json) -> bool {
        let one = Case { value: Some(value.clone()), ..Case::of([]) };
        let exceeds = |least: &str, most: &str| {
            let ((own, _), (least, most)) = (one.sizes(least, most), self.sizes_said(least, most));
            own < least || own > most
        };
        match value {
            Json::Number(number) => number.as_f64().is_some_and(|at| {
                let own = Bound { at, exclusive: false };
                let (low, high) = (self.bound_said(false), self.bound_said(true));
                low.is_some_and(|low| !is_within(own, low, false))
                    || high.is_some_and(|high| !is_within(own, high, true))
            }),
            Json::String(_) => exceeds("minLength", "maxLength"),
            Json::Array(_) => exceeds("minItems", "maxItems"),
            Json::Object(_) => exceeds("minProperties", "maxProperties"),
            Json::Null | Json::Bool(_) => false,
        }
    }

    fn has_none_of(&self, kind: Kinds, steps: &mut u32, depth: u8) -> bool {
        let crossed = |least: &str, most: &str| {
            let (least, most) = self.sizes(least, most);
            least > most
        };
        match kind {
            WHOLE | FRACTION => {
                let numbers = self.only(kind);
                let ends = numbers.bound(false).zip(numbers.bound(true));
                ends.is_some_and(|(low, high)| {
                    low.at > high.at
                        || low.at == high.at
                            && (low.exclusive || high.exclusive || kind == FRACTION && low.at.fract() == 0.0)
                })
            }
            STRING => crossed("minLength", "maxLength"),
            ARRAY => crossed("minItems", "maxItems"),
            OBJECT => {
                crossed("minProperties", "maxProperties")
                    || self
                        .names()
                        .into_iter()
                        .filter(|name| self.requires(name))
                        .any(|name| self.member(name).is_impossible_at(steps, depth - 1))
            }
            _ => false,
        }
    }
}

pub(super) fn same_parts(a: &[Part<'_>], b: &[Part<'_>]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| std::ptr::eq(a.schema, b.schema))
}

/// The bound of whole numbers that a bound means.
fn whole(bound: Bound, upper: bool) -> Bound {
    let step = if bound.exclusive && bound.at.fract() == 0.0 { 1.0 } else { 0.0 };
    let at = if upper { bound.at.floor() - step } else { bound.at.ceil() + step };
    Bound { at, exclusive: false }
}

/// Whether one bound lets through no more than another.
pub(super) fn is_within(a: Bound, b: Bound, upper: bool) -> bool {
    let nearer = if upper { a.at < b.at } else { a.at > b.at };
    nearer || a.at == b.at && (a.exclusive || !b.exclusive)
}
