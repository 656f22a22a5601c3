//! Where a value comes from. A type says less than the schema of an answer: a value that the type has may be one that the
//! schema never lets through. A no stands only with a value that the schema lets through.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value as Json};

use super::checked::Checked;
use super::refute::{Step, at, changed};
use super::{Answer, Counterexample, Type};

/// Values that are tried of one place, and of a whole that is put together from several.
const TRIES: usize = 48;

/// What is known of a value beside its type.
#[derive(Debug, Clone, Default)]
pub enum Provenance {
    /// Nothing: its type says all.
    #[default]
    Own,
    /// It is this, as the flow writes it.
    Exactly(Json),
    /// It stands somewhere in an answer.
    Answer {
        /// What may describe the answer; `None`: it has no content.
        of: Arc<[Option<Arc<Checked>>]>,
        /// Where in the answer.
        path: Vec<Step>,
    },
    /// It is one of these.
    OneOf(Vec<Provenance>),
    /// A record whose members come from these.
    Record(BTreeMap<String, Provenance>),
    /// A list with these items.
    Items(Vec<Provenance>),
    /// A list whose items all come from there.
    Each(Box<Provenance>),
}

impl Provenance {
    /// A whole answer that these may describe.
    pub(super) fn answer(of: Vec<Option<Arc<Checked>>>) -> Provenance {
        Provenance::Answer { of: of.into(), path: Vec::new() }
    }

    /// Several that may be; none: there is no such value.
    pub fn one_of(of: Vec<Provenance>) -> Provenance {
        let mut of: Vec<Provenance> =
            of.into_iter().filter(|one| !matches!(one, Provenance::OneOf(none) if none.is_empty())).collect();
        match of.len() {
            1 => of.remove(0),
            _ if of.iter().any(Provenance::is_own) => Provenance::Own,
            _ => Provenance::OneOf(of),
        }
    }

    /// A record.
    pub fn record(members: BTreeMap<String, Provenance>) -> Provenance {
        let exact = members.iter().map(|(name, one)| Some((name.clone(), one.exact()?.clone())));
        match exact.collect::<Option<Map<_, _>>>() {
            Some(exact) => Provenance::Exactly(Json::Object(exact)),
            None if members.values().all(Provenance::is_plain) => Provenance::Own,
            None => Provenance::Record(members),
        }
    }

    /// A list that is written out.
    pub fn items(items: Vec<Provenance>) -> Provenance {
        match items.iter().map(|one| one.exact().cloned()).collect::<Option<Vec<_>>>() {
            Some(exact) => Provenance::Exactly(Json::Array(exact)),
            None if items.iter().all(Provenance::is_plain) => Provenance::Own,
            None => Provenance::Items(items),
        }
    }

    /// A list of what is made of each item of another.
    pub fn each(self) -> Provenance {
        if self.is_plain() { Provenance::Own } else { Provenance::Each(Box::new(self)) }
    }

    /// Where a member of it comes from.
    pub fn member(&self, name: &str) -> Provenance {
        match self {
            Provenance::Answer { .. } => self.inside(Step::Member(name.to_owned())),
            Provenance::OneOf(of) => Provenance::one_of(of.iter().map(|one| one.member(name)).collect()),
            Provenance::Record(members) => members.get(name).cloned().unwrap_or_default(),
            Provenance::Exactly(value) => {
                value.get(name).cloned().map_or(Provenance::Own, Provenance::Exactly)
            }
            Provenance::Own | Provenance::Items(_) | Provenance::Each(_) => Provenance::Own,
        }
    }

    /// Where an item of it comes from.
    pub fn item(&self) -> Provenance {
        match self {
            Provenance::Answer { .. } => self.inside(Step::First),
            Provenance::OneOf(of) => Provenance::one_of(of.iter().map(Provenance::item).collect()),
            Provenance::Items(items) => Provenance::one_of(items.clone()),
            Provenance::Each(item) => (**item).clone(),
            Provenance::Exactly(Json::Array(items)) => {
                Provenance::one_of(items.iter().cloned().map(Provenance::Exactly).collect())
            }
            Provenance::Own | Provenance::Exactly(_) | Provenance::Record(_) => Provenance::Own,
        }
    }

    /// Whether nothing is known.
    pub fn is_own(&self) -> bool {
        matches!(self, Provenance::Own)
    }

    fn exact(&self) -> Option<&Json> {
        if let Provenance::Exactly(value) = self { Some(value) } else { None }
    }

    /// Whether no schema of an answer says anything of it.
    fn is_plain(&self) -> bool {
        matches!(self, Provenance::Own | Provenance::Exactly(_))
    }

    fn inside(&self, step: Step) -> Provenance {
        match self {
            Provenance::Answer { of, path } => {
                let path = path.iter().cloned().chain([step]).collect();
                Provenance::Answer { of: Arc::clone(of), path }
            }
            _ => Provenance::Own,
        }
    }

    /// Holds an answer about a value from here: a no stands with a value that can come from here and that the target
    /// refuses; else nobody knows. `takes`: whether the target's schema takes a value to the letter. Where it does and its
    /// type does not, the value shows nothing.
    pub fn confirmed(&self, answer: Answer, to: &Type, takes: &dyn Fn(&Json) -> bool) -> Answer {
        let Answer::No(shown) = &answer else { return answer };
        let Some(value) = shown.value.as_ref().filter(|_| self.says_more()) else { return answer };
        let refused: Vec<Json> = self.values(value).into_iter().filter(|value| !to.accepts(value)).collect();
        if refused.is_empty() {
            return Answer::Unknown("the schema that it comes from says more than its type".to_owned());
        }
        let value = refused.into_iter().find(|value| !takes(value));
        Answer::No(Counterexample { value, ..shown.clone() })
    }

    /// Whether a schema says more of the value than its type.
    fn says_more(&self) -> bool {
        match self {
            Provenance::Own | Provenance::Exactly(_) => false,
            Provenance::Answer { of, path: steps } => {
                let place = path(steps);
                of.iter().flatten().any(|schema| schema.says_more(&place))
            }
            Provenance::OneOf(of) | Provenance::Items(of) => of.iter().any(Provenance::says_more),
            Provenance::Record(members) => members.values().any(Provenance::says_more),
            Provenance::Each(item) => item.says_more(),
        }
    }

    /// Values that can come from here, the one wished for first where it can. Of several places each has its turn.
    fn values(&self, wished: &Json) -> Vec<Json> {
        let each_item = |items: Vec<Vec<Json>>| together(&items).into_iter().map(Json::Array).collect();
        match (self, wished) {
            (Provenance::Exactly(value), _) => vec![value.clone()],
            (Provenance::Answer { of, path: steps }, _) => {
                let known = of.iter().flat_map(|schema| match schema {
                    Some(schema) => schema.values_at(steps, wished).to_vec(),
                    None if steps.is_empty() => vec![Json::Null],
                    None => Vec::new(),
                });
                known.collect()
            }
            (Provenance::OneOf(of), _) => of.iter().flat_map(|one| one.values(wished)).collect(),
            (Provenance::Record(members), Json::Object(wished)) => {
                let of = |(name, wished): (&String, &Json)| match members.get(name) {
                    Some(one) => one.values(wished),
                    None => vec![wished.clone()],
                };
                let values: Vec<Vec<Json>> = wished.iter().map(of).collect();
                let named = |values: Vec<Json>| Json::Object(wished.keys().cloned().zip(values).collect());
                together(&values).into_iter().map(named).collect()
            }
            (Provenance::Items(items), Json::Array(wished)) => {
                each_item(items.iter().zip(wished).map(|(one, wished)| one.values(wished)).collect())
            }
            (Provenance::Each(item), Json::Array(wished)) => {
                each_item(wished.iter().map(|wished| item.values(wished)).collect())
            }
            _ => vec![wished.clone()],
        }
    }
}

/// Of values for each part of a whole, wholes: the first of each, the second of each, and so on; the last of a part again
/// where it has no more. None where a part can be nothing.
fn together(parts: &[Vec<Json>]) -> Vec<Vec<Json>> {
    let most = parts.iter().map(Vec::len).max().unwrap_or(1).min(TRIES);
    let turn = |turn: usize| parts.iter().map(|part| part.get(turn).or(part.last()).cloned()).collect();
    (0..most).filter_map(turn).collect()
}

impl Checked {
    /// Whether the schema says more of what stands at a place than its type.
    fn says_more(&self, place: &str) -> bool {
        let Ok(schema) = self.schema() else { return true };
        schema.undecided.iter().any(|entry| {
            let (about, _) = entry.split_once(": ").unwrap_or(("", entry));
            // What is said of a part, or of what it is a part of.
            let mut both = segments(about).zip(segments(place));
            both.all(|(said, asked)| said == asked || said == "{}")
        })
    }

    /// Values that stand at a place in values of the schema: the wished one first, where it can stand there.
    fn values_at(&self, steps: &[Step], wished: &Json) -> Arc<[Json]> {
        self.known_values((path(steps), wished.to_string()), || self.find_values_at(steps, wished))
    }

    fn find_values_at(&self, steps: &[Step], wished: &Json) -> Vec<Json> {
        let Some(schema) = self.to_the_letter() else { return Vec::new() };
        let bases = schema.samples();
        let fits = |value: &Json| {
            let mut planted = bases.iter().filter_map(|base| changed(base, steps, Some(value)));
            planted.any(|whole| schema.check(&whole).is_ok())
        };
        let mut found: Vec<Json> = Some(wished).filter(|wished| fits(wished)).cloned().into_iter().collect();
        found.extend(bases.iter().filter_map(|base| at(base, steps)).cloned());
        found.extend(schema.inside(steps).into_iter().filter(|value| fits(value)));
        found.truncate(TRIES);
        found
    }
}

/// A place as [`Schema::undecided`](super::Schema) writes it.
fn path(steps: &[Step]) -> String {
    let mut path = String::new();
    for step in steps {
        match step {
            Step::Member(name) if path.is_empty() => path.push_str(name),
            Step::Member(name) => path.extend([".", name]),
            Step::First => path.push_str("[]"),
        }
    }
    path
}

/// `a`, `[]` and `b` of `a[].b`.
fn segments(path: &str) -> impl Iterator<Item = &str> {
    path.split('.').flat_map(|part| {
        let name = part.trim_end_matches("[]");
        let lists = part.len().saturating_sub(name.len()) / 2;
        Some(name).filter(|name| !name.is_empty()).into_iter().chain(std::iter::repeat_n("[]", lists))
    })
}

#[cfg(test)]
#[path = "provenance_tests.rs"]
mod tests;
