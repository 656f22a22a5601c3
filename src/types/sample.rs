//! Values of a schema. A value that is made here is likely one of the schema's; whether it is, the validator says.

use std::borrow::Cow;

use serde_json::{Map, Value as Json, json};

use super::case::{ARRAY, BOOL, Bound, Case, FRACTION, KINDS, NULL, OBJECT, Part, STRING, WHOLE};
use super::guard::Guard;
use super::pattern::matching;

/// Levels of lists and records in a value.
const DEEPEST: usize = 7;
/// Parts of one value.
const LARGEST: usize = 400;
/// Longest text that is made.
const LONGEST: usize = 5_000;

/// Texts that patterns and formats often ask for.
const TEXTS: [&str; 22] = [
    "text",
    "a",
    "A",
    "1",
    "0",
    "",
    "12",
    "123",
    "0123456789",
    "abc-def",
    "A1",
    "US",
    "en-US",
    "#aabbcc",
    "1.0.0",
    "2026-01-01",
    "2026-01-01T00:00:00Z",
    "a@b.example",
    "https://a.example/",
    "127.0.0.1",
    "123e4567-e89b-12d3-a456-426614174000",
    "arn:aws:iam::123456789012:role/a",
];

/// Which members and alternatives are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Size {
    /// What is required, and the first of everything.
    Least,
    /// All that is declared.
    Most,
    /// As it comes.
    Any,
}

/// Makes values; the same seed makes the same ones.
pub(super) struct Sampler {
    state: u64,
    size: Size,
    left: usize,
}

impl Sampler {
    pub(super) fn new(seed: u64, size: Size) -> Sampler {
        Sampler { state: seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1, size, left: LARGEST }
    }

    fn choose(&mut self, below: usize) -> usize {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        let at = usize::try_from(self.state >> 33).unwrap_or(0) % below.max(1);
        if self.size == Size::Any { at } else { 0 }
    }

    /// A value that these schemas together might accept.
    pub(super) fn value(&mut self, case: Case<'_>, depth: usize) -> Option<Json> {
        self.left = self.left.checked_sub(1)?;
        let mut case = case;
        let mut chosen = 0;
        while let Some(choice) = case.choices.pop() {
            chosen += 1;
            let fitting: Vec<Part<'_>> = choice
                .iter()
                .filter(|part| chosen > 20 || !case.and(**part).is_impossible(&mut 200))
                .copied()
                .collect();
            let part = fitting.get(self.choose(fitting.len()))?;
            case = case.and(*part);
            if chosen > 40 {
                break;
            }
        }
        if let Some(values) = case.values() {
            return values.get(self.choose(values.len())).cloned();
        }
        // What a schema is written for comes first where it names no type.
        let speaks = |keywords: &[&str]| {
            case.parts.iter().any(|part| keywords.iter().any(|keyword| part.schema.get(*keyword).is_some()))
        };
        let likely = if speaks(&["properties", "required", "additionalProperties", "patternProperties"]) {
            OBJECT
        } else if speaks(&["items", "prefixItems"]) {
            ARRAY
        } else if speaks(&["minimum", "maximum", "multipleOf"]) {
            WHOLE
        } else {
            STRING
        };
        let mut kinds: Vec<u8> = KINDS.into_iter().filter(|kind| case.kinds & kind != 0).collect();
        kinds.sort_by_key(|kind| (*kind != likely, *kind == NULL));
        match *kinds.get(self.choose(kinds.len()))? {
            NULL => Some(Json::Null),
            BOOL => Some(Json::Bool(self.choose(2) == 0)),
            whole @ (WHOLE | FRACTION) => number(&case, whole == FRACTION, self.choose(3)),
            STRING => self.text(&case),
            ARRAY => self.array(&case, depth),
            _ => self.object(&case, depth),
        }
    }

    fn text(&mut self, case: &Case<'_>) -> Option<Json> {
        let (least, most) = case.sizes("minLength", "maxLength");
        let formats = case.parts.iter().filter_map(|part| part.schema.get("format")?.as_str());
        let formatted = formats.filter_map(|format| {
            Some(match format {
                "date-time" => "2026-01-01T00:00:00Z",
                "date" => "2026-01-01",
                "uuid" => "123e4567-e89b-12d3-a456-426614174000",
                "email" => "a@b.example",
                "uri" | "url" => "https://a.example/",
                "byte" => "YQ==",
                _ => return None,
            })
        });
        let mut texts: Vec<Cow<'_, str>> = formatted.map(Cow::from).collect();
        if texts.is_empty() || self.size == Size::Any {
            texts.extend(TEXTS.map(Cow::from));
        }
        let patterns = || case.parts.iter().filter_map(|part| part.schema.get("pattern")?.as_str());
        let turn = self.choose(8);
        texts.extend(
            patterns().filter_map(|pattern| matching(pattern, fit(least), fit(most), turn).map(Cow::from)),
        );
        for pattern in patterns() {
            let Ok(guard) = Guard::of_normal(&json!({"pattern": pattern}), "") else { continue };
            texts.retain(|text| guard.check(&Json::from(&**text)).is_ok());
        }
        let text = texts.get(self.choose(texts.len())).map_or("text", |text| &**text);
        let mut text: String = text.chars().take(fit(most)).collect();
        let long = text.chars().count();
        let more = fit(least).saturating_sub(long);
        text.extend(std::iter::repeat_n('a', more));
        Some(Json::from(text))
    }

    fn array(&mut self, case: &Case<'_>, depth: usize) -> Option<Json> {
        let (least, most) = case.sizes("minItems", "maxItems");
        let wanted = match self.size {
            Size::Least => 0,
            Size::Most => 1,
            Size::Any => self.choose(3),
        };
        let many = if depth >= DEEPEST { fit(least) } else { wanted.max(fit(least)).min(fit(most)) };
        let mut items: Vec<Json> = Vec::new();
        for index in 0..many.min(LARGEST) {
            let Some(item) = self.value(case.item(index), depth + 1) else { break };
            items.push(item);
        }
        Some(Json::Array(items))
    }

    fn object(&mut self, case: &Case<'_>, depth: usize) -> Option<Json> {
        let mut members = Map::new();
        let (least, most) = case.sizes("minProperties", "maxProperties");
        let names = case.names();
        for name in names.iter().filter(|name| case.requires(name)) {
            members.insert((*name).to_owned(), self.value(case.member(name), depth + 1)?);
        }
        let few = fit(least);
        for name in names.iter().filter(|name| !case.requires(name)) {
            let take = match self.size {
                Size::Least => false,
                Size::Most => true,
                Size::Any => self.choose(2) == 0,
            };
            let room = depth < DEEPEST && self.left > LARGEST / 8 && members.len() < fit(most);
            if !(take && room || members.len() < few) {
                continue;
            }
            if let Some(value) = self.value(case.member(name), depth + 1) {
                members.insert((*name).to_owned(), value);
            }
        }
        let spare = if self.size == Size::Any && depth < DEEPEST { self.choose(2) } else { 0 };
        for index in 0..LARGEST.min(few.saturating_sub(members.len()).max(spare)) {
            let Some(undeclared) = case.undeclared(None).into_iter().next() else { break };
            if let Some(value) = self.value(undeclared, depth + 1) {
                members.insert(format!("key{index}"), value);
            }
        }
        Some(Json::Object(members))
    }
}

/// A size as one that is made.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is clamped to what is made")]
pub(super) fn fit(size: f64) -> usize {
    size.clamp(0.0, LONGEST as f64) as usize
}

fn number(case: &Case<'_>, fraction: bool, which: usize) -> Option<Json> {
    let numbers = case.only(if fraction { FRACTION } else { WHOLE });
    let (low, high) = (numbers.bound(false), numbers.bound(true));
    let step = case.parts.iter().filter_map(|part| part.number("multipleOf")).reduce(f64::max);
    let inside = |end: Option<Bound>, direction: f64| {
        end.map(|end| if end.exclusive { end.at + direction * 0.5 } else { end.at })
    };
    let (low, high) = (inside(low, 1.0), inside(high, -1.0));
    let near = if fraction { 0.5 } else { 0.0 };
    let mut at = match which {
        0 => near,
        1 => low.unwrap_or(near - 7.0),
        _ => high.unwrap_or(near + 9.0),
    };
    at = at.max(low.unwrap_or(f64::NEG_INFINITY)).min(high.unwrap_or(f64::INFINITY));
    if fraction && at.fract() == 0.0 {
        at += if high.is_none_or(|high| at + 0.5 <= high) { 0.5 } else { -0.5 };
    }
    if let Some(step) = step.filter(|_| !fraction || at.fract() == 0.0) {
        at = (at / step).ceil() * step;
        if high.is_some_and(|high| at > high) {
            at -= step;
        }
    }
    Some(to_json(at))
}

/// A number as JSON, whole ones without a point.
#[expect(clippy::cast_possible_truncation, reason = "a whole double within 2^53 is exact")]
pub(super) fn to_json(number: f64) -> Json {
    if number.fract() == 0.0 && number.abs() < 9e15 { Json::from(number as i64) } else { Json::from(number) }
}
