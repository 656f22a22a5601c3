//! What the flow writes itself of a value: the members of its record literals, wherever the value has passed since. One that
//! nothing declares where the value is put is most likely misspelt, also where the schema would take any member. What comes
//! from an input or an answer is not the flow's writing, and may hold more than is declared.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::assign::{Question, UNDECLARED};
use super::mend::misspelt;
use super::{Counterexample, Members, Type};
use crate::source::Span;

/// The members that a flow writes of a value. Of a value that may be one of several, the members of all of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Literal(Option<Arc<Inside>>);

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Inside {
    /// With the place where each is written.
    members: BTreeMap<String, (Span, Literal)>,
    items: Literal,
}

impl Literal {
    /// A record literal.
    pub fn record(members: impl IntoIterator<Item = (String, (Span, Literal))>) -> Literal {
        Literal(Some(Arc::new(Inside { members: members.into_iter().collect(), items: Literal::default() })))
    }

    /// A list with such items.
    pub fn list(items: Literal) -> Literal {
        Literal(items.0.is_some().then(|| Arc::new(Inside { members: BTreeMap::new(), items })))
    }

    /// One value or the other.
    #[must_use]
    pub fn or(self, other: Literal) -> Literal {
        match (self.0, other.0) {
            (Some(one), Some(other)) if Arc::ptr_eq(&one, &other) => Literal(Some(one)),
            (Some(mut one), Some(other)) => {
                let inside = Arc::make_mut(&mut one);
                inside.items = std::mem::take(&mut inside.items).or(other.items.clone());
                for (name, (span, member)) in &other.members {
                    let own =
                        inside.members.entry(name.clone()).or_insert_with(|| (*span, Literal::default()));
                    own.1 = std::mem::take(&mut own.1).or(member.clone());
                }
                Literal(Some(one))
            }
            (one, other) => Literal(one.or(other)),
        }
    }

    /// What is written of a member.
    #[must_use]
    pub fn member(&self, name: &str) -> Literal {
        let member = self.0.as_ref().and_then(|inside| inside.members.get(name));
        member.map(|(_, literal)| literal.clone()).unwrap_or_default()
    }

    /// What is written of the items.
    #[must_use]
    pub fn item(&self) -> Literal {
        self.0.as_ref().map(|inside| inside.items.clone()).unwrap_or_default()
    }

    /// As far as a value of that type can be followed.
    #[must_use]
    pub fn of(self, ty: &Type) -> Literal {
        if matches!(ty, Type::Unknown { .. } | Type::Never) { Literal::default() } else { self }
    }
}

impl Question {
    /// The first member that is written and that nothing declares where it is put.
    pub(super) fn undeclared(
        &mut self,
        from: &[&Type],
        literal: &Literal,
        to: &[&Type],
    ) -> Option<Counterexample> {
        let inside = literal.0.as_ref()?;
        let from: Vec<&Type> = from.iter().flat_map(|ty| apart(ty)).collect();
        let mut to: Vec<&Type> = to.iter().flat_map(|ty| apart(ty)).collect();
        // Nothing is known of what it takes.
        if !self.goes_on(1) || to.iter().any(|ty| matches!(ty, Type::Unknown { .. })) {
            return None;
        }
        let all = to.clone();
        if to.len() > 1 {
            let can_be: Vec<&Type> = to.iter().filter(|ty| !self.excludes(&from, ty)).copied().collect();
            to = match can_be.is_empty() {
                false => can_be,
                true => self.nearest(&from, &to).into_iter().collect(),
            };
        }
        let objects: Vec<&Type> =
            to.iter().filter(|ty| matches!(ty, Type::Record(_) | Type::Map { .. })).copied().collect();
        for (name, (span, member)) in inside.members.iter().filter(|_| !objects.is_empty()) {
            if !self.goes_on(objects.len()) {
                return None;
            }
            let mut declared = Vec::new();
            let mut anything = false;
            for object in &objects {
                match object {
                    Type::Map { of } => declared.push(&**of),
                    Type::Record(record) => match (record.fields.get(name), &record.others) {
                        (Some(field), _) => declared.push(&field.ty),
                        (None, Members::Of(of)) => declared.push(of),
                        // Where nothing is declared, nothing is misspelt.
                        (None, Members::Open) => anything |= record.fields.is_empty(),
                        (None, Members::Closed) => {}
                    },
                    _ => {}
                }
            }
            if anything {
                continue;
            }
            let found = match declared.is_empty() {
                true => {
                    let found = unknown_member(name, inside, &objects);
                    let found = Counterexample { written: Some(*span), ..found };
                    Some(if let [one] = objects.as_slice() {
                        self.of_several(found, one, &all)
                    } else {
                        found
                    })
                }
                false => self.undeclared(&members(&from, name), member, &declared),
            };
            if let Some(found) = found {
                return Some(found.inside(name));
            }
        }
        self.undeclared(&items(&from), &inside.items, &items(&to)).map(|found| found.inside("[]"))
    }

    /// Whether a value that may be of several types is of no value of another, for sure.
    fn excludes(&mut self, from: &[&Type], to: &Type) -> bool {
        !from.is_empty() && from.iter().all(|from| self.disjoint(from, to))
    }
}

/// A member that no record declares, and what may have been meant.
fn unknown_member(name: &str, inside: &Inside, objects: &[&Type]) -> Counterexample {
    let known = objects.iter().flat_map(|ty| match ty {
        Type::Record(record) => record.fields.iter().collect::<Vec<_>>(),
        _ => Vec::new(),
    });
    // By name, and whether one of them demands it.
    let mut free: BTreeMap<&str, bool> = BTreeMap::new();
    for (known, field) in known.filter(|(known, _)| !inside.members.contains_key(*known)) {
        *free.entry(known).or_default() |= field.required;
    }
    Counterexample { help: Some(misspelt(name, &free)), ..Counterexample::unseen(UNDECLARED) }
}

/// The types that a value can be of, each alone.
fn apart(ty: &Type) -> Vec<&Type> {
    match ty {
        Type::Optional { of } => apart(of),
        Type::Union { of } => of.iter().flat_map(apart).collect(),
        Type::Never => Vec::new(),
        one => vec![one],
    }
}

/// The types of a member.
fn members<'t>(of: &[&'t Type], name: &str) -> Vec<&'t Type> {
    let member = |ty: &&'t Type| match *ty {
        Type::Record(record) => record.fields.get(name).map(|field| &field.ty),
        Type::Map { of } => Some(&**of),
        _ => None,
    };
    of.iter().filter_map(member).collect()
}

fn items<'t>(of: &[&'t Type]) -> Vec<&'t Type> {
    of.iter().filter_map(|ty| if let Type::List { of } = ty { Some(&**of) } else { None }).collect()
}

#[cfg(test)]
#[path = "literal_tests.rs"]
pub(super) mod tests;
