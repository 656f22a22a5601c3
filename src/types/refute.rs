//! Looking for a value of one schema that another refuses: values of the left, changed where the right says something.
//! Only what both validators confirm counts.

use serde_json::{Value as Json, json};

use super::case::{Case, Part, STRING};
use super::sample::{Sampler, Size, fit, to_json};

/// Places of a schema that are looked at.
const MOST_PLACES: usize = 160;
/// Levels of members and items that are looked at.
const DEEPEST: usize = 5;
/// Alternatives of one place that are looked at.
const MOST_CASES: usize = 40;
/// Values that are put in one place.
const MOST_VALUES: usize = 24;

/// A step into a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// To a member.
    Member(String),
    /// To the first item, which stands for all.
    First,
}

/// What may be tried at one place.
#[derive(Debug)]
pub(super) struct Place {
    path: Vec<Step>,
    /// Values to stand there.
    values: Vec<Json>,
    /// Whether to try without it.
    leave_out: bool,
}

/// Places of a schema, the nearest first. Of the `left` its own values are tried, of the right what it might refuse.
pub(super) fn places(whole: Part<'_>, left: bool) -> Vec<Place> {
    let mut found = Vec::new();
    let mut pending = std::collections::VecDeque::from([(Vec::new(), Case::of([whole]))]);
    while let Some((path, case)) = pending.pop_front() {
        if found.len() >= MOST_PLACES {
            break;
        }
        let cases = with_choices(case);
        let mut values = if left { own(&cases) } else { wrong(&cases) };
        values.truncate(MOST_VALUES * 2);
        if path.len() < DEEPEST {
            for case in &cases {
                let names = case.names();
                for name in names {
                    let mut inner = path.clone();
                    inner.push(Step::Member(name.to_owned()));
                    pending.push_back((inner, case.member(name)));
                }
                if case
                    .parts
                    .iter()
                    .any(|part| part.get("items").is_some() || part.get("prefixItems").is_some())
                {
                    let mut inner = path.clone();
                    inner.push(Step::First);
                    pending.push_back((inner, case.item(0)));
                }
            }
            let undeclared = json!("text");
            if cases.iter().any(|case| case.parts.iter().any(|part| part.others().is_some())) {
                let mut inner = path.clone();
                inner.push(Step::Member("undeclared".to_owned()));
                found.push(Place {
                    path: inner,
                    values: vec![undeclared, json!(1), json!({})],
                    leave_out: false,
                });
            }
        }
        found.push(Place { path, values, leave_out: true });
    }
    found
}

/// Values of the left at a place: each of an enumeration, each alternative, each kind.
fn own(cases: &[Case<'_>]) -> Vec<Json> {
    let mut values = Vec::new();
    for case in cases {
        if let Some(few) = case.values() {
            values.extend(few.into_iter().take(MOST_VALUES));
            continue;
        }
        for kind in super::case::KINDS.into_iter().filter(|kind| case.kinds & kind != 0) {
            for (seed, size) in [(1, Size::Least), (2, Size::Most), (3, Size::Any), (4, Size::Any)] {
                values.extend(Sampler::new(seed, size).value(case.only(kind), 2));
            }
        }
    }
    values.dedup();
    values
}

/// Values that the right might refuse at a place: just past its bounds, and of other kinds.
fn wrong(cases: &[Case<'_>]) -> Vec<Json> {
    let mut values = Vec::new();
    for case in cases {
        for upper in [false, true] {
            let past = if upper { 1.0 } else { -1.0 };
            values.extend(case.bound(upper).map(|bound| to_json(bound.at.round() + past)));
            values.extend(case.bound(upper).filter(|bound| bound.exclusive).map(|bound| to_json(bound.at)));
        }
        let (least, most) = case.sizes("minLength", "maxLength");
        if case.kinds & STRING != 0 && most.is_finite() {
            values.push(Json::from("a".repeat(fit(most) + 1)));
        }
        if case.kinds & STRING != 0 && least > 0.0 {
            values.push(Json::from("a".repeat(fit(least) - 1)));
        }
        let (least, most) = case.sizes("minItems", "maxItems");
        for many in [fit(least).checked_sub(1), most.is_finite().then(|| fit(most) + 1)].into_iter().flatten()
        {
            let item = Sampler::new(1, Size::Least).value(case.item(0), 2).unwrap_or(Json::Null);
            values.push(Json::Array(vec![item; many.min(200)]));
        }
        let refused = case.parts.iter().filter_map(|part| part.get("not"));
        values.extend(
            own(&refused.map(|not| Case::of([not])).collect::<Vec<_>>()).into_iter().take(MOST_VALUES),
        );
    }
    values.extend([
        json!("text"),
        Json::Null,
        json!(7),
        json!(0.5),
        json!(true),
        json!({}),
        json!([]),
        json!("~ !"),
        json!(-1),
        json!(false),
        json!([null]),
        json!([{}]),
        json!(["text", "text"]),
        json!({"key": null}),
        json!({"key": "text"}),
        json!({"key": {}}),
        json!(""),
    ]);
    values
}

/// A value with another one put at a place, or with nothing there. `None` where it has no such place.
pub(super) fn changed(base: &Json, path: &[Step], value: Option<&Json>) -> Option<Json> {
    let Some((step, rest)) = path.split_first() else { return value.cloned() };
    let mut base = base.clone();
    match (step, &mut base) {
        (Step::Member(name), Json::Object(members)) => {
            if rest.is_empty() && value.is_none() {
                members.remove(name)?;
            } else {
                let inner = members.get(name).cloned().unwrap_or_else(|| empty(rest));
                members.insert(name.clone(), changed(&inner, rest, value)?);
            }
        }
        (Step::First, Json::Array(items)) => {
            if rest.is_empty() && value.is_none() {
                return None;
            }
            let inner = items.first().cloned().unwrap_or_else(|| empty(rest));
            let inner = changed(&inner, rest, value)?;
            match items.first_mut() {
                Some(first) => *first = inner,
                None => items.push(inner),
            }
        }
        _ => return None,
    }
    Some(base)
}

/// What stands at a place of a value.
pub(super) fn at<'v>(value: &'v Json, path: &[Step]) -> Option<&'v Json> {
    path.iter().try_fold(value, |value, step| match step {
        Step::Member(name) => value.get(name),
        Step::First => value.get(0),
    })
}

/// Values that the schemas of a place might accept there.
pub(super) fn inside(whole: Part<'_>, path: &[Step]) -> Vec<Json> {
    let mut cases = with_choices(Case::of([whole]));
    for step in path {
        let next = cases.iter().flat_map(|case| match step {
            Step::Member(name) => with_choices(case.member(name)),
            Step::First => with_choices(case.item(0)),
        });
        cases = next.take(MOST_CASES).collect();
    }
    own(&cases)
}

/// A case, and what it is with each single alternative.
fn with_choices(case: Case<'_>) -> Vec<Case<'_>> {
    let mut cases = vec![case.clone()];
    for choice in &case.choices {
        let chosen = choice.iter().take(MOST_CASES);
        cases.extend(chosen.map(|part| Case { choices: Vec::new(), ..case.and(*part) }));
    }
    cases
}

/// What a step goes into where nothing stands yet.
fn empty(path: &[Step]) -> Json {
    match path.first() {
        Some(Step::Member(_)) => json!({}),
        Some(Step::First) => json!([]),
        None => Json::Null,
    }
}

/// Every change of every base, the likeliest first, until one is what is looked for.
pub(super) fn find(
    bases: &[&Json],
    places: &[Place],
    mut tries: usize,
    is_it: impl Fn(&Json) -> bool,
) -> Option<Json> {
    for place in places {
        for base in bases {
            let none = place.leave_out.then_some(None);
            for value in none.into_iter().chain(place.values.iter().map(Some)) {
                let Some(value) = changed(base, &place.path, value) else { continue };
                tries = tries.checked_sub(1)?;
                if is_it(&value) {
                    return Some(value);
                }
            }
        }
    }
    None
}
