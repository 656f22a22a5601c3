//! Where a value may be one of several records: which of them it was most likely meant to be.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use serde_json::Value as Json;

use super::assign::Question;
use super::intersect::disjoint;
use super::mend::other_word;
use super::{Answer, Counterexample, Members, RecordType, Type};

impl Question {
    /// The record whose distinguishing members the value has; among several, the one with the fewest faults.
    pub(super) fn nearest<'t>(&mut self, from: &[&Type], to: &[&'t Type]) -> Option<&'t Type> {
        let own = records(from);
        let distances = records(to).into_iter().map(|(ty, record)| {
            let distance = own.iter().map(|(_, own)| self.distance(own, record)).min()?;
            Some((distance, ty))
        });
        let distances: Option<Vec<_>> = distances.collect();
        distances?.into_iter().min_by_key(|(distance, _)| *distance).map(|(_, ty)| ty)
    }

    /// Words that tell records apart and are others; how many are the same; what else does not fit.
    fn distance(&mut self, from: &RecordType, to: &RecordType) -> (usize, Reverse<usize>, usize) {
        let (mut others, mut same, mut faults) = (0, 0, 0);
        if !self.goes_on(from.fields.len().saturating_add(to.fields.len())) {
            return (others, Reverse(same), faults);
        }
        for (name, field) in &to.fields {
            match (from.fields.get(name).map(|own| &own.ty), &field.ty) {
                (Some(Type::String { values: Some(own) }), Type::String { values: Some(words) }) => {
                    if own.is_disjoint(words) { others += 1 } else { same += 1 }
                }
                (Some(own), wanted) => faults += usize::from(matches!(self.ask(own, wanted), Answer::No(_))),
                (None, _) => faults += usize::from(field.required && from.others == Members::Closed),
            }
        }
        if !matches!(to.others, Members::Of(_)) {
            faults += from.fields.keys().filter(|name| !to.fields.contains_key(*name)).count();
        }
        (others, Reverse(same), faults)
    }

    /// Whether no value is of both types, for sure.
    pub(super) fn disjoint(&mut self, a: &Type, b: &Type) -> bool {
        disjoint(&mut |work| self.goes_on(work), a, b)
    }
}

fn records<'t>(of: &[&'t Type]) -> Vec<(&'t Type, &'t RecordType)> {
    let record = |ty: &&'t Type| if let Type::Record(record) = ty { Some((*ty, record)) } else { None };
    of.iter().filter_map(record).collect()
}

/// The words by which all of several records are told apart at a member, and the values that are said of it.
fn tag<'t>(of: &[(&'t Type, &'t RecordType)], name: &str) -> Option<BTreeSet<&'t str>> {
    let mut words = BTreeSet::new();
    for (_, record) in of {
        let Type::String { values: Some(values) } = &record.fields.get(name)?.ty else { return None };
        words.extend(values.iter().map(String::as_str));
    }
    Some(words)
}

impl Question {
    /// A member by which the alternatives are told apart and that has none of their words.
    pub(super) fn unknown_tag(&mut self, from: &Type, of: &[&Type]) -> Option<Counterexample> {
        let Type::Record(own) = from else { return None };
        let alternatives = records(of);
        if alternatives.len() < 2 || !self.goes_on(own.fields.len().saturating_mul(of.len())) {
            return None;
        }
        own.fields.iter().find_map(|(name, field)| {
            let words = tag(&alternatives, name)?;
            let Type::String { values } = &field.ty else { return None };
            let other = match values {
                Some(values) => Some(values.iter().find(|value| !words.contains(value.as_str()))?),
                None => None,
            };
            let shown = Type::strings(words.iter().copied());
            let (why, help) = match other {
                Some(other) => {
                    let words = words.iter().map(|word| (*word).to_owned()).collect();
                    (format!("it is none of `{shown}`"), other_word(other, &words))
                }
                None => (format!("it may be something else than `{shown}`"), None),
            };
            let free = || std::iter::successors(Some("text".to_owned()), |text| Some(format!("{text}_")));
            let text = other.cloned().or_else(|| free().find(|text| !words.contains(text.as_str())))?;
            let Some(Json::Object(mut whole)) = from.witness() else { return None };
            whole.insert(name.clone(), Json::from(text));
            let value = Some(Json::Object(whole));
            Some(Counterexample { value, help, ..Counterexample::unseen(why) }.inside(name))
        })
    }

    /// Says that it is one of several alternatives, and which.
    pub(super) fn of_several(&mut self, found: Counterexample, this: &Type, of: &[&Type]) -> Counterexample {
        let alternatives = records(of);
        let (Type::Record(record), true) = (this, alternatives.len() > 1) else { return found };
        if !self.goes_on(record.fields.len().saturating_mul(of.len())) {
            return found;
        }
        let words = record.fields.iter().find_map(|(name, field)| {
            tag(&alternatives, name)?;
            Some(format!("whose `{name}` is `{}`", field.ty))
        });
        let own = || {
            let others = |name: &&String| {
                !alternatives
                    .iter()
                    .any(|(ty, other)| !std::ptr::eq(*ty, this) && other.fields.contains_key(*name))
            };
            record.fields.keys().find(others).map(|name| format!("that has `{name}`"))
        };
        let which = words.or_else(own).unwrap_or_else(|| "nearest to it".to_owned());
        let alternative =
            Some(format!("it may be one of {}; this is said of the one {which}", alternatives.len()));
        Counterexample { alternative: found.alternative.or(alternative), ..found }
    }
}
